//! ZIP as it should be, as it is, and as it is made to deceive.

use super::{
    records::FLAG_SIZE_FOLLOWS,
    testing::{File, file, zip},
    *,
};
use crate::{
    base::clock::Clock,
    formats::budget::{Bounds, Limit},
};

fn open(archive: &[u8]) -> Vec<(String, String, Option<Stopped>)> {
    let mut budget = Budget::new(Bounds::default(), &Clock::system());
    list(archive)
        .iter()
        .map(|entry| {
            let unpacked = unpack(archive, entry, &mut budget);
            let text = String::from_utf8_lossy(&unpacked.bytes).into_owned();
            (entry.name.clone(), text, unpacked.stopped)
        })
        .collect()
}

fn clean(name: &str, text: &str) -> (String, String, Option<Stopped>) {
    (name.to_string(), text.to_string(), None)
}

#[test]
fn members_stored_and_deflated() {
    let archive = zip(&[file("a.txt", b"one"), File { method: STORED, ..file("b/c.txt", b"two") }]);
    assert_eq!(open(&archive), [clean("a.txt", "one"), clean("b/c.txt", "two")]);
    assert_eq!(names(&archive), ["a.txt", "b/c.txt"]);
    // Something before it, as in a self-extracting archive.
    let shifted = [&b"MZ and a program"[..], &archive].concat();
    assert_eq!(open(&shifted), open(&archive));
    // The directory cut off.
    assert_eq!(open(&archive[..archive.len() - 100]), open(&archive));
}

#[test]
fn what_only_a_local_header_says_is_found_too() {
    let archive =
        zip(&[file("shown.txt", b"one"), File { listed: false, ..file("hid.exe", b"two") }]);
    assert_eq!(open(&archive), [clean("shown.txt", "one"), clean("hid.exe", "two")]);
    let unlisted: Vec<bool> = list(&archive).iter().map(|entry| entry.unlisted).collect();
    assert_eq!(unlisted, [false, true]);
    // Two archives one after the other: the first is in no directory that counts.
    let two = [zip(&[file("first", b"1")]), zip(&[file("second", b"2")])].concat();
    let names: Vec<String> = open(&two).into_iter().map(|(name, _, _)| name).collect();
    assert!(names.contains(&"first".to_string()) && names.contains(&"second".to_string()));
}

#[test]
fn an_archive_stored_in_an_archive_is_one_member() {
    let inner = zip(&[file("x", b"1")]);
    let outer = zip(&[File { method: STORED, ..file("inner.zip", &inner) }]);
    assert_eq!(list(&outer).len(), 1);
}

#[test]
fn where_the_headers_disagree_both_readings_are_given() {
    let mut archive = zip(&[file("a", b"one")]);
    let central = memchr::memmem::find(&archive, CENTRAL).unwrap();
    archive[central + 10..central + 12].copy_from_slice(&STORED.to_le_bytes());
    let texts: Vec<String> = open(&archive).into_iter().map(|(_, text, _)| text).collect();
    assert!(texts.len() >= 2);
    assert!(texts.contains(&"one".to_string()));
}

#[test]
fn encrypted_and_unknown_members_keep_their_names() {
    for (flags, method, want) in [
        (FLAG_ENCRYPTED, DEFLATED, Stopped::Encrypted),
        (FLAG_ENCRYPTED, AES, Stopped::Encrypted),
        (0, AES, Stopped::Encrypted),
        (0, 97, Stopped::Unsupported("ZIP method 97 (WavPack)".to_string())),
    ] {
        let archive = zip(&[File { flags, method, ..file("secret.exe", b"xyz") }]);
        assert_eq!(open(&archive), [("secret.exe".to_string(), String::new(), Some(want))]);
    }
}

#[test]
fn a_text_that_is_said_to_be_encrypted_is_read() {
    let text = "Anna Berg, 850709-9805, is ill.\n".repeat(8);
    let said = File { flags: FLAG_ENCRYPTED, method: AES, ..file("list.csv", text.as_bytes()) };
    let read = open(&zip(&[said]));
    assert!(
        read.iter().any(|(_, read, why)| read.contains("850709-9805") && why.is_none()),
        "{read:?}"
    );
}

#[test]
fn names_of_other_times() {
    for (name, want) in [
        (&b"r\x84k.txt"[..], "räk.txt"),
        ("räk.txt".as_bytes(), "räk.txt"),
        (b"a\nb", "a\u{fffd}b"),
    ] {
        let archive = zip(&[File { name, ..file("", b"x") }]);
        assert_eq!(names(&archive), [want]);
    }
}

#[test]
fn damage_gives_what_was_read() {
    let content: Vec<u8> = (0..60_000_u32).flat_map(|n| n.to_string().into_bytes()).collect();
    let archive = zip(&[file("a", &content)]);
    let entries = open(&archive[..archive.len() / 2]);
    assert!(entries[0].1.len() > 1_000, "{}", entries[0].1.len());
    assert!(matches!(entries[0].2, Some(Stopped::Damaged(_))), "{:?}", entries[0].2);
}

#[test]
fn bombs_end_early() {
    let zeros = vec![0; 80 << 20];
    let archive = zip(&[file("zeros", &zeros)]);
    assert!(matches!(
        open(&archive)[0].2,
        Some(Stopped::Limit(Limit::RatioTooHigh { .. } | Limit::TooLarge { .. }))
    ));
    let many: Vec<File<'_>> = (0..5_000).map(|_| file("x", b"y")).collect();
    assert_eq!(list(&zip(&many)).len(), limits::PARTS_MAX + 1);
}

#[test]
fn rubbish_is_no_archive() {
    for bytes in [&b""[..], b"PK", b"PK\x03\x04", b"PK\x05\x06\xff\xff\xff", &[0xff; 300]] {
        assert_eq!(list(bytes), []);
    }
    let noise = b"PK\x03\x04PK\x01\x02PK\x05\x06".repeat(2_000);
    assert!(list(&noise).len() <= limits::PARTS_MAX + 1);
}

/// One header's word on a member, as wrong as a test needs.
#[derive(Clone)]
struct Says {
    name: Vec<u8>,
    flags: u16,
    method: u16,
    checksum: u32,
    packed: u32,
    unpacked: u32,
    extra: Vec<u8>,
}

fn says(name: &str, method: u16, packed: &[u8], content: &[u8]) -> Says {
    let mut sum = flate2::Crc::new();
    sum.update(content);
    Says {
        name: name.as_bytes().to_vec(),
        flags: 0,
        method,
        checksum: sum.sum(),
        packed: packed.len().try_into().unwrap(),
        unpacked: content.len().try_into().unwrap(),
        extra: Vec::new(),
    }
}

impl Says {
    fn fields(&self) -> Vec<u8> {
        let mut fields = vec![20, 0];
        for short in [self.flags, self.method, 0, 0] {
            fields.extend(short.to_le_bytes());
        }
        for long in [self.checksum, self.packed, self.unpacked] {
            fields.extend(long.to_le_bytes());
        }
        fields.extend(u16::try_from(self.name.len()).unwrap().to_le_bytes());
        fields.extend(u16::try_from(self.extra.len()).unwrap().to_le_bytes());
        fields
    }

    fn local(&self, data: &[u8]) -> Vec<u8> {
        [records::LOCAL, &self.fields(), &self.name, &self.extra, data].concat()
    }

    fn central(&self, offset: usize) -> Vec<u8> {
        let offset = u32::try_from(offset).unwrap().to_le_bytes();
        [CENTRAL, &[20, 0], &self.fields(), &[0; 10], &offset, &self.name, &self.extra].concat()
    }
}

fn end(directory: &[u8], at: usize, comment: &[u8]) -> Vec<u8> {
    let size = u32::try_from(directory.len()).unwrap().to_le_bytes();
    let at = u32::try_from(at).unwrap().to_le_bytes();
    let comment_size = u16::try_from(comment.len()).unwrap().to_le_bytes();
    [directory, END, &[0; 4], &[1, 0, 1, 0], &size, &at, &comment_size, comment].concat()
}

/// A local header with its data, then a directory of one.
fn archive(local: &Says, data: &[u8], central: &Says) -> Vec<u8> {
    let head = local.local(data);
    let tail = end(&central.central(0), head.len(), b"");
    [head, tail].concat()
}

fn deflate(content: &[u8]) -> Vec<u8> {
    use std::io::Write;
    let mut encoder =
        flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}

fn texts(archive: &[u8]) -> Vec<String> {
    open(archive).into_iter().map(|(_, text, _)| text).collect()
}

fn ids(archive: &[u8]) -> Vec<&'static str> {
    look(archive).signs.iter().map(|sign| sign.id).collect()
}

#[test]
fn both_names_are_known_where_two_are_told() {
    let pdf = says("invoice.pdf", STORED, b"one", b"one");
    let exe = says("evil.exe", STORED, b"one", b"one");
    let bytes = archive(&exe, b"one", &pdf);
    let entries = list(&bytes);
    assert_eq!(entries.len(), 1);
    assert_eq!(entries[0].names().collect::<Vec<_>>(), ["invoice.pdf", "evil.exe"]);
    assert_eq!(ids(&bytes), ["archive.names_differ"]);
    // The Unicode path field of Info-ZIP.
    let mut path = pdf.clone();
    path.extra = [&b"\x75\x70"[..], &[13, 0, 1, 0, 0, 0, 0], b"evil.exe"].concat();
    let bytes = archive(&path, b"one", &path);
    assert_eq!(list(&bytes)[0].names().collect::<Vec<_>>(), ["evil.exe", "invoice.pdf"]);
    assert_eq!(ids(&bytes), ["archive.names_differ"]);
    // Up to a NUL, as programs in C read it.
    let nul = says("evil.exe\0.pdf", STORED, b"one", b"one");
    assert!(list(&archive(&nul, b"one", &nul))[0].names().any(|name| name == "evil.exe"));
}

#[test]
fn every_directory_counts_and_so_does_one_in_a_comment() {
    let two = [zip(&[file("first", b"1")]), zip(&[file("second", b"2")])].concat();
    assert_eq!(ids(&two), ["archive.several_directories"]);
    assert!(list(&two).iter().all(|entry| !entry.unlisted));
    assert_eq!(texts(&two).len(), 2);
    // The comment of the real archive is an archive.
    let one = says("a", STORED, b"one", b"one");
    let head = one.local(b"one");
    let inner = zip(&[file("hidden", b"two")]);
    let bytes = [&head[..], &end(&one.central(0), head.len(), &inner)].concat();
    let found = texts(&bytes);
    assert!(found.contains(&"one".to_string()) && found.contains(&"two".to_string()), "{found:?}");
    assert!(ends_as_zip(&bytes));
}

#[test]
fn sizes_may_lie_in_either_direction() {
    let content = b"some content that is longer than told";
    let packed = deflate(content);
    let text = String::from_utf8_lossy(content).into_owned();
    for (method, data) in [(STORED, &content[..]), (DEFLATED, &packed)] {
        let right = says("a", method, data, content);
        for wrong_packed in [0, 1, 5_000, u32::MAX - 1] {
            for wrong_unpacked in [0, 2, 5_000] {
                let wrong =
                    Says { packed: wrong_packed, unpacked: wrong_unpacked, ..right.clone() };
                for (local, central) in [(&right, &wrong), (&wrong, &right)] {
                    let found = texts(&archive(local, data, central));
                    assert!(
                        found.contains(&text),
                        "{method} {wrong_packed} {wrong_unpacked}: {found:?}"
                    );
                }
            }
        }
    }
    // Nobody says a size.
    let mut none = says("a", STORED, b"", b"");
    assert_eq!(texts(&archive(&none, content, &none)), ["", &text]);
    // The sizes are in the ZIP64 field.
    let size = u64::try_from(content.len()).unwrap().to_le_bytes();
    (none.packed, none.unpacked) = (u32::MAX, u32::MAX);
    none.extra = [&[1, 0, 16, 0], &size[..], &size].concat();
    assert_eq!(texts(&archive(&none, content, &none)), [text]);
}

#[test]
fn a_stored_archive_with_its_size_behind_it_is_whole() {
    let inner = zip(&[file("x", b"1")]);
    let mut follows = says("inner.zip", STORED, &inner, &inner);
    let size = follows.packed.to_le_bytes();
    (follows.flags, follows.packed, follows.unpacked) = (FLAG_SIZE_FOLLOWS, 0, 0);
    let descriptor = [&b"PK\x07\x08"[..], &follows.checksum.to_le_bytes(), &size, &size].concat();
    let bytes = [follows.local(&inner), descriptor].concat();
    let entries = list(&bytes);
    let entry = entries.iter().find(|entry| entry.name == "inner.zip").unwrap();
    let mut budget = Budget::new(Bounds::default(), &Clock::system());
    assert_eq!(unpack(&bytes, entry, &mut budget).bytes, inner);
}

#[test]
fn a_false_size_hides_no_member() {
    let packed = deflate(b"shown");
    let hidden = says("hidden", STORED, b"secret", b"secret").local(b"secret");
    let mut shown = says("shown", DEFLATED, &packed, b"shown");
    shown.packed += u32::try_from(hidden.len()).unwrap();
    let bytes = archive(&shown, &[packed, hidden].concat(), &shown);
    assert_eq!(texts(&bytes), ["shown", "secret"]);
}

#[test]
fn a_false_flag_or_method_hides_nothing() {
    let content = b"content under a false flag";
    let packed = deflate(content);
    let text = String::from_utf8_lossy(content).into_owned();
    for (method, data) in [(STORED, &content[..]), (DEFLATED, &packed)] {
        let mut locked = says("a", method, data, content);
        locked.flags = FLAG_ENCRYPTED;
        assert_eq!(texts(&archive(&locked, data, &locked)), [text.as_str()]);
        let mut odd = says("a", 4_242, data, content);
        assert_eq!(texts(&archive(&odd, data, &odd)), [text.as_str()]);
        odd.method = 12;
        assert_eq!(texts(&archive(&odd, data, &odd)), [text.as_str()]);
    }
    // Packed as nobody knows, with a false checksum: what Android would install.
    let mut odd = says("a", 4_242, &packed, content);
    odd.checksum = 1;
    assert_eq!(texts(&archive(&odd, &packed, &odd)), [text]);
}

#[test]
fn wrong_places_are_put_right() {
    let one = says("a.txt", STORED, b"one", b"one");
    let head = one.local(b"one");
    // The directory points nowhere.
    let bytes = [&head[..], &end(&one.central(7_777), head.len(), b"")].concat();
    assert_eq!(texts(&bytes), ["one"]);
    // The local header has lost its signature.
    let mut bytes = archive(&one, b"one", &one);
    bytes[0] = b'X';
    assert_eq!(texts(&bytes), ["one"]);
    // A marker of a split archive before it, rubbish behind it.
    let bytes = [b"PK\x07\x08", &archive(&one, b"one", &one)[..], &[0; 70_000]].concat();
    assert_eq!(texts(&bytes), ["one"]);
    // No end record at all.
    assert_eq!(texts(&head), ["one"]);
}

#[test]
fn overlapping_members_are_noticed_and_end_by_the_budget() {
    let one = says("a", STORED, &[0; 300], &[0; 300]);
    let head = one.local(&says("b", STORED, b"x", b"x").local(&[7; 200]));
    let directory = [one.central(0), says("b", STORED, &[0; 200], &[0; 200]).central(31)].concat();
    let bytes = [&head[..], &end(&directory, head.len(), b"")].concat();
    assert!(ids(&bytes).contains(&"archive.overlapping"));
}

#[test]
fn an_encrypted_directory_is_said() {
    let one = says("a", STORED, b"one", b"one");
    let head = Says { flags: 1 | 1 << 13, ..one }.local(b"one");
    let bytes = [&head[..], b"PK\x06\x08", &[9; 40], &end(&[3; 60], head.len() + 44, b"")].concat();
    let listing = look(&bytes);
    assert_eq!(listing.stopped, Some(Stopped::Encrypted));
    assert!(listing.signs.iter().any(|sign| sign.id == "archive.names_encrypted"));
}

#[test]
fn one_file_of_several_keeps_the_names() {
    let directory = says("a.txt", DEFLATED, b"packed", b"content").central(99_999);
    let mut bytes = [&[7; 500][..], &end(&directory, 0, b"")].concat();
    let at = bytes.len() - 22 + 4;
    bytes[at] = 2;
    assert!(ends_as_zip(&bytes));
    let listing = look(&bytes);
    assert_eq!(listing.entries[0].name, "a.txt");
    assert!(matches!(listing.stopped, Some(Stopped::Unsupported(_))));
    assert_eq!(listing.signs[0].id, "archive.spanned");
}

#[test]
fn passwords_open_what_is_encrypted() {
    for (method, data) in [(STORED, b"content".to_vec()), (DEFLATED, deflate(b"content"))] {
        let mut says = says("a", method, &data, b"content");
        says.flags = FLAG_ENCRYPTED;
        let sealed = cipher::tests::traditional(&data, b"r\xc3\xa4v", says.checksum);
        let by_zip = archive(
            &Says { packed: says.packed + 12, ..says.clone() },
            &sealed,
            &Says { packed: says.packed + 12, ..says.clone() },
        );
        let mut archives = vec![by_zip];
        for strength in 1..=3 {
            let sealed = cipher::tests::aes(&data, "räv".as_bytes(), strength);
            let mut says = says.clone();
            says.extra =
                [&b"\x01\x99\x07\0\x02\0AE"[..], &[strength], &method.to_le_bytes()].concat();
            (says.method, says.checksum) = (AES, 0);
            says.packed = sealed.len().try_into().unwrap();
            archives.push(archive(&says, &sealed, &says));
        }
        for archive in archives {
            let entry = list(&archive).remove(0);
            let mut budget = Budget::new(Bounds::default(), &Clock::system());
            let passwords = ["fel".to_string(), "räv".to_string()];
            let (unpacked, fitted) = unpack_with(&archive, &entry, &passwords, &mut budget);
            assert_eq!(
                (&unpacked.bytes[..], unpacked.stopped, fitted),
                (&b"content"[..], None, Some(1))
            );
            let (unpacked, fitted) = unpack_with(&archive, &entry, &passwords[..1], &mut budget);
            assert_eq!((unpacked.stopped, fitted), (Some(Stopped::Encrypted), None));
        }
    }
}

#[test]
fn nothing_cut_or_changed_anywhere_panics() {
    let one = says("a", DEFLATED, &deflate(b"one one one"), b"one one one");
    let two = [archive(&one, &deflate(b"one one one"), &one), zip(&[file("b", b"two")])].concat();
    for at in 0..two.len() {
        open(&two[..at]);
        ends_as_zip(&two[..at]);
        let mut changed = two.clone();
        changed[at] ^= 0xff;
        open(&changed);
    }
}

#[test]
fn noise_in_any_method_panics_nowhere() {
    let noise: Vec<u8> =
        (0..3_000_u32).map(|n| n.wrapping_mul(2_654_435_761).to_be_bytes()[1]).collect();
    for method in (0..=20).chain(93..=99) {
        for start in 0..40 {
            let data = &noise[start * 7..start * 7 + 900];
            for flags in [0, 2, 6] {
                let mut says = says("a", method, data, b"");
                (says.flags, says.unpacked) = (flags, 1_000);
                open(&archive(&says, data, &says));
            }
        }
    }
}

#[test]
fn old_methods_are_read() {
    // Shrink: codes of nine bits, first as they are, then one that stands for two.
    let bits = |codes: &[(u32, u32)]| {
        let (mut held, mut count, mut out) = (0_u64, 0, Vec::new());
        for (code, width) in codes {
            held |= u64::from(*code) << count;
            count += width;
            while count >= 8 {
                out.push(held.to_le_bytes()[0]);
                held >>= 8;
                count -= 8;
            }
        }
        if count > 0 {
            out.push(held.to_le_bytes()[0]);
        }
        out
    };
    let shrunk = bits(&[
        (97, 9),
        (98, 9),
        (257, 9),
        (256, 9),
        (1, 9),
        (259, 10),
        (256, 10),
        (2, 10),
        (99, 10),
    ]);
    assert_eq!(texts_of(1, &shrunk, b"ababababc", 0), "abababac");
    // Reduce by factor 1: no followers, then a copy of three from one back.
    let mut reduced: Vec<(u32, u32)> = (0..256).map(|_| (0, 6)).collect();
    reduced.extend([(97, 8), (144, 8), (1, 8), (0, 8), (144, 8), (0, 8)]);
    assert_eq!(old::reduced(&bits(&reduced), 0, 1, 1_000).0, b"aaaaa\x90");
}

/// What one member of a method gives.
fn texts_of(method: u16, data: &[u8], content: &[u8], flags: u16) -> String {
    let mut says = says("a", method, data, content);
    says.flags = flags;
    texts(&archive(&says, data, &says)).remove(0)
}

#[test]
fn a_flood_of_signatures_hides_no_archive() {
    let bytes = [&b"PK\x03\x04".repeat(300_000)[..], &zip(&[file("a", b"one")])].concat();
    let listing = look(&bytes);
    assert!(texts(&bytes).contains(&"one".to_string()));
    assert!(listing.stopped.is_some());
}
