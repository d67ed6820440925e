//! What the tests of the running gateway share: the real binary, a scripted next hop, a small client.
//!
//! Everything listens on loopback, on ports that nobody else has, and ends with the test that started it.

// Each test file uses a part of this; `pub` is the simplest word for "to all of them"; real time is what these tests are about.
#![allow(dead_code, unused_imports, unreachable_pub)]

pub mod certs;
mod client;
mod dns;
mod gateway;
mod hop;
mod line;
mod lists;
pub mod load;
mod ports;
pub mod web;

pub use client::{Client, Heard, stuffed};
pub use dns::{Names, Said};
pub use gateway::{Gateway, binary};
pub use hop::{Dot, Hop, HopTls, Manner, Taken};
pub use lists::{ListServer, Lists};
pub use ports::free_port;

use sluss::{base::clock::Clock, wire::date::write};
use std::{
    sync::LazyLock,
    thread,
    time::{Duration, Instant},
};

/// Longest an answer may be waited for; then a test fails instead of hanging.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// A rule of the house that weighs, and so refuses or holds without calling anything malware.
pub const HARBOUR_RULE: &str = r#"
[[rule]]
id = "phrase.house_harbour"
about = "Somebody wants to meet by the harbour."
plain = "The mail speaks of the harbour."
category = "spam"
languages = ["en"]
weight = 5.0
patterns = ['\bby the harbour\b']
examples.hit = ["shall we meet by the harbour?", "at noon by the harbour"]
examples.miss = ["shall we meet in town?", "the harbour is closed"]
"#;

/// Asks again and again until there is an answer.
#[track_caller]
pub fn wait_for<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    // What is done by and by takes a busy machine longer than an answer does.
    let end = Instant::now() + PATIENCE * 3;
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(Instant::now() < end, "waited in vain for {what}");
        thread::sleep(Duration::from_millis(5));
    }
}

/// A small mail whose subject is `word`.
pub fn mail(word: &str) -> String {
    format!(
        "From: Karin Berg <karin@example.org>\r\nTo: Anna <anna@ours.example>\r\nSubject: {word}\r\nDate: {NOW}\r\nMessage-ID: <{word}@example.org>\r\n\r\nHi Anna,\r\nshall we meet at noon by the harbour?\r\nKarin\r\n"
    )
}

/// The value of a Date field: when this test began. One that stands in the text of a test is long past some day, and that says something
/// against the mail.
pub struct Now;

/// For a format string: `Date: {NOW}`.
pub const NOW: Now = Now;

impl std::fmt::Display for Now {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        static BEGAN: LazyLock<String> = LazyLock::new(|| write(Clock::system().now()));
        f.write_str(&BEGAN)
    }
}

/// The published test file of the anti-virus industry, joined here so that it stands in no file.
pub fn eicar() -> String {
    ["X5O!P%@AP[4\\PZX54(P^)7CC)7}$EICAR-", "STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"].concat()
}

/// A number from a number (SplitMix64): chance that a seed repeats.
pub fn chance(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let mut mixed = *state;
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    mixed ^ (mixed >> 31)
}
