//! Charsets that no library here decodes, in which ordinary letters are other bytes, or stand between shifts: EBCDIC, HZ (RFC 1843),
//! ISO-2022-KR (RFC 1557).
//!
//! Browsers dropped them and read nothing; some mail programs still show them. What has no meaning in them is left out.

/// Decodes a text in one of these charsets; none if it is none of them.
pub(super) fn decode(bytes: &[u8], charset: &str) -> Option<String> {
    let charset = charset.trim().to_ascii_lowercase().replace('_', "-");
    match charset.as_str() {
        "hz-gb-2312" | "hz" | "hz-gb2312" => Some(hz(bytes)),
        "iso-2022-kr" | "csiso2022kr" | "korean-iso-2022" => {
            Some(shifted(bytes, encoding_rs::EUC_KR))
        }
        "iso-2022-cn" | "iso-2022-cn-ext" => Some(shifted(bytes, encoding_rs::GBK)),
        _ => code_page(&charset).map(|page| page.decode(bytes)),
    }
}

/// Does a text begin with an XML declaration or a page in EBCDIC?
pub fn begins_in_ebcdic(bytes: &[u8]) -> bool {
    // An angle bracket; in ASCII an L.
    if bytes.first() != Some(&0x4c) {
        return false;
    }
    let start = bytes.get(..bytes.len().min(BEGINNING_BYTES)).unwrap_or_default();
    let text = CodePage::Latin.decode(start).to_ascii_lowercase();
    ["<?xml", "<html", "<!doctype"].iter().any(|begin| text.starts_with(begin))
}

/// The letters of a text that begins so.
pub(super) fn ebcdic_by_beginning(bytes: &[u8]) -> Option<String> {
    begins_in_ebcdic(bytes).then(|| CodePage::Latin.decode(bytes))
}

/// Code pages of EBCDIC. Those of single countries have their own signs and umlauts; letters and digits are where all have them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum CodePage {
    /// 037 and those near it.
    Latin,
    /// 500, "international".
    International,
}

fn code_page(charset: &str) -> Option<CodePage> {
    if charset.starts_with("ebcdic") {
        return Some(match charset.contains("int") || charset.contains("500") {
            true => CodePage::International,
            false => CodePage::Latin,
        });
    }
    let digits = charset.trim_start_matches("cs").trim_start_matches("x-");
    let digits = ["ibm", "cp", "ccsid"].iter().find_map(|begin| digits.strip_prefix(begin))?;
    let number: u16 = digits.trim_start_matches(['-', '0']).parse().ok()?;
    match number {
        500 | 871 | 1_148 | 1_149 => Some(CodePage::International),
        37 | 273..=285 | 297 | 1_047 | 1_140..=1_147 => Some(CodePage::Latin),
        _ => None,
    }
}

impl CodePage {
    fn decode(self, bytes: &[u8]) -> String {
        let letter = |byte: &u8| {
            let exchanged = INTERNATIONAL.iter().find(|(place, _)| place == byte);
            match (self, exchanged) {
                (CodePage::International, Some((_, letter))) => *letter,
                (CodePage::International | CodePage::Latin, _) => {
                    LATIN.get(usize::from(*byte)).copied().map_or(' ', char::from)
                }
            }
        };
        // Line ends of EBCDIC are NEL.
        bytes
            .iter()
            .map(letter)
            .map(|letter| if letter == '\u{85}' { '\n' } else { letter })
            .collect()
    }
}

/// RFC 1843 section 2: `~{` shifts to GB 2312 in seven bits, `~}` back, `~~` is a tilde, a tilde at the end of a line joins it to the next.
fn hz(bytes: &[u8]) -> String {
    let mut plain: Vec<u8> = Vec::with_capacity(bytes.len());
    let mut shifted = false;
    let mut rest = bytes;
    loop {
        rest = match (rest, shifted) {
            ([], _) => break,
            ([b'~', b'{', after @ ..], _) => {
                shifted = true;
                after
            }
            ([b'~', b'}', after @ ..], _) => {
                shifted = false;
                after
            }
            ([b'~', b'~', after @ ..], false) => {
                plain.push(b'~');
                after
            }
            ([b'~', b'\r', b'\n', after @ ..] | [b'~', b'\n', after @ ..], false) => after,
            // A line end goes back by itself.
            ([end @ (b'\r' | b'\n'), after @ ..], _) => {
                shifted = false;
                plain.push(*end);
                after
            }
            ([first @ 0x21..=0x7e, second @ 0x21..=0x7e, after @ ..], true) => {
                plain.extend([first | 0x80, second | 0x80]);
                after
            }
            ([byte, after @ ..], _) => {
                plain.push(*byte);
                after
            }
        };
    }
    encoding_rs::GBK.decode_without_bom_handling(&plain).0.into_owned()
}

/// RFC 1557 section 2, and RFC 1922 section 3.1 for Chinese: a designation (`ESC $ ) C`), then SO to letters in seven bits and SI back.
fn shifted(bytes: &[u8], letters: &'static encoding_rs::Encoding) -> String {
    let mut plain: Vec<u8> = Vec::with_capacity(bytes.len());
    let mut shifted = false;
    let mut rest = bytes;
    while let Some((first, after)) = rest.split_first() {
        if let [0x1b, b'$', b')' | b'*' | b'+', _, behind @ ..] = rest {
            rest = behind;
            continue;
        }
        match (first, shifted) {
            (0x0e, _) => shifted = true,
            (0x0f, _) => shifted = false,
            (0x21..=0x7e, true) => plain.push(first | 0x80),
            _ => plain.push(*first),
        }
        rest = after;
    }
    letters.decode_without_bom_handling(&plain).0.into_owned()
}

/// What is looked at to see whether a text begins in EBCDIC.
const BEGINNING_BYTES: usize = 16;

/// Where code page 500 differs from 037 (Unicode's mapping tables for IBM code pages).
const INTERNATIONAL: [(u8, char); 7] =
    [(0x4a, '['), (0x4f, '!'), (0x5a, ']'), (0x5f, '^'), (0xb0, '¢'), (0xba, '¬'), (0xbb, '|')];

/// Code page 037 as letters of Latin-1 (Unicode's mapping tables for IBM code pages).
#[rustfmt::skip]
const LATIN: [u8; 256] = [
    0x00, 0x01, 0x02, 0x03, 0x9c, 0x09, 0x86, 0x7f, 0x97, 0x8d, 0x8e, 0x0b, 0x0c, 0x0d, 0x0e, 0x0f,
    0x10, 0x11, 0x12, 0x13, 0x9d, 0x85, 0x08, 0x87, 0x18, 0x19, 0x92, 0x8f, 0x1c, 0x1d, 0x1e, 0x1f,
    0x80, 0x81, 0x82, 0x83, 0x84, 0x0a, 0x17, 0x1b, 0x88, 0x89, 0x8a, 0x8b, 0x8c, 0x05, 0x06, 0x07,
    0x90, 0x91, 0x16, 0x93, 0x94, 0x95, 0x96, 0x04, 0x98, 0x99, 0x9a, 0x9b, 0x14, 0x15, 0x9e, 0x1a,
    0x20, 0xa0, 0xe2, 0xe4, 0xe0, 0xe1, 0xe3, 0xe5, 0xe7, 0xf1, 0xa2, 0x2e, 0x3c, 0x28, 0x2b, 0x7c,
    0x26, 0xe9, 0xea, 0xeb, 0xe8, 0xed, 0xee, 0xef, 0xec, 0xdf, 0x21, 0x24, 0x2a, 0x29, 0x3b, 0xac,
    0x2d, 0x2f, 0xc2, 0xc4, 0xc0, 0xc1, 0xc3, 0xc5, 0xc7, 0xd1, 0xa6, 0x2c, 0x25, 0x5f, 0x3e, 0x3f,
    0xf8, 0xc9, 0xca, 0xcb, 0xc8, 0xcd, 0xce, 0xcf, 0xcc, 0x60, 0x3a, 0x23, 0x40, 0x27, 0x3d, 0x22,
    0xd8, 0x61, 0x62, 0x63, 0x64, 0x65, 0x66, 0x67, 0x68, 0x69, 0xab, 0xbb, 0xf0, 0xfd, 0xfe, 0xb1,
    0xb0, 0x6a, 0x6b, 0x6c, 0x6d, 0x6e, 0x6f, 0x70, 0x71, 0x72, 0xaa, 0xba, 0xe6, 0xb8, 0xc6, 0xa4,
    0xb5, 0x7e, 0x73, 0x74, 0x75, 0x76, 0x77, 0x78, 0x79, 0x7a, 0xa1, 0xbf, 0xd0, 0xdd, 0xde, 0xae,
    0x5e, 0xa3, 0xa5, 0xb7, 0xa9, 0xa7, 0xb6, 0xbc, 0xbd, 0xbe, 0x5b, 0x5d, 0xaf, 0xa8, 0xb4, 0xd7,
    0x7b, 0x41, 0x42, 0x43, 0x44, 0x45, 0x46, 0x47, 0x48, 0x49, 0xad, 0xf4, 0xf6, 0xf2, 0xf3, 0xf5,
    0x7d, 0x4a, 0x4b, 0x4c, 0x4d, 0x4e, 0x4f, 0x50, 0x51, 0x52, 0xb9, 0xfb, 0xfc, 0xf9, 0xfa, 0xff,
    0x5c, 0xf7, 0x53, 0x54, 0x55, 0x56, 0x57, 0x58, 0x59, 0x5a, 0xb2, 0xd4, 0xd6, 0xd2, 0xd3, 0xd5,
    0x30, 0x31, 0x32, 0x33, 0x34, 0x35, 0x36, 0x37, 0x38, 0x39, 0xb3, 0xdb, 0xdc, 0xd9, 0xda, 0x9f,
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_of_rare_charsets() {
        for (bytes, charset, want) in [
            (&b"\xc8\x85\x91k\x40\xf1"[..], "IBM037", Some("Hej, 1")),
            (b"\xc8\x4a\x5a", "cp500", Some("H[]")),
            (b"\xc8\x15", "ebcdic-cp-us", Some("H\n")),
            (b"\xc8\x85", "ccsid01140", Some("He")),
            (b"a~{VPND~}b~~~\nc", "hz-gb-2312", Some("a中文b~c")),
            (b"a~{VP\nb", "HZ", Some("a中\nb")),
            (b"\x1b$)Ca\x0e0!\x0fb", "iso-2022-kr", Some("a가b")),
            (b"abc", "iso-8859-1", None),
            (b"abc", "ibm850", None),
        ] {
            assert_eq!(decode(bytes, charset).as_deref(), want, "{charset}");
        }
    }

    #[test]
    fn ebcdic_without_a_word() {
        assert_eq!(ebcdic_by_beginning(b"\x4c\x6f\xa7\x94\x93\x40").as_deref(), Some("<?xml "));
        assert_eq!(ebcdic_by_beginning(b"<?xml version"), None);
    }
}
