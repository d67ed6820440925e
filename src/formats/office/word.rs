//! Text of Word documents, MS-DOC: all of it by the piece table, hidden text, notes, boxes and field codes included; and what fields do.
//!
//! Documents of Word 6 and 95 have their text in one piece. Where the table of pieces is broken the readable letters are taken as they lie.

use super::{
    document::{Document, give_text, link},
    le, objects, text,
};
use crate::{
    base::limits,
    formats::{
        budget::Budget,
        opened::{Opened, Role},
    },
};

/// Gives the text of every Word stream of a compound file.
pub(super) fn read(document: &Document, opened: &mut Opened, budget: &mut Budget) {
    for stream in document.named("WordDocument") {
        let main = stream.bytes.as_slice();
        let flags = le::short(main, 10).unwrap_or(0);
        if flags & FLAG_ENCRYPTED != 0 {
            continue;
        }
        let wanted = if flags & FLAG_TABLE_1 != 0 { "1Table" } else { "0Table" };
        let other = if flags & FLAG_TABLE_1 != 0 { "0Table" } else { "1Table" };
        let table = document
            .find(&stream.folder, wanted)
            .or_else(|| document.find(&stream.folder, other))
            .map_or(main, |stream| stream.bytes.as_slice());
        let text = whole_text(main, table);
        fields(&text, opened);
        let shown: String = text.chars().map(readable).collect();
        give_text(opened, budget, "text.txt", shown, Role::Text);
        template(main, table, opened);
    }
}

/// Text with the marks of fields in it.
fn whole_text(main: &[u8], table: &[u8]) -> String {
    let is_old = le::short(main, 2).unwrap_or(0) < VERSION_97;
    let (pieces_at, holder) = if is_old { (0x160, main) } else { (0x1a2, table) };
    let pieces = le::size(main, pieces_at)
        .map(|at| le::slice(holder, at, le::size(main, pieces_at + 4).unwrap_or(0)))
        .unwrap_or_default();
    if let Some(text) = text_of_pieces(main, pieces, is_old) {
        return text;
    }
    let (first, end) = (le::size(main, 0x18).unwrap_or(0), le::size(main, 0x1c).unwrap_or(0));
    let old = le::slice(main, first, end.saturating_sub(first));
    if is_old && !old.is_empty() {
        return text::decode(le::slice(old, 0, limits::OFFICE_TEXT_BYTES_MAX), 1252);
    }
    let runs = text::wide_runs(main, RUN_LETTERS_MIN, limits::OFFICE_TEXT_BYTES_MAX);
    runs + &text::narrow_runs(main, RUN_LETTERS_MIN, limits::OFFICE_TEXT_BYTES_MAX)
}

/// Clx, MS-DOC section 2.9.38: formatting that is skipped, then where each piece of text stands.
fn text_of_pieces(main: &[u8], clx: &[u8], is_old: bool) -> Option<String> {
    let mut at = 0;
    for _ in 0..limits::DOCUMENT_PIECES_MAX {
        match le::byte(clx, at) {
            Some(1) => at += 3 + le::short_size(clx, at + 1).unwrap_or(0),
            Some(2) => break,
            _ => return None,
        }
    }
    let declared = le::size(clx, at + 1).unwrap_or(0);
    let pieces = le::slice(clx, at + 5, declared);
    // MS-DOC section 2.8.35: one position more than pieces, then eight bytes for each.
    let count = pieces.len().saturating_sub(4) / 12;
    let mut text = String::new();
    for piece in 0..count.min(limits::DOCUMENT_PIECES_MAX) {
        let starts = le::size(pieces, piece * 4).unwrap_or(0);
        let ends = le::size(pieces, piece * 4 + 4).unwrap_or(0);
        let letters = ends.saturating_sub(starts);
        let place = le::long(pieces, (count + 1) * 4 + piece * 8 + 2).unwrap_or(0);
        let is_narrow = is_old || place & 0x4000_0000 != 0;
        let place = usize::try_from(place & 0x3fff_ffff).unwrap_or(usize::MAX);
        let place = if is_narrow && !is_old { place / 2 } else { place };
        text.push_str(&match is_narrow {
            true => text::decode(le::slice(main, place, letters), 1252),
            false => text::utf16(le::slice(main, place, letters.saturating_mul(2))),
        });
        if text.len() > limits::OFFICE_TEXT_BYTES_MAX {
            break;
        }
    }
    // Letters declared and none found: the table is wrong.
    (!text.is_empty()).then_some(text)
}

/// MS-DOC section 2.4.1: marks of cells, pages and fields as blanks and lines.
fn readable(letter: char) -> char {
    match letter {
        '\r' | '\u{b}' | '\u{c}' | '\u{e}' => '\n',
        '\u{1e}' => '-',
        '\t' | '\n' => letter,
        letter if letter.is_control() => ' ',
        letter => letter,
    }
}

struct Field {
    code: String,
    result: String,
    in_result: bool,
}

/// Reads every field of a text: 0x13, the code, 0x14, the result, 0x15. What an inner field results in belongs to the outer code.
pub(super) fn fields(text: &str, opened: &mut Opened) {
    let mut open: Vec<Field> = Vec::new();
    let mut read = 0;
    for letter in text.chars() {
        match letter {
            '\u{13}' if open.len() < FIELD_DEPTH_MAX => {
                let field = Field { code: String::new(), result: String::new(), in_result: false };
                open.push(field);
            }
            '\u{14}' => {
                if let Some(field) = open.last_mut() {
                    field.in_result = true;
                }
            }
            '\u{15}' => {
                let Some(field) = open.pop() else { continue };
                let value = quoted_numbers(&field.code).unwrap_or(field.result);
                field_code(&field.code, opened);
                read += 1;
                if let Some(outer) = open.last_mut().filter(|outer| !outer.in_result) {
                    outer.code.push_str(&value);
                }
            }
            letter => {
                if let Some(field) = open.last_mut() {
                    let part = if field.in_result { &mut field.result } else { &mut field.code };
                    if part.len() < limits::LINK_BYTES_MAX {
                        part.push(letter);
                    }
                }
            }
        }
        if read > limits::DOCUMENT_FIELDS_MAX {
            break;
        }
    }
    // A field without an end is one all the same.
    for field in open {
        field_code(&field.code, opened);
    }
}

/// `QUOTE 68 68 69`: letters by their numbers, to hide a word from those who search for it.
fn quoted_numbers(code: &str) -> Option<String> {
    let mut words = code.split_ascii_whitespace();
    words.next().filter(|word| word.eq_ignore_ascii_case("QUOTE"))?;
    let letters: Option<String> =
        words.map(|word| word.parse::<u32>().ok().and_then(char::from_u32)).collect();
    letters.filter(|letters| !letters.is_empty())
}

/// What one field code of Word does: a link, a program asked for data, a part loaded from elsewhere. For all formats with such fields.
pub fn field_code(code: &str, opened: &mut Opened) {
    let code = code.trim();
    let word = code.split([' ', '\t', '"', '\\']).next().unwrap_or_default().to_ascii_uppercase();
    let target = argument(code.get(word.len()..).unwrap_or_default());
    match word.as_str() {
        "DDE" | "DDEAUTO" => {
            let program = text::brief(&target);
            opened.sign("office.dde", format!("a field asks the program {program} for data"));
        }
        "HYPERLINK" => link(opened, &target),
        "INCLUDETEXT" | "INCLUDEPICTURE" | "INCLUDE" | "IMPORT" | "LINK" | "RD" | "AUTOTEXT"
        | "EMBED" | "DATABASE" => {
            // LINK names a class first, then the address.
            let addresses = code.split(['"', ' ']).map(|part| part.replace("\\\\", "\\"));
            let remote = addresses
                .chain([target.clone()])
                .find(|part| objects::is_remote(part) || part.starts_with('\\') && part.len() > 3);
            if let Some(address) = remote.filter(|_| word != "AUTOTEXT") {
                link(opened, &address);
                let because = format!("a field {word} loads from elsewhere");
                opened.sign("office.remote_object", because);
            }
        }
        _ => (),
    }
}

/// The first word or what stands in quotes, doubled backslashes made one.
fn argument(rest: &str) -> String {
    let rest = rest.trim_start();
    let found = match rest.strip_prefix(['"', '\u{201c}']) {
        Some(quoted) => quoted.split(['"', '\u{201d}']).next(),
        None => rest.split_ascii_whitespace().next(),
    };
    found.unwrap_or_default().replace("\\\\", "\\")
}

/// SttbfAssoc, MS-DOC section 2.9.271: its second string is the template that is loaded with the document.
fn template(main: &[u8], table: &[u8], opened: &mut Opened) {
    let at = le::size(main, 0x19a).unwrap_or(0);
    let strings = le::slice(table, at, le::size(main, 0x19e).unwrap_or(0));
    let mut at = 6;
    for n in 0..2 {
        let Some(letters) = le::short_size(strings, at) else { return };
        let string = text::utf16(le::slice(strings, at + 2, letters * 2));
        if n == 1 && objects::is_remote(&string) {
            link(opened, &string);
            opened.sign("office.remote_template", "the document loads its template from elsewhere");
        }
        at += 2 + letters * 2;
    }
}

/// The first version with UTF-16 and a table stream, MS-DOC section 2.5.1.
const VERSION_97: u16 = 0x00c1;
const FLAG_ENCRYPTED: u16 = 0x0100;
const FLAG_TABLE_1: u16 = 0x0200;
/// Fields in fields; Word itself stops at twenty.
const FIELD_DEPTH_MAX: usize = 64;
const RUN_LETTERS_MIN: usize = 4;

#[cfg(test)]
#[allow(clippy::as_conversions, reason = "samples are small")]
pub(crate) mod tests {
    use super::{
        super::cfb::{Compound, testing::compound},
        *,
    };
    use crate::{base::clock::Clock, formats::budget::Bounds};

    /// Two pieces, one of each kind.
    pub(crate) fn sample(narrow: &[u8], wide: &str) -> (Vec<u8>, Vec<u8>) {
        let wide: Vec<u8> = wide.encode_utf16().flat_map(u16::to_le_bytes).collect();
        let mut main = vec![0; 0x400];
        main[..4].copy_from_slice(b"\xec\xa5\xc1\0");
        main[10..12].copy_from_slice(&FLAG_TABLE_1.to_le_bytes());
        let middle = narrow.len() as u32;
        let end = middle + wide.len() as u32 / 2;
        let mut pieces: Vec<u8> =
            [0, middle, end].iter().flat_map(|n: &u32| n.to_le_bytes()).collect();
        for place in [0x4000_0000 | (0x400 * 2), 0x400 + middle] {
            pieces.extend([&[0, 0][..], &place.to_le_bytes(), &[0, 0]].concat());
        }
        let size = (pieces.len() as u32).to_le_bytes();
        let clx = [&[1, 2, 0, 9, 9, 2][..], &size, &pieces].concat();
        main[0x1a2..0x1a6].copy_from_slice(&4_u32.to_le_bytes());
        main[0x1a6..0x1aa].copy_from_slice(&(clx.len() as u32).to_le_bytes());
        main.extend(narrow);
        main.extend(wide);
        (main, [&[0; 4][..], &clx].concat())
    }

    fn open(main: &[u8], table: &[u8]) -> Opened {
        let bytes = compound(&[("WordDocument", main), ("1Table", table)]);
        let mut budget = Budget::new(Bounds::default(), &Clock::system());
        let document = Document::load(&Compound::read(&bytes).unwrap(), &mut budget);
        let mut opened = Opened::default();
        read(&document, &mut opened, &mut budget);
        opened
    }

    #[test]
    fn pieces_of_both_kinds() {
        let (main, table) = sample(b"r\xe4k MARK", "ER Привет\r");
        let opened = open(&main, &table);
        assert_eq!(opened.members[0].bytes, "räk MARKER Привет\n".as_bytes());
        assert_eq!(opened.members[0].role, Role::Text);
        // Without the table the letters are found where they lie.
        let opened = open(&main, b"");
        let text = String::from_utf8_lossy(&opened.members[0].bytes).into_owned();
        assert!(text.contains("Привет") && text.contains("MARK"), "{text}");
    }

    #[test]
    fn what_fields_do() {
        for (text, links, signs) in [
            (
                "a\u{13} DDEAUTO c:\\\\x\\\\cmd.exe \"/k\" \u{14}r\u{15}",
                &[][..],
                &["office.dde"][..],
            ),
            ("\u{13}HYPERLINK \"http://a.example/\"\u{14}x\u{15}", &["http://a.example/"], &[]),
            (
                "\u{13}INCLUDETEXT \"http://a.example/x\" \\* M\u{15}",
                &["http://a.example/x"],
                &["office.remote_object"],
            ),
            ("\u{13}\u{13}QUOTE 68 68 69\u{15} cmd\u{15}", &[], &["office.dde"]),
            ("\u{13}\u{13}QUOTE 68 68\u{14}\u{15}E cmd", &[], &["office.dde"]),
            ("\u{13}PAGE\u{14}1\u{15}", &[], &[]),
            ("\u{13}dde cmd", &[], &["office.dde"]),
        ] {
            let links: Vec<String> = links.iter().map(ToString::to_string).collect();
            let mut opened = Opened::default();
            fields(text, &mut opened);
            let ids: Vec<&str> = opened.signs.iter().map(|sign| sign.id).collect();
            assert_eq!((opened.links.as_slice(), ids.as_slice()), (&links[..], signs), "{text}");
        }
    }

    #[test]
    fn truncated_anywhere() {
        let (main, table) = sample(b"abc", "def");
        for end in 0..main.len() {
            whole_text(&main[..end], &table);
            whole_text(&main, &table[..end.min(table.len())]);
        }
    }
}
