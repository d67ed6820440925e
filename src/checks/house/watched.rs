//! Domains that others imitate, laid out so that a foreign name finds the one that it looks like by a few look-ups, however many there are.
//!
//! Compared is the label under which a domain was registered ("firm" of `firm.example`), as an eye in a hurry sees it: without hyphens,
//! accents and marks, look-alikes of other alphabets made Latin, `0` as `o`, `rn` as `m`, `cl` as `d`, `i` as `l`. Two labels with one letter
//! more, less, other or swapped have a common form with a letter left out, and those forms are what is kept (the symmetric deletion of
//! Garbe's spelling correction, 2012).
//!
//! Invariant: a watched domain, and any name below it, never looks like anything.

use crate::{
    base::limits,
    checks::read::{hosts, letters},
    mail::Domain,
};
use std::{
    collections::{BTreeSet, HashMap},
    hash::{BuildHasher, RandomState},
    sync::LazyLock,
};

/// Domains as foreign names are compared with them.
#[derive(Debug, Default)]
pub struct Watched {
    names: Vec<Name>,
    by_domain: HashMap<String, usize>,
    by_drawn: HashMap<String, Vec<usize>>,
    /// Hashes of labels with one letter left out, sorted.
    near: Vec<(u64, usize)>,
    hasher: RandomState,
}

/// One of them.
#[derive(Debug)]
struct Name {
    domain: String,
    /// As people write it.
    label: String,
    drawn: String,
}

/// What a foreign name looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Likeness<'a> {
    /// The watched domain.
    pub of: &'a str,
    /// How.
    pub how: How,
}

/// How one name imitates another, the worst first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum How {
    /// It is drawn like it: `f1rm.example`, `firrn.example`, `fi-rm.example`.
    Letters,
    /// One letter more, less or other, or two swapped: `lindstorms.example`. Two firms may honestly be called so.
    Near,
    /// The whole domain stands in front of another: `firm.se.evil.example`, `firm-se.example`.
    InFront,
    /// The name with words of service: `firm-support.example`, `loginfirm.example`.
    Words,
    /// The same name under another top-level domain.
    Top,
    /// The name as one of several pieces: a dealer's, a fan's or an imitator's.
    Piece,
}

impl Watched {
    /// Lays out domains, by what they are registered as; each once.
    pub fn new<'a>(domains: impl IntoIterator<Item = &'a Domain>) -> Watched {
        Watched::with_near(domains, NEAR_LETTERS_MIN)
    }

    /// The same where shorter names have too many honest neighbours to be compared letter by letter.
    pub fn with_near<'a>(
        domains: impl IntoIterator<Item = &'a Domain>,
        near_letters_min: usize,
    ) -> Watched {
        let domains: BTreeSet<&str> = domains
            .into_iter()
            .map(Domain::registered)
            // "localhost" is nobody's.
            .filter(|domain| domain.contains('.'))
            .collect();
        let mut watched = Watched::default();
        for domain in domains {
            watched.add(domain, near_letters_min);
        }
        watched.near.sort_unstable();
        watched
    }

    fn add(&mut self, domain: &str, near_letters_min: usize) {
        let at = self.names.len();
        let label = idna::domain_to_unicode(hosts::label(domain)).0;
        let drawn = drawn(&label);
        if drawn.chars().count() >= near_letters_min {
            let left_out = left_out(&drawn);
            self.near.extend(left_out.map(|form| (self.hasher.hash_one(form), at)));
        }
        self.by_drawn.entry(drawn.clone()).or_default().push(at);
        self.by_domain.insert(domain.to_string(), at);
        self.names.push(Name { domain: domain.to_string(), label, drawn });
    }

    /// Is this registered domain watched?
    pub fn holds(&self, owner: &str) -> bool {
        self.by_domain.contains_key(owner)
    }

    /// Nothing is watched.
    pub fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    /// The watched domain that a host's name looks like.
    pub fn likeness(&self, host: &str) -> Option<Likeness<'_>> {
        let owner = hosts::owner(host).filter(|_| !self.is_empty())?;
        if self.holds(&owner) {
            return None;
        }
        let label = idna::domain_to_unicode(hosts::label(&owner)).0;
        let seen = drawn(&label);
        let of = |at: usize, how| {
            self.names.get(at).map(|name| Likeness { of: name.domain.as_str(), how })
        };
        if let Some(at) = self.in_front(host, &owner) {
            return of(at, How::InFront);
        }
        if let Some(at) = self.named(&seen, SAME_LETTERS_MIN) {
            let name = self.names.get(at)?;
            return of(at, if name.label == label { How::Top } else { How::Letters });
        }
        let near = || self.candidates(&seen).into_iter().find(|at| self.is_near(*at, &seen));
        if let Some(at) = near() {
            return of(at, How::Near);
        }
        let (at, how) = self.with_words(&label, &seen)?;
        of(at, how)
    }

    /// A watched domain whose label is drawn so.
    fn named(&self, drawn: &str, letters_min: usize) -> Option<usize> {
        let long = drawn.chars().count() >= letters_min;
        self.by_drawn.get(drawn).filter(|_| long)?.first().copied()
    }

    /// A watched domain, whole, among the labels before the registered one, or written with hyphens for its dots.
    fn in_front(&self, host: &str, owner: &str) -> Option<usize> {
        let below: Vec<&str> = hosts::below(host, owner).split('.').take(LABELS_MAX).collect();
        let label = hosts::label(owner);
        let dotted = runs(&below, '.').find_map(|run| self.by_domain.get(&run));
        let hyphened = || {
            let with_hyphens = below.iter().chain([&label]).filter(|label| label.contains('-'));
            with_hyphens.take(LABELS_MAX).find_map(|label| {
                let pieces: Vec<&str> = label.split('-').take(LABELS_MAX).collect();
                runs(&pieces, '.').find_map(|run| self.by_domain.get(&run))
            })
        };
        dotted.or_else(hyphened).copied()
    }

    /// The domains that share a form with one letter left out: all that are compared letter by letter.
    fn candidates(&self, seen: &str) -> Vec<usize> {
        if seen.chars().count() + 1 < NEAR_LETTERS_MIN {
            return Vec::new();
        }
        let mut found = Vec::new();
        for form in left_out(seen) {
            let hash = self.hasher.hash_one(form);
            let first = self.near.partition_point(|(other, _)| *other < hash);
            let same = self.near.iter().skip(first).take_while(|(other, _)| *other == hash);
            found.extend(same.map(|(_, at)| *at).take(limits::LOOKALIKE_CANDIDATES_MAX));
        }
        found.sort_unstable();
        found.dedup();
        found.truncate(limits::LOOKALIKE_CANDIDATES_MAX);
        found
    }

    fn is_near(&self, at: usize, seen: &str) -> bool {
        self.names.get(at).is_some_and(|name| is_one_away(&name.drawn, seen))
    }

    /// A watched label and other words, with hyphens between or, where they are words of service, without.
    fn with_words(&self, label: &str, seen: &str) -> Option<(usize, How)> {
        let pieces: Vec<String> = label.split('-').take(LABELS_MAX).map(drawn).collect();
        if pieces.len() > 1 {
            return self.among_pieces(&pieces);
        }
        let around = |word: &String| {
            if word.len() < JOINED_LETTERS_MIN {
                return None;
            }
            let rest =
                seen.strip_prefix(word.as_str()).or_else(|| seen.strip_suffix(word.as_str()));
            rest.and_then(|rest| self.named(rest, JOINED_LETTERS_MIN))
        };
        LURES.iter().find_map(around).map(|at| (at, How::Words))
    }

    fn among_pieces(&self, pieces: &[String]) -> Option<(usize, How)> {
        let mut found = None;
        for start in 0..pieces.len() {
            for end in start + 1..=pieces.len() {
                let run = pieces.get(start..end).unwrap_or_default();
                let Some(at) = self.named(&run.concat(), PIECE_LETTERS_MIN) else { continue };
                let mut rest = pieces.iter().take(start).chain(pieces.iter().skip(end));
                if rest.all(|piece| LURES.contains(piece) || is_number(piece)) {
                    return Some((at, How::Words));
                }
                let long = run.concat().chars().count() >= NEAR_LETTERS_MIN;
                found = found.or(long.then_some((at, How::Piece)));
            }
        }
        found
    }
}

/// Runs of two to four pieces that stand side by side, joined.
fn runs(pieces: &[&str], with: char) -> impl Iterator<Item = String> {
    let of = move |width: usize| pieces.windows(width);
    (2..=4).flat_map(of).map(move |run| run.join(&with.to_string()))
}

fn is_number(piece: &str) -> bool {
    // Drawn, "0", "1", "3" and "5" are letters.
    !piece.is_empty() && piece.chars().all(|sign| sign.is_ascii_digit() || "oles".contains(sign))
}

/// A label as an eye in a hurry sees it.
fn drawn(label: &str) -> String {
    let plain = letters::drawn(label).replace('-', "");
    plain.replace("cl", "d").replace('i', "l")
}

/// The text, and the text without each of its letters in turn.
fn left_out(text: &str) -> impl Iterator<Item = String> {
    let without = text.char_indices().map(move |(at, letter)| {
        let (before, after) = text.split_at_checked(at).unwrap_or_default();
        [before, after.get(letter.len_utf8()..).unwrap_or_default()].concat()
    });
    std::iter::once(text.to_string()).chain(without.take(LABEL_LETTERS_MAX))
}

/// One letter more, less or other, or two neighbours swapped.
fn is_one_away(one: &str, other: &str) -> bool {
    let (one, other): (Vec<char>, Vec<char>) = (one.chars().collect(), other.chars().collect());
    let same = one.iter().zip(&other).take_while(|(a, b)| a == b).count();
    let rest = |letters: &[char], skip: usize| letters.get(same + skip..).map(<[char]>::to_vec);
    let swapped = || match (one.get(same..same + 2), other.get(same..same + 2)) {
        (Some([a, b]), Some([c, d])) => a == d && b == c && rest(&one, 2) == rest(&other, 2),
        (_, _) => false,
    };
    let changed = |a: usize, b: usize| matches!((rest(&one, a), rest(&other, b)), (Some(one), Some(other)) if one == other);
    changed(1, 1) || changed(1, 0) || changed(0, 1) || swapped()
}

/// Shorter labels have too many honest neighbours.
const NEAR_LETTERS_MIN: usize = 6;
/// Shorter labels are everybody's under some top-level domain.
const SAME_LETTERS_MIN: usize = 4;
/// Words of service, and names, that still mean something when they are written as one.
const JOINED_LETTERS_MIN: usize = 4;
/// Shorter ones are words between hyphens.
const PIECE_LETTERS_MIN: usize = 3;
/// Labels of a host and pieces of a label that are looked at.
const LABELS_MAX: usize = 8;
/// RFC 1035 section 2.3.4.
const LABEL_LETTERS_MAX: usize = 63;

static LURES: LazyLock<BTreeSet<String>> =
    LazyLock::new(|| LURE_WORDS.iter().map(|word| drawn(word)).collect());

/// Words that imitators put beside a name, in the languages of our users, and top-level domains written as words.
const LURE_WORDS: &[&str] = &[
    "account",
    "accounting",
    "accounts",
    "admin",
    "alert",
    "alerts",
    "asiakaspalvelu",
    "auth",
    "bank",
    "banken",
    "betaling",
    "betalning",
    "billing",
    "client",
    "clients",
    "cloud",
    "com",
    "confirm",
    "contact",
    "corp",
    "customer",
    "customers",
    "dk",
    "doc",
    "docs",
    "documents",
    "ekonomi",
    "email",
    "epost",
    "eu",
    "faktura",
    "fi",
    "finance",
    "group",
    "gruppen",
    "help",
    "helpdesk",
    "hr",
    "id",
    "inc",
    "info",
    "inkasso",
    "inloggning",
    "intranet",
    "invoice",
    "invoices",
    "invoicing",
    "it",
    "konto",
    "kund",
    "kunde",
    "kundeservice",
    "kundservice",
    "kundtjanst",
    "lasku",
    "laskutus",
    "login",
    "logon",
    "lon",
    "lonn",
    "ltd",
    "mail",
    "maksu",
    "mina",
    "minasidor",
    "mobile",
    "my",
    "net",
    "no",
    "notice",
    "office",
    "official",
    "online",
    "order",
    "orders",
    "org",
    "oy",
    "pay",
    "payment",
    "payments",
    "payroll",
    "portal",
    "post",
    "priority",
    "reset",
    "safe",
    "se",
    "secure",
    "security",
    "service",
    "services",
    "share",
    "shared",
    "signin",
    "sikker",
    "sikkerhet",
    "support",
    "team",
    "turva",
    "update",
    "updates",
    "validate",
    "verify",
    "verification",
    "web",
    "webmail",
    "www",
];

#[cfg(test)]
mod tests {
    use super::*;

    fn watched(domains: &[&str]) -> Watched {
        let domains: Vec<Domain> =
            domains.iter().map(|domain| Domain::parse(domain).unwrap()).collect();
        Watched::new(&domains)
    }

    #[test]
    fn names_that_look_like_ours() {
        let watched = watched(&[
            "localhost",
            "firm.se",
            "mail.acme-tools.fi",
            "räksmörgås.se",
            "lindstroms.co.uk",
            "cornelia.example",
        ]);
        for (host, want) in [
            // Ours, and below.
            ("firm.se", None),
            ("www.firm.se", None),
            ("acme-tools.fi", None),
            ("xn--rksmrgs-5wao1o.se", None),
            // Drawn alike.
            ("f1rm.se", Some(("firm.se", How::Letters))),
            ("fırm.example", Some(("firm.se", How::Letters))),
            ("fi-rm.example", Some(("firm.se", How::Letters))),
            ("firrn.example", Some(("firm.se", How::Letters))),
            ("acmetools.example", Some(("acme-tools.fi", How::Letters))),
            ("raksmorgas.se", Some(("xn--rksmrgs-5wao1o.se", How::Letters))),
            ("comelia.example", Some(("cornelia.example", How::Letters))),
            // One letter more, less, other, swapped.
            ("lindstrooms.example", Some(("lindstroms.co.uk", How::Near))),
            ("lindstrms.example", Some(("lindstroms.co.uk", How::Near))),
            ("lindstrams.example", Some(("lindstroms.co.uk", How::Near))),
            ("lindstorms.example", Some(("lindstroms.co.uk", How::Near))),
            ("lnidstorms.example", None),
            // Too short for that.
            ("film.example", None),
            ("farm.example", None),
            // Whole domains in front.
            ("firm.se.evil.example", Some(("firm.se", How::InFront))),
            ("login.firm.se.evil.example", Some(("firm.se", How::InFront))),
            ("lindstroms.co.uk.evil.example", Some(("lindstroms.co.uk", How::InFront))),
            ("firm-se.evil.example", Some(("firm.se", How::InFront))),
            ("login-firm-se.example", Some(("firm.se", How::InFront))),
            // A customer's own corner at a service is none.
            ("firm.service.example", None),
            // Words.
            ("firm-support.example", Some(("firm.se", How::Words))),
            ("it-firm.example", Some(("firm.se", How::Words))),
            ("acme-tools-login.example", Some(("acme-tools.fi", How::Words))),
            ("firm-support-24.example", Some(("firm.se", How::Words))),
            ("firmsupport.example", Some(("firm.se", How::Words))),
            ("loginfirm.example", Some(("firm.se", How::Words))),
            ("firmware.example", None),
            ("firm-gardens.example", None),
            ("acme-tools-gardens.example", Some(("acme-tools.fi", How::Piece))),
            // Another top-level domain.
            ("firm.com", Some(("firm.se", How::Top))),
            ("räksmörgås.nu", Some(("xn--rksmrgs-5wao1o.se", How::Top))),
            ("unlike.example", None),
            ("localhost.example", None),
            ("192.0.2.1", None),
            ("", None),
        ] {
            let got = watched.likeness(&ascii(host)).map(|like| (like.of, like.how));
            assert_eq!(got, want, "{host}");
        }
        assert_eq!(Watched::default().likeness("firm.se"), None);
    }

    fn ascii(host: &str) -> String {
        idna::domain_to_ascii(host).unwrap_or_default()
    }

    #[test]
    fn a_hundred_thousand_domains_cost_a_few_comparisons() {
        let word = |n: u32| {
            let letter = |shift: u32| char::from_u32(u32::from('a') + (n >> shift) % 16);
            (0..5).filter_map(|place| letter(place * 4)).collect::<String>()
        };
        let domains: Vec<Domain> = (0..100_000)
            .map(|n| Domain::parse(&format!("{}bygg{n}.example", word(n * 7))).unwrap())
            .collect();
        let watched = Watched::new(&domains);
        for foreign in ["aaaaabygg0", "kommunen", "lindstroms-bygg", "abcdebygg7777", "nordea"] {
            let compared = watched.candidates(&drawn(foreign)).len();
            assert!(compared < 40, "{foreign}: {compared}");
        }
        let found = watched.likeness("aaaaabvgg0.example");
        assert_eq!(found.map(|like| like.how), Some(How::Near));
    }
}
