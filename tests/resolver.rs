//! Name servers that are slow, dead or lie: no mail is refused for it, and what nobody knows is never taken for clean.

// Real time, and failing loudly, is what these tests are for.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, clippy::disallowed_methods)]

mod common;

use common::{Client, Gateway, Heard, Hop, Manner, Names, Said, free_port, mail, wait_for};
use serde_json::{Value, json};
use sluss::{
    base::clock::Clock,
    facts::{auth::Names as _, dns::Dns},
};
use std::{
    net::{Ipv4Addr, SocketAddr},
    time::{Duration, Instant},
};

struct House {
    gateway: Gateway,
    hop: Hop,
    names: Names,
    port: u16,
}

impl House {
    fn start() -> House {
        let (hop, names, port) = (Hop::start(Manner::default()), Names::start(), free_port());
        let gateway = Gateway::start(&format!(
            "hostname = \"mx.ours.example\"\n\
             [[listener]]\nname = \"in\"\nbind = \"127.0.0.1:{port}\"\ndirection = \"inbound\"\n\
             [[domain]]\nname = \"ours.example\"\nnext-hop = \"smtp://127.0.0.1:{}\"\nrecipients = \"any\"\n\
             [dns]\nservers = [\"127.0.0.1:{}\"]\n",
            hop.port(),
            names.port()
        ));
        House { gateway, hop, names, port }
    }

    /// Brings a mail of this domain; gives what was said, what the server behind got, and how long it took.
    fn send(&self, domain: &str) -> (Heard, String, Duration) {
        let began = Instant::now();
        let mut client = Client::hello(self.port);
        let text = mail(domain).replace("karin@example.org", &format!("karin@{domain}"));
        let heard = client
            .send(&format!("karin@{domain}"), &["anna@ours.example"], text.as_bytes())
            .unwrap();
        let took = began.elapsed();
        let taken = self.hop.drain().pop().map(|taken| taken.text()).unwrap_or_default();
        (heard, taken, took)
    }

    fn findings(&self, heard: &Heard) -> Vec<String> {
        let id = heard.id().unwrap();
        let row = wait_for("the trace", || {
            let rows = self.gateway.ask(&json!({ "command": "trace", "id": id })).ok()?;
            rows.as_array()?.first().cloned()
        });
        let findings = row["findings"].as_array().unwrap().iter();
        findings.map(|finding| finding["id"].as_str().unwrap().to_string()).collect()
    }

    fn silent(&self) -> bool {
        let status = self.gateway.ask(&json!({ "command": "status" })).unwrap();
        status["name_servers_silent"] == Value::Bool(true)
    }
}

#[test]
fn whatever_name_servers_say_nobody_is_refused_and_nothing_unknown_is_clean() {
    let house = House::start();
    for (domain, said, result, unknown) in [
        ("good.example", Said::Txt("v=spf1 ip4:127.0.0.1 -all"), "spf=pass", false),
        ("gone.example", Said::NoSuchName, "spf=none", false),
        ("failing.example", Said::Failure, "spf=temperror", true),
        ("cut.example", Said::Truncated, "spf=temperror", true),
        ("garbage.example", Said::Garbage, "spf=temperror", true),
        ("lying.example", Said::OtherQuestion, "spf=temperror", true),
        ("silent.example", Said::Silence, "spf=temperror", true),
    ] {
        // The domain can be answered, by what was heard before.
        house.names.say(&format!("_dmarc.{domain}"), said.clone());
        house.names.say(domain, said);
        house.names.say(domain, Said::A(Ipv4Addr::LOCALHOST));
        let (heard, text, took) = house.send(domain);
        assert!(heard.last().starts_with("250 2.0.0 delivered"), "{domain}: {heard:?}");
        assert!(text.contains(result), "{domain}: {text}");
        assert!(took < Duration::from_secs(14), "{domain}: {took:?}");
        let found = house.findings(&heard);
        assert_eq!(found.contains(&"spf.unknown".to_string()), unknown, "{domain}: {found:?}");
        assert_eq!(found.contains(&"dmarc.unknown".to_string()), unknown, "{domain}: {found:?}");
        // A domain that says nothing is not a name server that says nothing.
        assert!(!house.silent(), "{domain}");
    }
}

#[test]
fn dead_name_servers_cost_the_first_mails_their_patience_and_no_others() {
    let house = House::start();
    house.names.say("good.example", Said::Txt("v=spf1 ip4:127.0.0.1 -all"));
    house.names.say("good.example", Said::A(Ipv4Addr::LOCALHOST));
    house.names.be_silent(true);
    let (heard, text, took) = house.send("good.example");
    assert!(heard.last().starts_with("250"), "{heard:?}");
    assert!(text.contains("spf=temperror") && took < Duration::from_secs(14), "{took:?} {text}");
    wait_for("the silence to be noticed", || house.silent().then_some(()));
    for number in 0..5 {
        let (heard, text, took) = house.send(&format!("n{number}.example"));
        assert!(heard.last().starts_with("250"), "{heard:?}");
        assert!(text.contains("spf=temperror"), "{text}");
        assert!(took < Duration::from_secs(2), "{took:?}");
        assert!(house.findings(&heard).contains(&"spf.unknown".to_string()));
    }
    // They are back, and one question finds out.
    house.names.be_silent(false);
    wait_for("an answer", || {
        let (heard, text, _) = house.send("good.example");
        assert!(heard.last().starts_with("250"), "{heard:?}");
        // What is answered at once counts while they are still left alone.
        (text.contains("spf=pass") && !house.silent()).then_some(())
    });
    assert!(house.gateway.log().contains("the name servers answer again"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_questions_of_a_mail_have_one_end() {
    let names = Names::start();
    let server: SocketAddr = (Ipv4Addr::LOCALHOST, names.port()).into();
    let dns = Dns::new(&[server], Clock::system()).unwrap();
    names.be_slow(Duration::from_millis(250));
    let (began, of_mail) = (Instant::now(), dns.for_one_mail());
    let mut answered = 0;
    for number in 0..60 {
        answered += usize::from(of_mail.txt(&format!("n{number}.example")).await.is_ok());
    }
    // Slow is not dead: those that came in time count, and all of them together end.
    assert!(answered >= 4, "{answered}");
    assert!(began.elapsed() < Duration::from_millis(7_500), "{:?}", began.elapsed());
    assert!(!dns.rests());
    // The next mail has its own time.
    assert!(dns.for_one_mail().txt("another.example").await.is_ok());
}
