//! The school: what is said of mails goes into the lessons, the learners follow these, and each mail is judged by what was learned last.
//!
//! The lessons are the truth. The model is made from them in their order, off the way that mail takes, and published whole: whoever judges has
//! one that does not change under him. It is written down now and then only to save learning everything again at a start. When something is taken
//! back or forgotten, the rest is learned anew, so that nothing of it is left.

use crate::{
    base::{clock::Tick, ids::Id, limits},
    config::policy::{Action, Category},
    facts::{
        Known,
        wording::{By, Wording},
    },
    learn::classifier::{Label, Model, Said, Sketch, Taught, Views, calibration::Fitted},
    mail::{Direction, Header, Organisation},
    pipeline::{
        Gateway, accounts,
        judge::{Came, Judged},
        remember,
        sending::Sent,
        settings::Settings,
        wording,
    },
    store::{
        StoreError,
        embedded::Lessons,
        held::{Held, Opinion, Releaser},
        lessons::{MailMark, NewLesson, People, Remembered, Sight, Standing, Teacher},
    },
    verdict::{
        self,
        wording::{Trust, Weights},
    },
};
use arc_swap::ArcSwap;
use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex},
};
use tokio::sync::{Notify, mpsc};

mod kept;

/// What was learned, and what is to be written down.
#[derive(Debug)]
pub struct School {
    mind: ArcSwap<Mind>,
    /// Something was said.
    said: Notify,
    desk: mpsc::Sender<Entry>,
    /// For whoever writes down, who is one.
    entries: Mutex<Option<mpsc::Receiver<Entry>>>,
}

/// Something to be written down, in its order. Nobody waits for that.
#[derive(Debug)]
enum Entry {
    /// A mail that came or went, and what it says of itself.
    Mail(Box<Passed>),
    /// Somebody said what a held mail is.
    Said { held: Box<Held>, opinion: Opinion, by: Releaser },
    /// And did not mean it.
    TakenBack { held: Box<Held>, by: Releaser },
}

/// A mail that was judged.
#[derive(Debug)]
struct Passed {
    id: Id,
    organisations: BTreeSet<Organisation>,
    message_id: String,
    people: Vec<String>,
    sketch: Arc<Sketch>,
    views: Views,
    evidence: Option<(Teacher, Label)>,
}

impl Default for School {
    fn default() -> School {
        let (desk, entries) = mpsc::channel(limits::LESSONS_WAITING_MAX);
        let (mind, said) = (ArcSwap::default(), Notify::new());
        School { mind, said, desk, entries: Mutex::new(Some(entries)) }
    }
}

/// What was learned up to a lesson.
#[derive(Debug, Clone, Default)]
pub struct Mind {
    /// None: nothing was learned yet.
    model: Option<Model>,
    fitted: Option<Fitted>,
    /// The last lesson in it.
    until: u64,
    /// The generation of lessons that it is of.
    generation: u64,
}

/// How far the site has come, for status and pages.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Progress {
    /// Labels learned.
    pub taught: Taught,
    /// What it may do by that.
    pub trust: Trust,
    /// Labels of the rarer kind before it speaks.
    pub speaks_from: u32,
    /// Labels of the rarer kind before it may hold a mail by itself.
    pub holds_from: u32,
    /// How far the chances it gives are from what came true (mean square); none: not known yet.
    pub error: Option<f32>,
    /// The points above which one ham in a thousand lies; none: not known yet.
    pub one_ham_in_a_thousand: Option<f32>,
}

impl Mind {
    /// What it makes of a mail; not asked where nothing was learned.
    pub fn wording(&self, sketch: &Sketch) -> Known<Wording> {
        let (Some(model), Some(weights)) = (&self.model, Weights::in_force()) else {
            return Known::NotAsked;
        };
        let said = model.judge(sketch);
        let (taught, fitted) = (model.taught(), self.fitted.as_ref());
        let trust = weights.trust(taught, fitted);
        let points = weights.bounded(weights.points(said.score, fitted), trust, taught);
        Known::Yes(Wording {
            score: said.score,
            points,
            by: loudest(&said),
            rare_for_ham: fitted
                .is_some_and(|fitted| verdict::wording::is_rare(said.score, fitted)),
            spam: taught.spam,
            ham: taught.ham,
        })
    }

    /// Is it sure of the opposite?
    fn contradicts(&self, sketch: &Sketch, label: Label) -> bool {
        let (Some(model), Some(fitted)) = (&self.model, &self.fitted) else { return false };
        let chance = fitted.chance(model.judge(sketch).score);
        match label {
            Label::Ham => chance > SURE,
            Label::Spam => chance < 1.0 - SURE,
        }
    }

    /// How far it has come.
    pub fn progress(&self) -> Progress {
        let taught = self.model.as_ref().map(Model::taught).unwrap_or_default();
        let fitted = self.fitted.as_ref();
        let weights = Weights::in_force();
        let (speaks_from, holds_from) = weights.map(Weights::steps).unwrap_or_default();
        Progress {
            taught,
            trust: weights.map_or(Trust::Silent, |weights| weights.trust(taught, fitted)),
            speaks_from,
            holds_from,
            error: fitted.map(|fitted| fitted.error),
            one_ham_in_a_thousand: fitted.and_then(|fitted| {
                weights.map(|weights| weights.points(fitted.loses_one_in_a_thousand, Some(fitted)))
            }),
        }
    }

    /// Learns these; gives itself back.
    fn learn(&mut self, lessons: Vec<crate::store::lessons::Taught>) {
        let model = self.model.get_or_insert_with(Model::default);
        for taught in lessons {
            match Sketch::from_bytes(&taught.sketch) {
                Ok(sketch) => model.learn(&sketch, taught.lesson),
                Err(error) => {
                    tracing::warn!(%error, lesson = taught.number, "a lesson is not learned");
                }
            }
            self.until = taught.number;
        }
    }
}

/// Where only the text is known, its windows are half of what the second view sees, and the view of texts says about twice as much; where only
/// the header section is, it says nothing.
fn loudest(said: &Said) -> By {
    if said.mixed.is_sign_positive() != said.score.is_sign_positive() {
        return By::Both;
    }
    match said.body / said.mixed {
        more if more > 1.5 => By::Text,
        less if less < 0.5 => By::Header,
        _ => By::Both,
    }
}

/// A chance from which on something is sure.
const SURE: f32 = 0.95;

impl School {
    /// What was learned so far.
    pub fn mind(&self) -> Arc<Mind> {
        self.mind.load_full()
    }

    /// Something was said, or taken back: the learners look.
    pub fn look_up(&self) {
        self.said.notify_one();
    }
}

/// Learns what is said, for as long as the gateway runs.
pub async fn keep_learning(gateway: Arc<Gateway>) {
    let lessons = &gateway.stores.lessons;
    let folder = lessons.folder().to_path_buf();
    let read = tokio::task::spawn_blocking(move || kept::read(&folder)).await;
    let mut mind = read.ok().flatten().unwrap_or_default();
    if mind.model.is_some() {
        publish(&gateway, &mut mind);
    }
    let mut saved: (u64, u64, Tick) = (mind.until, mind.generation, gateway.clock.tick());
    loop {
        match follow(&gateway, &mut mind).await {
            Ok(true) => publish(&gateway, &mut mind),
            Ok(false) => (),
            Err(error) => tracing::error!(%error, "what was said of mails cannot be read"),
        }
        let now = gateway.clock.tick();
        let is_changed = (mind.until, mind.generation) != (saved.0, saved.1);
        if is_changed && now.since(saved.2) >= limits::MODEL_SAVE_INTERVAL {
            saved = (mind.until, mind.generation, now);
            save(lessons, &mind).await;
        }
        // Nothing is said for long at a time: whoever adds lessons beside the gateway need not know how to wake it.
        let _woken =
            tokio::time::timeout(limits::MODEL_SAVE_INTERVAL, gateway.school.said.notified());
        let _woken = _woken.await;
        tokio::time::sleep(limits::LESSONS_COMMIT_INTERVAL).await;
    }
}

fn publish(gateway: &Gateway, mind: &mut Mind) {
    mind.fitted = mind.model.as_ref().and_then(|model| model.calibration.fit());
    gateway.school.mind.store(Arc::new(mind.clone()));
}

async fn save(lessons: &Lessons, mind: &Mind) {
    let (folder, mind) = (lessons.folder().to_path_buf(), mind.clone());
    let written = tokio::task::spawn_blocking(move || kept::write(&folder, &mind)).await;
    if let Ok(Err(error)) = written {
        tracing::error!(%error, "the learned model could not be written; a start learns it again from the lessons");
    }
}

/// Learns what was said since; true if there was anything.
async fn follow(gateway: &Gateway, mind: &mut Mind) -> Result<bool, StoreError> {
    let lessons = &gateway.stores.lessons;
    let mut has_changed = false;
    loop {
        let (generation, new) = lessons.after(mind.until).await?;
        if generation != mind.generation {
            // Somebody clears up: whoever takes one back takes back more.
            if mind.model.is_some() {
                tokio::time::sleep(limits::RELEARN_AFTER).await;
            }
            let generation = lessons.generation().await?;
            tracing::info!(generation, "what is left of the lessons is learned anew");
            *mind = Mind { generation, ..Mind::default() };
            has_changed = true;
            continue;
        }
        if new.is_empty() {
            return Ok(has_changed);
        }
        has_changed = true;
        let mut taken = std::mem::take(mind);
        let learned = tokio::task::spawn_blocking(move || {
            taken.learn(new);
            taken
        });
        // A learner that stumbled begins anew from the lessons.
        *mind = learned.await.unwrap_or_default();
    }
}

// --- What is said -------------------------------------------------------------------------------------------------

/// Writes down what is said, for as long as the gateway runs.
pub async fn keep_books(gateway: Arc<Gateway>) {
    let entries = gateway.school.entries.lock().ok().and_then(|mut entries| entries.take());
    let Some(mut entries) = entries else { return };
    let mut some = Vec::new();
    while entries.recv_many(&mut some, limits::LESSONS_PER_REQUEST_MAX).await > 0 {
        let mut lessons = Vec::new();
        for entry in some.drain(..) {
            let written = match entry {
                Entry::Mail(passed) => remember(&gateway, *passed, &mut lessons).await,
                Entry::Said { held, opinion, by } => {
                    lesson_of(&gateway, &held, opinion, &by).await.map(|one| lessons.extend(one))
                }
                Entry::TakenBack { held, by } => {
                    // What was said before is there when it is taken back.
                    let kept = keep(&gateway, std::mem::take(&mut lessons)).await;
                    kept.and(take_back(&gateway, &held, &by).await)
                }
            };
            if let Err(error) = written {
                tracing::warn!(%error, "what was said of a mail was not written down");
            }
        }
        if let Err(error) = keep(&gateway, lessons).await {
            tracing::warn!(%error, "what was said of mails was not written down");
        }
    }
}

async fn keep(gateway: &Gateway, lessons: Vec<NewLesson>) -> Result<(), StoreError> {
    if lessons.is_empty() {
        return Ok(());
    }
    gateway.stores.lessons.add(lessons).await?;
    gateway.school.look_up();
    Ok(())
}

async fn remember(
    gateway: &Gateway,
    passed: Passed,
    lessons: &mut Vec<NewLesson>,
) -> Result<(), StoreError> {
    let Passed { id, organisations, message_id, people, sketch, views, evidence } = passed;
    let sketch = sketch.to_bytes();
    for organisation in organisations {
        let sight = Sight {
            organisation: organisation.clone(),
            mail: id.into(),
            message_id: message_id.clone(),
            sketch: sketch.clone(),
            people: people.clone(),
        };
        gateway.stores.lessons.see(sight).await?;
        lessons.extend(evidence.map(|(teacher, label)| NewLesson {
            organisation,
            mail: id.into(),
            teacher,
            by: None,
            label,
            views,
            sketch: sketch.clone(),
            people: People::Named(people.clone()),
            contrary: false,
        }));
    }
    Ok(())
}

impl School {
    /// Hands over what is to be written down; where the disk is slower than the mail it is not.
    fn write_down(&self, entry: Entry) {
        if self.desk.try_send(entry).is_err() {
            metrics::counter!("sluss_lessons_not_written_total").increment(1);
        }
    }
}

/// Remembers a mail, so that somebody may say later what it is, and takes down what it says of itself.
pub(super) fn settled(
    gateway: &Gateway,
    settings: &Settings,
    id: Id,
    came: &Came,
    judged: &Judged,
) {
    let Some(sketch) = judged.sketch.clone() else { return };
    let organisations = match came.direction {
        Direction::Inbound => {
            came.envelope.recipients.iter().map(|one| one.organisation.clone()).collect()
        }
        Direction::Outbound => BTreeSet::from([came.organisation.clone()]),
    };
    gateway.school.write_down(Entry::Mail(Box::new(Passed {
        id,
        organisations,
        message_id: message_id(&judged.header),
        people: people(came, &judged.header),
        sketch,
        views: views(came.direction),
        evidence: evidence(gateway, settings, came, judged),
    })));
}

/// What a mail is without anybody's saying so.
fn evidence(
    gateway: &Gateway,
    settings: &Settings,
    came: &Came,
    judged: &Judged,
) -> Option<(Teacher, Label)> {
    let proved = |category| {
        judged.findings.iter().any(|found| found.category == category && found.demands.is_some())
    };
    let verdicts = || {
        let recipients = came.envelope.recipients.iter();
        recipients.map(|recipient| judged.for_recipient(settings, came, recipient).verdict)
    };
    let is_clean = || verdicts().all(|verdict| verdict.would == Action::Deliver);
    match came.direction {
        Direction::Inbound if proved(Category::Virus) => Some((Teacher::Malware, Label::Spam)),
        Direction::Inbound if proved(Category::Phish) => Some((Teacher::Phish, Label::Spam)),
        Direction::Inbound => {
            let Known::Yes(history) = &judged.facts.history else { return None };
            let is_known = history.authenticated
                && (history.answers_ours || history.written_to_address >= WRITTEN_BEFORE);
            let speaks = is_known && !remember::is_automatic(&judged.header) && is_clean();
            speaks.then_some((Teacher::Correspondent, Label::Ham))
        }
        Direction::Outbound => {
            let is_own = came.sent == Sent::Own
                && !remember::is_automatic(&judged.header)
                && accounts::standing(gateway, settings, came) == accounts::Terms::Free;
            (is_own && is_clean()).then_some((Teacher::Sent, Label::Ham))
        }
    }
}

/// Mails that our people have sent to somebody before what comes from there is taken for wanted.
const WRITTEN_BEFORE: f32 = 2.0;

/// What our own programs wrote teaches nothing about how mail comes.
fn views(direction: Direction) -> Views {
    match direction {
        Direction::Inbound => Views::All,
        Direction::Outbound => Views::Body,
    }
}

/// The Message-ID without its brackets.
pub fn message_id(header: &Header) -> String {
    let value = header.value("Message-ID").unwrap_or_default();
    value.trim().trim_start_matches('<').trim_end_matches('>').to_string()
}

/// Everybody whose mail it is: sender, author, recipients.
fn people(came: &Came, header: &Header) -> Vec<String> {
    let sender = came.envelope.sender.address().map(|sender| sender.key());
    let authors = header.mailboxes("From");
    let authors = authors.iter().filter_map(|one| crate::mail::Address::parse(&one.address).ok());
    let recipients = came.envelope.recipients.iter().map(|one| one.address.key());
    let all: BTreeSet<String> =
        sender.into_iter().chain(authors.map(|one| one.key())).chain(recipients).collect();
    all.into_iter().take(limits::CORRESPONDENTS_PER_MAIL_MAX).collect()
}

/// What somebody said of a held mail is learned from.
pub(super) fn said_of_held(gateway: &Gateway, held: &Held, opinion: Opinion, by: &Releaser) {
    let held = Box::new(held.clone());
    gateway.school.write_down(Entry::Said { held, opinion, by: by.clone() });
}

/// What somebody said of a held mail is not meant any more.
pub(super) fn taken_back(gateway: &Gateway, held: &Held, by: &Releaser) {
    let held = Box::new(held.clone());
    gateway.school.write_down(Entry::TakenBack { held, by: by.clone() });
}

/// None: the gateway acted by itself, or nobody remembers the mail and its content is gone.
async fn lesson_of(
    gateway: &Gateway,
    held: &Held,
    opinion: Opinion,
    by: &Releaser,
) -> Result<Option<NewLesson>, StoreError> {
    let Some((teacher, by)) = teacher(by) else { return Ok(None) };
    let Some(mail) = remembered(gateway, held).await? else { return Ok(None) };
    let label = match opinion {
        Opinion::Ham => Label::Ham,
        Opinion::Spam => Label::Spam,
    };
    let sketch = Sketch::from_bytes(&mail.sketch).unwrap_or_default();
    Ok(Some(NewLesson {
        organisation: held.organisation.clone(),
        mail: mail.mail,
        teacher,
        by,
        label,
        views: views(held.direction),
        contrary: gateway.school.mind().contradicts(&sketch, label),
        sketch: mail.sketch,
        people: People::Hashed(mail.people),
    }))
}

/// What the learners saw of a held mail: as it is remembered, or else looked at again.
async fn remembered(gateway: &Gateway, held: &Held) -> Result<Option<Remembered>, StoreError> {
    let mark = MailMark::from(held.transaction);
    if let Some(mail) = gateway.stores.lessons.seen(&held.organisation, mark).await? {
        return Ok(Some(mail));
    }
    let Some(bytes) = gateway.stores.quarantine.content(held.id).await? else { return Ok(None) };
    let settings = gateway.settings.load_full();
    let looked = tokio::task::spawn_blocking(move || wording::sketch_of(&settings, &bytes)).await;
    let sketch = looked.ok().flatten();
    Ok(sketch.map(|sketch| Remembered {
        mail: mark,
        sketch: sketch.to_bytes(),
        people: Vec::new(),
    }))
}

/// Something that somebody says of a mail, which may have come through here.
#[derive(Debug, Clone)]
pub struct Told {
    /// Whose mail it is.
    pub organisation: Organisation,
    /// Who says so.
    pub teacher: Teacher,
    /// Which person, where it is one.
    pub by: Option<String>,
    /// What it is.
    pub label: Label,
    /// Which mail, if nobody here remembers it.
    pub mail: MailMark,
    /// By this it is found if it came through here; it may be empty.
    pub message_id: String,
    /// Whose mail it is, if nobody here remembers it.
    pub people: Vec<String>,
    /// What the learners see of the mail that was shown.
    pub sketch: Vec<u8>,
}

/// Takes what is said of mails, and says what becomes of each. Durable when this returns.
pub async fn teach(gateway: &Gateway, told: Vec<Told>) -> Result<Vec<Standing>, StoreError> {
    let (lessons, mind) = (&gateway.stores.lessons, gateway.school.mind());
    let mut new = Vec::with_capacity(told.len());
    for one in told {
        // As it came here, before anything was written in front of it.
        let seen = match one.message_id.is_empty() {
            true => None,
            false => lessons.seen_by_message(&one.organisation, &one.message_id).await?,
        };
        let (mail, sketch, people) = match seen {
            Some(seen) => (seen.mail, seen.sketch, People::Hashed(seen.people)),
            None => (one.mail, one.sketch, People::Named(one.people)),
        };
        let looks = Sketch::from_bytes(&sketch).unwrap_or_default();
        new.push(NewLesson {
            organisation: one.organisation,
            mail,
            teacher: one.teacher,
            by: one.by,
            label: one.label,
            views: Views::All,
            contrary: mind.contradicts(&looks, one.label),
            sketch,
            people,
        });
    }
    let standings = lessons.add(new).await?;
    gateway.school.look_up();
    Ok(standings)
}

/// Takes what is said of a mail that came through here, by its transaction or its Message-ID; none if nobody remembers it.
pub async fn label(
    gateway: &Gateway,
    organisation: &Organisation,
    mail: &str,
    label: Label,
    (teacher, by): (Teacher, Option<String>),
) -> Result<Option<Standing>, StoreError> {
    let lessons = &gateway.stores.lessons;
    let mail = mail.trim().trim_start_matches('<').trim_end_matches('>');
    let found = match Id::parse(mail) {
        Ok(id) => lessons.seen(organisation, id.into()).await?,
        Err(_) => lessons.seen_by_message(organisation, mail).await?,
    };
    let Some(found) = found else { return Ok(None) };
    let looks = Sketch::from_bytes(&found.sketch).unwrap_or_default();
    let lesson = NewLesson {
        organisation: organisation.clone(),
        mail: found.mail,
        teacher,
        by,
        label,
        views: Views::All,
        contrary: gateway.school.mind().contradicts(&looks, label),
        sketch: found.sketch,
        people: People::Hashed(found.people),
    };
    let standing = lessons.add(vec![lesson]).await?;
    gateway.school.look_up();
    Ok(standing.into_iter().next())
}

async fn take_back(gateway: &Gateway, held: &Held, by: &Releaser) -> Result<(), StoreError> {
    let Some((teacher, by)) = teacher(by) else { return Ok(()) };
    let (lessons, mail) = (&gateway.stores.lessons, held.transaction.into());
    if lessons.take_back(&held.organisation, mail, teacher, by.as_deref()).await? {
        gateway.school.look_up();
    }
    Ok(())
}

/// Who teaches by what is done in the quarantine; nobody, where the gateway acted by itself.
fn teacher(by: &Releaser) -> Option<(Teacher, Option<String>)> {
    match by {
        Releaser::Command => Some((Teacher::Command, None)),
        Releaser::Staff(name) => Some((Teacher::Staff, Some(name.clone()))),
        Releaser::Owner(address) | Releaser::Reply(address) => {
            Some((Teacher::Reader, Some(address.key())))
        }
        Releaser::Gateway => None,
    }
}

#[cfg(test)]
mod tests;
