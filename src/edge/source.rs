//! Where the configuration comes from: the operator's file with its domains-files, and the stored layer of the data folder.

use crate::{
    base::limits,
    config::{
        Config, ConfigError,
        layers::{self, DomainsFile, LayerError, Merged, Stored, Written},
    },
    edge::load::read_bounded,
    store::{StoreError, embedded::ConfigDb},
};
use std::{
    fs,
    path::{Path, PathBuf},
};

/// Where the configuration comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// A file, read again at reload.
    File(PathBuf),
    /// Trial mode, under this data folder.
    Trial(PathBuf),
}

/// Why a configuration could not be had.
#[derive(Debug, thiserror::Error)]
pub enum NotRead {
    /// The operator's file cannot be read.
    #[error("{}: cannot be read: {why}", file.display())]
    Unreadable {
        /// Which.
        file: PathBuf,
        /// Why.
        why: std::io::Error,
    },
    /// One of the layers is wrong.
    #[error(transparent)]
    Wrong(#[from] LayerError),
    /// The stored layer cannot be read.
    #[error("the stored configuration in {}: {why}", folder.display())]
    Store {
        /// The data folder.
        folder: PathBuf,
        /// Why.
        why: StoreError,
    },
}

impl Source {
    /// Reads and merges all layers. `data_dir` from the command line wins over the file. Waits for disks.
    pub fn read(&self, data_dir: Option<&Path>) -> Result<Config, String> {
        self.read_layers(data_dir).map(|merged| merged.config).map_err(|error| error.to_string())
    }

    /// The same, with the origin of each value.
    pub fn read_layers(&self, data_dir: Option<&Path>) -> Result<Merged, NotRead> {
        let written = self.written(data_dir)?;
        let files = domains_files(&written)?;
        let stored = stored(written.data_dir())?;
        Ok(layers::merge(written.with_domains(files), &stored)?)
    }

    /// The operator's file alone: what a command needs to find its gateway, however many domains that has.
    pub fn written(&self, data_dir: Option<&Path>) -> Result<Written, NotRead> {
        let wrong = |error: ConfigError| NotRead::Wrong(LayerError::File(error));
        let written = match self {
            Source::Trial(folder) => Written::trial(folder),
            Source::File(file) => {
                let text = fs::read_to_string(file)
                    .map_err(|why| NotRead::Unreadable { file: file.clone(), why })?;
                Written::parse(file, text)
            }
        };
        Ok(written.map_err(wrong)?.with_data_dir(data_dir))
    }
}

/// Reads the domains-files that the file names.
pub fn domains_files(written: &Written) -> Result<Vec<DomainsFile>, NotRead> {
    let read = |file: &PathBuf| {
        let failed = |why: std::io::Error| {
            NotRead::Wrong(LayerError::File(ConfigError::unreadable(file, &why)))
        };
        let bytes = read_bounded(file, limits::DOMAINS_FILE_BYTES_MAX).map_err(failed)?;
        let text = String::from_utf8(bytes)
            .map_err(|_| failed(std::io::Error::other("it is not UTF-8")))?;
        Ok(DomainsFile { file: file.clone(), text })
    };
    written.domains_files().iter().map(read).collect()
}

/// Reads the stored layer of a data folder; an empty one when nothing was ever stored.
fn stored(data_dir: &Path) -> Result<Stored, NotRead> {
    let read = || match ConfigDb::open_if_there(data_dir)? {
        Some(db) => db.read(),
        None => Ok(Stored::default()),
    };
    read().map_err(|why| NotRead::Store { folder: data_dir.to_path_buf(), why })
}
