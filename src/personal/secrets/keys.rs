//! Keys of programs: by how their makers begin them, and by the word before them.

use super::{
    FoundSecret, Place, Secret, secret,
    value::{assigned, is_monotonous, line_of, next_word},
};
use crate::personal::Confidence;

/// `-----BEGIN RSA PRIVATE KEY-----` with a body.
pub(super) fn pem(place: Place<'_>) -> Option<FoundSecret> {
    let line = place.after.get(..place.after.find("-----")?)?;
    let is_private =
        line.len() <= 30 && line.ends_with("PRIVATE KEY") || line == "PGP PRIVATE KEY BLOCK";
    let body = place.after.get(line.len() + 5..)?;
    let body: String = body
        .chars()
        .take(400)
        .filter(|letter| letter.is_ascii_alphanumeric() || "+/=".contains(*letter))
        .collect();
    if !is_private || body.len() < PEM_BODY_MIN {
        return None;
    }
    secret(Secret::PrivateKey, Confidence::High, &body)
}

/// A key that begins with its maker's mark.
pub(super) fn api_key(place: Place<'_>) -> Option<FoundSecret> {
    let (_, length, symbols) = MAKERS.iter().find(|(mark, ..)| *mark == place.mark)?;
    if place.written != place.mark
        || place.before().is_some_and(|letter| letter.is_ascii_alphanumeric())
    {
        return None;
    }
    let is_of_it = |letter: &char| letter.is_ascii_alphanumeric() || symbols.contains(*letter);
    let rest: String = place.after.chars().take(MAKER_KEY_MAX).take_while(is_of_it).collect();
    let digits = rest.chars().any(|letter| letter.is_ascii_digit());
    // Amazon's have one length, and capitals; anything else is a piece of something longer.
    let of_amazon = matches!(place.mark, "AKIA" | "ASIA");
    if of_amazon
        && (rest.len() != *length || rest.chars().any(|letter| letter.is_ascii_lowercase()))
    {
        return None;
    }
    if rest.len() < *length || !(digits || rest.len() > 30) || is_monotonous(&rest) {
        return None;
    }
    secret(Secret::ApiKey, Confidence::High, &format!("{}{rest}", place.mark))
}

/// A JSON web token: two parts of JSON and a signature.
pub(super) fn token(place: Place<'_>) -> Option<FoundSecret> {
    if place.written != place.mark
        || place.before().is_some_and(|letter| letter.is_ascii_alphanumeric())
    {
        return None;
    }
    let is_of_it = |letter: &char| letter.is_ascii_alphanumeric() || "-_.".contains(*letter);
    let rest: String = place.after.chars().take(4_096).take_while(is_of_it).collect();
    let mut parts = rest.split('.');
    let (first, second, third) = (parts.next()?, parts.next()?, parts.next()?);
    let whole = first.len() >= 10 && second.starts_with("eyJ") && third.len() >= 16;
    whole.then(|| secret(Secret::ApiKey, Confidence::High, &rest)).flatten()
}

/// `api_key = …` with a long random value.
pub(super) fn assigned_key(place: Place<'_>) -> Option<FoundSecret> {
    // A signed link to a store works for whoever has it; anything else may be called so.
    let in_link = place.before().is_some_and(|letter| "?&".contains(letter));
    if place.mark == SIGNATURE && !in_link {
        return None;
    }
    let value = assigned(place.after)?;
    if place.mark == SIGNATURE && value.len() < SIGNATURE_MIN {
        return None;
    }
    is_key(&value, ASSIGNED_MIN, "-_./+=%~")
        .then(|| secret(Secret::ApiKey, Confidence::Medium, &value))
        .flatten()
}

/// So long, of letters, digits and these signs, letters and digits both.
fn is_key(value: &str, bytes_min: usize, signs: &str) -> bool {
    value.len() >= bytes_min
        && value.chars().all(|letter| letter.is_ascii_alphanumeric() || signs.contains(letter))
        && value.chars().any(|letter| letter.is_ascii_digit())
        && value.chars().any(char::is_alphabetic)
        && !is_monotonous(value)
}

/// `Bearer eyJ…`, `Authorization: Bearer …`: what a program shows.
pub(super) fn bearer(place: Place<'_>) -> Option<FoundSecret> {
    let after = place.after;
    assigned_key(place).or_else(|| {
        let value = next_word(after).filter(|value| is_key(value, BEARER_MIN, "-_./+=~"))?;
        secret(Secret::ApiKey, Confidence::Medium, &value)
    })
}

/// `msg_live_9xTq27LvZc4RkWm8YpBd1HnE`: a word for whose it is, one for where it works, and letters and digits in no order.
pub(super) fn of_place(place: Place<'_>) -> Option<FoundSecret> {
    let sign = place.before().filter(|sign| "_-".contains(*sign))?;
    let before = place.earlier.strip_suffix(sign)?;
    let name = before.rsplit(|letter: char| !letter.is_ascii_alphanumeric()).next()?;
    let rest = place.after.chars().take_while(char::is_ascii_alphanumeric);
    let rest: String = rest.take(MAKER_KEY_MAX).collect();
    let has = |is: fn(&char) -> bool| rest.chars().any(|letter| is(&letter));
    let is_one = (2..=6).contains(&name.len())
        && is_key(&rest, BEARER_MIN, "")
        && has(char::is_ascii_uppercase)
        && has(char::is_ascii_lowercase);
    let value = format!("{name}{sign}{}{rest}", place.written);
    is_one.then(|| secret(Secret::ApiKey, Confidence::Medium, &value)).flatten()
}

/// `curl "https://…&key=…"`: what a program is called with.
pub(super) fn in_call(place: Place<'_>) -> Option<FoundSecret> {
    let line = line_of(place.after, CALL_BYTES_MAX);
    let ends = |letter: char| letter.is_whitespace() || "&\"'#".contains(letter);
    let value = IN_CALL.iter().find_map(|name| {
        let (_, rest) = line.split_once(name)?;
        rest.split(ends).next().filter(|value| is_key(value, BEARER_MIN, "-_.~"))
    })?;
    let is_whole = !place.goes_on_word();
    is_whole.then(|| secret(Secret::ApiKey, Confidence::Medium, value)).flatten()
}

/// `PuTTY-User-Key-File-3:` with its private lines, `PrivateKey = …` of WireGuard.
pub(super) fn other_private_key(place: Place<'_>) -> Option<FoundSecret> {
    let body: String = match place.mark {
        "Private-Lines:" => {
            let lines = place.after.lines().skip(1).take(8);
            lines.take_while(|line| !line.contains(':')).map(str::trim).collect()
        }
        _ => assigned(place.after).filter(|value| value.len() == 44 && value.ends_with('='))?,
    };
    let is_of_it = |letter: char| letter.is_ascii_alphanumeric() || "+/=".contains(letter);
    let whole = body.len() >= 40 && body.chars().all(is_of_it) && !is_monotonous(&body);
    whole.then(|| secret(Secret::PrivateKey, Confidence::High, &body)).flatten()
}

/// `Authorization: Basic …`: a name and a password, coded.
pub(super) fn basic(place: Place<'_>) -> Option<FoundSecret> {
    let value = next_word(place.after)?;
    let decoded = data_encoding::BASE64.decode(value.as_bytes()).ok()?;
    let decoded = String::from_utf8(decoded).ok()?;
    let (name, word) = decoded.split_once(':')?;
    let is_one = !name.is_empty() && word.len() >= 4 && !decoded.contains(char::is_control);
    is_one.then(|| secret(Secret::Password, Confidence::High, word)).flatten()
}

/// `7095113226:AA…` of Telegram: a number before the mark, and 33 more behind it.
pub(super) fn of_telegram(place: Place<'_>) -> Option<FoundSecret> {
    let number = place.earlier.strip_suffix(':')?;
    let digits = number.bytes().rev().take_while(u8::is_ascii_digit).count();
    let is_of_it = |letter: &char| letter.is_ascii_alphanumeric() || "-_".contains(*letter);
    let rest: String = place.after.chars().take(TELEGRAM_REST + 1).take_while(is_of_it).collect();
    let is_one = place.written == place.mark
        && (8..=10).contains(&digits)
        && rest.len() == TELEGRAM_REST
        && !is_monotonous(&rest);
    is_one.then(|| secret(Secret::ApiKey, Confidence::High, &format!("AA{rest}"))).flatten()
}

/// `…-us14` of Mailchimp: 32 digits of base 16 before the mark.
pub(super) fn of_mailchimp(place: Place<'_>) -> Option<FoundSecret> {
    let before = place.earlier.strip_suffix('-')?;
    let is_hex = |byte: &u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(byte);
    let digits = before.bytes().rev().take_while(is_hex).count();
    let key = before.get(before.len() - digits..)?;
    let is_one = digits == HEX_KEY
        && !is_monotonous(key)
        && place.after.starts_with(|letter: char| letter.is_ascii_digit());
    is_one.then(|| secret(Secret::ApiKey, Confidence::High, key)).flatten()
}

/// `SK` and 32 digits of base 16, of Twilio.
pub(super) fn of_twilio(place: Place<'_>) -> Option<FoundSecret> {
    let is_of_it = |letter: &char| letter.is_ascii_alphanumeric();
    let rest: String = place.after.chars().take(HEX_KEY + 1).take_while(is_of_it).collect();
    let is_one = place.written == place.mark
        && !place.goes_on_word()
        && rest.len() == HEX_KEY
        && rest.chars().all(|letter| letter.is_ascii_digit() || ('a'..='f').contains(&letter))
        && !is_monotonous(&rest);
    is_one.then(|| secret(Secret::ApiKey, Confidence::High, &format!("SK{rest}"))).flatten()
}

/// How a maker's keys begin, how much follows at least, and what may stand in it besides letters and digits.
pub(super) const MAKERS: &[(&str, usize, &str)] = &[
    ("AKIA", 16, ""),
    ("ASIA", 16, ""),
    ("AIza", 35, "-_"),
    ("ghp_", 36, ""),
    ("gho_", 36, ""),
    ("ghs_", 36, ""),
    ("ghu_", 36, ""),
    ("github_pat_", 40, "_"),
    ("glpat-", 20, "-_"),
    ("xoxb-", 20, "-"),
    ("xoxp-", 20, "-"),
    ("xoxa-", 20, "-"),
    ("sk_live_", 20, ""),
    ("rk_live_", 20, ""),
    ("sk-ant-", 30, "-_"),
    ("sk-proj-", 30, "-_"),
    ("SG.", 40, "-_."),
    ("npm_", 36, ""),
    ("pypi-", 50, "-_"),
    ("dop_v1_", 60, ""),
    ("hf_", 30, ""),
    ("shpat_", 32, ""),
    ("AGE-SECRET-KEY-1", 50, ""),
    ("whsec_", 30, "+/="),
    ("key-", 32, ""),
    ("GOCSPX-", 28, "-_"),
    ("hooks.slack.com/services/", 30, "/"),
    ("discord.com/api/webhooks/", 60, "/-_"),
];

/// What an address tells a key by.
const IN_CALL: &[&str] = &["?key=", "&key=", "apikey=", "api_key=", "token=", "appid="];
const CALL_BYTES_MAX: usize = 400;
const PEM_BODY_MIN: usize = 64;
const ASSIGNED_MIN: usize = 16;
const BEARER_MIN: usize = 20;

/// Of Azure's signed links: `…&sig=…`.
pub(super) const SIGNATURE: &str = "sig";

const SIGNATURE_MIN: usize = 40;
const MAKER_KEY_MAX: usize = 300;
const TELEGRAM_REST: usize = 33;
const HEX_KEY: usize = 32;
