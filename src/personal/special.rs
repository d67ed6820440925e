//! Special categories of personal data (GDPR articles 9 and 10): health, union membership, religion, politics, sexual life, ethnic origin, crime.
//!
//! Words alone are a newsletter: they count where a person is identified, by a number or a row of a register. The words are data, under `[special]` in
//! `rules/personal/*.toml`, stems with `*` as the labels are.

use super::{Confidence, fold, lexicon::Lexicon};
use serde::Deserialize;
use std::{collections::BTreeMap, ops::Range};

/// A category. Its word is the kind in JSON, for ever.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Special {
    /// Health.
    Health,
    /// Membership of a trade union.
    Union,
    /// Religion or belief.
    Religion,
    /// Political opinion.
    Politics,
    /// Sexual life or orientation.
    SexualLife,
    /// Ethnic origin.
    EthnicOrigin,
    /// Criminal convictions and offences (article 10).
    Criminal,
}

impl Special {
    /// All of them.
    pub(super) const ALL: [Special; 7] = [
        Special::Health,
        Special::Union,
        Special::Religion,
        Special::Politics,
        Special::SexualLife,
        Special::EthnicOrigin,
        Special::Criminal,
    ];

    /// From `health`, as the headings of the files of words have it.
    pub(super) fn of_heading(heading: &str) -> Option<Special> {
        Special::ALL.into_iter().find(|one| one.word().strip_prefix("special.") == Some(heading))
    }

    /// `special.health`.
    pub(super) fn word(self) -> &'static str {
        match self {
            Special::Health => "special.health",
            Special::Union => "special.union",
            Special::Religion => "special.religion",
            Special::Politics => "special.politics",
            Special::SexualLife => "special.sexual-life",
            Special::EthnicOrigin => "special.ethnic-origin",
            Special::Criminal => "special.criminal",
        }
    }
}

/// The terms of a language, by category: `health = ["sjukskriv*", …]`.
#[derive(Debug, Default, Deserialize)]
#[serde(transparent)]
pub(super) struct Terms(BTreeMap<String, Vec<String>>);

impl Terms {
    /// Category and term of each; or the heading that is no category.
    pub(super) fn all(self) -> Result<Vec<(Special, String)>, String> {
        let mut all = Vec::new();
        for (heading, terms) in self.0 {
            let of = Special::of_heading(&heading).ok_or(heading)?;
            all.extend(terms.into_iter().map(|term| (of, term)));
        }
        Ok(all)
    }
}

/// Finds terms.
pub(super) struct Finder {
    lexicon: Lexicon,
    /// Category, and whether any ending will do.
    terms: Vec<(Special, bool)>,
}

impl Finder {
    /// Of folded terms.
    pub(super) fn new(terms: Vec<(Special, String, bool)>) -> Finder {
        let lexicon = Lexicon::of(terms.iter().map(|(_, term, _)| term.as_str()));
        Finder { lexicon, terms: terms.into_iter().map(|(of, _, stem)| (of, stem)).collect() }
    }

    /// Where terms stand in a folded text.
    pub(super) fn find(&self, folded: &[u8]) -> Vec<(Special, Range<usize>)> {
        let is_word = |at: Option<usize>| {
            at.and_then(|at| folded.get(at)).is_some_and(|byte| fold::is_word(*byte))
        };
        let mut found = Vec::new();
        self.lexicon.find(folded, |id, place| {
            let Some((of, stem)) = self.terms.get(id) else { return };
            if !is_word(place.start.checked_sub(1)) && (*stem || !is_word(Some(place.end))) {
                found.push((*of, place));
            }
        });
        found
    }
}

/// Near enough to a number to speak of whose it is: some sentences.
const NEAR_BYTES: usize = 400;

/// How sure a category is, by the places of its terms and of persons in one text.
pub(super) fn confidence(terms: &[Range<usize>], persons: &[Range<usize>]) -> Confidence {
    let near = |term: &Range<usize>| {
        persons.iter().any(|person| {
            let gap = if term.start >= person.end {
                term.start - person.end
            } else {
                person.start.saturating_sub(term.end)
            };
            gap <= NEAR_BYTES
        })
    };
    match terms.iter().any(near) {
        true => Confidence::High,
        false => Confidence::Medium,
    }
}
