//! Bounces: those of mail that went out through the gateway, and those of mail that somebody else sent in its domain's name.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, clippy::disallowed_methods)] // Failing loudly is what these tests are for.

mod common;

use common::{Client, Gateway, Hop, Manner, NOW, free_port, mail, wait_for};
use rusqlite::Connection;
use serde_json::Value;
use std::path::Path;

fn bounce_of(id: &str) -> String {
    format!(
        "From: Mail Delivery System <MAILER-DAEMON@far.example>\r\nTo: anna@ours.example\r\nSubject: Undelivered Mail\r\n\
         Date: {NOW}\r\nMessage-ID: <b-{id}@far.example>\r\nAuto-Submitted: auto-replied\r\nMIME-Version: 1.0\r\n\
         Content-Type: multipart/report; report-type=delivery-status; boundary=b\r\n\r\n--b\r\n\r\nYour mail did not arrive.\r\n\
         --b\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; far.example\r\n\r\n\
         Final-Recipient: rfc822; x@far.example\r\nAction: failed\r\nStatus: 5.1.1\r\n\
         --b\r\nContent-Type: text/rfc822-headers\r\n\r\nFrom: anna@ours.example\r\nMessage-ID: <{id}>\r\nSubject: hello\r\n--b--\r\n"
    )
}

/// Sends a mail from nobody to Anna, and gives what was found and done.
#[track_caller]
fn receive(gateway: &Gateway, port: u16, mail: &str) -> (Vec<String>, String) {
    let mut client = Client::hello(port);
    let heard = client.send("", &["anna@ours.example"], mail.as_bytes()).unwrap();
    assert!(heard.last().starts_with("250"), "{heard:?}");
    let id = heard.id().unwrap();
    let trace: Value = wait_for("the trace", || {
        let out = gateway.command(&["trace", "show", "--json", &id]);
        serde_json::from_slice(&out.stdout).ok()
    });
    let findings = trace[0]["findings"].as_array().unwrap().iter();
    let mut ids: Vec<String> =
        findings.map(|one| one["id"].as_str().unwrap().to_string()).collect();
    ids.retain(|id| id.starts_with("bounce.") || id.starts_with("auto."));
    (ids, trace[0]["action"].as_str().unwrap().to_string())
}

/// Makes the memory older than it is: as if all mail of a month had gone through.
fn age(folder: &Path) {
    let memory = Connection::open(folder.join("data/sent/sent.db")).unwrap();
    let changed = memory
        .execute("UPDATE sending_domain SET since_day = since_day - 30, mails = 500", [])
        .unwrap();
    assert_eq!(changed, 1);
}

#[test]
fn a_bounce_is_known_for_what_it_returns() {
    let (hop, inbound, outbound) = (Hop::start(Manner::default()), free_port(), free_port());
    let next_hop = format!("smtp://127.0.0.1:{}", hop.port());
    let config = format!(
        "hostname = \"mx.ours.example\"\n[[listener]]\nname = \"in\"\nbind = \"127.0.0.1:{inbound}\"\ndirection = \"inbound\"\n\
         [[listener]]\nname = \"out\"\nbind = \"127.0.0.1:{outbound}\"\ndirection = \"outbound\"\n\
         [[domain]]\nname = \"ours.example\"\nnext-hop = \"{next_hop}\"\nrecipients = \"any\"\n\
         [outbound]\nnetworks = [\"127.0.0.0/8\"]\nsmarthost = \"{next_hop}\"\ntls = \"off\"\n"
    );
    let folder = tempfile::tempdir().unwrap();
    let gateway = Gateway::start_in(folder.path(), &config);
    let (ids, _) = receive(&gateway, inbound, &bounce_of("never@ours.example"));
    assert_eq!(ids, ["auto.reply", "bounce.unknown"], "nothing went out yet");
    let mut client = Client::hello(outbound);
    let sent = mail("hello").replace("Karin Berg <karin@example.org>", "Anna <anna@ours.example>");
    client.send("anna@ours.example", &["x@far.example"], sent.as_bytes()).unwrap();
    drop(client);
    wait_for("it has gone", || gateway.queue().is_empty().then_some(()));
    let ours = bounce_of("hello@example.org");
    // The memory is written a moment later.
    wait_for("it is remembered", || {
        let (ids, action) = receive(&gateway, inbound, &ours);
        (ids == ["auto.reply", "bounce.ours"] && action == "deliver").then_some(())
    });
    let only_answers = format!(
        "From: postmaster@far.example\r\nTo: anna@ours.example\r\nSubject: Undeliverable: hello\r\n\
        Date: {NOW}\r\nMessage-ID: <b@far.example>\r\nReferences: <x@ours.example> <hello@example.org>\r\n\r\n\
        Nobody there.\r\n"
    );
    let (ids, _) = receive(&gateway, inbound, &only_answers);
    assert_eq!(ids, ["bounce.ours"], "it names the mail as one that it answers");
    let foreign = bounce_of("never@ours.example");
    let (ids, action) = receive(&gateway, inbound, &foreign);
    assert_eq!(
        (ids[1].as_str(), action.as_str()),
        ("bounce.unknown", "deliver"),
        "too young to know"
    );
    gateway.stop();

    age(folder.path());
    let gateway = Gateway::start_in(folder.path(), &config);
    let (ids, action) = receive(&gateway, inbound, &foreign);
    assert_eq!((ids[1].as_str(), action.as_str()), ("bounce.foreign", "mark"));
    let (ids, action) = receive(&gateway, inbound, &ours);
    assert_eq!(
        (ids[1].as_str(), action.as_str()),
        ("bounce.ours", "deliver"),
        "known after a restart"
    );
    // An absence has the null sender too, and is no bounce.
    let away =
        mail("away").replace("Subject: away", "Subject: Autosvar\r\nAuto-Submitted: auto-replied");
    let (ids, action) = receive(&gateway, inbound, &away);
    assert_eq!((ids, action.as_str()), (vec!["auto.reply".to_string()], "deliver"));
    gateway.stop();
}
