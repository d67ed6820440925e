//! Formulas of Excel as text: the tokens of MS-XLS section 2.5.198 and, with wider fields, of MS-XLSB section 2.5.97.
//!
//! Two readings are made at once: as written, and with what is constant put together (letters by number, joined strings, cells whose
//! content is known). Nothing is calculated beyond that. A token that is not known ends the reading; what was read is given.

use super::{functions, le, text};
use crate::base::limits;
use std::collections::HashMap;

/// How the fields of tokens are laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Layout {
    /// Excel 2 and 3: function numbers have one byte.
    Biff3,
    /// Excel 4.
    Biff4,
    /// Excel 5 and 95: text in a code page.
    Biff5,
    /// Excel 97 to 2003.
    Biff8,
    /// Binary workbooks of Excel 2007 and later.
    Biff12,
}

/// A cell by row and column, from zero.
pub(super) type Place = (u32, u32);

/// What a formula may refer to.
#[derive(Debug)]
pub(super) struct Context<'c> {
    pub(super) layout: Layout,
    pub(super) code_page: u16,
    /// Defined names in their order.
    pub(super) names: &'c [String],
    /// Cells of this sheet whose content is a known text.
    pub(super) cells: &'c HashMap<Place, String>,
}

/// A formula in words.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct Written {
    /// As it stands in the sheet.
    pub(super) plain: String,
    /// With its constants put together.
    pub(super) valued: String,
    /// The text it is, if that is certain.
    pub(super) text: Option<String>,
    /// Functions by name.
    pub(super) functions: Vec<&'static str>,
}

#[derive(Debug, Default, Clone)]
struct Operand {
    plain: String,
    valued: String,
    text: Option<String>,
    number: Option<f64>,
}

impl Operand {
    fn new(plain: impl Into<String>) -> Operand {
        let plain = plain.into();
        Operand { valued: plain.clone(), plain, text: None, number: None }
    }

    fn number(value: f64) -> Operand {
        Operand { number: Some(value), ..Operand::new(value.to_string()) }
    }

    fn text(value: String) -> Operand {
        Operand { text: Some(value.clone()), ..Operand::new(format!("\"{value}\"")) }
    }

    /// The same, but known to be this text.
    fn known(plain: String, value: String) -> Operand {
        Operand { plain, valued: format!("\"{value}\""), text: Some(value), number: None }
    }

    /// Grown beyond what Excel takes: folding must not multiply.
    fn bounded(mut self) -> Operand {
        for part in [&mut self.plain, &mut self.valued] {
            let end = part.floor_char_boundary(limits::FORMULA_CHARS_MAX);
            part.truncate(end);
        }
        self.text = self.text.filter(|text| text.len() <= limits::FORMULA_CHARS_MAX);
        self
    }
}

/// Writes the tokens out.
pub(super) fn write(tokens: &[u8], context: &Context<'_>) -> Written {
    let mut stack: Vec<Operand> = Vec::new();
    let mut written = Written::default();
    let mut at = 0;
    for _ in 0..limits::FORMULA_TOKENS_MAX {
        let Some(token) = le::byte(tokens, at) else { break };
        let Some(size) = step(token, le::from(tokens, at + 1), context, &mut stack, &mut written)
        else {
            break;
        };
        at += 1 + size;
    }
    let mut parts = stack.into_iter();
    let last = parts.next().unwrap_or_default();
    written.text = last.text;
    (written.plain, written.valued) = (last.plain, last.valued);
    // More than one on the stack: a token was not understood; nothing of it is dropped.
    for part in parts {
        if written.plain.len() < limits::FORMULA_CHARS_MAX {
            written.plain = format!("{} ; {}", written.plain, part.plain);
            written.valued = format!("{} ; {}", written.valued, part.valued);
            written.text = None;
        }
    }
    written
}

/// One token: what it does to the stack, and how many bytes follow it.
fn step(
    token: u8,
    rest: &[u8],
    context: &Context<'_>,
    stack: &mut Vec<Operand>,
    written: &mut Written,
) -> Option<usize> {
    let layout = context.layout;
    match token {
        0x03..=0x11 => {
            binary(token, stack);
            Some(0)
        }
        0x12..=0x15 => {
            unary(token, stack);
            Some(0)
        }
        0x16 => push(stack, Operand::new(""), 0),
        0x17 => {
            let (value, size) = string(rest, context);
            push(stack, Operand::text(value), size)
        }
        0x01 | 0x02 => {
            push(stack, Operand::new("(shared)"), if layout < Layout::Biff5 { 3 } else { 4 })
        }
        0x18 => Some(if layout == Layout::Biff12 { 13 } else { 5 }),
        0x19 => attribute(rest, context, stack),
        0x1c => push(stack, Operand::new("#ERROR"), 1),
        0x1d => {
            push(stack, Operand::new(if rest.first() == Some(&0) { "FALSE" } else { "TRUE" }), 1)
        }
        0x1e => push(stack, Operand::number(f64::from(le::short(rest, 0)?)), 2),
        0x1f => push(stack, Operand::number(f64::from_bits(le::huge(rest, 0)?)), 8),
        0x20..=0x7f => classed(token & 0x1f | 0x20, rest, context, stack, written),
        _ => None,
    }
}

fn push(stack: &mut Vec<Operand>, operand: Operand, size: usize) -> Option<usize> {
    stack.push(operand.bounded());
    Some(size)
}

fn binary(token: u8, stack: &mut Vec<Operand>) {
    let (right, left) = (stack.pop().unwrap_or_default(), stack.pop().unwrap_or_default());
    let sign = OPERATORS.get(usize::from(token) - 3).copied().unwrap_or("?");
    let mut operand = Operand {
        plain: format!("{}{sign}{}", left.plain, right.plain),
        valued: format!("{}{sign}{}", left.valued, right.valued),
        ..Operand::default()
    };
    if let (Some(a), Some(b)) = (left.number, right.number) {
        operand.number = match sign {
            "+" => Some(a + b),
            "-" => Some(a - b),
            "*" => Some(a * b),
            "/" if b != 0.0 => Some(a / b),
            _ => None,
        };
    }
    let as_text = |side: &Operand| side.text.clone().or(side.number.map(|n| n.to_string()));
    if sign == "&"
        && let (Some(a), Some(b)) = (as_text(&left), as_text(&right))
        && a.len() + b.len() <= limits::FORMULA_CHARS_MAX
    {
        operand = Operand::known(operand.plain, a + &b);
    }
    stack.push(operand.bounded());
}

fn unary(token: u8, stack: &mut Vec<Operand>) {
    let Some(operand) = stack.pop() else { return };
    let around = |text: &str| match token {
        0x12 => format!("+{text}"),
        0x13 => format!("-{text}"),
        0x14 => format!("{text}%"),
        _ => format!("({text})"),
    };
    let number =
        operand.number.filter(|_| token != 0x14).map(|n| if token == 0x13 { -n } else { n });
    let text = operand.text.filter(|_| token == 0x15);
    let valued = match &text {
        Some(_) => operand.valued,
        None => around(&operand.valued),
    };
    stack.push(Operand { plain: around(&operand.plain), valued, text, number }.bounded());
}

/// MS-XLS section 2.5.198.5 and following: only the sum is an operation, the rest are hints.
fn attribute(rest: &[u8], context: &Context<'_>, stack: &mut Vec<Operand>) -> Option<usize> {
    let kind = le::byte(rest, 0)?;
    if kind & 0x10 != 0 {
        call("SUM", 1, stack);
    }
    // Excel 2 has one byte here.
    let width = if context.layout == Layout::Biff3 { 2 } else { 3 };
    let choices = le::short_size(rest, 1).unwrap_or(0);
    Some(if kind & 0x04 != 0 { width + (choices + 1) * 2 } else { width })
}

/// Tokens that come in three classes, MS-XLS section 2.2.2.1.
fn classed(
    token: u8,
    rest: &[u8],
    context: &Context<'_>,
    stack: &mut Vec<Operand>,
    written: &mut Written,
) -> Option<usize> {
    let [b5, b8, b12] = sizes(token)?;
    let size = match context.layout {
        Layout::Biff12 => b12,
        Layout::Biff8 => b8,
        Layout::Biff3 | Layout::Biff4 | Layout::Biff5 => b5,
    };
    let is_short = context.layout == Layout::Biff3;
    match token {
        0x21 => {
            let number = if is_short { u16::from(le::byte(rest, 0)?) } else { le::short(rest, 0)? };
            let (name, operands) = functions::function(number).unwrap_or(("FUNCTION", Some(1)));
            written.functions.push(name);
            call(name, operands.unwrap_or(1), stack);
            return Some(if is_short { 1 } else { 2 });
        }
        0x22 => {
            let operands = usize::from(le::byte(rest, 0)? & 0x7f);
            let number = if is_short { u16::from(le::byte(rest, 1)?) } else { le::short(rest, 1)? };
            let name = match number & 0x8000 {
                0 => functions::function(number).map(|(name, _)| name),
                _ => functions::command(number & 0x7fff),
            };
            let name = name.unwrap_or("FUNCTION");
            written.functions.push(name);
            call(name, operands, stack);
            return Some(if is_short { 2 } else { 3 });
        }
        0x23 => {
            let number = le::short_size(rest, 0)?;
            let name = context.names.get(number.wrapping_sub(1)).cloned();
            stack.push(Operand::new(name.unwrap_or_else(|| format!("NAME{number}"))).bounded());
        }
        0x39 => stack.push(Operand::new("EXTERNAL_NAME")),
        0x24 | 0x2c => stack.push(reference(rest, context)),
        0x3a => stack.push(Operand::new(format!(
            "sheet!{}",
            cell(le::from(rest, size.checked_sub(b_of_cell(context))?), context).1
        ))),
        0x25 | 0x2d => stack.push(Operand::new(area(rest, context))),
        0x3b => stack.push(Operand::new("sheet!area")),
        0x2a | 0x2b | 0x3c | 0x3d => stack.push(Operand::new("#REF!")),
        0x20 => stack.push(Operand::new("{array}")),
        // Memory tokens only remember what the following tokens say again.
        _ => (),
    }
    Some(size)
}

/// Bytes behind each token up to Excel 95, in Excel 97 and in binary workbooks.
fn sizes(token: u8) -> Option<[usize; 3]> {
    Some(match token {
        0x20 => [7, 7, 14],
        0x21 => [2, 2, 2],
        0x22 => [3, 3, 3],
        0x23 => [14, 4, 4],
        0x24 | 0x2a | 0x2c => [3, 4, 6],
        0x25 | 0x2b | 0x2d => [6, 8, 12],
        0x26..=0x28 => [6, 6, 6],
        0x29 | 0x2e | 0x2f => [2, 2, 2],
        0x39 => [24, 6, 6],
        0x3a | 0x3c => [17, 6, 8],
        0x3b | 0x3d => [20, 10, 14],
        _ => return None,
    })
}

fn b_of_cell(context: &Context<'_>) -> usize {
    match context.layout {
        Layout::Biff12 => 6,
        Layout::Biff8 => 4,
        Layout::Biff3 | Layout::Biff4 | Layout::Biff5 => 3,
    }
}

fn reference(rest: &[u8], context: &Context<'_>) -> Operand {
    let (place, shown) = cell(rest, context);
    match context.cells.get(&place) {
        Some(value) => Operand::known(shown, value.clone()).bounded(),
        None => Operand::new(shown),
    }
}

fn cell(rest: &[u8], context: &Context<'_>) -> (Place, String) {
    let (row, column) = match context.layout {
        Layout::Biff12 => {
            (le::long(rest, 0).unwrap_or(0), le::short(rest, 4).unwrap_or(0) & 0x3fff)
        }
        Layout::Biff8 => {
            (le::short(rest, 0).unwrap_or(0).into(), le::short(rest, 2).unwrap_or(0) & 0xff)
        }
        Layout::Biff3 | Layout::Biff4 | Layout::Biff5 => (
            (le::short(rest, 0).unwrap_or(0) & 0x3fff).into(),
            le::byte(rest, 2).unwrap_or(0).into(),
        ),
    };
    let place = (row, u32::from(column));
    (place, place_name(place))
}

fn area(rest: &[u8], context: &Context<'_>) -> String {
    let (columns_at, wide) = match context.layout {
        Layout::Biff12 => (8, true),
        Layout::Biff8 => (4, true),
        Layout::Biff3 | Layout::Biff4 | Layout::Biff5 => (4, false),
    };
    let rows = match context.layout {
        Layout::Biff12 => (le::long(rest, 0), le::long(rest, 4)),
        Layout::Biff3 | Layout::Biff4 | Layout::Biff5 | Layout::Biff8 => {
            (le::short(rest, 0).map(u32::from), le::short(rest, 2).map(u32::from))
        }
    };
    let column = |at: usize| match wide {
        true => u32::from(le::short(rest, columns_at + at * 2).unwrap_or(0) & 0x3fff),
        false => u32::from(le::byte(rest, columns_at + at).unwrap_or(0)),
    };
    let first = place_name((rows.0.unwrap_or(0), column(0)));
    format!("{first}:{}", place_name((rows.1.unwrap_or(0), column(1))))
}

/// `B7` for the seventh row of the second column.
pub(super) fn place_name((row, column): Place) -> String {
    let mut letters = Vec::new();
    let mut rest = u64::from(column) + 1;
    while rest > 0 {
        let letter = u8::try_from((rest - 1) % 26).unwrap_or(0) + b'A';
        letters.push(char::from(letter));
        rest = (rest - 1) / 26;
    }
    let letters: String = letters.into_iter().rev().collect();
    format!("{letters}{}", u64::from(row) + 1)
}

/// A function takes its operands from the stack.
fn call(name: &'static str, operands: usize, stack: &mut Vec<Operand>) {
    let mut taken = stack.split_off(stack.len().saturating_sub(operands));
    let mut name = name.to_string();
    if name == "User.Defined.Function" && !taken.is_empty() {
        // MS-XLS section 2.5.198.62: the first operand says which.
        name = taken.remove(0).plain;
    }
    let list = |part: fn(&Operand) -> &str| taken.iter().map(part).collect::<Vec<_>>().join(",");
    let plain = format!("{name}({})", list(|operand| &operand.plain));
    let valued = format!("{name}({})", list(|operand| &operand.valued));
    let known = constant(&name, &taken);
    let operand = match known {
        Some(value) => Operand::known(plain, value),
        None => Operand { plain, valued, text: None, number: None },
    };
    stack.push(operand.bounded());
}

/// Functions of constants that are used to hide a text.
fn constant(name: &str, operands: &[Operand]) -> Option<String> {
    let text = |at: usize| operands.get(at).and_then(|operand| operand.text.clone());
    let count = |at: usize| {
        let value = operands.get(at)?.number.filter(|n| (0.0..65_536.0).contains(n))?;
        value.trunc().to_string().parse::<usize>().ok()
    };
    match name {
        "CHAR" => {
            let code = u8::try_from(count(0)?).ok()?;
            text::decode(&[code], 1252).chars().next().map(String::from)
        }
        "UNICHAR" => char::from_u32(u32::try_from(count(0)?).ok()?).map(String::from),
        "T" | "TRIM" | "CLEAN" => text(0),
        "LOWER" => text(0).map(|value| value.to_lowercase()),
        "UPPER" => text(0).map(|value| value.to_uppercase()),
        "CONCATENATE" => operands.iter().map(|operand| operand.text.clone()).collect(),
        "MID" => {
            let skip = count(1)?.checked_sub(1)?;
            Some(text(0)?.chars().skip(skip).take(count(2)?).collect())
        }
        "LEFT" => Some(text(0)?.chars().take(count(1).unwrap_or(1)).collect()),
        _ => None,
    }
}

fn string(rest: &[u8], context: &Context<'_>) -> (String, usize) {
    match context.layout {
        Layout::Biff12 => {
            let bytes = le::short_size(rest, 0).unwrap_or(0) * 2;
            (text::utf16(le::slice(rest, 2, bytes)), 2 + bytes)
        }
        Layout::Biff8 => {
            let letters = usize::from(le::byte(rest, 0).unwrap_or(0));
            match le::byte(rest, 1).unwrap_or(0) & 1 {
                0 => (text::decode(le::slice(rest, 2, letters), 1252), 2 + letters),
                _ => (text::utf16(le::slice(rest, 2, letters * 2)), 2 + letters * 2),
            }
        }
        Layout::Biff3 | Layout::Biff4 | Layout::Biff5 => {
            let letters = usize::from(le::byte(rest, 0).unwrap_or(0));
            (text::decode(le::slice(rest, 1, letters), context.code_page), 1 + letters)
        }
    }
}

/// Tokens 0x03 to 0x11.
const OPERATORS: &[&str] =
    &["+", "-", "*", "/", "^", "&", "<", "<=", "=", ">=", ">", "<>", " ", ",", ":"];

#[cfg(test)]
mod tests {
    use super::*;

    fn written(tokens: &[u8], layout: Layout) -> Written {
        let cells = HashMap::from([((0, 1), "MARK".to_string())]);
        let names = ["doit".to_string()];
        write(tokens, &Context { layout, code_page: 1252, names: &names, cells: &cells })
    }

    #[test]
    fn calls_and_strings() {
        // EXEC("calc"), and RUN(doit) as a command.
        let exec = b"\x17\x04\0calc\x42\x01\x6e\0";
        assert_eq!(written(exec, Layout::Biff8).plain, "EXEC(\"calc\")");
        assert_eq!(written(exec, Layout::Biff8).functions, ["EXEC"]);
        assert_eq!(written(b"\x17\x04calc\x42\x01\x6e\0", Layout::Biff5).plain, "EXEC(\"calc\")");
        assert_eq!(written(b"\x23\x01\0\0\0\x42\x01\x11\x80", Layout::Biff8).plain, "RUN(doit)");
        let wide = b"\x17\x04\0c\0a\0l\0c\0\x42\x01\x6e\0";
        assert_eq!(written(wide, Layout::Biff12).plain, "EXEC(\"calc\")");
    }

    #[test]
    fn constants_are_put_together() {
        // CHAR(69)&"ICAR"
        let tokens = b"\x1e\x45\0\x41\x6f\0\x17\x04\0ICAR\x08";
        let found = written(tokens, Layout::Biff8);
        assert_eq!(
            (found.plain.as_str(), found.valued.as_str()),
            ("CHAR(69)&\"ICAR\"", "\"EICAR\"")
        );
        // EXEC(B1&"ER"): the cell is known.
        let found = written(b"\x44\0\0\x01\xc0\x17\x02\0ER\x08\x42\x01\x6e\0", Layout::Biff8);
        assert_eq!(found.plain, "EXEC(B1&\"ER\")");
        assert_eq!(found.valued, "EXEC(\"MARKER\")");
    }

    #[test]
    fn places() {
        for (place, want) in [((0, 0), "A1"), ((6, 25), "Z7"), ((0, 26), "AA1"), ((0, 701), "ZZ1")]
        {
            assert_eq!(place_name(place), want);
        }
        place_name((u32::MAX, u32::MAX));
    }

    #[test]
    fn rubbish_ends() {
        for layout in [Layout::Biff3, Layout::Biff4, Layout::Biff5, Layout::Biff8, Layout::Biff12] {
            for token in 0..=255_u8 {
                written(&[token], layout);
                written(&[token; 40], layout);
            }
            // Doubling again and again does not grow without end.
            let mut bomb = b"\x17\x08\0AAAAAAAA".to_vec();
            bomb.extend(b"\x17\x08\0AAAAAAAA\x08".repeat(3_000));
            assert!(written(&bomb, layout).valued.len() <= 3 * limits::FORMULA_CHARS_MAX);
        }
    }
}
