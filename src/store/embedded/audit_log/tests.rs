//! Every write may fail, the power may go, others write too, and somebody may lay hands on the files.

use super::{chain::Chain, files, verify::verify_from, *};
use crate::{
    base::clock::UnixMs,
    mail::Organisation,
    store::{
        audit::{Actor, Details, What},
        spool::{Chance, Disk, Fault, MemoryDisk},
    },
};
use std::{collections::BTreeSet, fs, io, time::Duration};

const NOW: UnixMs = UnixMs(1_800_000_000_000);
const MONTH: Duration = Duration::from_secs(31 * 86_400);

fn entry(object: &str) -> Entry {
    let anna = Actor::Account { name: "anna".to_string(), role: "admin".to_string() };
    Entry::new(anna, What::Released)
        .about(object)
        .of(Some(Organisation::named("acme")))
        .with(Details::default().word("filler", &"x".repeat(120)))
}

fn here() -> &'static Path {
    Path::new("/audit")
}

fn open(disk: &MemoryDisk) -> (Chain, AuditFound) {
    Chain::open(disk.arc(), here(), None).unwrap()
}

fn verified(disk: &MemoryDisk) -> Verified {
    verify_from(disk, here(), &Asked::default(), None, |_| ()).unwrap()
}

/// A log with so many records, each in a batch and at a time of its own.
fn filled(disk: &MemoryDisk, count: u64) -> Chain {
    let mut chain = open(disk).0;
    for nr in 1..=count {
        let at = NOW.plus(Duration::from_secs(nr));
        assert_eq!(chain.append(vec![entry(&format!("thing-{nr}"))], at).unwrap(), [nr]);
    }
    chain
}

fn objects(disk: &MemoryDisk) -> Vec<String> {
    let mut found = Vec::new();
    for file in files::list(disk, here()).unwrap() {
        let text = disk.content(&files::path(here(), file));
        let lines = text.split(|byte| *byte == b'\n');
        let records = lines.filter_map(crate::store::audit::read_record);
        found.extend(records.filter_map(|record| record.object));
    }
    found
}

#[test]
fn records_are_numbered_chained_and_go_on_after_a_restart_and_in_the_next_month() {
    let disk = MemoryDisk::new();
    drop(filled(&disk, 3));
    let (mut chain, found) = open(&disk);
    assert_eq!(found, AuditFound::default());
    let numbers = chain.append(vec![entry("four"), entry("five")], NOW.plus(MONTH)).unwrap();
    assert_eq!(numbers, [4, 5]);
    assert_eq!(files::list(&disk, here()).unwrap(), [1, 2]);
    assert_eq!(open(&disk).0.head(), chain.head());
    let whole = verified(&disk);
    assert!(whole.whole, "{whole:?}");
    assert_eq!((whole.records, whole.files, whole.head_number), (5, 2, 5));
    assert_eq!(whole.head, chain.head().hash);
    assert_eq!(whole.last_ms, Some(NOW.plus(MONTH)));
}

#[test]
fn a_large_file_is_followed_by_another() {
    let disk = MemoryDisk::new();
    let mut chain = filled(&disk, 1);
    let mut sent = 1;
    while files::list(&disk, here()).unwrap().len() < 3 {
        chain.append((0..2_000).map(|nr| entry(&nr.to_string())).collect(), NOW).unwrap();
        sent += 2_000;
    }
    let whole = verified(&disk);
    assert!(whole.whole, "{whole:?}");
    assert_eq!((whole.records, whole.files), (sent, 3));
}

#[test]
fn a_record_is_there_when_it_was_acknowledged_whichever_call_fails() {
    for fault in [Fault::Once(io::ErrorKind::Other), Fault::Lasting(io::ErrorKind::StorageFull)] {
        for call in 0..12 {
            let disk = MemoryDisk::new();
            let mut chain = filled(&disk, 2);
            disk.fail(call, fault);
            let mut acknowledged = vec!["thing-1".to_string(), "thing-2".to_string()];
            for (nr, at) in [(3, NOW.plus(MONTH)), (4, NOW.plus(MONTH)), (5, NOW.plus(MONTH * 2))] {
                let object = format!("thing-{nr}");
                if chain.append(vec![entry(&object)], at).is_ok() {
                    acknowledged.push(object);
                }
            }
            let failed = disk.has_failed();
            disk.mend();
            chain.append(vec![entry("last")], NOW.plus(MONTH * 2)).unwrap();
            acknowledged.push("last".to_string());
            let found = verified(&disk);
            assert!(found.whole, "{fault:?} at {call}: {found:?}");
            let there = objects(&disk);
            assert!(acknowledged.iter().all(|one| there.contains(one)), "{fault:?} at {call}");
            if fault == Fault::Once(io::ErrorKind::Other) {
                assert_eq!(there, acknowledged, "{fault:?} at {call}");
            }
            assert!(failed || call > 5, "{fault:?} at {call}");
        }
    }
}

#[test]
fn a_full_disk_takes_no_record_and_goes_on_when_there_is_room() {
    let disk = MemoryDisk::new();
    let mut chain = filled(&disk, 2);
    for room in [0, 1, 100, 300] {
        disk.leave_space(room);
        let error = chain.append(vec![entry("no")], NOW).unwrap_err();
        assert!(error.is_no_room(), "{error}");
    }
    disk.mend();
    assert_eq!(chain.append(vec![entry("yes")], NOW).unwrap(), [3]);
    assert_eq!(objects(&disk), ["thing-1", "thing-2", "yes"]);
    assert!(verified(&disk).whole);
}

#[test]
fn the_power_may_go_at_any_call_and_the_chain_stays_whole() {
    let mut torn = 0;
    for seed in 0..400 {
        let mut chance = Chance(seed);
        let mut disk = MemoryDisk::new();
        let mut acknowledged = Vec::new();
        for life in 0..3 {
            let (mut chain, found) = open(&disk);
            torn += u64::from(found.cut_bytes > 0);
            assert_eq!(found.broken, None, "seed {seed}");
            disk.fail(chance.below(12), Fault::PowerOff);
            for nr in 0..8 {
                let at = NOW.plus(Duration::from_secs(life * 20 * 86_400 + nr));
                let objects: Vec<String> =
                    (0..1 + chance.below(9)).map(|part| format!("{life}-{nr}-{part}")).collect();
                let batch = objects.iter().map(|object| entry(object)).collect();
                match chain.append(batch, at) {
                    Ok(_) => acknowledged.extend(objects),
                    Err(_) => assert!(disk.is_off(), "seed {seed}"),
                }
            }
            disk = disk.lose_power(&mut chance);
        }
        let (_, found) = open(&disk);
        assert_eq!(found.broken, None, "seed {seed}");
        let whole = verified(&disk);
        assert!(whole.whole, "seed {seed}: {whole:?}");
        let there: BTreeSet<String> = objects(&disk).into_iter().collect();
        assert!(acknowledged.iter().all(|one| there.contains(one)), "seed {seed}");
    }
    assert!(torn > 20, "only {torn} torn ends were seen");
}

#[test]
fn a_killed_writer_leaves_a_half_line_that_the_next_one_cuts_off() {
    let disk = MemoryDisk::new();
    let mut one = filled(&disk, 2);
    let path = files::path(here(), 1);
    disk.rot(&path, |text| text.extend_from_slice(b"{\"number\":3,\"at_ms\":18000"));
    assert_eq!(verified(&disk).unfinished_bytes, 25);
    assert_eq!(one.append(vec![entry("three")], NOW).unwrap(), [3], "beside a killed process");
    disk.rot(&path, |text| text.extend_from_slice(b"{\"number\":4"));
    let (mut two, found) = open(&disk);
    assert_eq!((found.cut_bytes, found.broken), (11, None));
    assert_eq!(two.append(vec![entry("four")], NOW).unwrap(), [4]);
    assert!(verified(&disk).whole);
}

#[test]
fn what_somebody_did_to_the_files_is_found_and_named() {
    type Hand = fn(&mut Vec<Vec<u8>>);
    let forge: Hand = |lines| {
        let forged = crate::store::audit::write_line(5, NOW, entry("forged"), Default::default()).0;
        lines[4] = forged.trim_end().as_bytes().to_vec();
    };
    let table: [(&str, Hand, u64, u64, &str); 8] = [
        ("a changed byte", |lines| lines[4][60] ^= 1, 5, 5, "hash does not fit"),
        ("a removed line", |lines| drop(lines.remove(4)), 5, 5, "names another one"),
        ("the first line removed", |lines| drop(lines.remove(0)), 1, 1, "names another one"),
        ("swapped lines", |lines| lines.swap(4, 5), 5, 5, "names another one"),
        ("a line twice", |lines| lines.insert(5, lines[4].clone()), 6, 6, "names another one"),
        ("garbage between", |lines| lines.insert(4, b"hello".to_vec()), 5, 5, "no record"),
        ("an emptied line", |lines| lines[4].fill(0), 5, 5, "no record"),
        ("a forged line", forge, 5, 5, "names another one"),
    ];
    for (what, hand, line, number, why) in table {
        let disk = MemoryDisk::new();
        drop(filled(&disk, 9));
        disk.rot(&files::path(here(), 1), |text| {
            let mut lines: Vec<Vec<u8>> =
                text.split(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect();
            hand(&mut lines);
            *text = lines.join(&b'\n');
        });
        let found = verified(&disk);
        let first = found.bad.first().unwrap_or_else(|| panic!("{what} was not found"));
        assert_eq!((first.line, first.number), (line, number), "{what}: {first:?}");
        assert!(first.why.contains(why), "{what}: {first:?}");
        // The log goes on, says so in its next record, and stays broken for whoever verifies.
        let (mut chain, seen) = open(&disk);
        assert_eq!(seen.broken.map(|broken| broken.line), Some(Some(line)), "{what}");
        let goes_on = chain.append(vec![entry("on")], NOW).unwrap();
        assert!(goes_on[0] >= 9, "{what}: {goes_on:?}");
        let text = disk.content(&files::path(here(), 2));
        let note = crate::store::audit::read_record(text.split(|it| *it == b'\n').next().unwrap());
        let note = note.unwrap();
        assert_eq!(note.what, What::ChainBrokenFound, "{what}");
        assert_eq!(note.details.get("line").unwrap(), line, "{what}");
        assert_eq!(open(&disk).1, AuditFound::default(), "{what}: it is said once");
        assert_eq!(open(&disk).0.append(vec![entry("and on")], NOW).unwrap(), [goes_on[0] + 1]);
        let after = verified(&disk);
        assert_eq!((after.whole, after.breaks_noted), (false, 1), "{what}");
        assert_eq!(after.bad.first(), Some(first), "{what}");
    }
}

#[test]
fn a_removed_or_exchanged_file_is_found() {
    for remove in [1, 2] {
        let disk = MemoryDisk::new();
        let mut chain = filled(&disk, 2);
        for later in 1..3 {
            chain.append(vec![entry("later")], NOW.plus(MONTH * later)).unwrap();
        }
        assert_eq!(files::list(&disk, here()).unwrap(), [1, 2, 3]);
        disk.remove(&files::path(here(), remove)).unwrap();
        let found = verified(&disk);
        let first = found.bad.first().unwrap();
        assert_eq!(
            (first.file.as_str(), first.line),
            (files::name(remove).as_str(), 0),
            "{found:?}"
        );
        assert_eq!(first.why, "the file is missing");
    }
}

/// What no chain can see by itself; README says so.
#[test]
fn an_end_that_was_cut_off_at_a_line_leaves_a_chain_that_fits() {
    let disk = MemoryDisk::new();
    let mut running = filled(&disk, 9);
    let path = files::path(here(), 1);
    disk.rot(&path, |text| {
        let ends: Vec<usize> =
            text.iter().enumerate().filter(|(_, byte)| **byte == b'\n').map(|(at, _)| at).collect();
        text.truncate(ends[6] + 1);
    });
    assert!(verified(&disk).whole);
    assert_eq!(open(&disk).1, AuditFound::default());
    // But whoever remembers the end sees it: the gateway that runs, and the index at the next start.
    let seen = running.head();
    let (_, found) = Chain::open(disk.arc(), here(), Some(seen)).unwrap();
    assert!(found.broken.unwrap().why.contains("record 9 was in the log"));
    running.append(vec![entry("ten")], NOW).unwrap();
    let after = verified(&disk);
    assert_eq!((after.whole, after.breaks_noted), (false, 1));
    assert_eq!(after.bad.first().unwrap().file, files::name(2));
}

#[test]
fn two_who_write_share_one_chain() {
    let folder = tempfile::tempdir().unwrap();
    let writers: Vec<_> = (0..4)
        .map(|writer| {
            let folder = folder.path().to_path_buf();
            thread::spawn(move || {
                let disk: Arc<dyn Disk> = Arc::new(RealDisk);
                let (mut chain, _) = Chain::open(disk, &folder, None).unwrap();
                for nr in 0..50 {
                    chain.append(vec![entry(&format!("{writer}-{nr}"))], NOW).unwrap();
                }
            })
        })
        .collect();
    writers.into_iter().for_each(|writer| writer.join().unwrap());
    let whole = verify(folder.path(), &Asked::default(), |_| ()).unwrap();
    assert!(whole.whole, "{whole:?}");
    assert_eq!((whole.records, whole.head_number), (200, 200));
}

#[test]
fn one_who_begins_a_new_file_is_followed_by_the_others() {
    let disk = MemoryDisk::new();
    let mut one = filled(&disk, 2);
    let mut two = open(&disk).0;
    two.append(vec![entry("three")], NOW.plus(MONTH)).unwrap();
    one.append(vec![entry("four")], NOW.plus(MONTH)).unwrap();
    disk.rot(&files::path(here(), 2), |text| text[70] ^= 1);
    disk.rot(&files::path(here(), 2), |text| text.extend_from_slice(b"more\n"));
    one.append(vec![entry("six")], NOW.plus(MONTH)).unwrap();
    two.append(vec![entry("seven")], NOW.plus(MONTH)).unwrap();
    let found = verified(&disk);
    assert_eq!((found.files, found.breaks_noted), (3, 1), "{found:?}");
    assert_eq!(objects(&disk).last().unwrap(), "seven");
}

#[test]
fn two_who_see_the_same_break_say_it_once_and_go_on_together() {
    let disk = MemoryDisk::new();
    drop(filled(&disk, 4));
    disk.rot(&files::path(here(), 1), |text| text[70] ^= 1);
    let (mut one, mut two) = (open(&disk).0, open(&disk).0);
    assert_eq!(one.append(vec![entry("six")], NOW).unwrap(), [6]);
    assert_eq!(two.append(vec![entry("seven")], NOW).unwrap(), [7]);
    assert_eq!(one.append(vec![entry("eight")], NOW).unwrap(), [8]);
    let found = verified(&disk);
    assert_eq!((found.misfits, found.breaks_noted, found.files), (1, 1, 2), "{found:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn many_at_once_share_syncs_and_each_gets_its_number() {
    let disk = MemoryDisk::new();
    disk.sync_slowly(Duration::from_millis(20));
    let clock = Clock::by_hand(NOW);
    let (log, _) = AuditLog::open_on(disk.arc(), here(), clock).unwrap();
    let before = disk.syncs();
    let appends = (0..200).map(|nr| {
        let log = log.clone();
        tokio::spawn(async move { log.append(entry(&nr.to_string())).await.unwrap() })
    });
    let mut numbers = BTreeSet::new();
    for append in appends.collect::<Vec<_>>() {
        numbers.insert(append.await.unwrap());
    }
    assert_eq!(numbers, (1..=200).collect());
    assert!(disk.syncs() - before < 50, "{} syncs", disk.syncs() - before);
    disk.fail(0, Fault::Lasting(io::ErrorKind::StorageFull));
    assert!(log.append(entry("no")).await.unwrap_err().is_no_room());
    disk.mend();
    assert_eq!(log.append(entry("yes")).await.unwrap(), 201);
}

fn filter(change: impl FnOnce(&mut AuditFilter)) -> AuditFilter {
    let mut filter = AuditFilter { rows: 100, ..AuditFilter::default() };
    change(&mut filter);
    filter
}

#[tokio::test]
async fn a_page_shows_what_was_asked_for_newest_first() {
    let folder = tempfile::tempdir().unwrap();
    let clock = Clock::by_hand(NOW);
    let (log, _) = AuditLog::open(folder.path(), clock.clone()).unwrap();
    let bo = Actor::Mailbox { name: "Bo@beta.example".to_string() };
    for nr in 1..=5 {
        clock.advance(Duration::from_secs(1));
        log.append(entry(&format!("thing-{nr}"))).await.unwrap();
    }
    let beta = Some(Organisation::named("beta"));
    log.append(Entry::new(bo, What::ContentOpened).about("thing-2").of(beta.clone()))
        .await
        .unwrap();
    log.append(Entry::new(Actor::System, What::Stopped)).await.unwrap();
    let table: [(&str, AuditFilter, &[u64]); 9] = [
        ("all", filter(|_| ()), &[7, 6, 5, 4, 3, 2, 1]),
        ("one organisation", filter(|it| it.scope = beta), &[6]),
        ("who", filter(|it| it.who = Some("BO@beta.example".to_string())), &[6]),
        ("system", filter(|it| it.who = Some("system".to_string())), &[7]),
        ("what", filter(|it| it.what = Some(What::Released)), &[5, 4, 3, 2, 1]),
        ("about", filter(|it| it.object = Some("thing-2".to_string())), &[6, 2]),
        ("since", filter(|it| it.since = Some(NOW.plus(Duration::from_secs(4)))), &[7, 6, 5, 4]),
        ("until", filter(|it| it.until = Some(NOW.plus(Duration::from_secs(2)))), &[2, 1]),
        (
            "next page",
            filter(|it| (it.before, it.rows, it.what) = (Some(4), 2, Some(What::Released))),
            &[3, 2],
        ),
    ];
    for (what, asked, want) in table {
        let page = log.list(asked).await.unwrap();
        let numbers: Vec<u64> = page.records.iter().map(|record| record.number).collect();
        assert_eq!((numbers.as_slice(), page.damaged.as_slice()), (want, &[][..]), "{what}");
    }
}

#[tokio::test]
async fn the_index_is_made_again_and_never_believed() {
    let folder = tempfile::tempdir().unwrap();
    let clock = Clock::by_hand(NOW);
    let log = AuditLog::open(folder.path(), clock.clone()).unwrap().0;
    let batch: Vec<Entry> = (1..=5).map(|nr| entry(&format!("thing-{nr}"))).collect();
    log.append_all(batch).await.unwrap();
    assert_eq!(log.list(filter(|_| ())).await.unwrap().records.len(), 5);
    drop(log);
    let audit = audit_folder(folder.path());
    for ending in ["", "-wal", "-shm"] {
        let _may_be_gone = fs::remove_file(audit.join(format!("index.db{ending}")));
    }
    fs::write(audit.join("index.db"), "no database at all, but a text that is long enough")
        .unwrap();
    assert_eq!(list_once(folder.path(), &filter(|_| ())).unwrap().records.len(), 5);
    // A record that was changed in its file is not shown as if it were one.
    let path = files::path(&audit, 1);
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, text.replace("thing-4", "thing-9")).unwrap();
    let page = list_once(folder.path(), &filter(|_| ())).unwrap();
    assert_eq!((page.records.len(), page.damaged), (4, vec![4]));
    // An end that goes missing shows, for the index has seen it: to whoever verifies this very folder, and at the next start.
    let lines: Vec<&str> = text.lines().take(3).collect();
    fs::write(&path, lines.join("\n") + "\n").unwrap();
    assert!(
        verify(&audit, &Asked::default(), |_| ()).unwrap().whole,
        "a copy has nobody who knows an end"
    );
    let found = verify_own(&audit, &Asked::default(), |_| ()).unwrap();
    assert_eq!((found.whole, found.missing, found.remembered), (false, 2, Some(5)));
    assert_eq!(found.bad[0].why, "the end is missing: records 4 to 5, which the index remembers");
    // A chain that was written anew up to there is another one.
    fs::write(&path, text.replace("thing-4", "thing-9")).unwrap();
    let found = verify_own(&audit, &Asked::default(), |_| ()).unwrap();
    assert_eq!((found.whole, found.missing), (false, 0), "{found:?}");
    fs::write(&path, lines.join("\n") + "\n").unwrap();
    let (log, found) = AuditLog::open(folder.path(), clock).unwrap();
    assert!(found.broken.unwrap().why.contains("record 5 was in the log"));
    assert!(log.trouble().unwrap().contains("record 5 was in the log"), "known from the opening");
    assert_eq!(log.append(entry("seven")).await.unwrap(), 7);
    // The hole stays: the numbers on its two sides tell how many are missing.
    let found = verify(&audit, &Asked::default(), |_| ()).unwrap();
    assert_eq!((found.whole, found.breaks_noted, found.missing), (false, 1, 2), "{found:?}");
    assert!(
        log.look(Vec::new()).await.unwrap(),
        "all of it was looked at, and the place is named now"
    );
    assert!(!log.look(Vec::new()).await.unwrap(), "which is no news the second time");
    assert!(log.trouble().unwrap().ends_with("; 2 records are missing"), "{:?}", log.trouble());
    assert!(log.trouble().unwrap().contains("audit-00000002.jsonl line 1"), "{:?}", log.trouble());
}
