//! What a finding may say of a mail to whoever sees that there is one.
//!
//! Content is sealed: a trace and the list of what is held are read by people who may not open a mail. Outside stand the subject, addresses,
//! the hosts of links (never what follows them), the names of files, sums and counts. Everything else that a mail says in its body, in a
//! hidden text or inside a document (its sheets, modules, commands and targets) is quoted in [`Finding::quote`] alone, which is never stored.
//!
//! Findings that were stored before this was so are cut where they are read.

use super::{Finding, bank_account, inside_signs};
use crate::base::hidden::Hidden;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

impl Finding {
    /// The same, quoting what the mail says: shown to whoever has the mail in hand, and to nobody else.
    pub fn quoting(self, quote: impl Into<String>) -> Finding {
        Finding { quote: Some(Hidden::new("quoted content", quote.into())), ..self }
    }

    /// What was seen, with what the mail says: for whoever scans a file of his own.
    pub fn in_full(&self) -> String {
        match &self.quote {
            Some(quote) => format!("{}: \"{}\"", self.because, quote.expose()),
            None => self.because.clone(),
        }
    }
}

/// Takes out of stored findings what earlier versions quoted of the content.
pub fn without_quotes(mut findings: Value) -> Value {
    for finding in findings.as_array_mut().into_iter().flatten() {
        let id = finding.get("id").and_then(Value::as_str).unwrap_or_default().to_string();
        let Some(Value::String(because)) = finding.get_mut("because") else { continue };
        if let Some(cut) = cut(&id, because) {
            *because = cut;
        }
    }
    findings
}

/// The same for a field that is read back by serde.
///
/// # Errors
/// What is read is no JSON.
pub fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Value, D::Error> {
    Value::deserialize(deserializer).map(without_quotes)
}

/// What is left of a reason that quotes; none where it may stand as it is.
fn cut(id: &str, because: &str) -> Option<String> {
    if id.starts_with("phrase.") {
        let (place, _) = because.split_once(':')?;
        return (place != SUBJECT).then(|| place.to_string());
    }
    if id == bank_account::TOLD {
        return Some(bank_account::TOLD_BECAUSE.to_string());
    }
    let said = inside_signs::outside(id)?;
    (!because.starts_with(said)).then(|| said.to_string())
}

/// The place whose words everybody may read, as phrase findings call it.
const SUBJECT: &str = "subject";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::policy::Category;
    use serde_json::json;

    #[test]
    fn a_quote_is_shown_to_whoever_has_the_mail_and_never_stored() {
        let finding = Finding::new("phrase.win_en", Category::Spam, 1.0, "body").quoting("you won");
        assert_eq!(finding.in_full(), "body: \"you won\"");
        let stored = serde_json::to_string(&finding).unwrap();
        assert!(stored.contains("\"because\":\"body\"") && !stored.contains("won"), "{stored}");
        assert!(!format!("{finding:?}").contains("won"), "nor does it reach a log");
    }

    #[test]
    fn what_was_stored_with_quotes_is_read_without() {
        for (id, before, after) in [
            ("phrase.win_en", "body: \"you won: \"all\" of it\"", "body"),
            ("phrase.win_en", "hidden: \"you won\"", "hidden"),
            ("phrase.win_en", "body", "body"),
            ("phrase.win_en", "subject: \"you won\"", "subject: \"you won\""),
            (
                "bank.change_told",
                "\"our new account\"",
                "the text says that an account has changed",
            ),
            (
                "office.sheet_very_hidden",
                "sheet Salaries is very hidden",
                "A sheet is hidden so that the menu does not show it",
            ),
            (
                "pdf.submits_form",
                "https://far.example/?who=anna",
                "The PDF sends what you enter to an address",
            ),
            (
                "pdf.launch",
                "The PDF wants to start a program, 2 of them",
                "The PDF wants to start a program, 2 of them",
            ),
            (
                "link.text_differs",
                "shows bank.example, leads to far.example",
                "shows bank.example, leads to far.example",
            ),
            ("spf.fail", "far.example says so: of 192.0.2.1", "far.example says so: of 192.0.2.1"),
        ] {
            let read = without_quotes(json!([{ "id": id, "because": before }, { "id": id }, 7]));
            assert_eq!(read[0]["because"], after, "{id}");
        }
        assert_eq!(without_quotes(Value::Null), Value::Null);
    }
}
