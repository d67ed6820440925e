//! The reply after the dot, from the real gateway: every pair of verdicts, with every kind of answer from the server behind.
//!
//! The same mail gets each verdict by the policy of the recipient's domain, once in one organisation and once between two. What is looked at each time: the reply, what the server
//! behind has, what waits in the spool, what is held.

// Real time, and failing loudly, is what these tests are for.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, clippy::disallowed_methods)]

mod common;

use common::{Client, Dot, Gateway, Heard, Hop, HopTls, Manner, eicar, free_port, mail, wait_for};
use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    fs, thread,
    time::{Duration, Instant},
};

const VERDICTS: [&str; 5] = ["deliver", "mark", "defer", "quarantine", "reject"];

/// What the server behind says, row by row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Answer {
    Yes,
    DotLater,
    DotNo,
    /// RCPT: the first is taken, the second hears 450.
    SecondLater,
    /// RCPT: the first is taken, the second hears 550.
    SecondNo,
    /// RCPT: the first hears 550, the second 450.
    NoAndLater,
    /// RCPT: both hear 550.
    BothNo,
    /// Nobody listens, and the domain says that mail is spooled then.
    AwaySpool,
    /// Nobody listens, and the domain says that the sender keeps it then.
    AwayDefer,
}

use Answer::*;

const ANSWERS: [Answer; 9] =
    [Yes, DotLater, DotNo, SecondLater, SecondNo, NoAndLater, BothNo, AwaySpool, AwayDefer];

impl Answer {
    fn manner(self) -> Manner {
        let dot = |words: &str| Manner { dot: Dot::Say(words.to_string()), ..Manner::default() };
        let rcpt = |replies: &[(&str, &str)]| {
            let replies = replies.iter().map(|(to, reply)| (to.to_string(), reply.to_string()));
            Manner { rcpt: replies.collect(), ..Manner::default() }
        };
        let (one_no, two_no) = (("<one@", "550 5.1.1 nobody"), ("<two@", "550 5.1.1 nobody"));
        let two_later = ("<two@", "450 4.2.1 later");
        match self {
            Yes | AwaySpool | AwayDefer => Manner::default(),
            DotLater => dot("451 4.3.0 not now"),
            DotNo => dot("554 5.6.0 never"),
            SecondLater => rcpt(&[two_later]),
            SecondNo => rcpt(&[two_no]),
            NoAndLater => rcpt(&[one_no, two_later]),
            BothNo => rcpt(&[one_no, two_no]),
        }
    }

    fn place(self) -> &'static str {
        match self {
            AwaySpool => "away-spool",
            AwayDefer => "away-defer",
            Yes | DotLater | DotNo | SecondLater | SecondNo | NoAndLater | BothNo => "here",
        }
    }

    /// What becomes of a recipient whose mail goes by the spool.
    fn by_spool(self, second: bool) -> &'static str {
        match (self, second) {
            (Yes, _) | (SecondLater | SecondNo, false) => "delivered",
            (DotLater | AwaySpool | AwayDefer, _) | (SecondLater | NoAndLater, true) => "queued",
            (DotNo | BothNo, _) | (NoAndLater, false) | (SecondNo, true) => "held undeliverable",
        }
    }
}

/// The table: the beginning of the reply, and what becomes of each of the two recipients ("" for nothing at all).
fn expected(first: Wanted, second: Wanted, answer: Answer) -> (&'static str, [&'static str; 2]) {
    // A policy on trial writes what it would have done: the bytes are others, and they go by the spool.
    let same_bytes = first.1 == second.1;
    let (first, second) = (done(first), done(second));
    let alike = first == second && (same_bytes || ["reject", "defer"].contains(&first));
    match (first, answer) {
        ("reject", _) if alike => return ("550 5.7.1 refused: ", ["", ""]),
        ("defer", _) if alike => return ("451 4.7.1", ["", ""]),
        // Cut-through: the server's answer is ours, and nothing is kept.
        ("deliver" | "mark", Yes) if alike => {
            return ("250 2.0.0 delivered", ["delivered", "delivered"]);
        }
        ("deliver" | "mark", DotLater) if alike => return ("451 4.3.0", ["", ""]),
        ("deliver" | "mark", DotNo) if alike => return ("550 5.6.0", ["", ""]),
        ("deliver" | "mark", BothNo) if alike => return ("550 5.1.1", ["", ""]),
        ("deliver" | "mark", AwayDefer) if alike => return ("451 4.4.1", ["", ""]),
        _ => (),
    }
    let fate = |verdict: &str, is_second: bool| match verdict {
        "deliver" | "mark" => answer.by_spool(is_second),
        "defer" => "judge",
        "quarantine" => "held",
        _ => "held mixed.rejected",
    };
    ("250 2.0.0 queued", [fate(first, false), fate(second, true)])
}

/// What the policy of a recipient's domain wants, and in which mode it is.
type Wanted = (&'static str, &'static str);

/// What is done with a recipient's mail.
fn done((verdict, mode): Wanted) -> &'static str {
    match (verdict, mode) {
        (_, "shadow") => "deliver",
        ("reject", "tag") => "quarantine",
        (verdict, _) => verdict,
    }
}

/// Whose the two recipients are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Owners {
    /// One organisation's, of which nobody wrote down that there is one.
    Implied,
    /// The first is Acme's, the second Bolaget's.
    Two,
}

impl Owners {
    fn names(self) -> [&'static str; 2] {
        match self {
            Owners::Implied => ["", ""],
            Owners::Two => ["acme.", "bolaget."],
        }
    }
}

#[test]
fn every_pair_of_verdicts_with_every_answer() {
    play_the_table(Owners::Implied, &["protect"]);
}

#[test]
fn every_pair_of_verdicts_of_two_organisations_of_which_one_may_be_on_trial() {
    play_the_table(Owners::Two, &["protect", "tag", "shadow"]);
}

/// Every row; the second recipient's policy is in each of these modes.
fn play_the_table(owners: Owners, modes: &[&'static str]) {
    let hop = Hop::start(Manner::default());
    let port = free_port();
    let gateway = Gateway::start(&table_config(port, hop.port(), owners, modes));
    let mut wrong = Vec::new();
    let mut client = Client::hello(port);
    for (number, (first, second, answer)) in rows(modes).into_iter().enumerate() {
        hop.become_(answer.manner());
        hop.forget();
        let [one, two] = owners.names();
        let recipients = [
            format!("one@{}", domain_of(first, answer.place(), one)),
            format!("two@{}", domain_of(second, answer.place(), two)),
        ];
        let mail = judged_mail(number);
        let to = recipients.each_ref().map(String::as_str);
        let heard = client.send("karin@example.org", &to, mail.as_bytes()).unwrap();
        let (reply, fates) = expected(first, second, answer);
        let row = format!("{first:?} + {second:?}, {answer:?}");
        if !heard.last().starts_with(reply) {
            wrong.push(format!("{row}: wanted {reply:?}, heard {:?}", heard.last()));
        }
        wait_until_tried(&gateway);
        let marked = [first, second].map(|wanted| done(wanted) == "mark");
        let found = found(&gateway, &hop, &recipients, marked, mail.as_bytes());
        let wanted = BTreeMap::from([
            (recipients[0].clone(), fates[0].to_string()),
            (recipients[1].clone(), fates[1].to_string()),
        ]);
        if found != wanted {
            wrong.push(format!("{row}: wanted {wanted:?}, found {found:?}"));
        }
        if owners == Owners::Two {
            each_reads_its_own(&gateway, &heard.id().unwrap(), &recipients);
        }
        if !gateway.queue().is_empty() || !gateway.quarantine(true).is_empty() {
            gateway.empty();
        }
    }
    assert!(wrong.is_empty(), "{} wrong\n{}", wrong.len(), wrong.join("\n"));
    drop(client);
    gateway.stop();
}

/// Acme and Bolaget each have a row in the trace, with their own recipient and without a word of the other.
fn each_reads_its_own(gateway: &Gateway, id: &str, recipients: &[String; 2]) {
    let rows = wait_for("both rows", || {
        let rows = gateway.ask(&json!({ "command": "trace", "id": id })).ok()?;
        Some(rows.as_array()?.clone()).filter(|rows| rows.len() >= 2)
    });
    let owners: Vec<&str> = rows.iter().map(|row| row["organisation"].as_str().unwrap()).collect();
    assert_eq!(owners, ["acme", "bolaget"]);
    for (row, own, other) in [(&rows[0], 0, "bolaget"), (&rows[1], 1, "acme")] {
        let row = row.to_string();
        assert!(row.contains(&recipients[own]) && !row.contains(other), "{row}");
    }
    let held = gateway.quarantine(true);
    for one in
        gateway.queue().iter().filter(|leg| leg["to"].as_array().unwrap().len() == 1).chain(&held)
    {
        let own = one["organisation"].as_str().unwrap();
        let other = if own == "acme" { "bolaget" } else { "acme" };
        assert!(!one.to_string().contains(other), "{one}");
    }
}

fn rows(modes: &[&'static str]) -> Vec<(Wanted, Wanted, Answer)> {
    let mut rows = Vec::new();
    for mode in modes {
        for first in VERDICTS {
            for second in VERDICTS {
                rows.extend(ANSWERS.map(|answer| ((first, "protect"), (second, *mode), answer)));
            }
        }
    }
    rows
}

fn domain_of((verdict, mode): Wanted, place: &str, owner: &str) -> String {
    format!("{verdict}.{mode}.{place}.{owner}example")
}

/// One domain for each verdict, mode, place and owner; scores count for nothing, so that only the demand of the test file's category decides.
fn table_config(port: u16, hop: u16, owners: Owners, modes: &[&'static str]) -> String {
    let dead = free_port();
    let mut config = format!(
        "hostname = \"mx.ours.example\"\n[[listener]]\nname = \"in\"\nbind = \"127.0.0.1:{port}\"\ndirection = \"inbound\"\n\
         [limits]\nretry-first = \"1 hour\"\nrest-first = \"0 s\"\ntransactions-per-minute = 100000\n"
    );
    let mut owner_names = owners.names().to_vec();
    owner_names.dedup();
    for owner in owner_names.iter().filter(|owner| !owner.is_empty()) {
        config += &format!("[[organisation]]\nname = \"{}\"\n", owner.trim_end_matches('.'));
    }
    for verdict in VERDICTS {
        for mode in modes {
            config += &format!(
                "[[policy]]\nname = \"to-{verdict}-{mode}\"\nmode = \"{mode}\"\nmark = 1000\nquarantine = 1000\nreject = 1000\nphish = 1000\n\
                 [policy.actions]\nvirus = \"{verdict}\"\n"
            );
            let places = [
                ("here", hop, "spool"),
                ("away-spool", dead, "spool"),
                ("away-defer", dead, "defer"),
            ];
            for (place, at, away) in places {
                for owner in &owner_names {
                    config += &format!(
                        "[[domain]]\nname = \"{}\"\nnext-hop = \"smtp://127.0.0.1:{at}\"\nrecipients = \"any\"\nwhen-away = \"{away}\"\npolicy = \"to-{verdict}-{mode}\"\n",
                        domain_of((verdict, mode), place, owner)
                    );
                    if !owner.is_empty() {
                        config += &format!("organisation = \"{}\"\n", owner.trim_end_matches('.'));
                    }
                }
            }
        }
    }
    config
}

/// A mail with the published test file attached; each is another mail.
fn judged_mail(number: usize) -> String {
    let typed = "MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n";
    let attached = "--b\r\nContent-Type: application/octet-stream; name=test.txt\r\n\r\n";
    mail(&format!("case-{number}")).replacen("\r\n\r\n", &format!("\r\n{typed}--b\r\n\r\n"), 1)
        + &format!("..\r\n.\r\n{attached}{}\r\n--b--\r\n", eicar())
}

/// Until everything in the spool has been tried once and nothing is on its way.
fn wait_until_tried(gateway: &Gateway) {
    let tried = |leg: &Value| {
        leg["under_way"] == false && (leg["next_hop"] == "judge" || leg["tries"].as_u64() > Some(0))
    };
    wait_for("the spool to be tried", || gateway.queue().iter().all(tried).then_some(()));
}

/// Where each recipient's mail is now; a recipient with two fates has them joined, which no row wants.
fn found(
    gateway: &Gateway,
    hop: &Hop,
    recipients: &[String; 2],
    marked: [bool; 2],
    mail: &[u8],
) -> BTreeMap<String, String> {
    let mut found: BTreeMap<String, Vec<String>> =
        recipients.iter().map(|recipient| (recipient.clone(), Vec::new())).collect();
    let mut note = |recipient: &str, what: String| {
        found.get_mut(recipient).unwrap_or_else(|| panic!("{recipient}: {what}")).push(what);
    };
    for taken in hop.taken() {
        assert!(taken.bytes.ends_with(mail), "altered: {}", taken.text());
        let its_own = recipients.iter().zip(marked);
        for (recipient, marked) in its_own.filter(|(recipient, _)| taken.is_for(recipient)) {
            assert_eq!(taken.text().contains("X-Spam-Flag: YES"), marked, "{}", taken.text());
            note(recipient, "delivered".to_string());
        }
    }
    for leg in gateway.queue() {
        for recipient in leg["to"].as_array().unwrap() {
            let what = if leg["next_hop"] == "judge" { "judge" } else { "queued" };
            note(recipient.as_str().unwrap(), what.to_string());
        }
    }
    for held in gateway.quarantine(true) {
        let why = held["why"].as_str().unwrap();
        let what = match why {
            "mixed.rejected" | "undeliverable" => {
                assert_eq!(held["in_digest"], false, "{held}");
                format!("held {why}")
            }
            finding => {
                assert!(finding.contains("eicar"), "{held}");
                "held".to_string()
            }
        };
        note(held["recipient"].as_str().unwrap(), what);
    }
    found.into_iter().map(|(recipient, fates)| (recipient, fates.join(" and "))).collect()
}

/// A gateway with one domain whose server can be told to be odd, spooling (`spool.example`) or deferring (`defer.example`)
/// while it is away, and one that demands TLS (`tls.example`).
fn plain_config(port: u16, hop: u16, limits: &str) -> String {
    let mut config = format!(
        "hostname = \"mx.ours.example\"\n[[listener]]\nname = \"in\"\nbind = \"127.0.0.1:{port}\"\ndirection = \"inbound\"\n\
         [limits]\ntransactions-per-minute = 100000\n{limits}\n"
    );
    for (name, more) in [
        ("spool.example", ""),
        ("defer.example", "when-away = \"defer\"\nnext-hop-tls = \"off\""),
        ("tls.example", "next-hop-tls = \"required\""),
        ("held.example", "policy = \"holding\""),
    ] {
        config += &format!(
            "[[domain]]\nname = \"{name}\"\nnext-hop = \"smtp://127.0.0.1:{hop}\"\nrecipients = \"any\"\n{more}\n"
        );
    }
    config + "[[policy]]\nname = \"holding\"\n[policy.actions]\nvirus = \"quarantine\"\n"
}

#[test]
fn odd_servers_behind() {
    let hop = Hop::start(Manner::default());
    let port = free_port();
    // Each row finds out for itself how the server is.
    let limits = "retry-first = \"1 hour\"\nrest-first = \"0 s\"";
    let gateway = Gateway::start(&plain_config(port, hop.port(), limits));
    let plain = Manner::default;
    let words = |text: &str| text.to_string();
    let (spool, defer) = ("b@spool.example", "b@defer.example");
    let rows: [(&str, Manner, &str, &str, [usize; 2]); 15] = [
        (
            "greets 421",
            Manner { greeting: words("421 4.3.2 busy"), ..plain() },
            spool,
            "250 2.0.0 queued",
            [0, 1],
        ),
        (
            "greets 421",
            Manner { greeting: words("421 4.3.2 busy"), ..plain() },
            defer,
            "451 4.4.1",
            [0, 0],
        ),
        (
            "greets 554",
            Manner { greeting: words("554 5.3.2 no"), ..plain() },
            spool,
            "250 2.0.0 queued",
            [0, 1],
        ),
        (
            "MAIL later",
            Manner { mail: words("451 4.3.1 full"), ..plain() },
            spool,
            "250 2.0.0 queued",
            [0, 1],
        ),
        (
            "MAIL later",
            Manner { mail: words("421 4.3.1 full"), ..plain() },
            defer,
            "451 4.4.1",
            [0, 0],
        ),
        (
            "MAIL never",
            Manner { mail: words("550 5.7.1 go away"), ..plain() },
            spool,
            "550 5.7.1",
            [0, 0],
        ),
        (
            "DATA later",
            Manner { data: words("451 4.3.1 full"), ..plain() },
            spool,
            "250 2.0.0 queued",
            [0, 1],
        ),
        (
            "DATA never",
            Manner { data: words("554 5.7.1 no"), ..plain() },
            spool,
            "550 5.7.1",
            [0, 0],
        ),
        ("no ESMTP", Manner { keywords: None, ..plain() }, spool, "250 2.0.0 delivered", [1, 0]),
        (
            "no pipelining",
            Manner { keywords: Some(vec![words("8BITMIME")]), ..plain() },
            spool,
            "250 2.0.0 delivered",
            [1, 0],
        ),
        (
            "421 at the dot",
            Manner { dot: Dot::Say(words("421 4.3.2 going down")), ..plain() },
            spool,
            "451 4.3.2",
            [0, 0],
        ),
        // RFC 1047: it may have been delivered; the sender comes again.
        (
            "hangs up before taking",
            Manner { dot: Dot::DropBefore, ..plain() },
            spool,
            "451 4.3.2",
            [0, 0],
        ),
        (
            "hangs up after taking",
            Manner { dot: Dot::DropAfter, ..plain() },
            spool,
            "451 4.3.2",
            [1, 0],
        ),
        (
            "broken TLS",
            Manner { tls: HopTls::Broken, ..plain() },
            spool,
            "250 2.0.0 delivered",
            [1, 0],
        ),
        (
            "slow",
            Manner { pause: Duration::from_millis(200), ..plain() },
            spool,
            "250 2.0.0 delivered",
            [1, 0],
        ),
    ];
    for (number, (what, manner, to, reply, [delivered, queued])) in rows.into_iter().enumerate() {
        // A connection from the row before knows the server as it was then.
        close_pool(&hop, port);
        hop.forget();
        hop.become_(manner);
        let mut client = Client::hello(port);
        let heard =
            client.send("karin@example.org", &[to], mail(&format!("odd-{number}")).as_bytes());
        let heard = heard.unwrap();
        assert!(heard.last().starts_with(reply), "{what}: wanted {reply:?}, heard {heard:?}");
        wait_until_tried(&gateway);
        let now = [hop.count(), gateway.queue().len()];
        assert_eq!(now, [delivered, queued], "{what}: delivered, queued");
        assert!(gateway.quarantine(true).is_empty(), "{what}");
        gateway.empty();
    }
    tls_to_the_server_behind(&hop, &gateway, port);
    gateway.stop();
}

/// Has pooled connections used up: the server hangs up after each of these mails.
fn close_pool(hop: &Hop, port: u16) {
    hop.become_(Manner { hang_up_after_mail: true, ..Manner::default() });
    for to in ["b@spool.example", "b@defer.example"] {
        let heard = Client::hello(port).send("", &[to], mail("last").as_bytes()).unwrap();
        assert_eq!(heard.code, 250, "{heard:?}");
    }
}

fn tls_to_the_server_behind(hop: &Hop, gateway: &Gateway, port: u16) {
    close_pool(hop, port);
    let mut client = Client::hello(port);
    hop.forget();
    hop.become_(Manner { tls: HopTls::Good, ..Manner::default() });
    let mut send =
        |to: &str| client.send("karin@example.org", &[to], mail("s").as_bytes()).unwrap();
    assert_eq!(send("b@spool.example").code, 250);
    assert!(hop.taken()[0].in_tls, "offered and not used");
    assert_eq!(send("b@tls.example").code, 250);
    assert!(hop.taken()[1].in_tls);
    // What is demanded is not done without.
    for tls in [HopTls::Off, HopTls::Broken] {
        hop.become_(Manner { tls: tls.clone(), hang_up_after_mail: true, ..Manner::default() });
        send("b@tls.example");
        wait_until_tried(gateway);
        gateway.empty();
        hop.forget();
        assert!(send("b@tls.example").last().starts_with("250 2.0.0 queued"), "{tls:?}");
        wait_until_tried(gateway);
        assert_eq!((hop.count(), gateway.queue().len()), (0, 1), "{tls:?}");
        gateway.empty();
    }
    // What a server can take is known before the mail is on its way.
    let keywords = vec!["SIZE 100".to_string()];
    hop.become_(Manner { keywords: Some(keywords), ..Manner::default() });
    assert!(send("b@defer.example").last().starts_with("550 5.3.4"));
    assert_eq!((hop.count(), gateway.queue().len()), (0, 0));
}

#[test]
fn a_dead_pooled_connection_gets_one_fresh_try() {
    let hop = Hop::start(Manner::default());
    let port = free_port();
    let gateway = Gateway::start(&plain_config(port, hop.port(), ""));
    let mut client = Client::hello(port);
    let mut send = |word: &str| {
        let heard = client.send("karin@example.org", &["b@defer.example"], mail(word).as_bytes());
        assert!(
            heard.as_ref().unwrap().last().starts_with("250 2.0.0 delivered"),
            "{word}: {heard:?}"
        );
    };
    send("first");
    send("second");
    assert_eq!(hop.connections(), 1, "the connection is kept");
    hop.change(|manner| manner.hang_up_after_mail = true);
    send("third");
    send("over a fresh one");
    assert_eq!(hop.connections(), 2);
    // A server that says that we were idle for too long: with PIPELINING, and without.
    for keywords in [vec!["PIPELINING".to_string()], vec![]] {
        hop.become_(Manner { keywords: Some(keywords.clone()), ..Manner::default() });
        hop.change(|manner| manner.hang_up_after_mail = true);
        send("the last over an old one");
        hop.change(|manner| manner.hang_up_after_mail = false);
        send("the first over a new one");
        let before = hop.connections();
        hop.change(|manner| manner.idle_words = Some("421 4.4.2 idle for too long".to_string()));
        send("after the words of farewell");
        assert_eq!(hop.connections(), before + 1, "{keywords:?}");
    }
    assert_eq!(hop.count(), 10);
    assert!(gateway.queue().is_empty());
    drop(client);
    gateway.stop();
}

#[test]
fn one_clock_from_the_dot_to_the_reply() {
    let hop = Hop::start(Manner::default());
    let port = free_port();
    let mut gateway = Gateway::start(&plain_config(port, hop.port(), "dot-time = \"2 s\""));
    for (what, manner, reply) in [
        ("silent", Manner { dot: Dot::Silent, ..Manner::default() }, "451 4.3.2"),
        (
            "says half a reply now and then",
            Manner { dot: Dot::Drip, ..Manner::default() },
            "451 4.3.2",
        ),
        (
            "slow with each command",
            Manner { pause: Duration::from_millis(1_300), ..Manner::default() },
            "451 4.",
        ),
    ] {
        hop.become_(Manner { hang_up_after_mail: true, ..Manner::default() });
        Client::hello(port).send("", &["b@defer.example"], mail("last").as_bytes()).unwrap();
        hop.forget();
        hop.become_(manner);
        let began = Instant::now();
        let mut client = Client::hello(port);
        let heard = client.send("karin@example.org", &["b@defer.example"], mail("s").as_bytes());
        let took = began.elapsed();
        let heard = heard.unwrap();
        assert!(heard.last().starts_with(reply), "{what}: {heard:?}");
        let around = Duration::from_millis(1_900)..Duration::from_secs(5);
        assert!(around.contains(&took), "{what}: took {took:?}");
        assert_eq!(
            hop.count() + gateway.queue().len() + gateway.quarantine(true).len(),
            0,
            "{what}"
        );
    }
    // Mixed: committed before the silence, so the sender need not wait for it.
    hop.become_(Manner { dot: Dot::Silent, ..Manner::default() });
    let mixed = judged_mail(0);
    let mut client = Client::hello(port);
    let to = ["b@spool.example", "b@held.example"];
    let heard = client.send("karin@example.org", &to, mixed.as_bytes()).unwrap();
    assert!(heard.last().starts_with("250 2.0.0 queued"), "{heard:?}");
    gateway.kill();
}

#[test]
fn a_held_mail_is_held_once_and_released_once() {
    let hop = Hop::start(Manner::default());
    let port = free_port();
    let gateway = Gateway::start(&plain_config(port, hop.port(), ""));
    let forged = "X-Sluss-Released: v=1; forged\r\nX-Sluss-Verdict: deliver; forged\r\n";
    let clean = judged_mail(1);
    let body = format!("{forged}{clean}");
    let mut client = Client::hello(port);
    // The sender did not hear our reply and comes again.
    for _ in 0..2 {
        let to = ["b@held.example", "c@held.example"];
        let heard = client.send("karin@example.org", &to, body.as_bytes()).unwrap();
        assert!(heard.last().starts_with("250 2.0.0 queued"), "{heard:?}");
    }
    assert_eq!(hop.count(), 0);
    let held = gateway.quarantine(false);
    assert_eq!(held.len(), 2, "one for each recipient: {held:?}");
    let of = |who: &str| held.iter().find(|one| one["recipient"] == who).unwrap()["id"].clone();
    let id = of("b@held.example").as_str().unwrap().to_string();
    let shown = gateway.command(&["quarantine", "show", "--content", &id]);
    assert_eq!(shown.stdout, body.as_bytes(), "what is held is what came");
    let released: Vec<String> = (0..3)
        .map(|_| {
            let looked = ["quarantine", "release", "--reviewed", "a test file", "--malware", &id];
            let done = gateway.command(&looked);
            assert!(done.status.success(), "{done:?}");
            String::from_utf8(done.stdout).unwrap().trim().to_string()
        })
        .collect();
    assert_eq!(released[0], format!("{id}: released"));
    assert_eq!(released[2], format!("{id}: released already"));
    wait_for("the released mail", || gateway.queue().is_empty().then_some(()));
    let taken = hop.taken();
    assert_eq!(taken.len(), 1, "{taken:?}");
    assert!(taken[0].is_for("b@held.example") && !taken[0].is_for("c@held.example"));
    let text = taken[0].text();
    assert!(text.starts_with("X-Sluss-Released: v=1; id="), "{text}");
    assert!(!text.contains("forged"), "{text}");
    let (ours, theirs) = text.split_at(text.len() - (body.len() - forged.len()));
    assert_eq!(theirs, &body[forged.len()..], "unaltered");
    assert!(
        ours.trim_end().lines().skip(1).all(|line| line.starts_with('\t')),
        "one field: {ours:?}"
    );
    assert_eq!(gateway.quarantine(false).len(), 1);
    // The sender comes a third time. What is still held is found again; what was released is held anew:
    // it may be the same bytes sent on purpose, and a 250 for nothing would lose them.
    let to = ["b@held.example", "c@held.example"];
    client.send("karin@example.org", &to, body.as_bytes()).unwrap();
    let all = gateway.quarantine(true).len();
    assert_eq!(all, 3, "{:?}", gateway.quarantine(true));
    assert_eq!(gateway.quarantine(false).len(), 2);
    let deleted =
        gateway.ask(&json!({ "command": "quarantine-delete", "ids": [of("c@held.example")] }));
    assert_eq!(deleted.unwrap()["deleted"], 1);
    assert_eq!(hop.count(), 1);
    drop(client);
    gateway.stop();
}

#[test]
fn reload_and_the_end() {
    let hop = Hop::start(Manner::default());
    let port = free_port();
    let good = plain_config(port, hop.port(), "retry-first = \"1 hour\"");
    let mut gateway = Gateway::start(&good);
    let mut inside = Client::hello(port);
    inside.say("MAIL FROM:<karin@example.org>");
    inside.expect("250 2.1.0");
    // A bad file: the command names the place, the old one stays in force, and the log says so.
    fs::write(gateway.config_file(), good.replace("recipients = \"any\"", "recipient = \"any\""))
        .unwrap();
    let failed = gateway.command(&["reload"]);
    let said = String::from_utf8(failed.stderr).unwrap();
    assert!(!failed.status.success() && said.contains("sluss.toml"), "{said}");
    let asked = gateway.ask(&json!({ "command": "reload" })).unwrap_err();
    assert!(asked.contains("recipient") && asked.contains("sluss.toml:"), "{asked}");
    gateway.signal("HUP");
    wait_for("the log", || {
        (gateway.log().matches("the old configuration stays in force").count() >= 2).then_some(())
    });
    inside.say("RCPT TO:<b@spool.example>");
    inside.expect("250 2.1.5");
    // A good one, with a domain more: in force at once, also for connections that were open.
    let more = format!(
        "{good}[[domain]]\nname = \"new.example\"\nnext-hop = \"smtp://127.0.0.1:{}\"\nrecipients = \"any\"\n",
        hop.port()
    );
    fs::write(gateway.config_file(), more).unwrap();
    let done = gateway.command(&["reload"]);
    assert!(done.status.success(), "{done:?}");
    inside.say("RCPT TO:<b@new.example>");
    inside.expect("250 2.1.5");
    inside.say("DATA");
    inside.expect("354");
    inside
        .write(b"Subject: begun before the end\r\nFrom: karin@example.org\r\n\r\nfirst half\r\n")
        .unwrap();
    // SIGTERM: who is idle is asked to come back, who is in a transaction may finish.
    let mut idle = Client::hello(port);
    let mut waiting = Client::hello(port);
    waiting.say("MAIL FROM:<other@example.org>");
    waiting.expect("250 2.1.0");
    gateway.signal("TERM");
    idle.expect("421 4.3.2");
    assert!(idle.is_closed());
    // Nobody new is served: the door is shut, or 421 follows the greeting.
    if let Ok(mut late) = Client::dial(port) {
        late.say("EHLO late.example.org");
        assert!(!late.rest().contains("250"), "served after SIGTERM");
    }
    thread::sleep(Duration::from_millis(100));
    inside.write(b"second half\r\n.\r\n").unwrap();
    let heard: Heard = inside.expect("250 2.0.0");
    assert!(heard.last().contains("delivered"), "{heard:?}");
    inside.expect("421 4.3.2");
    assert!(inside.is_closed());
    waiting.say("RSET");
    waiting.expect("250");
    waiting.expect("421 4.3.2");
    let status = gateway.ended();
    assert_eq!(status.code(), Some(0), "{}", gateway.log());
    assert_eq!(hop.count(), 1);
    assert!(hop.taken()[0].text().ends_with("first half\r\nsecond half\r\n"));
}
