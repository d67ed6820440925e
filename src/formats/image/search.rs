//! How a picture is looked at: in which sizes, colours and lights, and for how long.
//!
//! Plain ways first. The dear ones are left out when the plain ones took long already, which an ordinary photograph does not make them.

use super::{
    grid,
    picture::{Channel, Picture},
    plane::{Bitmap, Plane, levels},
};
use crate::{base::limits, formats::budget::Budget};
use std::time::Duration;

/// What a search came to.
#[derive(Debug, Default)]
pub(super) struct Search {
    /// What the codes say, each once.
    pub(super) payloads: Vec<Vec<u8>>,
    /// Not everything was looked at.
    pub(super) cut: bool,
}

impl Search {
    /// Looks at a picture in every way that time allows.
    pub(super) fn picture(&mut self, picture: &Picture, budget: &Budget) {
        let (width, height) = (picture.width(), picture.height());
        if width.min(height) < limits::IMAGE_CODE_SIDE_MIN {
            return;
        }
        let watch = Watch::start(budget);
        self.plane(&picture.plane(Channel::OnWhite), budget, &watch);
        if picture.is_transparent() {
            for channel in [Channel::Alpha, Channel::OnBlack, Channel::Bare] {
                self.plain(
                    &shrunk_to(&picture.plane(channel), limits::IMAGE_SEARCH_SIDE_MAX),
                    budget,
                );
            }
        }
        // Modules and paper of one brightness differ in colour only.
        for channel in [Channel::Red, Channel::Green, Channel::Blue, Channel::Saturation] {
            if !picture.is_coloured() || !watch.is_fair(budget) {
                break;
            }
            let plane = shrunk_to(&picture.plane(channel), limits::IMAGE_SEARCH_SIDE_MAX * 2 / 3);
            if is_varied(&plane) {
                self.best_level(&plane, budget);
            }
        }
    }

    /// Looks at one plane: shrunk, then nearer if it was shrunk, larger if it is small.
    fn plane(&mut self, plane: &Plane, budget: &Budget, watch: &Watch) {
        let small = shrunk_to(plane, limits::IMAGE_SEARCH_SIDE_MAX);
        self.plain(&small, budget);
        let side = plane.width().max(plane.height());
        let grow = limits::IMAGE_GROWN_SIDE_MAX.checked_div(side.max(1)).unwrap_or_default();
        if grow >= 1 && watch.is_fair(budget) {
            self.plain(&plane.grown(3), budget);
        } else if side <= limits::IMAGE_SEARCH_SIDE_MAX * 2 / 3 && watch.is_fair(budget) {
            self.best_level(&plane.grown(2), budget);
        }
        let near = shrunk_to(plane, limits::IMAGE_CLOSE_SIDE_MAX);
        if near.width() > small.width() && watch.is_fair(budget) {
            self.bitmap(&near.darker_than_around(), budget);
        }
    }

    /// A plane joined of several, without colours.
    pub(super) fn joined(&mut self, plane: &Plane, budget: &Budget) {
        self.plane(plane, budget, &Watch::start(budget));
    }

    /// In three lights and by its surroundings.
    fn plain(&mut self, plane: &Plane, budget: &Budget) {
        if !is_varied(plane) {
            return;
        }
        self.bitmap(&plane.darker_than_around(), budget);
        for level in levels(&plane.histogram()) {
            self.bitmap(&plane.at_most(level), budget);
        }
    }

    fn best_level(&mut self, plane: &Plane, budget: &Budget) {
        for level in levels(&plane.histogram()).into_iter().take(1) {
            self.bitmap(&plane.at_most(level), budget);
        }
    }

    /// Reads every code of a bitmap.
    pub(super) fn bitmap(&mut self, bitmap: &Bitmap, budget: &Budget) -> usize {
        let found = grid::codes(bitmap, budget);
        for payload in found.payloads {
            if self.payloads.len() >= limits::IMAGE_CODES_MAX {
                self.cut = true;
            } else if !self.payloads.contains(&payload) {
                self.payloads.push(payload);
            }
        }
        // So many eyes without a code between them are a pattern, not a sheet of codes.
        self.cut |= found.cut;
        found.eyes
    }
}

fn shrunk_to(plane: &Plane, side: usize) -> Plane {
    // By area, so that a tall strip is not shrunk to a thread.
    let area = plane.width().saturating_mul(plane.height());
    let by = area.isqrt().div_ceil(side.max(1)).max(1);
    plane.shrunk(by)
}

/// Is there more than one value?
fn is_varied(plane: &Plane) -> bool {
    let first = plane.rows().next().and_then(|row| row.first().copied());
    plane.rows().any(|row| row.iter().any(|pixel| Some(*pixel) != first))
}

/// How long one picture has taken.
pub(super) struct Watch {
    left_at_start: Duration,
}

impl Watch {
    pub(super) fn start(budget: &Budget) -> Watch {
        Watch { left_at_start: budget.time_left() }
    }

    pub(super) fn spent(&self, budget: &Budget) -> Duration {
        self.left_at_start.saturating_sub(budget.time_left())
    }

    /// Is there time for the dear ways?
    fn is_fair(&self, budget: &Budget) -> bool {
        self.spent(budget) < limits::IMAGE_SEARCH_TIME_FAIR && !budget.time_left().is_zero()
    }
}
