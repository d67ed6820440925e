//! Little-endian numbers at a place in bytes, or nothing where the bytes end.

/// One byte.
pub(crate) fn byte(bytes: &[u8], at: usize) -> Option<u8> {
    bytes.get(at).copied()
}

/// 16 bits.
pub(crate) fn short(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..at.checked_add(2)?)?.try_into().ok().map(u16::from_le_bytes)
}

/// 16 bits as a size or an index.
pub(crate) fn short_size(bytes: &[u8], at: usize) -> Option<usize> {
    short(bytes, at).map(usize::from)
}

/// 32 bits.
pub(crate) fn long(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..at.checked_add(4)?)?.try_into().ok().map(u32::from_le_bytes)
}

/// 32 bits as a size or an offset.
pub(crate) fn size(bytes: &[u8], at: usize) -> Option<usize> {
    long(bytes, at).and_then(|value| usize::try_from(value).ok())
}

/// 64 bits.
pub(crate) fn huge(bytes: &[u8], at: usize) -> Option<u64> {
    bytes.get(at..at.checked_add(8)?)?.try_into().ok().map(u64::from_le_bytes)
}

/// As many bytes from there as there are.
pub(crate) fn slice(bytes: &[u8], at: usize, count: usize) -> &[u8] {
    let start = at.min(bytes.len());
    let end = start.saturating_add(count).min(bytes.len());
    bytes.get(start..end).unwrap_or_default()
}

/// Everything from there.
pub(crate) fn from(bytes: &[u8], at: usize) -> &[u8] {
    bytes.get(at..).unwrap_or_default()
}

/// A class identifier where one stands whole.
pub(crate) fn class(bytes: &[u8], at: usize) -> Option<[u8; 16]> {
    bytes.get(at..at.checked_add(16)?)?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_end_with_the_bytes() {
        let bytes = [1, 2, 3, 4, 5, 6, 7, 8];
        assert_eq!((byte(&bytes, 7), byte(&bytes, 8)), (Some(8), None));
        assert_eq!((short(&bytes, 6), short(&bytes, 7)), (Some(0x0807), None));
        assert_eq!((long(&bytes, 4), long(&bytes, 5)), (Some(0x0807_0605), None));
        assert_eq!((huge(&bytes, 0), huge(&bytes, 1)), (Some(0x0807_0605_0403_0201), None));
        assert_eq!((size(&bytes, usize::MAX), short_size(&bytes, 0)), (None, Some(0x0201)));
        assert_eq!((slice(&bytes, 6, usize::MAX), slice(&bytes, 9, 1)), (&bytes[6..], &[][..]));
    }
}
