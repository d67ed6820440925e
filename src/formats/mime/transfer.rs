//! Content transfer encodings, RFC 2045 section 6, undone as tolerantly as the most tolerant mail program does it.
//!
//! A scanner that gives up where a mail program goes on is blind to what that program shows. Where programs differ, there are several
//! readings of one body ([`Transfer::readings`]); where they do not, there is one and it costs one pass.

pub(super) mod base64;
pub(super) mod binhex;
pub(super) mod quoted;
mod uu;
pub(super) mod yenc;

pub use uu::{UuFile, uuencoded};

use crate::{base::limits, mail::header};
use std::borrow::Cow;

/// A transfer encoding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Transfer {
    /// 7bit, 8bit, binary: the bytes themselves.
    Identity,
    /// quoted-printable.
    QuotedPrintable,
    /// base64.
    Base64,
    /// x-uuencode and its spellings, as of before MIME.
    Uuencode,
    /// x-yencode, from Usenet.
    Yenc,
    /// BinHex 4.0, of old Macintoshes.
    BinHex,
    /// A word nobody knows.
    Unknown,
}

/// A decoded body.
#[derive(Debug, PartialEq, Eq)]
pub struct Decoded<'m> {
    /// The bytes.
    pub bytes: Cow<'m, [u8]>,
    /// Readers would not agree on these bytes: letters that do not belong, or data after the end.
    pub unclean: bool,
}

impl Transfer {
    /// From the value of a Content-Transfer-Encoding field, as the RFC has it.
    pub(super) fn parse(value: &str) -> Transfer {
        // RFC 2045 section 6.1 has no parameters here; a comment or a semicolon after the word is tolerated by everybody.
        let value = without_comments(value);
        let word = value.split(';').next().unwrap_or_default().trim().trim_matches(['"', '\'']);
        Transfer::of_word(word.trim())
    }

    fn of_word(word: &str) -> Transfer {
        match word.to_ascii_lowercase().as_str() {
            "" | "7bit" | "8bit" | "binary" | "7-bit" | "8-bit" | "7bits" | "8bits" => {
                Transfer::Identity
            }
            "quoted-printable" => Transfer::QuotedPrintable,
            "base64" => Transfer::Base64,
            "x-uuencode" | "uuencode" | "x-uue" | "uue" => Transfer::Uuencode,
            "x-yencode" | "yencode" | "yenc" | "x-yenc" => Transfer::Yenc,
            "binhex40" | "mac-binhex40" | "x-binhex40" | "x-mac-binhex40" | "binhex"
            | "x-binhex" => Transfer::BinHex,
            _ => Transfer::Unknown,
        }
    }

    /// What readers that look less closely take an odd value for, each once: as it is, the first word that is known, the last one, a word
    /// that contains one.
    pub(super) fn guesses(value: &str) -> Vec<Transfer> {
        let decoded = header::decode_words(value).to_ascii_lowercase();
        let decoded: String = decoded.chars().filter(|letter| !letter.is_control()).collect();
        let mut known = Vec::new();
        let words = decoded
            .split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '-' && letter != '_')
            .filter(|word| !word.is_empty())
            .map(Transfer::of_word);
        known.extend(words.filter(|transfer| *transfer != Transfer::Unknown).take(GUESSES_MAX));
        let squeezed: String =
            decoded.chars().filter(|letter| letter.is_ascii_alphanumeric()).collect();
        for (word, transfer) in [
            ("base64", Transfer::Base64),
            ("quoted", Transfer::QuotedPrintable),
            ("uue", Transfer::Uuencode),
            ("yenc", Transfer::Yenc),
            ("binhex", Transfer::BinHex),
        ] {
            if squeezed.contains(word) {
                known.push(transfer);
            }
        }
        known.push(Transfer::Identity);
        known
    }

    /// Undoes the encoding in the way most programs do.
    pub fn decode(self, body: &[u8]) -> Decoded<'_> {
        match self {
            Transfer::Identity | Transfer::Unknown => {
                Decoded { bytes: Cow::Borrowed(body), unclean: false }
            }
            Transfer::QuotedPrintable => Decoded { bytes: quoted::decode(body), unclean: false },
            Transfer::Base64 => base64::decode(body),
            Transfer::Uuencode => match uuencoded(body).next() {
                Some(file) => Decoded { bytes: Cow::Owned(file.bytes), unclean: false },
                None => match uu::without_begin(body) {
                    bytes if bytes.is_empty() => {
                        Decoded { bytes: Cow::Borrowed(body), unclean: true }
                    }
                    bytes => Decoded { bytes: Cow::Owned(bytes), unclean: true },
                },
            },
            Transfer::Yenc => match yenc::files(body).into_iter().next() {
                Some(file) => Decoded { bytes: Cow::Owned(file.bytes), unclean: false },
                None => Decoded { bytes: Cow::Owned(yenc::decode(body)), unclean: true },
            },
            Transfer::BinHex => match binhex::file(body_of_binhex(body), BINHEX_BYTES_MAX) {
                Some(file) => Decoded { bytes: Cow::Owned(file.bytes), unclean: false },
                None => Decoded { bytes: Cow::Borrowed(body), unclean: true },
            },
        }
    }

    /// Undoes the encoding in every way that programs do, the usual one first, each result once. One result for a body in order;
    /// never more than [`limits::TRANSFER_READINGS_MAX`].
    pub fn readings(self, body: &[u8]) -> Vec<Decoded<'_>> {
        let mut all = match self {
            Transfer::Base64 => base64::readings(body),
            Transfer::QuotedPrintable => quoted::readings(body),
            Transfer::Uuencode => {
                let mut all: Vec<Decoded<'_>> = uuencoded(body)
                    .map(|file| Decoded { bytes: Cow::Owned(file.bytes), unclean: false })
                    .take(limits::TRANSFER_READINGS_MAX)
                    .collect();
                if all.is_empty() {
                    all.push(self.decode(body));
                }
                all
            }
            Transfer::Identity | Transfer::Unknown | Transfer::Yenc | Transfer::BinHex => {
                vec![self.decode(body)]
            }
        };
        all.truncate(limits::TRANSFER_READINGS_MAX);
        all
    }
}

/// Behind the line that says what it is, if there is one: it may have a colon.
fn body_of_binhex(body: &[u8]) -> &[u8] {
    memchr::memmem::find(body, b"BinHex 4.0)").and_then(|at| body.get(at..)).unwrap_or(body)
}

/// Takes comments out, RFC 5322 section 3.2.2; one that does not close goes to the end.
pub(super) fn without_comments(value: &str) -> String {
    let mut depth = 0_usize;
    let mut out = String::with_capacity(value.len());
    for letter in value.chars() {
        match letter {
            '(' => depth += 1,
            ')' if depth > 0 => depth -= 1,
            other if depth == 0 => out.push(other),
            _ => (),
        }
    }
    out
}

/// Words of one field that are taken for encodings.
const GUESSES_MAX: usize = 4;
/// What one BinHex body may unfold to: its runs make 85 bytes of one.
const BINHEX_BYTES_MAX: usize = 64 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_for_encodings() {
        for (value, want) in [
            ("BASE64", Transfer::Base64),
            ("base64 (comment)", Transfer::Base64),
            ("(comment) base64", Transfer::Base64),
            ("base64;", Transfer::Base64),
            ("\"base64\"", Transfer::Base64),
            ("", Transfer::Identity),
            ("8bit", Transfer::Identity),
            ("Quoted-Printable", Transfer::QuotedPrintable),
            ("x-uuencode", Transfer::Uuencode),
            ("x-yencode", Transfer::Yenc),
            ("mac-binhex40", Transfer::BinHex),
            ("base65", Transfer::Unknown),
        ] {
            assert_eq!(Transfer::parse(value), want, "{value}");
        }
    }

    #[test]
    fn guesses() {
        for (value, want) in [
            ("mybase64", &[Transfer::Base64, Transfer::Identity][..]),
            ("base64 junk", &[Transfer::Base64]),
            ("x-base64", &[Transfer::Base64]),
            ("base 64", &[Transfer::Base64]),
            ("base\u{0}64", &[Transfer::Base64]),
            ("=?utf-8?q?base64?=", &[Transfer::Base64]),
            ("7bit, base64", &[Transfer::Identity, Transfer::Base64]),
            ("base64, quoted-printable", &[Transfer::Base64, Transfer::QuotedPrintable]),
            ("x-rot13", &[Transfer::Identity]),
        ] {
            let guesses = Transfer::guesses(value);
            for transfer in want {
                assert!(guesses.contains(transfer), "{value}: {guesses:?}");
            }
        }
    }

    #[test]
    fn declared_encodings_of_old() {
        assert_eq!(Transfer::Uuencode.decode(b"begin 644 a\n#0V%T\n`\nend\n").bytes, &b"Cat"[..]);
        assert_eq!(Transfer::Uuencode.decode(b"#0V%T\n`\nend\n").bytes, &b"Cat"[..]);
        assert_eq!(Transfer::Yenc.decode(b"\x6d\x8b\x9e").bytes, &b"Cat"[..]);
        assert_eq!(
            Transfer::Yenc
                .decode(b"=ybegin line=128 size=3 name=a\r\n\x6d\x8b\x9e\r\n=yend size=3")
                .bytes,
            &b"Cat"[..]
        );
    }
}
