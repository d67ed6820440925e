//! Predictors, ISO 32000-1 section 7.4.4.4: differences to the left (TIFF 6.0 section 14) or to the row above (PNG, section 9).

use crate::base::limits;

/// The parameters of Flate and LZW.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::formats::pdf) struct Parameters {
    predictor: usize,
    colours: usize,
    bits: usize,
    columns: usize,
    /// Of LZW.
    pub(super) early_change: bool,
}

impl Parameters {
    /// What the dictionary says, or the defaults.
    pub(in crate::formats::pdf) fn new(size: impl Fn(&[u8]) -> Option<usize>) -> Parameters {
        Parameters {
            predictor: size(b"Predictor").unwrap_or(1),
            colours: size(b"Colors").unwrap_or(1).max(1),
            bits: size(b"BitsPerComponent").unwrap_or(8).max(1),
            columns: size(b"Columns").unwrap_or(1).max(1),
            early_change: size(b"EarlyChange").unwrap_or(1) != 0,
        }
    }

    /// Undoes the prediction.
    pub(super) fn undo(&self, bytes: Vec<u8>) -> Vec<u8> {
        let pixel_bits = self.colours.saturating_mul(self.bits);
        let row = pixel_bits.saturating_mul(self.columns).div_ceil(8);
        // A longer row is longer than the data, or nonsense.
        if row > limits::PDF_ROW_BYTES_MAX {
            return bytes;
        }
        match self.predictor {
            2 => undo_tiff(bytes, row, self.colours, self.bits),
            10.. => undo_png(&bytes, row, pixel_bits.div_ceil(8)),
            _ => bytes,
        }
    }
}

fn undo_tiff(mut bytes: Vec<u8>, row: usize, colours: usize, bits: usize) -> Vec<u8> {
    // Other widths are not worth it: pictures only.
    let step = match bits {
        8 => colours,
        16 => colours * 2,
        _ => return bytes,
    };
    for row in bytes.chunks_mut(row) {
        for place in step..row.len() {
            let left = row.get(place - step).copied().unwrap_or_default();
            let Some(byte) = row.get_mut(place) else { break };
            let (sum, carry) = byte.overflowing_add(left);
            *byte = sum;
            if bits == 16 && place % 2 == 1 && carry {
                // The low byte carries into the high one, which stands before it.
                if let Some(high) = row.get_mut(place - 1) {
                    *high = high.wrapping_add(1);
                }
            }
        }
    }
    bytes
}

fn undo_png(bytes: &[u8], row: usize, step: usize) -> Vec<u8> {
    let mut plain: Vec<u8> = Vec::with_capacity(bytes.len());
    let mut above: Vec<u8> = vec![0; row];
    let mut current: Vec<u8> = vec![0; row];
    for line in bytes.chunks(row + 1) {
        let Some((tag, line)) = line.split_first() else { break };
        current.clear();
        current.extend_from_slice(line);
        undo_png_row(*tag, &mut current, &above, step);
        plain.extend_from_slice(&current);
        current.resize(row, 0);
        std::mem::swap(&mut above, &mut current);
    }
    plain
}

fn undo_png_row(tag: u8, row: &mut [u8], above: &[u8], step: usize) {
    if tag == 2 {
        row.iter_mut().zip(above).for_each(|(byte, up)| *byte = byte.wrapping_add(*up));
        return;
    }
    for place in 0..row.len() {
        let left = place.checked_sub(step).and_then(|at| row.get(at)).copied().unwrap_or(0);
        let up = above.get(place).copied().unwrap_or(0);
        let corner = place.checked_sub(step).and_then(|at| above.get(at)).copied().unwrap_or(0);
        let guess = match tag {
            1 => left,
            3 => u8::midpoint(left, up),
            4 => paeth(left, up, corner),
            _ => return,
        };
        if let Some(byte) = row.get_mut(place) {
            *byte = byte.wrapping_add(guess);
        }
    }
}

/// PNG section 9.4: whichever neighbour is nearest to left + up - corner.
fn paeth(left: u8, up: u8, corner: u8) -> u8 {
    let guess = i16::from(left) + i16::from(up) - i16::from(corner);
    let away = |neighbour: u8| (guess - i16::from(neighbour)).abs();
    if away(left) <= away(up) && away(left) <= away(corner) {
        left
    } else if away(up) <= away(corner) {
        up
    } else {
        corner
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parameters(predictor: usize, colours: usize, bits: usize, columns: usize) -> Parameters {
        Parameters { predictor, colours, bits, columns, early_change: true }
    }

    #[test]
    fn rows_come_back() {
        for (parameters, packed, want) in [
            (parameters(1, 1, 8, 3), &[1, 2, 3][..], &[1, 2, 3][..]),
            (parameters(2, 1, 8, 3), &[1, 1, 1, 5, 1, 1], &[1, 2, 3, 5, 6, 7]),
            (parameters(2, 1, 16, 2), &[0, 255, 0, 1], &[0, 255, 1, 0]),
            (parameters(12, 1, 8, 2), &[2, 1, 2, 2, 1, 1], &[1, 2, 2, 3]),
            (parameters(15, 1, 8, 2), &[1, 5, 1, 3, 1, 1, 4, 1], &[5, 6, 3, 5, 4]),
            (parameters(12, 1, 8, usize::MAX), &[2, 1], &[2, 1]),
        ] {
            assert_eq!(parameters.undo(packed.to_vec()), want, "{parameters:?}");
        }
    }
}
