//! RAR archives by hand, whole, cut and false.

use super::{
    headers::testing::{archive_five, archive_four, five, four},
    *,
};
use crate::formats::keep::testing::{budget, texts, torture};

fn opened(bytes: &[u8]) -> Opened {
    open(bytes, &[], &mut budget())
}

fn pair(name: &str, text: &str) -> (String, String) {
    (name.to_string(), text.to_string())
}

#[test]
fn stored_files_of_both_formats() {
    for archive in [
        archive_five(0, &[five(2, "a.txt", b"one", 0, &[]), five(2, "b/c.exe", b"two", 0, &[])]),
        archive_four(
            0,
            &[four(0x74, "a.txt", b"one", 0, &[]), four(0x74, "b\\c.exe", b"two", 0, &[])],
        ),
    ] {
        let want = [pair("a.txt", "one"), pair("b/c.exe", "two")];
        let plain = opened(&archive);
        assert_eq!((texts(&plain), plain.stopped), (want.to_vec(), None));
        // Behind a program.
        let behind = [&b"MZ"[..], &[0x90; 70_000], &archive].concat();
        assert_eq!(texts(&opened(&behind)), want);
        // Rubbish behind it.
        let before = [&archive, &b"rubbish"[..]].concat();
        assert_eq!(texts(&opened(&before)), want);
    }
}

#[test]
fn a_wrong_header_checksum_hides_nothing() {
    for mut archive in [
        archive_five(0, &[five(2, "a.txt", b"one", 0, &[])]),
        archive_four(0, &[four(0x74, "a.txt", b"one", 0, &[])]),
    ] {
        let at = memmem::find(&archive, b"a.txt").unwrap();
        archive[at] = b'x';
        assert_eq!(texts(&opened(&archive)), [pair("x.txt", "one")]);
    }
}

#[test]
fn comments_and_streams_are_given() {
    let stream = b"\x0c\x07:evil.js\0\0\0";
    let archive = archive_five(
        0,
        &[
            five(3, "CMT", b"read me", 0, &[]),
            five(2, "a.txt", b"one", 0, &[]),
            five(3, "STM", b"two", 0, stream),
        ],
    );
    let found = opened(&archive);
    assert_eq!(
        texts(&found),
        [pair("a.txt", "one"), pair("comment", "read me"), pair("a.txt:evil.js", "two")]
    );
    assert_eq!(found.signs[0].id, "archive.hidden_stream");
    let stream: Vec<u8> = ":evil.js".encode_utf16().flat_map(u16::to_le_bytes).collect();
    let archive = archive_four(
        0,
        &[four(0x74, "a.txt", b"one", 0, &[]), four(0x7a, "STM", b"two", 0, &stream)],
    );
    assert_eq!(texts(&opened(&archive)), [pair("a.txt", "one"), pair("a.txt:evil.js", "two")]);
}

#[test]
fn a_volume_gives_what_is_whole_in_it() {
    for archive in [
        archive_five(1, &[five(2, "a", b"one", 0, &[]), five(2, "b", b"tw", 0x10, &[])]),
        archive_four(1, &[four(0x74, "a", b"one", 0, &[]), four(0x74, "b", b"tw", 2, &[])]),
    ] {
        let found = opened(&archive);
        assert_eq!(texts(&found), [pair("a", "one"), pair("b", "tw")]);
        assert_eq!(found.members[0].stopped, None);
        let several = Some(Stopped::Unsupported("one volume of several".to_string()));
        assert_eq!((&found.members[1].stopped, &found.stopped), (&several, &several));
    }
}

#[test]
fn encrypted_headers_are_said() {
    let four = [FOUR, b"\0\0\x73\x80\0\x0d\0\0\0\0\0\0\0", &[7; 90]].concat();
    let found = opened(&four);
    assert_eq!(
        (found.stopped, found.signs[0].id),
        (Some(Stopped::Encrypted), "archive.names_encrypted")
    );
}

#[test]
fn names_that_climb_are_a_sign() {
    let archive = archive_five(0, &[five(2, "../../Startup/x.lnk", b"one", 0, &[])]);
    let found = opened(&archive);
    assert_eq!(texts(&found), [pair("../../Startup/x.lnk", "one")]);
    assert_eq!(found.signs[0].id, "archive.path_escapes");
}

#[test]
fn broken_archives_never_panic() {
    let stream = b"\x0c\x07:evil.js\0\0\0";
    torture(
        &archive_five(0, &[five(2, "a.txt", b"one", 0, &[]), five(3, "STM", b"two", 0, stream)]),
        |bytes| drop(opened(bytes)),
    );
    torture(&archive_four(0, &[four(0x74, "a.txt", b"one", 0x400, &[0; 8])]), |bytes| {
        drop(opened(bytes));
    });
}
