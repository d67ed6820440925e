//! Lists of senders in files: who is refused at RCPT, what is said of From after the dot, and what becomes of a file with a slip in it.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, clippy::disallowed_methods)]

mod common;

use common::{Client, Gateway, Hop, Manner, free_port, mail, wait_for};
use std::{fs, path::Path};

struct House {
    gateway: Gateway,
    // Its mail server, until the test is over.
    _hop: Hop,
    proxied: u16,
}

impl House {
    fn start(folder: &Path) -> House {
        let (hop, proxied) = (Hop::start(Manner::default()), free_port());
        let list = |name: &str, more: &str| {
            let file = folder.join(name).display().to_string();
            format!(
                "[[hash-list]]\nname = \"{name}\"\nfile = \"{file}\"\nkind = \"sender\"\n{more}\n"
            )
        };
        let config = format!(
            "hostname = \"mx.ours.example\"\n[dns]\nsender-domains = false\n[lists]\nallow = [\"friend@blocked.example\"]\n\
             [[listener]]\nname = \"proxied\"\nbind = \"127.0.0.1:{proxied}\"\ndirection = \"inbound\"\nproxy-protocol-from = [\"127.0.0.0/8\"]\n\
             [[domain]]\nname = \"ours.example\"\nnext-hop = \"smtp://127.0.0.1:{}\"\nrecipients = \"any\"\n{}{}",
            hop.port(),
            list("blocked", "weight = 1.5"),
            list("allowed", "means = \"allow\""),
        );
        House { gateway: Gateway::start(&config), _hop: hop, proxied }
    }

    fn rcpt(&self, address: &str, helo: &str, from: &str) -> (Client, String) {
        let mut client = Client::dial(self.proxied).unwrap();
        let (family, here) = match address.contains(':') {
            true => ("TCP6", "::1"),
            false => ("TCP4", "127.0.0.1"),
        };
        client.say(&format!("PROXY {family} {address} {here} 40000 25"));
        client.expect("220");
        client.say(&format!("EHLO {helo}"));
        client.expect("250");
        client.say(&format!("MAIL FROM:<{from}>"));
        client.expect("250");
        let said = client.ask("RCPT TO:<anna@ours.example>").unwrap().last().to_string();
        (client, said)
    }
}

const BLOCKED: &str = "# what we do not want\n\
    192.0.2.0/24   a provider, with nothing else in it\n\
    2001:db8:bad::/48\n\
    blocked.example\n\
    .below.example\n\
    bo@mixed.example # only him\n\
    example.org\n";

#[test]
fn listed_senders_are_refused_at_rcpt_and_a_slip_leaves_the_list_in_force() {
    let folder = tempfile::tempdir().unwrap();
    let blocked = folder.path().join("blocked");
    fs::write(&blocked, BLOCKED).unwrap();
    fs::write(
        folder.path().join("allowed"),
        "192.0.2.8\ngood@blocked.example\ngood.helo.example\n",
    )
    .unwrap();
    let house = House::start(folder.path());
    let (far, helo) = ("198.51.100.1", "client.example.net");
    let no = "550 5.7.1 mail from this sender is not taken";
    let table = [
        (far, helo, "x@other.example", "250"),
        ("192.0.2.7", helo, "x@other.example", no),
        ("192.0.2.7", helo, "", no),
        ("192.0.2.8", helo, "x@other.example", "250"),
        ("2001:db8:bad::7", helo, "x@other.example", no),
        ("2001:db8:bee::7", helo, "x@other.example", "250"),
        (far, helo, "x@blocked.example", no),
        (far, helo, "x@mail.blocked.example", "250"),
        (far, helo, "Good@Blocked.example", "250"),
        (far, helo, "friend@blocked.example", "250"),
        (far, helo, "x@deep.below.example", no),
        (far, helo, "Bo@mixed.example", no),
        (far, helo, "anna@mixed.example", "250"),
        // A name in HELO keeps out and lets nobody in.
        (far, "mail.below.example", "x@other.example", no),
        ("192.0.2.7", "good.helo.example", "x@other.example", no),
    ];
    let holds = || {
        for (address, helo, from, reply) in table {
            let (_, said) = house.rcpt(address, helo, from);
            assert!(said.starts_with(reply), "{address} {helo} {from}: {said}");
        }
    };
    holds();
    // Whoever asks why is told which line of which list.
    let (mut client, said) = house.rcpt("192.0.2.7", "mail.below.example", "x@other.example");
    client.say("QUIT");
    let id = said.rsplit_once("(id ").unwrap().1.trim_end_matches(')').to_string();
    let line = "192.0.2.0/24 is on the hash list blocked, line 2";
    wait_for("the line", || {
        let trace = house.gateway.command(&["trace", &id]);
        String::from_utf8_lossy(&trace.stdout).contains(line).then_some(())
    });
    let told = house.gateway.command(&["trace", "show", &id, "--explain", "en"]);
    let told = String::from_utf8_lossy(&told.stdout).into_owned();
    assert!(told.contains("192.0.2.0/24 is on the list blocked (line 2), whose"), "{told}");
    // From is looked up after the dot.
    let (mut client, said) = house.rcpt(far, helo, "x@other.example");
    assert!(said.starts_with("250"), "{said}");
    client.say("DATA");
    client.expect("354");
    client.say(&format!("{}\r\n.", mail("a")));
    let id = client.hear().unwrap().id().unwrap();
    let because = "the sender in From, of example.org, is on the list blocked (line 7)";
    wait_for("the trace", || {
        let trace = house.gateway.command(&["trace", &id, "--json"]);
        let trace = String::from_utf8_lossy(&trace.stdout).into_owned();
        (trace.contains("\"sender.listed\"") && trace.contains(because)).then_some(())
    });
    // A slip: the list before it stays, and what is wrong is said with file, line and mend.
    fs::write(&blocked, format!("{BLOCKED}somebody else\n")).unwrap();
    assert!(house.gateway.command(&["reload"]).status.success());
    holds();
    let place = format!("{}:8: this is no sender: write an address", blocked.display());
    let compiled = house.gateway.command(&["hash-list", "compile", "blocked"]);
    let said = String::from_utf8_lossy(&compiled.stderr).into_owned();
    assert!(!compiled.status.success() && said.contains(&place), "{said}");
    assert!(house.gateway.log().contains("the one before it stays in force"));
    // Mended, it is in force after a reload.
    fs::write(&blocked, "other.example\n").unwrap();
    assert!(house.gateway.command(&["reload"]).status.success());
    for (from, reply) in [("x@other.example", no), ("x@blocked.example", "250")] {
        let (_, said) = house.rcpt(far, helo, from);
        assert!(said.starts_with(reply), "{from}: {said}");
    }
}
