//! Encodings of simple fonts and the names of their glyphs, ISO 32000-1 annex D and the Adobe Glyph List.

use encoding_rs::{MACINTOSH, WINDOWS_1252};
use std::{collections::HashMap, sync::LazyLock};

/// A named encoding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Encoding {
    /// Adobe's own, for fonts that name none.
    Standard,
    /// Windows code page 1252.
    WinAnsi,
    /// Mac OS Roman.
    MacRoman,
}

impl Encoding {
    /// By its name.
    pub(super) fn named(name: &[u8]) -> Option<Encoding> {
        match name {
            b"WinAnsiEncoding" | b"PDFDocEncoding" => Some(Encoding::WinAnsi),
            b"MacRomanEncoding" => Some(Encoding::MacRoman),
            b"StandardEncoding" => Some(Encoding::Standard),
            _ => None,
        }
    }

    /// The character of a byte.
    pub(super) fn letter(self, byte: u8) -> char {
        let first = |text: &str| text.chars().next().unwrap_or(char::REPLACEMENT_CHARACTER);
        match (self, byte) {
            (Encoding::Standard, b'\'') => '’',
            (Encoding::Standard, b'`') => '‘',
            (Encoding::Standard, 0x80..) => standard(byte),
            (Encoding::MacRoman, 0x80..) => {
                first(&MACINTOSH.decode_without_bom_handling(&[byte]).0)
            }
            (Encoding::WinAnsi, 0x80..) => {
                first(&WINDOWS_1252.decode_without_bom_handling(&[byte]).0)
            }
            _ => char::from(byte),
        }
    }
}

/// The upper half of StandardEncoding; codes that it leaves free are read as Latin-1, as writers without an encoding mean them.
fn standard(byte: u8) -> char {
    let found = STANDARD.iter().find_map(|(start, letters)| {
        let place = usize::from(byte.checked_sub(*start)?);
        letters.chars().nth(place).filter(|letter| *letter != ' ')
    });
    found.unwrap_or(char::from(byte))
}

/// The text of a glyph's name; None if the name says nothing.
pub(super) fn glyph(name: &[u8]) -> Option<String> {
    let name = std::str::from_utf8(name).ok()?;
    // What follows a dot is a variant: a.sc, one.oldstyle.
    let name = name.split_once('.').map_or(name, |(name, _)| name);
    if name.is_empty() {
        return None;
    }
    let parts: Option<Vec<String>> = name.split('_').map(part).collect();
    parts.map(|parts| parts.concat())
}

fn part(name: &str) -> Option<String> {
    let mut letters = name.chars();
    if let (Some(letter), None) = (letters.next(), letters.next()) {
        return Some(letter.to_string());
    }
    if let Some(letters) = GLYPHS.get(name) {
        return Some((*letters).to_owned());
    }
    if let Some(digits) = name.strip_prefix("uni").filter(|digits| digits.len() >= 4) {
        let unit = |at: usize| u32::from_str_radix(digits.get(at..at + 4)?, 16).ok();
        let letters = (0..digits.len().min(64) / 4).map(|place| char::from_u32(unit(place * 4)?));
        return letters.collect();
    }
    if let Some(digits) = name.strip_prefix('u').filter(|digits| (4..=6).contains(&digits.len())) {
        let letter = u32::from_str_radix(digits, 16).ok().and_then(char::from_u32);
        return letter.map(String::from);
    }
    let number: u32 = name.strip_prefix("afii")?.parse().ok()?;
    let code = match number {
        10_017..=10_022 => number - 10_017 + 0x410,
        10_023 => 0x401,
        10_024..=10_049 => number - 10_024 + 0x416,
        10_065..=10_070 => number - 10_065 + 0x430,
        10_071 => 0x451,
        10_072..=10_097 => number - 10_072 + 0x436,
        _ => return None,
    };
    char::from_u32(code).map(String::from)
}

static GLYPHS: LazyLock<HashMap<&'static str, &'static str>> =
    LazyLock::new(|| TABLE.split_whitespace().zip(LETTERS.split(' ')).chain(OTHERS).collect());

/// Names in the order of Latin-1.
const TABLE: &str = "exclam quotedbl numbersign dollar percent ampersand quotesingle parenleft parenright asterisk plus comma hyphen \
    period slash zero one two three four five six seven eight nine colon semicolon less equal greater question at bracketleft backslash \
    bracketright asciicircum underscore grave braceleft bar braceright asciitilde exclamdown cent sterling currency yen brokenbar section \
    dieresis copyright ordfeminine guillemotleft logicalnot registered macron degree plusminus twosuperior threesuperior acute mu \
    paragraph periodcentered cedilla onesuperior ordmasculine guillemotright onequarter onehalf threequarters questiondown Agrave Aacute \
    Acircumflex Atilde Adieresis Aring AE Ccedilla Egrave Eacute Ecircumflex Edieresis Igrave Iacute Icircumflex Idieresis Eth Ntilde \
    Ograve Oacute Ocircumflex Otilde Odieresis multiply Oslash Ugrave Uacute Ucircumflex Udieresis Yacute Thorn germandbls agrave aacute \
    acircumflex atilde adieresis aring ae ccedilla egrave eacute ecircumflex edieresis igrave iacute icircumflex idieresis eth ntilde \
    ograve oacute ocircumflex otilde odieresis divide oslash ugrave uacute ucircumflex udieresis yacute thorn ydieresis quoteleft \
    quoteright quotedblleft quotedblright quotesinglbase quotedblbase endash emdash bullet ellipsis dagger daggerdbl perthousand \
    guilsinglleft guilsinglright fraction florin trademark minus fi fl ff ffi ffl OE oe Scaron scaron Zcaron zcaron Ydieresis Lslash \
    lslash dotlessi circumflex tilde caron breve dotaccent ring ogonek hungarumlaut Euro Ccaron ccaron Cacute cacute Dcroat dcroat Aogonek \
    aogonek Eogonek eogonek Nacute nacute Sacute sacute Zacute zacute Zdotaccent zdotaccent Amacron amacron Emacron emacron Imacron imacron \
    Umacron umacron Scedilla scedilla Gbreve gbreve Idotaccent Ecaron ecaron Rcaron rcaron Uring uring Ohungarumlaut ohungarumlaut \
    Uhungarumlaut uhungarumlaut Alpha Beta Gamma Delta Epsilon Zeta Eta Theta Iota Kappa Lambda Mu Nu Xi Omicron Pi Rho Sigma Tau Upsilon \
    Phi Chi Psi Omega alpha beta gamma delta epsilon zeta eta theta iota kappa lambda nu xi omicron pi rho sigma sigma1 tau upsilon phi \
    chi psi omega arrowright arrowleft lessequal greaterequal notequal infinity checkmark";

/// Their characters, each one word; ligatures are spelled out.
const LETTERS: &str = "! \" # $ % & ' ( ) * + , - . / 0 1 2 3 4 5 6 7 8 9 : ; < = > ? @ [ \\ ] ^ _ ` { | } ~ ¡ ¢ £ ¤ ¥ ¦ § ¨ © ª « ¬ ® ¯ ° ± ² ³ ´ µ ¶ · \
    ¸ ¹ º » ¼ ½ ¾ ¿ À Á Â Ã Ä Å Æ Ç È É Ê Ë Ì Í Î Ï Ð Ñ Ò Ó Ô Õ Ö × Ø Ù Ú Û Ü Ý Þ ß à á â ã ä å æ ç è é ê ë ì í î ï ð ñ ò ó ô õ ö ÷ ø ù ú û ü ý þ ÿ \
    ‘ ’ “ ” ‚ „ – — • … † ‡ ‰ ‹ › ⁄ ƒ ™ − fi fl ff ffi ffl Œ œ Š š Ž ž Ÿ Ł ł ı ˆ ˜ ˇ ˘ ˙ ˚ ˛ ˝ € Č č Ć ć Đ đ Ą ą Ę ę Ń ń Ś ś Ź ź Ż ż Ā ā Ē ē Ī ī Ū ū Ş ş \
    Ğ ğ İ Ě ě Ř ř Ů ů Ő ő Ű ű Α Β Γ Δ Ε Ζ Η Θ Ι Κ Λ Μ Ν Ξ Ο Π Ρ Σ Τ Υ Φ Χ Ψ Ω α β γ δ ε ζ η θ ι κ λ ν ξ ο π ρ σ ς τ υ φ χ ψ ω → ← ≤ ≥ ≠ ∞ ✓";

const OTHERS: [(&str, &str); 6] = [
    ("space", " "),
    ("nbspace", " "),
    ("nonbreakingspace", " "),
    ("sfthyphen", "-"),
    ("softhyphen", "-"),
    ("hyphenminus", "-"),
];

/// Runs of StandardEncoding from a code on; a blank is a free code.
const STANDARD: [(u8, &str); 6] = [
    (0xa1, "¡¢£⁄¥ƒ§¤'“«‹›ﬁﬂ"),
    (0xb1, "–†‡· ¶•‚„”»…‰ ¿"),
    (0xc1, "`´ˆ˜¯˘˙¨ ˚¸ ˝˛ˇ"),
    (0xd0, "—"),
    (0xe1, "Æ ª    ŁØŒº"),
    (0xf1, "æ   ı  łøœß"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_characters_go_together() {
        assert_eq!(TABLE.split_whitespace().count(), LETTERS.split(' ').count());
        for (name, want) in [
            ("A", Some("A")),
            ("space", Some(" ")),
            ("adieresis", Some("ä")),
            ("ydieresis", Some("ÿ")),
            ("Euro", Some("€")),
            ("omega", Some("ω")),
            ("checkmark", Some("✓")),
            ("f_i", Some("fi")),
            ("ffl", Some("ffl")),
            ("one.oldstyle", Some("1")),
            ("uni20AC", Some("€")),
            ("u1F600", Some("😀")),
            ("afii10017", Some("А")),
            ("afii10097", Some("я")),
            (".notdef", None),
            ("g42", None),
        ] {
            assert_eq!(glyph(name.as_bytes()).as_deref(), want, "{name}");
        }
        assert_eq!(Encoding::Standard.letter(0xe1), 'Æ');
        assert_eq!(Encoding::Standard.letter(0xfb), 'ß');
        assert_eq!(Encoding::Standard.letter(0xe5), 'å');
        assert_eq!(Encoding::WinAnsi.letter(0x80), '€');
        assert_eq!(Encoding::MacRoman.letter(0x8c), 'å');
    }
}
