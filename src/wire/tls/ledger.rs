//! What was seen of the channel to a mail host, and what of that is missing now: a downgrade, by somebody in between or by the host's owner.
//!
//! Pure. A fact counts for [`limits::LEDGER_DAYS`] after it was last seen, so that what stays worse is as it is some day. What an attacker shows
//! can raise what is expected, never lower it.

use super::{Channel, InClear, Refusal, Secured, Vouch};
use crate::{
    base::limits,
    mail::{CertificateState, NameMatch, TlsSession},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The best that was seen of a mail host, each with the day it was seen last, counted from 1970.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Standing {
    /// TLS was spoken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls: Option<u64>,
    /// It was TLS 1.3.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls13: Option<u64>,
    /// Its certificate was good and bore its name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub good: Option<u64>,
    /// The server was proven.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proven: Option<u64>,
    /// SHA-256 of certificates that nobody vouched for; the server may be several machines.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub strangers: Vec<(String, u64)>,
}

/// What is worse than before.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Downgrade {
    /// STARTTLS, which it had, is not offered or refused.
    NoStarttls,
    /// TLS, which worked, breaks.
    BrokenTls,
    /// TLS 1.2 where it was 1.3.
    OlderVersion,
    /// A server that was proven is not.
    Unproven,
    /// A certificate that was good is not.
    Unvouched,
    /// Nobody vouches for the certificate, as before, and it is another one.
    OtherCertificate,
    /// There are TLSA records, and none can be used.
    TlsaUnusable,
}

/// What is seen of a mail host now.
#[derive(Debug, Clone, Copy)]
pub enum Sight<'a> {
    /// A channel that mail goes over.
    Channel(&'a Channel),
    /// Why none does.
    Refused(&'a Refusal),
}

/// All that is to be compared.
#[derive(Debug, Clone, Copy)]
pub struct Look<'a> {
    /// What is seen.
    pub sight: Sight<'a>,
    /// There are TLSA records, and none can be used.
    pub tlsa_unusable: bool,
    /// Proofs are asked for at all: whoever has switched that off knows that there are none.
    pub proofs_asked: bool,
    /// Days since 1970.
    pub today: u64,
}

impl Downgrade {
    /// Every one.
    pub const ALL: [Downgrade; 7] = [
        Downgrade::NoStarttls,
        Downgrade::BrokenTls,
        Downgrade::OlderVersion,
        Downgrade::Unproven,
        Downgrade::Unvouched,
        Downgrade::OtherCertificate,
        Downgrade::TlsaUnusable,
    ];

    /// For logs, figures and the store.
    pub fn word(self) -> &'static str {
        match self {
            Downgrade::NoStarttls => "no_starttls",
            Downgrade::BrokenTls => "broken_tls",
            Downgrade::OlderVersion => "older_version",
            Downgrade::Unproven => "unproven",
            Downgrade::Unvouched => "unvouched",
            Downgrade::OtherCertificate => "other_certificate",
            Downgrade::TlsaUnusable => "tlsa_unusable",
        }
    }

    /// By its word.
    pub fn parse(word: &str) -> Option<Downgrade> {
        Downgrade::ALL.into_iter().find(|one| one.word() == word)
    }

    /// What is worse, in words.
    pub fn words(self) -> &'static str {
        match self {
            Downgrade::NoStarttls => "STARTTLS, which it had, is missing",
            Downgrade::BrokenTls => "TLS, which worked, breaks",
            Downgrade::OlderVersion => "TLS 1.2, where it was 1.3",
            Downgrade::Unproven => "the server was proven and is not",
            Downgrade::Unvouched => "the certificate was good and is not",
            Downgrade::OtherCertificate => {
                "nobody vouches for the certificate, and it is another one"
            }
            Downgrade::TlsaUnusable => "none of its TLSA records can be used",
        }
    }
}

impl Standing {
    /// What is worse now; nothing where nothing is.
    pub fn downgrades(&self, look: Look<'_>) -> Vec<Downgrade> {
        let lately = |day: Option<u64>| {
            day.is_some_and(|day| look.today.saturating_sub(day) <= limits::LEDGER_DAYS)
        };
        let mut found = Vec::new();
        let mut note = |is: bool, what: Downgrade| {
            if is && !found.contains(&what) {
                found.push(what);
            }
        };
        note(look.tlsa_unusable, Downgrade::TlsaUnusable);
        let was_proven = look.proofs_asked && lately(self.proven);
        match look.sight {
            Sight::Channel(channel) => match &channel.secured {
                Secured::Clear(InClear::Local | InClear::SwitchedOff) => (),
                Secured::Clear(InClear::NotOffered | InClear::Refused(_)) => {
                    note(lately(self.tls), Downgrade::NoStarttls);
                    note(was_proven, Downgrade::Unproven);
                }
                Secured::Clear(InClear::Broken(_)) => {
                    note(lately(self.tls), Downgrade::BrokenTls);
                    note(was_proven, Downgrade::Unproven);
                }
                Secured::Tls(session) => {
                    let is_proven = channel.vouch.is_proven();
                    note(
                        session.version == "TLSv1.2" && lately(self.tls13),
                        Downgrade::OlderVersion,
                    );
                    note(was_proven && !is_proven, Downgrade::Unproven);
                    // Where other terms prove the server, what authorities say of it is nobody's business.
                    let is_strange = channel.vouch == Vouch::Nobody && is_looked_at(session);
                    note(is_strange && lately(self.good), Downgrade::Unvouched);
                    let mut known =
                        self.strangers.iter().filter(|(_, day)| lately(Some(*day))).peekable();
                    let is_other = known.peek().is_some()
                        && session
                            .chain
                            .first()
                            .is_some_and(|leaf| known.all(|(one, _)| one != leaf));
                    note(is_strange && is_other && !lately(self.good), Downgrade::OtherCertificate);
                }
            },
            Sight::Refused(refusal) => match refusal {
                Refusal::NotOffered | Refusal::Refused(_) => {
                    note(lately(self.tls), Downgrade::NoStarttls)
                }
                Refusal::Broken(_) => note(lately(self.tls), Downgrade::BrokenTls),
                Refusal::TooOld => note(lately(self.tls13), Downgrade::OlderVersion),
                Refusal::Certificate(_)
                | Refusal::OtherName
                | Refusal::OtherKey
                | Refusal::NoTlsaFits
                | Refusal::Bogus(_)
                | Refusal::NoAnswer(_)
                | Refusal::HostNotNamed(_)
                | Refusal::HostNotAgreed(_)
                | Refusal::NotProven => note(was_proven, Downgrade::Unproven),
                // What the server never could is no change.
                Refusal::NoRequireTls | Refusal::NotVerified => (),
            },
        }
        found
    }

    /// With what is seen now; the same where nothing is new.
    pub fn with(mut self, channel: &Channel, today: u64) -> Standing {
        let Secured::Tls(session) = &channel.secured else { return self };
        self.tls = Some(today);
        if session.version == "TLSv1.3" {
            self.tls13 = Some(today);
        }
        if session.certificate == CertificateState::Good && session.name == NameMatch::Yes {
            self.good = Some(today);
        }
        if channel.vouch.is_proven() {
            self.proven = Some(today);
        }
        if let (Vouch::Nobody, Some(leaf)) = (channel.vouch, session.chain.first()) {
            self.strangers.retain(|(one, _)| one != leaf);
            self.strangers.push((leaf.clone(), today));
            if self.strangers.len() > limits::LEDGER_CERTIFICATES_MAX {
                self.strangers.remove(0);
            }
        }
        self
    }
}

fn is_looked_at(session: &TlsSession) -> bool {
    session.certificate != CertificateState::NotLooked
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::tls::Dnssec;

    fn tls(version: &str, certificate: CertificateState, leaf: &str, vouch: Vouch) -> Channel {
        let session = TlsSession {
            version: version.to_string(),
            certificate,
            name: NameMatch::Yes,
            chain: vec![leaf.to_string()],
            ..TlsSession::default()
        };
        let secured = Secured::Tls(session);
        Channel { secured, vouch, dnssec: Dnssec::Secure, ..Channel::clear(InClear::Local) }
    }

    fn clear(why: InClear) -> Channel {
        Channel::clear(why)
    }

    fn look(sight: Sight<'_>) -> Look<'_> {
        Look { sight, tlsa_unusable: false, proofs_asked: true, today: 20_000 }
    }

    #[test]
    fn what_is_worse_is_named_and_what_is_as_before_is_not() {
        use CertificateState::{Good, SelfMade};
        use Downgrade::{
            BrokenTls, NoStarttls, OlderVersion, OtherCertificate, Unproven, Unvouched,
        };
        let (new, old) = ("TLSv1.3", "TLSv1.2");
        let plain = || tls(new, SelfMade, "a", Vouch::Nobody);
        let good = || tls(new, Good, "a", Vouch::Pki);
        let proven = || tls(new, Good, "a", Vouch::Dane);
        let broken = || InClear::Broken("reset".to_string());
        for (before, now, want) in [
            (vec![], clear(InClear::NotOffered), vec![]),
            (vec![], plain(), vec![]),
            (vec![plain()], plain(), vec![]),
            (vec![plain()], clear(InClear::NotOffered), vec![NoStarttls]),
            (vec![plain()], clear(InClear::Refused("454 no".to_string())), vec![NoStarttls]),
            (vec![plain()], clear(broken()), vec![BrokenTls]),
            (vec![plain()], clear(InClear::SwitchedOff), vec![]),
            (vec![plain()], tls(old, SelfMade, "a", Vouch::Nobody), vec![OlderVersion]),
            (vec![plain()], tls(new, SelfMade, "b", Vouch::Nobody), vec![OtherCertificate]),
            // One of several machines behind one name.
            (vec![plain(), tls(new, SelfMade, "b", Vouch::Nobody)], plain(), vec![]),
            (vec![plain()], good(), vec![]),
            (vec![good()], tls(new, Good, "b", Vouch::Pki), vec![]),
            (vec![good()], plain(), vec![Unvouched]),
            (vec![plain(), good()], tls(new, SelfMade, "b", Vouch::Nobody), vec![Unvouched]),
            (vec![good()], proven(), vec![]),
            (vec![proven()], good(), vec![Unproven]),
            (vec![proven()], plain(), vec![Unproven, Unvouched]),
            (vec![proven()], clear(InClear::NotOffered), vec![NoStarttls, Unproven]),
            // A key that TLSA records speak of, under a certificate that nobody signed.
            (vec![proven()], tls(new, SelfMade, "b", Vouch::Dane), vec![]),
        ] {
            let standing =
                before.iter().fold(Standing::default(), |all, one| all.with(one, 19_990));
            let found = standing.downgrades(look(Sight::Channel(&now)));
            assert_eq!(found, want, "{before:?}\n{now:?}");
            let text = serde_json::to_string(&standing).unwrap();
            assert_eq!(serde_json::from_str::<Standing>(&text).unwrap(), standing);
        }
    }

    #[test]
    fn who_is_refused_is_worse_than_he_was_or_never_was_better() {
        let proven = Standing::default()
            .with(&tls("TLSv1.3", CertificateState::Good, "a", Vouch::MtaSts), 19_990);
        for (refusal, want) in [
            (Refusal::NotOffered, Downgrade::NoStarttls),
            (Refusal::Refused("454 no".to_string()), Downgrade::NoStarttls),
            (Refusal::Broken("reset".to_string()), Downgrade::BrokenTls),
            (Refusal::TooOld, Downgrade::OlderVersion),
            (Refusal::Certificate(CertificateState::Expired), Downgrade::Unproven),
            (Refusal::NoTlsaFits, Downgrade::Unproven),
            (Refusal::Bogus("MX".to_string()), Downgrade::Unproven),
        ] {
            let seen = look(Sight::Refused(&refusal));
            assert_eq!(proven.downgrades(seen), [want], "{refusal}");
            assert_eq!(Standing::default().downgrades(seen), [], "{refusal}");
        }
    }

    #[test]
    fn what_was_long_ago_and_what_nobody_asks_for_is_no_downgrade() {
        let channel = tls("TLSv1.3", CertificateState::Good, "a", Vouch::Dane);
        let first = 20_000 - limits::LEDGER_DAYS;
        let now = clear(InClear::NotOffered);
        let seen = look(Sight::Channel(&now));
        let both = [Downgrade::NoStarttls, Downgrade::Unproven];
        assert_eq!(Standing::default().with(&channel, first).downgrades(seen), both);
        assert_eq!(Standing::default().with(&channel, first - 1).downgrades(seen), []);
        let off = Look { proofs_asked: false, ..seen };
        let standing = Standing::default().with(&channel, first);
        assert_eq!(standing.downgrades(off), [Downgrade::NoStarttls]);
        let unusable = Look { tlsa_unusable: true, ..seen };
        assert_eq!(Standing::default().downgrades(unusable), [Downgrade::TlsaUnusable]);
    }

    #[test]
    fn certificates_that_are_remembered_are_few_and_each_kind_has_a_word() {
        let mut standing = Standing::default();
        for number in 0..100 {
            let leaf = format!("{number}");
            let channel = tls("TLSv1.3", CertificateState::SelfMade, &leaf, Vouch::Nobody);
            standing = standing.with(&channel, 1);
        }
        assert_eq!(standing.strangers.len(), limits::LEDGER_CERTIFICATES_MAX);
        assert_eq!(standing.strangers.last().unwrap().0, "99");
        for one in Downgrade::ALL {
            assert_eq!(Downgrade::parse(one.word()), Some(one));
            assert_eq!(serde_json::to_value(one).unwrap(), one.word());
            assert!(!one.words().is_empty());
        }
    }
}
