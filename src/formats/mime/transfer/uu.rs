//! Files in texts as they were sent before MIME: uuencode and base64 after a `begin` line (POSIX uuencode), xxencode.
//!
//! Read as tolerantly as the most tolerant program: no `end`, blanks for backticks, lines with something behind them, empty lines and a few
//! foreign lines between, odd modes.

use super::base64;

/// A file found in uuencoded form.
#[derive(Debug, PartialEq, Eq)]
pub struct UuFile {
    /// The name in its `begin` line.
    pub name: String,
    /// The file.
    pub bytes: Vec<u8>,
}

/// Every uuencoded or xxencoded file in a text: mail programs still show them as attachments.
pub fn uuencoded(text: &[u8]) -> impl Iterator<Item = UuFile> + '_ {
    let mut from = 0;
    let mut waiting: Option<UuFile> = None;
    std::iter::from_fn(move || {
        if let Some(file) = waiting.take() {
            return Some(file);
        }
        loop {
            let rest = text.get(from..)?;
            let at = memchr::memmem::find(rest, b"begin")?;
            let before = text.get(..from + at)?;
            let quoting =
                before.iter().rev().take_while(|byte| matches!(byte, b' ' | b'>' | b'\t'));
            let quoting = quoting.take(QUOTING_BYTES_MAX).count();
            let (before, prefix) = before.split_at_checked(before.len() - quoting)?;
            from += at + b"begin".len();
            if before.last().is_some_and(|byte| !matches!(byte, b'\n' | b'\r')) {
                continue;
            }
            if let Some((files, length)) = file(text.get(from..)?, prefix) {
                from += length;
                let mut files = files.into_iter();
                let first = files.next();
                waiting = files.next();
                return first;
            }
        }
    })
}

/// The lines of a body that has no `begin` line, as far as they are uuencoded.
pub(super) fn without_begin(body: &[u8]) -> Vec<u8> {
    lines(body, Alphabet::Uu, b"").0
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Alphabet {
    Uu,
    Xx,
}

/// Reads on after `begin`: the mode, the name, the lines. Also how many bytes were read.
fn file(text: &[u8], prefix: &[u8]) -> Option<(Vec<UuFile>, usize)> {
    let first_end = memchr::memchr2(b'\n', b'\r', text).unwrap_or(text.len());
    let first = text.get(..first_end)?;
    let (first, is_base64) = match first.strip_prefix(b"-base64") {
        Some(rest) => (rest, true),
        None => (first, false),
    };
    if !matches!(first.first(), Some(b' ' | b'\t')) {
        return None;
    }
    let first = first.trim_ascii();
    let digits = first.iter().take_while(|digit| (b'0'..=b'7').contains(digit)).count();
    let name = first.get(digits..)?;
    let ordinary = (1..=7).contains(&digits)
        && (name.is_empty() || name.starts_with(b" ") || name.starts_with(b"\t"));
    // Some decoders do without a mode: then the next line must look like one of a file.
    let name = match ordinary {
        true => name,
        false if is_file_line(text.get(first_end..)?) => first,
        false => return None,
    };
    let name = String::from_utf8_lossy(name.trim_ascii()).into_owned();
    let body = text.get(first_end..)?;
    if is_base64 {
        let end = memchr::memmem::find(body, b"====").unwrap_or(body.len());
        let bytes = base64::decode(body.get(..end)?).bytes.into_owned();
        return (!bytes.is_empty()).then(|| (vec![UuFile { name, bytes }], first_end + end));
    }
    let (uu, uu_length) = lines(body, Alphabet::Uu, prefix);
    let (xx, xx_length) = lines(body, Alphabet::Xx, prefix);
    let files: Vec<UuFile> = [uu, xx]
        .into_iter()
        .filter(|bytes| !bytes.is_empty())
        .map(|bytes| UuFile { name: name.clone(), bytes })
        .collect();
    (!files.is_empty()).then(|| (files, first_end + uu_length.max(xx_length)))
}

/// Is the first line that follows one of a uuencoded file, as long as its first letter says and full or nearly so?
fn is_file_line(rest: &[u8]) -> bool {
    let mut lines = rest.split(|byte| matches!(byte, b'\n' | b'\r'));
    let Some(line) = lines.find(|line| !line.is_empty()) else { return false };
    let line = line.trim_ascii_end();
    let Some((count, letters)) = line.split_first() else { return false };
    let count = usize::from(count.wrapping_sub(b' ') & 0x3f);
    count >= FILE_LINE_BYTES_MIN
        && letters.len() == count.div_ceil(3) * 4
        && letters.iter().all(|letter| (b' '..=b'`').contains(letter))
}

/// A shorter line without a mode before it may be a word.
const FILE_LINE_BYTES_MIN: usize = 9;

/// Decodes lines to `end` or to where it is no such text any more; also how many bytes were read. `prefix` stands before each of them:
/// they were quoted in a reply, or moved in.
fn lines(body: &[u8], alphabet: Alphabet, prefix: &[u8]) -> (Vec<u8>, usize) {
    let mut bytes = Vec::new();
    let (mut length, mut good_length) = (0, 0);
    let mut foreign = 0;
    for line in body.split_inclusive(|byte| matches!(byte, b'\n' | b'\r')) {
        length += line.len();
        let text = line.strip_prefix(prefix).unwrap_or(line).trim_ascii_end();
        if text.is_empty() {
            continue;
        }
        if text.trim_ascii_start() == b"end" {
            return (bytes, length);
        }
        let before = bytes.len();
        match take(text, alphabet, &mut bytes) {
            true => (foreign, good_length) = (0, length),
            false => {
                bytes.truncate(before);
                foreign += 1;
                if foreign > FOREIGN_LINES_MAX || before == 0 {
                    break;
                }
            }
        }
    }
    (bytes, good_length)
}

/// Decodes one line: a letter for its length, then the letters. False: it is none.
fn take(line: &[u8], alphabet: Alphabet, bytes: &mut Vec<u8>) -> bool {
    let Some((first, letters)) = line.split_first() else { return false };
    let Some(count) = value(*first, alphabet).map(usize::from) else { return false };
    let needed = count.div_ceil(3) * 4;
    // Blanks at the end of a line are lost on the way and mean zero; xxencode has none.
    let enough = match alphabet {
        Alphabet::Uu => letters.len() + LOST_BLANKS_MAX >= needed,
        Alphabet::Xx => letters.len() >= needed && letters.len() <= needed + 3,
    };
    let letters = letters.get(..needed.min(letters.len())).unwrap_or_default();
    if !enough || letters.iter().any(|letter| value(*letter, alphabet).is_none()) {
        return false;
    }
    let end = bytes.len() + count;
    for group in letters.chunks(4) {
        let mut bits: u32 = 0;
        for place in 0..4 {
            let letter = group.get(place).and_then(|letter| value(*letter, alphabet));
            bits = (bits << 6) | u32::from(letter.unwrap_or(0));
        }
        bytes.extend(bits.to_be_bytes().get(1..4).unwrap_or_default());
    }
    bytes.resize(end, 0);
    true
}

fn value(letter: u8, alphabet: Alphabet) -> Option<u8> {
    match (alphabet, letter) {
        (Alphabet::Uu, b' '..=b'`') => Some((letter - b' ') & 63),
        (Alphabet::Xx, b'+') => Some(0),
        (Alphabet::Xx, b'-') => Some(1),
        (Alphabet::Xx, b'0'..=b'9') => Some(letter - b'0' + 2),
        (Alphabet::Xx, b'A'..=b'Z') => Some(letter - b'A' + 12),
        (Alphabet::Xx, b'a'..=b'z') => Some(letter - b'a' + 38),
        _ => None,
    }
}

/// What may stand before the lines of a file: quoting marks of a thread.
const QUOTING_BYTES_MAX: usize = 16;
/// Lines in a row that are no uuencoded ones and after which we still go on: page headers, a signature of a list.
const FOREIGN_LINES_MAX: usize = 8;
/// Blanks at a line's end that may have got lost: a whole line of zeros has 60.
const LOST_BLANKS_MAX: usize = 60;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_in_a_text() {
        for (text, names) in [
            (
                "Hi,\n\nbegin 644 cat.txt\n#0V%T\n`\nend\nbye\nbegin of a sentence\nbegin 600 b\n#0V%T\n`\nend\n",
                &["cat.txt", "b"][..],
            ),
            ("begin 644 cat.txt\r\n#0V%T\r\n", &["cat.txt"]),
            ("begin  0644   a b.txt  \n#0V%T junk\n \nend\n", &["a b.txt"]),
            ("> begin 644 c\n> #0V%T\n> `\n> end\n", &["c"]),
            ("begin-base64 644 d\nQ2F0\n====\n", &["d"]),
            ("begin 644 e\n1Eq3o\n+\nend\n", &["e"]),
            ("begin 644\n#0V%T\n`\nend\n", &[""]),
            ("begin 2024 with a plan\nof some lines\n", &[]),
            ("begin with a plan\nof some lines\n", &[]),
        ] {
            let files: Vec<UuFile> = uuencoded(text.as_bytes()).collect();
            for name in names {
                let cat = files.iter().find(|file| file.name == *name && file.bytes == b"Cat");
                assert!(cat.is_some(), "{text}: {files:?}");
            }
            assert!(files.len() >= names.len() && files.len() <= 2 * names.len(), "{files:?}");
        }
    }

    #[test]
    fn no_mode() {
        let files: Vec<UuFile> = uuencoded(b"begin  a.js\n)0V%T0V%T0V%T\n`\nend\n").collect();
        assert!(files.iter().any(|file| file.name == "a.js" && file.bytes == b"CatCatCat"));
    }

    #[test]
    fn no_begin() {
        assert_eq!(without_begin(b"#0V%T\n#0V%T\n`\n"), b"CatCat");
    }
}
