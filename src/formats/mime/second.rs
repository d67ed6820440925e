//! The second reading of a malformed mail, by another parser: where two readers disagree, a recipient's may agree with either.
//!
//! mail-parser is told to leave every encoded body alone: it walks into encoded messages by itself, where no bound of ours would reach,
//! and its messages are dropped recursively, so that about 25,000 of them in each other overflow a thread's stack. Here it sees only the
//! raw bytes that [`may_be_read`] has counted through, and gives back nothing but places.

use super::{Fields, Leaf, Oddities};
use crate::{
    base::limits,
    formats::budget::{Limit, Stopped},
    mail::Header,
};
use mail_parser::{HeaderName, Message, MessageParser, PartType};

/// Every leaf another reader sees in the message. Section numbers do not carry over: each leaf is "0" within `within`.
///
/// A parser that is not ours may fail where it should not. Then the mail counts as damaged, not as read.
pub fn second_reading(message: &[u8], within: &str) -> Result<Vec<Leaf>, Stopped> {
    may_be_read(message)?;
    // Malformed mails break assertions in it (in builds that have them), so it is called where it can do no harm.
    let parsed = std::panic::catch_unwind(|| {
        MessageParser::new()
            .header_content_type(HeaderName::ContentType)
            .default_header_ignore()
            .parse(message)
    })
    .map_err(|_| Stopped::Damaged("the second reader failed".to_string()))?;
    let mut leaves = Vec::new();
    // A list of what is still to be looked at instead of recursion: messages hold messages.
    let mut waiting: Vec<Message<'_>> = parsed.into_iter().collect();
    let mut ignored = Oddities::default();
    while let Some(mut read) = waiting.pop() {
        for part in read.parts.drain(..) {
            let place = |offset: u32| usize::try_from(offset).unwrap_or(usize::MAX);
            let (header_at, body_at) = (place(part.offset_header), place(part.offset_body));
            let end = place(part.offset_end).min(message.len());
            match part.body {
                PartType::Multipart(_) => continue,
                PartType::Message(inner) => waiting.push(inner),
                PartType::Text(_)
                | PartType::Html(_)
                | PartType::Binary(_)
                | PartType::InlineBinary(_) => (),
            }
            if leaves.len() >= limits::PARTS_MAX || body_at > end {
                continue;
            }
            let section = message.get(header_at..body_at).unwrap_or_default();
            let Ok(header) = Header::read(&only_fields(section)) else { continue };
            let id = super::walk::section_number(within, 0);
            let fields = Fields::read(&header, &id, &mut ignored);
            leaves.push(Leaf { id, fields, body: body_at..end, within: String::new() });
        }
    }
    Ok(leaves)
}

/// A header section as that parser reads it: lines that are no field are passed over, not an end.
fn only_fields(section: &[u8]) -> Vec<u8> {
    section
        .split_inclusive(|byte| *byte == b'\n')
        .filter(|line| {
            matches!(line.first(), Some(b' ' | b'\t')) || memchr::memchr(b':', line).is_some()
        })
        .collect::<Vec<_>>()
        .concat()
}

/// Counts what costs that parser more than it should: messages in messages, delimiters, and multiparts whose boundary it would look for
/// to the end of the mail in vain.
fn may_be_read(message: &[u8]) -> Result<(), Limit> {
    let depth_max = limits::NESTED_MESSAGE_TYPES_MAX;
    let messages = count(message, b"message/", depth_max) + count(message, b"digest", depth_max);
    if messages > depth_max {
        return Err(Limit::TooDeep { depth: messages, depth_max });
    }
    let parts_max = limits::BOUNDARY_LINES_MAX;
    if memchr::memmem::find_iter(message, b"--").take(parts_max + 1).count() > parts_max {
        // Many dashes are most often a table or a long ruler; then only lines that begin so are counted, and there may be fewer of them.
        let lines = memchr::memmem::find_iter(message, b"\n--").take(parts_max + 1).count();
        let rulers = count_dash_pairs(message);
        if lines > parts_max || rulers > parts_max {
            return Err(Limit::TooMany { parts_max });
        }
    }
    let walks = count(message, b"multipart/", parts_max) + 1;
    if walks.saturating_mul(message.len()) > limits::SECOND_READING_BYTES_MAX {
        return Err(Limit::TooLarge {
            bytes_max: u64::try_from(limits::SECOND_READING_BYTES_MAX).unwrap_or(u64::MAX),
        });
    }
    Ok(())
}

/// Pairs of dashes that something other than a dash follows: only such a pair can begin a boundary, and a ruler has one.
fn count_dash_pairs(message: &[u8]) -> usize {
    message
        .windows(3)
        .filter(|window| matches!(window, [b'-', b'-', after] if *after != b'-' && !after.is_ascii_whitespace()))
        .take(limits::BOUNDARY_LINES_MAX + 1)
        .count()
}

/// How often a lower-case word stands in the message in any case; stops counting above `max`.
fn count(message: &[u8], word: &[u8], max: usize) -> usize {
    let Some((first, _)) = word.split_first() else { return 0 };
    memchr::memchr2_iter(*first, first.to_ascii_uppercase(), message)
        .filter(|at| {
            message.get(*at..at + word.len()).is_some_and(|found| found.eq_ignore_ascii_case(word))
        })
        .take(max + 1)
        .count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_reader_sees_what_ours_does_not() {
        // A delimiter with something behind it: no delimiter to us (RFC 2046 allows white space only), one to others.
        let message = "Content-Type: multipart/mixed; boundary=a\n\n--a\n\nx\n--aZ\nContent-Type: a/b\n\nhid\n--a--\n";
        let leaves = second_reading(message.as_bytes(), "").unwrap();
        let bodies: Vec<&str> = leaves.iter().map(|leaf| &message[leaf.body.clone()]).collect();
        assert!(bodies.contains(&"hid"), "{bodies:?}");
    }

    #[test]
    fn chained_messages_are_not_given_to_it() {
        let chain = "Content-Type: message/rfc822\n\n".repeat(50_000);
        assert!(matches!(
            second_reading(chain.as_bytes(), ""),
            Err(Stopped::Limit(Limit::TooDeep { .. }))
        ));
        let chain = "content-TYPE: Multipart/Digest; boundary=b\n\n--b\n\n".repeat(50_000);
        assert!(matches!(
            second_reading(chain.as_bytes(), ""),
            Err(Stopped::Limit(Limit::TooDeep { .. }))
        ));
    }

    #[test]
    fn parts_and_walks_are_bounded() {
        let many =
            format!("Content-Type: multipart/mixed; boundary=b\n\n{}", "--b\n".repeat(10_000));
        assert!(matches!(
            second_reading(many.as_bytes(), ""),
            Err(Stopped::Limit(Limit::TooMany { .. }))
        ));
        let joined =
            format!("Content-Type: multipart/mixed; boundary=b\n\n{}", "--b".repeat(10_000));
        assert!(matches!(
            second_reading(joined.as_bytes(), ""),
            Err(Stopped::Limit(Limit::TooMany { .. }))
        ));
        let lost = "Content-Type: multipart/mixed; boundary=nowhere\n\n".repeat(3_000)
            + &"x".repeat(300_000);
        assert!(matches!(
            second_reading(lost.as_bytes(), ""),
            Err(Stopped::Limit(Limit::TooLarge { .. }))
        ));
    }

    #[test]
    fn its_failures_stay_with_it() {
        // A message that ends inside a message right behind an unclear delimiter: the parser loses count of its levels.
        let message = "Content-Type: multipart/mixed; boundary=b\n\n--bContent-Type:message/rfc822\n\n\
            t\nContent-Type:message/rfc822;\n\n\n--b--";
        let read = second_reading(message.as_bytes(), "");
        assert!(matches!(read, Ok(_) | Err(Stopped::Damaged(_))), "{read:?}");
    }

    #[test]
    fn a_ruler_is_not_many_parts() {
        let ruler = format!(
            "Content-Type: multipart/mixed; boundary=b\n\n--b\n\n{}\n--b--\n",
            "-".repeat(50_000)
        );
        assert!(second_reading(ruler.as_bytes(), "").is_ok());
    }
}
