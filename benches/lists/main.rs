//! Hash lists: `cargo bench --bench lists`. How long one takes to compile, what it costs on disk and in memory, how fast it answers.
//!
//! `SLUSS_BENCH_ENTRIES` is the number of random SHA-256, a hundred thousand by default; ten million need two gigabytes of disk for a while.
//! `SLUSS_BENCH_SORT_MIB` is the memory for sorting. The text is written to disk first, as a feed would be.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]
#![allow(clippy::indexing_slicing, clippy::as_conversions)]
// A benchmark is the one place besides the clock that may ask for the time.
#![allow(clippy::disallowed_methods)]

use sluss::{
    base::{clock::UnixMs, limits},
    learn::listed::{Columns, Digest, Kind},
    store::hash_list::{HashList, Source},
};
use std::{
    env, fs,
    hint::black_box,
    io::{BufWriter, Write},
    path::Path,
    time::Instant,
};

fn main() {
    // `cargo bench` and `cargo test --benches` hand over flags of the usual harness.
    if env::args().any(|argument| argument == "--test" || argument == "--list") {
        return;
    }
    let entries = number("SLUSS_BENCH_ENTRIES").unwrap_or(100_000);
    let sort = number("SLUSS_BENCH_SORT_MIB").map(|mib| (mib as usize) << 20);
    let sort = sort.unwrap_or(limits::HASH_LIST_SORT_BYTES_DEFAULT);
    let folder = tempfile::tempdir().unwrap();
    let (text, out) = (folder.path().join("feed.txt"), folder.path().join("feed.list"));
    write_feed(&text, entries);
    println!("feed: {entries} entries, {} MB of text", size(&text) / 1_000_000);
    compile(&text, &out, sort);
    ask(&HashList::open(&out).unwrap(), entries);
}

fn number(name: &str) -> Option<u64> {
    env::var(name).ok().and_then(|text| text.parse().ok())
}

fn size(path: &Path) -> u64 {
    fs::metadata(path).unwrap().len()
}

/// Those below the number of entries are listed.
fn digest(number: u64) -> Digest {
    Digest::Sha256(*blake3::hash(&number.to_le_bytes()).as_bytes())
}

fn write_feed(path: &Path, entries: u64) {
    let mut file = BufWriter::new(fs::File::create(path).unwrap());
    for number in 0..entries {
        let hash = blake3::hash(&number.to_le_bytes());
        writeln!(file, "{}", hash.to_hex()).unwrap();
    }
    file.flush().unwrap();
}

fn compile(text: &Path, out: &Path, sort: usize) {
    let source = Source {
        name: "feed".to_string(),
        file: text.to_path_buf(),
        kind: Kind::Attachment,
        columns: Columns::default(),
    };
    let before = peak_bytes();
    let began = Instant::now();
    let report = HashList::compile(&[source], out, sort, UnixMs(0)).unwrap();
    println!(
        "compile: {:.2} s, peak memory {} MB (before {} MB, for sorting {} MB), file {} MB",
        began.elapsed().as_secs_f64(),
        peak_bytes() / 1_000_000,
        before / 1_000_000,
        sort / 1_000_000,
        report.file_bytes / 1_000_000,
    );
    let began = Instant::now();
    let list = HashList::open(out).unwrap();
    println!(
        "open: {:.0} ms, {} bytes in memory, {:.2} bits an entry",
        began.elapsed().as_secs_f64() * 1_000.0,
        list.memory_bytes(),
        list.memory_bytes() as f64 * 8.0 / list.len() as f64,
    );
    let began = Instant::now();
    list.verify().unwrap();
    println!("verify: {:.0} ms", began.elapsed().as_secs_f64() * 1_000.0);
}

fn ask(list: &HashList, entries: u64) {
    let rounds = entries.min(2_000_000);
    // Digests are made before the clock runs, in an order that no cache likes.
    let step = entries / rounds;
    let mut present: Vec<Digest> = (0..rounds).map(|number| digest(number * step)).collect();
    present.sort_by_cached_key(|digest| *blake3::hash(format!("{digest:?}").as_bytes()).as_bytes());
    let absent: Vec<Digest> = (0..rounds).map(|number| digest(entries + number)).collect();
    let began = Instant::now();
    let passed = absent.iter().filter(|digest| list.may_hold(black_box(digest))).count();
    let filter = began.elapsed().as_nanos() as f64 / rounds as f64;
    println!(
        "filter: {passed} of {rounds} absent pass ({:.5} %), {filter:.0} ns",
        passed as f64 * 100.0 / rounds as f64
    );
    for (name, digests, want) in [("absent", &absent, 0), ("present", &present, rounds)] {
        let began = Instant::now();
        let held = digests.iter().filter(|digest| list.holds(digest).unwrap().is_some()).count();
        let each = began.elapsed().as_nanos() as f64 / rounds as f64;
        assert_eq!(held as u64, want, "{name}");
        println!("{name}: {each:.0} ns");
    }
}

/// The most memory this process ever had.
fn peak_bytes() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok()).unwrap_or(0) << 10
}
