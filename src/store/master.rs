//! The master key: where it lies, how it is read, how another takes its place.
//!
//! It is 64 hex digits in a file of its own: the one that `[store] master-key` names, else the systemd credential
//! `sluss.master-key`, else one beside the data, which is made at first need and good for trials only.
//! While a new one takes its place there is a second file `NAME.next`: written first, then the keys are wrapped under it,
//! then it is renamed. Whichever of the two opens the keys is the right one, so a crash at any point is harmless.

use crate::{
    base::hidden::Hidden,
    store::{
        StoreError,
        keys::{self, Key},
        private,
    },
};
use std::{
    fs, io,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

/// The key that wraps all others, and where it came from.
#[derive(Debug, Clone)]
pub struct MasterKey {
    /// The key.
    pub key: Key,
    /// The file it was read from.
    pub file: PathBuf,
    /// Who put it there.
    pub origin: Origin,
    /// A change was begun: the key that may have taken its place already.
    pub(super) next: Option<Key>,
}

/// Who provides the master key's file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// The configuration names it.
    Configured,
    /// systemd hands it over (`LoadCredential=`, `LoadCredentialEncrypted=`).
    Credential,
    /// It was found beside the data.
    BesideTheData,
    /// It was made beside the data just now.
    MadeBesideTheData,
}

impl Origin {
    /// The word in `status`.
    pub fn word(self) -> &'static str {
        match self {
            Origin::Configured => "configured",
            Origin::Credential => "credential",
            Origin::BesideTheData | Origin::MadeBesideTheData => "beside the data",
        }
    }
}

/// The name of one beside the data.
pub const FILE: &str = "master.key";

impl MasterKey {
    /// Finds the master key: the configured file, else a credential in `credentials`, else one in the data folder, made if missing.
    ///
    /// Fails with the file's name if it is there and is no key, or is configured and missing. Nothing is made then.
    pub fn find(
        configured: Option<&Path>,
        credentials: Option<&Path>,
        data_dir: &Path,
    ) -> Result<MasterKey, StoreError> {
        let credential = credentials.map(|folder| folder.join(CREDENTIAL));
        let credential = credential.filter(|file| file.exists());
        let (file, origin) = match (configured, credential) {
            (Some(file), _) => (file.to_path_buf(), Origin::Configured),
            (None, Some(file)) => (file, Origin::Credential),
            (None, None) => (data_dir.join(FILE), Origin::BesideTheData),
        };
        let next = match fs::exists(next_to(&file)) {
            Ok(true) => keys::read_master_key(&next_to(&file)).ok(),
            Ok(false) | Err(_) => None,
        };
        if origin == Origin::BesideTheData {
            let (key, made) = keys::read_or_make_master_key(&file)?;
            let origin = match made {
                keys::MasterKeyOrigin::Read => origin,
                keys::MasterKeyOrigin::MadeBesideTheData => Origin::MadeBesideTheData,
            };
            return Ok(MasterKey { key, file, origin, next });
        }
        Ok(MasterKey { key: keys::read_master_key(&file)?, file, origin, next })
    }

    /// Does the key lie on the same file system as the data? Then whoever steals the disk has both.
    /// Unknown counts as no: a file that cannot be looked at was not read either.
    pub fn shares_file_system(&self, data_dir: &Path) -> bool {
        let device = |path: &Path| fs::metadata(path).map(|about| about.dev()).ok();
        match (device(&self.file), device(data_dir)) {
            (Some(key), Some(data)) => key == data,
            (None, _) | (_, None) => false,
        }
    }

    /// Four bytes that tell keys apart and say nothing of them.
    pub fn fingerprint(&self) -> String {
        fingerprint(&self.key)
    }

    /// Writes a new key where it can take this one's place: `to` if given (a key that is there already is used), else `NAME.next`.
    pub(super) fn prepare(&self, to: Option<&Path>) -> Result<MasterKey, StoreError> {
        let Some(to) = to else {
            if self.origin == Origin::Credential {
                return Err(StoreError::KeyNotOurs { file: self.file.clone() });
            }
            let file = next_to(&self.file);
            let failed = |source| StoreError::File {
                what: "making a new master key in",
                file: file.clone(),
                source,
            };
            match fs::remove_file(&file) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(error)),
                // What a change that was never made left behind.
                Ok(()) | Err(_) => (),
            }
            let key = keys::new_key("master key")?;
            write(&file, &key).map_err(failed)?;
            return Ok(MasterKey { key, file, next: None, ..self.clone() });
        };
        let failed = |source| StoreError::File {
            what: "making a new master key in",
            file: to.to_path_buf(),
            source,
        };
        let key = match to.try_exists().map_err(failed)? {
            true => keys::read_master_key(to)?,
            false => {
                let key = keys::new_key("master key")?;
                write(to, &key).map_err(failed)?;
                key
            }
        };
        Ok(MasterKey { key, file: to.to_path_buf(), origin: self.origin, next: None })
    }

    /// The keys are wrapped under what stands in `NAME.next`: it becomes the file.
    pub(super) fn settle(&self) -> Result<(), StoreError> {
        let failed = |source| StoreError::File {
            what: "putting the new master key into",
            file: self.file.clone(),
            source,
        };
        fs::rename(next_to(&self.file), &self.file).map_err(failed)?;
        private::sync_names(private::above(&self.file)).map_err(failed)
    }
}

/// Four bytes of a hash made for nothing else, as hex.
pub(super) fn fingerprint(key: &Key) -> String {
    let hash = blake3::derive_key("sluss 2026 fingerprint of a master key", key.expose());
    data_encoding::HEXLOWER.encode(hash.first_chunk::<4>().map_or(&[], |four| four.as_slice()))
}

fn write(file: &Path, key: &Key) -> io::Result<()> {
    let hex = data_encoding::HEXLOWER.encode(key.expose());
    let line = Hidden::new("master key", format!("{hex}\n"));
    private::file(file, line.expose().as_bytes())
}

fn next_to(file: &Path) -> PathBuf {
    let mut name = file.as_os_str().to_os_string();
    name.push(".next");
    PathBuf::from(name)
}

/// The name under which systemd is told to hand the key over.
pub const CREDENTIAL: &str = "sluss.master-key";

#[cfg(test)]
impl MasterKey {
    pub(super) fn for_tests(byte: u8) -> MasterKey {
        let key = Hidden::new("master key", [byte; 32]);
        MasterKey {
            key,
            file: PathBuf::from("/master.key"),
            origin: Origin::Configured,
            next: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_configured_file_wins_then_the_credential_then_the_one_beside_the_data() {
        let root = tempfile::tempdir().unwrap();
        let (data, credentials) = (root.path().join("data"), root.path().join("credentials"));
        fs::create_dir(&data).unwrap();
        fs::create_dir(&credentials).unwrap();
        let configured = root.path().join("configured.key");
        let find = |configured: Option<&Path>| {
            MasterKey::find(configured, Some(&credentials), &data).map(|key| (key.origin, key.file))
        };
        assert_eq!(find(None).unwrap(), (Origin::MadeBesideTheData, data.join("master.key")));
        assert_eq!(find(None).unwrap().0, Origin::BesideTheData);
        fs::write(credentials.join(CREDENTIAL), "11".repeat(32)).unwrap();
        assert_eq!(find(None).unwrap().0, Origin::Credential);
        let error = find(Some(&configured)).unwrap_err().to_string();
        assert!(error.contains("configured.key"), "{error}");
        fs::write(&configured, "22".repeat(32)).unwrap();
        assert_eq!(find(Some(&configured)).unwrap(), (Origin::Configured, configured.clone()));
        let key = MasterKey::find(Some(&configured), None, &data).unwrap();
        assert!(key.shares_file_system(&data));
        assert!(!key.shares_file_system(Path::new("/proc")), "another file system");
    }
}
