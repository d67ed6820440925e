//! What our accounts usually send, and which of them are held. In memory, and in SQLite so that it survives a restart.
//!
//! Writing never waits: an account that changed is written once a second at most, as it stands then.

use super::{
    damage::{self, SetAside},
    db::{Db, Options, Promise},
};
use crate::{
    base::{
        clock::{Clock, UnixMs},
        ids::Id,
        limits,
    },
    learn::sending::{Account, Pace, Sent, Why},
    mail::Organisation,
    store::{StoreError, private},
};
use rusqlite::{Connection, params};
use serde::{Deserialize, Serialize};
use std::{
    collections::{HashMap, VecDeque},
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// The accounts' habits, on this machine.
#[derive(Clone)]
pub struct Habits {
    db: Db,
    clock: Clock,
    accounts: Arc<Mutex<Known>>,
    /// Since when each organisation sends through here.
    since: Arc<Mutex<HashMap<Organisation, UnixMs>>>,
}

impl std::fmt::Debug for Habits {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Habits").field("file", &self.db.file()).finish_non_exhaustive()
    }
}

/// Whose account, and what it is called.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AccountName {
    /// Whose.
    pub organisation: Organisation,
    /// An AUTH user's name, or an envelope sender with its network.
    pub name: String,
}

/// An account that somebody should hear of, or look at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountSeen {
    /// Which.
    pub account: AccountName,
    /// Why it is held; none: it is only slowed, or near that.
    pub why: Option<Why>,
    /// Recipients in the last hour.
    pub recipients: u64,
    /// At how many it is held.
    pub held_at: u64,
    /// Mails of it that were made to wait.
    pub waiting: u64,
    /// Some of them.
    pub samples: Vec<Id>,
}

/// What counting a mail gave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Counted {
    /// How the account's mail goes on.
    pub pace: Pace,
    /// It is held from this mail on: what it sent while it was slowed is to be held too.
    pub held_now: Option<Vec<Id>>,
}

type Known = HashMap<AccountName, Entry>;

struct Entry {
    kept: Kept,
    last: UnixMs,
    slowed: VecDeque<Id>,
    /// A change is on its way to the disk.
    written_soon: bool,
}

/// What is written of an account.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct Kept {
    account: Account,
    told: bool,
    waiting: u64,
    samples: Vec<Id>,
}

const MIGRATIONS: &[&str] = &["
CREATE TABLE account (
    organisation TEXT NOT NULL,
    name TEXT NOT NULL,
    last INTEGER NOT NULL,
    kept TEXT NOT NULL,
    PRIMARY KEY (organisation, name)
) STRICT, WITHOUT ROWID;
"];

impl Habits {
    /// Opens them in `folder`. A file that is damaged is moved aside, and another begun: then every account is a new one.
    pub fn open(folder: &Path, clock: Clock) -> Result<(Habits, Option<SetAside>), StoreError> {
        private::folder(folder)?;
        let file = folder.join("habits.db");
        let set_aside = damage::look(&file, MIGRATIONS, clock.now())?;
        let how = Options {
            promise: Promise::Normal,
            gather: limits::ACCOUNT_COMMIT_INTERVAL,
            jobs_max: limits::GROUP_COMMIT_ROWS_MAX,
            waiting_max: limits::ACCOUNTS_REMEMBERED_MAX * 2,
            migrations: MIGRATIONS,
        };
        let db = Db::open(&file, how)?;
        let accounts = db.at_start("reading what accounts send", read_all)?;
        let mut since: HashMap<Organisation, UnixMs> = HashMap::new();
        for (name, entry) in &accounts {
            let Some(first) = entry.kept.account.since() else { continue };
            let known = since.entry(name.organisation.clone()).or_insert(first);
            *known = (*known).min(first);
        }
        let (accounts, since) = (Arc::new(Mutex::new(accounts)), Arc::new(Mutex::new(since)));
        Ok((Habits { db, clock, accounts, since }, set_aside))
    }

    /// Has this organisation sent through here for a day? If not, an account of its servers looks new because we are.
    pub fn knows(&self, organisation: &Organisation) -> bool {
        let now = self.clock.now();
        let mut since = self.since.lock().unwrap_or_else(PoisonError::into_inner);
        let first = *since.entry(organisation.clone()).or_insert(now);
        now.since(first) >= limits::HOUSE_NEW_SPAN
    }

    /// Counts something of an account. `new_per_hour` is at how many recipients an hour a new one is slowed.
    pub fn take(&self, account: &AccountName, sent: Sent, new_per_hour: u32) -> Counted {
        let now = self.clock.now();
        let mut accounts = self.accounts();
        if !accounts.contains_key(account) {
            self.make_room(&mut accounts);
        }
        let entry =
            accounts.entry(account.clone()).or_insert_with(|| Entry::new(Kept::default(), now));
        entry.last = now;
        let before = entry.kept.account.held();
        let pace = entry.kept.account.take(sent, new_per_hour, now);
        let held_now = match pace {
            Pace::Held(_) if before.is_none() => {
                entry.kept.told = false;
                Some(entry.slowed.drain(..).collect())
            }
            Pace::Free | Pace::Slowed | Pace::Held(_) => None,
        };
        self.write_soon(account, entry);
        Counted { pace, held_now }
    }

    /// This mail of a slowed account is here for a while still.
    pub fn note_slowed(&self, account: &AccountName, id: Id) {
        let mut accounts = self.accounts();
        let Some(entry) = accounts.get_mut(account) else { return };
        if entry.slowed.len() >= limits::ACCOUNT_SLOWED_MAILS_MAX {
            entry.slowed.pop_front();
        }
        entry.slowed.push_back(id);
    }

    /// These mails of a held account wait.
    pub fn note_waiting(&self, account: &AccountName, ids: &[Id]) {
        let mut accounts = self.accounts();
        let Some(entry) = accounts.get_mut(account) else { return };
        let more = u64::try_from(ids.len()).unwrap_or(u64::MAX);
        entry.kept.waiting = entry.kept.waiting.saturating_add(more);
        let room = limits::ACCOUNT_SAMPLES_MAX.saturating_sub(entry.kept.samples.len());
        entry.kept.samples.extend(ids.iter().take(room));
        self.write_soon(account, entry);
    }

    /// Why an account is held, if it is.
    pub fn held(&self, account: &AccountName) -> Option<Why> {
        Some(self.accounts().get(account)?.kept.account.held()?.why)
    }

    /// Held accounts that nobody was told of yet.
    pub fn untold(&self) -> Vec<AccountSeen> {
        let now = self.clock.now();
        let accounts = self.accounts();
        let untold = accounts
            .iter()
            .filter(|(_, entry)| entry.kept.account.held().is_some() && !entry.kept.told);
        untold.map(|(name, entry)| entry.seen(name, 0, now)).collect()
    }

    /// Somebody was told.
    pub fn note_told(&self, account: &AccountName) {
        let mut accounts = self.accounts();
        let Some(entry) = accounts.get_mut(account) else { return };
        entry.kept.told = true;
        self.write_soon(account, entry);
    }

    /// Lets accounts of this name go on; gives those that were held.
    pub fn release(&self, name: &str) -> Vec<AccountName> {
        let now = self.clock.now();
        let mut released = Vec::new();
        for (account, entry) in self.accounts().iter_mut() {
            if account.name.eq_ignore_ascii_case(name) && entry.kept.account.held().is_some() {
                entry.kept.account.release(now);
                (entry.kept.waiting, entry.kept.samples) = (0, Vec::new());
                self.write_soon(account, entry);
                released.push(account.clone());
            }
        }
        released
    }

    /// Those that are held, or at four fifths of it, in the order of their names.
    pub fn seen(&self, new_per_hour: u32) -> Vec<AccountSeen> {
        let now = self.clock.now();
        let accounts = self.accounts();
        let seen = accounts.iter().map(|(name, entry)| entry.seen(name, new_per_hour, now));
        let is_near =
            |one: &AccountSeen| one.why.is_some() || one.recipients * 5 >= one.held_at * 2;
        let mut seen: Vec<AccountSeen> = seen.filter(is_near).collect();
        seen.sort_by(|one, other| one.account.cmp(&other.account));
        seen
    }

    /// Accounts that are held now.
    pub fn held_count(&self) -> usize {
        self.accounts().values().filter(|entry| entry.kept.account.held().is_some()).count()
    }

    /// Forgets those that sent nothing for as long as habits last; gives how many.
    pub fn retain(&self) -> usize {
        let now = self.clock.now();
        let mut accounts = self.accounts();
        let gone: Vec<AccountName> = accounts
            .iter()
            .filter(|(_, entry)| now.since(entry.last) >= limits::ACCOUNT_HABIT_SPAN)
            .filter(|(_, entry)| entry.kept.account.is_forgotten(now))
            .map(|(name, _)| name.clone())
            .collect();
        gone.iter().for_each(|name| self.drop_one(&mut accounts, name));
        gone.len()
    }

    /// Resolves when everything that was counted before is written.
    pub async fn settled(&self) -> Result<(), StoreError> {
        self.db.write("waiting", |_| Ok(())).await
    }

    /// When there are too many, the twentieth part of them that was quiet longest goes; held ones stay.
    fn make_room(&self, accounts: &mut Known) {
        if accounts.len() < limits::ACCOUNTS_REMEMBERED_MAX {
            return;
        }
        let mut quiet: Vec<(UnixMs, AccountName)> = accounts
            .iter()
            .filter(|(_, entry)| entry.kept.account.held().is_none())
            .map(|(name, entry)| (entry.last, name.clone()))
            .collect();
        quiet.sort();
        for (_, name) in quiet.iter().take(limits::ACCOUNTS_REMEMBERED_MAX / 20) {
            self.drop_one(accounts, name);
        }
    }

    fn drop_one(&self, accounts: &mut Known, account: &AccountName) {
        accounts.remove(account);
        let account = account.clone();
        self.db.write_soon(move |connection| {
            connection.execute(
                "DELETE FROM account WHERE organisation = ?1 AND name = ?2",
                params![account.organisation.name(), account.name],
            )?;
            Ok(())
        });
    }

    /// Writes an account as it will stand when its turn comes: a thousand mails in a second are one row.
    fn write_soon(&self, account: &AccountName, entry: &mut Entry) {
        if entry.written_soon {
            return;
        }
        let (accounts, name) = (self.accounts.clone(), account.clone());
        entry.written_soon = self.db.write_soon(move |connection| {
            let mut accounts = accounts.lock().unwrap_or_else(PoisonError::into_inner);
            let Some(entry) = accounts.get_mut(&name) else { return Ok(()) };
            entry.written_soon = false;
            let (last, kept) = (entry.last, serde_json::to_string(&entry.kept));
            drop(accounts);
            let kept = kept.map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))?;
            connection
                .prepare_cached("INSERT OR REPLACE INTO account (organisation, name, last, kept) VALUES (?1, ?2, ?3, ?4)")?
                .execute(params![name.organisation.name(), name.name, sql_int(last.0), kept])?;
            Ok(())
        });
    }

    fn accounts(&self) -> MutexGuard<'_, Known> {
        // A count that a panic left half done is a count all the same.
        self.accounts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Entry {
    fn new(kept: Kept, last: UnixMs) -> Entry {
        Entry { kept, last, slowed: VecDeque::new(), written_soon: false }
    }

    fn seen(&self, name: &AccountName, new_per_hour: u32, now: UnixMs) -> AccountSeen {
        let account = &self.kept.account;
        AccountSeen {
            account: name.clone(),
            why: account.held().map(|held| held.why),
            recipients: account.recipients(limits::ACCOUNT_HOUR, now),
            held_at: account.held_at(new_per_hour, now),
            waiting: self.kept.waiting,
            samples: self.kept.samples.clone(),
        }
    }
}

/// A row that is not understood is that of a new account.
fn read_all(connection: &Connection) -> rusqlite::Result<Known> {
    connection
        .prepare("SELECT organisation, name, last, kept FROM account ORDER BY last DESC LIMIT ?1")?
        .query_map([i64::try_from(limits::ACCOUNTS_REMEMBERED_MAX).unwrap_or(i64::MAX)], |row| {
            let organisation = Organisation::named(&row.get::<_, String>(0)?);
            let account = AccountName { organisation, name: row.get(1)? };
            let last = UnixMs(u64::try_from(row.get::<_, i64>(2)?).unwrap_or(0));
            let kept: String = row.get(3)?;
            Ok((account, Entry::new(serde_json::from_str(&kept).unwrap_or_default(), last)))
        })?
        .collect()
}

fn sql_int(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn anna() -> AccountName {
        AccountName {
            organisation: Organisation::named("acme"),
            name: "anna@ours.example".to_string(),
        }
    }

    fn id(number: u8) -> Id {
        Id::new(UnixMs(1), [number; 10])
    }

    #[tokio::test]
    async fn a_held_account_is_held_after_a_restart_and_told_of_once() {
        let folder = tempfile::tempdir().unwrap();
        let clock = Clock::by_hand(UnixMs(1_800_000_000_000));
        let habits = Habits::open(folder.path(), clock.clone()).unwrap().0;
        assert_eq!(habits.take(&anna(), Sent::Mail(250), 200).pace, Pace::Slowed);
        habits.note_slowed(&anna(), id(1));
        let counted = habits.take(&anna(), Sent::Mail(250), 200);
        assert!(matches!(counted.pace, Pace::Held(Why::Volume { recipients: 500, .. })));
        assert_eq!(counted.held_now, Some(vec![id(1)]), "what waits for its time waits on");
        assert_eq!(habits.take(&anna(), Sent::Mail(1), 200).held_now, None);
        habits.note_waiting(&anna(), &[id(1), id(2), id(3), id(4)]);
        let untold = habits.untold();
        assert_eq!((untold[0].waiting, untold[0].samples.len()), (4, limits::ACCOUNT_SAMPLES_MAX));
        habits.note_told(&anna());
        habits.settled().await.unwrap();
        drop(habits);
        let habits = Habits::open(folder.path(), clock.clone()).unwrap().0;
        assert!(habits.held(&anna()).is_some() && habits.untold().is_empty());
        assert_eq!(habits.seen(200)[0].recipients, 501);
        assert_eq!(habits.release("nobody"), []);
        assert_eq!(habits.release("ANNA@ours.example"), [anna()]);
        assert_eq!(habits.take(&anna(), Sent::Mail(2_000), 200).pace, Pace::Free);
        habits.settled().await.unwrap();
        drop(habits);
        let habits = Habits::open(folder.path(), clock.clone()).unwrap().0;
        assert_eq!(habits.take(&anna(), Sent::Mail(2_000), 200).pace, Pace::Free, "once let go");
        clock.advance(limits::ACCOUNT_HABIT_SPAN * 2);
        assert_eq!((habits.retain(), habits.held_count()), (1, 0));
    }

    #[tokio::test]
    async fn a_house_is_known_after_a_day_and_a_restart_changes_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let clock = Clock::by_hand(UnixMs(1_800_000_000_000));
        let habits = Habits::open(folder.path(), clock.clone()).unwrap().0;
        let owner = anna().organisation;
        assert!(!habits.knows(&owner));
        habits.take(&anna(), Sent::Mail(1), 200);
        habits.settled().await.unwrap();
        drop(habits);
        clock.advance(limits::HOUSE_NEW_SPAN);
        let habits = Habits::open(folder.path(), clock.clone()).unwrap().0;
        assert!(habits.knows(&owner));
        assert!(!habits.knows(&Organisation::named("other")));
    }

    #[tokio::test]
    async fn there_are_never_more_accounts_than_the_bound_and_held_ones_stay() {
        let folder = tempfile::tempdir().unwrap();
        let clock = Clock::by_hand(UnixMs(1_800_000_000_000));
        let habits = Habits::open(folder.path(), clock.clone()).unwrap().0;
        assert!(matches!(habits.take(&anna(), Sent::Mail(900), 200).pace, Pace::Held(_)));
        for number in 0..limits::ACCOUNTS_REMEMBERED_MAX + 5_000 {
            clock.advance(std::time::Duration::from_millis(1));
            let name = AccountName { name: format!("{number}@ours.example"), ..anna() };
            habits.take(&name, Sent::Mail(1), 200);
        }
        assert!(habits.accounts().len() <= limits::ACCOUNTS_REMEMBERED_MAX);
        assert!(habits.held(&anna()).is_some());
    }
}
