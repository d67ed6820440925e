//! Images by hand, small and as wrong as a test needs.

use super::*;
use crate::formats::keep::testing::{budget, texts};

fn opened(bytes: &[u8]) -> Opened {
    open(bytes, &mut budget())
}

fn pair(name: &str, text: &str) -> (String, String) {
    (name.to_string(), text.to_string())
}

fn put(image: &mut Vec<u8>, at: usize, bytes: &[u8]) {
    if image.len() < at + bytes.len() {
        image.resize(at + bytes.len(), 0);
    }
    image[at..at + bytes.len()].copy_from_slice(bytes);
}

/// Every marked byte changed, and the end cut off here and there: nothing may panic.
fn torture(image: &[u8]) {
    for at in (0..image.len()).filter(|at| image[*at] != 0) {
        for change in [0xff, 0x80, 0x01] {
            let mut changed = image.to_vec();
            changed[at] ^= change;
            drop(opened(&changed));
        }
    }
    for end in (0..image.len()).step_by(509) {
        let _ = is_image(&image[..end]);
        drop(opened(&image[..end]));
    }
}

// --- ISO 9660 ---

fn record(name: &[u8], sector: u32, bytes: u32, flags: u8, more: &[u8]) -> Vec<u8> {
    let padded = 33 + name.len() + (name.len() + 1) % 2 + more.len();
    let mut record = vec![u8::try_from(padded).unwrap(), 0];
    for number in [sector, bytes] {
        record.extend(number.to_le_bytes());
        record.extend(number.to_be_bytes());
    }
    record.extend([0; 7]);
    record.extend([flags, 0, 0, 1, 0, 0, 1, u8::try_from(name.len()).unwrap()]);
    record.extend(name);
    record.resize(padded - more.len(), 0);
    record.extend(more);
    record
}

fn descriptor(kind: u8, root: u32) -> Vec<u8> {
    let mut sector = vec![kind];
    sector.extend(b"CD001\x01");
    sector.resize(2_048, 0);
    if kind == 2 {
        sector[88..91].copy_from_slice(b"%/E");
    }
    let root = record(&[0], root, 2_048, 2, &[]);
    sector[156..156 + root.len()].copy_from_slice(&root);
    sector
}

/// The plain tree's root is sector 20, Joliet's 21; files stand from sector 24 on.
fn iso(plain: &[Vec<u8>], joliet: &[Vec<u8>], files: &[(usize, &[u8])]) -> Vec<u8> {
    let mut image = Vec::new();
    put(&mut image, 16 * 2_048, &descriptor(1, 20));
    let mut next = 17;
    if !joliet.is_empty() {
        put(&mut image, next * 2_048, &descriptor(2, 21));
        next += 1;
    }
    put(&mut image, next * 2_048, b"\xffCD001");
    put(&mut image, 20 * 2_048, &plain.concat());
    put(&mut image, 21 * 2_048, &joliet.concat());
    for (sector, content) in files {
        put(&mut image, sector * 2_048, content);
    }
    image.resize(image.len().next_multiple_of(2_048), 0);
    image
}

fn wide_name(name: &str) -> Vec<u8> {
    name.encode_utf16().flat_map(u16::to_be_bytes).collect()
}

#[test]
fn both_trees_of_a_cd_are_read() {
    let image = iso(
        &[record(b"A.TXT;1", 24, 3, 0, &[]), record(b"HID.EXE;1", 25, 3, 1, &[])],
        &[record(&wide_name("a long name.txt"), 24, 3, 0, &[])],
        &[(24, b"one"), (25, b"two")],
    );
    assert!(is_image(&image));
    let found = opened(&image);
    assert_eq!(texts(&found), [pair("a long name.txt", "one"), pair("HID.EXE", "two")]);
    assert_eq!((found.signs[0].id, &found.stopped), ("disk.hidden_file", &None));
    torture(&image);
}

#[test]
fn one_file_under_names_of_two_kinds_is_given_twice() {
    let image = iso(
        &[record(b"A.TXT;1", 24, 3, 0, &[])],
        &[record(&wide_name("a.exe"), 24, 3, 0, &[])],
        &[(24, b"one")],
    );
    let found = opened(&image);
    assert_eq!(texts(&found), [pair("a.exe", "one"), pair("A.TXT", "one")]);
    assert_eq!(found.signs[0].id, "disk.trees_disagree");
}

#[test]
fn rock_ridge_names_pieces_and_two_byte_orders() {
    let mut torn = record(b"B.BIN;1", 26, 3, 0, &[]);
    torn[6..10].copy_from_slice(&27_u32.to_be_bytes());
    let image = iso(
        &[
            record(b"A.;1", 24, 2_048, 0x80, b"NM\x0c\x01\0real.js"),
            record(b"A.;1", 25, 3, 0, b"NM\x0c\x01\0real.js"),
            torn,
        ],
        &[],
        &[(24, &[b'x'; 2_048]), (25, b"end"), (26, b"one"), (27, b"two")],
    );
    let found = opened(&image);
    let names: Vec<&str> = found.members.iter().filter_map(|m| m.name.as_deref()).collect();
    assert_eq!(names, ["real.js", "B.BIN", "B.BIN"]);
    assert_eq!(
        (found.members[0].bytes.len(), &found.members[0].bytes[2_048..]),
        (2_051, &b"end"[..])
    );
    assert_eq!(
        (&found.members[1].bytes[..], &found.members[2].bytes[..]),
        (&b"two"[..], &b"one"[..])
    );
}

#[test]
fn a_folder_that_only_the_path_table_knows() {
    let mut image = iso(&[], &[], &[(30, b"one")]);
    let folder = [record(&[0], 24, 2_048, 2, &[]), record(b"X.EXE;1", 30, 3, 0, &[])].concat();
    put(&mut image, 24 * 2_048, &folder);
    put(&mut image, 26 * 2_048, b"\x03\0\x18\0\0\0\x01\0DIR\0");
    put(&mut image, 16 * 2_048 + 132, &12_u32.to_le_bytes());
    put(&mut image, 16 * 2_048 + 140, &26_u32.to_le_bytes());
    assert_eq!(texts(&opened(&image)), [pair("DIR/X.EXE", "one")]);
}

#[test]
fn a_folder_that_holds_itself_ends() {
    let image = iso(
        &[record(b"LOOP", 20, 2_048, 2, &[]), record(b"A", 24, 3, 0, &[])],
        &[],
        &[(24, b"one")],
    );
    assert_eq!(texts(&opened(&image)), [pair("A", "one")]);
}

#[test]
fn the_boot_image_and_raw_sectors() {
    let mut image = iso(&[record(b"A", 24, 3, 0, &[])], &[], &[(24, b"one")]);
    put(&mut image, 17 * 2_048, b"\0CD001\x01EL TORITO SPECIFICATION");
    put(&mut image, 17 * 2_048 + 71, &22_u32.to_le_bytes());
    put(&mut image, 18 * 2_048, b"\xffCD001");
    put(&mut image, 22 * 2_048, &[1; 32]);
    put(&mut image, 22 * 2_048 + 32, &[0x88, 0, 0, 0, 0, 0, 1, 0, 24, 0, 0, 0]);
    let found = opened(&image);
    assert_eq!(found.members[1].name.as_deref(), Some("boot image"));
    let raw: Vec<u8> = image
        .chunks(2_048)
        .flat_map(|sector| {
            let mark = b"\0\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\0\0\0\0\x01";
            [&mark[..], sector, &[0; 288]].concat()
        })
        .collect();
    assert!(is_image(&raw));
    assert_eq!(texts(&opened(&raw)), texts(&found));
}

// --- UDF ---

fn udf_tag(kind: u16, rest: &[(usize, &[u8])]) -> Vec<u8> {
    let mut sector = vec![0; 2_048];
    sector[..2].copy_from_slice(&kind.to_le_bytes());
    for (at, bytes) in rest {
        sector[*at..at + bytes.len()].copy_from_slice(bytes);
    }
    sector
}

fn long_ad(bytes: u32, block: u32) -> Vec<u8> {
    [&bytes.to_le_bytes()[..], &block.to_le_bytes(), &[0; 8]].concat()
}

fn identifier(name: &str, block: u32, traits: u8) -> Vec<u8> {
    let count = u8::try_from(name.len() + 1).unwrap();
    let mut bytes = udf_tag(257, &[(18, &[traits, count]), (20, &long_ad(2_048, block))]);
    bytes.truncate(38);
    bytes.push(8);
    bytes.extend(name.as_bytes());
    bytes.resize(bytes.len().next_multiple_of(4), 0);
    bytes
}

#[test]
fn udf_with_embedded_and_short_allocation() {
    let list = [
        identifier("", 1, 8),
        identifier("a.txt", 2, 0),
        identifier("b.js", 3, 1),
        identifier("old", 2, 4),
    ]
    .concat();
    let list_bytes = u32::try_from(list.len()).unwrap().to_le_bytes();
    let mut image = Vec::new();
    put(&mut image, 16 * 2_048, b"\0BEA01");
    put(&mut image, 17 * 2_048, b"\0NSR03");
    put(
        &mut image,
        256 * 2_048,
        &udf_tag(2, &[(16, &8_192_u32.to_le_bytes()), (20, &32_u32.to_le_bytes())]),
    );
    put(&mut image, 32 * 2_048, &udf_tag(5, &[(188, &260_u32.to_le_bytes())]));
    let logical = udf_tag(
        6,
        &[
            (212, &2_048_u32.to_le_bytes()),
            (248, &long_ad(2_048, 0)),
            (268, &1_u32.to_le_bytes()),
            (440, &[1, 6, 1, 0, 0, 0]),
        ],
    );
    put(&mut image, 33 * 2_048, &logical);
    put(&mut image, 34 * 2_048, &udf_tag(8, &[]));
    put(&mut image, 260 * 2_048, &udf_tag(256, &[(400, &long_ad(2_048, 1))]));
    // The root: an extended entry with its list in itself.
    let root = [(27, &[4][..]), (34, &[3]), (56, &list_bytes), (212, &list_bytes), (216, &list)];
    put(&mut image, 261 * 2_048, &udf_tag(266, &root));
    let embedded = [(27, &[5][..]), (34, &[3]), (56, &[3]), (172, &[3]), (176, b"one")];
    put(&mut image, 262 * 2_048, &udf_tag(261, &embedded));
    let short =
        [(27, &[5][..]), (34, &[0]), (56, &[3]), (172, &[8]), (176, &[3, 0, 0, 0, 5, 0, 0, 0])];
    put(&mut image, 263 * 2_048, &udf_tag(261, &short));
    put(&mut image, 265 * 2_048, b"two");
    let found = opened(&image);
    assert_eq!(texts(&found), [pair("a.txt", "one"), pair("b.js", "two")]);
    assert_eq!((found.signs[0].id, &found.stopped), ("disk.hidden_file", &None));
    torture(&image);
}

// --- FAT ---

/// FAT12 with one sector a cluster; the root holds these entries, clusters from the second on these bytes.
fn fat(entries: &[Vec<u8>], table: &[u8], clusters: &[&[u8]]) -> Vec<u8> {
    let mut image = vec![0xeb, 0x3c, 0x90];
    image.extend(b"MSDOS5.0");
    image.extend([0, 2, 1, 1, 0, 1, 16, 0, 64, 0, 0xf8, 1, 0]);
    put(&mut image, 510, &[0x55, 0xaa]);
    put(&mut image, 512, table);
    put(&mut image, 1_024, &entries.concat());
    for (number, content) in clusters.iter().enumerate() {
        put(&mut image, 1_536 + number * 512, content);
    }
    image.resize(64 * 512, 0);
    image
}

fn fat_entry(name: &[u8; 11], traits: u8, cluster: u8, bytes: u16) -> Vec<u8> {
    let mut entry = name.to_vec();
    entry.push(traits);
    entry.resize(26, 0);
    entry.extend([cluster, 0]);
    entry.extend(u32::from(bytes).to_le_bytes());
    entry
}

fn long_entry(order: u8, letters: &str) -> Vec<u8> {
    let mut units: Vec<u8> = letters.encode_utf16().flat_map(u16::to_le_bytes).collect();
    units.resize(26, 0);
    let mut entry = vec![order];
    entry.extend(&units[..10]);
    entry.extend([15, 0, 0]);
    entry.extend(&units[10..22]);
    entry.extend([0, 0]);
    entry.extend(&units[22..]);
    entry
}

#[test]
fn fat_with_long_names_folders_and_chains() {
    let folder = fat_entry(b"IN      JS ", 2, 4, 3);
    let image = fat(
        &[
            fat_entry(b"LABEL      ", 8, 0, 0),
            long_entry(0x42, "me.exe"),
            long_entry(1, "the longer na"),
            fat_entry(b"THELON~1EXE", 0, 2, 515),
            fat_entry(b"DIR        ", 16, 3, 0),
            fat_entry(b"\xe5ONE    TXT", 0, 4, 3),
        ],
        // Cluster 2 goes on in 5, which is the last; 3 and 4 are alone.
        &[0xf8, 0xff, 0xff, 0x05, 0xf0, 0xff, 0xff, 0xff, 0xff],
        &[&[b'x'; 512], &folder, b"two", b"end"],
    );
    assert!(is_image(&image));
    let found = opened(&image);
    let want = "x".repeat(512) + "end";
    assert_eq!(texts(&found), [pair("the longer name.exe", &want), pair("DIR/IN.JS", "two")]);
    assert_eq!((found.signs[0].id, &found.stopped), ("disk.hidden_file", &None));
    torture(&image);
}

#[test]
fn a_chain_that_bites_its_tail_ends() {
    let table = [0xf8, 0xff, 0xff, 0x03, 0x20, 0x00];
    let image = fat(&[fat_entry(b"A          ", 0, 2, 60_000)], &table, &[b"one", b"two"]);
    assert_eq!(opened(&image).members[0].bytes.len(), 60_000);
}

// --- NTFS ---

fn attribute(kind: u32, name: &str, value: &[u8]) -> Vec<u8> {
    let units: Vec<u8> = name.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let value_at = (24 + units.len()).next_multiple_of(8);
    let total = (value_at + value.len()).next_multiple_of(8);
    let mut bytes = kind.to_le_bytes().to_vec();
    bytes.extend(u32::try_from(total).unwrap().to_le_bytes());
    bytes.extend([0, u8::try_from(name.len()).unwrap(), 24, 0, 0, 0, 0, 0]);
    bytes.extend(u32::try_from(value.len()).unwrap().to_le_bytes());
    bytes.extend([u8::try_from(value_at).unwrap(), 0, 0, 0]);
    bytes.extend(units);
    bytes.resize(value_at, 0);
    bytes.extend(value);
    bytes.resize(total, 0);
    bytes
}

fn non_resident(name: &str, size: u64, runs: &[u8]) -> Vec<u8> {
    let units: Vec<u8> = name.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let runs_at = (64 + units.len()).next_multiple_of(8);
    let total = (runs_at + runs.len() + 1).next_multiple_of(8);
    let mut bytes = 0x80_u32.to_le_bytes().to_vec();
    bytes.extend(u32::try_from(total).unwrap().to_le_bytes());
    bytes.extend([1, u8::try_from(name.len()).unwrap(), 64, 0, 0, 0, 0, 0]);
    bytes.resize(32, 0);
    bytes.extend([u8::try_from(runs_at).unwrap(), 0]);
    bytes.resize(48, 0);
    bytes.extend([size.to_le_bytes(), size.to_le_bytes()].concat());
    bytes.extend(units);
    bytes.resize(runs_at, 0);
    bytes.extend(runs);
    bytes.resize(total, 0);
    bytes
}

fn file_name(parent: u64, name: &str) -> Vec<u8> {
    let mut value = parent.to_le_bytes().to_vec();
    value.resize(64, 0);
    value.extend([u8::try_from(name.len()).unwrap(), 1]);
    value.extend(name.encode_utf16().flat_map(u16::to_le_bytes));
    attribute(0x30, "", &value)
}

fn mft_record(flags: u8, attributes: &[Vec<u8>]) -> Vec<u8> {
    let mut record = b"FILE\x30\0\x03\0".to_vec();
    record.resize(20, 0);
    record.extend([56, 0, flags, 0]);
    record.resize(56, 0);
    record.extend(attributes.concat());
    record.extend([0xff; 4]);
    record.resize(1_024, 0);
    // The last two bytes of each sector are exchanged.
    for sector in [1, 2] {
        let true_bytes = [record[sector * 512 - 2], record[sector * 512 - 1]];
        record[48 + sector * 2..50 + sector * 2].copy_from_slice(&true_bytes);
        record[sector * 512 - 2..sector * 512].copy_from_slice(&[7, 7]);
    }
    record
}

fn ntfs() -> Vec<u8> {
    let mut image = b"\xeb\x52\x90NTFS    \0\x02\x01".to_vec();
    put(&mut image, 48, &4_u64.to_le_bytes());
    put(&mut image, 64, &[0xf6]);
    put(&mut image, 510, &[0x55, 0xaa]);
    // The table: 60 sectors from the fourth on.
    let table =
        mft_record(1, &[file_name(5, "$MFT"), non_resident("", 30 * 1_024, &[0x11, 60, 4])]);
    put(&mut image, 4 * 512, &table);
    let mut at = |number: usize, flags: u8, attributes: &[Vec<u8>]| {
        put(&mut image, 4 * 512 + number * 1_024, &mft_record(flags, attributes));
    };
    at(5, 3, &[file_name(5, ".")]);
    at(24, 3, &[file_name(5, "dir")]);
    let long = "x".repeat(500);
    at(
        25,
        1,
        &[
            file_name(24, "a.txt"),
            attribute(0x80, "", long.as_bytes()),
            attribute(0x80, "evil", b"two"),
        ],
    );
    at(
        26,
        1,
        &[file_name(5, "b.exe"), non_resident("", 1_027, &[0x11, 1, 70, 0x01, 1, 0x11, 1, 0xff])],
    );
    at(27, 0, &[file_name(5, "deleted"), attribute(0x80, "", b"gone")]);
    put(&mut image, 70 * 512, &[b'y'; 512]);
    put(&mut image, 69 * 512, b"end");
    image.resize(80 * 512, 0);
    image
}

#[test]
fn ntfs_with_streams_and_runs() {
    let found = opened(&ntfs());
    let long = "x".repeat(500);
    let parts = "y".repeat(512) + &"\0".repeat(512) + "end";
    let want = [pair("dir/a.txt", &long), pair("dir/a.txt:evil", "two"), pair("b.exe", &parts)];
    assert_eq!(texts(&found), want);
    assert_eq!((found.signs[0].id, &found.stopped), ("disk.hidden_stream", &None));
    torture(&ntfs());
}

#[test]
fn ntfs_compression_is_undone() {
    let mut image = ntfs();
    let mut packed = non_resident("", 12, &[0x11, 1, 75, 0x01, 15]);
    packed[12] = 1;
    packed[34] = 4;
    put(&mut image, 4 * 512 + 27 * 1_024, &mft_record(1, &[file_name(5, "z"), packed]));
    put(&mut image, 75 * 512, b"\x02\0abc\x05\xb0\x08abc\x03\x20");
    assert_eq!(texts(&opened(&image))[3], pair("z", "abcabcabcabc"));
}

#[test]
fn exfat_with_a_folder() {
    let mut image = b"\xeb\x76\x90EXFAT   ".to_vec();
    let longs = [1_u32, 1, 2, 60, 2].map(u32::to_le_bytes).concat();
    put(&mut image, 80, &longs);
    put(&mut image, 108, &[9, 0]);
    put(&mut image, 510, &[0x55, 0xaa]);
    // The table: clusters 2 to 5, each alone.
    put(&mut image, 512 + 8, &[0xff; 16]);
    let set = |name: &str, traits: u8, flags: u8, cluster: u8, bytes: u16| {
        let mut set = vec![0x85, 2, 0, 0, traits];
        set.resize(32, 0);
        set.extend([0xc0, flags, 0, u8::try_from(name.len()).unwrap()]);
        set.resize(52, 0);
        set.extend([cluster, 0, 0, 0]);
        set.extend(u64::from(bytes).to_le_bytes());
        set.extend([0xc1, 0]);
        set.extend(name.encode_utf16().flat_map(u16::to_le_bytes));
        set.resize(96, 0);
        set
    };
    put(&mut image, 1_024, &[set("a.txt", 0, 1, 3, 3), set("dir", 16, 3, 4, 512)].concat());
    put(&mut image, 1_024 + 512, b"one");
    put(&mut image, 1_024 + 1_024, &set("b.js", 0, 3, 5, 3));
    put(&mut image, 1_024 + 1_536, b"two");
    image.resize(62 * 512, 0);
    assert!(is_image(&image));
    assert_eq!(texts(&opened(&image)), [pair("a.txt", "one"), pair("dir/b.js", "two")]);
    torture(&image);
}

// --- HFS+ ---

fn catalog_record(parent: u32, name: &str, fields: &[(usize, &[u8])]) -> Vec<u8> {
    let count = u16::try_from(name.len()).unwrap();
    let mut record = (count * 2 + 6).to_be_bytes().to_vec();
    record.extend(parent.to_be_bytes());
    record.extend(count.to_be_bytes());
    record.extend(wide_name(name));
    let start = record.len();
    record.resize(start + 248, 0);
    for (at, bytes) in fields {
        record[start + at..start + at + bytes.len()].copy_from_slice(bytes);
    }
    record
}

fn fork_of(bytes: u64, block: u32) -> Vec<u8> {
    let mut fork = bytes.to_be_bytes().to_vec();
    fork.resize(16, 0);
    fork.extend([block.to_be_bytes(), 1_u32.to_be_bytes()].concat());
    fork
}

#[test]
fn hfs_plus_with_folders_and_forks() {
    let mut image = Vec::new();
    put(&mut image, 1_024, b"H+\0\x04");
    put(&mut image, 1_024 + 40, &1_024_u32.to_be_bytes());
    let mut catalog = fork_of(2_048, 4);
    catalog[20..24].copy_from_slice(&2_u32.to_be_bytes());
    put(&mut image, 1_024 + 272, &catalog);
    // The header node, and one leaf.
    put(&mut image, 4_096 + 24, &1_u32.to_be_bytes());
    put(&mut image, 4_096 + 32, &1_024_u16.to_be_bytes());
    let leaf = 4_096 + 1_024;
    put(&mut image, leaf + 8, &[0xff, 1, 0, 2]);
    let folder = catalog_record(2, "dir", &[(0, &[0, 1]), (8, &20_u32.to_be_bytes())]);
    let file =
        catalog_record(20, "a.txt", &[(0, &[0, 2]), (88, &fork_of(3, 7)), (168, &fork_of(3, 8))]);
    put(&mut image, leaf + 14, &folder);
    put(&mut image, leaf + 14 + folder.len(), &file);
    put(&mut image, leaf + 1_022, &[0, 14]);
    put(&mut image, leaf + 1_020, &u16::try_from(14 + folder.len()).unwrap().to_be_bytes());
    put(&mut image, 7 * 1_024, b"one");
    put(&mut image, 8 * 1_024, b"two");
    image.resize(9 * 1_024, 0);
    assert!(is_image(&image));
    let want = [pair("dir/a.txt", "one"), pair("dir/a.txt/..namedfork/rsrc", "two")];
    assert_eq!(texts(&opened(&image)), want);
    torture(&image);
}

// --- Drives around them ---

#[test]
fn partitions_of_both_kinds() {
    let volume =
        fat(&[fat_entry(b"A       TXT", 0, 2, 3)], &[0xf8, 0xff, 0xff, 0xff, 0x0f], &[b"one"]);
    let want = [pair("A.TXT", "one")];
    let mut drive = Vec::new();
    put(&mut drive, 446, &[0, 0, 0, 0, 6, 0, 0, 0, 3, 0, 0, 0, 64, 0, 0, 0]);
    put(&mut drive, 510, &[0x55, 0xaa]);
    put(&mut drive, 3 * 512, &volume);
    assert!(is_image(&drive));
    assert_eq!(texts(&opened(&drive)), want);
    // A logical drive in an extended partition.
    let mut drive = Vec::new();
    put(&mut drive, 446, &[0, 0, 0, 0, 5, 0, 0, 0, 2, 0, 0, 0, 99, 0, 0, 0]);
    put(&mut drive, 510, &[0x55, 0xaa]);
    put(&mut drive, 2 * 512 + 446, &[0, 0, 0, 0, 6, 0, 0, 0, 1, 0, 0, 0, 64, 0, 0, 0]);
    put(&mut drive, 2 * 512 + 510, &[0x55, 0xaa]);
    put(&mut drive, 3 * 512, &volume);
    assert_eq!(texts(&opened(&drive)), want);
    let mut drive = Vec::new();
    put(&mut drive, 512, b"EFI PART");
    put(&mut drive, 512 + 72, &2_u64.to_le_bytes());
    put(&mut drive, 512 + 80, &[1, 0, 0, 0, 128, 0, 0, 0]);
    put(&mut drive, 1_024, &[7; 16]);
    put(&mut drive, 1_024 + 32, &[8_u64.to_le_bytes(), 80_u64.to_le_bytes()].concat());
    put(&mut drive, 8 * 512, &volume);
    assert!(is_image(&drive));
    assert_eq!(texts(&opened(&drive)), want);
    torture(&drive);
}

fn vhd_footer_of(kind: u32, size: u64) -> Vec<u8> {
    let mut footer = b"conectix".to_vec();
    put(&mut footer, 16, &512_u64.to_be_bytes());
    put(&mut footer, 48, &size.to_be_bytes());
    put(&mut footer, 60, &kind.to_be_bytes());
    footer.resize(512, 0);
    footer
}

#[test]
fn vhd_fixed_dynamic_and_of_a_parent() {
    let volume =
        fat(&[fat_entry(b"A       TXT", 0, 2, 3)], &[0xf8, 0xff, 0xff, 0xff, 0x0f], &[b"one"]);
    let want = [pair("A.TXT", "one")];
    let fixed = [volume.clone(), vhd_footer_of(2, 32_768)].concat();
    assert!(is_image(&fixed));
    assert_eq!(texts(&opened(&fixed)), want);
    // Blocks of 16 KiB, the second before the first.
    let mut dynamic = vhd_footer_of(3, 32_768);
    put(&mut dynamic, 512, b"cxsparse");
    put(&mut dynamic, 512 + 16, &1_536_u64.to_be_bytes());
    put(&mut dynamic, 512 + 28, &[2_u32.to_be_bytes(), 16_384_u32.to_be_bytes()].concat());
    put(&mut dynamic, 1_536, &[37_u32.to_be_bytes(), 4_u32.to_be_bytes()].concat());
    put(&mut dynamic, 5 * 512, &volume[16_384..]);
    put(&mut dynamic, 38 * 512, &volume[..16_384]);
    dynamic.extend(vhd_footer_of(3, 32_768));
    assert_eq!(texts(&opened(&dynamic)), want);
    torture(&dynamic);
    let child = vhd_footer_of(4, 32_768);
    assert!(matches!(opened(&child).stopped, Some(Stopped::Unsupported(_))));
}

#[test]
fn vhdx_vmdk_and_qcow2() {
    let volume =
        fat(&[fat_entry(b"A       TXT", 0, 2, 3)], &[0xf8, 0xff, 0xff, 0xff, 0x0f], &[b"one"]);
    let want = [pair("A.TXT", "one")];
    let mut vmdk = b"KDMV\x01\0\0\0".to_vec();
    put(&mut vmdk, 12, &[64_u64.to_le_bytes(), 32_u64.to_le_bytes()].concat());
    put(&mut vmdk, 44, &512_u32.to_le_bytes());
    put(&mut vmdk, 56, &1_u64.to_le_bytes());
    put(&mut vmdk, 512, &2_u32.to_le_bytes());
    put(&mut vmdk, 1_024, &[8_u32.to_le_bytes(), 40_u32.to_le_bytes()].concat());
    put(&mut vmdk, 8 * 512, &volume[..16_384]);
    put(&mut vmdk, 40 * 512, &volume[16_384..]);
    assert_eq!(texts(&opened(&vmdk)), want);
    torture(&vmdk);
    let mut qcow = b"QFI\xfb\0\0\0\x03".to_vec();
    put(&mut qcow, 20, &14_u32.to_be_bytes());
    put(&mut qcow, 24, &32_768_u64.to_be_bytes());
    put(&mut qcow, 36, &1_u32.to_be_bytes());
    put(&mut qcow, 40, &512_u64.to_be_bytes());
    put(&mut qcow, 512, &1_024_u64.to_be_bytes());
    put(&mut qcow, 1_024, &[16_384_u64.to_be_bytes(), 32_768_u64.to_be_bytes()].concat());
    put(&mut qcow, 16_384, &volume);
    assert_eq!(texts(&opened(&qcow)), want);
    qcow[35] = 1;
    assert_eq!(opened(&qcow).stopped, Some(Stopped::Encrypted));
}

#[test]
fn a_wim_gives_what_is_not_packed() {
    let mut wim = b"MSWIM\0\0\0".to_vec();
    put(&mut wim, 48, &[100, 0, 0, 0, 0, 0, 0, 0]);
    put(&mut wim, 56, &300_u64.to_le_bytes());
    let entry = |bytes: u64, flags: u64, at: u64| {
        let mut entry = (bytes | flags << 56).to_le_bytes().to_vec();
        entry.extend(at.to_le_bytes());
        entry.resize(50, 7);
        entry
    };
    put(&mut wim, 300, &[entry(3, 0, 250), entry(9, 4, 260)].concat());
    put(&mut wim, 250, b"one");
    let found = opened(&wim);
    assert_eq!(texts(&found), [pair("resource", "one")]);
    assert!(matches!(found.stopped, Some(Stopped::Unsupported(_))));
    torture(&wim);
}

#[test]
fn an_apple_image_is_unpacked() {
    let volume =
        fat(&[fat_entry(b"A       TXT", 0, 2, 3)], &[0xf8, 0xff, 0xff, 0xff, 0x0f], &[b"one"]);
    let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::default());
    std::io::Write::write_all(&mut encoder, &volume).unwrap();
    let packed = encoder.finish().unwrap();
    let mut table = b"mish".to_vec();
    table.resize(204, 0);
    table.extend(0x8000_0005_u32.to_be_bytes());
    table.extend([0; 4]);
    for number in [0, 64, 0, packed.len()] {
        table.extend(u64::try_from(number).unwrap().to_be_bytes());
    }
    let list = format!("<key>blkx</key><data>{}</data>", data_encoding::BASE64.encode(&table));
    let mut image = packed.clone();
    image.extend(list.as_bytes());
    let mut trailer = b"koly".to_vec();
    put(&mut trailer, 32, &u64::try_from(packed.len()).unwrap().to_be_bytes());
    put(&mut trailer, 216, &u64::try_from(packed.len()).unwrap().to_be_bytes());
    put(&mut trailer, 224, &u64::try_from(list.len()).unwrap().to_be_bytes());
    trailer.resize(512, 0);
    image.extend(trailer);
    assert!(is_image(&image));
    let found = opened(&image);
    assert_eq!(texts(&found)[0], pair("A.TXT", "one"));
    assert_eq!(
        (found.members[1].name.as_deref(), &found.members[1].bytes),
        (Some("drive"), &volume)
    );
    torture(&image);
}

#[test]
fn what_is_not_read_is_named() {
    let mut ext = vec![0; 2_048];
    ext[1_024] = 1;
    ext[1_080..1_082].copy_from_slice(b"\x53\xef");
    assert!(is_image(&ext));
    assert_eq!(opened(&ext).stopped, Some(Stopped::Unsupported("the file system ext".to_string())));
    assert_eq!(opened(b"\xeb\x58\x90-FVE-FS-").stopped, Some(Stopped::Encrypted));
    for bytes in [&b""[..], b"text", &[0; 4_096], &[0xff; 40_000]] {
        assert!(!is_image(bytes));
    }
}
