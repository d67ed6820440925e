//! Passwords, by the word before them.

use super::{FoundSecret, Place, Secret, secret, value::*};
use crate::personal::{Confidence, fold};

/// `lösenord: …`, `the password is …`.
pub(super) fn password(place: Place<'_>) -> Option<FoundSecret> {
    if place.before().is_some_and(char::is_alphabetic) {
        return None;
    }
    behind_word(place)
}

/// `administratörslösenordet är …`, `"dbPassword": …`: the end of a word for a password that other letters stand before.
pub(super) fn compound(place: Place<'_>) -> Option<FoundSecret> {
    let letters = place.earlier.chars().rev().take_while(|letter| letter.is_alphabetic()).count();
    let word = place.earlier.char_indices().rev().nth(letters.checked_sub(1)?)?.0;
    let begun = fold::folded(place.earlier.get(word..)?);
    let (_, begin) = ENDS.iter().find(|(end, _)| *end == place.mark)?;
    let before = begun.strip_suffix(begin)?;
    if before.is_empty() {
        return None;
    }
    behind_word(place)
}

/// What stands behind a word for a password.
fn behind_word(place: Place<'_>) -> Option<FoundSecret> {
    if is_about(place.after) {
        return None;
    }
    let after = behind_ending(place.after, PASSWORD_ENDING_MAX)?;
    let named = assigned(after).and_then(|value| Some((likeness(&value)?, value)));
    let named = named.or_else(|| Some((Confidence::Medium, hyphenated(after)?)));
    let (confidence, value) = match named.or_else(|| Some((Confidence::High, further(after)?))) {
        Some(named) => named,
        None => (Confidence::Medium, beside(after)?),
    };
    let from = place.earlier.len().saturating_sub(EXAMPLE_BYTES);
    let before = place.earlier.get(place.earlier.ceil_char_boundary(from)..).unwrap_or_default();
    let behind = after.get(..after.floor_char_boundary(EXAMPLE_BYTES)).unwrap_or_default();
    let is_example = is_shown(before) || is_shown(behind);
    // A number of that length is one, but for what all who join a call are told.
    let confidence = match is_number(&value) {
        true if place.mark == "passcode" || place.is_of_a_call() => Confidence::Low,
        true => Confidence::Medium,
        false => confidence,
    };
    secret(Secret::Password, if is_example { Confidence::Low } else { confidence }, &value)
}

/// Does a manual show it? Where `example.org` stands nobody says so.
fn is_shown(near: &str) -> bool {
    fold::folded(near)
        .split_whitespace()
        .any(|word| !word.contains('.') && EXAMPLES.iter().any(|example| word.starts_with(example)))
}

/// `PASSWORD_HINT`, `password@host`: the word is of something that is none.
fn is_about(after: &str) -> bool {
    let named = after.strip_prefix(['_', '-']).is_some_and(|rest| {
        let word = rest.split(|letter: char| !letter.is_alphabetic()).next().unwrap_or_default();
        ABOUT.iter().any(|about| word.eq_ignore_ascii_case(about))
    });
    named || after.starts_with('@')
}

/// `lösenord: solskinn-i-bergen`: words joined, behind a sign.
fn hyphenated(after: &str) -> Option<String> {
    let value = assigned(after)?;
    let parts: Vec<&str> = value.split('-').collect();
    let is_one = parts.len() >= 3
        && value.len() >= PHRASE_MIN
        && parts.iter().all(|part| !part.is_empty() && part.chars().all(char::is_lowercase));
    is_one.then_some(value)
}

/// `adgangskoden er nulstillet til: Kp93.Regnorm`: behind a colon further on.
fn further(after: &str) -> Option<String> {
    let (_, rest) = line_of(after, NETWORK_BYTES_MAX).split_once(": ")?;
    let value = word_at(rest)?;
    (likeness(&value) == Some(Confidence::High) && (is_strong(&value) || is_distinct(&value)))
        .then_some(value)
}

/// `pw: …`, `pass = …`: a short word, which only a sign makes one for a password.
pub(super) fn short_word(place: Place<'_>) -> Option<FoundSecret> {
    // "pw: …", "pw till zip-filen: …"; a pass is many other things.
    let reach = if place.mark == "pw" { WORDS_BETWEEN_BYTES_MAX } else { 1 };
    let said = place.after.find([':', '=', '\n']).filter(|at| *at <= reach);
    let said = said.and_then(|at| place.after.get(at..)).unwrap_or_default();
    if place.before().is_some_and(is_in_name)
        || place.after.starts_with(is_in_name)
        || !said.starts_with([':', '='])
    {
        return None;
    }
    let of_network = matches!(place.mark, "psk" | "wpa" | "wpa2");
    let value = assigned(place.after).filter(|value| {
        is_strong(value)
            || of_network && value.len() >= NETWORK_KEY_MIN && likeness(value).is_some()
    })?;
    // Tests pass, and shops have codes; what stands behind a user's name is neither.
    let has_sign = value.contains(|letter: char| "!#%&?$*+§€".contains(letter));
    let earlier = fold::folded(place.earlier);
    let has_user = USERS.iter().any(|word| earlier.contains(word));
    if matches!(place.mark, "pass" | "kode" | "ss") && !has_sign && !has_user {
        return None;
    }
    secret(Secret::Password, Confidence::High, &value)
}

/// `wifi: nätverk Gäst-5G, nyckel sommarregn2025`: the network first, and then what opens it.
pub(super) fn network(place: Place<'_>) -> Option<FoundSecret> {
    if place.goes_on_word() {
        return None;
    }
    // The key may stand below the name.
    let below = place.after.match_indices('\n').nth(1).map_or(place.after.len(), |(at, _)| at);
    let end = below.min(NETWORK_BYTES_MAX);
    let line = place.after.get(..place.after.floor_char_boundary(end))?;
    if let Some(value) = behind_network(place.after) {
        return secret(Secret::Password, Confidence::Medium, &value);
    }
    let key = NETWORK_KEYS.iter().find_map(|word| {
        let (before, rest) = line.split_once(word)?;
        let whole = !before.ends_with(char::is_alphanumeric) && rest.starts_with([' ', ':', '=']);
        whole.then_some(rest)
    })?;
    let is_one = |value: &String| {
        let digits = value.len() >= NETWORK_KEY_MIN && is_digits(value);
        is_strong(value) || digits || is_chain(value)
    };
    let value = assigned(key).or_else(|| next_word(key)).filter(is_one)?;
    secret(Secret::Password, Confidence::Medium, &value)
}

/// `internet: Telia-A83F21 / 7f3kQm92Xs`: the name and the key, as a label has them; two names have hyphens.
fn behind_network(after: &str) -> Option<String> {
    let line = line_of(after.strip_prefix(':')?, NETWORK_BYTES_MAX);
    let (name, rest) = line.split_once(" / ")?;
    let is_named = name.split_whitespace().count() <= NETWORK_WORDS_MAX;
    word_at(rest).filter(|value| {
        is_named && is_strong(value) && value.len() >= NETWORK_KEY_MIN && !value.contains('-')
    })
}

/// `curl -u name:secret`, `sshpass -p secret`.
pub(super) fn in_command(place: Place<'_>) -> Option<FoundSecret> {
    let value = next_word(place.after)?;
    let value = value.split_once(':').map_or(value.as_str(), |(_, word)| word);
    let confidence = likeness(value).filter(|confidence| *confidence > Confidence::Low)?;
    secret(Secret::Password, confidence, value)
}

/// `mysql -u backup -pSn0storm crm`: the option and what it is told, in one piece.
pub(super) fn in_option(place: Place<'_>) -> Option<FoundSecret> {
    let (_, rest) = line_of(place.after, NETWORK_BYTES_MAX).split_once(" -p")?;
    let value = rest.split_whitespace().next().unwrap_or_default().trim_matches(['"', '\'']);
    let is_one = !rest.starts_with(' ') && value.len() >= 5 && likeness(value).is_some();
    is_one.then(|| secret(Secret::Password, Confidence::High, value)).flatten()
}

/// Digits alone, enough of them for a password.
fn is_number(value: &str) -> bool {
    // "expires: 20261231"
    let is_day = value.len() == 8 && (value.starts_with("19") || value.starts_with("20"));
    value.len() >= NUMBER_MIN && is_digits(value) && !is_monotonous(value) && !is_day
}

/// `https://user:secret@host`.
pub(super) fn in_address(place: Place<'_>) -> Option<FoundSecret> {
    let is_of_it = |letter: &char| !letter.is_whitespace() && !"/?#<>\"'".contains(*letter);
    let letters = place.after.chars().take(200).take_while(is_of_it);
    let address = place.after.get(..letters.map(char::len_utf8).sum())?;
    let (user, _host) = address.rsplit_once('@')?;
    let (_, word) = user.split_once(':')?;
    (word.len() >= 4 && !is_a_stand_in(word))
        .then(|| secret(Secret::Password, Confidence::High, word))
        .flatten()
}

/// `lösenordet fiskmås42`, `bytt lösenord till Majsol!25`, or in the next line with nothing else: no sign says so, so it must look like nothing else.
fn beside(after: &str) -> Option<String> {
    let after = after.get(..after.floor_char_boundary(BESIDE_BYTES_MAX)).unwrap_or(after);
    let below = after.trim_start_matches([' ', '\t', ':', '*', '_']);
    let value = match below.strip_prefix("\r\n").or_else(|| below.strip_prefix('\n')) {
        Some(rest) => {
            let line = rest.lines().find(|line| !line.trim().is_empty())?.trim();
            (!line.contains(' ')).then(|| line.to_string())?
        }
        None => {
            let after = after.trim_start_matches(['"', '\'', '*', '_']);
            let led = [" -", " –", " till", " to", " til", " on"]
                .iter()
                .find_map(|word| after.strip_prefix(word).filter(|rest| rest.starts_with(' ')));
            // "The password to server01": a place has no capital and sign in it.
            let led = led.filter(|rest| next_word(rest).is_some_and(|word| is_made_up(&word)));
            let after = led.unwrap_or(after);
            // "Jag bytte lösenord på datorn, det är nu hundkoja99".
            let near = line_of(after, NETWORK_BYTES_MAX);
            let mut now = NOW.iter().chain(BECAME);
            let now = now.find_map(|word| near.split_once(word)?.1.strip_prefix(' '));
            let value = now.map_or_else(|| next_word(after), word_at)?;
            if now.is_some() && is_number(&value) {
                return Some(value);
            }
            value
        }
    };
    is_strong(&value).then_some(value)
}

/// What the key of a network is called, behind its name.
const NETWORK_KEYS: &[&str] = &[
    "nyckeln till det",
    "nyckeln",
    "nyckel",
    "avaimella",
    "avain",
    "nøkkelen",
    "nøglen",
    "nøkkel",
    "nøgle",
    "key",
    "lösenordet",
    "lösenord",
    "passord",
    "kodeord",
    "adgangskode",
    "password",
    "kode",
    "kod",
    "salasana",
];
/// Before what a password has become.
const NOW: &[&str] =
    &["är nu", "är numera", "er nå", "er nu", "is now", "on nyt", "det är", "det er"];
/// Of a line that tells of a network, or of what a password has become.
const NETWORK_BYTES_MAX: usize = 90;
const WORDS_BETWEEN_BYTES_MAX: usize = 32;
/// From the word for a password to one that stands in the next line.
const BESIDE_BYTES_MAX: usize = 240;
/// Behind "password_" where it is none.
const ABOUT: &[&str] = &[
    "hint",
    "label",
    "placeholder",
    "help",
    "min",
    "max",
    "policy",
    "wrong",
    "title",
    "text",
    "reset",
    "length",
    "error",
    "expired",
    "manager",
    "field",
];
/// A manual speaks, folded.
const EXAMPLES: &[&str] = &["exempel", "eksempel", "esimerk", "example", "illustration"];
const EXAMPLE_BYTES: usize = 50;
/// Before a short word for a password: who logs in, folded.
const USERS: &[&str] = &[
    "user:",
    "user ",
    "username",
    "bruker:",
    "brukernavn",
    "bruger:",
    "brugernavn",
    "anvandare",
    "anvandarnamn",
    "tunnus",
    "konto:",
    "kundenr",
    "kundnr",
    "kundnummer",
    "login:",
    "inlogg",
    "ssid",
    "network:",
    "netvaerk",
    "nettverk",
    "natverk",
];
const PHRASE_MIN: usize = 12;
/// Digits alone.
const NUMBER_MIN: usize = 6;
const NETWORK_WORDS_MAX: usize = 3;
/// The ends by which words for a password are found within others, and how each begins, folded.
const ENDS: &[(&str, &str)] =
    &[("senord", "lo"), ("ssord", "pa"), ("ssword", "pa"), ("gskode", "adgan"), ("lasana", "sa")];
