//! Personal identifiers as an examination reports them: by kind and part, masked.

use super::{Personal, open::PersonalData};
use crate::{
    base::clock::Clock,
    personal::{self, Confidence, Date, Found, Scope, Words},
};
use std::sync::Arc;

/// Finds national identity numbers with the words in force.
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
    fn scan(&self, texts: &[(&str, &str)]) -> Vec<Personal> {
        let scope = Scope::new(&self.words, Date::of(self.clock.now()));
        let mut all = Vec::new();
        for (part, text) in texts {
            let mut found = Vec::new();
            personal::scan(text, &scope, &mut found);
            all.extend(personal::summarise(&found).into_iter().map(|sum| Personal {
                kind: sum.kind.to_string(),
                count: sum.count,
                persons: sum.persons,
                confidence: sum.confidence.word().to_string(),
                part: part.to_string(),
                masked: sum.masked,
                values: self.values(&found, sum.kind, sum.confidence),
            }));
        }
        all
    }
}

impl Identifiers {
    fn values(&self, found: &[Found], kind: &str, confidence: Confidence) -> Vec<String> {
        match self.reveal {
            Reveal::No => Vec::new(),
            Reveal::Values => {
                let doubtful = confidence == Confidence::Low;
                let of = found.iter().filter(|one| {
                    one.kind.word() == kind && (one.confidence == Confidence::Low) == doubtful
                });
                of.map(|one| one.value.expose().clone()).collect()
            }
        }
    }
}
