//! Who sent it: the suite of others for SPF, and the gateway asking a name server that says what the test wants.

// Real time, and failing loudly, is what these tests are for.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, clippy::disallowed_methods)]

mod common;

use common::{Client, Gateway, Hop, Manner, NOW, Said, free_port, mail, wait_for};
use serde_json::Value;
use sluss::{
    facts::{
        Known,
        auth::{
            Answer, Names, NoAnswer, SpfFact, arc, dkim,
            dmarc::{self, DmarcFact},
            iprev,
            spf::{self, Question},
        },
    },
    mail::{Domain, Header},
    wire::auth::{
        Dkim, Signature, Spf,
        canonical::{self, Form},
    },
};
use std::{
    collections::HashMap,
    fs,
    future::Future,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

/// The zone of a scenario: names in lower case, their records in order.
struct Zone(HashMap<String, Vec<(String, Value)>>);

impl Zone {
    fn of(zone: &Value) -> Zone {
        let names = zone.as_object().unwrap().iter().map(|(name, records)| {
            let mut records: Vec<(String, Value)> = records
                .as_array()
                .unwrap()
                .iter()
                .map(|record| {
                    let kind = record[0].as_str().unwrap().to_string();
                    (kind, record.get(1).cloned().unwrap_or(Value::Null))
                })
                .collect();
            // The suite was written for two kinds of records; unless it says otherwise, TXT has the same.
            if !records.iter().any(|(kind, _)| kind == "TXT") {
                for (kind, _) in &mut records {
                    if kind == "SPF" {
                        *kind = "TXT".to_string();
                    }
                }
            }
            (name.to_ascii_lowercase(), records)
        });
        Zone(names.collect())
    }

    fn records(&self, name: &str, kind: &str) -> Result<Vec<Value>, NoAnswer> {
        let mut name = name.trim_end_matches('.').to_ascii_lowercase();
        for _ in 0..8 {
            let Some(records) = self.0.get(&name) else { return Ok(Vec::new()) };
            let mut found = Vec::new();
            let mut alias = None;
            for (of, value) in records {
                let silent = of == "TIMEOUT" || (of == kind && value == "TIMEOUT");
                if silent && found.is_empty() {
                    return Err(NoAnswer("no answer in time".to_string()));
                }
                if of == kind && value != "NONE" {
                    found.push(value.clone());
                }
                if of == "CNAME" {
                    alias = value.as_str();
                }
            }
            match alias {
                Some(alias) if found.is_empty() => name = alias.to_ascii_lowercase(),
                Some(_) | None => return Ok(found),
            }
        }
        Ok(Vec::new())
    }

    fn parsed<T: std::str::FromStr>(&self, name: &str, kind: &str) -> Answer<T> {
        let records = self.records(name, kind)?;
        Ok(records.iter().filter_map(|value| value.as_str()?.parse().ok()).collect())
    }
}

impl Names for Zone {
    fn txt(&self, name: &str) -> impl Future<Output = Answer<Vec<u8>>> + Send {
        let text = |value: &Value| match value.as_array() {
            Some(pieces) => pieces.iter().map(|piece| piece.as_str().unwrap()).collect::<String>(),
            None => value.as_str().unwrap().to_string(),
        };
        // A byte for each letter, as the suite's file has them.
        let bytes = |text: String| {
            text.chars().map(|letter| u8::try_from(u32::from(letter)).unwrap()).collect()
        };
        let answer = self.records(name, "TXT");
        std::future::ready(answer.map(|all| all.iter().map(text).map(bytes).collect()))
    }

    fn a(&self, name: &str) -> impl Future<Output = Answer<Ipv4Addr>> + Send {
        std::future::ready(self.parsed(name, "A"))
    }

    fn aaaa(&self, name: &str) -> impl Future<Output = Answer<Ipv6Addr>> + Send {
        std::future::ready(self.parsed(name, "AAAA"))
    }

    fn mx(&self, name: &str) -> impl Future<Output = Answer<String>> + Send {
        let answer = self.records(name, "MX");
        let host = |value: &Value| value[1].as_str().unwrap().to_string();
        std::future::ready(answer.map(|all| {
            let mut all: Vec<(u64, String)> =
                all.iter().map(|value| (value[0].as_u64().unwrap(), host(value))).collect();
            all.sort();
            all.into_iter().map(|(_, host)| host).collect()
        }))
    }

    fn ptr(&self, address: IpAddr) -> impl Future<Output = Answer<String>> + Send {
        let name = match address {
            IpAddr::V4(address) => {
                let [a, b, c, d] = address.octets();
                format!("{d}.{c}.{b}.{a}.in-addr.arpa")
            }
            IpAddr::V6(address) => {
                let digits = address.octets().into_iter().rev();
                let digits = digits.flat_map(|byte| [byte & 15, byte >> 4]);
                let digits: Vec<String> = digits.map(|digit| format!("{digit:x}")).collect();
                format!("{}.ip6.arpa", digits.join("."))
            }
        };
        std::future::ready(self.parsed(&name, "PTR"))
    }
}

/// A mail, the keys that there are, and what a suite says of its chain.
#[tokio::test]
async fn the_suite_for_arc_passes_whole() {
    let suite = fs::read_to_string("tests/suites/arc_rfc8617.json").unwrap();
    let suite: Value = serde_json::from_str(&suite).unwrap();
    let (mut count, mut wrong) = (0, Vec::new());
    for scenario in suite["scenarios"].as_array().unwrap() {
        let zone = Zone::of(&scenario["zone"]);
        for test in scenario["tests"].as_array().unwrap() {
            count += 1;
            let mail = test["message"].as_str().unwrap().replace('\n', "\r\n");
            let header = Header::read(mail.as_bytes()).unwrap();
            let found = arc::check(&zone, mail.as_bytes(), &header).await;
            let Known::Yes(fact) = found else { panic!("{}: {found:?}", test["name"]) };
            if fact.result.word() != test["chain"] {
                wrong.push(format!("{}: {fact:?}, not {}", test["name"], test["chain"]));
            }
        }
    }
    assert_eq!(count, 171);
    assert!(wrong.is_empty(), "{} of {count} wrong:\n{}", wrong.len(), wrong.join("\n"));
}

/// Bytes that stand as letters of Latin-1.
fn bytes_of(text: &Value) -> Vec<u8> {
    let letters = text.as_str().unwrap().chars();
    letters.map(|letter| u8::try_from(u32::from(letter)).unwrap()).collect()
}

#[tokio::test]
async fn the_corpora_for_dkim_pass_but_for_what_is_too_weak_today() {
    let suite = fs::read_to_string("tests/suites/dkim_corpora.json").unwrap();
    let suite: Value = serde_json::from_str(&suite).unwrap();
    let zone = Zone::of(&suite["zone"]);
    let mut wrong = Vec::new();
    for case in suite["cases"].as_array().unwrap() {
        let mail = String::from_utf8_lossy(&bytes_of(&case["message"])).replace('\n', "\r\n");
        let found = signatures(&zone, &mail).await;
        let words: Vec<&str> = found.iter().map(|one| one.result.word()).collect();
        let as_made = words.contains(&"pass") == (case["corpus"] == "pass");
        if case["results"] != Value::from(words.clone()) || as_made == case["exception"].is_string()
        {
            wrong.push(format!("{}: {found:?}", case["name"]));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn canonical_forms_are_those_of_others() {
    let suite = fs::read_to_string("tests/suites/dkim_canonical.json").unwrap();
    let suite: Value = serde_json::from_str(&suite).unwrap();
    for case in suite["cases"].as_array().unwrap() {
        let mail = bytes_of(&case["message"]);
        let header = Header::read(&mail).unwrap();
        for (form, word) in [(Form::Simple, "simple"), (Form::Relaxed, "relaxed")] {
            let mut out = Vec::new();
            for field in header.fields() {
                canonical::field(form, header.label(field), header.raw(field), &mut out);
                out.extend_from_slice(b"\r\n");
            }
            out.extend_from_slice(b"\r\n");
            canonical::body(form, &mail[header.body_at()..], |piece| out.extend_from_slice(piece));
            let (out, want) = (String::from_utf8_lossy(&out).into_owned(), bytes_of(&case[word]));
            assert_eq!(out.as_bytes(), want, "{word}: {} {out:?}", case["name"]);
        }
    }
}

/// The test data of the public suffix list (CC0).
#[test]
fn domains_are_owned_where_the_public_suffix_list_says() {
    let suite = fs::read_to_string("tests/suites/public_suffix.txt").unwrap();
    let cases = suite.lines().filter(|line| !line.starts_with("//") && line.contains(' '));
    for (name, owner) in cases.filter_map(|line| line.split_once(' ')) {
        // A leading dot makes a name that is none, and so does nothing at all.
        let Ok(domain) = Domain::parse(name) else {
            assert!(owner == "null", "{name}");
            continue;
        };
        let owner = Domain::parse(owner).ok().filter(|_| owner != "null");
        // What is itself a public suffix stands for itself.
        let want = owner.as_ref().unwrap_or(&domain);
        assert_eq!(domain.registered(), want.as_str(), "{name}");
    }
}

#[tokio::test]
async fn the_suite_for_spf_passes_whole() {
    let suite = fs::read_to_string("tests/suites/spf_rfc7208.json").unwrap();
    let suite: Value = serde_json::from_str(&suite).unwrap();
    let (mut count, mut wrong) = (0, Vec::new());
    for scenario in suite["scenarios"].as_array().unwrap() {
        let zone = Zone::of(&scenario["zone"]);
        for test in scenario["tests"].as_array().unwrap() {
            count += 1;
            let word = |field: &str| test[field].as_str().unwrap_or_default();
            let helo = word("helo");
            // RFC 7208 section 2.4: without a sender, or a local part, it is the postmaster of what was said in HELO.
            let (local, domain) = match word("mailfrom").rsplit_once('@') {
                Some(("", domain)) => ("postmaster", domain),
                Some((local, domain)) => (local, domain),
                None if word("mailfrom").is_empty() => ("postmaster", helo),
                None => ("postmaster", word("mailfrom")),
            };
            let question = Question {
                client: word("host").parse().unwrap(),
                helo,
                local,
                domain,
                receiver: "unknown",
                seconds: 0,
            };
            let said = spf::check(&zone, question).await;
            let wanted: Vec<&str> = test["results"]
                .as_array()
                .unwrap()
                .iter()
                .map(|one| one.as_str().unwrap())
                .collect();
            let explained = match test["explanation"].as_str() {
                None | Some("DEFAULT") => true,
                Some(text) => said.explanation.as_deref() == Some(text),
            };
            if !wanted.contains(&said.result.word()) || !explained {
                let description = scenario["description"].as_str().unwrap();
                let name = word("name");
                wrong.push(format!(
                    "{description}, {name}: wanted {wanted:?} {:?}, got {said:?}",
                    test["explanation"]
                ));
            }
        }
    }
    assert_eq!(count, 203);
    assert!(wrong.is_empty(), "{} of {count}:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn the_gateway_asks_who_may_send_and_says_what_it_heard() {
    let names = common::Names::start();
    for (domain, said) in [
        ("good.example", Said::Txt("v=spf1 ip4:127.0.0.1 -all")),
        ("bad.example", Said::Txt("v=spf1 ip4:192.0.2.1 -all")),
        ("silent.example", Said::Failure),
        ("mx.helo.example", Said::Txt("v=spf1 a:mx.helo.example -all")),
    ] {
        names.say(domain, said);
    }
    names.say("mx.helo.example", Said::A(Ipv4Addr::LOCALHOST));
    let hop = Hop::start(Manner::default());
    let port = free_port();
    let gateway = Gateway::start(&format!(
        "hostname = \"mx.ours.example\"\n\
         [[listener]]\nname = \"in\"\nbind = \"127.0.0.1:{port}\"\ndirection = \"inbound\"\n\
         [[domain]]\nname = \"ours.example\"\nnext-hop = \"smtp://127.0.0.1:{}\"\nrecipients = \"any\"\n\
         [dns]\nservers = [\"127.0.0.1:{}\"]\n",
        hop.port(),
        names.port()
    ));
    for (sender, result, finding) in [
        ("karin@good.example", "spf=pass smtp.mailfrom=karin@good.example", None),
        ("karin@bad.example", "spf=fail smtp.mailfrom=karin@bad.example", Some("spf.fail")),
        ("karin@nothing.example", "spf=none smtp.mailfrom=karin@nothing.example", None),
        (
            "karin@silent.example",
            "spf=temperror smtp.mailfrom=karin@silent.example",
            Some("spf.unknown"),
        ),
        ("", "spf=pass smtp.helo=mx.helo.example", None),
    ] {
        let mut client = Client::dial(port).unwrap();
        client.hear().unwrap();
        client.ask("EHLO mx.helo.example").unwrap();
        let word = format!("from-{}", sender.replace(['@', '.'], "-"));
        let heard = client.send(sender, &["anna@ours.example"], mail(&word).as_bytes()).unwrap();
        assert!(heard.last().starts_with("250 2.0.0 delivered"), "{heard:?}");
        let arrived = hop.drain();
        let text = arrived.last().unwrap().text();
        let field = format!(
            "Authentication-Results: mx.ours.example;\r\n iprev=pass policy.iprev=127.0.0.1;\r\n {result};\r\n dmarc=none header.from=example.org\r\n"
        );
        assert!(text.contains(&field), "{sender}: {text}");
        let id = heard.id().unwrap();
        wait_for("the trace", || {
            let trace = gateway.command(&["trace", &id, "--json"]);
            let trace = String::from_utf8_lossy(&trace.stdout).into_owned();
            let is_there = |id: &str| trace.contains(&format!("\"{id}\""));
            match finding {
                Some(finding) => is_there(finding),
                None => !trace.is_empty() && !is_there("spf.fail") && !is_there("spf.unknown"),
            }
            .then_some(())
        });
    }
}

#[test]
fn scan_asks_about_a_client_that_is_named() {
    let names = common::Names::start();
    names.say("bad.example", Said::Txt("v=spf1 ip4:192.0.2.1 -all"));
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str| folder.path().join(name);
    let config = format!(
        "hostname = \"mx.ours.example\"\n[dns]\nservers = [\"127.0.0.1:{}\"]\n",
        names.port()
    );
    fs::write(file("sluss.toml"), config).unwrap();
    fs::write(file("a.eml"), mail("a")).unwrap();
    let scan = |words: &[&str]| {
        let mut command = common::binary();
        command.args(["scan", "--json", "--config"]).arg(file("sluss.toml"));
        command.args(["--mail-from", "karin@bad.example"]).args(words);
        let output = command.arg(file("a.eml")).output().unwrap();
        serde_json::from_slice::<Value>(&output.stdout).unwrap()["auth"]["spf"].clone()
    };
    assert_eq!(scan(&["--client-ip", "192.0.2.1"]), "pass");
    assert_eq!(scan(&["--client-ip", "192.0.2.2"]), "fail");
    assert_eq!(scan(&["--client-ip", "192.0.2.2", "--offline"]), Value::Null);
    assert_eq!(scan(&[]), Value::Null);
}

#[tokio::test]
async fn a_client_is_called_what_leads_back_to_it() {
    let records = |kind: &str, values: &[&str]| -> Vec<(String, Value)> {
        values.iter().map(|value| (kind.to_string(), Value::from(*value))).collect()
    };
    let name = |number: usize| format!("n{number}.example");
    let many: Vec<String> = (0..=10).map(name).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    let reverse = |last: u8| format!("{last}.2.0.192.in-addr.arpa");
    let zone = Zone(HashMap::from([
        (reverse(1), records("PTR", &["MX.good.example."])),
        ("mx.good.example".to_string(), records("A", &["192.0.2.9", "192.0.2.1"])),
        (reverse(2), records("PTR", &["mx.good.example"])),
        (reverse(4), records("PTR", &["TIMEOUT"])),
        (reverse(5), records("PTR", &["silent.example", "other.example"])),
        (reverse(6), records("PTR", &["silent.example", "six.example"])),
        ("silent.example".to_string(), records("A", &["TIMEOUT"])),
        ("six.example".to_string(), records("A", &["192.0.2.6"])),
        (reverse(7), records("PTR", &many)),
        (name(10), records("A", &["192.0.2.7"])),
        (
            "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa".to_string(),
            records("PTR", &["six.example"]),
        ),
    ]));
    for (client, want, called) in [
        ("192.0.2.1", Some("pass"), Some("mx.good.example")),
        // The same client as a socket for both families sees it.
        ("::ffff:192.0.2.1", Some("pass"), Some("mx.good.example")),
        ("192.0.2.2", Some("fail"), Some("mx.good.example")),
        ("192.0.2.3", Some("permerror"), None),
        ("192.0.2.4", None, None),
        // The name that nobody answers for may be the right one.
        ("192.0.2.5", None, None),
        ("192.0.2.6", Some("pass"), Some("six.example")),
        // The eleventh name is not followed.
        ("192.0.2.7", Some("fail"), Some("n0.example")),
        ("2001:db8::1", Some("fail"), Some("six.example")),
    ] {
        let (word, name) = match iprev::check(&zone, client.parse().unwrap()).await {
            Known::Yes(fact) => (Some(fact.result.word()), fact.name),
            Known::No(_) => (None, None),
            Known::NotAsked => panic!("{client} was not asked about"),
        };
        assert_eq!((word, name.as_deref()), (want, called), "{client}");
    }
}

/// The example of RFC 8463 appendix A, with two signatures by different algorithms, and what becomes of it.
#[tokio::test]
async fn signatures_that_fit_and_that_do_not() {
    let mail =
        fs::read_to_string("tests/suites/rfc8463_example.txt").unwrap().replace('\n', "\r\n");
    let text = |record: &str| vec![("TXT".to_string(), Value::from(record))];
    let keys = |brisbane: &str, test: &str| {
        Zone(HashMap::from([
            ("brisbane._domainkey.football.example.com".to_string(), text(brisbane)),
            ("test._domainkey.football.example.com".to_string(), text(test)),
        ]))
    };
    let ed25519 = "v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=";
    let rsa = "v=DKIM1; k=rsa; p=MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDkHlOQoBTzWRiGs5V6NpP3idY6Wk08a5qhdR6wy5bdOKb2jLQiY/J16JYi0Qvx/byYzCNb3W91y3FutACDfzwQ/BC/e/8uBsCR+yz1Lxj+PL6lHvqMKrM3rG4hstT5QjvHO9PzoxZyVYLzBfO2EeC3Ip3G+2kryOTIKT+l/K4w3QIDAQAB";
    let both = || keys(ed25519, rsa);
    for (what, zone, mail, want) in [
        ("as it is", both(), mail.clone(), ["pass", "pass"]),
        ("another body", both(), mail.replace("hungry", "thirsty"), ["fail", "fail"]),
        ("another subject", both(), mail.replace("dinner ready", "supper ready"), ["fail", "fail"]),
        // RFC 6376 section 8.15: the signer has signed that there is no second From.
        (
            "a second From",
            both(),
            mail.replace("From: Joe", "From: x@y.example\r\nFrom: Joe"),
            ["fail", "fail"],
        ),
        // Not sealed off by this signer: the upper one is shown, and nobody signed it.
        (
            "another Content-Type",
            both(),
            format!("MIME-Version: 1.0\r\nMIME-Version: 1.0\r\n{mail}"),
            ["policy", "policy"],
        ),
        ("no keys", Zone(HashMap::new()), mail.clone(), ["permerror", "permerror"]),
        ("a key taken back", keys("v=DKIM1; p=", rsa), mail.clone(), ["permerror", "pass"]),
        ("no answer", keys("TIMEOUT", rsa), mail.clone(), ["temperror", "pass"]),
    ] {
        let found = signatures(&zone, &mail).await;
        let words: Vec<&str> = found.iter().map(|one| one.result.word()).collect();
        assert_eq!(words, want, "{what}: {found:?}");
        assert!(found.iter().all(|one| one.domain == "football.example.com"));
    }
    let unsigned = mail.replace("DKIM-Signature", "X-Signature");
    assert_eq!(signatures(&both(), &unsigned).await, []);
    // Far more than anybody needs: the first ten are looked at.
    let (first, _) = mail.split_once("From: Joe").unwrap();
    let many = signatures(&both(), &(first.repeat(40) + &mail)).await;
    assert_eq!(many.len(), 10);
}

fn zone(records: &[(&str, &str)]) -> Zone {
    let one = |(name, text): &(&str, &str)| {
        (name.to_string(), vec![("TXT".to_string(), Value::from(*text))])
    };
    Zone(records.iter().map(one).collect())
}

/// What DMARC says of a mail with this From, where SPF passed for one domain and another has signed.
async fn signatures(zone: &Zone, mail: &str) -> Vec<Signature> {
    let header = Header::read(mail.as_bytes()).unwrap();
    dkim::check(zone, mail.as_bytes(), &header).await
}

async fn judged(zone: &Zone, from: &str, spf: &str, signed: &str) -> Known<DmarcFact> {
    let because = String::new();
    let spf = Known::Yes(SpfFact {
        result: if spf.is_empty() { Spf::Fail } else { Spf::Pass },
        domain: spf.to_string(),
        of_helo: false,
        because: because.clone(),
    });
    let result = if signed.is_empty() { Dkim::Fail } else { Dkim::Pass };
    let signature =
        Signature { result, domain: signed.to_string(), selector: "a".to_string(), because };
    let header = Header::read(format!("{from}\r\nSubject: x\r\n\r\nhi\r\n").as_bytes()).unwrap();
    dmarc::check(zone, &header, &spf, &Known::Yes(vec![signature])).await
}

#[tokio::test]
async fn who_speaks_for_the_domain_in_from() {
    let zone = zone(&[
        ("_dmarc.firm.example", "v=DMARC1; p=reject; sp=quarantine"),
        ("_dmarc.strict.example", "v=DMARC1; p=reject; adkim=s; aspf=s"),
        ("_dmarc.test.example", "v=DMARC1; p=reject; t=y"),
        ("_dmarc.suffix.example", "v=DMARC1; p=none; psd=y"),
        ("_dmarc.one.suffix.example", "v=DMARC1; p=reject"),
        ("_dmarc.own.firm.example", "v=DMARC1; p=none; psd=n"),
        ("_dmarc.a.b.c.d.e.f.g.firm.example", "v=DMARC1; p=none"),
    ]);
    for (from, spf, signed, want) in [
        ("From: a@firm.example", "firm.example", "", ("pass", "reject")),
        ("From: a@firm.example", "", "mail.firm.example", ("pass", "reject")),
        ("From: a@firm.example", "other.example", "other.example", ("fail", "reject")),
        ("From: a@sub.firm.example", "", "", ("fail", "quarantine")),
        ("From: a@sub.firm.example", "firm.example", "", ("pass", "quarantine")),
        // No name is a name's end: evilfirm is not firm.
        ("From: a@firm.example", "evilfirm.example", "evilfirm.example", ("fail", "reject")),
        (
            "From: a@strict.example",
            "mail.strict.example",
            "mail.strict.example",
            ("fail", "reject"),
        ),
        ("From: a@strict.example", "", "strict.example", ("pass", "reject")),
        ("From: a@test.example", "", "", ("fail", "quarantine")),
        ("From: a@nothing.example", "nothing.example", "", ("none", "none")),
        // Two below a public suffix have nothing to do with each other.
        ("From: a@one.suffix.example", "two.suffix.example", "", ("fail", "reject")),
        ("From: a@three.suffix.example", "x.three.suffix.example", "", ("pass", "none")),
        // Who says that he is the top of his own is not his landlord's.
        ("From: a@own.firm.example", "firm.example", "", ("fail", "none")),
        ("From: a@1.2.3.4.5.6.7.8.9.firm.example", "firm.example", "", ("pass", "quarantine")),
        // What programs read in more than one way belongs to nobody.
        (
            "From: a@firm.example, b@other.example",
            "firm.example",
            "firm.example",
            ("permerror", "none"),
        ),
        (
            "From: a@other.example\r\nFrom: a@firm.example",
            "firm.example",
            "",
            ("permerror", "none"),
        ),
        (
            "From: \"a@firm.example\" <x@other.example>",
            "firm.example",
            "firm.example",
            ("none", "none"),
        ),
        ("From: <@firm.example:x@other.example>", "firm.example", "", ("permerror", "none")),
        // Whichever of them a reader is shown, the wish of its owner stands.
        ("From: a@firm.example, b@other.example", "other.example", "", ("fail", "reject")),
        ("From: <a@firm.example> <x@other.example>", "other.example", "", ("fail", "reject")),
        ("From: x@other.example\r\nFrom: a@firm.example", "other.example", "", ("fail", "reject")),
        ("From : a@firm.example", "other.example", "", ("fail", "reject")),
        ("From: a@firm.example@other.example", "other.example", "", ("fail", "reject")),
        ("From: a@firm.example\0<x@other.example>", "other.example", "", ("fail", "reject")),
        ("From: \"\" <a@firm.example>, x@other.example", "other.example", "", ("fail", "reject")),
        ("From: all: a@firm.example;", "firm.example", "", ("pass", "reject")),
        ("From: a@firm.example\0.other.example", "firm.example", "", ("permerror", "none")),
        ("X-From: a@firm.example", "firm.example", "", ("permerror", "none")),
    ] {
        let Known::Yes(fact) = judged(&zone, from, spf, signed).await else { panic!("{from}") };
        let wanted = serde_json::to_value(fact.wanted).unwrap();
        assert_eq!(
            (fact.result.word(), wanted.as_str().unwrap()),
            want,
            "{from} {spf} {signed}: {fact:?}"
        );
    }
    let silent = Zone(HashMap::from([(
        "_dmarc.firm.example".to_string(),
        vec![("TIMEOUT".to_string(), Value::Null)],
    )]));
    assert!(matches!(judged(&silent, "From: a@firm.example", "", "").await, Known::No(_)));
}

#[test]
fn what_the_operator_says_of_those_nobody_speaks_for() {
    let names = common::Names::start();
    for (name, said) in [
        ("good.example", Said::Txt("v=spf1 ip4:127.0.0.1 -all")),
        ("bad.example", Said::Txt("v=spf1 ip4:192.0.2.1 -all")),
        ("_dmarc.strict.example", Said::Txt("v=DMARC1; p=reject")),
        ("_dmarc.eased.example", Said::Txt("v=DMARC1; p=reject")),
        ("_dmarc.silent.example", Said::Failure),
    ] {
        names.say(name, said);
    }
    let hop = Hop::start(Manner::default());
    let port = free_port();
    let gateway = Gateway::start(&format!(
        "hostname = \"mx.ours.example\"\n\
         [[listener]]\nname = \"in\"\nbind = \"127.0.0.1:{port}\"\ndirection = \"inbound\"\n\
         [[domain]]\nname = \"ours.example\"\nnext-hop = \"smtp://127.0.0.1:{}\"\nrecipients = \"any\"\n\
         [dns]\nservers = [\"127.0.0.1:{}\"]\nsender-domains = false\n\
         [authentication]\nspf-fail = \"refuse\"\nmust-authenticate = [\"bank.example\", \"silent.example\"]\nforwarders = [\"good.example\"]\n\
         [[authentication.domain]]\nname = \"eased.example\"\ndmarc-fail = \"mark\"\n",
        hop.port(),
        names.port(),
    ));
    let send = |sender: &str, from: &str| {
        let mut client = Client::hello(port);
        let text = format!(
            "From: Anna <{from}>\r\nTo: a@ours.example\r\nSubject: about the boat\r\nDate: {NOW}\r\nMessage-ID: <1@far.example>\r\n\r\nhi\r\n"
        );
        let reply = client.send(sender, &["a@ours.example"], text.as_bytes()).unwrap();
        let marked = hop.drain().iter().any(|taken| taken.text().contains("X-Spam-Flag: YES"));
        (reply.last().get(..3).unwrap().to_string(), marked)
    };
    for (what, sender, from, want) in [
        ("SPF forbids it", "a@bad.example", "a@bad.example", ("550", false)),
        ("an ordinary stranger", "a@other.example", "a@other.example", ("250", false)),
        (
            "a bank that nobody speaks for",
            "a@other.example",
            "a@mail.bank.example",
            ("held", false),
        ),
        (
            "the same, passed on by one who may",
            "a@good.example",
            "a@mail.bank.example",
            ("250", false),
        ),
        ("ours, from outside", "a@other.example", "boss@ours.example", ("250", true)),
        ("who asks for refusal", "a@other.example", "a@strict.example", ("held", false)),
        (
            "the same, by another word of the operator",
            "a@other.example",
            "a@eased.example",
            ("250", true),
        ),
        (
            "the same, passed on by one who may",
            "a@good.example",
            "a@strict.example",
            ("250", false),
        ),
        ("a bank of which nobody knows", "a@other.example", "a@silent.example", ("451", false)),
    ] {
        let before = gateway.quarantine(true).len();
        let (code, marked) = send(sender, from);
        let held = gateway.quarantine(true).len() > before;
        let code = if held { "held" } else { code.as_str() };
        assert_eq!((code, marked), want, "{what}");
    }
}
