//! Numbers that look like chance and come again: each run measures the same.

/// A row of them (xorshift64*, Vigna 2016).
#[derive(Debug, Clone)]
pub(crate) struct Luck(u64);

impl Luck {
    /// One for each seed.
    pub(crate) fn new(seed: u64) -> Luck {
        Luck(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    /// Below `most`.
    pub(crate) fn below(&mut self, most: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let spread = self.0.wrapping_mul(0x2545_f491_4f6c_dd1d);
        (spread >> 33) as usize % most.max(1)
    }

    /// True so many times in a hundred.
    pub(crate) fn percent(&mut self, share: f64) -> bool {
        (self.below(100_000) as f64) < share * 1000.0
    }

    /// Another order.
    pub(crate) fn shuffle<T>(&mut self, all: &mut [T]) {
        for at in (1..all.len()).rev() {
            all.swap(at, self.below(at + 1));
        }
    }
}
