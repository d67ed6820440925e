//! What web accounts have beyond a password: what they may do, a second factor, and open sessions.
//!
//! A session's id and a recovery code are kept as BLAKE3 hashes alone: both are random and long, so a slow hash would add nothing.
//! A session ends with its account, with a new password and with its time.

use super::{
    Accounts, Made,
    accounts::{COLUMNS, read, sql_int},
};
use crate::{
    base::{clock::UnixMs, limits},
    mail::Organisation,
    store::{
        StoreError,
        accounts::{Account, PasswordHash, Purpose, UserName, WebAccess},
    },
};
use rusqlite::{Connection, OptionalExtension, Row, params};

/// A hash of something that nobody can guess.
pub type SecretHash = [u8; 32];

/// The password of a new account, and who knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Password {
    /// Whoever it is for.
    Own(PasswordHash),
    /// Whoever made the account as well: its owner sets another one before anything else.
    Given(PasswordHash),
}

/// What a second factor is checked with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OneTime {
    /// The secret, sealed.
    pub sealed: Vec<u8>,
    /// The last step that was used.
    pub last_step: u64,
}

/// An open session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebSession {
    /// Whose.
    pub account: Account,
    /// When it began.
    pub began: UnixMs,
    /// Somebody else made up the password that it was opened with.
    pub given: bool,
}

/// What a program comes with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    /// Names it where it is listed: the beginning of its hash, in hex.
    pub id: String,
    /// What its owner calls it.
    pub label: String,
    /// The words of the rights it has, of those that its account has.
    pub rights: Vec<String>,
    /// When it was made.
    pub made: UnixMs,
    /// When it ends.
    pub ends: UnixMs,
    /// When it was used last, to the hour; zero: never.
    pub last_used: UnixMs,
}

impl Accounts {
    /// Makes a token for an account; the other side keeps that of which this is the hash. False when it has as many as it may.
    pub async fn add_token(
        &self,
        hash: SecretHash,
        account: &Account,
        label: &str,
        rights: &[&str],
        ends: UnixMs,
    ) -> Result<bool, StoreError> {
        let (name, label, rights) = (account.name.clone(), label.to_string(), rights.join(" "));
        let now = sql_int(self.clock.now());
        let most = i64::try_from(limits::TOKENS_PER_ACCOUNT_MAX).unwrap_or(i64::MAX);
        let added = self.db.write("making a token", move |connection| {
            connection.execute("DELETE FROM token WHERE ends <= ?1", [now])?;
            connection.execute(
                "INSERT INTO token (hash, name, label, rights, made, ends, last_used)
                 SELECT ?1, ?2, ?3, ?4, ?5, ?6, 0 WHERE (SELECT count(*) FROM token WHERE name = ?2) < ?7",
                params![hash.as_slice(), name, label, rights, now, sql_int(ends), most],
            )
        });
        Ok(added.await? == 1)
    }

    /// The account and the token with this hash, while both may be used.
    pub async fn token(&self, hash: SecretHash) -> Result<Option<(Account, Token)>, StoreError> {
        let now = self.clock.now();
        let found = self
            .db
            .read("looking up a token", move |connection| {
                let token = connection
                    .prepare_cached(&format!(
                        "SELECT {TOKEN_COLUMNS}, name FROM token WHERE hash = ?1 AND ends > ?2"
                    ))?
                    .query_row(params![hash.as_slice(), sql_int(now)], |row| {
                        Ok((read_token(row)?, row.get::<_, String>(6)?))
                    })
                    .optional()?;
                let Some((token, name)) = token else { return Ok(None) };
                let account = connection
                    .prepare_cached(&format!(
                        "SELECT {COLUMNS} FROM account WHERE purpose = 'web' AND enabled = 1 AND name = ?1"
                    ))?
                    .query_row([name], |row| read(row).map(|(account, _)| account))
                    .optional()?;
                Ok(account.map(|account| (account, token)))
            })
            .await?;
        if let Some((_, token)) = &found
            && now.since(token.last_used) >= limits::LAST_USED_STEP
        {
            // Once an hour; one that is missed stands there at the next use.
            let _next_time = self.db.write_soon(move |connection| {
                connection
                    .execute(
                        "UPDATE token SET last_used = ?2 WHERE hash = ?1",
                        params![hash.as_slice(), sql_int(now)],
                    )
                    .map(drop)
            });
        }
        Ok(found)
    }

    /// The tokens of an account, the newest first.
    pub async fn tokens(&self, name: &str) -> Result<Vec<Token>, StoreError> {
        let (name, now) = (name.to_string(), sql_int(self.clock.now()));
        self.db
            .read("listing tokens", move |connection| {
                connection
                    .prepare_cached(&format!(
                        "SELECT {TOKEN_COLUMNS} FROM token WHERE name = ?1 AND ends > ?2 ORDER BY made DESC"
                    ))?
                    .query_map(params![name, now], read_token)?
                    .collect()
            })
            .await
    }

    /// Ends a token of an account; false when it has none with this id.
    pub async fn remove_token(&self, name: &str, id: &str) -> Result<bool, StoreError> {
        let (name, id) = (name.to_string(), id.to_string());
        let removed = self.db.write("ending a token", move |connection| {
            connection.execute(
                "DELETE FROM token WHERE name = ?1 AND lower(hex(substr(hash, 1, 8))) = ?2",
                [name, id],
            )
        });
        Ok(removed.await? == 1)
    }

    /// What a web account may do from now on; false when there is no such account. The second factor stays as it is.
    pub async fn set_access(
        &self,
        name: &UserName,
        organisation: &Organisation,
        access: WebAccess,
    ) -> Result<bool, StoreError> {
        let (name, owner) = (name.to_string(), organisation.name().to_string());
        let set = self.db.write("changing what an account may do", move |connection| {
            write_access(connection, &name, &owner, &access)
        });
        Ok(set.await? == 1)
    }

    /// Makes an account for the web that may do this.
    pub async fn add_for_web(
        &self,
        name: &UserName,
        organisation: &Organisation,
        password: Password,
        access: WebAccess,
    ) -> Result<Made, StoreError> {
        let (hash, given) = match password {
            Password::Own(hash) => (hash, false),
            Password::Given(hash) => (hash, true),
        };
        let (name, owner) = (name.to_string(), organisation.name().to_string());
        let now = sql_int(self.clock.now());
        let added = self.db.write("making a web account", move |connection| {
            let added = connection.execute(
                "INSERT OR IGNORE INTO account (purpose, name, organisation, hash, enabled, created, password_set, last_used, given)
                 VALUES ('web', ?1, ?2, ?3, 1, ?4, ?4, 0, ?5)",
                params![name, owner, hash.as_str(), now, given],
            )?;
            if added == 1 {
                write_access(connection, &name, &owner, &access)?;
            }
            Ok(added)
        });
        Ok(if added.await? == 1 { Made::Yes } else { Made::Taken })
    }

    /// Is there any account for the web?
    pub async fn any_for_web(&self) -> Result<bool, StoreError> {
        self.db
            .read("looking for web accounts", |connection| {
                connection
                    .prepare_cached("SELECT 1 FROM account WHERE purpose = 'web' LIMIT 1")?
                    .exists([])
            })
            .await
    }

    /// The second factor of an account, if it has one.
    pub async fn one_time(&self, name: &str) -> Result<Option<OneTime>, StoreError> {
        let name = name.to_string();
        self.db
            .read("looking up a second factor", move |connection| {
                let found = connection
                    .prepare_cached("SELECT one_time, one_time_step FROM account WHERE purpose = 'web' AND name = ?1")?
                    .query_row([name], |row| {
                        let step = u64::try_from(row.get::<_, i64>(1)?).unwrap_or(0);
                        Ok((row.get::<_, Option<Vec<u8>>>(0)?, step))
                    })
                    .optional()?;
                Ok(found.and_then(|(sealed, last_step)| Some(OneTime { sealed: sealed?, last_step })))
            })
            .await
    }

    /// Gives an account a second factor and recovery codes in place of those it had; with `None` it has none from now on.
    pub async fn set_one_time(
        &self,
        name: &str,
        factor: Option<(Vec<u8>, Vec<SecretHash>)>,
    ) -> Result<bool, StoreError> {
        let name = name.to_string();
        let (sealed, codes) = match factor {
            Some((sealed, codes)) => (Some(sealed), codes),
            None => (None, Vec::new()),
        };
        let set = self.db.write("setting a second factor", move |connection| {
            connection.execute("DELETE FROM recovery WHERE name = ?1", [&name])?;
            for code in &codes {
                connection.execute(
                    "INSERT OR IGNORE INTO recovery (name, hash) VALUES (?1, ?2)",
                    params![name, code.as_slice()],
                )?;
            }
            connection.execute(
                "UPDATE account SET one_time = ?2, one_time_step = 0 WHERE purpose = 'web' AND name = ?1",
                params![name, sealed],
            )
        });
        Ok(set.await? == 1)
    }

    /// Uses up a step of the one-time passwords; true for exactly one caller, and never for a step at or before the last one.
    pub async fn use_step(&self, name: &str, step: u64) -> Result<bool, StoreError> {
        let name = name.to_string();
        let step = i64::try_from(step).unwrap_or(i64::MAX);
        let used = self.db.write("using a one-time password", move |connection| {
            connection.execute(
                "UPDATE account SET one_time_step = ?2 WHERE purpose = 'web' AND name = ?1 AND one_time_step < ?2",
                params![name, step],
            )
        });
        Ok(used.await? == 1)
    }

    /// Uses up a recovery code; true for exactly one caller.
    pub async fn use_recovery(&self, name: &str, code: SecretHash) -> Result<bool, StoreError> {
        let name = name.to_string();
        let used = self.db.write("using a recovery code", move |connection| {
            connection.execute(
                "DELETE FROM recovery WHERE name = ?1 AND hash = ?2",
                params![name, code.as_slice()],
            )
        });
        Ok(used.await? == 1)
    }

    /// How many recovery codes an account has left.
    pub async fn recovery_left(&self, name: &str) -> Result<usize, StoreError> {
        let name = name.to_string();
        self.db
            .read("counting recovery codes", move |connection| {
                connection
                    .prepare_cached("SELECT count(*) FROM recovery WHERE name = ?1")?
                    .query_row([name], |row| row.get::<_, i64>(0))
            })
            .await
            .map(|count| usize::try_from(count).unwrap_or(0))
    }

    /// Opens a session; the other side keeps the id of which this is the hash. Sessions whose time is over go at the same time.
    pub async fn begin_session(
        &self,
        hash: SecretHash,
        account: &Account,
        ends: UnixMs,
    ) -> Result<(), StoreError> {
        let (name, now) = (account.name.clone(), sql_int(self.clock.now()));
        self.db
            .write("opening a session", move |connection| {
                connection.execute("DELETE FROM session WHERE ends <= ?1", [now])?;
                connection.execute(
                    "INSERT INTO session (hash, name, began, ends) VALUES (?1, ?2, ?3, ?4)",
                    params![hash.as_slice(), name, now, sql_int(ends)],
                )
            })
            .await
            .map(drop)
    }

    /// The session with this id, if it is open and its account still may log in with the password it had then.
    pub async fn session(&self, hash: SecretHash) -> Result<Option<WebSession>, StoreError> {
        let now = sql_int(self.clock.now());
        self.db
            .read("looking up a session", move |connection| {
                connection
                    .prepare_cached(&format!(
                        "SELECT {COLUMNS}, (SELECT began FROM session WHERE hash = ?1), given FROM account
                         WHERE purpose = 'web' AND enabled = 1 AND name = (SELECT name FROM session WHERE hash = ?1 AND ends > ?2)
                         AND password_set <= (SELECT began FROM session WHERE hash = ?1)"
                    ))?
                    .query_row(params![hash.as_slice(), now], |row| {
                        let (account, _) = read(row)?;
                        let began = UnixMs(u64::try_from(row.get::<_, i64>(12)?).unwrap_or(0));
                        Ok(WebSession { account, began, given: row.get(13)? })
                    })
                    .optional()
            })
            .await
    }

    /// Ends a session.
    pub async fn end_session(&self, hash: SecretHash) -> Result<(), StoreError> {
        self.db
            .write("ending a session", move |connection| {
                connection.execute("DELETE FROM session WHERE hash = ?1", [hash.as_slice()])
            })
            .await
            .map(drop)
    }

    /// Ends all sessions of an account but one; gives how many.
    pub async fn end_other_sessions(
        &self,
        name: &str,
        but: Option<SecretHash>,
    ) -> Result<usize, StoreError> {
        let name = name.to_string();
        self.db
            .write("ending sessions", move |connection| {
                let kept: &[u8] = but.as_ref().map_or(&[], |hash| hash.as_slice());
                connection.execute(
                    "DELETE FROM session WHERE name = ?1 AND hash <> ?2",
                    params![name, kept],
                )
            })
            .await
    }

    /// Web accounts by name, for the page that lists them.
    pub async fn web_account(&self, name: &UserName) -> Result<Option<Account>, StoreError> {
        self.get(Purpose::Web, name).await
    }
}

const TOKEN_COLUMNS: &str = "lower(hex(substr(hash, 1, 8))), label, rights, made, ends, last_used";

fn read_token(row: &Row) -> rusqlite::Result<Token> {
    let time = |column| row.get::<_, i64>(column).map(|at| UnixMs(u64::try_from(at).unwrap_or(0)));
    Ok(Token {
        id: row.get(0)?,
        label: row.get(1)?,
        rights: row.get::<_, String>(2)?.split_whitespace().map(str::to_string).collect(),
        made: time(3)?,
        ends: time(4)?,
        last_used: time(5)?,
    })
}

pub(super) fn write_access(
    connection: &Connection,
    name: &str,
    organisation: &str,
    access: &WebAccess,
) -> rusqlite::Result<usize> {
    let domains: Vec<&str> = access.domains.iter().map(|domain| domain.as_str()).collect();
    connection.execute(
        "UPDATE account SET organisation = ?2, role = ?3, everywhere = ?4, domains = ?5 WHERE purpose = 'web' AND name = ?1",
        params![name, organisation, access.role.word(), access.everywhere, domains.join(" ")],
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{base::clock::Clock, mail::Domain, store::accounts::Role};
    use std::time::Duration;

    async fn with_eva(clock: &Clock) -> (tempfile::TempDir, Accounts, UserName) {
        let folder = tempfile::tempdir().unwrap();
        let accounts = Accounts::open(folder.path(), clock.clone()).unwrap();
        let eva = UserName::parse("eva").unwrap();
        let owner = Organisation::named("acme");
        accounts.add(Purpose::Web, &eva, &owner, PasswordHash::nobodys()).await.unwrap();
        (folder, accounts, eva)
    }

    #[tokio::test]
    async fn a_session_lasts_until_its_account_its_password_or_its_time_ends() {
        let clock = Clock::by_hand(UnixMs(1_000_000));
        let (_folder, accounts, eva) = with_eva(&clock).await;
        let account = accounts.web_account(&eva).await.unwrap().unwrap();
        let open = async |number: u8| accounts.session([number; 32]).await.unwrap().is_some();
        for number in 1..=4 {
            accounts.begin_session([number; 32], &account, UnixMs(2_000_000)).await.unwrap();
            assert!(open(number).await);
        }
        assert!(!open(9).await);
        accounts.end_session([1; 32]).await.unwrap();
        assert!(!open(1).await && open(2).await);
        assert_eq!(accounts.end_other_sessions("eva", Some([2; 32])).await.unwrap(), 2);
        assert!(!open(3).await && open(2).await);
        accounts.set_enabled(Purpose::Web, &eva, false).await.unwrap();
        assert!(!open(2).await);
        accounts.set_enabled(Purpose::Web, &eva, true).await.unwrap();
        clock.advance(Duration::from_secs(1));
        accounts.set_password(Purpose::Web, &eva, PasswordHash::nobodys()).await.unwrap();
        assert!(!open(2).await, "a new password ends the sessions of the old one");
        accounts.begin_session([5; 32], &account, UnixMs(2_000_000)).await.unwrap();
        assert!(open(5).await);
        clock.advance(Duration::from_secs(999));
        assert!(!open(5).await);
        accounts.begin_session([6; 32], &account, UnixMs(9_000_000)).await.unwrap();
        accounts.remove(Purpose::Web, &eva).await.unwrap();
        accounts
            .add(Purpose::Web, &eva, &Organisation::named("acme"), PasswordHash::nobodys())
            .await
            .unwrap();
        assert!(!open(6).await, "another account of the same name has none of its sessions");
    }

    #[tokio::test]
    async fn a_second_factor_and_its_codes_work_once() {
        let (_folder, accounts, eva) = with_eva(&Clock::by_hand(UnixMs(1))).await;
        assert_eq!(accounts.one_time("eva").await.unwrap(), None);
        let codes = vec![[1; 32], [2; 32]];
        assert!(accounts.set_one_time("eva", Some((vec![7], codes))).await.unwrap());
        let one_time = accounts.one_time("eva").await.unwrap().unwrap();
        assert_eq!((one_time.sealed, one_time.last_step), (vec![7], 0));
        for (step, want) in [(5, true), (5, false), (4, false), (6, true)] {
            assert_eq!(accounts.use_step("eva", step).await.unwrap(), want, "{step}");
        }
        assert!(accounts.use_recovery("eva", [1; 32]).await.unwrap());
        assert!(!accounts.use_recovery("eva", [1; 32]).await.unwrap());
        assert!(!accounts.use_recovery("bo", [2; 32]).await.unwrap());
        assert_eq!(accounts.recovery_left("eva").await.unwrap(), 1);
        assert!(accounts.web_account(&eva).await.unwrap().unwrap().web.unwrap().second_factor);
        accounts.set_one_time("eva", None).await.unwrap();
        assert_eq!(accounts.recovery_left("eva").await.unwrap(), 0);
        assert_eq!(accounts.one_time("eva").await.unwrap(), None);
    }

    #[tokio::test]
    async fn a_token_lasts_until_its_time_its_account_or_its_owner_ends_it() {
        let clock = Clock::by_hand(UnixMs(1_000_000));
        let (_folder, accounts, eva) = with_eva(&clock).await;
        let account = accounts.web_account(&eva).await.unwrap().unwrap();
        for number in 1..=3 {
            let rights = ["look", "decide"];
            let ends = UnixMs(2_000_000);
            assert!(
                accounts.add_token([number; 32], &account, "script", &rights, ends).await.unwrap()
            );
            clock.advance(Duration::from_secs(1));
        }
        let found = |number: u8| accounts.token([number; 32]);
        let (who, token) = found(1).await.unwrap().unwrap();
        assert_eq!(
            (who.name.as_str(), token.rights, token.id),
            ("eva", vec!["look".to_string(), "decide".to_string()], "01".repeat(8))
        );
        assert_eq!(accounts.tokens("eva").await.unwrap().len(), 3);
        assert!(!accounts.remove_token("bo", &"01".repeat(8)).await.unwrap());
        assert!(accounts.remove_token("eva", &"01".repeat(8)).await.unwrap());
        assert!(found(1).await.unwrap().is_none() && found(2).await.unwrap().is_some());
        accounts.set_enabled(Purpose::Web, &eva, false).await.unwrap();
        assert!(found(2).await.unwrap().is_none());
        accounts.set_enabled(Purpose::Web, &eva, true).await.unwrap();
        clock.advance(Duration::from_secs(1_000));
        assert!(found(2).await.unwrap().is_none());
        for number in 0..u8::try_from(limits::TOKENS_PER_ACCOUNT_MAX).unwrap() {
            let ends = UnixMs(9_000_000);
            assert!(accounts.add_token([number; 32], &account, "", &[], ends).await.unwrap());
        }
        assert!(!accounts.add_token([99; 32], &account, "", &[], UnixMs(9_000_000)).await.unwrap());
        accounts.remove(Purpose::Web, &eva).await.unwrap();
        assert!(found(5).await.unwrap().is_none());
    }

    #[tokio::test]
    async fn what_an_account_may_is_kept() {
        use crate::store::scope::Scope;
        let (_folder, accounts, eva) = with_eva(&Clock::by_hand(UnixMs(1))).await;
        let domain = Domain::parse("acme.example").unwrap();
        let acme = Organisation::named("acme");
        for (everywhere, domains, want) in [
            (true, vec![], Scope::Everything),
            (false, vec![], Scope::Organisation(acme.clone())),
            (false, vec![domain.clone()], Scope::Domains(acme.clone(), vec![domain.clone()])),
        ] {
            let role = Role::DomainAdmin;
            let access = WebAccess { role, everywhere, domains, second_factor: false };
            assert!(accounts.set_access(&eva, &acme, access.clone()).await.unwrap());
            let account = accounts.web_account(&eva).await.unwrap().unwrap();
            assert_eq!(account.scope(), Some(want));
            assert_eq!(account.web, Some(access));
        }
        assert!(accounts.any_for_web().await.unwrap());
    }
}
