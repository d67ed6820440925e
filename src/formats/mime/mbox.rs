//! A mailbox file, RFC 4155: messages one after the other, each behind a line that begins with `From `.
//!
//! Read as all its dialects together: with or without an empty line before the separator, `>From ` undone. A separator is believed if it
//! ends as the dialect asks, in a time with a year, or if what follows it is a field.

use crate::formats::{
    budget::{Budget, Stopped},
    opened::{Member, Opened, Role},
};

/// Is it a mailbox: does it begin with a separator and a field?
pub fn is_mbox(bytes: &[u8]) -> bool {
    separators(bytes).next() == Some(0)
}

/// The messages of a mailbox, each an entity.
pub fn open(bytes: &[u8], budget: &mut Budget) -> Opened {
    let mut opened = Opened::default();
    let mut starts = separators(bytes).peekable();
    while let Some(start) = starts.next() {
        let end = starts.peek().copied().unwrap_or(bytes.len());
        let message = after_line(bytes.get(start..end).unwrap_or_default());
        if let Err(limit) = budget.check_time().and_then(|()| budget.take_bytes(message.len())) {
            opened.stopped = Some(Stopped::Limit(limit));
            break;
        }
        if !opened.push(Member::new(None, unquoted(message), Role::Entity)) {
            break;
        }
    }
    opened
}

fn separators(bytes: &[u8]) -> impl Iterator<Item = usize> + '_ {
    let first = bytes.starts_with(b"From ").then_some(0);
    let others = memchr::memmem::find_iter(bytes, b"\nFrom ").map(|at| at + 1);
    first.into_iter().chain(others).filter(|at| is_separator(bytes, *at))
}

fn is_separator(bytes: &[u8], at: usize) -> bool {
    let rest = bytes.get(at..).unwrap_or_default();
    let line = rest.get(..memchr::memchr(b'\n', rest).unwrap_or(rest.len())).unwrap_or_default();
    if line.len() > SEPARATOR_BYTES_MAX {
        return false;
    }
    let has_time = line.split(|byte| *byte == b' ').any(|word| {
        word.len() >= 4 && word.contains(&b':') && word.first().is_some_and(u8::is_ascii_digit)
    });
    let next = after_line(rest);
    let name = next.iter().take_while(|byte| byte.is_ascii_graphic() && **byte != b':').count();
    let field = name > 0 && next.get(name) == Some(&b':');
    field || (has_time && next.starts_with(b">From "))
}

fn after_line(bytes: &[u8]) -> &[u8] {
    memchr::memchr(b'\n', bytes).and_then(|lf| bytes.get(lf + 1..)).unwrap_or_default()
}

/// Takes one mark off lines that were quoted because they look like a separator.
fn unquoted(message: &[u8]) -> Vec<u8> {
    if memchr::memmem::find(message, b">From ").is_none() {
        return message.to_vec();
    }
    let lines = message.split_inclusive(|byte| *byte == b'\n').map(|line| {
        let marks = line.iter().take_while(|byte| **byte == b'>').count();
        let quoted = marks > 0 && line.get(marks..).is_some_and(|rest| rest.starts_with(b"From "));
        line.get(usize::from(quoted)..).unwrap_or_default()
    });
    lines.collect::<Vec<_>>().concat()
}

/// Longest separator line: an address and a time.
const SEPARATOR_BYTES_MAX: usize = 400;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{base::clock::Clock, formats::budget::Bounds};

    #[test]
    fn messages_of_a_mailbox() {
        let box_of_two = "From a@example Thu Jan  1 00:00:00 1970\nSubject: one\n\n>From me\nFrom the start it was text\n\n\
            From b@example Thu Jan  1 00:00:00 1970\r\nSubject: two\r\n\r\nbody\r\n";
        assert!(is_mbox(box_of_two.as_bytes()));
        assert!(!is_mbox(b"From me to you\n\nhello"));
        let opened =
            open(box_of_two.as_bytes(), &mut Budget::new(Bounds::default(), &Clock::system()));
        let messages: Vec<String> = opened
            .members
            .into_iter()
            .map(|member| String::from_utf8(member.bytes).unwrap())
            .collect();
        assert_eq!(
            messages,
            [
                "Subject: one\n\nFrom me\nFrom the start it was text\n\n",
                "Subject: two\r\n\r\nbody\r\n"
            ]
        );
    }
}
