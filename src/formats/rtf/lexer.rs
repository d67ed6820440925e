//! RTF 1.9.1 cut into its pieces, as Word cuts it: "Conventions of an RTF Reader".

use crate::formats::encodings::hex_digit;

/// A piece.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Token<'r> {
    /// `{`
    Open,
    /// `}`
    Close,
    /// A control word with its number.
    Word { name: &'r str, number: Option<i32> },
    /// A backslash and a sign that is no letter, such as `\*`.
    Symbol(u8),
    /// `\'` and two hexadecimal digits.
    Escaped(u8),
    /// What follows `\bin`.
    Binary(&'r [u8]),
    /// A byte of text. Line ends are none to Word, but hexadecimal data is broken by them.
    Byte(u8),
}

/// Reads on from a place.
pub(super) struct Lexer<'r> {
    rtf: &'r [u8],
    /// Where the next piece begins.
    pub(super) at: usize,
}

impl<'r> Lexer<'r> {
    pub(super) fn new(rtf: &'r [u8], at: usize) -> Lexer<'r> {
        Lexer { rtf, at }
    }

    fn rest(&self) -> &'r [u8] {
        self.rtf.get(self.at..).unwrap_or_default()
    }

    fn control(&mut self) -> Token<'r> {
        let rest = self.rest();
        match rest {
            [b'\'', digits @ ..] => {
                self.at += 1;
                let digits = digits.iter().take(2).map_while(|byte| hex_digit(*byte));
                let (value, count) =
                    digits.fold((0, 0), |(value, count), digit| ((value << 4) | digit, count + 1));
                self.at += count;
                Token::Escaped(value)
            }
            [letter, ..] if letter.is_ascii_alphabetic() => self.word(),
            [sign, ..] => {
                self.at += 1;
                Token::Symbol(*sign)
            }
            [] => Token::Byte(b'\\'),
        }
    }

    fn word(&mut self) -> Token<'r> {
        let rest = self.rest();
        let letters = rest.iter().take_while(|byte| byte.is_ascii_alphabetic()).count();
        let name = rest.get(..letters).and_then(|name| str::from_utf8(name).ok());
        let mut at = letters;
        let negative = rest.get(at) == Some(&b'-')
            && rest.get(at + 1).is_some_and(|byte| byte.is_ascii_digit());
        at += usize::from(negative);
        let digits = rest.iter().skip(at).take_while(|byte| byte.is_ascii_digit());
        // Numbers wrap as they do in Word.
        let (value, count) = digits.fold((0_i32, 0), |(value, count), digit| {
            (value.wrapping_mul(10).wrapping_add(i32::from(digit - b'0')), count + 1)
        });
        // Digits that follow without a blank and are no number are the object itself.
        let data = count > NUMBER_DIGITS_MAX
            && name.is_some_and(|name| name.eq_ignore_ascii_case("objdata"));
        at += if data { 0 } else { count };
        at += usize::from(rest.get(at) == Some(&b' '));
        self.at += at;
        let number = (count > 0).then_some(if negative { value.wrapping_neg() } else { value });
        let name = name.unwrap_or_default();
        if name.eq_ignore_ascii_case("bin") {
            let wanted = usize::try_from(number.unwrap_or(0)).unwrap_or(0);
            let rest = self.rest();
            let data = rest.get(..wanted.min(rest.len())).unwrap_or_default();
            self.at += data.len();
            return Token::Binary(data);
        }
        Token::Word { name, number }
    }
}

impl<'r> Iterator for Lexer<'r> {
    type Item = Token<'r>;

    fn next(&mut self) -> Option<Token<'r>> {
        let first = *self.rtf.get(self.at)?;
        self.at += 1;
        Some(match first {
            b'{' => Token::Open,
            b'}' => Token::Close,
            b'\\' => self.control(),
            other => Token::Byte(other),
        })
    }
}

/// Digits of the largest number there is.
const NUMBER_DIGITS_MAX: usize = 10;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces() {
        let word = |name, number| Token::Word { name, number };
        for (rtf, want) in [
            (
                &b"{\\rtf1 a}"[..],
                &[Token::Open, word("rtf", Some(1)), Token::Byte(b'a'), Token::Close][..],
            ),
            (b"\\'41\\'4g", &[Token::Escaped(0x41), Token::Escaped(4), Token::Byte(b'g')]),
            (b"\\u-10 ?", &[word("u", Some(-10)), Token::Byte(b'?')]),
            (b"\\bin3 }}}x", &[Token::Binary(b"}}}"), Token::Byte(b'x')]),
            (b"\\bin999 ab", &[Token::Binary(b"ab")]),
            (b"\\bin4294967295 x", &[Token::Binary(b""), Token::Byte(b'x')]),
            (
                b"\\*\\x-y",
                &[Token::Symbol(b'*'), word("x", None), Token::Byte(b'-'), Token::Byte(b'y')],
            ),
            (b"\\", &[Token::Byte(b'\\')]),
        ] {
            let got: Vec<_> = Lexer::new(rtf, 0).collect();
            assert_eq!(got, want, "{}", String::from_utf8_lossy(rtf));
        }
    }
}
