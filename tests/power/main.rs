//! A data folder on a disk of our own (FUSE) that loses its power, fills up, refuses changes and fails: nothing acknowledged is lost.
//!
//! Spool, quarantine with its SQLite index, keys and trace are all on it; what the gateway did not sync is gone or half there.
//! `SLUSS_POWER_CUTS` is the number of cuts, `SLUSS_SEED` what chance begins with. Needs root and /dev/fuse.

// Real time, and failing loudly, is what these tests are for.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
#![allow(
    clippy::disallowed_methods,
    clippy::as_conversions,
    clippy::too_many_arguments,
    unreachable_pub
)]
#![allow(clippy::print_stdout)] // The counts and the seed.

#[path = "../common/mod.rs"]
mod common;
mod disk;
mod tree;

use common::{
    Client, Gateway, Hop, Manner, chance, free_port,
    load::{Arrivals, Load, config, from_environment, seed},
    wait_for,
};
use disk::Disk;
use std::{
    path::Path,
    sync::{Arc, atomic::Ordering},
    thread,
    time::{Duration, Instant},
};
use tree::Trouble;

const CLIENTS: u64 = 6;
/// Longest for the queue to run dry once the server behind is well.
const EMPTYING_MAX: Duration = sluss::base::limits::REST_FIRST.saturating_mul(2);

/// A gateway whose data folder is on a disk of ours, under load.
struct House {
    hop: Hop,
    gateway: Gateway,
    disk: Disk,
    load: Arc<Load>,
    clients: Vec<thread::JoinHandle<()>>,
    config: String,
    inbound: u16,
    outbound: u16,
    folder: tempfile::TempDir,
}

impl House {
    fn start(seed: u64) -> House {
        println!("SLUSS_SEED={seed}");
        let hop = Hop::start(Manner { fickle: true, ..Manner::default() });
        hop.seed(seed);
        let (inbound, outbound) = (free_port(), free_port());
        let folder = tempfile::tempdir().unwrap();
        let disk = Disk::mount(&folder.path().join("data"));
        let config = config(inbound, outbound, hop.port());
        let gateway = Gateway::start_in(folder.path(), &config);
        let load = Arc::new(Load::default());
        let clients = load.start(CLIENTS, inbound, outbound, seed);
        House { hop, gateway, disk, load, clients, config, inbound, outbound, folder }
    }

    fn wait_for_mails(&self, more: usize) {
        let enough = self.load.acknowledged() + more;
        wait_for("mail to be acknowledged", || (self.load.acknowledged() >= enough).then_some(()));
    }

    fn start_again(&mut self) {
        self.gateway = Gateway::start_in(self.folder.path(), &self.config);
    }

    /// Lets everything out and counts.
    fn end(mut self, mut arrivals: Arrivals, what: &str) {
        self.load.end(std::mem::take(&mut self.clients));
        self.hop.become_(Manner::default());
        let began = Instant::now();
        while !self.gateway.queue().is_empty() {
            assert!(began.elapsed() < EMPTYING_MAX, "still waiting: {:?}", self.gateway.queue());
            thread::sleep(Duration::from_millis(50));
        }
        let held = arrivals.enter_held(&self.gateway);
        self.gateway.stop();
        arrivals.enter(self.hop.drain());
        let lost = arrivals.lost(&self.load);
        let twice: usize = arrivals.arrived.values().map(|one| one.times - 1).sum();
        println!(
            "{what}: {} tried, {} acknowledged, {} lost, {} damaged, {twice} more than once, {held} held",
            self.load.tried.load(Ordering::Relaxed),
            self.load.acknowledged(),
            lost.len(),
            arrivals.damaged.len()
        );
        assert!(lost.is_empty(), "lost {lost:?}");
        assert!(arrivals.damaged.is_empty(), "damaged {:?}", arrivals.damaged);
        assert!(held > 0, "nothing was held");
    }
}

#[test]
fn a_power_cut_takes_nothing_back_that_was_acknowledged() {
    let cuts: usize = from_environment("SLUSS_POWER_CUTS").unwrap_or(8);
    let mut luck = seed();
    let mut house = House::start(luck);
    let mut arrivals = Arrivals::default();
    for _ in 0..cuts {
        house.wait_for_mails(1);
        thread::sleep(Duration::from_millis(chance(&mut luck) % 400));
        house.gateway.kill();
        arrivals.enter(house.hop.drain());
        house.disk.power_loss(&mut luck);
        house.start_again();
    }
    let log = house.gateway.log();
    house.end(arrivals, &format!("{cuts} power cuts"));
    let bad = ["damaged place", "was damaged", "cannot be opened", "could not be read"];
    let said: Vec<&str> =
        log.lines().filter(|line| bad.iter().any(|word| line.contains(word))).collect();
    assert!(said.is_empty(), "a power cut is no damage: {said:#?}");
}

#[test]
fn a_disk_in_trouble_is_said_and_recovers_by_itself() {
    let house = House::start(seed());
    let mut count = 0;
    let mut name = || {
        count += 1;
        format!("trouble-{count}")
    };
    for (trouble, codes) in
        [(Trouble::Full, &[452][..]), (Trouble::ReadOnly, &[451, 452]), (Trouble::Failing, &[451])]
    {
        house.wait_for_mails(5);
        house.disk.trouble(trouble);
        wait_for("a mail that cannot be kept to be put off", || {
            let heard = house.load.send_one(house.outbound, &name())?;
            codes.contains(&heard).then_some(())
        });
        assert!(Path::new("/proc").join(house.gateway.pid().to_string()).exists());
        house.disk.trouble(Trouble::None);
        wait_for("a mail to be kept again", || {
            (house.load.send_one(house.outbound, &name())? == 250).then_some(())
        });
        house.wait_for_mails(5);
    }
    let inbound = house.inbound;
    assert!(Client::dial(inbound).is_ok());
    house.end(Arrivals::default(), "troubles");
}
