//! The running gateway: what is opened in which order, and how it ends.
//!
//! Start: configuration, rules, stores (with what a crash left), ports, then `ready`. SIGHUP: the same configuration read again,
//! swapped only if it is good. SIGTERM: no new work, open transactions finish within a bound, then the stores are closed.

use crate::{
    base::{clock::Clock, ids::Id, limits},
    config::Config,
    edge::{
        connections::Connections,
        control::{self, Desk},
        http, load,
        smtp_in::{self, Port},
        smtp_out::SmtpCourier,
        tls::ServerTls,
    },
    examine::Reveal,
    facts::dns::Dns,
    mail::Direction,
    pipeline::{
        Gateway, Stores, deliver,
        release::{self, Signer},
        settings::Settings,
        spooled::Spooled,
    },
    store::{
        embedded::{Quarantine, QuarantineOptions, Trace},
        keys::{self, MasterKeyOrigin},
        private,
        spool::{self, RealDisk, Spool},
    },
};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};
use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
    sync::{mpsc, oneshot, watch},
};

/// Where the configuration comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// A file, read again at reload.
    File(PathBuf),
    /// Trial mode, under this data folder.
    Trial(PathBuf),
}

impl Source {
    /// Reads it. `data_dir` from the command line wins over the file.
    pub fn read(&self, data_dir: Option<&Path>) -> Result<Config, String> {
        let mut config = match self {
            Source::Trial(folder) => Config::trial(folder),
            Source::File(file) => {
                let text = fs::read_to_string(file)
                    .map_err(|error| format!("{}: cannot be read: {error}", file.display()))?;
                Config::parse(file, &text).map_err(|error| error.to_string())?
            }
        };
        if let Some(folder) = data_dir {
            config.data_dir = folder.to_path_buf();
        }
        Ok(config)
    }
}

/// Everything a command needs to work on the data folder, whether or not it serves.
pub struct Opened {
    /// The gateway, not yet serving.
    pub gateway: Arc<Gateway>,
    /// How mail leaves.
    pub courier: Arc<SmtpCourier>,
    /// Signs what is released.
    pub signer: Signer,
    /// Held mails that are on their way already: a crash may have come before they were marked so.
    pub released: Vec<Id>,
}

/// Opens stores, rules and courier under a configuration. Needs a runtime.
pub fn open(config: Config, clock: &Clock) -> Result<Opened, String> {
    let say = |error: &dyn std::error::Error| error.to_string();
    let folder = config.data_dir.clone();
    private::data_folder(&folder)
        .map_err(|error| format!("the data folder cannot be made: {error}"))?;
    let (settings, report) = load::load(config, clock, Reveal::No).map_err(|error| say(&error))?;
    for error in &report.errors {
        tracing::error!(error, "a rule is left out");
    }
    for warning in &report.warnings {
        tracing::warn!(warning, "a rule could be better");
    }
    let stores = open_stores(&settings, clock)?;
    let (stores, waiting) = stores;
    let dns = Dns::new(&settings.config.dns.servers).map_err(|error| say(&error))?;
    let courier = Arc::new(
        SmtpCourier::new(settings.config.hostname.clone(), dns.clone(), clock.clone())
            .map_err(|error| say(&error))?,
    );
    let signer = Signer::open(&folder.join("release.key")).map_err(|error| say(&error))?;
    let (secret, _) = keys::read_or_make_master_key(&folder.join("forwarding.key"))
        .map_err(|error| error.to_string())?;
    let gateway =
        Arc::new(Gateway::new(settings, stores, courier.clone(), dns, secret, clock.clone()));
    let released = waiting
        .iter()
        .filter(|mail| mail.listener == release::LISTENER)
        .map(|mail| mail.id)
        .collect();
    for mail in waiting {
        gateway.queue.add(mail);
    }
    Ok(Opened { gateway, courier, signer, released })
}

fn open_stores(settings: &Settings, clock: &Clock) -> Result<(Stores, Vec<Spooled>), String> {
    let store = &settings.config.store;
    let folder = &settings.config.data_dir;
    let (spool, recovered) = Spool::open(
        Arc::new(RealDisk),
        &folder.join("spool"),
        clock.clone(),
        spool::Options::default(),
    )
    .map_err(|error| error.to_string())?;
    if recovered.cut_bytes > 0 || recovered.orphans_removed > 0 {
        tracing::info!(
            cut_bytes = recovered.cut_bytes,
            orphans_removed = recovered.orphans_removed,
            "the spool was not closed last time; what had not been acknowledged was cut off"
        );
    }
    for damage in &recovered.damaged {
        tracing::error!(file = %damage.file.display(), offset = damage.offset, what = %damage.what, "a damaged place in the spool was kept aside");
    }
    let mut waiting = Vec::with_capacity(recovered.entries.len());
    for entry in recovered.entries {
        match Spooled::from_meta(&entry.meta) {
            Ok(mail) => waiting.push(mail),
            Err(error) => {
                tracing::error!(id = %entry.id, %error, "the record of a spooled mail is not understood; it stays in the spool")
            }
        }
    }
    let (master, origin) = match &store.master_key {
        Some(file) => {
            (keys::read_master_key(file).map_err(|error| error.to_string())?, MasterKeyOrigin::Read)
        }
        None => keys::read_or_make_master_key(&folder.join("master.key"))
            .map_err(|error| error.to_string())?,
    };
    if origin == MasterKeyOrigin::MadeBesideTheData {
        tracing::warn!(
            "a master key was made beside the data: good for trials; set [store] master-key to a file elsewhere"
        );
    }
    let options = QuarantineOptions {
        keep: Duration::from_secs(store.quarantine_days.saturating_mul(86_400)),
        bytes_max: store.quarantine_bytes.0,
    };
    let (quarantine, swept) =
        Quarantine::open(&folder.join("quarantine"), master, clock.clone(), options)
            .map_err(|error| error.to_string())?;
    if swept > 0 {
        tracing::info!(
            swept,
            "files of mails that were never acknowledged were swept from the quarantine"
        );
    }
    let keep = Duration::from_secs(store.trace_days.saturating_mul(86_400));
    let trace = Trace::open(&folder.join("trace"), clock.clone(), keep)
        .map_err(|error| error.to_string())?;
    Ok((Stores { spool, quarantine, trace }, waiting))
}

/// A gateway that serves.
pub struct Running {
    /// For whoever wants to ask it something.
    pub desk: Arc<Desk>,
    source: Source,
    data_dir: Option<PathBuf>,
    tls: Arc<ServerTls>,
    courier: Arc<SmtpCourier>,
    end: watch::Sender<bool>,
    queue: tokio::task::JoinHandle<()>,
    reloads: mpsc::Receiver<oneshot::Sender<Result<String, String>>>,
}

/// Opens everything and listens. When this returns, every listener accepts.
pub async fn start(source: Source, data_dir: Option<PathBuf>) -> Result<Running, String> {
    let clock = Clock::system();
    let started = clock.now();
    let config = source.read(data_dir.as_deref())?;
    warn_of_emptiness(&config)?;
    let metrics = install_metrics()?;
    let Opened { gateway, courier, signer, released } = open(config.clone(), &clock)?;
    for id in released {
        gateway.stores.quarantine.release(id).await.map_err(|error| error.to_string())?;
    }
    let tls = Arc::new(ServerTls::new(&config).map_err(|error| error.to_string())?);
    let connections = Arc::new(Connections::default());
    let (end, ending) = watch::channel(false);
    let mut sockets = Vec::new();
    for listener in &config.listeners {
        let socket = TcpListener::bind(listener.bind).await.map_err(|error| {
            format!("listener {:?} cannot have {}: {error}", listener.name, listener.bind)
        })?;
        sockets.push((Arc::new(listener.clone()), socket));
    }
    let web = match config.web.admin {
        Some(address) => Some(
            TcpListener::bind(address)
                .await
                .map_err(|error| format!("the admin web cannot have {address}: {error}"))?,
        ),
        None => None,
    };
    let control = control::bind(&config.data_dir)
        .map_err(|error| format!("the control socket cannot be opened: {error}"))?;
    let (reload, reloads) = mpsc::channel(1);
    let desk = Arc::new(Desk {
        gateway: gateway.clone(),
        signer,
        connections: connections.clone(),
        started,
        reload: Some(reload),
    });
    for (listener, socket) in sockets {
        let port = Port {
            gateway: gateway.clone(),
            listener,
            tls: tls.clone(),
            connections: connections.clone(),
            ending: ending.clone(),
        };
        tokio::spawn(smtp_in::listen(port, socket));
    }
    tokio::spawn(control::serve(desk.clone(), control));
    if let Some(socket) = web {
        let pages = http::admin(desk.clone(), metrics);
        tokio::spawn(async move {
            if let Err(error) = axum::serve(socket, pages).await {
                tracing::error!(%error, "the admin web ended");
            }
        });
    }
    let queue = tokio::spawn(deliver::run(gateway.clone()));
    tokio::spawn(keep_house(gateway, courier.clone()));
    Ok(Running { desk, source, data_dir, tls, courier, end, queue, reloads })
}

/// A gateway without a port does nothing; one without domains or networks refuses everybody.
fn warn_of_emptiness(config: &Config) -> Result<(), String> {
    if config.listeners.is_empty() {
        return Err("the configuration has no [[listener]], so there is nothing to serve; write one with name, bind and direction".to_string());
    }
    let has = |direction| config.listeners.iter().any(|listener| listener.direction == direction);
    if has(Direction::Inbound) && config.domains.is_empty() {
        tracing::warn!("there is no [[domain]]: every recipient will be refused");
    }
    if has(Direction::Outbound) && config.outbound.networks.is_empty() {
        tracing::warn!("[outbound] networks is empty: nobody may send by the outbound listener");
    }
    Ok(())
}

impl Running {
    /// Serves until SIGTERM or SIGINT, then drains.
    pub async fn until_told_to_end(mut self) -> Result<(), String> {
        let failed = |error: std::io::Error| format!("signals cannot be heard: {error}");
        let mut hangup = signal(SignalKind::hangup()).map_err(failed)?;
        let mut terminate = signal(SignalKind::terminate()).map_err(failed)?;
        let mut interrupt = signal(SignalKind::interrupt()).map_err(failed)?;
        loop {
            tokio::select! {
                _ = hangup.recv() => {
                    let _logged_inside = self.reload().await;
                }
                Some(tell) = self.reloads.recv() => {
                    let outcome = self.reload().await;
                    let _gone = tell.send(outcome);
                }
                _ = terminate.recv() => break,
                _ = interrupt.recv() => break,
            }
        }
        self.drain().await;
        Ok(())
    }

    /// Reads configuration, rules and certificate again. A bad one leaves the old in force.
    async fn reload(&self) -> Result<String, String> {
        let gateway = &self.desk.gateway;
        let outcome = self.reload_inner().await;
        match &outcome {
            Ok(done) => tracing::info!(rules = gateway.settings.load().rules_loaded, "{done}"),
            Err(error) => tracing::error!(error, "the old configuration stays in force"),
        }
        outcome
    }

    async fn reload_inner(&self) -> Result<String, String> {
        let gateway = &self.desk.gateway;
        let config = self.source.read(self.data_dir.as_deref())?;
        let old = gateway.settings.load();
        if config.listeners != old.config.listeners
            || config.data_dir != old.config.data_dir
            || config.web != old.config.web
        {
            tracing::warn!("listeners, web and data-dir change only at a restart");
        }
        let clock = gateway.clock.clone();
        // Compiling rules takes its time; mail goes on meanwhile.
        let loading = tokio::task::spawn_blocking(move || load::load(config, &clock, Reveal::No));
        let (settings, report) =
            loading.await.map_err(|error| error.to_string())?.map_err(|error| error.to_string())?;
        self.tls.reload(&settings.config).map_err(|error| error.to_string())?;
        for error in &report.errors {
            tracing::error!(error, "a rule is left out");
        }
        gateway.settings.store(Arc::new(settings));
        Ok(format!("reloaded; {} rules left out", report.errors.len()))
    }

    /// No new work; what is open finishes within a bound; then everything is made durable.
    async fn drain(self) {
        tracing::info!("ending: open transactions may finish");
        self.end.send_replace(true);
        let gateway = &self.desk.gateway;
        gateway.queue.close();
        let finished = async {
            while self.desk.connections.count() > 0 {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            if let Err(error) = self.queue.await {
                tracing::error!(%error, "the queue ended badly");
            }
        };
        if tokio::time::timeout(limits::DRAIN_TIME_MAX, finished).await.is_err() {
            tracing::warn!(
                connections = self.desk.connections.count(),
                "some transactions did not finish in time; their senders come back"
            );
        }
        self.courier.tidy();
        if let Err(error) = gateway.stores.spool.clone().flush_and_close().await {
            tracing::error!(%error, "the spool could not be closed cleanly");
        }
        // The trace gathers rows for a moment; give it that moment.
        tokio::time::sleep(limits::TRACE_COMMIT_INTERVAL * 2).await;
        let socket = control::socket_path(&gateway.settings.load().config.data_dir);
        if let Err(error) = fs::remove_file(socket) {
            tracing::debug!(%error, "the control socket was gone already");
        }
        tracing::info!("ended");
    }
}

/// What is done now and then: retention, idle connections.
async fn keep_house(gateway: Arc<Gateway>, courier: Arc<SmtpCourier>) {
    let mut every = tokio::time::interval(Duration::from_secs(20));
    loop {
        every.tick().await;
        courier.tidy();
        for (what, kept) in [
            ("the quarantine", gateway.stores.quarantine.retain().await),
            ("the trace", gateway.stores.trace.retain().await),
        ] {
            match kept {
                Ok(0) => (),
                Ok(removed) => tracing::info!(removed, "{what}: rows past their time were deleted"),
                Err(error) => tracing::error!(%error, "{what} could not be kept small"),
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
    out.flush()
}
