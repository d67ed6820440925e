//! The quarantine under crashes, full disks and lost files.

use super::*;
use crate::store::spool::{Fault, MemoryDisk};
use crate::{
    base::clock::UnixMs,
    config::policy::{Action, Category},
    learn::likeness::Likeness,
    mail::{Address, Direction, Envelope, Recipient, ReversePath},
    store::{
        held::{Attachment, HeldFilter, HeldState, Move, Moved, Releaser},
        scope::Scope,
    },
};
use std::{fs, io};

mod people;

const OPTIONS: QuarantineOptions = QuarantineOptions {
    keep: Duration::from_secs(100),
    bytes_max: 1 << 30,
    refused_bytes_max: 1 << 30,
};

fn held(transaction: u8, number: u8, recipient: &str, clock: &Clock) -> Held {
    let sender = ReversePath::parse("spammer@example.net").unwrap();
    let mut envelope = Envelope::from(sender.clone());
    let recipient = Address::parse(recipient).unwrap();
    envelope.recipients.push(Recipient::plain(recipient.clone()));
    Held {
        id: Id::new(clock.now(), [number; 10]),
        transaction: Id::new(clock.now(), [transaction; 10]),
        organisation: Organisation::implied(),
        held_at: clock.now(),
        expires: clock.now().plus(Duration::from_secs(100)),
        direction: Direction::Inbound,
        sender,
        from: "Spammer <spammer@example.net>".to_string(),
        recipient,
        subject: "100 % off_er".to_string(),
        action: Action::Quarantine,
        why: "phrase.offer".to_string(),
        reason: "This mail looks unwanted".to_string(),
        categories: vec![Category::Spam],
        score: 9.5,
        bytes: 5,
        in_digest: true,
        state: HeldState::Held,
        released_at: UnixMs(0),
        envelope,
        findings: serde_json::json!([{ "id": "phrase.offer" }, { "id": "dmarc.reject" }]),
        attachments: vec![Attachment {
            name: "Räkning_17.PDF".to_string(),
            kind: "pdf".to_string(),
            bytes: 3,
            sha256: String::new(),
            blake3: "00".to_string(),
        }],
        message_id: format!("{number}@example.net"),
        from_address: "spammer@example.net".to_string(),
        authenticated: None,
        likeness: Likeness(17),
        policy: "default: quarantine = 8".to_string(),
        content_hash: String::new(),
        code_hash: String::new(),
        act: None,
        learned: None,
        asks: crate::wire::tls::Asks::default(),
        asked: None,
    }
}

/// The row as it comes back: with the hash of what it was held with.
fn kept(held: &Held, content: &str) -> Held {
    let content_hash = blake3::hash(content.as_bytes()).to_hex().to_string();
    Held { content_hash, ..held.clone() }
}

async fn list(quarantine: &Quarantine, filter: HeldFilter) -> Vec<Held> {
    quarantine.search(&Scope::Everything, filter).await.unwrap().held
}

async fn release(quarantine: &Quarantine, id: Id) -> Moved {
    quarantine.make_move(id, Move::Release, Releaser::Command).await.unwrap()
}

fn ring(folder: &Path, clock: &Clock) -> KeyRing {
    let keys = folder.join("keys");
    private::folder(&keys).unwrap();
    let master = crate::store::master::MasterKey::for_tests(7);
    KeyRing::open(Arc::new(RealDisk), &keys, master, clock.clone()).unwrap().0
}

fn open(folder: &Path, clock: &Clock, bytes_max: u64) -> (Quarantine, QuarantineFound) {
    let options = QuarantineOptions { bytes_max, ..OPTIONS };
    Quarantine::open(folder, ring(folder, clock), clock.clone(), options).unwrap()
}

fn file(folder: &Path, blob: Id) -> PathBuf {
    folder.join("blobs").join(Blobs::name(blob))
}

fn content(text: &str) -> Content {
    Content::from_bytes(bytes::Bytes::copy_from_slice(text.as_bytes()))
}

#[tokio::test]
async fn held_listed_released_once_deleted() {
    let folder = tempfile::tempdir().unwrap();
    let clock = Clock::by_hand(UnixMs(1_000));
    let (quarantine, _) = open(folder.path(), &clock, 1 << 30);
    let rows = vec![held(1, 1, "b@ours.example", &clock), held(1, 2, "C@ours.example", &clock)];
    let ids = quarantine.hold(rows.clone(), &content("hello")).await.unwrap();
    assert_eq!(ids, [rows[0].id, rows[1].id]);
    assert_eq!(quarantine.content(ids[1]).await.unwrap().unwrap(), b"hello");
    let find = |recipient: &str| {
        let recipient = Some(recipient.to_string());
        list(&quarantine, HeldFilter { recipient, ..HeldFilter::first(10) })
    };
    assert_eq!(find("c@").await, [kept(&rows[1], "hello")]);
    let by_subject = |text: &str| {
        let subject = Some(text.to_string());
        list(&quarantine, HeldFilter { subject, ..HeldFilter::first(10) })
    };
    for (text, want) in [("% OFF_", 2), ("f%f", 0), ("%", 2), ("\"", 0), ("x\"yz", 0)] {
        assert_eq!(by_subject(text).await.len(), want, "{text}");
    }
    assert!(matches!(release(&quarantine, ids[0]).await, Moved::Now(_)));
    assert!(matches!(release(&quarantine, ids[0]).await, Moved::No(_)));
    assert_eq!(release(&quarantine, Id::default()).await, Moved::Missing);
    assert_eq!(find("b@").await.len(), 0);
    assert!(quarantine.delete(ids[0]).await.unwrap());
    assert_eq!(
        quarantine.content(ids[1]).await.unwrap().unwrap(),
        b"hello",
        "the other recipient's copy stays"
    );
    assert!(quarantine.delete(ids[1]).await.unwrap());
    assert!(!quarantine.delete(ids[1]).await.unwrap());
    assert_eq!(fs::read_dir(folder.path().join("blobs")).unwrap().count(), 0);
}

#[tokio::test]
async fn a_retry_finds_the_earlier_hold() {
    let folder = tempfile::tempdir().unwrap();
    let clock = Clock::by_hand(UnixMs(1_000));
    let (quarantine, _) = open(folder.path(), &clock, 1 << 30);
    let first =
        quarantine.hold(vec![held(1, 1, "b@ours.example", &clock)], &content("x")).await.unwrap();
    let second =
        quarantine.hold(vec![held(2, 2, "B@ours.example", &clock)], &content("x")).await.unwrap();
    assert_eq!(first, second);
    assert_eq!(quarantine.totals().await.unwrap(), (1, 1));
    // Once released, the same newsletter coming again is a mail of its own.
    release(&quarantine, first[0]).await;
    let third =
        quarantine.hold(vec![held(3, 3, "b@ours.example", &clock)], &content("x")).await.unwrap();
    assert_ne!(third, first);
    assert!(quarantine.delete(first[0]).await.unwrap());
    assert_eq!(fs::read_dir(folder.path().join("blobs")).unwrap().count(), 1);
}

#[tokio::test]
async fn one_transaction_is_held_twice() {
    let folder = tempfile::tempdir().unwrap();
    let clock = Clock::by_hand(UnixMs(1_000));
    let (quarantine, _) = open(folder.path(), &clock, 1 << 30);
    for (number, recipient) in [(2, "b@ours.example"), (3, "c@ours.example")] {
        let rows = vec![held(1, number, recipient, &clock)];
        quarantine.hold(rows, &content("hello")).await.unwrap();
    }
    let rows = list(&quarantine, HeldFilter::first(9)).await;
    assert_eq!(rows.len(), 2);
    for row in rows {
        assert_eq!(quarantine.content(row.id).await.unwrap().unwrap(), b"hello");
    }
}

#[tokio::test]
async fn two_organisations_hold_a_mail_under_a_key_each() {
    let folder = tempfile::tempdir().unwrap();
    let clock = Clock::by_hand(UnixMs(1_000));
    let (quarantine, _) = open(folder.path(), &clock, 1 << 30);
    let of = |number: u8, name: &str| Held {
        organisation: Organisation::named(name),
        ..held(1, number, &format!("user{number}@{name}.example"), &clock)
    };
    let rows = vec![of(1, "acme"), of(2, "bolag"), of(3, "acme")];
    let ids = quarantine.hold(rows.clone(), &content("hello")).await.unwrap();
    assert_eq!(ids, [rows[0].id, rows[1].id, rows[2].id]);
    assert_eq!(fs::read_dir(folder.path().join("blobs")).unwrap().count(), 2);
    // One loses its keys; the other reads on.
    let keys = &quarantine.ring;
    keys.renew(&Organisation::named("acme")).unwrap();
    keys.retire(&Organisation::named("acme"), 2).unwrap();
    assert_eq!(quarantine.content(ids[1]).await.unwrap().unwrap(), b"hello");
    for id in [ids[0], ids[2]] {
        assert!(quarantine.content(id).await.is_err());
    }
}

#[tokio::test]
async fn a_retry_brings_back_a_lost_file() {
    let folder = tempfile::tempdir().unwrap();
    let clock = Clock::by_hand(UnixMs(1_000));
    let (quarantine, _) = open(folder.path(), &clock, 1 << 30);
    let hold = |number| {
        let rows = ["b@ours.example", "c@ours.example"];
        let rows = rows.iter().zip([number, number + 1]);
        let rows = rows.map(|(recipient, id)| held(1, id, recipient, &clock)).collect();
        let quarantine = quarantine.clone();
        async move { quarantine.hold(rows, &content("hello")).await }
    };
    let ids = hold(1).await.unwrap();
    fs::remove_file(file(folder.path(), ids[0])).unwrap();
    assert!(quarantine.content(ids[0]).await.is_err());
    assert_eq!(hold(3).await.unwrap(), ids);
    for id in ids {
        assert_eq!(quarantine.content(id).await.unwrap().unwrap(), b"hello");
    }
    assert_eq!(quarantine.totals().await.unwrap(), (2, 5));
    assert_eq!(fs::read_dir(folder.path().join("blobs")).unwrap().count(), 1);
}

#[test]
fn the_folders_are_closed_to_others() {
    use std::os::unix::fs::PermissionsExt;
    let root = tempfile::tempdir().unwrap();
    let folder = root.path().join("quarantine");
    fs::create_dir(&folder).unwrap();
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o755)).unwrap();
    let _open = open(&folder, &Clock::by_hand(UnixMs(1)), 1);
    for closed in [folder.clone(), folder.join("blobs")] {
        assert_eq!(fs::metadata(&closed).unwrap().permissions().mode() & 0o777, 0o700);
    }
}

#[tokio::test]
async fn age_and_bytes_are_bounded_and_orphans_swept() {
    let folder = tempfile::tempdir().unwrap();
    let clock = Clock::by_hand(UnixMs(1_000));
    let (quarantine, _) = open(folder.path(), &clock, 12);
    for number in 1..=3 {
        quarantine
            .hold(
                vec![held(number, number, "b@ours.example", &clock)],
                &content(&format!("1234{number}")),
            )
            .await
            .unwrap();
        clock.advance(Duration::from_secs(1));
    }
    assert_eq!(quarantine.retain().await.unwrap(), 1, "the oldest goes for the bytes");
    clock.advance(Duration::from_secs(98));
    assert_eq!(quarantine.retain().await.unwrap(), 1, "the next for its age");
    assert_eq!(quarantine.totals().await.unwrap(), (1, 5));
    fs::write(file(folder.path(), Id::default()), "x").unwrap();
    drop(quarantine);
    let (reopened, found) = open(folder.path(), &clock, 12);
    assert_eq!(found, QuarantineFound { swept: 1, ..QuarantineFound::default() });
    let left = list(&reopened, HeldFilter::first(9)).await;
    assert_eq!(reopened.content(left[0].id).await.unwrap().unwrap(), b"12343");
}

/// Every file under the folder that has these bytes in it.
fn files_with(folder: &Path, needle: &[u8]) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files_with(&path, needle));
        } else if memchr::memmem::find(&fs::read(&path).unwrap(), needle).is_some() {
            found.push(path);
        }
    }
    found
}

#[tokio::test]
async fn a_deleted_mail_leaves_no_wrapped_key_behind() {
    let folder = tempfile::tempdir().unwrap();
    let clock = Clock::by_hand(UnixMs(1_000));
    let (quarantine, _) = open(folder.path(), &clock, 1 << 30);
    let rows = vec![held(1, 1, "b@ours.example", &clock), held(1, 2, "c@ours.example", &clock)];
    let ids = quarantine.hold(rows, &content("hello")).await.unwrap();
    let blob = file(folder.path(), ids[0]);
    let wrapped = fs::read(&blob).unwrap()[20..92].to_vec();
    assert_eq!(
        files_with(folder.path(), &wrapped),
        std::slice::from_ref(&blob),
        "in its file alone"
    );
    // Whoever still has the file's bytes, by another name or by looking at the free blocks of the disk.
    let kept = folder.path().join("kept");
    fs::hard_link(&blob, &kept).unwrap();
    assert!(quarantine.delete(ids[0]).await.unwrap());
    assert_eq!(files_with(folder.path(), &wrapped).len(), 2, "the other recipient needs it");
    assert!(quarantine.delete(ids[1]).await.unwrap());
    assert_eq!(files_with(folder.path(), &wrapped), Vec::<PathBuf>::new());
    assert!(kept.exists() && !blob.exists());
}

#[tokio::test]
async fn a_lost_or_damaged_index_is_built_again() {
    for harm in ["missing", "empty", "garbage"] {
        let folder = tempfile::tempdir().unwrap();
        let clock = Clock::by_hand(UnixMs(1_000));
        let (quarantine, found) = open(folder.path(), &clock, 1 << 30);
        assert_eq!(found, QuarantineFound::default());
        let rows = ["b@ours.example", "c@ours.example", "d@ours.example"];
        let rows = rows.iter().zip(1..).map(|(to, number)| held(1, number, to, &clock));
        let ids = quarantine.hold(rows.collect(), &content("hello")).await.unwrap();
        let other = held(2, 9, "e@ours.example", &clock);
        quarantine.hold(vec![other.clone()], &content("other")).await.unwrap();
        release(&quarantine, ids[1]).await;
        quarantine.delete(ids[2]).await.unwrap();
        let all = || {
            let states = vec![HeldState::Held, HeldState::Released];
            HeldFilter { states, ..HeldFilter::first(9) }
        };
        let before = list(&quarantine, all()).await;
        drop(quarantine);
        let index = folder.path().join("quarantine.db");
        for beside in ["quarantine.db-wal", "quarantine.db-shm"] {
            let _if_there = fs::remove_file(folder.path().join(beside));
        }
        match harm {
            "missing" => fs::remove_file(&index).unwrap(),
            "empty" => fs::write(&index, "").unwrap(),
            _ => fs::write(&index, vec![7; 50_000]).unwrap(),
        }
        fs::write(file(folder.path(), Id::default()), "neither ours nor whole").unwrap();
        let (quarantine, found) = open(folder.path(), &clock, 1 << 30);
        assert_eq!((found.rebuilt, found.swept, found.unreadable.len()), (Some(3), 0, 1));
        assert_eq!(found.set_aside.is_some(), harm == "garbage", "{harm}");
        assert!(found.unreadable[0].exists());
        let mut after = list(&quarantine, all()).await;
        for held in &mut after {
            if held.state == HeldState::Released {
                held.released_at = clock.now();
                let of_before = before.iter().find(|other| other.id == held.id);
                held.act = of_before.and_then(|other| other.act.clone());
            }
        }
        assert_eq!(after, before, "{harm}");
        assert_eq!(quarantine.content(ids[0]).await.unwrap().unwrap(), b"hello");
        assert_eq!(quarantine.totals().await.unwrap(), (2, 10), "{harm}");
        drop(quarantine);
        assert_eq!(open(folder.path(), &clock, 1 << 30).1, QuarantineFound::default());
    }
}

#[tokio::test]
async fn an_organisation_gets_a_new_key_wherever_it_is_interrupted() {
    let folder = tempfile::tempdir().unwrap();
    let clock = Clock::by_hand(UnixMs(1_000));
    let keys = ring(folder.path(), &clock);
    let options = OPTIONS;
    let opened = |keys: &KeyRing| {
        Quarantine::open(folder.path(), keys.clone(), clock.clone(), options).unwrap().0
    };
    let quarantine = opened(&keys);
    let mut ids = Vec::new();
    for number in 1..=3 {
        let row = vec![held(number, number, "b@ours.example", &clock)];
        ids.extend(quarantine.hold(row, &content(&format!("{number}"))).await.unwrap());
    }
    let ours = Organisation::implied();
    let newest = keys.renew(&ours).unwrap();
    // Killed after one file was written and before the index knew.
    quarantine.blobs.rewrap(&keys, ids[0], &newest).unwrap();
    drop(quarantine);
    let quarantine = opened(&keys);
    assert_eq!(quarantine.left_behind(&ours, 2).await.unwrap(), 3);
    assert_eq!(quarantine.rewrap(&ours).await.unwrap(), 3);
    assert_eq!(
        (quarantine.rewrap(&ours).await.unwrap(), quarantine.left_behind(&ours, 2).await.unwrap()),
        (0, 0)
    );
    keys.retire(&ours, 2).unwrap();
    for (id, number) in ids.iter().zip(1..) {
        let want = format!("{number}").into_bytes();
        assert_eq!(quarantine.content(*id).await.unwrap().unwrap(), want);
    }
    // A key that is gone is said at the start.
    keys.renew(&ours).unwrap();
    keys.retire(&ours, 3).unwrap();
    drop(quarantine);
    let found = Quarantine::open(folder.path(), keys, clock, options).unwrap().1;
    assert_eq!(found.keys_missing, [("default".to_string(), 2)]);
}

fn on(disk: &MemoryDisk, folder: &Path, clock: &Clock) -> (Quarantine, QuarantineFound) {
    disk.arc().create_folder(&folder.join("blobs")).unwrap();
    let options = OPTIONS;
    Quarantine::open_on(disk.arc(), folder, ring(folder, clock), clock.clone(), options).unwrap()
}

#[tokio::test]
async fn any_write_may_fail_and_nothing_acknowledged_is_lost() {
    let clock = Clock::by_hand(UnixMs(1_000));
    for kind in [io::ErrorKind::StorageFull, io::ErrorKind::ReadOnlyFilesystem] {
        for fault in [Fault::Once(kind), Fault::Lasting(kind)] {
            let (folder, disk) = (tempfile::tempdir().unwrap(), MemoryDisk::new());
            let (quarantine, _) = on(&disk, folder.path(), &clock);
            let mut kept = Vec::new();
            for after in 0..9 {
                let number = u8::try_from(after).unwrap();
                let text = format!("mail {after}");
                disk.fail(after, fault);
                let row = || vec![held(number, number, "b@ours.example", &clock)];
                match quarantine.hold(row(), &content(&text)).await {
                    Ok(ids) => kept.push((ids[0], text.clone())),
                    Err(error) => {
                        let full = kind == io::ErrorKind::StorageFull;
                        assert_eq!(error.is_no_room(), full, "{error}");
                    }
                }
                disk.mend();
                // The sender comes back, and there is room again.
                let again = vec![held(number, number + 100, "b@ours.example", &clock)];
                let ids = quarantine.hold(again, &content(&text)).await.unwrap();
                kept.push((ids[0], text));
                if after % 2 == 0 {
                    disk.fail(0, fault);
                    let (id, _) = kept.pop().unwrap();
                    kept.retain(|(other, _)| *other != id);
                    assert!(quarantine.delete(id).await.unwrap(), "the row is gone all the same");
                    disk.mend();
                }
            }
            quarantine.retain().await.unwrap();
            for (id, text) in &kept {
                assert_eq!(quarantine.content(*id).await.unwrap().unwrap(), text.as_bytes());
            }
            drop(quarantine);
            let (quarantine, found) = on(&disk.kill(), folder.path(), &clock);
            assert_eq!(found, QuarantineFound::default(), "nothing is left over either");
            for (id, text) in &kept {
                assert_eq!(quarantine.content(*id).await.unwrap().unwrap(), text.as_bytes());
            }
        }
    }
}

#[tokio::test]
async fn a_full_database_refuses_and_goes_on_by_itself() {
    let (folder, disk) = (tempfile::tempdir().unwrap(), MemoryDisk::new());
    let clock = Clock::by_hand(UnixMs(1_000));
    let (quarantine, _) = on(&disk, folder.path(), &clock);
    let bound = |pages: i64| {
        quarantine.db.between("bounding", move |connection| {
            connection.pragma_update(None, "max_page_count", pages)
        })
    };
    bound(1).await.unwrap();
    let mut refused = None;
    let mut kept = Vec::new();
    for number in 1..=200 {
        let row = vec![held(number, number, "b@ours.example", &clock)];
        match quarantine.hold(row, &content(&format!("mail {number}"))).await {
            Ok(ids) => kept.extend(ids),
            Err(error) => {
                assert!(error.is_no_room(), "{error}");
                refused = Some(number);
                break;
            }
        }
    }
    let number = refused.unwrap();
    bound(1_000_000).await.unwrap();
    let row = vec![held(number, number, "b@ours.example", &clock)];
    kept.extend(quarantine.hold(row, &content("there is room again")).await.unwrap());
    for id in kept {
        assert!(quarantine.content(id).await.unwrap().is_some());
    }
}

#[tokio::test]
async fn many_rows_go_a_few_at_a_time_and_each_when_its_organisation_says() {
    let (folder, disk) = (tempfile::tempdir().unwrap(), MemoryDisk::new());
    let clock = Clock::by_hand(UnixMs(1_000));
    let (quarantine, _) = on(&disk, folder.path(), &clock);
    assert_eq!(quarantine.expiry(None), UnixMs(101_000));
    assert_eq!(quarantine.expiry(Some(Duration::from_secs(5))), UnixMs(6_000));
    let rows = limits::RETAIN_STEP_ROWS * 2 + 50;
    let row = |number: usize| {
        let number = u64::try_from(number).unwrap();
        let keep = (number > 0).then_some(Duration::from_secs(5));
        let mut one = held(1, 1, &format!("user{number}@ours.example"), &clock);
        one.id = Id::new(UnixMs(number), [5; 10]);
        one.expires = quarantine.expiry(keep);
        one
    };
    quarantine.hold((0..=rows).map(row).collect(), &content("x")).await.unwrap();
    clock.advance(Duration::from_secs(6));
    assert_eq!(
        quarantine.retain_step(limits::RETAIN_STEP_ROWS).await.unwrap(),
        limits::RETAIN_STEP_ROWS
    );
    assert_eq!(quarantine.retain().await.unwrap(), rows - limits::RETAIN_STEP_ROWS);
    assert_eq!(quarantine.totals().await.unwrap(), (1, 1));
    // A clock that was set back brings nothing back and takes nothing away.
    let back = Clock::by_hand(UnixMs(3));
    drop(quarantine);
    let (quarantine, _) = on(&disk.kill(), folder.path(), &back);
    assert_eq!(quarantine.retain().await.unwrap(), 0);
    let left = list(&quarantine, HeldFilter::first(9)).await;
    assert_eq!(left.len(), 1);
    assert_eq!(quarantine.content(left[0].id).await.unwrap().unwrap(), b"x");
}
