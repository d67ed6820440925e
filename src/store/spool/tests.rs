//! What the spool does, one behaviour at a time, on the disk in memory; `storms` has them all at once.

use super::{
    Content, Disk, Durability, Options, RealDisk, Recovered, Spool, SpoolError, Wrong,
    memory_disk::{Chance, Fault, MemoryDisk},
    record::{Kind, RECORD_HEAD_BYTES, RecordHead, SEGMENT_HEAD_BYTES, SegmentHead, Spot},
    seal::OVERHEAD_BYTES,
};
use crate::{
    base::{
        clock::{Clock, UnixMs},
        ids::Id,
    },
    mail::Organisation,
    store::{keyring::KeyRing, master::MasterKey},
};
use bytes::Bytes;
use std::{
    future::Future,
    io,
    path::{Path, PathBuf},
    sync::Arc,
};
use tokio::task::JoinSet;

const FOLDER: &str = "/spool";
const META: &[u8] = b"envelope";
/// The same sealed, for the organisation of these tests.
const META_BYTES: usize = OVERHEAD_BYTES + b"acme".len() + META.len();
/// The tag of a content of one piece.
const TAG_BYTES: usize = 16;

fn wait<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(work)
}

fn try_open(disk: Arc<dyn Disk>, folder: &Path) -> Result<(Spool, Recovered), SpoolError> {
    let sizes =
        Options { segment_bytes_max: 100_000, inline_bytes_max: 4_000, ..Options::default() };
    let ring = ring(disk.clone(), folder);
    Spool::open(disk, folder, ring, Clock::by_hand(UnixMs(1_795_262_400_000)), sizes)
}

fn open(disk: &MemoryDisk) -> (Spool, Recovered) {
    try_open(disk.arc(), Path::new(FOLDER)).unwrap()
}

fn organisation() -> Organisation {
    Organisation::named("acme")
}

/// The keys lie on the same disk and meet the same faults.
pub(super) fn ring(disk: Arc<dyn Disk>, folder: &Path) -> KeyRing {
    let keys = folder.join("keys");
    disk.create_folder(&keys).unwrap();
    let clock = Clock::by_hand(UnixMs(1));
    KeyRing::open(disk, &keys, MasterKey::for_tests(7), clock).unwrap().0
}

fn id(number: u64) -> Id {
    Id::new(UnixMs(number), [0; 10])
}

fn text(size: usize) -> Content {
    Content::from_bytes(Bytes::from(vec![b'x'; size]))
}

fn bytes(count: usize) -> u64 {
    count.try_into().unwrap()
}

fn segment(number: u32) -> PathBuf {
    Path::new(FOLDER).join(format!("log/{number:010}.segment"))
}

fn ids(recovered: &Recovered) -> Vec<Id> {
    recovered.entries.iter().map(|entry| entry.id).collect()
}

/// Three mails of 100 bytes in one segment, then the end; says where the records begin.
fn three_mails(disk: &MemoryDisk) -> [usize; 4] {
    wait(async {
        let (spool, _) = open(disk);
        for number in 1..=3 {
            spool.put(id(number), &organisation(), META, &text(100)).await.unwrap();
        }
        spool.flush_and_close().await.unwrap();
    });
    let one = RECORD_HEAD_BYTES + META_BYTES + 100 + TAG_BYTES;
    [0, 1, 2, 3].map(|count| SEGMENT_HEAD_BYTES + count * one)
}

#[test]
fn a_mail_is_stored_changed_read_and_removed() {
    let disk = MemoryDisk::new();
    wait(async {
        let (spool, recovered) = open(&disk);
        assert_eq!(recovered.entries, []);
        let stored = spool.put(id(1), &organisation(), META, &text(100)).await.unwrap();
        assert_eq!((stored.id(), stored.size_bytes()), (id(1), 100));
        spool.put(id(2), &organisation(), b"other", &text(0)).await.unwrap();
        spool.update(id(1), b"tried once".to_vec(), Durability::Written).await.unwrap();
        let (meta, content) = spool.read(id(1)).await.unwrap();
        assert_eq!(
            (&meta[..], &content.bytes().unwrap()[..]),
            (&b"tried once"[..], &[b'x'; 100][..])
        );
        spool.remove(id(2)).await.unwrap();
        assert_eq!(spool.remove(id(2)).await, Err(SpoolError::NotThere(id(2))));
        assert_eq!(spool.read(id(2)).await.unwrap_err(), SpoolError::NotThere(id(2)));
        let again = spool.put(id(1), &organisation(), META, &text(1)).await;
        assert_eq!(again.unwrap_err(), SpoolError::AlreadyThere(id(1)));
        assert_eq!(spool.metas().collect::<Vec<_>>(), [(id(1), Ok(b"tried once".to_vec()))]);
        spool.flush_and_close().await.unwrap();
        let (_, recovered) = open(&disk);
        assert_eq!(ids(&recovered), [id(1)]);
        assert_eq!(
            (&recovered.entries[0].meta[..], recovered.entries[0].size_bytes),
            (&b"tried once"[..], 100)
        );
    });
}

#[test]
fn what_was_written_and_not_synced_survives_a_killed_process() {
    let disk = MemoryDisk::new();
    let disk = wait(async {
        let (spool, _) = open(&disk);
        spool.put(id(1), &organisation(), META, &text(10)).await.unwrap();
        spool.put(id(2), &organisation(), META, &text(10)).await.unwrap();
        spool.update(id(1), b"tried".to_vec(), Durability::Written).await.unwrap();
        spool.remove(id(2)).await.unwrap();
        disk.kill()
    });
    let (_, recovered) = open(&disk);
    assert_eq!(ids(&recovered), [id(1)]);
    assert_eq!(recovered.entries[0].meta, b"tried");
}

#[test]
fn a_large_mail_moves_from_incoming_to_its_own_file() {
    let disk = MemoryDisk::new();
    wait(async {
        let (spool, _) = open(&disk);
        let mut receiving = spool.receive();
        for _ in 0..100 {
            receiving.write(&[b'y'; 1_000]).unwrap();
        }
        let content = receiving.finish().unwrap();
        assert_eq!(content.size_bytes(), 100_000);
        assert_eq!(content.hash(), *blake3::hash(&[b'y'; 100_000]).as_bytes());
        let incoming = Path::new(FOLDER).join("incoming/0");
        assert!(disk.paths().contains(&incoming));
        spool.put(id(1), &organisation(), META, &content).await.unwrap();
        // The same content for another next hop: a file of its own, the first one stays.
        spool.put(id(2), &organisation(), META, &content).await.unwrap();
        assert!(!disk.paths().contains(&incoming));
        drop(content);
        for number in [1, 2] {
            let (_, content) = spool.read(id(number)).await.unwrap();
            let pieces: Vec<Bytes> = content.chunks(64 << 10).map(Result::unwrap).collect();
            assert_eq!(pieces.iter().map(Bytes::len).collect::<Vec<_>>(), [65_536, 34_464]);
            assert_eq!(pieces.concat(), [b'y'; 100_000]);
        }
        let file = Path::new(FOLDER).join("large").join(id(1).to_string());
        disk.rot(&file, |bytes| bytes[99_999] ^= 1);
        let (_, content) = spool.read(id(1)).await.unwrap();
        let last = content.chunks(64 << 10).last().unwrap();
        assert_eq!(last.unwrap_err().kind(), io::ErrorKind::InvalidData);
        spool.remove(id(1)).await.unwrap();
        assert!(!disk.paths().contains(&file));
    });
}

#[test]
fn a_mail_that_is_not_kept_leaves_nothing() {
    let disk = MemoryDisk::new();
    let (spool, _) = open(&disk);
    let before = disk.paths();
    let mut receiving = spool.receive();
    receiving.write(&[0; 100_000]).unwrap();
    let content = receiving.finish().unwrap();
    assert_eq!(content.clone().bytes().unwrap().len(), 100_000);
    drop(content);
    let mut receiving = spool.receive();
    receiving.write(&[0; 100_000]).unwrap();
    drop(receiving);
    assert_eq!(disk.paths(), before);
}

#[test]
fn mails_that_wait_together_are_synced_together() {
    let disk = MemoryDisk::new();
    wait(async {
        let (spool, _) = open(&disk);
        spool.put(id(0), &organisation(), META, &text(10)).await.unwrap();
        let before = disk.syncs();
        // While one sync is under way the others gather.
        disk.sync_slowly(std::time::Duration::from_millis(20));
        let mut puts = JoinSet::new();
        for number in 1..=64 {
            let spool = spool.clone();
            puts.spawn(async move {
                spool.put(id(number), &organisation(), META, &text(10)).await.unwrap()
            });
        }
        puts.join_all().await;
        assert!(disk.syncs() - before < 64, "{}", disk.syncs() - before);
        assert_eq!(spool.state().entries, 65);
    });
}

#[test]
fn a_caller_that_hangs_up_leaves_no_mail_behind() {
    let disk = MemoryDisk::new();
    wait(async {
        let (spool, _) = open(&disk);
        for polls in 0..3 {
            let content = text(10);
            let organisation = organisation();
            let mut put = Box::pin(spool.put(id(polls), &organisation, META, &content));
            for _ in 0..=polls {
                tokio::select! {
                    biased;
                    stored = &mut put => drop(stored),
                    () = tokio::task::yield_now() => (),
                }
                if spool.state().entries > 0 {
                    break;
                }
            }
            drop(put);
            spool.flush().await.unwrap();
            drop(spool.remove(id(polls)).await);
            assert_eq!(spool.state().entries, 0);
            // The id is free again, and the old hang-up does not take the new mail back.
            spool.put(id(polls), &organisation, META, &content).await.unwrap();
            spool.flush().await.unwrap();
            spool.remove(id(polls)).await.unwrap();
        }
    });
}

#[test]
fn a_second_process_is_told_that_the_folder_is_in_use() {
    let disk = MemoryDisk::new();
    let (spool, _) = open(&disk);
    let folder = PathBuf::from(FOLDER);
    assert_eq!(try_open(disk.arc(), &folder).unwrap_err(), SpoolError::InUse { folder });
    wait(spool.flush_and_close()).unwrap();
    open(&disk);
}

#[test]
fn a_spool_that_is_only_looked_at_stays_as_it_is() {
    let disk = MemoryDisk::new();
    three_mails(&disk);
    let before = disk.paths();
    let content = disk.content(&segment(1));
    let (spool, recovered) = open(&disk);
    assert_eq!(recovered.entries.len(), 3);
    wait(spool.flush_and_close()).unwrap();
    assert_eq!((disk.paths(), disk.content(&segment(1))), (before, content));
}

#[test]
fn a_tail_torn_anywhere_is_cut_off_and_the_rest_is_there() {
    let disk = MemoryDisk::new();
    let [_, _, third, end] = three_mails(&disk);
    let whole = disk.content(&segment(1));
    for torn in third..end {
        disk.rot(&segment(1), |bytes| *bytes = whole[..torn].to_vec());
        let (spool, recovered) = open(&disk);
        assert_eq!(ids(&recovered), [id(1), id(2)], "{torn}");
        assert_eq!((recovered.cut_bytes, recovered.damaged.len()), (bytes(torn - third), 0));
        wait(spool.flush_and_close()).unwrap();
        assert_eq!(disk.content(&segment(1)).len(), third);
    }
}

#[test]
fn a_damaged_record_costs_no_other_and_is_reported() {
    for (part, what, known) in [
        (3, Wrong::Head, false),
        (60, Wrong::Head, false),
        (RECORD_HEAD_BYTES + 2, Wrong::Meta, true),
        (RECORD_HEAD_BYTES + META_BYTES + 50, Wrong::Content, true),
    ] {
        let disk = MemoryDisk::new();
        let [first, second, third, _] = three_mails(&disk);
        for at in [first, second] {
            disk.rot(&segment(1), |bytes| bytes[at + part] ^= 4);
            let (spool, recovered) = open(&disk);
            let damage = &recovered.damaged[0];
            assert_eq!((damage.what, damage.file.clone()), (what, segment(1)));
            assert_eq!((damage.offset, damage.bytes), (bytes(at), bytes(third - second)));
            assert_eq!(damage.id.is_some(), known);
            assert_eq!(damage.meta.is_some(), what == Wrong::Content);
            let kept = disk.content(damage.kept.as_ref().unwrap());
            assert_eq!(kept, disk.content(&segment(1))[at..at + third - second]);
            let mut left = vec![id(1), id(2), id(3)];
            left.remove((at - first) / (third - second));
            assert_eq!(ids(&recovered), left);
            wait(spool.flush_and_close()).unwrap();
            disk.rot(&segment(1), |bytes| bytes[at + part] ^= 4);
        }
    }
}

#[test]
fn damage_to_a_mail_that_is_long_delivered_is_no_news() {
    let disk = MemoryDisk::new();
    wait(async {
        let (spool, _) = open(&disk);
        spool.put(id(1), &organisation(), META, &text(100)).await.unwrap();
        spool.remove(id(1)).await.unwrap();
        spool.flush_and_close().await.unwrap();
    });
    disk.rot(&segment(1), |bytes| bytes[SEGMENT_HEAD_BYTES + RECORD_HEAD_BYTES + META_BYTES] ^= 1);
    assert_eq!(open(&disk).1.damaged, []);
}

#[test]
fn a_large_file_is_no_orphan_while_the_log_has_a_hole() {
    for damaged in [false, true] {
        let disk = MemoryDisk::new();
        let [first, ..] = three_mails(&disk);
        let orphan = Path::new(FOLDER).join("large").join(id(9).to_string());
        disk.create(&orphan).unwrap();
        if damaged {
            disk.rot(&segment(1), |bytes| bytes[first] ^= 1);
        }
        let (_, recovered) = open(&disk);
        assert_eq!(
            (recovered.orphans_removed, recovered.orphans_kept),
            if damaged { (0, 1) } else { (1, 0) }
        );
        assert_eq!(disk.paths().contains(&orphan), damaged);
    }
}

#[test]
fn a_large_mail_without_its_file_is_reported_with_its_envelope() {
    let disk = MemoryDisk::new();
    wait(async {
        let (spool, _) = open(&disk);
        spool.put(id(1), &organisation(), META, &text(5_000)).await.unwrap();
        spool.put(id(2), &organisation(), META, &text(10)).await.unwrap();
        spool.flush_and_close().await.unwrap();
    });
    disk.remove(&Path::new(FOLDER).join("large").join(id(1).to_string())).unwrap();
    let (_, recovered) = open(&disk);
    assert_eq!(ids(&recovered), [id(2)]);
    let damage = &recovered.damaged[0];
    assert_eq!(
        (damage.what, damage.id, damage.meta.as_deref()),
        (Wrong::FileMissing, Some(id(1)), Some(META))
    );
}

/// A mail may contain the bytes of records, even of this very spool's. Where its own record is damaged, the search
/// for the next good one runs through them.
#[test]
fn a_mail_that_looks_like_records_is_never_read_as_records() {
    let disk = MemoryDisk::new();
    let [_, _, _, end] = three_mails(&disk);
    let records = disk.content(&segment(1))[SEGMENT_HEAD_BYTES..end].to_vec();
    wait(async {
        let (spool, _) = open(&disk);
        for number in 1..=3 {
            spool.remove(id(number)).await.unwrap();
        }
        spool
            .put(id(4), &organisation(), META, &Content::from_bytes(Bytes::from(records)))
            .await
            .unwrap();
        spool.put(id(5), &organisation(), META, &text(10)).await.unwrap();
        spool.flush_and_close().await.unwrap();
    });
    let last = disk.paths().into_iter().rfind(|path| path.starts_with("/spool/log")).unwrap();
    disk.rot(&last, |bytes| {
        let name = id(4).to_bytes();
        let at = bytes.windows(name.len()).position(|window| window == name).unwrap();
        bytes[at] ^= 1;
    });
    let (_, recovered) = open(&disk);
    assert_eq!(ids(&recovered), [id(5)]);
    assert_eq!(recovered.damaged.len(), 1);
}

#[test]
fn the_key_is_found_in_either_of_its_places() {
    let disk = MemoryDisk::new();
    three_mails(&disk);
    let key = Path::new(FOLDER).join("key");
    disk.rot(&key, |bytes| bytes[0] ^= 1);
    let (spool, recovered) = open(&disk);
    assert_eq!((recovered.entries.len(), recovered.damaged.len()), (3, 0));
    wait(spool.flush_and_close()).unwrap();
    disk.rot(&segment(1), |bytes| bytes[50] ^= 1);
    let (_, recovered) = open(&disk);
    assert_eq!(recovered.entries.len(), 3);
    assert_eq!(recovered.damaged[0].what, Wrong::SegmentHead);
    // Without any, the log is left alone.
    let (disk, whole) = (disk.kill(), disk.content(&segment(1)));
    disk.rot(&key, |bytes| bytes[0] ^= 1);
    assert!(try_open(disk.arc(), Path::new(FOLDER)).is_err());
    assert_eq!(disk.content(&segment(1)), whole);
}

#[test]
fn a_bad_sector_costs_what_is_in_it_and_the_segment_stays() {
    let disk = MemoryDisk::new();
    wait(async {
        let (spool, _) = open(&disk);
        for number in 1..=20 {
            spool.put(id(number), &organisation(), META, &text(1_000)).await.unwrap();
        }
        spool.flush_and_close().await.unwrap();
    });
    disk.make_unreadable(&segment(1), 2);
    let (spool, recovered) = open(&disk);
    assert!((14..=16).contains(&recovered.entries.len()), "{}", recovered.entries.len());
    assert!(recovered.damaged.iter().all(|damage| damage.kept.is_none()));
    assert_eq!(spool.state().pinned, 1);
    wait(async {
        for entry in &recovered.entries {
            spool.remove(entry.id).await.unwrap();
        }
        spool.flush_and_close().await.unwrap();
    });
    assert!(disk.paths().contains(&segment(1)));
}

#[test]
fn space_comes_back_while_an_old_mail_stays() {
    let disk = MemoryDisk::new();
    wait(async {
        let (spool, _) = open(&disk);
        spool.put(id(0), &organisation(), META, &text(1_000)).await.unwrap();
        for number in 1..=2_000 {
            spool.put(id(number), &organisation(), META, &text(1_000)).await.unwrap();
            spool.remove(id(number)).await.unwrap();
        }
        let state = spool.state();
        assert!(state.log_bytes < 500_000, "{state:?}");
        assert_eq!(state.entries, 1);
        let (_, content) = spool.read(id(0)).await.unwrap();
        assert_eq!(content.size_bytes(), 1_000);
        spool.flush_and_close().await.unwrap();
    });
    let disk = disk.lose_power(&mut Chance(1));
    assert_eq!(ids(&open(&disk).1), [id(0)]);
}

#[test]
fn a_full_disk_says_so_and_a_delivered_mail_is_not_delivered_again() {
    let disk = MemoryDisk::new();
    let disk = wait(async {
        let (spool, _) = open(&disk);
        spool.put(id(1), &organisation(), META, &text(10)).await.unwrap();
        spool.put(id(2), &organisation(), META, &text(10)).await.unwrap();
        disk.leave_space(50);
        let full = spool.put(id(3), &organisation(), META, &text(10)).await.unwrap_err();
        assert!(full.is_full(), "{full}");
        assert!(spool.remove(id(1)).await.unwrap_err().is_full());
        assert_eq!(spool.read(id(1)).await.unwrap_err(), SpoolError::NotThere(id(1)));
        spool.read(id(2)).await.unwrap();
        disk.mend();
        spool.put(id(4), &organisation(), META, &text(10)).await.unwrap();
        disk.lose_power(&mut Chance(1))
    });
    assert_eq!(ids(&open(&disk).1), [id(2), id(4)]);
}

#[test]
fn after_a_failed_sync_a_new_segment_is_begun() {
    let disk = MemoryDisk::new();
    let disk = wait(async {
        let (spool, _) = open(&disk);
        spool.put(id(1), &organisation(), META, &text(10)).await.unwrap();
        spool.update(id(1), b"tried".to_vec(), Durability::Written).await.unwrap();
        // The write goes well, the sync does not.
        disk.fail(1, Fault::Once(io::ErrorKind::Other));
        let error = spool.put(id(2), &organisation(), META, &text(10)).await.unwrap_err();
        assert!(!error.is_full(), "{error}");
        assert_eq!(spool.read(id(1)).await.unwrap().0, b"tried");
        spool.put(id(3), &organisation(), META, &text(10)).await.unwrap();
        assert!(disk.paths().contains(&segment(2)));
        disk.lose_power(&mut Chance(1))
    });
    let (_, recovered) = open(&disk);
    assert_eq!(ids(&recovered), [id(1), id(3)]);
    assert_eq!(recovered.entries[0].meta, b"tried");
}

#[test]
fn a_meta_that_the_disk_lost_is_still_the_running_spools_meta() {
    // The kernel may keep the pages it could not write, or read the old ones again.
    for calls in 0..2 {
        let disk = MemoryDisk::new();
        wait(async {
            let (spool, _) = open(&disk);
            spool.put(id(1), &organisation(), META, &text(10)).await.unwrap();
            for _ in 0..=calls {
                spool.update(id(1), b"tried".to_vec(), Durability::Written).await.unwrap();
            }
            disk.fail(0, Fault::Lasting(io::ErrorKind::Other));
            spool.flush().await.unwrap_err();
            assert_eq!(spool.read(id(1)).await.unwrap().0, b"tried");
            disk.mend();
            spool.flush().await.unwrap();
            assert_eq!(spool.read(id(1)).await.unwrap().0, b"tried");
        });
    }
}

#[test]
fn a_disk_that_was_read_only_for_a_while_is_used_again() {
    let disk = MemoryDisk::new();
    three_mails(&disk);
    disk.fail(0, Fault::Lasting(io::ErrorKind::ReadOnlyFilesystem));
    // Mails can still be read and passed on, if the folder itself could be synced before.
    assert!(try_open(disk.arc(), Path::new(FOLDER)).is_err());
    disk.mend();
    wait(async {
        let (spool, _) = open(&disk);
        disk.fail(0, Fault::Lasting(io::ErrorKind::ReadOnlyFilesystem));
        assert!(spool.put(id(4), &organisation(), META, &text(10)).await.is_err());
        assert!(spool.read(id(1)).await.is_ok());
        disk.mend();
        spool.put(id(4), &organisation(), META, &text(10)).await.unwrap();
    });
}

/// The disk fills up, then fails, then loses power, and the process is started again: the end of the first segment stands in the second's head.
#[test]
fn what_was_refused_stays_refused_when_the_head_that_says_so_is_gone() {
    for (calls, seed) in (0..24).flat_map(|calls| (0..8).map(move |seed| (calls, seed))) {
        let disk = MemoryDisk::new();
        wait(async {
            let (spool, _) = open(&disk);
            spool.put(id(1), &organisation(), META, &text(100)).await.unwrap();
            disk.leave_space(700);
            assert!(spool.put(id(2), &organisation(), META, &text(1_000)).await.is_err());
            disk.mend();
            disk.fail(0, Fault::Lasting(io::ErrorKind::ReadOnlyFilesystem));
            assert!(spool.put(id(3), &organisation(), META, &text(10)).await.is_err());
            disk.mend();
            disk.fail(4, Fault::PowerOff);
            assert!(spool.put(id(4), &organisation(), META, &text(10)).await.is_err());
        });
        let disk = disk.kill();
        wait(async {
            let (spool, recovered) = open(&disk);
            assert_eq!((ids(&recovered), recovered.damaged), (vec![id(1)], vec![]));
            disk.fail(calls, Fault::PowerOff);
            for number in 5..25 {
                drop(spool.put(id(number), &organisation(), META, &text(10)).await);
            }
        });
        let (_, recovered) = open(&disk.lose_power(&mut Chance(seed)));
        assert_eq!(recovered.damaged, [], "{calls} {seed}");
        assert!(ids(&recovered).contains(&id(1)), "{calls} {seed}");
    }
}

#[test]
fn what_was_shown_at_the_start_stays_when_the_power_goes() {
    for seed in 0..32 {
        let disk = MemoryDisk::new();
        wait(async {
            let (spool, _) = open(&disk);
            spool.put(id(1), &organisation(), META, &text(100)).await.unwrap();
            spool.remove(id(1)).await.unwrap();
            disk.fail(0, Fault::Lasting(io::ErrorKind::Other));
            assert!(spool.put(id(2), &organisation(), META, &text(10)).await.is_err());
            disk.mend();
            // The next segment is there, and its name is not yet on the platter.
            disk.fail(3, Fault::Lasting(io::ErrorKind::Other));
            assert!(spool.flush().await.is_err());
        });
        let disk = disk.kill();
        let (spool, recovered) = open(&disk);
        assert_eq!(ids(&recovered), [id(1)], "the removal was not synced");
        drop(spool);
        let (_, recovered) = open(&disk.lose_power(&mut Chance(seed)));
        assert_eq!(ids(&recovered), [id(1)], "{seed}");
    }
}

#[test]
fn a_meta_that_is_not_small_is_refused() {
    let disk = MemoryDisk::new();
    let (spool, _) = open(&disk);
    let outcome = wait(spool.put(id(1), &organisation(), &vec![0; (4 << 20) + 1], &text(1)));
    assert!(matches!(outcome.unwrap_err(), SpoolError::MetaTooLarge { .. }));
}

#[test]
fn it_works_on_a_real_disk() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path().join("spool");
    wait(async {
        let (spool, _) = try_open(Arc::new(RealDisk), &folder).unwrap();
        assert!(matches!(try_open(Arc::new(RealDisk), &folder), Err(SpoolError::InUse { .. })));
        for number in 1..=20 {
            spool.put(id(number), &organisation(), META, &text(3_000)).await.unwrap();
            spool.put(id(100 + number), &organisation(), META, &text(6_000)).await.unwrap();
        }
        for number in 2..=20 {
            spool.remove(id(number)).await.unwrap();
            spool.remove(id(100 + number)).await.unwrap();
        }
        assert!(spool.free_bytes().unwrap() > 0);
        spool.flush_and_close().await.unwrap();
        let (spool, recovered) = try_open(Arc::new(RealDisk), &folder).unwrap();
        assert_eq!(ids(&recovered), [id(1), id(101)]);
        for (number, size) in [(1, 3_000), (101, 6_000)] {
            let (meta, content) = spool.read(id(number)).await.unwrap();
            assert_eq!(
                (&meta[..], content.bytes().unwrap()),
                (META, Bytes::from(vec![b'x'; size]))
            );
        }
    });
}

#[test]
fn nothing_that_rests_can_be_read_without_the_keys() {
    let disk = MemoryDisk::new();
    let (spool, _) = open(&disk);
    let secret = b"nobody else's business";
    let mut receiving = spool.receive();
    for _ in 0..8_000 {
        receiving.write(secret).unwrap();
    }
    let large = receiving.finish().unwrap();
    let small = Content::from_bytes(Bytes::from_static(secret));
    wait(async {
        spool.put(id(1), &organisation(), secret, &small).await.unwrap();
        spool.put(id(2), &organisation(), secret, &large).await.unwrap();
        spool.update(id(1), secret.to_vec(), Durability::Synced).await.unwrap();
        assert_eq!(spool.read(id(2)).await.unwrap().1.bytes().unwrap(), large.bytes().unwrap());
        let pieces: Vec<Bytes> = large.chunks(10_000).map(Result::unwrap).collect();
        assert_eq!(pieces.concat(), secret.repeat(8_000));
    });
    for path in disk.paths() {
        let found = memchr::memmem::find(&disk.content(&path), secret);
        assert_eq!(found, None, "{}", path.display());
    }
}

#[test]
fn a_spool_of_the_time_before_sealing_is_read_and_emptied() {
    let disk = MemoryDisk::new();
    wait(open(&disk).0.flush_and_close()).unwrap();
    let key = *disk.content(&Path::new(FOLDER).join("key")).first_chunk::<32>().unwrap();
    let head = SegmentHead { number: 1, made: UnixMs(1), previous: 0, previous_bytes: 0, key };
    let mut log = head.write();
    let (meta, content) = (b"{\"plain\":1}", b"Subject: plain\r\n\r\n");
    let mut record = RecordHead::new(Kind::Put, id(1));
    (record.content_bytes, record.born) = (bytes(content.len()), 1);
    record.hash = *blake3::hash(content).as_bytes();
    let offset = u32::try_from(log.len()).unwrap();
    record.write(&key, Spot { segment: 1, offset }, meta, &mut log);
    log.extend(content);
    let file = disk.create(&segment(1)).unwrap();
    assert_eq!(file.write_at(&log, 0).unwrap(), log.len());

    let (spool, recovered) = open(&disk);
    assert_eq!((recovered.damaged.len(), recovered.closed.len()), (0, 0));
    assert_eq!((ids(&recovered), recovered.entries[0].meta.as_slice()), (vec![id(1)], &meta[..]));
    wait(async {
        spool.update(id(1), b"{\"later\":1}".to_vec(), Durability::Synced).await.unwrap();
        spool.put(id(2), &organisation(), META, &text(10)).await.unwrap();
        let (meta, read) = spool.read(id(1)).await.unwrap();
        assert_eq!(
            (meta.as_slice(), read.bytes().unwrap().as_ref()),
            (&b"{\"later\":1}"[..], &content[..])
        );
        spool.flush_and_close().await.unwrap();
    });
    let (spool, recovered) = open(&disk);
    assert_eq!(ids(&recovered), [id(1), id(2)]);
    wait(async {
        spool.remove(id(1)).await.unwrap();
        spool.flush_and_close().await.unwrap();
    });
    assert_eq!(ids(&open(&disk).1), [id(2)]);
}

#[test]
fn an_organisations_mails_are_wrapped_anew_and_the_others_are_not() {
    let disk = MemoryDisk::new();
    let keys = ring(disk.arc(), Path::new(FOLDER));
    let sizes = Options { inline_bytes_max: 4_000, ..Options::default() };
    let clock = Clock::by_hand(UnixMs(1_795_262_400_000));
    let opened = |keys: &KeyRing| {
        Spool::open(disk.arc(), Path::new(FOLDER), keys.clone(), clock.clone(), sizes).unwrap()
    };
    let (spool, _) = opened(&keys);
    let other = Organisation::named("bolag");
    wait(async {
        spool.put(id(1), &organisation(), META, &text(100)).await.unwrap();
        spool.put(id(2), &organisation(), META, &text(9_000)).await.unwrap();
        spool.put(id(3), &other, META, &text(100)).await.unwrap();
        spool.update(id(1), b"tried".to_vec(), Durability::Written).await.unwrap();
        keys.renew(&organisation()).unwrap();
        spool.put(id(4), &organisation(), META, &text(100)).await.unwrap();
        assert_eq!(spool.rewrap(&organisation()).await.unwrap(), 2);
        assert_eq!(spool.rewrap(&organisation()).await.unwrap(), 0);
        assert_eq!(keys.retire(&organisation(), 2).unwrap(), 1);
        assert_eq!(spool.read(id(1)).await.unwrap().0, b"tried");
        assert_eq!(spool.read(id(2)).await.unwrap().1.bytes().unwrap().len(), 9_000);
        spool.flush_and_close().await.unwrap();
    });
    let (spool, recovered) = opened(&keys);
    assert_eq!(ids(&recovered), [id(1), id(2), id(3), id(4)]);
    assert_eq!(recovered.entries[0].meta, b"tried");
    // A key that is gone costs the mails under it, is said, and takes nothing from the log.
    keys.renew(&other).unwrap();
    keys.retire(&other, 2).unwrap();
    wait(spool.flush_and_close()).unwrap();
    let (spool, recovered) = opened(&keys);
    assert_eq!((recovered.closed, recovered.entries.len()), (vec![id(3)], 3));
    assert_eq!(spool.state().entries, 4);
    assert!(matches!(wait(spool.read(id(3))), Err(SpoolError::Sealing { .. })));
}

#[test]
fn ids_and_mails_do_not_mind_a_clock_that_jumps() {
    let disk = MemoryDisk::new();
    let mut want = Vec::new();
    for (number, now) in [(1, 1_795_262_400_000), (2, 5), (3, u64::MAX), (4, 1_795_262_400_000)] {
        let ring = ring(disk.arc(), Path::new(FOLDER));
        let clock = Clock::by_hand(UnixMs(now));
        let (spool, recovered) =
            Spool::open(disk.arc(), Path::new(FOLDER), ring, clock, Options::default()).unwrap();
        assert_eq!((ids(&recovered), recovered.damaged.len()), (want.clone(), 0));
        want.push(id(number));
        wait(async {
            spool.put(id(number), &organisation(), META, &text(10)).await.unwrap();
            spool.flush_and_close().await.unwrap();
        });
    }
}
