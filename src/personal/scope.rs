//! What a scan is told besides the text.

use super::{Date, Words};

/// Everything outside the text that a reading depends on. Grows by fields with a default, not by arguments.
#[derive(Debug, Clone, Copy)]
pub struct Scope<'a> {
    /// The label words in force.
    pub words: &'a Words,
    /// The day the mail came: nobody is born later.
    pub today: Date,
}

impl<'a> Scope<'a> {
    /// The plain scope.
    pub fn new(words: &'a Words, today: Date) -> Scope<'a> {
        Scope { words, today }
    }
}
