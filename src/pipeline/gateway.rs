//! What every mail meets: the configuration in force, the stores, the examiners, the queue. Shared by all sessions.

use crate::{
    base::{
        clock::{Clock, Tick},
        ids::Id,
        limits,
    },
    facts::dns::Dns,
    mail::Organisation,
    pipeline::{
        admit::Admission, bounces::Bounces, campaigns::Campaigns, courier::Courier,
        greylist::Greylist, guard::Guard, internal::Registry, limits::ClientLimits,
        line::Examiners, log_in::LogIns, notice::Rates, queue::Queue, school::School,
        settings::Settings, signing::Wishes, view::Viewers,
    },
    store::{
        dkim::DkimKeys,
        embedded::{
            Accounts, AuditLog, BankAccounts, Correspondence, Deviations, Habits, Lessons, Parcels,
            People, Persons, Proofs, Quarantine, Reports, SentMemory, Trace, Transport, Waived,
        },
        keyring::KeyRing,
        spool::Spool,
    },
    wire::srs,
};
use arc_swap::ArcSwap;
use std::{
    collections::HashSet,
    net::IpAddr,
    sync::{Arc, Mutex},
};

pub use crate::pipeline::line::{AtWork, Line, Whose};

/// Where things are kept.
#[derive(Debug, Clone)]
pub struct Stores {
    /// Mail that goes on.
    pub spool: Spool,
    /// Mail that is held.
    pub quarantine: Quarantine,
    /// What happened.
    pub trace: Trace,
    /// Who writes to whom.
    pub correspondence: Correspondence,
    /// What accounts usually send.
    pub habits: Habits,
    /// Who may log in.
    pub accounts: Accounts,
    /// How people want to be told, whom they allow and block, what their links may do.
    pub people: People,
    /// Reports of others.
    pub reports: Reports,
    /// What went out.
    pub sent: SentMemory,
    /// Which accounts correspondents have written.
    pub bank_accounts: BankAccounts,
    /// What is known of the way to other domains.
    pub transport: Transport,
    /// What was said of mails.
    pub lessons: Lessons,
    /// By what way mail came and went.
    pub proofs: Proofs,
    /// Who did what.
    pub audit: AuditLog,
    /// How controls stand, and what broke.
    pub deviations: Deviations,
    /// What waits in the portal.
    pub parcels: Parcels,
    /// What people said is no personal data.
    pub waived: Waived,
    /// Who stands in which mail, by marks.
    pub persons: Persons,
    /// The keys of what rests.
    pub ring: KeyRing,
    /// What was wrong with the stores when they were opened, in sentences; an operator should know until the next start.
    pub notes: Arc<Vec<String>>,
}

/// The gateway, one for the process.
pub struct Gateway {
    /// The configuration in force.
    pub settings: ArcSwap<Settings>,
    /// Where things are kept.
    pub stores: Stores,
    /// How mail leaves.
    pub courier: Arc<dyn Courier>,
    /// What waits in the spool.
    pub queue: Queue,
    /// What is known of strangers.
    pub guard: Guard,
    /// Whose mail is asked to come again.
    pub greylist: Greylist,
    /// Caches of the time before DATA.
    pub admission: Admission,
    /// Name servers, for what is asked about strangers.
    pub dns: Dns,
    /// What was learned of how mail is worded.
    pub school: School,
    /// The same mail to many.
    pub campaigns: Arc<Campaigns>,
    /// What mail of our domains is signed with.
    pub dkim: DkimKeys,
    /// What our domains ask of receivers.
    pub wishes: Arc<Wishes>,
    /// What each client takes.
    pub client_limits: ClientLimits,
    /// Failed log-ins.
    pub log_ins: LogIns,
    /// Who reads mail for ourselves.
    pub internal: Registry,
    /// How often we have written to whom.
    pub notices: Rates,
    /// Time.
    pub clock: Clock,
    /// What went out, for bounces.
    pub bounces: Bounces,
    /// What rewritten senders are hashed with.
    pub secret: srs::Key,
    /// Who looks into held mails.
    pub viewers: Viewers,
    /// Copies of refused mails that may be written at a time.
    pub keeping_rejected: Arc<tokio::sync::Semaphore>,
    /// Releases go one at a time.
    pub releasing: tokio::sync::Mutex<()>,
    /// So do seals of proofs.
    pub sealing: tokio::sync::Mutex<()>,
    examiners: Arc<Examiners>,
    stumbled: Mutex<HashSet<[u8; 32]>>,
}

impl std::fmt::Debug for Gateway {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Gateway").field("waiting", &self.waiting()).finish_non_exhaustive()
    }
}

impl Gateway {
    /// A hash of these texts that only who has the gateway's secret can make; for each purpose another one.
    pub fn keyed_hash(&self, purpose: &str, texts: &[&str]) -> [u8; 32] {
        let key = blake3::derive_key(purpose, self.secret.expose());
        let mut hasher = blake3::Hasher::new_keyed(&key);
        for text in texts {
            hasher.update(&u64::try_from(text.len()).unwrap_or(u64::MAX).to_le_bytes());
            hasher.update(text.as_bytes());
        }
        *hasher.finalize().as_bytes()
    }

    /// A gateway with as many examiners as there are cores.
    pub fn new(
        settings: Settings,
        stores: Stores,
        courier: Arc<dyn Courier>,
        dns: Dns,
        secret: srs::Key,
        clock: Clock,
    ) -> Gateway {
        let bounces = Bounces::new(stores.sent.clone(), &secret);
        let examiner_count = std::thread::available_parallelism().map_or(1, usize::from);
        Gateway {
            settings: ArcSwap::from_pointee(settings),
            stores,
            courier,
            queue: Queue::default(),
            guard: Guard::default(),
            greylist: Greylist::default(),
            admission: Admission::default(),
            dns,
            school: School::default(),
            campaigns: Arc::new(Campaigns::new(&secret)),
            dkim: DkimKeys::none(clock.clone()),
            wishes: Arc::default(),
            client_limits: ClientLimits::default(),
            log_ins: LogIns::default(),
            internal: Registry::shipped(),
            notices: Rates::default(),
            bounces,
            clock,
            secret,
            viewers: Viewers::default(),
            keeping_rejected: Arc::new(tokio::sync::Semaphore::new(limits::REJECTED_KEEPING_MAX)),
            releasing: tokio::sync::Mutex::default(),
            sealing: tokio::sync::Mutex::default(),
            examiners: Arc::new(Examiners::new(examiner_count)),
            stumbled: Mutex::default(),
        }
    }

    /// A new id. Should the system have no random bytes for us, the clock's parts must do: ids need be unique, not secret.
    pub fn new_id(&self) -> Id {
        let mut random = [0; 10];
        if getrandom::fill(&mut random).is_err() {
            let nanos = self.clock.tick().0.as_nanos().to_be_bytes();
            for (to, from) in random.iter_mut().zip(nanos.iter().rev()) {
                *to = *from;
            }
        }
        Id::new(self.clock.now(), random)
    }

    /// Waits for an examiner until its turn comes, at most until `deadline`.
    pub async fn examiner(&self, whose: Whose, deadline: Tick) -> Option<AtWork> {
        let now = self.clock.tick();
        self.examiners.wait(whose, now, deadline.since(now)).await
    }

    /// How the line before the examiners looks to one who would join it; the organisation is none while it is not known.
    pub fn line(&self, client: IpAddr, organisation: Option<&Organisation>) -> Line {
        self.examiners.line(client, organisation, self.clock.tick())
    }

    /// Mails that wait for an examiner now.
    pub fn waiting(&self) -> usize {
        self.examiners.waiting()
    }

    /// Remembers that this content was not finished; true if it was known for that.
    pub fn stumble(&self, content_hash: [u8; 32]) -> bool {
        let Ok(mut stumbled) = self.stumbled.lock() else { return false };
        // A bound, not a cache: forgetting all now and then only means one more "come back later".
        if stumbled.len() >= STUMBLED_MAX {
            stumbled.clear();
        }
        !stumbled.insert(content_hash)
    }

    /// Was this content not finished before?
    pub fn stumbled_before(&self, content_hash: &[u8; 32]) -> bool {
        self.stumbled.lock().is_ok_and(|stumbled| stumbled.contains(content_hash))
    }
}

const STUMBLED_MAX: usize = 10_000;
