//! What one organisation's labels say beyond the site's: a difference to the site's model, kept for few windows.
//!
//! It begins empty and learns only from what the site's model gets wrong, or is not sure enough of, for this organisation; so it stays
//! small where an organisation's mail is like that of the others, and says nothing about windows that it never saw.

use super::{
    Calibration, Label, Lesson, Said, Sketch, Taught, Views,
    form::{self, BadForm},
    grams::FEW_BITS,
    grams::Grams,
    steady,
};
use serde::{Deserialize, Serialize};
use std::{
    collections::HashMap,
    hash::{BuildHasher, Hasher},
};

/// One organisation's set.
#[derive(Debug, Clone, Default)]
pub struct Own {
    cells: HashMap<u32, Cell, Buckets>,
    /// What the site's scores with it are worth here.
    pub calibration: Calibration,
    taught: Taught,
}

/// What is known of one window.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
struct Cell {
    /// What it adds to the margin.
    weight: f32,
    /// How much of the first doubt is gone, 0 to 1.
    settled: f32,
}

impl Own {
    /// What it adds to the site's score. Above zero: rather spam, here.
    pub fn judge(&self, sketch: &Sketch) -> f32 {
        self.margin(&sketch.mixed) * WORTH
    }

    /// Learns a label; `site` is what the site's model said of the mail before it learned the same.
    pub fn learn(&mut self, sketch: &Sketch, lesson: Lesson, site: &Said) {
        let (grams, site) = match lesson.views {
            Views::All => {
                self.calibration.add(site.score + self.judge(sketch), lesson.label);
                let taught = match lesson.label {
                    Label::Spam => &mut self.taught.spam,
                    Label::Ham => &mut self.taught.ham,
                };
                *taught = taught.saturating_add(1);
                (&sketch.mixed, site.score)
            }
            Views::Body => (&sketch.body, site.body),
        };
        if grams.is_empty() {
            return;
        }
        let scale = 1.0 / grams.count().sqrt();
        let settled = |bucket| self.cells.get(bucket).map_or(0.0, |cell| cell.settled);
        let doubt: f32 = grams.buckets().iter().map(|bucket| 1.0 - settled(bucket)).sum();
        let margin = site / WORTH + self.margin(grams);
        let about = steady::About { margin, doubt: doubt * scale * scale, scale };
        let correction = steady::Correction::of(about, lesson.label.sign(), STUBBORN);
        let Some(correction) = correction else { return };
        for bucket in grams.buckets() {
            let cell = self.cells.entry(*bucket).or_default();
            (cell.weight, cell.settled) = correction.apply(cell.weight, cell.settled);
        }
        if self.cells.len() > CELLS_MAX {
            self.thin_out();
        }
    }

    /// How many labels of whole mails it has learned.
    pub fn taught(&self) -> Taught {
        self.taught
    }

    /// Bytes it takes in memory, about.
    pub fn bytes(&self) -> usize {
        self.cells.capacity() * 17 + self.calibration.len() * 4
    }

    /// As bytes: the form's number, the length of a preface in JSON and the preface, the windows in order.
    pub fn to_bytes(&self) -> Vec<u8> {
        let preface = Preface { taught: self.taught, calibration: self.calibration.clone() };
        let mut cells: Vec<(&u32, &Cell)> = self.cells.iter().collect();
        cells.sort_unstable_by_key(|(bucket, _)| **bucket);
        let mut out = vec![FORM];
        form::write_preface(&mut out, &preface);
        for (bucket, cell) in cells {
            out.extend(bucket.to_le_bytes());
            out.extend(cell.weight.to_le_bytes());
            out.extend(cell.settled.to_le_bytes());
        }
        out
    }

    /// From bytes.
    pub fn from_bytes(bytes: &[u8]) -> Result<Own, BadForm> {
        let (form, rest) = bytes.split_first().ok_or(BadForm::Damaged)?;
        if *form != FORM {
            return Err(BadForm::Other { found: *form, ours: FORM });
        }
        let (Preface { taught, calibration }, rest) = form::read_preface(rest)?;
        let (cells, left) = rest.as_chunks::<CELL_BYTES>();
        let is_in_order = cells.array_windows().all(|[one, next]| bucket(one) < bucket(next));
        let is_in_bounds = cells.last().is_none_or(|last| bucket(last) >> FEW_BITS == 0);
        if !left.is_empty() || cells.len() > CELLS_MAX || !is_in_order || !is_in_bounds {
            return Err(BadForm::Damaged);
        }
        Ok(Own { cells: cells.iter().map(read).collect(), calibration, taught })
    }

    fn margin(&self, grams: &Grams) -> f32 {
        let cells = grams.buckets().iter().filter_map(|bucket| self.cells.get(bucket));
        cells.map(|cell| cell.weight).sum::<f32>() / grams.count().sqrt()
    }

    /// Forgets the half that says least.
    fn thin_out(&mut self) {
        let mut sizes: Vec<f32> = self.cells.values().map(|cell| cell.weight.abs()).collect();
        let middle = sizes.len() / 2;
        let (_, least, _) = sizes.select_nth_unstable_by(middle, f32::total_cmp);
        let least = *least;
        self.cells.retain(|_, cell| cell.weight.abs() > least);
    }
}

/// What stands before the windows.
#[derive(Debug, Serialize, Deserialize)]
struct Preface {
    taught: Taught,
    calibration: Calibration,
}

fn bucket([a, b, c, d, ..]: &[u8; CELL_BYTES]) -> u32 {
    u32::from_le_bytes([*a, *b, *c, *d])
}

fn read(bytes: &[u8; CELL_BYTES]) -> (u32, Cell) {
    let [_, _, _, _, e, f, g, h, i, j, k, l] = *bytes;
    let cell = Cell {
        weight: f32::from_le_bytes([e, f, g, h]),
        settled: f32::from_le_bytes([i, j, k, l]),
    };
    (bucket(bytes), cell)
}

/// Changes whenever what the numbers mean changes.
const FORM: u8 = 1;
const CELL_BYTES: usize = 12;
/// AROW's r: one label moves little, where the site says something else.
const STUBBORN: f32 = 3.0;
/// What a margin of one is worth in the site's score.
const WORTH: f32 = 3.0;
/// Windows that one organisation's set knows at most.
const CELLS_MAX: usize = 1 << 17;

/// Buckets are hashes already: a multiplication spreads them.
#[derive(Debug, Clone, Copy, Default)]
struct Buckets;

/// See [`Buckets`].
#[derive(Debug, Default)]
struct Spread(u64);

impl BuildHasher for Buckets {
    type Hasher = Spread;

    fn build_hasher(&self) -> Spread {
        Spread::default()
    }
}

impl Hasher for Spread {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u32(u32::from(*byte));
        }
    }

    fn write_u32(&mut self, bucket: u32) {
        self.0 = (self.0.rotate_left(5) ^ u64::from(bucket)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::learn::classifier::{Model, Sureness};

    fn sketch(numbers: std::ops::Range<u32>) -> Sketch {
        let grams = Grams::of(numbers.collect());
        Sketch { whole: grams.clone(), mixed: grams.clone(), body: grams, ..Sketch::default() }
    }

    fn lesson(label: Label, views: Views) -> Lesson {
        Lesson { label, views, sureness: Sureness::Confirmed }
    }

    #[test]
    fn it_learns_what_the_site_gets_wrong_and_nothing_else() {
        let (mut site, mut own) = (Model::default(), Own::default());
        let (wanted, both) = (sketch(0..300), sketch(1_000..1_300));
        for _ in 0..40 {
            site.learn(&wanted, lesson(Label::Ham, Views::All));
            site.learn(&both, lesson(Label::Spam, Views::All));
        }
        assert_eq!(own.judge(&wanted), 0.0);
        own.learn(&both, lesson(Label::Spam, Views::All), &site.judge(&both));
        assert!(own.cells.is_empty(), "the site is sure of that");
        for _ in 0..10 {
            own.learn(&wanted, lesson(Label::Spam, Views::All), &site.judge(&wanted));
        }
        assert!(own.judge(&wanted) + site.judge(&wanted).score > 0.0);
        assert_eq!(own.judge(&sketch(5_000..5_300)), 0.0, "what it never saw");
        assert_eq!(own.taught(), Taught { spam: 11, ham: 0 });
        let before = own.judge(&wanted);
        own.learn(&wanted, lesson(Label::Ham, Views::Body), &site.judge(&wanted));
        assert!(own.judge(&wanted) < before && own.taught().ham == 0, "what our own people wrote");
    }

    #[test]
    fn it_comes_back_or_is_refused() {
        let mut own = Own::default();
        own.learn(&sketch(3..90), lesson(Label::Spam, Views::All), &Said::default());
        let bytes = own.to_bytes();
        let back = Own::from_bytes(&bytes).unwrap();
        assert_eq!(back.judge(&sketch(3..40)), own.judge(&sketch(3..40)));
        assert_eq!((back.taught(), &back.calibration), (own.taught(), &own.calibration));
        assert_eq!(back.to_bytes(), bytes);
        for most in 0..bytes.len() {
            let cut = Own::from_bytes(&bytes[..most]);
            // Whole windows fewer are a smaller set: the file has a hash.
            assert!(cut.is_err() || (bytes.len() - most) % CELL_BYTES == 0, "{most}");
        }
        let mut other = bytes;
        other[0] = 9;
        assert_eq!(Own::from_bytes(&other).err(), Some(BadForm::Other { found: 9, ours: 1 }));
    }

    #[test]
    fn it_stays_bounded() {
        let mut own = Own::default();
        for number in 0..200 {
            let at = number * 1_300;
            own.learn(&sketch(at..at + 1_300), lesson(Label::Spam, Views::All), &Said::default());
        }
        assert!(
            own.cells.len() <= CELLS_MAX && own.cells.len() > CELLS_MAX / 8,
            "{}",
            own.cells.len()
        );
    }
}
