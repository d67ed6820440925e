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
        proof::{self, Node, Proof, Seal, Sheet, Whose},
        scope::Scope,
        transport::{ChannelFilter, DomainChannels, Terms, WouldBreak},
    },
    wire::tls::{Channel, Secured},
};
use rusqlite::{Connection, OptionalExtension, Row, params};
use std::{path::Path, time::Duration};

/// The proofs on this machine.
#[derive(Clone)]
pub struct Proofs {
    db: Db,
    clock: Clock,
    keep: Duration,
}

impl std::fmt::Debug for Proofs {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Proofs").field("file", &self.db.file()).finish_non_exhaustive()
    }
}

/// `channel`: 0 in clear, 1 encrypted, 2 proven. `version`: 12, 13; 0 in clear. `good`: the certificate was good and bore the name.
const MIGRATIONS: &[&str] = &["
CREATE TABLE proof (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    id BLOB NOT NULL UNIQUE,
    mail BLOB NOT NULL,
    organisation TEXT NOT NULL,
    at INTEGER NOT NULL,
    outbound INTEGER NOT NULL,
    inside INTEGER NOT NULL,
    domain TEXT NOT NULL,
    channel INTEGER NOT NULL,
    version INTEGER NOT NULL,
    good INTEGER NOT NULL,
    personal INTEGER NOT NULL,
    body TEXT NOT NULL,
    leaf BLOB NOT NULL,
    batch INTEGER,
    place INTEGER
) STRICT;
CREATE INDEX proof_by_mail ON proof (mail);
CREATE INDEX proof_by_channel ON proof (at, organisation, domain);
CREATE INDEX proof_by_batch ON proof (batch, place);
CREATE TABLE seal (
    batch INTEGER PRIMARY KEY AUTOINCREMENT,
    at INTEGER NOT NULL,
    seal TEXT NOT NULL
) STRICT;
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
        Ok((Proofs { db: Db::open(&file, options)?, clock, keep }, set_aside))
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

    /// The same a moment later, for what nobody waits for; false when too much waits already.
    pub fn record_soon(&self, proofs: Vec<Proof>) -> bool {
        if self.keep.is_zero() || proofs.is_empty() {
            return true;
        }
        self.db.write_soon(move |connection| {
            proofs.iter().try_for_each(|proof| insert(connection, proof))
        })
    }

    /// Those that wait for a seal, the oldest first.
    pub async fn unsealed(&self) -> Result<Unsealed, StoreError> {
        self.db
            .read("looking for proofs to seal", |connection| {
                let mut unsealed =
                    Unsealed { batch: next_batch(connection)?, ..Unsealed::default() };
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
                    .prepare_cached("INSERT INTO seal (batch, at, seal) VALUES (?1, ?2, ?3)")?
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

    /// Every proof of a mail that this one may see, in the order in which things happened.
    pub async fn of_mail(&self, mail: Id, scope: Scope) -> Result<Vec<Sheet>, StoreError> {
        self.sheets("mail = ?1", mail, scope).await
    }

    /// One proof.
    pub async fn one(&self, id: Id, scope: Scope) -> Result<Option<Sheet>, StoreError> {
        Ok(self.sheets("id = ?1", id, scope).await?.pop())
    }

    async fn sheets(
        &self,
        which: &'static str,
        id: Id,
        scope: Scope,
    ) -> Result<Vec<Sheet>, StoreError> {
        self.db
            .read("reading proofs", move |connection| {
                let found: Vec<Found> = connection
                    .prepare_cached(&format!(
                        "SELECT body, batch, place FROM proof WHERE {which} ORDER BY number LIMIT {}",
                        limits::PROOFS_OF_A_MAIL_MAX
                    ))?
                    .query_map([id.to_bytes()], |row| {
                        Ok(Found { body: row.get(0)?, batch: row.get(1)?, place: row.get(2)? })
                    })?
                    .collect::<Result<_, _>>()?;
                let seen = found.into_iter().filter(|one| one.is_seen(&scope));
                seen.map(|one| sheet(connection, one)).collect()
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
                        "SELECT domain, count(*), sum(channel >= 1), sum(channel = 2), sum(personal), sum(personal AND channel >= 1),
                         sum(personal AND channel = 2), sum(good), sum(version = 13), max(at)
                         FROM proof WHERE at >= ?1 AND at < ?2 AND (?3 IS NULL OR organisation = ?3) AND outbound = ?4 AND NOT inside
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
                    "SELECT count(*), coalesce(sum(version = 0), 0), coalesce(sum(version > 0 AND version < ?4), 0),
                     coalesce(sum(version >= ?4 AND NOT ?3 AND channel < 2 AND NOT good), 0), coalesce(sum(channel = 2), 0)
                     FROM proof WHERE at >= ?1 AND outbound AND NOT inside AND (?2 IS NULL OR organisation = ?2)
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
                            proven: unsigned(row.get(4)?),
                        })
                    },
                )
            })
            .await
    }

    /// Deletes what is past its time; gives how many.
    pub async fn retain(&self) -> Result<usize, StoreError> {
        let oldest = sql_number(self.clock.now().minus(self.keep).0);
        self.db
            .write("deleting old proofs", move |connection| {
                // A batch that has a younger one in it stays whole: its leaves lead that one to the root.
                let old: Vec<i64> = connection
                    .prepare_cached("SELECT batch FROM seal WHERE at < ?1 ORDER BY batch LIMIT ?2")?
                    .query_map(params![oldest, RETAIN_BATCHES], |row| row.get(0))?
                    .collect::<Result<_, _>>()?;
                let mut gone = 0;
                for batch in old {
                    gone += connection
                        .prepare_cached("DELETE FROM proof WHERE batch = ?1")?
                        .execute([batch])?;
                    connection
                        .prepare_cached("DELETE FROM seal WHERE batch = ?1")?
                        .execute([batch])?;
                }
                Ok(gone)
            })
            .await
    }
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

fn sheet(connection: &Connection, found: Found) -> rusqlite::Result<Sheet> {
    let proof = serde_json::from_str(&found.body).unwrap_or_default();
    let mut sheet = Sheet { sluss_proof: 1, proof, place: 0, path: Vec::new(), seal: None };
    let (Some(batch), Some(place)) = (found.batch, found.place) else { return Ok(sheet) };
    let seal: Option<String> = connection
        .prepare_cached("SELECT seal FROM seal WHERE batch = ?1")?
        .query_row([batch], |row| row.get(0))
        .optional()?;
    let leaves: Vec<Node> = connection
        .prepare_cached("SELECT leaf FROM proof WHERE batch = ?1 ORDER BY place")?
        .query_map([batch], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    let at = usize::try_from(place).unwrap_or(usize::MAX);
    sheet.place = unsigned(place);
    sheet.path = proof::path(&leaves, at).iter().map(proof::hex).collect();
    sheet.seal = seal.and_then(|text| serde_json::from_str(&text).ok());
    Ok(sheet)
}

fn insert(connection: &Connection, proof: &Proof) -> rusqlite::Result<()> {
    let value = serde_json::to_value(proof).unwrap_or_default();
    let body = proof::canonical(&value);
    let weighed = Weighed::of(proof);
    connection
        .prepare_cached(
            "INSERT INTO proof (id, mail, organisation, at, outbound, inside, domain, channel, version, good, personal, body, leaf)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)",
        )?
        .execute(params![
            proof.id.to_bytes(),
            proof.mail.to_bytes(),
            proof.organisation.name(),
            sql_number(proof.at_ms),
            proof.direction == Direction::Outbound,
            weighed.inside,
            weighed.domain,
            weighed.channel,
            weighed.version,
            weighed.good,
            proof.personal_data,
            body,
            proof::leaf(&body),
        ])?;
    Ok(())
}

/// A proof as reports count it: by the stretch between the world and us.
struct Weighed {
    /// The other side's domain; empty for the null sender.
    domain: String,
    /// The stretch lies within the house.
    inside: bool,
    channel: i64,
    version: i64,
    good: bool,
}

impl Weighed {
    fn of(proof: &Proof) -> Weighed {
        let domain_of = |text: &str| {
            let domain = Address::parse(text).ok().and_then(|one| one.domain().cloned());
            domain.map(|domain| domain.to_string()).unwrap_or_default()
        };
        match (proof.direction, &proof.went) {
            (Direction::Outbound, Some(went)) => {
                let session = went.channel.tls();
                Weighed {
                    domain: proof.recipients.first().map(|one| domain_of(one)).unwrap_or_default(),
                    inside: went.to == Whose::OwnServer,
                    channel: rank(&went.channel),
                    version: session.map_or(0, |session| version(&session.version)),
                    good: session.is_some_and(|session| {
                        session.certificate == CertificateState::Good
                            && session.name == NameMatch::Yes
                    }),
                }
            }
            // What came is counted once: when we took it over, or when it went through.
            (Direction::Inbound, went) => Weighed {
                domain: domain_of(&proof.sender),
                inside: went.is_some() && proof.came.reply.is_empty(),
                channel: i64::from(proof.came.tls.is_some()),
                version: proof.came.tls.as_ref().map_or(0, |session| version(&session.version)),
                good: false,
            },
            (Direction::Outbound, None) => Weighed {
                domain: String::new(),
                inside: true,
                channel: i64::from(proof.came.tls.is_some()),
                version: proof.came.tls.as_ref().map_or(0, |session| version(&session.version)),
                good: false,
            },
        }
    }
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
    })
}

fn next_batch(connection: &Connection) -> rusqlite::Result<u64> {
    // Numbers are never used twice, also where all batches are past their time.
    let last: Option<i64> = connection
        .query_row("SELECT seq FROM sqlite_sequence WHERE name = 'seal'", [], |row| row.get(0))
        .optional()?;
    Ok(unsigned(last.unwrap_or_default()).saturating_add(1))
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
const RETAIN_BATCHES: i64 = 20;
