//! Tables as text, CSV (RFC 4180) and TSV: cells that a spreadsheet program takes for formulas and carries out.

use super::{
    among::{keep_link, stop_at},
    encodings, formula, links,
    office_xml::formula_sign,
    opened::{Member, Opened, Role},
};
use crate::base::limits;

/// Reads a table: formulas that start, fetch or lead somewhere.
pub fn open(bytes: &[u8]) -> Opened {
    let mut opened = Opened::default();
    let text = encodings::text(bytes);
    let mut formulas = String::new();
    let mut count = 0_usize;
    for cell in cells(&text, SEPARATORS) {
        count += 1;
        formula(&cell, &mut formulas, &mut opened);
    }
    // With the one separator that a program takes, others may stand in a formula without quotes.
    for separator in SEPARATORS.iter().filter(|separator| text.contains(**separator)) {
        let has_calls = |cell: &String| cell.contains('(') && begins_formula(cell);
        for cell in cells(&text, &[*separator]).filter(has_calls) {
            formula(&cell, &mut formulas, &mut opened);
        }
    }
    if count >= limits::TABLE_CELLS_MAX {
        stop_at(&mut opened, limits::TABLE_CELLS_MAX);
    }
    if !formulas.is_empty() {
        let name = Some("formulas.txt".to_string());
        opened.push(Member::new(name, formulas.into_bytes(), Role::Code));
    }
    opened
}

/// Cells between any of the separators that programs try, quotes gone.
fn cells<'t>(text: &'t str, separators: &'t [char]) -> impl Iterator<Item = String> + 't {
    let mut rest = text;
    let ends = move |letter: char| letter == '\n' || separators.contains(&letter);
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let (cell, after) = match rest.strip_prefix('"') {
            Some(quoted) => {
                let end = quoted_end(quoted);
                let (cell, after) = quoted.split_at_checked(end).unwrap_or((quoted, ""));
                (cell.replace("\"\"", "\""), after.strip_prefix('"').unwrap_or(after))
            }
            None => {
                let end = rest.find(ends).unwrap_or(rest.len());
                let (cell, after) = rest.split_at_checked(end).unwrap_or((rest, ""));
                (cell.to_string(), after)
            }
        };
        // To behind the separator; what stands between a quote and it is dropped.
        let next = after.find(ends).map_or(after.len(), |at| at + 1);
        rest = after.get(next..).unwrap_or_default();
        Some(cell)
    })
    .take(limits::TABLE_CELLS_MAX)
}

fn quoted_end(text: &str) -> usize {
    let bytes = text.as_bytes();
    let mut at = 0;
    while let Some(found) = memchr::memchr(b'"', bytes.get(at..).unwrap_or_default()) {
        at += found;
        if bytes.get(at + 1) != Some(&b'"') {
            return at;
        }
        at += 2;
    }
    text.len()
}

fn without_quotes(cell: &str) -> &str {
    cell.trim_matches(|letter: char| letter.is_whitespace() || letter == '"')
}

fn begins_formula(cell: &str) -> bool {
    without_quotes(cell)
        .starts_with(['=', '+', '-', '@', '\u{ff1d}', '\u{ff0b}', '\u{ff0d}', '\u{ff20}'])
}

fn formula(cell: &str, formulas: &mut String, opened: &mut Opened) {
    if !begins_formula(cell) {
        return;
    }
    let cell = without_quotes(cell);
    if let Some(joined) = formula::joined(cell)
        && formulas.len() < limits::DOCUMENT_TEXT_BYTES_MAX
    {
        formulas.push_str(&joined);
        formulas.push('\n');
    }
    let upper = cell.to_ascii_uppercase();
    let leads = upper.contains("HYPERLINK(") || upper.contains("IMAGE(");
    let runs = formula_sign(cell);
    if let Some(sign) = runs {
        opened.sign("csv.formula_runs", "a cell starts or loads something");
        opened.sign(sign, "a formula starts or loads something");
    } else if leads {
        opened.sign("csv.formula_leads", "a cell is a formula with a link");
    } else {
        return;
    }
    for (_, target) in links::in_text(cell) {
        keep_link(opened, &target.written);
    }
    if formulas.len() < limits::DOCUMENT_TEXT_BYTES_MAX {
        formulas.push_str(cell);
        formulas.push('\n');
    }
}

/// What programs take for the end of a cell, by the file's ending and the reader's country.
const SEPARATORS: &[char] = &[',', ';', '\t'];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_that_run() {
        for (table, want) in [
            ("a,b\n=cmd|'/c x'!A0,1", &["csv.formula_runs", "office.dde"][..]),
            ("a;\"=cmd|'/c \"\"x\"\"'!A0\";1", &["csv.formula_runs", "office.dde"]),
            ("\t@SUM(1+1)*cmd|'/c x'!A0", &["csv.formula_runs", "office.dde"]),
            ("+HYPERLINK(\"http://a.example\",\"x\")", &["csv.formula_leads"]),
            ("=WEBSERVICE(\"http://a.example\")", &["csv.formula_runs", "office.remote_content"]),
            ("-5,+46 8 123,@name,=SUM(A1:A2)", &[]),
            ("a|b!c,d", &[]),
        ] {
            let opened = open(table.as_bytes());
            let ids: Vec<_> = opened.signs.iter().map(|sign| sign.id).collect();
            assert_eq!(ids, want, "{table}");
        }
        let joins = open(b"a\t=CONCATENATE(\"hid\",\"den\")\r\n");
        assert!(String::from_utf8_lossy(&joins.members[0].bytes).contains("hidden"));
        assert_eq!(open(b"+HYPERLINK(\"http://a.example\",\"x\")").links.len(), 1);
        assert_eq!(
            open(b"\"+HYPERLINK(\"\"http://a.example\"\",\"\"x\"\")\"").links,
            ["http://a.example"]
        );
    }
}
