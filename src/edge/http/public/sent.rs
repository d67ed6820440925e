//! What a form with files brings: read piece by piece, and no more of it kept than a mail may have.

use crate::{
    base::limits,
    edge::http::site::Site,
    pipeline::{
        limits::network_key,
        portal_in::{self, File},
    },
};
use axum::extract::Multipart;
use std::{
    net::IpAddr,
    sync::{Mutex, MutexGuard, PoisonError},
};

/// A form with files.
#[derive(Debug, Default)]
pub(super) struct Sent {
    fields: Vec<(String, String)>,
    pub(super) files: Vec<File>,
}

/// Why a form was not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NotRead {
    /// Together it is larger than a mail may be.
    TooLarge,
    /// It broke off, or is no form.
    Broken,
}

impl Sent {
    /// Reads it; `most` are the bytes of all files together.
    pub(super) async fn read(mut form: Multipart, most: usize) -> Result<Sent, NotRead> {
        let mut sent = Sent::default();
        let mut left = most;
        let mut parts = 0_usize;
        while let Some(mut part) = form.next_field().await.map_err(|_| NotRead::Broken)? {
            parts += 1;
            if parts > limits::FORM_FIELDS_MAX.min(limits::PORTAL_FILES_MAX) {
                return Err(NotRead::TooLarge);
            }
            let name = part.name().unwrap_or_default().to_string();
            let file = part.file_name().map(str::to_string);
            let mut bytes = Vec::new();
            while let Some(piece) = part.chunk().await.map_err(|_| NotRead::Broken)? {
                left = left.checked_sub(piece.len()).ok_or(NotRead::TooLarge)?;
                bytes.extend_from_slice(&piece);
            }
            match file {
                // A field for files in which none was chosen brings one without name and content.
                Some(file) if file.is_empty() && bytes.is_empty() => (),
                Some(file) => sent.files.push(File { name: file, bytes }),
                None => sent.fields.push((name, String::from_utf8_lossy(&bytes).into_owned())),
            }
        }
        Ok(sent)
    }

    /// The first value of this name, or an empty one.
    pub(super) fn get(&self, name: &str) -> &str {
        self.fields.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value.as_str())
    }
}

/// Bytes that files may have together: in base64 they are a third more, and a mail has a header and a text.
pub(super) fn files_bytes_max(site: &Site) -> usize {
    let mail = site.gateway().settings.load().config.limits.message_bytes.0;
    usize::try_from(mail / 4 * 3).unwrap_or(usize::MAX).saturating_sub(64 << 10)
}

/// Who sends files now, by network: each is kept in memory until it is a mail. Strangers and those who answer do not wait for each other.
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
