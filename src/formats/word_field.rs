//! The instruction of a field of Word, as it stands in RTF, DOCX and DOC (ECMA-376 part 1 section 17.16): what it starts, what it fetches.
//!
//! Instructions are often cut over many runs; who calls has put them together. Nothing is carried out.

use super::{
    opened::{Member, Opened, Role},
    reach::{self, Reach},
};
use crate::base::limits;

/// Reads one instruction: signs and links go to `opened`, an instruction that starts a program also as code.
pub fn read(instruction: &str, opened: &mut Opened) {
    let words: Vec<String> = words(instruction);
    let upper: Vec<String> =
        words.iter().take(KEYWORDS_MAX).map(|word| word.to_ascii_uppercase()).collect();
    if upper.iter().any(|word| word == "DDE" || word == "DDEAUTO") {
        opened.sign("office.dde", "a field starts another program by DDE");
        code(instruction, opened);
    }
    // QUOTE with numbers is text spelled by its letters' codes; a field around it reads the text.
    let spelled = quoted_numbers(&words);
    if !spelled.is_empty() {
        opened.sign("office.spelled_field", "a field spells text by numbers");
        if spelled.to_ascii_uppercase().contains("DDE") {
            opened.sign("office.dde", "a field starts another program by DDE, spelled by numbers");
        }
        code(&spelled, opened);
    }
    for (at, word) in upper.iter().enumerate() {
        let sign = match word.as_str() {
            "INCLUDEPICTURE" | "INCLUDETEXT" | "INCLUDE" | "IMPORT" | "RD" | "DATABASE" => {
                Some("office.remote_content")
            }
            "LINK" | "EMBED" => Some("office.remote_object"),
            "HYPERLINK" => None,
            _ => continue,
        };
        for target in words
            .iter()
            .skip(at + 1)
            .filter(|word| !word.starts_with('\\') || word.starts_with("\\\\"))
        {
            target_of(word, target, sign, opened);
        }
        break;
    }
}

fn target_of(word: &str, target: &str, sign: Option<&'static str>, opened: &mut Opened) {
    let reach = reach::of(target);
    if opened.links.len() < limits::LINKS_MAX && !matches!(reach, Reach::Inside | Reach::LocalFile)
    {
        opened.links.push(target.to_string());
    }
    match (sign, reach) {
        (Some(id), reach) if reach.is_remote() || reach == Reach::Program => {
            opened.sign(id, format!("a field {word} loads from {}", reach.word()));
        }
        (None, Reach::Program) => {
            opened.sign("office.opens_program", "a hyperlink opens a program");
        }
        (_, _) => (),
    }
}

fn code(text: &str, opened: &mut Opened) {
    let name = Some("field.txt".to_string());
    opened.push(Member::new(name, text.as_bytes().to_vec(), Role::Code));
}

fn quoted_numbers(words: &[String]) -> String {
    let mut text = String::new();
    let mut quoting = false;
    for word in words {
        if word.eq_ignore_ascii_case("QUOTE") {
            quoting = true;
        } else if quoting {
            match word.parse::<u32>().ok().and_then(char::from_u32) {
                Some(letter) => text.push(letter),
                None => quoting = false,
            }
        }
    }
    text
}

/// Words, where quotes keep blanks and a doubled backslash is one.
fn words(instruction: &str) -> Vec<String> {
    let mut words = Vec::new();
    let (mut word, mut quoted) = (String::new(), false);
    for letter in instruction.chars() {
        match letter {
            '"' | '\u{201c}' | '\u{201d}' => quoted = !quoted,
            _ if letter.is_whitespace() && !quoted => push(&mut words, &mut word),
            // Word keeps control characters of nested fields here.
            _ if letter.is_control() => push(&mut words, &mut word),
            _ => word.push(letter),
        }
        if words.len() >= WORDS_MAX {
            break;
        }
    }
    push(&mut words, &mut word);
    words
}

fn push(words: &mut Vec<String>, word: &mut String) {
    if !word.is_empty() {
        words.push(std::mem::take(word));
    }
}

/// Words of an instruction that are read: a thousand letters spelled by numbers, and then some.
const WORDS_MAX: usize = 10_000;
/// Words among which the name of the field is looked for: nested fields come before it.
const KEYWORDS_MAX: usize = 200;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instructions() {
        for (instruction, signs, links) in [
            (
                " DDEAUTO c:\\\\windows\\\\system32\\\\cmd.exe \"/k calc\" ",
                &["office.dde"][..],
                &[][..],
            ),
            (
                "INCLUDEPICTURE \"http://a.example/x\" \\d",
                &["office.remote_content"],
                &["http://a.example/x"],
            ),
            (
                "LINK htmlfile \"\\\\\\\\host\\\\x\"",
                &["office.remote_object"],
                &["\\\\\\\\host\\\\x"],
            ),
            ("HYPERLINK \"https://a.example\"", &[], &["https://a.example"]),
            ("HYPERLINK \"ms-msdt:/id x\"", &["office.opens_program"], &["ms-msdt:/id x"]),
            ("QUOTE 68 68 69", &["office.spelled_field", "office.dde"], &[]),
            ("PAGE", &[], &[]),
        ] {
            let mut opened = Opened::default();
            read(instruction, &mut opened);
            let ids: Vec<_> = opened.signs.iter().map(|sign| sign.id).collect();
            assert_eq!(
                (&ids[..], &opened.links[..]),
                (signs, &links.iter().map(|link| link.to_string()).collect::<Vec<_>>()[..]),
                "{instruction}"
            );
        }
    }
}
