//! Words whose letters are set apart ("b a n k", "p-a-y-p-a-l"), and words with digits for letters ("p4yp4l").

use super::Counts;

/// The text with such words put together and counted.
pub(super) fn together(text: &str, counts: &mut Counts) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    let mut inside = false;
    while let Some(first) = rest.chars().next() {
        if !inside && let Some((word, after)) = set_apart(rest) {
            counts.letter_spacing = counts.letter_spacing.saturating_add(1);
            out.push_str(&word);
            rest = after;
            inside = true;
            continue;
        }
        if !first.is_alphanumeric() && !matches!(first, '$' | '@') {
            inside = false;
            out.push(first);
            rest = rest.get(first.len_utf8()..).unwrap_or_default();
            continue;
        }
        let word_end = |letter: char| !letter.is_alphanumeric() && !matches!(letter, '$' | '@');
        let end = rest.find(word_end).unwrap_or(rest.len());
        let (word, after) = rest.split_at_checked(end).unwrap_or((rest, ""));
        match in_letters(word) {
            // What follows a dot or an `@` is a name of the net and is left as it is.
            Some(plain)
                if !out.ends_with(['.', '/', '@', '-', '=', '_'])
                    && !after.starts_with(['.', '-', '_', '=']) =>
            {
                counts.digits_for_letters = counts.digits_for_letters.saturating_add(1);
                out.push_str(&plain);
            }
            Some(_) | None => out.push_str(word),
        }
        inside = true;
        rest = after;
    }
    out
}

/// Single letters with the same sign between them, at the start of this.
fn set_apart(text: &str) -> Option<(String, &str)> {
    let mut letters = text.chars();
    let first = letters.next().filter(|first| first.is_alphabetic())?;
    let sign = letters.next().filter(|sign| SIGNS.contains(sign))?;
    let mut word = String::from(first);
    let mut end = first.len_utf8();
    let mut after = text.get(end..)?;
    while let Some(rest) = after.strip_prefix(sign) {
        let mut next = rest.chars();
        let Some(letter) = next.next().filter(|letter| letter.is_alphabetic()) else { break };
        // The letter is the first of a longer word: "a b c and d".
        if next.next().is_some_and(char::is_alphanumeric) {
            break;
        }
        if word.len() >= WORD_BYTES_MAX {
            break;
        }
        word.push(letter);
        end += sign.len_utf8() + letter.len_utf8();
        after = text.get(end..)?;
    }
    let count = word.chars().count();
    let varied = word.chars().any(|letter| letter != first);
    let alphabet = word.chars().zip(word.chars().skip(1)).all(|(one, other)| {
        u32::from(one.to_ascii_lowercase()) + 1 == u32::from(other.to_ascii_lowercase())
    });
    (count >= LETTERS_MIN && varied && !alphabet).then_some((word, after))
}

/// A word with digits or signs between letters, as letters. Nothing for units, codes and ordinary words.
fn in_letters(word: &str) -> Option<String> {
    if !word.bytes().any(|byte| byte.is_ascii_digit() || matches!(byte, b'$' | b'@')) {
        return None;
    }
    let stand_in = |letter: char| {
        let found = STAND_INS.iter().find(|(sign, _)| *sign == letter);
        found.map(|(_, plain)| *plain)
    };
    let signs = word.chars().filter(|letter| stand_in(*letter).is_some()).count();
    let letters = word.chars().filter(|letter| letter.is_ascii_alphabetic()).count();
    let length = word.chars().count();
    let ends = |letter: Option<char>| letter.is_some_and(|letter| letter.is_ascii_digit());
    if signs == 0
        || length < LETTERS_MIN + 1
        || signs + letters != length
        || letters < 2 * signs
        || ends(word.chars().next())
        || ends(word.chars().next_back())
    {
        return None;
    }
    // Two digits in a row are a number.
    let number = word
        .chars()
        .zip(word.chars().skip(1))
        .any(|(one, other)| one.is_ascii_digit() && other.is_ascii_digit());
    let address = word.contains('@') && !word.starts_with('@') && signs == 1;
    (!number && !address)
        .then(|| word.chars().map(|letter| stand_in(letter).unwrap_or(letter)).collect())
}

/// Signs that set letters apart.
const SIGNS: &[char] =
    &[' ', '.', '-', '_', '*', '·', '•', '|', '/', '~', '+', ',', '\u{a0}', '\u{2009}', '\u{200a}'];
/// Where a row of single letters is cut: it is looked at again from every letter.
const WORD_BYTES_MAX: usize = 80;
/// Fewest letters: "U.S.A." has three.
const LETTERS_MIN: usize = 4;
const STAND_INS: &[(char, char)] = &[
    ('0', 'o'),
    ('1', 'l'),
    ('3', 'e'),
    ('4', 'a'),
    ('5', 's'),
    ('7', 't'),
    ('@', 'a'),
    ('$', 's'),
];
