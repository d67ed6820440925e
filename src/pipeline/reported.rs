//! Mail that people pass on to say what it is: forwarded as an attachment to an address for spam or for wanted mail, it is learned from.
//!
//! It counts for one of our people who shows to be who he says, and only of a mail that is his and came through here: the mail is found by its
//! Message-ID and must be worded like what is remembered of it. A mail that never came here is not learned: whoever has somebody's password
//! could otherwise teach what he likes by writing it. A mail that is forwarded in the text has lost what it is known by, and teaches nothing.
//! Its sender is told what became of each. Programs and strangers are told nothing, and nothing of theirs is opened.

use crate::{
    base::limits,
    examine::{Examiner, NotViewed, PartKind, View, ViewAsk, ViewedPart},
    learn::classifier::{Label, Sketch},
    mail::{Address, Header, Organisation},
    pipeline::{
        Gateway,
        courier::Waiting,
        digest,
        internal::{Handler, Incoming, NotHandled},
        notice, proof, school,
        settings::Settings,
        wording,
    },
    store::{lessons::Standing, people::Mailbox},
    wire::{
        report::digest::{Note, shown, write_note},
        words::Words,
    },
};
use bytes::Bytes;
use std::{collections::HashSet, sync::Arc};

/// Reads what is passed on to an address for one kind of mail.
#[derive(Debug)]
pub(super) struct Reported(Label);

impl Reported {
    /// What comes is this.
    pub(super) fn new(label: Label) -> Reported {
        Reported(label)
    }
}

impl Handler for Reported {
    fn handle<'a>(
        &'a self,
        gateway: &'a Gateway,
        mail: Incoming<'a>,
    ) -> Waiting<'a, Result<String, NotHandled>> {
        Box::pin(read(gateway, self.0, mail))
    }
}

/// The local parts in every domain whose next hop is `internal:`, and what is said by them.
pub(super) const NAMES: [(&str, Label); 4] =
    [(SPAM, Label::Spam), (HAM, Label::Ham), ("not-spam", Label::Ham), ("notspam", Label::Ham)];
const SPAM: &str = "spam";
const HAM: &str = "ham";

/// Under which of them a kind is registered.
pub(super) fn name_of(label: Label) -> &'static str {
    match label {
        Label::Spam => SPAM,
        Label::Ham => HAM,
    }
}

/// What is said by passing a mail on to this address, if its domain is one whose mail we read.
pub(super) fn label_of(address: &Address) -> Option<Label> {
    let local = address.local().to_lowercase();
    let plain = local.split_once('+').map_or(local.as_str(), |(plain, _)| plain);
    NAMES.into_iter().find(|(name, _)| *name == plain).map(|(_, label)| label)
}

async fn read(gateway: &Gateway, label: Label, mail: Incoming<'_>) -> Result<String, NotHandled> {
    let settings = gateway.settings.load_full();
    let content = mail.content.clone();
    let bytes = tokio::task::spawn_blocking(move || content.bytes()).await;
    let bytes = bytes.map_err(|error| later(&error))?.map_err(|error| later(&error))?;
    let Ok(header) = Header::read(&bytes) else {
        return Ok("its header is too large; nothing was learned".to_string());
    };
    if proof::is_automatic(mail.spooled, &header) {
        return Ok("a program wrote it; nothing was learned".to_string());
    }
    let Some(reporter) = reporter(gateway, &settings, mail, &header, &bytes).await else {
        // Nobody is told: who forges an address would have its owner written to.
        tracing::warn!(id = %mail.spooled.id, "a report came from somebody who did not show to be one of our people; nothing was learned");
        return Ok("nobody of ours has shown to have written it; nothing was learned".to_string());
    };
    let attached = attached(&settings, bytes).await?;
    let mut outcome = Outcome { label, ..Outcome::default() };
    for one in attached.mails {
        outcome.take(gateway, &reporter, one).await?;
    }
    outcome.is_cut = attached.is_cut;
    let words = outcome.in_short();
    outcome.tell(gateway, &settings, &reporter, &mail.recipient.address).await;
    Ok(words)
}

fn later(error: &dyn std::error::Error) -> NotHandled {
    NotHandled::Later(error.to_string())
}

/// One of our people.
struct Reporter {
    address: Address,
    organisation: Organisation,
    /// The account that AUTH has shown, where one did.
    account: Option<String>,
}

/// Who wrote it; none where that is not shown, or it is an address that nobody has.
async fn reporter(
    gateway: &Gateway,
    settings: &Arc<Settings>,
    mail: Incoming<'_>,
    header: &Header,
    bytes: &Bytes,
) -> Option<Reporter> {
    let address = proof::writer(mail.spooled, header)?;
    let own = settings.own_domain(&address)?;
    if address.domain().is_none() || own.route.is_internal() || settings.is_trap(&address) {
        return None;
    }
    let organisation = own.organisation.name().clone();
    let is_shown = proof::is_shown(gateway, settings, mail.spooled, &organisation, bytes).await;
    let account = mail.spooled.peer.user.as_ref().map(|user| user.name.clone());
    is_shown.then_some(Reporter { address, organisation, account })
}

/// A mail that is attached.
struct Attached {
    part: ViewedPart,
    subject: String,
    message_id: String,
    sketch: Sketch,
}

/// The mails that are attached.
struct AllAttached {
    mails: Vec<Attached>,
    /// There are more.
    is_cut: bool,
}

/// Opens what is attached, where every mail is opened.
async fn attached(settings: &Arc<Settings>, bytes: Bytes) -> Result<AllAttached, NotHandled> {
    let settings = settings.clone();
    let opened = tokio::task::spawn_blocking(move || open(&settings, &bytes));
    let opened = opened.await.map_err(|error| later(&error))?;
    opened.map_err(|why| NotHandled::Later(why.to_string()))
}

fn open(settings: &Settings, bytes: &[u8]) -> Result<AllAttached, NotViewed> {
    let examiner = &settings.examiner;
    let View::Overview(overview) = examiner.view(bytes, ViewAsk::Overview)? else {
        return Err(NotViewed::NotOpened("no view of its parts".to_string()));
    };
    let is_mail = |part: &ViewedPart| part.kind == PartKind::Message;
    let mut parts: Vec<ViewedPart> = overview.parts.into_iter().filter(is_mail).collect();
    // Where readers differ about the report, both readings have the same mails.
    let mut met = HashSet::new();
    parts.retain(|part| met.insert(part.blake3.clone()));
    let is_cut = parts.len() > limits::REPORTED_MAILS_MAX;
    parts.truncate(limits::REPORTED_MAILS_MAX);
    let mut mails = Vec::new();
    for part in parts {
        mails.extend(mail_in(settings, examiner.as_ref(), bytes, part)?);
    }
    Ok(AllAttached { mails, is_cut })
}

/// None: it cannot be read as a mail.
fn mail_in(
    settings: &Settings,
    examiner: &dyn Examiner,
    bytes: &[u8],
    part: ViewedPart,
) -> Result<Option<Attached>, NotViewed> {
    let inner = match examiner.view(bytes, ViewAsk::Part(part.number)) {
        Ok(View::Bytes(inner)) => inner.bytes,
        Ok(View::Overview(_) | View::Page(_)) => return Ok(None),
        Err(why @ NotViewed::NotOpened(_)) => return Err(why),
        Err(
            NotViewed::NoPart
            | NotViewed::NoPage
            | NotViewed::NotSafe(_)
            | NotViewed::TooLarge { .. },
        ) => return Ok(None),
    };
    let (Ok(header), Some(sketch)) = (Header::read(&inner), wording::sketch_of(settings, &inner))
    else {
        return Ok(None);
    };
    let subject = shown(&header.text("Subject").unwrap_or_default());
    Ok(Some(Attached { part, subject, message_id: school::message_id(&header), sketch }))
}

/// Does a part stand in another? A mail that somebody passes on may itself have come with one attached.
fn is_in(inner: &ViewedPart, outer: &ViewedPart) -> bool {
    let below = |inner: &str, outer: &str, mark: char| {
        inner.strip_prefix(outer).is_some_and(|rest| rest.starts_with(mark))
    };
    below(&inner.part, &outer.part, '.')
        || (inner.part == outer.part && below(&inner.path, &outer.path, '/'))
}

/// What became of what was passed on: of mails with their subjects, fit to be seen.
#[derive(Debug)]
struct Outcome {
    label: Label,
    learned: Vec<String>,
    before: Vec<String>,
    enough: Vec<String>,
    contradicted: Vec<String>,
    unknown: Vec<(ViewedPart, String)>,
    /// Those whose inside says nothing more.
    settled: Vec<ViewedPart>,
    is_cut: bool,
}

impl Default for Outcome {
    fn default() -> Outcome {
        Outcome {
            label: Label::Spam,
            learned: Vec::new(),
            before: Vec::new(),
            enough: Vec::new(),
            contradicted: Vec::new(),
            unknown: Vec::new(),
            settled: Vec::new(),
            is_cut: false,
        }
    }
}

impl Outcome {
    /// Looks for one mail, and says of it what the reporter says. A mail that is not known may be the wrapping of one that is.
    async fn take(
        &mut self,
        gateway: &Gateway,
        reporter: &Reporter,
        one: Attached,
    ) -> Result<(), NotHandled> {
        if self.settled.iter().any(|outer| is_in(&one.part, outer)) {
            return Ok(());
        }
        let Reporter { address, organisation, account } = reporter;
        let seen = school::PassedOn {
            message_id: &one.message_id,
            sketch: &one.sketch,
            account: account.as_deref(),
        };
        let said = school::passed_on(gateway, organisation, seen, self.label, address).await;
        let Some(standing) = said.map_err(|error| later(&error))? else {
            self.unknown.push((one.part, one.subject));
            return Ok(());
        };
        self.unknown.retain(|(outer, _)| !is_in(&one.part, outer));
        self.settled.push(one.part);
        match standing {
            Standing::Counts => &mut self.learned,
            Standing::Agreed => &mut self.before,
            Standing::Enough => &mut self.enough,
            Standing::Overruled | Standing::Disputed | Standing::Doubted => &mut self.contradicted,
        }
        .push(one.subject);
        Ok(())
    }

    fn in_short(&self) -> String {
        let label = match self.label {
            Label::Spam => "spam",
            Label::Ham => "wanted mail",
        };
        let counts = [&self.learned, &self.before, &self.enough, &self.contradicted].map(Vec::len);
        let [learned, before, enough, contradicted] = counts;
        let unknown = self.unknown_outermost().count();
        match counts.iter().sum::<usize>() + unknown {
            0 => "no mail was attached; nothing was learned".to_string(),
            _ => format!(
                "reported as {label}: learned {learned}, said before by others {before}, beyond a day's worth {enough}, contradicted {contradicted}, not found {unknown}"
            ),
        }
    }

    /// Of mails in mails the outer ones.
    fn unknown_outermost(&self) -> impl Iterator<Item = &String> {
        let is_inner = |one: &ViewedPart| self.unknown.iter().any(|(outer, _)| is_in(one, outer));
        self.unknown.iter().filter(move |(one, _)| !is_inner(one)).map(|(_, subject)| subject)
    }

    async fn tell(
        self,
        gateway: &Gateway,
        settings: &Settings,
        reporter: &Reporter,
        own: &Address,
    ) {
        let Reporter { address: to, organisation, .. } = reporter;
        let mailbox = Mailbox::new(organisation, to);
        let wanted = gateway.stores.people.wanted(&mailbox).await.unwrap_or_default().0;
        let words = Words::of(digest::language_of(settings, organisation, &wanted));
        let text = write_note(&Note {
            id: gateway.new_id(),
            words,
            now: gateway.clock.now(),
            from: own,
            organisation: &digest::title_of(settings, organisation),
            to,
            subject: &words.say("reported.subject", &[]),
            lines: &self.said(words, own, settings.config.store.label_days),
        });
        notice::to_reader(gateway, settings, organisation, to, "reported", text).await;
    }

    fn said(&self, words: &Words, own: &Address, days: u64) -> Vec<String> {
        let named = |subject: &String| match subject.as_str() {
            "" => words.say("digest.no-subject", &[]),
            subject => subject.to_string(),
        };
        let list = |mails: &[String]| mails.iter().map(named).collect::<Vec<_>>().join(", ");
        let unknown: Vec<String> = self.unknown_outermost().cloned().collect();
        let (own, days) = (own.to_string(), days.to_string());
        let mut lines = Vec::new();
        let mut say = |mails: &[String], sentence: &dyn Fn(&str) -> String| {
            if !mails.is_empty() {
                lines.push(sentence(&list(mails)));
            }
        };
        say(&self.learned, &|subjects| match self.label {
            Label::Spam => words.say("reported.spam", &[("subjects", subjects)]),
            Label::Ham => words.say("reported.ham", &[("subjects", subjects)]),
        });
        say(&self.before, &|subjects| words.say("reported.before", &[("subjects", subjects)]));
        say(&self.enough, &|subjects| words.say("reported.enough", &[("subjects", subjects)]));
        say(&self.contradicted, &|subjects| {
            words.say("reported.contradicted", &[("subjects", subjects)])
        });
        say(&unknown, &|subjects| {
            words.say("reported.unknown", &[("subjects", subjects), ("days", &days)])
        });
        if lines.is_empty() {
            lines.push(words.say("reported.nothing", &[("address", &own)]));
        }
        if self.is_cut {
            let n = limits::REPORTED_MAILS_MAX.to_string();
            lines.push(words.say("reported.more", &[("n", &n)]));
        }
        lines
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::report::Language;

    fn part(id: &str, path: &str) -> ViewedPart {
        ViewedPart {
            number: 1,
            part: id.to_string(),
            path: path.to_string(),
            name: None,
            declared: "message/rfc822".to_string(),
            kind: PartKind::Message,
            attachment: true,
            bytes: 1,
            sha256: String::new(),
            blake3: String::new(),
            encrypted: false,
        }
    }

    #[test]
    fn an_address_says_what_is_meant() {
        for (address, want) in [
            ("Spam@reports.example", Some(Label::Spam)),
            ("ham+kim@reports.example", Some(Label::Ham)),
            ("not-spam@reports.example", Some(Label::Ham)),
            ("notspam@reports.example", Some(Label::Ham)),
            ("spammer@reports.example", None),
            ("reports@reports.example", None),
        ] {
            assert_eq!(label_of(&Address::parse(address).unwrap()), want, "{address}");
        }
        for label in [Label::Spam, Label::Ham] {
            assert!(NAMES.contains(&(name_of(label), label)));
        }
    }

    #[test]
    fn a_mail_in_a_mail_stands_below_it() {
        for (inner, outer, want) in [
            (part("2.1", ""), part("2", ""), true),
            (part("20", ""), part("2", ""), false),
            (part("2", ""), part("2", ""), false),
            (part("2", "a.zip/b.eml"), part("2", "a.zip"), true),
            (part("2", "a.zip/b.eml"), part("2", "a.zip/c.eml"), false),
        ] {
            assert_eq!(is_in(&inner, &outer), want, "{} in {}", inner.part, outer.part);
        }
    }

    #[test]
    fn each_mail_is_told_of_once_and_how_it_is_done_if_there_is_none() {
        let own = Address::parse("spam@ours.example").unwrap();
        let words = Words::of(Language::En);
        let said = |outcome: &Outcome| outcome.said(words, &own, 30);
        let nothing = said(&Outcome::default());
        assert!(nothing[0].contains("Forward as attachment") && nothing[0].contains("spam@ours"));
        let outcome = Outcome {
            learned: vec!["Prize".to_string(), String::new()],
            enough: vec!["More".to_string()],
            // The second stands in the first.
            unknown: vec![
                (part("3", ""), "Outer".to_string()),
                (part("3.1", ""), "Inner".to_string()),
            ],
            is_cut: true,
            ..Outcome::default()
        };
        let lines = said(&outcome);
        assert_eq!(lines[0], "Learned as spam: Prize, (no subject)");
        assert!(
            lines[1].starts_with("Not learned, as you have reported as much")
                && lines[1].contains("More")
        );
        assert!(lines[2].contains("last 30 days") && lines[2].ends_with(": Outer"));
        assert!(lines[3].contains("first 20 mails") && lines.len() == 4);
        assert_eq!(
            outcome.in_short(),
            "reported as spam: learned 2, said before by others 0, beyond a day's worth 1, contradicted 0, not found 1"
        );
        let ham =
            Outcome { label: Label::Ham, learned: vec!["Hi".to_string()], ..Outcome::default() };
        assert_eq!(said(&ham), ["Learned as wanted mail: Hi"]);
    }
}
