//! What is learned, from outside: `sluss evaluate` on a corpus of our own making.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::{fs, path::Path, process::Command};

/// Sixty mails of each kind, which differ in all but what their kind always says.
fn corpus(folder: &Path) {
    let mut index = String::from("path\tlabel\torder\n# made by the test\n");
    for number in 0..60 {
        for (label, from, says) in [
            ("spam", "prize", "Claim the winnings that await you in our lottery now"),
            ("ham", "anna", "The minutes of the meeting on Monday are attached"),
        ] {
            let name = format!("{number} {label}.eml");
            let mail = format!(
                "Received: from a.example by b.example; Mon, 23 Nov 2026 12:00:00 +0000\r\n\
                 Date: Mon, 23 Nov 2026 12:00:00 +0000\r\nFrom: {from}{number}@a{number}.example\r\n\
                 To: kim@ours.example\r\nMessage-ID: <{number}.{label}@a.example>\r\nSubject: number {number}\r\n\r\n\
                 {number} {says} {number}\r\n"
            );
            fs::write(folder.join(&name), mail).unwrap();
            index.push_str(&format!("{name}\t{label}\t{number}\n"));
        }
    }
    fs::write(folder.join("index.tsv"), index).unwrap();
}

fn evaluate(folder: &Path, more: &[&str]) -> (Option<i32>, String, String) {
    let index = folder.join("index.tsv");
    let data = folder.join("data");
    let out = Command::new(env!("CARGO_BIN_EXE_sluss"))
        .arg("evaluate")
        .arg(&index)
        .arg("--data")
        .arg(&data)
        .args(more)
        .output()
        .unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (out.status.code(), text(&out.stdout), text(&out.stderr))
}

#[test]
fn a_corpus_is_judged_in_order_and_learned_after_each_judgement() {
    let folder = tempfile::tempdir().unwrap();
    corpus(folder.path());
    let scores = folder.path().join("scores.tsv");
    let out = scores.to_str().unwrap();
    let (code, text, errors) =
        evaluate(folder.path(), &["--online", "--text-only", "--scores", out, "--parts"]);
    assert_eq!((code, errors.as_str()), (Some(0), ""), "{text}");
    let all = text.lines().find(|line| line.starts_with("all 120")).expect("the row of all");
    assert_eq!(all.split_whitespace().nth(2), Some("60"), "{text}");
    assert!(text.contains("(1-ROCA)%") && text.contains("mails/s"), "{text}");

    let lines: Vec<Vec<String>> = fs::read_to_string(&scores)
        .unwrap()
        .lines()
        .map(|line| line.split('\t').map(str::to_string).collect())
        .collect();
    assert_eq!(lines.len(), 120);
    // The first of all is judged by a model that knows nothing, and the label comes after.
    assert_eq!(lines[0][..3], ["0 spam.eml", "spam", "0"]);
    let score = |line: &Vec<String>| line[2].parse::<f64>().unwrap();
    for line in &lines[20..] {
        assert_eq!(score(line) > 0.0, line[1] == "spam", "{line:?}");
    }
    assert!(!folder.path().join("data").exists(), "nothing is changed");
}

#[test]
fn without_learning_the_rules_alone_judge_and_bad_lines_are_named() {
    let folder = tempfile::tempdir().unwrap();
    corpus(folder.path());
    let (code, text, errors) = evaluate(folder.path(), &["--json"]);
    assert_eq!(code, Some(0), "{errors}");
    let value: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!((value["mails"].as_u64(), value["unread"].as_u64()), (Some(120), Some(0)));
    assert_eq!(value["measured"][0]["spam"].as_u64(), Some(60), "{text}");

    fs::remove_file(folder.path().join("7 ham.eml")).unwrap();
    let (code, _, errors) = evaluate(folder.path(), &["--online"]);
    assert_eq!(code, Some(2), "{errors}");
    assert!(errors.contains("7 ham.eml: "), "{errors}");

    fs::write(folder.path().join("index.tsv"), "0 ham.eml\tperhaps\n").unwrap();
    let (code, _, errors) = evaluate(folder.path(), &["--online"]);
    assert_eq!(code, Some(2), "{errors}");
    assert!(
        errors.contains("index.tsv: line 1: ") && errors.contains("spam, phish or ham"),
        "{errors}"
    );
}
