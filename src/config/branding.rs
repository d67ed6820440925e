//! `[organisation.branding]`: how an organisation looks to its people, in what we write to them and on their pages.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use std::{fmt, path::PathBuf};

/// How an organisation looks to its people: in digests, on the pages behind their buttons, on the own page, and as the name above the pages
/// of whoever looks after this organisation alone. Never on a page of another, nor on one that anybody may open.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Branding {
    /// What its people call it. Default: its `title`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The colour of its buttons and links, six hexadecimal digits: "#0b57d0". White and light grounds must leave it readable, 4.5 to 1
    /// (WCAG 2.2, success criterion 1.4.3). Default: ours.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub colour: Option<Colour>,
    /// The same on dark grounds. Default: `colour`, made lighter until it can be read there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub colour_dark: Option<Colour>,
    /// A PNG file that stands beside the name on pages, at most 48 KiB and 1024 pixels wide or high. It is in no mail: many programs show
    /// pictures only when asked, and the name says the same.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub logo_file: Option<PathBuf>,
    /// Whom people ask: the mail address or the telephone number of its helpdesk.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub contact: Option<Contact>,
    /// Where its people read about held mail: "https://intra.acme.example/mail".
    #[serde(skip_serializing_if = "Option::is_none")]
    pub help_url: Option<HelpUrl>,
}

impl Branding {
    /// Nothing is said.
    pub fn is_default(&self) -> bool {
        *self == Branding::default()
    }

    /// The colours in force, if one was chosen: on light grounds, and on dark ones.
    pub fn colours(&self) -> Option<(Colour, Colour)> {
        let light = self.colour?;
        Some((light, self.colour_dark.unwrap_or_else(|| light.made_readable(Ground::Dark))))
    }
}

/// A colour of the screen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Colour {
    red: u8,
    green: u8,
    blue: u8,
}

/// What a colour stands on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ground {
    /// White, and the light greys of pages and mails.
    Light,
    /// Their dark counterparts.
    Dark,
}

impl Ground {
    /// The ground of its kind that leaves least contrast: what can be read on it can be read on the others.
    fn hardest(self) -> Colour {
        match self {
            Ground::Light => Colour { red: 0xee, green: 0xf2, blue: 0xf6 },
            Ground::Dark => Colour { red: 0x25, green: 0x2c, blue: 0x34 },
        }
    }

    /// What is mixed into a colour so that it can be read.
    fn other_end(self) -> Colour {
        match self {
            Ground::Light => Colour { red: 0, green: 0, blue: 0 },
            Ground::Dark => Colour { red: 255, green: 255, blue: 255 },
        }
    }
}

impl Colour {
    /// "#0b57d0".
    pub fn parse(text: &str) -> Option<Colour> {
        let digits = text.strip_prefix('#').filter(|digits| digits.len() == 6)?;
        let part = |at: usize| {
            let pair = digits.get(at..at + 2)?;
            let is_hex = pair.bytes().all(|one| one.is_ascii_hexdigit());
            is_hex.then(|| u8::from_str_radix(pair, 16).ok()).flatten()
        };
        Some(Colour { red: part(0)?, green: part(2)?, blue: part(4)? })
    }

    /// Relative luminance, WCAG 2.2.
    fn luminance(self) -> f64 {
        let part = |value: u8| {
            let share = f64::from(value) / 255.0;
            match share <= 0.040_45 {
                true => share / 12.92,
                false => ((share + 0.055) / 1.055).powf(2.4),
            }
        };
        0.2126 * part(self.red) + 0.7152 * part(self.green) + 0.0722 * part(self.blue)
    }

    /// How far two colours stand apart, 1 to 21, WCAG 2.2.
    pub fn contrast(self, other: Colour) -> f64 {
        let (one, two) = (self.luminance() + 0.05, other.luminance() + 0.05);
        if one > two { one / two } else { two / one }
    }

    /// How well it can be read on the hardest ground of a kind.
    pub fn contrast_on(self, ground: Ground) -> f64 {
        self.contrast(ground.hardest())
    }

    /// Can words in it be read on a ground?
    pub fn is_readable(self, ground: Ground) -> bool {
        self.contrast_on(ground) >= CONTRAST_MIN
    }

    /// The nearest shade of it that can be read on a ground.
    pub fn made_readable(self, ground: Ground) -> Colour {
        let end = ground.other_end();
        let mixed = |steps: u16| Colour {
            red: mix(self.red, end.red, steps),
            green: mix(self.green, end.green, steps),
            blue: mix(self.blue, end.blue, steps),
        };
        (0..STEPS).map(mixed).find(|shade| shade.is_readable(ground)).unwrap_or(end)
    }
}

fn mix(from: u8, to: u8, steps: u16) -> u8 {
    let mixed = u16::from(from) * (STEPS - steps) + u16::from(to) * steps;
    u8::try_from(mixed / STEPS).unwrap_or(to)
}

/// WCAG 2.2, success criterion 1.4.3: words of ordinary size.
const CONTRAST_MIN: f64 = 4.5;
/// From a colour to black or white.
const STEPS: u16 = 64;

impl fmt::Display for Colour {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{:02x}{:02x}{:02x}", self.red, self.green, self.blue)
    }
}

impl Serialize for Colour {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Colour {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Colour, D::Error> {
        let text = String::deserialize(deserializer)?;
        let wrong = || de::Error::custom(format!("{text:?} is no colour such as \"#0b57d0\""));
        Colour::parse(&text).ok_or_else(wrong)
    }
}

/// Whom people ask.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Contact(String);

impl Contact {
    /// As people read it.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Where a tap on it leads.
    pub fn link(&self) -> String {
        match self.0.contains('@') {
            true => format!("mailto:{}", self.0),
            false => {
                let dialled = self.0.chars().filter(|one| one.is_ascii_digit() || *one == '+');
                format!("tel:{}", dialled.collect::<String>())
            }
        }
    }
}

impl TryFrom<String> for Contact {
    type Error = String;

    fn try_from(text: String) -> Result<Contact, String> {
        let plain = |one: char| one.is_ascii_alphanumeric() || ".-_+@".contains(one);
        let is_address = crate::mail::Address::parse(&text)
            .is_ok_and(|address| address.domain().is_some())
            && text.chars().all(plain);
        let digits = text.chars().filter(char::is_ascii_digit).count();
        let is_number =
            digits >= 3 && text.chars().all(|one| one.is_ascii_digit() || "+ ()-".contains(one));
        match (is_address || is_number) && text.len() <= TEXT_BYTES_MAX {
            true => Ok(Contact(text)),
            false => Err(format!(
                "{text:?} is neither a mail address nor a telephone number; write \"help@acme.example\" or \"+46 8 123 45 67\""
            )),
        }
    }
}

impl From<Contact> for String {
    fn from(contact: Contact) -> String {
        contact.0
    }
}

/// A page of the organisation's own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct HelpUrl(String);

impl HelpUrl {
    /// The whole of it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for HelpUrl {
    type Error = String;

    fn try_from(text: String) -> Result<HelpUrl, String> {
        let host = text.strip_prefix("https://").map(|rest| rest.split(['/', '?', '#']).next());
        let host = host.flatten().unwrap_or_default();
        let is_host = crate::mail::Domain::parse(host).is_ok();
        let is_plain =
            text.bytes().all(|one| one.is_ascii_graphic() && !b"\"'<>\\`".contains(&one));
        match is_host && is_plain && text.len() <= TEXT_BYTES_MAX {
            true => Ok(HelpUrl(text)),
            false => Err(format!(
                "{text:?} cannot be linked to; write \"https://\", a host and a path, as in \"https://intra.acme.example/mail\""
            )),
        }
    }
}

impl From<HelpUrl> for String {
    fn from(url: HelpUrl) -> String {
        url.0
    }
}

/// Of an address or a link that stands in every digest.
const TEXT_BYTES_MAX: usize = 300;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_are_read_and_measured() {
        let of = |text: &str| Colour::parse(text).unwrap();
        let (white, black) = (of("#ffffff"), of("#000000"));
        assert!((white.contrast(black) - 21.0).abs() < 0.001);
        assert!((of("#767676").contrast(white) - 4.54).abs() < 0.01, "the grey of the textbooks");
        for wrong in ["", "#fff", "0b57d0", "#0b57dg", "#0b57d0 ", "red", "#+1+1+1", "#é00000"] {
            assert_eq!(Colour::parse(wrong), None, "{wrong:?}");
        }
        for (colour, light, dark) in [
            ("#0b57d0", true, false),
            ("#ffd400", false, true),
            ("#8ab4f8", false, true),
            ("#000000", true, false),
            // No colour can be read on both.
            ("#767676", false, false),
        ] {
            let colour = of(colour);
            assert_eq!(
                (colour.is_readable(Ground::Light), colour.is_readable(Ground::Dark)),
                (light, dark),
                "{colour}"
            );
            for ground in [Ground::Light, Ground::Dark] {
                assert!(colour.made_readable(ground).is_readable(ground), "{colour}");
            }
        }
        assert_eq!(of("#0b57d0").made_readable(Ground::Light).to_string(), "#0b57d0", "as it is");
    }

    #[test]
    fn contacts_and_links_are_what_they_say() {
        let contact = |text: &str| Contact::try_from(text.to_string()).ok();
        assert_eq!(contact("help@acme.example").unwrap().link(), "mailto:help@acme.example");
        assert_eq!(contact("+46 (0)8-123 45").unwrap().link(), "tel:+460812345");
        for wrong in ["", "ask Eva", "help", "<b>@acme.example", "a@b?subject=x", "12", "+ - ()"] {
            assert_eq!(contact(wrong), None, "{wrong:?}");
        }
        let link = |text: &str| HelpUrl::try_from(text.to_string()).is_ok();
        assert!(link("https://intra.acme.example/mail?a=b#c") && link("https://acme.example"));
        for wrong in [
            "http://acme.example",
            "javascript:alert(1)",
            "https://",
            "https:///x",
            "https://a b.example",
            "https://acme.example/\"x",
            "https://user@acme.example",
        ] {
            assert!(!link(wrong), "{wrong:?}");
        }
    }
}
