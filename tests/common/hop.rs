//! A next hop that does as it is told: a mail server with every bad habit, on threads.

use super::{PATIENCE, certs::Cert, chance, line::Line, wait_for};
use rustls::{ServerConfig, ServerConnection, StreamOwned, pki_types::PrivateKeyDer};
use std::{
    io::{self, Read, Write},
    net::{IpAddr, Shutdown, SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc, Mutex, MutexGuard, OnceLock,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

/// How the server behaves. It may be changed while it runs; what it has begun, it ends as it began.
#[derive(Debug, Clone)]
pub struct Manner {
    /// The greeting.
    pub greeting: String,
    /// Keywords after EHLO; none: EHLO is not known, only HELO.
    pub keywords: Option<Vec<String>>,
    /// STARTTLS.
    pub tls: HopTls,
    /// The reply to MAIL.
    pub mail: String,
    /// Replies to RCPT by a part of the address; others are taken.
    pub rcpt: Vec<(String, String)>,
    /// The reply to DATA.
    pub data: String,
    /// What comes after the dot.
    pub dot: Dot,
    /// Wait before every reply.
    pub pause: Duration,
    /// Wait before every byte of a reply: a tarpit.
    pub byte_pause: Duration,
    /// After the greeting nothing more is said, while the line stays open the other way.
    pub half_close_after_greeting: bool,
    /// Hang up after a mail, as if the client had been idle for too long.
    pub hang_up_after_mail: bool,
    /// Instead of hanging up, say this to the next command and then hang up.
    pub idle_words: Option<String>,
    /// It speaks LMTP: a reply after the dot for each recipient that was taken, by a part of its address; others are taken.
    pub lmtp: Option<Vec<(String, String)>>,
    /// The reply to AUTH.
    pub auth: String,
    /// The reply to XCLIENT.
    pub xclient: String,
    /// Chance decides after each dot: a fifth 451, a tenth dropped before and a tenth after the mail was taken.
    pub fickle: bool,
}

/// STARTTLS at the next hop.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HopTls {
    /// Not offered.
    Off,
    /// Offered, with a certificate made for the occasion.
    Good,
    /// Offered, with this certificate.
    With(Cert),
    /// Offered, and refused when it is asked for.
    Refused,
    /// Offered, and then something that is no TLS comes.
    Broken,
}

/// What comes after the dot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Dot {
    /// This reply; the mail is kept if it is a 250.
    Say(String),
    /// Nothing, for ever; the mail is not kept.
    Silent,
    /// A reply that never ends, a line now and then.
    Drip,
    /// The line is dropped before the mail was taken.
    DropBefore,
    /// The line is dropped after the mail was taken.
    DropAfter,
    /// Nothing more is said, while the line stays open the other way; the mail is not kept.
    HalfClose,
    /// The line is reset before the mail was taken.
    ResetBefore,
    /// The line is reset after the mail was taken: what is on its way to the client is lost too.
    ResetAfter,
}

impl Default for Manner {
    fn default() -> Manner {
        let keywords = ["PIPELINING", "SIZE 52428800", "8BITMIME", "SMTPUTF8", "DSN"];
        Manner {
            greeting: "220 hop.example ESMTP".to_string(),
            keywords: Some(keywords.map(str::to_string).to_vec()),
            tls: HopTls::Off,
            mail: "250 2.1.0 ok".to_string(),
            rcpt: Vec::new(),
            data: "354 go".to_string(),
            dot: Dot::Say("250 2.0.0 taken".to_string()),
            pause: Duration::ZERO,
            byte_pause: Duration::ZERO,
            half_close_after_greeting: false,
            hang_up_after_mail: false,
            idle_words: None,
            lmtp: None,
            auth: "235 2.7.0 welcome".to_string(),
            xclient: "220 hop.example ESMTP".to_string(),
            fickle: false,
        }
    }
}

/// A mail that the server has taken.
#[derive(Debug, Clone)]
pub struct Taken {
    /// The MAIL line.
    pub mail: String,
    /// The RCPT lines that were taken.
    pub rcpt: Vec<String>,
    /// The mail, dots taken out, without its end.
    pub bytes: Vec<u8>,
    /// It came inside TLS.
    pub in_tls: bool,
    /// The last EHLO, HELO or LHLO line before it.
    pub hello: String,
    /// The last XCLIENT line before it; empty when there was none.
    pub told: String,
    /// Where the client came from.
    pub from: IpAddr,
    /// The line was dropped instead of a reply, so the client has to send it again.
    pub unanswered: bool,
}

impl Taken {
    /// The mail as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes).into_owned()
    }

    /// Was it sent to this recipient?
    pub fn is_for(&self, recipient: &str) -> bool {
        self.rcpt.iter().any(|line| line.contains(&format!("<{recipient}>")))
    }
}

/// The running server. Dropping it ends it.
pub struct Hop {
    address: SocketAddr,
    port: u16,
    shared: Arc<Shared>,
}

struct Shared {
    manner: Mutex<Manner>,
    taken: Mutex<Vec<Taken>>,
    commands: Mutex<Vec<String>>,
    connections: Mutex<usize>,
    seed: Mutex<u64>,
    away: AtomicBool,
    ended: AtomicBool,
}

impl Hop {
    /// Starts one with this behaviour.
    pub fn start(manner: Manner) -> Hop {
        Hop::start_at("127.0.0.1:0", manner)
    }

    /// Starts one at this address.
    pub fn start_at(address: &str, manner: Manner) -> Hop {
        let listener = TcpListener::bind(address).unwrap();
        let address = listener.local_addr().unwrap();
        let port = address.port();
        let shared = Arc::new(Shared {
            manner: Mutex::new(manner),
            taken: Mutex::default(),
            commands: Mutex::default(),
            connections: Mutex::default(),
            seed: Mutex::default(),
            away: AtomicBool::new(false),
            ended: AtomicBool::new(false),
        });
        listen(listener, shared.clone());
        Hop { address, port, shared }
    }

    /// Stops: nobody listens, and lines that are open are cut at their next command.
    pub fn go_away(&self) {
        self.shared.away.store(true, Ordering::Relaxed);
        self.wake_listener();
    }

    /// Listens again where it did.
    pub fn come_back(&self) {
        let listener = wait_for("the hop's port", || TcpListener::bind(self.address).ok());
        self.shared.away.store(false, Ordering::Relaxed);
        listen(listener, self.shared.clone());
    }

    /// The listener looks whether it has ended when somebody connects.
    fn wake_listener(&self) {
        let _gone_already = TcpStream::connect(self.address);
    }

    /// Where it listens.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Behave like this from now on.
    pub fn become_(&self, manner: Manner) {
        *lock(&self.shared.manner) = manner;
    }

    /// Changes some of the behaviour.
    pub fn change(&self, alter: impl FnOnce(&mut Manner)) {
        alter(&mut lock(&self.shared.manner));
    }

    /// Sets what chance begins with.
    pub fn seed(&self, seed: u64) {
        *lock(&self.shared.seed) = seed;
    }

    /// What it has taken.
    pub fn taken(&self) -> Vec<Taken> {
        lock(&self.shared.taken).clone()
    }

    /// What it has taken since this was asked last; it forgets that, and what it has heard.
    pub fn drain(&self) -> Vec<Taken> {
        lock(&self.shared.commands).clear();
        std::mem::take(&mut *lock(&self.shared.taken))
    }

    /// How many mails it has taken.
    pub fn count(&self) -> usize {
        lock(&self.shared.taken).len()
    }

    /// The command lines it has heard.
    pub fn commands(&self) -> Vec<String> {
        lock(&self.shared.commands).clone()
    }

    /// Connections so far.
    pub fn connections(&self) -> usize {
        *lock(&self.shared.connections)
    }

    /// Forgets what it has taken and heard.
    pub fn forget(&self) {
        lock(&self.shared.taken).clear();
        lock(&self.shared.commands).clear();
    }
}

impl Drop for Hop {
    fn drop(&mut self) {
        self.shared.ended.store(true, Ordering::Relaxed);
        self.wake_listener();
    }
}

fn listen(listener: TcpListener, shared: Arc<Shared>) {
    thread::spawn(move || {
        for socket in listener.incoming() {
            let over = shared.ended.load(Ordering::Relaxed) || shared.away.load(Ordering::Relaxed);
            let (Ok(socket), false) = (socket, over) else { return };
            let shared = shared.clone();
            thread::spawn(move || {
                *lock(&shared.connections) += 1;
                // The gateway may hang up whenever it likes; that is no fault of the test's.
                let _ended = Talk::new(shared, socket).and_then(Talk::run);
            });
        }
    });
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// One connection.
struct Talk {
    shared: Arc<Shared>,
    line: Line,
    input: Vec<u8>,
    mail: Option<String>,
    rcpt: Vec<String>,
    in_tls: bool,
    mails: usize,
    hello: String,
    told: String,
    from: IpAddr,
}

impl Talk {
    fn new(shared: Arc<Shared>, socket: TcpStream) -> io::Result<Talk> {
        socket.set_nodelay(true)?;
        socket.set_read_timeout(Some(PATIENCE * 4))?;
        let from = socket.peer_addr()?.ip();
        Ok(Talk {
            shared,
            line: Line::Plain(socket),
            input: Vec::new(),
            mail: None,
            rcpt: Vec::new(),
            in_tls: false,
            mails: 0,
            hello: String::new(),
            told: String::new(),
            from,
        })
    }

    fn run(mut self) -> io::Result<()> {
        let greeting = self.manner().greeting;
        self.say(&greeting)?;
        if !greeting.starts_with('2') {
            return Ok(());
        }
        if self.manner().half_close_after_greeting {
            self.half_close()?;
            return self.wait_until_gone().map(drop);
        }
        loop {
            let line = self.read_until(b"\r\n")?;
            if self.shared.away.load(Ordering::Relaxed) {
                return Ok(());
            }
            let line = String::from_utf8_lossy(&line).into_owned();
            lock(&self.shared.commands).push(line.clone());
            let manner = self.manner();
            if let (Some(words), true) = (&manner.idle_words, self.mails > 0) {
                return self.say(words);
            }
            let verb = line.split([' ', ':']).next().unwrap_or("").to_ascii_uppercase();
            match verb.as_str() {
                "EHLO" | "LHLO" if (verb == "LHLO") != manner.lmtp.is_some() => {
                    self.say("500 5.5.1 not here")?
                }
                "EHLO" | "LHLO" => {
                    self.hello = line;
                    self.ehlo(&manner)?
                }
                "HELO" => {
                    self.hello = line;
                    self.say("250 hop.example")?
                }
                "XCLIENT" => {
                    if manner.xclient.starts_with('2') {
                        self.told = line;
                    }
                    self.say(&manner.xclient)?
                }
                "AUTH" if line.eq_ignore_ascii_case("AUTH LOGIN") => {
                    self.say("334 VXNlcm5hbWU6")?;
                    for question in ["334 UGFzc3dvcmQ6", &manner.auth] {
                        let answer = self.read_until(b"\r\n")?;
                        lock(&self.shared.commands)
                            .push(String::from_utf8_lossy(&answer).into_owned());
                        self.say(question)?;
                    }
                }
                "AUTH" => self.say(&manner.auth)?,
                "STARTTLS" => self.start_tls(manner.tls)?,
                "MAIL" => {
                    if manner.mail.starts_with('2') {
                        (self.mail, self.rcpt) = (Some(line), Vec::new());
                    }
                    self.say(&manner.mail)?;
                    if manner.mail.starts_with("421") {
                        return Ok(());
                    }
                }
                "RCPT" => self.recipient(&manner, line)?,
                "DATA" if self.mail.is_none() || self.rcpt.is_empty() => {
                    self.say("503 5.5.1 no")?
                }
                "DATA" => {
                    self.say(&manner.data)?;
                    if manner.data.starts_with('3') && !self.message(&manner)? {
                        return Ok(());
                    }
                }
                "RSET" => {
                    (self.mail, self.rcpt) = (None, Vec::new());
                    self.say("250 2.0.0 ok")?;
                }
                "NOOP" => self.say("250 2.0.0 ok")?,
                "QUIT" => return self.say("221 2.0.0 bye"),
                _ => self.say("500 5.5.2 what?")?,
            }
        }
    }

    fn manner(&self) -> Manner {
        lock(&self.shared.manner).clone()
    }

    fn ehlo(&mut self, manner: &Manner) -> io::Result<()> {
        let Some(keywords) = &manner.keywords else { return self.say("502 5.5.1 no EHLO") };
        let mut lines = vec!["hop.example".to_string()];
        lines.extend(keywords.clone());
        if manner.tls != HopTls::Off && !self.in_tls {
            lines.push("STARTTLS".to_string());
        }
        let last = lines.len() - 1;
        let lines = lines.iter().enumerate();
        let lines: Vec<String> = lines
            .map(|(at, line)| format!("250{}{line}", if at == last { ' ' } else { '-' }))
            .collect();
        self.say(&lines.join("\r\n"))
    }

    fn start_tls(&mut self, tls: HopTls) -> io::Result<()> {
        let config = match tls {
            HopTls::Refused => return self.say("454 4.7.0 TLS not available"),
            HopTls::Broken => {
                self.say("220 2.0.0 go")?;
                self.write(b"this is no TLS record at all\r\n")?;
                return Err(io::Error::other("broken on purpose"));
            }
            HopTls::With(cert) => cert.config,
            HopTls::Good | HopTls::Off => server_config(),
        };
        self.say("220 2.0.0 go")?;
        let Line::Plain(socket) = std::mem::replace(&mut self.line, Line::Gone) else {
            return Err(io::Error::other("TLS twice"));
        };
        let session = ServerConnection::new(config).map_err(io::Error::other)?;
        self.line = Line::Server(Box::new(StreamOwned::new(session, socket)));
        (self.in_tls, self.mail, self.rcpt) = (true, None, Vec::new());
        Ok(())
    }

    fn recipient(&mut self, manner: &Manner, line: String) -> io::Result<()> {
        if self.mail.is_none() {
            return self.say("503 5.5.1 MAIL first");
        }
        let reply = manner.rcpt.iter().find(|(part, _)| line.contains(part.as_str()));
        let reply = reply.map_or("250 2.1.5 ok", |(_, reply)| reply).to_string();
        if reply.starts_with('2') {
            self.rcpt.push(line);
        }
        self.say(&reply)
    }

    /// Takes the message; false when the line was dropped.
    fn message(&mut self, manner: &Manner) -> io::Result<bool> {
        // The end mark of an empty message begins with the CRLF of the DATA line; it is put back to be found.
        self.input.splice(..0, *b"\r\n");
        let bytes = self.read_until(b"\r\n.\r\n")?;
        let bytes = bytes.get(2..).unwrap_or_default().to_vec();
        let dot = match manner.fickle {
            false => manner.dot.clone(),
            true => match chance(&mut lock(&self.shared.seed)) % 10 {
                0 | 1 => Dot::Say("451 4.3.0 not now".to_string()),
                2 => Dot::DropBefore,
                3 => Dot::DropAfter,
                _ => Dot::Say("250 2.0.0 taken".to_string()),
            },
        };
        let taken = Taken {
            mail: self.mail.take().unwrap_or_default(),
            rcpt: std::mem::take(&mut self.rcpt),
            bytes: unstuffed(&bytes),
            in_tls: self.in_tls,
            hello: self.hello.clone(),
            told: self.told.clone(),
            from: self.from,
            unanswered: matches!(dot, Dot::DropAfter | Dot::ResetAfter),
        };
        self.mails += 1;
        if let (Some(replies), Dot::Say(_)) = (&manner.lmtp, &dot) {
            return self.each_answer(replies, taken);
        }
        match &dot {
            Dot::Say(reply) => {
                if reply.starts_with('2') {
                    lock(&self.shared.taken).push(taken);
                }
                self.say(reply)?;
                Ok(!manner.hang_up_after_mail && !reply.starts_with("421"))
            }
            Dot::Silent => self.wait_until_gone(),
            Dot::Drip => loop {
                self.write(b"250-still thinking\r\n")?;
                thread::sleep(Duration::from_millis(300));
            },
            Dot::DropBefore => Ok(false),
            Dot::DropAfter => {
                lock(&self.shared.taken).push(taken);
                Ok(false)
            }
            Dot::HalfClose => {
                self.half_close()?;
                self.wait_until_gone()
            }
            Dot::ResetBefore => self.reset(),
            Dot::ResetAfter => {
                lock(&self.shared.taken).push(taken);
                self.reset()
            }
        }
    }

    /// One reply for each recipient; "drop" hangs up in its stead. Kept for those that were taken.
    fn each_answer(&mut self, replies: &[(String, String)], taken: Taken) -> io::Result<bool> {
        for line in &taken.rcpt {
            let reply = replies.iter().find(|(part, _)| line.contains(part.as_str()));
            let reply = reply.map_or("250 2.0.0 taken", |(_, reply)| reply);
            if reply == "drop" {
                return Ok(false);
            }
            if reply.starts_with('2') {
                let one = Taken { rcpt: vec![line.clone()], ..taken.clone() };
                lock(&self.shared.taken).push(one);
            }
            self.say(reply)?;
        }
        Ok(true)
    }

    fn half_close(&mut self) -> io::Result<()> {
        let Line::Plain(socket) = &self.line else { return Err(io::Error::other("inside TLS")) };
        socket.shutdown(Shutdown::Write)
    }

    /// The line ends by RST, which also takes away what was on its way.
    fn reset(&mut self) -> io::Result<bool> {
        let Line::Plain(socket) = &self.line else { return Err(io::Error::other("inside TLS")) };
        socket2::SockRef::from(socket).set_linger(Some(Duration::ZERO))?;
        Ok(false)
    }

    fn wait_until_gone(&mut self) -> io::Result<bool> {
        let mut room = [0; 64];
        while self.line.read(&mut room)? > 0 {}
        Ok(false)
    }

    fn say(&mut self, words: &str) -> io::Result<()> {
        thread::sleep(self.manner().pause);
        let line = format!("{words}\r\n");
        let mut left = line.as_bytes();
        // Asked again for every byte: a tarpit that becomes calm holds nobody who is already in it.
        while let (Some((byte, rest)), pause) = (left.split_first(), self.manner().byte_pause)
            && !pause.is_zero()
        {
            thread::sleep(pause);
            self.write(&[*byte])?;
            left = rest;
        }
        self.write(left)
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.line.write_all(bytes)?;
        self.line.flush()
    }

    /// Everything up to this mark, which is taken and left out.
    fn read_until(&mut self, mark: &[u8]) -> io::Result<Vec<u8>> {
        let mut looked = 0;
        loop {
            let from = looked.min(self.input.len());
            if let Some(at) = memchr::memmem::find(&self.input[from..], mark) {
                let end = from + at;
                let bytes = self.input[..end].to_vec();
                self.input.drain(..end + mark.len());
                return Ok(bytes);
            }
            looked = self.input.len().saturating_sub(mark.len());
            let mut room = [0; 32 << 10];
            match self.line.read(&mut room)? {
                0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                count => self.input.extend_from_slice(&room[..count]),
            }
        }
    }
}

/// Dots taken out, RFC 5321 section 4.5.2; the CRLF that belongs to the end mark is put back.
fn unstuffed(wire: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(wire.len() + 2);
    let mut at_start = true;
    for byte in wire {
        if at_start && *byte == b'.' {
            at_start = false;
            continue;
        }
        bytes.push(*byte);
        at_start = *byte == b'\n';
    }
    bytes.extend_from_slice(b"\r\n");
    bytes
}

fn server_config() -> Arc<ServerConfig> {
    static CONFIG: OnceLock<Arc<ServerConfig>> = OnceLock::new();
    let made = || {
        let made = rcgen::generate_simple_self_signed(vec!["hop.example".to_string()]).unwrap();
        let key = PrivateKeyDer::Pkcs8(made.signing_key.serialize_der().into());
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![made.cert.der().clone()], key)
            .unwrap();
        Arc::new(config)
    };
    CONFIG.get_or_init(made).clone()
}
