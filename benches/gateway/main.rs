//! What the running gateway costs: `cargo bench --bench gateway`.
//!
//! The real program runs as a child between a load generator and a sink in this process, all on loopback. The figure to look at is
//! CPU per mail (user + system of the child): unlike mails a second it hardly changes when others use the machine.
//!
//! There is no switch that turns scanning off, and there shall be none: what the way of a mail costs is shown by mails of a few
//! hundred bytes, whose scan is nearly nothing and stands in the table of its own.
//!
//! `SLUSS_BENCH=tiny,4k` runs only the rows whose names begin so; `SLUSS_BENCH_SECONDS` is the time of one row,
//! `SLUSS_BENCH_SESSIONS` the number of senders at a time; `SLUSS_CORPUS=DIR` adds a scan of the mails in a folder.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]
#![allow(clippy::indexing_slicing)]
// A benchmark is the one place besides the clock that may ask for the time.
#![allow(clippy::disallowed_methods)]

#[path = "../common/battery.rs"]
mod battery;
mod bombs;
mod gateway;
mod load;
mod mails;
mod persons;
mod sender;
mod sink;
mod tls;

use gateway::{Gateway, children_cpu};
use load::{Door, Load};
use sink::Sink;
use std::{
    env, fs,
    path::Path,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

/// One row of the table of rates.
struct Row {
    name: &'static str,
    mails: Vec<Vec<u8>>,
    door: Door,
    /// Mails over one connection.
    mails_per_connection: usize,
}

fn main() {
    // `cargo bench` and `cargo test --benches` hand over flags of the usual harness.
    if env::args().any(|argument| argument == "--test" || argument == "--list") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    println!("{}", gateway::machine());
    if wanted("start") {
        starts(folder.path());
    }
    if wanted("memory") {
        memory(folder.path());
    }
    rates(folder.path());
    if wanted("crowd") {
        crowd(folder.path());
    }
    if wanted("tls") {
        tls::measure(folder.path(), sessions(), Duration::from_secs_f64(seconds()));
    }
    if wanted("sender") {
        sender::measure(folder.path(), sessions(), Duration::from_secs_f64(seconds()));
    }
    if wanted("persons") {
        persons::measure(Duration::from_secs_f64(seconds()));
    }
    if wanted("bombs") {
        bombs::measure(folder.path(), Duration::from_secs_f64(seconds() * 10.0));
    }
    if wanted("scan") {
        scans(folder.path());
    }
    if let Some(corpus) = env::var_os("SLUSS_CORPUS") {
        scan("corpus", Path::new(&corpus), 1);
    }
}

fn wanted(name: &str) -> bool {
    match env::var("SLUSS_BENCH") {
        Ok(list) => list.split(',').any(|part| name.starts_with(part)),
        Err(_) => true,
    }
}

fn seconds() -> f64 {
    env::var("SLUSS_BENCH_SECONDS").ok().and_then(|text| text.parse().ok()).unwrap_or(4.0)
}

fn sessions() -> usize {
    env::var("SLUSS_BENCH_SESSIONS").ok().and_then(|text| text.parse().ok()).unwrap_or(10)
}

fn rows() -> Vec<Row> {
    let row =
        |name, mails, door, mails_per_connection| Row { name, mails, door, mails_per_connection };
    use Door::{Inbound, Outbound};
    vec![
        row("tiny cut-through", mails::tiny(), Inbound, 1),
        row("tiny cut-through, kept connections", mails::tiny(), Inbound, 100),
        row("tiny durable", mails::tiny(), Outbound, 1),
        row("4k cut-through", mails::text(), Inbound, 1),
        row("4k durable", mails::text(), Outbound, 1),
        row("50k cut-through", mails::documents(40, 50_000), Inbound, 1),
        row("50k durable", mails::documents(40, 50_000), Outbound, 1),
        row("1m cut-through", mails::documents(6, 1_000_000), Inbound, 1),
    ]
}

/// Mails a second and CPU of a mail, ten sessions at a time.
fn rates(folder: &Path) {
    let rows: Vec<Row> = rows().into_iter().filter(|row| wanted(row.name)).collect();
    if rows.is_empty() {
        return;
    }
    println!(
        "\n| everything on, {} sessions | mails | mails/s | CPU ms/mail | user | system | p50 ms | p99 ms |\n|---|---|---|---|---|---|---|---|",
        sessions()
    );
    for row in rows {
        let sink = Sink::open();
        let gateway = Gateway::start(folder, sink.port());
        let load = Load {
            port: gateway.port(row.door),
            mails: row.mails,
            recipients: vec!["user@ours.example".to_string()],
            sessions: sessions(),
            mails_per_connection: row.mails_per_connection,
            lasts: Duration::from_secs_f64(seconds()),
        };
        // Connections, caches and lazy tables are there before we look.
        load.clone().lasting(Duration::from_millis(500)).run();
        sink.wait_until_quiet();
        let (cpu, mails, began) = (gateway.cpu(), sink.mails(), Instant::now());
        let sent = load.run();
        sink.wait_for(mails + sent.accepted);
        let took = began.elapsed();
        // The trace is written a moment later and belongs to the mail.
        std::thread::sleep(Duration::from_millis(600));
        let cpu = gateway.cpu().minus(cpu);
        assert_eq!(sink.mails() - mails, sent.accepted, "{}: mails were lost", row.name);
        let each = |seconds: f64| seconds * 1_000.0 / count(sent.accepted.max(1));
        println!(
            "| {} | {} | {:.0} | {:.3} | {:.3} | {:.3} | {:.1} | {:.1} |",
            row.name,
            sent.accepted,
            count(sent.accepted) / took.as_secs_f64(),
            each(cpu.user + cpu.system),
            each(cpu.user),
            each(cpu.system),
            sent.percentile(50),
            sent.percentile(99),
        );
        assert_eq!(sent.refused, 0, "{}: mails were refused", row.name);
    }
}

/// The same mail to one organisation with one domain, and to a hundred with a thousand, in alternation.
fn crowd(folder: &Path) {
    let one = |mails: u64, cpu: f64, rate: f64| format!("{mails} mails, {rate:.0}/s, {cpu:.3} ms");
    let (mut cpus, mut rates) = (Vec::new(), Vec::new());
    for _ in 0..5 {
        let [alone, among] = [1, 100].map(|organisations| {
            let sink = Sink::open();
            let gateway = Gateway::start_for(folder, sink.port(), organisations);
            let load = Load {
                port: gateway.port(Door::Inbound),
                mails: mails::text(),
                recipients: gateway::recipients(organisations),
                sessions: sessions(),
                mails_per_connection: 10,
                lasts: Duration::from_secs_f64(seconds()),
            };
            load.clone().lasting(Duration::from_millis(500)).run();
            sink.wait_until_quiet();
            let (cpu, began) = (gateway.cpu(), Instant::now());
            let sent = load.run();
            let rate = count(sent.accepted) / began.elapsed().as_secs_f64();
            std::thread::sleep(Duration::from_millis(600));
            let cpu = gateway.cpu().minus(cpu);
            assert_eq!(sent.refused, 0, "mails were refused");
            let each = (cpu.user + cpu.system) * 1_000.0 / count(sent.accepted.max(1));
            println!("{organisations:>3} organisations: {}", one(sent.accepted, each, rate));
            (each, rate)
        });
        cpus.push(among.0 / alone.0);
        rates.push(among.1 / alone.1);
    }
    let median = |mut ratios: Vec<f64>| {
        ratios.sort_by(f64::total_cmp);
        ratios[ratios.len() / 2]
    };
    println!(
        "a hundred organisations to one: {:.3} times the CPU of a mail, {:.3} times the mails a second (medians of pairs)",
        median(cpus),
        median(rates)
    );
}

/// From the start of the process until it says `ready`, on an empty data folder.
fn starts(folder: &Path) {
    let mut took: Vec<(Duration, f64)> = (0..5)
        .map(|_| {
            let began = Instant::now();
            let gateway = Gateway::start(folder, 1);
            let took = began.elapsed();
            (took, gateway.cpu().user + gateway.cpu().system)
        })
        .collect();
    took.sort_by_key(|one| one.0);
    println!(
        "start to ready: median {} ms, worst {} ms; CPU {:.0} ms",
        took[2].0.as_millis(),
        took[4].0.as_millis(),
        took[2].1 * 1_000.0
    );
}

/// Resident memory with nothing to do, and what a session adds that is in the middle of a large mail.
fn memory(folder: &Path) {
    let sink = Sink::open();
    let gateway = Gateway::start(folder, sink.port());
    std::thread::sleep(Duration::from_millis(500));
    let idle = gateway.resident_kib();
    let sessions = 200;
    let open = load::half_sent(gateway.port(Door::Inbound), sessions, 5_000_000);
    std::thread::sleep(Duration::from_millis(500));
    let busy = gateway.resident_kib();
    println!(
        "resident idle: {:.1} MiB; with {sessions} sessions half-way through 10 MB mails: {:.1} MiB (peak {:.1}), {} KiB a session",
        count(idle) / 1_024.0,
        count(busy) / 1_024.0,
        count(gateway.peak_kib()) / 1_024.0,
        gateway.peak_kib().saturating_sub(idle) / count_of(sessions)
    );
    drop(open);
}

/// The scan alone, without SMTP: `sluss scan` over the same mails.
fn scans(folder: &Path) {
    // A few mails take less than the kernel's clock can tell, so each folder is named several times.
    for (name, mails, times) in [
        ("tiny", mails::tiny(), 20),
        ("4k", mails::text(), 10),
        ("50k", mails::documents(40, 50_000), 10),
        ("1m", mails::documents(6, 1_000_000), 20),
    ] {
        let mails_folder = folder.join(name);
        fs::create_dir_all(&mails_folder).unwrap();
        for (number, mail) in mails.iter().enumerate() {
            fs::write(mails_folder.join(format!("{number:04}.eml")), mail).unwrap();
        }
        scan(name, &mails_folder, times);
    }
}

fn scan(name: &str, mails: &Path, times: usize) {
    let run = |paths: &[&Path]| {
        let before = children_cpu();
        let output = Command::new(env!("CARGO_BIN_EXE_sluss"))
            .args(["scan", "--json"])
            .args(paths)
            .stderr(Stdio::null())
            .output()
            .unwrap();
        (children_cpu().minus(before), output.stdout)
    };
    let empty = tempfile::NamedTempFile::new().unwrap();
    let (nothing, _) = run(&[empty.path()]);
    let (all, output) = run(&vec![mails; times]);
    let (mut judged, mut bytes, mut slowest) = (0_u64, 0_u64, (0, String::new()));
    for line in output.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
        let value: serde_json::Value = serde_json::from_slice(line).expect("JSON on every line");
        let path = value["path"].as_str().unwrap_or_default().to_string();
        judged += 1;
        bytes += fs::metadata(&path).map_or(0, |file| file.len());
        slowest = slowest.max((value["elapsed_us"].as_u64().unwrap_or(0), path));
    }
    let spent = (all.user + all.system - nothing.user - nothing.system).max(0.0);
    println!(
        "scan of {name}: {judged} mails, CPU {:.3} ms/mail, {:.1} MB/s, slowest {:.1} ms ({})",
        spent * 1_000.0 / count(judged.max(1)),
        count(bytes) / 1e6 / spent.max(0.001),
        count(slowest.0) / 1_000.0,
        Path::new(&slowest.1).file_name().unwrap_or_default().to_string_lossy(),
    );
}

/// For dividing: no count here is near what a float cannot tell apart.
fn count(number: u64) -> f64 {
    f64::from(u32::try_from(number).unwrap_or(u32::MAX))
}

fn count_of(number: usize) -> u64 {
    u64::try_from(number).unwrap()
}
