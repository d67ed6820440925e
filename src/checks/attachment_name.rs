//! A file name that hides what the file is: `invoice.pdf.exe`, a right-to-left override that shows `exe.pdf`, or so many spaces that the end
//! falls out of sight. Windows hides known endings by itself, so the first is enough to deceive.
//!
//! Safe for long names, dates and Nordic letters in names; Arabic and Hebrew names need no override characters.

use super::{
    Case, Check, Demand, Finding,
    known::endings,
    read::{letters, names},
};
use crate::config::policy::Category;

pub(super) const CHECK: Check = Check {
    ids: &["attachment.double_extension", "attachment.name_reversed", "attachment.name_padded"],
    about: "The name of an attachment hides what kind of file it is.",
    plain: "The name of an attachment hides what it really is.",
    run,
};

fn run(case: &Case, findings: &mut Vec<Finding>) {
    for (id, weight, because, deceives) in KINDS {
        let part = case.contents.parts.iter().find(|part| deceives(names::shown(part)));
        findings.extend(part.map(|part| {
            let finding =
                Finding::new(*id, Category::Virus, *weight, *because).in_part(&part.id, &part.path);
            match case.is_inbound() && endings::runs(&names::extension(names::shown(part))) {
                // A program that hides is held like one that does not; refusing it as a virus needs more than a name.
                true => {
                    Finding { category: Category::Policy, ..finding }.demanding(Demand::Category)
                }
                false => finding,
            }
        }));
    }
}

type Kind = (&'static str, f32, &'static str, fn(&str) -> bool);

const KINDS: &[Kind] = &[
    (
        "attachment.double_extension",
        4.0,
        "a program with a document's ending before its own",
        has_two_endings,
    ),
    (
        "attachment.name_reversed",
        3.0,
        "a character that turns the direction of writing",
        is_reversed,
    ),
    ("attachment.name_padded", 2.0, "spaces push the ending out of sight", is_padded),
];

fn has_two_endings(name: &str) -> bool {
    endings::runs(&names::extension(name)) && endings::is_document(&names::extension_before(name))
}

fn is_reversed(name: &str) -> bool {
    // Isolates around a whole name are how careful programs show foreign names; an override inside is a trick.
    name.contains(['\u{202E}', '\u{202D}'])
        || (name.contains(letters::turns_direction) && endings::runs(&names::extension(name)))
}

fn is_padded(name: &str) -> bool {
    let widest =
        name.split(|letter: char| !letter.is_whitespace()).map(|gap| gap.chars().count()).max();
    widest.unwrap_or_default() >= GAP_MIN && name.trim_end().contains(char::is_whitespace) && {
        let stem = name.trim_end().rsplit_once('.').map(|(stem, _)| stem).unwrap_or(name);
        stem.contains(&" ".repeat(GAP_MIN))
            || stem.chars().filter(|letter| letter.is_whitespace()).count() >= 2 * GAP_MIN
    }
}

/// Typing errors make two or three spaces in a row.
const GAP_MIN: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        checks::testing::{Setting, expect_in, found, mail, parts},
        examine::PartKind,
    };

    #[test]
    fn finds() {
        for (name, want) in [
            ("faktura.pdf", &[][..]),
            ("faktura.pdf.exe", &["attachment.double_extension"]),
            ("Faktura.PDF .SCR", &["attachment.double_extension"]),
            ("faktura\u{202E}fdp.exe", &["attachment.name_reversed"]),
            (
                "faktura.pdf                 .exe",
                &["attachment.double_extension", "attachment.name_padded"],
            ),
            ("faktura                 november.pdf", &["attachment.name_padded"]),
            ("Protokoll  årsmöte 2026.11.21.docx", &[]),
            ("backup.tar.gz", &[]),
            ("jquery.min.js", &[]),
            ("a.zip/bild.jpg.lnk", &["attachment.double_extension"]),
        ] {
            expect_in(&CHECK, parts(&[(PartKind::Unknown, "", name)]), want);
        }
    }

    #[test]
    fn a_hidden_program_is_held() {
        let setting = Setting::holding(parts(&[(PartKind::Unknown, "", "faktura.pdf.exe")]));
        let findings = found(&CHECK, &setting, &mail("a@example.org", "hi"));
        assert_eq!(findings[0].demands, Some(Demand::Category));
        let findings = found(&CHECK, &setting.outbound(), &mail("a@example.org", "hi"));
        assert_eq!(findings[0].demands, None);
    }
}
