//! What the forms of attachments and texts give away by themselves, as the examination noted it: a macro that starts alone, a template
//! that is loaded from elsewhere, a name that turns its letters.
//!
//! One table says what each is worth. What honest senders do now and then weighs little or nothing; weights add up, so a document that
//! starts a hidden macro by itself is far over every threshold. Nothing here demands: a demand comes from signatures and names.

use super::{Case, Check, Finding, and_more};
use crate::{config::policy::Category, examine::Sign};
use std::collections::BTreeMap;

pub(super) const CHECK: Check = Check {
    ids: &IDS,
    about: "What the form of an attachment, a page or a text gives away by itself; the id says what.",
    plain: "Something in the mail is built in a way that often does harm.",
    run,
};

fn run(case: &Case, findings: &mut Vec<Finding>) {
    let mut kinds: BTreeMap<&str, (&Sign, usize)> = BTreeMap::new();
    for sign in &case.contents.signs {
        kinds.entry(&sign.id).or_insert((sign, 0)).1 += 1;
    }
    for (sign, count) in kinds.into_values() {
        let Some(known) = SIGNS.iter().find(|known| known.id == sign.id) else { continue };
        let finding = |because: &str| {
            let because = format!("{because}{}", and_more(count));
            Finding::new(known.id, known.category, known.weight, because)
        };
        let finding = match outside(known.id) {
            Some(said) => finding(said).quoting(sign.because.as_str()),
            None => finding(&sign.because),
        };
        findings.push(finding.telling(known.plain).in_part(&sign.part, &sign.path));
    }
}

/// What may be said of a sign whose note is in the words of a document: names of its sheets and modules, its commands, where it leads. None:
/// the note speaks of files, hosts and counts, which everybody may know.
pub(super) fn outside(id: &str) -> Option<&'static str> {
    if !IN_WORDS_OF_DOCUMENTS.iter().any(|kind| id.starts_with(kind)) {
        return None;
    }
    let known = SIGNS.iter().find(|known| known.id == id);
    Some(known.map_or("", |known| known.plain.trim_end_matches('.')))
}

/// Signs of what is inside documents and programs.
const IN_WORDS_OF_DOCUMENTS: &[&str] =
    &["calendar.", "csv.", "office.", "onenote.", "pdf.", "rtf.", "script.", "shortcut.", "xml."];

/// A sign and what it is worth.
struct Said {
    id: &'static str,
    category: Category,
    weight: f32,
    plain: &'static str,
}

const fn said(id: &'static str, category: Category, weight: f32, plain: &'static str) -> Said {
    Said { id, category, weight, plain }
}

#[allow(clippy::indexing_slicing)] // At compile time, where a mistake is an error.
const IDS: [&str; SIGNS.len()] = {
    let mut ids = [""; SIGNS.len()];
    let mut at = 0;
    while at < ids.len() {
        ids[at] = SIGNS[at].id;
        at += 1;
    }
    ids
};

const SIGNS: &[Said] = &[
    said(
        "archive.names_encrypted",
        Category::Virus,
        1.0,
        "The archive hides even the names of its files behind a password.",
    ),
    said(
        "archive.path_escapes",
        Category::Virus,
        6.0,
        "A file in the archive wants to be written outside the folder it is unpacked to.",
    ),
    said(
        "archive.hidden_stream",
        Category::Virus,
        5.0,
        "The archive has a file hidden behind another one.",
    ),
    said(
        "archive.names_differ",
        Category::Virus,
        4.0,
        "A file in this archive has two different names.",
    ),
    said(
        "archive.overlapping",
        Category::Format,
        5.0,
        "Files in this archive lie over each other.",
    ),
    said(
        "archive.several_directories",
        Category::Format,
        2.0,
        "This archive has several lists of contents; programs show different ones.",
    ),
    said("archive.spanned", Category::Format, 1.0, "This is one piece of a split archive."),
    said(
        "archive.link",
        Category::Virus,
        1.0,
        "This archive holds a link that leads out of its folder.",
    ),
    said(
        "disk.hidden_stream",
        Category::Virus,
        4.0,
        "The disk image has a file hidden behind another one.",
    ),
    said("disk.hidden_file", Category::Virus, 2.0, "The disk image has files that are not shown."),
    said(
        "disk.trees_disagree",
        Category::Format,
        3.0,
        "One file on the disk image has names of different types, or two places.",
    ),
    said("disk.encrypted", Category::Virus, 3.0, "The disk image is encrypted."),
    said("office.macro", Category::Virus, 1.0, "The document contains a program (macro)."),
    said(
        "office.auto_run",
        Category::Virus,
        3.0,
        "A macro starts by itself when the document is opened or closed.",
    ),
    said(
        "office.macro_calls",
        Category::Virus,
        3.0,
        "A macro starts programs, reaches into the system or downloads.",
    ),
    said("office.macro_obfuscated", Category::Virus, 4.0, "A macro hides its texts."),
    said(
        "office.macro_stomped",
        Category::Virus,
        7.0,
        "A macro's source was removed or differs from what would run.",
    ),
    said(
        "office.macro_hidden",
        Category::Virus,
        4.0,
        "A macro was hidden from the list of macros.",
    ),
    said(
        "office.macro_locked",
        Category::Format,
        0.5,
        "The macro project is locked with a password.",
    ),
    said("office.macro_formula", Category::Virus, 4.0, "A formula calls programs."),
    said("office.macro_type", Category::Format, 1.0, "The document's type is one with macros."),
    said("office.xlm_macro", Category::Virus, 3.0, "The workbook has an old macro sheet."),
    said("office.xlm_auto_run", Category::Virus, 4.0, "An old macro sheet starts by itself."),
    said(
        "office.xlm_calls",
        Category::Virus,
        5.0,
        "A macro sheet starts programs, loads libraries or writes formulas.",
    ),
    said(
        "office.sheet_very_hidden",
        Category::Format,
        1.0,
        "A sheet is hidden so that the menu does not show it.",
    ),
    said(
        "office.very_hidden_sheet",
        Category::Format,
        1.0,
        "A sheet is hidden so that the menu does not show it.",
    ),
    said("office.hidden_sheet", Category::Format, 0.0, "A sheet of the workbook is hidden."),
    said("office.hidden_text", Category::Format, 0.0, "The document has hidden text."),
    said("office.dde", Category::Virus, 5.0, "The document can start another program."),
    said(
        "office.spelled_field",
        Category::Virus,
        5.0,
        "A field of the document hides its text as numbers.",
    ),
    said(
        "office.package",
        Category::Format,
        1.0,
        "A file is embedded in the document and starts on a click.",
    ),
    said(
        "office.package_renamed",
        Category::Virus,
        6.0,
        "A file embedded in the document is shown under another kind of name than it has.",
    ),
    said(
        "office.package_command",
        Category::Virus,
        6.0,
        "A click in the document starts a command.",
    ),
    said("office.embedded_object", Category::Format, 0.0, "A file is embedded in the document."),
    said(
        "office.equation_editor",
        Category::Virus,
        5.0,
        "The document uses the old equation editor, which is attacked.",
    ),
    said(
        "office.remote_object",
        Category::Virus,
        4.0,
        "The document loads an object from elsewhere.",
    ),
    said(
        "office.remote_template",
        Category::Virus,
        6.0,
        "The document loads its template from elsewhere.",
    ),
    said(
        "office.remote_content",
        Category::Phish,
        1.0,
        "The document loads content from elsewhere.",
    ),
    said(
        "office.linked_object",
        Category::Virus,
        1.0,
        "The document is linked to an object elsewhere.",
    ),
    said(
        "office.dangerous_class",
        Category::Virus,
        5.0,
        "The document holds an object of a class that attacks use.",
    ),
    said("office.active_x", Category::Virus, 2.0, "The document embeds a control."),
    said(
        "office.click_action",
        Category::Virus,
        1.0,
        "A shape of the document runs a macro, starts a program or opens an object.",
    ),
    said("office.action_runs", Category::Virus, 4.0, "A click in the document starts a program."),
    said("office.opens_program", Category::Virus, 4.0, "A link of the document starts a program."),
    said(
        "office.opens_share",
        Category::Virus,
        3.0,
        "A link of the document opens a network share.",
    ),
    said(
        "office.default_password",
        Category::Format,
        1.0,
        "The document is encrypted with the password that its program knows by itself.",
    ),
    said("office.installer", Category::Virus, 3.0, "A Windows installer package is attached."),
    said(
        "office.content_type_lies",
        Category::Virus,
        4.0,
        "A part of the document claims to be something else.",
    ),
    said("office.no_content_types", Category::Format, 1.0, "The document is incomplete."),
    said("office.alt_chunk", Category::Virus, 2.0, "The document takes in another document."),
    said("rtf.object", Category::Format, 1.0, "A file is embedded in the document."),
    said(
        "rtf.equation_editor",
        Category::Virus,
        6.0,
        "The document uses the old equation editor, which is attacked.",
    ),
    said(
        "rtf.object_update",
        Category::Virus,
        5.0,
        "An object in the document runs when it is opened.",
    ),
    said(
        "rtf.object_fetches",
        Category::Virus,
        6.0,
        "An object in the document is fetched when it is opened.",
    ),
    said(
        "rtf.linked_object",
        Category::Virus,
        2.0,
        "The document is linked to an object elsewhere.",
    ),
    said(
        "rtf.remote_template",
        Category::Virus,
        6.0,
        "The document loads its template from elsewhere.",
    ),
    said("rtf.obfuscated", Category::Virus, 4.0, "The document hides how it is built."),
    said("xml.entities", Category::Format, 1.0, "The file declares abbreviations of its own."),
    said("onenote.attachment", Category::Format, 1.0, "A notebook carries a file."),
    said("onenote.attachment_runs", Category::Virus, 6.0, "A notebook carries a program."),
    said(
        "shortcut.runs_interpreter",
        Category::Virus,
        6.0,
        "A shortcut starts a command interpreter.",
    ),
    said("shortcut.remote_target", Category::Virus, 2.0, "A shortcut leads elsewhere."),
    said(
        "shortcut.remote_program",
        Category::Virus,
        6.0,
        "A shortcut leads to a program elsewhere.",
    ),
    said("shortcut.opens_program", Category::Virus, 5.0, "A shortcut starts a program."),
    said("shortcut.hidden_arguments", Category::Virus, 6.0, "A shortcut hides what it does."),
    said("shortcut.icon_lies", Category::Virus, 4.0, "A shortcut shows the picture of a document."),
    said("shortcut.overlay", Category::Virus, 5.0, "A shortcut carries other data behind its end."),
    said(
        "shortcut.remote_desktop",
        Category::Phish,
        4.0,
        "The file opens a session on another computer.",
    ),
    said(
        "shortcut.shares_drives",
        Category::Phish,
        5.0,
        "The file shares your disks with another computer.",
    ),
    said("page.smuggles_file", Category::Virus, 5.0, "A page makes a file on your computer."),
    said("page.decodes_script", Category::Virus, 3.0, "A page hides its script."),
    said("page.data_url", Category::Phish, 1.0, "A page carries another page or file inside."),
    said("page.opens_program", Category::Virus, 4.0, "A link of the page starts a program."),
    said("page.opens_share", Category::Virus, 4.0, "A link of the page opens a network share."),
    said(
        "page.opens_local_file",
        Category::Virus,
        0.5,
        "A link of the page leads to a file on your own computer.",
    ),
    said("page.form_sends", Category::Phish, 0.5, "A form sends your input elsewhere."),
    said("page.application", Category::Virus, 6.0, "The page is a program."),
    said("page.active_x", Category::Virus, 3.0, "The page embeds a control."),
    said("script.carries_file", Category::Virus, 3.0, "A script has a file in it."),
    said("script.encoded", Category::Virus, 5.0, "A script hides its words."),
    said("script.encoded_command", Category::Virus, 5.0, "A script hides a command."),
    said("script.obfuscated", Category::Virus, 4.0, "A script hides what it does."),
    said(
        "script.certificate_holds_file",
        Category::Virus,
        6.0,
        "A file is disguised as a certificate.",
    ),
    said("calendar.attachment", Category::Format, 0.5, "The invitation carries a file."),
    said(
        "calendar.leads_to_share",
        Category::Virus,
        4.0,
        "The invitation leads to a network share.",
    ),
    said("calendar.opens_program", Category::Virus, 5.0, "The invitation starts a program."),
    said("csv.formula_runs", Category::Virus, 5.0, "A table has formulas that start programs."),
    said("csv.formula_leads", Category::Virus, 1.0, "A table has formulas that lead elsewhere."),
    said("postscript.program", Category::Format, 1.0, "The file is a program for printers."),
    said("pdf.javascript", Category::Virus, 2.0, "The PDF contains program code."),
    said(
        "pdf.open_action",
        Category::Virus,
        1.0,
        "The PDF does something by itself when it is opened.",
    ),
    said("pdf.launch", Category::Virus, 7.0, "The PDF wants to start a program."),
    said("pdf.embedded_file", Category::Format, 0.0, "Another file is attached inside the PDF."),
    said(
        "pdf.embedded_file_runs",
        Category::Virus,
        7.0,
        "A program, script or macro document is inside the PDF.",
    ),
    said("pdf.submits_form", Category::Phish, 1.5, "The PDF sends what you enter to an address."),
    said("pdf.remote_go_to", Category::Phish, 2.0, "The PDF opens a file elsewhere."),
    said(
        "archive.weakly_encrypted",
        Category::Privacy,
        0.0,
        "The archive is encrypted by an old cipher that is easily broken.",
    ),
    said("pdf.xfa", Category::Format, 0.5, "The PDF holds a form in XML."),
    said("pdf.rich_media", Category::Format, 1.0, "The PDF holds film, sound or solid bodies."),
    said("pdf.hex_names", Category::Virus, 4.0, "The PDF disguises its commands."),
    said("pdf.several_revisions", Category::Format, 0.0, "The PDF was changed after it was made."),
    said(
        "pdf.encrypted_open",
        Category::Format,
        0.0,
        "The PDF is encrypted and opens without a password.",
    ),
    said(
        "pdf.filters_many",
        Category::Virus,
        3.0,
        "Content of the PDF is packed unusually many times.",
    ),
    said("pdf.link_only", Category::Phish, 3.0, "The PDF is only a picture with a link over it."),
    said(
        "pdf.password_protected",
        Category::Format,
        0.5,
        "The PDF could not be looked into without its password.",
    ),
    said("image.code", Category::Phish, 0.0, "The mail has a QR code."),
    said("image.code_in_pieces", Category::Phish, 5.0, "A QR code is cut into several pictures."),
    said(
        "image.trailing_data",
        Category::Format,
        0.5,
        "A picture carries other data behind its end.",
    ),
    said(
        "text.tag_characters",
        Category::Phish,
        4.0,
        "The mail holds hidden text in characters that show nothing.",
    ),
    said(
        "text.bidi",
        Category::Phish,
        3.0,
        "Text is written backwards to look like something else.",
    ),
    said("text.letter_spacing", Category::Spam, 0.5, "Words are spelled with their letters apart."),
    said("text.combining", Category::Spam, 2.0, "Letters are covered with marks."),
    said(
        "text.more_hidden",
        Category::Format,
        0.0,
        "A text has more encoded pieces than were decoded.",
    ),
    said(
        "name.bidi",
        Category::Virus,
        4.0,
        "A file's name hides what kind it is by turning its letters.",
    ),
    said("name.nul", Category::Virus, 5.0, "A file's name has a hidden end."),
    said("name.trailing", Category::Virus, 2.0, "A file's name ends in signs that Windows drops."),
    said("name.conflict", Category::Virus, 0.2, "A file has two names of different kinds."),
    said("link.odd_host", Category::Phish, 2.5, "A link hides its host."),
    said(
        "link.odd_slashes",
        Category::Phish,
        2.0,
        "A link is written as only browsers understand it.",
    ),
    said("link.odd_blanks", Category::Phish, 1.5, "A link has line breaks in its host."),
    said("link.file_scheme", Category::Phish, 3.0, "A link opens a file share."),
    said("link.app_scheme", Category::Phish, 1.5, "A link starts a program."),
    said(
        "link.many_dots",
        Category::Phish,
        0.5,
        "A link's host is so long that the real name is out of sight.",
    ),
    said("link.defanged", Category::Phish, 0.3, "A link is written so that programs miss it."),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        checks::testing::{Setting, expect_in, found, mail},
        examine::Contents,
    };

    fn with(ids: &[&str]) -> Contents {
        let sign = |id: &&str| Sign {
            id: id.to_string(),
            because: "seen".to_string(),
            part: "2".to_string(),
            path: "a.doc".to_string(),
        };
        Contents { signs: ids.iter().map(sign).collect(), ..Contents::default() }
    }

    #[test]
    fn finds() {
        for (ids, want) in [
            (&[][..], &[][..]),
            (&["office.auto_run", "office.auto_run"], &["office.auto_run"]),
            (&["pdf.launch", "name.bidi"], &["name.bidi", "pdf.launch"]),
        ] {
            expect_in(&CHECK, with(ids), want);
        }
    }

    #[test]
    fn each_is_known_once_and_says_where() {
        let mut ids = IDS.to_vec();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), SIGNS.len());
        let seen = found(
            &CHECK,
            &Setting::holding(with(&["rtf.object_update"])),
            &mail("a@example.org", "hi"),
        );
        assert_eq!((seen[0].part.as_str(), seen[0].path.as_str()), ("2", "a.doc"));
    }
}
