//! Letters that look like others: of mathematics, of full width, in circles, and of Cyrillic and Greek inside Latin words.

use super::{Counts, compatible};
use crate::base::limits;

/// The text with such letters made plain, words counted that held them.
pub(super) fn undone(letters: &[char], counts: &mut Counts) -> String {
    let mut out = String::with_capacity(letters.len());
    let latin = letters.iter().filter(|letter| letter.is_ascii_alphabetic()).count();
    let strange = letters.iter().filter(|letter| is_foreign(**letter)).count();
    let around = Around {
        // A word wholly of look-alikes is a disguise only where the text is Latin.
        latin: latin > 4 * strange,
        // Chinese, Japanese and Korean texts write Latin letters in full width.
        wide: letters
            .iter()
            .any(|letter| matches!(letter, '\u{3040}'..='\u{9fff}' | '\u{ac00}'..='\u{d7af}')),
    };
    for word in letters.chunk_by(|one, other| is_letter(*one) == is_letter(*other)) {
        if out.len() >= limits::TEXT_BYTES_MAX {
            break;
        }
        if word.iter().all(char::is_ascii) {
            out.extend(word);
        } else if word.first().is_some_and(|first| is_letter(*first)) {
            counts.homoglyphs =
                counts.homoglyphs.saturating_add(u32::from(push(&mut out, word, &around)));
        } else {
            out.extend(compatible(word).take(limits::TEXT_BYTES_MAX));
        }
    }
    out
}

struct Around {
    latin: bool,
    wide: bool,
}

/// Writes a word as it looks. Was it disguised?
fn push(out: &mut String, word: &[char], around: &Around) -> bool {
    let dressed = word.iter().filter(|letter| is_dressed(**letter, around.wide)).count();
    let bare: Vec<char> = word.iter().map(|letter| bared(*letter).unwrap_or(*letter)).collect();
    let plain: Vec<char> = compatible(&bare).take(limits::TEXT_BYTES_MAX).collect();
    let latin = plain.iter().filter(|letter| is_latin(**letter)).count();
    let twins = plain.iter().filter(|letter| twin(**letter).is_some()).count();
    let other = plain
        .iter()
        .filter(|letter| letter.is_alphabetic() && !is_latin(**letter) && twin(**letter).is_none())
        .count();
    let mixed = twins > 0 && other == 0 && latin + twins >= WORD_MIN && (latin > 0 || around.latin);
    for letter in plain {
        out.push(twin(letter).filter(|_| mixed).unwrap_or(letter));
    }
    mixed || dressed >= 2
}

fn is_letter(letter: char) -> bool {
    letter.is_alphanumeric() || bared(letter).is_some() || is_dressed(letter, false)
}

fn is_latin(letter: char) -> bool {
    letter.is_ascii_alphabetic()
        || (letter.is_alphabetic()
            && matches!(letter, '\u{c0}'..='\u{24f}' | '\u{1e00}'..='\u{1eff}'))
}

fn is_foreign(letter: char) -> bool {
    matches!(letter, '\u{370}'..='\u{52f}') && letter.is_alphabetic()
}

/// A letter that NFKC undresses: mathematical, of full width, in a circle or bracket.
fn is_dressed(letter: char, wide_is_usual: bool) -> bool {
    match letter {
        '\u{1d400}'..='\u{1d7ff}' | '\u{249c}'..='\u{24e9}' | '\u{1f110}'..='\u{1f12b}' => true,
        '\u{1f130}'..='\u{1f149}' => true,
        '\u{ff21}'..='\u{ff3a}' | '\u{ff41}'..='\u{ff5a}' => !wide_is_usual,
        _ => bared(letter).is_some(),
    }
}

/// Letters that NFKC leaves dressed: white on black, and the small capitals of phonetics.
fn bared(letter: char) -> Option<char> {
    let from = |first: u32| {
        let place = u32::from(letter).checked_sub(first)?;
        char::from_u32(u32::from('A') + place)
    };
    match letter {
        '\u{1f150}'..='\u{1f169}' => from(0x1f150),
        '\u{1f170}'..='\u{1f189}' => from(0x1f170),
        _ => {
            let small = SMALL_CAPITALS.iter().find(|(dressed, _)| *dressed == letter);
            small.map(|(_, plain)| *plain)
        }
    }
}

/// The Latin letter that a Cyrillic or Greek one, or a rare Latin one, is drawn like (UTS #39 confusables, those that fonts draw alike).
pub fn twin(letter: char) -> Option<char> {
    // Nearly all letters are outside these alphabets; the table is for those that are not.
    let candidate =
        matches!(letter, '\u{370}'..='\u{52f}' | '\u{251}'..='\u{29f}' | '\u{13a0}'..='\u{13f4}');
    let of = |(foreign, latin): &(char, char)| (*foreign == letter).then_some(*latin);
    candidate.then(|| TWINS.iter().find_map(of))?
}

/// Shortest word that is judged: units and formulas are shorter.
const WORD_MIN: usize = 4;

const SMALL_CAPITALS: &[(char, char)] = &[
    ('ᴀ', 'a'),
    ('ʙ', 'b'),
    ('ᴄ', 'c'),
    ('ᴅ', 'd'),
    ('ᴇ', 'e'),
    ('ꜰ', 'f'),
    ('ɢ', 'g'),
    ('ʜ', 'h'),
    ('ɪ', 'i'),
    ('ᴊ', 'j'),
    ('ᴋ', 'k'),
    ('ʟ', 'l'),
    ('ᴍ', 'm'),
    ('ɴ', 'n'),
    ('ᴏ', 'o'),
    ('ᴘ', 'p'),
    ('ʀ', 'r'),
    ('ꜱ', 's'),
    ('ᴛ', 't'),
    ('ᴜ', 'u'),
    ('ᴠ', 'v'),
    ('ᴡ', 'w'),
    ('ʏ', 'y'),
    ('ᴢ', 'z'),
];

const TWINS: &[(char, char)] = &[
    // Cyrillic.
    ('а', 'a'),
    ('е', 'e'),
    ('о', 'o'),
    ('р', 'p'),
    ('с', 'c'),
    ('у', 'y'),
    ('х', 'x'),
    ('і', 'i'),
    ('ї', 'i'),
    ('ј', 'j'),
    ('ѕ', 's'),
    ('һ', 'h'),
    ('ԁ', 'd'),
    ('ԛ', 'q'),
    ('ԝ', 'w'),
    ('ӏ', 'l'),
    ('ѵ', 'v'),
    ('ԍ', 'g'),
    ('А', 'A'),
    ('В', 'B'),
    ('Е', 'E'),
    ('К', 'K'),
    ('М', 'M'),
    ('Н', 'H'),
    ('О', 'O'),
    ('Р', 'P'),
    ('С', 'C'),
    ('Т', 'T'),
    ('У', 'Y'),
    ('Х', 'X'),
    ('І', 'I'),
    ('Ј', 'J'),
    ('Ѕ', 'S'),
    ('Ӏ', 'I'),
    ('Ԛ', 'Q'),
    ('Ԝ', 'W'),
    // Greek.
    ('ο', 'o'),
    ('ν', 'v'),
    ('ι', 'i'),
    ('α', 'a'),
    ('ρ', 'p'),
    ('υ', 'u'),
    ('κ', 'k'),
    ('ϲ', 'c'),
    ('ϳ', 'j'),
    ('Α', 'A'),
    ('Β', 'B'),
    ('Ε', 'E'),
    ('Ζ', 'Z'),
    ('Η', 'H'),
    ('Ι', 'I'),
    ('Κ', 'K'),
    ('Μ', 'M'),
    ('Ν', 'N'),
    ('Ο', 'O'),
    ('Ρ', 'P'),
    ('Τ', 'T'),
    ('Υ', 'Y'),
    ('Χ', 'X'),
    // Latin of phonetics.
    ('ɑ', 'a'),
    ('ɡ', 'g'),
    ('ɩ', 'i'),
    // Cherokee.
    ('Ꭰ', 'D'),
    ('Ꭱ', 'R'),
    ('Ꭲ', 'T'),
    ('Ꭵ', 'i'),
    ('Ꭺ', 'A'),
    ('Ꭻ', 'J'),
    ('Ꭼ', 'E'),
    ('Ꮃ', 'W'),
    ('Ꮇ', 'M'),
    ('Ꮋ', 'H'),
    ('Ꮐ', 'G'),
    ('Ꮓ', 'Z'),
    ('Ꮞ', '4'),
    ('Ꮟ', 'b'),
    ('Ꮢ', 'R'),
    ('Ꮤ', 'W'),
    ('Ꮥ', 'S'),
    ('Ꮩ', 'V'),
    ('Ꮪ', 'S'),
    ('Ꮮ', 'L'),
    ('Ꮯ', 'C'),
    ('Ꮲ', 'P'),
    ('Ꮶ', 'K'),
    ('Ᏼ', 'B'),
];
