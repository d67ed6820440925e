//! Accounts in SQLite, in a database of their own: commands change it beside the running gateway, and each log-in reads what is there now.
//!
//! Looking up and comparing cost the same for a user who exists, one who is disabled and one who does not.
//! How many passwords are compared at a time is bounded, since each takes a core and 19 MiB.

use super::db::{Db, Options, Promise};
use crate::{
    base::{
        clock::{Clock, UnixMs},
        hidden::Hidden,
        limits,
    },
    mail::{Domain, Organisation},
    store::{
        StoreError,
        accounts::{Account, PasswordHash, Purpose, Role, UserName, WebAccess},
        private,
    },
};
use rusqlite::{OptionalExtension, Row, params};
use std::{path::Path, sync::Arc};
use tokio::sync::Semaphore;

/// The accounts on this machine.
#[derive(Clone)]
pub struct Accounts {
    pub(super) db: Db,
    pub(super) clock: Clock,
    checks: Arc<Semaphore>,
}

impl std::fmt::Debug for Accounts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Accounts").field("file", &self.db.file()).finish_non_exhaustive()
    }
}

/// What came of comparing a password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LogIn {
    /// It is this account's.
    Welcome(Account),
    /// It is not. Whether there is such an account is for our own log alone.
    Wrong {
        /// There is one.
        known: bool,
    },
    /// Too many were waiting to be compared.
    Busy,
}

/// What came of making an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Made {
    /// It is there.
    Yes,
    /// One with this name and purpose was there already.
    Taken,
}

/// Which accounts to list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AccountFilter {
    /// Those of one purpose.
    pub purpose: Option<Purpose>,
    /// Those of one organisation.
    pub organisation: Option<Organisation>,
    /// At most this many, by name.
    pub rows: usize,
}

const MIGRATIONS: &[&str] = &["
CREATE TABLE account (
    purpose TEXT NOT NULL,
    name TEXT NOT NULL,
    organisation TEXT NOT NULL,
    hash TEXT NOT NULL,
    enabled INTEGER NOT NULL,
    created INTEGER NOT NULL,
    password_set INTEGER NOT NULL,
    last_used INTEGER NOT NULL,
    PRIMARY KEY (purpose, name)
) STRICT, WITHOUT ROWID;
CREATE INDEX account_by_organisation ON account (organisation, purpose, name);
", "
-- What a web account may do, and where; of the time before roles each was the operator's own.
ALTER TABLE account ADD COLUMN role TEXT NOT NULL DEFAULT 'admin';
ALTER TABLE account ADD COLUMN everywhere INTEGER NOT NULL DEFAULT 1;
ALTER TABLE account ADD COLUMN domains TEXT NOT NULL DEFAULT '';
-- The secret of one-time passwords, sealed; NULL: none. And the last step that was used, so that none is used twice.
ALTER TABLE account ADD COLUMN one_time BLOB;
ALTER TABLE account ADD COLUMN one_time_step INTEGER NOT NULL DEFAULT 0;
CREATE TABLE recovery (
    name TEXT NOT NULL,
    hash BLOB NOT NULL,
    PRIMARY KEY (name, hash)
) STRICT, WITHOUT ROWID;
CREATE TABLE session (
    hash BLOB PRIMARY KEY,
    name TEXT NOT NULL,
    began INTEGER NOT NULL,
    ends INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX session_by_name ON session (name);
", "
-- What programs come with instead of a password and a session.
CREATE TABLE token (
    hash BLOB PRIMARY KEY,
    name TEXT NOT NULL,
    label TEXT NOT NULL,
    rights TEXT NOT NULL,
    made INTEGER NOT NULL,
    ends INTEGER NOT NULL,
    last_used INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX token_by_name ON token (name);
", "
-- Searches that somebody gave a name.
CREATE TABLE view (
    id TEXT PRIMARY KEY,
    owner TEXT NOT NULL,
    page TEXT NOT NULL,
    label TEXT NOT NULL,
    query TEXT NOT NULL,
    shared INTEGER NOT NULL,
    saved INTEGER NOT NULL,
    UNIQUE (owner, page, label)
) STRICT, WITHOUT ROWID;
CREATE INDEX view_shared ON view (shared) WHERE shared = 1;
", "
-- Somebody else made up the password, and knows it, until the owner of the account has set one.
ALTER TABLE account ADD COLUMN given INTEGER NOT NULL DEFAULT 0;
"];

pub(super) const COLUMNS: &str = "name, purpose, organisation, enabled, created, password_set, last_used, hash, role, everywhere, domains,
     one_time IS NOT NULL";

impl Accounts {
    /// Opens the accounts in `folder`. What is made here belongs to whom the folder above belongs: a command that root runs must not
    /// lock the gateway out.
    pub fn open(folder: &Path, clock: Clock) -> Result<Accounts, StoreError> {
        private::folder(folder)?;
        let options = Options {
            promise: Promise::Full,
            gather: limits::ACCOUNTS_COMMIT_INTERVAL,
            jobs_max: limits::GROUP_COMMIT_ROWS_MAX,
            waiting_max: limits::ACCOUNTS_WAITING_MAX,
            migrations: MIGRATIONS,
        };
        let file = folder.join("accounts.db");
        let db = Db::open(&file, options)?;
        private::give_to_owner_above(folder)?;
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let checks = Arc::new(Semaphore::new(cores.min(limits::PASSWORD_CHECKS_MAX)));
        Ok(Accounts { db, clock, checks })
    }

    /// Is this the password of this user?
    pub async fn log_in(
        &self,
        purpose: Purpose,
        name: &str,
        password: Hidden<String>,
    ) -> Result<LogIn, StoreError> {
        // A name that cannot be one is looked up as one that is not there, so that it takes as long.
        let key = UserName::parse(name).map_or_else(|_| String::new(), |name| name.to_string());
        let row = self.row(purpose, key).await?;
        let waited =
            tokio::time::timeout(limits::PASSWORD_CHECK_WAIT_MAX, self.checks.acquire()).await;
        let Ok(Ok(_turn)) = waited else { return Ok(LogIn::Busy) };
        let (account, hash) =
            row.map_or((None, PasswordHash::nobodys()), |(account, hash)| (Some(account), hash));
        let compared = tokio::task::spawn_blocking(move || hash.fits(&password)).await;
        let fits = compared
            .map_err(|error| damaged(error.to_string()))?
            .map_err(|error| damaged(error.to_string()))?;
        match account {
            Some(account) if fits && account.enabled => {
                self.note_use(&account);
                Ok(LogIn::Welcome(account))
            }
            Some(_) => Ok(LogIn::Wrong { known: true }),
            None => Ok(LogIn::Wrong { known: false }),
        }
    }

    /// One account.
    pub async fn get(
        &self,
        purpose: Purpose,
        name: &UserName,
    ) -> Result<Option<Account>, StoreError> {
        let row = self.row(purpose, name.to_string()).await?;
        Ok(row.map(|(account, _)| account))
    }

    /// Makes an account.
    pub async fn add(
        &self,
        purpose: Purpose,
        name: &UserName,
        organisation: &Organisation,
        hash: PasswordHash,
    ) -> Result<Made, StoreError> {
        let (name, owner) = (name.to_string(), organisation.name().to_string());
        let now = sql_int(self.clock.now());
        let added = self.db.write("making an account", move |connection| {
            connection.execute(
                "INSERT OR IGNORE INTO account (purpose, name, organisation, hash, enabled, created, password_set, last_used)
                 VALUES (?1, ?2, ?3, ?4, 1, ?5, ?5, 0)",
                params![purpose.word(), name, owner, hash.as_str(), now],
            )
        });
        Ok(if added.await? == 1 { Made::Yes } else { Made::Taken })
    }

    /// Gives an account a new password; false when there is no such account.
    pub async fn set_password(
        &self,
        purpose: Purpose,
        name: &UserName,
        hash: PasswordHash,
    ) -> Result<bool, StoreError> {
        let (name, now) = (name.to_string(), sql_int(self.clock.now()));
        let set = self.db.write("setting a password", move |connection| {
            connection.execute(
                "UPDATE account SET hash = ?3, password_set = ?4, given = 0 WHERE purpose = ?1 AND name = ?2",
                params![purpose.word(), name, hash.as_str(), now],
            )
        });
        Ok(set.await? == 1)
    }

    /// Lets an account log in, or not; false when there is no such account.
    pub async fn set_enabled(
        &self,
        purpose: Purpose,
        name: &UserName,
        enabled: bool,
    ) -> Result<bool, StoreError> {
        let name = name.to_string();
        let set = self.db.write("changing an account", move |connection| {
            connection.execute(
                "UPDATE account SET enabled = ?3 WHERE purpose = ?1 AND name = ?2",
                params![purpose.word(), name, enabled],
            )
        });
        Ok(set.await? == 1)
    }

    /// Removes an account; false when there is no such account.
    pub async fn remove(&self, purpose: Purpose, name: &UserName) -> Result<bool, StoreError> {
        let name = name.to_string();
        let removed = self.db.write("removing an account", move |connection| {
            if purpose == Purpose::Web {
                for table in ["session", "recovery", "token"] {
                    let forget = format!("DELETE FROM {table} WHERE name = ?1");
                    connection.execute(&forget, [&name])?;
                }
                connection.execute("DELETE FROM view WHERE owner = ?1", [&name])?;
            }
            connection.execute(
                "DELETE FROM account WHERE purpose = ?1 AND name = ?2",
                params![purpose.word(), name],
            )
        });
        Ok(removed.await? == 1)
    }

    /// The accounts, by organisation, purpose and name.
    pub async fn list(&self, filter: AccountFilter) -> Result<Vec<Account>, StoreError> {
        self.db
            .read("listing the accounts", move |connection| {
                connection
                    .prepare(&format!(
                        "SELECT {COLUMNS} FROM account
                         WHERE (?1 IS NULL OR organisation = ?1) AND (?2 IS NULL OR purpose = ?2)
                         ORDER BY organisation, purpose, name LIMIT ?3"
                    ))?
                    .query_map(
                        params![
                            filter.organisation.as_ref().map(Organisation::name),
                            filter.purpose.map(Purpose::word),
                            i64::try_from(filter.rows).unwrap_or(i64::MAX),
                        ],
                        |row| read(row).map(|(account, _)| account),
                    )?
                    .collect()
            })
            .await
    }

    async fn row(
        &self,
        purpose: Purpose,
        name: String,
    ) -> Result<Option<(Account, PasswordHash)>, StoreError> {
        self.db
            .read("looking up an account", move |connection| {
                connection
                    .prepare_cached(&format!(
                        "SELECT {COLUMNS} FROM account WHERE purpose = ?1 AND name = ?2"
                    ))?
                    .query_row(params![purpose.word(), name], read)
                    .optional()
            })
            .await
    }

    /// Of a person who logs in to the web at once; of a program that sends mail once an hour, for its log-ins must not cost a write each.
    /// Together with other changes.
    fn note_use(&self, account: &Account) {
        let now = self.clock.now();
        let is_often = match account.purpose {
            Purpose::Smtp => true,
            Purpose::Web => false,
        };
        if is_often && now.since(account.last_used) < limits::LAST_USED_STEP {
            return;
        }
        let (purpose, name) = (account.purpose, account.name.clone());
        // Too many are waiting to be written: then it stands there an hour later.
        let _next_time = self.db.write_soon(move |connection| {
            connection
                .prepare_cached(
                    "UPDATE account SET last_used = ?3 WHERE purpose = ?1 AND name = ?2",
                )?
                .execute(params![purpose.word(), name, sql_int(now)])
                .map(drop)
        });
    }
}

pub(super) fn read(row: &Row) -> rusqlite::Result<(Account, PasswordHash)> {
    let time = |column| row.get::<_, i64>(column).map(|at| UnixMs(u64::try_from(at).unwrap_or(0)));
    let purpose = match row.get::<_, String>(1)?.as_str() {
        "web" => Purpose::Web,
        _ => Purpose::Smtp,
    };
    let account = Account {
        name: row.get(0)?,
        purpose,
        organisation: Organisation::named(&row.get::<_, String>(2)?),
        enabled: row.get(3)?,
        created: time(4)?,
        password_set: time(5)?,
        last_used: time(6)?,
        web: match purpose {
            Purpose::Smtp => None,
            Purpose::Web => Some(web_access(row)?),
        },
    };
    Ok((account, PasswordHash::stored(row.get(7)?)))
}

fn web_access(row: &Row) -> rusqlite::Result<WebAccess> {
    let (role, domains): (String, String) = (row.get(8)?, row.get(10)?);
    Ok(WebAccess {
        // A word that a newer sluss wrote gives the least.
        role: role.parse().unwrap_or(Role::Helpdesk),
        everywhere: row.get(9)?,
        domains: domains.split_whitespace().filter_map(|name| Domain::parse(name).ok()).collect(),
        second_factor: row.get(11)?,
    })
}

fn damaged(why: String) -> StoreError {
    StoreError::Damaged { what: "an account".to_string(), why }
}

pub(super) fn sql_int(at: UnixMs) -> i64 {
    i64::try_from(at.0).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn name(text: &str) -> UserName {
        UserName::parse(text).unwrap()
    }

    fn secret(text: &str) -> Hidden<String> {
        Hidden::new("password", text.to_string())
    }

    fn hash(text: &str) -> PasswordHash {
        PasswordHash::make(&secret(text)).unwrap()
    }

    async fn wrong(accounts: &Accounts, purpose: Purpose, name: &str, password: &str) -> bool {
        matches!(
            accounts.log_in(purpose, name, secret(password)).await.unwrap(),
            LogIn::Wrong { .. }
        )
    }

    #[tokio::test]
    async fn an_account_from_its_making_to_its_end() {
        let folder = tempfile::tempdir().unwrap();
        let clock = Clock::by_hand(UnixMs(1_000_000));
        let accounts = Accounts::open(&folder.path().join("accounts"), clock.clone()).unwrap();
        // Commands open the same file beside the gateway.
        let command = Accounts::open(&folder.path().join("accounts"), clock.clone()).unwrap();
        let (anna, acme) = (name("Anna@Ours.example"), Organisation::named("acme"));
        let smtp = Purpose::Smtp;
        assert!(wrong(&accounts, smtp, "anna@ours.example", "first password").await);
        assert_eq!(
            command.add(smtp, &anna, &acme, hash("first password")).await.unwrap(),
            Made::Yes
        );
        assert_eq!(
            command.add(smtp, &anna, &acme, hash("other password")).await.unwrap(),
            Made::Taken
        );
        let came = accounts.log_in(smtp, "ANNA@ours.example", secret("first password")).await;
        let LogIn::Welcome(account) = came.unwrap() else { panic!("not let in") };
        assert_eq!((account.name.as_str(), &account.organisation), ("anna@ours.example", &acme));
        assert!(wrong(&accounts, smtp, "anna@ours.example", "other password").await);
        assert!(wrong(&accounts, Purpose::Web, "anna@ours.example", "first password").await);
        assert!(command.set_password(smtp, &anna, hash("second password")).await.unwrap());
        assert!(wrong(&accounts, smtp, "anna@ours.example", "first password").await);
        assert!(!wrong(&accounts, smtp, "anna@ours.example", "second password").await);
        assert!(command.set_enabled(smtp, &anna, false).await.unwrap());
        assert!(wrong(&accounts, smtp, "anna@ours.example", "second password").await);
        assert!(!accounts.get(smtp, &anna).await.unwrap().unwrap().enabled);
        assert!(command.remove(smtp, &anna).await.unwrap());
        assert!(accounts.get(smtp, &anna).await.unwrap().is_none());
        assert!(!command.remove(smtp, &anna).await.unwrap());
        assert!(!command.set_enabled(smtp, &anna, true).await.unwrap());
        assert!(!command.set_password(smtp, &anna, hash("third password")).await.unwrap());
    }

    #[tokio::test]
    async fn the_last_use_of_a_program_is_written_once_an_hour_and_a_persons_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let clock = Clock::by_hand(UnixMs(10_000_000));
        let accounts = Accounts::open(folder.path(), clock.clone()).unwrap();
        let bo = name("bo");
        let purposes = [Purpose::Smtp, Purpose::Web];
        for purpose in purposes {
            accounts.add(purpose, &bo, &Organisation::implied(), hash("a password")).await.unwrap();
        }
        let mut seen = Vec::new();
        for minutes in [0, 59, 1] {
            clock.advance(Duration::from_secs(60 * minutes));
            for purpose in purposes {
                accounts.log_in(purpose, "bo", secret("a password")).await.unwrap();
                // Whoever waits for a write has waited for those before it.
                accounts.set_enabled(purpose, &bo, true).await.unwrap();
                seen.push(accounts.get(purpose, &bo).await.unwrap().unwrap().last_used.0);
            }
        }
        let (smtp, web) =
            ([10_000_000, 10_000_000, 13_600_000], [10_000_000, 13_540_000, 13_600_000]);
        let want: Vec<u64> = smtp.into_iter().zip(web).flat_map(<[u64; 2]>::from).collect();
        assert_eq!(seen, want);
    }

    #[tokio::test]
    async fn lists_are_by_organisation_and_purpose() {
        let folder = tempfile::tempdir().unwrap();
        let accounts = Accounts::open(folder.path(), Clock::by_hand(UnixMs(1))).unwrap();
        for (who, owner, purpose) in
            [("c", "two", Purpose::Smtp), ("a", "two", Purpose::Web), ("b", "one", Purpose::Smtp)]
        {
            let owner = Organisation::named(owner);
            accounts.add(purpose, &name(who), &owner, PasswordHash::nobodys()).await.unwrap();
        }
        let list = async |organisation: Option<&str>, purpose, rows| {
            let organisation = organisation.map(Organisation::named);
            let found = accounts.list(AccountFilter { organisation, purpose, rows }).await.unwrap();
            found.into_iter().map(|account| account.name).collect::<String>()
        };
        assert_eq!(list(None, None, 10).await, "bca");
        assert_eq!(list(None, None, 1).await, "b");
        assert_eq!(list(Some("two"), None, 10).await, "ca");
        assert_eq!(list(Some("two"), Some(Purpose::Web), 10).await, "a");
        assert_eq!(list(Some("nobody"), None, 10).await, "");
    }

    #[tokio::test]
    async fn a_damaged_hash_is_no_answer() {
        let folder = tempfile::tempdir().unwrap();
        let accounts = Accounts::open(folder.path(), Clock::by_hand(UnixMs(1))).unwrap();
        let broken = PasswordHash::stored("$argon2id$v=19$m=1".to_string());
        let owner = Organisation::implied();
        accounts.add(Purpose::Smtp, &name("bo"), &owner, broken).await.unwrap();
        let came = accounts.log_in(Purpose::Smtp, "bo", secret("a password")).await;
        assert!(matches!(came, Err(StoreError::Damaged { .. })), "{came:?}");
    }
}
