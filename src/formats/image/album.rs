//! The pictures of one mail, in the order shown: a code may be cut into pieces that lie side by side on the page.

use super::{
    ImageCodes, add_codes, finished, inside,
    picture::Channel,
    plane::Plane,
    search::{Search, Watch},
    search_file,
};
use crate::{
    base::limits,
    formats::{
        budget::Budget,
        opened::{Opened, Sign},
    },
};

/// Pictures that were looked at, as far as they could be pieces of a code.
#[derive(Debug, Default)]
pub struct Album {
    /// None for a picture that is no piece: neighbours are neighbours.
    pieces: Vec<Option<Plane>>,
    pixels: usize,
    searched: usize,
}

impl Album {
    /// Opens a picture as [`super::open`] does, and remembers it. After [`limits::IMAGES_SEARCHED_MAX`] nothing is looked at any more.
    pub fn open(&mut self, bytes: &[u8], budget: &mut Budget) -> Option<Opened> {
        self.searched = self.searched.saturating_add(1);
        if self.searched > limits::IMAGES_SEARCHED_MAX {
            return None;
        }
        let mut opened = inside::open(bytes, budget);
        let mut search = Search::default();
        let (first, stopped) = search_file(bytes, budget, &mut search);
        let piece =
            first.filter(|_| search.payloads.is_empty()).map(|first| first.plane(Channel::OnWhite));
        let piece = piece.filter(|plane| {
            let pixels = plane.width().saturating_mul(plane.height());
            pixels <= limits::IMAGE_SEARCH_SIDE_MAX.pow(2)
                && self.pixels.saturating_add(pixels) <= limits::IMAGE_PIECES_BYTES_MAX
                && plane.is_two_toned()
        });
        self.pixels +=
            piece.as_ref().map_or(0, |plane| plane.width().saturating_mul(plane.height()));
        self.pieces.push(piece);
        add_codes(&mut opened, finished(search, stopped));
        Some(opened)
    }

    /// The codes in two to four neighbours of one width or height, put together.
    pub fn codes_in_pieces(&self, budget: &Budget) -> ImageCodes {
        let mut search = Search::default();
        let watch = Watch::start(budget);
        search_joined(&self.pieces, budget, &watch, &mut search);
        if search.payloads.is_empty() {
            // Patterns without a code are no matter here: each picture was looked at by itself.
            return ImageCodes::default();
        }
        let mut codes = finished(search, None);
        let because = "a code cut into several pictures".to_string();
        codes.signs.push(Sign { id: "image.code_in_pieces", because });
        codes
    }
}

/// Puts neighbours together, side by side and one under the other.
fn search_joined(planes: &[Option<Plane>], budget: &Budget, watch: &Watch, search: &mut Search) {
    for start in 0..planes.len() {
        for count in 2..=limits::IMAGE_JOINED_MAX {
            let end = start.saturating_add(count);
            let group: Option<Vec<&Plane>> =
                planes.get(start..end).and_then(|group| group.iter().map(Option::as_ref).collect());
            let Some(group) = group.filter(|group| group.iter().all(|one| one.height() > 0)) else {
                break;
            };
            if budget.check_time().is_err() || watch.spent(budget) > limits::IMAGE_SEARCH_TIME_MAX {
                return;
            }
            let joined = [stacked(&group), beside(&group), in_square(&group)];
            for plane in joined.into_iter().flatten() {
                search.joined(&plane, budget);
            }
        }
    }
}

fn stacked(group: &[&Plane]) -> Option<Plane> {
    let width = group.first()?.width();
    let rows = group.iter().flat_map(|plane| plane.rows().flatten().copied());
    group.iter().all(|plane| plane.width() == width).then(|| Plane::new(width, rows.collect()))
}

fn beside(group: &[&Plane]) -> Option<Plane> {
    let height = group.first()?.height();
    if group.iter().any(|plane| plane.height() != height) {
        return None;
    }
    let mut pixels = Vec::new();
    let mut rows: Vec<_> = group.iter().map(|plane| plane.rows()).collect();
    for _ in 0..height {
        pixels.extend(rows.iter_mut().filter_map(Iterator::next).flatten().copied());
    }
    Some(Plane::new(group.iter().map(|plane| plane.width()).sum(), pixels))
}

/// Four quarters, in reading order.
fn in_square(group: &[&Plane]) -> Option<Plane> {
    let (upper, lower) = group.split_at_checked(2).filter(|_| group.len() == 4)?;
    stacked(&[&beside(upper)?, &beside(lower)?])
}
