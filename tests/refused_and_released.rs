//! What was refused is not lost: a copy is kept, its sender is told a code, and somebody may let it go. And letting go: looked at again, once,
//! to nobody else, unaltered.

// Real time, and failing loudly, is what these tests are for.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, clippy::disallowed_methods)]

mod common;

use common::{Client, Gateway, HARBOUR_RULE, Hop, Manner, eicar, free_port, mail, wait_for};
use serde_json::{Value, json};
use std::{fs, path::Path};

/// A policy under which that rule alone refuses.
const REFUSING: &str = "[policy]\nmark = 1.0\nquarantine = 2.0\nreject = 4.0\n";
/// A policy under which it holds.
const HOLDING: &str = "[policy]\nmark = 1.0\nquarantine = 4.0\n";

/// The same words, when it has turned out what they are.
const MALWARE: &str = r#"
rule house_harbour {
    meta:
        author = "ours"
        description = "The harbour worm"
        severity = "malware"
    strings:
        $words = "by the harbour"
    condition:
        $words
}
"#;

fn config(port: u16, hop: u16, rules: &Path, more: &str) -> String {
    format!(
        "hostname = \"mx.ours.example\"\n\
         [[listener]]\nname = \"in\"\nbind = \"127.0.0.1:{port}\"\ndirection = \"inbound\"\n\
         [[domain]]\nname = \"ours.example\"\nnext-hop = \"smtp://127.0.0.1:{hop}\"\nrecipients = \"any\"\n\
         [rules]\nfolders = [\"{}\"]\n{more}",
        rules.display()
    )
}

fn rules(folder: &Path) {
    fs::create_dir_all(folder).unwrap();
    fs::write(folder.join("house.toml"), HARBOUR_RULE).unwrap();
}

/// What `sluss quarantine list` finds with these flags.
fn listed(gateway: &Gateway, flags: &[&str]) -> Vec<Value> {
    let words = [&["quarantine", "list", "--json"], flags].concat();
    let done = gateway.command(&words);
    assert!(done.status.success(), "{done:?}");
    let text = String::from_utf8(done.stdout).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn say(gateway: &Gateway, words: &[&str]) -> Result<String, String> {
    let done = gateway.command(words);
    match done.status.success() {
        true => Ok(String::from_utf8(done.stdout).unwrap().trim().to_string()),
        false => Err(String::from_utf8(done.stderr).unwrap()),
    }
}

/// The code in a refusal.
fn code(reply: &str) -> String {
    let (_, rest) = reply.split_once("https://mail.ours.example/r/").unwrap();
    rest.chars().take_while(char::is_ascii_alphanumeric).collect()
}

#[test]
fn a_refused_mail_is_kept_found_by_its_code_and_released() {
    let folder = tempfile::tempdir().unwrap();
    let rules_folder = folder.path().join("rules");
    rules(&rules_folder);
    let (hop, port) = (Hop::start(Manner::default()), free_port());
    let more = format!("[web]\npublic-url = \"https://mail.ours.example\"\n{REFUSING}");
    let config = config(port, hop.port(), &rules_folder, &more);
    let gateway = Gateway::start_in(folder.path(), &config);
    let body = mail("lunch");
    let mut client = Client::hello(port);
    let to = ["anna@ours.example", "bo@ours.example"];
    let refused = |client: &mut Client, text: &str| {
        let heard = client.send("karin@example.org", &to, text.as_bytes()).unwrap();
        let last = heard.last().to_string();
        assert!(last.starts_with("550 5.7.1 refused: It looks like advertising or spam"), "{last}");
        last
    };
    let first = code(&refused(&mut client, &body));
    assert_eq!(first.len(), 10);
    assert_eq!(code(&refused(&mut client, &body)), first, "a retry hears the same");
    let other = code(&refused(&mut client, &mail("dinner")));
    assert_ne!(other, first);
    let copies = wait_for("the copies", || {
        let copies = listed(&gateway, &["--state", "rejected"]);
        (copies.len() == 4).then_some(copies)
    });
    assert!(copies.iter().all(|one| one["in_digest"] == false && one["state"] == "rejected"));
    assert_eq!(copies[0]["policy"], "default: reject = 4.0");
    assert_eq!(copies[0]["from_address"], "karin@example.org");
    assert!(!serde_json::to_string(&copies).unwrap().contains(&first), "no code stands anywhere");
    assert_eq!(listed(&gateway, &[]), Vec::<Value>::new(), "nobody has to look at them");
    let by_code = listed(&gateway, &["--code", &first.to_uppercase()]);
    assert_eq!(by_code.len(), 2, "one for each recipient");
    assert!(by_code.iter().all(|one| one["subject"] == "lunch"));
    assert_eq!(listed(&gateway, &["--code", "0000000000"]), Vec::<Value>::new());
    // After a restart as before.
    drop(client);
    gateway.stop();
    let gateway = Gateway::start_in(folder.path(), &config);
    let of_anna = by_code.iter().find(|one| one["recipient"] == "anna@ours.example").unwrap();
    let id = of_anna["id"].as_str().unwrap();
    assert_eq!(say(&gateway, &["quarantine", "release", id]).unwrap(), format!("{id}: released"));
    let again = say(&gateway, &["quarantine", "release", id]).unwrap();
    assert_eq!(again, format!("{id}: released already"));
    wait_for("the released mail", || gateway.queue().is_empty().then_some(()));
    let taken = hop.taken();
    assert_eq!(taken.len(), 1);
    assert!(taken[0].is_for("anna@ours.example") && !taken[0].is_for("bo@ours.example"));
    let text = taken[0].text();
    assert!(text.starts_with("X-Sluss-Released: ") && text.ends_with(&body), "{text}");
    let released = listed(&gateway, &["--state", "released"]);
    assert_eq!(released[0]["act"]["by"]["kind"], "command");
    assert_eq!(listed(&gateway, &["--state", "rejected"]).len(), 3);
    gateway.stop();
}

#[test]
fn no_copy_is_kept_of_malware_nor_where_none_is_wanted() {
    let folder = tempfile::tempdir().unwrap();
    rules(folder.path());
    for (more, text, kept) in [
        ("", mail("lunch"), true),
        ("", eicar_mail(), false),
        ("keep-rejected = \"all\"\n", eicar_mail(), true),
        ("keep-rejected = \"nothing\"\n", mail("lunch"), false),
        ("[store]\nrejected-days = 0\n", mail("lunch"), false),
        ("[[organisation]]\nname = \"ours\"\nrejected-days = 0\n", mail("lunch"), false),
    ] {
        let (hop, port) = (Hop::start(Manner::default()), free_port());
        let more = format!("{REFUSING}{more}");
        let gateway = Gateway::start(&config(port, hop.port(), folder.path(), &more));
        let mut client = Client::hello(port);
        let heard = client.send("karin@example.org", &["anna@ours.example"], text.as_bytes());
        let heard = heard.unwrap().last().to_string();
        assert!(heard.starts_with("550 5.7.1 refused: "), "{heard}");
        assert_eq!(heard.contains("tell the recipient the code "), kept, "{more} {heard}");
        if kept {
            let copies = || listed(&gateway, &["--state", "rejected"]).len();
            wait_for("the copy", || (copies() == 1).then_some(()));
        } else {
            assert_eq!(listed(&gateway, &["--state", "rejected"]), Vec::<Value>::new(), "{more}");
        }
        assert_eq!(hop.count(), 0);
        drop(client);
        gateway.stop();
    }
}

fn eicar_mail() -> String {
    let typed = "MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n";
    let attached = "--b\r\nContent-Type: application/octet-stream; name=test.txt\r\n\r\n";
    mail("bad").replacen("\r\n\r\n", &format!("\r\n{typed}--b\r\n\r\n"), 1)
        + &format!("{attached}{}\r\n--b--\r\n", eicar())
}

#[test]
fn what_has_turned_out_to_be_malware_goes_only_after_a_review_that_knows_it() {
    let folder = tempfile::tempdir().unwrap();
    let rules_folder = folder.path().join("rules");
    rules(&rules_folder);
    let (hop, port) = (Hop::start(Manner::default()), free_port());
    let gateway = Gateway::start(&config(port, hop.port(), &rules_folder, HOLDING));
    let mut client = Client::hello(port);
    let mut held = |word: &str| {
        let to = ["anna@ours.example"];
        let heard = client.send("karin@example.org", &to, mail(word).as_bytes()).unwrap();
        assert!(heard.last().starts_with("250 2.0.0 queued"), "{heard:?}");
        let found = listed(&gateway, &["--text", word, "--finding", "phrase"]);
        assert_eq!(found.len(), 1, "{found:?}");
        found[0]["id"].as_str().unwrap().to_string()
    };
    let (before, after) = (held("lunch"), held("dinner"));
    let alike = listed(&gateway, &["--alike", &before]);
    assert_eq!(alike, Vec::<Value>::new(), "another subject");
    say(&gateway, &["quarantine", "release", &before]).unwrap();
    // New rules come.
    fs::write(rules_folder.join("house.yar"), MALWARE).unwrap();
    say(&gateway, &["reload"]).unwrap();
    let refused = say(&gateway, &["quarantine", "release", &after]).unwrap_err();
    assert!(refused.contains("dangerous and goes only after a review"), "{refused}");
    let looked = ["quarantine", "release", "--reviewed", "asked Karin", &after];
    let refused = say(&gateway, &looked).unwrap_err();
    assert!(refused.contains("dangerous"), "the review did not know of malware: {refused}");
    assert_eq!(listed(&gateway, &[]).len(), 1, "it waits still");
    let looked = ["quarantine", "release", "--reviewed", "for the laboratory", "--malware", &after];
    assert_eq!(say(&gateway, &looked).unwrap(), format!("{after}: released"));
    wait_for("the released mails", || (hop.count() == 2).then_some(()));
    assert!(gateway.log().contains("released after a review"));
    let asked = gateway.ask(&json!({ "command": "quarantine-list", "filter": { "rows": 9 } }));
    assert_eq!(asked.unwrap()["held"], json!([]));
    drop(client);
    gateway.stop();
}
