//! The file layer: what the operator wrote, with the place of each value. Never written by us.

use super::{DomainsFile, Kind};
use crate::config::{error::ConfigError, file::Config, policy};
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::{Arc, OnceLock},
};
use toml::de::{DeTable, DeValue};

/// The operator's file, whose every value reads well; whether it makes sense shows when all layers are there.
#[derive(Debug, Clone)]
pub struct Written {
    /// The file, for messages. Trial mode has none.
    pub(super) file: Option<PathBuf>,
    pub(super) text: String,
    pub(super) table: toml::Table,
    pub(super) config: Config,
    data_dir_is_given: bool,
    domains: Arc<Vec<DomainsFile>>,
    lines: OnceLock<Lines>,
}

impl Written {
    /// Reads a file's text. `file` is only for messages.
    pub fn parse(file: &Path, text: String) -> Result<Written, ConfigError> {
        Written::read(Some(file.to_path_buf()), text)
    }

    /// Trial mode: what is built in stands where otherwise the file stands.
    pub fn trial(data_dir: &Path) -> Result<Written, ConfigError> {
        Written::read(None, Config::trial(data_dir).to_toml())
    }

    fn read(file: Option<PathBuf>, text: String) -> Result<Written, ConfigError> {
        let shown = file.as_deref().unwrap_or(Path::new(TRIAL));
        let failed = |error: toml::de::Error| ConfigError::from_toml(shown, &text, &error);
        // Read as values first: only this reader knows line and column of what it does not understand.
        let config: Config = toml::from_str(&text).map_err(failed)?;
        let mut table: toml::Table = toml::from_str(&text).map_err(failed)?;
        // `[policy]` is a list of one.
        if let Some(policy) = table.get_mut("policy")
            && policy.is_table()
        {
            *policy = toml::Value::Array(vec![policy.clone()]);
        }
        Ok(Written {
            file,
            text,
            table,
            config,
            data_dir_is_given: false,
            domains: Arc::default(),
            lines: OnceLock::new(),
        })
    }

    /// The data folder that the command line names wins over the file's.
    pub fn with_data_dir(mut self, folder: Option<&Path>) -> Written {
        if let Some(folder) = folder {
            let text = folder.display().to_string();
            self.table.insert("data-dir".to_string(), toml::Value::String(text));
            self.config.data_dir = folder.to_path_buf();
            self.data_dir_is_given = true;
        }
        self
    }

    /// With the domains-files that it names, read in that order.
    pub fn with_domains(mut self, files: Vec<DomainsFile>) -> Written {
        self.domains = Arc::new(files);
        self
    }

    /// The domains-files.
    pub(super) fn domains(&self) -> &[DomainsFile] {
        &self.domains
    }

    /// The file's own values. What may not be stored is complete here.
    pub fn alone(&self) -> &Config {
        &self.config
    }

    /// Where spool, quarantine, trace and stored layer lie.
    pub fn data_dir(&self) -> &Path {
        &self.config.data_dir
    }

    /// The domains-files to be read before [`super::merge`].
    pub fn domains_files(&self) -> &[PathBuf] {
        &self.config.domains_files
    }

    /// The names of the file's entries of a kind; what stands in domains-files is not among them.
    pub fn names(&self, kind: Kind) -> Vec<&str> {
        let list = self.table.get(kind.word()).and_then(toml::Value::as_array);
        let names = list.into_iter().flatten().map(|item| {
            // `[policy]` without a name is the one that domains have which name none.
            item.get("name").and_then(toml::Value::as_str).unwrap_or(policy::DEFAULT_NAME)
        });
        names.collect()
    }

    /// The file, as messages name it.
    pub fn shown(&self) -> &Path {
        self.file.as_deref().unwrap_or(Path::new(TRIAL))
    }

    pub(super) fn data_dir_is_given(&self) -> bool {
        self.data_dir_is_given
    }

    /// Every key in the file by its path (`policy[1].quarantine`), with its line from 1.
    pub(super) fn lines(&self) -> &Lines {
        self.lines.get_or_init(|| self.note_lines())
    }

    fn note_lines(&self) -> Lines {
        let mut lines = Lines::default();
        let starts: Vec<usize> =
            std::iter::once(0).chain(self.text.match_indices('\n').map(|(at, _)| at + 1)).collect();
        let line_of = |at: usize| starts.partition_point(|start| *start <= at);
        if let Ok(root) = DeTable::parse(&self.text) {
            note_table(root.get_ref(), "", &line_of, &mut lines);
        }
        lines
    }
}

/// The line of each key that is written in a file.
#[derive(Debug, Clone, Default)]
pub(super) struct Lines(BTreeMap<String, usize>);

impl Lines {
    /// The line of a key, a table or an item of a list, if it is written.
    pub(super) fn of(&self, path: &str) -> Option<usize> {
        self.0.get(path).copied()
    }
}

fn note_table(table: &DeTable, path: &str, line_of: &impl Fn(usize) -> usize, lines: &mut Lines) {
    for (key, value) in table {
        let path = match path {
            "" => key.get_ref().to_string(),
            path => format!("{path}.{}", key.get_ref()),
        };
        lines.0.insert(path.clone(), line_of(key.span().start));
        match value.get_ref() {
            // One table where a list may stand is a list of one.
            DeValue::Table(inner) if path == "policy" => {
                lines.0.insert("policy[0]".to_string(), line_of(key.span().start));
                note_table(inner, "policy[0]", line_of, lines);
            }
            DeValue::Table(inner) => note_table(inner, &path, line_of, lines),
            DeValue::Array(list) => {
                for (number, item) in list.iter().enumerate() {
                    let path = format!("{path}[{number}]");
                    lines.0.insert(path.clone(), line_of(item.span().start));
                    if let DeValue::Table(inner) = item.get_ref() {
                        note_table(inner, &path, line_of, lines);
                    }
                }
            }
            DeValue::String(_)
            | DeValue::Integer(_)
            | DeValue::Float(_)
            | DeValue::Boolean(_)
            | DeValue::Datetime(_) => (),
        }
    }
}

/// What stands in messages where a file is named.
pub(super) const TRIAL: &str = "trial mode";
