//! Sketches and models as bytes, for what keeps them. A form has a number; what is of another one, or damaged, is refused and never guessed.
//!
//! A sketch is what lets a label find its mail after days, without the mail: its numbers in order, each as the distance from the one
//! before, in Rice's code (Rice 1979), some four kilobytes. The text's windows are all in the second view too and take a bit each.

use super::{
    Calibration, Model, Part, Sketch, Taught,
    buckets::{Bucket, Buckets},
    grams::{BITS, FEW_BITS, Grams},
    place,
    steady::Steady,
};
use serde::{Deserialize, Serialize};

/// Why bytes are no sketch or no model.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadForm {
    /// Made by another version.
    #[error("it has form {found}, this version of sluss reads form {ours}")]
    Other {
        /// Which.
        found: u8,
        /// Ours.
        ours: u8,
    },
    /// They end early, or say what cannot be.
    #[error("it is damaged")]
    Damaged,
}

/// What is learned, as a file: eight letters that say what it is, that, and a hash of both.
pub fn framed(magic: &[u8; 8], body: &[u8]) -> Vec<u8> {
    let mut bytes = [magic, body].concat();
    let hash = blake3::hash(&bytes);
    bytes.extend(hash.as_bytes());
    bytes
}

/// What is in such a file. None: it is another, or not whole.
pub fn unframed<'a>(magic: &[u8; 8], bytes: &'a [u8]) -> Option<&'a [u8]> {
    let (framed, hash) = bytes.split_last_chunk::<32>()?;
    let body = framed.strip_prefix(magic)?;
    (blake3::hash(framed).as_bytes() == hash).then_some(body)
}

/// Writes something as JSON with its length before it.
pub(super) fn write_preface(out: &mut Vec<u8>, preface: &impl Serialize) {
    // A struct of numbers has no way to fail.
    let preface = serde_json::to_vec(preface).unwrap_or_default();
    out.extend(u32::try_from(preface.len()).unwrap_or(u32::MAX).to_le_bytes());
    out.extend(preface);
}

/// Reads it, and gives what follows.
pub(super) fn read_preface<T: for<'de> Deserialize<'de>>(
    bytes: &[u8],
) -> Result<(T, &[u8]), BadForm> {
    let (length, rest) = bytes.split_first_chunk::<4>().ok_or(BadForm::Damaged)?;
    let length = usize::try_from(u32::from_le_bytes(*length)).map_err(|_| BadForm::Damaged)?;
    let (preface, rest) = rest.split_at_checked(length).ok_or(BadForm::Damaged)?;
    let preface = serde_json::from_slice(preface).map_err(|_| BadForm::Damaged)?;
    Ok((preface, rest))
}

impl Sketch {
    /// As bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Bits::default();
        out.write(u32::from(SKETCH_FORM), 8);
        let (whole, mixed) = (sorted(&self.whole), sorted(&self.mixed));
        out.write_ascending(&whole, BITS);
        out.write_ascending(&mixed, FEW_BITS);
        out.write_among(&mixed, &self.body);
        out.write(u32::try_from(self.parts.len()).unwrap_or(u32::MAX).min(PARTS_MAX), PARTS_BITS);
        for part in self.parts.iter().take(place(PARTS_MAX)) {
            out.write_among(&whole, &part.whole);
            out.write_among(&mixed, &part.mixed);
        }
        out.done()
    }

    /// From bytes.
    pub fn from_bytes(bytes: &[u8]) -> Result<Sketch, BadForm> {
        let mut bits = Reading { bytes, at: 0 };
        let found = u8::try_from(bits.read(8)?).map_err(|_| BadForm::Damaged)?;
        if found != SKETCH_FORM && found != SKETCH_FORM_WITHOUT_PARTS {
            return Err(BadForm::Other { found, ours: SKETCH_FORM });
        }
        let whole = bits.read_ascending(BITS)?;
        let mixed = bits.read_ascending(FEW_BITS)?;
        let body = bits.read_among(&mixed)?;
        let mut parts = Vec::new();
        let count = match found {
            SKETCH_FORM => bits.read(PARTS_BITS)?,
            _ => 0,
        };
        for _ in 0..count {
            let whole = Grams::of(bits.read_among(&whole)?);
            let mixed = bits.read_among(&mixed)?;
            let mut left = body.iter().peekable();
            let is_in_text = |bucket: &u32| {
                while left.next_if(|one| *one < bucket).is_some() {}
                left.next_if_eq(&bucket).is_some()
            };
            let in_text = mixed.iter().copied().filter(is_in_text).collect();
            parts.push(Part { whole, mixed: Grams::of(mixed), body: Grams::of(in_text) });
        }
        let (whole, mixed, body) = (Grams::of(whole), Grams::of(mixed), Grams::of(body));
        Ok(Sketch { whole, mixed, body, parts })
    }
}

fn sorted(grams: &Grams) -> Vec<u32> {
    let mut buckets = grams.buckets().to_vec();
    buckets.sort_unstable();
    buckets
}

/// Bits being written, the lowest of a byte first.
#[derive(Default)]
struct Bits {
    bytes: Vec<u8>,
    waiting: u64,
    count: u32,
}

impl Bits {
    fn write(&mut self, value: u32, bits: u32) {
        self.waiting |= u64::from(value) << self.count;
        self.count += bits;
        while self.count >= 8 {
            let [low, ..] = self.waiting.to_le_bytes();
            self.bytes.push(low);
            self.waiting >>= 8;
            self.count -= 8;
        }
    }

    /// How many there are, how many low bits each distance has, and the distances: the high part as ones and a zero, the low bits as they are.
    fn write_ascending(&mut self, values: &[u32], of_bits: u32) {
        let count = u32::try_from(values.len()).unwrap_or(u32::MAX).min(COUNT_MAX);
        let low = low_bits(count, of_bits);
        self.write(count, COUNT_BITS);
        let mut before = 0;
        for value in values.iter().take(usize::try_from(count).unwrap_or(usize::MAX)) {
            let distance = value - before;
            for _ in 0..distance >> low {
                self.write(1, 1);
            }
            self.write(0, 1);
            self.write(distance & ((1 << low) - 1), low);
            before = *value;
        }
    }

    /// Which of the values are among those, a bit each.
    fn write_among(&mut self, values: &[u32], some: &Grams) {
        let some = sorted(some);
        let mut left = some.iter().peekable();
        for value in values {
            while left.next_if(|one| *one < value).is_some() {}
            self.write(u32::from(left.next_if_eq(&value).is_some()), 1);
        }
    }

    fn done(mut self) -> Vec<u8> {
        self.write(0, 7);
        self.bytes
    }
}

/// Bits being read.
struct Reading<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Reading<'_> {
    fn read(&mut self, bits: u32) -> Result<u32, BadForm> {
        let mut value = 0;
        for place in 0..bits {
            let byte = self.bytes.get(self.at / 8).ok_or(BadForm::Damaged)?;
            value |= u32::from(byte >> (self.at % 8) & 1) << place;
            self.at += 1;
        }
        Ok(value)
    }

    fn read_among(&mut self, values: &[u32]) -> Result<Vec<u32>, BadForm> {
        let mut some = Vec::with_capacity(values.len());
        for value in values {
            if self.read(1)? == 1 {
                some.push(*value);
            }
        }
        Ok(some)
    }

    fn read_ascending(&mut self, of_bits: u32) -> Result<Vec<u32>, BadForm> {
        let count = self.read(COUNT_BITS)?;
        let low = low_bits(count, of_bits);
        let mut values = Vec::with_capacity(usize::try_from(count).unwrap_or_default());
        let mut value: u32 = 0;
        for number in 0..count {
            let mut high = 0;
            while self.read(1)? == 1 {
                high += 1;
            }
            let distance = (high << low) | self.read(low)?;
            value = value.saturating_add(distance);
            if value >> of_bits != 0 || (number > 0 && distance == 0) {
                return Err(BadForm::Damaged);
            }
            values.push(value);
        }
        Ok(values)
    }
}

/// The low bits of a distance that make the shortest code: the logarithm of the mean distance.
fn low_bits(count: u32, of_bits: u32) -> u32 {
    ((1_u32 << of_bits) / count.max(1)).max(1).ilog2()
}

/// Bits of a count of windows.
const COUNT_BITS: u32 = 13;
/// More than a sketch ever has.
const COUNT_MAX: u32 = (1 << COUNT_BITS) - 1;
/// Bits of a count of parts.
const PARTS_BITS: u32 = 2;
/// More than a sketch ever has.
const PARTS_MAX: u32 = (1 << PARTS_BITS) - 1;
/// Changes whenever the numbers of windows, or their code, change.
const SKETCH_FORM: u8 = 2;
/// The form before; its mails were looked at as a whole alone.
const SKETCH_FORM_WITHOUT_PARTS: u8 = 1;

/// What stands before the tables of a model.
#[derive(Debug, Serialize, Deserialize)]
struct Preface {
    taught: Taught,
    counted: Taught,
    calibration: Calibration,
}

impl Model {
    /// As bytes: the form's number, the length of a preface in JSON and the preface, the tables.
    pub fn to_bytes(&self) -> Vec<u8> {
        let (spam, ham) = self.whole.counted();
        let preface = Preface {
            taught: self.taught,
            counted: Taught { spam, ham },
            calibration: self.calibration.clone(),
        };
        let mut out = Vec::with_capacity(TABLES_BYTES + PREFACE_ROOM);
        out.push(MODEL_FORM);
        write_preface(&mut out, &preface);
        for bucket in self.whole.table() {
            out.extend(bucket.logistic.to_le_bytes());
            out.extend(bucket.margin.to_le_bytes());
            out.extend(bucket.settled.to_le_bytes());
            out.extend(bucket.spam.to_le_bytes());
            out.extend(bucket.ham.to_le_bytes());
        }
        for (weight, settled) in self.mixed.table().iter().chain(self.body.table()) {
            out.extend(weight.to_le_bytes());
            out.extend(settled.to_le_bytes());
        }
        out
    }

    /// From bytes.
    pub fn from_bytes(bytes: &[u8]) -> Result<Model, BadForm> {
        let (form, rest) = bytes.split_first().ok_or(BadForm::Damaged)?;
        if *form != MODEL_FORM {
            return Err(BadForm::Other { found: *form, ours: MODEL_FORM });
        }
        let (preface, tables) = read_preface::<Preface>(rest)?;
        if tables.len() != TABLES_BYTES {
            return Err(BadForm::Damaged);
        }
        let (buckets, views) = tables.split_at(BUCKETS_BYTES);
        let (mixed, body) = views.split_at(views.len() / 2);
        let buckets = buckets.as_chunks::<BUCKET_BYTES>().0.iter().map(bucket).collect();
        let Taught { spam, ham } = preface.counted;
        Ok(Model {
            whole: Buckets::of(buckets, spam, ham),
            mixed: Steady::of(cells(mixed)),
            body: Steady::of(cells(body)),
            calibration: preface.calibration,
            taught: preface.taught,
        })
    }
}

fn bucket(bytes: &[u8; BUCKET_BYTES]) -> Bucket {
    let [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p] = *bytes;
    Bucket {
        logistic: f32::from_le_bytes([a, b, c, d]),
        margin: f32::from_le_bytes([e, f, g, h]),
        settled: f32::from_le_bytes([i, j, k, l]),
        spam: u16::from_le_bytes([m, n]),
        ham: u16::from_le_bytes([o, p]),
    }
}

fn cells(bytes: &[u8]) -> Vec<(f32, f32)> {
    let (cells, _) = bytes.as_chunks::<CELL_BYTES>();
    let cell = |[a, b, c, d, e, f, g, h]: &[u8; CELL_BYTES]| {
        (f32::from_le_bytes([*a, *b, *c, *d]), f32::from_le_bytes([*e, *f, *g, *h]))
    };
    cells.iter().map(cell).collect()
}

/// Changes whenever what a table's numbers mean changes.
const MODEL_FORM: u8 = 1;
/// More than its preface takes: some thousands of scores.
const PREFACE_ROOM: usize = 1 << 17;
const BUCKET_BYTES: usize = 16;
const CELL_BYTES: usize = 8;
const BUCKETS_BYTES: usize = BUCKET_BYTES << BITS;
const TABLES_BYTES: usize = BUCKETS_BYTES + 2 * (CELL_BYTES << FEW_BITS);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::learn::classifier::{Label, Lesson, Sureness, Views, grams::Cutter, grams::Kind};
    use proptest::prelude::*;

    fn sketch(text: &str) -> Sketch {
        let (mut whole, mut few) = (Cutter::new(BITS), Cutter::new(FEW_BITS));
        whole.add(Kind::Body, text.as_bytes());
        few.add(Kind::Subject, b"a subject that is in the second view alone");
        few.add(Kind::Body, text.as_bytes());
        let mixed = few.done();
        few.add(Kind::Body, text.as_bytes());
        let body = few.done();
        let parts = vec![Part { whole: Grams::default(), mixed: body.clone(), body: body.clone() }];
        Sketch { whole: whole.done(), mixed, body, parts }
    }

    /// The same windows in the order in which bytes have them.
    fn in_order(sketch: &Sketch) -> Sketch {
        let order = |grams: &Grams| Grams::of(sorted(grams));
        Sketch {
            whole: order(&sketch.whole),
            mixed: order(&sketch.mixed),
            body: order(&sketch.body),
            parts: sketch
                .parts
                .iter()
                .map(|part| Part {
                    whole: order(&part.whole),
                    mixed: order(&part.mixed),
                    body: order(&part.body),
                })
                .collect(),
        }
    }

    proptest! {
        #[test]
        fn a_sketch_comes_back(text in "\\PC{0,400}") {
            let sketch = sketch(&text);
            prop_assert_eq!(Sketch::from_bytes(&sketch.to_bytes()), Ok(in_order(&sketch)));
        }

        #[test]
        fn no_bytes_are_too_strange(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = Sketch::from_bytes(&bytes);
            let _ = Model::from_bytes(&bytes);
        }
    }

    #[test]
    fn a_sketch_is_small() {
        let text: String = (0..400_u32).map(|number| format!("{:x} ", number * 7_919)).collect();
        let sketch = sketch(&text);
        let windows = sketch.whole.buckets().len() + sketch.mixed.buckets().len();
        assert!(sketch.to_bytes().len() * 8 < windows * 13, "{windows}");
    }

    #[test]
    fn what_is_cut_off_or_of_another_form_is_refused() {
        let bytes = sketch("some text that is long enough").to_bytes();
        for most in 0..bytes.len() - 1 {
            assert_eq!(Sketch::from_bytes(&bytes[..most]), Err(BadForm::Damaged), "{most}");
        }
        // What an older version kept ends before the parts.
        let mut older = bytes.clone();
        older[0] = 1;
        let older = Sketch::from_bytes(&older).unwrap();
        let whole = Sketch::from_bytes(&bytes).unwrap();
        assert_eq!(older, Sketch { parts: Vec::new(), ..whole });
        let mut other = bytes.clone();
        other[0] = 9;
        assert_eq!(Sketch::from_bytes(&other), Err(BadForm::Other { found: 9, ours: 2 }));
    }

    #[test]
    fn a_model_comes_back() {
        let mut model = Model::default();
        for (text, label) in [("win a prize now", Label::Spam), ("minutes of it", Label::Ham)] {
            let lesson = Lesson { label, views: Views::All, sureness: Sureness::Confirmed };
            model.learn(&sketch(text), lesson);
        }
        let bytes = model.to_bytes();
        assert!(bytes.len() < 24 << 20, "{}", bytes.len());
        let back = Model::from_bytes(&bytes).expect("as it was");
        for text in ["win a prize now", "minutes of the prize", "something else"] {
            assert_eq!(back.judge(&sketch(text)), model.judge(&sketch(text)), "{text}");
        }
        assert_eq!((back.taught(), &back.calibration), (model.taught(), &model.calibration));
        assert_eq!(Model::from_bytes(&bytes[..bytes.len() - 1]).err(), Some(BadForm::Damaged));
        let mut other = bytes;
        other[0] = 2;
        assert_eq!(Model::from_bytes(&other).err(), Some(BadForm::Other { found: 2, ours: 1 }));
    }
}
