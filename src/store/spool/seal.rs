//! Mail at rest in the spool is sealed: what lies on the disk says nothing of addresses, subjects or content.
//!
//! Each content has a random key of its own, used for nothing else. That key, the content's size and hash and the caller's meta
//! are sealed together under the organisation's key (see `keyring`), so that a change of the latter writes small records only:
//!
//! ```text
//!   1          format, 1                    (a meta of the time before sealing begins with "{")
//!   2          bytes of the organisation's name, and the name
//!   4          version of its key
//!  24          random nonce
//!   rest       XChaCha20-Poly1305 of: content key (32), content bytes (8), blake3 of the content (32), meta;
//!              associated data: id, and everything before the nonce
//! ```
//! A content is sealed in pieces of 16 KiB, each with a tag of 16 bytes; its nonce is the number of the piece. Dropped or swapped
//! pieces show by their numbers and by the size in the sealed meta. Numbers are little endian.

use super::SpoolError;
use crate::{
    base::{hidden::Hidden, ids::Id},
    mail::Organisation,
    store::{
        StoreError,
        keyring::{KeyRing, OrganisationKey},
        keys::{self, Key},
    },
};
use chacha20poly1305::{
    KeyInit, XChaCha20Poly1305, XNonce,
    aead::{Aead, Payload},
};
use std::io;

/// What the spool itself keeps of a content, sealed with the meta.
#[derive(Debug, Clone)]
pub(super) struct Label {
    pub(super) key: Key,
    pub(super) size_bytes: u64,
    pub(super) hash: [u8; 32],
}

/// A meta that was opened.
#[derive(Debug)]
pub(super) struct Opened {
    pub(super) organisation: Organisation,
    pub(super) label: Label,
    pub(super) meta: Vec<u8>,
}

/// What stands in the clear before a sealed meta.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Outside<'a> {
    pub(super) organisation: Organisation,
    pub(super) version: u32,
    clear: &'a [u8],
    nonce: [u8; NONCE_BYTES],
    sealed: &'a [u8],
}

/// Seals a meta with what belongs to it.
pub(super) fn seal_meta(
    by: &OrganisationKey,
    organisation: &Organisation,
    id: Id,
    label: &Label,
    meta: &[u8],
) -> Result<Vec<u8>, SpoolError> {
    let name = organisation.name().as_bytes();
    let name_bytes = u16::try_from(name.len()).map_err(|_| unsealed("its name is too long"))?;
    let mut out = Vec::with_capacity(OVERHEAD_BYTES + name.len() + meta.len());
    out.push(FORMAT);
    out.extend(name_bytes.to_le_bytes());
    out.extend(name);
    out.extend(by.version.to_le_bytes());
    let nonce: [u8; NONCE_BYTES] = keys::random()?;
    // With room for all of it, so that no copy of the key is left behind when it grows.
    let mut plain = Vec::with_capacity(LABEL_BYTES + meta.len());
    plain.extend(label.key.expose());
    plain.extend(label.size_bytes.to_le_bytes());
    plain.extend(label.hash);
    plain.extend(meta);
    let inside = Hidden::new("content key", plain);
    let aad = [id.to_bytes().as_slice(), &out].concat();
    let sealed = cipher(&by.key)
        .encrypt(&XNonce::from(nonce), Payload { msg: inside.expose(), aad: &aad })
        .map_err(|_| unsealed("the cipher failed"))?;
    out.extend(nonce);
    out.extend(sealed);
    Ok(out)
}

/// Reads what stands outside; `None` if the meta is not sealed.
pub(super) fn outside(raw: &[u8]) -> Option<Outside<'_>> {
    let rest = raw.strip_prefix(&[FORMAT])?;
    let (name_bytes, rest) = rest.split_first_chunk::<2>()?;
    let (name, rest) = rest.split_at_checked(usize::from(u16::from_le_bytes(*name_bytes)))?;
    let organisation = Organisation::named(std::str::from_utf8(name).ok()?);
    let (version, rest) = rest.split_first_chunk::<4>()?;
    let clear = raw.get(..raw.len().checked_sub(rest.len())?)?;
    let (nonce, sealed) = rest.split_first_chunk::<NONCE_BYTES>()?;
    Some(Outside {
        organisation,
        version: u32::from_le_bytes(*version),
        clear,
        nonce: *nonce,
        sealed,
    })
}

/// Opens a meta; `None` for one of the time before sealing, whose content is not sealed either.
pub(super) fn open_meta(ring: &KeyRing, id: Id, raw: &[u8]) -> Result<Option<Opened>, SpoolError> {
    let Some(outside) = outside(raw) else { return Ok(None) };
    let Outside { organisation, version, clear, nonce, sealed } = outside;
    let key = ring.version(&organisation, version)?;
    let aad = [id.to_bytes().as_slice(), clear].concat();
    let plain = cipher(&key)
        .decrypt(&XNonce::from(nonce), Payload { msg: sealed, aad: &aad })
        .map_err(|_| unsealed("a sealed record does not open with its key"))?;
    let plain = Hidden::new("content key", plain);
    let short = || unsealed("a sealed record is too short");
    let (key, rest) = plain.expose().split_first_chunk::<32>().ok_or_else(short)?;
    let (size, rest) = rest.split_first_chunk::<8>().ok_or_else(short)?;
    let (hash, meta) = rest.split_first_chunk::<32>().ok_or_else(short)?;
    let key = Hidden::new("content key", *key);
    let label = Label { key, size_bytes: u64::from_le_bytes(*size), hash: *hash };
    Ok(Some(Opened { organisation, label, meta: meta.to_vec() }))
}

/// Appends the sealed form of some content, whose first piece has this number.
pub(super) fn seal_pieces(
    key: &Key,
    first: u64,
    plain: &[u8],
    out: &mut Vec<u8>,
) -> io::Result<()> {
    let cipher = cipher(key);
    for (number, piece) in (first..).zip(plain.chunks(PIECE_BYTES)) {
        let sealed = cipher
            .encrypt(&piece_nonce(number), piece)
            .map_err(|_| io::Error::other("the cipher failed"))?;
        out.extend(sealed);
    }
    Ok(())
}

/// Undoes [`seal_pieces`].
pub(super) fn open_pieces(key: &Key, first: u64, sealed: &[u8]) -> io::Result<Vec<u8>> {
    let cipher = cipher(key);
    let mut plain = Vec::with_capacity(sealed.len());
    for (number, piece) in (first..).zip(sealed.chunks(SEALED_PIECE_BYTES)) {
        let opened = cipher.decrypt(&piece_nonce(number), piece).map_err(|_| {
            io::Error::new(io::ErrorKind::InvalidData, "the bytes on disk are not those received")
        })?;
        plain.extend(opened);
    }
    Ok(plain)
}

/// How large a content is once sealed.
pub(super) fn sealed_bytes(plain: u64) -> u64 {
    plain.saturating_add(plain.div_ceil(PIECE_BYTES_U64).saturating_mul(TAG_BYTES))
}

fn cipher(key: &Key) -> XChaCha20Poly1305 {
    XChaCha20Poly1305::new(key.expose().into())
}

fn piece_nonce(number: u64) -> XNonce {
    let mut nonce = [0; NONCE_BYTES];
    for (to, from) in nonce.iter_mut().zip(number.to_le_bytes()) {
        *to = from;
    }
    XNonce::from(nonce)
}

fn unsealed(because: &str) -> SpoolError {
    SpoolError::Sealing { because: because.to_string() }
}

impl From<StoreError> for SpoolError {
    fn from(error: StoreError) -> SpoolError {
        match error {
            StoreError::File { what, file, source } => SpoolError::disk(what, &file)(source),
            StoreError::Closed => SpoolError::Closed,
            StoreError::Database { .. }
            | StoreError::Damaged { .. }
            | StoreError::Newer { .. }
            | StoreError::WrongMasterKey { .. }
            | StoreError::KeyNotOurs { .. }
            | StoreError::KeyMissing { .. } => SpoolError::Sealing { because: error.to_string() },
        }
    }
}

/// Bytes of content under one tag: what a mail that is coming in keeps in memory.
pub(super) const PIECE_BYTES: usize = 16 << 10;
const PIECE_BYTES_U64: u64 = 16 << 10;
const TAG_BYTES: u64 = 16;
/// The same with the tag.
pub(super) const SEALED_PIECE_BYTES: usize = PIECE_BYTES + 16;
const NONCE_BYTES: usize = 24;
const LABEL_BYTES: usize = 32 + 8 + 32;
/// How much larger a meta becomes, but for the organisation's name.
pub(super) const OVERHEAD_BYTES: usize = 1 + 2 + 4 + NONCE_BYTES + LABEL_BYTES + 16;
const FORMAT: u8 = 1;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::clock::UnixMs;

    #[test]
    fn a_meta_opens_only_for_its_own_mail_and_unchanged() {
        let ring = KeyRing::for_tests();
        let acme = Organisation::named("acme");
        let by = ring.current(&acme).unwrap();
        let (id, other) = (Id::new(UnixMs(1), [1; 10]), Id::new(UnixMs(2), [1; 10]));
        let key = keys::new_key("content key").unwrap();
        let label = Label { key, size_bytes: 5, hash: [9; 32] };
        let raw = seal_meta(&by, &acme, id, &label, b"envelope").unwrap();
        assert!(!raw.windows(8).any(|eight| eight == b"envelope"));
        let opened = open_meta(&ring, id, &raw).unwrap().unwrap();
        assert_eq!((opened.meta.as_slice(), opened.organisation), (&b"envelope"[..], acme.clone()));
        assert_eq!((opened.label.size_bytes, opened.label.hash), (5, [9; 32]));
        assert!(open_meta(&ring, other, &raw).is_err());
        for at in 0..raw.len() {
            let mut changed = raw.clone();
            changed[at] ^= 1;
            assert!(!matches!(open_meta(&ring, id, &changed), Ok(Some(_))), "byte {at}");
        }
        assert!(open_meta(&ring, id, b"{\"id\":1}").unwrap().is_none(), "of the time before");
    }

    #[test]
    fn pieces_are_opened_in_their_order_only() {
        let key = keys::new_key("content key").unwrap();
        for size in [0, 1, PIECE_BYTES, PIECE_BYTES + 1, 3 * PIECE_BYTES] {
            let plain: Vec<u8> = (0..size).map(|at| u8::try_from(at % 251).unwrap()).collect();
            let mut sealed = Vec::new();
            seal_pieces(&key, 0, &plain, &mut sealed).unwrap();
            let want = sealed_bytes(u64::try_from(size).unwrap());
            assert_eq!(u64::try_from(sealed.len()).unwrap(), want);
            assert_eq!(open_pieces(&key, 0, &sealed).unwrap(), plain);
            if size > 0 {
                assert!(open_pieces(&key, 1, &sealed).is_err());
            }
        }
    }
}
