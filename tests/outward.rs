//! How mail leaves, seen from the servers that get it: LMTP, XCLIENT, logins, source addresses, rests, late notices, our own addresses.

// Real time, and failing loudly, is what these tests are for.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, clippy::disallowed_methods)]

mod common;

use common::{Client, Dot, Gateway, Hop, HopTls, Manner, free_port, mail, wait_for};
use std::{
    fs,
    net::TcpListener,
    time::{Duration, Instant},
};

/// A gateway with an inbound and an outbound listener.
struct House {
    gateway: Gateway,
    inbound: u16,
    outbound: u16,
}

impl House {
    /// `rest` is everything but the listeners; networks of `[outbound]` are its own business.
    #[track_caller]
    fn start(rest: &str) -> House {
        let (inbound, outbound) = (free_port(), free_port());
        let listener = |name: &str, port: u16, direction: &str| {
            format!(
                "[[listener]]\nname = \"{name}\"\nbind = \"127.0.0.1:{port}\"\ndirection = \"{direction}\"\n"
            )
        };
        let config = format!(
            "hostname = \"mx.ours.example\"\n{}{}{rest}",
            listener("in", inbound, "inbound"),
            listener("out", outbound, "outbound")
        );
        House { gateway: Gateway::start(&config), inbound, outbound }
    }

    #[track_caller]
    fn receive(&self, to: &[&str], word: &str) -> String {
        let mut client = Client::hello(self.inbound);
        let heard = client.send("karin@example.org", to, mail(word).as_bytes()).unwrap();
        heard.last().to_string()
    }

    #[track_caller]
    fn send(&self, to: &[&str], word: &str) -> String {
        let mut client = Client::hello(self.outbound);
        let heard = client.send("anna@ours.example", to, ours(word).as_bytes()).unwrap();
        heard.last().to_string()
    }
}

/// A mail that Anna writes.
fn ours(word: &str) -> String {
    mail(word).replace("Karin Berg <karin@example.org>", "Anna <anna@ours.example>")
}

fn keywords(words: &[&str]) -> Option<Vec<String>> {
    Some(words.iter().map(|word| word.to_string()).collect())
}

fn domain(name: &str, next_hop: &str, more: &str) -> String {
    format!(
        "[[domain]]\nname = \"{name}\"\nnext-hop = \"{next_hop}\"\nrecipients = \"any\"\n{more}\n"
    )
}

#[test]
fn lmtp_answers_for_each_recipient() {
    let replies = [("later@", "452 4.2.2 full"), ("never@", "550 5.2.1 disabled")];
    let replies = replies.map(|(part, reply)| (part.to_string(), reply.to_string())).to_vec();
    let hop = Hop::start(Manner { lmtp: Some(replies), ..Manner::default() });
    let place = format!("lmtp://127.0.0.1:{}", hop.port());
    let asked = domain("asked.example", &place, "").replace("\"any\"", "\"callout\"");
    let house = House::start(&(domain("ours.example", &place, "") + &asked));
    // One recipient: the server's answer is ours.
    for (to, want) in [
        ("a@ours.example", "250 2.0.0 delivered"),
        ("later@ours.example", "451 4.2.2"),
        ("never@ours.example", "550 5.2.1"),
        ("a@asked.example", "250 2.0.0 delivered"),
    ] {
        let heard = house.receive(&[to], "one");
        assert!(heard.starts_with(want), "{to}: {heard}");
    }
    assert_eq!(hop.count(), 2);
    assert!(hop.taken()[0].hello.starts_with("LHLO mx.ours.example"), "{:?}", hop.taken()[0]);
    // Three: made safe first, then each by its own answer.
    let all = ["a@ours.example", "later@ours.example", "never@ours.example"];
    let heard = house.receive(&all, "three");
    assert!(heard.starts_with("250 2.0.0 queued"), "{heard}");
    wait_for("the third answer", || (!house.gateway.quarantine(false).is_empty()).then_some(()));
    let queue = wait_for("one leg to be left", || {
        let queue = house.gateway.queue();
        (queue.len() == 1 && queue[0]["tries"] == 1).then_some(queue)
    });
    assert_eq!(queue[0]["to"][0], "later@ours.example", "{queue:?}");
    assert_eq!(house.gateway.quarantine(false)[0]["recipient"], "never@ours.example");
    assert_eq!(hop.count(), 3);
    // It hangs up between two answers: the first is done, the second comes again.
    house.gateway.empty();
    hop.change(|manner| manner.lmtp = Some(vec![("late@".to_string(), "drop".to_string())]));
    house.receive(&["a@ours.example", "late@ours.example"], "half");
    wait_for("the other half", || {
        let queue = house.gateway.queue();
        (queue.len() == 1 && queue[0]["tries"] == 1 && queue[0]["to"][0] == "late@ours.example")
            .then_some(())
    });
    assert_eq!(hop.count(), 4);
}

#[test]
fn a_server_that_wants_to_know_is_told_of_each_client_anew() {
    let words = ["PIPELINING", "XCLIENT NAME ADDR PORT PROTO HELO LOGIN"];
    let hop = Hop::start(Manner { keywords: keywords(&words), ..Manner::default() });
    let place = format!("smtp://127.0.0.1:{}", hop.port());
    let house = House::start(
        &(domain("ours.example", &place, "next-hop-xclient = true")
            + &domain("silent.example", &place, "")
            + &format!("[outbound]\nnetworks = [\"127.0.0.0/8\"]\nsmarthost = \"{place}\"\n")),
    );
    for helo in ["one.example.org", "two.example.org"] {
        let mut client = Client::dial(house.inbound).unwrap();
        client.expect("220");
        client.say(&format!("EHLO {helo}"));
        client.expect("250");
        let heard = client.send("karin@example.org", &["a@ours.example"], mail("x").as_bytes());
        assert!(heard.unwrap().last().starts_with("250 2.0.0 delivered"));
    }
    let mut client = Client::dial(house.inbound).unwrap();
    client.expect("220");
    client.say("HELO three");
    client.expect("250");
    client.send("karin@example.org", &["a@ours.example"], mail("x").as_bytes()).unwrap();
    let taken = hop.taken();
    for (taken, (helo, proto, hello)) in taken.iter().zip([
        ("one.example.org", "ESMTP", "EHLO one.example.org"),
        ("two.example.org", "ESMTP", "EHLO two.example.org"),
        ("three", "SMTP", "EHLO three"),
    ]) {
        let told = format!(" PROTO={proto} HELO={helo}");
        assert!(
            taken.told.starts_with("XCLIENT NAME=[UNAVAILABLE] ADDR=127.0.0.1 PORT="),
            "{taken:?}"
        );
        assert!(taken.told.ends_with(&told) && taken.hello == hello, "{taken:?}");
        assert!(!taken.told.contains("LOGIN"));
    }
    assert_eq!((taken.len(), hop.connections()), (3, 1), "one connection, told anew each time");
    // Mail of a domain that tells nothing, and our own notices, never go over a connection that stands for a client.
    house.receive(&["a@silent.example"], "silent");
    house.send(&["x@far.example"], "out");
    wait_for("both", || (hop.count() == 5).then_some(()));
    assert!(
        hop.taken()[3..]
            .iter()
            .all(|taken| taken.told.is_empty() && taken.hello == "EHLO mx.ours.example")
    );
    // A server that does not let us tell gets the mail all the same.
    hop.change(|manner| manner.xclient = "550 5.7.0 not you".to_string());
    house.gateway.signal("HUP");
    wait_for("the reload", || house.gateway.log().contains("reloaded").then_some(()));
    let heard = house.receive(&["a@ours.example"], "refused");
    assert!(heard.starts_with("250 2.0.0 delivered"), "{heard}");
    assert!(house.gateway.log().contains("XCLIENT is offered and refused"));
}

#[test]
fn the_smarthost_gets_the_password_inside_tls_or_not_at_all() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("password");
    fs::write(&file, "open sesame\n").unwrap();
    let words = ["PIPELINING", "AUTH LOGIN PLAIN"];
    let hop =
        Hop::start(Manner { keywords: keywords(&words), tls: HopTls::Good, ..Manner::default() });
    let config = |more: &str| {
        format!(
            "[outbound]\nnetworks = [\"127.0.0.0/8\"]\nsmarthost = \"smtp://127.0.0.1:{}\"\nsmarthost-user = \"us\"\nsmarthost-password-file = {file:?}\n{more}\n\
             [limits]\nretry-first = \"200 ms\"\nrest-first = \"200 ms\"\n{}",
            hop.port(),
            domain("ours.example", "maildir:/nowhere", "")
        )
    };
    let house = House::start(&config("smarthost-ca = \"any\""));
    assert!(house.send(&["x@far.example"], "one").starts_with("250"));
    wait_for("the mail", || (hop.count() == 1).then_some(()));
    let plain = data_encoding::BASE64.encode(b"\0us\0open sesame");
    assert!(hop.taken()[0].in_tls);
    assert_eq!(
        hop.commands().iter().filter(|line| **line == format!("AUTH PLAIN {plain}")).count(),
        1
    );
    // Only LOGIN; a new connection, as the old one is told to go.
    hop.change(|manner| {
        manner.keywords = keywords(&["AUTH LOGIN"]);
        manner.idle_words = Some("421 4.4.2 idle".to_string());
    });
    house.send(&["x@far.example"], "two");
    wait_for("the second", || (hop.count() == 2).then_some(()));
    let password = data_encoding::BASE64.encode(b"open sesame");
    assert!(hop.commands().iter().any(|line| line == "AUTH LOGIN"));
    assert!(hop.commands().contains(&password));
    // 535: the mail waits, nobody gets it back, and the log asks for somebody.
    hop.change(|manner| manner.auth = format!("535 5.7.8 no such password as {password}"));
    house.send(&["x@far.example"], "three");
    wait_for("the refusal", || {
        let queue = house.gateway.queue();
        queue
            .iter()
            .any(|leg| leg["last"].as_str().unwrap_or("").contains("refuses our login: 535 5.7.8"))
            .then_some(())
    });
    let log = house.gateway.log();
    assert!(log.contains("we cannot log in at the smarthost"), "{log}");
    assert!(!log.contains(&password) && !log.contains("sesame"), "what it says is not repeated");
    assert_eq!(hop.count(), 2);
    hop.change(|manner| manner.auth = "235 2.7.0 welcome".to_string());
    wait_for("the third", || (hop.count() == 3).then_some(()));
    // No TLS: not a word of the password.
    hop.forget();
    hop.change(|manner| manner.tls = HopTls::Off);
    house.send(&["x@far.example"], "four");
    wait_for("its wait", || {
        house
            .gateway
            .queue()
            .iter()
            .any(|leg| leg["last"].as_str().unwrap_or("").contains("offers no TLS"))
            .then_some(())
    });
    assert!(!hop.commands().iter().any(|line| line.starts_with("AUTH")));
    drop(house);
    // A certificate that nobody vouches for gets nothing either.
    hop.forget();
    hop.change(|manner| (manner.tls, manner.idle_words) = (HopTls::Good, None));
    let pem = folder.path().join("ca.pem");
    let other = rcgen::generate_simple_self_signed(vec!["other.example".to_string()]).unwrap();
    fs::write(&pem, other.cert.pem()).unwrap();
    let house = House::start(&config(&format!("smarthost-ca = {pem:?}")));
    house.send(&["x@far.example"], "five");
    wait_for("its wait", || {
        house
            .gateway
            .queue()
            .iter()
            .any(|leg| leg["last"].as_str().unwrap_or("").contains("TLS failed"))
            .then_some(())
    });
    assert!(!hop.commands().iter().any(|line| line.starts_with("AUTH")));
}

#[test]
fn source_address_name_and_family_are_as_configured() {
    if TcpListener::bind("[::1]:0").is_err() {
        panic!("this machine has no IPv6 on loopback, which the test is about");
    }
    let (four, six) = (Hop::start(Manner::default()), Hop::start_at("[::1]:0", Manner::default()));
    let world = Hop::start(Manner::default());
    let dead = free_port();
    let house = House::start(&format!(
        "[outbound]\nnetworks = [\"127.0.0.0/8\"]\nsmarthost = [\"smtp://[IPv6:::1]:{dead}\", \"smtp://127.0.0.1:{}\"]\n\
         source-addresses = [\"127.0.0.7\", \"::1\"]\nhelo = \"out.ours.example\"\n\
         [[destination]]\nname = \"smtp://127.0.0.1:{}\"\nsource-addresses = [\"127.0.0.9\"]\nhelo = \"inside.ours.example\"\n{}{}",
        world.port(),
        four.port(),
        domain("four.example", &format!("smtp://127.0.0.1:{}", four.port()), ""),
        domain("six.example", &format!("smtp://[::1]:{}", six.port()), ""),
    ));
    assert!(house.receive(&["a@four.example"], "four").starts_with("250 2.0.0 delivered"));
    assert!(house.receive(&["a@six.example"], "six").starts_with("250 2.0.0 delivered"));
    house.send(&["x@far.example"], "world");
    wait_for("the world", || (world.count() == 1).then_some(()));
    for (hop, from, hello) in [
        (&four, "127.0.0.9", "EHLO inside.ours.example"),
        (&six, "::1", "EHLO mx.ours.example"),
        (&world, "127.0.0.7", "EHLO out.ours.example"),
    ] {
        let taken = hop.taken().remove(0);
        assert_eq!((taken.from.to_string().as_str(), taken.hello.as_str()), (from, hello));
    }
}

#[test]
fn a_server_that_says_421_to_everybody_is_asked_ever_more_seldom() {
    let hop =
        Hop::start(Manner { greeting: "421 4.7.0 too many".to_string(), ..Manner::default() });
    let house = House::start(&format!(
        "[outbound]\nnetworks = [\"127.0.0.0/8\"]\nsmarthost = \"smtp://127.0.0.1:{}\"\n[limits]\nretry-first = \"100 ms\"\nrest-first = \"500 ms\"\n{}",
        hop.port(),
        domain("ours.example", "maildir:/nowhere", "")
    ));
    let mut client = Client::hello(house.outbound);
    for number in 0..40 {
        let text = ours(&format!("storm-{number}"));
        client.send("anna@ours.example", &["x@far.example"], text.as_bytes()).unwrap();
    }
    std::thread::sleep(Duration::from_secs(4));
    // Five at first, then after half a second, one, two: forty mails with a tenth of a second each would be hundreds.
    let asked = hop.connections();
    assert!((2..=15).contains(&asked), "{asked} connections");
    let lines = house.gateway.command(&["queue", "destinations"]);
    let lines = String::from_utf8_lossy(&lines.stdout).into_owned();
    assert!(lines.contains("421 4.7.0 too many") && lines.contains("40"), "{lines}");
    // It is back: everything goes without anybody's help.
    hop.become_(Manner::default());
    let began = Instant::now();
    wait_for("all of them", || (hop.count() == 40).then_some(()));
    assert!(began.elapsed() < Duration::from_secs(15));
    wait_for("the end", || house.gateway.queue().is_empty().then_some(()));
}

#[test]
fn a_next_hop_that_is_back_gets_what_waits_at_once() {
    let port = free_port();
    let house = House::start(&format!(
        "[limits]\nretry-first = \"1 hour\"\nrest-first = \"1 hour\"\nexempt-networks = [\"127.0.0.0/8\"]\n{}",
        domain("ours.example", &format!("smtp://127.0.0.1:{port}"), "")
    ));
    // It asks again and again, more often than strangers may.
    let mut client = Client::hello(house.inbound);
    let mut word = |number: usize| {
        let text = mail(&format!("away-{number}"));
        let heard = client.send("karin@example.org", &["a@ours.example"], text.as_bytes()).unwrap();
        heard.last().to_string()
    };
    let began = Instant::now();
    for number in 0..10 {
        assert!(word(number).starts_with("250 2.0.0 queued"));
    }
    assert!(began.elapsed() < Duration::from_secs(10), "nobody waits for a server that is down");
    wait_for("its rest", || {
        let lines = house.gateway.command(&["queue", "destinations", "--json"]);
        String::from_utf8_lossy(&lines.stdout).contains("resting_until_ms").then_some(())
    });
    let hop = Hop::start_at(&format!("127.0.0.1:{port}"), Manner::default());
    wait_for("the first that gets through", || {
        word(99).starts_with("250 2.0.0 delivered").then_some(())
    });
    // The one that was tried keeps its own wait; all who waited for the destination go.
    wait_for("those who waited", || (house.gateway.queue().len() <= 5).then_some(()));
    assert!(hop.count() >= 6);
}

#[test]
fn a_slow_next_hop_does_not_get_every_session() {
    let slow = Hop::start(Manner { pause: Duration::from_millis(300), ..Manner::default() });
    let house = House::start(&format!(
        "[limits]\nconnections-per-next-hop = 2\ndot-time = \"4 s\"\n{}",
        domain("ours.example", &format!("smtp://127.0.0.1:{}", slow.port()), "")
    ));
    let heard: Vec<String> = std::thread::scope(|scope| {
        let one = |number: usize| {
            let house = &house;
            scope.spawn(move || house.receive(&["a@ours.example"], &format!("slow-{number}")))
        };
        let all: Vec<_> = (0..12).map(one).collect();
        all.into_iter().map(|one| one.join().unwrap()).collect()
    });
    assert!(heard.iter().all(|line| line.starts_with("250")), "{heard:?}");
    let queued = heard.iter().filter(|line| line.contains("queued")).count();
    assert!((1..=10).contains(&queued), "{heard:?}");
    wait_for("all of them", || (slow.count() == 12).then_some(()));
    assert!(slow.connections() <= 2 + 5, "two for those who wait, five for the queue");
}

#[test]
fn a_late_mail_is_told_of_once_also_over_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let (inside, dead) = (Hop::start(Manner::default()), free_port());
    let (inbound, outbound) = (free_port(), free_port());
    let config = format!(
        "hostname = \"mx.ours.example\"\n[[listener]]\nname = \"in\"\nbind = \"127.0.0.1:{inbound}\"\ndirection = \"inbound\"\n\
         [[listener]]\nname = \"out\"\nbind = \"127.0.0.1:{outbound}\"\ndirection = \"outbound\"\n\
         [outbound]\nnetworks = [\"127.0.0.0/8\"]\nsmarthost = \"smtp://127.0.0.1:{dead}\"\nnotice-language = \"sv\"\n\
         [limits]\nretry-first = \"200 ms\"\nrest-first = \"1 hour\"\ndelay-notice = \"2 s\"\n{}",
        domain("ours.example", &format!("smtp://127.0.0.1:{}", inside.port()), "")
    );
    let gateway = Gateway::start_in(folder.path(), &config);
    let mut client = Client::hello(outbound);
    let send = |client: &mut Client, notify: &str, word: &str| {
        for line in [
            "MAIL FROM:<anna@ours.example>",
            &format!("RCPT TO:<{word}@far.example>{notify}"),
            "DATA",
        ] {
            client.say(line);
            client.expect(if line == "DATA" { "354" } else { "250" });
        }
        client.write(format!("{}.\r\n", ours(word)).as_bytes()).unwrap();
        client.expect("250");
    };
    send(&mut client, "", "tell");
    send(&mut client, " NOTIFY=NEVER", "never");
    send(&mut client, " NOTIFY=FAILURE", "failure");
    wait_for("the notice", || (inside.count() == 1).then_some(()));
    let notice = inside.taken().remove(0);
    for part in [
        "Action: delayed",
        "Final-Recipient: rfc822; tell@far.example",
        "Will-Retry-Until: ",
        "Content-Language: sv",
        "Ditt brev har ännu inte levererats",
    ] {
        assert!(notice.text().contains(part), "{part} is missing in {}", notice.text());
    }
    assert!(notice.mail.starts_with("MAIL FROM:<>") && notice.is_for("anna@ours.example"));
    drop(client);
    gateway.stop();
    let gateway = Gateway::start_in(folder.path(), &config);
    assert_eq!(gateway.queue().len(), 3);
    std::thread::sleep(Duration::from_secs(3));
    assert_eq!(inside.count(), 1, "once");
    gateway.stop();
}

#[test]
fn our_own_addresses_take_mail_and_no_others() {
    let house = House::start(&domain("reports.example", "internal:", ""));
    let mut client = Client::hello(house.inbound);
    let heard =
        client.send("", &["reports+dmarc@reports.example"], mail("report").as_bytes()).unwrap();
    assert!(heard.last().starts_with("250 2.0.0 queued"), "{heard:?}");
    let id = heard.id().unwrap();
    wait_for("it is read", || house.gateway.queue().is_empty().then_some(()));
    wait_for("the trace", || {
        let trace = house.gateway.command(&["trace", &id]);
        String::from_utf8_lossy(&trace.stdout).contains("no report of a kind").then_some(())
    });
    client.say("MAIL FROM:<karin@example.org>");
    client.expect("250");
    client.say("RCPT TO:<nobody@reports.example>");
    client.expect("550 5.1.1");
}

#[test]
fn next_hops_are_greeted_at_start_where_that_is_wanted() {
    let hop = Hop::start(Manner::default());
    let place = format!("smtp://127.0.0.1:{}", hop.port());
    let house = House::start(
        &(String::from("[limits]\nprobe-next-hops = true\n")
            + &domain("a.example", &place, "")
            + &domain("b.example", &place, "")),
    );
    wait_for("SMTPUTF8 to be known", || {
        let mut client = Client::dial(house.inbound).unwrap();
        client.expect("220");
        client.say("EHLO client.example.org");
        client.hear().unwrap().lines.iter().any(|line| line.contains("SMTPUTF8")).then_some(())
    });
    assert_eq!(hop.connections(), 1, "one server, however many domains");
    wait_for("goodbye", || {
        (hop.commands().last().map(String::as_str) == Some("QUIT")).then_some(())
    });
}

/// Longest for a mail to a server that does as it should, while another does not.
const CALM_TIME_MAX: Duration = Duration::from_secs(2);

/// A server of which the worst is to be expected, and one beside it.
fn hostile_and_calm(hostile: &Hop, calm: &Hop) -> House {
    House::start(&format!(
        "[outbound]\nnetworks = [\"127.0.0.0/8\"]\nsmarthost = \"smtp://127.0.0.1:{}\"\n\
         [limits]\nretry-first = \"1 hour\"\nrest-first = \"0 s\"\ndot-time = \"3 s\"\n{}{}{}",
        hostile.port(),
        domain("hostile.example", &format!("smtp://127.0.0.1:{}", hostile.port()), ""),
        domain("ours.example", &format!("smtp://127.0.0.1:{}", calm.port()), ""),
        domain("calm.example", &format!("smtp://127.0.0.1:{}", calm.port()), "")
    ))
}

fn with_subject(hop: &Hop, word: &str) -> usize {
    let subject = format!("Subject: {word}\r\n");
    hop.taken().iter().filter(|taken| taken.text().contains(&subject)).count()
}

#[test]
fn a_hostile_next_hop_loses_and_doubles_nothing() {
    let (hostile, calm) = (Hop::start(Manner::default()), Hop::start(Manner::default()));
    let house = hostile_and_calm(&hostile, &calm);
    let dot = |dot: Dot| Manner { dot, ..Manner::default() };
    for (word, manner, reply, taken, waiting) in [
        // Nothing of the mail has gone out yet: it is safe here.
        (
            "tarpit",
            Manner { byte_pause: Duration::from_secs(1), ..Manner::default() },
            "250 2.0.0 queued",
            0,
            1,
        ),
        (
            "half-closed",
            Manner { half_close_after_greeting: true, ..Manner::default() },
            "250 2.0.0 queued",
            0,
            1,
        ),
        // RFC 1047: it may have been taken. Whoever sent it has it still and comes again.
        ("half-closed-late", dot(Dot::HalfClose), "451 4.3.2", 0, 0),
        ("reset", dot(Dot::ResetBefore), "451 4.3.2", 0, 0),
        ("reset-late", dot(Dot::ResetAfter), "451 4.3.2", 1, 0),
    ] {
        // No connection of the row before is left to be used.
        hostile.become_(Manner { hang_up_after_mail: true, ..Manner::default() });
        house.receive(&["last@hostile.example"], "last");
        hostile.become_(manner);
        let began = Instant::now();
        let said = std::thread::scope(|scope| {
            let hostile = scope.spawn(|| house.receive(&["a@hostile.example"], word));
            for number in 0..3 {
                let began = Instant::now();
                let said = house.receive(&["a@calm.example"], &format!("{word}-calm-{number}"));
                assert!(said.starts_with("250 2.0.0 delivered"), "{word}: {said}");
                assert!(began.elapsed() < CALM_TIME_MAX, "{word}: {:?}", began.elapsed());
            }
            hostile.join().unwrap()
        });
        assert!(said.starts_with(reply), "{word}: {said}");
        assert!(began.elapsed() < Duration::from_secs(6), "{word}: {:?}", began.elapsed());
        assert_eq!(with_subject(&hostile, word), taken, "{word}");
        let waits = house.gateway.queue().len();
        assert_eq!(waits, waiting, "{word}");
        // As soon as it behaves, what waits goes, once.
        hostile.become_(Manner::default());
        wait_for("the queue to be tried", || {
            let queue = house.gateway.queue();
            if queue.iter().any(|leg| leg["under_way"] == false) {
                assert!(house.gateway.command(&["queue", "retry"]).status.success());
            }
            queue.is_empty().then_some(())
        });
        assert_eq!(with_subject(&hostile, word), taken + waiting, "{word}: once");
        for number in 0..3 {
            assert_eq!(with_subject(&calm, &format!("{word}-calm-{number}")), 1, "{word}");
        }
    }
}

#[test]
fn a_reset_after_the_dot_doubles_once_for_each_reset() {
    const MAILS: usize = 8;
    let (hostile, calm) = (Hop::start(Manner::default()), Hop::start(Manner::default()));
    let house = hostile_and_calm(&hostile, &calm);
    for (round, (dot, first)) in
        [(Dot::ResetAfter, 1), (Dot::ResetBefore, 0), (Dot::HalfClose, 0)].into_iter().enumerate()
    {
        let word = |number: usize| format!("round-{round}-{number}");
        hostile.become_(Manner { dot: dot.clone(), ..Manner::default() });
        for number in 0..MAILS {
            let said = house.send(&["x@far.example"], &word(number));
            assert!(said.starts_with("250 2.0.0 queued"), "{said}");
        }
        wait_for("each to be tried once", || {
            let queue = house.gateway.queue();
            let tried = queue.iter().filter(|leg| leg["under_way"] == false && leg["tries"] == 1);
            (tried.count() == MAILS).then_some(())
        });
        // What we were not told, we do not know: it is sent again. Each reset costs one copy and no more.
        for number in 0..MAILS {
            assert_eq!(with_subject(&hostile, &word(number)), first, "{dot:?}");
        }
        hostile.become_(Manner::default());
        assert!(house.gateway.command(&["queue", "retry"]).status.success());
        wait_for("the queue to be empty", || house.gateway.queue().is_empty().then_some(()));
        for number in 0..MAILS {
            assert_eq!(with_subject(&hostile, &word(number)), first + 1, "{dot:?}");
        }
    }
}

#[test]
fn storms_of_421_and_tarpits_slow_nobody_else() {
    const MAILS: usize = 30;
    let (hostile, calm) = (Hop::start(Manner::default()), Hop::start(Manner::default()));
    let house = hostile_and_calm(&hostile, &calm);
    let busy = || "421 4.3.2 busy".to_string();
    for (word, manner) in [
        ("greets-421", Manner { greeting: busy(), ..Manner::default() }),
        ("mail-421", Manner { mail: busy(), ..Manner::default() }),
        ("dot-421", Manner { dot: Dot::Say(busy()), ..Manner::default() }),
        ("tarpit", Manner { byte_pause: Duration::from_secs(1), ..Manner::default() }),
    ] {
        hostile.become_(manner);
        let mut client = Client::hello(house.outbound);
        for number in 0..MAILS {
            let text = ours(&format!("{word}-{number}"));
            // One mail for both: the server of one recipient is not to hold up the other.
            let both = ["x@far.example", "a@calm.example"];
            let heard = client.send("anna@ours.example", &both, text.as_bytes()).unwrap();
            assert!(heard.code == 250, "{word}: {heard:?}");
        }
        let began = Instant::now();
        wait_for("the calm server's part", || {
            let of_calm = |number| with_subject(&calm, &format!("{word}-{number}")) == 1;
            (0..MAILS).all(of_calm).then_some(())
        });
        assert!(began.elapsed() < CALM_TIME_MAX, "{word}: {:?}", began.elapsed());
        let said = house.receive(&["a@calm.example"], &format!("{word}-in"));
        assert!(said.starts_with("250 2.0.0 delivered"), "{word}: {said}");
        assert!(began.elapsed() < 2 * CALM_TIME_MAX, "{word}: {:?}", began.elapsed());
        // The calm server has a mail before the queue knows that it has.
        let waits = wait_for("the calm server's part to leave the queue", || {
            let waits = house.gateway.queue();
            waits.iter().all(|leg| leg["to"][0] == "x@far.example").then_some(waits)
        });
        assert_eq!(waits.len(), MAILS, "{word}: {waits:?}");
        assert_eq!(hostile.count(), 0, "{word}");
        drop(client);
        if word != "tarpit" {
            let rests = |leg: &serde_json::Value| leg["under_way"] == false;
            wait_for("the tries to end", || house.gateway.queue().iter().all(rests).then_some(()));
            house.gateway.empty();
        }
    }
}
