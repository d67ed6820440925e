//! What ordinary people read, in their language: one catalogue a language, `en.toml` and its sisters, read once.
//!
//! Every language has every key with the same placeholders, and the sources use no key that is not there; tests hold both.
//! Whoever shows words calls the catalogue `words`, so that those tests find the keys: `words.say("digest.deliver", &[])`.

use crate::{
    base::{clock::UnixMs, local::Zone},
    wire::report::Language,
};
use std::{collections::HashMap, sync::LazyLock};

/// The words of one language.
#[derive(Debug)]
pub struct Words {
    language: Language,
    sentences: HashMap<String, Sentence>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Sentence {
    Plain(String),
    Counted { one: String, other: String },
}

impl Words {
    /// The catalogue of a language.
    pub fn of(language: Language) -> &'static Words {
        match language {
            Language::En => &ENGLISH,
            Language::Sv => &SWEDISH,
            Language::Fi => &FINNISH,
            Language::Nb => &NORWEGIAN,
            Language::Da => &DANISH,
        }
    }

    /// Which language it is.
    pub fn language(&self) -> Language {
        self.language
    }

    /// A sentence, with each `{name}` in it replaced by its value. Values are put in as they are: who writes a page escapes them.
    pub fn say(&self, key: &str, values: &[(&str, &str)]) -> String {
        match self.sentences.get(key) {
            Some(Sentence::Plain(text) | Sentence::Counted { other: text, .. }) => {
                fill(text, values)
            }
            // A test sees to it that no source does this; should one, the key tells more than nothing.
            None => key.to_string(),
        }
    }

    /// A sentence about so many things, its number at `{n}`. All our languages say "one" of 1 alone.
    pub fn count(&self, key: &str, n: usize, values: &[(&str, &str)]) -> String {
        let number = n.to_string();
        let with_number: Vec<(&str, &str)> =
            values.iter().copied().chain([("n", number.as_str())]).collect();
        match self.sentences.get(key) {
            Some(Sentence::Counted { one, .. }) if n == 1 => fill(one, &with_number),
            Some(Sentence::Counted { other, .. }) => fill(other, &with_number),
            Some(Sentence::Plain(text)) => fill(text, &with_number),
            None => key.to_string(),
        }
    }

    /// Day and time, as this language writes them: `27 november kl. 13.05`.
    pub fn moment(&self, at: UnixMs, zone: &Zone) -> String {
        self.calendar("when.moment", at, zone)
    }

    /// The day: `27 november`.
    pub fn date(&self, at: UnixMs, zone: &Zone) -> String {
        self.calendar("when.date", at, zone)
    }

    fn calendar(&self, key: &str, at: UnixMs, zone: &Zone) -> String {
        let local = zone.show(at);
        let month = self.say(&format!("when.month-{}", local.month), &[]);
        self.say(
            key,
            &[
                ("day", &local.day.to_string()),
                ("month", &month),
                ("hour", &format!("{:02}", local.hour)),
                ("minute", &format!("{:02}", local.minute)),
            ],
        )
    }
}

/// In one pass, so that a value with braces in it is not taken for a placeholder.
fn fill(text: &str, values: &[(&str, &str)]) -> String {
    let mut filled = String::with_capacity(text.len() + 32);
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('{') {
        filled.push_str(before);
        let Some((name, behind)) = after.split_once('}') else {
            filled.push('{');
            rest = after;
            continue;
        };
        let value = values.iter().find(|(known, _)| *known == name);
        filled.push_str(value.map_or("", |(_, value)| value));
        rest = behind;
    }
    filled.push_str(rest);
    filled
}

static ENGLISH: LazyLock<Words> = LazyLock::new(|| read(Language::En, include_str!("en.toml")));
static SWEDISH: LazyLock<Words> = LazyLock::new(|| read(Language::Sv, include_str!("sv.toml")));
static FINNISH: LazyLock<Words> = LazyLock::new(|| read(Language::Fi, include_str!("fi.toml")));
static NORWEGIAN: LazyLock<Words> = LazyLock::new(|| read(Language::Nb, include_str!("nb.toml")));
static DANISH: LazyLock<Words> = LazyLock::new(|| read(Language::Da, include_str!("da.toml")));

/// The files come with the program; a test reads them all.
fn read(language: Language, text: &str) -> Words {
    let table: toml::Table = toml::from_str(text).unwrap_or_default();
    let mut sentences = HashMap::new();
    for (group, members) in &table {
        for (name, value) in members.as_table().into_iter().flatten() {
            sentences.extend(sentence(value).map(|sentence| (format!("{group}.{name}"), sentence)));
        }
    }
    Words { language, sentences }
}

fn sentence(value: &toml::Value) -> Option<Sentence> {
    let form = |name: &str| value.get(name)?.as_str().map(str::to_string);
    match value.as_str() {
        Some(text) => Some(Sentence::Plain(text.to_string())),
        None => Some(Sentence::Counted { one: form("one")?, other: form("other")? }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{collections::BTreeSet, fs, path::Path};

    fn placeholders(text: &str) -> BTreeSet<String> {
        let inside = text.split('{').skip(1).filter_map(|rest| rest.split_once('}'));
        inside.map(|(name, _)| name.to_string()).collect()
    }

    fn of_sentence(sentence: &Sentence) -> BTreeSet<String> {
        match sentence {
            Sentence::Plain(text) => placeholders(text),
            Sentence::Counted { one, other } => {
                assert_eq!(placeholders(one), placeholders(other), "{one}");
                placeholders(one)
            }
        }
    }

    #[test]
    fn every_language_has_every_key_with_the_same_placeholders() {
        let english = Words::of(Language::En);
        assert!(english.sentences.len() > 50);
        let keys = |words: &Words| words.sentences.keys().cloned().collect::<BTreeSet<_>>();
        for language in Language::ALL {
            let words = Words::of(language);
            assert_eq!(keys(words), keys(english), "{language:?}");
            for (key, sentence) in &words.sentences {
                let theirs = of_sentence(sentence);
                assert_eq!(theirs, of_sentence(&english.sentences[key]), "{language:?} {key}");
            }
        }
    }

    #[test]
    fn no_source_uses_a_key_that_is_not_there() {
        let key = regex::Regex::new(r#"words\s*\.(?:say|count)\(\s*"([^"]+)""#).unwrap();
        let known = &Words::of(Language::En).sentences;
        let (mut used, mut folders) = (0, vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("src")]);
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                    continue;
                }
                let text = fs::read_to_string(&path).unwrap_or_default();
                for found in key.captures_iter(&text) {
                    used += 1;
                    let literal = &found[1];
                    assert!(known.contains_key(literal), "{}: {literal}", path.display());
                }
            }
        }
        assert!(used > 0);
    }

    #[test]
    fn sentences_are_filled_once_and_counted_by_their_number() {
        let words = Words::of(Language::Sv);
        assert_eq!(words.count("digest.likely", 1, &[]), "(1 troligen viktigt)");
        assert_eq!(words.count("digest.likely", 2, &[]), "(2 troligen viktiga)");
        let said = words.say("digest.attached", &[("names", "{n}.pdf")]);
        assert_eq!(said, "Bifogat: {n}.pdf", "a value is no sentence of ours");
        assert_eq!(fill("{a", &[("a", "x")]), "{a");
    }

    #[test]
    fn dates_look_as_people_write_them() {
        let zone = Zone::parse("Europe/Stockholm").unwrap();
        let at = UnixMs(1_795_780_800_000 + 5 * 60_000);
        for (language, moment, date) in [
            (Language::En, "27 November, 13:05", "27 November"),
            (Language::Sv, "27 november kl. 13.05", "27 november"),
            (Language::Fi, "27.11. klo 13.05", "27.11."),
            (Language::Nb, "27. november kl. 13.05", "27. november"),
            (Language::Da, "27. november kl. 13.05", "27. november"),
        ] {
            let words = Words::of(language);
            assert_eq!(
                (words.moment(at, &zone), words.date(at, &zone)),
                (moment.into(), date.into())
            );
        }
    }
}
