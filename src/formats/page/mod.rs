//! What a page or an SVG picture carries and does besides showing text: files in addresses, scripts, pages inside it, what it opens.
//!
//! Read by html5gum's tokenizer, never a tree. The text a reader sees and the links are `html`'s matter. Scripts are worked out together,
//! since they share their names; each is code by itself too. Nothing is run and nothing fetched.

mod addresses;
mod style;
#[cfg(test)]
mod tests;

use super::{
    among::{keep_link, keep_text},
    budget::{Budget, Limit, Stopped},
    encodings::{self, Found},
    html::{self, tokens::tokens},
    links::Target,
    opened::{Opened, Role},
    reach::{self, Reach},
    script::{self, Language, Seen},
    xml::{self, Entities},
};
use crate::base::limits;
use html5gum::{StartTag, State, Token};

/// Reads a page: files and pages in it as members, its scripts, and what it does.
pub fn open(bytes: &[u8], budget: &mut Budget) -> Opened {
    let text = decode(bytes);
    let mut opened = Opened::default();
    let page = text.get(..text.floor_char_boundary(limits::CARRIER_BYTES_MAX)).unwrap_or(&text);
    if page.len() < text.len() {
        let bytes_max = u64::try_from(limits::CARRIER_BYTES_MAX).unwrap_or(u64::MAX);
        opened.stopped = Some(Stopped::Limit(Limit::TooLarge { bytes_max }));
    }
    let mut reader = Reader {
        opened,
        budget,
        seen: Seen::default(),
        is_xml: is_xml(page),
        inside: None,
        content: String::new(),
        content_kind: String::new(),
        texts: String::new(),
        pieces: String::new(),
        events: String::new(),
        java: String::new(),
        basic: String::new(),
        said: String::new(),
        values: String::new(),
        scripts: 0,
    };
    let mut tokens = tokens(page);
    let mut count = 0_usize;
    while let Some(Ok(token)) = tokens.next() {
        count += 1;
        if count.is_multiple_of(CHECK_TIME_TOKENS)
            && let Err(limit) = reader.budget.check_time()
        {
            reader.opened.stopped = Some(Stopped::Limit(limit));
            break;
        }
        match token {
            Token::StartTag(tag) => {
                reader.say_values(&tag);
                if let Some(state) = reader.start(&tag) {
                    tokens.set_state(state);
                }
            }
            Token::EndTag(tag) => reader.end(&tag.name),
            Token::String(text) => {
                let text = String::from_utf8_lossy(&text.value);
                // A script or a style sheet in the middle of a word does not part it.
                if reader.inside.is_none() {
                    reader.said.push_str(&text);
                }
                reader.text(&text);
            }
            Token::Comment(text) => reader.comment(&String::from_utf8_lossy(&text.value)),
            Token::Doctype(_) | Token::Error(_) => (),
        }
    }
    reader.declared_entities(page);
    reader.finish()
}

/// The bytes as a browser reads them: by the mark, by what the page says in its first kilobyte, else by what they look like.
fn decode(bytes: &[u8]) -> String {
    match html::declared_charset(bytes) {
        // A page that says UTF-16 in single bytes is UTF-8 to browsers (HTML section 13.2.3.3).
        Some(charset) if !charset.contains("utf-16") && !bytes.contains(&0) => {
            super::mime::decode_text(bytes, &charset)
        }
        Some(_) | None => encodings::text(bytes),
    }
}

fn is_xml(page: &str) -> bool {
    let start = page.trim_start_matches('\u{feff}').trim_start();
    start.starts_with("<?xml") || start.get(..4).is_some_and(|tag| tag.eq_ignore_ascii_case("<svg"))
}

struct Reader<'b> {
    opened: Opened,
    budget: &'b mut Budget,
    seen: Seen,
    /// Entities are read in scripts too, as in SVG.
    is_xml: bool,
    /// The element whose content is gathered.
    inside: Option<Vec<u8>>,
    content: String,
    content_kind: String,
    /// Text and comments, where scripts keep what they decode.
    texts: String,
    /// Elements that hold nothing but letters of an encoding, one after the other.
    pieces: String,
    events: String,
    java: String,
    basic: String,
    /// All text between tags, as one.
    said: String,
    /// Values of attributes, a line each.
    values: String,
    scripts: usize,
}

impl Reader<'_> {
    /// What attributes say, with their references undone.
    fn say_values(&mut self, tag: &StartTag<()>) {
        for value in tag.attributes.values().filter(|value| value.len() >= SAID_VALUE_BYTES_MIN) {
            push(&mut self.values, &String::from_utf8_lossy(value));
        }
    }

    fn start(&mut self, tag: &StartTag<()>) -> Option<State> {
        if self.inside.is_some() {
            return None;
        }
        let name: &[u8] = &tag.name;
        self.attributes(name, tag);
        self.element(name, tag);
        let (gather, state) = match name {
            b"script" => (true, Some(State::ScriptData)),
            b"style" | b"xmp" | b"iframe" | b"noembed" | b"noframes" => {
                (true, Some(State::RawText))
            }
            b"textarea" | b"title" => (true, Some(State::RcData)),
            b"plaintext" => (true, Some(State::PlainText)),
            b"svg" | b"math" => {
                self.is_xml = true;
                (false, None)
            }
            _ => (false, None),
        };
        // In SVG a script may be empty, `<script href="…"/>`; a page would go on to the end tag.
        if gather && !(self.is_xml && tag.self_closing) {
            self.inside = Some(name.to_vec());
            self.content.clear();
            let kind = attribute(tag, b"type").or_else(|| attribute(tag, b"language"));
            self.content_kind = kind.unwrap_or_default();
            return state;
        }
        None
    }

    fn element(&mut self, name: &[u8], tag: &StartTag<()>) {
        match name {
            b"hta:application" => {
                self.opened.sign("page.application", "the page is an HTML application");
            }
            b"form" | b"button" | b"input" => {
                let target = attribute(tag, b"action").or_else(|| attribute(tag, b"formaction"));
                let target = Target::read(&target.unwrap_or_default(), None);
                if !target.host.is_empty() {
                    let host: String = target.host.chars().take(100).collect();
                    self.opened.sign("page.form_sends", format!("a form sends to {host}"));
                    keep_link(&mut self.opened, &target.written);
                }
            }
            b"meta" => self.refresh(tag),
            b"object" | b"embed" | b"applet" => {
                let class = attribute(tag, b"classid").unwrap_or_default();
                if !class.is_empty() {
                    self.opened.sign("page.active_x", "an object names a program by its class");
                }
            }
            _ => (),
        }
    }

    fn refresh(&mut self, tag: &StartTag<()>) {
        let content = attribute(tag, b"content").unwrap_or_default();
        let kind = attribute(tag, b"http-equiv").unwrap_or_default();
        let lower = content.to_ascii_lowercase();
        if !kind.trim().eq_ignore_ascii_case("refresh") {
            return;
        }
        let Some(at) = lower.find("url") else { return };
        let target = content.get(at + 3..).unwrap_or_default().trim_start();
        let target = target.strip_prefix('=').unwrap_or(target).trim().trim_matches(['"', '\'']);
        self.opened.sign("page.refresh", "the page leads on by itself");
        self.leads(target, true);
        self.carried(target, "refresh");
    }

    fn attributes(&mut self, element: &[u8], tag: &StartTag<()>) {
        let download = attribute(tag, b"download").filter(|name| !name.trim().is_empty());
        let file = download.as_deref().unwrap_or("data");
        for (name, value) in tag.attributes.iter().take(limits::XML_ATTRIBUTES_MAX) {
            let name: &[u8] = name;
            let value = String::from_utf8_lossy(&value.value);
            if name.starts_with(b"on") && name.len() > 4 {
                push(&mut self.events, &value);
                continue;
            }
            match name {
                b"srcdoc" => {
                    let page = Found::Page(value.into_owned().into_bytes());
                    self.seen.take(page, "srcdoc", &mut self.opened, self.budget);
                    continue;
                }
                b"href" | b"xlink:href" | b"src" | b"action" | b"formaction" | b"data" | b"to"
                | b"values" | b"from" | b"codebase" | b"background" | b"poster" | b"manifest" => {
                    let by_itself =
                        !matches!(element, b"a" | b"area" | b"form" | b"button" | b"input");
                    self.leads(&value, by_itself);
                }
                _ => (),
            }
            self.carried(&value, file);
        }
        if download.is_some()
            && attribute(tag, b"href").is_some_and(|href| href.trim_start().starts_with("data:"))
        {
            self.opened.sign("page.smuggles_file", "a link saves a file that the page carries");
        }
    }

    /// Where an attribute leads. `by_itself`: without a click.
    fn leads(&mut self, target: &str, by_itself: bool) {
        let lower: String = target
            .chars()
            .filter(|letter| *letter > ' ')
            .take(20)
            .collect::<String>()
            .to_ascii_lowercase();
        if lower.starts_with("javascript:") || lower.starts_with("vbscript:") {
            let code = target.split_once(':').map_or("", |(_, code)| code);
            let code = encodings::percent(code.as_bytes());
            push(&mut self.events, &String::from_utf8_lossy(&code));
            return;
        }
        match reach::of(target) {
            Reach::Program if !addresses::is_harmless(&lower) => {
                let scheme: String = lower.split(':').next().unwrap_or_default().to_string();
                self.opened.sign("page.opens_program", format!("{scheme}: starts a program"));
                keep_link(&mut self.opened, target);
            }
            Reach::Share => {
                self.opened.sign("page.opens_share", "a link leads to a network share");
                keep_link(&mut self.opened, target);
            }
            Reach::LocalFile if lower.starts_with("file:") => {
                self.opened
                    .sign("page.opens_local_file", "a link leads to a file on the reader's disk");
            }
            Reach::Network if by_itself => keep_link(&mut self.opened, target),
            Reach::Program => (),
            Reach::LocalFile | Reach::Network | Reach::Person | Reach::Inside => (),
        }
    }

    /// What stands encoded in a value: addresses that hold their content, long letters.
    fn carried(&mut self, value: &str, name: &str) {
        for address in addresses::in_text(value) {
            self.address(address, name);
        }
        if value.len() >= ENCODED_VALUE_LETTERS_MIN
            && let Some(found) = encodings::decode_whole(value)
        {
            self.seen.take(found, name, &mut self.opened, self.budget);
        }
    }

    fn address(&mut self, address: &str, name: &str) {
        let Some(found) = script::data_address(address) else { return };
        let named = match name {
            "data" => addresses::name(address),
            name => name.to_string(),
        };
        if !addresses::is_picture(address) {
            self.opened.sign("page.data_url", "an address holds a file or a page");
        }
        self.seen.take(found, &named, &mut self.opened, self.budget);
    }

    fn end(&mut self, name: &[u8]) {
        if self.inside.as_deref() != Some(name) {
            return;
        }
        self.inside = None;
        let content = std::mem::take(&mut self.content);
        match name {
            b"script" => self.script(&content),
            b"style" => {
                self.carried_in(&content);
                style::said(&content, &mut self.values);
                if content.to_ascii_lowercase().contains("expression(") {
                    push(&mut self.events, &content);
                }
            }
            _ => {
                push(&mut self.texts, &content);
                self.said.push_str(&content);
                self.carried_in(&content);
                if content.trim_start().starts_with('<') {
                    let page = Found::Page(content.into_bytes());
                    self.seen.take(page, "inner", &mut self.opened, self.budget);
                }
            }
        }
    }

    fn carried_in(&mut self, content: &str) {
        for address in addresses::in_text(content) {
            self.address(address, "data");
        }
    }

    fn script(&mut self, content: &str) {
        let content = match self.is_xml && content.contains('&') {
            true => xml::plain(content),
            false => content.into(),
        };
        if content.trim().is_empty() {
            return;
        }
        self.scripts += 1;
        let name = format!("script{}", self.scripts);
        if self.scripts <= limits::DECODED_PER_TEXT_MAX {
            keep_text(&mut self.opened, (&name, content.to_string()), Role::Code, self.budget);
        }
        self.carried_in(&content);
        // Templates and pages wait in scripts of types that no browser runs.
        if content.trim_start().starts_with('<') && !content.trim_start().starts_with("<!") {
            let page = Found::Page(content.as_bytes().to_vec());
            self.seen.take(page, "template", &mut self.opened, self.budget);
        }
        match script::declared(&self.content_kind, &content) {
            Language::Basic => push(&mut self.basic, &content),
            Language::Java | Language::Power => push(&mut self.java, &content),
        }
    }

    fn text(&mut self, text: &str) {
        if self.inside.is_some() {
            self.content.push_str(text);
            return;
        }
        push(&mut self.texts, text);
        let trimmed = text.trim();
        let letters =
            trimmed.len() >= PIECE_LETTERS_MIN && encodings::is_base64(trimmed.as_bytes());
        if letters && !trimmed.contains(' ') {
            self.pieces.push_str(trimmed);
        }
    }

    fn comment(&mut self, text: &str) {
        if self.inside.is_some() {
            self.content.push_str(text);
            return;
        }
        // In XHTML and SVG it is text, and what to a page looks like a comment may be served as either.
        if let Some(text) = text.strip_prefix("[CDATA[") {
            let text = text.strip_suffix("]]").unwrap_or(text);
            self.said.push_str(text);
            push(&mut self.texts, text);
            return;
        }
        // What Word shows and old browsers ran.
        let conditional = text.trim_start().starts_with("[if");
        if let Some((_, inner)) = text.split_once("]>").filter(|_| conditional) {
            let inner = inner.rsplit_once("<![").map_or(inner, |(inner, _)| inner);
            if inner.contains('<') {
                let page = Found::Page(inner.as_bytes().to_vec());
                self.seen.take(page, "conditional", &mut self.opened, self.budget);
            }
            return;
        }
        push(&mut self.texts, text);
    }

    /// Entities of its own, put in: what they hide stands in the page that comes of it.
    fn declared_entities(&mut self, page: &str) {
        let Some(doctype) =
            xml::tokens(page).take(DOCTYPE_LOOKED_FOR_TOKENS).find_map(xml::Token::doctype)
        else {
            return;
        };
        let entities = Entities::read(doctype);
        if !entities.present {
            return;
        }
        self.opened.sign("xml.entities", "the page declares entities");
        let body = page.split_once(doctype).map_or(page, |(_, body)| body.trim_start_matches('>'));
        if let std::borrow::Cow::Owned(page) = entities.expand_declared(body) {
            let page = Found::Page(page.into_bytes());
            self.seen.take(page, "entities", &mut self.opened, self.budget);
        }
    }

    fn finish(mut self) -> Opened {
        if let Some(name) = self.inside.clone() {
            // The end is missing: browsers run no such script, others do.
            self.end(&name);
        }
        let events = std::mem::take(&mut self.events);
        push(&mut self.java, &events);
        for (language, text) in [(Language::Java, &self.java), (Language::Basic, &self.basic)] {
            if !text.trim().is_empty() {
                script::read_text(text, language, &mut self.seen, &mut self.opened, self.budget);
            }
        }
        let (found, whole) = encodings::runs(&self.texts);
        for found in found.into_iter().chain(encodings::decode_whole(&self.pieces)) {
            self.seen.take(found, "decoded", &mut self.opened, self.budget);
        }
        if !whole {
            let bytes_max = u64::try_from(limits::LITERALS_TRIED_MAX).unwrap_or(u64::MAX);
            self.opened.stopped.get_or_insert(Stopped::Limit(Limit::TooLarge { bytes_max }));
        }
        // Everything that a reader or another program could be shown, letter by letter: tags within a word are gone.
        let mut said = std::mem::take(&mut self.said);
        said.retain(|letter| !matches!(letter, '\0' | '\u{fffd}'));
        push(&mut said, &self.values);
        keep_text(&mut self.opened, ("script-text", said), Role::Code, self.budget);
        keep_text(&mut self.opened, ("script-events", events), Role::Code, self.budget);
        self.opened
    }
}

fn push(all: &mut String, more: &str) {
    if all.len() < limits::CARRIER_BYTES_MAX {
        all.push_str(more);
        all.push('\n');
    }
}

fn attribute(tag: &StartTag<()>, name: &[u8]) -> Option<String> {
    tag.attributes.get(name).map(|value| String::from_utf8_lossy(&value.value).into_owned())
}

/// Values of attributes that are said: shorter ones are sizes and colours.
const SAID_VALUE_BYTES_MIN: usize = 12;
/// Pieces between two looks at the clock.
const CHECK_TIME_TOKENS: usize = 1 << 12;
/// A document type stands at the beginning.
const DOCTYPE_LOOKED_FOR_TOKENS: usize = 20;
/// Values of attributes this long are tried as an encoding.
const ENCODED_VALUE_LETTERS_MIN: usize = 24;
/// Letters in one element that may be a piece of something encoded.
const PIECE_LETTERS_MIN: usize = 16;
