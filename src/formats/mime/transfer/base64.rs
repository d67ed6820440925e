//! base64, RFC 4648 section 4 and 5 and RFC 2045 section 6.8, in all the ways that programs read what is not in order.
//!
//! The first reading skips what does not belong (RFC 2045: "must be ignored") and reads on after padding. The others are made only of
//! bodies in which programs differ; a clean body costs one pass.

use super::Decoded;
use std::borrow::Cow;

/// The reading that most programs have.
pub(in crate::formats::mime) fn decode(body: &[u8]) -> Decoded<'_> {
    let (bytes, seen) = run(body, Reading::Tolerant);
    Decoded { bytes: Cow::Owned(bytes), unclean: seen.unclean() }
}

/// Every reading, the usual one first, each once.
pub(in crate::formats::mime) fn readings(body: &[u8]) -> Vec<Decoded<'_>> {
    let (bytes, seen) = run(body, Reading::Tolerant);
    let mut all = vec![Decoded { bytes: Cow::Owned(bytes), unclean: seen.unclean() }];
    let mut others: Vec<Reading> = Vec::new();
    if seen.after_padding {
        others.extend([Reading::UntilPadding, Reading::PaddingSkipped]);
        if seen.lone_padded {
            others.push(Reading::LoneLetters);
        }
    }
    if seen.url_safe {
        others.push(Reading::UrlSafe);
    }
    if seen.uneven_lines {
        others.push(Reading::LineByLine);
    }
    if seen.junk > 0 {
        others.extend([Reading::UntilJunk, Reading::JunkIsZero]);
    }
    for reading in others {
        let (bytes, _) = run(body, reading);
        if !bytes.is_empty() && all.iter().all(|known| known.bytes != bytes) {
            all.push(Decoded { bytes: Cow::Owned(bytes), unclean: true });
        }
    }
    if seen.after_padding
        && let Some(rest) = after_padding(body)
    {
        let (bytes, _) = run(rest, Reading::Tolerant);
        if !bytes.is_empty() && all.iter().all(|known| known.bytes != bytes) {
            all.push(Decoded { bytes: Cow::Owned(bytes), unclean: true });
        }
    }
    if seen.junk > 0 {
        let clean: Vec<&[u8]> =
            body.split_inclusive(|byte| *byte == b'\n').filter(|line| is_clean(line)).collect();
        let (bytes, _) = run(&clean.concat(), Reading::Tolerant);
        if !bytes.is_empty() && all.iter().all(|known| known.bytes != bytes) {
            all.push(Decoded { bytes: Cow::Owned(bytes), unclean: true });
        }
    }
    // So much junk is no base64: programs that refuse it show it as it is.
    if seen.junk.saturating_mul(JUNK_SHARE) > body.len() {
        all.push(Decoded { bytes: Cow::Borrowed(body), unclean: true });
    }
    all
}

/// Is there nothing on the line that does not belong? Some programs drop a line where there is.
fn is_clean(line: &[u8]) -> bool {
    line.iter().all(|byte| {
        byte.is_ascii_alphanumeric()
            || matches!(byte, b'+' | b'/' | b'=')
            || byte.is_ascii_whitespace()
    })
}

/// What follows the first padding.
fn after_padding(body: &[u8]) -> Option<&[u8]> {
    let at = memchr::memchr(b'=', body)?;
    let rest = body.get(at..)?;
    let padding = rest.iter().take_while(|byte| **byte == b'=' || byte.is_ascii_whitespace());
    rest.get(padding.count()..)
}

/// How what does not belong is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::formats::mime) enum Reading {
    /// Junk is skipped, padding ends a group of four.
    Tolerant,
    /// The first padding ends it all.
    UntilPadding,
    /// Padding is junk, and skipped.
    PaddingSkipped,
    /// One letter before the padding is a byte too: its six bits and two that are zero.
    LoneLetters,
    /// `-` and `_` are letters.
    UrlSafe,
    /// Each line is a group of its own.
    LineByLine,
    /// The first junk ends it all.
    UntilJunk,
    /// Junk counts as a letter of value zero.
    JunkIsZero,
}

/// What was met on the way.
#[derive(Debug, Clone, Copy, Default)]
pub(in crate::formats::mime) struct Seen {
    after_padding: bool,
    url_safe: bool,
    uneven_lines: bool,
    junk: usize,
    lone_letter: bool,
    lone_padded: bool,
}

impl Seen {
    fn unclean(self) -> bool {
        self.after_padding || self.junk > 0 || self.lone_letter
    }
}

struct Group {
    bits: u32,
    letters: u8,
}

impl Group {
    fn push(&mut self, value: u8, bytes: &mut Vec<u8>) {
        self.bits = (self.bits << 6) | u32::from(value);
        self.letters += 1;
        if self.letters == 4 {
            let [_, first, second, third] = self.bits.to_be_bytes();
            bytes.extend_from_slice(&[first, second, third]);
            *self = Group { bits: 0, letters: 0 };
        }
    }

    /// The byte that some make of one letter.
    fn finish_lone(&mut self, bytes: &mut Vec<u8>) {
        if self.letters == 1 {
            bytes.extend((self.bits << 2).to_be_bytes().get(3..).unwrap_or_default());
        }
    }

    /// The one or two bytes that two or three last letters carry.
    fn finish(&mut self, bytes: &mut Vec<u8>) {
        match self.letters {
            2 => bytes.extend((self.bits << 12).to_be_bytes().get(1..2).unwrap_or_default()),
            3 => bytes.extend((self.bits << 6).to_be_bytes().get(1..3).unwrap_or_default()),
            _ => (),
        }
        *self = Group { bits: 0, letters: 0 };
    }
}

/// Decodes by one reading.
pub(in crate::formats::mime) fn run(body: &[u8], reading: Reading) -> (Vec<u8>, Seen) {
    let values: &[u8; 256] = &VALUES;
    let mut bytes = Vec::with_capacity(body.len() / 4 * 3 + 3);
    let mut seen = Seen::default();
    let mut group = Group { bits: 0, letters: 0 };
    let (mut padded, mut broken) = (false, false);
    let mut rest = body;
    loop {
        if group.letters == 0 {
            let before = rest.len();
            rest = whole_groups(rest, values, &mut bytes);
            seen.after_padding |= padded && rest.len() < before;
            seen.uneven_lines |= broken && rest.len() < before;
        }
        let Some((byte, after)) = rest.split_first() else { break };
        rest = after;
        let value = values.get(usize::from(*byte)).copied().unwrap_or(NO_VALUE);
        if value < 64 {
            seen.after_padding |= padded;
            seen.uneven_lines |= broken;
            group.push(value, &mut bytes);
            continue;
        }
        match byte {
            b'=' if reading == Reading::PaddingSkipped => (),
            b'=' => {
                seen.lone_padded |= group.letters == 1;
                if reading == Reading::LoneLetters {
                    group.finish_lone(&mut bytes);
                }
                group.finish(&mut bytes);
                padded = true;
                if reading == Reading::UntilPadding {
                    return (bytes, seen);
                }
            }
            b'\n' => {
                broken |= group.letters != 0;
                if reading == Reading::LineByLine {
                    group.finish(&mut bytes);
                }
            }
            _ if byte.is_ascii_whitespace() => (),
            b'-' | b'_' => {
                seen.junk += 1;
                seen.url_safe = true;
                match reading {
                    Reading::UrlSafe => group.push(62 + u8::from(*byte == b'_'), &mut bytes),
                    Reading::UntilJunk => break,
                    Reading::JunkIsZero => group.push(0, &mut bytes),
                    Reading::Tolerant
                    | Reading::UntilPadding
                    | Reading::PaddingSkipped
                    | Reading::LoneLetters
                    | Reading::LineByLine => (),
                }
            }
            _ => {
                seen.junk += 1;
                match reading {
                    Reading::UntilJunk => break,
                    Reading::JunkIsZero => group.push(0, &mut bytes),
                    Reading::Tolerant
                    | Reading::UntilPadding
                    | Reading::PaddingSkipped
                    | Reading::LoneLetters
                    | Reading::UrlSafe
                    | Reading::LineByLine => (),
                }
            }
        }
    }
    seen.lone_letter = group.letters == 1;
    group.finish(&mut bytes);
    (bytes, seen)
}

/// Decodes as long as whole groups of four letters stand there; gives what follows them.
fn whole_groups<'b>(body: &'b [u8], values: &[u8; 256], bytes: &mut Vec<u8>) -> &'b [u8] {
    let value = |byte: u8| u32::from(values.get(usize::from(byte)).copied().unwrap_or(NO_VALUE));
    let mut rest = body;
    // Sixteen letters at a time, so that the output grows seldom.
    while let Some((letters, after)) = rest.split_first_chunk::<16>() {
        let mut out = [0_u8; 12];
        let mut all = 0;
        for (four, three) in letters.chunks_exact(4).zip(out.chunks_exact_mut(3)) {
            let [first, second, third, fourth] = four else { break };
            let [first, second, third, fourth] =
                [value(*first), value(*second), value(*third), value(*fourth)];
            all |= first | second | third | fourth;
            let bits = (first << 18) | (second << 12) | (third << 6) | fourth;
            let [_, high, middle, low] = bits.to_be_bytes();
            three.copy_from_slice(&[high, middle, low]);
        }
        if all > 63 {
            break;
        }
        bytes.extend_from_slice(&out);
        rest = after;
    }
    while let Some(([first, second, third, fourth], after)) = rest.split_first_chunk::<4>() {
        let [first, second, third, fourth] =
            [value(*first), value(*second), value(*third), value(*fourth)];
        if (first | second | third | fourth) > 63 {
            break;
        }
        let bits = (first << 18) | (second << 12) | (third << 6) | fourth;
        let [_, high, middle, low] = bits.to_be_bytes();
        bytes.extend_from_slice(&[high, middle, low]);
        rest = after;
    }
    rest
}

/// A body of which more than one byte in this many is junk is no base64 to some.
const JUNK_SHARE: usize = 10;

const NO_VALUE: u8 = 255;

static VALUES: std::sync::LazyLock<[u8; 256]> = std::sync::LazyLock::new(|| {
    let mut values = [NO_VALUE; 256];
    let letters = (b'A'..=b'Z').chain(b'a'..=b'z').chain(b'0'..=b'9').chain([b'+', b'/']);
    for (value, letter) in (0_u8..).zip(letters) {
        if let Some(place) = values.get_mut(usize::from(letter)) {
            *place = value;
        }
    }
    values
});

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_the_most_tolerant_reader_reads_it() {
        for (body, want, unclean) in [
            ("aGVqIGRpZw==", "hej dig", false),
            ("aGVq\r\nIGRp\r\nZw==\r\n", "hej dig", false),
            ("aGVqIGRpZw", "hej dig", false),
            ("a!G*V-q.IGRpZw==", "hej dig", true),
            ("aGVq\0IGRpZw==", "hej dig", true),
            ("aGU=aiBkaWc=", "hej dig", true),
            ("aGVqI", "hej", true),
            ("", "", false),
            ("====", "", false),
        ] {
            let decoded = decode(body.as_bytes());
            assert_eq!(String::from_utf8_lossy(&decoded.bytes), want, "{body:?}");
            assert_eq!(decoded.unclean, unclean, "{body:?}");
        }
    }

    #[test]
    fn long_lines_and_letter_by_letter_are_the_same() {
        let bytes: Vec<u8> = (0..5_000_u32).map(|at| (at * 7 % 251).to_be_bytes()[3]).collect();
        let text = data_encoding::BASE64.encode(&bytes);
        let spaced: String = text.chars().flat_map(|letter| [letter, ' ']).collect();
        let lines = text.as_bytes().chunks(76).collect::<Vec<_>>().join(&b"\r\n"[..]);
        for body in [text.as_bytes(), spaced.as_bytes(), &lines] {
            assert_eq!(decode(body).bytes, bytes);
            assert_eq!(readings(body).len(), 1);
        }
    }

    #[test]
    fn other_readers_see_other_bytes() {
        for (body, wants) in [
            // Stops at the padding; goes on after it; takes the rest alone.
            ("aGVq\nIGRpZw==\naGVq", &["hej dighej", "hej dig", "hej"][..]),
            // Padding in the middle as junk.
            ("aGV=qIGRpZw==", &["hej dig"]),
            // A letter alone before the padding is a byte to some.
            ("aGVqIGRpZ=aGVq", &["hej didhej", "hej dihej"]),
            // Each line padded by its reader.
            ("aGU\naiBk\naWc", &["hej dig"]),
            // The alphabet for addresses.
            ("-_-_", &["\u{fffd}\u{fffd}\u{fffd}"]),
        ] {
            let all: Vec<String> = readings(body.as_bytes())
                .iter()
                .map(|read| String::from_utf8_lossy(&read.bytes).into_owned())
                .collect();
            for want in wants {
                assert!(all.iter().any(|read| read == want), "{body:?}: {want:?} in {all:?}");
            }
            assert!(all.len() <= 9, "{all:?}");
        }
    }
}
