//! Opens a message: every part, every archive member, down to the bounds; each distinct blob is given to the signatures once.
//!
//! Pure: bytes, tools and a budget in, [`Contents`] out. What was not looked into is in `unscanned` with its reason; nothing becomes clean
//! by being skipped. To open a further format: one file in `formats`, one arm in [`Opening::go_in`].

use super::{
    BlobFacts, Contents, Encryption, EngineFailure, Oddity, Part, PartKind, Personal, Severity,
    SignatureHit, Signatures, Unscanned, UnscannedReason,
    inside::{Blob, Item, Level, Next, Origin, Ready},
    reading,
};
use crate::{
    base::limits,
    formats::{
        archive::{gzip, tar, zip},
        budget::{Budget, Limit, Stopped},
        crypto, kind, mime,
    },
    mail::Header,
};
use std::collections::HashSet;

/// What an examination asks others.
#[derive(Clone, Copy)]
pub struct Tools<'t> {
    /// Recognises known bytes.
    pub signatures: &'t dyn Signatures,
    /// Finds personal identifiers.
    pub personal: &'t dyn PersonalData,
}

/// Finds personal identifiers in texts.
pub trait PersonalData: Send + Sync {
    /// What is found in the texts of one mail: pairs of a part's id and a text in it. The subject's part is "header".
    fn scan(&self, texts: &[(&str, &str)]) -> Vec<Personal>;
}

/// Opens a message all the way down.
pub fn open(message: &[u8], tools: &Tools<'_>, budget: &mut Budget) -> Contents {
    let mut opening = Opening {
        tools,
        budget,
        contents: Contents::default(),
        seen: HashSet::new(),
        seen_apart_from_blanks: HashSet::new(),
        sealed: None,
        clear: false,
    };
    let raw = Item {
        id: String::new(),
        path: String::new(),
        name: None,
        bytes: Blob::Lent(message),
        stopped: None,
        depth: 0,
        origin: Origin::Member { readable: false, entity: true },
    };
    opening.recognise(&raw, PartKind::Message, blake3::hash(message));
    let mut levels: Vec<Level<'_>> = opening.go_into_message(&raw).into_iter().collect();
    while let Some(level) = levels.last_mut() {
        if let Err(limit) = opening.budget.check_time() {
            let opened = opening.contents.parts.len();
            opening.unscanned(
                "",
                "",
                reason(limit),
                format!("{limit}; {opened} parts were opened"),
            );
            break;
        }
        match level.next(opening.budget) {
            Next::Item(item) => levels.extend(opening.look_at(item)),
            Next::Limit { id, path, limit } => {
                opening.unscanned(&id, &path, reason(limit), limit.to_string());
                levels.pop();
            }
            Next::End => {
                levels.pop();
            }
        }
    }
    opening.finish(message)
}

struct Opening<'t, 'b> {
    tools: &'t Tools<'t>,
    budget: &'b mut Budget,
    contents: Contents,
    seen: HashSet<blake3::Hash>,
    /// Leaves of messages that readers differ about, without the white space around them.
    seen_apart_from_blanks: HashSet<blake3::Hash>,
    /// The kind of end-to-end encryption that was seen.
    sealed: Option<Encryption>,
    /// Something was readable.
    clear: bool,
}

impl Opening<'_, '_> {
    /// Looks at one blob: type, signatures, text. Gives the level inside it, if there is one.
    fn look_at<'m>(&mut self, item: Item<'m>) -> Option<Level<'m>> {
        let bytes = item.bytes.bytes();
        let name = item.name.as_deref().unwrap_or_default();
        let kind = true_kind(&item, kind::of(bytes, name));
        if let Origin::Leaf { leaf, alternative, unclean, ambiguous } = &item.origin {
            if *unclean {
                let because =
                    format!("the base64 of part {} has what does not belong there", item.id);
                self.oddity("mime.base64_unclean", because);
            }
            if leaf.fields.is_message() && !begins_with_field(bytes) {
                let because = format!("part {} is declared a message and is none", item.id);
                self.oddity("mime.not_a_message", because);
            }
            // Readers that differ in a line end do not differ.
            if *ambiguous {
                let hash = blake3::hash(bytes.trim_ascii());
                if !self.seen_apart_from_blanks.insert(hash) && *alternative {
                    return None;
                }
            }
            self.notice_encryption(leaf, kind, bytes);
        }
        if declared(&item) == "message/partial" {
            // RFC 2046 section 5.2.2: put together by the reader's program, behind us.
            let because = "a fragment of a message that arrives in pieces".to_string();
            self.unscanned(&item.id, &item.path, UnscannedReason::Unsupported, because);
        }
        let encrypted = item.stopped == Some(Stopped::Encrypted);
        let hash = blake3::hash(bytes);
        let part = Part {
            id: item.id.clone(),
            path: item.path.clone(),
            declared: declared(&item).to_string(),
            kind,
            name: item.name.clone(),
            attachment: is_attachment(&item, kind),
            bytes: u64::try_from(bytes.len()).unwrap_or(u64::MAX),
            hash: hash.to_hex().to_string(),
            scanned: false,
            encrypted,
        };
        let place = self.contents.parts.len();
        self.contents.parts.push(part);
        let whole = self.recognise(&item, kind, hash);
        let scanned = whole && item.stopped.is_none();
        if let Some(part) = self.contents.parts.get_mut(place) {
            part.scanned = scanned;
        }
        // Encrypted members are said once, of their archive.
        if let Some(stopped) = item.stopped.as_ref().filter(|_| !encrypted) {
            self.unscanned(&item.id, &item.path, stopped_reason(stopped), stopped.to_string());
        }
        reading::read(&item, kind, &mut self.contents);
        let level = self.go_in(&item, kind);
        if let (Some(part), true) = (self.contents.parts.get_mut(place), level.is_locked) {
            part.encrypted = true;
        }
        level.level
    }

    /// The level inside a blob, by what it is.
    fn go_in<'m>(&mut self, item: &Item<'m>, kind: PartKind) -> Inner<'m> {
        let bytes = item.bytes.bytes();
        let opens = matches!(
            kind,
            PartKind::Message
                | PartKind::Gzip
                | PartKind::Tar
                | PartKind::Zip
                | PartKind::Office
                | PartKind::OfficeMacro
                | PartKind::OpenDocument
                | PartKind::Java
                | PartKind::Crypto
        ) || zip::ends_as_zip(bytes);
        if opens && let Err(limit) = self.budget.check_depth(item.depth) {
            self.unscanned(&item.id, &item.path, reason(limit), limit.to_string());
            return Inner::default();
        }
        match kind {
            PartKind::Message => Inner::from(self.go_into_message(item)),
            PartKind::Gzip => {
                let (name, unpacked) = gzip::unpack(bytes, self.budget);
                let name = name.or_else(|| name_without_gz(item.name.as_deref()?));
                let (bytes, stopped) = (unpacked.bytes, unpacked.stopped);
                let file = Ready { name, bytes, stopped, entity: false };
                Inner::from(Some(Level::ready(item, vec![file])))
            }
            PartKind::Tar => {
                let (entries, stopped) = tar::list(bytes);
                if let Some(stopped) = stopped {
                    self.unscanned(
                        &item.id,
                        &item.path,
                        stopped_reason(&stopped),
                        stopped.to_string(),
                    );
                }
                Inner::from(Some(Level::tar(item, entries)))
            }
            PartKind::Zip => self.go_into_zip(item, true),
            PartKind::Office | PartKind::OfficeMacro | PartKind::OpenDocument | PartKind::Java => {
                self.go_into_zip(item, false)
            }
            PartKind::Crypto => Inner::from(crypto::signed_content(bytes).map(|content| {
                let stopped = self.budget.take_bytes(content.len()).err().map(Stopped::Limit);
                Level::ready(
                    item,
                    vec![Ready { name: None, bytes: content, stopped, entity: true }],
                )
            })),
            PartKind::Archive | PartKind::DiskImage => {
                let because = format!("{} cannot be opened yet", kind.word());
                self.unscanned(&item.id, &item.path, UnscannedReason::Unsupported, because);
                Inner::default()
            }
            _ if zip::ends_as_zip(bytes) => self.go_into_zip(item, true),
            PartKind::Text | PartKind::Html | PartKind::Calendar => {
                Inner::from(self.go_into_uuencoded(item))
            }
            // Their bytes were given to the signatures; what is deeper inside them is read by later formats.
            PartKind::Image
            | PartKind::Media
            | PartKind::Pdf
            | PartKind::OfficeOld
            | PartKind::Rtf
            | PartKind::OneNote
            | PartKind::Executable
            | PartKind::Script
            | PartKind::Shortcut
            | PartKind::Tnef
            | PartKind::Unknown => Inner::default(),
        }
    }

    fn go_into_message<'m>(&mut self, item: &Item<'m>) -> Option<Level<'m>> {
        let bytes = item.bytes.bytes();
        let split = mime::split(bytes, &item.id, self.budget);
        for (id, because) in split.oddities.iter() {
            self.oddity(id, because.clone());
        }
        for (part, limit) in &split.stopped {
            self.unscanned(part, &item.path, reason(*limit), limit.to_string());
        }
        let second = match split.oddities.is_empty() {
            true => Vec::new(),
            false => mime::second_reading(bytes, &item.id).unwrap_or_else(|stopped| {
                let because = format!("malformed, and not read a second time: {stopped}");
                self.unscanned(&item.id, &item.path, stopped_reason(&stopped), because);
                Vec::new()
            }),
        };
        Some(Level::message(item, split, second))
    }

    fn go_into_zip<'m>(&mut self, item: &Item<'m>, readable: bool) -> Inner<'m> {
        let entries = zip::list(item.bytes.bytes());
        let locked = entries.iter().filter(|entry| entry.encrypted).count();
        if locked > 0 {
            let because = format!("{locked} of {} members need a password", entries.len());
            self.unscanned(&item.id, &item.path, UnscannedReason::Encrypted, because);
        }
        if entries.iter().any(|entry| entry.unlisted) {
            let because =
                format!("the archive in part {} has members its directory does not list", item.id);
            self.oddity("archive.unlisted_member", because);
        }
        if entries.is_empty() && item.bytes.bytes().len() > EMPTY_ZIP_BYTES {
            let because = "no member could be found".to_string();
            self.unscanned(&item.id, &item.path, UnscannedReason::Damaged, because);
        }
        Inner { level: Some(Level::zip(item, entries, readable)), is_locked: locked > 0 }
    }

    /// Files in a text as they were sent before MIME.
    fn go_into_uuencoded<'m>(&mut self, item: &Item<'m>) -> Option<Level<'m>> {
        let mut files = Vec::new();
        for file in mime::uuencoded(item.bytes.bytes()) {
            let stopped = self.budget.take_bytes(file.bytes.len()).err().map(Stopped::Limit);
            let full = stopped.is_some();
            let name = Some(mime::bounded(file.name));
            files.push(Ready { name, bytes: file.bytes, stopped, entity: false });
            if full || files.len() > limits::PARTS_MAX {
                break;
            }
        }
        (!files.is_empty()).then(|| Level::ready(item, files))
    }

    /// Gives a blob to the signatures unless they had it before. False: they did not get through.
    fn recognise(&mut self, item: &Item<'_>, kind: PartKind, hash: blake3::Hash) -> bool {
        let bytes = item.bytes.bytes();
        if bytes.is_empty() || !self.seen.insert(hash) {
            return true;
        }
        let name = item.name.as_deref().unwrap_or_default();
        let filename = name.rsplit(['/', '\\']).next().unwrap_or_default();
        let extension = kind::extension(filename);
        let facts = BlobFacts { filename, extension: &extension, kind };
        let time_left = self.budget.time_left().min(limits::YARA_TIME_MAX);
        match self.tools.signatures.scan(bytes, &facts, time_left) {
            Ok(matches) => {
                let hits = matches.into_iter().map(|found| SignatureHit {
                    rule: found.rule,
                    severity: found.severity,
                    about: found.about,
                    part: item.id.clone(),
                    path: item.path.clone(),
                });
                for hit in hits {
                    self.hit(hit);
                }
                true
            }
            Err(failure) => {
                let because = failure.to_string();
                let reason = match failure {
                    EngineFailure::TimedOut { .. } | EngineFailure::Failed { .. } => {
                        UnscannedReason::Engine
                    }
                };
                self.unscanned(&item.id, &item.path, reason, because);
                false
            }
        }
    }

    /// Keeps a hit within the bound; malware is never crowded out by lesser ones.
    fn hit(&mut self, hit: SignatureHit) {
        let hits = &mut self.contents.signatures;
        if hits.len() < limits::SIGNATURE_HITS_MAX {
            hits.push(hit);
        } else if hit.severity == Severity::Malware
            && let Some(lesser) = hits.iter_mut().find(|known| known.severity < Severity::Malware)
        {
            *lesser = hit;
        }
    }

    fn notice_encryption(&mut self, leaf: &mime::Leaf, kind: PartKind, bytes: &[u8]) {
        match reading::sealing(leaf, kind, bytes) {
            reading::Sealing::Neutral => (),
            reading::Sealing::Clear => self.clear = true,
            reading::Sealing::Sealed(how) => self.sealed = Some(how),
            reading::Sealing::PartlySealed(how) => {
                self.sealed = Some(how);
                self.clear = true;
            }
        }
    }

    fn oddity(&mut self, id: &'static str, because: String) {
        let oddity = Oddity { id: id.to_string(), because };
        let oddities = &mut self.contents.oddities;
        if oddities.len() < limits::ODDITIES_MAX && !oddities.contains(&oddity) {
            oddities.push(oddity);
        }
    }

    fn unscanned(&mut self, part: &str, path: &str, reason: UnscannedReason, because: String) {
        let unscanned = &mut self.contents.unscanned;
        let because = match unscanned.len() {
            0..limits::UNSCANNED_MAX => because,
            limits::UNSCANNED_MAX => "and more, not listed".to_string(),
            _ => return,
        };
        unscanned.push(Unscanned {
            part: part.to_string(),
            path: path.to_string(),
            reason,
            because,
        });
    }

    fn finish(mut self, message: &[u8]) -> Contents {
        self.contents.encryption = match (self.sealed, self.clear) {
            (None, _) => Encryption::None,
            (Some(how), false) => how,
            (Some(_), true) => Encryption::Partial,
        };
        self.contents.unpacked_bytes = self.budget.bytes_taken();
        let subject = Header::read(message)
            .ok()
            .and_then(|header| header.text("Subject"))
            .unwrap_or_default();
        let contents = &self.contents;
        let mut texts: Vec<(&str, &str)> = vec![("header", &subject)];
        for part in &contents.parts {
            texts.extend(part.name.as_deref().map(|name| (part.id.as_str(), name)));
        }
        for text in &contents.texts {
            texts.push((&text.part, &text.shown));
            texts.push((&text.part, &text.hidden));
        }
        texts.retain(|(_, text)| !text.is_empty());
        let personal = self.tools.personal.scan(&texts);
        self.contents.personal = personal;
        self.contents
    }
}

/// What [`Opening::go_in`] found.
#[derive(Default)]
struct Inner<'m> {
    level: Option<Level<'m>>,
    /// It needs a password, at least in part.
    is_locked: bool,
}

impl<'m> From<Option<Level<'m>>> for Inner<'m> {
    fn from(level: Option<Level<'m>>) -> Inner<'m> {
        Inner { level, is_locked: false }
    }
}

/// What a blob is, with what its fields say where the bytes leave it open.
fn true_kind(item: &Item<'_>, by_bytes: PartKind) -> PartKind {
    let textual =
        matches!(by_bytes, PartKind::Text | PartKind::Html | PartKind::Message | PartKind::Unknown);
    let leaf = match &item.origin {
        Origin::Leaf { leaf, .. } => leaf,
        Origin::Member { entity: true, .. } if textual => return PartKind::Message,
        Origin::Member { .. } => return by_bytes,
    };
    let media_type = leaf.fields.media_type.as_str();
    if leaf.fields.is_message() && textual {
        return PartKind::Message;
    }
    if item.bytes.bytes().is_empty() {
        // Nothing contradicts the claim.
        return kind::claims(declared(item), "").unwrap_or(by_bytes);
    }
    // A body is shown, not opened: one that quotes a mail, a script or a page from its first line is a text all the same.
    let is_body = item.name.is_none() && leaf.fields.disposition != "attachment";
    let is_text =
        textual || matches!(by_bytes, PartKind::Script | PartKind::Shortcut | PartKind::Calendar);
    let is_armor = by_bytes == PartKind::Crypto && crypto::cms(item.bytes.bytes()).is_none();
    match media_type {
        "" | "text/plain" if is_body && (is_text || is_armor) && by_bytes != PartKind::Unknown => {
            PartKind::Text
        }
        "text/html" if by_bytes == PartKind::Text => PartKind::Html,
        _ => by_bytes,
    }
}

fn begins_with_field(bytes: &[u8]) -> bool {
    Header::read(bytes).is_ok_and(|header| !header.fields().is_empty())
}

fn declared<'i>(item: &'i Item<'_>) -> &'i str {
    match &item.origin {
        // RFC 2045 section 5.2: without a field it is plain text.
        Origin::Leaf { leaf, .. } if leaf.fields.media_type.is_empty() => "text/plain",
        Origin::Leaf { leaf, .. } => &leaf.fields.media_type,
        Origin::Member { .. } => "",
    }
}

/// Is it meant to be saved rather than seen?
fn is_attachment(item: &Item<'_>, kind: PartKind) -> bool {
    let Origin::Leaf { leaf, .. } = &item.origin else { return true };
    let seen = matches!(kind, PartKind::Image)
        || matches!(
            leaf.fields.media_type.as_str(),
            "" | "text/plain" | "text/html" | "text/enriched"
        );
    match leaf.fields.disposition.as_str() {
        "attachment" => true,
        "inline" => !seen,
        _ => !seen || (item.name.is_some() && kind != PartKind::Image),
    }
}

fn name_without_gz(name: &str) -> Option<String> {
    let stem = name.rsplit_once('.')?.0;
    match kind::extension(name).as_str() {
        "tgz" => Some(format!("{stem}.tar")),
        "gz" | "gzip" | "z" => Some(stem.to_string()),
        _ => None,
    }
}

fn reason(limit: Limit) -> UnscannedReason {
    match limit {
        Limit::TooDeep { .. } => UnscannedReason::TooDeep,
        Limit::TooMany { .. } => UnscannedReason::TooMany,
        Limit::TooLarge { .. } => UnscannedReason::TooLarge,
        Limit::RatioTooHigh { .. } => UnscannedReason::RatioTooHigh,
        Limit::OutOfTime { .. } => UnscannedReason::OutOfTime,
    }
}

fn stopped_reason(stopped: &Stopped) -> UnscannedReason {
    match stopped {
        Stopped::Limit(limit) => reason(*limit),
        Stopped::Damaged(_) => UnscannedReason::Damaged,
        Stopped::Encrypted => UnscannedReason::Encrypted,
        Stopped::Unsupported(_) => UnscannedReason::Unsupported,
    }
}

/// An end record alone: a ZIP with nothing in it.
const EMPTY_ZIP_BYTES: usize = 22;

#[cfg(test)]
mod tests;
