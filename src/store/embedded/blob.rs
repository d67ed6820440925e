//! The file of a held mail: its key, its rows, its content.
//!
//! ```text
//!   0   9  "SLUSHELD" and 1                        16  76  slot: version of the organisation's key (4), wrapped item key (72)
//!   9   3  zero                                    92  76  another slot
//!  12   4  number of rows                         168   2  bytes of the organisation's name, and the name
//!   then  for each row one byte: 0 as it was written, 1 released, 2 deleted, 3 seen
//!   then  4 bytes of length, and the rows as JSON, sealed under the item key with a nonce of 24 bytes before them
//!   then  the content, sealed under the item key (see `sealed`)
//! ```
//! The wrapped item key stands here and nowhere else, so overwriting the slots destroys it; both lie in the first sector. When
//! it is wrapped anew the other slot is written and synced before this one is emptied. The rows stand here a second time, so that
//! a lost index can be built again; what became of them is noted in the clear, and not synced: it is for that case only.

use crate::{
    base::{ids::Id, limits},
    mail::Organisation,
    store::{
        StoreError,
        held::{Asked, Held},
        keyring::{KeyRing, OrganisationKey},
        keys::{self, Key, WrappedKey},
        sealed,
        spool::{Disk, DiskFile, read_full_at, write_all_at},
    },
};
use chacha20poly1305::{
    KeyInit, XChaCha20Poly1305, XNonce,
    aead::{Aead, Payload},
};
use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

/// The folder with the files of held mails.
#[derive(Debug, Clone)]
pub(super) struct Blobs {
    disk: Arc<dyn Disk>,
    folder: PathBuf,
}

/// Content that is too large to be in memory. It can be read as long as this is held, also when it was deleted meanwhile.
pub struct SealedContent {
    file: Arc<dyn DiskFile>,
    pieces: sealed::Pieces,
}

impl SealedContent {
    /// Its size in bytes.
    pub fn bytes(&self) -> u64 {
        self.pieces.bytes()
    }

    /// Some of its bytes from `at` on, 64 KiB at most; none behind its end. Blocks shortly.
    pub fn from(&self, at: u64) -> io::Result<Vec<u8>> {
        self.pieces.from(self.file.as_ref(), at)
    }

    /// So many bytes from `at` on; fewer where it ends before. Blocks.
    pub fn range(&self, at: u64, count: usize) -> io::Result<Vec<u8>> {
        let mut all = Vec::with_capacity(count);
        while all.len() < count {
            let next = at.saturating_add(u64::try_from(all.len()).unwrap_or(u64::MAX));
            let mut piece = self.from(next)?;
            if piece.is_empty() {
                break;
            }
            piece.truncate(count - all.len());
            all.append(&mut piece);
        }
        Ok(all)
    }
}

impl std::fmt::Debug for SealedContent {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SealedContent").field("bytes", &self.bytes()).finish_non_exhaustive()
    }
}

/// What became of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    Held,
    Released,
    Deleted,
    Seen,
}

/// What a file says of itself.
#[derive(Debug)]
pub(super) struct Rows {
    pub(super) organisation: Organisation,
    pub(super) version: u32,
    pub(super) content_hash: [u8; 32],
    pub(super) bytes: u64,
    pub(super) rows: Vec<(Held, Fate)>,
}

/// What is sealed with the key of the item.
#[derive(serde::Serialize, serde::Deserialize)]
struct Label {
    content_hash: [u8; 32],
    bytes: u64,
    rows: Vec<Held>,
}

/// The clear part, read.
struct Head {
    organisation: Organisation,
    rows: u32,
    slots: [Slot; 2],
    label_at: u64,
}

#[derive(Clone)]
struct Slot {
    version: u32,
    wrapped: WrappedKey,
}

impl Blobs {
    pub(super) fn new(disk: Arc<dyn Disk>, folder: PathBuf) -> Blobs {
        Blobs { disk, folder }
    }

    /// Writes a whole file under a new key; it and its name are durable when this returns.
    pub(super) fn write(
        &self,
        blob: Id,
        by: &OrganisationKey,
        rows: &[Held],
        content: &crate::store::spool::Content,
    ) -> Result<(), StoreError> {
        let Some(first) = rows.first() else { return Ok(()) };
        let organisation = &first.organisation;
        let key = keys::new_key("item key")?;
        let wrapped = keys::wrap(&by.key, &key, &context(organisation, blob))?;
        let label = Label {
            content_hash: content.hash(),
            bytes: content.size_bytes(),
            rows: rows.to_vec(),
        };
        let label = seal_label(&key, organisation, blob, &label)?;
        let path = self.path(blob);
        let mut head = Vec::new();
        head.extend(MAGIC);
        head.extend([0; 3]);
        head.extend(u32::try_from(rows.len()).unwrap_or(u32::MAX).to_le_bytes());
        head.extend(slot(by.version, &wrapped));
        head.extend([0; SLOT_BYTES]);
        let name = organisation.name().as_bytes();
        head.extend(u16::try_from(name.len()).unwrap_or(u16::MAX).to_le_bytes());
        head.extend(name);
        head.extend(rows.iter().map(|_| Fate::Held.code()));
        head.extend(u32::try_from(label.len()).unwrap_or(u32::MAX).to_le_bytes());
        head.extend(label);
        let file = self.disk.create(&path).map_err(failed("making", &path))?;
        let content_at = u64::try_from(head.len()).unwrap_or(u64::MAX);
        let written = write_all_at(file.as_ref(), &head, 0)
            .and_then(|()| {
                let pieces = content.chunks(limits::SEALED_CHUNK_BYTES);
                sealed::write(file.as_ref(), content_at, &key, pieces)
            })
            .and_then(|_| file.sync_data())
            .and_then(|()| self.disk.sync_folder(&self.folder))
            .map_err(failed("writing", &path));
        if written.is_err() {
            // What is half written is of no use to anybody; if it cannot be removed, the sweep at start does it.
            let _left_for_the_sweep = self.disk.remove(&path);
        }
        written
    }

    /// The content, if every byte is as it was written.
    pub(super) fn read(&self, ring: &KeyRing, blob: Id) -> Result<Vec<u8>, StoreError> {
        let (file, path) = self.open(blob)?;
        let head = read_head(file.as_ref(), &path)?;
        let (_, key) = head.key(ring, blob, &path)?;
        let (_, content_at) = read_label(file.as_ref(), &head, &key, blob, &path)?;
        sealed::read(file.as_ref(), content_at, &key).map_err(damaged_or("reading", &path))
    }

    /// The content, to be read in part.
    pub(super) fn content(&self, ring: &KeyRing, blob: Id) -> Result<SealedContent, StoreError> {
        let (file, path) = self.open(blob)?;
        let head = read_head(file.as_ref(), &path)?;
        let (_, key) = head.key(ring, blob, &path)?;
        let (_, content_at) = read_label(file.as_ref(), &head, &key, blob, &path)?;
        let pieces = sealed::Pieces::open(file.as_ref(), content_at, &key);
        Ok(SealedContent { pieces: pieces.map_err(damaged_or("reading", &path))?, file })
    }

    /// What was sealed with one of its rows, besides what the index has.
    pub(super) fn asked(
        &self,
        ring: &KeyRing,
        blob: Id,
        row: u32,
    ) -> Result<Option<Box<Asked>>, StoreError> {
        let (file, path) = self.open(blob)?;
        let head = read_head(file.as_ref(), &path)?;
        let (_, key) = head.key(ring, blob, &path)?;
        let (label, _) = read_label(file.as_ref(), &head, &key, blob, &path)?;
        let row = usize::try_from(row).ok().and_then(|row| label.rows.into_iter().nth(row));
        Ok(row.and_then(|row| row.asked))
    }

    /// The content of a file of the time before rows stood in it.
    pub(super) fn read_bare(&self, blob: Id, key: &Key) -> Result<Vec<u8>, StoreError> {
        let (file, path) = self.open(blob)?;
        sealed::read(file.as_ref(), 0, key).map_err(damaged_or("reading", &path))
    }

    /// What the index would say of this file.
    pub(super) fn rows(&self, ring: &KeyRing, blob: Id) -> Result<Rows, StoreError> {
        let (file, path) = self.open(blob)?;
        let head = read_head(file.as_ref(), &path)?;
        let (version, key) = head.key(ring, blob, &path)?;
        let (label, _) = read_label(file.as_ref(), &head, &key, blob, &path)?;
        let mut fates = vec![0; label.rows.len()];
        let filled = read_full_at(file.as_ref(), &mut fates, head.fates_at());
        filled.map_err(failed("reading", &path))?;
        Ok(Rows {
            version,
            content_hash: label.content_hash,
            bytes: label.bytes,
            rows: label.rows.into_iter().zip(fates.into_iter().map(Fate::of)).collect(),
            organisation: head.organisation,
        })
    }

    /// Wraps the file's key by a newer one of its organisation, durably; one that has it already is left as it is.
    pub(super) fn rewrap(
        &self,
        ring: &KeyRing,
        blob: Id,
        by: &OrganisationKey,
    ) -> Result<(), StoreError> {
        let (file, path) = self.open(blob)?;
        let head = read_head(file.as_ref(), &path)?;
        let (version, key) = head.key(ring, blob, &path)?;
        let [first, _] = &head.slots;
        let (this, other) =
            if first.version == version { (SLOT_AT, OTHER_AT) } else { (OTHER_AT, SLOT_AT) };
        let emptied = [0; SLOT_BYTES];
        if version != by.version {
            let wrapped = keys::wrap(&by.key, &key, &context(&head.organisation, blob))?;
            write_all_at(file.as_ref(), &slot(by.version, &wrapped), other)
                .and_then(|()| file.sync_data())
                .and_then(|()| write_all_at(file.as_ref(), &emptied, this))
                .map_err(failed("wrapping the key in", &path))?;
        }
        Ok(())
    }

    /// Notes what became of a row. Best effort: only a lost index will ask.
    pub(super) fn note(&self, blob: Id, row: u32, fate: Fate) {
        let noted = self.open(blob).and_then(|(file, path)| {
            let head = read_head(file.as_ref(), &path)?;
            if row >= head.rows {
                return Ok(());
            }
            let at = head.fates_at().saturating_add(u64::from(row));
            write_all_at(file.as_ref(), &[fate.code()], at).map_err(failed("noting in", &path))
        });
        if let Err(error) = noted {
            tracing::debug!(%blob, %error, "what became of a held mail is in the index alone");
        }
    }

    /// Destroys the key, durably, and then the file. What is not there is destroyed already.
    pub(super) fn destroy(&self, blob: Id) -> Result<(), StoreError> {
        let path = self.path(blob);
        let file = match self.disk.open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(failed("opening", &path)(error)),
        };
        // A file of the time before has its first bytes overwritten; its key goes with its row.
        let size = usize::try_from(file.size_bytes().unwrap_or(0)).unwrap_or(usize::MAX);
        let zeros = vec![0; (2 * SLOT_BYTES).min(size)];
        write_all_at(file.as_ref(), &zeros, SLOT_AT.min(u64::try_from(size).unwrap_or(0)))
            .and_then(|()| file.sync_data())
            .and_then(|()| self.disk.remove(&path))
            .map_err(failed("destroying", &path))
    }

    /// Whether the file is gone for certain.
    pub(super) fn is_missing(&self, blob: Id) -> bool {
        matches!(self.disk.open(&self.path(blob)), Err(error) if error.kind() == io::ErrorKind::NotFound)
    }

    /// Every file, and names that are no file of ours.
    pub(super) fn list(&self) -> Result<Vec<Result<Id, String>>, StoreError> {
        let listed = self.disk.list(&self.folder).map_err(failed("listing", &self.folder))?;
        let id = |name: String| match name.strip_suffix(ENDING).map(Id::parse) {
            Some(Ok(id)) => Ok(id),
            Some(Err(_)) | None => Err(name),
        };
        Ok(listed.into_iter().map(|file| id(file.name)).collect())
    }

    /// Gives a file that cannot be used a name that says so.
    pub(super) fn set_aside(&self, name: &str) -> Result<PathBuf, StoreError> {
        let (from, to) = (self.folder.join(name), self.folder.join(format!("{name}.unreadable")));
        self.disk.rename(&from, &to).map_err(failed("moving aside", &from))?;
        Ok(to)
    }

    /// The name of a file.
    pub(super) fn name(blob: Id) -> String {
        format!("{blob}{ENDING}")
    }

    fn path(&self, blob: Id) -> PathBuf {
        self.folder.join(Blobs::name(blob))
    }

    fn open(&self, blob: Id) -> Result<(Arc<dyn DiskFile>, PathBuf), StoreError> {
        let path = self.path(blob);
        let file = self.disk.open(&path).map_err(failed("opening", &path))?;
        Ok((file, path))
    }
}

impl Head {
    fn fates_at(&self) -> u64 {
        self.label_at.saturating_sub(u64::from(self.rows)).saturating_sub(4)
    }

    /// The item's key, from whichever slot opens, and which version opened it.
    fn key(&self, ring: &KeyRing, blob: Id, path: &Path) -> Result<(u32, Key), StoreError> {
        let context = context(&self.organisation, blob);
        let mut missing = damaged(path, "it has no key: it was destroyed");
        for Slot { version, wrapped } in self.slots.iter().filter(|slot| slot.version > 0) {
            let opened = ring
                .version(&self.organisation, *version)
                .and_then(|by| keys::unwrap(&by, wrapped, &context, "item key"));
            match opened {
                Ok(key) => return Ok((*version, key)),
                Err(error) => missing = error,
            }
        }
        Err(missing)
    }
}

impl Fate {
    fn code(self) -> u8 {
        match self {
            Fate::Held => 0,
            Fate::Released => 1,
            Fate::Deleted => 2,
            Fate::Seen => 3,
        }
    }

    fn of(code: u8) -> Fate {
        match code {
            1 => Fate::Released,
            2 => Fate::Deleted,
            3 => Fate::Seen,
            _ => Fate::Held,
        }
    }
}

fn slot(version: u32, wrapped: &WrappedKey) -> Vec<u8> {
    [version.to_le_bytes().as_slice(), &wrapped.0].concat()
}

fn read_head(file: &dyn DiskFile, path: &Path) -> Result<Head, StoreError> {
    let mut bytes = vec![0; HEAD_READ_BYTES];
    let filled = read_full_at(file, &mut bytes, 0).map_err(failed("reading", path))?;
    bytes.truncate(filled);
    parse_head(&bytes).ok_or_else(|| damaged(path, "it is not one of our files, or cut short"))
}

fn parse_head(bytes: &[u8]) -> Option<Head> {
    let rest = bytes.strip_prefix(MAGIC)?.get(3..)?;
    let (rows, rest) = rest.split_first_chunk::<4>()?;
    let (first, rest) = rest.split_at_checked(SLOT_BYTES)?;
    let (other, rest) = rest.split_at_checked(SLOT_BYTES)?;
    let (name_bytes, rest) = rest.split_first_chunk::<2>()?;
    let name_bytes = usize::from(u16::from_le_bytes(*name_bytes));
    let organisation = Organisation::named(std::str::from_utf8(rest.get(..name_bytes)?).ok()?);
    let rows = u32::from_le_bytes(*rows);
    let fates_at = OTHER_AT + u64::try_from(SLOT_BYTES + 2 + name_bytes).ok()?;
    let read = |bytes: &[u8]| {
        let (version, wrapped) = bytes.split_first_chunk::<4>()?;
        Some(Slot { version: u32::from_le_bytes(*version), wrapped: WrappedKey(wrapped.to_vec()) })
    };
    let slots = [read(first)?, read(other)?];
    Some(Head { organisation, rows, slots, label_at: fates_at + u64::from(rows) + 4 })
}

/// The sealed rows, and where the content begins.
fn read_label(
    file: &dyn DiskFile,
    head: &Head,
    key: &Key,
    blob: Id,
    path: &Path,
) -> Result<(Label, u64), StoreError> {
    let mut length = [0; 4];
    read_full_at(file, &mut length, head.label_at.saturating_sub(4))
        .map_err(failed("reading", path))?;
    let length = u64::from(u32::from_le_bytes(length));
    let size = file.size_bytes().map_err(failed("reading", path))?;
    let content_at = head.label_at.saturating_add(length);
    if content_at > size {
        return Err(damaged(path, "it is cut short"));
    }
    let mut sealed = vec![0; usize::try_from(length).unwrap_or(0)];
    read_full_at(file, &mut sealed, head.label_at).map_err(failed("reading", path))?;
    let label = open_label(key, &head.organisation, blob, &sealed)
        .ok_or_else(|| damaged(path, "its rows do not open"))?;
    Ok((label, content_at))
}

fn seal_label(
    key: &Key,
    organisation: &Organisation,
    blob: Id,
    label: &Label,
) -> Result<Vec<u8>, StoreError> {
    let failed = |why: String| StoreError::Damaged { what: "the rows of a held mail".into(), why };
    let json = serde_json::to_vec(label).map_err(|error| failed(error.to_string()))?;
    let nonce: [u8; 24] = keys::random()?;
    let aad = format!("{} rows", context(organisation, blob));
    let sealed = XChaCha20Poly1305::new(key.expose().into())
        .encrypt(&XNonce::from(nonce), Payload { msg: &json, aad: aad.as_bytes() })
        .map_err(|_| failed("they could not be sealed".to_string()))?;
    Ok([nonce.as_slice(), &sealed].concat())
}

fn open_label(key: &Key, organisation: &Organisation, blob: Id, sealed: &[u8]) -> Option<Label> {
    let (nonce, sealed) = sealed.split_first_chunk::<24>()?;
    let aad = format!("{} rows", context(organisation, blob));
    let json = XChaCha20Poly1305::new(key.expose().into())
        .decrypt(&XNonce::from(*nonce), Payload { msg: sealed, aad: aad.as_bytes() })
        .ok()?;
    serde_json::from_slice(&json).ok()
}

/// What a wrapped item key is bound to.
pub(super) fn context(organisation: &Organisation, blob: Id) -> String {
    format!("sluss held item {blob} of {organisation}")
}

fn failed(what: &'static str, file: &Path) -> impl FnOnce(io::Error) -> StoreError {
    let file = file.to_path_buf();
    move |source| StoreError::File { what, file, source }
}

fn damaged_or(what: &'static str, file: &Path) -> impl FnOnce(io::Error) -> StoreError {
    let file = file.to_path_buf();
    move |source| {
        if source.kind() == io::ErrorKind::InvalidData {
            return damaged(&file, &source.to_string());
        }
        StoreError::File { what, file, source }
    }
}

fn damaged(path: &Path, why: &str) -> StoreError {
    StoreError::Damaged { what: path.display().to_string(), why: why.to_string() }
}

const MAGIC: &[u8; 9] = b"SLUSHELD\x01";
const ENDING: &str = ".sealed";
/// A version and a wrapped key.
const SLOT_BYTES: usize = 4 + 24 + 32 + 16;
const SLOT_AT: u64 = 16;
const OTHER_AT: u64 = 92;
/// The clear part but for the rows' fates.
const HEAD_READ_BYTES: usize = 4_096;
