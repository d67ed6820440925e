//! What may be the password of an archive, from the words of the mail that brought it.
//!
//! Whoever sends an encrypted archive to people writes the password into the mail. Only words are taken from it; none is kept or logged.

use crate::base::limits;
use std::collections::HashSet;
use unicode_normalization::UnicodeNormalization;

/// Likely passwords, the likeliest first, each once, at most [`limits::PASSWORDS_MAX`]: first `extra` (what an admin or an earlier
/// archive gave), then what follows a word for password in the texts (subject first, then bodies), what stands in quotes, what
/// is made like a password, and the few that everybody uses.
pub fn candidates(texts: &[&str], extra: &[&str]) -> Vec<String> {
    let mut found = Found { words: Vec::new(), seen: HashSet::new() };
    for word in extra {
        found.add(word);
    }
    let texts: Vec<String> = texts.iter().map(|text| bounded(text)).collect();
    for text in &texts {
        said(text, &mut found);
    }
    // Room is kept for those that everybody uses, however many words look likely.
    let room = limits::PASSWORDS_MAX.saturating_sub(WELL_KNOWN.len());
    for of in [quoted, numbers, mixed, subject_words] {
        for text in &texts {
            of(text, &mut found);
        }
    }
    found.words.truncate(room);
    for word in WELL_KNOWN {
        found.add(word);
    }
    found.words
}

struct Found {
    words: Vec<String>,
    seen: HashSet<String>,
}

impl Found {
    fn add(&mut self, word: &str) {
        let fits = (1..=LETTERS_MAX).contains(&word.chars().count());
        if fits && self.words.len() < WORDS_MAX && self.seen.insert(word.to_string()) {
            self.words.push(word.to_string());
        }
    }

    /// As it stands, and without what a sentence puts around it.
    fn add_bare(&mut self, word: &str) {
        let bare = word.trim_matches(is_around);
        // A full stop may belong to it: both, the likelier first.
        self.add(bare);
        if word.trim_matches(QUOTES) != bare {
            self.add(word.trim_matches(QUOTES));
        }
    }
}

/// The beginning of a text, in one form of letters, with plain blanks.
fn bounded(text: &str) -> String {
    let end = text.floor_char_boundary(limits::PASSWORD_TEXT_BYTES_MAX);
    text.get(..end)
        .unwrap_or_default()
        .nfc()
        .map(|letter| if letter == '\u{a0}' { ' ' } else { letter })
        .collect()
}

/// What follows a word for password: `Lösenord: abc`, `the password is "abc"`, `salasana on abc`, and also on the next line.
fn said(text: &str, found: &mut Found) {
    let words: Vec<&str> = text.split_whitespace().collect();
    for (at, word) in words.iter().enumerate() {
        let Some(rest) = after_cue(word) else { continue };
        // `pw:abc` in one word.
        if !rest.is_empty() {
            found.add_bare(rest);
        }
        let mut taken = 0;
        for next in words.iter().skip(at + 1).take(WORDS_BEHIND_CUE) {
            let bare = next.trim_matches(is_around);
            let small = bare.to_lowercase();
            if bare.is_empty() || BETWEEN.contains(&small.as_str()) || after_cue(next).is_some() {
                continue;
            }
            found.add_bare(next);
            taken += 1;
            if taken == TAKEN_BEHIND_CUE {
                break;
            }
        }
        // "abc is the password".
        if let Some(before) = at.checked_sub(3).and_then(|before| words.get(before..at))
            && let [word, is, the] = before
            && BETWEEN.contains(&is.to_lowercase().as_str())
            && BETWEEN.contains(&the.to_lowercase().as_str())
        {
            found.add_bare(word);
        }
    }
}

/// Is it a word for password? Then what stands behind it in the same word, after a colon or an equals sign.
fn after_cue(word: &str) -> Option<&str> {
    let start = word.trim_start_matches(is_around);
    let split = start.find([':', '=', '：']);
    let (head, rest) = match split {
        Some(at) => (start.get(..at)?, start.get(at..)?.trim_start_matches([':', '=', '：'])),
        None => (start, ""),
    };
    let head = head.trim_end_matches(is_around).to_lowercase();
    let stem = CUES_BEGIN.iter().any(|cue| head.starts_with(cue))
        && head.chars().count() <= CUE_LETTERS_MAX;
    let whole = CUES_WHOLE.contains(&head.as_str());
    // Short cues are words of other meanings too: only with a colon.
    let short = CUES_WITH_COLON.contains(&head.as_str()) && split.is_some();
    // A compound such as `zip-lösenord` ends with it.
    let compound =
        CUES_BEGIN.iter().any(|cue| head.ends_with(cue)) && head.chars().count() <= CUE_LETTERS_MAX;
    (stem || whole || short || compound).then_some(rest)
}

/// What stands in quotes, if it is a word or few.
fn quoted(text: &str, found: &mut Found) {
    for (open, close) in QUOTE_PAIRS {
        let mut rest = text;
        for _ in 0..QUOTES_MAX {
            let Some((_, after)) = rest.split_once(*open) else { break };
            let Some((inside, behind)) = after.split_once(*close) else { break };
            match inside.chars().count() <= QUOTED_LETTERS_MAX && !inside.contains('\n') {
                true => {
                    found.add(inside.trim());
                    rest = behind;
                }
                false => rest = after,
            }
        }
    }
}

/// Digits that stand alone, four to eight.
fn numbers(text: &str, found: &mut Found) {
    for word in text.split(|letter: char| !letter.is_alphanumeric()) {
        if (4..=8).contains(&word.len()) && word.bytes().all(|byte| byte.is_ascii_digit()) {
            found.add(word);
        }
    }
}

/// Words made of letters and digits or signs, as passwords are and words are not.
fn mixed(text: &str, found: &mut Found) {
    for word in text.split_whitespace() {
        let bare = word.trim_matches(is_around);
        let upper = bare.chars().any(char::is_uppercase);
        let lower = bare.chars().any(char::is_lowercase);
        let digit = bare.chars().any(|letter| letter.is_ascii_digit());
        let sign = bare.chars().any(|letter| "!#$%&*+?^_~@§€£".contains(letter));
        let classes = u8::from(upper) + u8::from(lower) + u8::from(digit) + u8::from(sign);
        let address = bare.contains("://") || (bare.contains('@') && bare.contains('.'));
        let letters = bare.chars().count();
        if (4..=32).contains(&letters) && !address && (classes >= 3 || ((upper || lower) && digit))
        {
            found.add_bare(word);
        }
    }
}

/// The words of a text that is as short as a subject.
fn subject_words(text: &str, found: &mut Found) {
    if text.chars().count() > SUBJECT_LETTERS_MAX {
        return;
    }
    for word in text.split_whitespace() {
        let bare = word.trim_matches(is_around);
        if bare.chars().count() >= 4 && !bare.contains("://") {
            found.add(bare);
        }
    }
}

fn is_around(letter: char) -> bool {
    matches!(
        letter,
        '.' | ','
            | ';'
            | ':'
            | '!'
            | '?'
            | '('
            | ')'
            | '['
            | ']'
            | '{'
            | '}'
            | '<'
            | '>'
            | '*'
            | '-'
            | '–'
            | '—'
            | '='
            | '→'
            | '|'
    ) || QUOTES.contains(&letter)
}

/// How a word for password begins in the languages of the north and its neighbours; compounds end with the same.
const CUES_BEGIN: &[&str] = &[
    "password",
    "passwort",
    "passwd",
    "passphrase",
    "passcode",
    "lösenord",
    "losenord",
    "lösen",
    "salasana",
    "tunnussana",
    "passord",
    "adgangskode",
    "adgangskoden",
    "kodeord",
    "kodeordet",
    "parool",
    "parole",
    "slaptažodis",
    "slaptazodis",
    "hasło",
    "haslo",
    "lykilorð",
    "lykilord",
    "kennwort",
    "wachtwoord",
    "contraseña",
    "contrasena",
    "senha",
    "пароль",
    "пароля",
    "паролем",
    "şifre",
    "sifre",
    "heslo",
    "jelszó",
];
/// Whole words that mean it.
const CUES_WHOLE: &[&str] = &[
    "passe",
    "koden",
    "koodi",
    "kód",
    "код",
    "lösenordet",
    "pin-kod",
    "pinkod",
    "pincode",
    "zugangscode",
];
/// Those that mean it only with a colon behind them.
const CUES_WITH_COLON: &[&str] = &[
    "pw",
    "pwd",
    "pass",
    "pin",
    "kod",
    "kode",
    "code",
    "key",
    "nyckel",
    "avain",
    "nøgle",
    "nøkkel",
    "psw",
    "pass-code",
];
/// Words that may stand between.
const BETWEEN: &[&str] = &[
    "is",
    "are",
    "the",
    "a",
    "to",
    "for",
    "of",
    "this",
    "file",
    "archive",
    "zip",
    "rar",
    "your",
    "our",
    "open",
    "it",
    "as",
    "below",
    "following",
    "use",
    "är",
    "till",
    "för",
    "filen",
    "arkivet",
    "ditt",
    "ert",
    "det",
    "on",
    "ja",
    "tiedoston",
    "er",
    "til",
    "for",
    "filen",
    "som",
    "ist",
    "die",
    "das",
    "der",
    "lautet",
    "für",
    "on",
    "est",
    "le",
    "la",
    "pour",
    "de",
    "es",
    "el",
    "для",
    "архива",
    "к",
    "это",
    "zum",
    "öffnen",
    "that",
    "och",
    "öppna",
    "att",
];
const QUOTES: &[char] =
    &['"', '\'', '“', '”', '„', '‟', '‘', '’', '‚', '«', '»', '`', '´', '‹', '›'];
const QUOTE_PAIRS: &[(char, char)] = &[
    ('"', '"'),
    ('“', '”'),
    ('”', '”'),
    ('„', '“'),
    ('‘', '’'),
    ('’', '’'),
    ('«', '»'),
    ('»', '«'),
    ('`', '`'),
    ('\'', '\''),
];
/// What samples and old habits are encrypted with.
const WELL_KNOWN: &[&str] =
    &["infected", "1234", "12345", "123456", "password", "virus", "malware", "123", "0000"];
const LETTERS_MAX: usize = 64;
const QUOTED_LETTERS_MAX: usize = 40;
const CUE_LETTERS_MAX: usize = 20;
const SUBJECT_LETTERS_MAX: usize = 200;
const WORDS_BEHIND_CUE: usize = 6;
const TAKEN_BEHIND_CUE: usize = 2;
const QUOTES_MAX: usize = 50;
/// Words gathered before the likeliest are chosen.
const WORDS_MAX: usize = 1_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_word_behind_a_word_for_password_comes_first() {
        for (text, want) in [
            ("Hej! Lösenordet är: Sommar2024. Mvh", "Sommar2024"),
            ("Lösenord: rävspel", "rävspel"),
            ("Lo\u{308}senord: hemligt", "hemligt"),
            ("ZIP-lösenord: abc", "abc"),
            ("Faktura bifogas. Lösen:\n  q7x", "q7x"),
            ("Salasana on kissa123!", "kissa123"),
            ("Tiedoston salasana: talvi", "talvi"),
            ("Passord: fjord", "fjord"),
            ("Passordet er «fjell7».", "fjell7"),
            ("Adgangskoden er: rødgrød", "rødgrød"),
            ("Kodeord=smørrebrød", "smørrebrød"),
            ("Lykilorð: jökull", "jökull"),
            ("Parool on 'kevad'", "kevad"),
            ("Das Passwort lautet: Frühling", "Frühling"),
            ("Mot de passe : 8855", "8855"),
            ("La contraseña es verano", "verano"),
            ("Пароль: зима", "зима"),
            ("Код: 4471", "4471"),
            ("pw:x1", "x1"),
            ("PIN: 0042", "0042"),
            ("Kod: 99", "99"),
            ("the password for this archive is \"two words\" ok", "two"),
            ("hunter2 is the password", "hunter2"),
            ("Password:\u{a0}nbsp", "nbsp"),
        ] {
            let found = candidates(&[text], &[]);
            assert!(found.iter().take(3).any(|word| word == want), "{text}: {found:?}");
        }
    }

    #[test]
    fn quotes_numbers_and_odd_words_follow_then_what_everybody_uses() {
        let found = candidates(
            &["Re: Invoice 20931", "Open it with “blue moon”. Ref Ab3$x, https://a.example/Zz9"],
            &["given"],
        );
        let place = |word: &str| found.iter().position(|found| found == word);
        assert_eq!(place("given"), Some(0));
        for word in ["blue moon", "20931", "Ab3$x", "Invoice", "infected", "1234"] {
            assert!(place(word).is_some(), "{word}: {found:?}");
        }
        assert!(place("blue moon") < place("20931") && place("20931") < place("infected"));
        assert!(!found.iter().any(|word| word.contains("://")));
    }

    #[test]
    fn both_readings_of_a_full_stop_are_tried() {
        let found = candidates(&["Password: abc."], &[]);
        assert_eq!(found[..2], ["abc", "abc."]);
    }

    #[test]
    fn there_are_never_too_many_and_none_twice() {
        let long: String = (0..20_000).map(|n| format!("Password: Aa{n}! \"q{n}\" ")).collect();
        let found = candidates(&[&long, &long], &["infected"]);
        assert!(found.len() <= limits::PASSWORDS_MAX);
        assert!(found.contains(&"password".to_string()));
        let distinct: HashSet<&String> = found.iter().collect();
        assert_eq!(distinct.len(), found.len());
        assert_eq!(candidates(&[], &[]).len(), WELL_KNOWN.len());
    }
}
