//! `kill -9` under load, again and again, with a server behind that is as bad as they come: nothing acknowledged is lost or damaged.
//!
//! Some goes straight through, some by the spool, some is held; each must be whole where it belongs.
//! Mail may arrive twice: that is what SMTP does when an answer is lost (RFC 1047). It may not arrive less than once.
//!
//! `SLUSS_KILLS` is the number of kills, `SLUSS_KILL_MAILS` the number of mails that are acknowledged at least, spread evenly over
//! the kills, `SLUSS_SEED` what chance begins with. Over many mails to a kill, and built for release, it is also judged how seldom
//! a kill makes a mail arrive twice and how soon somebody listens again.

// Real time, and failing loudly, is what these tests are for.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, clippy::disallowed_methods)]
#![allow(clippy::print_stdout)] // The counts and the seed.

mod common;

use common::{
    Gateway, Hop, Manner, chance, free_port,
    load::{Arrivals, Load, config, from_environment, seed},
};
use std::{
    collections::BTreeSet,
    net::TcpStream,
    sync::{Arc, atomic::Ordering},
    thread,
    time::{Duration, Instant},
};

/// A run in which at least so many mails are acknowledged to a kill is judged by how many come twice: few do, but not none.
const JUDGED_MAILS_PER_KILL: usize = 250;
/// Of so many acknowledged mails, one may come twice because of a kill.
const TWICE_ONE_IN: usize = 1_000;
/// Longest from a start until a connection is accepted.
const LISTENING_AGAIN_MAX: Duration = Duration::from_secs(1);
/// Longest until the next kill, however few mails are acknowledged.
const BETWEEN_KILLS_MAX: Duration = Duration::from_secs(120);
const CLIENTS: u64 = 9;
/// Longest for the queue to run dry once the server behind is well: it may just have been given a rest.
const EMPTYING_MAX: Duration = sluss::base::limits::REST_FIRST.saturating_mul(2);

#[test]
fn nothing_acknowledged_is_lost_or_damaged() {
    let seed = seed();
    println!("SLUSS_SEED={seed}");
    let kills: usize = from_environment("SLUSS_KILLS").unwrap_or(20);
    let mails: usize = from_environment("SLUSS_KILL_MAILS").unwrap_or(kills + 1);
    let hop = Hop::start(Manner { fickle: true, ..Manner::default() });
    hop.seed(seed);
    let (inbound, outbound) = (free_port(), free_port());
    let folder = tempfile::tempdir().unwrap();
    let config = config(inbound, outbound, hop.port());
    let mut gateway = Gateway::start_in(folder.path(), &config);

    let load = Arc::new(Load::default());
    let clients = load.start(CLIENTS, inbound, outbound, seed);
    let mut luck = seed;
    let mut arrivals = Arrivals::default();
    let mut listening_after = Vec::new();
    for kill in 1..=kills {
        let began = Instant::now();
        thread::sleep(Duration::from_millis(50 + chance(&mut luck) % 300));
        while load.acknowledged() < mails * kill / kills && began.elapsed() < BETWEEN_KILLS_MAX {
            thread::sleep(Duration::from_millis(2));
        }
        gateway.kill();
        arrivals.enter(hop.drain());
        let listening = thread::spawn(move || time_until_accepted(inbound));
        gateway = Gateway::start_in(folder.path(), &config);
        listening_after.push(listening.join().unwrap());
    }
    load.end(clients);

    hop.become_(Manner::default());
    let began = Instant::now();
    while !gateway.queue().is_empty() {
        assert!(began.elapsed() < EMPTYING_MAX, "still waiting: {:?}", gateway.queue().len());
        thread::sleep(Duration::from_millis(50));
    }
    let emptied = began.elapsed();
    let held_count = arrivals.enter_held(&gateway);
    let log = gateway.log();
    gateway.stop();

    arrivals.enter(hop.drain());
    let (arrived, damaged) = (&arrivals.arrived, &arrivals.damaged);
    let acknowledged = load.acknowledged.lock().unwrap().clone();
    let lost = arrivals.lost(&load);
    let twice: usize = arrived.values().map(|one| one.times - 1).sum();
    let by_kills: usize =
        arrived.values().map(|one| (one.times - 1).saturating_sub(one.unanswered)).sum();
    let unasked = arrived.keys().filter(|name| !acknowledged.contains(*name)).count();
    listening_after.sort();
    let (median, worst) = (listening_after[kills / 2], listening_after[kills - 1]);
    println!(
        "{kills} kills: {} tried, {} acknowledged, {} lost, {} damaged, {twice} more than once ({by_kills} by kills, the others as the server behind dropped its answer), {unasked} arrived without acknowledgement, {held_count} of them held; the queue was empty after {} ms; listening again after {} ms (median), {} ms (worst)",
        load.tried.load(Ordering::Relaxed),
        acknowledged.len(),
        lost.len(),
        damaged.len(),
        emptied.as_millis(),
        median.as_millis(),
        worst.as_millis()
    );
    assert!(lost.is_empty(), "seed {seed}: lost {lost:?}");
    assert!(damaged.is_empty(), "seed {seed}: damaged {damaged:?}");
    assert!(held_count > 0, "seed {seed}: nothing was held");
    assert!(acknowledged.len() >= mails, "seed {seed}: too little load to show anything");
    if acknowledged.len() >= JUDGED_MAILS_PER_KILL * kills {
        assert!(by_kills <= acknowledged.len() / TWICE_ONE_IN, "seed {seed}: {by_kills} twice");
    }
    // A debug build takes a second for its tables alone.
    if !cfg!(debug_assertions) {
        assert!(worst <= LISTENING_AGAIN_MAX, "listening again after {worst:?}");
    }
    let errors: BTreeSet<&str> =
        log.lines().filter(|line| line.contains("\"level\":\"ERROR\"")).collect();
    assert!(errors.is_empty(), "seed {seed}: {errors:#?}");
}

/// From now until a connection is accepted.
fn time_until_accepted(port: u16) -> Duration {
    let began = Instant::now();
    while TcpStream::connect(("127.0.0.1", port)).is_err() {
        assert!(began.elapsed() < BETWEEN_KILLS_MAX, "nobody listens");
        thread::sleep(Duration::from_millis(1));
    }
    began.elapsed()
}
