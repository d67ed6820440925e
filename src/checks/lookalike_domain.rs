//! A name in the mail looks like a domain of ours, or like one that we want watched, and is not it: `f1rm.example`, `firm-support.example`,
//! `firm.se.evil.example`. Looked at are From, Reply-To, the envelope sender, those who signed, and where links lead.
//!
//! Our own domains are no look-alikes, nor is one that we have written to ourselves. Links weigh less than senders: who writes from such
//! a name has registered it for that. The same name under another top-level domain is mostly an honest namesake.

use super::{
    Case, Check, Finding,
    house::{How, Likeness, WatchedFor},
    known::{
        brands,
        hosts::{is_freemail, is_rewriter},
    },
    read::hosts,
};
use crate::{base::limits, config::policy::Category, facts::Known, mail::Domain};
use std::collections::BTreeSet;

pub(super) const CHECK: Check = Check {
    ids: &[
        "lookalike.letters",
        "lookalike.near",
        "lookalike.in_front",
        "lookalike.words",
        "lookalike.top",
        "lookalike.piece",
    ],
    about: "A sender or a link has a name that is made to look like a domain of the organisation or one it wants watched.",
    plain: "A name in the mail looks like one that you know, and is another.",
    run,
};

fn run(case: &Case, findings: &mut Vec<Finding>) {
    if !case.is_inbound() {
        return;
    }
    let recipients = || {
        let recipients = case.mail.envelope.recipients.iter();
        recipients.filter_map(|recipient| recipient.address.domain())
    };
    let watched = case.houses.iter().map(|house| house.watched_for(recipients()));
    let watched: Vec<WatchedFor> = watched.filter(|watched| !watched.is_empty()).collect();
    if watched.is_empty() {
        return;
    }
    let mut seen: Vec<Seen> = Vec::new();
    let mut compared = BTreeSet::new();
    for (place, host) in senders(case).chain(links(case)) {
        if compared.insert(host.clone()) {
            seen.extend(watched.iter().find_map(|watched| Seen::at(case, watched, place, &host)));
        }
    }
    // Each way of imitating is said once, with its worst place.
    seen.sort_by(|a, b| a.how.cmp(&b.how).then(b.weight.total_cmp(&a.weight)));
    for same in seen.chunk_by(|a, b| a.how == b.how) {
        let Some(worst) = same.first() else { continue };
        let because = format!("{}{}", worst.because, super::and_more(same.len()));
        findings.push(Finding::new(id(worst.how), Category::Phish, worst.weight, because));
    }
}

/// A name that looks like a watched one.
struct Seen {
    how: How,
    weight: f32,
    because: String,
}

impl Seen {
    fn at(case: &Case, watched: &WatchedFor, place: Place, host: &str) -> Option<Seen> {
        let Likeness { of, how } = watched.likeness(host)?;
        let owner = hosts::owner(host)?;
        let honest = is_freemail(&owner)
            || is_rewriter(host)
            || brands::owner_of(&owner).is_some()
            || is_written_to(case, &owner);
        let long = hosts::label(of).len() >= LONG_NAME_LETTERS_MIN;
        let weight = place.weight(how) * if how == How::Near && long { 1.5 } else { 1.0 };
        // What one organisation watches is not for another to read.
        let of = if case.houses.len() == 1 { of } else { "a domain of one of those it is for" };
        let because = format!("{} {host} looks like {of}", place.word());
        (!honest && weight > 0.0).then_some(Seen { how, weight, because })
    }
}

/// Is it the sender's domain, and have we written to it before?
fn is_written_to(case: &Case, owner: &str) -> bool {
    let written = match &case.facts.history {
        Known::Yes(history) => history.answers_ours || history.written_to_domain > 0.0,
        Known::No(_) | Known::NotAsked => false,
    };
    written && case.from_owner().as_deref() == Some(owner)
}

/// Where a name stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    From,
    ReplyTo,
    Envelope,
    Signer,
    Link,
}

impl Place {
    fn word(self) -> &'static str {
        match self {
            Place::From => "From:",
            Place::ReplyTo => "Reply-To:",
            Place::Envelope => "the envelope sender",
            Place::Signer => "the signer",
            Place::Link => "a link to",
        }
    }

    fn weight(self, how: How) -> f32 {
        match (how, self) {
            (How::Letters, Place::Link) => 3.0,
            (How::Letters, _) => 4.0,
            (How::Near, Place::Link) => 1.0,
            (How::Near, _) => 2.0,
            (How::InFront, _) => 3.0,
            (How::Words, Place::Link) => 1.5,
            (How::Words, _) => 2.5,
            (How::Top, Place::Link) => 0.0,
            (How::Top, _) => 1.0,
            (How::Piece, Place::Link) => 0.0,
            (How::Piece, _) => 0.5,
        }
    }
}

fn id(how: How) -> &'static str {
    match how {
        How::Letters => "lookalike.letters",
        How::Near => "lookalike.near",
        How::InFront => "lookalike.in_front",
        How::Words => "lookalike.words",
        How::Top => "lookalike.top",
        How::Piece => "lookalike.piece",
    }
}

/// The domains that speak as senders.
fn senders(case: &Case) -> impl Iterator<Item = (Place, String)> {
    let name = |domain: &Domain| domain.as_str().to_string();
    let of = |place, field: &str| {
        let mailboxes = case.mail.header.mailboxes(field).into_iter().take(MAILBOXES_MAX);
        let domains = mailboxes.filter_map(|mailbox| mailbox.domain());
        domains.map(|domain| (place, name(&domain))).collect::<Vec<_>>()
    };
    let envelope = case.mail.envelope.sender.address().and_then(|address| address.domain());
    let envelope = envelope.map(|domain| (Place::Envelope, name(domain)));
    let signers = match &case.facts.dkim {
        Known::Yes(signatures) => signatures.as_slice(),
        Known::No(_) | Known::NotAsked => &[],
    };
    let signers = signers.iter().take(limits::SIGNATURES_MAX);
    let signers: Vec<_> = signers.map(|one| (Place::Signer, one.domain.clone())).collect();
    let header = of(Place::From, "From").into_iter().chain(of(Place::ReplyTo, "Reply-To"));
    header.chain(envelope).chain(signers)
}

/// The hosts that links lead to.
fn links<'a>(case: &'a Case) -> impl Iterator<Item = (Place, String)> + use<'a> {
    let pressed = case.contents.links.iter().filter(|link| !link.fetched && !link.host.is_empty());
    let hosts: BTreeSet<&str> = pressed.map(|link| link.host.as_str()).collect();
    hosts.into_iter().map(|host| (Place::Link, host.to_string()))
}

/// Of names so long two firms hardly have neighbours.
const LONG_NAME_LETTERS_MIN: usize = 8;
/// More senders in one field are no sender.
const MAILBOXES_MAX: usize = 4;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        checks::{
            House,
            house::{Foundation, People},
            testing::{Setting, expect, found, links, mail},
        },
        examine::Contents,
        facts::{Facts, history::History},
        mail::{Envelope, ReversePath},
        wire::auth::{Dkim, Signature},
    };

    fn house() -> House {
        let mut foundation = Foundation::default();
        foundation.own(&Domain::parse("firm.se").unwrap());
        foundation.own(&Domain::parse("lindstroms.example").unwrap());
        foundation.house(&[Domain::parse("partner.fi").unwrap()], People::default())
    }

    fn setting() -> Setting {
        Setting { house: house(), ..Setting::default() }
    }

    #[test]
    fn senders_that_look_like_ours() {
        for (from, want) in [
            ("a@firm.se", &[][..]),
            ("a@mail.firm.se", &[]),
            ("a@partner.fi", &[]),
            ("a@elsewhere.example", &[]),
            ("a@f1rm.se", &["lookalike.letters"]),
            ("a@firrn.example", &["lookalike.letters"]),
            ("a@lindstorms.example", &["lookalike.near"]),
            ("a@partnr.example", &["lookalike.near"]),
            ("a@firm-support.example", &["lookalike.words"]),
            ("a@firm.se.evil.example", &["lookalike.in_front"]),
            ("a@firm-se.example", &["lookalike.in_front"]),
            ("a@firm.com", &["lookalike.top"]),
            ("a@lindstroms-gardens.example", &["lookalike.piece"]),
            ("no address", &[]),
        ] {
            expect(&CHECK, &setting(), &mail(from, "hi"), want);
            expect(&CHECK, &Setting::default(), &mail(from, "hi"), &[]);
            expect(&CHECK, &setting().outbound(), &mail(from, "hi"), &[]);
        }
    }

    #[test]
    fn every_place_is_looked_at() {
        let reply = mail("a@example.org", "hi").replace("To:", "Reply-To: x@f1rm.se\nTo:");
        expect(&CHECK, &setting(), &reply, &["lookalike.letters"]);
        let plain = mail("a@example.org", "hi");
        let envelope = Envelope::from(ReversePath::parse("x@f1rm.se").unwrap());
        let sent = Setting { envelope, ..setting() };
        expect(&CHECK, &sent, &plain, &["lookalike.letters"]);
        let signature = Signature {
            result: Dkim::Pass,
            domain: "f1rm.se".to_string(),
            selector: "a".to_string(),
            because: String::new(),
        };
        let dkim = Known::Yes(vec![signature]);
        let signed = Setting { facts: Facts { dkim, ..Facts::default() }, ..setting() };
        expect(&CHECK, &signed, &plain, &["lookalike.letters"]);
        let contents = links(&[
            ("https://firm.se.evil.example/", ""),
            ("https://www.f1rm.se/", ""),
            ("https://login.f1rm.se/", ""),
            ("https://firm.se/", ""),
            ("https://firm.se.fetched.example/", ""),
        ]);
        let linked = Setting { contents, ..setting() };
        expect(&CHECK, &linked, &plain, &["lookalike.letters", "lookalike.in_front"]);
        let said = found(&CHECK, &linked, &plain);
        assert_eq!(said[0].because, "a link to login.f1rm.se looks like firm.se, 2 of them");
        // No lure hides behind others.
        let mut many: Vec<_> =
            (0..limits::LINKS_MAX).map(|n| format!("https://h{n}.example/")).collect();
        many.push("https://zz.f1rm.se/".to_string());
        let many: Vec<_> = many.iter().map(|link| (link.as_str(), "")).collect();
        let contents: Contents = links(&many);
        expect(&CHECK, &Setting { contents, ..setting() }, &plain, &["lookalike.letters"]);
    }

    #[test]
    fn whom_we_write_to_imitates_nobody() {
        for (history, want) in [
            (History { written_to_domain: 2.0, ..History::default() }, &[][..]),
            (History { answers_ours: true, ..History::default() }, &[]),
            (History { came_from_domain: 2.0, ..History::default() }, &["lookalike.letters"]),
        ] {
            let facts = Facts { history: Known::Yes(history), ..Facts::default() };
            let setting = Setting { facts, ..setting() };
            expect(&CHECK, &setting, &mail("a@f1rm.se", "hi"), want);
        }
    }
}
