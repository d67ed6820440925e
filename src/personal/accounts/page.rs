//! A stretch of text taken apart: its numbers, what joins them, and the words that name them. Each reader is asked about each number in turn.

use super::{AccountKind, giro, iban, labels, labels::Label, labels::Word, nordic, swedish};
use crate::personal::{context::is_whole, fold::is_word};
use std::ops::Deref;

/// A folded text in lower case, taken apart.
pub(super) struct Page {
    pub(super) text: Vec<u8>,
    pub(super) tokens: Vec<Token>,
    labels: Vec<Label>,
}

/// An unbroken string of letters and digits with a digit in it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Token {
    pub(super) start: usize,
    pub(super) end: usize,
    /// Digits only.
    pub(super) bare: bool,
    /// The one character before the next token, if there is no more than that between them; else 0.
    pub(super) joint: u8,
}

/// An account understood.
pub(super) struct Reading {
    pub(super) kind: AccountKind,
    /// The one way to write it.
    pub(super) value: String,
    /// Where it ends.
    pub(super) end: usize,
}

/// A number at its place: the tokens from it on.
#[derive(Clone, Copy)]
pub(super) struct Place<'p> {
    pub(super) page: &'p Page,
    pub(super) tokens: &'p [Token],
    /// No number is joined to it from before, unless that one was read.
    pub(super) fresh: bool,
}

type Reader = fn(Place<'_>) -> Option<Reading>;

/// In the order in which they are asked.
const READERS: [Reader; 8] = [
    iban::iban,
    giro::bankgiro,
    giro::plusgiro,
    nordic::danish,
    nordic::norwegian_in_groups,
    swedish::account,
    nordic::norwegian,
    nordic::finnish,
];

impl Page {
    pub(super) fn of(folded: &[u8]) -> Page {
        let text = folded.to_ascii_lowercase();
        let (tokens, labels) = (tokens(&text), labels::all(&text));
        Page { text, tokens, labels }
    }

    /// Every account, in order.
    pub(super) fn readings(&self) -> impl Iterator<Item = Reading> {
        let (mut at, mut fresh) = (0, true);
        std::iter::from_fn(move || {
            while let Some(tokens) = self.tokens.get(at..).filter(|tokens| !tokens.is_empty()) {
                let reading = self.reading(Place { page: self, tokens, fresh });
                let joined = tokens.first().is_some_and(|token| token.joint != 0);
                at += match &reading {
                    Some(reading) => {
                        tokens.iter().take_while(|token| token.start < reading.end).count()
                    }
                    None => 1,
                };
                fresh = reading.is_some() || !joined;
                if reading.is_some() {
                    return reading;
                }
            }
            None
        })
    }

    fn reading(&self, place: Place<'_>) -> Option<Reading> {
        let start = place.tokens.first()?.start;
        READERS
            .iter()
            .filter_map(|reader| reader(place))
            .find(|reading| is_whole(&self.text, &(start..reading.end)))
    }

    /// The words that name a number beginning here, with no other number between: those before it in its line, or right above.
    pub(super) fn named(&self, start: usize) -> Named {
        let mut named = Named::default();
        let floor = start.saturating_sub(NAME_REACH_BYTES);
        let before = self.labels.partition_point(|label| label.end <= start);
        let near = self.labels.iter().take(before).rev();
        for label in near.take_while(|label| label.start >= floor) {
            let between = self.text.get(label.end..start).unwrap_or_default();
            let parted = between.iter().any(u8::is_ascii_digit);
            let elsewhere = between.contains(&b'\n') && between.iter().any(|byte| is_word(*byte));
            if parted || elsewhere || label.word == Word::Other {
                break;
            }
            named.add(label.word);
        }
        named
    }

    /// Is this the word for a number that is written as such numbers are? The nearest word of its line decides; where there is none, a word right
    /// behind, or a heading in a line above.
    pub(super) fn is_near(&self, start: usize, end: usize, word: Word) -> bool {
        let floor = start.saturating_sub(LINE_REACH_BYTES);
        let line = self.text.get(floor..start).unwrap_or_default();
        let line = line.iter().rposition(|byte| *byte == b'\n').map_or(floor, |at| floor + at + 1);
        let (before, after) =
            self.labels.split_at(self.labels.partition_point(|label| label.end <= start));
        if let Some(nearest) = before.last().filter(|label| label.start >= line) {
            return nearest.word == word;
        }
        let behind = after.iter().take(2).any(|label| {
            let between = self.text.get(end..label.start).unwrap_or(b"x");
            label.word == word && between.len() <= 3 && !between.iter().any(|byte| is_word(*byte))
        });
        let floor = start.saturating_sub(HEADING_REACH_BYTES);
        behind
            || before
                .iter()
                .rev()
                .take_while(|label| label.start >= floor)
                .any(|label| label.word == word)
    }
}

/// What a number is called.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Named {
    pub(super) bankgiro: bool,
    pub(super) plusgiro: bool,
    pub(super) clearing: bool,
    pub(super) account: bool,
    pub(super) registration: bool,
}

impl Named {
    fn add(&mut self, word: Word) {
        match word {
            Word::Bankgiro => self.bankgiro = true,
            Word::Plusgiro => self.plusgiro = true,
            Word::Clearing => self.clearing = true,
            Word::Account => self.account = true,
            Word::Registration => self.registration = true,
            Word::Other => (),
        }
    }
}

impl Place<'_> {
    /// The words that name it.
    pub(super) fn named(&self) -> Named {
        self.tokens.first().map(|token| self.page.named(token.start)).unwrap_or_default()
    }

    /// The values of the digits of the first so many tokens; `None` if one is no number.
    pub(super) fn digits(&self, tokens: usize) -> Option<Vec<u8>> {
        let mut digits = Vec::new();
        let tokens = self.tokens.get(..tokens)?;
        for token in tokens {
            if !token.bare || digits.len() + (token.end - token.start) > DIGITS_MAX {
                return None;
            }
            let text = self.page.text.get(token.start..token.end)?;
            digits.extend(text.iter().map(|byte| byte.saturating_sub(b'0')));
        }
        Some(digits)
    }

    /// Length and joint of the first tokens, as many as are joined. Match on it.
    pub(super) fn shape(&self) -> Shape {
        let mut shape = Shape { groups: [(0, 0); GROUPS_MAX], count: 0 };
        let bare = self.tokens.iter().take_while(|token| token.bare);
        for (group, token) in shape.groups.iter_mut().zip(bare) {
            *group = (token.end - token.start, token.joint);
            shape.count += 1;
            if token.joint == 0 {
                break;
            }
        }
        shape
    }

    /// Where the first so many tokens end.
    pub(super) fn end(&self, tokens: usize) -> usize {
        let last = tokens.checked_sub(1).and_then(|last| self.tokens.get(last));
        last.map_or(0, |token| token.end)
    }
}

/// How a number is written: the length of each group, and what joins it to the next.
pub(super) struct Shape {
    groups: [(usize, u8); GROUPS_MAX],
    count: usize,
}

impl Deref for Shape {
    type Target = [(usize, u8)];

    fn deref(&self) -> &[(usize, u8)] {
        self.groups.get(..self.count).unwrap_or_default()
    }
}

/// Digits as text.
pub(super) fn written(digits: &[u8]) -> String {
    digits.iter().map(|digit| char::from(b'0'.saturating_add(*digit))).collect()
}

fn tokens(text: &[u8]) -> Vec<Token> {
    let mut tokens: Vec<Token> = Vec::new();
    let mut at = 0;
    while let Some(digit) = text.get(at..).and_then(|rest| rest.iter().position(u8::is_ascii_digit))
    {
        let digit = at + digit;
        let word =
            |bytes: &mut dyn Iterator<Item = &u8>| bytes.take_while(|byte| is_word(**byte)).count();
        let before = word(&mut text.get(at..digit).unwrap_or_default().iter().rev());
        let after = word(&mut text.get(digit..).unwrap_or_default().iter());
        let (start, end) = (digit - before, digit + after);
        let bare = before == 0
            && text.get(start..end).is_some_and(|token| token.iter().all(u8::is_ascii_digit));
        if let Some(last) = tokens.last_mut() {
            last.joint = joint(text.get(last.end..start).unwrap_or_default());
        }
        tokens.push(Token { start, end, bare, joint: 0 });
        at = end;
    }
    tokens
}

fn joint(between: &[u8]) -> u8 {
    match between {
        [one @ (b' ' | b'-' | b'.')] => *one,
        b" -" | b"- " | b" - " => b'-',
        _ => 0,
    }
}

/// A word names the first number behind it, over a few other words.
const NAME_REACH_BYTES: usize = 60;
/// The nearest word of a line, over other numbers.
const LINE_REACH_BYTES: usize = 90;
/// Headings of a table stand a line or two above.
const HEADING_REACH_BYTES: usize = 240;
/// No account is written in more groups.
const GROUPS_MAX: usize = 8;
/// No domestic account has more digits.
const DIGITS_MAX: usize = 20;
