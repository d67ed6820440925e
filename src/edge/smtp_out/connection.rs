//! One connection to a next hop: greeting, EHLO, TLS, then mail after mail.

use crate::{
    base::{
        clock::{Clock, Tick},
        limits,
    },
    edge::stream::{Wire, within},
    mail::{Address, Domain, TlsSession},
    pipeline::courier::{Attempt, Job, OnDiffering, Outcome, Probe, Said},
    wire::smtp::{
        client::{self, Capabilities, ServerReply},
        stream::DataWriter,
    },
};
use bytes::Buf;
use rustls::{ClientConfig, pki_types::ServerName};
use std::{fmt, io, net::SocketAddr, sync::Arc, time::Duration};
use tokio::net::TcpStream;

/// A server by the name we know it by and the address we reached.
#[derive(Debug, Clone)]
pub(super) struct Place {
    /// The name in the route or the MX.
    pub(super) name: String,
    /// Where it was reached.
    pub(super) at: SocketAddr,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.at.ip().to_string() == self.name {
            true => write!(f, "{}", self.at),
            false => write!(f, "{} [{}]:{}", self.name, self.at.ip(), self.at.port()),
        }
    }
}

/// Shall TLS be spoken?
#[derive(Debug, Clone, Copy)]
pub(super) enum Encrypt<'a> {
    /// No.
    Never,
    /// If the server offers it.
    WhenOffered(&'a Arc<ClientConfig>),
    /// Or nothing is said.
    Always(&'a Arc<ClientConfig>),
}

/// Why a connection could not be used.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failed {
    /// The network.
    #[error("{place}: {why}")]
    Network {
        /// With whom.
        place: String,
        /// How.
        why: String,
    },
    /// The handshake; in clear it may work.
    #[error("TLS failed: {0}")]
    Handshake(String),
    /// It wants no mail just now, or never; its words.
    #[error("{place} said {said}")]
    Unwilling {
        /// Who.
        place: String,
        /// What.
        said: String,
    },
    /// TLS is demanded and not offered.
    #[error("{0} offers no TLS, and it is demanded")]
    NoTls(String),
}

/// An open connection.
#[derive(Debug)]
pub(super) struct Connection {
    wire: Wire,
    /// With whom.
    pub(super) place: Place,
    /// What it can.
    pub(super) server: Capabilities,
    /// What TLS agreed on.
    pub(super) tls: Option<TlsSession>,
    /// Mails carried.
    pub(super) mails: u32,
    /// Since when it waits.
    pub(super) idle_since: Tick,
    /// It may carry another mail.
    pub(super) usable: bool,
    clock: Clock,
}

/// When the patience of whoever waits for us ends; absent when nobody waits. Asked anew before every wait:
/// a server that is a little slow with each reply must not add up to more.
type Until = Option<Tick>;

impl Connection {
    /// Connects and says hello.
    pub(super) async fn open(
        place: &Place,
        hostname: &Domain,
        encrypt: Encrypt<'_>,
        clock: &Clock,
        until: Until,
    ) -> Result<Connection, Failed> {
        let network =
            |error: io::Error| Failed::Network { place: place.to_string(), why: error.to_string() };
        let stream =
            within(left(clock, until, limits::CONNECT_TIMEOUT), TcpStream::connect(place.at))
                .await
                .map_err(network)?;
        stream.set_nodelay(true).map_err(network)?;
        let mut connection = Connection {
            wire: Wire::new(stream),
            place: place.clone(),
            server: Capabilities::default(),
            tls: None,
            mails: 0,
            idle_since: clock.tick(),
            usable: true,
            clock: clock.clone(),
        };
        let greeting = connection.reply(until, limits::CONNECT_TIMEOUT).await.map_err(network)?;
        if !greeting.is_yes() {
            return Err(connection.unwilling(&greeting));
        }
        connection.hello(hostname, until).await?;
        match encrypt {
            Encrypt::Never => (),
            Encrypt::WhenOffered(config) if connection.server.starttls => {
                connection.start_tls(config, hostname, until).await?
            }
            Encrypt::WhenOffered(_) => (),
            Encrypt::Always(config) if connection.server.starttls => {
                connection.start_tls(config, hostname, until).await?
            }
            Encrypt::Always(_) => return Err(Failed::NoTls(place.to_string())),
        }
        Ok(connection)
    }

    fn unwilling(&self, reply: &ServerReply) -> Failed {
        Failed::Unwilling { place: self.place.to_string(), said: reply.one_line() }
    }

    async fn hello(&mut self, hostname: &Domain, until: Until) -> Result<(), Failed> {
        // RFC 3207 section 4.2: what was heard in clear counts no more inside TLS.
        self.server = Capabilities::default();
        let patience = limits::CONNECT_TIMEOUT;
        let place = self.place.to_string();
        let network = |error: io::Error| Failed::Network { place, why: error.to_string() };
        let reply =
            self.say(&client::ehlo(hostname.as_str()), until, patience).await.map_err(network)?;
        if reply.is_yes() {
            self.server = Capabilities::read(&reply);
            return Ok(());
        }
        let place = self.place.to_string();
        let network = |error: io::Error| Failed::Network { place, why: error.to_string() };
        let reply =
            self.say(&client::helo(hostname.as_str()), until, patience).await.map_err(network)?;
        match reply.is_yes() {
            true => Ok(()),
            false => Err(self.unwilling(&reply)),
        }
    }

    async fn start_tls(
        &mut self,
        config: &Arc<ClientConfig>,
        hostname: &Domain,
        until: Until,
    ) -> Result<(), Failed> {
        let handshake = |error: io::Error| Failed::Handshake(error.to_string());
        let reply =
            self.say(client::STARTTLS, until, limits::CONNECT_TIMEOUT).await.map_err(handshake)?;
        if !reply.is_yes() {
            return Err(Failed::Handshake(reply.one_line()));
        }
        let name = ServerName::try_from(self.place.name.clone())
            .unwrap_or_else(|_| ServerName::from(self.place.at.ip()));
        // Anything already read came in clear behind the reply: `connect_tls` refuses to begin then.
        let tls = self
            .wire
            .connect_tls(config.clone(), name, left(&self.clock, until, limits::HANDSHAKE_TIMEOUT))
            .await
            .map_err(handshake)?;
        self.tls = Some(tls);
        self.hello(hostname, until).await
    }

    /// Carries one mail. An error means that the connection broke before the mail was complete: nothing was delivered.
    pub(super) async fn carry(&mut self, job: &Job<'_>) -> io::Result<Attempt> {
        self.mails += 1;
        self.usable = false;
        let until = job.deadline;
        if let Some(said) = self.cannot(job) {
            self.usable = true;
            return Ok(Attempt::Finished(vec![
                Outcome::Refused(said);
                job.envelope.recipients.len()
            ]));
        }
        let outcomes = match self.envelope(job).await? {
            Ok(outcomes) => outcomes,
            Err(refusal) => {
                return Ok(self.give_up(refusal, job).await);
            }
        };
        let taken =
            outcomes.iter().filter(|outcome| matches!(outcome, Outcome::Accepted(_))).count();
        // One reply cannot say "later" and "never" at once either.
        let differing = job.on_differing == OnDiffering::Stop && !are_alike(&outcomes);
        if differing || taken == 0 {
            self.reset(until).await;
            let attempt =
                if differing { Attempt::Differ(outcomes) } else { Attempt::Finished(outcomes) };
            return Ok(attempt);
        }
        let go = self.say(client::DATA, until, limits::NEXT_HOP_REPLY_TIMEOUT).await?;
        if go.code != 354 {
            return Ok(self.give_up(go, job).await);
        }
        if let Err(error) = self.send(job).await? {
            // From here on the server may have the mail: RFC 1047.
            return Ok(Attempt::Silent(format!("{}: {error}", self.place)));
        }
        match self.reply(until, limits::NEXT_HOP_DOT_TIMEOUT).await {
            Ok(reply) => {
                self.usable = reply.code != 421;
                Ok(Attempt::Finished(with_dot(outcomes, &reply)))
            }
            Err(error) => {
                Ok(Attempt::Silent(format!("{}: {error} after the final dot", self.place)))
            }
        }
    }

    /// What the server's own announcement rules out.
    fn cannot(&self, job: &Job<'_>) -> Option<Said> {
        if self.server.refuses_size(job.message.size_bytes()) {
            return Some(ours(
                "5.3.4",
                format!("{} takes at most {} bytes", self.place, self.server.size.unwrap_or(0)),
            ));
        }
        if job.envelope.smtputf8 && !self.server.smtputf8 {
            return Some(ours("5.6.7", format!("{} takes no internationalised mail", self.place)));
        }
        None
    }

    /// MAIL and all RCPT, in one write where the server pipelines. The inner error is a refusal of the whole.
    async fn envelope(&mut self, job: &Job<'_>) -> io::Result<Result<Vec<Outcome>, ServerReply>> {
        let (until, patience) = (job.deadline, limits::NEXT_HOP_REPLY_TIMEOUT);
        let mail = client::mail_from(job.envelope, job.message.size_bytes(), &self.server);
        let rcpts: Vec<String> =
            job.envelope.recipients.iter().map(|one| client::rcpt_to(one, &self.server)).collect();
        let pipelining = self.server.pipelining;
        let mail_reply = match pipelining {
            true => {
                self.write(format!("{mail}{}", rcpts.concat()).as_bytes(), until, patience).await?;
                self.reply(until, patience).await?
            }
            false => self.say(&mail, until, patience).await?,
        };
        if !mail_reply.is_yes() && !pipelining {
            return Ok(Err(mail_reply));
        }
        let mut outcomes = Vec::with_capacity(rcpts.len());
        for rcpt in &rcpts {
            let reply = match pipelining {
                true => self.reply(until, patience).await?,
                false => self.say(rcpt, until, patience).await?,
            };
            outcomes.push(outcome(&reply));
        }
        Ok(if mail_reply.is_yes() { Ok(outcomes) } else { Err(mail_reply) })
    }

    /// The server refused the whole mail at MAIL or DATA.
    async fn give_up(&mut self, refusal: ServerReply, job: &Job<'_>) -> Attempt {
        if refusal.code != 421 {
            self.reset(job.deadline).await;
        }
        match refusal.is_no() {
            true => Attempt::Finished(vec![
                Outcome::Refused(said(&refusal));
                job.envelope.recipients.len()
            ]),
            false => Attempt::Away(format!("{} said {}", self.place, refusal.one_line())),
        }
    }

    /// Sends the message and its end. The outer error: it broke before the end was sent; the inner one: while sending the end.
    async fn send(&mut self, job: &Job<'_>) -> io::Result<io::Result<()>> {
        let (until, patience) = (job.deadline, limits::NEXT_HOP_DOT_TIMEOUT);
        let mut writer = DataWriter::default();
        let mut out = Vec::with_capacity(4 << 10);
        for piece in job.message.pieces() {
            // A message whose bytes cannot be read must not be ended: the connection is dropped, and the server with it.
            writer.feed(&piece?, &mut out);
            if out.len() >= limits::SEND_BYTES {
                self.write(&out, until, patience).await?;
                out.clear();
            }
        }
        writer.finish(&mut out);
        Ok(self.write(&out, until, patience).await)
    }

    /// Makes the connection good for another mail.
    async fn reset(&mut self, until: Until) {
        let reply = self.say(client::RSET, until, RESET_TIMEOUT).await;
        self.usable = reply.is_ok_and(|reply| reply.is_yes());
    }

    /// Would the server take mail for this address?
    pub(super) async fn probe(&mut self, address: &Address) -> io::Result<Probe> {
        let (patience, until) = (limits::CALLOUT_TIMEOUT, None);
        self.usable = false;
        let [mail, rcpt] = client::probe(address);
        let (mail, rcpt) = match self.server.pipelining {
            true => {
                let lines = format!("{mail}{rcpt}{}", client::RSET);
                self.write(lines.as_bytes(), until, patience).await?;
                let mail = self.reply(until, patience).await?;
                let rcpt = self.reply(until, patience).await?;
                self.usable = self.reply(until, patience).await?.is_yes();
                (mail, rcpt)
            }
            false => {
                let mail = self.say(&mail, until, patience).await?;
                let rcpt = self.say(&rcpt, until, patience).await?;
                self.reset(until).await;
                (mail, rcpt)
            }
        };
        if !mail.is_yes() {
            return Ok(Probe::Away(format!(
                "{} refuses the null sender: {}",
                self.place,
                mail.one_line()
            )));
        }
        Ok(match rcpt.code {
            200..300 => Probe::Yes,
            // 5.7.0 and 5.7.1 are as a rule about us, not about the recipient (RFC 3463 section 3.8).
            500.. if rcpt.enhanced().is_some_and(|code| matches!(code, "5.7.0" | "5.7.1")) => {
                Probe::Away(format!("{} refuses to be asked: {}", self.place, rcpt.one_line()))
            }
            500.. => Probe::No,
            _ => Probe::Later,
        })
    }

    async fn say(
        &mut self,
        line: &str,
        until: Until,
        longest: Duration,
    ) -> io::Result<ServerReply> {
        self.write(line.as_bytes(), until, longest).await?;
        self.reply(until, longest).await
    }

    async fn write(&mut self, bytes: &[u8], until: Until, longest: Duration) -> io::Result<()> {
        self.wire.write(bytes, left(&self.clock, until, longest)).await
    }

    /// A whole reply within this time: a server that sends a line now and then is silent all the same.
    async fn reply(&mut self, until: Until, longest: Duration) -> io::Result<ServerReply> {
        let end = self.clock.tick().plus(left(&self.clock, until, longest));
        loop {
            match client::take_reply(&self.wire.input) {
                Ok(Some((reply, taken))) => {
                    self.wire.input.advance(taken);
                    return Ok(reply);
                }
                Ok(None) if self.wire.input.len() > REPLY_BYTES_MAX => {
                    return Err(io::Error::other("a reply without end"));
                }
                Ok(None) => (),
                Err(wrong) => return Err(io::Error::other(wrong.to_string())),
            }
            let patience = end.since(self.clock.tick());
            if self.wire.read_more(limits::COMMAND_READ_BYTES, patience).await? == 0 {
                return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the server hung up"));
            }
        }
    }
}

const REPLY_BYTES_MAX: usize = limits::REPLY_LINE_BYTES_MAX * limits::REPLY_LINES_MAX;
const RESET_TIMEOUT: Duration = Duration::from_secs(10);

/// How long one step may take: as long as such a step may, and until nobody waits for us any more.
fn left(clock: &Clock, until: Until, longest: Duration) -> Duration {
    until.map_or(longest, |end| end.since(clock.tick()).min(longest))
}

/// Do all say the same: yes, later or never?
fn are_alike(outcomes: &[Outcome]) -> bool {
    let mut kinds = outcomes.iter().map(std::mem::discriminant);
    let first = kinds.next();
    kinds.all(|kind| Some(kind) == first)
}

fn said(reply: &ServerReply) -> Said {
    Said {
        code: reply.code,
        enhanced: reply.enhanced().map(str::to_string),
        line: reply.one_line(),
    }
}

fn ours(enhanced: &str, line: String) -> Said {
    Said { code: 550, enhanced: Some(enhanced.to_string()), line }
}

fn outcome(reply: &ServerReply) -> Outcome {
    match reply.code {
        200..300 => Outcome::Accepted(said(reply)),
        500.. => Outcome::Refused(said(reply)),
        _ => Outcome::Later(said(reply)),
    }
}

/// The reply after the dot holds for every recipient that was taken.
fn with_dot(outcomes: Vec<Outcome>, dot: &ServerReply) -> Vec<Outcome> {
    let settle = |one: Outcome| match one {
        Outcome::Accepted(_) => outcome(dot),
        refused @ (Outcome::Later(_) | Outcome::Refused(_)) => refused,
    };
    outcomes.into_iter().map(settle).collect()
}
