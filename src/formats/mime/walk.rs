//! One walk over a message by one [`Policy`]: line by line, every open boundary compared with every delimiter line.
//!
//! The default policy takes the union of what programs see and notes what they differ about; the others read as one kind of program does.
//! Each walk is linear in the message; multiparts whose boundary never came are walked once more, within a bound.

use super::{
    Doubt, Leaf, Split,
    fields::{Boundary, Choice, Fields},
    section::{self, Manner},
    transfer::Transfer,
};
use crate::{
    base::limits,
    formats::budget::{Budget, Limit},
};
use std::{collections::BTreeMap, ops::Range};

/// How one kind of program reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Policy {
    /// Of fields that stand twice.
    pub(super) fields: Choice,
    /// Header sections.
    pub(super) manner: Manner,
    /// Only this one of the boundaries that came; the last if there are fewer.
    pub(super) boundary: Option<usize>,
    /// What a delimiter is.
    pub(super) delimiters: Delimiters,
    /// Which of the open multiparts a delimiter belongs to.
    pub(super) nesting: Nesting,
    /// What has parts.
    pub(super) parts: Parts,
    /// It is not the union, but one of the readings beside it.
    pub(super) beside: bool,
    /// It combines the ways of several programs.
    pub(super) combined: bool,
}

/// What a delimiter is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Delimiters {
    /// A line of it, blanks behind it allowed (RFC 2046 section 5.1.1).
    #[default]
    Exact,
    /// A line that begins with it.
    Prefix,
    /// It may stand anywhere.
    Anywhere,
}

/// Which of the open multiparts a delimiter belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Nesting {
    /// The innermost whose boundary it is.
    #[default]
    Innermost,
    /// The outermost.
    Outermost,
    /// Only the innermost that is open counts.
    InnermostOnly,
}

/// What has parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Parts {
    /// What is declared a multipart.
    #[default]
    Declared,
    /// What has a boundary.
    ByBoundary,
}

/// What a walk saw.
#[derive(Debug, Default)]
pub(super) struct Walked {
    pub(super) split: Split,
    /// The boundaries that came, by where the body of their multipart begins.
    pub(super) came: Came,
    /// Multiparts that declare an encoding (RFC 2045 section 6.4 forbids it): where their header begins, their body, the encodings.
    pub(super) encoded: Vec<Encoded>,
}

/// The boundaries that came, by where the body of their multipart begins.
pub(super) type Came = BTreeMap<usize, Vec<Vec<u8>>>;

/// A multipart that declares an encoding.
#[derive(Debug)]
pub(super) struct Encoded {
    pub(super) header_at: usize,
    pub(super) body: Range<usize>,
    pub(super) transfers: Vec<Transfer>,
}

/// Walks over a message. Parts are taken from the budget by the union only: what other walks see beside it is taken by whoever asks for it.
pub(super) fn walk(message: &[u8], within: &str, policy: &Policy, budget: &mut Budget) -> Walked {
    walk_knowing(message, within, policy, &Came::new(), budget)
}

/// The same, knowing which boundaries came in the usual walk.
pub(super) fn walk_knowing(
    message: &[u8],
    within: &str,
    policy: &Policy,
    came: &Came,
    budget: &mut Budget,
) -> Walked {
    let mut walk = Walk {
        message,
        end: message.len(),
        policy,
        came_before: came,
        budget,
        walked: Walked::default(),
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
                walk.walked.split.stopped.push((id, Limit::TooLarge { bytes_max }));
                break;
            }
        }
        walk.walk_again(again);
    }
    walk.walked
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
    boundaries: Vec<Boundary>,
    media_type: String,
    children: usize,
    /// Its boundaries that came, and how many lines began with one of them.
    came: Vec<Vec<u8>>,
    lines: usize,
    /// One of its delimiters came.
    found: bool,
    ended: bool,
    fields: Fields,
    header_at: usize,
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
    policy: &'b Policy,
    came_before: &'b Came,
    budget: &'b mut Budget,
    walked: Walked,
    open: Vec<Open>,
    segment: Segment,
    unfound: Vec<Unfound>,
    full: bool,
}

/// What a line that begins with two dashes is.
#[derive(Clone, Copy)]
struct Delimiter {
    level: usize,
    kind: DelimiterKind,
    /// Where its boundary ends.
    text_end: usize,
    /// Which boundary of its multipart it is.
    boundary: usize,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum DelimiterKind {
    Part,
    End,
    /// A boundary with something behind it: a delimiter to some readers, not to RFC 2046.
    Unclear,
}

impl Walk<'_, '_> {
    /// From the segment that is being read to the end.
    fn walk(&mut self) {
        let mut at = self.segment_start();
        let mut lines = 0_usize;
        while let Some(line) = self.next_dashes(at).filter(|_| !self.full) {
            at = self.dashes(line).max(line + 1);
            lines += 1;
            if lines.is_multiple_of(LINES_BETWEEN_LOOKS)
                && let Err(limit) = self.budget.check_time()
            {
                let id = self.open.last().map_or("1", |open| shown_id(&open.id)).to_string();
                self.walked.split.stopped.push((id, limit));
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
        open.boundaries.push(Boundary { text: guess, strict: true });
        self.open = vec![open];
        self.segment = Segment::Preamble(start);
        self.end = end;
        self.walk();
    }

    fn next_dashes(&self, at: usize) -> Option<usize> {
        let message = self.message.get(..self.end)?;
        let anywhere = self.policy.delimiters == Delimiters::Anywhere;
        let rest = message.get(at..)?;
        if rest.starts_with(b"--") {
            return Some(at);
        }
        match anywhere {
            true => memchr::memmem::find(rest, b"--").map(|found| at + found),
            false => memchr::memmem::find(rest, b"\n--").map(|found| at + found + 1),
        }
    }

    fn begin_root(&mut self, within: &str) {
        let (fields, body_at) = self.read_fields(0, if within.is_empty() { "1" } else { within });
        if self.begin_multipart(&fields, within.to_string(), 0, body_at) {
            return;
        }
        self.begin_leaf(Leaf {
            id: section_number(within, 1),
            fields,
            body: body_at..self.end,
            within: String::new(),
        });
    }

    /// Reads the header section at `at`. A section that is too large is read as a body without fields.
    fn read_fields(&mut self, at: usize, part: &str) -> (Fields, usize) {
        let rest = self.message.get(at..self.end).unwrap_or_default();
        let is_delimiter = |line: usize| {
            self.delimiter(at + line)
                .is_some_and(|delimiter| delimiter.kind != DelimiterKind::Unclear)
        };
        match section::read(rest, self.policy.manner, is_delimiter) {
            Ok(section) => {
                let oddities = &mut self.walked.split.oddities;
                if !self.policy.beside && section::is_doubtful(&section.header, rest) {
                    oddities.doubt(Doubt::Sections);
                }
                let fields = Fields::read_by(&section.header, part, self.policy.fields, oddities);
                (fields, at + section.body_at)
            }
            Err(_) => {
                let bytes_max = u64::try_from(limits::HEADER_BYTES_MAX).unwrap_or(u64::MAX);
                let stopped = (part.to_string(), Limit::TooLarge { bytes_max });
                self.walked.split.stopped.push(stopped);
                (Fields::without_any(), at)
            }
        }
    }

    /// Opens a multipart, if it is one that has a boundary. False: it is to be read as a leaf.
    fn begin_multipart(
        &mut self,
        fields: &Fields,
        id: String,
        header_at: usize,
        body_at: usize,
    ) -> bool {
        let has_parts = match self.policy.parts {
            Parts::Declared => fields.is_multipart(),
            Parts::ByBoundary => {
                fields.is_multipart()
                    || !fields.boundaries.is_empty()
                    || fields.other_types.iter().any(|word| super::fields::is_multipart(word))
            }
        };
        if !has_parts {
            return false;
        }
        let shown = shown_id(&id).to_string();
        if self.open.len() >= limits::MULTIPART_DEPTH_MAX {
            let depth = self.open.len() + 1;
            let depth_max = limits::MULTIPART_DEPTH_MAX;
            self.walked.split.stopped.push((shown, Limit::TooDeep { depth, depth_max }));
            return false;
        }
        let boundaries = self.boundaries(fields, body_at);
        let oddities = &mut self.walked.split.oddities;
        if boundaries.is_empty() {
            oddities
                .note("mime.boundary_missing", format!("multipart {shown} declares no boundary"));
        }
        if boundaries.iter().filter(|boundary| boundary.strict).count() > 1 {
            oddities.note("mime.several_boundaries", format!("multipart {shown} declares several"));
        }
        let outer = self.open.iter().flat_map(|open| &open.boundaries);
        if outer
            .filter(|outer| outer.strict)
            .any(|outer| boundaries.iter().any(|inner| inner.strict && inner.text == outer.text))
        {
            oddities.note(
                "mime.boundary_repeated",
                format!("multipart {shown} has the boundary of one around it"),
            );
            oddities.doubt(Doubt::Nesting);
        }
        self.open.push(Open {
            id,
            boundaries,
            media_type: fields.media_type.clone(),
            children: 0,
            came: Vec::new(),
            lines: 0,
            found: false,
            ended: false,
            fields: fields.clone(),
            header_at,
            body_at,
        });
        self.segment = Segment::Preamble(body_at);
        true
    }

    /// The boundaries to look for by this policy.
    fn boundaries(&self, fields: &Fields, body_at: usize) -> Vec<Boundary> {
        let Some(which) = self.policy.boundary else { return fields.boundaries.clone() };
        let Some(came) = self.came_before.get(&body_at) else { return fields.boundaries.clone() };
        let one = came.get(which).or_else(|| came.last());
        one.map(|text| Boundary { text: text.clone(), strict: true }).into_iter().collect()
    }

    fn begin_leaf(&mut self, leaf: Leaf) {
        let taken = match self.policy.beside {
            false => self.budget.take_part(),
            true if self.walked.split.leaves.len() < limits::PARTS_MAX => Ok(()),
            true => Err(Limit::TooMany { parts_max: limits::PARTS_MAX }),
        };
        match taken {
            Ok(()) => self.segment = Segment::Leaf(Box::new(leaf)),
            Err(limit) => {
                self.walked.split.stopped.push((leaf.id, limit));
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

    /// Two dashes at `line`: acts on them if they begin a delimiter. Gives where to look for the next.
    fn dashes(&mut self, line: usize) -> usize {
        let next = match self.policy.delimiters {
            Delimiters::Anywhere => line + 1,
            Delimiters::Exact | Delimiters::Prefix => line_end(self.message, line),
        };
        let Some(found) = self.delimiter(line) else { return next };
        let Delimiter { level, mut kind, text_end, boundary } = found;
        if let Some(open) = self.open.get_mut(level) {
            open.lines += 1;
            let text = open.boundaries.get(boundary).map(|boundary| &boundary.text);
            if let Some(text) = text.filter(|text| !open.came.contains(text)) {
                open.came.push(text.clone());
            }
        }
        if kind == DelimiterKind::Unclear && self.policy.delimiters != Delimiters::Exact {
            kind = DelimiterKind::Part;
        }
        let behind = line_end(self.message, line);
        match kind {
            DelimiterKind::Unclear => {
                let id = self.open.get(level).map_or("", |open| &open.id);
                let because =
                    format!("a delimiter of multipart {} has text behind it", shown_id(id));
                self.walked.split.oddities.note("mime.delimiter_unclear", because);
                self.walked.split.oddities.doubt(Doubt::Trailing);
                next
            }
            DelimiterKind::End => {
                self.end_before(line, level);
                if let Some(open) = self.open.last_mut() {
                    open.ended = true;
                }
                self.segment = Segment::Epilogue(behind);
                behind
            }
            DelimiterKind::Part => {
                self.end_before(line, level);
                // A field right behind the boundary belongs to the part, for those who take this for a delimiter.
                let text = self.message.get(text_end..behind).unwrap_or_default();
                self.begin_part(if section::is_content_field(text) { text_end } else { behind })
            }
        }
    }

    fn begin_part(&mut self, at: usize) -> usize {
        let Some(open) = self.open.last_mut() else { return self.end };
        if open.ended {
            let shown = shown_id(&open.id).to_string();
            self.walked.split.oddities.note(
                "mime.part_after_end",
                format!("multipart {shown} goes on after its closing delimiter"),
            );
            open.ended = false;
        }
        open.children += 1;
        let id = section_number(&open.id, open.children);
        let within = open.media_type.clone();
        let (mut fields, body_at) = self.read_fields(at, &id);
        if fields.media_type.is_empty() && within == "multipart/digest" {
            // RFC 2046 section 5.1.5: in a digest the default is a message.
            fields.media_type = "message/rfc822".to_string();
        }
        if !self.begin_multipart(&fields, id.clone(), at, body_at) {
            self.begin_leaf(Leaf { id, fields, body: body_at..self.end, within });
        }
        self.segment_start()
    }

    fn delimiter(&self, line: usize) -> Option<Delimiter> {
        let end = line_end(self.message, line);
        let mut text = self.message.get(line..end)?.strip_prefix(b"--")?.trim_ascii_end();
        if self.policy.delimiters == Delimiters::Anywhere {
            // Who looks for it anywhere ends lines where others do not.
            let end = text.iter().position(|byte| matches!(byte, b'\r' | 0x0b | 0x0c));
            text = end.and_then(|end| text.get(..end)).unwrap_or(text).trim_ascii_end();
        }
        let mut loose: Option<Delimiter> = None;
        let innermost = self.open.len().saturating_sub(1);
        for nth in 0..self.open.len() {
            let level = match self.policy.nesting {
                Nesting::Innermost | Nesting::InnermostOnly => innermost - nth,
                Nesting::Outermost => nth,
            };
            let Some(open) = self.open.get(level) else { continue };
            for (boundary, known) in open.boundaries.iter().enumerate() {
                let Some(behind) = text.strip_prefix(known.text.as_slice()) else { continue };
                let text_end = line + 2 + known.text.len();
                let found = |kind| Delimiter { level, kind, text_end, boundary };
                match behind {
                    [] => return Some(found(DelimiterKind::Part)),
                    b"--" => return Some(found(DelimiterKind::End)),
                    // Text after the closing dashes is left alone by everybody, unless the whole is another boundary.
                    [b'-', b'-', ..] if known.strict => {
                        let had = loose.filter(|had| had.kind == DelimiterKind::End);
                        loose = had.or(Some(found(DelimiterKind::End)));
                    }
                    _ if known.strict => {
                        loose = loose.or(Some(found(DelimiterKind::Unclear)));
                    }
                    _ => (),
                }
            }
            if self.policy.nesting == Nesting::InnermostOnly && !open.ended {
                break;
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
            if self.open.last().is_some_and(|open| !open.ended && open.children > 0) {
                self.walked.split.oddities.doubt(Doubt::Nesting);
            }
            self.close_innermost(end);
        }
    }

    fn close_innermost(&mut self, end: usize) {
        let Some(open) = self.open.pop() else { return };
        self.note_closed(&open, end);
        if open.ended {
            return;
        }
        let shown = shown_id(&open.id).to_string();
        let oddities = &mut self.walked.split.oddities;
        if open.children > 0 {
            oddities
                .note("mime.end_missing", format!("multipart {shown} has no closing delimiter"));
            return;
        }
        if !open.fields.boundaries.is_empty() {
            oddities.note(
                "mime.boundary_not_found",
                format!("the boundary of multipart {shown} never comes"),
            );
        }
        let body = open.body_at..end.max(open.body_at);
        let guess = guess_boundary(self.message.get(body.clone()).unwrap_or_default());
        let guess = guess.filter(|guess| open.boundaries.iter().all(|known| known.text != *guess));
        match guess {
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

    /// What a multipart gave away by the time it is closed.
    fn note_closed(&mut self, open: &Open, end: usize) {
        if self.policy.beside {
            return;
        }
        let body = open.body_at..end.max(open.body_at);
        let text = self.message.get(body.clone()).unwrap_or_default();
        let oddities = &mut self.walked.split.oddities;
        if open.came.len() > 1 {
            let shown = shown_id(&open.id);
            oddities.note(
                "mime.boundaries_mixed",
                format!("the parts of multipart {shown} are divided by several boundaries"),
            );
            oddities.doubt(Doubt::Boundaries);
        }
        let wanted: Vec<&Vec<u8>> = match open.came.is_empty() {
            false => open.came.iter().collect(),
            true => open.boundaries.iter().take(1).map(|boundary| &boundary.text).collect(),
        };
        let mut stand = 0;
        for boundary in wanted {
            let needle = [b"--", boundary.as_slice()].concat();
            stand += memchr::memmem::find_iter(text, &needle).take(open.lines + 2).count();
        }
        if stand > open.lines {
            oddities.doubt(Doubt::Elsewhere);
        }
        if open.fields.transfers.iter().any(|transfer| *transfer != Transfer::Identity) {
            oddities.note(
                "mime.multipart_encoded",
                format!("multipart {} declares a transfer encoding", shown_id(&open.id)),
            );
            self.walked.encoded.push(Encoded {
                header_at: open.header_at,
                body,
                transfers: open.fields.transfers.clone(),
            });
        }
        if !open.came.is_empty() {
            self.walked.came.insert(open.body_at, open.came.clone());
        }
    }

    /// Ends the leaf, preamble or epilogue that is being read at `end`.
    fn end_segment(&mut self, end: usize) {
        match std::mem::replace(&mut self.segment, Segment::Nothing) {
            Segment::Nothing => (),
            Segment::Leaf(leaf) => {
                let body = leaf.body.start..end.max(leaf.body.start);
                self.push_leaf(Leaf { body, ..*leaf });
            }
            // Before a first part only: without one, what is here is the whole of an unfound multipart.
            Segment::Preamble(start) if self.open.last().is_some_and(|open| open.found) => {
                self.stray_part(start..end, "preamble");
            }
            Segment::Preamble(_) => (),
            Segment::Epilogue(start) => self.stray_part(start..end, "epilogue"),
        }
    }

    fn push_leaf(&mut self, mut leaf: Leaf) {
        let text = self.message.get(leaf.body.clone()).unwrap_or_default();
        let encoded = leaf.fields.transfers.first() != Some(&Transfer::Identity);
        if leaf.fields.is_message() && encoded && section::is_content_field(text) {
            // RFC 2046 section 5.2.1 forbids the encoding; who ignores it reads a message that is there as it is.
            leaf.fields.add_transfer(Transfer::Identity);
        }
        let lies = |boundary: &Boundary| {
            let needle = [b"--", boundary.text.as_slice()].concat();
            boundary.strict && memchr::memmem::find(text, &needle).is_some()
        };
        let oddities = &mut self.walked.split.oddities;
        if !self.policy.beside && leaf.fields.boundaries.iter().any(lies) {
            oddities.note(
                "mime.type_lies",
                format!("part {} is declared to have no parts and looks as if it had", leaf.id),
            );
            oddities.doubt(Doubt::Types);
        }
        self.walked.split.leaves.push(leaf);
    }

    /// Text outside all parts is shown by nobody, unless it looks like a part to somebody.
    fn stray_part(&mut self, range: Range<usize>, place: &str) {
        let Some(open) = self.open.last() else { return };
        let text = self.message.get(range.clone()).unwrap_or_default();
        if text.trim_ascii().is_empty() {
            return;
        }
        self.walked.split.outside.push(range.clone());
        let Some(at) = first_content_field(text) else { return };
        let id = section_number(&open.id, 0);
        let within = open.media_type.clone();
        self.walked.split.oddities.note(
            "mime.stray_part",
            format!("the {place} of multipart {} looks like a part", shown_id(&open.id)),
        );
        let (fields, body_at) = self.read_fields(range.start + at, &id);
        let body = body_at.min(range.end)..range.end;
        if self.policy.beside || self.budget.take_part().is_ok() {
            self.push_leaf(Leaf { id, fields, body, within });
        }
    }
}

/// Lines that may be delimiters between two looks at the clock.
const LINES_BETWEEN_LOOKS: usize = 4_096;

/// The number of the `child`th part of `within`.
pub(super) fn section_number(within: &str, child: usize) -> String {
    match within {
        "" => child.to_string(),
        outer => format!("{outer}.{child}"),
    }
}

fn shown_id(id: &str) -> &str {
    if id.is_empty() { "1" } else { id }
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
    let mut lines = std::iter::once(0)
        .chain(memchr::memmem::find_iter(body, b"\n--").map(|at| at + 1))
        .take(GUESSES_MAX);
    let named = lines.find_map(|line| {
        let text = body.get(line..line_end(body, line))?.strip_prefix(b"--")?.trim_ascii_end();
        let plausible = (1..=200).contains(&text.len())
            && text.iter().any(u8::is_ascii_alphanumeric)
            && !text.iter().any(u8::is_ascii_whitespace);
        plausible.then(|| text.to_vec())
    });
    // An empty boundary is none, but it has delimiters: two dashes alone, and four at the end. The line before a signature has a blank.
    let stands = |text: &[u8]| {
        body.starts_with(text)
            || memchr::memmem::find_iter(body, text)
                .any(|at| body.get(..at).is_some_and(|before| before.ends_with(b"\n")))
    };
    let is_empty = named.is_none() && (stands(b"--\n") || stands(b"--\r\n")) && stands(b"----");
    named.or(is_empty.then(Vec::new))
}

/// Lines looked at for a boundary that nobody declared.
const GUESSES_MAX: usize = 16;

/// Where a line begins that is a MIME field of a part.
fn first_content_field(text: &[u8]) -> Option<usize> {
    let mut at = 0;
    for line in text.split_inclusive(|byte| *byte == b'\n') {
        if section::is_content_field(line) {
            return Some(at);
        }
        at += line.len();
    }
    None
}
