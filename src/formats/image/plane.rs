//! One channel of a picture, and what is dark in it.
//!
//! Sides are at most [`limits::IMAGE_SIDE_MAX`], so every coordinate is exact in an `f32`.

use crate::base::limits;

/// One byte for each pixel, row by row.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Plane {
    width: usize,
    pixels: Vec<u8>,
}

/// What is dark: true for each dark pixel, row by row.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Bitmap {
    width: usize,
    dark: Vec<bool>,
}

impl Bitmap {
    /// From rows of any length; the short ones are light at their end.
    pub(super) fn of_rows(rows: &[Vec<bool>]) -> Bitmap {
        let width = rows.iter().map(Vec::len).max().unwrap_or_default();
        let width = width.min(limits::IMAGE_SIDE_MAX);
        let rows = rows.iter().take(limits::IMAGE_SIDE_MAX);
        let dark = rows.flat_map(|row| {
            let short = std::iter::repeat(false);
            row.iter().copied().chain(short).take(width)
        });
        Bitmap { width, dark: dark.collect() }
    }

    pub(super) fn width(&self) -> usize {
        self.width
    }

    pub(super) fn rows(&self) -> impl Iterator<Item = &[bool]> {
        self.dark.chunks_exact(self.width.max(1))
    }

    /// Is this pixel dark? Nothing outside.
    pub(super) fn get(&self, x: usize, y: usize) -> Option<bool> {
        if x >= self.width {
            return None;
        }
        self.dark.get(y.checked_mul(self.width)?.checked_add(x)?).copied()
    }
}

impl Plane {
    /// Pixels of rows of this width; an unfinished last row is dropped.
    pub(super) fn new(width: usize, mut pixels: Vec<u8>) -> Plane {
        let rows = pixels.len().checked_div(width).unwrap_or_default();
        pixels.truncate(rows.saturating_mul(width));
        Plane { width, pixels }
    }

    pub(super) fn width(&self) -> usize {
        self.width
    }

    pub(super) fn height(&self) -> usize {
        self.pixels.len().checked_div(self.width).unwrap_or_default()
    }

    pub(super) fn rows(&self) -> impl Iterator<Item = &[u8]> {
        self.pixels.chunks_exact(self.width.max(1))
    }

    /// The same picture with sides this many times shorter: each pixel the mean of a square.
    pub(super) fn shrunk(&self, by: usize) -> Plane {
        let by = by.max(1);
        if by == 1 {
            return self.clone();
        }
        let width = self.width.div_euclid(by);
        let area = u32::try_from(by.saturating_mul(by)).unwrap_or(u32::MAX);
        let mut pixels = Vec::with_capacity(width.saturating_mul(self.height().div_euclid(by)));
        let mut sums = vec![0_u32; width];
        for band in self.pixels.chunks_exact(self.width.saturating_mul(by).max(1)) {
            sums.fill(0);
            for row in band.chunks_exact(self.width.max(1)) {
                for (sum, square) in sums.iter_mut().zip(row.chunks_exact(by)) {
                    *sum += square.iter().map(|pixel| u32::from(*pixel)).sum::<u32>();
                }
            }
            pixels.extend(sums.iter().map(|sum| u8::try_from(sum / area).unwrap_or(u8::MAX)));
        }
        Plane::new(width, pixels)
    }

    /// The same picture with sides this many times longer, smooth between the pixels.
    pub(super) fn grown(&self, by: usize) -> Plane {
        let by = by.clamp(1, GROW_MAX);
        let wide: Vec<Vec<u8>> = self.rows().map(|row| stretched(row, by)).collect();
        let width = self.width.saturating_mul(by);
        let mut pixels = Vec::with_capacity(width.saturating_mul(self.height()).saturating_mul(by));
        for (index, row) in wide.iter().enumerate() {
            let next = wide.get(index.saturating_add(1)).unwrap_or(row);
            for step in 0..by {
                let mixed = row.iter().zip(next).map(|(one, other)| mixed(*one, *other, step, by));
                pixels.extend(mixed);
            }
        }
        Plane::new(width, pixels)
    }

    /// Is it nearly all dark and light, with enough of both, as drawn things are and photographs are not?
    pub(super) fn is_two_toned(&self) -> bool {
        let total = u32::try_from(self.pixels.len()).unwrap_or(u32::MAX);
        let histogram = self.histogram();
        let sum = |from: usize, to: usize| histogram.iter().skip(from).take(to - from).sum::<u32>();
        let (dark, light) = (sum(0, 96), sum(160, 256));
        let share = total / 10;
        total > 0
            && dark >= share
            && light >= share
            && dark.saturating_add(light) >= total - 2 * share
    }

    /// How often each value stands in it.
    pub(super) fn histogram(&self) -> [u32; 256] {
        let mut counts = [0_u32; 256];
        for pixel in &self.pixels {
            if let Some(count) = counts.get_mut(usize::from(*pixel)) {
                *count = count.saturating_add(1);
            }
        }
        counts
    }

    /// Dark is what is at most this.
    pub(super) fn at_most(&self, level: u8) -> Bitmap {
        let dark = self.pixels.iter().map(|pixel| *pixel <= level).collect();
        Bitmap { width: self.width, dark }
    }

    /// Dark is what is darker than its surroundings, whatever the light over the picture.
    pub(super) fn darker_than_around(&self) -> Bitmap {
        let means = BlockMeans::of(self);
        let mut dark = Vec::with_capacity(self.pixels.len());
        for (y, row) in self.rows().enumerate() {
            let levels = means.levels(y.div_euclid(BLOCK));
            for (block, level) in row.chunks(BLOCK).zip(levels) {
                let level = level.saturating_sub(DARKER_BY);
                dark.extend(block.iter().map(|pixel| *pixel < level));
            }
        }
        Bitmap { width: self.width, dark }
    }
}

/// Levels that part the pixels of a picture in two: the one that parts them best, then the best inside each part, so that a pale code
/// beside black text is seen too (N. Otsu, "A threshold selection method from gray-level histograms", 1979).
pub(super) fn levels(counts: &[u32; 256]) -> Vec<u8> {
    let mut levels = Vec::with_capacity(3);
    let Some(middle) = best_level(counts, 0, 255) else { return levels };
    levels.push(middle);
    let upper = middle.checked_add(1).and_then(|from| best_level(counts, from, 255));
    levels.extend(upper);
    levels.extend(best_level(counts, 0, middle).filter(|level| *level != middle));
    levels
}

/// The level between `from` and `to` that parts best; nothing where there is but one value.
fn best_level(counts: &[u32; 256], from: u8, to: u8) -> Option<u8> {
    let within = || (from..=to).filter_map(|value| Some((value, *counts.get(usize::from(value))?)));
    let total: f64 = within().map(|(_, count)| f64::from(count)).sum();
    let weight: f64 = within().map(|(value, count)| f64::from(value) * f64::from(count)).sum();
    let (mut below, mut weight_below) = (0.0, 0.0);
    let mut best: Option<(f64, u8, u8)> = None;
    for (value, count) in within() {
        below += f64::from(count);
        weight_below += f64::from(value) * f64::from(count);
        let above = total - below;
        if below == 0.0 || above == 0.0 {
            continue;
        }
        let apart = weight_below / below - (weight - weight_below) / above;
        let likeness = below * above * apart * apart;
        match &mut best {
            // A gap without pixels scores the same all through; its middle is furthest from both sides.
            Some((top, _, end)) if (likeness - *top).abs() <= *top * 1e-12 => *end = value,
            Some((top, _, _)) if likeness <= *top => (),
            Some(_) | None => best = Some((likeness, value, value)),
        }
    }
    best.map(|(_, start, end)| start.midpoint(end))
}

/// Means of square blocks of a picture.
struct BlockMeans {
    rows: Vec<Vec<u8>>,
}

impl BlockMeans {
    fn of(plane: &Plane) -> BlockMeans {
        let band_bytes = plane.width.saturating_mul(BLOCK).max(1);
        let mut rows = Vec::new();
        for band in plane.pixels.chunks(band_bytes) {
            let mut sums = vec![(0_u32, 0_u32); plane.width.div_ceil(BLOCK)];
            for row in band.chunks_exact(plane.width.max(1)) {
                for ((sum, count), block) in sums.iter_mut().zip(row.chunks(BLOCK)) {
                    *sum += block.iter().map(|pixel| u32::from(*pixel)).sum::<u32>();
                    *count += u32::try_from(block.len()).unwrap_or_default();
                }
            }
            let mean = |(sum, count): &(u32, u32)| {
                u8::try_from(sum.checked_div(*count).unwrap_or_default()).unwrap_or(u8::MAX)
            };
            rows.push(sums.iter().map(mean).collect());
        }
        BlockMeans { rows }
    }

    /// For each block of this row of blocks: the mean of the blocks around it.
    fn levels(&self, row: usize) -> Vec<u8> {
        let first = row.saturating_sub(AROUND);
        let last = row.saturating_add(AROUND).min(self.rows.len().saturating_sub(1));
        let near = self.rows.get(first..=last).unwrap_or_default();
        let blocks = near.first().map(Vec::len).unwrap_or_default();
        let columns: Vec<(u32, u32)> = (0..blocks)
            .map(|column| {
                let values = near.iter().filter_map(|row| row.get(column));
                values.fold((0, 0), |(sum, count), value| (sum + u32::from(*value), count + 1))
            })
            .collect();
        (0..blocks)
            .map(|column| {
                let end = column.saturating_add(AROUND).saturating_add(1).min(blocks);
                let around = columns.get(column.saturating_sub(AROUND)..end).unwrap_or_default();
                let (sum, count) =
                    around.iter().fold((0, 0), |all, one| (all.0 + one.0, all.1 + one.1));
                u8::try_from(sum.checked_div(count).unwrap_or_default()).unwrap_or(u8::MAX)
            })
            .collect()
    }
}

fn stretched(row: &[u8], by: usize) -> Vec<u8> {
    let nexts = row.iter().skip(1).chain(row.last());
    row.iter()
        .zip(nexts)
        .flat_map(|(one, other)| (0..by).map(move |step| mixed(*one, *other, step, by)))
        .collect()
}

/// Between two values, `step` of `steps` on the way.
fn mixed(one: u8, other: u8, step: usize, steps: usize) -> u8 {
    let weighted =
        usize::from(one) * steps.saturating_sub(step) + usize::from(other) * step + steps / 2;
    u8::try_from(weighted.checked_div(steps).unwrap_or_default()).unwrap_or(u8::MAX)
}

/// Side of a block whose mean is taken, in pixels: a few modules of an ordinary code.
const BLOCK: usize = 8;
/// Blocks to each side that make up the surroundings: 56 pixels in all, more than the eye of a large code.
const AROUND: usize = 3;
/// How much darker than its surroundings a pixel is to be; less is noise in a plain area.
const DARKER_BY: u8 = 3;
/// Most that a picture is grown by.
const GROW_MAX: usize = 4;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_change_and_means_stay() {
        let plane = Plane::new(4, vec![0, 0, 100, 100, 0, 0, 100, 100, 9]);
        assert_eq!((plane.width(), plane.height()), (4, 2));
        assert_eq!(plane.shrunk(2), Plane::new(2, vec![0, 100]));
        let grown = plane.grown(2);
        assert_eq!((grown.width(), grown.height()), (8, 4));
        assert_eq!(grown.rows().next().unwrap(), [0, 0, 0, 50, 100, 100, 100, 100]);
        assert_eq!(Plane::new(0, vec![1]).grown(3).height(), 0);
    }

    #[test]
    fn levels_part_what_is_there() {
        let of = |pixels: &[u8]| levels(&Plane::new(1, pixels.to_vec()).histogram());
        assert!(of(&[7, 7]).is_empty());
        assert_eq!(of(&[10, 200]), [104_u8]);
        let three = of(&[0, 0, 0, 240, 255, 255]);
        assert!(three.iter().any(|level| (240..255).contains(level)), "{three:?}");
    }

    #[test]
    fn what_lies_in_shadow_is_read() {
        // Light falls off from left to right; a dot of two thirds of its surroundings stands at both ends.
        let pixels: Vec<u8> = (0..200_u8)
            .flat_map(|y| {
                (0..200_u8).map(move |x| {
                    let dot = (100..104).contains(&y) && (x % 190) < 4;
                    if dot { (255 - x) / 3 * 2 } else { 255 - x }
                })
            })
            .collect();
        let dark = Plane::new(200, pixels).darker_than_around();
        assert_eq!((dark.get(1, 101), dark.get(191, 101)), (Some(true), Some(true)));
        assert_eq!((dark.get(60, 10), dark.get(200, 10)), (Some(false), None));
    }
}
