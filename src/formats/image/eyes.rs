//! The three eyes of a QR code: squares whose every section through the middle is dark, light, dark, light, dark as 1:1:3:1:1
//! (ISO/IEC 18004 section 6.3.3.1), or the other way round in a code that is light on dark.
//!
//! Found by runs along rows, confirmed along a column. Stretched and turned ones count; the cost is linear in the pixels.

use super::plane::Bitmap;
use crate::base::limits;

/// One eye.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Eye {
    /// Its middle.
    pub(super) x: f32,
    /// Its middle.
    pub(super) y: f32,
    /// Width of one module along a row, in pixels.
    pub(super) wide: f32,
    /// Height of one module along a column, in pixels.
    pub(super) high: f32,
    /// It is light on dark.
    pub(super) inverted: bool,
    /// Rows in which it was seen.
    rows: f32,
}

/// Every eye of a bitmap, up to [`limits::CODE_EYES_MAX`]; the second is true where there were more.
pub(super) fn eyes(bitmap: &Bitmap) -> (Vec<Eye>, bool) {
    let mut found: Vec<Eye> = Vec::new();
    let mut more = false;
    let mut edges: Vec<u16> = Vec::with_capacity(bitmap.width());
    for (y, row) in bitmap.rows().enumerate() {
        note_edges(row, &mut edges);
        let mut dark = row.first().copied().unwrap_or_default();
        for window in edges.windows(6) {
            if let [a, b, c, d, e, f] = *window
                && let Some(wide) = module(&[b - a, c - b, d - c, e - d, f - e])
                && let Some(eye) = confirmed(bitmap, (c, d), y, wide, dark)
            {
                more |= !merge(&mut found, eye);
            }
            dark = !dark;
        }
    }
    (found, more)
}

/// Where the runs of a row begin, and its end.
fn note_edges(row: &[bool], edges: &mut Vec<u16>) {
    edges.clear();
    let mut last = None;
    for (x, dark) in (0_u16..).zip(row) {
        if last != Some(*dark) {
            edges.push(x);
            last = Some(*dark);
        }
    }
    edges.extend(u16::try_from(row.len()).ok());
}

/// The module of five runs that stand as 1:1:3:1:1, as near as print and pixels allow.
fn module(runs: &[u16; 5]) -> Option<f32> {
    let [a, b, c, d, e] = runs.map(f32::from);
    let module = (a + b + c + d + e) / 7.0;
    let off = module * TOLERANCE;
    let fits = |run: f32, modules: f32| (run - modules * module).abs() <= off * modules.sqrt();
    (fits(c, 3.0) && fits(a, 1.0) && fits(b, 1.0) && fits(d, 1.0) && fits(e, 1.0)).then_some(module)
}

/// Looks along the column, then again along the row through the middle.
fn confirmed(
    bitmap: &Bitmap,
    (from, to): (u16, u16),
    y: usize,
    wide: f32,
    dark: bool,
) -> Option<Eye> {
    let x = usize::from(from.midpoint(to.saturating_sub(1)));
    let reach = whole(wide * STRETCH_MAX * 4.0).saturating_add(2);
    let up = section(dark, reach, |step| bitmap.get(x, y.checked_sub(step)?));
    let down = section(dark, reach, |step| bitmap.get(x, y.checked_add(step)?.checked_add(1)?));
    let (runs, middle) = joined(up, down)?;
    let high = module(&runs)?;
    if !(1.0 / STRETCH_MAX..=STRETCH_MAX).contains(&(high / wide)) {
        return None;
    }
    let y_middle = f32::from(u16::try_from(y).ok()?) + 1.0 + middle;
    let row = whole(y_middle);
    let reach = whole(wide * 5.0).saturating_add(2);
    let left = section(dark, reach, |step| bitmap.get(x.checked_sub(step)?, row));
    let right = section(dark, reach, |step| bitmap.get(x.checked_add(step)?.checked_add(1)?, row));
    let (runs, middle) = joined(left, right)?;
    let wide = module(&runs)?;
    let x_middle = f32::from(u16::try_from(x).ok()?) + 1.0 + middle;
    Some(Eye { x: x_middle, y: y_middle, wide, high, inverted: !dark, rows: 1.0 })
}

/// Three runs outward from the middle, the first of the middle's own colour; the last ends at the border at the latest.
fn section(dark: bool, reach: usize, pixel: impl Fn(usize) -> Option<bool>) -> [u16; 3] {
    let mut runs = [0_u16; 3];
    let mut colour = dark;
    let mut step = 0_usize;
    for run in &mut runs {
        while step < reach && pixel(step) == Some(colour) {
            *run = run.saturating_add(1);
            step += 1;
        }
        colour = !colour;
    }
    runs
}

/// Both halves as five runs, and how far the middle lies from the border between the halves.
fn joined(before: [u16; 3], after: [u16; 3]) -> Option<([u16; 5], f32)> {
    let [middle, gap, ring] = before;
    let [middle_after, gap_after, ring_after] = after;
    let all = [ring, gap, middle.saturating_add(middle_after), gap_after, ring_after];
    let offset = (f32::from(middle_after) - f32::from(middle)) / 2.0;
    (ring > 0 && ring_after > 0).then_some((all, offset))
}

/// Takes an eye into the list, or into the one it is already. False: the list is full.
fn merge(found: &mut Vec<Eye>, eye: Eye) -> bool {
    let same = found.iter_mut().rev().find(|other| {
        other.inverted == eye.inverted
            && (other.x - eye.x).abs() <= eye.wide.max(1.0)
            && (other.y - eye.y).abs() <= eye.high.max(1.0)
            && (0.6..=1.67).contains(&(other.wide / eye.wide))
    });
    if let Some(other) = same {
        let rows = other.rows + 1.0;
        let mean = |old: f32, new: f32| old + (new - old) / rows;
        *other = Eye {
            x: mean(other.x, eye.x),
            y: mean(other.y, eye.y),
            wide: mean(other.wide, eye.wide),
            high: mean(other.high, eye.high),
            inverted: eye.inverted,
            rows,
        };
        return true;
    }
    let room = found.len() < limits::CODE_EYES_MAX;
    if room {
        found.push(eye);
    }
    room
}

/// The whole pixels of a length; 0 for what is negative or no number.
pub(super) fn whole(length: f32) -> usize {
    // A float has no checked conversion; `as` saturates, and lengths here are under 2^16.
    #[allow(clippy::as_conversions)]
    let whole = length.max(0.0) as u16;
    usize::from(whole)
}

/// How far, in modules, a run may be from what it should be.
const TOLERANCE: f32 = 0.55;
/// How much higher than wide a module may be, or the reverse: a code drawn with letters has such.
const STRETCH_MAX: f32 = 2.6;

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(lines: &[&str], scale: usize) -> Bitmap {
        let rows: Vec<Vec<bool>> = lines
            .iter()
            .flat_map(|line| {
                let row: Vec<bool> =
                    line.chars().flat_map(|c| std::iter::repeat_n(c == '#', scale)).collect();
                std::iter::repeat_n(row, scale)
            })
            .collect();
        Bitmap::of_rows(&rows)
    }

    const EYE: [&str; 9] = [
        "         ",
        " ####### ",
        " #     # ",
        " # ### # ",
        " # ### # ",
        " # ### # ",
        " #     # ",
        " ####### ",
        "         ",
    ];

    #[test]
    fn an_eye_is_found_in_any_size() {
        for scale in [1, 2, 5, 17] {
            let (found, more) = eyes(&drawn(&EYE, scale));
            assert_eq!((found.len(), more), (1, false), "{scale}");
            let middle = 4.5 * f32::from(u8::try_from(scale).unwrap());
            assert!((found[0].x - middle).abs() < 0.6 && (found[0].y - middle).abs() < 0.6);
            assert!(!found[0].inverted);
        }
    }

    #[test]
    fn what_is_no_eye_is_none() {
        assert!(eyes(&drawn(&["#", "###########", " # ### # "], 3)).0.is_empty());
        assert!(eyes(&Bitmap::default()).0.is_empty());
    }

    #[test]
    fn the_number_of_eyes_is_bounded() {
        let row: Vec<String> = EYE.iter().map(|line| line.repeat(60)).collect();
        let lines: Vec<&str> = (0..60).flat_map(|_| row.iter().map(String::as_str)).collect();
        let (found, more) = eyes(&drawn(&lines, 1));
        assert_eq!((found.len(), more), (limits::CODE_EYES_MAX, true));
    }
}
