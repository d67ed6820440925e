//! One SMTP session seen from the server, RFC 5321.
//!
//! The machine decides what the protocol decides and asks about everything else. It never waits and never decides policy:
//! the edge carries a [`Question`] to `pipeline` and brings the [`Answer`] back.
//!
//! Invariants: recipients exist only while a sender does (RFC 5321 section 4.1.4); a transaction has an id from MAIL on;
//! between the first BDAT and the last nothing but BDAT, NOOP, RSET and QUIT is heard (RFC 3030 section 2);
//! a password is asked for inside TLS only, and a user exists only there.

use crate::{
    base::{hidden::Hidden, ids::Id, limits},
    mail::{Envelope, Recipient, ReversePath, TlsSession, User},
    wire::smtp::{
        command::{self, Command, MailFrom, Mechanism},
        log_in::{self, Credentials},
        replies::{self, Reply},
    },
};
use std::time::Duration;

/// What a session announces after EHLO.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Offers {
    /// SIZE, bytes.
    pub size_max: u64,
    /// STARTTLS.
    pub starttls: bool,
    /// SMTPUTF8, RFC 6531.
    pub smtputf8: bool,
    /// DSN, RFC 3461.
    pub dsn: bool,
    /// AUTH, RFC 4954; only inside TLS.
    pub auth: bool,
    /// REQUIRETLS, RFC 8689; only inside TLS.
    pub requiretls: bool,
}

/// What the edge must do next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Write this and read the next line.
    Say(Reply),
    /// Put this to the policy, then call [`Session::answer`].
    Ask(Question),
    /// Write 354 and receive the message up to CRLF.CRLF, then call [`Session::message_done`].
    ReceiveData,
    /// Receive exactly this many bytes as a piece of the message, then call [`Session::chunk_done`].
    ReceiveChunk {
        /// How many.
        bytes: u64,
        /// The message ends with it.
        last: bool,
    },
    /// Read this many bytes and forget them, then write this (RFC 3030 section 2: a refused chunk still comes).
    DiscardChunk(u64, Reply),
    /// Write this, do the handshake, then call [`Session::tls_started`].
    StartTls(Reply),
    /// Write this and hang up.
    Close(Reply),
}

/// A decision that is not the protocol's to make.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Question {
    /// May this sender begin a transaction?
    Sender(ReversePath),
    /// Do we carry mail for this recipient?
    Recipient(Recipient),
    /// Is this who it says it is?
    LogIn(Credentials),
}

/// The policy's word on a [`Question`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// The sender may begin; the transaction is called this.
    Begin(Id),
    /// The recipient is taken, as this: admission knows whose it is, and may have read a rewritten address back.
    Take(Recipient),
    /// It is this user.
    Welcome(User),
    /// Refuse with this reply; the transaction stays as it was.
    No(Reply),
}

/// Where a transaction stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transaction {
    /// Its name.
    pub id: Id,
    /// Sender and recipients so far.
    pub envelope: Envelope,
    /// The size the client announced with MAIL (RFC 1870 section 6), bytes.
    pub announced_bytes: Option<u64>,
}

/// How far BDAT has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mark {
    /// No chunk yet.
    None,
    /// This many bytes so far.
    Bytes(u64),
}

/// The state of one connection after the greeting.
#[derive(Debug)]
pub struct Session {
    hostname: String,
    offers: Offers,
    tls_required: bool,
    tls: Option<TlsSession>,
    helo: Option<(String, bool)>,
    transaction: Option<Transaction>,
    chunks: Mark,
    asked: Option<Asked>,
    log_in: Option<LogIn>,
    user: Option<User>,
    log_ins_failed: u32,
    errors: u32,
    bad_recipients: u32,
    pause: Duration,
}

#[derive(Debug)]
enum Asked {
    Sender(MailFrom),
    Recipient,
    LogIn,
}

/// What the next line of an AUTH exchange is.
#[derive(Debug)]
enum LogIn {
    /// Name and password of PLAIN.
    Plain,
    /// The name of LOGIN.
    Name,
    /// The password of LOGIN, after this name.
    Password(Hidden<String>),
}

impl Session {
    /// A session that has just been greeted. `tls` is set when the connection began inside TLS.
    pub fn new(
        hostname: &str,
        offers: Offers,
        tls_required: bool,
        tls: Option<TlsSession>,
    ) -> Session {
        Session {
            hostname: hostname.to_string(),
            offers,
            tls_required,
            tls,
            helo: None,
            transaction: None,
            chunks: Mark::None,
            asked: None,
            log_in: None,
            user: None,
            log_ins_failed: 0,
            errors: 0,
            bad_recipients: 0,
            pause: Duration::ZERO,
        }
    }

    /// The greeting.
    pub fn greeting(&self) -> Reply {
        replies::greeting(&self.hostname)
    }

    /// Feeds one command line, without its CRLF.
    pub fn line(&mut self, line: &[u8]) -> Step {
        if let Some(log_in) = self.log_in.take() {
            return self.response(log_in, line);
        }
        let offers =
            Offers { requiretls: self.offers.requiretls && self.tls.is_some(), ..self.offers };
        match command::parse(line, &offers) {
            Ok(command) => self.command(command),
            Err(reply) => self.wrong(reply),
        }
    }

    /// A line that could not be framed: too long, or a bare LF in it.
    pub fn unreadable(&mut self, reply: Reply) -> Step {
        match self.log_in.take() {
            Some(_) if reply == replies::LINE_TOO_LONG => self.wrong(replies::LOG_IN_TOO_LONG),
            Some(_) | None => self.wrong(reply),
        }
    }

    fn command(&mut self, command: Command) -> Step {
        if self.chunks != Mark::None
            && !matches!(
                command,
                Command::Bdat { .. } | Command::Noop | Command::Rset | Command::Quit
            )
        {
            return self.wrong(replies::BAD_SEQUENCE);
        }
        match command {
            Command::Ehlo(name) => self.hello(name, true),
            Command::Helo(name) => self.hello(name, false),
            Command::Mail(mail) => self.mail(mail),
            Command::Rcpt(recipient) => self.rcpt(recipient),
            Command::Data => self.data(),
            Command::Bdat { bytes, last } => self.bdat(bytes, last),
            Command::StartTls => self.start_tls(),
            Command::Auth { mechanism, initial } => self.auth(mechanism, initial),
            Command::Rset => {
                self.forget();
                Step::Say(replies::FORGOTTEN)
            }
            Command::Noop => Step::Say(self.about(replies::STILL_HERE)),
            Command::Help => Step::Say(self.about(replies::HELP)),
            Command::Vrfy => Step::Say(self.about(replies::VRFY)),
            Command::NotOffered => self.wrong(replies::NOT_OFFERED),
            Command::Quit => Step::Close(replies::GOODBYE),
        }
    }

    fn hello(&mut self, name: String, extended: bool) -> Step {
        // RFC 5321 section 4.1.4: EHLO in mid-session is RSET and EHLO.
        self.forget();
        self.helo = Some((name, extended));
        Step::Say(match extended {
            true => replies::ehlo(&self.hostname, &self.offers, self.tls.is_some()),
            false => replies::helo(&self.hostname),
        })
    }

    fn mail(&mut self, mail: MailFrom) -> Step {
        if self.tls_required && self.tls.is_none() {
            return self.wrong(replies::TLS_FIRST);
        }
        if self.helo.is_none() || self.transaction.is_some() {
            return self.wrong(replies::BAD_SEQUENCE);
        }
        if mail.size.is_some_and(|size| size > self.offers.size_max) {
            return Step::Say(replies::TOO_BIG);
        }
        let question = Question::Sender(mail.sender.clone());
        self.asked = Some(Asked::Sender(mail));
        Step::Ask(question)
    }

    fn rcpt(&mut self, recipient: Recipient) -> Step {
        let Some(transaction) = &self.transaction else {
            return self.wrong(replies::BAD_SEQUENCE);
        };
        if transaction.envelope.recipients.len() >= limits::RECIPIENTS_MAX {
            return Step::Say(self.about(replies::TOO_MANY_RECIPIENTS));
        }
        if recipient.address.is_unicode() && !transaction.envelope.smtputf8 {
            return self.wrong(replies::NEEDS_SMTPUTF8);
        }
        self.asked = Some(Asked::Recipient);
        Step::Ask(Question::Recipient(recipient))
    }

    fn data(&mut self) -> Step {
        match &self.transaction {
            Some(transaction) if !transaction.envelope.recipients.is_empty() => Step::ReceiveData,
            _ => self.wrong(replies::BAD_SEQUENCE),
        }
    }

    fn bdat(&mut self, bytes: u64, last: bool) -> Step {
        let ready = self
            .transaction
            .as_ref()
            .is_some_and(|transaction| !transaction.envelope.recipients.is_empty());
        if !ready {
            let reply = self.about(replies::BAD_SEQUENCE);
            return self.discard(bytes, reply);
        }
        let so_far = match self.chunks {
            Mark::None => 0,
            Mark::Bytes(bytes) => bytes,
        };
        let total = so_far.saturating_add(bytes);
        if total > self.offers.size_max {
            let reply = self.about(replies::TOO_BIG);
            self.forget();
            return self.discard(bytes, reply);
        }
        self.chunks = Mark::Bytes(total);
        Step::ReceiveChunk { bytes, last }
    }

    /// A chunk we do not want must still be read, unless it is more than anybody may send.
    fn discard(&mut self, bytes: u64, reply: Reply) -> Step {
        // As with DATA: at twice the size there is no end in sight.
        if bytes > self.offers.size_max.saturating_mul(2) {
            return Step::Close(replies::TOO_BIG.about(reply.id));
        }
        let step = self.wrong(reply);
        match step {
            Step::Say(reply) => Step::DiscardChunk(bytes, reply),
            Step::Ask(_)
            | Step::ReceiveData
            | Step::ReceiveChunk { .. }
            | Step::DiscardChunk(..)
            | Step::StartTls(_)
            | Step::Close(_) => step,
        }
    }

    fn start_tls(&mut self) -> Step {
        if self.tls.is_some() || !self.offers.starttls || self.transaction.is_some() {
            return self.wrong(replies::NO_TLS_NOW);
        }
        Step::StartTls(replies::START_TLS)
    }

    fn auth(&mut self, mechanism: Mechanism, initial: Option<Hidden<String>>) -> Step {
        if self.tls.is_none() {
            return self.wrong(match self.tls_required {
                true => replies::TLS_FIRST,
                false => replies::LOG_IN_NEEDS_TLS,
            });
        }
        if self.user.is_some() {
            return self.wrong(replies::LOGGED_IN_ALREADY);
        }
        // RFC 4954 section 4: not in a mail transaction.
        if self.helo.is_none() || self.transaction.is_some() {
            return self.wrong(replies::BAD_SEQUENCE);
        }
        let log_in = match mechanism {
            Mechanism::Plain => LogIn::Plain,
            Mechanism::Login => LogIn::Name,
        };
        match initial {
            // RFC 4954 section 4: an equals sign is an initial response of no octets.
            Some(initial) if initial.expose() == "=" => self.response(log_in, b""),
            Some(initial) => self.response(log_in, initial.expose().as_bytes()),
            None => self.challenge(log_in),
        }
    }

    fn challenge(&mut self, log_in: LogIn) -> Step {
        let reply = match &log_in {
            LogIn::Plain => replies::SAY_IT,
            LogIn::Name => replies::SAY_NAME,
            LogIn::Password(_) => replies::SAY_PASSWORD,
        };
        self.log_in = Some(log_in);
        Step::Say(reply)
    }

    /// A line of the exchange, or the initial response.
    fn response(&mut self, log_in: LogIn, line: &[u8]) -> Step {
        // RFC 4954 section 4: an asterisk alone ends it.
        if line == b"*" {
            return self.wrong(replies::LOG_IN_CANCELLED);
        }
        let Some(said) = log_in::decode(line) else {
            return self.wrong(replies::BAD_LOG_IN);
        };
        let credentials = match log_in {
            LogIn::Plain => log_in::plain(&said),
            LogIn::Name => match log_in::text(said.expose(), log_in::NAME) {
                Ok(name) => return self.challenge(LogIn::Password(name)),
                Err(reply) => Err(reply),
            },
            LogIn::Password(name) => log_in::text(said.expose(), log_in::PASSWORD)
                .map(|password| Credentials { name, password }),
        };
        match credentials {
            Ok(credentials) => {
                self.asked = Some(Asked::LogIn);
                Step::Ask(Question::LogIn(credentials))
            }
            Err(reply) if reply == replies::LOG_IN_FAILED => self.log_in_refused(reply),
            Err(reply) => self.wrong(reply),
        }
    }

    /// A wrong password is answered late, and the third ends the connection.
    fn log_in_refused(&mut self, reply: Reply) -> Step {
        if reply.code == 421 {
            return Step::Close(reply);
        }
        if reply.is_no() {
            self.log_ins_failed += 1;
            self.pause = limits::LOG_IN_FAILURE_DELAY;
        }
        match self.log_ins_failed >= limits::LOG_IN_FAILURES_PER_CONNECTION_MAX {
            true => Step::Close(replies::TOO_MANY_LOG_INS),
            false => Step::Say(reply),
        }
    }

    /// Resumes after [`Step::Ask`].
    pub fn answer(&mut self, answer: Answer) -> Step {
        match (self.asked.take(), answer) {
            (Some(Asked::Sender(mail)), Answer::Begin(id)) => {
                let envelope = Envelope {
                    body: mail.body,
                    smtputf8: mail.smtputf8,
                    dsn: mail.dsn,
                    require_tls: mail.require_tls,
                    ..Envelope::from(mail.sender)
                };
                self.transaction = Some(Transaction { id, envelope, announced_bytes: mail.size });
                Step::Say(self.about(replies::SENDER_OK))
            }
            (Some(Asked::Recipient), Answer::Take(recipient)) => {
                if let Some(transaction) = &mut self.transaction {
                    transaction.envelope.recipients.push(recipient);
                }
                Step::Say(self.about(replies::RECIPIENT_OK))
            }
            (Some(Asked::LogIn), Answer::Welcome(user)) => {
                self.user = Some(user);
                Step::Say(replies::LOGGED_IN)
            }
            (Some(Asked::LogIn), Answer::No(reply)) => self.log_in_refused(reply),
            (Some(Asked::Sender(_)), Answer::No(reply)) => self.refused(reply),
            (Some(Asked::Recipient), Answer::No(reply)) => {
                if reply.is_no() {
                    self.bad_recipients += 1;
                }
                self.refused(reply)
            }
            (None, _)
            | (Some(Asked::Sender(_)), Answer::Take(_) | Answer::Welcome(_))
            | (Some(Asked::Recipient), Answer::Begin(_) | Answer::Welcome(_))
            | (Some(Asked::LogIn), Answer::Begin(_) | Answer::Take(_)) => {
                Step::Say(replies::OUR_FAULT)
            }
        }
    }

    /// Policy's refusals are no mistakes of the client, but many bad recipients are guessing: each further one is answered later.
    fn refused(&mut self, reply: Reply) -> Step {
        if reply.code == 421 {
            return Step::Close(self.about(reply));
        }
        let beyond = self.bad_recipients.saturating_sub(limits::BAD_RECIPIENTS_FREE);
        self.pause = limits::BAD_RECIPIENT_DELAY_STEP
            .saturating_mul(beyond)
            .min(limits::BAD_RECIPIENT_DELAY_MAX);
        Step::Say(self.about(reply))
    }

    /// The handshake is done. RFC 3207 section 4.2: all that was said before is forgotten.
    pub fn tls_started(&mut self, tls: TlsSession) {
        self.forget();
        self.helo = None;
        self.user = None;
        self.tls = Some(tls);
    }

    /// A chunk that was not the last has come.
    pub fn chunk_done(&mut self) -> Step {
        Step::Say(self.about(replies::CHUNK_OK))
    }

    /// The message has come and was answered with `reply`; the next transaction may begin.
    pub fn message_done(&mut self, reply: Reply) -> Step {
        let reply = self.about(reply);
        self.forget();
        match reply.code {
            421 => Step::Close(reply),
            _ => Step::Say(reply),
        }
    }

    /// The current transaction.
    pub fn transaction(&self) -> Option<&Transaction> {
        self.transaction.as_ref()
    }

    /// The TLS session, if there is one.
    pub fn tls(&self) -> Option<&TlsSession> {
        self.tls.as_ref()
    }

    /// Who the client has shown to be.
    pub fn user(&self) -> Option<&User> {
        self.user.as_ref()
    }

    /// Is the next line part of an AUTH exchange?
    pub fn is_logging_in(&self) -> bool {
        self.log_in.is_some()
    }

    /// Recipients that were refused for good.
    pub fn bad_recipients(&self) -> u32 {
        self.bad_recipients
    }

    /// The account is not what it was: the session goes on as a stranger's.
    pub fn log_out(&mut self) {
        self.user = None;
    }

    /// What the client called itself, and whether by EHLO.
    pub fn helo(&self) -> Option<(&str, bool)> {
        self.helo.as_ref().map(|(name, extended)| (name.as_str(), *extended))
    }

    /// How long to wait before the next reply goes out; asking takes it.
    pub fn take_pause(&mut self) -> Duration {
        std::mem::take(&mut self.pause)
    }

    fn wrong(&mut self, reply: Reply) -> Step {
        self.errors += 1;
        if self.errors >= limits::ERRORS_MAX {
            return Step::Close(self.about(replies::TOO_MANY_ERRORS));
        }
        Step::Say(self.about(reply))
    }

    fn about(&self, reply: Reply) -> Reply {
        reply.about(self.transaction.as_ref().map(|transaction| transaction.id))
    }

    fn forget(&mut self) {
        self.transaction = None;
        self.chunks = Mark::None;
        self.asked = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{base::clock::UnixMs, mail::Organisation};

    /// Plays a transcript: `C:` feeds a line, `S:` is what the reply must begin with, `~` the step's name.
    #[track_caller]
    fn play(tls_required: bool, transcript: &str) {
        play_in(None, tls_required, transcript);
    }

    #[track_caller]
    fn play_in(tls: Option<TlsSession>, tls_required: bool, transcript: &str) {
        let offers = Offers {
            size_max: 1_000,
            starttls: true,
            smtputf8: true,
            dsn: false,
            auth: true,
            requiretls: false,
        };
        let mut session = Session::new("mx.example", offers, tls_required, tls);
        let mut said = session.greeting().one_line();
        for line in transcript.lines().map(str::trim).filter(|line| !line.is_empty()) {
            let (who, text) = line.split_once(": ").unwrap();
            if who == "S" {
                assert!(said.starts_with(text), "wanted {text:?}, heard {said:?} in {transcript}");
                continue;
            }
            let mut step = session.line(text.as_bytes());
            if let Step::Ask(question) = &step {
                let answer = match question {
                    Question::Sender(_) => Answer::Begin(Id::new(UnixMs(1), [7; 10])),
                    Question::Recipient(to)
                        if to.address.to_string().ends_with("@ours.example") =>
                    {
                        Answer::Take(to.clone())
                    }
                    Question::Recipient(_) => Answer::No(replies::NO_RELAY),
                    Question::LogIn(credentials) => {
                        match (
                            credentials.name.expose().as_str(),
                            credentials.password.expose().as_str(),
                        ) {
                            ("anna", "right") => Answer::Welcome(anna()),
                            ("away", _) => Answer::No(replies::LOG_IN_LATER),
                            _ => Answer::No(replies::LOG_IN_FAILED),
                        }
                    }
                };
                step = session.answer(answer);
            }
            said = match step {
                Step::Say(reply) | Step::StartTls(reply) => reply.one_line(),
                Step::Close(reply) => format!("close {}", reply.one_line()),
                Step::ReceiveData => "data".to_string(),
                Step::ReceiveChunk { bytes, last } => format!("chunk {bytes} {last}"),
                Step::DiscardChunk(bytes, reply) => format!("discard {bytes} {}", reply.one_line()),
                Step::Ask(_) => "asks twice".to_string(),
            };
        }
    }

    fn anna() -> User {
        User { name: "anna".to_string(), organisation: Organisation::implied() }
    }

    fn tls() -> Option<TlsSession> {
        Some(TlsSession {
            version: "TLSv1.3".to_string(),
            cipher: "x".to_string(),
            ..TlsSession::default()
        })
    }

    fn base64(text: &str) -> String {
        data_encoding::BASE64.encode(text.as_bytes())
    }

    #[test]
    fn a_user_logs_in_by_every_way() {
        let (name, right) = (base64("anna"), base64("right"));
        let plain = base64("\0anna\0right");
        for way in [
            format!("C: AUTH PLAIN {plain}"),
            format!("C: auth plain\nS: 334 \nC: {plain}"),
            format!("C: AUTH PLAIN {}", base64("anna\0anna\0right")),
            format!("C: AUTH PLAIN {}", base64("Anna\0anna\0right")),
            format!(
                "C: AUTH LOGIN\nS: 334 VXNlcm5hbWU6\nC: {name}\nS: 334 UGFzc3dvcmQ6\nC: {right}"
            ),
            format!("C: AUTH LOGIN {name}\nS: 334 UGFzc3dvcmQ6\nC: {right}"),
            // Padding is left out by some.
            format!("C: AUTH PLAIN {}", plain.trim_end_matches('=')),
        ] {
            let transcript = format!(
                "C: EHLO x\n{way}\nS: 235 2.7.0\nC: AUTH PLAIN\nS: 503 5.5.1\nC: EHLO x\nC: AUTH PLAIN\nS: 503 5.5.1"
            );
            play_in(tls(), false, &transcript);
        }
    }

    #[test]
    fn no_password_in_clear() {
        play(
            false,
            "C: EHLO x\nC: AUTH PLAIN AGEAYQ==\nS: 538 5.7.11\nC: AUTH LOGIN\nS: 538 5.7.11",
        );
        play(true, "C: EHLO x\nC: AUTH PLAIN\nS: 530 5.7.0");
        let offers = Offers {
            size_max: 1,
            starttls: true,
            smtputf8: true,
            dsn: true,
            auth: false,
            requiretls: false,
        };
        let mut session = Session::new("mx.example", offers, false, tls());
        session.line(b"EHLO x");
        assert_eq!(session.line(b"AUTH PLAIN"), Step::Say(replies::NOT_OFFERED));
    }

    #[test]
    fn an_exchange_that_goes_wrong() {
        let long = base64(&format!("\0{}\0x", "a".repeat(256)));
        for (lines, want) in [
            ("AUTH PLAIN\nC: *", "501 5.7.0"),
            ("AUTH LOGIN\nC: YW5uYQ==\nC: *", "501 5.7.0"),
            ("AUTH PLAIN *", "501 5.7.0"),
            ("AUTH PLAIN =", "501 5.5.2"),
            ("AUTH PLAIN AGFubmEAcmlnaHQ= x", "501 5.5.4"),
            ("AUTH PLAIN\nC: a-b", "501 5.5.2"),
            ("AUTH PLAIN\nC: QUIT", "501 5.5.2"),
            ("AUTH LOGIN =", "535 5.7.8"),
            (&format!("AUTH PLAIN {}", base64("anna\0right")), "501 5.5.2"),
            (&format!("AUTH PLAIN {}", base64("\0\0right")), "535 5.7.8"),
            (&format!("AUTH PLAIN {}", base64("\0anna\0")), "535 5.7.8"),
            (&format!("AUTH PLAIN {}", base64("\0anna\0a\0b")), "501 5.5.2"),
            (&format!("AUTH PLAIN {}", base64("berta\0anna\0right")), "535 5.7.8"),
            (&format!("AUTH PLAIN {long}"), "535 5.7.8"),
            ("AUTH PLAIN AP8A/w==", "535 5.7.8"),
            (&format!("AUTH PLAIN {}", base64("\0anna\0wrong")), "535 5.7.8"),
            (&format!("AUTH PLAIN {}", base64("\0away\0right")), "454 4.7.0"),
        ] {
            // Afterwards the session hears commands again.
            play_in(
                tls(),
                false,
                &format!("C: EHLO x\nC: {lines}\nS: {want}\nC: NOOP\nS: 250 2.0.0"),
            );
        }
        play_in(
            tls(),
            false,
            "C: AUTH PLAIN
             S: 503 5.5.1
             C: EHLO x
             C: MAIL FROM:<a@example.org>
             C: AUTH PLAIN
             S: 503 5.5.1",
        );
    }

    #[test]
    fn a_line_too_long_ends_the_exchange() {
        let offers = Offers {
            size_max: 1,
            starttls: true,
            smtputf8: true,
            dsn: true,
            auth: true,
            requiretls: false,
        };
        let mut session = Session::new("mx.example", offers, false, tls());
        session.line(b"EHLO x");
        session.line(b"AUTH PLAIN");
        assert_eq!(session.unreadable(replies::LINE_TOO_LONG), Step::Say(replies::LOG_IN_TOO_LONG));
        assert_eq!(session.unreadable(replies::LINE_TOO_LONG), Step::Say(replies::LINE_TOO_LONG));
    }

    #[test]
    fn the_third_wrong_password_ends_it() {
        let wrong = base64("\0anna\0wrong");
        play_in(
            tls(),
            false,
            &format!(
                "C: EHLO x\nC: AUTH PLAIN {wrong}\nS: 535\nC: AUTH PLAIN {wrong}\nS: 535\nC: AUTH PLAIN {wrong}\nS: close 421 4.7.0"
            ),
        );
    }

    #[test]
    fn a_user_is_forgotten_by_a_new_handshake() {
        let offers = Offers {
            size_max: 1,
            starttls: true,
            smtputf8: true,
            dsn: true,
            auth: true,
            requiretls: false,
        };
        let mut session = Session::new("mx.example", offers, false, tls());
        session.line(b"EHLO x");
        session.line(format!("AUTH PLAIN {}", base64("\0anna\0right")).as_bytes());
        session.answer(Answer::Welcome(anna()));
        assert_eq!(session.user(), Some(&anna()));
        session.line(b"RSET");
        assert_eq!(session.user(), Some(&anna()), "RFC 4954 section 4: a session's, not a mail's");
        session.tls_started(tls().unwrap());
        assert_eq!(session.user(), None);
    }

    #[test]
    fn a_plain_mail() {
        play(
            false,
            "S: 220 mx.example
             C: EHLO client.example
             S: 250-mx.example
             C: MAIL FROM:<a@example.org>
             S: 250 2.1.0
             C: RCPT TO:<b@ours.example>
             S: 250 2.1.5
             C: DATA
             S: data",
        );
    }

    #[test]
    fn a_refused_recipient_leaves_the_others() {
        play(
            false,
            "C: HELO client.example
             C: MAIL FROM:<>
             C: RCPT TO:<x@elsewhere.example>
             S: 550 5.7.1
             C: DATA
             S: 503
             C: RCPT TO:<b@ours.example>
             S: 250 2.1.5
             C: DATA
             S: data",
        );
    }

    #[test]
    fn order_is_kept() {
        play(
            false,
            "C: MAIL FROM:<a@example.org>
             S: 503
             C: EHLO x
             C: RCPT TO:<b@ours.example>
             S: 503
             C: MAIL FROM:<a@example.org>
             C: MAIL FROM:<a@example.org>
             S: 503
             C: STARTTLS
             S: 503
             C: RSET
             S: 250 2.0.0 forgotten
             C: DATA
             S: 503
             C: MAIL FROM:<a@example.org> SIZE=1001
             S: 552 5.3.4",
        );
    }

    #[test]
    fn the_id_stands_in_every_reply_after_mail() {
        let id = Id::new(UnixMs(1), [7; 10]).to_string();
        let offers = Offers {
            size_max: 1_000,
            starttls: true,
            smtputf8: false,
            dsn: false,
            auth: false,
            requiretls: false,
        };
        let mut session = Session::new("mx.example", offers, false, None);
        session.line(b"EHLO x");
        session.line(b"MAIL FROM:<a@example.org>");
        session.answer(Answer::Begin(Id::parse(&id).unwrap()));
        for line in ["NOOP", "FOO", "RCPT TO:<@a:b@c>", "DATA", "VRFY x", "AUTH PLAIN"] {
            let Step::Say(reply) = session.line(line.as_bytes()) else { panic!("{line}") };
            assert!(reply.to_wire().contains(&id), "{line}: {reply:?}");
        }
    }

    #[test]
    fn chunks() {
        play(
            false,
            "C: EHLO x
             C: BDAT 5
             S: discard 5 503
             C: MAIL FROM:<a@example.org>
             C: RCPT TO:<b@ours.example>
             C: BDAT 500
             S: chunk 500 false
             C: RCPT TO:<c@ours.example>
             S: 503
             C: DATA
             S: 503
             C: BDAT 400 LAST
             S: chunk 400 true
             C: BDAT 600 LAST
             S: discard 600 552
             C: MAIL FROM:<a@example.org>
             C: RCPT TO:<b@ours.example>
             C: BDAT 1001 LAST
             S: discard 1001 552
             C: BDAT 99999999
             S: close 552",
        );
    }

    #[test]
    fn required_tls_is_asked_for_before_mail() {
        play(
            true,
            "C: EHLO x
             C: MAIL FROM:<a@example.org>
             S: 530 5.7.0
             C: STARTTLS
             S: 220 2.0.0",
        );
    }

    #[test]
    fn twenty_mistakes_end_it() {
        let offers = Offers {
            size_max: 1_000,
            starttls: false,
            smtputf8: false,
            dsn: false,
            auth: false,
            requiretls: false,
        };
        let mut session = Session::new("mx.example", offers, false, None);
        for _ in 1..limits::ERRORS_MAX {
            assert!(matches!(session.line(b"FOO"), Step::Say(_)));
        }
        assert_eq!(session.line(b"FOO"), Step::Close(replies::TOO_MANY_ERRORS));
    }

    #[test]
    fn guessing_recipients_gets_slower() {
        let offers = Offers {
            size_max: 1_000,
            starttls: false,
            smtputf8: false,
            dsn: false,
            auth: false,
            requiretls: false,
        };
        let mut session = Session::new("mx.example", offers, false, None);
        session.line(b"EHLO x");
        session.line(b"MAIL FROM:<>");
        session.answer(Answer::Begin(Id::default()));
        let mut pauses = Vec::new();
        for _ in 0..13 {
            session.line(b"RCPT TO:<x@ours.example>");
            session.answer(Answer::No(replies::NO_SUCH_RECIPIENT));
            pauses.push(session.take_pause());
        }
        assert!(pauses.iter().take(10).all(Duration::is_zero));
        assert!(pauses.windows(2).skip(9).all(|pair| pair[0] < pair[1]), "{pauses:?}");
    }
}
