//! What the text of a Visual Basic macro gives away: that it starts by itself, what it calls, that it hides its strings; and the text with
//! those strings put together, so that signatures see what would be run.
//!
//! Nothing is run. Only what is constant is put together: literals, `Chr`, `StrReverse`, and a variable that grows line by line.

use crate::base::limits;
use std::collections::{BTreeMap, BTreeSet};

/// What [`look`] found in one module.
#[derive(Debug, Default)]
pub(super) struct Look {
    /// Procedures that Office starts by itself, as written.
    pub(super) auto_run: Vec<String>,
    /// Calls that start something or reach into the system.
    pub(super) runs: Vec<&'static str>,
    /// Calls that fetch something.
    pub(super) downloads: Vec<&'static str>,
    /// How the strings are hidden, in words.
    pub(super) obfuscated: Option<String>,
    /// The text with its constants put together, if that changed anything.
    pub(super) folded: Option<String>,
}

/// Looks through the source of one module.
pub(super) fn look(source: &str) -> Look {
    let end = source.floor_char_boundary(limits::MACRO_SOURCE_BYTES_MAX);
    let source = source.get(..end).unwrap_or_default();
    let folded = fold(source);
    let searched = format!("{}\n{}", source, folded.text).to_ascii_lowercase();
    let called = |table: &[&'static str]| {
        table.iter().copied().filter(|name| has_word(&searched, name)).collect::<Vec<_>>()
    };
    let mut look = Look {
        auto_run: auto_run(source),
        runs: called(RUNS),
        downloads: called(DOWNLOADS),
        obfuscated: obfuscated(source, &folded),
        folded: None,
    };
    if has_word(&searched, "declare") && searched.contains(" lib ") {
        look.runs.push("Declare … Lib");
    }
    look.folded = Some(folded.text).filter(|_| folded.joins > 0);
    look
}

/// Does the text do anything? A document's own module without code has only attributes.
pub(super) fn has_code(source: &str) -> bool {
    source.lines().map(str::trim).any(|line| {
        let starts = |word: &str| {
            line.get(..word.len()).is_some_and(|start| start.eq_ignore_ascii_case(word))
        };
        !line.is_empty() && !starts("attribute ") && !starts("option ") && !line.starts_with('\'')
    })
}

/// Procedures by name, with those of controls that fire when the document is shown.
fn auto_run(source: &str) -> Vec<String> {
    let mut found = BTreeSet::new();
    for line in source.lines() {
        let mut words = line.split_ascii_whitespace();
        let is_procedure = words
            .by_ref()
            .take(4)
            .any(|word| word.eq_ignore_ascii_case("sub") || word.eq_ignore_ascii_case("function"));
        let Some(name) = words.next().filter(|_| is_procedure) else { continue };
        let name: String = name.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
        let lower = name.to_ascii_lowercase();
        let by_event = AUTO_RUN_EVENTS.iter().any(|event| lower.ends_with(event));
        if AUTO_RUN.contains(&lower.as_str()) || by_event {
            found.insert(name);
        }
    }
    found.into_iter().take(NAMES_MAX).collect()
}

fn obfuscated(source: &str, folded: &Folded) -> Option<String> {
    let lower = source.to_ascii_lowercase();
    let reversed = lower.matches("strreverse").count();
    let longest_hex = longest_run(source, |byte| byte.is_ascii_hexdigit());
    let longest_base64 =
        longest_run(source, |byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/'));
    let decodes = lower.contains("xor") && (lower.contains("asc(") || lower.contains("mid("));
    let many = lower.matches("array(").count() > 0 && longest_numbers(&lower) > 60;
    match () {
        () if folded.characters >= 12 => {
            Some(format!("{} letters are written as numbers", folded.characters))
        }
        () if folded.joins >= 25 => Some(format!("{} strings are put together", folded.joins)),
        () if longest_hex >= 160 => Some(format!("a string of {longest_hex} hexadecimal digits")),
        () if longest_base64 >= 240 => Some(format!("a string of {longest_base64} Base64 letters")),
        () if reversed > 0 => Some(format!("strings are reversed {reversed} times")),
        () if decodes => Some("strings are decoded by exclusive or".to_string()),
        () if many => Some("an array of numbers stands for a text".to_string()),
        () => None,
    }
}

fn longest_run(text: &str, is_part: impl Fn(&u8) -> bool) -> usize {
    text.as_bytes().split(|byte| !is_part(byte)).map(<[u8]>::len).max().unwrap_or(0)
}

/// How many small numbers follow each other with commas between.
fn longest_numbers(lower: &str) -> usize {
    let (mut longest, mut run) = (0, 0);
    for part in lower.split(',') {
        let part = part.trim();
        run = if !part.is_empty() && part.len() <= 4 && part.bytes().all(|b| b.is_ascii_digit()) {
            run + 1
        } else {
            0
        };
        longest = longest.max(run);
    }
    longest
}

/// Text with its constants put together.
#[derive(Debug, Default)]
struct Folded {
    text: String,
    joins: usize,
    characters: usize,
}

fn fold(source: &str) -> Folded {
    // MS-VBAL section 3.2.2: a blank, an underscore and the line's end go on with the next line.
    let source = source.replace(" _\r\n", " ").replace(" _\n", " ");
    let mut folded = Folded::default();
    let mut rest = source.as_str();
    let mut after_word = false;
    while let Some(letter) = rest.chars().next() {
        if folded.text.len() > 2 * limits::MACRO_SOURCE_BYTES_MAX {
            break;
        }
        if letter == '\'' {
            let end = rest.find('\n').unwrap_or(rest.len());
            let (comment, next) = rest.split_at(end);
            folded.text.push_str(comment);
            rest = next;
            continue;
        }
        let found = if after_word { None } else { joined(rest, &mut folded) };
        if let Some((value, next)) = found {
            folded.text.push('"');
            folded.text.push_str(&value);
            folded.text.push('"');
            rest = next;
            continue;
        }
        after_word = letter.is_alphanumeric() || letter == '_';
        folded.text.push(letter);
        rest = rest.get(letter.len_utf8()..).unwrap_or_default();
    }
    grow_variables(&mut folded);
    folded
}

/// Literals with `&` or `+` between them as one.
fn joined<'t>(text: &'t str, folded: &mut Folded) -> Option<(String, &'t str)> {
    let (mut value, mut rest) = literal(text, folded)?;
    loop {
        let next = rest.trim_start_matches([' ', '\t']);
        let Some(after) = next.strip_prefix(['&', '+']) else { break };
        let Some((more, after)) = literal(after.trim_start_matches([' ', '\t']), folded) else {
            break;
        };
        if value.len() + more.len() > limits::MACRO_FOLDED_BYTES_MAX {
            break;
        }
        value.push_str(&more);
        folded.joins += 1;
        rest = after;
    }
    Some((value, rest))
}

/// A string in quotes, a letter by its number, or a reversed string.
fn literal<'t>(text: &'t str, folded: &mut Folded) -> Option<(String, &'t str)> {
    if text.starts_with('"') {
        return quoted(text);
    }
    let open = text.bytes().take("strreverse ".len() + 1).position(|byte| byte == b'(')?;
    let (word, inside) = text.split_at(open);
    let inside = inside.get(1..)?;
    match word.trim_end().to_ascii_lowercase().as_str() {
        "chr" | "chr$" | "chrw" | "chrw$" | "chrb" | "chrb$" => {
            let end = inside.bytes().take(NUMBER_BYTES_MAX).position(|byte| byte == b')')?;
            let letter =
                u32::try_from(number(inside.get(..end)?)?).ok().and_then(char::from_u32)?;
            folded.characters += 1;
            folded.joins += 1;
            Some((letter.to_string(), inside.get(end + 1..)?))
        }
        "strreverse" => {
            let (value, rest) = quoted(inside.trim_start())?;
            folded.joins += 1;
            Some((value.chars().rev().collect(), rest.trim_start().strip_prefix(')')?))
        }
        _ => None,
    }
}

fn quoted(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut rest = text.strip_prefix('"')?;
    loop {
        let end = rest.find(['"', '\r', '\n'])?;
        value.push_str(rest.get(..end)?);
        let after = rest.get(end..)?.strip_prefix('"')?;
        match after.strip_prefix('"') {
            Some(doubled) => {
                value.push('"');
                rest = doubled;
            }
            None => return Some((value, after)),
        }
    }
}

/// A number, or several with `+`, `-`, `*` and `Xor` between, from left to right.
fn number(text: &str) -> Option<i64> {
    let spaced = text.to_ascii_lowercase().replace('+', " + ").replace('-', " - ");
    let spaced = spaced.replace('*', " * ");
    let mut words = spaced.split_ascii_whitespace().take(NAMES_MAX);
    let mut value = one_number(words.next()?)?;
    while let Some(operator) = words.next() {
        let next = one_number(words.next()?)?;
        value = match operator {
            "+" => value.checked_add(next)?,
            "-" => value.checked_sub(next)?,
            "*" => value.checked_mul(next)?,
            "xor" => value ^ next,
            _ => return None,
        };
    }
    Some(value)
}

fn one_number(word: &str) -> Option<i64> {
    let word = word.trim_end_matches(['&', '%', '#', '!']);
    match (word.strip_prefix("&h"), word.strip_prefix("&o")) {
        (Some(hex), _) => i64::from_str_radix(hex, 16).ok(),
        (_, Some(octal)) => i64::from_str_radix(octal, 8).ok(),
        _ => word.parse().ok(),
    }
}

/// `a = a & "…"` again and again: what the variable holds at the end is written below the text.
fn grow_variables(folded: &mut Folded) {
    let mut values: BTreeMap<String, (String, usize)> = BTreeMap::new();
    let mut bytes = 0;
    for line in folded.text.lines() {
        let Some((name, right)) = line.split_once('=') else { continue };
        let name = name.trim().to_ascii_lowercase();
        let is_name = name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
        if !is_name || name.is_empty() {
            continue;
        }
        let right = right.trim();
        let lower = right.to_ascii_lowercase();
        let grown = lower
            .starts_with(&name)
            .then(|| right.get(name.len()..).unwrap_or_default().trim_start())
            .and_then(|rest| rest.strip_prefix(['&', '+']));
        let Some((value, _)) = quoted(grown.unwrap_or(right).trim_start()) else { continue };
        bytes += value.len();
        if bytes > limits::MACRO_FOLDED_BYTES_MAX {
            break;
        }
        let held = values.entry(name).or_default();
        match grown {
            Some(_) => held.1 += 1,
            None => held.0.clear(),
        }
        held.0.push_str(&value);
    }
    for (name, (value, times)) in values.into_iter().filter(|(_, (_, times))| *times > 0) {
        folded.joins += times;
        folded.text.push_str(&format!("\r\n{name} = \"{value}\""));
    }
}

/// Is the word there with no letter on either side?
pub(super) fn has_word(lower: &str, word: &str) -> bool {
    let word = word.to_ascii_lowercase();
    let is_part = |byte: Option<&u8>| byte.is_some_and(|b| b.is_ascii_alphanumeric() || *b == b'_');
    let bytes = lower.as_bytes();
    memchr::memmem::find_iter(bytes, word.as_bytes()).any(|at| {
        let before = at.checked_sub(1).and_then(|before| bytes.get(before));
        let after = bytes.get(at + word.len());
        let open_end = word.ends_with(|last: char| !last.is_ascii_alphanumeric());
        // The API names come with an A or W behind.
        let api = matches!(after, Some(b'a' | b'w')) && !is_part(bytes.get(at + word.len() + 1));
        !is_part(before) && (open_end || !is_part(after) || api)
    })
}

/// Longest sum that stands for one letter.
const NUMBER_BYTES_MAX: usize = 64;
/// Procedures of one name; more say nothing new.
const NAMES_MAX: usize = 16;

/// Names that Word, Excel and PowerPoint start without a question once macros are on.
pub(super) const AUTO_RUN: &[&str] = &[
    "autoexec",
    "autonew",
    "autoopen",
    "autoclose",
    "autoexit",
    "auto_open",
    "auto_close",
    "auto_activate",
    "auto_deactivate",
    "auto_add",
    "auto_remove",
    "auto_exec",
    "autosave",
    "autoprint",
    "fileopen",
    "fileclose",
    "filesave",
    "document_open",
    "document_close",
    "document_new",
    "document_sync",
    "documentopen",
    "documentclose",
    "document_beforeclose",
    "documentbeforeclose",
    "document_contentcontrolonenter",
    "document_contentcontrolonexit",
    "document_xmlafterinsert",
    "newdocument",
    "workbook_open",
    "workbookopen",
    "workbook_activate",
    "workbook_deactivate",
    "workbook_beforeclose",
    "workbook_close",
    "workbook_addininstall",
    "workbook_sheetactivate",
    "workbook_sheetcalculate",
    "workbook_sheetchange",
    "workbook_windowactivate",
    "workbook_windowresize",
    "worksheet_activate",
    "worksheet_calculate",
    "worksheet_change",
    "worksheet_selectionchange",
    "worksheet_followhyperlink",
    "userform_initialize",
    "userform_activate",
    "userform_layout",
    "onslideshowpagechange",
    "onslideshowterminate",
    "slideshowbegin",
    "auto_show",
    "application_startup",
    "application_newmail",
    "onload",
    "onconnection",
    "ribbon_onload",
];
/// Events of controls that fire when the page with them is drawn.
const AUTO_RUN_EVENTS: &[&str] = &[
    "_painted",
    "_painting",
    "_layout",
    "_gotfocus",
    "_lostfocus",
    "_mousehover",
    "_mousemove",
    "_mouseenter",
    "_resize",
    "_beforenavigate2",
    "_documentcomplete",
    "_navigatecomplete2",
    "_downloadbegin",
    "_downloadcomplete",
    "_progresschange",
    "_statustextchange",
    "_titlechange",
    "_onconnecting",
    "_onconnected",
    "_ondisconnected",
    "_beforedropdown",
    "_documentopen",
    "_workbookopen",
    "_presentationopen",
    "_slideshowbegin",
    "_windowactivate",
];
/// What starts a program, loads code or changes the machine.
const RUNS: &[&str] = &[
    "Shell",
    "WScript.Shell",
    "Shell.Application",
    "ShellExecute",
    "ShellExecuteEx",
    "CreateObject",
    "GetObject",
    "CallByName",
    "ExecuteExcel4Macro",
    "Application.Run",
    "winmgmts",
    "Win32_Process",
    "Win32_ProcessStartup",
    "Schedule.Service",
    "ScriptControl",
    "Scripting.FileSystemObject",
    "ADODB.Stream",
    "SaveToFile",
    "powershell",
    "pwsh",
    "cmd.exe",
    "cmd /c",
    "mshta",
    "wscript",
    "cscript",
    "regsvr32",
    "rundll32",
    "msbuild",
    "schtasks",
    "wmic",
    "certutil",
    "bitsadmin",
    "MacScript",
    "AppleScriptTask",
    "popen",
    "Environ",
    "Kill",
    "RegWrite",
    "SendKeys",
    "CreateThread",
    "CreateRemoteThread",
    "CreateProcess",
    "VirtualAlloc",
    "VirtualAllocEx",
    "VirtualProtect",
    "RtlMoveMemory",
    "WriteProcessMemory",
    "EnumSystemLocales",
    "LoadLibrary",
    "CallWindowProc",
    "SetTimer",
    "WinExec",
    "DllInstall",
    "AddFromString",
    "VBProject",
    "AccessVBOM",
];
/// What fetches something from elsewhere.
const DOWNLOADS: &[&str] = &[
    "URLDownloadToFile",
    "URLDownloadToCacheFile",
    "MSXML2.XMLHTTP",
    "Microsoft.XMLHTTP",
    "MSXML2.ServerXMLHTTP",
    "WinHttp.WinHttpRequest",
    "InternetExplorer.Application",
    "InternetOpenUrl",
    "InternetReadFile",
    "Net.WebClient",
    "DownloadFile",
    "DownloadString",
    "Invoke-WebRequest",
    "Start-BitsTransfer",
    "FollowHyperlink",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn constants_are_put_together() {
        for (source, want) in [
            ("x = \"EI\" & \"CA\" + \"R\"", "x = \"EICAR\""),
            ("x = Chr(69) & ChrW$(&H49) & \"CAR\"", "x = \"EICAR\""),
            ("x = Chr(60 + 9) & Chr(72 Xor 1)", "x = \"EI\""),
            ("x = StrReverse(\"RACIE\")", "x = \"EICAR\""),
            ("x = \"a\" & _\r\n  \"b\"", "x = \"ab\""),
            ("x = y & \"a\" & \"b\" & z", "x = y & \"ab\" & z"),
            ("x = \"say \"\"hi\"\"\"", "x = \"say \"hi\"\""),
            ("MyChr(65)", "MyChr(65)"),
            ("' don't \"a\" & \"b\"", "' don't \"a\" & \"b\""),
            ("x = \"no end", "x = \"no end"),
        ] {
            assert_eq!(fold(source).text, want, "{source}");
        }
        let grown = fold("a = \"EI\"\r\na = a & \"CA\"\r\nA = A + \"R\"\r\n");
        assert!(grown.text.ends_with("a = \"EICAR\""), "{}", grown.text);
    }

    #[test]
    fn what_starts_by_itself() {
        for (source, want) in [
            ("Sub AutoOpen()", &["AutoOpen"][..]),
            ("Private Sub Document_Open()", &["Document_Open"]),
            ("public static function auto_close() as long", &["auto_close"]),
            ("Sub InkEdit1_GotFocus()", &["InkEdit1_GotFocus"]),
            ("' AutoOpen", &[]),
            ("Sub MyAutoOpen()", &[]),
        ] {
            assert_eq!(auto_run(source), want, "{source}");
        }
    }

    #[test]
    fn what_is_called() {
        let found = look("Sub A()\r\nCreateObject(\"WScr\" & \"ipt.Shell\").Run x\r\nEnd Sub");
        assert_eq!(found.runs, ["Shell", "WScript.Shell", "CreateObject", "wscript"]);
        let found = look("Private Declare Function f Lib \"urlmon\" Alias \"URLDownloadToFileA\"");
        assert_eq!(
            (found.runs, found.downloads),
            (vec!["Declare … Lib"], vec!["URLDownloadToFile"])
        );
        assert_eq!(look("shellfish = Environment").runs, Vec::<&str>::new());
    }

    #[test]
    fn hidden_strings() {
        let numbers = "x = ".to_string() + &["Chr(65)"; 20].join(" & ");
        assert!(look(&numbers).obfuscated.is_some());
        assert!(look(&format!("x = \"{}\"", "4d5a".repeat(60))).obfuscated.is_some());
        assert!(look("x = StrReverse(y)").obfuscated.is_some());
        assert!(look("MsgBox \"hello\" & name").obfuscated.is_none());
    }

    #[test]
    fn code_or_only_attributes() {
        assert!(!has_code("Attribute VB_Name = \"A\"\r\nOption Explicit\r\n'hi\r\n"));
        assert!(has_code("Attribute VB_Name = \"A\"\r\nSub A()\r\nEnd Sub"));
    }
}
