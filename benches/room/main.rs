//! What the locked room costs and bears: `cargo bench --bench room`.
//!
//! - isolation: the same mails opened in this process and in workers, in alternation, CPU of both;
//! - fresh: a mail whose worker has just been killed, which a fresh one opens;
//! - rules: a set as large as operators have (5,900 rules in 740 files), made here: compiling and scanning;
//!   `SLUSS_BENCH_RULES=DIR` takes the files of a folder instead;
//! - bombs: each of the battery's (`tests/hidden`, made by Python): time, CPU and memory of its worker.
//!
//! `SLUSS_BENCH=isolation,bombs` runs only those sections.

#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout, clippy::indexing_slicing)]
// A benchmark is the one place besides the clock that may ask for the time.
#![allow(clippy::disallowed_methods)]

#[path = "../common/battery.rs"]
mod battery;
mod family;
mod rules;

use family::{cpu_seconds, workers};
use sluss::{
    base::clock::Clock,
    edge::worker::{Attempts, Charge, Isolated, as_warden},
    examine::{self, Contents, Examiner, InProcess, Reveal, RuleFile, Wants},
    formats::budget::Bounds,
    personal::Words,
};
use std::{
    fs,
    path::Path,
    process::{Command, ExitCode},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

fn main() -> ExitCode {
    // Wardens are this program, started again.
    if let Some(code) = as_warden() {
        return code;
    }
    if std::env::args().any(|argument| argument == "--test" || argument == "--list") {
        return ExitCode::SUCCESS;
    }
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let load = fs::read_to_string("/proc/loadavg").unwrap();
    println!("{cores} cores, load before {}", load.split(' ').next().unwrap());
    let sections: [(&str, fn()); 4] =
        [("isolation", isolation), ("fresh", fresh), ("rules", rules::measure), ("bombs", bombs)];
    for (name, section) in sections {
        let wanted = std::env::var("SLUSS_BENCH");
        if wanted.map_or(true, |wanted| wanted.split(',').any(|part| name.starts_with(part))) {
            section();
        }
    }
    ExitCode::SUCCESS
}

/// The shipped signatures.
fn shipped() -> Vec<RuleFile> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("rules/yara");
    let files = fs::read_dir(folder).unwrap().flatten().map(|entry| entry.path());
    let rules = files.filter(|path| path.extension().is_some_and(|ending| ending == "yar"));
    rules
        .map(|path| RuleFile {
            name: path.file_name().unwrap().to_string_lossy().into_owned(),
            text: fs::read_to_string(&path).unwrap(),
        })
        .collect()
}

fn isolated() -> Isolated {
    let charge = Charge {
        rules: shipped(),
        reveal: false,
        marks: None,
        wants: Wants::default(),
        best_effort: false,
    };
    Isolated::start(charge, Attempts::default(), Clock::system()).unwrap().0
}

fn here() -> InProcess {
    let compiled = examine::compile(&shipped());
    let words = Arc::new(Words::shipped().unwrap());
    let clock = Clock::system();
    InProcess {
        signatures: Arc::new(compiled.engine),
        personal: Arc::new(examine::Identifiers {
            words,
            clock: clock.clone(),
            reveal: Reveal::No,
            marks: None,
        }),
        clock,
        bounds: Bounds::default(),
    }
}

/// A mail of about so many bytes, no two alike.
fn mail(number: u64, bytes: usize) -> Vec<u8> {
    let line =
        "The meeting of the harbour board is moved to Thursday at ten in the large room.\r\n";
    let body = line.repeat(bytes / line.len() + 1);
    format!(
        "From: Karin Berg <karin@example.org>\r\nTo: anna@ours.example\r\nSubject: number {number}\r\n\
         Date: Thu, 19 Nov 2026 10:15:00 +0100\r\nMessage-ID: <{number}@example.org>\r\n\r\n{body}"
    )
    .into_bytes()
}

fn isolation() {
    const MAILS: u64 = 2_000;
    println!(
        "\n| mails of | here CPU ms | in a worker CPU ms | isolation adds ms |\n|---|---|---|---|"
    );
    let (here, isolated) = (here(), isolated());
    let mut number = 0;
    for bytes in [200, 4_000, 50_000] {
        let mut spent = |examiner: &dyn Examiner| {
            let before = cpu_seconds();
            for _ in 0..MAILS {
                number += 1;
                let contents = examiner.examine(&mail(number, bytes));
                assert!(contents.unscanned.is_empty());
            }
            (cpu_seconds() - before) * 1_000.0 / f64::from(u32::try_from(MAILS).unwrap())
        };
        let mut pairs: Vec<(f64, f64)> = (0..5).map(|_| (spent(&here), spent(&isolated))).collect();
        pairs.sort_by(|a, b| (a.1 - a.0).total_cmp(&(b.1 - b.0)));
        let (here, there) = pairs[2];
        println!("| {bytes} bytes | {here:.3} | {there:.3} | {:.3} |", there - here);
    }
}

fn fresh() {
    let isolated = isolated();
    let mut took: Vec<Duration> = (0..50)
        .map(|number| {
            isolated.examine(&mail(1_000_000 + number, 200));
            for worker in workers() {
                drop(Command::new("kill").args(["-KILL", &worker.to_string()]).status());
            }
            let began = Instant::now();
            let contents = isolated.examine(&mail(2_000_000 + number, 200));
            assert!(contents.unscanned.is_empty());
            began.elapsed()
        })
        .collect();
    took.sort();
    println!(
        "\na mail whose worker was killed, opened by a fresh one: median {:.1} ms, worst {:.1} ms",
        took[25].as_secs_f64() * 1_000.0,
        took[49].as_secs_f64() * 1_000.0
    );
}

fn bombs() {
    let folder = tempfile::tempdir().unwrap();
    let isolated = isolated();
    let peak = Arc::new(AtomicU64::new(0));
    let ended = Arc::new(AtomicBool::new(false));
    let watching = {
        let (peak, ended) = (peak.clone(), ended.clone());
        thread::spawn(move || {
            while !ended.load(Ordering::Relaxed) {
                for worker in workers() {
                    peak.fetch_max(family::peak_kib(worker), Ordering::Relaxed);
                }
                thread::sleep(Duration::from_millis(1));
            }
        })
    };
    let mut rows = Vec::new();
    for path in battery::bombs(folder.path()) {
        let bytes = fs::read(&path).unwrap();
        peak.store(0, Ordering::Relaxed);
        let (cpu, began) = (cpu_seconds(), Instant::now());
        let contents = isolated.examine(&bytes);
        let took = began.elapsed();
        // The worker's time is known when it has been buried.
        rows.push((took, cpu_seconds() - cpu, peak.load(Ordering::Relaxed), why(&contents), path));
    }
    ended.store(true, Ordering::Relaxed);
    watching.join().unwrap();
    rows.sort_by_key(|row| std::cmp::Reverse(row.0));
    let largest = rows.iter().map(|row| row.2).max().unwrap();
    println!("\n{} bombs; the largest worker had {} MiB\n", rows.len(), largest >> 10);
    println!("| slowest | s | CPU s | worker MiB | ended by |\n|---|---|---|---|---|");
    for (took, cpu, kib, why, path) in rows.iter().take(12) {
        let name = path.file_stem().unwrap().to_string_lossy();
        println!("| {name} | {:.2} | {cpu:.2} | {} | {why} |", took.as_secs_f64(), kib >> 10);
    }
}

/// What stopped the examination, if something did.
fn why(contents: &Contents) -> String {
    let reasons = contents.unscanned.iter().map(|one| one.reason.finding_id());
    let mut reasons: Vec<&str> = reasons.collect();
    reasons.sort_unstable();
    reasons.dedup();
    reasons.join(", ")
}
