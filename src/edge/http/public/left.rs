//! Files that somebody left for a reader of ours: their page, and how they are given out.

use super::sheet::{Reader, plain, readable};
use crate::{
    base::units,
    edge::http::{admin::content::attachment, pieces, site::Site},
    formats::archive::zip::{Stored, directory},
    pipeline::{
        left::{Left, LeftFile},
        view::file_name,
    },
    store::portal::Parcel,
};
use axum::{http::header, response::Response};
use bytes::Bytes;
use std::io;
use tokio::sync::mpsc;

/// What the page shows.
pub(super) struct LeftPage {
    /// How far it is known who sent them.
    pub(super) claimed: String,
    pub(super) name: String,
    pub(super) text: String,
    pub(super) files: Vec<Shown>,
    pub(super) csrf: String,
}

/// One file.
pub(super) struct Shown {
    pub(super) number: usize,
    pub(super) label: String,
    pub(super) size: String,
}

impl LeftPage {
    pub(super) fn of(reader: &Reader, parcel: &Parcel, left: &Left, csrf: String) -> LeftPage {
        let words = reader.words;
        let label = |file: &LeftFile| {
            words.say("portal.download", &[("name", &plain(&file_name(&file.name)))])
        };
        let files = left.files.iter().enumerate();
        LeftPage {
            claimed: left.known.said(words, &plain(&parcel.sender.to_string())),
            name: plain(&left.name),
            text: readable(&left.text),
            files: files
                .map(|(number, file)| Shown {
                    number,
                    label: label(file),
                    size: units::roughly_bytes(file.bytes),
                })
                .collect(),
            csrf,
        }
    }
}

/// One of them, by its number; none: there is no such file.
pub(super) fn one(site: &Site, left: &Left, number: usize) -> Option<Response> {
    let file = left.files.get(number)?.clone();
    let (name, bytes) = (file_name(&file.name), file.bytes);
    Some(given(site, name, bytes, left.clone(), vec![Piece::Of(file)]))
}

/// All of them in an archive; of those with one name, all but the first have a number before it.
pub(super) fn all(site: &Site, left: &Left, id: &str) -> Response {
    let mut stored: Vec<Stored> = Vec::with_capacity(left.files.len());
    let mut pieces = Vec::with_capacity(left.files.len().saturating_mul(2).saturating_add(1));
    for file in &left.files {
        let name = file_name(&file.name);
        let taken = |name: &str| stored.iter().any(|other| other.name == name);
        let mut numbered = (stored.len()..).map(|number| format!("{number}-{name}"));
        let name = match taken(&name) {
            true => numbered.find(|name| !taken(name)).unwrap_or_default(),
            false => name,
        };
        let bytes = u32::try_from(file.bytes).unwrap_or(u32::MAX);
        let one = Stored { name, bytes, crc32: file.crc32 };
        pieces.push(Piece::Made(one.head().into()));
        pieces.push(Piece::Of(file.clone()));
        stored.push(one);
    }
    pieces.push(Piece::Made(directory(&stored).into()));
    let bytes = pieces.iter().map(Piece::bytes).fold(0, u64::saturating_add);
    given(site, format!("{id}.zip"), bytes, left.clone(), pieces)
}

/// What an answer is made of.
enum Piece {
    Made(Bytes),
    Of(LeftFile),
}

impl Piece {
    fn bytes(&self) -> u64 {
        match self {
            Piece::Made(bytes) => u64::try_from(bytes.len()).unwrap_or(u64::MAX),
            Piece::Of(file) => file.bytes,
        }
    }
}

fn given(site: &Site, name: String, bytes: u64, left: Left, pieces: Vec<Piece>) -> Response {
    let (to, body) = pieces::streamed();
    let hostname = site.gateway().settings.load().config.hostname.clone();
    tokio::spawn(async move {
        if let Err(error) = give(&left, pieces, &to).await {
            tracing::error!(%hostname, %error, "files in the portal could not be read to their end");
            let _gone = to.send(Err(error)).await;
        }
    });
    let mut response = attachment(&name, Vec::new());
    *response.body_mut() = body;
    response.headers_mut().insert(header::CONTENT_LENGTH, bytes.into());
    response
}

async fn give(
    left: &Left,
    pieces: Vec<Piece>,
    to: &mpsc::Sender<io::Result<Bytes>>,
) -> io::Result<()> {
    for piece in pieces {
        let file = match piece {
            Piece::Made(bytes) => {
                if to.send(Ok(bytes)).await.is_err() {
                    return Ok(());
                }
                continue;
            }
            Piece::Of(file) => file,
        };
        let (mut at, end) = (file.at, file.at.saturating_add(file.bytes));
        while at < end {
            let bytes = left.piece(at, end).await?;
            at = at.saturating_add(u64::try_from(bytes.len()).unwrap_or(u64::MAX));
            // Whoever went away needs no more of it.
            if to.send(Ok(bytes)).await.is_err() {
                return Ok(());
            }
        }
    }
    Ok(())
}
