//! House rules that a machine can check. Runs with the other tests, so there is one command to know.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, missing_docs)]

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

/// Lowest first. A folder may import itself and what stands before it in this list.
const LAYERS: &[&str] = &[
    "base", "mail", "wire", "formats", "config", "learn", "personal", "examine", "facts", "checks",
    "verdict", "store", "pipeline", "edge",
];

/// The world: sockets, files, processes, the runtime.
const IO: &[&str] =
    &["tokio::", "rustls::", "axum::", "std::net::Tcp", "std::fs", "std::process", "std::thread"];

/// Folders that may touch the world.
const IO_ALLOWED: &[&str] = &["facts", "store", "pipeline", "edge"];

/// The one file that may hold `unsafe`, once the locked room is there.
const UNSAFE_ALLOWED: &str = "src/edge/worker/sandbox.rs";

#[test]
fn imports_point_downwards() {
    let mut wrong = Vec::new();
    for (file, code) in sources() {
        let Some(layer) = layer_of(&file) else { continue };
        for target in crate_paths(&code) {
            let above =
                LAYERS.iter().position(|name| *name == target).is_some_and(|rank| layer < rank);
            if above {
                wrong.push(format!(
                    "{}: {} may not import {target}",
                    file.display(),
                    LAYERS[layer]
                ));
            }
        }
        if code.contains("super::super") {
            wrong.push(format!(
                "{}: write the path from crate::, so that the layer shows",
                file.display()
            ));
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn pure_folders_touch_nothing() {
    let mut wrong = Vec::new();
    for (file, code) in sources() {
        let Some(layer) = layer_of(&file) else { continue };
        if !IO_ALLOWED.contains(&LAYERS[layer]) {
            let touched = IO.iter().filter(|name| code.contains(**name));
            wrong.extend(
                touched.map(|name| format!("{}: {name} in a folder without I/O", file.display())),
            );
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn only_verdict_compares_a_score() {
    let mut wrong = Vec::new();
    for (file, code) in sources() {
        if file.starts_with("src/verdict") || file.starts_with("src/config") {
            continue;
        }
        for (number, line) in code.lines().enumerate() {
            let compares = [
                "score >",
                "score <",
                "score.gt",
                "score.lt",
                "thresholds.mark() <",
                "thresholds.reject() <",
            ];
            if compares.iter().any(|sign| line.contains(sign)) {
                wrong.push(format!("{}:{}: {}", file.display(), number + 1, line.trim()));
            }
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn replies_are_written_in_one_place() {
    let mut wrong = Vec::new();
    for (file, code) in sources() {
        let makes = code
            .lines()
            .any(|line| line.contains("Reply { code") && !line.contains("ServerReply { code"));
        if makes && !file.ends_with("wire/smtp/replies.rs") {
            wrong.push(format!("{}: a reply made outside replies.rs", file.display()));
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn unsafe_stays_in_its_room() {
    let allowing: Vec<PathBuf> = sources()
        .into_iter()
        .filter(|(file, code)| {
            file != Path::new(UNSAFE_ALLOWED)
                && (code.contains("unsafe ") || code.contains("unsafe_code"))
        })
        .map(|(file, _)| file)
        .collect();
    assert!(allowing.is_empty(), "{allowing:?}");
}

#[test]
fn every_check_has_its_tests_beside_it() {
    let without: Vec<PathBuf> = rust_files(Path::new("src/checks"))
        .into_iter()
        .filter(|file| {
            let text = read(file);
            text.contains("CHECK: Check") && !text.contains("#[cfg(test)]")
        })
        .collect();
    assert!(without.is_empty(), "{without:?}");
}

#[test]
fn files_open_with_what_they_are() {
    let silent: Vec<PathBuf> = rust_files(Path::new("src"))
        .into_iter()
        .filter(|file| !read(file).starts_with("//!"))
        .collect();
    assert!(silent.is_empty(), "these files do not begin with //!: {silent:?}");
}

#[test]
fn citations_name_a_section() {
    let mut vague = Vec::new();
    for file in rust_files(Path::new("src")) {
        for (number, line) in read(&file).lines().enumerate() {
            let Some((_, after)) = line.split_once("// RFC ") else { continue };
            if !after.contains("section ")
                && !after.contains("appendix ")
                && !after.starts_with("1047")
            {
                vague.push(format!("{}:{}", file.display(), number + 1));
            }
        }
    }
    assert!(vague.is_empty(), "a citation inside code names its section: {vague:?}");
}

#[test]
fn rfc_index_and_code_agree() {
    let index = read(Path::new("tests/rfc_index.txt"));
    let listed: Vec<(&str, &str)> = index
        .lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| {
            let mut words = line.split_whitespace();
            Some((words.next()?, words.next()?))
        })
        .collect();
    let code: String = rust_files(Path::new("src")).iter().map(|file| read(file)).collect();
    let mut wrong = BTreeSet::new();
    for (at, _) in code.match_indices("RFC ") {
        let number: String = code[at + 4..].chars().take_while(char::is_ascii_digit).collect();
        if !number.is_empty() && !listed.iter().any(|(rfc, _)| *rfc == number) {
            wrong.insert(format!("RFC {number} is cited but not in tests/rfc_index.txt"));
        }
    }
    for (rfc, status) in &listed {
        if matches!(*status, "yes" | "partly") && !code.contains(&format!("RFC {rfc}")) {
            wrong.insert(format!("RFC {rfc} is claimed {status} but no code cites it"));
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.into_iter().collect::<Vec<_>>().join("\n"));
}

#[test]
fn main_is_small() {
    let lines = read(Path::new("src/main.rs")).lines().count();
    assert!(lines < 40, "src/main.rs has {lines} lines");
}

#[test]
fn the_repository_speaks_of_the_project_alone() {
    // Written in pieces, so that this file does not find itself.
    let words = [["/wo", "rk/"].concat(), ["/ro", "ot/"].concat(), ["../sha", "red"].concat()];
    let mut found = Vec::new();
    for folder in ["src", "tests", "benches", "rules", ".ci"] {
        for file in all_files(Path::new(folder)) {
            let Ok(text) = fs::read_to_string(&file) else { continue };
            for (number, line) in text.lines().enumerate() {
                if words.iter().any(|word| line.contains(word.as_str())) {
                    found.push(format!("{}:{}", file.display(), number + 1));
                }
            }
        }
    }
    assert!(found.is_empty(), "paths of a particular machine: {found:?}");
}

/// Every source file with its code: comments and tests taken out, so that both may speak freely.
fn sources() -> Vec<(PathBuf, String)> {
    let files = rust_files(Path::new("src")).into_iter().filter(|file| !is_test(file));
    files.map(|file| (file.clone(), code_of(&read(&file)))).collect()
}

/// A file that is only compiled for tests.
fn is_test(file: &Path) -> bool {
    let name = file.file_stem().and_then(|name| name.to_str()).unwrap_or("");
    matches!(name, "tests" | "storms" | "memory_disk" | "shipped")
        || file.components().any(|part| part.as_os_str() == "tests")
}

fn code_of(text: &str) -> String {
    let code = text.split("\n#[cfg(test)]\nmod tests").next().unwrap_or(text);
    code.lines().map(|line| line.split("//").next().unwrap_or("")).collect::<Vec<_>>().join("\n")
}

fn layer_of(file: &Path) -> Option<usize> {
    let folder = file.components().nth(1)?.as_os_str().to_str()?;
    LAYERS.iter().position(|name| *name == folder)
}

/// Finds `crate::x` and the names in `crate::{x::.., y}`, over line ends.
fn crate_paths(code: &str) -> Vec<String> {
    let mut found = Vec::new();
    for (at, _) in code.match_indices("crate::") {
        let rest = &code[at + "crate::".len()..];
        match rest.strip_prefix('{') {
            Some(group) => found.extend(top_level_names(group)),
            None => found.push(word(rest)),
        }
    }
    found
}

fn top_level_names(group: &str) -> Vec<String> {
    let mut depth = 0;
    let mut names = vec![String::new()];
    for letter in group.chars() {
        match letter {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => names.push(String::new()),
            _ if depth == 0 => names.last_mut().unwrap().push(letter),
            _ => (),
        }
    }
    names.iter().map(|name| word(name.trim())).collect()
}

fn word(text: &str) -> String {
    text.chars().take_while(|letter| letter.is_alphanumeric() || *letter == '_').collect()
}

fn rust_files(dir: &Path) -> Vec<PathBuf> {
    all_files(dir)
        .into_iter()
        .filter(|file| file.extension().is_some_and(|ending| ending == "rs"))
        .collect()
}

fn all_files(dir: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(dir) else { return Vec::new() };
    let mut files = Vec::new();
    for entry in entries {
        let path = entry.unwrap().path();
        match path.is_dir() {
            // What npm puts beside the browser's scenarios is not ours.
            true if path.ends_with("node_modules") => (),
            true => files.extend(all_files(&path)),
            false => files.push(path),
        }
    }
    files.sort();
    files
}

fn read(file: &Path) -> String {
    fs::read_to_string(file).unwrap()
}
