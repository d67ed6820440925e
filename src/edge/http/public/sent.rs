//! What a form with files brings: read piece by piece, and no more of it kept than a mail may have.

use crate::{base::limits, edge::http::site::Site, pipeline::portal_in::File};
use axum::extract::Multipart;
use tokio::sync::{Semaphore, SemaphorePermit};

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

/// A place among those who send files: each is kept in memory until it is a mail.
pub(super) fn place() -> Option<SemaphorePermit<'static>> {
    static PLACES: Semaphore = Semaphore::const_new(limits::PORTAL_SENDINGS_AT_ONCE);
    PLACES.try_acquire().ok()
}
