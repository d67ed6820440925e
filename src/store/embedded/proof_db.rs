//! Proofs of the way of mail in SQLite, in a database of their own: a proof is on stable storage before the mail that it is about is forgotten.
//!
//! Each has its place in a batch once that is sealed. Only the leaves are needed to lead others to the root, so that what is past its time goes
//! batch by batch, when all of a batch is.

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
    mail::{Address, CertificateState, Direction, Domain, NameMatch, Organisation},
    store::{
        StoreError, private,
        proof::{self, Node, Proof, Seal, Sheet, WentBy, Whose},
        scope::Scope,
        transport::{ChannelFilter, DomainChannels, Terms, WouldBreak},
    },
    wire::tls::{Channel, Dnssec, PersonalData, Secured},
};
use rusqlite::{Connection, OptionalExtension, Row, params};
use std::{
    collections::{HashMap, hash_map::Entry},
    path::Path,
    time::Duration,
};

/// The proofs on this machine.
#[derive(Clone)]
pub struct Proofs {
    db: Db,
    clock: Clock,
    keep: Duration,
    bytes_max: u64,
}

impl std::fmt::Debug for Proofs {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Proofs").field("file", &self.db.file()).finish_non_exhaustive()
    }
}

/// `stretch`: 0 to or from others, 1 within the house, 2 to a smarthost, behind which nobody knows. `channel`: 0 in clear, 1 encrypted, 2 proven.
/// `version`: 12, 13; 0 in clear. `good`: the certificate was good and bore the name. `known`: the server's name is the domain's, or DNSSEC says so.
const MIGRATIONS: &[&str] = &["
CREATE TABLE proof (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    id BLOB NOT NULL UNIQUE,
    mail BLOB NOT NULL,
    organisation TEXT NOT NULL,
    at INTEGER NOT NULL,
    outbound INTEGER NOT NULL,
    stretch INTEGER NOT NULL,
    domain TEXT NOT NULL,
    channel INTEGER NOT NULL,
    version INTEGER NOT NULL,
    good INTEGER NOT NULL,
    known INTEGER NOT NULL,
    personal INTEGER NOT NULL,
    body TEXT NOT NULL,
    leaf BLOB NOT NULL,
    batch INTEGER,
    place INTEGER
) STRICT;
CREATE INDEX proof_by_mail ON proof (mail);
CREATE INDEX proof_by_channel ON proof (at, organisation, outbound, stretch, domain, channel, version, good, known, personal);
CREATE INDEX proof_by_batch ON proof (batch, place, leaf);
CREATE TABLE seal (
    batch INTEGER PRIMARY KEY,
    at INTEGER NOT NULL,
    seal TEXT NOT NULL,
    recorded INTEGER NOT NULL
) STRICT;
CREATE INDEX seal_to_record ON seal (recorded) WHERE recorded = 0;
"];

/// Proofs that wait for a seal, in order.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Unsealed {
    numbers: Vec<i64>,
    /// Their leaves.
    pub leaves: Vec<Node>,
    /// The number that their batch will have.
    pub batch: u64,
}

impl Proofs {
    /// Opens the proofs in `folder`. Those that are damaged are moved aside, and others begun: mail does not wait for them.
    pub fn open(
        folder: &Path,
        clock: Clock,
        keep: Duration,
        bytes_max: u64,
    ) -> Result<(Proofs, Option<SetAside>), StoreError> {
        private::folder(folder)?;
        let file = folder.join(FILE);
        let set_aside = damage::look(&file, MIGRATIONS, clock.now())?;
        let options = Options {
            promise: Promise::Full,
            gather: limits::PROOFS_COMMIT_INTERVAL,
            jobs_max: limits::GROUP_COMMIT_ROWS_MAX,
            waiting_max: limits::PROOFS_WAITING_MAX,
            migrations: MIGRATIONS,
        };
        Ok((Proofs { db: Db::open(&file, options)?, clock, keep, bytes_max }, set_aside))
    }

    /// Writes proofs down; they are on stable storage when this returns.
    pub async fn record(&self, proofs: Vec<Proof>) -> Result<(), StoreError> {
        if self.keep.is_zero() || proofs.is_empty() {
            return Ok(());
        }
        self.db
            .write("recording proofs", move |connection| {
                proofs.iter().try_for_each(|proof| insert(connection, proof))
            })
            .await
    }

    /// Those that wait for a seal, the oldest first.
    pub async fn unsealed(&self) -> Result<Unsealed, StoreError> {
        let now = self.clock.now();
        self.db
            .read("looking for proofs to seal", move |connection| {
                let batch = next_batch(connection, now)?;
                let mut unsealed = Unsealed { batch, ..Unsealed::default() };
                let mut rows = connection.prepare_cached(&format!(
                    "SELECT number, leaf FROM proof WHERE batch IS NULL ORDER BY number LIMIT {}",
                    limits::PROOFS_IN_A_BATCH_MAX
                ))?;
                let mut rows = rows.query([])?;
                while let Some(row) = rows.next()? {
                    unsealed.numbers.push(row.get(0)?);
                    unsealed.leaves.push(row.get(1)?);
                }
                Ok(unsealed)
            })
            .await
    }

    /// They are sealed.
    pub async fn seal(&self, sealed: Unsealed, seal: Seal) -> Result<(), StoreError> {
        self.db
            .write("sealing proofs", move |connection| {
                let batch = sql_number(seal.batch);
                connection
                    .prepare_cached(
                        "INSERT INTO seal (batch, at, seal, recorded) VALUES (?1, ?2, ?3, 0)",
                    )?
                    .execute(params![batch, sql_number(seal.at_ms), text_of(&seal)])?;
                let mut update = connection
                    .prepare_cached("UPDATE proof SET batch = ?2, place = ?3 WHERE number = ?1")?;
                for (place, number) in sealed.numbers.iter().enumerate() {
                    update.execute(params![number, batch, sql_place(place)])?;
                }
                Ok(())
            })
            .await
    }

    /// Seals that are not known to stand in the audit log.
    pub async fn unrecorded(&self) -> Result<Vec<Seal>, StoreError> {
        self.db
            .read("looking for seals to record", |connection| {
                let texts: Vec<String> = connection
                    .prepare_cached("SELECT seal FROM seal WHERE recorded = 0 ORDER BY batch")?
                    .query_map([], |row| row.get(0))?
                    .collect::<Result<_, _>>()?;
                Ok(texts.iter().filter_map(|text| serde_json::from_str(text).ok()).collect())
            })
            .await
    }

    /// This one stands there.
    pub async fn recorded(&self, batch: u64) -> Result<(), StoreError> {
        self.db
            .write("noting that a seal stands in the audit log", move |connection| {
                connection
                    .prepare_cached("UPDATE seal SET recorded = 1 WHERE batch = ?1")?
                    .execute([sql_number(batch)])?;
                Ok(())
            })
            .await
    }

    /// How many proofs an organisation has of a mail.
    pub async fn count(&self, mail: Id, organisation: Organisation) -> Result<u64, StoreError> {
        self.db
            .read("counting proofs", move |connection| {
                connection
                    .prepare_cached(
                        "SELECT count(*) FROM proof WHERE mail = ?1 AND organisation = ?2",
                    )?
                    .query_row(params![mail.to_bytes(), organisation.name()], |row| row.get(0))
                    .map(unsigned)
            })
            .await
    }

    /// Every proof of a mail that this one may see, in the order in which things happened.
    pub async fn of_mail(&self, mail: Id, scope: Scope) -> Result<Vec<Sheet>, StoreError> {
        self.db
            .read("reading proofs", move |connection| {
                let own = match &scope {
                    Scope::Everything => None,
                    Scope::Organisation(own) | Scope::Domains(own, _) | Scope::Mailbox(own, _) => {
                        Some(own.name().to_string())
                    }
                };
                let found: Vec<Found> = connection
                    .prepare_cached(&format!(
                        "SELECT body, batch, place FROM proof WHERE mail = ?1 AND (?2 IS NULL OR organisation = ?2) ORDER BY number LIMIT {}",
                        limits::PROOFS_OF_A_MAIL_MAX
                    ))?
                    .query_map(params![mail.to_bytes(), own], |row| {
                        Ok(Found { body: row.get(0)?, batch: row.get(1)?, place: row.get(2)? })
                    })?
                    .collect::<Result<_, _>>()?;
                let mut batches = HashMap::new();
                let seen = found.into_iter().filter(|one| one.is_seen(&scope));
                seen.map(|one| sheet(connection, one, &mut batches)).collect()
            })
            .await
    }

    /// How mail went to and came from each domain, the most mail first.
    pub async fn channels(&self, filter: ChannelFilter) -> Result<Vec<DomainChannels>, StoreError> {
        self.db
            .read("adding up channels", move |connection| {
                let (since, until) = (sql_number(filter.since.0), sql_number(filter.until.0));
                let organisation = filter.organisation.as_ref().map(|one| one.name().to_string());
                let outbound = filter.direction == Direction::Outbound;
                connection
                    .prepare(
                        "SELECT domain, sum(stretch = 0), sum(stretch = 0 AND channel >= 1), sum(stretch = 0 AND channel = 2),
                         sum(stretch = 0 AND personal), sum(stretch = 0 AND personal AND channel >= 1),
                         sum(stretch = 0 AND personal AND channel = 2), sum(stretch = 0 AND good), sum(stretch = 0 AND version = 13), max(at),
                         sum(stretch = 2), sum(stretch = 2 AND personal)
                         FROM proof WHERE at >= ?1 AND at < ?2 AND (?3 IS NULL OR organisation = ?3) AND outbound = ?4 AND stretch <> 1
                         AND (?5 IS NULL OR domain = ?5)
                         GROUP BY domain ORDER BY count(*) DESC, domain LIMIT ?6",
                    )?
                    .query_map(
                        params![
                            since,
                            until,
                            organisation,
                            outbound,
                            filter.domain.as_ref().map(ToString::to_string),
                            sql_place(filter.rows)
                        ],
                        channels,
                    )?
                    .collect()
            })
            .await
    }

    /// What would have waited since then if these terms had held for mail to a domain; none: to all of them.
    pub async fn would_break(
        &self,
        domain: Option<Domain>,
        organisation: Option<Organisation>,
        terms: Terms,
        since: UnixMs,
    ) -> Result<WouldBreak, StoreError> {
        self.db
            .read("trying terms on the mail that went", move |connection| {
                let organisation = organisation.map(|one| one.name().to_string());
                let domain = domain.map(|one| one.to_string());
                let (encrypted, version, below) = (
                    terms.encrypted_is_enough,
                    if terms.tls13 { 13 } else { 12 },
                    format!("%.{}", domain.as_deref().unwrap_or_default().replace(['%', '_'], "")),
                );
                connection.query_row(
                    // What DANE proves satisfies terms that any authority's word does; not such as ask for TLS 1.3.
                    "SELECT coalesce(sum(stretch = 0), 0), coalesce(sum(stretch = 0 AND version = 0), 0),
                     coalesce(sum(stretch = 0 AND version > 0 AND version < ?4), 0),
                     coalesce(sum(stretch = 0 AND version >= ?4 AND NOT ?3 AND NOT (channel = 2 AND ?4 = 12) AND NOT good), 0),
                     coalesce(sum(stretch = 0 AND version >= ?4 AND NOT ?3 AND NOT (channel = 2 AND ?4 = 12) AND good AND NOT known), 0),
                     coalesce(sum(stretch = 0 AND channel = 2), 0), coalesce(sum(stretch = 2), 0)
                     FROM proof WHERE at >= ?1 AND outbound AND stretch <> 1 AND (?2 IS NULL OR organisation = ?2)
                     AND (?5 IS NULL OR domain = ?5 OR (?6 AND domain LIKE ?7))",
                    params![
                        sql_number(since.0),
                        organisation,
                        encrypted,
                        version,
                        domain,
                        terms.subdomains,
                        below
                    ],
                    |row| {
                        Ok(WouldBreak {
                            mails: unsigned(row.get(0)?),
                            in_clear: unsigned(row.get(1)?),
                            too_old: unsigned(row.get(2)?),
                            not_vouched_for: unsigned(row.get(3)?),
                            host_not_known: unsigned(row.get(4)?),
                            proven: unsigned(row.get(5)?),
                            through_smarthost: unsigned(row.get(6)?),
                        })
                    },
                )
            })
            .await
    }

    /// Deletes what is past its time, and the oldest while there is too much; gives how many. A batch goes whole, when the youngest in it may: its
    /// leaves lead the others to the root. Each goes by itself, for mail waits for the same thread.
    pub async fn retain(&self) -> Result<usize, StoreError> {
        let began = self.clock.tick();
        let oldest = sql_number(self.clock.now().minus(self.keep).0);
        let bytes_max = self.bytes_max;
        let mut all = 0;
        loop {
            let gone = self
                .db
                .write("deleting old proofs", move |connection| {
                    retain_step(connection, oldest, bytes_max)
                })
                .await?;
            all += gone;
            if gone == 0 || self.clock.tick().since(began) >= limits::RETAIN_TIME_MAX {
                break;
            }
        }
        if all > 0 {
            self.db
                .between("giving back what proofs do not need", |connection| {
                    connection
                        .prepare(&format!("PRAGMA incremental_vacuum({VACUUM_STEP_PAGES})"))?
                        .query_map([], |_| Ok(()))?
                        .collect()
                })
                .await?;
        }
        Ok(all)
    }
}

fn retain_step(connection: &Connection, oldest: i64, bytes_max: u64) -> rusqlite::Result<usize> {
    let first: Option<(i64, i64)> = connection
        .prepare_cached("SELECT batch, at FROM seal ORDER BY batch LIMIT 1")?
        .query_row([], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    if let Some((batch, at)) = first
        && (at < oldest || used_bytes(connection)? > bytes_max)
    {
        connection.prepare_cached("DELETE FROM seal WHERE batch = ?1")?.execute([batch])?;
        let gone =
            connection.prepare_cached("DELETE FROM proof WHERE batch = ?1")?.execute([batch])?;
        return Ok(gone.max(1));
    }
    // What could not be sealed for so long is nobody's proof any more.
    connection
        .prepare_cached(
            "DELETE FROM proof WHERE number IN (SELECT number FROM proof WHERE batch IS NULL AND at < ?1 ORDER BY number LIMIT ?2)",
        )?
        .execute(params![oldest, sql_place(limits::RETAIN_STEP_ROWS)])
}

fn used_bytes(connection: &Connection) -> rusqlite::Result<u64> {
    let number = |pragma| connection.pragma_query_value(None, pragma, |row| row.get::<_, i64>(0));
    let pages = number("page_count")? - number("freelist_count")?;
    Ok(unsigned(pages.saturating_mul(number("page_size")?)))
}

/// A proof as it was found.
struct Found {
    body: String,
    batch: Option<i64>,
    place: Option<i64>,
}

impl Found {
    fn is_seen(&self, scope: &Scope) -> bool {
        let Ok(proof) = serde_json::from_str::<Proof>(&self.body) else {
            return *scope == Scope::Everything;
        };
        let address = |text: &str| Address::parse(text).ok();
        match (proof.direction, scope) {
            (_, Scope::Everything) => true,
            (_, Scope::Organisation(own)) => *own == proof.organisation,
            (Direction::Outbound, Scope::Domains(..) | Scope::Mailbox(..)) => {
                address(&proof.sender)
                    .is_some_and(|sender| scope.covers_sent(&proof.organisation, &sender))
            }
            (Direction::Inbound, Scope::Domains(..) | Scope::Mailbox(..)) => proof
                .recipients
                .iter()
                .all(|one| address(one).is_some_and(|one| scope.covers(&proof.organisation, &one))),
        }
    }
}

/// A batch as its sheets need it.
struct Batch {
    seal: Option<Seal>,
    leaves: Vec<Node>,
}

fn batch_of(connection: &Connection, batch: i64) -> rusqlite::Result<Batch> {
    let seal: Option<String> = connection
        .prepare_cached("SELECT seal FROM seal WHERE batch = ?1")?
        .query_row([batch], |row| row.get(0))
        .optional()?;
    let leaves = connection
        .prepare_cached("SELECT leaf FROM proof WHERE batch = ?1 ORDER BY place")?
        .query_map([batch], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    Ok(Batch { seal: seal.and_then(|text| serde_json::from_str(&text).ok()), leaves })
}

fn sheet(
    connection: &Connection,
    found: Found,
    batches: &mut HashMap<i64, Batch>,
) -> rusqlite::Result<Sheet> {
    let proof = serde_json::from_str(&found.body).unwrap_or_default();
    let mut sheet = Sheet { sluss_proof: 1, proof, place: 0, path: Vec::new(), seal: None };
    let (Some(number), Some(place)) = (found.batch, found.place) else { return Ok(sheet) };
    let batch = match batches.entry(number) {
        Entry::Occupied(known) => known.into_mut(),
        Entry::Vacant(room) => room.insert(batch_of(connection, number)?),
    };
    let at = usize::try_from(place).unwrap_or(usize::MAX);
    sheet.place = unsigned(place);
    sheet.path = proof::path(&batch.leaves, at).iter().map(proof::hex).collect();
    sheet.seal = batch.seal.clone();
    Ok(sheet)
}

fn insert(connection: &Connection, proof: &Proof) -> rusqlite::Result<()> {
    let value = serde_json::to_value(proof).unwrap_or_default();
    let body = proof::canonical(&value);
    let weighed = Weighed::of(proof);
    connection
        .prepare_cached(
            "INSERT INTO proof (id, mail, organisation, at, outbound, stretch, domain, channel, version, good, known, personal, body, leaf)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)",
        )?
        .execute(params![
            proof.id.to_bytes(),
            proof.mail.to_bytes(),
            proof.organisation.name(),
            sql_number(proof.at_ms),
            proof.direction == Direction::Outbound,
            weighed.stretch,
            weighed.domain,
            weighed.channel,
            weighed.version,
            weighed.good,
            weighed.known,
            proof.personal_data == PersonalData::Found,
            body,
            proof::leaf(&body),
        ])?;
    Ok(())
}

/// A proof as reports count it: by the stretch between others and us.
struct Weighed {
    /// The other side's domain; empty for the null sender.
    domain: String,
    stretch: i64,
    channel: i64,
    version: i64,
    good: bool,
    known: bool,
}

const ABROAD: i64 = 0;
const INSIDE: i64 = 1;
const SMARTHOST: i64 = 2;

impl Weighed {
    fn of(proof: &Proof) -> Weighed {
        match (proof.direction, &proof.went) {
            (Direction::Outbound, Some(went)) => Weighed::left(proof, went),
            // What came is counted once: when we took it over, or when it went through.
            (Direction::Inbound, went) => {
                let is_there = went.is_some() && proof.came.reply.is_empty();
                Weighed::came(proof, if is_there { INSIDE } else { ABROAD })
            }
            (Direction::Outbound, None) => Weighed::came(proof, INSIDE),
        }
    }

    fn left(proof: &Proof, went: &WentBy) -> Weighed {
        let domain = proof.recipients.first().and_then(|one| domain_in(one));
        let session = went.channel.tls();
        let host = Domain::parse(&went.server).ok();
        let is_below = host.zip(domain.as_ref()).is_some_and(|(host, own)| host.is_within(own));
        Weighed {
            domain: domain.map(|domain| domain.to_string()).unwrap_or_default(),
            stretch: match went.to {
                Whose::MailHost => ABROAD,
                Whose::OwnServer => INSIDE,
                Whose::Smarthost => SMARTHOST,
            },
            channel: rank(&went.channel),
            version: session.map_or(0, |session| version(&session.version)),
            good: session.is_some_and(|session| {
                session.certificate == CertificateState::Good && session.name == NameMatch::Yes
            }),
            known: is_below || went.channel.dnssec == Dnssec::Secure,
        }
    }

    fn came(proof: &Proof, stretch: i64) -> Weighed {
        Weighed {
            domain: domain_in(&proof.sender).map(|one| one.to_string()).unwrap_or_default(),
            stretch,
            channel: i64::from(proof.came.tls.is_some()),
            version: proof.came.tls.as_ref().map_or(0, |session| version(&session.version)),
            good: false,
            known: false,
        }
    }
}

fn domain_in(address: &str) -> Option<Domain> {
    Address::parse(address).ok()?.domain().cloned()
}

fn rank(channel: &Channel) -> i64 {
    match (&channel.secured, channel.vouch.is_proven()) {
        (Secured::Clear(_), _) => 0,
        (Secured::Tls(_), false) => 1,
        (Secured::Tls(_), true) => 2,
    }
}

fn version(words: &str) -> i64 {
    if words == "TLSv1.3" { 13 } else { 12 }
}

fn channels(row: &Row<'_>) -> rusqlite::Result<DomainChannels> {
    let count = |column| row.get(column).map(unsigned);
    Ok(DomainChannels {
        domain: row.get(0)?,
        mails: count(1)?,
        encrypted: count(2)?,
        proven: count(3)?,
        personal: count(4)?,
        personal_encrypted: count(5)?,
        personal_proven: count(6)?,
        good_certificate: count(7)?,
        tls13: count(8)?,
        last_ms: count(9)?,
        through_smarthost: count(10)?,
        personal_through_smarthost: count(11)?,
    })
}

/// The moment is the number, or one more than the last: so none is used twice, not even by a database that takes the place of a damaged one.
fn next_batch(connection: &Connection, now: UnixMs) -> rusqlite::Result<u64> {
    let last: Option<i64> =
        connection.query_row("SELECT max(batch) FROM seal", [], |row| row.get(0))?;
    Ok(now.0.max(unsigned(last.unwrap_or_default()).saturating_add(1)))
}

fn text_of(seal: &Seal) -> String {
    // Plain data always serialises.
    serde_json::to_string(seal).unwrap_or_default()
}

fn sql_number(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn sql_place(place: usize) -> i64 {
    i64::try_from(place).unwrap_or(i64::MAX)
}

fn unsigned(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}

const FILE: &str = "proofs.db";
/// Free pages given back at a time.
const VACUUM_STEP_PAGES: u32 = 2_000;

#[cfg(test)]
mod tests;
