//! What single mailboxes say of a sender: what they block is held for them, whom they allow is forgiven his spam.
//!
//! A sender is allowed only while he authenticates as the domain in From, and nothing dangerous is ever forgiven: a mailbox's owner knows
//! what he wants to read, not what is inside of it.

use crate::{
    checks::{Demand, Finding, is_everybodys},
    config::{
        lists::Entry,
        policy::{Action, Category},
    },
    facts::{Facts, history::is_authenticated},
    mail::{Domain, Header, Recipient},
    pipeline::{Gateway, judge::Came, settings::Settings},
    store::people::{Mailbox, OwnEntry, OwnWord, own_sender},
};
use std::{borrow::Cow, collections::HashMap};

/// What each recipient says of the sender of a mail.
#[derive(Debug, Clone, Default)]
pub struct OwnWords(HashMap<Mailbox, OwnEntry>);

/// The finding of a mail whose sender its recipient has blocked.
pub const BLOCKED: &str = "recipient.blocked";
/// The finding of a mail whose sender its recipient always accepts.
pub const ALLOWED: &str = "recipient.allowed";

/// Why somebody cannot stand on an own list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NotASender {
    /// It is neither an address nor a domain as mail comes from.
    Unclear,
    /// It is a domain that we host: all colleagues and neighbours at once.
    Ours(Domain),
    /// It is a domain where anybody gets a mailbox: strangers and friends at once.
    Everybodys(Domain),
}

/// The form in which a sender stands on an own list, of what its owner wrote; `*@far.example` is the domain. A single mailbox of ours can stand
/// there, a domain of ours cannot, nor one where anybody gets a mailbox.
pub fn sender(settings: &Settings, text: &str) -> Result<String, NotASender> {
    let text = text.trim();
    let text = text.strip_prefix('*').filter(|rest| rest.starts_with('@')).unwrap_or(text);
    let text = text.strip_prefix('@').unwrap_or(text);
    // No other pattern is understood, and an address with a star in it is none that anybody has.
    if text.contains('*') {
        return Err(NotASender::Unclear);
    }
    let entry = Entry::try_from(text.to_string()).map_err(|_| NotASender::Unclear)?;
    let domain = match &entry {
        Entry::Address(address) => address.domain(),
        Entry::Domain(domain) if settings.writer(domain).is_some() => {
            return Err(NotASender::Ours(domain.clone()));
        }
        Entry::Domain(domain) if is_everybodys(domain.as_str()) => {
            return Err(NotASender::Everybodys(domain.clone()));
        }
        Entry::Domain(domain) => Some(domain),
        Entry::Below(_) | Entry::Network(_) => None,
    };
    // A name without a dot is a word; no mail comes from there.
    match domain.is_some_and(|domain| domain.as_str().contains('.')) {
        true => own_sender(&entry).ok_or(NotASender::Unclear),
        false => Err(NotASender::Unclear),
    }
}

impl OwnWords {
    /// Asks the lists of all recipients. A list that cannot be read is logged and as if it were empty: nobody's safety rests on it.
    pub(super) async fn ask(
        gateway: &Gateway,
        came: &Came,
        header: &Header,
        facts: &Facts,
    ) -> OwnWords {
        let recipients = came.envelope.recipients.iter();
        let mailboxes: Vec<Mailbox> = recipients.map(mailbox).collect();
        let people = &gateway.stores.people;
        let (author, domain) = author(header);
        let envelope = came.envelope.sender.address();
        let bounce = forms(envelope.map(|one| one.key()), envelope.and_then(|one| one.domain()));
        let said = people.own_words(mailboxes.clone(), author).await;
        let by_envelope = people.own_words(mailboxes, bounce).await;
        let (mut words, by_envelope) = match (said, by_envelope) {
            (Ok(said), Ok(by_envelope)) => (said, by_envelope),
            (Err(error), _) | (_, Err(error)) => {
                tracing::error!(%error, "own lists could not be asked; a mail is judged without them");
                return OwnWords::default();
            }
        };
        let shown = domain
            .is_some_and(|from| is_authenticated(&from, &facts.dmarc, &facts.spf, &facts.dkim));
        words.retain(|_, entry| entry.word == OwnWord::Block || shown);
        // Nobody sees an envelope sender, so it can be blocked but vouches for nothing.
        for (mailbox, entry) in by_envelope {
            if entry.word == OwnWord::Block {
                words.entry(mailbox).or_insert(entry);
            }
        }
        OwnWords(words)
    }

    /// Has this recipient blocked the sender?
    pub(super) fn block(&self, recipient: &Recipient) -> bool {
        self.of(recipient).is_some_and(|entry| entry.word == OwnWord::Block)
    }

    /// The line of this recipient's list that the sender is on.
    pub(super) fn of(&self, recipient: &Recipient) -> Option<&OwnEntry> {
        self.0.get(&mailbox(recipient))
    }

    /// The findings as they count for one recipient.
    pub(super) fn weigh<'a>(
        &self,
        findings: &'a [Finding],
        recipient: &Recipient,
    ) -> Cow<'a, [Finding]> {
        if self.0.is_empty() {
            return Cow::Borrowed(findings);
        }
        match self.of(recipient).map(|entry| entry.word) {
            None => Cow::Borrowed(findings),
            Some(OwnWord::Block) => {
                let blocked =
                    Finding::new(BLOCKED, Category::Policy, 0.0, "on the recipient's own list")
                        .demanding(Demand::AtLeast(Action::Quarantine))
                        .telling("The recipient has blocked this sender.");
                findings.iter().cloned().chain([blocked]).collect()
            }
            Some(OwnWord::Allow) => {
                let allowed = Finding::new(
                    ALLOWED,
                    Category::Trust,
                    FORGIVEN,
                    "on the recipient's own list, and authenticated",
                )
                .telling("The recipient always accepts this sender.");
                let kept = findings.iter().filter(|finding| !is_forgiven(finding)).cloned();
                kept.chain([allowed]).collect()
            }
        }
    }
}

/// What looks like advertising, and insists on nothing.
fn is_forgiven(finding: &Finding) -> bool {
    matches!(finding.category, Category::Spam | Category::Bulk)
        && finding.demands.is_none()
        && finding.weight > 0.0
}

fn mailbox(recipient: &Recipient) -> Mailbox {
    Mailbox::new(&recipient.organisation, &recipient.address)
}

/// The one author of a mail in the forms in which he may stand on a list, the narrowest first, and his domain. Of several none counts.
fn author(header: &Header) -> (Vec<String>, Option<Domain>) {
    let from = header.mailboxes("From");
    let [only] = from.as_slice() else { return (Vec::new(), None) };
    let domain = only.domain();
    let address = crate::mail::Address::parse(&only.address).ok();
    (forms(address.map(|address| address.key()), domain.as_ref()), domain)
}

fn forms(address: Option<String>, domain: Option<&Domain>) -> Vec<String> {
    let mut forms: Vec<String> = address.into_iter().collect();
    if let Some(domain) = domain {
        forms.push(domain.as_str().to_string());
        if domain.registered() != domain.as_str() {
            forms.push(domain.registered().to_string());
        }
    }
    forms
}

/// The most that comfort may take off, for what is left when the rest is forgiven.
const FORGIVEN: f32 = -5.0;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        base::clock::UnixMs,
        config::policy::Policy,
        mail::{Address, Direction},
        verdict::decide,
    };

    #[test]
    fn blocked_mail_is_held_and_allowed_mail_is_forgiven_its_spam_alone() {
        let recipient = Recipient::plain(Address::parse("anna@ours.example").unwrap());
        let spam = Finding::new("test.spam", Category::Spam, 14.0, "");
        let bulk = Finding::new("test.bulk", Category::Bulk, 3.0, "");
        let phish = Finding::new("test.phish", Category::Phish, 6.5, "");
        let virus =
            Finding::new("test.virus", Category::Virus, 0.0, "").demanding(Demand::Category);
        let demanding = Finding::new("test.demand", Category::Spam, 1.0, "")
            .demanding(Demand::AtLeast(Action::Quarantine));
        for (word, findings, want) in [
            (None, vec![spam.clone(), bulk.clone()], Action::Reject),
            (Some(OwnWord::Allow), vec![spam.clone(), bulk.clone()], Action::Deliver),
            (Some(OwnWord::Allow), vec![spam.clone(), phish], Action::Quarantine),
            (Some(OwnWord::Allow), vec![spam.clone(), virus.clone()], Action::Reject),
            (Some(OwnWord::Allow), vec![demanding], Action::Quarantine),
            (Some(OwnWord::Block), vec![], Action::Quarantine),
            (Some(OwnWord::Block), vec![virus], Action::Reject),
        ] {
            let entry = |word| OwnEntry {
                sender: "far.example".to_string(),
                word,
                since: UnixMs(0),
                by: "anna@ours.example".to_string(),
            };
            let words = word.map(|word| (mailbox(&recipient), entry(word)));
            let words = OwnWords(words.into_iter().collect());
            let weighed = words.weigh(&findings, &recipient);
            let verdict = decide(&weighed, &Policy::default(), Direction::Inbound);
            assert_eq!(verdict.action, want, "{word:?} {findings:?}");
            assert_eq!(words.block(&recipient), word == Some(OwnWord::Block));
            let other = Recipient::plain(Address::parse("bo@ours.example").unwrap());
            assert_eq!(words.weigh(&findings, &other).len(), findings.len(), "another's word");
        }
    }

    #[test]
    fn a_sender_is_looked_up_by_address_domain_and_registered_domain() {
        let read = |text: &str| Header::read(text.as_bytes()).unwrap();
        let (forms, domain) = author(&read("From: K <Karin@Mail.Far.example>\r\n\r\n"));
        assert_eq!(forms, ["karin@mail.far.example", "mail.far.example", "far.example"]);
        assert_eq!(domain.unwrap().as_str(), "mail.far.example");
        let two = author(&read("From: a@far.example, b@else.example\r\n\r\n"));
        assert!(two.0.is_empty() && two.1.is_none());
    }
}
