//! Scripts: what they decode, put together, save and hide, without running them.
//!
//! Each value that a script makes of fixed text is a member, which is examined again by whoever called: one level at a time. JavaScript,
//! VBScript and PowerShell are read by one reader; command files only where they carry files or encoded commands.

mod calls;
mod encoded;
mod fold;
mod read;
mod shell;
#[cfg(test)]
mod tests;
mod value;

use super::{
    among::{keep_found, keep_link, keep_text},
    budget::{Budget, Limit, Stopped},
    encodings::{self, Found},
    kind::{self, PartKind},
    links,
    opened::{LETTERS, Opened, Role},
};
use crate::base::limits;
use flate2::read::{DeflateDecoder, ZlibDecoder};
use fold::Folded;
use std::collections::HashSet;
use value::Value;

/// How strings and comments are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Language {
    /// JavaScript, JScript.
    Java,
    /// VBScript, VBA.
    Basic,
    /// PowerShell; also command files.
    Power,
}

/// Reads a script that is a file; `name` is its file name, empty if there is none.
pub fn open(bytes: &[u8], name: &str, budget: &mut Budget) -> Opened {
    let mut opened = Opened::default();
    let text = encodings::text(bytes);
    let mut seen = Seen::default();
    if is_marked_up(&text) {
        shell::blocks(&text, &mut opened, budget);
    }
    read_text(&text, language(&text, name), &mut seen, &mut opened, budget);
    opened
}

/// Reads the text of a script, wherever it stood.
pub(super) fn read_text(
    text: &str,
    language: Language,
    seen: &mut Seen,
    opened: &mut Opened,
    budget: &mut Budget,
) {
    let text = match text.get(..text.floor_char_boundary(limits::SCRIPT_BYTES_MAX)) {
        Some(cut) if cut.len() < text.len() => {
            stop(opened, limits::SCRIPT_BYTES_MAX);
            cut
        }
        Some(_) | None => text,
    };
    if let Some(letters) = quotes_undone(text) {
        keep_text(opened, (LETTERS, letters), Role::Code, budget);
    }
    for script in encoded::decode_all(text.as_bytes()) {
        opened.sign("script.encoded", "a script is written with Microsoft's Script Encoder");
        keep_text(opened, ("decoded-script.js", script), Role::Code, budget);
    }
    shell::read(text, opened, budget);
    let folded = fold::fold(text, language);
    signs(&folded, opened);
    if folded.cut {
        stop(opened, limits::SCRIPT_COPIED_BYTES_MAX);
    }
    values(folded, text, seen, opened, budget);
    let (found, whole) = encodings::runs(text);
    for found in found {
        seen.take(found, "decoded", opened, budget);
    }
    if !whole {
        stop(opened, limits::LITERALS_TRIED_MAX);
    }
    for (_, target) in links::in_text(text) {
        keep_link(opened, &target.written);
    }
}

/// A script with quotes and backslashes taken out of the middle of words, as shells do it (`INV""OI\CE`), and strings side by side joined,
/// as Python does it; none where there is nothing of the sort.
fn quotes_undone(text: &str) -> Option<String> {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    let mut undone = 0_usize;
    while let Some(at) = rest.find(['"', '\'', '\\']) {
        let (before, from) = rest.split_at_checked(at)?;
        out.push_str(before);
        let (sign, after) = from.split_at_checked(1)?;
        let within = out.ends_with(|letter: char| letter.is_ascii_alphanumeric() || letter == '-');
        let blanks = after.len() - after.trim_start_matches([' ', '\t']).len();
        let behind = after.get(blanks..)?;
        let next = behind.strip_prefix(['"', '\'']).filter(|_| sign != "\\");
        let goes_on = |text: &str| {
            text.starts_with(|letter: char| letter.is_ascii_alphanumeric() || letter == '-')
        };
        rest = match next {
            Some(next) if within && goes_on(next) => {
                undone += 1;
                next
            }
            _ if sign == "\\"
                && within
                && goes_on(after)
                && !after.starts_with(['n', 'r', 't', 'u', 'x', 'b']) =>
            {
                undone += 1;
                after
            }
            _ => {
                out.push_str(sign);
                after
            }
        };
    }
    out.push_str(rest);
    (undone >= QUOTES_UNDONE_MIN).then_some(out)
}

/// One may be an empty string.
const QUOTES_UNDONE_MIN: usize = 2;

fn stop(opened: &mut Opened, bytes: usize) {
    let bytes_max = u64::try_from(bytes).unwrap_or(u64::MAX);
    opened.stopped.get_or_insert(Stopped::Limit(Limit::TooLarge { bytes_max }));
}

/// What the functions that a script calls say about it.
fn signs(folded: &Folded, opened: &mut Opened) {
    let calls = |words: &[&str]| words.iter().any(|word| folded.called.contains(word));
    let makes = calls(&["blob", "file", "mssaveblob", "mssaveoropenblob"]);
    let gives = calls(&["createobjecturl", "download", "mssaveblob", "mssaveoropenblob", "saveas"]);
    if makes && gives {
        opened.sign("page.smuggles_file", "a script makes a file and has it saved");
    }
    let decodes =
        calls(&["atob", "unescape", "fromcharcode", "decodeuricomponent", "frombase64string"]);
    let runs = calls(&[
        "eval",
        "write",
        "writeln",
        "execute",
        "executeglobal",
        "execscript",
        "innerhtml",
        "srcdoc",
        "function",
    ]);
    if decodes && runs {
        opened.sign("page.decodes_script", "a script decodes text and runs or shows it");
    }
}

/// What has been given already, over all scripts of a page.
#[derive(Debug, Default)]
pub(in crate::formats) struct Seen {
    digests: HashSet<[u8; 32]>,
    count: usize,
}

impl Seen {
    /// Keeps what was found, once, within the bound.
    pub(super) fn take(
        &mut self,
        found: Found,
        name: &str,
        opened: &mut Opened,
        budget: &mut Budget,
    ) {
        let bytes: &[u8] = match &found {
            Found::File(bytes) | Found::Page(bytes) => bytes,
            Found::Text(text) => text.as_bytes(),
        };
        if !self.digests.insert(*blake3::hash(bytes).as_bytes()) {
            return;
        }
        if self.count >= limits::DECODED_PER_TEXT_MAX {
            opened.stopped.get_or_insert(Stopped::Limit(Limit::TooMany {
                parts_max: limits::DECODED_PER_TEXT_MAX,
            }));
            return;
        }
        self.count += 1;
        // Pictures are no matter; keys, digests and what is of no known kind stand in many honest scripts.
        let picture = |bytes: &[u8]| {
            matches!(
                kind::of(bytes, ""),
                PartKind::Image | PartKind::Media | PartKind::Crypto | PartKind::Unknown
            )
        };
        if let Found::File(bytes) = &found
            && !picture(bytes)
        {
            opened.sign(
                "script.carries_file",
                format!("a file of kind {} is written in a script", kind::of(bytes, "").word()),
            );
        }
        keep_found(opened, name, found, budget);
    }
}

/// What raw deflate or zlib makes of bytes that are nothing otherwise.
fn inflated(bytes: &[u8], budget: &Budget) -> Option<Found> {
    if kind::of(bytes, "") != PartKind::Unknown {
        return None;
    }
    let mut scratch = budget.clone();
    let total = bytes.len();
    let out = match bytes.first() {
        Some(0x78) => scratch.unpack(ZlibDecoder::new(bytes), |_| total),
        Some(_) => scratch.unpack(DeflateDecoder::new(bytes), |_| total),
        None => return None,
    };
    // Bytes that are no deflate may go well for a while; only a clean end counts.
    match out.stopped {
        None => encodings::recognise(out.bytes, total),
        Some(_) => None,
    }
}

/// Members of all values: files and pages one by one, short text together.
fn values(folded: Folded, script: &str, seen: &mut Seen, opened: &mut Opened, budget: &mut Budget) {
    let name = folded.names.first().map(String::as_str).unwrap_or("decoded");
    let name = name.to_string();
    let keys = keys(&folded, script);
    let mut joined = String::new();
    let mut tried = 0;
    for (value, made) in folded.values {
        if let Err(limit) = budget.check_time() {
            opened.stopped = Some(Stopped::Limit(limit));
            break;
        }
        let text = match &value {
            Value::Text(text) => Some(text.as_str()),
            Value::Number(_) | Value::Numbers(_) | Value::List(_) | Value::Bytes(_) => None,
        };
        tried += 1;
        if let Some(text) = text
            && tried <= limits::LITERALS_TRIED_MAX
            && let Some(found) = data_address(text).or_else(|| encodings::decode_whole(text))
        {
            seen.take(found, &name, opened, budget);
        }
        if let (Some(text), true) = (text, made) {
            if looks_like_page(text) {
                seen.take(Found::Page(text.as_bytes().to_vec()), &name, opened, budget);
            } else if text.chars().all(|letter| letter < '\u{100}') && !text.is_ascii() {
                // Letters that stand for bytes.
                seen_bytes(value::text_to_bytes(text), &name, seen, opened, budget);
            }
            if joined.len() < limits::DOCUMENT_TEXT_BYTES_MAX {
                joined.push_str(text);
                joined.push('\n');
            }
        }
        let is_text = text.is_some();
        let small = value.size() <= limits::SCRIPT_KEYED_BYTES_MAX;
        let bytes = if is_text && keys.is_empty() { continue } else { value.into_bytes() };
        if small {
            for key in &keys {
                let plain = key.undo(&bytes);
                if let Some(found) = encodings::recognise(plain, 0) {
                    seen.take(found, &name, opened, budget);
                }
            }
        }
        if !is_text {
            seen_bytes(bytes, &name, seen, opened, budget);
        }
    }
    keep_text(opened, ("joined.txt", joined), Role::Code, budget);
}

fn seen_bytes(
    bytes: Vec<u8>,
    name: &str,
    seen: &mut Seen,
    opened: &mut Opened,
    budget: &mut Budget,
) {
    let letters = bytes.len();
    // What `atob` gives may be base64 again.
    if let Ok(text) = str::from_utf8(&bytes)
        && let Some(found) = encodings::decode_whole(text)
    {
        seen.take(found, name, opened, budget);
    }
    let inner = inflated(&bytes, budget);
    let found = encodings::recognise(bytes, letters);
    for found in found.into_iter().chain(inner) {
        seen.take(found, name, opened, budget);
    }
}

fn looks_like_page(text: &str) -> bool {
    let start = text.trim_start();
    start.starts_with('<') && kind::of(start.as_bytes(), "") == PartKind::Html
}

/// `data:` with its content decoded.
pub(super) fn data_address(target: &str) -> Option<Found> {
    let target = target.trim_start();
    if !target.get(..5)?.eq_ignore_ascii_case("data:") {
        return None;
    }
    let (head, body) = target.get(5..)?.split_once(',')?;
    let bytes = if head.to_ascii_lowercase().contains("base64") {
        encodings::base64(&encodings::percent(body.as_bytes()))
    } else {
        encodings::percent(body.as_bytes())
    };
    if bytes.is_empty() {
        return None;
    }
    let head = head.to_ascii_lowercase();
    let page = ["html", "svg"].iter().any(|word| head.contains(word));
    if page || kind::of(&bytes, "") == PartKind::Html {
        return Some(Found::Page(bytes));
    }
    let script = head.contains("script").then(|| encodings::readable(&bytes)).flatten();
    Some(script.map_or(Found::File(bytes), Found::Text))
}

/// A way letters were exchanged.
enum Key {
    /// `^ 7`, `- 3`.
    Number(u8, u8),
    /// `^ key.charCodeAt(i % key.length)`.
    Word(String),
}

impl Key {
    fn undo(&self, bytes: &[u8]) -> Vec<u8> {
        match self {
            Key::Number(b'^', key) => bytes.iter().map(|byte| byte ^ key).collect(),
            Key::Number(b'-', key) => bytes.iter().map(|byte| byte.wrapping_sub(*key)).collect(),
            Key::Number(_, key) => bytes.iter().map(|byte| byte.wrapping_add(*key)).collect(),
            Key::Word(word) => {
                bytes.iter().zip(word.bytes().cycle()).map(|(byte, key)| byte ^ key).collect()
            }
        }
    }
}

fn keys(folded: &Folded, script: &str) -> Vec<Key> {
    let numbers = folded.keys.iter().take(KEYS_MAX).map(|(sign, key)| Key::Number(*sign, *key));
    let mut keys: Vec<Key> = numbers.collect();
    let lower_half =
        script.get(..script.floor_char_boundary(limits::SCRIPT_BYTES_MAX)).unwrap_or(script);
    let exchanges =
        lower_half.contains('^') || lower_half.contains(" Xor ") || lower_half.contains("-bxor");
    if exchanges {
        let words = folded.words.iter().filter(|word| word.len() >= 2 && word.is_ascii());
        keys.extend(words.take(KEYS_MAX).cloned().map(Key::Word));
    }
    keys
}

/// By the name, else by the words of the language.
fn language(text: &str, name: &str) -> Language {
    match kind::extension(name).as_str() {
        "js" | "jse" | "mjs" | "html" | "htm" | "svg" => return Language::Java,
        "vbs" | "vbe" | "vb" | "bas" | "vba" => return Language::Basic,
        "ps1" | "psm1" | "psd1" | "bat" | "cmd" => return Language::Power,
        _ => (),
    }
    let head =
        text.get(..text.floor_char_boundary(HEAD_BYTES)).unwrap_or(text).to_ascii_lowercase();
    let count = |words: &[&str]| words.iter().filter(|word| head.contains(**word)).count();
    let basic = count(&[
        "dim ",
        "end sub",
        "end function",
        "chr(",
        "createobject(",
        "on error resume",
        " & ",
        "vbscript",
    ]);
    let power = count(&[
        "$env:",
        "[char]",
        "new-object",
        "::",
        "-join",
        "iex",
        "invoke-",
        "param(",
        "powershell",
    ]);
    let java = count(&[
        "var ",
        "function",
        "let ",
        "const ",
        "===",
        "document.",
        "window.",
        "};",
        "activexobject",
    ]);
    match java >= basic && java >= power {
        true => Language::Java,
        false if basic >= power => Language::Basic,
        false => Language::Power,
    }
}

/// The language that a script block is declared in.
pub(super) fn declared(kind: &str, text: &str) -> Language {
    let kind = kind.to_ascii_lowercase();
    match kind {
        _ if kind.contains("vbs") => Language::Basic,
        _ if kind.contains("java") || kind.contains("jscript") || kind.contains("ecma") => {
            Language::Java
        }
        _ => language(text, ""),
    }
}

fn is_marked_up(text: &str) -> bool {
    let head =
        text.get(..text.floor_char_boundary(HEAD_BYTES)).unwrap_or(text).to_ascii_lowercase();
    head.contains("<script")
        || head.contains("<job")
        || head.contains("<component")
        || head.contains("<scriptlet")
}

/// What is looked at to tell the language.
const HEAD_BYTES: usize = 64 << 10;
/// Keys tried of each sort.
const KEYS_MAX: usize = 8;
