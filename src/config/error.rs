//! What is wrong in a file of the operator's: where, what, and the mend.

use std::path::{Path, PathBuf};

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

impl ConfigError {
    /// From what the TOML reader says.
    pub fn from_toml(file: &Path, text: &str, error: &toml::de::Error) -> ConfigError {
        let at = error.span().map_or(0, |span| span.start);
        let (line, column) = position(text, at);
        let message = error.message().replace('\n', " ");
        let mend =
            nearest_key(&message).map(|near| format!("did you mean {near:?}?")).unwrap_or_default();
        // The list of all keys is for the manual; the nearest one is what helps.
        let short = match (message.split_once(", expected"), mend.is_empty()) {
            (Some((short, _)), false) => short.to_string(),
            _ => message.clone(),
        };
        ConfigError {
            file: file.to_path_buf(),
            line,
            column,
            message: short.trim().to_string(),
            mend,
        }
    }

    /// About a text in the file: its last place, where a name is used rather than made.
    pub fn about(
        file: &Path,
        text: &str,
        needle: &str,
        message: String,
        mend: String,
    ) -> ConfigError {
        let (line, column) =
            position(text, text.rfind(needle).or_else(|| text.find("[policy")).unwrap_or(0));
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

/// Line and column of a byte, from 1.
pub fn position(text: &str, at: usize) -> (usize, usize) {
    let before = text.get(..at.min(text.len())).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or("").chars().count() + 1;
    (line, column)
}

/// The known key nearest to the unknown one in "unknown field `x`, expected one of `a`, `b`".
fn nearest_key(message: &str) -> Option<String> {
    let mut quoted = message.split('`').skip(1).step_by(2);
    let unknown = message.contains("unknown").then(|| quoted.next())??;
    let near = quoted.map(|known| (distance(unknown, known), known)).min()?;
    (near.0 <= unknown.len().max(4) / 2).then(|| near.1.to_string())
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
}
