//! What of a mail the learners look at.
//!
//! The beginning of the mail as it came, header section first, because spam is told by how it is sent as much as by what it says (text
//! alone is 25 times worse). Left out is what another filter wrote about it, what a mailbox keeps in it, and what says of itself that the
//! mail belongs to a list or a thread: whoever forged those beat every model that read them. Checks speak about lists and threads that
//! are shown to be real. `Received` is kept.
//!
//! Our own names are blanked where a sender could write them to look like us.

use super::{
    Sketch,
    grams::{BITS, Cutter, FEW_BITS, Kind},
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
        let text = beginning(mail.text.as_bytes(), TEXT_BYTES);
        self.few.add(Kind::Body, text);
        let mixed = self.few.done();
        self.few.add(Kind::Body, text);
        let body = self.few.done();
        let rest = mail.message.get(mail.header.body_at()..).unwrap_or_default();
        // Line ends may have been changed on the way.
        let lines: Vec<u8> =
            beginning(rest, 2 * room).iter().copied().filter(|byte| *byte != b'\r').collect();
        self.whole.add(Kind::Body, beginning(&lines, room));
        Sketch { whole: self.whole.done(), mixed, body }
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
