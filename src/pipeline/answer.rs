//! Release by answer: a digest is answered with the numbers of mails, and these are delivered.
//!
//! An answer counts when it carries the digest's nonce and its reader shows to be who he is: on an outbound listener by a client bound to
//! the mailbox's organisation, from outside by passing DMARC; envelope sender and From are the reader's address both times. What is dangerous
//! is not delivered by any answer. Programs' answers and what is quoted count for nothing.

use crate::{
    base::ids::Id,
    mail::{Address, Header},
    pipeline::{
        Gateway,
        answer_numbers::numbers,
        courier::Waiting,
        digest,
        internal::{Handler, Incoming, NotHandled},
        notice, proof, questions,
        release::{self, Asking, NotReleased, Signer},
        settings::Settings,
    },
    store::{
        held::{HeldState, Releaser},
        people::{DigestFound, Purpose, Wanted},
    },
    wire::{
        report::digest::{Note, shown, write_note},
        words::Words,
    },
};
use std::sync::Arc;

/// Reads answers to digests.
#[derive(Debug)]
pub struct Answers {
    /// Signs what is released.
    signer: Arc<Signer>,
}

impl Answers {
    /// With the key that releases are signed by.
    pub fn new(signer: Arc<Signer>) -> Answers {
        Answers { signer }
    }
}

impl Handler for Answers {
    fn handle<'a>(
        &'a self,
        gateway: &'a Gateway,
        mail: Incoming<'a>,
    ) -> Waiting<'a, Result<String, NotHandled>> {
        Box::pin(read(gateway, &self.signer, mail))
    }
}

/// What stands behind the `+` of an address to which digests are answered; none: it is not such an address.
pub fn nonce(address: &Address) -> Option<&str> {
    let (local, nonce) = address.local().split_once('+')?;
    let is_nonce =
        nonce.len() == NONCE_LETTERS && nonce.bytes().all(|one| one.is_ascii_alphanumeric());
    (local.eq_ignore_ascii_case(digest::ANSWERS) && is_nonce).then_some(nonce)
}

async fn read(
    gateway: &Gateway,
    signer: &Signer,
    mail: Incoming<'_>,
) -> Result<String, NotHandled> {
    let settings = gateway.settings.load_full();
    let nonce = nonce(&mail.recipient.address)
        .ok_or_else(|| NotHandled::Never("nobody reads this address".to_string()))?;
    let content = mail.content.clone();
    let bytes = tokio::task::spawn_blocking(move || content.bytes()).await;
    let bytes = bytes.map_err(|error| later(&error))?.map_err(|error| later(&error))?;
    let header = Header::read(&bytes);
    let header = header.map_err(|_| NotHandled::Never("its header is too large".to_string()))?;
    if proof::is_automatic(mail.spooled, &header) {
        return Ok("a program answered; nothing was done".to_string());
    }
    let found = gateway.stores.people.digest_of(nonce).await.map_err(|error| later(&error))?;
    let found = found.ok_or_else(|| NotHandled::Never(TOO_OLD.to_string()))?;
    let organisation = &found.mailbox.organisation;
    let writer = proof::writer(mail.spooled, &header);
    if writer.is_none_or(|writer| writer.key() != found.reader)
        || !proof::is_shown(gateway, &settings, mail.spooled, organisation, &bytes).await
    {
        tracing::warn!(id = %mail.spooled.id, "a digest was answered by somebody who did not show to be its reader; nothing was done");
        return Err(NotHandled::Never(not_its_readers(&settings, &found)));
    }
    let examiner = settings.examiner.clone();
    let opened = tokio::task::spawn_blocking(move || examiner.examine(&bytes)).await;
    let contents = opened.map_err(|error| later(&error))?;
    let text = contents.texts.first().map_or("", |text| text.shown.as_str());
    let is_known = |line| is_mail(&found, line) || is_question(&found, line);
    let wanted = numbers(text, &is_known);
    let outcome = Outcome::of(gateway, signer, &found, &wanted).await?;
    let words = outcome.in_short();
    outcome.tell(gateway, &settings, &found).await;
    Ok(words)
}

/// In the language of the organisation: what its reader chose is nobody else's to learn.
fn not_its_readers(settings: &Settings, found: &DigestFound) -> String {
    let organisation = &found.mailbox.organisation;
    let words = Words::of(digest::language_of(settings, organisation, &Wanted::default()));
    words.say("answer.not-yours", &[])
}

fn later(error: &dyn std::error::Error) -> NotHandled {
    NotHandled::Later(error.to_string())
}

fn is_mail(found: &DigestFound, line: u32) -> bool {
    found.rows.iter().any(|(known, _)| *known == line)
}

/// A number among those of the digest that is no mail's.
fn is_question(found: &DigestFound, line: u32) -> bool {
    let mails = u32::try_from(found.rows.len()).unwrap_or(u32::MAX);
    line > 0 && line <= mails.saturating_add(found.questions)
}

/// What came of the numbers: of mails with their subjects, fit to be seen.
#[derive(Debug, Default)]
struct Outcome {
    delivered: Vec<(u32, String)>,
    already: Vec<(u32, String)>,
    review: Vec<(u32, String)>,
    failed: Vec<(u32, String)>,
    gone: Vec<u32>,
    questions: Vec<u32>,
}

impl Outcome {
    async fn of(
        gateway: &Gateway,
        signer: &Signer,
        found: &DigestFound,
        wanted: &[u32],
    ) -> Result<Outcome, NotHandled> {
        let mut outcome = Outcome::default();
        for line in wanted {
            match found.rows.iter().find(|(known, _)| known == line) {
                Some((_, held)) => outcome.release(gateway, signer, found, *line, *held).await?,
                // The digest has no other numbers. Nobody says yes or no to a question by its number.
                None => outcome.questions.push(*line),
            }
        }
        Ok(outcome)
    }

    async fn release(
        &mut self,
        gateway: &Gateway,
        signer: &Signer,
        found: &DigestFound,
        line: u32,
        id: Id,
    ) -> Result<(), NotHandled> {
        let held = gateway.stores.quarantine.get(id).await.map_err(|error| later(&error))?;
        let Some(held) = held else {
            self.gone.push(line);
            return Ok(());
        };
        let subject = (line, shown(&held.subject));
        if held.state == HeldState::Released {
            self.already.push(subject);
            return Ok(());
        }
        if digest::is_dangerous(&held) {
            self.review.push(subject);
            return Ok(());
        }
        let people = &gateway.stores.people;
        let (mailbox, reader) = (&found.mailbox, &found.reader);
        let noted = people.act_as(mailbox, id, Purpose::Release, reader).await;
        noted.map_err(|error| later(&error))?;
        let by = Address::parse(reader).unwrap_or_else(|_| held.recipient.clone());
        let asking = Asking::by(Releaser::Reply(by));
        match release::release(gateway, id, signer, asking).await {
            Ok(_) => {
                questions::delivered(gateway, mailbox, &held, reader).await;
                self.delivered.push(subject);
            }
            Err(NotReleased::Already(_)) => self.already.push(subject),
            Err(NotReleased::Missing | NotReleased::Deleted) => self.gone.push(line),
            // What was found in it since: no answer lets that go.
            Err(NotReleased::Dangerous { .. }) => {
                let back = people.give_back(mailbox, id, Purpose::Release).await;
                back.map_err(|error| later(&error))?;
                self.review.push(subject);
            }
            Err(
                error @ (NotReleased::Store(_)
                | NotReleased::Spool(_)
                | NotReleased::NotLookedAt(_)),
            ) => {
                tracing::error!(%id, %error, "a mail could not be released by an answer");
                let back = people.give_back(mailbox, id, Purpose::Release).await;
                back.map_err(|error| later(&error))?;
                self.failed.push(subject);
            }
        }
        Ok(())
    }

    fn in_short(&self) -> String {
        format!(
            "delivered {}, delivered before {}, for review {}, failed {}, gone {}",
            self.delivered.len(),
            self.already.len(),
            self.review.len(),
            self.failed.len(),
            self.gone.len()
        )
    }

    async fn tell(self, gateway: &Gateway, settings: &Settings, found: &DigestFound) {
        let Ok(to) = Address::parse(&found.reader) else { return };
        let Some(from) = digest::writer_to(settings, &found.mailbox) else { return };
        let organisation = &found.mailbox.organisation;
        let wanted = gateway.stores.people.wanted(&found.mailbox).await.unwrap_or_default().0;
        let wanted = digest::wanted_by(gateway, &found.mailbox, &found.reader, &wanted).await;
        let wanted = wanted.unwrap_or_default();
        let words = Words::of(digest::language_of(settings, organisation, &wanted));
        let text = write_note(&Note {
            id: gateway.new_id(),
            words,
            now: gateway.clock.now(),
            from: &from,
            organisation: &digest::title_of(settings, organisation),
            to: &to,
            subject: &words.say("answer.subject", &[]),
            lines: &self.said(words),
        });
        notice::to_reader(gateway, settings, organisation, &to, "answer", text).await;
    }

    fn said(&self, words: &Words) -> Vec<String> {
        let mut lines = Vec::new();
        let named = |(line, subject): &(u32, String)| match subject.as_str() {
            "" => format!("{line} {}", words.say("digest.no-subject", &[])),
            subject => format!("{line} ({subject})"),
        };
        let list = |mails: &[(u32, String)]| mails.iter().map(named).collect::<Vec<_>>().join(", ");
        if !self.delivered.is_empty() {
            let subjects = list(&self.delivered);
            let n = self.delivered.len();
            lines.push(words.count("answer.delivered", n, &[("subjects", &subjects)]));
        }
        if !self.already.is_empty() {
            let subjects = list(&self.already);
            let n = self.already.len();
            lines.push(words.count("answer.already", n, &[("subjects", &subjects)]));
        }
        if !self.review.is_empty() {
            let subjects = list(&self.review);
            let n = self.review.len();
            lines.push(words.count("answer.review", n, &[("subjects", &subjects)]));
        }
        if !self.failed.is_empty() {
            let subjects = list(&self.failed);
            let n = self.failed.len();
            lines.push(words.count("answer.failed", n, &[("subjects", &subjects)]));
        }
        if !self.gone.is_empty() {
            let numbers: Vec<String> = self.gone.iter().map(u32::to_string).collect();
            let numbers = numbers.join(", ");
            let n = self.gone.len();
            lines.push(words.count("answer.gone", n, &[("lines", &numbers)]));
        }
        if !self.questions.is_empty() {
            let numbers: Vec<String> = self.questions.iter().map(u32::to_string).collect();
            let numbers = numbers.join(", ");
            let n = self.questions.len();
            lines.push(words.count("answer.question", n, &[("lines", &numbers)]));
        }
        if lines.is_empty() {
            lines.push(words.say("answer.nothing", &[]));
        }
        lines
    }
}

const NONCE_LETTERS: usize = 26;
const TOO_OLD: &str = "this summary is too old to be answered; the next one can be";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_address_with_a_nonce_is_answered_to() {
        for (address, want) in [
            ("quarantine+abcdefghijklmnopqrstuvwx23@ours.example", true),
            ("Quarantine+ABCDEFGHIJKLMNOPQRSTUVWX23@ours.example", true),
            ("quarantine@ours.example", false),
            ("quarantine+news@ours.example", false),
            ("anna+abcdefghijklmnopqrstuvwx23@ours.example", false),
        ] {
            assert_eq!(nonce(&Address::parse(address).unwrap()).is_some(), want, "{address}");
        }
    }

    #[test]
    fn a_mail_without_a_subject_is_named_so() {
        let delivered = vec![(4, String::new()), (5, "Offer".to_string())];
        let said = Outcome { delivered, ..Outcome::default() }
            .said(Words::of(crate::wire::report::Language::En));
        assert_eq!(said, ["Delivered: 4 (no subject), 5 (Offer)"]);
    }

    #[test]
    fn a_question_is_not_answered_by_its_number() {
        let outcome = Outcome { questions: vec![1, 2], ..Outcome::default() };
        let said = outcome.said(Words::of(crate::wire::report::Language::En));
        let want = "Numbers 1, 2 are questions. Answer them with their buttons in the summary.";
        assert_eq!(said, [want]);
    }
}
