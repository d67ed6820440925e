//! Opening, checking and deciding for one mail: the part of the walk that changes nothing in the world.

use crate::{
    base::clock::{Tick, UnixMs},
    checks::{self, Case, Finding},
    config::policy::Category,
    examine::{Contents, Unscanned, UnscannedReason},
    facts::{Facts, Known},
    mail::{Address, Direction, Envelope, Header, Mail, Peer, header::TooLarge},
    pipeline::{Gateway, settings::Settings},
    store::spool::Content,
    verdict::{self, Verdict},
};
use std::{io, panic, sync::Arc};

/// How a mail came, as far as judging it needs to know.
#[derive(Debug, Clone)]
pub struct Came {
    /// Which way.
    pub direction: Direction,
    /// Who brought it.
    pub peer: Peer,
    /// Sender and recipients.
    pub envelope: Envelope,
    /// When.
    pub at: UnixMs,
    /// Were its line ends made whole?
    pub mended: Mended,
}

/// Bare CR and LF, which are mended on outbound listeners only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mended {
    /// They came as they should.
    No,
    /// Some were bare.
    LineEnds,
}

/// What was found out about one mail.
#[derive(Debug)]
pub struct Judged {
    /// Its header section.
    pub header: Header,
    /// What is inside.
    pub contents: Contents,
    /// What the world said.
    pub facts: Facts,
    /// What the checks saw.
    pub findings: Vec<Finding>,
    /// What it took, microseconds.
    pub examined_us: u64,
}

/// Why a mail was not judged.
#[derive(Debug)]
pub enum Unjudged {
    /// No examiner was free in time.
    OutOfTime,
    /// Its header section is out of bounds.
    Header(TooLarge),
    /// Its bytes could not be read back.
    Unreadable(io::Error),
}

/// Opens and checks a mail. The bytes are in memory only while an examiner has them.
pub async fn judge(
    gateway: &Gateway,
    settings: &Arc<Settings>,
    came: &Came,
    content: &Content,
    deadline: Tick,
) -> Result<Judged, Unjudged> {
    let Some(_examiner) = gateway.examiner(deadline).await else {
        return Err(Unjudged::OutOfTime);
    };
    let facts = Facts {
        stumbled_before: Known::Yes(gateway.stumbled_before(&content.hash())),
        ..Facts::default()
    };
    let (settings, came, held) = (settings.clone(), came.clone(), content.clone());
    let clock = gateway.clock.clone();
    let judged = tokio::task::spawn_blocking(move || {
        let began = clock.tick();
        let bytes = held.bytes().map_err(Unjudged::Unreadable)?;
        let judged = look(&settings, &came, &bytes, facts)?;
        let spent = u64::try_from(clock.tick().since(began).as_micros()).unwrap_or(u64::MAX);
        Ok(Judged { examined_us: spent, ..judged })
    });
    let judged = judged.await.unwrap_or_else(|_| {
        Err(Unjudged::Unreadable(io::Error::other("the examiner's thread ended")))
    })?;
    if judged.contents.unscanned.iter().any(|part| part.reason == UnscannedReason::Engine) {
        gateway.stumble(content.hash());
    }
    Ok(judged)
}

/// The same without a gateway: for `scan`, and for every test that needs no clock.
pub fn look(
    settings: &Settings,
    came: &Came,
    bytes: &[u8],
    facts: Facts,
) -> Result<Judged, Unjudged> {
    let header = Header::read(bytes).map_err(Unjudged::Header)?;
    // A bug in a reader must cost one mail's delay, not the gateway: it counts as a scanner that failed.
    let contents =
        panic::catch_unwind(panic::AssertUnwindSafe(|| settings.examiner.examine(bytes)))
            .unwrap_or_else(|_| {
                tracing::error!(
                    "the examiner stumbled over a mail; it is deferred, and held if it comes again"
                );
                Contents { unscanned: vec![stumbled()], ..Contents::default() }
            });
    let findings = {
        let mail = Mail {
            direction: came.direction,
            peer: &came.peer,
            envelope: &came.envelope,
            header: &header,
            bytes,
            received: came.at,
        };
        checks::run(&Case { mail: &mail, contents: &contents, facts: &facts }, &settings.phrases)
    };
    let mut findings = findings;
    if came.mended == Mended::LineEnds {
        let seen = Finding::new(
            "format.bare_lf",
            Category::Format,
            0.0,
            "bare CR or LF, made into line ends",
        );
        findings.push(seen.telling("The mail's line ends were malformed."));
    }
    Ok(Judged { header, contents, facts, findings, examined_us: 0 })
}

fn stumbled() -> Unscanned {
    Unscanned {
        part: String::new(),
        path: String::new(),
        reason: UnscannedReason::Engine,
        because: "the examiner failed on this mail".to_string(),
    }
}

impl Judged {
    /// The verdict for one recipient.
    pub fn verdict_for(
        &self,
        settings: &Settings,
        direction: Direction,
        recipient: &Address,
    ) -> Verdict {
        let policy = match direction {
            // RFC 5321 section 4.5.1: whoever has trouble with us must be able to say so; a score is no reason to refuse that.
            Direction::Inbound if recipient.is_role() => {
                Arc::new(settings.way_to(recipient).policy.for_roles())
            }
            Direction::Inbound => settings.way_to(recipient).policy,
            Direction::Outbound => settings.outbound_policy().clone(),
        };
        verdict::decide(&self.findings, &policy, direction)
    }
}
