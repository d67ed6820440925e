//! Phrase rules at work: which turns of phrase from `rules/phrases` stand in a mail.
//!
//! One pass of one Aho-Corasick automaton over each text tells which groups of patterns can hit at all; only the expressions of rules whose
//! every group can hit are run. (One Unicode `RegexSet` of 500 rules reads 0.2 MB a second.)
//! Expressions are built when first needed, so an idle process holds their text only.
//!
//! Invariants: a mail is punished once for each thing said, whatever the language (see [`PhraseRule::family`]); a finding quotes
//! at most [`limits::PHRASE_QUOTE_LETTERS_MAX`] letters, with digits and addresses masked; nothing here is exponential or unbounded.

mod compile;
mod expressions;
mod literals;
mod near;
mod normal;
mod verify;

pub use normal::Normalised;
pub use verify::verify;

use super::Finding;
use crate::{
    base::limits,
    config::{
        policy::Category,
        rules::{
            RuleError,
            phrases::{PhraseRule, Place},
        },
    },
};
use aho_corasick::AhoCorasick;
use compile::Compiling;
use expressions::Expressions;
use near::Spot;
use std::borrow::Cow;

/// All phrase rules in force, compiled. Shared between threads.
#[derive(Debug, Default)]
pub struct Phrases {
    rules: Vec<Phrase>,
    /// One for each group of each rule, by [`Group::number`].
    expressions: Expressions,
    /// `None` when there are no rules.
    literals: Option<AhoCorasick>,
    /// For each literal of the automaton the groups that wait for it.
    waiting: Vec<Vec<usize>>,
}

/// A rule that hit a mail.
#[derive(Debug, Clone, PartialEq)]
pub struct PhraseHit<'a> {
    /// The rule.
    pub rule: &'a PhraseNote,
    /// Where its first group hit.
    pub place: Place,
    /// What hit it: at most [`limits::PHRASE_QUOTE_LETTERS_MAX`] letters, digits and addresses masked.
    pub quote: String,
}

/// What is to be said of a rule.
#[derive(Debug, Clone, PartialEq)]
pub struct PhraseNote {
    /// `phrase.<what>_<language>`.
    pub id: String,
    /// One sentence for the admin.
    pub about: String,
    /// One ASCII sentence for the user.
    pub plain: String,
    /// What kind of trouble.
    pub category: Category,
    /// How much it weighs.
    pub weight: f32,
    /// The id without its language.
    pub family: String,
}

impl PhraseHit<'_> {
    /// As the verdict takes it: about the whole mail, without a demand.
    pub fn finding(&self) -> Finding {
        let place = self.place.word();
        let (because, is_sealed) = match self.place {
            Place::Subject => (format!("{place}: \"{}\"", self.quote), false),
            Place::Body | Place::Hidden => (place.to_string(), true),
        };
        let PhraseNote { id, category, weight, plain, .. } = self.rule;
        let finding = Finding {
            plain: Cow::Owned(plain.clone()),
            ..Finding::new(id.clone(), *category, *weight, because)
        };
        match is_sealed {
            true => finding.quoting(self.quote.as_str()),
            false => finding,
        }
    }
}

impl Phrases {
    /// Compiles rules. A rule that cannot be compiled, or whose id is taken, is left out and told; the others are in force.
    pub fn compile(rules: Vec<PhraseRule>) -> (Phrases, Vec<RuleError>) {
        let mut compiling = Compiling::default();
        let mut errors = Vec::new();
        for rule in rules {
            if let Err((line, what, mend)) = compiling.add(&rule) {
                let what = format!("{}: {what}", rule.id);
                errors.push(RuleError { file: rule.file, line, what, mend: mend.to_string() });
            }
        }
        let phrases = compiling.finish().unwrap_or_else(|error| {
            // The automaton refuses only what exceeds its index type, gigabytes beyond our limits.
            errors.push(RuleError {
                file: "phrase rules".to_string(),
                line: 0,
                what: format!("none is in force: {error}"),
                mend: "take rules out".to_string(),
            });
            Phrases::default()
        });
        (phrases, errors)
    }

    /// Rules that hit, heaviest of each family, in the order of the rules.
    pub fn find(&self, texts: &Normalised) -> Vec<PhraseHit<'_>> {
        let possible = self.possible(texts);
        let hits: Vec<PhraseHit> = self
            .rules
            .iter()
            .filter_map(|rule| rule.find(texts, &possible, &self.expressions))
            .collect();
        heaviest_of_each_family(hits)
    }

    /// How many rules are in force.
    pub fn count(&self) -> usize {
        self.rules.len()
    }

    /// What is said of each rule in force.
    pub fn notes(&self) -> impl Iterator<Item = &PhraseNote> {
        self.rules.iter().map(|rule| &rule.note)
    }

    /// The ids of rules without a literal to look for first; each costs time in every mail, which `rules check` says.
    pub fn slow(&self) -> impl Iterator<Item = &str> {
        self.rules.iter().filter(|rule| rule.is_slow()).map(|rule| rule.note.id.as_str())
    }

    /// In which places each group's literals stand.
    fn possible(&self, texts: &Normalised) -> Vec<PlaceSet> {
        let mut possible = vec![PlaceSet::default(); self.expressions.count()];
        let Some(literals) = &self.literals else { return possible };
        for place in Place::ALL {
            for found in literals.find_overlapping_iter(texts.text(place)) {
                for number in self.waiting.get(found.pattern().as_usize()).into_iter().flatten() {
                    if let Some(places) = possible.get_mut(*number) {
                        places.add(place);
                    }
                }
            }
        }
        possible
    }
}

/// One rule, ready.
#[derive(Debug)]
struct Phrase {
    note: PhraseNote,
    places: PlaceSet,
    within_bytes: usize,
    groups: Vec<Group>,
}

/// Patterns of which any one hits, as one expression.
#[derive(Debug, Clone, Copy)]
struct Group {
    /// The number of its expression.
    number: usize,
    /// Has no literals: it can always hit.
    always: bool,
}

impl Phrase {
    fn find(
        &self,
        texts: &Normalised,
        possible: &[PlaceSet],
        expressions: &Expressions,
    ) -> Option<PhraseHit<'_>> {
        let places: Vec<PlaceSet> =
            self.groups.iter().map(|group| group.possible(possible).and(self.places)).collect();
        if places.iter().any(PlaceSet::is_empty) {
            return None;
        }
        let mut spots = Vec::with_capacity(self.groups.len());
        for (group, places) in self.groups.iter().zip(places) {
            let found = group.spots(texts, places, expressions);
            if found.is_empty() {
                return None;
            }
            spots.push(found);
        }
        let spot = near::together(&spots, self.within_bytes)?;
        let quote = texts.text(spot.place).get(spot.start..spot.end).unwrap_or_default();
        Some(PhraseHit { rule: &self.note, place: spot.place, quote: masked(quote) })
    }

    /// Numbers of the groups, from 1, that find nothing at all.
    fn unmet(&self, texts: &Normalised, expressions: &Expressions) -> Vec<usize> {
        let counted = (1..).zip(&self.groups);
        let unmet =
            counted.filter(|(_, group)| group.spots(texts, self.places, expressions).is_empty());
        unmet.map(|(number, _)| number).collect()
    }

    fn is_slow(&self) -> bool {
        self.groups.iter().all(|group| group.always)
    }
}

impl Group {
    fn possible(&self, possible: &[PlaceSet]) -> PlaceSet {
        match self.always {
            true => PlaceSet::ALL,
            false => possible.get(self.number).copied().unwrap_or_default(),
        }
    }

    fn spots(&self, texts: &Normalised, places: PlaceSet, expressions: &Expressions) -> Vec<Spot> {
        let Some(regex) = expressions.get(self.number) else { return Vec::new() };
        let in_place = |place: Place| {
            let found = regex.find_iter(texts.text(place)).take(limits::PHRASE_MATCHES_MAX);
            found.map(move |found| Spot { place, start: found.start(), end: found.end() })
        };
        Place::ALL.into_iter().filter(|place| places.has(*place)).flat_map(in_place).collect()
    }
}

impl Phrase {
    fn new(rule: &PhraseRule, groups: Vec<Group>) -> Phrase {
        let mut places = PlaceSet::default();
        rule.places.iter().for_each(|place| places.add(*place));
        let note = PhraseNote {
            id: rule.id.clone(),
            about: rule.about.clone(),
            plain: rule.plain.clone(),
            category: rule.category,
            weight: rule.weight,
            family: rule.family().to_string(),
        };
        Phrase { note, places, within_bytes: rule.within_bytes, groups }
    }
}

fn heaviest_of_each_family(hits: Vec<PhraseHit<'_>>) -> Vec<PhraseHit<'_>> {
    let mut heaviest: Vec<PhraseHit> = Vec::with_capacity(hits.len());
    for hit in hits {
        match heaviest.iter_mut().find(|other| other.rule.family == hit.rule.family) {
            None => heaviest.push(hit),
            Some(other) if other.rule.weight < hit.rule.weight => *other = hit,
            Some(_) => (),
        }
    }
    heaviest
}

/// A quote for the admin. Gaps in a pattern can take in a number or an address: those are nobody's business.
fn masked(quote: &str) -> String {
    let mut safe = String::new();
    for word in quote.split_inclusive([' ', '\n']) {
        match word.contains('@') {
            true => safe.push_str("(address) "),
            false => safe.extend(word.chars().map(|c| if c.is_numeric() { '#' } else { c })),
        }
    }
    let end =
        safe.char_indices().nth(limits::PHRASE_QUOTE_LETTERS_MAX).map_or(safe.len(), |(at, _)| at);
    safe.truncate(end);
    safe.trim_end().to_string()
}

/// A set of places.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct PlaceSet(u8);

impl PlaceSet {
    const ALL: PlaceSet = PlaceSet(7);

    fn bit(place: Place) -> u8 {
        match place {
            Place::Subject => 1,
            Place::Body => 2,
            Place::Hidden => 4,
        }
    }

    fn add(&mut self, place: Place) {
        self.0 |= PlaceSet::bit(place);
    }

    fn has(self, place: Place) -> bool {
        self.0 & PlaceSet::bit(place) != 0
    }

    fn and(self, other: PlaceSet) -> PlaceSet {
        PlaceSet(self.0 & other.0)
    }

    fn is_empty(&self) -> bool {
        self.0 == 0
    }
}

#[cfg(test)]
mod testing {
    use super::*;
    use crate::config::rules::phrases::parse;

    /// Rules from lines of `id in patterns…`, one group for each pattern; "slow" rules have short ones.
    pub(super) fn rules(lines: &[(&str, &str, f32, &[&str])]) -> Vec<PhraseRule> {
        let rule = |(id, places, weight, groups): &(&str, &str, f32, &[&str])| {
            let groups: Vec<String> =
                groups.iter().map(|pattern| format!("['{pattern}']")).collect();
            format!(
                "[[rule]]\nid = \"phrase.{id}\"\nabout = \"A.\"\nplain = \"P.\"\ncategory = \"spam\"\n\
                 languages = [\"sv\", \"nb\"]\nweight = {weight:.1}\nin = {places}\nwithin = 50\nall = [{}]\n\
                 examples.hit = [\"a\"]\nexamples.miss = [\"b\"]\n",
                groups.join(", ")
            )
        };
        parse("test.toml", &lines.iter().map(rule).collect::<String>()).unwrap()
    }
}

#[cfg(test)]
mod tests {
    use super::{testing::rules, *};

    fn compiled(lines: &[(&str, &str, f32, &[&str])]) -> Phrases {
        let (phrases, errors) = Phrases::compile(rules(lines));
        assert_eq!(errors, []);
        phrases
    }

    fn ids(hits: &[PhraseHit]) -> Vec<String> {
        hits.iter().map(|hit| hit.rule.id.clone()).collect()
    }

    #[test]
    fn a_rule_hits_where_it_looks_and_when_every_group_does() {
        let phrases = compiled(&[
            ("one", "[\"body\"]", 1.0, &["paket"]),
            ("two", "[\"body\", \"subject\"]", 1.0, &["paket", "avgift"]),
            ("dark", "[\"hidden\"]", 1.0, &["paket"]),
            ("slow", "[\"subject\"]", 1.0, &["[0-9]{3}"]),
            ("half_slow", "[\"body\"]", 1.0, &["btc", "plånbok"]),
        ]);
        assert_eq!(phrases.slow().collect::<Vec<_>>(), ["phrase.slow"]);
        for (subject, body, want) in [
            ("", "Ditt PAKET", &["phrase.one"][..]),
            ("paket", "", &[]),
            ("Avgift", "ett paket", &["phrase.one", "phrase.two"]),
            ("Paket 123", "avgift", &["phrase.two", "phrase.slow"]),
            ("", "min plånbok med BTC", &["phrase.half_slow"]),
            ("", "min plånbok", &[]),
        ] {
            let texts = Normalised::only(Place::Body, body).with_subject(subject);
            assert_eq!(ids(&phrases.find(&texts)), want, "{subject} / {body}");
        }
        let texts = Normalised::only(Place::Hidden, "paket avgift");
        assert_eq!(ids(&phrases.find(&texts)), ["phrase.dark"]);
    }

    #[test]
    fn one_thing_said_in_two_languages_counts_once() {
        let phrases = compiled(&[
            ("fee_sv", "[\"body\"]", 1.0, &["paket"]),
            ("fee_nb", "[\"body\"]", 2.0, &["paket"]),
            ("other", "[\"body\"]", 1.0, &["paket"]),
        ]);
        let texts = Normalised::only(Place::Body, "paket");
        assert_eq!(ids(&phrases.find(&texts)), ["phrase.fee_nb", "phrase.other"]);
    }

    #[test]
    fn a_finding_says_where_and_shows_no_number_or_address() {
        let phrases = compiled(&[("p", "[\"body\"]", 1.0, &["paket.*"])]);
        let texts = Normalised::only(
            Place::Body,
            "Paket 8112189876 till a@b.example i Umeå, hämta det senast i dag",
        );
        let finding = phrases.find(&texts)[0].finding();
        assert_eq!(finding.because, "body", "what the body says is not stored");
        assert_eq!(finding.in_full(), "body: \"paket ########## till (address) i umeå,\"");
        assert_eq!((finding.id.as_ref(), finding.weight), ("phrase.p", 1.0));
    }

    #[test]
    fn no_rules_no_hits() {
        let texts = Normalised::only(Place::Body, "paket");
        assert!(Phrases::default().find(&texts).is_empty());
        assert!(Phrases::compile(Vec::new()).0.find(&texts).is_empty());
    }

    #[test]
    fn threads_share_it() {
        fn shared<T: Send + Sync>() {}
        shared::<Phrases>();
    }
}
