//! The trace, in great numbers: `cargo bench --bench trace`.
//!
//! Transactions are written as the gateway writes them and indexed; then it is told what a row costs in time and on disk, with and without
//! the index, how long every kind of question takes, how long a round of retention takes, and how long new rows wait meanwhile.
//! `SLUSS_BENCH_MAILS` is their number, a million by default; it needs about 2 KiB of disk for each.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]
#![allow(clippy::indexing_slicing, clippy::as_conversions)]
// A benchmark is the one place besides the clock that may ask for the time.
#![allow(clippy::disallowed_methods)]

use sluss::{
    base::{
        clock::{Clock, UnixMs},
        ids::Id,
    },
    config::Config,
    edge::connections::resident_bytes,
    mail::{Address, Domain, Organisation},
    personal::Words,
    pipeline::replay::{self, Replay, Watch},
    store::{
        embedded::{Trace, TraceOptions},
        scope::Scope,
        trace::{About, Decision, Step, Took, TraceQuery, TraceRecipient, TraceRow},
    },
};
use std::{
    env, fs,
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

const BEGAN: u64 = 1_795_262_400_000;
/// Written between two rounds of indexing; fewer than may wait.
const BATCH: u64 = 15_000;
/// A mail every eight seconds: a million in three months.
const BETWEEN_MS: u64 = 7_700;

fn main() {
    // `cargo bench` and `cargo test --benches` hand over flags of the usual harness.
    if env::args().any(|argument| argument == "--test" || argument == "--list") {
        return;
    }
    let mails = env::var("SLUSS_BENCH_MAILS").ok().and_then(|text| text.parse().ok());
    let mails: u64 = mails.unwrap_or(1_000_000);
    let folder = match env::var("SLUSS_BENCH_FOLDER") {
        Ok(folder) => tempfile::tempdir_in(folder).unwrap(),
        Err(_) => tempfile::tempdir().unwrap(),
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(all(folder.path(), mails));
}

async fn all(folder: &Path, mails: u64) {
    let clock = Clock::by_hand(UnixMs(BEGAN + mails * BETWEEN_MS));
    let keep = Duration::from_secs(400 * 86_400);
    let options = TraceOptions { keep, bytes_max: 1 << 40 };
    let (trace, _) = Trace::open(folder, clock.clone(), options).unwrap();
    let (mut writing, mut indexing) = (Duration::ZERO, Duration::ZERO);
    let mut before_index = 0;
    let mut cpu = cpu_time();
    for number in 0..mails {
        trace.record(row(number));
        if number % BATCH == BATCH - 1 || number + 1 == mails {
            settle(&trace).await;
            writing += cpu_time() - cpu;
            if number + 1 == BATCH {
                before_index = bytes(folder);
            }
            cpu = cpu_time();
            trace.index().await.unwrap();
            indexing += cpu_time() - cpu;
            cpu = cpu_time();
        }
    }
    let each = |span: Duration| span.as_secs_f64() * 1e6 / mails as f64;
    println!(
        "{mails} mails: writing one {:.1} µs of processor time, indexing one {:.1} µs, {} dropped",
        each(writing),
        each(indexing),
        trace.dropped()
    );
    println!(
        "a mail takes {} bytes with all indexes; rows alone about {}",
        bytes(folder) / mails.max(1),
        before_index / mails.clamp(1, BATCH)
    );
    println!("resident: {} MiB", resident_bytes() >> 20);
    ask(&trace, mails).await;
    replay(&trace).await;
    let (trace, _) = {
        drop(trace);
        let keep = Duration::from_millis(mails * BETWEEN_MS / 2);
        Trace::open(folder, clock, TraceOptions { keep, bytes_max: 1 << 40 }).unwrap()
    };
    retain(&trace, mails).await;
}

/// Everything that was handed over is written when this write is.
async fn settle(trace: &Trace) {
    trace.retain().await.unwrap();
}

async fn ask(trace: &Trace, mails: u64) {
    let word = |text: &str| Some(text.to_string());
    let page = TraceQuery { rows: 50, ..TraceQuery::default() };
    let acme = || Organisation::named("customer-7");
    let now = BEGAN + mails * BETWEEN_MS;
    let month = UnixMs(now - 30 * 86_400_000);
    let domains = Scope::Domains(acme(), vec![Domain::parse("d7.example").unwrap()]);
    let mailbox = Scope::Mailbox(acme(), Address::parse("user7.17@d7.example").unwrap());
    let middle = id(mails / 2).to_string();
    for (what, scope, query) in [
        ("the newest", Scope::Everything, page.clone()),
        ("an id", Scope::Everything, TraceQuery { text: Some(middle), ..page.clone() }),
        ("a sender", Scope::Everything, TraceQuery { sender: word("news4711@"), ..page.clone() }),
        (
            "a sender's domain",
            Scope::Everything,
            TraceQuery { sender: word("shop11.example"), ..page.clone() },
        ),
        (
            "a recipient",
            Scope::Everything,
            TraceQuery { recipient: word("user7.17@d7.example"), ..page.clone() },
        ),
        (
            "a recipient begun",
            Scope::Everything,
            TraceQuery { recipient: word("user7.1"), ..page.clone() },
        ),
        (
            "a word begun that all have",
            Scope::Everything,
            TraceQuery { recipient: word("exam"), ..page.clone() },
        ),
        (
            "a subject",
            Scope::Everything,
            TraceQuery { subject: word("invoice harbour 123456"), ..page.clone() },
        ),
        (
            "words that never meet",
            Scope::Everything,
            TraceQuery { text: word("invoice party harbour meeting"), ..page.clone() },
        ),
        (
            "a part whose words meet elsewhere",
            Scope::Everything,
            TraceQuery { sender: word("example.shop11"), ..page.clone() },
        ),
        (
            "a message id",
            Scope::Everything,
            TraceQuery { message_id: word("<m777777.7@shop7.example>"), ..page.clone() },
        ),
        ("a queue id", Scope::Everything, TraceQuery { reply: word("4F00012345"), ..page.clone() }),
        (
            "a client",
            Scope::Everything,
            TraceQuery { client: Some("198.51.100.7/32".parse().unwrap()), ..page.clone() },
        ),
        (
            "a network",
            Scope::Everything,
            TraceQuery { client: Some("198.51.100.0/28".parse().unwrap()), ..page.clone() },
        ),
        ("refused", Scope::Everything, TraceQuery { action: word("reject"), ..page.clone() }),
        (
            "a rare finding",
            Scope::Everything,
            TraceQuery { finding: word("yara.eicar_test_file"), ..page.clone() },
        ),
        (
            "findings that begin so",
            Scope::Everything,
            TraceQuery { finding: word("phrase.*"), ..page.clone() },
        ),
        (
            "refused with a finding a month ago",
            Scope::Everything,
            TraceQuery {
                action: word("reject"),
                finding: word("spf.fail"),
                until: Some(month),
                ..page.clone()
            },
        ),
        ("nothing", Scope::Everything, TraceQuery { text: word("nowhere"), ..page.clone() }),
        ("an organisation's", Scope::Organisation(acme()), page.clone()),
        ("a domain's, refused", domains, TraceQuery { action: word("reject"), ..page.clone() }),
        ("a mailbox's", mailbox, page.clone()),
        (
            "the ten thousandth page",
            Scope::Everything,
            TraceQuery { before: Some(mails / 2), ..page.clone() },
        ),
    ] {
        let mut took = Vec::new();
        let mut lines = 0;
        for _ in 0..5 {
            let began = Instant::now();
            lines = trace.find(scope.clone(), query.clone()).await.unwrap().lines.len();
            took.push(began.elapsed());
        }
        told(what, lines, took);
    }
    for (what, scope, days, step) in [
        ("statistics of a year", Scope::Everything, 365, Step::Day),
        ("an organisation's year", Scope::Organisation(acme()), 365, Step::Day),
        ("statistics of a month", Scope::Everything, 30, Step::Day),
        ("statistics of two weeks by hour", Scope::Everything, 14, Step::Hour),
    ] {
        let mut took = Vec::new();
        let mut lines = 0;
        for _ in 0..5 {
            let began = Instant::now();
            let since = UnixMs(now - days * 86_400_000);
            let found = trace.statistics(scope.clone(), since, UnixMs(now), step).await.unwrap();
            lines = found.steps.len();
            took.push(began.elapsed());
        }
        told(what, lines, took);
    }
}

/// All of it is decided anew, each mail under two configurations.
async fn replay(trace: &Trace) {
    let config = |more: &str| {
        let text = format!("hostname = \"mx.ours.example\"\n{more}");
        Config::parse(Path::new("sluss.toml"), &text).unwrap()
    };
    let candidate = config("[policy]\nmark = 4.0\nquarantine = 6.0\n");
    let words = Arc::new(Words::shipped().unwrap());
    let replay = Replay::new(config(""), candidate, &words, &Clock::system());
    let began = Instant::now();
    let report = replay::run(trace, replay, UnixMs(0), &Watch::default()).await.unwrap();
    println!(
        "replay: {} mails decided anew in {:.1} s, {} changes, resident {} MiB",
        report.mails,
        began.elapsed().as_secs_f64(),
        report.stopped_more + report.let_through,
        resident_bytes() >> 20
    );
}

fn told(what: &str, lines: usize, mut took: Vec<Duration>) {
    let first = took[0].as_secs_f64() * 1e3;
    took.sort();
    println!(
        "{what}: {lines} lines, first {first:.1} ms, then {:.1} ms",
        took[2].as_secs_f64() * 1e3
    );
}

/// Half of it has had its time; new rows are written meanwhile.
async fn retain(trace: &Trace, mails: u64) {
    let deleting = trace.clone();
    let began = Instant::now();
    let deleting = tokio::spawn(async move { deleting.retain().await.unwrap() });
    let mut longest = Duration::ZERO;
    let mut number = mails;
    while !deleting.is_finished() {
        let came = Instant::now();
        trace.record(row(number));
        let found =
            TraceQuery { text: Some(id(number).to_string()), rows: 1, ..TraceQuery::default() };
        while trace.find(Scope::Everything, found.clone()).await.unwrap().lines.is_empty() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        longest = longest.max(came.elapsed());
        number += 1;
    }
    let rows = deleting.await.unwrap();
    println!(
        "retention: {rows} rows in {:.1} s; a new row was there after {:.0} ms at most, {} dropped",
        began.elapsed().as_secs_f64(),
        longest.as_secs_f64() * 1e3,
        trace.dropped()
    );
}

fn id(number: u64) -> Id {
    let mut random = [7; 10];
    random[2..].copy_from_slice(&number.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes());
    Id::new(UnixMs(BEGAN + number * BETWEEN_MS), random)
}

const WORDS: [&str; 12] = [
    "invoice",
    "meeting",
    "harbour",
    "offer",
    "order",
    "delivery",
    "minutes",
    "agenda",
    "newsletter",
    "reminder",
    "question",
    "party",
];

/// A transaction as ordinary days have them: a hundred customers, a tenth of the mail refused before DATA.
fn row(number: u64) -> TraceRow {
    let at = UnixMs(BEGAN + number * BETWEEN_MS);
    let mixed = number.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 20;
    let customer = mixed % 100;
    let word = |salt: u64| WORDS[((mixed >> salt) % 12) as usize];
    let shop = (mixed >> 7) % 20_000;
    let recipient = format!("user{customer}.{}@d{customer}.example", (mixed >> 9) % 200);
    let unjudged = number.is_multiple_of(10);
    let (action, ground) = match mixed % 20 {
        _ if unjudged => ("", ""),
        0 => ("reject", "reject = 15.0"),
        1..4 => ("quarantine", "quarantine = 8.0"),
        4..6 => ("mark", "mark = 5.0"),
        _ => ("deliver", ""),
    };
    let findings = match (unjudged, number.is_multiple_of(50_000)) {
        (true, _) => "[]",
        (false, true) => {
            r#"[{"id":"yara.eicar_test_file","category":"virus","weight":0.0,"demands":"category","part":"2","path":"","because":"signature eicar_test_file"}]"#
        }
        (false, false) => {
            r#"[{"id":"spf.fail","category":"auth","weight":1.5,"demands":null,"part":"","path":"","because":"192.0.2.1 may not send for shop.example"},{"id":"phrase.offer","category":"spam","weight":2.0,"demands":null,"part":"1","path":"","because":"says \"limited offer\""},{"id":"link.text_differs","category":"phish","weight":2.5,"demands":null,"part":"1","path":"","because":"shows shop.example, leads to far.example"},{"id":"message_id.missing","category":"spam","weight":0.5,"demands":null,"part":"","path":"","because":""}]"#
        }
    };
    TraceRow {
        id: id(number),
        organisation: Organisation::named(&format!("customer-{customer}")),
        at,
        direction: "inbound",
        listener: "in".to_string(),
        peer: format!("198.51.{}.{}", (mixed >> 3) % 256, (mixed >> 11) % 256),
        helo: format!("mail.shop{shop}.example"),
        tls: "TLSv1.3 TLS_AES_256_GCM_SHA384".to_string(),
        sender: format!("news{}@shop{shop}.example", mixed % 30_000),
        bytes: 20_000,
        about: match unjudged {
            true => About::default(),
            false => About {
                subject: format!("{} {} {} {number}", word(2), word(13), word(17)),
                from: format!("Shop {shop} <news@shop{shop}.example>"),
                message_id: format!("<m{number}.{}@shop{shop}.example>", mixed % 10),
                peer_name: format!("mail.shop{shop}.example"),
                campaign: None,
                unsuspected: false,
            },
        },
        decision: Decision {
            action: action.to_string(),
            score: 6.5,
            reason: "This mail looks unwanted and was held".to_string(),
            decided_by: if action == "deliver" || unjudged { "" } else { "phrase.offer" }
                .to_string(),
            findings: findings.to_string(),
            policy: "default".to_string(),
            ground: ground.to_string(),
            ..Decision::default()
        },
        reply: format!("250 2.0.0 delivered (id {})", id(number)),
        took: Took { dot_ms: mixed % 2_000, ..Took::default() },
        recipients: vec![TraceRecipient {
            recipient,
            at,
            status: "delivered".to_string(),
            next_hop: "mx.backend.example [192.0.2.9]:25".to_string(),
            said: format!("250 2.0.0 Ok: queued as 4F{number:08}"),
            delay_ms: 100,
            would: String::new(),
            action: action.to_string(),
            tls: "TLSv1.3 TLS_AES_256_GCM_SHA384".to_string(),
            channel: None,
            blocked_by: None,
        }],
    }
}

fn bytes(folder: &Path) -> u64 {
    let entries = fs::read_dir(folder).unwrap().flatten();
    entries.filter_map(|entry| entry.metadata().ok()).map(|about| about.len()).sum()
}

/// Processor time of this process.
fn cpu_time() -> Duration {
    let stat = fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
    let ticks: u64 = fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap();
    Duration::from_millis(ticks * 10)
}
