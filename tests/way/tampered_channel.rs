//! Somebody sits between the gateway and a mail host: what he can do under each policy, what he hears, and what the trace says of it.

use crate::abroad::{Abroad, At, Place};
use crate::policy_host::policy;
use crate::tamper::{Does, Tamper};
use serde_json::Value;
use std::net::{Ipv4Addr, SocketAddr};

/// Where he sits.
const BETWEEN: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 3);

/// What becomes of mail to this domain while he does this: who vouches where it goes over TLS, why it goes in clear where it does, or why it waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Tls(&'static str),
    Clear(&'static str),
    Waits(&'static str),
}
use End::{Clear, Tls, Waits};

/// Each policy has a domain.
const POLICIES: [&str; 3] = ["plain.example", "dane.example", "sts.example"];

const TABLE: [(Does, [End; 3]); 6] = [
    (Does::Nothing, [Tls("pki"), Tls("dane"), Tls("mta_sts")]),
    (Does::Strip, [Clear("not_offered"), Waits("offers no STARTTLS"), Waits("offers no STARTTLS")]),
    (Does::Inject, [Clear("broken"), Waits("before the handshake"), Waits("before the handshake")]),
    (Does::Reset, [Clear("broken"), Waits("handshake failed"), Waits("handshake failed")]),
    (Does::OldTls, [Clear("broken"), Waits("handshake failed"), Waits("handshake failed")]),
    (
        Does::Impersonate,
        [Tls("nobody"), Waits("fits none of the domain's TLSA records"), Waits("is self-made")],
    ),
];

/// The same where TLS is demanded of whoever answers: of the MX of other domains, and of a server of ours.
const DEMANDING: [(Does, End); 6] = [
    (Does::Nothing, Tls("pki")),
    (Does::Strip, Waits("offers no")),
    (Does::Inject, Waits("before the handshake")),
    (Does::Reset, Waits("TLS")),
    (Does::OldTls, Waits("TLS")),
    // It encrypts to whoever answers, and the trace says that nobody vouched for him.
    (Does::Impersonate, Tls("nobody")),
];

struct Scene {
    abroad: Abroad,
    tamper: Tamper,
    sent: usize,
}

impl Scene {
    #[track_caller]
    fn set(more: &str) -> Scene {
        let abroad = Abroad::start(&POLICIES, &[], more);
        let port = abroad.hop.port();
        for hop in [&abroad.hop, &abroad.other] {
            hop.change(|manner| manner.hang_up_after_mail = true);
        }
        let at = |octet| SocketAddr::from(([127, 0, 0, octet], port));
        let tamper = Tamper::start(&at(3).to_string(), at(1), at(2));
        abroad.policies.say("sts.example", policy("enforce", &["mx.sts.example"]));
        let between = At::Elsewhere(BETWEEN);
        abroad.domain("plain.example", between, Place::default());
        let tlsa = vec![abroad.good.tlsa(3, 1, 1, 0)];
        abroad.domain("dane.example", between, Place { tlsa, ..Place::default() });
        abroad.domain("sts.example", between, Place { sts: Some("1"), ..Place::default() });
        Scene { abroad, tamper, sent: 0 }
    }

    #[track_caller]
    fn play(&mut self, domain: &str, does: Does, want: End) {
        self.tamper.now(does);
        self.tamper.heard();
        self.sent += 1;
        let to = format!("p{}@{domain}", self.sent);
        let of = |channel: Value, to: &str| {
            let hops = [&self.abroad.hop, &self.abroad.other];
            let taken: Vec<_> =
                hops.iter().flat_map(|hop| hop.taken()).filter(|taken| taken.is_for(to)).collect();
            assert_eq!(taken.len(), 1, "{does:?}, {to}: it came once");
            (channel["secured"].clone(), channel["vouch"].clone(), taken[0].in_tls)
        };
        match want {
            Tls(vouch) => {
                let (secured, said, in_tls) = of(self.abroad.arrives(&to), &to);
                assert!(in_tls && secured.get("tls").is_some(), "{does:?}, {to}: {secured}");
                assert_eq!(said, vouch, "{does:?}, {to}");
            }
            Clear(why) => {
                let (secured, said, in_tls) = of(self.abroad.arrives(&to), &to);
                assert!(!in_tls, "{does:?}, {to}: {secured}");
                let clear = &secured["clear"];
                assert!(clear == why || clear.get(why).is_some(), "{does:?}, {to}: {secured}");
                assert_eq!(said, "nobody", "{does:?}, {to}");
            }
            Waits(words) => {
                let why = self.abroad.waits(&to);
                assert!(why.contains(words), "{does:?}, {to}: {why}");
                let hops = [&self.abroad.hop, &self.abroad.other];
                let came = hops.iter().flat_map(|hop| hop.taken()).any(|taken| taken.is_for(&to));
                assert!(!came, "{does:?}, {to}: it went");
            }
        }
        let heard = self.tamper.heard().join("\n");
        let secret = [to.as_str(), "anna@ours.example", "Subject", "harbour"];
        let has_read = secret.iter().any(|word| heard.contains(word));
        assert_eq!(has_read, matches!(want, Clear(_)), "{does:?}, {to}: he has heard {heard}");
    }
}

#[test]
fn who_sits_in_between_reads_nothing_where_policy_demands_that_nobody_does() {
    let mut scene = Scene::set("");
    for (does, ends) in TABLE {
        for (domain, want) in POLICIES.iter().zip(ends) {
            scene.play(domain, does, want);
        }
    }
    // He goes away, and what waited arrives, once.
    scene.tamper.now(Does::Nothing);
    let waited = scene.abroad.gateway.queue().len();
    assert_eq!(waited, 10);
    scene.abroad.gateway.command(&["queue", "retry"]);
    crate::common::wait_for("the queue to be empty", || {
        scene.abroad.gateway.queue().is_empty().then_some(())
    });
    let taken = scene.abroad.hop.count() + scene.abroad.other.count();
    assert_eq!(taken, scene.sent, "each mail came once");
}

#[test]
fn what_is_worse_than_before_is_told_once_a_day_and_stands_beside_the_mail() {
    let mut scene = Scene::set("");
    // Nobody knows yet that it could be better.
    scene.play("plain.example", Does::Strip, Clear("not_offered"));
    assert!(!scene.abroad.gateway.log().contains("worse than it was"));
    for domain in POLICIES {
        scene.play(
            domain,
            Does::Nothing,
            TABLE[0].1[POLICIES.iter().position(|one| *one == domain).unwrap()],
        );
    }
    for _ in 0..2 {
        scene.play("plain.example", Does::Strip, Clear("not_offered"));
        scene.play("dane.example", Does::Strip, Waits("offers no STARTTLS"));
    }
    scene.play("plain.example", Does::Impersonate, Tls("nobody"));
    let channel = scene.abroad.arrives("last@plain.example");
    assert_eq!(channel["worse"], serde_json::json!(["unvouched"]), "{channel}");
    let told = |words: [&str; 2]| {
        let log = scene.abroad.gateway.log();
        let lines = log.lines().filter(|line| line.contains("worse than it was"));
        lines.filter(|line| words.iter().all(|word| line.contains(word))).count()
    };
    crate::common::wait_for("all that is to be told", || {
        (told(["plain.example", "unvouched"]) == 1).then_some(())
    });
    assert_eq!(told(["plain.example", "no_starttls"]), 1);
    assert_eq!(told(["dane.example", "no_starttls"]), 1);
    assert_eq!(told(["sts.example", ""]), 0);
    let out = scene.abroad.gateway.command(&["status", "--json"]);
    let status: Value = serde_json::from_slice(&out.stdout).unwrap();
    let deviations = status["deviations"].to_string();
    for part in [
        "mail waits, since the channel is worse than before and policy demands more: dane.example (STARTTLS, which it had, is missing)",
        "plain.example (the certificate was good and is not), plain.example (STARTTLS, which it had, is missing)",
    ] {
        assert!(deviations.contains(part), "{part}: {deviations}");
    }
}

#[test]
fn who_sits_in_between_hears_nothing_in_clear_where_the_configuration_demands_tls() {
    let inside = "tls = \"required\"\n\
         [[domain]]\nname = \"inside.example\"\nnext-hop = \"smtp://127.0.0.3:MXPORT\"\nnext-hop-tls = \"required\"\nrecipients = \"any\"\n";
    let mut scene = Scene::set(inside);
    for domain in ["plain.example", "inside.example"] {
        for (does, want) in DEMANDING {
            // The certificate is for the MX, and a server of ours is known by its address here.
            let want = match (domain, want) {
                ("inside.example", Tls(_)) => Tls("nobody"),
                (_, want) => want,
            };
            scene.play(domain, does, want);
        }
    }
}
