//! What was inside mails that were opened a moment ago, so that the same mail to a thousand people is opened once.
//!
//! The key is the hash of all the bytes, computed here. Rules, bounds and whatever else an answer depends on are those of the
//! workers that gave it: each set of workers has a cache of its own.

use crate::{
    base::{clock::Tick, limits},
    examine::Contents,
};
use blake3::Hash;
use std::{
    collections::{HashMap, VecDeque},
    sync::{Mutex, MutexGuard, PoisonError},
};

pub(super) struct Cache {
    kept: Mutex<Kept>,
    bytes_max: usize,
}

#[derive(Default)]
struct Kept {
    by_hash: HashMap<Hash, Entry>,
    oldest_first: VecDeque<Hash>,
    bytes: usize,
}

struct Entry {
    contents: Contents,
    bytes: usize,
    since: Tick,
}

impl Cache {
    pub(super) fn new(bytes_max: usize) -> Cache {
        Cache { kept: Mutex::default(), bytes_max }
    }

    /// What was inside these bytes, if that was seen not long ago.
    pub(super) fn get(&self, hash: &Hash, now: Tick) -> Option<Contents> {
        let kept = self.kept();
        let entry = kept.by_hash.get(hash)?;
        (now.since(entry.since) <= limits::CONTENTS_CACHE_LIFETIME).then(|| entry.contents.clone())
    }

    pub(super) fn put(&self, hash: Hash, contents: &Contents, now: Tick) {
        let bytes = weight(contents);
        // What is large is rare, and would push out much that is small.
        if bytes > self.bytes_max / LARGEST_SHARE {
            return;
        }
        let entry = Entry { contents: contents.clone(), bytes, since: now };
        let mut kept = self.kept();
        kept.bytes += bytes;
        match kept.by_hash.insert(hash, entry) {
            Some(before) => kept.bytes = kept.bytes.saturating_sub(before.bytes),
            None => kept.oldest_first.push_back(hash),
        }
        while kept.bytes > self.bytes_max
            && let Some(oldest) = kept.oldest_first.pop_front()
        {
            let gone = kept.by_hash.remove(&oldest).map_or(0, |entry| entry.bytes);
            kept.bytes = kept.bytes.saturating_sub(gone);
        }
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// About how much memory it takes.
fn weight(contents: &Contents) -> usize {
    let blobs: usize = contents.blobs.iter().map(|blob| blob.bytes.len()).sum();
    let texts: usize = contents.texts.iter().map(|text| text.shown.len() + text.hidden.len()).sum();
    let links: usize = contents.links.iter().map(|link| 2 * link.target.len() + 200).sum();
    let parts = 400 * contents.parts.len();
    let reports: usize = contents.reports.iter().map(|report| 600 * report.rows()).sum();
    let others = contents.signatures.len() + contents.personal.len() + contents.unscanned.len();
    let others = others + contents.accounts.len();
    1_000 + blobs + texts + links + parts + reports + 300 * (others + contents.oddities.len())
}

/// One entry may take so much of the whole at most.
const LARGEST_SHARE: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn of_bytes(bytes: u64) -> Contents {
        Contents { unpacked_bytes: bytes, ..Contents::default() }
    }

    fn at(seconds: u64) -> Tick {
        Tick(Duration::from_secs(seconds))
    }

    #[test]
    fn the_same_bytes_are_opened_once_for_a_while() {
        let cache = Cache::new(1 << 20);
        let (one, other) = (blake3::hash(b"one"), blake3::hash(b"other"));
        cache.put(one, &of_bytes(7), at(0));
        assert_eq!(cache.get(&one, at(1)).map(|known| known.unpacked_bytes), Some(7));
        assert_eq!(cache.get(&other, at(1)), None);
        let later = Tick(limits::CONTENTS_CACHE_LIFETIME + Duration::from_secs(1));
        assert_eq!(cache.get(&one, later), None);
    }

    #[test]
    fn memory_is_bounded_and_the_oldest_goes_first() {
        let cache = Cache::new(50_000);
        let hash = |number: u32| blake3::hash(&number.to_be_bytes());
        for number in 0..1_000 {
            cache.put(hash(number), &of_bytes(0), at(0));
            cache.put(hash(number), &of_bytes(1), at(0));
        }
        let kept = cache.kept();
        assert!(kept.by_hash.len() <= 50 && kept.bytes <= 50_000);
        assert_eq!(kept.by_hash.len(), kept.oldest_first.len());
        drop(kept);
        assert!(cache.get(&hash(999), at(0)).is_some() && cache.get(&hash(0), at(0)).is_none());
    }
}
