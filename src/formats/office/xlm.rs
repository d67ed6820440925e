//! Excel workbooks: macro sheets of Excel 4 as program text, and everything that was typed into cells, boxes and notes as text. MS-XLS.
//!
//! Sheets are read where the list of sheets says and wherever else one begins, since Excel opens sheets that a list hides. Nothing is
//! calculated but what [`super::formula`] puts together.

use super::{
    biff::{self, Record},
    document::{Document, give_text, link},
    formula::{self, Context, Layout, Place, Written},
    le, objects, text,
};
use crate::{
    base::limits,
    formats::{
        budget::{Budget, Limit, Stopped},
        opened::{Opened, Role},
    },
};
use std::{
    borrow::Cow,
    collections::{BTreeSet, HashMap},
};

/// Gives the sheets of every workbook stream of a compound file.
pub(super) fn read(document: &Document, opened: &mut Opened, budget: &mut Budget) {
    let is_workbook =
        |name: &str| ["workbook", "book"].iter().any(|known| name.eq_ignore_ascii_case(known));
    for stream in document.streams.iter().filter(|stream| is_workbook(&stream.name)) {
        workbook(&stream.bytes, opened, budget);
    }
}

/// Opens a workbook that stands in no compound file, as Excel 2 to 4 wrote them; Excel still opens and runs those.
pub fn bare_workbook(bytes: &[u8], budget: &mut Budget) -> Opened {
    let mut opened = Opened::default();
    workbook(bytes, &mut opened, budget);
    opened
}

/// What the workbook's own part tells about all sheets.
#[derive(Debug)]
struct Globals {
    layout: Layout,
    code_page: u16,
    sheets: Vec<Sheet>,
    names: Vec<String>,
    shared: Vec<String>,
    locked: bool,
}

impl Globals {
    fn context<'c>(&'c self, cells: &'c HashMap<Place, String>) -> Context<'c> {
        Context { layout: self.layout, code_page: self.code_page, names: &self.names, cells }
    }
}

#[derive(Debug, Clone)]
struct Sheet {
    name: String,
    at: usize,
    state: u8,
    is_macro: bool,
}

/// Text that a person reads, bounded for the whole workbook.
struct Text {
    lines: String,
}

impl Text {
    fn line(&mut self, line: &str) {
        if !line.trim().is_empty() && self.lines.len() + line.len() < limits::OFFICE_TEXT_BYTES_MAX
        {
            self.lines.push_str(line.trim_end_matches('\0'));
            self.lines.push('\n');
        }
    }
}

fn workbook(stream: &[u8], opened: &mut Opened, budget: &mut Budget) {
    let mut text = Text { lines: String::new() };
    let globals = globals(stream, &mut text, opened);
    if globals.locked {
        opened.stopped = opened.stopped.take().or(Some(Stopped::Encrypted));
        return;
    }
    let mut out = Out {
        text,
        opened,
        budget,
        formulas_left: limits::FORMULAS_MAX,
        records_left: limits::OFFICE_RECORDS_MAX,
    };
    let mut has_macros = false;
    let mut begun = BTreeSet::new();
    for sheet in sheets(stream, &globals) {
        if out.budget.check_time().is_err() || !begun.insert(sheet.at) {
            continue;
        }
        if out.records_left == 0 {
            let limit = Limit::TooMany { parts_max: limits::OFFICE_RECORDS_MAX };
            out.opened.stopped = out.opened.stopped.take().or(Some(Stopped::Limit(limit)));
            break;
        }
        if sheet.state == VERY_HIDDEN {
            let kind = if sheet.is_macro { "macro sheet" } else { "sheet" };
            let because = format!("{kind} {} is very hidden", text::brief(&sheet.name));
            out.opened.sign("office.sheet_very_hidden", because);
        }
        out.text.line(&sheet.name);
        let code = self::sheet(stream, &sheet, &globals, &mut out);
        has_macros |= sheet.is_macro && !code.is_empty();
        if sheet.is_macro {
            tell(&sheet.name, &code, sheet.state != 0, out.opened);
            let name = format!("{}.xlm", sheet.name);
            give_text(out.opened, out.budget, name, code, Role::Code);
        }
    }
    let starts = globals.names.iter().filter(|name| is_auto_run(name));
    let starts: Vec<String> = starts.take(4).map(|name| text::brief(name)).collect();
    if has_macros && !starts.is_empty() {
        out.opened.sign("office.xlm_auto_run", format!("defined name {}", starts.join(", ")));
    }
    out.text.line(&globals.shared.join("\n"));
    give_text(out.opened, out.budget, "cells.txt", out.text.lines, Role::Text);
}

/// The sheets of the list, then every other part that begins somewhere.
fn sheets(stream: &[u8], globals: &Globals) -> Vec<Sheet> {
    let is_sheet = |sheet: &&Sheet| {
        biff::records(stream, sheet.at).next().is_some_and(|record| biff::is_bof(&record))
    };
    let mut sheets: Vec<Sheet> = globals.sheets.iter().filter(is_sheet).cloned().collect();
    let listed: BTreeSet<usize> = sheets.iter().map(|sheet| sheet.at).collect();
    let others =
        biff::records(stream, 0).filter(biff::is_bof).enumerate().filter_map(|(n, bof)| {
            let is_macro = le::short(bof.content, 2) == Some(KIND_MACRO);
            let is_globals = le::short(bof.content, 2) == Some(KIND_GLOBALS) && bof.at == 0;
            (!listed.contains(&bof.at) && !is_globals).then(|| Sheet {
                name: format!("part{n}"),
                at: bof.at,
                state: 0,
                is_macro,
            })
        });
    sheets.extend(others.take(limits::PARTS_MAX));
    sheets
}

fn globals(stream: &[u8], text: &mut Text, opened: &mut Opened) -> Globals {
    let mut globals = Globals {
        layout: Layout::Biff8,
        code_page: 1252,
        sheets: Vec::new(),
        names: Vec::new(),
        shared: Vec::new(),
        locked: false,
    };
    let mut shared: Vec<&[u8]> = Vec::new();
    let mut before = 0;
    for (n, record) in biff::records(stream, 0).enumerate() {
        let content = record.content;
        match record.id {
            _ if biff::is_bof(&record) && n == 0 => globals.layout = biff::layout(&record),
            0x0042 => globals.code_page = le::short(content, 0).unwrap_or(1252),
            0x0085 if globals.sheets.len() < limits::PARTS_MAX => {
                globals.sheets.push(sheet_of_list(content, &globals));
            }
            0x00fc => shared = vec![content],
            biff::CONTINUE if before == 0x00fc => shared.push(content),
            0x0018 | 0x0218 if globals.names.len() < limits::FORMULAS_MAX => {
                let name = defined_name(content, &globals);
                globals.names.push(name);
            }
            0x002f => globals.locked = true,
            0x01ae | 0x0017 | 0x0016 => outside(content, record.id, &globals, text, opened),
            0x00dc | 0x00cd => query(content, &globals, opened),
            _ => (),
        }
        before = if record.id == biff::CONTINUE { before } else { record.id };
    }
    globals.shared = biff::shared_strings(&shared);
    globals
}

/// BOUNDSHEET, MS-XLS section 2.4.28.
fn sheet_of_list(content: &[u8], globals: &Globals) -> Sheet {
    let name = le::from(content, 6);
    Sheet {
        name: text::shown(&biff::string(name, false, globals.layout, globals.code_page)),
        at: le::size(content, 0).unwrap_or(0),
        state: le::byte(content, 4).unwrap_or(0) & 3,
        is_macro: le::byte(content, 5) == Some(1),
    }
}

/// LBL, MS-XLS section 2.4.150; a built-in name is one letter with a number.
fn defined_name(content: &[u8], globals: &Globals) -> String {
    let letters = usize::from(le::byte(content, 3).unwrap_or(0));
    let at = if globals.layout < Layout::Biff5 { 6 } else { 14 };
    let name = biff::letters_at(le::from(content, at), letters, globals.layout, globals.code_page);
    let is_built_in = le::short(content, 0).unwrap_or(0) & 0x20 != 0;
    match name.chars().next().map(u32::from) {
        Some(number) if is_built_in => match number {
            1 => "Auto_Open".to_string(),
            2 => "Auto_Close".to_string(),
            10 => "Auto_Activate".to_string(),
            11 => "Auto_Deactivate".to_string(),
            other => format!("built-in {other}"),
        },
        _ => name,
    }
}

/// Excel starts every name that begins so; letters that cannot be seen do not count.
pub(super) fn is_auto_run(name: &str) -> bool {
    let seen: String = name.chars().filter(char::is_ascii_graphic).collect();
    let seen = seen.to_ascii_lowercase();
    ["auto_open", "auto_close", "auto_activate", "auto_deactivate"]
        .iter()
        .any(|known| seen.trim_start_matches("_xlnm.").starts_with(known))
}

/// SUPBOOK (MS-XLS section 2.4.271) and its forerunner: another workbook, or a program and what it is told (DDE).
fn outside(content: &[u8], id: u16, globals: &Globals, text: &mut Text, opened: &mut Opened) {
    let path = match id {
        0x01ae => biff::string(le::from(content, 2), true, globals.layout, globals.code_page),
        _ => biff::string(content, false, globals.layout, globals.code_page),
    };
    // Without a program in front it is this workbook itself.
    let asked = path.split_once('\u{3}').filter(|(program, _)| !program.trim().is_empty());
    if let Some((program, topic)) = asked {
        let program = text::brief(program);
        opened.sign("office.dde", format!("a cell asks the program {program} for data"));
        text.line(&format!("{program}|'{topic}'"));
    } else if let Some(at) = path.to_ascii_lowercase().find("http").or(path.find("\\\\")) {
        link(opened, path.get(at..).unwrap_or_default());
    }
}

/// Web queries: the address stands in a string of its own.
fn query(content: &[u8], globals: &Globals, opened: &mut Opened) {
    let found = biff::string(content, true, globals.layout, globals.code_page);
    if let Some(at) = found.to_ascii_lowercase().find("http") {
        link(opened, found.get(at..).unwrap_or_default());
    }
}

/// What reading the sheets of one workbook adds to.
struct Out<'o> {
    text: Text,
    opened: &'o mut Opened,
    budget: &'o mut Budget,
    formulas_left: usize,
    /// Parts that overlap, each without an end, would read the same records again and again.
    records_left: usize,
}

/// One sheet: its formulas in words if it is a macro sheet, what was typed in any case.
fn sheet(stream: &[u8], sheet: &Sheet, globals: &Globals, out: &mut Out<'_>) -> String {
    let mut cells = match sheet.is_macro {
        true => typed_cells(stream, sheet, globals),
        false => HashMap::new(),
    };
    let mut code = String::new();
    let mut before = 0;
    for (n, record) in part(stream, sheet.at).take(out.records_left).enumerate() {
        out.records_left -= 1;
        let formula = formula_of(&record, globals.layout);
        // Formulas are what takes time; other records are looked at by the thousand.
        if (formula.is_some() || n.is_multiple_of(RECORDS_BETWEEN_LOOKS))
            && let Err(limit) = out.budget.check_time()
        {
            out.opened.stopped = out.opened.stopped.take().or(Some(Stopped::Limit(limit)));
            break;
        }
        if let Some((place, value)) = typed(&record, globals) {
            out.text.line(&value);
            if sheet.is_macro && code.len() + value.len() < limits::OFFICE_TEXT_BYTES_MAX {
                code.push_str(&format!("{}: {value}\n", formula::place_name(place)));
            }
        }
        if let Some((place, tokens)) = formula {
            let is_over = out.formulas_left == 0 || code.len() > limits::OFFICE_TEXT_BYTES_MAX;
            if is_over && sheet.is_macro {
                let limit = Limit::TooMany { parts_max: limits::FORMULAS_MAX };
                out.opened.stopped = out.opened.stopped.take().or(Some(Stopped::Limit(limit)));
                break;
            }
            out.formulas_left = out.formulas_left.saturating_sub(1);
            let written = formula::write(tokens, &globals.context(&cells));
            // In a plain sheet nothing grows with the values, so nothing would bound them.
            if let Some(value) = written.text.as_ref().filter(|_| sheet.is_macro) {
                cells.insert(place, value.clone());
            }
            keep(place, &written, sheet.is_macro && !is_over, &mut code, out);
        }
        other_text(&record, before, globals, out);
        before = record.id;
    }
    code
}

/// Macros keep the pieces of a command in cells anywhere on the sheet, so those are gathered before the formulas.
fn typed_cells(stream: &[u8], sheet: &Sheet, globals: &Globals) -> HashMap<Place, String> {
    let mut cells = HashMap::new();
    let mut bytes_left = limits::OFFICE_TEXT_BYTES_MAX;
    for (place, value) in part(stream, sheet.at).filter_map(|record| typed(&record, globals)) {
        if value.len() > limits::FORMULA_CHARS_MAX {
            continue;
        }
        let Some(left) = bytes_left.checked_sub(value.len() + CELL_BYTES) else { break };
        bytes_left = left;
        cells.insert(place, value.into_owned());
    }
    cells
}

/// Writes a formula into the program text; in a plain sheet only what it says in quotes matters.
pub(super) fn keep_line(place: Place, written: &Written) -> String {
    let place = formula::place_name(place);
    match written.plain == written.valued {
        true => format!("{place}: ={}\n", written.plain),
        false => format!("{place}: ={}\n{place}: that is ={}\n", written.plain, written.valued),
    }
}

fn keep(place: Place, written: &Written, is_macro: bool, code: &mut String, out: &mut Out<'_>) {
    if written.functions.contains(&"HYPERLINK") {
        let address = written.valued.split("HYPERLINK(\"").nth(1);
        link(out.opened, address.and_then(|rest| rest.split('"').next()).unwrap_or_default());
    }
    let line = keep_line(place, written);
    match is_macro {
        true => code.push_str(&line),
        false if line.contains('"') => out.text.line(&line),
        false => (),
    }
    if !is_macro {
        // A plain sheet may call as well: REGISTER.ID and CALL work there in old versions.
        let called = calls(&written.valued);
        if !called.is_empty() {
            out.opened.sign("office.xlm_calls", format!("a plain sheet: {}", called.join(", ")));
        }
    }
}

/// The records of one part up to its end; parts inside it (charts) belong to it.
fn part(stream: &[u8], at: usize) -> impl Iterator<Item = Record<'_>> {
    let mut depth = 0_usize;
    let mut ended = false;
    biff::records(stream, at).take_while(move |record| {
        let go_on = !ended;
        if biff::is_bof(record) {
            depth += 1;
        }
        if record.id == biff::EOF {
            depth = depth.saturating_sub(1);
            ended = depth == 0;
        }
        go_on
    })
}

/// A cell that holds a text.
fn typed<'g>(record: &Record<'_>, globals: &'g Globals) -> Option<(Place, Cow<'g, str>)> {
    let content = record.content;
    let place = || Some((le::short(content, 0)?.into(), le::short(content, 2)?.into()));
    match record.id {
        0x0204 | 0x00d6 => {
            let string = le::from(content, 6);
            let typed = biff::string(string, true, globals.layout, globals.code_page);
            Some((place()?, Cow::Owned(typed)))
        }
        0x0004 => {
            let string = le::from(content, 7);
            let typed = biff::string(string, false, globals.layout, globals.code_page);
            Some((place()?, Cow::Owned(typed)))
        }
        0x00fd => {
            let string = globals.shared.get(le::size(content, 6)?)?;
            Some((place()?, Cow::Borrowed(string.as_str())))
        }
        _ => None,
    }
}

/// FORMULA, SHRFMLA and ARRAY: where, and the tokens.
fn formula_of<'r>(record: &Record<'r>, layout: Layout) -> Option<(Place, &'r [u8])> {
    let content = record.content;
    let place = (le::short(content, 0)?.into(), le::short(content, 2)?.into());
    let (size, at) = match (record.id, layout) {
        (0x0006, Layout::Biff3)
            if le::byte(content, 16)
                .is_some_and(|size| content.len() == 17 + usize::from(size)) =>
        {
            (usize::from(le::byte(content, 16)?), 17)
        }
        (0x0006 | 0x0206 | 0x0406, Layout::Biff3 | Layout::Biff4) => {
            (le::short_size(content, 16)?, 18)
        }
        (0x0006 | 0x0206 | 0x0406, _) => (le::short_size(content, 20)?, 22),
        (0x04bc, _) => (le::short_size(content, 8)?, 10),
        (0x0221, _) => (le::short_size(content, 12)?, 14),
        _ => return None,
    };
    Some((place, le::slice(content, at, size)))
}

/// Results, boxes, notes, heads and feet, and addresses behind cells.
fn other_text(record: &Record<'_>, before: u16, globals: &Globals, out: &mut Out<'_>) {
    let content = record.content;
    let string = |bytes, wide| biff::string(bytes, wide, globals.layout, globals.code_page);
    match record.id {
        0x0207 | 0x0014 | 0x0015 => out.text.line(&string(content, true)),
        biff::CONTINUE if before == 0x01b6 => {
            let letters = content.len().saturating_sub(1);
            out.text.line(&biff::letters_at(content, letters, globals.layout, globals.code_page));
        }
        0x001c | 0x01b6 if globals.layout < Layout::Biff8 => {
            out.text.line(&text::narrow_runs(content, 3, content.len()));
        }
        0x01b8 => {
            objects::addresses(content, out.opened);
        }
        0x00dc | 0x00cd => query(content, globals, out.opened),
        _ => (),
    }
}

/// Signs of one macro sheet.
pub(super) fn tell(name: &str, code: &str, is_hidden: bool, opened: &mut Opened) {
    if code.trim().is_empty() {
        return;
    }
    let shown = text::brief(name);
    let hidden = if is_hidden { " (hidden)" } else { "" };
    opened.sign("office.xlm_macro", format!("macro sheet {shown}{hidden}"));
    let called = calls(code);
    if !called.is_empty() {
        opened.sign("office.xlm_calls", format!("macro sheet {shown}: {}", called.join(", ")));
    }
}

/// What a macro sheet calls that reaches out of Excel.
fn calls(code: &str) -> Vec<&'static str> {
    let lower = code.to_ascii_lowercase();
    CALLS.iter().copied().filter(|call| lower.contains(&call.to_ascii_lowercase())).collect()
}

/// Records read between two looks at the clock.
const RECORDS_BETWEEN_LOOKS: usize = 4_096;
/// What a remembered cell costs besides its letters.
const CELL_BYTES: usize = 48;
const KIND_GLOBALS: u16 = 0x0005;
const KIND_MACRO: u16 = 0x0040;
/// A sheet that Excel's own menu does not list.
const VERY_HIDDEN: u8 = 2;
const CALLS: &[&str] = &[
    "EXEC(",
    "CALL(",
    "REGISTER(",
    "REGISTER.ID(",
    "RUN(",
    "FOPEN(",
    "FWRITE(",
    "FWRITELN(",
    "FILE.DELETE(",
    "URLDownloadToFile",
    "ShellExecute",
    "CreateProcess",
    "WinExec",
    "VirtualAlloc",
    "WriteProcessMemory",
    "INITIATE(",
    "EXECUTE(",
    "FORMULA(",
    "FORMULA.FILL(",
    "SET.VALUE(",
    "EVALUATE(",
    "GET.WORKSPACE(",
    "ON.TIME(",
    "VBA.INSERT.FILE(",
    "powershell",
    "mshta",
    "rundll32",
    "regsvr32",
    "certutil",
    "bitsadmin",
    "wmic",
    "cmd.exe",
    "cmd /c",
];

#[cfg(test)]
#[allow(clippy::as_conversions, reason = "samples are small")]
pub(crate) mod tests {
    use super::{super::biff::testing::record, *};
    use crate::{base::clock::Clock, formats::budget::Bounds};

    fn bof(kind: u16) -> Vec<u8> {
        record(biff::BOF, &[&0x0600_u16.to_le_bytes()[..], &kind.to_le_bytes(), &[0; 12]].concat())
    }

    fn bound_sheet(at: u32, state: u8, kind: u8, name: &str) -> Vec<u8> {
        let mut content = at.to_le_bytes().to_vec();
        content.extend([state, kind, name.len() as u8, 0]);
        content.extend(name.as_bytes());
        record(0x0085, &content)
    }

    fn label(row: u16, text: &str) -> Vec<u8> {
        let mut content = [&row.to_le_bytes()[..], &[0, 0, 0, 0]].concat();
        content.extend((text.len() as u16).to_le_bytes());
        content.push(0);
        content.extend(text.as_bytes());
        record(0x0204, &content)
    }

    fn formula(row: u16, tokens: &[u8]) -> Vec<u8> {
        let mut content = [&row.to_le_bytes()[..], &[0; 18]].concat();
        content.extend((tokens.len() as u16).to_le_bytes());
        content.extend(tokens);
        record(0x0006, &content)
    }

    /// A workbook with a very hidden macro sheet that starts by itself.
    pub(crate) fn sample() -> Vec<u8> {
        let name = [&[0x20_u8, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1][..]].concat();
        let shared = b"\x01\0\0\0\x01\0\0\0\x06\0\0SHARED";
        let middle =
            [record(0x0018, &name), record(0x00fc, shared), record(biff::EOF, b"")].concat();
        let head = bof(KIND_GLOBALS);
        let at = head.len() + bound_sheet(0, 2, 1, "Macro1").len() + middle.len();
        let sheet = [
            bof(KIND_MACRO),
            label(0, "MAR"),
            formula(1, b"\x44\0\0\0\xc0\x17\x03\0KER\x08\x42\x01\x6e\0"),
            record(biff::EOF, b""),
        ];
        [head, bound_sheet(at as u32, 2, 1, "Macro1"), middle, sheet.concat()].concat()
    }

    fn open(bytes: &[u8]) -> Opened {
        bare_workbook(bytes, &mut Budget::new(Bounds::default(), &Clock::system()))
    }

    #[test]
    fn a_hidden_macro_sheet() {
        let opened = open(&sample());
        let code = String::from_utf8_lossy(&opened.members[0].bytes).into_owned();
        assert_eq!(opened.members[0].name.as_deref(), Some("Macro1.xlm"));
        assert!(code.contains("EXEC(A1&\"KER\")") && code.contains("EXEC(\"MARKER\")"), "{code}");
        let ids: BTreeSet<&str> = opened.signs.iter().map(|sign| sign.id).collect();
        let want = ["macro", "calls", "auto_run"].map(|id| format!("office.xlm_{id}"));
        assert!(want.iter().all(|id| ids.contains(id.as_str())), "{ids:?}");
        assert!(ids.contains("office.sheet_very_hidden"));
        let text = String::from_utf8_lossy(&opened.members[1].bytes).into_owned();
        assert!(text.contains("SHARED") && text.contains("MAR"), "{text}");
    }

    #[test]
    fn a_sheet_that_is_not_listed() {
        let mut bytes = sample();
        let list = bof(KIND_GLOBALS).len();
        bytes[list] = 0x86;
        let opened = open(&bytes);
        assert!(opened.members.iter().any(|member| member.name.as_deref() == Some("part1.xlm")));
    }

    #[test]
    fn a_program_asked_for_data() {
        let path = b"\0\0\x0c\0\0cmd\x03/c MARKE";
        let bytes = [bof(KIND_GLOBALS), record(0x01ae, path), record(biff::EOF, b"")].concat();
        let opened = open(&bytes);
        assert_eq!(opened.signs[0].id, "office.dde");
        assert!(String::from_utf8_lossy(&opened.members[0].bytes).contains("cmd|'/c MARKE'"));
    }

    #[test]
    fn names_that_start() {
        for (name, want) in [
            ("Auto_Open", true),
            ("auto_open_1", true),
            ("Au\u{0}to\u{200b}_Open", true),
            ("_xlnm.Auto_Open", true),
            ("Automatic", false),
        ] {
            assert_eq!(is_auto_run(name), want, "{name}");
        }
    }

    #[test]
    fn truncated_anywhere() {
        let bytes = sample();
        for end in 0..bytes.len() {
            open(&bytes[..end]);
        }
        open(&[9; 4_000]);
    }
}
