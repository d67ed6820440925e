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

#[test]
fn reports_that_are_cut_and_bent_are_read_or_refused() {
    let report = "<?xml version=\"1.0\"?><feedback xmlns=\"urn:ietf:params:xml:ns:dmarc-2.0\"><report_metadata><org_name>Far</org_name>\
        <report_id>1</report_id><date_range><begin>1</begin><end>2</end></date_range></report_metadata><policy_published>\
        <domain>ours.example</domain></policy_published><record><row><source_ip>192.0.2.1</source_ip><count>2</count></row>\
        <identifiers><header_from>ours.example</header_from></identifiers><auth_results><dkim><domain>ours.example</domain>\
        <result>pass</result></dkim></auth_results></record></feedback>";
    let notice = "Reporting-MTA: dns; far.example\r\n\r\nFinal-Recipient: rfc822; x@far.example\r\nAction: failed\r\nStatus: 5.1.1\r\n\r\n";
    let complaint = "Feedback-Type: abuse\r\nSource-IP: 192.0.2.1\r\nIncidents: 3\r\nOriginal-Mail-From: <a@ours.example>\r\n";
    let quoted =
        "Hi.\n> Subject: x\n> Message-ID: <1@ours.example>\n\nmessage-id:\n <2@ours.example>\n";
    let mut state = 1_u64;
    let mut chance = |below: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        usize::try_from(state >> 33).unwrap() % below
    };
    for text in [report, notice, complaint, quoted] {
        for _ in 0..2_000 {
            let mut bytes = text.as_bytes().to_vec();
            for _ in 0..=chance(4) {
                let at = chance(bytes.len());
                match chance(3) {
                    0 => bytes[at] = b"<>&;:/\"'\0\r\n\xff9"[chance(13)],
                    1 => drop(bytes.drain(at..(at + chance(20)).min(bytes.len()))),
                    _ => bytes.extend_from_within(at..),
                }
                bytes.push(b'x');
            }
            fuzz::read_report(&bytes);
        }
    }
}
