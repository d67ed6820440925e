//! What one web account has changed at another: what it may do, its password, whether it may come in.
//!
//! Whatever makes less of an account, and a new password, ends its sessions in the same commit. The last owner who may come in stays one:
//! nobody could make another from the pages.

use super::{Accounts, accounts::sql_int, web_accounts::write_access};
use crate::{
    base::clock::UnixMs,
    mail::Organisation,
    store::{
        StoreError,
        accounts::{PasswordHash, Role, UserName, WebAccess},
    },
};
use rusqlite::{Connection, params};

/// What is to be changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WebChange {
    /// What it may do, and where. The second factor stays as it is.
    Access(Organisation, WebAccess),
    /// A password that somebody else knows, until its owner has set one.
    Password(PasswordHash),
    /// It may come in again.
    LetIn,
    /// It may not come in any more.
    KeepOut,
    /// It has no second factor any more, nor recovery codes.
    NoSecondFactor,
    /// It goes, with its tokens and saved searches.
    Removed,
}

/// What came of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Changed {
    /// It is so.
    Yes,
    /// There is no such account.
    Missing,
    /// It is the last owner who may come in, and stays so.
    LastOwner,
}

/// What there is of an account besides itself.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Belongings {
    /// Sessions that are open.
    pub sessions: u64,
    /// Tokens of its programs.
    pub tokens: u64,
    /// Searches that it saved.
    pub views: u64,
}

impl Accounts {
    /// Changes a web account.
    pub async fn change_web(
        &self,
        name: &UserName,
        change: WebChange,
    ) -> Result<Changed, StoreError> {
        let (name, now) = (name.to_string(), self.clock.now());
        self.db
            .write("changing a web account", move |connection| {
                let is_there = connection
                    .prepare_cached("SELECT 1 FROM account WHERE purpose = 'web' AND name = ?1")?
                    .exists([&name])?;
                if !is_there {
                    return Ok(Changed::Missing);
                }
                if ends_an_owner(&change) && is_last_owner(connection, &name)? {
                    return Ok(Changed::LastOwner);
                }
                apply(connection, &name, &change, now)?;
                Ok(Changed::Yes)
            })
            .await
    }

    /// What would go with a web account.
    pub async fn belongings(&self, name: &UserName) -> Result<Belongings, StoreError> {
        let (name, now) = (name.to_string(), sql_int(self.clock.now()));
        self.db
            .read("counting what an account has", move |connection| {
                connection
                    .prepare_cached(
                        "SELECT (SELECT count(*) FROM session WHERE name = ?1 AND ends > ?2),
                         (SELECT count(*) FROM token WHERE name = ?1 AND ends > ?2),
                         (SELECT count(*) FROM view WHERE owner = ?1)",
                    )?
                    .query_row(params![name, now], |row| {
                        let count = |column| {
                            row.get::<_, i64>(column).map(|n| u64::try_from(n).unwrap_or(0))
                        };
                        Ok(Belongings { sessions: count(0)?, tokens: count(1)?, views: count(2)? })
                    })
            })
            .await
    }
}

fn ends_an_owner(change: &WebChange) -> bool {
    match change {
        WebChange::Access(_, access) => access.role != Role::Owner || !access.everywhere,
        WebChange::KeepOut | WebChange::Removed => true,
        WebChange::Password(_) | WebChange::LetIn | WebChange::NoSecondFactor => false,
    }
}

fn is_last_owner(connection: &Connection, name: &str) -> rusqlite::Result<bool> {
    let owners = "SELECT 1 FROM account WHERE purpose = 'web' AND enabled = 1 AND role = 'owner' AND everywhere = 1";
    let is_one = connection.prepare_cached(&format!("{owners} AND name = ?1"))?.exists([name])?;
    let others = connection.prepare_cached(&format!("{owners} AND name <> ?1"))?.exists([name])?;
    Ok(is_one && !others)
}

fn apply(
    connection: &Connection,
    name: &str,
    change: &WebChange,
    now: UnixMs,
) -> rusqlite::Result<()> {
    let set_enabled = |enabled: bool| {
        connection.execute(
            "UPDATE account SET enabled = ?2 WHERE purpose = 'web' AND name = ?1",
            params![name, enabled],
        )
    };
    match change {
        WebChange::LetIn => return set_enabled(true).map(drop),
        WebChange::Access(organisation, access) => {
            write_access(connection, name, organisation.name(), access)?;
        }
        WebChange::Password(hash) => {
            connection.execute(
                "UPDATE account SET hash = ?2, password_set = ?3, given = 1 WHERE purpose = 'web' AND name = ?1",
                params![name, hash.as_str(), sql_int(now)],
            )?;
        }
        WebChange::KeepOut => {
            set_enabled(false)?;
        }
        WebChange::NoSecondFactor => {
            connection.execute(
                "UPDATE account SET one_time = NULL, one_time_step = 0 WHERE purpose = 'web' AND name = ?1",
                [name],
            )?;
            connection.execute("DELETE FROM recovery WHERE name = ?1", [name])?;
        }
        WebChange::Removed => {
            for table in ["recovery", "token"] {
                connection.execute(&format!("DELETE FROM {table} WHERE name = ?1"), [name])?;
            }
            connection.execute("DELETE FROM view WHERE owner = ?1", [name])?;
            connection
                .execute("DELETE FROM account WHERE purpose = 'web' AND name = ?1", [name])?;
        }
    }
    connection.execute("DELETE FROM session WHERE name = ?1", [name]).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        base::clock::Clock,
        store::{accounts::Purpose, embedded::Password},
    };

    fn name(text: &str) -> UserName {
        UserName::parse(text).unwrap()
    }

    fn access(role: Role) -> WebAccess {
        WebAccess { role, everywhere: true, domains: Vec::new(), second_factor: false }
    }

    async fn with_owners(names: &[&str]) -> (tempfile::TempDir, Accounts) {
        let folder = tempfile::tempdir().unwrap();
        let accounts = Accounts::open(folder.path(), Clock::by_hand(UnixMs(1_000))).unwrap();
        for one in names {
            let (name, owner) = (name(one), Organisation::implied());
            let hash = Password::Own(PasswordHash::nobodys());
            accounts.add_for_web(&name, &owner, hash, access(Role::Owner)).await.unwrap();
        }
        (folder, accounts)
    }

    #[tokio::test]
    async fn the_last_owner_stays_one_whatever_is_asked() {
        let (_folder, accounts) = with_owners(&["eva", "bo"]).await;
        let (eva, bo) = (name("eva"), name("bo"));
        let role = |role| WebChange::Access(Organisation::implied(), access(role));
        let one_organisation = WebAccess { everywhere: false, ..access(Role::Owner) };
        let less = [
            role(Role::Admin),
            WebChange::Access(Organisation::named("acme"), one_organisation),
            WebChange::KeepOut,
            WebChange::Removed,
        ];
        assert_eq!(accounts.change_web(&bo, WebChange::KeepOut).await.unwrap(), Changed::Yes);
        for change in &less {
            let done = accounts.change_web(&eva, change.clone()).await.unwrap();
            assert_eq!(done, Changed::LastOwner, "bo may not come in: {change:?}");
        }
        assert_eq!(accounts.change_web(&eva, role(Role::Owner)).await.unwrap(), Changed::Yes);
        assert_eq!(accounts.change_web(&bo, WebChange::LetIn).await.unwrap(), Changed::Yes);
        assert_eq!(accounts.change_web(&eva, role(Role::Admin)).await.unwrap(), Changed::Yes);
        assert_eq!(accounts.change_web(&bo, role(Role::Admin)).await.unwrap(), Changed::LastOwner);
        assert_eq!(accounts.change_web(&eva, WebChange::Removed).await.unwrap(), Changed::Yes);
        assert_eq!(accounts.change_web(&eva, WebChange::Removed).await.unwrap(), Changed::Missing);
    }

    #[tokio::test]
    async fn changes_end_sessions_and_a_given_password_lasts_until_ones_own() {
        let (_folder, accounts) = with_owners(&["eva", "bo"]).await;
        let bo = name("bo");
        let account = accounts.web_account(&bo).await.unwrap().unwrap();
        for (change, given) in [
            (WebChange::Access(Organisation::implied(), access(Role::Auditor)), false),
            (WebChange::NoSecondFactor, false),
            (WebChange::Password(PasswordHash::nobodys()), true),
        ] {
            accounts.begin_session([7; 32], &account, UnixMs(9_000)).await.unwrap();
            assert!(accounts.session([7; 32]).await.unwrap().is_some());
            assert_eq!(accounts.belongings(&bo).await.unwrap().sessions, 1);
            accounts.change_web(&bo, change.clone()).await.unwrap();
            assert!(accounts.session([7; 32]).await.unwrap().is_none(), "{change:?}");
            accounts.begin_session([8; 32], &account, UnixMs(9_000)).await.unwrap();
            let open = accounts.session([8; 32]).await.unwrap().unwrap();
            assert_eq!(open.given, given, "{change:?}");
            accounts.end_session([8; 32]).await.unwrap();
        }
        accounts.set_password(Purpose::Web, &bo, PasswordHash::nobodys()).await.unwrap();
        accounts.begin_session([8; 32], &account, UnixMs(9_000)).await.unwrap();
        assert!(!accounts.session([8; 32]).await.unwrap().unwrap().given);
        // Kept out, and let in again: the old session is no way back.
        accounts.change_web(&bo, WebChange::KeepOut).await.unwrap();
        accounts.change_web(&bo, WebChange::LetIn).await.unwrap();
        assert!(accounts.session([8; 32]).await.unwrap().is_none());
    }
}
