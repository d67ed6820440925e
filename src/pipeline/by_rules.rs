//! What rules of policies ask of a mail, gathered while it lies open; and the clock by which they ask what time it is.

use crate::{
    base::local::Zone,
    checks::{Case, Finding, phrases::Normalised},
    config::{policy::Policy, rules::phrases::Place},
    mail::{Address, Direction, Mailbox, Organisation},
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
            Direction::Outbound => is_own(settings, came, &authors),
        }),
        subject: Some(text.text(Place::Subject)),
        body: Some(text.text(Place::Body)),
        parts: Some(&case.contents.parts),
        personal: Some(&case.contents.personal),
        persons: Some(case.contents.persons),
        bytes: u64::try_from(case.mail.bytes.len()).ok(),
        findings,
    };
    Held::of(policies.values().map(AsRef::as_ref), &seen)
}

/// Does a client of ours write in the name of its own organisation? One that runs mailing lists may send with a stranger's From.
fn is_own(settings: &Settings, came: &Came, authors: &[Mailbox]) -> bool {
    let writes_as = |from: &Mailbox| {
        let domain = from.domain()?;
        Some(*settings.writer(&domain)?.name() == came.organisation)
    };
    let by_client = match came.sent {
        Sent::Own | Sent::Null => true,
        Sent::World | Sent::Forwarded => false,
    };
    by_client && !authors.is_empty() && authors.iter().all(|from| writes_as(from) == Some(true))
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
        personal: None,
        persons: None,
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        base::clock::{Clock, UnixMs},
        checks::testing,
        config::{Config, policy::Action},
        examine::{Contents, Examiner, PartKind},
        facts::Facts,
        mail::{Envelope, Peer, Recipient, ReversePath},
        pipeline::{judge, settings::Loaded},
    };
    use std::path::Path;

    /// Finds the same in every mail.
    struct Finds;

    impl Examiner for Finds {
        fn examine_for(&self, _message: &[u8], _abroad: &[String]) -> Contents {
            let parts = vec![testing::part(PartKind::Pdf, "application/pdf", "Faktura.pdf")];
            Contents { texts: vec![testing::text("Buy a gift card")], parts, ..Contents::default() }
        }
    }

    fn settings(rule: &str) -> Settings {
        let text = format!(
            "hostname = \"mx.ours.example\"\n\
             [[organisation]]\nname = \"acme\"\nforeign-from = \"allow\"\n[[organisation]]\nname = \"berg\"\n\
             [[domain]]\nname = \"acme.example\"\norganisation = \"acme\"\nnext-hop = \"smtp://192.0.2.5:25\"\npolicy = \"ruled\"\n\
             [[domain]]\nname = \"berg.example\"\norganisation = \"berg\"\nnext-hop = \"smtp://192.0.2.5:25\"\n\
             [[policy]]\nname = \"ruled\"\nmark = 3.0\n[policy.rules.one]\nreason = \"As agreed\"\n{rule}\n\
             [[policy]]\nname = \"default\"\nmark = 3.0\n"
        );
        let config = Config::parse(Path::new("sluss.toml"), &text).unwrap();
        let loaded = Loaded::only(Arc::new(Finds), &Clock::system());
        Settings::new(config, loaded)
    }

    fn came(settings: &Settings, direction: Direction, sender: &str, to: &[&str]) -> Came {
        let mut envelope = Envelope::from(ReversePath::parse(sender).unwrap());
        let address = |to: &&str| Recipient::plain(Address::parse(to).unwrap());
        envelope.recipients = to.iter().map(address).collect();
        let peer = Peer::at("192.0.2.1".parse().unwrap());
        let came = Came::from_world(peer, envelope, UnixMs(1_795_262_400_000));
        Came { direction, ..came }.owned_under(settings)
    }

    fn mail(from: &str) -> Vec<u8> {
        testing::mail(from, "Hello").into_bytes()
    }

    #[test]
    fn a_rule_is_of_its_policy_alone_and_reads_what_is_inside() {
        for (rule, want) in [
            ("body = \"GIFT card\"", Action::Quarantine),
            ("attachment-type = \"pdf\"\nattachment-name = \"faktura*\"", Action::Quarantine),
            ("to = \"anna@acme.example\"", Action::Quarantine),
            ("to = \"bo@acme.example\"", Action::Deliver),
            ("authenticated = true", Action::Deliver),
            ("larger-than = \"1 KiB\"", Action::Deliver),
        ] {
            let settings = settings(&format!("{rule}\naction = \"quarantine\""));
            let both = ["anna@acme.example", "bo@berg.example"];
            let came = came(&settings, Direction::Inbound, "a@example.org", &both);
            let judged =
                judge::look(&settings, &came, &mail("A <a@example.org>"), Facts::default());
            let judged = judged.unwrap();
            let actions: Vec<Action> = came
                .envelope
                .recipients
                .iter()
                .map(|one| judged.for_recipient(&settings, &came, one).verdict.action)
                .collect();
            assert_eq!(actions, [want, Action::Deliver], "{rule}");
            // Out of the spool it comes without recipients, who are told apart later.
            let spooled = Came {
                envelope: Envelope { recipients: Vec::new(), ..came.envelope.clone() },
                ..came.clone()
            };
            let again =
                judge::look(&settings, &spooled, &mail("A <a@example.org>"), Facts::default());
            let anna = came.envelope.recipients.first().unwrap();
            let again = again.unwrap().for_recipient(&settings, &spooled, anna).verdict;
            assert_eq!(again.action, want, "{rule}");
        }
    }

    #[test]
    fn what_a_client_sends_is_its_own_only_in_its_own_name() {
        let settings = settings("authenticated = true\nweight = 1.0");
        for (sent, from, want) in [
            (Sent::Own, "anna@acme.example", true),
            (Sent::Null, "anna@acme.example", true),
            (Sent::Own, "a@example.org", false),
            (Sent::Own, "bo@berg.example", false),
            (Sent::Own, "anna@acme.example, a@example.org", false),
            (Sent::Forwarded, "anna@acme.example", false),
        ] {
            let to = ["x@example.org"];
            let came = came(&settings, Direction::Outbound, "anna@acme.example", &to);
            let authors = crate::mail::Header::read(&mail(from)).unwrap().mailboxes("From");
            assert_eq!(
                is_own(&settings, &Came { sent, ..came }, &authors),
                want,
                "{sent:?} {from}"
            );
        }
    }
}
