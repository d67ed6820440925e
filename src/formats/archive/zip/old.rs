//! The ways of packing that PKZIP had before deflate: shrink, reduce, implode (APPNOTE.TXT sections 5.1 to 5.3).
//! Nobody writes them now but who counts on filters that cannot read them; unpackers in use still can.

use crate::formats::budget::{Budget, Stopped, Unpacked};

/// Runs one of the functions below within the budget.
pub(super) fn unpack(
    packed: &[u8],
    method: impl Fn(&[u8], usize) -> (Vec<u8>, bool),
    budget: &mut Budget,
) -> Unpacked {
    let bytes_max = usize::try_from(budget.part_bytes_left()).unwrap_or(usize::MAX);
    // One more than may be, so that the bound is met by who counts.
    let (mut bytes, whole) = method(packed, bytes_max.saturating_add(1));
    let mut stopped = (!whole).then(|| Stopped::Damaged("it ends inside a member".to_string()));
    if let Err(limit) = budget.take_bytes(bytes.len()) {
        bytes.truncate(bytes_max);
        let _ = budget.take_bytes(bytes.len());
        stopped = Some(Stopped::Limit(limit));
    }
    Unpacked { bytes, stopped }
}

/// Bits, lowest first.
struct Bits<'a> {
    bytes: &'a [u8],
    held: u32,
    count: u32,
}

impl Bits<'_> {
    fn of(bytes: &[u8]) -> Bits<'_> {
        Bits { bytes, held: 0, count: 0 }
    }

    /// At most 16 of them. None: there are no more.
    fn take(&mut self, count: u32) -> Option<usize> {
        while self.count < count {
            let (byte, rest) = self.bytes.split_first()?;
            self.bytes = rest;
            self.held |= u32::from(*byte) << self.count;
            self.count += 8;
        }
        let value = self.held & ((1 << count) - 1);
        self.held >>= count;
        self.count -= count;
        usize::try_from(value).ok()
    }
}

/// Shrink, section 5.1: LZW with codes of 9 to 13 bits, wider when code 256 and a 1 say so, thinned when 256 and a 2 say so.
pub(super) fn shrunk(packed: &[u8], bytes_max: usize) -> (Vec<u8>, bool) {
    let mut bits = Bits::of(packed);
    let mut output = Vec::new();
    let mut tree = Tree::new();
    let mut width = 9;
    let mut previous = None;
    let mut first = 0;
    while let Some(code) = bits.take(width).filter(|_| output.len() < bytes_max) {
        if code == CONTROL {
            match bits.take(width) {
                Some(1) if width < 13 => width += 1,
                Some(2) => tree.thin(),
                None => return (output, true),
                Some(_) => return (output, false),
            }
            continue;
        }
        let Some(before) = previous else {
            let Some(byte) = u8::try_from(code).ok() else { return (output, false) };
            output.push(byte);
            (previous, first) = (Some(code), byte);
            continue;
        };
        let start = output.len();
        let mut walk = code;
        for _ in 0..SHRINK_CODES {
            match tree.get(walk) {
                Some((parent, byte)) => {
                    output.push(byte);
                    first = byte;
                    if parent == CONTROL {
                        break;
                    }
                    walk = parent;
                }
                // Not there yet: the last string, and its first byte again.
                None => {
                    output.push(first);
                    walk = before;
                }
            }
        }
        if let Some(string) = output.get_mut(start..) {
            string.reverse();
        }
        tree.add(before, first);
        previous = Some(code);
    }
    (output, true)
}

/// Codes of shrink: what stands before each, and its last byte.
struct Tree {
    nodes: Vec<Option<(usize, u8)>>,
    last: usize,
}

impl Tree {
    fn new() -> Tree {
        let mut nodes: Vec<_> = (0..=255).map(|byte| Some((CONTROL, byte))).collect();
        nodes.resize(SHRINK_CODES, None);
        Tree { nodes, last: CONTROL }
    }

    fn get(&self, code: usize) -> Option<(usize, u8)> {
        self.nodes.get(code).copied().flatten()
    }

    fn add(&mut self, parent: usize, byte: u8) {
        let free = self.nodes.iter().skip(self.last + 1).position(Option::is_none);
        let Some(free) = free.map(|place| self.last + 1 + place) else { return };
        self.last = free;
        if let Some(node) = self.nodes.get_mut(free) {
            *node = Some((parent, byte));
        }
    }

    /// Forgets every code that no other code builds on.
    fn thin(&mut self) {
        let mut used = vec![false; SHRINK_CODES];
        for (parent, _) in self.nodes.iter().skip(CONTROL + 1).flatten() {
            if let Some(used) = used.get_mut(*parent) {
                *used = true;
            }
        }
        for (node, used) in self.nodes.iter_mut().zip(used).skip(CONTROL + 1) {
            *node = node.filter(|_| used);
        }
        self.last = CONTROL;
    }
}

/// Implode, section 5.3: a sliding dictionary of 4 or 8 KiB and two or three Shannon-Fano trees.
pub(super) fn imploded(
    packed: &[u8],
    size: usize,
    flags: u16,
    bytes_max: usize,
) -> (Vec<u8>, bool) {
    let mut output = Vec::new();
    let mut rest = packed;
    let has_literals = flags & 4 != 0;
    let literals = if has_literals { ShannonFano::read(&mut rest, 256) } else { None };
    let (Some(lengths), Some(distances)) =
        (ShannonFano::read(&mut rest, 64), ShannonFano::read(&mut rest, 64))
    else {
        return (output, false);
    };
    if has_literals && literals.is_none() {
        return (output, false);
    }
    let low_bits = if flags & 2 != 0 { 7 } else { 6 };
    let shortest = if has_literals { 3 } else { 2 };
    let mut bits = Bits::of(rest);
    let size_max = if size == 0 { bytes_max } else { size.min(bytes_max) };
    while output.len() < size_max {
        let one = match bits.take(1) {
            Some(1) => {
                let byte = match &literals {
                    Some(tree) => tree.next(&mut bits),
                    None => bits.take(8),
                };
                byte.and_then(|byte| u8::try_from(byte).ok()).map(|byte| output.push(byte))
            }
            Some(_) => copy(&mut bits, low_bits, &distances, &lengths).map(|(distance, length)| {
                copy_back(&mut output, distance, (length + shortest).min(size_max));
            }),
            None => None,
        };
        if one.is_none() {
            // Without a size the data ends where it ends.
            return (output, size == 0);
        }
    }
    output.truncate(size_max);
    (output, true)
}

fn copy(
    bits: &mut Bits<'_>,
    low_bits: u32,
    distances: &ShannonFano,
    lengths: &ShannonFano,
) -> Option<(usize, usize)> {
    let low = bits.take(low_bits)?;
    let distance = (distances.next(bits)? << low_bits | low) + 1;
    let length = match lengths.next(bits)? {
        63 => 63 + bits.take(8)?,
        short => short,
    };
    Some((distance, length))
}

/// A copy of what is `distance` back; before the beginning there are zeros.
fn copy_back(output: &mut Vec<u8>, distance: usize, length: usize) {
    for _ in 0..length {
        let byte = output.len().checked_sub(distance).and_then(|at| output.get(at)).copied();
        output.push(byte.unwrap_or(0));
    }
}

/// Codes by length, then by value, each with what it stands for.
struct ShannonFano(Vec<(u32, u32, usize)>);

impl ShannonFano {
    /// Section 5.3.7: pairs of a count and a length, then codes from the longest on.
    fn read(rest: &mut &[u8], values: usize) -> Option<ShannonFano> {
        let (count, after) = rest.split_first()?;
        let (pairs, after) = after.split_at_checked(usize::from(*count) + 1)?;
        *rest = after;
        let mut lengths = Vec::new();
        for pair in pairs {
            let repeat = usize::from(pair >> 4) + 1;
            lengths.extend(std::iter::repeat_n(u32::from(pair & 15) + 1, repeat));
        }
        if lengths.len() != values {
            return None;
        }
        let mut order: Vec<(u32, usize)> = lengths.into_iter().zip(0..).collect();
        order.sort_unstable();
        let (mut code, mut increment, mut last_length) = (0_u32, 0_u32, 0);
        let mut codes = Vec::with_capacity(values);
        for (length, value) in order.into_iter().rev() {
            code = code.wrapping_add(increment);
            if length != last_length {
                (last_length, increment) = (length, 1 << (16 - length));
            }
            codes.push((length, code & 0xffff, value));
        }
        codes.sort_unstable();
        Some(ShannonFano(codes))
    }

    fn next(&self, bits: &mut Bits<'_>) -> Option<usize> {
        let mut code = 0;
        for length in 1..=16_u32 {
            code |= u32::try_from(bits.take(1)?).ok()? << (16 - length);
            let found =
                self.0.binary_search_by(|(of, value, _)| (*of, *value).cmp(&(length, code)));
            if let Ok(at) = found {
                return self.0.get(at).map(|(_, _, value)| *value);
            }
        }
        None
    }
}

/// Reduce, section 5.2: what usually follows a byte in few bits, then copies that begin with a DLE.
pub(super) fn reduced(
    packed: &[u8],
    size: usize,
    factor: u32,
    bytes_max: usize,
) -> (Vec<u8>, bool) {
    let mut bits = Bits::of(packed);
    let mut output = Vec::new();
    let mut followers = vec![Vec::new(); 256];
    for set in followers.iter_mut().rev() {
        let Some(count) = bits.take(6) else { return (output, false) };
        for _ in 0..count {
            let Some(byte) = bits.take(8) else { return (output, false) };
            set.push(byte);
        }
    }
    let length_mask = 0xff_usize >> factor;
    let size_max = if size == 0 { bytes_max } else { size.min(bytes_max) };
    let mut last = 0;
    // The byte behind a DLE, and the length of the copy once that is known.
    let (mut copying, mut length): (Option<usize>, Option<usize>) = (None, None);
    let mut long = false;
    let mut after_dle = false;
    while output.len() < size_max {
        let Some(byte) = next_reduced(&mut bits, followers.get(last)) else {
            return (output, size == 0);
        };
        last = byte;
        match (copying, length) {
            (Some(first), Some(known)) if !long => {
                let distance = (first >> (8 - factor)) * 256 + byte + 1;
                copy_back(&mut output, distance, (known + 3).min(size_max));
                (copying, length) = (None, None);
            }
            (Some(_), Some(known)) => (length, long) = (Some(known + byte), false),
            _ if after_dle => {
                after_dle = false;
                match byte {
                    0 => output.push(DLE),
                    _ => {
                        copying = Some(byte);
                        length = Some(byte & length_mask);
                        long = byte & length_mask == length_mask;
                    }
                }
            }
            _ if byte == usize::from(DLE) => after_dle = true,
            _ => output.extend(u8::try_from(byte)),
        }
    }
    output.truncate(size_max);
    (output, true)
}

fn next_reduced(bits: &mut Bits<'_>, followers: Option<&Vec<usize>>) -> Option<usize> {
    let followers = followers.filter(|set| !set.is_empty());
    let Some(set) = followers else { return bits.take(8) };
    if bits.take(1)? == 1 {
        return bits.take(8);
    }
    let width = usize::BITS - (set.len() - 1).leading_zeros();
    let place = bits.take(width.max(1))?;
    set.get(place).copied()
}

const CONTROL: usize = 256;
const SHRINK_CODES: usize = 1 << 13;
const DLE: u8 = 144;
