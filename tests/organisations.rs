//! Several organisations in one gateway: who may write as whom, what is passed on under which sender, and that nobody sees another's.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, clippy::disallowed_methods)]

mod common;

use common::{Client, Gateway, Hop, Manner, free_port, mail, wait_for};
use serde_json::{Value, json};

/// Acme sends from 127.0.0.2, Bolaget from 127.0.0.3, a server that all share is 127.0.0.1.
struct House {
    gateway: Gateway,
    hop: Hop,
    inbound: u16,
    outbound: u16,
}

impl House {
    fn start() -> House {
        let hop = Hop::start(Manner::default());
        let (inbound, outbound) = (free_port(), free_port());
        let domain = |name: &str, organisation: &str| {
            format!(
                "[[domain]]\nname = \"{name}\"\norganisation = \"{organisation}\"\nnext-hop = \"smtp://127.0.0.1:{}\"\nrecipients = \"any\"\n",
                hop.port()
            )
        };
        let config = [
            "hostname = \"mx.host.example\"\n",
            &format!("[[listener]]\nname = \"in\"\nbind = \"127.0.0.1:{inbound}\"\ndirection = \"inbound\"\ntrusted-relays = [\"127.0.0.9/32\"]\n"),
            &format!("[[listener]]\nname = \"out\"\nbind = \"127.0.0.1:{outbound}\"\ndirection = \"outbound\"\n"),
            "[[organisation]]\nname = \"acme\"\ncountry = \"SE\"\nnetworks = [\"127.0.0.2/32\"]\nsend-as = [\"acme-news.example\"]\n",
            "[[organisation]]\nname = \"bolaget\"\nnetworks = [\"127.0.0.3/32\"]\nforeign-from = \"allow\"\nforward-domain = \"fwd.bolaget.example\"\nforwards-per-hour = 4\npolicy = \"strict\"\n",
            "[[organisation]]\nname = \"host\"\n[[organisation]]\nname = \"mute\"\nnetworks = [\"127.0.0.4/32\"]\n",
            &domain("acme.example", "acme"),
            &domain("bolaget.example", "bolaget"),
            &domain("host.example", "host"),
            "[[policy]]\nname = \"strict\"\n[policy.actions]\nvirus = \"quarantine\"\n",
            &format!("[outbound]\nnetworks = [\"127.0.0.0/8\"]\norganisation = \"host\"\nsmarthost = \"smtp://127.0.0.1:{}\"\ntls = \"off\"\n", hop.port()),
        ]
        .concat();
        House { gateway: Gateway::start(&config), hop, inbound, outbound }
    }

    /// Sends from an address of loopback; gives the first line that was no yes, or the last.
    fn send(&self, client: &str, from: &str, to: &[&str], bytes: &[u8]) -> String {
        let mut client = Client::hello_from(client, self.outbound);
        client.send(from, to, bytes).unwrap().last().to_string()
    }

    /// Waits until all has gone on, and gives the MAIL and RCPT lines that the server behind heard last.
    fn heard(&self) -> (String, Vec<String>) {
        wait_for("an empty queue", || self.gateway.queue().is_empty().then_some(()));
        let taken = self.hop.taken().pop().unwrap();
        (taken.mail, taken.rcpt)
    }

    fn trace(&self, reply: &str) -> Vec<Value> {
        let id = reply.rsplit_once("(id ").unwrap().1.trim_end_matches(')').to_string();
        wait_for("the trace", || {
            let rows = self.gateway.ask(&json!({ "command": "trace", "id": id })).ok()?;
            Some(rows.as_array()?.clone())
        })
    }
}

fn from(address: &str) -> Vec<u8> {
    mail("from").replace("Karin Berg <karin@example.org>", address).into_bytes()
}

#[test]
fn every_shape_of_sender_meets_every_binding() {
    let house = House::start();
    let world = ["x@elsewhere.example"];
    let (acme, bolaget, shared, mute) = ("127.0.0.2", "127.0.0.3", "127.0.0.1", "127.0.0.4");
    for (client, sender, visible, reply, leaves_as) in [
        // Its own, by any domain that it may write as.
        (acme, "a@acme.example", "a@acme.example", "250", "<a@acme.example>"),
        (acme, "n@acme-news.example", "a@acme.example", "250", "<n@acme-news.example>"),
        // The envelope is its own, From is not.
        (acme, "a@acme.example", "a@far.example", "550 5.7.1", ""),
        (acme, "a@acme.example", "b@bolaget.example", "550 5.7.1", ""),
        (bolaget, "l@bolaget.example", "a@far.example", "250", "<l@bolaget.example>"),
        // Notices.
        (acme, "", "postmaster@acme.example", "250", "<>"),
        (acme, "", "mailer-daemon@far.example", "250", "<>"),
        (shared, "", "mailer-daemon@bolaget.example", "250", "<>"),
        // Forwards: a stranger's, and another organisation's.
        (acme, "a@far.example", "a@far.example", "250", "@acme.example>"),
        (acme, "b@bolaget.example", "b@bolaget.example", "250", "=bolaget.example=b@acme.example>"),
        (
            bolaget,
            "a@far.example",
            "b@bolaget.example",
            "250",
            "=far.example=a@fwd.bolaget.example>",
        ),
        (shared, "a@far.example", "a@far.example", "250", "=far.example=a@host.example>"),
        (mute, "a@far.example", "a@far.example", "550 5.7.1", ""),
        // A server that several share is trusted to know its users.
        (shared, "a@acme.example", "a@acme.example", "250", "<a@acme.example>"),
        (shared, "b@bolaget.example", "b@bolaget.example", "250", "<b@bolaget.example>"),
        (shared, "a@acme.example", "b@bolaget.example", "550 5.7.1", ""),
    ] {
        let shape = format!("{client} {sender} as {visible}");
        house.hop.forget();
        let said = house.send(client, sender, &world, &from(visible));
        assert!(said.starts_with(reply), "{shape}: {said}");
        if reply == "250" {
            let (mail, _) = house.heard();
            assert!(mail.contains(leaves_as), "{shape}: {mail}");
            assert_eq!(
                mail.contains("SRS0="),
                leaves_as.contains('=') || leaves_as == "@acme.example>",
                "{mail}"
            );
        } else {
            assert_eq!(house.hop.count(), 0, "{shape}");
        }
    }
}

#[test]
fn a_notice_comes_home_by_the_rewritten_sender() {
    let house = House::start();
    let said = house.send(
        "127.0.0.3",
        "anna@far.example",
        &["x@elsewhere.example"],
        &from("a@far.example"),
    );
    assert!(said.starts_with("250"), "{said}");
    let (mail, _) = house.heard();
    let rewritten = mail.split(['<', '>']).nth(1).unwrap().to_string();
    let back = |from: &str, to: &str| {
        let mut client = Client::hello(house.inbound);
        client.send(from, &[to], mail_bytes().as_slice()).unwrap().last().to_string()
    };
    house.hop.forget();
    let said = back("", &rewritten);
    assert!(said.starts_with("250"), "{said}");
    let (mail, rcpt) = house.heard();
    assert!(mail.contains("<>") && rcpt[0].contains("<anna@far.example>"), "{mail} {rcpt:?}");
    // It is Bolaget's, and nobody else sees it.
    let rows = house.trace(&said);
    assert_eq!(rows.len(), 1);
    assert_eq!(rows[0]["organisation"], "bolaget");
    // Letters' case may have changed on the way; anything else may not.
    assert!(back("", &rewritten.replacen("SRS0", "srs0", 1)).starts_with("250"));
    for (from, to, reply) in [
        ("", rewritten.replace("=anna@", "=bert@"), "550 5.1.1"),
        ("", rewritten.replace("far.example", "near.example"), "550 5.1.1"),
        ("", "SRS0=AAAAAAAA=AA=far.example=anna@fwd.bolaget.example".to_string(), "550 5.1.1"),
        ("", "SRS0=x@acme.example".to_string(), "550 5.1.1"),
        ("", rewritten.replace("fwd.bolaget.example", "acme.example"), "550 5.1.1"),
        ("", "anna@fwd.bolaget.example".to_string(), "550 5.7.1"),
        ("spammer@far.example", rewritten.clone(), "550 5.7.1"),
    ] {
        let said = back(from, &to);
        assert!(said.starts_with(reply), "{to}: {said}");
    }
    // Four forwards an hour are Bolaget's bound; Acme's are its own.
    for (client, reply) in [
        ("127.0.0.3", "250"),
        ("127.0.0.3", "250"),
        ("127.0.0.3", "250"),
        ("127.0.0.3", "450 4.7.1"),
        ("127.0.0.2", "250"),
    ] {
        let said =
            house.send(client, "b@far.example", &["x@elsewhere.example"], &from("b@far.example"));
        assert!(said.starts_with(reply), "{client}: {said}");
    }
}

fn with_virus(address: &str) -> Vec<u8> {
    format!(
        "From: {address}\r\nSubject: test\r\nContent-Type: application/octet-stream\r\n\r\n{}\r\n",
        common::eicar()
    )
    .into_bytes()
}

fn mail_bytes() -> Vec<u8> {
    from("mailer-daemon@elsewhere.example")
}

#[test]
fn mail_between_two_that_we_host_is_judged_under_both() {
    let house = House::start();
    // To the next hop, with the fields that its users sort by, under the sender it came with.
    let said =
        house.send("127.0.0.2", "a@acme.example", &["b@bolaget.example"], &from("a@acme.example"));
    assert!(said.starts_with("250"), "{said}");
    wait_for("an empty queue", || house.gateway.queue().is_empty().then_some(()));
    let taken = house.hop.taken().pop().unwrap();
    assert!(taken.mail.contains("<a@acme.example>"), "{}", taken.mail);
    assert!(taken.text().contains("X-Sluss-Verdict: deliver"), "{}", taken.text());
    let rows = house.trace(&said);
    let owners: Vec<&str> = rows.iter().map(|row| row["organisation"].as_str().unwrap()).collect();
    assert_eq!(owners, ["acme", "bolaget"], "who sent it and who got it may both see it");
    // A forward of a stranger's mail keeps its sender inside the house.
    house.hop.forget();
    let said =
        house.send("127.0.0.2", "a@far.example", &["b@bolaget.example"], &from("a@far.example"));
    assert!(said.starts_with("250"), "{said}");
    assert!(house.heard().0.contains("<a@far.example>"));
    // Acme refuses viruses, Bolaget holds them: the stricter wins, in both directions.
    let virus = with_virus("a@acme.example");
    let said = house.send("127.0.0.2", "a@acme.example", &["b@bolaget.example"], &virus);
    assert!(said.starts_with("550 5.7.1"), "{said}");
    let virus = with_virus("b@bolaget.example");
    let said = house.send("127.0.0.3", "b@bolaget.example", &["a@acme.example"], &virus);
    assert!(said.starts_with("550 5.7.1"), "{said}");
    let said = house.send("127.0.0.3", "b@bolaget.example", &["x@elsewhere.example"], &virus);
    assert!(said.starts_with("250"), "{said}");
    assert_eq!(house.gateway.quarantine(false)[0]["organisation"], "bolaget");
}

#[test]
fn a_mail_for_two_shows_each_only_its_own() {
    let house = House::start();
    let virus = with_virus("k@far.example");
    let mut client = Client::hello(house.inbound);
    let said = client
        .send("k@far.example", &["a@acme.example", "b@bolaget.example"], &virus)
        .unwrap()
        .last()
        .to_string();
    assert!(said.starts_with("250"), "{said}");
    let rows = house.trace(&said);
    assert_eq!(rows.len(), 2);
    for (row, own, other) in [(&rows[0], "acme", "bolaget"), (&rows[1], "bolaget", "acme")] {
        assert_eq!(row["organisation"], own);
        assert!(!row.to_string().contains(other), "{row}");
    }
    let all = house.gateway.quarantine(false);
    assert_eq!(all.len(), 2, "Acme's was refused beside Bolaget's, so it is held as well");
    for held in all {
        let recipient = held["recipient"].as_str().unwrap();
        assert!(recipient.contains(held["organisation"].as_str().unwrap()), "{held}");
    }
    // One line a recipient in the log, and it names its organisation alone.
    let log = house.gateway.log();
    for line in log.lines().filter(|line| line.contains("to=a@acme.example")) {
        assert!(line.contains("organisation=acme") && !line.contains("bolaget"), "{line}");
    }
}

#[test]
fn a_relay_of_ours_tells_who_sent_and_is_never_refused_for_content() {
    let house = House::start();
    let virus = with_virus("k@far.example");
    let relayed = |received: &str| {
        let mail = [received.as_bytes(), &virus].concat();
        let mut client = Client::hello_from("127.0.0.9", house.inbound);
        client.send("k@far.example", &["a@acme.example"], &mail).unwrap().last().to_string()
    };
    let said = relayed(
        "Received: from sender.far.example (x [192.0.2.7]) by mx2.host.example with ESMTPS id 1; x\r\n",
    );
    assert!(said.starts_with("250"), "{said}");
    assert!(!house.trace(&said)[0].to_string().contains("relay.unknown"));
    let said = relayed("Received: by nobody\r\n");
    assert!(said.starts_with("250"), "{said}");
    assert!(house.trace(&said)[0].to_string().contains("relay.unknown"));
    assert_eq!(house.gateway.quarantine(false).len(), 2, "held, not refused");
    // A stranger who writes such a line is a stranger.
    let mut client = Client::hello(house.inbound);
    let said = client.send("k@far.example", &["a@acme.example"], &virus).unwrap();
    assert!(said.last().starts_with("550 5.7.1"), "{said:?}");
}
