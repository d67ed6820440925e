//! Files as a Macintosh sends them: AppleSingle and AppleDouble (RFC 1740), MacBinary I to III (RFC 1741 names it for mail).
//!
//! The data fork is the file that the recipient gets; the resource fork is given to the signatures. Lengths that reach too far are cut to
//! what is there. BinHex is a transfer encoding and not read here.

use super::{
    budget::{Budget, Stopped},
    opened::{Member, Opened, Role},
};
use crate::base::limits;

/// Is it one of these? MacBinary I has no mark of its own, so its whole head has to be plausible.
pub fn of(bytes: &[u8]) -> bool {
    is_single(bytes) || mac_binary(bytes).is_some()
}

/// The data fork as a file under its name, the resource fork as something inside.
pub fn open(bytes: &[u8], budget: &mut Budget) -> Opened {
    let mut opened = Opened::default();
    if is_single(bytes) {
        single(bytes, budget, &mut opened);
    } else if let Some(head) = mac_binary(bytes) {
        let name = Some(roman(head.name));
        let resource = head.data + padded(head.data_length);
        fork(bytes, head.data, head.data_length, name, Role::File, budget, &mut opened);
        fork(bytes, resource, head.resource_length, None, Role::Inside, budget, &mut opened);
    } else {
        opened.stopped = Some(Stopped::Damaged("no AppleSingle or MacBinary head".to_string()));
    }
    opened
}

fn is_single(bytes: &[u8]) -> bool {
    matches!(number(bytes, 0, 4), Some(SINGLE | DOUBLE))
}

/// RFC 1740 appendix A: a list of entries with kind, place and length.
fn single(bytes: &[u8], budget: &mut Budget, opened: &mut Opened) {
    let declared = number(bytes, ENTRIES_AT - 2, 2).unwrap_or_default();
    let entries: Vec<(usize, usize, usize)> = (0..declared.min(limits::APPLE_ENTRIES_MAX))
        .map_while(|count| {
            let at = ENTRIES_AT + count * ENTRY_BYTES;
            Some((number(bytes, at, 4)?, number(bytes, at + 4, 4)?, number(bytes, at + 8, 4)?))
        })
        .collect();
    if entries.len() < declared {
        opened.stopped = Some(Stopped::Damaged("fewer entries than it says".to_string()));
    }
    let name = entries
        .iter()
        .find(|(kind, ..)| *kind == REAL_NAME)
        .and_then(|(_, at, length)| bytes.get(*at..at.checked_add(*length)?))
        .map(|name| match std::str::from_utf8(name) {
            // Mac OS X writes UTF-8 where the systems before it wrote MacRoman.
            Ok(name) => name.to_string(),
            Err(_) => roman(name),
        })
        .filter(|name| !name.is_empty());
    for (kind, at, length) in entries {
        let (name, role) = match kind {
            DATA_FORK => (name.clone(), Role::File),
            RESOURCE_FORK => (None, Role::Inside),
            _ => continue,
        };
        fork(bytes, at, length, name, role, budget, opened);
    }
}

/// Keeps one fork, as much of it as is there.
fn fork(
    bytes: &[u8],
    at: usize,
    length: usize,
    name: Option<String>,
    role: Role,
    budget: &mut Budget,
    opened: &mut Opened,
) {
    if length == 0 {
        return;
    }
    let rest = bytes.get(at..).unwrap_or_default();
    let room = usize::try_from(budget.part_bytes_left()).unwrap_or(usize::MAX);
    let there = rest.get(..length).unwrap_or(rest);
    let mut stopped =
        (there.len() < length).then(|| Stopped::Damaged("the fork ends early".to_string()));
    let kept = there.get(..room).unwrap_or(there);
    // Asked for all of it to hear why not, and then counted for what is kept: entries may all point at the same bytes.
    if let Err(limit) = budget
        .take_bytes(there.len())
        .or_else(|limit| budget.take_bytes(kept.len()).and(Err(limit)))
    {
        stopped = Some(Stopped::Limit(limit));
    }
    let there = kept;
    opened.push(Member { name, bytes: there.to_vec(), role, stopped });
}

struct MacBinary<'b> {
    name: &'b [u8],
    data: usize,
    data_length: usize,
    resource_length: usize,
}

/// The head of a MacBinary file: three fixed zeros, a name, and then its checksum, its mark or plausible lengths.
fn mac_binary(bytes: &[u8]) -> Option<MacBinary<'_>> {
    let head = bytes.get(..HEAD_BYTES)?;
    if [0, 74, 82].iter().any(|at| head.get(*at) != Some(&0)) {
        return None;
    }
    let name_length = usize::from(*head.get(1)?);
    let name = head.get(2..2 + name_length).filter(|_| (1..=63).contains(&name_length))?;
    if name.iter().any(|letter| *letter < b' ' || *letter == 0x7f) {
        return None;
    }
    let data_length = number(head, 83, 4)?;
    let resource_length = number(head, 87, 4)?;
    let sum = number(head, 124, 2)?;
    let marked = head.get(102..106) == Some(b"mBIN")
        || (sum != 0 && sum == usize::from(checksum(head.get(..124)?)));
    // MacBinary II may put a second head behind the first.
    let second = if marked { padded(number(head, 120, 2)?) } else { 0 };
    let data = HEAD_BYTES + second;
    let needed = data + data_length + resource_length;
    let is_plausible = head.get(99..126)?.iter().all(|byte| *byte == 0)
        && (1..=LENGTH_MAX).contains(&(data_length + resource_length))
        // Both forks are filled up to 128 bytes; some programs leave the last filling out, others cut or add a little.
        && needed <= bytes.len() + HEAD_BYTES
        && bytes.len() <= needed + 4 * HEAD_BYTES;
    (marked || is_plausible).then_some(MacBinary { name, data, data_length, resource_length })
}

/// CRC-16 with the polynomial 0x1021 and a start of zero, as in XMODEM.
fn checksum(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0, |sum: u16, byte| {
        (0..8).fold(sum ^ (u16::from(*byte) << 8), |sum, _| {
            if sum & 0x8000 == 0 { sum << 1 } else { (sum << 1) ^ 0x1021 }
        })
    })
}

fn padded(length: usize) -> usize {
    length.next_multiple_of(HEAD_BYTES)
}

fn roman(name: &[u8]) -> String {
    encoding_rs::MACINTOSH.decode_without_bom_handling(name).0.into_owned()
}

fn number(bytes: &[u8], at: usize, octets: usize) -> Option<usize> {
    let octets = bytes.get(at..at.checked_add(octets)?)?;
    Some(octets.iter().fold(0, |value, octet| (value << 8) | usize::from(*octet)))
}

const SINGLE: usize = 0x0005_1600;
const DOUBLE: usize = 0x0005_1607;
/// Magic, version, sixteen bytes of filling, the number of entries.
const ENTRIES_AT: usize = 26;
const ENTRY_BYTES: usize = 12;
const DATA_FORK: usize = 1;
const RESOURCE_FORK: usize = 2;
const REAL_NAME: usize = 3;
const HEAD_BYTES: usize = 128;
/// Longest forks together that are plausible without a mark: the specification says 8 MiB each.
const LENGTH_MAX: usize = 16 << 20;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{base::clock::Clock, formats::budget::Bounds};

    fn opened(bytes: &[u8]) -> Opened {
        open(bytes, &mut Budget::new(Bounds::default(), &Clock::system()))
    }

    fn out(bytes: &[u8]) -> Vec<String> {
        let text = |member: &Member| {
            let name = member.name.as_deref().unwrap_or("-");
            format!("{:?} {name}: {}", member.role, String::from_utf8_lossy(&member.bytes))
        };
        opened(bytes).members.iter().map(text).collect()
    }

    fn single(magic: usize, entries: &[(u32, &[u8])]) -> Vec<u8> {
        let mut head = u32::try_from(magic).unwrap().to_be_bytes().to_vec();
        head.extend_from_slice(&[0, 2, 0, 0]);
        head.extend_from_slice(&[0; 16]);
        head.extend_from_slice(&u16::try_from(entries.len()).unwrap().to_be_bytes());
        let mut at = head.len() + entries.len() * ENTRY_BYTES;
        for (kind, bytes) in entries {
            for field in [*kind, at.try_into().unwrap(), bytes.len().try_into().unwrap()] {
                head.extend_from_slice(&u32::to_be_bytes(field));
            }
            at += bytes.len();
        }
        entries.iter().fold(head, |head, (_, bytes)| [&head, *bytes].concat())
    }

    fn binary(data: &[u8], resource: &[u8], version: u8) -> Vec<u8> {
        let mut head = vec![0; HEAD_BYTES];
        head[1] = 5;
        head[2..7].copy_from_slice(b"r\x8ak.x");
        head[65..73].copy_from_slice(b"TEXTttxt");
        head[83..87].copy_from_slice(&u32::try_from(data.len()).unwrap().to_be_bytes());
        head[87..91].copy_from_slice(&u32::try_from(resource.len()).unwrap().to_be_bytes());
        if version == 3 {
            head[102..106].copy_from_slice(b"mBIN");
        }
        if version > 1 {
            head[122] = 129;
            let sum = checksum(&head[..124]);
            head[124..126].copy_from_slice(&sum.to_be_bytes());
        }
        for fork in [data, resource] {
            head.extend_from_slice(fork);
            head.resize(padded(head.len()), 0);
        }
        head
    }

    #[test]
    fn forks_of_a_single_file() {
        let entries: [(u32, &[u8]); 4] =
            [(3, "räk.exe".as_bytes()), (9, b"finder"), (2, b"res"), (1, b"hej")];
        for magic in [SINGLE, DOUBLE] {
            let file = single(magic, &entries);
            assert!(of(&file));
            assert_eq!(out(&file), ["Inside -: res", "File räk.exe: hej"]);
        }
        let old = single(SINGLE, &[(1, b"hej"), (3, b"r\x8ak")]);
        assert_eq!(out(&old), ["File räk: hej"]);
        let cut = opened(&old[..old.len() - 5]);
        assert_eq!(cut.members[0].bytes, b"h");
        assert!(matches!(cut.members[0].stopped, Some(Stopped::Damaged(_))));
    }

    #[test]
    fn forks_of_a_mac_binary_file() {
        for version in 1..=3 {
            let file = binary(b"hej", b"res", version);
            assert!(of(&file), "{version}");
            assert_eq!(out(&file), ["File räk.x: hej", "Inside -: res"], "{version}");
        }
        assert_eq!(checksum(b"123456789"), 0x31c3);
        let without_filling = binary(b"hej", b"", 1);
        assert!(of(&without_filling[..HEAD_BYTES + 3]));
    }

    #[test]
    fn other_files_are_not_taken_for_one() {
        let mut control = binary(b"hej", b"", 1);
        control[3] = 1;
        let mut long = binary(b"hej", b"", 1);
        long.resize(5_000, 0);
        for other in [vec![0; 4_096], b"hello".repeat(99), control, long, Vec::new()] {
            assert!(!of(&other));
            assert!(opened(&other).members.is_empty());
        }
    }

    #[test]
    fn nothing_panics_wherever_it_ends() {
        for file in
            [single(SINGLE, &[(3, b"a"), (1, b"hej"), (2, b"res")]), binary(b"hej", b"res", 3)]
        {
            for end in 0..file.len() {
                opened(&file[..end]);
                let mut turned = file.clone();
                turned[end] ^= 0xff;
                opened(&turned);
            }
        }
    }

    #[test]
    fn entries_that_point_at_the_same_bytes_are_bounded() {
        let bytes = vec![7; 4 << 20];
        let mut entries = vec![(DATA_FORK.try_into().unwrap(), &bytes[..])];
        entries.resize(300, (1, b""));
        let mut bomb = single(SINGLE, &entries);
        let place = bomb[ENTRIES_AT..ENTRIES_AT + ENTRY_BYTES].to_vec();
        for count in 1..300 {
            let at = ENTRIES_AT + count * ENTRY_BYTES;
            bomb[at..at + ENTRY_BYTES].copy_from_slice(&place);
        }
        let members = opened(&bomb).members;
        assert!(members.iter().map(|member| member.bytes.len()).sum::<usize>() <= 256 << 20);
        assert!(members.iter().any(|member| matches!(member.stopped, Some(Stopped::Limit(_)))));
    }
}
