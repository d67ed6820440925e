//! What others see of our own TLS: the MTA-STS policy that the running gateway serves, the records that `sluss tls show` prints, and what
//! `sluss doctor` says when they stand in a signed zone, and when they do not.

use crate::common::{Gateway, free_port, web::ask};
use crate::zone::{Signed, Zones, a, mx, tlsa, txt};
use hickory_resolver::proto::rr::{
    Record,
    rdata::{
        TLSA,
        tlsa::{CertUsage, Matching, Selector},
    },
};
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use serde_json::Value;
use std::{fs, net::Ipv4Addr, path::Path};

/// A certificate for these names with the authority above it, its key, and the authority alone, as PEM files.
fn certificate(folder: &Path, names: &[&str]) {
    let mut wanted = CertificateParams::new(Vec::new()).unwrap();
    wanted.distinguished_name.push(DnType::CommonName, "authority.example");
    wanted.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority_key = KeyPair::generate().unwrap();
    let authority = wanted.self_signed(&authority_key).unwrap();
    let issuer = Issuer::new(wanted, authority_key);
    let names: Vec<String> = names.iter().map(ToString::to_string).collect();
    let key = KeyPair::generate().unwrap();
    let own = CertificateParams::new(names).unwrap().signed_by(&key, &issuer).unwrap();
    fs::write(folder.join("cert.pem"), own.pem() + &authority.pem()).unwrap();
    fs::write(folder.join("key.pem"), key.serialize_pem()).unwrap();
    fs::write(folder.join("list.pem"), authority.pem()).unwrap();
}

fn config(web: u16, more: &str) -> String {
    format!(
        "hostname = \"mx.ours.example\"\n\
         [[listener]]\nname = \"in\"\nbind = \"127.0.0.1:{}\"\ndirection = \"inbound\"\n\
         [[domain]]\nname = \"ours.example\"\nnext-hop = \"maildir:/nowhere\"\nrecipients = \"any\"\n\
         [web]\npublic = \"127.0.0.1:{web}\"\n{more}",
        free_port()
    )
}

fn policy(web: u16, host: &str) -> (u16, String, String) {
    let fields = format!("Host: {host}\r\n");
    let answer = ask(web, "GET", "/.well-known/mta-sts.txt", &fields, "");
    let kind = answer.field("content-type").to_string();
    (answer.code, kind, answer.body)
}

#[test]
fn the_policy_is_there_for_policy_hosts_of_our_domains_alone() {
    let web = free_port();
    let with = |mode: &str| {
        config(
            web,
            &format!(
                "[mta-sts]\nmode = \"{mode}\"\nmx = [\"mx.ours.example\", \"*.ours.example\"]\n"
            ),
        )
    };
    let gateway = Gateway::start(&with("testing"));
    let text = "version: STSv1\r\nmode: testing\r\nmx: mx.ours.example\r\nmx: *.ours.example\r\nmax_age: 604800\r\n";
    for host in ["mta-sts.ours.example", "MTA-STS.ours.example.:443"] {
        let (code, kind, body) = policy(web, host);
        assert_eq!((code, kind.as_str(), body.as_str()), (200, "text/plain; charset=utf-8", text));
    }
    for host in ["ours.example", "mx.ours.example", "mta-sts.other.example", "127.0.0.1"] {
        let (code, _, body) = policy(web, host);
        assert_eq!(code, 404, "{host}");
        assert!(!body.contains("STSv1"), "{host}: {body}");
    }
    // Off is off, without a restart.
    gateway.rewrite_config(&with("off"));
    assert!(gateway.command(&["reload"]).status.success());
    assert_eq!(policy(web, "mta-sts.ours.example").0, 404);
}

struct House {
    gateway: Gateway,
    zones: Zones,
    folder: tempfile::TempDir,
}

impl House {
    fn start() -> House {
        let (zones, folder) = (Zones::start(), tempfile::tempdir().unwrap());
        certificate(folder.path(), &["mx.ours.example", "mta-sts.ours.example"]);
        fs::write(folder.path().join("anchors"), zones.anchor_line()).unwrap();
        let (web, at) = (free_port(), |name: &str| folder.path().join(name));
        let more = format!(
            "public-tls = true\n[mta-sts]\nmode = \"enforce\"\n[reports]\naddresses = [\"tls@ours.example\"]\n\
             [tls]\ncertificate = {:?}\nkey = {:?}\n[dns]\nservers = [\"{}\"]\ntrust-anchors = {:?}\n\
             [outbound]\nmta-sts-port = {web}\nmta-sts-networks = [\"127.0.0.1/32\"]\nmta-sts-authorities = {:?}\n",
            at("cert.pem"),
            at("key.pem"),
            zones.address(),
            at("anchors"),
            at("list.pem"),
        );
        let gateway = Gateway::start_in(folder.path(), &config(web, &more));
        House { gateway, zones, folder }
    }

    fn shown(&self) -> Vec<Value> {
        let out = self.gateway.command(&["tls", "show", "--json"]);
        assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
        lines(&out.stdout)
    }

    /// What the doctor finds, by check, and its exit code.
    fn doctor(&self, words: &[&str]) -> (Vec<Value>, i32) {
        let out = self.gateway.command(&[&["doctor", "--json"], words].concat());
        (lines(&out.stdout), out.status.code().unwrap())
    }
}

fn lines(bytes: &[u8]) -> Vec<Value> {
    String::from_utf8_lossy(bytes).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[track_caller]
fn states(found: &[Value], check: &str) -> Vec<String> {
    let of = found.iter().filter(|finding| finding["check"] == check);
    of.map(|finding| finding["state"].as_str().unwrap().to_string()).collect()
}

#[test]
fn what_is_printed_makes_the_doctor_content() {
    let house = House::start();
    let shown = house.shown();
    let data = |name: &str| {
        let row = shown.iter().find(|row| row["name"] == name);
        row.unwrap_or_else(|| panic!("{name}: {shown:?}"))["data"].as_str().unwrap().to_string()
    };
    let pin = shown.iter().find_map(|row| row["pin"].as_str()).unwrap();
    let digest = data("_25._tcp.mx.ours.example");
    let digest = digest.strip_prefix("3 1 1 ").unwrap();
    assert_eq!(pin, format!("sha256:{digest}"));
    let record = |hex: &str| {
        let data = data_encoding::HEXLOWER.decode(hex.as_bytes()).unwrap();
        TLSA::new(CertUsage::DaneEe, Selector::Spki, Matching::Sha256, data)
    };
    let place = |sts: &str, digest: &str, more: Vec<Record>| {
        let mut records = vec![
            mx("ours.example", "mx.ours.example"),
            a("mx.ours.example", Ipv4Addr::LOCALHOST),
            a("mta-sts.ours.example", Ipv4Addr::LOCALHOST),
            tlsa("mx.ours.example", record(digest)),
            txt("_mta-sts.ours.example", sts),
            txt("_smtp._tls.ours.example", &data("_smtp._tls.ours.example")),
        ];
        records.extend(more);
        house.zones.set("ours.example.", Signed::Yes, records);
    };
    let sts = data("_mta-sts.ours.example");
    let good = vec![
        txt("ours.example", "v=spf1 mx -all"),
        txt("_dmarc.ours.example", "v=DMARC1; p=quarantine"),
    ];
    place(&sts, digest, good);
    let (found, code) = house.doctor(&[]);
    for check in
        ["hostname", "dnssec", "tlsa", "mx", "mta-sts", "tls-rpt", "spf", "dmarc", "listener"]
    {
        assert_eq!(states(&found, check), ["green"], "{check}: {found:?}");
    }
    assert_eq!(states(&found, "certificate"), ["green"; 3], "{found:?}");
    assert_eq!(states(&found, "dkim"), ["yellow"], "no key signs: {found:?}");
    assert_eq!(states(&found, "gateway")[0], "green", "{found:?}");
    assert_eq!(code, 0, "{found:?}");

    // Another key stands in the DNS, and another policy.
    place("v=STSv1; id=1", &"ab".repeat(32), Vec::new());
    let (found, code) = house.doctor(&["--domain", "ours.example"]);
    assert_eq!(states(&found, "tlsa"), ["red"], "{found:?}");
    assert_eq!(states(&found, "mta-sts"), ["yellow"], "{found:?}");
    assert_eq!(states(&found, "spf"), ["yellow"], "{found:?}");
    assert!(found.iter().all(|one| (one["mend"] == "") == (one["state"] == "green")), "{found:?}");
    assert_eq!(code, 1);
    let out = house.gateway.command(&["doctor"]);
    let text = String::from_utf8_lossy(&out.stdout).into_owned();
    assert!(
        text.contains("red      tlsa         _25._tcp.mx.ours.example: none of them fits"),
        "{text}"
    );
    assert!(text.contains("→ put in the one that sluss tls show prints"), "{text}");

    assert_eq!(house.gateway.command(&["doctor", "--domain", "x.example"]).status.code(), Some(2));

    // Nobody is asked, and the certificate is gone.
    fs::remove_file(house.folder.path().join("cert.pem")).unwrap();
    let (found, code) = house.doctor(&["--offline"]);
    assert_eq!((states(&found, "certificate"), code), (vec!["red".to_string()], 1));
    assert!(states(&found, "mx").is_empty(), "{found:?}");
}
