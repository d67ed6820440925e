//! Checks: one file each, pure functions from a mail, its contents and its facts to findings.
//!
//! To add one: copy `subject_missing.rs`, add its two lines here, run the tests.

mod subject_missing;

use crate::{
    config::policy::{Action, Category},
    examine::Contents,
    facts::Facts,
    mail::Mail,
};
use std::borrow::Cow;

/// Everything a check may look at.
#[derive(Debug, Clone, Copy)]
pub struct Case<'a> {
    /// How it came, and its header section.
    pub mail: &'a Mail<'a>,
    /// What is inside.
    pub contents: &'a Contents,
    /// What the world said.
    pub facts: &'a Facts,
}

/// A thing a check saw.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Finding {
    /// Dotted, stable, documented; never reused for another meaning.
    pub id: Cow<'static, str>,
    /// What kind of trouble.
    pub category: Category,
    /// How much it weighs toward spam; negative speaks for the sender.
    pub weight: f32,
    /// What must happen whatever else speaks for the mail.
    pub demands: Option<Demand>,
    /// The part it was seen in; empty for the whole mail.
    pub part: String,
    /// The part's path inside archives.
    pub path: String,
    /// What was seen, safe to show to an admin: no message text beyond a short quote, no personal value.
    pub because: String,
}

/// What a finding insists on. Never offset by anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Demand {
    /// Whatever policy says of its category.
    Category,
    /// Whatever policy says of parts that could not be opened.
    Unscanned,
    /// At least this.
    AtLeast(Action),
}

impl Finding {
    /// A finding about the whole mail, without a demand.
    pub fn new(
        id: &'static str,
        category: Category,
        weight: f32,
        because: impl Into<String>,
    ) -> Finding {
        Finding {
            id: Cow::Borrowed(id),
            category,
            weight,
            demands: None,
            part: String::new(),
            path: String::new(),
            because: because.into(),
        }
    }

    /// The same, insisting.
    pub fn demanding(self, demand: Demand) -> Finding {
        Finding { demands: Some(demand), ..self }
    }

    /// The same, about one part.
    pub fn in_part(self, part: &str, path: &str) -> Finding {
        Finding { part: part.to_string(), path: path.to_string(), ..self }
    }
}

/// A check and the words an admin reads about it.
#[derive(Debug)]
pub struct Check {
    /// Every finding id it can make; `sluss rules list` prints them.
    pub ids: &'static [&'static str],
    /// One sentence for the admin page.
    pub about: &'static str,
    /// One plain sentence for the user, ASCII: why the mail was stopped or marked, if this finding decided it.
    pub plain: &'static str,
    /// The work.
    pub run: fn(&Case, &mut Vec<Finding>),
}

/// All checks, in the order they run.
pub const ALL: &[&Check] = &[&subject_missing::CHECK];

/// Runs every check.
pub fn run(case: &Case) -> Vec<Finding> {
    let mut findings = Vec::new();
    for check in ALL {
        (check.run)(case, &mut findings);
    }
    findings
}

#[cfg(test)]
pub(crate) mod testing {
    use super::*;
    use crate::{
        base::clock::UnixMs,
        mail::{Address, Direction, Envelope, Header, Peer, Recipient, ReversePath},
    };

    /// A case to change in a test: an inbound mail as text, everything else plain and unremarkable.
    pub(crate) struct Setting {
        pub(crate) direction: Direction,
        pub(crate) peer: Peer,
        pub(crate) envelope: Envelope,
        pub(crate) contents: Contents,
        pub(crate) facts: Facts,
        /// Saturday 21 November 2026, 12:00 UTC.
        pub(crate) received: UnixMs,
    }

    impl Default for Setting {
        fn default() -> Setting {
            let mut envelope = Envelope::from(ReversePath::parse("a@example.org").unwrap());
            envelope.recipients.push(Recipient::plain(Address::parse("b@ours.example").unwrap()));
            let mut peer = Peer::at("192.0.2.1".parse().unwrap());
            peer.helo = "mail.example.org".to_string();
            peer.extended = true;
            Setting {
                direction: Direction::Inbound,
                peer,
                envelope,
                contents: Contents::default(),
                facts: Facts::default(),
                received: UnixMs(1_795_262_400_000),
            }
        }
    }

    /// Runs one check over a mail written as text and compares the finding ids.
    #[track_caller]
    pub(crate) fn expect(check: &Check, setting: &Setting, text: &str, want: &[&str]) {
        let header = Header::read(text.as_bytes()).unwrap();
        let mail = Mail {
            direction: setting.direction,
            peer: &setting.peer,
            envelope: &setting.envelope,
            header: &header,
            bytes: text.as_bytes(),
            received: setting.received,
        };
        let case = Case { mail: &mail, contents: &setting.contents, facts: &setting.facts };
        let mut findings = Vec::new();
        (check.run)(&case, &mut findings);
        let got: Vec<&str> = findings.iter().map(|finding| finding.id.as_ref()).collect();
        assert_eq!(got, want, "{text}");
        for finding in &findings {
            assert!(
                check.ids.contains(&finding.id.as_ref()),
                "{} is not in the check's list",
                finding.id
            );
        }
    }
}
