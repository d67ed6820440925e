//! The Message-ID of a mail that a bounce returns: from the header section that it encloses, or from the lines that it quotes.
//!
//! RFC 3464 asks for the first; many servers of old write the second.

use crate::{base::limits, mail::Header};
use memchr::memchr2_iter;

/// The Message-ID in a header section, without its brackets.
pub fn in_header(message: &[u8]) -> Option<String> {
    let header = Header::read(message).ok()?;
    id(&header.value("Message-ID")?)
}

/// Message-IDs in lines of a text that look like header fields, quoted or not.
pub fn in_text(text: &str) -> Vec<String> {
    let mut ids = Vec::new();
    // Most texts have no such letters: they are not cut into lines.
    let place = memchr2_iter(b'M', b'm', text.as_bytes()).find(|at| {
        let name = text.as_bytes().get(*at..at + FIELD.len());
        name.is_some_and(|name| name.eq_ignore_ascii_case(FIELD))
    });
    if place.is_none() {
        return ids;
    }
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        let line = bare(line);
        let (Some(name), Some(value)) = (line.get(..FIELD.len()), line.get(FIELD.len()..)) else {
            continue;
        };
        if !name.as_bytes().eq_ignore_ascii_case(FIELD) {
            continue;
        }
        let value = match value.trim().is_empty() {
            true => lines.next().map(bare).unwrap_or_default(),
            false => value,
        };
        ids.extend(id(value));
        if ids.len() >= limits::RETURNED_IDS_MAX {
            break;
        }
    }
    ids
}

/// A line without quote marks and blanks.
fn bare(line: &str) -> &str {
    line.trim_start_matches(['>', ' ', '\t', '|'])
}

/// RFC 5322 section 3.6.4: between angle brackets, which some leave out.
pub fn id(value: &str) -> Option<String> {
    let value = value.trim();
    let inner = match value.split_once('<') {
        Some((_, after)) => after.split('>').next().unwrap_or_default(),
        None => value.split_whitespace().next().unwrap_or_default(),
    };
    let inner = inner.trim();
    let fits = (3..=limits::MESSAGE_ID_BYTES_MAX).contains(&inner.len());
    (fits && !inner.contains(char::is_control)).then(|| inner.to_string())
}

const FIELD: &[u8] = b"message-id:";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_found_where_bounces_have_them() {
        for (header, want) in [
            ("Subject: x\r\nMessage-ID: <1@ours.example>\r\n\r\nhi", Some("1@ours.example")),
            ("message-id:\r\n <2@ours.example>\r\n", Some("2@ours.example")),
            ("Message-Id: 3@ours.example (made here)\r\n", Some("3@ours.example")),
            ("Message-ID: <>\r\n", None),
            ("Subject: none\r\n", None),
        ] {
            assert_eq!(in_header(header.as_bytes()).as_deref(), want, "{header}");
        }
        let long = format!("Message-ID: <{}@x>\r\n", "a".repeat(2_000));
        assert_eq!(in_header(long.as_bytes()), None);
    }

    #[test]
    fn ids_are_found_in_quoted_lines() {
        for (text, want) in [
            (
                "Your mail could not be delivered.\n\n> Subject: x\n> Message-ID: <1@ours.example>\n",
                &["1@ours.example"][..],
            ),
            ("Message-Id:\n   <2@ours.example>\n", &["2@ours.example"]),
            ("The field Message-ID: <3@x.example> in a sentence", &[]),
            ("méssage-id: x", &[]),
            ("", &[]),
        ] {
            assert_eq!(in_text(text), want, "{text}");
        }
        assert!(
            in_text(&"Message-ID: <1@x.example>\n".repeat(1_000)).len() <= limits::RETURNED_IDS_MAX
        );
    }
}
