//! Track, statistics, change replay and the daily report, by the commands of the real binary.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, clippy::disallowed_methods)]

mod common;

use common::{Client, Gateway, Hop, Manner, eicar, free_port, mail, wait_for};
use serde_json::Value;

fn start(hop: &Hop, port: u16) -> Gateway {
    Gateway::start(&format!(
        "hostname = \"mx.ours.example\"\n[dns]\nsender-domains = false\n[reports]\ndaily = \"00:00\"\ndaily-to = [\"it@ours.example\"]\n\
         [[organisation]]\nname = \"acme\"\ntitle = \"Acme AB\"\nlanguages = [\"sv\"]\ncontacts = {{ postmaster = \"pm@ours.example\" }}\n\
         [[listener]]\nname = \"in\"\nbind = \"127.0.0.1:{port}\"\ndirection = \"inbound\"\n\
         [[domain]]\nname = \"ours.example\"\norganisation = \"acme\"\nnext-hop = \"smtp://127.0.0.1:{}\"\nrecipients = \"any\"\n",
        hop.port()
    ))
}

/// What the sender hears last.
fn send(port: u16, to: &str, message: &str) -> common::Heard {
    let mut client = Client::hello(port);
    client.say("MAIL FROM:<news@shop.example>");
    client.expect("250");
    client.say(&format!("RCPT TO:<{to}>"));
    let heard = client.hear().unwrap();
    if heard.code != 250 {
        return heard;
    }
    client.say("DATA");
    client.expect("354");
    client.say(&format!("{message}\r\n."));
    client.hear().unwrap()
}

fn said(gateway: &Gateway, words: &[&str]) -> String {
    let output = gateway.command(words);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
    text
}

fn found(gateway: &Gateway, words: &[&str]) -> Vec<Value> {
    let words: Vec<&str> =
        ["trace", "list", "--json"].into_iter().chain(words.iter().copied()).collect();
    said(gateway, &words).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn a_mail_is_tracked_counted_explained_and_decided_anew() {
    let hop = Hop::start(Manner::default());
    let port = free_port();
    let gateway = start(&hop, port);
    let subject = "Subject: =?utf-8?Q?M=C3=B6te_p=C3=A5_=C3=96stra_hamnen?=\r\nMessage-ID: <m1.77@shop.example>\r\n";
    let body = mail("noon");
    let body = body.split_once("\r\n\r\n").map_or(body.as_str(), |(_, body)| body);
    let good = format!("{subject}From: Shop <news@shop.example>\r\n\r\n{body}");
    assert_eq!(send(port, "anna@ours.example", &good).code, 250);
    let virus = "Subject: virus\r\nFrom: Shop <news@shop.example>\r\nContent-Type: application/octet-stream\r\n\r\n";
    let refused = send(port, "bo@ours.example", &format!("{virus}{}\r\n", eicar()));
    assert_eq!(refused.code, 550, "{refused:?}");
    let foreign = send(port, "x@elsewhere.example", "");
    assert_eq!(foreign.code, 550, "{foreign:?}");

    wait_for("three rows", || (found(&gateway, &[]).len() == 3).then_some(()));
    for (words, want) in [
        (&["ostra", "mote"][..], "anna@ours.example"),
        (&["--message-id", "<m1.77@shop.example>"], "anna@ours.example"),
        (&["--action", "reject", "--client", "127.0.0.0/8"], "bo@ours.example"),
        (&["--action", "none", "--to", "x@elsewhere"], "x@elsewhere.example"),
        (
            &["--subject", "hamn", "--direction", "inbound", "--from", "shop.example"],
            "anna@ours.example",
        ),
    ] {
        let lines = found(&gateway, words);
        let to: Vec<&str> = lines.iter().filter_map(|line| line["to"].as_str()).collect();
        assert_eq!(to, [want], "{words:?}");
    }

    let id = refused.id().unwrap();
    let story = said(&gateway, &["trace", &id]);
    assert!(story.contains("default: actions.virus = \"reject\""), "{story}");
    let told = said(&gateway, &["trace", "show", &id, "--explain", "sv"]);
    assert!(told.contains("avvisades") && told.contains("innehåller något skadligt"), "{told}");
    let told = said(&gateway, &["trace", "show", &foreign.id().unwrap(), "--explain", "en"]);
    assert!(told.contains("x@elsewhere.example") && told.contains("was refused"), "{told}");

    let statistics = wait_for("the counts", || {
        let told: Value = serde_json::from_str(&said(&gateway, &["statistics", "--json"])).unwrap();
        let steps = told["steps"].as_array().unwrap().iter();
        let mails: u64 = steps.filter_map(|step| step["mails"].as_u64()).sum();
        (mails >= 3).then_some(told)
    });
    let actions: Vec<&str> = statistics["steps"]
        .as_array()
        .unwrap()
        .iter()
        .map(|step| step["action"].as_str().unwrap())
        .collect();
    assert!(actions.contains(&"reject") && actions.contains(&""), "{statistics}");
    assert!(said(&gateway, &["statistics"]).contains("inbound"));

    let change = "policy.default.actions={ virus = \"quarantine\" }";
    let report: Value =
        serde_json::from_str(&said(&gateway, &["config", "replay", change, "--json"])).unwrap();
    assert_eq!((&report["mails"], &report["not_judged"]), (&2.into(), &1.into()), "{report}");
    let changed = &report["changes"][0];
    assert_eq!((&changed["now"], &changed["then"]), (&"reject".into(), &"quarantine".into()));
    assert_eq!(report["samples"][0]["recipient"], "bo@ours.example");
    let told = said(&gateway, &["config", "replay", change]);
    assert!(told.starts_with("Of 2 mails to 2 recipients in the last 30 days"), "{told}");
    let stored = said(&gateway, &["config", "export"]);
    assert!(!stored.contains("virus"), "nothing was changed: {stored}");

    let reports = wait_for("the daily reports", || {
        let taken: Vec<_> = hop
            .taken()
            .into_iter()
            .filter(|one| one.is_for("it@ours.example") || one.is_for("pm@ours.example"))
            .collect();
        (taken.len() == 2).then_some(taken)
    });
    let of_acme = reports.iter().find(|one| one.is_for("pm@ours.example")).unwrap().text();
    assert!(
        of_acme.contains("multipart/alternative") && of_acme.contains("Inkommande"),
        "{of_acme}"
    );
}
