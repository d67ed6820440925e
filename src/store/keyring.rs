//! One key for each organisation, wrapped by the master key, in a small file and its copy.
//!
//! These keys are the single point of loss: without them nothing that rests can be read. So there are two files, `keys` and
//! `keys.copy`, each written whole under another name, synced and renamed, the copy first; each carries a checksum.
//! One that is damaged is moved aside, said, and written anew from the other.
//!
//! An organisation has several versions while its items are wrapped anew one after the other. The newest wraps what comes;
//! an older one is destroyed when nothing needs it any more. The gateway's own signing keys ([`Signer`]) lie in the same files, wrapped in
//! the same way; of those that are no longer in force the public halves stay. A file that is replaced is overwritten before it is let go, as far as
//! the file system allows.

use crate::{
    base::{
        clock::{Clock, UnixMs},
        limits,
    },
    mail::Organisation,
    store::{
        StoreError,
        keys::{self, Key, WrappedKey},
        master::{MasterKey, fingerprint},
        signer::{self, PublicKey, Signer, SignerLine},
        spool::{Disk, write_all_at},
    },
};
use serde::{Deserialize, Serialize};
use std::{
    collections::BTreeMap,
    io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard},
};
use tokio::sync::OwnedRwLockReadGuard;

/// The keys of all organisations. Cloning gives another handle on the same ones.
#[derive(Clone)]
pub struct KeyRing {
    inner: Arc<Inner>,
}

struct Inner {
    disk: Arc<dyn Disk>,
    folder: PathBuf,
    clock: Clock,
    /// One change at a time; the master key is held while it is made.
    master: Mutex<MasterKey>,
    keys: RwLock<Keys>,
    /// What signs and has signed, the oldest first.
    signers: RwLock<Vec<HeldSigner>>,
    /// Held by whoever has taken a key and not yet stored what it wraps.
    in_use: Arc<tokio::sync::RwLock<()>>,
}

type Keys = BTreeMap<Organisation, BTreeMap<u32, Held>>;

#[derive(Clone)]
struct Held {
    key: Key,
    made: UnixMs,
}

#[derive(Clone)]
struct HeldSigner {
    public: PublicKey,
    /// The private half; none once another has taken its place and the audit log says so.
    signer: Option<Arc<Signer>>,
    made: UnixMs,
    ended: Option<UnixMs>,
}

/// What signs now.
#[derive(Debug, Clone)]
pub struct Signers {
    /// The key in force.
    pub current: Arc<Signer>,
    /// Keys whose place it took, not yet said where it is to be read: they have to vouch for it.
    pub retiring: Vec<Arc<Signer>>,
}

impl std::fmt::Debug for KeyRing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("KeyRing").field("folder", &self.inner.folder).finish_non_exhaustive()
    }
}

/// A key of an organisation, ready for use.
#[derive(Debug, Clone)]
pub struct OrganisationKey {
    /// Which of the organisation's keys.
    pub version: u32,
    /// The key.
    pub key: Key,
}

/// One line of `sluss keys list`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyLine {
    /// Whose.
    pub organisation: Organisation,
    /// Which of its keys; the highest wraps what comes.
    pub version: u32,
    /// When it was made.
    pub made: UnixMs,
}

/// What was found when the keys were opened.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// Neither file was there: they are made with the first key.
    pub made: bool,
    /// Files that were damaged or missing and have been written anew from the other.
    pub mended: Vec<PathBuf>,
    /// A change of the master key that a crash interrupted was ended.
    pub master_settled: bool,
}

/// The file: one line of JSON, one with its blake3.
#[derive(Serialize, Deserialize)]
struct Written {
    format: u32,
    /// Tells which master key is the right one.
    master: String,
    keys: Vec<WrittenKey>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    signers: Vec<WrittenSigner>,
}

#[derive(Serialize, Deserialize)]
struct WrittenSigner {
    public: PublicKey,
    made: UnixMs,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ended: Option<UnixMs>,
    /// The private half.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    wrapped: Option<String>,
}

#[derive(Serialize, Deserialize)]
struct WrittenKey {
    organisation: Organisation,
    version: u32,
    made: UnixMs,
    wrapped: String,
}

enum Read {
    Good(Written),
    Missing,
    Damaged(&'static str),
}

impl KeyRing {
    /// Opens the keys in `folder`, which must be there; there may be none yet.
    ///
    /// Fails, having changed nothing, if the master key is another than the one they are wrapped by, or if both files are damaged.
    pub fn open(
        disk: Arc<dyn Disk>,
        folder: &Path,
        mut master: MasterKey,
        clock: Clock,
    ) -> Result<(KeyRing, Found), StoreError> {
        let names = [folder.join(NAME), folder.join(COPY)];
        let mut found = Found::default();
        let [first, copy] = [read(disk.as_ref(), &names[0])?, read(disk.as_ref(), &names[1])?];
        let (written, bad) = match (first, copy) {
            (Read::Good(first), Read::Good(_)) => (Some(first), vec![]),
            (Read::Good(good), other) => (Some(good), vec![(names[1].clone(), other)]),
            (other, Read::Good(good)) => (Some(good), vec![(names[0].clone(), other)]),
            (Read::Missing, Read::Missing) => (None, vec![]),
            (Read::Damaged(why), _) | (_, Read::Damaged(why)) => {
                return Err(StoreError::Damaged {
                    what: format!(
                        "the keys of all organisations, in {} and in its copy beside it,",
                        names[0].display()
                    ),
                    why: format!("{why}; put them back from a backup"),
                });
            }
        };
        let (mut keys, mut signers) = (Keys::new(), Vec::new());
        if let Some(written) = &written {
            if written.master != master.fingerprint() {
                let next = master.next.take();
                match next.filter(|next| fingerprint(next) == written.master) {
                    // A crash came between wrapping the keys anew and renaming the master key's file.
                    Some(next) => {
                        master.settle()?;
                        master.key = next;
                        found.master_settled = true;
                    }
                    None => {
                        return Err(StoreError::WrongMasterKey {
                            file: master.file.clone(),
                            given: master.fingerprint(),
                            wanted: written.master.clone(),
                        });
                    }
                }
            }
            for row in &written.keys {
                let wrapped = data_encoding::BASE64.decode(row.wrapped.as_bytes());
                let wrapped = WrappedKey(wrapped.unwrap_or_default());
                let context = context(&row.organisation, row.version);
                let key = keys::unwrap(&master.key, &wrapped, &context, "organisation key")?;
                let versions = keys.entry(row.organisation.clone()).or_default();
                versions.insert(row.version, Held { key, made: row.made });
            }
            for row in &written.signers {
                signers.push(unwrap_signer(&master.key, row)?);
            }
        }
        master.next = None;
        found.made = written.is_none();
        for (file, was) in bad {
            if matches!(was, Read::Damaged(_)) {
                let aside = beside(&file, &format!(".damaged-{}", clock.now().0));
                disk.rename(&file, &aside).map_err(failed("moving aside", &file))?;
            }
            found.mended.push(file);
        }
        let inner = Inner {
            disk,
            folder: folder.to_path_buf(),
            clock,
            master: Mutex::new(master),
            keys: RwLock::new(keys),
            signers: RwLock::new(signers),
            in_use: Arc::default(),
        };
        let ring = KeyRing { inner: Arc::new(inner) };
        // New ones are written with the first key: a start that is refused leaves no empty file that looks like all there was.
        if !found.mended.is_empty() {
            let master = ring.inner.master();
            ring.inner.write(&master.key, &ring.inner.keys(), &ring.inner.signers())?;
        }
        Ok((ring, found))
    }

    /// The key that wraps what an organisation stores now; made and durable at its first use, which blocks shortly.
    pub fn current(&self, organisation: &Organisation) -> Result<OrganisationKey, StoreError> {
        if let Some(newest) = self.newest(organisation) {
            return Ok(newest);
        }
        let master = self.inner.master();
        match self.newest(organisation) {
            // Somebody else made it while we waited.
            Some(newest) => Ok(newest),
            None => self.add(&master, organisation, keys::new_key("organisation key")?),
        }
    }

    /// A key by its version.
    pub fn version(&self, organisation: &Organisation, version: u32) -> Result<Key, StoreError> {
        let keys = self.inner.keys();
        keys.get(organisation)
            .and_then(|versions| versions.get(&version))
            .map(|held| held.key.clone())
            .ok_or_else(|| StoreError::KeyMissing {
                organisation: organisation.name().to_string(),
                version,
            })
    }

    /// Makes a new key for an organisation; what is stored from now on is wrapped by it.
    pub fn renew(&self, organisation: &Organisation) -> Result<OrganisationKey, StoreError> {
        let master = self.inner.master();
        self.add(&master, organisation, keys::new_key("organisation key")?)
    }

    /// Takes in a key that was kept elsewhere, as the organisation's newest.
    pub(super) fn adopt(
        &self,
        organisation: &Organisation,
        key: Key,
    ) -> Result<OrganisationKey, StoreError> {
        let master = self.inner.master();
        self.add(&master, organisation, key)
    }

    /// Destroys an organisation's keys older than `below`. Whatever is still wrapped by one is lost for ever.
    pub fn retire(&self, organisation: &Organisation, below: u32) -> Result<usize, StoreError> {
        let master = self.inner.master();
        let mut keys = self.inner.keys().clone();
        let Some(versions) = keys.get_mut(organisation) else { return Ok(0) };
        let before = versions.len();
        versions.retain(|version, _| *version >= below);
        let gone = before.saturating_sub(versions.len());
        if gone > 0 {
            self.inner.replace(&master.key, keys)?;
        }
        Ok(gone)
    }

    /// Wraps all keys by a new master key, in one step: after a crash either the old or the new one opens them.
    ///
    /// The new key takes the old one's place in its file, or stands in `to`, which the configuration must then name.
    pub fn rotate_master(&self, to: Option<&Path>) -> Result<PathBuf, StoreError> {
        let mut master = self.inner.master();
        let mut next = master.prepare(to)?;
        self.inner.write(&next.key, &self.inner.keys(), &self.inner.signers())?;
        if to.is_none() {
            master.settle()?;
            next.file = master.file.clone();
        }
        *master = next;
        Ok(master.file.clone())
    }

    /// What signs; the first key is made and durable when it is asked for first, which blocks shortly.
    pub fn signers(&self) -> Result<Signers, StoreError> {
        let master = self.inner.master();
        if self.inner.signers().is_empty() {
            self.add_signer(&master)?;
        }
        let held = self.inner.signers();
        let mut keys: Vec<Arc<Signer>> = held.iter().filter_map(|one| one.signer.clone()).collect();
        let lost = || StoreError::Damaged {
            what: "the signing key".to_string(),
            why: "its private half is not among the keys".to_string(),
        };
        let newest = held.last().map(|one| one.public);
        let current = keys.pop().filter(|key| Some(key.public()) == newest).ok_or_else(lost)?;
        Ok(Signers { current, retiring: keys })
    }

    /// Makes a new signing key. The old one can still vouch for it, until [`KeyRing::retire_signers`].
    pub fn renew_signer(&self) -> Result<PublicKey, StoreError> {
        let master = self.inner.master();
        self.add_signer(&master)
    }

    /// Destroys the private halves of signing keys that are no longer in force. Gives how many.
    pub fn retire_signers(&self) -> Result<usize, StoreError> {
        let master = self.inner.master();
        let mut signers = self.inner.signers().clone();
        let older = signers.len().saturating_sub(1);
        let mut gone = 0;
        for one in signers.iter_mut().take(older) {
            gone += usize::from(one.signer.take().is_some());
        }
        if gone > 0 {
            self.inner.replace_signers(&master.key, signers)?;
        }
        Ok(gone)
    }

    /// What signs and has signed, the oldest first; the last is in force.
    pub fn signer_lines(&self) -> Vec<SignerLine> {
        let signers = self.inner.signers();
        let line = |one: &HeldSigner| SignerLine {
            fingerprint: one.public.fingerprint(),
            public: one.public,
            made: one.made,
            ended: one.ended,
        };
        signers.iter().map(line).collect()
    }

    fn add_signer(&self, master: &MasterKey) -> Result<PublicKey, StoreError> {
        let (signer, now) = (Signer::make()?, self.inner.clock.now());
        let public = signer.public();
        let mut signers = self.inner.signers().clone();
        if let Some(before) = signers.last_mut() {
            before.ended = Some(now);
        }
        let signer = Some(Arc::new(signer));
        signers.push(HeldSigner { public, signer, made: now, ended: None });
        self.inner.replace_signers(&master.key, signers)?;
        Ok(public)
    }

    /// To be taken before a key and held until what it wraps is stored.
    pub(super) async fn in_use(&self) -> OwnedRwLockReadGuard<()> {
        self.inner.in_use.clone().read_owned().await
    }

    /// Resolves when everybody who took a key before has stored what it wraps: what is wrapped by an older key is all there.
    pub async fn settled(&self) {
        drop(self.inner.in_use.write().await);
    }

    /// Organisations with more than one key, each with its newest version: something was to be wrapped anew.
    pub fn unfinished(&self) -> Vec<(Organisation, u32)> {
        let keys = self.inner.keys();
        keys.iter()
            .filter(|(_, versions)| versions.len() > 1)
            .filter_map(|(organisation, versions)| {
                Some((organisation.clone(), *versions.keys().next_back()?))
            })
            .collect()
    }

    /// All keys, without the keys.
    pub fn list(&self) -> Vec<KeyLine> {
        let line = |organisation: &Organisation, version: &u32, held: &Held| KeyLine {
            organisation: organisation.clone(),
            version: *version,
            made: held.made,
        };
        let keys = self.inner.keys();
        keys.iter()
            .flat_map(|(organisation, versions)| {
                versions.iter().map(move |(version, held)| line(organisation, version, held))
            })
            .collect()
    }

    /// The master key in force: where it came from, and its fingerprint.
    pub fn master(&self) -> MasterKey {
        self.inner.master().clone()
    }

    /// The key that wraps what an organisation stores now, if it has one; never waits for the disk.
    pub fn newest(&self, organisation: &Organisation) -> Option<OrganisationKey> {
        let keys = self.inner.keys();
        let (version, held) = keys.get(organisation)?.last_key_value()?;
        Some(OrganisationKey { version: *version, key: held.key.clone() })
    }

    fn add(
        &self,
        master: &MasterKey,
        organisation: &Organisation,
        key: Key,
    ) -> Result<OrganisationKey, StoreError> {
        let mut keys = self.inner.keys().clone();
        let versions = keys.entry(organisation.clone()).or_default();
        let version = versions.keys().next_back().map_or(1, |newest| newest.saturating_add(1));
        versions.insert(version, Held { key: key.clone(), made: self.inner.clock.now() });
        // Durable before anything is wrapped by it.
        self.inner.replace(&master.key, keys)?;
        Ok(OrganisationKey { version, key })
    }
}

impl Inner {
    fn keys(&self) -> RwLockReadGuard<'_, Keys> {
        self.keys.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn master(&self) -> MutexGuard<'_, MasterKey> {
        self.master.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn signers(&self) -> RwLockReadGuard<'_, Vec<HeldSigner>> {
        self.signers.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn replace_signers(&self, master: &Key, signers: Vec<HeldSigner>) -> Result<(), StoreError> {
        self.write(master, &self.keys(), &signers)?;
        *self.signers.write().unwrap_or_else(PoisonError::into_inner) = signers;
        Ok(())
    }

    fn replace(&self, master: &Key, keys: Keys) -> Result<(), StoreError> {
        self.write(master, &keys, &self.signers())?;
        *self.keys.write().unwrap_or_else(PoisonError::into_inner) = keys;
        Ok(())
    }

    /// The copy first: it never lacks a key that the first file has.
    fn write(&self, master: &Key, keys: &Keys, signers: &[HeldSigner]) -> Result<(), StoreError> {
        let mut rows = Vec::new();
        for (organisation, versions) in keys {
            for (version, held) in versions {
                let wrapped = keys::wrap(master, &held.key, &context(organisation, *version))?;
                rows.push(WrittenKey {
                    organisation: organisation.clone(),
                    version: *version,
                    made: held.made,
                    wrapped: data_encoding::BASE64.encode(&wrapped.0),
                });
            }
        }
        let wrapped =
            signers.iter().map(|one| wrap_signer(master, one)).collect::<Result<_, _>>()?;
        let master = fingerprint(master);
        let written = Written { format: FORMAT, master, keys: rows, signers: wrapped };
        let line = serde_json::to_string(&written).map_err(|error| StoreError::Damaged {
            what: "a key".to_string(),
            why: error.to_string(),
        })?;
        let text = format!("{line}\n{}\n", blake3::hash(line.as_bytes()).to_hex());
        for name in [COPY, NAME] {
            let file = self.folder.join(name);
            self.write_file(&file, text.as_bytes())
                .map_err(failed("writing the keys of all organisations to", &file))?;
        }
        Ok(())
    }

    fn write_file(&self, file: &Path, bytes: &[u8]) -> io::Result<()> {
        let new = beside(file, ".new");
        match self.disk.remove(&new) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            // A crash left it.
            Ok(()) | Err(_) => (),
        }
        let before = self.disk.open(file).ok();
        let out = self.disk.create(&new)?;
        let written = write_all_at(out.as_ref(), bytes, 0).and_then(|()| out.sync_data());
        if let Err(error) = written {
            // The name would be in the way of nothing; the room it takes would.
            let _tried_again_next_time = self.disk.remove(&new);
            return Err(error);
        }
        self.disk.rename(&new, file)?;
        self.disk.sync_folder(&self.folder)?;
        if let Some(before) = before {
            // Keys that were taken out, or were wrapped by a master key that leaked, should not stay readable on the disk.
            let size = usize::try_from(before.size_bytes().unwrap_or(0)).unwrap_or(0);
            let _as_far_as_it_goes =
                write_all_at(before.as_ref(), &vec![0; size], 0).and_then(|()| before.sync_data());
        }
        Ok(())
    }
}

fn read(disk: &dyn Disk, file: &Path) -> Result<Read, StoreError> {
    let opened = match disk.open(file) {
        Ok(opened) => opened,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Read::Missing),
        Err(error) => return Err(failed("reading", file)(error)),
    };
    let size = opened.size_bytes().map_err(failed("reading", file))?;
    let mut bytes = vec![0; usize::try_from(size.min(limits::KEY_FILE_BYTES_MAX)).unwrap_or(0)];
    // A sector that cannot be read is damage: there is a copy for that.
    let Ok(filled) = crate::store::spool::read_full_at(opened.as_ref(), &mut bytes, 0) else {
        return Ok(Read::Damaged("it cannot be read"));
    };
    bytes.truncate(filled);
    let Ok(text) = String::from_utf8(bytes) else {
        return Ok(Read::Damaged("it is not text"));
    };
    let mut lines = text.lines();
    let (Some(line), Some(check)) = (lines.next(), lines.next()) else {
        return Ok(Read::Damaged("it is cut short"));
    };
    if blake3::hash(line.as_bytes()).to_hex().as_str() != check {
        return Ok(Read::Damaged("its checksum does not fit"));
    }
    match serde_json::from_str::<Written>(line) {
        Ok(written) if written.format == FORMAT => Ok(Read::Good(written)),
        Ok(_) => Err(StoreError::Damaged {
            what: file.display().to_string(),
            why: "it was written by a newer sluss".to_string(),
        }),
        Err(_) => Ok(Read::Damaged("it is not understood")),
    }
}

fn context(organisation: &Organisation, version: u32) -> String {
    format!("sluss organisation key {version} of {organisation}")
}

fn wrap_signer(master: &Key, held: &HeldSigner) -> Result<WrittenSigner, StoreError> {
    let wrapped = match &held.signer {
        Some(signer) => Some(keys::wrap(master, signer.seed(), &signer_context(&held.public))?),
        None => None,
    };
    let wrapped = wrapped.map(|wrapped| data_encoding::BASE64.encode(&wrapped.0));
    Ok(WrittenSigner { public: held.public, made: held.made, ended: held.ended, wrapped })
}

fn unwrap_signer(master: &Key, row: &WrittenSigner) -> Result<HeldSigner, StoreError> {
    let signer = match &row.wrapped {
        Some(text) => {
            let wrapped = data_encoding::BASE64.decode(text.as_bytes()).unwrap_or_default();
            let context = signer_context(&row.public);
            let seed = keys::unwrap(master, &WrappedKey(wrapped), &context, signer::KIND)?;
            Some(Arc::new(Signer::from_seed(seed)?))
        }
        None => None,
    };
    Ok(HeldSigner { public: row.public, signer, made: row.made, ended: row.ended })
}

fn signer_context(public: &PublicKey) -> String {
    format!("sluss signing key {}", public.fingerprint())
}

fn beside(file: &Path, ending: &str) -> PathBuf {
    let mut name = file.as_os_str().to_os_string();
    name.push(ending);
    PathBuf::from(name)
}

fn failed(what: &'static str, file: &Path) -> impl FnOnce(io::Error) -> StoreError {
    let file = file.to_path_buf();
    move |source| StoreError::File { what, file, source }
}

const NAME: &str = "keys";
const COPY: &str = "keys.copy";
const FORMAT: u32 = 1;

#[cfg(test)]
impl KeyRing {
    /// Keys on a disk in memory.
    pub(super) fn for_tests() -> KeyRing {
        let disk = crate::store::spool::MemoryDisk::new().arc();
        disk.create_folder(Path::new("/keys")).unwrap();
        let clock = Clock::by_hand(UnixMs(1));
        KeyRing::open(disk, Path::new("/keys"), MasterKey::for_tests(7), clock).unwrap().0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::spool::{Fault, MemoryDisk};

    fn open(disk: &MemoryDisk, master: u8) -> Result<(KeyRing, Found), StoreError> {
        disk.arc().create_folder(Path::new("/keys")).unwrap();
        let clock = Clock::by_hand(UnixMs(5));
        KeyRing::open(disk.arc(), Path::new("/keys"), MasterKey::for_tests(master), clock)
    }

    fn organisation(name: &str) -> Organisation {
        Organisation::named(name)
    }

    fn bytes(ring: &KeyRing, name: &str, version: u32) -> [u8; 32] {
        *ring.version(&organisation(name), version).unwrap().expose()
    }

    #[test]
    fn each_organisation_has_its_own_key_made_once() {
        let disk = MemoryDisk::new();
        let (ring, found) = open(&disk, 7).unwrap();
        assert!(found.made && ring.list().is_empty());
        let acme = ring.current(&organisation("acme")).unwrap();
        let bolag = ring.current(&organisation("bolag")).unwrap();
        assert_ne!(acme.key.expose(), bolag.key.expose());
        let (again, found) = open(&disk, 7).unwrap();
        assert_eq!(found, Found::default());
        assert_eq!(again.current(&organisation("acme")).unwrap().key.expose(), acme.key.expose());
        assert_eq!(again.list().len(), 2);
        let missing = again.version(&organisation("acme"), 9).unwrap_err().to_string();
        assert!(missing.contains("key 9 of organisation acme"), "{missing}");
    }

    #[test]
    fn another_master_key_is_refused_and_nothing_is_touched() {
        let disk = MemoryDisk::new();
        open(&disk, 7).unwrap().0.current(&organisation("acme")).unwrap();
        let before = disk.syncs();
        let refused = open(&disk, 8).unwrap_err().to_string();
        assert!(refused.contains("/master.key") && refused.contains("fingerprint"), "{refused}");
        assert_eq!(disk.syncs(), before);
        assert!(open(&disk, 7).is_ok());
    }

    #[test]
    fn a_damaged_file_is_written_anew_from_the_other() {
        for name in [NAME, COPY] {
            for harm in ["gone", "cut", "bent"] {
                let disk = MemoryDisk::new();
                let key = open(&disk, 7).unwrap().0.current(&organisation("acme")).unwrap().key;
                let path = Path::new("/keys").join(name);
                let file = disk.arc().open(&path).unwrap();
                match harm {
                    "gone" => disk.arc().remove(&path).unwrap(),
                    "cut" => file.truncate(40).unwrap(),
                    _ => write_all_at(file.as_ref(), b"#", 60).unwrap(),
                }
                let (ring, found) = open(&disk, 7).unwrap();
                assert_eq!(found.mended, [path], "{harm}");
                assert_eq!(bytes(&ring, "acme", 1), *key.expose(), "{harm}");
                assert_eq!(open(&disk, 7).unwrap().1, Found::default(), "{harm}");
            }
        }
        let disk = MemoryDisk::new();
        open(&disk, 7).unwrap().0.current(&organisation("acme")).unwrap();
        for name in [NAME, COPY] {
            disk.arc().open(&Path::new("/keys").join(name)).unwrap().truncate(9).unwrap();
        }
        let refused = open(&disk, 7).unwrap_err().to_string();
        assert!(refused.contains("put them back from a backup"), "{refused}");
    }

    #[test]
    fn a_key_exists_when_it_is_durable_and_not_before() {
        for kind in [io::ErrorKind::StorageFull, io::ErrorKind::ReadOnlyFilesystem] {
            for after in 0..14 {
                let disk = MemoryDisk::new();
                let (ring, _) = open(&disk, 7).unwrap();
                ring.current(&organisation("bolag")).unwrap();
                disk.fail(after, Fault::Lasting(kind));
                let made = ring.current(&organisation("acme"));
                if let Err(error) = &made {
                    assert_eq!(error.is_no_room(), kind == io::ErrorKind::StorageFull, "{error}");
                }
                disk.mend();
                // By itself, once there is room.
                let key = *ring.current(&organisation("acme")).unwrap().key.expose();
                if let Ok(made) = made {
                    assert_eq!(*made.key.expose(), key);
                }
                let (again, _) = open(&disk.kill(), 7).unwrap();
                assert_eq!(bytes(&again, "acme", 1), key);
                assert!(again.newest(&organisation("bolag")).is_some());
            }
        }
    }

    #[test]
    fn an_older_key_is_gone_once_it_is_retired() {
        let disk = MemoryDisk::new();
        let (ring, _) = open(&disk, 7).unwrap();
        let acme = organisation("acme");
        ring.current(&acme).unwrap();
        assert_eq!(ring.renew(&acme).unwrap().version, 2);
        assert_eq!(ring.unfinished(), [(acme.clone(), 2)]);
        assert_eq!(ring.retire(&acme, 2).unwrap(), 1);
        assert!(ring.unfinished().is_empty() && ring.version(&acme, 1).is_err());
        assert!(open(&disk, 7).unwrap().0.version(&acme, 1).is_err());
    }

    #[test]
    fn a_signing_key_is_made_once_and_vouches_for_the_next_before_it_goes() {
        let disk = MemoryDisk::new();
        let (ring, _) = open(&disk, 7).unwrap();
        assert!(ring.signer_lines().is_empty(), "only who signs makes one");
        let first = ring.signers().unwrap().current.public();
        ring.current(&organisation("acme")).unwrap();
        let again = open(&disk, 7).unwrap().0;
        assert_eq!(again.signers().unwrap().current.public(), first);
        let second = again.renew_signer().unwrap();
        // Killed before the first has vouched for the second: both are there.
        let again = open(&disk, 7).unwrap().0;
        let signers = again.signers().unwrap();
        assert_eq!(signers.current.public(), second);
        assert_eq!(signers.retiring.iter().map(|one| one.public()).collect::<Vec<_>>(), [first]);
        assert_eq!((again.retire_signers().unwrap(), again.retire_signers().unwrap()), (1, 0));
        let again = open(&disk, 7).unwrap().0;
        assert!(again.signers().unwrap().retiring.is_empty());
        let lines = again.signer_lines();
        assert_eq!(lines.iter().map(|line| line.public).collect::<Vec<_>>(), [first, second]);
        assert!(lines[0].ended.is_some() && lines[1].ended.is_none());
        assert!(again.newest(&organisation("acme")).is_some(), "the others are as they were");
    }

    #[test]
    fn a_new_master_key_opens_the_same_keys_wherever_a_crash_comes() {
        let root = tempfile::tempdir().unwrap();
        let (file, keys) = (root.path().join("master.key"), root.path().join("keys"));
        std::fs::create_dir(&keys).unwrap();
        let open = || {
            let disk = Arc::new(crate::store::spool::RealDisk);
            let master = MasterKey::find(Some(&file), None, root.path()).unwrap();
            KeyRing::open(disk, &keys, master, Clock::by_hand(UnixMs(5)))
        };
        let old = "11".repeat(32);
        std::fs::write(&file, &old).unwrap();
        let (ring, _) = open().unwrap();
        let key = *ring.current(&organisation("acme")).unwrap().key.expose();
        let signs = ring.signers().unwrap().current.public();
        let before = std::fs::read(keys.join(NAME)).unwrap();
        ring.rotate_master(None).unwrap();
        let new = std::fs::read_to_string(&file).unwrap();
        assert_ne!(new.trim(), old);
        assert_eq!(open().unwrap().0.signers().unwrap().current.public(), signs);
        assert_eq!(bytes(&open().unwrap().0, "acme", 1), key);
        // Killed after the new key was made, before the keys were wrapped by it.
        std::fs::write(root.path().join("master.key.next"), "22".repeat(32)).unwrap();
        assert_eq!(bytes(&open().unwrap().0, "acme", 1), key);
        // Killed after the keys were wrapped, before the file was renamed.
        std::fs::rename(&file, root.path().join("master.key.next")).unwrap();
        std::fs::write(&file, &old).unwrap();
        let (ring, found) = open().unwrap();
        assert!(found.master_settled);
        assert_eq!(bytes(&ring, "acme", 1), key);
        assert_eq!(std::fs::read_to_string(&file).unwrap(), new);
        // The former master key opens nothing that is left.
        std::fs::write(&file, &old).unwrap();
        assert!(matches!(open(), Err(StoreError::WrongMasterKey { .. })));
        assert_ne!(std::fs::read(keys.join(NAME)).unwrap(), before);
        // To a file that the configuration has yet to name.
        std::fs::write(&file, &new).unwrap();
        let elsewhere = root.path().join("other.key");
        assert_eq!(open().unwrap().0.rotate_master(Some(&elsewhere)).unwrap(), elsewhere);
        assert!(open().is_err());
        std::fs::rename(&elsewhere, &file).unwrap();
        assert_eq!(bytes(&open().unwrap().0, "acme", 1), key);
    }
}
