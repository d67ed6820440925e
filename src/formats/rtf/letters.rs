//! Bytes of RTF to letters: code pages by document and by font, `\u` with what it replaces, words that stand for letters.

use encoding_rs::{Encoding, WINDOWS_1252};
use std::collections::HashMap;

/// Letters that are being read.
#[derive(Debug)]
pub(super) struct Letters {
    pending: Vec<u8>,
    document: &'static Encoding,
    current: &'static Encoding,
    fonts: HashMap<i32, &'static Encoding>,
    font: i32,
    high: Option<u16>,
    /// Letters still to be left out, because `\u` gave them already.
    skip: i32,
}

impl Default for Letters {
    fn default() -> Letters {
        Letters {
            pending: Vec::new(),
            document: WINDOWS_1252,
            current: WINDOWS_1252,
            fonts: HashMap::new(),
            font: 0,
            high: None,
            skip: 0,
        }
    }
}

impl Letters {
    pub(super) fn push(&mut self, byte: u8) {
        self.pending.push(byte);
    }

    /// Is this letter one that `\u` replaced?
    pub(super) fn is_skipped(&mut self) -> bool {
        let skipped = self.skip > 0;
        self.skip -= i32::from(skipped);
        skipped
    }

    /// What was pushed, as text. Any other piece than a letter ends what is left out after `\u`.
    pub(super) fn flush(&mut self) -> Option<String> {
        self.skip = 0;
        if self.pending.is_empty() {
            return None;
        }
        let text = self.current.decode_without_bom_handling(&self.pending).0.into_owned();
        self.pending.clear();
        Some(text)
    }

    /// A letter by its number, which may be negative and may be half of a pair.
    pub(super) fn unicode(&mut self, number: i32, skips: i32) -> Option<char> {
        self.skip = skips;
        let number = if number < 0 { number.wrapping_add(65_536) } else { number };
        let code = u32::try_from(number).ok()?;
        let Ok(unit) = u16::try_from(code) else { return char::from_u32(code) };
        let high = self.high.take();
        match unit {
            0xd800..0xdc00 => {
                self.high = Some(unit);
                None
            }
            _ => char::decode_utf16(high.into_iter().chain([unit])).find_map(Result::ok),
        }
    }

    pub(super) fn code_page(&mut self, number: i32) {
        self.document = by_code_page(number).unwrap_or(WINDOWS_1252);
        self.current = self.document;
    }

    pub(super) fn font(&mut self, font: i32) {
        self.font = font;
        self.current = self.fonts.get(&font).copied().unwrap_or(self.document);
    }

    pub(super) fn font_charset(&mut self, charset: i32) {
        if self.fonts.len() < FONTS_MAX
            && let Some(encoding) = by_charset(charset)
        {
            self.fonts.insert(self.font, encoding);
        }
    }
}

fn by_code_page(number: i32) -> Option<&'static Encoding> {
    let label = match number {
        65_001 => "utf-8".to_string(),
        932 => "shift_jis".to_string(),
        936 => "gbk".to_string(),
        949 => "euc-kr".to_string(),
        950 => "big5".to_string(),
        874 => "windows-874".to_string(),
        866 => "ibm866".to_string(),
        10_000 => "macintosh".to_string(),
        number => format!("windows-{number}"),
    };
    Encoding::for_label(label.as_bytes())
}

/// `\fcharset`, RTF 1.9.1 "Font Table". Zero and one are the document's.
fn by_charset(charset: i32) -> Option<&'static Encoding> {
    by_code_page(match charset {
        128 => 932,
        129 => 949,
        134 => 936,
        136 => 950,
        161 => 1253,
        162 => 1254,
        163 => 1258,
        177 => 1255,
        178 => 1256,
        186 => 1257,
        204 => 1251,
        222 => 874,
        238 => 1250,
        _ => return None,
    })
}

/// Words that stand for a letter or end a line.
pub(super) fn of_word(name: &str) -> Option<&'static str> {
    Some(match name {
        "par" | "line" | "row" | "page" | "sect" | "nestrow" => "\n",
        "tab" | "cell" | "nestcell" => "\t",
        "lquote" => "\u{2018}",
        "rquote" => "\u{2019}",
        "ldblquote" => "\u{201c}",
        "rdblquote" => "\u{201d}",
        "bullet" => "\u{2022}",
        "endash" => "\u{2013}",
        "emdash" => "\u{2014}",
        "enspace" | "emspace" | "qmspace" => " ",
        _ => return None,
    })
}

/// Fonts remembered; documents have some dozens.
const FONTS_MAX: usize = 10_000;
