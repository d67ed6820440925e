//! Reading rules and recipient lists from their folders and files, and compiling them.
//!
//! A bad rule file is reported by name and line and left out; a bad recipients file is an error, since with it missing
//! everybody's mail would be refused.

use crate::{
    base::{clock::Clock, limits},
    checks::{PhraseNote, Phrases},
    config::{Config, Recipients, rules::phrases},
    examine::{self, Identifiers, InProcess, Reveal, RuleFile, RuleInfo},
    mail::{Address, Domain},
    personal::Words,
    pipeline::settings::{Listed, Loaded, Settings},
};
use rust_embed::RustEmbed;
use std::{
    collections::HashMap,
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
};

/// The rules that come with the program.
#[derive(RustEmbed)]
#[folder = "rules/"]
struct Shipped;

/// What was loaded, for `rules list` and the log.
#[derive(Debug, Default)]
pub struct RuleReport {
    /// Signatures in force.
    pub signatures: Vec<RuleInfo>,
    /// Phrase rules in force.
    pub phrases: Vec<PhraseNote>,
    /// What is wrong, each naming file and line; what it concerns is left out.
    pub errors: Vec<String>,
    /// What works and could be better.
    pub warnings: Vec<String>,
}

/// Why a configuration could not be loaded.
#[derive(Debug, thiserror::Error)]
pub enum NotLoaded {
    /// A recipients file.
    #[error("the recipients of {domain}: {}: {why}", file.display())]
    Recipients {
        /// Whose.
        domain: Domain,
        /// From where.
        file: PathBuf,
        /// Why.
        why: String,
    },
    /// The signature compiler stumbled: a bug of ours or its own.
    #[error("the signatures could not be compiled: the compiler stumbled over a rule")]
    Signatures,
    /// The shipped words do not parse: a fault of the build.
    #[error("the shipped words for personal data: {0}")]
    Words(String),
}

/// Reads everything a configuration refers to and makes it ready to be put in force.
pub fn load(
    config: Config,
    clock: &Clock,
    reveal: Reveal,
) -> Result<(Settings, RuleReport), NotLoaded> {
    let mut report = RuleReport::default();
    let mut files = RuleFiles::shipped();
    for folder in &config.rules.folders {
        files.add_folder(folder, &mut report);
    }
    // Signatures and phrases take a tenth of a second each; two cores do both at once.
    let (compiled, phrases) = std::thread::scope(|scope| {
        let signatures = scope.spawn(|| examine::compile(&files.signatures));
        let phrases = compile_phrases(&files.phrases, &mut report);
        (signatures.join(), phrases)
    });
    let compiled = compiled.map_err(|_| NotLoaded::Signatures)?;
    report.errors.extend(compiled.errors.iter().map(ToString::to_string));
    report.warnings.extend(compiled.warnings.iter().map(ToString::to_string));
    report.signatures = compiled.rules;
    report.phrases = phrases.notes().cloned().collect();
    let words = Arc::new(Words::shipped().map_err(|error| NotLoaded::Words(error.to_string()))?);
    let examiner = InProcess {
        signatures: Arc::new(compiled.engine),
        personal: Arc::new(Identifiers { words: words.clone(), clock: clock.clone(), reveal }),
        clock: clock.clone(),
        bounds: crate::formats::budget::Bounds::default(),
    };
    let loaded = Loaded {
        examiner: Arc::new(examiner),
        signatures: report.signatures.len(),
        rules: report.signatures.len() + phrases.count(),
        phrases,
        words,
        recipients: read_recipients(&config)?,
    };
    Ok((Settings::new(config, loaded), report))
}

/// Checks rule files or folders on their own, without the shipped ones.
pub fn check(paths: &[PathBuf]) -> RuleReport {
    let mut report = RuleReport::default();
    let mut files = RuleFiles::default();
    for path in paths {
        match path.is_dir() {
            true => files.add_folder(path, &mut report),
            false => files.add_file(path, &mut report),
        }
    }
    if paths.is_empty() {
        files = RuleFiles::shipped();
    }
    let compiled = examine::compile(&files.signatures);
    report.errors.extend(compiled.errors.iter().map(ToString::to_string));
    report.warnings.extend(compiled.warnings.iter().map(ToString::to_string));
    report.signatures = compiled.rules;
    let mut good = Vec::new();
    for (name, text) in &files.phrases {
        match phrases::parse(name, text) {
            Ok(rules) => {
                for rule in &rules {
                    report
                        .errors
                        .extend(crate::checks::verify(rule).iter().map(ToString::to_string));
                }
                good.extend(rules);
            }
            Err(errors) => report.errors.extend(errors.iter().map(ToString::to_string)),
        }
    }
    let (compiled, errors) = Phrases::compile(good);
    report.errors.extend(errors.iter().map(ToString::to_string));
    report.warnings.extend(
        compiled.slow().map(|id| {
            format!("{id}: no literal to look for first, so it costs time in every mail")
        }),
    );
    report.phrases = compiled.notes().cloned().collect();
    report
}

fn compile_phrases(files: &[(String, String)], report: &mut RuleReport) -> Phrases {
    let mut rules = Vec::new();
    for (name, text) in files {
        match phrases::parse(name, text) {
            Ok(parsed) => rules.extend(parsed),
            Err(errors) => report.errors.extend(errors.iter().map(ToString::to_string)),
        }
    }
    let (compiled, errors) = Phrases::compile(rules);
    report.errors.extend(errors.iter().map(ToString::to_string));
    compiled
}

#[derive(Default)]
struct RuleFiles {
    signatures: Vec<RuleFile>,
    phrases: Vec<(String, String)>,
}

impl RuleFiles {
    fn shipped() -> RuleFiles {
        let mut files = RuleFiles::default();
        for name in Shipped::iter() {
            // Beside the rules lie their examples and the words for personal data, which have readers of their own.
            let folder = name.rsplit_once('/').map_or("", |(folder, _)| folder);
            if !matches!(folder, "yara" | "phrases") {
                continue;
            }
            let Some(file) = Shipped::get(&name) else { continue };
            files.add(format!("shipped/{name}"), String::from_utf8_lossy(&file.data).into_owned());
        }
        files
    }

    fn add(&mut self, name: String, text: String) {
        match name.rsplit_once('.') {
            Some((_, "yar" | "yara")) => self.signatures.push(RuleFile { name, text }),
            Some((_, "toml")) => self.phrases.push((name, text)),
            Some(_) | None => (),
        }
    }

    fn add_folder(&mut self, folder: &Path, report: &mut RuleReport) {
        match sorted_files(folder) {
            Ok(files) => files.iter().for_each(|file| self.add_file(file, report)),
            Err(error) => {
                report.errors.push(format!("{}: cannot be read: {error}", folder.display()))
            }
        }
    }

    fn add_file(&mut self, file: &Path, report: &mut RuleReport) {
        let name = file.display().to_string();
        if !matches!(
            file.extension().and_then(|ending| ending.to_str()),
            Some("yar" | "yara" | "toml")
        ) {
            return;
        }
        match read_bounded(file, limits::RULE_FILE_BYTES_MAX) {
            Ok(bytes) => match String::from_utf8(bytes) {
                Ok(text) => self.add(name, text),
                Err(error) => {
                    report.warnings.push(format!("{name}: not UTF-8; the odd bytes are replaced"));
                    self.add(name, String::from_utf8_lossy(error.as_bytes()).into_owned());
                }
            },
            Err(error) => report.errors.push(format!("{name}: cannot be read: {error}")),
        }
    }
}

fn sorted_files(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        match path.is_dir() {
            true => files.extend(sorted_files(&path)?),
            false => files.push(path),
        }
    }
    files.sort();
    Ok(files)
}

/// Reads a file of the operator's, unless it is larger than we read.
pub(super) fn read_bounded(file: &Path, bytes_max: u64) -> io::Result<Vec<u8>> {
    let size = fs::metadata(file)?.len();
    if size > bytes_max {
        return Err(io::Error::other(format!(
            "{size} bytes are more than the {bytes_max} we read"
        )));
    }
    fs::read(file)
}

/// Every recipients file once, however many domains name it.
fn read_recipients(config: &Config) -> Result<HashMap<PathBuf, Arc<Listed>>, NotLoaded> {
    let mut all = HashMap::new();
    for domain in config.domains.iter().chain(config.domain_table.kept()) {
        let Recipients::File(file) = &domain.recipients else { continue };
        if all.contains_key(file) {
            continue;
        }
        let failed = |why: String| NotLoaded::Recipients {
            domain: domain.name.clone(),
            file: file.clone(),
            why,
        };
        let bytes = read_bounded(file, limits::RECIPIENT_FILE_BYTES_MAX)
            .map_err(|error| failed(error.to_string()))?;
        let text = String::from_utf8(bytes).map_err(|_| failed("it is not UTF-8".to_string()))?;
        let mut known = Listed::default();
        for (number, line) in text.lines().enumerate() {
            let line = line.split('#').next().unwrap_or("").trim();
            if line.is_empty() {
                continue;
            }
            // A local part alone is in each domain the file is for.
            let is_local = !line.contains('@');
            let full = if is_local { format!("{line}@{}", domain.name) } else { line.to_string() };
            let key = Address::parse(&full)
                .map_err(|why| failed(format!("line {}: {why}", number + 1)))?
                .key();
            match key.rsplit_once('@').filter(|_| is_local) {
                Some((local, _)) => known.locals.insert(local.to_string()),
                None => known.addresses.insert(key),
            };
        }
        all.insert(file.clone(), Arc::new(known));
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shipped_rules_are_in_force_and_a_bad_file_is_left_out() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("bad.yar"), "rule broken {\n condition: nothing }").unwrap();
        fs::write(folder.path().join("good.yar"), "rule good { condition: filesize > 900MB }")
            .unwrap();
        fs::write(folder.path().join("bad.toml"), "[[rule]]\nid = 3\n").unwrap();
        let mut config = Config::trial(Path::new("/tmp"));
        config.rules.folders = vec![folder.path().to_path_buf()];
        let (settings, report) = load(config, &Clock::system(), Reveal::No).unwrap();
        assert!(settings.may_judge && settings.rules_loaded > 100, "{}", settings.rules_loaded);
        assert!(report.signatures.iter().any(|rule| rule.name == "good"));
        assert_eq!(report.errors.len(), 2, "{:?}", report.errors);
        assert!(
            report.errors.iter().any(|error| error.contains("bad.yar:2")),
            "{:?}",
            report.errors
        );
        assert!(
            report.errors.iter().any(|error| error.contains("bad.toml:2")),
            "{:?}",
            report.errors
        );
    }

    #[test]
    fn recipients_come_from_a_file() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("people");
        fs::write(&file, "# ours\nb\nC@ours.example # boss\n").unwrap();
        let mut config = Config::trial(Path::new("/tmp"));
        config.domains[0].recipients = Recipients::File(file.clone());
        let known = read_recipients(&config).unwrap();
        let address = |text| Address::parse(text).unwrap();
        for (text, there) in [
            ("B@ours.example", true),
            ("b@other.example", true),
            ("c@ours.example", true),
            ("c@other.example", false),
            ("d@ours.example", false),
        ] {
            assert_eq!(known[&file].contains(&address(text)), there, "{text}");
        }
        fs::write(&file, "a b\n").unwrap();
        assert!(read_recipients(&config).unwrap_err().to_string().contains("line 1"));
    }
}
