//! QR codes drawn with letters: Unicode blocks and their halves, quarters and sixths, Braille dots, coloured squares, or any two characters.
//!
//! A drawing is a run of lines that consist of nothing else. Each character becomes two by two, three or four cells,
//! and the cells are searched like the pixels of a picture.

use super::{plane::Bitmap, search::Search, text};
use crate::{base::limits, formats::budget::Budget};

/// What the codes drawn in a text say, each once.
pub fn text_codes(text: &str, budget: &mut Budget) -> Vec<String> {
    let text = text.get(..text.floor_char_boundary(limits::TEXT_BYTES_MAX)).unwrap_or(text);
    let mut search = Search::default();
    let mut drawing: Vec<&str> = Vec::new();
    let mut drawings = 0_usize;
    for line in text.lines().chain(["end of all drawings"]) {
        let blank = line.chars().all(|letter| letter.is_whitespace() || is_nothing(letter));
        let drawn = if blank { !drawing.is_empty() } else { is_drawn(line) };
        if drawn && drawing.len() < limits::DRAWN_CODE_LINES_MAX {
            drawing.push(line);
            continue;
        }
        if drawing.len() >= limits::DRAWN_CODE_LINES_MIN {
            read(&drawing, budget, &mut search);
            drawings += 1;
        }
        drawing.clear();
        if drawings >= limits::DRAWN_CODES_TRIED_MAX || budget.check_time().is_err() {
            break;
        }
    }
    search.payloads.into_iter().map(self::text).collect()
}

/// What the codes in rows of cells say, each once; true is dark.
pub fn table_codes(cells: &[Vec<bool>], budget: &mut Budget) -> Vec<String> {
    let mut search = Search::default();
    search.bitmap(&Bitmap::of_rows(cells), budget);
    search.payloads.into_iter().map(text).collect()
}

/// Could this line be one of a drawing? Few different characters, or blocks only.
fn is_drawn(line: &str) -> bool {
    let mut kinds = [' '; KINDS_MAX];
    let mut count = 0_usize;
    let mut length = 0_usize;
    for letter in line.chars().filter(|letter| !is_nothing(*letter)) {
        length += 1;
        if letter.is_whitespace() || is_block(letter) || kinds.contains(&letter) {
            continue;
        }
        let Some(kind) = kinds.get_mut(count) else { return false };
        *kind = letter;
        count += 1;
    }
    length >= LETTERS_MIN
}

fn read(lines: &[&str], budget: &Budget, search: &mut Search) {
    let with = Drawing::of(lines.iter().copied());
    search.bitmap(&with.bitmap(), budget);
    let is_blank = |line: &&str| line.trim().is_empty();
    if lines.iter().any(is_blank) {
        // Mail programs put an empty line between any two.
        let without = Drawing::of(lines.iter().copied().filter(|line| !is_blank(line)));
        search.bitmap(&without.bitmap(), budget);
    }
}

struct Drawing {
    lines: Vec<Vec<char>>,
    /// Cells that one character is high.
    high: u8,
    /// Of two characters that are no blocks, the one that is ink.
    ink: Option<char>,
}

impl Drawing {
    fn of<'a>(lines: impl Iterator<Item = &'a str>) -> Drawing {
        let letters = |line: &str| -> Vec<char> {
            let letters = line.chars().filter(|letter| !is_nothing(*letter));
            let columns = |letter| std::iter::repeat_n(letter, if is_wide(letter) { 2 } else { 1 });
            letters.flat_map(columns).take(limits::DRAWN_CODE_LETTERS_MAX).collect()
        };
        let mut lines: Vec<Vec<char>> = lines.map(letters).collect();
        // "# # #": a blank after each character is no module.
        let is_spaced =
            |line: &Vec<char>| line.iter().skip(1).step_by(2).all(|at| at.is_whitespace());
        let all_ink = |line: &Vec<char>| line.iter().step_by(2).all(|at| !at.is_whitespace());
        if lines.iter().all(is_spaced) && lines.iter().any(|line| all_ink(line) && line.len() > 1) {
            lines.iter_mut().for_each(|line| *line = line.iter().copied().step_by(2).collect());
        }
        let all = || lines.iter().flatten().copied();
        let high = if all().any(is_sextant) {
            3
        } else if all().any(is_braille) {
            4
        } else {
            2
        };
        let ink = two_kinds(all());
        Drawing { lines, high, ink }
    }

    fn bitmap(&self) -> Bitmap {
        let mut rows = Vec::with_capacity(self.lines.len().saturating_mul(4));
        for line in &self.lines {
            for y in 0..self.high {
                let cells = line.iter().flat_map(|letter| [(*letter, 0), (*letter, 1)]);
                rows.push(cells.map(|(letter, x)| self.is_ink(letter, x, y)).collect());
            }
        }
        Bitmap::of_rows(&rows)
    }

    /// Is this cell of a character ink? `x` is 0 or 1, `y` less than `high`.
    fn is_ink(&self, letter: char, x: u8, y: u8) -> bool {
        if let Some(ink) = self.ink {
            return letter == ink;
        }
        let lower = y * 2 >= self.high;
        let bit = |mask: u32, at: u8| mask >> at & 1 == 1;
        match letter {
            '\u{2580}' => !lower,
            '\u{2584}' => lower,
            '\u{258c}' => x == 0,
            '\u{2590}' => x == 1,
            // Quarters: upper left, upper right, lower left, lower right as bits 0 to 3.
            '\u{2596}'..='\u{259f}' => {
                const QUARTERS: [u32; 10] = [4, 8, 1, 13, 9, 7, 11, 2, 6, 14];
                let at = u32::from(letter) - 0x2596;
                let mask = usize::try_from(at).ok().and_then(|at| QUARTERS.get(at));
                bit(mask.copied().unwrap_or_default(), x + 2 * u8::from(lower))
            }
            _ if is_braille(letter) => {
                // Dots 1 2 3 7 are the left column, 4 5 6 8 the right one.
                let dot = match (x, y) {
                    (0, 3) => 6,
                    (_, 3) => 7,
                    (0, _) => y,
                    (_, _) => 3 + y,
                };
                bit(u32::from(letter) - 0x2800, dot)
            }
            // Sixths in binary order, without the four that were characters already.
            _ if is_sextant(letter) => {
                let at = u32::from(letter) - 0x1fb00 + 1;
                let mask = at + u32::from(at >= 21) + u32::from(at >= 41);
                bit(mask, x + 2 * y)
            }
            _ => !letter.is_whitespace() && !LIGHT.contains(&letter),
        }
    }
}

/// Where only two characters are used and neither is blank or divided, either may be the ink: codes are read both ways.
fn two_kinds(letters: impl Iterator<Item = char>) -> Option<char> {
    let mut kinds: Vec<char> = Vec::new();
    for letter in letters {
        let divided = is_braille(letter)
            || is_sextant(letter)
            || matches!(letter, '\u{2580}'..='\u{2587}' | '\u{2589}'..='\u{259f}');
        if divided || letter.is_whitespace() {
            return None;
        }
        if !kinds.contains(&letter) {
            kinds.push(letter);
        }
        if kinds.len() > 2 {
            return None;
        }
    }
    kinds.first().copied()
}

/// Marks that draw nothing of their own.
fn is_nothing(letter: char) -> bool {
    matches!(
        letter,
        '\u{fe0e}' | '\u{fe0f}' | '\u{200b}'..='\u{200d}' | '\u{2060}' | '\u{feff}' | '\r'
    )
}

/// Two columns wide (UAX #11), of what drawings are made of.
fn is_wide(letter: char) -> bool {
    matches!(
        letter,
        '\u{3000}' | '\u{2b1b}' | '\u{2b1c}' | '\u{25fd}' | '\u{25fe}' | '\u{1f300}'..='\u{1f9ff}'
    )
}

fn is_braille(letter: char) -> bool {
    matches!(letter, '\u{2800}'..='\u{28ff}')
}

fn is_sextant(letter: char) -> bool {
    matches!(letter, '\u{1fb00}'..='\u{1fb3b}')
}

fn is_block(letter: char) -> bool {
    matches!(letter, '\u{2580}'..='\u{259f}') || is_braille(letter) || is_sextant(letter)
}

/// Characters that stand for paper where others are ink.
const LIGHT: &[char] =
    &['.', '_', '-', '0', '░', '▒', '□', '▫', '◻', '◽', '⬜', '⚪', '○', '🔳', '\u{2800}'];
/// Different characters in a line of a drawing beside blocks and blanks.
const KINDS_MAX: usize = 4;
/// Characters of its shortest line: a Braille drawing of 21 modules has eleven.
const LETTERS_MIN: usize = 10;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{base::clock::Clock, formats::budget::Bounds};

    const LINK: &str = "https://evil.example/x";

    fn modules() -> Vec<Vec<bool>> {
        let code = qrcode::QrCode::new(LINK).unwrap();
        let colors = code.to_colors();
        let rows = colors.chunks(code.width());
        rows.map(|row| row.iter().map(|color| *color == qrcode::Color::Dark).collect()).collect()
    }

    fn read(text: &str) -> Vec<String> {
        text_codes(text, &mut Budget::new(Bounds::default(), &Clock::system()))
    }

    /// One character for each so many modules.
    fn drawn(
        wide: usize,
        high: usize,
        letter: impl Fn(&dyn Fn(usize, usize) -> bool) -> String,
    ) -> String {
        let rows = modules();
        let side = rows.len() + 2;
        let dark = |x: usize, y: usize| {
            x > 0
                && y > 0
                && rows.get(y - 1).and_then(|row| row.get(x - 1)).is_some_and(|dark| *dark)
        };
        let mut text = String::from("Scan this:\n\n");
        for y in (0..side).step_by(high) {
            for x in (0..side).step_by(wide) {
                text += &letter(&|dx, dy| dark(x + dx, y + dy));
            }
            text += "\n";
        }
        text + "\nThank you.\n"
    }

    #[test]
    fn codes_drawn_with_letters_are_read() {
        for (dark, light) in [
            ("██", "  "),
            ("  ", "██"),
            ("##", "  "),
            ("#", " "),
            ("@@", ".."),
            ("⬛", "⬜"),
            ("⬛\u{fe0f}", "⬜\u{fe0f}"),
            ("1", "0"),
            ("XX", "oo"),
            ("🟦", "🟨"),
            ("■ ", "□ "),
            ("▓▓", "░░"),
            ("█", "\u{a0}"),
            ("██", "\u{3000}"),
        ] {
            let text = drawn(1, 1, |at| (if at(0, 0) { dark } else { light }).to_string());
            assert_eq!(read(&text), [LINK], "{dark}");
            if dark.trim() == dark {
                assert_eq!(
                    read(&text.replace('\n', "\r\n\r\n")),
                    [LINK],
                    "{dark} with empty lines"
                );
            }
        }
        let upright = drawn(1, 2, |at| {
            ["  ", "▀▀", "▄▄", "██"][usize::from(at(0, 0)) + 2 * usize::from(at(0, 1))][..]
                .chars()
                .take(1)
                .collect()
        });
        assert_eq!(read(&upright), [LINK]);
        let lying = drawn(2, 1, |at| {
            [" ", "▌", "▐", "█"][usize::from(at(0, 0)) + 2 * usize::from(at(1, 0))].to_string()
        });
        assert_eq!(read(&lying), [LINK]);
        let quarters = drawn(2, 2, |at| {
            let mask = usize::from(at(0, 0))
                + 2 * usize::from(at(1, 0))
                + 4 * usize::from(at(0, 1))
                + 8 * usize::from(at(1, 1));
            [" ", "▘", "▝", "▀", "▖", "▌", "▞", "▛", "▗", "▚", "▐", "▜", "▄", "▙", "▟", "█"][mask]
                .to_string()
        });
        assert_eq!(read(&quarters), [LINK]);
        let braille = drawn(2, 4, |at| {
            let dots = [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2), (0, 3), (1, 3)];
            let mask = (0..8)
                .filter(|dot| at(dots[*dot].0, dots[*dot].1))
                .map(|dot| 1 << dot)
                .sum::<u32>();
            char::from_u32(0x2800 + mask).unwrap().to_string()
        });
        assert_eq!(read(&braille), [LINK]);
        let sixths = drawn(2, 3, |at| {
            let mask = (0..6).filter(|bit| at(*bit % 2, *bit / 2)).map(|bit| 1 << bit).sum::<u32>();
            match mask {
                0 => " ".to_string(),
                21 => "▌".to_string(),
                42 => "▐".to_string(),
                63 => "█".to_string(),
                _ => {
                    char::from_u32(0x1fb00 + mask - 1 - u32::from(mask > 21) - u32::from(mask > 42))
                        .unwrap()
                        .to_string()
                }
            }
        });
        assert_eq!(read(&sixths), [LINK]);
    }

    #[test]
    fn cells_are_read_and_ordinary_text_is_not() {
        let mut budget = Budget::new(Bounds::default(), &Clock::system());
        assert_eq!(table_codes(&modules(), &mut budget), [LINK]);
        assert!(table_codes(&[], &mut budget).is_empty());
        let rule = "=".repeat(70) + "\n";
        for text in
            ["", "Hej!\nVälkommen\n", &rule.repeat(50), &"█".repeat(9_000), &"\n".repeat(9_000)]
        {
            assert!(read(text).is_empty());
        }
    }
}
