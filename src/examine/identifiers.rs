//! Personal identifiers as an examination reports them: by kind and part, masked.

use super::{Personal, open::PersonalData};
use crate::{
    base::clock::Clock,
    personal::{self, Date, Piece, Scope, Words},
};
use std::sync::Arc;

/// Finds personal data with the words in force.
#[derive(Debug, Clone)]
pub struct Identifiers {
    /// Label words for and against.
    pub words: Arc<Words>,
    /// Nobody is born tomorrow.
    pub clock: Clock,
    /// Give the values too: local tuning only, never in the gateway.
    pub reveal: Reveal,
}

/// Are values given, or masks only?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reveal {
    /// Masks only.
    No,
    /// `scan --reveal`.
    Values,
}

impl PersonalData for Identifiers {
    fn read(&self, pieces: &[Piece<'_>]) -> (Vec<Personal>, u32) {
        let scope = Scope::new(&self.words, Date::of(self.clock.now()));
        let report = personal::read(pieces, &scope);
        let lines = report.lines.into_iter().map(|line| Personal {
            kind: line.sum.kind.to_string(),
            count: line.sum.count,
            persons: line.sum.persons,
            confidence: line.sum.confidence.word().to_string(),
            part: line.part,
            quoted: line.quoted,
            masked: line.sum.masked,
            values: match self.reveal {
                Reveal::No => Vec::new(),
                Reveal::Values => line.values.iter().map(|one| one.expose().clone()).collect(),
            },
        });
        (lines.collect(), report.persons)
    }
}
