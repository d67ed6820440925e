//! Reading rules and recipient lists from their folders and files, and compiling them.
//!
//! A bad rule file is reported by name and line and left out; a bad recipients file is an error, since with it missing
//! everybody's mail would be refused.

use crate::{
    base::{clock::Clock, limits},
    checks::{PhraseNote, Phrases},
    config::{
        Config, Isolation, Recipients,
        clamd::ClamdConfig,
        dns_list::Ask,
        rules::phrases::{self, PhraseRule},
    },
    edge::{
        hash_lists, logos, rule_cost,
        worker::{Attempts, Charge, Isolated, RulesSettled},
    },
    examine::{self, Examiner, Identifiers, InProcess, MarkKey, Reveal, RuleFile, RuleInfo, Wants},
    facts::{clamd::Clamd, dns_list::DnsLists},
    learn::listed::Kind,
    mail::{Address, Domain},
    personal::Words,
    pipeline::{
        outside::ListInForce,
        settings::{Listed, Loaded, Settings},
    },
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
    /// What the next load may use again.
    pub kept: Kept,
}

/// Who opens mail.
#[derive(Debug, Clone)]
pub enum Opener {
    /// The process that asks: for looking at rules, where no mail comes.
    Here,
    /// Worker processes. What was compiled before is used again where the rules are the same.
    Workers {
        /// Give the values of personal data, not masks alone.
        reveal: Reveal,
        /// What an earlier load compiled.
        kept: Kept,
    },
}

/// What was compiled from rules that may not have changed when they are loaded again.
#[derive(Debug, Clone, Default)]
pub struct Kept {
    workers: Option<(blake3::Hash, Arc<Isolated>, Arc<RulesSettled>)>,
    phrases: Option<(blake3::Hash, Arc<Phrases>, Arc<Vec<String>>)>,
    clamd: Option<Box<(ClamdConfig, Arc<Clamd>)>>,
    dns_lists: Option<Arc<DnsLists>>,
    attempts: Attempts,
    marks: Option<MarkKey>,
}

impl Kept {
    /// A short word for the rules that were compiled: other rules have another one.
    pub fn rules_word(&self) -> String {
        let signatures = self.workers.as_ref().map(|(hash, ..)| *hash);
        let phrases = self.phrases.as_ref().map(|(hash, ..)| *hash);
        let mut both = blake3::Hasher::new();
        for hash in [signatures, phrases].into_iter().flatten() {
            both.update(hash.as_bytes());
        }
        both.finalize().to_hex().chars().take(16).collect()
    }

    /// Nothing compiled, and a file in which attempts to open a mail are written down.
    pub fn with_attempts(attempts: Attempts) -> Kept {
        Kept { attempts, ..Kept::default() }
    }

    /// The same, and values of personal data are marked under this key.
    pub fn marking(self, key: MarkKey) -> Kept {
        Kept { marks: Some(key), ..self }
    }
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
    /// The workers could not be started, or the signature compiler stumbled.
    #[error("the examiners: {0}")]
    Examiners(String),
    /// The shipped words do not parse: a fault of the build.
    #[error("the shipped words for personal data: {0}")]
    Words(String),
}

/// Reads everything a configuration refers to and makes it ready to be put in force.
pub fn load(
    config: Config,
    clock: &Clock,
    opener: Opener,
) -> Result<(Settings, RuleReport), NotLoaded> {
    let mut report = RuleReport::default();
    let files = RuleFiles::of(&config, &mut report);
    let words = Arc::new(Words::shipped().map_err(|error| NotLoaded::Words(error.to_string()))?);
    let (texts, kept) = (
        files.phrases,
        match &opener {
            Opener::Here => Kept::default(),
            Opener::Workers { kept, .. } => kept.clone(),
        },
    );
    let (known, kept_clamd) = (kept.phrases.clone(), kept.clamd.clone());
    let (attempts, marks) = (kept.attempts.clone(), kept.marks);
    // Signatures and phrases take a tenth of a second each; two cores do both at once.
    let (opened, phrases) = std::thread::scope(|scope| {
        let phrases = scope.spawn(|| phrases_of(&texts, known));
        let opened = match opener {
            Opener::Here => Ok(here(&files.signatures, &words, clock)),
            Opener::Workers { reveal, kept } => {
                let rules = files.signatures;
                let best_effort = config.examiners.isolation == Isolation::BestEffort;
                let wants = Wants {
                    digests: config.hash_lists.iter().any(|list| list.kind == Kind::Attachment)
                        || config
                            .dns_lists
                            .iter()
                            .any(|list| list.is_asked_about(Ask::AttachmentHash)),
                    blobs: config.clamd.is_some(),
                };
                let reveal = reveal == Reveal::Values;
                let charge = Charge { rules, reveal, marks: kept.marks, wants, best_effort };
                workers(charge, kept, clock)
            }
        };
        (opened, phrases.join())
    });
    let stumbled = |_| NotLoaded::Examiners("the phrase compiler stumbled".to_string());
    let (hash, phrases, errors) = phrases.map_err(stumbled)?;
    let (examiner, settled, workers) = opened?;
    report.errors.extend(settled.errors.iter().chain(errors.iter()).cloned());
    report.warnings.extend(settled.warnings.iter().cloned());
    report.signatures.clone_from(&settled.rules);
    report.phrases = phrases.notes().cloned().collect();
    let clamd = config.clamd.clone().map(|wanted| match kept_clamd.map(|kept| *kept) {
        Some((known, clamd)) if known == wanted => (known, clamd),
        Some(_) | None => {
            let clamd = Arc::new(Clamd::new(&wanted, clock.clone()));
            (wanted, clamd)
        }
    });
    let dns_lists = DnsLists::new(&config.dns_lists, kept.dns_lists.as_deref(), clock);
    let lists = config.hash_lists.iter().filter_map(|list| {
        hash_lists::in_force(list, &config.data_dir, clock)
            .map_err(|why| report.errors.push(why))
            .ok()
    });
    let lists: Vec<ListInForce> = lists.collect();
    let phrases_kept = Some((hash, phrases.clone(), errors));
    report.kept = Kept {
        workers,
        phrases: phrases_kept,
        clamd: clamd.clone().map(Box::new),
        dns_lists: Some(Arc::new(dns_lists.clone())),
        attempts,
        marks,
    };
    let loaded = Loaded {
        examiner,
        signatures: report.signatures.len(),
        rules: report.signatures.len() + phrases.count(),
        phrases,
        words,
        clamd: clamd.map(|(_, clamd)| clamd),
        dns_lists,
        lists,
        recipients: read_recipients(&config)?,
    };
    let logos = logos::read(&config, &mut report.errors);
    Ok((Settings::new(config, loaded).with_logos(&logos), report))
}

/// An examiner, what became of its rules, and what of it may be used again.
type Opened = (
    Arc<dyn Examiner>,
    Arc<RulesSettled>,
    Option<(blake3::Hash, Arc<Isolated>, Arc<RulesSettled>)>,
);

fn here(rules: &[RuleFile], words: &Arc<Words>, clock: &Clock) -> Opened {
    let compiled = examine::compile(rules);
    let personal =
        Identifiers { words: words.clone(), clock: clock.clone(), reveal: Reveal::No, marks: None };
    let examiner = InProcess {
        signatures: Arc::new(compiled.engine),
        personal: Arc::new(personal),
        clock: clock.clone(),
        bounds: crate::formats::budget::Bounds::default(),
    };
    let settled = RulesSettled {
        rules: compiled.rules,
        errors: compiled.errors.iter().map(ToString::to_string).collect(),
        warnings: compiled.warnings.iter().map(ToString::to_string).collect(),
    };
    (Arc::new(examiner), Arc::new(settled), None)
}

fn workers(charge: Charge, kept: Kept, clock: &Clock) -> Result<Opened, NotLoaded> {
    let mut hasher = blake3::Hasher::new();
    let Wants { digests, blobs } = charge.wants;
    hasher.update(&[charge.reveal, charge.best_effort, digests, blobs].map(u8::from));
    for file in &charge.rules {
        hash_text(&mut hasher, &file.name);
        hash_text(&mut hasher, &file.text);
    }
    let hash = hasher.finalize();
    let (isolated, settled) = match kept.workers {
        Some((known, isolated, settled)) if known == hash => (isolated, settled),
        Some(_) | None => {
            let started = Isolated::start(charge, kept.attempts, clock.clone());
            let (isolated, settled) =
                started.map_err(|error| NotLoaded::Examiners(error.to_string()))?;
            (Arc::new(isolated), Arc::new(settled))
        }
    };
    Ok((isolated.clone(), settled.clone(), Some((hash, isolated, settled))))
}

/// With its length, so that what one text loses another does not gain.
fn hash_text(hasher: &mut blake3::Hasher, text: &str) {
    hasher.update(&text.len().to_le_bytes());
    hasher.update(text.as_bytes());
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
    for cost in rule_cost::slow(&files.signatures) {
        match cost.hopeless {
            true => report.errors.push(format!("{cost}: too slow to be used")),
            false => report.warnings.push(format!("{cost}: slow")),
        }
    }
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

/// The phrase rules of a configuration, with their examples; and what is wrong with their files. Nothing is compiled.
pub fn phrase_rules(config: &Config) -> (Vec<PhraseRule>, RuleReport) {
    let mut report = RuleReport::default();
    let mut rules = Vec::new();
    for (name, text) in &RuleFiles::of(config, &mut report).phrases {
        match phrases::parse(name, text) {
            Ok(parsed) => rules.extend(parsed),
            Err(errors) => report.errors.extend(errors.iter().map(ToString::to_string)),
        }
    }
    (rules, report)
}

/// The signatures of a configuration, and what is wrong with their files. Takes some tenths of a second.
pub fn signature_rules(config: &Config) -> RuleReport {
    let mut report = RuleReport::default();
    let files = RuleFiles::of(config, &mut report);
    let compiled = examine::compile(&files.signatures);
    report.errors.extend(compiled.errors.iter().map(ToString::to_string));
    report.warnings.extend(compiled.warnings.iter().map(ToString::to_string));
    report.signatures = compiled.rules;
    report
}

type PhrasesOf = (blake3::Hash, Arc<Phrases>, Arc<Vec<String>>);

/// The phrase rules of these files, and what is wrong with them.
fn phrases_of(files: &[(String, String)], known: Option<PhrasesOf>) -> PhrasesOf {
    let mut hasher = blake3::Hasher::new();
    for (name, text) in files {
        hash_text(&mut hasher, name);
        hash_text(&mut hasher, text);
    }
    let hash = hasher.finalize();
    if let Some(known) = known.filter(|known| known.0 == hash) {
        return known;
    }
    let (mut rules, mut wrong) = (Vec::new(), Vec::new());
    for (name, text) in files {
        match phrases::parse(name, text) {
            Ok(parsed) => rules.extend(parsed),
            Err(errors) => wrong.extend(errors.iter().map(ToString::to_string)),
        }
    }
    let (compiled, errors) = Phrases::compile(rules);
    wrong.extend(errors.iter().map(ToString::to_string));
    (hash, Arc::new(compiled), Arc::new(wrong))
}

#[derive(Default)]
struct RuleFiles {
    signatures: Vec<RuleFile>,
    phrases: Vec<(String, String)>,
}

impl RuleFiles {
    /// The shipped ones, and those of the operator's folders.
    fn of(config: &Config, report: &mut RuleReport) -> RuleFiles {
        let mut files = RuleFiles::shipped();
        config.rules.folders.iter().for_each(|folder| files.add_folder(folder, report));
        files
    }

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
        let (settings, report) = load(config, &Clock::system(), Opener::Here).unwrap();
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
