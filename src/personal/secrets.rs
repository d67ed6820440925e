//! Secrets in text: private keys, API keys, passwords.
//!
//! Keys are known by how their makers begin them, and by what must follow; a password by the word before it, and by looking like one. A word for a password
//! and nothing like one behind it is talk about passwords.

use super::{Confidence, fold, lexicon::Lexicon};
use crate::base::{hidden::Hidden, limits};

/// What kind of secret. Its word is the kind in JSON, for ever.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Secret {
    /// A private key in PEM.
    PrivateKey,
    /// A key of a service.
    ApiKey,
    /// A password.
    Password,
}

/// A secret in a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct FoundSecret {
    /// What.
    pub(super) kind: Secret,
    /// How sure.
    pub(super) confidence: Confidence,
    /// The secret.
    pub(super) value: Hidden<String>,
}

impl Secret {
    /// `secret.api-key`.
    pub(super) fn word(self) -> &'static str {
        match self {
            Secret::PrivateKey => "secret.private-key",
            Secret::ApiKey => "secret.api-key",
            Secret::Password => "secret.password",
        }
    }
}

/// Finds secrets.
pub(super) struct Secrets {
    lexicon: Lexicon,
    marks: Vec<(Read, &'static str)>,
}

impl Secrets {
    /// With all marks there are.
    pub(super) fn new() -> Secrets {
        let of_maker: Read = api_key;
        let makers = MAKERS.iter().map(|(mark, ..)| (of_maker, *mark));
        let others =
            READERS.iter().flat_map(|(read, marks)| marks.iter().map(|mark| (*read, *mark)));
        let marks: Vec<(Read, &'static str)> = makers.chain(others).collect();
        let lexicon = Lexicon::of_last_parts(marks.iter().map(|(_, mark)| *mark));
        Secrets { lexicon, marks }
    }

    /// The secrets of a text, each value once.
    pub(super) fn find(&self, text: &str) -> Vec<FoundSecret> {
        let mut places = Vec::new();
        self.lexicon.find(text.as_bytes(), |id, place| {
            let mark = self.marks.get(id).copied();
            places.extend(mark.map(|(read, mark)| (place.end, place.start, read, mark)));
        });
        within(text.as_bytes(), |start, (read, mark)| {
            places.push((start + mark.len(), start, *read, *mark));
        });
        places.sort_by_key(|(end, start, ..)| (*end, *start));
        let mut found: Vec<FoundSecret> = Vec::new();
        for (end, start, read, mark) in places.into_iter().take(limits::SECRET_MARKS_MAX) {
            // Makers' marks have their letters; the words have any.
            let written = text.get(start..end).unwrap_or_default();
            let before = text.get(..start).and_then(|before| before.chars().next_back());
            let until = text.floor_char_boundary(end.saturating_add(AFTER_BYTES_MAX));
            let Some(after) = text.get(end..until) else { continue };
            let Some(secret) = read(Place { before, mark, written, after }) else { continue };
            if found.len() < limits::SECRETS_MAX
                && !found.iter().any(|known| known.value == secret.value)
            {
                found.push(secret);
            }
        }
        found
    }
}

/// Tells of the marks that no word begins with.
fn within(text: &[u8], mut tell: impl FnMut(usize, &(Read, &'static str))) {
    let mut at = 0;
    while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
        if rest.first_chunk().is_none_or(may_hold_mark) {
            for start in at..at + CHUNK_BYTES {
                let stands = |(_, mark): &&(Read, &str)| {
                    let there = text.get(start..start + mark.len());
                    there.is_some_and(|there| there.eq_ignore_ascii_case(mark.as_bytes()))
                };
                WITHIN.iter().filter(stands).for_each(|mark| tell(start, mark));
            }
        }
        at += CHUNK_BYTES;
    }
}

/// Do three characters stand there with which one of them begins? Without branches, so that the compiler may look at many bytes at once.
fn may_hold_mark(chunk: &[u8; CHUNK_BYTES + 2]) -> bool {
    let (first, second) = (chunk.iter(), chunk.iter().skip(1));
    let threes = first.zip(second).zip(chunk.iter().skip(2)).take(CHUNK_BYTES);
    threes.fold(false, |seen, ((first, second), third)| {
        let is = |three: &[u8; 3]| {
            (first | 0x20 == three[0]) & (second | 0x20 == three[1]) & (third | 0x20 == three[2])
        };
        seen | is(b"://") | is(b"api") | is(b"bea")
    })
}

/// Looked at in one go.
const CHUNK_BYTES: usize = 64;

/// Where a mark stands.
struct Place<'a> {
    before: Option<char>,
    mark: &'static str,
    /// As it stands there.
    written: &'a str,
    after: &'a str,
}

fn secret(kind: Secret, confidence: Confidence, value: &str) -> Option<FoundSecret> {
    Some(FoundSecret { kind, confidence, value: Hidden::new(kind.word(), value.to_string()) })
}

/// `-----BEGIN RSA PRIVATE KEY-----` with a body.
fn pem(place: Place<'_>) -> Option<FoundSecret> {
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
fn api_key(place: Place<'_>) -> Option<FoundSecret> {
    let (_, length, symbols) = MAKERS.iter().find(|(mark, ..)| *mark == place.mark)?;
    if place.written != place.mark
        || place.before.is_some_and(|letter| letter.is_ascii_alphanumeric())
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
fn token(place: Place<'_>) -> Option<FoundSecret> {
    if place.written != place.mark
        || place.before.is_some_and(|letter| letter.is_ascii_alphanumeric())
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
fn assigned_key(place: Place<'_>) -> Option<FoundSecret> {
    // A signed link to a store works for whoever has it; anything else may be called so.
    let in_link = place.before.is_some_and(|letter| "?&".contains(letter));
    if place.mark == SIGNATURE && !in_link {
        return None;
    }
    let value = assigned(place.after)?;
    if place.mark == SIGNATURE && value.len() < SIGNATURE_MIN {
        return None;
    }
    is_key(&value, ASSIGNED_MIN, "-_./+=%")
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

/// What follows the ending of a word, as of lösenordet, salasanasi, passwords; none where it is longer than this many bytes.
fn behind_ending(after: &str, bytes_max: usize) -> Option<&str> {
    let letters = after.chars().take_while(|letter| letter.is_alphabetic());
    let ending: usize = letters.map(char::len_utf8).sum();
    after.get(ending..).filter(|_| ending <= bytes_max)
}

/// Does it go on a name of a file or a part, of which a short word is a piece?
fn is_in_name(letter: char) -> bool {
    letter.is_alphanumeric() || "-_/.".contains(letter)
}

/// `lösenord: …`, `the password is …`.
fn password(place: Place<'_>) -> Option<FoundSecret> {
    if place.before.is_some_and(char::is_alphabetic) {
        return None;
    }
    let after = behind_ending(place.after, PASSWORD_ENDING_MAX)?;
    let named = assigned(after).and_then(|value| Some((likeness(&value)?, value)));
    match named {
        Some((confidence, value)) => secret(Secret::Password, confidence, &value),
        None => secret(Secret::Password, Confidence::Medium, &beside(after)?),
    }
}

/// `pw: …`, `pass = …`: a short word, which only a sign makes one for a password.
fn short_word(place: Place<'_>) -> Option<FoundSecret> {
    // "pw: …", "pw till zip-filen: …"; a pass is many other things.
    let reach = if place.mark == "pw" { WORDS_BETWEEN_BYTES_MAX } else { 1 };
    let said = place.after.find([':', '=', '\n']).filter(|at| *at <= reach);
    let said = said.and_then(|at| place.after.get(at..)).unwrap_or_default();
    if place.before.is_some_and(is_in_name)
        || place.after.starts_with(is_in_name)
        || !said.starts_with([':', '='])
    {
        return None;
    }
    let value = assigned(place.after).filter(|value| is_strong(value))?;
    // Tests pass, and shops have codes.
    let has_sign = value.contains(|letter: char| "!#%&?$*+§€".contains(letter));
    if matches!(place.mark, "pass" | "kode") && !has_sign {
        return None;
    }
    secret(Secret::Password, Confidence::High, &value)
}

/// `PIN: 4471`, `PIN for the card: 4471`; pins of plugs have no colon.
fn short_code(place: Place<'_>) -> Option<FoundSecret> {
    let value = assigned(place.after)?;
    let is_one = place.written == "PIN"
        && !place.before.is_some_and(is_in_name)
        && (4..=5).contains(&value.len())
        && value.bytes().all(|byte| byte.is_ascii_digit());
    is_one.then(|| secret(Secret::Password, Confidence::Medium, &value)).flatten()
}

/// `wifi: nätverk Gäst-5G, nyckel sommarregn2025`: the network first, and then what opens it.
fn network(place: Place<'_>) -> Option<FoundSecret> {
    if place.before.is_some_and(char::is_alphanumeric) {
        return None;
    }
    let end = place.after.find('\n').unwrap_or(place.after.len()).min(NETWORK_BYTES_MAX);
    let line = place.after.get(..place.after.floor_char_boundary(end))?;
    let key = NETWORK_KEYS.iter().find_map(|word| {
        let (before, rest) = line.split_once(word)?;
        let whole = !before.ends_with(char::is_alphanumeric) && rest.starts_with([' ', ':', '=']);
        whole.then_some(rest)
    })?;
    let value = assigned(key).or_else(|| next_word(key)).filter(|value| is_strong(value))?;
    secret(Secret::Password, Confidence::Medium, &value)
}

/// `PIN-kod: 4471`, `koden till larmet är 552917`: digits alone.
fn code(place: Place<'_>) -> Option<FoundSecret> {
    if place.before.is_some_and(char::is_alphanumeric) {
        return None;
    }
    let ending_max = if place.mark == "puk" { 0 } else { PASSWORD_ENDING_MAX };
    let after = behind_ending(place.after, ending_max)?;
    // Places in India have PIN codes of six digits.
    let is_postal = place.mark.starts_with("pin") && place.mark.ends_with("code");
    let is_code = |value: &String| {
        (4..=8).contains(&value.len())
            && !(is_postal && value.len() == 6)
            && value.bytes().all(|byte| byte.is_ascii_digit())
    };
    let value = assigned(after).or_else(|| next_word(after));
    let value = value.map(|value| value.trim_end_matches(['#', '*']).to_string());
    let value = value.filter(is_code)?;
    secret(Secret::Password, Confidence::Medium, &value)
}

/// `Bearer eyJ…`, `Authorization: Bearer …`: what a program shows.
fn bearer(place: Place<'_>) -> Option<FoundSecret> {
    let after = place.after;
    assigned_key(place).or_else(|| {
        let value = next_word(after).filter(|value| is_key(value, BEARER_MIN, "-_./+="))?;
        secret(Secret::ApiKey, Confidence::Medium, &value)
    })
}

/// `PuTTY-User-Key-File-3:` with its private lines, `PrivateKey = …` of WireGuard.
fn other_private_key(place: Place<'_>) -> Option<FoundSecret> {
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

/// `curl -u name:secret`, `sshpass -p secret`.
fn in_command(place: Place<'_>) -> Option<FoundSecret> {
    let value = next_word(place.after)?;
    let value = value.split_once(':').map_or(value.as_str(), |(_, word)| word);
    let confidence = likeness(value).filter(|confidence| *confidence > Confidence::Low)?;
    secret(Secret::Password, confidence, value)
}

/// The word that stands next, on the line.
fn next_word(after: &str) -> Option<String> {
    let rest = after.strip_prefix([' ', '\t', '|', '\u{a0}'])?;
    let rest = rest.trim_start_matches([' ', '\t', '|', '"', '\'', '`', '“', '”', '«', '*', '_']);
    let ends = |letter: char| letter.is_whitespace() || "\"'`“”»<|".contains(letter);
    let value: String =
        rest.chars().take(VALUE_MAX + 1).take_while(|letter| !ends(*letter)).collect();
    let value = value.trim_end_matches(['.', ',', ';', ')', '*', '_']);
    (!value.is_empty() && value.chars().count() <= VALUE_MAX).then(|| value.to_string())
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
            let near = after.find('\n').unwrap_or(after.len()).min(NETWORK_BYTES_MAX);
            let near = after.get(..after.floor_char_boundary(near)).unwrap_or_default();
            let now = NOW.iter().find_map(|word| near.split_once(word).map(|(_, rest)| rest));
            let now = now.map(|rest| format!(" {rest}"));
            next_word(now.as_deref().unwrap_or(after))?
        }
    };
    is_strong(&value).then_some(value)
}

/// Capital and small letters, and a sign: no place is called so.
fn is_made_up(value: &str) -> bool {
    value.chars().any(char::is_uppercase)
        && value.chars().any(char::is_lowercase)
        && value.contains(|letter: char| {
            letter.is_ascii_punctuation() && letter != '-' && letter != '_'
        })
}

/// `keepass2`, `sha-256`, and not `Shadow99`.
fn is_named_so(folded: &str, name: &str) -> bool {
    let rest = folded.strip_prefix(name);
    rest.is_some_and(|rest| !rest.starts_with(|letter: char| letter.is_ascii_alphabetic()))
}

/// Does it look like a password and like nothing else?
fn is_strong(value: &str) -> bool {
    likeness(value) == Some(Confidence::High)
        && !value.contains(['=', ':', '/', '@', '.', '<', '>'])
}

/// `https://user:secret@host`.
fn in_address(place: Place<'_>) -> Option<FoundSecret> {
    let is_of_it = |letter: &char| !letter.is_whitespace() && !"/?#<>\"'".contains(*letter);
    let letters = place.after.chars().take(200).take_while(is_of_it);
    let address = place.after.get(..letters.map(char::len_utf8).sum())?;
    let (user, _host) = address.rsplit_once('@')?;
    let (_, word) = user.split_once(':')?;
    (word.len() >= 4 && !is_a_stand_in(word))
        .then(|| secret(Secret::Password, Confidence::High, word))
        .flatten()
}

/// What is said to be the value: behind a colon, an equals sign, or a word for "is".
fn assigned(after: &str) -> Option<String> {
    let mut rest = after.trim_start_matches([' ', '\t', '"', '\'', '*', '_', '\u{a0}']);
    // "lösenord för kontot är", "password for the server:": a few words between.
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
        if word == 0 || !next.starts_with([' ', ':', '=', '\t']) {
            return None;
        }
        rest = next.trim_start_matches([' ', '\t']);
    }
    let mut rest = match rest.strip_prefix([':', '=']) {
        Some(rest) => rest,
        None => {
            IS.iter().find(|is| begins_with_word(rest, is)).and_then(|is| rest.get(is.len()..))?
        }
    };
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
    let value = value.trim_end_matches(['.', ',', ';', ')', '"', '\'', '*']);
    (!value.is_empty() && value.chars().count() <= VALUE_MAX).then(|| value.to_string())
}

fn begins_with_word(text: &str, word: &str) -> bool {
    text.get(..word.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(word))
        && !text.get(word.len()..).is_some_and(|rest| rest.starts_with(char::is_alphanumeric))
}

/// Does it look like a password, and how much?
fn likeness(value: &str) -> Option<Confidence> {
    let length = value.chars().count();
    let digits_alone = length >= 4 && value.bytes().all(|byte| byte.is_ascii_digit());
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
        || value.starts_with("os.")
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
fn is_a_stand_in(value: &str) -> bool {
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

fn is_monotonous(value: &str) -> bool {
    let different: std::collections::HashSet<char> = value.chars().collect();
    different.len() <= 2
}

/// How a place is read.
type Read = fn(Place<'_>) -> Option<FoundSecret>;

/// Who reads what begins so. Letters of ASCII are meant in either case, the others are not, and stand in both.
const READERS: &[(Read, &[&str])] = &[
    (pem, &["-----BEGIN "]),
    (token, &["eyJ"]),
    (
        assigned_key,
        &[
            "api key",
            "api-key",
            "api_key",
            "api-nyckel",
            "api-avain",
            "api-nøkkel",
            "api-nØkkel",
            "api-nøgle",
            "api-nØgle",
            "secret key",
            "secret_key",
            "client secret",
            "client_secret",
            "access token",
            "access_token",
            "access key",
            "hemlig nyckel",
            "auth token",
        ],
    ),
    (
        password,
        &[
            "lösenord",
            "lÖsenord",
            "losenord",
            "lösen",
            "lÖsen",
            "salasana",
            "passord",
            "adgangskode",
            "kodeord",
            "password",
            "passwd",
            "pwd",
            "passphrase",
            "lykilorð",
            "lykilorÐ",
            "passwort",
            "kennwort",
            "wifi-kod",
            "inloggningskod",
            "kodord",
            "løsen",
            "lØsen",
            "tunnussana",
            "passcode",
            "nätverksnyckel",
            "nÄtverksnyckel",
            "wifi key",
            "network key",
            "nettverksnøkkel",
            "nettverksnØkkel",
            "netværksnøgle",
            "netvÆrksnØgle",
            "verkon avain",
            "wifi-avain",
        ],
    ),
    (short_code, &["pin"]),
    (network, &["wifi", "wi-fi", "wlan", "trådlöst", "trÅdlöst", "trådløst", "trÅdløst"]),
    (short_word, &["pw", "pass", "psw", "psk", "wpa2", "wpa", "kode"]),
    (
        code,
        &[
            "pinkod",
            "pin-kod",
            "pin kod",
            "pin-koodi",
            "pinkoodi",
            "pin code",
            "pin-code",
            "pinkode",
            "pin-kode",
            "puk-kod",
            "puk-kode",
            "puk-koodi",
            "puk code",
            "puk",
            "portkod",
            "portkode",
            "dörrkod",
            "dÖrrkod",
            "dørkode",
            "dØrkode",
            "larmkod",
            "alarmkode",
            "alarm code",
            "door code",
            "gate code",
            "ovikoodi",
            "hälyttimen koodi",
            "hÄlyttimen koodi",
            "hälytyskoodi",
            "hÄlytyskoodi",
            "koden till larmet",
            "koden till porten",
            "koden till dörren",
            "koden till dÖrren",
            "kode til alarmen",
            "koden til alarmen",
            "koden til døren",
            "koden til dØren",
            "code for the alarm",
            "code to the alarm",
        ],
    ),
    (assigned_key, &["accountkey", "access_key", "sharedaccesskey", "webhook secret", SIGNATURE]),
    (in_command, &["curl -u", "curl --user", "sshpass -p"]),
    (other_private_key, &["Private-Lines:", "PrivateKey"]),
];

/// What has no part that begins as a word does, and may stand within one.
const WITHIN: &[(Read, &str)] = &[
    (in_address, "://"),
    (assigned_key, "apikey"),
    (assigned_key, "apinyckel"),
    (bearer, "bearer"),
];

/// How a maker's keys begin, how much follows at least, and what may stand in it besides letters and digits.
const MAKERS: &[(&str, usize, &str)] = &[
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
];

/// Words for "is" in our languages.
const IS: &[&str] = &["är", "on", "er", "is", "ist", "lyder", "blir", "=>", "->"];
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
/// What the key of a network is called, behind its name.
const NETWORK_KEYS: &[&str] = &[
    "nyckeln",
    "nyckel",
    "avain",
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
    &["är nu ", "är numera ", "er nå ", "er nu ", "is now ", "on nyt ", "det är ", "det er "];
/// Of a line that tells of a network, or of what a password has become.
const NETWORK_BYTES_MAX: usize = 90;
const WORDS_BETWEEN_BYTES_MAX: usize = 32;
/// From the word for a password to one that stands in the next line.
const BESIDE_BYTES_MAX: usize = 240;
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
/// What a reader sees behind a mark: the longest token, and more than the lines of a key that tell it.
const AFTER_BYTES_MAX: usize = 8 << 10;
/// Between the word for a password and "is" no word is longer.
const WORD_CHARS_MAX: usize = 64;
const PEM_BODY_MIN: usize = 64;
const ASSIGNED_MIN: usize = 16;
const BEARER_MIN: usize = 20;
/// Of Azure's signed links: `…&sig=…`.
const SIGNATURE: &str = "sig";
const SIGNATURE_MIN: usize = 40;
const MAKER_KEY_MAX: usize = 300;
const PASSWORD_MIN: usize = 6;
const PASSWORD_MAX: usize = 64;
const VALUE_MAX: usize = 128;
/// "-kkeenne" and the like.
const PASSWORD_ENDING_MAX: usize = 12;
const WORDS_BETWEEN_MAX: usize = 5;

#[cfg(test)]
mod tests {
    use super::*;

    fn told(text: &str) -> Vec<String> {
        Secrets::new()
            .find(text)
            .iter()
            .map(|one| {
                format!("{} {} {}", one.kind.word(), one.confidence.word(), one.value.expose())
            })
            .collect()
    }

    #[test]
    fn keys_by_their_makers_marks() {
        // Each put together here, so that no scanner of sources takes them for real ones.
        for (mark, rest) in [
            ("AKIA", "IOSFODNN7EXAMPLE"),
            ("ghp_", "16C7e42F292c6912E7710c838347Ae178B4a"),
            ("xoxb-", "123456789012-abcdefABCDEF1"),
            ("glpat-", "a1b2c3d4e5f6g7h8i9j0"),
        ] {
            let key = format!("{mark}{rest}");
            assert_eq!(told(&format!("use {key}, please")), [format!("secret.api-key high {key}")]);
            assert_eq!(told(&format!("x{key}")), [""; 0], "in a word");
        }
        let body = "MIIEvQIBADANBgkqhkiG9w0BAQEFAASC".repeat(4);
        let pem = |what: &str| format!("-----BEGIN {what}-----\n{body}\n-----END {what}-----");
        assert_eq!(told(&pem("RSA PRIVATE KEY")).len(), 1);
        assert_eq!(told(&pem("PRIVATE KEY")).len(), 1);
        assert_eq!(told(&pem("PUBLIC KEY")), [""; 0]);
        assert_eq!(told("-----BEGIN PRIVATE KEY----- is how it begins"), [""; 0]);
        let token = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N";
        assert_eq!(told(token).len(), 1);
        assert_eq!(
            told("api_key = \"9f8e7d6c5b4a39281706\""),
            ["secret.api-key medium 9f8e7d6c5b4a39281706"]
        );
    }

    #[test]
    fn passwords_by_the_word_before_them() {
        for (text, want) in [
            ("Lösenord: Sommar2026!", "high Sommar2026!"),
            ("Ditt lösenord är Kanel-Bulle7.", "high Kanel-Bulle7"),
            ("LÖSENORD: Sommar2026!", "high Sommar2026!"),
            ("LYKILORÐ: Sumar2026!", "high Sumar2026!"),
            ("Salasanasi on Talvi#Kettu9", "high Talvi#Kettu9"),
            ("Salasana: kettu-88-Talo", "high kettu-88-Talo"),
            ("Passordet er Fjord!2024", "high Fjord!2024"),
            ("Adgangskode: rød&Grød12", "high rød&Grød12"),
            ("The password for the server is \"tr0ub4dor&3\".", "high tr0ub4dor&3"),
            ("password=hunter2x", "high hunter2x"),
            ("Password:\nXk29dkWq", "high Xk29dkWq"),
            ("user anna, lösenord för wifi: BlåKanin", "medium BlåKanin"),
            ("the password is WELCOME!", "medium WELCOME!"),
            ("git clone https://anna:s3cretword@git.example/x", "high s3cretword"),
        ] {
            assert_eq!(told(text), [format!("secret.password {want}")], "{text}");
        }
    }

    #[test]
    fn talk_about_passwords_is_none() {
        for text in [
            "Byt ditt lösenord innan fredag.",
            "Lösenordet är för kort.",
            "Lösenord: ********",
            "Password: <your password>",
            "Your password is expired.",
            "password: required",
            "Salasana on vanhentunut.",
            "Your password is case sensitive",
            "Passord: xxxxxx",
            "Har du glömt ditt lösenord? Klicka på https://example.org/reset?id=12",
            "https://example.org:8080/path",
            "ssh://git@example.org/x",
            "password = kzalloc(maxpwsize)",
            "The password is Hoover's secret",
            "Password: see main.cpp#L323",
            "",
        ] {
            assert_eq!(told(text), [""; 0], "{text}");
        }
    }

    #[test]
    fn passwords_without_a_sign_between_and_codes() {
        for (text, want) in [
            ("Logga in med lösenordet fiskmås42 i dag", "medium fiskmås42"),
            ("Jag har bytt lösenord till Majsol!25", "medium Majsol!25"),
            ("Lösenord\nfiskmås42\n", "medium fiskmås42"),
            ("| Lösenord | fiskmås42 |", "medium fiskmås42"),
            ("pw: fiskmås42", "high fiskmås42"),
            ("PIN-kod: 4471", "medium 4471"),
            ("Portkoden är 1984", "medium 1984"),
            ("Koden till larmet är 552917.", "medium 552917"),
        ] {
            assert_eq!(told(text), [format!("secret.password {want}")], "{text}");
        }
        for text in [
            "Lösenordet är BankID",
            "Password: Forgot?",
            "Password manager: KeePass2",
            "password: process.env.DB_PASSWORD",
            "Lösenord\nska ha 12 tecken\n",
            "password policy ISO27001",
            "pass 2 of 3",
            "https://idp.example.com/reset?token=7agQyiXQSO2xCKbzwLtNs268AL8voZl0",
        ] {
            assert_eq!(told(text), [""; 0], "{text}");
        }
    }

    #[test]
    fn keys_of_other_programs() {
        let key = "b2FtbGEgbnlja2VsbiBpIGVuIGdhbW1hbCBsw6VkYQ";
        for text in [
            format!("Private-Lines: 1\nAAAA{key}\nPrivate-MAC: 0123"),
            format!("AccountName=lager;AccountKey={key}A1=="),
            format!("curl -H 'Authorization: Bearer {key}1' https://api.example.com"),
        ] {
            assert_eq!(told(&text).len(), 1, "{text}");
        }
        assert_eq!(told("curl -u admin:c82sel1ob5PF https://api.example.com").len(), 1);
    }
}
