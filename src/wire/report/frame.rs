//! What all mails that we write ourselves have in common: the first fields, and text in fields.

use crate::{
    base::{clock::UnixMs, ids::Id},
    mail::{Address, Domain},
    wire::{date, report::Language},
};
use data_encoding::BASE64;
use std::fmt::Write;

/// The first fields of a mail of ours.
#[derive(Debug, Clone, Copy)]
pub(super) struct Head<'a> {
    /// Our name.
    pub(super) hostname: &'a Domain,
    /// The mail's id.
    pub(super) id: Id,
    /// Who writes: ASCII.
    pub(super) from: &'a str,
    /// Who reads.
    pub(super) to: &'a Address,
    /// In what language.
    pub(super) language: Language,
    /// What about.
    pub(super) subject: &'a str,
    /// When.
    pub(super) now: UnixMs,
    /// The word of RFC 3834 section 5: "auto-replied" to a mail, "auto-generated" otherwise.
    pub(super) auto: &'a str,
}

impl Head<'_> {
    /// Writes them, each with CRLF, up to MIME-Version.
    pub(super) fn write(&self, text: &mut String) {
        self.write_from(text, &format!("postmaster@{}", self.hostname));
    }

    /// The same from another address than the postmaster's.
    pub(super) fn write_from(&self, text: &mut String, address: &str) {
        let blank = if self.from.is_empty() { "" } else { " " };
        let _infallible = write!(
            text,
            "From: {}{blank}<{address}>\r\nTo: {}\r\nSubject: {}\r\nDate: {}\r\nMessage-ID: <{}@{}>\r\n\
             Auto-Submitted: {}\r\nContent-Language: {}\r\nMIME-Version: 1.0\r\n",
            self.from,
            self.to,
            in_field(self.subject),
            date::write(self.now),
            self.id,
            self.hostname,
            self.auto,
            self.language.code(),
        );
    }
}

/// Text of a field: as it is, or in encoded words of at most 75 letters, RFC 2047 section 2.
pub(super) fn in_field(text: &str) -> String {
    if text.is_ascii() {
        return text.to_string();
    }
    let mut words = vec![String::new()];
    for letter in text.chars() {
        if words.last().is_some_and(|word| word.len() + letter.len_utf8() > WORD_BYTES_MAX) {
            words.push(String::new());
        }
        if let Some(word) = words.last_mut() {
            word.push(letter);
        }
    }
    let encoded =
        words.iter().map(|word| format!("=?utf-8?B?{}?=", BASE64.encode(word.as_bytes())));
    encoded.collect::<Vec<_>>().join("\r\n ")
}

/// 75 letters, less the frame of twelve, three quarters of the rest.
const WORD_BYTES_MAX: usize = 45;

/// Words of another server or a sender stay on one line and cannot make fields of their own.
pub(super) fn clean(text: &str) -> String {
    text.chars().map(|letter| if letter.is_control() { ' ' } else { letter }).take(500).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subject_beyond_ascii_is_encoded_in_short_words() {
        assert_eq!(in_field("Your mail"), "Your mail");
        assert_eq!(in_field("Försenat"), "=?utf-8?B?RsO2cnNlbmF0?=");
        let long = in_field(&"å".repeat(60));
        assert!(long.split("\r\n ").all(|word| word.len() <= 75), "{long}");
        assert_eq!(long.split("\r\n ").count(), 3);
    }
}
