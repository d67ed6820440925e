//! The bombs of `tests/hidden`, made by Python.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

/// Makes the battery's bombs in this folder; gives their paths.
pub(crate) fn bombs(folder: &Path) -> Vec<PathBuf> {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    let mails = folder.join("hidden");
    let made = Command::new("python3")
        .args(["-B", "-m", "hidden", mails.to_str().unwrap()])
        .current_dir(tests)
        .env("PYTHONPATH", ".")
        .output()
        .unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let index = fs::read_to_string(mails.join("index.tsv")).unwrap();
    let rows = index.lines().map(|line| line.split('\t').collect::<Vec<_>>());
    rows.filter(|row| row[2] == "survive").map(|row| mails.join(row[0])).collect()
}
