//! The ciphers of Office, MS-OFFCRYPTO: AES in blocks, RC4, and the old obfuscation by exclusive or. Deciphering only.

use super::le;
use aes::{
    Aes128, Aes192, Aes256, Block,
    cipher::{BlockCipherDecrypt, KeyInit},
};
use md5::{Digest, Md5};
use sha1::Sha1;
use sha2::{Sha256, Sha384, Sha512};

/// Hashes that the formats name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Hash {
    Md5,
    Sha1,
    Sha256,
    Sha384,
    Sha512,
}

impl Hash {
    /// By the name in an EncryptionInfo stream.
    pub(super) fn named(name: &str) -> Option<Hash> {
        Some(match name.to_ascii_uppercase().replace('-', "").as_str() {
            "MD5" => Hash::Md5,
            "SHA1" => Hash::Sha1,
            "SHA256" => Hash::Sha256,
            "SHA384" => Hash::Sha384,
            "SHA512" => Hash::Sha512,
            _ => return None,
        })
    }

    /// Of the parts one after the other.
    pub(super) fn of(self, parts: &[&[u8]]) -> Vec<u8> {
        fn digest<D: Digest>(parts: &[&[u8]]) -> Vec<u8> {
            let mut digest = D::new();
            parts.iter().for_each(|part| digest.update(part));
            digest.finalize().to_vec()
        }
        match self {
            Hash::Md5 => digest::<Md5>(parts),
            Hash::Sha1 => digest::<Sha1>(parts),
            Hash::Sha256 => digest::<Sha256>(parts),
            Hash::Sha384 => digest::<Sha384>(parts),
            Hash::Sha512 => digest::<Sha512>(parts),
        }
    }
}

/// AES with a key of 16, 24 or 32 bytes.
pub(super) enum Aes {
    Short(Box<Aes128>),
    Middle(Box<Aes192>),
    Long(Box<Aes256>),
}

impl Aes {
    /// None: no such length of key.
    pub(super) fn new(key: &[u8]) -> Option<Aes> {
        Some(match key.len() {
            16 => Aes::Short(Box::new(Aes128::new_from_slice(key).ok()?)),
            24 => Aes::Middle(Box::new(Aes192::new_from_slice(key).ok()?)),
            32 => Aes::Long(Box::new(Aes256::new_from_slice(key).ok()?)),
            _ => return None,
        })
    }

    fn block(&self, block: [u8; 16]) -> [u8; 16] {
        let mut block = Block::from(block);
        match self {
            Aes::Short(cipher) => cipher.decrypt_block(&mut block),
            Aes::Middle(cipher) => cipher.decrypt_block(&mut block),
            Aes::Long(cipher) => cipher.decrypt_block(&mut block),
        }
        block.into()
    }

    /// Each block for itself; a last piece that is no block is left out.
    pub(super) fn ecb(&self, bytes: &[u8]) -> Vec<u8> {
        bytes
            .chunks_exact(16)
            .filter_map(|block| block.try_into().ok())
            .flat_map(|block| self.block(block))
            .collect()
    }

    /// Chained blocks.
    pub(super) fn cbc(&self, first: [u8; 16], bytes: &[u8]) -> Vec<u8> {
        let mut before = first;
        let mut out = Vec::with_capacity(bytes.len());
        for block in bytes.chunks_exact(16).filter_map(|block| <[u8; 16]>::try_from(block).ok()) {
            let clear = self.block(block);
            out.extend(clear.iter().zip(before).map(|(byte, mask)| byte ^ mask));
            before = block;
        }
        out
    }
}

/// RC4.
pub(super) struct Rc4 {
    state: [u8; 256],
    i: u8,
    j: u8,
}

impl Rc4 {
    pub(super) fn new(key: &[u8]) -> Rc4 {
        let mut state = [0; 256];
        state.iter_mut().zip(0_u8..=255).for_each(|(place, value)| *place = value);
        let mut rc4 = Rc4 { state, i: 0, j: 0 };
        let mut j = 0_u8;
        for (i, key) in (0_u8..=255).zip(key.iter().cycle()) {
            j = j.wrapping_add(rc4.at(i)).wrapping_add(*key);
            rc4.state.swap(usize::from(i), usize::from(j));
        }
        rc4
    }

    fn at(&self, place: u8) -> u8 {
        self.state.get(usize::from(place)).copied().unwrap_or(0)
    }

    fn next(&mut self) -> u8 {
        self.i = self.i.wrapping_add(1);
        self.j = self.j.wrapping_add(self.at(self.i));
        self.state.swap(usize::from(self.i), usize::from(self.j));
        self.at(self.at(self.i).wrapping_add(self.at(self.j)))
    }

    /// Deciphers in place.
    pub(super) fn apply(&mut self, bytes: &mut [u8]) {
        bytes.iter_mut().for_each(|byte| *byte ^= self.next());
    }
}

/// A password made ready for RC4, a key for each block of a stream.
pub(super) enum BlockKeys {
    /// MS-OFFCRYPTO section 2.3.6.2: 40 bits by MD5.
    Basic([u8; 5]),
    /// MS-OFFCRYPTO section 2.3.5.2: by SHA-1, with so many bytes of key.
    CryptoApi(Vec<u8>, usize),
}

impl BlockKeys {
    /// Reads an encryption header from its version on (MS-OFFCRYPTO sections 2.3.5.1 and 2.3.6.1) and tries a password on it.
    pub(super) fn fitting(header: &[u8], password: &str) -> Option<BlockKeys> {
        let password: Vec<u8> = password.encode_utf16().flat_map(u16::to_le_bytes).collect();
        let (major, minor) = (le::short(header, 0)?, le::short(header, 2)?);
        let (keys, verifier, hash, kind) = match (major, minor) {
            (1, 1) => {
                let salt = header.get(4..20)?;
                let first = Hash::Md5.of(&[&password]);
                let one = [le::slice(&first, 0, 5), salt].concat();
                let mixed = Hash::Md5.of(&[&one.repeat(16)]);
                let key = le::slice(&mixed, 0, 5).try_into().ok()?;
                (BlockKeys::Basic(key), header.get(20..36)?, header.get(36..52)?, Hash::Md5)
            }
            (2..=4, 2) => {
                let size = le::size(header, 8)?;
                let verifier = header.get(12_usize.checked_add(size)?..)?;
                let bits = le::size(header, 12 + 16)?;
                let key_bytes = if bits == 0 { 5 } else { (bits / 8).min(20) };
                let salt = verifier.get(4..20)?;
                let mixed = Hash::Sha1.of(&[salt, &password]);
                let keys = BlockKeys::CryptoApi(mixed, key_bytes);
                (keys, verifier.get(20..36)?, verifier.get(40..60)?, Hash::Sha1)
            }
            _ => return None,
        };
        let mut both = [verifier, hash].concat();
        keys.block(0).apply(&mut both);
        let (verifier, hash) = both.split_at_checked(16)?;
        (kind.of(&[verifier]) == hash).then_some(keys)
    }

    /// The cipher at the beginning of a block.
    pub(super) fn block(&self, number: u32) -> Rc4 {
        let number = number.to_le_bytes();
        match self {
            BlockKeys::Basic(key) => Rc4::new(&Hash::Md5.of(&[key, &number])),
            BlockKeys::CryptoApi(mixed, key_bytes) => {
                let hash = Hash::Sha1.of(&[mixed, &number]);
                let mut key = le::slice(&hash, 0, *key_bytes).to_vec();
                // MS-OFFCRYPTO section 2.3.5.2: 40 bits are filled up to 128.
                if *key_bytes == 5 {
                    key.resize(16, 0);
                }
                Rc4::new(&key)
            }
        }
    }

    /// A whole stream, block by block.
    pub(super) fn stream(&self, bytes: &mut [u8], block_bytes: usize) {
        for (block, number) in bytes.chunks_mut(block_bytes).zip(0_u32..) {
            self.block(number).apply(block);
        }
    }
}

/// The obfuscation of Excel 95 and later by exclusive or, MS-OFFCRYPTO section 2.3.7: sixteen bytes from a password, if it fits.
pub(super) fn xor_array(password: &str, key: u16, verifier: u16) -> Option<[u8; 16]> {
    let password: Vec<u8> = super::text::narrow(password).into_iter().take(15).collect();
    let length = password.len();
    if length == 0 || xor_verifier(&password) != verifier || xor_key(&password)? != key {
        return None;
    }
    let [low, high] = key.to_le_bytes();
    // The password, then as much of the padding as fills sixteen places; odd places by the high half of the key.
    let padded = password.iter().chain(PADDING).take(16);
    let mut array = [0; 16];
    for (n, (place, byte)) in array.iter_mut().zip(padded).enumerate() {
        *place = (byte ^ if n % 2 == 0 { low } else { high }).rotate_right(1);
    }
    Some(array)
}

fn xor_verifier(password: &[u8]) -> u16 {
    let length = u8::try_from(password.len()).unwrap_or(15);
    let mut verifier = 0_u16;
    for byte in password.iter().rev().chain([&length]) {
        let carried = u16::from(verifier & 0x4000 != 0);
        verifier = (carried | (verifier << 1 & 0x7fff)) ^ u16::from(*byte);
    }
    verifier ^ 0xce4b
}

fn xor_key(password: &[u8]) -> Option<u16> {
    let mut key = *INITIAL_CODES.get(password.len().checked_sub(1)?)?;
    let mut row = XOR_MATRIX.iter().rev();
    for byte in password.iter().rev() {
        for bit in (0..7).rev() {
            let value = row.next()?;
            if byte >> bit & 1 == 1 {
                key ^= value;
            }
        }
    }
    Some(key)
}

/// Undoes one record of Excel, MS-OFFCRYPTO section 2.3.7.3; `at` is where its content stands in the stream.
pub(super) fn xor_record(array: &[u8; 16], content: &mut [u8], at: usize) {
    let start = (at + content.len()) % 16;
    for (byte, mask) in content.iter_mut().zip(array.iter().cycle().skip(start)) {
        *byte = (*byte ^ mask).rotate_right(5);
    }
}

const PADDING: &[u8] =
    &[0xbb, 0xff, 0xff, 0xba, 0xff, 0xff, 0xb9, 0x80, 0, 0xbe, 0x0f, 0, 0xbf, 0x0f, 0];
const INITIAL_CODES: &[u16] = &[
    0xe1f0, 0x1d0f, 0xcc9c, 0x84c0, 0x110c, 0x0e10, 0xf1ce, 0x313e, 0x1872, 0xe139, 0xd40f, 0x84f9,
    0x280c, 0xa96a, 0x4ec3,
];
const XOR_MATRIX: &[u16] = &[
    0xaefc, 0x4dd9, 0x9bb2, 0x2745, 0x4e8a, 0x9d14, 0x2a09, 0x7b61, 0xf6c2, 0xfda5, 0xeb6b, 0xc6f7,
    0x9dcf, 0x2bbf, 0x4563, 0x8ac6, 0x05ad, 0x0b5a, 0x16b4, 0x2d68, 0x5ad0, 0x0375, 0x06ea, 0x0dd4,
    0x1ba8, 0x3750, 0x6ea0, 0xdd40, 0xd849, 0xa0b3, 0x5147, 0xa28e, 0x553d, 0xaa7a, 0x44d5, 0x6f45,
    0xde8a, 0xad35, 0x4a4b, 0x9496, 0x390d, 0x721a, 0xeb23, 0xc667, 0x9cef, 0x29ff, 0x53fe, 0xa7fc,
    0x5fd9, 0x47d3, 0x8fa6, 0x0f6d, 0x1eda, 0x3db4, 0x7b68, 0xf6d0, 0xb861, 0x60e3, 0xc1c6, 0x93ad,
    0x377b, 0x6ef6, 0xddec, 0x45a0, 0x8b40, 0x06a1, 0x0d42, 0x1a84, 0x3508, 0x6a10, 0xaa51, 0x4483,
    0x8906, 0x022d, 0x045a, 0x08b4, 0x1168, 0x76b4, 0xed68, 0xcaf1, 0x85c3, 0x1ba7, 0x374e, 0x6e9c,
    0x3730, 0x6e60, 0xdcc0, 0xa9a1, 0x4363, 0x86c6, 0x1dad, 0x3331, 0x6662, 0xccc4, 0x89a9, 0x0373,
    0x06e6, 0x0dcc, 0x1021, 0x2042, 0x4084, 0x8108, 0x1231, 0x2462, 0x48c4,
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rc4_and_hashes() {
        // The first is from RFC 6229 section 2; the other is from the first publication.
        let mut bytes = [0; 4];
        Rc4::new(&[1, 2, 3, 4, 5]).apply(&mut bytes);
        assert_eq!(bytes, [0xb2, 0x39, 0x63, 0x05]);
        let mut bytes = *b"Plaintext";
        Rc4::new(b"Key").apply(&mut bytes);
        assert_eq!(bytes, [0xbb, 0xf3, 0x16, 0xe8, 0xd9, 0x40, 0xaf, 0x0a, 0xd3]);
        assert_eq!(Hash::named("SHA-1").unwrap().of(&[b"a", b"bc"])[..3], [0xa9, 0x99, 0x3e]);
        assert_eq!(Hash::named("md5").unwrap().of(&[])[..3], [0xd4, 0x1d, 0x8c]);
        assert_eq!(Hash::named("whirlpool"), None);
    }

    #[test]
    fn aes_of_fips_197() {
        let key: Vec<u8> = (0..16).collect();
        let packed = [
            0x69, 0xc4, 0xe0, 0xd8, 0x6a, 0x7b, 0x04, 0x30, 0xd8, 0xcd, 0xb7, 0x80, 0x70, 0xb4,
            0xc5, 0x5a,
        ];
        let clear: Vec<u8> = (0..16).map(|n| n * 0x11).collect();
        assert_eq!(Aes::new(&key).unwrap().ecb(&packed), clear);
        assert_eq!(Aes::new(&key).unwrap().cbc([0; 16], &packed), clear);
        assert!(Aes::new(b"short").is_none());
    }

    #[test]
    fn the_default_password_of_excel() {
        // The numbers that Excel writes for its default password.
        let password = b"VelvetSweatshop";
        let key = xor_key(password).unwrap();
        let verifier = xor_verifier(password);
        assert_eq!((key, verifier), (0xb359, 0x9a0a));
        let array = xor_array("VelvetSweatshop", key, verifier).unwrap();
        assert_eq!(xor_array("other", key, verifier), None);
        let mut content = *b"MARKER";
        for (byte, mask) in content.iter_mut().zip(array.iter().cycle().skip((100 + 6) % 16)) {
            *byte = byte.rotate_left(5) ^ mask;
        }
        xor_record(&array, &mut content, 100);
        assert_eq!(&content, b"MARKER");
    }
}
