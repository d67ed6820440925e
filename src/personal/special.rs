//! Special categories of personal data (GDPR articles 9 and 10): health, genetic and biometric data, union membership, religion, politics, sexual life,
//! ethnic origin, crime.
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
    /// Genetic data.
    Genetic,
    /// Biometric data that tell who somebody is.
    Biometric,
    /// Criminal convictions and offences (article 10).
    Criminal,
}

impl Special {
    /// All of them.
    pub(super) const ALL: [Special; 9] = [
        Special::Health,
        Special::Union,
        Special::Religion,
        Special::Politics,
        Special::SexualLife,
        Special::EthnicOrigin,
        Special::Genetic,
        Special::Biometric,
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
            Special::Genetic => "special.genetic",
            Special::Biometric => "special.biometric",
            Special::Criminal => "special.criminal",
        }
    }
}

/// What a word of `[special]` does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Says {
    /// It speaks of a category by itself: `sjukskriv*`.
    Of(Special),
    /// A body whose member, candidate or representative is of a category: under `union-bodies` and its like.
    Body(Special),
    /// What somebody is to a body, before or behind its name: `medlem i`, under `belongs`; or to a body of one category alone, `kandidat*` under
    /// `politics-belongs`.
    Belongs(Option<Special>),
    /// No term within it is one: `diagnostik*`, under `none`.
    Nothing,
    /// What follows in its sentence is said in general: `diskrimineringslag*`, under `general`.
    General,
    /// What follows, up to a comma or the next thing that is said, is somebody's work or where he goes: `works as`, under `occupation`.
    Occupation,
}

impl Says {
    /// All headings, for whoever wrote another.
    pub(super) fn headings() -> Vec<String> {
        let bare = |one: Special| one.word().trim_start_matches("special.").to_string();
        let bodies = Special::ALL.map(|one| format!("{}-bodies", bare(one)));
        let belongs = Special::ALL.map(|one| format!("{}-belongs", bare(one)));
        let words = ["belongs", "none", "general", "occupation"].map(str::to_string);
        Special::ALL.map(bare).into_iter().chain(bodies).chain(belongs).chain(words).collect()
    }

    fn of_heading(heading: &str) -> Option<Says> {
        match heading {
            "belongs" => Some(Says::Belongs(None)),
            "none" => Some(Says::Nothing),
            "general" => Some(Says::General),
            "occupation" => Some(Says::Occupation),
            _ => match heading.rsplit_once('-') {
                Some((of, "bodies")) => Special::of_heading(of).map(Says::Body),
                Some((of, "belongs")) => Special::of_heading(of).map(|of| Says::Belongs(Some(of))),
                _ => Special::of_heading(heading).map(Says::Of),
            },
        }
    }
}

/// The terms of a language, by what they say: `health = ["sjukskriv*", …]`.
#[derive(Debug, Default, Deserialize)]
#[serde(transparent)]
pub(super) struct Terms(BTreeMap<String, Vec<String>>);

impl Terms {
    /// Each with what it says; or the heading that says nothing.
    pub(super) fn all(self) -> Result<Vec<(Says, String)>, String> {
        let mut all = Vec::new();
        for (heading, terms) in self.0 {
            let says = Says::of_heading(&heading).ok_or(heading)?;
            all.extend(terms.into_iter().map(|term| (says, term)));
        }
        Ok(all)
    }
}

/// Finds terms.
pub(super) struct Finder {
    lexicon: Lexicon,
    /// What each says, and whether any ending will do.
    terms: Vec<(Says, bool)>,
}

impl Finder {
    /// Of folded terms.
    pub(super) fn new(terms: Vec<(Says, String, bool)>) -> Finder {
        let lexicon = Lexicon::of(terms.iter().map(|(_, term, _)| term.as_str()));
        Finder { lexicon, terms: terms.into_iter().map(|(says, _, stem)| (says, stem)).collect() }
    }

    /// Where a folded text speaks of a category.
    pub(super) fn find(&self, folded: &[u8]) -> Vec<(Special, Range<usize>)> {
        let is_word = |at: Option<usize>| {
            at.and_then(|at| folded.get(at)).is_some_and(|byte| fold::is_word(*byte))
        };
        let (mut found, mut bodies) = (Vec::new(), Vec::new());
        let mut belongs: Vec<(Range<usize>, Option<Special>)> = Vec::new();
        let mut spared: Vec<Range<usize>> = Vec::new();
        self.lexicon.find(folded, |id, place| {
            let Some((says, stem)) = self.terms.get(id) else { return };
            if is_word(place.start.checked_sub(1)) || (!*stem && is_word(Some(place.end))) {
                return;
            }
            match says {
                Says::Of(special) => found.push((*special, place)),
                Says::Body(special) => bodies.push((*special, place)),
                Says::Belongs(of) => belongs.push((place, *of)),
                Says::Nothing => spared.push(place),
                Says::General => spared.push(place.start..sentence_end(folded, place.end)),
                Says::Occupation => spared.push(place.start..clause_end(folded, place.end)),
            }
        });
        // In the order of the text: only those that begin near are looked at.
        belongs.sort_by_key(|(one, _)| one.start);
        spared.sort_by_key(|one| one.start);
        let is_spared = |place: &Range<usize>| {
            let from = place.start.saturating_sub(SENTENCE_BYTES_MAX + TERM_BYTES_MAX);
            let first = spared.partition_point(|one| one.start < from);
            let near = first..spared.partition_point(|one| one.start <= place.start);
            let mut near = spared.get(near).unwrap_or_default().iter();
            near.any(|spared| place.start < spared.end)
        };
        for (special, body) in bodies {
            let from = body.start.saturating_sub(BEFORE_BODY_BYTES + TERM_BYTES_MAX);
            let first = belongs.partition_point(|(one, _)| one.start < from);
            let last =
                belongs.partition_point(|(one, _)| one.start <= body.end + BEHIND_BODY_BYTES);
            let near = belongs.get(first..last).unwrap_or_default();
            let mut near = near.iter().filter(|(_, of)| of.is_none_or(|of| of == special));
            let one = near.find(|(one, _)| {
                stand_together(folded, one.end..body.start, BEFORE_BODY_BYTES)
                    || stand_together(folded, body.end..one.start, BEHIND_BODY_BYTES)
            });
            // "Labour law" is no body, whoever is a candidate before it.
            if let Some((one, _)) = one.filter(|_| !is_spared(&body)) {
                found.push((special, one.start.min(body.start)..one.end.max(body.end)));
            }
        }
        found.retain(|(_, place)| !is_spared(place));
        found
    }
}

/// No term is longer.
const TERM_BYTES_MAX: usize = 64;

/// Is this gap, from the end of one word to the beginning of another, short and within a sentence?
fn stand_together(text: &[u8], gap: Range<usize>, bytes_max: usize) -> bool {
    let short = gap.start <= gap.end && gap.end - gap.start <= bytes_max;
    let between = text.get(gap).filter(|_| short);
    between.is_some_and(|between| !between.iter().any(|byte| b".!?;\n".contains(byte)))
}

/// Where the sentence ends that goes on at a place.
fn sentence_end(text: &[u8], at: usize) -> usize {
    let rest = text.get(at..).unwrap_or_default();
    let within = rest.iter().take(SENTENCE_BYTES_MAX);
    at + within.take_while(|byte| !b".!?\n".contains(byte)).count()
}

/// Where the next thing begins that is said of somebody.
fn clause_end(text: &[u8], at: usize) -> usize {
    let end = sentence_end(text, at).min(at.saturating_add(CLAUSE_BYTES_MAX));
    let rest = text.get(at..end).unwrap_or_default();
    let ends = CLAUSE_ENDS.iter().filter_map(|word| memchr::memmem::find(rest, word.as_bytes()));
    ends.min().map_or(end, |length| at + length)
}

/// Folded: the words for "and" and "but", and what parts clauses.
const CLAUSE_ENDS: &[&str] = &[
    ",",
    ":",
    " och ",
    " og ",
    " ja ",
    " and ",
    " men ",
    " mutta ",
    " but ",
    " som har ",
    " who ",
];
/// A title and a place of work.
const CLAUSE_BYTES_MAX: usize = 90;
/// From "medlem i" to the body's name: "medlemskortet för Anna Berg, 19900102-9819, i".
const BEFORE_BODY_BYTES: usize = 48;
/// From the body's name to "member": the ending of the name, and some words.
const BEHIND_BODY_BYTES: usize = 32;
/// A sentence is hardly longer.
const SENTENCE_BYTES_MAX: usize = 240;

/// Near enough to a number to speak of whose it is: some sentences.
const NEAR_BYTES: usize = 400;

/// How sure a category is, by the places of its terms and of persons in one text, the persons in their order.
pub(super) fn confidence(terms: &[Range<usize>], persons: &[Range<usize>]) -> Confidence {
    let near = |term: &Range<usize>| nearest(persons, term).is_some_and(|gap| gap <= NEAR_BYTES);
    match terms.iter().any(near) {
        true => Confidence::High,
        false => Confidence::Medium,
    }
}

/// How far the nearest of these is, which are in their order.
pub(super) fn nearest(all: &[Range<usize>], to: &Range<usize>) -> Option<usize> {
    let behind = all.partition_point(|one| one.start < to.start);
    let before = behind.checked_sub(1).and_then(|at| all.get(at));
    let gap =
        |one: &Range<usize>| one.start.saturating_sub(to.end).max(to.start.saturating_sub(one.end));
    before.into_iter().chain(all.get(behind)).map(gap).min()
}
