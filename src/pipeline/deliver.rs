//! Emptying the spool: what is due goes out, what fails comes back later or goes to its sender, nothing is forgotten.
//!
//! What is due and may go is `queue`'s business; here is what is done about it.

use crate::{
    base::{clock::millis, ids::Id, limits},
    config::{
        care::Tell,
        policy::{Action, Mode},
    },
    facts::sought::Sought,
    mail::{Address, Direction, Envelope, Organisation, Recipient},
    pipeline::{
        Gateway, accounts, bank_accounts,
        bearing::wait_after,
        blocked,
        courier::{Attempt, Delivery, Job, OnDiffering, Outcome, Route, Said, Towards},
        edit::Outgoing,
        internal,
        judge::{self, Came, Judged, Mended, Unjudged},
        notice::{self, Posted},
        own_lists::OwnWords,
        personal_mail::{self, About},
        portal,
        process::{self, HeldParts, Seen},
        proofs,
        queue::{self, Done, Feedback, Left, QueueFilter, Taken, Task},
        release, remember, same_person, school, sending,
        settings::Settings,
        spooled::{Errand, Leg, Spooled},
    },
    store::{
        held::Held,
        spool::{Content, Durability, SpoolError},
        trace::{BlockedBy, TraceRecipient},
    },
    verdict::{Ground, Verdict},
    wire::{
        report::{
            dsn::{Event, Status},
            personal::{Became, Found},
        },
        smtp::replies,
        tls::{Asks, ByPortal, Channel, PersonalData, Refusal},
    },
};
use std::{
    collections::BTreeSet,
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Duration,
};

/// Hands out work until the queue is closed and all of it has come back.
pub async fn run(gateway: Arc<Gateway>) {
    loop {
        let settings = gateway.settings.load_full();
        while let Some(taken) = gateway.queue.take(gateway.clock.now(), &settings.bearing) {
            tokio::spawn(work(gateway.clone(), taken));
        }
        if gateway.queue.has_ended() {
            return;
        }
        let until = gateway.queue.next_due().map_or(IDLE_MAX, |due| due.since(gateway.clock.now()));
        // Busy destinations and a full house are waited for by the notice that something ended.
        gateway.queue.wait(until.clamp(Duration::from_millis(50), IDLE_MAX)).await;
    }
}

/// The longest sleep: somebody may have set the calendar.
const IDLE_MAX: Duration = Duration::from_secs(5);

/// Carries a mail while its sender waits. What waits in the queue for the same server hears of it when it is back.
pub(super) async fn at_once(gateway: &Gateway, settings: &Settings, job: Job<'_>) -> Delivery {
    let delivery = gateway.courier.deliver(job).await;
    if feedback(&delivery) == Feedback::Fine {
        gateway.queue.reached(job.route, &settings.bearing);
    }
    delivery
}

/// Makes mails due now, lifts holds and ends the rest of their destinations, all of them when none is named; gives how many.
pub async fn retry(gateway: &Gateway, ids: &[Id]) -> usize {
    let now = gateway.clock.now();
    let alter = |mail: &mut Spooled| {
        for leg in &mut mail.legs {
            leg.due = now;
            (leg.on_hold, leg.waits_for) = (false, None);
        }
        gateway.queue.end_rests(mail);
        true
    };
    change(gateway, ids, alter).await.len()
}

/// Holds mails back until they are released; gives how many.
pub async fn hold(gateway: &Gateway, ids: &[Id]) -> usize {
    let alter = |mail: &mut Spooled| {
        mail.legs.iter_mut().for_each(|leg| leg.on_hold = true);
        true
    };
    change(gateway, ids, alter).await.len()
}

/// Holds mails back until this account is let go; gives which.
pub(super) async fn hold_for(gateway: &Gateway, ids: &[Id], account: &str) -> Vec<Id> {
    if ids.is_empty() {
        return Vec::new();
    }
    let alter = |mail: &mut Spooled| {
        for leg in mail.legs.iter_mut().filter(|leg| !leg.on_hold) {
            (leg.on_hold, leg.waits_for) = (true, Some(account.to_string()));
        }
        true
    };
    change(gateway, ids, alter).await
}

/// Lets everything go that waits for this account; gives how many mails.
pub(super) async fn let_go(gateway: &Gateway, account: &str) -> usize {
    let now = gateway.clock.now();
    let alter = |mail: &mut Spooled| {
        let mut some = false;
        for leg in &mut mail.legs {
            if leg.waits_for.as_deref() == Some(account) {
                (leg.on_hold, leg.waits_for, leg.due) = (false, None, now);
                some = true;
            }
        }
        some
    };
    let on_hold = QueueFilter { on_hold: true, ..QueueFilter::default() };
    let mut count = 0;
    for ids in gateway.queue.matching(&on_hold).chunks(limits::QUEUE_LOOK_STEP) {
        count += change(gateway, ids, alter).await.len();
    }
    count
}

/// Changes mails that nobody works on; gives which were changed. What was changed is written down before anybody goes on with it: an operator's word outlives
/// a restart.
async fn change(gateway: &Gateway, ids: &[Id], alter: impl Fn(&mut Spooled) -> bool) -> Vec<Id> {
    let mut changed = Vec::new();
    for id in gateway.queue.begin_change(ids) {
        let _pen = gateway.queue.pen(id).await;
        match record(gateway, id).await {
            Ok(mut mail) => match alter(&mut mail) {
                true => {
                    write_down(gateway, &mail).await;
                    gateway.queue.changed(&mail);
                    changed.push(id);
                }
                false => gateway.queue.unchanged(id),
            },
            Err(error) => {
                tracing::error!(%id, error, "the record of a spooled mail could not be read");
                gateway.queue.unchanged(id);
            }
        }
    }
    changed
}

/// The record of a mail in the spool, as it stands now.
pub async fn record(gateway: &Gateway, id: Id) -> Result<Spooled, String> {
    let meta = gateway.stores.spool.meta(id).await.map_err(|error| error.to_string())?;
    Spooled::from_meta(&meta).map_err(|error| error.to_string())
}

async fn write_down(gateway: &Gateway, mail: &Spooled) {
    let written = gateway.stores.spool.update(mail.id, mail.to_meta(), Durability::Written).await;
    if let Err(error) = written {
        tracing::error!(id = %mail.id, %error, "the state of a spooled mail could not be written");
    }
}

/// Removes a mail from queue and spool for good, on an operator's word. False if it is not there or under way.
pub async fn drop_mail(gateway: &Gateway, id: Id) -> bool {
    let dropped = record(gateway, id).await;
    if !gateway.queue.forget(id) {
        return false;
    }
    match dropped {
        Ok(mail) => record_dropped(gateway, &mail),
        Err(error) => tracing::warn!(%id, error, "for whom a dropped mail was is not known"),
    }
    if let Err(error) = gateway.stores.spool.remove(id).await {
        tracing::error!(%id, %error, "a dropped mail could not be removed from the spool");
    }
    true
}

/// The trace says of everybody who still waited for it that it will not come.
fn record_dropped(gateway: &Gateway, mail: &Spooled) {
    let now = gateway.clock.now();
    for recipient in mail.legs.iter().flat_map(|leg| &leg.recipients) {
        let row = TraceRecipient {
            recipient: recipient.address.to_string(),
            at: now,
            status: "dropped".to_string(),
            next_hop: "spool".to_string(),
            said: "an operator removed it from the queue".to_string(),
            delay_ms: millis(now.since(mail.arrived)),
            would: String::new(),
            action: String::new(),
            tls: String::new(),
            channel: None,
            blocked_by: None,
        };
        record_recipient(gateway, mail, &recipient.organisation, row);
    }
}

async fn work(gateway: Arc<Gateway>, taken: Taken) {
    let Taken { id, leg, destination, task } = taken;
    let read = gateway.stores.spool.read(id).await.map_err(Unread::from);
    let read = read.and_then(|(meta, content)| Ok((Spooled::from_meta(&meta)?, content)));
    let (began_with, (worked, feedback)) = match read {
        Ok((spooled, content)) => {
            let worked = one_leg(&gateway, &spooled, leg, &task, &content).await;
            (Some(spooled), worked)
        }
        Err(unread) => {
            let outcome = match unread.for_good {
                true => "a spooled mail could not be read; it is put on hold",
                false => "a spooled mail could not be read; it is tried again later",
            };
            tracing::error!(%id, error = unread.why, "{outcome}");
            (None, (Worked::Unread(unread), Feedback::NotAsked))
        }
    };
    let now = gateway.clock.now();
    let done = Done { id, leg, destination: &destination, task: &task, feedback, now };
    settle(&gateway, began_with, worked, done).await;
}

/// What came of working on a leg.
enum Worked {
    /// The leg as it is now, and legs that grew out of it.
    Leg {
        leg: Box<Leg>,
        grown: Vec<Leg>,
        /// What was found in it, where it was looked at just now.
        found: Option<Vec<Found>>,
    },
    /// Its mail could not be read.
    Unread(Unread),
}

/// Why a mail could not be read.
struct Unread {
    why: String,
    /// Somebody must look before it is tried again. Too many open files, a disk that stumbles: that passes.
    for_good: bool,
}

impl From<SpoolError> for Unread {
    fn from(error: SpoolError) -> Unread {
        let for_good = matches!(error, SpoolError::Damaged { .. } | SpoolError::NotThere(_));
        Unread { why: error.to_string(), for_good }
    }
}

impl From<serde_json::Error> for Unread {
    fn from(error: serde_json::Error) -> Unread {
        Unread { why: error.to_string(), for_good: true }
    }
}

/// Writes down what came of a leg, in the record as it stands by now.
///
/// Other legs of the mail are worked on at the same time and write it too. Of a mail with one leg nobody else does while that is
/// under way, so that the record it began with still stands: the sooner a delivered mail is settled, the fewer a kill doubles.
async fn settle(gateway: &Gateway, began_with: Option<Spooled>, worked: Worked, done: Done<'_>) {
    let (id, at) = (done.id, done.leg);
    let bearing = &gateway.settings.load().bearing;
    let _pen = gateway.queue.pen(id).await;
    let standing = match began_with {
        Some(mail) if mail.legs.len() == 1 => Ok(mail),
        Some(_) | None => record(gateway, id).await,
    };
    let mut mail = match standing {
        Ok(mail) => mail,
        Err(error) => {
            tracing::error!(%id, error, "the record of a spooled mail could not be read; it is tried again later");
            gateway.queue.finish(done, Left::Unreadable, bearing);
            return;
        }
    };
    match (worked, mail.legs.get_mut(at)) {
        (Worked::Leg { leg, grown, found }, Some(place)) => {
            *place = *leg;
            mail.legs.extend(grown);
            mail.personal = found.unwrap_or(mail.personal);
        }
        (Worked::Unread(unread), Some(leg)) => {
            let first = gateway.settings.load().config.limits.retry_first.0;
            leg.tries = leg.tries.saturating_add(1);
            leg.due = done.now.plus(wait_after(leg.tries, first));
            leg.on_hold = unread.for_good;
            leg.last = unread.why;
        }
        (Worked::Leg { .. } | Worked::Unread(_), None) => (),
    }
    if mail.is_done() {
        if let Err(error) = gateway.stores.spool.remove(id).await {
            tracing::error!(%id, %error, "a finished mail could not be removed from the spool");
        }
        gateway.queue.finish(done, Left::Nothing, bearing);
    } else {
        write_down(gateway, &mail).await;
        gateway.queue.finish(done, Left::Mail(&mail), bearing);
    }
}

/// How a destination did.
fn feedback(delivery: &Delivery) -> Feedback {
    match &delivery.attempt {
        Attempt::Away(why) => Feedback::Down(why.clone()),
        // Others' mail, and mail that asks for less, is not kept from trying.
        Attempt::Unproven(_) => Feedback::NotAsked,
        Attempt::NotNow(_) | Attempt::Silent(_) => Feedback::Strained,
        Attempt::Finished(outcomes) | Attempt::Differ(outcomes) => {
            // RFC 5321 section 3.8: 421 is about the server, whatever it answers.
            let closing = outcomes.iter().map(Outcome::said).find(|said| said.code == 421);
            closing.map_or(Feedback::Fine, |said| Feedback::Down(said.line.clone()))
        }
    }
}

/// Works on one leg; gives the leg as it is afterwards, and how the destination did.
async fn one_leg(
    gateway: &Arc<Gateway>,
    spooled: &Spooled,
    at: usize,
    task: &Task,
    content: &Content,
) -> (Worked, Feedback) {
    let Some(mut leg) = spooled.legs.get(at).cloned() else {
        let why = "its record has no such leg".to_string();
        return (Worked::Unread(Unread { why, for_good: true }), Feedback::NotAsked);
    };
    let settings = gateway.settings.load_full();
    let (route, edits, sender, asks) = match &leg.errand {
        Errand::Deliver { route, edits, sender, asks } => {
            let sender = sender.as_ref().unwrap_or(&spooled.envelope.sender).clone();
            (route.clone(), edits.clone(), sender, *asks)
        }
        Errand::Judge => {
            let mut judged = spooled.clone();
            judge_again(gateway, &settings, &mut judged, at, content).await;
            let grown = judged.legs.split_off(spooled.legs.len());
            let leg = judged.legs.get(at).cloned().unwrap_or(leg);
            let found = Some(judged.personal);
            return (Worked::Leg { leg: Box::new(leg), grown, found }, Feedback::NotAsked);
        }
    };
    let mut grown = on_the_way_of_now(&settings, &mut leg);
    if leg.recipients.is_empty() {
        return (Worked::Leg { leg: Box::new(leg), grown, found: None }, Feedback::NotAsked);
    }
    let (delivery, feedback) = match task {
        Task::Try => {
            if leg.tries == 0 && spooled.listener == release::LISTENER {
                release::is_on_its_way(gateway, spooled.id).await;
            }
            leg.tries = leg.tries.saturating_add(1);
            let recipients = leg.recipients.clone();
            let envelope = Envelope { recipients, sender, ..spooled.envelope.clone() };
            let message = Outgoing::new(content.clone(), edits);
            let delivery = match route.towards {
                Towards::Portal if !portal::can_take(&settings, spooled) => unproven(),
                Towards::Portal => {
                    let recipients = &envelope.recipients;
                    let held = |one: &Recipient| into_portal(gateway, spooled, one, asks, content);
                    portal::take(gateway, &settings, spooled, recipients, content, held).await
                }
                Towards::Own | Towards::OwnToldOfClient | Towards::World | Towards::Smarthost => {
                    carry(gateway, spooled, (&route, asks), &envelope, &message, content).await
                }
            };
            let feedback = feedback(&delivery);
            (delivery, feedback)
        }
        Task::Tell(why) => (not_tried(why), Feedback::NotAsked),
    };
    let after = After {
        gateway,
        settings: &settings,
        spooled,
        content,
        place: route.to_string(),
        towards: route.towards,
        asks,
        retry_first: settings.bearing.load(&route).retry_first,
    };
    if let Attempt::Unproven(refusal) = &delivery.attempt
        && asks.portal != ByPortal::No
        && route.towards != Towards::Portal
        && portal::can_take(&settings, spooled)
        && will_stay_so(gateway, &settings, &mut leg, refusal)
    {
        grown.push(by_the_portal(gateway, &mut leg));
    }
    let leg = after.delivery(leg, &delivery).await;
    (Worked::Leg { leg: Box::new(leg), grown, found: None }, feedback)
}

/// Takes those out of a leg whose way to the world is another one since it was made: a partner's mail goes to the partner itself, and no longer
/// so when it is let go; a smarthost may be another one.
fn on_the_way_of_now(settings: &Settings, leg: &mut Leg) -> Vec<Leg> {
    let Errand::Deliver { route, edits, sender, asks } = &leg.errand else { return Vec::new() };
    if !matches!(route.towards, Towards::World | Towards::Smarthost) {
        return Vec::new();
    }
    let mut grown = Vec::new();
    let (mut stay, mut go) = (Vec::new(), Vec::new());
    for one in std::mem::take(&mut leg.recipients) {
        let way = settings.way_to(&one.address, &one.organisation);
        // What was made ready for the world stays so: one of our own servers would not know it for what it is.
        match way.own || way.route == *route {
            true => stay.push(one),
            false => go.push((one, way.route)),
        }
    }
    leg.recipients = stay;
    for (one, route) in go {
        let (edits, sender, asks) = (edits.clone(), sender.clone(), *asks);
        let errand = Errand::Deliver { route, edits, sender, asks };
        Leg::gather(&mut grown, errand, one, leg.due);
    }
    grown
}

/// There is no way into the portal any more: it is as if nobody vouched for a server.
fn unproven() -> Delivery {
    Delivery { attempt: Attempt::Unproven(Refusal::NotProven), ..not_tried("") }
}

/// Is it no use to wait for a better channel? What a server does not offer it will hardly offer soon; a certificate, a key and DNS may be mended in the
/// time that such mail waits.
fn will_stay_so(gateway: &Gateway, settings: &Settings, leg: &mut Leg, refusal: &Refusal) -> bool {
    let now = gateway.clock.now();
    let since = *leg.unproven_since.get_or_insert(now);
    match refusal {
        Refusal::NotProven | Refusal::NotOffered => true,
        Refusal::Refused(_)
        | Refusal::Broken(_)
        | Refusal::TooOld
        | Refusal::Certificate(_)
        | Refusal::OtherName
        | Refusal::HostNotAgreed(_)
        | Refusal::HostNotNamed(_)
        | Refusal::OtherKey
        | Refusal::NoTlsaFits
        | Refusal::Bogus(_)
        | Refusal::NoAnswer(_)
        | Refusal::NoRequireTls
        | Refusal::NotVerified => now.since(since) >= settings.bearing.unproven_hold_after,
    }
}

/// No channel is good enough, and there is a portal: all of a leg goes there.
fn by_the_portal(gateway: &Gateway, leg: &mut Leg) -> Leg {
    let errand = match &leg.errand {
        Errand::Deliver { edits, sender, asks, .. } => Errand::Deliver {
            route: Route::to_portal(),
            edits: edits.clone(),
            sender: sender.clone(),
            asks: *asks,
        },
        Errand::Judge => Errand::Judge,
    };
    let recipients = std::mem::take(&mut leg.recipients);
    Leg { recipients, ..Leg::empty(errand, gateway.clock.now()) }
}

/// The row under which a mail is sealed for the portal.
fn into_portal(
    gateway: &Gateway,
    spooled: &Spooled,
    recipient: &Recipient,
    asks: Asks,
    content: &Content,
) -> Held {
    let row = row_of(gateway, spooled, (recipient, IN_PORTAL, ""), asks, content);
    Held { transaction: spooled.came_as(), ..row }
}

async fn carry(
    gateway: &Gateway,
    spooled: &Spooled,
    (route, asks): (&Route, Asks),
    envelope: &Envelope,
    message: &Outgoing,
    content: &Content,
) -> Delivery {
    if route.is_internal() {
        return internal::deliver(gateway, spooled, &envelope.recipients, content).await;
    }
    // What we wrote or let go ourselves came from nobody: a server told of 127.0.0.1 might trust it like its own.
    let ours = [notice::LISTENER, release::LISTENER].contains(&spooled.listener.as_str());
    let job = Job {
        route,
        whose: &spooled.organisation,
        asks,
        envelope,
        message,
        peer: (!ours).then_some(&spooled.peer),
        deadline: None,
        on_differing: OnDiffering::SendAnyway,
    };
    gateway.courier.deliver(job).await
}

/// Its destination takes nothing just now: that is known without asking again.
fn not_tried(why: &str) -> Delivery {
    Delivery {
        attempt: Attempt::Away(why.to_string()),
        server: String::new(),
        channel: None,
        dsn_handed_on: false,
    }
}

/// Everything needed to settle what a delivery gave.
struct After<'a> {
    gateway: &'a Arc<Gateway>,
    settings: &'a Arc<Settings>,
    spooled: &'a Spooled,
    content: &'a Content,
    /// Where it was to go, where no server was reached.
    place: String,
    /// Whose servers those are.
    towards: Towards,
    /// What it asks of its channel.
    asks: Asks,
    /// First wait after a failed try.
    retry_first: Duration,
}

impl After<'_> {
    async fn delivery(&self, mut leg: Leg, delivery: &Delivery) -> Leg {
        let answers = answers(&leg, delivery);
        let now = self.gateway.clock.now();
        let age = now.since(self.spooled.arrived);
        let expired = age >= self.settings.bearing.lifetime;
        let mut waiting = Vec::new();
        let mut statuses = Vec::new();
        let mut late = Vec::new();
        let (mut taken, mut refused) = (0_u32, 0_u32);
        let unproven = matches!(delivery.attempt, Attempt::Unproven(_));
        // A server that nobody vouches for today will hardly be vouched for tomorrow, and somebody waits for word.
        let mut long_unproven = || {
            let since = *leg.unproven_since.get_or_insert(now);
            now.since(since) >= self.settings.bearing.unproven_hold_after
        };
        let (gives_up, expired) = match delivery.attempt {
            Attempt::Unproven(Refusal::NotProven) => (long_unproven(), expired),
            Attempt::Unproven(Refusal::NotVerified) => (false, expired || long_unproven()),
            Attempt::Unproven(_)
            | Attempt::Away(_)
            | Attempt::NotNow(_)
            | Attempt::Silent(_)
            | Attempt::Differ(_)
            | Attempt::Finished(_) => (false, expired),
        };
        let mut held = Vec::new();
        let mut proven = Vec::new();
        for (recipient, answer) in leg.recipients.drain(..).zip(answers) {
            match answer {
                Outcome::Accepted(said) => {
                    taken = taken.saturating_add(1);
                    self.note(&recipient, "delivered", delivery, &said);
                    proven.push((recipient.clone(), said.clone()));
                    if recipient.notify.success && !delivery.dsn_handed_on {
                        statuses.push(status(recipient, Event::Relayed, "2.0.0", &said, delivery));
                    }
                }
                Outcome::Refused(said) => {
                    refused = refused.saturating_add(1);
                    self.note(&recipient, "bounced", delivery, &said);
                    let code = said.enhanced.clone().unwrap_or_else(|| "5.0.0".to_string());
                    statuses.push(status(recipient, Event::Failed, &code, &said, delivery));
                }
                Outcome::Later(said) if gives_up => held.push((recipient, said)),
                Outcome::Later(said) if expired => {
                    self.note(&recipient, "bounced", delivery, &said);
                    let code = status_of_expired(&delivery.attempt);
                    statuses.push(status(recipient, Event::Failed, code, &said, delivery));
                }
                Outcome::Later(said) => {
                    let what = if unproven { "unproven" } else { "deferred" };
                    self.note(&recipient, what, delivery, &said);
                    if recipient.notify.delay {
                        let code = said.enhanced.clone().unwrap_or_else(|| "4.4.1".to_string());
                        let whom = recipient.clone();
                        late.push(status(whom, Event::Delayed, &code, &said, delivery));
                    }
                    leg.last = said.line;
                    waiting.push(recipient);
                }
            }
        }
        // What went into the portal went nowhere yet; the audit log has it.
        if self.towards != Towards::Portal {
            let how = (delivery, self.towards, self.asks.personal_data);
            proofs::delivered(self.gateway, (self.spooled, self.content), &proven, how).await;
        }
        self.tell_of_sent(proven.iter().map(|(one, _)| &one.address).collect()).await;
        accounts::answered(self.gateway, self.settings, self.spooled, (taken, refused)).await;
        waiting.extend(self.give_back(statuses).await);
        waiting.extend(self.hold_unproven(held, delivery).await);
        leg.recipients = waiting;
        let is_late = self.settings.bearing.delay_after.is_some_and(|after| age >= after);
        if is_late && queue::wants_word_of_delay(self.spooled, &leg) && !late.is_empty() {
            leg.told_of_delay = self.send_notice(&late).await;
        }
        let due = now.plus(wait_after(leg.tries, self.retry_first));
        // Word of a delay, and the end, come in time even where the wait is long.
        let word = queue::next_word(self.spooled, &leg, &self.settings.bearing);
        leg.due = word.filter(|at| *at > now).map_or(due, |at| at.min(due));
        leg
    }

    fn note(&self, recipient: &Recipient, what: &str, delivery: &Delivery, said: &Said) {
        let now = self.gateway.clock.now();
        let row = TraceRecipient {
            recipient: recipient.address.to_string(),
            at: now,
            status: what.to_string(),
            next_hop: if delivery.server.is_empty() {
                self.place.clone()
            } else {
                delivery.server.clone()
            },
            said: said.line.clone(),
            delay_ms: millis(now.since(self.spooled.arrived)),
            would: String::new(),
            action: String::new(),
            tls: delivery
                .channel
                .as_ref()
                .and_then(Channel::tls)
                .map(process::tls_words)
                .unwrap_or_default(),
            channel: delivery.channel.clone(),
            blocked_by: None,
        };
        metrics::counter!("sluss_deliveries_total", "status" => what.to_string()).increment(1);
        record_recipient(self.gateway, self.spooled, &recipient.organisation, row);
    }

    /// Tells the sender, or holds the mail; those for whom neither could be made safe stay in the spool.
    async fn give_back(&self, statuses: Vec<Status>) -> Vec<Recipient> {
        let (failed, others): (Vec<Status>, Vec<Status>) =
            statuses.into_iter().partition(|status| status.event == Event::Failed);
        let mut kept = Vec::new();
        if !others.is_empty() && !self.send_notice(&others).await {
            // A lost "relayed" notice loses no mail, and the mail itself has gone.
            tracing::warn!(id = %self.spooled.id, "a notice of relaying could not be spooled");
        }
        if failed.is_empty() {
            return kept;
        }
        let done = match self.spooled.direction {
            // Until SPF and DKIM say who sent it, a notice to the sender of inbound mail would be backscatter.
            Direction::Inbound => self.hold_undeliverable(&failed).await,
            Direction::Outbound => {
                let wanted: Vec<Status> = failed
                    .iter()
                    .filter(|status| status.recipient.notify.failure)
                    .cloned()
                    .collect();
                wanted.is_empty() || self.send_notice(&wanted).await
            }
        };
        if !done {
            kept.extend(failed.into_iter().map(|status| status.recipient));
        }
        kept
    }

    /// Tells the sender; true when that is done, or nobody wants to know.
    async fn send_notice(&self, statuses: &[Status]) -> bool {
        let sent =
            notice::report(self.gateway, self.settings, self.spooled, self.content, statuses).await;
        match sent {
            Posted::Spooled(_) | Posted::NobodyToTell => true,
            Posted::TooMany | Posted::NotSpooled => false,
        }
    }

    /// What came in and cannot be delivered waits in the quarantine for somebody to look.
    async fn hold_undeliverable(&self, failed: &[Status]) -> bool {
        let held = failed.iter().map(|status| {
            let said = status.diagnostic.clone().unwrap_or_default();
            self.held(&status.recipient, UNDELIVERABLE, &said)
        });
        self.hold(held.collect()).await
    }

    /// What may leave over a proven channel only, and finds none, waits in the quarantine for somebody to decide. Its sender hears of it, and
    /// who answers for personal data. Those for whom it could not be held stay in the spool.
    async fn hold_unproven(
        &self,
        recipients: Vec<(Recipient, Said)>,
        delivery: &Delivery,
    ) -> Vec<Recipient> {
        if recipients.is_empty() {
            return Vec::new();
        }
        let rows: Vec<Held> = recipients
            .iter()
            .map(|(recipient, said)| self.held(recipient, UNPROVEN, &said.line))
            .collect();
        let first = rows.first().map(|row| (row.id, row.expires));
        if !self.hold(rows).await {
            return recipients.into_iter().map(|(recipient, _)| recipient).collect();
        }
        for (recipient, said) in &recipients {
            self.note(recipient, "held", delivery, said);
        }
        metrics::counter!("sluss_unproven_held_total").increment(1);
        let to: Vec<&Address> = recipients.iter().map(|(one, _)| &one.address).collect();
        let about = About {
            id: self.spooled.id,
            organisation: &self.spooled.organisation,
            sender: self.spooled.envelope.sender.address(),
            to: &to,
            became: Became::Unproven,
            found: &self.spooled.personal,
            held: first,
        };
        personal_mail::tell(self.gateway, self.settings, about).await;
        Vec::new()
    }

    /// Its sender hears that there was personal data in it, where the policy says that he always does.
    async fn tell_of_sent(&self, to: Vec<&Address>) {
        let policy = self.settings.outbound_policy(&self.spooled.organisation);
        let said = policy.personal_data;
        let tells = said.tell == Tell::Always
            && !said.simulate
            && policy.mode() == Mode::Protect
            && self.asks.personal_data == PersonalData::Found
            && matches!(self.towards, Towards::World | Towards::Smarthost);
        if !tells || to.is_empty() || self.spooled.personal.is_empty() {
            return;
        }
        let about = About {
            id: self.spooled.id,
            organisation: &self.spooled.organisation,
            sender: self.spooled.envelope.sender.address(),
            to: &to,
            became: Became::Sent,
            found: &self.spooled.personal,
            held: None,
        };
        personal_mail::tell(self.gateway, self.settings, about).await;
    }

    async fn hold(&self, rows: Vec<Held>) -> bool {
        match self.gateway.stores.quarantine.hold(rows, self.content).await {
            Ok(_) => true,
            Err(error) => {
                tracing::error!(id = %self.spooled.id, %error, "a mail that cannot leave could not be held; it stays in the spool");
                false
            }
        }
    }

    /// The row of a mail that was on its way, and is held.
    fn held(&self, recipient: &Recipient, why: Why, said: &str) -> Held {
        row_of(self.gateway, self.spooled, (recipient, why, said), self.asks, self.content)
    }
}

/// The row of a mail that was on its way, and is kept.
fn row_of(
    gateway: &Gateway,
    spooled: &Spooled,
    (recipient, why, said): (&Recipient, Why, &str),
    asks: Asks,
    content: &Content,
) -> Held {
    let verdict = Verdict {
        action: Action::Quarantine,
        would: Action::Quarantine,
        mode: Mode::Protect,
        score: 0.0,
        told: 0.0,
        categories: Vec::new(),
        reason: why.reason.to_string(),
        decided_by: why.id.to_string(),
        ground: Ground::Nothing,
        by_rules: Vec::new(),
        road: Default::default(),
    };
    process::make_held(
        gateway,
        HeldParts {
            transaction: gateway.new_id(),
            organisation: &recipient.organisation,
            came: &came(spooled),
            recipient,
            verdict: &verdict,
            why: why.id.to_string(),
            in_digest: false,
            policy: String::new(),
            facts: None,
            seen: Seen {
                subject: spooled.subject.clone(),
                from: spooled.from.clone(),
                ..Seen::default()
            },
            bytes: content.size_bytes(),
            findings: serde_json::json!([{ "id": why.id, "because": said }]),
            asks,
        },
    )
}

/// Why a mail that was on its way is held.
#[derive(Clone, Copy)]
pub(super) struct Why {
    pub(super) id: &'static str,
    reason: &'static str,
}

const UNDELIVERABLE: Why =
    Why { id: "undeliverable", reason: "The mail server behind us did not take this mail" };

pub(super) const IN_PORTAL: Why =
    Why { id: "personal.portal", reason: "This mail waits in the portal for its recipient" };

pub(super) const UNPROVEN: Why = Why {
    id: "transport.unproven",
    reason: "This mail may leave over a proven channel only, and nobody vouches for the server it goes to",
};

fn status(
    recipient: Recipient,
    event: Event,
    code: &str,
    said: &Said,
    delivery: &Delivery,
) -> Status {
    Status {
        recipient,
        event,
        status: code.to_string(),
        diagnostic: (!said.line.is_empty()).then(|| said.line.clone()),
        remote: remote_name(&delivery.server),
    }
}

/// The status of a mail that has waited for too long: for time alone (RFC 3463 section 3.5), or for a proof that never came.
fn status_of_expired(attempt: &Attempt) -> &'static str {
    match attempt {
        Attempt::Unproven(refusal) => refusal.final_status(),
        Attempt::Away(_)
        | Attempt::NotNow(_)
        | Attempt::Silent(_)
        | Attempt::Differ(_)
        | Attempt::Finished(_) => "4.4.7",
    }
}

/// A server as a notice names it, RFC 3464 section 2.3.5: its name, or its address in brackets; none for a folder.
fn remote_name(server: &str) -> Option<String> {
    if let Some((name, _)) = server.split_once(" [") {
        return Some(name.to_string());
    }
    Some(match server.parse::<SocketAddr>().ok()?.ip() {
        IpAddr::V4(address) => format!("[{address}]"),
        IpAddr::V6(address) => format!("[IPv6:{address}]"),
    })
}

/// Each recipient's answer, whatever the shape of the attempt.
fn answers(leg: &Leg, delivery: &Delivery) -> Vec<Outcome> {
    let later = |why: &str| vec![Outcome::Later(process::said_by_us(why)); leg.recipients.len()];
    match &delivery.attempt {
        Attempt::Finished(outcomes) | Attempt::Differ(outcomes) => {
            let missing = leg.recipients.len().saturating_sub(outcomes.len());
            let filler =
                vec![Outcome::Later(process::said_by_us("no answer for this recipient")); missing];
            outcomes.iter().cloned().chain(filler).collect()
        }
        Attempt::Away(why) | Attempt::NotNow(why) | Attempt::Silent(why) => later(why),
        Attempt::Unproven(refusal) => {
            let enhanced = Some(refusal.status().to_string());
            let said = Said { enhanced, ..process::said_by_us(&refusal.to_string()) };
            vec![Outcome::Later(said); leg.recipients.len()]
        }
    }
}

/// How a mail in the spool came, but for its recipients.
pub(super) fn came(spooled: &Spooled) -> Came {
    Came {
        direction: spooled.direction,
        peer: spooled.peer.clone(),
        envelope: spooled.envelope.clone(),
        at: spooled.arrived,
        mended: Mended::No,
        organisation: spooled.organisation.clone(),
        sent: spooled.sent,
        via: spooled.via,
        sought: Sought::default(),
    }
}

/// Looks again at recipients whose verdict was "not yet". After [`limits::REJUDGE_MAX`] times they are held.
/// One walk over the recipients, each of whom may be held, sent on or asked about once more: apart, the three would hand the same ten values
/// round.
async fn judge_again(
    gateway: &Arc<Gateway>,
    settings: &Arc<Settings>,
    spooled: &mut Spooled,
    at: usize,
    content: &Content,
) {
    let mut came = came(spooled);
    let mut judged = match judged_anew(gateway, settings, &mut came, content).await {
        Ok(judged) => judged,
        Err(final_word) => {
            not_judged(gateway, settings, spooled, at, content, final_word).await;
            return;
        }
    };
    let now = gateway.clock.now();
    let Some(leg) = spooled.legs.get_mut(at) else { return };
    leg.tries = leg.tries.saturating_add(1);
    leg.due = now.plus(wait_after(leg.tries, settings.config.limits.retry_first.0));
    let tries = leg.tries;
    let recipients = std::mem::take(&mut leg.recipients);
    // The mail is known by its legs in the spool, and this leg's recipients are whom it is judged for.
    came.envelope.recipients = recipients.clone();
    judged.own_words = OwnWords::ask(gateway, &came, &judged.header, &judged.facts).await;
    record_decisions(gateway, &came, &judged, spooled.id);
    remember::settled(gateway, settings, &came, &judged);
    school::settled(gateway, settings, spooled.id, &came, &judged);
    // What was taken in unjudged is counted now, once.
    let terms = match tries {
        1 => accounts::count(gateway, settings, &came, &judged).await,
        _ => accounts::standing(gateway, settings, &came),
    };
    let (mut waiting, mut held, mut new_legs) = (Vec::new(), Vec::new(), Vec::<Leg>::new());
    for recipient in recipients {
        let judgement = judged.for_recipient(settings, &came, &recipient);
        let asks = judged.asks(settings, &came, &judgement.verdict);
        match judgement.verdict.action {
            Action::Deliver | Action::Mark => {
                let way = settings.way_to(&recipient.address, &recipient.organisation);
                let errand = process::errand(
                    gateway,
                    settings,
                    process::Leaving {
                        id: spooled.id,
                        came: &came,
                        header: &judged.header,
                        facts: &judged.facts,
                        body_hash: judged.body_hash.as_deref(),
                        verdict: &judgement.verdict,
                        asks,
                        way: &way,
                        recipient: recipient.address.domain(),
                    },
                );
                Leg::gather(&mut new_legs, errand, recipient, now);
            }
            Action::Defer if tries < limits::REJUDGE_MAX => waiting.push(recipient),
            Action::Defer | Action::Quarantine | Action::Reject => {
                held.push((recipient, judgement));
            }
        }
    }
    spooled.personal = personal_mail::found(settings, &judged.contents, came.at);
    let rows = held.iter().map(|(recipient, judgement)| {
        let verdict = &judgement.verdict;
        let why = if verdict.action == Action::Reject {
            "mixed.rejected".to_string()
        } else {
            verdict.decided_by.clone()
        };
        process::make_held(
            gateway,
            HeldParts {
                transaction: spooled.id,
                organisation: &judgement.organisation,
                came: &came,
                recipient,
                verdict,
                why,
                in_digest: verdict.action != Action::Reject && !judged.own_words.block(recipient),
                policy: verdict.line(&judgement.policy),
                facts: Some(&judged.facts),
                seen: Seen::of(settings, &judged, came.at),
                bytes: content.size_bytes(),
                findings: serde_json::to_value(judged.findings_with(recipient, verdict))
                    .unwrap_or_default(),
                asks: judged.asks(settings, &came, verdict),
            },
        )
    });
    let rows: Vec<Held> = rows.collect();
    match gateway.stores.quarantine.hold(rows.clone(), content).await {
        Err(error) => {
            tracing::error!(id = %spooled.id, %error, "a mail judged again could not be held; it stays in the spool");
            waiting.extend(held.into_iter().map(|(recipient, _)| recipient));
        }
        Ok(ids) => {
            let owners = held.iter().map(|(_, judgement)| judgement.organisation.clone());
            bank_accounts::hold(gateway, &came, &judged, ids.into_iter().zip(owners)).await;
            personal_mail::tell_of_held(gateway, settings, &came, &spooled.personal, &rows).await;
            for (recipient, judgement) in &held {
                let line = blocked::at_verdict(&judged.own_words, recipient, &judgement.verdict);
                note_held(gateway, spooled, (recipient, line), &judgement.verdict);
            }
        }
    }
    let going = new_legs.iter().flat_map(|leg| &leg.recipients);
    bank_accounts::learn(gateway, &came, &judged, going.map(|recipient| &recipient.organisation));
    if let Some(leg) = spooled.legs.get_mut(at) {
        leg.recipients = waiting;
        leg.last = "judged again: not yet".to_string();
    }
    new_legs.iter_mut().for_each(|leg| terms.put_on(leg, now));
    if !new_legs.is_empty() {
        accounts::taken(gateway, &terms, spooled.id);
    }
    spooled.legs.extend(new_legs);
}

/// The judgement of a mail that was taken in without one; else the reply it would have had, or none if nobody could judge it.
async fn judged_anew(
    gateway: &Arc<Gateway>,
    settings: &Arc<Settings>,
    came: &mut Came,
    content: &Content,
) -> Result<Judged, Option<(&'static str, String)>> {
    let deadline = gateway.clock.tick().plus(settings.config.limits.dot_time.0);
    let judged = match judge::judge(gateway, settings, came, content, deadline).await {
        Ok(judged) => judged,
        Err(Unjudged::Header(why)) => return Err(Some(("5.6.0", format!("554 5.6.0 {why}")))),
        Err(Unjudged::OutOfTime | Unjudged::Unreadable(_)) => return Err(None),
    };
    if process::in_a_loop(&judged.header, settings) {
        return Err(Some(("5.4.6", replies::LOOP.one_line())));
    }
    // Whose bytes they are could not be said before somebody had read From.
    if sending::by_from(settings, came, &judged.header).is_err() {
        return Err(Some(("5.7.1", replies::NOT_YOUR_FROM.one_line())));
    }
    gateway.bounces.remember(came, &judged.header);
    Ok(judged)
}

/// What was taken in unjudged has its verdict now: every organisation's trace gets its own.
fn record_decisions(gateway: &Gateway, came: &Came, judged: &Judged, id: Id) {
    let settings = gateway.settings.load();
    let recipients = came.envelope.recipients.iter();
    let mut owners: BTreeSet<&Organisation> = recipients.map(|one| &one.organisation).collect();
    if came.direction == Direction::Outbound {
        owners.insert(&came.organisation);
    }
    for owner in owners {
        let decision = process::decision_for(&settings, came, judged, owner);
        let about = process::about(&settings, came, judged);
        if settings.marks_persons(owner) {
            let persons = same_person::in_mail(&judged.contents, came.direction);
            gateway.stores.persons.note(id, owner, persons);
        }
        gateway.stores.trace.record_decision(id, owner, about, decision);
    }
}

/// Log and trace know of a mail that was taken in and held afterwards.
fn note_held(
    gateway: &Gateway,
    spooled: &Spooled,
    (recipient, blocked_by): (&Recipient, Option<BlockedBy>),
    verdict: &Verdict,
) {
    let now = gateway.clock.now();
    let row = TraceRecipient {
        recipient: recipient.address.to_string(),
        at: now,
        status: "held".to_string(),
        next_hop: "quarantine".to_string(),
        said: verdict.reason.clone(),
        delay_ms: millis(now.since(spooled.arrived)),
        would: String::new(),
        action: verdict.action.word().to_string(),
        tls: String::new(),
        channel: None,
        blocked_by,
    };
    record_recipient(gateway, spooled, &recipient.organisation, row);
}

/// What one sends to another that we host, both may see; what the world sends to two, each sees for itself.
fn record_recipient(
    gateway: &Gateway,
    spooled: &Spooled,
    organisation: &Organisation,
    row: TraceRecipient,
) {
    process::log_recipient(spooled.id, organisation, &spooled.envelope.sender.to_string(), &row);
    let trace = &gateway.stores.trace;
    let transaction = spooled.came_as();
    if spooled.direction == Direction::Outbound && *organisation != spooled.organisation {
        trace.record_recipient(transaction, spooled.organisation.name(), row.to_its_sender());
    }
    trace.record_recipient(transaction, organisation.name(), row);
}

/// No examiner had time, or the mail cannot be judged at all: it waits a little, or goes back for good.
/// Waiting for an examiner is no try: a busy hour must not send a mail to the quarantine.
async fn not_judged(
    gateway: &Arc<Gateway>,
    settings: &Arc<Settings>,
    spooled: &mut Spooled,
    at: usize,
    content: &Content,
    final_word: Option<(&'static str, String)>,
) {
    let limits = &settings.config.limits;
    let expired = gateway.clock.now().since(spooled.arrived) >= limits.queue_lifetime.0;
    let final_word = final_word
        .or_else(|| expired.then(|| ("4.4.7", "no examiner had time for it".to_string())));
    let due = gateway.clock.now().plus(limits.retry_first.0);
    let Some(leg) = spooled.legs.get_mut(at) else { return };
    leg.due = due;
    leg.last = "waiting for an examiner".to_string();
    let Some((code, line)) = final_word else { return };
    let recipients = std::mem::take(&mut leg.recipients);
    let failed = recipients.into_iter().map(|recipient| Status {
        recipient,
        event: Event::Failed,
        status: code.to_string(),
        diagnostic: Some(line.clone()),
        remote: None,
    });
    let retry_first = limits.retry_first.0;
    let place = "judge".to_string();
    let (towards, asks) = (Towards::Own, Asks::default());
    let after = After { gateway, settings, spooled, content, place, towards, asks, retry_first };
    let kept = after.give_back(failed.collect()).await;
    if let Some(leg) = spooled.legs.get_mut(at) {
        leg.recipients = kept;
        leg.last = line;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_have_names_in_notices() {
        for (server, want) in [
            ("mx.far.example [192.0.2.7]:25", Some("mx.far.example")),
            ("192.0.2.7:25", Some("[192.0.2.7]")),
            ("[2001:db8::7]:25", Some("[IPv6:2001:db8::7]")),
            ("maildir:/tmp/x", None),
            ("", None),
        ] {
            assert_eq!(remote_name(server).as_deref(), want, "{server}");
        }
    }

    #[test]
    fn mail_that_waited_for_a_proof_goes_back_with_its_own_status() {
        use crate::wire::tls::Refusal;
        for (attempt, feedback_is_none, want) in [
            (Attempt::Unproven(Refusal::NotOffered), true, "5.7.4"),
            (Attempt::Unproven(Refusal::NoTlsaFits), true, "5.7.5"),
            (Attempt::Unproven(Refusal::Bogus("MX".to_string())), true, "5.7.5"),
            (Attempt::Away("nobody there".to_string()), false, "4.4.7"),
            (Attempt::NotNow("451 later".to_string()), false, "4.4.7"),
        ] {
            assert_eq!(status_of_expired(&attempt), want, "{attempt:?}");
            let delivery = Delivery { attempt, ..not_tried("") };
            // Other mail for the destination is not held up.
            assert_eq!(feedback(&delivery) == Feedback::NotAsked, feedback_is_none);
        }
    }
}
