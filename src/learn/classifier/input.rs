//! What of a mail the learners look at.
//!
//! The beginning of the mail as it came, header section first, because spam is told by how it is sent as much as by what it says (text
//! alone is 25 times worse). Left out is what another filter wrote about it, what a mailbox keeps in it, and what says of itself that the
//! mail belongs to a list or a thread: whoever forged those beat every model that read them. Checks speak about lists and threads that
//! are shown to be real. `Received` is kept.
//!
//! Our own names are blanked where a sender could write them to look like us.
//!
//! Words of wanted mail before, behind or around spam drown it, so a longer text is looked at in pieces as well: its beginning, its end, and
//! what is not quoted in it.

use super::{
    Part, Sketch,
    grams::{BITS, Cutter, FEW_BITS, Grams, Kind},
};
use crate::mail::Header;

/// A mail, as far as it is looked at.
pub struct Seen<'a> {
    /// Its header section.
    pub header: &'a Header,
    /// It, from the first byte.
    pub message: &'a [u8],
    /// Its text as a reader sees it.
    pub text: &'a str,
    /// Is this a name of ours?
    pub own: &'a dyn Fn(&str) -> bool,
}

/// Makes sketches. One for each thread that judges.
#[derive(Debug)]
pub struct Reader {
    whole: Cutter,
    few: Cutter,
    /// The field being read.
    field: Vec<u8>,
}

impl Default for Reader {
    fn default() -> Reader {
        Reader { whole: Cutter::new(BITS), few: Cutter::new(FEW_BITS), field: Vec::new() }
    }
}

impl Reader {
    /// What the learners see of a mail.
    pub fn read(&mut self, mail: &Seen<'_>) -> Sketch {
        let mut room = WHOLE_BYTES;
        let mut few_room = MIXED_HEADER_BYTES;
        for field in mail.header.fields() {
            let name = mail.header.name(field).to_ascii_lowercase();
            if is_left_out(&name) {
                continue;
            }
            self.take_field(
                &name,
                mail.message.get(field.span.clone()).unwrap_or_default(),
                mail.own,
            );
            let kind = kind_of(&name);
            self.whole.add(kind, beginning(&self.field, room));
            self.few.add(kind, beginning(&self.field, few_room));
            room = room.saturating_sub(self.field.len());
            few_room = few_room.saturating_sub(self.field.len());
        }
        let header = (self.whole.so_far(), self.few.so_far());
        let text = mail.text.trim();
        let pieces = pieces(text);
        let pieces = || pieces.iter().map(Vec::as_slice);
        let texts = || std::iter::once(beginning(text.as_bytes(), TEXT_BYTES)).chain(pieces());
        texts().for_each(|text| self.few.add(Kind::Body, text));
        let mixed = self.few.done();
        texts().for_each(|text| self.few.add(Kind::Body, text));
        let body = self.few.done();
        let rest = mail.message.get(mail.header.body_at()..).unwrap_or_default();
        // Line ends may have been changed on the way.
        let lines: Vec<u8> =
            beginning(rest, 2 * room).iter().copied().filter(|byte| *byte != b'\r').collect();
        self.whole.add(Kind::Body, beginning(&lines, room));
        pieces().for_each(|piece| self.whole.add(Kind::Body, piece));
        let whole = self.whole.done();
        let parts = pieces().map(|piece| self.part(&header, piece, &body)).collect();
        Sketch { whole, mixed, body, parts }
    }

    /// The windows of each kind alone, of those that the whole is made of: for who wants to know what spoke.
    pub fn by_kind(&mut self, mail: &Seen<'_>) -> Vec<(Kind, Grams)> {
        let mut kinds = Vec::with_capacity(Kind::ALL.len());
        for kind in Kind::ALL {
            let mut room = WHOLE_BYTES;
            for field in mail.header.fields() {
                let name = mail.header.name(field).to_ascii_lowercase();
                if is_left_out(&name) || kind_of(&name) != kind {
                    continue;
                }
                let bytes = mail.message.get(field.span.clone()).unwrap_or_default();
                self.take_field(&name, bytes, mail.own);
                self.whole.add(kind, beginning(&self.field, room));
                room = room.saturating_sub(self.field.len());
            }
            if kind == Kind::Body {
                self.whole.add(kind, beginning(mail.text.trim().as_bytes(), TEXT_BYTES));
            }
            kinds.push((kind, self.whole.done()));
        }
        kinds
    }

    fn part(&mut self, header: &(Grams, Grams), piece: &[u8], body: &Grams) -> Part {
        self.whole.take(&header.0);
        self.whole.add(Kind::Body, piece);
        let whole = self.whole.done();
        self.few.take(&header.1);
        self.few.add(Kind::Body, piece);
        let mixed = self.few.done();
        self.few.take(body);
        let body = self.few.among(&mixed);
        Part { whole, mixed, body }
    }

    /// A field as it is looked at: with one kind of line end, and without names of ours.
    fn take_field(&mut self, name: &str, bytes: &[u8], own: &dyn Fn(&str) -> bool) {
        self.field.clear();
        if !CLAIMS.contains(&name) {
            self.field.extend(bytes.iter().filter(|byte| **byte != b'\r'));
            return;
        }
        for word in bytes.chunk_by(|left, right| is_of_name(*left) == is_of_name(*right)) {
            let is_own = word.contains(&b'.')
                && std::str::from_utf8(word).is_ok_and(|word| own(&word.to_ascii_lowercase()));
            match is_own {
                true => self.field.extend_from_slice(OURS),
                false => self.field.extend(word.iter().filter(|byte| **byte != b'\r')),
            }
        }
    }
}

/// The pieces of a text that are looked at alone as well.
fn pieces(text: &str) -> Vec<Vec<u8>> {
    let (start, end) =
        (text.floor_char_boundary(LOOKED_THROUGH), text.len().saturating_sub(LOOKED_THROUGH));
    let end = text.ceil_char_boundary(end.max(start));
    let (start, end) = (text.get(..start).unwrap_or_default(), text.get(end..).unwrap_or_default());
    let is_quoted = |line: &&str| line.trim_start().starts_with(['>', '|']);
    let (quoted, written): (Vec<&str>, Vec<&str>) =
        start.lines().chain(end.lines()).partition(is_quoted);
    let (quoted, written) = (quoted.concat().len(), written.join("\n"));
    let written = written.trim().as_bytes();
    let mut pieces = Vec::new();
    let end_at = written.len().saturating_sub(END_BYTES).max(TEXT_BYTES);
    pieces.extend(written.get(end_at..).filter(|end| end.len() >= END_FEWEST));
    if quoted >= QUOTED_FEWEST && written.len() >= WRITTEN_FEWEST {
        pieces.push(beginning(written, WRITTEN_BYTES));
    }
    if written.len() > 2 * BEGINNING_BYTES {
        pieces.push(beginning(written, BEGINNING_BYTES));
    }
    pieces.into_iter().map(<[u8]>::to_vec).collect()
}

fn beginning(bytes: &[u8], most: usize) -> &[u8] {
    bytes.get(..most).unwrap_or(bytes)
}

fn is_of_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_')
}

fn kind_of(name: &str) -> Kind {
    match name {
        "received" => Kind::Received,
        "from" | "reply-to" | "return-path" => Kind::Author,
        "subject" => Kind::Subject,
        "to" | "cc" | "delivered-to" => Kind::Recipient,
        _ => Kind::Field,
    }
}

fn is_left_out(name: &str) -> bool {
    LEFT_OUT.contains(&name)
        || LEFT_OUT_FROM.iter().any(|start| name.starts_with(start))
        || LEFT_OUT_WITH.iter().any(|part| name.contains(part))
}

/// How much of a mail is looked at.
const WHOLE_BYTES: usize = 3000;
/// How much of its header section in the second view.
const MIXED_HEADER_BYTES: usize = 1500;
/// How much of its text.
const TEXT_BYTES: usize = 2000;

/// How much at either end of a text is looked through for them.
const LOOKED_THROUGH: usize = 32 * 1024;
/// How much of a text's beginning is looked at alone, where there is twice as much.
const BEGINNING_BYTES: usize = 700;
/// How much of its end, where it is longer than what is looked at.
const END_BYTES: usize = 1000;
/// A shorter end says too little.
const END_FEWEST: usize = 200;
/// How much of what is not quoted.
const WRITTEN_BYTES: usize = 1000;
/// Less of it says nothing.
const WRITTEN_FEWEST: usize = 40;
/// Less that is quoted drowns nothing.
const QUOTED_FEWEST: usize = 100;

/// Fields in which a stranger can claim to be one of us.
const CLAIMS: &[&str] = &["received", "message-id", "from", "reply-to", "return-path"];
/// What stands for a name of ours.
const OURS: &[u8] = b"@";

/// Written by filters, mailboxes and lists, or by whoever wants to look like one.
const LEFT_OUT: &[&str] = &[
    "authentication-results",
    "content-length",
    "dkim-signature",
    "errors-to",
    "in-reply-to",
    "lines",
    "mailing-list",
    "precedence",
    "received-spf",
    "references",
    "sender",
    "status",
    "user-agent",
    "x-apparently-to",
    "x-keywords",
    "x-miltered",
    "x-originating-ip",
    "x-sender-ip",
    "x-status",
    "x-uuid",
    "x-ymailisg",
];
/// The beginnings of such names.
const LEFT_OUT_FROM: &[&str] = &[
    "arc-",
    "list-",
    "resent-",
    "thread-",
    "x-foff",
    "x-forefront",
    "x-incoming",
    "x-mailman",
    "x-message-",
    "x-microsoft-",
    "x-ms-",
    "x-sid-",
    "x-sluss",
    "x-uid",
];
/// What stands in the names of fields that filters write.
const LEFT_OUT_WITH: &[&str] = &["spam", "virus"];
