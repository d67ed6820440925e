//! The school: what is said of mails goes into the lessons, the learners follow these, and each mail is judged by what was learned last.
//!
//! The lessons are the truth. The model is made from them in their order, off the way that mail takes, and published whole: whoever judges has
//! one that does not change under him. It is written down now and then only to save learning everything again at a start. When something is taken
//! back or forgotten, the rest is learned anew, so that nothing of it is left.

use crate::{
    base::{
        clock::{self, Clock, Tick},
        ids::Id,
        limits,
    },
    checks::Demand,
    config::policy::{Action, Category},
    facts::{Known, wording::Wording},
    learn::classifier::{
        Kind, Label, Model, Sketch, Taught, Views, calibration::Fitted, grams::Grams,
    },
    mail::{Address, Direction, Header, Organisation},
    pipeline::{
        Gateway, accounts, bank_accounts, campaigns,
        judge::{self, Came, Judged},
        limits::network_key,
        remember,
        sending::Sent,
        settings::Settings,
        wording,
    },
    store::{
        StoreError,
        embedded::Lessons,
        held::{Held, Opinion, Releaser},
        lessons::{
            After, Change, Generation, MailMark, NewLesson, People, Remembered, Sight, Standing,
            TakenBack, Teacher,
        },
    },
    verdict::{
        self,
        wording::{Trust, Weights},
    },
};
use arc_swap::ArcSwap;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};
use tokio::sync::{Notify, mpsc};

mod kept;
mod sets;

use sets::Sets;

/// What was learned, and what is to be written down.
#[derive(Debug)]
pub struct School {
    mind: ArcSwap<Mind>,
    /// Something was said.
    said: Notify,
    desk: mpsc::Sender<Entry>,
    /// For whoever writes down, who is one.
    entries: Mutex<Option<mpsc::Receiver<Entry>>>,
    /// Entries that are not written yet.
    unwritten: AtomicUsize,
    /// Something is to be forgotten: that does not wait.
    forget: AtomicBool,
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
    /// The network that brought it, where a stranger did.
    network: Option<String>,
}

impl Default for School {
    fn default() -> School {
        let (desk, entries) = mpsc::channel(limits::LESSONS_WAITING_MAX);
        let (mind, said) = (ArcSwap::default(), Notify::new());
        let entries = Mutex::new(Some(entries));
        let (unwritten, forget) = (AtomicUsize::new(0), AtomicBool::new(false));
        School { mind, said, desk, entries, unwritten, forget }
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
    generation: Generation,
    /// Labels that count of each organisation.
    labels: BTreeMap<Organisation, u32>,
    /// What organisations learned beyond that.
    sets: Arc<Sets>,
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
    /// Organisations with a set of their own.
    pub own_sets: usize,
}

impl Mind {
    /// What it makes of a mail to people of one organisation, or of several where none is named; not asked where nothing was learned.
    pub fn wording(&self, sketch: &Sketch, whose: Option<&Organisation>) -> Known<Wording> {
        let (Some(model), Some(weights)) = (&self.model, Weights::in_force()) else {
            return Known::NotAsked;
        };
        let said = model.judge(sketch);
        let (taught, fitted) = (model.taught(), self.fitted.as_ref());
        let trust = weights.trust(taught, fitted);
        let set = whose.filter(|whose| self.differs(whose));
        let set = set.and_then(|whose| self.sets.get(whose));
        let more = set.as_ref().map_or(0.0, |set| set.own.judge(sketch));
        let fitted = set.as_ref().and_then(|set| set.fitted.as_ref()).or(fitted);
        let score = said.score + more;
        let points = weights.bounded(weights.points(score, fitted), trust, taught);
        Known::Yes(Wording {
            score,
            points,
            own: more,
            places: Vec::new(),
            rare_for_ham: fitted.is_some_and(|fitted| verdict::wording::is_rare(score, fitted)),
            spam: taught.spam,
            ham: taught.ham,
        })
    }

    /// What each place of a mail adds.
    pub fn places(&self, kinds: &[(Kind, Grams)]) -> Vec<(Kind, f32)> {
        self.model.as_ref().map(|model| model.weigh(kinds)).unwrap_or_default()
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
            own_sets: self.owners().count(),
            one_ham_in_a_thousand: fitted.and_then(|fitted| {
                weights.map(|weights| weights.points(fitted.loses_one_in_a_thousand, Some(fitted)))
            }),
        }
    }

    /// Learns these; gives itself back.
    fn learn(&mut self, lessons: Vec<crate::store::lessons::Taught>) {
        let model = self.model.get_or_insert_with(Model::default);
        let mut own: BTreeMap<Organisation, Vec<_>> = BTreeMap::new();
        for taught in lessons {
            let sketch = match Sketch::from_bytes(&taught.sketch) {
                Ok(sketch) => sketch,
                Err(error) => {
                    tracing::warn!(%error, lesson = taught.number, "a lesson is not learned");
                    continue;
                }
            };
            let said = model.learn(&sketch, taught.lesson);
            let labels = self.labels.entry(taught.organisation.clone()).or_default();
            *labels = labels.saturating_add(1);
            if *labels > limits::OWN_SET_FROM {
                let lesson = (taught.number, sketch, taught.lesson, said);
                own.entry(taught.organisation).or_default().push(lesson);
            }
        }
        // Those of who is alone as well: others may come, and then it must be there.
        for (whose, lessons) in own {
            self.sets.learn(&whose, &lessons);
        }
    }

    /// One that knows nothing, of these lessons. Those before it judge until this one is published.
    fn begun_anew(&self, generation: Generation) -> Mind {
        let sets = Arc::new(self.sets.begun_anew(generation));
        Mind { generation, sets, ..Mind::default() }
    }

    /// Organisations that must have a set.
    fn owners(&self) -> impl Iterator<Item = &Organisation> {
        self.labels.keys().filter(|whose| self.differs(whose))
    }

    /// Has it said enough to have a set of its own? Who is alone has nobody to differ from.
    fn differs(&self, whose: &Organisation) -> bool {
        self.labels.len() > 1 && self.labels.get(whose) > Some(&limits::OWN_SET_FROM)
    }

    fn forget_sets(&self) {
        if let Err(error) = self.sets.clear() {
            tracing::error!(%error, "what was learned of organisations alone could not be removed; it is of other lessons, and not believed");
        }
    }
}

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
    let read = move || {
        let mind = kept::read(&folder).unwrap_or_default();
        let sets = Arc::new(Sets::kept_in(&folder, mind.generation));
        let has_all = sets.has_all(mind.owners());
        (Mind { sets, ..mind }, has_all)
    };
    let (mut mind, has_all) = tokio::task::spawn_blocking(read).await.unwrap_or_default();
    // One of other lessons, or from which something was taken back since, is learned again; and so is one to which a set is missing.
    let generation = lessons.generation().await.ok();
    match has_all && generation == Some(mind.generation) && mind.model.is_some() {
        true => publish(&gateway, &mut mind).await,
        false => mind = mind.begun_anew(Generation::default()),
    }
    let mut pace = Pace::default();
    let mut saved = (mind.until, mind.generation, gateway.clock.tick());
    loop {
        mind.sets.keep_at_most(gateway.settings.load().config.limits.own_sets_bytes.0);
        let followed = follow(&gateway, &mut mind, &mut pace).await;
        if followed.changed {
            publish(&gateway, &mut mind).await;
        }
        let now = gateway.clock.tick();
        // What was forgotten must not lie in the file either.
        let is_due = mind.generation != saved.1
            || (mind.until != saved.0 && now.since(saved.2) >= limits::MODEL_SAVE_INTERVAL);
        if is_due && save(lessons, &mind).await {
            saved = (mind.until, mind.generation, now);
        }
        let look_again = match followed.stale {
            true => limits::RELEARN_LOOK_INTERVAL,
            // Whoever adds lessons beside the gateway need not know how to wake it.
            false => limits::MODEL_SAVE_INTERVAL,
        };
        let woken = gateway.school.said.notified();
        // Woken or not: there may be something to learn.
        let _woken = tokio::time::timeout(look_again, woken).await;
        tokio::time::sleep(limits::LESSONS_COMMIT_INTERVAL).await;
    }
}

/// What following the lessons came to.
#[derive(Debug, Clone, Copy)]
struct Followed {
    /// Something was learned or unlearned.
    changed: bool,
    /// Something is still to be unlearned.
    stale: bool,
}

/// When everything was learned anew last, and the time that the processor spent on it: how long a busy machine let it wait says nothing.
#[derive(Debug, Default)]
struct Pace {
    last: Option<(Tick, Duration)>,
}

impl Pace {
    fn may_begin(&self, now: Tick) -> bool {
        self.last.is_none_or(|(ended, spent)| {
            now.since(ended) >= spent.saturating_mul(limits::RELEARN_SHARE)
        })
    }
}

async fn publish(gateway: &Gateway, mind: &mut Mind) {
    let mut own = std::mem::take(mind);
    // Some milliseconds: the model is copied, and what its scores mean is reckoned out.
    let made = tokio::task::spawn_blocking(move || {
        own.fitted = own.model.as_ref().and_then(|model| model.calibration.fit());
        let published = Arc::new(own.clone());
        (own, published)
    });
    if let Ok((own, published)) = made.await {
        *mind = own;
        gateway.school.mind.store(published);
    }
}

/// False: it could not be written.
async fn save(lessons: &Lessons, mind: &Mind) -> bool {
    let (folder, mind) = (lessons.folder().to_path_buf(), mind.clone());
    // The sets first: one that has learned more than the model is right, one that has learned less is not.
    let write = move || {
        mind.sets.save()?;
        kept::write(&folder, &mind)?;
        mind.sets.remove_others()
    };
    let written = tokio::task::spawn_blocking(write).await;
    match written {
        Ok(Ok(())) => true,
        Ok(Err(error)) => {
            tracing::error!(%error, "the learned model could not be written; a start learns it again from the lessons");
            false
        }
        Err(_) => false,
    }
}

/// Learns what was said since, and all of it anew where something was taken back.
async fn follow(gateway: &Gateway, mind: &mut Mind, pace: &mut Pace) -> Followed {
    match learn_new(gateway, mind, pace).await {
        Ok(followed) => followed,
        Err(error) => {
            tracing::error!(%error, "what was said of mails cannot be read");
            Followed { changed: false, stale: true }
        }
    }
}

async fn learn_new(
    gateway: &Gateway,
    mind: &mut Mind,
    pace: &mut Pace,
) -> Result<Followed, StoreError> {
    let lessons = &gateway.stores.lessons;
    let mut changed = false;
    let mut begun = None;
    let mut spent = Duration::ZERO;
    loop {
        let After { generation, until, taught: new } = lessons.after(mind.until).await?;
        let stale = generation != mind.generation;
        let may_begin = || {
            gateway.school.forget.swap(false, Ordering::Relaxed)
                || pace.may_begin(gateway.clock.tick())
        };
        if stale && begun.is_none() && may_begin() {
            if mind.model.is_some() {
                // Whoever takes one back takes back more.
                tokio::time::sleep(limits::RELEARN_AFTER).await;
            }
            let generation = lessons.generation().await?;
            *mind = mind.begun_anew(generation);
            (changed, begun) = (true, Some(gateway.clock.tick()));
            spent = Duration::ZERO;
            continue;
        }
        if until == mind.until {
            if let Some(begun) = begun {
                let now = gateway.clock.tick();
                pace.last = Some((now, spent));
                let (ms, spent_ms) = (clock::millis(now.since(begun)), clock::millis(spent));
                tracing::info!(ms, spent_ms, "what is left of the lessons was learned anew");
            }
            return Ok(Followed { changed, stale });
        }
        changed = true;
        let mut taken = std::mem::take(mind);
        let learned = tokio::task::spawn_blocking(move || {
            let thread = Clock::of_this_thread();
            let before = thread.tick();
            taken.learn(new);
            taken.until = until;
            (taken, thread.tick().since(before))
        });
        let Ok((learned, took)) = learned.await else {
            tracing::error!("the learners stumbled over a lesson; they begin anew");
            mind.sets = gateway.school.mind().sets.clone();
            return Ok(Followed { changed, stale: true });
        };
        *mind = learned;
        spent = spent.saturating_add(took);
    }
}

// --- What is said -------------------------------------------------------------------------------------------------

/// Writes down what is said, for as long as the gateway runs.
pub async fn keep_books(gateway: Arc<Gateway>) {
    let entries = gateway.school.entries.lock().ok().and_then(|mut entries| entries.take());
    let Some(mut entries) = entries else { return };
    let mut some = Vec::new();
    loop {
        let count = entries.recv_many(&mut some, limits::LESSONS_PER_REQUEST_MAX).await;
        if count == 0 {
            return;
        }
        if let Err(error) = write(&gateway, some.drain(..)).await {
            tracing::warn!(%error, "what was said of mails was not written down");
        }
        gateway.school.unwritten.fetch_sub(count, Ordering::Relaxed);
    }
}

/// Resolves when everything that was said is written down.
pub async fn settle(gateway: &Gateway) {
    while gateway.school.unwritten.load(Ordering::Relaxed) > 0 {
        tokio::time::sleep(limits::LESSONS_COMMIT_INTERVAL / 10).await;
    }
}

/// All of it in one commit, in its order.
async fn write(gateway: &Gateway, entries: impl Iterator<Item = Entry>) -> Result<(), StoreError> {
    let mut changes = Vec::new();
    for entry in entries {
        let done = match entry {
            Entry::Mail(passed) => remember(gateway, *passed, &mut changes).await,
            Entry::Said { held, opinion, by } => {
                lesson_of(gateway, &held, opinion, &by).await.map(|one| {
                    changes.extend(one.map(Change::Add));
                })
            }
            Entry::TakenBack { held, by } => take_back(gateway, &held, &by, &mut changes).await,
        };
        if let Err(error) = done {
            tracing::warn!(%error, "what was said of a mail was not written down");
        }
    }
    if changes.is_empty() {
        return Ok(());
    }
    gateway.stores.lessons.change(changes).await?;
    gateway.school.look_up();
    Ok(())
}

async fn remember(
    gateway: &Gateway,
    passed: Passed,
    changes: &mut Vec<Change>,
) -> Result<(), StoreError> {
    let Passed { id, organisations, message_id, people, sketch, views, evidence, network } = passed;
    let sketch = sketch.to_bytes();
    // One mail is one lesson, however many organisations it came to.
    if let (Some((teacher, label)), Some(first)) = (evidence, organisations.first()) {
        changes.push(Change::Add(NewLesson {
            organisation: first.clone(),
            mail: id.into(),
            teacher,
            by: network,
            label,
            views,
            sketch: sketch.clone(),
            people: People::Named(people.clone()),
        }));
    }
    for organisation in organisations {
        let sight = Sight {
            organisation,
            mail: id.into(),
            message_id: message_id.clone(),
            views,
            sketch: sketch.clone(),
            people: people.clone(),
        };
        gateway.stores.lessons.see(sight).await?;
    }
    Ok(())
}

impl School {
    /// Hands over a mail; where the disk is slower than the mail, it cannot be labelled later.
    fn note(&self, passed: Passed) {
        self.unwritten.fetch_add(1, Ordering::Relaxed);
        if self.desk.try_send(Entry::Mail(Box::new(passed))).is_err() {
            self.unwritten.fetch_sub(1, Ordering::Relaxed);
            metrics::counter!("sluss_sights_not_remembered_total").increment(1);
        }
    }

    /// Hands over what somebody said; waits where much is to be written.
    async fn write_down(&self, entry: Entry) {
        self.unwritten.fetch_add(1, Ordering::Relaxed);
        if self.desk.send(entry).await.is_err() {
            self.unwritten.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

/// Something was forgotten: the learners learn what is left at once, and nothing of it lies in a file until then.
pub async fn forgotten(gateway: &Gateway) {
    let folder = gateway.stores.lessons.folder().to_path_buf();
    let removed = tokio::task::spawn_blocking(move || kept::remove(&folder)).await;
    if let Ok(Err(error)) = removed {
        tracing::error!(%error, "the learned model could not be removed; it is written anew soon");
    }
    let mind = gateway.school.mind();
    let _ = tokio::task::spawn_blocking(move || mind.forget_sets()).await;
    gateway.school.forget.store(true, Ordering::Relaxed);
    gateway.school.look_up();
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
    let recipients = &came.envelope.recipients;
    // What is passed on to be learned from is no mail that anybody wrote. A stranger cannot have his mail forgotten by sending it there as well.
    let mut passed_on = recipients.iter().map(|one| settings.marks(&one.address).is_some());
    let is_report = match came.direction {
        Direction::Inbound => passed_on.all(|is| is),
        Direction::Outbound => passed_on.any(|is| is),
    };
    if is_report {
        return;
    }
    let mut organisations: BTreeSet<Organisation> =
        recipients.iter().map(|one| one.organisation.clone()).collect();
    let network = match came.direction {
        Direction::Inbound => {
            let client = judge::origin(settings, came, &judged.header);
            let client = client.map_or(came.peer.address, |client| client.address);
            Some(network_key(client).to_string())
        }
        Direction::Outbound => {
            organisations.insert(came.organisation.clone());
            None
        }
    };
    let evidence = evidence(gateway, settings, came, judged);
    gateway.school.note(Passed {
        id,
        organisations,
        message_id: message_id(&judged.header),
        people: people(came, &judged.header),
        sketch,
        views: views(came.direction),
        network: network.filter(|_| evidence.is_some_and(|(teacher, _)| teacher.is_of_strangers())),
        evidence,
    });
}

/// Was it found, beyond what anything else can offset?
pub(super) fn is_proved(judged: &Judged, category: Category) -> bool {
    // Others demand because something could not be looked into, or not be shown.
    let demands = Some(Demand::Category);
    judged.findings.iter().any(|found| found.category == category && found.demands == demands)
}

/// What a mail is without anybody's saying so.
fn evidence(
    gateway: &Gateway,
    settings: &Settings,
    came: &Came,
    judged: &Judged,
) -> Option<(Teacher, Label)> {
    let proved = |category| is_proved(judged, category);
    let verdicts = || {
        let recipients = came.envelope.recipients.iter();
        recipients.map(|recipient| judged.for_recipient(settings, came, recipient).verdict)
    };
    let is_clean = || verdicts().all(|verdict| verdict.would == Action::Deliver);
    match came.direction {
        Direction::Inbound if proved(Category::Virus) => Some((Teacher::Malware, Label::Spam)),
        Direction::Inbound if proved(Category::Phish) => Some((Teacher::Phish, Label::Spam)),
        Direction::Inbound if is_trapped(settings, came, judged) => {
            Some((Teacher::Trap, Label::Spam))
        }
        Direction::Inbound if is_guessed(settings, came, judged) => {
            Some((Teacher::Guessing, Label::Spam))
        }
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

/// Did a stranger send it to an address that nobody has?
pub(super) fn is_trapped(settings: &Settings, came: &Came, judged: &Judged) -> bool {
    let Known::Yes(sought) = judged.facts.sought else { return false };
    sought.traps > 0 && is_of_stranger(settings, came, judged)
}

/// Did a stranger try which addresses there are, and find this one?
fn is_guessed(settings: &Settings, came: &Came, judged: &Judged) -> bool {
    let Known::Yes(sought) = judged.facts.sought else { return false };
    sought.guesses(limits::GUESSES_MIN) && is_of_stranger(settings, came, judged)
}

/// Neither a notice about a mail, which goes where others said that it came from, nor from one of ours, nor from somebody to whom ours have
/// written. Where the memory of that does not answer it may be.
fn is_of_stranger(settings: &Settings, came: &Came, judged: &Judged) -> bool {
    let is_unknown = match &judged.facts.history {
        Known::Yes(_) | Known::NotAsked => !is_known(judged),
        Known::No(_) => false,
    };
    came.envelope.sender.address().is_some() && settings.client(&came.peer).is_none() && is_unknown
}

/// Have ours written to whoever shows to have sent it? Who has a trap has written to nobody: of a domain that is not everybody's the whole
/// organisation speaks.
fn is_known(judged: &Judged) -> bool {
    let Known::Yes(history) = &judged.facts.history else { return false };
    let correspondent = bank_accounts::correspondent(&judged.header);
    let is_of_house = correspondent.is_some_and(|one| !one.contains('@'));
    judged.facts.is_correspondent()
        || (history.authenticated && is_of_house && history.written_to_domain > 0.0)
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
    let authors = authors.iter().filter_map(|one| Address::parse(&one.address).ok());
    let recipients = came.envelope.recipients.iter().map(|one| one.address.key());
    let all: BTreeSet<String> =
        sender.into_iter().chain(authors.map(|one| one.key())).chain(recipients).collect();
    all.into_iter().collect()
}

/// What somebody said of a held mail is learned from.
pub(super) async fn said_of_held(gateway: &Gateway, held: &Held, opinion: Opinion, by: &Releaser) {
    campaigns::said_of_held(gateway, held, opinion, by).await;
    let held = Box::new(held.clone());
    gateway.school.write_down(Entry::Said { held, opinion, by: by.clone() }).await;
}

/// What somebody said of a held mail is not meant any more.
pub(super) async fn taken_back(gateway: &Gateway, held: &Held, by: &Releaser) {
    campaigns::taken_back(gateway, held, by).await;
    let held = Box::new(held.clone());
    gateway.school.write_down(Entry::TakenBack { held, by: by.clone() }).await;
}

/// None: the gateway acted by itself, or nobody remembers the mail and its content is gone.
async fn lesson_of(
    gateway: &Gateway,
    held: &Held,
    opinion: Opinion,
    by: &Releaser,
) -> Result<Option<NewLesson>, StoreError> {
    let Some((teacher, by)) = teacher(by) else { return Ok(None) };
    let Some(found) = found(gateway, held).await? else { return Ok(None) };
    let label = match opinion {
        Opinion::Ham => Label::Ham,
        Opinion::Spam => Label::Spam,
    };
    Ok(Some(lesson(held.organisation.clone(), found, label, (teacher, by))))
}

/// What the learners saw of a mail.
struct Found {
    mail: MailMark,
    views: Views,
    sketch: Vec<u8>,
    people: People,
}

impl From<Remembered> for Found {
    fn from(one: Remembered) -> Found {
        let Remembered { mail, views, sketch, people } = one;
        Found { mail, views, sketch, people: People::Hashed(people) }
    }
}

/// A held mail as it is remembered, or else looked at again.
async fn found(gateway: &Gateway, held: &Held) -> Result<Option<Found>, StoreError> {
    let mail = MailMark::from(held.transaction);
    if let Some(one) = gateway.stores.lessons.seen(&held.organisation, mail).await? {
        return Ok(Some(one.into()));
    }
    let Some(bytes) = gateway.stores.quarantine.content(held.id).await? else { return Ok(None) };
    let settings = gateway.settings.load_full();
    let looked = tokio::task::spawn_blocking(move || wording::sketch_of(&settings, &bytes)).await;
    let from = Address::parse(&held.from_address).ok().map(|from| from.key());
    let sender = held.sender.address().map(Address::key);
    let people = [Some(held.recipient.key()), from, sender];
    let people: BTreeSet<String> = people.into_iter().flatten().collect();
    Ok(looked.ok().flatten().map(|sketch| Found {
        mail,
        views: views(held.direction),
        sketch: sketch.to_bytes(),
        people: People::Named(people.into_iter().collect()),
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

fn lesson(
    organisation: Organisation,
    found: Found,
    label: Label,
    (teacher, by): (Teacher, Option<String>),
) -> NewLesson {
    let Found { mail, views, sketch, people } = found;
    NewLesson { organisation, mail, teacher, by, label, views, sketch, people }
}

/// The mail that was shown, as it came here before anything was written in front of it. Anybody can write the Message-ID of another mail: what is
/// remembered must be worded like what was shown.
async fn passed_here(
    lessons: &Lessons,
    told: &Told,
) -> Result<Option<(Organisation, Remembered)>, StoreError> {
    let Ok(shown) = Sketch::from_bytes(&told.sketch) else { return Ok(None) };
    // Who names no organisation means all.
    let organisations = match told.organisation == Organisation::implied() {
        true => lessons.organisations().await?,
        false => vec![told.organisation.clone()],
    };
    for organisation in organisations {
        let alike = worded_alike(lessons, &organisation, &told.message_id, &shown).await?;
        if let Some(seen) = alike.into_iter().next() {
            return Ok(Some((organisation, seen)));
        }
    }
    Ok(None)
}

/// Those with this Message-ID that are worded like what was shown.
async fn worded_alike(
    lessons: &Lessons,
    organisation: &Organisation,
    message_id: &str,
    shown: &Sketch,
) -> Result<Vec<Remembered>, StoreError> {
    if message_id.is_empty() {
        return Ok(Vec::new());
    }
    let mut seen = lessons.seen_by_message(organisation, message_id).await?;
    seen.retain(|one| {
        Sketch::from_bytes(&one.sketch).is_ok_and(|sketch| sketch.overlap(shown) >= SAME_FROM)
    });
    Ok(seen)
}

/// What share of two mails' texts is alike if they are one: servers behind us write notes below some.
const SAME_FROM: f32 = 0.5;

/// Takes what is said of mails, and says what becomes of each. Durable when this returns.
pub async fn teach(gateway: &Gateway, told: Vec<Told>) -> Result<Vec<Standing>, StoreError> {
    let lessons = &gateway.stores.lessons;
    let mut new = Vec::with_capacity(told.len());
    for one in told {
        let (organisation, found) = match passed_here(lessons, &one).await? {
            Some((organisation, seen)) => (organisation, seen.into()),
            None => {
                let (mail, sketch) = (one.mail, one.sketch);
                let people = People::Named(one.people);
                (one.organisation, Found { mail, views: Views::All, sketch, people })
            }
        };
        new.push(lesson(organisation, found, one.label, (one.teacher, one.by)));
    }
    let votes: Vec<Vote> = new.iter().map(Vote::of).collect();
    let standings = lessons.add(new).await?;
    for (vote, standing) in votes.into_iter().zip(&standings) {
        vote.cast(gateway, *standing).await;
    }
    gateway.school.look_up();
    Ok(standings)
}

/// A lesson as a word on all copies of its mail.
struct Vote {
    organisation: Organisation,
    mail: MailMark,
    teacher: Teacher,
    /// As whom he is counted.
    by: Option<String>,
    /// As whom he says it.
    said_as: Option<String>,
    label: Label,
}

impl Vote {
    fn of(lesson: &NewLesson) -> Vote {
        Vote {
            organisation: lesson.organisation.clone(),
            mail: lesson.mail,
            teacher: lesson.teacher,
            by: lesson.by.clone(),
            said_as: lesson.by.clone(),
            label: lesson.label,
        }
    }

    /// Whose lesson does not count has no say about copies either. Where two disagree about one mail both are heard: it takes one who wants it.
    async fn cast(self, gateway: &Gateway, standing: Standing) {
        if is_heard(standing) {
            let Vote { organisation, mail, teacher, by, said_as, label } = self;
            let by = (teacher, by.as_deref(), said_as.as_deref());
            campaigns::told(gateway, &organisation, mail, by, label).await;
        }
    }
}

fn is_heard(standing: Standing) -> bool {
    match standing {
        Standing::Counts | Standing::Agreed | Standing::Disputed => true,
        Standing::Overruled | Standing::Enough | Standing::Doubted => false,
    }
}

/// Takes what a recipient says of a mail that came through here, by its transaction or its Message-ID. None: nobody remembers it, or it is none of
/// his, or several have this Message-ID.
pub async fn label(
    gateway: &Gateway,
    organisation: &Organisation,
    mail: &str,
    label: Label,
    recipient: &Address,
) -> Result<Option<Standing>, StoreError> {
    let lessons = &gateway.stores.lessons;
    let mail = mail.trim().trim_start_matches('<').trim_end_matches('>');
    let seen = match Id::parse(mail) {
        Ok(id) => lessons.seen(organisation, id.into()).await?.into_iter().collect(),
        Err(_) => lessons.seen_by_message(organisation, mail).await?,
    };
    let mut his = Vec::new();
    for one in seen {
        if lessons.is_of(organisation, &one, &recipient.key()).await? {
            his.push(one);
        }
    }
    let mut his = his.into_iter();
    let (Some(found), None) = (his.next(), his.next()) else { return Ok(None) };
    said_by(gateway, organisation, found, label, (recipient, None)).await
}

/// A mail that somebody passes on.
#[derive(Debug, Clone, Copy)]
pub(super) struct PassedOn<'a> {
    /// Its Message-ID.
    pub message_id: &'a str,
    /// What the learners see of it.
    pub sketch: &'a Sketch,
    /// The account that AUTH has shown, where one did.
    pub account: Option<&'a str>,
}

/// Takes what a recipient says of a mail that he passes on. None: no such mail came through here, or it is none of his.
pub(super) async fn passed_on(
    gateway: &Gateway,
    organisation: &Organisation,
    mail: PassedOn<'_>,
    label: Label,
    recipient: &Address,
) -> Result<Option<Standing>, StoreError> {
    let lessons = &gateway.stores.lessons;
    let alike = worded_alike(lessons, organisation, mail.message_id, mail.sketch).await?;
    for one in alike {
        if lessons.is_of(organisation, &one, &recipient.key()).await? {
            return said_by(gateway, organisation, one, label, (recipient, mail.account)).await;
        }
    }
    Ok(None)
}

async fn said_by(
    gateway: &Gateway,
    organisation: &Organisation,
    mail: Remembered,
    label: Label,
    (recipient, account): (&Address, Option<&str>),
) -> Result<Option<Standing>, StoreError> {
    let by = (Teacher::Reported, Some(recipient.key()));
    let lesson = lesson(organisation.clone(), mail.into(), label, by);
    let vote = Vote { by: Some(person(recipient, account)), ..Vote::of(&lesson) };
    let standing = gateway.stores.lessons.add(vec![lesson]).await?.into_iter().next();
    if let Some(standing) = standing {
        vote.cast(gateway, standing).await;
    }
    gateway.school.look_up();
    Ok(standing)
}

/// As whom somebody is counted among the recipients who say the same. One account may write as any address of its organisation: it is one person.
fn person(recipient: &Address, account: Option<&str>) -> String {
    match account {
        Some(name) => Address::parse(name).map_or_else(|_| name.to_lowercase(), |one| one.key()),
        None => recipient.key(),
    }
}

/// Takes back what was said of a held mail. What had been said of it before, and stands again, is said again.
async fn take_back(
    gateway: &Gateway,
    held: &Held,
    by: &Releaser,
    changes: &mut Vec<Change>,
) -> Result<(), StoreError> {
    let Some((teacher, name)) = teacher(by) else { return Ok(()) };
    changes.push(Change::TakeBack(TakenBack {
        organisation: held.organisation.clone(),
        mail: held.transaction.into(),
        teacher,
        by: name,
    }));
    if let Some(said) = held.learned.as_ref().filter(|said| said.by == *by) {
        let again = lesson_of(gateway, held, said.opinion, by).await?;
        changes.extend(again.map(Change::Add));
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
