//! The accounts in what a reader of the mail sees: its texts, its pages as they are shown, the texts of documents.
//!
//! Hidden text is left out: whoever writes an account to be paid to lets it be seen, and an account that is known, hidden beside another, must not
//! speak for it.

use super::{Account, Text};
use crate::personal::accounts;

/// Each once, with the first part it stands in.
pub(super) fn of(texts: &[Text]) -> Vec<Account> {
    let mut found = Vec::new();
    let mut parts: Vec<&str> = Vec::new();
    for text in texts {
        accounts::scan(&text.shown, &mut found);
        parts.resize(found.len(), &text.part);
    }
    let with_parts = found.into_iter().zip(parts);
    with_parts
        .map(|(account, part)| Account {
            kind: account.kind,
            value: account.value,
            part: part.to_string(),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::examine::TextSource;

    #[test]
    fn what_is_shown_counts_once_and_what_is_hidden_does_not() {
        let text = |part: &str, shown: &str, hidden: &str| Text {
            part: part.to_string(),
            source: TextSource::Html,
            shown: shown.to_string(),
            hidden: hidden.to_string(),
        };
        let found = of(&[
            text("1.1", "Bankgiro 5050-1055", "Plusgiro 28 65 43-4"),
            text("1.2", "bankgiro 50501055", ""),
            text("2", "Plusgiro 4-2", ""),
        ]);
        let shown: Vec<(&str, &str)> =
            found.iter().map(|one| (one.part.as_str(), one.value.expose().as_str())).collect();
        assert_eq!(shown, [("1.1", "50501055"), ("2", "42")]);
    }
}
