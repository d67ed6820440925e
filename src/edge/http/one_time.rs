//! A second factor: one-time passwords by time (RFC 6238, the form that every authenticator program takes: HMAC-SHA-1, 30 seconds, six
//! digits), and recovery codes for the day when the telephone is gone.
//!
//! The secret is kept sealed under `web.key`, so that the accounts' database alone gives nobody a second factor.

use crate::{
    base::{clock::UnixMs, hidden::Hidden, limits},
    store::{
        StoreError,
        embedded::SecretHash,
        keys::{self, Key, WrappedKey},
    },
};
use aws_lc_rs::{constant_time, hmac};
use data_encoding::BASE32_NOPAD;
use qrcode::{Color, EcLevel, QrCode};
use std::fmt::Write;

/// A secret as the other end takes it.
#[derive(Debug, Clone)]
pub(super) struct Secret(Key);

impl Secret {
    /// A new one.
    pub(super) fn new() -> Result<Secret, StoreError> {
        keys::new_key("one-time password secret").map(Secret)
    }

    /// For the database.
    pub(super) fn seal(&self, by: &Key, name: &str) -> Result<Vec<u8>, StoreError> {
        keys::wrap(by, &self.0, &context(name)).map(|wrapped| wrapped.0)
    }

    /// From the database.
    pub(super) fn open(by: &Key, name: &str, sealed: Vec<u8>) -> Result<Secret, StoreError> {
        let key =
            keys::unwrap(by, &WrappedKey(sealed), &context(name), "one-time password secret")?;
        Ok(Secret(key))
    }

    /// In letters, to be typed in.
    pub(super) fn letters(&self) -> Hidden<String> {
        Hidden::new("one-time password secret", BASE32_NOPAD.encode(self.bytes()))
    }

    /// The address that authenticator programs read from a picture.
    pub(super) fn address(&self, site: &str, name: &str) -> Hidden<String> {
        let quoted = |text: &str| {
            form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>().replace('+', "%20")
        };
        let (site, name) = (quoted(site), quoted(name));
        let text = format!(
            "otpauth://totp/sluss%20{site}:{name}?secret={}&issuer=sluss%20{site}",
            self.letters().expose()
        );
        Hidden::new("one-time password secret", text)
    }

    /// The step at which these six digits are right, one step of clock difference allowed either way; None if they are not.
    pub(super) fn step_of(&self, digits: &str, now: UnixMs) -> Option<u64> {
        let digits: String = digits.chars().filter(|letter| !letter.is_whitespace()).collect();
        let this = now.0 / STEP_MS;
        // All are computed whichever fits: how long it takes says nothing.
        let mut found = None;
        for step in [this.saturating_sub(1), this, this.saturating_add(1)] {
            let right = self.digits(step);
            if constant_time::verify_slices_are_equal(right.as_bytes(), digits.as_bytes()).is_ok() {
                found = Some(step);
            }
        }
        found
    }

    /// RFC 4226 section 5.3: four bytes of the hash, at a place that its last half byte names, to six digits.
    fn digits(&self, step: u64) -> String {
        let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, self.bytes());
        let tag = hmac::sign(&key, &step.to_be_bytes());
        let bytes = tag.as_ref();
        let place = usize::from(bytes.last().copied().unwrap_or(0) & 15);
        let four = bytes.get(place..place + 4).and_then(|four| <[u8; 4]>::try_from(four).ok());
        let number = u32::from_be_bytes(four.unwrap_or_default()) & 0x7fff_ffff;
        format!("{:06}", number % 1_000_000)
    }

    /// RFC 4226 section 4: a shared secret of 160 bits.
    fn bytes(&self) -> &[u8] {
        self.0.expose().get(..20).unwrap_or_default()
    }
}

fn context(name: &str) -> String {
    format!("one-time password of {name}")
}

/// New recovery codes, and how they are kept.
pub(super) fn recovery_codes() -> Result<Vec<(Hidden<String>, SecretHash)>, StoreError> {
    let code = || {
        let random: [u8; 10] = keys::random()?;
        let letters = BASE32_NOPAD.encode(&random).to_lowercase();
        let text: Vec<&str> =
            [0..4, 4..8, 8..12, 12..16].map(|part| letters.get(part).unwrap_or("")).to_vec();
        let text = text.join("-");
        let hash = recovery_hash(&text);
        Ok((Hidden::new("recovery code", text), hash))
    };
    (0..limits::RECOVERY_CODES).map(|_| code()).collect()
}

/// How a recovery code is kept: of its letters and digits, in lower case.
pub(super) fn recovery_hash(code: &str) -> SecretHash {
    let plain: String = code
        .chars()
        .filter(char::is_ascii_alphanumeric)
        .map(|letter| letter.to_ascii_lowercase())
        .collect();
    blake3::derive_key("sluss recovery code", plain.as_bytes())
}

/// A picture of a text for a camera, as SVG.
pub(super) fn picture(text: &str) -> Option<String> {
    let code = QrCode::with_error_correction_level(text, EcLevel::M).ok()?;
    let (width, colours) = (code.width(), code.to_colors());
    let mut squares = String::new();
    for (row, line) in colours.chunks(width).enumerate() {
        for (column, colour) in line.iter().enumerate() {
            if *colour == Color::Dark {
                write!(squares, "M{} {}h1v1h-1z", column + QUIET, row + QUIET).ok()?;
            }
        }
    }
    let side = width + 2 * QUIET;
    Some(format!(
        "<svg class=\"qr\" viewBox=\"0 0 {side} {side}\" role=\"img\" aria-label=\"the secret, for a camera\" shape-rendering=\"crispEdges\">\
         <rect width=\"{side}\" height=\"{side}\" fill=\"#fff\"/><path d=\"{squares}\" fill=\"#000\"/></svg>"
    ))
}

/// Empty squares round a code.
const QUIET: usize = 4;
const STEP_MS: u64 = 30_000;

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 6238 appendix B, the last six of its eight digits.
    #[test]
    fn the_digits_are_those_of_the_standard() {
        let mut bytes = b"12345678901234567890".to_vec();
        bytes.resize(32, 0);
        let bytes: [u8; 32] = bytes.try_into().unwrap();
        let secret = Secret(Hidden::new("secret", bytes));
        for (seconds, want) in [
            (59, "287082"),
            (1_111_111_109, "081804"),
            (1_111_111_111, "050471"),
            (1_234_567_890, "005924"),
            (2_000_000_000, "279037"),
        ] {
            assert_eq!(secret.digits(seconds / 30), want, "{seconds}");
            let at = |seconds: u64| UnixMs(seconds * 1_000);
            let step = Some(seconds / 30);
            assert_eq!(secret.step_of(want, at(seconds)), step);
            assert_eq!(
                secret.step_of(&format!("{} {}", &want[..3], &want[3..]), at(seconds)),
                step
            );
            assert_eq!(secret.step_of(want, at(seconds + 30)), step);
            assert_eq!(secret.step_of(want, at(seconds + 90)), None);
            assert_eq!(secret.step_of("000000", at(seconds)), None);
        }
    }

    #[test]
    fn a_sealed_secret_opens_for_its_account_alone() {
        let (key, secret) = (keys::new_key("web").unwrap(), Secret::new().unwrap());
        let sealed = secret.seal(&key, "eva").unwrap();
        let opened = Secret::open(&key, "eva", sealed.clone()).unwrap();
        assert_eq!(opened.letters(), secret.letters());
        assert!(Secret::open(&key, "bo", sealed).is_err());
        assert_eq!(secret.letters().expose().len(), 32);
    }

    #[test]
    fn recovery_codes_are_read_as_people_type_them() {
        let codes = recovery_codes().unwrap();
        assert_eq!(codes.len(), limits::RECOVERY_CODES);
        let (code, hash) = &codes[0];
        assert_eq!(code.expose().len(), 19);
        assert_eq!(recovery_hash(&code.expose().to_uppercase().replace('-', " ")), *hash);
        assert_ne!(codes[1].1, *hash);
    }

    #[test]
    fn the_picture_says_the_address() {
        let address = Secret::new().unwrap().address("mx.ours.example", "eva å");
        assert!(
            address
                .expose()
                .starts_with("otpauth://totp/sluss%20mx.ours.example:eva%20%C3%A5?secret="),
            "{}",
            address.expose()
        );
        let svg = picture(address.expose()).unwrap();
        assert!(svg.starts_with("<svg ") && svg.contains("viewBox"), "{svg}");
    }
}
