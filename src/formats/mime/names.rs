//! Every name under which a program could save or start a part.
//!
//! A sender writes a name so that the filter sees one and Windows another. So each name that any reading of the fields gives is taken
//! through what programs and systems do to names, and all results are kept; whoever checks asks for the worst of them. The names are for
//! checks: none of them is a path to write to.

use super::Fields;
use crate::{base::limits, formats::opened::Sign};
use unicode_normalization::UnicodeNormalization;

/// Every name that a program could show or save the part under, the one most programs show first, each once; at most
/// [`limits::NAMES_MAX`].
pub fn all(fields: &Fields) -> Vec<String> {
    variants(fields.names.iter().chain(&fields.more_names).map(String::as_str))
}

/// The same for names that come from elsewhere, an archive's for example.
pub fn variants<'n>(names: impl Iterator<Item = &'n str>) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    let mut push = |name: &str| {
        let name = super::bounded(name.to_string());
        let new = !name.is_empty() && found.len() < limits::NAMES_MAX && !found.contains(&name);
        if new {
            found.push(name);
        }
        new
    };
    for name in names {
        push(name);
        // What one step gives is taken through the others too: a percent sign may hide a NUL. Plain names have no further step.
        let mut waiting = vec![name.to_string()];
        for _ in 0..ROUNDS_MAX {
            let mut next = Vec::new();
            for name in &waiting {
                for step in STEPS {
                    let changed = step(name);
                    if changed != *name && push(&changed) {
                        next.push(changed);
                    }
                }
            }
            if next.is_empty() {
                break;
            }
            waiting = next;
        }
    }
    found
}

/// The extensions of all names, lower case, each once; what a program would go by is among them.
pub fn extensions(names: &[String]) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for name in names {
        let extension = crate::formats::kind::extension(name);
        if !extension.is_empty() && !found.contains(&extension) {
            found.push(extension);
        }
    }
    found
}

/// The extension that does most harm among all names: the first of these, by the order of `dangerous` (most dangerous first).
pub fn worst_extension(names: &[String], dangerous: &[&str]) -> Option<String> {
    let extensions = extensions(names);
    dangerous
        .iter()
        .find(|extension| extensions.iter().any(|found| found == *extension))
        .map(|extension| extension.to_string())
}

/// What the names of a part give away; `part` names it.
pub fn signs(fields: &Fields, part: &str) -> Vec<Sign> {
    let all: Vec<&String> = fields.names.iter().chain(&fields.more_names).collect();
    let mut signs = Vec::new();
    let mut sign = |id: &'static str, so: bool, what: &str| {
        if so {
            signs.push(Sign { id, because: format!("a name of part {part} {what}") });
        }
    };
    let any = |is: fn(char) -> bool| all.iter().any(|name| name.contains(is));
    sign("name.bidi", any(is_reversing), "turns the direction of its letters");
    sign("name.nul", any(|letter| letter == '\0'), "has a NUL");
    let decoded_nul = all.iter().any(|name| name.contains("%00"));
    sign("name.nul", decoded_nul && !any(|letter| letter == '\0'), "has an encoded NUL");
    let trailing = all.iter().any(|name| is_longer_than_windows_sees(name));
    sign("name.trailing", trailing, "ends in what Windows drops");
    let mut extensions: Vec<String> =
        fields.names.iter().map(|name| crate::formats::kind::extension(name)).collect();
    extensions.sort();
    extensions.dedup();
    sign("name.conflict", extensions.len() > 1, "has another ending in another field");
    signs
}

/// Does Windows drop something at the end of it: dots, blanks, the name of a stream?
fn is_longer_than_windows_sees(name: &str) -> bool {
    let dropped = windows(name);
    // A dot at the end of a sentence is no trick.
    let extension = dropped.rsplit_once('.').map(|(_, extension)| extension).unwrap_or_default();
    let is_extension = (2..=5).contains(&extension.len())
        && extension.bytes().all(|byte| byte.is_ascii_alphanumeric());
    is_extension && dropped.len() < name.len()
}

/// What programs and systems do to names, each step by itself.
const STEPS: &[fn(&str) -> String] = &[
    |name| crate::mail::header::decode_words(name),
    |name| cut_words(name),
    |name| percent(name),
    |name| html(name),
    |name| name.nfkc().collect(),
    |name| name.chars().filter(|letter| !is_invisible(*letter)).collect(),
    |name| visual_order(name),
    |name| name.split('\0').next().unwrap_or_default().to_string(),
    |name| name.chars().filter(|letter| !letter.is_control()).collect(),
    |name| name.split(char::is_control).next().unwrap_or_default().to_string(),
    |name| name.rsplit(['/', '\\']).next().unwrap_or_default().to_string(),
    |name| windows(name),
    |name| name.trim().trim_matches(['"', '\'']).trim().to_string(),
    |name| name.replace('\\', ""),
    |name| name.replace('"', ""),
];

/// What Windows makes of it: without the name of a stream (`a.exe::$DATA`), without dots and blanks at the end.
fn windows(name: &str) -> String {
    let drive = name.chars().nth(1) == Some(':');
    let cut = match name.split_once(':') {
        Some((before, _)) if !drive => before,
        _ => name,
    };
    cut.trim_end_matches(|letter: char| letter == '.' || letter.is_whitespace()).to_string()
}

fn percent(name: &str) -> String {
    match name.contains('%') {
        true => super::fields::as_text(&super::parameters::percent(
            super::parameters::after_charset(name.as_bytes()),
        )),
        false => name.to_string(),
    }
}

/// Encoded words (RFC 2047 section 2) that are broken: without their end, or in each other; the text of each is taken.
fn cut_words(name: &str) -> String {
    let Some((before, rest)) = name.split_once("=?") else { return name.to_string() };
    match rest.ends_with("?=") {
        true => name.to_string(),
        false => crate::mail::header::decode_words(&format!("{before}=?{rest}?=")),
    }
}

/// Numeric and the five common HTML character references.
fn html(name: &str) -> String {
    if !name.contains('&') {
        return name.to_string();
    }
    let mut out = String::new();
    let mut rest = name;
    while let Some((before, from)) = rest.split_once('&') {
        out.push_str(before);
        let reference =
            from.split_once(';').and_then(|(word, after)| Some((reference(word)?, after)));
        match reference {
            Some((letter, after)) => {
                out.push(letter);
                rest = after;
            }
            None => {
                out.push('&');
                rest = from;
            }
        }
    }
    out + rest
}

fn reference(word: &str) -> Option<char> {
    match word {
        "amp" => Some('&'),
        "lt" => Some('<'),
        "gt" => Some('>'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        "period" => Some('.'),
        "colon" => Some(':'),
        "sol" => Some('/'),
        _ => {
            let number = word.strip_prefix('#')?;
            let number = match number.strip_prefix(['x', 'X']) {
                Some(hex) => u32::from_str_radix(hex, 16).ok()?,
                None => number.parse().ok()?,
            };
            char::from_u32(number)
        }
    }
}

/// The letters as they stand on the screen where an override turns them (UAX #9, as far as names use it).
fn visual_order(name: &str) -> String {
    if !name.contains(is_reversing) {
        return name.to_string();
    }
    let mut out = String::new();
    let mut turned: Option<String> = None;
    for letter in name.chars() {
        match letter {
            '\u{202e}' | '\u{202b}' | '\u{2067}' => {
                turned = Some(turned.take().unwrap_or_default())
            }
            '\u{202c}' | '\u{2069}' | '\u{202d}' | '\u{202a}' | '\u{2066}' => {
                out.extend(turned.take().unwrap_or_default().chars().rev());
            }
            other => match &mut turned {
                Some(turned) => turned.push(other),
                None => out.push(other),
            },
        }
    }
    out.extend(turned.unwrap_or_default().chars().rev());
    out
}

fn is_reversing(letter: char) -> bool {
    matches!(letter, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Letters that take no room: marks of direction, joiners, fillers.
fn is_invisible(letter: char) -> bool {
    is_reversing(letter)
        || matches!(
            letter,
            '\u{00ad}' | '\u{034f}' | '\u{061c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
            | '\u{180b}'..='\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2060}'..='\u{2064}' | '\u{206a}'..='\u{206f}'
            | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{e0000}'..='\u{e007f}'
        )
}

/// Steps that are taken one after the other on one name.
const ROUNDS_MAX: usize = 4;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{formats::mime::Oddities, mail::Header};

    fn fields(text: &str) -> Fields {
        Fields::read(&Header::read(text.as_bytes()).unwrap(), "1", &mut Oddities::default())
    }

    #[test]
    fn the_dangerous_one_is_among_them() {
        let disposition = |value: &str| format!("Content-Disposition: attachment; {value}\n\n");
        for (text, want) in [
            (disposition("filename=a.exe"), "exe"),
            (disposition("filename=\"a.txt\"; filename=\"a.exe\""), "exe"),
            (disposition("filename=\"a.txt\"; filename*=utf-8''a.exe"), "exe"),
            (disposition("filename*=utf-8''a.exe; filename=\"a.txt\""), "exe"),
            (disposition("filename*1=xe; filename*0=a.e"), "exe"),
            (disposition("filename*1=\"a.e\"; filename*2=\"xe\""), "exe"),
            (disposition("filename*0*=''a%2e; filename*1=exe"), "exe"),
            (disposition("filename*0=a.; filename*1*=e%78e"), "exe"),
            (disposition("filename=\"=?utf-8?q?a=2Eexe?=\""), "exe"),
            (disposition("filename=\"=?utf-8?q?a=2E?= =?utf-8?q?exe?=\""), "exe"),
            (disposition("filename=\"=?utf-8?b?YS5leGU=\""), "exe"),
            (disposition("filename=\"a.\\e\\x\\e\""), "exe"),
            (disposition("filename=my a.exe"), "exe"),
            (disposition("filename=\"a.exe .\""), "exe"),
            (disposition("filename=\"a.exe::$DATA\""), "exe"),
            (disposition("filename=\"..\\..\\a.exe\""), "exe"),
            (disposition("filename=\"a%2eexe\""), "exe"),
            (disposition("filename=\"a&#46;exe\""), "exe"),
            (disposition("filename=\"a.exe%00.txt\""), "exe"),
            (disposition("filename=\"a\u{ff0e}exe\""), "exe"),
            (disposition("filename=\"a.e\u{200b}xe\""), "exe"),
            (disposition("filename=\"a\u{202e}txt.exe\""), "exe"),
            (disposition("filename=\"a\u{202e}exe.txt\""), "exe"),
            (disposition("filename='a.exe'"), "exe"),
            (disposition("filename=\"a.exe"), "exe"),
            (disposition("filename = \"a.EXE\""), "exe"),
            (disposition("name=\"a.exe\""), "exe"),
            (
                "Content-Type: a/b; name=x.txt\nContent-Disposition: inline; filename=x.exe\n\n"
                    .to_string(),
                "exe",
            ),
            ("Content-Type: a/b; name=x.txt\nContent-Type: a/b; name=x.exe\n\n".to_string(), "exe"),
            ("Content-Description: a.exe\n\n".to_string(), "exe"),
            ("Content-Location: http://www.example.com/a.exe?x\n\n".to_string(), "exe"),
        ] {
            let names = all(&fields(&text));
            assert_eq!(
                worst_extension(&names, &["exe", want]).as_deref(),
                Some(want),
                "{text}: {names:?}"
            );
            assert!(names.len() <= limits::NAMES_MAX, "{}", names.len());
        }
        let plain = all(&fields(&disposition("filename=\"R\u{e4}k nr 5.pdf\"")));
        assert_eq!(worst_extension(&plain, &["exe", "com", "pdf"]).as_deref(), Some("pdf"));
        assert!(plain.len() <= 6, "{plain:?}");
        assert!(
            worst_extension(
                &all(&fields("Content-Location: http://www.example.com\n\n")),
                &["com"]
            )
            .is_none()
        );
    }

    #[test]
    fn signs_of_tricks() {
        for (name, want) in [
            ("a.txt", &[][..]),
            ("St. Nicolas No. 1.", &[]),
            ("a\u{202e}txt.exe", &["name.bidi"]),
            ("a.exe%00.txt", &["name.nul"]),
            ("a.exe.", &["name.trailing"]),
            ("a.exe::$DATA", &["name.trailing"]),
        ] {
            let fields =
                fields(&format!("Content-Disposition: attachment; filename=\"{name}\"\n\n"));
            let ids: Vec<&str> = signs(&fields, "1").iter().map(|sign| sign.id).collect();
            assert_eq!(ids, want, "{name}");
        }
        let two = fields(
            "Content-Type: a/b; name=x.txt\nContent-Disposition: inline; filename=x.exe\n\n",
        );
        assert_eq!(
            signs(&two, "1").iter().map(|sign| sign.id).collect::<Vec<_>>(),
            ["name.conflict"]
        );
    }
}
