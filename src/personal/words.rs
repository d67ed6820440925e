//! The words around numbers: labels that name an identifier, words that name something else.
//!
//! They are data, `rules/personal/*.toml`, a file for each language; an operator's folder may add more. A mail may be in
//! any language and often in two, so all are in force at once.

use super::{
    Kind, birth, fold,
    lexicon::Lexicon,
    members::{self, Said},
    secrets::{FoundSecret, Secrets},
    special::{self, Says, Special, Terms},
};
use crate::base::limits;
use serde::Deserialize;
use std::{collections::BTreeMap, fmt, ops::Range};

/// The words in force. Made once, shared by all scans, replaced as a whole on reload.
pub struct Words {
    lexicon: Lexicon,
    entries: Vec<Entry>,
    special: special::Finder,
    secrets: Secrets,
    births: birth::Labels,
    members: members::Finder,
}

struct Entry {
    meaning: Meaning,
    /// Written with `*`: any ending is the same word.
    stem: bool,
}

/// What a word says of a number near it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Meaning {
    /// It is an identifier of one of these kinds; `any`: of whatever country.
    Names {
        /// Which.
        kinds: Vec<Kind>,
        /// The word says nothing of the country.
        any: bool,
    },
    /// It may be one, and is public: the number of a firm, which a sole trader's own number also is.
    Neutral,
    /// It is something else.
    Denies,
    /// It is an amount, when the word follows at once.
    Unit,
}

/// A word met in a text.
#[derive(Debug)]
pub(super) struct Label<'a> {
    pub(super) start: usize,
    pub(super) end: usize,
    pub(super) meaning: &'a Meaning,
}

/// One file of words.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WordFile {
    /// For people; all languages are in force at once.
    #[serde(rename = "language")]
    _language: String,
    /// By kind (`se.personnummer`), by family (`se`), or `any`.
    #[serde(default)]
    names: BTreeMap<String, Vec<String>>,
    #[serde(default)]
    neutral: Vec<String>,
    #[serde(default)]
    denies: Vec<String>,
    #[serde(default)]
    units: Vec<String>,
    /// Terms of special categories, by category.
    #[serde(default)]
    special: Terms,
    /// Words before dates of birth.
    #[serde(default)]
    birth: birth::Words,
    /// Words of member lists, by what they say.
    #[serde(default)]
    members: members::Words,
}

/// Why a file of words was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadWords {
    /// It is not TOML of the expected form.
    #[error("{file}: {because}")]
    Form {
        /// Which file.
        file: String,
        /// What the reader says, with the line.
        because: String,
    },
    /// A heading under `[names]` is no kind.
    #[error("{file}: {word:?} under [names] is no kind of personal data (known: {known})")]
    Kind {
        /// Which file.
        file: String,
        /// What was written.
        word: String,
        /// What could have been.
        known: String,
    },
    /// A heading under `[special]` is no category.
    #[error("{file}: {word:?} under [special] is no category (known: {known})")]
    Special {
        /// Which file.
        file: String,
        /// What was written.
        word: String,
        /// What could have been.
        known: String,
    },
    /// A heading under `[members]` says nothing.
    #[error("{file}: {word:?} under [members] says nothing of a list (known: {known})")]
    Members {
        /// Which file.
        file: String,
        /// What was written.
        word: String,
        /// What could have been.
        known: String,
    },
    /// A word that would be found everywhere or nowhere.
    #[error("{file}: {word:?} is no label: write at least two letters, and `*` only at the end")]
    Word {
        /// Which file.
        file: String,
        /// What was written.
        word: String,
    },
    /// More words than the bound `PERSONAL_WORDS_MAX`.
    #[error("{words} label words, at most {max} are allowed")]
    TooMany {
        /// How many there are.
        words: usize,
        /// How many there may be.
        max: usize,
    },
}

impl Words {
    /// The words that come with the program. An error is a fault of the build; a test would have met it.
    pub fn shipped() -> Result<Words, BadWords> {
        Words::read(SHIPPED)
    }

    /// Reads files of words: pairs of a name for messages and the text. All together are in force.
    pub fn read(files: &[(&str, &str)]) -> Result<Words, BadWords> {
        let mut all = Collected::default();
        for (file, text) in files {
            let parsed = toml::from_str(text).map_err(|error| BadWords::Form {
                file: file.to_string(),
                because: error.to_string(),
            })?;
            all.add(file, parsed)?;
        }
        let (words, max) = (all.count(), limits::PERSONAL_WORDS_MAX);
        if words > max {
            return Err(BadWords::TooMany { words, max });
        }
        Ok(Words {
            lexicon: Lexicon::of(all.patterns.iter().map(String::as_str)),
            entries: all.entries,
            special: special::Finder::new(all.terms),
            secrets: Secrets::new(),
            births: all.births,
            members: members::Finder::new(all.members),
        })
    }

    /// What a text says of a list of members.
    pub(super) fn members(&self, text: &str) -> Said {
        self.members.read(text)
    }

    /// The words before dates of birth.
    pub(super) fn births(&self) -> &birth::Labels {
        &self.births
    }

    /// Terms of special categories in a folded text.
    pub(super) fn special(&self, folded: &[u8]) -> Vec<(Special, Range<usize>)> {
        self.special.find(folded)
    }

    /// Secrets in a text.
    pub(super) fn secrets(&self, text: &str) -> Vec<FoundSecret> {
        self.secrets.find(text)
    }

    /// Every word in a folded text, by its end; where two end together, the longer last.
    pub(super) fn labels(&self, text: &[u8]) -> Vec<Label<'_>> {
        let mut labels = Vec::new();
        self.lexicon.find(text, |id, place| {
            let Some(entry) = self.entries.get(id) else { return };
            let before = place.start.checked_sub(1).and_then(|at| text.get(at));
            let whole = !before.is_some_and(|byte| fold::is_word(*byte));
            let ending = ending(text, place.end);
            if whole && (entry.stem || ending == 0) {
                let end = place.end + ending;
                labels.push(Label { start: place.start, end, meaning: &entry.meaning });
            }
        });
        labels.sort_by_key(|label| (label.end, std::cmp::Reverse(label.start)));
        labels
    }
}

impl fmt::Debug for Words {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Words({} label words)", self.entries.len())
    }
}

/// What the files hold, folded: each word with whether any ending will do.
#[derive(Default)]
struct Collected {
    patterns: Vec<String>,
    entries: Vec<Entry>,
    terms: Vec<(Says, String, bool)>,
    births: birth::Labels,
    members: Vec<(members::Meaning, String, bool)>,
}

impl Collected {
    fn count(&self) -> usize {
        self.entries.len() + self.terms.len() + self.births.len() + self.members.len()
    }

    fn add(&mut self, file: &str, mut parsed: WordFile) -> Result<(), BadWords> {
        let special = std::mem::take(&mut parsed.special).all();
        let special = special.map_err(|heading| BadWords::Special {
            file: file.to_string(),
            word: heading,
            known: Says::headings().join(", "),
        })?;
        for (says, term) in special {
            let (pattern, stem) = pattern(file, &term)?;
            self.terms.push((says, pattern, stem));
        }
        let members = std::mem::take(&mut parsed.members).all();
        let members = members.map_err(|heading| BadWords::Members {
            file: file.to_string(),
            word: heading,
            known: members::Words::headings().join(", "),
        })?;
        for (meaning, word) in members {
            let (pattern, stem) = pattern(file, &word)?;
            self.members.push((meaning, pattern, stem));
        }
        let birth = std::mem::take(&mut parsed.birth);
        for (words, to) in [
            (birth.sure, &mut self.births.sure),
            (birth.weak, &mut self.births.weak),
            (birth.between, &mut self.births.between),
        ] {
            let folded = words.iter().map(|word| folded(file, word, ONE_LETTER));
            to.extend(folded.collect::<Result<Vec<_>, _>>()?);
        }
        for (meaning, word) in parsed.meanings(file)? {
            let (pattern, stem) = pattern(file, &word)?;
            self.patterns.push(pattern);
            self.entries.push(Entry { meaning, stem });
        }
        Ok(())
    }
}

impl WordFile {
    fn meanings(self, file: &str) -> Result<Vec<(Meaning, String)>, BadWords> {
        let mut all = Vec::new();
        for (heading, words) in self.names {
            let any = heading == "any";
            let kinds = kinds_of(&heading).ok_or_else(|| BadWords::Kind {
                file: file.to_string(),
                word: heading,
                known: Kind::ALL.map(Kind::word).join(", "),
            })?;
            let names = Meaning::Names { kinds, any };
            all.extend(words.into_iter().map(|word| (names.clone(), word)));
        }
        for (meaning, words) in [
            (Meaning::Neutral, self.neutral),
            (Meaning::Denies, self.denies),
            (Meaning::Unit, self.units),
        ] {
            all.extend(words.into_iter().map(|word| (meaning.clone(), word)));
        }
        Ok(all)
    }
}

/// The kinds that a heading means; `None` for a heading that means none.
fn kinds_of(heading: &str) -> Option<Vec<Kind>> {
    let meant =
        |kind: &Kind| heading == "any" || heading == kind.family() || heading == kind.word();
    let kinds: Vec<Kind> = Kind::ALL.into_iter().filter(meant).collect();
    (!kinds.is_empty()).then_some(kinds)
}

/// The folded word, and whether any ending will do. It is looked for in all of a text, so it has two letters at least.
fn pattern(file: &str, word: &str) -> Result<(String, bool), BadWords> {
    folded(file, word, 2)
}

/// The same with so many letters at least.
fn folded(file: &str, word: &str, letters_min: usize) -> Result<(String, bool), BadWords> {
    let (bare, stem) = match word.strip_suffix('*') {
        Some(bare) => (bare, true),
        None => (word, false),
    };
    let pattern = fold::folded(bare);
    let letters = pattern.bytes().filter(u8::is_ascii_alphabetic).count();
    if letters < letters_min
        || pattern.contains('*')
        || !pattern.is_ascii()
        || pattern.trim() != pattern
    {
        return Err(BadWords::Word { file: file.to_string(), word: word.to_string() });
    }
    Ok((pattern, stem))
}

/// How many letters the word goes on after a place.
fn ending(text: &[u8], at: usize) -> usize {
    let rest = text.get(at..).unwrap_or_default();
    rest.iter().take(WORD_BYTES_MAX).take_while(|byte| fold::is_word(**byte)).count()
}

/// A word that is looked for only directly before a date: `f.`.
const ONE_LETTER: usize = 1;
/// No word of any of our languages has a longer ending; a string of letters beyond is no word.
const WORD_BYTES_MAX: usize = 40;

const SHIPPED: &[(&str, &str)] = &[
    ("rules/personal/sv.toml", include_str!("../../rules/personal/sv.toml")),
    ("rules/personal/fi.toml", include_str!("../../rules/personal/fi.toml")),
    ("rules/personal/nb.toml", include_str!("../../rules/personal/nb.toml")),
    ("rules/personal/da.toml", include_str!("../../rules/personal/da.toml")),
    ("rules/personal/en.toml", include_str!("../../rules/personal/en.toml")),
    ("rules/personal/is.toml", include_str!("../../rules/personal/is.toml")),
    ("rules/personal/de.toml", include_str!("../../rules/personal/de.toml")),
    ("rules/personal/others.toml", include_str!("../../rules/personal/others.toml")),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(words: &Words, text: &str) -> Vec<String> {
        let folded = fold::folded(text);
        let found = words.labels(folded.as_bytes());
        found.iter().map(|label| folded[label.start..label.end].to_string()).collect()
    }

    #[test]
    fn whole_words_and_stems() {
        let words = Words::read(&[(
            "test.toml",
            "language = 'sv'
             denies = ['order*', 'tel']
             [names]
             se = ['pers.nr', 'födelsenummer*']
             'fi.henkilotunnus' = ['hetu*']",
        )])
        .unwrap();
        for (text, want) in [
            ("Pers.nr: 1", &["pers.nr"][..]),
            ("FÖDELSENUMRET", &[]),
            ("Fo\u{308}delsenumrets", &[]),
            ("födelsenummers", &["fodelsenummers"]),
            ("hetunsa orderns", &["hetunsa", "orderns"]),
            ("telefon reorder hotel", &[]),
            ("tel-nr", &["tel"]),
        ] {
            assert_eq!(labels(&words, text), want, "{text}");
        }
        assert_eq!(format!("{words:?}"), "Words(5 label words)");
    }

    #[test]
    fn the_shipped_words_are_right_and_say_what_they_should() {
        let words = Words::shipped().unwrap();
        for (text, kind) in [
            ("personnumret", Kind::SePersonnummer),
            ("Samordningsnr", Kind::SeSamordningsnummer),
            ("henkilötunnuksella", Kind::FiHenkilotunnus),
            ("personbeteckning", Kind::FiHenkilotunnus),
            ("identity number", Kind::SeInterim),
        ] {
            let folded = fold::folded(text);
            let labels = words.labels(folded.as_bytes());
            let names = |label: &Label<'_>| matches!(label.meaning, Meaning::Names { kinds, .. } if kinds.contains(&kind));
            assert!(labels.iter().any(names), "{text}");
        }
    }

    #[test]
    fn a_bad_file_says_what_is_wrong() {
        let refuse = |text: &str| Words::read(&[("x.toml", text)]).unwrap_err().to_string();
        assert!(refuse("language = 'sv'\nnames.xx = ['a']").contains("\"xx\" under [names]"));
        assert!(refuse("language = 'sv'\ndenies = ['a*b']").contains("\"a*b\" is no label"));
        assert!(refuse("language = 'sv'\ndenies = ['номер']").contains("is no label"));
        assert!(refuse("language = 'sv'\ndenis = []").contains("unknown field"));
        let refused = refuse("language = 'sv'\n[members]\nunions = ['facket']");
        assert!(refused.contains("\"unions\" under [members]") && refused.contains("lists"));
        assert!(
            refuse("language = 'sv'\n[members]\nunion = ['f*x']").contains("\"f*x\" is no label")
        );
        assert!(refuse("language = 'sv'\n[birth]\nsur = ['a']").contains("unknown field `sur`"));
        assert!(refuse("language = 'sv'\n[birth]\nweak = ['1.']").contains("\"1.\" is no label"));
        assert!(refuse("names = 1").starts_with("x.toml: "));
    }
}
