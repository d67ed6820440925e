//! Questions between staff and people: may I open this mail? will you look at it and let it go?

use super::{People, held, mailbox, names, rows_of, scoped, sql_int, time, unread};
use crate::{
    base::{clock::UnixMs, ids::Id, limits},
    store::{
        StoreError,
        people::{Answer, Consent, Mailbox, Page, Request},
        scope::Scope,
    },
};
use rusqlite::{OptionalExtension, Row, params, params_from_iter, types::Value};

impl People {
    /// Staff asks to open a held mail. The same question of the same account, while it is open, is asked once. Gives its number.
    pub async fn ask_consent(
        &self,
        mailbox: &Mailbox,
        held: Id,
        by: &str,
        why: &str,
    ) -> Result<i64, StoreError> {
        let (mailbox, by, why) = (mailbox.clone(), by.to_string(), cut(why));
        let now = sql_int(self.clock.now());
        self.db
            .write("asking for consent", move |connection| {
                let open = connection
                    .query_row(
                        "SELECT id FROM consent WHERE organisation = ?1 AND mailbox = ?2 AND held = ?3 AND asked_by = ?4 AND answer = 'open'",
                        params![mailbox.organisation.name(), mailbox.address, held.to_string(), by],
                        |row| row.get(0),
                    )
                    .optional()?;
                if let Some(id) = open {
                    return Ok(id);
                }
                connection.query_row(
                    "INSERT INTO consent (organisation, mailbox, domain, held, asked_by, note, asked, answer, answered_by, answered, expires)
                     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, 'open', '', 0, 0) RETURNING id",
                    params![
                        mailbox.organisation.name(), mailbox.address, mailbox.domain(), held.to_string(), by, why, now
                    ],
                    |row| row.get(0),
                )
            })
            .await
    }

    /// The owner's answer; false when the question is not theirs, or answered already. Only within the scope is anything answered.
    pub async fn answer_consent(
        &self,
        scope: Scope,
        id: i64,
        answer: Answer,
        by: &str,
    ) -> Result<bool, StoreError> {
        let now = self.clock.now();
        let until = match answer {
            Answer::Yes => now.plus(limits::CONSENT_LIFETIME),
            Answer::Open | Answer::No => now,
        };
        let holds = (", expires = ?", vec![Value::Integer(sql_int(until))]);
        self.answer(("consent", scope, id), answer, by, holds).await
    }

    /// The owner takes a yes back, which still holds: from now on it is a no. False when there is none within the scope.
    pub async fn withdraw_consent(
        &self,
        scope: Scope,
        id: i64,
        by: &str,
    ) -> Result<bool, StoreError> {
        let now = sql_int(self.clock.now());
        let (clause, within) = scoped(&scope);
        let mut values =
            vec![Value::Text(by.to_string()), Value::Integer(now), Value::Integer(now)];
        values.extend([Value::Integer(id), Value::Integer(now)]);
        values.extend(within);
        let withdrawn = self.db.write("taking a consent back", move |connection| {
            connection.execute(
                &format!(
                    "UPDATE consent SET answer = 'no', answered_by = ?, answered = ?, expires = ?
                     WHERE id = ? AND answer = 'yes' AND expires > ? AND {clause}"
                ),
                params_from_iter(values),
            )
        });
        Ok(withdrawn.await? == 1)
    }

    /// May this account open this mail now, by its owner's word?
    pub async fn may_open(
        &self,
        mailbox: &Mailbox,
        held: Id,
        by: &str,
    ) -> Result<bool, StoreError> {
        let (mailbox, by, now) = (mailbox.clone(), by.to_string(), sql_int(self.clock.now()));
        self.db
            .read("looking for consent", move |connection| {
                connection.query_row(
                    "SELECT EXISTS (SELECT 1 FROM consent WHERE organisation = ?1 AND mailbox = ?2 AND held = ?3 AND asked_by = ?4
                     AND answer = 'yes' AND expires > ?5)",
                    params![mailbox.organisation.name(), mailbox.address, held.to_string(), by, now],
                    |row| row.get(0),
                )
            })
            .await
    }

    /// What this account was answered lately and has not used: yeses that hold, by which it has opened nothing yet, and noes of the last day.
    /// Newest answer first, within the scope.
    pub async fn answers_to(
        &self,
        scope: Scope,
        by: &str,
        rows: usize,
    ) -> Result<Vec<Consent>, StoreError> {
        let now = self.clock.now();
        let (clause, within) = scoped(&scope);
        let mut values = vec![
            Value::Integer(sql_int(now.minus(limits::CONSENT_LIFETIME))),
            Value::Text(by.to_string()),
            Value::Integer(sql_int(now)),
            Value::Integer(sql_int(now.minus(limits::CONSENT_REFUSED_SHOWN))),
        ];
        values.extend(within);
        values.push(rows_of(rows));
        self.db
            .read("looking up what was answered", move |connection| {
                connection
                    .prepare_cached(&format!(
                        "SELECT id, organisation, mailbox, held, asked_by, note, asked, answer, answered_by, answered, expires
                         FROM consent WHERE answer <> 'open' AND answered > ? AND asked_by = ? AND opened = 0
                         AND (answer = 'yes' AND expires > ? OR answer = 'no' AND answered > ?) AND {clause}
                         ORDER BY answered DESC, id DESC LIMIT ?"
                    ))?
                    .query_map(params_from_iter(values), consent)?
                    .collect()
            })
            .await
    }

    /// This account has opened the mail: a yes that it had is used, and what it still asks is asked no longer.
    pub async fn mail_opened(
        &self,
        mailbox: &Mailbox,
        held: Id,
        by: &str,
    ) -> Result<(), StoreError> {
        let (mailbox, by, now) = (mailbox.clone(), by.to_string(), sql_int(self.clock.now()));
        self.db
            .write("noting that a mail was opened", move |connection| {
                let key = (mailbox.organisation.name(), &mailbox.address, held.to_string(), by);
                connection.execute(
                    "DELETE FROM consent WHERE organisation = ?1 AND mailbox = ?2 AND held = ?3 AND asked_by = ?4 AND answer = 'open'",
                    params![key.0, key.1, key.2, key.3],
                )?;
                connection.execute(
                    "UPDATE consent SET opened = ?5 WHERE organisation = ?1 AND mailbox = ?2 AND held = ?3 AND asked_by = ?4 AND opened = 0",
                    params![key.0, key.1, key.2, key.3, now],
                )?;
                Ok(())
            })
            .await
    }

    /// Questions for consent within the scope, oldest first; only open ones if `open`.
    pub async fn consents(
        &self,
        scope: Scope,
        open: bool,
        page: Page,
    ) -> Result<Vec<Consent>, StoreError> {
        let (sql, values) = listing("consent", "expires", &scope, open, page);
        self.db
            .read("listing questions for consent", move |connection| {
                connection.prepare(&sql)?.query_map(params_from_iter(values), consent)?.collect()
            })
            .await
    }

    /// What was asked about one held mail, oldest first, whether answered or not.
    pub async fn consents_about(
        &self,
        mailbox: &Mailbox,
        held: Id,
    ) -> Result<Vec<Consent>, StoreError> {
        let mailbox = mailbox.clone();
        self.db
            .read("looking up questions about a mail", move |connection| {
                connection
                    .prepare_cached(
                        "SELECT id, organisation, mailbox, held, asked_by, note, asked, answer, answered_by, answered, expires
                         FROM consent WHERE held = ?1 AND organisation = ?2 AND mailbox = ?3 ORDER BY id LIMIT ?4",
                    )?
                    .query_map(
                        params![
                            held.to_string(),
                            mailbox.organisation.name(),
                            mailbox.address,
                            rows_of(limits::PEOPLE_ROWS_MAX)
                        ],
                        consent,
                    )?
                    .collect()
            })
            .await
    }

    /// Mailboxes of which something was asked after `since` that is open and that no digest has told of; in the order of organisation and
    /// address, those behind `after`. What its own owner asks of staff is no question to him.
    pub async fn mailboxes_with_questions(
        &self,
        since: UnixMs,
        after: Option<Mailbox>,
        rows: usize,
    ) -> Result<Vec<Mailbox>, StoreError> {
        let (organisation, address) = after.as_ref().map(names).unwrap_or_default();
        self.db
            .read("looking for who is asked something", move |connection| {
                connection
                    .prepare_cached(
                        "SELECT DISTINCT q.organisation, q.mailbox FROM (
                           SELECT organisation, mailbox, asked FROM consent WHERE answer = 'open'
                           UNION ALL
                           SELECT organisation, mailbox, asked FROM request WHERE answer = 'open' AND asked_by <> mailbox
                         ) q LEFT JOIN mailbox m ON m.organisation = q.organisation AND m.mailbox = q.mailbox
                         WHERE q.asked > max(?1, coalesce(m.last_question, 0)) AND (q.organisation, q.mailbox) > (?2, ?3)
                         ORDER BY q.organisation, q.mailbox LIMIT ?4",
                    )?
                    .query_map(
                        params![sql_int(since), organisation, address, rows_of(rows)],
                        |row| mailbox(row, 0),
                    )?
                    .collect()
            })
            .await
    }

    /// Somebody asks staff to let a mail go that only staff may let go. Whoever asks again changes nothing, whatever came of it; true when it
    /// was new. What one asks takes nothing from what another has asked.
    pub async fn request(
        &self,
        mailbox: &Mailbox,
        held: Id,
        by: &str,
        note: &str,
    ) -> Result<bool, StoreError> {
        let (mailbox, by, note) = (mailbox.clone(), by.to_string(), cut(note));
        let now = sql_int(self.clock.now());
        let made = self.db.write("asking for review", move |connection| {
            connection.execute(
                "INSERT OR IGNORE INTO request (organisation, mailbox, domain, held, asked_by, note, asked, answer, answered_by, answered)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, 'open', '', 0)",
                params![
                    mailbox.organisation.name(), mailbox.address, mailbox.domain(), held.to_string(), by, note, now
                ],
            )
        });
        Ok(made.await? == 1)
    }

    /// Has this one asked for this mail, whatever came of it?
    pub async fn is_requested(
        &self,
        mailbox: &Mailbox,
        held: Id,
        by: &str,
    ) -> Result<bool, StoreError> {
        let (mailbox, by) = (mailbox.clone(), by.to_string());
        self.db
            .read("looking for a request", move |connection| {
                connection.query_row(
                    "SELECT EXISTS (SELECT 1 FROM request WHERE organisation = ?1 AND mailbox = ?2 AND held = ?3 AND asked_by = ?4)",
                    params![mailbox.organisation.name(), mailbox.address, held.to_string(), by],
                    |row| row.get(0),
                )
            })
            .await
    }

    /// What was asked for these mails of a mailbox, oldest first, whether answered or not.
    pub async fn requests_about(
        &self,
        mailbox: &Mailbox,
        held: Vec<Id>,
    ) -> Result<Vec<Request>, StoreError> {
        let mailbox = mailbox.clone();
        let marks = vec!["?"; held.len()].join(", ");
        let sql = format!(
            "SELECT id, organisation, mailbox, held, asked_by, note, asked, answer, answered_by, answered FROM request
             WHERE organisation = ? AND mailbox = ? AND held IN ({marks}) ORDER BY id LIMIT ?"
        );
        let mut values = vec![
            Value::Text(mailbox.organisation.name().to_string()),
            Value::Text(mailbox.address),
        ];
        values.extend(held.into_iter().map(|id| Value::Text(id.to_string())));
        values.push(rows_of(limits::PEOPLE_ROWS_MAX));
        self.db
            .read("looking up what was asked for mails", move |connection| {
                connection.prepare(&sql)?.query_map(params_from_iter(values), request)?.collect()
            })
            .await
    }

    /// What staff says to a request; false when it is not within the scope, or answered already.
    pub async fn answer_request(
        &self,
        scope: Scope,
        id: i64,
        answer: Answer,
        by: &str,
    ) -> Result<bool, StoreError> {
        self.answer(("request", scope, id), answer, by, ("", Vec::new())).await
    }

    /// Requests for this mail that were granted since a moment are open again: what granted them was taken back.
    pub async fn reopen_requests(&self, held: Id, since: UnixMs) -> Result<(), StoreError> {
        let since = sql_int(since);
        self.db
            .write("opening requests again", move |connection| {
                connection
                    .execute(
                        "UPDATE request SET answer = 'open', answered_by = '', answered = 0
                         WHERE held = ?1 AND answer = 'yes' AND answered >= ?2",
                        params![held.to_string(), since],
                    )
                    .map(drop)
            })
            .await
    }

    /// Writes down the answer to an open question of a table, within the scope; `more` is what else is set, and to what.
    async fn answer(
        &self,
        (table, scope, id): (&'static str, Scope, i64),
        answer: Answer,
        by: &str,
        (more, set): (&'static str, Vec<Value>),
    ) -> Result<bool, StoreError> {
        let (clause, within) = scoped(&scope);
        let mut values = vec![
            Value::Text(answer.word().to_string()),
            Value::Text(by.to_string()),
            Value::Integer(sql_int(self.clock.now())),
        ];
        values.extend(set);
        values.push(Value::Integer(id));
        values.extend(within);
        let answered = self.db.write("answering a question", move |connection| {
            connection.execute(
                &format!(
                    "UPDATE {table} SET answer = ?, answered_by = ?, answered = ?{more} WHERE id = ? AND answer = 'open' AND {clause}"
                ),
                params_from_iter(values),
            )
        });
        Ok(answered.await? == 1)
    }

    /// Requests within the scope, oldest first; only open ones if `open`.
    pub async fn requests(
        &self,
        scope: Scope,
        open: bool,
        page: Page,
    ) -> Result<Vec<Request>, StoreError> {
        let (sql, values) = listing("request", "0", &scope, open, page);
        self.db
            .read("listing requests", move |connection| {
                connection.prepare(&sql)?.query_map(params_from_iter(values), request)?.collect()
            })
            .await
    }
}

fn listing(table: &str, last: &str, scope: &Scope, open: bool, page: Page) -> (String, Vec<Value>) {
    let (clause, mut values) = scoped(scope);
    values.extend([Value::Integer(page.after), rows_of(page.rows)]);
    let only = if open { "AND answer = 'open'" } else { "" };
    let sql = format!(
        "SELECT id, organisation, mailbox, held, asked_by, note, asked, answer, answered_by, answered, {last} FROM {table}
         WHERE {clause} {only} AND id > ? ORDER BY id LIMIT ?"
    );
    (sql, values)
}

fn consent(row: &Row<'_>) -> rusqlite::Result<Consent> {
    Ok(Consent {
        id: row.get(0)?,
        mailbox: mailbox(row, 1)?,
        held: held(row, 3)?,
        asked_by: row.get(4)?,
        why: row.get(5)?,
        asked: time(row, 6)?,
        answer: answer(row, 7)?,
        answered_by: row.get(8)?,
        answered: time(row, 9)?,
        expires: time(row, 10)?,
    })
}

fn request(row: &Row<'_>) -> rusqlite::Result<Request> {
    Ok(Request {
        id: row.get(0)?,
        mailbox: mailbox(row, 1)?,
        held: held(row, 3)?,
        asked_by: row.get(4)?,
        note: row.get(5)?,
        asked: time(row, 6)?,
        answer: answer(row, 7)?,
        answered_by: row.get(8)?,
        answered: time(row, 9)?,
    })
}

fn answer(row: &Row<'_>, column: usize) -> rusqlite::Result<Answer> {
    Answer::parse(&row.get::<_, String>(column)?).ok_or_else(|| unread(column, "no answer"))
}

fn cut(text: &str) -> String {
    text.chars().filter(|letter| !letter.is_control()).take(limits::NOTE_LETTERS_MAX).collect()
}
