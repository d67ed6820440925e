//! Whole compound files through [`open`].

use super::{
    cfb::testing::{compound, compound_of_class},
    ovba::testing::{compress, dir},
    *,
};
use crate::{base::clock::Clock, formats::budget::Bounds};

fn budget() -> Budget {
    Budget::new(Bounds::default(), &Clock::system())
}

/// Is the marker in any member?
fn has(opened: &Opened, marker: &str) -> bool {
    let marker = marker.as_bytes();
    opened.members.iter().any(|member| memchr::memmem::find(&member.bytes, marker).is_some())
}

#[test]
fn every_stream_is_given() {
    let bytes = compound(&[
        ("unknown", b"MARK-ONE"),
        ("deep/er/still", &[b"MARK-TWO".as_slice(), &[0; 5_000]].concat()),
        ("\u{5}SummaryInformation", b"M\0A\0R\0K\0-\0W\0I\0D\0E\0"),
    ]);
    let opened = open(&bytes, "a.doc", &[], &mut budget());
    for marker in ["MARK-ONE", "MARK-TWO", "MARK-WIDE"] {
        assert!(has(&opened, marker), "{marker} {opened:?}");
    }
    let names: Vec<_> = opened.members.iter().filter_map(|m| m.name.as_deref()).collect();
    assert!(names.contains(&"[5]SummaryInformation") && names.contains(&"deep/er/still"));
    assert_eq!(opened.stopped, None);
}

#[test]
fn what_is_broken_says_so_and_gives_what_there_is() {
    let source =
        compress(b"Attribute VB_Name = \"M\"\r\nSub AutoOpen()\r\nShell \"MARKER\"\r\nEnd Sub");
    let opened = open(
        &[b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", &source[..]].concat(),
        "a.doc",
        &[],
        &mut budget(),
    );
    assert!(matches!(opened.stopped, Some(Stopped::Damaged(_))));
    assert!(has(&opened, "MARKER"));
    assert!(opened.signs.iter().any(|sign| sign.id == "office.macro"));
}

#[test]
fn many_small_streams_are_joined() {
    let names: Vec<String> = (0..3_000).map(|n| format!("s{n}")).collect();
    let contents: Vec<String> = (0..3_000).map(|n| format!("MARK{n}.")).collect();
    let files: Vec<(&str, &[u8])> =
        names.iter().zip(&contents).map(|(n, c)| (n.as_str(), c.as_bytes())).collect();
    let opened = open(&compound(&files), "a.doc", &[], &mut budget());
    assert!(opened.members.len() <= limits::COMPOUND_STREAMS_APART_MAX + 2);
    assert!(has(&opened, "MARK0.") && has(&opened, "MARK2999."));
}

#[test]
fn a_document_with_everything_cut_anywhere() {
    let stream =
        [&[0; 11][..], &compress(b"Attribute VB_Name = \"M\"\r\nSub A()\r\nEnd Sub")].concat();
    let (main, table) = word::tests::sample(b"narrow", "wide");
    let package = super::objects::testing::package("a.txt", "a.exe", b"MARKER");
    let book = xlm::tests::sample();
    let files: &[(&str, &[u8])] = &[
        ("Macros/VBA/dir", &compress(&dir("M", 11))),
        ("Macros/VBA/M", &stream),
        ("WordDocument", &main),
        ("1Table", &table),
        ("ObjectPool/_1/\u{1}Ole10Native", &[&[0; 4], &package[..]].concat()),
        ("ObjectPool/_2/Workbook", &book),
        ("PowerPoint Document", &[0; 100]),
    ];
    let bytes = compound(files);
    let opened = open(&bytes, "a.doc", &[], &mut budget());
    for marker in ["narrow", "wide", "MARKER", "Sub A()", "EXEC(\"MARKER\")"] {
        assert!(has(&opened, marker), "{marker}");
    }
    for end in (0..bytes.len()).step_by(37) {
        open(&bytes[..end], "a.doc", &[], &mut budget());
    }
    // One byte after the other is wrong.
    for at in (0..bytes.len()).step_by(11) {
        let mut bytes = bytes.clone();
        bytes[at] ^= 0xff;
        open(&bytes, "a.doc", &[], &mut budget());
    }
}

#[test]
fn installers_give_their_files() {
    let class = *b"\x84\x10\x0c\0\0\0\0\0\xc0\0\0\0\0\0\0\x46";
    let bytes = compound_of_class(&[("\u{3f3f}\u{4577}", b"MZ MARKER"), ("x", b"y")], class);
    let opened = open(&bytes, "a.msi", &[], &mut budget());
    assert!(opened.signs.iter().any(|sign| sign.id == "office.installer"));
    assert!(has(&opened, "MARKER"));
}
