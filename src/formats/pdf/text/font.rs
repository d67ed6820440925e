//! Fonts, ISO 32000-1 sections 9.6 and 9.7: which characters the codes of a string stand for, and how far each moves the pen.
//!
//! Shapes are not looked at; a font that draws other letters than it names is read as it names them.

use super::{
    cmap::{self, CMap},
    encoding::{self, Encoding},
    truetype,
};
use crate::{
    base::limits,
    formats::pdf::{
        object::{Dict, Object},
        store::Place,
    },
};
use encoding_rs::{BIG5, EUC_JP, EUC_KR, GB18030, SHIFT_JIS, UTF_8, UTF_16BE};
use std::collections::HashMap;

/// A font as text sees it.
#[derive(Debug, Default)]
pub(super) struct Font {
    to_unicode: Option<CMap>,
    codes: Codes,
    widths: HashMap<u32, f64>,
    width_default: Option<f64>,
}

/// How strings are cut into codes, and what codes mean without a ToUnicode map.
#[derive(Debug)]
enum Codes {
    /// One byte each.
    Bytes(Vec<Option<Box<str>>>),
    /// Two bytes each, glyphs of the font itself; what its own table says they are.
    Glyphs(HashMap<u32, char>),
    /// As a CMap of the file cuts them.
    Cut(CMap),
    /// A known character set.
    Charset(&'static encoding_rs::Encoding),
}

impl Default for Codes {
    fn default() -> Codes {
        Codes::Bytes(Vec::new())
    }
}

/// What showing a string did.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Shown {
    /// How far the pen moved, in thousandths of the font's size.
    pub(super) width: f64,
    /// Codes shown.
    pub(super) codes: f64,
    /// Of these the one-byte code 32, to which word spacing is added.
    pub(super) spaces: f64,
}

impl Font {
    /// Reads a font's dictionary.
    /// `cmap_bytes_left`: how much of CMaps may still be read; a map shared by thousands of fonts is read for each.
    pub(super) fn read<'a>(place: Place<'a>, dict: &'a Dict, cmap_bytes_left: &mut usize) -> Font {
        let to_unicode = dict.get(b"ToUnicode").and_then(|object| {
            let (_, place) = place.resolve_at(object);
            let bytes = &place.decoded()?.bytes;
            *cmap_bytes_left = cmap_bytes_left.checked_sub(bytes.len())?;
            Some(CMap::read(bytes)).filter(|cmap| !cmap.is_empty())
        });
        let mut font = Font { to_unicode, ..Font::default() };
        match place.get(dict, b"Subtype").and_then(Object::as_name) {
            Some(b"Type0") => font.read_composite(place, dict, cmap_bytes_left),
            _ => font.read_simple(place, dict),
        }
        font
    }

    fn read_simple<'a>(&mut self, place: Place<'a>, dict: &'a Dict) {
        let first = place.get(dict, b"FirstChar").and_then(Object::as_integer).unwrap_or(0);
        let first = u32::try_from(first).unwrap_or(0);
        let widths = place.get(dict, b"Widths").and_then(Object::as_array).unwrap_or_default();
        for (code, width) in (first..256).zip(widths) {
            self.widths.extend(place.resolve(width).as_number().map(|width| (code, width)));
        }
        let name = place.get(dict, b"BaseFont").and_then(Object::as_name).unwrap_or_default();
        if memchr::memmem::find(name, b"Courier").is_some() {
            self.width_default = Some(600.0);
        }
        if place.get(dict, b"Subtype").and_then(Object::as_name) == Some(b"Type3") {
            // Widths of Type 3 are in a space of their own, mostly a thousandth, sometimes whole points.
            let matrix = place.get(dict, b"FontMatrix").and_then(Object::as_array);
            let scale = matrix.and_then(|matrix| matrix.first()).and_then(Object::as_number);
            let scale = scale.unwrap_or(0.001) * 1_000.0;
            self.widths.values_mut().for_each(|width| *width *= scale);
        }
        let encoding = place.get(dict, b"Encoding");
        let base = match encoding {
            Some(Object::Name(name)) => Encoding::named(name),
            Some(Object::Dict(dict)) => {
                place.get(dict, b"BaseEncoding").and_then(Object::as_name).and_then(Encoding::named)
            }
            _ => None,
        };
        let is_truetype =
            place.get(dict, b"Subtype").and_then(Object::as_name) == Some(b"TrueType");
        let base_or = base.unwrap_or(match is_truetype {
            true => Encoding::WinAnsi,
            false => Encoding::Standard,
        });
        let mut table: Vec<Option<Box<str>>> =
            (0..=u8::MAX).map(|byte| Some(base_or.letter(byte).to_string().into())).collect();
        if base.is_none() {
            built_in(place, dict, &mut table);
        }
        if let Some(Object::Dict(encoding)) = encoding {
            differences(place, encoding, &mut table);
        }
        self.codes = Codes::Bytes(table);
    }

    fn read_composite<'a>(
        &mut self,
        place: Place<'a>,
        dict: &'a Dict,
        cmap_bytes_left: &mut usize,
    ) {
        let below = place.get(dict, b"DescendantFonts").and_then(Object::as_array);
        let below = below.and_then(|below| below.first()).map(|below| place.resolve(below));
        if let Some(below) = below.and_then(Object::as_dict) {
            let width = place.get(below, b"DW").and_then(Object::as_number);
            self.width_default = Some(width.unwrap_or(1_000.0));
            if let Some(widths) = place.get(below, b"W").and_then(Object::as_array) {
                self.read_widths(place, widths);
            }
        }
        let (object, at) = match dict.get(b"Encoding") {
            Some(encoding) => place.resolve_at(encoding),
            None => (&Object::Null, place),
        };
        self.codes = match (object.as_name(), at.decoded()) {
            (Some(name), _) => named_cmap(name),
            (None, Some(stream)) if *cmap_bytes_left >= stream.bytes.len() => {
                *cmap_bytes_left -= stream.bytes.len();
                let cmap = CMap::read(&stream.bytes);
                if cmap.has_spaces() { Codes::Cut(cmap) } else { Codes::Glyphs(HashMap::new()) }
            }
            (None, _) => Codes::Glyphs(HashMap::new()),
        };
        if let (Codes::Glyphs(letters), None, Some(below)) =
            (&mut self.codes, &self.to_unicode, below)
            && let Some(below) = below.as_dict()
        {
            *letters = own_letters(place, below, cmap_bytes_left);
        }
    }

    /// Section 9.7.4.3: `first [w w w]` or `first last w`.
    fn read_widths<'a>(&mut self, place: Place<'a>, widths: &'a [Object]) {
        let mut rest = widths;
        let mut left = limits::PDF_CMAP_ENTRIES_MAX;
        while let [first, second, after @ ..] = rest {
            let first = place.resolve(first).as_integer().and_then(|code| u32::try_from(code).ok());
            let first = first.unwrap_or(0).min(0xffff);
            rest = match (place.resolve(second), after) {
                (Object::Array(each), _) => {
                    left = left.saturating_sub(each.len());
                    for (code, width) in (first..=0xffff).zip(each) {
                        self.widths
                            .extend(place.resolve(width).as_number().map(|width| (code, width)));
                    }
                    after
                }
                (last, [width, after @ ..]) => {
                    let last = last.as_integer().and_then(|code| u32::try_from(code).ok());
                    let last = last.unwrap_or(0).min(0xffff);
                    left = left.saturating_sub(
                        usize::try_from(last.saturating_sub(first)).unwrap_or(left),
                    );
                    if let Some(width) = place.resolve(width).as_number() {
                        self.widths.extend((first..=last).map(|code| (code, width)));
                    }
                    after
                }
                _ => return,
            };
            // Ranges over everything, again and again, would take for ever.
            if left == 0 {
                return;
            }
        }
    }

    /// Writes what a string says.
    pub(super) fn show(&self, bytes: &[u8], out: &mut String) -> Shown {
        let mut shown = Shown::default();
        let mut rest = bytes;
        if let (Codes::Charset(charset), None) = (&self.codes, &self.to_unicode) {
            let text = charset.decode_without_bom_handling(bytes).0;
            out.push_str(&text);
            let codes = u32::try_from(text.chars().count()).unwrap_or(u32::MAX);
            shown.codes = f64::from(codes);
            shown.width = shown.codes * self.width_default.unwrap_or(1_000.0);
            return shown;
        }
        while !rest.is_empty() {
            let length = match &self.codes {
                Codes::Bytes(_) => 1,
                Codes::Glyphs(_) | Codes::Charset(_) => 2,
                Codes::Cut(cmap) => cmap.code_bytes(rest),
            };
            let (piece, after) = rest.split_at_checked(length).unwrap_or((rest, &[]));
            rest = after;
            let code = cmap::code(piece);
            shown.codes += 1.0;
            if length == 1 && code == 32 {
                shown.spaces += 1.0;
            }
            let letters = self.to_unicode.as_ref().and_then(|cmap| cmap.letters(code));
            match (letters, &self.codes) {
                (Some(letters), _) => out.push_str(letters),
                (None, Codes::Bytes(table)) => {
                    if let Some(letters) =
                        usize::try_from(code).ok().and_then(|code| table.get(code)?.as_deref())
                    {
                        out.push_str(letters);
                    }
                }
                (None, Codes::Glyphs(letters)) if !letters.is_empty() => {
                    out.extend(letters.get(&code));
                }
                (None, _) => out.extend(usual_glyph(code)),
            }
            shown.width += self.width(code);
        }
        shown
    }

    /// Writes a string whose font is not there: as Latin text.
    pub(super) fn default_show(bytes: &[u8], out: &mut String) -> Shown {
        out.extend(bytes.iter().map(|byte| Encoding::WinAnsi.letter(*byte)));
        let codes = f64::from(u32::try_from(bytes.len()).unwrap_or(u32::MAX));
        Shown { width: codes * 540.0, codes, spaces: 0.0 }
    }

    fn width(&self, code: u32) -> f64 {
        if let Some(width) = self.widths.get(&code) {
            return *width;
        }
        self.width_default.unwrap_or_else(|| match u8::try_from(code).unwrap_or_default() {
            b' ' | b'i' | b'j' | b'l' | b'.' | b',' | b':' | b';' | b'\'' | b'|' | b'!' | b'f'
            | b't' | b'I' | b'/' => 275.0,
            b'm' | b'w' | b'M' | b'W' | b'@' | b'%' => 850.0,
            b'A'..=b'Z' => 690.0,
            _ => 540.0,
        })
    }
}

/// What the glyphs of an embedded font are by its own table; where the file renumbers them (CIDToGIDMap), by their new numbers.
fn own_letters<'a>(
    place: Place<'a>,
    below: &'a Dict,
    bytes_left: &mut usize,
) -> HashMap<u32, char> {
    let program = || {
        let descriptor = place.dict(below, b"FontDescriptor")?;
        let keys = [&b"FontFile2"[..], b"FontFile3"];
        let program = keys.into_iter().find_map(|key| descriptor.get(key))?;
        Some(&place.resolve_at(program).1.decoded()?.bytes)
    };
    let Some(program) = program() else { return HashMap::new() };
    let Some(left) = bytes_left.checked_sub(program.len()) else { return HashMap::new() };
    *bytes_left = left;
    let letters = truetype::letters(program);
    let renumbered = below.get(b"CIDToGIDMap").and_then(|map| place.resolve_at(map).1.decoded());
    match renumbered {
        None => letters,
        Some(map) => (0..)
            .zip(map.bytes.chunks_exact(2).take(limits::PDF_CMAP_ENTRIES_MAX))
            .filter_map(|(code, glyph)| Some((code, *letters.get(&cmap::code(glyph))?)))
            .collect(),
    }
}

/// Where a TrueType font of a common system has its Latin letters: the third glyph is the blank. Only for fonts without a map.
fn usual_glyph(code: u32) -> Option<char> {
    (3..=97).contains(&code).then(|| char::from_u32(code + 29)).flatten()
}

/// The CMaps that every program knows, ISO 32000-1 table 118.
fn named_cmap(name: &[u8]) -> Codes {
    let has = |part: &str| memchr::memmem::find(name, part.as_bytes()).is_some();
    if has("UCS2") || has("UTF16") {
        Codes::Charset(UTF_16BE)
    } else if has("UTF8") {
        Codes::Charset(UTF_8)
    } else if has("RKSJ") {
        Codes::Charset(SHIFT_JIS)
    } else if has("GBK") || has("GB-") || has("GBpc") {
        Codes::Charset(GB18030)
    } else if has("B5") || has("ETen") || has("HKscs") {
        Codes::Charset(BIG5)
    } else if has("KSC") {
        Codes::Charset(EUC_KR)
    } else if has("EUC") {
        Codes::Charset(EUC_JP)
    } else {
        Codes::Glyphs(HashMap::new())
    }
}

/// Section 9.6.6.1: `code /name /name code /name`.
fn differences<'a>(place: Place<'a>, encoding: &'a Dict, table: &mut [Option<Box<str>>]) {
    let items = place.get(encoding, b"Differences").and_then(Object::as_array).unwrap_or_default();
    let mut code = 0_usize;
    for item in items.iter().take(DIFFERENCES_MAX) {
        match place.resolve(item) {
            Object::Name(name) => {
                if let Some(entry) = table.get_mut(code) {
                    // A name that says nothing (g12, c65): the code itself is the best guess.
                    *entry = match encoding::glyph(name) {
                        Some(letters) => Some(letters.into()),
                        None if name == b".notdef" => None,
                        None => entry.take(),
                    };
                }
                code = code.saturating_add(1);
            }
            number => code = number.as_size().unwrap_or(code),
        }
    }
}

/// The encoding inside a Type 1 font program, Adobe Type 1 Font Format section 2.2: `dup 65 /A put`.
fn built_in<'a>(place: Place<'a>, dict: &'a Dict, table: &mut [Option<Box<str>>]) {
    let program = place.dict(dict, b"FontDescriptor").and_then(|descriptor| {
        let (_, program) = place.resolve_at(descriptor.get(b"FontFile")?);
        program.decoded()
    });
    let Some(program) = program else { return };
    let clear = program.bytes.get(..PROGRAM_BYTES_MAX.min(program.bytes.len())).unwrap_or_default();
    let Some(start) = memchr::memmem::find(clear, b"/Encoding") else { return };
    let words: Vec<&[u8]> = clear
        .get(start..)
        .unwrap_or_default()
        .split(u8::is_ascii_whitespace)
        .filter(|word| !word.is_empty())
        .take(WORDS_MAX)
        .take_while(|word| *word != b"currentdict" && *word != b"eexec")
        .collect();
    for put in words.windows(4) {
        let [b"dup", code, name, b"put"] = put else { continue };
        let code = std::str::from_utf8(code).ok().and_then(|code| code.parse::<usize>().ok());
        let letters = name.strip_prefix(b"/").and_then(encoding::glyph);
        if let (Some(code), Some(letters)) = (code, letters)
            && let Some(entry) = table.get_mut(code)
        {
            *entry = Some(letters.into());
        }
    }
}

/// Entries of a table of 256 differences, each with its code.
const DIFFERENCES_MAX: usize = 1_024;
/// The clear part of a Type 1 font is shorter.
const PROGRAM_BYTES_MAX: usize = 64 << 10;
/// Words read of its encoding: 256 entries of four words, twice.
const WORDS_MAX: usize = 2_200;
