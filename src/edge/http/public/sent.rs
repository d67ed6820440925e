//! What a form with files brings: read piece by piece. What a mail may have is kept in memory; more goes to the disk, sealed, as it comes.

use crate::{
    base::{clock::Tick, limits, number::wide},
    edge::http::site::Site,
    pipeline::{
        left::{Leaving, Room},
        limits::network_key,
        portal_in::{self, File},
    },
};
use axum::{
    extract::{
        Multipart,
        multipart::{Field, MultipartError},
    },
    http::{HeaderMap, header},
};
use std::{
    net::IpAddr,
    sync::{Mutex, MutexGuard, PoisonError},
};

/// A form with files.
#[derive(Debug, Default)]
pub(super) struct Sent {
    fields: Vec<(String, String)>,
    pub(super) files: Vec<File>,
    /// They are too large for a mail.
    pub(super) left: Option<Leaving>,
    /// The room that they take, until they are kept.
    room: Option<Room>,
}

/// How much a form may bring.
#[derive(Debug, Clone, Copy)]
pub(super) enum Size {
    /// As much as a mail has room for.
    Mail,
    /// More than that.
    Large,
}

/// Why a form was not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NotRead {
    /// Together it is larger than a mail may be.
    TooLarge,
    /// It broke off, or is no form.
    Broken,
    /// There is no room for it, or the disk did not take it.
    NoRoom,
    /// So little comes that it keeps others from their place.
    TooSlow,
}

impl Sent {
    /// Reads it, at the pace that is asked of everybody.
    pub(super) async fn read(
        site: &Site,
        headers: &HeaderMap,
        mut form: Multipart,
    ) -> Result<Sent, NotRead> {
        let whole = headers.get(header::CONTENT_LENGTH);
        let whole = whole.and_then(|length| length.to_str().ok()?.parse::<u64>().ok()).unwrap_or(0);
        let size = match whole > wide(files_bytes_max(site, Size::Mail)) {
            true => Size::Large,
            false => Size::Mail,
        };
        let mut sent = Sent::default();
        if let Size::Large = size {
            let room = Room::take(site.gateway(), whole).await.map_err(|error| {
                tracing::error!(%error, "whether the portal has room could not be asked; nobody can leave files");
                NotRead::NoRoom
            })?;
            let Some(room) = room else {
                tracing::warn!(
                    bytes = whole,
                    "there is no room in the portal, or on the disk, for what somebody would leave"
                );
                return Err(NotRead::NoRoom);
            };
            sent.room = Some(room);
            sent.left = Some(Leaving::begin(site.gateway()));
        }
        let mut pace = Pace::new(site, files_bytes_max(site, size));
        let mut parts = 0_usize;
        while let Some(part) = pace.wait(form.next_field()).await? {
            parts += 1;
            if parts > limits::FORM_FIELDS_MAX.min(limits::PORTAL_FILES_MAX) {
                return Err(NotRead::TooLarge);
            }
            sent.take(part, &mut pace).await?;
        }
        // Without a file it is a mail, whatever its form was filled up with.
        sent.left = sent.left.take().filter(|left| !left.is_empty());
        Ok(sent)
    }

    /// A field, or a file. A field for files in which none was chosen brings one without name and content: that is none.
    async fn take(&mut self, mut part: Field<'_>, pace: &mut Pace<'_>) -> Result<(), NotRead> {
        let file = part.file_name().map(str::to_string);
        if let (Some(file), Some(left)) = (&file, self.left.as_mut()) {
            return leave(file, part, (left, pace)).await;
        }
        let bytes_max = match self.left {
            Some(_) => limits::FORM_BYTES_MAX,
            None => usize::MAX,
        };
        let name = part.name().unwrap_or_default().to_string();
        let mut bytes = Vec::new();
        while let Some(piece) = pace.wait(part.chunk()).await? {
            pace.took(piece.len())?;
            if bytes.len() + piece.len() > bytes_max {
                return Err(NotRead::TooLarge);
            }
            bytes.extend_from_slice(&piece);
        }
        match file {
            Some(file) if file.is_empty() && bytes.is_empty() => (),
            Some(file) => self.files.push(File { name: file, bytes }),
            None => self.fields.push((name, String::from_utf8_lossy(&bytes).into_owned())),
        }
        Ok(())
    }

    /// Is there nothing in it?
    pub(super) fn is_empty(&self) -> bool {
        self.files.is_empty() && self.left.is_none() && self.get("text").trim().is_empty()
    }

    /// The first value of this name, or an empty one.
    pub(super) fn get(&self, name: &str) -> &str {
        self.fields.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value.as_str())
    }
}

/// A file on its way to the disk.
async fn leave(
    file: &str,
    mut part: Field<'_>,
    (left, pace): (&mut Leaving, &mut Pace<'_>),
) -> Result<(), NotRead> {
    let mut has_begun = !file.is_empty();
    if has_begun {
        left.file(file.to_string());
    }
    while let Some(piece) = pace.wait(part.chunk()).await? {
        pace.took(piece.len())?;
        if piece.is_empty() {
            continue;
        }
        if !has_begun {
            left.file(file.to_string());
            has_begun = true;
        }
        left.write(&piece).map_err(|error| {
            tracing::error!(%error, "files that somebody sends could not be written");
            NotRead::NoRoom
        })?;
    }
    Ok(())
}

/// Bytes that files may have together: for a mail they are a third more in base64, and it has a header and a text.
pub(super) fn files_bytes_max(site: &Site, size: Size) -> usize {
    let settings = site.gateway().settings.load();
    let mail = settings.config.limits.message_bytes.0 / 4 * 3;
    let most = match size {
        Size::Mail => mail.saturating_sub(64 << 10),
        Size::Large => settings.config.portal.upload_bytes.0,
    };
    usize::try_from(most).unwrap_or(usize::MAX)
}

/// The larger of the two: what a page says.
pub(super) fn most_bytes(site: &Site) -> u64 {
    wide(files_bytes_max(site, Size::Mail).max(files_bytes_max(site, Size::Large)))
}

/// How fast a form comes, and how much of it may.
struct Pace<'s> {
    site: &'s Site,
    began: Tick,
    most: usize,
    taken: usize,
}

impl<'s> Pace<'s> {
    fn new(site: &'s Site, most: usize) -> Pace<'s> {
        Pace { site, began: site.gateway().clock.tick(), most, taken: 0 }
    }

    async fn wait<T>(
        &self,
        next: impl Future<Output = Result<T, MultipartError>>,
    ) -> Result<T, NotRead> {
        match tokio::time::timeout(limits::PORTAL_SILENCE_MAX, next).await {
            Ok(next) => next.map_err(|_| NotRead::Broken),
            Err(_) => Err(NotRead::TooSlow),
        }
    }

    fn took(&mut self, bytes: usize) -> Result<(), NotRead> {
        self.taken = self.taken.saturating_add(bytes);
        if self.taken > self.most {
            return Err(NotRead::TooLarge);
        }
        let spent = self.site.gateway().clock.tick().since(self.began);
        let least = spent.as_secs().saturating_mul(limits::PORTAL_BYTES_PER_SECOND_MIN);
        match spent > limits::PORTAL_SLOW_FOR && wide(self.taken) < least {
            true => Err(NotRead::TooSlow),
            false => Ok(()),
        }
    }
}

/// Who sends files now, by network: each may be in memory until it is a mail. Strangers and those who answer do not wait for each other.
static STRANGERS: Mutex<Vec<IpAddr>> = Mutex::new(Vec::new());
static READERS: Mutex<Vec<IpAddr>> = Mutex::new(Vec::new());

/// Who sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Who {
    /// Anybody.
    Stranger,
    /// Whoever has shown a code.
    Reader,
}

impl Who {
    fn places(self) -> MutexGuard<'static, Vec<IpAddr>> {
        let places = match self {
            Who::Stranger => &STRANGERS,
            Who::Reader => &READERS,
        };
        places.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A place among them. Dropping it makes room.
pub(super) struct SendingPlace {
    who: Who,
    network: IpAddr,
}

/// Takes one; none when all are taken, this network has one, or has had its tries in this hour.
pub(super) fn place(site: &Site, who: Who, client: IpAddr) -> Option<SendingPlace> {
    let network = network_key(client);
    let mut places = who.places();
    if places.len() >= limits::PORTAL_SENDINGS_AT_ONCE
        || places.contains(&network)
        || !portal_in::may_try(site.gateway(), client)
    {
        return None;
    }
    places.push(network);
    Some(SendingPlace { who, network })
}

impl Drop for SendingPlace {
    fn drop(&mut self) {
        self.who.places().retain(|one| *one != self.network);
    }
}
