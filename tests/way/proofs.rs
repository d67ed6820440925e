//! Proofs of the way of mail through the running gateway: what they say, how they are sealed, and that anybody can verify a sheet.

use crate::common::{
    Client, Gateway, Hop, HopTls, Manner, Names, Said, binary,
    certs::{Cert, Time},
    free_port, mail, wait_for,
};
use serde_json::Value;
use std::{net::Ipv4Addr, path::Path, process::Output};

/// A published test number of the Swedish tax agency.
const PERSONAL: &str = "\r\nPersonnummer: 19900102-9819\r\n";

struct House {
    gateway: Gateway,
    inbound: u16,
    outbound: u16,
    hop: Hop,
    _own: Hop,
    _names: Names,
    folder: tempfile::TempDir,
    config: String,
}

impl House {
    fn start() -> House {
        let cert = Cert::self_made("mx.region.example", Time::Now);
        let pin = data_encoding::HEXLOWER.encode(&cert.tlsa(3, 1, 1, 0).cert_data);
        let hop = Hop::start(Manner { tls: HopTls::With(cert), ..Manner::default() });
        let own = Hop::start(Manner::default());
        let names = Names::start();
        for (name, host) in
            [("region.example", "mx.region.example"), ("plain.example", "mx.plain.example")]
        {
            names.say(name, Said::Mx(vec![(10, host)]));
            names.say(host, Said::A(Ipv4Addr::LOCALHOST));
        }
        let (inbound, outbound) = (free_port(), free_port());
        let config = format!(
            "hostname = \"mx.ours.example\"\n\
             [[listener]]\nname = \"in\"\nbind = \"127.0.0.1:{inbound}\"\ndirection = \"inbound\"\n\
             [[listener]]\nname = \"out\"\nbind = \"127.0.0.1:{outbound}\"\ndirection = \"outbound\"\n\
             [[domain]]\nname = \"ours.example\"\nnext-hop = \"smtp://127.0.0.1:{}\"\nrecipients = \"any\"\n\
             [dns]\nservers = [\"127.0.0.1:{}\"]\n\
             [outbound]\nnetworks = [\"127.0.0.0/8\"]\ndane = \"off\"\nmx-port = {}\n\
             [[partner]]\ndomain = \"region.example\"\ntls = \"verified\"\ncertificate = [\"sha256:{pin}\"]\n",
            own.port(),
            names.port(),
            hop.port(),
        );
        let folder = tempfile::tempdir().unwrap();
        let gateway = Gateway::start_in(folder.path(), &config);
        House { gateway, inbound, outbound, hop, _own: own, _names: names, folder, config }
    }

    #[track_caller]
    fn send(&self, port: u16, from: &str, to: &[&str], end: &str) -> String {
        let text =
            mail("way").replace("Karin Berg <karin@example.org>", &format!("Anna <{from}>")) + end;
        let heard = Client::hello(port).send(from, to, text.as_bytes()).unwrap();
        let last = heard.last().to_string();
        assert!(last.starts_with("250 "), "{last}");
        heard.id().unwrap()
    }

    /// The sheets of a mail, once there are so many.
    #[track_caller]
    fn sheets(&self, id: &str, count: usize) -> Vec<Value> {
        wait_for("the proofs", || {
            let out = self.gateway.command(&["proof", id, "--json"]);
            let found: Vec<Value> = serde_json::from_slice(&out.stdout).ok()?;
            (found.len() == count).then_some(found)
        })
    }
}

/// As somebody who has nothing of the gateway.
fn verify(file: &Path, more: &[&str]) -> Output {
    binary().args(["proof", "verify"]).arg(file).args(more).output().unwrap()
}

fn words(out: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr))
}

#[test]
fn each_delivery_has_a_proof_that_anybody_can_verify_and_nobody_can_change() {
    let house = House::start();
    let id = house.send(
        house.outbound,
        "anna@ours.example",
        &["a@region.example", "b@plain.example"],
        PERSONAL,
    );
    let sheets = house.sheets(&id, 2);
    let of = |domain: &str| {
        sheets
            .iter()
            .find(|sheet| sheet["proof"]["recipients"][0].as_str().unwrap().ends_with(domain))
            .unwrap()
    };
    // One for each destination, and nobody reads in one who else got the mail.
    let proof = &of("region.example")["proof"];
    assert_eq!(proof["recipients"], serde_json::json!(["a@region.example"]));
    for (at, want) in [
        ("/event", "delivered"),
        ("/direction", "outbound"),
        ("/sender", "anna@ours.example"),
        ("/gateway", "mx.ours.example"),
        ("/went/to", "mail_host"),
        ("/went/server", "mx.region.example"),
        ("/went/address", "127.0.0.1"),
        ("/went/channel/vouch", "partner"),
        ("/went/channel/policy", "partner"),
    ] {
        assert_eq!(proof.pointer(at).unwrap(), want, "{at}: {proof}");
    }
    assert_eq!(proof["personal_data"], "found");
    assert_eq!(proof["went"]["channel"]["secured"]["tls"]["chain"].as_array().unwrap().len(), 1);
    assert!(proof["went"]["reply"].as_str().unwrap().starts_with("250"), "{proof}");
    assert!(proof["message_id"].as_str().unwrap().contains('@'), "{proof}");
    assert_eq!(of("plain.example")["proof"]["went"]["channel"]["vouch"], "nobody");

    wait_for("the trace", || {
        let out = house.gateway.command(&["trace", "show", &id]);
        words(&out).contains("proven by the partner's terms").then_some(())
    });

    // Somewhere else, with nothing but the sheet and the key's name.
    let out = house.gateway.command(&["keys", "signing"]);
    let said = String::from_utf8(out.stderr).unwrap();
    let key = said.trim();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("sheet.json");
    std::fs::write(&file, serde_json::to_string(&sheets).unwrap()).unwrap();
    let out = verify(&file, &["--key", key]);
    assert!(out.status.success(), "{}", words(&out));
    assert!(words(&out).contains("proven by the partner's terms"), "{}", words(&out));
    let out = verify(&file, &["--key", &"00".repeat(32)]);
    assert_eq!(out.status.code(), Some(1), "{}", words(&out));
    // The audit log has the root, and is whole.
    let export = house.gateway.command(&["audit", "export"]);
    let log = folder.path().join("audit.jsonl");
    std::fs::write(&log, &export.stdout).unwrap();
    let out = verify(&file, &["--key", key, "--log", log.to_str().unwrap()]);
    assert!(out.status.success(), "{}", words(&out));
    assert!(house.gateway.command(&["audit", "verify"]).status.success());
    let empty = folder.path().join("empty.jsonl");
    std::fs::write(&empty, "").unwrap();
    let out = verify(&file, &["--log", empty.to_str().unwrap()]);
    assert!(
        !out.status.success() && words(&out).contains("the root stands in no record"),
        "{}",
        words(&out)
    );
    // What somebody writes into it shows.
    let mut forged = sheets[0].clone();
    forged["proof"]["went"]["channel"]["vouch"] = "dane".into();
    std::fs::write(&file, forged.to_string()).unwrap();
    let out = verify(&file, &["--key", key]);
    assert!(
        !out.status.success() && words(&out).contains("the sheet was changed"),
        "{}",
        words(&out)
    );
    std::fs::write(&file, "{\"hello\": 1}").unwrap();
    assert_eq!(verify(&file, &[]).status.code(), Some(2));
    house.gateway.stop();
}

#[test]
fn what_comes_has_a_proof_and_they_outlive_a_restart() {
    let house = House::start();
    let id = house.send(house.inbound, "kim@far.example", &["anna@ours.example"], "");
    let proof = house.sheets(&id, 1).remove(0)["proof"].clone();
    assert_eq!(
        (&proof["direction"], &proof["event"]),
        (&"inbound".into(), &"delivered".into()),
        "{proof}"
    );
    assert_eq!(proof["came"]["address"], "127.0.0.1");
    assert!(proof["came"].get("tls").is_none(), "it came in clear: {proof}");
    assert_eq!(proof["went"]["to"], "own_server");
    assert_eq!(proof["personal_data"], "not_found");
    // Over TLS.
    let mut client = Client::hello(house.inbound);
    client.ask("STARTTLS").unwrap();
    client.handshake().unwrap();
    client.ask("EHLO far.example").unwrap();
    let heard =
        client.send("kim@far.example", &["anna@ours.example"], mail("tls").as_bytes()).unwrap();
    let id = heard.id().unwrap();
    let before = house.sheets(&id, 1);
    assert_eq!(before[0]["proof"]["came"]["tls"]["version"], "TLSv1.3", "{before:?}");
    house.gateway.stop();
    let gateway = Gateway::start_in(house.folder.path(), &house.config);
    let out = gateway.command(&["proof", &id, "--json"]);
    let after: Vec<Value> = serde_json::from_slice(&out.stdout).unwrap();
    assert_eq!(after, before);
    // In words.
    let out = gateway.command(&["proof", &id]);
    let text = words(&out);
    assert!(text.contains("Delivered to a server behind this gateway"), "{text}");
    let out = gateway.command(&["proof", "01K9ZQ4T6X8M4V0R2S5W7Y9ABC"]);
    assert!(!out.status.success() && words(&out).contains("in the proofs"), "{}", words(&out));
    drop(house.hop);
    gateway.stop();
}
