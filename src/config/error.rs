//! What is wrong in a file of the operator's: where, what, and the mend.

use std::path::{Path, PathBuf};
use toml::de::{DeTable, DeValue};

/// A mistake in a configuration or rule file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}:{line}:{column}: {message}{}", file.display(), if mend.is_empty() { String::new() } else { format!("; {mend}") })]
pub struct ConfigError {
    /// The file.
    pub file: PathBuf,
    /// From 1.
    pub line: usize,
    /// From 1, in characters.
    pub column: usize,
    /// What is wrong.
    pub message: String,
    /// What to do about it; may be empty.
    pub mend: String,
}

/// One step on the way to a value: `domain`, the second one, `policy`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// A key of a table.
    Key(&'static str),
    /// A place in a list, from 0. Where one table stands instead of a list, it is that table.
    At(usize),
}

impl ConfigError {
    /// From what the TOML reader says.
    pub fn from_toml(file: &Path, text: &str, error: &toml::de::Error) -> ConfigError {
        let at = error.span().map_or(0, |span| span.start);
        let (line, column) = position(text, at);
        let (message, mend) = explain(error);
        ConfigError { file: file.to_path_buf(), line, column, message, mend }
    }

    /// About a value in the file, or the nearest thing around it that is written there.
    pub fn at(
        file: &Path,
        text: &str,
        place: &[Step],
        message: String,
        mend: String,
    ) -> ConfigError {
        let (line, column) = position(text, locate(text, place));
        ConfigError { file: file.to_path_buf(), line, column, message, mend }
    }

    /// About a file that could not be read at all.
    pub fn unreadable(file: &Path, why: &std::io::Error) -> ConfigError {
        ConfigError {
            file: file.to_path_buf(),
            line: 1,
            column: 1,
            message: format!("cannot be read: {why}"),
            mend: String::new(),
        }
    }
}

/// What the TOML reader says, and the mend, without a place.
pub(super) fn explain(error: &toml::de::Error) -> (String, String) {
    let message = in_our_words(&error.message().replace('\n', " "));
    let mend = match nearest_key(&message) {
        Some(near) => format!("did you mean {near:?}?"),
        None => match unknown_field(&message) {
            Some(near) => format!("the nearest are {}", near.join(", ")),
            None => String::new(),
        },
    };
    // The list of all keys is for the manual; the nearest ones are what helps.
    let short = match (message.split_once(", expected"), mend.is_empty()) {
        (Some((short, _)), false) => short,
        _ => &message,
    };
    (short.trim().to_string(), mend)
}

/// What was expected, in the words of whoever writes a file and not of whoever wrote the program.
fn in_our_words(message: &str) -> String {
    let Some((before, expected)) = message.rsplit_once(", expected ") else {
        return message.to_string();
    };
    let expected = match expected.trim() {
        "f32" | "f64" => "a number",
        "u8" | "u16" | "u32" | "u64" | "usize" => "a whole number from 0 up",
        "i8" | "i16" | "i32" | "i64" | "isize" => "a whole number",
        "a boolean" => "true or false",
        "a sequence" => "a list",
        "a map" => "a table",
        other => other,
    };
    format!("{before}, expected {expected}")
}

/// The known keys that are nearest to one that there is not, from what the reader says of it; none: it speaks of something else.
pub(super) fn unknown_field(message: &str) -> Option<Vec<String>> {
    let (_, said) = message.split_once("unknown field ")?;
    let mut quoted = said.split('`').skip(1).step_by(2);
    let unknown = quoted.next()?.to_lowercase();
    let mut known: Vec<&str> = quoted.collect();
    known.sort_by_key(|known| distance(&unknown, known));
    known.truncate(NEAREST_SHOWN);
    Some(known.into_iter().map(str::to_string).collect()).filter(|near: &Vec<_>| !near.is_empty())
}

/// As many as are read at a glance.
const NEAREST_SHOWN: usize = 3;

/// Line and column of a byte, from 1.
pub fn position(text: &str, at: usize) -> (usize, usize) {
    let before = text.get(..at.min(text.len())).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or("").chars().count() + 1;
    (line, column)
}

/// The byte where a value's key stands, or the last step on the way to it that is written.
fn locate(text: &str, place: &[Step]) -> usize {
    let Ok(root) = DeTable::parse(text) else { return 0 };
    descend(&DeValue::Table(root.into_inner()), place).unwrap_or(0)
}

fn descend(value: &DeValue, place: &[Step]) -> Option<usize> {
    let (step, rest) = place.split_first()?;
    let (inner, at) = match (step, value) {
        (Step::Key(wanted), DeValue::Table(table)) => {
            let (key, inner) = table.iter().find(|(key, _)| key.get_ref() == wanted)?;
            (inner, key.span().start)
        }
        (Step::At(number), DeValue::Array(list)) => {
            let inner = list.get(*number)?;
            (inner, inner.span().start)
        }
        (Step::At(_), DeValue::Table(_)) => return descend(value, rest),
        _ => return None,
    };
    Some(descend(inner.get_ref(), rest).unwrap_or(at))
}

/// The known key nearest to the unknown one in "unknown field `x`, expected one of `a`, `b`".
fn nearest_key(message: &str) -> Option<String> {
    let mut quoted = message.split('`').skip(1).step_by(2);
    let unknown = message.contains("unknown").then(|| quoted.next())??;
    nearest(unknown, quoted).map(str::to_string)
}

/// The known word nearest to an unknown one, if one is near enough to have been meant.
pub fn nearest<'a>(unknown: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let (edits, near) = known.map(|known| (distance(unknown, known), known)).min()?;
    (edits <= unknown.len().max(4) / 2).then_some(near)
}

/// Edits between two short words (Levenshtein).
fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.chars().count()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = i;
        if let Some(first) = row.first_mut() {
            *first = i + 1;
        }
        let mut left = i + 1;
        for (y, cell) in b.chars().zip(row.iter_mut().skip(1)) {
            let above = *cell;
            *cell = (diagonal + usize::from(x != y)).min(above + 1).min(left + 1);
            diagonal = above;
            left = *cell;
        }
    }
    row.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nearest() {
        assert_eq!(distance("kitten", "sitting"), 3);
        assert_eq!(
            nearest_key("unknown field `nam`, expected one of `bind`, `name`").as_deref(),
            Some("name")
        );
        assert_eq!(nearest_key("unknown field `zzzzzz`, expected `a` or `b`"), None);
        assert_eq!(position("ab\ncä d", 7), (2, 4));
    }

    #[test]
    fn what_was_expected_is_said_in_plain_words() {
        for (text, want) in [
            ("mark = \"many\"", "invalid type: string \"many\", expected a number"),
            ("days = -4", "invalid value: integer `-4`, expected a whole number from 0 up"),
            ("on = 5", "invalid type: integer `5`, expected true or false"),
            ("list = 5", "invalid type: integer `5`, expected a list"),
            ("zzzzzzzzz = 5", "unknown field `zzzzzzzzz`"),
        ] {
            #[derive(Debug, serde::Deserialize)]
            #[serde(deny_unknown_fields)]
            struct Sample {
                #[allow(dead_code, reason = "only read")]
                mark: Option<f32>,
                #[allow(dead_code, reason = "only read")]
                days: Option<u32>,
                #[allow(dead_code, reason = "only read")]
                on: Option<bool>,
                #[allow(dead_code, reason = "only read")]
                list: Option<Vec<u8>>,
            }
            let (message, _) = explain(&toml::from_str::<Sample>(text).unwrap_err());
            assert_eq!(message, want, "{text}");
        }
        let said = "unknown field `Markk`, expected one of `mark`, `days`, `on`, `list`";
        assert_eq!(unknown_field(said).unwrap()[0], "mark");
        assert_eq!(unknown_field("missing field `mark`"), None);
    }

    #[test]
    fn places() {
        let text = "a = 1\n[t]\nb = 2\n[[l]]\nc = 1\n[[l]]\nc = [5, 6]\n[l.in]\nd = 3\n";
        for (place, want) in [
            (&[Step::Key("a")][..], (1, 1)),
            (&[Step::Key("t"), Step::Key("b")], (3, 1)),
            // A table in the place of a list of one.
            (&[Step::Key("t"), Step::At(0), Step::Key("b")], (3, 1)),
            // What is not written is looked for where it would stand.
            (&[Step::Key("t"), Step::Key("absent")], (2, 2)),
            (&[Step::Key("absent"), Step::Key("b")], (1, 1)),
            (&[Step::Key("l"), Step::At(1)], (6, 1)),
            (&[Step::Key("l"), Step::At(1), Step::Key("c"), Step::At(1)], (7, 9)),
            (&[Step::Key("l"), Step::At(1), Step::Key("in"), Step::Key("d")], (9, 1)),
            (&[Step::Key("l"), Step::At(2)], (4, 3)),
        ] {
            assert_eq!(position(text, locate(text, place)), want, "{place:?}");
        }
        assert_eq!(locate("a = ", &[Step::Key("a")]), 0);
    }
}
