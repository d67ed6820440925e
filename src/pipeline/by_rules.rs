//! What rules of policies ask of a mail, gathered while it lies open; and the clock by which they ask what time it is.

use crate::{
    base::local::Zone,
    checks::{Case, Finding, phrases::Normalised},
    config::{policy::Policy, rules::phrases::Place},
    mail::{Address, Direction, Organisation},
    pipeline::{digest, judge::Came, sending::Sent, settings::Settings},
    store::{people::Wanted, trace::Decided},
    verdict::rules::{Held, Seen},
};
use std::{collections::BTreeMap, net::IpAddr, sync::Arc};

/// The rules that this mail fits, of all policies that may have a say in it.
pub(super) fn ask(settings: &Settings, came: &Came, case: &Case, findings: &[Finding]) -> Held {
    if !settings.config.policies.have_rules() {
        return Held::default();
    }
    let policies = policies(settings, came);
    let rules = || policies.values().flat_map(|policy| policy.rules.values());
    let text = match rules().any(|rule| rule.words() > 0) {
        true => {
            let subject = case.mail.header.text("Subject").unwrap_or_default();
            Normalised::of_mail(&subject, &case.contents.texts)
        }
        false => Normalised::default(),
    };
    let authors = case.mail.header.mailboxes("From");
    let seen = Seen {
        authors: authors.iter().filter_map(|from| Address::parse(&from.address).ok()).collect(),
        sender: came.envelope.sender.address(),
        client: case.mail.peer.address,
        authenticated: Some(match came.direction {
            Direction::Inbound => case.is_authenticated(),
            // What a client of ours sends as its own organisation was held against its domains when it came.
            Direction::Outbound => came.sent == Sent::Own,
        }),
        subject: Some(text.text(Place::Subject)),
        body: Some(text.text(Place::Body)),
        parts: Some(&case.contents.parts),
        bytes: u64::try_from(case.mail.bytes.len()).ok(),
        findings,
    };
    Held::of(policies.values().map(AsRef::as_ref), &seen)
}

/// What rules may ask of a mail that is in the trace: not of what was inside, nor of who could be shown to have written it.
pub(super) fn of_the_past(
    mail: &Decided,
    findings: &[Finding],
    client: IpAddr,
    sender: Option<&Address>,
    ask: impl FnOnce(&Seen),
) {
    // It is kept as "Name <address>".
    let from = mail.from.rsplit_once('<').map_or(mail.from.as_str(), |(_, address)| address);
    let subject = Normalised::only(Place::Subject, &mail.subject);
    ask(&Seen {
        authors: Address::parse(from.trim_end_matches('>').trim()).into_iter().collect(),
        sender,
        client,
        authenticated: None,
        subject: Some(subject.text(Place::Subject)),
        body: None,
        parts: None,
        bytes: None,
        findings,
    });
}

/// By name, those with rules: of its recipients, and of its sender. A mail out of the spool has no recipients yet, so any may have a say.
fn policies(settings: &Settings, came: &Came) -> BTreeMap<String, Arc<Policy>> {
    let recipients = &came.envelope.recipients;
    let theirs = recipients
        .iter()
        .map(|one| settings.way_to(&one.address, &one.organisation).policy)
        .chain([settings.outbound_policy(&came.organisation)]);
    let of = |policies: &mut dyn Iterator<Item = Arc<Policy>>| {
        let ruled = policies.filter(|policy| !policy.rules.is_empty());
        ruled.map(|policy| (policy.name.clone(), policy)).collect()
    };
    match recipients.is_empty() {
        false => of(&mut theirs.into_iter()),
        true => {
            let all = settings.config.policies.compile().unwrap_or_default();
            of(&mut all.into_values().map(Arc::new))
        }
    }
}

/// The clock on the wall of an organisation. A policy without rules asks no clock.
pub(super) fn clock_of(settings: &Settings, organisation: &Organisation, policy: &Policy) -> Zone {
    match policy.rules.is_empty() {
        true => Zone::utc(),
        false => digest::zone_of(settings, organisation, &Wanted::default()),
    }
}
