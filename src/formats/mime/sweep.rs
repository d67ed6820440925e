//! What hides in a text though no field says so: runs of base64, quoted-printable, uuencode, xxencode, yEnc, BinHex, Ascii85, hex digits,
//! percent signs, and whole MIME entities that a text quotes.
//!
//! Nothing here is certain, and nothing need be: what a run decodes to is given to the signatures, and a wrong guess costs one scan of a few
//! bytes. A text without any of it is passed over at memory speed. Small decoded pieces are gathered in one member, so that a newsletter
//! full of tracking links is no mail with a thousand parts. It is for blobs that are not opened as messages, and for
//! [`super::Split::outside`].

mod entities;
mod letters;
mod runs;

use super::transfer::{base64, binhex, quoted, uuencoded, yenc};
use crate::{
    base::limits,
    formats::{
        budget::{Budget, Stopped},
        opened::{Member, Opened, Role},
    },
};

/// Finds what hides in a text. Members are files, entities, and text; equal ones are left to the caller to drop.
pub fn sweep(bytes: &[u8], budget: &mut Budget) -> Opened {
    let mut sweeping = Sweeping {
        budget,
        opened: Opened::default(),
        small: Vec::new(),
        thorough_bytes_left: THOROUGH_BYTES_MAX,
    };
    // One that finds nothing costs a search; each is bounded by the text it was found in.
    let passes: [fn(&mut Sweeping<'_>, &[u8]); 9] = [
        |sweeping, bytes| sweeping.wide(bytes),
        |sweeping, bytes| sweeping.entities(bytes),
        |sweeping, bytes| sweeping.uuencoded(bytes),
        |sweeping, bytes| sweeping.base64(bytes),
        |sweeping, bytes| sweeping.spaced(bytes),
        |sweeping, bytes| sweeping.quoted_printable(bytes),
        |sweeping, bytes| sweeping.escapes(bytes),
        |sweeping, bytes| sweeping.of_old(bytes),
        |sweeping, bytes| sweeping.ascii85(bytes),
    ];
    for pass in passes {
        if let Err(limit) = sweeping.budget.check_time() {
            sweeping.opened.stopped = Some(Stopped::Limit(limit));
        }
        if sweeping.opened.stopped.is_some() {
            break;
        }
        pass(&mut sweeping, bytes);
    }
    sweeping.finish()
}

struct Sweeping<'b> {
    budget: &'b mut Budget,
    opened: Opened,
    /// Small pieces, a line end between them.
    small: Vec<u8>,
    /// Letters that are still decoded in several ways.
    thorough_bytes_left: usize,
}

impl Sweeping<'_> {
    /// Text in UTF-16 or UTF-32, as the signatures for other texts can read it.
    fn wide(&mut self, bytes: &[u8]) {
        if let Some(text) = super::text::wide(bytes) {
            self.push(None, text.into_bytes(), Role::Text);
        }
    }

    fn entities(&mut self, bytes: &[u8]) {
        for range in entities::find(bytes) {
            self.push(None, bytes.get(range).unwrap_or_default().to_vec(), Role::Entity);
        }
    }

    fn uuencoded(&mut self, bytes: &[u8]) {
        for file in uuencoded(bytes).take(limits::SWEEP_MEMBERS_MAX) {
            self.push(Some(super::bounded(file.name)), file.bytes, Role::File);
        }
    }

    fn base64(&mut self, bytes: &[u8]) {
        for run in runs::find(bytes) {
            if self.opened.stopped.is_some() {
                break;
            }
            let text = bytes.get(run.clone()).unwrap_or_default();
            if letters::is_hex(text) {
                self.keep(letters::hex(text));
                continue;
            }
            let large = text.len() > self.thorough_bytes_left;
            self.thorough_bytes_left = self.thorough_bytes_left.saturating_sub(text.len());
            let starts = runs::starts(bytes, &run);
            for start in starts.into_iter().take(if large { 1 } else { usize::MAX }) {
                let text = bytes.get(start..run.end).unwrap_or_default();
                match large {
                    true => self.keep(base64::decode(text).bytes.into_owned()),
                    false => {
                        for read in base64::readings(text).into_iter().take(READINGS_MAX) {
                            self.keep(read.bytes.into_owned());
                        }
                    }
                }
            }
        }
    }

    /// Letters with blanks between them, in groups.
    fn spaced(&mut self, bytes: &[u8]) {
        for text in runs::spaced(bytes) {
            match letters::is_hex(&text) {
                true => self.keep(letters::hex(&text)),
                false => self.keep(base64::decode(&text).bytes.into_owned()),
            }
        }
    }

    fn quoted_printable(&mut self, bytes: &[u8]) {
        if letters::looks_quoted(bytes) {
            self.push(None, quoted::decode(bytes).into_owned(), Role::Text);
        }
    }

    fn escapes(&mut self, bytes: &[u8]) {
        for decoded in letters::escapes(bytes) {
            self.keep(decoded);
        }
        for decoded in letters::percent(bytes) {
            self.keep(decoded);
        }
    }

    fn of_old(&mut self, bytes: &[u8]) {
        for file in yenc::files(bytes) {
            self.push(Some(super::bounded(file.name)), file.bytes, Role::File);
        }
        let bytes_max = usize::try_from(self.budget.part_bytes_left()).unwrap_or(usize::MAX);
        for file in binhex::files(bytes, bytes_max) {
            let name = super::bounded(file.name);
            self.push(Some(name.clone()), file.bytes, Role::File);
            self.push(Some(name), file.resource, Role::Inside);
        }
    }

    fn ascii85(&mut self, bytes: &[u8]) {
        for decoded in letters::ascii85(bytes) {
            self.keep(decoded);
        }
    }

    /// Keeps what was decoded: by itself if it is large or begins as files do, else with the other small pieces.
    fn keep(&mut self, bytes: Vec<u8>) {
        let is_own = bytes.len() >= OWN_BYTES_MIN || super::embedded::begins_as_file(&bytes);
        if is_own && self.opened.members.len() < limits::SWEEP_MEMBERS_MAX {
            self.push(None, bytes, Role::Inside);
        } else if self.small.len() + bytes.len() <= limits::SWEEP_SMALL_BYTES_MAX {
            self.small.extend(bytes);
            self.small.push(b'\n');
        } else {
            self.opened.sign("text.more_hidden", "a text has more encoded pieces than are decoded");
        }
    }

    fn push(&mut self, name: Option<String>, bytes: Vec<u8>, role: Role) {
        if bytes.is_empty() || self.opened.stopped.is_some() {
            return;
        }
        if let Err(limit) = self.budget.take_bytes(bytes.len()) {
            self.opened.stopped = Some(Stopped::Limit(limit));
            return;
        }
        if !self.opened.members.iter().any(|known| known.bytes == bytes) {
            self.opened.push(Member::new(name, bytes, role));
        }
    }

    fn finish(mut self) -> Opened {
        let small = std::mem::take(&mut self.small);
        self.push(None, small, Role::Inside);
        self.opened
    }
}

/// A decoded piece of this size is a member of its own.
const OWN_BYTES_MIN: usize = 1 << 10;
/// Letters of one text that are decoded from several starts and in several ways; what is longer is decoded in one way: it is a file,
/// and its neighbours are no part of it.
const THOROUGH_BYTES_MAX: usize = 4 << 20;
/// Ways in which a smaller run is decoded from one start.
const READINGS_MAX: usize = 4;

#[cfg(test)]
mod tests;
