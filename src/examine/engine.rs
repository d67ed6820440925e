//! YARA rules behind [`Signatures`]: source text to an engine that is never changed again. The YARA engine is boreal.
//!
//! Nothing here reads a file: a loader hands in names and texts, and swaps the finished engine whole.
//! A rule file is taken or left as one. Compiled rules are never written out or read back: boreal trusts such bytes.
//!
//! Rules may ask, besides the bytes, for these names. The first five are those that public rule sets expect:
//! - `filename`, `extension` (with its dot), lower case; `filepath` and `owner`, always empty: a mail has neither;
//! - `filetype`: what the bytes are, as `EXE`, `ZIP`, `PDF`; `UNKNOWN` otherwise;
//! - `part_kind`: the same, as [`PartKind::word`] has it: `message` for the mail itself, `text`, `html`, `office-macro`.

use std::{collections::HashSet, time::Duration};

use boreal::{
    Compiler, MetadataValue, Scanner,
    compiler::{AddRuleError, AddRuleStatus, CompilerParams},
    scanner::{ScanError, ScanParams},
};

use super::{BlobFacts, EngineFailure, Match, PartKind, Severity, Signatures};
use crate::base::limits::YARA_TIME_MAX;

/// One file of rules, read.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct RuleFile {
    /// What it is called in messages: `shipped/office.yar` or a path. Names need not differ.
    pub name: String,
    /// Its text.
    pub text: String,
}

/// What became of a set of files.
#[derive(Debug)]
pub struct Compiled {
    /// Every rule of every file that has no error.
    pub engine: YaraEngine,
    /// The files that were left out, and why; at most one error of each.
    pub errors: Vec<RuleFault>,
    /// What should be looked at in files that are in force.
    pub warnings: Vec<RuleFault>,
    /// The rules in force that can match; private ones serve others and are not here.
    pub rules: Vec<RuleInfo>,
}

/// Something is wrong with a rule file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{file}:{line}:{column}: {message}")]
pub struct RuleFault {
    /// The name handed in.
    pub file: String,
    /// Line, from 1; 1 if it is the file as a whole.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
    /// What is wrong.
    pub message: String,
}

/// A rule in force.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct RuleInfo {
    /// Its name, lower case, as in findings.
    pub name: String,
    /// The `description` of its metadata; empty if it has none.
    pub about: String,
    /// How much a match means.
    pub severity: Severity,
    /// The file it is from. Each file is a namespace of its own: two files may have rules of one name.
    pub file: String,
}

/// Compiled rules. Scans from any number of threads.
#[derive(Debug, Clone)]
pub struct YaraEngine {
    scanner: Scanner,
}

/// Compiles `files` into one engine. Seconds for thousands of rules: never call it in a mail's path.
///
/// A file with an error is left out whole and reported; the others are in force. No files give an engine that matches nothing.
/// Each file is compiled once if all are good. `include` is an error: a file that names other files would read what the loader did not.
pub fn compile(files: &[RuleFile]) -> Compiled {
    let mut taken: Vec<&RuleFile> = files.iter().collect();
    let mut errors = Vec::new();
    loop {
        let attempt = Attempt::over(&taken);
        if attempt.failed.is_empty() {
            return attempt.finish(&taken, errors);
        }
        // boreal keeps the rules above the mistake in a file it refused; only a compiler that never saw the file is clean.
        // Every round leaves at least one file out, so this ends; files are namespaces of their own, so it ends in the second.
        let mut index = 0..;
        taken.retain(|_| index.next().is_some_and(|i| !attempt.failed.contains(&i)));
        errors.extend(attempt.errors);
    }
}

impl YaraEngine {
    /// How many rules can match.
    pub fn rules_count(&self) -> usize {
        self.scanner.rules().filter(|rule| !rule.is_private).count()
    }
}

impl Signatures for YaraEngine {
    fn scan(
        &self,
        blob: &[u8],
        facts: &BlobFacts<'_>,
        time_left: Duration,
    ) -> Result<Vec<Match>, EngineFailure> {
        let time_left = time_left.min(YARA_TIME_MAX);
        let timed_out = EngineFailure::TimedOut { time_left, blob_bytes: blob.len() };
        // boreal looks at its watch only every some thousand steps: a short blob would be scanned with no time at all.
        if time_left.is_zero() {
            return Err(timed_out);
        }
        // The rules are shared; a copy costs a few small allocations for the names' values.
        let mut scanner = self.scanner.clone();
        scanner.set_scan_params(ScanParams::default().timeout_duration(Some(time_left)));
        for (name, value) in values_of(facts) {
            if let Err(error) = scanner.define_symbol(name, value) {
                return Err(failed(blob, format!("{name}: {error}")));
            }
        }
        match scanner.scan_mem(blob) {
            Ok(found) => Ok(matches_of(&scanner, &found)),
            // What matched until then is not given: half an answer would be taken for a whole one.
            Err((ScanError::Timeout, _)) => Err(timed_out),
            Err((error, _)) => Err(failed(blob, error.to_string())),
        }
    }
}

fn failed(blob: &[u8], because: String) -> EngineFailure {
    EngineFailure::Failed { because, blob_bytes: blob.len() }
}

/// One match for each name: a rule that two files have is one finding, with the graver severity.
fn matches_of(scanner: &Scanner, found: &boreal::scanner::ScanResult<'_>) -> Vec<Match> {
    let mut matches: Vec<Match> = Vec::with_capacity(found.rules.len());
    for rule in &found.rules {
        let told = Told::by(scanner, rule.tags, rule.metadatas);
        let name = rule.name.to_ascii_lowercase();
        match matches.iter_mut().find(|m| m.rule == name) {
            Some(same) if same.severity >= told.severity => (),
            Some(same) => {
                same.severity = told.severity;
                same.about = told.about;
            }
            None => matches.push(Match { rule: name, severity: told.severity, about: told.about }),
        }
    }
    matches
}

/// The values of the names rules may ask for.
fn values_of(facts: &BlobFacts<'_>) -> [(&'static str, String); 6] {
    let extension = match facts.extension {
        "" => String::new(),
        extension => format!(".{}", extension.to_lowercase()),
    };
    [
        ("filename", facts.filename.to_lowercase()),
        ("filepath", String::new()),
        ("extension", extension),
        ("filetype", filetype(facts.kind).to_owned()),
        ("owner", String::new()),
        ("part_kind", facts.kind.word().to_owned()),
    ]
}

/// The words public rule sets compare `filetype` with.
fn filetype(kind: PartKind) -> &'static str {
    match kind {
        PartKind::Executable => "EXE",
        PartKind::Zip => "ZIP",
        PartKind::Pdf => "PDF",
        PartKind::Rtf => "RTF",
        PartKind::OfficeOld => "OLE",
        PartKind::Office | PartKind::OfficeMacro => "OOXML",
        PartKind::Shortcut => "LNK",
        PartKind::Java => "JAR",
        PartKind::Gzip => "GZIP",
        PartKind::Tar => "TAR",
        PartKind::Html => "HTML",
        PartKind::Text
        | PartKind::Message
        | PartKind::Calendar
        | PartKind::Image
        | PartKind::Media
        | PartKind::OpenDocument
        | PartKind::OneNote
        | PartKind::Archive
        | PartKind::DiskImage
        | PartKind::Script
        | PartKind::Crypto
        | PartKind::Tnef
        | PartKind::Unknown => "UNKNOWN",
    }
}

/// One go at compiling a list of files.
struct Attempt {
    compiler: Compiler,
    /// Places in the list of files that were refused.
    failed: HashSet<usize>,
    errors: Vec<RuleFault>,
    warnings: Vec<RuleFault>,
}

impl Attempt {
    fn over(files: &[&RuleFile]) -> Attempt {
        let mut attempt = Attempt {
            compiler: new_compiler(),
            failed: HashSet::new(),
            errors: Vec::new(),
            warnings: Vec::new(),
        };
        for (index, file) in files.iter().enumerate() {
            let text = source(file);
            match attempt.compiler.add_rules_str_in_namespace(text, index.to_string()) {
                Ok(status) => attempt.warnings.extend(warnings(file, &status)),
                Err(error) => {
                    attempt.errors.push(fault(file, &error));
                    attempt.failed.insert(index);
                }
            }
        }
        attempt
    }

    fn finish(self, files: &[&RuleFile], errors: Vec<RuleFault>) -> Compiled {
        let scanner = self.compiler.finalize();
        let mut warnings = self.warnings;
        let mut rules = Vec::new();
        for rule in scanner.rules().filter(|rule| !rule.is_private) {
            let Some(file) = rule.namespace.parse().ok().and_then(|i: usize| files.get(i)) else {
                continue;
            };
            let told = Told::by(&scanner, rule.tags, rule.metadatas);
            if let Some(word) = told.strange {
                warnings.push(fault_near(
                    file,
                    &[&format!("rule {}", rule.name), "severity"],
                    format!(
                        "severity \"{word}\" is none of malware, suspicious, info; taken as {}",
                        word_of(told.severity)
                    ),
                ));
            }
            rules.push(RuleInfo {
                name: rule.name.to_ascii_lowercase(),
                about: told.about,
                severity: told.severity,
                file: file.name.clone(),
            });
        }
        Compiled { engine: YaraEngine { scanner }, errors, warnings, rules }
    }
}

fn new_compiler() -> Compiler {
    let mut compiler = Compiler::new();
    compiler.set_params(
        CompilerParams::default()
            .disable_includes(true)
            // What a string compiled to, for the warning about slow ones.
            .compute_statistics(true),
    );
    let nothing = BlobFacts { filename: "", extension: "", kind: PartKind::Unknown };
    for (name, value) in values_of(&nothing) {
        compiler.define_symbol(name, value);
    }
    compiler
}

/// The text without the mark that some editors put first, which is no YARA.
fn source(file: &RuleFile) -> &str {
    file.text.strip_prefix('\u{feff}').unwrap_or(&file.text)
}

fn fault(file: &RuleFile, error: &AddRuleError) -> RuleFault {
    let diagnostic = error.to_diagnostic();
    let label = diagnostic.labels.first();
    let (line, column) = position(source(file), label.map_or(0, |label| label.range.start));
    let detail = label.map_or("", |label| label.message.as_str());
    let message = match detail {
        "" => diagnostic.message.clone(),
        detail => format!("{} ({detail})", diagnostic.message),
    };
    RuleFault { file: file.name.clone(), line, column, message }
}

/// boreal's own warnings, and one for each string that has no fixed bytes to look for first.
fn warnings(file: &RuleFile, status: &AddRuleStatus) -> Vec<RuleFault> {
    let own = status.warnings().map(|warning| fault(file, warning));
    let slow = status.statistics().flat_map(|rule| {
        rule.strings.iter().filter(|string| string.atoms.is_empty()).map(|string| {
            fault_near(
                file,
                &[&format!("rule {}", rule.name), &format!("${}", string.name)],
                format!(
                    "slow: ${} of {} has no fixed bytes, so every byte of every mail is tried",
                    string.name, rule.name
                ),
            )
        })
    });
    own.chain(slow).collect()
}

/// A fault at the last of `words`, each looked for after the one before; at the last one found, if not all are there.
fn fault_near(file: &RuleFile, words: &[&str], message: String) -> RuleFault {
    let text = source(file);
    let at = words.iter().fold(0, |from, word| {
        let found = text.get(from..).and_then(|rest| rest.find(word));
        found.map_or(from, |offset| from.saturating_add(offset))
    });
    let (line, column) = position(text, at);
    RuleFault { file: file.name.clone(), line, column, message }
}

/// Line and column of a byte, both from 1.
fn position(text: &str, at: usize) -> (usize, usize) {
    let before: Vec<&str> = match text.get(..at) {
        Some(before) => before.split('\n').collect(),
        None => return (1, 1),
    };
    let column = before.last().map_or(0, |line| line.chars().count());
    (before.len(), column.saturating_add(1))
}

/// What a rule says about itself.
struct Told {
    severity: Severity,
    about: String,
    /// The `severity` as written, if it is no word of ours.
    strange: Option<String>,
}

impl Told {
    /// Severity is the word in `severity`; else a tag of those words; else suspicious. Public sets write numbers there,
    /// each on a scale of its own: none of them makes a rule "malware for certain", that is for the operator to say.
    fn by(
        scanner: &Scanner,
        tags: &[boreal::StringSymbol],
        metadatas: &[boreal::Metadata],
    ) -> Told {
        let mut told = Told {
            severity: tags
                .iter()
                .find_map(|tag| severity_of(scanner.get_string_symbol(*tag)))
                .unwrap_or(Severity::Suspicious),
            about: String::new(),
            strange: None,
        };
        for metadata in metadatas {
            let MetadataValue::Bytes(value) = metadata.value else {
                continue;
            };
            let value = || String::from_utf8_lossy(scanner.get_bytes_symbol(value)).into_owned();
            let name = scanner.get_string_symbol(metadata.name);
            if name.eq_ignore_ascii_case("description") {
                told.about = value();
            } else if name.eq_ignore_ascii_case("severity") {
                match severity_of(&value()) {
                    Some(severity) => told.severity = severity,
                    None => told.strange = Some(value()),
                }
            }
        }
        told
    }
}

fn severity_of(word: &str) -> Option<Severity> {
    [Severity::Malware, Severity::Suspicious, Severity::Info]
        .into_iter()
        .find(|severity| word.eq_ignore_ascii_case(word_of(*severity)))
}

fn word_of(severity: Severity) -> &'static str {
    match severity {
        Severity::Malware => "malware",
        Severity::Suspicious => "suspicious",
        Severity::Info => "info",
    }
}

#[cfg(test)]
mod shipped;

#[cfg(test)]
mod tests {
    use super::*;

    const NO_FACTS: BlobFacts<'_> =
        BlobFacts { filename: "", extension: "", kind: PartKind::Unknown };

    fn file(name: &str, text: &str) -> RuleFile {
        RuleFile { name: name.into(), text: text.into() }
    }

    fn rule(name: &str, literal: &str, meta: &str) -> String {
        format!(
            "rule {name} {{ meta: about = 1 {meta} strings: $a = \"{literal}\" condition: $a }}\n"
        )
    }

    fn names(compiled: &Compiled, blob: &[u8], facts: &BlobFacts<'_>) -> Vec<String> {
        let found = compiled.engine.scan(blob, facts, Duration::from_secs(4)).unwrap();
        found.into_iter().map(|m| m.rule).collect()
    }

    #[test]
    fn a_match_carries_the_rules_own_words() {
        let compiled = compile(&[file(
            "a.yar",
            &rule("Bad_Thing", "needle", "description = \"A needle\" severity = \"Malware\""),
        )]);
        let found =
            compiled.engine.scan(b"hay needle hay", &NO_FACTS, Duration::from_secs(1)).unwrap();
        assert_eq!(
            found,
            [Match {
                rule: "bad_thing".into(),
                severity: Severity::Malware,
                about: "A needle".into()
            }]
        );
        assert_eq!(compiled.rules[0].file, "a.yar");
        assert_eq!(compiled.engine.rules_count(), 1);
        assert!(compiled.warnings.is_empty(), "{:?}", compiled.warnings);
    }

    #[test]
    fn severity_is_the_metadatas_word_else_a_tag_else_suspicious() {
        for (text, want, warned) in [
            ("rule a { meta: severity = \"info\" condition: true }", Severity::Info, false),
            ("rule a : MALWARE { condition: true }", Severity::Malware, false),
            (
                "rule a : info { meta: severity = \"malware\" condition: true }",
                Severity::Malware,
                false,
            ),
            ("rule a { condition: true }", Severity::Suspicious, false),
            (
                "rule a { meta: severity = 100 score = 100 condition: true }",
                Severity::Suspicious,
                false,
            ),
            ("rule a { meta: severity = \"high\" condition: true }", Severity::Suspicious, true),
        ] {
            let compiled = compile(&[file("a.yar", text)]);
            assert_eq!(compiled.rules[0].severity, want, "{text}");
            assert_eq!(!compiled.warnings.is_empty(), warned, "{text}");
        }
    }

    #[test]
    fn a_bad_file_is_named_by_line_and_left_out_whole() {
        let bad = rule("before", "needle", "") + "\n  rule broken { condition: $nothing }\n";
        let compiled = compile(&[
            file("first.yar", &rule("first", "needle", "")),
            file("bad.yar", &bad),
            file("last.yar", &rule("last", "needle", "")),
        ]);
        assert_eq!(names(&compiled, b"needle", &NO_FACTS), ["first", "last"]);
        let [error] = &compiled.errors[..] else { panic!("{:?}", compiled.errors) };
        assert_eq!((error.file.as_str(), error.line), ("bad.yar", 3));
        assert!(error.to_string().starts_with("bad.yar:3:"), "{error}");
        let files: Vec<&str> = compiled.rules.iter().map(|r| r.file.as_str()).collect();
        assert_eq!(files, ["first.yar", "last.yar"]);
    }

    #[test]
    fn files_do_not_see_each_other() {
        // The same name twice, a global rule that never holds, a reference across files, an include.
        let compiled = compile(&[
            file("a.yar", &rule("same", "needle", "severity = \"info\"")),
            file("a.yar", &rule("same", "needle", "severity = \"malware\"")),
            file(
                "blind.yar",
                "global rule never { condition: filesize < 0 } rule unseen { condition: true }",
            ),
            file("refers.yar", "rule refers { condition: same }"),
            file("includes.yar", "include \"/etc/hostname\""),
        ]);
        let found = compiled.engine.scan(b"needle", &NO_FACTS, Duration::from_secs(1)).unwrap();
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!(found[0].severity, Severity::Malware);
        let left_out: Vec<&str> = compiled.errors.iter().map(|e| e.file.as_str()).collect();
        assert_eq!(left_out, ["refers.yar", "includes.yar"]);
    }

    #[test]
    fn rules_may_ask_for_the_blobs_facts() {
        let compiled = compile(&[file(
            "a.yar",
            r#"rule named { condition: filename == "faktura.pdf.exe" and extension == ".exe" }
               rule typed { condition: filetype == "EXE" and part_kind == "executable" }
               rule absent { condition: filepath == "" and owner == "" }"#,
        )]);
        let facts =
            BlobFacts { filename: "Faktura.PDF.exe", extension: "EXE", kind: PartKind::Executable };
        assert_eq!(names(&compiled, b"MZ", &facts), ["named", "typed", "absent"]);
        assert_eq!(names(&compiled, b"MZ", &NO_FACTS), ["absent"]);
    }

    #[test]
    fn private_rules_serve_others_and_are_not_reported() {
        let compiled = compile(&[file(
            "a.yar",
            "private rule inner { condition: true } rule outer { condition: inner }",
        )]);
        assert_eq!(names(&compiled, b"x", &NO_FACTS), ["outer"]);
        assert_eq!(compiled.rules.len(), 1);
    }

    #[test]
    fn a_string_without_fixed_bytes_is_warned_of() {
        let text = "\nrule slow {\n  strings:\n    $a = /[a-z]+[0-9]+/\n  condition: $a }";
        let compiled = compile(&[file("a.yar", text)]);
        let [warning] = &compiled.warnings[..] else { panic!("{:?}", compiled.warnings) };
        assert_eq!((warning.line, warning.column), (4, 5), "{warning}");
    }

    #[test]
    fn time_used_up_is_a_failure_and_never_an_empty_answer() {
        let endless =
            "rule endless { condition: for all i in (1..9223372036854775806) : ( i > 0 ) }";
        let compiled = compile(&[file("a.yar", endless)]);
        assert!(compiled.errors.is_empty(), "{:?}", compiled.errors);
        for time_left in [Duration::ZERO, Duration::from_millis(20)] {
            let found = compiled.engine.scan(b"x", &NO_FACTS, time_left);
            assert!(matches!(found, Err(EngineFailure::TimedOut { .. })), "{found:?}");
        }
    }

    #[test]
    fn no_files_give_an_engine_that_matches_nothing() {
        let compiled = compile(&[]);
        assert_eq!(compiled.engine.rules_count(), 0);
        assert!(names(&compiled, b"anything", &NO_FACTS).is_empty());
    }

    #[test]
    fn a_mark_of_byte_order_is_no_error() {
        let text = format!("\u{feff}{}", rule("a", "needle", ""));
        assert!(compile(&[file("a.yar", &text)]).errors.is_empty());
    }
}
