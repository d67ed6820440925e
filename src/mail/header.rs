//! The one reader of header sections in the gateway (RFC 5322 section 2.2), bounded and tolerant.
//!
//! Checks, policy and rewriting all read through it, so that they cannot disagree about what a mail says.
//! It keeps every field, in order, with its exact bytes; what is odd becomes a [`Problem`], never a silent repair.
//! It decodes encoded words (RFC 2047) for display and reads address lists; everything deeper is `formats`' business.

use crate::base::limits;
use std::ops::Range;

/// A header section, read.
#[derive(Debug, Clone, Default)]
pub struct Header {
    bytes: Vec<u8>,
    fields: Vec<Field>,
    body_at: usize,
    problems: Vec<Problem>,
}

/// One field; all ranges count from the first byte of the message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field {
    name: Range<usize>,
    value: Range<usize>,
    /// The whole field with its line end, for cutting it out.
    pub span: Range<usize>,
}

/// What is odd about a header section.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Problem {
    /// A NUL byte.
    Nul,
    /// A carriage return without line feed inside a field.
    BareCr,
    /// White space between name and colon: readers disagree whether it is a field (RFC 5322 section 4.5 calls it obsolete).
    SpaceBeforeColon,
    /// A byte in a name that is not allowed there.
    BadName,
    /// The section ended at a line that is no field, not at an empty line.
    EndedByText,
    /// The first line is a continuation of nothing.
    StartsFolded,
    /// The first line is an mbox separator ("From …"): some readers skip it as we do, others take all that follows for text.
    MboxLine,
    /// It never ended: the message has no body.
    NoEnd,
}

/// Why a header section was not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TooLarge {
    /// More bytes than we read.
    #[error("the header section has more than {} bytes", limits::HEADER_BYTES_MAX)]
    Bytes,
    /// More fields than we read.
    #[error("the header section has more than {} fields", limits::HEADER_FIELDS_MAX)]
    Fields,
}

/// One mailbox of an address field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mailbox {
    /// The name people see, decoded; empty if there is none.
    pub name: String,
    /// The address as written between the angle brackets, comments and space taken out; not checked.
    pub address: String,
}

impl Mailbox {
    /// What stands right of the last `@`, lower case.
    pub fn domain(&self) -> Option<crate::mail::Domain> {
        crate::mail::Domain::parse(self.address.rsplit_once('@')?.1).ok()
    }
}

impl Header {
    /// Reads the header section at the start of `message`.
    pub fn read(message: &[u8]) -> Result<Header, TooLarge> {
        let mut header = Header::default();
        let mut at = 0;
        loop {
            let line = line_at(message, at);
            let text = message.get(at..line.text_end).unwrap_or_default();
            if line.end == at || text.is_empty() {
                header.body_at = line.end;
                if line.end == at {
                    header.note(Problem::NoEnd);
                }
                break;
            }
            if line.end > limits::HEADER_BYTES_MAX {
                return Err(TooLarge::Bytes);
            }
            if !header.take_line(at, &line, text)? {
                header.note(Problem::EndedByText);
                header.body_at = at;
                break;
            }
            at = line.end;
        }
        header.bytes = message.get(..header.body_at).unwrap_or_default().to_vec();
        if header.bytes.contains(&0) {
            header.note(Problem::Nul);
        }
        Ok(header)
    }

    /// Takes one line as a field, a continuation or an mbox separator. False if it is none of these.
    fn take_line(&mut self, at: usize, line: &Line, text: &[u8]) -> Result<bool, TooLarge> {
        if text.contains(&b'\r') {
            self.note(Problem::BareCr);
        }
        if matches!(text.first(), Some(b' ' | b'\t')) {
            match self.fields.last_mut() {
                Some(field) => {
                    field.value.end = line.text_end;
                    field.span.end = line.end;
                }
                None => self.note(Problem::StartsFolded),
            }
            return Ok(true);
        }
        // `From : a@example.org` is a field with space before its colon, not a separator.
        let separates = text
            .strip_prefix(b"From ")
            .is_some_and(|rest| !rest.trim_ascii_start().starts_with(b":"));
        if at == 0 && separates {
            self.note(Problem::MboxLine);
            return Ok(true);
        }
        let Some(colon) = memchr::memchr(b':', text) else {
            return Ok(false);
        };
        let name = text.get(..colon).unwrap_or_default();
        let trimmed = name.trim_ascii_end();
        if trimmed.is_empty() || trimmed.iter().any(|byte| byte.is_ascii_whitespace()) {
            return Ok(false);
        }
        if trimmed.len() < name.len() {
            self.note(Problem::SpaceBeforeColon);
        }
        if trimmed.iter().any(|byte| !byte.is_ascii_graphic()) {
            self.note(Problem::BadName);
        }
        if self.fields.len() >= limits::HEADER_FIELDS_MAX {
            return Err(TooLarge::Fields);
        }
        self.fields.push(Field {
            name: at..at + trimmed.len(),
            value: at + colon + 1..line.text_end,
            span: at..line.end,
        });
        Ok(true)
    }

    fn note(&mut self, problem: Problem) {
        if !self.problems.contains(&problem) {
            self.problems.push(problem);
        }
    }

    /// Where the body begins in the message.
    pub fn body_at(&self) -> usize {
        self.body_at
    }

    /// What is odd, each kind once.
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }

    /// The section's bytes, with the empty line that ends it.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// All fields in order.
    pub fn fields(&self) -> &[Field] {
        &self.fields
    }

    /// The name of a field as written.
    pub fn name(&self, field: &Field) -> &str {
        std::str::from_utf8(self.bytes.get(field.name.clone()).unwrap_or_default()).unwrap_or("?")
    }

    /// All that stands before the colon, as written: the name, and space behind it that should not be there.
    pub fn label(&self, field: &Field) -> &[u8] {
        self.bytes.get(field.name.start..field.value.start.saturating_sub(1)).unwrap_or_default()
    }

    /// The value of a field as written, folding and all.
    pub fn raw(&self, field: &Field) -> &[u8] {
        self.bytes.get(field.value.clone()).unwrap_or_default()
    }

    /// All fields of this name (compared without case, RFC 5322 section 1.2.2), in order.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Field> + 'a {
        self.fields.iter().filter(move |field| self.name(field).eq_ignore_ascii_case(name))
    }

    /// How many fields have this name.
    pub fn count(&self, name: &str) -> usize {
        self.all(name).count()
    }

    /// The first field of this name, unfolded and trimmed, not decoded. Bytes that are no UTF-8 are read as Latin-1.
    pub fn value(&self, name: &str) -> Option<String> {
        self.all(name).next().map(|field| unfold(self.raw(field)))
    }

    /// Every value of this name, unfolded, not decoded.
    pub fn values(&self, name: &str) -> Vec<String> {
        self.all(name).map(|field| unfold(self.raw(field))).collect()
    }

    /// The first field of this name as a person reads it: unfolded, encoded words decoded.
    pub fn text(&self, name: &str) -> Option<String> {
        self.value(name).map(|value| decode_words(&value))
    }

    /// The mailboxes of every field of this name.
    pub fn mailboxes(&self, name: &str) -> Vec<Mailbox> {
        self.all(name)
            .flat_map(|field| read_mailboxes(&unfold(self.raw(field))))
            .take(limits::HEADER_ADDRESSES_MAX)
            .collect()
    }
}

struct Line {
    text_end: usize,
    end: usize,
}

/// The line that starts at `at`; both CRLF and LF end one, so that files and wire read alike.
fn line_at(message: &[u8], at: usize) -> Line {
    let rest = message.get(at..).unwrap_or_default();
    // A line longer than the bound is refused by the caller; looking further would only cost time.
    let window = rest.get(..rest.len().min(limits::HEADER_BYTES_MAX + 2)).unwrap_or_default();
    match memchr::memchr(b'\n', window) {
        Some(lf) => {
            let text = window.get(..lf).unwrap_or_default();
            let cr = usize::from(text.last() == Some(&b'\r'));
            Line { text_end: at + lf - cr, end: at + lf + 1 }
        }
        None => Line { text_end: at + window.len(), end: at + window.len() },
    }
}

/// What stands outside quotes and comments (RFC 5322 section 3.2.2), where a program looks for its own signs: inside may stand anything.
pub fn outside_quotes(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let (mut depth, mut quoted) = (0_usize, false);
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        match letter {
            '\\' => {
                letters.next();
            }
            '"' if depth == 0 => quoted = !quoted,
            '(' if !quoted => depth += 1,
            ')' if !quoted && depth > 0 => depth -= 1,
            _ if depth == 0 && !quoted => out.push(letter),
            _ => (),
        }
    }
    out
}

/// Takes line ends out and trims. RFC 5322 section 2.2.3: unfolding removes the CRLF only.
pub(crate) fn unfold(raw: &[u8]) -> String {
    let flat: Vec<u8> = raw.iter().copied().filter(|byte| !matches!(byte, b'\r' | b'\n')).collect();
    match std::str::from_utf8(&flat) {
        Ok(text) => text.trim().to_string(),
        Err(_) => encoding_rs::WINDOWS_1252.decode_without_bom_handling(&flat).0.trim().to_string(),
    }
}

/// Decodes RFC 2047 encoded words; what does not decode stays as it is. White space between two words vanishes (section 6.2).
pub fn decode_words(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    // Bytes of neighbouring words in one charset are decoded together: senders split characters (against section 5).
    let mut pending: Option<(String, Vec<u8>)> = None;
    let mut rest = text;
    while let Some(start) = rest.find("=?") {
        let (before, from) = rest.split_at_checked(start).unwrap_or((rest, ""));
        let Some((charset, bytes, after)) = encoded_word(from) else {
            flush(&mut pending, &mut out);
            out.push_str(before);
            out.push_str("=?");
            rest = from.get(2..).unwrap_or_default();
            continue;
        };
        if !before.trim().is_empty() || pending.is_none() {
            flush(&mut pending, &mut out);
            out.push_str(before);
        }
        match &mut pending {
            Some((last, gathered)) if last.eq_ignore_ascii_case(charset) => gathered.extend(bytes),
            _ => {
                flush(&mut pending, &mut out);
                pending = Some((charset.to_string(), bytes));
            }
        }
        rest = after;
    }
    flush(&mut pending, &mut out);
    out.push_str(rest);
    out
}

fn flush(pending: &mut Option<(String, Vec<u8>)>, out: &mut String) {
    if let Some((charset, bytes)) = pending.take() {
        let encoding = encoding_rs::Encoding::for_label(charset.as_bytes())
            .unwrap_or(encoding_rs::WINDOWS_1252);
        out.push_str(&encoding.decode_without_bom_handling(&bytes).0);
    }
}

/// `=?charset?B|Q?text?=` at the start: the charset, the bytes, and what follows.
fn encoded_word(text: &str) -> Option<(&str, Vec<u8>, &str)> {
    let (charset, rest) = text.strip_prefix("=?")?.split_once('?')?;
    let (kind, rest) = rest.split_once('?')?;
    let (body, after) = rest.split_once("?=")?;
    if charset.is_empty() || charset.contains(char::is_whitespace) {
        return None;
    }
    // RFC 2231 section 5: a language may follow the charset.
    let charset = charset.split('*').next().unwrap_or(charset);
    let bytes = match kind {
        "B" | "b" => {
            let clean: Vec<u8> = body
                .bytes()
                .filter(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/'))
                .collect();
            // Without padding the length decides; a lone last letter carries no byte.
            let whole = clean.len() - usize::from(clean.len() % 4 == 1);
            BASE64.decode(clean.get(..whole)?).ok()?
        }
        "Q" | "q" => quoted(body.as_bytes()),
        _ => return None,
    };
    Some((charset, bytes, after))
}

fn quoted(body: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(body.len());
    let mut rest = body;
    while let Some((byte, tail)) = rest.split_first() {
        rest = tail;
        match byte {
            b'_' => out.push(b' '),
            b'=' => match tail
                .get(..2)
                .and_then(|hex| data_encoding::HEXUPPER_PERMISSIVE.decode(hex).ok())
            {
                Some(decoded) => {
                    out.extend(decoded);
                    rest = tail.get(2..).unwrap_or_default();
                }
                None => out.push(b'='),
            },
            other => out.push(*other),
        }
    }
    out
}

static BASE64: std::sync::LazyLock<data_encoding::Encoding> = std::sync::LazyLock::new(|| {
    let mut spec = data_encoding::BASE64_NOPAD.specification();
    spec.check_trailing_bits = false;
    // The specification is a constant with one flag changed; it is always valid.
    spec.encoding().unwrap_or(data_encoding::BASE64_NOPAD)
});

/// Reads an address list, RFC 5322 section 3.4, as tolerantly as mail programs do: groups give their members, comments vanish,
/// routes are left in the address so that a check can see them.
pub fn read_mailboxes(value: &str) -> Vec<Mailbox> {
    let mut found = Vec::new();
    let mut one = Building::default();
    let mut letters = value.chars();
    while let Some(letter) = letters.next() {
        match letter {
            '"' => one.push_quoted(&mut letters),
            '(' => skip_comment(&mut letters),
            '<' => one.open_angle(),
            '>' => one.in_angle = false,
            ',' | ';' if !one.in_angle => one.finish(&mut found),
            // A group's name ends at the colon; inside angle brackets a colon belongs to a route.
            ':' if !one.in_angle => one = Building::default(),
            other => one.push(other),
        }
        if found.len() >= limits::HEADER_ADDRESSES_MAX {
            return found;
        }
    }
    one.finish(&mut found);
    found
}

#[derive(Default)]
struct Building {
    words: String,
    angle: Option<String>,
    in_angle: bool,
}

impl Building {
    fn push(&mut self, letter: char) {
        match &mut self.angle {
            Some(angle) if self.in_angle => {
                if !letter.is_whitespace() {
                    angle.push(letter);
                }
            }
            _ => self.words.push(letter),
        }
    }

    fn push_quoted(&mut self, letters: &mut std::str::Chars<'_>) {
        // Inside an address the quotes are part of it; in a name they only hold it together.
        if self.in_angle {
            self.push('"');
        }
        while let Some(letter) = letters.next() {
            match letter {
                '"' => break,
                '\\' => {
                    if let Some(escaped) = letters.next() {
                        self.push(escaped);
                    }
                }
                other => self.push(other),
            }
        }
        if self.in_angle {
            self.push('"');
        }
    }

    fn open_angle(&mut self) {
        self.angle.get_or_insert_with(String::new);
        self.in_angle = true;
    }

    fn finish(&mut self, found: &mut Vec<Mailbox>) {
        let Building { words, angle, .. } = std::mem::take(self);
        let mailbox = match angle {
            Some(address) => Mailbox { name: decode_words(words.trim()), address },
            None => Mailbox { name: String::new(), address: words.split_whitespace().collect() },
        };
        if !mailbox.address.is_empty() || !mailbox.name.is_empty() {
            found.push(mailbox);
        }
    }
}

fn skip_comment(letters: &mut std::str::Chars<'_>) {
    let mut depth = 1_usize;
    while depth > 0 {
        match letters.next() {
            None => return,
            Some('(') => depth += 1,
            Some(')') => depth -= 1,
            Some('\\') => {
                letters.next();
            }
            Some(_) => (),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_keep_their_place() {
        let mail = b"Received: a\r\n\tb\r\nSubject: hi\r\nsubject : two\r\n\r\nbody";
        let header = Header::read(mail).unwrap();
        assert_eq!(header.value("received").as_deref(), Some("a\tb"));
        assert_eq!(header.values("SUBJECT"), ["hi", "two"]);
        assert_eq!(header.problems(), [Problem::SpaceBeforeColon]);
        assert_eq!(&mail[header.body_at()..], b"body");
        assert_eq!(&mail[header.fields()[0].span.clone()], b"Received: a\r\n\tb\r\n");
    }

    #[test]
    fn odd_sections() {
        for (mail, body, problems) in [
            ("A: b\n\nx", "x", &[][..]),
            ("From x Mon\nA: b\n\nx", "x", &[Problem::MboxLine]),
            ("", "", &[Problem::NoEnd]),
            ("A: b", "", &[Problem::NoEnd]),
            ("\nx", "x", &[]),
            ("A: b\nno field here\nC: d\n\nx", "no field here\nC: d\n\nx", &[Problem::EndedByText]),
            (" a\nB: c\n\nx", "x", &[Problem::StartsFolded]),
            ("A: b\rC: d\n\nx", "x", &[Problem::BareCr]),
            ("A\0: b\n\nx", "x", &[Problem::BadName, Problem::Nul]),
        ] {
            let header = Header::read(mail.as_bytes()).unwrap();
            assert_eq!(&mail[header.body_at()..], body, "{mail:?}");
            assert_eq!(header.problems(), problems, "{mail:?}");
        }
    }

    #[test]
    fn bounds() {
        let many = "a: b\r\n".repeat(limits::HEADER_FIELDS_MAX + 1);
        assert_eq!(Header::read(many.as_bytes()).unwrap_err(), TooLarge::Fields);
        let long = format!("a: {}\r\n\r\n", "b".repeat(limits::HEADER_BYTES_MAX));
        assert_eq!(Header::read(long.as_bytes()).unwrap_err(), TooLarge::Bytes);
    }

    #[test]
    fn words_are_decoded() {
        for (text, want) in [
            ("plain", "plain"),
            ("=?utf-8?Q?R=C3=A4kning?= x", "Räkning x"),
            ("=?iso-8859-1?q?R=E4kning_1?=", "Räkning 1"),
            ("=?UTF-8?B?UsOkaw==?= =?UTF-8?B?bmluZw==?=", "Räkning"),
            ("=?UTF-8?B?UsM?= =?UTF-8?B?pGs?=", "Räk"),
            ("=?utf-8?Q?a?= b =?utf-8?Q?c?=", "a b c"),
            ("=?broken", "=?broken"),
            ("a =?x?Z?y?= b", "a =?x?Z?y?= b"),
        ] {
            assert_eq!(decode_words(text), want, "{text}");
        }
    }

    #[test]
    fn mailboxes() {
        let read = |text: &str| -> Vec<(String, String)> {
            read_mailboxes(text)
                .into_iter()
                .map(|mailbox| (mailbox.name, mailbox.address))
                .collect()
        };
        let pair = |name: &str, address: &str| (name.to_string(), address.to_string());
        for (text, want) in [
            ("a@x.example", vec![pair("", "a@x.example")]),
            (
                "\"B, C\" <b@x.example>, d@x.example",
                vec![pair("B, C", "b@x.example"), pair("", "d@x.example")],
            ),
            ("=?utf-8?Q?=C3=85sa?= (work) <a@x.example>", vec![pair("Åsa", "a@x.example")]),
            (
                "list: a@x.example, b@x.example;",
                vec![pair("", "a@x.example"), pair("", "b@x.example")],
            ),
            ("undisclosed-recipients:;", vec![]),
            ("<@r.example:a@x.example>", vec![pair("", "@r.example:a@x.example")]),
            ("\"a@bank.example\" <x@evil.example>", vec![pair("a@bank.example", "x@evil.example")]),
            ("a (comment (nested)) @ x.example", vec![pair("", "a@x.example")]),
            ("", vec![]),
        ] {
            assert_eq!(read(text), want, "{text}");
        }
    }
}
