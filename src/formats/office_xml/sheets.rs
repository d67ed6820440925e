//! Sheets and tables as a person sees them: a row a line, cells parted by tabs, shared strings in their places, numbers as digits.
//!
//! Of workbooks (SpreadsheetML `row`, `c`, `v`, `is`; OpenDocument `table-row`, `table-cell`) and of the tables in documents and slides (`tr`, `tc`).
//! What stands in whose column is lost in the text of a document; who looks for registers of persons needs it.

use crate::{
    base::limits,
    formats::xml::{self, Tag, Token},
};

/// Sheets of one document, as far as they were read.
#[derive(Debug, Default)]
pub(super) struct Sheets {
    strings: Vec<String>,
    rows: Vec<Vec<Cell>>,
    bytes: usize,
}

#[derive(Debug, Clone)]
enum Cell {
    /// The string of this number.
    Shared(usize),
    Text(String),
}

impl Sheets {
    /// Reads one part of a document.
    pub(super) fn read(&mut self, text: &str) {
        let has = |name: &str| memchr::memmem::find(text.as_bytes(), name.as_bytes()).is_some();
        if has("<sst") || has(":sst") {
            self.read_strings(text);
        } else if has("sheetData") || has("table-row") || has(":tr") || has("<tr") {
            let mut reader =
                Reader { sheets: self, row: None, cell: None, value: String::new(), depth: 0 };
            for token in xml::tokens(text) {
                if reader.sheets.bytes >= limits::DOCUMENT_TEXT_BYTES_MAX {
                    break;
                }
                reader.take(&token);
            }
            reader.end_row();
            self.rows.push(Vec::new());
        }
    }

    /// All of them; between two an empty line.
    pub(super) fn text(self) -> String {
        let mut text = String::new();
        for row in &self.rows {
            for (at, cell) in row.iter().enumerate() {
                if at > 0 {
                    text.push('\t');
                }
                text.push_str(match cell {
                    Cell::Shared(number) => self.strings.get(*number).map_or("", String::as_str),
                    Cell::Text(text) => text,
                });
                // A string that stands in a million cells is written once in the file.
                if text.len() >= limits::DOCUMENT_TEXT_BYTES_MAX {
                    return text;
                }
            }
            if !(row.is_empty() && text.ends_with("\n\n")) {
                text.push('\n');
            }
        }
        match text.contains('\t') {
            true => text,
            // One column is a text like any other.
            false => String::new(),
        }
    }

    fn read_strings(&mut self, text: &str) {
        let (mut open, mut is_text) = (None, false);
        for token in xml::tokens(text) {
            match token {
                Token::Start(Tag { name: "si", empty, .. }) => {
                    open = (!empty).then(String::new);
                    if empty {
                        self.strings.push(String::new());
                    }
                }
                Token::End("si") => self.strings.push(plain(&open.take().unwrap_or_default())),
                Token::Start(Tag { name, .. }) => is_text = name == "t",
                Token::Text(more) if is_text => {
                    if let Some(string) = &mut open {
                        string.push_str(&xml::plain(more));
                        self.bytes += more.len();
                    }
                }
                Token::End(_) => is_text = false,
                Token::Text(_)
                | Token::Cdata(_)
                | Token::Comment(_)
                | Token::Instruction(_)
                | Token::Doctype(_) => (),
            }
            if self.bytes >= limits::DOCUMENT_TEXT_BYTES_MAX {
                break;
            }
        }
    }
}

struct Reader<'s> {
    sheets: &'s mut Sheets,
    row: Option<Vec<Cell>>,
    cell: Option<Open>,
    /// What was read of the cell.
    value: String,
    /// Tables within cells.
    depth: usize,
}

/// A cell that is being read.
struct Open {
    shared: bool,
    /// How often it stands there.
    repeated: usize,
    /// What it is worth, if no text says it.
    worth: String,
    /// The element that is open is text.
    is_text: bool,
}

impl Reader<'_> {
    fn take(&mut self, token: &Token<'_>) {
        match token {
            Token::Start(tag) => {
                self.start(tag);
                if tag.empty {
                    self.end(tag.name);
                }
            }
            Token::End(name) => self.end(name),
            Token::Text(text) => {
                if self.cell.as_ref().is_some_and(|cell| cell.is_text) {
                    self.value.push_str(&xml::plain(text));
                    self.sheets.bytes += text.len();
                }
            }
            Token::Cdata(_) | Token::Comment(_) | Token::Instruction(_) | Token::Doctype(_) => (),
        }
    }

    fn start(&mut self, tag: &Tag<'_>) {
        match tag.name {
            "tbl" => self.depth += 1,
            "row" | "table-row" => {
                self.end_row();
                self.row = Some(Vec::new());
            }
            "tr" if self.depth <= 1 => {
                self.end_row();
                self.row = Some(Vec::new());
            }
            "c" | "table-cell" | "covered-table-cell" => self.open_cell(tag),
            "tc" if self.depth <= 1 => self.open_cell(tag),
            "v" | "t" | "p" | "span" | "a" | "s" | "tab" | "br" => {
                if let Some(cell) = &mut self.cell {
                    cell.is_text = true;
                    // Runs of one paragraph stay together, paragraphs of one cell do not.
                    if matches!(tag.name, "p" | "s" | "tab" | "br") && !self.value.is_empty() {
                        self.value.push(' ');
                    }
                }
            }
            _ => {
                if let Some(cell) = &mut self.cell {
                    cell.is_text = false;
                }
            }
        }
    }

    fn open_cell(&mut self, tag: &Tag<'_>) {
        self.end_cell();
        let text = |name: &str| tag.attribute(name).unwrap_or_default().into_owned();
        if let (Some(row), Some(column)) = (&mut self.row, column(&text("r"))) {
            // Cells that are empty are not written.
            while row.len() < column {
                row.push(Cell::Text(String::new()));
            }
        }
        let is_cell = tag.name == "c";
        self.cell = Some(Open {
            shared: is_cell && text("t") == "s",
            repeated: text("number-columns-repeated").parse().unwrap_or(1),
            worth: if is_cell { String::new() } else { text("value") },
            is_text: false,
        });
        self.value.clear();
    }

    fn end(&mut self, name: &str) {
        match name {
            "tbl" => {
                self.depth = self.depth.saturating_sub(1);
                if self.depth == 0 {
                    self.end_row();
                    self.sheets.rows.push(Vec::new());
                }
            }
            "row" | "table-row" | "table" | "sheetData" => self.end_row(),
            "tr" if self.depth <= 1 => self.end_row(),
            "c" | "table-cell" | "covered-table-cell" => self.end_cell(),
            "tc" if self.depth <= 1 => self.end_cell(),
            // Text right in a paragraph of OpenDocument goes on behind what is set off in it.
            "span" | "a" | "s" => (),
            _ => {
                if let Some(cell) = &mut self.cell {
                    cell.is_text = false;
                }
            }
        }
    }

    fn end_cell(&mut self) {
        let Some(cell) = self.cell.take() else { return };
        let value = plain(&self.value);
        self.value.clear();
        let Some(row) = &mut self.row else { return };
        let filled = match cell {
            Open { shared: true, .. } => match value.parse() {
                Ok(number) => Cell::Shared(number),
                Err(_) => Cell::Text(value),
            },
            Open { worth, .. }
                if !worth.is_empty() && (value.is_empty() || is_short_for(&value)) =>
            {
                Cell::Text(number(&worth))
            }
            Open { .. } => Cell::Text(number(&value)),
        };
        for _ in 0..cell.repeated.clamp(1, limits::SHEET_COLUMNS_MAX) {
            if row.len() < limits::SHEET_COLUMNS_MAX {
                row.push(filled.clone());
            }
        }
    }

    fn end_row(&mut self) {
        self.end_cell();
        let Some(mut row) = self.row.take() else { return };
        while matches!(row.last(), Some(Cell::Text(text)) if text.is_empty()) {
            row.pop();
        }
        let empty_before = self.sheets.rows.last().is_none_or(Vec::is_empty);
        if !(row.is_empty() && empty_before) {
            self.sheets.bytes += row.len();
            self.sheets.rows.push(row);
        }
    }
}

/// The column of a cell's name, from 0: "C5" is 2.
fn column(name: &str) -> Option<usize> {
    let letters = name.bytes().take_while(u8::is_ascii_uppercase);
    let number = letters.fold(0_usize, |sum, byte| {
        sum.saturating_mul(26).saturating_add(usize::from(byte - b'A') + 1)
    });
    number.checked_sub(1).map(|column| column.min(limits::SHEET_COLUMNS_MAX))
}

/// A cell in one line.
fn plain(text: &str) -> String {
    let clean = text.trim().replace(['\t', '\n', '\r'], " ");
    clean.chars().take(limits::SHEET_CELL_CHARACTERS_MAX).collect()
}

/// `1.99001E11`, as a narrow column shows it.
fn is_short_for(shown: &str) -> bool {
    shown.contains(['E', 'e', '#']) && shown.parse::<f64>().is_ok() || shown.starts_with("##")
}

/// A whole number as digits: files have 199001029819 also as 1.99001029819E11.
fn number(value: &str) -> String {
    let floats = value.contains(['.', 'E', 'e'])
        && value.bytes().all(|byte| byte.is_ascii_digit() || b".Ee+-".contains(&byte));
    match value.parse::<f64>() {
        Ok(number) if floats && number.fract() == 0.0 && number.abs() < EXACT_MAX => {
            format!("{number:.0}")
        }
        Ok(_) | Err(_) => value.to_string(),
    }
}

/// Whole numbers up to here are exact in a file.
const EXACT_MAX: f64 = 1e15;

#[cfg(test)]
mod tests {
    use super::*;

    fn read(parts: &[&str]) -> String {
        let mut sheets = Sheets::default();
        parts.iter().for_each(|part| sheets.read(part));
        sheets.text()
    }

    #[test]
    fn a_worksheet_is_rows_of_cells_whatever_comes_first() {
        let sheet = "<worksheet><sheetData><row r=\"1\"><c r=\"A1\" t=\"s\"><v>0</v></c><c r=\"C1\" t=\"s\"><v>1</v></c></row>\
            <row r=\"2\"><c r=\"A2\" t=\"inlineStr\"><is><r><t>An</t></r><r><t>na</t></r></is></c><c r=\"C2\"><v>1.99001029819E11</v></c></row>\
            <row r=\"3\"><c r=\"B3\" t=\"str\"><f>A1&amp;\"x\"</f><v>f &amp; g</v></c><c r=\"C3\"><v>12.5</v></c></row></sheetData></worksheet>";
        let strings =
            "<sst><si><t>Namn</t></si><si><r><t>Person</t></r><r><t>nummer</t></r></si></sst>";
        let want = "Namn\t\tPersonnummer\nAnna\t\t199001029819\n\tf & g\t12.5\n\n";
        assert_eq!(read(&[strings, sheet]), want);
        assert_eq!(read(&[sheet, strings]), want);
    }

    #[test]
    fn an_open_document_repeats_its_cells() {
        let sheet = "<office:document-content xmlns:office=\"o\"><table:table><table:table-row><table:table-cell><text:p>Namn</text:p></table:table-cell>\
            <table:table-cell table:number-columns-repeated=\"2\"/><table:table-cell><text:p>Pnr</text:p></table:table-cell></table:table-row>\
            <table:table-row><table:table-cell><text:p>An<text:span>n</text:span>a</text:p></table:table-cell><table:table-cell table:number-columns-repeated=\"2\"/>\
            <table:table-cell office:value-type=\"float\" office:value=\"199001029819\"><text:p>1,99E+11</text:p></table:table-cell></table:table-row></table:table></office:document-content>";
        assert_eq!(read(&[sheet]), "Namn\t\t\tPnr\nAnna\t\t\t1,99E+11\n\n");
        let exact = sheet.replace("1,99E+11", "1.99E+11");
        assert_eq!(read(&[&exact]), "Namn\t\t\tPnr\nAnna\t\t\t199001029819\n\n");
    }

    #[test]
    fn tables_of_documents_and_slides() {
        let document = "<w:document><w:body><w:p><w:r><w:t>Hej</w:t></w:r></w:p><w:tbl><w:tr><w:tc><w:p><w:r><w:t>Namn</w:t></w:r></w:p></w:tc>\
            <w:tc><w:p><w:r><w:t>Person</w:t></w:r><w:r><w:t>nr</w:t></w:r></w:p></w:tc></w:tr><w:tr><w:tc><w:p><w:r><w:t>Anna</w:t></w:r></w:p>\
            <w:p><w:r><w:t>Ek</w:t></w:r></w:p></w:tc><w:tc><w:p><w:r><w:t>1</w:t></w:r></w:p></w:tc></w:tr></w:tbl></w:body></w:document>";
        assert_eq!(read(&[document]), "Namn\tPersonnr\nAnna Ek\t1\n\n");
        assert_eq!(
            read(&["<w:document><w:p><w:r><w:t>Only text</w:t></w:r></w:p></w:document>"]),
            ""
        );
    }

    #[test]
    fn a_sheet_that_grows_is_cut() {
        let cell = "<table:table-cell table:number-columns-repeated=\"999999999\"><text:p>x</text:p></table:table-cell>";
        let row = format!("<table:table-row>{}</table:table-row>", cell.repeat(50));
        let text = read(&[&row]);
        assert_eq!(text.matches('x').count(), limits::SHEET_COLUMNS_MAX);
        let strings = format!("<sst><si><t>{}</t></si></sst>", "y".repeat(500));
        let many = format!(
            "<worksheet><sheetData>{}</sheetData></worksheet>",
            "<row><c t=\"s\"><v>0</v></c><c t=\"s\"><v>0</v></c></row>".repeat(20_000)
        );
        assert!(read(&[&strings, &many]).len() <= limits::DOCUMENT_TEXT_BYTES_MAX + 600);
    }
}
