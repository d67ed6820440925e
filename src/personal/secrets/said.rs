//! Passwords that nobody calls so: what one logs in with, types when the machine asks, or has changed it to. The value must be of a kind that nothing else
//! in a sentence is, and the sentence must speak of a machine.

use super::{FoundSecret, Place, Secret, secret, value::*};
use crate::personal::{Confidence, fold};

/// `logga in som admin / Toner4ever`, `first time log in with Welcome-0817`.
pub(super) fn login(place: Place<'_>) -> Option<FoundSecret> {
    if place.goes_on_word() {
        return None;
    }
    let line = line_of(place.after, LOGIN_BYTES_MAX);
    let with = || {
        let (_, rest) = WITH.iter().find_map(|word| {
            let at = line.find(word).filter(|at| *at <= WITH_BYTES_MAX)?;
            Some(line.split_at(at + word.len()))
        })?;
        // "with anna.berg and Winter-204"
        let name = rest.split(' ').next().unwrap_or_default();
        let second = rest.strip_prefix(name)?;
        let second = AND.iter().find_map(|and| second.strip_prefix(and)).and_then(word_at);
        let mut values = [word_at(rest), second].into_iter().flatten();
        let value = values.find(|value| is_strong(value) && is_distinct(value))?;
        secret(Secret::Password, Confidence::Medium, &value)
    };
    behind_name(place).or_else(with)
}

/// `use admin / Toner4ever`.
pub(super) fn behind_name(place: Place<'_>) -> Option<FoundSecret> {
    if place.goes_on_word() {
        return None;
    }
    let line = line_of(place.after, LOGIN_BYTES_MAX);
    let parted = || {
        let (name, rest) = line.split_once(" / ")?;
        let is_named = name.split_whitespace().count() <= LOGIN_WORDS_MAX && !name.contains(". ");
        word_at(rest).filter(|value| is_named && is_strong(value))
    };
    // "admin och sen Tjader_Orre_55 i nästa ruta"
    let joined = || {
        let rest = AND.iter().find_map(|and| line.strip_prefix(and))?;
        word_at(rest).filter(|value| is_strong(value) && is_distinct(value))
    };
    secret(Secret::Password, Confidence::Medium, &parted().or_else(joined)?)
}

/// `change to Winter#2025 as password`: the value first.
pub(super) fn as_password(place: Place<'_>) -> Option<FoundSecret> {
    let earlier = place.earlier.strip_suffix(' ')?;
    let word = earlier.rsplit(char::is_whitespace).next()?;
    let value = word_at(word).filter(|value| is_strong(value))?;
    secret(Secret::Password, Confidence::Medium, &value)
}

/// `my computer opens with <Cinnamon!1004>`: something of the line that is like nothing else, no product either.
pub(super) fn opens(place: Place<'_>) -> Option<FoundSecret> {
    if place.goes_on_word() {
        return None;
    }
    let line = line_of(place.after, OPENS_BYTES_MAX);
    let mut words = line.split_whitespace().map(|word| {
        let word = word.trim_start_matches(['<', '"', '\'', '(', '“', '«']);
        word.trim_end_matches(['>', '"', '\'', ')', '”', '»', '.', ',', ';', ':'])
    });
    let value = words.find(|word| is_strong(word) && is_distinct(word) && is_made_up(word))?;
    secret(Secret::Password, Confidence::Medium, value)
}

/// `type rhubarb&custard`, where a machine asks.
pub(super) fn typed(place: Place<'_>) -> Option<FoundSecret> {
    if place.goes_on_word() {
        return None;
    }
    // A wider gap is of a table.
    let value = next_word(place.after).filter(|_| !place.after.starts_with("  "))?;
    let (distinct, joined) = (is_distinct(&value), is_joined(&value) || is_chain(&value));
    let of_network = joined || is_strong(&value) && value.len() >= NETWORK_KEY_MIN;
    if !(distinct || joined || of_network) {
        return None;
    }
    let near = format!("{} {}", place.earlier, line_of(place.after, ASKED_BYTES_MAX));
    let near = fold::folded(&near);
    let speaks_of = |words: &[&str]| words.iter().any(|word| near.contains(word));
    let is_one = match (speaks_of(NETWORKS), speaks_of(ASKS)) {
        (true, _) => of_network || distinct,
        (false, true) => distinct || joined,
        (false, false) => false,
    };
    is_one.then(|| secret(Secret::Password, Confidence::Medium, &value)).flatten()
}

/// `I changed it after Sam left. It's now Fridaypie_wk31`.
pub(super) fn changed(place: Place<'_>) -> Option<FoundSecret> {
    distinct_behind(place, |earlier| CHANGED.iter().any(|word| earlier.contains(word)))
}

/// `the code has been changed to Fridaypie_wk31`.
pub(super) fn became(place: Place<'_>) -> Option<FoundSecret> {
    distinct_behind(place, |earlier| {
        let mut words = earlier.split(|letter: char| !letter.is_alphanumeric());
        words.any(|word| CODES.contains(&word))
    })
}

/// The next word, if it is like nothing else in a sentence, and what stands before says so of it; that is folded.
fn distinct_behind(place: Place<'_>, is_said: impl Fn(&str) -> bool) -> Option<FoundSecret> {
    let value = next_word(place.after)?;
    let is_one = is_strong(&value) && is_distinct(&value) && is_said(&fold::folded(place.earlier));
    is_one.then(|| secret(Secret::Password, Confidence::Medium, &value)).flatten()
}

/// `the file opens with the name of our dog and the year, that is Ludde2009`.
pub(super) fn which_is(place: Place<'_>) -> Option<FoundSecret> {
    let value =
        next_word(place.after).or_else(|| next_word(place.after.strip_prefix([':', ','])?))?;
    let is_one = is_strong(&value) && value.len() >= WHICH_MIN && {
        let earlier = fold::folded(place.earlier);
        LOCKED.iter().any(|word| earlier.contains(word)) || is_locked(place.earlier)
    };
    is_one.then(|| secret(Secret::Password, Confidence::Medium, &value)).flatten()
}

/// Swedish and Danish for "locked": without its ring it is another word.
fn is_locked(text: &str) -> bool {
    text.to_lowercase().split(|letter: char| !letter.is_alphabetic()).any(|word| word == "låst")
}

/// `The first half you have by SMS. The rest is -Lunnefagel77`.
pub(super) fn rest(place: Place<'_>) -> Option<FoundSecret> {
    let after = line_of_next(place.after, REST_BYTES_MAX);
    let words = after.split_whitespace().take(REST_WORDS_MAX);
    let mut values = words.map(|word| word.trim_end_matches(['.', ',', '?', '!', ';', ':']));
    let value = values.find(|word| {
        let has = |is: fn(char) -> bool| word.contains(is);
        word.chars().count() >= REST_MIN
            && word.chars().count() <= VALUE_MAX
            && has(char::is_alphabetic)
            && has(|letter| letter.is_ascii_digit())
            && has(|letter| letter.is_ascii_punctuation())
            && !word.contains(['/', '@', '<', '(', ':'])
            && !word.ends_with(".pdf")
    })?;
    secret(Secret::Password, Confidence::Medium, value)
}

/// `lösenfras: kastrull vinter mandolin ostbåge`: some small words and nothing else, behind a colon or in the next line.
pub(super) fn phrase(place: Place<'_>) -> Option<FoundSecret> {
    let end = place.after.floor_char_boundary(PHRASE_BYTES_MAX);
    let after = place.after.get(..end)?;
    let parts = [after.split_once(':'), after.split_once('\n')].into_iter().flatten();
    let mut lines =
        parts.filter_map(|(_, rest)| rest.lines().map(str::trim).find(|line| !line.is_empty()));
    let line = lines.find(|line| {
        let words: Vec<&str> = line.split(' ').collect();
        let is_plain =
            |word: &&str| word.chars().count() >= 3 && word.chars().all(char::is_lowercase);
        (4..=10).contains(&words.len()) && words.iter().all(is_plain)
    })?;
    secret(Secret::Password, Confidence::Medium, line)
}

/// The rest of the line, or the next one where nothing follows.
fn line_of_next(after: &str, bytes_max: usize) -> &str {
    let line = line_of(after, bytes_max);
    let is_empty = line.trim_matches([' ', ':', '\r', '\t']).is_empty();
    let rest = after.get(line.len()..).filter(|_| is_empty).map(str::trim_start);
    rest.map_or(line, |rest| line_of(rest, bytes_max))
}

/// `rhubarb&custard`, `jordbaer+floede`: no word of a sentence has such a sign within.
fn is_joined(value: &str) -> bool {
    let is_sign = |letter: char| "&+!%#$*=".contains(letter);
    let mut parts = value.split(is_sign);
    let (first, second) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    let is_word = |part: &str| part.chars().count() >= 3 && part.chars().all(char::is_alphanumeric);
    value.chars().count() >= JOINED_MIN
        && is_word(first)
        && is_word(second)
        && parts.next().is_none()
}

/// `canyon, velvet, orbit …`: the words by which a wallet comes back.
pub(super) fn seed_words(place: Place<'_>) -> Option<FoundSecret> {
    let end = place.after.floor_char_boundary(SEED_BYTES_MAX);
    let words = place.after.get(..end)?.split([' ', ',', ':', '\n', '\r']);
    let is_word = |word: &&str| {
        (3..=8).contains(&word.len()) && word.chars().all(|letter| letter.is_ascii_lowercase())
    };
    let mut seed = Vec::new();
    for word in words.filter(|word| !word.is_empty()) {
        let bare = word.trim_end_matches('.');
        if !is_word(&bare) {
            break;
        }
        seed.push(bare);
        if bare.len() < word.len() {
            break;
        }
    }
    let is_one = seed.len() == 12 || seed.len() == 24;
    is_one.then(|| secret(Secret::Password, Confidence::High, &seed.join(" "))).flatten()
}

/// Between a name and a password.
const AND: &[&str] = &[
    " och sen ",
    " och sedan ",
    " och ",
    " and then ",
    " and ",
    " og så ",
    " og ",
    " ja sitten ",
    " ja ",
];
/// Words for a code that is no product's, folded.
const CODES: &[&str] = &["koden", "kod", "kode", "koodi", "koodin", "pin", "pinen"];
/// With what one logs in.
const WITH: &[&str] = &["med ", "with ", "using ", "käytä ", "salasanalla "];
/// A machine asks for something, folded.
const ASKS: &[&str] = &[
    "fragar",
    "asks",
    "spor",
    "sporger",
    "kysyy",
    "kysele",
    "datorn",
    "computer",
    "the pc",
    "pcen",
    "maskin",
    "kone ",
    "koneen",
    "skarm",
    "screen",
    "skjerm",
    "skaerm",
    "inlogg",
    "login",
    "log in",
    "innlogg",
    "kirjaudu",
    "locks",
    "laser sig",
    "musen",
    "the mouse",
    "hiirta",
    "prompt",
    "pc-en",
    "laptop",
    "koneelle",
];
/// A network is spoken of, folded.
const NETWORKS: &[&str] = &[
    "nettet", "network", "natverk", "natet ", "wifi", "wi-fi", "wlan", "internet", "verkko",
    "verkon", "netti", "netvaerk", "nettverk", "ssid", "gastnat",
];
/// Something has been changed, folded.
const CHANGED: &[&str] = &[
    "changed",
    "bytt",
    "andrat",
    "skiftet",
    "endret",
    "byttet",
    "aendret",
    "vaihdo",
    "vaihdettu",
    "muutin",
];
/// Something is locked and opened, folded.
const LOCKED: &[&str] = &[
    "oppnas",
    "apnes",
    "apner",
    "abner",
    "abnes",
    "aukea",
    "avautuu",
    "opens",
    "laast",
    "lukossa",
    "krypt",
    "salattu",
    "gar op",
    "protected",
    "skyddad",
    "beskyttet",
    "suojattu",
];
const WHICH_MIN: usize = 8;
const OPENS_BYTES_MAX: usize = 60;
const SEED_BYTES_MAX: usize = 300;
const LOGIN_BYTES_MAX: usize = 90;
const LOGIN_WORDS_MAX: usize = 4;
const WITH_BYTES_MAX: usize = 30;
const ASKED_BYTES_MAX: usize = 140;
const JOINED_MIN: usize = 8;
const REST_BYTES_MAX: usize = 60;
const REST_WORDS_MAX: usize = 4;
const REST_MIN: usize = 6;
const PHRASE_BYTES_MAX: usize = 200;
