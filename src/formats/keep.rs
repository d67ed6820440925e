//! How openers of archives and disk images keep what they find: counted by the budget, cut where a bound is met, never believed in its
//! declared size.

use super::{
    budget::{Budget, Limit, Stopped, Unpacked},
    numbers::{self, wide},
    opened::{Member, Opened, Role},
};
use crate::base::limits;
use std::io::Read;

/// What is known of a member before its bytes are taken.
#[derive(Debug, Clone)]
pub(crate) struct Found {
    /// Its name with folders.
    pub(crate) name: String,
    /// What it is to the reader.
    pub(crate) role: Role,
    /// How many bytes the format says it has, where it says that.
    pub(crate) size: Option<u64>,
}

impl Found {
    /// A file of unknown size.
    pub(crate) fn file(name: String) -> Found {
        Found { name, role: Role::File, size: None }
    }

    /// A piece that nobody sees as a file.
    pub(crate) fn inside(name: &str) -> Found {
        Found { name: name.to_string(), role: Role::Inside, size: None }
    }

    /// The same with the size that the format tells.
    pub(crate) fn sized(self, size: u64) -> Found {
        Found { size: Some(size), ..self }
    }
}

/// Keeps bytes that stand in the archive as they are. False: no more members are wanted.
pub(crate) fn stored(opened: &mut Opened, found: Found, bytes: &[u8], budget: &mut Budget) -> bool {
    let room = numbers::size(budget.part_bytes_left());
    let given = numbers::part(bytes, 0, room);
    let taken = budget.check_time().and_then(|()| budget.take_bytes(given.len()));
    let mut unpacked = match taken {
        Ok(()) => Unpacked { bytes: given.to_vec(), stopped: None },
        Err(limit) => Unpacked { bytes: Vec::new(), stopped: Some(limit.into()) },
    };
    if given.len() < bytes.len() && unpacked.stopped.is_none() {
        unpacked.stopped = Some(Limit::TooLarge { bytes_max: wide(room) }.into());
    }
    unpacked_as(opened, found, unpacked)
}

/// Keeps what a decoder gives; `packed` is how many bytes it is fed with, for the ratio.
pub(crate) fn decoded(
    opened: &mut Opened,
    found: Found,
    reader: impl Read,
    packed: usize,
    budget: &mut Budget,
) -> bool {
    let unpacked = budget.unpack(reader, |_| packed);
    unpacked_as(opened, found, unpacked)
}

/// Keeps what was unpacked, and says so where it is less than the format tells.
pub(crate) fn unpacked_as(opened: &mut Opened, found: Found, mut unpacked: Unpacked) -> bool {
    let short = found.size.is_some_and(|size| wide(unpacked.bytes.len()) < size);
    if short && unpacked.stopped.is_none() {
        let why = format!("{} of {} bytes", unpacked.bytes.len(), found.size.unwrap_or(0));
        unpacked.stopped = Some(Stopped::Damaged(why));
    }
    // A path that climbs is there to be written outside the folder it is unpacked to.
    if climbs(&found.name) {
        opened.sign("archive.path_escapes", format!("{:?}", shortened(&found.name)));
    }
    opened.push(Member {
        name: Some(super::mime::bounded(found.name)),
        bytes: unpacked.bytes,
        role: found.role,
        stopped: unpacked.stopped,
    })
}

/// Keeps a name whose bytes cannot be had, and why.
pub(crate) fn refused(opened: &mut Opened, name: String, why: Stopped) -> bool {
    unpacked_as(opened, Found::file(name), Unpacked { bytes: Vec::new(), stopped: Some(why) })
}

/// Runs a decoder that is not trusted not to panic; what it was given to write to keeps what came before.
pub(crate) fn guarded<T>(work: impl FnOnce() -> T) -> Result<T, Stopped> {
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(work))
        .map_err(|_| Stopped::Damaged("the decoder gave up".to_string()))
}

/// Does a name lead out of its folder?
fn climbs(name: &str) -> bool {
    name.split(['/', '\\', ':']).any(|step| step == "..")
}

/// A name cut to what fits a line of a log.
pub(crate) fn shortened(name: &str) -> String {
    name.chars().take(limits::SIGN_NAME_CHARS_MAX).collect()
}

#[cfg(test)]
pub(crate) mod testing {
    use super::*;
    use crate::{base::clock::Clock, formats::budget::Bounds};

    pub(crate) fn budget() -> Budget {
        Budget::new(Bounds::default(), &Clock::system())
    }

    /// Names and texts of what was found.
    pub(crate) fn texts(opened: &Opened) -> Vec<(String, String)> {
        opened
            .members
            .iter()
            .map(|member| {
                let text = String::from_utf8_lossy(&member.bytes).into_owned();
                (member.name.clone().unwrap_or_default(), text)
            })
            .collect()
    }

    /// Opens every beginning of the bytes and each byte changed in three ways: nothing may panic.
    pub(crate) fn torture(bytes: &[u8], open: impl Fn(&[u8])) {
        for end in 0..bytes.len() {
            open(&bytes[..end]);
        }
        for at in 0..bytes.len() {
            for change in [0xff, 0x80, 0x01] {
                let mut changed = bytes.to_vec();
                changed[at] ^= change;
                open(&changed);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn less_than_told_is_damage_and_a_climbing_name_a_sign() {
        let mut opened = Opened::default();
        let mut budget = testing::budget();
        let found = Found::file("a/../../b".to_string()).sized(4);
        assert!(stored(&mut opened, found, b"abc", &mut budget));
        assert!(stored(&mut opened, Found::file("a..b".to_string()), b"x", &mut budget));
        assert!(matches!(opened.members[0].stopped, Some(Stopped::Damaged(_))));
        assert_eq!((opened.members[1].stopped.clone(), opened.signs.len()), (None, 1));
    }
}
