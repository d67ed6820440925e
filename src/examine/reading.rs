//! What people read of a blob: its text, its links, what its page does; and whether it is sealed.

use super::{
    Contents, Encryption, Link, PageFacts, PartKind, Text, TextSource,
    inside::{Item, Origin},
};
use crate::{
    base::limits,
    formats::{
        crypto::{self, Cms},
        html, kind,
        links::{self, Target},
        mime::{self, Leaf},
        opened::Role,
    },
};
use std::borrow::Cow;

/// Reads the text of a blob, if it is one that people read, into the contents; within the bound on text of one mail. Gives the tables of a page.
pub(super) fn read(item: &Item<'_>, kind: PartKind, contents: &mut Contents) -> String {
    let Some(source) = source(item, kind) else { return String::new() };
    let had: usize = contents.texts.iter().map(|text| text.shown.len() + text.hidden.len()).sum();
    let left = limits::TEXT_BYTES_MAX.saturating_sub(had);
    let bytes = item.bytes.bytes();
    let charset = charset(item, source);
    match source {
        TextSource::Plain => {
            // Four bytes for a letter at most.
            let bytes = bytes.get(..bytes.len().min(left.saturating_mul(4))).unwrap_or_default();
            let mut shown = mime::decode_text(bytes, &charset);
            if kind == PartKind::Calendar {
                // RFC 5545 section 3.1: lines are folded anywhere, in words too.
                shown = shown.replace("\r\n ", "").replace("\n ", "");
                // Section 3.3.11: what stands in a text behind a backslash.
                for (written, meant) in [("\\n", "\n"), ("\\N", "\n"), ("\\,", ","), ("\\;", ";")] {
                    shown = shown.replace(written, meant);
                }
            }
            if let Origin::Leaf { leaf, .. } = &item.origin
                && let Some(flow) = leaf.fields.flow
            {
                shown = mime::unfold_flowed(&shown, flow);
            }
            truncate(&mut shown, left);
            for (_, target) in links::in_text(&shown) {
                push_link(contents, &item.id, target, String::new(), false);
            }
            push_text(
                contents,
                Text { part: item.id.clone(), source, shown, hidden: String::new() },
            );
            String::new()
        }
        TextSource::Html => {
            let bytes = bytes.get(..bytes.len().min(limits::PAGE_BYTES_MAX)).unwrap_or_default();
            let page = html::read(&mime::decode_text(bytes, &charset));
            let (mut shown, mut hidden) = (page.shown, page.hidden);
            truncate(&mut shown, left);
            truncate(&mut hidden, left.saturating_sub(shown.len()));
            for link in page.links {
                push_link(contents, &item.id, link.target, link.shown, link.fetched);
            }
            add_facts(&mut contents.page, page.facts);
            push_text(contents, Text { part: item.id.clone(), source, shown, hidden });
            page.tables
        }
    }
}

/// What is read as text, and how.
pub(super) fn source(item: &Item<'_>, kind: PartKind) -> Option<TextSource> {
    let by_kind = match kind {
        PartKind::Text | PartKind::Calendar => Some(TextSource::Plain),
        PartKind::Html => Some(TextSource::Html),
        PartKind::Message
        | PartKind::Image
        | PartKind::Media
        | PartKind::Pdf
        | PartKind::OfficeOld
        | PartKind::Office
        | PartKind::OfficeMacro
        | PartKind::OpenDocument
        | PartKind::Rtf
        | PartKind::OneNote
        | PartKind::Zip
        | PartKind::Gzip
        | PartKind::Tar
        | PartKind::Archive
        | PartKind::DiskImage
        | PartKind::Executable
        | PartKind::Script
        | PartKind::Shortcut
        | PartKind::Java
        | PartKind::Crypto
        | PartKind::Tnef
        | PartKind::Unknown => None,
    };
    match &item.origin {
        Origin::Member { role: Role::Text, .. } => Some(TextSource::Plain),
        // A page inside a document is shown when the document is.
        Origin::Member { role: Role::Inside, listed: false } if kind == PartKind::Html => by_kind,
        Origin::Member { role: Role::Inside | Role::Code, .. } => None,
        Origin::Member { role: Role::File | Role::Entity, .. } => by_kind,
        Origin::Leaf { leaf, .. } => {
            let textual = by_kind.is_some()
                || matches!(kind, PartKind::Script | PartKind::Message | PartKind::Unknown);
            match leaf.fields.media_type.as_str() {
                // Shown as a page whatever it looks like, and as text though it looks like a page.
                "text/html" | "application/xhtml+xml" if textual => Some(TextSource::Html),
                "" | "text/plain" if textual && item.name.is_none() => Some(TextSource::Plain),
                _ => by_kind,
            }
        }
    }
}

/// The charset that a text is read in.
pub(super) fn charset<'i>(item: &'i Item<'_>, source: TextSource) -> Cow<'i, str> {
    let declared = match &item.origin {
        Origin::Leaf { leaf, .. } => leaf.fields.charset.as_str(),
        Origin::Member { .. } => "",
    };
    match source {
        TextSource::Html if declared.is_empty() => {
            html::declared_charset(item.bytes.bytes()).unwrap_or_default().into()
        }
        TextSource::Html | TextSource::Plain => declared.into(),
    }
}

fn push_text(contents: &mut Contents, text: Text) {
    if !text.shown.trim().is_empty() || !text.hidden.trim().is_empty() {
        contents.texts.push(text);
    }
}

pub(super) fn push_link(
    contents: &mut Contents,
    part: &str,
    target: Target,
    shown: String,
    fetched: bool,
) {
    if contents.links.len() < limits::LINKS_MAX {
        contents.links.push(Link {
            part: part.to_string(),
            target: target.written,
            host: target.host,
            scheme: target.scheme,
            shown,
            fetched,
        });
    }
}

fn truncate(text: &mut String, bytes_max: usize) {
    let end = text.floor_char_boundary(bytes_max);
    text.truncate(end);
}

fn add_facts(all: &mut PageFacts, page: PageFacts) {
    let PageFacts {
        present,
        forms,
        password_fields,
        form_targets,
        scripts,
        frames,
        images,
        tiny_images,
        refreshes,
        base_href,
        hidden_letters,
        shown_letters,
        split_words,
    } = page;
    all.present |= present;
    all.base_href |= base_href;
    for (total, more) in [
        (&mut all.forms, forms),
        (&mut all.password_fields, password_fields),
        (&mut all.scripts, scripts),
        (&mut all.frames, frames),
        (&mut all.images, images),
        (&mut all.tiny_images, tiny_images),
        (&mut all.refreshes, refreshes),
        (&mut all.hidden_letters, hidden_letters),
        (&mut all.shown_letters, shown_letters),
        (&mut all.split_words, split_words),
    ] {
        *total = total.saturating_add(more);
    }
    all.form_targets.extend(form_targets);
    all.form_targets.truncate(html::FORM_TARGETS_MAX);
}

/// Whether a leaf is encrypted end to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sealing {
    /// Says nothing either way: a signature, a control part, white space, a message whose parts speak for themselves.
    Neutral,
    /// Readable.
    Clear,
    /// Encrypted.
    Sealed(Encryption),
    /// Encrypted, with readable text around it.
    PartlySealed(Encryption),
}

/// By the bytes; the labels only say where to look.
pub(super) fn sealing(leaf: &Leaf, kind: PartKind, bytes: &[u8]) -> Sealing {
    let declared = leaf.fields.media_type.as_str();
    let extension = leaf.fields.names.first().map(|name| kind::extension(name)).unwrap_or_default();
    if kind == PartKind::Message || bytes.trim_ascii().is_empty() {
        return Sealing::Neutral;
    }
    match crypto::cms(bytes) {
        Some(Cms::Enveloped) => return Sealing::Sealed(Encryption::Smime),
        Some(Cms::Feigned) => return Sealing::Clear,
        Some(Cms::Other) => return Sealing::Neutral,
        // A detached signature covers what stands beside it; one with content is clear.
        Some(Cms::Signed) => {
            return match crypto::signed_content(bytes) {
                Some(_) => Sealing::Clear,
                None => Sealing::Neutral,
            };
        }
        None => (),
    }
    if matches!(
        declared,
        "application/pgp-signature" | "application/pgp-keys" | "application/pgp-encrypted"
    ) {
        return Sealing::Neutral;
    }
    if let Some(armor) = crypto::inline_openpgp(bytes) {
        return match (armor.encrypted, armor.outside) {
            (true, false) => Sealing::Sealed(Encryption::Openpgp),
            (true, true) => Sealing::PartlySealed(Encryption::Openpgp),
            (false, _) => Sealing::Clear,
        };
    }
    let labelled =
        leaf.within == "multipart/encrypted" || matches!(extension.as_str(), "pgp" | "gpg" | "asc");
    match labelled && crypto::is_openpgp_encrypted(bytes) {
        true => Sealing::Sealed(Encryption::Openpgp),
        false => Sealing::Clear,
    }
}
