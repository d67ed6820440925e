//! The running gateway: what is opened in which order, and how it ends.
//!
//! Start: configuration, ports, keys, and root given away ([`prepare`], while there is one thread only); then rules and stores (with what
//! a crash left), then `ready`. SIGHUP: the same configuration read again, swapped only if it is good. SIGTERM: no new work, open
//! transactions finish within a bound, then the stores are closed; told a second time, it ends at once: everything acknowledged is durable.

pub use crate::edge::source::Source;
use crate::{
    base::{
        clock::{Clock, Tick},
        hidden::Hidden,
        ids::Id,
        limits,
    },
    config::{Config, Listener, NextHop, effect::AtStart, layers},
    edge::{
        acme, audit_keeper,
        connections::{self, Connections},
        control::{self, Desk, Reloaded, Reloading},
        http::{self, Door, Site},
        load::{self, Kept, Opener},
        log_link,
        overview::{Lookout, Observed},
        ports::Ports,
        privileges::{self, Account, Circumstances, Plan},
        seldom::Seldom,
        smtp_in::Port,
        smtp_out::SmtpCourier,
        sockets::{Inherited, Sockets},
        stored::Layers,
        strangers, supervisor,
        tls::ServerTls,
        worker::Attempts,
    },
    examine::{MarkKey, Reveal},
    facts::dns::Dns,
    mail::{Direction, Organisation},
    pipeline::{
        Gateway, Stores, accounts,
        answer::Answers,
        campaigns, controls,
        courier::Route,
        daily, deliver, digest, dns_lists,
        greylist::Greylist,
        guard::Guard,
        internal::Registry,
        left, portal,
        queue::Queue,
        release::{self, Signer},
        school, signing,
        spooled::Spooled,
        tls_reports,
    },
    store::{
        StoreError,
        accounts::{PasswordHash, Role, UserName, WebAccess, made_up_password},
        audit::{Actor, Details, Entry, What},
        dkim::DkimKeys,
        embedded::{
            Accounts, AuditFound, AuditLog, BankAccounts, Correspondence, CorrespondenceFound,
            Deviations, Habits, Keep, Lessons, Parcels, Password, People, Proofs, Quarantine,
            QuarantineFound, QuarantineOptions, Reports, SentMemory, SetAside, Trace, TraceOptions,
            Transport,
        },
        held::{Move, Releaser},
        keyring::KeyRing,
        keys,
        master::{self, MasterKey, Origin},
        private,
        rekey::Rekeying,
        spool::{self, RealDisk, Recovered, Spool},
    },
};
use arc_swap::ArcSwap;
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use std::{
    collections::HashMap,
    fs,
    io::Write,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    sync::{mpsc, watch},
    task::JoinSet,
};

/// Everything a command needs to work on the data folder, whether or not it serves.
pub struct Opened {
    /// The gateway, not yet serving.
    pub gateway: Arc<Gateway>,
    /// How mail leaves.
    pub courier: Arc<SmtpCourier>,
    /// Signs what is released.
    pub signer: Arc<Signer>,
    /// Held mails that are on their way already: a crash may have come before they were marked so.
    pub released: Vec<Id>,
    /// What an operator should know of.
    pub observed: Observed,
    /// What a reload may use again.
    pub kept: Kept,
}

/// Opens stores, rules and courier under a configuration. Needs a runtime. `master` is the master key where it was read already.
pub fn open(
    config: Config,
    master: Option<MasterKey>,
    clock: &Clock,
    opener: Opener,
) -> Result<Opened, String> {
    let say = |error: &dyn std::error::Error| error.to_string();
    let folder = config.data_dir.clone();
    private::data_folder(&folder)
        .map_err(|error| format!("the data folder cannot be made: {error}"))?;
    let (secret, _) = keys::read_or_make_master_key(&folder.join("forwarding.key"))
        .map_err(|error| error.to_string())?;
    let opener = match opener {
        Opener::Workers { reveal, .. } => {
            let attempts = Attempts::open(&folder.join("examining"));
            let attempts = attempts.unwrap_or_else(|error| {
                tracing::warn!(%error, "which mails are being opened is not written down");
                Attempts::default()
            });
            let marks = MarkKey(blake3::derive_key("sluss 2026 marks of persons", secret.expose()));
            Opener::Workers { reveal, kept: Kept::with_attempts(attempts).marking(marks) }
        }
        Opener::Here => Opener::Here,
    };
    // A long spool and many rules take a second each; neither needs the other.
    let (loaded, stores) = std::thread::scope(|scope| {
        let rules = {
            let config = config.clone();
            scope.spawn(|| load::load(config, clock, opener))
        };
        let stores = open_stores(&config, master, clock);
        (rules.join(), stores)
    });
    let (settings, report) = loaded
        .map_err(|_| "the rules could not be loaded: the loader stumbled".to_string())?
        .map_err(|error| say(&error))?;
    for error in &report.errors {
        tracing::error!(error, "a rule is left out");
    }
    for warning in &report.warnings {
        tracing::warn!(warning, "a rule could be better");
    }
    let (stores, waiting) = stores?;
    let observed = observed(&report, &stores.ring);
    let kept = report.kept;
    let dns = Dns::new(&settings.config.dns.servers, clock.clone()).map_err(|error| say(&error))?;
    let courier = Arc::new(SmtpCourier::new(
        &settings.config,
        dns.clone(),
        stores.transport.clone(),
        clock.clone(),
    )?);
    let signer = Signer::open(&folder.join("release.key")).map_err(|error| say(&error))?;
    let signer = Arc::new(signer);
    let mut gateway = Gateway::new(settings, stores, courier.clone(), dns, secret, clock.clone());
    gateway.queue = waiting.queue;
    let (dkim, faults) = DkimKeys::open(&folder.join("dkim"), clock.clone());
    for fault in faults {
        tracing::error!(fault, "a DKIM key is left out; mail of its domain is not signed by it");
    }
    gateway.dkim = dkim;
    gateway.internal =
        Registry::shipped().with(digest::ANSWERS, Arc::new(Answers::new(signer.clone())));
    gateway.guard = Guard::open(&folder).map_err(|error| say(&error))?;
    gateway.greylist = Greylist::open(&folder).map_err(|error| say(&error))?;
    let gateway = Arc::new(gateway);
    let released = waiting.released.into_inner().unwrap_or_else(PoisonError::into_inner);
    Ok(Opened { gateway, courier, signer, released, observed, kept })
}

fn observed(report: &load::RuleReport, ring: &KeyRing) -> Observed {
    Observed {
        rules_left_out: report.errors.len(),
        key_beside_data: match ring.master().origin {
            Origin::BesideTheData | Origin::MadeBesideTheData => true,
            Origin::Configured | Origin::Credential => false,
        },
        root: nix::unistd::geteuid().is_root(),
        reload_failed: None,
        after_restart: Vec::new(),
    }
}

/// Opens keys, spool, quarantine and trace; what was wrong with them is logged and noted.
fn open_stores(
    config: &Config,
    master: Option<MasterKey>,
    clock: &Clock,
) -> Result<(Stores, Waiting), String> {
    let store = &config.store;
    let folder = &config.data_dir;
    let mut notes = Notes::default();
    let (ring, made) = open_keys(config, master, clock, &mut notes)?;
    let waiting = Waiting::default();
    let (spool, recovered) = Spool::open_each(
        Arc::new(RealDisk),
        &folder.join("spool"),
        ring.clone(),
        clock.clone(),
        spool::Options::default(),
        &|entry| waiting.take(&entry),
    )
    .map_err(|error| error.to_string())?;
    let closed = recovered.closed.len();
    notes.of_spool(&recovered);
    let (quarantine, found) = open_quarantine(config, &ring, clock)?;
    if made && (closed > 0 || !found.keys_missing.is_empty()) {
        return Err(format!(
            "the keys of what is stored are gone: {} and its copy are missing, and {closed} mails in the spool and what is held \
             need them; put them back from a backup, or, if there is none, move the folders spool and quarantine away",
            folder.join("keys/keys").display()
        ));
    }
    notes.of_quarantine(&found);
    let trace = open_trace(config, clock, made, &mut notes)?;
    let persons = trace.persons(ring.clone());
    let (correspondence, found) =
        Correspondence::open(&folder.join("correspondence"), ring.clone(), clock.clone())
            .map_err(|error| error.to_string())?;
    notes.of_correspondence(&found);
    let (habits, aside) =
        Habits::open(&folder.join("habits"), clock.clone()).map_err(|error| error.to_string())?;
    let new = "every account is a new one";
    notes.of_aside(aside.as_ref(), "what accounts usually send was damaged", "is now in", new);
    let accounts = Accounts::open(&accounts_folder(folder), clock.clone())
        .map_err(|error| error.to_string())?;
    let (people, set_aside) =
        People::open(&folder.join("people"), clock.clone()).map_err(|error| error.to_string())?;
    notes.of_aside(
        set_aside.as_ref(),
        "what people have chosen, and their links, was damaged",
        "is now in",
        "links in digests that were sent work no more, and own lists are empty",
    );
    let keep = Duration::from_secs(config.reports.days.saturating_mul(86_400));
    let (reports, set_aside) = Reports::open(&reports_folder(folder), clock.clone(), keep)
        .map_err(|error| error.to_string())?;
    notes.of_aside(
        set_aside.as_ref(),
        "the reports of others were damaged",
        "are now in",
        "others are gathered from now on",
    );
    let (sent, set_aside) =
        SentMemory::open(&folder.join("sent"), clock.clone()).map_err(|error| error.to_string())?;
    notes.of_aside(
        set_aside.as_ref(),
        "the memory of what was sent was damaged",
        "is now in",
        "bounces are undecided for some days",
    );
    let keep = Duration::from_secs(store.bank_account_days.saturating_mul(86_400));
    let (bank_accounts, set_aside) =
        BankAccounts::open(&folder.join("bank-accounts"), ring.clone(), clock.clone(), keep)
            .map_err(|error| error.to_string())?;
    notes.of_aside(
        set_aside.as_ref(),
        "the memory of bank accounts was damaged",
        "is now in",
        "a new one was begun",
    );
    let (transport, set_aside) = Transport::open(&folder.join("transport"), clock.clone())
        .map_err(|error| error.to_string())?;
    notes.of_aside(
        set_aside.as_ref(),
        "the memory of how mail goes to other domains was damaged",
        "is now in",
        "their MTA-STS policies are fetched anew, and nobody knows how good their mail hosts were",
    );
    let lessons = open_lessons(config, &ring, clock, &mut notes)?;
    let keep = Duration::from_secs(store.proof_days.saturating_mul(86_400));
    let (proofs, set_aside) =
        Proofs::open(&folder.join("proofs"), clock.clone(), keep, store.proof_bytes.0)
            .map_err(|error| error.to_string())?;
    notes.of_aside(
        set_aside.as_ref(),
        "the proofs of the way of mail were damaged",
        "are now in",
        "others are gathered from now on; their seals stand in the audit log",
    );
    let (audit, found) =
        AuditLog::open(folder, clock.clone()).map_err(|error| error.to_string())?;
    notes.of_audit(&found);
    let (deviations, set_aside) = Deviations::open(&folder.join("controls"), clock.clone())
        .map_err(|error| error.to_string())?;
    notes.of_aside(
        set_aside.as_ref(),
        "what was known of controls was damaged",
        "is now in",
        "what is broken is told once more",
    );
    let (parcels, set_aside) =
        Parcels::open(&folder.join("portal"), clock.clone()).map_err(|error| error.to_string())?;
    notes.of_aside(
        set_aside.as_ref(),
        "what was known of mail in the portal was damaged",
        "is now in",
        "links that were sent lead nowhere; the mails are in the quarantine as long as they were to be",
    );
    let waived = parcels.waived().map_err(|error| error.to_string())?;
    let notes = Arc::new(notes.0);
    let stores = Stores {
        spool,
        quarantine,
        trace,
        correspondence,
        habits,
        accounts,
        people,
        reports,
        sent,
        bank_accounts,
        transport,
        lessons,
        proofs,
        audit,
        deviations,
        parcels,
        waived,
        persons,
        ring,
        notes,
    };
    Ok((stores, waiting))
}

fn open_quarantine(
    config: &Config,
    ring: &KeyRing,
    clock: &Clock,
) -> Result<(Quarantine, QuarantineFound), String> {
    let store = &config.store;
    let options = QuarantineOptions {
        keep: Duration::from_secs(store.quarantine_days.saturating_mul(86_400)),
        bytes_max: store.quarantine_bytes.0,
        refused_bytes_max: store.rejected_bytes.0,
    };
    let folder = config.data_dir.join("quarantine");
    Quarantine::open(&folder, ring.clone(), clock.clone(), options)
        .map_err(|error| error.to_string())
}

/// What was said of mails.
fn open_lessons(
    config: &Config,
    ring: &KeyRing,
    clock: &Clock,
    notes: &mut Notes,
) -> Result<Lessons, String> {
    let days = |days: u64| Duration::from_secs(days.saturating_mul(86_400));
    let store = &config.store;
    let keep = Keep { lessons: days(store.lesson_days), sights: days(store.label_days) };
    let folder = config.data_dir.join("learned");
    let (lessons, set_aside) = Lessons::open(&folder, ring.clone(), clock.clone(), keep)
        .map_err(|error| error.to_string())?;
    notes.of_aside(
        set_aside.as_ref(),
        "what was said of mails was damaged",
        "is now in",
        "the gateway learns from the beginning",
    );
    Ok(lessons)
}

/// The trace. `made`: this is the first start, and nobody misses one.
fn open_trace(
    config: &Config,
    clock: &Clock,
    made: bool,
    notes: &mut Notes,
) -> Result<Trace, String> {
    let options = TraceOptions {
        keep: Duration::from_secs(config.store.trace_days.saturating_mul(86_400)),
        bytes_max: config.store.trace_bytes.0,
    };
    let (trace, found) = Trace::open(&config.data_dir.join("trace"), clock.clone(), options)
        .map_err(|error| error.to_string())?;
    if let Some(aside) = found.set_aside {
        notes.take(format!(
            "the trace was damaged ({}) and is now in {}; a new one was begun",
            aside.why,
            aside.file.display()
        ));
    } else if found.begun && !made {
        notes.take("the trace was missing; a new one was begun".to_string());
    }
    Ok(trace)
}

/// The keys of all organisations, under the master key; and whether they were made just now.
fn open_keys(
    config: &Config,
    master: Option<MasterKey>,
    clock: &Clock,
    notes: &mut Notes,
) -> Result<(KeyRing, bool), String> {
    let folder = &config.data_dir;
    let master = match master {
        Some(read) => read,
        None => find_master_key(config)?,
    };
    match master.origin {
        Origin::MadeBesideTheData => tracing::warn!(
            "a master key was made beside the data: good for trials; set [store] master-key to a file elsewhere"
        ),
        Origin::Configured | Origin::Credential | Origin::BesideTheData => {
            if master.shares_file_system(folder) {
                tracing::warn!(
                    file = %master.file.display(),
                    "the master key is on the same file system as the data: whoever gets the disk has both"
                );
            }
        }
    }
    let keys = folder.join("keys");
    private::folder(&keys).map_err(|error| error.to_string())?;
    let (ring, found) = KeyRing::open(Arc::new(RealDisk), &keys, master, clock.clone())
        .map_err(|error| error.to_string())?;
    for file in found.mended {
        notes.take(format!(
            "{} was damaged or missing and was written anew from its copy",
            file.display()
        ));
    }
    if found.master_settled {
        tracing::warn!("a change of the master key that was interrupted has been ended");
    }
    Ok((ring, found.made))
}

/// What waits in the spool, taken in as it is read.
#[derive(Debug, Default)]
struct Waiting {
    queue: Queue,
    /// Held mails that were let go and are on their way.
    released: Mutex<Vec<Id>>,
}

impl Waiting {
    fn take(&self, entry: &spool::Entry) {
        match Spooled::from_meta(&entry.meta) {
            Ok(mail) => {
                if mail.listener == release::LISTENER {
                    self.released.lock().unwrap_or_else(PoisonError::into_inner).push(mail.id);
                }
                self.queue.add(&mail);
            }
            Err(error) => {
                tracing::error!(id = %entry.id, %error, "the record of a spooled mail is not understood; it stays in the spool")
            }
        }
    }
}

/// What an operator should know of a start, in the log and in `sluss status`.
#[derive(Debug, Default)]
struct Notes(Vec<String>);

impl Notes {
    fn take(&mut self, note: String) {
        tracing::error!("{note}");
        if self.0.len() < limits::STORE_NOTES_MAX {
            self.0.push(note);
        }
    }

    fn of_spool(&mut self, recovered: &Recovered) {
        if recovered.cut_bytes > 0 || recovered.orphans_removed > 0 {
            tracing::info!(
                cut_bytes = recovered.cut_bytes,
                orphans_removed = recovered.orphans_removed,
                "the spool was not closed last time; what had not been acknowledged was cut off"
            );
        }
        for damage in &recovered.damaged {
            self.take(format!(
                "a damaged place in the spool was kept aside: {} at {}: {}",
                damage.file.display(),
                damage.offset,
                damage.what
            ));
        }
        if let Some(first) = recovered.closed.first() {
            self.take(format!(
                "{} mails in the spool cannot be opened with the keys there are (the first is {first}); they stay in it",
                recovered.closed.len()
            ));
        }
    }

    fn of_quarantine(&mut self, found: &QuarantineFound) {
        if found.swept > 0 {
            tracing::info!(
                swept = found.swept,
                "files of mails that were never acknowledged were swept from the quarantine"
            );
        }
        let was = match &found.set_aside {
            Some(aside) => {
                format!("was damaged ({}) and is now in {}", aside.why, aside.file.display())
            }
            None => "was missing".to_string(),
        };
        if let Some(rows) = found.rebuilt {
            self.take(format!(
                "the quarantine's index {was}; it was built again from the held mails: {rows} rows"
            ));
        }
        if let Some(first) = found.unreadable.first() {
            self.take(format!(
                "{} files of held mails could not be read and were moved aside; the first is {}",
                found.unreadable.len(),
                first.display()
            ));
        }
        for (organisation, version) in &found.keys_missing {
            self.take(format!(
                "key {version} of organisation {organisation} is missing: what is held under it cannot be opened"
            ));
        }
    }
}

impl Notes {
    /// A store that was moved aside and begun anew.
    fn of_aside(&mut self, aside: Option<&SetAside>, what: &str, now_in: &str, then: &str) {
        if let Some(aside) = aside {
            let file = aside.file.display();
            self.take(format!("{what} ({}) and {now_in} {file}; {then}", aside.why));
        }
    }

    fn of_audit(&mut self, found: &AuditFound) {
        if found.cut_bytes > 0 {
            tracing::warn!(
                cut_bytes = found.cut_bytes,
                "the audit log ended in a record that was never acknowledged; it was cut off"
            );
        }
        if let Some(broken) = &found.broken {
            let line = broken.line.map(|line| format!(" line {line}")).unwrap_or_default();
            self.take(format!(
                "the audit log is broken in {}{line}: {}; nothing of it was mended, it goes on in a new file, and sluss audit verify names each place",
                broken.file, broken.why
            ));
        }
    }

    fn of_correspondence(&mut self, found: &CorrespondenceFound) {
        let what = "what was learned of who writes to whom was damaged";
        self.of_aside(found.set_aside.as_ref(), what, "is now in", "it begins anew");
        for organisation in &found.forgotten {
            self.take(format!(
                "what organisation {organisation} has learned of who writes to whom cannot be read with the keys there are; it begins anew"
            ));
        }
    }
}

/// Where the accounts lie under a data folder; `sluss user` opens them beside a running gateway.
pub fn accounts_folder(data_dir: &Path) -> PathBuf {
    data_dir.join("accounts")
}

/// Where reports of others lie under a data folder; `sluss reports` opens them beside a running gateway.
pub fn reports_folder(data_dir: &Path) -> PathBuf {
    data_dir.join("reports")
}

/// What was opened while we had the rights to: nothing here runs yet.
pub struct Prepared {
    source: Source,
    data_dir: Option<PathBuf>,
    config: Config,
    sockets: Sockets,
    tls: ServerTls,
    master: Option<MasterKey>,
    opener: Opener,
}

impl Prepared {
    /// Mail is opened in this process, without workers: for a program that serves with an examiner of its own.
    pub fn opening_here(self) -> Prepared {
        Prepared { opener: Opener::Here, ..self }
    }
}

impl std::fmt::Debug for Prepared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Prepared").field("sockets", &self.sockets).finish_non_exhaustive()
    }
}

/// Reads the configuration, opens what may need root (ports, the certificate's key, the master key) and gives root away.
/// To be called before there is any other thread.
pub fn prepare(source: Source, data_dir: Option<PathBuf>) -> Result<Prepared, String> {
    privileges::keep_to_ourselves();
    let config = source.read(data_dir.as_deref())?;
    if config.listeners.is_empty() {
        return Err("the configuration has no [[listener]], so there is nothing to serve; write one with name, bind and direction".to_string());
    }
    for warning in warnings(&config) {
        tracing::warn!("{warning}");
    }
    let plan = plan(&source, &config)?;
    let sockets = Sockets::open(&config, Inherited::take()?)?;
    let tls = ServerTls::new(&config).map_err(|error| error.to_string())?;
    let master = read_master_key(&config)?;
    match plan {
        Plan::Nothing => (),
        Plan::StayRoot(why) => tracing::warn!(why, "this gateway runs as root"),
        Plan::Become(account) => {
            take_over(&config, &account)?;
            tracing::info!(user = account.name, "root was given away");
            for file in unreadable(&source, &config) {
                tracing::warn!(user = account.name, file = %file.display(), "this file was read as root and cannot be read again at a reload: let the user's group read it, or restart to have its changes");
            }
        }
    }
    let opener = Opener::Workers { reveal: Reveal::No, kept: Kept::default() };
    Ok(Prepared { source, data_dir, config, sockets, tls, master, opener })
}

fn plan(source: &Source, config: &Config) -> Result<Plan, String> {
    privileges::plan(&Circumstances {
        now: nix::unistd::geteuid(),
        user: config.user.as_deref(),
        allow_root: config.allow_root,
        trial: matches!(source, Source::Trial(_)),
    })
}

/// Becomes the configuration's user before a command opens the data folder: what root makes there, the gateway could not open.
/// Gives the master key where it was read before that.
pub fn become_its_user(source: &Source, config: &Config) -> Result<Option<MasterKey>, String> {
    if config.user.is_none() || !nix::unistd::geteuid().is_root() {
        return Ok(None);
    }
    let master = read_master_key(config)?;
    match plan(source, config)? {
        Plan::Become(account) => take_over(config, &account)?,
        Plan::Nothing | Plan::StayRoot(_) => (),
    }
    Ok(master)
}

/// The master key, if it is somewhere that only root may read; one beside the data is made by the user.
fn read_master_key(config: &Config) -> Result<Option<MasterKey>, String> {
    let elsewhere = config.store.master_key.is_some() || credentials().is_some();
    elsewhere.then(|| find_master_key(config)).transpose()
}

fn find_master_key(config: &Config) -> Result<MasterKey, String> {
    let configured = config.store.master_key.as_deref();
    MasterKey::find(configured, credentials().as_deref(), &config.data_dir)
        .map_err(|error| error.to_string())
}

/// Where systemd puts credentials, if ours is among them.
fn credentials() -> Option<PathBuf> {
    let folder = PathBuf::from(std::env::var_os("CREDENTIALS_DIRECTORY")?);
    folder.join(master::CREDENTIAL).exists().then_some(folder)
}

fn take_over(config: &Config, account: &Account) -> Result<(), String> {
    private::data_folder(&config.data_dir)
        .map_err(|error| format!("the data folder cannot be made: {error}"))?;
    privileges::give_folder(&config.data_dir, account)?;
    privileges::become_user(account)
}

/// Files that a reload reads and we cannot.
fn unreadable(source: &Source, config: &Config) -> Vec<PathBuf> {
    let file = match source {
        Source::File(file) => Some(file.clone()),
        Source::Trial(_) => None,
    };
    let files = file
        .into_iter()
        .chain(config.domains_files.clone())
        .chain(config.tls.certificate.clone())
        .chain(config.tls.key.clone());
    files.filter(|file| fs::File::open(file).is_err()).collect()
}

/// The signals that a gateway hears. Process 1 of a container gets only those that it asked for.
struct Signals {
    hangup: Signal,
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn hear() -> Result<Signals, String> {
        let hear = |kind| signal(kind).map_err(|error| format!("signals cannot be heard: {error}"));
        Ok(Signals {
            hangup: hear(SignalKind::hangup())?,
            terminate: hear(SignalKind::terminate())?,
            interrupt: hear(SignalKind::interrupt())?,
        })
    }

    /// Told to end.
    async fn end(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => (),
            _ = self.interrupt.recv() => (),
        }
    }
}

/// A gateway that serves.
pub struct Running {
    /// For whoever wants to ask it something.
    pub desk: Arc<Desk>,
    /// What was compiled, for the next reload.
    kept: Kept,
    /// What was read once, when the process began.
    at_start: AtStart,
    source: Source,
    data_dir: Option<PathBuf>,
    signals: Signals,
    ports: Ports,
    tls: Arc<ServerTls>,
    courier: Arc<SmtpCourier>,
    end: watch::Sender<bool>,
    queue: tokio::task::JoinHandle<()>,
    /// Sends the audit log elsewhere; it ends after everything else, when it is told to.
    sending: (watch::Sender<bool>, tokio::task::JoinHandle<()>),
    reloads: mpsc::Receiver<Reloading>,
}

/// Opens everything else and serves. When this returns, every listener accepts.
pub async fn start(prepared: Prepared) -> Result<Running, String> {
    let Prepared { source, data_dir, config, sockets, tls, master, opener } = prepared;
    // First: a signal that comes while the spool is read is heard when that is done, and does not kill us half way.
    let signals = Signals::hear()?;
    let clock = Clock::system();
    let started = clock.now();
    log_link::prepare(&config.audit)?;
    connections::raise_file_limit(config.limits.connections);
    let metrics = install_metrics()?;
    let Opened { gateway, courier, signer, released, observed, kept } =
        open(config.clone(), master, &clock, opener)?;
    record_start(&gateway, &kept).await?;
    // What a kill or commands left unsigned, too.
    audit_keeper::sign_or_say(&gateway).await;
    for id in released {
        // Who released it is forgotten when we were killed before that was written down; that it is on its way is not.
        let marked = gateway.stores.quarantine.make_move(id, Move::Release, Releaser::Gateway);
        marked.await.map_err(|error| error.to_string())?;
    }
    let tls = Arc::new(tls);
    let connections = Arc::new(Connections::default());
    let (end, ending) = watch::channel(false);
    let control = control::bind(&config.data_dir)
        .map_err(|error| format!("the control socket cannot be opened: {error}"))?;
    let (reload, reloads) = mpsc::channel(1);
    let (renew, renewals) = mpsc::channel(1);
    let desk = Arc::new(Desk {
        gateway: gateway.clone(),
        signer,
        connections: connections.clone(),
        started,
        observed: ArcSwap::from_pointee(observed),
        reload: Some(reload),
        renew: Some(renew),
        certificates: Some(tls.clone()),
    });
    let pattern = {
        let (gateway, tls, ending) = (gateway.clone(), tls.clone(), ending.clone());
        let noted = Arc::new(Seldom::every(limits::HANDSHAKE_FAILURE_LOG_INTERVAL));
        move |listener| Port {
            gateway: gateway.clone(),
            listener,
            tls: tls.clone(),
            connections: connections.clone(),
            ending: ending.clone(),
            noted: noted.clone(),
        }
    };
    // The first mail must meet what was known of its copies.
    campaigns::restore(&gateway).await;
    let ports = Ports::open(Box::new(pattern), sockets.mail)?;
    tokio::spawn(control::serve(desk.clone(), control));
    let lookout = Lookout {
        desk: desk.clone(),
        tls: tls.clone(),
        metrics,
        ending: ending.clone(),
        last: tokio::sync::Mutex::default(),
    };
    let (web_key, _) = keys::read_or_make_master_key(&config.data_dir.join("web.key"))
        .map_err(|error| error.to_string())?;
    let layers = Layers { source: source.clone(), data_dir: data_dir.clone() };
    let site = Arc::new(Site::new(lookout, layers, web_key));
    let with_tls = |wanted: bool| wanted.then(|| tls.clone());
    let web = &config.web;
    http::open(Door::Admin, &site, sockets.admin, with_tls(web.admin_tls), &ending)?;
    http::open(Door::Public, &site, sockets.public, with_tls(web.public_tls), &ending)?;
    http::plain::open(&site, sockets.plain, &ending)?;
    tokio::spawn(supervisor::keep_saying_that_we_live());
    controls::take_up(&gateway).await.map_err(|error| error.to_string())?;
    let queue = tokio::spawn(deliver::run(gateway.clone()));
    tokio::spawn(dns_lists::keep_trying(gateway.clone()));
    tokio::spawn(accounts::keep_telling(gateway.clone()));
    tokio::spawn(digest::keep_writing(gateway.clone()));
    tokio::spawn(learn_of_next_hops(gateway.clone()));
    tokio::spawn(look_at_dkim_records(gateway.clone()));
    tokio::spawn(strangers::remember(gateway.clone()));
    tokio::spawn(index_trace(gateway.clone()));
    tokio::spawn(school::keep_books(gateway.clone()));
    tokio::spawn(school::keep_learning(gateway.clone()));
    tokio::spawn(campaigns::keep_recalling(gateway.clone()));
    tokio::spawn(look_at_audit_log(gateway.clone()));
    tokio::spawn(audit_keeper::keep_signing(gateway.clone()));
    let (end_sending, sending) = watch::channel(false);
    let sending = tokio::spawn(audit_keeper::keep_sending(gateway.clone(), sending));
    tokio::spawn(write_daily_reports(desk.clone()));
    tokio::spawn(keep_policies(courier.clone()));
    let certificate = tls.clone();
    tokio::spawn(controls::keep_watching(gateway.clone(), move || {
        certificate.certificate().ends()
    }));
    tokio::spawn(acme::keep(gateway.clone(), tls.clone(), renewals));
    tokio::spawn(write_tls_reports(gateway.clone()));
    tokio::spawn(look_after_portal(gateway.clone()));
    tokio::spawn(go_on_with_what_was_left(gateway.clone()));
    tokio::spawn(keep_house(gateway, courier.clone()));
    Ok(Running {
        desk,
        source,
        data_dir,
        signals,
        ports,
        tls,
        courier,
        end,
        queue,
        sending: (end_sending, sending),
        reloads,
        kept,
        at_start: AtStart::of(&config),
    })
}

/// In trial mode nobody has made an account yet: one that owns everything, and its password, the first time.
pub async fn first_account(gateway: &Gateway) -> Result<Option<Hidden<String>>, String> {
    let say = |error: &dyn std::error::Error| error.to_string();
    let accounts = &gateway.stores.accounts;
    if accounts.any_for_web().await.map_err(|error| say(&error))? {
        return Ok(None);
    }
    let password = made_up_password().map_err(|error| say(&error))?;
    let hash = PasswordHash::make(&password).map_err(|error| say(&error))?;
    let name = UserName::parse("admin").map_err(|error| say(&error))?;
    let access = WebAccess {
        role: Role::Owner,
        everywhere: true,
        domains: Vec::new(),
        second_factor: false,
    };
    let made =
        accounts.add_for_web(&name, &Organisation::implied(), Password::Own(hash), access).await;
    made.map_err(|error| say(&error))?;
    Ok(Some(password))
}

/// What a configuration allows and an operator hardly wants: without domains or networks a gateway refuses everybody.
pub fn warnings(config: &Config) -> Vec<String> {
    let mut warnings = Vec::new();
    let has = |direction| config.listeners.iter().any(|listener| listener.direction == direction);
    if has(Direction::Inbound) && config.domains.is_empty() && config.domain_table.is_empty() {
        warnings.push("there is no [[domain]]: every recipient will be refused".to_string());
    }
    let users = config.listeners.iter().any(Listener::offers_auth);
    let networks = !config.outbound.networks.is_empty()
        || config.organisations.iter().any(|organisation| !organisation.networks.is_empty());
    if has(Direction::Outbound) && !networks && !users {
        warnings.push(
            "[outbound] networks is empty: nobody may send by the outbound listener".to_string(),
        );
    }
    if let Some(admin) = config.web.admin
        && !admin.ip().to_canonical().is_loopback()
        && !config.web.admin_tls
    {
        warnings.push(format!(
            "[web] admin is open to others at {admin} without encryption, and browsers log in nowhere without it: set admin-tls = true, bind it to loopback and reach it by ssh -L, or keep it behind a TLS proxy"
        ));
    }
    warnings
}

impl Running {
    /// Serves until SIGTERM or SIGINT, then drains.
    pub async fn until_told_to_end(mut self) -> Result<(), String> {
        loop {
            tokio::select! {
                _ = self.signals.hangup.recv() => {
                    let _logged_inside = self.reload(Actor::System).await;
                }
                Some(Reloading { who, tell }) = self.reloads.recv() => {
                    let outcome = self.reload(who).await;
                    let _gone = tell.send(outcome);
                }
                _ = self.signals.terminate.recv() => break,
                _ = self.signals.interrupt.recv() => break,
            }
        }
        supervisor::stopping();
        record_stop(&self.desk.gateway).await;
        let Running { desk, mut signals, courier, end, queue, ports, sending, .. } = self;
        end.send_replace(true);
        // Addresses are given back now, for whoever comes after us.
        drop(ports);
        let patience = tokio::select! {
            () = drain(&desk, &courier, queue) => {
                tracing::info!("ended");
                limits::LOG_LINK_END_TIME_MAX
            }
            () = signals.end() => {
                tracing::warn!(
                    connections = desk.connections.count(),
                    "told to end twice: ending at once; senders of unfinished transactions come back"
                );
                Duration::ZERO
            }
        };
        audit_keeper::sign_or_say(&desk.gateway).await;
        let (end_sending, sending) = sending;
        end_sending.send_replace(true);
        if tokio::time::timeout(patience, sending).await.is_err() {
            tracing::warn!(
                "the log server did not take the last of the audit log; it is sent at the next start"
            );
        }
        let socket = control::socket_path(&desk.gateway.settings.load().config.data_dir);
        if let Err(error) = fs::remove_file(socket) {
            tracing::debug!(%error, "the control socket was gone already");
        }
        Ok(())
    }

    /// Reads configuration, rules and certificate again. A bad one leaves the old in force.
    async fn reload(&mut self, who: Actor) -> Result<Reloaded, String> {
        supervisor::reloading();
        let outcome = self.reload_inner(who).await;
        match &outcome {
            Ok(done) => {
                let rules = self.desk.gateway.settings.load().rules_loaded;
                tracing::info!(rules, "{}", done.said);
            }
            Err(error) => {
                tracing::error!(error, "the old configuration stays in force");
                let before = Observed::clone(&self.desk.observed.load());
                let failed = Observed { reload_failed: Some(error.clone()), ..before };
                self.desk.observed.store(Arc::new(failed));
            }
        }
        supervisor::ready("taking mail");
        outcome
    }

    async fn reload_inner(&mut self, who: Actor) -> Result<Reloaded, String> {
        let gateway = self.desk.gateway.clone();
        let (source, data_dir) = (self.source.clone(), self.data_dir.clone());
        let (clock, old) = (gateway.clock.clone(), gateway.settings.load_full());
        // Reading long lists and compiling rules takes its time; mail goes on meanwhile.
        let (before, kept) = (old.clone(), self.kept.clone());
        let loading = tokio::task::spawn_blocking(move || {
            let config = source.read(data_dir.as_deref())?;
            let difference = layers::difference(&before.config, &config);
            let loaded = load::load(config, &clock, Opener::Workers { reveal: Reveal::No, kept });
            loaded.map(|loaded| (difference, loaded)).map_err(|error| error.to_string())
        });
        let (difference, (settings, report)) =
            loading.await.map_err(|error| error.to_string())??;
        // All that can fail comes before anything is put in force.
        let planned = self.ports.plan(&settings.config)?;
        let outward = SmtpCourier::prepare(&settings.config)?;
        log_link::prepare(&settings.config.audit)?;
        let certificate =
            self.tls.reload(&old.config, &settings.config).map_err(|error| error.to_string())?;
        let rules = (self.kept.rules_word(), report.kept.rules_word());
        let changes = reloaded(&who, &difference.to_string(), rules, settings.rules_loaded);
        gateway.stores.audit.append_all(changes).await.map_err(|error| {
            format!("it was not put in force, for the audit log takes no record of it: {error}")
        })?;
        for error in &report.errors {
            tracing::error!(error, "a rule is left out");
        }
        let after_restart = self.at_start.other_in(&settings.config);
        self.kept = report.kept.clone();
        let seen = observed(&report, &gateway.stores.ring);
        let seen = Observed { after_restart: after_restart.clone(), ..seen };
        self.desk.observed.store(Arc::new(seen));
        gateway.settings.store(Arc::new(settings));
        for fault in gateway.dkim.read_again() {
            tracing::error!(
                fault,
                "a DKIM key is left out; mail of its domain is not signed by it"
            );
        }
        self.courier.adopt(outward);
        let changed = self.ports.put_in_force(planned);
        let mut done = vec![format!("reloaded: {difference}")];
        match report.errors.len() {
            0 => (),
            1 => done.push("1 rule left out".to_string()),
            count => done.push(format!("{count} rules left out")),
        }
        let mut add = |what: &str, names: &[String]| {
            if !names.is_empty() {
                done.push(format!("{what}: {}", names.join(", ")));
            }
        };
        add("listeners opened", &changed.opened);
        add("listeners closed", &changed.closed);
        add("changed, but in force only after a restart", &after_restart);
        done.extend(certificate);
        Ok(Reloaded { said: done.join("; "), after_restart })
    }
}

/// A gateway whose start is not recorded does not start.
async fn record_start(gateway: &Gateway, kept: &Kept) -> Result<(), String> {
    let settings = gateway.settings.load();
    let details = Details::default()
        .word("version", env!("CARGO_PKG_VERSION"))
        .word("rules", &kept.rules_word())
        .number("rules_loaded", u64::try_from(settings.rules_loaded).unwrap_or(u64::MAX));
    let hostname = settings.config.hostname.to_string();
    let entry = Entry::new(Actor::System, What::Started).about(hostname).with(details);
    let recorded = gateway.stores.audit.append(entry).await;
    recorded
        .map(drop)
        .map_err(|error| format!("the audit log takes no record of the start: {error}"))
}

/// An end cannot be refused; that it could not be recorded is said.
async fn record_stop(gateway: &Gateway) {
    let hostname = gateway.settings.load().config.hostname.to_string();
    let entry = Entry::new(Actor::System, What::Stopped).about(hostname);
    if let Err(error) = gateway.stores.audit.append(entry).await {
        tracing::error!(%error, "the end of this gateway is not in the audit log");
    }
}

/// What a reload puts in force. `rules` are their words, before and after.
fn reloaded(
    who: &Actor,
    difference: &str,
    rules: (String, String),
    rules_loaded: usize,
) -> Vec<Entry> {
    let entry = |what| Entry::new(who.clone(), what).about("reload");
    let details = Details::default().word("difference", difference);
    let mut entries = vec![entry(What::ConfigurationChanged).with(details)];
    if rules.0 != rules.1 {
        let details = Details::default()
            .word("before", &rules.0)
            .word("rules", &rules.1)
            .number("rules_loaded", u64::try_from(rules_loaded).unwrap_or(u64::MAX));
        entries.push(entry(What::RulesChanged).with(details));
    }
    entries
}

/// No new work; what is open finishes within a bound; then everything is made durable.
async fn drain(desk: &Desk, courier: &SmtpCourier, queue: tokio::task::JoinHandle<()>) {
    tracing::info!("ending: open transactions may finish");
    let gateway = &desk.gateway;
    gateway.queue.close();
    let finished = async {
        while desk.connections.count() > 0 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        if let Err(error) = queue.await {
            tracing::error!(%error, "the queue ended badly");
        }
    };
    if tokio::time::timeout(limits::DRAIN_TIME_MAX, finished).await.is_err() {
        tracing::warn!(
            connections = desk.connections.count(),
            "some transactions did not finish in time; their senders come back"
        );
    }
    courier.tidy();
    strangers::save(gateway, strangers::What::All).await;
    campaigns::save(gateway).await;
    if let Err(error) = gateway.stores.spool.clone().flush_and_close().await {
        tracing::error!(%error, "the spool could not be closed cleanly");
    }
    if let Err(error) = gateway.stores.correspondence.settled().await {
        tracing::error!(%error, "what was learned last of who writes to whom is lost");
    }
    if let Err(error) = gateway.stores.habits.settled().await {
        tracing::error!(%error, "what accounts sent last is not counted");
    }
    if tokio::time::timeout(limits::LESSONS_SETTLE_TIME_MAX, school::settle(gateway)).await.is_err()
    {
        tracing::error!("what was said of mails last is not learned");
    }
    // The trace gathers rows for a moment; give it that moment.
    tokio::time::sleep(limits::TRACE_COMMIT_INTERVAL * 2).await;
}

/// What is done now and then: retention, idle connections, changes of keys that a stop interrupted.
async fn keep_house(gateway: Arc<Gateway>, courier: Arc<SmtpCourier>) {
    let mut every = tokio::time::interval(Duration::from_secs(20));
    every.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        every.tick().await;
        courier.tidy();
        gateway.client_limits.tidy(gateway.clock.tick());
        gateway.stores.habits.retain();
        end_rekeying(&gateway).await;
        for (what, kept) in [
            ("the quarantine", gateway.stores.quarantine.retain().await),
            ("the trace", gateway.stores.trace.retain().await),
            ("who writes to whom", gateway.stores.correspondence.retain().await),
            ("the memory of bank accounts", gateway.stores.bank_accounts.retain().await),
            ("links and what was done by them", gateway.stores.people.retain().await),
            ("proofs of the way of mail", gateway.stores.proofs.retain().await),
            ("what was said of mails", retain_lessons(&gateway).await),
        ] {
            match kept {
                Ok(0) => (),
                Ok(removed) => tracing::info!(removed, "{what}: rows past their time were deleted"),
                Err(error) => tracing::error!(%error, "{what} could not be kept small"),
            }
        }
    }
}

/// Looks again and again at the MTA-STS policies that are kept, before their life is over.
async fn keep_policies(courier: Arc<SmtpCourier>) {
    let mut every = tokio::time::interval(limits::STS_LOOK_INTERVAL);
    every.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        every.tick().await;
        courier.refresh_policies().await;
    }
}

/// Lessons that go are unlearned.
async fn retain_lessons(gateway: &Gateway) -> Result<usize, StoreError> {
    let (lessons, sights) = gateway.stores.lessons.retain().await?;
    if lessons > 0 {
        gateway.school.look_up();
    }
    Ok(lessons + sights)
}

/// Makes what was written in the trace findable and counts it.
async fn index_trace(gateway: Arc<Gateway>) {
    let mut every = tokio::time::interval(limits::TRACE_INDEX_INTERVAL);
    every.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        every.tick().await;
        if let Err(error) = gateway.stores.trace.index().await {
            tracing::error!(%error, "the trace could not be indexed; it is searched row by row meanwhile");
        }
    }
}

/// What somebody did to the audit log is said by the gateway itself, not only when somebody asks.
async fn look_at_audit_log(gateway: Arc<Gateway>) {
    let mut every = tokio::time::interval(limits::AUDIT_LOOK_INTERVAL);
    every.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        every.tick().await;
        let log = &gateway.stores.audit;
        let keys = gateway.stores.ring.signer_lines().into_iter();
        match log.look(keys.map(|key| key.fingerprint).collect()).await {
            Ok(false) => (),
            Ok(true) => {
                let trouble = log.trouble().unwrap_or_default();
                tracing::error!(
                    trouble,
                    "the audit log's chain is broken; sluss audit verify names each place"
                );
            }
            Err(error) => tracing::error!(%error, "the audit log could not be looked at"),
        }
    }
}

/// Writes yesterday's report when its time comes.
async fn write_daily_reports(desk: Arc<Desk>) {
    let mut every = tokio::time::interval(Duration::from_secs(60));
    every.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        every.tick().await;
        let deviations: Vec<String> =
            desk.deviations().into_iter().map(|deviation| deviation.text).collect();
        match daily::write_if_due(&desk.gateway, &deviations).await {
            Ok(0) => (),
            Ok(written) => tracing::info!(written, "daily reports are on their way"),
            Err(error) => tracing::error!(%error, "the daily report could not be written"),
        }
    }
}

/// Ends what had its time in the portal, and tells senders of it.
async fn look_after_portal(gateway: Arc<Gateway>) {
    let mut every = tokio::time::interval(limits::PORTAL_LOOK_INTERVAL);
    every.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        every.tick().await;
        if let Err(error) = portal::look_after(&gateway).await {
            tracing::error!(%error, "mail in the portal could not be looked after; it is tried again");
        }
    }
}

/// Looks into what was left in the portal, which may take long, and tells its readers of it.
async fn go_on_with_what_was_left(gateway: Arc<Gateway>) {
    let mut every = tokio::time::interval(limits::PORTAL_LEFT_INTERVAL);
    every.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        every.tick().await;
        if let Err(error) = left::go_on(&gateway).await {
            tracing::error!(%error, "files in the portal could not be looked into; it is tried again");
        }
    }
}

/// Tells other domains of yesterday's TLS with their mail hosts, each when its time comes.
async fn write_tls_reports(gateway: Arc<Gateway>) {
    let mut every = tokio::time::interval(limits::TLS_REPORTS_LOOK_INTERVAL);
    every.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        every.tick().await;
        if let Err(error) = tls_reports::write_due(&gateway).await {
            tracing::error!(%error, "which domains are to be told of TLS with their mail hosts is not known");
        }
        if let Err(error) = gateway.stores.transport.forget_tls_days().await {
            tracing::error!(%error, "counts of TLS sessions past their time could not be deleted");
        }
    }
}

/// Looks whether the records of DKIM keys are in the DNS; keys that wait for that take over.
async fn look_at_dkim_records(gateway: Arc<Gateway>) {
    let mut every = tokio::time::interval(limits::DKIM_RECORDS_LOOK_AGAIN);
    every.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        every.tick().await;
        if let Err(error) = signing::look_at_records(&gateway.dns, &gateway.dkim).await {
            tracing::error!(%error, "a DKIM key whose record is in the DNS could not be taken into use");
        }
    }
}

/// Greets the next hops of our domains, to know what they take before the first mail does: soon after the start, those of a new
/// configuration soon after it, and each again before what was learned is too old. A few at a time, spread over a minute.
async fn learn_of_next_hops(gateway: Arc<Gateway>) {
    let mut learned: HashMap<Route, Tick> = HashMap::new();
    let mut every = tokio::time::interval(limits::PROBES_LOOK_AGAIN);
    every.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        every.tick().await;
        let settings = gateway.settings.load_full();
        let now = gateway.clock.tick();
        let fresh = limits::FEATURES_LIFETIME / 6 * 5;
        learned.retain(|_, at| now.since(*at) < fresh);
        let asks = |route: &&Route| route.hops.iter().any(NextHop::can_be_asked);
        let wanted: Vec<Route> = match settings.config.limits.probe_next_hops {
            false => continue,
            true => settings.own_routes().iter().filter(asks).cloned().collect(),
        };
        let wanted = wanted.into_iter().filter(|route| !learned.contains_key(route));
        let wanted: Vec<Route> = wanted.collect();
        let pause = limits::PROBES_SPREAD / u32::try_from(wanted.len().max(1)).unwrap_or(u32::MAX);
        let mut greetings = JoinSet::new();
        for route in wanted {
            if greetings.len() >= limits::PROBES_AT_A_TIME {
                learned.extend(greetings.join_next().await.and_then(Result::ok).flatten());
            }
            let gateway = gateway.clone();
            greetings.spawn(async move {
                match gateway.courier.greet(&route).await {
                    Ok(_) => Some((route, gateway.clock.tick())),
                    Err(why) => {
                        tracing::info!(next_hop = %route, why, "a next hop could not be greeted; what it takes is learned later");
                        None
                    }
                }
            });
            tokio::time::sleep(jitter(pause.min(limits::PROBES_PAUSE_MAX))).await;
        }
        for greeted in greetings.join_all().await {
            learned.extend(greeted);
        }
    }
}

/// Between half of it and all of it.
fn jitter(span: Duration) -> Duration {
    let share = f64::from(getrandom::u32().unwrap_or(0)) / f64::from(u32::MAX);
    span.mul_f64(0.5 + share / 2.0)
}

async fn end_rekeying(gateway: &Gateway) {
    let stores = &gateway.stores;
    for (organisation, _) in stores.ring.unfinished() {
        let rekeying = Rekeying {
            ring: &stores.ring,
            spool: &stores.spool,
            quarantine: &stores.quarantine,
            correspondence: &stores.correspondence,
            bank_accounts: &stores.bank_accounts,
            lessons: &stores.lessons,
            persons: &stores.persons,
        };
        match rekeying.end(&organisation).await {
            Ok(done) if done.destroyed > 0 => {
                tracing::info!(%organisation, version = done.version, "everything is wrapped by the new key")
            }
            Ok(_) => (),
            Err(error) => {
                tracing::error!(%organisation, %error, "the change of a key could not be ended yet")
            }
        }
    }
}

fn install_metrics() -> Result<PrometheusHandle, String> {
    PrometheusBuilder::new()
        .set_buckets(&[0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 120.0])
        .map_err(|error| error.to_string())?
        .install_recorder()
        .map_err(|error| format!("metrics cannot be started: {error}"))
}

/// Tells the outside that every listener accepts.
pub fn say_ready() -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "ready")?;
    supervisor::ready("taking mail");
    out.flush()
}
