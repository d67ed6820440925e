//! What is kept of ACME, in the folder `acme` of the data folder: the account, the certificate with its key, the next key, and how the last
//! try went.
//!
//! The certificate and its key are one file, so that a crash never parts them. The next key is made long before it is used: its TLSA record
//! and pin can be published before it is (RFC 7671 section 8.1). A renewal keeps the key unless it is told to take the next one.

use crate::{
    base::clock::UnixMs,
    edge::{
        showing,
        tls::{self, TlsError},
    },
    store::private,
};
use data_encoding::HEXLOWER;
use instant_acme::AccountCredentials;
use rcgen::{KeyPair, PublicKeyData};
use rustls::pki_types::CertificateDer;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use sha2::{Digest, Sha256};
use std::{
    fs, io,
    path::{Path, PathBuf},
};

/// The folder.
#[derive(Debug, Clone)]
pub(in crate::edge) struct AcmeFolder(PathBuf);

/// Why something in it cannot be had.
#[derive(Debug, thiserror::Error)]
pub(in crate::edge) enum FolderError {
    /// The file system.
    #[error("{}: {source}", file.display())]
    File {
        /// Which.
        file: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// What is in the file.
    #[error("{}: {why}", file.display())]
    Content {
        /// Which.
        file: PathBuf,
        /// Why.
        why: String,
    },
    /// A key could not be made.
    #[error("a key could not be made: {0}")]
    Key(#[from] rcgen::Error),
}

/// An account, and where it is one.
#[derive(Serialize, Deserialize)]
pub(super) struct Account {
    pub(super) directory: String,
    /// The customer's account it belongs to.
    #[serde(default)]
    pub(super) external: Option<String>,
    pub(super) contacts: Vec<String>,
    pub(super) credentials: AccountCredentials,
}

/// How the last try went.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::edge) struct Tried {
    /// What was asked for: of whom, and for which names. Another wish does not wait for this one's turn.
    pub(super) wish: String,
    /// When.
    pub(super) at: UnixMs,
    /// How often in a row there was none.
    pub(super) failures: u32,
    /// Why.
    pub(super) why: String,
}

impl AcmeFolder {
    /// Of a data folder; nothing is made.
    pub(in crate::edge) fn of(data_dir: &Path) -> AcmeFolder {
        AcmeFolder(data_dir.join("acme"))
    }

    /// The key and the certificate with those above it, PEM; there from the first success on.
    pub(in crate::edge) fn certificate_file(&self) -> PathBuf {
        self.0.join("certificate.pem")
    }

    pub(super) fn make(&self) -> Result<(), FolderError> {
        private::folder(&self.0).map_err(|error| FolderError::File {
            file: self.0.clone(),
            source: io::Error::other(error.to_string()),
        })
    }

    pub(super) fn account(&self) -> Result<Option<Account>, FolderError> {
        self.read_json(ACCOUNT)
    }

    pub(super) fn keep_account(&self, account: &Account) -> Result<(), FolderError> {
        self.write_json(ACCOUNT, account)
    }

    /// The authority knows it no more.
    pub(super) fn forget_account(&self) -> Result<(), FolderError> {
        self.remove(ACCOUNT)
    }

    /// How the last try went; none after a success.
    pub(in crate::edge) fn tried(&self) -> Result<Option<Tried>, FolderError> {
        self.read_json(TRIED)
    }

    pub(super) fn keep_tried(&self, tried: Option<&Tried>) -> Result<(), FolderError> {
        match tried {
            Some(tried) => self.write_json(TRIED, tried),
            None => self.remove(TRIED),
        }
    }

    /// The certificate and those above it.
    pub(super) fn certificate(&self) -> Result<Option<Vec<CertificateDer<'static>>>, FolderError> {
        let file = self.certificate_file();
        match file.exists() {
            true => tls::read_chain(&file).map(Some).map_err(|error| content(&file, &error)),
            false => Ok(None),
        }
    }

    /// The key to ask with: that of the certificate there is, or the next one.
    pub(super) fn key(&self, wanted: WhichKey) -> Result<KeyPair, FolderError> {
        let file = self.certificate_file();
        match wanted {
            WhichKey::Same if file.exists() => read_key(&file),
            WhichKey::Same | WhichKey::Next => self.next_key(),
        }
    }

    /// Puts a certificate where the old one was, and makes another next key if that one is used now.
    pub(super) fn keep_certificate(&self, chain: &str, key: &KeyPair) -> Result<(), FolderError> {
        let file = self.certificate_file();
        let text = format!("{}{chain}", key.serialize_pem());
        write(&file, text.as_bytes())?;
        self.next_key().map(drop)
    }

    /// The SHA-256 of the key that comes next, as a pin and a TLSA record 3 1 1 have it; none where none was made yet.
    pub(in crate::edge) fn next_key_digest(&self) -> Result<Option<String>, FolderError> {
        match self.0.join(NEXT_KEY).exists() {
            true => Ok(Some(digest(&read_key(&self.0.join(NEXT_KEY))?))),
            false => Ok(None),
        }
    }

    /// The one that comes next. One that is in use already (a crash came before another was made) is none.
    pub(super) fn next_key(&self) -> Result<KeyPair, FolderError> {
        let file = self.0.join(NEXT_KEY);
        if file.exists() {
            let key = read_key(&file)?;
            let used = self.certificate()?.and_then(|chain| {
                let leaf = chain.first()?;
                Some(showing::key(leaf) == key.subject_public_key_info())
            });
            if used != Some(true) {
                return Ok(key);
            }
        }
        let made = KeyPair::generate()?;
        write(&file, made.serialize_pem().as_bytes())?;
        Ok(made)
    }

    fn remove(&self, name: &str) -> Result<(), FolderError> {
        let file = self.0.join(name);
        match fs::remove_file(&file) {
            Err(source) if source.kind() != io::ErrorKind::NotFound => {
                Err(FolderError::File { file, source })
            }
            Ok(()) | Err(_) => Ok(()),
        }
    }

    fn read_json<T: DeserializeOwned>(&self, name: &str) -> Result<Option<T>, FolderError> {
        let file = self.0.join(name);
        match fs::read(&file) {
            Ok(text) => {
                serde_json::from_slice(&text).map(Some).map_err(|error| content(&file, &error))
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(FolderError::File { file, source }),
        }
    }

    fn write_json<T: Serialize>(&self, name: &str, value: &T) -> Result<(), FolderError> {
        let file = self.0.join(name);
        let text = serde_json::to_vec_pretty(value).map_err(|error| content(&file, &error))?;
        write(&file, &text)
    }
}

/// Which key a certificate is asked for with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::edge) enum WhichKey {
    /// That of the certificate there is: TLSA records and pins stay as they are.
    Same,
    /// The one that comes next.
    Next,
}

fn read_key(file: &Path) -> Result<KeyPair, FolderError> {
    let key = tls::read_key(file).map_err(|error: TlsError| content(file, &error))?;
    KeyPair::try_from(&key).map_err(|error| content(file, &error))
}

fn digest(key: &KeyPair) -> String {
    HEXLOWER.encode(&Sha256::digest(key.subject_public_key_info()))
}

fn write(file: &Path, bytes: &[u8]) -> Result<(), FolderError> {
    private::replace(file, bytes)
        .map_err(|source| FolderError::File { file: file.to_path_buf(), source })
}

fn content(file: &Path, error: &dyn std::error::Error) -> FolderError {
    FolderError::Content { file: file.to_path_buf(), why: error.to_string() }
}

const ACCOUNT: &str = "account.json";
const TRIED: &str = "tried.json";
const NEXT_KEY: &str = "next-key.pem";

#[cfg(test)]
mod tests {
    use super::*;

    fn signed(key: &KeyPair) -> String {
        let wanted = rcgen::CertificateParams::new(["mx.example".to_string()]).unwrap();
        wanted.self_signed(key).unwrap().pem()
    }

    #[test]
    fn a_key_stays_until_the_next_one_is_asked_for() {
        let data = tempfile::tempdir().unwrap();
        let folder = AcmeFolder::of(data.path());
        assert_eq!(folder.next_key_digest().unwrap(), None);
        folder.make().unwrap();
        let first = folder.key(WhichKey::Same).unwrap();
        assert_eq!(folder.next_key_digest().unwrap(), Some(digest(&first)), "there is no other");
        folder.keep_certificate(&signed(&first), &first).unwrap();
        let next = folder.next_key_digest().unwrap().unwrap();
        assert_ne!(next, digest(&first), "the next one is another");
        assert_eq!(digest(&folder.key(WhichKey::Same).unwrap()), digest(&first));

        let second = folder.key(WhichKey::Next).unwrap();
        assert_eq!(digest(&second), next, "the one whose record was published");
        folder.keep_certificate(&signed(&second), &second).unwrap();
        assert_eq!(digest(&folder.key(WhichKey::Same).unwrap()), next);
        assert_ne!(folder.next_key_digest().unwrap().unwrap(), next);
    }

    #[test]
    fn a_crash_before_the_next_key_is_made_leaves_none_in_use_twice() {
        let data = tempfile::tempdir().unwrap();
        let folder = AcmeFolder::of(data.path());
        folder.make().unwrap();
        let first = folder.key(WhichKey::Next).unwrap();
        let text = format!("{}{}", first.serialize_pem(), signed(&first));
        private::replace(&folder.certificate_file(), text.as_bytes()).unwrap();
        assert_eq!(folder.next_key_digest().unwrap(), Some(digest(&first)));
        assert_ne!(digest(&folder.key(WhichKey::Next).unwrap()), digest(&first));
        assert_eq!(digest(&folder.key(WhichKey::Same).unwrap()), digest(&first));
    }

    #[test]
    fn what_is_damaged_is_named() {
        let data = tempfile::tempdir().unwrap();
        let folder = AcmeFolder::of(data.path());
        folder.make().unwrap();
        for (name, found) in
            [("account.json", folder.account().map(drop)), ("tried.json", folder.tried().map(drop))]
        {
            found.unwrap();
            fs::write(data.path().join("acme").join(name), "{").unwrap();
        }
        for (name, found) in
            [("account.json", folder.account().map(drop)), ("tried.json", folder.tried().map(drop))]
        {
            assert!(found.unwrap_err().to_string().contains(name));
        }
        folder.keep_tried(None).unwrap();
        folder.keep_tried(None).unwrap();
        assert_eq!(folder.tried().unwrap(), None);
    }
}
