//! The audit log as a table for spreadsheets, by command and by page.

use crate::store::audit::{self, Record};

/// Its first row.
pub const CSV_HEADING: &str =
    "number,time,who_kind,who,what,organisation,object,reason,client,details,hash";

/// A record as a row; `line` is as it stands in the log.
pub fn csv(record: &Record, line: &[u8]) -> String {
    let details = match record.details.is_empty() {
        true => String::new(),
        false => serde_json::to_string(&record.details).unwrap_or_default(),
    };
    let hash = audit::claimed_hash(line).map(|hash| hash.to_string());
    let cells = [
        record.number.to_string(),
        record.time.clone(),
        record.who.kind().to_string(),
        record.who.name(),
        record.what.word().to_string(),
        record.organisation.as_ref().map(ToString::to_string).unwrap_or_default(),
        record.object.clone().unwrap_or_default(),
        record.reason.as_ref().map(|it| it.as_str().to_string()).unwrap_or_default(),
        record.client.map(|it| it.to_string()).unwrap_or_default(),
        details,
        hash.unwrap_or_default(),
    ];
    cells.iter().map(|cell| cell_of(cell)).collect::<Vec<_>>().join(",")
}

/// A cell as RFC 4180 section 2 writes it, and one that no spreadsheet takes for a formula: reasons and names come from people.
pub fn cell_of(text: &str) -> String {
    let formula = text.starts_with(['=', '+', '-', '@', '\t', '\r']);
    let text = if formula { format!("'{text}") } else { text.to_string() };
    match text.contains(['"', ',', '\n', '\r']) {
        true => format!("\"{}\"", text.replace('"', "\"\"")),
        false => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spreadsheet_sees_text_and_never_a_formula() {
        for (text, want) in [
            ("plain", "plain"),
            ("a, b", "\"a, b\""),
            ("say \"no\"", "\"say \"\"no\"\"\""),
            ("=HYPERLINK(1)", "'=HYPERLINK(1)"),
            ("@sum,1", "\"'@sum,1\""),
            ("2027-01-15", "2027-01-15"),
        ] {
            assert_eq!(cell_of(text), want);
        }
    }
}
