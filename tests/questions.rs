//! The questions of the fuzz targets, asked about the mails that the repository holds: they keep compiling and keep holding without a
//! fuzzer, which is no part of the normal build.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, clippy::print_stdout)] // Failing loudly is what these tests are for.

#[allow(unreachable_pub, dead_code, missing_docs)] // A crate of its own, of which this uses a part.
#[path = "fuzz/src/lib.rs"]
mod fuzz;

use std::{fs, path::PathBuf};

/// Every mail in the tests' folders, in lines that end in CRLF; what stands before the first empty line of a file may be directives.
fn mails() -> Vec<(PathBuf, Vec<u8>)> {
    let files = fs::read_dir("tests/mails").unwrap().flatten().map(|entry| entry.path());
    let mut mails: Vec<(PathBuf, Vec<u8>)> = files
        .map(|file| {
            let bytes = fs::read(&file).unwrap();
            let start = bytes.windows(2).position(|pair| pair == b"\n\n").map_or(0, |at| at + 2);
            let mut mail = Vec::new();
            for line in bytes[start..].split_inclusive(|byte| *byte == b'\n') {
                let text = line.strip_suffix(b"\n").unwrap_or(line);
                mail.extend_from_slice(text.strip_suffix(b"\r").unwrap_or(text));
                mail.extend_from_slice(b"\r\n");
            }
            (file, mail)
        })
        .collect();
    mails.sort();
    mails
}

#[test]
fn nothing_that_another_parser_finds_is_overlooked() {
    let mails = mails();
    assert!(mails.len() > 20);
    for (file, mail) in &mails {
        // The message of a failure names no file.
        println!("{}", file.display());
        fuzz::nothing_is_overlooked(mail);
        fuzz::open_mail(mail);
    }
}

#[test]
fn what_is_read_does_not_depend_on_where_it_is_cut() {
    for (_, mail) in mails() {
        let mut wire = mail.clone();
        wire.extend_from_slice(b"\r\n.\r\n");
        for cut in [0, 1, 7, 80, 255] {
            fuzz::read_stream(&[&[cut], &wire[..]].concat());
        }
    }
}
