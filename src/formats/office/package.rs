//! Encrypted packages, MS-OFFCRYPTO sections 2.3.4.5 to 2.3.4.15: the standard kind and the agile kind, which says in XML how it is done.

use super::{
    ciphers::{Aes, Hash},
    le,
};
use crate::base::limits;

/// The package in clear, if the password fits; `has_time` is asked now and then.
pub(super) fn decipher(
    info: &[u8],
    package: &[u8],
    password: &str,
    has_time: &dyn Fn() -> bool,
) -> Option<Vec<u8>> {
    let password: Vec<u8> = password.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let clear = match (le::short(info, 0)?, le::short(info, 2)?) {
        (4, 4) => agile(info, package, &password, has_time)?,
        (2..=4, 2) => standard(info, package, &password, has_time)?,
        _ => return None,
    };
    // The size in front is only used to take off what fills the last block.
    let size = le::size(package, 0).filter(|size| size.abs_diff(clear.len()) <= SEGMENT_BYTES);
    let size = size.unwrap_or(clear.len());
    Some(le::slice(&clear, 0, size).to_vec())
}

/// AES by blocks, SHA-1, 50,000 rounds.
fn standard(
    info: &[u8],
    package: &[u8],
    password: &[u8],
    has_time: &dyn Fn() -> bool,
) -> Option<Vec<u8>> {
    let size = le::size(info, 8)?;
    let bits = le::size(info, 12 + 16)?;
    let verifier = info.get(12_usize.checked_add(size)?..)?;
    let salt = verifier.get(4..20)?;
    let mixed = rounds(Hash::Sha1, salt, password, STANDARD_ROUNDS, has_time)?;
    let last = Hash::Sha1.of(&[&mixed, &[0; 4]]);
    let half = |fill: u8| {
        let mut block = [fill; 64];
        block.iter_mut().zip(&last).for_each(|(place, byte)| *place ^= byte);
        Hash::Sha1.of(&[&block])
    };
    let key = [half(0x36), half(0x5c)].concat();
    let aes = Aes::new(key.get(..bits / 8)?)?;
    let clear = aes.ecb(verifier.get(20..36)?);
    let hash = aes.ecb(verifier.get(40..72)?);
    if hash.get(..20)? != Hash::Sha1.of(&[&clear]) {
        return None;
    }
    Some(aes.ecb(le::from(package, 8)))
}

/// MS-OFFCRYPTO section 2.3.4.11.
fn rounds(
    hash: Hash,
    salt: &[u8],
    password: &[u8],
    count: u32,
    has_time: &dyn Fn() -> bool,
) -> Option<Vec<u8>> {
    let mut mixed = hash.of(&[salt, password]);
    for round in 0..count.min(limits::PASSWORD_ROUNDS_MAX) {
        mixed = hash.of(&[&round.to_le_bytes(), &mixed]);
        if round % 4_096 == 0 && !has_time() {
            return None;
        }
    }
    Some(mixed)
}

/// What an element of the XML says about one key.
#[derive(Debug)]
struct Key {
    salt: Vec<u8>,
    hash: Hash,
    key_bytes: usize,
    hash_bytes: usize,
}

impl Key {
    fn read(element: &str) -> Option<Key> {
        let number = |name: &str| attribute(element, name)?.parse::<usize>().ok();
        // Only AES is written by any program that can write this.
        attribute(element, "cipherAlgorithm").filter(|name| name.eq_ignore_ascii_case("AES"))?;
        Some(Key {
            salt: base64(attribute(element, "saltValue")?)?,
            hash: Hash::named(attribute(element, "hashAlgorithm")?)?,
            key_bytes: number("keyBits")? / 8,
            hash_bytes: number("hashSize")?,
        })
    }

    /// The first block for chaining: the salt itself or a hash with it, filled up.
    fn first_block(&self, segment: Option<u32>) -> [u8; 16] {
        let start = match segment {
            Some(segment) => self.hash.of(&[&self.salt, &segment.to_le_bytes()]),
            None => self.salt.clone(),
        };
        let mut block = [FILL; 16];
        block.iter_mut().zip(start).for_each(|(place, byte)| *place = byte);
        block
    }
}

fn agile(
    info: &[u8],
    package: &[u8],
    password: &[u8],
    has_time: &dyn Fn() -> bool,
) -> Option<Vec<u8>> {
    let xml = String::from_utf8_lossy(le::from(info, 8));
    let data = Key::read(element(&xml, "keyData")?)?;
    let by_password = element(&xml, "encryptedKey")?;
    let key = Key::read(by_password)?;
    let count = attribute(by_password, "spinCount")?.parse().ok()?;
    let mixed = rounds(key.hash, &key.salt, password, count, has_time)?;
    let opened = |block: &[u8; 8], name: &str| {
        let mut secret = key.hash.of(&[&mixed, block]);
        secret.resize(key.key_bytes, FILL);
        let value = base64(attribute(by_password, name)?)?;
        Some(Aes::new(&secret)?.cbc(key.first_block(None), &value))
    };
    let input = opened(VERIFIER_INPUT, "encryptedVerifierHashInput")?;
    let value = opened(VERIFIER_VALUE, "encryptedVerifierHashValue")?;
    let hash = key.hash.of(&[le::slice(&input, 0, key.salt.len())]);
    if value.get(..key.hash_bytes)? != hash.get(..key.hash_bytes)? || key.hash_bytes == 0 {
        return None;
    }
    let secret = opened(KEY_VALUE, "encryptedKeyValue")?;
    let aes = Aes::new(secret.get(..data.key_bytes)?)?;
    let segments = le::from(package, 8).chunks(SEGMENT_BYTES).zip(0_u32..);
    Some(
        segments.flat_map(|(part, number)| aes.cbc(data.first_block(Some(number)), part)).collect(),
    )
}

/// The first start tag of that name, whatever its prefix.
fn element<'x>(xml: &'x str, name: &str) -> Option<&'x str> {
    xml.split('<').find(|tag| {
        let word = tag.split([' ', '\r', '\n', '\t', '>', '/']).next().unwrap_or_default();
        word.rsplit(':').next() == Some(name)
    })
}

fn attribute<'x>(tag: &'x str, name: &str) -> Option<&'x str> {
    let mut rest = tag;
    while let Some(at) = rest.find(name) {
        let is_whole = rest.get(..at)?.ends_with(|c: char| c.is_ascii_whitespace());
        rest = rest.get(at + name.len()..)?;
        let value = rest.trim_start().strip_prefix('=').map(str::trim_start);
        if let Some(value) = value.filter(|_| is_whole) {
            let quote = value.chars().next().filter(|quote| matches!(quote, '"' | '\''))?;
            return value.get(1..)?.split(quote).next();
        }
    }
    None
}

fn base64(text: &str) -> Option<Vec<u8>> {
    data_encoding::BASE64.decode(text.trim().as_bytes()).ok()
}

const STANDARD_ROUNDS: u32 = 50_000;
const SEGMENT_BYTES: usize = 4_096;
/// What fills up keys and first blocks.
const FILL: u8 = 0x36;
/// MS-OFFCRYPTO section 2.3.4.13.
const VERIFIER_INPUT: &[u8; 8] = b"\xfe\xa7\xd2\x76\x3b\x4b\x9e\x79";
const VERIFIER_VALUE: &[u8; 8] = b"\xd7\xaa\x0f\x6d\x30\x61\x34\x4e";
const KEY_VALUE: &[u8; 8] = b"\x14\x6e\x0b\xe7\xab\xac\xd0\xd6";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_are_found() {
        let xml = "<?xml?><e:encryption><keyData saltSize=\"16\" saltValue='YWI='/><p:encryptedKey\r\n spinCount = \"100\" x=\"\"/>";
        assert_eq!(attribute(element(xml, "keyData").unwrap(), "saltValue"), Some("YWI="));
        assert_eq!(attribute(element(xml, "encryptedKey").unwrap(), "spinCount"), Some("100"));
        assert_eq!(attribute(element(xml, "keyData").unwrap(), "Value"), None);
        assert!(element(xml, "none").is_none());
    }

    #[test]
    fn rubbish_and_lack_of_time_end() {
        for info in [&b""[..], b"\x04\0\x04\0", b"\x03\0\x02\0", b"\x04\0\x04\0\0\0\0\0<keyData/>"]
        {
            assert_eq!(decipher(info, b"12345678", "x", &|| true), None);
        }
        assert_eq!(rounds(Hash::Sha1, b"", b"", u32::MAX, &|| false), None);
    }
}
