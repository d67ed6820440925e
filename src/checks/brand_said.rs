//! The mail speaks as a well-known brand and comes from somewhere else: the subject begins with its name ("PostNord: your parcel"), or the
//! text is signed by it ("The Netflix Team", "© PayPal"); or it only names the brand, with a pretext that the phrase rules know (a parcel
//! waits, an account is closed). It looks at their findings, so it runs after them.
//!
//! Everybody writes of brands, so only this counts, only names that are no words, and only where a link leads to a stranger's site.
//! Quiet: the brand's own domains, lists, answers, mail whose links lead to the brand for the most part (a colleague passes it on).
//! What the sender's name claims is `from_brand`; both are not said of one mail.

use super::{
    Case, Check, Finding,
    known::{
        brands::{self, Brand},
        hosts::is_freemail,
    },
    read::hosts,
};
use crate::config::policy::Category;
use std::collections::BTreeSet;

pub(super) const CHECK: Check = Check {
    ids: &["brand.in_subject", "brand.signed", "brand.pretext"],
    about: "The subject begins with the name of a well-known bank, authority or service, or the text is signed by it or is a known pretext in its name, and the sender is another.",
    plain: "The mail speaks for a well-known firm or authority, and is not from it.",
    run,
};

fn run(case: &Case, findings: &mut Vec<Finding>) {
    let Some(owner) = case.from_owner().filter(|_| case.is_inbound() && !case.is_list()) else {
        return;
    };
    let Some(from) = case.from() else { return };
    // Said already, and weighs more.
    if brands::claimed_by(&from.name).is_some() || is_answer(case) {
        return;
    }
    let strange = |brand: &Brand| {
        let own = brand.owns(&owner) && !is_freemail(&owner);
        !own && leads_elsewhere(case, brand, &owner)
    };
    let subject = case.mail.header.text("Subject").unwrap_or_default();
    if let Some((brand, family)) =
        pretext(case, &subject, findings).filter(|found| strange(found.0))
    {
        let because = format!("names {}, the sender is {owner}, and {family}", brand.name);
        findings.push(Finding::new("brand.pretext", Category::Phish, 2.0, because));
    }
    if let Some(brand) = opens(&subject).filter(|brand| strange(brand)) {
        let because = format!("the subject begins with {}, the sender is {owner}", brand.name);
        findings.push(Finding::new("brand.in_subject", Category::Phish, 1.5, because));
    }
    if let Some(brand) = signs(case).filter(|brand| strange(brand)) {
        let because = format!("signed by {}, the sender is {owner}", brand.name);
        findings.push(Finding::new("brand.signed", Category::Phish, 1.5, because));
    }
}

fn is_answer(case: &Case) -> bool {
    ["In-Reply-To", "References"].iter().any(|name| case.mail.header.count(name) > 0)
}

/// Do links lead to somebody who is neither the brand nor a known one, and to the brand at most now and then?
fn leads_elsewhere(case: &Case, brand: &Brand, from: &str) -> bool {
    let pressed = case.contents.links.iter().filter(|link| !link.fetched && !link.host.is_empty());
    let owners = pressed.filter_map(|link| hosts::owner(&link.host));
    let (own, other): (Vec<String>, Vec<String>) = owners.partition(|owner| brand.owns(owner));
    let strangers: BTreeSet<&String> =
        other.iter().filter(|owner| *owner == from || brands::owner_of(owner).is_none()).collect();
    !strangers.is_empty() && own.len() <= other.len()
}

/// A brand that is named in the subject or where the text begins, and the pretext that goes with it.
fn pretext(
    case: &Case,
    subject: &str,
    found: &[Finding],
) -> Option<(&'static Brand, &'static str)> {
    let family = PRETEXTS.iter().find(|family| {
        let of_family =
            |id: &str| id.strip_prefix("phrase.").is_some_and(|id| id.starts_with(**family));
        found.iter().any(|finding| of_family(&finding.id))
    })?;
    let head = case.contents.texts.iter().take(TEXTS_MAX).map(|text| {
        let end = text.shown.floor_char_boundary(HEAD_BYTES_MAX);
        text.shown.get(..end).unwrap_or_default()
    });
    let mut named = std::iter::once(subject).chain(head).flat_map(brands::named_in);
    named.next().map(|(_, brand)| (brand, *family))
}

/// The brand with whose name a subject begins: alone, before a colon or dash, or in brackets.
fn opens(subject: &str) -> Option<&'static Brand> {
    let subject = subject.trim_start_matches(|letter: char| !letter.is_alphanumeric());
    let end = subject.find([':', '|', ']', '-', '\u{2013}', '\u{2014}', '!', '(']);
    let head = subject.get(..end?).unwrap_or_default();
    brands::named_in(head).first().filter(|(at, _)| *at == 0).and_then(|_| brands::claimed_by(head))
}

/// The brand that a text is signed by, in its last lines.
fn signs(case: &Case) -> Option<&'static Brand> {
    case.contents.texts.iter().take(TEXTS_MAX).find_map(|text| {
        let lines = text.shown.lines().rev().map(str::trim).filter(|line| !line.is_empty());
        lines.take(LINES_MAX).find_map(signed_by)
    })
}

/// A line that is a signature: nothing but a brand and words of service, or a copyright with a year or a sign.
fn signed_by(line: &str) -> Option<&'static Brand> {
    if line.len() > LINE_BYTES_MAX {
        return None;
    }
    let is_copyright = line.contains('\u{a9}') || line.to_lowercase().contains("copyright");
    let said = brands::named_in(line);
    match said.first() {
        Some((at, brand)) if is_copyright && *at <= COPYRIGHT_WORDS_MAX => Some(brand),
        Some(_) if !is_copyright => brands::claimed_by(line),
        Some(_) | None => None,
    }
}

/// Families of phrase rules that are said in somebody's name.
const PRETEXTS: &[&str] = &[
    "bank_blocked",
    "crypto_airdrop",
    "crypto_balance",
    "crypto_wallet",
    "eid_renew",
    "mailbox_full",
    "parcel_address",
    "parcel_fee",
    "password_keep",
    "prize_survey",
    "prize_winner",
    "renewal_call",
    "report_user",
    "shared_document",
    "sign_in_alarm",
    "streaming_payment",
    "tax_refund",
    "toll_unpaid",
    "verify_account",
];

/// How much of a text is its beginning.
const HEAD_BYTES_MAX: usize = 1_000;
/// Texts of one mail, from the first.
const TEXTS_MAX: usize = 2;
/// Lines from the end in which a signature stands.
const LINES_MAX: usize = 12;
/// Longer lines are sentences.
const LINE_BYTES_MAX: usize = 200;
/// "Copyright 2026 PayPal", "(c) 2001 to 2026 by PayPal".
const COPYRIGHT_WORDS_MAX: usize = 6;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        checks::testing::{Setting, expect, links, mail, text},
        examine::Contents,
    };

    fn holding(body: &str, targets: &[(&str, &str)]) -> Setting {
        Setting::holding(Contents { texts: vec![text(body)], ..links(targets) })
    }

    const EVIL: &[(&str, &str)] = &[("https://evil.example/x", "")];

    #[test]
    fn subjects() {
        for (from, subject, targets, want) in [
            ("a@evil.example", "PostNord: your parcel waits", EVIL, &["brand.in_subject"][..]),
            ("a@evil.example", "[Netflix] Update your payment", EVIL, &["brand.in_subject"]),
            ("a@evil.example", "Nordea Kundservice - viktigt", EVIL, &["brand.in_subject"]),
            ("a@postnord.se", "PostNord: your parcel waits", EVIL, &[]),
            ("a@evil.example", "PostNord is late again: a column", EVIL, &[]),
            ("a@evil.example", "How we moved to Microsoft", EVIL, &[]),
            ("a@evil.example", "Apple: a pie for sunday", EVIL, &[]),
            ("a@evil.example", "PostNord: your parcel waits", &[], &[]),
            ("PostNord <a@evil.example>", "PostNord: your parcel waits", EVIL, &[]),
            (
                "a@evil.example",
                "PostNord: your parcel waits",
                &[("https://www.postnord.se/a", ""), ("https://postnord.se/", "")],
                &[],
            ),
        ] {
            expect(&CHECK, &holding("hi", targets), &mail(from, subject), want);
        }
        let mail = mail("a@evil.example", "PostNord: your parcel waits");
        expect(&CHECK, &holding("hi", EVIL).outbound(), &mail, &[]);
        let list = "List-Id: <l.example>\n".to_string() + &mail;
        expect(&CHECK, &holding("hi", EVIL), &list, &[]);
        let answer = "In-Reply-To: <1@ours.example>\n".to_string() + &mail;
        expect(&CHECK, &holding("hi", EVIL), &answer, &[]);
    }

    #[test]
    fn signatures() {
        for (body, want) in [
            ("Pay now.\n\nThe Netflix Team", &["brand.signed"][..]),
            ("Betala nu.\n\nMed vänlig hälsning\nPostNord Sverige AB", &["brand.signed"]),
            ("Pay now.\n\n\u{a9} 2026 PayPal, all rights reserved", &["brand.signed"]),
            ("Pay now.\n\nFollow us on Facebook and Instagram", &[]),
            ("Pay now.\n\nAnna at Netflix", &[]),
            ("Netflix Team\n1\n2\n3\n4\n5\n6\n7\n8\n9\n10\n11\n12\n13", &[]),
        ] {
            expect(&CHECK, &holding(body, EVIL), &mail("a@evil.example", "hi"), want);
        }
    }

    #[test]
    fn pretexts() {
        for (from, body, phrase, want) in [
            (
                "a@evil.example",
                "Your Netflix plan",
                "phrase.streaming_payment_en",
                &["brand.pretext"][..],
            ),
            ("a@evil.example", "Your plan", "phrase.streaming_payment_en", &[]),
            ("a@evil.example", "Your Netflix plan", "phrase.seo_offer_en", &[]),
            ("a@netflix.com", "Your Netflix plan", "phrase.streaming_payment_en", &[]),
        ] {
            let mut findings = vec![Finding::new(phrase, Category::Phish, 1.0, "x")];
            holding(body, EVIL).with_case(&mail(from, "hi"), |case| run(case, &mut findings));
            let ids: Vec<&str> =
                findings.iter().skip(1).map(|finding| finding.id.as_ref()).collect();
            assert_eq!(ids, want, "{from} {body} {phrase}");
        }
        let rules = std::fs::read_dir("rules/phrases").unwrap();
        let rules: String =
            rules.map(|file| std::fs::read_to_string(file.unwrap().path()).unwrap()).collect();
        for family in PRETEXTS {
            assert!(rules.contains(&format!("id = \"phrase.{family}_")), "{family}");
        }
    }
}
