//! The audit log's copy elsewhere: every line, in order, to a log server by syslog over TLS (RFC 5424 in the frames of RFC 5425).
//!
//! The log itself is the queue, so nothing is lost while the server is away, and nobody waits for it. Syslog has no acknowledgement. What
//! there is instead: a server closes a connection that we have closed when it has read all of it. So the link is closed and opened again
//! now and then, and what was sent before is known to have been read. After a break all is sent again from behind the close *before* the
//! last one: what the server had read and lost with its memory comes once more. A silent server is noticed by the same close.
//!
//! The certificate is verified, always: by authorities and name, or by its own digest.

use crate::{
    base::{
        clock::{Clock, UnixMs},
        limits,
    },
    config::audit::{AuditConfig, LogHost, LogServer},
    edge::tls,
    facts::dns::{Addresses, Dns},
    store::embedded::{Arrived, AuditLog, Outbox, Outgoing, Standing},
    wire::syslog::{self, Message},
};
use rustls::{ClientConfig, pki_types::ServerName};
use std::{collections::VecDeque, io, net::SocketAddr, sync::Arc, time::Duration};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    sync::watch,
    time::{Instant, timeout},
};
use tokio_rustls::{TlsConnector, client::TlsStream};

/// How long things take; tests take shorter ones.
#[derive(Debug, Clone, Copy)]
pub struct Times {
    /// Between two looks for new records.
    pub tick: Duration,
    /// Without a record, until a sign of life is sent.
    pub heartbeat: Duration,
    /// Until an open connection is closed, to know what has arrived.
    pub confirm: Duration,
    /// Longest wait for the other side, in whatever it does.
    pub answer_max: Duration,
    /// First pause after a break.
    pub rest_first: Duration,
    /// Longest pause.
    pub rest_max: Duration,
}

impl Default for Times {
    fn default() -> Times {
        Times {
            tick: limits::LOG_LINK_TICK,
            heartbeat: limits::LOG_LINK_HEARTBEAT_INTERVAL,
            confirm: limits::LOG_LINK_CONFIRM_INTERVAL,
            answer_max: limits::LOG_LINK_ANSWER_TIME_MAX,
            rest_first: limits::LOG_LINK_REST_FIRST,
            rest_max: limits::LOG_LINK_REST_MAX,
        }
    }
}

/// Whose log goes where.
#[derive(Debug)]
pub struct Link {
    /// The log.
    pub log: AuditLog,
    /// Our name in the messages.
    pub hostname: String,
    /// Where to, and who that must be.
    pub config: AuditConfig,
    /// Finds the server by its name.
    pub dns: Dns,
    /// For what is shown of it.
    pub clock: Clock,
    /// How long things take.
    pub times: Times,
}

/// Why a link was left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Left {
    /// It was closed, and the other side had read all of it.
    Confirmed,
    /// We were told to stop, after the same.
    Stopped,
}

/// Reads what a configuration needs of files. An error names it.
pub fn prepare(config: &AuditConfig) -> Result<Option<Arc<ClientConfig>>, String> {
    if config.syslog.is_none() {
        return Ok(None);
    }
    let made = match config.fingerprint {
        Some(digest) => tls::pinned_client(digest.0),
        None => tls::verifying_client(&config.authorities),
    };
    made.map(Some).map_err(|error| format!("[audit] authorities: {error}"))
}

impl Link {
    /// Sends what there is and what comes, until `stop` becomes true. Then what is left is sent, if the server takes it.
    pub async fn run(&self, mut stop: watch::Receiver<bool>) {
        let (Some(server), Ok(Some(client))) = (&self.config.syslog, prepare(&self.config)) else {
            return;
        };
        let mut rest = self.times.rest_first;
        let mut sending = loop {
            match Sending::begin(self, server, client.clone()) {
                Ok(sending) => break sending,
                Err(error) => {
                    tracing::error!(error, "how far the audit log was sent is not known");
                    let _stopped = timeout(self.times.rest_max, stop.changed()).await;
                    if *stop.borrow() {
                        return;
                    }
                }
            }
        };
        loop {
            // What came just before the end is sent, too.
            if *stop.borrow_and_update() && self.log.durable() <= sending.sent {
                return;
            }
            let begun = Instant::now();
            match sending.session(&mut stop).await {
                Ok(Left::Confirmed) => rest = self.times.rest_first,
                Ok(Left::Stopped) => return,
                Err(error) => {
                    sending.broke(&error);
                    if *stop.borrow() {
                        return;
                    }
                    if begun.elapsed() > self.times.heartbeat {
                        rest = self.times.rest_first;
                    }
                    // A change of the configuration ends the pause.
                    let _stopped = timeout(rest, stop.changed()).await;
                    rest = rest.saturating_mul(2).min(self.times.rest_max);
                }
            }
        }
    }
}

/// The link at work.
struct Sending<'l> {
    link: &'l Link,
    server: &'l LogServer,
    client: Arc<ClientConfig>,
    arrived: Arrived,
    /// None: its position is to be found again.
    outbox: Option<Outbox>,
    /// Taken from the outbox, and not yet written.
    waiting: VecDeque<Outgoing>,
    /// The last record that was written.
    sent: u64,
    standing: Standing,
}

impl<'l> Sending<'l> {
    fn begin(
        link: &'l Link,
        server: &'l LogServer,
        client: Arc<ClientConfig>,
    ) -> Result<Sending<'l>, String> {
        let arrived = Arrived::read(link.log.folder(), &server.to_string());
        let arrived = arrived.map_err(|error| error.to_string())?;
        let standing = Standing { target: server.to_string(), ..Standing::default() };
        let sent = arrived.before;
        let waiting = VecDeque::new();
        let mut sending =
            Sending { link, server, client, arrived, outbox: None, waiting, sent, standing };
        sending.show();
        Ok(sending)
    }

    /// One connection, from its begin to its end.
    async fn session(&mut self, stop: &mut watch::Receiver<bool>) -> io::Result<Left> {
        let times = self.link.times;
        // Looked at first: how much waits is to be seen while the server is away.
        self.fill(1).await?;
        let mut stream = tokio::select! {
            stream = within(times.answer_max, self.connect()) => stream?,
            _ = stop.changed() => return Ok(Left::Stopped),
        };
        let (opened, mut written_at) = (Instant::now(), Instant::now());
        self.standing.up = true;
        let mut count = 0;
        loop {
            if opened.elapsed() > times.heartbeat {
                self.well();
            }
            let room = limits::LOG_LINK_CONFIRM_RECORDS.saturating_sub(count);
            self.fill(room.min(limits::LOG_LINK_BATCH_RECORDS)).await?;
            let stopping = *stop.borrow();
            let is_idle = self.waiting.is_empty();
            if room == 0 || opened.elapsed() > times.confirm || (stopping && is_idle) {
                self.close(stream).await?;
                return Ok(if stopping { Left::Stopped } else { Left::Confirmed });
            }
            if !is_idle {
                count += self.write(&mut stream).await?;
                written_at = Instant::now();
                continue;
            }
            if written_at.elapsed() > times.heartbeat {
                self.heartbeat(&mut stream).await?;
                written_at = Instant::now();
            }
            let mut buffer = [0; 256];
            tokio::select! {
                read = stream.read(&mut buffer) => return Err(match read? == 0 {
                    true => gone(),
                    false => talks(),
                }),
                () = tokio::time::sleep(times.tick) => (),
                _ = stop.changed() => (),
            }
        }
    }

    async fn connect(&self) -> io::Result<TlsStream<TcpStream>> {
        let addresses = match &self.server.host {
            LogHost::Address(address) => vec![*address],
            LogHost::Name(name) => match self.link.dns.addresses(name).await {
                Addresses::Found(addresses) => addresses,
                Addresses::Unknown(why) => return Err(io::Error::other(why)),
            },
        };
        let mut last = io::Error::other(format!("{} has no address", self.server));
        for address in addresses {
            let at = SocketAddr::new(address, self.server.port);
            match TcpStream::connect(at).await {
                Ok(stream) => {
                    let name = self.name()?;
                    return TlsConnector::from(self.client.clone()).connect(name, stream).await;
                }
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    /// Whom the certificate must name.
    fn name(&self) -> io::Result<ServerName<'static>> {
        let name = match (&self.link.config.name, &self.server.host) {
            (Some(name), _) | (None, LogHost::Name(name)) => name.to_string(),
            (None, LogHost::Address(address)) => return Ok(ServerName::from(*address)),
        };
        ServerName::try_from(name).map_err(io::Error::other)
    }

    /// Takes at most so many from the outbox, if none waits.
    async fn fill(&mut self, most: usize) -> io::Result<()> {
        let durable = self.link.log.durable();
        if self.waiting.is_empty() && durable > self.sent && most > 0 {
            let (outbox, folder) = (self.outbox.take(), self.link.log.folder().to_path_buf());
            let sent = self.sent;
            let taking = tokio::task::spawn_blocking(move || {
                let mut outbox = match outbox {
                    Some(outbox) => outbox,
                    None => Outbox::behind(&folder, sent)?,
                };
                let taken = outbox.take(durable, most)?;
                Ok((outbox, taken))
            });
            let taken = taking.await.map_err(io::Error::other)?;
            let (outbox, taken) =
                taken.map_err(|error: crate::store::StoreError| io::Error::other(error))?;
            (self.outbox, self.waiting) = (Some(outbox), taken.into());
        }
        self.show();
        Ok(())
    }

    /// Writes what waits; gives how many records that were.
    async fn write(&mut self, stream: &mut TlsStream<TcpStream>) -> io::Result<usize> {
        let (mut bytes, hostname) = (Vec::new(), self.link.hostname.as_str());
        for Outgoing { at, line, .. } in &self.waiting {
            let message = Message { at: *at, hostname, kind: "audit", text: line };
            syslog::frame(&message, &mut bytes);
        }
        self.put(stream, &bytes).await?;
        let count = self.waiting.len();
        self.sent = self.waiting.back().map_or(self.sent, |last| last.number);
        self.waiting.clear();
        self.show();
        Ok(count)
    }

    /// Says that we live, and up to where the log goes: whoever reads it there sees what is missing.
    async fn heartbeat(&mut self, stream: &mut TlsStream<TcpStream>) -> io::Result<()> {
        let text = format!("{{\"heartbeat\":{{\"sent\":{}}}}}", self.sent);
        let (at, hostname) = (self.link.clock.now(), self.link.hostname.as_str());
        let mut bytes = Vec::new();
        let message = Message { at, hostname, kind: "heartbeat", text: text.as_bytes() };
        syslog::frame(&message, &mut bytes);
        self.put(stream, &bytes).await
    }

    async fn put(&self, stream: &mut TlsStream<TcpStream>, bytes: &[u8]) -> io::Result<()> {
        within(self.link.times.answer_max, async {
            stream.write_all(bytes).await?;
            stream.flush().await
        })
        .await
    }

    /// Ends a connection and waits until the server has ended it too: then it has read all that was sent.
    async fn close(&mut self, mut stream: TlsStream<TcpStream>) -> io::Result<()> {
        let mut buffer = [0; 256];
        // One that has ended it by itself before has read nobody knows what.
        if let Ok(read) = timeout(Duration::from_millis(1), stream.read(&mut buffer)).await
            && read? == 0
        {
            return Err(gone());
        }
        within(self.link.times.answer_max, async {
            stream.shutdown().await?;
            match stream.read(&mut buffer).await {
                Ok(0) => Ok(()),
                Ok(_) => Err(talks()),
                // It ended the connection without TLS's goodbye. Had it left anything unread, it would have been reset.
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(()),
                Err(error) => Err(error),
            }
        })
        .await?;
        let now = Arrived {
            confirmed: self.sent,
            before: self.arrived.confirmed.min(self.sent),
            ..self.arrived.clone()
        };
        if now != self.arrived {
            now.write(self.link.log.folder()).map_err(io::Error::other)?;
            self.arrived = now;
        }
        self.well();
        Ok(())
    }

    /// The link works.
    fn well(&mut self) {
        if self.standing.ill_since_ms.take().is_some() {
            tracing::info!(target_server = %self.server, "the audit log goes to the log server again");
        }
        self.standing.said.clear();
        self.show();
    }

    /// The link broke: from behind the close before the last one all is sent again.
    fn broke(&mut self, error: &io::Error) {
        if self.standing.ill_since_ms.is_none() {
            self.standing.ill_since_ms = Some(self.link.clock.now());
            tracing::warn!(target_server = %self.server, %error, "the link to the log server broke; the audit log waits here, and it is tried again");
        }
        (self.standing.up, self.standing.said) = (false, error.to_string());
        (self.sent, self.outbox) = (self.arrived.before, None);
        self.waiting.clear();
        self.show();
    }

    fn show(&mut self) {
        let durable = self.link.log.durable();
        let oldest = self.waiting.front().map(|first| first.at);
        self.standing = Standing {
            sent: self.sent,
            arrived: self.arrived.confirmed,
            unsent: durable.saturating_sub(self.sent),
            oldest_ms: oldest.or(self.standing.oldest_ms).filter(|_| durable > self.sent),
            ..std::mem::take(&mut self.standing)
        };
        self.link.log.set_link(Some(self.standing.clone()));
    }
}

/// What a standing means to people; none while all is well. `broken_max` is how long it may take.
pub fn trouble(standing: &Standing, broken_max: Duration, now: UnixMs) -> Option<String> {
    let waited = standing.oldest_ms.map_or(Duration::ZERO, |at| now.since(at));
    let ill = standing.ill_since_ms.map_or(Duration::ZERO, |at| now.since(at));
    if ill.max(waited) < broken_max {
        return None;
    }
    let said = match standing.said.as_str() {
        "" => "it takes nothing".to_string(),
        said => said.to_string(),
    };
    Some(format!(
        "the audit log does not reach the log server {}: {said}. {} wait here and are sent when it is back",
        standing.target,
        waiting(standing, now),
    ))
}

/// "12 records, the oldest of 3 minutes ago,".
pub fn waiting(standing: &Standing, now: UnixMs) -> String {
    use crate::base::units::{grouped, roughly};
    let records = match standing.unsent {
        1 => "1 record".to_string(),
        many => format!("{} records", grouped(many)),
    };
    match standing.oldest_ms {
        Some(at) => format!("{records} (the oldest is {} old)", roughly(now.since(at))),
        None => records,
    }
}

fn gone() -> io::Error {
    io::Error::other("the server ended the connection")
}

fn talks() -> io::Error {
    io::Error::other("the server says something, and syslog knows no answers")
}

async fn within<T>(bound: Duration, work: impl Future<Output = io::Result<T>>) -> io::Result<T> {
    timeout(bound, work).await.unwrap_or_else(|_| {
        let why = format!("the server did not answer within {} s", bound.as_secs());
        Err(io::Error::new(io::ErrorKind::TimedOut, why))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_broken_for_long_is_said_with_what_waits() {
        let (now, limit) = (UnixMs(1_800_000_000_000), Duration::from_secs(600));
        let ago = |seconds| Some(now.minus(Duration::from_secs(seconds)));
        let standing = |ill: u64, oldest: u64, unsent| Standing {
            target: "tls://log.example:6514".to_string(),
            ill_since_ms: ago(ill).filter(|_| ill > 0),
            oldest_ms: ago(oldest).filter(|_| oldest > 0),
            unsent,
            ..Standing::default()
        };
        assert_eq!(trouble(&standing(0, 0, 0), limit, now), None);
        assert_eq!(trouble(&standing(599, 599, 5), limit, now), None);
        let slow = trouble(&standing(0, 700, 5_000), limit, now).unwrap();
        assert!(slow.contains("takes nothing") && slow.contains("5\u{202f}000 records"), "{slow}");
        let mut broken = standing(700, 0, 1);
        broken.said = "connection refused".to_string();
        let broken = trouble(&broken, limit, now).unwrap();
        assert!(
            broken.contains("tls://log.example:6514: connection refused. 1 record wait"),
            "{broken}"
        );
    }
}
