//! One word for many held mails: what it would touch, and doing it.
//!
//! A preview finds its mails within the scope of whoever asks. Acts are given ids that were compared with it before, when they were written into
//! the audit log. A few at a time, so that mail and other people have their turn between them.

use crate::{
    base::{ids::Id, limits},
    mail::Organisation,
    pipeline::{
        Gateway,
        digest::is_dangerous,
        release::{self, Asking, Away, NotDone, NotReleased, Signer},
    },
    store::{
        StoreError,
        held::{Count, Cursor, Held, HeldFilter, Opinion, Releaser},
        scope::Scope,
    },
};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeSet, HashMap, HashSet};

/// Which mails.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Selection {
    /// These.
    Ids(Vec<Id>),
    /// All that a filter finds; with a likeness, a group of alike ones.
    Matching(Box<HeldFilter>),
}

/// What is done with each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Doing {
    /// It is released.
    Release(Asking),
    /// It is put away.
    PutAway(Away, Releaser),
    /// It is said what it is, and it stays where it is.
    Learn(Opinion, Releaser),
    /// What was done last is taken back.
    Undo(Releaser),
}

/// What a selection would touch.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Preview {
    /// Mails.
    pub mails: Count,
    /// Their bytes.
    pub bytes: u64,
    /// Different recipients.
    pub recipients: usize,
    /// Different organisations.
    pub organisations: usize,
    /// Who wrote them, as From says: whoever wrote the most first; the first of them.
    pub writers: Vec<Writer>,
    /// Different writers.
    pub writers_all: usize,
    /// Tells these writers from any others.
    pub writers_mark: String,
    /// All that was counted.
    pub ids: Vec<Id>,
    /// Mails of a dangerous kind: they are not released without a review.
    pub dangerous: u64,
    /// The first of them, in the order of the list.
    pub first: Vec<Glimpse>,
}

/// Somebody who wrote mails of a preview.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Writer {
    /// The address, as in [`Held::writer`].
    pub address: String,
    /// How many of the mails.
    pub mails: u64,
}

/// A mail in a preview. As in the index, personal values are masked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Glimpse {
    /// Its own id.
    pub id: Id,
    /// Its subject.
    pub subject: String,
    /// Name and address in From; where there is none, the envelope sender.
    pub sender: String,
    /// Whom it was for.
    pub recipient: String,
}

impl Glimpse {
    fn of(held: &Held) -> Glimpse {
        Glimpse {
            id: held.id,
            subject: held.subject.clone(),
            sender: match held.from.is_empty() {
                true => held.sender.to_string(),
                false => held.from.clone(),
            },
            recipient: held.recipient.to_string(),
        }
    }
}

/// What became of one mail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// It was done.
    Done,
    /// Somebody had dealt with it before.
    Already,
    /// It needs a review.
    Dangerous,
    /// It is too late.
    TooLate,
    /// There is no such mail for whoever asks.
    Missing,
    /// It could not be done just now; the log says why.
    Failed,
}

impl Outcome {
    /// Its word in answers and records.
    pub fn word(self) -> &'static str {
        match self {
            Outcome::Done => "done",
            Outcome::Already => "already",
            Outcome::Dangerous => "dangerous",
            Outcome::TooLate => "too-late",
            Outcome::Missing => "missing",
            Outcome::Failed => "failed",
        }
    }
}

/// Says what a selection would touch, without touching it.
pub async fn preview(
    gateway: &Gateway,
    scope: &Scope,
    selection: &Selection,
) -> Result<Preview, StoreError> {
    let mut seen = Seen::default();
    let mut cursor = Some(Start::Beginning);
    while let Some(start) = cursor {
        let (held, next) = step(gateway, scope, selection, start).await?;
        held.iter().for_each(|one| seen.add(one));
        cursor = next;
        if seen.preview.mails.counted >= u64::try_from(limits::ACT_MAX).unwrap_or(u64::MAX) {
            seen.preview.mails.more = cursor.is_some();
            break;
        }
    }
    Ok(seen.into_preview())
}

/// Does it with these, which whoever asks may see, and says what became of each; at most [`limits::ACT_MAX`] mails.
pub async fn act(
    gateway: &Gateway,
    signer: &Signer,
    ids: &[Id],
    doing: &Doing,
) -> Vec<(Id, Outcome)> {
    let mut outcomes = Vec::new();
    for (count, id) in ids.iter().take(limits::ACT_MAX).enumerate() {
        if count % limits::ACT_STEP == limits::ACT_STEP - 1 {
            tokio::task::yield_now().await;
        }
        outcomes.push((*id, one_mail(gateway, signer, *id, doing).await));
    }
    outcomes
}

async fn one_mail(gateway: &Gateway, signer: &Signer, id: Id, doing: &Doing) -> Outcome {
    match doing {
        Doing::Release(asking) => {
            match release::release(gateway, id, signer, asking.clone()).await {
                Ok(_) => Outcome::Done,
                Err(NotReleased::Already(_) | NotReleased::Deleted) => Outcome::Already,
                Err(NotReleased::Dangerous { .. }) => Outcome::Dangerous,
                Err(NotReleased::Missing) => Outcome::Missing,
                Err(
                    error @ (NotReleased::Store(_)
                    | NotReleased::Spool(_)
                    | NotReleased::NotLookedAt(_)),
                ) => failed(id, &error),
            }
        }
        Doing::PutAway(how, by) => {
            settled(id, release::put_away(gateway, id, *how, by.clone()).await)
        }
        Doing::Learn(opinion, by) => {
            settled(id, release::learn(gateway, id, *opinion, by.clone()).await)
        }
        Doing::Undo(by) => settled(id, release::undo(gateway, id, by).await),
    }
}

fn settled(id: Id, done: Result<Held, NotDone>) -> Outcome {
    match done {
        Ok(_) => Outcome::Done,
        Err(NotDone::Already(_)) => Outcome::Already,
        Err(NotDone::TooLate) => Outcome::TooLate,
        Err(NotDone::Missing) => Outcome::Missing,
        Err(error @ NotDone::Store(_)) => failed(id, &error),
    }
}

fn failed(id: Id, error: &dyn std::fmt::Display) -> Outcome {
    tracing::error!(%id, %error, "a held mail among many could not be dealt with");
    Outcome::Failed
}

/// Where a step begins.
#[derive(Debug, Clone, Copy)]
enum Start {
    Beginning,
    /// Behind so many ids.
    Behind(usize),
    /// Behind the row with this cursor.
    At(Cursor),
}

/// A few mails of the selection, and where the next step begins.
async fn step(
    gateway: &Gateway,
    scope: &Scope,
    selection: &Selection,
    start: Start,
) -> Result<(Vec<Held>, Option<Start>), StoreError> {
    match selection {
        Selection::Ids(ids) => {
            let begin = match start {
                Start::Beginning | Start::At(_) => 0,
                Start::Behind(done) => done,
            };
            let end = begin.saturating_add(limits::ACT_STEP).min(ids.len()).min(limits::ACT_MAX);
            let some = ids.get(begin..end).unwrap_or_default();
            let held = seen_within(gateway, scope, some).await?;
            let more = end < ids.len().min(limits::ACT_MAX);
            Ok((held, more.then_some(Start::Behind(end))))
        }
        Selection::Matching(filter) => {
            let cursor = match start {
                Start::At(cursor) => Some(cursor),
                Start::Beginning | Start::Behind(_) => filter.cursor,
            };
            let filter = HeldFilter { cursor, rows: limits::ACT_STEP, ..(**filter).clone() };
            let page = gateway.stores.quarantine.search(scope, filter).await?;
            Ok((page.held, page.next.map(Start::At)))
        }
    }
}

/// Those of the ids that exist and are within the scope, each once.
async fn seen_within(
    gateway: &Gateway,
    scope: &Scope,
    ids: &[Id],
) -> Result<Vec<Held>, StoreError> {
    let mut held = Vec::new();
    let mut met = HashSet::new();
    for id in ids.iter().take(limits::ACT_MAX).filter(|id| met.insert(**id)) {
        let found = gateway.stores.quarantine.get(*id).await?;
        held.extend(found.filter(|held| held.is_within(scope)));
    }
    Ok(held)
}

/// A preview while it is counted.
#[derive(Default)]
struct Seen {
    preview: Preview,
    recipients: HashSet<(Organisation, String)>,
    organisations: HashSet<Organisation>,
    writers: HashMap<String, u64>,
}

impl Seen {
    fn add(&mut self, held: &Held) {
        let preview = &mut self.preview;
        preview.mails.counted = preview.mails.counted.saturating_add(1);
        preview.bytes = preview.bytes.saturating_add(held.bytes);
        preview.ids.push(held.id);
        preview.dangerous = preview.dangerous.saturating_add(u64::from(is_dangerous(held)));
        if preview.first.len() < limits::PREVIEW_ROWS {
            preview.first.push(Glimpse::of(held));
        }
        self.recipients.insert((held.organisation.clone(), held.recipient.key()));
        self.organisations.insert(held.organisation.clone());
        let wrote = self.writers.entry(held.writer()).or_default();
        *wrote = wrote.saturating_add(1);
    }

    fn into_preview(self) -> Preview {
        let writers_all = self.writers.len();
        let all: BTreeSet<&str> = self.writers.keys().map(String::as_str).collect();
        let mut hasher = blake3::Hasher::new();
        for one in all {
            hasher.update(&u64::try_from(one.len()).unwrap_or(u64::MAX).to_le_bytes());
            hasher.update(one.as_bytes());
        }
        let writers_mark = hasher.finalize().to_hex().to_string();
        let writer = |(address, mails)| Writer { address, mails };
        let mut writers: Vec<Writer> = self.writers.into_iter().map(writer).collect();
        writers.sort_by(|one, other| {
            other.mails.cmp(&one.mails).then_with(|| one.address.cmp(&other.address))
        });
        writers.truncate(limits::PREVIEW_ROWS);
        let mut ids = self.preview.ids;
        ids.truncate(limits::ACT_MAX);
        Preview {
            recipients: self.recipients.len(),
            organisations: self.organisations.len(),
            writers,
            writers_all,
            writers_mark,
            ids,
            ..self.preview
        }
    }
}
