//! The arithmetic of check digits. Digits are values 0 to 9, not characters.

/// The Luhn sum (ISO/IEC 7812-1 annex B): the last digit is the check digit.
pub(super) fn luhn(digits: &[u8]) -> bool {
    let sum: u32 = digits
        .iter()
        .rev()
        .zip([1, 2].into_iter().cycle())
        .map(|(digit, times)| {
            let product = u32::from(*digit) * times;
            product / 10 + product % 10
        })
        .sum();
    sum.is_multiple_of(10)
}

/// The sum of digits times weights, to be judged by its remainder.
pub(super) fn weighted(digits: &[u8], weights: &[u32]) -> u32 {
    digits.iter().zip(weights).map(|(digit, weight)| u32::from(*digit) * weight).sum()
}

/// The number that decimal digits write.
pub(super) fn number(digits: &[u8]) -> u32 {
    digits
        .iter()
        .fold(0u32, |so_far, digit| so_far.saturating_mul(10).saturating_add(u32::from(*digit)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn luhn_sums() {
        assert!(luhn(&[7, 9, 9, 2, 7, 3, 9, 8, 7, 1, 3]));
        assert!(!luhn(&[7, 9, 9, 2, 7, 3, 9, 8, 7, 1, 4]));
        assert!(luhn(&[]));
    }

    #[test]
    fn a_number_too_long_is_large_not_wrong() {
        assert_eq!(number(&[1, 2, 3]), 123);
        assert_eq!(number(&[9; 30]), u32::MAX);
    }
}
