//! Mail to domains with an MTA-STS policy (RFC 8461): the running gateway, web servers with policies good and bad, and mail hosts with good and bad
//! certificates.

use crate::abroad::{Abroad, At, Place};
use crate::common::{HopTls, wait_for};
use crate::policy_host::{Answer, policy};
use std::net::{Ipv4Addr, TcpListener};

fn sts(id: &'static str) -> Place {
    Place { sts: Some(id), ..Place::default() }
}

#[test]
fn mail_goes_to_hosts_that_the_policy_names_and_that_prove_it() {
    let abroad = Abroad::start(
        &["good.example", "strange.example", "dane.example", "none.example"],
        &["other.example", "self.example", "test.example"],
        "",
    );
    let say = |domain: &str, mode: &str, host: &str| {
        abroad.policies.say(domain, policy(mode, &[host]));
    };
    say("good.example", "enforce", "*.good.example");
    say("other.example", "enforce", "mx.other.example");
    say("self.example", "enforce", "mx.self.example");
    say("strange.example", "enforce", "mx.elsewhere.example");
    say("test.example", "testing", "mx.test.example");
    say("none.example", "none", "mx.none.example");
    say("dane.example", "enforce", "mx.dane.example");
    for name in ["good", "other", "strange", "none"] {
        abroad.domain(&format!("{name}.example"), At::Good, sts("1"));
    }
    for name in ["self", "test"] {
        abroad.domain(&format!("{name}.example"), At::SelfMade, sts("1"));
    }

    let channel = abroad.arrives("a@good.example");
    assert_eq!((&channel["policy"], &channel["vouch"]), (&"mta_sts".into(), &"mta_sts".into()));
    assert_eq!(channel["secured"]["tls"]["certificate"], "good", "{channel}");
    // Once more, over the connection that is open, and without asking again.
    assert_eq!(abroad.arrives("b@good.example")["vouch"], "mta_sts");
    assert_eq!(abroad.policies.asked("good.example"), 1);
    for (to, want) in [
        ("c@other.example", "bears another name"),
        ("d@self.example", "is self-made"),
        ("e@strange.example", "does not name mx.strange.example"),
    ] {
        let why = abroad.waits(to);
        assert!(why.contains(want), "{to}: {why}");
    }
    // One that is only tested keeps nothing here, and says what it would have kept.
    let channel = abroad.arrives("f@test.example");
    assert_eq!(channel["policy"], "mta_sts_testing", "{channel}");
    assert_eq!(channel["vouch"], "nobody", "{channel}");
    let log = abroad.gateway.log();
    assert!(log.contains("which it only tests, would have kept"), "{log}");
    assert_eq!(abroad.arrives("g@none.example")["policy"], "opportunistic");

    // Of DANE and MTA-STS it is DANE that counts, also where that is the one that fails.
    // The connection does not outlive the mail, or the second would go over it under the same records.
    abroad.other.change(|manner| manner.hang_up_after_mail = true);
    let right = Place { tlsa: vec![abroad.self_made.tlsa(3, 1, 1, 0)], ..sts("1") };
    abroad.domain("dane.example", At::SelfMade, right);
    assert_eq!(abroad.arrives("h@dane.example")["vouch"], "dane");
    let wrong = Place { tlsa: vec![abroad.self_made.tlsa(3, 1, 1, 0)], ..sts("1") };
    abroad.domain("dane.example", At::Good, wrong);
    abroad.forget_dns();
    assert!(abroad.waits("i@dane.example").contains("TLSA"));

    // Somebody takes STARTTLS away, or breaks it.
    for (tls, word) in [
        (HopTls::Off, "offers no STARTTLS"),
        (HopTls::Refused, "refuses STARTTLS"),
        (HopTls::Broken, "handshake failed"),
    ] {
        abroad.hop.change(|manner| {
            manner.tls = tls;
            manner.idle_words = Some("421 4.4.2 idle".to_string());
        });
        let to = format!("{}@good.example", word.split(' ').next().unwrap());
        let why = abroad.waits(&to);
        assert!(why.contains(word), "{to}: {why}");
    }
    assert!(abroad.hop.taken().iter().chain(&abroad.other.taken()).all(|taken| taken.in_tls));

    // It is whole again, and what waited goes.
    let good = abroad.good.clone();
    abroad.hop.change(|manner| manner.tls = HopTls::With(good));
    abroad.gateway.command(&["queue", "retry"]);
    wait_for("what waited", || {
        abroad.hop.taken().iter().any(|taken| taken.is_for("offers@good.example")).then_some(())
    });
}

#[test]
fn a_policy_that_cannot_be_had_is_none_and_nobody_waits_long_for_it() {
    let names = ["moved.example", "long.example", "endless.example", "page.example"];
    let more = ["slow.example", "bomb.example", "inside.example", "dead.example", "foul.example"];
    let abroad = Abroad::start(&names, &more, "");
    let raw = |header: &str, body: &str| {
        Answer::Raw(format!("HTTP/1.1 {header}\r\n\r\n{body}").into_bytes())
    };
    let good = "version: STSv1\nmode: enforce\nmx: mx.elsewhere.example\nmax_age: 86400\n";
    let moved = "302 Found\r\nContent-Length: 0\r\nContent-Type: text/plain\r\nLocation: /other";
    let bomb = format!("200 OK\r\nContent-Type: text/plain\r\n{}", "X-Y: z\r\n".repeat(3_000));
    let long = format!("{good}{}", "#\n".repeat(40_000));
    for (name, answer) in [
        ("moved", raw(moved, "")),
        ("long", Answer::Text(long)),
        ("endless", Answer::Endless),
        ("page", raw("200 OK\r\nContent-Type: text/html\r\nConnection: close", good)),
        ("slow", Answer::Drip),
        ("bomb", raw(bomb.trim_end(), good)),
        ("inside", Answer::Text(good.to_string())),
        ("foul", Answer::Text("mode: enforce\n".to_string())),
    ] {
        abroad.policies.say(&format!("{name}.example"), answer);
    }
    // Whoever names a policy host within this house is not followed there.
    let inside = Ipv4Addr::new(127, 0, 0, 3);
    let trap = TcpListener::bind((inside, abroad.policies.port())).unwrap();
    trap.set_nonblocking(true).unwrap();
    for name in names.iter().chain(&more) {
        let policy_at = (*name == "inside.example").then_some(inside);
        abroad.domain(name, At::SelfMade, Place { policy_at, ..sts("1") });
    }
    for (name, said) in [
        ("moved", "mta-sts.moved.example answers 302"),
        ("long", "answers with more than 65536 bytes"),
        ("endless", "answers with more than 65536 bytes"),
        ("page", "answers with something that is no text/plain"),
        ("bomb", "does not answer as a web server does"),
        ("inside", "is at 127.0.0.3, which is no address in the world"),
        ("dead", "does not answer as a web server does"),
        ("foul", "the policy has no version STSv1"),
    ] {
        let channel = abroad.arrives(&format!("{name}@{name}.example"));
        assert_eq!(channel["policy"], "opportunistic", "{name}");
        let of_domain = format!("\"domain\":\"{name}.example\"");
        let log = abroad.gateway.log();
        let line = log.lines().find(|line| line.contains(&of_domain));
        assert!(line.is_some_and(|line| line.contains(said)), "{name}: {log}");
    }
    assert!(trap.accept().is_err(), "nobody has knocked");
    // A host that is slow: the mail goes after a while, and the fetch goes on.
    assert_eq!(abroad.arrives("slow@slow.example")["policy"], "opportunistic");
    // What failed is not tried again at once.
    abroad.arrives("again@moved.example");
    assert_eq!(abroad.policies.asked("moved.example"), 1);
    assert!(abroad.gateway.log().contains("sts-policy-fetch-error"));
    assert!(abroad.gateway.log().contains("sts-policy-invalid"));
}

#[test]
fn a_policy_is_kept_over_a_restart_and_whatever_becomes_of_its_host() {
    let mut abroad = Abroad::start(&["change.example", "pool.example"], &[], "");
    let named = policy("enforce", &["mx.change.example"]);
    abroad.policies.say("change.example", named.clone());
    abroad.domain("change.example", At::Good, sts("1"));
    assert_eq!(abroad.arrives("a@change.example")["vouch"], "mta_sts");
    // The record tells of another policy; before that nobody asks.
    abroad.policies.say("change.example", policy("enforce", &["mx.elsewhere.example"]));
    assert_eq!(abroad.arrives("b@change.example")["vouch"], "mta_sts");
    assert_eq!(abroad.policies.asked("change.example"), 1);
    abroad.domain("change.example", At::Good, sts("2"));
    abroad.forget_dns();
    assert!(abroad.waits("c@change.example").contains("does not name mx.change.example"));
    assert_eq!(abroad.policies.asked("change.example"), 2);
    // The owner has seen his mistake: what waits goes at its next try.
    abroad.policies.say("change.example", named);
    abroad.domain("change.example", At::Good, sts("3"));
    abroad.forget_dns();
    abroad.gateway.command(&["queue", "retry"]);
    wait_for("the mail that waited", || {
        abroad.hop.taken().iter().any(|taken| taken.is_for("c@change.example")).then_some(())
    });

    // A domain that begins to enforce: no mail goes over the connection that is still open from before.
    abroad.domain("pool.example", At::SelfMade, Place::default());
    assert_eq!(abroad.arrives("a@pool.example")["policy"], "opportunistic");
    abroad.policies.say("pool.example", policy("enforce", &["*.pool.example"]));
    abroad.domain("pool.example", At::SelfMade, sts("1"));
    abroad.forget_dns();
    assert!(abroad.waits("b@pool.example").contains("is self-made"));
    assert_eq!(abroad.other.count(), 1);

    // Record and host vanish, somebody in the middle shows a certificate of his own, and the gateway is killed.
    abroad.domain("change.example", At::SelfMade, Place::default());
    abroad.policies.forget("change.example");
    abroad.restart();
    assert!(abroad.waits("d@change.example").contains("is self-made"));
    // A record that is there, of a policy that is not: the one that is kept holds on.
    abroad.domain("change.example", At::SelfMade, sts("4"));
    abroad.forget_dns();
    assert!(abroad.waits("e@change.example").contains("is self-made"));
    assert_eq!(abroad.policies.asked("change.example"), 4);
    // Told not to ask, the gateway does as before.
    let config = std::fs::read_to_string(abroad.gateway.config_file()).unwrap();
    let off = config.replace("mta-sts-port", "mta-sts = \"off\"\nmta-sts-port");
    std::fs::write(abroad.gateway.config_file(), off).unwrap();
    abroad.gateway.signal("HUP");
    wait_for("the reload", || abroad.gateway.log().contains("reloaded").then_some(()));
    assert_eq!(abroad.arrives("f@change.example")["policy"], "opportunistic");
}
