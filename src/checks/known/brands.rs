//! Senders that others most like to be: Nordic banks, posts, authorities and identities, and the world's best known services.
//!
//! The list is `rules/lists/brands.toml`, with the origin and date of each group; what its fields mean stands there. Names that are also
//! everyday words or people's names ("Apple", "Posti") are `common`: they count only together with a word such as "support" or "bank",
//! and never inside a host name.

use crate::{
    checks::{
        house::{How, Watched},
        read::{hosts, letters},
    },
    mail::Domain,
};
use serde::Deserialize;
use std::{
    collections::{BTreeSet, HashMap},
    sync::LazyLock,
};

/// Somebody worth imitating.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Brand {
    /// As it is written, lower case without accents: what [`letters::skeleton`] makes of it is compared.
    pub(crate) name: String,
    /// Other names of the same one.
    #[serde(default)]
    also: Vec<String>,
    /// It is also a word, a person's name, or too short to mean anything alone.
    #[serde(default)]
    common: bool,
    /// The registered domains it sends from and links to.
    domains: Vec<String>,
}

impl Brand {
    /// Is this registered domain the brand's own?
    pub(crate) fn owns(&self, owner: &str) -> bool {
        self.domains.iter().any(|domain| domain == owner)
    }
}

/// The brand that a sender's name claims to be, words of service and company forms aside: "Nordea Kundtjänst AB".
pub(crate) fn claimed_by(name: &str) -> Option<&'static Brand> {
    let plain = letters::drawn(name);
    let words: Vec<&str> = words(&plain).take(NAME_WORDS_MAX + 1).collect();
    if words.len() > NAME_WORDS_MAX {
        return None;
    }
    let drawn = words.iter().flat_map(|word| KNOWN.drawn_from(word));
    drawn.into_iter().find(|drawn| drawn.is_named_in(&words)).map(Drawn::brand)
}

/// The brands that a text of ordinary words names, telling names only, with how many words the text has before each.
pub(crate) fn named_in(text: &str) -> Vec<(usize, &'static Brand)> {
    let plain = letters::drawn(text);
    let said: Vec<&str> = words(&plain).take(TEXT_WORDS_MAX).collect();
    let starts = |at: usize, drawn: &&'static Drawn| {
        drawn.stands_alone() && said.get(at..).is_some_and(|rest| drawn.begins(rest))
    };
    let found = |(at, word): (usize, &&str)| {
        let drawn = KNOWN.drawn_from(word).find(|drawn| starts(at, drawn))?;
        Some((at, drawn.brand()))
    };
    said.iter().enumerate().filter_map(found).collect()
}

/// A name that is nothing but words of service: "Support", "Kundtjänst", "Account Security Team".
pub(crate) fn is_service_only(name: &str) -> bool {
    let plain = letters::drawn(name);
    let said: Vec<&str> = words(&plain).take(NAME_WORDS_MAX).collect();
    !said.is_empty() && said.iter().all(|word| is_service(word))
}

/// A word that goes with a brand in a sender's name.
pub(crate) fn is_service(word: &str) -> bool {
    SERVICE.contains(word)
}

/// The brand that this registered domain belongs to.
pub(crate) fn owner_of(owner: &str) -> Option<&'static Brand> {
    KNOWN.by_domain.get(owner).copied()
}

/// The brand that a domain's name is drawn like or made of without being its own: "n0rdea.example", "postnord-paket.example".
pub(crate) fn imitated_by(owner: &str) -> Option<(&'static Brand, Imitation)> {
    if owner_of(owner).is_some() {
        return None;
    }
    let likeness = KNOWN.watched.likeness(owner)?;
    let imitation = match likeness.how {
        How::Letters | How::Near => Imitation::Lookalike,
        How::Words | How::Piece | How::InFront => Imitation::Piece,
        // The same name elsewhere may be the brand's own, which has more domains than we know.
        How::Top => return None,
    };
    owner_of(likeness.of).map(|brand| (brand, imitation))
}

/// How a domain imitates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Imitation {
    /// The whole name looks the same and is not.
    Lookalike,
    /// The name is one of several pieces.
    Piece,
}

/// Longer names are sentences, not claims.
const NAME_WORDS_MAX: usize = 8;
/// Words of a text in which brands are looked for.
const TEXT_WORDS_MAX: usize = 200;
/// Shorter names stand in too many words.
const BRAND_LETTERS_MIN: usize = 5;
/// Shorter names are one letter away from a word: "Norden" is not Nordea.
const NEAR_LETTERS_MIN: usize = 7;

/// The list, ready to be asked.
struct Known {
    drawn: Vec<Drawn>,
    /// Places in `drawn`, by first word and by all words as one.
    by_word: HashMap<String, Vec<usize>>,
    by_domain: HashMap<&'static str, &'static Brand>,
    watched: Watched,
}

impl Known {
    fn new(brands: &'static [Brand]) -> Known {
        let names = |brand: &'static Brand| {
            let names = std::iter::once(&brand.name).chain(&brand.also);
            names.map(move |name| Drawn::new(brand, name))
        };
        let drawn: Vec<Drawn> = brands.iter().flat_map(names).collect();
        let mut by_word: HashMap<String, Vec<usize>> = HashMap::new();
        for (at, one) in drawn.iter().enumerate() {
            let keys: BTreeSet<&String> =
                one.words.first().into_iter().chain([&one.joined]).collect();
            for key in keys {
                by_word.entry(key.clone()).or_default().push(at);
            }
        }
        let mut by_domain = HashMap::new();
        for brand in brands {
            for domain in &brand.domains {
                by_domain.entry(domain.as_str()).or_insert(brand);
            }
        }
        // Looked for inside foreign names are the brands' own names, not every domain they have ("fi.se", "go.com").
        let telling = drawn.iter().filter(|drawn| drawn.stands_alone());
        let telling = telling.flat_map(|drawn| {
            let domains =
                drawn.brand.domains.iter().filter_map(|domain| Domain::parse(domain).ok());
            domains.filter(|domain| hosts::label(domain.as_str()).replace('-', "") == drawn.joined)
        });
        let watched = Watched::with_near(&telling.collect::<Vec<_>>(), NEAR_LETTERS_MIN);
        Known { drawn, by_word, by_domain, watched }
    }

    /// The names that begin with a word, or are it.
    fn drawn_from(&'static self, word: &str) -> impl Iterator<Item = &'static Drawn> + use<> {
        let places = self.by_word.get(word);
        places.into_iter().flatten().filter_map(|at| self.drawn.get(*at))
    }
}

/// A brand as an eye in a hurry sees it, made once.
struct Drawn {
    brand: &'static Brand,
    words: Vec<String>,
    joined: String,
}

impl Drawn {
    fn new(brand: &'static Brand, name: &str) -> Drawn {
        let plain = letters::drawn(name);
        let words: Vec<String> = words(&plain).map(str::to_string).collect();
        Drawn { brand, joined: words.concat(), words }
    }

    fn brand(&self) -> &'static Brand {
        self.brand
    }

    /// Do these words begin with the brand, written apart or as one?
    fn begins(&self, said: &[&str]) -> bool {
        let apart = said.get(..self.words.len());
        let apart = apart.is_some_and(|said| said.iter().zip(&self.words).all(|(a, b)| a == b));
        apart || said.first().is_some_and(|word| *word == self.joined)
    }

    /// Do these words say the brand and nothing else but words of service? A common word needs at least one of those.
    fn is_named_in(&self, said: &[&str]) -> bool {
        let width = self.words.len();
        let at = said
            .windows(width)
            .position(|window| window.iter().zip(&self.words).all(|(a, b)| a == b))
            .map(|at| at..at + width)
            .or_else(|| said.iter().position(|word| *word == self.joined).map(|at| at..at + 1));
        let Some(at) = at else { return false };
        let mut rest = said.iter().enumerate().filter(|(place, _)| !at.contains(place));
        rest.all(|(_, word)| is_service(word)) && (!self.brand.common || said.len() > at.len())
    }

    fn stands_alone(&self) -> bool {
        !self.brand.common && self.joined.chars().count() >= BRAND_LETTERS_MIN
    }
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|letter: char| !letter.is_alphanumeric()).filter(|word| !word.is_empty())
}

static KNOWN: LazyLock<Known> = LazyLock::new(|| Known::new(&BRANDS));

// The list is part of the program, and a test reads it: there is nobody to tell of a mistake in it here.
static BRANDS: LazyLock<Vec<Brand>> = LazyLock::new(|| read(SHIPPED).unwrap_or_default());

fn read(text: &str) -> Result<Vec<Brand>, toml::de::Error> {
    let list: List = toml::from_str(text)?;
    Ok(list.group.into_iter().flat_map(|group| group.brands).collect())
}

const SHIPPED: &str = include_str!("../../../rules/lists/brands.toml");

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct List {
    group: Vec<Group>,
}

/// Brands that were gathered together.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Group {
    #[serde(rename = "about")]
    _about: String,
    #[serde(rename = "origin")]
    _origin: String,
    #[serde(rename = "date")]
    _date: String,
    brands: Vec<Brand>,
}

static SERVICE: LazyLock<BTreeSet<String>> =
    LazyLock::new(|| SERVICE_WORDS.iter().map(|word| letters::drawn(word)).collect());

/// Words, in the languages of our users, that go with a brand in a sender's name.
const SERVICE_WORDS: &[&str] = &[
    "ab",
    "aktiebolag",
    "oy",
    "oyj",
    "as",
    "asa",
    "a",
    "s",
    "aps",
    "inc",
    "ltd",
    "llc",
    "gmbh",
    "corp",
    "corporation",
    "plc",
    "group",
    "support",
    "service",
    "services",
    "customer",
    "care",
    "help",
    "helpdesk",
    "desk",
    "team",
    "security",
    "account",
    "accounts",
    "billing",
    "payment",
    "payments",
    "notification",
    "notifications",
    "notice",
    "alert",
    "alerts",
    "info",
    "online",
    "bank",
    "banken",
    "pankki",
    "tracking",
    "delivery",
    "express",
    "parcel",
    "no",
    "reply",
    "noreply",
    "mail",
    "email",
    "message",
    "center",
    "centre",
    "verification",
    "update",
    "admin",
    "international",
    "sverige",
    "sweden",
    "suomi",
    "finland",
    "norge",
    "norway",
    "danmark",
    "denmark",
    "norden",
    "nordic",
    "eu",
    "europe",
    "kundtjänst",
    "kundservice",
    "kundeservice",
    "kundecenter",
    "asiakaspalvelu",
    "paket",
    "pakke",
    "paketti",
    "leverans",
    "levering",
    "toimitus",
    "faktura",
    "lasku",
    "betalning",
    "betaling",
    "maksu",
    "säkerhet",
    "sikkerhet",
    "sikkerhed",
    "turvallisuus",
    "avisering",
    "konto",
    "via",
    "the",
    "from",
    "official",
    "id",
    "app",
    "web",
    "se",
    "fi",
    "dk",
    "com",
    "prime",
    "365",
    "office",
    "anti",
    "virus",
    "antivirus",
    "atendimento",
    "aviso",
    "banco",
    "bonus",
    "cartoes",
    "cashback",
    "clientes",
    "department",
    "dienst",
    "gutschein",
    "io",
    "kundendienst",
    "kundenservice",
    "live",
    "membership",
    "news",
    "newsletter",
    "pacote",
    "pay",
    "pedido",
    "rastreamento",
    "recompensas",
    "reward",
    "rewards",
    "servicio",
    "sicherheit",
    "store",
    "subscription",
    "surprise",
    "us",
    "usa",
    "wallet",
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mail::Domain;

    #[test]
    fn names_that_claim() {
        for (name, want) in [
            ("Nordea", Some("nordea")),
            ("NORDEA Kundtjänst AB", Some("nordea")),
            ("P\u{43E}stN0rd Sverige", Some("postnord")),
            ("Länsförsäkringar", Some("lansforsakringar")),
            ("Danske Bank", Some("danske bank")),
            ("Apple Support", Some("apple")),
            ("OP Pankki", Some("op")),
            ("Microsoft account team", Some("microsoft")),
            ("Apple", None),
            ("Elisa", None),
            ("Posti Virtanen", None),
            ("Anna på Nordea i Lund", None),
            ("Anna Svensson", None),
            ("Support", None),
            ("", None),
        ] {
            assert_eq!(claimed_by(name).map(|brand| brand.name.as_str()), want, "{name}");
        }
    }

    #[test]
    fn domains_that_imitate() {
        for (owner, want) in [
            ("n0rdea.example", Some(("nordea", Imitation::Lookalike))),
            ("xn--psnord-q4a.example", None),
            ("postnord-paket.example", Some(("postnord", Imitation::Piece))),
            ("min-paypal.example", Some(("paypal", Imitation::Piece))),
            // The same name elsewhere may be the brand's own; only another spelling imitates.
            ("nordea.example", None),
            ("nordea.se", None),
            ("apple-pie.example", None),
            ("seb-stian.example", None),
            ("kommun.example", None),
        ] {
            assert_eq!(
                imitated_by(owner).map(|(brand, how)| (brand.name.as_str(), how)),
                want,
                "{owner}"
            );
        }
    }

    #[test]
    fn the_list_reads_and_every_domain_is_a_registered_one() {
        let brands = read(SHIPPED).unwrap();
        assert!(brands.len() > 150, "{}", brands.len());
        let mut names = BTreeSet::new();
        for brand in &brands {
            assert!(!brand.domains.is_empty(), "{}", brand.name);
            for name in brand.also.iter().chain([&brand.name]) {
                assert!(names.insert(name), "{name} stands there twice");
                let plain = |letter: char| matches!(letter, 'a'..='z' | '0'..='9' | ' ');
                assert!(name.chars().all(plain), "{name}");
            }
            for domain in &brand.domains {
                let read = Domain::parse(domain).unwrap();
                assert_eq!(read.registered(), *domain, "{}", brand.name);
                assert!(!crate::checks::known::hosts::is_free_host(domain), "{domain}");
            }
        }
    }

    #[test]
    fn no_brand_imitates_another() {
        for brand in BRANDS.iter() {
            for domain in &brand.domains {
                assert!(imitated_by(domain).is_none(), "{domain}");
            }
        }
    }

    #[test]
    fn brands_in_a_text() {
        for (text, want) in [
            ("Your Netflix account", &[(1, "netflix")][..]),
            ("Danske Bank og danskebank", &[(0, "danske bank"), (3, "danske bank")]),
            ("Apple pie and a visa", &[]),
            ("follow-ups and start-ups", &[]),
            ("", &[]),
        ] {
            let got: Vec<_> =
                named_in(text).iter().map(|(at, brand)| (*at, brand.name.as_str())).collect();
            assert_eq!(got, want, "{text}");
        }
    }
}
