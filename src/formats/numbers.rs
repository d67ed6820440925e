//! Numbers at a place in a binary format: nothing where the bytes end before them, so that a reader asks instead of trusting.

pub(crate) use crate::base::number::wide;

/// `N` bytes at a place.
pub(crate) fn array<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..at.checked_add(N)?)?.try_into().ok()
}

/// One byte.
pub(crate) fn byte(bytes: &[u8], at: usize) -> Option<u8> {
    bytes.get(at).copied()
}

/// Two bytes, the low one first.
pub(crate) fn le16(bytes: &[u8], at: usize) -> Option<u16> {
    array(bytes, at).map(u16::from_le_bytes)
}

/// Four bytes, the low one first.
pub(crate) fn le32(bytes: &[u8], at: usize) -> Option<u32> {
    array(bytes, at).map(u32::from_le_bytes)
}

/// Eight bytes, the low one first.
pub(crate) fn le64(bytes: &[u8], at: usize) -> Option<u64> {
    array(bytes, at).map(u64::from_le_bytes)
}

/// Two bytes, the high one first.
pub(crate) fn be16(bytes: &[u8], at: usize) -> Option<u16> {
    array(bytes, at).map(u16::from_be_bytes)
}

/// Four bytes, the high one first.
pub(crate) fn be32(bytes: &[u8], at: usize) -> Option<u32> {
    array(bytes, at).map(u32::from_be_bytes)
}

/// Eight bytes, the high one first.
pub(crate) fn be64(bytes: &[u8], at: usize) -> Option<u64> {
    array(bytes, at).map(u64::from_be_bytes)
}

/// Two bytes as a size, the low one first.
pub(crate) fn size16(bytes: &[u8], at: usize) -> Option<usize> {
    le16(bytes, at).map(usize::from)
}

/// Four bytes as a size, the low one first.
pub(crate) fn size32(bytes: &[u8], at: usize) -> Option<usize> {
    le32(bytes, at).map(|number| size(u64::from(number)))
}

/// A number as a size or place in memory; what does not fit is beyond every slice.
pub(crate) fn size(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

/// What there is of `count` bytes at a place: less, or nothing, where they end before.
pub(crate) fn part(bytes: &[u8], at: usize, count: usize) -> &[u8] {
    let end = at.saturating_add(count).min(bytes.len());
    bytes.get(at.min(end)..end).unwrap_or_default()
}

/// Everything from a place on.
pub(crate) fn from(bytes: &[u8], at: usize) -> &[u8] {
    bytes.get(at..).unwrap_or_default()
}

/// Up to the first zero byte.
pub(crate) fn until_zero(bytes: &[u8]) -> &[u8] {
    bytes.split(|byte| *byte == 0).next().unwrap_or_default()
}

/// UTF-16, the low byte first, as text.
pub(crate) fn utf16_le(bytes: &[u8]) -> String {
    let units = bytes.chunks_exact(2).filter_map(|pair| le16(pair, 0));
    char::decode_utf16(units).map(|letter| letter.unwrap_or('\u{fffd}')).collect()
}

/// UTF-16, the high byte first, as text.
pub(crate) fn utf16_be(bytes: &[u8]) -> String {
    let units = bytes.chunks_exact(2).filter_map(|pair| be16(pair, 0));
    char::decode_utf16(units).map(|letter| letter.unwrap_or('\u{fffd}')).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_read_beyond_the_end() {
        let bytes = [1, 2, 3, 4, 5, 6, 7, 8];
        assert_eq!((le16(&bytes, 0), be16(&bytes, 6)), (Some(0x201), Some(0x708)));
        assert_eq!((le32(&bytes, 4), be32(&bytes, 5)), (Some(0x0807_0605), None));
        assert_eq!((le64(&bytes, 0).is_some(), be64(&bytes, 1)), (true, None));
        assert_eq!((size16(&bytes, 7), size32(&bytes, usize::MAX)), (None, None));
        assert_eq!((part(&bytes, 6, 9), part(&bytes, 9, 1)), (&[7, 8][..], &[][..]));
        assert!(part(&bytes, usize::MAX, usize::MAX).is_empty());
        assert_eq!(until_zero(b"ab\0c"), b"ab");
        assert_eq!(utf16_le(b"a\0b\0c"), "ab");
        assert_eq!(utf16_be(b"\0a\xd8\0"), "a\u{fffd}");
    }
}
