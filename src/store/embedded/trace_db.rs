//! The trace in SQLite. Writing never waits and never stops mail: when rows come faster than the disk takes them, they are counted and dropped.
//!
//! A row goes into `mail`, its recipients into `recipient`, and its place in the order of ends into `line`. Behind that, `index` fills the
//! words that it is found by (`find`) and the counts of the statistics (`tally`).

mod campaigns;
mod decided;
mod find;
mod index;
mod passed;
mod persons;
mod tally;
mod words;

pub use decided::TraceReader;
pub use persons::{Again, Persons};

use super::{
    damage::{self, SetAside},
    db::{Db, Options, Promise},
    secrets::secret_table,
};
use crate::{
    base::{
        clock::{Clock, UnixMs},
        ids::Id,
        limits, number,
    },
    mail::Organisation,
    store::{
        StoreError, private,
        scope::Scope,
        trace::{
            About, Decision, TraceLine, TraceRecipient, TraceRow, TrialCount, TrialReason,
            TrialReport, TrialSender,
        },
    },
};
use rusqlite::params;
use std::{
    collections::HashMap,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

/// The trace on this machine.
#[derive(Clone)]
pub struct Trace {
    db: Db,
    clock: Clock,
    options: TraceOptions,
    dropped: Arc<AtomicU64>,
}

impl std::fmt::Debug for Trace {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Trace").field("file", &self.db.file()).finish_non_exhaustive()
    }
}

/// How long and how much.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TraceOptions {
    /// How long a row is kept.
    pub keep: Duration,
    /// Bytes of all rows together, indexes included; the oldest go first.
    pub bytes_max: u64,
}

/// What was found when the trace was opened.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct TraceFound {
    /// The damaged trace, which was moved aside. Its rows are nowhere else.
    pub set_aside: Option<SetAside>,
    /// There was none, or an empty file.
    pub begun: bool,
}

const MIGRATIONS: &[&str] = &[
    "
CREATE TABLE mail (
    id TEXT PRIMARY KEY,
    organisation TEXT NOT NULL,
    at INTEGER NOT NULL,
    direction TEXT NOT NULL,
    listener TEXT NOT NULL,
    peer TEXT NOT NULL,
    helo TEXT NOT NULL,
    tls TEXT NOT NULL,
    sender TEXT NOT NULL,
    bytes INTEGER NOT NULL,
    action TEXT NOT NULL,
    score REAL NOT NULL,
    reason TEXT NOT NULL,
    reply TEXT NOT NULL,
    findings TEXT NOT NULL,
    examined_us INTEGER NOT NULL,
    dot_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE recipient (
    mail TEXT NOT NULL,
    organisation TEXT NOT NULL,
    at INTEGER NOT NULL,
    recipient TEXT NOT NULL,
    status TEXT NOT NULL,
    next_hop TEXT NOT NULL,
    said TEXT NOT NULL,
    delay_ms INTEGER NOT NULL
) STRICT;
CREATE INDEX mail_by_time ON mail (at);
CREATE INDEX recipient_by_mail ON recipient (mail);
CREATE INDEX recipient_by_time ON recipient (at);
",
    "
-- One mail may be for several organisations: each has its own row of it and sees no other.
CREATE TABLE mail_of (
    id TEXT NOT NULL,
    organisation TEXT NOT NULL,
    at INTEGER NOT NULL,
    direction TEXT NOT NULL,
    listener TEXT NOT NULL,
    peer TEXT NOT NULL,
    helo TEXT NOT NULL,
    tls TEXT NOT NULL,
    sender TEXT NOT NULL,
    bytes INTEGER NOT NULL,
    action TEXT NOT NULL,
    score REAL NOT NULL,
    reason TEXT NOT NULL,
    reply TEXT NOT NULL,
    findings TEXT NOT NULL,
    examined_us INTEGER NOT NULL,
    dot_ms INTEGER NOT NULL,
    PRIMARY KEY (id, organisation)
) STRICT, WITHOUT ROWID;
INSERT INTO mail_of SELECT * FROM mail;
DROP TABLE mail;
ALTER TABLE mail_of RENAME TO mail;
CREATE INDEX mail_by_time ON mail (at);
CREATE INDEX mail_by_organisation ON mail (organisation, at);
",
    "
ALTER TABLE mail ADD COLUMN mode TEXT NOT NULL DEFAULT '';
ALTER TABLE mail ADD COLUMN would TEXT NOT NULL DEFAULT '';
ALTER TABLE mail ADD COLUMN decided_by TEXT NOT NULL DEFAULT '';
ALTER TABLE mail ADD COLUMN waited_us INTEGER NOT NULL DEFAULT 0;
ALTER TABLE mail ADD COLUMN checked_us INTEGER NOT NULL DEFAULT 0;
ALTER TABLE mail ADD COLUMN stored_ms INTEGER NOT NULL DEFAULT 0;
ALTER TABLE mail ADD COLUMN next_hop_ms INTEGER NOT NULL DEFAULT 0;
ALTER TABLE recipient ADD COLUMN would TEXT NOT NULL DEFAULT '';
-- Everything that the report of trials counts; who protects has no rows in it. By time, so that writing goes to its end
-- (a quarter of the cost of any other order) and a report of a week reads a week.
CREATE INDEX mail_on_trial ON mail (at, would, organisation, direction, mode, action, decided_by, sender) WHERE would <> '';
",
    "
ALTER TABLE mail ADD COLUMN subject TEXT NOT NULL DEFAULT '';
ALTER TABLE mail ADD COLUMN header_from TEXT NOT NULL DEFAULT '';
ALTER TABLE mail ADD COLUMN message_id TEXT NOT NULL DEFAULT '';
ALTER TABLE mail ADD COLUMN peer_name TEXT NOT NULL DEFAULT '';
ALTER TABLE mail ADD COLUMN policy TEXT NOT NULL DEFAULT '';
ALTER TABLE mail ADD COLUMN ground TEXT NOT NULL DEFAULT '';
ALTER TABLE mail ADD COLUMN number INTEGER NOT NULL DEFAULT 0;
ALTER TABLE recipient ADD COLUMN action TEXT NOT NULL DEFAULT '';
ALTER TABLE recipient ADD COLUMN tls TEXT NOT NULL DEFAULT '';
-- The order in which transactions ended; `reached` is the latest beginning so far, and never falls.
CREATE TABLE line (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL,
    organisation TEXT NOT NULL,
    reached INTEGER NOT NULL
) STRICT;
INSERT INTO line (id, organisation, reached) SELECT id, organisation, at FROM mail ORDER BY at;
UPDATE mail SET number = line.number FROM line WHERE line.id = mail.id AND line.organisation = mail.organisation;
-- What is in the index, and what of it has changed since.
CREATE TABLE indexed (number INTEGER NOT NULL) STRICT;
INSERT INTO indexed VALUES (0);
CREATE TABLE again (number INTEGER PRIMARY KEY, recount INTEGER NOT NULL) STRICT;
-- Words only, without places: a part of a text is compared with the row itself.
CREATE VIRTUAL TABLE words USING fts5(subject, sender, recipient, message_id, reply, client, marks,
    content='', contentless_delete=1, detail=column, tokenize='ascii');
CREATE TABLE tally (
    span TEXT NOT NULL,
    owner TEXT NOT NULL,
    at INTEGER NOT NULL,
    direction TEXT NOT NULL,
    action TEXT NOT NULL,
    category TEXT NOT NULL,
    tls INTEGER NOT NULL,
    mails INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    released INTEGER NOT NULL,
    ms_100 INTEGER NOT NULL,
    ms_300 INTEGER NOT NULL,
    ms_1000 INTEGER NOT NULL,
    ms_3000 INTEGER NOT NULL,
    ms_10000 INTEGER NOT NULL,
    ms_30000 INTEGER NOT NULL,
    ms_more INTEGER NOT NULL,
    PRIMARY KEY (span, owner, at, direction, action, category, tls)
) STRICT, WITHOUT ROWID;
CREATE TABLE top (
    span TEXT NOT NULL,
    owner TEXT NOT NULL,
    kind TEXT NOT NULL,
    at INTEGER NOT NULL,
    name TEXT NOT NULL,
    mails INTEGER NOT NULL,
    PRIMARY KEY (span, at, owner, kind, name)
) STRICT, WITHOUT ROWID;
-- Days of which the daily report is written.
CREATE TABLE reported (day INTEGER PRIMARY KEY) STRICT;
CREATE INDEX tally_by_time ON tally (span, at);
",
    "
-- Names are counted by the day; the names of all days before this one are in their months. Those that are there were counted in both.
CREATE TABLE folded (day INTEGER NOT NULL) STRICT;
INSERT INTO folded SELECT coalesce(max(at) + 86400000, 0) FROM top WHERE span = 'day';
",
    "
-- The line of a block list that it was refused or held for, JSON; empty for nearly all.
ALTER TABLE recipient ADD COLUMN blocked_by TEXT NOT NULL DEFAULT '';
",
    campaigns::SCHEMA,
    campaigns::UNSUSPECTED,
    "
-- The channel to the next hop, JSON; empty where none was opened.
ALTER TABLE recipient ADD COLUMN channel TEXT NOT NULL DEFAULT '';
",
    persons::SCHEMA,
    secret_table!(),
];
/// Free pages given back to the file system in one commit: each has to be moved.
const VACUUM_STEP_PAGES: u32 = 200;

impl Trace {
    /// Opens the trace in `folder`. One that is damaged is moved aside, and another begun.
    pub fn open(
        folder: &Path,
        clock: Clock,
        options: TraceOptions,
    ) -> Result<(Trace, TraceFound), StoreError> {
        private::folder(folder)?;
        let file = folder.join("trace.db");
        let set_aside = damage::look(&file, MIGRATIONS, clock.now())?;
        let how = Options {
            promise: Promise::Normal,
            gather: limits::TRACE_COMMIT_INTERVAL,
            jobs_max: limits::GROUP_COMMIT_ROWS_MAX,
            waiting_max: limits::TRACE_WAITING_MAX,
            migrations: MIGRATIONS,
        };
        let db = Db::open(&file, how)?;
        let found = TraceFound { set_aside, begun: db.is_new() };
        Ok((Trace { db, clock, options, dropped: Arc::default() }, found))
    }

    /// Writes down a transaction.
    pub fn record(&self, row: TraceRow) {
        let taken = self.db.write_soon(move |connection| insert(connection, &row));
        self.count(taken);
    }

    /// Writes down recipients that were refused before DATA. They join the row that their organisation has of the transaction; where it has
    /// none, since others' recipients alone were taken, this row is its own.
    pub fn record_refused(&self, row: TraceRow) {
        let taken = self.db.write_soon(move |connection| {
            let (id, organisation) = (row.id.to_string(), row.organisation.name());
            let has_row = connection
                .prepare_cached("SELECT 1 FROM mail WHERE id = ?1 AND organisation = ?2")?
                .exists([&id, organisation])?;
            if !has_row {
                return insert(connection, &row);
            }
            insert_recipients(connection, row.id, organisation, &row.recipients)?;
            index::note_change(connection, &id, organisation, false)
        });
        self.count(taken);
    }

    /// Writes down what was decided about a mail that had been taken in before it could be judged.
    pub fn record_decision(
        &self,
        id: Id,
        organisation: &Organisation,
        about: About,
        decision: Decision,
    ) {
        let organisation = organisation.name().to_string();
        let taken = self.db.write_soon(move |connection| {
            let changed = connection
                .prepare_cached(
                    "UPDATE mail SET action = ?2, score = ?3, reason = ?4, findings = ?5, mode = ?6, would = ?7, decided_by = ?8,
                     policy = ?10, ground = ?11, subject = ?12, header_from = ?13, message_id = ?14, peer_name = ?15
                     WHERE id = ?1 AND organisation = ?9 AND action = ''",
                )?
                .execute(params![
                    id.to_string(),
                    decision.action,
                    number::shortest(decision.score),
                    decision.reason,
                    decision.findings,
                    decision.mode,
                    decision.would,
                    decision.decided_by,
                    organisation,
                    decision.policy,
                    decision.ground,
                    about.subject,
                    about.from,
                    about.message_id,
                    about.peer_name,
                ])?;
            match changed {
                0 => Ok(()),
                _ => index::note_change(connection, &id.to_string(), &organisation, true),
            }
        });
        self.count(taken);
    }

    /// Writes down what became of a recipient later.
    pub fn record_recipient(&self, id: Id, organisation: &str, recipient: TraceRecipient) {
        let organisation = organisation.to_string();
        let taken = self.db.write_soon(move |connection| {
            insert_recipients(connection, id, &organisation, &[recipient])?;
            index::note_change(connection, &id.to_string(), &organisation, false)
        });
        self.count(taken);
    }

    fn count(&self, taken: bool) {
        if !taken {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Rows that were dropped because the disk was too slow.
    pub fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    /// One transaction as JSON, with its recipients, once for each organisation that has a part in it; or as this organisation may see it.
    pub async fn show(
        &self,
        id: Id,
        organisation: Option<Organisation>,
    ) -> Result<Vec<serde_json::Value>, StoreError> {
        self.story(id, organisation.map_or(Scope::Everything, Scope::Organisation)).await
    }

    /// The same as somebody may see it: of the recipients those within the scope, and no row in which there is none.
    pub async fn story(&self, id: Id, scope: Scope) -> Result<Vec<serde_json::Value>, StoreError> {
        self.db
            .read("looking up a transaction", move |connection| find::story(connection, id, &scope))
            .await
    }

    /// How many transactions of each organisation ended in each action since the hour of `since_ms`: organisation, action, count.
    ///
    /// Read from the statistics, and of what is not in them yet from the rows: who looks at a busy site every few seconds walks over no table.
    pub async fn counts_by_organisation(
        &self,
        since_ms: u64,
    ) -> Result<Vec<(String, String, u64)>, StoreError> {
        self.db
            .read("counting the trace", move |connection| {
                tally::by_organisation(connection, sql_int(since_ms))
            })
            .await
    }

    /// What policies on trial would have done since `since`, of all organisations or of one.
    pub async fn trial(
        &self,
        since: UnixMs,
        organisation: Option<String>,
    ) -> Result<TrialReport, StoreError> {
        self.db
            .read("reading what policies on trial would have done", move |connection| {
                let given = params![sql_int(since.0), organisation];
                let (counts, reasons) = trial_counts(connection, given)?;
                let senders = connection
                    .prepare(&format!(
                        "SELECT sender, count(*) FROM mail INDEXED BY mail_on_trial WHERE {STOPPED} GROUP BY sender ORDER BY 2 DESC, 1 LIMIT {}",
                        limits::REPORT_ROWS_MAX
                    ))?
                    .query_map(given, |row| Ok(TrialSender { sender: row.get(0)?, mails: unsigned(row.get(1)?) }))?
                    .collect::<Result<_, _>>()?;
                let samples = connection
                    .prepare(&format!(
                        "{LINE} WHERE (id, organisation) IN (SELECT id, organisation FROM mail INDEXED BY mail_on_trial WHERE {STOPPED} ORDER BY at DESC LIMIT {}) ORDER BY at DESC",
                        limits::REPORT_ROWS_MAX
                    ))?
                    .query_map(given, line)?
                    .collect::<Result<_, _>>()?;
                Ok(TrialReport { counts, reasons, senders, samples })
            })
            .await
    }

    /// How many transactions ended in each action since `since_ms`.
    pub async fn counts(&self, since_ms: u64) -> Result<Vec<(String, u64)>, StoreError> {
        self.db
            .read("counting the trace", move |connection| {
                connection
                    .prepare("SELECT action, count(*) FROM mail WHERE at >= ?1 GROUP BY action ORDER BY action")?
                    .query_map([sql_int(since_ms)], |row| {
                        Ok((row.get::<_, String>(0)?, u64::try_from(row.get::<_, i64>(1)?).unwrap_or(0)))
                    })?
                    .collect()
            })
            .await
    }

    /// Deletes what is too old and, oldest first, what is over the bound in bytes; gives how many rows went.
    ///
    /// A few rows in a commit, and others' commits between them. Ends after a bounded time; what is left goes in the next round.
    pub async fn retain(&self) -> Result<usize, StoreError> {
        let began = self.clock.tick();
        let now = self.clock.now();
        self.db.write("keeping the statistics small", move |db| tally::retain(db, now)).await?;
        let keep_from = now.minus(self.options.keep);
        self.db
            .write("keeping campaigns few", move |db| campaigns::retain(db, now, keep_from))
            .await?;
        self.db.write("destroying keys of marks", move |db| persons::retain(db, keep_from)).await?;
        let mut rows = 0;
        loop {
            let step = self.retain_step().await?;
            rows += step;
            let over = self.clock.tick().since(began) >= limits::RETAIN_TIME_MAX;
            if step == 0 || over {
                break;
            }
        }
        if rows > 0 {
            self.give_back().await?;
        }
        Ok(rows)
    }

    async fn retain_step(&self) -> Result<usize, StoreError> {
        let before = sql_int(self.clock.now().minus(self.options.keep).0);
        let bytes_max = self.options.bytes_max;
        self.db
            .write("keeping the trace small", move |connection| {
                let step = sql_int(u64::try_from(limits::RETAIN_STEP_ROWS).unwrap_or(0));
                let gone = delete_before(connection, before, step)?;
                if gone > 0 || used_bytes(connection)? <= bytes_max {
                    return Ok(gone);
                }
                delete_before(connection, i64::MAX, step)
            })
            .await
    }

    /// Gives some free pages back to the file system.
    async fn give_back(&self) -> Result<(), StoreError> {
        self.db
            .between("giving back what the trace does not need", |connection| {
                connection
                    .prepare(&format!("PRAGMA incremental_vacuum({VACUUM_STEP_PAGES})"))?
                    .query_map([], |_| Ok(()))?
                    .collect()
            })
            .await
    }

    /// Bytes of all rows, indexes included.
    pub async fn used_bytes(&self) -> Result<u64, StoreError> {
        self.db.read("measuring the trace", used_bytes).await
    }
}

/// Deletes the oldest mails and recipients before a moment, at most so many of each.
fn delete_before(
    connection: &rusqlite::Connection,
    before: i64,
    rows: i64,
) -> rusqlite::Result<usize> {
    let mails: Vec<(i64, String, String)> = connection
        .prepare_cached(
            "DELETE FROM mail WHERE (id, organisation) IN (SELECT id, organisation FROM mail WHERE at < ?1 ORDER BY at LIMIT ?2)
             RETURNING number, id, organisation",
        )?
        .query_map([before, rows], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?
        .collect::<Result<_, _>>()?;
    for (number, id, organisation) in &mails {
        persons::forget(connection, id, organisation)?;
        for forget in [
            "DELETE FROM words WHERE rowid = ?1",
            "DELETE FROM line WHERE number = ?1",
            "DELETE FROM again WHERE number = ?1",
        ] {
            connection.prepare_cached(forget)?.execute([number])?;
        }
    }
    let recipients = connection
        .prepare_cached(
            "DELETE FROM recipient WHERE rowid IN (SELECT rowid FROM recipient WHERE at < ?1 ORDER BY at LIMIT ?2)",
        )?
        .execute([before, rows])?;
    Ok(mails.len() + recipients)
}

fn used_bytes(connection: &rusqlite::Connection) -> rusqlite::Result<u64> {
    let number = |pragma| connection.pragma_query_value(None, pragma, |row| row.get::<_, i64>(0));
    let pages = number("page_count")? - number("freelist_count")?;
    Ok(u64::try_from(pages.saturating_mul(number("page_size")?)).unwrap_or(0))
}

/// The place of a transaction that ends now. One that is written again has a new one, and the old names nothing.
fn next_line(connection: &rusqlite::Connection, row: &TraceRow) -> rusqlite::Result<i64> {
    let (id, organisation) = (row.id.to_string(), row.organisation.name());
    connection
        .prepare_cached(
            "DELETE FROM line WHERE number = (SELECT number FROM mail WHERE id = ?1 AND organisation = ?2)",
        )?
        .execute([id.as_str(), organisation])?;
    connection
        .prepare_cached(
            "INSERT INTO line (id, organisation, reached)
             VALUES (?1, ?2, max(?3, coalesce((SELECT reached FROM line ORDER BY number DESC LIMIT 1), 0)))",
        )?
        .execute(params![id, organisation, sql_int(row.at.0)])?;
    Ok(connection.last_insert_rowid())
}

/// What [`line`] reads.
const LINE: &str = "SELECT id, at, organisation, direction, peer, sender,
    (SELECT group_concat(recipient, ' ') FROM (SELECT DISTINCT r.recipient FROM recipient r WHERE r.mail = mail.id AND r.organisation = mail.organisation LIMIT 3)),
    bytes, action, would, score, decided_by, reply, subject, header_from, number FROM mail";

/// Mails of policies on trial that would have been held or refused; the words are those of `Action`. The first term is the index's own:
/// SQLite does not see that the second has it in it.
const STOPPED: &str = "would <> '' AND would IN ('quarantine', 'reject') AND at >= ?1 AND (?2 IS NULL OR organisation = ?2)";

fn line(row: &rusqlite::Row) -> rusqlite::Result<TraceLine> {
    Ok(TraceLine {
        id: row.get(0)?,
        at_ms: unsigned(row.get(1)?),
        organisation: row.get(2)?,
        direction: row.get(3)?,
        peer: row.get(4)?,
        from: row.get(5)?,
        to: row.get::<_, Option<String>>(6)?.unwrap_or_default(),
        bytes: unsigned(row.get(7)?),
        action: row.get(8)?,
        would: row.get(9)?,
        score: row.get(10)?,
        decided_by: row.get(11)?,
        reply: row.get(12)?,
        subject: row.get(13)?,
        header_from: row.get(14)?,
        number: unsigned(row.get(15)?),
        status: String::new(),
    })
}

/// One walk along the index gives both. Counted here, not by GROUP BY: SQLite would sort a million rows for a few hundred groups.
fn trial_counts(
    connection: &rusqlite::Connection,
    given: &[&dyn rusqlite::ToSql],
) -> rusqlite::Result<(Vec<TrialCount>, Vec<TrialReason>)> {
    let (mut counts, mut reasons) = (Tally::default(), Tally::default());
    let mut walk = connection.prepare(
        "SELECT would, organisation, direction, mode, action, decided_by FROM mail INDEXED BY mail_on_trial
         WHERE would <> '' AND at >= ?1 AND (?2 IS NULL OR organisation = ?2)",
    )?;
    let mut rows = walk.query(given)?;
    while let Some(row) = rows.next()? {
        let word = |column: usize| row.get_ref(column)?.as_str().map_err(rusqlite::Error::from);
        let would = word(0)?;
        counts.count([would, word(1)?, word(2)?, word(3)?, word(4)?]);
        let decided_by = word(5)?;
        if !decided_by.is_empty() {
            reasons.count([decided_by, would]);
        }
    }
    let counts = counts.groups().map(|([would, organisation, direction, mode, action], mails)| {
        TrialCount { organisation, direction, mode, action, would, mails }
    });
    let reasons =
        reasons.groups().map(|([finding, would], mails)| TrialReason { finding, would, mails });
    let (mut counts, mut reasons): (Vec<_>, Vec<_>) = (counts.collect(), reasons.collect());
    counts.sort_by(|a, b| {
        (&a.organisation, &a.direction, &a.mode, &a.would, &a.action).cmp(&(
            &b.organisation,
            &b.direction,
            &b.mode,
            &b.would,
            &b.action,
        ))
    });
    reasons.sort_by(|a, b| {
        b.mails.cmp(&a.mails).then_with(|| (&a.finding, &a.would).cmp(&(&b.finding, &b.would)))
    });
    reasons.truncate(limits::REPORT_ROWS_MAX);
    Ok((counts, reasons))
}

/// How often each group of words came. A group that was seen costs no memory again.
#[derive(Default)]
struct Tally<const WORDS: usize> {
    groups: HashMap<String, u64>,
    key: String,
}

impl<const WORDS: usize> Tally<WORDS> {
    fn count(&mut self, words: [&str; WORDS]) {
        self.key.clear();
        for word in words {
            self.key.push_str(word);
            self.key.push(BETWEEN);
        }
        match self.groups.get_mut(self.key.as_str()) {
            Some(count) => *count = count.saturating_add(1),
            None => {
                self.groups.insert(self.key.clone(), 1);
            }
        }
    }

    fn groups(self) -> impl Iterator<Item = ([String; WORDS], u64)> {
        self.groups.into_iter().map(|(key, count)| {
            let mut words = key.split(BETWEEN).map(str::to_string);
            (std::array::from_fn(|_| words.next().unwrap_or_default()), count)
        })
    }
}

/// Stands in no name of ours: actions, modes, organisations and finding ids are printable.
const BETWEEN: char = '\u{1f}';

fn unsigned(value: i64) -> u64 {
    u64::try_from(value).unwrap_or(0)
}

fn insert(connection: &rusqlite::Connection, row: &TraceRow) -> rusqlite::Result<()> {
    let number = next_line(connection, row)?;
    connection
        .prepare_cached(
            "INSERT OR REPLACE INTO mail (id, organisation, at, direction, listener, peer, helo, tls, sender, bytes, action, score, reason,
             reply, findings, mode, would, decided_by, waited_us, examined_us, checked_us, stored_ms, next_hop_ms, dot_ms,
             subject, header_from, message_id, peer_name, policy, ground, number, campaign, unsuspected)
             VALUES (?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13,?14,?15,?16,?17,?18,?19,?20,?21,?22,?23,?24,?25,?26,?27,?28,?29,?30,?31,?32,?33)",
        )?
        .execute(params![
            row.id.to_string(),
            row.organisation.name(),
            sql_int(row.at.0),
            row.direction,
            row.listener,
            row.peer,
            row.helo,
            row.tls,
            row.sender,
            sql_int(row.bytes),
            row.decision.action,
            number::shortest(row.decision.score),
            row.decision.reason,
            row.reply,
            row.decision.findings,
            row.decision.mode,
            row.decision.would,
            row.decision.decided_by,
            sql_int(row.took.waited_us),
            sql_int(row.took.examined_us),
            sql_int(row.took.checked_us),
            sql_int(row.took.stored_ms),
            sql_int(row.took.next_hop_ms),
            sql_int(row.took.dot_ms),
            row.about.subject,
            row.about.from,
            row.about.message_id,
            row.about.peer_name,
            row.decision.policy,
            row.decision.ground,
            number,
            row.about.campaign.map_or(0, campaigns::number),
            row.about.unsuspected,
        ])?;
    insert_recipients(connection, row.id, row.organisation.name(), &row.recipients)?;
    campaigns::count(connection, row)
}

fn insert_recipients(
    connection: &rusqlite::Connection,
    id: Id,
    organisation: &str,
    recipients: &[TraceRecipient],
) -> rusqlite::Result<()> {
    let mut insert =
        connection.prepare_cached("INSERT INTO recipient (mail, organisation, at, recipient, status, next_hop, said, delay_ms, would, action, tls, blocked_by, channel)
         VALUES (?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13)")?;
    for row in recipients {
        let blocked_by = row.blocked_by.as_ref().map(serde_json::to_string);
        let channel = row.channel.as_ref().map(serde_json::to_string);
        insert.execute(params![
            id.to_string(),
            organisation,
            sql_int(row.at.0),
            row.recipient,
            row.status,
            row.next_hop,
            row.said,
            sql_int(row.delay_ms),
            row.would,
            row.action,
            row.tls,
            blocked_by.and_then(Result::ok).unwrap_or_default(),
            channel.and_then(Result::ok).unwrap_or_default(),
        ])?;
    }
    Ok(())
}

fn sql_int(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::trace::Took;
    use crate::store::trace::TraceQuery;

    fn open(folder: &Path, clock: &Clock, bytes_max: u64) -> (Trace, TraceFound) {
        let options = TraceOptions { keep: Duration::from_secs(60), bytes_max };
        Trace::open(folder, clock.clone(), options).unwrap()
    }

    #[test]
    fn the_folder_is_closed_to_others() {
        use std::{fs, os::unix::fs::PermissionsExt};
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("trace");
        fs::create_dir(&folder).unwrap();
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o755)).unwrap();
        let _trace = open(&folder, &Clock::by_hand(UnixMs(1)), 1 << 30);
        assert_eq!(fs::metadata(&folder).unwrap().permissions().mode() & 0o777, 0o700);
    }

    #[tokio::test]
    async fn what_is_recorded_is_shown_and_forgotten_in_time() {
        let folder = tempfile::tempdir().unwrap();
        let clock = Clock::by_hand(UnixMs(1_000_000));
        let (trace, _) = open(folder.path(), &clock, 1 << 30);
        let id = Id::new(clock.now(), [3; 10]);
        let recipient = |status: &str| TraceRecipient {
            recipient: "b@ours.example".to_string(),
            at: clock.now(),
            status: status.to_string(),
            next_hop: "smtp://192.0.2.5:25".to_string(),
            said: "250 ok".to_string(),
            delay_ms: 12,
            would: String::new(),
            action: String::new(),
            tls: "TLSv1.3 X".to_string(),
            channel: None,
            blocked_by: None,
        };
        trace.record(TraceRow {
            id,
            organisation: Organisation::implied(),
            at: clock.now(),
            direction: "inbound",
            listener: "in".to_string(),
            peer: "192.0.2.1".to_string(),
            helo: "x".to_string(),
            tls: String::new(),
            sender: "a@example.org".to_string(),
            bytes: 10,
            about: About::default(),
            decision: Decision {
                action: "deliver".to_string(),
                score: 0.5,
                findings: r#"[{"id":"subject.missing"},{"id":"phrase.win","because":"body: \"you won\""}]"#
                    .to_string(),
                ..Decision::default()
            },
            reply: "250 2.0.0 queued".to_string(),
            took: Took {
                waited_us: 1,
                examined_us: 5,
                checked_us: 2,
                stored_ms: 3,
                next_hop_ms: 4,
                dot_ms: 6,
            },
            recipients: vec![recipient("queued")],
        });
        trace.record_recipient(id, "default", recipient("delivered"));
        assert_eq!(trace.retain().await.unwrap(), 0);
        let shown = trace.show(id, None).await.unwrap().remove(0);
        let other = trace.show(id, Some(Organisation::named("other"))).await.unwrap();
        assert!(other.is_empty(), "nobody sees another organisation's row");
        assert_eq!(shown["findings"][0]["id"], "subject.missing");
        assert_eq!(shown["findings"][1]["because"], "body", "content is sealed, in old rows too");
        assert_eq!(shown["recipients"][1]["status"], "delivered");
        assert_eq!(trace.counts(0).await.unwrap(), [("deliver".to_string(), 1)]);
        clock.advance(Duration::from_secs(61));
        assert_eq!(trace.retain().await.unwrap(), 3);
        assert!(trace.show(id, None).await.unwrap().is_empty());
        assert_eq!(trace.dropped(), 0);
    }

    fn row(number: u8, at: u64, mode: &str, action: &str, would: &str) -> TraceRow {
        let at = UnixMs(at);
        TraceRow {
            id: Id::new(at, [number; 10]),
            organisation: Organisation::implied(),
            at,
            direction: "inbound",
            listener: "in".to_string(),
            peer: "192.0.2.1".to_string(),
            helo: "x".to_string(),
            tls: String::new(),
            sender: format!("a{}@example.org", number % 2),
            bytes: 10,
            about: About::default(),
            decision: Decision {
                action: action.to_string(),
                mode: mode.to_string(),
                would: would.to_string(),
                decided_by: if would == "deliver" { "" } else { "subject.missing" }.to_string(),
                ..Decision::default()
            },
            reply: "250 2.0.0 queued".to_string(),
            took: Took::default(),
            recipients: vec![TraceRecipient {
                recipient: format!("b{number}@ours.example"),
                at,
                status: "queued".to_string(),
                next_hop: String::new(),
                said: String::new(),
                delay_ms: 0,
                would: would.to_string(),
                action: action.to_string(),
                tls: String::new(),
                channel: None,
                blocked_by: None,
            }],
        }
    }

    #[tokio::test]
    async fn trials_are_counted_and_protecting_policies_are_not_among_them() {
        let folder = tempfile::tempdir().unwrap();
        let clock = Clock::by_hand(UnixMs(10_000));
        let (trace, _) = open(folder.path(), &clock, 1 << 30);
        for row in [
            row(1, 1_000, "shadow", "deliver", "quarantine"),
            row(2, 2_000, "shadow", "deliver", "quarantine"),
            row(3, 3_000, "shadow", "deliver", "reject"),
            row(4, 4_000, "shadow", "deliver", "deliver"),
            row(5, 5_000, "tag", "mark", "quarantine"),
            row(6, 6_000, "", "quarantine", ""),
            row(7, 7_000, "", "", ""),
        ] {
            trace.record(row);
        }
        assert_eq!(trace.retain().await.unwrap(), 0, "all of it is written");
        let trial = |since, organisation: Option<&str>| {
            trace.trial(UnixMs(since), organisation.map(str::to_string))
        };
        let report = trial(0, None).await.unwrap();
        let counts: Vec<(&str, &str, &str, u64)> = report
            .counts
            .iter()
            .map(|one| (one.mode.as_str(), one.action.as_str(), one.would.as_str(), one.mails))
            .collect();
        assert_eq!(
            counts,
            [
                ("shadow", "deliver", "deliver", 1),
                ("shadow", "deliver", "quarantine", 2),
                ("shadow", "deliver", "reject", 1),
                ("tag", "mark", "quarantine", 1),
            ]
        );
        let reasons: Vec<(&str, u64)> =
            report.reasons.iter().map(|one| (one.would.as_str(), one.mails)).collect();
        assert_eq!(reasons, [("quarantine", 3), ("reject", 1)]);
        let senders: Vec<(&str, u64)> =
            report.senders.iter().map(|one| (one.sender.as_str(), one.mails)).collect();
        assert_eq!(senders, [("a1@example.org", 3), ("a0@example.org", 1)]);
        let samples: Vec<u64> = report.samples.iter().map(|one| one.at_ms).collect();
        assert_eq!(samples, [5_000, 3_000, 2_000, 1_000]);
        let late = trial(4_500, None).await.unwrap();
        assert_eq!((late.counts.len(), late.samples.len()), (1, 1));
        assert_eq!(trial(0, Some("another")).await.unwrap(), TrialReport::default());
        assert_eq!(trial(0, Some("default")).await.unwrap(), report);
    }

    #[tokio::test]
    async fn a_list_is_narrowed_by_each_word() {
        let folder = tempfile::tempdir().unwrap();
        let clock = Clock::by_hand(UnixMs(10_000));
        let (trace, _) = open(folder.path(), &clock, 1 << 30);
        trace.record(row(1, 1_000, "shadow", "deliver", "quarantine"));
        trace.record(row(2, 2_000, "", "reject", ""));
        trace.record(row(3, 3_000, "", "", ""));
        assert_eq!(trace.retain().await.unwrap(), 0, "all of it is written");
        let all = TraceQuery { rows: 10, ..TraceQuery::default() };
        let word = |text: &str| Some(text.to_string());
        // Before the index knows them and after.
        for indexed in [false, true] {
            if indexed {
                assert_eq!(trace.index().await.unwrap(), 3);
                assert_eq!(trace.index().await.unwrap(), 0);
            }
            for (query, want) in [
                (all.clone(), &[3_000, 2_000, 1_000][..]),
                (TraceQuery { rows: 1, ..all.clone() }, &[3_000]),
                (TraceQuery { since: UnixMs(1_500), ..all.clone() }, &[3_000, 2_000]),
                (TraceQuery { until: Some(UnixMs(2_000)), ..all.clone() }, &[1_000]),
                (TraceQuery { sender: word("A1@"), ..all.clone() }, &[3_000, 1_000]),
                (TraceQuery { recipient: word("b2@OURS"), ..all.clone() }, &[2_000]),
                (TraceQuery { recipient: word("b2@"), since: UnixMs(2_500), ..all.clone() }, &[]),
                (TraceQuery { action: word("reject"), ..all.clone() }, &[2_000]),
                (TraceQuery { action: word("none"), ..all.clone() }, &[3_000]),
                (TraceQuery { would: word("quarantine"), ..all.clone() }, &[1_000]),
                (TraceQuery { organisation: word("another"), ..all.clone() }, &[]),
                (TraceQuery { sender: word("%"), ..all.clone() }, &[]),
                (TraceQuery { before: Some(3), ..all.clone() }, &[2_000, 1_000]),
                (TraceQuery { direction: word("outbound"), ..all.clone() }, &[]),
            ] {
                let found = trace.find(Scope::Everything, query.clone()).await.unwrap();
                let found: Vec<u64> = found.lines.iter().map(|one| one.at_ms).collect();
                assert_eq!(found, want, "{query:?} indexed: {indexed}");
            }
        }
        let page = trace.find(Scope::Everything, all).await.unwrap();
        let first = page.lines.last().unwrap();
        assert_eq!((first.to.as_str(), first.would.as_str()), ("b1@ours.example", "quarantine"));
    }

    #[tokio::test]
    async fn a_mail_judged_later_gets_its_judgement_once() {
        let folder = tempfile::tempdir().unwrap();
        let clock = Clock::by_hand(UnixMs(10_000));
        let (trace, _) = open(folder.path(), &clock, 1 << 30);
        let awaiting = row(1, 1_000, "", "", "");
        let id = awaiting.id;
        trace.record(awaiting);
        for (action, would) in [("deliver", "quarantine"), ("mark", "mark")] {
            trace.record_decision(
                id,
                &Organisation::implied(),
                About { subject: "late".to_string(), ..About::default() },
                row(1, 1_000, "shadow", action, would).decision,
            );
        }
        assert_eq!(trace.retain().await.unwrap(), 0, "all of it is written");
        let shown = trace.show(id, None).await.unwrap().remove(0);
        assert_eq!((&shown["action"], &shown["would"]), (&"deliver".into(), &"quarantine".into()));
        assert_eq!(trace.trial(UnixMs(0), None).await.unwrap().counts.len(), 1);
    }

    #[tokio::test]
    async fn a_trace_of_before_modes_is_read_on() {
        let folder = tempfile::tempdir().unwrap();
        let clock = Clock::by_hand(UnixMs(10_000));
        let file = folder.path().join("trace.db");
        let old = rusqlite::Connection::open(&file).unwrap();
        old.execute_batch(MIGRATIONS[0]).unwrap();
        let id = Id::new(UnixMs(1_000), [1; 10]);
        old.execute_batch(&format!(
            "INSERT INTO mail VALUES ('{id}','default',1000,'inbound','in','192.0.2.1','x','','a@example.org',10,'mark',5.0,'','250','[]',7,8);
             INSERT INTO recipient VALUES ('{id}','default',1000,'b@ours.example','delivered','','250',1);
             PRAGMA user_version = 1;"
        ))
        .unwrap();
        drop(old);
        let (trace, _) = open(folder.path(), &clock, 1 << 30);
        let shown = trace.show(id, None).await.unwrap().remove(0);
        assert_eq!(
            (&shown["action"], &shown["would"], &shown["examined_us"]),
            (&"mark".into(), &"".into(), &7.into())
        );
        assert_eq!(trace.trial(UnixMs(0), None).await.unwrap(), TrialReport::default());
    }

    #[tokio::test]
    async fn the_oldest_go_when_there_are_too_many_bytes() {
        let folder = tempfile::tempdir().unwrap();
        let clock = Clock::by_hand(UnixMs(1_000_000));
        let bytes_max = 400 << 10;
        let (trace, found) = open(folder.path(), &clock, bytes_max);
        assert!(found.begun && found.set_aside.is_none());
        for number in 0..2_000_u64 {
            trace.record(row(0, 990_000 + number, "", "deliver", ""));
        }
        let removed = trace.retain().await.unwrap();
        assert!(removed >= 200 && removed.is_multiple_of(limits::RETAIN_STEP_ROWS), "{removed}");
        assert!(trace.used_bytes().await.unwrap() <= bytes_max);
        let newest = Id::new(UnixMs(991_999), [0; 10]);
        assert!(!trace.show(newest, None).await.unwrap().is_empty());
        assert!(trace.show(Id::new(UnixMs(990_000), [0; 10]), None).await.unwrap().is_empty());
        assert_eq!(trace.retain().await.unwrap(), 0);
    }

    #[tokio::test]
    async fn a_damaged_trace_is_moved_aside_and_a_new_one_begun() {
        let folder = tempfile::tempdir().unwrap();
        let clock = Clock::by_hand(UnixMs(1_000_000));
        std::fs::write(folder.path().join("trace.db"), "no database at all").unwrap();
        let (trace, found) = open(folder.path(), &clock, 1 << 30);
        let aside = found.set_aside.unwrap();
        assert!(aside.file.ends_with("trace.db.damaged-1000000") && aside.file.exists());
        let new = row(1, 1_000_000, "", "deliver", "");
        let id = new.id;
        trace.record(new);
        assert_eq!(trace.retain().await.unwrap(), 0);
        assert!(!trace.show(id, None).await.unwrap().is_empty());
    }
}
