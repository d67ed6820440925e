//! A script cut into words, numbers, strings and signs, for JavaScript, VBScript and PowerShell alike.

use super::{
    Language,
    value::{Value, unquote},
};

/// A piece.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Token<'s> {
    /// A name.
    Name(&'s str),
    /// A value written down. True: it was spelled in a way that hides it.
    Value(Value, bool),
    /// A regular expression without its slashes.
    Pattern(&'s str),
    /// A sign.
    Sign(u8),
    /// The line ends.
    Line,
}

/// Reads pieces one by one.
pub(super) struct Reader<'s> {
    script: &'s str,
    at: usize,
    language: Language,
    /// A value or name may stand here, so that a slash begins a pattern.
    operand: bool,
}

impl<'s> Reader<'s> {
    pub(super) fn new(script: &'s str, language: Language) -> Reader<'s> {
        Reader { script, at: 0, language, operand: true }
    }

    fn rest(&self) -> &'s str {
        self.script.get(self.at..).unwrap_or_default()
    }

    /// The first sign that is no blank, without going there.
    pub(super) fn peek(&self) -> Option<u8> {
        self.rest().bytes().find(|byte| !byte.is_ascii_whitespace())
    }

    /// The two first signs that are no blanks.
    pub(super) fn peek_two(&self) -> [u8; 2] {
        let rest = self.rest().trim_start().as_bytes();
        [rest.first().copied().unwrap_or(0), rest.get(1).copied().unwrap_or(0)]
    }

    /// A list of numbers that begins behind a bracket just read, if nothing else is in it.
    pub(super) fn numbers(&mut self) -> Option<Vec<i32>> {
        let mut numbers = Vec::new();
        let bytes = self.rest().as_bytes();
        let mut at = 0;
        loop {
            while bytes.get(at).is_some_and(u8::is_ascii_whitespace) {
                at += 1;
            }
            match bytes.get(at)? {
                b']' => break,
                b',' => at += 1,
                b'0'..=b'9' | b'-' | b'+' => {
                    let (number, used) = number(self.rest().get(at..)?)?;
                    numbers.push(i32::try_from(number).ok()?);
                    at += used;
                }
                _ => return None,
            }
        }
        if numbers.is_empty() {
            return None;
        }
        self.at += at + 1;
        self.operand = false;
        Some(numbers)
    }

    /// A place such as `[3]` that comes next, if it is a number and nothing else.
    pub(super) fn place(&mut self) -> Option<usize> {
        let rest = self.rest();
        let inner = rest.trim_start().strip_prefix('[')?;
        let (place, used) = number(inner.trim_start())?;
        let after = inner.trim_start().get(used..)?.trim_start().strip_prefix(']')?;
        self.at += rest.len() - after.len();
        self.operand = false;
        usize::try_from(place).ok()
    }

    /// The name of a type in brackets, `[System.Text.Encoding]`, whose opening one was just read.
    pub(super) fn type_name(&mut self) -> Option<&'s str> {
        if self.language != Language::Power {
            return None;
        }
        let rest = self.rest();
        let end =
            rest.find(|letter: char| !letter.is_ascii_alphanumeric() && !".[ ".contains(letter))?;
        let name = rest.get(..end)?;
        let begins = name.trim_start().starts_with(|letter: char| letter.is_ascii_alphabetic());
        let closed = rest.get(end..)?;
        let close = closed.bytes().take_while(|byte| *byte == b']').count();
        if close == 0 || !begins {
            return None;
        }
        self.at += end + close;
        self.operand = true;
        Some(name.trim())
    }

    fn comment(&self) -> Option<usize> {
        let rest = self.rest();
        let line = || rest.find(['\n', '\r']).unwrap_or(rest.len());
        match self.language {
            Language::Java if rest.starts_with("//") => Some(line()),
            Language::Java if rest.starts_with("/*") => {
                Some(rest.find("*/").map_or(rest.len(), |at| at + 2))
            }
            Language::Basic if rest.starts_with('\'') => Some(line()),
            Language::Power if rest.starts_with("<#") => {
                Some(rest.find("#>").map_or(rest.len(), |at| at + 2))
            }
            Language::Power if rest.starts_with('#') => Some(line()),
            Language::Java | Language::Basic | Language::Power => None,
        }
    }

    fn string(&mut self, quote: char) -> Token<'s> {
        self.operand = false;
        let from = self.at + 1;
        let inner = self.script.get(from..).unwrap_or_default();
        let mut end = inner.len();
        let mut skip = false;
        let mut doubled = false;
        let bytes = inner.as_bytes();
        let escape = match self.language {
            Language::Java => b'\\',
            // A backtick escapes inside double quotes.
            Language::Power if quote == '"' => b'`',
            Language::Basic | Language::Power => 0,
        };
        let mut at = 0;
        while let Some(byte) = bytes.get(at) {
            if skip {
                skip = false;
            } else if *byte == escape {
                skip = true;
            } else if char::from(*byte) == quote {
                // Two quotes are one, outside JavaScript.
                if self.language != Language::Java && bytes.get(at + 1) == Some(byte) {
                    doubled = true;
                    at += 1;
                } else {
                    end = at;
                    break;
                }
            } else if *byte == b'\n' && quote != '`' && self.language == Language::Basic {
                end = at;
                break;
            }
            at += 1;
        }
        let literal = inner.get(..end).unwrap_or_default();
        self.at = (from + end + 1).min(self.script.len());
        match self.language {
            Language::Java => {
                let (text, spelled) = unquote(literal);
                Token::Value(Value::Text(text), spelled)
            }
            Language::Basic | Language::Power => {
                let mut text = literal.to_string();
                if doubled {
                    let double: String = [quote, quote].iter().collect();
                    text = text.replace(&double, &quote.to_string());
                }
                let spelled = escape == b'`' && text.contains('`');
                Token::Value(
                    Value::Text(if spelled { text.replace('`', "") } else { text }),
                    spelled,
                )
            }
        }
    }

    fn pattern(&mut self) -> Option<Token<'s>> {
        let inner = self.rest().get(1..)?;
        let mut skip = false;
        let mut class = false;
        for (at, byte) in inner.bytes().enumerate().take(PATTERN_BYTES_MAX) {
            match byte {
                _ if skip => skip = false,
                b'\\' => skip = true,
                b'[' => class = true,
                b']' => class = false,
                b'\n' => return None,
                b'/' if !class => {
                    let pattern = inner.get(..at)?;
                    let flags = inner.get(at + 1..)?;
                    let flags = flags.bytes().take_while(u8::is_ascii_alphabetic).count();
                    self.at += 2 + at + flags;
                    self.operand = false;
                    return Some(Token::Pattern(pattern));
                }
                _ => (),
            }
        }
        None
    }
}

impl<'s> Iterator for Reader<'s> {
    type Item = Token<'s>;

    fn next(&mut self) -> Option<Token<'s>> {
        loop {
            let rest = self.rest();
            let first = rest.chars().next()?;
            if first == '\n' {
                self.at += 1;
                return Some(Token::Line);
            }
            if first.is_whitespace() {
                self.at += first.len_utf8();
                continue;
            }
            if let Some(length) = self.comment() {
                self.at += length.max(1);
                continue;
            }
            let name = |letter: char| letter.is_alphanumeric() || letter == '_' || letter == '$';
            let quotes = if self.language == Language::Java { "\"'`" } else { "\"'" };
            let quotes = if self.language == Language::Basic { "\"" } else { quotes };
            if quotes.contains(first) {
                return Some(self.string(first));
            }
            let digits =
                first.is_ascii_digit() || (first == '&' && self.language == Language::Basic);
            if digits && let Some((number, used)) = number(rest) {
                self.at += used;
                self.operand = false;
                return Some(Token::Value(Value::Number(number), false));
            }
            if name(first) {
                let end = rest.find(|letter| !name(letter)).unwrap_or(rest.len());
                self.at += end;
                let word = rest.get(..end).unwrap_or_default();
                self.operand = matches!(word, "return" | "typeof" | "case");
                return Some(Token::Name(word));
            }
            let slash = first == '/' && self.operand && self.language == Language::Java;
            if slash && let Some(pattern) = self.pattern() {
                return Some(pattern);
            }
            self.at += first.len_utf8();
            self.operand = !matches!(first, ')' | ']' | '}');
            let sign = u8::try_from(first).unwrap_or(b'?');
            return Some(Token::Sign(sign));
        }
    }
}

/// A whole number: decimal, `0x41`, `0b1`, `0o7`, `&H41`. Fractions are read as their whole part. Gives how long it is.
fn number(text: &str) -> Option<(i64, usize)> {
    let (negative, digits) = match text.as_bytes().first()? {
        b'-' => (true, text.get(1..)?),
        b'+' => (false, text.get(1..)?),
        _ => (false, text),
    };
    let signs = text.len() - digits.len();
    let (radix, skip) = match digits.as_bytes() {
        [b'0', b'x' | b'X', ..] | [b'&', b'h' | b'H', ..] => (16, 2),
        [b'0', b'b' | b'B', ..] => (2, 2),
        [b'0', b'o' | b'O', ..] | [b'&', b'o' | b'O', ..] => (8, 2),
        _ => (10, 0),
    };
    let digits = digits.get(skip..)?;
    let length = digits.bytes().take_while(|byte| char::from(*byte).is_digit(radix)).count();
    let value = i64::from_str_radix(digits.get(..length)?, radix).ok()?;
    let mut used = signs + skip + length;
    // A fraction goes, but a dot before a name is a method.
    let fraction = text.as_bytes().get(used) == Some(&b'.')
        && text.as_bytes().get(used + 1).is_some_and(u8::is_ascii_digit);
    if fraction && radix == 10 {
        used += 1 + text.bytes().skip(used + 1).take_while(u8::is_ascii_digit).count();
    }
    // VBScript ends hexadecimal numbers with "&" when they are long.
    Some((if negative { value.wrapping_neg() } else { value }, used))
}

/// Longest pattern; without a bound each slash might be followed to the end of its line.
const PATTERN_BYTES_MAX: usize = 1_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces() {
        let text = |text: &str, spelled| Token::Value(Value::Text(text.to_string()), spelled);
        let number = |number| Token::Value(Value::Number(number), false);
        for (language, script, want) in [
            (
                Language::Java,
                "a='x\\x41'",
                &[Token::Name("a"), Token::Sign(b'='), text("xA", true)][..],
            ),
            (Language::Java, "/* c */ 0x41 // d\n", &[number(65), Token::Line]),
            (
                Language::Java,
                "x(/a\\/b/g)/2",
                &[
                    Token::Name("x"),
                    Token::Sign(b'('),
                    Token::Pattern("a\\/b"),
                    Token::Sign(b')'),
                    Token::Sign(b'/'),
                    number(2),
                ],
            ),
            (
                Language::Basic,
                "\"a\"\"b\" & &H41 ' c",
                &[text("a\"b", false), Token::Sign(b'&'), number(65)],
            ),
            (Language::Power, "'a''b' \"x`y\" # c", &[text("a'b", false), text("xy", true)]),
            (Language::Java, "'no end", &[text("no end", false)]),
        ] {
            let got: Vec<_> = Reader::new(script, language).collect();
            assert_eq!(got, want, "{script}");
        }
        assert_eq!(Reader::new("77, 0x5a ,-1]", Language::Java).numbers(), Some(vec![77, 90, -1]));
        assert_eq!(Reader::new("77, x]", Language::Java).numbers(), None);
    }
}
