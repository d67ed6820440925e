//! Values that a script writes down instead of reading them from somewhere, and what its own functions make of them.

use crate::formats::encodings;

/// A value known without running anything.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value {
    /// A string. Letters up to 255 may stand for bytes.
    Text(String),
    /// A number.
    Number(i64),
    /// A list of whole numbers, such as the bytes of a file.
    Numbers(Vec<i32>),
    /// A list of anything.
    List(Vec<Value>),
    /// Bytes that were decoded.
    Bytes(Vec<u8>),
}

impl Value {
    /// Bytes it takes in memory, about.
    pub(super) fn size(&self) -> usize {
        match self {
            Value::Text(text) => text.len(),
            Value::Number(_) => 8,
            Value::Numbers(numbers) => numbers.len() * 4,
            Value::List(items) => items.iter().map(|item| item.flat_size() + 32).sum(),
            Value::Bytes(bytes) => bytes.len(),
        }
    }

    fn flat_size(&self) -> usize {
        match self {
            Value::Text(text) => text.len(),
            Value::Numbers(numbers) => numbers.len() * 4,
            Value::Bytes(bytes) => bytes.len(),
            Value::List(items) => items.len() * 32,
            Value::Number(_) => 8,
        }
    }

    /// As a string joins it to another.
    pub(super) fn into_text(self) -> String {
        match self {
            Value::Text(text) => text,
            Value::Number(number) => number.to_string(),
            Value::Bytes(bytes) => bytes_to_text(&bytes),
            Value::Numbers(numbers) => join_numbers(&numbers, ","),
            Value::List(items) => join(items, ","),
        }
    }

    /// As bytes of a file: letters and numbers by their lowest byte if none is larger, else UTF-8.
    pub(super) fn into_bytes(self) -> Vec<u8> {
        match self {
            Value::Bytes(bytes) => bytes,
            Value::Text(text) => text_to_bytes(&text),
            Value::Number(number) => number.to_le_bytes().get(..1).unwrap_or_default().to_vec(),
            Value::Numbers(numbers) => numbers_to_bytes(&numbers),
            Value::List(items) => items.into_iter().flat_map(Value::flat_bytes).collect(),
        }
    }

    /// The same for an item of a list; lists inside lists inside lists are given up.
    fn flat_bytes(self) -> Vec<u8> {
        match self {
            Value::Bytes(bytes) => bytes,
            Value::Text(text) => text_to_bytes(&text),
            Value::Number(number) => number.to_le_bytes().get(..1).unwrap_or_default().to_vec(),
            Value::Numbers(numbers) => numbers_to_bytes(&numbers),
            Value::List(_) => Vec::new(),
        }
    }

    /// As letters by their codes.
    pub(super) fn into_letters(self) -> String {
        let numbers = match self {
            Value::Number(number) => vec![i32::try_from(number).unwrap_or(0)],
            Value::Numbers(numbers) => numbers,
            Value::List(items) => {
                return items.into_iter().map(|item| letters_of_item(&item)).collect();
            }
            Value::Text(text) => match text.trim().parse() {
                Ok(number) => vec![number],
                Err(_) => return text,
            },
            Value::Bytes(bytes) => return bytes_to_text(&bytes),
        };
        letters(&numbers)
    }
}

fn letters_of_item(item: &Value) -> String {
    match item {
        Value::Number(number) => letters(&[i32::try_from(*number).unwrap_or(0)]),
        Value::Numbers(numbers) => letters(numbers),
        Value::Text(text) => text.trim().parse().map_or_else(|_| text.clone(), |n| letters(&[n])),
        Value::Bytes(bytes) => bytes_to_text(bytes),
        Value::List(_) => String::new(),
    }
}

/// Letters by their codes, UTF-16 pairs together.
fn letters(numbers: &[i32]) -> String {
    let units = numbers.iter().map(|number| {
        let [first, second, _, _] = number.to_le_bytes();
        u16::from_le_bytes([first, second])
    });
    char::decode_utf16(units).map(|letter| letter.unwrap_or('\u{fffd}')).collect()
}

fn numbers_to_bytes(numbers: &[i32]) -> Vec<u8> {
    // Codes above a byte are letters.
    if numbers.iter().any(|number| *number > 255 || *number < -128) {
        return letters(numbers).into_bytes();
    }
    numbers.iter().map(|number| number.to_le_bytes()).map(|[low, ..]| low).collect()
}

/// One letter for each byte, as `atob` gives them.
pub(super) fn bytes_to_text(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| char::from(*byte)).collect()
}

/// The other way; text with other letters is UTF-8.
pub(super) fn text_to_bytes(text: &str) -> Vec<u8> {
    let bytes: Result<Vec<u8>, _> =
        text.chars().map(|letter| u8::try_from(u32::from(letter))).collect();
    bytes.unwrap_or_else(|_| text.as_bytes().to_vec())
}

fn join_numbers(numbers: &[i32], between: &str) -> String {
    numbers.iter().map(i32::to_string).collect::<Vec<_>>().join(between)
}

/// The items of a list as one text. Lists inside it are left out, so that nothing recurses.
pub(super) fn join(items: Vec<Value>, between: &str) -> String {
    let texts: Vec<String> = items
        .into_iter()
        .map(|item| match item {
            Value::Text(text) => text,
            Value::Number(number) => number.to_string(),
            Value::Bytes(bytes) => bytes_to_text(&bytes),
            Value::Numbers(numbers) => join_numbers(&numbers, ","),
            Value::List(_) => String::new(),
        })
        .collect();
    texts.join(between)
}

/// Both together, as `+` does it: two numbers add up, everything else is joined.
pub(super) fn plus(left: Value, right: Value) -> Value {
    match (left, right) {
        (Value::Number(left), Value::Number(right)) => Value::Number(left.wrapping_add(right)),
        (Value::Text(mut left), right) => {
            left.push_str(&right.into_text());
            Value::Text(left)
        }
        (Value::Bytes(mut left), Value::Bytes(right)) => {
            left.extend(right);
            Value::Bytes(left)
        }
        (left, right) => {
            let mut text = left.into_text();
            text.push_str(&right.into_text());
            Value::Text(text)
        }
    }
}

/// Percent signs as `unescape` and `decodeURIComponent` read them: `%41`, `%u0041`.
/// What is UTF-8 afterwards is read as that, which is what a page shows; else each byte is a letter.
pub(super) fn unescape(text: &str) -> String {
    if !text.contains('%') {
        return text.to_string();
    }
    let mut out = String::with_capacity(text.len());
    let mut bytes = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let code = |from: usize, to: usize| u32::from_str_radix(rest.get(from..to)?, 16).ok();
        let wide = rest.get(..2).is_some_and(|start| start == "%u").then(|| code(2, 6)).flatten();
        if let Some(code) = wide {
            end_bytes(&mut bytes, &mut out);
            out.push(char::from_u32(code).unwrap_or('\u{fffd}'));
            rest = rest.get(6..).unwrap_or_default();
        } else if let Some(code) = (first == '%').then(|| code(1, 3)).flatten() {
            bytes.extend(u8::try_from(code));
            rest = rest.get(3..).unwrap_or_default();
        } else {
            end_bytes(&mut bytes, &mut out);
            out.push(first);
            rest = rest.get(first.len_utf8()..).unwrap_or_default();
        }
    }
    end_bytes(&mut bytes, &mut out);
    out
}

fn end_bytes(bytes: &mut Vec<u8>, out: &mut String) {
    match str::from_utf8(bytes) {
        Ok(text) => out.push_str(text),
        Err(_) => out.push_str(&bytes_to_text(bytes)),
    }
    bytes.clear();
}

/// The escapes of a string literal undone: `\x41`, `\u0041`, `\u{41}`, `\101`, `\n`. True: there was one that spells a letter.
pub(super) fn unquote(literal: &str) -> (String, bool) {
    if !literal.contains('\\') {
        return (literal.to_string(), false);
    }
    let mut out = String::with_capacity(literal.len());
    let mut spelled = false;
    let mut high = None;
    let mut rest = literal;
    while let Some((before, after)) = rest.split_once('\\') {
        out.push_str(before);
        let hex = |from: usize, to: usize| u16::from_str_radix(after.get(from..to)?, 16).ok();
        let (unit, used) = match after.as_bytes().first() {
            Some(b'x' | b'X') => (hex(1, 3), 3),
            Some(b'u') if after.as_bytes().get(1) == Some(&b'{') => {
                let end = after.find('}').unwrap_or(0);
                (hex(2, end), end + 1)
            }
            Some(b'u' | b'U') => (hex(1, 5), 5),
            Some(b'0'..=b'7') => {
                let digits = after.bytes().take(3).take_while(|byte| (b'0'..=b'7').contains(byte));
                let count = digits.count();
                let digits = after.get(..count).unwrap_or_default();
                (u16::from_str_radix(digits, 8).ok(), count)
            }
            _ => (None, 0),
        };
        let Some(unit) = unit else {
            rest = simple_escape(after, &mut out);
            continue;
        };
        spelled = true;
        rest = after.get(used..).unwrap_or_default();
        if (0xd800..0xdc00).contains(&unit) {
            high = Some(unit);
        } else {
            let pair = high.take().into_iter().chain([unit]);
            out.extend(char::decode_utf16(pair).map(|letter| letter.unwrap_or('\u{fffd}')));
        }
    }
    out.push_str(rest);
    (out, spelled)
}

/// An escape of one letter; gives what follows it.
fn simple_escape<'t>(after: &'t str, out: &mut String) -> &'t str {
    let Some(letter) = after.chars().next() else { return "" };
    match letter {
        'n' => out.push('\n'),
        'r' => out.push('\r'),
        't' => out.push('\t'),
        // A line end after a backslash goes on with the line.
        '\n' | '\r' => (),
        other => out.push(other),
    }
    after.get(letter.len_utf8()..).unwrap_or_default()
}

/// Base64 as `atob` reads it.
pub(super) fn atob(text: &str) -> Vec<u8> {
    encodings::base64(text.as_bytes())
}
