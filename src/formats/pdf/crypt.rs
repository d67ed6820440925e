//! The standard security handler, ISO 32000-1 section 7.6 (revisions 2 to 4) and ISO 32000-2 section 7.6 (5 and 6): RC4, AES-128, AES-256.
//!
//! Tries the empty password, as every program does, and those it is given, as user's and as owner's password.
//! Guesses nothing, checks no permissions.

use super::object::{Dict, Object};
use crate::{base::limits, formats::budget::Budget};
use aws_lc_rs::{
    cipher::{
        AES_128, AES_256, Algorithm, DecryptingKey, DecryptionContext, EncryptingKey,
        EncryptionContext, UnboundCipherKey,
    },
    digest,
    iv::FixedLength,
};
use md5::{Digest, Md5};

/// An open lock.
#[derive(Debug)]
pub(super) struct Crypt {
    key: Vec<u8>,
    strings: Method,
    streams: Method,
    files: Method,
    metadata: bool,
    /// It opened without a password.
    pub(super) empty_password: bool,
}

/// What is to be decrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Thing {
    /// A string.
    String,
    /// A stream.
    Stream,
    /// An embedded file's stream.
    File,
    /// The metadata's stream, which may be clear.
    Metadata,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Method {
    Clear,
    Rc4,
    Aes128,
    Aes256,
}

/// What the dictionary says, as far as the key depends on it.
struct Lock<'a> {
    revision: i64,
    key_bytes: usize,
    owner: &'a [u8],
    user: &'a [u8],
    owner_key: &'a [u8],
    user_key: &'a [u8],
    permissions: [u8; 4],
    id: &'a [u8],
    metadata: bool,
}

impl Crypt {
    /// Opens the lock; `dict` without references. None: another handler, or no password fits.
    pub(super) fn open(
        dict: &Dict,
        id: &[u8],
        passwords: &[String],
        budget: &Budget,
    ) -> Option<Crypt> {
        if dict.name(b"Filter").is_some_and(|name| name != b"Standard") {
            return None;
        }
        let integer = |key: &[u8]| dict.get(key).and_then(Object::as_integer);
        let bytes = |key: &[u8]| dict.get(key).and_then(Object::as_text);
        let version = integer(b"V").unwrap_or(0);
        let permissions = integer(b"P").unwrap_or(0).rem_euclid(1 << 32);
        let metadata = dict.get(b"EncryptMetadata") != Some(&Object::Bool(false));
        let declared = match integer(b"Length").and_then(|bits| usize::try_from(bits).ok()) {
            Some(bits @ 40..) => bits / 8,
            Some(bytes @ 5..=16) => bytes,
            _ => 5,
        };
        let mut lock = Lock {
            revision: integer(b"R").unwrap_or(2),
            key_bytes: declared.min(16),
            owner: bytes(b"O")?,
            user: bytes(b"U")?,
            owner_key: bytes(b"OE").unwrap_or_default(),
            user_key: bytes(b"UE").unwrap_or_default(),
            permissions: u32::try_from(permissions).unwrap_or(0).to_le_bytes(),
            id,
            metadata,
        };
        let candidates: &[usize] = match lock.revision {
            5.. => &[32],
            2 => &[5, 16],
            _ => &[lock.key_bytes, 16, 5],
        };
        let mut tries = vec![Vec::new()];
        tries.extend(passwords.iter().flat_map(|password| forms(password, lock.revision)));
        for password in &tries {
            for key_bytes in candidates {
                budget.check_time().ok()?;
                lock.key_bytes = *key_bytes;
                let Some(key) = lock.key(password, budget) else { continue };
                return Some(Crypt {
                    key,
                    strings: method(dict, b"StrF", version),
                    streams: method(dict, b"StmF", version),
                    files: match dict.get(b"EFF") {
                        Some(_) => method(dict, b"EFF", version),
                        None => method(dict, b"StmF", version),
                    },
                    metadata,
                    empty_password: password.is_empty(),
                });
            }
        }
        None
    }

    /// The clear bytes. What cannot be decrypted comes back as it is.
    pub(super) fn decrypt(
        &self,
        thing: Thing,
        number: u32,
        generation: u32,
        bytes: &[u8],
    ) -> Vec<u8> {
        let method = match thing {
            Thing::String => self.strings,
            Thing::Stream => self.streams,
            Thing::File => self.files,
            Thing::Metadata if self.metadata => self.streams,
            Thing::Metadata => Method::Clear,
        };
        match method {
            Method::Clear => bytes.to_vec(),
            Method::Rc4 => rc4(&self.object_key(number, generation, b""), bytes),
            Method::Aes128 => aes(&AES_128, &self.object_key(number, generation, b"sAlT"), bytes),
            Method::Aes256 => aes(&AES_256, &self.key, bytes),
        }
    }

    /// Section 7.6.2, algorithm 1.
    fn object_key(&self, number: u32, generation: u32, salt: &[u8]) -> Vec<u8> {
        let mut hash = Md5::new();
        hash.update(&self.key);
        hash.update(number.to_le_bytes().get(..3).unwrap_or_default());
        hash.update(generation.to_le_bytes().get(..2).unwrap_or_default());
        hash.update(salt);
        let mut key = hash.finalize().to_vec();
        key.truncate((self.key.len() + 5).min(16));
        key
    }
}

impl Lock<'_> {
    /// The file's key if this is the user's or the owner's password.
    fn key(&self, password: &[u8], budget: &Budget) -> Option<Vec<u8>> {
        if self.revision >= 5 {
            return self.key_of_aes_256(password, budget);
        }
        self.key_if_user(&padded(password))
            .or_else(|| self.key_if_user(&padded(&self.user_password(password))))
    }

    /// Algorithms 2, 4 and 5.
    fn key_if_user(&self, password: &[u8; 32]) -> Option<Vec<u8>> {
        let mut hash = Md5::new();
        hash.update(password);
        hash.update(self.owner.get(..32).unwrap_or(self.owner));
        hash.update(self.permissions);
        hash.update(self.id);
        if self.revision >= 4 && !self.metadata {
            hash.update([0xff; 4]);
        }
        let mut key = hash.finalize().to_vec();
        key.truncate(self.key_bytes);
        if self.revision >= 3 {
            for _ in 0..50 {
                key = Md5::digest(&key).to_vec();
                key.truncate(self.key_bytes);
            }
        }
        let right = match self.revision {
            ..=2 => self.user.starts_with(&rc4(&key, &PADDING)),
            _ => {
                let mut hash = Md5::new();
                hash.update(PADDING);
                hash.update(self.id);
                let mut proof = hash.finalize().to_vec();
                for round in 0..20 {
                    proof = rc4(&xored(&key, round), &proof);
                }
                self.user.get(..16) == Some(&proof[..])
            }
        };
        right.then_some(key)
    }

    /// Algorithm 7: what the owner's password makes of the owner's entry.
    fn user_password(&self, owner: &[u8]) -> Vec<u8> {
        let mut key = Md5::digest(padded(owner)).to_vec();
        if self.revision >= 3 {
            for _ in 0..50 {
                key = Md5::digest(&key).to_vec();
            }
        }
        key.truncate(self.key_bytes);
        let mut password = self.owner.get(..32).unwrap_or(self.owner).to_vec();
        let rounds: u8 = if self.revision >= 3 { 20 } else { 1 };
        for round in (0..rounds).rev() {
            password = rc4(&xored(&key, round), &password);
        }
        password
    }

    /// ISO 32000-2 section 7.6.4.3.3, algorithm 2.A.
    fn key_of_aes_256(&self, password: &[u8], budget: &Budget) -> Option<Vec<u8>> {
        let user = self.user.get(..48)?;
        let hash = |salt: &[u8], extra: &[u8]| match self.revision {
            5 => Some(sha(&digest::SHA256, &[password, salt, extra])),
            _ => strong_hash(password, salt, extra, budget),
        };
        if hash(user.get(32..40)?, b"")? == user.get(..32)? {
            return uncrypted_key(&hash(user.get(40..48)?, b"")?, self.user_key);
        }
        let owner = self.owner.get(..48)?;
        if hash(owner.get(32..40)?, user)? == owner.get(..32)? {
            return uncrypted_key(&hash(owner.get(40..48)?, user)?, self.owner_key);
        }
        None
    }
}

/// A password as bytes: revisions from 5 on take UTF-8, older ones the document's encoding, and programs differ.
fn forms(password: &str, revision: i64) -> Vec<Vec<u8>> {
    let utf8 = password.as_bytes().get(..127).unwrap_or(password.as_bytes()).to_vec();
    let latin = encoding_rs::WINDOWS_1252.encode(password).0.into_owned();
    match revision {
        5.. => vec![utf8],
        _ if latin == utf8 => vec![utf8],
        _ => vec![latin, utf8],
    }
}

/// ISO 32000-2 section 7.6.4.3.4, algorithm 2.B.
fn strong_hash(password: &[u8], salt: &[u8], extra: &[u8], budget: &Budget) -> Option<Vec<u8>> {
    let mut key = sha(&digest::SHA256, &[password, salt, extra]);
    for round in 0..limits::PDF_HASH_ROUNDS_MAX {
        budget.check_time().ok()?;
        let mut block = [password, &key, extra].concat().repeat(64);
        let cipher =
            EncryptingKey::cbc(UnboundCipherKey::new(&AES_128, key.get(..16)?).ok()?).ok()?;
        let start = FixedLength::<16>::try_from(key.get(16..32)?).ok()?;
        cipher.less_safe_encrypt(&mut block, EncryptionContext::Iv128(start)).ok()?;
        // The first 16 bytes as a number, modulo 3: 256 is 1 modulo 3, so the sum of the bytes does.
        let sum: u32 = block.iter().take(16).map(|byte| u32::from(*byte)).sum();
        key = match sum % 3 {
            0 => sha(&digest::SHA256, &[&block]),
            1 => sha(&digest::SHA384, &[&block]),
            _ => sha(&digest::SHA512, &[&block]),
        };
        let last = usize::from(*block.last()?);
        if round >= 63 && last <= round.saturating_sub(31) {
            key.truncate(32);
            return Some(key);
        }
    }
    None
}

fn uncrypted_key(key: &[u8], encrypted: &[u8]) -> Option<Vec<u8>> {
    let mut bytes = encrypted.get(..32)?.to_vec();
    let cipher = DecryptingKey::cbc(UnboundCipherKey::new(&AES_256, key.get(..32)?).ok()?).ok()?;
    cipher.decrypt(&mut bytes, DecryptionContext::Iv128(FixedLength::from([0; 16]))).ok()?;
    Some(bytes)
}

fn sha(algorithm: &'static digest::Algorithm, parts: &[&[u8]]) -> Vec<u8> {
    let mut context = digest::Context::new(algorithm);
    parts.iter().for_each(|part| context.update(part));
    context.finish().as_ref().to_vec()
}

/// Which cipher a named crypt filter stands for.
fn method(dict: &Dict, key: &[u8], version: i64) -> Method {
    if version < 4 {
        return Method::Rc4;
    }
    let Some(name) = dict.name(key).filter(|name| *name != b"Identity") else {
        return Method::Clear;
    };
    let filters = dict.get(b"CF").and_then(Object::as_dict);
    let filter = filters.and_then(|filters| filters.get(name)).and_then(Object::as_dict);
    match filter.and_then(|filter| filter.name(b"CFM")) {
        Some(b"V2") => Method::Rc4,
        Some(b"AESV2") => Method::Aes128,
        Some(b"AESV3") => Method::Aes256,
        Some(_) => Method::Clear,
        None if version >= 5 => Method::Aes256,
        None => Method::Aes128,
    }
}

/// AES in CBC mode: the start value, the blocks, padding that may be wrong.
fn aes(algorithm: &'static Algorithm, key: &[u8], bytes: &[u8]) -> Vec<u8> {
    let clear = || {
        let start = FixedLength::<16>::try_from(bytes.get(..16)?).ok()?;
        let blocks = bytes.get(16..)?;
        let mut blocks = blocks.get(..blocks.len() / 16 * 16)?.to_vec();
        if blocks.is_empty() {
            return Some(blocks);
        }
        let cipher = DecryptingKey::cbc(UnboundCipherKey::new(algorithm, key).ok()?).ok()?;
        cipher.decrypt(&mut blocks, DecryptionContext::Iv128(start)).ok()?;
        let padding = usize::from(*blocks.last()?);
        if (1..=16).contains(&padding) {
            blocks.truncate(blocks.len() - padding);
        }
        Some(blocks)
    };
    clear().unwrap_or_else(|| bytes.to_vec())
}

fn rc4(key: &[u8], bytes: &[u8]) -> Vec<u8> {
    let mut state: Vec<u8> = (0..=u8::MAX).collect();
    let at = |state: &[u8], place: u8| state.get(usize::from(place)).copied().unwrap_or_default();
    let mut other = 0_u8;
    for (place, key) in (0..=u8::MAX).zip(key.iter().cycle()) {
        other = other.wrapping_add(at(&state, place)).wrapping_add(*key);
        state.swap(usize::from(place), usize::from(other));
    }
    let (mut place, mut other) = (0_u8, 0_u8);
    let mut next = |byte: &u8| {
        place = place.wrapping_add(1);
        other = other.wrapping_add(at(&state, place));
        state.swap(usize::from(place), usize::from(other));
        byte ^ at(&state, at(&state, place).wrapping_add(at(&state, other)))
    };
    bytes.iter().map(&mut next).collect()
}

fn xored(key: &[u8], round: u8) -> Vec<u8> {
    key.iter().map(|byte| byte ^ round).collect()
}

fn padded(password: &[u8]) -> [u8; 32] {
    let mut padded = [0; 32];
    let bytes = password.iter().chain(&PADDING);
    padded.iter_mut().zip(bytes).for_each(|(place, byte)| *place = *byte);
    padded
}

/// Section 7.6.3.3, algorithm 2, step a.
const PADDING: [u8; 32] = [
    0x28, 0xbf, 0x4e, 0x5e, 0x4e, 0x75, 0x8a, 0x41, 0x64, 0x00, 0x4e, 0x56, 0xff, 0xfa, 0x01, 0x08,
    0x2e, 0x2e, 0x00, 0xb6, 0xd0, 0x68, 0x3e, 0x80, 0x2f, 0x0c, 0xa9, 0xfe, 0x64, 0x53, 0x69, 0x7a,
];

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    #[test]
    fn rc4_as_published() {
        // Test vectors of the cipher's Wikipedia article.
        for (key, clear, want) in [
            ("Key", "Plaintext", "bbf316e8d940af0ad3"),
            ("Wiki", "pedia", "1021bf0420"),
            ("Secret", "Attack at dawn", "45a01f645fc35b383552544b9bf5"),
        ] {
            let got = rc4(key.as_bytes(), clear.as_bytes());
            assert_eq!(data_encoding::HEXLOWER.encode(&got), want);
        }
        assert_eq!(rc4(b"", b"x"), rc4(b"", b"x"));
    }

    fn dict(entries: &[(&str, Object)]) -> Dict {
        let entries = entries.iter().map(|(key, value)| (key.as_bytes().to_vec(), value.clone()));
        Dict { entries: entries.collect() }
    }

    pub(in crate::formats::pdf) fn budget() -> Budget {
        Budget::new(crate::formats::budget::Bounds::default(), &crate::base::clock::Clock::system())
    }

    /// What a writer puts into the dictionary for this user's password.
    pub(in crate::formats::pdf) fn locked(revision: i64, password: &[u8]) -> (Dict, Vec<u8>) {
        let text = |bytes: &[u8]| Object::Text(bytes.to_vec());
        let lock = Lock {
            revision,
            key_bytes: if revision == 2 { 5 } else { 16 },
            owner: &[7; 32],
            user: &[],
            owner_key: &[],
            user_key: &[],
            permissions: (-4_i32).to_le_bytes(),
            id: b"id",
            metadata: true,
        };
        let mut hash = Md5::new();
        hash.update(padded(password));
        hash.update(lock.owner);
        hash.update(lock.permissions);
        hash.update(lock.id);
        let mut key = hash.finalize().to_vec();
        key.truncate(lock.key_bytes);
        let mut user = rc4(&key, &PADDING);
        if revision >= 3 {
            for _ in 0..50 {
                key = Md5::digest(&key).to_vec();
            }
            let mut hash = Md5::new();
            hash.update(PADDING);
            hash.update(lock.id);
            user = hash.finalize().to_vec();
            for round in 0..20 {
                user = rc4(&xored(&key, round), &user);
            }
        }
        let mut user_key = Vec::new();
        if revision >= 5 {
            key = vec![9; 32];
            let hash = |salt: &[u8]| match revision {
                5 => sha(&digest::SHA256, &[password, salt]),
                _ => strong_hash(password, salt, b"", &budget()).unwrap(),
            };
            user = [&hash(b"checksum")[..], b"checksumkey salt"].concat();
            user_key = key.clone();
            let secret = hash(b"key salt");
            let cipher = UnboundCipherKey::new(&AES_256, &secret).unwrap();
            let start = EncryptionContext::Iv128(FixedLength::from([0; 16]));
            EncryptingKey::cbc(cipher).unwrap().less_safe_encrypt(&mut user_key, start).unwrap();
        }
        let version = [1, 1, 1, 2, 4, 5, 5].get(usize::try_from(revision).unwrap()).copied();
        let method: &[u8] = if revision >= 5 { b"AESV3" } else { b"AESV2" };
        let filter = dict(&[("CFM", Object::Name(method.to_vec()))]);
        let filters = dict(&[("StdCF", Object::Dict(filter))]);
        let dict = dict(&[
            ("Filter", Object::Name(b"Standard".to_vec())),
            ("V", Object::Integer(version.unwrap_or(5))),
            ("R", Object::Integer(revision)),
            ("Length", Object::Integer(if revision == 2 { 40 } else { 128 })),
            ("P", Object::Integer(-4)),
            ("O", text(&[7; 48])),
            ("U", text(&user)),
            ("UE", text(&user_key)),
            ("StmF", Object::Name(b"StdCF".to_vec())),
            ("StrF", Object::Name(b"StdCF".to_vec())),
            ("CF", Object::Dict(filters)),
        ]);
        (dict, key)
    }

    #[test]
    fn every_revision_opens_with_its_password_and_no_other() {
        for revision in [2, 3, 4, 5, 6] {
            for (password, given, opens) in [
                ("", &[][..], true),
                ("", &["wrong"], true),
                ("secret", &["wrong", "secret"], true),
                ("secret", &["wrong"], false),
                ("secret", &[], false),
            ] {
                let (dict, key) = locked(revision, password.as_bytes());
                let given: Vec<String> = given.iter().map(|word| (*word).to_owned()).collect();
                let crypt = Crypt::open(&dict, b"id", &given, &budget());
                assert_eq!(crypt.is_some(), opens, "revision {revision}, {password}, {given:?}");
                let Some(crypt) = crypt else { continue };
                assert_eq!(crypt.key, key);
                assert_eq!(crypt.empty_password, password.is_empty());
                let packed = encrypted(&crypt, b"MARKER");
                assert_eq!(crypt.decrypt(Thing::String, 5, 0, &packed), b"MARKER");
            }
        }
    }

    /// What a writer makes of a string of object 5.
    pub(in crate::formats::pdf) fn encrypted(crypt: &Crypt, clear: &[u8]) -> Vec<u8> {
        let (algorithm, key) = match crypt.strings {
            Method::Clear => return clear.to_vec(),
            Method::Rc4 => return rc4(&crypt.object_key(5, 0, b""), clear),
            Method::Aes128 => (&AES_128, crypt.object_key(5, 0, b"sAlT")),
            Method::Aes256 => (&AES_256, crypt.key.clone()),
        };
        let padding = 16 - clear.len() % 16;
        let mut block = clear.to_vec();
        block.resize(clear.len() + padding, u8::try_from(padding).unwrap());
        let start = EncryptionContext::Iv128(FixedLength::from([3; 16]));
        let cipher = UnboundCipherKey::new(algorithm, &key).unwrap();
        EncryptingKey::cbc(cipher).unwrap().less_safe_encrypt(&mut block, start).unwrap();
        [&[3; 16][..], &block].concat()
    }

    #[test]
    fn nonsense_opens_nothing() {
        let (whole, _) = locked(6, b"");
        for key in ["O", "U", "UE", "R"] {
            let mut broken = whole.clone();
            broken.entries.retain(|(name, _)| name != key.as_bytes());
            assert!(Crypt::open(&broken, b"id", &[], &budget()).is_none(), "{key}");
        }
        let (mut other, _) = locked(4, b"");
        other.entries.push((b"Filter".to_vec(), Object::Name(b"Adobe.PubSec".to_vec())));
        assert!(Crypt::open(&other, b"id", &[], &budget()).is_none());
    }
}
