//! Who writes to whom, from the real gateway: trust that grows from our own mail, for those who authenticate, in one organisation.

// Real time, and failing loudly, is what these tests are for.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, clippy::disallowed_methods)]

mod common;

use common::{Client, Gateway, Hop, Manner, NOW, Names, Said, eicar, free_port, wait_for};
use serde_json::{Value, json};
use tempfile::TempDir;

const CLIENT: &str = "127.0.0.1";
const FORGER: &str = "127.0.0.9";

/// Acme sends from 127.0.0.1, Bolaget from 127.0.0.3; far.example sends from 127.0.0.1.
struct House {
    gateway: Gateway,
    hop: Hop,
    inbound: u16,
    outbound: u16,
    config: String,
    folder: TempDir,
    _names: Names,
}

impl House {
    fn start() -> House {
        let (hop, names) = (Hop::start(Manner::default()), Names::start());
        for domain in ["far.example", "spam.example", "third.example"] {
            names.say(domain, Said::Txt("v=spf1 ip4:127.0.0.1 -all"));
        }
        let (inbound, outbound) = (free_port(), free_port());
        let of = |name: &str, client: &str| {
            format!(
                "[[organisation]]\nname = \"{name}\"\nnetworks = [\"{client}/32\"]\n\
                 [[domain]]\nname = \"{name}.example\"\norganisation = \"{name}\"\nnext-hop = \"smtp://127.0.0.1:{}\"\nrecipients = \"any\"\n",
                hop.port()
            )
        };
        let config = format!(
            "hostname = \"mx.ours.example\"\n\
             [[listener]]\nname = \"in\"\nbind = \"127.0.0.1:{inbound}\"\ndirection = \"inbound\"\n\
             [[listener]]\nname = \"out\"\nbind = \"127.0.0.1:{outbound}\"\ndirection = \"outbound\"\n\
             {}{}[outbound]\nsmarthost = \"smtp://127.0.0.1:{}\"\ntls = \"off\"\n\
             [dns]\nservers = [\"127.0.0.1:{}\"]\n",
            of("acme", CLIENT),
            of("bolaget", "127.0.0.3"),
            hop.port(),
            names.port()
        );
        let folder = tempfile::tempdir().unwrap();
        let gateway = Gateway::start_in(folder.path(), &config);
        House { gateway, hop, inbound, outbound, config, folder, _names: names }
    }

    /// As a power cut would.
    fn killed_and_started(self) -> House {
        let House { mut gateway, config, folder, .. } = self;
        gateway.kill();
        let gateway = Gateway::start_in(folder.path(), &config);
        House { gateway, config, folder, ..self }
    }

    /// Brings a mail of the world; gives the reply and the findings that history made.
    fn comes(&self, client: &str, from: &str, to: &str, rest: &str) -> (String, Vec<String>) {
        let mut client = Client::hello_from(client, self.inbound);
        let heard = client.send(from, &[to], letter(from, to, rest).as_bytes()).unwrap();
        let id = heard.id().unwrap();
        let row = wait_for("the trace", || {
            let rows = self.gateway.ask(&json!({ "command": "trace", "id": id })).ok()?;
            rows.as_array()?.first().cloned()
        });
        let findings = row["findings"].as_array().unwrap().iter();
        let ids = findings.map(|finding| finding["id"].as_str().unwrap().to_string());
        let ids = ids.filter(|id| id.starts_with("history.")).collect();
        (heard.last().to_string(), ids)
    }

    /// The same until it is known that these findings come: what was learned is written a moment later.
    #[track_caller]
    fn comes_to(&self, client: &str, from: &str, to: &str, rest: &str, want: &[&str]) {
        let mut last = Vec::new();
        for _ in 0..40 {
            last = self.comes(client, from, to, rest).1;
            if last == want {
                return;
            }
            std::thread::sleep(std::time::Duration::from_millis(100));
        }
        panic!("{from} to {to}: wanted {want:?}, found {last:?}");
    }

    /// One of ours writes.
    fn goes(&self, client: &str, from: &str, to: &str, rest: &str) {
        let mut client = Client::hello_from(client, self.outbound);
        let heard = client.send(from, &[to], letter(from, to, rest).as_bytes()).unwrap();
        assert_eq!(heard.code, 250, "{heard:?}");
        wait_for("an empty queue", || self.gateway.queue().is_empty().then_some(()));
    }

    fn shown(&self, words: &[&str]) -> Vec<Value> {
        let words = [&["correspondents", "show", "--json"], words].concat();
        let output = self.gateway.command(&words);
        let text = String::from_utf8(output.stdout).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

fn letter(from: &str, to: &str, rest: &str) -> String {
    format!(
        "From: Somebody <{from}>\r\nTo: {to}\r\nSubject: a word about the harbour\r\nDate: {NOW}\r\n{rest}\r\n\
         Hi,\r\nshall we meet at noon by the harbour?\r\n"
    )
}

const ANSWER: &str = "Message-ID: <9@far.example>\r\nIn-Reply-To: <q1@acme.example>\r\n";

#[test]
fn trust_grows_from_our_own_mail() {
    let house = House::start();
    let (karin, anna) = ("karin@far.example", "anna@acme.example");
    // A stranger; then one who has written before, as himself.
    let (reply, found) = house.comes(CLIENT, karin, anna, "");
    assert!(reply.starts_with("250"), "{reply}");
    assert_eq!(found, ["history.first_contact"]);
    house.comes_to(CLIENT, karin, anna, "", &[]);
    // Anna writes to her, and her answer is known for one.
    house.goes(CLIENT, anna, karin, "Message-ID: <q1@acme.example>\r\n");
    house.comes_to(CLIENT, karin, anna, ANSWER, &["history.reply", "history.partner"]);
    house.comes_to(CLIENT, karin, anna, "", &["history.partner"]);
    // Whoever cannot show that he is Karin gets nothing by it; nor does another to whom nobody wrote.
    house.comes_to(FORGER, karin, anna, ANSWER, &[]);
    assert_eq!(house.comes(CLIENT, "eva@far.example", anna, ANSWER).1, ["history.first_contact"]);
    // To Bolaget she is a stranger, whatever Acme knows.
    let bo = "bo@bolaget.example";
    assert_eq!(house.comes(CLIENT, karin, bo, ANSWER).1, ["history.first_contact"]);
    // Known or not, malware is malware.
    let virus = format!("{ANSWER}Content-Type: application/octet-stream\r\n\r\n{}\r\n", eicar());
    assert!(house.comes(CLIENT, karin, anna, &virus).0.starts_with("550 5.7.1"));
    // It outlives a kill.
    std::thread::sleep(std::time::Duration::from_millis(1_500));
    let house = house.killed_and_started();
    house.comes_to(CLIENT, karin, anna, ANSWER, &["history.reply", "history.partner"]);
    // And is erased on demand.
    let lines = house.shown(&[karin]);
    assert_eq!((&lines[0]["organisation"], &lines[0]["pairs"]), (&json!("acme"), &json!(1)));
    let elsewhere = house.shown(&[karin, "--organisation", "bolaget"]);
    assert!(elsewhere.iter().all(|line| line["pairs"] == 0), "{elsewhere:?}");
    let output = house.gateway.command(&["correspondents", "forget", karin]);
    assert!(output.status.success(), "{output:?}");
    assert!(house.shown(&[karin]).is_empty());
    house.comes_to(CLIENT, karin, anna, ANSWER, &["history.first_contact"]);
}

#[test]
fn machines_forwards_and_mailings_teach_nothing() {
    let house = House::start();
    let anna = "anna@acme.example";
    for (to, rest) in [
        ("a@third.example", "Auto-Submitted: auto-replied\r\n"),
        ("b@third.example", "Precedence: bulk\r\n"),
        ("c@third.example", "List-Unsubscribe: <mailto:x@acme.example>\r\n"),
    ] {
        house.goes(CLIENT, anna, to, rest);
    }
    // A stranger's mail that is passed on.
    house.goes(CLIENT, "x@far.example", "d@third.example", "");
    // One that teaches, so that the others had their time.
    house.goes(CLIENT, anna, "e@third.example", "");
    house.comes_to(CLIENT, "e@third.example", anna, "", &["history.partner"]);
    let domain = house.shown(&["third.example"]);
    assert!((domain[0]["written"].as_f64().unwrap() - 1.0).abs() < 0.01, "{domain:?}");
    for name in ["a", "b", "c", "d"] {
        assert!(house.shown(&[&format!("{name}@third.example")]).is_empty(), "{name}");
    }
    drop(house.hop);
}

#[test]
fn a_domain_that_sends_nothing_good_is_known_for_it() {
    let house = House::start();
    let (spam, anna) = ("x@spam.example", "anna@acme.example");
    let virus = format!("Content-Type: application/octet-stream\r\n\r\n{}\r\n", eicar());
    for _ in 0..6 {
        assert!(house.comes(CLIENT, spam, anna, &virus).0.starts_with("550"));
    }
    house.comes_to(
        CLIENT,
        "fresh@spam.example",
        anna,
        "",
        &["history.bad_domain", "history.first_contact"],
    );
    // Who only says that he is of it, or of another, harms neither.
    for _ in 0..6 {
        assert!(house.comes(FORGER, "x@far.example", anna, &virus).0.starts_with("550"));
    }
    house.comes_to(CLIENT, "y@far.example", anna, "", &["history.first_contact"]);
    assert!(house.shown(&["far.example"]).iter().all(|line| line["unwanted"] == 0.0));
}
