//! Greylisting: a doubtful mail of somebody whom nobody knows is asked to come again. Servers do; most programs that only send do not.
//!
//! Asked after the dot, so that only what is doubtful waits, and of nobody who is known: not of ours, not of relays, not of a network that
//! brought good mail or passed once, not of a sender that SPF, DKIM or DMARC speaks for, not for `postmaster`. What is remembered of a mail
//! is a keyed hash of network, sender and recipients (DECISIONS); the tables have a size that no number of mails exceeds.

use crate::{
    base::{clock::UnixMs, crowd::Crowd, limits, networks},
    config::lists::Word,
    facts::{Facts, Known},
    mail::{Address, Direction, Domain, Envelope},
    pipeline::{
        Gateway,
        guard::{self, known::network_of},
        judge::{Came, Judged, Via},
        settings::Settings,
    },
    store::{StoreError, private, snapshot},
    verdict::second_try,
    wire::auth::{Dkim, Dmarc, Spf},
};
use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use std::{
    net::IpAddr,
    path::{Path, PathBuf},
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

/// Must this mail be tried again? Asking counts as a try.
pub fn must_try_again(
    gateway: &Gateway,
    settings: &Settings,
    came: &Came,
    judged: &Judged,
) -> bool {
    is_doubtful(gateway, settings, came, judged)
        && gateway.greylist.is_first_try(
            came.peer.address,
            &came.envelope,
            settings.config.admission.greylist_wait.0,
            gateway.clock.now(),
        )
}

fn is_doubtful(gateway: &Gateway, settings: &Settings, came: &Came, judged: &Judged) -> bool {
    let recipients = &came.envelope.recipients;
    let wanted = || {
        recipients.iter().all(|recipient| {
            let judgement = judged.for_recipient(settings, came, recipient);
            second_try::is_wanted(&judgement.verdict, &judgement.policy)
        })
    };
    let allowed = || {
        recipients.iter().any(|recipient| {
            let own = settings.own_domain(&recipient.address);
            let word = own.and_then(|own| {
                settings.listed(&own.organisation, &came.envelope.sender, came.peer.address)
            });
            word == Some(Word::Allow)
        })
    };
    came.direction == Direction::Inbound
        && came.via == Via::Direct
        && !recipients.is_empty()
        && !guard::is_ours(settings, &came.peer)
        && !somebody_speaks_for(&judged.facts)
        && !recipients.iter().any(|recipient| recipient.address.is_role())
        && wanted()
        && !allowed()
        && !gateway.guard.is_good(came.peer.address, gateway.clock.now())
}

/// Does SPF, DKIM or DMARC speak for the sender? That nobody could be asked is no yes.
fn somebody_speaks_for(facts: &Facts) -> bool {
    let spf = matches!(&facts.spf, Known::Yes(fact) if fact.result == Spf::Pass);
    let dmarc = matches!(&facts.dmarc, Known::Yes(fact) if fact.result == Dmarc::Pass);
    let dkim = match &facts.dkim {
        Known::Yes(signatures) => signatures.iter().any(|one| one.result == Dkim::Pass),
        Known::No(_) | Known::NotAsked => false,
    };
    spf || dmarc || dkim
}

/// All that is remembered, shared by all listeners.
#[derive(Debug)]
pub struct Greylist {
    tables: Mutex<Tables>,
    file: Option<PathBuf>,
    changed: AtomicBool,
    asked_again: AtomicU64,
    passed: AtomicU64,
}

#[derive(Debug)]
struct Tables {
    waiting: Crowd<Key, Waiting>,
    learned: Crowd<IpNet, UnixMs>,
    skips: Vec<Skip>,
    /// What mails are hashed with: the file with the hashes tells nobody who writes to whom.
    salt: [u8; 32],
}

type Key = [u8; 16];

/// A mail whose second try is awaited.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Waiting {
    first: UnixMs,
    network: IpNet,
}

/// Whom an operator has taken out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Skip {
    /// All mail from there.
    Network(IpNet),
    /// An envelope sender, or all of a domain, in lower case.
    Sender(String),
}

impl Skip {
    /// Reads an address, a network, a sender or a domain.
    pub fn parse(text: &str) -> Option<Skip> {
        let alone = text.parse::<IpAddr>().ok().map(|address| IpNet::from(address.to_canonical()));
        if let Some(network) = alone.or_else(|| text.parse().ok()) {
            return Some(Skip::Network(networks::canonical(network)));
        }
        let sender =
            Address::parse(text).map(|address| address.key()).ok().filter(|key| key.contains('@'));
        let domain = || Domain::parse(text).ok().map(|domain| domain.as_str().to_string());
        sender.or_else(domain).map(Skip::Sender)
    }

    fn means(&self, client: IpAddr, envelope: &Envelope) -> bool {
        match self {
            Skip::Network(network) => network.contains(&client.to_canonical()),
            Skip::Sender(name) => envelope.sender.address().is_some_and(|sender| {
                sender.key() == *name
                    || sender.domain().is_some_and(|domain| domain.as_str() == name)
            }),
        }
    }
}

/// A row of the file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Row {
    Salt([u8; 32]),
    Skip(Skip),
    Learned(IpNet, UnixMs),
    Waiting(Key, IpNet, UnixMs),
}

/// What `sluss limits greylist show` shows.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shown {
    /// Mails whose second try is awaited.
    pub waiting: usize,
    /// Networks that passed once.
    pub learned: usize,
    /// Whom an operator has taken out.
    pub skips: Vec<Skip>,
    /// Mails asked to come again since the start.
    pub asked_again: u64,
    /// Of these come again in time.
    pub passed: u64,
    /// Networks whose mail waits and since when, milliseconds since 1970, the newest first.
    pub networks: Vec<(IpNet, UnixMs)>,
}

impl Default for Greylist {
    fn default() -> Greylist {
        let mut salt = [0; 32];
        // Without random bytes the hashes are guessable to whoever has the file, and greylisting works all the same.
        let _none = getrandom::fill(&mut salt);
        Greylist {
            tables: Mutex::new(Tables {
                waiting: Crowd::new(limits::GREYLIST_REMEMBERED_MAX),
                learned: Crowd::new(limits::ACQUAINTANCES_REMEMBERED_MAX),
                skips: Vec::new(),
                salt,
            }),
            file: None,
            changed: AtomicBool::new(false),
            asked_again: AtomicU64::new(0),
            passed: AtomicU64::new(0),
        }
    }
}

impl Greylist {
    /// With what was written down in the data folder.
    pub fn open(data_dir: &Path) -> Result<Greylist, StoreError> {
        let folder = data_dir.join("strangers");
        private::folder(&folder)?;
        let file = folder.join("greylist");
        let greylist = Greylist::default();
        let rows = snapshot::read(&file)?;
        greylist.tables().restore(rows);
        Ok(Greylist { file: Some(file), ..greylist })
    }

    /// Counts a try; false when it may pass: it came again after `wait`, or its network or sender is known.
    pub fn is_first_try(
        &self,
        client: IpAddr,
        envelope: &Envelope,
        wait: Duration,
        now: UnixMs,
    ) -> bool {
        let Some(network) = network_of(client) else { return false };
        let mut tables = self.tables();
        if tables.skips.iter().any(|skip| skip.means(client, envelope)) {
            return false;
        }
        if tables.is_learned(network, now) {
            tables.learned.put(network, now, |at| at.0);
            return false;
        }
        self.changed.store(true, Ordering::Relaxed);
        let key = tables.key(network, envelope);
        let known = tables
            .waiting
            .get(&key)
            .filter(|known| now.since(known.first) < limits::GREYLIST_WAIT_MAX);
        match known.map(|known| now.since(known.first)) {
            Some(waited) if waited >= wait => {
                tables.waiting.remove(&key);
                tables.learned.put(network, now, |at| at.0);
                self.passed.fetch_add(1, Ordering::Relaxed);
                metrics::counter!("sluss_greylist_passed_total").increment(1);
                return false;
            }
            Some(_) => (),
            None => tables.waiting.put(key, Waiting { first: now, network }, |known| known.first),
        }
        self.asked_again.fetch_add(1, Ordering::Relaxed);
        metrics::counter!("sluss_greylisted_total").increment(1);
        true
    }

    /// Takes somebody out. False: there are too many already.
    pub fn skip(&self, skip: Skip) -> bool {
        let mut tables = self.tables();
        if tables.skips.contains(&skip) {
            return true;
        }
        if tables.skips.len() >= limits::GREYLIST_SKIPS_MAX {
            return false;
        }
        tables.skips.push(skip);
        self.changed.store(true, Ordering::Relaxed);
        true
    }

    /// Forgets all that is remembered, or what is remembered of one; gives how many rows went.
    pub fn clear(&self, what: Option<&Skip>) -> usize {
        let mut tables = self.tables();
        let before = tables.skips.len();
        tables.skips.retain(|skip| what.is_some_and(|what| skip != what));
        let skips = before - tables.skips.len();
        let is_meant = |network: &IpNet| match what {
            None => true,
            Some(Skip::Network(meant)) => meant.contains(network) || network.contains(meant),
            Some(Skip::Sender(_)) => false,
        };
        let learned = tables.learned.retain(|network, _| !is_meant(network));
        let waiting = tables.waiting.retain(|_, known| !is_meant(&known.network));
        self.changed.store(true, Ordering::Relaxed);
        skips + learned + waiting
    }

    /// What there is.
    pub fn shown(&self) -> Shown {
        let tables = self.tables();
        let mut networks: Vec<(IpNet, UnixMs)> =
            tables.waiting.iter().map(|(_, known)| (known.network, known.first)).collect();
        networks.sort_by_key(|(network, first)| (std::cmp::Reverse(*first), *network));
        networks.truncate(limits::LIST_ROWS_DEFAULT);
        Shown {
            waiting: tables.waiting.len(),
            learned: tables.learned.len(),
            skips: tables.skips.clone(),
            asked_again: self.asked_again.load(Ordering::Relaxed),
            passed: self.passed.load(Ordering::Relaxed),
            networks,
        }
    }

    /// Forgets what is past.
    pub fn tidy(&self, now: UnixMs) {
        let mut tables = self.tables();
        tables.waiting.retain(|_, known| now.since(known.first) < limits::GREYLIST_WAIT_MAX);
        tables.learned.retain(|_, at| now.since(*at) < limits::ACQUAINTANCE_LIFETIME);
    }

    /// Writes it down, if it has changed. Not for a thread that others wait for.
    pub fn save(&self) -> Result<(), StoreError> {
        let Some(file) = &self.file else { return Ok(()) };
        if !self.changed.swap(false, Ordering::Relaxed) {
            return Ok(());
        }
        let rows = self.tables().rows();
        let saved = snapshot::write(file, &rows);
        if saved.is_err() {
            self.changed.store(true, Ordering::Relaxed);
        }
        saved
    }

    /// The tables' memory.
    pub fn bytes(&self) -> usize {
        let tables = self.tables();
        tables.waiting.bytes() + tables.learned.bytes()
    }

    fn tables(&self) -> MutexGuard<'_, Tables> {
        self.tables.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Tables {
    fn is_learned(&self, network: IpNet, now: UnixMs) -> bool {
        let learned = self.learned.get(&network);
        learned.is_some_and(|at| now.since(*at) < limits::ACQUAINTANCE_LIFETIME)
    }

    /// Network, sender and recipients in any order, hashed.
    fn key(&self, network: IpNet, envelope: &Envelope) -> Key {
        let recipients = envelope.recipients.iter().map(|recipient| recipient.address.key());
        let mut recipients: Vec<String> = recipients.collect();
        recipients.sort();
        let sender = envelope.sender.address().map(Address::key).unwrap_or_default();
        let mut hasher = blake3::Hasher::new_keyed(&self.salt);
        for part in [network.to_string(), sender].iter().chain(&recipients) {
            hasher.update(part.as_bytes());
            // No address has a NUL in it, so no two lists of parts are written alike.
            hasher.update(&[0]);
        }
        let mut key = Key::default();
        hasher.finalize_xof().fill(&mut key);
        key
    }

    fn rows(&self) -> Vec<Row> {
        let skips = self.skips.iter().cloned().map(Row::Skip);
        let learned = self.learned.iter().map(|(network, at)| Row::Learned(*network, *at));
        let waiting =
            self.waiting.iter().map(|(key, known)| Row::Waiting(*key, known.network, known.first));
        [Row::Salt(self.salt)].into_iter().chain(skips).chain(learned).chain(waiting).collect()
    }

    fn restore(&mut self, rows: Vec<Row>) {
        for row in rows {
            match row {
                Row::Salt(salt) => self.salt = salt,
                Row::Skip(skip) => self.skips.push(skip),
                Row::Learned(network, at) => self.learned.put(network, at, |at| at.0),
                Row::Waiting(key, network, first) => {
                    self.waiting.put(key, Waiting { first, network }, |known| known.first);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        mail::{Recipient, ReversePath},
        wire::auth::Signature,
    };

    const WAIT: Duration = limits::GREYLIST_WAIT_MIN;

    fn envelope(sender: &str, recipients: &[&str]) -> Envelope {
        let mut envelope = Envelope::from(match sender {
            "" => ReversePath::Null,
            sender => ReversePath::Address(Address::parse(sender).unwrap()),
        });
        let all = recipients.iter().map(|one| Recipient::plain(Address::parse(one).unwrap()));
        envelope.recipients.extend(all);
        envelope
    }

    #[track_caller]
    fn asks(greylist: &Greylist, client: &str, mail: &Envelope, minutes: u64) -> bool {
        let now = UnixMs(1_000).plus(Duration::from_secs(minutes * 60));
        greylist.is_first_try(client.parse().unwrap(), mail, WAIT, now)
    }

    #[test]
    fn the_second_try_of_the_same_mail_passes_and_its_network_is_known_from_then_on() {
        let greylist = Greylist::default();
        let mail = envelope("a@example.org", &["b@ours.example", "c@ours.example"]);
        assert!(asks(&greylist, "192.0.2.1", &mail, 0));
        assert!(
            asks(&greylist, "192.0.2.1", &mail, 1),
            "too soon, and the first try stays the first"
        );
        let other = envelope("a@example.org", &["b@ours.example"]);
        assert!(asks(&greylist, "192.0.2.1", &other, 4), "another mail has its own first try");
        let turned = envelope("A@Example.ORG", &["c@ours.example", "B@ours.example"]);
        assert!(!asks(&greylist, "192.0.2.77", &turned, 4), "the same network, the same people");
        assert!(!asks(&greylist, "192.0.2.5", &envelope("", &["x@ours.example"]), 5), "known now");
        assert!(asks(&greylist, "192.0.3.1", &mail, 5), "another network");
        let month = 30 * 24 * 60;
        assert!(
            !asks(&greylist, "192.0.2.1", &other, month),
            "and known again for 36 days from then"
        );
        assert!(!asks(&greylist, "192.0.2.1", &other, 2 * month));
        assert!(asks(&greylist, "192.0.2.1", &other, 4 * month));
        assert_eq!(greylist.shown().passed, 1);
    }

    #[test]
    fn a_second_try_after_days_is_a_first() {
        let greylist = Greylist::default();
        let mail = envelope("a@example.org", &["b@ours.example"]);
        assert!(asks(&greylist, "2001:db8::1", &mail, 0));
        assert!(asks(&greylist, "2001:db8::2", &mail, 2 * 24 * 60));
        assert!(!asks(&greylist, "2001:db8::3", &mail, 2 * 24 * 60 + 4), "one /64");
        assert!(asks(&greylist, "2001:db8:0:1::1", &mail, 2 * 24 * 60 + 4));
    }

    #[test]
    fn operators_take_out_networks_senders_and_domains_and_clear_what_is_remembered() {
        let greylist = Greylist::default();
        let mail = envelope("a@example.org", &["b@ours.example"]);
        for skip in ["192.0.2.0/25", "A@example.com", "Example.NET"] {
            assert!(greylist.skip(Skip::parse(skip).unwrap()), "{skip}");
        }
        assert_eq!(Skip::parse("a b"), None);
        assert!(!asks(&greylist, "192.0.2.1", &mail, 0));
        assert!(asks(&greylist, "192.0.2.200", &mail, 0));
        assert!(!asks(
            &greylist,
            "192.0.2.200",
            &envelope("a@example.com", &["b@ours.example"]),
            0
        ));
        assert!(asks(&greylist, "192.0.2.200", &envelope("b@example.com", &["b@ours.example"]), 0));
        assert!(!asks(
            &greylist,
            "192.0.2.200",
            &envelope("x@example.net", &["b@ours.example"]),
            0
        ));
        assert_eq!(greylist.shown().networks.len(), 2);
        assert_eq!(greylist.clear(Skip::parse("example.net").as_ref()), 1);
        assert!(asks(&greylist, "192.0.2.200", &envelope("x@example.net", &["b@ours.example"]), 0));
        assert_eq!(greylist.clear(Skip::parse("192.0.2.200").as_ref()), 3);
        assert_eq!(greylist.clear(None), 2);
        assert_eq!(greylist.shown(), Shown { asked_again: 3, ..Shown::default() });
    }

    #[test]
    fn a_restart_forgets_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let mail = envelope("a@example.org", &["b@ours.example"]);
        let greylist = Greylist::open(folder.path()).unwrap();
        assert!(
            asks(&greylist, "192.0.2.1", &mail, 0) && asks(&greylist, "198.51.100.1", &mail, 0)
        );
        assert!(!asks(&greylist, "198.51.100.1", &mail, 5));
        greylist.skip(Skip::parse("203.0.113.0/24").unwrap());
        greylist.save().unwrap();
        let greylist = Greylist::open(folder.path()).unwrap();
        assert!(
            !asks(&greylist, "192.0.2.1", &mail, 5) && !asks(&greylist, "203.0.113.9", &mail, 5)
        );
        assert!(!asks(&greylist, "198.51.100.1", &envelope("", &["x@ours.example"]), 5));
        let text = std::fs::read_to_string(folder.path().join("strangers/greylist")).unwrap();
        assert!(!text.contains("example.org") && !text.contains("ours.example"));
    }

    #[test]
    fn a_hundred_thousand_strangers_take_bounded_memory() {
        let greylist = Greylist::default();
        let mail = envelope("a@example.org", &["b@ours.example"]);
        for number in 0..200_000_u32 {
            let client = IpAddr::V4((0x0a00_0000 + number * 256).into());
            assert!(greylist.is_first_try(client, &mail, WAIT, UnixMs(number.into())));
        }
        let shown = greylist.shown();
        assert!(shown.waiting >= 100_000 && shown.waiting < 140_000, "{}", shown.waiting);
        assert_eq!(shown.networks.len(), limits::LIST_ROWS_DEFAULT);
        assert!(greylist.bytes() < 32 << 20, "{}", greylist.bytes());
        greylist.tidy(UnixMs(200_000).plus(limits::GREYLIST_WAIT_MAX));
        assert!(greylist.shown().waiting == 0 && greylist.bytes() < 1 << 20);
    }

    #[test]
    fn only_a_pass_speaks_for_a_sender() {
        let signature = |result| Signature {
            result,
            domain: "example.org".to_string(),
            selector: "s".to_string(),
            because: String::new(),
        };
        let dkim = |result| Facts { dkim: Known::Yes(vec![signature(result)]), ..Facts::default() };
        for (facts, want) in [
            (Facts::default(), false),
            (Facts { spf: Known::No("no answer".to_string()), ..Facts::default() }, false),
            (dkim(Dkim::Fail), false),
            (dkim(Dkim::Pass), true),
        ] {
            assert_eq!(somebody_speaks_for(&facts), want, "{facts:?}");
        }
    }
}
