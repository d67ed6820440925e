//! Saved views: searches of a list that an account has given a name. A view is what stands behind the question mark of a page's address, and
//! nothing else; it shows what whoever opens it may see.
//!
//! A shared view is seen by accounts of the same organisation, or of the whole site, whose own sight is at least as wide: what is asked
//! for may name people that others have no business with.

use super::{
    Accounts,
    accounts::{COLUMNS, read, sql_int},
};
use crate::{
    base::{clock::UnixMs, ids::Id, limits},
    store::{StoreError, accounts::Account},
};
use rusqlite::{OptionalExtension, Row, params};

/// The list that a view is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ViewPage {
    /// Held mail.
    Held,
    /// What became of mails.
    Trace,
}

impl ViewPage {
    /// The word in rows, forms and programs.
    pub fn word(self) -> &'static str {
        match self {
            ViewPage::Held => "held",
            ViewPage::Trace => "trace",
        }
    }

    /// From [`ViewPage::word`].
    pub fn from_word(word: &str) -> Option<ViewPage> {
        [ViewPage::Held, ViewPage::Trace].into_iter().find(|page| page.word() == word)
    }
}

/// A search with a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct View {
    /// Its own id.
    pub id: Id,
    /// Whose it is.
    pub owner: Account,
    /// Of which list.
    pub page: ViewPage,
    /// What its owner calls it.
    pub name: String,
    /// What is asked for, as a query.
    pub query: String,
    /// Others see it too.
    pub shared: bool,
    /// When it was saved.
    pub saved: UnixMs,
}

/// What a view is to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewView {
    /// Its id, if it is a new one.
    pub id: Id,
    /// Of which list.
    pub page: ViewPage,
    /// Its name.
    pub name: String,
    /// What is asked for.
    pub query: String,
    /// Others see it too.
    pub shared: bool,
    /// It takes the place of the own one of the same name and list, if there is one.
    pub replace: bool,
}

/// What came of saving a view.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Saved {
    /// It has this id.
    Yes(Id),
    /// The account has one of the same name for the same list.
    Taken,
    /// The account has as many as it may.
    Full,
}

/// What came of giving a view another name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Renamed {
    /// It has it.
    Yes,
    /// Another one of the same list has it.
    Taken,
    /// The account has no such view.
    Missing,
}

impl Accounts {
    /// Saves a view of an account.
    pub async fn save_view(&self, owner: &str, view: NewView) -> Result<Saved, StoreError> {
        let (owner, now) = (owner.to_string(), sql_int(self.clock.now()));
        let most = i64::try_from(limits::VIEWS_PER_ACCOUNT_MAX).unwrap_or(i64::MAX);
        let saved = self.db.write("saving a view", move |connection| {
            let NewView { id, page, name, query, shared, replace } = view;
            let taken = connection.query_row(
                "SELECT EXISTS (SELECT 1 FROM view WHERE owner = ?1 AND page = ?2 AND label = ?3)",
                params![owner, page.word(), name],
                |row| row.get::<_, bool>(0),
            )?;
            if taken && !replace {
                return Ok(Saved::Taken);
            }
            let id = connection
                .query_row(
                    "INSERT INTO view (id, owner, page, label, query, shared, saved)
                     SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7 WHERE (SELECT count(*) FROM view WHERE owner = ?2) < ?8
                     OR EXISTS (SELECT 1 FROM view WHERE owner = ?2 AND page = ?3 AND label = ?4)
                     ON CONFLICT (owner, page, label) DO UPDATE SET query = excluded.query, shared = excluded.shared, saved = excluded.saved
                     RETURNING id",
                    params![id.to_string(), owner, page.word(), name, query, shared, now, most],
                    |row| row.get::<_, String>(0),
                )
                .optional()?;
            Ok(id.and_then(|id| Id::parse(&id).ok()).map_or(Saved::Full, Saved::Yes))
        });
        saved.await
    }

    /// The views that somebody sees: the own ones, then those that others share; each by name.
    pub async fn views(
        &self,
        visitor: &Account,
        page: Option<ViewPage>,
    ) -> Result<Vec<View>, StoreError> {
        let (name, organisation) = (visitor.name.clone(), visitor.organisation.name().to_string());
        let everywhere = visitor.web.as_ref().is_some_and(|web| web.everywhere);
        let most = i64::try_from(limits::VIEWS_LISTED_MAX).unwrap_or(i64::MAX);
        let found: Vec<Option<View>> = self
            .db
            .read("listing views", move |connection| {
                connection
                    .prepare_cached(&format!(
                        "SELECT {COLUMNS}, id, page, label, query, shared, saved FROM view JOIN account ON purpose = 'web' AND name = owner
                         WHERE (owner = ?1 OR (shared = 1 AND enabled = 1 AND (organisation = ?2 OR (everywhere = 1 AND ?3))))
                         AND (?4 IS NULL OR page = ?4) ORDER BY owner <> ?1, label, id LIMIT ?5"
                    ))?
                    .query_map(
                        params![name, organisation, everywhere, page.map(ViewPage::word), most],
                        read_view,
                    )?
                    .collect()
            })
            .await?;
        Ok(found.into_iter().flatten().filter(|view| is_seen(view, visitor)).collect())
    }

    /// Gives a view of this account another name.
    pub async fn rename_view(
        &self,
        owner: &str,
        id: Id,
        name: &str,
    ) -> Result<Renamed, StoreError> {
        let (owner, id, name) = (owner.to_string(), id.to_string(), name.to_string());
        self.db
            .write("renaming a view", move |connection| {
                let page: Option<String> = connection
                    .query_row(
                        "SELECT page FROM view WHERE owner = ?1 AND id = ?2",
                        params![owner, id],
                        |row| row.get(0),
                    )
                    .optional()?;
                let Some(page) = page else { return Ok(Renamed::Missing) };
                let done = connection.execute(
                    "UPDATE view SET label = ?3 WHERE owner = ?1 AND id = ?2
                     AND NOT EXISTS (SELECT 1 FROM view WHERE owner = ?1 AND page = ?4 AND label = ?3 AND id <> ?2)",
                    params![owner, id, name, page],
                )?;
                Ok(if done == 1 { Renamed::Yes } else { Renamed::Taken })
            })
            .await
    }

    /// Shows a view of this account to others, or to them no more; false when it has no such view.
    pub async fn share_view(&self, owner: &str, id: Id, shared: bool) -> Result<bool, StoreError> {
        let (owner, id) = (owner.to_string(), id.to_string());
        let set = self.db.write("sharing a view", move |connection| {
            connection.execute(
                "UPDATE view SET shared = ?3 WHERE owner = ?1 AND id = ?2",
                params![owner, id, shared],
            )
        });
        Ok(set.await? == 1)
    }

    /// Removes a view of this account; false when it has no such view.
    pub async fn remove_view(&self, owner: &str, id: Id) -> Result<bool, StoreError> {
        let (owner, id) = (owner.to_string(), id.to_string());
        let removed = self.db.write("removing a view", move |connection| {
            connection.execute("DELETE FROM view WHERE owner = ?1 AND id = ?2", params![owner, id])
        });
        Ok(removed.await? == 1)
    }
}

/// One's own, and of others what asks for nothing beyond one's own sight.
fn is_seen(view: &View, visitor: &Account) -> bool {
    let wide = || Some(visitor.scope()?.contains(&view.owner.scope()?));
    view.owner.name == visitor.name || wide().unwrap_or(false)
}

/// None for a row that a later version wrote.
fn read_view(row: &Row) -> rusqlite::Result<Option<View>> {
    let (owner, _) = read(row)?;
    let id = Id::parse(&row.get::<_, String>(12)?).ok();
    let page = ViewPage::from_word(&row.get::<_, String>(13)?);
    let Some((id, page)) = id.zip(page) else { return Ok(None) };
    Ok(Some(View {
        id,
        owner,
        page,
        name: row.get(14)?,
        query: row.get(15)?,
        shared: row.get(16)?,
        saved: UnixMs(u64::try_from(row.get::<_, i64>(17)?).unwrap_or(0)),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        base::clock::Clock,
        mail::{Domain, Organisation},
        store::{
            accounts::{PasswordHash, Purpose, Role, UserName, WebAccess},
            embedded::Password,
        },
    };

    async fn account(
        accounts: &Accounts,
        name: &str,
        organisation: &str,
        domains: &[&str],
    ) -> Account {
        let name = UserName::parse(name).unwrap();
        let access = WebAccess {
            role: Role::Reviewer,
            everywhere: organisation.is_empty(),
            domains: domains.iter().map(|name| Domain::parse(name).unwrap()).collect(),
            second_factor: false,
        };
        let owner = Organisation::named(organisation);
        let password = Password::Own(PasswordHash::nobodys());
        accounts.add_for_web(&name, &owner, password, access).await.unwrap();
        accounts.web_account(&name).await.unwrap().unwrap()
    }

    fn view(number: u8, name: &str, shared: bool) -> NewView {
        NewView {
            id: Id::new(UnixMs(1), [number; 10]),
            page: ViewPage::Held,
            name: name.to_string(),
            query: format!("text={number}"),
            shared,
            replace: false,
        }
    }

    #[tokio::test]
    async fn views_are_their_accounts_and_are_shared_with_those_who_see_as_much() {
        let folder = tempfile::tempdir().unwrap();
        let accounts = Accounts::open(folder.path(), Clock::by_hand(UnixMs(1_000))).unwrap();
        let site = account(&accounts, "site", "", &[]).await;
        let acme = account(&accounts, "acme", "acme", &[]).await;
        let narrow = account(&accounts, "narrow", "acme", &["a.example"]).await;
        let other = account(&accounts, "other", "acme", &["a.example", "b.example"]).await;
        let berg = account(&accounts, "berg", "berg", &[]).await;
        for (number, owner) in (1..).zip([&site, &acme, &narrow, &other, &berg]) {
            let own = accounts.save_view(&owner.name, view(number, "own", false)).await.unwrap();
            assert!(matches!(own, Saved::Yes(_)), "{own:?}");
            let shared = view(number + 10, &format!("of {}", owner.name), true);
            let shared = accounts.save_view(&owner.name, shared).await.unwrap();
            assert!(matches!(shared, Saved::Yes(_)), "{shared:?}");
        }
        for (visitor, want) in [
            (&site, &["of site", "own"][..]),
            (&acme, &["of acme", "own", "of narrow", "of other"]),
            (&narrow, &["of narrow", "own"]),
            (&other, &["of other", "own", "of narrow"]),
            (&berg, &["of berg", "own"]),
        ] {
            let seen = accounts.views(visitor, Some(ViewPage::Held)).await.unwrap();
            let names: Vec<&str> = seen.iter().map(|view| view.name.as_str()).collect();
            assert_eq!(names, want, "{}", visitor.name);
            assert!(accounts.views(visitor, Some(ViewPage::Trace)).await.unwrap().is_empty());
        }
        // Nobody changes another's, and what goes with its account is seen by nobody.
        let of_narrow = view(13, "", true).id;
        assert!(!accounts.remove_view("acme", of_narrow).await.unwrap());
        assert!(!accounts.share_view("acme", of_narrow, false).await.unwrap());
        let renamed = accounts.rename_view("acme", of_narrow, "x").await.unwrap();
        assert_eq!(renamed, Renamed::Missing);
        accounts.remove(Purpose::Web, &UserName::parse("narrow").unwrap()).await.unwrap();
        assert_eq!(accounts.views(&other, None).await.unwrap().len(), 2);
    }

    #[tokio::test]
    async fn a_name_stands_once_and_there_are_only_so_many() {
        let folder = tempfile::tempdir().unwrap();
        let accounts = Accounts::open(folder.path(), Clock::by_hand(UnixMs(1_000))).unwrap();
        let eva = account(&accounts, "eva", "acme", &[]).await;
        for number in 0..limits::VIEWS_PER_ACCOUNT_MAX {
            let number = u8::try_from(number).unwrap();
            let made = view(number, &format!("view {number:02}"), false);
            assert_eq!(accounts.save_view("eva", made.clone()).await.unwrap(), Saved::Yes(made.id));
        }
        assert_eq!(accounts.save_view("eva", view(200, "more", false)).await.unwrap(), Saved::Full);
        // In the place of that with the name, whose id stays, where that was meant.
        let first = view(0, "", false).id;
        let again = view(200, "view 00", true);
        assert_eq!(accounts.save_view("eva", again.clone()).await.unwrap(), Saved::Taken);
        let seen = accounts.views(&eva, None).await.unwrap();
        assert_eq!((seen[0].query.as_str(), seen[0].shared), ("text=0", false));
        let again = NewView { replace: true, ..again };
        assert_eq!(accounts.save_view("eva", again).await.unwrap(), Saved::Yes(first));
        let seen = accounts.views(&eva, None).await.unwrap();
        assert_eq!((seen[0].query.as_str(), seen[0].shared), ("text=200", true));
        for (name, want) in
            [("view 01", Renamed::Taken), ("view 00", Renamed::Yes), ("another", Renamed::Yes)]
        {
            assert_eq!(accounts.rename_view("eva", first, name).await.unwrap(), want, "{name}");
        }
        assert!(accounts.share_view("eva", first, false).await.unwrap());
        assert!(accounts.remove_view("eva", first).await.unwrap());
        assert!(!accounts.remove_view("eva", first).await.unwrap());
    }
}
