//! Lines and messages out of a byte stream, and back.
//!
//! The end of a message is CRLF.CRLF and nothing else (RFC 5321 section 4.1.1.4). A bare CR or LF is never an end,
//! is never passed on, and is remembered: receiving servers that saw an end there are what SMTP smuggling lives on.

use crate::base::limits;
use memchr::{memchr, memchr2};

/// A command line taken from the front of a buffer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Line {
    /// No whole line yet.
    Partial,
    /// A line; it takes this many bytes of the buffer, CRLF included.
    Whole {
        /// The line's length without CRLF.
        text: usize,
        /// What to take from the buffer.
        taken: usize,
    },
    /// It ends with a bare LF; take this many bytes and complain.
    BareLf(usize),
    /// Longer than [`limits::COMMAND_LINE_BYTES_MAX`]; take all there is and complain once it ends.
    TooLong,
}

/// Looks for a command line at the start of `buffer`.
pub fn find_line(buffer: &[u8]) -> Line {
    match memchr(b'\n', buffer) {
        Some(lf) if lf >= limits::COMMAND_LINE_BYTES_MAX => Line::TooLong,
        Some(lf) => match lf.checked_sub(1).and_then(|at| buffer.get(at)) {
            Some(b'\r') => Line::Whole { text: lf - 1, taken: lf + 1 },
            _ => Line::BareLf(lf + 1),
        },
        None if buffer.len() >= limits::COMMAND_LINE_BYTES_MAX => Line::TooLong,
        None => Line::Partial,
    }
}

/// What to do with bare CR and LF in a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BareLineEnds {
    /// Remember them; the message will be refused.
    Refuse,
    /// Make CRLF of them: printers and scripts of our own networks.
    Mend,
}

/// The receiving end of DATA: takes dots out, finds the end.
#[derive(Debug)]
pub struct DataReader {
    state: State,
    bare: BareLineEnds,
    saw_bare: bool,
    near: Near,
}

/// How near to an end that only others see.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Near {
    /// Nothing of the kind.
    No,
    /// A bare line end came just now.
    Bare,
    /// And a dot after it.
    BareDot,
    /// A dot alone between two line ends of which one was bare: SMTP smuggling.
    Passed,
}

/// How far into an end of data we are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// At the start of a line: CRLF came, or nothing yet.
    LineStart,
    /// Inside a line.
    Inside,
    /// Inside a line that began after a mended line end: a dot here is content.
    AfterMended,
    /// A CR came.
    Cr,
    /// A dot came at the start of a line.
    Dot,
    /// A dot and CR came at the start of a line.
    DotCr,
    /// CRLF.CRLF came.
    Done,
}

impl DataReader {
    /// At the start of a message.
    pub fn new(bare: BareLineEnds) -> DataReader {
        DataReader { state: State::LineStart, bare, saw_bare: false, near: Near::No }
    }

    /// Feeds bytes from the wire; the message's own bytes are appended to `out`.
    /// Returns how many bytes were taken: fewer than given only when the end was found.
    pub fn feed(&mut self, wire: &[u8], out: &mut Vec<u8>) -> usize {
        let mut at = 0;
        while self.state != State::Done {
            let Some(rest) = wire.get(at..).filter(|rest| !rest.is_empty()) else { break };
            at += self.take(rest, out);
        }
        at
    }

    fn take(&mut self, rest: &[u8], out: &mut Vec<u8>) -> usize {
        let first = rest.first().copied().unwrap_or_default();
        self.look_near(first, rest.get(1).copied());
        match (self.state, first) {
            // RFC 5321 section 4.5.2: a dot at the start of a line is taken out.
            (State::LineStart, b'.') => self.go(State::Dot),
            (State::Dot, b'\r') => self.go(State::DotCr),
            (State::DotCr, b'\n') => self.go(State::Done),
            // A dot, a CR and something else: the dot was stuffing, the CR stands bare.
            (State::DotCr, _) => {
                self.bare_end(b'\r', out);
                0
            }
            (State::Cr, b'\n') => {
                out.extend_from_slice(b"\r\n");
                self.go(State::LineStart)
            }
            // Some printers end lines with CR CR LF; mended, that is one line end, not an empty line that would end the header.
            (State::Cr, b'\r') if self.bare == BareLineEnds::Mend => {
                self.saw_bare = true;
                1
            }
            (State::Cr, _) => {
                self.bare_end(b'\r', out);
                0
            }
            (State::LineStart | State::Inside | State::AfterMended, b'\r') => self.go(State::Cr),
            (State::LineStart | State::Inside | State::AfterMended | State::Dot, b'\n') => {
                self.bare_end(b'\n', out);
                1
            }
            (State::LineStart | State::Inside | State::AfterMended | State::Dot, _) => {
                let run = memchr2(b'\r', b'\n', rest).unwrap_or(rest.len());
                out.extend_from_slice(rest.get(..run).unwrap_or_default());
                self.state = State::Inside;
                run
            }
            (State::Done, _) => 0,
        }
    }

    fn go(&mut self, state: State) -> usize {
        self.state = state;
        1
    }

    fn look_near(&mut self, first: u8, second: Option<u8>) {
        let is_end = matches!(first, b'\r' | b'\n');
        self.near = match (self.near, first) {
            (Near::Passed, _) => Near::Passed,
            (Near::BareDot, _) if is_end => Near::Passed,
            (Near::Bare, b'.') if second.is_none_or(|second| matches!(second, b'\r' | b'\n')) => {
                Near::BareDot
            }
            (Near::Bare, _) if is_end && (self.state, first) != (State::Cr, b'\n') => Near::Bare,
            (Near::No | Near::Bare | Near::BareDot, _) => Near::No,
        };
    }

    fn bare_end(&mut self, byte: u8, out: &mut Vec<u8>) {
        self.saw_bare = true;
        let after_dot = matches!(self.state, State::Dot | State::DotCr);
        if self.near != Near::Passed {
            self.near = if after_dot { Near::Passed } else { Near::Bare };
        }
        match self.bare {
            BareLineEnds::Refuse => {
                out.push(byte);
                self.state = State::Inside;
            }
            BareLineEnds::Mend => {
                out.extend_from_slice(b"\r\n");
                self.state = State::AfterMended;
            }
        }
    }

    /// The end has come.
    pub fn is_done(&self) -> bool {
        self.state == State::Done
    }

    /// There was a bare CR or LF.
    pub fn saw_bare(&self) -> bool {
        self.saw_bare
    }

    /// There was what other servers take for the end of the message: a dot alone between two line ends of which one was bare.
    pub fn saw_false_end(&self) -> bool {
        self.near == Near::Passed
    }
}

/// Watches BDAT chunks for bare CR and LF, across chunk borders.
#[derive(Debug, Default)]
pub struct ChunkReader {
    after_cr: bool,
    saw_bare: bool,
}

impl ChunkReader {
    /// Takes a piece; the message's bytes are appended to `out`, line ends mended if asked for.
    pub fn feed(&mut self, piece: &[u8], bare: BareLineEnds, out: &mut Vec<u8>) {
        let mut rest = piece;
        while let Some(first) = rest.first().copied() {
            if self.after_cr {
                self.after_cr = false;
                if first == b'\n' {
                    out.extend_from_slice(b"\r\n");
                    rest = rest.get(1..).unwrap_or_default();
                    continue;
                }
                self.bare_end(b'\r', bare, out);
                continue;
            }
            match first {
                b'\r' => {
                    self.after_cr = true;
                    rest = rest.get(1..).unwrap_or_default();
                }
                b'\n' => {
                    self.bare_end(b'\n', bare, out);
                    rest = rest.get(1..).unwrap_or_default();
                }
                _ => {
                    let run = memchr2(b'\r', b'\n', rest).unwrap_or(rest.len());
                    let (text, after) = rest.split_at_checked(run).unwrap_or((rest, &[]));
                    out.extend_from_slice(text);
                    rest = after;
                }
            }
        }
    }

    /// The last chunk has come: a CR at its end was bare.
    pub fn finish(&mut self, bare: BareLineEnds, out: &mut Vec<u8>) {
        if std::mem::take(&mut self.after_cr) {
            self.bare_end(b'\r', bare, out);
        }
    }

    fn bare_end(&mut self, byte: u8, bare: BareLineEnds, out: &mut Vec<u8>) {
        self.saw_bare = true;
        match bare {
            BareLineEnds::Refuse => out.push(byte),
            BareLineEnds::Mend => out.extend_from_slice(b"\r\n"),
        }
    }

    /// There was a bare CR or LF.
    pub fn saw_bare(&self) -> bool {
        self.saw_bare
    }
}

/// The sending end of DATA: puts dots in and closes the message.
#[derive(Debug, Default)]
pub struct DataWriter {
    last: Option<(u8, u8)>,
}

impl DataWriter {
    /// Appends a piece of the message to `out`, with a dot before each dot that begins a line.
    pub fn feed(&mut self, piece: &[u8], out: &mut Vec<u8>) {
        let mut rest = piece;
        while !rest.is_empty() {
            if rest.first() == Some(&b'.') && self.at_line_start() {
                out.push(b'.');
            }
            let run = memchr(b'\n', rest).map_or(rest.len(), |lf| lf + 1);
            let (text, after) = rest.split_at_checked(run).unwrap_or((rest, &[]));
            out.extend_from_slice(text);
            self.remember(text);
            rest = after;
        }
    }

    /// Appends what ends the message. One that does not end with CRLF (BDAT allows that) gets one: DATA has no other way.
    pub fn finish(&mut self, out: &mut Vec<u8>) {
        if !self.at_line_start() {
            out.extend_from_slice(b"\r\n");
        }
        out.extend_from_slice(b".\r\n");
    }

    fn at_line_start(&self) -> bool {
        matches!(self.last, None | Some((b'\r', b'\n')))
    }

    fn remember(&mut self, text: &[u8]) {
        self.last = match text {
            [.., before, last] => Some((*before, *last)),
            [only] => Some((self.last.map_or(0, |(_, last)| last), *only)),
            [] => self.last,
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(wire: &[u8], bare: BareLineEnds) -> (Vec<u8>, Option<usize>, bool) {
        let mut reader = DataReader::new(bare);
        let mut out = Vec::new();
        let taken = reader.feed(wire, &mut out);
        (out, reader.is_done().then_some(taken), reader.saw_bare())
    }

    #[test]
    fn only_crlf_dot_crlf_ends_a_message() {
        for (wire, text, ends, bare) in [
            (&b"a\r\n.\r\nQUIT\r\n"[..], &b"a\r\n"[..], Some(6), false),
            (b".\r\n", b"", Some(3), false),
            (b"..a\r\n...\r\n.\r\n", b".a\r\n..\r\n", Some(13), false),
            (b"a\n.\nMAIL", b"a\n.\nMAIL", None, true),
            (b"a\n.\r\nMAIL", b"a\n.\r\nMAIL", None, true),
            (b"a\r\n.\nMAIL", b"a\r\n\nMAIL", None, true),
            (b"a\r.\r\nMAIL", b"a\r.\r\nMAIL", None, true),
            (b"a\r\n.\rMAIL", b"a\r\n\rMAIL", None, true),
            (b"a\r\r\n.\r\n", b"a\r\r\n", Some(7), true),
            (b"a\r\n\0.\r\n", b"a\r\n\0.\r\n", None, false),
            (b"a\r\n .\r\n", b"a\r\n .\r\n", None, false),
            (b"a\r\n.\r\r\n.\r\n", b"a\r\n\r\r\n", Some(10), true),
        ] {
            let (out, done, saw) = read(wire, BareLineEnds::Refuse);
            let wire = String::from_utf8_lossy(wire);
            assert_eq!(done, ends, "{wire:?}");
            assert_eq!(saw, bare, "{wire:?}");
            // With an unfinished CR at the end, nothing is lost: it is still to come.
            assert_eq!(String::from_utf8_lossy(&out), String::from_utf8_lossy(text), "{wire:?}");
        }
    }

    #[test]
    fn a_dot_between_line_ends_of_which_one_is_bare_is_smuggling_and_other_bare_ends_are_not() {
        for (wire, smuggles) in [
            (&b"a\r\nb\r\n.\r\n"[..], false),
            (b"a\nb\nc\r\n.\r\n", false),
            (b"a\n\r\n.\r\n", false),
            (b"a\n.b\nc\r\n.\r\n", false),
            (b"a\n..\nc\r\n.\r\n", false),
            (b"a\r\n.\r\n\n", false),
            (b"a\n.\nMAIL\r\n.\r\n", true),
            (b"a\n.\r\nMAIL\r\n.\r\n", true),
            (b"a\r\n.\nMAIL\r\n.\r\n", true),
            (b"a\r\n.\rMAIL\r\n.\r\n", true),
            (b"a\r.\r\nMAIL\r\n.\r\n", true),
            (b"a\r.\rMAIL\r\n.\r\n", true),
            (b"a\r\n.\r\r\n.\r\n", true),
        ] {
            for piece in [1, 2, 3, wire.len()] {
                let mut reader = DataReader::new(BareLineEnds::Refuse);
                let mut out = Vec::new();
                for piece in wire.chunks(piece) {
                    reader.feed(piece, &mut out);
                }
                let wire = String::from_utf8_lossy(wire);
                assert!(reader.is_done(), "{wire:?}");
                assert_eq!(reader.saw_false_end(), smuggles, "{wire:?} in pieces of {piece}");
            }
        }
    }

    #[test]
    fn mended_line_ends_cannot_smuggle() {
        let (out, done, saw) = read(b"a\n.\nb\rc\r\n.\r\n", BareLineEnds::Mend);
        assert_eq!(
            (out.as_slice(), done.is_some(), saw),
            (&b"a\r\n.\r\nb\r\nc\r\n"[..], true, true)
        );
        // On its way out the dot that now begins a line is stuffed again.
        let mut wire = Vec::new();
        let mut writer = DataWriter::default();
        writer.feed(&out, &mut wire);
        writer.finish(&mut wire);
        assert_eq!(wire, b"a\r\n..\r\nb\r\nc\r\n.\r\n");
    }

    #[test]
    fn lines() {
        for (buffer, want) in [
            (&b"NOOP\r\nX"[..], Line::Whole { text: 4, taken: 6 }),
            (b"NOOP", Line::Partial),
            (b"NOOP\nX", Line::BareLf(5)),
            (b"\n", Line::BareLf(1)),
            (&[b'x'; 4_096], Line::TooLong),
        ] {
            assert_eq!(find_line(buffer), want);
        }
    }

    #[test]
    fn chunks_are_watched_across_borders() {
        for (pieces, bare) in [
            (&["a\r", "\nb"][..], false),
            (&["a\r", "b"], true),
            (&["a\n"], true),
            (&["a\r"], true),
            (&["a\r\n"], false),
        ] {
            let mut reader = ChunkReader::default();
            let mut out = Vec::new();
            for piece in pieces {
                reader.feed(piece.as_bytes(), BareLineEnds::Refuse, &mut out);
            }
            reader.finish(BareLineEnds::Refuse, &mut out);
            assert_eq!(reader.saw_bare(), bare, "{pieces:?}");
            assert_eq!(out, pieces.concat().as_bytes());
        }
    }

    proptest! {
        /// Whatever a message holds, what the writer sends the reader gets back, however the wire cuts it.
        #[test]
        fn writing_and_reading_agree(text in "([.\r\na]|\r\n){0,40}", cut in 0_usize..60) {
            let message = text.replace("\r\n", "\n").replace('\r', "").replace('\n', "\r\n");
            let (mut wire, mut writer) = (Vec::new(), DataWriter::default());
            let (head, tail) = message.as_bytes().split_at(cut.min(message.len()));
            writer.feed(head, &mut wire);
            writer.feed(tail, &mut wire);
            writer.finish(&mut wire);
            let (mut reader, mut out) = (DataReader::new(BareLineEnds::Refuse), Vec::new());
            let (head, tail) = wire.split_at(cut.min(wire.len()));
            let taken = reader.feed(head, &mut out) + reader.feed(tail, &mut out);
            let want = if message.is_empty() || message.ends_with("\r\n") { message } else { message + "\r\n" };
            prop_assert!(reader.is_done() && !reader.saw_bare());
            prop_assert_eq!(taken, wire.len());
            prop_assert_eq!(String::from_utf8(out).unwrap(), want);
        }
    }
}
