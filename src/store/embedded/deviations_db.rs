//! How controls stand, deviations and the letters about them, in SQLite, in a database of their own.
//!
//! Letters are decided in the commit that changes a deviation and posted behind it; a letter has its mail's id from then on, so that after a
//! crash it is seen whether it was posted. What is told to the audit log is marked the same way.

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
    mail::{Address, Organisation},
    store::{
        StoreError,
        deviations::{
            About, Changes, Deviation, DeviationFilter, Evidence, Known, Letter, Stands, State,
            Unrecorded, Waiting,
        },
        private,
    },
    wire::report::deviation::{Measure, Stage},
};
use arc_swap::ArcSwap;
use rusqlite::{Connection, Row, params};
use std::{path::Path, sync::Arc, time::Duration};

/// What is known of controls on this machine.
#[derive(Clone)]
pub struct Deviations {
    db: Db,
    clock: Clock,
    open: Arc<ArcSwap<Vec<Deviation>>>,
}

impl std::fmt::Debug for Deviations {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Deviations").field("file", &self.db.file()).finish_non_exhaustive()
    }
}

const MIGRATIONS: &[&str] = &["
CREATE TABLE control (
    name TEXT PRIMARY KEY,
    state TEXT NOT NULL,
    since INTEGER NOT NULL,
    value TEXT NOT NULL,
    most TEXT NOT NULL,
    note TEXT NOT NULL,
    looked INTEGER NOT NULL,
    unknown_since INTEGER,
    first INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE deviation (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    control TEXT NOT NULL,
    organisation TEXT NOT NULL,
    measure TEXT NOT NULL,
    opened INTEGER NOT NULL,
    value TEXT NOT NULL,
    most TEXT NOT NULL,
    note TEXT NOT NULL,
    good_since INTEGER,
    told INTEGER NOT NULL,
    reminders INTEGER NOT NULL,
    escalated INTEGER,
    ended INTEGER,
    withdrawn INTEGER NOT NULL,
    -- What the audit log knows: 0 nothing, 1 that it began, 2 that it is over.
    recorded INTEGER NOT NULL DEFAULT 0
) STRICT;
-- One control has one open deviation.
CREATE UNIQUE INDEX deviation_open ON deviation (control) WHERE ended IS NULL;
CREATE INDEX deviation_by_end ON deviation (ended);
CREATE TABLE letter (
    id TEXT PRIMARY KEY,
    deviation INTEGER REFERENCES deviation (number) ON DELETE CASCADE,
    month INTEGER,
    stage TEXT NOT NULL,
    reader TEXT NOT NULL,
    at INTEGER NOT NULL,
    posted INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX letter_waiting ON letter (at) WHERE posted IS NULL;
CREATE INDEX letter_by_deviation ON letter (deviation);
-- Months of which statements are written.
CREATE TABLE statement (month INTEGER PRIMARY KEY) STRICT;
"];

const DEVIATION: &str = "SELECT d.number, d.control, d.organisation, d.measure, d.opened, d.value, d.most, d.note, d.good_since, d.told,
    d.reminders, d.escalated, d.ended, d.withdrawn FROM deviation d";

impl Deviations {
    /// Opens what is in `folder`. What is damaged is moved aside, and begun anew: what is broken is then found and told once more.
    pub fn open(folder: &Path, clock: Clock) -> Result<(Deviations, Option<SetAside>), StoreError> {
        private::folder(folder)?;
        let file = folder.join("controls.db");
        let set_aside = damage::look(&file, MIGRATIONS, clock.now())?;
        let options = Options {
            promise: Promise::Full,
            gather: Duration::ZERO,
            jobs_max: limits::GROUP_COMMIT_ROWS_MAX,
            waiting_max: limits::REPORTS_WAITING_MAX,
            migrations: MIGRATIONS,
        };
        let db = Db::open(&file, options)?;
        let open = db.at_start("reading deviations", open_ones)?;
        let open = Arc::new(ArcSwap::from_pointee(open));
        Ok((Deviations { db, clock, open }, set_aside))
    }

    /// What is open now, the oldest first.
    pub fn open_now(&self) -> Arc<Vec<Deviation>> {
        self.open.load_full()
    }

    /// What a round begins with.
    pub async fn known(&self) -> Result<Known, StoreError> {
        let lately = sql_int(self.clock.now().minus(DAY).0);
        self.db
            .read("reading how controls stand", move |connection| {
                let stands = connection
                    .prepare_cached(
                        "SELECT name, state, since, value, most, note, looked, unknown_since, first FROM control ORDER BY name",
                    )?
                    .query_map([], stands)?
                    .collect::<Result<_, _>>()?;
                let lately = connection
                    .prepare_cached("SELECT control FROM deviation WHERE ended >= ?1 LIMIT ?2")?
                    .query_map(params![lately, LATELY_MAX], |row| row.get(0))?
                    .collect::<Result<_, _>>()?;
                Ok(Known { stands, open: open_ones(connection)?, lately })
            })
            .await
    }

    /// Writes down what a round changes, letters included: all of it or nothing.
    pub async fn apply(&self, changes: Changes) -> Result<(), StoreError> {
        let now = self.clock.now();
        let open = self
            .db
            .write("writing how controls stand", move |connection| {
                for one in &changes.stands {
                    write_stands(connection, one)?;
                }
                for name in &changes.gone {
                    connection
                        .prepare_cached("DELETE FROM control WHERE name = ?1")?
                        .execute([name])?;
                }
                for (deviation, letters) in &changes.deviations {
                    let number = write_deviation(connection, deviation)?;
                    for letter in letters {
                        write_letter(connection, letter, number, now)?;
                    }
                }
                drop_old(connection, now)?;
                open_ones(connection)
            })
            .await?;
        self.open.store(Arc::new(open));
        Ok(())
    }

    /// Letters that wait to be posted, the oldest first.
    pub async fn waiting(&self, rows: usize) -> Result<Vec<Waiting>, StoreError> {
        self.db
            .read("reading letters that wait", move |connection| {
                let found: Vec<Found> = connection
                    .prepare_cached(
                        "SELECT id, deviation, month, stage, reader, at FROM letter WHERE posted IS NULL ORDER BY at, id LIMIT ?1",
                    )?
                    .query_map([sql_size(rows)], found)?
                    .collect::<Result<_, _>>()?;
                let mut waiting = Vec::new();
                for one in found {
                    waiting.extend(one.read(connection)?);
                }
                Ok(waiting)
            })
            .await
    }

    /// A letter is durable in the spool, or given up.
    pub async fn posted(&self, id: Id) -> Result<(), StoreError> {
        let now = sql_int(self.clock.now().0);
        self.db
            .write("marking a letter as posted", move |connection| {
                connection
                    .prepare_cached("UPDATE letter SET posted = ?2 WHERE id = ?1")?
                    .execute(params![id.to_string(), now])
                    .map(drop)
            })
            .await
    }

    /// What the audit log has not been told of, in the order in which it happened.
    pub async fn unrecorded(&self) -> Result<Vec<Unrecorded>, StoreError> {
        self.db
            .read("reading what is not recorded", |connection| {
                let begun = connection
                    .prepare_cached(&format!(
                        "{DEVIATION} WHERE d.recorded = 0 ORDER BY d.number LIMIT 100"
                    ))?
                    .query_map([], deviation)?
                    .map(|found| Ok(Unrecorded { deviation: found?, end: false }))
                    .collect::<rusqlite::Result<Vec<_>>>()?;
                let over = connection
                    .prepare_cached(&format!(
                        "{DEVIATION} WHERE d.recorded < 2 AND d.ended IS NOT NULL ORDER BY d.number LIMIT 100"
                    ))?
                    .query_map([], deviation)?
                    .map(|found| Ok(Unrecorded { deviation: found?, end: true }))
                    .collect::<rusqlite::Result<Vec<_>>>()?;
                Ok(begun.into_iter().chain(over).collect())
            })
            .await
    }

    /// The audit log has been told.
    pub async fn recorded(&self, number: u64, end: bool) -> Result<(), StoreError> {
        self.db
            .write("marking a deviation as recorded", move |connection| {
                connection
                    .prepare_cached(
                        "UPDATE deviation SET recorded = max(recorded, ?2) WHERE number = ?1",
                    )?
                    .execute(params![sql_int(number), if end { 2 } else { 1 }])
                    .map(drop)
            })
            .await
    }

    /// Deviations, the newest first.
    pub async fn list(&self, filter: DeviationFilter) -> Result<Vec<Deviation>, StoreError> {
        self.db
            .read("reading deviations", move |connection| {
                let organisation = filter.organisation.as_ref().map(|own| own.name().to_string());
                connection
                    .prepare_cached(&format!(
                        "{DEVIATION} WHERE (?1 IS NULL OR d.organisation = ?1) AND (?2 IS NULL OR d.number < ?2)
                         ORDER BY d.number DESC LIMIT ?3"
                    ))?
                    .query_map(
                        params![organisation, filter.before.map(sql_int), sql_size(filter.rows)],
                        deviation,
                    )?
                    .collect()
            })
            .await
    }

    /// Deviations of which some part lies between two moments.
    pub async fn between(
        &self,
        since: UnixMs,
        until: UnixMs,
    ) -> Result<Vec<Deviation>, StoreError> {
        self.db
            .read("reading deviations", move |connection| {
                connection
                    .prepare_cached(&format!(
                        "{DEVIATION} WHERE d.opened < ?2 AND (d.ended IS NULL OR d.ended > ?1) ORDER BY d.number"
                    ))?
                    .query_map(params![sql_int(since.0), sql_int(until.0)], deviation)?
                    .collect()
            })
            .await
    }

    /// Is the statement of the month that began then still to be written?
    pub async fn is_due(&self, month: UnixMs) -> Result<bool, StoreError> {
        self.db
            .read("looking for a statement", move |connection| {
                connection
                    .prepare_cached("SELECT NOT EXISTS (SELECT 1 FROM statement WHERE month = ?1)")?
                    .query_row([sql_int(month.0)], |row| row.get(0))
            })
            .await
    }

    /// Marks a month's statements as written, with their letters; nothing if they were before.
    pub async fn state_month(
        &self,
        month: UnixMs,
        letters: Vec<(Id, Address)>,
    ) -> Result<(), StoreError> {
        let now = self.clock.now();
        self.db
            .write("writing statements", move |connection| {
                let begun = connection
                    .prepare_cached("INSERT INTO statement VALUES (?1) ON CONFLICT DO NOTHING")?
                    .execute([sql_int(month.0)])?;
                if begun == 0 {
                    return Ok(());
                }
                let mut insert = connection.prepare_cached(
                    "INSERT INTO letter (id, month, stage, reader, at) VALUES (?1, ?2, 'statement', ?3, ?4)",
                )?;
                for (id, reader) in &letters {
                    insert.execute(params![
                        id.to_string(),
                        sql_int(month.0),
                        reader.to_string(),
                        sql_int(now.0)
                    ])?;
                }
                Ok(())
            })
            .await
    }
}

/// A letter as it stands in its row.
struct Found {
    id: String,
    deviation: Option<i64>,
    month: Option<i64>,
    stage: String,
    reader: String,
    at: i64,
}

impl Found {
    /// With what it is about; none: it is not understood.
    fn read(self, connection: &Connection) -> rusqlite::Result<Option<Waiting>> {
        let (Ok(id), Ok(reader)) = (Id::parse(&self.id), Address::parse(&self.reader)) else {
            return Ok(None);
        };
        let about = match (self.deviation, Stage::from_word(&self.stage), self.month) {
            (Some(number), Some(stage), _) => {
                let found = connection
                    .prepare_cached(&format!("{DEVIATION} WHERE d.number = ?1"))?
                    .query_row([number], deviation)?;
                About::Deviation(stage, Box::new(found))
            }
            (_, _, Some(month)) => About::Month(UnixMs(unsigned(month))),
            (Some(_), None, None) | (None, _, None) => return Ok(None),
        };
        Ok(Some(Waiting { id, reader, at: UnixMs(unsigned(self.at)), about }))
    }
}

fn found(row: &Row) -> rusqlite::Result<Found> {
    Ok(Found {
        id: row.get(0)?,
        deviation: row.get(1)?,
        month: row.get(2)?,
        stage: row.get(3)?,
        reader: row.get(4)?,
        at: row.get(5)?,
    })
}

const DAY: Duration = Duration::from_secs(86_400);

/// Deviations of the last day that are looked at; a control that breaks so often is known for it.
const LATELY_MAX: i64 = 10_000;

fn open_ones(connection: &Connection) -> rusqlite::Result<Vec<Deviation>> {
    connection
        .prepare_cached(&format!("{DEVIATION} WHERE d.ended IS NULL ORDER BY d.opened, d.number"))?
        .query_map([], deviation)?
        .collect()
}

fn write_stands(connection: &Connection, one: &Stands) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "INSERT INTO control (name, state, since, value, most, note, looked, unknown_since, first)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)
             ON CONFLICT DO UPDATE SET state = excluded.state, since = excluded.since, value = excluded.value, most = excluded.most,
             note = excluded.note, looked = excluded.looked, unknown_since = excluded.unknown_since",
        )?
        .execute(params![
            one.control,
            one.state.word(),
            sql_int(one.since.0),
            one.evidence.value,
            one.evidence.limit,
            one.evidence.note,
            sql_int(one.looked.0),
            one.unknown_since.map(|at| sql_int(at.0)),
            sql_int(one.first.0),
        ])
        .map(drop)
}

/// Gives its number.
fn write_deviation(connection: &Connection, one: &Deviation) -> rusqlite::Result<i64> {
    let moment = |at: Option<UnixMs>| at.map(|at| sql_int(at.0));
    if one.number > 0 {
        connection
            .prepare_cached(
                "UPDATE deviation SET value = ?2, most = ?3, note = ?4, good_since = ?5, told = ?6, reminders = ?7, escalated = ?8,
                 ended = ?9, withdrawn = ?10 WHERE number = ?1",
            )?
            .execute(params![
                sql_int(one.number),
                one.evidence.value,
                one.evidence.limit,
                one.evidence.note,
                moment(one.good_since),
                sql_int(one.told.0),
                sql_int(one.reminders),
                moment(one.escalated),
                moment(one.ended),
                one.withdrawn,
            ])?;
        return Ok(sql_int(one.number));
    }
    connection
        .prepare_cached(
            "INSERT INTO deviation (control, organisation, measure, opened, value, most, note, good_since, told, reminders, escalated,
             ended, withdrawn) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)",
        )?
        .execute(params![
            one.control,
            one.organisation.as_ref().map_or("", |own| own.name()),
            one.measure.word(),
            sql_int(one.opened.0),
            one.evidence.value,
            one.evidence.limit,
            one.evidence.note,
            moment(one.good_since),
            sql_int(one.told.0),
            sql_int(one.reminders),
            moment(one.escalated),
            moment(one.ended),
            one.withdrawn,
        ])?;
    Ok(connection.last_insert_rowid())
}

fn write_letter(
    connection: &Connection,
    letter: &Letter,
    number: i64,
    now: UnixMs,
) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "INSERT INTO letter (id, deviation, stage, reader, at) VALUES (?1, ?2, ?3, ?4, ?5)",
        )?
        .execute(params![
            letter.id.to_string(),
            number,
            letter.stage.word(),
            letter.reader.to_string(),
            sql_int(now.0),
        ])
        .map(drop)
}

/// What is over for long, with its letters, and letters that nobody could post.
fn drop_old(connection: &Connection, now: UnixMs) -> rusqlite::Result<()> {
    let kept = sql_int(now.minus(limits::CONTROL_HISTORY_KEPT).0);
    for (old, before) in [
        ("DELETE FROM deviation WHERE ended < ?1", kept),
        ("DELETE FROM letter WHERE posted < ?1 AND deviation IS NULL", kept),
        (
            "DELETE FROM letter WHERE posted IS NULL AND at < ?1",
            sql_int(now.minus(limits::CONTROL_LETTER_TRIED).0),
        ),
        ("DELETE FROM statement WHERE month < ?1", kept),
    ] {
        connection.prepare_cached(old)?.execute([before])?;
    }
    Ok(())
}

fn stands(row: &Row) -> rusqlite::Result<Stands> {
    Ok(Stands {
        control: row.get(0)?,
        state: State::from_word(&row.get::<_, String>(1)?),
        since: time(row, 2)?,
        evidence: evidence(row, 3)?,
        looked: time(row, 6)?,
        unknown_since: moment(row, 7)?,
        first: time(row, 8)?,
    })
}

fn deviation(row: &Row) -> rusqlite::Result<Deviation> {
    let (organisation, word): (String, String) = (row.get(2)?, row.get(3)?);
    // A word that a newer version wrote would need a newer schema, which is refused.
    let measure = Measure::ALL.into_iter().find(|measure| measure.word() == word);
    Ok(Deviation {
        number: unsigned(row.get(0)?),
        control: row.get(1)?,
        organisation: (!organisation.is_empty()).then(|| Organisation::named(&organisation)),
        measure: measure.unwrap_or(Measure::QueueAge),
        opened: time(row, 4)?,
        evidence: evidence(row, 5)?,
        good_since: moment(row, 8)?,
        told: time(row, 9)?,
        reminders: unsigned(row.get(10)?),
        escalated: moment(row, 11)?,
        ended: moment(row, 12)?,
        withdrawn: row.get(13)?,
    })
}

/// Three columns in a row.
fn evidence(row: &Row, first: usize) -> rusqlite::Result<Evidence> {
    Ok(Evidence { value: row.get(first)?, limit: row.get(first + 1)?, note: row.get(first + 2)? })
}

fn time(row: &Row, column: usize) -> rusqlite::Result<UnixMs> {
    row.get(column).map(|at| UnixMs(unsigned(at)))
}

fn moment(row: &Row, column: usize) -> rusqlite::Result<Option<UnixMs>> {
    let at: Option<i64> = row.get(column)?;
    Ok(at.map(|at| UnixMs(unsigned(at))))
}

fn unsigned(value: i64) -> u64 {
    u64::try_from(value).unwrap_or(0)
}

fn sql_int(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn sql_size(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reader(name: &str) -> Address {
        Address::parse(&format!("{name}@ours.example")).unwrap()
    }

    fn broken(control: &str, opened: u64) -> Deviation {
        Deviation {
            number: 0,
            control: control.to_string(),
            organisation: Some(Organisation::named("acme")),
            measure: Measure::BackupAge,
            opened: UnixMs(opened),
            evidence: Evidence { value: "27 h".to_string(), ..Evidence::default() },
            good_since: None,
            told: UnixMs(opened),
            reminders: 0,
            escalated: None,
            ended: None,
            withdrawn: false,
        }
    }

    fn letter(number: u8, stage: Stage) -> Letter {
        Letter { id: Id::new(UnixMs(5), [number; 10]), stage, reader: reader("eva") }
    }

    async fn change(store: &Deviations, deviation: Deviation, letters: Vec<Letter>) {
        let changes = Changes { deviations: vec![(deviation, letters)], ..Changes::default() };
        store.apply(changes).await.unwrap();
    }

    #[tokio::test]
    async fn what_broke_its_letters_and_its_records_outlive_a_restart() {
        let folder = tempfile::tempdir().unwrap();
        let clock = Clock::by_hand(UnixMs(500 * 86_400_000));
        let now = clock.now();
        let (store, _) = Deviations::open(folder.path(), clock.clone()).unwrap();
        change(&store, broken("backup", now.0), vec![letter(1, Stage::Opened)]).await;
        // The same control is not broken twice.
        let twice = Changes {
            deviations: vec![(broken("backup", now.0), vec![letter(2, Stage::Opened)])],
            ..Changes::default()
        };
        assert!(store.apply(twice).await.is_err());
        drop(store);
        let (store, aside) = Deviations::open(folder.path(), clock.clone()).unwrap();
        assert_eq!(aside, None);
        let open = store.open_now();
        assert_eq!((open.len(), open[0].number, open[0].evidence.value.as_str()), (1, 1, "27 h"));
        let waiting = store.waiting(10).await.unwrap();
        assert_eq!(waiting.len(), 1);
        assert_eq!(waiting[0].about, About::Deviation(Stage::Opened, Box::new(open[0].clone())));
        store.posted(waiting[0].id).await.unwrap();
        assert_eq!(store.waiting(10).await.unwrap(), []);
        let told = store.unrecorded().await.unwrap();
        assert_eq!(told.iter().map(|one| one.end).collect::<Vec<_>>(), [false]);
        store.recorded(1, false).await.unwrap();
        assert_eq!(store.unrecorded().await.unwrap(), []);
        let ended = Deviation { ended: Some(now), ..open[0].clone() };
        change(&store, ended, vec![letter(3, Stage::Healed)]).await;
        assert!(store.open_now().is_empty());
        assert_eq!(store.known().await.unwrap().lately, ["backup"]);
        let told = store.unrecorded().await.unwrap();
        assert_eq!(told.iter().map(|one| one.end).collect::<Vec<_>>(), [true]);
        store.recorded(1, true).await.unwrap();
        assert_eq!(store.unrecorded().await.unwrap(), []);
        // A letter that cannot be posted for long, and what is over for more than a year, go.
        clock.advance(limits::CONTROL_LETTER_TRIED + DAY);
        store.apply(Changes::default()).await.unwrap();
        assert_eq!(store.waiting(10).await.unwrap(), []);
        let all = DeviationFilter { rows: 10, ..DeviationFilter::default() };
        assert_eq!(store.list(all.clone()).await.unwrap().len(), 1);
        let other =
            DeviationFilter { organisation: Some(Organisation::named("berg")), ..all.clone() };
        assert_eq!(store.list(other).await.unwrap(), []);
        clock.advance(limits::CONTROL_HISTORY_KEPT);
        store.apply(Changes::default()).await.unwrap();
        assert_eq!(store.list(all).await.unwrap(), []);
    }

    #[tokio::test]
    async fn a_month_is_stated_once() {
        let folder = tempfile::tempdir().unwrap();
        let (store, _) = Deviations::open(folder.path(), Clock::by_hand(UnixMs(1_000))).unwrap();
        let month = UnixMs(86_400_000);
        let letters = |number: u8| vec![(Id::new(UnixMs(5), [number; 10]), reader("eva"))];
        assert!(store.is_due(month).await.unwrap());
        store.state_month(month, letters(1)).await.unwrap();
        store.state_month(month, letters(2)).await.unwrap();
        assert!(!store.is_due(month).await.unwrap());
        let waiting = store.waiting(10).await.unwrap();
        assert_eq!(waiting.len(), 1);
        assert_eq!(waiting[0].about, About::Month(month));
    }

    #[tokio::test]
    async fn how_a_control_stands_is_kept_until_it_is_gone() {
        let folder = tempfile::tempdir().unwrap();
        let (store, _) = Deviations::open(folder.path(), Clock::by_hand(UnixMs(1_000))).unwrap();
        let stands = |state, at| Stands {
            control: "backup".to_string(),
            state,
            since: UnixMs(at),
            evidence: Evidence { value: "1 h".to_string(), ..Evidence::default() },
            looked: UnixMs(at),
            unknown_since: None,
            first: UnixMs(at),
        };
        for (state, at) in [(State::Good, 7), (State::Unknown, 8)] {
            let changes = Changes { stands: vec![stands(state, at)], ..Changes::default() };
            store.apply(changes).await.unwrap();
        }
        let known = store.known().await.unwrap();
        // When it was looked at first stays.
        assert_eq!(known.stands, [Stands { first: UnixMs(7), ..stands(State::Unknown, 8) }]);
        let gone = Changes { gone: vec!["backup".to_string()], ..Changes::default() };
        store.apply(gone).await.unwrap();
        assert_eq!(store.known().await.unwrap(), Known::default());
    }
}
