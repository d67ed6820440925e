//! Visual Basic projects in compound files, MS-OVBA: every module as text, whatever the project's own list says.
//!
//! The list (`dir`) is read for names, places and the code page. Then every stream of the file is searched for packed source as well, since
//! Office runs modules from a list that was mangled or from compiled code whose source was removed. Nothing is run.

use super::{
    document::{Document, Stream, give, give_text},
    le,
    macro_text::{self, Look},
    objects,
    ovba::{self, Dir},
    text,
};
use crate::{
    base::limits,
    formats::{
        budget::Budget,
        opened::{Opened, Role},
    },
};
use std::collections::BTreeSet;

/// Gives all macro text of a compound file.
pub(super) fn read(document: &Document, opened: &mut Opened, budget: &mut Budget) {
    let projects = projects(document, opened, budget);
    let mut modules = 0;
    for stream in &document.streams {
        if budget.check_time().is_err() || modules >= limits::MACRO_MODULES_MAX {
            break;
        }
        let project = projects.iter().find(|project| project.folder == stream.folder);
        modules += match project {
            Some(_) if is_of_the_project_itself(stream) => 0,
            Some(project) => listed_module(stream, project, opened, budget),
            None => stray_module(stream, opened, budget),
        };
    }
    if modules > 0 {
        opened.sign("office.macro", format!("{modules} modules with code"));
    }
    for project in &projects {
        protection(document, project, opened);
        if modules == 0 {
            compiled_names(document, project, opened);
        }
    }
    forms(document, opened, budget);
}

/// Gives macro text that stands anywhere in bytes of which the order is lost.
pub(super) fn in_bytes(bytes: &[u8], name: &str, opened: &mut Opened, budget: &mut Budget) {
    let mut modules = 0;
    for start in ovba::containers(bytes) {
        let packed = le::from(bytes, start);
        let source = ovba::decompress(packed, limits::MACRO_SOURCE_BYTES_MAX);
        let source = text::decode(&source, 1252);
        let name = source_name(&source).unwrap_or_else(|| name.to_string());
        modules += give_module(&name, &source, false, opened, budget);
    }
    if modules > 0 {
        opened.sign("office.macro", format!("{modules} modules with code"));
    }
}

/// A folder with the streams of MS-OVBA section 2.2.
struct Project {
    folder: String,
    dir: Dir,
}

fn projects(document: &Document, opened: &mut Opened, budget: &mut Budget) -> Vec<Project> {
    let mut projects: Vec<Project> = Vec::new();
    for stream in document.named("dir").chain(document.named("_VBA_PROJECT")) {
        if projects.iter().any(|project| project.folder == stream.folder)
            || projects.len() >= PROJECTS_MAX
        {
            continue;
        }
        let list = document.find(&stream.folder, "dir").map(|stream| stream.bytes.as_slice());
        let unpacked = ovba::decompress(list.unwrap_or_default(), limits::MACRO_SOURCE_BYTES_MAX);
        let dir = ovba::dir(&unpacked);
        if !unpacked.is_empty() {
            give(opened, budget, format!("{} unpacked", stream.shown()), unpacked, Role::Inside);
        }
        projects.push(Project { folder: stream.folder.clone(), dir });
    }
    projects
}

fn is_of_the_project_itself(stream: &Stream) -> bool {
    stream.is_named("dir")
        || stream.is_named("_VBA_PROJECT")
        || stream.name.to_ascii_uppercase().starts_with("__SRP_")
}

/// A stream in a project's folder: its source where the list says, and wherever else there is one. Gives how many have code.
fn listed_module(
    stream: &Stream,
    project: &Project,
    opened: &mut Opened,
    budget: &mut Budget,
) -> usize {
    let listed = project.dir.modules.iter().find(|listed| stream.is_named(&listed.stream));
    let mut starts: BTreeSet<usize> = ovba::containers(&stream.bytes).into_iter().collect();
    let told = listed.map(|listed| listed.offset);
    starts.extend(told.filter(|told| le::byte(&stream.bytes, *told) == Some(1)));
    if starts.is_empty() {
        starts.extend(ovba::guessed_container(&stream.bytes));
    }
    let name = listed.map_or(stream.name.as_str(), |listed| listed.name.as_str());
    let cache_end = starts.first().copied().unwrap_or(stream.bytes.len());
    let cache = le::slice(&stream.bytes, 0, told.unwrap_or(cache_end).max(cache_end));
    let mut sources = String::new();
    let mut with_code = 0;
    for start in starts {
        if budget.check_time().is_err() || budget.part_bytes_left() == 0 {
            break;
        }
        let source = source(stream, start, project.dir.code_page);
        let is_class = listed.is_some_and(|listed| listed.is_class);
        with_code += give_module(name, &source, is_class, opened, budget);
        sources.push_str(&source);
    }
    if listed.is_none() && !project.dir.modules.is_empty() && with_code > 0 {
        let because = format!("{} is not in the list of modules", text::brief(name));
        opened.sign("office.macro_hidden", because);
    }
    compiled(name, cache, &sources, opened, budget);
    with_code
}

/// Packed source in a stream that belongs to no project.
fn stray_module(stream: &Stream, opened: &mut Opened, budget: &mut Budget) -> usize {
    let mut with_code = 0;
    for start in ovba::containers(&stream.bytes) {
        if budget.check_time().is_err() || budget.part_bytes_left() == 0 {
            break;
        }
        let source = source(stream, start, 1252);
        let name = source_name(&source).unwrap_or_else(|| stream.shown());
        let given = give_module(&name, &source, false, opened, budget);
        if given > 0 {
            let because = format!("{} stands in {}", text::brief(&name), stream.shown());
            opened.sign("office.macro_hidden", because);
        }
        with_code += given;
    }
    with_code
}

fn source(stream: &Stream, start: usize, code_page: u16) -> String {
    let packed = le::from(&stream.bytes, start);
    text::decode(&ovba::decompress(packed, limits::MACRO_SOURCE_BYTES_MAX), code_page)
}

/// The name in the first line, `Attribute VB_Name = "Module1"`.
fn source_name(source: &str) -> Option<String> {
    let name = source.lines().next()?.split('"').nth(1)?;
    Some(name.to_string()).filter(|name| !name.is_empty())
}

/// Gives a module's text, that text put together, and what it gives away. One, if it has code.
fn give_module(
    name: &str,
    source: &str,
    is_class: bool,
    opened: &mut Opened,
    budget: &mut Budget,
) -> usize {
    let is_class = is_class || source.contains("VB_PredeclaredId");
    let file = format!("{name}.{}", if is_class { "cls" } else { "bas" });
    give_text(opened, budget, file.clone(), source.to_string(), Role::Code);
    if !macro_text::has_code(source) {
        return 0;
    }
    tell(&file, &macro_text::look(source), opened, budget);
    1
}

/// Signs of a macro's text, and the text with its strings put together.
pub(super) fn tell(file: &str, look: &Look, opened: &mut Opened, budget: &mut Budget) {
    let shown = text::brief(file);
    if !look.auto_run.is_empty() {
        let names = text::brief(&look.auto_run.join(", "));
        opened.sign("office.auto_run", format!("{shown}: {names}"));
    }
    if !look.runs.is_empty() {
        let calls = look.runs.join(", ");
        opened.sign("office.macro_calls", format!("{shown} runs or reaches out: {calls}"));
    }
    if !look.downloads.is_empty() {
        let calls = look.downloads.join(", ");
        opened.sign("office.macro_calls", format!("{shown} downloads: {calls}"));
    }
    if let Some(how) = &look.obfuscated {
        opened.sign("office.macro_obfuscated", format!("{shown}: {how}"));
    }
    if let Some(folded) = &look.folded {
        give_text(opened, budget, format!("{file} put together"), folded.clone(), Role::Code);
    }
}

/// The compiled form in front of the source, MS-OVBA section 2.3.4.3: Office of the same version runs this and not the text.
fn compiled(name: &str, cache: &[u8], sources: &str, opened: &mut Opened, budget: &mut Budget) {
    let literals = compiled_literals(cache);
    if literals.is_empty() {
        return;
    }
    let end = sources.floor_char_boundary(limits::MACRO_SOURCE_BYTES_MAX);
    let source = sources.get(..end).unwrap_or_default().replace("\"\"", "\"");
    let is_missing =
        |literal: &&String| memchr::memmem::find(source.as_bytes(), literal.as_bytes()).is_none();
    let missing = literals.iter().filter(is_missing).count();
    let shown = text::brief(name);
    if missing > 0 && !macro_text::has_code(sources) {
        let because =
            format!("{shown}: there is compiled code with {missing} strings but no source");
        opened.sign("office.macro_stomped", because);
    } else if missing >= STOMPED_STRINGS_MIN {
        let because = format!(
            "{shown}: {missing} of {} compiled strings are not in the source",
            literals.len()
        );
        opened.sign("office.macro_stomped", because);
    }
    let text = literals.join("\n");
    if missing > 0 {
        let look = macro_text::look(&text);
        tell(&format!("{name} (compiled)"), &Look { folded: None, ..look }, opened, budget);
    }
    give_text(opened, budget, format!("{name} compiled strings"), text, Role::Inside);
}

/// Names in the compiled project, MS-OVBA section 2.3.4.1: where no module has source, what starts by itself has no business there.
fn compiled_names(document: &Document, project: &Project, opened: &mut Opened) {
    let Some(stream) = document.find(&project.folder, "_VBA_PROJECT") else { return };
    let names = text::narrow_runs(&stream.bytes, COMPILED_LETTERS_MIN, limits::TEXT_BYTES_MAX);
    let names = names.to_ascii_lowercase();
    let starts = macro_text::AUTO_RUN.iter().find(|name| macro_text::has_word(&names, name));
    if let Some(name) = starts {
        let because = format!("the compiled project knows {name} but no module has source");
        opened.sign("office.macro_stomped", because);
    }
}

/// Strings that the compiled form pushes: the operation, the length, the letters.
fn compiled_literals(cache: &[u8]) -> Vec<String> {
    let mut literals = Vec::new();
    for at in memchr::memmem::find_iter(cache, PUSH_STRING).take(COMPILED_STRINGS_MAX) {
        let length = le::short_size(cache, at + 2).unwrap_or(0);
        let letters = le::slice(cache, at + 4, length);
        let is_text = letters.iter().all(|byte| matches!(byte, b' '..=b'~' | b'\t'));
        if (COMPILED_LETTERS_MIN..=1_024).contains(&length) && letters.len() == length && is_text {
            literals.push(String::from_utf8_lossy(letters).into_owned());
        }
    }
    literals
}

/// The PROJECT stream, MS-OVBA section 2.3.1: a password for looking at it, and modules that it does not show.
fn protection(document: &Document, project: &Project, opened: &mut Opened) {
    let above = project.folder.rsplit_once('/').map_or("", |(above, _)| above);
    let Some(stream) = document.find(above, "PROJECT") else { return };
    let head = le::slice(&stream.bytes, 0, limits::TEXT_BYTES_MAX);
    let text = text::decode(head, project.dir.code_page);
    let value = |key: &str| {
        let line = text.lines().find(|line| line.starts_with(key))?;
        line.get(key.len()..)?.split('"').nth(1).map(str::len)
    };
    // MS-OVBA section 2.3.1.16: without a password this is a few digits, with one the digits of a hash.
    if value("DPB=").is_some_and(|digits| digits >= LOCKED_DIGITS_MIN) {
        opened.sign("office.macro_locked", "the macro project is locked with a password");
    }
    let lower = text.to_lowercase();
    let values = lower.lines().filter_map(|line| line.split_once('=')?.1.split('/').next());
    let named: BTreeSet<&str> = values.map(str::trim).collect();
    for module in &project.dir.modules {
        let name = module.name.to_lowercase();
        if !named.contains(name.as_str()) && !name.is_empty() {
            let because = format!("{} is not shown in the editor", text::brief(&module.name));
            opened.sign("office.macro_hidden", because);
        }
    }
}

/// Forms, MS-OFORMS: macros keep commands in captions and tags, where a search of the source does not find them.
fn forms(document: &Document, opened: &mut Opened, budget: &mut Budget) {
    let is_form = |stream: &&Stream| {
        stream.is_named("f")
            || stream.is_named("o")
            || stream.is_named("\u{3}VBFrame")
            || stream.is_named("\u{3}OCXNAME")
            || stream.is_named("\u{1}Ocx")
            || stream.is_named("\u{3}OCXDATA")
            || stream.is_named("contents")
    };
    let mut left = limits::OFFICE_TEXT_BYTES_MAX;
    let is_control = |stream: &&Stream| is_form(stream) && !objects::is_document(&stream.bytes);
    for stream in document.streams.iter().filter(is_control) {
        let mut strings = text::narrow_runs(&stream.bytes, FORM_LETTERS_MIN, left);
        strings.push_str(&text::wide_runs(&stream.bytes, FORM_LETTERS_MIN, left));
        left = left.saturating_sub(strings.len());
        give_text(opened, budget, format!("{} strings", stream.shown()), strings, Role::Code);
    }
}

/// Projects in one file: a document has one, a container of containers a few.
const PROJECTS_MAX: usize = 64;
/// The operation that pushes a string in compiled code.
const PUSH_STRING: &[u8] = b"\xb9\0";
/// Places of such operations looked at in one module; each string is searched for in the source.
const COMPILED_STRINGS_MAX: usize = 600;
/// Shorter strings come about by chance.
const COMPILED_LETTERS_MIN: usize = 4;
/// So many compiled strings that are not in the source are no accident.
const STOMPED_STRINGS_MIN: usize = 3;
const LOCKED_DIGITS_MIN: usize = 56;
const FORM_LETTERS_MIN: usize = 3;

#[cfg(test)]
mod tests {
    use super::{
        super::{
            cfb::{Compound, testing::compound},
            ovba::testing::{compress, dir},
        },
        *,
    };
    use crate::{base::clock::Clock, formats::budget::Bounds};

    const SOURCE: &[u8] =
        b"Attribute VB_Name = \"Module1\"\r\nSub AutoOpen()\r\nShell \"cmd \xe4 MARKER\"\r\nEnd Sub\r\n";

    fn open(files: &[(&str, &[u8])]) -> Opened {
        let bytes = compound(files);
        let mut budget = Budget::new(Bounds::default(), &Clock::system());
        let document = Document::load(&Compound::read(&bytes).unwrap(), &mut budget);
        let mut opened = Opened::default();
        read(&document, &mut opened, &mut budget);
        opened
    }

    fn code(opened: &Opened) -> String {
        let code = opened.members.iter().filter(|member| member.role == Role::Code);
        code.map(|member| String::from_utf8_lossy(&member.bytes)).collect()
    }

    fn ids(opened: &Opened) -> BTreeSet<&'static str> {
        opened.signs.iter().map(|sign| sign.id).collect()
    }

    #[test]
    fn a_listed_module() {
        let stream = [&[0; 11][..], &compress(SOURCE)].concat();
        let list = compress(&dir("Module1", 11));
        let opened =
            open(&[("Macros/VBA/dir", &list), ("Macros/VBA/Module1", &stream), ("x", b"y")]);
        assert!(code(&opened).contains("cmd ä MARKER"));
        assert_eq!(opened.members[1].name.as_deref(), Some("Module1.bas"));
        assert_eq!(
            ids(&opened),
            BTreeSet::from(["office.macro", "office.auto_run", "office.macro_calls"])
        );
    }

    #[test]
    fn a_mangled_list_hides_nothing() {
        let stream = [&[0; 11][..], &compress(SOURCE)].concat();
        for list in [&b""[..], b"\x01\xff\xff\xff", &compress(&dir("Other", 3))] {
            let opened = open(&[("Macros/VBA/dir", list), ("Macros/VBA/Module1", &stream)]);
            assert!(code(&opened).contains("MARKER"), "{list:?}");
        }
        let opened = open(&[("somewhere/else", &stream)]);
        assert!(code(&opened).contains("MARKER"));
        assert!(ids(&opened).contains("office.macro_hidden"));
        let bare = [&[1; 50][..], &compress(b"Sub AutoOpen()\r\nShell \"MARKER\"\r\nEnd Sub")];
        let opened = open(&[("V/_VBA_PROJECT", b"x"), ("V/m", &bare.concat())]);
        assert!(code(&opened).contains("MARKER"));
    }

    #[test]
    fn source_that_was_removed() {
        let literal = b"\xb9\0\x0e\0cmd.exe MARKER";
        let source = compress(b"Attribute VB_Name = \"M\"\r\n");
        let stream = [&[0; 9][..], literal, &[0; 9], &source].concat();
        let list = compress(&dir("M", 36));
        let opened = open(&[("VBA/dir", &list), ("VBA/M", &stream)]);
        assert!(ids(&opened).contains("office.macro_stomped"), "{:?}", opened.signs);
        assert!(ids(&opened).contains("office.macro_calls"));
        let inside = opened.members.iter().any(|member| member.bytes == b"cmd.exe MARKER");
        assert!(inside);
    }

    #[test]
    fn what_the_project_hides() {
        let stream = [&[0; 11][..], &compress(SOURCE)].concat();
        let list = compress(&dir("Module1", 11));
        let hash = "A".repeat(72);
        for (project, want) in [
            ("Module=Module1\r\nDPB=\"0E0CD1ECDFF4E7F5E7F5E7\"\r\n".to_string(), None),
            ("DPB=\"0E0CD1\"\r\n".to_string(), Some("office.macro_hidden")),
            (format!("Module=Module1\r\nDPB=\"{hash}\"\r\n"), Some("office.macro_locked")),
        ] {
            let opened = open(&[
                ("Macros/VBA/dir", &list),
                ("Macros/VBA/Module1", &stream),
                ("Macros/PROJECT", project.as_bytes()),
            ]);
            let found = ids(&opened);
            let hidden = ["office.macro_hidden", "office.macro_locked"];
            let found: Vec<&str> = hidden.into_iter().filter(|id| found.contains(id)).collect();
            assert_eq!(found, want.into_iter().collect::<Vec<_>>(), "{project}");
        }
    }

    #[test]
    fn names_without_any_source() {
        let project = b"\xcc\x61\0\0\x0aWorkbook_Open\0\x05Shell\0";
        let source = compress(b"Attribute VB_Name = \"M\"\r\n");
        let opened = open(&[("VBA/_VBA_PROJECT", project), ("VBA/M", &source)]);
        assert_eq!(ids(&opened), BTreeSet::from(["office.macro_stomped"]));
    }

    #[test]
    fn strings_of_forms() {
        let wide: Vec<u8> = "MARKER".encode_utf16().flat_map(u16::to_le_bytes).collect();
        let opened = open(&[("Form/o", b"\0\0MARKED\0\0"), ("Form/f", &wide)]);
        assert!(code(&opened).contains("MARKED") && code(&opened).contains("MARKER"));
    }
}
