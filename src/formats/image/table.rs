//! QR codes drawn with HTML: a table whose cells have a background, small boxes with one, or letters in `pre`.
//!
//! Read with html5gum's tokenizer. Colours come from attributes and from the simplest selectors of style sheets (an element, a class, an id);
//! sizes from `colspan`, `width` and `height` in pixels. Boxes placed by coordinates or drawn by shadows are not read.

use super::{
    blocks::text_codes,
    plane::{Bitmap, Plane},
    search::Search,
    text,
};
use crate::{
    base::limits,
    formats::{budget::Budget, html::tokens::tokens},
};
use html5gum::{StartTag, State, Token};
use std::collections::HashMap;

/// What the codes drawn in a page say, each once.
pub fn page_codes(page: &str, budget: &mut Budget) -> Vec<String> {
    let page = page.get(..page.floor_char_boundary(limits::PAGE_BYTES_MAX)).unwrap_or(page);
    let mut drawer = Drawer::default();
    let mut tokens = tokens(page);
    let mut in_style = false;
    while let Some(Ok(token)) = tokens.next() {
        match token {
            Token::StartTag(tag) => {
                in_style = tag.name.as_slice() == b"style";
                match tag.name.as_slice() {
                    b"style" => tokens.set_state(State::RawText),
                    b"script" => tokens.set_state(State::ScriptData),
                    b"title" | b"textarea" => tokens.set_state(State::RcData),
                    _ => drawer.start(&tag),
                }
            }
            Token::EndTag(tag) => {
                in_style = false;
                drawer.end(&tag.name);
            }
            Token::String(string) => {
                let string = String::from_utf8_lossy(&string.value);
                match in_style {
                    true => drawer.sheet(&string),
                    false => drawer.text(&string),
                }
            }
            Token::Comment(_) | Token::Doctype(_) | Token::Error(_) => (),
        }
    }
    drawer.finish(budget)
}

/// How an element is drawn, as far as it is said.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Paint {
    ink: Option<u8>,
    paper: Option<u8>,
    width: Option<u16>,
    height: Option<u16>,
    keeps_blanks: bool,
}

impl Paint {
    /// What is said later wins.
    fn over(self, later: Paint) -> Paint {
        Paint {
            ink: later.ink.or(self.ink),
            paper: later.paper.or(self.paper),
            width: later.width.or(self.width),
            height: later.height.or(self.height),
            keeps_blanks: self.keeps_blanks || later.keeps_blanks,
        }
    }

    fn of_style(style: &str) -> Paint {
        let mut paint = Paint::default();
        for declaration in style.split(';').take(DECLARATIONS_MAX) {
            let Some((property, value)) = declaration.split_once(':') else { continue };
            match property.trim().to_ascii_lowercase().as_str() {
                "background" | "background-color" => {
                    paint.paper = brightness(value).or(paint.paper)
                }
                "color" => paint.ink = brightness(value),
                "width" => paint.width = pixels(value),
                "height" | "line-height" => paint.height = pixels(value).or(paint.height),
                "white-space" => paint.keeps_blanks = value.contains("pre"),
                _ => (),
            }
        }
        paint
    }
}

struct Open {
    name: Vec<u8>,
    /// Its own and what it lets through.
    paint: Paint,
    /// Boxes that were drawn when it began.
    boxes: usize,
}

#[derive(Default)]
struct Cells {
    cells: Vec<(u8, Option<u16>)>,
    height: Option<u16>,
}

#[derive(Default)]
struct Drawer {
    sheet: HashMap<String, Paint>,
    open: Vec<Open>,
    /// Tables that are open, outermost first, and where each stands in `open`.
    tables: Vec<Vec<Cells>>,
    done: Vec<Vec<Cells>>,
    boxes: Vec<(u8, Option<u16>)>,
    box_rows: Vec<Cells>,
    lines: String,
    /// Something was drawn with letters or blanks.
    cells: usize,
}

impl Drawer {
    /// Rules with the simplest selectors.
    fn sheet(&mut self, sheet: &str) {
        let sheet = sheet.replace("<!--", "").replace("-->", "");
        for rule in sheet.split('}').take(limits::DRAWN_PAGE_RULES_MAX) {
            let Some((selectors, style)) = rule.rsplit_once('{') else { continue };
            let paint = Paint::of_style(style);
            for selector in selectors.split(',').take(DECLARATIONS_MAX) {
                let last = selector.split_whitespace().next_back().unwrap_or_default();
                let from = last.rfind(['.', '#']).unwrap_or_default();
                let key = last.get(from..).unwrap_or_default().to_ascii_lowercase();
                if paint != Paint::default() && self.sheet.len() < limits::DRAWN_PAGE_RULES_MAX {
                    let old = self.sheet.get(&key).copied().unwrap_or_default();
                    self.sheet.insert(key, old.over(paint));
                }
            }
        }
    }

    fn start(&mut self, tag: &StartTag<()>) {
        let name: &[u8] = &tag.name;
        let own = self.paint(tag);
        match name {
            b"table" if self.tables.len() < TABLES_DEEP_MAX => self.tables.push(Vec::new()),
            b"tr" => {
                self.close_until(&[b"tr"], b"table");
                if let Some(table) = self.tables.last_mut() {
                    table.push(Cells { height: own.height, ..Cells::default() });
                }
            }
            b"td" | b"th" => self.cell(tag, own),
            b"br" => self.break_line(),
            b"p" | b"div" | b"pre" => self.break_text(),
            _ => (),
        }
        if !matches!(name, b"td" | b"th" | b"tr" | b"table" | b"body")
            && let (Some(paper), Some(_)) = (own.paper, own.height)
            && own.width.is_some_and(|width| width <= BOX_SIDE_MAX)
            && self.take_cell()
        {
            self.boxes.push((paper, own.width));
        }
        let void = matches!(name, b"br" | b"img" | b"hr" | b"input" | b"meta" | b"link" | b"col");
        if !void && self.open.len() < limits::PAGE_DEPTH_MAX {
            let inherited = self.open.last().map(|open| open.paint).unwrap_or_default();
            let inherited = Paint { width: None, height: None, ..inherited };
            let boxes = self.boxes.len();
            self.open.push(Open { name: name.to_vec(), paint: inherited.over(own), boxes });
        }
    }

    fn paint(&self, tag: &StartTag<()>) -> Paint {
        let attribute = |name: &[u8]| -> Option<String> {
            Some(String::from_utf8_lossy(&tag.attributes.get(name)?.value).into_owned())
        };
        let ruled = |key: &str| self.sheet.get(key).copied().unwrap_or_default();
        let mut paint = Paint::default();
        if !self.sheet.is_empty() {
            paint = ruled(&String::from_utf8_lossy(&tag.name));
            let classes = attribute(b"class").unwrap_or_default().to_ascii_lowercase();
            for class in classes.split_whitespace().take(8) {
                paint = paint.over(ruled(&format!(".{class}")));
            }
            if let Some(id) = attribute(b"id") {
                paint = paint.over(ruled(&format!("#{}", id.to_ascii_lowercase())));
            }
        }
        paint = paint.over(Paint {
            paper: attribute(b"bgcolor").as_deref().and_then(brightness),
            ink: attribute(b"color").as_deref().and_then(brightness),
            width: attribute(b"width").as_deref().and_then(pixels),
            height: attribute(b"height").as_deref().and_then(pixels),
            keeps_blanks: matches!(
                tag.name.as_slice(),
                b"pre" | b"xmp" | b"listing" | b"plaintext"
            ),
        });
        match attribute(b"style") {
            Some(style) => paint.over(Paint::of_style(&style)),
            None => paint,
        }
    }

    fn cell(&mut self, tag: &StartTag<()>, own: Paint) {
        self.close_until(&[b"td", b"th"], b"tr");
        let around = self.open.last().map(|open| open.paint).unwrap_or_default();
        let paper = own.paper.or(around.paper).unwrap_or(u8::MAX);
        let span = tag
            .attributes
            .get(&b"colspan"[..])
            .and_then(|span| String::from_utf8_lossy(&span.value).trim().parse::<u16>().ok());
        let span = span.unwrap_or(1).clamp(1, COLSPAN_MAX);
        let width = own.width.map(|width| width.div_euclid(span));
        for _ in 0..span {
            if !self.take_cell() {
                return;
            }
            if let Some(row) = self.tables.last_mut().and_then(|table| table.last_mut()) {
                row.height = row.height.or(own.height);
                row.cells.push((paper, width));
            }
        }
    }

    fn take_cell(&mut self) -> bool {
        self.cells = self.cells.saturating_add(1);
        self.cells <= limits::DRAWN_PAGE_CELLS_MAX
    }

    /// Closes the innermost open element of these names, if it stands inside `within`.
    fn close_until(&mut self, names: &[&[u8]], within: &[u8]) {
        let near = || self.open.iter().rev().take(CLOSE_LOOK_BACK);
        let at = near().position(|open| names.contains(&open.name.as_slice()));
        let outer = near().position(|open| open.name == within);
        if let Some(back) = at.filter(|at| outer.is_none_or(|outer| *at < outer)) {
            self.open.truncate(self.open.len().saturating_sub(back + 1));
        }
    }

    fn end(&mut self, name: &[u8]) {
        let found = self.open.iter().rev().take(CLOSE_LOOK_BACK).position(|open| open.name == name);
        if let Some(back) = found {
            let at = self.open.len().saturating_sub(back + 1);
            let boxes = self.open.get(at).map(|open| open.boxes).unwrap_or_default();
            self.open.truncate(at);
            // An element that holds boxes and is none itself is a row of them.
            if self.boxes.len() > boxes + 1 {
                self.break_boxes();
            }
        }
        match name {
            b"table" => {
                let table = self.tables.pop();
                self.done.extend(table.filter(|table| table.len() >= ROWS_MIN));
            }
            b"p" | b"div" | b"pre" | b"tr" => self.break_text(),
            _ => (),
        }
    }

    fn break_line(&mut self) {
        self.lines.push('\n');
        self.break_boxes();
    }

    fn break_text(&mut self) {
        if !self.lines.is_empty() && !self.lines.ends_with('\n') {
            self.lines.push('\n');
        }
    }

    fn break_boxes(&mut self) {
        if !self.boxes.is_empty() {
            let cells = std::mem::take(&mut self.boxes);
            self.box_rows.push(Cells { cells, height: None });
            self.open.iter_mut().for_each(|open| open.boxes = 0);
        }
    }

    /// Letters as they look: a blank on dark paper is a block, a block of light ink is a blank.
    fn text(&mut self, text: &str) {
        if self.lines.len() >= limits::TEXT_BYTES_MAX {
            return;
        }
        let paint = self.open.last().map(|open| open.paint).unwrap_or_default();
        let dark_paper = paint.paper.is_some_and(|paper| paper < HALF);
        let light_ink = paint.ink.is_some_and(|ink| ink >= HALF);
        for letter in text.chars() {
            match letter {
                '\n' if paint.keeps_blanks => self.lines.push('\n'),
                '\n' | '\r' | '\t' => (),
                ' ' if !paint.keeps_blanks && self.lines.ends_with([' ', '\n']) => (),
                ' ' | '\u{a0}' if dark_paper => self.lines.push('█'),
                '█' if light_ink && !dark_paper => self.lines.push('\u{a0}'),
                _ => self.lines.push(letter),
            }
        }
    }

    fn finish(mut self, budget: &mut Budget) -> Vec<String> {
        self.break_boxes();
        let mut search = Search::default();
        let open = std::mem::take(&mut self.tables);
        let boxes = squared(std::mem::take(&mut self.box_rows));
        let drawings = self.done.into_iter().chain(open).chain([boxes]);
        let large = drawings.filter(|rows| rows.len() >= ROWS_MIN);
        for rows in large.take(limits::DRAWN_CODES_TRIED_MAX) {
            if budget.check_time().is_err() {
                break;
            }
            for level in [HALF, pale_level(&rows)] {
                search.bitmap(&bitmap(&rows, level), budget);
            }
        }
        let mut texts: Vec<String> = search.payloads.into_iter().map(text).collect();
        for found in text_codes(&self.lines, budget) {
            if !texts.contains(&found) {
                texts.push(found);
            }
        }
        texts
    }
}

/// Boxes without rows that make a square flow into one.
fn squared(rows: Vec<Cells>) -> Vec<Cells> {
    let [Cells { cells, .. }] = rows.as_slice() else { return rows };
    let side = cells.len().isqrt();
    if side < ROWS_MIN || side.saturating_mul(side) != cells.len() {
        return rows;
    }
    cells.chunks(side).map(|row| Cells { cells: row.to_vec(), height: None }).collect()
}

/// Cells as pixels, wide and high ones repeated as often as the narrowest fits into them.
fn bitmap(rows: &[Cells], level: u8) -> Bitmap {
    let all_cells = || rows.iter().flat_map(|row| &row.cells);
    let unit = all_cells().filter_map(|(_, width)| *width).filter(|width| *width > 0).min();
    let high = rows.iter().filter_map(|row| row.height).filter(|height| *height > 0).min();
    let times = |size: Option<u16>, unit: Option<u16>| match (size, unit) {
        (Some(size), Some(unit)) => {
            usize::from((size + unit / 2).div_euclid(unit)).clamp(1, TIMES_MAX)
        }
        _ => 1,
    };
    let mut drawn: Vec<Vec<bool>> = Vec::new();
    for row in rows {
        let cells = row
            .cells
            .iter()
            .flat_map(|(paper, width)| std::iter::repeat_n(*paper <= level, times(*width, unit)));
        let cells: Vec<bool> = cells.take(limits::DRAWN_CODE_LETTERS_MAX).collect();
        for _ in 0..times(row.height, high) {
            if drawn.len() < limits::DRAWN_CODE_LINES_MAX {
                drawn.push(cells.clone());
            }
        }
    }
    Bitmap::of_rows(&drawn)
}

/// The level that parts the cells best, for codes of two pale colours.
fn pale_level(rows: &[Cells]) -> u8 {
    let papers: Vec<u8> = rows.iter().flat_map(|row| &row.cells).map(|(paper, _)| *paper).collect();
    let counts = Plane::new(1, papers).histogram();
    super::plane::levels(&counts).first().copied().unwrap_or(HALF)
}

/// Whole pixels of a length; nothing for percents and other units but the point.
fn pixels(value: &str) -> Option<u16> {
    let value = value.trim();
    let end = value.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(value.len());
    let (digits, unit) = value.split_at_checked(end)?;
    let percent = unit.trim_start_matches(|letter: char| letter == '.' || letter.is_ascii_digit());
    (!percent.starts_with('%')).then(|| digits.parse().ok())?
}

/// How bright a CSS colour is, 0 to 255; nothing for transparent and for what is no colour we know.
fn brightness(value: &str) -> Option<u8> {
    let value = value.trim().to_ascii_lowercase();
    let grey = |red: u32, green: u32, blue: u32| {
        u8::try_from((77 * red + 150 * green + 29 * blue) >> 8).ok()
    };
    if let Some((_, numbers)) = value.split_once("rgb") {
        let numbers = numbers.split(['(', ')', ',', ' ', '/', 'a']).filter(|one| !one.is_empty());
        let mut numbers = numbers.map(|one| one.split('.').next().unwrap_or(one).parse::<u8>());
        let mut next = || numbers.next()?.ok().map(u32::from);
        let (red, green, blue) = (next()?, next()?, next()?);
        return grey(red, green, blue);
    }
    value.split_whitespace().find_map(|word| {
        let hex = word.strip_prefix('#').unwrap_or(word);
        if let Some((_, bright)) = NAMED.iter().find(|(name, _)| *name == word) {
            return Some(*bright);
        }
        let digit = |at: usize| hex.get(at..=at).and_then(|one| u32::from_str_radix(one, 16).ok());
        let pair =
            |at: usize| hex.get(at..at + 2).and_then(|two| u32::from_str_radix(two, 16).ok());
        match hex.len() {
            3 | 4 => grey(17 * digit(0)?, 17 * digit(1)?, 17 * digit(2)?),
            6 | 8 => grey(pair(0)?, pair(2)?, pair(4)?),
            _ => None,
        }
    })
}

/// The names of CSS that such drawings use, with their brightness.
const NAMED: &[(&str, u8)] = &[
    ("black", 0),
    ("white", 255),
    ("red", 76),
    ("green", 75),
    ("lime", 149),
    ("blue", 29),
    ("navy", 14),
    ("yellow", 225),
    ("gray", 128),
    ("grey", 128),
    ("silver", 192),
    ("darkgray", 169),
    ("darkblue", 15),
    ("darkgreen", 58),
    ("darkred", 41),
    ("maroon", 38),
    ("purple", 53),
    ("teal", 89),
    ("olive", 113),
    ("orange", 173),
    ("whitesmoke", 245),
    ("snow", 250),
    ("ivory", 253),
    ("lightgray", 211),
    ("lightgrey", 211),
    ("gainsboro", 220),
    ("dimgray", 105),
    ("dimgrey", 105),
    ("indigo", 37),
    ("midnightblue", 35),
];
/// Half of the brightness there is.
const HALF: u8 = 127;
/// Rows of the smallest drawing.
const ROWS_MIN: usize = 15;
/// A larger box is no module.
const BOX_SIDE_MAX: u16 = 60;
/// Columns one cell may span: the modules of the largest code.
const COLSPAN_MAX: u16 = 177;
/// The same, counted in pixels.
const TIMES_MAX: usize = 177;
/// Tables inside tables that are looked into.
const TABLES_DEEP_MAX: usize = 30;
/// Open elements that an end tag is compared with.
const CLOSE_LOOK_BACK: usize = 50;
/// Declarations of one style, selectors of one rule.
const DECLARATIONS_MAX: usize = 60;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{base::clock::Clock, formats::budget::Bounds};

    const LINK: &str = "https://evil.example/x";

    fn read(page: &str) -> Vec<String> {
        page_codes(page, &mut Budget::new(Bounds::default(), &Clock::system()))
    }

    /// Rows of modules, each drawn by a cell, each row put between two pieces.
    fn page(before: &str, cell: impl Fn(bool) -> String, after: &str) -> String {
        let code = qrcode::QrCode::new(LINK).unwrap();
        let colors = code.to_colors();
        let rows = colors.chunks(code.width()).map(|row| {
            let cells: String =
                row.iter().map(|color| cell(*color == qrcode::Color::Dark)).collect();
            format!("{before}{cells}{after}\n")
        });
        rows.collect()
    }

    #[test]
    fn codes_drawn_with_elements_are_read() {
        let either = |dark: &'static str, light: &'static str| {
            move |is: bool| if is { dark.to_string() } else { light.to_string() }
        };
        let table = |cell: &dyn Fn(bool) -> String| {
            format!("<table>{}</table>", page("<tr>", cell, "</tr>"))
        };
        for page in [
            table(&either("<td bgcolor=#000000></td>", "<td bgcolor=white>&nbsp;</td>")),
            table(&either("<td style='background:#000;width:4px'>", "<td style='width:4px'>")),
            table(&either("<td style='BACKGROUND-COLOR: rgb(0, 0, 0)'></td>", "<td></td>")),
            table(&either("<td bgcolor=#eee></td>", "<td bgcolor=#fff></td>")),
            table(&either("<td colspan=2 bgcolor=black></td>", "<td colspan=2></td>")),
            format!(
                "<style>td{{width:4px}} .b, td.c {{ background: #000 }}</style>{}",
                table(&either("<td class='a B'></td>", "<td></td>"))
            ),
            format!(
                "<table bgcolor=black>{}",
                table(&either("<td bgcolor=black>", "<td bgcolor=white>"))
            ),
            page(
                "<div>",
                either(
                    "<i style='width:4px;height:4px;background:#000;float:left'></i>",
                    "<i style='width:4px;height:4px;background:#fff;float:left'></i>",
                ),
                "</div>",
            ),
            page(
                "",
                either(
                    "<b style='width:4px;height:4px;background:#000'></b>",
                    "<b style='width:4px;height:4px;background:#fff'></b>",
                ),
                "<br>",
            ),
            format!(
                "<div style='display:grid'>{}</div>",
                page(
                    "",
                    either(
                        "<b style='width:4px;height:4px;background:#000'></b>",
                        "<b style='width:4px;height:4px;background:#fff'></b>"
                    ),
                    ""
                )
            ),
            format!("<pre>{}</pre>", page("", either("&#9608;&#x2588;", "  "), "")),
            page("<div>", either("██", "&nbsp;&nbsp;"), "</div>"),
            page("", either("⬛", "⬜"), "<br>"),
            page(
                "<p>",
                either("<span style='background:#000'>&nbsp;</span>", "<span>&nbsp;</span>"),
                "</p>",
            ),
            format!("<div style='white-space: pre'>{}</div>", page("", either("##", "  "), "")),
        ] {
            assert_eq!(read(&page), [LINK], "{}", &page[..200]);
        }
        // Runs of one colour as one wide cell.
        let code = qrcode::QrCode::new(LINK).unwrap();
        let rows: String = code
            .to_colors()
            .chunks(code.width())
            .map(|row| {
                let cells: String = row
                    .chunk_by(|one, other| one == other)
                    .map(|run| {
                        let colour = if run[0] == qrcode::Color::Dark { "#000" } else { "#fff" };
                        format!("<td width={} bgcolor={colour}>", 5 * run.len())
                    })
                    .collect();
                format!("<tr height=5>{cells}")
            })
            .collect();
        assert_eq!(read(&format!("<table>{rows}</table>")), [LINK]);
    }

    #[test]
    fn hostile_pages_cost_little() {
        for piece in [
            "<table><tr><td>",
            "<td colspan=99999 bgcolor=black>",
            "<i style='width:1px;height:1px;background:#000'>",
            "<tr>",
            "</div>",
            "█",
            "<br>",
        ] {
            assert!(read(&piece.repeat(200_000 / piece.len())).is_empty());
        }
        for (value, want) in [
            ("#fff", Some(255)),
            ("url(x) #000 no-repeat", Some(0)),
            ("rgba(0,0,0,.5)", Some(0)),
            ("transparent", None),
            ("", None),
        ] {
            assert_eq!(brightness(value), want, "{value}");
        }
    }
}
