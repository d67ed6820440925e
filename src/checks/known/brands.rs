//! Senders that others most like to be: Nordic banks, posts, authorities and identities, and the world's best known services.
//!
//! A row says how the name is written and which registered domains are its own. Names that are also everyday words or people's names
//! ("Apple", "Posti") are `common`: they count only together with a word such as "support" or "bank", and never inside a host name.
//! A brand whose domain is missing here would punish its own mail: when in doubt, add the domain.

use crate::checks::read::{hosts, letters};
use std::{collections::BTreeSet, sync::LazyLock};

/// Somebody worth imitating.
#[derive(Debug)]
pub(crate) struct Brand {
    /// As it is written, lower case without accents: what [`letters::skeleton`] makes of it is compared.
    pub(crate) name: &'static str,
    /// It is also a word, a person's name, or too short to mean anything alone.
    pub(crate) common: bool,
    /// The registered domains it sends from and links to.
    pub(crate) domains: &'static [&'static str],
}

impl Brand {
    /// Is this registered domain the brand's own?
    pub(crate) fn owns(&self, owner: &str) -> bool {
        self.domains.contains(&owner)
    }
}

/// The brand that a sender's name claims to be, words of service and company forms aside: "Nordea Kundtjänst AB".
pub(crate) fn claimed_by(name: &str) -> Option<&'static Brand> {
    let plain = letters::skeleton(name);
    let words: Vec<&str> = words(&plain).take(NAME_WORDS_MAX + 1).collect();
    if words.len() > NAME_WORDS_MAX {
        return None;
    }
    DRAWN.iter().find(|drawn| drawn.is_named_in(&words)).map(|drawn| drawn.brand)
}

/// A name that is nothing but words of service: "Support", "Kundtjänst", "Account Security Team".
pub(crate) fn is_service_only(name: &str) -> bool {
    let plain = letters::skeleton(name);
    let said: Vec<&str> = words(&plain).take(NAME_WORDS_MAX).collect();
    !said.is_empty() && said.iter().all(|word| SERVICE.contains(*word))
}

/// The brand that this registered domain belongs to.
pub(crate) fn owner_of(owner: &str) -> Option<&'static Brand> {
    BRANDS.iter().find(|brand| brand.owns(owner))
}

/// The brand that a domain's name is drawn like or made of without being its own: "n0rdea.example", "postnord-paket.example".
pub(crate) fn imitated_by(owner: &str) -> Option<(&'static Brand, Imitation)> {
    if owner_of(owner).is_some() {
        return None;
    }
    let label = idna::domain_to_unicode(hosts::label(owner)).0;
    let looks = letters::skeleton(&label);
    let own = || DRAWN.iter().filter(|drawn| drawn.stands_alone());
    if let Some(same) = own().find(|drawn| drawn.joined == looks && !drawn.is_spelled(&label)) {
        return Some((same.brand, Imitation::Lookalike));
    }
    own()
        .find(|drawn| looks.contains('-') && looks.split('-').any(|piece| piece == drawn.joined))
        .map(|drawn| (drawn.brand, Imitation::Piece))
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
/// Shorter names stand in too many words.
const BRAND_LETTERS_MIN: usize = 5;

/// A brand as an eye in a hurry sees it, made once.
struct Drawn {
    brand: &'static Brand,
    words: Vec<String>,
    joined: String,
}

impl Drawn {
    fn new(brand: &'static Brand) -> Drawn {
        let plain = letters::skeleton(brand.name);
        let words: Vec<String> = words(&plain).map(str::to_string).collect();
        Drawn { brand, joined: words.concat(), words }
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
        rest.all(|(_, word)| SERVICE.contains(*word))
            && (!self.brand.common || said.len() > at.len())
    }

    fn stands_alone(&self) -> bool {
        !self.brand.common && self.joined.chars().count() >= BRAND_LETTERS_MIN
    }

    fn is_spelled(&self, label: &str) -> bool {
        label == self.brand.name || label == self.brand.name.replace([' ', '-'], "")
    }
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|letter: char| !letter.is_alphanumeric()).filter(|word| !word.is_empty())
}

static DRAWN: LazyLock<Vec<Drawn>> = LazyLock::new(|| BRANDS.iter().map(Drawn::new).collect());

static SERVICE: LazyLock<BTreeSet<String>> =
    LazyLock::new(|| SERVICE_WORDS.iter().map(|word| letters::skeleton(word)).collect());

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
];

const BRANDS: &[Brand] = &[
    // Sweden.
    brand(
        "postnord",
        &["postnord.se", "postnord.com", "postnord.dk", "postnord.no", "postnord.fi"],
    ),
    brand("bankid", &["bankid.com", "bankid.no"]),
    brand("skatteverket", &["skatteverket.se"]),
    brand("forsakringskassan", &["forsakringskassan.se"]),
    brand("kronofogden", &["kronofogden.se"]),
    brand("transportstyrelsen", &["transportstyrelsen.se"]),
    brand("pensionsmyndigheten", &["pensionsmyndigheten.se"]),
    brand(
        "swedbank",
        &["swedbank.se", "swedbank.com", "swedbank.ee", "swedbank.lv", "swedbank.lt"],
    ),
    brand(
        "handelsbanken",
        &[
            "handelsbanken.se",
            "handelsbanken.com",
            "handelsbanken.fi",
            "handelsbanken.dk",
            "handelsbanken.no",
        ],
    ),
    brand("lansforsakringar", &["lansforsakringar.se", "lf.se"]),
    brand("klarna", &["klarna.com", "klarna.se", "klarna.no", "klarna.de"]),
    brand("kivra", &["kivra.com", "kivra.se"]),
    brand("avanza", &["avanza.se"]),
    brand("icabanken", &["icabanken.se", "ica.se"]),
    common("seb", &["seb.se", "sebgroup.com", "seb.ee", "seb.lt", "seb.lv", "sebkort.com"]),
    common("swish", &["swish.nu"]),
    common("polisen", &["polisen.se"]),
    // Several Nordic countries.
    brand("nordea", &["nordea.com", "nordea.se", "nordea.fi", "nordea.dk", "nordea.no"]),
    brand(
        "danske bank",
        &["danskebank.dk", "danskebank.com", "danskebank.se", "danskebank.no", "danskebank.fi"],
    ),
    brand(
        "telia",
        &[
            "telia.se",
            "telia.com",
            "telia.fi",
            "telia.no",
            "telia.dk",
            "telia.ee",
            "telia.lt",
            "teliacompany.com",
        ],
    ),
    brand("telenor", &["telenor.com", "telenor.no", "telenor.se", "telenor.dk"]),
    brand("mobilepay", &["mobilepay.dk", "mobilepay.fi", "vippsmobilepay.com"]),
    brand("vipps", &["vipps.no", "vippsmobilepay.com"]),
    common("nets", &["nets.eu", "nets.no", "nets.dk", "nets.fi", "nets.se"]),
    common("bring", &["bring.com", "bring.no", "bring.se", "bring.dk", "posten.no"]),
    common("elisa", &["elisa.fi", "elisa.com", "elisa.ee"]),
    // Finland.
    brand("verohallinto", &["vero.fi"]),
    brand("omaposti", &["posti.fi", "posti.com"]),
    brand("osuuspankki", &["op.fi"]),
    brand("op ryhma", &["op.fi"]),
    brand("s-pankki", &["s-pankki.fi"]),
    brand("aktia", &["aktia.fi"]),
    brand("suomi fi", &["suomi.fi"]),
    brand("traficom", &["traficom.fi"]),
    common("posti", &["posti.fi", "posti.com"]),
    common("op", &["op.fi"]),
    common("kela", &["kela.fi"]),
    common("vero", &["vero.fi"]),
    common("matkahuolto", &["matkahuolto.fi"]),
    // Norway.
    brand("skatteetaten", &["skatteetaten.no"]),
    brand("altinn", &["altinn.no"]),
    brand("sparebank1", &["sparebank1.no"]),
    brand("dnb", &["dnb.no", "dnb.com", "dnb.se"]),
    common("posten", &["posten.no", "posten.se"]),
    common("nav", &["nav.no"]),
    // Denmark.
    brand("mitid", &["mitid.dk", "nemlog-in.dk"]),
    brand("nemid", &["nemid.nu", "nemid.dk"]),
    brand("e-boks", &["e-boks.dk", "e-boks.com", "e-boks.no"]),
    brand("skattestyrelsen", &["skat.dk", "sktst.dk", "skm.dk"]),
    brand("nykredit", &["nykredit.dk"]),
    brand("jyske bank", &["jyskebank.dk"]),
    brand("borger dk", &["borger.dk"]),
    common("skat", &["skat.dk", "sktst.dk", "skm.dk"]),
    // The world.
    brand(
        "microsoft",
        &[
            "microsoft.com",
            "microsoftonline.com",
            "office.com",
            "office365.com",
            "azure.com",
            "sharepointonline.com",
            "windows.com",
            "microsoft365.com",
            "live.com",
            "skype.com",
        ],
    ),
    brand("onedrive", &["microsoft.com", "onedrive.com", "sharepointonline.com", "live.com"]),
    brand("sharepoint", &["microsoft.com", "sharepoint.com", "sharepointonline.com"]),
    brand(
        "paypal",
        &[
            "paypal.com",
            "paypal.se",
            "paypal.fi",
            "paypal.dk",
            "paypal.no",
            "paypal.de",
            "paypal.co.uk",
        ],
    ),
    brand("netflix", &["netflix.com", "netflix.net"]),
    brand("spotify", &["spotify.com"]),
    brand("facebook", &["facebook.com", "facebookmail.com", "meta.com", "fb.com"]),
    brand("instagram", &["instagram.com", "facebookmail.com"]),
    brand("linkedin", &["linkedin.com"]),
    brand("docusign", &["docusign.com", "docusign.net", "docusign.eu"]),
    brand("dropbox", &["dropbox.com", "dropboxmail.com", "dropboxsign.com"]),
    brand("wetransfer", &["wetransfer.com", "wetransfer.net"]),
    brand("fedex", &["fedex.com"]),
    brand("mastercard", &["mastercard.com", "mastercard.us"]),
    brand(
        "american express",
        &["americanexpress.com", "aexp.com", "americanexpress.se", "americanexpress.fi"],
    ),
    brand(
        "zalando",
        &["zalando.com", "zalando.se", "zalando.fi", "zalando.no", "zalando.dk", "zalando.de"],
    ),
    brand("trust wallet", &["trustwallet.com"]),
    brand("metamask", &["metamask.io"]),
    brand("coinbase", &["coinbase.com"]),
    brand("binance", &["binance.com"]),
    brand("mcafee", &["mcafee.com"]),
    brand("icloud", &["icloud.com", "apple.com"]),
    brand("whatsapp", &["whatsapp.com"]),
    brand("ebay", &["ebay.com", "ebay.co.uk", "ebay.de", "ebay.se"]),
    brand(
        "dhl",
        &[
            "dhl.com",
            "dhl.de",
            "dhl.se",
            "dhl.fi",
            "dhl.dk",
            "dhl.no",
            "dhlparcel.se",
            "dhlecommerce.com",
            "deutschepost.de",
        ],
    ),
    brand("ups", &["ups.com"]),
    brand("booking com", &["booking.com"]),
    common(
        "amazon",
        &[
            "amazon.com",
            "amazon.se",
            "amazon.de",
            "amazon.co.uk",
            "amazon.fr",
            "amazon.it",
            "amazon.es",
            "amazon.nl",
            "amazonaws.com",
            "amazon.co.jp",
            "amazonses.com",
            "amazon.ca",
            "amazon.in",
            "amazon.pl",
        ],
    ),
    common("apple", &["apple.com"]),
    common(
        "google",
        &[
            "google.com",
            "youtube.com",
            "google.se",
            "google.fi",
            "google.no",
            "google.dk",
            "googlegroups.com",
        ],
    ),
    common("adobe", &["adobe.com", "adobesign.com", "echosign.com"]),
    common("visa", &["visa.com", "visa.se"]),
    common("norton", &["norton.com", "nortonlifelock.com", "gendigital.com"]),
    common("outlook", &["microsoft.com", "outlook.com", "live.com", "microsoftonline.com"]),
];

const fn brand(name: &'static str, domains: &'static [&'static str]) -> Brand {
    Brand { name, common: false, domains }
}

const fn common(name: &'static str, domains: &'static [&'static str]) -> Brand {
    Brand { name, common: true, domains }
}

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
            assert_eq!(claimed_by(name).map(|brand| brand.name), want, "{name}");
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
            assert_eq!(imitated_by(owner).map(|(brand, how)| (brand.name, how)), want, "{owner}");
        }
    }

    #[test]
    fn every_domain_is_a_registered_one() {
        for brand in BRANDS {
            assert!(!brand.domains.is_empty(), "{}", brand.name);
            for domain in brand.domains {
                assert_eq!(Domain::parse(domain).unwrap().registered(), *domain, "{}", brand.name);
            }
        }
    }
}
