//! Sender rewriting for forwarded mail: the next server checks SPF of a domain of ours, and a bounce finds its way back through us.
//!
//! The form is the Sender Rewriting Scheme's (M. Weng Wong, S. Sauer: "SRS", 2003 to 2004), which every forwarder knows:
//! `SRS0=hash=day=domain=local@ours` for a first rewriting, `SRS1=hash=first==rest@ours` when another forwarder did that already,
//! so that an address grows once and no more. The hash is keyed and covers the day: only what we rewrote comes back, and not for ever.
//! Letters' case does not count, since some servers change it.

use crate::{
    base::{hidden::Hidden, limits},
    mail::{Address, Domain},
};
use data_encoding::BASE32_NOPAD;
use std::time::Duration;

/// The secret of the hash: one for each organisation.
pub type Key = Hidden<[u8; 32]>;

/// Why a returned address is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotOurs {
    /// It does not have the form.
    #[error("the address does not have the form of a rewritten sender")]
    Form,
    /// The hash is not one that we made.
    #[error("the rewritten sender was not made here")]
    Forged,
    /// It is too old.
    #[error("the rewritten sender is more than {} days old", limits::SRS_DAYS_MAX)]
    Expired,
}

/// The key of one organisation, made from the gateway's secret: a leaked address of one says nothing of another's.
pub fn key_of(secret: &Key, organisation: &str) -> Key {
    let material = [secret.expose().as_slice(), organisation.as_bytes()].concat();
    Hidden::new(
        "srs key",
        blake3::derive_key("sluss 2026 sender rewriting of an organisation", &material),
    )
}

/// Days since 1970 as the address carries them.
pub fn day(since_1970: Duration) -> u16 {
    let days = since_1970.as_secs() / 86_400;
    u16::try_from(days % u64::from(DAYS)).unwrap_or(0)
}

/// Is this an address that some forwarder rewrote?
pub fn is_rewritten(local: &str) -> bool {
    tagged(local, "SRS0").is_some() || tagged(local, "SRS1").is_some()
}

/// The sender as it goes out under `forward`. None when the result would be longer than an address may be, or the sender has no domain.
pub fn forward(sender: &Address, forward: &Domain, key: &Key, day: u16) -> Option<Address> {
    let domain = sender.domain()?;
    let local = match (tagged(sender.local(), "SRS0"), tagged(sender.local(), "SRS1")) {
        // Another forwarder's: its own hash lets it through there, ours brings it to that forwarder.
        (Some(rest), _) => again(domain.as_str(), &rest_with_separator(sender.local(), rest), key),
        (_, Some(rest)) => {
            let (_, rest) = rest.split_once('=')?;
            let (first, rest) = rest.split_once('=')?;
            again(first, rest, key)
        }
        (None, None) => {
            let stamp = stamp(day);
            let hash = hash(key, &[&stamp, domain.as_str(), sender.local()]);
            format!("SRS0={hash}={stamp}={domain}={}", sender.local())
        }
    };
    Address::parse(&format!("{}@{forward}", written(&local))).ok()
}

/// The address that a bounce to `local` (at the forward domain) is for.
pub fn back(local: &str, key: &Key, today: u16) -> Result<Address, NotOurs> {
    if let Some(rest) = tagged(local, "SRS0") {
        let mut parts = rest.splitn(4, '=');
        let (Some(given), Some(stamped), Some(domain), Some(local)) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(NotOurs::Form);
        };
        if !same(given, &hash(key, &[stamped, domain, local])) {
            return Err(NotOurs::Forged);
        }
        let age = (today + DAYS).saturating_sub(unstamp(stamped).ok_or(NotOurs::Form)?) % DAYS;
        // A clock that is set back a little must not make today's mail expire.
        if age > limits::SRS_DAYS_MAX && age < DAYS - 1 {
            return Err(NotOurs::Expired);
        }
        return Address::parse(&format!("{}@{domain}", written(local))).map_err(|_| NotOurs::Form);
    }
    let rest = tagged(local, "SRS1").ok_or(NotOurs::Form)?;
    let mut parts = rest.splitn(3, '=');
    let (Some(given), Some(first), Some(rest)) = (parts.next(), parts.next(), parts.next()) else {
        return Err(NotOurs::Form);
    };
    if !same(given, &hash(key, &[first, rest])) {
        return Err(NotOurs::Forged);
    }
    Address::parse(&format!("{}@{first}", written(&format!("SRS0{rest}"))))
        .map_err(|_| NotOurs::Form)
}

/// SRS1: the first forwarder's domain, and what it wrote behind SRS0 with its separator.
fn again(first: &str, rest: &str, key: &Key) -> String {
    let hash = hash(key, &[first, rest]);
    format!("SRS1={hash}={first}={rest}")
}

/// What stands behind the tag and its separator.
fn tagged<'a>(local: &'a str, tag: &str) -> Option<&'a str> {
    let (head, rest) = local.split_at_checked(tag.len())?;
    let rest_of = rest.strip_prefix(['=', '+', '-'])?;
    head.eq_ignore_ascii_case(tag).then_some(rest_of)
}

fn rest_with_separator(local: &str, rest: &str) -> String {
    let from = local.len().saturating_sub(rest.len() + 1);
    local.get(from..).unwrap_or(rest).to_string()
}

fn hash(key: &Key, parts: &[&str]) -> String {
    let mut hasher = blake3::Hasher::new_keyed(key.expose());
    for part in parts {
        hasher.update(part.to_ascii_lowercase().as_bytes());
        // A byte that no part has: "a", "bc" is not "ab", "c".
        hasher.update(&[0]);
    }
    let bytes = hasher.finalize();
    BASE32_NOPAD.encode(bytes.as_bytes().get(..HASH_BYTES).unwrap_or_default())
}

/// Compares every letter, whatever the first ones are.
fn same(given: &str, made: &str) -> bool {
    let given = given.to_ascii_uppercase();
    let differing = given.bytes().zip(made.bytes()).fold(0, |sum, (a, b)| sum | (a ^ b));
    given.len() == made.len() && differing == 0
}

fn stamp(day: u16) -> String {
    let letter = |index: u16| LETTERS.get(usize::from(index % 32)).copied().unwrap_or(b'A');
    [letter(day / 32), letter(day)].map(char::from).iter().collect()
}

fn unstamp(text: &str) -> Option<u16> {
    let value = |letter: u8| {
        let at = LETTERS.iter().position(|known| *known == letter.to_ascii_uppercase())?;
        u16::try_from(at).ok()
    };
    match text.as_bytes() {
        [high, low] => Some(value(*high)? * 32 + value(*low)?),
        _ => None,
    }
}

/// A local part as it is written in an address: quoted where it must be.
fn written(local: &str) -> String {
    let plain = |byte: u8| {
        byte.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~.".contains(&byte) || byte >= 0x80
    };
    let dots = local.starts_with('.') || local.ends_with('.') || local.contains("..");
    if !local.is_empty() && !dots && local.bytes().all(plain) {
        return local.to_string();
    }
    format!("\"{}\"", local.replace('\\', "\\\\").replace('"', "\\\""))
}

/// The day counter starts anew after so many days: two letters of five bits.
const DAYS: u16 = 1_024;
/// Forty bits: a guess in a trillion, and the address stays short.
const HASH_BYTES: usize = 5;
/// RFC 4648 section 6.
const LETTERS: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> Key {
        key_of(&Hidden::new("test", [7; 32]), "acme")
    }

    fn ours() -> Domain {
        Domain::parse("ours.example").unwrap()
    }

    fn go(sender: &str, day: u16) -> Address {
        forward(&Address::parse(sender).unwrap(), &ours(), &key(), day).unwrap()
    }

    #[test]
    fn what_goes_out_comes_back() {
        for sender in [
            "anna@example.org",
            "list+bounces=b=example.net@lists.example.org",
            "\"a b\\\\c\"@example.org",
            "SRS0=abcd=ef=example.net=anna@forwarder.example",
            "srs0+abcd+ef=example.net=anna@forwarder.example",
        ] {
            let out = go(sender, 20_400 % 1_024);
            assert_eq!(out.domain(), Some(&ours()), "{sender}");
            let back = back(out.local(), &key(), 20_405 % 1_024).unwrap();
            assert_eq!(back.key(), Address::parse(sender).unwrap().key());
        }
    }

    #[test]
    fn the_third_forwarder_adds_nothing() {
        let key_of = |name: &str| key_of(&Hidden::new("test", [9; 32]), name);
        let domain = |name: &str| Domain::parse(name).unwrap();
        let first = go("anna@example.org", 5);
        let second = forward(&first, &domain("second.example"), &key_of("second"), 5).unwrap();
        let third = forward(&second, &domain("third.example"), &key_of("third"), 5).unwrap();
        assert!(second.to_string().starts_with("SRS1="), "{second}");
        assert_eq!(second.local().len(), third.local().len(), "{third}");
        let home = back(third.local(), &key_of("third"), 6).unwrap();
        assert_eq!(home, first, "straight to the first, which knows the sender");
        assert_eq!(back(home.local(), &key(), 6).unwrap().to_string(), "anna@example.org");
    }

    #[test]
    fn forged_expired_and_foreign_ones_do_not() {
        let out = go("anna@example.org", 100);
        for (today, want) in [
            (100, None),
            (121, None),
            (99, None),
            (122, Some(NotOurs::Expired)),
            (700, Some(NotOurs::Expired)),
        ] {
            assert_eq!(back(out.local(), &key(), today).err(), want, "day {today}");
        }
        let upper = out.local().to_uppercase();
        assert_eq!(back(&upper, &key(), 100).unwrap().key(), "anna@example.org");
        let other = key_of(&Hidden::new("test", [7; 32]), "other");
        assert_eq!(back(out.local(), &other, 100), Err(NotOurs::Forged));
        for (local, want) in [
            (out.local().replace("anna", "bert"), NotOurs::Forged),
            (out.local().replace("example.org", "example.com"), NotOurs::Forged),
            ("SRS0=AAAAAAAA=AA=example.org=anna".to_string(), NotOurs::Forged),
            ("SRS0=AAAAAAAA=AA=example.org".to_string(), NotOurs::Form),
            ("SRS1=AAAAAAAA=example.org==x".to_string(), NotOurs::Forged),
            ("SRS1=x".to_string(), NotOurs::Form),
            ("SRS0".to_string(), NotOurs::Form),
            ("anna".to_string(), NotOurs::Form),
            ("srs0ÅÄ=x".to_string(), NotOurs::Form),
        ] {
            assert_eq!(back(&local, &key(), 100), Err(want), "{local}");
        }
    }

    #[test]
    fn the_day_goes_round() {
        assert_eq!(day(Duration::from_secs(86_400 * 1_030)), 6);
        for day in [0, 31, 32, 1_023] {
            assert_eq!(unstamp(&stamp(day)), Some(day));
        }
        let out = go("anna@example.org", 1_020);
        assert!(back(out.local(), &key(), 3).is_ok());
    }

    #[test]
    fn what_would_be_too_long_is_not_rewritten() {
        let long = format!("{}@example.org", "a".repeat(limits::LOCAL_PART_BYTES_MAX));
        assert_eq!(forward(&Address::parse(&long).unwrap(), &ours(), &key(), 1), None);
    }
}
