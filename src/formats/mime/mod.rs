//! MIME, RFC 2045 to 2049: one message split into its leaves, in one pass, without recursion.
//!
//! Two readings. The first is ours: line by line, every open boundary compared with every delimiter line, linear in the message however it
//! nests; encoded bodies are decoded by whoever asks, so nothing is opened here but this one message. The second is mail-parser's and is
//! made only of mails in which readers disagree ([`Split::oddities`]); see `second`. No type of mail-parser leaves this folder.
//!
//! What is malformed is read the dangerous way and said: parts in a preamble, parts after the end, a boundary nobody declared.

mod fields;
mod second;
mod text;
mod transfer;

pub use fields::Fields;
pub(crate) use fields::bounded;
pub use second::second_reading;
pub use text::decode as decode_text;
pub use transfer::{Decoded, Transfer, UuFile, uuencoded};

use super::budget::{Budget, Limit};
use crate::{base::limits, mail::Header};
use std::ops::Range;

/// One message, split.
#[derive(Debug, Default)]
pub struct Split {
    /// Its leaves in order.
    pub leaves: Vec<Leaf>,
    /// What is malformed or ambiguous.
    pub oddities: Oddities,
    /// What was not split, and why: the id of the part and the bound.
    pub stopped: Vec<(String, Limit)>,
}

/// One part that has no parts of its own, as it stands in the message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leaf {
    /// Its section number, RFC 9051 section 6.4.5: "1", "2.1". What stands where no part should be has the number 0.
    pub id: String,
    /// What its fields say.
    pub fields: Fields,
    /// Where its body stands in the message, still encoded.
    pub body: Range<usize>,
    /// The type of the multipart it is directly in; empty if it is the message.
    pub within: String,
}

/// What is odd about a message, each sentence once, bounded.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Oddities(Vec<(&'static str, String)>);

impl Oddities {
    /// Notes one; `id` is a finding's id.
    pub fn note(&mut self, id: &'static str, because: String) {
        let known = self.0.iter().any(|(had, why)| *had == id && *why == because);
        if !known && self.0.len() < limits::ODDITIES_MAX {
            self.0.push((id, because));
        }
    }

    /// None at all?
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// All of them: finding id and where.
    pub fn iter(&self) -> impl Iterator<Item = &(&'static str, String)> {
        self.0.iter()
    }

    #[cfg(test)]
    pub(crate) fn ids(&self) -> Vec<&'static str> {
        self.0.iter().map(|(id, _)| *id).collect()
    }
}

/// Splits one message. `within` is the section number of the part that holds it, empty for the mail itself.
/// Each leaf is taken from the budget; a message with more has its first ones split and says so.
pub fn split(message: &[u8], within: &str, budget: &mut Budget) -> Split {
    let mut walk = Walk {
        message,
        end: message.len(),
        budget,
        split: Split::default(),
        open: Vec::new(),
        segment: Segment::Nothing,
        unfound: Vec::new(),
        full: false,
    };
    walk.begin_root(within);
    walk.walk();
    // Multiparts whose boundary never came, once more with what stands where one should. Each try lies inside the one before it,
    // so they end; the bound is for the bytes that are walked over again and again on the way.
    let mut bytes_left = limits::SECOND_READING_BYTES_MAX;
    while let Some(again) = walk.unfound.pop().filter(|_| !walk.full) {
        match bytes_left.checked_sub(again.end - again.open.body_at.min(again.end)) {
            Some(left) => bytes_left = left,
            None => {
                let bytes_max = u64::try_from(limits::SECOND_READING_BYTES_MAX).unwrap_or(u64::MAX);
                let id = shown_id(&again.open.id).to_string();
                walk.split.stopped.push((id, Limit::TooLarge { bytes_max }));
                break;
            }
        }
        walk.walk_again(again);
    }
    walk.split
}

/// Where we are.
enum Segment {
    /// Behind everything.
    Nothing,
    /// In the body of a leaf.
    Leaf(Box<Leaf>),
    /// Before the first delimiter of the innermost multipart.
    Preamble(usize),
    /// After the end of the innermost multipart.
    Epilogue(usize),
}

/// A multipart that is being read.
struct Open {
    id: String,
    boundaries: Vec<Vec<u8>>,
    media_type: String,
    children: usize,
    /// One of its delimiters came.
    found: bool,
    ended: bool,
    fields: Fields,
    body_at: usize,
}

/// A multipart none of whose boundaries came, and what its parts seem to be divided by.
struct Unfound {
    open: Open,
    guess: Vec<u8>,
    end: usize,
}

struct Walk<'m, 'b> {
    message: &'m [u8],
    /// Where what is walked over ends.
    end: usize,
    budget: &'b mut Budget,
    split: Split,
    open: Vec<Open>,
    segment: Segment,
    unfound: Vec<Unfound>,
    full: bool,
}

/// What a line that begins with two dashes is.
enum Delimiter {
    Part {
        level: usize,
    },
    End {
        level: usize,
    },
    /// A boundary with something behind it: a delimiter to some readers, not to RFC 2046.
    Unclear {
        level: usize,
    },
}

impl Walk<'_, '_> {
    /// From the segment that is being read to the end.
    fn walk(&mut self) {
        let mut at = self.segment_start();
        let mut lines = 0_usize;
        while let Some(line) = self.next_dashes(at).filter(|_| !self.full) {
            at = self.dashes(line);
            lines += 1;
            if lines.is_multiple_of(LINES_BETWEEN_LOOKS)
                && let Err(limit) = self.budget.check_time()
            {
                let id = self.open.last().map_or("1", |open| shown_id(&open.id)).to_string();
                self.split.stopped.push((id, limit));
                break;
            }
        }
        self.end_segment(self.end);
        while !self.open.is_empty() {
            self.close_innermost(self.end);
        }
    }

    fn walk_again(&mut self, again: Unfound) {
        let Unfound { mut open, guess, end } = again;
        let start = open.body_at;
        open.boundaries.push(guess);
        self.open = vec![open];
        self.segment = Segment::Preamble(start);
        self.end = end;
        self.walk();
    }

    fn next_dashes(&self, at: usize) -> Option<usize> {
        next_dashes(self.message.get(..self.end)?, at)
    }

    fn begin_root(&mut self, within: &str) {
        let (fields, body_at) = self.read_fields(0, if within.is_empty() { "1" } else { within });
        if self.begin_multipart(&fields, within.to_string(), body_at) {
            return;
        }
        self.begin_leaf(Leaf {
            id: section(within, 1),
            fields,
            body: body_at..self.end,
            within: String::new(),
        });
    }

    /// Reads the header section at `at`. A section that is too large is read as a body without fields.
    fn read_fields(&mut self, at: usize, part: &str) -> (Fields, usize) {
        let rest = self.message.get(at..self.end).unwrap_or_default();
        match Header::read(rest) {
            Ok(header) => match self.delimiter_in(&header, at) {
                // The part ends inside its own header section: a delimiter stands where a field or the empty line should.
                Some(cut) => match Header::read(rest.get(..cut - at).unwrap_or_default()) {
                    Ok(header) => (Fields::read(&header, part, &mut self.split.oddities), cut),
                    Err(_) => (Fields::without_any(), at),
                },
                None => {
                    (Fields::read(&header, part, &mut self.split.oddities), at + header.body_at())
                }
            },
            Err(_) => {
                let bytes_max = u64::try_from(limits::HEADER_BYTES_MAX).unwrap_or(u64::MAX);
                self.split.stopped.push((part.to_string(), Limit::TooLarge { bytes_max }));
                (Fields::without_any(), at)
            }
        }
    }

    /// The first delimiter line that the header reader took for a field.
    fn delimiter_in(&self, header: &Header, at: usize) -> Option<usize> {
        header
            .fields()
            .iter()
            .map(|field| at + field.span.start)
            .filter(|line| self.message.get(*line..).is_some_and(|rest| rest.starts_with(b"--")))
            .find(|line| {
                matches!(
                    self.delimiter(*line),
                    Some(Delimiter::Part { .. } | Delimiter::End { .. })
                )
            })
    }

    /// Opens a multipart, if it is one that has a boundary. False: it is to be read as a leaf.
    fn begin_multipart(&mut self, fields: &Fields, id: String, body_at: usize) -> bool {
        if !fields.is_multipart() {
            return false;
        }
        let shown = shown_id(&id).to_string();
        if self.open.len() >= limits::MULTIPART_DEPTH_MAX {
            let depth = self.open.len() + 1;
            let depth_max = limits::MULTIPART_DEPTH_MAX;
            self.split.stopped.push((shown, Limit::TooDeep { depth, depth_max }));
            return false;
        }
        let boundaries = fields.boundaries.clone();
        if boundaries.is_empty() {
            self.split
                .oddities
                .note("mime.boundary_missing", format!("multipart {shown} declares no boundary"));
        } else if boundaries.len() > 1 {
            self.split
                .oddities
                .note("mime.several_boundaries", format!("multipart {shown} declares several"));
        }
        self.open.push(Open {
            id,
            boundaries,
            media_type: fields.media_type.clone(),
            children: 0,
            found: false,
            ended: false,
            fields: fields.clone(),
            body_at,
        });
        self.segment = Segment::Preamble(body_at);
        true
    }

    fn begin_leaf(&mut self, leaf: Leaf) {
        match self.budget.take_part() {
            Ok(()) => self.segment = Segment::Leaf(Box::new(leaf)),
            Err(limit) => {
                self.split.stopped.push((leaf.id, limit));
                self.segment = Segment::Nothing;
                self.full = true;
            }
        }
    }

    fn segment_start(&self) -> usize {
        match &self.segment {
            Segment::Nothing => self.end,
            Segment::Leaf(leaf) => leaf.body.start,
            Segment::Preamble(start) | Segment::Epilogue(start) => *start,
        }
    }

    /// A line that begins with two dashes at `line`: acts on it if it is a delimiter. Gives where to look for the next.
    fn dashes(&mut self, line: usize) -> usize {
        let next = line_end(self.message, line);
        match self.delimiter(line) {
            None => next,
            Some(Delimiter::Unclear { level }) => {
                let id = self.open.get(level).map_or("", |open| &open.id);
                let because =
                    format!("a delimiter of multipart {} has text behind it", shown_id(id));
                self.split.oddities.note("mime.delimiter_unclear", because);
                next
            }
            Some(Delimiter::End { level }) => {
                self.end_before(line, level);
                if let Some(open) = self.open.last_mut() {
                    open.ended = true;
                }
                self.segment = Segment::Epilogue(next);
                next
            }
            Some(Delimiter::Part { level }) => {
                self.end_before(line, level);
                self.begin_part(next)
            }
        }
    }

    fn begin_part(&mut self, at: usize) -> usize {
        let Some(open) = self.open.last_mut() else { return self.end };
        if open.ended {
            let shown = shown_id(&open.id).to_string();
            self.split.oddities.note(
                "mime.part_after_end",
                format!("multipart {shown} goes on after its closing delimiter"),
            );
            open.ended = false;
        }
        open.children += 1;
        let id = section(&open.id, open.children);
        let within = open.media_type.clone();
        let (mut fields, body_at) = self.read_fields(at, &id);
        if fields.media_type.is_empty() && within == "multipart/digest" {
            // RFC 2046 section 5.1.5: in a digest the default is a message.
            fields.media_type = "message/rfc822".to_string();
        }
        if !self.begin_multipart(&fields, id.clone(), body_at) {
            self.begin_leaf(Leaf { id, fields, body: body_at..self.end, within });
        }
        self.segment_start()
    }

    fn delimiter(&self, line: usize) -> Option<Delimiter> {
        let end = line_end(self.message, line);
        let text = self.message.get(line..end)?.strip_prefix(b"--")?.trim_ascii_end();
        let mut loose = None;
        for (level, open) in self.open.iter().enumerate().rev() {
            for boundary in &open.boundaries {
                match text.strip_prefix(boundary.as_slice()) {
                    None => (),
                    Some([]) => return Some(Delimiter::Part { level }),
                    Some(b"--") => return Some(Delimiter::End { level }),
                    // Text after the closing dashes is left alone by everybody, unless the whole is another boundary.
                    Some([b'-', b'-', ..]) if !matches!(loose, Some(Delimiter::End { .. })) => {
                        loose = Some(Delimiter::End { level });
                    }
                    Some(_) => loose = loose.or(Some(Delimiter::Unclear { level })),
                }
            }
        }
        loose
    }

    /// Ends what is being read before a delimiter of the multipart at `level`, and every multipart inside that one.
    fn end_before(&mut self, line: usize, level: usize) {
        let end = before_line_end(self.message, line, self.segment_start());
        let innermost = self.open.len() == level + 1;
        if let Some(open) = self.open.last_mut() {
            open.found |= innermost;
        }
        self.end_segment(end);
        while self.open.len() > level + 1 {
            self.close_innermost(end);
        }
    }

    fn close_innermost(&mut self, end: usize) {
        let Some(open) = self.open.pop() else { return };
        if open.ended {
            return;
        }
        let shown = shown_id(&open.id).to_string();
        if open.children > 0 {
            self.split
                .oddities
                .note("mime.end_missing", format!("multipart {shown} has no closing delimiter"));
            return;
        }
        if !open.fields.boundaries.is_empty() {
            self.split.oddities.note(
                "mime.boundary_not_found",
                format!("the boundary of multipart {shown} never comes"),
            );
        }
        let body = open.body_at..end.max(open.body_at);
        let guess = guess_boundary(self.message.get(body.clone()).unwrap_or_default());
        match guess.filter(|guess| !open.boundaries.contains(guess)) {
            Some(guess) => self.unfound.push(Unfound { open, guess, end }),
            // To those who do not guess, all of it is one text.
            None => {
                let id = if open.id.is_empty() { "1".to_string() } else { open.id };
                let within =
                    self.open.last().map(|outer| outer.media_type.clone()).unwrap_or_default();
                let fields = Fields { media_type: "text/plain".to_string(), ..open.fields };
                self.begin_leaf(Leaf { id, fields, body: body.clone(), within });
                self.end_segment(body.end);
            }
        }
    }

    /// Ends the leaf, preamble or epilogue that is being read at `end`.
    fn end_segment(&mut self, end: usize) {
        match std::mem::replace(&mut self.segment, Segment::Nothing) {
            Segment::Nothing => (),
            Segment::Leaf(leaf) => {
                let body = leaf.body.start..end.max(leaf.body.start);
                self.split.leaves.push(Leaf { body, ..*leaf });
            }
            // Before a first part only: without one, what is here is the whole of an unfound multipart.
            Segment::Preamble(start) if self.open.last().is_some_and(|open| open.found) => {
                self.stray_part(start..end, "preamble");
            }
            Segment::Preamble(_) => (),
            Segment::Epilogue(start) => self.stray_part(start..end, "epilogue"),
        }
    }

    /// Text outside all parts is shown by nobody, unless it looks like a part to somebody.
    fn stray_part(&mut self, range: Range<usize>, place: &str) {
        let Some(open) = self.open.last() else { return };
        let text = self.message.get(range.clone()).unwrap_or_default();
        let Some(at) = first_content_field(text) else { return };
        let id = section(&open.id, 0);
        let within = open.media_type.clone();
        self.split.oddities.note(
            "mime.stray_part",
            format!("the {place} of multipart {} looks like a part", shown_id(&open.id)),
        );
        let (fields, body_at) = self.read_fields(range.start + at, &id);
        let body = body_at.min(range.end)..range.end;
        if self.budget.take_part().is_ok() {
            self.split.leaves.push(Leaf { id, fields, body, within });
        }
    }
}

impl Fields {
    fn without_any() -> Fields {
        Fields { transfers: vec![Transfer::Identity], ..Fields::default() }
    }
}

/// Lines that may be delimiters between two looks at the clock.
const LINES_BETWEEN_LOOKS: usize = 4_096;

/// The number of the `child`th part of `within`.
fn section(within: &str, child: usize) -> String {
    match within {
        "" => child.to_string(),
        outer => format!("{outer}.{child}"),
    }
}

fn shown_id(id: &str) -> &str {
    if id.is_empty() { "1" } else { id }
}

/// The next line at or after `at` that begins with two dashes; `at` itself counts as the beginning of a line.
fn next_dashes(message: &[u8], at: usize) -> Option<usize> {
    let rest = message.get(at..)?;
    if rest.starts_with(b"--") {
        return Some(at);
    }
    memchr::memmem::find(rest, b"\n--").map(|found| at + found + 1)
}

/// The first byte of the next line.
fn line_end(message: &[u8], at: usize) -> usize {
    let rest = message.get(at..).unwrap_or_default();
    memchr::memchr(b'\n', rest).map_or(message.len(), |lf| at + lf + 1)
}

/// RFC 2046 section 5.1.1: the line end before a delimiter belongs to the delimiter.
fn before_line_end(message: &[u8], line: usize, not_before: usize) -> usize {
    let before = message.get(not_before..line).unwrap_or_default();
    let before = before.strip_suffix(b"\n").unwrap_or(before);
    let before = before.strip_suffix(b"\r").unwrap_or(before);
    not_before + before.len()
}

/// What a reader takes for the boundary that finds none declared: the first line of two dashes and a word.
fn guess_boundary(body: &[u8]) -> Option<Vec<u8>> {
    let line = next_dashes(body, 0)?;
    let text = body.get(line..line_end(body, line))?.strip_prefix(b"--")?.trim_ascii_end();
    let plausible = (1..=200).contains(&text.len())
        && text.iter().any(u8::is_ascii_alphanumeric)
        && !text.iter().any(u8::is_ascii_whitespace);
    plausible.then(|| text.to_vec())
}

/// Where a line begins that is a MIME field of a part.
fn first_content_field(text: &[u8]) -> Option<usize> {
    let mut at = 0;
    for line in text.split_inclusive(|byte| *byte == b'\n') {
        let field = line.get(..b"content-".len()).unwrap_or_default();
        if field.eq_ignore_ascii_case(b"content-") && memchr::memchr(b':', line).is_some() {
            return Some(at);
        }
        at += line.len();
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{base::clock::Clock, formats::budget::Bounds};

    fn read(message: &str) -> Split {
        split(message.as_bytes(), "", &mut Budget::new(Bounds::default(), &Clock::system()))
    }

    /// Each leaf as "id type body".
    fn leaves(message: &str) -> Vec<String> {
        read(message)
            .leaves
            .iter()
            .map(|leaf| {
                format!("{} {} {}", leaf.id, leaf.fields.media_type, &message[leaf.body.clone()])
            })
            .collect()
    }

    #[test]
    fn well_formed_mails_have_no_oddity() {
        let nested = "Content-Type: multipart/mixed; boundary=a\n\npreamble\n--a\n\
            Content-Type: multipart/alternative; boundary=b\n\n--b\nContent-Type: text/plain\n\none\n\
            --b\nContent-Type: text/html\n\n<p>two\n--b--\n\n--a\nContent-Type: a/b\n\nthree\n--a--\nepilogue\n";
        for (message, want) in [
            ("Subject: hi\n\nbody\n", &["1  body\n"][..]),
            ("Content-Type: text/html\n\n<p>\n", &["1 text/html <p>\n"]),
            (nested, &["1.1 text/plain one", "1.2 text/html <p>two", "2 a/b three"]),
            (
                "Content-Type: multipart/digest; boundary=a\r\n\r\n--a\r\n\r\nSubject: x\r\n\r\nhi\r\n--a--\r\n",
                &["1 message/rfc822 Subject: x\r\n\r\nhi"],
            ),
            // The longer of two boundaries that begin alike is not taken for the shorter.
            (
                "Content-Type: multipart/mixed; boundary=a\n\n--a\nContent-Type: multipart/mixed; boundary=ab\n\n--ab\n\nx\n--ab--\n--a\n\ny\n--a--\n",
                &["1.1  x", "2  y"],
            ),
            ("Content-Type: multipart/mixed; boundary=\"a b\"\n\n--a b  \n\nx\n--a b--", &["1  x"]),
        ] {
            assert_eq!(leaves(message), want, "{message}");
            assert!(read(message).oddities.is_empty(), "{:?}", read(message).oddities);
        }
    }

    #[test]
    fn malformed_mails_are_read_the_dangerous_way_and_said() {
        for (message, want, odd) in [
            (
                "Content-Type: multipart/mixed\n\n--x\nContent-Type: a/b\n\nhid\n--x--\n",
                &["1 a/b hid"][..],
                &["mime.boundary_missing"][..],
            ),
            (
                "Content-Type: multipart/mixed; boundary=y\n\n--x\nContent-Type: a/b\n\nhid\n--x--\n",
                &["1 a/b hid"],
                &["mime.boundary_not_found"],
            ),
            (
                "Content-Type: multipart/mixed; boundary=y\n\njust text\n",
                &["1 text/plain just text\n"],
                &["mime.boundary_not_found"],
            ),
            (
                "Content-Type: multipart/mixed; boundary=a\n\n--a\n\nx\n",
                &["1  x\n"],
                &["mime.end_missing"],
            ),
            (
                "Content-Type: multipart/mixed; boundary=a\n\n--a\n\nx\n--a--\n--a\nContent-Type: a/b\n\nhid\n--a--\n",
                &["1  x", "2 a/b hid"],
                &["mime.part_after_end"],
            ),
            (
                "Content-Type: multipart/mixed; boundary=a\n\nContent-Type: a/b\n\nhid\n--a\n\nx\n--a--\n",
                &["0 a/b hid", "1  x"],
                &["mime.stray_part"],
            ),
            (
                "Content-Type: multipart/mixed; boundary=a\n\n--a\n\nx\n--a--\nContent-Type: a/b\n\nhid\n",
                &["1  x", "0 a/b hid\n"],
                &["mime.stray_part"],
            ),
            (
                "Content-Type: multipart/mixed; boundary=a; boundary=b\n\n--b\nContent-Type: a/b\n\nhid\n--b--\n",
                &["1 a/b hid"],
                &["mime.several_boundaries"],
            ),
            (
                "Content-Type: multipart/mixed; boundary=a\n\n--a\n\nx\n--aZ\ny\n--a--\n",
                &["1  x\n--aZ\ny"],
                &["mime.delimiter_unclear"],
            ),
            // The same in a part of a multipart that is in order.
            (
                "Content-Type: multipart/mixed; boundary=a\n\n--a\nContent-Type: multipart/mixed; boundary=y\n\n--x\nContent-Type: a/b\n\nhid\n--x--\n--a\n\nz\n--a--\n",
                &["2  z", "1.1 a/b hid"],
                &["mime.boundary_not_found"],
            ),
            // A part that ends inside its own header section.
            (
                "Content-Type: multipart/mixed; boundary=a:\n\n--a:\nContent-Type: a/b\n--a:\n\nx\n--a:--\n",
                &["1 a/b ", "2  x"],
                &[],
            ),
        ] {
            assert_eq!(leaves(message), want, "{message}");
            assert_eq!(read(message).oddities.ids(), odd, "{message}");
        }
    }

    #[test]
    fn nesting_and_number_have_bounds() {
        let mut deep = String::new();
        for level in 0..5_000 {
            deep.push_str(&format!(
                "Content-Type: multipart/mixed; boundary=b{level}\n\n--b{level}\n"
            ));
        }
        let split = read(&deep);
        assert!(matches!(split.stopped[..], [(_, Limit::TooDeep { .. })]), "{:?}", split.stopped);
        assert_eq!(split.leaves.len(), 1);

        let many = format!(
            "Content-Type: multipart/mixed; boundary=b\n\n{}",
            "--b\n\n".repeat(limits::PARTS_MAX + 7)
        );
        let split = read(&many);
        assert!(matches!(split.stopped[..], [(_, Limit::TooMany { .. })]));
        assert_eq!(split.leaves.len(), limits::PARTS_MAX);
    }
}
