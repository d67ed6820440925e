//! A page written anew from its tokens: what is on the lists, always closed, all else left out or described.
//!
//! Elements are closed where a browser closes them by itself, so that what is written reads as it stands. Text stays, also that of
//! elements which go: a reader is to see at least what the recipient would have seen.

use super::{
    Pictures,
    allowed::{self, ELEMENTS, LINK, NOTE, OF_MAIL},
};
use crate::{
    base::limits,
    formats::{html::tokens, links::Target},
};
use html5gum::{StartTag, State, Token};

/// What became of a page.
#[derive(Debug, Default)]
pub(super) struct Written {
    pub(super) body: String,
    pub(super) pictures_not_fetched: u32,
    pub(super) cut: bool,
}

/// Writes the body of a page anew.
pub(super) fn rewrite(page: &str, pictures: &Pictures) -> Written {
    let end = page.floor_char_boundary(limits::PAGE_BYTES_MAX);
    let mut writer = Writer::new(pictures);
    writer.written.cut = end < page.len();
    let mut tokens = tokens::tokens(page.get(..end).unwrap_or(page));
    while let Some(Ok(token)) = tokens.next() {
        if writer.is_full() {
            writer.written.cut = true;
            break;
        }
        match token {
            Token::StartTag(tag) => {
                if let Some(state) = writer.start(&tag) {
                    tokens.set_state(state);
                }
            }
            Token::EndTag(tag) => writer.end(&tag.name),
            Token::String(text) => writer.text(&String::from_utf8_lossy(&text.value)),
            Token::Comment(_) | Token::Doctype(_) | Token::Error(_) => (),
        }
    }
    writer.close_to(0);
    writer.written
}

struct Writer<'p> {
    pictures: &'p Pictures,
    written: Written,
    /// Elements that were written and are not closed, outermost first.
    open: Vec<Open>,
    /// Elements inside each other beyond the bound; they are not written.
    beyond: usize,
    /// Nothing is taken until the end of this one, which has no text for readers.
    dropping: Option<Vec<u8>>,
    elements: usize,
    /// Letters of pictures in the body.
    picture_bytes: usize,
    base: Option<Target>,
    /// Bytes of text since the last tag.
    run: usize,
}

struct Open {
    name: &'static str,
    /// What we say when it is closed.
    note: String,
}

impl<'p> Writer<'p> {
    fn new(pictures: &'p Pictures) -> Writer<'p> {
        Writer {
            pictures,
            written: Written::default(),
            open: Vec::new(),
            beyond: 0,
            dropping: None,
            elements: 0,
            picture_bytes: 0,
            base: None,
            run: 0,
        }
    }

    fn is_full(&self) -> bool {
        self.written.body.len().saturating_sub(self.picture_bytes) > limits::VIEW_PAGE_BYTES_MAX
    }

    /// Takes a start tag; gives the state in which what follows is to be read (WHATWG HTML section 13.2.6.2), where it is not ordinary.
    fn start(&mut self, tag: &StartTag<()>) -> Option<State> {
        if self.dropping.is_some() {
            return None;
        }
        let name: &[u8] = &tag.name;
        self.describe(name, tag);
        if let Some(element) = element_of(name) {
            self.close_before(element);
            self.write(element, tag);
        }
        match name {
            b"script" | b"style" | b"iframe" | b"noembed" | b"noframes" | b"title" => {
                self.dropping = Some(name.to_vec());
            }
            _ => (),
        }
        match name {
            b"script" => Some(State::ScriptData),
            b"style" | b"iframe" | b"noembed" | b"noframes" | b"xmp" => Some(State::RawText),
            b"title" | b"textarea" => Some(State::RcData),
            b"plaintext" => Some(State::PlainText),
            _ => None,
        }
    }

    /// Says what stands there and is not shown.
    fn describe(&mut self, name: &[u8], tag: &StartTag<()>) {
        match name {
            b"base" => {
                if let Some(target) = attribute(tag, b"href") {
                    // HTML section 4.2.3: the first one counts.
                    self.base.get_or_insert(Target::read(&target, None));
                }
            }
            b"img" | b"image" => self.picture(tag),
            b"area" => {
                if let Some(target) = attribute(tag, b"href") {
                    let note = goes_to(&self.target(&target));
                    self.note(&note);
                }
            }
            b"form" => {
                let target = attribute(tag, b"action").map(|target| self.target(&target));
                let note = goes_to(&target.unwrap_or_default());
                self.note(&format!("form {note}"));
            }
            b"input" => {
                let kind = attribute(tag, b"type").unwrap_or_default().trim().to_ascii_lowercase();
                match kind.as_str() {
                    "hidden" => (),
                    "password" => self.note("password field"),
                    "submit" | "button" | "reset" | "image" => {
                        let value = attribute(tag, b"value").unwrap_or_default();
                        self.note(&format!("button {value}"));
                    }
                    _ => self.note("field"),
                }
            }
            b"iframe" | b"frame" | b"embed" | b"object" | b"applet" | b"video" | b"audio" => {
                let source = attribute(tag, b"src").or_else(|| attribute(tag, b"data"));
                let target = source.map(|source| self.target(&source)).unwrap_or_default();
                let what = String::from_utf8_lossy(name).into_owned();
                self.note(&format!("{what} {}", goes_to(&target)));
            }
            _ => (),
        }
    }

    /// A picture of the mail itself, or words in its place.
    fn picture(&mut self, tag: &StartTag<()>) {
        let source = attribute(tag, b"src").unwrap_or_default();
        let alternative = attribute(tag, b"alt").unwrap_or_default();
        if let Some(found) = self.pictures.find(&source) {
            if self.picture_bytes + found.len() <= limits::VIEW_PICTURES_WRITTEN_BYTES_MAX {
                self.picture_bytes += found.len();
                self.open_tag("img", tag, &[("src", &found)]);
                return;
            }
            self.written.cut = true;
        }
        let target = self.target(&source);
        let alternative = alternative.trim();
        let words = match (target.host.is_empty(), alternative) {
            (true, "") => "picture".to_string(),
            (true, alternative) => format!("picture: {alternative}"),
            (false, "") => format!("picture from {} not fetched", both_ways(&target.host)),
            (false, alternative) => {
                format!("picture from {} not fetched: {alternative}", both_ways(&target.host))
            }
        };
        self.written.pictures_not_fetched += u32::from(!target.host.is_empty());
        self.note(&words);
    }

    /// Writes an element with what a mail may say of it.
    fn write(&mut self, element: &'static str, tag: &StartTag<()>) {
        let is_void = VOID.contains(&element);
        if !is_void && self.open.len() >= limits::VIEW_DEPTH_MAX {
            self.beyond += 1;
            return;
        }
        if self.elements >= limits::VIEW_ELEMENTS_MAX {
            self.written.cut = true;
            return;
        }
        let target = match element {
            "a" => attribute(tag, b"href").map(|target| self.target(&target)),
            _ => None,
        };
        // A place in the same page is no place to go to.
        let target = target.filter(|target| !target.written.starts_with('#'));
        match &target {
            Some(target) => self.open_tag(
                element,
                tag,
                &[("class", LINK), ("title", &without_controls(&target.written))],
            ),
            None => self.open_tag(element, tag, &[]),
        }
        if !is_void {
            let note = target.as_ref().map(goes_to).unwrap_or_default();
            self.open.push(Open { name: element, note });
        }
    }

    fn open_tag(&mut self, element: &str, tag: &StartTag<()>, ours: &[(&str, &str)]) {
        self.elements += 1;
        self.run = 0;
        self.written.body.push('<');
        self.written.body.push_str(element);
        for (name, value) in ours {
            self.attribute(name, value);
        }
        for (name, value) in &tag.attributes {
            let name = String::from_utf8_lossy(name);
            let value = String::from_utf8_lossy(&value.value);
            let Some(known) = OF_MAIL.iter().find(|known| **known == name) else { continue };
            if let Some(safe) = allowed::value(element, known, &value) {
                self.attribute(known, &safe);
            }
        }
        self.written.body.push('>');
    }

    fn attribute(&mut self, name: &str, value: &str) {
        let body = &mut self.written.body;
        body.push(' ');
        body.push_str(name);
        body.push_str("=\"");
        escape(body, value);
        body.push('"');
    }

    fn note(&mut self, words: &str) {
        if words.is_empty() {
            return;
        }
        self.elements += 1;
        self.run = 0;
        let body = &mut self.written.body;
        body.push_str("<span class=\"");
        body.push_str(NOTE);
        body.push_str("\">[");
        escape(body, words.get(..words.floor_char_boundary(NOTE_BYTES_MAX)).unwrap_or_default());
        body.push_str("]</span>");
    }

    fn end(&mut self, name: &[u8]) {
        if let Some(dropped) = &self.dropping {
            if dropped == name {
                self.dropping = None;
            }
            return;
        }
        // What comes after the end of the body belongs to it.
        let Some(element) = element_of(name).filter(|_| name != b"body") else { return };
        if VOID.contains(&element) {
            return;
        }
        if self.beyond > 0 {
            self.beyond -= 1;
            return;
        }
        let limits: &[&str] = match TABLE_PARTS.contains(&element) || element == "table" {
            true => &["table"],
            false => &["table", "td", "th", "caption"],
        };
        let found = self.innermost(&[element], limits);
        if let Some(place) = found {
            self.close_to(place);
        }
    }

    fn text(&mut self, text: &str) {
        if self.dropping.is_some() {
            return;
        }
        let mut rest = text;
        while !rest.is_empty() {
            if self.is_full() {
                self.written.cut = true;
                return;
            }
            let end = rest.ceil_char_boundary(TEXT_RUN_BYTES_MAX.saturating_sub(self.run).max(1));
            let (piece, after) = rest.split_at_checked(end).unwrap_or((rest, ""));
            escape(&mut self.written.body, piece);
            self.run += piece.len();
            if self.run >= TEXT_RUN_BYTES_MAX {
                self.run = 0;
                self.written.body.push_str("<wbr>");
            }
            rest = after;
        }
    }

    /// Closes what a browser closes by itself before this element (WHATWG HTML section 13.2.6.4.7 and those on tables).
    fn close_before(&mut self, element: &str) {
        let (closed, limits): (&[&str], &[&str]) = match element {
            "li" => (&["li"], &["ul", "ol", "table", "td", "th"]),
            "dd" | "dt" => (&["dd", "dt"], &["dl", "table", "td", "th"]),
            "a" => (&["a"], &["table", "td", "th"]),
            "td" | "th" => (&["td", "th", "caption", "colgroup"], &["table", "tr"]),
            "tr" => (&["tr", "caption", "colgroup"], &["table", "tbody", "thead", "tfoot"]),
            "tbody" | "thead" | "tfoot" | "colgroup" | "caption" => {
                (&["tbody", "thead", "tfoot", "colgroup", "caption"], &["table"])
            }
            _ => (&[], &[]),
        };
        if let Some(place) = self.innermost(closed, limits) {
            self.close_to(place);
        }
        let headings = self.open.last().is_some_and(|open| HEADINGS.contains(&open.name));
        if headings && HEADINGS.contains(&element) {
            self.close_to(self.open.len().saturating_sub(1));
        }
        if ENDS_PARAGRAPHS.contains(&element)
            && let Some(place) = self.innermost(&["p"], &["table", "td", "th", "caption"])
        {
            self.close_to(place);
        }
    }

    /// Where the innermost open element of these names is, unless one of `limits` is further in. An element is not its own limit.
    fn innermost(&self, names: &[&str], limits: &[&str]) -> Option<usize> {
        if names.is_empty() {
            return None;
        }
        let place = self
            .open
            .iter()
            .rposition(|open| names.contains(&open.name) || limits.contains(&open.name))?;
        self.open.get(place).filter(|open| names.contains(&open.name)).map(|_| place)
    }

    fn close_to(&mut self, depth: usize) {
        while self.open.len() > depth
            && let Some(open) = self.open.pop()
        {
            self.run = 0;
            self.written.body.push_str("</");
            self.written.body.push_str(open.name);
            self.written.body.push('>');
            self.note(&open.note);
        }
    }

    fn target(&self, written: &str) -> Target {
        Target::read(written, self.base.as_ref())
    }
}

/// Where a link goes, in few words.
fn goes_to(target: &Target) -> String {
    let written = without_controls(&target.written);
    match (target.scheme.as_str(), target.host.as_str()) {
        ("mailto", _) => {
            let (_, address) = written.split_once(':').unwrap_or_default();
            format!("mail to {}", address.split('?').next().unwrap_or_default())
        }
        ("", "") if written.is_empty() => String::new(),
        ("", "") => "to nowhere".to_string(),
        (scheme, "") => format!("to {scheme}:"),
        ("https" | "http" | "", host) => format!("to {}", both_ways(host)),
        (scheme, host) => format!("to {} by {scheme}", both_ways(host)),
    }
}

/// A host in A-labels, and as people read it where that differs.
fn both_ways(host: &str) -> String {
    let host = host.get(..host.floor_char_boundary(HOST_BYTES_MAX)).unwrap_or_default();
    let (letters, _) = idna::domain_to_unicode(host);
    match letters == host {
        true => host.to_string(),
        false => format!("{host} ({letters})"),
    }
}

fn without_controls(text: &str) -> String {
    text.chars().filter(|letter| !letter.is_control()).collect()
}

/// The element that is written for one of a page.
fn element_of(name: &[u8]) -> Option<&'static str> {
    match name {
        // Pictures are written where they are found.
        b"img" | b"image" => None,
        b"body" => Some("div"),
        b"xmp" | b"listing" | b"plaintext" | b"textarea" => Some("pre"),
        b"dir" | b"menu" => Some("ul"),
        b"fieldset" | b"form" | b"option" => Some("div"),
        _ => ELEMENTS.iter().find(|element| element.as_bytes() == name).copied(),
    }
}

fn attribute(tag: &StartTag<()>, name: &[u8]) -> Option<String> {
    tag.attributes.get(name).map(|value| String::from_utf8_lossy(&value.value).into_owned())
}

/// Text that is text wherever it stands, also in a value in double quotes.
fn escape(body: &mut String, text: &str) {
    for letter in text.chars() {
        match letter {
            '&' => body.push_str("&amp;"),
            '<' => body.push_str("&lt;"),
            '>' => body.push_str("&gt;"),
            '"' => body.push_str("&quot;"),
            '\n' | '\t' => body.push(letter),
            // A line end alone, which browsers make of both.
            '\r' => body.push('\n'),
            control if control.is_control() => body.push('\u{fffd}'),
            letter => body.push(letter),
        }
    }
}

/// Text without a tag in it: readers of trees copy what they have of it at each escaped letter, so a place to break lines is put in.
const TEXT_RUN_BYTES_MAX: usize = 4 << 10;
/// What we say of one thing.
const NOTE_BYTES_MAX: usize = 300;
/// RFC 1035 section 2.3.4 ends at 255.
const HOST_BYTES_MAX: usize = 255;

const VOID: &[&str] = &["br", "col", "hr", "img", "wbr"];
const HEADINGS: &[&str] = &["h1", "h2", "h3", "h4", "h5", "h6"];
const TABLE_PARTS: &[&str] = &["caption", "colgroup", "tbody", "td", "tfoot", "th", "thead", "tr"];
const ENDS_PARAGRAPHS: &[&str] = &[
    "address",
    "article",
    "aside",
    "blockquote",
    "center",
    "dd",
    "div",
    "dl",
    "dt",
    "figcaption",
    "figure",
    "footer",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "header",
    "hr",
    "li",
    "main",
    "nav",
    "ol",
    "p",
    "pre",
    "section",
    "table",
    "ul",
];
