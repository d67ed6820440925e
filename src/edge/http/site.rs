//! What pages work with: the gateway's desk, and what the web itself remembers for as long as the process lives.

use super::{
    admin::policy_rules::RulesRead,
    frame::{Note, UndoOffer},
    replays::Replays,
    undo_offers::UndoOffers,
    visit::Visitor,
    words::Wall,
};
use crate::{
    base::{
        clock::{Tick, UnixMs},
        ids::Id,
        limits,
        local::Zone,
    },
    edge::{
        control::{Desk, Request},
        overview::{Lookout, Overview},
        stored::Layers,
        tls::ServerTls,
    },
    pipeline::{Gateway, digest},
    store::{
        StoreError, accounts::Account, audit::Entry, embedded::SecretHash, keys::Key,
        people::Wanted,
    },
};
use std::{
    collections::HashMap,
    hash::Hash,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

/// Is mail being taken?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Readiness {
    /// Yes.
    Ready,
    /// No signature could be loaded, and configuration says that one is needed.
    NoRules,
    /// The gateway was told to end and finishes what is open.
    Ending,
}

/// The web of one gateway.
pub struct Site {
    lookout: Lookout,
    /// Where the configuration is read from, and stored.
    layers: Layers,
    /// Seals second factors.
    pub(super) key: Key,
    memory: Mutex<Memory>,
    /// Changes that are tried.
    pub(super) replays: Replays,
    /// The rules as they were read for the configuration in force.
    pub(super) rules: RulesRead,
}

/// What is lost with the process and missed by nobody.
#[derive(Default)]
struct Memory {
    /// When each session was used last.
    used: HashMap<SecretHash, Tick>,
    /// Who has shown a password and is asked for the second factor.
    half: HashMap<SecretHash, (Tick, Account)>,
    /// Which mails each session has opened, and when.
    opened: HashMap<(SecretHash, Id), Tick>,
    /// What a page says to a session when it comes to that page.
    notes: HashMap<SecretHash, (Tick, Note)>,
    /// What each session did of late that can be taken back.
    undos: HashMap<SecretHash, UndoOffers>,
}

impl std::fmt::Debug for Site {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Site").finish_non_exhaustive()
    }
}

impl Site {
    /// The web of the gateway that `lookout` looks at and whose configuration is in `layers`; `key` seals what the accounts' database keeps.
    pub fn new(lookout: Lookout, layers: Layers, key: Key) -> Site {
        let (memory, replays, rules) = Default::default();
        Site { lookout, layers, key, memory, replays, rules }
    }

    /// Where the configuration is.
    pub(super) fn layers(&self) -> &Layers {
        &self.layers
    }

    /// The gateway at a glance.
    pub(super) async fn overview(&self) -> Arc<Overview> {
        self.lookout.look().await
    }

    /// Figures for Prometheus.
    pub(super) fn metrics(&self) -> String {
        self.lookout.metrics()
    }

    /// Is mail being taken?
    pub(super) fn readiness(&self) -> Readiness {
        self.lookout.readiness()
    }

    /// Our certificate, and what an authority is to find while it makes us another.
    pub(super) fn certificates(&self) -> &ServerTls {
        &self.lookout.tls
    }

    /// The name we greet with.
    pub(super) fn hostname(&self) -> String {
        self.gateway().settings.load().config.hostname.to_string()
    }

    /// Now.
    pub(super) fn now(&self) -> UnixMs {
        self.gateway().clock.now()
    }

    /// The time zone of those who look after mail: that of the first organisation's digests.
    pub(super) fn zone(&self) -> Zone {
        let settings = self.gateway().settings.load();
        let first = settings.organisations().next().map(|first| first.name().clone());
        digest::zone_of(&settings, &first.unwrap_or_default(), &Wanted::default())
    }

    /// What moments are shown by.
    pub(super) fn wall(&self) -> Wall {
        Wall::new(self.zone(), self.now())
    }

    /// The gateway.
    pub(super) fn gateway(&self) -> &Arc<Gateway> {
        &self.lookout.desk.gateway
    }

    /// What answers the commands, and so the pages that do the same.
    pub(super) fn desk(&self) -> &Desk {
        &self.lookout.desk
    }

    /// May the session with this hash go on? Not if nobody has used it for long.
    pub(super) fn is_in_use(&self, session: SecretHash, asker: Asker) -> bool {
        goes_on(&mut self.memory().used, session, asker, self.tick())
    }

    /// Remembers who has shown a password; the visitor keeps the id of which this is the hash.
    pub(super) fn begin_half(&self, hash: SecretHash, account: Account) {
        let now = self.tick();
        let mut memory = self.memory();
        make_room(&mut memory.half, now, limits::WEB_SECOND_FACTOR_TIME_MAX, |(at, _)| *at);
        memory.half.insert(hash, (now, account));
    }

    /// Who that is, while the time for it lasts.
    pub(super) fn half(&self, hash: SecretHash) -> Option<Account> {
        let now = self.tick();
        let memory = self.memory();
        let (at, account) = memory.half.get(&hash)?;
        (now.since(*at) < limits::WEB_SECOND_FACTOR_TIME_MAX).then(|| account.clone())
    }

    /// It is done, or given up.
    pub(super) fn end_half(&self, hash: SecretHash) {
        self.memory().half.remove(&hash);
    }

    /// The visitor has opened this mail: its record is in the audit log.
    pub(super) fn grant(&self, visitor: &Visitor, held: Id) {
        let now = self.tick();
        let mut memory = self.memory();
        make_room(&mut memory.opened, now, limits::WEB_OPENED_TIME, |at| *at);
        memory.opened.insert((visitor.session, held), now);
    }

    /// Has this session opened this mail, and not long ago?
    pub(super) fn is_granted(&self, visitor: &Visitor, held: Id) -> bool {
        let now = self.tick();
        let opened = self.memory().opened.get(&(visitor.session, held)).copied();
        opened.is_some_and(|at| now.since(at) < limits::WEB_OPENED_TIME)
    }

    /// Whoever has opened a mail has to open it once more: its owner took his yes back.
    pub(super) fn seal(&self, held: Id) {
        self.memory().opened.retain(|(_, opened), _| *opened != held);
    }

    /// Has the page that the answer leads to say something.
    pub(super) fn note(&self, visitor: &Visitor, note: Note) {
        visitor.said.set(note);
    }

    /// Has the page at this address say something to a session, once: another page was not asked for it, and says nothing.
    pub(super) fn note_at(&self, session: SecretHash, address: &str, note: Note) {
        let now = self.tick();
        let mut memory = self.memory();
        make_room(&mut memory.notes, now, limits::WEB_NOTE_TIME, |(at, _)| *at);
        if !note.undo.is_empty() {
            make_room(&mut memory.undos, now, limits::UNDO_TIME_MAX, UndoOffers::at);
            memory.undos.entry(session).or_default().add(&note, now);
        }
        memory.notes.insert(place_of(session, address), (now, note));
    }

    /// What the page at this address says to a session now; whoever comes again has read it.
    pub(super) fn take_note(&self, session: SecretHash, address: &str) -> Option<Note> {
        let now = self.tick();
        let (at, note) = self.memory().notes.remove(&place_of(session, address))?;
        (now.since(at) < limits::WEB_NOTE_TIME).then_some(note)
    }

    /// What a session did last that can still be taken back. Unlike a note it belongs to no page: as long as it can be done, it is shown.
    pub(super) fn undo_offer(&self, session: SecretHash) -> Option<UndoOffer> {
        let now = self.tick();
        self.memory().undos.get(&session)?.newest(now)
    }

    /// What a session took back is offered no more.
    pub(super) fn end_undo(&self, session: SecretHash, taken_back: &[Id]) {
        if let Some(offers) = self.memory().undos.get_mut(&session) {
            offers.end(taken_back);
        }
    }

    /// Writes into the audit log what a visitor is about to do. On an error it must not be done.
    pub(super) async fn record(
        &self,
        visitor: &Visitor,
        entries: Vec<Entry>,
    ) -> Result<Vec<u64>, String> {
        let from = |entry: Entry| entry.from(Some(visitor.client));
        let entries = entries.into_iter().map(from).collect();
        let taken = self.gateway().stores.audit.append_all(entries).await;
        taken.map_err(|error| {
            tracing::error!(%error, "an act by page was not done, for it could not be recorded");
            "it was not done, for the audit log takes no record of it".to_string()
        })
    }

    /// Does what a visitor asks: in the audit log before, and once more if it could not be done.
    pub(super) async fn recorded<T>(
        &self,
        visitor: &Visitor,
        entries: Vec<Entry>,
        act: impl Future<Output = Result<T, String>>,
    ) -> Result<T, String> {
        let numbers = self.record(visitor, entries).await?;
        let done = act.await;
        if let (Err(why), Some(first), Some(last)) = (&done, numbers.first(), numbers.last()) {
            self.desk().note_not_done(visitor.actor(), *first, *last, why).await;
        }
        done
    }

    /// The same for what a command can ask too, with the records that it makes.
    pub(super) async fn asked<T>(
        &self,
        visitor: &Visitor,
        request: &Request,
        act: impl Future<Output = Result<T, String>>,
    ) -> Result<T, String> {
        let entries = self.desk().entries(request, &visitor.actor()).await;
        self.recorded(visitor, entries, act).await
    }

    fn tick(&self) -> Tick {
        self.gateway().clock.tick()
    }

    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Who asks for a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Asker {
    /// Somebody, who is there.
    Somebody,
    /// The page itself, which looks again every while, whether somebody is there or not.
    Page,
}

/// Where a note waits: the page of a session, whatever stands behind the question mark of its address.
fn place_of(session: SecretHash, address: &str) -> SecretHash {
    let path = address.split(['?', '#']).next().unwrap_or_default();
    let place = [session.as_slice(), path.as_bytes()].concat();
    blake3::derive_key("sluss web note", &place)
}

/// One from before a restart counts from now.
fn goes_on(
    used: &mut HashMap<SecretHash, Tick>,
    session: SecretHash,
    asker: Asker,
    now: Tick,
) -> bool {
    let last = used.get(&session).copied();
    let goes_on = now.since(last.unwrap_or(now)) < limits::WEB_SESSION_IDLE_MAX;
    if goes_on && (asker == Asker::Somebody || last.is_none()) {
        make_room(used, now, limits::WEB_SESSION_IDLE_MAX, |at| *at);
        used.insert(session, now);
    }
    goes_on
}

/// Drops what is over its time when the table is full; and all of it, if that is not enough: it costs somebody a second log-in.
fn make_room<K: Hash + Eq, V>(
    table: &mut HashMap<K, V>,
    now: Tick,
    lifetime: Duration,
    at: impl Fn(&V) -> Tick,
) {
    if table.len() < limits::WEB_SESSIONS_MAX {
        return;
    }
    table.retain(|_, value| now.since(at(value)) < lifetime);
    if table.len() >= limits::WEB_SESSIONS_MAX {
        table.clear();
    }
}

/// A sentence for a page when a store did not answer; the log has the reason.
pub(super) fn store_is_away(error: &StoreError) -> &'static str {
    tracing::error!(%error, "a page could not be made or an act not be done");
    "The store did not answer just now. Nothing was changed; please try again."
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A status page left open over lunch looks again every half minute, and nobody is there.
    #[test]
    fn a_session_that_nobody_uses_ends_whatever_its_page_does() {
        let minute = |minute: u64| Tick(Duration::from_secs(60 * minute));
        let mut used = HashMap::new();
        for (at, asker, want) in [
            (0, Asker::Page, true),
            (50, Asker::Somebody, true),
            (80, Asker::Page, true),
            (109, Asker::Page, true),
            (110, Asker::Page, false),
            (111, Asker::Somebody, false),
        ] {
            assert_eq!(goes_on(&mut used, [7; 32], asker, minute(at)), want, "{at}");
        }
        assert!(goes_on(&mut used, [8; 32], Asker::Somebody, minute(111)), "another one");
    }
}
