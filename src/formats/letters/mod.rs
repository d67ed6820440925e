//! Text as a reader sees it: what nobody sees taken out, what only looks like a letter made that letter, letters set apart put together.
//!
//! Each trick is counted where it is one: soft hyphens of newsletters, joiners of Persian, flags of emoji, Russian, Greek and Nordic words
//! count nothing. What tag characters and variation selectors spell in secret is given apart.
//! Sources: UAX #9 (direction), UAX #15 (NFKC), UTS #39 (letters that look alike), Unicode chapter 23.9 (tag characters).

mod apart;
mod twins;

pub use twins::twin;

use super::opened::Sign;
use crate::base::limits;
use std::iter::Peekable;
use unicode_normalization::{UnicodeNormalization, char::is_combining_mark};

/// A text as it looks.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Seen {
    /// What a reader reads; at most [`limits::TEXT_BYTES_MAX`].
    pub text: String,
    /// What is spelled in characters that show nothing, one line for each run.
    pub secret: String,
    /// How often each trick was met.
    pub counts: Counts,
}

/// How often each trick was met.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Places inside words parted by characters without width.
    pub invisible: u32,
    /// Tag characters (U+E0000 to U+E007F) outside flags, and selectors that spell bytes.
    pub tag_characters: u32,
    /// Stretches of text that are written backwards.
    pub bidi: u32,
    /// Words with letters of another alphabet, or with letters of mathematics and the like.
    pub homoglyphs: u32,
    /// Words whose letters are set apart by blanks or signs.
    pub letter_spacing: u32,
    /// Letters under a heap of marks or a stroke.
    pub combining: u32,
    /// Words with digits or signs for letters.
    pub digits_for_letters: u32,
}

/// Reads a text as a person does.
pub fn as_seen(text: &str) -> Seen {
    let text = text.get(..text.floor_char_boundary(limits::TEXT_BYTES_MAX)).unwrap_or(text);
    let mut seen = Seen::default();
    let plain = match text.is_ascii() {
        true => text.to_string(),
        false => {
            let shown = Shown::of(text, &mut seen);
            twins::undone(&shown, &mut seen.counts)
        }
    };
    seen.text = apart::together(&plain, &mut seen.counts);
    let end = seen.text.floor_char_boundary(limits::TEXT_BYTES_MAX);
    seen.text.truncate(end);
    seen
}

impl Counts {
    /// Was any trick met?
    pub fn any(&self) -> bool {
        *self != Counts::default()
    }
}

impl Seen {
    /// One sign for each trick that is met so often that it is meant.
    pub fn signs(&self) -> Vec<Sign> {
        let Counts { invisible, tag_characters, bidi, homoglyphs, .. } = self.counts;
        let Counts { letter_spacing, combining, .. } = self.counts;
        let kinds = [
            ("text.invisible", invisible, 6, "invisible characters inside words"),
            (
                "text.tag_characters",
                tag_characters,
                4,
                "characters that show nothing and spell a text",
            ),
            ("text.bidi", bidi, 1, "stretches written backwards"),
            (
                "text.homoglyphs",
                homoglyphs,
                3,
                "words with letters that only look like ordinary ones",
            ),
            ("text.letter_spacing", letter_spacing, 3, "words with their letters set apart"),
            ("text.combining", combining, 6, "letters under a heap of marks"),
        ];
        let met = kinds.into_iter().filter(|(_, count, enough, _)| count >= enough);
        met.map(|(id, count, _, what)| Sign { id, because: format!("{count} {what}") }).collect()
    }
}

/// The characters that show something, in the order shown.
#[derive(Default)]
struct Shown {
    text: Vec<char>,
    /// Open directions: where each began and whether it runs to the left.
    directions: Vec<(usize, bool)>,
    /// Letters since the last break inside a word: a soft hyphen never stands after a single one.
    since_break: usize,
    broken: bool,
}

impl Shown {
    fn of(text: &str, seen: &mut Seen) -> Vec<char> {
        let mut shown = Shown::default();
        let mut letters = text.chars().peekable();
        while let Some(letter) = letters.next() {
            match letter {
                '\u{e0000}'..='\u{e007f}' => {
                    secret_tags(letter, &mut letters, shown.text.last(), seen)
                }
                '\u{fe00}'..='\u{fe0f}' | '\u{e0100}'..='\u{e01ef}' => {
                    secret_selectors(letter, &mut letters, seen);
                }
                '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => shown.turn(letter, seen),
                _ if is_invisible(letter) => {
                    let next = letters.peek().copied().filter(|next| is_plain_letter(*next));
                    shown.part(letter, next.is_some(), &mut seen.counts);
                }
                _ if is_combining_mark(letter) => {
                    shown.mark(letter, &mut letters, &mut seen.counts)
                }
                _ => shown.letter(letter),
            }
        }
        while shown.close() {}
        shown.text
    }

    fn letter(&mut self, letter: char) {
        if matches!(letter, '\n' | '\u{2029}') {
            // UAX #9 rule P1: direction ends with the paragraph.
            while self.close() {}
        }
        self.since_break = if letter.is_alphanumeric() { self.since_break + 1 } else { 0 };
        self.broken &= letter.is_alphanumeric();
        self.text.push(letter);
    }

    /// A character without width between what was and what comes.
    fn part(&mut self, letter: char, before_letter: bool, counts: &mut Counts) {
        let after_letter = self.text.last().is_some_and(|last| is_plain_letter(*last));
        // Newsletters hyphenate with soft hyphens and shield dates with U+FEFF; neither leaves single letters.
        let usual = matches!(letter, '\u{ad}' | '\u{feff}') && self.since_break > 1;
        if after_letter && before_letter && !usual {
            counts.invisible = counts.invisible.saturating_add(1);
        }
        self.since_break = 0;
        self.broken = true;
    }

    /// Marks over one letter: two are a language, more are noise, and so are strokes through.
    fn mark(
        &mut self,
        first: char,
        letters: &mut Peekable<std::str::Chars<'_>>,
        counts: &mut Counts,
    ) {
        let mut marks = vec![first];
        let mut total = 1_usize;
        while let Some(mark) = letters.next_if(|letter| is_combining_mark(*letter)) {
            total += 1;
            if marks.len() < MARKS_MAX {
                marks.push(mark);
            }
        }
        let plain = self.text.last().is_some_and(|last| is_plain_letter(*last));
        let struck = marks.iter().any(|mark| matches!(mark, '\u{334}'..='\u{338}' | '\u{488}' | '\u{489}' | '\u{20d2}'..='\u{20ea}'));
        if plain && (struck || total > MARKS_MAX) {
            counts.combining = counts.combining.saturating_add(1);
        } else {
            self.text.extend(marks);
        }
    }

    /// Takes a character of UAX #9 section 2. Only overrides turn Latin letters round.
    fn turn(&mut self, letter: char, seen: &mut Seen) {
        let leftwards = self.directions.last().is_some_and(|(_, leftwards)| *leftwards);
        match letter {
            '\u{202c}' | '\u{2069}' => {
                self.close();
            }
            _ if self.directions.len() >= DIRECTIONS_MAX => (),
            '\u{202e}' => {
                seen.counts.bidi = seen.counts.bidi.saturating_add(1);
                self.directions.push((self.text.len(), true));
            }
            '\u{202d}' => self.directions.push((self.text.len(), false)),
            _ => self.directions.push((self.text.len(), leftwards)),
        }
    }

    /// Ends the innermost direction. False: there was none.
    fn close(&mut self) -> bool {
        let Some((start, leftwards)) = self.directions.pop() else { return false };
        let outer = self.directions.last().is_some_and(|(_, leftwards)| *leftwards);
        if leftwards != outer
            && let Some(stretch) = self.text.get_mut(start..)
        {
            stretch.reverse();
        }
        true
    }
}

/// Tag characters are the ASCII they shadow. A flag (U+1F3F4 and up to six of them) is one sign.
fn secret_tags(
    first: char,
    letters: &mut Peekable<std::str::Chars<'_>>,
    before: Option<&char>,
    seen: &mut Seen,
) {
    let ascii = |tag: char| {
        u32::from(tag).checked_sub(0xe0000).and_then(|code| u8::try_from(code).ok()).map(char::from)
    };
    let mut run: Vec<char> = ascii(first).into_iter().collect();
    while let Some(tag) = letters.next_if(|next| matches!(next, '\u{e0000}'..='\u{e007f}')) {
        run.extend(ascii(tag));
    }
    if before == Some(&'\u{1f3f4}') && run.len() <= 7 {
        return;
    }
    let count = u32::try_from(run.len()).unwrap_or(u32::MAX);
    seen.counts.tag_characters = seen.counts.tag_characters.saturating_add(count);
    seen.secret.extend(run.iter().filter(|letter| matches!(letter, ' '..='~')));
    seen.secret.push('\n');
}

/// Rows of variation selectors can spell bytes: the 16 of U+FE00 and the 240 of U+E0100. One alone chooses a shape.
fn secret_selectors(first: char, letters: &mut Peekable<std::str::Chars<'_>>, seen: &mut Seen) {
    let byte = |selector: char| {
        let code = u32::from(selector);
        let byte = code.checked_sub(0xe0100).map(|code| code + 16).or(code.checked_sub(0xfe00));
        byte.and_then(|byte| u8::try_from(byte).ok())
    };
    let is_selector =
        |next: &char| matches!(next, '\u{fe00}'..='\u{fe0f}' | '\u{e0100}'..='\u{e01ef}');
    let mut run: Vec<u8> = byte(first).into_iter().collect();
    while let Some(selector) = letters.next_if(is_selector) {
        run.extend(byte(selector));
    }
    if run.len() < SELECTORS_MIN {
        return;
    }
    let count = u32::try_from(run.len()).unwrap_or(u32::MAX);
    seen.counts.tag_characters = seen.counts.tag_characters.saturating_add(count);
    seen.secret.push_str(&String::from_utf8_lossy(&run));
    seen.secret.push('\n');
}

/// Shows nothing: zero width, soft hyphen, fillers, marks of direction.
fn is_invisible(letter: char) -> bool {
    matches!(letter,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
        | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2060}'..='\u{2065}'
        | '\u{206a}'..='\u{206f}' | '\u{3164}' | '\u{feff}' | '\u{ffa0}' | '\u{fff9}'..='\u{fffb}'
        | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}')
        || (letter.is_control() && !letter.is_whitespace())
}

/// A letter of an alphabet that needs no joiners: Latin, Greek, Cyrillic.
fn is_plain_letter(letter: char) -> bool {
    letter.is_ascii_alphanumeric()
        || (letter.is_alphabetic()
            && matches!(letter, '\u{c0}'..='\u{24f}' | '\u{370}'..='\u{52f}' | '\u{1e00}'..='\u{1eff}'))
}

/// Marks over one letter that a language may need (Vietnamese written in pieces).
const MARKS_MAX: usize = 2;
/// Selectors in a row that are a text; two are met in odd emoji.
const SELECTORS_MIN: usize = 4;
/// Directions inside each other that are followed, UAX #9 section 3.3.2 (max_depth).
const DIRECTIONS_MAX: usize = 125;

/// NFKC of a few characters.
fn compatible(letters: &[char]) -> impl Iterator<Item = char> + '_ {
    letters.iter().copied().nfkc()
}

#[cfg(test)]
mod tests;
