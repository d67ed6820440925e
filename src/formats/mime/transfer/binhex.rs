//! BinHex 4.0, RFC 1741 appendix A: 64 letters, runs, a header, two forks. Checksums are not looked at.

/// A file found in this form.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::formats::mime) struct BinHexFile {
    /// The name in its header.
    pub(in crate::formats::mime) name: String,
    /// The data fork.
    pub(in crate::formats::mime) bytes: Vec<u8>,
    /// The resource fork.
    pub(in crate::formats::mime) resource: Vec<u8>,
}

/// Every file in a text.
pub(in crate::formats::mime) fn files(text: &[u8], bytes_max: usize) -> Vec<BinHexFile> {
    memchr::memmem::find_iter(text, START)
        .take(FILES_MAX)
        .filter_map(|at| file(text.get(at + START.len()..)?, bytes_max))
        .collect()
}

/// The file whose first colon comes next.
pub(super) fn file(text: &[u8], bytes_max: usize) -> Option<BinHexFile> {
    let start = memchr::memchr(b':', text)?;
    let letters = text.get(start + 1..)?;
    let letters = letters.get(..memchr::memchr(b':', letters).unwrap_or(letters.len()))?;
    let unpacked = without_runs(&six_bits(letters), bytes_max);
    let (length, rest) = unpacked.split_first()?;
    let (name, rest) = rest.split_at_checked(usize::from(*length))?;
    // A version, type and creator, flags.
    let rest = rest.get(11..)?;
    let (data_length, rest) = rest.split_first_chunk::<4>()?;
    let (resource_length, rest) = rest.split_first_chunk::<4>()?;
    // A checksum behind the header and behind each fork.
    let rest = rest.get(2..)?;
    let length =
        |bytes: &[u8; 4]| usize::try_from(u32::from_be_bytes(*bytes)).unwrap_or(usize::MAX);
    let (data, rest) = rest.split_at_checked(length(data_length)).unwrap_or((rest, &[]));
    let rest = rest.get(2..).unwrap_or_default();
    let resource = rest.get(..length(resource_length).min(rest.len())).unwrap_or_default();
    Some(BinHexFile {
        name: String::from_utf8_lossy(name).into_owned(),
        bytes: data.to_vec(),
        resource: resource.to_vec(),
    })
}

fn six_bits(letters: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(letters.len() / 4 * 3 + 3);
    let (mut bits, mut count) = (0_u32, 0_u32);
    for letter in letters {
        let Some(value) = memchr::memchr(*letter, LETTERS).and_then(|at| u32::try_from(at).ok())
        else {
            continue;
        };
        bits = ((bits << 6) | value) & 0x00ff_ffff;
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.extend((bits >> count).to_be_bytes().last());
        }
    }
    bytes
}

/// Undoes runs: a byte, 0x90, a count; a count of zero is the byte 0x90 itself.
fn without_runs(packed: &[u8], bytes_max: usize) -> Vec<u8> {
    let mut bytes: Vec<u8> = Vec::with_capacity(packed.len().min(bytes_max));
    let mut rest = packed.iter();
    while let Some(byte) = rest.next().filter(|_| bytes.len() < bytes_max) {
        match (byte, byte == &RUN) {
            (_, true) => match (rest.next(), bytes.last().copied()) {
                (Some(0), _) => bytes.push(RUN),
                (Some(count), Some(last)) => {
                    bytes.extend(std::iter::repeat_n(last, usize::from(*count).saturating_sub(1)));
                }
                _ => (),
            },
            (byte, false) => bytes.push(*byte),
        }
    }
    bytes
}

/// What everybody looks for.
const START: &[u8] = b"(This file must be converted with BinHex";
const LETTERS: &[u8] = b"!\"#$%&'()*+,-012345689@ABCDEFGHIJKLMNPQRSTUVXYZ[`abcdefhijklmpqr";
const RUN: u8 = 0x90;
/// Files looked at in one text.
const FILES_MAX: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    fn encode(name: &[u8], data: &[u8], length: u32) -> String {
        let mut bytes = vec![u8::try_from(name.len()).unwrap()];
        bytes.extend(name);
        bytes.extend(b"\0TEXTttxt\0\0");
        bytes.extend(length.to_be_bytes());
        bytes.extend([0, 0, 0, 0, 1, 2]);
        bytes.extend(data);
        bytes.extend([3, 4]);
        let mut text = "(This file must be converted with BinHex 4.0)\r\n\r\n:".to_string();
        for three in bytes.chunks(3) {
            let bits = three.iter().fold(0_u32, |bits, byte| (bits << 8) | u32::from(*byte))
                << (8 * (3 - three.len()));
            for place in 0..=three.len() {
                text.push(char::from(
                    LETTERS[usize::try_from(bits >> (18 - 6 * place) & 63).unwrap()],
                ));
            }
        }
        text + ":\r\n"
    }

    #[test]
    fn a_file() {
        let text = encode(b"a.txt", b"hello \x90\x05 there", 16);
        let found = files(text.as_bytes(), 1_000);
        assert_eq!(found.len(), 1);
        assert_eq!(
            (found[0].name.as_str(), &found[0].bytes[..]),
            ("a.txt", &b"hello      there"[..])
        );
        for end in 0..text.len() {
            files(&text.as_bytes()[..end], 1_000);
        }
    }
}
