//! From eyes to the text of a code: which three belong together, how many modules lie between them, what each module is.
//!
//! What a phone does, in the same order: three eyes at a right angle, a number of modules from their distance, the fourth corner from the
//! alignment pattern, then error correction by `rqrr`. Bounded: so many threes, so many sizes each, and never a flood fill.

use super::{
    eyes::{Eye, eyes, whole},
    plane::Bitmap,
};
use crate::{base::limits, formats::budget::Budget};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// What was found in one bitmap.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// What the codes say, in the order found.
    pub(super) payloads: Vec<Vec<u8>>,
    /// Eyes that were seen.
    pub(super) eyes: usize,
    /// There was more to look at than is looked at.
    pub(super) cut: bool,
}

/// Every code in a bitmap.
pub(super) fn codes(bitmap: &Bitmap, budget: &Budget) -> Found {
    let (eyes, more) = eyes(bitmap);
    let mut found = Found { eyes: eyes.len(), cut: more, ..Found::default() };
    let (threes, more) = threes(&eyes);
    found.cut |= more;
    let mut used = vec![false; eyes.len()];
    for three in threes {
        if found.payloads.len() >= limits::IMAGE_CODES_MAX || budget.check_time().is_err() {
            found.cut = true;
            break;
        }
        if three.members.iter().any(|at| used.get(*at) != Some(&false)) {
            continue;
        }
        if let Some(payload) = read(bitmap, &three) {
            for at in three.members {
                used.iter_mut().skip(at).take(1).for_each(|used| *used = true);
            }
            if !found.payloads.contains(&payload) {
                found.payloads.push(payload);
            }
        }
    }
    found
}

/// Three eyes that may be one code's, the corner in the middle.
struct Three {
    members: [usize; 3],
    right: Eye,
    corner: Eye,
    below: Eye,
    /// Modules between the middles of two eyes.
    modules: f32,
    /// How badly they fit.
    misfit: f32,
}

/// The best threes first, up to [`limits::CODE_THREES_MAX`]; the second is true where there were more.
fn threes(eyes: &[Eye]) -> (Vec<Three>, bool) {
    let mut threes = Vec::new();
    for (at, corner) in eyes.iter().enumerate() {
        // Only eyes of the same size and colour at a possible distance are looked at in pairs.
        let near: Vec<(usize, &Eye, Step)> = eyes
            .iter()
            .enumerate()
            .filter(|(other_at, other)| *other_at != at && alike(corner, other))
            .map(|(other_at, other)| (other_at, other, Step::between(corner, other)))
            .filter(|(_, _, step)| (MODULES_MIN..=MODULES_MAX).contains(&step.modules))
            .collect();
        for (index, (one_at, one, step)) in near.iter().enumerate() {
            for (other_at, other, other_step) in near.iter().skip(index + 1) {
                let Some(misfit) = step.misfit(other_step) else { continue };
                let modules = (step.modules + other_step.modules) / 2.0;
                let sizes = (one.wide - other.wide).abs() / corner.wide;
                // In a picture y grows downwards: seen from the corner, the one below stands clockwise of the one to the right.
                let turned = step.dx * other_step.dy - step.dy * other_step.dx < 0.0;
                let (right, below) = if turned { (*other, *one) } else { (*one, *other) };
                threes.push(Three {
                    members: [*one_at, at, *other_at],
                    right: *right,
                    corner: *corner,
                    below: *below,
                    modules,
                    misfit: misfit + sizes,
                });
            }
        }
        // The worst are dropped now and then, so that many eyes do not fill the memory.
        if threes.len() > 4 * limits::CODE_THREES_MAX {
            threes.sort_by(|one: &Three, other| one.misfit.total_cmp(&other.misfit));
            threes.truncate(2 * limits::CODE_THREES_MAX);
        }
    }
    threes.sort_by(|one, other| one.misfit.total_cmp(&other.misfit));
    let more = threes.len() > limits::CODE_THREES_MAX;
    threes.truncate(limits::CODE_THREES_MAX);
    (threes, more)
}

fn alike(one: &Eye, other: &Eye) -> bool {
    let ratio = one.wide / other.wide;
    one.inverted == other.inverted && (0.5..=2.0).contains(&ratio)
}

/// The way from one eye to another, in modules.
struct Step {
    dx: f32,
    dy: f32,
    modules: f32,
}

impl Step {
    fn between(from: &Eye, to: &Eye) -> Step {
        let dx = (to.x - from.x) / from.wide.midpoint(to.wide);
        let dy = (to.y - from.y) / from.high.midpoint(to.high);
        let length = dx.hypot(dy);
        // A row cuts a turned eye aslant and finds it wider than it is.
        let aslant = dx.abs().max(dy.abs()) / length.max(f32::MIN_POSITIVE);
        Step { dx, dy, modules: length / aslant.max(0.5) }
    }

    /// How far the two ways are from equal and at a right angle; nothing if too far.
    fn misfit(&self, other: &Step) -> Option<f32> {
        let lengths = self.dx.hypot(self.dy) * other.dx.hypot(other.dy);
        let cosine = ((self.dx * other.dx + self.dy * other.dy) / lengths).abs();
        let unequal = (self.modules - other.modules).abs() / self.modules.max(other.modules);
        (cosine < 0.45 && unequal < 0.4).then_some(cosine + unequal)
    }
}

/// Tries the sizes near the estimated one.
fn read(bitmap: &Bitmap, three: &Three) -> Option<Vec<u8>> {
    let estimate = (three.modules + 7.0 - 17.0) / 4.0;
    let nearest = whole(estimate + 0.5);
    let tries = [
        Some(nearest),
        nearest.checked_add(1),
        nearest.checked_sub(1),
        nearest.checked_add(2),
        nearest.checked_sub(2),
    ];
    let versions = tries.into_iter().flatten().filter(|version| (1..=40).contains(version));
    versions.map(|version| 17 + 4 * version).find_map(|size| read_sized(bitmap, three, size))
}

fn read_sized(bitmap: &Bitmap, three: &Three, size: usize) -> Option<Vec<u8>> {
    let flat = Mapping::flat(three, size)?;
    if !flat.may_have_timing(bitmap, size) {
        return None;
    }
    let mut mappings = Vec::with_capacity(2);
    if size >= 25 {
        mappings.extend(flat.bent_to_alignment(bitmap, three, size));
    }
    mappings.push(flat);
    mappings.iter().find_map(|mapping| {
        let modules = Modules::sampled(bitmap, mapping, size, three.corner.inverted);
        if !modules.has_timing() {
            return None;
        }
        decode(modules)
    })
}

/// Where in the picture a module lies: `u` and `v` are 0 at the corner eye's middle and 1 at the others'.
struct Mapping {
    right: (f32, f32),
    corner: (f32, f32),
    below: (f32, f32),
    /// How much nearer the right and the lower edge are to the viewer.
    bend: (f32, f32),
    span: f32,
}

impl Mapping {
    fn flat(three: &Three, size: usize) -> Option<Mapping> {
        let span = f32::from(u16::try_from(size.checked_sub(7)?).ok()?);
        let middle = |eye: &Eye| (eye.x, eye.y);
        Some(Mapping {
            right: middle(&three.right),
            corner: middle(&three.corner),
            below: middle(&three.below),
            bend: (0.0, 0.0),
            span,
        })
    }

    /// The point of the picture that lies `x` modules from the left edge of the code and `y` from its upper edge.
    fn point(&self, x: f32, y: f32) -> (f32, f32) {
        let (u, v) = ((x - 3.5) / self.span, (y - 3.5) / self.span);
        let (g, h) = self.bend;
        let depth = 1.0 + g * u + h * v;
        let at = |corner: f32, right: f32, below: f32| {
            (corner + (right * (1.0 + g) - corner) * u + (below * (1.0 + h) - corner) * v) / depth
        };
        (
            at(self.corner.0, self.right.0, self.below.0),
            at(self.corner.1, self.right.1, self.below.1),
        )
    }

    fn is_dark(&self, bitmap: &Bitmap, x: f32, y: f32) -> Option<bool> {
        let (x, y) = self.point(x, y);
        if x < 0.0 || y < 0.0 {
            return None;
        }
        bitmap.get(whole(x), whole(y))
    }

    /// Do the lines between the eyes change colour about as often as they should? Asked before anything dear: most threes are chance.
    fn may_have_timing(&self, bitmap: &Bitmap, size: usize) -> bool {
        let ends = u16::try_from(size.saturating_sub(8)).unwrap_or_default();
        let places = || (16..ends.saturating_mul(2)).map(|half| f32::from(half) / 2.0 + 0.25);
        let changes = |dark: &mut dyn Iterator<Item = Option<bool>>| {
            let mut last = None;
            dark.filter(|dark| last.replace(*dark) != Some(*dark)).count()
        };
        let across = changes(&mut places().map(|at| self.is_dark(bitmap, at, 6.5)));
        let down = changes(&mut places().map(|at| self.is_dark(bitmap, 6.5, at)));
        let due = size.saturating_sub(16);
        let near = |count: usize| count.abs_diff(due) <= 2 + due.div_euclid(4);
        near(across) && near(down)
    }

    /// The same through the alignment pattern near the fourth corner (ISO/IEC 18004 section 6.3.6), if there is one.
    fn bent_to_alignment(&self, bitmap: &Bitmap, three: &Three, size: usize) -> Option<Mapping> {
        let edge = f32::from(u16::try_from(size).ok()?);
        let expected = edge - 6.5;
        let steps = || (-ALIGNMENT_STEPS..=ALIGNMENT_STEPS).map(|step| f32::from(step) / 2.0);
        let (mut best, mut sum, mut count) = (ALIGNMENT_SCORE_MIN, (0.0, 0.0), 0.0);
        for down in steps() {
            for over in steps() {
                let (x, y) = (expected + over, expected + down);
                let likeness = self.alignment_score(bitmap, x, y, three.corner.inverted);
                if likeness > best {
                    (best, sum, count) = (likeness, (0.0, 0.0), 0.0);
                }
                if likeness == best {
                    sum = (sum.0 + x, sum.1 + y);
                    count += 1.0;
                }
            }
        }
        if count == 0.0 {
            return None;
        }
        let target = self.point(sum.0 / count, sum.1 / count);
        self.bent_through(target, (expected - 3.5) / self.span)
    }

    /// How many of the 25 modules of an alignment pattern are as they should be around this place.
    fn alignment_score(&self, bitmap: &Bitmap, x: f32, y: f32, inverted: bool) -> u8 {
        let mut likeness = 0;
        for down in -2_i8..=2 {
            for over in -2_i8..=2 {
                let dark = over.abs().max(down.abs()) != 1;
                let seen = self.is_dark(bitmap, x + f32::from(over), y + f32::from(down));
                likeness += u8::from(seen == Some(dark != inverted));
            }
        }
        likeness
    }

    /// Bent so that the place at `s`, `s` falls on `target`.
    fn bent_through(&self, target: (f32, f32), s: f32) -> Option<Mapping> {
        let (a, c) = ((self.right.0 - target.0) * s, (self.right.1 - target.1) * s);
        let (b, d) = ((self.below.0 - target.0) * s, (self.below.1 - target.1) * s);
        let flat = |corner: f32, right: f32, below: f32| {
            corner + s * (right - corner) + s * (below - corner)
        };
        let e = target.0 - flat(self.corner.0, self.right.0, self.below.0);
        let f = target.1 - flat(self.corner.1, self.right.1, self.below.1);
        let determinant = a * d - b * c;
        if determinant.abs() < 1e-6 {
            return None;
        }
        let bend = ((e * d - b * f) / determinant, (a * f - e * c) / determinant);
        let sane = bend.0.abs() < 0.6 && bend.1.abs() < 0.6;
        sane.then_some(Mapping { bend, ..*self })
    }
}

/// The modules of a code, row by row.
struct Modules {
    size: usize,
    dark: Vec<bool>,
}

impl Modules {
    fn sampled(bitmap: &Bitmap, mapping: &Mapping, size: usize, inverted: bool) -> Modules {
        let places = (0_u16..).take(size).map(|at| f32::from(at) + 0.5);
        let dark = places.clone().flat_map(|y| places.clone().map(move |x| (x, y)));
        let dark = dark.map(|(x, y)| mapping.is_dark(bitmap, x, y).unwrap_or(inverted) != inverted);
        Modules { size, dark: dark.collect() }
    }

    fn get(&self, x: usize, y: usize) -> bool {
        let at = y.saturating_mul(self.size).saturating_add(x);
        self.dark.get(at).copied().unwrap_or_default()
    }

    /// Do the lines between the eyes alternate (ISO/IEC 18004 section 6.3.5)? Cheaper than error correction, and a wrong size fails it.
    fn has_timing(&self) -> bool {
        let places = || (8..self.size.saturating_sub(8)).map(|at| (at, at % 2 == 0));
        let across = places().filter(|(at, dark)| self.get(*at, 6) == *dark).count();
        let down = places().filter(|(at, dark)| self.get(6, *at) == *dark).count();
        let needed = places().count().saturating_mul(3).div_euclid(4);
        across >= needed && down >= needed
    }
}

impl rqrr::BitGrid for Modules {
    fn size(&self) -> usize {
        self.size
    }

    fn bit(&self, y: usize, x: usize) -> bool {
        self.get(x, y)
    }
}

fn decode(modules: Modules) -> Option<Vec<u8>> {
    let read = || {
        let mut payload = Vec::new();
        rqrr::Grid::new(modules).decode_to(&mut payload).ok().map(|_| payload)
    };
    // The crate asserts here and there; a picture must not end the reading of the mail.
    catch_unwind(AssertUnwindSafe(read)).ok().flatten().filter(|payload| !payload.is_empty())
}

/// Fewest modules between two eyes, version 1 has 14, as far as they can be mismeasured.
const MODULES_MIN: f32 = 9.0;
/// Most modules between two eyes, version 40 has 170, as far as they can be mismeasured.
const MODULES_MAX: f32 = 220.0;
/// Half modules to each side in which the alignment pattern is looked for.
const ALIGNMENT_STEPS: i8 = 8;
/// Modules of the 25 that make an alignment pattern.
const ALIGNMENT_SCORE_MIN: u8 = 22;
