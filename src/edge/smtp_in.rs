//! Receiving: one task for each connection carries bytes between the wire, the session machine and the pipeline.
//!
//! It decides nothing: the machine knows the protocol, `pipeline` knows the policy. What is here is time and memory:
//! every wait has a bound, every buffer a size, and a message goes to the spool's care as it comes in.

use crate::{
    base::{
        clock::{Clock, Tick, UnixMs, millis},
        limits,
    },
    config::{Listener, ListenerTls},
    edge::{
        connections::{Connections, Seat},
        seldom::Seldom,
        stream::{Wire, within},
        tls::ServerTls,
    },
    facts::sought::{self, Sought},
    mail::{Address, Direction, Organisation, Peer, Recipient, TlsSession},
    pipeline::{
        Gateway, admit, blocked,
        gateway::Line as ExaminersLine,
        guard::{Kind, Sighting, Standing, signs},
        judge::{Came, Mended},
        log_in,
        process::{self, Arrival},
        sending::Sent,
    },
    store::{
        spool::{Content, Receiving},
        trace::{About, Decision, Took, TraceRecipient, TraceRow},
    },
    wire::{
        proxy_protocol::{self, Announced, Progress},
        smtp::{
            Answer, Offers, Question, Reply, Session, Step, Transaction, replies,
            stream::{BareLineEnds, ChunkReader, DataReader, Line, find_line},
        },
    },
};
use bytes::{Buf, BytesMut};
use std::{
    collections::BTreeMap,
    io,
    net::{IpAddr, SocketAddr},
    pin::{Pin, pin},
    sync::Arc,
    time::Duration,
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::watch,
};
use tracing::Instrument;
use zeroize::Zeroize;

/// What all sessions of a listener share.
#[derive(Debug, Clone)]
pub struct Port {
    /// The gateway.
    pub gateway: Arc<Gateway>,
    /// This listener's configuration.
    pub listener: Arc<Listener>,
    /// Our certificate.
    pub tls: Arc<ServerTls>,
    /// All open connections.
    pub connections: Arc<Connections>,
    /// Becomes true when we are to end.
    pub ending: watch::Receiver<bool>,
    /// About whom something was logged lately that goes wrong with every connection of theirs.
    pub noted: Arc<Seldom>,
}

/// Takes connections until the process is to end, or `taking` is dropped by its sender. Sessions under way go on.
pub async fn listen(port: Port, socket: Arc<TcpListener>, mut taking: watch::Receiver<()>) {
    let mut ending = port.ending.clone();
    loop {
        let accepted = tokio::select! {
            accepted = socket.accept() => accepted,
            _ = ending.wait_for(|ending| *ending) => return,
            // Only a dropped sender is news here: nothing is ever sent.
            Err(_) = taking.changed() => return,
        };
        match accepted {
            Ok((stream, from)) => {
                tokio::spawn(admit_connection(port.clone(), stream, from));
            }
            Err(error) => {
                // Out of file descriptors, most likely: taking a breath beats spinning.
                tracing::error!(listener = port.listener.name, %error, "a connection could not be accepted");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

async fn admit_connection(port: Port, stream: TcpStream, from: SocketAddr) {
    // Replies are small and wait for nothing; a delayed one costs the sender a round trip.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "the connection was gone at once");
        return;
    }
    if let Ok(own) = stream.local_addr() {
        port.gateway.guard.learn_own_address(own.ip());
    }
    let wire = Wire::new(stream);
    let address = from.ip().to_canonical();
    if port.listener.is_proxy(address) {
        let span = tracing::info_span!("proxied", proxy = %address);
        return by_proxy(port, wire, address).instrument(span).await;
    }
    let seat = seat(&port, Some(address));
    let peer = Peer { port: Some(from.port()), ..Peer::at(address) };
    converse(port, wire, peer, seat).await;
}

/// A connection that a balancer brings: its header says for whom.
async fn by_proxy(port: Port, mut wire: Wire, proxy: IpAddr) {
    // Until it has said so it is counted in all, and for nobody.
    let first = match seat(&port, None) {
        Ok(seat) => seat,
        Err(reply) => return turn_away(&port, wire, proxy, &reply).await,
    };
    let read = within(limits::PROXY_HEADER_TIMEOUT, read_header(&mut wire)).await;
    let (peer, seat) = match read {
        Ok(Announced::Client { from, to }) => {
            drop(first);
            port.gateway.guard.learn_own_address(to.ip());
            let peer = Peer { port: Some(from.port()), ..Peer::at(from.ip()) };
            tracing::debug!(peer = %peer.address, listener = port.listener.name, "connection announced by a proxy");
            let seat = seat(&port, Some(peer.address));
            (peer, seat)
        }
        Ok(Announced::Itself) => (Peer::at(proxy), Ok(first)),
        Err(error) => {
            metrics::counter!("sluss_proxy_headers_refused_total").increment(1);
            // A bare connect and goodbye is how many balancers look whether we are well.
            if wire.input.is_empty() && error.kind() == io::ErrorKind::UnexpectedEof {
                tracing::debug!("a proxy connected and said nothing");
            } else if port.noted.is_due(proxy, port.gateway.clock.tick()) {
                tracing::warn!(listener = port.listener.name, %error, "a listed proxy sent no PROXY header; its connection is closed");
            }
            return;
        }
    };
    converse(port, wire, peer, seat).await;
}

/// Takes the header off the front of a connection, and nothing of what follows it.
async fn read_header(wire: &mut Wire) -> io::Result<Announced> {
    loop {
        match proxy_protocol::read(&wire.input).map_err(io::Error::other)? {
            Progress::Whole(header) => {
                wire.input.advance(header.bytes);
                return Ok(header.announced);
            }
            Progress::More(bytes) => {
                if wire.read_at_most(bytes, limits::PROXY_HEADER_TIMEOUT).await? == 0 {
                    return Err(io::ErrorKind::UnexpectedEof.into());
                }
            }
        }
    }
}

/// Counts a connection in, for this client or, where there is none yet, in all.
fn seat(port: &Port, client: Option<IpAddr>) -> Result<Seat, Reply> {
    let settings = port.gateway.settings.load();
    let (bounds, clock) = (&settings.config.limits, &port.gateway.clock);
    let encounters = &port.gateway.client_limits.encounters;
    let Some(address) = client else {
        return port.connections.enter_proxy(bounds, encounters, clock);
    };
    let (guard, now) = (&port.gateway.guard, clock.now());
    let standing = || guard.standing(&settings, &port.listener, &Peer::at(address), now);
    let relayed = settings.relays.holds(address);
    if !relayed && guard.ban_of(address, standing, now).is_some() {
        guard.count_turned_away();
        return Err(replies::BANNED);
    }
    let only = settings.config.only_organisation();
    match port.gateway.line(address, only.as_ref()) {
        ExaminersLine::Overlong if port.listener.direction == Direction::Inbound => {
            Err(replies::BUSY)
        }
        ExaminersLine::Overlong | ExaminersLine::Long | ExaminersLine::Short => {
            port.connections.enter(address, bounds, encounters, clock)
        }
    }
}

async fn turn_away(port: &Port, mut wire: Wire, address: IpAddr, reply: &Reply) {
    metrics::counter!("sluss_connections_refused_total").increment(1);
    // The limits say in the log whom they meet, once; here it would be a line for each of thousands.
    tracing::debug!(peer = %address, reply = reply.one_line(), "connection turned away");
    let Some(_told) = port.connections.turn_away() else { return };
    if wire.write(reply.to_wire().as_bytes(), Duration::from_secs(5)).await.is_ok() {
        wire.close(Duration::from_secs(1)).await;
    }
}

async fn converse(port: Port, wire: Wire, peer: Peer, seat: Result<Seat, Reply>) {
    match seat {
        Ok(seat) => {
            metrics::counter!("sluss_connections_total", "listener" => port.listener.name.clone())
                .increment(1);
            Conversation::new(port, wire, peer, seat).run().await;
        }
        Err(reply) => turn_away(&port, wire, peer.address, &reply).await,
    }
}

/// Why a conversation ends without QUIT.
#[derive(Debug)]
enum Broken {
    /// The other side hung up or the network did.
    Gone(io::Error),
    /// A TLS handshake came to nothing.
    Handshake(io::Error),
    /// We end it with this.
    With(Reply),
}

impl From<io::Error> for Broken {
    fn from(error: io::Error) -> Broken {
        Broken::Gone(error)
    }
}

/// One connection.
struct Conversation {
    port: Port,
    wire: Wire,
    peer: Peer,
    session: Session,
    output: Vec<u8>,
    clock: Clock,
    began: Tick,
    transaction_at: UnixMs,
    /// Recipients refused in this transaction, for the trace, and the transaction: RSET may have ended it.
    refused: Vec<(Organisation, TraceRecipient)>,
    refused_in: Option<Transaction>,
    receiving: Option<Receiving>,
    chunk: ChunkReader,
    /// Why the message that is coming in chunks will be refused.
    spoiled: Option<Reply>,
    /// The message that has just come had bare line ends, and has whole ones now.
    mended: Mended,
    seat: Option<Seat>,
    /// What it has done so far, as far as it is a stranger.
    conduct: Conduct,
    /// Whom it has asked for so far.
    asked_for: AskedFor,
    crowded: watch::Receiver<bool>,
    logged_in_at: UnixMs,
}

/// What a client has done on this connection.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Conduct {
    /// It has spoken of mail.
    spoke_of_mail: bool,
    /// It is banned by now.
    banned: bool,
}

/// Whom a client has asked for on this connection.
#[derive(Debug, Default)]
struct AskedFor {
    /// Those who do not exist; the first of them.
    unknown: Vec<Address>,
    /// Those who do, in transactions before this one.
    existing_before: u32,
}

impl AskedFor {
    fn note(&mut self, answer: &Answer, address: &Address) {
        if *answer == Answer::No(replies::NO_SUCH_RECIPIENT)
            && self.unknown.len() < limits::GUESSES_REMEMBERED_MAX
            && !self.unknown.iter().any(|known| known.key() == address.key())
        {
            self.unknown.push(address.clone());
        }
    }

    fn transaction_ends(&mut self, recipients: &[Recipient]) {
        let existing = u32::try_from(recipients.len()).unwrap_or(u32::MAX);
        self.existing_before = self.existing_before.saturating_add(existing);
    }

    /// What this says of a mail to these: who writes to one of them and mistypes the other does not guess.
    fn sought(&self, recipients: &[Recipient]) -> Sought {
        let is_slip = |unknown: &&Address| {
            recipients.iter().any(|one| {
                one.address.domain() == unknown.domain()
                    && sought::is_slip(unknown.local(), one.address.local())
            })
        };
        let number = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
        Sought {
            traps: 0,
            unknown: number(self.unknown.iter().filter(|one| !is_slip(one)).count()),
            existing: self.existing_before.saturating_add(number(recipients.len())),
        }
    }
}

/// What came of receiving a message.
enum Received {
    /// All of it.
    Whole(Content),
    /// It came to its end and is refused with this.
    Refused(Reply),
}

impl Conversation {
    fn new(port: Port, wire: Wire, peer: Peer, seat: Seat) -> Conversation {
        let clock = port.gateway.clock.clone();
        let offers = Offers {
            size_max: 0,
            starttls: false,
            smtputf8: false,
            dsn: false,
            auth: false,
            requiretls: false,
        };
        Conversation {
            session: Session::new("", offers, false, None),
            output: Vec::new(),
            began: clock.tick(),
            transaction_at: UnixMs(0),
            refused: Vec::new(),
            refused_in: None,
            receiving: None,
            chunk: ChunkReader::default(),
            spoiled: None,
            mended: Mended::No,
            crowded: port.connections.crowded(),
            logged_in_at: UnixMs(0),
            clock,
            port,
            wire,
            peer,
            seat: Some(seat),
            conduct: Conduct::default(),
            asked_for: AskedFor::default(),
        }
    }

    async fn run(mut self) {
        let ended = self.converse().await;
        // What we broke off in the middle of a mail (too slow, no end in sight) stands in the trace like any refusal.
        if let (Err(Broken::With(reply)), Some(arrival)) = (&ended, self.arrival())
            && !arrival.came.envelope.recipients.is_empty()
        {
            process::refused_while_receiving(&self.port.gateway, &arrival, 0, reply.clone());
        }
        self.record_refused();
        self.note_silence(&ended);
        match ended {
            Ok(()) => (),
            Err(Broken::Gone(error)) => {
                tracing::debug!(peer = %self.peer.address, %error, "the connection broke");
                return;
            }
            Err(Broken::Handshake(error)) => {
                self.note_handshake(&error);
                return;
            }
            Err(Broken::With(reply)) => {
                let reply =
                    reply.about(self.session.transaction().map(|transaction| transaction.id));
                match reply == replies::BUSY {
                    // Seats change hands by the thousand when all are wanted; the limit has said so in the log, once.
                    true => tracing::debug!(peer = %self.peer.address, "the seat went to another"),
                    false => {
                        tracing::info!(peer = %self.peer.address, reply = reply.one_line(), "connection ended by us")
                    }
                }
                self.output.extend_from_slice(reply.to_wire().as_bytes());
                if self.flush().await.is_err() {
                    return;
                }
            }
        }
        // Whoever sees the line end may come again at once: the seat is free before the goodbye.
        self.seat = None;
        self.wire.close(Duration::from_secs(5)).await;
    }

    async fn converse(&mut self) -> Result<(), Broken> {
        let tls = match self.port.listener.tls {
            ListenerTls::Implicit => Some(self.handshake().await?),
            ListenerTls::Off | ListenerTls::Opportunistic | ListenerTls::Required => None,
        };
        self.peer.tls = tls.clone();
        let required = self.port.listener.tls == ListenerTls::Required;
        let hostname = self.port.gateway.settings.load().config.hostname.to_string();
        self.session = Session::new(&hostname, self.offers(), required, tls);
        if let Some(wait) = self.must_wait() {
            // On the heap: thousands of idle sessions would carry the room for it.
            Box::pin(self.listen_first(wait)).await?;
        }
        let greeting = self.session.greeting();
        self.say(&greeting);
        loop {
            let step = match self.next_line().await? {
                Ok(mut line) => {
                    self.look_at(&line)?;
                    let step = self.session.line(&line);
                    // It may have held a password.
                    line.zeroize();
                    step
                }
                Err(reply) => self.session.unreadable(reply),
            };
            if self.act(step).await? == Next::Close {
                self.flush().await?;
                return Ok(());
            }
            if self.conduct.banned {
                return Err(Broken::With(replies::BANNED));
            }
        }
    }

    /// Does what the machine asks for, until it wants the next line.
    async fn act(&mut self, mut step: Step) -> Result<Next, Broken> {
        loop {
            step = match step {
                Step::Say(reply) => {
                    if reply.text == replies::BAD_CHUNK.text {
                        self.note(Kind::BadChunk, "BDAT without a size");
                    }
                    self.say_after_pause(&reply).await?;
                    return Ok(Next::Line);
                }
                Step::Close(reply) => {
                    if reply.text == replies::TOO_MANY_ERRORS.text {
                        self.note(Kind::ManyErrors, "too many mistakes in one connection");
                    }
                    self.say(&reply);
                    return Ok(Next::Close);
                }
                Step::Ask(question) => {
                    let answer = self.ask(question).await;
                    self.session.answer(answer)
                }
                Step::StartTls(reply) => {
                    self.start_tls(&reply).await?;
                    return Ok(Next::Line);
                }
                Step::ReceiveData => {
                    self.say(&replies::GO_AHEAD);
                    self.flush().await?;
                    let received = self.receive_data().await?;
                    self.conclude(received).await?
                }
                Step::ReceiveChunk { bytes, last } => {
                    self.receive_chunk(bytes).await?;
                    match last {
                        false => self.session.chunk_done(),
                        true => {
                            let received = self.finish_chunks();
                            self.conclude(received).await?
                        }
                    }
                }
                Step::DiscardChunk(bytes, reply) => {
                    self.discard(bytes).await?;
                    self.receiving = None;
                    Step::Say(reply)
                }
            };
        }
    }

    /// What the guard thinks of this client now.
    fn standing(&self) -> Standing {
        let (gateway, settings) = (&self.port.gateway, self.port.gateway.settings.load());
        gateway.guard.standing(&settings, &self.port.listener, &self.peer, self.clock.now())
    }

    /// Tells the guard what the client did. Of ours it is told all the same: they may have been taken over.
    fn note(&mut self, kind: Kind, detail: &'static str) {
        let gateway = self.port.gateway.clone();
        let standing = match gateway.settings.load().config.admission.bans {
            true => self.standing(),
            false => Standing::Own,
        };
        let (client, listener) = (self.peer.address, self.port.listener.name.as_str());
        let seen = Sighting { kind, client, listener, detail };
        if gateway.guard.note(seen, standing, &self.clock).is_some() {
            self.conduct.banned = true;
        }
    }

    /// Another connection of this client, or an operator, may have brought it about.
    fn is_banned_by_now(&self) -> bool {
        let (gateway, address) = (&self.port.gateway, self.peer.address);
        !gateway.settings.load().relays.holds(address)
            && gateway.guard.ban_of(address, || self.standing(), self.clock.now()).is_some()
    }

    /// How long the client waits for the greeting. Where there is hardly room, nobody is kept.
    fn must_wait(&self) -> Option<Duration> {
        let gateway = &self.port.gateway;
        let wait = gateway.settings.load().config.admission.early_talker_wait.0;
        let waits = self.port.listener.direction == Direction::Inbound
            && self.peer.tls.is_none()
            && !wait.is_zero()
            && !self.port.connections.is_crowded()
            && gateway.guard.must_wait(self.standing(), self.peer.address, self.clock.now());
        waits.then_some(wait)
    }

    /// Hears whether the client talks before it is greeted.
    async fn listen_first(&mut self, wait: Duration) -> Result<(), Broken> {
        let mut ending = self.port.ending.clone();
        let came = tokio::select! {
            biased;
            () = std::future::ready(()), if !self.wire.input.is_empty() => Ok(self.wire.input.len()),
            came = self.wire.read_more(limits::COMMAND_READ_BYTES, wait) => came,
            _ = ending.wait_for(|ending| *ending) => return Err(Broken::With(replies::SHUTTING_DOWN)),
            () = seat_taken(&self.seat) => return Err(Broken::With(replies::BUSY)),
        };
        match came {
            Ok(0) => Err(Broken::Gone(io::ErrorKind::UnexpectedEof.into())),
            Ok(_) => {
                let sign = signs::of(&self.wire.input);
                let (kind, detail) =
                    sign.unwrap_or((Kind::EarlyTalk, "talked before the greeting"));
                self.note(kind, detail);
                Err(Broken::With(replies::TALKED_FIRST))
            }
            Err(error) if error.kind() == io::ErrorKind::TimedOut => {
                self.port.gateway.guard.was_quiet(self.peer.address, self.clock.now());
                Ok(())
            }
            Err(error) => Err(Broken::Gone(error)),
        }
    }

    /// Is this line for somebody else than a mail server? A password may look like anything and is not looked at.
    fn look_at(&mut self, line: &[u8]) -> Result<(), Broken> {
        if self.session.is_logging_in() {
            return Ok(());
        }
        let Some((kind, detail)) = signs::of(line) else { return Ok(()) };
        self.note(kind, detail);
        // Our own server may have to carry mail to an address that a stranger made up.
        match self.standing() == Standing::Own && !signs::ends_session(kind) {
            true => Ok(()),
            false => Err(Broken::With(replies::NOT_MAIL)),
        }
    }

    /// Many come, look and go; a scanner does it all day.
    fn note_silence(&mut self, ended: &Result<(), Broken>) {
        let by_itself = match ended {
            Ok(()) | Err(Broken::Gone(_) | Broken::Handshake(_)) => true,
            Err(Broken::With(_)) => false,
        };
        if by_itself && !self.conduct.spoke_of_mail && self.peer.user.is_none() {
            self.note(Kind::NoTransaction, "came and went without a word about mail");
        }
    }

    fn note_bare(&mut self, saw_bare: bool, saw_false_end: bool) {
        // From our own networks bare line ends are mended, and who sends them is nobody to be wary of.
        if self.bare() != BareLineEnds::Refuse {
            return;
        }
        if saw_false_end {
            self.note(Kind::FalseEnd, "a dot between line ends that others take for the end");
        } else if saw_bare {
            self.note(Kind::BareLineEnd, "a bare CR or LF in a message");
        }
    }

    /// Notes what a refusal of a recipient says of the client, and ends a session that only guesses.
    fn mind_guessing(&mut self, answer: Answer) -> Answer {
        let Answer::No(reply) = &answer else { return answer };
        let relays = [replies::NO_RELAY, replies::NOT_A_CLIENT, replies::LOG_IN_FIRST];
        if relays.contains(reply) {
            self.note(Kind::Relay, "mail for somebody who is none of ours");
        } else if *reply == replies::HELO_OURS {
            self.note(Kind::HeloOurs, "introduced itself as us");
        } else if *reply == replies::NO_SUCH_RECIPIENT {
            self.note(Kind::UnknownRecipient, "a recipient that does not exist");
        }
        let refused = self.session.bad_recipients().saturating_add(1);
        let max = self.port.gateway.settings.load().config.admission.unknown_recipients_per_session;
        if !reply.is_no() || max == 0 || refused < max || self.standing() == Standing::Own {
            return answer;
        }
        self.note(Kind::Guessing, "so many recipients that do not exist that it guesses");
        Answer::No(replies::TOO_MANY_UNKNOWN)
    }

    fn offers(&self) -> Offers {
        let settings = self.port.gateway.settings.load();
        let gateway = &self.port.gateway;
        // Announced only where every next hop is known to take it, so that no mail must be bounced for it later.
        let smtputf8 = settings
            .own_routes()
            .iter()
            .all(|route| gateway.courier.features(route).is_some_and(|features| features.smtputf8));
        let own_max = settings.config.limits.message_bytes.0;
        // The largest that any domain here takes; a recipient with a smaller server is refused by itself.
        let hops = settings
            .own_routes()
            .iter()
            .map(|route| admit::hop_size(gateway, route).unwrap_or(own_max));
        let size_max = hops.max().map_or(own_max, |largest| largest.min(own_max));
        let outbound = self.port.listener.direction == Direction::Outbound;
        Offers {
            size_max: if outbound { own_max } else { size_max },
            starttls: matches!(
                self.port.listener.tls,
                ListenerTls::Opportunistic | ListenerTls::Required
            ),
            smtputf8: outbound || smtputf8,
            dsn: outbound || self.port.listener.dsn,
            auth: self.port.listener.offers_auth(),
            requiretls: admit::keeps_require_tls(gateway, &settings, self.port.listener.direction),
        }
    }

    async fn ask(&mut self, question: Question) -> Answer {
        if let Some((name, extended)) = self.session.helo() {
            self.peer.helo = name.to_string();
            self.peer.extended = extended;
        }
        match question {
            Question::Sender(from) => {
                self.conduct.spoke_of_mail = true;
                if self.is_banned_by_now() {
                    return Answer::No(replies::BANNED);
                }
                self.record_refused();
                // RSET may have ended a transaction between two chunks; what came of it is no part of the next.
                self.receiving = None;
                self.chunk = ChunkReader::default();
                self.spoiled = None;
                self.transaction_at = self.clock.now();
                if let Err(reply) = self.user_is_still_good().await {
                    return Answer::No(reply);
                }
                let answer =
                    admit::sender(&self.port.gateway, &self.port.listener, &self.peer, &from);
                match &answer {
                    Answer::Begin(id) => {
                        self.seat.iter_mut().for_each(Seat::at_work);
                        if let Some(user) = &self.peer.user {
                            // Which account a mail came from is the first question when one was stolen.
                            tracing::info!(%id, peer = %self.peer.address, user = user.name, organisation = %user.organisation, "transaction of a user");
                        }
                    }
                    // The limit has said it in the log, once.
                    Answer::No(reply) if *reply == replies::TOO_OFTEN => (),
                    Answer::No(reply) => {
                        // A gateway that refuses everybody must not do so in silence.
                        metrics::counter!("sluss_senders_refused_total", "code" => reply.code.to_string()).increment(1);
                        tracing::warn!(peer = %self.peer.address, %from, reply = reply.one_line(), "sender refused");
                    }
                    Answer::Take(_) | Answer::Welcome(_) => (),
                }
                answer
            }
            Question::Recipient(recipient) => {
                let Some(transaction) = self.session.transaction().cloned() else {
                    return Answer::No(replies::BAD_SEQUENCE);
                };
                let answer = admit::recipient(
                    &self.port.gateway,
                    &self.port.listener,
                    &self.peer,
                    &transaction,
                    &recipient,
                )
                .await;
                if let Answer::No(reply) = &answer {
                    self.note_refused(&transaction, &recipient.address, reply);
                }
                self.asked_for.note(&answer, &recipient.address);
                self.mind_guessing(answer)
            }
            Question::LogIn(credentials) => {
                let at = self.clock.now();
                let (gateway, listener) = (&self.port.gateway, &self.port.listener);
                let answer = log_in::check(gateway, listener, &self.peer, credentials).await;
                match &answer {
                    Answer::Welcome(user) => {
                        self.peer.user = Some(user.clone());
                        self.logged_in_at = at;
                        self.port.gateway.guard.had_user(self.peer.address, at);
                    }
                    Answer::No(reply) if *reply == replies::LOG_IN_FAILED => {
                        self.note(Kind::LogInFailed, "user name or password is wrong");
                    }
                    Answer::No(reply) if *reply == replies::LOG_IN_TOO_OFTEN => {
                        self.note(Kind::LogInFailed, "too many failures before");
                    }
                    Answer::No(_) | Answer::Begin(_) | Answer::Take(_) => (),
                }
                answer
            }
        }
    }

    /// An account that was taken away since it logged in makes the client a stranger again.
    async fn user_is_still_good(&mut self) -> Result<(), Reply> {
        let Some(user) = &self.peer.user else { return Ok(()) };
        match log_in::still_good(&self.port.gateway, user, self.logged_in_at).await {
            Ok(true) => Ok(()),
            Ok(false) => {
                tracing::warn!(peer = %self.peer.address, user = user.name, "the account was changed or removed during the session: logged out");
                self.peer.user = None;
                self.session.log_out();
                Ok(())
            }
            Err(error) => {
                tracing::error!(peer = %self.peer.address, %error, "the accounts could not be asked");
                Err(replies::LOG_IN_LATER)
            }
        }
    }

    fn note_refused(&mut self, transaction: &Transaction, recipient: &Address, reply: &Reply) {
        let now = self.clock.now();
        let (gateway, listener) = (&self.port.gateway, &self.port.listener);
        let organisation =
            admit::owner_of(gateway, listener, &self.peer, &transaction.envelope, recipient);
        let row = TraceRecipient {
            recipient: recipient.to_string(),
            at: now,
            status: if reply.is_later() { "deferred" } else { "refused" }.to_string(),
            next_hop: String::new(),
            said: reply.clone().about(Some(transaction.id)).one_line(),
            delay_ms: millis(now.since(self.transaction_at)),
            would: String::new(),
            action: String::new(),
            tls: String::new(),
            channel: None,
            blocked_by: match *reply == replies::BLOCKED {
                true => {
                    blocked::at_rcpt(gateway, &self.peer, &transaction.envelope.sender, recipient)
                }
                false => None,
            },
        };
        let sender = transaction.envelope.sender.to_string();
        process::log_recipient(transaction.id, &organisation, &sender, &row);
        metrics::counter!("sluss_recipients_refused_total").increment(1);
        if self.refused.len() < limits::RECIPIENTS_MAX {
            // Who sends sees all of what became of it, also where the recipient is of another organisation here.
            let (of_sender, sent) =
                admit::whose(gateway, listener, &self.peer, &transaction.envelope);
            if sent != Sent::World && of_sender != organisation {
                self.refused.push((of_sender, row.to_its_sender()));
            }
            self.refused.push((organisation, row));
            self.refused_in = Some(transaction.clone());
        }
    }

    /// Those refused at RCPT stand in the trace, each for its organisation: beside the others of their transaction where a message came of it
    /// for that organisation, and by themselves where none did. Called when what became of the message is written down.
    fn record_refused(&mut self) {
        let Some(transaction) = self.refused_in.take() else { return };
        let mut by_owner: BTreeMap<Organisation, Vec<TraceRecipient>> = BTreeMap::new();
        for (organisation, row) in self.refused.drain(..) {
            by_owner.entry(organisation).or_default().push(row);
        }
        for (organisation, refused) in by_owner {
            self.record_refused_of(&transaction, organisation, refused);
        }
    }

    fn record_refused_of(
        &self,
        transaction: &Transaction,
        organisation: Organisation,
        refused: Vec<TraceRecipient>,
    ) {
        let said = refused.last().map_or_else(String::new, |row| row.said.clone());
        let on_a_list = refused.iter().any(|row| row.blocked_by.is_some());
        let reason = match on_a_list {
            true => "the sender is on a block list",
            false => "refused before DATA",
        };
        self.port.gateway.stores.trace.record_refused(TraceRow {
            id: transaction.id,
            organisation,
            at: self.transaction_at,
            direction: self.port.listener.direction.word(),
            listener: self.port.listener.name.clone(),
            peer: self.peer.address.to_string(),
            helo: self.peer.helo.clone(),
            tls: self.peer.tls.as_ref().map(process::tls_words).unwrap_or_default(),
            sender: transaction.envelope.sender.to_string(),
            bytes: 0,
            about: About::default(),
            decision: Decision { reason: reason.to_string(), ..Decision::default() },
            reply: said,
            took: Took::default(),
            recipients: refused,
        });
    }

    async fn start_tls(&mut self, reply: &Reply) -> Result<(), Broken> {
        // RFC 3207 section 5: what came in clear behind STARTTLS would be heard as if it had come inside TLS.
        if !self.wire.input.is_empty() {
            self.note(Kind::Injection, "commands behind STARTTLS");
            tracing::warn!(peer = %self.peer.address, "commands behind STARTTLS: the connection is closed");
            metrics::counter!("sluss_starttls_injections_total").increment(1);
            return Err(Broken::With(replies::INJECTED));
        }
        self.say(reply);
        self.flush().await?;
        let tls = self.handshake().await?;
        self.peer.tls = Some(tls.clone());
        self.peer.user = None;
        self.session.tls_started(tls);
        Ok(())
    }

    async fn handshake(&mut self) -> Result<TlsSession, Broken> {
        let patience = match self.port.connections.is_crowded() {
            true => limits::COMMAND_TIMEOUT_CROWDED,
            false => limits::HANDSHAKE_TIMEOUT,
        };
        let config = self.port.tls.current();
        tokio::select! {
            done = self.wire.accept_tls(config, patience) => done.map_err(Broken::Handshake),
            () = seat_taken(&self.seat) => Err(Broken::Gone(io::ErrorKind::ConnectionAborted.into())),
        }
    }

    /// A client that cannot agree with us on TLS sends no mail, and its admin asks ours why. Once in a while: it tries for days.
    fn note_handshake(&self, error: &io::Error) {
        metrics::counter!("sluss_handshakes_failed_total", "listener" => self.port.listener.name.clone()).increment(1);
        if self.port.noted.is_due(self.peer.address, self.clock.tick()) {
            tracing::info!(peer = %self.peer.address, listener = self.port.listener.name, %error, "TLS handshake failed");
        } else {
            tracing::debug!(peer = %self.peer.address, listener = self.port.listener.name, %error, "TLS handshake failed again");
        }
    }

    /// The transaction as the pipeline takes it, now.
    fn arrival(&self) -> Option<Arrival> {
        let transaction = self.session.transaction()?;
        let (gateway, listener) = (&self.port.gateway, &self.port.listener);
        let (organisation, sent) =
            admit::whose(gateway, listener, &self.peer, &transaction.envelope);
        Some(Arrival {
            id: transaction.id,
            listener: self.port.listener.name.clone(),
            came: Came {
                direction: self.port.listener.direction,
                peer: self.peer.clone(),
                envelope: transaction.envelope.clone(),
                at: self.transaction_at,
                mended: self.mended,
                organisation,
                sent,
                via: admit::via(listener, &self.peer),
                sought: self.asked_for.sought(&transaction.envelope.recipients),
            },
            dot: self.clock.tick(),
        })
    }

    /// The message is whole or refused: the pipeline has the word, then the session goes on.
    async fn conclude(&mut self, received: Received) -> Result<Step, Broken> {
        self.receiving = None;
        self.chunk = ChunkReader::default();
        let Some(arrival) = self.arrival() else {
            return Ok(Step::Say(replies::BAD_SEQUENCE));
        };
        let id = arrival.id;
        self.asked_for.transaction_ends(&arrival.came.envelope.recipients);
        let content = match received {
            Received::Whole(content) => content,
            Received::Refused(reply) => {
                process::refused_while_receiving(&self.port.gateway, &arrival, 0, reply.clone());
                self.record_refused();
                let close = reply == replies::BARE_LINE_END;
                let step = self.session.message_done(reply.clone());
                return Ok(if close { Step::Close(reply.about(Some(id))) } else { step });
            }
        };
        // On the heap: a session without a mail would carry the room for all that becomes of one.
        let ending = Box::pin(process::process(&self.port.gateway, arrival, content)).await;
        self.record_refused();
        let step = self.session.message_done(ending.reply);
        Ok(match (ending.close, step) {
            (true, Step::Say(reply)) => Step::Close(reply),
            (_, step) => step,
        })
    }

    fn bare(&self) -> BareLineEnds {
        match self.port.listener.direction {
            Direction::Inbound => BareLineEnds::Refuse,
            Direction::Outbound => BareLineEnds::Mend,
        }
    }

    /// Reads a message up to CRLF.CRLF, whatever it holds: hanging up in the middle would be retried for days.
    async fn receive_data(&mut self) -> Result<Received, Broken> {
        let mut reader = DataReader::new(self.bare());
        let envelope = self.session.transaction().map(|transaction| &transaction.envelope);
        let size_max = envelope.map_or(0, |envelope| admit::size_max(&self.port.gateway, envelope));
        let mut receiving = self.port.gateway.stores.spool.receive();
        let mut spoiled: Option<Reply> = None;
        let mut out = Vec::new();
        let mut pace = Pace::new(self.clock.tick());
        let mut total = 0_u64;
        loop {
            // At once, or growing leaves a trail of halves behind for each of hundreds of sessions.
            out.reserve_exact(self.wire.input.len());
            let taken = reader.feed(&self.wire.input, &mut out);
            self.wire.input.advance(taken);
            total = total.saturating_add(u64::try_from(out.len()).unwrap_or(u64::MAX));
            if reader.saw_bare() && self.bare() == BareLineEnds::Refuse {
                spoiled.get_or_insert(replies::BARE_LINE_END);
            }
            if total > size_max {
                spoiled.get_or_insert(replies::TOO_BIG);
            }
            // Nobody may send for ever: at twice the size there is no end in sight.
            if total > size_max.saturating_mul(2) {
                return Err(Broken::With(replies::TOO_BIG));
            }
            keep(&mut receiving, &out, &mut spoiled);
            out.clear();
            if reader.is_done() {
                break;
            }
            let came = self.read_data().await?;
            self.check_pace(&mut pace, came)?;
        }
        self.note_bare(reader.saw_bare(), reader.saw_false_end());
        self.note_mended(reader.saw_bare());
        Ok(finish(receiving, spoiled))
    }

    async fn receive_chunk(&mut self, bytes: u64) -> Result<(), Broken> {
        let bare = self.bare();
        let mut receiving =
            self.receiving.take().unwrap_or_else(|| self.port.gateway.stores.spool.receive());
        let mut left = bytes;
        let mut out = Vec::new();
        let mut pace = Pace::new(self.clock.tick());
        while left > 0 {
            let piece = self.next_piece(&mut left, &mut pace).await?;
            self.chunk.feed(&piece, bare, &mut out);
            keep(&mut receiving, &out, &mut self.spoiled);
            out.clear();
        }
        self.receiving = Some(receiving);
        Ok(())
    }

    fn finish_chunks(&mut self) -> Received {
        let bare = self.bare();
        let mut out = Vec::new();
        self.chunk.finish(bare, &mut out);
        let mut receiving =
            self.receiving.take().unwrap_or_else(|| self.port.gateway.stores.spool.receive());
        let mut spoiled = self.spoiled.take();
        keep(&mut receiving, &out, &mut spoiled);
        if self.chunk.saw_bare() && bare == BareLineEnds::Refuse {
            spoiled.get_or_insert(replies::BARE_LINE_END);
        }
        self.note_bare(self.chunk.saw_bare(), false);
        self.note_mended(self.chunk.saw_bare());
        finish(receiving, spoiled)
    }

    fn note_mended(&mut self, saw_bare: bool) {
        self.mended = match self.bare() {
            BareLineEnds::Mend if saw_bare => Mended::LineEnds,
            BareLineEnds::Mend | BareLineEnds::Refuse => Mended::No,
        };
    }

    async fn discard(&mut self, bytes: u64) -> Result<(), Broken> {
        let mut left = bytes;
        let mut pace = Pace::new(self.clock.tick());
        while left > 0 {
            self.next_piece(&mut left, &mut pace).await?;
        }
        Ok(())
    }

    /// Some of the `left` bytes of a chunk, as they come.
    async fn next_piece(&mut self, left: &mut u64, pace: &mut Pace) -> Result<BytesMut, Broken> {
        if self.wire.input.is_empty() {
            let came = self.read_data().await?;
            self.check_pace(pace, came)?;
        }
        let take = usize::try_from(*left).unwrap_or(usize::MAX).min(self.wire.input.len());
        *left = left.saturating_sub(u64::try_from(take).unwrap_or(0));
        Ok(self.wire.input.split_to(take))
    }

    async fn read_data(&mut self) -> Result<usize, Broken> {
        tokio::select! {
            biased;
            came = self.wire.read_more(limits::DATA_READ_BYTES, limits::DATA_TIMEOUT) => Ok(came?),
            () = crowded_for(limits::COMMAND_TIMEOUT_CROWDED, &mut self.crowded) => Err(Broken::With(replies::TOO_SLOW)),
        }
    }

    fn check_pace(&self, pace: &mut Pace, came: usize) -> Result<(), Broken> {
        if came == 0 {
            return Err(Broken::Gone(io::ErrorKind::UnexpectedEof.into()));
        }
        let now = self.clock.tick();
        if now.since(self.began) > limits::SESSION_TIME_MAX {
            return Err(Broken::With(replies::TOO_LONG));
        }
        match pace.is_fast_enough(came, now) {
            true => Ok(()),
            false => Err(Broken::With(replies::TOO_SLOW)),
        }
    }

    /// The next command line, or why it is none. Replies go out before we wait: pipelined commands share one write.
    async fn next_line(&mut self) -> Result<Result<Vec<u8>, Reply>, Broken> {
        let mut too_long = false;
        let began = self.clock.tick();
        let mut crowded = self.crowded.clone();
        let mut crowded_out = pin!(crowded_for(limits::COMMAND_TIMEOUT_CROWDED, &mut crowded));
        loop {
            match find_line(&self.wire.input) {
                Line::Whole { text, taken } if !too_long => {
                    let mut line = self.wire.input.split_to(taken);
                    line.truncate(text);
                    return Ok(Ok(line.to_vec()));
                }
                Line::Whole { taken, .. } | Line::BareLf(taken) => {
                    self.wire.input.advance(taken);
                    return Ok(Err(if too_long {
                        replies::LINE_TOO_LONG
                    } else {
                        replies::CONTROL_CHARACTERS
                    }));
                }
                Line::TooLong => {
                    too_long = true;
                    self.drop_overlong();
                    if memchr::memchr(b'\n', &self.wire.input).is_some() {
                        continue;
                    }
                }
                Line::Partial if self.wire.input.starts_with(b"\x16\x03") => {
                    self.note(Kind::OtherProtocol, "TLS where none was begun");
                    return Err(Broken::With(replies::NOT_MAIL));
                }
                Line::Partial => (),
            }
            self.flush().await?;
            self.read_command(began, crowded_out.as_mut()).await?;
        }
    }

    /// Of a line that is too long all is forgotten but its end.
    fn drop_overlong(&mut self) {
        let drop = memchr::memchr(b'\n', &self.wire.input)
            .map_or(self.wire.input.len(), |lf| lf.saturating_sub(1));
        self.wire.input.advance(drop);
    }

    /// Reads some of a command for which we have waited since `began`: a byte now and then buys nobody more time.
    async fn read_command(
        &mut self,
        began: Tick,
        crowded_out: Pin<&mut impl Future<Output = ()>>,
    ) -> Result<(), Broken> {
        let mut ending = self.port.ending.clone();
        let in_transaction = self.session.transaction().is_some();
        let now = self.clock.tick();
        let lasted = now.since(self.began);
        let patience = limits::COMMAND_TIMEOUT.saturating_sub(now.since(began));
        if lasted > limits::SESSION_TIME_MAX {
            return Err(Broken::With(replies::TOO_LONG));
        }
        if !in_transaction {
            let now = self.clock.tick();
            self.seat.iter_mut().for_each(|seat| seat.at_rest(now));
        }
        let came = tokio::select! {
            came = self.wire.read_more(limits::COMMAND_READ_BYTES, patience) => came,
            () = crowded_out => return Err(Broken::With(replies::TOO_SLOW)),
            // A transaction under way may finish; anybody else is asked to come back.
            _ = ending.wait_for(|ending| *ending), if !in_transaction => return Err(Broken::With(replies::SHUTTING_DOWN)),
            () = seat_taken(&self.seat), if !in_transaction => return Err(Broken::With(replies::BUSY)),
        };
        match came {
            Ok(0) => Err(Broken::Gone(io::ErrorKind::UnexpectedEof.into())),
            Ok(_) => Ok(()),
            Err(error) if error.kind() == io::ErrorKind::TimedOut => {
                Err(Broken::With(replies::TOO_SLOW))
            }
            Err(error) => Err(Broken::Gone(error)),
        }
    }

    fn say(&mut self, reply: &Reply) {
        self.output.extend_from_slice(reply.to_wire().as_bytes());
    }

    async fn say_after_pause(&mut self, reply: &Reply) -> Result<(), Broken> {
        let pause = self.session.take_pause();
        if !pause.is_zero() {
            self.flush().await?;
            // A place among those that are kept waiting; where there is none, keeping one more would only hold our own sockets.
            let gateway = self.port.gateway.clone();
            let guesses = self.session.bad_recipients() > limits::BAD_RECIPIENTS_FREE;
            let place = gateway.guard.tarpit();
            if guesses && place.is_none() && self.standing() != Standing::Own {
                return Err(Broken::With(replies::TOO_MANY_UNKNOWN));
            }
            tokio::time::sleep(pause).await;
        }
        self.say(reply);
        Ok(())
    }

    async fn flush(&mut self) -> Result<(), Broken> {
        if !self.output.is_empty() {
            self.wire.write(&self.output, limits::WRITE_TIMEOUT).await?;
            self.output.clear();
        }
        Ok(())
    }
}

/// Waits until the seat is given to somebody else; for ever where there is none to give.
async fn seat_taken(seat: &Option<Seat>) {
    match seat {
        Some(seat) => seat.taken().await,
        None => std::future::pending().await,
    }
}

/// Ends when it has been crowded for this long without a break: a client that said nothing all the while is waited for no more.
/// Those who were waited for already when the crowd came are no exception: it is they who fill the place.
async fn crowded_for(span: Duration, crowded: &mut watch::Receiver<bool>) {
    loop {
        if crowded.wait_for(|crowded| *crowded).await.is_err() {
            // Nobody counts any more: the process ends, and other words end this.
            return std::future::pending().await;
        }
        let room_again = crowded.wait_for(|crowded| !*crowded);
        if tokio::time::timeout(span, room_again).await.is_err() {
            return;
        }
    }
}

/// What the conversation does after a step.
#[derive(Debug, PartialEq, Eq)]
enum Next {
    Line,
    Close,
}

/// Hands a piece to the spool's care, unless the message is refused anyway.
fn keep(receiving: &mut Receiving, piece: &[u8], spoiled: &mut Option<Reply>) {
    if spoiled.is_some() || piece.is_empty() {
        return;
    }
    if let Err(error) = receiving.write(piece) {
        tracing::error!(%error, "a message could not be written down; its sender keeps it");
        *spoiled = Some(if error.kind() == io::ErrorKind::StorageFull {
            replies::DISK_FULL
        } else {
            replies::OUR_FAULT
        });
    }
}

fn finish(receiving: Receiving, spoiled: Option<Reply>) -> Received {
    if let Some(reply) = spoiled {
        return Received::Refused(reply);
    }
    match receiving.finish() {
        Ok(content) => Received::Whole(content),
        Err(error) => {
            tracing::error!(%error, "a message could not be written down; its sender keeps it");
            Received::Refused(replies::OUR_FAULT)
        }
    }
}

/// How fast a message comes in, over a window that forgives short stalls.
struct Pace {
    window: Tick,
    bytes: u64,
}

impl Pace {
    fn new(now: Tick) -> Pace {
        Pace { window: now, bytes: 0 }
    }

    fn is_fast_enough(&mut self, came: usize, now: Tick) -> bool {
        self.bytes = self.bytes.saturating_add(u64::try_from(came).unwrap_or(u64::MAX));
        let span = now.since(self.window);
        if span < limits::RECEIVE_RATE_WINDOW {
            return true;
        }
        let enough = self.bytes >= limits::RECEIVE_RATE_MIN.saturating_mul(span.as_secs());
        *self = Pace::new(now);
        enough
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn only_a_lasting_crowd_shortens_the_wait() {
        let (tell, told) = watch::channel(false);
        let waits = async |span| {
            let mut told = told.clone();
            tokio::select! {
                biased;
                () = crowded_for(span, &mut told) => false,
                () = tokio::task::yield_now() => true,
            }
        };
        assert!(waits(Duration::ZERO).await, "there is room");
        tell.send_replace(true);
        assert!(waits(Duration::from_secs(3_600)).await, "not yet for so long");
        crowded_for(Duration::ZERO, &mut told.clone()).await;
        tell.send_replace(false);
        assert!(waits(Duration::ZERO).await, "there is room again");
    }

    #[test]
    fn thousands_of_idle_sessions_fit() {
        fn bytes_of<A, F: Future>(_: impl FnOnce(A) -> F) -> usize {
            std::mem::size_of::<F>()
        }
        // What seldom waits is on the heap; a session of which every byte counts five thousand times does not carry room for it.
        let bytes = bytes_of(Conversation::run);
        assert!(bytes <= 15 << 10, "{bytes} bytes of a session");
    }

    #[test]
    fn a_byte_a_second_is_too_slow() {
        let at = |seconds: u64| Tick(Duration::from_secs(seconds));
        let mut pace = Pace::new(at(0));
        assert!((1..60).all(|second| pace.is_fast_enough(1, at(second))));
        assert!(!pace.is_fast_enough(1, at(60)));
        let mut pace = Pace::new(at(0));
        assert!(pace.is_fast_enough(10_000, at(59)));
        assert!(pace.is_fast_enough(1, at(60)), "a stall after a burst is forgiven");
    }
}
