//! The decoder of RAR's methods, `rars`, kept on a short leash: every byte it writes is counted, the time is looked at with each,
//! its memory is bounded before it begins, and a panic of it loses nothing of what it gave before.

use crate::{
    base::limits,
    formats::{
        budget::{Budget, Limit, Stopped},
        numbers::wide,
    },
};
use rars::{
    ArchiveMember, ArchiveReadOptions, ArchiveReader, Error, ErrorKind, ExtractionDecision,
    ExtractionErrorAction, ReadCancellation,
};
use std::{
    cell::RefCell,
    io::{self, Write},
    panic::{AssertUnwindSafe, catch_unwind},
    rc::Rc,
};

/// What the decoder gave.
#[derive(Debug, Default)]
pub(super) struct Decoded {
    /// One for each file of the archive, in its order, as far as it came.
    pub(super) files: Vec<File>,
    /// Why it refused the archive or ended early.
    pub(super) stopped: Option<Stopped>,
}

/// One file as the decoder gave it.
#[derive(Debug, Default)]
pub(super) struct File {
    /// Its name.
    pub(super) name: Vec<u8>,
    /// Packed bytes of it.
    pub(super) packed: u64,
    /// Its bytes, as far as they go.
    pub(super) bytes: Vec<u8>,
    /// It is a folder or a link: no bytes.
    pub(super) is_empty: bool,
    /// It needs a password.
    pub(super) is_encrypted: bool,
    /// Why there are no more bytes.
    pub(super) stopped: Option<Stopped>,
}

/// What all files of one archive may write together, and what they wrote.
struct Room {
    budget: Budget,
    bytes_left: u64,
    files: Vec<File>,
    cancel: ReadCancellation,
    failed: usize,
}

/// Writes one file into the room.
struct Sink(Rc<RefCell<Room>>);

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let Ok(mut room) = self.0.try_borrow_mut() else {
            return Err(io::Error::other("the room is taken"));
        };
        if let Err(limit) = room.admit(wide(bytes.len())) {
            if let Some(file) = room.files.last_mut() {
                file.stopped = Some(limit.into());
            }
            return Err(io::Error::other(limit));
        }
        if let Some(file) = room.files.last_mut() {
            file.bytes.extend_from_slice(bytes);
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Room {
    /// May so much more be written to the last file?
    fn admit(&mut self, more: u64) -> Result<(), Limit> {
        if let Err(limit) = self.budget.check_time() {
            self.cancel.cancel();
            return Err(limit);
        }
        let (had, packed) =
            self.files.last().map_or((0, 0), |file| (wide(file.bytes.len()), file.packed));
        let has = had.saturating_add(more);
        let bytes_max = self.budget.part_bytes_left();
        if more > self.bytes_left || has > bytes_max {
            return Err(Limit::TooLarge { bytes_max: bytes_max.min(self.bytes_left) });
        }
        let ratio_max = limits::UNPACK_RATIO_MAX;
        if has > limits::RAR_RATIO_FREE_BYTES && has / ratio_max > packed {
            return Err(Limit::RatioTooHigh { packed_bytes: packed, ratio_max });
        }
        self.bytes_left -= more;
        Ok(())
    }
}

/// How an archive is decoded.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct How<'a> {
    /// What opens what is encrypted.
    pub(super) password: Option<&'a str>,
    /// Bytes are given as they come, so that what was read before damage is not lost; not every filter of RAR 5 can be undone so.
    pub(super) piecemeal: bool,
}

/// Decodes every file that `wants` names (by its place among the files).
pub(super) fn decode(
    archive: &[u8],
    how: How<'_>,
    budget: &Budget,
    wants: impl Fn(usize) -> bool,
) -> Decoded {
    let room = Rc::new(RefCell::new(Room {
        budget: budget.clone(),
        bytes_left: limits::UNPACKED_BYTES_MAX.saturating_sub(budget.bytes_taken()),
        files: Vec::new(),
        cancel: ReadCancellation::new(),
        failed: 0,
    }));
    let ran = catch_unwind(AssertUnwindSafe(|| run(archive, how, &room, wants)));
    let stopped = match ran {
        Ok(Ok(())) => None,
        Ok(Err(error)) => Some(reason(&error)),
        Err(_) => Some(Stopped::Damaged("the RAR decoder gave up".to_string())),
    };
    let mut files = match room.try_borrow_mut() {
        Ok(mut room) => std::mem::take(&mut room.files),
        Err(_) => Vec::new(),
    };
    // An error that ends everything belongs to the file at which it happened, unless that one has its own.
    if let (Some(why), Some(last)) = (&stopped, files.last_mut())
        && last.stopped.is_none()
        && !last.is_empty
    {
        last.stopped = Some(why.clone());
    }
    Decoded { files, stopped }
}

fn run(
    archive: &[u8],
    how: How<'_>,
    room: &Rc<RefCell<Room>>,
    wants: impl Fn(usize) -> bool,
) -> Result<(), Error> {
    let cancel = room.try_borrow().map(|room| room.cancel.clone()).unwrap_or_default();
    let mut options = ArchiveReadOptions::with_optional_password(how.password.map(str::as_bytes))
        .with_cancellation(&cancel)
        .with_max_header_count(limits::RAR_HEADERS_MAX)
        .with_max_header_bytes(limits::RAR_HEADER_BYTES_MAX)
        .with_max_reader_workspace_bytes(limits::RAR_MEMORY_BYTES_MAX);
    // What is larger than a part may be is cut anyway, so it is not gathered first.
    let gathered_bytes_max = if how.piecemeal { 0 } else { limits::PART_BYTES_MAX };
    options = options.with_rar50_buffered_decode_limit(gathered_bytes_max);
    let parsed = ArchiveReader::read_with_options(archive, options)?;
    let solid = parsed.is_solid();
    let mut place = 0;
    parsed.extract_with_control_and_errors(
        options,
        |member| {
            let wanted = wants(place);
            place += 1;
            Ok(decide(room, member, wanted, solid))
        },
        |_, error| Ok(after_failure(room, error)),
    )?;
    Ok(())
}

/// Notes the file and says whether it is to be written.
fn decide(
    room: &Rc<RefCell<Room>>,
    member: &ArchiveMember,
    wanted: bool,
    solid: bool,
) -> ExtractionDecision {
    let Ok(mut inner) = room.try_borrow_mut() else { return ExtractionDecision::Stop };
    if inner.files.len() > limits::PARTS_MAX || inner.budget.check_time().is_err() {
        return ExtractionDecision::Stop;
    }
    let meta = &member.meta;
    let is_empty = meta.is_directory || meta.is_redirection;
    let is_split = !is_empty && (meta.is_split_before || meta.is_split_after);
    let stopped = is_split.then(|| Stopped::Unsupported("one volume of several".to_string()));
    let skip = is_empty || (stopped.is_some() || !wanted) && !solid;
    inner.files.push(File {
        name: meta.name.clone(),
        packed: meta.packed_size,
        bytes: Vec::new(),
        is_empty,
        is_encrypted: meta.is_encrypted,
        stopped,
    });
    match (skip, wanted) {
        (true, _) => ExtractionDecision::Skip,
        (false, true) => ExtractionDecision::Extract(Box::new(Sink(Rc::clone(room)))),
        // What is packed together has to be read to know what follows.
        (false, false) => ExtractionDecision::Extract(Box::new(io::sink())),
    }
}

/// Notes why the last file failed; ends it all where going on would be in vain.
fn after_failure(room: &Rc<RefCell<Room>>, error: &Error) -> ExtractionErrorAction {
    let Ok(mut inner) = room.try_borrow_mut() else { return ExtractionErrorAction::Abort };
    let mut why = reason(error);
    if let Some(file) = inner.files.last_mut() {
        // With a wrong password the bytes are noise, and which of the two it is cannot be told.
        if file.is_encrypted && matches!(why, Stopped::Damaged(_)) {
            why = Stopped::Encrypted;
        }
        if why == Stopped::Encrypted {
            file.bytes.clear();
        }
        file.stopped.get_or_insert(why.clone());
    }
    if why == Stopped::Encrypted {
        inner.failed += 1;
    }
    match inner.failed > limits::RAR_WRONG_PASSWORDS_MAX || inner.budget.check_time().is_err() {
        true => ExtractionErrorAction::Abort,
        false => ExtractionErrorAction::Continue,
    }
}

/// The decoder's error in our words.
fn reason(error: &Error) -> Stopped {
    match error.kind() {
        ErrorKind::PasswordRequired | ErrorKind::BadPassword => Stopped::Encrypted,
        ErrorKind::UnsupportedFeature | ErrorKind::UnsupportedFormat | ErrorKind::ResourceLimit => {
            Stopped::Unsupported(format!("RAR: {}", error.root_cause()))
        }
        ErrorKind::InvalidArchive
        | ErrorKind::InvalidArgument
        | ErrorKind::ChecksumMismatch
        | ErrorKind::EntryNotFound
        | ErrorKind::DuplicateEntry
        | ErrorKind::UnsafePath
        | ErrorKind::Io
        | ErrorKind::Cancelled
        | ErrorKind::SourceChanged
        | ErrorKind::WriterFailure => Stopped::Damaged(error.root_cause().to_string()),
        // The crate keeps its list open; whatever else it says, the bytes are not all there.
        _ => Stopped::Damaged(error.root_cause().to_string()),
    }
}
