//! What a script would have made of the strings and numbers it is full of, as far as that stands fixed in its text.
//!
//! Nothing is run. Expressions of literals, names that were given a fixed value, and the handful of functions that undo an encoding are
//! worked out; whatever else there is makes a value unknown. Frames of brackets stand on a bounded stack, and the letters copied are counted.

use super::{
    Language,
    calls::{self, Call},
    read::{Reader, Token},
    value::{self, Value},
};
use crate::base::limits;
use std::collections::{BTreeSet, HashMap};

/// What was found.
#[derive(Debug, Default)]
pub(super) struct Folded {
    /// Values that a script made or carries: strings put together, decoded bytes, long literals. True: made, not written as it is.
    pub(super) values: Vec<(Value, bool)>,
    /// Functions that were called, lower case, as far as they matter to what the script does.
    pub(super) called: BTreeSet<&'static str>,
    /// File names it gives to what it makes.
    pub(super) names: Vec<String>,
    /// Numbers that letters are exchanged with, `^ 7` and the like.
    pub(super) keys: BTreeSet<(u8, u8)>,
    /// Short fixed strings, which may be keys.
    pub(super) words: Vec<String>,
    /// A bound was met.
    pub(super) cut: bool,
}

/// Works a script out.
pub(super) fn fold(script: &str, language: Language) -> Folded {
    let mut folder = Folder {
        reader: Reader::new(script, language),
        language,
        names: HashMap::new(),
        grown: BTreeSet::new(),
        frame: Frame::default(),
        outer: Vec::new(),
        copied: 0,
        kept: 0,
        folded: Folded::default(),
    };
    while let Some(token) = folder.reader.next() {
        folder.take(token);
        if folder.copied > limits::SCRIPT_COPIED_BYTES_MAX {
            folder.folded.cut = true;
            break;
        }
    }
    while !folder.outer.is_empty() {
        folder.close();
    }
    folder.end_statement();
    // What names grew to piece by piece is whole at the end only.
    let grown = std::mem::take(&mut folder.grown);
    for name in grown {
        if let Some(value) = folder.names.remove(&name) {
            folder.keep(value, true);
        }
    }
    folder.folded
}

struct Folder<'s> {
    reader: Reader<'s>,
    language: Language,
    names: HashMap<String, Value>,
    /// Names whose value was put together in several statements.
    grown: BTreeSet<String>,
    frame: Frame,
    /// The brackets around it.
    outer: Vec<Frame>,
    copied: usize,
    kept: usize,
    folded: Folded,
}

/// What a bracket is there for.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Bracket {
    /// A body: statements.
    #[default]
    Body,
    /// Arguments of a function, or a group.
    Arguments,
    /// A list.
    List,
    /// A place in something.
    Index,
}

#[derive(Debug, Default)]
struct Frame {
    bracket: Bracket,
    /// The function, lower case; empty for a group.
    function: String,
    /// What it is a method of.
    receiver: Option<Value>,
    /// Arguments that are complete; None where one is not known.
    items: Vec<Option<Value>>,
    /// The sum before the last operand.
    left: Option<Value>,
    last: Option<Value>,
    /// The sign between them.
    sign: u8,
    /// Something in the expression is not known.
    unknown: bool,
    /// More than one literal went into it, or one that hides its letters.
    made: bool,
    /// A name that has just been read and has no fixed value.
    name: String,
    /// A dot was read.
    dot: bool,
    /// The name that will have the value.
    target: Option<String>,
    adds: bool,
    /// The value begins with that of the name which will have it.
    goes_on: bool,
    /// A function that makes letters of numbers was called inside.
    letters: bool,
    pattern: Option<String>,
    /// PowerShell: an operator that is a word, what stood before it, the format of `-f`, a cast to letters.
    operator: String,
    receiver_of_operator: Option<Value>,
    format: Option<Value>,
    cast: bool,
}

impl<'s> Folder<'s> {
    fn take(&mut self, token: Token<'s>) {
        match token {
            Token::Name(name) => self.name(name),
            Token::Value(value, spelled) => {
                self.frame.made |= spelled;
                let value = self.literal(value);
                self.operand(value);
            }
            Token::Pattern(pattern) => {
                let frame = &mut self.frame;
                frame.pattern = Some(pattern.to_string());
                frame.unknown = true;
            }
            Token::Line => {
                // A line that goes on is rare in fixed expressions; one that ends with a sign or stands in brackets does.
                let next = self.reader.peek();
                let frame = &mut self.frame;
                let open = frame.bracket != Bracket::Body || frame.sign != 0;
                let goes_on = matches!(next, Some(b'+' | b'.' | b'&'));
                if !open && !goes_on {
                    self.end_statement();
                }
            }
            Token::Sign(sign) => self.sign(sign),
        }
    }

    /// A literal: what it may be besides a value, a name of a file or a key; and `${name}` in it where that has a fixed value.
    fn literal(&mut self, value: Value) -> Value {
        let Value::Text(text) = value else { return value };
        if calls::is_file_name(&text) && self.folded.names.len() < NAMES_KEPT_MAX {
            self.folded.names.push(text.clone());
        }
        if (1..=KEY_BYTES_MAX).contains(&text.len()) && self.folded.words.len() < WORDS_KEPT_MAX {
            self.folded.words.push(text.clone());
        }
        if !text.contains("${") {
            return Value::Text(text);
        }
        let mut out = String::new();
        let mut pieces = text.split("${");
        out.push_str(pieces.next().unwrap_or_default());
        for piece in pieces {
            let (name, after) = piece.split_once('}').unwrap_or((piece, ""));
            if let Some(value) = self.names.get(&self.key(name.trim())) {
                self.copied += value.size();
                out.push_str(&value.clone().into_text());
            }
            out.push_str(after);
            if self.copied > limits::SCRIPT_COPIED_BYTES_MAX {
                break;
            }
        }
        self.frame.made = true;
        Value::Text(out)
    }

    /// PowerShell's operators that are words: `-join`, `-f` and the like.
    fn word_operator(&mut self, lower: &str) -> bool {
        if self.language != Language::Power || self.frame.sign != b'-' {
            return false;
        }
        let frame = &mut self.frame;
        match lower {
            "join" | "replace" | "creplace" | "ireplace" | "split" => {
                frame.sign = 0;
                frame.operator = lower.trim_start_matches(['c', 'i']).to_string();
                frame.receiver_of_operator = frame.last.take();
            }
            "f" => {
                frame.sign = 0;
                frame.format = frame.last.take();
            }
            "bxor" => frame.sign = b'^',
            _ => return false,
        }
        true
    }

    fn name(&mut self, name: &'s str) {
        if is_keyword(name) {
            if matches!(name, "Xor" | "xor" | "bxor") {
                self.sign_operator(b'^');
            }
            return;
        }
        let lower = name.to_ascii_lowercase();
        if self.word_operator(&lower) {
            return;
        }
        let next = self.reader.peek_two();
        let frame = &mut self.frame;
        if std::mem::take(&mut frame.dot) {
            frame.name = lower;
            if next[0] != b'(' && !matches!(frame.name.as_str(), "length" | "raw") {
                self.property();
            }
            return;
        }
        frame.name = lower.clone();
        if matches!(next, [b'=', other] if other != b'=' && other != b'>')
            || matches!(next, [b'+' | b'&', b'='])
        {
            self.frame.target = Some(self.key(name));
            self.frame.adds = next[0] != b'=';
            return;
        }
        if next[0] == b'(' {
            return;
        }
        let key = self.key(name);
        if let (b'[', Some(Value::List(items))) = (next[0], self.names.get(&key))
            && let Some(at) = self.reader.place()
        {
            match items.get(at).cloned() {
                Some(item) => {
                    self.frame.made = true;
                    self.operand(item);
                }
                None => self.frame.unknown = true,
            }
            return;
        }
        // `text = text + …` goes on with the text itself; copying it each time would cost the square of its length.
        let goes_on = self.frame.target.as_ref() == Some(&key) && !self.frame.adds;
        self.frame.goes_on |= goes_on;
        let value = match goes_on {
            true => self.names.remove(&key),
            false => self.names.get(&key).cloned(),
        };
        match value {
            Some(value) => {
                self.copied += if goes_on { 1 } else { value.size() };
                self.frame.made = true;
                self.operand(value);
            }
            None => {
                let frame = &mut self.frame;
                frame.unknown |= next[0] != b'.' && next[0] != b'[';
            }
        }
    }

    /// A name as it is looked up.
    fn key(&self, name: &str) -> String {
        match self.language {
            Language::Java => name.to_string(),
            Language::Basic | Language::Power => name.trim_start_matches('$').to_ascii_lowercase(),
        }
    }

    /// `.name` that is not called: something unknown, unless it is assigned to.
    fn property(&mut self) {
        let next = self.reader.peek_two();
        let assigned = matches!(next, [b'=', other] if other != b'=');
        let frame = &mut self.frame;
        if let Some(word) = calls::telling(&frame.name) {
            self.folded.called.insert(word);
        }
        let frame = &mut self.frame;
        if assigned {
            frame.last = None;
            frame.target = Some(format!(".{}", frame.name));
            frame.adds = false;
        } else if next[0] != b'.' && next[0] != b'[' {
            frame.last = None;
            frame.unknown = true;
        }
    }

    fn operand(&mut self, value: Value) {
        let key = match value {
            Value::Number(number) => u8::try_from(number).ok().filter(|key| *key != 0),
            Value::Text(_) | Value::Numbers(_) | Value::List(_) | Value::Bytes(_) => None,
        };
        let frame = &mut self.frame;
        let sign = std::mem::take(&mut frame.sign);
        if let (Some(key), b'^') = (key, sign) {
            self.folded.keys.insert((b'^', key));
        } else if let (Some(key), b'-' | b'+') = (key, sign)
            && self.in_letters()
        {
            self.folded.keys.insert((sign, key));
        }
        self.combine(sign, value);
    }

    fn combine(&mut self, sign: u8, value: Value) {
        let size = value.size();
        let left = self.frame.left.as_ref().map_or(0, Value::size);
        if size.saturating_add(left) > limits::SCRIPT_VALUE_BYTES_MAX {
            (self.folded.cut, self.frame.unknown) = (true, true);
            return;
        }
        let value = match std::mem::take(&mut self.frame.cast) {
            true => Value::Text(value.into_letters()),
            false => value,
        };
        let value = self.operated(value);
        let frame = &mut self.frame;
        frame.name.clear();
        let Some(before) = frame.last.take() else {
            frame.last = Some(value);
            return;
        };
        frame.made = true;
        match (sign, before, value) {
            (b'+' | b'&', before, value) => {
                frame.left = Some(match frame.left.take() {
                    Some(left) => value::plus(left, before),
                    None => before,
                });
                frame.last = Some(value);
                self.copied += size;
            }
            (sign, Value::Number(before), Value::Number(value)) => {
                let sum = calls::calculate(sign, before, value);
                frame.unknown |= sum.is_none();
                frame.last = sum.map(Value::Number);
            }
            (_, before, value) => {
                // Two values and nothing that joins them: two expressions.
                self.keep(before, false);
                self.frame.last = Some(value);
            }
        }
    }

    /// The value with the operator before it, if that is a word.
    fn operated(&mut self, value: Value) -> Value {
        let operator = std::mem::take(&mut self.frame.operator);
        if operator.is_empty() {
            return value;
        }
        self.frame.made = true;
        let (receiver, arguments) = match self.frame.receiver_of_operator.take() {
            Some(receiver) => (Some(receiver), vec![Some(value)]),
            // In front of its list, `-join` puts nothing between.
            None => (Some(value), vec![Some(Value::Text(String::new()))]),
        };
        let call = Call { function: &operator, receiver, arguments, letters: false, pattern: None };
        match calls::work_out(call, true) {
            Ok(value) => value,
            Err(values) => {
                self.frame.unknown = true;
                values.into_iter().next().unwrap_or(Value::Number(0))
            }
        }
    }

    fn sign(&mut self, sign: u8) {
        match sign {
            b'(' => self.open(Bracket::Arguments),
            b'[' => self.bracket(),
            b'{' => self.open(Bracket::Body),
            b')' | b']' | b'}' => self.close(),
            b';' => self.end_statement(),
            b',' => self.end_item(),
            b'.' => self.frame.dot = true,
            // A method of a type in PowerShell.
            b':' if self.language == Language::Power => self.frame.dot = true,
            b'=' => {
                let frame = &mut self.frame;
                frame.name.clear();
                let comparison = frame.target.is_none();
                frame.unknown |= comparison && frame.last.is_none();
                // What was read before belongs to the name, not to the value.
                if !comparison {
                    (frame.left, frame.last, frame.sign, frame.unknown) = (None, None, 0, false);
                    frame.made = false;
                }
            }
            b':' | b'?' | b'!' | b'>' => {
                let target = self.frame.target.take();
                self.end_item_value();
                self.frame.target = target;
            }
            _ => self.sign_operator(sign),
        }
    }

    fn sign_operator(&mut self, sign: u8) {
        let frame = &mut self.frame;
        // "a + unknown + b": what is known so far is one value, what follows another.
        if frame.unknown && frame.last.is_none() && frame.left.is_none() {
            frame.unknown = false;
        }
        frame.sign = sign;
    }

    fn bracket(&mut self) {
        let frame = &mut self.frame;
        let index = (frame.last.is_some() && frame.sign == 0) || !frame.name.is_empty();
        if let Some(name) = self.reader.type_name().filter(|_| self.language == Language::Power) {
            self.frame.cast = name.eq_ignore_ascii_case("char");
            return;
        }
        if index {
            self.open(Bracket::Index);
        } else if let Some(numbers) = self.reader.numbers() {
            self.copied += numbers.len();
            self.frame.made = true;
            self.operand(Value::Numbers(numbers));
        } else {
            self.open(Bracket::List);
        }
    }

    fn open(&mut self, bracket: Bracket) {
        let frame = &mut self.frame;
        frame.dot = false;
        let mut inner = Frame { bracket, ..Frame::default() };
        if bracket == Bracket::Arguments {
            inner.function = std::mem::take(&mut frame.name);
            // A method of a value: the value goes with it. A sign between them makes it a function of its own.
            if !inner.function.is_empty() && frame.sign == 0 {
                inner.receiver = frame.last.take();
            }
        }
        if self.outer.len() >= limits::SCRIPT_DEPTH_MAX {
            // Deeper than anybody writes: begin anew, what stood outside is lost.
            self.folded.cut = true;
            self.outer.clear();
        }
        self.outer.push(std::mem::replace(&mut self.frame, inner));
    }

    fn close(&mut self) {
        if self.frame.bracket == Bracket::Body {
            self.end_statement();
        } else {
            self.end_item();
        }
        let Some(outer) = self.outer.pop() else { return };
        let frame = std::mem::replace(&mut self.frame, outer);
        if let Some(word) = calls::telling(&frame.function) {
            self.folded.called.insert(word);
        }
        self.frame.letters |= frame.letters || calls::makes_letters(&frame.function);
        match frame.bracket {
            Bracket::List => self.list(frame),
            Bracket::Index => self.index(frame),
            Bracket::Arguments => self.call(frame),
            Bracket::Body => self.frame.name.clear(),
        }
    }

    fn in_letters(&self) -> bool {
        let around = self.outer.iter().rev().take(3);
        std::iter::once(&self.frame)
            .chain(around)
            .any(|frame| calls::makes_letters(&frame.function))
    }

    fn list(&mut self, frame: Frame) {
        let known = frame.items.len();
        let items: Vec<Value> = frame.items.into_iter().flatten().collect();
        self.frame.made = true;
        if items.len() == known && known > 0 {
            self.operand(Value::List(items));
        } else {
            self.frame.unknown = true;
            self.keep_all(items);
        }
    }

    /// `window["atob"]` names a function; a place in a fixed list is its value; anything else is unknown.
    fn index(&mut self, frame: Frame) {
        let [item] = &frame.items[..] else {
            self.frame.unknown = true;
            return;
        };
        let item = item.clone();
        let frame = &mut self.frame;
        match (item, frame.last.take()) {
            (Some(Value::Text(name)), receiver) => {
                frame.last = receiver;
                frame.name = name.to_ascii_lowercase();
            }
            (Some(Value::Number(at)), Some(Value::List(items))) => {
                let item = usize::try_from(at).ok().and_then(|at| items.get(at).cloned());
                frame.unknown |= item.is_none();
                frame.last = item;
            }
            (_, _) => frame.unknown = true,
        }
    }

    fn call(&mut self, frame: Frame) {
        let known = frame.items.iter().all(Option::is_some);
        let call = Call {
            function: &frame.function,
            receiver: frame.receiver,
            arguments: frame.items,
            letters: frame.letters,
            pattern: frame.pattern,
        };
        if let Some(Value::Text(format)) = &frame.format {
            let text = calls::format(format, &call.arguments);
            self.copied += text.len();
            self.frame.made = true;
            self.operand(Value::Text(text));
            return;
        }
        if frame.function.is_empty() {
            let several = call.arguments.len() > 1 && known;
            if several && self.language == Language::Power {
                self.frame.made = true;
                self.operand(Value::List(call.arguments.into_iter().flatten().collect()));
                return;
            }
            // A group is the value in it; a value that is called as "(…)(…)" is unknown.
            let mut items = call.arguments;
            match (items.pop(), items.is_empty()) {
                (Some(Some(value)), true) => {
                    self.frame.made |= frame.made;
                    self.operand(value);
                }
                (last, _) => {
                    items.extend(last);
                    self.unpack(&items);
                    self.frame.unknown = true;
                    self.keep_all(items.into_iter().flatten().collect());
                }
            }
            return;
        }
        let size: usize =
            call.arguments.iter().flatten().chain(&call.receiver).map(Value::size).sum();
        self.copied += size;
        match calls::work_out(call, known) {
            Ok(value) => {
                self.frame.made = true;
                self.operand(value);
            }
            Err(values) => {
                let frame = &mut self.frame;
                frame.unknown = true;
                frame.sign = 0;
                self.keep_all(values);
            }
        }
    }

    /// The packer `function(p,a,c,k,e,d)`: its arguments are the words and the text with their places.
    fn unpack(&mut self, items: &[Option<Value>]) {
        if let Some(text) = calls::unpack(items) {
            self.copied += text.len();
            self.keep(Value::Text(text), true);
        }
    }

    fn end_item(&mut self) {
        if self.frame.bracket == Bracket::Body {
            self.end_statement();
            return;
        }
        let value = self.end_value();
        let frame = &mut self.frame;
        if frame.items.len() < limits::SCRIPT_ITEMS_MAX {
            frame.items.push(value);
        } else {
            self.folded.cut = true;
        }
    }

    fn end_item_value(&mut self) {
        let made = self.frame.made;
        if let Some(value) = self.end_value() {
            self.keep(value, made);
        }
    }

    /// The value of the expression that ends here, if it is wholly known; what is known of it otherwise is kept.
    fn end_value(&mut self) -> Option<Value> {
        let frame = &mut self.frame;
        let (left, last) = (frame.left.take(), frame.last.take());
        let unknown = std::mem::take(&mut frame.unknown);
        let made = std::mem::take(&mut frame.made);
        let target = frame.target.take();
        let adds = std::mem::take(&mut frame.adds);
        frame.goes_on &= target.is_some();
        frame.sign = 0;
        frame.dot = false;
        frame.name.clear();
        let value = match (left, last) {
            (Some(left), Some(last)) => Some(value::plus(left, last)),
            (left, last) => left.or(last),
        };
        let Some(value) = value else {
            // An unknown value: the name has none any more.
            if let Some(target) = target.filter(|_| !adds) {
                self.names.remove(&target);
            }
            return None;
        };
        if let Some(target) = target {
            self.assign(target, value, adds, unknown, made);
            return None;
        }
        if unknown {
            self.keep(value, made);
            return None;
        }
        self.frame.made = made;
        Some(value)
    }

    fn assign(&mut self, target: String, value: Value, adds: bool, unknown: bool, made: bool) {
        if target == ".download" || target == ".filename" {
            self.folded.called.insert("download");
            if let Value::Text(name) = &value
                && self.folded.names.len() < NAMES_KEPT_MAX
            {
                self.folded.names.insert(0, name.clone());
            }
        }
        if adds {
            match self.names.remove(&target) {
                Some(before) => {
                    self.grown.insert(target.clone());
                    self.names.insert(target, value::plus(before, value));
                }
                None => self.keep(value, made),
            }
            return;
        }
        let goes_on = std::mem::take(&mut self.frame.goes_on);
        if goes_on {
            self.grown.insert(target.clone());
        } else {
            self.copied += value.size();
            self.keep(value.clone(), made);
            if self.grown.remove(&target)
                && let Some(before) = self.names.remove(&target)
            {
                self.keep(before, true);
            }
        }
        if unknown {
            self.names.remove(&target);
        } else if self.names.len() < limits::SCRIPT_NAMES_MAX || self.names.contains_key(&target) {
            self.names.insert(target, value);
        } else {
            self.folded.cut = true;
        }
    }

    fn end_statement(&mut self) {
        let made = self.frame.made;
        if let Some(value) = self.end_value() {
            self.keep(value, made);
        }
        let frame = &mut self.frame;
        frame.made = false;
        frame.items.clear();
        frame.pattern = None;
    }

    fn keep_all(&mut self, values: Vec<Value>) {
        for value in values {
            self.keep(value, true);
        }
    }

    fn keep(&mut self, value: Value, made: bool) {
        let value = match value {
            // Few things in a list, as the pieces of a file are given to a Blob: each by itself.
            Value::List(items) if items.len() < MADE_LETTERS_MIN => {
                let flat = items.into_iter().filter(|item| !matches!(item, Value::List(_)));
                flat.for_each(|item| self.keep(item, made));
                return;
            }
            other @ (Value::List(_)
            | Value::Text(_)
            | Value::Number(_)
            | Value::Numbers(_)
            | Value::Bytes(_)) => other,
        };
        let worth = match &value {
            Value::Number(_) => false,
            Value::Text(text) => {
                text.len() >= if made { MADE_LETTERS_MIN } else { LITERAL_LETTERS_MIN }
            }
            Value::Numbers(numbers) => numbers.len() >= MADE_LETTERS_MIN,
            Value::List(items) => items.len() >= MADE_LETTERS_MIN,
            Value::Bytes(bytes) => bytes.len() >= MADE_LETTERS_MIN,
        };
        if !worth {
            return;
        }
        let size = value.size();
        if self.folded.values.len() >= limits::SCRIPT_VALUES_MAX
            || self.kept + size > limits::SCRIPT_KEPT_BYTES_MAX
        {
            self.folded.cut = true;
            return;
        }
        self.kept += size;
        self.folded.values.push((value, made));
    }
}

fn is_keyword(name: &str) -> bool {
    KEYWORDS.contains(&name)
}

const KEYWORDS: &[&str] = &[
    "var", "let", "const", "new", "return", "typeof", "await", "async", "function", "if", "else",
    "for", "while", "do", "try", "catch", "finally", "throw", "in", "of", "void", "delete", "case",
    "switch", "break", "continue", "Dim", "dim", "Set", "set", "Const", "Call", "call_", "Then",
    "then", "End", "If", "Function", "Sub", "Xor", "xor", "bxor", "And", "Or", "Not", "char",
    "byte", "string", "int",
];
/// Shorter strings put together say nothing.
const MADE_LETTERS_MIN: usize = 4;
/// A literal that is written as it is stands in the script already; this long it may be an encoding.
const LITERAL_LETTERS_MIN: usize = 16;
/// File names kept of one script.
const NAMES_KEPT_MAX: usize = 20;
/// Fixed strings kept that may be keys, and how long a key is.
const WORDS_KEPT_MAX: usize = 200;
const KEY_BYTES_MAX: usize = 64;
