//! Records of XLSB parts, MS-XLSB section 2.1.4: a kind and a length in seven bits a byte, then the data.

use super::Document;
use crate::{base::limits, formats::encodings};

/// Reads one binary part of a workbook: its strings, and the few records that say what it does.
pub(super) fn read(name: &str, bytes: &[u8], document: &mut Document) {
    let strings = encodings::utf16_runs(bytes, LETTERS_MIN);
    match name.contains("/macrosheets/") {
        true => super::part::push(&mut document.texts.code, &strings),
        false => super::part::push(&mut document.texts.shown, &strings),
    }
    let mut rest = bytes;
    for _ in 0..limits::XLSB_RECORDS_MAX {
        let Some((kind, after)) = seven_bits(rest, 2) else { return };
        let Some((length, after)) = seven_bits(after, 4) else { return };
        let data = after.get(..length.min(after.len())).unwrap_or_default();
        record(kind, data, document);
        rest = after.get(data.len()..).unwrap_or_default();
    }
}

fn record(kind: usize, data: &[u8], document: &mut Document) {
    let opened = &mut document.opened;
    match (kind, data.first()) {
        // BrtBundleSh, section 2.4.301: how a sheet is hidden.
        (156, Some(1)) => opened.sign("office.hidden_sheet", "a sheet is hidden"),
        (156, Some(2)) => {
            opened.sign("office.very_hidden_sheet", "a sheet can only be shown by a program");
        }
        // BrtBeginSupBook, section 2.4.202: what the workbook is linked to.
        (360, Some(1)) => {
            opened.sign("office.dde", "a workbook is linked to another program by DDE");
            let strings = encodings::utf16_runs(data, 2);
            super::part::push(&mut document.texts.code, &strings);
        }
        (360, Some(2)) => opened.sign("office.linked_object", "a workbook is linked to an object"),
        // BrtName, section 2.4.711.
        (39, Some(_)) => {
            let name = encodings::utf16_runs(data, LETTERS_MIN).to_ascii_lowercase();
            if ["auto_open", "auto_close", "auto_activate"].iter().any(|auto| name.contains(auto)) {
                opened.sign("office.auto_run", "a macro of Excel 4 runs by itself");
            }
        }
        (_, _) => (),
    }
}

/// A number in at most so many bytes of seven bits, low ones first.
fn seven_bits(bytes: &[u8], bytes_max: usize) -> Option<(usize, &[u8])> {
    let mut number = 0;
    for (at, byte) in bytes.iter().enumerate().take(bytes_max) {
        number |= usize::from(byte & 0x7f) << (7 * at);
        if byte & 0x80 == 0 {
            return Some((number, bytes.get(at + 1..)?));
        }
    }
    None
}

/// Strings shorter than this are chance.
const LETTERS_MIN: usize = 4;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_that_do_something() {
        let wide =
            |text: &str| -> Vec<u8> { text.encode_utf16().flat_map(u16::to_le_bytes).collect() };
        let mut part = vec![0x9c, 0x01, 4, 2, 0, 0, 0];
        let book = [&[1, 0, 3, 0, 0, 0][..], &wide("cmd"), &[5, 0, 0, 0], &wide("/c x!")].concat();
        part.extend([0xe8, 0x02, u8::try_from(book.len()).unwrap()]);
        part.extend(book);
        part.extend([0xff; 3]);
        let mut document = Document::default();
        read("xl/externallinks/externallink1.bin", &part, &mut document);
        let ids: Vec<_> = document.opened.signs.iter().map(|sign| sign.id).collect();
        assert_eq!(ids, ["office.very_hidden_sheet", "office.dde"]);
        assert_eq!(document.texts.code, "cmd\n/c x!\n");
        for end in 0..part.len() {
            read("", &part[..end], &mut Document::default());
        }
    }
}
