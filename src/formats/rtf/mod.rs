//! Rich Text Format (Microsoft's specification 1.9.1): the text, the objects and pictures in it, the pages it wraps (MS-OXRTFEX).
//!
//! Word reads RTF with great patience, and malware lives on that: a header cut short, digits of an object broken by words, groups and
//! escapes. Where readers differ on what an object's bytes are, each reading is a member. Groups are counted, never recursed into.

mod collect;
mod lexer;
mod letters;
pub(crate) mod object;
#[cfg(test)]
mod tests;

use super::{
    among::{keep, keep_link, keep_text, stop_at},
    budget::{Budget, Stopped},
    opened::{Member, Opened, Role},
    reach, word_field,
};
use crate::base::limits;
use collect::{Collector, Hex, Kind};
use letters::Letters;
use lexer::{Lexer, Token};

/// Reads a document: objects, pictures and other data as members, its text, what it fetches and starts.
pub fn open(rtf: &[u8], budget: &mut Budget) -> Opened {
    let mut reader = Reader::new(budget);
    // Word takes what stands before the header for nothing; mail programs put a line or two there.
    let head = rtf.get(..rtf.len().min(HEADER_LOOKED_FOR_BYTES)).unwrap_or_default();
    let start = memchr::memmem::find(head, b"{\\rt").unwrap_or(0);
    if !rtf.get(start..).unwrap_or_default().starts_with(b"{\\rtf1") {
        reader.opened.sign("rtf.obfuscated", "the header is not that of RTF 1");
    }
    let mut lexer = Lexer::new(rtf, start);
    let mut count = 0_usize;
    while let Some(token) = lexer.next() {
        count += 1;
        if count.is_multiple_of(CHECK_TIME_TOKENS)
            && let Err(limit) = reader.budget.check_time()
        {
            reader.opened.stopped = Some(Stopped::Limit(limit));
            break;
        }
        reader.take(token);
        if reader.groups.is_empty() && matches!(token, Token::Close) {
            let rest = rtf.get(lexer.at..).unwrap_or_default();
            reader.after_end(rest);
            if memchr::memmem::find(rest, b"{\\rt").is_none() {
                break;
            }
        }
    }
    reader.finish()
}

struct Reader<'b> {
    budget: &'b mut Budget,
    opened: Opened,
    groups: Vec<Group>,
    /// Groups open beyond those that are remembered.
    beyond: usize,
    collectors: Vec<Collector>,
    letters: Letters,
    shown: String,
    hidden: String,
    /// What stands in tables and properties: no reader sees it.
    unseen: String,
    /// What fields do, a line each.
    instructions: String,
    /// The page that is wrapped in this document, if it says that there is one.
    page: Option<String>,
    objects: usize,
    pictures: usize,
    blobs: usize,
    object_class: String,
}

/// What holds inside a group and ends with it.
#[derive(Debug, Clone, Copy)]
struct Group {
    /// `\*` was the last thing read.
    starred: bool,
    /// Letters to leave out after `\u`.
    skips: i32,
    hidden: bool,
    /// Text here is for readers of RTF only, not of the wrapped page.
    rtf_only: bool,
    font: i32,
}

impl<'b> Reader<'b> {
    fn new(budget: &'b mut Budget) -> Reader<'b> {
        Reader {
            budget,
            opened: Opened::default(),
            groups: Vec::new(),
            beyond: 0,
            collectors: Vec::new(),
            letters: Letters::default(),
            shown: String::new(),
            hidden: String::new(),
            unseen: String::new(),
            instructions: String::new(),
            page: None,
            objects: 0,
            pictures: 0,
            blobs: 0,
            object_class: String::new(),
        }
    }

    fn take(&mut self, token: Token<'_>) {
        if !matches!(token, Token::Byte(_) | Token::Escaped(_)) {
            self.flush();
        }
        match token {
            Token::Open => self.open_group(),
            Token::Close => self.close_group(),
            Token::Word { name, number } => self.word(name, number),
            Token::Symbol(sign) => self.symbol(sign),
            Token::Binary(data) => {
                if let Some(collector) = self.collectors.last_mut() {
                    collector.binary(data);
                } else if !data.is_empty() {
                    self.blob(data.to_vec());
                }
            }
            Token::Escaped(byte) => {
                if self.letters.is_skipped() {
                    return;
                }
                match self.collectors.last_mut().filter(|collector| collector.kind.is_digits()) {
                    Some(collector) => collector.escaped(byte),
                    None => self.letters.push(byte),
                }
            }
            Token::Byte(byte) => {
                let digits = self.collectors.last_mut().filter(|found| found.kind.is_digits());
                if let Some(collector) = digits {
                    collector.byte(byte, self.groups.len());
                } else if !matches!(byte, b'\r' | b'\n' | 0) && !self.letters.is_skipped() {
                    self.letters.push(byte);
                }
            }
        }
    }

    fn open_group(&mut self) {
        if self.groups.len() >= limits::RTF_DEPTH_MAX {
            self.beyond += 1;
            return;
        }
        let outer = self.groups.last().copied();
        let mut group = outer.unwrap_or(Group {
            starred: false,
            skips: 1,
            hidden: false,
            rtf_only: false,
            font: 0,
        });
        group.starred = false;
        self.groups.push(group);
        if let Some(collector) = self.collectors.last_mut() {
            collector.nested |= self.groups.len() > collector.depth;
        }
    }

    fn close_group(&mut self) {
        if self.beyond > 0 {
            self.beyond -= 1;
            return;
        }
        let depth = self.groups.len();
        if self.collectors.last().is_some_and(|collector| collector.depth >= depth)
            && let Some(collector) = self.collectors.pop()
        {
            self.finish_collector(collector);
        }
        self.groups.pop();
        let font = self.groups.last().map_or(0, |group| group.font);
        self.letters.font(font);
    }

    fn word(&mut self, name: &str, number: Option<i32>) {
        let starred =
            self.groups.last_mut().is_some_and(|group| std::mem::take(&mut group.starred));
        if let Some(collector) = self.collectors.last_mut().filter(|found| found.kind.is_digits()) {
            collector.words += 1;
        }
        self.object_word(name);
        if let Some(kind) = Kind::of(name, starred) {
            self.collect(kind);
            return;
        }
        match name {
            "fromhtml" => {
                self.page.get_or_insert_default();
            }
            "htmlrtf" => self.change(|group| group.rtf_only = number != Some(0)),
            "v" | "webhidden" | "deleted" => self.change(|group| group.hidden = number != Some(0)),
            "plain" => self.change(|group| group.hidden = false),
            "uc" => self.change(|group| group.skips = number.unwrap_or(1).clamp(0, SKIPPED_MAX)),
            "u" => {
                let skips = self.groups.last().map_or(1, |group| group.skips);
                if let Some(letter) = self.letters.unicode(number.unwrap_or(0), skips) {
                    self.text(letter.encode_utf8(&mut [0; 4]));
                }
            }
            "ansicpg" => self.letters.code_page(number.unwrap_or(1252)),
            "f" => {
                let font = number.unwrap_or(0);
                self.change(|group| group.font = font);
                self.letters.font(font);
            }
            "fcharset" => self.letters.font_charset(number.unwrap_or(0)),
            _ => {
                if let Some(text) = letters::of_word(name) {
                    self.text(text);
                }
            }
        }
    }

    /// Words about objects that mean something wherever they stand.
    fn object_word(&mut self, name: &str) {
        match name.to_ascii_lowercase().as_str() {
            "objupdate" => {
                self.opened
                    .sign("rtf.object_update", "an object is run when the document is opened");
            }
            "objautlink" | "objlink" => {
                self.opened.sign("rtf.linked_object", "an object is linked to a file elsewhere");
            }
            "objocx" => self.opened.sign("office.active_x", "a control is embedded"),
            _ => (),
        }
    }

    fn symbol(&mut self, sign: u8) {
        match sign {
            b'*' => self.change(|group| group.starred = true),
            b'{' | b'}' | b'\\' => self.letters.push(sign),
            b'~' => self.text("\u{a0}"),
            b'_' => self.text("-"),
            b'\r' | b'\n' => self.text("\n"),
            b'\t' => self.text("\t"),
            _ => (),
        }
        if let Some(collector) = self.collectors.last_mut().filter(|found| found.kind.is_digits()) {
            collector.words += u32::from(sign != b'*');
        }
    }

    fn change(&mut self, change: impl FnOnce(&mut Group)) {
        if let Some(group) = self.groups.last_mut() {
            change(group);
        }
    }

    /// What follows is not the text of the document, until this group ends. Digits of an object go on through words that would be
    /// destinations elsewhere, and end only with their group or where another object begins.
    fn collect(&mut self, kind: Kind) {
        let depth = self.groups.len();
        let digits = self.collectors.last().is_some_and(|open| open.kind == Kind::ObjectData);
        if digits && !matches!(kind, Kind::ObjectData | Kind::Picture) {
            return;
        }
        while self.collectors.last().is_some_and(|open| open.depth >= depth)
            && let Some(collector) = self.collectors.pop()
        {
            self.finish_collector(collector);
        }
        if self.collectors.len() < limits::RTF_DEPTH_MAX {
            self.collectors.push(Collector::new(kind, depth));
        }
    }

    fn flush(&mut self) {
        if let Some(text) = self.letters.flush() {
            self.text(&text);
        }
    }

    fn text(&mut self, text: &str) {
        let group = self.groups.last();
        let hidden = group.is_some_and(|group| group.hidden);
        let rtf_only = group.is_some_and(|group| group.rtf_only);
        match self.collectors.last_mut() {
            Some(collector) if collector.kind == Kind::PageTag => {
                if let Some(page) = &mut self.page {
                    bounded_push(page, text);
                }
            }
            Some(collector) if collector.kind != Kind::Shown => {
                bounded_push(&mut collector.text, text);
            }
            Some(_) | None => {
                if let Some(page) = self.page.as_mut().filter(|_| !rtf_only) {
                    let text = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
                    bounded_push(page, &text);
                }
                bounded_push(if hidden { &mut self.hidden } else { &mut self.shown }, text);
            }
        }
    }

    fn finish_collector(&mut self, collector: Collector) {
        match collector.kind {
            Kind::ObjectClass => {
                self.object_class = collector.text.trim().to_string();
                // A field or paragraph may also be named so; only with data it is an object.
                bounded_push(&mut self.unseen, &collector.text);
            }
            Kind::ObjectData => self.object(collector),
            Kind::Picture => {
                let bytes = collector.outer.finish();
                if !bytes.is_empty() {
                    self.pictures += 1;
                    self.inside(format!("picture{}", self.pictures), bytes);
                }
            }
            Kind::Instruction => {
                word_field::read(&collector.text, &mut self.opened);
                bounded_push(&mut self.instructions, &collector.text);
                bounded_push(&mut self.instructions, "\n");
            }
            Kind::Template => self.template(collector.text.trim()),
            Kind::Unseen => self.unseen(&collector),
            Kind::PageTag | Kind::Shown => (),
        }
    }

    fn template(&mut self, target: &str) {
        let reach = reach::of(target);
        if reach.is_remote() {
            self.opened.sign("rtf.remote_template", format!("the template is {}", reach.word()));
            keep_link(&mut self.opened, target);
        }
        bounded_push(&mut self.unseen, target);
    }

    /// A destination nobody shows: digits are data, everything else is text.
    fn unseen(&mut self, collector: &Collector) {
        let text = collector.text.as_bytes();
        // Theme data begins with its own name in some versions; digits up to the first other letter.
        let digits = text.iter().filter(|byte| byte.is_ascii_hexdigit()).count();
        let blanks = text.iter().filter(|byte| byte.is_ascii_whitespace()).count();
        if digits >= BLOB_DIGITS_MIN && (digits + blanks) * 20 >= text.len() * 19 {
            let mut hex = Hex::default();
            text.iter().for_each(|byte| hex.byte(*byte));
            self.blob(hex.finish());
        } else {
            bounded_push(&mut self.unseen, &collector.text);
            bounded_push(&mut self.unseen, "\n");
        }
        let data = collector.outer.clone().finish();
        if !data.is_empty() {
            self.blob(data);
        }
    }

    fn blob(&mut self, bytes: Vec<u8>) {
        self.blobs += 1;
        self.inside(format!("data{}", self.blobs), bytes);
    }

    fn inside(&mut self, name: String, bytes: Vec<u8>) {
        keep(&mut self.opened, Member::new(Some(name), bytes, Role::Inside), self.budget);
    }

    fn object(&mut self, collector: Collector) {
        let oddities = collector.oddities();
        let readings = collector.readings();
        if readings.is_empty() {
            return;
        }
        self.objects += 1;
        let class = std::mem::take(&mut self.object_class);
        let named = if class.is_empty() { "of no class" } else { class.as_str() };
        let named: String = named.chars().filter(|letter| !letter.is_control()).take(60).collect();
        self.opened.sign("rtf.object", format!("object {} is {named}", self.objects));
        for oddity in oddities {
            self.opened.sign("rtf.obfuscated", oddity);
        }
        for bytes in readings {
            self.object_bytes(bytes, &class);
        }
    }

    fn object_bytes(&mut self, bytes: Vec<u8>, class: &str) {
        let read = object::read(&bytes);
        let inner_class = read.as_ref().map_or("", |read| read.class.as_str());
        if object::is_equation(&bytes, class) || object::is_equation(&[], inner_class) {
            self.opened.sign("rtf.equation_editor", "an object of the equation editor");
        }
        if object::has_moniker(&bytes) {
            self.opened.sign("rtf.object_fetches", "an object is fetched from an address");
            for address in object::addresses(&bytes) {
                keep_link(&mut self.opened, &address);
            }
        }
        if let Some(topic) = read.as_ref().map(|read| read.topic.as_str())
            && reach::of(topic).is_remote()
        {
            self.opened
                .sign("office.remote_object", "an object is linked to a file on the network");
            keep_link(&mut self.opened, topic);
        }
        let number = self.objects;
        if let Some(native) = read.as_ref().map(|read| read.native).filter(|data| !data.is_empty())
        {
            let member = match object::package(native) {
                Some((name, data)) => Member::new(Some(name), data.to_vec(), Role::File),
                None => {
                    let name = Some(format!("object{number}.native"));
                    Member::new(name, native.to_vec(), Role::Inside)
                }
            };
            keep(&mut self.opened, member, self.budget);
        } else if let Some(at) = memchr::memmem::find(&bytes, COMPOUND_FILE).filter(|at| *at > 0) {
            // A header that is no header: what programs look for stands further on.
            let rest = bytes.get(at..).unwrap_or_default().to_vec();
            self.inside(format!("object{number}.native"), rest);
        }
        self.inside(format!("object{number}.ole"), bytes);
    }

    fn after_end(&mut self, rest: &[u8]) {
        let rest = rest.trim_ascii();
        let content = rest.iter().filter(|byte| **byte != 0).count();
        if content >= AFTER_END_BYTES_MIN && !rest.starts_with(b"{\\rt") {
            self.inside("after-end".to_string(), rest.to_vec());
        }
    }

    fn finish(mut self) -> Opened {
        self.flush();
        while let Some(collector) = self.collectors.pop() {
            self.finish_collector(collector);
        }
        if [&self.shown, &self.hidden, &self.unseen]
            .iter()
            .any(|text| text.len() >= limits::DOCUMENT_TEXT_BYTES_MAX)
        {
            stop_at(&mut self.opened, limits::DOCUMENT_TEXT_BYTES_MAX);
        }
        keep_text(&mut self.opened, ("document.txt", self.shown), Role::Text, self.budget);
        keep_text(&mut self.opened, ("hidden.txt", self.hidden), Role::Text, self.budget);
        keep_text(&mut self.opened, ("unseen.txt", self.unseen), Role::Inside, self.budget);
        keep_text(&mut self.opened, ("fields.txt", self.instructions), Role::Code, self.budget);
        if let Some(page) = self.page {
            let page =
                Member::new(Some("document.html".to_string()), page.into_bytes(), Role::Text);
            keep(&mut self.opened, page, self.budget);
        }
        self.opened
    }
}

fn bounded_push(text: &mut String, more: &str) {
    if text.len() < limits::DOCUMENT_TEXT_BYTES_MAX {
        text.push_str(more);
    }
}

/// A compound file begins so, MS-CFB section 2.2.
const COMPOUND_FILE: &[u8] = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1";
/// How far into a file its header is looked for.
const HEADER_LOOKED_FOR_BYTES: usize = 4 << 10;
/// Pieces between two looks at the clock.
const CHECK_TIME_TOKENS: usize = 1 << 16;
/// Most letters left out after one `\u`; more would hide the rest of the document from us and not from Word.
const SKIPPED_MAX: i32 = 64;
/// So many hexadecimal digits are data, not a number.
const BLOB_DIGITS_MIN: usize = 64;
/// What follows the end is worth a look from this size.
const AFTER_END_BYTES_MIN: usize = 16;
