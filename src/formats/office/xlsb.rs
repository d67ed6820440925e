//! Macro sheets of the zipped workbooks: binary ones (.xlsb, MS-XLSB) and those in XML. Each part is read for itself, as whoever opened the
//! ZIP hands it over; names and shared strings of other parts are given with their own part.

use super::{
    document::{give_text, link},
    formula::{self, Context, Layout, Place},
    le, objects, text, xlm,
};
use crate::{
    base::limits,
    formats::{
        budget::{Budget, Stopped},
        opened::{Opened, Role},
    },
};
use std::collections::HashMap;

/// Reads one binary part of an .xlsb: a sheet, a macro sheet, the workbook, shared strings, comments.
pub fn part(name: &str, bytes: &[u8], budget: &mut Budget) -> Opened {
    let mut opened = Opened::default();
    let is_macro = name.to_ascii_lowercase().contains("macrosheet");
    let mut reader = Reader::default();
    for record in records(bytes) {
        reader.record(&record, is_macro, &mut opened);
        // Formulas are what takes time.
        if ((8..=11).contains(&record.id) || reader.read.is_multiple_of(4_096))
            && let Err(limit) = budget.check_time()
        {
            opened.stopped = Some(Stopped::Limit(limit));
            break;
        }
    }
    if is_macro {
        xlm::tell(name, &reader.code, false, &mut opened);
        give_text(&mut opened, budget, format!("{name}.xlm"), reader.code, Role::Code);
    }
    give_text(&mut opened, budget, format!("{name}.txt"), reader.text, Role::Text);
    give_text(&mut opened, budget, format!("{name} letters"), reader.other, Role::Inside);
    opened
}

/// Reads a macro sheet in XML: its formulas as program text, with what `xlm` would say of them.
pub fn xml_macro_sheet(name: &str, bytes: &[u8], budget: &mut Budget) -> Opened {
    let mut opened = Opened::default();
    let xml = text::guessed(bytes);
    let mut code = String::new();
    let mut place = String::new();
    let mut wanted = false;
    for tag in xml.split('<').take(limits::FORMULAS_MAX * 4) {
        let (head, content) = tag.split_once('>').unwrap_or((tag, ""));
        let word = head.split([' ', '\t', '\r', '\n', '/']).next().unwrap_or_default();
        match word.rsplit(':').next().unwrap_or_default() {
            "c" => {
                place = head
                    .split("r=\"")
                    .nth(1)
                    .and_then(|r| r.split('"').next())
                    .unwrap_or_default()
                    .to_string()
            }
            "f" => wanted = true,
            "v" | "t" => wanted = !head.starts_with('/'),
            _ => wanted = false,
        }
        if wanted && !content.is_empty() && code.len() < limits::OFFICE_TEXT_BYTES_MAX {
            let sign = if word.ends_with('f') { "=" } else { "" };
            code.push_str(&format!("{place}: {sign}{}\n", entities(content)));
        }
        wanted = false;
    }
    xlm::tell(name, &code, false, &mut opened);
    give_text(&mut opened, budget, format!("{name}.xlm"), code, Role::Code);
    opened
}

/// XML section 4.6 and numbers; anything else stays as it is.
fn entities(text: &str) -> String {
    let mut out = String::new();
    let mut parts = text.split('&');
    out.push_str(parts.next().unwrap_or_default());
    for part in parts {
        let found = part.split_once(';').and_then(|(name, rest)| Some((entity(name)?, rest)));
        match found {
            Some((letter, rest)) => {
                out.push(letter);
                out.push_str(rest);
            }
            None => {
                out.push('&');
                out.push_str(part);
            }
        }
    }
    out
}

fn entity(name: &str) -> Option<char> {
    match name {
        "amp" => Some('&'),
        "lt" => Some('<'),
        "gt" => Some('>'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        name => {
            let digits = name.strip_prefix('#')?;
            let number = match digits.strip_prefix(['x', 'X']) {
                Some(hex) => u32::from_str_radix(hex, 16).ok()?,
                None => digits.parse().ok()?,
            };
            char::from_u32(number)
        }
    }
}

struct Record<'b> {
    id: u16,
    content: &'b [u8],
}

/// MS-XLSB section 2.1.4: number and size in seven bits a byte.
fn records(bytes: &[u8]) -> impl Iterator<Item = Record<'_>> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let first = le::byte(bytes, at)?;
        at += 1;
        let mut id = u16::from(first & 0x7f);
        if first & 0x80 != 0 {
            id |= u16::from(le::byte(bytes, at)? & 0x7f) << 7;
            at += 1;
        }
        let mut size = 0_usize;
        for place in 0..4 {
            let byte = le::byte(bytes, at)?;
            at += 1;
            size |= usize::from(byte & 0x7f) << (7 * place);
            if byte & 0x80 == 0 {
                break;
            }
        }
        let content = le::slice(bytes, at, size);
        at += size;
        Some(Record { id, content })
    })
    .take(limits::OFFICE_RECORDS_MAX)
}

#[derive(Debug, Default)]
struct Reader {
    row: u32,
    read: usize,
    code: String,
    text: String,
    cells: HashMap<Place, String>,
    /// Letters of records that nobody reads.
    other: String,
}

impl Reader {
    fn record(&mut self, record: &Record<'_>, is_macro: bool, opened: &mut Opened) {
        self.read += 1;
        let content = record.content;
        match record.id {
            0 => self.row = le::long(content, 0).unwrap_or(0),
            // A text in the cell itself.
            6 => {
                let value = wide(content, 8).0;
                let place = (self.row, le::long(content, 0).unwrap_or(0));
                if is_macro && self.cells.len() < limits::FORMULAS_MAX {
                    self.cells.insert(place, value.clone());
                    self.code_line(&format!("{}: {value}\n", formula::place_name(place)));
                }
                self.line(&value);
            }
            8..=11 => self.formula(record, is_macro, opened),
            // Shared strings and rich text.
            19 | 62 => {
                let value = wide(content, 1).0;
                self.line(&value);
            }
            156 => self.sheet(content, opened),
            360 => self.outside(content, opened),
            // Comments, heads and feet.
            637 | 479 => {
                let found = text::wide_runs(content, 2, content.len());
                self.line(&found);
            }
            39 => {
                let name = wide(content, 9).0;
                if xlm::is_auto_run(&name) {
                    let because = format!("defined name {}", text::brief(&name));
                    opened.sign("office.xlm_auto_run", because);
                }
                self.line(&name);
            }
            _ => self.letters(content, opened),
        }
    }

    /// Whatever else has addresses or letters in it: links, queries, heads, comments.
    fn letters(&mut self, content: &[u8], opened: &mut Opened) {
        if content.len() >= LETTERS_BYTES_MIN && self.other.len() < limits::OFFICE_TEXT_BYTES_MAX {
            objects::addresses(content, opened);
            let found = text::wide_runs(content, LETTERS_MIN, content.len());
            self.other.push_str(&found);
        }
    }

    fn line(&mut self, line: &str) {
        if !line.trim().is_empty() && self.text.len() + line.len() < limits::OFFICE_TEXT_BYTES_MAX {
            self.text.push_str(line);
            self.text.push('\n');
        }
    }

    fn code_line(&mut self, line: &str) {
        if self.code.len() + line.len() < limits::OFFICE_TEXT_BYTES_MAX {
            self.code.push_str(line);
        }
    }

    /// A cell, its value, then the formula, MS-XLSB section 2.5.97.4.
    fn formula(&mut self, record: &Record<'_>, is_macro: bool, opened: &mut Opened) {
        let content = record.content;
        let value_bytes = match record.id {
            8 => {
                let (value, bytes) = wide(content, 8);
                self.line(&value);
                bytes
            }
            9 => 8,
            _ => 1,
        };
        let at = 8 + value_bytes + 2;
        let tokens = le::slice(content, at + 4, le::size(content, at).unwrap_or(0));
        let place = (self.row, le::long(content, 0).unwrap_or(0));
        let context =
            Context { layout: Layout::Biff12, code_page: 1252, names: &[], cells: &self.cells };
        let written = formula::write(tokens, &context);
        let line = xlm::keep_line(place, &written);
        if written.functions.contains(&"HYPERLINK") {
            let address = written.valued.split("HYPERLINK(\"").nth(1);
            link(opened, address.and_then(|rest| rest.split('"').next()).unwrap_or_default());
        }
        if let Some(value) = written.text
            && is_macro
            && self.code.len() < limits::OFFICE_TEXT_BYTES_MAX
        {
            self.cells.insert(place, value);
        }
        match is_macro {
            true => self.code_line(&line),
            false if line.contains('"') => self.line(&line),
            false => (),
        }
    }

    /// BrtBeginSupBook, MS-XLSB section 2.4.272: another workbook, or a program and what it is told (DDE).
    fn outside(&mut self, content: &[u8], opened: &mut Opened) {
        let (program, bytes) = wide(content, 2);
        let topic = wide(content, 2 + bytes).0;
        if le::short(content, 0) == Some(1) {
            let because = format!("a cell asks the program {} for data", text::brief(&program));
            opened.sign("office.dde", because);
        }
        self.line(&format!("{program}|'{topic}'"));
    }

    /// BrtBundleSh, MS-XLSB section 2.4.720: state, number, relationship, name.
    fn sheet(&mut self, content: &[u8], opened: &mut Opened) {
        let (_, bytes) = wide(content, 8);
        let name = wide(content, 8 + bytes).0;
        if le::long(content, 0) == Some(2) {
            let because = format!("sheet {} is very hidden", text::brief(&name));
            opened.sign("office.sheet_very_hidden", because);
        }
        self.line(&name);
    }
}

/// Letters with their count in four bytes; and how many bytes that is in all.
fn wide(bytes: &[u8], at: usize) -> (String, usize) {
    match le::size(bytes, at) {
        None | Some(0xffff_ffff) => (String::new(), 4),
        Some(letters) => {
            let size = letters.saturating_mul(2).min(bytes.len());
            (text::utf16(le::slice(bytes, at + 4, size)), 4 + size)
        }
    }
}

const LETTERS_BYTES_MIN: usize = 12;
const LETTERS_MIN: usize = 4;

#[cfg(test)]
#[allow(clippy::as_conversions, reason = "samples are small")]
mod tests {
    use super::*;
    use crate::{base::clock::Clock, formats::budget::Bounds};

    fn record(id: u8, content: &[u8]) -> Vec<u8> {
        [&[id, content.len() as u8][..], content].concat()
    }

    fn letters(text: &str) -> Vec<u8> {
        let wide: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
        [&(text.len() as u32).to_le_bytes()[..], &wide].concat()
    }

    fn sample() -> Vec<u8> {
        let tokens = b"\x17\x04\0c\0a\0l\0c\0\x42\x01\x6e\0";
        let formula =
            [&[0; 16][..], &[0, 0], &(tokens.len() as u32).to_le_bytes(), tokens].concat();
        let typed = [&[1, 0, 0, 0, 0, 0, 0, 0][..], &letters("MARKER")].concat();
        let row = record(0, &4_u32.to_le_bytes());
        [
            row,
            record(6, &typed),
            record(9, &formula),
            record(19, &[&[0][..], &letters("shared")].concat()),
        ]
        .concat()
    }

    #[test]
    fn a_binary_macro_sheet() {
        let mut budget = Budget::new(Bounds::default(), &Clock::system());
        let opened = part("xl/macrosheets/sheet1.bin", &sample(), &mut budget);
        let code = String::from_utf8_lossy(&opened.members[0].bytes).into_owned();
        assert_eq!(code, "B5: MARKER\nA5: =EXEC(\"calc\")\n");
        assert_eq!(opened.members[1].bytes, b"MARKER\nshared\n");
        let ids: Vec<&str> = opened.signs.iter().map(|sign| sign.id).collect();
        assert_eq!(ids, ["office.xlm_macro", "office.xlm_calls"]);
        let opened = part("xl/worksheets/sheet1.bin", &sample(), &mut budget);
        assert!(opened.signs.is_empty() && opened.members.len() == 1);
        for end in 0..sample().len() {
            part("macrosheet", &sample()[..end], &mut budget);
        }
    }

    #[test]
    fn hidden_sheets_and_names() {
        let bundle = [&[2, 0, 0, 0, 1, 0, 0, 0][..], &letters("rId1"), &letters("Deep")].concat();
        let name = [&[0; 9][..], &letters("_xlnm.Auto_Open")].concat();
        let bytes = [vec![0x9c, 1, bundle.len() as u8], bundle, record(39, &name)].concat();
        let mut budget = Budget::new(Bounds::default(), &Clock::system());
        let opened = part("xl/workbook.bin", &bytes, &mut budget);
        let ids: Vec<&str> = opened.signs.iter().map(|sign| sign.id).collect();
        assert_eq!(ids, ["office.sheet_very_hidden", "office.xlm_auto_run"]);
    }

    #[test]
    fn a_macro_sheet_in_xml() {
        let xml = b"<xm:macrosheet><row><c r=\"A1\" t=\"str\"><f>EXEC(&quot;calc&#x2e;exe&quot;)</f><v>0</v></c></row>";
        let mut budget = Budget::new(Bounds::default(), &Clock::system());
        let opened = xml_macro_sheet("macrosheets/sheet1.xml", xml, &mut budget);
        assert_eq!(opened.members[0].bytes, b"A1: =EXEC(\"calc.exe\")\nA1: 0\n");
        assert_eq!(opened.signs[1].id, "office.xlm_calls");
    }
}
