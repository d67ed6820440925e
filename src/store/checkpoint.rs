//! What the gateway signs in its audit log: checkpoints, and the keys that sign them.
//!
//! The forms are public; [`crate::store::audit`] says what a line is, and this page what these two lines say.
//!
//! A **checkpoint** is a record `checkpoint` of the gateway itself with these details: `log` (the hash of the log's first record, which
//! names the log), `covers` (the number of the record before it) and `head` (its hash), `since` (the number of the checkpoint before; 0:
//! none), `key` (the fingerprint) and `public` (the key), `signature` (base64). What is signed (Ed25519, RFC 8032) are these lines, each
//! with its line end, `at` being the record's `at_ms`:
//!
//! ```text
//! sluss audit checkpoint 1
//! log HASH
//! covers NUMBER
//! head HASH
//! since NUMBER
//! at MILLISECONDS
//! key FINGERPRINT
//! ```
//!
//! A **key** that signs from now on stands in a record `signing-key`: `log`, `key`, `public`, `by` (the public key before it, or itself in
//! a log that has none yet) and `signature`, which is that key's over
//!
//! ```text
//! sluss audit signing key 1
//! log HASH
//! covers NUMBER
//! head HASH
//! at MILLISECONDS
//! key FINGERPRINT
//! public KEY
//! by KEY
//! ```
//!
//! Such a record says nothing else: it is right only if writing it again from these values gives the same bytes. So no byte of it is unsigned.

use crate::{
    base::clock::UnixMs,
    store::{
        audit::{self, Actor, Details, Entry, Hash, Record, What},
        signer::{PublicKey, Signature, Signer},
    },
};

/// Where in which log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Spot {
    /// The hash of the log's first record.
    pub log: Hash,
    /// The last record before.
    pub covers: u64,
    /// Its hash.
    pub head: Hash,
    /// When.
    pub at: UnixMs,
}

/// What a signed record says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Said {
    /// All up to here is as it was written.
    Checkpoint {
        /// The checkpoint before; 0: none.
        since: u64,
    },
    /// This key signs from now on.
    Key {
        /// Who says so.
        by: PublicKey,
    },
}

/// A signed record, read and not yet believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Signed {
    /// Where it stands, as it says.
    pub spot: Spot,
    /// The key it is about: the one that signed a checkpoint, or the one that is announced.
    pub public: PublicKey,
    /// What it says.
    pub said: Said,
    signature: Signature,
}

/// A checkpoint over everything before the spot.
pub fn checkpoint(spot: Spot, since: u64, signer: &Signer) -> Entry {
    let said = Said::Checkpoint { since };
    let signature = signer.sign(&bytes(&spot, &signer.public(), &said));
    entry(&Signed { spot, public: signer.public(), said, signature })
}

/// The announcement of a key by the one before it, or by itself.
pub fn announcement(spot: Spot, public: PublicKey, by: &Signer) -> Entry {
    let said = Said::Key { by: by.public() };
    let signature = by.sign(&bytes(&spot, &public, &said));
    entry(&Signed { spot, public, said, signature })
}

impl Signed {
    /// Reads a record, if it is one of the two kinds; an error if it should be and is not written as we write it.
    pub fn read(line: &[u8]) -> Option<Result<Signed, &'static str>> {
        let is_one = |word: &str| memchr::memmem::find(line, word.as_bytes()).is_some();
        if !is_one(CHECKPOINT) && !is_one(KEY) {
            return None;
        }
        let record = audit::read_record(line)?;
        let kind = record.what;
        if kind != What::Checkpoint && kind != What::SigningKey {
            return None;
        }
        let read = Signed::of(&record).filter(|signed| {
            let (again, _) =
                audit::write_line(record.number, record.at_ms, entry(signed), record.prev);
            again.strip_suffix('\n').is_some_and(|again| again.as_bytes() == line)
        });
        Some(read.ok_or("this signed record is not in the form in which the gateway writes it"))
    }

    fn of(record: &Record) -> Option<Signed> {
        let word = |key: &str| record.details.get(key).and_then(serde_json::Value::as_str);
        let number = |key: &str| record.details.get(key).and_then(serde_json::Value::as_u64);
        let said = match record.what == What::Checkpoint {
            true => Said::Checkpoint { since: number("since")? },
            false => Said::Key { by: PublicKey::try_from(word("by")?.to_string()).ok()? },
        };
        // Of an announcement the place is the record's own, which the chain says.
        let covers = number("covers").unwrap_or(record.number.saturating_sub(1));
        let head = word("head").map_or(Some(record.prev), Hash::parse)?;
        let spot = Spot { log: Hash::parse(word("log")?)?, covers, head, at: record.at_ms };
        let public = PublicKey::try_from(word("public")?.to_string()).ok()?;
        Some(Signed { spot, public, said, signature: Signature::parse(word("signature")?)? })
    }

    /// The key that it says to be signed by.
    pub fn signer(&self) -> PublicKey {
        match self.said {
            Said::Checkpoint { .. } => self.public,
            Said::Key { by } => by,
        }
    }

    /// Did that key sign it?
    pub fn is_signed(&self) -> bool {
        self.signer().has_signed(&bytes(&self.spot, &self.public, &self.said), &self.signature)
    }
}

fn entry(signed: &Signed) -> Entry {
    let Signed { spot, public, said, signature } = signed;
    let details = Details::default()
        .word("log", &spot.log.to_string())
        .word("key", &public.fingerprint().to_string())
        .word("public", &public.to_string())
        .word("signature", &signature.to_string());
    match said {
        Said::Checkpoint { since } => {
            let details = details
                .number("covers", spot.covers)
                .word("head", &spot.head.to_string())
                .number("since", *since);
            Entry::new(Actor::System, What::Checkpoint).with(details)
        }
        Said::Key { by } => {
            let details = details.word("by", &by.to_string());
            Entry::new(Actor::System, What::SigningKey).with(details)
        }
    }
}

/// What is signed.
fn bytes(spot: &Spot, public: &PublicKey, said: &Said) -> Vec<u8> {
    let Spot { log, covers, head, at } = spot;
    let (at, key) = (at.0, public.fingerprint());
    match said {
        Said::Checkpoint { since } => format!(
            "sluss audit checkpoint 1\nlog {log}\ncovers {covers}\nhead {head}\nsince {since}\nat {at}\nkey {key}\n"
        ),
        Said::Key { by } => format!(
            "sluss audit signing key 1\nlog {log}\ncovers {covers}\nhead {head}\nat {at}\nkey {key}\npublic {public}\nby {by}\n"
        ),
    }
    .into_bytes()
}

const CHECKPOINT: &str = "\"what\":\"checkpoint\"";
const KEY: &str = "\"what\":\"signing-key\"";

#[cfg(test)]
mod tests {
    use super::*;

    fn spot() -> Spot {
        let at = UnixMs(1_800_000_000_000);
        Spot { log: Hash::default(), covers: 6, head: Hash::default(), at }
    }

    fn line(entry: Entry) -> String {
        let (line, _) = audit::write_line(7, spot().at, entry, Hash::default());
        line.trim_end().to_string()
    }

    #[test]
    fn what_is_signed_is_read_back_and_no_other_byte_fits() {
        let (one, two) = (Signer::for_tests(1), Signer::for_tests(2));
        for (line, said, public, by) in [
            (line(checkpoint(spot(), 3, &one)), Said::Checkpoint { since: 3 }, one.public(), &one),
            (
                line(announcement(spot(), two.public(), &one)),
                Said::Key { by: one.public() },
                two.public(),
                &one,
            ),
        ] {
            let signed = Signed::read(line.as_bytes()).unwrap().unwrap();
            assert_eq!((signed.spot, signed.said, signed.public), (spot(), said, public));
            assert!(signed.signer() == by.public() && signed.is_signed());
            let moved = Signed { spot: Spot { covers: 7, ..signed.spot }, ..signed };
            assert!(!moved.is_signed());
            // With whatever is added, and a hash that fits, it is another record.
            let more = line.replace("\"details\"", "\"object\":\"x\",\"details\"");
            assert!(Signed::read(more.as_bytes()).unwrap().is_err(), "{more}");
            let spaced = line.replace("\"log\":", "\"log\": ");
            assert!(Signed::read(spaced.as_bytes()).unwrap().is_err());
        }
        let other = line(Entry::new(Actor::System, What::Started));
        assert_eq!(Signed::read(other.as_bytes()), None);
        let hollow = line(Entry::new(Actor::System, What::Checkpoint));
        assert!(Signed::read(hollow.as_bytes()).unwrap().is_err());
    }
}
