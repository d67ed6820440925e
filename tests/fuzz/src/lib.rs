//! What the fuzz targets share: small bounds, tools that recognise nothing, and the two questions that take more than a line.
//!
//! A target is one line over a pure function of sluss. What it must not do: panic, run past its budget, take memory without bound.

use mail_parser::{Encoding, Message, MessageParser, MessagePart, MimeHeaders, PartType};
use sluss::{
    base::clock::Clock,
    examine::{
        self, BlobFacts, Contents, EngineFailure, Match, Personal, PersonalData, Signatures, Tools,
        UnscannedReason, Wants,
    },
    formats::{
        archive::{tar, zip},
        budget::{Bounds, Budget},
        mime::Transfer,
        report,
    },
    wire::smtp::{
        Offers,
        stream::{BareLineEnds, ChunkReader, DataReader, DataWriter},
    },
};
use std::{
    collections::HashSet,
    panic,
    sync::{LazyLock, Mutex},
    time::Duration,
};

/// A budget that is used up soon: a fuzzer has more use for many mails than for large ones.
pub fn budget() -> Budget {
    let bounds = Bounds {
        bytes: 8 << 20,
        part_bytes: 4 << 20,
        parts: 200,
        depth: 6,
        ratio_free_bytes: 1 << 20,
        time: Duration::from_secs(1),
        ..Bounds::default()
    };
    Budget::new(bounds, &Clock::of_this_thread())
}

/// The words of a mail that may open what is locked in it.
pub fn passwords() -> [String; 1] {
    ["infected".to_string()]
}

/// Panics that sluss catches are no fault: the readers of others are called that way. So nothing is aborted where a panic begins, and each
/// place is said once; what nobody catches ends the run in libFuzzer.
pub fn let_panics_be_caught() {
    static PLACES: LazyLock<Mutex<HashSet<String>>> = LazyLock::new(Mutex::default);
    panic::set_hook(Box::new(|about| {
        let place = about.location().map(ToString::to_string).unwrap_or_default();
        if PLACES.lock().is_ok_and(|mut places| places.insert(place)) {
            eprintln!("{about}");
        }
    }));
}

/// A fuzz target over bytes.
#[macro_export]
macro_rules! target {
    (|$bytes:ident| $act:expr) => {
        libfuzzer_sys::fuzz_target!(init: $crate::let_panics_be_caught(), |$bytes: &[u8]| {
            let _ = $act;
        });
    };
}

/// The same over text.
#[macro_export]
macro_rules! target_over_text {
    (|$text:ident| $act:expr) => {
        libfuzzer_sys::fuzz_target!(init: $crate::let_panics_be_caught(), |bytes: &[u8]| {
            let $text = &*String::from_utf8_lossy(bytes);
            let _ = $act;
        });
    };
}

/// A mail, opened with tools that recognise nothing.
pub fn open_mail(mail: &[u8]) -> Contents {
    let tools =
        Tools { signatures: &Blind, personal: &Blind, wants: Wants::default(), abroad: &[] };
    examine::open(mail, &tools, &mut budget())
}

/// Everything in a ZIP, its passwords tried.
pub fn open_zip(archive: &[u8]) {
    let mut budget = budget();
    let passwords = passwords();
    for entry in zip::look(archive).entries {
        if budget.take_part().is_err() {
            break;
        }
        zip::unpack_with(archive, &entry, &passwords, &mut budget);
    }
    zip::names(archive);
    zip::ends_as_zip(archive);
}

/// Every place in a tar archive is one.
pub fn open_tar(archive: &[u8]) {
    tar::is_tar(archive);
    for entry in tar::look(archive).entries {
        assert!(archive.get(entry.bytes).is_some(), "a member outside the archive");
    }
}

/// What may be a report of any kind, read as each.
pub fn read_report(bytes: &[u8]) {
    report::dmarc::looks_like(bytes);
    if let Ok(aggregate) = report::dmarc::read(bytes, 1_000, &budget()) {
        assert!(aggregate.rows.len() <= 1_000, "more rows than were asked for");
    }
    report::delivery::read(bytes);
    report::feedback::read(bytes);
    report::returned::in_header(bytes);
    report::returned::in_text(&String::from_utf8_lossy(bytes));
}

/// What a session offers that offers everything.
pub fn offers() -> Offers {
    Offers {
        size_max: 1 << 20,
        starttls: true,
        smtputf8: true,
        dsn: true,
        auth: true,
        requiretls: true,
    }
}

/// DATA and BDAT read the same in one piece and in two, and what we send is read as what was sent.
pub fn read_stream(bytes: &[u8]) {
    let Some((cut, wire)) = bytes.split_first() else { return };
    let (first, second) = wire.split_at(usize::from(*cut).min(wire.len()));
    for bare in [BareLineEnds::Refuse, BareLineEnds::Mend] {
        let read = |pieces: &[&[u8]]| {
            let (mut reader, mut out) = (DataReader::new(bare), Vec::new());
            let taken: usize = pieces.iter().map(|piece| reader.feed(piece, &mut out)).sum();
            (taken, out, reader.is_done(), reader.saw_bare())
        };
        assert_eq!(read(&[wire]), read(&[first, second]), "DATA depends on where it is cut");
        let read = |pieces: &[&[u8]]| {
            let (mut reader, mut out) = (ChunkReader::default(), Vec::new());
            pieces.iter().for_each(|piece| reader.feed(piece, bare, &mut out));
            reader.finish(bare, &mut out);
            (out, reader.saw_bare())
        };
        let whole = read(&[wire]);
        assert_eq!(whole, read(&[first, second]), "BDAT depends on where it is cut");
        if !whole.1 {
            assert_eq!(sent_and_read(&whole.0), ended(whole.0), "what is sent is not what is read");
        }
    }
}

/// A message through the sending end of DATA and the receiving one.
fn sent_and_read(message: &[u8]) -> Vec<u8> {
    let (mut writer, mut wire) = (DataWriter::default(), Vec::new());
    writer.feed(message, &mut wire);
    writer.finish(&mut wire);
    let (mut reader, mut out) = (DataReader::new(BareLineEnds::Refuse), Vec::new());
    let taken = reader.feed(&wire, &mut out);
    assert!(reader.is_done() && taken == wire.len(), "the end of data is somewhere else");
    out
}

/// The message with the line end that DATA needs before its end.
fn ended(mut message: Vec<u8>) -> Vec<u8> {
    if !message.is_empty() && !message.ends_with(b"\r\n") {
        message.extend_from_slice(b"\r\n");
    }
    message
}

/// Fails if mail-parser finds an attachment that the signatures would not be given. What stands around it in white space is no
/// difference, and what was not looked at for a reason that is said is no secret.
pub fn nothing_is_overlooked(mail: &[u8]) {
    let Some(attachments) = attachments_by_mail_parser(mail) else { return };
    if attachments.is_empty() {
        return;
    }
    let collector = Collector::default();
    let tools =
        Tools { signatures: &collector, personal: &Blind, wants: Wants::default(), abroad: &[] };
    let contents = examine::open(mail, &tools, &mut budget());
    if contents.unscanned.iter().any(|unscanned| says_that_more_is_there(unscanned.reason)) {
        return;
    }
    let Ok(known) = collector.blobs.into_inner() else { return };
    for bytes in attachments {
        let start = bytes.get(..bytes.len().min(200)).unwrap_or_default().escape_ascii();
        let is_known = known.contains(&hash(&bytes))
            || bytes.split_last().is_some_and(|(_, less)| known.contains(&hash(less)))
            || decoded(&bytes).any(|one| known.contains(&one));
        assert!(is_known, "overlooked: {} bytes, {start}", bytes.len());
    }
}

/// What the bytes decode to: encodings that mail-parser does not know, and the second of two, it leaves to its caller.
fn decoded(bytes: &[u8]) -> impl Iterator<Item = blake3::Hash> {
    let transfers = [
        Transfer::QuotedPrintable,
        Transfer::Base64,
        Transfer::Uuencode,
        Transfer::Yenc,
        Transfer::BinHex,
    ];
    let readings = transfers.into_iter().flat_map(|transfer| transfer.readings(bytes));
    readings.filter(|one| !one.bytes.trim_ascii().is_empty()).map(|one| hash(&one.bytes))
}

/// Was something left out, so that the mail is not let through as clean?
fn says_that_more_is_there(reason: UnscannedReason) -> bool {
    match reason {
        UnscannedReason::TooDeep
        | UnscannedReason::TooMany
        | UnscannedReason::TooLarge
        | UnscannedReason::RatioTooHigh
        | UnscannedReason::OutOfTime => true,
        UnscannedReason::Damaged
        | UnscannedReason::Encrypted
        | UnscannedReason::Unsupported
        | UnscannedReason::Engine
        | UnscannedReason::Crashed => false,
    }
}

/// Attachments, decoded, of messages inside as well. None: not a mail to it, or one that it should not be given.
fn attachments_by_mail_parser(mail: &[u8]) -> Option<Vec<Vec<u8>>> {
    let count =
        |word: &[u8]| mail.windows(word.len()).filter(|at| at.eq_ignore_ascii_case(word)).count();
    if count(b"message/") + count(b"digest") > NESTED_MAX {
        return None;
    }
    // Its own assertions are no business of ours.
    let parsed = panic::catch_unwind(|| MessageParser::default().parse(mail)).ok()??;
    let mut found = Vec::new();
    let mut waiting: Vec<&Message<'_>> = vec![&parsed];
    while let Some(message) = waiting.pop() {
        // Where it could not undo the encoding or find the parts, it gives the body as it stands, which is no file to anybody.
        let is_file = |part: &&MessagePart<'_>| {
            !part.is_encoding_problem
                && part.content_type().is_none_or(|kind| kind.ctype() != "multipart")
        };
        let raw = |part: &MessagePart<'_>| {
            let (start, end) =
                (usize::try_from(part.offset_body), usize::try_from(part.offset_end));
            message.raw_message.get(start.ok()?..end.ok()?)
        };
        for part in message.parts.iter().filter(is_file) {
            // What is no escape in quoted-printable it reads like no other program: over line ends, and keeping them.
            if part.encoding == Encoding::QuotedPrintable && raw(part).is_none_or(has_odd_escapes) {
                continue;
            }
            match &part.body {
                PartType::Binary(bytes) | PartType::InlineBinary(bytes) => {
                    found.push(bytes.to_vec());
                }
                // Text is given in UTF-8; where that is how it stands in the mail, it can be compared.
                PartType::Text(text) | PartType::Html(text) => {
                    let is_attached =
                        part.content_disposition().is_some_and(|how| how.is_attachment());
                    let charset = part.content_type().and_then(|kind| kind.attribute("charset"));
                    let is_plain = charset.is_none_or(|charset| {
                        ["utf-8", "us-ascii"].iter().any(|own| charset.eq_ignore_ascii_case(own))
                    });
                    if is_attached && is_plain && text.is_ascii() {
                        found.push(text.as_bytes().to_vec());
                    }
                }
                PartType::Message(inner) => waiting.push(inner),
                PartType::Multipart(_) => (),
            }
        }
    }
    found.retain(|bytes| !bytes.trim_ascii().is_empty());
    Some(found)
}

fn has_odd_escapes(quoted: &[u8]) -> bool {
    quoted.split(|byte| *byte == b'=').skip(1).any(|after| {
        let is_escape = after.len() >= 2 && after.iter().take(2).all(u8::is_ascii_hexdigit);
        let is_break = after.first().is_some_and(u8::is_ascii_whitespace);
        !is_escape && !is_break
    })
}

/// Messages in messages that mail-parser is given; it drops them recursively.
const NESTED_MAX: usize = 16;

/// Without the white space at the ends and before line ends: quoted-printable is read with it and without.
fn hash(bytes: &[u8]) -> blake3::Hash {
    let mut hasher = blake3::Hasher::new();
    for line in bytes.trim_ascii().split(|byte| *byte == b'\n') {
        hasher.update(line.trim_ascii_end());
        hasher.update(b"\n");
    }
    hasher.finalize()
}

/// Keeps what it is given to look at.
#[derive(Default)]
struct Collector {
    blobs: Mutex<HashSet<blake3::Hash>>,
}

impl Signatures for Collector {
    fn scan(
        &self,
        blob: &[u8],
        _: &BlobFacts<'_>,
        _: Duration,
    ) -> Result<Vec<Match>, EngineFailure> {
        if let Ok(mut blobs) = self.blobs.lock() {
            // Half a group of base64 at the end is a byte or two more or less to mail-parser.
            let ends = (0..3).filter_map(|less| blob.len().checked_sub(less));
            blobs.extend(ends.filter_map(|end| blob.get(..end)).map(hash));
        }
        Ok(Vec::new())
    }
}

/// Recognises nothing.
struct Blind;

impl Signatures for Blind {
    fn scan(&self, _: &[u8], _: &BlobFacts<'_>, _: Duration) -> Result<Vec<Match>, EngineFailure> {
        Ok(Vec::new())
    }
}

impl PersonalData for Blind {
    fn read(&self, _: &[sluss::personal::Piece<'_>], _: &[String]) -> (Vec<Personal>, u32) {
        (Vec::new(), 0)
    }
}
