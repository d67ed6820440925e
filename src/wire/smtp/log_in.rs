//! What a client says inside an AUTH exchange: base64, and in it the message of PLAIN (RFC 4616 section 2) or a word of LOGIN.
//!
//! Names and passwords leave here hidden. Nothing is compared: whether they are right is asked of the accounts.

use crate::{
    base::{hidden::Hidden, limits},
    wire::smtp::replies::{self, Reply},
};
use data_encoding::BASE64_NOPAD;
use zeroize::Zeroize;

/// Who somebody says they are, and the proof.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Credentials {
    /// The user name as typed.
    pub name: Hidden<String>,
    /// The password as typed.
    pub password: Hidden<String>,
}

/// One response, undone from its base64. Padding may be missing: some clients leave it out, and it says nothing.
pub fn decode(line: &[u8]) -> Option<Hidden<Vec<u8>>> {
    let line = line.trim_ascii_end();
    let bare = line.strip_suffix(b"==").or(line.strip_suffix(b"=")).unwrap_or(line);
    BASE64_NOPAD.decode(bare).ok().map(|said| Hidden::new("log-in", said))
}

/// The message of PLAIN: whom to act as, NUL, user name, NUL, password. RFC 4616 section 2.
pub fn plain(said: &Hidden<Vec<u8>>) -> Result<Credentials, Reply> {
    let mut pieces = said.expose().split(|byte| *byte == 0);
    let (Some(acts_as), Some(name), Some(password), None) =
        (pieces.next(), pieces.next(), pieces.next(), pieces.next())
    else {
        return Err(replies::BAD_LOG_IN);
    };
    // Nobody acts as somebody else here. Many clients say their own name twice.
    if !acts_as.is_empty() && !acts_as.eq_ignore_ascii_case(name) {
        return Err(replies::LOG_IN_FAILED);
    }
    Ok(Credentials { name: text(name, NAME)?, password: text(password, PASSWORD)? })
}

/// A word of the exchange that may be a user name or a password: UTF-8, not empty, and not over its bound.
/// Anything else cannot be right, so it is answered like a wrong one.
pub fn text(said: &[u8], word: Word) -> Result<Hidden<String>, Reply> {
    if !(1..=word.bytes_max).contains(&said.len()) || said.contains(&0) {
        return Err(replies::LOG_IN_FAILED);
    }
    match String::from_utf8(said.to_vec()) {
        Ok(text) => Ok(Hidden::new(word.kind, text)),
        Err(error) => {
            error.into_bytes().zeroize();
            Err(replies::LOG_IN_FAILED)
        }
    }
}

/// What a word is, and its bound.
#[derive(Debug, Clone, Copy)]
pub struct Word {
    kind: &'static str,
    bytes_max: usize,
}

/// A user name.
pub const NAME: Word = Word { kind: "user name", bytes_max: limits::USER_NAME_BYTES_MAX };
/// A password.
pub const PASSWORD: Word = Word { kind: "password", bytes_max: limits::PASSWORD_BYTES_MAX };

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_with_and_without_padding() {
        for (line, want) in [
            ("", Some(&b""[..])),
            ("YQ==", Some(b"a")),
            ("YQ", Some(b"a")),
            ("YWI=  ", Some(b"ab")),
            ("YWJj", Some(b"abc")),
            ("YQ=", Some(b"a")),
            ("YQ===", None),
            ("Y", None),
            ("YR==", None),
            (" YQ==", None),
            ("Y Q", None),
            ("YQ\u{e9}", None),
        ] {
            let said = decode(line.as_bytes());
            assert_eq!(said.as_ref().map(|said| &said.expose()[..]), want, "{line:?}");
        }
    }

    #[test]
    fn the_bounds_of_a_message_fit_a_command_line() {
        let bytes = 2 * limits::USER_NAME_BYTES_MAX + limits::PASSWORD_BYTES_MAX + 2;
        assert!("AUTH PLAIN \r\n".len() + bytes.div_ceil(3) * 4 <= limits::COMMAND_LINE_BYTES_MAX);
    }
}
