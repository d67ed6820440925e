//! Whether the groups of a rule hit near each other.

use crate::config::rules::phrases::Place;

/// Where one match stands in one normalised text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Spot {
    pub(super) place: Place,
    pub(super) start: usize,
    pub(super) end: usize,
}

/// The first group's match in a window of one text where every group has one, if there is such a window.
///
/// The subject speaks for the whole mail, so a match there is near everything; body and hidden text are never near each other,
/// for a reader sees only one of them.
pub(super) fn together(groups: &[Vec<Spot>], within_bytes: usize) -> Option<Spot> {
    let mut anchors: Vec<Spot> = groups.iter().flatten().copied().collect();
    anchors.sort_by_key(|spot| (spot.place, spot.start));
    anchors.into_iter().find_map(|anchor| {
        let near = |spot: &&Spot| {
            let after = spot.start.checked_sub(anchor.start);
            spot.place == Place::Subject
                || (spot.place == anchor.place && after.is_some_and(|after| after <= within_bytes))
        };
        let each: Option<Vec<&Spot>> = groups.iter().map(|group| group.iter().find(near)).collect();
        each?.first().copied().copied()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(place: Place, start: usize) -> Spot {
        Spot { place, start, end: start + 4 }
    }

    #[test]
    fn all_groups_in_one_window() {
        use Place::{Body, Hidden, Subject};
        for (groups, want) in [
            (vec![vec![at(Body, 7)]], Some(at(Body, 7))),
            (vec![vec![at(Body, 7)], vec![]], None),
            (vec![], None),
            (vec![vec![at(Body, 0)], vec![at(Body, 100)]], Some(at(Body, 0))),
            (vec![vec![at(Body, 0)], vec![at(Body, 101)]], None),
            (vec![vec![at(Body, 300), at(Body, 500)], vec![at(Body, 450)]], Some(at(Body, 500))),
            (vec![vec![at(Subject, 0)], vec![at(Body, 9_000)]], Some(at(Subject, 0))),
            (vec![vec![at(Body, 9_000)], vec![at(Subject, 300)]], Some(at(Body, 9_000))),
            (vec![vec![at(Body, 0)], vec![at(Hidden, 0)]], None),
            (vec![vec![at(Subject, 0)], vec![at(Subject, 900)]], Some(at(Subject, 0))),
        ] {
            assert_eq!(together(&groups, 100), want, "{groups:?}");
        }
    }
}
