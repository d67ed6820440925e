//! Whose signatures are believed, and what they say of the chain.
//!
//! Believed are the keys that the asker names (*pinned*); without any, the first that signs (*first seen*); and whatever key one of these
//! vouches for. With pinned keys, signatures of others before the first pinned one are let be: what they stand in is bound by that one's
//! checkpoint all the same. After it, a signature of a key that nobody vouches for is somebody else's work.

use crate::{
    base::{clock::UnixMs, limits},
    store::{
        audit::{Hash, Link},
        checkpoint::{Said, Signed},
        signer::{Fingerprint, PublicKey},
    },
};
use serde::Serialize;
use std::collections::BTreeSet;

/// A checkpoint that is right and whose key is believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct CheckpointSeen {
    /// Its number.
    pub number: u64,
    /// When it was written, milliseconds since 1970.
    pub at_ms: UnixMs,
    /// Who signed it.
    pub key: Fingerprint,
}

/// A key that signed in this log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct KeySeen {
    /// Its name.
    pub fingerprint: Fingerprint,
    /// Why it is believed: "pinned", "first seen", "vouched for"; or "not believed".
    pub trust: &'static str,
    /// The record in which it is met first.
    pub number: u64,
}

#[derive(Debug, Default)]
pub(super) struct Witness {
    /// Named by whoever asks.
    pins: BTreeSet<Fingerprint>,
    believed: BTreeSet<Fingerprint>,
    /// Something was signed by a key that is believed.
    anchored: bool,
    /// The log's name, once it is known.
    log: Option<Hash>,
    /// The checkpoint before; none where that is not known.
    last: Option<u64>,
    pub(super) keys: Vec<KeySeen>,
}

impl Witness {
    pub(super) fn with_pins(pins: &[Fingerprint]) -> Witness {
        let pins: BTreeSet<Fingerprint> = pins.iter().copied().collect();
        Witness { believed: pins.clone(), pins, ..Witness::default() }
    }

    /// The log's name.
    pub(super) fn log(&self) -> Option<Hash> {
        self.log
    }

    /// Keys were named, and none of them has signed anything.
    pub(super) fn misses_pins(&self) -> bool {
        !self.pins.is_empty() && !self.anchored
    }

    /// The chain does not fit here: which checkpoint was before is not known from now on.
    pub(super) fn interrupted(&mut self) {
        self.last = None;
    }

    /// Looks at a line that fits the chain. Gives a checkpoint that is right, or what is wrong.
    pub(super) fn see(
        &mut self,
        line: &[u8],
        link: &Link,
    ) -> Result<Option<CheckpointSeen>, &'static str> {
        if link.number == 1 {
            (self.log, self.last) = (Some(link.hash), Some(0));
        }
        let Some(signed) = Signed::read(line) else { return Ok(None) };
        let signed = signed?;
        if self.log.is_some_and(|log| log != signed.spot.log) {
            return Err("it was signed for another log");
        }
        if signed.spot.covers.checked_add(1) != Some(link.number) || signed.spot.head != link.prev {
            return Err("it was signed for another place in the log");
        }
        if !signed.is_signed() {
            return Err("its signature does not fit");
        }
        self.log = Some(signed.spot.log);
        match signed.said {
            Said::Checkpoint { since } => self.checkpoint(&signed, since, link),
            Said::Key { by } => self.announced(&signed, by, link).map(|()| None),
        }
    }

    fn checkpoint(
        &mut self,
        signed: &Signed,
        since: u64,
        link: &Link,
    ) -> Result<Option<CheckpointSeen>, &'static str> {
        let before = self.last.replace(link.number);
        if before.is_some_and(|before| before != since) {
            return Err("the checkpoint that it names before it is not there");
        }
        let key = signed.public.fingerprint();
        if !self.may_believe(key) {
            self.meet(key, "not believed", link.number);
            return match self.anchored {
                true => Err("it is signed by a key that is neither pinned nor vouched for"),
                // Whatever it is: the first pinned key's checkpoint binds it.
                false => Ok(None),
            };
        }
        self.anchored = true;
        self.believe(key, "first seen", link.number);
        Ok(Some(CheckpointSeen { number: link.number, at_ms: link.at, key }))
    }

    fn announced(
        &mut self,
        signed: &Signed,
        by: PublicKey,
        link: &Link,
    ) -> Result<(), &'static str> {
        let (key, by) = (signed.public.fingerprint(), by.fingerprint());
        if self.believed.contains(&key) {
            self.meet(key, "pinned", link.number);
            return Ok(());
        }
        if key == by && self.pins.is_empty() && self.believed.is_empty() {
            self.believe(key, "first seen", link.number);
            return Ok(());
        }
        if key != by && self.may_believe(by) {
            self.believe(by, "first seen", link.number);
            self.believe(key, "vouched for", link.number);
            return Ok(());
        }
        match self.anchored || self.pins.is_empty() {
            true => Err("it announces a key that no believed key vouches for"),
            false => Ok(()),
        }
    }

    /// Is it believed, or the first there is when nobody named any?
    fn may_believe(&self, key: Fingerprint) -> bool {
        self.believed.contains(&key) || (self.pins.is_empty() && self.believed.is_empty())
    }

    fn believe(&mut self, key: Fingerprint, why: &'static str, number: u64) {
        let why = if self.pins.contains(&key) { "pinned" } else { why };
        self.believed.insert(key);
        self.meet(key, why, number);
    }

    fn meet(&mut self, fingerprint: Fingerprint, trust: &'static str, number: u64) {
        let is_known = self.keys.iter().any(|seen| seen.fingerprint == fingerprint);
        if !is_known && self.keys.len() < limits::AUDIT_KEYS_SHOWN_MAX {
            self.keys.push(KeySeen { fingerprint, trust, number });
        }
    }
}
