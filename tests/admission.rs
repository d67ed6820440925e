//! Before DATA, in order: relaying, postmaster, lists, the sender's domain, the recipient. And what a next hop's yes is worth.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, clippy::disallowed_methods)]

mod common;

use common::{Client, Gateway, Hop, Manner, Names, free_port, wait_for};
use serde_json::json;

struct House {
    gateway: Gateway,
    hop: Hop,
    names: Names,
    port: u16,
}

impl House {
    fn start() -> House {
        let (hop, names, port) = (Hop::start(Manner::default()), Names::start(), free_port());
        let config = format!(
            r#"
hostname = "mx.ours.example"
[[listener]]
name = "in"
bind = "127.0.0.1:{port}"
direction = "inbound"
[dns]
servers = ["127.0.0.1:{}"]
[lists]
allow = ["good.example"]
block = ["bad.example", "nobody@far.example", "127.0.0.66"]
[[organisation]]
name = "acme"
lists.allow = ["known@bad.example"]
lists.block = [".good.example"]
[[organisation]]
name = "bolaget"
[[domain]]
name = "acme.example"
organisation = "acme"
next-hop = "smtp://127.0.0.1:{}"
[[domain]]
name = "bolaget.example"
organisation = "bolaget"
next-hop = "smtp://127.0.0.1:{}"
"#,
            names.port(),
            hop.port(),
            hop.port()
        );
        House { gateway: Gateway::start(&config), hop, names, port }
    }

    fn rcpt(&self, client: &str, from: &str, to: &str) -> String {
        let mut client = Client::hello_from(client, self.port);
        client.ask(&format!("MAIL FROM:<{from}>")).unwrap();
        client.ask(&format!("RCPT TO:<{to}>")).unwrap().last().to_string()
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
