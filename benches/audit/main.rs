//! `cargo bench --bench audit`: a million audit records: how fast they are taken, what opening and verifying cost, how soon a page is there.
//!
//! `SLUSS_BENCH_RECORDS` sets how many; `SLUSS_BENCH_FOLDER` where, for a disk whose sync costs what a real one does.

#![allow(clippy::unwrap_used, clippy::print_stdout, clippy::disallowed_methods, missing_docs)]

use sluss::{
    base::{clock::Clock, ids::Id},
    mail::Organisation,
    store::{
        audit::{Actor, AuditFilter, Details, Entry, What},
        embedded::{Asked, AuditLog, audit_folder, verify},
    },
};
use std::{env, fs, path::Path, time::Instant};
use tokio::task::JoinSet;

const AT_ONCE: u64 = 500;

fn main() {
    // `cargo bench` and `cargo test --benches` hand over flags of the usual harness.
    if env::args().any(|argument| argument == "--test" || argument == "--list") {
        return;
    }
    let records = env::var("SLUSS_BENCH_RECORDS").ok().and_then(|text| text.parse().ok());
    let records: u64 = records.unwrap_or(1_000_000);
    let owned = tempfile::tempdir().unwrap();
    let folder = env::var("SLUSS_BENCH_FOLDER").map_or(owned.path().to_path_buf(), Into::into);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        one_by_one(&folder).await;
        fill(&folder, records).await;
        open_and_list(&folder, records).await;
    });
    let begun = Instant::now();
    let found = verify(&audit_folder(&folder), &Asked::default(), |_| ()).unwrap();
    assert!(found.whole);
    println!("verify {} records in {} files: {:.1?}", found.records, found.files, begun.elapsed());
}

fn entry(number: u64) -> Entry {
    let name = format!("operator-{}@ours.example", number % 50);
    let what = What::ALL.into_iter().cycle().nth(usize::try_from(number % 37).unwrap()).unwrap();
    Entry::new(Actor::Account { name, role: "reviewer".to_string() }, what)
        .about(Id::new(
            Clock::system().now(),
            u128::from(number).to_be_bytes()[6..].try_into().unwrap(),
        ))
        .of(Some(Organisation::named(&format!("house-{}", number % 100))))
        .from("192.0.2.7".parse().ok())
        .with(Details::default().word("way", "page"))
}

async fn one_by_one(folder: &Path) {
    let (log, _) = AuditLog::open(folder, Clock::system()).unwrap();
    let (begun, count) = (Instant::now(), 500);
    for number in 0..count {
        log.append(entry(number)).await.unwrap();
    }
    println!(
        "append, one after the other: {:.2?} each",
        begun.elapsed() / u32::try_from(count).unwrap()
    );
}

async fn fill(folder: &Path, records: u64) {
    let (log, _) = AuditLog::open(folder, Clock::system()).unwrap();
    let begun = Instant::now();
    let mut waiting = JoinSet::new();
    for number in 0..records {
        let log = log.clone();
        waiting.spawn(async move { log.append(entry(number)).await.unwrap() });
        if waiting.len() >= usize::try_from(AT_ONCE).unwrap() {
            waiting.join_next().await;
        }
    }
    waiting.join_all().await;
    let rate = f64::from(u32::try_from(records).unwrap()) / begun.elapsed().as_secs_f64();
    println!("append, {AT_ONCE} at once: {rate:.0} a second");
}

async fn open_and_list(folder: &Path, records: u64) {
    let begun = Instant::now();
    let (log, found) = AuditLog::open(folder, Clock::system()).unwrap();
    println!("open: {:.1?} ({found:?})", begun.elapsed());
    let begun = Instant::now();
    log.list(AuditFilter { rows: 100, ..AuditFilter::default() }).await.unwrap();
    println!("first page after the start: {:.1?}", begun.elapsed());
    let all = AuditFilter { rows: 100, ..AuditFilter::default() };
    let some = |change: fn(&mut AuditFilter)| {
        let mut filter = all.clone();
        change(&mut filter);
        filter
    };
    for (what, filter) in [
        ("newest", all.clone()),
        ("of one organisation", some(|it| it.scope = Some(Organisation::named("house-7")))),
        ("by one", some(|it| it.who = Some("operator-7@ours.example".to_string()))),
        ("one kind", some(|it| it.what = Some(What::ContentOpened))),
        (
            "one kind by one in one",
            some(|it| {
                it.what = Some(What::Released);
                it.who = Some("operator-9@ours.example".to_string());
                it.scope = Some(Organisation::named("house-9"));
            }),
        ),
        ("a page in the middle", AuditFilter { before: Some(records / 2), ..all.clone() }),
        ("about one thing", some(|it| it.object = Some("01K9ZQ4T6X8M4V0R2S5W7Y9ABC".to_string()))),
    ] {
        let begun = Instant::now();
        let page = log.list(filter).await.unwrap();
        println!("list, {what}: {} rows in {:.1?}", page.records.len(), begun.elapsed());
    }
    drop(log);
    fs::remove_file(audit_folder(folder).join("index.db")).unwrap();
    let begun = Instant::now();
    let (log, _) = AuditLog::open(folder, Clock::system()).unwrap();
    log.list(all).await.unwrap();
    println!("the index made anew, and a page: {:.1?}", begun.elapsed());
}
