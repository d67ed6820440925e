//! Rule files to values. Each kind of rule has its own shape; all tell their mistakes in the same way.
//!
//! A file is taken whole or not at all: half a file in force would be a surprise, a file left out is an error with a line number.

pub mod phrases;

/// A mistake in a rule file: where, what, and the mend.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{file}:{line}: {what}; {mend}")]
pub struct RuleError {
    /// The file's name as it was handed in.
    pub file: String,
    /// The line, counted from 1.
    pub line: usize,
    /// What is wrong, with the rule's id and the value.
    pub what: String,
    /// What to write instead.
    pub mend: String,
}
