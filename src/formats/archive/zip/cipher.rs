//! The two ways members of a ZIP are encrypted: the traditional one (APPNOTE.TXT section 6.1) and WinZip's AES (AE-1, AE-2).
//! Both keep a few bits to tell most wrong passwords by, so that these cost little.

use super::{AES, Entry, records::FLAG_SIZE_FOLLOWS};
use aes::cipher::{Array, BlockCipherEncrypt, KeyInit};
use aws_lc_rs::{hmac, pbkdf2};
use std::num::NonZeroU32;

/// A member that was decrypted with a password that may be right.
pub(super) struct Clear {
    /// Still packed.
    pub(super) bytes: Vec<u8>,
    /// How.
    pub(super) method: u16,
    /// An authentication code says that it is right.
    pub(super) proven: bool,
}

/// Decrypts with a password. None: it is wrong, or there is nothing to decrypt.
pub(super) fn decrypt(entry: &Entry, data: &[u8], password: &[u8]) -> Option<Clear> {
    match (entry.aes, entry.method) {
        (Some(aes), AES) => with_aes(data, password, aes.strength, aes.method),
        (None, AES) => None,
        _ => traditional(entry, data, password),
    }
}

/// Section 6.1: twelve random bytes go before the data; the last of them repeats a byte of the checksum, or of the time where the
/// checksum was not known yet.
fn traditional(entry: &Entry, data: &[u8], password: &[u8]) -> Option<Clear> {
    let mut keys = Keys::of(password);
    let (head, rest) = data.split_at_checked(12)?;
    let check = head.iter().fold(0, |_, byte| keys.decrypt(*byte));
    let [first, second] = entry.checksums.map(|sum| sum.to_be_bytes());
    let fits = check == first[0] || check == second[0];
    let fits_time = entry.flags & FLAG_SIZE_FOLLOWS != 0 && check == entry.time.to_be_bytes()[0];
    (fits || fits_time).then(|| Clear {
        bytes: rest.iter().map(|byte| keys.decrypt(*byte)).collect(),
        method: entry.method,
        proven: false,
    })
}

struct Keys([u32; 3]);

impl Keys {
    fn of(password: &[u8]) -> Keys {
        let mut keys = Keys([0x1234_5678, 0x2345_6789, 0x3456_7890]);
        for byte in password {
            keys.update(*byte);
        }
        keys
    }

    fn update(&mut self, byte: u8) {
        let [first, second, third] = &mut self.0;
        *first = crc(*first, byte);
        *second = second.wrapping_add(*first & 255).wrapping_mul(134_775_813).wrapping_add(1);
        *third = crc(*third, second.to_be_bytes()[0]);
    }

    fn decrypt(&mut self, byte: u8) -> u8 {
        let mixed = (self.0[2] & 0xffff) | 2;
        let clear = byte ^ mixed.wrapping_mul(mixed ^ 1).to_le_bytes()[1];
        self.update(clear);
        clear
    }
}

fn crc(sum: u32, byte: u8) -> u32 {
    let place = usize::from(sum.to_le_bytes()[0] ^ byte);
    CRC_TABLE.get(place).copied().unwrap_or(0) ^ (sum >> 8)
}

const CRC_TABLE: [u32; 256] = crc_table();

#[allow(clippy::as_conversions, clippy::indexing_slicing)] // Made while compiling.
const fn crc_table() -> [u32; 256] {
    let mut table = [0; 256];
    let mut place = 0;
    while place < 256 {
        let mut sum = place as u32;
        let mut bit = 0;
        while bit < 8 {
            sum = if sum & 1 == 1 { 0xedb8_8320 ^ (sum >> 1) } else { sum >> 1 };
            bit += 1;
        }
        table[place] = sum;
        place += 1;
    }
    table
}

/// Salt, two bytes to verify the password by, the data, ten bytes to authenticate it by. Keys are made by PBKDF2 (RFC 8018) with
/// HMAC-SHA1 and a thousand rounds.
fn with_aes(data: &[u8], password: &[u8], strength: u8, method: u16) -> Option<Clear> {
    let key_bytes = match strength {
        1 => 16,
        2 => 24,
        3 => 32,
        _ => return None,
    };
    let (salt, rest) = data.split_at_checked(key_bytes / 2)?;
    let (verifier, rest) = rest.split_at_checked(2)?;
    let (sealed, code) = rest.split_at_checked(rest.len().checked_sub(10)?)?;
    let mut made = vec![0; 2 * key_bytes + 2];
    pbkdf2::derive(pbkdf2::PBKDF2_HMAC_SHA1, ROUNDS, salt, password, &mut made);
    let (key, made) = made.split_at_checked(key_bytes)?;
    let (mac_key, check) = made.split_at_checked(key_bytes)?;
    if check != verifier {
        return None;
    }
    let mac_key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, mac_key);
    let proven = hmac::sign(&mac_key, sealed).as_ref().starts_with(code);
    let bytes = match strength {
        1 => counter_mode(&aes::Aes128::new_from_slice(key).ok()?, sealed),
        2 => counter_mode(&aes::Aes192::new_from_slice(key).ok()?, sealed),
        _ => counter_mode(&aes::Aes256::new_from_slice(key).ok()?, sealed),
    };
    Some(Clear { bytes, method, proven })
}

/// The same the other way, with 256 bits: what stands where a member's data does.
pub(super) fn seal(data: &[u8], password: &[u8], salt: &[u8; 16]) -> Vec<u8> {
    let mut made = [0; 2 * 32 + 2];
    pbkdf2::derive(pbkdf2::PBKDF2_HMAC_SHA1, ROUNDS, salt, password, &mut made);
    let (key, rest) = made.split_at(32);
    let (mac_key, check) = rest.split_at(32);
    let sealed = match aes::Aes256::new_from_slice(key) {
        Ok(cipher) => counter_mode(&cipher, data),
        // A key of 32 bytes is never refused; should it be, nothing is written in clear.
        Err(_) => Vec::new(),
    };
    let mac_key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, mac_key);
    let code = hmac::sign(&mac_key, &sealed);
    let code = code.as_ref().get(..10).unwrap_or_default();
    [salt, check, &sealed, code].concat()
}

/// Counter mode as WinZip has it: from one, lowest byte first.
fn counter_mode<C: BlockCipherEncrypt<BlockSize = aes::cipher::consts::U16>>(
    cipher: &C,
    sealed: &[u8],
) -> Vec<u8> {
    let mut clear = Vec::with_capacity(sealed.len());
    for (count, chunk) in (1_u128..).zip(sealed.chunks(16)) {
        let mut block = Array::from(count.to_le_bytes());
        cipher.encrypt_block(&mut block);
        clear.extend(chunk.iter().zip(block).map(|(sealed, key)| sealed ^ key));
    }
    clear
}

const ROUNDS: NonZeroU32 = NonZeroU32::new(1_000).expect("not zero");

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(crate) fn traditional(data: &[u8], password: &[u8], checksum: u32) -> Vec<u8> {
        let mut keys = Keys::of(password);
        let mut head = [5; 12];
        head[11] = checksum.to_be_bytes()[0];
        let clear = head.iter().chain(data);
        let seal = |byte: &u8| {
            let mut ahead = Keys(keys.0);
            let key = ahead.decrypt(0);
            keys.update(*byte);
            byte ^ key
        };
        clear.map(seal).collect()
    }

    pub(crate) fn aes(data: &[u8], password: &[u8], strength: u8) -> Vec<u8> {
        let key_bytes = 8 + 8 * usize::from(strength);
        let salt = vec![3; key_bytes / 2];
        let mut made = vec![0; 2 * key_bytes + 2];
        pbkdf2::derive(pbkdf2::PBKDF2_HMAC_SHA1, ROUNDS, &salt, password, &mut made);
        let sealed = match strength {
            1 => counter_mode(&aes::Aes128::new_from_slice(&made[..16]).unwrap(), data),
            2 => counter_mode(&aes::Aes192::new_from_slice(&made[..24]).unwrap(), data),
            _ => counter_mode(&aes::Aes256::new_from_slice(&made[..32]).unwrap(), data),
        };
        let key =
            hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, &made[key_bytes..2 * key_bytes]);
        let code = hmac::sign(&key, &sealed);
        [&salt, &made[2 * key_bytes..], &sealed, &code.as_ref()[..10]].concat()
    }
}
