//! One connection to a next hop: greeting, EHLO, TLS, login, then mail after mail.
//!
//! A connection that told its server of a client (XCLIENT) carries no other client's mail before it has told of that one.

use super::{bond::Bond, pool::dismiss};
use crate::{
    base::{
        clock::{Clock, Tick},
        hidden::Hidden,
        limits,
    },
    edge::{
        showing::Onlooker,
        stream::{Wire, within},
    },
    mail::{Address, Domain, Peer},
    pipeline::courier::{Attempt, Job, OnDiffering, Outcome, Probe, Said, Towards},
    wire::{
        smtp::{
            client::{self, Capabilities, Login, ServerReply},
            stream::DataWriter,
        },
        tls::{
            Channel, Dnssec, InClear, Refusal, Rung, Secured, Vouch,
            judge::{Shown, judge},
        },
    },
};
use bytes::Buf;
use rustls::{ClientConfig, pki_types::ServerName};
use std::{
    fmt, io,
    net::{IpAddr, SocketAddr},
    path::PathBuf,
    sync::Arc,
    time::Duration,
};
use tokio::net::{TcpSocket, TcpStream, UnixStream};

/// What is spoken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Protocol {
    /// SMTP.
    Smtp,
    /// LMTP: LHLO, and a reply for each recipient after the dot.
    Lmtp,
}

/// Where a server is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Place {
    /// A server by the name we know it by (in the route or the MX) and the address we reached.
    Net {
        /// Its name.
        name: String,
        /// Where it was reached.
        at: SocketAddr,
    },
    /// A socket file.
    Socket(PathBuf),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Place::Net { name, at } if at.ip().to_string() == *name => write!(f, "{at}"),
            Place::Net { name, at } => write!(f, "{name} [{}]:{}", at.ip(), at.port()),
            Place::Socket(path) => write!(f, "lmtp:{}", path.display()),
        }
    }
}

/// How a connection is to be made.
#[derive(Debug, Clone, Copy)]
pub(super) struct Opening<'a> {
    /// With whom.
    pub(super) place: &'a Place,
    /// In what language.
    pub(super) protocol: Protocol,
    /// The name we give.
    pub(super) hello: &'a Domain,
    /// The address we come from; absent: the system chooses.
    pub(super) source: Option<IpAddr>,
    /// TLS.
    pub(super) encrypt: Encrypt<'a>,
    /// Why TLS is not tried, where it failed just now.
    pub(super) fallen: Option<&'a InClear>,
    /// What holds for the channel.
    pub(super) bond: &'a Bond,
    /// Who looks at certificates.
    pub(super) onlooker: &'a Onlooker,
    /// The mail host, where an MX led there.
    pub(super) mail_host: Option<&'a Domain>,
    /// Of which configuration this is.
    pub(super) generation: u64,
    /// Whom we log in as.
    pub(super) login: Option<&'a Login>,
    /// Mails it may carry.
    pub(super) mails_max: u32,
    /// Time.
    pub(super) clock: &'a Clock,
    /// When whoever waits for us gives up.
    pub(super) until: Until,
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
    /// From the first byte.
    AtOnce(&'a Arc<ClientConfig>),
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
    /// STARTTLS was offered and refused; in clear it may work.
    #[error("STARTTLS was refused: {0}")]
    TlsRefused(String),
    /// What it showed is not enough.
    #[error("{place}: {refusal}")]
    Unproven {
        /// With whom.
        place: String,
        /// Why.
        refusal: Refusal,
    },
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
    /// It does not let us in.
    #[error("{place} refuses our login: {said}")]
    Login {
        /// Who.
        place: String,
        /// What it said.
        said: String,
    },
}

/// Has the server been told of a client?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Told {
    /// It takes us for ourselves.
    Nothing,
    /// It takes us for somebody else.
    OfAClient,
}

/// An open connection.
#[derive(Debug)]
pub(super) struct Connection {
    wire: Wire,
    /// With whom.
    pub(super) place: Place,
    /// What it can.
    pub(super) server: Capabilities,
    /// What protects it, and who vouches for the server.
    pub(super) channel: Channel,
    /// What held when it was opened.
    pub(super) bond: Bond,
    /// The mail host, where an MX led there.
    pub(super) mail_host: Option<Domain>,
    /// Of which configuration it is.
    pub(super) generation: u64,
    /// Since when it waits.
    pub(super) idle_since: Tick,
    /// It may carry another mail.
    pub(super) usable: bool,
    protocol: Protocol,
    hello: Domain,
    told: Told,
    mails: u32,
    mails_max: u32,
    clock: Clock,
}

/// When the patience of whoever waits for us ends; absent when nobody waits. Asked anew before every wait:
/// a server that is a little slow with each reply must not add up to more.
type Until = Option<Tick>;

impl Connection {
    /// Connects, says hello, encrypts and logs in, as far as it is to.
    pub(super) async fn open(opening: Opening<'_>) -> Result<Connection, Failed> {
        let Opening { place, until, clock, .. } = opening;
        let network =
            |error: io::Error| Failed::Network { place: place.to_string(), why: error.to_string() };
        let wire = within(left(clock, until, limits::CONNECT_TIMEOUT), reach(&opening))
            .await
            .map_err(network)?;
        let mut connection = Connection {
            wire,
            place: place.clone(),
            server: Capabilities::default(),
            channel: in_clear(&opening),
            bond: opening.bond.clone(),
            mail_host: opening.mail_host.cloned(),
            generation: opening.generation,
            idle_since: clock.tick(),
            usable: true,
            protocol: opening.protocol,
            hello: opening.hello.clone(),
            told: Told::Nothing,
            mails: 0,
            mails_max: opening.mails_max,
            clock: clock.clone(),
        };
        if let Encrypt::AtOnce(config) = opening.encrypt {
            connection.handshake(config, opening.onlooker, until).await?;
        }
        let greeting = connection.reply(until, limits::CONNECT_TIMEOUT).await.map_err(network)?;
        if !greeting.is_yes() {
            return Err(connection.unwilling(&greeting));
        }
        connection.hello(None, until).await?;
        match opening.encrypt {
            Encrypt::Never | Encrypt::AtOnce(_) => (),
            Encrypt::WhenOffered(config) | Encrypt::Always(config)
                if connection.server.starttls =>
            {
                connection = connection.start_tls(config, opening.onlooker, until).await?
            }
            Encrypt::WhenOffered(_) => (),
            Encrypt::Always(_) => return Err(Failed::NoTls(place.to_string())),
        }
        if let Some(login) = opening.login {
            connection.log_in(login, until).await?;
        }
        Ok(connection)
    }

    fn unwilling(&self, reply: &ServerReply) -> Failed {
        Failed::Unwilling { place: self.place.to_string(), said: reply.one_line() }
    }

    /// EHLO under our name, or under the client's after XCLIENT; HELO where that is not known, LHLO where LMTP is spoken.
    async fn hello(&mut self, client: Option<&Peer>, until: Until) -> Result<(), Failed> {
        // RFC 3207 section 4.2: what was heard in clear counts no more inside TLS.
        self.server = Capabilities::default();
        let name = client.map_or_else(
            || self.hello.to_string(),
            |peer| client::hello_of(peer, self.hello.as_str()),
        );
        let (first, second) = match self.protocol {
            Protocol::Smtp => (client::ehlo(&name), Some(client::helo(&name))),
            Protocol::Lmtp => (client::lhlo(&name), None),
        };
        let mut reply = self.greet(&first, until).await?;
        if reply.is_yes() {
            self.server = Capabilities::read(&reply);
            return Ok(());
        }
        if let Some(second) = second {
            reply = self.greet(&second, until).await?;
        }
        match reply.is_yes() {
            true => Ok(()),
            false => Err(self.unwilling(&reply)),
        }
    }

    async fn greet(&mut self, line: &str, until: Until) -> Result<ServerReply, Failed> {
        let place = self.place.to_string();
        let network = |error: io::Error| Failed::Network { place, why: error.to_string() };
        self.say(line, until, limits::CONNECT_TIMEOUT).await.map_err(network)
    }

    async fn start_tls(
        mut self,
        config: &Arc<ClientConfig>,
        onlooker: &Onlooker,
        until: Until,
    ) -> Result<Connection, Failed> {
        let handshake = |error: io::Error| Failed::Handshake(error.to_string());
        let reply =
            self.say(client::STARTTLS, until, limits::CONNECT_TIMEOUT).await.map_err(handshake)?;
        if !reply.is_yes() {
            return Err(Failed::TlsRefused(reply.one_line()));
        }
        if let Err(failed) = self.handshake(config, onlooker, until).await {
            if let Failed::Unproven { .. } = failed {
                dismiss(self);
            }
            return Err(failed);
        }
        self.hello(None, until).await?;
        Ok(self)
    }

    async fn handshake(
        &mut self,
        config: &Arc<ClientConfig>,
        onlooker: &Onlooker,
        until: Until,
    ) -> Result<(), Failed> {
        let name = match &self.place {
            // RFC 7672 section 8.1: the name that the policy knows it by, which may be the one behind an alias.
            Place::Net { name, at } => {
                let host = self.bond.names.host.as_ref().map_or(name.as_str(), Domain::as_str);
                ServerName::try_from(host.to_string()).unwrap_or_else(|_| ServerName::from(at.ip()))
            }
            Place::Socket(_) => {
                return Err(Failed::Handshake("no TLS over a socket file".to_string()));
            }
        };
        // Anything already read came in clear behind the reply: `connect_tls` refuses to begin then.
        let patience = left(&self.clock, until, limits::HANDSHAKE_TIMEOUT);
        let (mut session, chain) = self
            .wire
            .connect_tls(config.clone(), name, patience)
            .await
            .map_err(|error| Failed::Handshake(error.to_string()))?;
        let Bond { policy, names, dnssec, authorities: _ } = &self.bond;
        let showing = onlooker.look(&mut session, &chain, policy, names, self.clock.now());
        let judged = judge(policy, &Shown::Session(showing), names);
        let vouch = judged
            .map_err(|refusal| Failed::Unproven { place: self.place.to_string(), refusal })?;
        self.channel = Channel {
            secured: Secured::Tls(session),
            policy: policy.rung(),
            vouch,
            dnssec: *dnssec,
            worse: Vec::new(),
        };
        Ok(())
    }

    /// AUTH PLAIN, or LOGIN where only that is offered. Never in clear, RFC 4954 section 4.
    async fn log_in(&mut self, login: &Login, until: Until) -> Result<(), Failed> {
        let place = self.place.to_string();
        if self.channel.tls().is_none() {
            return Err(Failed::NoTls(place));
        }
        let lines: Vec<Hidden<String>> = match (self.server.auth_plain, self.server.auth_login) {
            (true, _) => vec![client::auth_plain(login)],
            (false, true) => client::auth_login(login).into(),
            (false, false) => {
                let said = "it offers neither AUTH PLAIN nor AUTH LOGIN".to_string();
                return Err(Failed::Login { place, said });
            }
        };
        let last = lines.len().saturating_sub(1);
        for (at, line) in lines.iter().enumerate() {
            let reply = self.greet(line.expose(), until).await?;
            match reply.code {
                235 if at == last => return Ok(()),
                334 if at < last => (),
                // Its words may repeat what we said; the code and its class say enough.
                code => {
                    let said = match reply.enhanced() {
                        Some(enhanced) => format!("{code} {enhanced}"),
                        None => code.to_string(),
                    };
                    return Err(Failed::Login { place, said });
                }
            }
        }
        Err(Failed::Login { place, said: "it did not come to an end".to_string() })
    }

    /// May a mail go over it that is not told of any client, or a callout?
    pub(super) fn is_neutral(&self) -> bool {
        self.told == Told::Nothing
    }

    /// Tells the server who brought the mail, where it wants to know; then hello again, as the server has begun anew.
    async fn tell_of(&mut self, peer: &Peer, until: Until) -> io::Result<()> {
        if self.server.xclient.is_empty() {
            return match self.told {
                Told::Nothing => Ok(()),
                Told::OfAClient => Err(io::Error::other("the server takes us for another client")),
            };
        }
        for command in client::xclient(peer, &self.server.xclient) {
            let reply = self.say(&command, until, limits::NEXT_HOP_REPLY_TIMEOUT).await?;
            if !reply.is_yes() && reply.code != 421 && self.told == Told::Nothing {
                tracing::warn!(server = %self.place, said = reply.one_line(), "XCLIENT is offered and refused; the next hop sees us, not the client");
                self.server.xclient.clear();
                return Ok(());
            }
            if !reply.is_yes() {
                return Err(io::Error::other(reply.one_line()));
            }
            self.told = Told::OfAClient;
        }
        self.hello(Some(peer), until).await.map_err(|failed| io::Error::other(failed.to_string()))
    }

    /// Has it carried as many mails as it may?
    pub(super) fn is_worn(&self) -> bool {
        self.mails >= self.mails_max
    }

    /// Says goodbye.
    pub(super) async fn quit(mut self) {
        if self.say(client::QUIT, None, RESET_TIMEOUT).await.is_ok() {
            self.wire.close(RESET_TIMEOUT).await;
        }
    }

    /// Carries one mail. An error means that the connection broke before the mail was complete: nothing was delivered.
    pub(super) async fn carry(&mut self, job: &Job<'_>) -> io::Result<Attempt> {
        self.mails += 1;
        self.usable = false;
        let until = job.deadline;
        if let (Some(peer), Towards::OwnToldOfClient) = (job.peer, job.route.towards) {
            self.tell_of(peer, until).await?;
        }
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
        Ok(match self.protocol {
            Protocol::Smtp => match self.reply(until, limits::NEXT_HOP_DOT_TIMEOUT).await {
                Ok(reply) => {
                    self.usable = reply.code != 421;
                    Attempt::Finished(with_dot(outcomes, &reply))
                }
                Err(error) => {
                    Attempt::Silent(format!("{}: {error} after the final dot", self.place))
                }
            },
            Protocol::Lmtp => self.each_answer(outcomes, until).await,
        })
    }

    /// RFC 2033 section 4.2: one reply for each recipient that was taken, in their order. Those whose reply does not come may have
    /// the mail or not (RFC 1047); those before them have been answered.
    async fn each_answer(&mut self, outcomes: Vec<Outcome>, until: Until) -> Attempt {
        let mut settled = Vec::with_capacity(outcomes.len());
        let mut broken: Option<String> = None;
        let mut answered = false;
        self.usable = true;
        for one in outcomes {
            let one = match (one, &broken) {
                (Outcome::Accepted(_), Some(why)) => Outcome::Later(unanswered(why)),
                (Outcome::Accepted(_), None) => {
                    match self.reply(until, limits::NEXT_HOP_DOT_TIMEOUT).await {
                        Ok(reply) => {
                            answered = true;
                            self.usable &= reply.code != 421;
                            outcome(&reply)
                        }
                        Err(error) => {
                            self.usable = false;
                            let why = format!("{}: {error} after the final dot", self.place);
                            let later = Outcome::Later(unanswered(&why));
                            broken = Some(why);
                            later
                        }
                    }
                }
                (other @ (Outcome::Later(_) | Outcome::Refused(_)), _) => other,
            };
            settled.push(one);
        }
        match broken {
            Some(why) if !answered => Attempt::Silent(why),
            Some(_) | None => Attempt::Finished(settled),
        }
    }

    /// Will the server keep REQUIRETLS up, and is it who it should be? RFC 8689 section 4.2.1: its certificate is verified, by DANE or by an
    /// authority, and its name comes from signed DNS, an MTA-STS policy or the configuration. What never leaves this machine needs none of that.
    pub(super) fn keeps_require_tls(&self) -> bool {
        matches!(self.place, Place::Socket(_)) || self.is_verified() && self.server.requiretls
    }

    /// Is it known who the server is?
    pub(super) fn is_verified(&self) -> bool {
        let name_is_known = self.mail_host.is_none() || self.channel.dnssec == Dnssec::Secure;
        let is_verified =
            self.channel.vouch.is_proven() || (self.channel.vouch == Vouch::Pki && name_is_known);
        self.channel.tls().is_some() && is_verified
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
        let words = || format!("{} said {}", self.place, refusal.one_line());
        match refusal.code {
            500.. => Attempt::Finished(vec![
                Outcome::Refused(said(&refusal));
                job.envelope.recipients.len()
            ]),
            // RFC 5321 section 3.8: it closes, for every mail.
            421 => Attempt::Away(words()),
            _ => Attempt::NotNow(words()),
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

/// As long as no handshake is done.
fn in_clear(opening: &Opening<'_>) -> Channel {
    let (why, policy) = match (opening.place, opening.encrypt, opening.fallen) {
        (Place::Socket(_), _, _) => (InClear::Local, Rung::Nothing),
        (Place::Net { .. }, _, Some(why)) => (why.clone(), opening.bond.policy.rung()),
        (Place::Net { .. }, Encrypt::Never, None) => (InClear::SwitchedOff, Rung::Nothing),
        (
            Place::Net { .. },
            Encrypt::WhenOffered(_) | Encrypt::Always(_) | Encrypt::AtOnce(_),
            None,
        ) => (InClear::NotOffered, opening.bond.policy.rung()),
    };
    let dnssec = opening.bond.dnssec;
    let secured = Secured::Clear(why);
    Channel { secured, policy, vouch: Vouch::Nobody, dnssec, worse: Vec::new() }
}

const REPLY_BYTES_MAX: usize = limits::REPLY_LINE_BYTES_MAX * limits::REPLY_LINES_MAX;
const RESET_TIMEOUT: Duration = Duration::from_secs(10);

/// A socket to the place, from the address we are to come from.
async fn reach(opening: &Opening<'_>) -> io::Result<Wire> {
    let at = match opening.place {
        Place::Net { at, .. } => *at,
        Place::Socket(path) => return UnixStream::connect(path).await.map(Wire::local),
    };
    let stream = match opening.source {
        None => TcpStream::connect(at).await?,
        Some(source) => {
            let socket = if at.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
            socket.bind(SocketAddr::new(source, 0)).map_err(|error| {
                io::Error::new(error.kind(), format!("cannot send from {source}: {error}"))
            })?;
            socket.connect(at).await?
        }
    };
    stream.set_nodelay(true)?;
    Ok(Wire::new(stream))
}

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

fn unanswered(why: &str) -> Said {
    Said { code: 0, enhanced: None, line: why.to_string() }
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
