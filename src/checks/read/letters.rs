//! Letters: how loud a text is, and whether they are what they look like.

use crate::formats::letters::twin;
use unicode_normalization::{UnicodeNormalization, char::is_combining_mark};

/// Letters that have a case, and how many of them are capitals. Scripts without case count nothing, so they are never "shouting".
pub(crate) fn capitals(text: &str) -> (usize, usize) {
    // Most texts are ASCII nearly throughout, and its bytes are counted many at a time.
    let mut capitals = text.bytes().filter(u8::is_ascii_uppercase).count();
    let mut cased = text.bytes().filter(u8::is_ascii_alphabetic).count();
    if !text.is_ascii() {
        let letters = || text.chars().filter(|letter| !letter.is_ascii());
        capitals += letters().filter(|letter| letter.is_uppercase()).count();
        cased += letters().filter(|letter| letter.is_uppercase() || letter.is_lowercase()).count();
    }
    (capitals, cased)
}

/// The Latin letter, in lower case, that a letter of another alphabet is drawn like.
pub(crate) fn lookalike(letter: char) -> Option<char> {
    twin(letter).map(|twin| twin.to_ascii_lowercase())
}

/// A word of Latin letters with strangers among them. A Russian word with one Latin slip, "μm" and "Δtime" are none.
pub(crate) fn is_disguised(word: &str) -> bool {
    let latin = word.chars().filter(|letter| is_latin(*letter)).count();
    let strange = word.chars().filter(|letter| lookalike(*letter).is_some()).count();
    let other = word
        .chars()
        .filter(|letter| {
            letter.is_alphabetic() && !is_latin(*letter) && lookalike(*letter).is_none()
        })
        .count();
    strange > 0 && latin > 0 && latin + strange >= 4 && other == 0 && latin >= strange
}

/// Words of a text that are disguised, counted up to `most`.
pub(crate) fn disguised_words(text: &str, most: usize) -> usize {
    if text.is_ascii() {
        return 0;
    }
    text.split(|letter: char| !letter.is_alphanumeric())
        .filter(|word| !word.is_ascii() && is_disguised(word))
        .take(most)
        .count()
}

/// What an eye in a hurry sees: lower case, strangers and accents made plain, digits that stand for letters turned into them.
pub(crate) fn skeleton(text: &str) -> String {
    let plain: String = text
        .chars()
        .flat_map(char::to_lowercase)
        .map(|letter| lookalike(letter).unwrap_or(letter))
        .map(|letter| match letter {
            '0' => 'o',
            '1' | '|' => 'l',
            '3' => 'e',
            '5' => 's',
            'å' | 'ä' | 'à' | 'á' | 'â' | 'ã' | 'æ' => 'a',
            'ö' | 'ø' | 'ò' | 'ó' | 'ô' | 'õ' => 'o',
            'è' | 'é' | 'ê' | 'ë' => 'e',
            'ì' | 'í' | 'î' | 'ï' | 'ı' => 'i',
            'ù' | 'ú' | 'û' | 'ü' => 'u',
            'ñ' => 'n',
            'ç' => 'c',
            other => other,
        })
        .collect();
    plain.replace("rn", "m").replace("vv", "w")
}

/// The skeleton of a name in which every mark and every character of no width is left out too: of a name one looks at the letters only.
pub(crate) fn drawn(text: &str) -> String {
    if text.is_ascii() {
        return skeleton(text);
    }
    let bare = text.nfkd().filter(|letter| !is_combining_mark(*letter) && !is_invisible(*letter));
    let bare = bare.map(|letter| match letter {
        'ł' | 'Ł' => 'l',
        'đ' | 'Đ' | 'ð' | 'Ð' => 'd',
        'ħ' => 'h',
        'ŧ' => 't',
        other => other,
    });
    skeleton(&bare.collect::<String>())
}

/// Characters that are drawn with no width and join or part letters unseen. Two are not here: the soft hyphen, with which newsletters
/// hyphenate, and U+FEFF, with which they keep mail programs from making links of dates.
pub(crate) fn is_invisible(letter: char) -> bool {
    matches!(letter, '\u{200B}'..='\u{200F}' | '\u{2060}'..='\u{2064}' | '\u{180E}' | '\u{034F}')
}

/// Characters that turn the direction of writing, and with it the end of a file name.
pub(crate) fn turns_direction(letter: char) -> bool {
    matches!(letter, '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}')
}

/// Places where an invisible character parts two letters of an alphabet that never needs it, counted up to `most`.
/// Persian, Arabic and the scripts of India write with joiners and are left alone.
pub(crate) fn parted_letters(text: &str, most: usize) -> usize {
    let mut before = ' ';
    let mut parted = false;
    let mut found = 0;
    for letter in text.chars() {
        if is_invisible(letter) {
            parted = true;
            continue;
        }
        if parted && is_plain_letter(before) && is_plain_letter(letter) {
            found += 1;
            if found >= most {
                break;
            }
        }
        parted = false;
        before = letter;
    }
    found
}

fn is_latin(letter: char) -> bool {
    letter.is_ascii_alphabetic()
        || (letter.is_alphabetic()
            && matches!(letter, '\u{C0}'..='\u{24F}' | '\u{1E00}'..='\u{1EFF}'))
}

fn is_plain_letter(letter: char) -> bool {
    is_latin(letter) || matches!(letter, '\u{370}'..='\u{52F}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn capitals_of_any_script() {
        for (text, want) in [("", (0, 0)), ("Aa 1!", (1, 2)), ("ÅÄö Ж ж", (3, 5)), ("日本", (0, 0))]
        {
            assert_eq!(capitals(text), want, "{text}");
        }
    }

    #[test]
    fn disguises() {
        for (word, want) in [
            ("P\u{430}yP\u{430}l", true),
            ("N\u{43E}rdea", true),
            ("Nordea", false),
            ("räksmörgås", false),
            ("система", false),
            // A Latin c slipped into a Russian word.
            ("cистема", false),
            ("μm", false),
            ("Δtime", false),
            ("µSv", false),
        ] {
            assert_eq!(is_disguised(word), want, "{word}");
        }
        assert_eq!(disguised_words("your P\u{430}yPal acc\u{43E}unt", 9), 2);
    }

    #[test]
    fn skeletons() {
        for (text, want) in [
            ("P\u{43E}stN0rd", "postnord"),
            ("länsförsäkringar", "lansforsakringar"),
            ("rnicrosoft", "microsoft"),
            ("paypa1", "paypal"),
        ] {
            assert_eq!(skeleton(text), want, "{text}");
        }
        for (text, want) in [
            ("N\u{1f5}\u{200b}rdea", "ngrdea"),
            ("Ş\u{323}wedbaņk", "swedbank"),
            ("Łukasz Ðóra", "lukasz dora"),
        ] {
            assert_eq!(drawn(text), want, "{text}");
        }
    }

    #[test]
    fn invisible_letters_between_plain_ones() {
        for (text, want) in [
            ("via\u{200B}gra", 1),
            ("v\u{200B}i\u{200B}\u{200B}a", 2),
            ("a \u{200B} b", 0),
            ("co\u{AD}op", 0),
            ("Nov\u{FEFF}ember", 0),
            // Persian: a joiner belongs there.
            ("\u{645}\u{6CC}\u{200C}\u{62E}\u{648}\u{627}\u{647}\u{645}", 0),
        ] {
            assert_eq!(parted_letters(text, 9), want, "{text:?}");
        }
        assert_eq!(capitals("Åsa 你好 B1"), (2, 4));
    }
}
