//! Shadow, tag and protect from the real gateway: what the server behind gets, what is held, what the trace says would have been done.

// Real time, and failing loudly, is what these tests are for.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, clippy::disallowed_methods)]

mod common;

use common::{Client, Gateway, Hop, Manner, eicar, free_port, mail, wait_for};
use serde_json::{Value, json};
use std::collections::BTreeMap;

const MODES: [&str; 3] = ["shadow", "tag", "protect"];
const VERDICTS: [&str; 5] = ["deliver", "mark", "defer", "quarantine", "reject"];

/// A recipient's policy: its mode, and what it wants done with the test file, which is malware.
type Wanted = (&'static str, &'static str);

/// What is done.
fn done((mode, verdict): Wanted) -> &'static str {
    match (mode, verdict) {
        ("shadow", _) => "deliver",
        ("tag", "reject") => "quarantine",
        (_, verdict) => verdict,
    }
}

/// The end of `X-Sluss-Verdict`.
fn on_trial((mode, verdict): Wanted) -> String {
    match mode {
        "protect" => String::new(),
        mode => format!("; {mode}={verdict}"),
    }
}

/// The beginning of the reply, and where each recipient's mail is: "" for nowhere.
fn expected(first: Wanted, second: Wanted) -> (&'static str, [&'static str; 2]) {
    let fate = |wanted| match done(wanted) {
        "deliver" | "mark" => "delivered",
        "defer" => "judge",
        "quarantine" => "held",
        _ => "held mixed.rejected",
    };
    match (done(first), done(second)) {
        ("reject", "reject") => ("550 5.7.1 refused: ", ["", ""]),
        ("defer", "defer") => ("451 4.7.1", ["", ""]),
        // The same bytes for both: the same fields.
        ("deliver" | "mark", _) if first == second => {
            ("250 2.0.0 delivered", ["delivered", "delivered"])
        }
        _ => ("250 2.0.0 queued", [fate(first), fate(second)]),
    }
}

#[test]
fn every_pair_of_modes_and_verdicts() {
    let hop = Hop::start(Manner::default());
    let port = free_port();
    let gateway = Gateway::start(&pairs_config(port, hop.port()));
    let all: Vec<Wanted> =
        MODES.iter().flat_map(|mode| VERDICTS.map(|verdict| (*mode, verdict))).collect();
    let mut wrong = Vec::new();
    let mut client = Client::hello(port);
    for (number, (first, second)) in
        all.iter().flat_map(|first| all.iter().map(move |second| (*first, *second))).enumerate()
    {
        hop.forget();
        let recipients = [("one", first), ("two", second)]
            .map(|(who, (mode, verdict))| format!("{who}@{verdict}.{mode}.example"));
        let sent = infected(number);
        let to = recipients.each_ref().map(String::as_str);
        let heard = client.send("karin@example.org", &to, sent.as_bytes()).unwrap();
        let (reply, fates) = expected(first, second);
        let row = format!("{first:?} + {second:?}");
        if !heard.last().starts_with(reply) {
            wrong.push(format!("{row}: wanted {reply:?}, heard {:?}", heard.last()));
        }
        let under_way = |leg: &Value| leg["next_hop"] != "judge";
        wait_for("the spool", || (!gateway.queue().iter().any(under_way)).then_some(()));
        let places = places(&gateway, &hop, &recipients, sent.as_bytes());
        for (at, wanted) in [first, second].into_iter().enumerate() {
            let place = places.get(&recipients[at]).map_or("", |place| place.0.as_str());
            if place != fates[at] {
                wrong.push(format!(
                    "{row}: {} is {place:?}, wanted {:?}",
                    recipients[at], fates[at]
                ));
            }
            if place == "delivered" {
                let text = &places[&recipients[at]].1;
                let field = format!("; id={}{}\r\n", heard.id().unwrap(), on_trial(wanted));
                if !text.contains(&field) {
                    wrong.push(format!("{row}: no {field:?} in {text}"));
                }
                if text.contains("X-Spam-Flag: YES") != (done(wanted) == "mark") {
                    wrong.push(format!("{row}: the flag in {text}"));
                }
            }
        }
        if !gateway.queue().is_empty() || !gateway.quarantine(true).is_empty() {
            gateway.empty();
        }
    }
    assert!(wrong.is_empty(), "{} wrong\n{}", wrong.len(), wrong.join("\n"));
    drop(client);
    gateway.stop();
}

/// Scores count for nothing, so that only the demand of the test file's category decides.
fn pairs_config(port: u16, hop: u16) -> String {
    let mut config = format!(
        "hostname = \"mx.ours.example\"\n[[listener]]\nname = \"in\"\nbind = \"127.0.0.1:{port}\"\ndirection = \"inbound\"\n\
         [limits]\nretry-first = \"1 hour\"\ntransactions-per-minute = 100000\n"
    );
    for mode in MODES {
        for verdict in VERDICTS {
            config += &format!(
                "[[policy]]\nname = \"{verdict}-{mode}\"\nmode = \"{mode}\"\nmark = 1000\nquarantine = 1000\nreject = 1000\nphish = 1000\n\
                 [policy.actions]\nvirus = \"{verdict}\"\n\
                 [[domain]]\nname = \"{verdict}.{mode}.example\"\nnext-hop = \"smtp://127.0.0.1:{hop}\"\nrecipients = \"any\"\npolicy = \"{verdict}-{mode}\"\n"
            );
        }
    }
    config
}

/// A mail with the published test file attached; each is another mail.
fn infected(number: usize) -> String {
    let typed = "MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n";
    let attached = "--b\r\nContent-Type: application/octet-stream; name=test.txt\r\n\r\n";
    mail(&format!("case-{number}")).replacen("\r\n\r\n", &format!("\r\n{typed}--b\r\n\r\n"), 1)
        + &format!("\r\n{attached}{}\r\n--b--\r\n", eicar())
}

/// Where each recipient's mail is, and its text where it was delivered.
fn places(
    gateway: &Gateway,
    hop: &Hop,
    recipients: &[String; 2],
    mail: &[u8],
) -> BTreeMap<String, (String, String)> {
    let mut places = BTreeMap::new();
    let mut note = |recipient: &str, place: &str, text: String| {
        let before = places.insert(recipient.to_string(), (place.to_string(), text));
        assert!(before.is_none(), "{recipient} twice: {place} and {before:?}");
    };
    for taken in hop.taken() {
        assert!(taken.bytes.ends_with(mail), "altered: {}", taken.text());
        for recipient in recipients.iter().filter(|recipient| taken.is_for(recipient)) {
            note(recipient, "delivered", taken.text());
        }
    }
    for leg in gateway.queue() {
        for recipient in leg["to"].as_array().unwrap() {
            note(recipient.as_str().unwrap(), "judge", String::new());
        }
    }
    for held in gateway.quarantine(true) {
        let place = if held["why"] == "mixed.rejected" { "held mixed.rejected" } else { "held" };
        note(held["recipient"].as_str().unwrap(), place, String::new());
    }
    places
}

/// One policy on trial for both directions, in which the least spam would be refused.
fn strict_config(mode: &str, inbound: u16, outbound: u16, hop: u16) -> String {
    format!(
        "hostname = \"mx.ours.example\"\n\
         [[listener]]\nname = \"in\"\nbind = \"127.0.0.1:{inbound}\"\ndirection = \"inbound\"\n\
         [[listener]]\nname = \"out\"\nbind = \"127.0.0.1:{outbound}\"\ndirection = \"outbound\"\n\
         [[domain]]\nname = \"ours.example\"\nnext-hop = \"smtp://127.0.0.1:{hop}\"\nrecipients = \"any\"\n\
         [outbound]\nnetworks = [\"127.0.0.0/8\"]\nsmarthost = \"smtp://127.0.0.1:{hop}\"\n\
         [policy]\nmode = \"{mode}\"\nmark = 0.1\nquarantine = 0.1\nreject = 0.1\n"
    )
}

const UNWANTED: &[u8] = b"From: karin@example.org\r\nTo: b@ours.example\r\nSubject: \r\n\r\nhi\r\n";

#[test]
fn both_directions_are_tried_and_the_report_says_what_would_have_been() {
    for (mode, inbound_flag, infected_goes_on) in [("shadow", false, true), ("tag", true, false)] {
        let hop = Hop::start(Manner::default());
        let (inbound, outbound) = (free_port(), free_port());
        let gateway = Gateway::start(&strict_config(mode, inbound, outbound, hop.port()));
        let mut client = Client::hello(inbound);
        let heard = client.send("karin@example.org", &["b@ours.example"], UNWANTED).unwrap();
        assert!(heard.last().starts_with("250 2.0.0 delivered"), "{}", heard.last());
        let id = heard.id().unwrap();
        let first = hop.taken().remove(0).text();
        assert!(first.contains(&format!("id={id}; {mode}=reject\r\n")), "{first}");
        assert_eq!(first.contains("X-Spam-Flag: YES"), inbound_flag, "{first}");

        // Our own users: outbound spam would be held, and is not.
        let mut sender = Client::hello(outbound);
        let own = String::from_utf8_lossy(UNWANTED).replace("karin@example.org", "b@ours.example");
        let heard = sender.send("b@ours.example", &["x@far.example"], own.as_bytes()).unwrap();
        assert!(heard.last().starts_with("250 2.0.0 queued"), "{}", heard.last());
        wait_for("the smarthost to have it", || (hop.count() == 2).then_some(()));
        let second = hop.taken().remove(1).text();
        assert!(!second.contains("X-Sluss-") && !second.contains("X-Spam-"), "{second}");
        assert!(gateway.quarantine(true).is_empty());

        // Malware goes on in shadow only; tag holds it and refuses nobody.
        let heard = client.send("karin@example.org", &["b@ours.example"], infected(1).as_bytes());
        assert!(heard.unwrap().last().starts_with("250 2.0.0"));
        assert_eq!(hop.count(), if infected_goes_on { 3 } else { 2 });
        assert_eq!(gateway.quarantine(true).len(), usize::from(!infected_goes_on));

        // The trace has it all, once it is written.
        let trial = || {
            gateway.ask(&json!({ "command": "trial", "days": 1, "organisation": null })).unwrap()
        };
        let sum = |report: &Value| -> u64 {
            report["counts"]
                .as_array()
                .unwrap()
                .iter()
                .map(|one| one["mails"].as_u64().unwrap())
                .sum()
        };
        let report = wait_for("the trace", || Some(trial()).filter(|report| sum(report) == 3));
        let would: Vec<(&str, &str)> = report["counts"]
            .as_array()
            .unwrap()
            .iter()
            .map(|one| (one["direction"].as_str().unwrap(), one["would"].as_str().unwrap()))
            .collect();
        assert!(
            would.contains(&("outbound", "quarantine")) && would.contains(&("inbound", "reject")),
            "{report}"
        );
        let shown = gateway.ask(&json!({ "command": "trace", "id": id })).unwrap()[0].clone();
        assert_eq!((&shown["mode"], &shown["would"]), (&json!(mode), &json!("reject")));
        assert_eq!(shown["recipients"][0]["would"], "reject");
        assert!(
            shown["examined_us"].as_u64() > Some(0) && shown["checked_us"].as_u64() > Some(0),
            "{shown}"
        );

        // The same for people.
        let said = gateway.command(&["status", "--shadow", "7"]);
        let said = String::from_utf8(said.stdout).unwrap();
        assert!(said.starts_with("Of 3 mails judged in shadow or tag mode in the last 7 days, 1 (33.3 %) would have been held, 2 refused"), "{said}");
        assert_eq!(said.contains("1 did not go on even so"), !infected_goes_on, "{said}");
        assert!(said.contains("karin@example.org") && said.contains(&id), "{said}");
        let story = String::from_utf8(gateway.command(&["trace", &id]).stdout).unwrap();
        assert!(story.contains(&format!("(mode {mode}; in protect: reject)")), "{story}");
        let list =
            gateway.command(&["trace", "list", "--would", "reject", "--to", "b@ours", "--json"]);
        let list = String::from_utf8(list.stdout).unwrap();
        assert_eq!(list.lines().count(), 2, "{list}");
        drop((client, sender));
        gateway.stop();
    }
}

#[test]
fn an_organisation_on_trial_does_not_disarm_another() {
    let hop = Hop::start(Manner::default());
    let port = free_port();
    let domain = |name: &str, more: &str| {
        format!(
            "[[domain]]\nname = \"{name}.example\"\norganisation = \"{name}\"\nnext-hop = \"smtp://127.0.0.1:{}\"\nrecipients = \"any\"\n{more}\n",
            hop.port()
        )
    };
    let config = format!(
        "hostname = \"mx.ours.example\"\n[[listener]]\nname = \"in\"\nbind = \"127.0.0.1:{port}\"\ndirection = \"inbound\"\n\
         [[organisation]]\nname = \"acme\"\nmode = \"shadow\"\n[[organisation]]\nname = \"bolt\"\n\
         [[organisation]]\nname = \"cork\"\nmode = \"shadow\"\n[[policy]]\nname = \"armed\"\nmode = \"protect\"\n"
    ) + &domain("acme", "")
        + &domain("bolt", "")
        + &domain("cork", "policy = \"armed\"");
    let gateway = Gateway::start(&config);
    let mut client = Client::hello(port);
    let to = ["a@acme.example", "b@bolt.example", "c@cork.example"];
    let heard = client.send("karin@example.org", &to, infected(1).as_bytes()).unwrap();
    assert!(heard.last().starts_with("250 2.0.0 queued"), "{}", heard.last());
    wait_for("acme's mail", || (hop.count() == 1).then_some(()));
    assert!(hop.taken()[0].is_for("a@acme.example") && hop.taken()[0].rcpt.len() == 1);
    let held: Vec<Value> =
        gateway.quarantine(true).iter().map(|held| held["recipient"].clone()).collect();
    assert!(held.len() == 2 && !held.contains(&json!("a@acme.example")), "{held:?}");
    let id = heard.id().unwrap();
    let ask = json!({ "command": "trace", "id": id });
    let rows = wait_for("the trace", || gateway.ask(&ask).ok());
    let would: Vec<(&Value, &Value)> =
        rows.as_array().unwrap().iter().map(|row| (&row["mode"], &row["would"])).collect();
    let none = json!("");
    assert_eq!(would, [(&json!("shadow"), &json!("reject")), (&none, &none), (&none, &none)]);
    let status = gateway.ask(&json!({ "command": "status" })).unwrap();
    assert_eq!(status["domains_on_trial"], json!({ "shadow": 1, "tag": 0 }));
    for (organisation, mails) in [("acme", 1), ("bolt", 0), ("cork", 0)] {
        let report =
            gateway.command(&["status", "--shadow", "1", "--json", "--organisation", organisation]);
        let report: Value = serde_json::from_slice(&report.stdout).unwrap();
        assert_eq!(report["counts"].as_array().unwrap().len(), mails, "{organisation}: {report}");
    }
    drop(client);
    gateway.stop();
}

#[test]
fn shadow_refuses_what_is_against_the_protocol_all_the_same() {
    let hop = Hop::start(Manner::default());
    let (inbound, outbound) = (free_port(), free_port());
    let gateway = Gateway::start(&strict_config("shadow", inbound, outbound, hop.port()));
    let mut client = Client::hello(inbound);
    client.say("MAIL FROM:<karin@example.org>");
    client.expect("250");
    client.say("RCPT TO:<x@elsewhere.example>");
    client.expect("550 5.7.1");
    client.say("RSET");
    client.expect("250");
    let circle =
        "Received: by mx.ours.example (sluss) with ESMTP id 1; Mon, 1 Jan 2024 00:00:00 +0000\r\n";
    let looping = format!("{}{}", circle.repeat(6), mail("loop"));
    let heard = client.send("karin@example.org", &["b@ours.example"], looping.as_bytes()).unwrap();
    assert!(heard.last().starts_with("554 5.4.6"), "{}", heard.last());
    client.say("MAIL FROM:<karin@example.org>");
    client.expect("250");
    client.say("RCPT TO:<b@ours.example>");
    client.expect("250");
    client.say("DATA");
    client.expect("354");
    client.write(b"Subject: s\r\n\r\nhi\n.\r\n\r\n.\r\n").unwrap();
    client.expect("550 5.6.11");
    assert_eq!(hop.count(), 0);
    gateway.stop();
}
