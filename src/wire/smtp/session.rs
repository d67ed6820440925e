//! One SMTP session seen from the server, RFC 5321.
//!
//! The machine decides what the protocol decides and asks about everything else. It never waits and never decides policy:
//! the edge carries a [`Question`] to `pipeline` and brings the [`Answer`] back.
//!
//! Invariants: recipients exist only while a sender does (RFC 5321 section 4.1.4); a transaction has an id from MAIL on;
//! between the first BDAT and the last nothing but BDAT, NOOP, RSET and QUIT is heard (RFC 3030 section 2).

use crate::{
    base::{ids::Id, limits},
    mail::{Envelope, Recipient, ReversePath, TlsSession},
    wire::smtp::{
        command::{self, Command, MailFrom},
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
}

/// The policy's word on a [`Question`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// The sender may begin; the transaction is called this.
    Begin(Id),
    /// The recipient is taken, as this: admission knows whose it is, and may have read a rewritten address back.
    Take(Recipient),
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
    errors: u32,
    bad_recipients: u32,
    pause: Duration,
}

#[derive(Debug)]
enum Asked {
    Sender(MailFrom),
    Recipient,
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
        match command::parse(line, &self.offers) {
            Ok(command) => self.command(command),
            Err(reply) => self.wrong(reply),
        }
    }

    /// A line that could not be framed: too long, or a bare LF in it.
    pub fn unreadable(&mut self, reply: Reply) -> Step {
        self.wrong(reply)
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

    /// Resumes after [`Step::Ask`].
    pub fn answer(&mut self, answer: Answer) -> Step {
        match (self.asked.take(), answer) {
            (Some(Asked::Sender(mail)), Answer::Begin(id)) => {
                let envelope = Envelope {
                    body: mail.body,
                    smtputf8: mail.smtputf8,
                    dsn: mail.dsn,
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
            (Some(Asked::Sender(_)), Answer::No(reply)) => self.refused(reply),
            (Some(Asked::Recipient), Answer::No(reply)) => {
                if reply.is_no() {
                    self.bad_recipients += 1;
                }
                self.refused(reply)
            }
            (None, _)
            | (Some(Asked::Sender(_)), Answer::Take(_))
            | (Some(Asked::Recipient), Answer::Begin(_)) => Step::Say(replies::OUR_FAULT),
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
    use crate::base::clock::UnixMs;

    /// Plays a transcript: `C:` feeds a line, `S:` is what the reply must begin with, `~` the step's name.
    #[track_caller]
    fn play(tls_required: bool, transcript: &str) {
        let offers = Offers { size_max: 1_000, starttls: true, smtputf8: true, dsn: false };
        let mut session = Session::new("mx.example", offers, tls_required, None);
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
        let offers = Offers { size_max: 1_000, starttls: true, smtputf8: false, dsn: false };
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
        let offers = Offers { size_max: 1_000, starttls: false, smtputf8: false, dsn: false };
        let mut session = Session::new("mx.example", offers, false, None);
        for _ in 1..limits::ERRORS_MAX {
            assert!(matches!(session.line(b"FOO"), Step::Say(_)));
        }
        assert_eq!(session.line(b"FOO"), Step::Close(replies::TOO_MANY_ERRORS));
    }

    #[test]
    fn guessing_recipients_gets_slower() {
        let offers = Offers { size_max: 1_000, starttls: false, smtputf8: false, dsn: false };
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
