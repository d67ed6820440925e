//! A table for more keys than there is room for: it never grows over its size, and whoever is worth least is forgotten first.
//!
//! A table of small sets, and a secret decides which set a key falls into. To have a certain key forgotten, a stranger needs a whole set of
//! keys that are worth more, and cannot choose which set. There is no list to rearrange and no moment at which everything is moved.

use std::{
    hash::{BuildHasher, Hash, RandomState},
    mem,
};

/// Values by key, a bounded number of them.
#[derive(Debug)]
pub struct Crowd<K, V> {
    sets: Vec<Vec<(K, V)>>,
    secret: RandomState,
}

impl<K: Hash + Eq, V> Crowd<K, V> {
    /// For about so many at once.
    pub fn new(remembered: usize) -> Crowd<K, V> {
        // A third more room than asked for: sets fill unevenly.
        let sets = (remembered + remembered / 3).div_ceil(SET_SLOTS_MAX).max(1);
        Crowd { sets: (0..sets).map(|_| Vec::new()).collect(), secret: RandomState::new() }
    }

    /// The value of a key.
    pub fn get(&self, key: &K) -> Option<&V> {
        let set = self.sets.get(self.place(key))?;
        set.iter().find(|(own, _)| own == key).map(|(_, value)| value)
    }

    /// The same, to be changed.
    pub fn get_mut(&mut self, key: &K) -> Option<&mut V> {
        let place = self.place(key);
        let set = self.sets.get_mut(place)?;
        set.iter_mut().find(|(own, _)| own == key).map(|(_, value)| value)
    }

    /// Puts a value in, in the place of the one that was there, or, where its set is full, of the one with the least worth.
    pub fn put<W: PartialOrd>(&mut self, key: K, value: V, worth: impl Fn(&V) -> W) {
        let place = self.place(&key);
        let Some(set) = self.sets.get_mut(place) else { return };
        if let Some(known) = set.iter_mut().find(|(own, _)| *own == key) {
            known.1 = value;
            return;
        }
        if set.len() < SET_SLOTS_MAX {
            set.push((key, value));
            return;
        }
        let least = set
            .iter_mut()
            .reduce(|least, other| if worth(&other.1) < worth(&least.1) { other } else { least });
        if let Some(least) = least {
            *least = (key, value);
        }
    }

    /// Takes a key out; gives its value.
    pub fn remove(&mut self, key: &K) -> Option<V> {
        let place = self.place(key);
        let set = self.sets.get_mut(place)?;
        let at = set.iter().position(|(own, _)| own == key)?;
        Some(set.swap_remove(at).1)
    }

    /// Keeps those that are meant and gives back the memory of the others; gives how many went.
    pub fn retain(&mut self, is_kept: impl Fn(&K, &V) -> bool) -> usize {
        let before = self.len();
        for set in &mut self.sets {
            let had = set.len();
            set.retain(|(key, value)| is_kept(key, value));
            if set.len() < had {
                set.shrink_to_fit();
            }
        }
        before - self.len()
    }

    /// All of them, in no order.
    pub fn iter(&self) -> impl Iterator<Item = (&K, &V)> {
        self.sets.iter().flatten().map(|(key, value)| (key, value))
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.sets.iter().map(Vec::len).sum()
    }

    /// Is there none?
    pub fn is_empty(&self) -> bool {
        self.sets.iter().all(Vec::is_empty)
    }

    /// The most there can be.
    pub fn capacity(&self) -> usize {
        self.sets.len() * SET_SLOTS_MAX
    }

    /// The table's memory, but for what keys and values hold outside of it.
    pub fn bytes(&self) -> usize {
        let slots: usize = self.sets.iter().map(Vec::capacity).sum();
        slots * mem::size_of::<(K, V)>() + self.sets.capacity() * mem::size_of::<Vec<(K, V)>>()
    }

    fn place(&self, key: &K) -> usize {
        let count = u64::try_from(self.sets.len()).unwrap_or(u64::MAX);
        let at = self.secret.hash_one(key).checked_rem(count).unwrap_or(0);
        usize::try_from(at).unwrap_or(0)
    }
}

const SET_SLOTS_MAX: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_put_in_is_found_changed_and_taken_out() {
        let mut crowd = Crowd::new(10);
        assert!(crowd.is_empty());
        crowd.put("a", 1, |value| *value);
        crowd.put("b", 2, |value| *value);
        crowd.put("a", 3, |value| *value);
        assert_eq!((crowd.get(&"a"), crowd.get(&"c"), crowd.len()), (Some(&3), None, 2));
        *crowd.get_mut(&"b").unwrap() = 9;
        assert_eq!(crowd.remove(&"b"), Some(9));
        assert_eq!(crowd.remove(&"b"), None);
        assert_eq!(crowd.retain(|_, value| *value > 3), 1);
        assert!(crowd.is_empty());
    }

    #[test]
    fn a_flood_neither_grows_it_nor_pushes_out_what_is_worth_more() {
        let mut crowd = Crowd::new(1_000);
        crowd.put(u64::MAX, 100_u32, |value| *value);
        for key in 0..100_000 {
            crowd.put(key, 1, |value| *value);
        }
        assert!(crowd.len() <= crowd.capacity() && crowd.capacity() < 1_400, "{}", crowd.len());
        assert_eq!(crowd.get(&u64::MAX), Some(&100));
    }

    #[test]
    fn as_many_as_asked_for_find_room() {
        let mut crowd = Crowd::new(100_000);
        for key in 0..100_000_u32 {
            crowd.put(key, (), |()| 0);
        }
        assert!(crowd.len() > 97_000, "{}", crowd.len());
        let most = crowd.capacity() * 2 * mem::size_of::<(u32, ())>() + (1 << 20);
        assert!(crowd.bytes() < most, "{}", crowd.bytes());
    }
}
