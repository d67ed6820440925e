//! Shortcuts: Windows links (MS-SHLLINK) and the text files that lead somewhere when they are opened.
//!
//! Sizes are cut at the end of the file. Nothing is resolved. What a link would start is given as code, so that signatures and the reader
//! of scripts see the whole command.

mod lines;
mod link;
#[cfg(test)]
mod tests;

use super::{
    among::{keep, keep_link, keep_text},
    budget::Budget,
    encodings, kind,
    opened::{Member, Opened, Role},
    reach::{self, Reach},
    script,
};

/// Reads a shortcut of any sort; `name` is its file name, empty if there is none.
pub fn open(bytes: &[u8], name: &str, budget: &mut Budget) -> Opened {
    let mut opened = Opened::default();
    match link::read(bytes) {
        Some(link) => windows_link(link, &mut opened, budget),
        None => lines::read(bytes, name, &mut opened, budget),
    }
    opened
}

fn windows_link(link: link::Link<'_>, opened: &mut Opened, budget: &mut Budget) {
    let target = link.target();
    let command = format!("{target} {}", link.arguments);
    interpreter(&command, opened);
    for place in link.targets.iter().chain([&link.icon, &link.working_folder]) {
        lead(place, opened);
    }
    // Whatever stands in the arguments as an address is fetched by what is started.
    for (_, found) in super::links::in_text(&command) {
        keep_link(opened, &found.written);
        opened.sign("shortcut.remote_target", "the command names a web address");
    }
    if link.arguments.contains("\\\\") && reach_in(&link.arguments) {
        opened.sign("shortcut.remote_target", "the command names a network share");
    }
    if is_padded(&link.arguments) {
        opened.sign(
            "shortcut.hidden_arguments",
            "arguments are pushed out of sight or too long to be shown",
        );
    }
    if icon_lies(&link.icon, &command) {
        opened
            .sign("shortcut.icon_lies", "the icon is that of a document, the target is a program");
    }
    if !link.overlay.is_empty() {
        opened.sign("shortcut.overlay", "data follows the end of the shortcut");
        let member = Member::new(Some("after-end".to_string()), link.overlay.to_vec(), Role::File);
        keep(opened, member, budget);
    }
    let mut text = link.targets.join("\n");
    for more in [&link.name, &link.relative, &link.working_folder, &link.icon] {
        text.push('\n');
        text.push_str(more);
    }
    keep_text(opened, ("shortcut.txt", text), Role::Text, budget);
    code(&command, opened, budget);
}

/// A command as code, with what is encoded in it.
fn code(command: &str, opened: &mut Opened, budget: &mut Budget) {
    if command.trim().is_empty() {
        return;
    }
    keep_text(opened, ("command.txt", command.to_string()), Role::Code, budget);
    let mut seen = script::Seen::default();
    script::read_text(command, script::Language::Power, &mut seen, opened, budget);
}

/// A place that is opened, or loaded from, with the shortcut.
fn lead(target: &str, opened: &mut Opened) {
    let reach = reach::of(target);
    match reach {
        Reach::Network | Reach::Share => {
            keep_link(opened, target);
            opened.sign("shortcut.remote_target", format!("it leads to {}", reach.word()));
        }
        Reach::Program => {
            keep_link(opened, target);
            opened.sign("shortcut.opens_program", "it starts a program by a scheme");
        }
        Reach::LocalFile | Reach::Person | Reach::Inside => (),
    }
    if reach != Reach::Inside && reach::ends_as_program(target) && reach != Reach::LocalFile {
        opened.sign("shortcut.remote_program", "it leads to a program elsewhere");
    }
}

fn interpreter(command: &str, opened: &mut Opened) {
    let lower = command.to_ascii_lowercase().replace(['^', '`', '"'], "");
    let words =
        lower.split(|letter: char| letter.is_whitespace() || "\\/,;&|()=%".contains(letter));
    let found = words
        .map(|word| word.strip_suffix(".exe").unwrap_or(word))
        .find(|word| INTERPRETERS.contains(word));
    if let Some(found) = found {
        opened.sign("shortcut.runs_interpreter", format!("it starts {found}"));
    } else if lower.contains("comspec") {
        opened.sign("shortcut.runs_interpreter", "it starts the command processor");
    }
}

/// Programs that run what they are told.
const INTERPRETERS: &[&str] = &[
    "cmd",
    "powershell",
    "pwsh",
    "mshta",
    "wscript",
    "cscript",
    "rundll32",
    "regsvr32",
    "msiexec",
    "certutil",
    "curl",
    "bitsadmin",
    "forfiles",
    "conhost",
    "ftp",
    "msbuild",
    "installutil",
    "regasm",
    "wmic",
    "pcalua",
    "scriptrunner",
    "hh",
    "ssh",
    "scp",
    "sftp",
    "python",
    "pythonw",
    "bash",
    "sh",
    "wsl",
    "control",
    "odbcconf",
    "cmstp",
    "presentationhost",
    "ieexec",
    "msdt",
    "xwizard",
    "finger",
    "wget",
    "explorer",
    "schtasks",
    "at",
    "reg",
    "tar",
    "expand",
    "extrac32",
    "xcopy",
    "robocopy",
    "node",
    "autoit3",
];

fn reach_in(arguments: &str) -> bool {
    arguments.split_whitespace().any(|word| reach::of(word.trim_matches('"')) == Reach::Share)
}

/// The properties show 260 letters; blanks in front push what matters beyond them.
fn is_padded(arguments: &str) -> bool {
    let mut blanks = 0;
    for letter in arguments.chars() {
        blanks = if letter.is_whitespace() { blanks + 1 } else { 0 };
        if blanks >= BLANKS_MIN {
            return true;
        }
    }
    arguments.chars().count() > SHOWN_LETTERS_MAX
}

fn icon_lies(icon: &str, command: &str) -> bool {
    let icon = icon.to_ascii_lowercase();
    let file = icon.rsplit(['\\', '/']).next().unwrap_or_default();
    let document = DOCUMENT_EXTENSIONS.contains(&kind::extension(file).as_str())
        || DOCUMENT_PROGRAMS.iter().any(|program| file.starts_with(program));
    let command = command.to_ascii_lowercase();
    document && !DOCUMENT_PROGRAMS.iter().any(|program| command.contains(program))
}

const DOCUMENT_EXTENSIONS: &[&str] = &[
    "pdf", "doc", "docx", "xls", "xlsx", "ppt", "pptx", "txt", "rtf", "jpg", "jpeg", "png", "gif",
    "zip", "rar", "mp4", "htm", "html", "csv", "odt",
];
/// Programs whose icon says "document".
const DOCUMENT_PROGRAMS: &[&str] = &[
    "acro",
    "winword",
    "excel",
    "powerpnt",
    "wordpad",
    "notepad",
    "msedge",
    "chrome",
    "firefox",
    "iexplore",
    "imageres",
    "foxit",
    "sumatra",
    "wmplayer",
    "photoviewer",
    "winrar",
];
/// Letters of the arguments that Windows shows.
const SHOWN_LETTERS_MAX: usize = 260;
/// Blanks one after the other that nobody types.
const BLANKS_MIN: usize = 24;

/// A text file whatever its encoding.
fn text(bytes: &[u8]) -> String {
    encodings::text(bytes)
}
