//! RTF as Outlook packs it, MS-OXRTFCP, and the HTML that such RTF carries inside, MS-OXRTFEX.
//!
//! The checksum is not looked at, the sizes are not believed.

use super::{le, text};
use crate::{
    base::limits,
    formats::budget::{Budget, Unpacked},
};
use std::io::Read;

/// Unpacks the property PidTagRtfCompressed.
pub(crate) fn decompress(bytes: &[u8], budget: &mut Budget) -> Unpacked {
    let packed = le::from(bytes, 16);
    match le::long(bytes, 8) {
        Some(STORED) => {
            let size = le::size(bytes, 4).unwrap_or(usize::MAX);
            budget.unpack(le::slice(packed, 0, size), |_| bytes.len())
        }
        _ => {
            let mut window = [0; WINDOW_BYTES];
            for (place, letter) in window.iter_mut().zip(DICTIONARY) {
                *place = *letter;
            }
            let reader = Lzfu { packed, at: 0, window, write: DICTIONARY.len(), flags: 0, bit: 8 };
            budget.unpack(reader, |reader| reader.at)
        }
    }
}

struct Lzfu<'p> {
    packed: &'p [u8],
    at: usize,
    window: [u8; WINDOW_BYTES],
    write: usize,
    flags: u8,
    bit: u8,
}

impl Lzfu<'_> {
    fn put(&mut self, byte: u8, out: &mut Vec<u8>) {
        if let Some(place) = self.window.get_mut(self.write) {
            *place = byte;
        }
        self.write = (self.write + 1) % WINDOW_BYTES;
        out.push(byte);
    }

    /// One token; None at the end.
    fn token(&mut self, out: &mut Vec<u8>) -> Option<()> {
        if self.bit == 8 {
            self.flags = le::byte(self.packed, self.at)?;
            self.at += 1;
            self.bit = 0;
        }
        let is_copy = self.flags >> self.bit & 1 == 1;
        self.bit += 1;
        if !is_copy {
            let byte = le::byte(self.packed, self.at)?;
            self.at += 1;
            self.put(byte, out);
            return Some(());
        }
        let pair: [u8; 2] = self.packed.get(self.at..self.at + 2)?.try_into().ok()?;
        self.at += 2;
        let reference = usize::from(u16::from_be_bytes(pair));
        let (offset, length) = (reference >> 4, (reference & 15) + 2);
        // MS-OXRTFCP section 2.1.3.2: a reference to the place to be written next is the end.
        if offset == self.write {
            return None;
        }
        for step in 0..length {
            let byte = self.window.get((offset + step) % WINDOW_BYTES).copied()?;
            self.put(byte, out);
        }
        Some(())
    }
}

impl Read for Lzfu<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let mut out = Vec::new();
        // A token gives at most seventeen bytes.
        while out.len() + 17 <= buffer.len() && self.token(&mut out).is_some() {}
        let mut places = buffer.iter_mut();
        out.iter().zip(&mut places).for_each(|(byte, place)| *place = *byte);
        Ok(out.len())
    }
}

/// The HTML inside RTF that was made from HTML; None if it was not. In UTF-8, at most as long as the RTF.
pub(crate) fn html(rtf: &[u8]) -> Option<String> {
    let head = le::slice(rtf, 0, HEAD_BYTES);
    memchr::memmem::find(head, b"\\fromhtml")?;
    let mut reader = Rtf {
        rtf,
        at: 0,
        states: vec![State::default()],
        html: String::new(),
        code_page: 1252,
        pending: Vec::new(),
    };
    reader.run();
    Some(reader.html).filter(|html| !html.trim().is_empty())
}

#[derive(Debug, Clone, Copy, Default)]
struct State {
    /// In a group that holds a tag.
    in_tag: bool,
    /// In a group that is not shown.
    skipped: bool,
    /// Between `\htmlrtf` and `\htmlrtf0`: for readers of RTF only.
    for_rtf: bool,
    /// Bytes that stand for a letter in readers without Unicode.
    skip_after_unicode: usize,
}

struct Rtf<'r> {
    rtf: &'r [u8],
    at: usize,
    states: Vec<State>,
    html: String,
    code_page: u16,
    pending: Vec<u8>,
}

impl Rtf<'_> {
    fn run(&mut self) {
        while let Some(byte) = le::byte(self.rtf, self.at) {
            self.at += 1;
            match byte {
                b'{' => {
                    let state = self.state();
                    // Deeper groups are read as part of the last one.
                    if self.states.len() < limits::PAGE_DEPTH_MAX {
                        self.states.push(state);
                    }
                }
                b'}' => {
                    if self.states.len() > 1 {
                        self.states.pop();
                    }
                }
                b'\\' => self.control(),
                b'\r' | b'\n' => (),
                byte => self.letter(byte),
            }
            if self.html.len() > 2 * self.rtf.len() {
                break;
            }
        }
        self.flush();
    }

    fn state(&self) -> State {
        self.states.last().copied().unwrap_or_default()
    }

    fn change(&mut self, change: impl FnOnce(&mut State)) {
        if let Some(state) = self.states.last_mut() {
            change(state);
        }
    }

    fn is_shown(&self) -> bool {
        let state = self.state();
        !state.for_rtf && !state.skipped
    }

    fn letter(&mut self, byte: u8) {
        if self.is_shown() {
            self.pending.push(byte);
        }
    }

    fn write(&mut self, text: &str) {
        self.flush();
        if self.is_shown() {
            self.html.push_str(text);
        }
    }

    fn flush(&mut self) {
        let pending = std::mem::take(&mut self.pending);
        self.html.push_str(&text::decode(&pending, self.code_page));
    }

    fn control(&mut self) {
        let Some(first) = le::byte(self.rtf, self.at) else { return };
        if !first.is_ascii_alphabetic() {
            self.at += 1;
            match first {
                b'\'' => {
                    let digits = std::str::from_utf8(le::slice(self.rtf, self.at, 2)).ok();
                    self.at += 2;
                    let byte = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok());
                    byte.into_iter().for_each(|byte| self.letter(byte));
                }
                b'*' => self.change(|state| state.skipped = true),
                b'~' => self.write("&nbsp;"),
                b'_' => self.write("&shy;"),
                b'\\' | b'{' | b'}' => self.letter(first),
                _ => (),
            }
            return;
        }
        let rest = le::from(self.rtf, self.at);
        let letters = rest.iter().take_while(|byte| byte.is_ascii_alphabetic()).count().min(32);
        let word = String::from_utf8_lossy(le::slice(rest, 0, letters)).into_owned();
        let after = le::from(rest, letters);
        let is_number = |byte: &&u8| byte.is_ascii_digit() || **byte == b'-';
        let digits = after.iter().take_while(is_number).count().min(11);
        let number = String::from_utf8_lossy(le::slice(after, 0, digits)).parse::<i64>().ok();
        self.at += letters + digits;
        if le::byte(self.rtf, self.at) == Some(b' ') {
            self.at += 1;
        }
        self.word(&word, number);
    }

    /// MS-OXRTFEX section 2.1.3.1: which control words give text.
    fn word(&mut self, word: &str, number: Option<i64>) {
        match word {
            "htmltag" => self.change(|state| {
                state.skipped = false;
                state.in_tag = true;
            }),
            "htmlrtf" => self.change(|state| state.for_rtf = number != Some(0)),
            "mhtmltag" | "fonttbl" | "colortbl" | "stylesheet" | "info" | "pict" | "pntext" => {
                self.change(|state| state.skipped = true);
            }
            "par" | "line" => self.write("\r\n"),
            "tab" => self.write("\t"),
            "lquote" => self.write("&lsquo;"),
            "rquote" => self.write("&rsquo;"),
            "ldblquote" => self.write("&ldquo;"),
            "rdblquote" => self.write("&rdquo;"),
            "bullet" => self.write("&bull;"),
            "endash" => self.write("&ndash;"),
            "emdash" => self.write("&mdash;"),
            "ansicpg" => self.code_page = number.and_then(|n| n.try_into().ok()).unwrap_or(1252),
            "uc" => {
                let count = number.and_then(|n| usize::try_from(n).ok()).unwrap_or(1).min(8);
                self.change(|state| state.skip_after_unicode = count + 1);
            }
            "u" => self.unicode(number.unwrap_or(0)),
            "bin" => self.at += number.and_then(|n| usize::try_from(n).ok()).unwrap_or(0),
            _ => (),
        }
    }

    fn unicode(&mut self, number: i64) {
        let unit = u16::try_from(number.rem_euclid(65_536)).unwrap_or(0);
        let letter = text::utf16(&unit.to_le_bytes());
        self.write(&letter);
        // One letter for old readers follows unless `\uc` said otherwise.
        let skip = self.state().skip_after_unicode;
        for _ in 0..if skip == 0 { 1 } else { skip - 1 } {
            match le::slice(self.rtf, self.at, 2) {
                b"\\'" => self.at += 4,
                [b'{' | b'}' | b'\\', ..] | [] => break,
                _ => self.at += 1,
            }
        }
    }
}

/// MS-OXRTFCP section 2.1.2.1.
const DICTIONARY: &[u8] = b"{\\rtf1\\ansi\\mac\\deff0\\deftab720{\\fonttbl;}{\\f0\\fnil \\froman \\fswiss \\fmodern \\fscript \\fdecor MS Sans SerifSymbolArialTimes New RomanCourier{\\colortbl\\red0\\green0\\blue0\r\n\\par \\pard\\plain\\f0\\fs20\\b\\i\\u\\tab\\tx";
const WINDOW_BYTES: usize = 4_096;
/// `MELA`: stored as it is.
const STORED: u32 = 0x414c_454d;
/// The mark that it was HTML stands among the first words.
const HEAD_BYTES: usize = 4_096;

#[cfg(test)]
#[allow(clippy::as_conversions, reason = "samples are small")]
pub(crate) mod testing {
    /// Packed without copies.
    pub(crate) fn compress(rtf: &[u8]) -> Vec<u8> {
        let mut packed: Vec<u8> =
            rtf.chunks(8).flat_map(|eight| [&[0][..], eight].concat()).collect();
        let end = ((super::DICTIONARY.len() + rtf.len()) % 4096) << 4;
        // The end stands in a new group of tokens.
        let rest = rtf.len() % 8;
        if rest == 0 {
            packed.push(1);
        } else {
            let at = packed.len() - rest - 1;
            packed[at] |= 1 << rest;
        }
        packed.extend((end as u16).to_be_bytes());
        let mut bytes = (packed.len() as u32 + 12).to_le_bytes().to_vec();
        bytes.extend((rtf.len() as u32).to_le_bytes());
        bytes.extend(b"LZFu\0\0\0\0");
        [bytes, packed].concat()
    }
}

#[cfg(test)]
mod tests {
    use super::{testing::compress, *};
    use crate::{base::clock::Clock, formats::budget::Bounds};

    fn open(bytes: &[u8]) -> Vec<u8> {
        decompress(bytes, &mut Budget::new(Bounds::default(), &Clock::system())).bytes
    }

    #[test]
    fn the_examples_of_the_specification() {
        // MS-OXRTFCP sections 3.2.1 and 3.2.2.
        let packed = b"-\0\0\0+\0\0\0LZFu\xf1\xc5\xc7\xa7\x03\0\n\0rcpg125B2\n\xf3 hel\t\0 bw\x05\xb0ld}\n\x80\x0f\xa0";
        assert_eq!(open(packed), b"{\\rtf1\\ansi\\ansicpg1252\\pard hello world}\r\n");
        let packed = b"\x1a\0\0\0\x1c\0\0\0LZFu\xe2\xd4KQA\0\x04 WXYZ\rn}\x01\x0e\xb0";
        assert_eq!(open(packed), b"{\\rtf1 WXYZWXYZWXYZWXYZWXYZ}");
    }

    #[test]
    fn stored_packed_and_cut() {
        assert_eq!(open(b"\x10\0\0\0\x04\0\0\0MELA\0\0\0\0abcd"), b"abcd");
        for rtf in [&b"{\\rtf1 MARKER}"[..], b"12345678", &[b'x'; 5_000]] {
            assert_eq!(open(&compress(rtf)), rtf);
        }
        let packed = compress(b"{\\rtf1 MARKER}");
        for end in 0..packed.len() {
            open(&packed[..end]);
        }
    }

    #[test]
    fn html_comes_out() {
        let rtf = b"{\\rtf1\\ansi\\ansicpg1252\\fromhtml1 \\deff0{\\fonttbl{\\f0 Arial;}}{\\*\\htmltag19 <html>}\
            {\\*\\htmltag64 <a href=\"http://a.example/\">}\\htmlrtf {\\htmlrtf0 r\\'e4k \\u1055?MARK\\htmlrtf\\f0\\htmlrtf0 ER\
            \\htmlrtf }\\htmlrtf0 {\\*\\htmltag72 </a>}{\\*\\mhtmltag <b>}\\par }";
        let html = html(rtf).unwrap();
        assert_eq!(html, "<html><a href=\"http://a.example/\">räk ПMARKER</a>\r\n");
        assert_eq!(super::html(b"{\\rtf1 plain}"), None);
        super::html(&b"{\\fromhtml1 ".repeat(2_000));
    }
}
