//! What shells and the script host carry: encoded commands of PowerShell, files behind the lines of certificates, blocks of script in XML,
//! command files that hide their words.

use crate::{
    base::limits,
    formats::{
        among::{keep, keep_found, keep_text},
        budget::Budget,
        encodings,
        kind::{self, PartKind},
        opened::{Member, Opened, Role},
        xml::{self, Token},
    },
};

/// Reads what any script may carry.
pub(super) fn read(text: &str, opened: &mut Opened, budget: &mut Budget) {
    encoded_commands(text, opened, budget);
    armoured_files(text, opened, budget);
    command_file(text, opened, budget);
    registry_file(text, opened, budget);
}

/// Bytes that a file of registry entries writes as hexadecimal digits: `"name"=hex(2):41,00,\` over any number of lines.
fn registry_file(text: &str, opened: &mut Opened, budget: &mut Budget) {
    let head = text.trim_start_matches('\u{feff}').trim_start();
    if !head.starts_with("Windows Registry Editor") && !head.starts_with("REGEDIT4") {
        return;
    }
    let mut rest = text;
    for _ in 0..limits::DECODED_PER_TEXT_MAX {
        let Some((_, after)) = rest.split_once("=hex") else { return };
        let Some((_, after)) = after.split_once(':') else { return };
        let goes_on = |letter: char| {
            letter.is_ascii_hexdigit() || letter.is_whitespace() || matches!(letter, ',' | '\\')
        };
        // The next entry begins with a quote or a bracket.
        let end = after.find(|letter| !goes_on(letter)).unwrap_or(after.len());
        let (digits, behind) = after.split_at_checked(end).unwrap_or((after, ""));
        rest = behind;
        let bytes = encodings::hex(digits.as_bytes());
        let letters = digits.len();
        if let Some(found) = encodings::recognise(bytes, letters) {
            keep_found(opened, "registry-value", found, budget);
        }
    }
}

/// `powershell -enc …`: base64 of UTF-16. Every shortening of the word works, with any of the dashes.
fn encoded_commands(text: &str, opened: &mut Opened, budget: &mut Budget) {
    let mut found = 0;
    // In command files carets may stand between the letters.
    let plain = text.replace('^', "");
    for word in plain
        .split(|letter: char| letter.is_whitespace() || "\"',;=".contains(letter))
        .scan(false, |after, word| {
            let is = std::mem::replace(after, *after && word.is_empty() || is_encoded_option(word));
            Some(if is { word } else { "" })
        })
    {
        if word.len() < ENCODED_LETTERS_MIN || !encodings::is_base64(word.as_bytes()) {
            continue;
        }
        let command = encodings::text(&encodings::base64(word.as_bytes()));
        opened.sign("script.encoded_command", "PowerShell is given a command in base64");
        keep_text(opened, ("command.ps1", command), Role::Code, budget);
        found += 1;
        if found >= limits::DECODED_PER_TEXT_MAX {
            return;
        }
    }
}

fn is_encoded_option(word: &str) -> bool {
    let Some(name) = word.strip_prefix(['-', '/', '\u{2013}', '\u{2014}', '\u{2015}']) else {
        return false;
    };
    let name = name.to_ascii_lowercase().replace('`', "");
    !name.is_empty() && ("encodedcommand".starts_with(&name) || name == "ec")
}

/// What `certutil -decode` reads: the letters between two lines of dashes, whatever they say.
fn armoured_files(text: &str, opened: &mut Opened, budget: &mut Budget) {
    let mut rest = text;
    for _ in 0..ARMOURED_MAX {
        let Some((_, after)) = rest.split_once("-----BEGIN ") else { return };
        let Some((label, after)) = after.split_once("-----") else { return };
        let (body, behind) = after.split_once("-----END").unwrap_or((after, ""));
        rest = behind;
        let bytes = encodings::base64(body.as_bytes());
        // A certificate, a key and a signature are DER or OpenPGP packets; those are what they say.
        let honest = bytes.first() == Some(&0x30) || label.contains("PGP") || label.contains("KEY");
        let known = kind::of(&bytes, "");
        if bytes.is_empty() || (honest && matches!(known, PartKind::Unknown | PartKind::Crypto)) {
            continue;
        }
        opened.sign(
            "script.certificate_holds_file",
            format!("lines of a certificate hold {}", known.word()),
        );
        keep(
            opened,
            Member::new(Some("certificate-content".to_string()), bytes, Role::File),
            budget,
        );
    }
}

/// A command file with its carets gone and the variables it sets put in. Nothing else is worked out.
fn command_file(text: &str, opened: &mut Opened, budget: &mut Budget) {
    let head = text.get(..text.floor_char_boundary(HEAD_BYTES)).unwrap_or(text);
    let lower = head.to_ascii_lowercase();
    let is_command = lower.contains("@echo off")
        || ["set ", "@set "].iter().any(|set| lower.starts_with(set))
        || ["\nset ", "\n@set "].iter().any(|set| lower.contains(set))
        || lower.contains("set \"")
        || lower.contains("%comspec%");
    // Elsewhere a caret stands alone between two operands.
    let split =
        |letters: &[u8]| matches!(letters, [b'^', letter, b'^'] if letter.is_ascii_alphanumeric());
    let carets = head.as_bytes().windows(3).filter(|letters| split(letters)).count();
    if !is_command && carets < CARETS_MIN {
        return;
    }
    let mut variables: Vec<(String, String)> = Vec::new();
    let mut out = String::new();
    let mut parts = 0;
    for line in text.lines().take(LINES_MAX) {
        let line = line.replace('^', "");
        let line = expand(&line, &variables, &mut parts);
        for command in line.split(['&', '|']) {
            let command = command.trim().trim_start_matches('@').trim_start();
            if let Some(set) = command
                .get(..4)
                .filter(|word| word.eq_ignore_ascii_case("set "))
                .and_then(|_| command.get(4..))
            {
                let set = set.trim_matches(|letter: char| letter == '"' || letter.is_whitespace());
                if let Some((name, value)) = set.split_once('=')
                    && variables.len() < VARIABLES_MAX
                {
                    let name = name.trim().to_ascii_lowercase();
                    variables.retain(|(other, _)| *other != name);
                    variables.push((name, value.to_string()));
                }
            }
        }
        if out.len() >= limits::DOCUMENT_TEXT_BYTES_MAX {
            break;
        }
        out.push_str(&line);
        out.push('\n');
    }
    let hidden = parts >= PARTS_MIN || carets >= CARETS_MIN;
    if hidden {
        opened.sign(
            "script.obfuscated",
            "a command file is written so that its words cannot be read",
        );
    }
    if hidden || !variables.is_empty() {
        keep_text(opened, ("command-file.txt", out), Role::Code, budget);
    }
}

/// `%name%` and `%name:~2,1%` put in, where the file sets the name; counts parts of variables.
fn expand(line: &str, variables: &[(String, String)], parts: &mut usize) -> String {
    let mut out = String::new();
    let mut rest = line;
    while let Some((before, after)) = rest.split_once('%') {
        out.push_str(before);
        let Some((inner, behind)) = after.split_once('%') else {
            out.push('%');
            rest = after;
            continue;
        };
        let (name, part) =
            inner.split_once(":~").map_or((inner, None), |(name, part)| (name, Some(part)));
        *parts += usize::from(part.is_some());
        let name = name.to_ascii_lowercase();
        match variables.iter().find(|(other, _)| *other == name) {
            Some((_, value)) if out.len() < LINE_BYTES_MAX => {
                match part {
                    Some(part) => out.push_str(&substring(value, part)),
                    None => out.push_str(value),
                }
                rest = behind;
            }
            Some(_) | None => {
                out.push('%');
                rest = after;
            }
        }
    }
    out.push_str(rest);
    out
}

fn substring(value: &str, part: &str) -> String {
    let letters: Vec<char> = value.chars().collect();
    let length = i64::try_from(letters.len()).unwrap_or(0);
    let mut numbers = part.split(',').map(|number| number.trim().parse::<i64>().ok());
    let from_end = |number: i64| if number < 0 { (length + number).max(0) } else { number };
    let start = from_end(numbers.next().flatten().unwrap_or(0));
    let count = match numbers.next().flatten() {
        Some(number) if number < 0 => length + number - start,
        Some(number) => number,
        None => length,
    };
    let (start, count) = (usize::try_from(start).unwrap_or(0), usize::try_from(count).unwrap_or(0));
    letters.iter().skip(start).take(count).collect()
}

/// Blocks of script in files of the script host (.wsf, .sct, .hta, .xsl): each is code by itself.
pub(super) fn blocks(text: &str, opened: &mut Opened, budget: &mut Budget) {
    let mut inside = false;
    let mut block = String::new();
    let mut number = 0;
    for token in xml::tokens(text) {
        match token {
            Token::Start(tag) if tag.name.eq_ignore_ascii_case("script") => {
                inside = !tag.empty;
                block.clear();
            }
            Token::End(name) if name.eq_ignore_ascii_case("script") => {
                inside = false;
                number += 1;
                // Another name than those of a page, whose scripts were read together.
                let name = format!("block{number}");
                keep_text(opened, (&name, std::mem::take(&mut block)), Role::Code, budget);
                if number >= limits::DECODED_PER_TEXT_MAX {
                    return;
                }
            }
            Token::Text(text) if inside => block.push_str(&xml::plain(text)),
            Token::Cdata(text) if inside => block.push_str(text),
            Token::Doctype(doctype) if doctype.contains("<!ENTITY") => {
                opened.sign("xml.entities", "a script file declares entities");
            }
            Token::Start(_)
            | Token::End(_)
            | Token::Text(_)
            | Token::Cdata(_)
            | Token::Comment(_)
            | Token::Doctype(_)
            | Token::Instruction(_) => (),
        }
    }
    keep_text(opened, ("script-open-ended", block), Role::Code, budget);
}

/// Shorter words after `-e` are something else.
const ENCODED_LETTERS_MIN: usize = 16;
/// Armoured blocks read of one text.
const ARMOURED_MAX: usize = 20;
/// What is looked at to tell a command file.
const HEAD_BYTES: usize = 64 << 10;
/// Carets and parts of variables from which a command file hides something.
const CARETS_MIN: usize = 6;
const PARTS_MIN: usize = 4;
/// Lines, variables and letters of a line of a command file that are worked out.
const LINES_MAX: usize = 20_000;
const VARIABLES_MAX: usize = 500;
const LINE_BYTES_MAX: usize = 64 << 10;
