//! Mail while half of what there is goes: the time from the final dot to the reply, before and meanwhile.

use crate::{
    House, Sizes,
    common::{Client, Gateway},
    rows::organisation,
};
use std::{
    sync::atomic::{AtomicU64, Ordering},
    thread,
    time::{Duration, Instant},
};

/// Senders at the same time.
const SENDERS: u64 = 4;
/// Each sends so many mails a second.
const RATE: u64 = 5;

/// Ends the gateway, and starts it again with a shorter memory.
pub(crate) fn measure(house: &House, gateway: Gateway, sizes: Sizes) {
    println!(
        "\n| mail | sent | p50 ms | p99 ms | worst ms | rows deleted meanwhile |\n|---|---|---|---|---|---|"
    );
    tell("nothing is deleted", &send(house, sizes), 0);
    gateway.stop();
    let (_, bytes) = totals(house);
    let less = format!("trace-days = 15\nquarantine-bytes = \"{} KiB\"\n", bytes / 2 / 1_024 + 1);
    let gateway = house.start(&less);
    let before = gateway.log().len();
    let sent = send(house, sizes);
    tell("half is being deleted", &sent, deleted(gateway.log().get(before..).unwrap_or("")));
    gateway.stop();
}

/// What is held, and its bytes.
fn totals(house: &House) -> (u64, u64) {
    let file = house.data().join("quarantine/quarantine.db");
    let index = rusqlite::Connection::open(file).unwrap();
    let read = |row: &rusqlite::Row| Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?));
    let (held, bytes) = index.query_row("SELECT held, bytes FROM total", [], read).unwrap();
    (u64::try_from(held).unwrap(), u64::try_from(bytes).unwrap())
}

/// The rows that the log tells of.
fn deleted(log: &str) -> u64 {
    let lines = log.lines().filter(|line| line.contains("rows past their time"));
    let count = |line: &str| {
        let (_, after) = line.split_once("removed")?;
        let digits = after.trim_start_matches(|letter: char| !letter.is_ascii_digit());
        let end = digits.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(digits.len());
        digits.get(..end)?.parse::<u64>().ok()
    };
    lines.filter_map(count).sum()
}

fn tell(what: &str, (held, taken): &(Vec<f64>, Vec<f64>), rows: u64) {
    for (kind, took) in [("held", held), ("passed on", taken)] {
        let at = |percent: usize| took[(took.len() - 1) * percent / 100];
        println!(
            "| {what}, {kind} | {} | {:.1} | {:.1} | {:.1} | {rows} |",
            took.len(),
            at(50),
            at(99),
            at(100)
        );
    }
}

/// Sends steadily; gives how long the reply after the dot took for mails that are held, and for mails that go on.
fn send(house: &House, sizes: Sizes) -> (Vec<f64>, Vec<f64>) {
    static SENT: AtomicU64 = AtomicU64::new(0);
    let ends = Instant::now() + Duration::from_secs(sizes.seconds);
    let sender = |number: u64| {
        let mut took = (Vec::new(), Vec::new());
        let mut client = Client::hello(house.mail);
        let mut next = Instant::now() + Duration::from_millis(number * 1_000 / SENDERS / RATE);
        while next < ends {
            thread::sleep(next.saturating_duration_since(Instant::now()));
            next += Duration::from_millis(1_000 / RATE);
            let one = SENT.fetch_add(1, Ordering::Relaxed);
            let held = one.is_multiple_of(2);
            let to = format!("user{}@{}.example", one % 50, organisation(one % 12));
            let mail = mail(one, held, &to);
            let begun = Instant::now();
            let heard = client.send("karin@example.org", &[&to], mail.as_bytes()).unwrap();
            let ms = begun.elapsed().as_secs_f64() * 1_000.0;
            assert_eq!(heard.code, 250, "{}", heard.last());
            if held { took.0.push(ms) } else { took.1.push(ms) }
        }
        took
    };
    let mut all = (Vec::new(), Vec::new());
    thread::scope(|scope| {
        let senders: Vec<_> = (0..SENDERS).map(|one| scope.spawn(move || sender(one))).collect();
        for sender in senders {
            let (held, taken) = sender.join().unwrap();
            all.0.extend(held);
            all.1.extend(taken);
        }
    });
    all.0.sort_by(f64::total_cmp);
    all.1.sort_by(f64::total_cmp);
    all
}

/// What has no Message-ID is held in this house.
fn mail(number: u64, held: bool, to: &str) -> String {
    let id = if held { String::new() } else { format!("Message-ID: <m{number}@example.org>\r\n") };
    format!(
        "From: Karin Berg <karin@example.org>\r\nTo: <{to}>\r\nSubject: noon {number}\r\nDate: Thu, 19 Nov 2026 10:15:00 +0100\r\n{id}\r\nHi,\r\nshall we meet at noon by the harbour, number {number}?\r\nKarin\r\n"
    )
}
