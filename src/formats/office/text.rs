//! Letters in Office files: code pages by their number, UTF-16 with and without a count, and runs of readable letters in bytes of
//! which nothing else is known.

use super::le;
use encoding_rs::Encoding;

/// Bytes in a Windows code page to text; an unknown number is read as Windows-1252.
pub(crate) fn decode(bytes: &[u8], code_page: u16) -> String {
    if code_page == 1200 {
        return utf16(bytes);
    }
    encoding(code_page).decode_without_bom_handling(bytes).0.into_owned()
}

/// Bytes of which nothing is known: UTF-8 if they are that, else Windows-1252.
pub(crate) fn guessed(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) => text.to_string(),
        Err(_) => decode(bytes, 1252),
    }
}

fn encoding(code_page: u16) -> &'static Encoding {
    match code_page {
        866 => encoding_rs::IBM866,
        874 => encoding_rs::WINDOWS_874,
        932 => encoding_rs::SHIFT_JIS,
        936 | 54_936 => encoding_rs::GBK,
        949 => encoding_rs::EUC_KR,
        950 => encoding_rs::BIG5,
        1250 => encoding_rs::WINDOWS_1250,
        1251 => encoding_rs::WINDOWS_1251,
        1253 => encoding_rs::WINDOWS_1253,
        1254 => encoding_rs::WINDOWS_1254,
        1255 => encoding_rs::WINDOWS_1255,
        1256 => encoding_rs::WINDOWS_1256,
        1257 => encoding_rs::WINDOWS_1257,
        1258 => encoding_rs::WINDOWS_1258,
        10_000 => encoding_rs::MACINTOSH,
        10_007 => encoding_rs::X_MAC_CYRILLIC,
        20_866 => encoding_rs::KOI8_R,
        21_866 => encoding_rs::KOI8_U,
        28_592 => encoding_rs::ISO_8859_2,
        28_594 => encoding_rs::ISO_8859_4,
        28_595 => encoding_rs::ISO_8859_5,
        50_220..=50_222 => encoding_rs::ISO_2022_JP,
        51_932 => encoding_rs::EUC_JP,
        65_001 => encoding_rs::UTF_8,
        _ => encoding_rs::WINDOWS_1252,
    }
}

/// UTF-16, little end first, to text; an odd last byte is left out.
pub(crate) fn utf16(bytes: &[u8]) -> String {
    let units = bytes.chunks_exact(2).filter_map(|pair| le::short(pair, 0));
    char::decode_utf16(units).map(|letter| letter.unwrap_or('\u{fffd}')).collect()
}

/// Text to Windows-1252; what it has no letter for becomes a question mark.
pub(crate) fn narrow(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    for letter in text.chars() {
        let mut buffer = [0; 4];
        let (encoded, _, failed) =
            encoding_rs::WINDOWS_1252.encode(letter.encode_utf8(&mut buffer));
        bytes.extend_from_slice(if failed { b"?" } else { &encoded });
    }
    bytes
}

/// Bytes up to the first zero, and what stands behind it.
pub(crate) fn until_zero(bytes: &[u8]) -> (&[u8], &[u8]) {
    match memchr::memchr(0, bytes) {
        Some(end) => (le::slice(bytes, 0, end), le::from(bytes, end + 1)),
        None => (bytes, &[]),
    }
}

/// A name from a file for a person to read: control characters in it are there to deceive, zeros end it.
pub(crate) fn shown(name: &str) -> String {
    let name = name.split('\0').next().unwrap_or_default().trim();
    let clean = name.chars().map(|letter| if letter.is_control() { '\u{fffd}' } else { letter });
    crate::formats::mime::bounded(clean.collect())
}

/// A name cut to what fits into a sentence for an admin.
pub(crate) fn brief(name: &str) -> String {
    shown(name).chars().take(BRIEF_CHARS_MAX).collect()
}

/// Runs of at least `letters_min` UTF-16 letters of Latin, Greek or Cyrillic at either alignment, each on its line, at most `bytes_max`.
pub(crate) fn wide_runs(bytes: &[u8], letters_min: usize, bytes_max: usize) -> String {
    let mut runs = String::new();
    for start in 0..2 {
        let mut run = String::new();
        for pair in le::from(bytes, start).chunks_exact(2) {
            let letter = le::short(pair, 0).and_then(|unit| char::from_u32(u32::from(unit)));
            match letter.filter(|letter| is_readable(*letter)) {
                Some(letter) => run.push(letter),
                None => end_run(&mut run, &mut runs, letters_min),
            }
            if runs.len() + run.len() > bytes_max {
                break;
            }
        }
        end_run(&mut run, &mut runs, letters_min);
    }
    runs
}

/// Runs of at least `letters_min` ASCII letters, each on its line.
pub(crate) fn narrow_runs(bytes: &[u8], letters_min: usize, bytes_max: usize) -> String {
    let mut runs = String::new();
    let mut run = String::new();
    for byte in bytes {
        match is_readable(char::from(*byte)) && byte.is_ascii() {
            true => run.push(char::from(*byte)),
            false => end_run(&mut run, &mut runs, letters_min),
        }
        if runs.len() + run.len() > bytes_max {
            break;
        }
    }
    end_run(&mut run, &mut runs, letters_min);
    runs
}

fn end_run(run: &mut String, runs: &mut String, letters_min: usize) {
    if run.chars().count() >= letters_min {
        runs.push_str(run);
        runs.push('\n');
    }
    run.clear();
}

fn is_readable(letter: char) -> bool {
    matches!(letter, ' '..='~' | '\t' | '\u{a0}'..='\u{52f}')
}

/// Letters of a name that a sentence repeats.
const BRIEF_CHARS_MAX: usize = 120;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_pages() {
        for (bytes, page, want) in [
            (&b"r\xe4k"[..], 1252, "räk"),
            (b"r\xe4k", 4711, "räk"),
            (b"r\x8ak", 10_000, "räk"),
            (b"\xcf\xf0\xe8", 1251, "При"),
            (b"r\0\xe4\0k\0", 1200, "räk"),
            (b"r\xc3\xa4k", 65_001, "räk"),
        ] {
            assert_eq!(decode(bytes, page), want, "{page}");
        }
    }

    #[test]
    fn runs_are_found_at_either_alignment() {
        let wide: Vec<u8> = "marker".encode_utf16().flat_map(u16::to_le_bytes).collect();
        assert_eq!(wide_runs(&wide, 4, 100), "marker\n");
        assert!(wide_runs(&[&[1, 2, 3][..], &wide, &[0, 0]].concat(), 4, 100).contains("marker\n"));
        assert_eq!(narrow_runs(b"\x01\x02marker\x03ab\x04", 4, 100), "marker\n");
        assert!(narrow_runs(&[b'a'; 1000], 4, 100).len() < 110);
    }
}
