//! clamd's protocol, clamd(8) section "COMMANDS": commands to bytes, and bytes to replies.
//!
//! Commands are sent in their `z` form, so both sides end a line with NUL, and inside IDSESSION, where each reply carries the number
//! of its command. A scan is clean only when exactly that was said: whatever is not understood is [`Said::Garbage`].
//! Never trusts a length, never keeps more than one reply of [`limits::CLAMD_REPLY_BYTES_MAX`].

use crate::base::limits;
use serde::{Deserialize, Serialize};
use std::fmt;

/// What is asked of clamd.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Command {
    /// Opens a session: further commands follow on this connection, and clamd numbers them from 1.
    Session,
    /// Is it there?
    Ping,
    /// Its version and that of its signatures.
    Version,
    /// Scan what follows in chunks: see [`chunks`].
    Stream,
    /// Scan an open file, whose descriptor follows with one byte that means nothing. Unix sockets only.
    File,
    /// Ends the session.
    End,
}

impl Command {
    /// As it is sent.
    pub fn bytes(self) -> &'static [u8] {
        match self {
            Command::Session => b"zIDSESSION\0",
            Command::Ping => b"zPING\0",
            Command::Version => b"zVERSION\0",
            Command::Stream => b"zINSTREAM\0",
            Command::File => b"zFILDES\0",
            Command::End => b"zEND\0",
        }
    }
}

/// The pieces in which content follows [`Command::Stream`]: each is preceded by its length, four bytes, highest first.
/// After the last one comes [`STREAM_END`].
pub fn chunks(content: &[u8]) -> impl Iterator<Item = ([u8; 4], &[u8])> {
    content.chunks(limits::CLAMD_CHUNK_BYTES).map(|piece| (chunk_head(piece), piece))
}

/// The length before one piece of at most [`limits::CLAMD_CHUNK_BYTES`].
pub fn chunk_head(piece: &[u8]) -> [u8; 4] {
    u32::try_from(piece.len()).unwrap_or(u32::MAX).to_be_bytes()
}

/// A piece of length zero: the content is complete.
pub const STREAM_END: [u8; 4] = [0; 4];

/// One reply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// The number of the command it answers, inside a session.
    pub id: Option<u32>,
    /// What it says.
    pub said: Said,
}

/// What a reply says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Said {
    /// The answer to PING.
    Pong,
    /// The answer to VERSION.
    Version(Version),
    /// Scanned, and nothing was found.
    Clean,
    /// Scanned, and this was found.
    Found(Signature),
    /// The content is longer than clamd's `StreamMaxLength`. It closes the connection after this.
    TooLarge,
    /// clamd waited too long for the rest of a command.
    TimedOut,
    /// It could not do it: its words, cleaned.
    Error(String),
    /// Nothing that clamd says: the begin of it, cleaned.
    Garbage(String),
}

/// The name of a signature: printable ASCII without spaces, cut at [`limits::CLAMD_SIGNATURE_CHARS_MAX`]. It goes into findings.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Signature(String);

/// Nothing in it could be a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the name of a signature is empty")]
pub struct NotASignature;

impl Signature {
    /// Takes what clamd wrote. `ExtendedDetectionInfo` appends "(hash:size)", which is no part of the name.
    pub fn parse(text: &str) -> Result<Signature, NotASignature> {
        let name = match (text.rsplit_once('('), text.ends_with(')')) {
            (Some((name, _)), true) if !name.is_empty() => name,
            _ => text,
        };
        let cleaned: String = name
            .chars()
            .take(limits::CLAMD_SIGNATURE_CHARS_MAX)
            .map(|letter| if letter.is_ascii_graphic() { letter } else { '?' })
            .collect();
        match cleaned.is_empty() {
            true => Err(NotASignature),
            false => Ok(Signature(cleaned)),
        }
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Signature {
    type Error = NotASignature;

    fn try_from(text: String) -> Result<Signature, NotASignature> {
        Signature::parse(&text)
    }
}

impl From<Signature> for String {
    fn from(signature: Signature) -> String {
        signature.0
    }
}

impl fmt::Display for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What VERSION says: "ClamAV 1.4.6/27823/Fri Nov 27 09:24:11 2026"; without official signatures only the first part.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Version {
    /// The engine: "ClamAV 1.4.6".
    pub engine: String,
    /// The number of the daily signatures, which rises with each edition.
    pub signatures: Option<u32>,
    /// When they were made, as clamd writes it.
    pub made: Option<String>,
}

impl Version {
    fn parse(text: &str) -> Version {
        let mut pieces = text.splitn(3, '/');
        let engine = clean(pieces.next().unwrap_or_default());
        let signatures = pieces.next().and_then(|number| number.trim().parse().ok());
        let made = pieces.next().map(clean).filter(|made| !made.is_empty());
        Version { engine, signatures, made }
    }
}

impl Reply {
    /// Reads one reply without its end.
    pub fn parse(line: &[u8]) -> Reply {
        let text = String::from_utf8_lossy(line);
        let (id, rest) = match numbered(&text) {
            Some((id, rest)) => (Some(id), rest),
            None => (None, text.trim()),
        };
        Reply { id, said: said(rest) }
    }
}

/// "7: stream: OK" gives 7 and "stream: OK".
fn numbered(text: &str) -> Option<(u32, &str)> {
    let (number, rest) = text.split_once(": ")?;
    let is_number = number.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| number.parse().ok()).flatten().map(|id| (id, rest.trim()))
}

fn said(text: &str) -> Said {
    let garbage = || Said::Garbage(clean(text));
    if text == "PONG" {
        return Said::Pong;
    }
    if text.starts_with("ClamAV ") {
        return Said::Version(Version::parse(text));
    }
    if let Some(rest) = text.strip_suffix(" FOUND") {
        // The name is the last thing; a path before it may hold anything.
        let name = rest.rsplit_once(": ").map_or(rest, |(_, name)| name);
        return Signature::parse(name.trim()).map_or_else(|_| garbage(), Said::Found);
    }
    if text.strip_suffix(": OK").is_some_and(is_subject) {
        return Said::Clean;
    }
    if text.contains("TIMED OUT") {
        return Said::TimedOut;
    }
    let Some(words) = text.strip_suffix("ERROR") else {
        return match text.contains("UNKNOWN COMMAND") {
            true => Said::Error(clean(text)),
            false => garbage(),
        };
    };
    match words.contains("size limit exceeded") {
        true => Said::TooLarge,
        false => Said::Error(clean(words.trim())),
    }
}

/// What our commands make clamd scan: "stream", or "fd[12]".
fn is_subject(text: &str) -> bool {
    let number = text.strip_prefix("fd[").and_then(|rest| rest.strip_suffix(']'));
    text == "stream"
        || number.is_some_and(|digits| {
            !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
        })
}

/// Words of another program, fit for a log line.
fn clean(text: &str) -> String {
    let printable =
        |letter: char| if letter.is_ascii_graphic() || letter == ' ' { letter } else { '?' };
    text.trim().chars().take(limits::CLAMD_SIGNATURE_CHARS_MAX).map(printable).collect()
}

/// Collects bytes until a reply is whole.
#[derive(Debug, Default)]
pub struct Replies {
    kept: Vec<u8>,
}

/// More came than any reply has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a reply of more than {} bytes", limits::CLAMD_REPLY_BYTES_MAX)]
pub struct TooLong;

impl Replies {
    /// Takes what was read from the socket.
    pub fn take(&mut self, bytes: &[u8]) -> Result<(), TooLong> {
        if self.kept.len().saturating_add(bytes.len()) > limits::CLAMD_REPLY_BYTES_MAX {
            self.kept.clear();
            return Err(TooLong);
        }
        self.kept.extend_from_slice(bytes);
        Ok(())
    }

    /// The next whole reply. It ends with NUL; what clamd says before it has understood a command ends with LF.
    pub fn reply(&mut self) -> Option<Reply> {
        let end = memchr::memchr2(0, b'\n', &self.kept)?;
        let reply = Reply::parse(self.kept.get(..end)?);
        self.kept.drain(..=end);
        Some(reply)
    }

    /// What is left when the connection ended: some errors come without an end.
    pub fn rest(&mut self) -> Option<Reply> {
        let line = std::mem::take(&mut self.kept);
        (!line.is_empty()).then(|| Reply::parse(&line))
    }

    /// Has something come that nobody has asked for?
    pub fn is_empty(&self) -> bool {
        self.kept.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(name: &str) -> Said {
        Said::Found(Signature(name.to_string()))
    }

    #[test]
    fn replies() {
        let garbage = |text: &str| Said::Garbage(text.to_string());
        let version = |engine: &str, signatures, made: Option<&str>| {
            Said::Version(Version {
                engine: engine.to_string(),
                signatures,
                made: made.map(str::to_string),
            })
        };
        let long = format!("stream: {} FOUND", "A".repeat(300));
        for (line, id, want) in [
            ("PONG", None, Said::Pong),
            ("1: PONG", Some(1), Said::Pong),
            ("stream: OK", None, Said::Clean),
            ("17: stream: OK", Some(17), Said::Clean),
            ("2: fd[11]: OK", Some(2), Said::Clean),
            ("stream: Win.Test.EICAR_HDB-1 FOUND", None, found("Win.Test.EICAR_HDB-1")),
            ("3: fd[10]: A.B.UNOFFICIAL FOUND", Some(3), found("A.B.UNOFFICIAL")),
            ("stream: A.B(44d88612fea8a8f36de82e1278abb02f:68) FOUND", None, found("A.B")),
            ("/tmp/a: b: A.B FOUND", None, found("A.B")),
            ("stream: A\u{1b}[31m\u{202e}B C FOUND", None, found("A?[31m?B?C")),
            (&long, None, found(&"A".repeat(100))),
            ("INSTREAM size limit exceeded. ERROR", None, Said::TooLarge),
            ("4: INSTREAM size limit exceeded. ERROR", Some(4), Said::TooLarge),
            ("COMMAND READ TIMED OUT", None, Said::TimedOut),
            (
                "1: Error processing command. ERROR",
                Some(1),
                Said::Error("Error processing command.".to_string()),
            ),
            (
                "fd[9]: Not a regular file. ERROR",
                None,
                Said::Error("fd[9]: Not a regular file.".to_string()),
            ),
            ("UNKNOWN COMMAND", None, Said::Error("UNKNOWN COMMAND".to_string())),
            (
                "ClamAV 1.4.6/27823/Fri Nov 27 09:24:11 2026",
                None,
                version("ClamAV 1.4.6", Some(27_823), Some("Fri Nov 27 09:24:11 2026")),
            ),
            ("6: ClamAV 1.4.6", Some(6), version("ClamAV 1.4.6", None, None)),
            // Clean is what was said to be clean, and nothing else.
            ("OK", None, garbage("OK")),
            ("stream: OKAY", None, garbage("stream: OKAY")),
            ("stream OK", None, garbage("stream OK")),
            ("/etc/passwd: OK", None, garbage("/etc/passwd: OK")),
            ("fd[]: OK", None, garbage("fd[]: OK")),
            ("220 mx.example ESMTP", None, garbage("220 mx.example ESMTP")),
            ("", None, garbage("")),
            ("stream:  FOUND", None, garbage("stream:  FOUND")),
            ("99999999999: stream: OK", None, garbage("99999999999: stream: OK")),
        ] {
            assert_eq!(Reply::parse(line.as_bytes()), Reply { id, said: want }, "{line:?}");
        }
    }

    #[test]
    fn replies_come_in_pieces() {
        let all = b"1: stream: OK\x002: stream: A.B FOUND\0COMMAND READ TIMED OUT\n";
        for size in 1..all.len() {
            let mut replies = Replies::default();
            let mut got = Vec::new();
            for piece in all.chunks(size) {
                replies.take(piece).unwrap();
                got.extend(std::iter::from_fn(|| replies.reply()));
            }
            assert_eq!(got.len(), 3, "{size}");
            assert_eq!((got[0].id, &got[0].said), (Some(1), &Said::Clean));
            assert_eq!(got[1].said, found("A.B"));
            assert!(replies.is_empty());
        }
    }

    #[test]
    fn an_endless_reply_is_not_kept() {
        let mut replies = Replies::default();
        for _ in 0..4 {
            replies.take(&[b'a'; 1_024]).unwrap();
        }
        assert_eq!(replies.take(b"a"), Err(TooLong));
        assert!(replies.is_empty());
        replies.take(b"stream: A.B FOU").unwrap();
        assert_eq!(replies.reply(), None);
        assert!(matches!(replies.rest(), Some(Reply { said: Said::Garbage(_), .. })));
    }

    #[test]
    fn content_goes_in_chunks() {
        let content = vec![7; limits::CLAMD_CHUNK_BYTES + 3];
        let pieces: Vec<_> = chunks(&content).collect();
        assert_eq!(pieces.len(), 2);
        assert_eq!(pieces[0].0, [0, 2, 0, 0]);
        assert_eq!((pieces[1].0, pieces[1].1.len()), ([0, 0, 0, 3], 3));
        assert_eq!(chunks(b"").count(), 0);
    }

    #[test]
    fn names_from_a_store_are_cleaned_too() {
        let signature: Signature = serde_json::from_str("\"a\\nb\"").unwrap();
        assert_eq!(signature.as_str(), "a?b");
        assert!(serde_json::from_str::<Signature>("\"\"").is_err());
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_a_reply_and_only_ok_is_clean(line: Vec<u8>, cut in 0_usize..300) {
            let clean = Reply::parse(&line).said == Said::Clean;
            proptest::prop_assert!(!clean || line.trim_ascii().ends_with(b": OK"));
            let real = b"12: fd[11]: Win.Test.EICAR_HDB-1(44d88612fea8a8f36de82e1278abb02f:68) FOUND";
            let part = real.get(..cut).unwrap_or(real);
            proptest::prop_assert_ne!(Reply::parse(part).said, Said::Clean);
        }
    }
}
