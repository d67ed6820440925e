//! Pictures that are drawn here, as SVG: a bar with its shares, columns side by side. Colours are classes, so that dark and light are the reader's; what it
//! shows is said in words too.

use super::words::{grouped, percent};

/// One bar, all of its width.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Bar {
    pub(super) pieces: Vec<Piece>,
    /// What it shows, for who does not see it.
    pub(super) text: String,
}

/// A share of it, in hundredths of its width.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Piece {
    pub(super) class: &'static str,
    pub(super) x: String,
    pub(super) width: String,
}

/// What a share is: its colour, its name, how many.
pub(super) type Part<'a> = (&'static str, &'a str, u64);

impl Bar {
    /// Of these parts, which together are the whole.
    pub(super) fn of(parts: &[Part<'_>]) -> Bar {
        let whole: u64 = parts.iter().map(|(_, _, count)| count).sum();
        let mut before: u64 = 0;
        let mut bar = Bar::default();
        for (class, _, count) in parts.iter().filter(|(_, _, count)| *count > 0) {
            let x = thousandths(before, whole);
            before = before.saturating_add(*count);
            let width = thousandths(before, whole).saturating_sub(x);
            bar.pieces.push(Piece { class, x: shown(x), width: shown(width) });
        }
        let words = parts.iter().map(|(_, name, count)| {
            format!("{} {name} ({} %)", grouped(*count), percent(*count, whole))
        });
        bar.text = words.collect::<Vec<_>>().join(", ");
        bar
    }
}

/// Columns side by side, each a stack of shares, all at one scale. One is ten wide and as high as a hundred.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Columns {
    pub(super) pieces: Vec<Block>,
    /// Of all columns together.
    pub(super) width: usize,
    /// How many stand in the highest one.
    pub(super) most: u64,
    /// What it shows, for who does not see it.
    pub(super) text: String,
}

/// A share of a column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Block {
    pub(super) class: &'static str,
    pub(super) x: usize,
    pub(super) y: String,
    pub(super) height: String,
}

impl Columns {
    /// Of these stacks, each of colours and how many, from the bottom.
    pub(super) fn of(stacks: &[Vec<(&'static str, u64)>], text: String) -> Columns {
        let height = |stack: &[(&str, u64)]| {
            stack.iter().map(|(_, count)| *count).fold(0, u64::saturating_add)
        };
        let most = stacks.iter().map(|stack| height(stack)).max().unwrap_or(0);
        let mut columns = Columns { width: stacks.len() * 10, most, text, pieces: Vec::new() };
        for (column, stack) in stacks.iter().enumerate() {
            let mut below: u64 = 0;
            for (class, count) in stack.iter().filter(|(_, count)| *count > 0) {
                let bottom = thousandths(below, most);
                below = below.saturating_add(*count);
                let top = thousandths(below, most);
                columns.pieces.push(Block {
                    class,
                    x: column * 10 + 1,
                    y: shown(1_000_u64.saturating_sub(top)),
                    height: shown(top.saturating_sub(bottom)),
                });
            }
        }
        columns
    }
}

fn thousandths(part: u64, whole: u64) -> u64 {
    part.saturating_mul(1_000).checked_div(whole).unwrap_or(0)
}

/// Thousandths as hundredths.
fn shown(thousandths: u64) -> String {
    format!("{}.{}", thousandths / 10, thousandths % 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_has_no_gap_and_says_what_it_shows() {
        let bar = Bar::of(&[("good", "passed", 2), ("mind", "held", 0), ("bad", "failed", 1)]);
        let pieces: Vec<(&str, &str, &str)> = bar
            .pieces
            .iter()
            .map(|piece| (piece.class, piece.x.as_str(), piece.width.as_str()))
            .collect();
        assert_eq!(pieces, [("good", "0.0", "66.6"), ("bad", "66.6", "33.4")]);
        assert_eq!(bar.text, "2 passed (66 %), 0 held (0 %), 1 failed (33 %)");
        assert!(Bar::of(&[("good", "passed", 0)]).pieces.is_empty());
    }

    #[test]
    fn columns_stand_on_the_ground_at_one_scale() {
        let stacks = [vec![("good", 1), ("bad", 3)], vec![], vec![("good", 2), ("bad", 0)]];
        let columns = Columns::of(&stacks, String::new());
        let pieces: Vec<(&str, usize, &str, &str)> = columns
            .pieces
            .iter()
            .map(|piece| (piece.class, piece.x, piece.y.as_str(), piece.height.as_str()))
            .collect();
        let want =
            [("good", 1, "75.0", "25.0"), ("bad", 1, "0.0", "75.0"), ("good", 21, "50.0", "50.0")];
        assert_eq!(pieces, want);
        assert_eq!((columns.width, columns.most), (30, 4));
    }
}
