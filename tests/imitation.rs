//! Mail in a borrowed name, through the real gateway: the director's name at a free mailbox, a domain that looks like ours or a partner's.

// Real time, and failing loudly, is what these tests are for.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, clippy::disallowed_methods)]

mod common;

use common::{Client, Gateway, Hop, Manner, free_port, wait_for};
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
            "From: {from}\r\nTo: {to}\r\nSubject: A question\r\nDate: Thu, 19 Nov 2026 10:15:00 +0100\r\n\
             Message-ID: <{}@example.org>\r\nMIME-Version: 1.0\r\n\r\n{body}\r\n",
            self.gateway.quarantine(true).len()
        );
        let heard = self.client.send(sender, &[to], mail.as_bytes()).unwrap();
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
