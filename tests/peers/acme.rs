//! A certificate by ACME from Pebble, the test authority of Let's Encrypt, which refuses a tenth of all nonces and looks at our names itself.

use crate::{
    certs::{Authority, Time},
    client::Client,
    gateway::{Gateway, Options},
    place::{self, Server},
    ports::free_port,
    zone::{Signed, Zones, a},
};
use rustls::{ClientConnection, pki_types::ServerName};
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::{
    fs,
    io::{Read, Write},
    net::{Ipv4Addr, TcpStream},
    path::Path,
};

/// A Pebble that looks at port `http` of our names, and wants to know whose customer an account is.
struct Pebble {
    server: Server,
    port: u16,
}

const CUSTOMER: &str = "kid-1";
const CUSTOMERS_KEY: &str = "zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W";

impl Pebble {
    fn start(folder: &Path, authority: &Authority, zones: &Zones, http: u16) -> Pebble {
        let (chain, key) = authority.sign("ca.example", Time::Now).pem();
        let at = |name: &str| folder.join(name);
        fs::write(at("ca.pem"), chain).unwrap();
        fs::write(at("ca.key"), key).unwrap();
        let port = free_port();
        let config = serde_json::json!({"pebble": {
            "listenAddress": format!("127.0.0.1:{port}"),
            "managementListenAddress": format!("127.0.0.1:{}", free_port()),
            "certificate": at("ca.pem"),
            "privateKey": at("ca.key"),
            "httpPort": http,
            "tlsPort": 1,
            "ocspResponderURL": "",
            "externalAccountBindingRequired": true,
            "externalAccountMACKeys": {CUSTOMER: CUSTOMERS_KEY},
        }});
        fs::write(at("pebble.json"), config.to_string()).unwrap();
        let mut pebble = Pebble { server: launch(folder, zones), port };
        pebble.wait();
        pebble
    }

    fn wait(&mut self) {
        let Pebble { server, port } = self;
        place::wait_for("Pebble to listen", 30, || {
            assert!(!server.ended(), "Pebble ended: {}", server.printed());
            TcpStream::connect(("127.0.0.1", *port)).ok()
        });
    }

    fn issued(&self) -> usize {
        let printed = self.server.printed();
        printed.lines().filter(|line| line.contains("Issued certificate serial")).count()
    }
}

fn launch(folder: &Path, zones: &Zones) -> Server {
    let (config, dns) = (folder.join("pebble.json"), zones.address().to_string());
    let arguments = [
        "PEBBLE_VA_NOSLEEP=1",
        "PEBBLE_WFE_NONCEREJECT=10",
        "PEBBLE_AUTHZREUSE=0",
        "pebble",
        "-strict",
        "-config",
        config.to_str().unwrap(),
        "-dnsserver",
        &dns,
    ];
    Server::start(Path::new("/usr/bin/env"), &arguments, &folder.join("pebble.out"))
}

/// The certificate that a listener shows, and its SHA-256.
fn shown(port: u16) -> (Vec<u8>, String) {
    let client = sluss::edge::tls::fresh_client().unwrap();
    let name = ServerName::try_from("mx.ours.example").unwrap();
    let mut session = ClientConnection::new(client, name).unwrap();
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    while session.is_handshaking() {
        session.complete_io(&mut stream).unwrap();
    }
    let leaf = session.peer_certificates().unwrap()[0].to_vec();
    let digest = data_encoding::HEXLOWER.encode(&Sha256::digest(&leaf));
    (leaf, digest)
}

/// Does it bear the name? The bytes of a name stand in it as they are.
fn bears(certificate: &[u8], name: &str) -> bool {
    certificate.windows(name.len()).any(|part| part == name.as_bytes())
}

fn web(port: u16, request: &str) -> String {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream
        .write_all(
            format!("{request}\r\nHost: mx.ours.example\r\nConnection: close\r\n\r\n").as_bytes(),
        )
        .unwrap();
    let mut said = String::new();
    stream.read_to_string(&mut said).unwrap();
    said
}

fn tlsa(gateway: &Gateway) -> Vec<String> {
    let records = gateway.command(&["tls", "show", "--json"]);
    let records = records.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let data = records.filter(|record| record["kind"] == "TLSA").map(|record| {
        assert_eq!(record["name"], "_25._tcp.mx.ours.example");
        record["data"].as_str().unwrap().to_string()
    });
    data.collect()
}

fn deviations(gateway: &Gateway) -> String {
    let status: Value = serde_json::from_str(&gateway.command(&["status", "--json"])).unwrap();
    status["deviations"].to_string()
}

#[test]
fn a_certificate_is_got_renewed_and_kept_while_mail_goes_on() {
    let folder = place::folder();
    let zones = Zones::start();
    let here = |name: &str| a(name, Ipv4Addr::LOCALHOST);
    zones.set("ca.example.", Signed::No, vec![here("ca.example")]);
    zones.set("ours.example.", Signed::No, vec![here("mx.ours.example")]);
    let authority = Authority::new();
    let list = folder.path().join("list.pem");
    fs::write(&list, authority.pem()).unwrap();
    let key = folder.path().join("customer.key");
    fs::write(&key, format!("{CUSTOMERS_KEY}\n")).unwrap();
    let (http, public) = (free_port(), free_port());
    let mut pebble = Pebble::start(folder.path(), &authority, &zones, http);
    let more = format!(
        "[dns]\nservers = [\"{}\"]\n[web]\npublic = \"127.0.0.1:{public}\"\npublic-url = \"https://post.ours.example\"\n\
         [tls.acme]\ndirectory = \"https://ca.example:{}/dir\"\nterms-agreed = true\ncontacts = [\"postmaster@ours.example\"]\n\
         names = [\"mx.ours.example\"]\nhttp = \"127.0.0.1:{http}\"\nauthorities = {list:?}\n\
         external-account = {{ id = \"{CUSTOMER}\", key-file = {key:?} }}\n",
        zones.address(),
        pebble.port,
    );
    let gateway = Gateway::start(folder.path(), &Options { more: &more, ..Options::before(1) });
    // Somebody who is in a session all the while.
    let (mut patient, _) = Client::hello(gateway.inbound);

    let first = place::wait_for("the first certificate", 60, || {
        let (certificate, digest) = shown(gateway.implicit);
        (pebble.issued() == 1 && bears(&certificate, "Pebble Intermediate")).then_some(digest)
    });
    let records = tlsa(&gateway);
    assert_eq!(records.len(), 2, "the key in use and the next one: {records:?}");
    assert!(!deviations(&gateway).contains("certificate"), "{}", deviations(&gateway));
    let audit = gateway.command(&["audit", "list", "--json"]);
    assert!(audit.contains("certificate-renewed") && audit.contains(&first), "{audit}");

    // Port 80 is for the authority; browsers go where it is encrypted.
    let said = web(http, "GET /p/abc?x=1 HTTP/1.1");
    assert!(said.starts_with("HTTP/1.1 308"), "{said}");
    assert!(said.contains("location: https://post.ours.example/p/abc?x=1\r\n"), "{said}");
    for request in [
        "GET /.well-known/acme-challenge/none HTTP/1.1",
        "POST /p/abc HTTP/1.1\r\nContent-Length: 0",
    ] {
        for port in [http, public] {
            let said = web(port, request);
            assert!(said.starts_with("HTTP/1.1 40"), "{port} {request}: {said}");
        }
    }

    // The same key, so that TLSA records stay right; then the one that was announced.
    let renewed: Value =
        serde_json::from_str(&gateway.command(&["tls", "renew", "--json"])).unwrap();
    assert_ne!(renewed["fingerprint"], first.as_str());
    assert_eq!(shown(gateway.implicit).1, renewed["fingerprint"].as_str().unwrap());
    assert_eq!(tlsa(&gateway), records);
    let said = gateway.command(&["tls", "renew", "--next-key"]);
    assert!(said.contains("a new certificate is in use, until 20"), "{said}");
    let turned = tlsa(&gateway);
    assert_eq!(turned[0], records[1], "the key whose record was published");
    assert!(!records.contains(&turned[1]), "and another one comes next");

    // A name that leads nowhere: the reason is said, and what there is stays.
    let before = shown(gateway.implicit).1;
    gateway.rewrite(
        "names = [\"mx.ours.example\"]",
        "names = [\"mx.ours.example\", \"mail.ours.example\"]",
    );
    gateway.command(&["reload"]);
    let why = gateway.fails(&["tls", "renew"]);
    assert!(
        why.contains("did not find our answer at port 80") && why.contains("mail.ours.example"),
        "{why}"
    );
    let told = deviations(&gateway);
    assert!(
        told.contains("no new certificate by ACME") && told.contains("tried again at"),
        "{told}"
    );
    assert_eq!(shown(gateway.implicit).1, before);
    zones.set(
        "ours.example.",
        Signed::No,
        vec![here("mx.ours.example"), here("mail.ours.example")],
    );
    place::wait_for("the name to be known", 30, || {
        std::thread::sleep(std::time::Duration::from_millis(1_200));
        let output = gateway.tries(&["tls", "renew"]);
        output.status.success().then_some(())
    });
    let (certificate, both) = shown(gateway.implicit);
    assert!(bears(&certificate, "mail.ours.example"));
    assert!(!deviations(&gateway).contains("ACME"), "{}", deviations(&gateway));

    // The authority is away: nothing changes, not even over a restart.
    pebble.server.end();
    let why = gateway.fails(&["tls", "renew"]);
    assert!(why.contains("127.0.0.1:") && why.contains("refused"), "{why}");
    assert!(patient.say("NOOP").starts_with("250"), "sessions go on");
    let issued = pebble.issued();
    let gateway = gateway.restarted();
    assert_eq!(shown(gateway.implicit).1, both);
    pebble.server = launch(folder.path(), &zones);
    pebble.wait();
    assert_eq!(pebble.issued(), issued, "it is good for years and nobody asked");
    // It has forgotten our account; ours makes another.
    place::wait_for("another account", 30, || {
        gateway.tries(&["tls", "renew"]).status.success().then_some(())
    });
    assert_ne!(shown(gateway.implicit).1, both);
    gateway.stop();
}
