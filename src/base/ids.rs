//! Names for things: short enough to read over the telephone, sortable by time, never reused.

use crate::base::clock::UnixMs;
use std::fmt;

/// One transaction, from MAIL to the end: in every reply after MAIL, in logs, trace, spool and quarantine.
///
/// 48 bits of milliseconds, then 80 random bits, written as 26 letters of Crockford's base 32 (the ULID layout).
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Default,
    serde::Serialize,
    serde::Deserialize,
)]
#[serde(try_from = "String", into = "String")]
pub struct Id(u128);

/// Why a text is no [`Id`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no id: 26 letters and digits are expected, as in 01K9ZQ4T6X0000000000000000")]
pub struct NotAnId(pub String);

impl Id {
    /// An id for now, from the time and ten random bytes.
    pub fn new(now: UnixMs, random: [u8; 10]) -> Id {
        let mut low: u128 = 0;
        for byte in random {
            low = (low << 8) | u128::from(byte);
        }
        Id((u128::from(now.0 & 0xffff_ffff_ffff) << 80) | low)
    }

    /// The moment in the id.
    pub fn made(self) -> UnixMs {
        UnixMs(u64::try_from(self.0 >> 80).unwrap_or(0))
    }

    /// The sixteen bytes, highest first.
    pub fn to_bytes(self) -> [u8; 16] {
        self.0.to_be_bytes()
    }

    /// From [`Id::to_bytes`].
    pub fn from_bytes(bytes: [u8; 16]) -> Id {
        Id(u128::from_be_bytes(bytes))
    }

    /// Reads what [`fmt::Display`] writes; lower case is fine.
    pub fn parse(text: &str) -> Result<Id, NotAnId> {
        let wrong = || NotAnId(text.chars().take(40).collect());
        if text.len() != LETTERS_MAX {
            return Err(wrong());
        }
        let mut value: u128 = 0;
        for letter in text.bytes() {
            let digit = LETTERS
                .iter()
                .position(|known| *known == letter.to_ascii_uppercase())
                .and_then(|at| u128::try_from(at).ok())
                .ok_or_else(wrong)?;
            if value >> 123 != 0 {
                return Err(wrong());
            }
            value = (value << 5) | digit;
        }
        Ok(Id(value))
    }
}

impl std::str::FromStr for Id {
    type Err = NotAnId;

    fn from_str(text: &str) -> Result<Id, NotAnId> {
        Id::parse(text)
    }
}

impl TryFrom<String> for Id {
    type Error = NotAnId;

    fn try_from(text: String) -> Result<Id, NotAnId> {
        Id::parse(&text)
    }
}

impl From<Id> for String {
    fn from(id: Id) -> String {
        id.to_string()
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = String::with_capacity(LETTERS_MAX);
        for place in (0..LETTERS_MAX).rev() {
            let digit = usize::try_from((self.0 >> (place * 5)) & 31).unwrap_or(0);
            text.push(LETTERS.get(digit).copied().map_or('0', char::from));
        }
        f.write_str(&text)
    }
}

const LETTERS: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const LETTERS_MAX: usize = 26;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let id = Id::new(UnixMs(1_700_000_000_000), [0xab; 10]);
        let text = id.to_string();
        assert_eq!(text.len(), 26);
        assert_eq!(Id::parse(&text), Ok(id));
        assert_eq!(Id::parse(&text.to_lowercase()), Ok(id));
        assert_eq!(Id::from_bytes(id.to_bytes()), id);
        assert_eq!(id.made(), UnixMs(1_700_000_000_000));
        assert!(id < Id::new(UnixMs(1_700_000_000_001), [0; 10]));
    }

    #[test]
    fn other_texts_are_refused() {
        for text in [
            "",
            "01K",
            "01K9ZQ4T6X000000000000000U",
            "ZZZZZZZZZZZZZZZZZZZZZZZZZZ",
            "é1K9ZQ4T6X00000000000000",
        ] {
            assert!(Id::parse(text).is_err(), "{text}");
        }
    }
}
