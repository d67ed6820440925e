//! Personal identifiers as an examination reports them: by kind and part, masked.

use super::{Mark, Personal, open::PersonalData};
use crate::{
    base::{clock::Clock, hidden::Hidden, limits},
    personal::{self, Date, Kind, Piece, Scope, Words},
};
use std::{collections::BTreeSet, sync::Arc};

/// Finds personal data with the words in force.
#[derive(Debug, Clone)]
pub struct Identifiers {
    /// Label words for and against.
    pub words: Arc<Words>,
    /// Nobody is born tomorrow.
    pub clock: Clock,
    /// Give the values too: local tuning only, never in the gateway.
    pub reveal: Reveal,
    /// Mark each value under this key.
    pub marks: Option<MarkKey>,
}

/// What marks are made with. Who has a mark and not this finds no value.
#[derive(Clone, Copy, serde::Serialize, serde::Deserialize)]
pub struct MarkKey(pub [u8; 32]);

impl std::fmt::Debug for MarkKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("MarkKey")
    }
}

impl MarkKey {
    fn mark(&self, kind: &str, value: &str) -> Mark {
        let mut hasher = blake3::Hasher::new_keyed(&self.0);
        hasher.update(kind.as_bytes());
        hasher.update(b"\0");
        hasher.update(value.as_bytes());
        let mut mark = Mark::default();
        hasher.finalize_xof().fill(&mut mark);
        mark
    }
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
    fn read(&self, pieces: &[Piece<'_>], abroad: &[String]) -> (Vec<Personal>, u32) {
        let today = Date::of(self.clock.now());
        let scope = Scope { countries: abroad, ..Scope::new(&self.words, today) };
        let report = personal::read(pieces, &scope);
        let mut left = limits::MARKS_MAX;
        let mut marks = |kind: &str, values: &[Hidden<String>]| {
            let key = self.marks.filter(|_| !kind.starts_with("special.") && kind != "register");
            // A number is one person, in whichever country it is read.
            let mark = |key: MarkKey, value: &str| match Kind::from_word(kind) {
                Some(one) if one.is_of_a_person() => {
                    key.mark("person", &personal::digits_of(value))
                }
                _ => key.mark(kind, value),
            };
            let marked: BTreeSet<Mark> = key
                .map(|key| values.iter().map(|one| mark(key, one.expose())).collect())
                .unwrap_or_default();
            let marked: Vec<Mark> = marked.into_iter().take(left).collect();
            left = left.saturating_sub(marked.len());
            marked
        };
        let lines = report.lines.into_iter().map(|line| Personal {
            marks: marks(line.sum.kind, &line.values),
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::personal::PieceIs;

    #[test]
    fn numbers_from_afar_are_found_where_the_organisation_says_so() {
        let identifiers = Identifiers {
            words: Arc::new(personal::Words::shipped().unwrap()),
            clock: Clock::by_hand(crate::base::clock::UnixMs(1_796_000_000_000)),
            reveal: Reveal::No,
            marks: None,
        };
        // The sample of the Spanish authority.
        let piece = Piece { part: "1", text: "Please send it to 12345678Z.", is: PieceIs::Text };
        let found = |abroad: &[&str]| {
            let abroad: Vec<String> = abroad.iter().map(|one| one.to_string()).collect();
            let (lines, _) = identifiers.read(&[piece], &abroad);
            lines.into_iter().map(|line| (line.kind, line.confidence)).collect::<Vec<_>>()
        };
        assert_eq!(found(&[]), []);
        assert_eq!(found(&["gb"]), []);
        assert!(
            found(&["gb", "es"]).iter().any(|(kind, _)| kind == "es.dni"),
            "{:?}",
            found(&["es"])
        );
    }
}
