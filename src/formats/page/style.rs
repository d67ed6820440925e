//! Text that a style sheet puts into a page: `content: "…"` (CSS Generated Content), with the escapes of CSS Syntax section 4.3.7 undone.

use crate::base::limits;

/// Adds what the sheet says to `all`, a line each.
pub(super) fn said(sheet: &str, all: &mut String) {
    let lower = sheet.to_ascii_lowercase();
    for (at, word) in lower.match_indices("content").take(limits::LITERALS_TRIED_MAX) {
        let Some(rest) = sheet.get(at + word.len()..) else { continue };
        let Some(value) = rest.trim_start().strip_prefix(':') else { continue };
        let end = value.find([';', '}']).unwrap_or(value.len());
        for text in strings(value.get(..end).unwrap_or_default()) {
            if all.len() < limits::CARRIER_BYTES_MAX {
                all.push_str(&text);
            }
        }
        all.push('\n');
    }
}

/// The strings of a value, which a page shows one behind the other.
fn strings(value: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut letters = value.chars().peekable();
    while let Some(quote) = letters.find(|letter| matches!(letter, '"' | '\'')) {
        let mut text = String::new();
        while let Some(letter) = letters.next().filter(|letter| *letter != quote) {
            if letter != '\\' {
                text.push(letter);
                continue;
            }
            let mut number = 0_u32;
            let mut digits = 0;
            while let Some(digit) = letters.peek().and_then(|next| next.to_digit(16))
                && digits < ESCAPE_DIGITS_MAX
            {
                number = number * 16 + digit;
                digits += 1;
                letters.next();
            }
            if digits > 0 {
                text.extend(char::from_u32(number));
                letters.next_if(|next| next.is_ascii_whitespace());
            } else {
                // A line end behind a backslash joins the lines.
                text.extend(letters.next().filter(|next| *next != '\n'));
            }
        }
        found.push(text);
    }
    found
}

/// Digits of an escape.
const ESCAPE_DIGITS_MAX: usize = 6;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_sheet_says() {
        for (sheet, want) in [
            (".a:after{content:'\\000041\\42 c'}", "ABc\n"),
            ("p::before { content : \"a\" 'b'; color: red }", "ab\n"),
            ("a{content:'x\\'y'}", "x'y\n"),
            ("a{content:none}", "\n"),
            ("a{color:'x'}", ""),
        ] {
            let mut all = String::new();
            said(sheet, &mut all);
            assert_eq!(all, want, "{sheet}");
        }
    }
}
