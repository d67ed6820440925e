//! `sluss train`: what labelled corpora teach, as a file. The same corpora make the same file, byte for byte.
//!
//! No gateway begins with such a file: learned from other people's mail it knows their servers, lists and years, and takes newsletters and
//! small languages for spam (`rules/model/README.md` has the figures). It is there to measure that, and what an own archive would be worth.

use super::{
    Failure, Place, in_order,
    labelled::{self, Row},
    print,
};
use crate::{
    base::clock::Clock,
    examine::Reveal,
    learn::classifier::{Lesson, Model, Sureness, Taught, Views, form},
};
use clap::Args;
use std::{
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
};

#[derive(Debug, Args)]
pub(super) struct Train {
    #[command(flatten)]
    place: Place,
    /// Labelled corpora, one behind the other: a line for each mail with its path from the index's folder, a tab, its label (spam, phish or ham).
    #[arg(required = true)]
    indexes: Vec<PathBuf>,
    /// The file to make.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// The folder that the paths start from. Default: each index's own.
    #[arg(long, value_name = "DIR")]
    root: Option<PathBuf>,
    /// How many mails at a time.
    #[arg(long, default_value_t = 2)]
    jobs: usize,
}

impl Train {
    pub(super) fn run(self) -> Result<ExitCode, Failure> {
        let clock = Clock::system();
        let settings = self.place.settings(&clock, Reveal::No)?;
        let mut model = Model::default();
        let mut unread = 0;
        for index in &self.indexes {
            let rows = labelled::rows(index)?;
            let root = self.root.clone().unwrap_or_else(|| labelled::folder_of(index));
            let look = |row: &Row| labelled::look(&settings, &clock, &root.join(&row.path), true);
            in_order::all(&rows, self.jobs, look, |row, looked| {
                match looked {
                    Ok(looked) => {
                        let sureness = Sureness::Confirmed;
                        let lesson = Lesson { label: row.is(), views: Views::All, sureness };
                        model.learn(&looked.sketch, lesson);
                    }
                    Err(why) => {
                        eprintln!("sluss: {}: {why}", row.path);
                        unread += 1;
                    }
                }
                Ok(())
            })?;
        }
        let bytes = form::framed(MAGIC, &model.to_bytes());
        fs::write(&self.out, &bytes)
            .map_err(|error| Failure::Failed(format!("{}: {error}", self.out.display())))?;
        let Taught { spam, ham } = model.taught();
        print::line(&format!(
            "learned: {spam} spam, {ham} wanted; {} is {} bytes, BLAKE3 {}",
            self.out.display(),
            bytes.len(),
            blake3::hash(&bytes).to_hex(),
        ))?;
        Ok(if unread == 0 { ExitCode::SUCCESS } else { ExitCode::from(2) })
    }
}

/// What [`Train`] made.
pub(super) fn read(file: &Path) -> Result<Model, Failure> {
    let bad = |why: &dyn std::fmt::Display| {
        Failure::BadInput(format!("{}: {why}; sluss train makes such a file", file.display()))
    };
    let bytes = fs::read(file).map_err(|error| bad(&error))?;
    if !bytes.starts_with(MAGIC) {
        return Err(bad(&"it is no learned model"));
    }
    let model = form::unframed(MAGIC, &bytes).ok_or_else(|| bad(&"it is damaged"))?;
    Model::from_bytes(model).map_err(|error| bad(&error))
}

const MAGIC: &[u8; 8] = b"SLUSSTR1";
