//! Reads values from bytes, ISO 32000-1 sections 7.2 and 7.3, as tolerantly as the programs that show them.
//!
//! Never recurses: open arrays and dictionaries stand on a stack of our own with a bound. What ends early is given as far as it goes.

use super::object::{Dict, Object};
use crate::base::limits;

/// Where we read.
#[derive(Debug, Clone)]
pub(super) struct Lexer<'a> {
    bytes: &'a [u8],
    /// The next byte to read.
    pub(super) at: usize,
    /// The furthest byte looked at, for whoever bounds the work.
    pub(super) furthest: usize,
    /// The first name met that hides letters behind escapes.
    pub(super) escaped_name: Option<Vec<u8>>,
    /// How many values may still be made.
    pub(super) values_left: usize,
}

/// The smallest piece.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Token<'a> {
    /// A value that is no container.
    Value(Object),
    /// `[`
    ArrayOpen,
    /// `]`
    ArrayClose,
    /// `<<`
    DictOpen,
    /// `>>`
    DictClose,
    /// Anything else: an operator, `obj`, `R`.
    Word(&'a [u8]),
}

/// What stands next.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Next<'a> {
    /// A whole value.
    Value(Object),
    /// A word outside any container.
    Word(&'a [u8]),
}

impl<'a> Lexer<'a> {
    /// Reads `bytes` from `at` on.
    pub(super) fn new(bytes: &'a [u8], at: usize, values_left: usize) -> Lexer<'a> {
        Lexer { bytes, at, furthest: at, escaped_name: None, values_left }
    }

    /// The byte `ahead` of the next one.
    fn peek(&self, ahead: usize) -> Option<u8> {
        self.bytes.get(self.at.saturating_add(ahead)).copied()
    }

    /// Everything from here on.
    pub(super) fn rest(&self) -> &'a [u8] {
        self.bytes.get(self.at..).unwrap_or_default()
    }

    /// Goes past blanks and comments.
    pub(super) fn skip_blanks(&mut self) {
        while let Some(byte) = self.peek(0) {
            if byte == b'%' {
                self.at += memchr::memchr2(b'\r', b'\n', self.rest()).unwrap_or(self.rest().len());
            } else if is_blank(byte) {
                self.at += 1;
            } else {
                return;
            }
        }
    }

    /// The next piece; None at the end.
    pub(super) fn token(&mut self) -> Option<Token<'a>> {
        self.skip_blanks();
        let byte = self.peek(0)?;
        let (token, length) = match byte {
            b'[' => (Token::ArrayOpen, 1),
            b']' => (Token::ArrayClose, 1),
            b'<' if self.peek(1) == Some(b'<') => (Token::DictOpen, 2),
            b'>' if self.peek(1) == Some(b'>') => (Token::DictClose, 2),
            b'/' => return Some(Token::Value(Object::Name(self.name()))),
            b'(' => return Some(Token::Value(Object::Text(self.literal()))),
            b'<' => return Some(Token::Value(Object::Text(self.hex()))),
            // Braces belong to functions; a lone bracket is junk.
            b'>' | b')' | b'{' | b'}' => (Token::Word(self.rest().get(..1).unwrap_or_default()), 1),
            _ => return Some(self.word_or_number()),
        };
        self.at += length;
        Some(token)
    }

    /// The next value or word; None at the end. Ends inside a container: what was in it so far.
    pub(super) fn next(&mut self) -> Option<Next<'a>> {
        let mut open: Vec<Container> = Vec::new();
        let mut deeper = 0_usize;
        loop {
            let before = self.at;
            let token = if self.values_left == 0 { None } else { self.token() };
            self.values_left = self.values_left.saturating_sub(1);
            let value = match token {
                None => return close_all(open).map(Next::Value),
                Some(Token::ArrayOpen | Token::DictOpen)
                    if open.len() >= limits::PDF_NESTING_MAX =>
                {
                    deeper += 1;
                    continue;
                }
                Some(Token::ArrayOpen) => {
                    open.push(Container { is_dict: false, items: Vec::new() });
                    continue;
                }
                Some(Token::DictOpen) => {
                    open.push(Container { is_dict: true, items: Vec::new() });
                    continue;
                }
                Some(Token::ArrayClose | Token::DictClose) if deeper > 0 => {
                    deeper -= 1;
                    continue;
                }
                // A wrong bracket closes what is open: that is how the tolerant ones read on.
                Some(Token::ArrayClose | Token::DictClose) => match open.pop() {
                    Some(container) => container.close(),
                    None => continue,
                },
                Some(Token::Value(value)) => value,
                Some(Token::Word(word)) => match open.last_mut() {
                    None => return Some(Next::Word(word)),
                    Some(_) if ENDS.contains(&word) => {
                        self.at = before;
                        return close_all(open).map(Next::Value);
                    }
                    Some(container) => match container.word(word) {
                        Some(value) => value,
                        None => continue,
                    },
                },
            };
            match open.last_mut() {
                Some(container) => container.items.push(value),
                None => return Some(Next::Value(value)),
            }
        }
    }

    /// A value at the top: `5 0 R` is one as well.
    pub(super) fn value(&mut self) -> Option<Object> {
        let first = match self.next()? {
            Next::Value(value) => value,
            Next::Word(word) => {
                if ENDS.contains(&word) {
                    self.at -= word.len();
                }
                return Some(plain_word(word));
            }
        };
        let Object::Integer(number) = first else { return Some(first) };
        let back = self.at;
        let generation = self.token();
        let word = self.token();
        if let (Some(Token::Value(Object::Integer(_))), Some(Token::Word(b"R")), Ok(number)) =
            (generation, word, u32::try_from(number))
        {
            return Some(Object::Reference(number));
        }
        self.furthest = self.furthest.max(self.at);
        self.at = back;
        Some(first)
    }

    /// A name, section 7.3.5: `#` and two hex digits are one byte.
    fn name(&mut self) -> Vec<u8> {
        self.at += 1;
        let mut name = Vec::new();
        let mut hides = false;
        while let Some(byte) = self.peek(0).filter(|byte| is_regular(*byte)) {
            self.at += 1;
            let escaped = match byte {
                b'#' => self.peek(0).and_then(digit).zip(self.peek(1).and_then(digit)),
                _ => None,
            };
            match escaped {
                Some((high, low)) => {
                    let byte = high * 16 + low;
                    hides |= byte.is_ascii_alphabetic();
                    name.push(byte);
                    self.at += 2;
                }
                None => name.push(byte),
            }
        }
        if hides && self.escaped_name.is_none() {
            self.escaped_name = Some(name.clone());
        }
        name
    }

    /// A string in parentheses, section 7.3.4.2.
    fn literal(&mut self) -> Vec<u8> {
        self.at += 1;
        let mut text = Vec::new();
        let mut depth = 1_usize;
        loop {
            // Most of a string is plain.
            let plain = self
                .rest()
                .iter()
                .position(|byte| matches!(byte, b'(' | b')' | b'\\' | b'\r'))
                .unwrap_or(self.rest().len());
            text.extend_from_slice(self.rest().get(..plain).unwrap_or_default());
            self.at += plain;
            let Some(byte) = self.peek(0) else { return text };
            self.at += 1;
            match byte {
                b'(' => depth += 1,
                b')' => {
                    depth -= 1;
                    if depth == 0 {
                        return text;
                    }
                }
                // Any end of line is a line feed.
                b'\r' => {
                    self.skip_line_feed();
                    text.push(b'\n');
                    continue;
                }
                _ => {
                    self.escape(&mut text);
                    continue;
                }
            }
            text.push(byte);
        }
    }

    fn skip_line_feed(&mut self) {
        if self.peek(0) == Some(b'\n') {
            self.at += 1;
        }
    }

    fn escape(&mut self, text: &mut Vec<u8>) {
        let Some(byte) = self.peek(0) else { return };
        self.at += 1;
        let meant = match byte {
            b'n' => b'\n',
            b'r' => b'\r',
            b't' => b'\t',
            b'b' => 8,
            b'f' => 12,
            b'\n' => return,
            b'\r' => return self.skip_line_feed(),
            b'0'..=b'7' => {
                let mut code = u32::from(byte - b'0');
                for _ in 0..2 {
                    let Some(digit @ b'0'..=b'7') = self.peek(0) else { break };
                    code = code * 8 + u32::from(digit - b'0');
                    self.at += 1;
                }
                u8::try_from(code & 0xff).unwrap_or_default()
            }
            other => other,
        };
        text.push(meant);
    }

    /// A string in angle brackets, section 7.3.4.3; what is no digit is skipped.
    fn hex(&mut self) -> Vec<u8> {
        self.at += 1;
        let length = memchr::memchr(b'>', self.rest()).unwrap_or(self.rest().len());
        let text = undo_hex(self.rest().get(..length).unwrap_or_default());
        self.at += length + 1;
        text
    }

    fn word_or_number(&mut self) -> Token<'a> {
        let rest = self.rest();
        let length = rest.iter().position(|byte| !is_regular(*byte)).unwrap_or(rest.len());
        let word = rest.get(..length).unwrap_or_default();
        self.at += length;
        match number(word) {
            Some(number) => Token::Value(number),
            None => Token::Word(word),
        }
    }
}

/// An open array or dictionary.
#[derive(Debug)]
struct Container {
    is_dict: bool,
    items: Vec<Object>,
}

impl Container {
    /// A word inside: `R` makes a reference of the last two numbers.
    fn word(&mut self, word: &[u8]) -> Option<Object> {
        if word != b"R" {
            return Some(plain_word(word));
        }
        match self.items.as_slice() {
            [.., Object::Integer(number), Object::Integer(_)] => {
                let number = u32::try_from(*number).ok();
                self.items.truncate(self.items.len().saturating_sub(2));
                Some(number.map_or(Object::Null, Object::Reference))
            }
            _ => None,
        }
    }

    fn close(self) -> Object {
        if !self.is_dict {
            return Object::Array(self.items);
        }
        let mut dict = Dict::default();
        let mut items = self.items.into_iter();
        while let Some(key) = items.next() {
            // What is no key is skipped.
            if let Object::Name(key) = key {
                dict.entries.push((key, items.next().unwrap_or(Object::Null)));
            }
        }
        dict.entries.shrink_to_fit();
        Object::Dict(dict)
    }
}

fn close_all(mut open: Vec<Container>) -> Option<Object> {
    let mut value = open.pop()?.close();
    while let Some(mut outer) = open.pop() {
        outer.items.push(value);
        value = outer.close();
    }
    Some(value)
}

fn plain_word(word: &[u8]) -> Object {
    match word {
        b"true" => Object::Bool(true),
        b"false" => Object::Bool(false),
        _ => Object::Null,
    }
}

/// A number as tolerant programs read it: `--5`, `4.`, `.5`, `1.2.3`.
fn number(word: &[u8]) -> Option<Object> {
    let first = *word.first()?;
    if !matches!(first, b'0'..=b'9' | b'+' | b'-' | b'.') {
        return None;
    }
    let mut negative = false;
    let mut whole = 0_i64;
    let mut fraction: Option<f64> = None;
    let mut scale = 0.1;
    let mut digits = 0_usize;
    for byte in word {
        match (byte, &mut fraction) {
            (b'-', _) if digits == 0 => negative = true,
            (b'+', _) if digits == 0 => (),
            (b'-' | b'+', _) => break,
            (b'.', None) => fraction = Some(0.0),
            (b'.', Some(_)) => break,
            (b'0'..=b'9', None) => {
                digits += 1;
                whole = whole.saturating_mul(10).saturating_add(i64::from(byte - b'0'));
            }
            (b'0'..=b'9', Some(fraction)) => {
                digits += 1;
                *fraction += f64::from(byte - b'0') * scale;
                scale /= 10.0;
            }
            _ => return None,
        }
    }
    let whole = if negative { -whole } else { whole };
    Some(match fraction {
        None if digits == 0 => return None,
        None => Object::Integer(whole),
        Some(fraction) => {
            let sign = if negative { -1.0 } else { 1.0 };
            Object::Real(super::object::real(whole) + sign * fraction)
        }
    })
}

/// Hex digits to bytes; other characters are skipped, a last single digit counts as if a 0 followed.
pub(super) fn undo_hex(digits: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(digits.len() / 2 + 1);
    let mut high = None;
    for digit in digits.iter().filter_map(|byte| digit(*byte)) {
        match high.take() {
            None => high = Some(digit),
            Some(high) => bytes.push(high * 16 + digit),
        }
    }
    bytes.extend(high.map(|high: u8| high * 16));
    bytes
}

fn digit(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

/// White space, section 7.2.2.
pub(super) fn is_blank(byte: u8) -> bool {
    matches!(byte, 0 | 9 | 10 | 12 | 13 | 32)
}

/// Neither white space nor a delimiter.
pub(super) fn is_regular(byte: u8) -> bool {
    !is_blank(byte)
        && !matches!(byte, b'(' | b')' | b'<' | b'>' | b'[' | b']' | b'{' | b'}' | b'/' | b'%')
}

/// Words at which an object ends, whatever is still open.
const ENDS: [&[u8]; 6] = [b"endobj", b"stream", b"endstream", b"obj", b"xref", b"startxref"];

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8]) -> Object {
        Lexer::new(bytes, 0, 1_000).value().unwrap()
    }

    fn string(bytes: &[u8]) -> Vec<u8> {
        read(bytes).as_text().unwrap().to_vec()
    }

    #[test]
    fn strings_in_all_forms() {
        for (written, want) in [
            (&b"(a(b)c)"[..], &b"a(b)c"[..]),
            (b"(a\\\nb\\\r\nc\\)\\(\\\\)", b"abc)(\\"),
            (b"(\\101\\1012\\60\\0)", b"AA20\0"),
            (b"(a\r\nb\rc)", b"a\nb\nc"),
            (b"(\\q\\n)", b"q\n"),
            (b"(never ends", b"never ends"),
            (b"<48 65\n6c6C 6f>", b"Hello"),
            (b"<4>", b"@"),
            (b"<41", b"A"),
        ] {
            assert_eq!(string(written), want, "{}", String::from_utf8_lossy(written));
        }
    }

    #[test]
    fn numbers_as_badly_as_they_come() {
        for (written, want) in [
            (&b"12"[..], Object::Integer(12)),
            (b"-7", Object::Integer(-7)),
            (b"--7", Object::Integer(-7)),
            (b"+3", Object::Integer(3)),
            (b"4.", Object::Real(4.0)),
            (b"-.5", Object::Real(-0.5)),
            (b"1.5.2", Object::Real(1.5)),
            (b"12 0 R", Object::Reference(12)),
            (b"99999999999999999999999999", Object::Integer(i64::MAX)),
            (b"endobj", Object::Null),
        ] {
            assert_eq!(read(written), want, "{}", String::from_utf8_lossy(written));
        }
    }

    #[test]
    fn dictionaries_with_comments_escapes_and_no_end() {
        let mut lexer = Lexer::new(b"<</#4a#53 %x >>\n(a)/B[1 2 0 R<</C true>>]/D/E", 0, 1_000);
        let object = lexer.value().unwrap();
        let dict = object.as_dict().unwrap();
        assert_eq!(dict.get(b"JS"), Some(&Object::Text(b"a".to_vec())));
        let items = dict.get(b"B").unwrap().as_array().unwrap();
        assert_eq!(items.len(), 3);
        assert_eq!(items[1], Object::Reference(2));
        assert!(dict.is(b"D", b"E"));
        assert_eq!(lexer.escaped_name.as_deref(), Some(&b"JS"[..]));
    }

    #[test]
    fn an_object_that_is_cut_leaves_the_next_alone() {
        let mut lexer = Lexer::new(b"<</A[1 2 endobj 3 0 obj", 0, 1_000);
        let object = lexer.value().unwrap();
        assert_eq!(object.as_dict().unwrap().get(b"A").unwrap().as_array().unwrap().len(), 2);
        assert!(lexer.rest().trim_ascii_start().starts_with(b"endobj"));
    }

    #[test]
    fn a_million_brackets_do_no_harm() {
        for open in [&b"["[..], b"<<", b"<</A", b"[<<"] {
            let bytes = open.repeat(1_000_000);
            let _ = Lexer::new(&bytes, 0, usize::MAX).value();
            let closed = [&bytes[..], b"(x)"].concat();
            assert!(Lexer::new(&closed, 0, usize::MAX).value().is_some());
        }
    }
}
