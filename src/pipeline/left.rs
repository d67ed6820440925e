//! Files that somebody leaves in the portal for a reader of ours: too large for a mail, sealed as they come, looked into piece by piece, and fetched
//! with the link in the reader's letter.
//!
//! Order: the parcel is put down, asleep; the content is sealed in the quarantine; the parcel begins; whoever sent them hears that they are safe. What
//! follows is [`go_on`]'s, again after a crash too: they are looked into, then their reader has a letter. What may not go on waits for somebody who looks
//! after the portal, and their reader hears that as well.
//!
//! ```text
//!   the files, one behind the other
//!   the list of them, with what was written to them, as JSON
//!   8 bytes: the length of that, little endian
//! ```

use crate::{
    base::{clock::UnixMs, ids::Id, limits, number::wide, units},
    config::policy::Action,
    mail::{Address, Direction, Envelope, Organisation, Recipient, ReversePath},
    personal::{self, Date, Scope},
    pipeline::{
        Gateway,
        judge::{self, Unjudged},
        notice::{self, Posted},
        portal::{self, NotPut},
        portal_in::{self, File, NotTaken, Sender, Sending},
        settings::Settings,
        view,
    },
    store::{
        StoreError,
        audit::{Actor, Details, Entry, What},
        embedded::SealedContent,
        held::{Attachment, Held, HeldState},
        portal::{Carries, Parcel},
        spool::{Content, Receiving},
    },
    wire::{
        report::{
            letter::Kind,
            parcel::{Stage, Told},
        },
        tls::Asks,
        words::Words,
    },
};
use bytes::Bytes;
use flate2::Crc;
use serde::{Deserialize, Serialize};
use std::{
    collections::BTreeSet,
    io,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

/// Files on their way in: no more of them is in memory than a piece.
#[derive(Debug)]
pub struct Leaving {
    receiving: Receiving,
    files: Vec<LeftFile>,
    sum: Crc,
}

/// One of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeftFile {
    /// Its name, as the browser says it.
    pub name: String,
    /// Where it begins in the content.
    pub at: u64,
    /// Its size in bytes.
    pub bytes: u64,
    /// Its CRC-32, for an archive of all of them.
    pub crc32: u32,
}

/// What stands behind the files.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Index {
    /// The parcel's id: what is sent twice is kept twice.
    id: String,
    /// How far it is known who sent them.
    known: Sender,
    /// What the sender calls himself.
    name: String,
    /// What he writes.
    text: String,
    files: Vec<LeftFile>,
}

/// What somebody writes to the files that he leaves.
#[derive(Debug, Clone)]
pub struct Note {
    /// Who he says he is.
    pub from: Address,
    /// How far that is known.
    pub known: Sender,
    /// What he calls himself.
    pub name: String,
    /// For whom they are.
    pub to: Address,
    /// What he writes.
    pub text: String,
    /// Where he is.
    pub client: std::net::IpAddr,
}

impl Leaving {
    /// None yet.
    pub fn begin(gateway: &Gateway) -> Leaving {
        Leaving { receiving: gateway.stores.spool.receive(), files: Vec::new(), sum: Crc::new() }
    }

    /// The next file begins.
    pub fn file(&mut self, name: String) {
        self.end_file();
        let at = self.receiving.size_bytes();
        self.files.push(LeftFile { name, at, bytes: 0, crc32: 0 });
    }

    /// Some of its bytes. An error (a full disk, most likely) ends all of it: nothing of it stays.
    pub fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.sum.update(bytes);
        bytes.chunks(PIECE_BYTES).try_for_each(|piece| self.receiving.write(piece))
    }

    /// Has nothing come, but for empty fields?
    pub fn is_empty(&self) -> bool {
        self.files.is_empty()
    }

    fn end_file(&mut self) {
        let end = self.receiving.size_bytes();
        let sum = std::mem::take(&mut self.sum);
        if let Some(last) = self.files.last_mut().filter(|last| last.bytes == 0) {
            last.bytes = end.saturating_sub(last.at);
            last.crc32 = sum.sum();
        }
    }

    fn finish(mut self, id: Id, note: &Note) -> io::Result<(Content, Vec<LeftFile>)> {
        self.end_file();
        let (name, text, files) = (note.name.clone(), note.text.clone(), self.files.clone());
        let index = serde_json::to_vec(&Index {
            id: id.to_string(),
            known: note.known,
            name,
            text,
            files,
        })?;
        self.write(&index)?;
        self.write(&wide(index.len()).to_le_bytes())?;
        Ok((self.receiving.finish()?, self.files))
    }
}

/// Room that somebody has while he sends; dropping it gives it back.
#[derive(Debug)]
pub struct Room(u64);

/// Bytes that are on their way in.
static COMING: AtomicU64 = AtomicU64::new(0);

impl Room {
    /// Room for so much more, if there is any. Strangers get half of what the portal has, and leave the disk what mail needs.
    pub async fn take(gateway: &Gateway, bytes: u64) -> Result<Option<Room>, StoreError> {
        let room = Room(bytes);
        let coming = COMING.fetch_add(bytes, Ordering::SeqCst).saturating_add(bytes);
        let kept = gateway.stores.quarantine.portal_bytes().await?;
        let floor = gateway.settings.load().config.limits.disk_free_bytes.0;
        // It is on the disk twice while it is sealed. What has come in part is counted as if it had not: rather too much than too little.
        let needed = floor.saturating_add(coming.saturating_mul(2));
        let free = gateway.stores.spool.free_bytes().unwrap_or_default();
        let fits = kept.saturating_add(coming) <= limits::PORTAL_BYTES_MAX / 2 && free >= needed;
        Ok(fits.then_some(room))
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        COMING.fetch_sub(self.0, Ordering::SeqCst);
    }
}

/// Keeps them for their reader: when this returns they are safe here.
pub async fn keep(gateway: &Gateway, note: Note, leaving: Leaving) -> Result<Id, NotTaken> {
    let settings = gateway.settings.load_full();
    let organisation = {
        let whose = (&note.from, note.known);
        portal_in::admit(gateway, &settings, whose, &note.to, note.client)?
    };
    let id = gateway.new_id();
    let later = |why: String| NotTaken::Later(why);
    let (content, files) = leaving.finish(id, &note).map_err(|error| later(error.to_string()))?;
    let now = gateway.clock.now();
    let days = settings.portal_days(&organisation);
    let expires = now.plus(Duration::from_secs(days.saturating_mul(86_400)));
    let row = row(&settings, (id, &organisation), &note, (&content, &files), (now, expires));
    let parcels = &gateway.stores.parcels;
    let stored = async {
        // Nobody looks into it, or tells of it, until its content is here.
        let link = portal::new_token()?;
        let hashes =
            (portal::token_hash(gateway, link.expose()), portal::code_hash(gateway, id, ""));
        let whose = (&note.from, &note.to);
        let parcel = Parcel::new(id, &organisation, Carries::Files, whose, (now, expires));
        parcels.put(parcel, hashes.0, hashes.1).await?;
        parcels.told(id).await?;
        let entry = Entry::new(Actor::System, What::PortalPut)
            .about(id)
            .of(Some(organisation.clone()))
            .from(Some(note.client))
            .with(Details::default().word("recipient", &note.to.to_string()));
        gateway.stores.audit.append(entry).await?;
        gateway.stores.quarantine.hold(vec![row], &content).await?;
        parcels.begin(id).await?;
        Ok::<(), NotPut>(())
    };
    stored.await.map_err(|error| {
        tracing::error!(%error, "files for the portal could not be kept; whoever sent them is told to try again");
        later(error.to_string())
    })?;
    metrics::counter!("sluss_portal_left_total").increment(1);
    tracing::info!(parcel = %id, to = %note.to, bytes = content.size_bytes(), files = files.len(), "files were left in the portal");
    Ok(id)
}

/// Who may see them in the list of held mail sees that they are there, and not their content.
fn row(
    settings: &Settings,
    (id, organisation): (Id, &Organisation),
    note: &Note,
    (content, files): (&Content, &[LeftFile]),
    (now, expires): (UnixMs, UnixMs),
) -> Held {
    let sender = ReversePath::Address(note.from.clone());
    let scope = Scope::new(&settings.words, Date::of(now));
    let mask = |text: &str| personal::mask_all(text, &scope);
    let named = files.iter().take(limits::HELD_ATTACHMENTS_MAX);
    Held {
        id,
        transaction: id,
        organisation: organisation.clone(),
        held_at: now,
        expires: expires.plus(limits::PARCEL_KEPT_BEHIND),
        direction: Direction::Inbound,
        sender: sender.clone(),
        from: mask(&note.from.to_string()),
        recipient: note.to.clone(),
        subject: "files by the portal".to_string(),
        action: Action::Deliver,
        why: String::new(),
        reason: "files that were left in the portal".to_string(),
        categories: Vec::new(),
        score: 0.0,
        bytes: content.size_bytes(),
        in_digest: false,
        state: HeldState::Files,
        released_at: UnixMs(0),
        envelope: Envelope {
            recipients: vec![Recipient::plain(note.to.clone())],
            ..Envelope::from(sender)
        },
        findings: serde_json::Value::Array(Vec::new()),
        attachments: named
            .map(|file| Attachment {
                name: mask(&view::file_name(&file.name)),
                kind: String::new(),
                bytes: file.bytes,
                sha256: String::new(),
                blake3: String::new(),
            })
            .collect(),
        message_id: String::new(),
        from_address: mask(&note.from.to_string()),
        authenticated: None,
        likeness: crate::learn::likeness::Likeness::default(),
        policy: String::new(),
        content_hash: String::new(),
        code_hash: String::new(),
        act: None,
        learned: None,
        asks: Asks::default(),
        asked: None,
    }
}

/// Files that wait, to be read.
#[derive(Debug, Clone)]
pub struct Left {
    content: Arc<SealedContent>,
    /// How far it is known who sent them.
    pub known: Sender,
    /// What the sender calls himself.
    pub name: String,
    /// What he wrote.
    pub text: String,
    /// The files.
    pub files: Vec<LeftFile>,
}

impl Left {
    /// Opens them; none if they are gone. Leaving a mark that somebody did is the caller's duty.
    pub async fn open(gateway: &Gateway, id: Id) -> Result<Option<Left>, StoreError> {
        let Some(content) = gateway.stores.quarantine.sealed_content(id).await? else {
            return Ok(None);
        };
        let read = tokio::task::spawn_blocking(move || {
            let index = index(&content)?;
            Ok((content, index))
        });
        let damaged = |why: String| StoreError::Damaged { what: format!("files {id}"), why };
        let read: io::Result<(SealedContent, Index)> =
            read.await.map_err(|error| damaged(error.to_string()))?;
        let (content, index) = read.map_err(|error| damaged(error.to_string()))?;
        let Index { known, name, text, files, .. } = index;
        Ok(Some(Left { content: Arc::new(content), known, name, text, files }))
    }

    /// Some bytes of the content from `at` on, at most to `end`; empty at the end.
    pub async fn piece(&self, at: u64, end: u64) -> io::Result<Bytes> {
        if at >= end {
            return Ok(Bytes::new());
        }
        let content = self.content.clone();
        let read = tokio::task::spawn_blocking(move || content.from(at));
        let mut piece = read.await.map_err(io::Error::other)??;
        let most = usize::try_from(end.saturating_sub(at)).unwrap_or(usize::MAX);
        piece.truncate(most);
        match piece.is_empty() {
            true => Err(io::ErrorKind::UnexpectedEof.into()),
            false => Ok(piece.into()),
        }
    }
}

fn index(content: &SealedContent) -> io::Result<Index> {
    let bytes = content.bytes();
    let length_at = bytes.checked_sub(LENGTH_BYTES).ok_or(io::ErrorKind::UnexpectedEof)?;
    let length = content.range(length_at, usize::try_from(LENGTH_BYTES).unwrap_or(8))?;
    let length = <[u8; 8]>::try_from(length.as_slice()).map_err(io::Error::other)?;
    let length = u64::from_le_bytes(length);
    let at = length_at.checked_sub(length).ok_or(io::ErrorKind::InvalidData)?;
    let json = content.range(at, usize::try_from(length).map_err(io::Error::other)?)?;
    Ok(serde_json::from_slice(&json)?)
}

/// One round: looks into what was left, and writes to readers of what they may have. What fails for one is not the others' matter.
pub async fn go_on(gateway: &Arc<Gateway>) -> Result<(), StoreError> {
    let parcels = &gateway.stores.parcels;
    for parcel in parcels.to_look_into().await? {
        let settings = gateway.settings.load_full();
        if !settings.may_judge {
            break;
        }
        let seen = look_into(gateway, &settings, &parcel).await.unwrap_or_else(|error| {
            tracing::error!(parcel = %parcel.id, %error, "files in the portal could not be read back");
            Looked::NotNow
        });
        let stopped = match seen {
            Looked::Busy => continue,
            Looked::NotNow if parcel.tries < limits::PORTAL_LOOKS_MAX => {
                let wait = limits::PORTAL_LOOK_AGAIN_AFTER.saturating_mul(parcel.tries + 1);
                parcels.look_again(parcel.id, wait).await?;
                continue;
            }
            Looked::NotNow => Some(("they could not be looked into".to_string(), true)),
            Looked::Whole { why, .. } if why.is_empty() => None,
            Looked::Whole { why, danger } => {
                Some((why.into_iter().collect::<Vec<_>>().join(" "), danger))
            }
        };
        if let Some((why, _)) = &stopped {
            tracing::warn!(parcel = %parcel.id, to = %parcel.recipient, why, "files in the portal wait for whoever looks after it");
            metrics::counter!("sluss_portal_stopped_total").increment(1);
        }
        parcels.looked(parcel.id, stopped).await?;
        tell_all(gateway).await?;
    }
    tell_all(gateway).await
}

async fn tell_all(gateway: &Gateway) -> Result<(), StoreError> {
    let parcels = &gateway.stores.parcels;
    for parcel in parcels.files_untold().await? {
        match tell(gateway, &parcel).await {
            Ok(true) => parcels.told_of_files(&parcel).await?,
            Ok(false) => (),
            Err(error) => {
                tracing::error!(parcel = %parcel.id, %error, "the reader of files in the portal could not be told of them");
            }
        }
    }
    Ok(())
}

/// What came of looking.
enum Looked {
    /// At all of it. What does not let it go on, each reason once, and whether that may do harm.
    Whole { why: BTreeSet<String>, danger: bool },
    /// It could not be opened this time.
    NotNow,
    /// Mail has all the examiners.
    Busy,
}

/// Every byte of every file meets the pipeline, as mails of our own making that go nowhere: what fits is opened as a whole, what does not is looked at in
/// windows that overlap. An archive that has to be cut so cannot be opened, and stops. Whoever lets something through knows all that is in it: a reason
/// to stop ends nothing.
async fn look_into(
    gateway: &Arc<Gateway>,
    settings: &Arc<Settings>,
    parcel: &Parcel,
) -> Result<Looked, StoreError> {
    let (mut why, mut danger) = (BTreeSet::new(), false);
    let Some(left) = Left::open(gateway, parcel.id).await? else {
        return Ok(Looked::Whole { why, danger });
    };
    let mut text = left.text.clone();
    for (number, file) in left.files.iter().enumerate() {
        let mut at = 0;
        loop {
            let (content, count) = (left.content.clone(), window(file.bytes.saturating_sub(at)));
            let from = file.at.saturating_add(at);
            let read = tokio::task::spawn_blocking(move || content.range(from, count));
            let damaged = |why: String| StoreError::Damaged { what: format!("file {number}"), why };
            let bytes = read.await.map_err(|error| damaged(error.to_string()))?;
            let bytes = bytes.map_err(|error| damaged(error.to_string()))?;
            // What was written is looked at with the first.
            let file_here = File { name: file.name.clone(), bytes };
            let sending = as_mail(parcel, &left.name, std::mem::take(&mut text), file_here);
            match judged(gateway, settings, &sending).await {
                Verdict::Well => (),
                Verdict::Stops { reason, dangerous } => {
                    danger |= dangerous;
                    if why.len() < limits::PORTAL_REASONS_MAX {
                        why.insert(reason);
                    }
                }
                Verdict::NotNow => return Ok(Looked::NotNow),
                Verdict::Busy => return Ok(Looked::Busy),
            }
            at = at.saturating_add(wide(count));
            if at >= file.bytes {
                break;
            }
            at = at.saturating_sub(limits::PORTAL_WINDOW_OVERLAP_BYTES);
        }
    }
    Ok(Looked::Whole { why, danger })
}

/// What is said of a window.
enum Verdict {
    Well,
    Stops { reason: String, dangerous: bool },
    NotNow,
    Busy,
}

fn window(left: u64) -> usize {
    usize::try_from(left).unwrap_or(usize::MAX).min(limits::PORTAL_WINDOW_BYTES)
}

fn as_mail(parcel: &Parcel, name: &str, text: String, file: File) -> Sending {
    Sending {
        from: parcel.sender.clone(),
        known: Sender::Claimed,
        name: name.to_string(),
        to: parcel.recipient.clone(),
        subject: String::new(),
        in_reply_to: None,
        text,
        files: vec![file],
        // It came hours ago, perhaps, and nothing is asked about where from.
        client: std::net::Ipv4Addr::LOCALHOST.into(),
    }
}

async fn judged(gateway: &Arc<Gateway>, settings: &Arc<Settings>, sending: &Sending) -> Verdict {
    let id = gateway.new_id();
    let content = match portal_in::composed(settings, sending, id) {
        Ok(mail) => Content::from_bytes(mail.into()),
        Err(why) => return Verdict::Stops { reason: why.to_string(), dangerous: false },
    };
    let own = settings.own_domain(&sending.to);
    let organisation = own.map(|own| own.organisation.name().clone()).unwrap_or_default();
    let came = portal_in::came(gateway, sending, organisation);
    let deadline = gateway.clock.tick().plus(limits::PORTAL_LOOK_TIME_MAX);
    let judged = match judge::judge(gateway, settings, &came, &content, deadline).await {
        Ok(judged) => judged,
        Err(Unjudged::OutOfTime) => return Verdict::Busy,
        Err(Unjudged::Header(_)) => {
            let reason = "It has no readable form.".to_string();
            return Verdict::Stops { reason, dangerous: false };
        }
        Err(Unjudged::Unreadable(error)) => {
            tracing::error!(%error, "files in the portal could not be read back; it is tried again");
            return Verdict::NotNow;
        }
    };
    for recipient in &came.envelope.recipients {
        let verdict = judged.for_recipient(settings, &came, recipient).verdict;
        match verdict.action {
            Action::Deliver | Action::Mark => (),
            Action::Defer => return Verdict::NotNow,
            Action::Quarantine | Action::Reject => {
                let dangerous = verdict.categories.iter().any(|one| one.is_dangerous());
                return Verdict::Stops { reason: verdict.reason, dangerous };
            }
        }
    }
    Verdict::Well
}

/// Writes to their reader; false: it is tried again.
async fn tell(gateway: &Gateway, parcel: &Parcel) -> Result<bool, StoreError> {
    let settings = gateway.settings.load_full();
    let Some(left) = Left::open(gateway, parcel.id).await? else { return Ok(true) };
    let stage = match &parcel.stopped {
        Some(why) => Stage::LeftHeld(why.clone()),
        None => {
            let Some(url) = &settings.config.web.public_url else { return Ok(false) };
            let token = portal::new_token().map_err(|error| StoreError::Damaged {
                what: "random numbers".to_string(),
                why: error.to_string(),
            })?;
            gateway
                .stores
                .parcels
                .give_link(parcel.id, portal::token_hash(gateway, token.expose()))
                .await?;
            let line = |file: &LeftFile| {
                format!("{} ({})", view::file_name(&file.name), units::roughly_bytes(file.bytes))
            };
            let language = notice::language_of(&settings, &parcel.organisation);
            let says = left.known.said(Words::of(language), &parcel.sender.to_string());
            let named = left.files.iter().take(limits::PORTAL_FILES_NAMED_MAX).map(line);
            Stage::Left { link: portal::link(url, &token), files: named.collect(), says }
        }
    };
    Ok(letter(gateway, &settings, parcel, stage).await)
}

/// A letter to the reader of files; false: it could not be posted.
pub(super) async fn letter(
    gateway: &Gateway,
    settings: &Settings,
    parcel: &Parcel,
    stage: Stage,
) -> bool {
    let organisation = &parcel.organisation;
    let language = notice::language_of(settings, organisation);
    let (words, zone) = (Words::of(language), portal::zone(settings, organisation));
    let told = Told {
        recipient: parcel.sender.to_string(),
        stage,
        sent: words.date(parcel.made, &zone),
        when: words.date(parcel.expires, &zone),
        found: Vec::new(),
    };
    let kind = Kind::Parcel(Box::new(told));
    match notice::letter(gateway, organisation, &parcel.recipient, language, &kind).await {
        Posted::Spooled(_) | Posted::NobodyToTell => true,
        Posted::TooMany | Posted::NotSpooled => false,
    }
}

const PIECE_BYTES: usize = 64 << 10;
const LENGTH_BYTES: u64 = 8;
