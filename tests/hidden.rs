//! A battery of mails in which a harmless marker is hidden in every way we know, beside bombs and ordinary mails: `tests/hidden`, a
//! generator in Python. Whatever a recipient's program could show or run must have been scanned, or it is said why not.
//!
//! What is not found yet stands in `tests/hidden/open.txt`. A line there that is found after all is an error too, so that the list is true.

// Failing loudly is what these tests are for.
#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout)]

use std::{collections::BTreeSet, fs, process::Command};

#[test]
fn what_is_hidden_is_found_or_said_and_ordinary_mail_passes() {
    let folder = tempfile::tempdir().unwrap();
    let mails = folder.path().join("mails");
    let python = |words: &[&str]| {
        let mut command = Command::new("python3");
        command.args(["-B", "-m"]).args(words).current_dir("tests");
        command.env("PYTHONPATH", ".").output().unwrap()
    };
    let made = python(&["hidden", mails.to_str().unwrap()]);
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let scored = python(&["hidden.score", mails.to_str().unwrap(), env!("CARGO_BIN_EXE_sluss")]);
    let report = String::from_utf8_lossy(&scored.stdout);
    println!("{report}");
    let open: BTreeSet<String> = lines(&fs::read_to_string("tests/hidden/open.txt").unwrap());
    let mut short = BTreeSet::new();
    for line in report.lines() {
        let mut words = line.split_whitespace();
        let (word, name) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        let Some(name) = name.strip_suffix(".eml:") else { continue };
        // A debug build on a busy machine is slow; that each ends is what counts here, and how fast it is, is measured elsewhere.
        if matches!(word, "missed" | "lost" | "flagged") {
            short.insert(format!("{word} {}", name.split_once('-').unwrap().1));
        }
    }
    assert!(
        report.contains("found"),
        "nothing was scored: {}",
        String::from_utf8_lossy(&scored.stderr)
    );
    let new: Vec<&String> = short.difference(&open).collect();
    let mended: Vec<&String> = open.difference(&short).collect();
    assert!(new.is_empty() && mended.is_empty(), "new: {new:#?}\nfound by now: {mended:#?}");
}

fn lines(text: &str) -> BTreeSet<String> {
    text.lines().filter(|line| !line.starts_with('#')).map(|line| line.trim().to_string()).collect()
}
