//! Every way to lay hands on a log that is signed, and what verifying says of each. The logs are those that the writer writes.

use super::{
    chain::Chain,
    verify::{Asked, Copied, Verified, verify_copy, verify_from},
};
use crate::{
    base::clock::UnixMs,
    store::{
        audit::{self, Actor, Details, Entry, Hash, Link, What},
        checkpoint::{self, Signed, Spot},
        keyring::Signers,
        signer::Signer,
        spool::MemoryDisk,
    },
};
use std::{path::Path, sync::Arc, time::Duration};

const NOW: UnixMs = UnixMs(1_800_000_000_000);
const HERE: &str = "/audit";

fn entry(object: &str) -> Entry {
    let anna = Actor::Account { name: "anna".to_string(), role: "admin".to_string() };
    Entry::new(anna, What::Released).about(object).with(Details::default().word("way", "page"))
}

fn signers(current: u8, retiring: &[u8]) -> Signers {
    let key = |byte: &u8| Arc::new(Signer::for_tests(*byte));
    Signers { current: key(&current), retiring: retiring.iter().map(key).collect() }
}

fn at(seconds: u64) -> UnixMs {
    NOW.plus(Duration::from_secs(seconds))
}

/// Twice three records and a checkpoint, a new key, three records and a checkpoint, and one record that nothing covers:
/// 1–3 records, 4 key, 5 checkpoint, 6–8, 9 checkpoint, 10 the new key, 11 checkpoint, 12–14, 15 checkpoint, 16 a record.
fn log(name: &str, keys: [u8; 2]) -> (MemoryDisk, Vec<String>) {
    let disk = MemoryDisk::new();
    let mut chain = Chain::open(disk.arc(), Path::new(HERE), None).unwrap().0;
    let [first, second] = keys;
    let write = |chain: &mut Chain, from: u64, count: u64| {
        for nr in from..from + count {
            chain.append(vec![entry(&format!("{name}-{nr}"))], at(nr)).unwrap();
        }
    };
    write(&mut chain, 1, 3);
    assert_eq!(chain.sign(&signers(first, &[]), at(60)).unwrap(), Some(5));
    write(&mut chain, 6, 3);
    assert_eq!(chain.sign(&signers(first, &[]), at(120)).unwrap(), Some(9));
    assert_eq!(chain.sign(&signers(first, &[]), at(180)).unwrap(), None, "nothing came since");
    // Another process opens it: what was signed is found again.
    let mut chain = Chain::open(disk.arc(), Path::new(HERE), None).unwrap().0;
    assert_eq!(chain.sign(&signers(second, &[first]), at(190)).unwrap(), Some(11));
    write(&mut chain, 12, 3);
    assert_eq!(chain.sign(&signers(second, &[]), at(240)).unwrap(), Some(15));
    write(&mut chain, 16, 1);
    let text = disk.content(&super::files::path(Path::new(HERE), 1));
    let text = String::from_utf8(text).unwrap();
    (disk, text.lines().map(str::to_string).collect())
}

fn whole() -> Vec<String> {
    log("thing", [1, 2]).1
}

fn pinned(keys: &[u8]) -> Asked {
    let pins = keys.iter().map(|byte| Signer::for_tests(*byte).public().fingerprint());
    Asked { pins: pins.collect(), ..Asked::default() }
}

fn copy(lines: &[String], copied: Copied, asked: &Asked) -> Verified {
    let text = lines.iter().map(|line| format!("{line}\n")).collect::<String>();
    verify_copy(text.as_bytes(), "copy", copied, asked, |_| ()).unwrap()
}

fn exported(lines: &[String], asked: &Asked) -> Verified {
    copy(lines, Copied::Exported, asked)
}

/// Numbers and chains lines anew from a place on, as somebody does who knows the format and has no key.
fn rechained(mut lines: Vec<String>, from: usize) -> Vec<String> {
    let mut prev = match from {
        0 => Hash::default(),
        _ => audit::claimed_hash(lines[from - 1].as_bytes()).unwrap(),
    };
    for (nr, line) in lines.iter_mut().enumerate().skip(from) {
        let record = audit::read_record(line.as_bytes()).unwrap();
        let entry = Entry {
            who: record.who,
            what: record.what,
            organisation: record.organisation,
            object: record.object,
            reason: record.reason,
            client: record.client,
            details: record.details,
        };
        let number = u64::try_from(nr).unwrap() + 1;
        let (written, hash) = audit::write_line(number, record.at_ms, entry, prev);
        (*line, prev) = (written.trim_end().to_string(), hash);
    }
    lines
}

/// The last record of these lines as a place to sign.
fn after(lines: &[String]) -> (Spot, Link) {
    let link = audit::read_link(lines.last().unwrap().as_bytes()).unwrap();
    let log = audit::claimed_hash(lines[0].as_bytes()).unwrap();
    (Spot { log, covers: link.number, head: link.hash, at: at(900) }, link)
}

/// One more line.
fn and(mut lines: Vec<String>, entry: Entry) -> Vec<String> {
    let (_, link) = after(&lines);
    let (line, _) = audit::write_line(link.number + 1, at(900), entry, link.hash);
    lines.push(line.trim_end().to_string());
    lines
}

#[test]
fn what_nobody_touched_is_proven_up_to_the_newest_checkpoint() {
    let lines = whole();
    for asked in [Asked::default(), pinned(&[1]), pinned(&[2]), pinned(&[1, 2])] {
        let found = exported(&lines, &asked);
        assert!(found.whole, "{asked:?}: {found:?}");
        assert_eq!((found.records, found.after), (16, 1), "{asked:?}");
        assert_eq!(found.checkpoint.unwrap().number, 15);
        // Up to a pinned key's first checkpoint the chain binds all, whoever signed it before.
        assert_eq!(found.covered, 15, "{asked:?}");
    }
    let found = exported(&lines, &pinned(&[1]));
    let trusts: Vec<&str> = found.keys.iter().map(|key| key.trust).collect();
    assert_eq!(trusts, ["pinned", "vouched for"]);
    assert_eq!(found.log.unwrap(), audit::claimed_hash(lines[0].as_bytes()).unwrap());
    let (disk, _) = log("thing", [1, 2]);
    let found = verify_from(&disk, Path::new(HERE), &pinned(&[1]), None, |_| ()).unwrap();
    assert!(found.whole && found.covered == 15, "{found:?}");
}

/// What is done to the lines, whether it shows by itself, and in which record.
#[test]
fn every_kind_of_tampering_shows() {
    let other = log("other", [7, 8]).1;
    let forged = Signer::for_tests(9);
    let lines = whole();
    let edit = |change: &dyn Fn(&mut Vec<String>)| {
        let mut lines = lines.clone();
        change(&mut lines);
        lines
    };
    let bent = |at: usize| edit(&|lines| lines[at] = lines[at].replace("thing-", "thinG-"));
    let keyless = {
        // Records 6 to 16 anew, with a chain that fits and the old signatures.
        let mut changed = edit(&|lines| lines[6] = lines[6].replace("thing-7", "thing-9"));
        changed = rechained(changed, 6);
        changed
    };
    let (spot, _) = after(&lines[..8]);
    let by_another = and(lines[..8].to_vec(), checkpoint::checkpoint(spot, 5, &forged));
    let (spot, _) = after(&lines);
    let forged_checkpoint = and(lines.clone(), checkpoint::checkpoint(spot, 15, &forged));
    let self_announced = checkpoint::announcement(spot, forged.public(), &forged);
    let forged_key = and(lines.clone(), self_announced);
    // It says that the old key vouches, with a signature that is not the old key's.
    let said_by_old = {
        let honest = checkpoint::announcement(spot, forged.public(), &forged);
        let old = Signer::for_tests(2).public().to_string();
        let details = honest.details.clone().word("by", &old);
        and(lines.clone(), Entry { details, ..honest })
    };
    for (what, changed, number, why) in [
        ("a byte is changed", bent(6), 7, "hash does not fit"),
        ("a record is removed", edit(&|lines| drop(lines.remove(6))), 7, "missing, added or moved"),
        (
            "a record is removed and the rest chained anew",
            rechained(edit(&|lines| drop(lines.remove(6))), 6),
            8,
            "another place",
        ),
        ("two are swapped", edit(&|lines| lines.swap(5, 6)), 6, "missing, added or moved"),
        (
            "two are swapped and chained anew",
            rechained(edit(&|lines| lines.swap(5, 6)), 5),
            9,
            "another place",
        ),
        ("one is there twice", edit(&|lines| lines.insert(6, lines[5].clone())), 7, "moved here"),
        (
            "one is put in and chained anew",
            rechained(edit(&|lines| lines.insert(6, lines[5].clone())), 6),
            10,
            "another place",
        ),
        ("a suffix is written anew without the key", keyless, 9, "another place"),
        ("a checkpoint is removed", edit(&|lines| drop(lines.remove(8))), 9, "moved here"),
        (
            "a checkpoint is removed and the rest chained anew",
            rechained(edit(&|lines| drop(lines.remove(8))), 8),
            9,
            "signature does not fit",
        ),
        ("a checkpoint is moved", edit(&|lines| lines.swap(7, 8)), 8, "moved here"),
        (
            "a checkpoint is moved and chained anew",
            rechained(edit(&|lines| lines.swap(7, 8)), 7),
            8,
            "another place",
        ),
        (
            "an old checkpoint comes again",
            rechained(edit(&|lines| lines.push(lines[8].clone())), 16),
            17,
            "another place",
        ),
        ("another key signs in the middle", by_another, 9, "neither pinned nor vouched for"),
        ("another key signs at the end", forged_checkpoint, 17, "neither pinned nor vouched for"),
        ("a key announces itself", forged_key, 17, "no believed key vouches for"),
        ("a key says that the old one vouches", said_by_old, 17, "signature does not fit"),
        (
            "another gateway's lines are among them",
            [&lines[..9], &other[9..]].concat(),
            10,
            "missing, added or moved",
        ),
        (
            "another gateway's lines are chained among them",
            rechained([&lines[..9], &other[9..]].concat(), 9),
            10,
            "another log",
        ),
        ("the beginning is another's", [&other[..5], &lines[5..]].concat(), 6, "moved here"),
    ] {
        for asked in [Asked::default(), pinned(&[1])] {
            let found = exported(&changed, &asked);
            assert!(!found.whole, "{what}");
            let first = &found.bad[0];
            assert_eq!(first.number, number, "{what}: {first:?}");
            assert!(first.why.contains(why), "{what}: {first:?}");
        }
    }
}

#[test]
fn no_byte_of_the_signed_part_can_be_changed() {
    let lines = whole();
    let text = lines.iter().map(|line| format!("{line}\n")).collect::<String>();
    let signed = text.len() - lines[15].len() - 1;
    for at in (0..signed).step_by(3) {
        let mut changed = text.clone().into_bytes();
        changed[at] ^= 1;
        let asked = Asked { to: Some(15), ..pinned(&[1]) };
        let found =
            verify_copy(changed.as_slice(), "copy", Copied::Exported, &asked, |_| ()).unwrap();
        assert!(!found.whole, "byte {at}");
    }
}

/// What no copy can show by itself is said, and shows to whoever names what must be there.
#[test]
fn a_missing_end_shows_to_whoever_knows_one() {
    let lines = whole();
    for (what, kept, covered, after) in [
        ("the last record", lines[..15].to_vec(), 15, 0),
        ("the last checkpoint too", lines[..14].to_vec(), 11, 3),
        ("all behind the first", lines[..5].to_vec(), 5, 0),
        ("all signatures", lines[..3].to_vec(), 0, 3),
        (
            // A suffix anew without its signatures: nothing says that it is signed.
            "a suffix is other and has no checkpoint",
            rechained([&lines[..9], &[lines[12].replace("thing-13", "thing-x")]].concat(), 9),
            9,
            1,
        ),
    ] {
        let found = exported(&kept, &Asked::default());
        assert!(found.whole, "{what}: {found:?}");
        assert_eq!((found.covered, found.after), (covered, after), "{what}");
        let known = Asked { to: Some(15), ..pinned(&[1]) };
        let known = exported(&kept, &known);
        assert_eq!(known.whole, what == "the last record", "{what}");
    }
    let mut cut = lines.clone();
    cut[15].truncate(40);
    let text = cut.join("\n");
    let found =
        verify_copy(text.as_bytes(), "copy", Copied::Exported, &Asked::default(), |_| ()).unwrap();
    assert_eq!((found.whole, found.bad[0].line), (false, 16));
    assert!(found.bad[0].why.contains("ends within"), "{found:?}");
    // Pinned, and nothing signed by the pinned key.
    let found = exported(&lines[..3], &pinned(&[1]));
    assert!(found.bad[0].why.contains("nothing here is signed"), "{found:?}");
    let found = exported(&log("other", [7, 8]).1, &pinned(&[1]));
    assert!(!found.whole && found.covered == 0, "{found:?}");
}

#[test]
fn between_two_checkpoints_only_what_is_between_counts() {
    let mut lines = whole();
    let between = |from: u64, to: u64| Asked { from: Some(from), to: Some(to), ..pinned(&[1]) };
    lines[1] = lines[1].replace("thing-", "thinG-");
    lines.remove(15);
    let found = exported(&lines, &between(5, 9));
    assert!(found.whole, "{found:?}");
    assert_eq!((found.first_number, found.records, found.covered), (Some(5), 5, 5));
    assert!(exported(&lines[4..], &between(5, 15)).whole);
    for (from, to, why) in
        [(6, 9, "record 6"), (5, 10, "the number 10"), (5, 99, "the number 99"), (3, 9, "record 3")]
    {
        let found = exported(&lines[4..], &between(from, to));
        assert!(!found.whole, "{from} to {to}");
        let bad: Vec<&str> = found.bad.iter().map(|bad| bad.why.as_str()).collect();
        assert!(bad.iter().any(|one| one.contains(why)), "{from} to {to}: {bad:?}");
    }
    lines[6] = lines[6].replace("thing-", "thinG-");
    assert!(!exported(&lines, &between(5, 9)).whole);
    assert!(exported(&lines, &between(9, 15)).whole);
}

#[test]
fn a_copy_that_begins_in_the_middle_is_proven_as_far_as_it_reaches() {
    let lines = whole();
    for from in 1..15 {
        let found = exported(&lines[from..], &pinned(&[1, 2]));
        assert!(found.whole, "from {from}: {found:?}");
        let rest = u64::try_from(15 - from).unwrap();
        assert_eq!(
            (found.first_number, found.covered),
            (lines[from..].first().map(|_| 16 - rest), rest)
        );
    }
    let mut bent = lines[6..].to_vec();
    bent[0] = bent[0].replace("thing-", "thinG-");
    assert!(!exported(&bent, &pinned(&[1, 2])).whole);
}

#[test]
fn what_a_log_server_wrote_may_have_lines_twice_and_a_header() {
    let lines = whole();
    let header = "Jan 15 08:00:00 mx.example sluss - audit - \u{feff}";
    let mut received: Vec<String> = lines.iter().map(|line| format!("{header}{line}")).collect();
    received.insert(9, received[7].clone());
    received.insert(10, received[8].clone());
    received.insert(4, format!("{header}{{\"heartbeat\":1}}"));
    let found = copy(&received, Copied::Received, &pinned(&[1]));
    assert!(found.whole, "{found:?}");
    assert_eq!((found.records, found.repeated, found.foreign_lines), (16, 2, 1));
    assert!(!exported(&received, &pinned(&[1])).whole, "of an export nothing is let be");
    // Something else under a number that was there is not the same line again.
    received[10] = received[10].replace("thing-", "thinG-");
    assert!(!copy(&received, Copied::Received, &pinned(&[1])).whole);
    received.remove(3);
    assert!(!copy(&received, Copied::Received, &pinned(&[1])).whole);
}

#[test]
fn a_signature_that_could_not_be_made_durable_is_made_again() {
    let disk = MemoryDisk::new();
    let mut chain = Chain::open(disk.arc(), Path::new(HERE), None).unwrap().0;
    assert_eq!(
        chain.sign(&signers(1, &[]), at(1)).unwrap(),
        None,
        "of nothing there is no checkpoint"
    );
    chain.append(vec![entry("one")], at(1)).unwrap();
    disk.fail(0, crate::store::spool::Fault::Lasting(std::io::ErrorKind::StorageFull));
    assert!(chain.sign(&signers(1, &[]), at(2)).is_err());
    disk.mend();
    assert_eq!(chain.sign(&signers(1, &[]), at(3)).unwrap(), Some(3));
    let text = disk.content(&super::files::path(Path::new(HERE), 1));
    let text = String::from_utf8(text).unwrap();
    let signed = text.lines().filter_map(|line| Signed::read(line.as_bytes())).count();
    assert_eq!(signed, 2, "the key and the checkpoint");
    let found = verify_from(&disk, Path::new(HERE), &pinned(&[1]), None, |_| ()).unwrap();
    assert!(found.whole && found.covered == 3, "{found:?}");
}
