//! What was said of mails, in SQLite. What the learners see of a mail is sealed; who said so and whose mail it is are keyed hashes: their key is
//! a secret of the organisation's, wrapped by its key.
//!
//! A commit gathers half a second of lessons and is synced: a crash loses that, and no more. Every change of what counts but a lesson more
//! raises the generation, by which the learners know that they must learn anew.

use super::{
    damage::{self, SetAside},
    db::{Db, Options, Promise},
    secrets::{HASH_BYTES, Purpose, Secrets, hash, secret_table},
};
use crate::{
    base::{
        clock::{Clock, Tick, UnixMs},
        ids::Id,
        limits,
        number::wide,
    },
    learn::classifier::{Label, Lesson, Views},
    mail::Organisation,
    store::{
        StoreError,
        keyring::KeyRing,
        keys::{self, Key},
        lessons::{
            After, Change, Forget, Generation, MailMark, NewLesson, People, Remembered, Sight,
            Standing, Tally, Taught, Teacher, Unlearned,
        },
        private,
    },
};
use rusqlite::{Connection, OptionalExtension, params};
use std::{
    collections::BTreeSet,
    path::Path,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

/// The lessons on this machine.
#[derive(Clone)]
pub struct Lessons {
    db: Db,
    clock: Clock,
    secrets: Secrets,
    keep: Keep,
    /// When old ones were looked for last.
    retained: Arc<Mutex<Option<Tick>>>,
}

/// For how long what is kept.
#[derive(Debug, Clone, Copy)]
pub struct Keep {
    /// A lesson.
    pub lessons: Duration,
    /// What the learners see of a mail that nobody has said anything of.
    pub sights: Duration,
}

impl std::fmt::Debug for Lessons {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Lessons").field("file", &self.db.file()).finish_non_exhaustive()
    }
}

const MIGRATIONS: &[&str] = &[concat!(
    secret_table!(),
    "
CREATE TABLE lesson (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    at INTEGER NOT NULL,
    organisation TEXT NOT NULL,
    mail BLOB NOT NULL,
    teacher TEXT NOT NULL,
    -- Who: a keyed hash, empty where it is no person.
    person BLOB NOT NULL,
    label TEXT NOT NULL,
    views TEXT NOT NULL,
    standing TEXT NOT NULL,
    -- Whose mail: keyed hashes, one behind the other.
    people BLOB NOT NULL,
    sketch BLOB NOT NULL
) STRICT;
-- A row is larger than a page: what is asked often is answered by an index alone.
CREATE INDEX lesson_by_mail ON lesson (organisation, mail);
CREATE INDEX lesson_by_person ON lesson (organisation, person, at, standing) WHERE person != x'';
CREATE INDEX lesson_by_teacher ON lesson (organisation, teacher, standing, at);
CREATE INDEX lesson_by_kind ON lesson (teacher, label, standing);
CREATE INDEX lesson_by_standing ON lesson (standing, number);
CREATE INDEX lesson_by_time ON lesson (at);
CREATE TABLE seen (
    organisation TEXT NOT NULL,
    mail BLOB NOT NULL,
    at INTEGER NOT NULL,
    -- A keyed hash of its Message-ID, empty where it has none.
    message BLOB NOT NULL,
    views TEXT NOT NULL,
    people BLOB NOT NULL,
    sketch BLOB NOT NULL,
    PRIMARY KEY (organisation, mail)
) STRICT;
CREATE INDEX seen_by_time ON seen (at);
CREATE INDEX seen_by_message ON seen (organisation, message) WHERE message != x'';
-- Which database this is, and how often something in it was taken back: a model that knows other numbers is of other lessons.
CREATE TABLE generation (lineage BLOB NOT NULL, number INTEGER NOT NULL) STRICT;
INSERT INTO generation VALUES (randomblob(16), 0);
"
)];

const PURPOSE: Purpose = Purpose {
    kind: "secret of lessons",
    context: "sluss lessons",
    tables: &["lesson", "seen"],
    what: "what was said of mails",
};

impl Lessons {
    /// Opens the lessons in `folder`. A damaged database is moved aside, and another begun, which knows nothing.
    pub fn open(
        folder: &Path,
        ring: KeyRing,
        clock: Clock,
        keep: Keep,
    ) -> Result<(Lessons, Option<SetAside>), StoreError> {
        private::folder(folder)?;
        let file = folder.join("lessons.db");
        let set_aside = damage::look(&file, MIGRATIONS, clock.now())?;
        let options = Options {
            promise: Promise::Full,
            gather: limits::LESSONS_COMMIT_INTERVAL,
            jobs_max: limits::GROUP_COMMIT_ROWS_MAX,
            waiting_max: limits::LESSONS_WAITING_MAX,
            migrations: MIGRATIONS,
        };
        let db = Db::open(&file, options)?;
        let secrets = Secrets::new(db.clone(), ring, PURPOSE);
        Ok((Lessons { db, clock, secrets, keep, retained: Arc::default() }, set_aside))
    }

    /// Keeps what was said; says what became of each, in order. Durable when this returns.
    pub async fn add(&self, lessons: Vec<NewLesson>) -> Result<Vec<Standing>, StoreError> {
        let done = self.change(lessons.into_iter().map(Change::Add).collect()).await?;
        Ok(done.into_iter().flatten().collect())
    }

    /// Keeps what was said and takes back what was not meant, in this order, all of it in one commit. Says what became of each that was said.
    pub async fn change(&self, changes: Vec<Change>) -> Result<Vec<Option<Standing>>, StoreError> {
        let mut steps = Vec::with_capacity(changes.len());
        for change in changes {
            steps.push(match change {
                Change::Add(lesson) => Step::Add(self.row(lesson).await?),
                Change::TakeBack(taken) => {
                    let secret = self.secrets.get_or_make(&taken.organisation).await?;
                    Step::TakeBack {
                        owner: taken.organisation.name().to_string(),
                        mail: taken.mail,
                        teacher: taken.teacher,
                        person: person(&secret, taken.by.as_deref()),
                    }
                }
            });
        }
        self.db
            .write("keeping lessons", move |connection| {
                steps.iter().map(|step| step.take(connection)).collect()
            })
            .await
    }

    async fn row(&self, lesson: NewLesson) -> Result<Row, StoreError> {
        let secret = self.secrets.get_or_make(&lesson.organisation).await?;
        let person = person(&secret, lesson.by.as_deref());
        let people = match lesson.people {
            People::Named(people) => people.iter().flat_map(|one| hash(&secret, one)).collect(),
            People::Hashed(people) => people,
        };
        let context = context(&lesson.organisation, lesson.mail);
        Ok(Row {
            at: self.clock.now(),
            organisation: lesson.organisation.name().to_string(),
            mail: lesson.mail,
            teacher: lesson.teacher,
            person,
            label: lesson.label,
            views: lesson.views,
            people,
            sketch: keys::seal(&secret, &lesson.sketch, &context)?,
        })
    }

    /// Remembers what the learners see of a mail. Never waits long; where the disk is too slow, it cannot be labelled later.
    pub async fn see(&self, sight: Sight) -> Result<(), StoreError> {
        let secret = self.secrets.get_or_make(&sight.organisation).await?;
        let sketch = keys::seal(&secret, &sight.sketch, &context(&sight.organisation, sight.mail))?;
        let people: Vec<u8> = sight.people.iter().flat_map(|one| hash(&secret, one)).collect();
        let message = match sight.message_id.is_empty() {
            true => Vec::new(),
            false => hash(&secret, &sight.message_id).to_vec(),
        };
        let (owner, mail) = (sight.organisation.name().to_string(), sight.mail.0);
        let (at, views) = (sql_int(self.clock.now()), word_of_views(sight.views));
        let taken = self.db.write_soon(move |connection| {
            connection
                .prepare_cached(
                    "INSERT OR IGNORE INTO seen (organisation, mail, at, message, views, people, sketch) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
                )?
                .execute(params![owner, mail, at, message, views, people, sketch])
                .map(drop)
        });
        if !taken {
            metrics::counter!("sluss_sights_not_remembered_total").increment(1);
        }
        Ok(())
    }

    /// What the learners saw of a mail that came through here.
    pub async fn seen(
        &self,
        organisation: &Organisation,
        mail: MailMark,
    ) -> Result<Option<Remembered>, StoreError> {
        let found = self.look(organisation, "mail", mail.0.to_vec()).await?;
        Ok(found.into_iter().next())
    }

    /// The same by its Message-ID, the newest first: anybody can write one that another mail has.
    pub async fn seen_by_message(
        &self,
        organisation: &Organisation,
        message_id: &str,
    ) -> Result<Vec<Remembered>, StoreError> {
        let Some(secret) = self.secrets.get(organisation).await? else { return Ok(Vec::new()) };
        self.look(organisation, "message", hash(&secret, message_id).to_vec()).await
    }

    /// Is this one of a mail's people?
    pub async fn is_of(
        &self,
        organisation: &Organisation,
        mail: &Remembered,
        address: &str,
    ) -> Result<bool, StoreError> {
        let Some(secret) = self.secrets.get(organisation).await? else { return Ok(false) };
        let wanted = hash(&secret, address);
        Ok(mail.people.chunks(HASH_BYTES).any(|one| one == wanted))
    }

    async fn look(
        &self,
        organisation: &Organisation,
        column: &'static str,
        value: Vec<u8>,
    ) -> Result<Vec<Remembered>, StoreError> {
        let Some(secret) = self.secrets.get(organisation).await? else { return Ok(Vec::new()) };
        let owner = organisation.name().to_string();
        let found = self
            .db
            .read("looking for a mail that was seen", move |connection| {
                let mut rows = connection.prepare_cached(&format!(
                    "SELECT mail, views, people, sketch FROM seen WHERE organisation = ?1 AND {column} = ?2 AND {column} != x'' ORDER BY at DESC LIMIT ?3"
                ))?;
                let rows = rows.query_map(params![owner, value, SAME_MESSAGE_MAX], |row| {
                    Ok(Remembered {
                        mail: MailMark(row.get(0)?),
                        views: views_of(&row.get::<_, String>(1)?),
                        people: row.get(2)?,
                        sketch: row.get(3)?,
                    })
                })?;
                rows.collect::<rusqlite::Result<Vec<_>>>()
            })
            .await?;
        let open = |sealed: Remembered| {
            let sketch = keys::open(&secret, &sealed.sketch, &context(organisation, sealed.mail))?;
            Ok(Remembered { sketch, ..sealed })
        };
        found.into_iter().map(open).collect()
    }

    /// Lessons that count, after this number, in their order.
    pub async fn after(&self, number: u64) -> Result<After, StoreError> {
        let (generation, rows) = self
            .db
            .read("reading lessons", move |connection| {
                let generation = generation(connection)?;
                let mut rows = connection.prepare_cached(
                    "SELECT number, organisation, mail, teacher, label, views, sketch FROM lesson
                     WHERE standing = 'counts' AND number > ?1 ORDER BY number LIMIT ?2",
                )?;
                let step = i64::try_from(limits::LESSONS_READ_STEP).unwrap_or(i64::MAX);
                let rows = rows.query_map(params![sql_number(number), step], read_taught)?;
                Ok((generation, rows.collect::<rusqlite::Result<Vec<_>>>()?))
            })
            .await?;
        let until = rows.last().map_or(number, |(_, row)| row.number);
        let (mut taught, mut closed) = (Vec::with_capacity(rows.len()), BTreeSet::new());
        for (mail, row) in rows {
            // What no key opens any more is not learned; it goes when the secret is made anew.
            let opened = match self.secrets.get(&row.organisation).await {
                Ok(Some(secret)) => {
                    keys::open(&secret, &row.sketch, &context(&row.organisation, mail)).ok()
                }
                Ok(None) | Err(_) => None,
            };
            match opened {
                Some(sketch) => taught.push(Taught { sketch, ..row }),
                None => drop(closed.insert(row.organisation)),
            }
        }
        for organisation in closed {
            tracing::error!(%organisation, "lessons of this organisation open with no key, and are not learned");
        }
        Ok(After { generation, until, taught })
    }

    /// The generation.
    pub async fn generation(&self) -> Result<Generation, StoreError> {
        self.db.read("reading the generation of lessons", generation).await
    }

    /// Forgets, of one organisation or of all; gives how many lessons and remembered mails.
    pub async fn forget(
        &self,
        what: &Forget,
        only: Option<&Organisation>,
    ) -> Result<u64, StoreError> {
        let organisations = match only {
            Some(one) => vec![one.clone()],
            None => self.organisations().await?,
        };
        let mut gone = 0;
        for organisation in organisations {
            let person = match (what, self.secrets.get(&organisation).await) {
                (Forget::Person(address), Ok(Some(secret))) => hash(&secret, address),
                // Whose secret no key opens has nobody in it who could be found.
                (Forget::Person(_), Ok(None) | Err(_)) => continue,
                (Forget::Before(_) | Forget::Mail(_) | Forget::All, _) => [0; HASH_BYTES],
            };
            let (what, owner) = (what.clone(), organisation.name().to_string());
            gone += self
                .db
                .write("forgetting lessons", move |connection| {
                    let gone = forget(connection, &owner, &what, person)?;
                    if gone > 0 {
                        raise(connection)?;
                    }
                    Ok(gone)
                })
                .await?;
        }
        Ok(gone)
    }

    /// Whose lessons and mails there are.
    pub async fn organisations(&self) -> Result<Vec<Organisation>, StoreError> {
        self.db
            .read("reading whose lessons there are", |connection| {
                let mut names = connection.prepare_cached("SELECT organisation FROM secret")?;
                let names = names.query_map([], |row| row.get::<_, String>(0))?;
                names.map(|name| Ok(Organisation::named(&name?))).collect()
            })
            .await
    }

    /// Forgets what is older than is kept, or too much; gives how many lessons and remembered mails. Looks once an hour, however often it is asked.
    pub async fn retain(&self) -> Result<(usize, usize), StoreError> {
        if !self.is_due() {
            return Ok((0, 0));
        }
        let now = self.clock.now();
        let (lessons, sights) = (now.minus(self.keep.lessons), now.minus(self.keep.sights));
        self.db
            .write("forgetting old lessons", move |connection| {
                let old = connection
                    .execute("DELETE FROM lesson WHERE at < ?1", [sql_int(lessons)])?;
                let many = connection.execute(
                    "DELETE FROM lesson WHERE at <= (SELECT at FROM lesson ORDER BY at DESC LIMIT 1 OFFSET ?1)",
                    [sql_number(limits::LESSONS_MAX)],
                )?;
                let seen = connection
                    .execute("DELETE FROM seen WHERE at < ?1", [sql_int(sights)])?;
                let too_many = connection.execute(
                    "DELETE FROM seen WHERE at <= (SELECT at FROM seen ORDER BY at DESC LIMIT 1 OFFSET ?1)",
                    [sql_number(limits::SIGHTS_MAX)],
                )?;
                if old + many > 0 {
                    raise(connection)?;
                }
                Ok((old + many, seen + too_many))
            })
            .await
    }

    fn is_due(&self) -> bool {
        let now = self.clock.tick();
        let mut last = self.retained.lock().unwrap_or_else(PoisonError::into_inner);
        let is_due = last.is_none_or(|last| now.since(last) >= limits::LESSONS_RETAIN_INTERVAL);
        if is_due {
            *last = Some(now);
        }
        is_due
    }

    /// How many there are of each kind.
    pub async fn tally(&self) -> Result<Vec<Tally>, StoreError> {
        self.db
            .read("counting lessons", |connection| {
                let mut rows = connection.prepare_cached(
                    "SELECT teacher, label, standing, count(*) FROM lesson GROUP BY teacher, label, standing",
                )?;
                let rows = rows.query_map([], read_tally)?;
                rows.filter_map(rusqlite::Result::transpose).collect()
            })
            .await
    }

    /// The same of one mail.
    pub async fn tally_of(
        &self,
        organisation: &Organisation,
        mail: MailMark,
    ) -> Result<Vec<Tally>, StoreError> {
        let owner = organisation.name().to_string();
        self.db
            .read("counting lessons of a mail", move |connection| {
                let mut rows = connection.prepare_cached(
                    "SELECT teacher, label, standing, count(*) FROM lesson WHERE organisation = ?1 AND mail = ?2
                     GROUP BY teacher, label, standing",
                )?;
                let rows = rows.query_map(params![owner, mail.0], read_tally)?;
                rows.filter_map(rusqlite::Result::transpose).collect()
            })
            .await
    }

    /// Those that are not learned and ought to be looked at, the newest first.
    pub async fn unlearned(&self, rows: usize) -> Result<Vec<Unlearned>, StoreError> {
        let rows = i64::try_from(rows).unwrap_or(i64::MAX);
        self.db
            .read("listing lessons that do not count", move |connection| {
                let mut found = connection.prepare_cached(
                    "SELECT at, organisation, mail, teacher, label, standing FROM lesson
                     WHERE standing IN ('overruled', 'disputed', 'doubted') ORDER BY number DESC LIMIT ?1",
                )?;
                let found = found.query_map([rows], |row| {
                    let word = |column| row.get::<_, String>(column);
                    let kind = (Teacher::from_word(&word(3)?), Standing::from_word(&word(5)?));
                    let (Some(teacher), Some(standing)) = kind else { return Ok(None) };
                    Ok(Some(Unlearned {
                        at: UnixMs(u64::try_from(row.get::<_, i64>(0)?).unwrap_or(0)),
                        organisation: word(1)?,
                        mail: Id::from_bytes(row.get(2)?),
                        teacher,
                        label: label_of(&word(4)?),
                        standing,
                    }))
                })?;
                found.filter_map(rusqlite::Result::transpose).collect()
            })
            .await
    }

    /// Wraps an organisation's secret by its newest key.
    pub async fn rewrap(&self, organisation: &Organisation) -> Result<(), StoreError> {
        self.secrets.rewrap(organisation).await
    }

    /// The folder of the lessons, where the model is kept as well.
    pub fn folder(&self) -> &Path {
        private::above(self.db.file())
    }
}

/// A lesson as it is stored.
struct Row {
    at: UnixMs,
    organisation: String,
    mail: MailMark,
    teacher: Teacher,
    person: Vec<u8>,
    label: Label,
    views: Views,
    people: Vec<u8>,
    sketch: Vec<u8>,
}

/// A change of one lesson.
enum Step {
    Add(Row),
    TakeBack { owner: String, mail: MailMark, teacher: Teacher, person: Vec<u8> },
}

impl Step {
    fn take(&self, connection: &Connection) -> rusqlite::Result<Option<Standing>> {
        match self {
            Step::Add(row) => row.add(connection).map(Some),
            Step::TakeBack { owner, mail, teacher, person } => {
                let gone = connection
                    .prepare_cached(
                        "DELETE FROM lesson WHERE organisation = ?1 AND mail = ?2 AND teacher = ?3 AND person = ?4",
                    )?
                    .execute(params![owner, mail.0, teacher.word(), person])?;
                if gone > 0 {
                    stand_up(connection, (owner, *mail), None)?;
                    raise(connection)?;
                }
                Ok(None)
            }
        }
    }
}

impl Row {
    fn add(&self, connection: &Connection) -> rusqlite::Result<Standing> {
        if let Some((number, label, standing)) = self.said_before(connection)? {
            if label == self.label {
                return Ok(standing);
            }
            // The last word of one counts.
            connection.prepare_cached("DELETE FROM lesson WHERE number = ?1")?.execute([number])?;
            raise(connection)?;
        }
        let mail = (self.organisation.as_str(), self.mail);
        let standing = self.as_much_as_one_may(connection)?;
        if standing == Standing::Enough {
            // Of evidence there is more where that came from, and nobody asks for it.
            if !self.teacher.is_automatic() {
                self.insert(connection, standing)?;
            }
            stand_up(connection, mail, None)?;
            return Ok(standing);
        }
        self.insert(connection, standing)?;
        let number = connection.last_insert_rowid();
        let standing = stand_up(connection, mail, Some(number))?;
        match self.doubted(connection)? {
            Standing::Doubted => Ok(Standing::Doubted),
            Standing::Counts
            | Standing::Agreed
            | Standing::Overruled
            | Standing::Disputed
            | Standing::Enough => Ok(standing),
        }
    }

    /// What the same one said of this mail.
    fn said_before(
        &self,
        connection: &Connection,
    ) -> rusqlite::Result<Option<(i64, Label, Standing)>> {
        connection
            .prepare_cached(
                "SELECT number, label, standing FROM lesson WHERE organisation = ?1 AND mail = ?2 AND person = ?3 AND (teacher = ?4 OR person != x'')",
            )?
            .query_row(
                params![self.organisation, self.mail.0, self.person, self.teacher.word()],
                |row| {
                    let standing = Standing::from_word(&row.get::<_, String>(2)?);
                    let label = label_of(&row.get::<_, String>(1)?);
                    Ok((row.get(0)?, label, standing.unwrap_or(Standing::Counts)))
                },
            )
            .optional()
    }

    /// Has its person, or its kind of evidence, said as much as may count in a day?
    fn as_much_as_one_may(&self, connection: &Connection) -> rusqlite::Result<Standing> {
        let since = sql_int(self.at.minus(DAY));
        let of_person = || -> rusqlite::Result<u64> {
            let said: i64 = connection
                .prepare_cached(
                    "SELECT count(*) FROM lesson WHERE organisation = ?1 AND person = ?2 AND person != x'' AND at >= ?3 AND standing = 'counts'",
                )?
                .query_row(params![self.organisation, self.person, since], |row| row.get(0))?;
            Ok(u64::try_from(said).unwrap_or(0))
        };
        let of_kind = || -> rusqlite::Result<u64> {
            let said: i64 = connection
                .prepare_cached(
                    "SELECT count(*) FROM lesson WHERE organisation = ?1 AND teacher = ?2 AND standing = 'counts' AND at >= ?3",
                )?
                .query_row(params![self.organisation, self.teacher.word(), since], |row| {
                    row.get(0)
                })?;
            Ok(u64::try_from(said).unwrap_or(0))
        };
        let is_enough = if self.teacher.is_one_of_many() {
            of_person()? >= limits::LESSONS_OF_PERSON_PER_DAY
        } else if self.teacher.is_automatic() {
            of_kind()? >= limits::LESSONS_OF_EVIDENCE_PER_DAY
                // Here the person is the network that brought it: a stranger must not teach by sending.
                || (!self.person.is_empty()
                    && of_person()? >= limits::LESSONS_OF_STRANGER_PER_DAY)
        } else {
            false
        };
        // Whether it counts is found out beside the others.
        Ok(if is_enough { Standing::Enough } else { Standing::Agreed })
    }

    /// A person whom others mostly contradict is not believed any more, in what was said before neither.
    fn doubted(&self, connection: &Connection) -> rusqlite::Result<Standing> {
        if !self.teacher.is_one_of_many() || self.person.is_empty() {
            return Ok(Standing::Counts);
        }
        let since = sql_int(self.at.minus(limits::LESSONS_DOUBT_SPAN));
        let (all, contrary): (i64, i64) = connection
            .prepare_cached(
                "SELECT count(*), coalesce(sum(standing IN ('overruled', 'disputed')), 0) FROM lesson
                 WHERE organisation = ?1 AND person = ?2 AND person != x'' AND at >= ?3",
            )?
            .query_row(params![self.organisation, self.person, since], |row| {
                Ok((row.get(0)?, row.get(1)?))
            })?;
        let enough = i64::try_from(limits::LESSONS_BEFORE_DOUBT).unwrap_or(i64::MAX);
        if all < enough || contrary * 2 <= all {
            return Ok(Standing::Counts);
        }
        let mut rows = connection.prepare_cached(
            "SELECT mail FROM lesson WHERE organisation = ?1 AND person = ?2 AND person != x'' AND standing IN ('counts', 'agreed', 'disputed')",
        )?;
        let mails = rows.query_map(params![self.organisation, self.person], |row| row.get(0))?;
        let mails = mails.collect::<rusqlite::Result<Vec<[u8; 16]>>>()?;
        connection.execute(
            "UPDATE lesson SET standing = 'doubted' WHERE organisation = ?1 AND person = ?2 AND person != x'' AND standing IN ('counts', 'agreed', 'disputed')",
            params![self.organisation, self.person],
        )?;
        for mail in mails {
            stand_up(connection, (&self.organisation, MailMark(mail)), None)?;
        }
        raise(connection)?;
        Ok(Standing::Doubted)
    }

    fn insert(&self, connection: &Connection, standing: Standing) -> rusqlite::Result<()> {
        connection
            .prepare_cached(
                "INSERT INTO lesson (at, organisation, mail, teacher, person, label, views, standing, people, sketch)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
            )?
            .execute(params![
                sql_int(self.at),
                self.organisation,
                self.mail.0,
                self.teacher.word(),
                self.person,
                word_of(self.label),
                word_of_views(self.views),
                standing.word(),
                self.people,
                self.sketch,
            ])
            .map(drop)
    }
}

/// Which of the lessons of a mail counts: one of those whose word weighs most, none if these disagree. Gives what becomes of the lesson `new`.
fn stand_up(
    connection: &Connection,
    (owner, mail): (&str, MailMark),
    new: Option<i64>,
) -> rusqlite::Result<Standing> {
    let mut rows = connection.prepare_cached(
        "SELECT number, teacher, label, standing FROM lesson WHERE organisation = ?1 AND mail = ?2 AND standing NOT IN ('enough', 'doubted') ORDER BY number",
    )?;
    let said: Vec<Said> = rows
        .query_map(params![owner, mail.0], |row| {
            let word = |column| row.get::<_, String>(column);
            let kind = (Teacher::from_word(&word(1)?), Standing::from_word(&word(3)?));
            let (Some(teacher), Some(standing)) = kind else { return Ok(None) };
            let (number, rank) = (row.get(0)?, teacher.rank());
            Ok(Some(Said { number, rank, label: label_of(&word(2)?), standing }))
        })?
        .filter_map(rusqlite::Result::transpose)
        .collect::<rusqlite::Result<_>>()?;
    let highest = said.iter().map(|one| one.rank).max().unwrap_or(0);
    let mut top = said.iter().filter(|one| one.rank == highest);
    let label = top.next().map(|one| one.label);
    let agreed = label.filter(|label| top.all(|one| one.label == *label));
    // One that is learned already stays the one that counts.
    let fits = |one: &&Said| agreed == Some(one.label);
    let learned = said.iter().filter(fits).find(|one| one.standing == Standing::Counts);
    let counts = learned.or_else(|| said.iter().rfind(fits)).map(|one| one.number);
    let mut of_new = Standing::Counts;
    for one in &said {
        let standing = match agreed {
            None => Standing::Disputed,
            Some(_) if counts == Some(one.number) => Standing::Counts,
            Some(label) if label == one.label => Standing::Agreed,
            Some(_) => Standing::Overruled,
        };
        let is_new = new == Some(one.number);
        if is_new {
            of_new = standing;
        }
        if standing == one.standing {
            continue;
        }
        connection
            .prepare_cached("UPDATE lesson SET standing = ?2 WHERE number = ?1")?
            .execute(params![one.number, standing.word()])?;
        let is_known = [standing, one.standing].contains(&Standing::Counts) && !is_new;
        if is_known {
            raise(connection)?;
        }
    }
    Ok(of_new)
}

/// One of the lessons of a mail.
struct Said {
    number: i64,
    rank: u8,
    label: Label,
    standing: Standing,
}

fn raise(connection: &Connection) -> rusqlite::Result<()> {
    connection.prepare_cached("UPDATE generation SET number = number + 1")?.execute([]).map(drop)
}

fn generation(connection: &Connection) -> rusqlite::Result<Generation> {
    connection.prepare_cached("SELECT lineage, number FROM generation")?.query_row([], |row| {
        let number = u64::try_from(row.get::<_, i64>(1)?).unwrap_or(0);
        Ok(Generation { lineage: row.get(0)?, number })
    })
}

fn forget(
    connection: &Connection,
    owner: &str,
    what: &Forget,
    person: [u8; HASH_BYTES],
) -> rusqlite::Result<u64> {
    let mut gone = 0;
    match what {
        Forget::All => {
            for table in ["lesson", "seen"] {
                gone += connection
                    .execute(&format!("DELETE FROM {table} WHERE organisation = ?1"), [owner])?;
            }
        }
        Forget::Before(moment) => {
            for table in ["lesson", "seen"] {
                let sql = format!("DELETE FROM {table} WHERE organisation = ?1 AND at < ?2");
                gone += connection.execute(&sql, params![owner, sql_int(*moment)])?;
            }
        }
        Forget::Mail(id) => {
            for table in ["lesson", "seen"] {
                let sql = format!("DELETE FROM {table} WHERE organisation = ?1 AND mail = ?2");
                gone += connection.execute(&sql, params![owner, id.to_bytes()])?;
            }
        }
        Forget::Person(_) => gone += forget_person(connection, owner, person)?,
    }
    Ok(wide(gone))
}

/// Mails of a person, and what it said of any; what others said of those counts again.
fn forget_person(
    connection: &Connection,
    owner: &str,
    person: [u8; HASH_BYTES],
) -> rusqlite::Result<usize> {
    let mut gone = 0;
    for (table, key) in [("lesson", "number"), ("seen", "rowid")] {
        let sql = format!("SELECT {key}, people FROM {table} WHERE organisation = ?1");
        let mut rows = connection.prepare(&sql)?;
        let rows =
            rows.query_map([owner], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, Vec<u8>>(1)?)))?;
        let mut theirs = Vec::new();
        for row in rows {
            let (number, people) = row?;
            if people.chunks(HASH_BYTES).any(|one| one == person) {
                theirs.push(number);
            }
        }
        let sql = format!("DELETE FROM {table} WHERE {key} = ?1");
        for number in theirs {
            gone += connection.prepare_cached(&sql)?.execute([number])?;
        }
    }
    let mut said = connection.prepare(
        "SELECT mail FROM lesson WHERE organisation = ?1 AND person = ?2 AND person != x''",
    )?;
    let mails = said.query_map(params![owner, person], |row| row.get(0))?;
    let mails = mails.collect::<rusqlite::Result<Vec<[u8; 16]>>>()?;
    gone += connection.execute(
        "DELETE FROM lesson WHERE organisation = ?1 AND person = ?2 AND person != x''",
        params![owner, person],
    )?;
    for mail in mails {
        stand_up(connection, (owner, MailMark(mail)), None)?;
    }
    Ok(gone)
}

/// None: a word that this version does not know.
fn read_tally(row: &rusqlite::Row<'_>) -> rusqlite::Result<Option<Tally>> {
    let word = |column| row.get::<_, String>(column);
    let kind = (Teacher::from_word(&word(0)?), Standing::from_word(&word(2)?));
    let (Some(teacher), Some(standing)) = kind else { return Ok(None) };
    let label = label_of(&word(1)?);
    let lessons = u64::try_from(row.get::<_, i64>(3)?).unwrap_or(0);
    Ok(Some(Tally { teacher, label, standing, lessons }))
}

fn read_taught(row: &rusqlite::Row<'_>) -> rusqlite::Result<(MailMark, Taught)> {
    let word = |column| row.get::<_, String>(column);
    let teacher = Teacher::from_word(&word(3)?).unwrap_or(Teacher::Reader);
    let lesson = Lesson {
        label: label_of(&word(4)?),
        views: views_of(&word(5)?),
        sureness: teacher.sureness(),
    };
    let number = u64::try_from(row.get::<_, i64>(0)?).unwrap_or(0);
    let organisation = Organisation::named(&word(1)?);
    Ok((MailMark(row.get(2)?), Taught { number, organisation, lesson, sketch: row.get(6)? }))
}

fn word_of(label: Label) -> &'static str {
    match label {
        Label::Ham => "ham",
        Label::Spam => "spam",
    }
}

fn label_of(word: &str) -> Label {
    if word == "spam" { Label::Spam } else { Label::Ham }
}

fn word_of_views(views: Views) -> &'static str {
    match views {
        Views::All => "all",
        Views::Body => "body",
    }
}

fn views_of(word: &str) -> Views {
    if word == "body" { Views::Body } else { Views::All }
}

/// Mails with one Message-ID that are looked at: a forger has that many tries.
const SAME_MESSAGE_MAX: i64 = 8;
const DAY: Duration = Duration::from_secs(86_400);

fn person(secret: &Key, by: Option<&str>) -> Vec<u8> {
    by.map(|by| hash(secret, by).to_vec()).unwrap_or_default()
}

/// What a sketch is sealed for, so that none can be put in another's place.
fn context(organisation: &Organisation, mail: MailMark) -> String {
    format!("sluss sketch of {} of {organisation}", data_encoding::HEXLOWER.encode(&mail.0))
}

fn sql_int(at: UnixMs) -> i64 {
    sql_number(at.0)
}

fn sql_number(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests;
