//! Macros in SPF records, RFC 7208 section 7: `%{ir}.%{v}._spf.%{d2}`.

use std::{
    fmt::Write as _,
    net::{IpAddr, Ipv6Addr},
};

/// A text with macros in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Macros(Vec<Piece>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Text(String),
    Macro(Macro),
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Macro {
    letter: Letter,
    /// Written in upper case: what is put in is escaped as in an address of the web.
    escaped: bool,
    /// How many parts from the right; none: all.
    parts: Option<usize>,
    reversed: bool,
    /// What parts the value; a dot if nothing is said.
    delimiters: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Letter {
    Sender,
    Local,
    SenderDomain,
    Domain,
    Address,
    ValidatedName,
    AddressFamily,
    Helo,
    ReadableAddress,
    Receiver,
    Time,
}

/// Where a text with macros stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Where {
    /// In a record: three letters mean nothing there.
    Record,
    /// In an explanation.
    Explanation,
}

/// What macros stand for.
#[derive(Debug, Clone, Copy)]
pub struct Expansion<'e> {
    /// Who is said to have sent the mail: local part and domain.
    pub sender: (&'e str, &'e str),
    /// The domain whose record is being read.
    pub domain: &'e str,
    /// The client.
    pub client: IpAddr,
    /// What it said of itself.
    pub helo: &'e str,
    /// Its name, if that was asked for and leads back to it.
    pub name: Option<&'e str>,
    /// Who receives.
    pub receiver: &'e str,
    /// Seconds since 1970.
    pub seconds: u64,
}

impl Macros {
    /// A domain with macros: it ends in one, or in a label that could be that of a top level.
    pub(super) fn domain(text: &str) -> Option<Macros> {
        let macros = Macros::parse(text, Where::Record)?;
        let good = match macros.0.last()? {
            Piece::Macro(_) => true,
            Piece::Text(end) => ends_in_top_level(end, macros.0.len() > 1),
        };
        good.then_some(macros)
    }

    /// A text with macros.
    pub(super) fn parse(text: &str, place: Where) -> Option<Macros> {
        let mut pieces = Vec::new();
        let mut plain = String::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('%') {
            plain.push_str(before);
            let (sign, after) = after.split_at_checked(1)?;
            rest = match sign {
                "%" => {
                    plain.push('%');
                    after
                }
                "_" => {
                    plain.push(' ');
                    after
                }
                "-" => {
                    plain.push_str("%20");
                    after
                }
                "{" => {
                    let (inner, after) = after.split_once('}')?;
                    if !plain.is_empty() {
                        pieces.push(Piece::Text(std::mem::take(&mut plain)));
                    }
                    pieces.push(Piece::Macro(Macro::parse(inner, place)?));
                    after
                }
                _ => return None,
            };
        }
        plain.push_str(rest);
        if !plain.is_empty() {
            pieces.push(Piece::Text(plain));
        }
        Some(Macros(pieces))
    }

    /// An explanation, which may hold blanks and every macro.
    pub fn explanation(text: &str) -> Option<Macros> {
        text.is_ascii().then(|| Macros::parse(text, Where::Explanation)).flatten()
    }

    /// Does it ask for the client's name?
    pub fn wants_name(&self) -> bool {
        self.0
            .iter()
            .any(|piece| matches!(piece, Piece::Macro(one) if one.letter == Letter::ValidatedName))
    }

    /// The text with everything put in.
    pub fn expand(&self, with: &Expansion<'_>) -> String {
        let mut out = String::new();
        for piece in &self.0 {
            match piece {
                Piece::Text(text) => out.push_str(text),
                Piece::Macro(one) => one.expand(with, &mut out),
            }
        }
        out
    }

    /// The same as a name to look up. RFC 7208 section 7.3: what is too long loses labels from the left.
    pub fn expand_to_name(&self, with: &Expansion<'_>) -> String {
        let name = self.expand(with);
        let mut name = name.strip_suffix('.').unwrap_or(&name);
        while name.len() > NAME_BYTES_MAX {
            let Some((_, shorter)) = name.split_once('.') else { break };
            name = shorter;
        }
        name.to_string()
    }
}

/// RFC 1035 section 2.3.4, without the dot at the end and the length before the first label.
const NAME_BYTES_MAX: usize = 253;

/// RFC 7208 section 7.1, `toplabel`: letters, digits and hyphens, not digits alone, no hyphen at an end; a dot before it.
fn ends_in_top_level(text: &str, after_macro: bool) -> bool {
    let text = text.strip_suffix('.').unwrap_or(text);
    let (before, label) = match text.rsplit_once('.') {
        Some((before, label)) => (Some(before), label),
        None => (None, text),
    };
    let parted = before.is_some_and(|before| !before.is_empty() || after_macro);
    let good = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    parted
        && !label.is_empty()
        && label.bytes().all(good)
        && !label.bytes().all(|byte| byte.is_ascii_digit())
        && !label.starts_with('-')
        && !label.ends_with('-')
}

impl Macro {
    fn parse(inner: &str, place: Where) -> Option<Macro> {
        let (letter, rest) = inner.split_at_checked(1)?;
        let kind = match letter.to_ascii_lowercase().as_str() {
            "s" => Letter::Sender,
            "l" => Letter::Local,
            "o" => Letter::SenderDomain,
            "d" => Letter::Domain,
            "i" => Letter::Address,
            "p" => Letter::ValidatedName,
            "v" => Letter::AddressFamily,
            "h" => Letter::Helo,
            "c" if place == Where::Explanation => Letter::ReadableAddress,
            "r" if place == Where::Explanation => Letter::Receiver,
            "t" if place == Where::Explanation => Letter::Time,
            _ => return None,
        };
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let (number, rest) = rest.split_at_checked(digits)?;
        let parts = match number {
            "" => None,
            // More than any name has is all of them.
            number => Some(number.parse::<usize>().unwrap_or(usize::MAX)),
        };
        let (reversed, delimiters) = match rest.strip_prefix(['r', 'R']) {
            Some(rest) => (true, rest),
            None => (false, rest),
        };
        let known = delimiters.bytes().all(|byte| b".-+,/_=".contains(&byte));
        (known && parts != Some(0)).then(|| Macro {
            letter: kind,
            escaped: letter.bytes().all(|byte| byte.is_ascii_uppercase()),
            parts,
            reversed,
            delimiters: delimiters.to_string(),
        })
    }

    fn expand(&self, with: &Expansion<'_>, out: &mut String) {
        let (local, domain) = with.sender;
        let value = match self.letter {
            Letter::Sender => format!("{local}@{domain}"),
            Letter::Local => local.to_string(),
            Letter::SenderDomain => domain.to_string(),
            Letter::Domain => with.domain.to_string(),
            Letter::Address => dotted(with.client),
            Letter::ValidatedName => with.name.unwrap_or("unknown").to_string(),
            Letter::AddressFamily => match with.client {
                IpAddr::V4(_) => "in-addr".to_string(),
                IpAddr::V6(_) => "ip6".to_string(),
            },
            Letter::Helo => with.helo.to_string(),
            Letter::ReadableAddress => with.client.to_string(),
            Letter::Receiver => with.receiver.to_string(),
            Letter::Time => with.seconds.to_string(),
        };
        let value = self.transformed(&value);
        if !self.escaped {
            out.push_str(&value);
            return;
        }
        for byte in value.bytes() {
            // RFC 3986 section 2.3, unreserved.
            match byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
                true => out.push(char::from(byte)),
                // Writing to a string cannot fail.
                false => drop(write!(out, "%{byte:02X}")),
            }
        }
    }

    fn transformed(&self, value: &str) -> String {
        if self.parts.is_none() && !self.reversed && self.delimiters.is_empty() {
            return value.to_string();
        }
        let delimiters = if self.delimiters.is_empty() { "." } else { &self.delimiters };
        let mut parts: Vec<&str> = value.split(|letter| delimiters.contains(letter)).collect();
        if self.reversed {
            parts.reverse();
        }
        let from = self.parts.map_or(0, |count| parts.len().saturating_sub(count));
        parts.get(from..).unwrap_or_default().join(".")
    }
}

/// RFC 7208 section 7.3: an IPv6 address as its 32 digits with dots between.
fn dotted(address: IpAddr) -> String {
    let nibbles = |address: Ipv6Addr| {
        let digits = address.octets().into_iter().flat_map(|byte| [byte >> 4, byte & 15]);
        digits.map(|digit| format!("{digit:X}")).collect::<Vec<_>>().join(".")
    };
    match address {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => nibbles(address),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The examples of RFC 7208 section 7.4.
    #[test]
    fn expansions() {
        let with = Expansion {
            sender: ("strong-bad", "email.example.com"),
            domain: "email.example.com",
            client: "192.0.2.3".parse().unwrap(),
            helo: "mx.example.org",
            name: Some("mx.example.org"),
            receiver: "ours.example",
            seconds: 7,
        };
        for (text, want) in [
            ("%{s}", "strong-bad@email.example.com"),
            ("%{o}", "email.example.com"),
            ("%{d4}", "email.example.com"),
            ("%{d2}", "example.com"),
            ("%{d1}", "com"),
            ("%{dr}", "com.example.email"),
            ("%{d2r}", "example.email"),
            ("%{l-}", "strong.bad"),
            ("%{lr-}", "bad.strong"),
            ("%{l1r-}", "strong"),
            ("%{ir}.%{v}._spf.%{d2}", "3.2.0.192.in-addr._spf.example.com"),
            ("%{lr-}.lp._spf.%{d2}", "bad.strong.lp._spf.example.com"),
            (
                "%{p} %{c} %{t} %{r} %{S}",
                "mx.example.org 192.0.2.3 7 ours.example strong-bad%40email.example.com",
            ),
            ("a%%b%_c%-d", "a%b c%20d"),
        ] {
            assert_eq!(Macros::explanation(text).unwrap().expand(&with), want, "{text}");
        }
        let six = Expansion { client: "2001:db8::cb01".parse().unwrap(), ..with };
        assert_eq!(
            Macros::domain("%{ir}.%{v}._spf.%{d2}").unwrap().expand(&six),
            "1.0.B.C.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.B.D.0.1.0.0.2.ip6._spf.example.com"
        );
    }

    #[test]
    fn what_is_no_domain() {
        for text in
            ["", "a", "a.b%", "a.%{x}b", "%{c}.b", "a.1", "a.-b", "a.b-", "%{d0}", "%{d", "a.%a"]
        {
            assert_eq!(Macros::domain(text), None, "{text}");
        }
        for text in ["a.b", "a.b.", "%{d}", "x.%{d}", "%{d}.b", "a/b.c1"] {
            assert!(Macros::domain(text).is_some(), "{text}");
        }
    }

    #[test]
    fn names_too_long_lose_their_left_end() {
        let long = ["x".repeat(60).as_str(); 6].join(".");
        let with = Expansion {
            sender: ("a", "b"),
            domain: &long,
            client: "192.0.2.3".parse().unwrap(),
            helo: "",
            name: None,
            receiver: "",
            seconds: 0,
        };
        let name = Macros::domain("%{d}.example.org").unwrap().expand_to_name(&with);
        assert!(name.len() <= 253 && name.starts_with('x') && name.ends_with(".example.org"));
    }
}
