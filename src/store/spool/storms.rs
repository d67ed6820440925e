//! The spool against a disk that fails, fills up and loses power, compared with a model of what was promised.

use super::{
    Content, Durability, Options, Recovered, Spool, SpoolError,
    memory_disk::{Chance, Fault, MemoryDisk},
};
use crate::{
    base::{
        clock::{Clock, UnixMs},
        ids::Id,
    },
    mail::Organisation,
};
use proptest::prelude::*;
use std::{collections::BTreeMap, io, path::Path};
use tokio::task::JoinSet;

#[derive(Debug, Clone)]
enum Op {
    Put { size: usize },
    PutMany { sizes: Vec<usize> },
    HangUp { size: usize },
    Update { which: usize, size: usize, durability: Durability },
    Remove { which: usize },
    Read { which: usize },
    Flush,
    Fail { after: u64, fault: Fault },
    Fill { left: usize },
    Mend,
    Kill,
    LosePower,
    Close,
}

/// What was promised of one id.
#[derive(Debug, Clone)]
struct Promise {
    content: Vec<u8>,
    /// In the running spool.
    present: bool,
    meta: Vec<u8>,
    /// Whether it may be otherwise after the machine stopped.
    unsure: bool,
    /// The metas it may have then.
    metas: Vec<Vec<u8>>,
}

struct Storm {
    disk: MemoryDisk,
    spool: Option<Spool>,
    promises: BTreeMap<Id, Promise>,
    chance: Chance,
    made: u64,
}

impl Storm {
    fn new(seed: u64) -> Storm {
        let disk = MemoryDisk::new();
        let mut storm =
            Storm { disk, spool: None, promises: BTreeMap::new(), chance: Chance(seed), made: 0 };
        storm.open();
        storm
    }

    fn spool(&self) -> Spool {
        self.spool.clone().unwrap()
    }

    async fn play(&mut self, op: &Op) {
        match op {
            Op::Put { size } => self.put_many(&[*size]).await,
            Op::PutMany { sizes } => self.put_many(sizes).await,
            Op::HangUp { size } => self.hang_up(*size).await,
            Op::Update { which, size, durability } => self.update(*which, *size, *durability).await,
            Op::Remove { which } => self.remove(*which).await,
            Op::Read { which } => self.read(*which).await,
            Op::Flush => {
                if self.spool().flush().await.is_ok() {
                    self.settle();
                }
            }
            Op::Fail { after, fault } => self.disk.fail(*after, *fault),
            Op::Fill { left } => self.disk.leave_space(*left),
            Op::Mend => self.disk.mend(),
            Op::Kill => self.stop(|storm| storm.disk.kill()),
            Op::LosePower => self.stop(|storm| storm.disk.lose_power(&mut storm.chance)),
            Op::Close => {
                let closed = self.spool.take().unwrap().flush_and_close().await;
                if closed.is_ok() {
                    self.settle();
                }
                if self.disk.is_off() {
                    self.stop(|storm| storm.disk.lose_power(&mut storm.chance));
                    return;
                }
                self.disk.mend();
                self.open();
            }
        }
    }

    fn next_id(&mut self) -> Id {
        self.made += 1;
        Id::new(UnixMs(self.made), [7; 10])
    }

    fn some_bytes(&mut self, size: usize) -> Vec<u8> {
        (0..size).map(|_| u8::try_from(self.chance.below(256)).unwrap()).collect()
    }

    fn which(&self, which: usize) -> Option<Id> {
        let present: Vec<Id> =
            self.promises.iter().filter(|(_, it)| it.present).map(|(id, _)| *id).collect();
        (!present.is_empty()).then(|| present[which % present.len()])
    }

    fn promise(&mut self, id: Id, meta: &[u8], content: &[u8], present: bool) {
        let (meta, content) = (meta.to_vec(), content.to_vec());
        let metas = vec![meta.clone()];
        self.promises.insert(id, Promise { content, present, meta, unsure: !present, metas });
    }

    /// Something was synced: whatever was answered before is certain now.
    fn settle(&mut self) {
        self.promises.retain(|_, promise| promise.present);
        for promise in self.promises.values_mut() {
            promise.unsure = false;
            promise.metas = vec![promise.meta.clone()];
        }
    }

    fn content(&self, bytes: &[u8]) -> Option<Content> {
        let mut receiving = self.spool().receive();
        for piece in bytes.chunks(100) {
            receiving.write(piece).ok()?;
        }
        receiving.finish().ok()
    }

    async fn put_many(&mut self, sizes: &[usize]) {
        let mut puts = JoinSet::new();
        for size in sizes {
            let (id, bytes) = (self.next_id(), self.some_bytes(*size));
            let meta = self.some_bytes(20);
            let Some(content) = self.content(&bytes) else { continue };
            let spool = self.spool();
            puts.spawn(async move {
                let outcome = spool.put(id, &Organisation::implied(), &meta, &content).await;
                // Whatever became of it, the mail can still be read, unless the power is off.
                assert!(content.bytes().map_or(true, |it| it == bytes));
                (id, meta, bytes, outcome)
            });
        }
        let done = puts.join_all().await;
        if done.iter().any(|(_, _, _, outcome)| outcome.is_ok()) && sizes.len() == 1 {
            self.settle();
        }
        for (id, meta, bytes, outcome) in done {
            self.promise(id, &meta, &bytes, outcome.is_ok());
        }
    }

    async fn hang_up(&mut self, size: usize) {
        let (id, bytes, meta) = (self.next_id(), self.some_bytes(size), self.some_bytes(20));
        let Some(content) = self.content(&bytes) else { return };
        let spool = self.spool();
        let organisation = Organisation::implied();
        let yields = self.chance.below(4);
        let outcome = tokio::select! {
            biased;
            outcome = spool.put(id, &organisation, &meta, &content) => Some(outcome.is_ok()),
            () = async { for _ in 0..yields { tokio::task::yield_now().await } } => None,
        };
        self.promise(id, &meta, &bytes, outcome == Some(true));
        if outcome.is_none() && spool.flush().await.is_ok() {
            self.settle();
            assert!(matches!(spool.read(id).await, Err(SpoolError::NotThere(_))));
        }
    }

    async fn update(&mut self, which: usize, size: usize, durability: Durability) {
        let Some(id) = self.which(which) else { return };
        let meta = self.some_bytes(size);
        let outcome = self.spool().update(id, meta.clone(), durability).await;
        let promise = self.promises.get_mut(&id).unwrap();
        promise.metas.push(meta.clone());
        match outcome {
            Ok(()) => promise.meta = meta,
            Err(SpoolError::Disk { .. }) => return,
            Err(error) => panic!("{error}"),
        }
        if durability == Durability::Synced {
            self.settle();
        }
    }

    async fn remove(&mut self, which: usize) {
        let Some(id) = self.which(which) else { return };
        match self.spool().remove(id).await {
            Ok(()) | Err(SpoolError::Disk { .. }) => (),
            Err(error) => panic!("{error}"),
        }
        let promise = self.promises.get_mut(&id).unwrap();
        (promise.present, promise.unsure) = (false, true);
    }

    async fn read(&mut self, which: usize) {
        let Some(id) = self.which(which) else { return };
        let promise = &self.promises[&id];
        match self.spool().read(id).await {
            Ok((meta, content)) => {
                assert_eq!(meta, promise.meta, "{id}");
                match content.bytes() {
                    Ok(bytes) => assert!(bytes == promise.content, "{id}"),
                    Err(error) => assert_eq!(error.to_string(), "no power"),
                }
            }
            Err(SpoolError::Disk { because, .. }) if because == "no power" => (),
            Err(error) => panic!("{error}"),
        }
    }

    fn stop(&mut self, how: impl FnOnce(&mut Storm) -> MemoryDisk) {
        let disk = how(self);
        self.disk = disk;
        // The old process finds that nothing works.
        self.spool = None;
        self.open();
    }

    fn open(&mut self) {
        let (spool, recovered) = open(&self.disk);
        self.compare(&recovered);
        self.spool = Some(spool);
    }

    fn compare(&mut self, recovered: &Recovered) {
        assert_eq!(recovered.damaged, [], "nothing was damaged, only lost");
        let mut found = BTreeMap::new();
        for entry in &recovered.entries {
            assert!(found.insert(entry.id, entry).is_none());
        }
        for (id, promise) in &self.promises {
            let must = promise.present && !promise.unsure;
            match found.get(id) {
                None => assert!(!must, "{id} is lost"),
                Some(entry) => {
                    assert!(promise.present || promise.unsure, "{id} is back");
                    assert!(promise.metas.contains(&entry.meta), "{id} has a meta it never had");
                }
            }
        }
        self.promises.retain(|id, _| found.contains_key(id));
        for entry in &recovered.entries {
            let promise =
                self.promises.get_mut(&entry.id).expect("nobody put it, or it was gone for good");
            assert_eq!(entry.size_bytes, u64::try_from(promise.content.len()).unwrap());
            promise.present = true;
            promise.meta = entry.meta.clone();
        }
        self.settle();
    }

    async fn read_all(&mut self) {
        for which in 0..self.promises.len() {
            self.read(which).await;
        }
    }
}

fn open(disk: &MemoryDisk) -> (Spool, Recovered) {
    let clock = Clock::by_hand(UnixMs(1_795_262_400_000));
    let options = Options {
        segment_bytes_max: 4_000,
        inline_bytes_max: 600,
        batch_bytes_max: 3_000,
        memory_bytes_max: 300,
    };
    let folder = Path::new("/spool");
    let ring = super::tests::ring(disk.arc(), folder);
    Spool::open(disk.arc(), folder, ring, clock, options).unwrap()
}

fn run(ops: &[Op], seed: u64) {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let mut storm = Storm::new(seed);
        for op in ops {
            storm.play(op).await;
        }
        storm.play(&Op::LosePower).await;
        storm.read_all().await;
        storm.play(&Op::Kill).await;
        storm.read_all().await;
    });
}

fn ops() -> impl Strategy<Value = Vec<Op>> {
    let size = prop_oneof![4 => 0..500_usize, 1 => 500..2_000_usize];
    let kind = prop_oneof![
        Just(io::ErrorKind::StorageFull),
        Just(io::ErrorKind::Other),
        Just(io::ErrorKind::ReadOnlyFilesystem)
    ];
    let fault = prop_oneof![
        kind.clone().prop_map(Fault::Once),
        kind.prop_map(Fault::Lasting),
        Just(Fault::PowerOff)
    ];
    let durability = prop_oneof![Just(Durability::Synced), Just(Durability::Written)];
    let op = prop_oneof![
        8 => size.clone().prop_map(|size| Op::Put { size }),
        3 => prop::collection::vec(size.clone(), 2..12).prop_map(|sizes| Op::PutMany { sizes }),
        1 => size.prop_map(|size| Op::HangUp { size }),
        6 => (any::<usize>(), 0..300_usize, durability)
            .prop_map(|(which, size, durability)| Op::Update { which, size, durability }),
        9 => any::<usize>().prop_map(|which| Op::Remove { which }),
        3 => any::<usize>().prop_map(|which| Op::Read { which }),
        1 => Just(Op::Flush),
        2 => (0..12_u64, fault).prop_map(|(after, fault)| Op::Fail { after, fault }),
        1 => (0..3_000_usize).prop_map(|left| Op::Fill { left }),
        3 => Just(Op::Mend),
        1 => Just(Op::Kill),
        1 => Just(Op::LosePower),
        1 => Just(Op::Close),
    ];
    prop::collection::vec(op, 1..80)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_was_promised_is_kept_in_any_storm(ops in ops(), seed in any::<u64>()) {
        run(&ops, seed);
    }
}

/// A day in a few lines: every kind of call the spool makes to its disk.
fn a_day() -> Vec<Op> {
    let mut day = Vec::new();
    for round in 0..12 {
        day.push(Op::Put { size: 400 });
        day.push(Op::PutMany { sizes: vec![100, 1_500, 500] });
        day.push(Op::Update { which: round, size: 40, durability: Durability::Written });
        day.push(Op::Update { which: round + 1, size: 50, durability: Durability::Synced });
        day.push(Op::Remove { which: 0 });
        day.push(Op::Remove { which: round * 3 });
        day.push(Op::Remove { which: round });
    }
    day
}

#[test]
fn any_single_call_may_fail_on_any_day() {
    let kinds = [io::ErrorKind::StorageFull, io::ErrorKind::Other];
    for kind in kinds {
        for fault in [Fault::Once(kind), Fault::Lasting(kind), Fault::PowerOff] {
            let mut after = 0;
            while fails_on_a_day(after, fault) {
                after += 7;
            }
            assert!(after > 100, "the day has many calls");
        }
    }
}

fn fails_on_a_day(after: u64, fault: Fault) -> bool {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let mut storm = Storm::new(after);
        storm.disk.fail(after, fault);
        for op in a_day() {
            storm.play(&op).await;
        }
        let failed = storm.disk.has_failed();
        if fault != Fault::PowerOff {
            storm.disk.mend();
            storm.play(&Op::Put { size: 100 }).await;
            let last = storm.promises.values().next_back().unwrap();
            assert!(last.present, "the spool goes on when the disk does");
            storm.read_all().await;
        }
        storm.play(&Op::LosePower).await;
        storm.read_all().await;
        failed
    })
}
