//! Opens a message: every part, every archive member, down to the bounds; each distinct blob is given to the signatures once.
//!
//! Pure: bytes, tools and a budget in, [`Contents`] out. What was not looked into is in `unscanned` with its reason; nothing becomes clean
//! by being skipped. To open a further format: one file in `formats`, one arm in `within`.

use super::{
    BlobFacts, Contents, Encryption, EngineFailure, Oddity, Part, PartDigests, PartKind, Personal,
    Severity, Sign, SignatureHit, Signatures, Unscanned, UnscannedReason, accounts,
    contents::Blob,
    inside::{self, Item, Level, Next, Origin},
    reading, reports,
    view::{Keeper, Listed},
    within,
};
use crate::{
    base::limits,
    formats::{
        archive::{passwords, tar, zip},
        budget::{Budget, Limit, Stopped},
        crypto, encodings,
        image::{self, album::Album},
        kind,
        links::Target,
        mime,
        opened::{Opened, Role},
    },
    mail::{Header, header::decode_words},
    personal::{Piece, PieceIs},
};
use md5::Md5;
use sha1::Sha1;
use sha2::{Digest, Sha256};
use std::{collections::HashSet, rc::Rc};

/// What an examination asks others.
#[derive(Clone, Copy)]
pub struct Tools<'t> {
    /// Recognises known bytes.
    pub signatures: &'t dyn Signatures,
    /// Finds personal data.
    pub personal: &'t dyn PersonalData,
    /// What else is wanted.
    pub wants: Wants,
    /// Countries far from here whose people's numbers are looked for where no word names them, too.
    pub abroad: &'t [String],
}

/// What an examination gives only where somebody asks for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
pub struct Wants {
    /// Digests of parts, for lists.
    pub digests: bool,
    /// Blobs that another scanner would not come to.
    pub blobs: bool,
}

/// Finds personal data in texts.
pub trait PersonalData: Send + Sync {
    /// What is found in the texts of one mail, and how many different persons there are in all. The subject's part is "header".
    fn read(&self, pieces: &[Piece<'_>], abroad: &[String]) -> (Vec<Personal>, u32);
}

/// Opens a message all the way down.
pub fn open<'b>(message: &'b [u8], tools: &Tools<'_>, budget: &'b mut Budget) -> Contents {
    open_and_keep(message, tools, budget, None).0
}

/// The same for one who looks on and keeps what is to be shown.
pub(super) fn open_and_keep<'b>(
    message: &'b [u8],
    tools: &Tools<'_>,
    budget: &'b mut Budget,
    keeper: Option<Keeper>,
) -> (Contents, Option<Keeper>) {
    let mut opening = Opening {
        tools,
        budget,
        contents: Contents::default(),
        seen: HashSet::new(),
        seen_apart_from_blanks: HashSet::new(),
        went_in: HashSet::new(),
        message,
        passwords: None,
        album: Album::default(),
        locked: false,
        sealed: None,
        clear: false,
        led_to: Vec::new(),
        tables: Vec::new(),
        subjects: Vec::new(),
        keeper,
    };
    let raw = Item {
        id: String::new(),
        path: String::new(),
        name: None,
        bytes: inside::Blob::Lent(message),
        stopped: None,
        depth: 0,
        origin: Origin::Member { role: Role::Entity, listed: false },
    };
    opening.recognise(&raw, PartKind::Message, blake3::hash(message));
    opening.recognise_header();
    let mut levels: Vec<Level<'_>> = opening.go_into_message(&raw);
    while let Some(level) = levels.last_mut() {
        if opening.keeper.as_ref().is_some_and(Keeper::has_all) {
            break;
        }
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
    let keeper = opening.keeper.take();
    (opening.finish(message), keeper)
}

pub(super) struct Opening<'t, 'b> {
    tools: &'t Tools<'t>,
    pub(super) budget: &'b mut Budget,
    contents: Contents,
    /// What the signatures had.
    seen: HashSet<blake3::Hash>,
    /// What was gone into, and as what.
    went_in: HashSet<(blake3::Hash, PartKind)>,
    /// The mail itself.
    message: &'b [u8],
    /// Words of the mail that may open what is locked, once somebody asked for them.
    passwords: Option<Rc<Vec<String>>>,
    /// The pictures that were looked through for codes.
    pub(super) album: Album,
    /// Leaves of messages that readers differ about, without the white space around them.
    seen_apart_from_blanks: HashSet<blake3::Hash>,
    /// What is being looked at needs a password, at least in part.
    locked: bool,
    /// The kind of end-to-end encryption that was seen.
    sealed: Option<Encryption>,
    /// Something was readable.
    clear: bool,
    /// Where documents lead, written in letters that their bytes do not show.
    led_to: Vec<String>,
    /// Sheets and tables of documents, by part.
    tables: Vec<(String, String)>,
    /// What mails within the mail say in their headers, by part.
    subjects: Vec<(String, String)>,
    /// Keeps what is to be shown, where somebody wants to see it.
    keeper: Option<Keeper>,
}

impl Opening<'_, '_> {
    /// Looks at one blob: type, signatures, text. Gives the levels inside it.
    fn look_at<'m>(&mut self, item: Item<'m>) -> Vec<Level<'m>> {
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
                    return Vec::new();
                }
            }
            for sign in mime::names::signs(&leaf.fields, &item.id) {
                self.sign(&item, sign.id, sign.because);
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
        self.set_aside(&item, hash);
        let place = self.list(&item, kind, hash, encrypted);
        let whole = self.recognise(&item, kind, hash);
        let scanned = whole && item.stopped.is_none();
        if let Some(part) = place.and_then(|place| self.contents.parts.get_mut(place)) {
            part.scanned = scanned;
        }
        // Encrypted members are said once, of their archive.
        if let Some(stopped) = item.stopped.as_ref().filter(|_| !encrypted) {
            self.unscanned(&item.id, &item.path, stopped_reason(stopped), stopped.to_string());
        }
        let texts_before = self.contents.texts.len();
        let links_before = self.contents.links.len();
        let tables = reading::read(&item, kind, &mut self.contents);
        self.keep_tables(&item.id, tables);
        self.show(&item, kind, place, texts_before);
        reports::notice(&item, kind, &mut self.contents, self.budget);
        let mut levels = self.go_in(&item, kind, hash);
        levels.extend(self.look_at_words(&item, texts_before, links_before));
        if let Some(part) = place.and_then(|place| self.contents.parts.get_mut(place)) {
            part.encrypted |= self.locked;
        }
        self.locked = false;
        levels
    }

    /// Lets the keeper look at a part whose texts were just read.
    fn show(&mut self, item: &Item<'_>, kind: PartKind, place: Option<usize>, texts_from: usize) {
        let (Some(keeper), Some(place)) = (&mut self.keeper, place) else { return };
        let texts = texts_from..self.contents.texts.len();
        keeper.see(item, Listed { kind, place, attachment: is_attachment(item, kind), texts });
    }

    /// Gives what the header says in encoded words to the signatures: the mail as it came has it in other letters.
    fn recognise_header(&mut self) {
        let Ok(header) = Header::read(self.message) else { return };
        let fields = header.fields().iter().take(limits::HEADER_FIELDS_MAX);
        let encoded =
            fields.filter(|field| memchr::memmem::find(header.raw(field), b"=?").is_some());
        let decoded = encoded.flat_map(|field| {
            let raw = String::from_utf8_lossy(header.raw(field)).into_owned();
            // Some programs join a word that is folded in its middle.
            let unfolded = raw.replace(['\r', '\n'], "");
            let joined: String =
                raw.chars().filter(|letter| !letter.is_ascii_whitespace()).collect();
            [decode_words(&unfolded), decode_words(&joined), words_in_any_charset(&joined)]
        });
        let text = decoded.collect::<Vec<String>>().join("\n").into_bytes();
        if !text.is_empty() {
            self.recognise_text("header", text);
        }
    }

    /// Gives a text to the signatures that stands nowhere in these letters; `id` says where it comes from.
    fn recognise_text(&mut self, id: &str, text: Vec<u8>) {
        if self.budget.check_time().is_err() {
            // It is said already, of what was still to be looked at.
            return;
        }
        let hash = blake3::hash(&text);
        let item = Item {
            id: id.to_string(),
            path: String::new(),
            name: None,
            bytes: inside::Blob::new(text),
            stopped: None,
            depth: 0,
            origin: Origin::Member { role: Role::Code, listed: false },
        };
        self.recognise(&item, PartKind::Text, hash);
    }

    /// Keeps a copy of what another scanner would not come to by itself: what only some readers see, and what stands in no archive's list.
    fn set_aside(&mut self, item: &Item<'_>, hash: blake3::Hash) {
        let strange = match &item.origin {
            Origin::Leaf { alternative, .. } => *alternative,
            Origin::Member { role, listed } => !listed && *role != Role::Text,
        };
        let bytes = item.bytes.bytes();
        let blobs = &mut self.contents.blobs;
        let had: usize = blobs.iter().map(|blob| blob.bytes.len()).sum();
        let wanted = self.tools.wants.blobs
            && strange
            && bytes.len() >= limits::BLOB_ASIDE_BYTES_MIN
            && !self.seen.contains(&hash);
        if wanted
            && blobs.len() < limits::BLOBS_ASIDE_MAX
            && had + bytes.len() <= limits::BLOBS_ASIDE_BYTES_MAX
        {
            let (part, path) = (item.id.clone(), item.path.clone());
            blobs.push(Blob { part, path, bytes: bytes.to_vec() });
        }
    }

    /// Lists a blob among the parts, if it is one that somebody could see; gives its place.
    fn list(
        &mut self,
        item: &Item<'_>,
        kind: PartKind,
        hash: blake3::Hash,
        encrypted: bool,
    ) -> Option<usize> {
        if let Origin::Member { listed: false, .. } = item.origin {
            return None;
        }
        let bytes = item.bytes.bytes();
        let attachment = is_attachment(item, kind);
        self.contents.parts.push(Part {
            id: item.id.clone(),
            path: item.path.clone(),
            declared: declared(item).to_string(),
            kind,
            name: item.name.clone(),
            attachment,
            bytes: u64::try_from(bytes.len()).unwrap_or(u64::MAX),
            hash: hash.to_hex().to_string(),
            digests: match (self.tools.wants.digests, attachment) {
                (true, _) => Some(digests(bytes)),
                // Whoever looks a file up elsewhere looks for this one.
                (false, true) => {
                    Some(PartDigests { sha256: sha256(bytes), ..PartDigests::default() })
                }
                (false, false) => None,
            },
            scanned: false,
            encrypted,
        });
        Some(self.contents.parts.len() - 1)
    }

    /// The levels inside a blob, by what it is. What was gone into before is the same again.
    fn go_in<'m>(&mut self, item: &Item<'m>, kind: PartKind, hash: blake3::Hash) -> Vec<Level<'m>> {
        if !self.went_in.insert((hash, kind)) {
            return Vec::new();
        }
        if !within::may_have_an_inside(item, kind) {
            return Vec::new();
        }
        if let Err(limit) = self.budget.check_depth(item.depth) {
            self.unscanned(&item.id, &item.path, reason(limit), limit.to_string());
            return Vec::new();
        }
        match kind {
            PartKind::Message => self.go_into_message(item),
            PartKind::Zip => {
                let mut levels = self.go_into_zip(item, Role::File);
                levels.extend(within::behind_zip(item));
                levels
            }
            PartKind::Tar => self.go_into_tar(item),
            PartKind::Office | PartKind::OfficeMacro | PartKind::OpenDocument => {
                let mut levels = self.go_into_zip(item, Role::Inside);
                levels.extend(within::open(self, item, kind));
                levels
            }
            PartKind::Java => self.go_into_zip(item, Role::Inside),
            PartKind::Text
            | PartKind::Html
            | PartKind::Calendar
            | PartKind::Image
            | PartKind::Media
            | PartKind::Pdf
            | PartKind::OfficeOld
            | PartKind::Rtf
            | PartKind::OneNote
            | PartKind::Gzip
            | PartKind::Archive
            | PartKind::DiskImage
            | PartKind::Executable
            | PartKind::Script
            | PartKind::Shortcut
            | PartKind::Crypto
            | PartKind::Tnef
            | PartKind::Unknown => {
                let mut levels = within::open(self, item, kind);
                if zip::ends_as_zip(item.bytes.bytes()) {
                    levels.extend(self.go_into_zip(item, Role::File));
                }
                levels
            }
        }
    }

    fn go_into_message<'m>(&mut self, item: &Item<'m>) -> Vec<Level<'m>> {
        let bytes = item.bytes.bytes();
        if !item.id.is_empty() && self.subjects.len() < limits::PARTS_MAX {
            let header = Header::read(bytes).ok();
            let subject = header.and_then(|header| header.text("Subject"));
            self.subjects.extend(subject.map(|text| (item.id.clone(), text)));
        }
        let mut views = mime::views(bytes, &item.id, self.budget);
        for (id, because) in views.split.oddities.iter() {
            self.oddity(id, because.clone());
        }
        for (part, limit) in &views.split.stopped {
            self.unscanned(part, &item.path, reason(*limit), limit.to_string());
        }
        if let Some(stopped) = &views.unread {
            let because = format!("malformed, and not read a second time: {stopped}");
            self.unscanned(&item.id, &item.path, stopped_reason(stopped), because);
        }
        let mut levels = Vec::new();
        for outside in std::mem::take(&mut views.split.outside) {
            let text = bytes.get(outside).unwrap_or_default();
            let swept = mime::sweep::sweep(text, self.budget);
            levels.extend(self.take(item, swept));
        }
        let entities = std::mem::take(&mut views.entities);
        if !entities.is_empty() {
            levels.push(Level::members(item, entities));
        }
        // The usual reading is the last put on the pile, and so the first to be looked at.
        levels.push(Level::message(item, views));
        levels
    }

    fn go_into_zip<'m>(&mut self, item: &Item<'m>, role: Role) -> Vec<Level<'m>> {
        let listing = zip::look(item.bytes.bytes());
        let entries = listing.entries;
        for sign in listing.signs {
            self.sign(item, sign.id, sign.because);
        }
        let locked = entries.iter().filter(|entry| entry.encrypted).count();
        let passwords = match locked {
            0 => Rc::default(),
            _ => self.passwords(),
        };
        // Whether a word of the mail opens it is seen by trying one member.
        let mut trial = self.budget.clone();
        let sealed = entries
            .iter()
            .filter(|entry| entry.encrypted && !entry.is_readable(item.bytes.bytes()));
        let stays_locked = sealed.take(1).any(|entry| {
            let tried = zip::unpack_with(item.bytes.bytes(), entry, &passwords, &mut trial);
            tried.0.stopped == Some(Stopped::Encrypted)
        });
        if stays_locked {
            let weak = entries.iter().filter(|entry| entry.is_weakly_encrypted()).count();
            let how = match weak {
                0 => "AES",
                _ if weak == locked => "ZipCrypto, which is weak",
                _ => "AES, and ZipCrypto, which is weak",
            };
            let because = format!("{locked} of {} members need a password ({how})", entries.len());
            if weak > 0 {
                let because = format!("{weak} members are encrypted by ZipCrypto");
                self.sign(item, "archive.weakly_encrypted", because);
            }
            self.unscanned(&item.id, &item.path, UnscannedReason::Encrypted, because);
            self.locked = true;
        }
        if let Some(stopped) = &listing.stopped {
            self.stopped(item, stopped);
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
        vec![Level::zip(item, entries, role, passwords)]
    }

    fn go_into_tar<'m>(&mut self, item: &Item<'m>) -> Vec<Level<'m>> {
        let listing = tar::look(item.bytes.bytes());
        for sign in listing.signs {
            self.sign(item, sign.id, sign.because);
        }
        if let Some(stopped) = &listing.stopped {
            self.stopped(item, stopped);
        }
        vec![Level::tar(item, listing.entries)]
    }

    fn keep_tables(&mut self, part: &str, tables: String) {
        if !tables.is_empty() && self.tables.len() < limits::PARTS_MAX {
            self.tables.push((part.to_string(), tables));
        }
    }

    /// Takes what an opener gave: signs, links and reasons to the contents, members as a level.
    pub(super) fn take<'m>(&mut self, item: &Item<'m>, opened: Opened) -> Option<Level<'m>> {
        for sign in opened.signs {
            self.sign(item, sign.id, sign.because);
        }
        for link in &opened.links {
            let target = Target::read(link, None);
            if self.led_to.len() < limits::LINKS_MAX {
                self.led_to.push(target.written.clone());
            }
            reading::push_link(&mut self.contents, &item.id, target, String::new(), false);
        }
        if let Some(stopped) = &opened.stopped {
            self.stopped(item, stopped);
        }
        self.keep_tables(&item.id, opened.tables);
        let members = opened.members;
        let locked =
            members.iter().filter(|member| member.stopped == Some(Stopped::Encrypted)).count();
        if locked > 0 && opened.stopped != Some(Stopped::Encrypted) {
            let because = format!("{locked} of {} members need a password", members.len());
            self.unscanned(&item.id, &item.path, UnscannedReason::Encrypted, because);
            self.locked = true;
        }
        (!members.is_empty()).then(|| Level::members(item, members))
    }

    /// Words of the mail that may open what is locked.
    pub(super) fn passwords(&mut self) -> Rc<Vec<String>> {
        if let Some(known) = &self.passwords {
            return Rc::clone(known);
        }
        let header = Header::read(self.message).ok();
        let subject = header.and_then(|header| header.text("Subject")).unwrap_or_default();
        let read: Vec<String> = within::texts_of(self.message, self.budget);
        let mut texts: Vec<&str> = vec![&subject];
        texts.extend(read.iter().map(String::as_str));
        texts.extend(self.contents.texts.iter().map(|text| text.shown.as_str()));
        let words = Rc::new(passwords::candidates(&texts, &[]));
        self.passwords = Some(Rc::clone(&words));
        words
    }

    /// What the words and links that were just read give away.
    fn look_at_words<'m>(
        &mut self,
        item: &Item<'m>,
        texts_from: usize,
        links_from: usize,
    ) -> Option<Level<'m>> {
        let mut found = Opened::default();
        for text in self.contents.texts.iter().skip(texts_from) {
            within::look_at_text(text, &mut found, self.budget);
            reports::notice_quoted(text, &mut self.contents.returned_ids);
        }
        for link in self.contents.links.iter().skip(links_from) {
            within::look_at_link(link, &mut found);
        }
        self.take(item, found)
    }

    /// Says why a blob was not opened whole.
    fn stopped(&mut self, item: &Item<'_>, stopped: &Stopped) {
        self.locked |= *stopped == Stopped::Encrypted;
        self.unscanned(&item.id, &item.path, stopped_reason(stopped), stopped.to_string());
    }

    fn sign(&mut self, item: &Item<'_>, id: &str, because: String) {
        let (part, path) = (item.id.clone(), item.path.clone());
        self.push_sign(Sign { id: id.to_string(), because, part, path });
    }

    fn push_sign(&mut self, sign: Sign) {
        let signs = &mut self.contents.signs;
        if signs.len() < limits::ODDITIES_MAX && !signs.contains(&sign) {
            signs.push(sign);
        }
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

    /// Gives the signatures where links lead, in the letters that a browser makes of them.
    fn recognise_links(&mut self) {
        let written = self.contents.links.iter().map(|link| &link.target);
        let in_other_letters = written.filter(|target| target.contains('%'));
        let mut letters: Vec<Vec<u8>> = in_other_letters
            .chain(&self.led_to)
            .map(|target| encodings::percent(target.as_bytes()))
            .collect();
        letters.sort_unstable();
        letters.dedup();
        if !letters.is_empty() {
            self.recognise_text("links", letters.join(&b'\n'));
        }
    }

    /// Gives the signatures the names of all parts, which the mail has in other letters.
    fn recognise_names(&mut self) {
        let has = |sign: &[u8]| memchr::memmem::find(self.message, sign).is_some();
        if !has(b"*=") && !has(b"*0") && !has(b"=?") {
            return;
        }
        let names = self.contents.parts.iter().filter_map(|part| part.name.as_deref());
        let names = names.collect::<Vec<&str>>().join("\n").into_bytes();
        if !names.is_empty() {
            self.recognise_text("names", names);
        }
    }

    /// Codes that are cut into several pictures: only now are all of them known.
    fn join_pictures(&mut self) {
        let mut found = Opened::default();
        image::add_codes(&mut found, self.album.codes_in_pieces(self.budget));
        for sign in found.signs {
            let (part, path) = (String::new(), String::new());
            self.push_sign(Sign { id: sign.id.to_string(), because: sign.because, part, path });
        }
        for link in found.links {
            let target = Target::read(&link, None);
            reading::push_link(&mut self.contents, "", target, String::new(), false);
        }
        for member in found.members {
            self.recognise_text("pictures", member.bytes);
        }
    }

    fn finish(mut self, message: &[u8]) -> Contents {
        self.join_pictures();
        self.recognise_names();
        self.recognise_links();
        // What needs a password travels with a header section, and mostly a text, that does not.
        let locked = self.contents.parts.iter().any(|part| part.encrypted);
        self.contents.encryption = match (self.sealed, self.clear) {
            (None, _) if locked => Encryption::Partial,
            (None, _) => Encryption::None,
            (Some(how), false) => how,
            (Some(_), true) => Encryption::Partial,
        };
        self.contents.unpacked_bytes = self.budget.bytes_taken();
        let header = Header::read(message).ok();
        let field = |name| header.as_ref().and_then(|header| header.text(name)).unwrap_or_default();
        let (subject, from, to) = (field("Subject"), field("From"), field("To"));
        let contents = &self.contents;
        let piece = |part, text, is| Piece { part, text, is };
        let mut pieces: Vec<Piece<'_>> = vec![
            piece("header", subject.as_str(), PieceIs::Subject),
            piece("header", from.as_str(), PieceIs::Address),
            piece("header", to.as_str(), PieceIs::Address),
        ];
        for part in &contents.parts {
            pieces.extend(part.name.as_deref().map(|name| piece(&part.id, name, PieceIs::Name)));
        }
        // Before the text of the same document, which has the same numbers without their columns.
        pieces.extend(self.tables.iter().map(|(part, text)| piece(part, text, PieceIs::Sheets)));
        for text in &contents.texts {
            pieces.push(piece(&text.part, &text.shown, PieceIs::Text));
            pieces.push(piece(&text.part, &text.hidden, PieceIs::Text));
        }
        let subjects = self.subjects.iter();
        pieces.extend(subjects.map(|(part, text)| piece(part, text, PieceIs::Name)));
        pieces.retain(|piece| !piece.text.is_empty());
        let (personal, persons) = self.tools.personal.read(&pieces, self.tools.abroad);
        self.contents.personal = personal;
        self.contents.persons = persons;
        self.contents.accounts = accounts::of(&self.contents.texts);
        self.contents
    }
}

/// Encoded words whose charset the header's own reader does not know, as UTF-7 and UTF-16.
fn words_in_any_charset(text: &str) -> String {
    let mut out = String::new();
    for word in text.split("=?").skip(1).take(limits::HEADER_FIELDS_MAX) {
        let mut parts = word.splitn(4, '?');
        let (Some(charset), Some(kind), Some(body)) = (parts.next(), parts.next(), parts.next())
        else {
            continue;
        };
        let transfer = match kind {
            "B" | "b" => mime::Transfer::Base64,
            _ => mime::Transfer::QuotedPrintable,
        };
        let bytes = transfer.decode(body.as_bytes()).bytes.into_owned();
        out.push_str(&match charset.to_ascii_lowercase().as_str() {
            // Without a mark the big end is first (RFC 2781 section 4.3), and many write the other.
            "utf-16" | "utf-16be" => {
                encoding_rs::UTF_16BE.decode_with_bom_removal(&bytes).0.into_owned()
                    + &encoding_rs::UTF_16LE.decode_with_bom_removal(&bytes).0
            }
            _ => mime::decode_text(&bytes, charset),
        });
    }
    out
}

/// What a blob is, with what its fields say where the bytes leave it open.
fn true_kind(item: &Item<'_>, by_bytes: PartKind) -> PartKind {
    let textual =
        matches!(by_bytes, PartKind::Text | PartKind::Html | PartKind::Message | PartKind::Unknown);
    // What begins as a picture, a tune or an archive does and goes on as text is read as what it is said to be, or called.
    let seems_coded = matches!(
        by_bytes,
        PartKind::Image
            | PartKind::Media
            | PartKind::Gzip
            | PartKind::Tar
            | PartKind::Archive
            | PartKind::DiskImage
            | PartKind::Executable
            | PartKind::Java
            | PartKind::Tnef
    );
    let ending = item.name.as_deref().map(kind::extension).unwrap_or_default();
    if seems_coded
        && ["csv", "tsv", "txt", "log", "md", "json", "ics", "vcf"].contains(&ending.as_str())
        && is_plain_text(item.bytes.bytes())
    {
        return PartKind::Text;
    }
    let leaf = match &item.origin {
        Origin::Leaf { leaf, .. } => leaf,
        Origin::Member { role: Role::Entity, .. } if textual => return PartKind::Message,
        Origin::Member { role: Role::Text, .. } => return PartKind::Text,
        Origin::Member { role: Role::Code, .. } => return PartKind::Script,
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
    // An armoured private key is a secret to read, and nothing that is encrypted for somebody.
    if by_bytes == PartKind::Crypto
        && memchr::memmem::find(first_line(item.bytes.bytes()), b"PRIVATE KEY").is_some()
    {
        return PartKind::Text;
    }
    let is_armor = by_bytes == PartKind::Crypto && crypto::cms(item.bytes.bytes()).is_none();
    if seems_coded && is_plain_text(item.bytes.bytes()) {
        match media_type {
            "text/html" => return PartKind::Html,
            "" => return PartKind::Text,
            named if named.starts_with("text/") => return PartKind::Text,
            _ => (),
        }
    }
    match media_type {
        "" | "text/plain" if is_body && (is_text || is_armor) && by_bytes != PartKind::Unknown => {
            PartKind::Text
        }
        "text/html" if by_bytes == PartKind::Text => PartKind::Html,
        _ => by_bytes,
    }
}

fn first_line(bytes: &[u8]) -> &[u8] {
    bytes.trim_ascii_start().split(|byte| *byte == b'\n').next().unwrap_or_default()
}

/// No control character but those of lines: nothing that is no text gets far without one.
fn is_plain_text(bytes: &[u8]) -> bool {
    let is_control = |byte: &u8| matches!(byte, 0..=8 | 0x0b | 0x0e..=0x1a | 0x1c..=0x1f | 0x7f);
    !bytes.iter().any(is_control)
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

fn sha256(bytes: &[u8]) -> String {
    data_encoding::HEXLOWER.encode(&Sha256::digest(bytes))
}

fn digests(bytes: &[u8]) -> PartDigests {
    let hex = |digest: &[u8]| data_encoding::HEXLOWER.encode(digest);
    PartDigests {
        sha256: sha256(bytes),
        sha1: hex(&Sha1::digest(bytes)),
        md5: hex(&Md5::digest(bytes)),
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
