//! Looking into a held mail with the real program: the locked room makes the view, and the command shows it.

// Real time, and failing loudly, is what these tests are for.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, clippy::disallowed_methods)]
#![allow(clippy::print_stdout)] // How long the views took.

mod common;

use common::{Client, Gateway, Hop, Manner, eicar, free_port};
use serde_json::{Value, json};
use std::{fs, path::PathBuf, time::Instant};

struct House {
    gateway: Gateway,
    folder: tempfile::TempDir,
    _hop: Hop,
    port: u16,
}

impl House {
    fn start() -> House {
        let hop = Hop::start(Manner::default());
        let port = free_port();
        let gateway = Gateway::start(&format!(
            "hostname = \"mx.ours.example\"\n\
             [[listener]]\nname = \"in\"\nbind = \"127.0.0.1:{port}\"\ndirection = \"inbound\"\n\
             [[domain]]\nname = \"ours.example\"\nnext-hop = \"smtp://127.0.0.1:{}\"\nrecipients = \"any\"\n\
             [policy.actions]\nvirus = \"quarantine\"\n",
            hop.port()
        ));
        House { gateway, folder: tempfile::tempdir().unwrap(), _hop: hop, port }
    }

    /// Has a mail held, and gives its id.
    fn held(&self, mail: &str) -> String {
        let mut client = Client::hello(self.port);
        let mail = mail.replace('\n', "\r\n");
        let heard = client.send("karin@example.org", &["anna@ours.example"], mail.as_bytes());
        let reply = heard.unwrap().last().to_string();
        assert!(reply.starts_with("250"), "{reply}");
        self.gateway.quarantine(false)[0]["id"].as_str().unwrap().to_string()
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Runs `sluss quarantine show ID …`.
    #[track_caller]
    fn show(&self, id: &str, words: &[&str]) -> String {
        let done = self.gateway.command(&[&["quarantine", "show", id], words].concat());
        assert!(done.status.success(), "{done:?}");
        String::from_utf8(done.stdout).unwrap()
    }
}

fn hostile() -> String {
    let file = data_encoding::BASE64.encode(eicar().as_bytes());
    format!(
        "From: Karin <karin@example.org>\nTo: anna@ours.example\nSubject: a page\nMIME-Version: 1.0\n\
         Content-Type: multipart/mixed; boundary=m\n\n\
         --m\nContent-Type: text/html; charset=iso-8859-1\nContent-Transfer-Encoding: 8bit\n\n\
         <p onclick=alert(1)>Read <a href=https://evil.example/x>this</a><script>alert(1)</script>\
         <img src=https://far.example/spy.gif></p>\n\
         --m\nContent-Type: application/octet-stream; name=\"test.com\"\n\
         Content-Disposition: attachment\nContent-Transfer-Encoding: base64\n\n{file}\n--m--\n"
    )
}

#[test]
fn a_held_mail_is_read_seen_and_taken_apart_by_command() {
    let house = House::start();
    let id = house.held(&hostile());
    let text = house.show(&id, &["--text"]);
    assert!(text.starts_with("Read this\n") && !text.contains("alert"), "{text}");
    let row = text.lines().find(|line| line.contains("test.com")).unwrap();
    assert!(row.contains("application/octet-stream") && row.contains("275a021bbfb6489e"), "{row}");
    let number = row.split_whitespace().next().unwrap();

    let page = house.file("page.html");
    let said = house.show(&id, &["--html", page.to_str().unwrap()]);
    assert!(said.contains("1 pictures are elsewhere"), "{said}");
    let page = fs::read_to_string(page).unwrap();
    assert!(page.contains("[to evil.example]") && page.contains("[picture from far.example"));
    for gone in ["<script", "onclick", "href", "spy.gif"] {
        assert!(!page.contains(gone), "{gone}: {page}");
    }

    let part = house.file("part");
    house.show(&id, &["--part", number, "--out", part.to_str().unwrap()]);
    assert_eq!(fs::read(&part).unwrap(), eicar().as_bytes());
    let again = ["quarantine", "show", &id, "--part", number, "--out", part.to_str().unwrap()];
    assert!(!house.gateway.command(&again).status.success(), "nothing is written over");
    let zip = house.file("part.zip");
    house.show(&id, &["--part", number, "--out", zip.to_str().unwrap(), "--zip", "infected"]);
    let zip = fs::read(zip).unwrap();
    assert!(zip.starts_with(b"PK") && memchr::memmem::find(&zip, b"EICAR").is_none());
    assert!(house.gateway.log().contains("the content of a held mail was opened"));
}

#[test]
fn what_is_not_there_is_said_and_many_views_leave_mail_alone() {
    let house = House::start();
    let id = house.held(&hostile());
    let ask = |id: &str, ask: Value| {
        house.gateway.ask(&json!({ "command": "quarantine-view", "id": id, "ask": ask }))
    };
    assert!(ask(&id, json!({ "part": 99 })).unwrap_err().contains("no part of this number"));
    assert!(ask(&id, json!({ "page": 2 })).unwrap_err().contains("no page"));
    let missing = ask("01K9ZQ4T6X8M4V0R2S5W7Y9ABC", json!("overview")).unwrap_err();
    assert!(missing.contains("not in the quarantine"), "{missing}");
    let whole = ask(&id, json!("whole")).unwrap();
    let encoded = whole["content_base64"].as_str().unwrap();
    let whole = data_encoding::BASE64.decode(encoded.as_bytes()).unwrap();
    assert!(String::from_utf8_lossy(&whole).contains("Subject: a page"));
    // More than may look at once, and mail at the same time.
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                let seen = ask(&id, json!("overview")).unwrap();
                assert_eq!(seen["text"], "Read this");
            });
        }
        let mut client = Client::hello(house.port);
        let mail = common::mail("meanwhile");
        let heard = client.send("karin@example.org", &["anna@ours.example"], mail.as_bytes());
        assert!(heard.unwrap().last().to_string().starts_with("250"));
    });
}

#[test]
fn hostile_pages_are_shown_as_far_as_bounds_go() {
    let house = House::start();
    let infected = data_encoding::BASE64.encode(eicar().as_bytes());
    let around = |page: &str| {
        format!(
            "From: karin@example.org\nSubject: x\nMIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=m\n\n\
             --m\nContent-Type: text/html\n\n{page}\n\
             --m\nContent-Type: application/octet-stream\nContent-Transfer-Encoding: base64\n\n{infected}\n--m--\n"
        )
    };
    for (what, page, cut) in [
        ("an ordinary page", "<p>Hi Anna,<p>shall we meet at <b>noon</b>?".to_string(), false),
        ("ten thousand nested", format!("{}inside", "<div>\n".repeat(10_000)), false),
        ("five megabytes", "<p>hello there, this is text</p>\n".repeat(160_000), true),
        ("a million escapes", "&amp; &amp; &amp;\n".repeat(300_000), true),
    ] {
        let id = house.held(&around(&page));
        let ask = |ask: Value| {
            let began = Instant::now();
            let request = json!({ "command": "quarantine-view", "id": id, "ask": ask });
            (house.gateway.ask(&request).unwrap(), began.elapsed())
        };
        let (seen, text_took) = ask(json!("overview"));
        assert_eq!(seen["page"], 1, "{what}");
        let (shown, page_took) = ask(json!({ "page": null }));
        assert_eq!(shown["cut"], cut, "{what}");
        println!("{what}: text {text_took:?}, page {page_took:?}");
        house.gateway.ask(&json!({ "command": "quarantine-delete", "ids": [id] })).unwrap();
    }
}
