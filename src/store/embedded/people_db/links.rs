//! Links in digests: made, looked at, spent; doubts about who opens them; and the digests whose answers count.

use super::{People, hash, held, know, mailbox, names, secret, sql_int, time, unread};
use crate::{
    base::{clock::UnixMs, hidden::Hidden, ids::Id, limits},
    store::{
        StoreError, keys,
        people::{Acted, DigestFound, DigestSent, Done, Mailbox, Mint, Peek, Purpose, Token, Told},
    },
};
use rusqlite::{Connection, OptionalExtension, params};

impl People {
    /// Makes links, in the order asked for. They work when this returns.
    pub async fn mint(&self, wanted: Vec<Mint>) -> Result<Vec<Token>, StoreError> {
        let tokens = wanted.iter().map(|_| secret::<16>("token"));
        let tokens = tokens.collect::<Result<Vec<Token>, StoreError>>()?;
        let hashes: Vec<[u8; 32]> = tokens.iter().map(|token| hash(token.expose())).collect();
        self.db
            .write("making links", move |connection| {
                let mut insert = connection.prepare_cached(
                    "INSERT INTO token (hash, organisation, mailbox, owner, held, purpose, line, expires)
                     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
                )?;
                for (mint, hash) in wanted.iter().zip(&hashes) {
                    insert.execute(params![
                        hash,
                        mint.mailbox.organisation.name(),
                        mint.mailbox.address,
                        mint.owner,
                        mint.held.to_string(),
                        mint.purpose.word(),
                        mint.line,
                        sql_int(mint.expires),
                    ])?;
                }
                Ok(())
            })
            .await?;
        Ok(tokens)
    }

    /// What a link stands for. Changes nothing, however often and by whatever it is asked.
    pub async fn peek(&self, token: &Token) -> Result<Option<Peek>, StoreError> {
        let (hash, now) = (hash(token.expose()), self.clock.now());
        self.db.read("looking at a link", move |connection| find(connection, &hash, now)).await
    }

    /// Spends a link: whoever gets [`Acted::Now`] does what it is for, and nobody else does. `number` is what was pressed where the
    /// number beside the mail was asked for. `always` asks for it whatever is known of this link.
    pub async fn act(
        &self,
        token: &Token,
        number: Option<u32>,
        always: bool,
    ) -> Result<Acted, StoreError> {
        self.spend(token, None, number, always).await
    }

    /// The same for what the page of a link offers beside what the link is for: whoever may have a mail may also put it away, or ask about it.
    /// `lesser` is never a release, nor what shows or allows something.
    pub async fn act_beside(
        &self,
        token: &Token,
        lesser: Purpose,
        number: Option<u32>,
        always: bool,
    ) -> Result<Acted, StoreError> {
        match lesser {
            Purpose::Block | Purpose::Review => {
                self.spend(token, Some(lesser), number, always).await
            }
            Purpose::Release
            | Purpose::Show
            | Purpose::Consent
            | Purpose::Allow
            | Purpose::Undo => Ok(Acted::Unknown),
        }
    }

    /// May whoever pressed this number do what is never spent? [`Acted::Now`] if so; a wrong number counts as it does elsewhere.
    pub async fn check_number(
        &self,
        token: &Token,
        number: Option<u32>,
        always: bool,
    ) -> Result<Acted, StoreError> {
        let (hash, now) = (hash(token.expose()), self.clock.now());
        self.db
            .write("looking by a link", move |connection| {
                let Some(peek) = find(connection, &hash, now)? else { return Ok(Acted::Unknown) };
                match () {
                    () if peek.locked => Ok(Acted::Locked),
                    () if peek.expired => Ok(Acted::Expired),
                    () if is_wrong(&peek, number, always) => wrong_number(connection, &peek, now),
                    () => Ok(Acted::Now(peek)),
                }
            })
            .await
    }

    async fn spend(
        &self,
        token: &Token,
        lesser: Option<Purpose>,
        number: Option<u32>,
        always: bool,
    ) -> Result<Acted, StoreError> {
        let (hash, now) = (hash(token.expose()), self.clock.now());
        self.db
            .write("acting by a link", move |connection| {
                let Some(found) = find(connection, &hash, now)? else {
                    return Ok(Acted::Unknown);
                };
                let peek = match lesser {
                    Some(purpose) => {
                        let done = done(connection, &found.mailbox, found.held, purpose)?;
                        Peek { purpose, done, ..found }
                    }
                    None => found,
                };
                if peek.locked {
                    return Ok(Acted::Locked);
                }
                // "Already delivered" is an answer even when the link's time is over.
                if peek.done.is_some() {
                    return Ok(Acted::Already(peek));
                }
                if peek.expired || peek.purpose == Purpose::Show {
                    return Ok(Acted::Expired);
                }
                if is_wrong(&peek, number, always) {
                    return wrong_number(connection, &peek, now);
                }
                let by = peek.owner.clone();
                record(connection, &peek.mailbox, peek.held, peek.purpose, &by, now)?;
                Ok(Acted::Now(peek))
            })
            .await
    }

    /// The same without a link, for one who is known by other means: an answer, the own page, staff. Gives who did it before, if anybody.
    pub async fn act_as(
        &self,
        mailbox: &Mailbox,
        held: Id,
        purpose: Purpose,
        by: &str,
    ) -> Result<Option<Done>, StoreError> {
        let (mailbox, by, now) = (mailbox.clone(), by.to_string(), self.clock.now());
        self.db
            .write("acting on a held mail", move |connection| {
                let before = done(connection, &mailbox, held, purpose)?;
                if before.is_none() {
                    record(connection, &mailbox, held, purpose, &by, now)?;
                }
                Ok(before)
            })
            .await
    }

    /// What was spent can be done again: it failed, or was undone.
    pub async fn give_back(
        &self,
        mailbox: &Mailbox,
        held: Id,
        purpose: Purpose,
    ) -> Result<(), StoreError> {
        let (organisation, address) = names(mailbox);
        self.db
            .write("giving a link back", move |connection| {
                connection.execute(
                    "DELETE FROM act WHERE organisation = ?1 AND mailbox = ?2 AND held = ?3 AND purpose = ?4",
                    params![organisation, address, held.to_string(), purpose.word()],
                )?;
                Ok(())
            })
            .await
    }

    /// Notes that a link was opened from a client network; gives whether the number must be asked for from now on, because it was opened
    /// from several within a minute. Nothing is done or spent by it.
    pub async fn opened(&self, token: &Token, network: &str) -> Result<bool, StoreError> {
        let (hash, network, now) = (hash(token.expose()), network.to_string(), self.clock.now());
        self.db
            .write("noting that a link was opened", move |connection| {
                let Some(peek) = find(connection, &hash, now)? else { return Ok(false) };
                // A mark stands for what comes in the next half minute too, so that a program that asks and asks writes nothing.
                let noted = sql_int(now.minus(limits::OPENING_STANDS));
                let since = sql_int(now.minus(limits::OPENINGS_WINDOW + limits::OPENING_STANDS));
                let (seen, others, own): (i64, i64, i64) = connection.query_row(
                    "SELECT count(*), count(*) FILTER (WHERE network <> ?2), count(*) FILTER (WHERE network = ?2 AND at >= ?4) \
                     FROM opening WHERE hash = ?1 AND at >= ?3",
                    params![hash, network, since, noted],
                    |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)),
                )?;
                if own == 0 && seen < limits::OPENINGS_REMEMBERED_MAX {
                    connection.execute(
                        "INSERT INTO opening (hash, network, at) VALUES (?1, ?2, ?3)",
                        params![hash, network, sql_int(now)],
                    )?;
                }
                if others > 0 && !peek.ask_number {
                    doubt(connection, &peek, &peek.held.to_string(), 0, now)?;
                }
                let together = opened_together(connection, &peek, since)?;
                for (held, _) in together.iter().filter(|(_, is_doubted)| !is_doubted) {
                    doubt(connection, &peek, held, 0, now)?;
                }
                Ok(peek.ask_number || others > 0 || !together.is_empty())
            })
            .await
    }

    /// Writes down which mails stand beside which numbers, for one reader; gives the nonce that an answer must carry, 26 letters.
    pub async fn digest_sent(&self, sent: DigestSent) -> Result<Hidden<String>, StoreError> {
        let letters = data_encoding::BASE32_NOPAD.encode(&keys::random::<16>()?);
        let nonce = Hidden::new("nonce", letters.to_ascii_lowercase());
        let (hash, now) = (hash(nonce.expose()), sql_int(self.clock.now()));
        self.db
            .write("noting a digest", move |connection| {
                connection.execute(
                    "INSERT INTO digest (nonce, organisation, mailbox, reader, sent, expires, questions)
                     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
                    params![
                        hash,
                        sent.mailbox.organisation.name(),
                        sent.mailbox.address,
                        sent.reader,
                        now,
                        sql_int(sent.expires),
                        sent.questions,
                    ],
                )?;
                let mut insert = connection
                    .prepare_cached("INSERT INTO digest_row (nonce, line, held) VALUES (?1, ?2, ?3)")?;
                for (line, held) in (1_i64..).zip(&sent.rows) {
                    insert.execute(params![hash, line, held.to_string()])?;
                }
                Ok(())
            })
            .await?;
        Ok(nonce)
    }

    /// A mailbox has had its digest now, of all up to there.
    pub async fn told(&self, mailbox: &Mailbox, until: Told) -> Result<(), StoreError> {
        let mailbox = mailbox.clone();
        self.db
            .write("noting that a mailbox was told", move |connection| {
                know(connection, &mailbox)?;
                connection.execute(
                    "UPDATE mailbox SET last_digest = max(last_digest, ?3), last_question = max(last_question, ?4)
                     WHERE organisation = ?1 AND mailbox = ?2",
                    params![
                        mailbox.organisation.name(),
                        mailbox.address,
                        sql_int(until.held),
                        sql_int(until.asked)
                    ],
                )?;
                Ok(())
            })
            .await
    }

    /// The digest with this nonce, while answers to it count.
    pub async fn digest_of(&self, nonce: &str) -> Result<Option<DigestFound>, StoreError> {
        let (hash, now) = (hash(&nonce.to_ascii_lowercase()), sql_int(self.clock.now()));
        self.db
            .read("looking up a digest", move |connection| {
                let found = connection
                    .query_row(
                        "SELECT organisation, mailbox, reader, questions FROM digest WHERE nonce = ?1 AND expires > ?2",
                        params![hash, now],
                        |row| Ok((mailbox(row, 0)?, row.get(2)?, row.get(3)?)),
                    )
                    .optional()?;
                let Some((mailbox, reader, questions)) = found else { return Ok(None) };
                let rows = connection
                    .prepare("SELECT line, held FROM digest_row WHERE nonce = ?1 ORDER BY line")?
                    .query_map([hash], |row| Ok((row.get(0)?, held(row, 1)?)))?
                    .collect::<rusqlite::Result<_>>()?;
                Ok(Some(DigestFound { mailbox, reader, questions, rows }))
            })
            .await
    }
}

fn find(connection: &Connection, hash: &[u8; 32], now: UnixMs) -> rusqlite::Result<Option<Peek>> {
    let found = connection
        .prepare_cached(
            "SELECT organisation, mailbox, owner, held, purpose, line, expires FROM token WHERE hash = ?1",
        )?
        .query_row([hash], |row| {
            let purpose = Purpose::parse(&row.get::<_, String>(4)?);
            let expires = time(row, 6)?;
            Ok(Peek {
                mailbox: mailbox(row, 0)?,
                owner: row.get(2)?,
                held: held(row, 3)?,
                purpose: purpose.ok_or_else(|| unread(4, "no purpose of a link"))?,
                line: row.get(5)?,
                expires,
                expired: expires <= now,
                done: None,
                locked: false,
                ask_number: false,
            })
        })
        .optional()?;
    let Some(mut peek) = found else { return Ok(None) };
    peek.done = done(connection, &peek.mailbox, peek.held, peek.purpose)?;
    let doubt = connection
        .prepare_cached(
            "SELECT ask, wrong FROM doubt WHERE organisation = ?1 AND mailbox = ?2 AND held = ?3",
        )?
        .query_row(
            params![peek.mailbox.organisation.name(), peek.mailbox.address, peek.held.to_string()],
            |row| Ok((row.get::<_, bool>(0)?, row.get::<_, i64>(1)?)),
        )
        .optional()?;
    if let Some((ask, wrong)) = doubt {
        peek.ask_number = ask;
        peek.locked = wrong >= limits::WRONG_PRESSES_MAX;
    }
    Ok(Some(peek))
}

fn done(
    connection: &Connection,
    mailbox: &Mailbox,
    held: Id,
    purpose: Purpose,
) -> rusqlite::Result<Option<Done>> {
    connection
        .prepare_cached(
            "SELECT by, at FROM act WHERE organisation = ?1 AND mailbox = ?2 AND held = ?3 AND purpose = ?4",
        )?
        .query_row(
            params![mailbox.organisation.name(), mailbox.address, held.to_string(), purpose.word()],
            |row| Ok(Done { by: row.get(0)?, at: time(row, 1)? }),
        )
        .optional()
}

fn record(
    connection: &Connection,
    mailbox: &Mailbox,
    held: Id,
    purpose: Purpose,
    by: &str,
    now: UnixMs,
) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "INSERT INTO act (organisation, mailbox, held, purpose, by, at) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        )?
        .execute(params![
            mailbox.organisation.name(),
            mailbox.address,
            held.to_string(),
            purpose.word(),
            by,
            sql_int(now)
        ])?;
    Ok(())
}

/// Was the number beside the mail asked for, and another pressed?
fn is_wrong(peek: &Peek, number: Option<u32>, always: bool) -> bool {
    (always || peek.ask_number) && peek.line > 0 && number != Some(peek.line)
}

/// A wrong press spends nothing; three lock the item, whichever of its links they came by.
fn wrong_number(connection: &Connection, peek: &Peek, now: UnixMs) -> rusqlite::Result<Acted> {
    let wrong = doubt(connection, peek, &peek.held.to_string(), 1, now)?;
    match u32::try_from(limits::WRONG_PRESSES_MAX - wrong) {
        Ok(left) if left > 0 => Ok(Acted::WrongNumber { left }),
        Ok(_) | Err(_) => Ok(Acted::Locked),
    }
}

/// The mails of a reader whose links were opened of late, if they are more than a person opens: then a program reads the digest. Beside each,
/// whether its number is asked for already, so that a program that opens on and on writes nothing.
fn opened_together(
    connection: &Connection,
    peek: &Peek,
    since: i64,
) -> rusqlite::Result<Vec<(String, bool)>> {
    let mut asked = connection.prepare_cached(
        "SELECT DISTINCT t.held, EXISTS (SELECT 1 FROM doubt d
             WHERE d.organisation = t.organisation AND d.mailbox = t.mailbox AND d.held = t.held AND d.ask)
         FROM opening o JOIN token t ON t.hash = o.hash
         WHERE o.at >= ?1 AND t.organisation = ?2 AND t.mailbox = ?3 AND t.owner = ?4 LIMIT ?5",
    )?;
    let (mailbox, bound) = (&peek.mailbox, limits::OPENINGS_REMEMBERED_MAX * 16);
    let values = params![since, mailbox.organisation.name(), mailbox.address, peek.owner, bound];
    let held: Vec<(String, bool)> = asked
        .query_map(values, |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<rusqlite::Result<_>>()?;
    Ok(if held.len() >= limits::OPENED_TOGETHER_MAX { held } else { Vec::new() })
}

/// From now on the number is asked for; gives how many wrong ones were pressed.
fn doubt(
    connection: &Connection,
    peek: &Peek,
    held: &str,
    wrong: i64,
    now: UnixMs,
) -> rusqlite::Result<i64> {
    connection
        .prepare_cached(
            "INSERT INTO doubt (organisation, mailbox, held, ask, wrong, at) VALUES (?1, ?2, ?3, 1, ?4, ?5)
             ON CONFLICT DO UPDATE SET ask = 1, wrong = wrong + excluded.wrong, at = excluded.at RETURNING wrong",
        )?
        .query_row(
            params![
                peek.mailbox.organisation.name(),
                peek.mailbox.address,
                held,
                wrong,
                sql_int(now)
            ],
            |row| row.get(0),
        )
}
