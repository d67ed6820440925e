//! Half an hour of ordinary load while something breaks every minute: `cargo bench --features long --bench soak`.
//!
//! The real program stands between senders and three mail servers in this process, all on loopback. At the end every mail that was
//! acknowledged has arrived where it belongs, or is held, with the bytes it had; memory and open files are where they were.
//! What is not so is listed, and the exit code is 1.
//!
//! `SLUSS_SOAK_MINUTES` (30) and `SLUSS_SOAK_RATE` (20 mails a second) set the length and the load, `SLUSS_SEED` what breaks when,
//! `SLUSS_BINARY` the program. Under nine minutes something breaks every five seconds and memory is shown but not judged;
//! `cargo test` runs one such minute.

// Real time, and failing loudly, is what this is for.
#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout, clippy::indexing_slicing)]
#![allow(clippy::disallowed_methods)]

#[path = "../../tests/common/mod.rs"]
mod common;
mod faults;
mod house;
mod ledger;
mod load;
mod mails;
mod readings;

use common::chance;
use faults::{Fault, plan};
use house::House;
use ledger::Ledger;
use load::Load;
use readings::Readings;
use std::{
    env,
    process::ExitCode,
    str::FromStr,
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

/// Shorter shows are for seeing that nothing is lost; a trend of memory needs time.
const JUDGED_MINUTES_MIN: u32 = 9;
/// Longest for the queue to run dry once everything is well.
const EMPTYING_MAX: Duration = Duration::from_secs(300);

fn main() -> ExitCode {
    let Some(minutes) = minutes() else { return ExitCode::SUCCESS };
    let rate = from_environment("SLUSS_SOAK_RATE").unwrap_or(20);
    let seed = from_environment("SLUSS_SEED").unwrap_or_else(|| {
        u64::from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().subsec_nanos())
    });
    sluss::edge::connections::raise_file_limit(4_000);
    println!("soak: {minutes} min at {rate} mails/s, SLUSS_SEED={seed}");

    let folder = tempfile::tempdir().unwrap();
    let (mut house, ledger) = (House::open(folder.path()), Ledger::default());
    let judged = minutes >= JUDGED_MINUTES_MIN;
    let turn = Duration::from_secs(if judged { 60 } else { 5 });
    let lasts = Duration::from_secs(60) * minutes;
    let load = Load::new(seed, rate, lasts, house.doors());
    let over = AtomicBool::new(false);
    let mut readings = Readings::default();

    let mut luck = seed;
    let count = usize::try_from(lasts.as_secs() / turn.as_secs()).unwrap();
    let faults = plan(&mut luck, count, judged);
    let kills = faults.iter().filter(|fault| **fault == Fault::Killed).count();
    let emptied = thread::scope(|scope| {
        let _ends_even_if_we_fail = Ends(&over);
        let senders = (0..load::SENDERS).map(|number| {
            let (load, ledger) = (&load, &ledger);
            scope.spawn(move || load.send_until_ended(number, ledger))
        });
        let senders: Vec<_> = senders.collect();
        let (ledger, over, hops) = (&ledger, &over, house.hops.clone());
        scope.spawn(move || {
            while !over.load(Ordering::Relaxed) {
                thread::sleep(Duration::from_millis(200));
                hops.iter().for_each(|hop| ledger.arrive(hop.drain()));
            }
        });
        for (number, fault) in faults.into_iter().enumerate() {
            let end = load.began + turn * u32::try_from(number + 1).unwrap();
            let victim = usize::try_from(chance(&mut luck) % 3).unwrap();
            house.suffer(fault, victim, turn / 3, &load);
            // The reading is of a quiet moment: what the fault set in motion has mostly settled.
            thread::sleep((end - turn / 10).saturating_duration_since(Instant::now()));
            let label = fault.label(victim);
            readings.take(&label, house.gateway(), ledger, turn / 60);
            thread::sleep(end.saturating_duration_since(Instant::now()));
        }
        // What they hear last is owed too.
        senders.into_iter().for_each(|sender| sender.join().unwrap());
        house.empty_queue(EMPTYING_MAX)
    });
    house.hops.iter().for_each(|hop| ledger.arrive(hop.drain()));
    house.hand_in_held(&ledger);
    let log = house.gateway().log();
    house.close();

    let mut wrong = ledger.balance(kills);
    match emptied {
        Ok(time) => println!("the queue was empty {} ms after the load", time.as_millis()),
        Err(legs) => wrong.push(format!("{legs} legs still wait")),
    }
    if judged {
        wrong.extend(readings.growth());
    }
    wrong.extend(log.lines().filter(|line| line.contains("panicked")).map(str::to_string));
    if wrong.is_empty() {
        println!("soak: all is accounted for");
        return ExitCode::SUCCESS;
    }
    wrong.iter().for_each(|line| println!("WRONG: {line}"));
    println!("soak: failed with SLUSS_SEED={seed}; what the gateway logged: {:?}", folder.keep());
    ExitCode::FAILURE
}

/// Tells the collector that nothing more is to come.
struct Ends<'a>(&'a AtomicBool);

impl Drop for Ends<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// How long: half an hour as a benchmark, a minute as a test; none if something else was asked for.
fn minutes() -> Option<u32> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let names: Vec<&String> = arguments.iter().filter(|word| !word.starts_with('-')).collect();
    let asked = names.is_empty() || names.iter().any(|name| "soak".contains(name.as_str()));
    if !asked || arguments.iter().any(|word| word == "--list") {
        return None;
    }
    let benchmark = arguments.iter().any(|word| word == "--bench");
    Some(from_environment("SLUSS_SOAK_MINUTES").unwrap_or(if benchmark { 30 } else { 1 }))
}

/// A number of the environment; one that cannot be read is not passed over.
fn from_environment<T: FromStr>(name: &str) -> Option<T> {
    let text = env::var(name).ok()?;
    let Ok(number) = text.parse() else { panic!("{name} is no number: {text}") };
    Some(number)
}
