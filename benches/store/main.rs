//! What rests, in great numbers: `cargo bench --bench store`.
//!
//! Mails are put into a spool as the gateway puts them, then the spool is opened again: how long a start takes, how much memory a
//! waiting mail costs, how long a list with a filter takes, how long a mail that is to be held waits while others are deleted.
//! Before that a quarantine is filled with `SLUSS_BENCH_HELD` mails (50,000 by default) and asked what pages ask.
//! `SLUSS_BENCH_MAILS` is the number of mails in the spool (0: none), a million by default; it needs about 1.5 KiB of disk for each.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]
#![allow(clippy::indexing_slicing, clippy::as_conversions)]
// A benchmark is the one place besides the clock that may ask for the time.
#![allow(clippy::disallowed_methods)]

mod held;

use bytes::Bytes;
use sluss::{
    base::{
        clock::{Clock, UnixMs},
        ids::Id,
    },
    edge::connections::resident_bytes,
    mail::Organisation,
    pipeline::{
        queue::{Queue, QueueFilter},
        spooled::Spooled,
    },
    store::{
        keyring::KeyRing,
        keys::read_or_make_master_key,
        master::MasterKey,
        spool::{Content, Entry, Options, RealDisk, Spool},
    },
};
use std::{env, fs, path::Path, sync::Arc, time::Instant};
use tokio::task::JoinSet;

fn main() {
    // `cargo bench` and `cargo test --benches` hand over flags of the usual harness.
    if env::args().any(|argument| argument == "--test" || argument == "--list") {
        return;
    }
    let mails = env::var("SLUSS_BENCH_MAILS").ok().and_then(|text| text.parse().ok());
    let mails: u64 = mails.unwrap_or(1_000_000);
    let folder = tempfile::tempdir().unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let held = env::var("SLUSS_BENCH_HELD").ok().and_then(|text| text.parse().ok());
    runtime.block_on(held::run(&folder.path().join("held"), held.unwrap_or(50_000)));
    if mails == 0 {
        return;
    }
    runtime.block_on(fill(folder.path(), mails));
    start(folder.path(), mails);
}

fn open(folder: &Path, each: &(dyn Fn(Entry) + Sync)) -> Spool {
    let keys = folder.join("keys");
    fs::create_dir_all(&keys).unwrap();
    let file = folder.join("master.key");
    read_or_make_master_key(&file).unwrap();
    let master = MasterKey::find(Some(&file), None, folder).unwrap();
    let clock = Clock::system();
    let disk = Arc::new(RealDisk);
    let (ring, _) = KeyRing::open(disk.clone(), &keys, master, clock.clone()).unwrap();
    let folder = folder.join("spool");
    Spool::open_each(disk, &folder, ring, clock, Options::default(), each).unwrap().0
}

async fn fill(folder: &Path, mails: u64) {
    let spool = open(folder, &|_| ());
    let body =
        Content::from_bytes(Bytes::from_static(b"Subject: hi\r\n\r\nnoon by the harbour\r\n"));
    let began = Instant::now();
    let mut putting = JoinSet::new();
    for number in 0..mails {
        if putting.len() >= 500 {
            putting.join_next().await.unwrap().unwrap();
        }
        let (spool, body) = (spool.clone(), body.clone());
        putting.spawn(async move {
            let meta = record(number);
            let organisation = Organisation::named(&format!("customer-{}", number % 100));
            spool.put(id(number), &organisation, meta.as_bytes(), &body).await.unwrap();
        });
    }
    putting.join_all().await;
    spool.flush_and_close().await.unwrap();
    let rate = mails as f64 / began.elapsed().as_secs_f64();
    println!("put {mails} mails, {rate:.0} a second");
}

fn start(folder: &Path, mails: u64) {
    let before = resident_bytes();
    let began = Instant::now();
    let queue = Queue::default();
    let _spool = open(folder, &|entry| queue.add(&Spooled::from_meta(&entry.meta).unwrap()));
    println!("everything was in the queue after {:.2} s", began.elapsed().as_secs_f64());
    let bytes = resident_bytes().saturating_sub(before) / mails.max(1);
    println!("a waiting mail takes {bytes} bytes of memory");
    for (what, filter) in [
        ("the oldest hundred", QueueFilter::default()),
        (
            "one organisation's",
            QueueFilter { organisation: Some("customer-7".to_string()), ..QueueFilter::default() },
        ),
        (
            "one recipient's",
            QueueFilter {
                recipient: Some("user999999@far.example".to_string()),
                ..QueueFilter::default()
            },
        ),
    ] {
        let began = Instant::now();
        let lines = queue.list(&filter, 100).len();
        println!(
            "listing {what}: {lines} lines in {:.1} ms",
            began.elapsed().as_secs_f64() * 1_000.0
        );
    }
}

fn id(number: u64) -> Id {
    Id::new(UnixMs(1_795_262_400_000 + number), [7; 10])
}

/// A record as the gateway of these days writes it.
fn record(number: u64) -> String {
    include_str!("record.json")
        .trim()
        .replace("NUMBER", &number.to_string())
        .replace("CUSTOMER", &(number % 100).to_string())
        .replace("ID", &id(number).to_string())
}
