//! Filters in front of a list: 18 bits for each key in memory, and 99.998 % of what is not listed needs no look at the disk.
//!
//! Binary fuse filters (Graf and Lemire, "Binary Fuse Filters", 2022) of 16 bits. One for each run of about a million keys of the
//! ordered list, so that building one takes little memory whatever the list's length.

use super::key::Key;
use crate::base::limits;
use xorf::{BinaryFuse16, Descriptor, Filter as _};

/// The filters of a list.
#[derive(Debug, Default)]
pub struct Filters {
    shards: Vec<Shard>,
}

/// One filter, for the keys from `first` up to the first of the next.
#[derive(Debug)]
struct Shard {
    first: Key,
    /// Nothing when none could be built: then it is always "perhaps".
    filter: Option<BinaryFuse16>,
}

/// Why bytes are no filters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the filters are damaged")]
pub struct Damaged;

impl Filters {
    /// Certainly not, or perhaps?
    pub fn may_hold(&self, key: Key) -> bool {
        let after = self.shards.partition_point(|shard| shard.first <= key);
        let shard = after.checked_sub(1).and_then(|at| self.shards.get(at));
        // Below the first key of all there is nothing.
        shard.is_some_and(|shard| {
            shard.filter.as_ref().is_none_or(|filter| filter.contains(&key.low()))
        })
    }

    /// Bytes in memory.
    pub fn memory_bytes(&self) -> usize {
        let fingerprints = |shard: &Shard| shard.filter.as_ref().map_or(0, |filter| filter.len());
        let all: usize = self.shards.iter().map(fingerprints).sum();
        all.saturating_mul(2).saturating_add(self.shards.len().saturating_mul(size_of::<Shard>()))
    }

    /// Takes the filters that [`build`] wrote, one after another, in the order of their keys.
    pub fn read(mut bytes: &[u8]) -> Result<Filters, Damaged> {
        let mut shards: Vec<Shard> = Vec::new();
        while !bytes.is_empty() {
            let (shard, rest) = read_one(bytes).ok_or(Damaged)?;
            let is_next = shards.last().is_none_or(|last| last.first < shard.first);
            if !is_next || shards.len() >= limits::HASH_FILTERS_MAX {
                return Err(Damaged);
            }
            shards.push(shard);
            bytes = rest;
        }
        Ok(Filters { shards })
    }
}

/// Builds the filter of some keys of which `first` is the smallest, and writes it in the form that [`Filters::read`] takes.
/// `lows` are their [`Key::low`]; it is left sorted and without doubles. Takes about 30 bytes of memory a key.
pub fn build(first: Key, lows: &mut Vec<u64>) -> Vec<u8> {
    // The construction does not end when a key is there twice.
    lows.sort_unstable();
    lows.dedup();
    let filter = BinaryFuse16::try_from(lows.as_slice()).ok();
    let mut bytes = first.0.to_le_bytes().to_vec();
    let fingerprints = filter.as_ref().map(|filter| &*filter.fingerprints).unwrap_or_default();
    let (seed, length, mask, count) = match &filter {
        Some(filter) => {
            let of = &filter.descriptor;
            (of.seed, of.segment_length, of.segment_length_mask, of.segment_count_length)
        }
        None => (0, 0, 0, 0),
    };
    bytes.extend(seed.to_le_bytes());
    for number in [length, mask, count, u32::try_from(fingerprints.len()).unwrap_or(u32::MAX)] {
        bytes.extend(number.to_le_bytes());
    }
    bytes.extend(fingerprints.iter().flat_map(|print| print.to_le_bytes()));
    bytes
}

fn read_one(bytes: &[u8]) -> Option<(Shard, &[u8])> {
    let (first, bytes) = bytes.split_first_chunk::<16>()?;
    let (seed, bytes) = bytes.split_first_chunk::<8>()?;
    let (segment_length, bytes) = number(bytes)?;
    let (segment_length_mask, bytes) = number(bytes)?;
    let (segment_count_length, bytes) = number(bytes)?;
    let (count, bytes) = number(bytes)?;
    let (prints, rest) = bytes.split_at_checked(usize::try_from(count).ok()?.checked_mul(2)?)?;
    let (pairs, _) = prints.as_chunks::<2>();
    let descriptor = Descriptor {
        seed: u64::from_le_bytes(*seed),
        segment_length,
        segment_length_mask,
        segment_count_length,
    };
    let filter = match count {
        0 => None,
        _ if fits(&descriptor, count) => Some(BinaryFuse16 {
            descriptor,
            fingerprints: pairs.iter().map(|pair| u16::from_le_bytes(*pair)).collect(),
        }),
        _ => return None,
    };
    Some((Shard { first: Key(u128::from_le_bytes(*first)), filter }, rest))
}

/// A question looks at one place in each of three neighbouring segments; all must be there.
fn fits(descriptor: &Descriptor, count: u32) -> bool {
    let length = descriptor.segment_length;
    let needed =
        length.checked_mul(2).and_then(|two| two.checked_add(descriptor.segment_count_length));
    length.is_power_of_two()
        && Some(descriptor.segment_length_mask) == length.checked_sub(1)
        && descriptor.segment_count_length.is_multiple_of(length)
        && descriptor.segment_count_length > 0
        && needed.is_some_and(|needed| needed <= count)
}

fn number(bytes: &[u8]) -> Option<(u32, &[u8])> {
    let (number, rest) = bytes.split_first_chunk::<4>()?;
    Some((u32::from_le_bytes(*number), rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(count: u64, salt: u64) -> Vec<Key> {
        let key = |number: u64| {
            let mut bytes = salt.to_le_bytes().to_vec();
            bytes.extend(number.to_le_bytes());
            let hash = blake3::hash(&bytes);
            Key(u128::from_be_bytes(*hash.as_bytes().first_chunk().unwrap()))
        };
        let mut keys: Vec<Key> = (0..count).map(key).collect();
        keys.sort_unstable();
        keys
    }

    fn filters(keys: &[Key], size: usize) -> Vec<u8> {
        keys.chunks(size)
            .flat_map(|keys| build(keys[0], &mut keys.iter().map(|key| key.low()).collect()))
            .collect()
    }

    #[test]
    fn what_is_listed_is_never_denied() {
        for count in [1, 2, 3, 4, 5, 10, 100, 1_000, 20_000] {
            let listed = keys(count, 1);
            let filters = Filters::read(&filters(&listed, 7_000)).unwrap();
            assert!(listed.iter().all(|key| filters.may_hold(*key)), "{count}");
        }
        let filters = Filters::read(&filters(&keys(20_000, 1), 7_000)).unwrap();
        let wrong = keys(100_000, 2).into_iter().filter(|key| filters.may_hold(*key)).count();
        assert!(wrong < 15, "{wrong} of 100,000");
        assert!(filters.memory_bytes() < 60_000, "{}", filters.memory_bytes());
        assert!(!Filters::default().may_hold(Key(7)));
    }

    #[test]
    fn keys_that_agree_in_half_are_no_trouble() {
        let mut lows = vec![7; 1_000];
        let bytes = build(Key(7), &mut lows);
        assert_eq!(lows.len(), 1);
        assert!(Filters::read(&bytes).unwrap().may_hold(Key(7 << 64 | 7)));
    }

    #[test]
    fn damage_is_refused_or_harmless() {
        let listed = keys(50, 3);
        let whole = filters(&listed, 30);
        for end in 0..whole.len() {
            let _refused_or_shorter = Filters::read(&whole[..end]);
        }
        for at in 0..whole.len() {
            let mut bent = whole.clone();
            bent[at] ^= 0xff;
            if let Ok(filters) = Filters::read(&bent) {
                let _any = listed.iter().filter(|key| filters.may_hold(**key)).count();
            }
        }
        assert!(Filters::read(&whole[..whole.len() - 1]).is_err());
    }
}
