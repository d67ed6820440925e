//! XML 1.0 cut into tags and text, as far as finding things in documents needs it.
//!
//! No tree, no recursion, no document type definition: entities that a document declares itself are only expanded inside their own bound
//! ([`Entities`]), external ones never. Names are compared without their prefix, since any prefix may be bound to any namespace.
//! Broken XML is read on past the break: Word does not, LibreOffice and browsers do.

use crate::base::limits;
use memchr::{memchr, memmem};
use std::{borrow::Cow, cell::Cell, collections::HashMap};

/// A piece of a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Token<'x> {
    /// A start tag, or an empty element.
    Start(Tag<'x>),
    /// An end tag: the local name.
    End(&'x str),
    /// Text as written, entities not yet read.
    Text(&'x str),
    /// A CDATA section: text as it is.
    Cdata(&'x str),
    /// A comment.
    Comment(&'x str),
    /// `<!DOCTYPE …>` with its internal subset.
    Doctype(&'x str),
    /// `<?…?>`.
    Instruction(&'x str),
}

impl<'x> Token<'x> {
    /// The document type, if it is one.
    pub fn doctype(self) -> Option<&'x str> {
        match self {
            Token::Doctype(doctype) => Some(doctype),
            Token::Start(_)
            | Token::End(_)
            | Token::Text(_)
            | Token::Cdata(_)
            | Token::Comment(_)
            | Token::Instruction(_) => None,
        }
    }
}

/// A start tag.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tag<'x> {
    /// The local name.
    pub name: &'x str,
    /// The prefix; empty if there is none.
    pub prefix: &'x str,
    /// It has no content.
    pub empty: bool,
    attributes: &'x str,
}

impl<'x> Tag<'x> {
    /// Every attribute: the name as written, the value with its entities read.
    pub fn attributes(&self) -> impl Iterator<Item = (&'x str, Cow<'x, str>)> + use<'x> {
        let mut rest = self.attributes;
        std::iter::from_fn(move || {
            let (name, value, after) = next_attribute(rest)?;
            rest = after;
            Some((name, plain(value)))
        })
        .take(limits::XML_ATTRIBUTES_MAX)
    }

    /// The first attribute of this local name.
    pub fn attribute(&self, wanted: &str) -> Option<Cow<'x, str>> {
        self.attributes().find(|(name, _)| local(name) == wanted).map(|(_, value)| value)
    }
}

/// Every piece of a document, in order.
pub fn tokens(document: &str) -> impl Iterator<Item = Token<'_>> {
    let mut rest = document;
    std::iter::from_fn(move || {
        let (token, after) = next_token(rest)?;
        rest = after;
        Some(token)
    })
}

fn next_token(text: &str) -> Option<(Token<'_>, &str)> {
    if text.is_empty() {
        return None;
    }
    let at = memchr(b'<', text.as_bytes()).unwrap_or(text.len());
    if at > 0 {
        let (before, after) = text.split_at_checked(at)?;
        return Some((Token::Text(before), after));
    }
    if let Some((inner, after)) = between(text, "<!--", "-->") {
        return Some((Token::Comment(inner), after));
    }
    if let Some((inner, after)) = between(text, "<![CDATA[", "]]>") {
        return Some((Token::Cdata(inner), after));
    }
    if let Some((inner, after)) = between(text, "<?", "?>") {
        return Some((Token::Instruction(inner), after));
    }
    if text.starts_with("<!") {
        return Some(doctype(text));
    }
    if let Some((inner, after)) = between(text, "</", ">") {
        return Some((Token::End(local(inner.trim())), after));
    }
    let begins = |letter: char| letter.is_alphabetic() || letter == '_' || letter == ':';
    let rest = text.get(1..).unwrap_or_default();
    if !rest.starts_with(begins) {
        // A lone "<" is text to whoever reads on.
        let (lone, after) = text.split_at_checked(1)?;
        return Some((Token::Text(lone), after));
    }
    Some(start(rest))
}

/// What stands between two marks; an end that is missing is the end of the document.
fn between<'x>(text: &'x str, from: &str, to: &str) -> Option<(&'x str, &'x str)> {
    let inner = text.strip_prefix(from)?;
    match memmem::find(inner.as_bytes(), to.as_bytes()) {
        Some(end) => Some((inner.get(..end)?, inner.get(end + to.len()..)?)),
        None => Some((inner, "")),
    }
}

fn start(text: &str) -> (Token<'_>, &str) {
    let end = tag_end(text);
    let inner = text.get(..end).unwrap_or_default();
    let after = text.get(end + 1..).unwrap_or_default();
    let (inner, empty) = match inner.strip_suffix('/') {
        Some(inner) => (inner, true),
        None => (inner, false),
    };
    let cut = inner
        .find(|letter: char| letter.is_whitespace() || matches!(letter, '/' | '"' | '\''))
        .unwrap_or(inner.len());
    let (name, attributes) = inner.split_at_checked(cut).unwrap_or((inner, ""));
    let prefix = name.rsplit_once(':').map(|(prefix, _)| prefix).unwrap_or_default();
    (Token::Start(Tag { name: local(name), prefix, empty, attributes }), after)
}

/// Where the tag's `>` stands: one inside quotes is none.
fn tag_end(text: &str) -> usize {
    let mut quote = None;
    for (at, byte) in text.bytes().enumerate() {
        match (quote, byte) {
            (None, b'>') => return at,
            (None, b'"' | b'\'') => quote = Some(byte),
            (Some(open), byte) if open == byte => quote = None,
            (_, _) => (),
        }
    }
    // A quote that never closes: the first ">" has to do.
    memchr(b'>', text.as_bytes()).unwrap_or(text.len())
}

/// A document type ends at the first `>` outside its brackets.
fn doctype(text: &str) -> (Token<'_>, &str) {
    let mut inside = false;
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'[' => inside = true,
            b']' => inside = false,
            b'>' if !inside => {
                let inner = text.get(2..at).unwrap_or_default();
                return (Token::Doctype(inner), text.get(at + 1..).unwrap_or_default());
            }
            _ => (),
        }
    }
    (Token::Doctype(text.get(2..).unwrap_or_default()), "")
}

fn next_attribute(text: &str) -> Option<(&str, &str, &str)> {
    let text = text.trim_start_matches(|letter: char| letter.is_whitespace() || letter == '/');
    let (name, rest) = text.split_once('=')?;
    let rest = rest.trim_start();
    // What stands before the name without a value is skipped.
    let name = name.split_whitespace().next_back().unwrap_or_default();
    let quote = rest.chars().next().filter(|letter| matches!(letter, '"' | '\''));
    let (value, after) = match quote {
        Some(quote) => {
            let inner = rest.get(1..).unwrap_or_default();
            inner.split_once(quote).unwrap_or((inner, ""))
        }
        None => {
            let end = rest.find(char::is_whitespace).unwrap_or(rest.len());
            rest.split_at_checked(end).unwrap_or((rest, ""))
        }
    };
    Some((name, value, after))
}

/// A name without its prefix.
pub fn local(name: &str) -> &str {
    name.rsplit_once(':').map_or(name, |(_, local)| local)
}

/// Reads the entities that XML itself has and character references; others stay as written.
pub fn plain(text: &str) -> Cow<'_, str> {
    if memchr(b'&', text.as_bytes()).is_none() {
        return Cow::Borrowed(text);
    }
    Cow::Owned(Entities::default().expand(text))
}

/// The entities a document declares for itself.
#[derive(Debug)]
pub struct Entities {
    declared: HashMap<String, String>,
    /// Bytes by which the text of the document may still grow.
    room: Cell<usize>,
    /// The document declares some, or names an external subset.
    pub present: bool,
}

impl Default for Entities {
    fn default() -> Entities {
        let room = Cell::new(limits::XML_EXPANDED_BYTES_MAX);
        Entities { declared: HashMap::new(), room, present: false }
    }
}

impl Entities {
    /// Reads the declarations of a document type, at most so many. External ones are noted and never fetched.
    pub fn read(doctype: &str) -> Entities {
        let mut entities = Entities::default();
        for declaration in doctype.split("<!ENTITY").skip(1).take(limits::XML_ENTITIES_MAX) {
            entities.present = true;
            let mut words = declaration.trim_start().splitn(2, char::is_whitespace);
            let (Some(name), Some(rest)) = (words.next(), words.next()) else { continue };
            let rest = rest.trim_start();
            let Some(quote) = rest.chars().next().filter(|mark| matches!(mark, '"' | '\'')) else {
                continue;
            };
            let value = rest.get(1..).unwrap_or_default().split(quote).next().unwrap_or_default();
            entities.declared.insert(name.to_string(), value.to_string());
        }
        let head = doctype.split('[').next().unwrap_or_default().to_ascii_uppercase();
        entities.present |= head.contains("SYSTEM ") && !head.contains("PUBLIC");
        entities
    }

    /// Text with its entities read, those inside them too, as many levels and, over the whole document, bytes as `limits` says.
    pub fn expand(&self, text: &str) -> String {
        substitute(&self.expand_declared(text), predefined)
    }

    /// The same with the declared ones only, so that markup stays markup.
    pub fn expand_declared<'t>(&self, text: &'t str) -> Cow<'t, str> {
        let mut text = Cow::Borrowed(text);
        for _ in 0..limits::XML_ENTITY_LEVELS_MAX {
            if self.declared.is_empty() || memchr(b'&', text.as_bytes()).is_none() {
                break;
            }
            let value = |name: &str| {
                let value = self.declared.get(name)?;
                let left = self.room.get().checked_sub(value.len().max(1))?;
                self.room.set(left);
                Some(Cow::Borrowed(value.as_str()))
            };
            text = Cow::Owned(substitute(&text, value));
        }
        text
    }
}

fn substitute<'v>(text: &str, value: impl Fn(&str) -> Option<Cow<'v, str>>) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('&') {
        out.push_str(before);
        let window = after.get(..after.floor_char_boundary(ENTITY_NAME_BYTES_MAX)).unwrap_or(after);
        let name = window.split_once(';').map(|(name, _)| name);
        match name.and_then(|name| Some((name, value(name)?))) {
            Some((name, value)) => {
                out.push_str(&value);
                rest = after.get(name.len() + 1..).unwrap_or_default();
            }
            None => {
                out.push('&');
                rest = after;
            }
        }
    }
    out.push_str(rest);
    out
}

fn predefined(name: &str) -> Option<Cow<'static, str>> {
    let letter = match name {
        "amp" => '&',
        "lt" => '<',
        "gt" => '>',
        "quot" => '"',
        "apos" => '\'',
        "nbsp" => ' ',
        _ => {
            let number = name.strip_prefix('#')?;
            let code = match number.strip_prefix(['x', 'X']) {
                Some(hex) => u32::from_str_radix(hex, 16).ok()?,
                None => number.parse().ok()?,
            };
            char::from_u32(code)?
        }
    };
    Some(Cow::Owned(letter.to_string()))
}

/// Longest name of an entity that is looked up.
const ENTITY_NAME_BYTES_MAX: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(document: &str) -> String {
        let mut shown = Vec::new();
        for token in tokens(document) {
            shown.push(match token {
                Token::Start(tag) => {
                    let attributes: Vec<String> =
                        tag.attributes().map(|(name, value)| format!("{name}={value}")).collect();
                    let end = if tag.empty { "/" } else { "" };
                    format!("<{}{end} {}>", tag.name, attributes.join(","))
                }
                Token::End(name) => format!("</{name}>"),
                Token::Text(text) | Token::Cdata(text) => text.to_string(),
                Token::Comment(text) => format!("[{text}]"),
                Token::Doctype(text) => format!("!{text}"),
                Token::Instruction(text) => format!("?{text}"),
            });
        }
        shown.join("|")
    }

    #[test]
    fn documents_are_cut() {
        for (document, want) in [
            ("<?xml v='1'?><w:t a=\"1\">x</w:t>", "?xml v='1'|<t a=1>|x|</t>"),
            ("<a x='>' y = \"&lt;&#65;\"/>", "<a/ x=>,y=<A>"),
            ("<!-- < --><![CDATA[<b>]]>", "[ < ]|<b>"),
            ("<!DOCTYPE a [<!ENTITY b \"c>\">]>t", "!DOCTYPE a [<!ENTITY b \"c>\">]|t"),
            ("a < b", "a |<| b"),
            ("<a b", "<a >"),
            ("<a b='x>y", "<a b=x>|y"),
            ("</", "</>"),
            ("<a x=1 y z=2>", "<a x=1,z=2>"),
        ] {
            assert_eq!(shown(document), want, "{document}");
        }
    }

    #[test]
    fn entities_of_its_own_are_bounded() {
        let entities = Entities::read("DOCTYPE a [<!ENTITY x \"mar\"><!ENTITY y '&x;ker'>]");
        assert!(entities.present);
        assert_eq!(entities.expand("a &y; &#x42;&unknown;"), "a marker B&unknown;");
        let mut bomb = "DOCTYPE a [<!ENTITY a0 'xxxxxxxxxx'>".to_string();
        for level in 1..30 {
            let inner = format!("&a{};", level - 1).repeat(10);
            bomb.push_str(&format!("<!ENTITY a{level} '{inner}'>"));
        }
        assert!(Entities::read(&bomb).expand("&a29;").len() < 4 << 20);
        assert!(!Entities::read("DOCTYPE html PUBLIC \"-//W3C\" \"http://x\"").present);
    }
}
