//! The pages over a large house: `cargo bench --bench pages`.
//!
//! A data folder is filled as the gateway fills it: a month of transactions, of which one in twenty was held, and an audit log. Then the real
//! program is started on it, and every page and every question that a page can ask is asked again and again. In the end the program is
//! started with a shorter memory, and mails are handed to it while it deletes half of what it has.
//!
//! `SLUSS_BENCH_TRACES` (a million), `SLUSS_BENCH_HELD` (50,000) and `SLUSS_BENCH_AUDIT` (100,000) are the sizes, `SLUSS_BENCH_ROUNDS` (40) how
//! often each page is asked, `SLUSS_BENCH_SECONDS` (30) how long mails are sent. `SLUSS_BENCH_FOLDER` is a folder that is filled once and used
//! again; without it one is made and thrown away. `SLUSS_BENCH=held,trace` asks only what begins so. `cargo test` runs a small house, to see
//! that every page is there and that each question finds something.

// Real time, and failing loudly, is what this is for.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]
#![allow(clippy::indexing_slicing, clippy::as_conversions, clippy::disallowed_methods)]

mod ask;
#[path = "../../tests/common/mod.rs"]
mod common;
mod fill;
mod retain;
mod rows;

use common::{Gateway, Hop, Manner, free_port};
use std::{
    env, fs,
    path::{Path, PathBuf},
    str::FromStr,
    time::Instant,
};

/// How much there is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sizes {
    traces: u64,
    held: u64,
    audit: u64,
    rounds: usize,
    seconds: u64,
}

/// The doors of a gateway to be, and what stands behind it.
pub(crate) struct House {
    folder: PathBuf,
    hop: Hop,
    admin: u16,
    public: u16,
    mail: u16,
}

fn main() {
    let full = env::args().any(|argument| argument == "--bench");
    // `cargo test` runs it only with the other tests that take their time.
    if !full && (!cfg!(feature = "long") || env::args().any(|argument| argument == "--list")) {
        return;
    }
    let or = |whole: u64, small: u64| if full { whole } else { small };
    let sizes = Sizes {
        traces: given("SLUSS_BENCH_TRACES").unwrap_or_else(|| or(1_000_000, 4_000)),
        held: given("SLUSS_BENCH_HELD").unwrap_or_else(|| or(50_000, 200)),
        audit: given("SLUSS_BENCH_AUDIT").unwrap_or_else(|| or(100_000, 500)),
        rounds: given("SLUSS_BENCH_ROUNDS").unwrap_or(if full { 40 } else { 1 }),
        seconds: given("SLUSS_BENCH_SECONDS").unwrap_or_else(|| or(30, 1)),
    };
    let owned = tempfile::tempdir().unwrap();
    let folder = env::var_os("SLUSS_BENCH_FOLDER").map_or(owned.path().to_path_buf(), Into::into);
    let house = House {
        folder,
        hop: Hop::start(Manner::default()),
        admin: free_port(),
        public: free_port(),
        mail: free_port(),
    };
    fill::fill(&house, sizes);
    let begun = Instant::now();
    let gateway = house.start("");
    println!("start: {:.2} s", begun.elapsed().as_secs_f64());
    ask::ask_all(&house, &gateway, sizes);
    retain::measure(&house, gateway, sizes);
}

fn given<T: FromStr>(name: &str) -> Option<T> {
    env::var(name).ok().and_then(|text| text.parse().ok())
}

impl House {
    fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    /// Starts the program on what there is, with more in its `[store]`.
    fn start(&self, store: &str) -> Gateway {
        Gateway::start_in(&self.folder, &self.config(store))
    }

    fn config(&self, store: &str) -> String {
        let (folder, hop) = (self.folder.display(), self.hop.port());
        let (mail, admin, public) = (self.mail, self.admin, self.public);
        let mut text = format!(
            "hostname = \"mx.ours.example\"\n\
             [[listener]]\nname = \"in\"\nbind = \"127.0.0.1:{mail}\"\ndirection = \"inbound\"\n\
             [outbound]\norganisation = \"{}\"\n\
             [policy]\nquarantine = 0.1\nmark = 0.05\nreject = 900.0\n\
             [store]\nmaster-key = \"{folder}/master.key\"\n{store}\
             [limits]\nmessage-bytes = \"64 KiB\"\nconnections-per-address = 100\ntransactions-per-minute = 100000\n\
             [web]\nadmin = \"127.0.0.1:{admin}\"\npublic = \"127.0.0.1:{public}\"\npublic-url = \"http://127.0.0.1:{public}\"\n",
            rows::organisation(0)
        );
        for number in 0..rows::ORGANISATIONS {
            let name = rows::organisation(number);
            text += &format!(
                "[[organisation]]\nname = \"{name}\"\n[[domain]]\nname = \"{name}.example\"\norganisation = \"{name}\"\n\
                 next-hop = \"smtp://127.0.0.1:{hop}\"\nnext-hop-tls = \"off\"\nrecipients = \"any\"\n"
            );
        }
        text
    }

    /// A file that says for which sizes this folder was filled.
    fn mark(&self) -> PathBuf {
        self.folder.join("filled")
    }
}

/// Bytes of all files under a folder.
pub(crate) fn bytes_under(folder: &Path) -> u64 {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries
        .map(|entry| match entry.path().is_dir() {
            true => bytes_under(&entry.path()),
            false => entry.metadata().map_or(0, |about| about.len()),
        })
        .sum()
}
