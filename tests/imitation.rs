//! Mail in a borrowed name, through the real gateway: the director's name at a free mailbox, a domain that looks like ours or a partner's.

// Real time, and failing loudly, is what these tests are for.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, clippy::disallowed_methods)]

mod common;

use common::{Client, Gateway, Hop, Manner, NOW, Names, Said, free_port, wait_for};
use serde_json::{Value, json};
use std::{fs, path::Path};

/// Firm has a director, a partner and a list of its people; Club has none of these.
fn config(port: u16, hop: u16, people: &Path) -> String {
    let people = people.display();
    format!(
        "hostname = \"mx.host.example\"\n\
         [[listener]]\nname = \"in\"\nbind = \"127.0.0.1:{port}\"\ndirection = \"inbound\"\n\
         [[organisation]]\nname = \"firm\"\nprotected-domains = [\"partners.example\"]\n\
         vips = [{{ name = \"Anna Andersson\", addresses = [\"anna.private@gmail.com\"] }}]\n\
         [[organisation]]\nname = \"club\"\n\
         [[domain]]\nname = \"firma.example\"\norganisation = \"firm\"\nnext-hop = \"smtp://127.0.0.1:{hop}\"\nrecipients = \"{people}\"\n\
         [[domain]]\nname = \"club.example\"\norganisation = \"club\"\nnext-hop = \"smtp://127.0.0.1:{hop}\"\nrecipients = \"any\"\n"
    )
}

struct Scene {
    gateway: Gateway,
    client: Client,
}

impl Scene {
    /// Sends a mail and gives how it ended, and what was found that is of this test.
    fn send(&mut self, from: &str, to: &str, body: &str) -> (String, Vec<String>) {
        let sender = from.rsplit_once('<').map_or(from, |(_, rest)| rest.trim_end_matches('>'));
        let mail = format!(
            "From: {from}\r\nTo: {to}\r\nSubject: A question\r\nDate: {NOW}\r\n\
             Message-ID: <{}@example.org>\r\nMIME-Version: 1.0\r\n\r\n{body}\r\n",
            self.gateway.quarantine(true).len()
        );
        let recipients: Vec<&str> = to.split(", ").collect();
        let heard = self.client.send(sender, &recipients, mail.as_bytes()).unwrap();
        let id = heard.id().unwrap();
        let row = wait_for("the trace", || {
            let rows = self.gateway.ask(&json!({ "command": "trace", "id": id })).ok()?;
            rows.as_array()?.first().cloned()
        });
        let found = row["findings"].as_array().into_iter().flatten();
        let ids = found.filter_map(|finding| finding["id"].as_str().map(str::to_string));
        let ours = ["from.vip_elsewhere", "from.colleague_elsewhere", "lookalike.", "money."];
        let ids = ids.filter(|id| ours.iter().any(|own| id.starts_with(own))).collect();
        (row["action"].as_str().unwrap_or_else(|| panic!("{row}")).to_string(), ids)
    }
}

#[test]
fn borrowed_names_are_found_for_whom_they_were_borrowed_from() {
    let folder = tempfile::tempdir().unwrap();
    let people = folder.path().join("people.txt");
    fs::write(&people, "anna@firma.example\nbo.berg@firma.example\nkarin@firma.example\n").unwrap();
    let (hop, port) = (Hop::start(Manner::default()), free_port());
    let gateway = Gateway::start(&config(port, hop.port(), &people));
    let mut scene = Scene { gateway, client: Client::hello(port) };
    let (firm, club) = ("karin@firma.example", "karin@club.example");
    let both = "karin@club.example, karin@firma.example";
    let errand = "Are you at your desk? I need you to make an urgent wire transfer today.";
    for (from, to, body, action, want) in [
        ("Anna Andersson <anna.private@gmail.com>", firm, "Hi", "deliver", &[][..]),
        ("Anna Andersson <anna@example.org>", club, "Hi", "deliver", &[]),
        ("Anna Andersson <anna@example.org>", firm, "Hi", "deliver", &["from.vip_elsewhere"]),
        (
            "\"Andersson, Anna (CEO)\" <office.mail@gmail.com>",
            firm,
            errand,
            "quarantine",
            &["from.vip_elsewhere", "money.false_name"],
        ),
        // Another organisation among the recipients is no cover.
        ("Anna Andersson <anna@example.org>", both, "Hi", "deliver", &["from.vip_elsewhere"]),
        ("Bo <bo@f1rma.example>", both, "Hi", "deliver", &["lookalike.letters"]),
        ("Bo Berg <bosse77@gmail.com>", firm, "Hi", "deliver", &["from.colleague_elsewhere"]),
        ("Bo <bo@f1rma.example>", firm, "Hi", "deliver", &["lookalike.letters"]),
        ("Bo <bo@f1rma.example>", club, "Hi", "deliver", &[]),
        (
            "Bo <bo@f1rma.example>",
            firm,
            errand,
            "quarantine",
            &["lookalike.letters", "money.false_name"],
        ),
        ("Eva <eva@partners-support.example>", firm, "Hi", "deliver", &["lookalike.words"]),
        ("Eva <eva@partners.example>", firm, "Hi", "deliver", &[]),
        (
            "Eva <eva@example.org>",
            firm,
            "See https://firma.example.login.example/x",
            "deliver",
            &["lookalike.in_front"],
        ),
    ] {
        let (done, ids) = scene.send(from, to, body);
        assert_eq!(
            (done.as_str(), ids.iter().map(String::as_str).collect::<Vec<_>>()),
            (action, want.to_vec()),
            "{from} to {to}"
        );
    }
    let held: Vec<Value> = scene.gateway.quarantine(false);
    assert_eq!(held.len(), 2, "{held:?}");
}

/// What the trace says was found in a mail that is sent so.
fn found(gateway: &Gateway, port: u16, from: &str, to: &str, body: &str) -> Vec<String> {
    let mail = format!(
        "From: {from}\r\nTo: {to}\r\nSubject: A question\r\nDate: {NOW}\r\n\
         Message-ID: <q@{from}>\r\nMIME-Version: 1.0\r\n\r\n{body}\r\n"
    );
    let heard = Client::hello(port).send(from, &[to], mail.as_bytes()).unwrap();
    let id = heard.id().unwrap();
    let row = wait_for("the trace", || {
        let rows = gateway.ask(&json!({ "command": "trace", "id": id })).ok()?;
        rows.as_array()?.first().cloned()
    });
    let found = row["findings"].as_array().into_iter().flatten();
    found.filter_map(|finding| finding["id"].as_str().map(str::to_string)).collect()
}

#[test]
fn whom_we_write_to_is_no_stranger_and_no_look_alike() {
    let (hop, names) = (Hop::start(Manner::default()), Names::start());
    names.say("f1rma.example", Said::Txt("v=spf1 ip4:127.0.0.1 -all"));
    let (inbound, outbound) = (free_port(), free_port());
    let next = hop.port();
    let gateway = Gateway::start(&format!(
        "hostname = \"mx.host.example\"\n\
         [[listener]]\nname = \"in\"\nbind = \"127.0.0.1:{inbound}\"\ndirection = \"inbound\"\n\
         [[listener]]\nname = \"out\"\nbind = \"127.0.0.1:{outbound}\"\ndirection = \"outbound\"\n\
         [[domain]]\nname = \"firma.example\"\nnext-hop = \"smtp://127.0.0.1:{next}\"\nrecipients = \"any\"\n\
         [outbound]\nnetworks = [\"127.0.0.1/32\"]\nsmarthost = \"smtp://127.0.0.1:{next}\"\ntls = \"off\"\n\
         [dns]\nservers = [\"127.0.0.1:{}\"]\n",
        names.port()
    ));
    let (eva, karin) = ("eva@f1rma.example", "karin@firma.example");
    let invoice = "Our records show that invoice 1042 is overdue.";
    let has = |found: &[String], id: &str| found.iter().any(|one| one == id);
    let first = found(&gateway, inbound, eva, karin, invoice);
    assert!(has(&first, "lookalike.letters") && has(&first, "money.false_name"), "{first:?}");
    let world = found(&gateway, inbound, "eva@far.example", karin, invoice);
    assert!(has(&world, "money.first_contact") && !has(&world, "lookalike.letters"), "{world:?}");
    found(&gateway, outbound, karin, eva, "Which invoice?");
    // What was learned is written a moment later.
    wait_for("an honest neighbour", || {
        let after = found(&gateway, inbound, eva, karin, invoice);
        let quiet =
            !after.iter().any(|id| id.starts_with("lookalike.") || id.starts_with("money."));
        quiet.then_some(())
    });
}
