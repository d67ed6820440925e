//! Emptying the spool: what is due goes out, what fails comes back later or goes to its sender, nothing is forgotten.
//!
//! The queue in memory is an index of the spool and can always be built again from it. One leg of a mail is under way at a time,
//! so that the record of a mail is only ever written by one task.

use crate::{
    base::{
        clock::{UnixMs, millis},
        ids::Id,
        limits,
    },
    config::policy::Action,
    mail::{Direction, Envelope, Header, Recipient},
    pipeline::{
        Gateway,
        courier::{Attempt, Delivery, Job, OnDiffering, Outcome, Route, Said},
        edit::{Edits, Outgoing},
        judge::{self, Came},
        process::{self, HeldParts, Seen},
        settings::Settings,
        spooled::{Errand, Leg, Spooled},
    },
    store::{
        spool::{Content, Durability},
        trace::TraceRecipient,
    },
    verdict::Verdict,
    wire::report::dsn::{self, Event, Notice, Status},
};
use std::{
    collections::{BTreeSet, HashMap, HashSet, VecDeque},
    net::{IpAddr, SocketAddr},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::sync::Notify;

/// The index of what waits in the spool.
#[derive(Debug, Default)]
pub struct Queue {
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Debug, Default)]
struct State {
    mails: HashMap<Id, Spooled>,
    due: BTreeSet<(UnixMs, Id, usize)>,
    /// Legs that are due while their destination is busy.
    parked: HashMap<Route, VecDeque<(Id, usize)>>,
    busy: HashMap<Route, usize>,
    under_way: HashSet<Id>,
    closed: bool,
}

/// A leg taken from the queue to be worked on.
#[derive(Debug)]
struct Taken {
    spooled: Spooled,
    leg: usize,
    route: Option<Route>,
}

/// One line of `queue list`.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct QueueLine {
    /// The mail.
    pub id: Id,
    /// Envelope sender.
    pub from: String,
    /// Recipients of this leg.
    pub to: Vec<String>,
    /// Where it goes, or "judge".
    pub next_hop: String,
    /// When it came, milliseconds since 1970.
    pub arrived_ms: u64,
    /// When it is tried next.
    pub due_ms: u64,
    /// Tries so far.
    pub tries: u32,
    /// An operator holds it.
    pub on_hold: bool,
    /// It is being worked on now.
    pub under_way: bool,
    /// What was said last.
    pub last: String,
}

impl Queue {
    /// Takes in a mail that the spool has made durable.
    pub fn add(&self, spooled: Spooled) {
        let mut state = self.state();
        state.schedule(&spooled);
        state.mails.insert(spooled.id, spooled);
        drop(state);
        self.changed.notify_one();
    }

    /// Mails waiting.
    pub fn len(&self) -> usize {
        self.state().mails.len()
    }

    /// Is nothing waiting?
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Stops handing out work; what is under way ends by itself.
    pub fn close(&self) {
        self.state().closed = true;
        self.changed.notify_one();
    }

    /// Deliveries under way.
    pub fn under_way(&self) -> usize {
        self.state().under_way.len()
    }

    /// Every leg that waits, oldest first, at most `rows`.
    pub fn list(&self, rows: usize) -> Vec<QueueLine> {
        let state = self.state();
        let mut ids: Vec<Id> = state.mails.keys().copied().collect();
        ids.sort_unstable();
        ids.iter()
            .filter_map(|id| state.mails.get(id))
            .flat_map(|mail| lines(mail, &state))
            .take(rows)
            .collect()
    }

    /// The record of one mail.
    pub fn show(&self, id: Id) -> Option<Spooled> {
        self.state().mails.get(&id).cloned()
    }

    /// Makes these due now (all of them when none is named) and lifts holds; gives their new records.
    fn retry(&self, ids: &[Id], now: UnixMs) -> Vec<Spooled> {
        self.change(ids, |leg| {
            leg.due = now;
            leg.on_hold = false;
        })
    }

    /// Holds these back; gives their new records.
    fn hold(&self, ids: &[Id]) -> Vec<Spooled> {
        self.change(ids, |leg| leg.on_hold = true)
    }

    /// Changes every leg of these mails, but for those under way: what is being worked on has its own end.
    fn change(&self, ids: &[Id], alter: impl Fn(&mut Leg)) -> Vec<Spooled> {
        let mut state = self.state();
        let chosen: Vec<Id> = match ids {
            [] => state.mails.keys().copied().collect(),
            some => some.to_vec(),
        };
        let mut changed = Vec::new();
        for id in chosen {
            if state.under_way.contains(&id) {
                continue;
            }
            let Some(mail) = state.mails.get_mut(&id) else { continue };
            mail.legs.iter_mut().for_each(&alter);
            let mail = mail.clone();
            state.unschedule(id);
            state.schedule(&mail);
            changed.push(mail);
        }
        drop(state);
        self.changed.notify_one();
        changed
    }

    /// Forgets a mail, unless it is under way.
    fn forget(&self, id: Id) -> bool {
        let mut state = self.state();
        if state.under_way.contains(&id) || state.mails.remove(&id).is_none() {
            return false;
        }
        state.unschedule(id);
        true
    }

    fn take(&self, now: UnixMs) -> Option<Taken> {
        self.state().take(now)
    }

    fn next_due(&self) -> Option<UnixMs> {
        self.state().due.first().map(|(due, _, _)| *due)
    }

    /// A leg has been worked on: `left` is what remains of the mail.
    fn finish(&self, id: Id, route: Option<Route>, left: Option<Spooled>) {
        let mut state = self.state();
        state.under_way.remove(&id);
        state.mails.remove(&id);
        if let Some(left) = left {
            state.schedule(&left);
            state.mails.insert(id, left);
        }
        if let Some(route) = route {
            state.free(&route);
        }
        drop(state);
        self.changed.notify_one();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // The state is whole between any two of our statements; a panic elsewhere does not spoil it.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn schedule(&mut self, mail: &Spooled) {
        let waiting = mail
            .legs
            .iter()
            .enumerate()
            .filter(|(_, leg)| !leg.recipients.is_empty() && !leg.on_hold);
        self.due.extend(waiting.map(|(at, leg)| (leg.due, mail.id, at)));
    }

    fn unschedule(&mut self, id: Id) {
        self.due.retain(|(_, other, _)| *other != id);
        for parked in self.parked.values_mut() {
            parked.retain(|(other, _)| *other != id);
        }
    }

    /// The next leg that is due and whose destination has room.
    fn take(&mut self, now: UnixMs) -> Option<Taken> {
        if self.closed {
            return None;
        }
        while self.under_way.len() < limits::DELIVERIES_MAX {
            let first = self.due.first().copied().filter(|(due, _, _)| *due <= now)?;
            self.due.remove(&first);
            let (_, id, leg) = first;
            if self.under_way.contains(&id) {
                // Its other leg is under way; finishing that schedules this one again.
                continue;
            }
            let Some(spooled) = self.mails.get(&id).cloned() else { continue };
            // A leg may stand here twice after it was parked; the second time nothing is left to do.
            let waiting =
                spooled.legs.get(leg).filter(|leg| !leg.recipients.is_empty() && !leg.on_hold);
            let route = match waiting.map(|leg| &leg.errand) {
                Some(Errand::Deliver { route, .. }) => Some(route.clone()),
                Some(Errand::Judge) => None,
                None => continue,
            };
            if let Some(route) = &route {
                let busy = self.busy.entry(route.clone()).or_default();
                if *busy >= limits::CONNECTIONS_PER_DESTINATION_MAX {
                    self.parked.entry(route.clone()).or_default().push_back((id, leg));
                    continue;
                }
                *busy += 1;
            }
            self.under_way.insert(id);
            return Some(Taken { spooled, leg, route });
        }
        None
    }

    /// A destination has room again: who waited for it is due at once.
    fn free(&mut self, route: &Route) {
        if let Some(busy) = self.busy.get_mut(route) {
            *busy = busy.saturating_sub(1);
            if *busy == 0 {
                self.busy.remove(route);
            }
        }
        if let Some(parked) = self.parked.get_mut(route) {
            let next = parked.pop_front();
            if parked.is_empty() {
                self.parked.remove(route);
            }
            if let Some((id, leg)) = next {
                self.due.insert((UnixMs(0), id, leg));
            }
        }
    }
}

fn lines(mail: &Spooled, state: &State) -> Vec<QueueLine> {
    let legs = mail.legs.iter().filter(|leg| !leg.recipients.is_empty());
    legs.map(|leg| QueueLine {
        id: mail.id,
        from: mail.envelope.sender.to_string(),
        to: leg.recipients.iter().map(|recipient| recipient.address.to_string()).collect(),
        next_hop: match &leg.errand {
            Errand::Deliver { route, .. } => route.to_string(),
            Errand::Judge => "judge".to_string(),
        },
        arrived_ms: mail.arrived.0,
        due_ms: leg.due.0,
        tries: leg.tries,
        on_hold: leg.on_hold,
        under_way: state.under_way.contains(&mail.id),
        last: leg.last.clone(),
    })
    .collect()
}

/// Hands out work until the queue is closed and all of it has come back.
pub async fn run(gateway: Arc<Gateway>) {
    loop {
        while let Some(taken) = gateway.queue.take(gateway.clock.now()) {
            tokio::spawn(work(gateway.clone(), taken));
        }
        if gateway.queue.state().closed && gateway.queue.under_way() == 0 {
            return;
        }
        let until = gateway.queue.next_due().map_or(IDLE_MAX, |due| due.since(gateway.clock.now()));
        // Busy destinations and a full house are waited for by the notice that something ended.
        let patience = until.clamp(Duration::from_millis(10), IDLE_MAX);
        let _either = tokio::time::timeout(patience, gateway.queue.changed.notified()).await;
    }
}

/// The longest sleep: somebody may have set the calendar.
const IDLE_MAX: Duration = Duration::from_secs(5);

/// Makes mails due now and lifts holds, all of them when none is named; gives how many.
pub async fn retry(gateway: &Gateway, ids: &[Id]) -> usize {
    let changed = gateway.queue.retry(ids, gateway.clock.now());
    write_down(gateway, &changed).await
}

/// Holds mails back until they are released; gives how many.
pub async fn hold(gateway: &Gateway, ids: &[Id]) -> usize {
    let changed = gateway.queue.hold(ids);
    write_down(gateway, &changed).await
}

/// An operator's word outlives a restart.
async fn write_down(gateway: &Gateway, changed: &[Spooled]) -> usize {
    for mail in changed {
        if let Err(error) =
            gateway.stores.spool.update(mail.id, mail.to_meta(), Durability::Written).await
        {
            tracing::error!(id = %mail.id, %error, "the state of a spooled mail could not be written");
        }
    }
    changed.len()
}

/// Removes a mail from queue and spool for good, on an operator's word. False if it is not there or under way.
pub async fn drop_mail(gateway: &Gateway, id: Id) -> bool {
    if !gateway.queue.forget(id) {
        return false;
    }
    if let Err(error) = gateway.stores.spool.remove(id).await {
        tracing::error!(%id, %error, "a dropped mail could not be removed from the spool");
    }
    true
}

async fn work(gateway: Arc<Gateway>, taken: Taken) {
    let Taken { spooled, leg, route } = taken;
    let id = spooled.id;
    let left = match gateway.stores.spool.read(id).await {
        Ok((_, content)) => one_leg(&gateway, spooled, leg, &content).await,
        Err(error) => {
            tracing::error!(%id, %error, "a spooled mail could not be read; it is put on hold");
            Some(put_on_hold(spooled, leg, &error.to_string()))
        }
    };
    let left = match left {
        Some(left) if !left.is_done() => {
            if let Err(error) =
                gateway.stores.spool.update(id, left.to_meta(), Durability::Written).await
            {
                tracing::error!(%id, %error, "the state of a spooled mail could not be written");
            }
            Some(left)
        }
        Some(_) | None => {
            if let Err(error) = gateway.stores.spool.remove(id).await {
                tracing::error!(%id, %error, "a finished mail could not be removed from the spool");
            }
            None
        }
    };
    gateway.queue.finish(id, route, left);
}

fn put_on_hold(mut spooled: Spooled, leg: usize, why: &str) -> Spooled {
    if let Some(leg) = spooled.legs.get_mut(leg) {
        leg.on_hold = true;
        leg.last = why.to_string();
    }
    spooled
}

/// Works on one leg; gives the mail as it is afterwards.
async fn one_leg(
    gateway: &Arc<Gateway>,
    mut spooled: Spooled,
    at: usize,
    content: &Content,
) -> Option<Spooled> {
    let leg = spooled.legs.get(at)?.clone();
    let settings = gateway.settings.load_full();
    match &leg.errand {
        Errand::Deliver { route, edits } => {
            let envelope =
                Envelope { recipients: leg.recipients.clone(), ..spooled.envelope.clone() };
            let message = Outgoing::new(content.clone(), edits.clone());
            let job = Job {
                route,
                envelope: &envelope,
                message: &message,
                deadline: None,
                on_differing: OnDiffering::SendAnyway,
            };
            let delivery = gateway.courier.deliver(job).await;
            let after = After { gateway, settings: &settings, spooled: &spooled, content, route };
            let leg = after.delivery(leg.clone(), &delivery).await;
            if let Some(place) = spooled.legs.get_mut(at) {
                *place = leg;
            }
        }
        Errand::Judge => judge_again(gateway, &settings, &mut spooled, at, content).await,
    }
    Some(spooled)
}

/// Everything needed to settle what a delivery gave.
struct After<'a> {
    gateway: &'a Arc<Gateway>,
    settings: &'a Arc<Settings>,
    spooled: &'a Spooled,
    content: &'a Content,
    route: &'a Route,
}

impl After<'_> {
    async fn delivery(&self, mut leg: Leg, delivery: &Delivery) -> Leg {
        leg.tries = leg.tries.saturating_add(1);
        let answers = answers(&leg, delivery);
        let expired = self.gateway.clock.now().since(self.spooled.arrived)
            >= self.settings.config.limits.queue_lifetime.0;
        let mut waiting = Vec::new();
        let mut statuses = Vec::new();
        for (recipient, answer) in leg.recipients.drain(..).zip(answers) {
            match answer {
                Outcome::Accepted(said) => {
                    self.note(&recipient, "delivered", delivery, &said);
                    if recipient.notify.success && !delivery.dsn_handed_on {
                        statuses.push(status(recipient, Event::Relayed, "2.0.0", &said, delivery));
                    }
                }
                Outcome::Refused(said) => {
                    self.note(&recipient, "bounced", delivery, &said);
                    let code = said.enhanced.clone().unwrap_or_else(|| "5.0.0".to_string());
                    statuses.push(status(recipient, Event::Failed, &code, &said, delivery));
                }
                Outcome::Later(said) if expired => {
                    self.note(&recipient, "bounced", delivery, &said);
                    statuses.push(status(recipient, Event::Failed, "4.4.7", &said, delivery));
                }
                Outcome::Later(said) => {
                    self.note(&recipient, "deferred", delivery, &said);
                    leg.last = said.line;
                    waiting.push(recipient);
                }
            }
        }
        waiting.extend(self.give_back(statuses).await);
        leg.due = self
            .gateway
            .clock
            .now()
            .plus(wait_after(leg.tries, self.settings.config.limits.retry_first.0));
        leg.recipients = waiting;
        leg
    }

    fn note(&self, recipient: &Recipient, what: &str, delivery: &Delivery, said: &Said) {
        let now = self.gateway.clock.now();
        let row = TraceRecipient {
            recipient: recipient.address.to_string(),
            at: now,
            status: what.to_string(),
            next_hop: if delivery.server.is_empty() {
                self.route.to_string()
            } else {
                delivery.server.clone()
            },
            said: said.line.clone(),
            delay_ms: millis(now.since(self.spooled.arrived)),
        };
        process::log_recipient(self.spooled.id, &self.spooled.envelope.sender.to_string(), &row);
        metrics::counter!("sluss_deliveries_total", "status" => what.to_string()).increment(1);
        self.gateway.stores.trace.record_recipient(
            self.spooled.id,
            self.spooled.organisation.name(),
            row,
        );
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

    /// RFC 5321 section 6.1: from the null sender, and never for a mail that has it.
    async fn send_notice(&self, statuses: &[Status]) -> bool {
        let Some(to) = self.spooled.envelope.sender.address() else {
            tracing::info!(id = %self.spooled.id, "no notice is sent: the mail has the null sender");
            return true;
        };
        let Ok(bytes) = self.content.bytes() else { return false };
        let header = Header::read(&bytes).map(|header| header.bytes().to_vec()).unwrap_or_default();
        let id = self.gateway.new_id();
        let notice = dsn::write(&Notice {
            hostname: &self.settings.config.hostname,
            id,
            about: self.spooled.id,
            to,
            envelope: &self.spooled.envelope,
            arrived: self.spooled.arrived,
            now: self.gateway.clock.now(),
            recipients: statuses,
            header: &header,
            whole: Some(&bytes),
        });
        let recipient =
            Recipient { notify: crate::mail::Notify::NEVER, ..Recipient::plain(to.clone()) };
        let errand =
            Errand::Deliver { route: self.settings.way_to(to).route, edits: Edits::default() };
        let now = self.gateway.clock.now();
        let spooled = Spooled {
            id,
            direction: Direction::Outbound,
            envelope: Envelope {
                smtputf8: to.is_unicode(),
                ..Envelope::from(crate::mail::ReversePath::Null)
            },
            arrived: now,
            legs: vec![Leg::new(errand, recipient, now)],
            ..self.spooled.clone()
        };
        let content = Content::from_bytes(notice.into());
        process::put_in_spool(self.gateway, spooled, &content).await.is_yes()
    }

    /// What came in and cannot be delivered waits in the quarantine for somebody to look.
    async fn hold_undeliverable(&self, failed: &[Status]) -> bool {
        let came = came(self.spooled);
        let held = failed.iter().map(|status| {
            let said = status.diagnostic.clone().unwrap_or_default();
            let verdict = Verdict {
                action: Action::Quarantine,
                score: 0.0,
                categories: Vec::new(),
                reason: "The mail server behind us did not take this mail".to_string(),
                decided_by: "undeliverable".to_string(),
            };
            process::make_held(
                self.gateway,
                self.settings,
                HeldParts {
                    transaction: self.gateway.new_id(),
                    came: &came,
                    recipient: &status.recipient,
                    verdict: &verdict,
                    why: "undeliverable".to_string(),
                    in_digest: false,
                    seen: Seen {
                        subject: self.spooled.subject.clone(),
                        from: self.spooled.from.clone(),
                    },
                    bytes: self.content.size_bytes(),
                    findings: serde_json::json!([{ "id": "undeliverable", "because": said }]),
                },
            )
        });
        match self.gateway.stores.quarantine.hold(held.collect(), self.content).await {
            Ok(_) => true,
            Err(error) => {
                tracing::error!(id = %self.spooled.id, %error, "an undeliverable mail could not be held; it stays in the spool");
                false
            }
        }
    }
}

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
        Attempt::Away(why) | Attempt::Silent(why) => later(why),
    }
}

/// Five minutes, ten, twenty … up to four hours.
fn wait_after(tries: u32, first: Duration) -> Duration {
    let doubled = 2_u32.saturating_pow(tries.saturating_sub(1).min(16));
    first.saturating_mul(doubled).min(limits::RETRY_MAX.max(first))
}

fn came(spooled: &Spooled) -> Came {
    Came {
        direction: spooled.direction,
        peer: spooled.peer.clone(),
        envelope: spooled.envelope.clone(),
        at: spooled.arrived,
    }
}

/// Looks again at recipients whose verdict was "not yet". After [`limits::REJUDGE_MAX`] times they are held.
async fn judge_again(
    gateway: &Arc<Gateway>,
    settings: &Arc<Settings>,
    spooled: &mut Spooled,
    at: usize,
    content: &Content,
) {
    let came = came(spooled);
    let deadline = gateway.clock.tick().plus(settings.config.limits.dot_time.0);
    let judged = judge::judge(gateway, settings, &came, content, deadline).await;
    let now = gateway.clock.now();
    let Some(leg) = spooled.legs.get_mut(at) else { return };
    leg.tries = leg.tries.saturating_add(1);
    leg.due = now.plus(wait_after(leg.tries, settings.config.limits.retry_first.0));
    let judged = match judged {
        Ok(judged) => judged,
        Err(why) => {
            leg.last = format!("not judged: {why:?}");
            return;
        }
    };
    let tries = leg.tries;
    let recipients = std::mem::take(&mut leg.recipients);
    let (mut waiting, mut held, mut new_legs) = (Vec::new(), Vec::new(), Vec::<Leg>::new());
    for recipient in recipients {
        let verdict = judged.verdict_for(settings, came.direction, &recipient.address);
        match verdict.action {
            Action::Deliver | Action::Mark => {
                let route = settings.way_to(&recipient.address).route;
                let edits = process::edits(settings, spooled.id, &came, &judged.header, &verdict);
                let errand = Errand::Deliver { route, edits };
                match new_legs.iter_mut().find(|leg| leg.errand == errand) {
                    Some(leg) => leg.recipients.push(recipient),
                    None => new_legs.push(Leg::new(errand, recipient, now)),
                }
            }
            Action::Defer if tries < limits::REJUDGE_MAX => waiting.push(recipient),
            Action::Defer | Action::Quarantine | Action::Reject => held.push((recipient, verdict)),
        }
    }
    let rows = held.iter().map(|(recipient, verdict)| {
        let why = if verdict.action == Action::Reject {
            "mixed.rejected".to_string()
        } else {
            verdict.decided_by.clone()
        };
        process::make_held(
            gateway,
            settings,
            HeldParts {
                transaction: spooled.id,
                came: &came,
                recipient,
                verdict,
                why,
                in_digest: false,
                seen: Seen::of(settings, &judged, came.at),
                bytes: content.size_bytes(),
                findings: serde_json::to_value(&judged.findings).unwrap_or_default(),
            },
        )
    });
    if let Err(error) = gateway.stores.quarantine.hold(rows.collect(), content).await {
        tracing::error!(id = %spooled.id, %error, "a mail judged again could not be held; it stays in the spool");
        waiting.extend(held.into_iter().map(|(recipient, _)| recipient));
    }
    if let Some(leg) = spooled.legs.get_mut(at) {
        leg.recipients = waiting;
        leg.last = "judged again: not yet".to_string();
    }
    spooled.legs.extend(new_legs);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        config::NextHop,
        mail::{Address, Organisation, Peer, ReversePath},
        pipeline::courier::Tls,
    };

    fn route(port: u16) -> Route {
        Route {
            hops: vec![NextHop::parse(&format!("smtp://192.0.2.5:{port}")).unwrap()],
            tls: Tls::Off,
            domain: None,
        }
    }

    fn mail(number: u8, routes: &[u16], due: u64) -> Spooled {
        let recipient = Recipient::plain(Address::parse("b@ours.example").unwrap());
        let errand = |port: u16| Errand::Deliver { route: route(port), edits: Edits::default() };
        Spooled {
            id: Id::new(UnixMs(1), [number; 10]),
            organisation: Organisation::implied(),
            direction: Direction::Inbound,
            listener: "in".to_string(),
            peer: Peer::at("192.0.2.1".parse().unwrap()),
            envelope: Envelope::from(ReversePath::Null),
            arrived: UnixMs(0),
            subject: String::new(),
            from: String::new(),
            legs: routes
                .iter()
                .map(|port| Leg::new(errand(*port), recipient.clone(), UnixMs(due)))
                .collect(),
        }
    }

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
    fn waits_double_up_to_a_bound() {
        let first = limits::RETRY_FIRST;
        let waits: Vec<u64> =
            (1..=8).map(|tries| wait_after(tries, first).as_secs() / 60).collect();
        assert_eq!(waits, [5, 10, 20, 40, 80, 160, 240, 240]);
    }

    #[test]
    fn a_busy_destination_does_not_stop_another() {
        let queue = Queue::default();
        for number in 1..=20 {
            queue.add(mail(number, &[1], 0));
        }
        queue.add(mail(99, &[2], 5));
        let mut taken = Vec::new();
        while let Some(work) = queue.take(UnixMs(10)) {
            taken.push(work);
        }
        assert_eq!(taken.len(), limits::CONNECTIONS_PER_DESTINATION_MAX + 1);
        let first = taken.remove(0);
        queue.finish(first.spooled.id, first.route, None);
        assert!(
            queue.take(UnixMs(10)).is_some_and(|work| work.route == Some(route(1))),
            "room for one more"
        );
        assert!(queue.take(UnixMs(10)).is_none());
    }

    #[test]
    fn two_legs_of_a_mail_go_one_after_the_other() {
        let queue = Queue::default();
        queue.add(mail(1, &[1, 2], 0));
        let first = queue.take(UnixMs(1)).unwrap();
        assert!(queue.take(UnixMs(1)).is_none());
        let mut left = first.spooled.clone();
        left.legs[first.leg].recipients.clear();
        queue.finish(left.id, first.route, Some(left));
        let second = queue.take(UnixMs(1)).unwrap();
        assert_ne!(second.leg, first.leg);
    }

    #[test]
    fn hold_retry_and_the_clock() {
        let queue = Queue::default();
        let later = mail(1, &[1], 1_000);
        queue.add(later.clone());
        assert!(queue.take(UnixMs(999)).is_none());
        assert_eq!(queue.hold(&[later.id]).len(), 1);
        assert!(queue.take(UnixMs(2_000)).is_none());
        assert_eq!(queue.retry(&[], UnixMs(5)).len(), 1);
        assert!(queue.take(UnixMs(5)).is_some());
        assert!(!queue.forget(later.id), "what is under way cannot be dropped");
        queue.close();
        queue.add(mail(2, &[1], 0));
        assert!(queue.take(UnixMs(5)).is_none(), "a closed queue hands out nothing");
    }
}
