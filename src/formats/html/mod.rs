//! HTML as a person sees it: the text a browser would show, apart the text it hides, where links really go, what the page does.
//!
//! Read with html5gum's tokenizer, never a tree: linear however it nests, with a bounded memory of open elements. Style is read from
//! attributes only; what a style sheet hides is shown here, which errs on the side of reading it.

mod grid;
mod style;
pub mod tokens;

use super::links::{self, Target};
use crate::base::limits;
use grid::Grid;
use html5gum::{StartTag, State, Token};
use serde::{Deserialize, Serialize};
use style::Look;

/// A page, read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Page {
    /// What a browser shows, blocks on lines of their own.
    pub shown: String,
    /// What stands in the page and is not shown to the reader.
    pub hidden: String,
    /// Its tables: a row a line, cells parted by tabs, an empty line between two.
    pub tables: String,
    /// Links and what is fetched without a click.
    pub links: Vec<PageLink>,
    /// What else it does.
    pub facts: PageFacts,
}

/// One link of a page.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PageLink {
    /// Where it goes.
    pub target: Target,
    /// The text a reader clicks on, or the alternative text of the picture that is clicked on.
    pub shown: String,
    /// It is fetched without a click.
    pub fetched: bool,
}

/// What the pages of a mail do besides showing text.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PageFacts {
    /// There is at least one page.
    pub present: bool,
    /// `form` elements.
    pub forms: u32,
    /// `input type=password`.
    pub password_fields: u32,
    /// Form targets outside the mail (absolute URLs), at most ten.
    pub form_targets: Vec<String>,
    /// `script` elements and `on…` attributes and `javascript:` links.
    pub scripts: u32,
    /// `iframe`, `frame`, `object`, `embed`, `applet`.
    pub frames: u32,
    /// Pictures.
    pub images: u32,
    /// Pictures of at most 3 × 3 pixels.
    pub tiny_images: u32,
    /// `meta http-equiv=refresh` with a target.
    pub refreshes: u32,
    /// `base href`.
    pub base_href: bool,
    /// `style` or attributes hide text: how many letters.
    pub hidden_letters: u32,
    /// Letters shown.
    pub shown_letters: u32,
    /// Comments and unknown tags put inside words, as in `Via<!-- x -->gra`.
    pub split_words: u32,
}

/// The charset a page declares of itself in its first kilobyte, where browsers look (HTML section 13.2.3.2); lower case.
pub fn declared_charset(page: &[u8]) -> Option<String> {
    let head = page.get(..page.len().min(CHARSET_LOOKED_FOR_BYTES)).unwrap_or_default();
    let head = String::from_utf8_lossy(head).to_ascii_lowercase();
    let (_, rest) = head.split_once("charset=")?;
    let rest = rest.trim_start_matches(['"', '\'', ' ']);
    let end = rest.find(|letter: char| !letter.is_alphanumeric() && !"-_:.".contains(letter));
    let charset = rest.get(..end.unwrap_or(rest.len()))?;
    (!charset.is_empty()).then(|| charset.to_string())
}

/// Where a page says in which charset it is.
const CHARSET_LOOKED_FOR_BYTES: usize = 1_024;

/// Reads a page. Only so much of it is read as `limits` says; what is cut off is nothing a reader scrolls to.
pub fn read(page: &str) -> Page {
    let page = page.get(..page.floor_char_boundary(limits::PAGE_BYTES_MAX)).unwrap_or(page);
    let mut reader = Reader::default();
    reader.page.facts.present = true;
    let mut tokens = tokens::tokens(page);
    while let Some(Ok(token)) = tokens.next() {
        match token {
            Token::StartTag(tag) => {
                if let Some(state) = reader.start(&tag) {
                    tokens.set_state(state);
                }
            }
            Token::EndTag(tag) => reader.end(&tag.name),
            Token::String(text) => reader.text(&String::from_utf8_lossy(&text.value)),
            Token::Comment(text) => reader.comment(&String::from_utf8_lossy(&text.value)),
            Token::Doctype(_) | Token::Error(_) => (),
        }
    }
    reader.finish()
}

#[derive(Default)]
struct Reader {
    page: Page,
    shown: Flow,
    hidden: Flow,
    grid: Grid,
    /// Elements that are open, outermost first.
    open: Vec<Open>,
    /// An element whose text is no text: everything until its end tag is dropped.
    dropping: Option<Vec<u8>>,
    anchor: Option<Anchor>,
    /// Where in the shown text links are that the page itself makes.
    anchored: Vec<std::ops::Range<usize>>,
    base: Option<Target>,
    /// The last thing read was a letter, and after it a comment or an unknown tag.
    split: bool,
}

struct Open {
    name: Vec<u8>,
    look: Look,
}

struct Anchor {
    link: PageLink,
    starts: usize,
    alternative: String,
}

/// Text as it flows into lines.
#[derive(Default)]
struct Flow {
    text: String,
    blank: bool,
}

impl Flow {
    fn push(&mut self, text: &str, keep_lines: bool) {
        for letter in text.chars() {
            if keep_lines && letter == '\n' {
                self.line();
            } else if letter.is_ascii_whitespace() {
                self.blank = true;
            } else if self.text.len() < limits::TEXT_BYTES_MAX {
                if self.blank && !self.text.is_empty() && !self.text.ends_with('\n') {
                    self.text.push(' ');
                }
                self.blank = false;
                self.text.push(letter);
            }
        }
    }

    /// Begins a new line unless one has just begun.
    fn line(&mut self) {
        self.blank = false;
        if !self.text.is_empty() && !self.text.ends_with('\n') {
            self.text.push('\n');
        }
    }
}

impl Reader {
    /// Takes a start tag. Gives the state in which what follows is to be read, where it is not ordinary text.
    fn start(&mut self, tag: &StartTag<()>) -> Option<State> {
        let name: &[u8] = &tag.name;
        if self.dropping.is_some() {
            return None;
        }
        self.notice_word_split(is_known(name));
        let facts = &mut self.page.facts;
        for attribute in tag.attributes.keys() {
            facts.scripts += u32::from(attribute.starts_with(b"on") && attribute.len() > 4);
        }
        self.element_does(name, tag);
        self.grid.start(name);
        if is_block(name) {
            self.new_line(name);
        } else if matches!(name, b"td" | b"th") {
            self.shown.blank = true;
            self.hidden.blank = true;
            self.close_if_innermost(&[b"td", b"th"]);
        }
        let mut look = self.look();
        look.apply(
            attribute(tag, b"style").as_deref(),
            attribute(tag, b"bgcolor").as_deref(),
            (name == b"font").then(|| attribute(tag, b"color")).flatten().as_deref(),
        );
        look.gone |= tag.attributes.contains_key(&b"hidden"[..])
            || matches!(name, b"template" | b"noframes");
        if !is_void(name) && !tag.self_closing_matters() {
            // Beyond the bound the innermost remembered element speaks for what is inside it.
            if self.open.len() < limits::PAGE_DEPTH_MAX {
                self.open.push(Open { name: name.to_vec(), look });
            }
        }
        match name {
            b"script" => {
                self.dropping = Some(name.to_vec());
                Some(State::ScriptData)
            }
            b"style" | b"iframe" | b"noembed" => {
                self.dropping = Some(name.to_vec());
                Some(State::RawText)
            }
            b"title" => {
                self.dropping = Some(name.to_vec());
                Some(State::RcData)
            }
            b"textarea" => Some(State::RcData),
            b"xmp" | b"noframes" => Some(State::RawText),
            b"plaintext" => Some(State::PlainText),
            _ => None,
        }
    }

    /// Links, pictures, forms and what else an element brings.
    fn element_does(&mut self, name: &[u8], tag: &StartTag<()>) {
        match name {
            b"a" | b"area" => {
                self.close_anchor();
                if let Some(target) = attribute(tag, b"href") {
                    let target = self.target(&target);
                    self.page.facts.scripts += u32::from(is_script(&target));
                    let link = PageLink { target, ..PageLink::default() };
                    let starts = self.shown.text.len();
                    match name {
                        b"area" => self.push_link(link),
                        _ => {
                            self.anchor = Some(Anchor { link, starts, alternative: String::new() })
                        }
                    }
                }
            }
            b"img" | b"image" => self.picture(tag),
            b"form" => {
                self.page.facts.forms += 1;
                self.form_target(attribute(tag, b"action"));
            }
            b"input" | b"button" => {
                let kind = attribute(tag, b"type").unwrap_or_default();
                self.page.facts.password_fields +=
                    u32::from(kind.trim().eq_ignore_ascii_case("password"));
                self.form_target(attribute(tag, b"formaction"));
                if kind.trim().eq_ignore_ascii_case("image") {
                    self.fetched(attribute(tag, b"src"));
                }
            }
            b"script" => {
                self.page.facts.scripts += 1;
                self.fetched(attribute(tag, b"src"));
            }
            b"iframe" | b"frame" | b"object" | b"embed" | b"applet" => {
                self.page.facts.frames += 1;
                self.fetched(attribute(tag, b"src").or_else(|| attribute(tag, b"data")));
            }
            b"link" | b"source" | b"video" | b"audio" | b"track" => {
                self.fetched(attribute(tag, b"href").or_else(|| attribute(tag, b"src")));
                self.fetched(attribute(tag, b"poster"));
            }
            b"base" => {
                if let Some(target) = attribute(tag, b"href") {
                    self.page.facts.base_href = true;
                    // HTML section 4.2.3: the first one counts.
                    let target = Target::read(&target, None);
                    self.base.get_or_insert(target);
                }
            }
            b"meta" => self.refresh(tag),
            _ => (),
        }
        self.fetched(attribute(tag, b"background"));
        let style = attribute(tag, b"style").unwrap_or_default();
        for target in style::fetched(&style) {
            self.fetched(Some(target));
        }
    }

    fn picture(&mut self, tag: &StartTag<()>) {
        self.page.facts.images += 1;
        let size = |name: &[u8]| -> Option<u32> {
            attribute(tag, name)?.trim().trim_end_matches("px").parse().ok()
        };
        if size(b"width").is_some_and(|width| width <= 3)
            && size(b"height").is_some_and(|height| height <= 3)
        {
            self.page.facts.tiny_images += 1;
        }
        self.fetched(attribute(tag, b"src"));
        if let (Some(anchor), Some(text)) = (&mut self.anchor, attribute(tag, b"alt"))
            && anchor.alternative.len() < limits::LINK_BYTES_MAX
        {
            anchor.alternative.push_str(text.trim());
            anchor.alternative.push(' ');
        }
    }

    fn form_target(&mut self, target: Option<String>) {
        let Some(target) = target.map(|target| self.target(&target)) else { return };
        if target.is_absolute() && self.page.facts.form_targets.len() < FORM_TARGETS_MAX {
            self.page.facts.form_targets.push(target.written.clone());
        }
        self.page.facts.scripts += u32::from(is_script(&target));
        self.push_link(PageLink { target, ..PageLink::default() });
    }

    fn refresh(&mut self, tag: &StartTag<()>) {
        let is_refresh = attribute(tag, b"http-equiv")
            .is_some_and(|kind| kind.trim().eq_ignore_ascii_case("refresh"));
        let content = attribute(tag, b"content").unwrap_or_default();
        let lower = content.to_ascii_lowercase();
        let Some(at) = lower.find("url").filter(|_| is_refresh) else { return };
        let rest = content.get(at + 3..).unwrap_or_default().trim_start();
        let target = rest.strip_prefix('=').unwrap_or(rest).trim().trim_matches(['"', '\'']);
        self.page.facts.refreshes += 1;
        self.fetched(Some(target.to_string()));
    }

    fn target(&self, written: &str) -> Target {
        Target::read(written, self.base.as_ref())
    }

    fn fetched(&mut self, written: Option<String>) {
        let Some(written) = written.filter(|written| !written.trim().is_empty()) else { return };
        let target = self.target(&written);
        self.push_link(PageLink { target, shown: String::new(), fetched: true });
    }

    fn push_link(&mut self, link: PageLink) {
        if self.page.links.len() < limits::LINKS_MAX {
            self.page.links.push(link);
        }
    }

    fn end(&mut self, name: &[u8]) {
        if let Some(dropped) = &self.dropping {
            if dropped == name {
                self.dropping = None;
                self.close(name);
            }
            return;
        }
        self.notice_word_split(is_known(name));
        if name == b"a" {
            self.close_anchor();
        }
        self.grid.end(name);
        if is_block(name) {
            self.shown.line();
            self.hidden.line();
        }
        self.close(name);
    }

    /// Closes the innermost open element of this name and all inside it.
    fn close(&mut self, name: &[u8]) {
        // An end tag without a start is common; looking for it has a bound so that many cannot make it slow.
        let found = self.open.iter().rev().take(CLOSE_LOOK_BACK).position(|open| open.name == name);
        if let Some(back) = found {
            self.open.truncate(self.open.len().saturating_sub(back + 1));
        }
    }

    /// HTML section 13.1.2.4: these end the one before them without being told.
    fn close_if_innermost(&mut self, names: &[&[u8]]) {
        if self.open.last().is_some_and(|open| names.contains(&open.name.as_slice())) {
            self.open.pop();
        }
    }

    fn new_line(&mut self, name: &[u8]) {
        match name {
            b"li" => self.close_if_innermost(&[b"li"]),
            b"tr" => {
                self.close_if_innermost(&[b"td", b"th"]);
                self.close_if_innermost(&[b"tr"]);
            }
            b"dd" | b"dt" => self.close_if_innermost(&[b"dd", b"dt"]),
            b"option" => self.close_if_innermost(&[b"option"]),
            _ => self.close_if_innermost(&[b"p"]),
        }
        self.shown.line();
        self.hidden.line();
    }

    fn look(&self) -> Look {
        self.open.last().map(|open| open.look).unwrap_or_default()
    }

    fn text(&mut self, text: &str) {
        if self.dropping.is_some() {
            return;
        }
        let continues = text.chars().next().is_some_and(char::is_alphanumeric);
        self.page.facts.split_words += u32::from(std::mem::take(&mut self.split) && continues);
        let look = self.look();
        let letters = text.chars().filter(|letter| !letter.is_whitespace()).count();
        let letters = u32::try_from(letters).unwrap_or(u32::MAX);
        let keep_lines =
            self.open.last().is_some_and(|open| open.name == b"pre" || open.name == b"textarea");
        let facts = &mut self.page.facts;
        if look.is_hidden() {
            facts.hidden_letters = facts.hidden_letters.saturating_add(letters);
            self.hidden.push(text, keep_lines);
        } else {
            facts.shown_letters = facts.shown_letters.saturating_add(letters);
            self.shown.push(text, keep_lines);
            self.grid.push(text);
        }
    }

    fn comment(&mut self, text: &str) {
        if self.dropping.is_some() {
            return;
        }
        self.notice_word_split(false);
        // Word shows what a browser skips: links in its conditional comments are links.
        if text.trim_start().starts_with("[if") && text.contains("href") {
            let found: Vec<Target> = links::in_text(text).map(|(_, target)| target).collect();
            for target in found {
                self.push_link(PageLink { target, ..PageLink::default() });
            }
        }
    }

    /// Called at everything between two texts: only comments and unknown tags leave a word one word.
    fn notice_word_split(&mut self, known: bool) {
        let in_word = !self.shown.blank
            && self.shown.text.chars().next_back().is_some_and(char::is_alphanumeric);
        self.split = !known && in_word;
    }

    fn close_anchor(&mut self) {
        let Some(mut anchor) = self.anchor.take() else { return };
        let text = self.shown.text.get(anchor.starts..).unwrap_or_default().trim();
        let shown = if text.is_empty() { anchor.alternative.trim() } else { text };
        let end = shown.floor_char_boundary(limits::LINK_BYTES_MAX);
        anchor.link.shown = shown.get(..end).unwrap_or_default().to_string();
        self.anchored.push(anchor.starts..self.shown.text.len());
        self.push_link(anchor.link);
    }

    fn finish(mut self) -> Page {
        self.close_anchor();
        let text = std::mem::take(&mut self.shown.text);
        // Mail programs make links of what looks like one outside the links of the page.
        for (range, target) in links::in_text(&text) {
            let after = self.anchored.partition_point(|anchor| anchor.start <= range.start);
            let inside = after
                .checked_sub(1)
                .and_then(|at| self.anchored.get(at))
                .is_some_and(|anchor| range.start < anchor.end);
            if !inside {
                self.push_link(PageLink { target, ..PageLink::default() });
            }
        }
        self.page.shown = text;
        self.page.hidden = self.hidden.text;
        self.page.tables = self.grid.text();
        self.page
    }
}

/// Self-closing means something only outside HTML: in the elements of svg and math, which hold no text we show.
trait SelfClosing {
    fn self_closing_matters(&self) -> bool;
}

impl SelfClosing for StartTag<()> {
    fn self_closing_matters(&self) -> bool {
        self.self_closing && !is_known(&self.name)
    }
}

fn attribute(tag: &StartTag<()>, name: &[u8]) -> Option<String> {
    tag.attributes.get(name).map(|value| String::from_utf8_lossy(&value.value).into_owned())
}

fn is_script(target: &Target) -> bool {
    matches!(target.scheme.as_str(), "javascript" | "vbscript")
}

fn is_void(name: &[u8]) -> bool {
    VOID.contains(&name)
}

fn is_block(name: &[u8]) -> bool {
    BLOCK.contains(&name)
}

fn is_known(name: &[u8]) -> bool {
    is_block(name) || is_void(name) || INLINE.contains(&name) || name.contains(&b':')
}

/// Form targets that are kept.
pub(crate) const FORM_TARGETS_MAX: usize = 10;
/// Open elements looked through for the start of an end tag.
const CLOSE_LOOK_BACK: usize = 64;

const VOID: &[&[u8]] = &[
    b"area",
    b"base",
    b"br",
    b"col",
    b"embed",
    b"hr",
    b"img",
    b"image",
    b"input",
    b"link",
    b"meta",
    b"param",
    b"source",
    b"track",
    b"wbr",
    b"basefont",
    b"bgsound",
    b"frame",
    b"keygen",
];
const BLOCK: &[&[u8]] = &[
    b"address",
    b"article",
    b"aside",
    b"blockquote",
    b"body",
    b"br",
    b"caption",
    b"center",
    b"dd",
    b"details",
    b"dialog",
    b"dir",
    b"div",
    b"dl",
    b"dt",
    b"fieldset",
    b"figcaption",
    b"figure",
    b"footer",
    b"form",
    b"h1",
    b"h2",
    b"h3",
    b"h4",
    b"h5",
    b"h6",
    b"head",
    b"header",
    b"hr",
    b"html",
    b"legend",
    b"li",
    b"listing",
    b"main",
    b"menu",
    b"nav",
    b"ol",
    b"optgroup",
    b"option",
    b"p",
    b"plaintext",
    b"pre",
    b"section",
    b"summary",
    b"table",
    b"tbody",
    b"tfoot",
    b"thead",
    b"tr",
    b"ul",
    b"xmp",
];
const INLINE: &[&[u8]] = &[
    b"a",
    b"abbr",
    b"acronym",
    b"applet",
    b"audio",
    b"b",
    b"bdi",
    b"bdo",
    b"big",
    b"blink",
    b"button",
    b"canvas",
    b"cite",
    b"code",
    b"colgroup",
    b"data",
    b"datalist",
    b"del",
    b"dfn",
    b"em",
    b"font",
    b"frameset",
    b"i",
    b"iframe",
    b"ins",
    b"kbd",
    b"label",
    b"map",
    b"mark",
    b"marquee",
    b"math",
    b"meter",
    b"nobr",
    b"noembed",
    b"noframes",
    b"noscript",
    b"object",
    b"output",
    b"picture",
    b"progress",
    b"q",
    b"rb",
    b"rp",
    b"rt",
    b"rtc",
    b"ruby",
    b"s",
    b"samp",
    b"script",
    b"select",
    b"slot",
    b"small",
    b"span",
    b"strike",
    b"strong",
    b"style",
    b"sub",
    b"sup",
    b"svg",
    b"td",
    b"template",
    b"textarea",
    b"th",
    b"time",
    b"title",
    b"tt",
    b"u",
    b"var",
    b"video",
    b"xml",
    b"path",
    b"g",
    b"rect",
    b"circle",
    b"use",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_as_a_browser_shows_it() {
        for (page, want) in [
            ("<p>One<p>two", "One\ntwo"),
            ("a<b>b</b>c <i> d</i>", "abc d"),
            ("<table><tr><td>a<td>b<tr><td>c</table>", "a b\nc"),
            ("r&auml;k &lt;b&gt; &#x41;&#66;", "räk <b> AB"),
            ("<head><title>t</title><style>s</style></head>x<script>y</script>z", "xz"),
            ("<title>never closed <p>x", ""),
            ("a<br>b<br/>c", "a\nb\nc"),
            ("<pre>a\n b</pre>", "a\nb"),
            ("<noscript>shown</noscript>", "shown"),
            ("Via<!-- x -->gra", "Viagra"),
            ("a < b", "a < b"),
            ("<div><div><p>x</div>y</div>z", "x\ny\nz"),
        ] {
            assert_eq!(read(page).shown.trim_end(), want, "{page}");
        }
    }

    #[test]
    fn what_is_hidden_stands_apart() {
        for (page, shown, hidden) in [
            ("<span style='display:none'>x</span>y", "y", "x"),
            ("<span style='DISPLAY : NONE !important'>x</span>y", "y", "x"),
            ("<div style='visibility:hidden'>x</div>y", "y", "x"),
            ("<div style='font-size:0'>x<span style='font-size:12px'>y</span></div>", "y", "x"),
            ("<font style='font-size:1px'>x</font>y", "y", "x"),
            ("<p hidden>x<p>y", "y", "x"),
            ("<div style='color:#fff;background:#FFFFFF'>x</div>y", "y", "x"),
            ("<td bgcolor=white><font color='#fefefe'>x</font></td>y", "y", "x"),
            ("<div style='background:#fff'><p style='color:white'>x</p>y</div>", "y", "x"),
            ("<div style='background:url(x.png) #fff;color:#fff'>x</div>", "x", ""),
            ("<div style='height:0;overflow:hidden'>x</div>y", "y", "x"),
            ("<div style='max-height:0px;opacity:0'>x</div>y", "y", "x"),
            ("<p style='display:none'>x<p>y", "y", "x"),
            ("<b style='display:none'>x</b></b></b>y", "y", "x"),
            ("<div style='color:#000'>x</div>", "x", ""),
        ] {
            let read = read(page);
            assert_eq!((read.shown.trim(), read.hidden.trim()), (shown, hidden), "{page}");
        }
        let facts = read("<i style='display:none'>four</i>yes").facts;
        assert_eq!((facts.hidden_letters, facts.shown_letters), (4, 3));
    }

    fn links(page: &str) -> Vec<(String, String, bool)> {
        read(page)
            .links
            .into_iter()
            .map(|link| (link.target.host, link.shown, link.fetched))
            .collect()
    }

    #[test]
    fn links_and_what_they_show() {
        let link =
            |host: &str, shown: &str, fetched| (host.to_string(), shown.to_string(), fetched);
        for (page, want) in [
            (
                "<a href=http://x.example>go <b>here</b></a>",
                vec![link("x.example", "go here", false)],
            ),
            (
                "<a href='http://x.example'>https://bank.example</a>",
                vec![link("x.example", "https://bank.example", false)],
            ),
            (
                "<a href=//x.example><img src=http://y.example/i alt='Log in'></a>",
                vec![link("y.example", "", true), link("x.example", "Log in", false)],
            ),
            (
                "<a href=http://x.example>never closed",
                vec![link("x.example", "never closed", false)],
            ),
            ("see http://x.example/ now", vec![link("x.example", "", false)]),
            ("<base href=http://x.example/><a href=p>a</a>", vec![link("x.example", "a", false)]),
            ("<area href=http://x.example>", vec![link("x.example", "", false)]),
            (
                "<td background='http://x.example/b' style=\"background-image:url('http://y.example/c')\">",
                vec![link("x.example", "", true), link("y.example", "", true)],
            ),
            (
                "<meta http-equiv=Refresh content='0; URL=http://x.example'>",
                vec![link("x.example", "", true)],
            ),
            (
                "<!--[if mso]><v:roundrect href=\"http://x.example/\"><![endif]-->",
                vec![link("x.example", "", false)],
            ),
            ("<a href=&#104;ttp&#58;//x.example>a</a>", vec![link("x.example", "a", false)]),
        ] {
            assert_eq!(links(page), want, "{page}");
        }
    }

    #[test]
    fn what_a_page_does() {
        let facts = read(
            "<form action=https://x.example/take><input type=PASSWORD><script src=x></script>\
            <body onload=go()><a href=javascript:x>y</a><iframe src=z></iframe><img src=t width=1 height=1><img src=u>\
            V<!-- -->i<xyz>agra</xyz><base href=http://b.example>",
        )
        .facts;
        assert_eq!(
            facts,
            PageFacts {
                present: true,
                forms: 1,
                password_fields: 1,
                form_targets: vec!["https://x.example/take".to_string()],
                scripts: 3,
                frames: 1,
                images: 2,
                tiny_images: 1,
                refreshes: 0,
                base_href: true,
                hidden_letters: 0,
                shown_letters: facts.shown_letters,
                split_words: 2,
            }
        );
    }

    #[test]
    fn hostile_pages_cost_linear_time_and_little_memory() {
        for piece in [
            "<div>",
            "<p hidden>",
            "</b>",
            "<a href=x>",
            "<b><i></b>",
            "<!--",
            "<a b=c ",
            "&amp",
            "<table><tr><td>",
        ] {
            let page = piece.repeat(500_000 / piece.len());
            assert!(read(&page).links.len() <= limits::LINKS_MAX, "{piece}");
        }
    }
}
