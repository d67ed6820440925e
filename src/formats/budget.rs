//! What one mail may cost us, counted in one place however deep its archives nest.
//!
//! Every opener is handed the same [`Budget`] and takes from it before it gives anything away. A limit that is reached is a value,
//! never a silence: whoever asked says what was left out. Declared sizes are never believed; what comes out is counted.

use crate::base::{
    clock::{Clock, Tick},
    limits,
};
use std::{io::Read, time::Duration};

/// The bounds of one examination; [`Bounds::default`] is what `limits` says, tests use smaller ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// Bytes unpacked or decoded in all.
    pub bytes: u64,
    /// Bytes of one part or member.
    pub part_bytes: u64,
    /// Parts and members in all.
    pub parts: usize,
    /// Archives inside archives and messages inside messages, together.
    pub depth: usize,
    /// Unpacked to packed size of one member.
    pub ratio: u64,
    /// Members under this size may have any ratio.
    pub ratio_free_bytes: u64,
    /// Time in all.
    pub time: Duration,
}

impl Default for Bounds {
    fn default() -> Bounds {
        Bounds {
            bytes: limits::UNPACKED_BYTES_MAX,
            part_bytes: limits::PART_BYTES_MAX,
            parts: limits::PARTS_MAX,
            depth: limits::DEPTH_MAX,
            ratio: limits::UNPACK_RATIO_MAX,
            ratio_free_bytes: limits::UNPACK_RATIO_FREE_BYTES,
            time: limits::EXAMINE_TIME_MAX,
        }
    }
}

/// What is left of the bounds of one mail.
#[derive(Debug, Clone)]
pub struct Budget {
    bounds: Bounds,
    clock: Clock,
    deadline: Tick,
    bytes_taken: u64,
    parts_taken: usize,
}

/// A bound was reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Limit {
    /// Nested deeper than we go.
    #[error("nested {depth} levels deep, at most {depth_max} are opened")]
    TooDeep {
        /// The level that was not opened.
        depth: usize,
        /// The bound.
        depth_max: usize,
    },
    /// More parts or members than we open.
    #[error("more than {parts_max} parts and members")]
    TooMany {
        /// The bound.
        parts_max: usize,
    },
    /// One part, or all together, unpack to more than we take.
    #[error("more than {bytes_max} bytes")]
    TooLarge {
        /// The bound that was met first.
        bytes_max: u64,
    },
    /// Unpacks to implausibly much for its size.
    #[error("{packed_bytes} bytes unpack to more than {ratio_max} times as much")]
    RatioTooHigh {
        /// Packed bytes read so far.
        packed_bytes: u64,
        /// The bound.
        ratio_max: u64,
    },
    /// The time for this mail was used up.
    #[error("opening took longer than {} ms", time_max.as_millis())]
    OutOfTime {
        /// The bound.
        time_max: Duration,
    },
}

/// What came out of a reader, and why it ended early if it did. What was read before is always given.
#[derive(Debug, Default)]
pub struct Unpacked {
    /// The bytes.
    pub bytes: Vec<u8>,
    /// Why there are no more, if not because it was all.
    pub stopped: Option<Stopped>,
}

/// Why unpacking ended early.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Stopped {
    /// A bound.
    #[error(transparent)]
    Limit(#[from] Limit),
    /// The reader found it broken: its words.
    #[error("damaged: {0}")]
    Damaged(String),
    /// It needs a password.
    #[error("a password is needed")]
    Encrypted,
    /// A method we cannot read.
    #[error("cannot be opened yet: {0}")]
    Unsupported(String),
}

impl Budget {
    /// The full budget, from now.
    pub fn new(bounds: Bounds, clock: &Clock) -> Budget {
        Budget {
            bounds,
            clock: clock.clone(),
            deadline: clock.tick().plus(bounds.time),
            bytes_taken: 0,
            parts_taken: 0,
        }
    }

    /// The time that is left; zero when there is none.
    pub fn time_left(&self) -> Duration {
        self.deadline.since(self.clock.tick())
    }

    /// Bytes taken so far.
    pub fn bytes_taken(&self) -> u64 {
        self.bytes_taken
    }

    /// Bytes one more part may have: what is left in all, at most the bound of one part.
    pub fn part_bytes_left(&self) -> u64 {
        self.bounds.bytes.saturating_sub(self.bytes_taken).min(self.bounds.part_bytes)
    }

    /// Is there time left?
    pub fn check_time(&self) -> Result<(), Limit> {
        match self.time_left().is_zero() {
            true => Err(Limit::OutOfTime { time_max: self.bounds.time }),
            false => Ok(()),
        }
    }

    /// May this level be opened? The message itself is level 0.
    pub fn check_depth(&self, depth: usize) -> Result<(), Limit> {
        match depth > self.bounds.depth {
            true => Err(Limit::TooDeep { depth, depth_max: self.bounds.depth }),
            false => Ok(()),
        }
    }

    /// Takes one part or member.
    pub fn take_part(&mut self) -> Result<(), Limit> {
        self.check_time()?;
        if self.parts_taken >= self.bounds.parts {
            return Err(Limit::TooMany { parts_max: self.bounds.parts });
        }
        self.parts_taken += 1;
        Ok(())
    }

    /// Takes bytes that were decoded without a reader.
    pub fn take_bytes(&mut self, bytes: usize) -> Result<(), Limit> {
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        let bytes_max = self.part_bytes_left();
        if bytes > bytes_max {
            return Err(Limit::TooLarge { bytes_max });
        }
        self.bytes_taken = self.bytes_taken.saturating_add(bytes);
        Ok(())
    }

    /// Reads to the end or to a bound; `packed_bytes` tells how much the reader has consumed so far, for the ratio.
    pub fn unpack<R: Read>(
        &mut self,
        mut reader: R,
        packed_bytes: impl Fn(&R) -> usize,
    ) -> Unpacked {
        let mut unpacked = Unpacked::default();
        let bytes_max = self.part_bytes_left();
        let mut chunk = vec![0; CHUNK_BYTES];
        while unpacked.stopped.is_none() {
            match reader.read(&mut chunk) {
                Ok(0) => break,
                Ok(count) => {
                    unpacked.bytes.extend_from_slice(chunk.get(..count).unwrap_or_default())
                }
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
                Err(error) => unpacked.stopped = Some(Stopped::Damaged(error.to_string())),
            }
            let got = u64::try_from(unpacked.bytes.len()).unwrap_or(u64::MAX);
            let packed = u64::try_from(packed_bytes(&reader)).unwrap_or(u64::MAX);
            let limit = self.check(got, packed, bytes_max);
            unpacked.stopped = unpacked.stopped.or(limit.err().map(Stopped::Limit));
        }
        let got = u64::try_from(unpacked.bytes.len()).unwrap_or(u64::MAX);
        self.bytes_taken = self.bytes_taken.saturating_add(got);
        unpacked
    }

    fn check(&self, got: u64, packed: u64, bytes_max: u64) -> Result<(), Limit> {
        let ratio_max = self.bounds.ratio;
        if got > self.bounds.ratio_free_bytes && got / ratio_max.max(1) > packed {
            return Err(Limit::RatioTooHigh { packed_bytes: packed, ratio_max });
        }
        if got > bytes_max {
            return Err(Limit::TooLarge { bytes_max });
        }
        self.check_time()
    }
}

/// How much is read between two looks at the bounds.
const CHUNK_BYTES: usize = 64 << 10;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::clock::UnixMs;

    fn budget(bounds: Bounds) -> (Budget, Clock) {
        let clock = Clock::by_hand(UnixMs(0));
        (Budget::new(bounds, &clock), clock)
    }

    #[test]
    fn bytes_are_counted_over_all_parts() {
        let (mut budget, _) = budget(Bounds { bytes: 10, part_bytes: 6, ..Bounds::default() });
        assert_eq!(budget.take_bytes(7), Err(Limit::TooLarge { bytes_max: 6 }));
        assert_eq!(budget.take_bytes(6), Ok(()));
        assert_eq!(budget.take_bytes(5), Err(Limit::TooLarge { bytes_max: 4 }));
        assert_eq!(budget.bytes_taken(), 6);
    }

    #[test]
    fn a_reader_without_end_is_stopped() {
        let (mut budget, _) = budget(Bounds { part_bytes: 1 << 20, ..Bounds::default() });
        let unpacked = budget.unpack(std::io::repeat(0), |_| usize::MAX);
        assert_eq!(unpacked.stopped, Some(Stopped::Limit(Limit::TooLarge { bytes_max: 1 << 20 })));
        let unpacked = budget.unpack(std::io::repeat(0).take(8 << 20), |_| 1);
        assert!(matches!(unpacked.stopped, Some(Stopped::Limit(_))));
    }

    #[test]
    fn a_small_file_may_have_any_ratio() {
        let (mut budget, _) = budget(Bounds::default());
        let unpacked = budget.unpack(std::io::repeat(0).take(1 << 20), |_| 1);
        assert_eq!((unpacked.bytes.len(), unpacked.stopped), (1 << 20, None));
        let unpacked = budget.unpack(std::io::repeat(0).take(8 << 20), |_| 1);
        assert_eq!(
            unpacked.stopped,
            Some(Stopped::Limit(Limit::RatioTooHigh { packed_bytes: 1, ratio_max: 500 }))
        );
    }

    #[test]
    fn time_and_parts_run_out() {
        let (mut budget, clock) = budget(Bounds { parts: 1, ..Bounds::default() });
        assert_eq!(budget.take_part(), Ok(()));
        assert_eq!(budget.take_part(), Err(Limit::TooMany { parts_max: 1 }));
        assert!(budget.check_depth(limits::DEPTH_MAX).is_ok());
        assert!(budget.check_depth(limits::DEPTH_MAX + 1).is_err());
        clock.advance(limits::EXAMINE_TIME_MAX);
        assert!(matches!(budget.take_part(), Err(Limit::OutOfTime { .. })));
        assert!(budget.unpack(std::io::repeat(0), |_| 0).stopped.is_some());
    }
}
