//! Text files that lead somewhere: .url, .website, .desktop, .webloc, .scf, .library-ms, .search-ms, .searchConnector-ms,
//! .settingcontent-ms, .theme, .rdp, .iqy, .slk, .application, .jnlp.
//!
//! They are read alike: lines of `key=value`, `key:s:value`, elements of XML, and lines that are an address.

use super::{code, interpreter, lead, text};
use crate::{
    base::limits,
    formats::{
        among::{keep_found, keep_text, stop_at},
        budget::Budget,
        encodings::{self, Found},
        kind,
        office_xml::formula_sign,
        opened::{Opened, Role},
        reach::{self, Reach},
        xml::{self, Token},
    },
};

/// Reads a file of this sort.
pub(super) fn read(bytes: &[u8], name: &str, opened: &mut Opened, budget: &mut Budget) {
    if bytes.starts_with(b"bplist0") {
        binary_list(bytes, opened, budget);
        return;
    }
    let text = text(bytes);
    if memchr::memchr2_iter(b'\n', b'<', text.as_bytes())
        .nth(limits::SHORTCUT_LINES_MAX / 2)
        .is_some()
    {
        stop_at(opened, limits::SHORTCUT_LINES_MAX);
    }
    let start = text.trim_start_matches('\u{feff}').trim_start();
    let mut commands = String::new();
    if start.get(..4).is_some_and(|start| start.eq_ignore_ascii_case("id;p")) {
        symbolic_link(start, &mut commands, opened, budget);
    } else if start.starts_with('<') {
        elements(start, &mut commands, opened);
    } else {
        let extension = kind::extension(name);
        for line in start.lines().take(limits::SHORTCUT_LINES_MAX) {
            one_line(line.trim(), &extension, &mut commands, opened);
        }
    }
    keep_text(opened, ("shortcut.txt", start.to_string()), Role::Text, budget);
    interpreter(&commands, opened);
    code(&commands, opened, budget);
}

fn one_line(line: &str, extension: &str, commands: &mut String, opened: &mut Opened) {
    if let Some((key, value)) = line.split_once('=') {
        let key = key.split('[').next().unwrap_or_default().trim().to_ascii_lowercase();
        // An address that has an equals sign in it is no key.
        if !key.contains(':') && !key.contains('/') {
            setting(&key, value.trim(), commands, opened);
            return;
        }
    }
    if let Some((key, value)) = line.split_once(":s:") {
        setting(&key.trim().to_ascii_lowercase(), value.trim(), commands, opened);
        return;
    }
    // A web query is an address on a line of its own.
    if extension == "iqy" || matches!(reach::of(line), Reach::Network | Reach::Share) {
        lead(line, opened);
    }
}

fn setting(key: &str, value: &str, commands: &mut String, opened: &mut Opened) {
    match key {
        "exec"
        | "tryexec"
        | "command"
        | "deeplink"
        | "alternate shell"
        | "remoteapplicationcmdline"
        | "remoteapplicationprogram"
        | "shell"
        | "open"
        | "runcommand"
        | "arguments" => {
            commands.push_str(value);
            commands.push('\n');
            lead(value.split_whitespace().next().unwrap_or_default(), opened);
        }
        "full address" | "alternate full address" | "gatewayhostname" => {
            // A host without a scheme.
            if !value.is_empty() {
                opened.sign("shortcut.remote_desktop", "it opens a session on another computer");
                crate::formats::among::keep_link(opened, value);
            }
        }
        "drivestoredirect" if !value.is_empty() => {
            opened.sign("shortcut.shares_drives", "the other computer is given the reader's disks");
        }
        // Anything else that leads away does so as well: icons are fetched when the folder is shown.
        _ => lead(value, opened),
    }
}

fn elements(text: &str, commands: &mut String, opened: &mut Opened) {
    let mut element = String::new();
    for token in xml::tokens(text).take(limits::SHORTCUT_LINES_MAX) {
        match token {
            Token::Start(tag) => {
                element = tag.name.to_ascii_lowercase();
                for (name, value) in tag.attributes() {
                    // Names of namespaces look like addresses and lead nowhere.
                    let is_name = name.starts_with("xmlns") || name.contains("schemaLocation");
                    if !is_name {
                        lead(&value, opened);
                    }
                }
            }
            Token::Text(content) | Token::Cdata(content) => {
                let content = xml::plain(content);
                setting(&element, content.trim(), commands, opened);
            }
            Token::Doctype(doctype) if doctype.contains("<!ENTITY") => {
                opened.sign("xml.entities", "the shortcut declares entities");
            }
            Token::End(_) | Token::Comment(_) | Token::Doctype(_) | Token::Instruction(_) => (),
        }
    }
}

/// Apple's binary property list: strings of one or two bytes a letter, big end first. Runs of letters are enough.
fn binary_list(bytes: &[u8], opened: &mut Opened, budget: &mut Budget) {
    let mut swapped = bytes.to_vec();
    swapped.chunks_exact_mut(2).for_each(|pair| pair.reverse());
    let mut all = String::new();
    let mut pages = 0;
    for run in bytes.split(|byte| !(0x20..0x7f).contains(byte)).filter(|run| run.len() >= 4) {
        // A saved page: .webarchive. The byte before it is its length.
        let page =
            memchr::memchr(b'<', run.get(..4).unwrap_or_default()).and_then(|at| run.get(at..));
        if let Some(page) = page
            .filter(|page| page.len() >= PAGE_LETTERS_MIN && pages < limits::DECODED_PER_TEXT_MAX)
        {
            pages += 1;
            keep_found(opened, "saved", Found::Page(page.to_vec()), budget);
        }
        all.push_str(&String::from_utf8_lossy(run));
        all.push('\n');
    }
    all.push_str(&encodings::utf16_runs(&swapped, 4));
    for line in all.lines() {
        // The byte before a string may be a letter too.
        let at = ["http:", "https:", "file:", "smb:"]
            .iter()
            .filter_map(|scheme| line.find(scheme))
            .min();
        if let Some(target) = at.and_then(|at| line.get(at..)) {
            lead(target, opened);
        }
    }
    keep_text(opened, ("shortcut.txt", all), Role::Text, budget);
}

/// Shorter ones are angle brackets by chance.
const PAGE_LETTERS_MIN: usize = 12;

/// SYLK: records of fields between semicolons. `E` is an expression, `O;E` allows macros, `NN` names a cell.
fn symbolic_link(text: &str, commands: &mut String, opened: &mut Opened, budget: &mut Budget) {
    let mut shown = String::new();
    for line in text.lines().take(limits::SHORTCUT_LINES_MAX) {
        let line = line.trim().replace(";;", "\u{0}");
        let mut fields = line.split(';').map(|field| field.replace('\u{0}', ";"));
        let record = fields.next().unwrap_or_default();
        for field in fields {
            let Some(kind) = field.chars().next() else { continue };
            let value = field.get(kind.len_utf8()..).unwrap_or_default();
            match (record.as_str(), kind) {
                ("O", 'E') => opened.sign("office.macro", "the sheet is one of macros"),
                ("NN", 'N') if value.to_ascii_lowercase().starts_with("auto_") => {
                    opened.sign("office.auto_run", "a macro runs by itself");
                }
                ("C" | "NN", 'E') => {
                    commands.push_str(value);
                    commands.push('\n');
                    if let Some(sign) = formula_sign(value) {
                        opened.sign(sign, "a formula starts or loads something");
                    }
                }
                ("C", 'K') => {
                    shown.push_str(value.trim_matches('"'));
                    shown.push('\n');
                    if let Some(sign) = formula_sign(value).filter(|_| value.contains('=')) {
                        opened.sign(sign, "a formula starts or loads something");
                    }
                }
                (_, _) => (),
            }
        }
    }
    keep_text(opened, ("cells.txt", shown), Role::Text, budget);
}
