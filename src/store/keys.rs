//! Keys that wrap keys: a held item's random key is wrapped by its organisation's, that by the master key.
//!
//! XChaCha20-Poly1305 with a random 24-byte nonce and the context as associated data, so that a wrapped key cannot be
//! moved to another organisation or item. Destroying a wrapped key destroys what it protects, wherever copies of the bytes are.

use crate::{
    base::hidden::Hidden,
    store::{StoreError, private},
};
use chacha20poly1305::{
    KeyInit, XChaCha20Poly1305, XNonce,
    aead::{Aead, Payload},
};
use std::{fs, io, path::Path};

/// Thirty-two secret bytes.
pub type Key = Hidden<[u8; 32]>;

/// A key wrapped by another: nonce, ciphertext, tag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WrappedKey(pub Vec<u8>);

/// A new random key.
pub fn new_key(kind: &'static str) -> Result<Key, StoreError> {
    Ok(Hidden::new(kind, random()?))
}

/// Random bytes from the system.
pub fn random<const N: usize>() -> Result<[u8; N], StoreError> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|error| StoreError::Damaged {
        what: "the system's random source".to_string(),
        why: error.to_string(),
    })?;
    Ok(bytes)
}

/// Wraps `key` under `by` for this context.
pub fn wrap(by: &Key, key: &Key, context: &str) -> Result<WrappedKey, StoreError> {
    seal(by, key.expose(), context).map(WrappedKey)
}

/// Seals a few bytes under `by` for this context: nonce, ciphertext, tag.
pub fn seal(by: &Key, bytes: &[u8], context: &str) -> Result<Vec<u8>, StoreError> {
    let nonce: [u8; 24] = random()?;
    let cipher = XChaCha20Poly1305::new(by.expose().into());
    let payload = Payload { msg: bytes, aad: context.as_bytes() };
    let sealed = cipher
        .encrypt(&XNonce::from(nonce), payload)
        .map_err(|_| damaged(context, "could not be sealed"))?;
    Ok([nonce.as_slice(), &sealed].concat())
}

/// Undoes [`seal`]. Fails when the wrong key, another context or changed bytes are given.
pub fn open(by: &Key, sealed: &[u8], context: &str) -> Result<Vec<u8>, StoreError> {
    let (nonce, sealed) =
        sealed.split_at_checked(24).ok_or_else(|| damaged(context, "is too short"))?;
    let nonce = <[u8; 24]>::try_from(nonce).map_err(|_| damaged(context, "is too short"))?;
    let cipher = XChaCha20Poly1305::new(by.expose().into());
    let payload = Payload { msg: sealed, aad: context.as_bytes() };
    cipher
        .decrypt(&XNonce::from(nonce), payload)
        .map_err(|_| damaged(context, "does not open with this key: is it the right master key?"))
}

/// Undoes [`wrap`]. Fails when the wrong key, another context or changed bytes are given.
pub fn unwrap(
    by: &Key,
    wrapped: &WrappedKey,
    context: &str,
    kind: &'static str,
) -> Result<Key, StoreError> {
    let plain = open(by, &wrapped.0, context)?;
    let bytes =
        <[u8; 32]>::try_from(plain.as_slice()).map_err(|_| damaged(context, "is no key"))?;
    Ok(Hidden::new(kind, bytes))
}

/// Where the master key came from, for the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MasterKeyOrigin {
    /// It was there.
    Read,
    /// It was made now, beside the data: good for trials only.
    MadeBesideTheData,
}

/// Reads the master key from a file of 64 hex digits.
pub fn read_master_key(file: &Path) -> Result<Key, StoreError> {
    let text = fs::read_to_string(file).map_err(|source| StoreError::File {
        what: "reading the master key",
        file: file.to_path_buf(),
        source,
    })?;
    let wrong =
        || damaged(&format!("the master key in {}", file.display()), "64 hex digits are expected");
    let bytes =
        data_encoding::HEXLOWER_PERMISSIVE.decode(text.trim().as_bytes()).map_err(|_| wrong())?;
    Ok(Hidden::new("master key", <[u8; 32]>::try_from(bytes.as_slice()).map_err(|_| wrong())?))
}

/// Reads the master key, or makes one there, readable by its owner alone and durable before anything is held under it.
pub fn read_or_make_master_key(file: &Path) -> Result<(Key, MasterKeyOrigin), StoreError> {
    let failed = |source: io::Error| StoreError::File {
        what: "making a master key in",
        file: file.to_path_buf(),
        source,
    };
    // A file that cannot be looked at is not a missing one.
    if file.try_exists().map_err(failed)? {
        return Ok((read_master_key(file)?, MasterKeyOrigin::Read));
    }
    let key = new_key("master key")?;
    let hex = data_encoding::HEXLOWER.encode(key.expose());
    let line = Hidden::new("master key", format!("{hex}\n"));
    private::file(file, line.expose().as_bytes()).map_err(failed)?;
    Ok((key, MasterKeyOrigin::MadeBesideTheData))
}

fn damaged(what: &str, why: &str) -> StoreError {
    StoreError::Damaged { what: what.to_string(), why: why.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrapped_key_opens_only_where_it_belongs() {
        let (master, other, item) =
            (new_key("m").unwrap(), new_key("o").unwrap(), new_key("i").unwrap());
        let wrapped = wrap(&master, &item, "item 1").unwrap();
        assert_eq!(unwrap(&master, &wrapped, "item 1", "i").unwrap().expose(), item.expose());
        assert!(unwrap(&other, &wrapped, "item 1", "i").is_err());
        assert!(unwrap(&master, &wrapped, "item 2", "i").is_err());
        let mut bent = wrapped.clone();
        bent.0[30] ^= 1;
        assert!(unwrap(&master, &bent, "item 1", "i").is_err());
        assert!(unwrap(&master, &WrappedKey(vec![1, 2]), "item 1", "i").is_err());
    }

    #[test]
    fn the_master_key_is_made_once() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("master.key");
        let (first, origin) = read_or_make_master_key(&file).unwrap();
        assert_eq!(origin, MasterKeyOrigin::MadeBesideTheData);
        let (second, origin) = read_or_make_master_key(&file).unwrap();
        assert_eq!((origin, first.expose()), (MasterKeyOrigin::Read, second.expose()));
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing half made stays");
        fs::write(&file, "short").unwrap();
        let error = read_or_make_master_key(&file).unwrap_err().to_string();
        assert!(error.contains("64 hex digits"), "{error}");
    }
}
