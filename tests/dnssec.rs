//! What DNSSEC proves, against signed and unsigned zones of a real name server in this process.

// Real time, and failing loudly, is what these tests are for.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, clippy::disallowed_methods)]

mod common;
#[path = "common/zone.rs"]
mod zone;

use common::certs::{Cert, Time};
use hickory_resolver::proto::rr::{RData, RecordType};
use sluss::{
    facts::{
        dns::MailHosts,
        dnssec::{Proven, ProvingDns},
    },
    mail::Domain,
    wire::tls::Dnssec,
};
use std::{fs, net::Ipv4Addr};
use zone::{Signed, Zones, a, cname, mx, tlsa, txt};

#[tokio::test]
async fn what_is_signed_is_told_from_what_is_not_and_from_what_should_be() {
    let zones = Zones::start();
    for (origin, signed, of, value) in [
        ("signed.example.", Signed::Yes, "a.signed.example.", "yes"),
        ("plain.example.", Signed::No, "a.plain.example.", "perhaps"),
        ("lost.example.", Signed::Lost, "a.lost.example.", "no"),
    ] {
        zones.set(origin, signed, vec![txt(of, value)]);
    }
    let dns = ProvingDns::from_anchors(&[zones.address()], zones.anchors()).unwrap();
    let ask = async |of: &str| {
        let read = |data: &RData| {
            let RData::TXT(text) = data else { return None };
            Some(String::from_utf8_lossy(&text.txt_data.concat()).into_owned())
        };
        dns.records(of, RecordType::TXT, read).await
    };
    assert_eq!(ask("a.signed.example").await, Proven::Secure(vec!["yes".to_string()]));
    assert_eq!(
        ask("b.signed.example").await,
        Proven::Secure(vec![]),
        "that there is none is proven"
    );
    assert_eq!(ask("a.plain.example").await, Proven::Insecure(vec!["perhaps".to_string()]));
    assert_eq!(ask("a.lost.example").await.word(), "bogus");
    // Another root: nothing that this one says is proven.
    let other = Zones::start();
    let dns = ProvingDns::from_anchors(&[zones.address()], other.anchors()).unwrap();
    let answer = dns.records("a.signed.example", RecordType::TXT, |_| Some(())).await;
    assert_eq!(answer.word(), "bogus");
}

#[tokio::test]
async fn mail_hosts_and_their_names_come_with_their_proof() {
    let zones = Zones::start();
    let here = Ipv4Addr::LOCALHOST;
    let cert = Cert::self_made("mx.signed.example", Time::Now);
    zones.set(
        "signed.example.",
        Signed::Yes,
        vec![
            mx("signed.example", "mx.signed.example"),
            a("mx.signed.example", here),
            tlsa("mx.signed.example", cert.tlsa(3, 1, 1, 0)),
            cname("alias.signed.example", "mx.signed.example"),
            cname("away.signed.example", "mx.plain.example"),
            a("bare.signed.example", here),
        ],
    );
    zones.set(
        "plain.example.",
        Signed::No,
        vec![mx("plain.example", "mx.plain.example"), a("mx.plain.example", here)],
    );
    zones.set("lost.example.", Signed::Lost, vec![mx("lost.example", "mx.lost.example")]);
    // The keys come from a file, as in the configuration.
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("anchors");
    fs::write(&file, zones.anchor_line()).unwrap();
    let dns = ProvingDns::configured(&[zones.address()], Some(&file)).unwrap();
    let domain = |text: &str| Domain::parse(text).unwrap();
    for (of, host, want) in [
        ("signed.example", Some("mx.signed.example"), Dnssec::Secure),
        ("plain.example", Some("mx.plain.example"), Dnssec::Insecure),
        // Without MX it is its own mail host; that there is none is proven.
        ("bare.signed.example", Some("bare.signed.example"), Dnssec::Secure),
        ("lost.example", None, Dnssec::Bogus),
    ] {
        let (hosts, dnssec) = dns.mail_hosts(&domain(of)).await;
        let found =
            if let MailHosts::Hosts(hosts) = &hosts { Some(hosts[0].1.as_str()) } else { None };
        assert_eq!((found, dnssec), (host, want), "{of}: {hosts:?}");
    }
    let (hosts, dnssec) = dns.mail_hosts(&domain("none.signed.example")).await;
    assert_eq!((hosts, dnssec), (MailHosts::NoSuchDomain, Dnssec::Secure));
    for (of, dnssec, bases) in [
        ("mx.signed.example", Dnssec::Secure, &["mx.signed.example"][..]),
        ("mx.plain.example", Dnssec::Insecure, &[]),
        ("alias.signed.example", Dnssec::Secure, &["mx.signed.example", "alias.signed.example"]),
        // Its end is not signed: records would prove nothing of who answers there.
        ("away.signed.example", Dnssec::Insecure, &[]),
    ] {
        let at = dns.host(&domain(of)).await;
        let names: Vec<&str> = at.bases.iter().map(Domain::as_str).collect();
        assert_eq!((at.dnssec, &names[..]), (dnssec, bases), "{of}: {at:?}");
        assert_eq!(at.addresses, [here], "{of}");
    }
    assert_eq!(dns.host(&domain("mx.lost.example")).await.dnssec, Dnssec::Bogus);
    let Proven::Secure(records) = dns.tlsa(&domain("mx.signed.example")).await else {
        panic!("no records")
    };
    assert_eq!((records[0].usage, records[0].data.len()), (3, 32));
    assert_eq!(dns.tlsa(&domain("bare.signed.example")).await, Proven::Secure(vec![]));
    // A file without keys is told by its name.
    fs::write(&file, "\n").unwrap();
    let error = ProvingDns::configured(&[zones.address()], Some(&file)).unwrap_err();
    assert!(error.contains("no DNSKEY in it"), "{error}");
}
