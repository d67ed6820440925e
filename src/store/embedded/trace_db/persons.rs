//! The same person in another mail: marks of what identifies somebody, beside the mails of the trace. No value is here, and nothing leads to one.
//!
//! The locked room marks each value under a key of this gateway. That mark is marked again here, under a key that the organisation has for
//! a span of time: its own secret and a salt, which is destroyed when nothing of that span is in the trace any more. So one organisation's
//! marks say nothing of another's, nor one span's of the next, and whoever has this file alone can try no numbers out.

use super::{Trace, sql_int};
use crate::{
    base::{clock::UnixMs, ids::Id, limits},
    examine::Mark,
    mail::Organisation,
    store::{
        StoreError,
        embedded::secrets::{Purpose, Secrets},
        keyring::KeyRing,
        keys::{self, Key},
    },
};
use rusqlite::{Connection, OptionalExtension, params};
use std::{
    collections::{BTreeSet, HashMap},
    sync::{Arc, PoisonError, RwLock},
};

pub(super) const SCHEMA: &str = "
CREATE TABLE person_span (
    organisation TEXT NOT NULL,
    begins INTEGER NOT NULL,
    salt BLOB NOT NULL,
    PRIMARY KEY (organisation, begins)
) STRICT, WITHOUT ROWID;
CREATE TABLE person (
    mark BLOB NOT NULL,
    mail TEXT NOT NULL,
    organisation TEXT NOT NULL,
    begins INTEGER NOT NULL,
    PRIMARY KEY (mark, mail)
) STRICT, WITHOUT ROWID;
CREATE INDEX person_by_mail ON person (mail, organisation);
";

/// Places of mails, the newest first, that have one of the marks ([`listed`]), of those between two places.
pub(super) const MAILS_OF: &str = "SELECT DISTINCT m.number FROM json_each(?1) AS wanted
    JOIN person p ON p.mark = unhex(wanted.value)
    JOIN mail m ON m.id = p.mail AND m.organisation = p.organisation
    WHERE m.number >= ?2 AND m.number < ?3 ORDER BY m.number DESC";

const PURPOSE: Purpose = Purpose {
    kind: "secret of marks of persons",
    context: "sluss marks of persons",
    tables: &["person", "person_span"],
    what: "in which mails the same person stands",
};

/// Marks of persons beside the trace.
#[derive(Clone)]
pub struct Persons {
    trace: Trace,
    secrets: Secrets,
    /// The key in force of each organisation that has marked something.
    current: Arc<RwLock<HashMap<Organisation, (UnixMs, Key)>>>,
}

impl std::fmt::Debug for Persons {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Persons").field("trace", &self.trace).finish_non_exhaustive()
    }
}

impl Trace {
    /// Marks of persons, in the same file.
    pub fn persons(&self, ring: KeyRing) -> Persons {
        let secrets = Secrets::new(self.db.clone(), ring, PURPOSE);
        Persons { trace: self.clone(), secrets, current: Arc::default() }
    }

    /// How many persons that stand in a mail stand in others of its organisation too, and in how many; none where nobody of it is marked.
    pub async fn persons_again(
        &self,
        id: Id,
        organisation: Organisation,
    ) -> Result<Option<Again>, StoreError> {
        self.db
            .read("counting mails with the same persons", move |connection| {
                let marks = of_mail(connection, id, Some(organisation.name()))?;
                if marks.is_empty() {
                    return Ok(None);
                }
                let mut others = connection.prepare_cached(
                    "SELECT count(DISTINCT p.mark), count(DISTINCT p.mail) FROM json_each(?1) AS wanted
                     JOIN person p ON p.mark = unhex(wanted.value) WHERE p.mail <> ?2 AND p.organisation = ?3",
                )?;
                let counted = params![listed(&marks), id.to_string(), organisation.name()];
                let (persons, mails) =
                    others.query_one(counted, |row| Ok((row.get(0)?, row.get(1)?)))?;
                Ok(Some(Again { persons, mails }))
            })
            .await
    }
}

/// Persons of one mail who stand in others too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Again {
    /// So many persons.
    pub persons: u32,
    /// In so many other mails.
    pub mails: u32,
}

impl Persons {
    /// Writes down who stands in a mail, as the room marked them. Nobody waits.
    pub fn note(&self, id: Id, organisation: &Organisation, marks: BTreeSet<Mark>) {
        if marks.is_empty() {
            return;
        }
        let begins = span_of(self.trace.clock.now());
        if let Some(key) = self.known(organisation, begins) {
            return self.write_soon(id, organisation, (begins, &key), &marks);
        }
        // Once in a span.
        let (persons, organisation) = (self.clone(), organisation.clone());
        tokio::spawn(async move {
            match persons.get_or_make(&organisation, begins).await {
                Ok(key) => persons.write_soon(id, &organisation, (begins, &key), &marks),
                Err(error) => {
                    tracing::error!(%organisation, %error, "who stands in a mail could not be marked; it is not found by its persons");
                }
            }
        });
    }

    /// What somebody's marks by the room are in an organisation's mail, in all spans that there still are.
    pub async fn marks(
        &self,
        organisation: &Organisation,
        of_room: &BTreeSet<Mark>,
    ) -> Result<Vec<Mark>, StoreError> {
        let Some(secret) = self.secrets.get(organisation).await? else { return Ok(Vec::new()) };
        let name = organisation.name().to_string();
        let salts: Vec<Vec<u8>> = self
            .trace
            .db
            .read("reading the spans of marks", move |connection| {
                connection
                    .prepare_cached("SELECT salt FROM person_span WHERE organisation = ?1")?
                    .query_map([name], |row| row.get(0))?
                    .collect()
            })
            .await?;
        let keys = salts.iter().map(|salt| key_of(&secret, salt));
        let marks = keys.flat_map(|key| of_room.iter().map(move |one| mark(&key, one)));
        Ok(marks.collect())
    }

    /// Wraps an organisation's secret by its newest key.
    pub async fn rewrap(&self, organisation: &Organisation) -> Result<(), StoreError> {
        self.secrets.rewrap(organisation).await
    }

    fn known(&self, organisation: &Organisation, begins: UnixMs) -> Option<Key> {
        let current = self.current.read().unwrap_or_else(PoisonError::into_inner);
        current.get(organisation).filter(|known| known.0 == begins).map(|known| known.1.clone())
    }

    async fn get_or_make(
        &self,
        organisation: &Organisation,
        begins: UnixMs,
    ) -> Result<Key, StoreError> {
        let secret = self.secrets.get_or_make(organisation).await?;
        let (name, at) = (organisation.name().to_string(), sql_int(begins.0));
        let made: [u8; 16] = keys::random()?;
        let salt = self.trace.db.write("beginning a span of marks", move |connection| {
            // Two may begin it: that which is stored first counts.
            connection
                .prepare_cached("INSERT OR IGNORE INTO person_span (organisation, begins, salt) VALUES (?1, ?2, ?3)")?
                .execute(params![name, at, made])?;
            connection
                .prepare_cached("SELECT salt FROM person_span WHERE organisation = ?1 AND begins = ?2")?
                .query_one(params![name, at], |row| row.get::<_, Vec<u8>>(0))
        });
        let key = key_of(&secret, &salt.await?);
        let mut current = self.current.write().unwrap_or_else(PoisonError::into_inner);
        current.insert(organisation.clone(), (begins, key.clone()));
        Ok(key)
    }

    fn write_soon(
        &self,
        id: Id,
        organisation: &Organisation,
        (begins, key): (UnixMs, &Key),
        of_room: &BTreeSet<Mark>,
    ) {
        let marks: Vec<Mark> = of_room.iter().map(|one| mark(key, one)).collect();
        let (id, name, begins) =
            (id.to_string(), organisation.name().to_string(), sql_int(begins.0));
        let taken = self.trace.db.write_soon(move |connection| {
            let mut insert = connection.prepare_cached(
                "INSERT OR IGNORE INTO person (mark, mail, organisation, begins) VALUES (?1, ?2, ?3, ?4)",
            )?;
            marks.iter().try_for_each(|one| {
                insert.execute(params![one, id, name, begins]).map(drop)
            })
        });
        self.trace.count(taken);
    }
}

/// The beginning of the span that a moment is in.
fn span_of(now: UnixMs) -> UnixMs {
    let span = u64::try_from(limits::PERSON_KEY_SPAN.as_millis()).unwrap_or(u64::MAX);
    UnixMs(now.0 - now.0 % span)
}

fn key_of(secret: &Key, salt: &[u8]) -> Key {
    Key::new(PURPOSE.kind, *blake3::keyed_hash(secret.expose(), salt).as_bytes())
}

fn mark(key: &Key, of_room: &Mark) -> Mark {
    let mut mark = Mark::default();
    blake3::Hasher::new_keyed(key.expose()).update(of_room).finalize_xof().fill(&mut mark);
    mark
}

/// Whose other mails are looked for: of a longer list the first ones, for each may stand in many.
const ASKED_MAX: u32 = 1_000;

/// Marks as [`MAILS_OF`] takes them.
pub(super) fn listed(marks: &[Mark]) -> String {
    let hex = marks.iter().map(|mark| format!("\"{:032x}\"", u128::from_be_bytes(*mark)));
    format!("[{}]", hex.collect::<Vec<_>>().join(","))
}

/// Marks of those who stand in a mail, as one organisation has it, or each.
pub(super) fn of_mail(
    connection: &Connection,
    id: Id,
    organisation: Option<&str>,
) -> rusqlite::Result<Vec<Mark>> {
    connection
        .prepare_cached(
            "SELECT mark FROM person WHERE mail = ?1 AND (?2 IS NULL OR organisation = ?2) LIMIT ?3",
        )?
        .query_map(params![id.to_string(), organisation, ASKED_MAX], |row| row.get(0))?
        .collect()
}

/// With a mail go its marks.
pub(super) fn forget(
    connection: &Connection,
    id: &str,
    organisation: &str,
) -> rusqlite::Result<usize> {
    connection
        .prepare_cached("DELETE FROM person WHERE mail = ?1 AND organisation = ?2")?
        .execute([id, organisation])
}

/// Destroys the salts of spans of which nothing is in the trace any more, and what of theirs has no mail.
pub(super) fn retain(connection: &Connection, keep_from: UnixMs) -> rusqlite::Result<()> {
    let last = sql_int(span_of(keep_from).0);
    let oldest: Option<i64> = connection
        .prepare_cached("SELECT begins FROM person_span WHERE begins < ?1 LIMIT 1")?
        .query_row([last], |row| row.get(0))
        .optional()?;
    if oldest.is_some() {
        connection.execute("DELETE FROM person WHERE begins < ?1", [last])?;
        connection.execute("DELETE FROM person_span WHERE begins < ?1", [last])?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        base::clock::Clock,
        store::{
            embedded::TraceOptions,
            scope::Scope,
            trace::{About, Decision, OfPersons, Took, TraceQuery, TraceRow},
        },
    };
    use std::{path::Path, time::Duration};

    const DAY: u64 = 86_400_000;

    fn opened(folder: &Path, clock: &Clock, ring: &KeyRing) -> (Trace, Persons) {
        let keep = Duration::from_secs(60 * 86_400);
        let options = TraceOptions { keep, bytes_max: 1 << 30 };
        let (trace, _) = Trace::open(folder, clock.clone(), options).unwrap();
        let persons = trace.persons(ring.clone());
        (trace, persons)
    }

    fn mail(number: u8, organisation: &str, at: UnixMs) -> TraceRow {
        TraceRow {
            id: Id::new(at, [number; 10]),
            organisation: Organisation::named(organisation),
            at,
            direction: "outbound",
            listener: "out".to_string(),
            peer: "192.0.2.1".to_string(),
            helo: "x.example".to_string(),
            tls: String::new(),
            sender: format!("n{number}@{organisation}.example"),
            bytes: 10,
            about: About::default(),
            decision: Decision::default(),
            reply: String::new(),
            took: Took::default(),
            recipients: Vec::new(),
        }
    }

    /// Senders' numbers of what is found.
    async fn found(trace: &Trace, scope: &Scope, persons: OfPersons) -> String {
        let query = TraceQuery { persons: Some(persons), rows: 10, ..TraceQuery::default() };
        let page = trace.find(scope.clone(), query).await.unwrap();
        let senders = page.lines.iter().map(|line| line.from.split('@').next().unwrap_or(""));
        senders.collect::<Vec<_>>().join(" ")
    }

    async fn settled(trace: &Trace, mails: usize) {
        for _ in 0..500 {
            let counted = trace.db.read("counting", |connection| {
                connection.query_one("SELECT count(DISTINCT mail) FROM person", [], |row| {
                    row.get::<_, i64>(0)
                })
            });
            if counted.await.unwrap() == i64::try_from(mails).unwrap() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("the marks of {mails} mails were not written");
    }

    #[tokio::test]
    async fn the_same_person_is_found_in_other_mails_of_the_organisation_and_nowhere_else() {
        let folder = tempfile::tempdir().unwrap();
        let (ring, clock) = (KeyRing::for_tests(), Clock::by_hand(UnixMs(90 * DAY)));
        let (trace, persons) = opened(folder.path(), &clock, &ring);
        let (anna, bo, eve): (Mark, Mark, Mark) = ([1; 16], [2; 16], [3; 16]);
        let (acme, berg) = (Organisation::named("acme"), Organisation::named("berg"));
        let mut ids = Vec::new();
        for (number, owner, who) in [
            (1, &acme, vec![anna]),
            (2, &acme, vec![bo, anna]),
            (3, &acme, vec![eve]),
            (4, &berg, vec![anna]),
            (5, &acme, vec![]),
        ] {
            let row = mail(number, owner.name(), clock.now());
            ids.push(row.id);
            persons.note(row.id, owner, who.into_iter().collect());
            trace.record(row);
            settled(&trace, ids.len().min(4)).await;
        }
        let everything = Scope::Everything;
        let same = |at: usize| OfPersons::SameAs(ids[at]);
        assert_eq!(found(&trace, &everything, same(0)).await, "n2 n1");
        assert_eq!(found(&trace, &everything, same(2)).await, "n3");
        assert_eq!(found(&trace, &everything, same(3)).await, "n4", "another's marks are others");
        assert_eq!(found(&trace, &everything, same(4)).await, "");
        let own = Scope::Organisation(berg.clone());
        assert_eq!(found(&trace, &own, same(0)).await, "", "it is not theirs");
        let again = trace.persons_again(ids[1], acme.clone()).await.unwrap();
        assert_eq!(again, Some(Again { persons: 1, mails: 1 }));
        assert_eq!(trace.persons_again(ids[4], acme.clone()).await.unwrap(), None);

        // By the number itself, in all spans, also after a start and under another key of the organisation.
        clock.advance(Duration::from_millis(31 * DAY));
        let later = mail(6, "acme", clock.now());
        persons.note(later.id, &acme, [anna].into());
        trace.record(later);
        settled(&trace, 5).await;
        assert_eq!(found(&trace, &everything, same(0)).await, "n2 n1", "another span's are others");
        let newest = ring.renew(&acme).unwrap();
        persons.rewrap(&acme).await.unwrap();
        ring.retire(&acme, newest.version).unwrap();
        drop((trace, persons));
        let (trace, persons) = opened(folder.path(), &clock, &ring);
        let marked = |of_room: Mark| {
            let (persons, acme) = (persons.clone(), acme.clone());
            async move { OfPersons::Marked(persons.marks(&acme, &[of_room].into()).await.unwrap()) }
        };
        assert_eq!(found(&trace, &everything, marked(anna).await).await, "n6 n2 n1");
        assert_eq!(found(&trace, &everything, marked([9; 16]).await).await, "");

        // With the mails go the marks, and with the span its salt.
        clock.advance(Duration::from_millis(100 * DAY));
        trace.retain().await.unwrap();
        assert_eq!(found(&trace, &everything, marked(anna).await).await, "");
        let left = trace.db.read("counting", |connection| {
            connection.query_one(
                "SELECT (SELECT count(*) FROM person), (SELECT count(*) FROM person_span)",
                [],
                |row| Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?)),
            )
        });
        assert_eq!(left.await.unwrap(), (0, 0));
    }
}
