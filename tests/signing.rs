//! What our domains send is signed, what would fail is refused, and what we change on its way in is sealed: seen from those who get it.

// Real time, and failing loudly, is what these tests are for.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, clippy::disallowed_methods)]

mod common;

use common::{Client, Gateway, Hop, Manner, NOW, Said, free_port, wait_for};
use serde_json::Value;
use sluss::{
    facts::{
        Known,
        auth::{Answer, Names, arc, dkim},
    },
    mail::Header,
    wire::auth::{Arc, Dkim},
};
use std::{
    collections::HashMap,
    future::{self, Future},
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

/// Texts of the DNS, and nothing else.
struct Texts(HashMap<String, String>);

impl Names for Texts {
    fn txt(&self, name: &str) -> impl Future<Output = Answer<Vec<u8>>> + Send {
        let text = self.0.get(&name.to_lowercase());
        future::ready(Ok(text.map(|text| text.clone().into_bytes()).into_iter().collect()))
    }
    fn a(&self, _: &str) -> impl Future<Output = Answer<Ipv4Addr>> + Send {
        future::ready(Ok(Vec::new()))
    }
    fn aaaa(&self, _: &str) -> impl Future<Output = Answer<Ipv6Addr>> + Send {
        future::ready(Ok(Vec::new()))
    }
    fn mx(&self, _: &str) -> impl Future<Output = Answer<String>> + Send {
        future::ready(Ok(Vec::new()))
    }
    fn ptr(&self, _: IpAddr) -> impl Future<Output = Answer<String>> + Send {
        future::ready(Ok(Vec::new()))
    }
}

/// A gateway between the world, which is also its smarthost, and a server behind it; both are the same hop.
struct House {
    gateway: Gateway,
    hop: Hop,
    names: common::Names,
    inbound: u16,
    outbound: u16,
}

impl House {
    fn start() -> House {
        let names = common::Names::start();
        names.say("test.lists.example", Said::A(Ipv4Addr::new(127, 0, 0, 2)));
        let hop = Hop::start(Manner::default());
        let (inbound, outbound) = (free_port(), free_port());
        let gateway = Gateway::start(&format!(
            "hostname = \"mx.ours.example\"\n\
             [[dns-list]]\nname = \"l\"\nzone = \"lists.example\"\nasks = [\"link\"]\n\
             [[listener]]\nname = \"in\"\nbind = \"127.0.0.1:{inbound}\"\ndirection = \"inbound\"\n\
             [[listener]]\nname = \"out\"\nbind = \"127.0.0.1:{outbound}\"\ndirection = \"outbound\"\n\
             [outbound]\nnetworks = [\"127.0.0.0/8\"]\nsmarthost = \"smtp://127.0.0.1:{hop}\"\n\
             [[domain]]\nname = \"ours.example\"\nnext-hop = \"smtp://127.0.0.1:{hop}\"\nrecipients = \"any\"\n\
             [[domain]]\nname = \"plain.example\"\nnext-hop = \"smtp://127.0.0.1:{hop}\"\nrecipients = \"any\"\n\
             [dns]\nservers = [\"127.0.0.1:{}\"]\nsender-domains = false\n",
            names.port(),
            hop = hop.port(),
        ));
        House { gateway, hop, names, inbound, outbound }
    }

    fn send(&self, port: u16, from: &str, to: &str, mail: &str) -> String {
        let mut client = Client::hello(port);
        client.send(from, &[to], mail.as_bytes()).unwrap().last().to_string()
    }

    /// The only mail that has come so far; forgotten then.
    fn taken(&self) -> Vec<u8> {
        let mut all = wait_for("the mail", || Some(self.hop.drain()).filter(|all| !all.is_empty()));
        assert_eq!(all.len(), 1);
        // As it stood on the wire, with the end of its last line.
        let mut bytes = all.remove(0).bytes;
        if !bytes.ends_with(b"\r\n") {
            bytes.extend_from_slice(b"\r\n");
        }
        bytes
    }

    /// Makes keys; gives names and records.
    fn make_keys(&self, words: &[&str]) -> HashMap<String, String> {
        let all = [&["dkim", "add", "--json"], words].concat();
        let output = self.gateway.command(&all);
        assert!(output.status.success(), "{output:?}");
        let lines = String::from_utf8(output.stdout).unwrap();
        let lines = lines.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        let text = |line: &Value, field: &str| line[field].as_str().unwrap().to_string();
        lines.map(|line| (text(&line, "record_name"), text(&line, "record"))).collect()
    }

    fn publish(&self, records: &HashMap<String, String>) {
        for (name, record) in records {
            self.names.say(name, Said::Txt(record.clone().leak()));
        }
    }

    fn check(&self) -> String {
        String::from_utf8(self.gateway.command(&["dkim", "check"]).stdout).unwrap()
    }

    fn states(&self) -> Vec<(String, String)> {
        let output = self.gateway.command(&["dkim", "list", "--json"]);
        let lines = String::from_utf8(output.stdout).unwrap();
        let lines = lines.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        let text = |line: &Value, field: &str| line[field].as_str().unwrap().to_string();
        lines.map(|line| (text(&line, "selector"), text(&line, "state"))).collect()
    }
}

fn letter(from: &str) -> String {
    format!(
        "From: Anna <{from}>\r\nTo: b@far.example\r\nSubject: a long subject that goes on and on, over\r\n two lines\r\n\
         Date: {NOW}\r\nMessage-ID: <1@ours.example>\r\n\r\nhi  there \r\n\r\n\r\n"
    )
}

async fn results(texts: &Texts, mail: &[u8]) -> Vec<(String, Dkim)> {
    let header = Header::read(mail).unwrap();
    let found = dkim::check(texts, mail, &header).await;
    found.into_iter().map(|one| (one.domain, one.result)).collect()
}

#[tokio::test]
async fn own_mail_is_signed_with_both_kinds_as_soon_as_their_records_are_seen() {
    let house = House::start();
    let keys = house.make_keys(&["ours.example"]);
    assert_eq!(keys.len(), 2);
    let texts = Texts(keys.clone());
    house.send(house.outbound, "anna@ours.example", "b@far.example", &letter("anna@ours.example"));
    assert_eq!(results(&texts, &house.taken()).await, [], "nobody could compare them yet");
    assert!(house.check().contains("waiting\tmissing"));
    house.publish(&keys);
    // An answer that there is no such name is remembered for a moment; another name server would be the same to us.
    wait_for("the records", || {
        (house.check().matches("signing\tpublished").count() == 2).then_some(())
    });
    let ours = || ("ours.example".to_string(), Dkim::Pass);
    for (what, sender, from, to, want) in [
        (
            "own mail",
            "anna@ours.example",
            "anna@ours.example",
            "b@far.example",
            vec![ours(), ours()],
        ),
        (
            "below the domain",
            "anna@ours.example",
            "anna@ours.example",
            "c@far.example",
            vec![ours(), ours()],
        ),
        (
            "another domain of ours without keys",
            "anna@ours.example",
            "anna@plain.example",
            "b@far.example",
            vec![],
        ),
        (
            "a stranger's, passed on",
            "karin@else.example",
            "karin@else.example",
            "b@far.example",
            vec![],
        ),
    ] {
        let reply = house.send(house.outbound, sender, to, &letter(from));
        assert!(reply.starts_with("250"), "{what}: {reply}");
        let mail = house.taken();
        assert_eq!(results(&texts, &mail).await, want, "{what}");
        let twice = [b"Subject: another\r\n", mail.as_slice()].concat();
        let twice = results(&texts, &twice).await;
        assert!(twice.iter().all(|(_, result)| *result == Dkim::Fail), "{what}: {twice:?}");
    }
    // Changing keys: the new ones wait until they are seen, the old ones go on meanwhile and then rest.
    let newer = house.make_keys(&["--selector", "next", "ours.example"]);
    house.send(house.outbound, "anna@ours.example", "b@far.example", &letter("anna@ours.example"));
    assert_eq!(results(&texts, &house.taken()).await, [ours(), ours()]);
    house.publish(&newer);
    wait_for("the records", || house.check().contains("next").then_some(()));
    wait_for("the change", || {
        house.check();
        let states = house.states();
        let is = |state: &str| states.iter().filter(|(_, one)| one == state).count();
        (is("signing") == 2 && is("resting") == 2).then_some(())
    });
    house.send(house.outbound, "anna@ours.example", "b@far.example", &letter("anna@ours.example"));
    assert_eq!(results(&Texts(newer), &house.taken()).await, [ours(), ours()]);
    let missing = house.gateway.command(&["dkim", "add", "strange.example"]);
    assert!(String::from_utf8_lossy(&missing.stderr).contains("no domain of ours"));
}

#[test]
fn own_mail_that_would_fail_where_it_arrives_is_refused_here() {
    let house = House::start();
    let from = "anna@ours.example";
    let send = |to: &str| house.send(house.outbound, from, to, &letter(from));
    // Nothing is asked for: it goes.
    assert!(send("a@far.example").starts_with("250"));
    let names = &house.names;
    names.say("_dmarc.plain.example", Said::Txt("v=DMARC1; p=reject"));
    let from = "anna@plain.example";
    let send = |to: &str| house.send(house.outbound, from, to, &letter(from));
    let reply = send("a@far.example");
    assert!(reply.starts_with("550 5.7.1") && reply.contains("not signed"), "{reply}");
    assert!(send("b@ours.example").starts_with("250"), "our own servers ask nobody");
    house.make_keys(&["--now", "plain.example"]);
    assert!(send("a@far.example").starts_with("250"));
    // What our people write is no list's business; strangers' mail is asked about.
    let of_lists = || -> Vec<String> {
        let asked = house.names.asked().into_iter();
        asked.filter(|name| name.ends_with(".example.lists.example")).collect()
    };
    let with_link = |from: &str| letter(from).replace("hi  there", "http://shop.example/");
    assert!(house.send(house.outbound, from, "a@far.example", &with_link(from)).starts_with("250"));
    assert_eq!(of_lists(), Vec::<String>::new());
    let from = "karin@far.example";
    house.send(house.inbound, from, "a@ours.example", &with_link(from));
    assert_eq!(of_lists(), ["shop.example.lists.example"]);
}

#[test]
fn where_nobody_knows_the_address_that_it_leaves_from_it_goes() {
    let house = House::start();
    house.names.say("_dmarc.plain.example", Said::Txt("v=DMARC1; p=reject"));
    house.names.say("plain.example", Said::Txt("v=spf1 ip4:192.0.2.1 -all"));
    let from = "anna@plain.example";
    let reply = house.send(house.outbound, from, "a@far.example", &letter(from));
    assert!(reply.starts_with("250"), "{reply}");
}

#[tokio::test]
async fn a_signed_mail_that_we_change_is_sealed() {
    let house = House::start();
    let keys = house.make_keys(&["--now", "ours.example"]);
    let texts = Texts(keys);
    // Signed by somebody, with a field that we take away.
    let signed = "DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; d=far.example; s=a;\r\n\th=From:X-Spam-Flag; bh=AAAA; b=AAAA\r\n";
    let mail = format!("{signed}X-Spam-Flag: NO\r\n{}", letter("karin@far.example"));
    let sent = house.send(house.inbound, "karin@far.example", "a@ours.example", &mail);
    assert!(sent.starts_with("250"), "{sent}");
    let sealed = house.taken();
    let header = Header::read(&sealed).unwrap();
    let Known::Yes(fact) = arc::check(&texts, &sealed, &header).await else { panic!("no answer") };
    assert_eq!((fact.result, fact.sealers.len()), (Arc::Pass, 1), "{}", fact.because);
    assert_eq!(fact.sealers[0].domain, "ours.example");
    // Sent through once more, and changed again: a second seal over the first.
    house.publish(&texts.0);
    let again = [b"X-Spam-Flag: NO\r\n", sealed.as_slice()].concat();
    let again = String::from_utf8(again).unwrap();
    house.send(house.inbound, "karin@far.example", "a@ours.example", &again);
    let twice = house.taken();
    let header = Header::read(&twice).unwrap();
    let Known::Yes(fact) = arc::check(&texts, &twice, &header).await else { panic!("no answer") };
    assert_eq!((fact.result, fact.sealers.len()), (Arc::Pass, 2), "{}", fact.because);
    // What nobody signed is not sealed.
    let plain = format!("X-Spam-Flag: NO\r\n{}", letter("karin@far.example"));
    house.send(house.inbound, "karin@far.example", "a@ours.example", &plain);
    assert_eq!(Header::read(&house.taken()).unwrap().count("ARC-Seal"), 0);
}
