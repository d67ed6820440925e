//! The functions of script languages that undo an encoding or put text together, and what the names of others tell.

use super::value::{self, Value};
use crate::formats::encodings;

/// A function and what it is given.
pub(super) struct Call<'c> {
    /// Its name, lower case.
    pub(super) function: &'c str,
    /// What it is a method of.
    pub(super) receiver: Option<Value>,
    /// Arguments; None where one is not known.
    pub(super) arguments: Vec<Option<Value>>,
    /// Letters are made of numbers inside its arguments.
    pub(super) letters: bool,
    /// A pattern among its arguments.
    pub(super) pattern: Option<String>,
}

/// The value of a call, or the values that went into one which is not known. `known`: all arguments are.
pub(super) fn work_out(call: Call<'_>, known: bool) -> Result<Value, Vec<Value>> {
    let Call { function, receiver, arguments, letters, pattern } = call;
    let mut arguments = arguments;
    if let Some(receiver) = receiver {
        return method(function, receiver, arguments, (letters, pattern));
    }
    if !known || arguments.is_empty() {
        return Err(arguments.into_iter().flatten().collect());
    }
    let count = arguments.len();
    let mut take = |at: usize| arguments.get_mut(at).and_then(Option::take);
    Ok(match (function, count) {
        ("atob", 1) => Value::Bytes(value::atob(&text(take(0)))),
        (
            "frombase64string" | "b64decode" | "base64decode" | "decodebase64" | "base64_decode",
            1,
        ) => Value::Bytes(value::atob(&text(take(0)))),
        ("unescape" | "decodeuri" | "decodeuricomponent", 1) => {
            Value::Text(value::unescape(&text(take(0))))
        }
        // `apply(null, list)` and `call` come here too, since their own name is that of what they apply.
        ("fromcharcode" | "fromcodepoint" | "chr" | "chrw" | "chrb", _) => {
            let all = (0..count).filter_map(&mut take).map(Value::into_letters);
            Value::Text(all.collect())
        }
        ("strreverse", 1) => Value::Text(text(take(0)).chars().rev().collect()),
        ("replace", 3 | 4) => {
            let (from, filler, with) = (text(take(0)), text(take(1)), text(take(2)));
            Value::Text(replace(&from, &filler, &with))
        }
        ("split", 1 | 2) => {
            let (from, between) =
                (text(take(0)), take(1).map_or(" ".to_string(), Value::into_text));
            split(&from, &between)
        }
        ("join", 1 | 2) => {
            let (list, between) = match (take(0), take(1)) {
                // .NET has the separator first.
                (Some(Value::Text(between)), Some(list)) => (list, between),
                (list, between) => (
                    list.unwrap_or(Value::Number(0)),
                    between.map_or(" ".to_string(), Value::into_text),
                ),
            };
            Value::Text(joined(list, &between))
        }
        ("uint8array" | "int8array" | "buffer" | "byte", 1) => {
            Value::Bytes(take(0).unwrap_or(Value::Number(0)).into_bytes())
        }
        ("uint16array", 1) => match take(0) {
            Some(Value::Numbers(numbers)) => Value::Bytes(
                numbers
                    .iter()
                    .flat_map(|number| number.to_le_bytes().into_iter().take(2))
                    .collect(),
            ),
            other => Value::Bytes(other.unwrap_or(Value::Number(0)).into_bytes()),
        },
        ("from" | "of", 1 | 2) => from(take(0).unwrap_or(Value::Number(0)), take(1), letters),
        ("array" | "new array", _) => Value::List((0..count).filter_map(&mut take).collect()),
        ("string" | "cstr" | "number" | "object" | "eval_", 1) => {
            take(0).unwrap_or(Value::Number(0))
        }
        ("parseint" | "cint" | "clng", 1 | 2) => {
            let digits = text(take(0));
            let radix = match take(1) {
                Some(Value::Number(radix)) => {
                    u32::try_from(radix).ok().filter(|radix| (2..=36).contains(radix))
                }
                Some(_) => None,
                None => Some(10),
            };
            let number = radix.and_then(|radix| i64::from_str_radix(digits.trim(), radix).ok());
            Value::Number(number.ok_or_else(Vec::new)?)
        }
        ("getstring", 1) => {
            let bytes = take(0).unwrap_or(Value::Number(0)).into_bytes();
            Value::Text(encodings::readable(&bytes).unwrap_or_else(|| value::bytes_to_text(&bytes)))
        }
        (_, _) => return Err(arguments.into_iter().flatten().collect()),
    })
}

fn text(value: Option<Value>) -> String {
    value.map_or(String::new(), Value::into_text)
}

/// `Uint8Array.from(…)`, `Array.from(…)`, `Buffer.from(text, "base64")`.
fn from(first: Value, encoding: Option<Value>, letters: bool) -> Value {
    match (first, encoding) {
        (Value::Text(text), Some(Value::Text(encoding))) => match encoding.as_str() {
            "base64" | "base64url" => Value::Bytes(value::atob(&text)),
            "hex" => Value::Bytes(encodings::hex(text.as_bytes())),
            _ => Value::Text(text),
        },
        (first, _) if letters => Value::Text(first.into_letters()),
        (first, _) => Value::Bytes(first.into_bytes()),
    }
}

/// A method of a known value.
fn method(
    function: &str,
    receiver: Value,
    mut arguments: Vec<Option<Value>>,
    (letters, pattern): (bool, Option<String>),
) -> Result<Value, Vec<Value>> {
    let count = arguments.len();
    let mut take = |at: usize| arguments.get_mut(at).and_then(Option::take);
    Ok(match (function, receiver) {
        ("split", Value::Text(from)) => match (pattern, take(0)) {
            (None, Some(between)) => split(&from, &between.into_text()),
            (Some(pattern), _) if plain_pattern(&pattern).is_some() => {
                split(&from, &plain_pattern(&pattern).unwrap_or_default())
            }
            (_, _) => split(&from, ""),
        },
        ("reverse", Value::List(mut items)) => {
            items.reverse();
            Value::List(items)
        }
        ("reverse", Value::Numbers(mut numbers)) => {
            numbers.reverse();
            Value::Numbers(numbers)
        }
        ("reverse", Value::Bytes(mut bytes)) => {
            bytes.reverse();
            Value::Bytes(bytes)
        }
        ("join", receiver) => {
            let between = if count == 0 || (count == 1 && arguments_are_blank(&arguments)) {
                ",".to_string()
            } else {
                text(take_first(&mut arguments))
            };
            Value::Text(joined(receiver, &between))
        }
        ("replace" | "replaceall", Value::Text(from)) => match pattern {
            Some(pattern) => {
                let with = text(take(1).or_else(|| take(0)));
                Value::Text(
                    replace_pattern(&from, &pattern, &with)
                        .ok_or_else(|| vec![Value::Text(from)])?,
                )
            }
            None => {
                let (filler, with) = (text(take(0)), text(take(1)));
                Value::Text(replace(&from, &filler, &with))
            }
        },
        ("concat", receiver) => {
            let mut sum = receiver;
            for at in 0..count {
                sum = match (sum, take(at)) {
                    (Value::List(mut items), Some(Value::List(more))) => {
                        items.extend(more);
                        Value::List(items)
                    }
                    (Value::Numbers(mut numbers), Some(Value::Numbers(more))) => {
                        numbers.extend(more);
                        Value::Numbers(numbers)
                    }
                    (sum, Some(more)) => value::plus(sum, more),
                    (sum, None) => return Err(vec![sum]),
                };
            }
            sum
        }
        ("slice" | "substring" | "substr", Value::Text(from)) => {
            Value::Text(part(function, &from, take(0), take(1)))
        }
        ("map" | "foreach", receiver) if letters => Value::Text(receiver.into_letters()),
        // What a function makes of each item is not known; that it is the item itself is the best guess.
        ("map" | "filter", receiver) => receiver,
        (
            "tostring" | "trim" | "valueof" | "trimstart" | "trimend" | "tochararray" | "apply_",
            receiver,
        ) => receiver,
        ("tolowercase" | "tolower", Value::Text(from)) => Value::Text(from.to_lowercase()),
        ("touppercase" | "toupper", Value::Text(from)) => Value::Text(from.to_uppercase()),
        (_, receiver) => {
            let mut values = vec![receiver];
            values.extend(arguments.into_iter().flatten());
            return Err(values);
        }
    })
}

fn take_first(arguments: &mut [Option<Value>]) -> Option<Value> {
    arguments.first_mut().and_then(Option::take)
}

fn arguments_are_blank(arguments: &[Option<Value>]) -> bool {
    arguments.iter().all(Option::is_none)
}

fn split(from: &str, between: &str) -> Value {
    let items = match between {
        "" => from.chars().map(|letter| Value::Text(letter.to_string())).collect(),
        _ => from.split(between).map(|item| Value::Text(item.to_string())).collect(),
    };
    Value::List(items)
}

fn joined(list: Value, between: &str) -> String {
    match list {
        Value::List(items) => value::join(items, between),
        Value::Numbers(numbers) => {
            numbers.iter().map(i32::to_string).collect::<Vec<_>>().join(between)
        }
        Value::Text(_) | Value::Number(_) | Value::Bytes(_) => list.into_text(),
    }
}

/// `replace`, unless that would make the text much longer.
fn replace(from: &str, filler: &str, with: &str) -> String {
    match filler.is_empty() || with.len() > filler.len().saturating_mul(8) {
        true => from.to_string(),
        false => from.replace(filler, with),
    }
}

/// Patterns that stand for themselves or for a set of letters; others are not worked out.
fn replace_pattern(from: &str, pattern: &str, with: &str) -> Option<String> {
    if let Some(plain) = plain_pattern(pattern) {
        return Some(replace(from, &plain, with));
    }
    let set = pattern.strip_prefix('[')?.trim_end_matches('+').strip_suffix(']')?;
    let (set, negated) = match set.strip_prefix('^') {
        Some(set) => (set, true),
        None => (set, false),
    };
    let (set, _) = value::unquote(set);
    let letters: Vec<char> = set.chars().collect();
    let in_set = |letter: char| {
        letters.contains(&letter)
            || letters.windows(3).any(|range| match range {
                [low, '-', high] => (*low..=*high).contains(&letter),
                _ => false,
            })
    };
    if with.len() > 8 {
        return None;
    }
    let mut out = String::with_capacity(from.len());
    for letter in from.chars() {
        match in_set(letter) != negated {
            true => out.push_str(with),
            false => out.push(letter),
        }
    }
    Some(out)
}

/// A pattern without anything special in it, as the text it matches.
fn plain_pattern(pattern: &str) -> Option<String> {
    let mut out = String::new();
    let mut letters = pattern.chars();
    while let Some(letter) = letters.next() {
        match letter {
            '\\' => match letters.next()? {
                's' => out.push(' '),
                'n' => out.push('\n'),
                'r' => out.push('\r'),
                't' => out.push('\t'),
                other if other.is_alphanumeric() => return None,
                other => out.push(other),
            },
            '.' | '*' | '+' | '?' | '[' | ']' | '(' | ')' | '{' | '}' | '^' | '$' | '|' => {
                return None;
            }
            other => out.push(other),
        }
    }
    (!out.is_empty()).then_some(out)
}

fn part(function: &str, from: &str, first: Option<Value>, second: Option<Value>) -> String {
    let letters: Vec<char> = from.chars().collect();
    let length = i64::try_from(letters.len()).unwrap_or(i64::MAX);
    let number = |value: Option<Value>| match value {
        Some(Value::Number(number)) if number < 0 => Some((length + number).max(0)),
        Some(Value::Number(number)) => Some(number),
        Some(_) | None => None,
    };
    let start = number(first).unwrap_or(0).min(length);
    let end = match (function, number(second)) {
        (_, None) => length,
        ("substr", Some(count)) => start.saturating_add(count),
        (_, Some(end)) => end,
    };
    let take = usize::try_from(end.saturating_sub(start)).unwrap_or(0);
    letters.iter().skip(usize::try_from(start).unwrap_or(0)).take(take).collect()
}

/// PowerShell's `-f`: `{0}` and so on are the arguments.
pub(super) fn format(format: &str, arguments: &[Option<Value>]) -> String {
    let mut out = String::new();
    let mut rest = format;
    while let Some((before, after)) = rest.split_once('{') {
        out.push_str(before);
        let (place, behind) = after.split_once('}').unwrap_or((after, ""));
        let item =
            place.trim().parse::<usize>().ok().and_then(|at| arguments.get(at).cloned().flatten());
        if let Some(item) = item.filter(|_| out.len() < FORMATTED_BYTES_MAX) {
            out.push_str(&item.into_text());
        }
        rest = behind;
    }
    out.push_str(rest);
    out
}

/// The packer that many pages of the web are packed with: text, radix, count, words.
pub(super) fn unpack(items: &[Option<Value>]) -> Option<String> {
    let [
        Some(Value::Text(text)),
        Some(Value::Number(radix)),
        Some(Value::Number(_)),
        Some(Value::List(words)),
        ..,
    ] = items
    else {
        return None;
    };
    let radix = u32::try_from(*radix).ok().filter(|radix| (2..=62).contains(radix))?;
    let mut out = String::with_capacity(text.len());
    let mut word = String::new();
    for letter in text.chars().chain(['\0']) {
        if letter.is_ascii_alphanumeric() || letter == '_' {
            word.push(letter);
            continue;
        }
        let at = place(&word, radix).and_then(|at| words.get(at));
        match at {
            Some(Value::Text(value)) if !value.is_empty() && out.len() < FORMATTED_BYTES_MAX => {
                out.push_str(value);
            }
            Some(_) | None => out.push_str(&word),
        }
        word.clear();
        out.push(letter);
    }
    out.pop();
    Some(out)
}

/// A number in a radix up to 62: digits, small letters, capitals.
fn place(word: &str, radix: u32) -> Option<usize> {
    if word.is_empty() || word.len() > 6 {
        return None;
    }
    let mut number = 0_u32;
    for byte in word.bytes() {
        let digit = match byte {
            b'0'..=b'9' => byte - b'0',
            b'a'..=b'z' => byte - b'a' + 10,
            b'A'..=b'Z' => byte - b'A' + 36,
            _ => return None,
        };
        let digit = u32::from(digit);
        if digit >= radix {
            return None;
        }
        number = number.checked_mul(radix)?.checked_add(digit)?;
    }
    usize::try_from(number).ok()
}

/// Two numbers and a sign between them.
pub(super) fn calculate(sign: u8, left: i64, right: i64) -> Option<i64> {
    Some(match sign {
        b'-' => left.wrapping_sub(right),
        b'*' => left.wrapping_mul(right),
        b'^' => left ^ right,
        b'|' => left | right,
        b'%' => left.checked_rem(right)?,
        b'/' => left.checked_div(right)?,
        _ => return None,
    })
}

/// Does it make letters of numbers?
pub(super) fn makes_letters(function: &str) -> bool {
    matches!(function, "fromcharcode" | "fromcodepoint" | "chr" | "chrw" | "charcodeat" | "char")
}

/// Is it the name of a file?
pub(super) fn is_file_name(text: &str) -> bool {
    let Some((stem, extension)) = text.rsplit_once('.') else { return false };
    !stem.is_empty()
        && text.len() <= 200
        && !text.contains(['/', ':', '<', '\n', '"', '*', '?', '(', ';'])
        && (2..=8).contains(&extension.len())
        && extension.bytes().all(|byte| byte.is_ascii_alphanumeric())
        && extension.bytes().any(|byte| byte.is_ascii_alphabetic())
}

/// Names that tell what a script does, as it is written in a finding.
pub(super) fn telling(name: &str) -> Option<&'static str> {
    TELLING.iter().find(|word| **word == name).copied()
}

const TELLING: &[&str] = &[
    "atob",
    "blob",
    "file",
    "createobjecturl",
    "mssaveblob",
    "mssaveoropenblob",
    "download",
    "eval",
    "unescape",
    "write",
    "writeln",
    "fromcharcode",
    "execute",
    "executeglobal",
    "frombase64string",
    "execscript",
    "saveas",
    "insertadjacenthtml",
    "innerhtml",
    "outerhtml",
    "srcdoc",
    "setattribute",
    "settimeout",
    "function",
    "decodeuricomponent",
    "appendchild",
    "createelement",
    "click",
    "revokeobjecturl",
];

/// What a format and the packer may make of their arguments.
const FORMATTED_BYTES_MAX: usize = 16 << 20;
