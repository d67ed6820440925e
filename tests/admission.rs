//! Before DATA, in order: relaying, postmaster, lists, the sender's domain, the recipient. And what a next hop's yes is worth.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, clippy::disallowed_methods)]

mod common;

use common::{Client, Gateway, Hop, Manner, Names, Said, free_port, wait_for};
use serde_json::json;
use std::{
    net::Ipv4Addr,
    thread,
    time::{Duration, Instant},
};

/// Longest wait for a reply to RCPT while the name server says nothing usable: the bound of the questions, and a busy machine's second.
const RCPT_TIME_MAX: Duration = Duration::from_secs(6);
/// Longest for a reply to RCPT of whoever does not depend on that name server.
const OTHERS_TIME_MAX: Duration = Duration::from_secs(2);

struct House {
    gateway: Gateway,
    hop: Hop,
    names: Names,
    port: u16,
    proxied: u16,
}

impl House {
    fn start() -> House {
        let (hop, names) = (Hop::start(Manner::default()), Names::start());
        let (port, proxied) = (free_port(), free_port());
        let config = format!(
            r#"
hostname = "mx.ours.example"
[[listener]]
name = "in"
bind = "127.0.0.1:{port}"
direction = "inbound"
[[listener]]
name = "proxied"
bind = "127.0.0.1:{proxied}"
direction = "inbound"
proxy-protocol-from = ["127.0.0.0/8"]
[dns]
servers = ["127.0.0.1:{}"]
[lists]
allow = ["good.example"]
block = ["bad.example", "nobody@far.example", "127.0.0.66", "192.0.2.66"]
[[organisation]]
name = "acme"
lists.allow = ["known@bad.example"]
lists.block = [".good.example"]
[[organisation]]
name = "bolaget"
[[organisation]]
name = "shadowed"
mode = "shadow"
[[policy]]
name = "tagging"
mode = "tag"
[[domain]]
name = "shadowed.example"
organisation = "shadowed"
next-hop = "smtp://127.0.0.1:{hop}"
[[domain]]
name = "tagged.example"
organisation = "bolaget"
policy = "tagging"
next-hop = "smtp://127.0.0.1:{hop}"
[[domain]]
name = "acme.example"
organisation = "acme"
next-hop = "smtp://127.0.0.1:{hop}"
[[domain]]
name = "bolaget.example"
organisation = "bolaget"
next-hop = "smtp://127.0.0.1:{hop}"
"#,
            names.port(),
            hop = hop.port()
        );
        House { gateway: Gateway::start(&config), hop, names, port, proxied }
    }

    fn rcpt(&self, client: &str, from: &str, to: &str) -> String {
        let mut client = Client::hello_from(client, self.port);
        client.ask(&format!("MAIL FROM:<{from}>")).unwrap();
        client.ask(&format!("RCPT TO:<{to}>")).unwrap().last().to_string()
    }

    /// The same from anywhere in the world, by way of a proxy; and how long RCPT took.
    fn rcpt_from_afar(&self, address: &str, from: &str, to: &str) -> (String, Duration) {
        let mut client = Client::dial(self.proxied).unwrap();
        client.say(&format!("PROXY TCP4 {address} 127.0.0.1 40000 25"));
        client.expect("220");
        client.say("EHLO client.example.org");
        client.expect("250");
        client.say(&format!("MAIL FROM:<{from}>"));
        client.expect("250");
        let began = Instant::now();
        let said = client.ask(&format!("RCPT TO:<{to}>")).unwrap().last().to_string();
        (said, began.elapsed())
    }
}

#[test]
fn refusals_come_at_rcpt_and_in_order() {
    let house = House::start();
    house.hop.change(|manner| {
        manner.rcpt.push(("gone@".to_string(), "550 5.1.1 no".to_string()));
    });
    for (client, from, to, reply) in [
        ("127.0.0.1", "x@far.example", "a@acme.example", "250"),
        // Relaying is refused whoever asks.
        ("127.0.0.1", "x@good.example", "a@elsewhere.example", "550 5.7.1 mail for this domain"),
        ("127.0.0.66", "x@bad.example", "a@elsewhere.example", "550 5.7.1 mail for this domain"),
        // Whoever has trouble with us must be able to say so.
        ("127.0.0.66", "x@bad.example", "postmaster@acme.example", "250"),
        // The organisation's lists win over the site's, and allow over block.
        ("127.0.0.1", "x@bad.example", "a@acme.example", "550 5.7.1 mail from this sender"),
        ("127.0.0.1", "known@bad.example", "a@acme.example", "250"),
        ("127.0.0.1", "known@bad.example", "b@bolaget.example", "550 5.7.1 mail from this sender"),
        ("127.0.0.1", "x@good.example", "a@acme.example", "550 5.7.1 mail from this sender"),
        ("127.0.0.1", "x@good.example", "b@bolaget.example", "250"),
        ("127.0.0.66", "x@far.example", "a@acme.example", "550 5.7.1 mail from this sender"),
        ("127.0.0.1", "Nobody@far.example", "a@acme.example", "550 5.7.1 mail from this sender"),
        // Only then is the server behind asked; allowed senders to nobody are refused like all.
        ("127.0.0.1", "x@good.example", "gone@bolaget.example", "550 5.1.1"),
    ] {
        let said = house.rcpt(client, from, to);
        assert!(said.starts_with(reply), "{client} {from} to {to}: {said}");
    }
    assert!(house.names.asked().is_empty(), "clients on loopback are not asked about");
}

/// Tells the name server what it says of everybody in these tests.
fn tell(names: &Names) {
    for (name, said) in [
        ("fine.example", Said::Mx(vec![(10, "mx.fine.example")])),
        ("mx.fine.example", Said::A(Ipv4Addr::new(192, 0, 2, 25))),
        ("implicit.example", Said::A(Ipv4Addr::new(192, 0, 2, 26))),
        // Its first server is gone, the second is not.
        ("half.example", Said::Mx(vec![(10, "mx.gone.example"), (20, "mx.fine.example")])),
        ("gone.example", Said::NoSuchName),
        ("null.example", Said::Mx(vec![(0, ".")])),
        ("empty.example", Said::Mx(vec![(10, "mx.gone.example")])),
        ("failing.example", Said::Failure),
        ("silent.example", Said::Silence),
        ("garbled.example", Said::Garbage),
        ("lied-of.example", Said::OtherQuestion),
        // One server is gone, and nobody can say whether the other is.
        ("unsure.example", Said::Mx(vec![(10, "mx.gone.example"), (20, "failing.example")])),
    ] {
        names.say(name, said);
    }
}

#[test]
fn a_sender_whom_nobody_could_answer_is_refused_and_doubt_refuses_nobody() {
    let house = House::start();
    tell(&house.names);
    let (nowhere, takes_none) = ("550 5.1.8", "550 5.7.27");
    for (from, reply) in [
        ("x@fine.example", "250 2.1.5"),
        ("x@implicit.example", "250 2.1.5"),
        ("x@half.example", "250 2.1.5"),
        ("x@gone.example", nowhere),
        ("x@null.example", takes_none),
        ("x@empty.example", nowhere),
        ("x@failing.example", "250 2.1.5"),
        ("x@silent.example", "250 2.1.5"),
        ("x@garbled.example", "250 2.1.5"),
        ("x@lied-of.example", "250 2.1.5"),
        ("x@unsure.example", "250 2.1.5"),
        // A notice has no sender, a domain of ours and an allowed one are not asked about.
        ("", "250 2.1.5"),
        ("x@bolaget.example", "250 2.1.5"),
        ("known@bad.example", "250 2.1.5"),
    ] {
        let (said, took) = house.rcpt_from_afar("192.0.2.7", from, "a@acme.example");
        assert!(said.starts_with(reply), "{from}: {said}");
        assert!(took < RCPT_TIME_MAX, "{from}: {took:?}");
    }
    let asked = house.names.asked();
    for (name, wanted) in [
        ("fine.example", true),
        ("silent.example", true),
        ("bolaget.example", false),
        ("bad.example", false),
    ] {
        assert_eq!(asked.iter().any(|asked| asked == name), wanted, "{name}");
    }
    // Whoever has trouble with us must be able to say so, from wherever.
    let (said, _) = house.rcpt_from_afar("192.0.2.7", "x@gone.example", "postmaster@acme.example");
    assert!(said.starts_with("250"), "{said}");
}

#[test]
fn on_trial_the_dns_refuses_nobody_and_lists_do() {
    let house = House::start();
    tell(&house.names);
    for from in ["x@gone.example", "x@null.example", "x@empty.example"] {
        for (to, reply) in [
            ("a@bolaget.example", "550 5."),
            ("a@shadowed.example", "250 2.1.5"),
            ("a@tagged.example", "250 2.1.5"),
        ] {
            let (said, _) = house.rcpt_from_afar("192.0.2.7", from, to);
            assert!(said.starts_with(reply), "{from} to {to}: {said}");
        }
    }
    for to in ["a@shadowed.example", "a@tagged.example"] {
        for (address, from) in [("192.0.2.7", "x@bad.example"), ("192.0.2.66", "x@fine.example")] {
            let (said, _) = house.rcpt_from_afar(address, from, to);
            assert!(said.starts_with("550 5.7.1 mail from this sender"), "{from} to {to}: {said}");
        }
    }
}

#[test]
fn a_silent_name_server_holds_up_nobody_else() {
    const SILENT: usize = 48;
    let house = House::start();
    tell(&house.names);
    for number in 0..SILENT {
        house.names.say(&format!("silent-{number}.example"), Said::Silence);
    }
    // The server behind is asked once, not by all of them together.
    assert!(house.rcpt("127.0.0.1", "", "a@acme.example").starts_with("250"));
    thread::scope(|scope| {
        let waiting: Vec<_> = (0..SILENT)
            .map(|number| {
                let house = &house;
                scope.spawn(move || {
                    let network = ["192.0.2", "198.51.100", "203.0.113"][number % 3];
                    let address = format!("{network}.{}", 100 + number);
                    let from = format!("x@silent-{number}.example");
                    house.rcpt_from_afar(&address, &from, "a@acme.example")
                })
            })
            .collect();
        wait_for("all of them to ask", || {
            let asked = house.names.asked();
            let silent = asked.iter().filter(|name| name.starts_with("silent-"));
            let silent: std::collections::BTreeSet<_> = silent.collect();
            (silent.len() == SILENT).then_some(())
        });
        for round in 0..5 {
            let began = Instant::now();
            let said = house.rcpt("127.0.0.1", "x@far.example", "a@acme.example");
            assert!(said.starts_with("250"), "{said}");
            assert!(began.elapsed() < OTHERS_TIME_MAX, "round {round}: {:?}", began.elapsed());
            let (said, took) =
                house.rcpt_from_afar("192.0.2.7", "x@fine.example", "a@acme.example");
            assert!(said.starts_with("250"), "{said}");
            assert!(took < OTHERS_TIME_MAX, "round {round}: {took:?}");
        }
        let unheard = waiting.iter().filter(|one| !one.is_finished()).count();
        assert!(unheard > 0, "the others were served while the silent ones waited");
        for one in waiting {
            let (said, took) = one.join().unwrap();
            assert!(said.starts_with("250"), "{said}");
            assert!(took < RCPT_TIME_MAX, "{took:?}");
        }
    });
}

#[test]
fn a_next_hop_that_takes_everybody_is_said() {
    let house = House::start();
    house.hop.change(|manner| {
        // Acme's server knows who exists; Bolaget's says yes to everybody.
        manner.rcpt.push(("nobody-".to_string(), "550 5.1.1 no".to_string()));
    });
    assert!(house.rcpt("127.0.0.1", "x@far.example", "a@acme.example").starts_with("250"));
    wait_for("the question about nobody", || {
        house.hop.commands().iter().any(|line| line.contains("nobody-")).then_some(())
    });
    house.hop.become_(Manner::default());
    assert!(house.rcpt("127.0.0.1", "x@far.example", "b@bolaget.example").starts_with("250"));
    let status = wait_for("its answer", || {
        let status = house.gateway.ask(&json!({ "command": "status" })).unwrap();
        (status["accept_everybody"] != json!([])).then_some(status)
    });
    assert_eq!(status["accept_everybody"], json!(["bolaget.example"]));
    assert!(house.gateway.log().contains("addresses that do not exist"));
    // A yes is remembered, and goes on being one while the server is away.
    let before = house.hop.commands().len();
    assert!(house.rcpt("127.0.0.1", "x@far.example", "b@bolaget.example").starts_with("250"));
    assert_eq!(house.hop.commands().len(), before, "nobody is asked twice a day");
}
