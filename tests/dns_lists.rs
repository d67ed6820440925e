//! DNS lists: those that answer well refuse or weigh, those that do not do neither, and without configuration nobody is asked.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, clippy::disallowed_methods)]

mod common;

use common::{Client, Gateway, Hop, ListServer, Lists, Manner, free_port, mail, wait_for};
use serde_json::{Value, json};
use std::{
    fs,
    net::Ipv4Addr,
    thread,
    time::{Duration, Instant},
};

const LISTED: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);

/// Longest wait for a reply to RCPT, whatever the lists do: the bound of its questions, and a busy machine's second.
const RCPT_TIME_MAX: Duration = Duration::from_secs(6);

struct House {
    gateway: Gateway,
    hop: Hop,
    lists: ListServer,
    proxied: u16,
    relayed: u16,
}

impl House {
    /// With these sections, in which the lists are made good or not before it starts.
    fn start(sections: &str, tell: impl FnOnce(&ListServer)) -> House {
        let (hop, lists) = (Hop::start(Manner::default()), ListServer::start());
        tell(&lists);
        let (proxied, relayed) = (free_port(), free_port());
        let config = House::config(sections, [proxied, relayed, hop.port(), lists.port()]);
        let gateway = Gateway::start(&config);
        House { gateway, hop, lists, proxied, relayed }
    }

    fn config(sections: &str, [proxied, relayed, hop, dns]: [u16; 4]) -> String {
        format!(
            r#"
hostname = "mx.ours.example"
[[listener]]
name = "proxied"
bind = "127.0.0.1:{proxied}"
direction = "inbound"
proxy-protocol-from = ["127.0.0.0/8"]
[[listener]]
name = "relayed"
bind = "127.0.0.1:{relayed}"
direction = "inbound"
trusted-relays = ["127.0.0.1/32"]
[outbound]
networks = ["198.51.100.0/24"]
[dns]
servers = ["127.0.0.1:{dns}"]
sender-domains = false
[lists]
allow = ["friend@allowed.example"]
[[organisation]]
name = "acme"
[[organisation]]
name = "shadowed"
mode = "shadow"
[[domain]]
name = "shadowed.example"
organisation = "shadowed"
next-hop = "smtp://127.0.0.1:{hop}"
recipients = "any"
[[domain]]
name = "ours.example"
organisation = "acme"
next-hop = "smtp://127.0.0.1:{hop}"
recipients = "any"
{sections}
"#
        )
        .replace(
            "networks = [\"198.51.100.0/24\"]\n",
            "networks = [\"198.51.100.0/24\"]\norganisation = \"acme\"\n",
        )
    }

    /// Waits until so many lists are asked, and says how each stands.
    fn standing(&self, good: usize) -> Value {
        wait_for("the lists' trial", || {
            let status = self.gateway.ask(&json!({ "command": "status" })).unwrap();
            let lists = status["dns_lists"].as_array().unwrap();
            let asked = lists.iter().filter(|list| list["aside"].is_null()).count();
            let tried = lists.iter().all(|list| list["aside"] != "it was not tried yet");
            (tried && asked == good).then(|| status.clone())
        })
    }

    fn at_rcpt(&self, address: &str, from: &str, to: &str) -> (Client, String, Duration) {
        let mut client = Client::dial(self.proxied).unwrap();
        let family = if address.contains(':') { "TCP6" } else { "TCP4" };
        let here = if address.contains(':') { "::1" } else { "127.0.0.1" };
        client.say(&format!("PROXY {family} {address} {here} 40000 25"));
        client.expect("220");
        client.say("EHLO client.helo.example");
        client.expect("250");
        client.say(&format!("MAIL FROM:<{from}>"));
        client.expect("250");
        let began = Instant::now();
        let said = client.ask(&format!("RCPT TO:<{to}>")).unwrap().last().to_string();
        (client, said, began.elapsed())
    }

    /// Sends a mail and gives its findings about lists as `id because`, and how it was answered.
    fn findings(&self, address: &str, from: &str, text: &str) -> Vec<String> {
        let (mut client, said, _) = self.at_rcpt(address, from, "anna@ours.example");
        assert!(said.starts_with("250"), "{said}");
        client.say("DATA");
        client.expect("354");
        client.say(&format!("{text}\r\n."));
        self.of_trace(&client.hear().unwrap().id().unwrap())
    }

    fn of_trace(&self, id: &str) -> Vec<String> {
        let row = wait_for("the trace", || {
            let trace = self.gateway.command(&["trace", id, "--json"]);
            serde_json::from_slice::<Value>(&trace.stdout).ok()
        });
        let mut found = Vec::new();
        gather(&row, &mut found);
        found.sort();
        found.dedup();
        found
    }

    fn rewrite(&self, sections: &str) {
        let ports = [self.proxied, self.relayed, self.hop.port(), self.lists.port()];
        self.gateway.rewrite_config(&House::config(sections, ports));
    }
}

/// Every finding about DNS lists anywhere in a value.
fn gather(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            let id = fields.get("id").and_then(Value::as_str).unwrap_or_default();
            if id.starts_with("dns_list.") {
                found.push(format!("{id} {}", fields["because"].as_str().unwrap_or_default()));
            }
            fields.values().for_each(|value| gather(value, found));
        }
        Value::Array(values) => values.iter().for_each(|value| gather(value, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => (),
    }
}

fn list(name: &str, more: &str) -> String {
    format!("[[dns-list]]\nname = \"{name}\"\nzone = \"{name}.example\"\n{more}\n")
}

#[test]
fn a_listed_client_is_refused_where_the_operator_says_so_and_weighs_elsewhere() {
    let sections = [
        list("bl", "asks = [\"client\"]\nrefuse = true"),
        list("wl", "asks = [\"client\"]\nmeans = \"allow\""),
        list(
            "coded",
            "asks = [\"client\"]\ncodes = [{ answer = \"127.0.0.2\", name = \"spam source\", weight = 1.5 }, \
             { answer = \"127.0.0.10-11\", name = \"dial-up\", refuse = true }]",
        ),
    ]
    .concat();
    let house = House::start(&sections, |lists| {
        for zone in ["bl.example", "wl.example", "coded.example"] {
            lists.is_good(zone);
        }
        for (name, said) in [
            ("9.2.0.192.bl.example", Lists::As(LISTED)),
            ("8.2.0.192.bl.example", Lists::As(LISTED)),
            ("8.2.0.192.wl.example", Lists::As(LISTED)),
            ("7.2.0.192.bl.example", Lists::Long(LISTED)),
            ("6.2.0.192.coded.example", Lists::As(LISTED)),
            ("5.2.0.192.coded.example", Lists::As(Ipv4Addr::new(127, 0, 0, 11))),
            ("4.2.0.192.coded.example", Lists::As(Ipv4Addr::new(127, 0, 0, 99))),
        ] {
            lists.say(name, said);
        }
    });
    house.standing(3);
    let (from, anna) = ("x@far.example", "anna@ours.example");
    for (address, from, to, reply) in [
        ("192.0.2.1", from, anna, "250"),
        ("192.0.2.9", from, anna, "550 5.7.1 your mail server's address is on a public block list"),
        ("192.0.2.9", "", anna, "550 5.7.1"),
        // Whoever has trouble with us must be able to say so; an allow list wins; so does one of ours; a trial refuses nobody.
        ("192.0.2.9", from, "postmaster@ours.example", "250"),
        ("192.0.2.9", from, "abuse@ours.example", "250"),
        ("192.0.2.8", from, anna, "250"),
        ("192.0.2.9", "friend@allowed.example", anna, "250"),
        ("192.0.2.9", from, "bo@shadowed.example", "250"),
        // The answer is too long for a datagram.
        ("192.0.2.7", from, anna, "550 5.7.1"),
        // A code may weigh only, or refuse only.
        ("192.0.2.6", from, anna, "250"),
        ("192.0.2.5", from, anna, "550 5.7.1"),
        ("192.0.2.4", from, anna, "250"),
        // The list has no test entry for IPv6, so it knows none, and it is not asked.
        ("2001:db8::9", from, anna, "250"),
    ] {
        let (_, said, took) = house.at_rcpt(address, from, to);
        assert!(said.starts_with(reply), "{address} {from} to {to}: {said}");
        assert!(took < RCPT_TIME_MAX, "{took:?}");
    }
    for (address, want) in [
        ("192.0.2.1", vec![]),
        (
            "192.0.2.8",
            vec![
                "dns_list.allowed the client 192.0.2.8 is on the list wl",
                "dns_list.client the client 192.0.2.8 is on the list bl",
            ],
        ),
        (
            "192.0.2.6",
            vec!["dns_list.client the client 192.0.2.6 is on the list coded as spam source"],
        ),
        ("192.0.2.4", vec!["dns_list.unknown coded: none of its codes explains 127.0.0.99"]),
    ] {
        assert_eq!(house.findings(address, from, &mail("a")), want, "{address}");
    }
    assert!(house.lists.asked("bl.example").iter().all(|name| !name.contains("8.b.d.0.1.0.0.2")));
    let log = house.gateway.log();
    assert!(log.contains("the client is on a DNS list") && log.contains("bl"), "{log}");
}

#[test]
fn domains_links_and_hashes_are_asked_about_and_nothing_of_ours() {
    let sections = [
        list(
            "dom",
            "asks = [\"helo\", \"sender\", \"from\", \"link\"]\ncategory = \"phish\"\nweight = 1",
        ),
        list("host", "asks = [\"link\"]\nnames = \"whole\"\nweight = 1"),
        list("ip", "asks = [\"client\", \"link-address\"]\nweight = 1"),
        list("hash", "asks = [\"link-hash\"]\nhash = \"md5-hex\"\nweight = 1"),
    ]
    .concat();
    let house = House::start(&sections, |lists| {
        lists.knows_domains("dom.example");
        lists.knows_domains("host.example");
        lists.is_good("ip.example");
        for name in [
            "helo.example.dom.example",
            "evil.example.dom.example",
            "www.evil.example.host.example",
            "77.100.51.203.ip.example",
            // MD5 of "www.evil.example/a".
            &format!("{}.hash.example", MD5_OF_LINK),
        ] {
            lists.say(name, Lists::As(LISTED));
        }
    });
    house.standing(4);
    let text = mail("b").replace(
        "shall we",
        "https://www.evil.example/a http://203.51.100.77/ https://intranet.ours.example/x http://10.0.0.8/ shall we",
    );
    let found = house.findings("192.0.2.1", "x@far.example", &text);
    let want = [
        "dns_list.domain the name in HELO client.helo.example is on the list dom",
        "dns_list.hash a link is on the list hash",
        "dns_list.link the linked host 203.51.100.77 is on the list ip",
        "dns_list.link the linked host www.evil.example is on the list dom",
        "dns_list.link the linked host www.evil.example is on the list host",
    ];
    assert_eq!(found, want);
    for zone in ["dom.example", "host.example", "ip.example"] {
        let asked = house.lists.asked(zone);
        let ours = |name: &String| name.contains("ours.example") || name.starts_with("8.0.0.10.");
        assert!(!asked.iter().any(ours), "{asked:?}");
    }
    let domains = house.lists.asked("dom.example");
    for name in ["helo", "far", "evil"] {
        let name = format!("{name}.example.dom.example");
        assert_eq!(
            domains.iter().filter(|asked| **asked == name).count(),
            1,
            "{name}: {domains:?}"
        );
    }
}

/// Of "www.evil.example/a".
const MD5_OF_LINK: &str = "100fc622b8ebda5bbd068ac01b9bba1c";

#[test]
fn attachments_are_asked_about_by_their_hash_and_ipv6_clients_where_a_list_knows_them() {
    let sections = [
        list("files", "asks = [\"attachment-hash\"]\nweight = 1"),
        list("six", "asks = [\"client\"]\nweight = 1"),
    ]
    .concat();
    let house = House::start(&sections, |lists| {
        lists.is_good("six.example");
        let test_entry =
            "2.0.0.0.0.0.f.7.f.f.f.f.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.six.example";
        for name in [test_entry, CLIENT_V6, &format!("{SHA256_OF_FILE}.files.example")] {
            lists.say(name, Lists::As(LISTED));
        }
    });
    house.standing(2);
    let text = mail("e").replace(
        "\r\n\r\n",
        "\r\nMIME-Version: 1.0\r\nContent-Type: application/octet-stream; name=a.bin\r\nContent-Disposition: attachment; filename=a.bin\r\n\
         Content-Transfer-Encoding: base64\r\n\r\naGVsbG8gbGlzdHMK\r\n",
    );
    let (head, _) = text.split_once("aGVsbG8gbGlzdHMK").unwrap();
    let found =
        house.findings("2001:db8::9", "x@far.example", &format!("{head}aGVsbG8gbGlzdHMK\r\n"));
    let want = [
        "dns_list.client the client 2001:db8::9 is on the list six",
        "dns_list.hash an attachment is on the list files",
    ];
    assert_eq!(found, want);
}

const CLIENT_V6: &str =
    "9.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.six.example";

/// Of "hello lists" and a line end, in base32.
const SHA256_OF_FILE: &str = "uif7z6z2tybfixr73spfaxsot3qtxbnzl3756oafsxh2bcdxoqqq";

#[test]
fn a_crowd_that_comes_while_the_lists_fail_waits_for_nobody_and_is_taken() {
    const CROWD: usize = 40;
    let names = ["failing", "silent", "late"];
    let more = "asks = [\"client\"]\nrefuse = true\ntimeout = \"500 ms\"";
    let sections: String = names.iter().map(|name| list(name, more)).collect();
    let house = House::start(&sections, |lists| {
        names.iter().for_each(|name| lists.is_good(&format!("{name}.example")));
    });
    house.standing(3);
    for (name, said) in [
        ("failing", Lists::Failure),
        ("silent", Lists::Silence),
        ("late", Lists::Late(LISTED, Duration::from_secs(3))),
    ] {
        house.lists.say(&format!("*.{name}.example"), said);
    }
    let began = Instant::now();
    thread::scope(|scope| {
        for number in 0..CROWD {
            let house = &house;
            scope.spawn(move || {
                let network = ["192.0.2", "198.51.100", "203.0.113"][number % 3];
                let address = format!("{network}.{}", 100 + number);
                let (_, said, took) = house.at_rcpt(&address, "x@far.example", "anna@ours.example");
                assert!(said.starts_with("250"), "{said}");
                assert!(took < RCPT_TIME_MAX, "{took:?}");
            });
        }
    });
    assert!(began.elapsed() < RCPT_TIME_MAX * 2, "{:?}", began.elapsed());
    house.standing(0);
    let asked = || house.lists.asked("failing.example").len();
    let before = asked();
    for _ in 0..5 {
        let (_, said, took) = house.at_rcpt("192.0.2.50", "x@far.example", "anna@ours.example");
        assert!(said.starts_with("250") && took < Duration::from_secs(1), "{said} {took:?}");
    }
    let clients = house.lists.asked("failing.example").split_off(before);
    assert!(clients.iter().all(|name| !name.starts_with("50.2.0.192")), "{clients:?}");
    let log = house.gateway.log();
    assert_eq!(log.matches("a DNS list is put aside").count(), names.len(), "once each: {log}");
}

#[test]
fn scan_tries_and_asks_the_lists_about_a_client_that_is_named() {
    let lists = ListServer::start();
    lists.is_good("bl.example");
    lists.say("9.2.0.192.bl.example", Lists::As(LISTED));
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str| folder.path().join(name);
    let config = format!(
        "hostname = \"mx.ours.example\"\n[dns]\nservers = [\"127.0.0.1:{}\"]\n{}",
        lists.port(),
        list("bl", "asks = [\"client\"]")
    );
    fs::write(file("sluss.toml"), config).unwrap();
    fs::write(file("a.eml"), mail("a")).unwrap();
    for (words, want) in [
        (&["--client-ip", "192.0.2.9"][..], true),
        (&["--client-ip", "192.0.2.8"], false),
        (&["--client-ip", "192.0.2.9", "--offline"], false),
        (&[], false),
    ] {
        let mut command = common::binary();
        command.args(["scan", "--json", "--config"]).arg(file("sluss.toml")).args(words);
        let output = command.arg(file("a.eml")).output().unwrap();
        let told = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(told.contains("\"findings\""), "{told}");
        assert_eq!(told.contains("dns_list.client"), want, "{words:?}: {told}");
    }
}

#[test]
fn of_mail_that_a_relay_of_ours_brings_the_host_before_it_is_asked_about() {
    let sections = list("bl", "asks = [\"client\"]\nrefuse = true\nweight = 1");
    let house = House::start(&sections, |lists| {
        lists.is_good("bl.example");
        lists.say("9.2.0.192.bl.example", Lists::As(LISTED));
    });
    house.standing(1);
    let mut client = Client::hello_from("127.0.0.1", house.relayed);
    let received = "Received: from far.example (far.example [192.0.2.9])\r\n\tby relay.ours.example with ESMTP id 1;\r\n\tThu, 19 Nov 2026 10:15:00 +0100\r\n";
    let text = format!("{received}{}", mail("relayed"));
    let heard = client.send("x@far.example", &["anna@ours.example"], text.as_bytes()).unwrap();
    assert!(heard.last().starts_with("250"), "{heard:?}");
    let found = house.of_trace(&heard.id().unwrap());
    assert_eq!(found, ["dns_list.client the client 192.0.2.9 is on the list bl"]);
    // A client of our own is not asked about, wherever it is.
    let (_, said, _) = house.at_rcpt("198.51.100.7", "x@far.example", "anna@ours.example");
    assert!(said.starts_with("250"), "{said}");
    let asked = house.lists.asked("bl.example");
    assert!(!asked.iter().any(|name| name.starts_with("7.100.51.198")), "{asked:?}");
    // The relay was in nobody's list but this machine's own test entries begin alike.
    assert!(
        asked.iter().all(|name| !name.starts_with("1.0.0.127") || name == "1.0.0.127.bl.example")
    );
}

#[test]
fn lists_that_lie_or_are_dead_refuse_nobody_and_are_said() {
    let lists = [
        ("everything", "it lists everything"),
        ("refusing", "it answers 127.255.255.254: it refuses us"),
        ("sold", "it answers 192.0.2.66, which is no answer of a list"),
        ("empty", "it does not list its own test entry"),
        ("failing", "it does not answer"),
        ("silent", "it does not answer"),
        ("garbled", "it does not answer"),
        ("lied-of", "it does not answer"),
        ("late", "it does not answer"),
    ];
    let more = "asks = [\"client\"]\nrefuse = true\nweight = 8\ntimeout = \"300 ms\"";
    let sections: String = lists.iter().map(|(name, _)| list(name, more)).collect();
    let house = House::start(&sections, |server| {
        for (name, said) in [
            ("everything", Lists::As(LISTED)),
            ("refusing", Lists::As(Ipv4Addr::new(127, 255, 255, 254))),
            ("sold", Lists::As(Ipv4Addr::new(192, 0, 2, 66))),
            ("empty", Lists::Not),
            ("failing", Lists::Failure),
            ("silent", Lists::Silence),
            ("garbled", Lists::Garbage),
            ("lied-of", Lists::OtherQuestion),
            ("late", Lists::Late(LISTED, Duration::from_secs(2))),
        ] {
            server.say(&format!("*.{name}.example"), said);
        }
    });
    let status = house.standing(0);
    for (number, (name, why)) in lists.iter().enumerate() {
        let told = &status["dns_lists"][number];
        let aside = told["aside"].as_str().unwrap();
        assert!(told["name"] == *name && aside.starts_with(why), "{name}: {told}");
    }
    let (_, said, took) = house.at_rcpt("192.0.2.9", "x@far.example", "anna@ours.example");
    assert!(said.starts_with("250"), "{said}");
    assert!(took < Duration::from_secs(2), "nobody waits for a list that is put aside: {took:?}");
    let found = house.findings("192.0.2.9", "x@far.example", &mail("c"));
    assert_eq!(found.len(), lists.len(), "{found:?}");
    assert!(found.iter().all(|one| one.starts_with("dns_list.unknown ")), "{found:?}");
    let asked = house.lists.asked("example");
    assert!(!asked.iter().any(|name| name.starts_with("9.2.0.192.") && !name.ends_with("arpa")));
    let shown = house.gateway.command(&["status"]);
    let shown = String::from_utf8_lossy(&shown.stdout).into_owned();
    assert!(shown.contains("DNS lists asked              0 of 9"), "{shown}");
    assert!(
        shown.contains("the DNS list everything is put aside and not asked: it lists everything")
    );
    let log = house.gateway.log();
    assert_eq!(log.matches("a DNS list is put aside").count(), lists.len(), "once each: {log}");
    // Mended, it comes back.
    house.lists.is_good("everything.example");
    house.lists.say("9.2.0.192.everything.example", Lists::As(LISTED));
    assert!(house.gateway.command(&["reload"]).status.success());
    house.standing(1);
    let (_, said, _) = house.at_rcpt("192.0.2.9", "x@far.example", "anna@ours.example");
    assert!(said.starts_with("550 5.7.1"), "{said}");
    assert!(house.gateway.log().contains("a DNS list answers as lists do and is asked"));
}

#[test]
fn a_list_that_turns_bad_is_put_aside_by_what_it_answers_to_mail_and_comes_back_by_itself() {
    let more = "asks = [\"client\"]\nrefuse = true\ntimeout = \"300 ms\"";
    let house = House::start(&[list("over", more), list("dying", more)].concat(), |lists| {
        for zone in ["over.example", "dying.example"] {
            lists.is_good(zone);
            lists.say(&format!("9.2.0.192.{zone}"), Lists::As(LISTED));
        }
    });
    house.standing(2);
    let rcpt = |address: &str| house.at_rcpt(address, "x@far.example", "anna@ours.example").1;
    assert!(rcpt("192.0.2.9").starts_with("550"));
    // One has enough of our questions, the other is gone.
    house.lists.say("9.2.0.192.over.example", Lists::As(Ipv4Addr::new(127, 255, 255, 255)));
    house.lists.say("9.2.0.192.dying.example", Lists::Silence);
    assert!(rcpt("192.0.2.9").starts_with("250"));
    let status = house.standing(1);
    let why = status["dns_lists"][0]["aside"].as_str().unwrap();
    assert!(why.starts_with("it answers 127.255.255.255: it refuses us"), "{why}");
    for _ in 0..5 {
        assert!(rcpt("192.0.2.9").starts_with("250"));
    }
    let status = house.standing(0);
    assert_eq!(status["dns_lists"][1]["aside"], "it does not answer: it was too slow");
    // The one that was silent is tried again after some seconds, without a reload and without a mail.
    house.lists.say("9.2.0.192.dying.example", Lists::As(LISTED));
    house.standing(1);
    assert!(rcpt("192.0.2.9").starts_with("550"));
}

#[test]
fn without_a_list_in_the_configuration_no_list_is_asked() {
    let house = House::start("", |lists| lists.say("*.example", Lists::As(LISTED)));
    let text = mail("d").replace("shall we", "https://www.evil.example/a shall we");
    assert_eq!(house.findings("192.0.2.9", "x@far.example", &text), Vec::<String>::new());
    let asked = house.lists.asked("");
    // Who sent it is asked, and of nothing inside.
    let of_sender = |name: &String| {
        name.ends_with(".in-addr.arpa")
            || name.ends_with("far.example")
            || name.ends_with("example.org")
            || name == "org"
            || name == "_dmarc.org"
            || name.ends_with("helo.example")
            || name.ends_with("client.helo.example")
    };
    let others: Vec<&String> = asked.iter().filter(|name| !of_sender(name)).collect();
    assert!(others.is_empty() && !asked.is_empty(), "{others:?}");
    // With one it is, after a reload.
    house.lists.is_good("bl.example");
    house.lists.say("9.2.0.192.bl.example", Lists::As(LISTED));
    house.rewrite(&list("bl", "asks = [\"client\"]\nrefuse = true"));
    assert!(house.gateway.command(&["reload"]).status.success());
    house.standing(1);
    let (_, said, _) = house.at_rcpt("192.0.2.9", "x@far.example", "anna@ours.example");
    assert!(said.starts_with("550 5.7.1"), "{said}");
}
