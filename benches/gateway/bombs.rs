//! Ordinary mail while others send nothing but bombs: how long it waits, and what becomes of memory.
//!
//! The bombs are those of `tests/hidden`, made by Python. They come from a network of their own, as a stranger's would.

use crate::{
    battery,
    gateway::Gateway,
    load::{Door, Line},
    mails,
    sink::Sink,
};
use std::{
    fs,
    path::Path,
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
    thread,
    time::{Duration, Instant},
};

/// Senders of bombs at a time, and where they and the others come from.
const BOMBERS: usize = 4;
const BOMBERS_ADDRESS: &str = "127.0.1.5";
const OTHERS_ADDRESS: &str = "127.0.2.5";
/// Between two ordinary mails.
const PAUSE: Duration = Duration::from_millis(100);

pub(crate) fn measure(folder: &Path, lasts: Duration) {
    let bombs: Vec<Vec<u8>> =
        battery::bombs(folder).iter().map(|bomb| fs::read(bomb).unwrap()).collect();
    let sink = Sink::open();
    let gateway = Gateway::start(folder, sink.port());
    let port = gateway.port(Door::Inbound);
    let ordinary = mails::text();
    let alone = others(port, &ordinary, Instant::now() + lasts / 4);
    let before_kib = gateway.resident_kib();
    let (ended, workers_kib, bombs_sent) =
        (AtomicBool::new(false), AtomicU64::new(0), AtomicU64::new(0));
    // In each third of the time.
    let gateway_kib = [(); 3].map(|()| AtomicU64::new(0));
    let end = Instant::now() + lasts;
    let amid = thread::scope(|scope| {
        for number in 0..BOMBERS {
            let (bombs, bombs_sent) = (&bombs, &bombs_sent);
            scope.spawn(move || {
                for bomb in bombs.iter().cycle().skip(number * 31) {
                    if Instant::now() >= end {
                        return;
                    }
                    // Refused, held, or turned away because the line is long: all is well.
                    if send(port, BOMBERS_ADDRESS, bomb).is_ok() {
                        bombs_sent.fetch_add(1, Ordering::Relaxed);
                    }
                }
            });
        }
        let (ended, workers_kib, gateway) = (&ended, &workers_kib, &gateway);
        let gateway_kib = &gateway_kib;
        scope.spawn(move || {
            let began = Instant::now();
            while !ended.load(Ordering::Relaxed) {
                workers_kib.fetch_max(gateway.largest_worker_kib(), Ordering::Relaxed);
                let third = began.elapsed().as_millis() * 3 / lasts.as_millis().max(1);
                let third = usize::try_from(third).unwrap_or(2).min(2);
                gateway_kib[third].fetch_max(gateway.resident_kib(), Ordering::Relaxed);
                thread::sleep(Duration::from_millis(5));
            }
        });
        let amid = others(port, &ordinary, end);
        ended.store(true, Ordering::Relaxed);
        amid
    });
    thread::sleep(Duration::from_secs(1));
    println!(
        "\n{} bombs by {BOMBERS} senders in {} s; other mail meanwhile: {} of {} taken, p50 {:.0} ms, p99 {:.0} ms, worst {:.0} ms (alone: p50 {:.0}, p99 {:.0})",
        bombs_sent.load(Ordering::Relaxed),
        lasts.as_secs(),
        amid.taken,
        amid.ms.len(),
        percentile(&amid.ms, 50),
        percentile(&amid.ms, 99),
        percentile(&amid.ms, 100),
        percentile(&alone.ms, 50),
        percentile(&alone.ms, 99),
    );
    println!(
        "the largest worker had {} MiB; the gateway had {} MiB before, at most {:?} in each third, {} a second after",
        workers_kib.load(Ordering::Relaxed) >> 10,
        before_kib >> 10,
        gateway_kib.map(|kib| kib.load(Ordering::Relaxed) >> 10),
        gateway.resident_kib() >> 10,
    );
}

/// What became of ordinary mail: milliseconds from connecting to the last reply.
struct Others {
    taken: usize,
    ms: Vec<f64>,
}

fn others(port: u16, mails: &[Vec<u8>], end: Instant) -> Others {
    let mut all = Others { taken: 0, ms: Vec::new() };
    for (number, mail) in mails.iter().cycle().enumerate() {
        if Instant::now() >= end {
            break;
        }
        let marked = [format!("X-Number: {number}\r\n").as_bytes(), mail].concat();
        let began = Instant::now();
        let code = send(port, OTHERS_ADDRESS, &marked);
        all.ms.push(began.elapsed().as_secs_f64() * 1_000.0);
        all.taken += usize::from(code.is_ok_and(|code| code == 250));
        thread::sleep(PAUSE);
    }
    all.ms.sort_by(f64::total_cmp);
    all
}

fn send(port: u16, from: &str, mail: &[u8]) -> std::io::Result<u16> {
    let mut line = Line::open_from(from, port)?;
    line.say("EHLO client.example.org\r\n")?;
    if !line.envelope("user@ours.example", mail.len())? {
        return Ok(452);
    }
    line.write(&crate::load::stuffed(mail))?;
    line.say("\r\n.\r\n")
}

fn percentile(sorted: &[f64], percent: usize) -> f64 {
    sorted.get(sorted.len().saturating_sub(1) * percent / 100).copied().unwrap_or(0.0)
}
