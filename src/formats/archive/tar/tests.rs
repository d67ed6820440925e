//! tar as it should be and as it is made to deceive.

use super::*;

/// A header by hand.
fn header(name: &str, kind: u8, size: &[u8], link: &str) -> Vec<u8> {
    let mut block = vec![0; 512];
    block[..name.len()].copy_from_slice(name.as_bytes());
    block[100..108].copy_from_slice(b"0000644\0");
    block[124..124 + size.len()].copy_from_slice(size);
    block[156] = kind;
    block[157..157 + link.len()].copy_from_slice(link.as_bytes());
    block[257..265].copy_from_slice(b"ustar\x0000");
    block[148..156].fill(b' ');
    let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
    block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    block
}

fn member(name: &str, kind: u8, content: &[u8]) -> Vec<u8> {
    let mut bytes = header(name, kind, format!("{:011o}", content.len()).as_bytes(), "");
    bytes.extend(content);
    bytes.resize(bytes.len().div_ceil(512) * 512, 0);
    bytes
}

fn pax(records: &[(&str, &str)]) -> Vec<u8> {
    let mut content = String::new();
    for (key, value) in records {
        let rest = key.len() + value.len() + 3;
        let length =
            (rest + 1..).find(|length| rest + length.to_string().len() == *length).unwrap();
        content += &format!("{length} {key}={value}\n");
    }
    member("PaxHeader", b'x', content.as_bytes())
}

fn read(archive: &[u8]) -> Vec<(String, Vec<u8>)> {
    let listing = look(archive);
    listing
        .entries
        .iter()
        .map(|entry| (entry.name.clone(), archive[entry.bytes.clone()].to_vec()))
        .collect()
}

fn file(name: &str, content: &[u8]) -> (String, Vec<u8>) {
    (name.to_string(), content.to_vec())
}

fn ids(archive: &[u8]) -> Vec<&'static str> {
    look(archive).signs.iter().map(|sign| sign.id).collect()
}

fn by_crate(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut builder = ::tar::Builder::new(Vec::new());
    for (name, content) in files {
        let mut header = ::tar::Header::new_gnu();
        header.set_size(content.len().try_into().unwrap());
        builder.append_data(&mut header, name, *content).unwrap();
    }
    builder.into_inner().unwrap()
}

#[test]
fn files_are_places() {
    let long = "folder/".repeat(40) + "x";
    let archive = by_crate(&[("a.txt", b"one"), (&long, b"two"), ("empty", b"")]);
    assert!(is_tar(&archive));
    assert_eq!(read(&archive), [file("a.txt", b"one"), file(&long, b"two")]);
    assert_eq!(list(&archive).1, None);
    // No end blocks.
    assert_eq!(read(&member("a", b'0', b"x")), [file("a", b"x")]);
}

#[test]
fn what_is_cut_off_is_damaged() {
    let archive = by_crate(&[("a.txt", b"one"), ("b.txt", &[7; 2_000])]);
    let (entries, stopped) = list(&archive[..2_000]);
    assert_eq!(entries.len(), 2);
    assert!(matches!(stopped, Some(Stopped::Damaged(_))));
    assert!(!is_tar(&[0; 512]));
    assert!(!is_tar(b"short"));
}

#[test]
fn both_names_are_known_where_two_are_told() {
    let archive = [pax(&[("path", "evil.exe")]), member("invoice.pdf", b'0', b"x")].concat();
    let entry = look(&archive).entries.remove(0);
    assert_eq!(
        (entry.name.as_str(), entry.other_names),
        ("evil.exe", vec!["invoice.pdf".to_string()])
    );
    assert_eq!(ids(&archive), ["archive.names_differ"]);
    // The first hundred bytes of a long name are no deceit.
    let long = "a".repeat(150) + ".txt";
    let archive = [pax(&[("path", &long)]), member(&long[..100], b'0', b"x")].concat();
    assert_eq!(ids(&archive), Vec::<&str>::new());
}

#[test]
fn two_sizes_give_two_readings_and_cover_nothing() {
    let hidden = member("hidden", b'0', b"secret");
    for pax_size in ["3", "1024"] {
        let archive =
            [pax(&[("size", pax_size)]), member("a", b'0', b"one"), hidden.clone()].concat();
        let found = read(&archive);
        assert!(
            found.contains(&file("hidden", b"secret")) && found.contains(&file("a", b"one")),
            "{found:?}"
        );
    }
}

#[test]
fn a_folder_with_data_hides_nothing_in_it() {
    let inner = member("hidden", b'0', b"secret");
    for kind in [b'1', b'2', b'5'] {
        let archive = [member("folder", kind, &inner), member("b", b'0', b"two")].concat();
        let found = read(&archive);
        assert!(found.contains(&file("hidden", b"secret")) && found.contains(&file("b", b"two")));
    }
}

#[test]
fn an_archive_in_an_archive_is_one_member() {
    let inner = by_crate(&[("x", b"1")]);
    assert_eq!(read(&member("inner.tar", b'0', &inner)).len(), 1);
}

#[test]
fn wrong_checksums_zeros_and_rubbish_are_stepped_over() {
    let mut wrong = member("a", b'0', b"one");
    wrong[150] ^= 1;
    assert!(is_tar(&wrong));
    let archive =
        [&wrong[..], &[0; 10_240], &[b'x'; 700], &[0; 324], &member("b", b'0', b"two")].concat();
    assert_eq!(read(&archive), [file("a", b"one"), file("b", b"two")]);
    // The seventh edition has no magic.
    let mut old = member("c", b'\0', b"three");
    old[257..265].fill(0);
    old[148..156].fill(b' ');
    let sum: u32 = old[..512].iter().map(|byte| u32::from(*byte)).sum();
    old[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    assert_eq!(read(&old), [file("c", b"three")]);
}

#[test]
fn sizes_in_binary_and_sizes_that_lie() {
    let mut size = [0; 12];
    size[0] = 0x80;
    size[11] = 3;
    let archive = [header("a", b'0', &size, ""), b"one".to_vec(), vec![0; 509]].concat();
    assert_eq!(read(&archive), [file("a", b"one")]);
    for size in [
        &b"777777777777"[..],
        &[0x80, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
    ] {
        let archive = [header("a", b'0', size, ""), b"one".to_vec(), vec![0; 509]].concat();
        assert_eq!(read(&archive)[0].1.len(), 512);
        assert!(list(&archive).1.is_some());
    }
    let archive = [header("a", b'0', &[0xff; 12], ""), vec![0; 512]].concat();
    assert_eq!(read(&archive), []);
}

#[test]
fn sparse_files_give_what_is_stored() {
    let stored = [&b"2\n0\n3\n4096\n3\n"[..], &[0; 499], b"onetwo"].concat();
    let records =
        [("GNU.sparse.major", "1"), ("GNU.sparse.minor", "0"), ("GNU.sparse.name", "real.exe")];
    let archive = [pax(&records), member("GNUSparseFile.0/real.exe", b'0', &stored)].concat();
    assert_eq!(read(&archive), [file("real.exe", b"onetwo")]);
    // The old form, with a map that goes on in a block of its own.
    let mut old = header("old", b'S', b"00000000003", "");
    old[482] = 1;
    let archive = [old, vec![0; 512], b"one".to_vec(), vec![0; 509]].concat();
    assert_eq!(read(&archive), [file("old", b"one")]);
}

#[test]
fn links_that_lead_out_are_said() {
    for (target, outside) in [
        ("/etc/passwd", true),
        ("a/../../b", true),
        ("C:\\x", true),
        ("b", false),
        ("a..b/c", false),
    ] {
        for kind in [b'1', b'2'] {
            assert_eq!(
                !ids(&header("l", kind, b"00000000000", target)).is_empty(),
                outside,
                "{target}"
            );
        }
    }
}

#[test]
fn nothing_cut_or_changed_anywhere_panics() {
    let archive = [
        pax(&[("path", "p"), ("size", "3")]),
        member("long", b'L', b"name"),
        member("a", b'0', b"one"),
    ]
    .concat();
    for at in 0..archive.len() {
        look(&archive[..at]);
        let mut changed = archive.clone();
        changed[at] = changed[at].wrapping_add(113);
        look(&changed);
    }
    let many = member("a", b'0', b"x").repeat(5_000);
    assert_eq!(look(&many).entries.len(), limits::PARTS_MAX + 1);
}
