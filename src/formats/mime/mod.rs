//! MIME, RFC 2045 to 2049: one message split into its leaves, without recursion, in every way that programs read it.
//!
//! The usual reading is ours and takes the union: line by line, every boundary that any reading of a field gives is compared with every
//! delimiter line, linear in the message however it nests. Where it meets something that programs differ about, it notes a doubt, and for
//! each doubt the message is walked again as one such program would ([`views`]); a mail in order is walked once. Last comes mail-parser's
//! reading, of mails with oddities only; see `second`. No type of mail-parser leaves this folder. Encoded bodies are decoded by
//! whoever asks, so nothing is opened here but this one message.
//!
//! What is malformed is read the dangerous way and said: parts in a preamble, parts after the end, a boundary nobody declared.

mod fields;
mod parameters;
mod section;
mod walk;
mod views;
mod rewritten;
mod second;
mod text;
mod rare_charsets;
mod flowed;
mod transfer;
pub mod embedded;
pub mod mbox;
pub mod names;
pub mod odd;
pub mod sweep;

pub(crate) use fields::bounded;
pub use fields::{Fields, Flow};
pub use flowed::unfold as unfold_flowed;
pub use rare_charsets::begins_in_ebcdic;
pub use second::second_reading;
pub use text::{decode as decode_text, old_readings, readings as text_readings};
pub use transfer::{Decoded, Transfer, UuFile, uuencoded};
pub use views::{Views, views};

use super::budget::{Budget, Limit};
use crate::base::limits;
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
    /// Places that are in no part: preambles and epilogues that are not empty. Shown by nobody, but worth a sweep.
    pub outside: Vec<Range<usize>>,
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
pub struct Oddities {
    said: Vec<(&'static str, String)>,
    doubts: Vec<Doubt>,
    /// Bytes of fields that were read in every way.
    field_bytes: usize,
}

/// What programs differ about in a message; each has walks of its own in [`views`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Doubt {
    /// Fields that stand twice with different values.
    Fields,
    /// A type written so that some do not understand it, or one that is no multipart and has a boundary.
    Types,
    /// Several boundaries of one multipart came.
    Boundaries,
    /// Where a header section ends, or what is a field in it.
    Sections,
    /// A delimiter with text behind it.
    Trailing,
    /// A boundary that stands where no line begins.
    Elsewhere,
    /// Multiparts in each other with the same boundary, or one that is ended by the delimiter of another.
    Nesting,
    /// Line ends that only some programs take for such.
    LineEnds,
}

impl Oddities {
    /// Notes one; `id` is a finding's id.
    pub fn note(&mut self, id: &'static str, because: String) {
        let known = self.said.iter().any(|(had, why)| *had == id && *why == because);
        if !known && self.said.len() < limits::ODDITIES_MAX {
            self.said.push((id, because));
        }
    }

    fn doubt(&mut self, doubt: Doubt) {
        if !self.doubts.contains(&doubt) {
            self.doubts.push(doubt);
        }
    }

    /// Every reading of a parameter, as long as not too many fields of the message ask for it.
    fn readings(&mut self, raw: &[u8], parameter: &str) -> Vec<Vec<u8>> {
        if self.field_bytes > limits::ODD_FIELD_BYTES_MAX {
            return Vec::new();
        }
        // Two readings are more work than one; fields in order have one and cost nothing.
        let readings = parameters::readings(raw, parameter);
        if readings.len() > 1 {
            self.field_bytes += raw.len();
        }
        readings
    }

    /// None at all?
    pub fn is_empty(&self) -> bool {
        self.said.is_empty()
    }

    /// All of them: finding id and where.
    pub fn iter(&self) -> impl Iterator<Item = &(&'static str, String)> {
        self.said.iter()
    }

    #[cfg(test)]
    pub(crate) fn ids(&self) -> Vec<&'static str> {
        self.said.iter().map(|(id, _)| *id).collect()
    }
}

/// Splits one message in the usual way. `within` is the section number of the part that holds it, empty for the mail itself.
/// Each leaf is taken from the budget; a message with more has its first ones split and says so.
pub fn split(message: &[u8], within: &str, budget: &mut Budget) -> Split {
    walk::walk(message, within, &walk::Policy::default(), budget).split
}

#[cfg(test)]
mod tests;
