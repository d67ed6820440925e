//! The learned model as a file. Whatever is wrong with it, the lessons are the truth: it is learned again.

use super::Mind;
use crate::{
    learn::classifier::{Model, form},
    store::{lessons::Generation, private},
};
use std::{
    fs, io,
    path::{Path, PathBuf},
};

/// The file: eight letters, the last lesson, the lineage and the generation of lessons, how long a list of organisations with their labels in JSON
/// is, that, the model, and a hash of all of it.
const MAGIC: &[u8; 8] = b"SLUSSMO2";

fn file(folder: &Path) -> PathBuf {
    folder.join("model")
}

pub(super) fn write(folder: &Path, mind: &Mind) -> io::Result<()> {
    let file = file(folder);
    let Some(model) = &mind.model else { return remove(folder) };
    let mut bytes = head(mind.until, mind.generation);
    let labels = serde_json::to_vec(&mind.labels)?;
    bytes.extend(u32::try_from(labels.len()).unwrap_or(u32::MAX).to_le_bytes());
    bytes.extend(labels);
    bytes.extend(model.to_bytes());
    private::replace(&file, &form::framed(MAGIC, &bytes))
}

/// The last lesson, the lineage and the generation of lessons.
pub(super) fn head(until: u64, generation: Generation) -> Vec<u8> {
    let Generation { lineage, number } = generation;
    [&until.to_le_bytes()[..], &lineage, &number.to_le_bytes()].concat()
}

/// These, and what follows.
pub(super) fn read_head(bytes: &[u8]) -> Option<(u64, Generation, &[u8])> {
    let (until, rest) = bytes.split_first_chunk::<8>()?;
    let (lineage, rest) = rest.split_first_chunk::<16>()?;
    let (number, rest) = rest.split_first_chunk::<8>()?;
    let generation = Generation { lineage: *lineage, number: u64::from_le_bytes(*number) };
    Some((u64::from_le_bytes(*until), generation, rest))
}

/// What was forgotten must not lie there either.
pub(super) fn remove(folder: &Path) -> io::Result<()> {
    match fs::remove_file(file(folder)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        Ok(()) | Err(_) => Ok(()),
    }
}

/// None: there is none, or it is not whole, or of another version.
pub(super) fn read(folder: &Path) -> Option<Mind> {
    let file = file(folder);
    let bytes = fs::read(&file).ok()?;
    let read = parse(&bytes);
    if read.is_none() {
        tracing::warn!(file = %file.display(), "the learned model is damaged or of another version; it is learned again from the lessons");
    }
    read
}

fn parse(bytes: &[u8]) -> Option<Mind> {
    let (until, generation, rest) = read_head(form::unframed(MAGIC, bytes)?)?;
    let (length, rest) = rest.split_first_chunk::<4>()?;
    let length = usize::try_from(u32::from_le_bytes(*length)).ok()?;
    let (labels, model) = rest.split_at_checked(length)?;
    Some(Mind {
        model: Some(Model::from_bytes(model).ok()?),
        fitted: None,
        until,
        generation,
        labels: serde_json::from_slice(labels).ok()?,
        ..Mind::default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::learn::classifier::{Label, Lesson, Sketch, Sureness, Views, grams::Grams};

    #[test]
    fn it_comes_back_whole_or_not_at_all() {
        let folder = tempfile::tempdir().unwrap();
        assert!(read(folder.path()).is_none());
        let grams = Grams::of(vec![1, 5, 9]);
        let sketch =
            Sketch { whole: grams.clone(), mixed: grams.clone(), body: grams, ..Sketch::default() };
        let lesson =
            Lesson { label: Label::Spam, views: Views::All, sureness: Sureness::Confirmed };
        let mut model = Model::default();
        model.learn(&sketch, lesson);
        let generation = Generation { lineage: [5; 16], number: 3 };
        let labels = [(crate::mail::Organisation::named("one"), 7)].into();
        let mind = Mind { model: Some(model), until: 7, generation, labels, ..Mind::default() };
        write(folder.path(), &mind).unwrap();
        let back = read(folder.path()).unwrap();
        assert_eq!((back.until, back.generation, &back.labels), (7, generation, &mind.labels));
        let judge = |mind: &Mind| mind.model.as_ref().unwrap().judge(&sketch);
        assert_eq!(judge(&back), judge(&mind));
        let mut bytes = fs::read(folder.path().join("model")).unwrap();
        bytes[5_000] ^= 1;
        fs::write(folder.path().join("model"), &bytes).unwrap();
        assert!(read(folder.path()).is_none());
        write(folder.path(), &Mind::default()).unwrap();
        assert!(!folder.path().join("model").exists(), "what was forgotten");
    }
}
