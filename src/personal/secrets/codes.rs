//! Codes of digits: PINs, doors, alarms, and what opens a disk or an account when all else is lost.

use super::{FoundSecret, Place, Secret, secret, value::*};
use crate::personal::{Confidence, fold};

/// `PIN: 4471`, `PIN for the card: 4471`; pins of plugs have no colon.
pub(super) fn short_code(place: Place<'_>) -> Option<FoundSecret> {
    let value = assigned(place.after)?;
    let is_one = place.written == "PIN"
        && !place.before().is_some_and(is_in_name)
        && (4..=5).contains(&value.len())
        && is_digits(&value);
    is_one.then(|| secret(Secret::Password, Confidence::Medium, &value)).flatten()
}

/// `PIN-kod: 4471`, `koden till larmet är 552917`: digits alone.
pub(super) fn code(place: Place<'_>) -> Option<FoundSecret> {
    if place.goes_on_word() {
        return None;
    }
    let after = behind_ending(place.after, PASSWORD_ENDING_MAX)?;
    // Places in India have PIN codes of six digits.
    let is_postal = place.mark.starts_with("pin") && place.mark.ends_with("code");
    let is_code = |value: &String| is_of_digits(value) && !(is_postal && value.len() == 6);
    let value = assigned(after).or_else(|| next_word(after.strip_prefix(',').unwrap_or(after)));
    let value = value.map(|value| value.trim_end_matches(['#', '*']).to_string());
    secret(Secret::Password, Confidence::Medium, &value.filter(is_code)?)
}

/// `it asked for the PUK after the power cut, use 20947715`: eight digits, on the line.
pub(super) fn puk(place: Place<'_>) -> Option<FoundSecret> {
    let line = line_of(place.after, PUK_BYTES_MAX);
    let mut words = line.split_whitespace().map(|word| word.trim_end_matches(['.', ',', ';']));
    let value = words.find(|word| word.len() == 8 && is_digits(word))?;
    let is_whole = !place.goes_on_word();
    is_whole.then(|| secret(Secret::Password, Confidence::Medium, value)).flatten()
}

/// `koden till bakdörren är 4902 från i morgon`: the code of something that is locked.
pub(super) fn door(place: Place<'_>) -> Option<FoundSecret> {
    if place.goes_on_word() {
        return None;
    }
    let line = line_of(place.after, DOOR_BYTES_MAX);
    // "from 1.4. on" goes on, "who had it. I said 2023" does not.
    let ends = |(at, _): &(usize, &str)| {
        line.get(..*at).is_some_and(|before| before.ends_with(char::is_alphabetic))
    };
    let end = line.match_indices(". ").find(ends).map_or(line.len(), |(at, _)| at);
    let line = line.get(..end).unwrap_or_default();
    let digits = |word: &&str| is_of_digits(word.trim_end_matches(['.', ',', '#', '*', '!', ':']));
    let value = line.split_whitespace().find(digits)?;
    let of = line.split_once(value).map(|(before, _)| fold::folded(before)).unwrap_or_default();
    // "ulko-oven koodi": whose it is stands before the word.
    let whose = format!("{} {of}", fold::folded(place.mark));
    let is_locked = DOORS.iter().any(|door| whose.contains(door));
    let value = value.trim_end_matches(['.', ',', '#', '*', '!', ':']);
    is_locked.then(|| secret(Secret::Password, Confidence::Medium, value)).flatten()
}

/// `slå 2580 och sedan fyrkant`: digits and a key of the pad.
pub(super) fn keypad(place: Place<'_>) -> Option<FoundSecret> {
    if place.goes_on_word() {
        return None;
    }
    let value = next_word(place.after).filter(|value| is_of_digits(value))?;
    let near = fold::folded(line_of(place.after, PAD_BYTES_MAX));
    let earlier = fold::folded(place.earlier);
    let said = earlier.rsplit(['\n', '.']).next().unwrap_or_default();
    let is_pad = PADS.iter().any(|word| near.contains(word))
        || MACHINES.iter().any(|word| near.contains(word) || said.contains(word));
    // What one keys in to take part in a call is for all who are asked to.
    (is_pad && !place.is_of_a_call())
        .then(|| secret(Secret::Password, Confidence::Medium, &value))
        .flatten()
}

/// `set the dials to 5-9-2-0`.
pub(super) fn dials(place: Place<'_>) -> Option<FoundSecret> {
    let after = place.after.strip_prefix(' ')?;
    let written: String = after
        .chars()
        .take_while(|letter| letter.is_ascii_digit() || " -".contains(*letter))
        .collect();
    let value: String = written.chars().filter(char::is_ascii_digit).collect();
    let is_one = (3..=6).contains(&value.len());
    is_one.then(|| secret(Secret::Password, Confidence::Medium, &value)).flatten()
}

/// `the safe hangs by the cellar door, the code is 1 5 0 9`: of something that is locked, named before.
pub(super) fn of_thing(place: Place<'_>) -> Option<FoundSecret> {
    let after = place.after.strip_prefix(' ').filter(|_| !place.goes_on_word())?;
    let end = after.find(|letter: char| !letter.is_ascii_digit() && letter != ' ');
    let written = after.get(..end.unwrap_or(after.len()))?.trim_end();
    let words: Vec<&str> = written.split(' ').collect();
    let single = words.len() > 1 && words.iter().all(|word| word.len() == 1);
    let value = if single { words.concat() } else { words.first()?.to_string() };
    let earlier = fold::folded(place.earlier);
    let mut things = DOORS.iter().chain(CARDS);
    let is_year = value.len() == 4 && (value.starts_with("19") || value.starts_with("20"));
    let is_one = is_of_digits(&value)
        && !is_year
        && things.any(|thing| earlier.contains(thing))
        && !place.is_of_a_call();
    is_one.then(|| secret(Secret::Password, Confidence::Medium, &value)).flatten()
}

/// `come in with the code 5038#`: digits and the key of the pad.
pub(super) fn with_hash(place: Place<'_>) -> Option<FoundSecret> {
    let value = next_word(place.after)?;
    let value = value.trim_end_matches('.').strip_suffix(['#', '*'])?;
    is_of_digits(value).then(|| secret(Secret::Password, Confidence::Medium, value)).flatten()
}

/// `vrid fram 7-0-3-9` of a key box: single digits, joined.
pub(super) fn wheels(place: Place<'_>) -> Option<FoundSecret> {
    let written = next_word(place.after)?;
    let digits: Vec<&str> = written.split('-').collect();
    let is_one = (4..=6).contains(&digits.len())
        && digits.iter().all(|one| one.len() == 1 && is_digits(one));
    is_one.then(|| secret(Secret::Password, Confidence::Medium, &digits.concat())).flatten()
}

/// The recovery key of a disk: eight numbers of six digits, which are sure where each is a multiple of eleven, or some groups of capitals and digits.
pub(super) fn of_disk(place: Place<'_>) -> Option<FoundSecret> {
    let end = place.after.floor_char_boundary(RECOVERY_BYTES_MAX);
    let words = place.after.get(..end)?.split_whitespace();
    let mut words = words.map(|word| word.trim_end_matches(['.', ',']));
    let (groups, value) = words.find_map(|word| {
        let groups: Vec<&str> = word.split('-').collect();
        let numbers =
            groups.len() == 8 && groups.iter().all(|one| one.len() == 6 && is_digits(one));
        let is_mixed = |group: &&str| {
            let mut letters = group.chars();
            (2..=6).contains(&group.len())
                && letters.all(|letter| letter.is_ascii_uppercase() || letter.is_ascii_digit())
        };
        let mixed = (5..=8).contains(&groups.len())
            && groups.iter().all(is_mixed)
            && word.len() >= MIXED_MIN
            && word.contains(|letter: char| letter.is_ascii_digit());
        ((numbers || mixed) && !is_monotonous(word)).then_some((groups, word))
    })?;
    let checks = |group: &&str| group.parse::<u32>().is_ok_and(|one| one.is_multiple_of(11));
    let confidence = if groups.iter().all(checks) { Confidence::High } else { Confidence::Medium };
    secret(Secret::Password, confidence, value)
}

/// Codes for once, three or more below each other.
pub(super) fn for_once(place: Place<'_>) -> Option<FoundSecret> {
    let end = place.after.floor_char_boundary(RECOVERY_BYTES_MAX);
    let is_code = |line: &&str| {
        let bare: String = line.chars().filter(|letter| !" -".contains(*letter)).collect();
        (8..=20).contains(&bare.len())
            && bare.chars().all(|letter| letter.is_ascii_alphanumeric())
            && bare.chars().filter(char::is_ascii_digit).count() >= 3
            && line.len() <= bare.len() + 4
    };
    let lines = place.after.get(..end)?.lines().map(str::trim);
    let codes: Vec<&str> = lines.filter(is_code).collect();
    let first = codes.first().filter(|_| codes.len() >= ONCE_MIN)?;
    secret(Secret::Password, Confidence::Medium, first)
}

/// What an app of one-time codes is set up with: base32, in one piece or in groups of four.
pub(super) fn seed(place: Place<'_>) -> Option<FoundSecret> {
    let end = place.after.floor_char_boundary(RECOVERY_BYTES_MAX);
    let mut value = String::new();
    for word in place.after.get(..end)?.split_whitespace() {
        let word = word.trim_end_matches(['.', ',', ';']);
        let is_of_it =
            word.chars().all(|letter| letter.is_ascii_uppercase() || ('2'..='7').contains(&letter));
        let goes_on = is_of_it && (word.len() == 4 || (value.is_empty() && word.len() >= SEED_MIN));
        if goes_on {
            value.push_str(word);
        }
        if !goes_on && value.len() >= SEED_MIN {
            break;
        }
        if !goes_on {
            value.clear();
        }
    }
    let is_one = value.len() >= SEED_MIN
        && value.chars().any(|letter| letter.is_ascii_digit())
        && !is_monotonous(&value);
    is_one.then(|| secret(Secret::ApiKey, Confidence::High, &value)).flatten()
}

/// Four to eight digits.
fn is_of_digits(value: &str) -> bool {
    (4..=8).contains(&value.len()) && is_digits(value)
}

/// What is locked, folded.
const DOORS: &[&str] = &[
    "dorr",
    "dor ",
    "doren",
    "dora",
    "port",
    "larm",
    "entre",
    "lokal",
    "garage",
    "grind",
    "forrad",
    "nokkel",
    "nogle",
    "nyckel",
    "kontor",
    "skap",
    "skab",
    "safe",
    "inngang",
    "indgang",
    "ingang",
    "kallar",
    "kjeller",
    "kaelder",
    "alarm",
    "door",
    "gate",
    "office",
    "shed",
    "key ",
    "building",
    "entrance",
    "padlock",
    "hanglas",
    "haeng",
    "henge",
    "oven",
    "portin",
    "avain",
    "varaston",
    "kellarin",
    "lukon",
    "bod",
    "soprum",
    "tvattstug",
    "miljorum",
    "back room",
    "ovikoodi",
];
/// Keys of a pad and what has one, folded.
const PADS: &[&str] = &[
    "fyrkant",
    "stjarn",
    "stjern",
    "knapp",
    "nappi",
    "nappia",
    "tick",
    "panel",
    "dosa",
    "button",
    "star ",
    "hash",
    "the square",
    "firkant",
    "risuaita",
    "tahti",
    "tahden",
    "larm",
    "alarm",
    "sirpp",
    "symbol",
    "bip",
    "ruutu",
];
/// Cards that ask for a code, folded.
const CARDS: &[&str] =
    &["kortet", "kort ", "bankkort", "kortti", "korttia", "debit card", "club card", "fuel card"];
/// What gives money or lets cars in for digits, and the screen of a lock, folded: named before the digits as well.
const MACHINES: &[&str] = &[
    "automaten",
    "automaat",
    "minibank",
    "bommen",
    "puomi",
    "cash machine",
    "lock screen",
    "brettet",
    "surfplattan",
];
/// Calls of many, folded.
pub(super) const CALLS: &[&str] = &[
    "join",
    "meeting",
    "mote",
    "conference",
    "konferens",
    "konferanse",
    "kokous",
    "delta",
    "dial in",
    "webinar",
];
const DOOR_BYTES_MAX: usize = 60;
const PUK_BYTES_MAX: usize = 80;
const PAD_BYTES_MAX: usize = 70;
const RECOVERY_BYTES_MAX: usize = 400;
const ONCE_MIN: usize = 3;
const MIXED_MIN: usize = 22;
const SEED_MIN: usize = 16;
