//! What strangers do that honest servers do not, and what each is worth.
//!
//! An event says kind and place in words of ours; nothing that the client sent stands in it, so that it can be read anywhere.

use super::bans::Ban;
use crate::base::clock::UnixMs;
use crate::wire::date;
use serde::{Deserialize, Serialize};
use std::net::IpAddr;

/// What was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Talked before the greeting.
    EarlyTalk,
    /// A log-in failed.
    LogInFailed,
    /// Mail for somebody who is none of ours.
    Relay,
    /// A recipient that does not exist.
    UnknownRecipient,
    /// So many of them that it is guessing.
    Guessing,
    /// A bare CR or LF in a message.
    BareLineEnd,
    /// What other servers take for the end of a message, inside one: SMTP smuggling.
    FalseEnd,
    /// Commands behind STARTTLS.
    Injection,
    /// What breaks into other programs, in a command.
    Exploit,
    /// The words of another protocol.
    OtherProtocol,
    /// So many mistakes that the session was ended.
    ManyErrors,
    /// BDAT that makes no sense.
    BadChunk,
    /// Called itself by our name.
    HeloOurs,
    /// Came and went without a word about mail.
    NoTransaction,
}

/// Does it count against somebody whose network brought good mail?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Counts {
    /// Against everybody who is not ours.
    Always,
    /// Not against them: an honest server does this when a list is stale, a domain has moved away or a program is old.
    StrangersOnly,
}

/// Is it worth a line of its own?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Told {
    /// Each time.
    Always,
    /// Only when a ban comes of it: single ones stand in the log already, or are nobody's business.
    WithBan,
}

/// A line of the table.
#[derive(Debug, Clone, Copy)]
struct Line {
    kind: Kind,
    word: &'static str,
    /// Of [`crate::base::limits::BAN_POINTS`].
    points: u32,
    counts: Counts,
    told: Told,
}

/// What a server does by mistake is cheap enough that no rate of it that a server has leads to a ban: ten points a minute are forgotten.
const TABLE: [Line; 14] = [
    line(Kind::EarlyTalk, "early.talk", 250, Counts::Always, Told::Always),
    line(Kind::LogInFailed, "log-in.failed", 40, Counts::Always, Told::Always),
    line(Kind::Relay, "relay.attempt", 50, Counts::StrangersOnly, Told::Always),
    line(Kind::UnknownRecipient, "recipient.unknown", 5, Counts::StrangersOnly, Told::WithBan),
    line(Kind::Guessing, "recipient.guessing", 300, Counts::StrangersOnly, Told::Always),
    line(Kind::BareLineEnd, "message.bare_line_end", 50, Counts::StrangersOnly, Told::Always),
    line(Kind::FalseEnd, "message.smuggling", 600, Counts::Always, Told::Always),
    line(Kind::Injection, "starttls.injection", 600, Counts::Always, Told::Always),
    line(Kind::Exploit, "command.exploit", 600, Counts::Always, Told::Always),
    line(Kind::OtherProtocol, "command.other_protocol", 300, Counts::Always, Told::Always),
    line(Kind::ManyErrors, "command.many_errors", 100, Counts::StrangersOnly, Told::Always),
    line(Kind::BadChunk, "command.bad_chunk", 50, Counts::StrangersOnly, Told::Always),
    line(Kind::HeloOurs, "helo.ours", 100, Counts::Always, Told::Always),
    line(Kind::NoTransaction, "connection.no_mail", 3, Counts::StrangersOnly, Told::WithBan),
];

const fn line(kind: Kind, word: &'static str, points: u32, counts: Counts, told: Told) -> Line {
    Line { kind, word, points, counts, told }
}

impl Kind {
    /// The word for it in the event log, in metrics and in commands.
    pub fn word(self) -> &'static str {
        self.line().map_or("", |line| line.word)
    }

    /// What it is worth.
    pub fn points(self) -> u32 {
        self.line().map_or(0, |line| line.points)
    }

    /// Against whom it counts.
    pub fn counts(self) -> Counts {
        self.line().map_or(Counts::Always, |line| line.counts)
    }

    /// When it is told.
    pub fn told(self) -> Told {
        self.line().map_or(Told::Always, |line| line.told)
    }

    fn line(self) -> Option<Line> {
        TABLE.into_iter().find(|line| line.kind == self)
    }
}

/// One event, as the log has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// When, in the calendar's words, UTC.
    pub time: String,
    /// [`Kind::word`].
    pub kind: String,
    /// Who.
    pub client: IpAddr,
    /// At which listener.
    pub listener: String,
    /// In our words.
    pub detail: String,
    /// The ban that came of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ban: Option<BanTold>,
}

/// A ban, as the event that led to it tells it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BanTold {
    /// Who is banned.
    pub network: String,
    /// Until when, UTC.
    pub until: String,
    /// How often by now.
    pub times: u32,
}

impl BanTold {
    /// Of this ban.
    pub fn of(ban: &Ban) -> BanTold {
        let until = ban.until.map_or_else(|| "lifted".to_string(), date::write_iso);
        BanTold { network: ban.network.to_string(), until, times: ban.times }
    }
}

impl Event {
    /// One line of JSON, time and client first. A client is an address and a detail our own words; a listener's name is the operator's.
    pub fn to_line(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    /// Reads a line back; a torn one is none.
    pub fn from_line(line: &str) -> Option<Event> {
        serde_json::from_str(line).ok()
    }

    /// Did it happen at this time or later?
    pub fn is_since(&self, since: UnixMs) -> bool {
        // This form of a date sorts as time does.
        self.time.as_str() >= date::write_iso(since).as_str()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::limits;
    use std::collections::BTreeSet;

    #[test]
    fn every_kind_has_one_line() {
        let words: BTreeSet<&str> = TABLE.iter().map(|line| line.word).collect();
        assert_eq!(words.len(), TABLE.len());
        for line in TABLE {
            assert!(line.points > 0 && line.points < limits::BAN_POINTS, "{line:?}");
            assert_eq!((line.kind.word(), line.kind.points()), (line.word, line.points));
        }
    }

    #[test]
    fn a_line_says_who_and_when_and_comes_back() {
        let event = Event {
            time: date::write_iso(UnixMs(1_800_000_000_000)),
            kind: Kind::Exploit.word().to_string(),
            client: "192.0.2.7".parse().unwrap(),
            listener: "in".to_string(),
            detail: "shell code".to_string(),
            ban: None,
        };
        let line = event.to_line();
        assert_eq!(
            line,
            r#"{"time":"2027-01-15T08:00:00.000Z","kind":"command.exploit","client":"192.0.2.7","listener":"in","detail":"shell code"}"#
        );
        assert_eq!(Event::from_line(&line).as_ref(), Some(&event));
        assert_eq!(Event::from_line(&line[..40]), None);
        assert!(event.is_since(UnixMs(1_800_000_000_000)));
        assert!(!event.is_since(UnixMs(1_800_000_000_001)));
    }
}
