//! Who writes to whom: what is learned from a mail when it is settled, and what is remembered of a sender when one comes.
//!
//! Learned for an organisation only from its own: what a client that is bound to it sent as itself and we took to carry on, and what came
//! to its recipients. Forwards, notices, automatic answers and mailings teach nothing. Trust is for senders that authenticated.

use crate::{
    base::limits,
    config::policy::{Action, Category},
    facts::{
        Facts, Known,
        history::{History, is_authenticated},
    },
    learn::correspondence::Event,
    mail::{Address, Direction, Domain, Header, Organisation},
    pipeline::{
        Gateway, accounts,
        judge::{Came, Judged, Via},
        limits::network_key,
        sending::Sent,
        settings::Settings,
    },
    store::{
        correspondence::{Lesson, Question, Remembered, Subject},
        embedded::Correspondence,
    },
    verdict::Verdict,
};
use std::{collections::BTreeSet, net::IpAddr};

/// Learns from a mail that was judged and taken: `client` is who brought it, to us or to our relay.
pub(super) fn settled(gateway: &Gateway, settings: &Settings, came: &Came, judged: &Judged) {
    match came.direction {
        Direction::Inbound => inbound(gateway, settings, came, judged, Taken::Yes),
        Direction::Outbound => outbound(gateway, settings, came, judged),
    }
}

/// Learns from a mail from the world that was refused: those that were wanted come again, and count then.
pub(super) fn refused(gateway: &Gateway, settings: &Settings, came: &Came, judged: &Judged) {
    if came.direction == Direction::Inbound {
        inbound(gateway, settings, came, judged, Taken::No);
    }
}

/// Was it taken?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Taken {
    Yes,
    No,
}

fn outbound(gateway: &Gateway, settings: &Settings, came: &Came, judged: &Judged) {
    let recipients = &came.envelope.recipients;
    let header = &judged.header;
    let too_many = recipients.len() > limits::CORRESPONDENTS_PER_MAIL_MAX;
    if came.sent != Sent::Own || too_many || is_automatic(header) {
        return;
    }
    // Whoever has taken an account over must not make friends with it.
    if accounts::standing(gateway, settings, came) != accounts::Terms::Free {
        return;
    }
    let Some(ours) = author(header) else { return };
    let message = message_ids(&header.value("Message-ID").unwrap_or_default()).pop();
    let is_good =
        |verdict: &Verdict| verdict.action == Action::Deliver && verdict.would == Action::Deliver;
    let mut lessons = Vec::new();
    let mut domains = BTreeSet::new();
    for recipient in recipients {
        let own = settings.own_domain(&recipient.address);
        let is_colleague = own.is_some_and(|own| *own.organisation.name() == came.organisation);
        let Some(domain) = recipient.address.domain() else { continue };
        if is_colleague || !is_good(&judged.for_recipient(settings, came, recipient).verdict) {
            continue;
        }
        let (ours, theirs) = (ours.key(), recipient.address.key());
        domains.insert(domain.registered().to_string());
        if let Some(message) = &message {
            let (message, ours, theirs) = (message.clone(), ours.clone(), theirs.clone());
            let subject = Subject::Sent { message, ours, theirs };
            lessons.push(Lesson { subject, event: Event::Written });
        }
        lessons.push(Lesson { subject: Subject::Pair { ours, theirs }, event: Event::Written });
    }
    let domains = domains.into_iter().map(Subject::Domain);
    lessons.extend(domains.map(|subject| Lesson { subject, event: Event::Written }));
    if !lessons.is_empty() {
        gateway.stores.correspondence.learn(&came.organisation, lessons);
    }
}

fn inbound(gateway: &Gateway, settings: &Settings, came: &Came, judged: &Judged, taken: Taken) {
    // What was not asked about its sender (a test on this machine) teaches nothing of one.
    if judged.facts.history == Known::NotAsked {
        return;
    }
    let author = author(&judged.header);
    let is_known = author.as_ref().and_then(Address::domain).is_some_and(|domain| {
        let Facts { dmarc, spf, dkim, .. } = &judged.facts;
        is_authenticated(domain, dmarc, spf, dkim)
    });
    let recipients = &came.envelope.recipients;
    let organisations: BTreeSet<&Organisation> =
        recipients.iter().map(|recipient| &recipient.organisation).collect();
    for organisation in organisations {
        let own = recipients.iter().filter(|recipient| recipient.organisation == *organisation);
        let verdicts = own.map(|one| judged.for_recipient(settings, came, one).verdict);
        let worst = verdicts.max_by_key(|verdict| verdict.would);
        let Some(event) = worst.and_then(|verdict| outcome(&verdict, taken)) else { continue };
        let mut subjects = Vec::new();
        if let Some(client) = client(settings, came, &judged.header) {
            subjects.push(Subject::Network(network_key(client)));
        }
        if let Some(author) = author.as_ref().filter(|_| is_known) {
            subjects.push(Subject::Address { theirs: author.key() });
            let domain = author.domain().map(|domain| domain.registered().to_string());
            subjects.extend(domain.map(Subject::Domain));
        }
        let lessons: Vec<Lesson> =
            subjects.into_iter().map(|subject| Lesson { subject, event }).collect();
        if !lessons.is_empty() {
            gateway.stores.correspondence.learn(organisation, lessons);
        }
    }
}

/// What a verdict says of a sender. A part that could not be opened, or a mark, says nothing either way.
fn outcome(verdict: &Verdict, taken: Taken) -> Option<Event> {
    const BAD: [Category; 3] = [Category::Virus, Category::Phish, Category::Spam];
    let is_bad = verdict.categories.iter().any(|category| BAD.contains(category));
    match (verdict.would, taken) {
        (Action::Deliver, Taken::Yes) => Some(Event::Came),
        (Action::Quarantine | Action::Reject, _) if is_bad => Some(Event::Unwanted),
        (_, _) => None,
    }
}

/// What is remembered of a mail's sender, asked of every organisation that it is for.
pub(super) async fn history(
    memory: &Correspondence,
    settings: &Settings,
    came: &Came,
    header: &Header,
    facts: &Facts,
) -> Known<History> {
    let asked = asked(memory, settings, came, header, facts);
    match tokio::time::timeout(limits::CORRESPONDENCE_TIME_MAX, asked).await {
        Ok(known) => known,
        Err(_) => Known::No("the store was too slow".to_string()),
    }
}

async fn asked(
    memory: &Correspondence,
    settings: &Settings,
    came: &Came,
    header: &Header,
    facts: &Facts,
) -> Known<History> {
    let recipients = &came.envelope.recipients;
    let organisations: BTreeSet<&Organisation> =
        recipients.iter().map(|recipient| &recipient.organisation).collect();
    if organisations.len() > limits::CORRESPONDENCE_ORGANISATIONS_MAX {
        return Known::No("the mail is for too many organisations".to_string());
    }
    let author = author(header);
    let domain = author.as_ref().and_then(Address::domain);
    let authenticated = domain
        .is_some_and(|domain| is_authenticated(domain, &facts.dmarc, &facts.spf, &facts.dkim));
    let client = client(settings, came, header);
    let mut known: Option<History> = None;
    for organisation in organisations {
        let ours = recipients.iter().filter(|recipient| recipient.organisation == *organisation);
        let question = Question {
            organisation: organisation.clone(),
            ours: ours
                .take(limits::CORRESPONDENCE_RECIPIENTS_MAX)
                .map(|recipient| recipient.address.key())
                .collect(),
            theirs: author.as_ref().map(Address::key),
            domain: domain.map(|domain| domain.registered().to_string()),
            network: client.map(network_key),
            answers: answered(header),
        };
        let remembered = match memory.ask(question).await {
            Ok(remembered) => remembered,
            Err(error) => return Known::No(error.to_string()),
        };
        let history = from_memory(remembered, authenticated, came);
        known = Some(match known {
            None => history,
            Some(before) => before.or_less(history),
        });
    }
    known.map_or(Known::NotAsked, Known::Yes)
}

fn from_memory(remembered: Remembered, authenticated: bool, came: &Came) -> History {
    let address = remembered.address.unwrap_or_default();
    let domain = remembered.domain.unwrap_or_default();
    let network = remembered.network.unwrap_or_default();
    History {
        authenticated,
        answers_ours: remembered.answers_ours,
        written_to_address: remembered.written_to_address,
        written_to_domain: domain.written,
        came_from_address: address.came,
        came_from_domain: domain.came,
        unwanted_from_domain: domain.unwanted,
        domain_known_days: remembered.domain.map(|domain| domain.known_days(came.at)),
        volume_jump: domain.jump(came.at),
        came_from_network: network.came,
        unwanted_from_network: network.unwanted,
    }
}

/// Who brought it here; for a mail that a relay of ours brought nobody, unless the relay says so.
fn client(settings: &Settings, came: &Came, header: &Header) -> Option<IpAddr> {
    match came.via {
        Via::Direct => Some(came.peer.address),
        Via::Portal => None,
        Via::Relay => super::judge::origin(settings, came, header).map(|peer| peer.address),
    }
}

/// The address in From, where it is one address of one field: everything else is read otherwise by somebody.
fn author(header: &Header) -> Option<Address> {
    if header.count("From") != 1 {
        return None;
    }
    let mailboxes = header.mailboxes("From");
    let [mailbox] = &mailboxes[..] else { return None };
    let address = Address::parse(&mailbox.address).ok()?;
    let domain: Domain = address.domain()?.clone();
    Some(address.at(&domain))
}

/// Automatic answers (RFC 3834 section 5), lists and mailings: nobody wrote that to somebody.
pub(super) fn is_automatic(header: &Header) -> bool {
    let says = |name: &str, harmless: &[&str]| {
        header.value(name).is_some_and(|value| {
            let word = value.split([';', ' ']).next().unwrap_or_default();
            !harmless.iter().any(|harmless| word.eq_ignore_ascii_case(harmless))
        })
    };
    says("Auto-Submitted", &["no"])
        || says("Precedence", &["normal", "first-class", "special-delivery"])
        || ["List-Id", "List-Unsubscribe", "Feedback-ID"].iter().any(|name| header.count(name) > 0)
}

/// The Message-IDs that a mail says it answers, the nearest first.
fn answered(header: &Header) -> Vec<String> {
    let mut ids = Vec::new();
    for name in ["In-Reply-To", "References"] {
        let of_field = header.values(name).iter().flat_map(|value| message_ids(value)).collect();
        let of_field: Vec<String> = of_field;
        for id in of_field.into_iter().rev() {
            if !ids.contains(&id) && ids.len() < limits::ANSWERED_IDS_MAX {
                ids.push(id);
            }
        }
    }
    ids
}

/// What stands between angle brackets, RFC 5322 section 3.6.4.
fn message_ids(value: &str) -> Vec<String> {
    let pieces = value.split('<').skip(1).filter_map(|piece| piece.split_once('>'));
    let ids = pieces.map(|(id, _)| id.trim()).filter(|id| !id.is_empty());
    ids.map(str::to_string).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::policy::Mode;

    fn header(text: &str) -> Header {
        Header::read(format!("{text}\r\n\r\nhi").as_bytes()).unwrap()
    }

    #[test]
    fn what_a_mail_answers() {
        for (text, want) in [
            ("Subject: x", &[][..]),
            ("In-Reply-To: <1@ours.example>", &["1@ours.example"]),
            (
                "References: <1@a.example>\r\n <2@b.example>\r\nIn-Reply-To: your mail <2@b.example>",
                &["2@b.example", "1@a.example"],
            ),
            ("References: <> <no end", &[]),
        ] {
            assert_eq!(answered(&header(text)), want, "{text}");
        }
        let many: String = (0..100).map(|number| format!(" <{number}@a.example>")).collect();
        let ids = answered(&header(&format!("References:{many}")));
        assert_eq!((ids.len(), ids[0].as_str()), (limits::ANSWERED_IDS_MAX, "99@a.example"));
    }

    #[test]
    fn machines_and_mailings_teach_nothing() {
        for (text, want) in [
            ("Subject: x", false),
            ("Auto-Submitted: no", false),
            ("Auto-Submitted: auto-replied (vacation)", true),
            ("Auto-Submitted: auto-generated; x=y", true),
            ("Precedence: bulk", true),
            ("Precedence: normal", false),
            ("List-Unsubscribe: <mailto:x@ours.example>", true),
        ] {
            assert_eq!(is_automatic(&header(text)), want, "{text}");
        }
    }

    #[test]
    fn only_one_address_is_an_author() {
        for (text, want) in [
            ("From: Karin <Karin@Far.example>", Some("karin@far.example")),
            ("From: a@far.example, b@far.example", None),
            ("From: a@far.example\r\nFrom: b@far.example", None),
            ("From: nobody", None),
            ("From: postmaster", None),
            ("Subject: x", None),
        ] {
            assert_eq!(author(&header(text)).map(|one| one.key()).as_deref(), want, "{text}");
        }
    }

    #[test]
    fn a_verdict_says_something_of_the_sender_or_nothing() {
        for (would, category, taken, want) in [
            (Action::Deliver, None, Taken::Yes, Some(Event::Came)),
            (Action::Deliver, None, Taken::No, None),
            (Action::Mark, Some(Category::Spam), Taken::Yes, None),
            (Action::Defer, Some(Category::Spam), Taken::No, None),
            (Action::Quarantine, Some(Category::Format), Taken::Yes, None),
            (Action::Quarantine, Some(Category::Phish), Taken::Yes, Some(Event::Unwanted)),
            (Action::Reject, Some(Category::Virus), Taken::No, Some(Event::Unwanted)),
        ] {
            // On trial it is delivered all the same.
            let verdict = Verdict {
                action: Action::Deliver,
                would,
                mode: Mode::Shadow,
                score: 0.0,
                told: 0.0,
                categories: category.into_iter().collect(),
                reason: String::new(),
                decided_by: String::new(),
                ground: crate::verdict::Ground::Nothing,
                by_rules: Vec::new(),
                road: Default::default(),
            };
            assert_eq!(outcome(&verdict, taken), want, "{would:?} {category:?} {taken:?}");
        }
    }
}
