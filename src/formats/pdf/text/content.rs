//! Runs content streams for their text, ISO 32000-1 section 9.4: where it stands, whether it is seen, what pictures stand inline.
//!
//! Nothing is drawn. Forms are entered without recursion, each at most once at a time.

use super::font::{Font, Shown};
use crate::{
    base::limits,
    formats::{
        budget::Budget,
        pdf::{
            lexer::{Lexer, Next, is_blank},
            object::{Dict, Object},
            store::Place,
        },
    },
};
use memchr::memmem;
use std::{
    collections::{HashMap, HashSet},
    rc::Rc,
};

/// Reads text out of content streams.
#[derive(Debug)]
pub(super) struct Reader<'a> {
    /// What is seen.
    pub(super) visible: String,
    /// What is drawn and not seen: invisible mode, no size, white.
    pub(super) hidden: String,
    /// Pictures written into the streams themselves.
    pub(super) pictures: Vec<(Dict, &'a [u8])>,
    /// Streams that were read.
    pub(super) visited: HashSet<usize>,
    /// Pictures drawn.
    pub(super) drawn_pictures: usize,
    fonts: HashMap<(usize, Vec<u8>), Rc<Font>>,
    operators_left: usize,
    forms_left: usize,
    cmap_bytes_left: usize,
    state: State,
    saved: Vec<State>,
    frames: Vec<Frame<'a>>,
    text_matrix: Matrix,
    line_matrix: Matrix,
    /// Where the last visible and the last hidden text ended, and how large it was.
    ends: [Option<End>; 2],
    /// Something dark was painted: white may be seen.
    painted: bool,
}

/// A stream being run.
#[derive(Debug)]
struct Frame<'a> {
    lexer: Lexer<'a>,
    bytes: &'a [u8],
    index: usize,
    resources: Option<(Place<'a>, &'a Dict)>,
    saved_before: usize,
}

#[derive(Debug, Clone, Default)]
struct State {
    matrix: Matrix,
    font: Option<Rc<Font>>,
    size: f64,
    white: bool,
    mode: i64,
    letter_space: f64,
    word_space: f64,
    stretch: f64,
    leading: f64,
}

#[derive(Debug, Clone, Copy)]
struct Matrix([f64; 6]);

#[derive(Debug, Clone, Copy)]
struct End {
    x: f64,
    y: f64,
}

impl Default for Matrix {
    fn default() -> Matrix {
        Matrix([1.0, 0.0, 0.0, 1.0, 0.0, 0.0])
    }
}

impl Matrix {
    /// First this, then `other`.
    fn then(self, other: Matrix) -> Matrix {
        let [a, b, c, d, e, f] = self.0;
        let [g, h, i, j, k, l] = other.0;
        Matrix([
            a * g + b * i,
            a * h + b * j,
            c * g + d * i,
            c * h + d * j,
            e * g + f * i + k,
            e * h + f * j + l,
        ])
    }

    fn moved(x: f64, y: f64) -> Matrix {
        Matrix([1.0, 0.0, 0.0, 1.0, x, y])
    }
}

impl<'a> Reader<'a> {
    /// Has read nothing yet.
    pub(super) fn new() -> Reader<'a> {
        Reader {
            visible: String::new(),
            hidden: String::new(),
            pictures: Vec::new(),
            visited: HashSet::new(),
            drawn_pictures: 0,
            fonts: HashMap::new(),
            operators_left: limits::PDF_OPERATORS_MAX,
            forms_left: limits::PDF_FORMS_MAX,
            cmap_bytes_left: limits::PDF_CMAP_BYTES_MAX,
            state: State::default(),
            saved: Vec::new(),
            frames: Vec::new(),
            text_matrix: Matrix::default(),
            line_matrix: Matrix::default(),
            ends: [None; 2],
            painted: false,
        }
    }

    /// Runs one content stream; `index` is its object. Each page begins anew.
    pub(super) fn run(
        &mut self,
        bytes: &'a [u8],
        index: usize,
        resources: Option<(Place<'a>, &'a Dict)>,
        budget: &Budget,
    ) {
        self.saved.clear();
        self.frames.clear();
        self.visited.insert(index);
        self.enter(bytes, index, resources);
        let mut operands: Vec<Object> = Vec::new();
        while let Some(frame) = self.frames.last_mut() {
            frame.lexer.values_left = OPERAND_VALUES_MAX;
            let next = frame.lexer.next();
            match next {
                Some(Next::Value(value)) => {
                    // A lone page description without operators must not grow for ever.
                    if operands.len() < limits::PDF_OPERANDS_MAX {
                        operands.push(value);
                    }
                }
                Some(Next::Word(word)) => {
                    self.operators_left = self.operators_left.saturating_sub(1);
                    let look = self.operators_left.is_multiple_of(LOOK_AGAIN);
                    if self.operators_left == 0
                        || self.is_full()
                        || (look && budget.check_time().is_err())
                    {
                        return;
                    }
                    self.operator(word, &operands);
                    operands.clear();
                }
                None => {
                    let Some(frame) = self.frames.pop() else { return };
                    self.saved.truncate(frame.saved_before + 1);
                    if let Some(state) = self.saved.pop() {
                        self.state = state;
                    }
                    operands.clear();
                }
            }
        }
    }

    /// A new page: nothing follows what stood before.
    pub(super) fn new_page(&mut self) {
        self.state = State { stretch: 1.0, ..State::default() };
        self.ends = [None; 2];
        self.painted = false;
        for text in [&mut self.visible, &mut self.hidden] {
            if !text.is_empty() && !text.ends_with('\n') {
                text.push('\n');
            }
        }
    }

    fn is_full(&self) -> bool {
        self.visible.len() > limits::PDF_TEXT_BYTES_MAX
            || self.hidden.len() > limits::PDF_TEXT_BYTES_MAX
    }

    fn enter(&mut self, bytes: &'a [u8], index: usize, resources: Option<(Place<'a>, &'a Dict)>) {
        let saved_before = self.saved.len();
        self.saved.push(self.state.clone());
        let lexer = Lexer::new(bytes, 0, OPERAND_VALUES_MAX);
        self.frames.push(Frame { lexer, bytes, index, resources, saved_before });
    }

    fn operator(&mut self, word: &[u8], operands: &[Object]) {
        let number = |place: usize| operands.get(place).and_then(Object::as_number).unwrap_or(0.0);
        match word {
            b"q" if self.saved.len() < STATES_MAX => self.saved.push(self.state.clone()),
            b"Q" => {
                let before = self.frames.last().map_or(0, |frame| frame.saved_before + 1);
                if self.saved.len() > before
                    && let Some(state) = self.saved.pop()
                {
                    self.state = state;
                }
            }
            b"cm" => {
                if let Some(matrix) = matrix(operands) {
                    self.state.matrix = matrix.then(self.state.matrix);
                }
            }
            b"BT" => {
                self.text_matrix = Matrix::default();
                self.line_matrix = Matrix::default();
            }
            b"Tf" => {
                let font = operands.first().and_then(Object::as_name);
                self.state.font = font.and_then(|name| self.font(name));
                self.state.size = number(1);
            }
            b"Tc" => self.state.letter_space = number(0),
            b"Tw" => self.state.word_space = number(0),
            b"Tz" => self.state.stretch = number(0) / 100.0,
            b"TL" => self.state.leading = number(0),
            b"Tr" => self.state.mode = operands.first().and_then(Object::as_integer).unwrap_or(0),
            b"Td" => self.next_line(number(0), number(1)),
            b"TD" => {
                self.state.leading = -number(1);
                self.next_line(number(0), number(1));
            }
            b"T*" => self.next_line(0.0, -self.state.leading),
            b"Tm" => {
                if let Some(matrix) = matrix(operands) {
                    self.text_matrix = matrix;
                    self.line_matrix = matrix;
                }
            }
            b"Tj" => self.show(operands.first()),
            b"TJ" => self.show_pieces(operands.first()),
            b"'" => {
                self.next_line(0.0, -self.state.leading);
                self.show(operands.first());
            }
            b"\"" => {
                self.state.word_space = number(0);
                self.state.letter_space = number(1);
                self.next_line(0.0, -self.state.leading);
                self.show(operands.get(2));
            }
            b"g" | b"rg" | b"k" | b"sc" | b"scn" => self.state.white = is_white(operands),
            b"cs" => self.state.white = false,
            b"f" | b"F" | b"f*" | b"B" | b"B*" | b"b" | b"b*" => self.painted |= !self.state.white,
            b"sh" => self.painted = true,
            b"Do" => self.draw(operands.first().and_then(Object::as_name)),
            b"BI" => self.inline_picture(),
            _ => (),
        }
    }

    fn next_line(&mut self, x: f64, y: f64) {
        self.line_matrix = Matrix::moved(x, y).then(self.line_matrix);
        self.text_matrix = self.line_matrix;
    }

    fn font(&mut self, name: &[u8]) -> Option<Rc<Font>> {
        let (place, resources) = self.frames.last()?.resources?;
        let fonts = resources.get(b"Font")?;
        let (fonts, fonts_place) = place.resolve_at(fonts);
        let font = fonts.as_dict()?.get(name)?;
        let (object, font_place) = fonts_place.resolve_at(font);
        let key = match font {
            Object::Reference(_) => (font_place.index, Vec::new()),
            _ => (fonts_place.index, name.to_vec()),
        };
        if let Some(font) = self.fonts.get(&key) {
            return Some(Rc::clone(font));
        }
        if self.fonts.len() >= FONTS_MAX {
            return None;
        }
        let font = Rc::new(Font::read(font_place, object.as_dict()?, &mut self.cmap_bytes_left));
        self.fonts.insert(key, Rc::clone(&font));
        Some(font)
    }

    fn show(&mut self, text: Option<&Object>) {
        if let Some(Object::Text(text)) = text {
            self.show_text(text);
        }
    }

    fn show_pieces(&mut self, pieces: Option<&Object>) {
        let Some(Object::Array(pieces)) = pieces else { return self.show(pieces) };
        for piece in pieces {
            match (piece, piece.as_number()) {
                (Object::Text(text), _) => self.show_text(text),
                (_, Some(back)) => {
                    self.advance(-back / 1_000.0 * self.state.size * self.state.stretch);
                }
                _ => (),
            }
        }
    }

    fn advance(&mut self, x: f64) {
        self.text_matrix = Matrix::moved(x, 0.0).then(self.text_matrix);
    }

    fn show_text(&mut self, bytes: &[u8]) {
        let full = self.text_matrix.then(self.state.matrix);
        let [a, b, c, d, x, y] = full.0;
        let size = self.state.size.abs() * c.hypot(d);
        // Nothing smaller than a third of a point can be read.
        let hidden = self.state.mode == 3
            || self.state.mode == 7
            || size < READABLE_SIZE_MIN
            || (self.state.white && !self.painted);
        let end = self.ends.get(usize::from(hidden)).copied().flatten();
        let out = if hidden { &mut self.hidden } else { &mut self.visible };
        if let Some(end) = end {
            let (right, up) = (a / a.hypot(b).max(TINY), b / a.hypot(b).max(TINY));
            let (dx, dy) = (x - end.x, y - end.y);
            let along = dx * right + dy * up;
            let across = (dy * right - dx * up).abs();
            let size = size.max(TINY);
            if across > 0.6 * size {
                out.push('\n');
            } else if (along > 0.17 * size || along < -0.5 * size) && !out.ends_with([' ', '\n']) {
                out.push(' ');
            }
        }
        let shown = match &self.state.font {
            Some(font) => font.show(bytes, out),
            None => Font::default_show(bytes, out),
        };
        let Shown { width, codes, spaces } = shown;
        let width = width / 1_000.0 * self.state.size
            + codes * self.state.letter_space
            + spaces * self.state.word_space;
        self.advance(width * self.state.stretch);
        let [.., x, y] = self.text_matrix.then(self.state.matrix).0;
        if let Some(place) = self.ends.get_mut(usize::from(hidden)) {
            *place = Some(End { x, y });
        }
    }

    fn draw(&mut self, name: Option<&[u8]>) {
        let drawn = || {
            let (place, resources) = self.frames.last()?.resources?;
            let (objects, place) = place.resolve_at(resources.get(b"XObject")?);
            let (object, place) = place.resolve_at(objects.as_dict()?.get(name?)?);
            Some((place, object.as_dict()?))
        };
        let Some((place, dict)) = drawn() else { return };
        if place.get(dict, b"Subtype").and_then(Object::as_name) == Some(b"Image") {
            self.drawn_pictures += 1;
            self.painted = true;
            return;
        }
        let Some(decoded) = place.decoded() else { return };
        let again = self.frames.iter().any(|frame| frame.index == place.index);
        if again || self.frames.len() > limits::PDF_FORM_DEPTH_MAX || self.forms_left == 0 {
            return;
        }
        self.forms_left -= 1;
        self.visited.insert(place.index);
        let own = dict.get(b"Resources").map(|resources| place.resolve_at(resources));
        let own = own.and_then(|(resources, place)| Some((place, resources.as_dict()?)));
        let inherited = self.frames.last().and_then(|frame| frame.resources);
        self.enter(&decoded.bytes, place.index, own.or(inherited));
        let moved = place.get(dict, b"Matrix").and_then(Object::as_array).and_then(matrix);
        if let Some(moved) = moved {
            self.state.matrix = moved.then(self.state.matrix);
        }
    }

    /// Section 8.9.7: keys and values, `ID`, the bytes, `EI`.
    fn inline_picture(&mut self) {
        let Some(frame) = self.frames.last_mut() else { return };
        let mut dict = Dict::default();
        let mut key: Option<Vec<u8>> = None;
        loop {
            match frame.lexer.next() {
                Some(Next::Value(Object::Name(name))) if key.is_none() => key = Some(name),
                Some(Next::Value(value)) => {
                    dict.entries.extend(key.take().map(|key| (key, value)));
                }
                Some(Next::Word(b"ID")) => break,
                Some(Next::Word(word)) => {
                    if let (Some(key), b"true" | b"false") = (key.take(), word) {
                        dict.entries.push((key, Object::Bool(word == b"true")));
                    }
                }
                None => return,
            }
        }
        let start = frame.lexer.at + 1;
        let bytes = frame.bytes.get(start..).unwrap_or_default();
        let end = memmem::find_iter(bytes, b"EI").find(|at| {
            let before = at.checked_sub(1).and_then(|at| bytes.get(at));
            let after = bytes.get(at + 2..(at + 12).min(bytes.len())).unwrap_or_default();
            before.is_none_or(|byte| is_blank(*byte) || *byte == b'>')
                && after.first().is_none_or(|byte| is_blank(*byte))
                && after
                    .iter()
                    .all(|byte| is_blank(*byte) && *byte != 0 || (0x20..0x7f).contains(byte))
        });
        let end = end.unwrap_or(bytes.len());
        frame.lexer.at = start + end + 2;
        self.painted = true;
        self.drawn_pictures += 1;
        if self.pictures.len() < limits::PDF_PICTURES_MAX {
            self.pictures.push((dict, bytes.get(..end).unwrap_or_default()));
        }
    }
}

fn matrix(operands: &[Object]) -> Option<Matrix> {
    let mut matrix = [0.0; 6];
    let numbers = operands.iter().map(Object::as_number);
    for (place, number) in matrix.iter_mut().zip(numbers) {
        *place = number?;
    }
    (operands.len() >= 6).then_some(Matrix(matrix))
}

/// One and three numbers are light that is added, four are ink.
fn is_white(operands: &[Object]) -> bool {
    let numbers: Vec<f64> = operands.iter().filter_map(Object::as_number).collect();
    match numbers.len() {
        1 | 3 => numbers.iter().all(|number| *number >= 0.98),
        4 => numbers.iter().all(|number| *number <= 0.02),
        _ => false,
    }
}

/// Values of one operand or array.
const OPERAND_VALUES_MAX: usize = 20_000;
/// Graphics states kept; real files stay under thirty.
const STATES_MAX: usize = 512;
/// Fonts read of one PDF.
const FONTS_MAX: usize = 2_000;
/// Operators between two looks at the clock.
const LOOK_AGAIN: usize = 1_024;
/// Points under which nobody reads a letter.
const READABLE_SIZE_MIN: f64 = 0.4;
/// Keeps a division from dividing by nothing.
const TINY: f64 = 1e-9;
