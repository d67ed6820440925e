//! Reads reports of others that come to addresses of ours, and writes them down under the organisation that they are about.
//!
//! They are opened where every mail is opened; here is decided whose they are. A report about nobody here is not kept.

use crate::{
    examine::{Contents, UnscannedReason},
    formats::report::{
        Report,
        tls::{TlsPolicy, TlsReport},
    },
    mail::{Domain, Header, Organisation},
    pipeline::{
        Gateway,
        courier::Waiting,
        internal::{Handler, Incoming, NotHandled},
        settings::Settings,
    },
    store::{StoreError, embedded::Reports, reports::Recorded},
};
use std::{collections::BTreeMap, io};

/// Reads mail for `reports@` and the configured addresses.
#[derive(Debug)]
pub(super) struct Reader;

impl Handler for Reader {
    fn handle<'a>(
        &'a self,
        gateway: &'a Gateway,
        mail: Incoming<'a>,
    ) -> Waiting<'a, Result<String, NotHandled>> {
        Box::pin(read(gateway, mail))
    }
}

async fn read(gateway: &Gateway, mail: Incoming<'_>) -> Result<String, NotHandled> {
    let settings = gateway.settings.load_full();
    let content = mail.content.clone();
    let examiner = settings.examiner.clone();
    let opened = tokio::task::spawn_blocking(move || {
        let bytes = content.bytes()?;
        let wants_none = wants_none(&bytes);
        io::Result::Ok((examiner.examine(&bytes), wants_none))
    });
    let (contents, wants_none) = match opened.await {
        Ok(Ok(opened)) => opened,
        Ok(Err(error)) => return Err(NotHandled::Later(format!("it could not be read: {error}"))),
        Err(_) => return Err(NotHandled::Later("the examiner failed".to_string())),
    };
    if contents.unscanned.iter().any(|part| part.reason == UnscannedReason::Engine) {
        return Err(NotHandled::Later("no examiner could open it".to_string()));
    }
    let owner = &mail.recipient.organisation;
    let found = Found::of(&settings, contents, owner);
    if found.is_empty() && mail.spooled.envelope.sender.address().is_some() && !wants_none {
        return Err(NotHandled::Never(
            "there is no report in it, and nobody reads this address".to_string(),
        ));
    }
    let hash = mail.content.hash();
    let recorded = found.record(&gateway.stores.reports, hash).await;
    let words = recorded.map_err(|error| NotHandled::Later(error.to_string()))?;
    Ok(words)
}

/// A report of a kind that we do not read, RFC 6522: its sender has no use for an answer.
fn wants_none(mail: &[u8]) -> bool {
    let kind = Header::read(mail).ok().and_then(|header| header.value("Content-Type"));
    kind.is_some_and(|kind| kind.to_ascii_lowercase().starts_with("multipart/report"))
}

/// What is worth keeping of a mail, and what is not.
#[derive(Debug, Default)]
pub struct Found {
    /// Reports, each with the organisation that it is about.
    pub kept: Vec<(Organisation, Report)>,
    /// Domains that reports are about and that are not ours.
    pub foreign: Vec<String>,
    /// Why others could not be read.
    pub unread: Vec<String>,
}

impl Found {
    /// Sorts the reports in a mail. `owner` is whose the address is that it came to.
    pub fn of(settings: &Settings, contents: Contents, owner: &Organisation) -> Found {
        let mut found = Found::default();
        for report in contents.reports {
            if let Report::Tls(report) = report {
                found.sort_tls(settings, report);
                continue;
            }
            match whose(settings, &report, owner) {
                Whose::Of(organisation) => found.kept.push((organisation, report)),
                Whose::Nobody(domain) => found.foreign.push(domain),
                Whose::Unread(why) => found.unread.push(why),
            }
        }
        found
    }

    /// One report may be about domains of several organisations; each gets what is about its own, and nobody the rest.
    fn sort_tls(&mut self, settings: &Settings, report: TlsReport) {
        let mut sorted: BTreeMap<Organisation, Vec<TlsPolicy>> = BTreeMap::new();
        for policy in &report.policies {
            match hosted(settings, &policy.domain) {
                Some(organisation) => {
                    sorted.entry(organisation).or_default().push(policy.clone());
                }
                None => self.foreign.push(policy.domain.clone()),
            }
        }
        self.foreign.truncate(DOMAINS_ASKED_MAX);
        for (organisation, policies) in sorted {
            self.kept.push((organisation, Report::Tls(TlsReport { policies, ..report.clone() })));
        }
    }

    fn is_empty(&self) -> bool {
        self.kept.is_empty() && self.foreign.is_empty() && self.unread.is_empty()
    }

    /// Writes down what is kept; gives a few words about all of it. `mail` is the hash of the mail's content.
    pub async fn record(self, reports: &Reports, mail: [u8; 32]) -> Result<String, StoreError> {
        let Found { kept, foreign, unread } = self;
        let mut words = Vec::new();
        if !kept.is_empty() {
            let Recorded { new, known } = reports.record(mail, kept).await?;
            words.push(match known {
                0 => format!("recorded {new} reports"),
                _ => format!("recorded {new} reports, {known} were known"),
            });
        }
        words.extend(foreign.iter().map(|domain| format!("{domain} is no domain of ours")));
        words.extend(unread.iter().map(|why| format!("a report could not be read: {why}")));
        Ok(match words.is_empty() {
            true => "no report of a kind that is read here".to_string(),
            false => words.join("; "),
        })
    }
}

enum Whose {
    Of(Organisation),
    Nobody(String),
    Unread(String),
}

fn whose(settings: &Settings, report: &Report, owner: &Organisation) -> Whose {
    match report {
        Report::Dmarc(aggregate) => {
            let from = aggregate.rows.iter().map(|row| row.seen.header_from.as_str());
            let domains = std::iter::once(aggregate.domain.as_str()).chain(from);
            match domains.take(DOMAINS_ASKED_MAX).find_map(|domain| hosted(settings, domain)) {
                Some(organisation) => Whose::Of(organisation),
                None => Whose::Nobody(aggregate.domain.clone()),
            }
        }
        // Who complains often leaves out about whom.
        Report::Feedback(feedback) => {
            Whose::Of(hosted(settings, &feedback.domain).unwrap_or_else(|| owner.clone()))
        }
        Report::Delivery(_) | Report::Tls(_) => Whose::Of(owner.clone()),
        Report::Unread(why) => Whose::Unread(why.clone()),
    }
}

/// The organisation that writes as a domain, or as the registered domain that it is in.
fn hosted(settings: &Settings, domain: &str) -> Option<Organisation> {
    let domain = Domain::parse(domain).ok()?;
    let above = Domain::parse(domain.registered()).ok();
    let hosted = settings.writer(&domain).or_else(|| settings.writer(&above?));
    hosted.map(|hosted| hosted.name().clone())
}

/// A policy is found at the domain or above it: some rows name the domain that we have.
const DOMAINS_ASKED_MAX: usize = 20;
