//! A real Postfix with every kind of certificate, under every policy: what goes there, under whose word, and what waits.

use crate::{
    certs::{Authority, Cert, Time},
    client::Client,
    gateway::{Gateway, Options},
    place,
    postfix::{self, Postfix},
    sample,
    zone::{Signed, Zones, a, mx, tlsa},
};
use std::{fs, net::Ipv4Addr};

/// What becomes of a mail to this domain: who vouched for the server, or why it waits.
fn fate(gateway: &Gateway, to: &str) -> String {
    let (mut client, _) = Client::hello(gateway.outbound);
    let said = client.mail(
        "anna@ours.example",
        to,
        &sample::mail("anna@ours.example", to, "vouched", "hello"),
    );
    assert!(said.starts_with("250"), "{said}");
    let id = said.split("(id ").nth(1).unwrap().split(')').next().unwrap().to_string();
    place::wait_for(&format!("word of {to}"), 40, || {
        let story = gateway.story(&id)?;
        let row = story[0]["recipients"].as_array()?.last()?.clone();
        match row["status"].as_str()? {
            "delivered" => {
                assert!(row["channel"]["secured"]["tls"].is_object(), "{row}");
                Some(row["channel"]["vouch"].as_str()?.to_string())
            }
            "unproven" => Some(format!("waits: {}", row["said"].as_str()?)),
            _ => None,
        }
    })
}

#[test]
fn a_postfix_is_believed_for_what_it_shows_under_each_policy() {
    let folder = place::folder();
    let home = Postfix::start(folder.path(), &postfix::Options::behind());
    let domains = ["plain.example", "match.example", "broken.example", "partner.example"];
    let more = format!(
        // It ends an idle connection soon, so no mail goes over one that showed the certificate before.
        "virtual_mailbox_domains = {}\nvirtual_mailbox_maps = static:eva/\nsmtpd_timeout = 1s\n",
        domains.join(" ")
    );
    let world = Postfix::start(
        folder.path(),
        &postfix::Options { name: "world", tls: true, more: &more, ..Default::default() },
    );
    let authority = Authority::new();
    let file = folder.path().join("authority.pem");
    fs::write(&file, authority.pem()).unwrap();
    let zones = Zones::start();
    let anchors = folder.path().join("anchors");
    fs::write(&anchors, zones.anchor_line()).unwrap();
    let host = "mx.world.example";
    let records = |name: &str| vec![mx(name, host)];
    for name in domains {
        zones.set(&format!("{name}."), Signed::Yes, records(name));
    }
    zones.set("plain.example.", Signed::No, records("plain.example"));
    zones.set("partner.example.", Signed::No, records("partner.example"));
    let elsewhere = "mx.broken.example";
    zones.set(
        "broken.example.",
        Signed::Yes,
        vec![
            mx("broken.example", elsewhere),
            a(elsewhere, Ipv4Addr::LOCALHOST),
            tlsa(elsewhere, authority.sign("another.example", Time::Now).tlsa(3, 1, 1, 0)),
        ],
    );
    let outbound =
        format!("mx-port = {}\nmta-sts = \"off\"\nmta-sts-authorities = {file:?}\n", world.port);
    let more = format!(
        "rest-first = \"0 s\"\n[dns]\nservers = [\"{}\"]\ntrust-anchors = {anchors:?}\n\
         [[partner]]\ndomain = \"partner.example\"\ntls = \"verified\"\nauthorities = {file:?}\nhosts = [\"{host}\"]\n",
        zones.address(),
    );
    let gateway = Gateway::start(
        folder.path(),
        &Options { outbound: &outbound, more: &more, ..Options::before(home.port) },
    );
    let good = authority.sign(host, Time::Now);
    for (what, cert, plain, partner) in [
        ("good", good, "pki", "partner"),
        (
            "expired",
            authority.sign(host, Time::Over),
            "nobody",
            "waits: the server's certificate has expired",
        ),
        (
            "self-made",
            Cert::self_made(host, Time::Now),
            "nobody",
            "waits: the server's certificate",
        ),
        (
            "of another name",
            authority.sign("mx.elsewhere.example", Time::Now),
            "nobody",
            "waits: the server's certificate bears another name",
        ),
    ] {
        world.show(&cert.pem());
        // The host is in a zone of its own; its record speaks of this certificate, and of the one before, as while keys change.
        let speaks = vec![a(host, Ipv4Addr::LOCALHOST), tlsa(host, cert.tlsa(3, 1, 1, 0))];
        zones.set("world.example.", Signed::Yes, speaks);
        std::thread::sleep(std::time::Duration::from_millis(2_500));
        for (domain, want) in [
            ("plain.example", plain),
            ("match.example", "dane"),
            (
                "broken.example",
                "waits: the server's certificate fits none of the domain's TLSA records",
            ),
            ("partner.example", partner),
        ] {
            let fate = fate(&gateway, &format!("eva@{domain}"));
            assert!(fate.starts_with(want), "{what}, {domain}: {fate}");
        }
    }
    gateway.stop();
}
