//! Mails that can be known again, whatever was put above them.

use crate::{
    common::{chance, eicar},
    load::Direction,
};
use std::fmt::Write;

/// One mail before it is sent.
pub(crate) struct Mail {
    pub(crate) name: String,
    pub(crate) sender: &'static str,
    pub(crate) recipients: Vec<&'static str>,
    pub(crate) bytes: Vec<u8>,
}

const OURS: [&str; 4] =
    ["anna@acme.example", "bo@acme.example", "cilla@bolaget.example", "dan@bolaget.example"];
const ELSEWHERE: [&str; 4] = [
    "eva@elsewhere.example",
    "finn@elsewhere.example",
    "gun@farther.example",
    "hans@farther.example",
];
/// The field that every mail begins with: what stands above it was put there on the way.
const FIRST: &str = "X-Soak: ";
/// The fields that a gateway may put above a mail.
const MAY_BE_ADDED: &[&str] =
    &["received", "authentication-results", "x-sluss-verdict", "x-sluss-reason"];

impl Mail {
    /// The mail of this number: the same whenever the seed is the same.
    pub(crate) fn new(seed: u64, number: u32, direction: Direction, far_past: bool) -> Mail {
        let mut luck = seed ^ (u64::from(number) << 32);
        let (sender, pool) = match direction {
            Direction::In => ("karin@example.org", OURS),
            Direction::OutOfAcme => (OURS[0], ELSEWHERE),
            Direction::OutOfBolaget => (OURS[2], ELSEWHERE),
        };
        let first = usize::try_from(chance(&mut luck) % 4).unwrap();
        let count = usize::try_from(1 + chance(&mut luck) % 3).unwrap();
        let recipients: Vec<&str> = (first..first + count).map(|at| pool[at % 4]).collect();
        let name = number.to_string();
        let date = match far_past {
            true => "Thu, 01 Jan 1970 00:00:01 +0000",
            false => "Thu, 19 Nov 2026 10:15:00 +0100",
        };
        let (typed, mut text) = match chance(&mut luck).is_multiple_of(25) {
            false => ("text/plain", String::new()),
            true => ("multipart/mixed; boundary=b", infected()),
        };
        for line in 0..lines(&mut luck) {
            let (one, two) = (chance(&mut luck), chance(&mut luck));
            // Dots at the beginning of a line are what gets lost first.
            let dot = if one.is_multiple_of(16) { "." } else { "" };
            writeln!(text, "{dot}{line} {one:016x} {two:016x}\r").unwrap();
        }
        let bytes = format!(
            "{FIRST}{name}\r\nFrom: {sender}\r\nTo: {}\r\nSubject: report {name}\r\nDate: {date}\r\nMessage-ID: <soak-{name}@example.org>\r\nMIME-Version: 1.0\r\nContent-Type: {typed}\r\n\r\n{text}",
            recipients.join(", ")
        );
        Mail { name, sender, recipients, bytes: bytes.into_bytes() }
    }
}

/// Mostly a page; now and then up to 1 MB.
fn lines(luck: &mut u64) -> u64 {
    match chance(luck) % 100 {
        0 => 23_000,
        1..=4 => 4_000,
        5..=19 => 600,
        _ => 1 + chance(luck) % 40,
    }
}

fn infected() -> String {
    format!(
        "--b\r\nContent-Type: application/octet-stream; name=test.txt\r\n\r\n{}\r\n--b\r\n\r\n",
        eicar()
    )
}

/// The name of a mail that came out at the other end, and its bytes as they were sent.
///
/// # Errors
/// Says what stands above the mail that nobody may put there. `Ok(None)`: it is none of ours.
pub(crate) fn known_again(bytes: &[u8]) -> Result<Option<(String, &[u8])>, String> {
    let begins = |at: &usize| *at == 0 || bytes[at - 1] == b'\n';
    let Some(at) = memchr::memmem::find_iter(bytes, FIRST).find(begins) else { return Ok(None) };
    let (above, sent) = bytes.split_at(at);
    let above = String::from_utf8_lossy(above).to_ascii_lowercase();
    for line in above.lines().filter(|line| !line.starts_with([' ', '\t'])) {
        let name = line.split(':').next().unwrap_or_default();
        if !MAY_BE_ADDED.contains(&name) {
            return Err(format!("{line:?} stands above a mail"));
        }
    }
    let name = sent[FIRST.len()..].split(|byte| *byte == b'\r').next().unwrap_or_default();
    Ok(Some((String::from_utf8_lossy(name).into_owned(), sent)))
}
