//! What stands in a destination that is not the text: digits of objects and pictures, field instructions, names.

use crate::formats::encodings::hex_digit;

/// What a destination is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// `\objdata`: the bytes of an object in digits.
    ObjectData,
    /// `\objclass`, `\objname`.
    ObjectClass,
    /// `\pict`.
    Picture,
    /// `\fldinst`: what a field does.
    Instruction,
    /// `\template`.
    Template,
    /// `\htmltag`: markup of the wrapped page.
    PageTag,
    /// Marked as to be skipped by whoever does not know it, and yet shown by Word.
    Shown,
    /// Not shown: tables, properties, data of newer versions.
    Unseen,
}

impl Kind {
    /// The destination that a control word begins.
    pub(super) fn of(name: &str, starred: bool) -> Option<Kind> {
        Some(match name.to_ascii_lowercase().as_str() {
            "objdata" => Kind::ObjectData,
            "objclass" => Kind::ObjectClass,
            "pict" => Kind::Picture,
            "fldinst" => Kind::Instruction,
            "template" => Kind::Template,
            "htmltag" => Kind::PageTag,
            // Entries of an index, notes at the foot of the page: they stand in the text and are not shown there.
            "xe" | "tc" | "tcn" | "footnote" => Kind::Unseen,
            "stylesheet" | "colortbl" | "fonttbl" | "sn" | "sv" | "datafield" | "mhtmltag" => {
                Kind::Unseen
            }
            name if starred && SHOWN.contains(&name) => Kind::Shown,
            _ if starred => Kind::Unseen,
            _ => return None,
        })
    }

    /// Are its letters digits of data?
    pub(super) fn is_digits(self) -> bool {
        matches!(self, Kind::ObjectData | Kind::Picture)
    }
}

/// Destinations with `\*` that Word shows.
const SHOWN: &[&str] = &[
    "shpinst",
    "shppict",
    "shptxt",
    "shpgrp",
    "do",
    "dptxbxtext",
    "ud",
    "annotation",
    "nesttableprops",
    "ftnsep",
    "background",
    "pn",
    "formtype",
    "listtext",
    "headerl",
    "headerr",
    "headerf",
    "footerl",
    "footerr",
    "footerf",
];

/// A destination that is open.
#[derive(Debug)]
pub(super) struct Collector {
    pub(super) kind: Kind,
    /// The number of groups that were open where it began.
    pub(super) depth: usize,
    pub(super) text: String,
    /// Digits outside of groups inside it, a half byte dropped at an escape, as Word does it.
    pub(super) outer: Hex,
    /// The same with the digits of groups inside it.
    all: Hex,
    /// The same with half bytes kept at an escape.
    kept: Hex,
    /// Groups stood in it.
    pub(super) nested: bool,
    /// Control words that stood in it.
    pub(super) words: u32,
    escapes: u32,
    junk: u32,
    binary: bool,
}

impl Collector {
    pub(super) fn new(kind: Kind, depth: usize) -> Collector {
        Collector {
            kind,
            depth,
            text: String::new(),
            outer: Hex::default(),
            all: Hex::default(),
            kept: Hex::default(),
            nested: false,
            words: 0,
            escapes: 0,
            junk: 0,
            binary: false,
        }
    }

    pub(super) fn byte(&mut self, byte: u8, depth: usize) {
        if byte.is_ascii_whitespace() {
            return;
        }
        self.junk += u32::from(hex_digit(byte).is_none());
        if depth <= self.depth {
            self.outer.byte(byte);
        }
        // A picture's own groups hold properties in digits, which are no part of it.
        if self.kind == Kind::ObjectData {
            self.all.byte(byte);
            self.kept.byte(byte);
        }
    }

    pub(super) fn escaped(&mut self, _byte: u8) {
        self.escapes += 1;
        self.outer.half = None;
        self.all.half = None;
    }

    pub(super) fn binary(&mut self, data: &[u8]) {
        if data.is_empty() {
            return;
        }
        self.binary = true;
        self.outer.binary(data);
        if self.kind == Kind::ObjectData {
            self.all.binary(data);
            self.kept.binary(data);
        }
    }

    /// What about it no program writes.
    pub(super) fn oddities(&self) -> Vec<&'static str> {
        let mut odd = Vec::new();
        for (is, words) in [
            (self.nested, "groups stand between the digits of an object"),
            (self.words > 0, "control words stand between the digits of an object"),
            (self.escapes > 0, "escapes stand between the digits of an object"),
            (self.junk > 0, "letters stand between the digits of an object"),
            (self.binary, "an object is written in binary"),
            (self.outer.half.is_some(), "an object has an odd number of digits"),
        ] {
            if is {
                odd.push(words);
            }
        }
        odd
    }

    /// The bytes as each reader may read them, each reading once.
    pub(super) fn readings(self) -> Vec<Vec<u8>> {
        let mut readings: Vec<Vec<u8>> = Vec::new();
        for hex in [self.outer, self.all, self.kept] {
            let bytes = hex.finish();
            if !bytes.is_empty() && !readings.contains(&bytes) {
                readings.push(bytes);
            }
        }
        readings
    }
}

/// Digits that become bytes.
#[derive(Debug, Clone, Default)]
pub(super) struct Hex {
    bytes: Vec<u8>,
    half: Option<u8>,
}

impl Hex {
    pub(super) fn byte(&mut self, byte: u8) {
        let Some(digit) = hex_digit(byte) else { return };
        match self.half.take() {
            None => self.half = Some(digit),
            Some(high) => self.bytes.push((high << 4) | digit),
        }
    }

    fn binary(&mut self, data: &[u8]) {
        self.bytes.extend_from_slice(data);
    }

    pub(super) fn finish(self) -> Vec<u8> {
        self.bytes
    }
}
