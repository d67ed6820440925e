//! People in SQLite, in a database of their own: how each mailbox wants to be told, whom it allows and blocks, which links may do what.
//!
//! Every change is on stable storage before it is answered: a link that was spent stays spent. Secrets are kept as hashes only; a copy of
//! this database opens no page and delivers no mail.

mod doors;
mod links;
mod questions;

use super::{
    damage::{self, SetAside},
    db::{Db, Options, Promise},
};
use crate::{
    base::{
        clock::{Clock, UnixMs},
        ids::Id,
        limits,
        local::{TimeOfDay, Zone},
    },
    mail::Organisation,
    store::{
        StoreError,
        keys::{self, Key},
        people::{Mailbox, MailboxLine, OwnEntry, OwnWord, Wanted},
        private,
        scope::Scope,
    },
    wire::report::Language,
};
use rusqlite::{Connection, OptionalExtension, Row, params, params_from_iter, types::Value};
use std::{
    collections::HashMap,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

/// What is known of people on this machine.
#[derive(Clone)]
pub struct People {
    db: Db,
    clock: Clock,
    /// What codes are hashed with: of forty bits alone a hash would tell them.
    secret: Key,
    /// Somebody has a list of his own: while nobody has, no mail asks.
    lists: Arc<AtomicBool>,
}

impl std::fmt::Debug for People {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("People").field("file", &self.db.file()).finish_non_exhaustive()
    }
}

const MIGRATIONS: &[&str] = &[
    "
CREATE TABLE mailbox (
    organisation TEXT NOT NULL,
    mailbox TEXT NOT NULL,
    domain TEXT NOT NULL,
    language TEXT,
    zone TEXT,
    times TEXT,
    no_digests INTEGER NOT NULL DEFAULT 0,
    last_digest INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (organisation, mailbox)
) STRICT;
CREATE TABLE owner (
    organisation TEXT NOT NULL,
    mailbox TEXT NOT NULL,
    owner TEXT NOT NULL,
    by TEXT NOT NULL,
    since INTEGER NOT NULL,
    PRIMARY KEY (organisation, mailbox, owner)
) STRICT, WITHOUT ROWID;
CREATE TABLE entry (
    organisation TEXT NOT NULL,
    mailbox TEXT NOT NULL,
    sender TEXT NOT NULL,
    word TEXT NOT NULL,
    since INTEGER NOT NULL,
    by TEXT NOT NULL,
    PRIMARY KEY (organisation, mailbox, sender)
) STRICT, WITHOUT ROWID;
CREATE TABLE token (
    hash BLOB PRIMARY KEY,
    organisation TEXT NOT NULL,
    mailbox TEXT NOT NULL,
    owner TEXT NOT NULL,
    held TEXT NOT NULL,
    purpose TEXT NOT NULL,
    line INTEGER NOT NULL,
    expires INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX token_by_mailbox ON token (organisation, mailbox);
CREATE INDEX token_by_expiry ON token (expires);
CREATE TABLE act (
    organisation TEXT NOT NULL,
    mailbox TEXT NOT NULL,
    held TEXT NOT NULL,
    purpose TEXT NOT NULL,
    by TEXT NOT NULL,
    at INTEGER NOT NULL,
    PRIMARY KEY (organisation, mailbox, held, purpose)
) STRICT, WITHOUT ROWID;
CREATE INDEX act_by_time ON act (at);
CREATE TABLE doubt (
    organisation TEXT NOT NULL,
    mailbox TEXT NOT NULL,
    held TEXT NOT NULL,
    ask INTEGER NOT NULL,
    wrong INTEGER NOT NULL,
    at INTEGER NOT NULL,
    PRIMARY KEY (organisation, mailbox, held)
) STRICT, WITHOUT ROWID;
CREATE TABLE opening (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    hash BLOB NOT NULL,
    network TEXT NOT NULL,
    at INTEGER NOT NULL
) STRICT;
CREATE INDEX opening_by_token ON opening (hash, at);
CREATE INDEX opening_by_time ON opening (at);
CREATE TABLE digest (
    nonce BLOB PRIMARY KEY,
    organisation TEXT NOT NULL,
    mailbox TEXT NOT NULL,
    reader TEXT NOT NULL,
    sent INTEGER NOT NULL,
    expires INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX digest_by_mailbox ON digest (organisation, mailbox);
CREATE INDEX digest_by_expiry ON digest (expires);
CREATE TABLE digest_row (
    nonce BLOB NOT NULL REFERENCES digest (nonce) ON DELETE CASCADE,
    line INTEGER NOT NULL,
    held TEXT NOT NULL,
    PRIMARY KEY (nonce, line)
) STRICT, WITHOUT ROWID;
CREATE TABLE code (
    organisation TEXT NOT NULL,
    mailbox TEXT NOT NULL,
    hash BLOB NOT NULL,
    expires INTEGER NOT NULL,
    tries INTEGER NOT NULL,
    PRIMARY KEY (organisation, mailbox)
) STRICT, WITHOUT ROWID;
CREATE TABLE code_asked (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    organisation TEXT NOT NULL,
    mailbox TEXT NOT NULL,
    network TEXT NOT NULL,
    at INTEGER NOT NULL
) STRICT;
CREATE INDEX code_asked_by_time ON code_asked (at);
CREATE TABLE session (
    hash BLOB PRIMARY KEY,
    organisation TEXT NOT NULL,
    mailbox TEXT NOT NULL,
    made INTEGER NOT NULL,
    seen INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE consent (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    organisation TEXT NOT NULL,
    mailbox TEXT NOT NULL,
    domain TEXT NOT NULL,
    held TEXT NOT NULL,
    asked_by TEXT NOT NULL,
    note TEXT NOT NULL,
    asked INTEGER NOT NULL,
    answer TEXT NOT NULL,
    answered_by TEXT NOT NULL,
    answered INTEGER NOT NULL,
    expires INTEGER NOT NULL
) STRICT;
CREATE INDEX consent_by_mailbox ON consent (organisation, mailbox);
CREATE INDEX consent_by_held ON consent (held);
CREATE TABLE request (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    organisation TEXT NOT NULL,
    mailbox TEXT NOT NULL,
    domain TEXT NOT NULL,
    held TEXT NOT NULL,
    asked_by TEXT NOT NULL,
    note TEXT NOT NULL,
    asked INTEGER NOT NULL,
    answer TEXT NOT NULL,
    answered_by TEXT NOT NULL,
    answered INTEGER NOT NULL,
    UNIQUE (organisation, mailbox, held)
) STRICT;
CREATE INDEX request_open ON request (id) WHERE answer = 'open';
CREATE TABLE round (one INTEGER PRIMARY KEY CHECK (one = 1), at INTEGER NOT NULL) STRICT;
",
    "
ALTER TABLE mailbox ADD COLUMN last_question INTEGER NOT NULL DEFAULT 0;
ALTER TABLE digest ADD COLUMN questions INTEGER NOT NULL DEFAULT 0;
CREATE INDEX consent_open ON consent (organisation, mailbox, asked) WHERE answer = 'open';
CREATE INDEX request_waits ON request (organisation, mailbox, asked) WHERE answer = 'open';
",
    "
CREATE INDEX consent_answered ON consent (answered) WHERE answer <> 'open';
CREATE INDEX request_answered ON request (answered) WHERE answer <> 'open';
CREATE INDEX consent_unanswered ON consent (asked) WHERE answer = 'open';
CREATE INDEX request_unanswered ON request (asked) WHERE answer = 'open';
",
    // A mail's sender and its recipient each ask in their own name, and neither takes the other's place.
    "
CREATE TABLE request_of (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    organisation TEXT NOT NULL,
    mailbox TEXT NOT NULL,
    domain TEXT NOT NULL,
    held TEXT NOT NULL,
    asked_by TEXT NOT NULL,
    note TEXT NOT NULL,
    asked INTEGER NOT NULL,
    answer TEXT NOT NULL,
    answered_by TEXT NOT NULL,
    answered INTEGER NOT NULL,
    UNIQUE (organisation, mailbox, held, asked_by)
) STRICT;
INSERT INTO request_of SELECT * FROM request;
DROP TABLE request;
ALTER TABLE request_of RENAME TO request;
CREATE INDEX request_open ON request (id) WHERE answer = 'open';
CREATE INDEX request_waits ON request (organisation, mailbox, asked) WHERE answer = 'open';
CREATE INDEX request_answered ON request (answered) WHERE answer <> 'open';
CREATE INDEX request_unanswered ON request (asked) WHERE answer = 'open';
",
    // When whoever asked used the yes: until then it waits for him.
    "
ALTER TABLE consent ADD COLUMN opened INTEGER NOT NULL DEFAULT 0;
",
];

/// Every table with rows of a mailbox; `digest_row` and `opening` go with what they belong to, or with time.
const TABLES: [&str; 12] = [
    "mailbox",
    "owner",
    "entry",
    "token",
    "act",
    "doubt",
    "digest",
    "code",
    "code_asked",
    "session",
    "consent",
    "request",
];

impl People {
    /// Opens them in `folder`. Those that are damaged are moved aside: mail does not wait for them.
    pub fn open(folder: &Path, clock: Clock) -> Result<(People, Option<SetAside>), StoreError> {
        private::folder(folder)?;
        let file = folder.join("people.db");
        let set_aside = damage::look(&file, MIGRATIONS, clock.now())?;
        let options = Options {
            promise: Promise::Full,
            gather: limits::PEOPLE_COMMIT_INTERVAL,
            jobs_max: limits::GROUP_COMMIT_ROWS_MAX,
            waiting_max: limits::PEOPLE_WAITING_MAX,
            migrations: MIGRATIONS,
        };
        let db = Db::open(&file, options)?;
        let (secret, _) = keys::read_or_make_master_key(&folder.join("codes.key"))?;
        let any = db.at_start("looking for own lists", |connection| {
            connection.query_row("SELECT EXISTS (SELECT 1 FROM entry)", [], |row| row.get(0))
        })?;
        let lists = Arc::new(AtomicBool::new(any));
        Ok((People { db, clock, secret, lists }, set_aside))
    }

    /// What was chosen for a mailbox, and when it last had a digest.
    pub async fn wanted(&self, mailbox: &Mailbox) -> Result<(Wanted, UnixMs), StoreError> {
        let (organisation, address) = names(mailbox);
        let found = self.db.read("looking up a mailbox", move |connection| {
            connection
                .prepare_cached(
                    "SELECT language, zone, times, no_digests, last_digest FROM mailbox WHERE organisation = ?1 AND mailbox = ?2",
                )?
                .query_row([organisation, address], |row| Ok((wanted(row, 0)?, time(row, 4)?)))
                .optional()
        });
        Ok(found.await?.unwrap_or_default())
    }

    /// Sets what is wanted for a mailbox.
    pub async fn set_wanted(&self, mailbox: &Mailbox, wanted: Wanted) -> Result<(), StoreError> {
        let mailbox = mailbox.clone();
        self.db
            .write("setting what a mailbox wants", move |connection| {
                know(connection, &mailbox)?;
                let times = wanted.times.as_ref().map(|times| {
                    let times: Vec<String> = times.iter().map(TimeOfDay::to_string).collect();
                    times.join(",")
                });
                connection.execute(
                    "UPDATE mailbox SET language = ?3, zone = ?4, times = ?5, no_digests = ?6 WHERE organisation = ?1 AND mailbox = ?2",
                    params![
                        mailbox.organisation.name(),
                        mailbox.address,
                        wanted.language.map(Language::code),
                        wanted.zone.as_ref().map(Zone::name),
                        times,
                        wanted.no_digests,
                    ],
                )?;
                Ok(())
            })
            .await
    }

    /// Those who look after a shared mailbox; none: it is one person's.
    pub async fn owners(&self, mailbox: &Mailbox) -> Result<Vec<String>, StoreError> {
        let (organisation, address) = names(mailbox);
        self.db
            .read("looking up owners", move |connection| {
                owners(connection, &organisation, &address)
            })
            .await
    }

    /// The shared mailboxes of an organisation that somebody looks after, by address.
    pub async fn looked_after(
        &self,
        organisation: &Organisation,
        owner: &str,
    ) -> Result<Vec<Mailbox>, StoreError> {
        let key = (organisation.name().to_string(), owner.to_lowercase());
        self.db
            .read("looking up what somebody looks after", move |connection| {
                connection
                    .prepare_cached(
                        "SELECT organisation, mailbox FROM owner WHERE organisation = ?1 AND owner = ?2 ORDER BY mailbox LIMIT ?3",
                    )?
                    .query_map(params![key.0, key.1, rows_of(usize::MAX)], |row| mailbox(row, 0))?
                    .collect()
            })
            .await
    }

    /// Names somebody who looks after a mailbox; false when it has too many already.
    pub async fn add_owner(
        &self,
        mailbox: &Mailbox,
        owner: &str,
        by: &str,
    ) -> Result<bool, StoreError> {
        let (mailbox, now) = (mailbox.clone(), sql_int(self.clock.now()));
        let (owner, by) = (owner.to_lowercase(), by.to_string());
        let added = self.db.write("naming an owner", move |connection| {
            know(connection, &mailbox)?;
            connection.execute(
                "INSERT INTO owner (organisation, mailbox, owner, by, since) SELECT ?1, ?2, ?3, ?4, ?5
                 WHERE (SELECT count(*) FROM owner WHERE organisation = ?1 AND mailbox = ?2) < ?6 ON CONFLICT DO UPDATE SET by = by",
                params![
                    mailbox.organisation.name(), mailbox.address, owner, by, now, limits::MAILBOX_OWNERS_MAX
                ],
            )
        });
        Ok(added.await? == 1)
    }

    /// Somebody looks after it no longer: what links he has work no more.
    pub async fn remove_owner(&self, mailbox: &Mailbox, owner: &str) -> Result<bool, StoreError> {
        let (organisation, address) = names(mailbox);
        let owner = owner.to_lowercase();
        let removed = self.db.write("removing an owner", move |connection| {
            let key = params![organisation, address, owner];
            for (table, column) in [("token", "owner"), ("digest", "reader")] {
                connection.execute(
                    &format!("DELETE FROM {table} WHERE organisation = ?1 AND mailbox = ?2 AND {column} = ?3"),
                    key,
                )?;
            }
            connection.execute(
                "DELETE FROM owner WHERE organisation = ?1 AND mailbox = ?2 AND owner = ?3",
                key,
            )
        });
        Ok(removed.await? == 1)
    }

    /// Mailboxes for which something is chosen or known, by address.
    pub async fn mailboxes(
        &self,
        scope: Scope,
        part: Option<String>,
        after: String,
        rows: usize,
    ) -> Result<Vec<MailboxLine>, StoreError> {
        let (clause, mut values) = scoped(&scope);
        values.push(Value::Text(part.unwrap_or_default().to_lowercase()));
        values.push(Value::Text(after));
        values.push(rows_of(rows));
        self.db
            .read("listing mailboxes", move |connection| {
                let mut lines: Vec<MailboxLine> = connection
                    .prepare(&format!(
                        "SELECT organisation, mailbox, last_digest,
                         (SELECT count(*) FROM entry e WHERE e.organisation = m.organisation AND e.mailbox = m.mailbox),
                         language, zone, times, no_digests FROM mailbox m
                         WHERE {clause} AND instr(mailbox, ?) > 0 AND mailbox > ? ORDER BY mailbox, organisation LIMIT ?"
                    ))?
                    .query_map(params_from_iter(values), |row| {
                        Ok(MailboxLine {
                            mailbox: mailbox(row, 0)?,
                            last_digest: time(row, 2)?,
                            entries: u64::try_from(row.get::<_, i64>(3)?).unwrap_or(0),
                            wanted: wanted(row, 4)?,
                            owners: Vec::new(),
                        })
                    })?
                    .collect::<rusqlite::Result<_>>()?;
                for line in &mut lines {
                    let Mailbox { organisation, address } = &line.mailbox;
                    line.owners = owners(connection, organisation.name(), address)?;
                }
                Ok(lines)
            })
            .await
    }

    /// A mailbox's own list, by sender.
    pub async fn entries(&self, mailbox: &Mailbox) -> Result<Vec<OwnEntry>, StoreError> {
        let (organisation, address) = names(mailbox);
        self.db
            .read("reading an own list", move |connection| {
                connection
                    .prepare(
                        "SELECT sender, word, since, by FROM entry WHERE organisation = ?1 AND mailbox = ?2 ORDER BY sender",
                    )?
                    .query_map([organisation, address], own_entry)?
                    .collect()
            })
            .await
    }

    /// Allows or blocks a sender for a mailbox, instead of what was said of it before; false when the list is full. Whoever says the same
    /// again changes nothing: the first one said it.
    /// `sender` is in the form of [`crate::store::people::own_sender`].
    pub async fn say_of(
        &self,
        mailbox: &Mailbox,
        sender: &str,
        word: OwnWord,
        by: &str,
    ) -> Result<bool, StoreError> {
        let (mailbox, now) = (mailbox.clone(), sql_int(self.clock.now()));
        let (sender, by) = (sender.to_lowercase(), by.to_string());
        let said = self.db.write("adding to an own list", move |connection| {
            know(connection, &mailbox)?;
            connection.execute(
                "INSERT INTO entry (organisation, mailbox, sender, word, since, by) SELECT ?1, ?2, ?3, ?4, ?5, ?6
                 WHERE (SELECT count(*) FROM entry WHERE organisation = ?1 AND mailbox = ?2) < ?7
                 OR EXISTS (SELECT 1 FROM entry WHERE organisation = ?1 AND mailbox = ?2 AND sender = ?3)
                 ON CONFLICT DO UPDATE SET
                 since = CASE word WHEN excluded.word THEN since ELSE excluded.since END,
                 by = CASE word WHEN excluded.word THEN by ELSE excluded.by END, word = excluded.word",
                params![
                    mailbox.organisation.name(), mailbox.address, sender, word.word(), now, by, limits::OWN_LIST_ENTRIES_MAX
                ],
            )
        });
        let said = said.await? == 1;
        self.lists.store(true, Ordering::Relaxed);
        Ok(said)
    }

    /// Takes a sender off a mailbox's list; false when it did not stand there.
    pub async fn unsay(&self, mailbox: &Mailbox, sender: &str) -> Result<bool, StoreError> {
        let (organisation, address) = names(mailbox);
        let sender = sender.to_lowercase();
        let removed = self.db.write("taking off an own list", move |connection| {
            connection.execute(
                "DELETE FROM entry WHERE organisation = ?1 AND mailbox = ?2 AND sender = ?3",
                params![organisation, address, sender],
            )
        });
        Ok(removed.await? == 1)
    }

    /// What these mailboxes say of a sender, who is given in every form in which it may stand on a list, the narrowest first.
    pub async fn own_words(
        &self,
        mailboxes: Vec<Mailbox>,
        senders: Vec<String>,
    ) -> Result<HashMap<Mailbox, OwnEntry>, StoreError> {
        if !self.lists.load(Ordering::Relaxed) || senders.is_empty() {
            return Ok(HashMap::new());
        }
        self.db
            .read("asking own lists", move |connection| {
                let mut statement = connection.prepare_cached(
                    "SELECT sender, word, since, by FROM entry WHERE organisation = ?1 AND mailbox = ?2 AND sender = ?3",
                )?;
                let mut words = HashMap::new();
                for mailbox in mailboxes {
                    for sender in &senders {
                        let key = params![mailbox.organisation.name(), mailbox.address, sender];
                        let found = statement.query_row(key, own_entry).optional()?;
                        if let Some(found) = found {
                            words.insert(mailbox, found);
                            break;
                        }
                    }
                }
                Ok(words)
            })
            .await
    }

    /// Forgets all that is known of a mailbox: what it chose, its lists, links, codes, sessions, questions and requests, and that it looks
    /// after others. Gives the rows that went.
    pub async fn erase(&self, mailbox: &Mailbox) -> Result<usize, StoreError> {
        let (organisation, address) = names(mailbox);
        self.db
            .write("erasing a mailbox", move |connection| {
                let mut gone = 0;
                for table in TABLES {
                    let sql =
                        format!("DELETE FROM {table} WHERE organisation = ?1 AND mailbox = ?2");
                    gone += connection.execute(&sql, [&organisation, &address])?;
                }
                for (table, column) in
                    [("owner", "owner"), ("token", "owner"), ("digest", "reader")]
                {
                    let sql =
                        format!("DELETE FROM {table} WHERE organisation = ?1 AND {column} = ?2");
                    gone += connection.execute(&sql, [&organisation, &address])?;
                }
                Ok(gone)
            })
            .await
    }

    /// Lets go what is past its time, a step of each kind: links, what was done by them, codes, sessions, and questions with their answers.
    /// Gives the rows that went. What people have chosen stays until it is erased.
    pub async fn retain(&self) -> Result<usize, StoreError> {
        let now = self.clock.now();
        let old = sql_int(now.minus(limits::PEOPLE_KEPT));
        let hour = sql_int(now.minus(Duration::from_secs(3_600)));
        let minutes = sql_int(now.minus(limits::OPENINGS_WINDOW * 2));
        let sessions = sql_int(now.minus(limits::OWN_PAGE_LIFETIME));
        let answered = sql_int(now.minus(limits::ANSWERED_KEPT));
        let unanswered = sql_int(now.minus(limits::UNANSWERED_KEPT));
        let now = sql_int(now);
        self.db
            .write("letting old links go", move |connection| {
                let mut gone = 0;
                for (sql, before) in [
                    ("DELETE FROM token WHERE hash IN (SELECT hash FROM token WHERE expires < ?1 LIMIT ?2)", old),
                    ("DELETE FROM digest WHERE nonce IN (SELECT nonce FROM digest WHERE expires < ?1 LIMIT ?2)", old),
                    ("DELETE FROM act WHERE (organisation, mailbox, held, purpose) IN
                      (SELECT organisation, mailbox, held, purpose FROM act WHERE at < ?1 AND NOT EXISTS
                       (SELECT 1 FROM token t WHERE t.organisation = act.organisation AND t.mailbox = act.mailbox AND t.held = act.held) LIMIT ?2)", old),
                    ("DELETE FROM doubt WHERE (organisation, mailbox, held) IN
                      (SELECT organisation, mailbox, held FROM doubt WHERE at < ?1 AND NOT EXISTS
                       (SELECT 1 FROM token t WHERE t.organisation = doubt.organisation AND t.mailbox = doubt.mailbox AND t.held = doubt.held) LIMIT ?2)", old),
                    ("DELETE FROM opening WHERE number IN (SELECT number FROM opening WHERE at < ?1 LIMIT ?2)", minutes),
                    ("DELETE FROM code_asked WHERE number IN (SELECT number FROM code_asked WHERE at < ?1 LIMIT ?2)", hour),
                    ("DELETE FROM code WHERE (organisation, mailbox) IN (SELECT organisation, mailbox FROM code WHERE expires < ?1 LIMIT ?2)", now),
                    ("DELETE FROM session WHERE hash IN (SELECT hash FROM session WHERE made < ?1 LIMIT ?2)", sessions),
                    ("DELETE FROM consent WHERE id IN (SELECT id FROM consent WHERE answer <> 'open' AND answered < ?1 AND expires < ?1 LIMIT ?2)", answered),
                    ("DELETE FROM request WHERE id IN (SELECT id FROM request WHERE answer <> 'open' AND answered < ?1 LIMIT ?2)", answered),
                    ("DELETE FROM consent WHERE id IN (SELECT id FROM consent WHERE answer = 'open' AND asked < ?1 LIMIT ?2)", unanswered),
                    ("DELETE FROM request WHERE id IN (SELECT id FROM request WHERE answer = 'open' AND asked < ?1 LIMIT ?2)", unanswered),
                ] {
                    gone += connection.execute(sql, params![before, step()])?;
                }
                Ok(gone)
            })
            .await
    }

    /// When digests were last looked for; none: never.
    pub async fn last_round(&self) -> Result<Option<UnixMs>, StoreError> {
        self.db
            .read("looking up the last digests", |connection| {
                connection.query_row("SELECT at FROM round", [], |row| time(row, 0)).optional()
            })
            .await
    }

    /// Digests were looked for at this time.
    pub async fn round_done(&self, at: UnixMs) -> Result<(), StoreError> {
        self.db
            .write("noting the last digests", move |connection| {
                connection.execute(
                    "INSERT INTO round (one, at) VALUES (1, ?1) ON CONFLICT DO UPDATE SET at = excluded.at",
                    [sql_int(at)],
                )?;
                Ok(())
            })
            .await
    }

    /// All that mailboxes have chosen for themselves about when: whether anybody's digest is due can be told from these and the configuration.
    pub async fn own_hours(&self) -> Result<Vec<(Mailbox, Wanted)>, StoreError> {
        self.db
            .read("reading when digests are wanted", |connection| {
                connection
                    .prepare(
                        "SELECT organisation, mailbox, language, zone, times, no_digests FROM mailbox
                         WHERE no_digests = 0 AND (zone IS NOT NULL OR times IS NOT NULL)",
                    )?
                    .query_map([], |row| Ok((mailbox(row, 0)?, wanted(row, 2)?)))?
                    .collect()
            })
            .await
    }
}

/// A mailbox of which something is to be kept.
fn know(connection: &Connection, mailbox: &Mailbox) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "INSERT OR IGNORE INTO mailbox (organisation, mailbox, domain) VALUES (?1, ?2, ?3)",
        )?
        .execute(params![mailbox.organisation.name(), mailbox.address, mailbox.domain()])?;
    Ok(())
}

fn owners(
    connection: &Connection,
    organisation: &str,
    address: &str,
) -> rusqlite::Result<Vec<String>> {
    connection
        .prepare_cached(
            "SELECT owner FROM owner WHERE organisation = ?1 AND mailbox = ?2 ORDER BY owner",
        )?
        .query_map([organisation, address], |row| row.get(0))?
        .collect()
}

/// A scope as a clause over the columns `organisation`, `mailbox` and `domain`, with its values.
fn scoped(scope: &Scope) -> (String, Vec<Value>) {
    let text = |text: &str| Value::Text(text.to_string());
    match scope {
        Scope::Everything => ("1 = 1".to_string(), Vec::new()),
        Scope::Organisation(own) => ("organisation = ?".to_string(), vec![text(own.name())]),
        Scope::Domains(own, domains) => {
            let marks = vec!["?"; domains.len()].join(", ");
            let domains = domains.iter().map(|domain| text(domain.as_str()));
            let values = std::iter::once(text(own.name())).chain(domains).collect();
            (format!("organisation = ? AND domain IN ({marks})"), values)
        }
        Scope::Mailbox(own, address) => {
            let values = vec![text(own.name()), text(&address.key())];
            ("organisation = ? AND mailbox = ?".to_string(), values)
        }
    }
}

fn names(mailbox: &Mailbox) -> (String, String) {
    (mailbox.organisation.name().to_string(), mailbox.address.clone())
}

fn mailbox(row: &Row<'_>, column: usize) -> rusqlite::Result<Mailbox> {
    let organisation = Organisation::named(&row.get::<_, String>(column)?);
    Ok(Mailbox { organisation, address: row.get(column + 1)? })
}

/// Four columns. What a later version wrote and this one does not know is as if it were not chosen.
fn wanted(row: &Row<'_>, column: usize) -> rusqlite::Result<Wanted> {
    let text = |column| row.get::<_, Option<String>>(column);
    Ok(Wanted {
        language: text(column)?.and_then(|code| Language::parse(&code)),
        zone: text(column + 1)?.and_then(|name| Zone::parse(&name).ok()),
        times: text(column + 2)?
            .map(|times| times.split(',').filter_map(|time| TimeOfDay::parse(time).ok()).collect()),
        no_digests: row.get(column + 3)?,
    })
}

fn word(row: &Row<'_>, column: usize) -> rusqlite::Result<OwnWord> {
    OwnWord::parse(&row.get::<_, String>(column)?)
        .ok_or_else(|| unread(column, "no word of a list"))
}

fn own_entry(row: &Row<'_>) -> rusqlite::Result<OwnEntry> {
    Ok(OwnEntry { sender: row.get(0)?, word: word(row, 1)?, since: time(row, 2)?, by: row.get(3)? })
}

fn held(row: &Row<'_>, column: usize) -> rusqlite::Result<Id> {
    row.get::<_, String>(column)?.parse().map_err(|_| unread(column, "no id"))
}

fn unread(column: usize, what: &str) -> rusqlite::Error {
    let error = std::io::Error::other(what.to_string());
    rusqlite::Error::FromSqlConversionFailure(column, rusqlite::types::Type::Text, Box::new(error))
}

fn time(row: &Row<'_>, column: usize) -> rusqlite::Result<UnixMs> {
    Ok(UnixMs(u64::try_from(row.get::<_, i64>(column)?).unwrap_or(0)))
}

fn sql_int(at: UnixMs) -> i64 {
    i64::try_from(at.0).unwrap_or(i64::MAX)
}

fn step() -> i64 {
    i64::try_from(limits::RETAIN_STEP_ROWS).unwrap_or(i64::MAX)
}

fn rows_of(rows: usize) -> Value {
    Value::Integer(i64::try_from(rows.clamp(1, limits::PEOPLE_ROWS_MAX)).unwrap_or(i64::MAX))
}

/// What is kept of a secret of 128 bits or more.
fn hash(secret: &str) -> [u8; 32] {
    *blake3::hash(secret.as_bytes()).as_bytes()
}

/// So many random bytes as letters that can stand in a link.
fn secret<const N: usize>(
    kind: &'static str,
) -> Result<crate::base::hidden::Hidden<String>, StoreError> {
    let text = data_encoding::BASE64URL_NOPAD.encode(&keys::random::<N>()?);
    Ok(crate::base::hidden::Hidden::new(kind, text))
}

#[cfg(test)]
mod tests;
