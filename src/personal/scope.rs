//! What a scan is told besides the text.

use super::{Date, Kind, Words};

/// Everything outside the text that a reading depends on. Grows by fields with a default, not by arguments.
#[derive(Debug, Clone, Copy)]
pub struct Scope<'a> {
    /// The label words in force.
    pub words: &'a Words,
    /// The day the mail came: nobody is born later.
    pub today: Date,
    /// Countries far from here whose numbers are looked for without a label as well: `gb`, `de`.
    pub countries: &'a [String],
    /// The country whose language the mail speaks, where that is known: `dk`. A scan looks for itself otherwise.
    pub lean: Option<&'static str>,
}

impl<'a> Scope<'a> {
    /// The plain scope.
    pub fn new(words: &'a Words, today: Date) -> Scope<'a> {
        Scope { words, today, countries: &[], lean: None }
    }

    /// Are numbers of this kind looked for without a label?
    pub(super) fn looks_for(&self, kind: Kind) -> bool {
        self.countries.iter().any(|country| country == kind.family())
    }
}
