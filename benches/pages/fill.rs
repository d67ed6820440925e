//! Fills a data folder by the stores' own calls.

use crate::{
    House, Sizes, bytes_under,
    rows::{Mail, organisation},
};
use bytes::Bytes;
use sluss::{
    base::{
        clock::{Clock, UnixMs},
        ids::Id,
    },
    config::Config,
    edge::{load::Opener, serve},
    mail::Organisation,
    pipeline::Stores,
    store::{
        audit::{Actor, Details, Entry, What},
        keys::read_or_make_master_key,
        spool::Content,
    },
};
use std::{
    fs,
    path::Path,
    time::{Duration, Instant},
};
use tokio::task::JoinSet;

const DAY_MS: u64 = 86_400_000;
const DAYS: u64 = 30;
/// Written between two rounds of indexing; fewer than may wait.
const BATCH: u64 = 15_000;
/// Mails that are being held at the same time.
const HOLDING: usize = 64;
/// Audit records that are appended together.
const RECORDS: u64 = 1_000;

/// Fills it, unless it was filled before.
pub(crate) fn fill(house: &House, sizes: Sizes) {
    let filled = format!("{} {} {}", sizes.traces, sizes.held, sizes.audit);
    if fs::read_to_string(house.mark()).is_ok_and(|text| text == filled) {
        return;
    }
    fs::create_dir_all(&house.folder).unwrap();
    read_or_make_master_key(&house.folder.join("master.key")).unwrap();
    let text = format!("data-dir = {:?}\n{}", house.data(), house.config(""));
    let config = Config::parse(Path::new("sluss.toml"), &text).unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let clock = Clock::system();
        let opened = serve::open(config, None, &clock, Opener::Here).unwrap();
        let stores = &opened.gateway.stores;
        // One moment for all: a held mail and its transaction have the same id.
        let now = clock.now();
        trace(stores, now, sizes).await;
        hold(stores, now, sizes).await;
        audit(stores, &clock, sizes.audit).await;
        stores.trace.retain().await.unwrap();
    });
    println!("bytes: {} MiB", bytes_under(&house.data()) >> 20);
    fs::write(house.mark(), filled).unwrap();
}

/// Mail `number` of so many, the last one of just now.
pub(crate) fn mail(number: u64, sizes: Sizes, now: UnixMs) -> Mail {
    let between = DAYS * DAY_MS / sizes.traces.max(1);
    let at = UnixMs(now.0.saturating_sub((sizes.traces - number) * between));
    let every = sizes.traces / sizes.held.max(1);
    Mail {
        number,
        at,
        held: number.is_multiple_of(every.max(1)) && number / every.max(1) < sizes.held,
    }
}

async fn trace(stores: &Stores, now: UnixMs, sizes: Sizes) {
    let begun = Instant::now();
    for number in 0..sizes.traces {
        stores.trace.record(mail(number, sizes, now).trace());
        if number % BATCH == BATCH - 1 || number + 1 == sizes.traces {
            stores.trace.retain().await.unwrap();
            stores.trace.index().await.unwrap();
        }
    }
    assert_eq!(stores.trace.dropped(), 0);
    println!("{} traces in {:.0} s", sizes.traces, begun.elapsed().as_secs_f64());
}

async fn hold(stores: &Stores, now: UnixMs, sizes: Sizes) {
    let begun = Instant::now();
    // Nothing of it goes while the pages are looked at.
    let expires = now.plus(Duration::from_millis(DAYS * DAY_MS));
    let mut holding = JoinSet::new();
    let numbers = (0..sizes.traces).map(|number| mail(number, sizes, now));
    for mail in numbers.filter(|mail| mail.held) {
        if holding.len() >= HOLDING {
            holding.join_next().await.unwrap().unwrap();
        }
        let quarantine = stores.quarantine.clone();
        holding.spawn(async move {
            let content = Content::from_bytes(Bytes::from(mail.content()));
            quarantine.hold(vec![mail.held(expires)], &content).await.unwrap();
        });
    }
    holding.join_all().await;
    println!("{} held in {:.0} s", sizes.held, begun.elapsed().as_secs_f64());
}

async fn audit(stores: &Stores, clock: &Clock, records: u64) {
    let begun = Instant::now();
    let entry = |number: u64| {
        let name = format!("operator-{}@ours.example", number % 50);
        let what = What::ALL.into_iter().cycle().nth((number % 37) as usize).unwrap();
        Entry::new(Actor::Account { name, role: "reviewer".to_string() }, what)
            .about(Id::new(clock.now(), [(number % 251) as u8; 10]))
            .of(Some(Organisation::named(&organisation(number % 12))))
            .from("192.0.2.7".parse().ok())
            .with(Details::default().word("way", "page"))
    };
    for first in (0..records).step_by(RECORDS as usize) {
        let some = (first..records.min(first + RECORDS)).map(entry);
        stores.audit.append_all(some.collect()).await.unwrap();
    }
    println!("{records} audit records in {:.0} s", begun.elapsed().as_secs_f64());
}
