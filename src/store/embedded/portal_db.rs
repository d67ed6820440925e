//! Parcels in SQLite, durable before a letter about one is posted and before a code is answered.

mod own;

use super::{
    damage::{self, SetAside},
    db::{Db, Options, Promise},
    waived_db::{self, Waived},
};
use crate::{
    base::{
        clock::{Clock, UnixMs, millis},
        ids::Id,
        limits,
    },
    mail::{Address, Organisation},
    store::{
        StoreError,
        portal::{Carries, KeyBy, Over, Parcel, SecretHash, Tried},
        private,
    },
};
use aws_lc_rs::constant_time;
use rusqlite::{Connection, OptionalExtension, Row, params};
use std::{path::Path, time::Duration};

/// The parcels of this machine.
#[derive(Clone)]
pub struct Parcels {
    db: Db,
    clock: Clock,
}

impl std::fmt::Debug for Parcels {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Parcels").field("file", &self.db.file()).finish_non_exhaustive()
    }
}

const MIGRATIONS: &[&str] = &[
    "
CREATE TABLE parcel (
    id TEXT PRIMARY KEY,
    transaction_id TEXT NOT NULL,
    organisation TEXT NOT NULL,
    sender TEXT NOT NULL,
    recipient TEXT NOT NULL,
    recipient_key TEXT NOT NULL,
    made INTEGER NOT NULL,
    expires INTEGER NOT NULL,
    token BLOB NOT NULL,
    code BLOB NOT NULL,
    openings INTEGER NOT NULL DEFAULT 0,
    opened INTEGER,
    wrong INTEGER NOT NULL DEFAULT 0,
    locked_until INTEGER,
    told INTEGER NOT NULL DEFAULT 0,
    warned INTEGER NOT NULL DEFAULT 0,
    over TEXT,
    over_at INTEGER,
    -- The sender has heard how it ended.
    ended INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX parcel_once ON parcel (transaction_id, recipient_key);
CREATE UNIQUE INDEX parcel_by_token ON parcel (token);
CREATE INDEX parcel_by_expiry ON parcel (expires);
",
    "
ALTER TABLE parcel ADD COLUMN carries TEXT NOT NULL DEFAULT 'mail';
ALTER TABLE parcel ADD COLUMN key_by TEXT NOT NULL DEFAULT 'sender';
ALTER TABLE parcel ADD COLUMN sender_key TEXT NOT NULL DEFAULT '';
UPDATE parcel SET sender_key = lower(sender);
CREATE INDEX parcel_by_sender ON parcel (organisation, sender_key);
ALTER TABLE parcel ADD COLUMN looked INTEGER NOT NULL DEFAULT 1;
ALTER TABLE parcel ADD COLUMN stopped TEXT;
ALTER TABLE parcel ADD COLUMN danger INTEGER NOT NULL DEFAULT 0;
ALTER TABLE parcel ADD COLUMN tries INTEGER NOT NULL DEFAULT 0;
ALTER TABLE parcel ADD COLUMN next_look INTEGER NOT NULL DEFAULT 0;
-- The sender has heard of the first opening.
ALTER TABLE parcel ADD COLUMN opening_told INTEGER NOT NULL DEFAULT 1;
CREATE TABLE invitation (
    id TEXT PRIMARY KEY,
    token BLOB NOT NULL UNIQUE,
    organisation TEXT NOT NULL,
    mailbox TEXT NOT NULL,
    reader TEXT NOT NULL,
    guest TEXT NOT NULL,
    made INTEGER NOT NULL,
    expires INTEGER NOT NULL,
    used INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX invitation_of ON invitation (organisation, mailbox);
CREATE TABLE agreed (
    organisation TEXT NOT NULL,
    mailbox TEXT NOT NULL,
    recipient_key TEXT NOT NULL,
    recipient TEXT NOT NULL,
    password BLOB NOT NULL,
    made INTEGER NOT NULL,
    PRIMARY KEY (organisation, mailbox, recipient_key)
) STRICT, WITHOUT ROWID;
",
    waived_db::TABLE,
];

const COLUMNS: &str = "id, transaction_id, organisation, sender, recipient, made, expires, openings, opened, wrong, locked_until, told, over, carries, key_by, looked, stopped, danger, tries";

impl Parcels {
    /// Opens what is in `folder`. What is damaged is moved aside: its links lead nowhere then, and the mails themselves stay in the quarantine.
    pub fn open(folder: &Path, clock: Clock) -> Result<(Parcels, Option<SetAside>), StoreError> {
        private::folder(folder)?;
        let file = folder.join("portal.db");
        let set_aside = damage::look(&file, MIGRATIONS, clock.now())?;
        let options = Options {
            promise: Promise::Full,
            gather: Duration::ZERO,
            jobs_max: limits::GROUP_COMMIT_ROWS_MAX,
            waiting_max: limits::REPORTS_WAITING_MAX,
            migrations: MIGRATIONS,
        };
        Ok((Parcels { db: Db::open(&file, options)?, clock }, set_aside))
    }

    /// What people said is no personal data.
    pub fn waived(&self) -> Result<Waived, StoreError> {
        Waived::of(self.db.clone(), self.clock.clone())
    }

    /// Puts one down with its link and code. Of the same transaction for the same recipient there is one: an earlier one whose letters did not go gets
    /// the new link and code, since nobody knows the old ones; one whose letters went is left as it is. Gives the parcel in force.
    pub async fn put(
        &self,
        parcel: Parcel,
        token: SecretHash,
        code: SecretHash,
    ) -> Result<Parcel, StoreError> {
        self.db
            .write("putting a mail into the portal", move |connection| {
                connection.execute(
                    "INSERT INTO parcel (id, transaction_id, organisation, sender, recipient, recipient_key, made, expires, token, code, carries, looked, stopped, sender_key)
                     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)
                     ON CONFLICT (transaction_id, recipient_key) DO UPDATE SET token = excluded.token, code = excluded.code WHERE told = 0",
                    params![
                        parcel.id.to_string(),
                        parcel.transaction.to_string(),
                        parcel.organisation.name(),
                        parcel.sender.to_string(),
                        parcel.recipient.to_string(),
                        parcel.recipient.key(),
                        sql_int(parcel.made.0),
                        sql_int(parcel.expires.0),
                        token.as_slice(),
                        code.as_slice(),
                        parcel.carries.word(),
                        parcel.looked,
                        parcel.stopped,
                        parcel.sender.key(),
                    ],
                )?;
                connection.query_row(
                    &format!("SELECT {COLUMNS} FROM parcel WHERE transaction_id = ?1 AND recipient_key = ?2"),
                    params![parcel.transaction.to_string(), parcel.recipient.key()],
                    read,
                )
            })
            .await
    }

    /// What is there already of a transaction for a recipient.
    pub async fn of(
        &self,
        transaction: Id,
        recipient: &Address,
    ) -> Result<Option<Parcel>, StoreError> {
        let (transaction, key) = (transaction.to_string(), recipient.key());
        self.one("transaction_id = ?1 AND recipient_key = ?2", move |sql, connection| {
            connection.query_row(sql, params![transaction, key], read).optional()
        })
        .await
    }

    /// Its letters are on their way.
    pub async fn told(&self, id: Id) -> Result<(), StoreError> {
        self.set("UPDATE parcel SET told = 1 WHERE id = ?1", id).await
    }

    /// How its recipient has what opens it.
    pub async fn opened_by(&self, id: Id, key_by: KeyBy) -> Result<(), StoreError> {
        self.db
            .write("changing a parcel", move |connection| {
                let sql = "UPDATE parcel SET key_by = ?2 WHERE id = ?1";
                connection.execute(sql, params![id.to_string(), key_by.word()]).map(drop)
            })
            .await
    }

    /// The sender has heard that it was opened.
    pub async fn told_of_opening(&self, id: Id) -> Result<(), StoreError> {
        self.set("UPDATE parcel SET opening_told = 1 WHERE id = ?1", id).await
    }

    /// Opened ones whose sender has not heard of it.
    pub async fn opened_untold(&self) -> Result<Vec<Parcel>, StoreError> {
        self.some("opening_told = 0 AND opened IS NOT NULL AND made <= ?1", i64::MAX).await
    }

    /// Files that nobody has looked into yet.
    pub async fn to_look_into(&self) -> Result<Vec<Parcel>, StoreError> {
        let now = sql_int(self.clock.now().0);
        self.some("looked = 0 AND over IS NULL AND next_look <= ?1", now).await
    }

    /// The content of files is here: from now on they are looked into.
    pub async fn begin(&self, id: Id) -> Result<(), StoreError> {
        self.set("UPDATE parcel SET looked = 0, told = 0 WHERE id = ?1", id).await
    }

    /// They could not be looked into; they are again after a while.
    pub async fn look_again(&self, id: Id, after: Duration) -> Result<(), StoreError> {
        let next = sql_int(self.clock.now().plus(after).0);
        self.db
            .write("changing a parcel", move |connection| {
                let sql = "UPDATE parcel SET tries = tries + 1, next_look = ?2 WHERE id = ?1";
                connection.execute(sql, params![id.to_string(), next]).map(drop)
            })
            .await
    }

    /// Files were looked into; `stopped` says why they wait for somebody, and whether that may do harm.
    pub async fn looked(&self, id: Id, stopped: Option<(String, bool)>) -> Result<(), StoreError> {
        let (why, danger) = stopped.unzip();
        self.db
            .write("changing a parcel", move |connection| {
                let sql = "UPDATE parcel SET looked = 1, stopped = ?2, danger = ?3 WHERE id = ?1";
                let values = params![id.to_string(), why, danger.unwrap_or_default()];
                connection.execute(sql, values).map(drop)
            })
            .await
    }

    /// The reader of files has the letter that is about what stops them, or about nothing that does. Not if that has changed meanwhile.
    pub async fn told_of_files(&self, parcel: &Parcel) -> Result<(), StoreError> {
        let (id, stopped) = (parcel.id.to_string(), parcel.stopped.clone());
        self.db
            .write("changing a parcel", move |connection| {
                let sql = "UPDATE parcel SET told = 1 WHERE id = ?1 AND stopped IS ?2";
                connection.execute(sql, params![id, stopped]).map(drop)
            })
            .await
    }

    /// Files that were stopped may go on to their reader; false if there are none, or nothing stops them.
    pub async fn let_through(&self, id: Id) -> Result<bool, StoreError> {
        self.db
            .write("changing a parcel", move |connection| {
                let sql = "UPDATE parcel SET stopped = NULL, told = 0 WHERE id = ?1 AND stopped IS NOT NULL AND over IS NULL";
                Ok(connection.execute(sql, [id.to_string()])? > 0)
            })
            .await
    }

    /// Files that were looked into, and whose reader has not heard of them.
    pub async fn files_untold(&self) -> Result<Vec<Parcel>, StoreError> {
        let which = "carries = 'files' AND looked = 1 AND told = 0 AND over IS NULL AND made <= ?1";
        self.some(which, i64::MAX).await
    }

    /// Gives it another link: nobody knows the one before.
    pub async fn give_link(&self, id: Id, token: SecretHash) -> Result<(), StoreError> {
        self.db
            .write("changing a parcel", move |connection| {
                let sql = "UPDATE parcel SET token = ?2 WHERE id = ?1";
                connection.execute(sql, params![id.to_string(), token.as_slice()]).map(drop)
            })
            .await
    }

    /// One of them.
    pub async fn get(&self, id: Id) -> Result<Option<Parcel>, StoreError> {
        let id = id.to_string();
        self.one("id = ?1", move |sql, connection| connection.query_row(sql, [id], read).optional())
            .await
    }

    /// Those that are stopped, and then the newest: of one organisation, or of all.
    pub async fn newest(
        &self,
        of: Option<&Organisation>,
        most: usize,
    ) -> Result<Vec<Parcel>, StoreError> {
        let most = sql_int(u64::try_from(most).unwrap_or(u64::MAX));
        let of = of.map(|organisation| organisation.name().to_string());
        self.db
            .read("listing parcels", move |connection| {
                connection
                    .prepare_cached(&format!(
                        "SELECT {COLUMNS} FROM parcel WHERE ?1 IS NULL OR organisation = ?1
                         ORDER BY stopped IS NOT NULL AND over IS NULL DESC, made DESC, id DESC LIMIT ?2"
                    ))?
                    .query_map(params![of, most], read)?
                    .collect()
            })
            .await
    }

    /// The parcel behind a link.
    pub async fn by_token(&self, token: SecretHash) -> Result<Option<Parcel>, StoreError> {
        self.one("token = ?1", move |sql, connection| {
            connection.query_row(sql, [token.as_slice()], read).optional()
        })
        .await
    }

    /// Takes a code. Counts it before anybody hears whether it is right.
    pub async fn try_code(
        &self,
        id: Id,
        code: SecretHash,
        openings_max: u32,
    ) -> Result<Tried, StoreError> {
        let now = self.clock.now();
        self.db
            .write("taking a code", move |connection| {
                try_code(connection, id, &code, openings_max, now)
            })
            .await
    }

    /// Closes one, for this reason; false if it was closed before.
    pub async fn close(&self, id: Id, over: Over) -> Result<bool, StoreError> {
        let now = sql_int(self.clock.now().0);
        self.db
            .write("closing a parcel", move |connection| {
                let changed = connection.execute(
                    "UPDATE parcel SET over = ?2, over_at = ?3 WHERE id = ?1 AND over IS NULL",
                    params![id.to_string(), over.word(), now],
                )?;
                Ok(changed > 0)
            })
            .await
    }

    /// Those whose time is over that are not closed yet.
    pub async fn expired(&self) -> Result<Vec<Parcel>, StoreError> {
        let now = sql_int(self.clock.now().0);
        self.some("over IS NULL AND expires <= ?1", now).await
    }

    /// Those that end soon and in the last third of their time, that nobody has opened, and whose sender has not heard of it.
    pub async fn to_warn_of(&self) -> Result<Vec<Parcel>, StoreError> {
        let before = millis(limits::PARCEL_WARNED_BEFORE);
        let which = format!(
            "over IS NULL AND told = 1 AND warned = 0 AND opened IS NULL AND expires - min({before}, (expires - made) / 3) <= ?1"
        );
        self.some(&which, sql_int(self.clock.now().0)).await
    }

    /// The sender has heard that it ends soon.
    pub async fn warned(&self, id: Id) -> Result<(), StoreError> {
        self.set("UPDATE parcel SET warned = 1 WHERE id = ?1", id).await
    }

    /// Closed ones whose sender has not heard how they ended.
    pub async fn ended(&self) -> Result<Vec<Parcel>, StoreError> {
        self.some("over IS NOT NULL AND ended = 0 AND made <= ?1", i64::MAX).await
    }

    /// The sender has heard it, or need not.
    pub async fn told_of_end(&self, id: Id) -> Result<(), StoreError> {
        self.set("UPDATE parcel SET ended = 1 WHERE id = ?1", id).await
    }

    /// Forgets what ended before this.
    pub async fn forget(&self, before: UnixMs) -> Result<usize, StoreError> {
        self.db
            .write("forgetting parcels", move |connection| {
                let before = sql_int(before.0);
                connection.execute("DELETE FROM invitation WHERE expires < ?1", [before])?;
                connection.execute("DELETE FROM parcel WHERE ended = 1 AND over_at < ?1", [before])
            })
            .await
    }

    async fn set(&self, sql: &'static str, id: Id) -> Result<(), StoreError> {
        self.db
            .write("changing a parcel", move |connection| {
                connection.execute(sql, [id.to_string()]).map(drop)
            })
            .await
    }

    async fn one(
        &self,
        which: &'static str,
        ask: impl FnOnce(&str, &Connection) -> rusqlite::Result<Option<Parcel>> + Send + 'static,
    ) -> Result<Option<Parcel>, StoreError> {
        self.db
            .read("looking up a parcel", move |connection| {
                ask(&format!("SELECT {COLUMNS} FROM parcel WHERE {which}"), connection)
            })
            .await
    }

    async fn some(&self, which: &str, value: i64) -> Result<Vec<Parcel>, StoreError> {
        let which = which.to_string();
        self.db
            .read("looking for parcels", move |connection| {
                connection
                    .prepare_cached(&format!(
                        "SELECT {COLUMNS} FROM parcel WHERE {which} ORDER BY expires LIMIT {}",
                        limits::PARCELS_AT_ONCE
                    ))?
                    .query_map([value], read)?
                    .collect()
            })
            .await
    }
}

fn try_code(
    connection: &Connection,
    id: Id,
    code: &SecretHash,
    openings_max: u32,
    now: UnixMs,
) -> rusqlite::Result<Tried> {
    let key = id.to_string();
    let found = connection
        .query_row(&format!("SELECT {COLUMNS}, code FROM parcel WHERE id = ?1"), [&key], |row| {
            Ok((read(row)?, row.get::<_, Vec<u8>>("code")?))
        })
        .optional()?;
    let Some((parcel, right)) = found else { return Ok(Tried::Missing) };
    if let Some(over) = parcel.over {
        return Ok(Tried::Over(over));
    }
    let end = |over: Over| {
        connection
            .execute(
                "UPDATE parcel SET over = ?2, over_at = ?3 WHERE id = ?1",
                params![key, over.word(), sql_int(now.0)],
            )
            .map(|_| Tried::Over(over))
    };
    if parcel.expires <= now {
        return end(Over::Expired);
    }
    if let Some(until) = parcel.locked_until.filter(|until| *until > now) {
        return Ok(Tried::Wait(until));
    }
    if constant_time::verify_slices_are_equal(&right, code).is_ok() {
        if parcel.openings >= openings_max {
            return end(Over::Spent);
        }
        connection.execute(
            "UPDATE parcel SET openings = openings + 1, opened = coalesce(opened, ?2), opening_told = CASE WHEN opened IS NULL THEN 0 ELSE opening_told END, wrong = 0, locked_until = NULL WHERE id = ?1",
            params![key, sql_int(now.0)],
        )?;
        return Ok(Tried::Right { first: parcel.opened.is_none() });
    }
    let wrong = parcel.wrong.saturating_add(1);
    if wrong >= limits::PARCEL_WRONG_CODES_MAX {
        return end(Over::Locked);
    }
    let until = (wrong % limits::PARCEL_WRONG_CODES_AT_ONCE == 0)
        .then(|| now.plus(limits::PARCEL_LOCKED_FOR));
    connection.execute(
        "UPDATE parcel SET wrong = ?2, locked_until = ?3 WHERE id = ?1",
        params![key, wrong, until.map(|until| sql_int(until.0))],
    )?;
    Ok(match until {
        Some(until) => Tried::Wait(until),
        None => Tried::Wrong { left: limits::PARCEL_WRONG_CODES_MAX.saturating_sub(wrong) },
    })
}

fn read(row: &Row<'_>) -> rusqlite::Result<Parcel> {
    let text = |column: &str| row.get::<_, String>(column);
    let id = |column: &str| Ok::<_, rusqlite::Error>(Id::parse(&text(column)?).unwrap_or_default());
    let address = |column: &'static str| {
        Address::parse(&text(column)?).map_err(|why| {
            rusqlite::Error::InvalidColumnType(
                0,
                format!("{column}: {why}"),
                rusqlite::types::Type::Text,
            )
        })
    };
    Ok(Parcel {
        id: id("id")?,
        transaction: id("transaction_id")?,
        organisation: Organisation::named(&text("organisation")?),
        sender: address("sender")?,
        recipient: address("recipient")?,
        made: moment(row.get("made")?),
        expires: moment(row.get("expires")?),
        openings: row.get("openings")?,
        opened: row.get::<_, Option<i64>>("opened")?.map(moment),
        wrong: row.get("wrong")?,
        locked_until: row.get::<_, Option<i64>>("locked_until")?.map(moment),
        told: row.get("told")?,
        over: row.get::<_, Option<String>>("over")?.and_then(|word| Over::from_word(&word)),
        carries: match text("carries")?.as_str() {
            "files" => Carries::Files,
            _ => Carries::Mail,
        },
        key_by: KeyBy::from_word(&text("key_by")?),
        looked: row.get("looked")?,
        stopped: row.get("stopped")?,
        danger: row.get("danger")?,
        tries: row.get("tries")?,
    })
}

fn sql_int(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

fn moment(value: i64) -> UnixMs {
    UnixMs(u64::try_from(value).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: u64 = 86_400_000;

    fn parcel(number: u8) -> Parcel {
        let id = Id::new(UnixMs(5), [number; 10]);
        let sender = Address::parse("anna@ours.example").unwrap();
        let recipient = Address::parse(&format!("bo{}@far.example", number % 10)).unwrap();
        let (whose, when) = ((&sender, &recipient), (UnixMs(10 * DAY), UnixMs(40 * DAY)));
        Parcel {
            transaction: Id::new(UnixMs(4), [number / 10; 10]),
            ..Parcel::new(id, &Organisation::named("acme"), Carries::Mail, whose, when)
        }
    }

    fn house() -> (tempfile::TempDir, Parcels, Clock) {
        let folder = tempfile::tempdir().unwrap();
        let clock = Clock::by_hand(UnixMs(10 * DAY));
        let (parcels, _) = Parcels::open(folder.path(), clock.clone()).unwrap();
        (folder, parcels, clock)
    }

    #[tokio::test]
    async fn one_parcel_for_each_recipient_and_a_new_link_only_while_nobody_knows_the_old() {
        let (_folder, parcels, _) = house();
        let first = parcels.put(parcel(11), [1; 32], [2; 32]).await.unwrap();
        let again = Parcel { id: Id::new(UnixMs(5), [99; 10]), ..parcel(11) };
        let kept = parcels.put(again.clone(), [3; 32], [4; 32]).await.unwrap();
        assert_eq!(kept.id, first.id);
        assert_eq!(parcels.by_token([1; 32]).await.unwrap(), None);
        assert_eq!(parcels.by_token([3; 32]).await.unwrap().unwrap().id, first.id);
        parcels.told(first.id).await.unwrap();
        assert!(parcels.put(again, [5; 32], [6; 32]).await.unwrap().told);
        assert!(parcels.by_token([3; 32]).await.unwrap().is_some());
        parcels.put(parcel(12), [7; 32], [8; 32]).await.unwrap();
        let other = Address::parse("bo2@far.example").unwrap();
        assert!(parcels.of(parcel(12).transaction, &other).await.unwrap().is_some());
    }

    #[tokio::test]
    async fn codes_are_counted_and_a_parcel_closes() {
        let (_folder, parcels, clock) = house();
        let id = parcels.put(parcel(11), [1; 32], [2; 32]).await.unwrap().id;
        assert_eq!(parcels.try_code(id, [2; 32], 3).await.unwrap(), Tried::Right { first: true });
        assert_eq!(parcels.try_code(id, [2; 32], 3).await.unwrap(), Tried::Right { first: false });
        let mut tries = 0;
        loop {
            match parcels.try_code(id, [9; 32], 3).await.unwrap() {
                Tried::Wrong { .. } => tries += 1,
                Tried::Wait(until) => {
                    tries += 1;
                    // While it is locked even the right one is not taken.
                    assert_eq!(parcels.try_code(id, [2; 32], 3).await.unwrap(), Tried::Wait(until));
                    clock.advance(limits::PARCEL_LOCKED_FOR);
                }
                Tried::Over(over) => {
                    assert_eq!(over, Over::Locked);
                    break;
                }
                other @ (Tried::Right { .. } | Tried::Missing) => panic!("{other:?}"),
            }
        }
        assert_eq!(tries + 1, limits::PARCEL_WRONG_CODES_MAX);
        assert_eq!(parcels.try_code(id, [2; 32], 3).await.unwrap(), Tried::Over(Over::Locked));
        let id = parcels.put(parcel(12), [3; 32], [2; 32]).await.unwrap().id;
        assert_eq!(parcels.try_code(id, [2; 32], 1).await.unwrap(), Tried::Right { first: true });
        assert_eq!(parcels.try_code(id, [2; 32], 1).await.unwrap(), Tried::Over(Over::Spent));
        assert_eq!(parcels.try_code(Id::default(), [2; 32], 1).await.unwrap(), Tried::Missing);
    }

    #[tokio::test]
    async fn files_are_looked_into_before_their_reader_hears_and_what_is_stopped_waits() {
        let (_folder, parcels, clock) = house();
        let files = Parcel { carries: Carries::Files, looked: false, ..parcel(11) };
        let id = parcels.put(files, [1; 32], [2; 32]).await.unwrap().id;
        assert_eq!(parcels.to_look_into().await.unwrap().len(), 1);
        assert!(parcels.files_untold().await.unwrap().is_empty());
        parcels.look_again(id, Duration::from_secs(60)).await.unwrap();
        assert!(parcels.to_look_into().await.unwrap().is_empty(), "not yet");
        clock.advance(Duration::from_secs(60));
        assert_eq!(parcels.to_look_into().await.unwrap()[0].tries, 1);
        parcels.looked(id, Some(("a virus".to_string(), true))).await.unwrap();
        assert!(parcels.to_look_into().await.unwrap().is_empty());
        let held = parcels.files_untold().await.unwrap().pop().unwrap();
        assert_eq!((held.stopped.as_deref(), held.danger), (Some("a virus"), true));
        assert!(parcels.let_through(id).await.unwrap());
        // Word of what stopped them came too late to be the last.
        parcels.told_of_files(&held).await.unwrap();
        assert_eq!(parcels.files_untold().await.unwrap().len(), 1);
        assert!(!parcels.let_through(id).await.unwrap(), "nothing stops it any more");
        // The reader heard that they were held; now he gets a link.
        assert_eq!(parcels.files_untold().await.unwrap()[0].stopped, None);
        parcels.give_link(id, [7; 32]).await.unwrap();
        assert_eq!(parcels.by_token([7; 32]).await.unwrap().unwrap().id, id);
        assert_eq!(parcels.newest(None, 9).await.unwrap().len(), 1);
    }

    #[tokio::test]
    async fn the_first_opening_is_told_once_whatever_dies_between() {
        let (_folder, parcels, _) = house();
        let id = parcels.put(parcel(11), [1; 32], [2; 32]).await.unwrap().id;
        assert!(parcels.opened_untold().await.unwrap().is_empty());
        parcels.try_code(id, [2; 32], 9).await.unwrap();
        assert_eq!(parcels.opened_untold().await.unwrap().len(), 1);
        parcels.told_of_opening(id).await.unwrap();
        parcels.try_code(id, [2; 32], 9).await.unwrap();
        assert!(parcels.opened_untold().await.unwrap().is_empty());
    }

    #[tokio::test]
    async fn time_ends_what_nobody_opened_and_its_sender_is_told_before() {
        let (_folder, parcels, clock) = house();
        let id = parcels.put(parcel(11), [1; 32], [2; 32]).await.unwrap().id;
        parcels.told(id).await.unwrap();
        assert!(parcels.to_warn_of().await.unwrap().is_empty());
        clock.advance(Duration::from_secs(28 * 86_400));
        assert_eq!(parcels.to_warn_of().await.unwrap().len(), 1);
        parcels.warned(id).await.unwrap();
        assert!(parcels.to_warn_of().await.unwrap().is_empty());
        assert!(parcels.expired().await.unwrap().is_empty());
        clock.advance(Duration::from_secs(3 * 86_400));
        assert_eq!(parcels.expired().await.unwrap().len(), 1);
        assert_eq!(parcels.try_code(id, [2; 32], 9).await.unwrap(), Tried::Over(Over::Expired));
        assert!(!parcels.close(id, Over::Withdrawn).await.unwrap(), "it is closed");
        assert_eq!(parcels.ended().await.unwrap()[0].over, Some(Over::Expired));
        parcels.told_of_end(id).await.unwrap();
        assert!(parcels.ended().await.unwrap().is_empty());
        clock.advance(Duration::from_secs(86_400));
        assert_eq!(parcels.forget(clock.now()).await.unwrap(), 1);
    }
}
