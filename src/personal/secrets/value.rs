//! What stands behind a mark, and whether it looks like a secret.

use crate::personal::{Confidence, fold};

/// What is said to be the value: behind a colon, an equals sign, or a word for "is".
pub(super) fn assigned(after: &str) -> Option<String> {
    let mut rest = after.trim_start_matches([' ', '\t', '"', '\'', '*', '_', '\u{a0}']);
    // "lösenord för kontot är", "password for the server:": a few words between.
    let mut last = "";
    for _ in 0..WORDS_BETWEEN_MAX {
        if rest.starts_with([':', '=']) || IS.iter().any(|is| begins_with_word(rest, is)) {
            break;
        }
        let word: usize = rest
            .chars()
            .take(WORD_CHARS_MAX)
            .take_while(|letter| letter.is_alphanumeric() || "-.()@".contains(*letter))
            .map(char::len_utf8)
            .sum();
        let next = rest.get(word..)?;
        last = rest.get(..word)?;
        if word == 0 || !next.starts_with([' ', ':', '=', '\t']) {
            return None;
        }
        rest = next.trim_start_matches([' ', '\t']);
    }
    // "password check failed for user=anna"
    if OTHERS.iter().any(|word| last.eq_ignore_ascii_case(word)) {
        return None;
    }
    let mut rest = match rest.strip_prefix([':', '=']) {
        Some(rest) => rest,
        None => {
            IS.iter().find(|is| begins_with_word(rest, is)).and_then(|is| rest.get(is.len()..))?
        }
    };
    // "********" stands for one, and what follows is none.
    if rest.trim_start().starts_with("***") {
        return None;
    }
    rest = rest.trim_start_matches([' ', '\t', ':', '=', '>', '\u{a0}', '*', '_']);
    // The value may stand in the next line.
    rest = rest
        .strip_prefix("\r\n")
        .or_else(|| rest.strip_prefix('\n'))
        .unwrap_or(rest)
        .trim_start_matches([' ', '\t']);
    let quoted = rest.starts_with(['"', '\'', '`', '“', '”', '«']);
    let rest = rest.trim_start_matches(['"', '\'', '`', '“', '”', '«']);
    let ends = |letter: char| {
        letter.is_whitespace() || (quoted && "\"'`“”»".contains(letter)) || letter == '<'
    };
    let value: String =
        rest.chars().take(VALUE_MAX + 1).take_while(|letter| !ends(*letter)).collect();
    // "Password=…;Encrypt=True"
    let more = value.split_once(';').filter(|(_, rest)| rest.contains('='));
    let value = more.map_or(value.as_str(), |(value, _)| value);
    let value = value.trim_end_matches(['.', ',', ';', ')', '"', '\'', '*']);
    (!value.is_empty() && value.chars().count() <= VALUE_MAX).then(|| value.to_string())
}

/// The word that stands next, on the line.
pub(super) fn next_word(after: &str) -> Option<String> {
    word_at(after.strip_prefix([' ', '\t', '|', '\u{a0}'])?)
}

/// The word that begins here, without what it is set in.
pub(super) fn word_at(rest: &str) -> Option<String> {
    let rest = rest.trim_start_matches([' ', '\t', '|', '"', '\'', '`', '“', '”', '«', '*', '_']);
    let ends = |letter: char| letter.is_whitespace() || "\"'`“”»<|".contains(letter);
    let value: String =
        rest.chars().take(VALUE_MAX + 1).take_while(|letter| !ends(*letter)).collect();
    let value = value.trim_end_matches(['.', ',', ';', ')', '*', '_']);
    (!value.is_empty() && value.chars().count() <= VALUE_MAX).then(|| value.to_string())
}

/// The rest of the line, at most so much of it.
pub(super) fn line_of(after: &str, bytes_max: usize) -> &str {
    let end = after.find('\n').unwrap_or(after.len()).min(bytes_max);
    after.get(..after.floor_char_boundary(end)).unwrap_or_default()
}

pub(super) fn is_digits(value: &str) -> bool {
    value.bytes().all(|byte| byte.is_ascii_digit())
}

/// What follows the ending of a word, as of lösenordet, salasanasi, passwords; none where it is longer than this many bytes.
pub(super) fn behind_ending(after: &str, bytes_max: usize) -> Option<&str> {
    let letters = after.chars().take_while(|letter| letter.is_alphabetic());
    let ending: usize = letters.map(char::len_utf8).sum();
    after.get(ending..).filter(|_| ending <= bytes_max)
}

fn begins_with_word(text: &str, word: &str) -> bool {
    text.get(..word.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(word))
        && !text.get(word.len()..).is_some_and(|rest| rest.starts_with(char::is_alphanumeric))
}

/// Does it go on a name of a file or a part, of which a short word is a piece?
pub(super) fn is_in_name(letter: char) -> bool {
    letter.is_alphanumeric() || "-_/.".contains(letter)
}

/// Does it look like a password, and how much?
pub(super) fn likeness(value: &str) -> Option<Confidence> {
    let length = value.chars().count();
    let digits_alone = length >= 4 && is_digits(value);
    if length > PASSWORD_MAX || (length < PASSWORD_MIN && !digits_alone) {
        return None;
    }
    let folded = fold::folded(value);
    let of_something_else = value.contains("//")
        || value.contains("..")
        || value.contains(['(', '{', '}', '|', '\\', ',', ';'])
        || value.starts_with(['/', '?'])
        || value.ends_with('?')
        || value.ends_with("'s")
        || value.contains("process.env")
        || value.contains("environ[")
        || REFERENCES.iter().any(|begin| value.starts_with(begin))
        || folded.contains(".password")
        || PRODUCTS.iter().any(|name| is_named_so(&folded, name))
        || is_a_file(value);
    if is_a_stand_in(value) || of_something_else {
        return None;
    }
    let letters = value.chars().any(char::is_alphabetic);
    let digits = value.chars().any(|letter| letter.is_ascii_digit());
    let symbols =
        value.chars().any(|letter| letter.is_ascii_punctuation() && !"-/".contains(letter));
    let capitals_inside =
        value.chars().skip(1).any(char::is_uppercase) && value.chars().any(char::is_lowercase);
    match (letters, digits, symbols) {
        (true, true, _) => Some(Confidence::High),
        (true, false, true) if !value.contains('@') => Some(Confidence::Medium),
        (true, false, _) if capitals_inside => Some(Confidence::Medium),
        // A number alone may be one; a word alone is a word.
        (false, true, false) if (4..=12).contains(&length) => Some(Confidence::Low),
        _ => None,
    }
}

/// Does it look like a password and like nothing else?
pub(super) fn is_strong(value: &str) -> bool {
    likeness(value) == Some(Confidence::High)
        && !value.contains(['=', ':', '/', '@', '.', '<', '>'])
}

/// Capital and small letters, and a sign: no place is called so.
pub(super) fn is_made_up(value: &str) -> bool {
    value.chars().any(char::is_uppercase)
        && value.chars().any(char::is_lowercase)
        && value.contains(|letter: char| {
            letter.is_ascii_punctuation() && letter != '-' && letter != '_'
        })
}

/// `correct-horse-battery`: three or more words.
pub(super) fn is_chain(value: &str) -> bool {
    let parts: Vec<&str> = value.split('-').collect();
    let is_word = |part: &&str| part.chars().count() >= 2 && part.chars().all(char::is_lowercase);
    parts.len() >= 3 && value.chars().count() >= CHAIN_MIN && parts.iter().all(is_word)
}

/// Letters, digits, and capitals or a sign enough that nothing else in a sentence is written so.
pub(super) fn is_distinct(value: &str) -> bool {
    let has = |is: fn(char) -> bool| usize::from(value.contains(is));
    let small = has(char::is_lowercase);
    // "Kridt0gTavle": nobody writes a word so.
    let letters: Vec<char> = value.chars().collect();
    let amid = letters.windows(3).any(|three| match three {
        [before, digit, behind] => {
            before.is_alphabetic() && digit.is_ascii_digit() && behind.is_alphabetic()
        }
        _ => false,
    });
    let marks = has(char::is_uppercase)
        + usize::from(amid)
        + has(|letter| "-_.".contains(letter))
        + 2 * has(|letter| "!#%&?$*+".contains(letter));
    value.chars().count() >= DISTINCT_MIN
        && small == 1
        && value.contains(|letter: char| letter.is_ascii_digit())
        && marks >= 2
        && likeness(value).is_some()
        && !value.contains(['=', ':', '/', '@', '<', '>'])
}

/// `keepass2`, `sha-256`, and not `Shadow99`.
fn is_named_so(folded: &str, name: &str) -> bool {
    let rest = folded.strip_prefix(name);
    rest.is_some_and(|rest| !rest.starts_with(|letter: char| letter.is_ascii_alphabetic()))
}

/// `main.cpp#L3`, `report.pdf`: a name with an ending.
fn is_a_file(value: &str) -> bool {
    let name = value.split('#').next().unwrap_or_default();
    let ending = name.rsplit_once('.').map(|(_, ending)| ending).unwrap_or_default();
    [
        "c", "h", "cpp", "rs", "py", "js", "txt", "pdf", "doc", "docx", "xls", "xlsx", "html",
        "htm", "php", "com", "org", "net", "se", "no", "dk", "fi",
    ]
    .contains(&ending)
}

/// Dots, stars, "xxxx", a name in brackets: nobody's password.
pub(super) fn is_a_stand_in(value: &str) -> bool {
    let lower = fold::folded(value);
    value.starts_with(['<', '[', '{', '$', '%', '('])
        || is_monotonous(value)
        || value.chars().all(|letter| "*•.-_x#X?".contains(letter))
        || STAND_INS.iter().any(|word| {
            lower == *word
                || lower.starts_with(&format!("{word}-"))
                || lower.starts_with(&format!("{word}_"))
        })
}

pub(super) fn is_monotonous(value: &str) -> bool {
    let different: std::collections::HashSet<char> = value.chars().collect();
    different.len() <= 2
}

/// Words for "is" in our languages.
const IS: &[&str] = &["är", "on", "er", "is", "ist", "lyder", "blir", "=>", "->"];
/// How a program names what stands elsewhere.
const REFERENCES: &[&str] =
    &["os.", "var.", "local.", "vault.", "secrets.", "config.", "settings.", "env.", "params."];
/// Programs and words with digits in their names, which stand behind "password" and are none.
const PRODUCTS: &[&str] = &[
    "bankid",
    "keepass",
    "1password",
    "office365",
    "windows",
    "sha",
    "md5",
    "base64",
    "utf",
    "oauth",
    "bcrypt",
    "argon2",
    "pbkdf2",
    "aes",
    "2fa",
    "mfa",
    "glomt",
    "forgot",
    "min8",
    "min8chars",
    "min.",
    "version",
    "pwd-",
    "kap",
    "step",
    "steg",
    "case",
    "ticket",
    "level",
    "rule",
    "iso",
    "365",
];
/// What stands where a password would.
const STAND_INS: &[&str] = &[
    "password",
    "losenord",
    "salasana",
    "passord",
    "adgangskode",
    "secret",
    "changeme",
    "example",
    "exempel",
    "your",
    "ditt",
    "din",
    "null",
    "none",
    "required",
    "kravs",
    "glomt",
    "forgotten",
    "expired",
    "reset",
    "see",
    "se",
    "same",
    "samma",
    "sama",
    "enter",
    "ange",
    "hidden",
    "redacted",
    "removed",
    "masked",
];
/// Between the word for a password and "is" no word is longer.
const WORD_CHARS_MAX: usize = 64;
const DISTINCT_MIN: usize = 8;
const CHAIN_MIN: usize = 14;
/// What else a program names behind the word.
const OTHERS: &[&str] = &[
    "user", "username", "userid", "uid", "host", "session", "expires", "ticket", "case", "utgår",
    "vanhenee", "utløper", "udløber", "ärende",
];
const PASSWORD_MIN: usize = 6;
const PASSWORD_MAX: usize = 64;
pub(super) const VALUE_MAX: usize = 128;

/// WPA takes no less.
pub(super) const NETWORK_KEY_MIN: usize = 8;
/// What has been changed is now what follows.
pub(super) const BECAME: &[&str] = &[
    "lavet om til",
    "ændret til",
    "endret til",
    "ändrats till",
    "ändrad till",
    "ändrat till",
    "bytt till",
    "bytt til",
    "byttet til",
    "skiftet til",
    "changed to",
    "reset to",
    "nollställt till",
    "nulstillet til",
    "nullstilt til",
    "vaihdettu muotoon",
];
/// "-kkeenne" and the like.
pub(super) const PASSWORD_ENDING_MAX: usize = 12;

const WORDS_BETWEEN_MAX: usize = 5;
