//! What DNS lists say of who sent a mail and of what is in it. How much a listing means the list's section in the configuration says.
//!
//! A list that did not answer says nothing: that is told, and weighs nothing.

use super::{Case, Check, Finding, and_more};
use crate::{
    config::{
        dns_list::{Ask, Means},
        policy::Category,
    },
    facts::{
        Known,
        dns_list::{Hit, Listings},
    },
};
use std::collections::BTreeMap;

pub(super) const CHECK: Check = Check {
    ids: &[
        "dns_list.client",
        "dns_list.domain",
        "dns_list.link",
        "dns_list.hash",
        "dns_list.allowed",
        "dns_list.unknown",
    ],
    about: "A DNS list knows who sent the mail or something in it, or could not be asked.",
    plain: "The server that sent the mail is known for unwanted mail.",
    run,
};

fn run(case: &Case, findings: &mut Vec<Finding>) {
    let listings = match &case.facts.dns_lists {
        Known::NotAsked => return,
        Known::No(why) => return findings.push(unknown(why.clone())),
        Known::Yes(listings) => listings,
    };
    findings.extend(heaviest(listings).into_values().map(|(hit, count)| told(hit, count)));
    let silent = listings.unanswered.iter();
    findings.extend(silent.map(|one| unknown(format!("{}: {}", one.list, one.because))));
}

/// One finding for each list and kind of thing, with the heaviest listing: a mail may link to one bad host under a hundred names.
fn heaviest(listings: &Listings) -> BTreeMap<(&str, &'static str), (&Hit, usize)> {
    let mut heaviest: BTreeMap<(&str, &'static str), (&Hit, usize)> = BTreeMap::new();
    for hit in &listings.hits {
        let (kept, count) = heaviest.entry((&hit.list, id(hit))).or_insert((hit, 0));
        *count += 1;
        if hit.weight.abs() > kept.weight.abs() {
            *kept = hit;
        }
    }
    heaviest
}

fn id(hit: &Hit) -> &'static str {
    match (hit.means, hit.ask) {
        (Means::Allow, _) => "dns_list.allowed",
        (Means::Block, Ask::Client) => "dns_list.client",
        (Means::Block, Ask::ClientName | Ask::Helo | Ask::Sender | Ask::From | Ask::Signer) => {
            "dns_list.domain"
        }
        (Means::Block, Ask::Link | Ask::LinkAddress) => "dns_list.link",
        (Means::Block, Ask::LinkHash | Ask::AddressHash | Ask::AttachmentHash) => "dns_list.hash",
    }
}

fn told(hit: &Hit, count: usize) -> Finding {
    let thing = match hit.ask {
        Ask::Client => "the client",
        Ask::ClientName => "the client's name",
        Ask::Helo => "the name in HELO",
        Ask::Sender => "the sender's domain",
        Ask::From => "the domain in From",
        Ask::Signer => "the signer",
        Ask::Link | Ask::LinkAddress => "the linked host",
        Ask::LinkHash => "a link",
        Ask::AddressHash => "a mail address",
        Ask::AttachmentHash => "an attachment",
    };
    let what = if hit.what.is_empty() { String::new() } else { format!(" {}", hit.what) };
    let called = match hit.called.is_empty() {
        true => String::new(),
        false => format!(" as {}", hit.called),
    };
    let because = format!("{thing}{what} is on the list {}{called}{}", hit.list, and_more(count));
    let finding = Finding::new(id(hit), hit.category, hit.weight, because);
    finding.in_part(&hit.part, &hit.path).telling(match hit.ask {
        Ask::Client | Ask::ClientName | Ask::Helo => {
            "The server that sent the mail is known for unwanted mail."
        }
        Ask::Sender | Ask::From | Ask::Signer => "The sender is known for unwanted mail.",
        Ask::Link | Ask::LinkAddress | Ask::LinkHash => {
            "The mail links to a page that is known to be harmful."
        }
        Ask::AddressHash => "The mail names a mail address that is known for fraud.",
        Ask::AttachmentHash => "An attachment is known to be harmful.",
    })
}

fn unknown(because: String) -> Finding {
    Finding::new("dns_list.unknown", Category::Format, 0.0, because)
        .telling("A list of known senders or links could not be asked.")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        checks::testing::{Setting, found as found_in, mail},
        facts::{Facts, dns_list::Unanswered},
    };

    fn hit(means: Means, ask: Ask, what: &str, weight: f32) -> Hit {
        Hit {
            list: "bl".to_string(),
            means,
            ask,
            what: what.to_string(),
            called: String::new(),
            category: match means {
                Means::Block => Category::Spam,
                Means::Allow => Category::Trust,
            },
            weight,
            refuses: false,
            part: String::new(),
            path: String::new(),
        }
    }

    fn findings(dns_lists: Known<Listings>) -> Vec<Finding> {
        let facts = Facts { dns_lists, ..Facts::default() };
        let setting = Setting { facts, ..Setting::default() };
        found_in(&CHECK, &setting, &mail("a@example.org", "hi"))
    }

    #[test]
    fn finds() {
        for (means, ask, id, words) in [
            (Means::Block, Ask::Client, "dns_list.client", "the client x is on the list bl"),
            (Means::Block, Ask::ClientName, "dns_list.domain", "the client's name x"),
            (Means::Block, Ask::Helo, "dns_list.domain", "the name in HELO x"),
            (Means::Block, Ask::Sender, "dns_list.domain", "the sender's domain x"),
            (Means::Block, Ask::From, "dns_list.domain", "the domain in From x"),
            (Means::Block, Ask::Signer, "dns_list.domain", "the signer x"),
            (Means::Block, Ask::Link, "dns_list.link", "the linked host x"),
            (Means::Block, Ask::LinkAddress, "dns_list.link", "the linked host x"),
            (Means::Block, Ask::LinkHash, "dns_list.hash", "a link x"),
            (Means::Block, Ask::AddressHash, "dns_list.hash", "a mail address x"),
            (Means::Block, Ask::AttachmentHash, "dns_list.hash", "an attachment x"),
            (Means::Allow, Ask::Client, "dns_list.allowed", "the client x is on the list bl"),
        ] {
            let hits = vec![hit(means, ask, "x", 3.0)];
            let found = findings(Known::Yes(Listings { hits, unanswered: Vec::new() }));
            assert_eq!((found.len(), found[0].id.as_ref()), (1, id));
            assert!(found[0].because.starts_with(words), "{}", found[0].because);
        }
    }

    #[test]
    fn a_list_counts_once_for_each_kind_with_its_heaviest_listing() {
        let heavy =
            Hit { called: "phish".to_string(), ..hit(Means::Block, Ask::Link, "b.example", 5.0) };
        let hits = vec![
            hit(Means::Block, Ask::Link, "a.example", 2.0),
            heavy,
            hit(Means::Block, Ask::From, "a.example", 1.0),
            Hit { list: "good".to_string(), ..hit(Means::Allow, Ask::Client, "192.0.2.1", -2.0) },
        ];
        let found = findings(Known::Yes(Listings { hits, unanswered: Vec::new() }));
        let got: Vec<(&str, f32)> = found.iter().map(|one| (one.id.as_ref(), one.weight)).collect();
        let want = [("dns_list.domain", 1.0), ("dns_list.link", 5.0), ("dns_list.allowed", -2.0)];
        assert_eq!(got, want);
        assert_eq!(
            found[1].because,
            "the linked host b.example is on the list bl as phish, 2 of them"
        );
        assert_eq!(found[2].category, Category::Trust);
    }

    #[test]
    fn silence_is_told_and_weighs_nothing() {
        let unanswered =
            vec![Unanswered { list: "bl".to_string(), because: "it was too slow".to_string() }];
        let found = findings(Known::Yes(Listings { hits: Vec::new(), unanswered }));
        assert_eq!((found[0].id.as_ref(), found[0].weight), ("dns_list.unknown", 0.0));
        assert_eq!(found[0].because, "bl: it was too slow");
        assert_eq!(findings(Known::No("x".to_string()))[0].id, "dns_list.unknown");
        assert_eq!(findings(Known::NotAsked), []);
    }
}
