//! Statistics: counts by hour and by day, and names that came most often by day, written as the trace is indexed. Where a day is over, its names
//! are added to those of its month.
//!
//! Everything is counted for the site, for its organisation, and for each domain that it is for or from; a year is read in milliseconds
//! because nothing is counted while somebody waits. A mail for two organisations counts for each. Names are bounded: of a day those
//! that come least are forgotten now and then, so that what stands at the top is right and what stands at the end is a lower bound.

use super::{
    Trace,
    index::{Indexed, domain_of},
    unsigned,
};
use crate::{
    base::{
        clock::{UnixMs, millis},
        limits,
    },
    store::{
        StoreError,
        held::{Held, HeldState},
        scope::Scope,
        trace::{
            LatencyCount, NameCount, Statistics, StatisticsCount, Step, TlsCount, TraceRecipient,
        },
    },
};
use rusqlite::{Connection, params};
use std::collections::{BTreeMap, BTreeSet, HashMap};

const HOUR_MS: i64 = 3_600_000;
const DAY_MS: i64 = 24 * HOUR_MS;
/// Long spans are read from names by the month: thirty days, so that months need no calendar.
const MONTH_MS: i64 = 30 * DAY_MS;
/// Upper ends of the latency counts, milliseconds; what took longer is in the last.
const LATENCY_MS: [i64; 6] = [100, 300, 1_000, 3_000, 10_000, 30_000];
const LATENCIES: usize = LATENCY_MS.len() + 1;

/// Whose counts: "" for the site, an organisation's name, or that with a domain behind "@".
type Owner = String;

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Key {
    span: &'static str,
    owner: Owner,
    at: i64,
    direction: String,
    action: String,
    category: String,
    tls: bool,
}

#[derive(Debug, Clone, Copy, Default)]
struct Counts {
    mails: i64,
    bytes: i64,
    released: i64,
    latency: [i64; LATENCIES],
}

/// In the order of the table: what is written along a page finds it at hand.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Name {
    /// The day.
    at: i64,
    owner: Owner,
    kind: &'static str,
    name: String,
}

/// What the rows of one step add up to.
#[derive(Debug, Default)]
pub(super) struct Gathered {
    counts: HashMap<Key, Counts>,
    names: HashMap<Name, i64>,
}

impl Gathered {
    /// Counts a row.
    pub(super) fn count(&mut self, row: &Indexed) {
        self.add(row, &row.action, 1);
        // Whoever tries a thousand addresses before DATA says nothing of who gets mail.
        if !row.action.is_empty() {
            self.count_names(row);
        }
    }

    /// Takes back what was counted of a row before it was judged.
    pub(super) fn take_back_unjudged(&mut self, row: &Indexed) {
        let unjudged = Indexed {
            number: row.number,
            organisation: row.organisation.clone(),
            at: row.at,
            direction: row.direction.clone(),
            tls: row.tls.clone(),
            bytes: row.bytes,
            dot_ms: row.dot_ms,
            ..Indexed::default()
        };
        self.add(&unjudged, "", -1);
    }

    fn add(&mut self, row: &Indexed, action: &str, times: i64) {
        let mut findings = row.findings.iter();
        let decider = findings.find(|one| !action.is_empty() && one.id == row.decided_by);
        let category = decider.map(|finding| finding.category.clone()).unwrap_or_default();
        let mut latency = [0; LATENCIES];
        let place =
            LATENCY_MS.iter().position(|end| row.dot_ms <= *end).unwrap_or(LATENCY_MS.len());
        if let Some(count) = latency.get_mut(place) {
            *count = times;
        }
        for owner in owners(row) {
            for (span, length) in [("hour", HOUR_MS), ("day", DAY_MS)] {
                let counts = self.counts.entry(Key {
                    span,
                    owner: owner.clone(),
                    at: floor(row.at, length),
                    direction: row.direction.clone(),
                    action: action.to_string(),
                    category: category.clone(),
                    tls: !row.tls.is_empty(),
                });
                let counts = counts.or_default();
                counts.mails += times;
                counts.bytes = counts.bytes.saturating_add(row.bytes.saturating_mul(times));
                if row.bytes > 0 {
                    for (sum, one) in counts.latency.iter_mut().zip(latency) {
                        *sum += one;
                    }
                }
            }
        }
    }

    fn count_names(&mut self, row: &Indexed) {
        let ids: BTreeSet<&str> = row.findings.iter().map(|one| one.id.as_str()).collect();
        let recipients = row.recipients.iter().take(limits::TRACE_SAID_MAX);
        let named = ids
            .into_iter()
            .map(|id| ("finding", id.to_string()))
            .chain((!row.decided_by.is_empty()).then(|| ("decided", row.decided_by.clone())))
            .chain([("sender", row.sender.to_lowercase())])
            .chain(recipients.map(|one| ("recipient", one.to_lowercase())));
        let named: Vec<(&'static str, String)> = named.collect();
        for owner in owners(row) {
            for (kind, name) in &named {
                let of_others = *kind == "recipient" && !is_for(&owner, row, name);
                if of_others {
                    continue;
                }
                let count = self.names.entry(Name {
                    at: floor(row.at, DAY_MS),
                    owner: owner.clone(),
                    kind,
                    name: name.clone(),
                });
                *count.or_default() += 1;
            }
        }
    }

    /// Adds all of it to what is there.
    pub(super) fn write(self, connection: &Connection) -> rusqlite::Result<()> {
        let mut add = connection.prepare_cached(
            "INSERT INTO tally (span, owner, at, direction, action, category, tls, mails, bytes, released, ms_100, ms_300, ms_1000, ms_3000, ms_10000, ms_30000, ms_more)
             VALUES (?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13,?14,?15,?16,?17)
             ON CONFLICT DO UPDATE SET mails = mails + excluded.mails, bytes = bytes + excluded.bytes, released = released + excluded.released,
             ms_100 = ms_100 + excluded.ms_100, ms_300 = ms_300 + excluded.ms_300, ms_1000 = ms_1000 + excluded.ms_1000,
             ms_3000 = ms_3000 + excluded.ms_3000, ms_10000 = ms_10000 + excluded.ms_10000, ms_30000 = ms_30000 + excluded.ms_30000,
             ms_more = ms_more + excluded.ms_more",
        )?;
        for (key, counts) in &self.counts {
            let [a, b, c, d, e, f, more] = counts.latency;
            add.execute(params![
                key.span,
                key.owner,
                key.at,
                key.direction,
                key.action,
                key.category,
                key.tls,
                counts.mails,
                counts.bytes,
                counts.released,
                a,
                b,
                c,
                d,
                e,
                f,
                more
            ])?;
        }
        self.write_names(connection)
    }

    fn write_names(&self, connection: &Connection) -> rusqlite::Result<()> {
        let mut sorted: Vec<(&Name, &i64)> = self.names.iter().collect();
        sorted.sort_unstable();
        let Some((newest, _)) = sorted.last() else { return Ok(()) };
        let folded = fold_days(connection, newest.at)?;
        let mut add = connection.prepare_cached(
            "INSERT INTO top (span, owner, kind, at, name, mails) VALUES (?1,?2,?3,?4,?5,?6) ON CONFLICT DO UPDATE SET mails = mails + excluded.mails",
        )?;
        for (name, mails) in sorted {
            let mut count =
                |span, at| add.execute(params![span, name.owner, name.kind, at, name.name, mails]);
            count("day", name.at)?;
            if name.at < folded {
                count("month", floor(name.at, MONTH_MS))?;
            }
        }
        Ok(())
    }
}

/// Adds the names of all days before this one to their months, each day once, and keeps the most frequent of them; gives the day before
/// which all are there.
fn fold_days(connection: &Connection, today: i64) -> rusqlite::Result<i64> {
    let folded: i64 =
        connection.prepare_cached("SELECT day FROM folded")?.query_one([], |row| row.get(0))?;
    if today <= folded {
        return Ok(folded);
    }
    let days: Vec<i64> = connection
        .prepare_cached("SELECT DISTINCT at FROM top WHERE span = 'day' AND at >= ?1 AND at < ?2")?
        .query_map([folded, today], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    for day in days {
        connection
            .prepare_cached(
                "INSERT INTO top (span, owner, kind, at, name, mails)
                 SELECT 'month', owner, kind, ?2, name, mails FROM top WHERE span = 'day' AND at = ?1
                 ON CONFLICT DO UPDATE SET mails = mails + excluded.mails",
            )?
            .execute([day, floor(day, MONTH_MS)])?;
        forget_least(connection, "day", day, limits::TOP_NAMES_KEPT)?;
    }
    connection.prepare_cached("UPDATE folded SET day = ?1")?.execute([today])?;
    Ok(today)
}

/// For whom a row counts. Of mail that was not judged the recipients' domains may be anybody's.
fn owners(row: &Indexed) -> Vec<Owner> {
    let mut owners = vec![String::new(), row.organisation.clone()];
    if row.action.is_empty() {
        return owners;
    }
    let domains: BTreeSet<String> = match row.direction.as_str() {
        "outbound" => domain_of(&row.sender).into_iter().collect(),
        _ => row.recipients.iter().filter_map(|one| domain_of(one)).collect(),
    };
    let domains = domains.into_iter().take(limits::TRACE_DOMAINS_COUNTED_MAX);
    owners.extend(domains.map(|domain| format!("{}@{domain}", row.organisation)));
    owners
}

/// Is a recipient one whose name this owner may read? A domain reads its own, and those whom it wrote to.
fn is_for(owner: &str, row: &Indexed, recipient: &str) -> bool {
    match owner.rsplit_once('@') {
        Some((_, domain)) if row.direction != "outbound" => {
            domain_of(recipient).as_deref() == Some(domain)
        }
        Some(_) | None => true,
    }
}

fn floor(at: i64, length: i64) -> i64 {
    at - at.rem_euclid(length)
}

impl Trace {
    /// What happened between two moments, by hour or by day (UTC). Of a single mailbox nothing is counted.
    pub async fn statistics(
        &self,
        scope: Scope,
        since: UnixMs,
        until: UnixMs,
        step: Step,
    ) -> Result<Statistics, StoreError> {
        self.db
            .read("reading statistics", move |connection| {
                let owners = owners_of(&scope);
                let mut read = Reading::new(connection, since, until, step);
                for owner in &owners {
                    read.counts(owner)?;
                    read.names(owner)?;
                }
                Ok(read.finish())
            })
            .await
    }

    /// Marks that a day's report is being written; false if it was before.
    pub async fn begin_report(&self, day: u64) -> Result<bool, StoreError> {
        let day = super::sql_int(day);
        self.db
            .write("marking a report as written", move |connection| {
                connection.execute("DELETE FROM reported WHERE day < ?1", [day])?;
                let begun = connection
                    .execute("INSERT INTO reported VALUES (?1) ON CONFLICT DO NOTHING", [day])?;
                Ok(begun == 1)
            })
            .await
    }

    /// Writes down that somebody let a held mail go: it was no threat after all.
    pub fn record_release(&self, held: &Held) {
        self.record_fate(held, "released");
        self.count_release(held, 1);
    }

    /// Writes down that somebody deleted a held mail.
    pub fn record_deletion(&self, held: &Held) {
        self.record_fate(held, "deleted");
    }

    /// Takes back what was written down of it last; `held` is the mail as it was then. Its rows keep both, the counts neither.
    pub fn record_undone(&self, held: &Held) {
        match held.state {
            HeldState::Released => self.count_release(held, -1),
            HeldState::Deleted => (),
            HeldState::Held
            | HeldState::Rejected
            | HeldState::Seen
            | HeldState::Portal
            | HeldState::Files => return,
        }
        self.record_fate(held, "taken-back");
    }

    fn record_fate(&self, held: &Held, status: &str) {
        let now = self.clock.now();
        let row = TraceRecipient {
            recipient: held.recipient.to_string(),
            at: now,
            status: status.to_string(),
            next_hop: String::new(),
            said: String::new(),
            delay_ms: millis(now.since(held.held_at)),
            would: String::new(),
            action: String::new(),
            tls: String::new(),
            channel: None,
            blocked_by: None,
        };
        self.record_recipient(held.transaction, held.organisation.name(), row);
    }

    fn count_release(&self, held: &Held, times: i64) {
        let released = Counts { released: times, ..Counts::default() };
        let organisation = held.organisation.name().to_string();
        let domain = held.recipient.domain().map(|domain| format!("{organisation}@{domain}"));
        let owners = [String::new(), organisation].into_iter().chain(domain);
        let mut gathered = Gathered::default();
        for owner in owners {
            for (span, length) in [("hour", HOUR_MS), ("day", DAY_MS)] {
                let key = Key {
                    span,
                    owner: owner.clone(),
                    // What is taken back in the next hour is taken out of the hour in which it was counted.
                    at: floor(super::sql_int(held.released_at.0), length),
                    direction: held.direction.word().to_string(),
                    action: held.action.word().to_string(),
                    category: held.categories.first().map_or("", |one| one.word()).to_string(),
                    tls: false,
                };
                gathered.counts.insert(key, released);
            }
        }
        let taken = self.db.write_soon(move |connection| gathered.write(connection));
        self.count(taken);
    }
}

/// Organisation, action and how many, of the hours since a moment.
pub(super) fn by_organisation(
    connection: &Connection,
    since: i64,
) -> rusqlite::Result<Vec<(String, String, u64)>> {
    let mut counts: BTreeMap<(String, String), i64> = BTreeMap::new();
    for (sql, since) in [
        (
            "SELECT owner, action, sum(mails) FROM tally WHERE span = 'hour' AND at >= ?1 AND owner <> '' AND instr(owner, '@') = 0
             GROUP BY owner, action",
            floor(since, HOUR_MS),
        ),
        (
            "SELECT m.organisation, m.action, count(*) FROM line l JOIN mail m ON m.id = l.id AND m.organisation = l.organisation
             WHERE l.number > (SELECT number FROM indexed) AND m.at >= ?1 GROUP BY m.organisation, m.action",
            since,
        ),
    ] {
        let mut select = connection.prepare_cached(sql)?;
        let mut rows = select.query([since])?;
        while let Some(row) = rows.next()? {
            let count = counts.entry((row.get(0)?, row.get(1)?)).or_default();
            *count = count.saturating_add(row.get(2)?);
        }
    }
    let some = counts.into_iter().filter(|(_, count)| *count > 0);
    Ok(some
        .map(|((organisation, action), count)| (organisation, action, unsigned(count)))
        .collect())
}

fn owners_of(scope: &Scope) -> Vec<Owner> {
    match scope {
        Scope::Everything => vec![String::new()],
        Scope::Organisation(own) => vec![own.name().to_string()],
        Scope::Domains(own, domains) => {
            let domains: BTreeSet<&str> = domains.iter().map(|domain| domain.as_str()).collect();
            domains.into_iter().map(|domain| format!("{}@{domain}", own.name())).collect()
        }
        Scope::Mailbox(..) => Vec::new(),
    }
}

/// Statistics as they add up.
struct Reading<'a> {
    connection: &'a Connection,
    since: i64,
    until: i64,
    step: Step,
    steps: BTreeMap<(i64, String, String), (i64, i64, i64)>,
    categories: BTreeMap<String, i64>,
    tls: BTreeMap<String, (i64, i64)>,
    latency: [i64; LATENCIES],
    names: HashMap<(&'static str, String), i64>,
}

const KINDS: [&str; 4] = ["finding", "decided", "sender", "recipient"];

impl<'a> Reading<'a> {
    fn new(connection: &'a Connection, since: UnixMs, until: UnixMs, step: Step) -> Reading<'a> {
        Reading {
            connection,
            since: super::sql_int(since.0),
            until: super::sql_int(until.0),
            step,
            steps: BTreeMap::new(),
            categories: BTreeMap::new(),
            tls: BTreeMap::new(),
            latency: [0; LATENCIES],
            names: HashMap::new(),
        }
    }

    fn counts(&mut self, owner: &str) -> rusqlite::Result<()> {
        let (span, length) = match self.step {
            Step::Hour => ("hour", HOUR_MS),
            Step::Day => ("day", DAY_MS),
        };
        let mut walk = self.connection.prepare_cached(
            "SELECT at, direction, action, category, tls, mails, bytes, released, ms_100, ms_300, ms_1000, ms_3000, ms_10000, ms_30000, ms_more
             FROM tally WHERE span = ?1 AND owner = ?2 AND at >= ?3 AND at < ?4",
        )?;
        let mut rows = walk.query(params![span, owner, floor(self.since, length), self.until])?;
        while let Some(row) = rows.next()? {
            let text = |column: usize| row.get::<_, String>(column);
            let number = |column: usize| row.get::<_, i64>(column);
            let (direction, mails, released) = (text(1)?, number(5)?, number(7)?);
            let tls = self.tls.entry(direction.clone()).or_default();
            match row.get(4)? {
                true => tls.0 += mails,
                false => tls.1 += mails,
            }
            let category = text(3)?;
            if !category.is_empty() {
                *self.categories.entry(category).or_default() += mails;
            }
            for (sum, column) in self.latency.iter_mut().zip(8..) {
                *sum += number(column)?;
            }
            let step = self.steps.entry((number(0)?, direction, text(2)?)).or_default();
            step.0 += mails;
            step.1 += number(6)?;
            step.2 += released;
        }
        Ok(())
    }

    fn names(&mut self, owner: &str) -> rusqlite::Result<()> {
        let long = self.until.saturating_sub(self.since) > limits::TOP_BY_DAY_DAYS_MAX * DAY_MS;
        if !long {
            return self.names_by(owner, ("day", DAY_MS), self.since);
        }
        let oldest = self.until.saturating_sub(limits::STATISTICS_DAYS * DAY_MS);
        self.names_by(owner, ("month", MONTH_MS), self.since.max(oldest))?;
        // Days that are in no month yet: today, and not more unless the index is far behind.
        let folded: i64 = self
            .connection
            .prepare_cached("SELECT day FROM folded")?
            .query_one([], |row| row.get(0))?;
        let first = folded.max(self.until - limits::TOP_BY_DAY_DAYS_MAX * DAY_MS);
        self.names_by(owner, ("day", DAY_MS), first)
    }

    fn names_by(
        &mut self,
        owner: &str,
        (span, length): (&str, i64),
        since: i64,
    ) -> rusqlite::Result<()> {
        let mut walk = self.connection.prepare_cached(
            "SELECT kind, name, mails FROM top WHERE span = ?1 AND at = ?2 AND owner = ?3",
        )?;
        let mut at = floor(since, length);
        while at < self.until {
            let mut rows = walk.query(params![span, at, owner])?;
            while let Some(row) = rows.next()? {
                let kind: String = row.get(0)?;
                let Some(kind) = KINDS.into_iter().find(|known| *known == kind) else { continue };
                *self.names.entry((kind, row.get(1)?)).or_default() += row.get::<_, i64>(2)?;
            }
            at = at.saturating_add(length);
        }
        Ok(())
    }

    fn finish(self) -> Statistics {
        let steps = self
            .steps
            .into_iter()
            .filter(|(_, (mails, _, released))| *mails != 0 || *released != 0);
        let ends = LATENCY_MS.iter().map(|end| Some(unsigned(*end))).chain([None]);
        let mut top: HashMap<&str, Vec<NameCount>> = HashMap::new();
        for ((kind, name), mails) in self.names {
            top.entry(kind).or_default().push(NameCount { name, mails: unsigned(mails) });
        }
        let mut top_of = |kind: &str| {
            let mut all = top.remove(kind).unwrap_or_default();
            all.sort_by(|a, b| b.mails.cmp(&a.mails).then_with(|| a.name.cmp(&b.name)));
            all.truncate(limits::REPORT_ROWS_MAX);
            all
        };
        Statistics {
            steps: steps
                .map(|((at, direction, action), (mails, bytes, released))| StatisticsCount {
                    at_ms: unsigned(at),
                    direction,
                    action,
                    mails: unsigned(mails),
                    bytes: unsigned(bytes),
                    released: unsigned(released),
                })
                .collect(),
            categories: named(self.categories),
            tls: self
                .tls
                .into_iter()
                .map(|(direction, (with, without))| TlsCount {
                    direction,
                    with: unsigned(with),
                    without: unsigned(without),
                })
                .collect(),
            latency: ends
                .zip(self.latency)
                .map(|(up_to_ms, mails)| LatencyCount { up_to_ms, mails: unsigned(mails) })
                .collect(),
            findings: top_of("finding"),
            decided_by: top_of("decided"),
            senders: top_of("sender"),
            recipients: top_of("recipient"),
        }
    }
}

fn named(counts: BTreeMap<String, i64>) -> Vec<NameCount> {
    let mut all: Vec<NameCount> = counts
        .into_iter()
        .map(|(name, mails)| NameCount { name, mails: unsigned(mails) })
        .collect();
    all.sort_by_key(|one| std::cmp::Reverse(one.mails));
    all
}

/// Forgets what is too old, and names that came least; gives how many rows of counts went.
pub(super) fn retain(connection: &Connection, now: UnixMs) -> rusqlite::Result<usize> {
    let now = super::sql_int(now.0);
    let hours = now - limits::STATISTICS_HOURS_DAYS * DAY_MS;
    let days = now - limits::STATISTICS_DAYS * DAY_MS;
    let mut gone = 0;
    for (span, before) in [("hour", hours), ("day", days)] {
        gone += connection
            .prepare_cached("DELETE FROM tally WHERE (span, owner, at, direction, action, category, tls) IN
                (SELECT span, owner, at, direction, action, category, tls FROM tally WHERE span = ?1 AND at < ?2 LIMIT ?3)")?
            .execute(params![span, before, super::sql_int(u64::try_from(limits::RETAIN_STEP_ROWS).unwrap_or(0))])?;
    }
    fold_days(connection, floor(now, DAY_MS))?;
    let named = now - limits::TOP_BY_DAY_DAYS_MAX * DAY_MS - DAY_MS;
    for (span, length, oldest) in [("day", DAY_MS, named), ("month", MONTH_MS, days)] {
        connection
            .prepare_cached("DELETE FROM top WHERE span = ?1 AND at < ?2")?
            .execute(params![span, floor(oldest, length)])?;
        let current = floor(now, length);
        for (at, keep) in
            [(current, limits::TOP_NAMES_MAX), (current - length, limits::TOP_NAMES_KEPT)]
        {
            forget_least(connection, span, at, keep)?;
        }
    }
    Ok(gone)
}

fn forget_least(connection: &Connection, span: &str, at: i64, keep: i64) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "DELETE FROM top WHERE (span, at, owner, kind, name) IN
             (SELECT span, at, owner, kind, name FROM
                (SELECT span, owner, kind, at, name, row_number() OVER (PARTITION BY owner, kind ORDER BY mails DESC, name) AS place
                 FROM top WHERE span = ?1 AND at = ?2) WHERE place > ?3)",
        )?
        .execute(params![span, at, keep])
        .map(|_| ())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        base::{clock::Clock, ids::Id},
        config::policy::{Action, Category},
        mail::{Address, Direction, Domain, Envelope, Organisation, ReversePath},
        store::{
            embedded::TraceOptions,
            trace::{About, Decision, Took, TraceRow},
        },
    };
    use std::time::Duration;

    const DAY: u64 = 86_400_000;

    fn mail(number: u8, at: u64, organisation: &str, action: &str) -> TraceRow {
        TraceRow {
            id: Id::new(UnixMs(at), [number; 10]),
            organisation: Organisation::named(organisation),
            at: UnixMs(at),
            direction: "inbound",
            listener: "in".to_string(),
            peer: "192.0.2.1".to_string(),
            helo: "x".to_string(),
            tls: if number.is_multiple_of(2) { "TLSv1.3 X" } else { "" }.to_string(),
            sender: "News@shop.example".to_string(),
            bytes: 100,
            about: About::default(),
            decision: Decision {
                action: action.to_string(),
                decided_by: "spf.fail".to_string(),
                findings: "[{\"id\":\"spf.fail\",\"category\":\"auth\"}]".to_string(),
                ..Decision::default()
            },
            reply: String::new(),
            took: Took { dot_ms: 200, ..Took::default() },
            recipients: vec![TraceRecipient {
                recipient: format!("a@{organisation}.example"),
                at: UnixMs(at),
                status: "held".to_string(),
                next_hop: String::new(),
                said: String::new(),
                delay_ms: 0,
                would: String::new(),
                action: action.to_string(),
                tls: String::new(),
                channel: None,
                blocked_by: None,
            }],
        }
    }

    fn held(transaction: Id) -> Held {
        Held {
            id: transaction,
            transaction,
            organisation: Organisation::named("acme"),
            held_at: UnixMs(100 * DAY),
            expires: UnixMs(130 * DAY),
            direction: Direction::Inbound,
            sender: ReversePath::Null,
            from: String::new(),
            recipient: Address::parse("a@acme.example").unwrap(),
            subject: String::new(),
            action: Action::Quarantine,
            why: String::new(),
            reason: String::new(),
            categories: vec![Category::Auth],
            score: 9.0,
            bytes: 100,
            in_digest: true,
            state: HeldState::Released,
            released_at: UnixMs(100 * DAY),
            envelope: Envelope::from(ReversePath::Null),
            findings: serde_json::Value::Null,
            attachments: Vec::new(),
            message_id: String::new(),
            from_address: String::new(),
            authenticated: None,
            likeness: crate::learn::likeness::Likeness::default(),
            policy: String::new(),
            content_hash: String::new(),
            code_hash: String::new(),
            act: None,
            learned: None,
            asks: crate::wire::tls::Asks::default(),
            asked: None,
        }
    }

    #[tokio::test]
    async fn what_happened_is_counted_once_for_each_who_may_see_it() {
        let folder = tempfile::tempdir().unwrap();
        let clock = Clock::by_hand(UnixMs(100 * DAY));
        let options = TraceOptions { keep: Duration::from_secs(86_400), bytes_max: 1 << 30 };
        let (trace, _) = Trace::open(folder.path(), clock.clone(), options).unwrap();
        trace.record(mail(1, 100 * DAY, "acme", "quarantine"));
        trace.record(mail(2, 100 * DAY + 7_200_000, "acme", "deliver"));
        trace.record(mail(3, 101 * DAY, "berg", "deliver"));
        let awaiting = mail(4, 101 * DAY, "acme", "");
        let id = awaiting.id;
        trace.record(awaiting);
        // Written, indexed, opened anew, indexed again: nothing is counted twice.
        assert_eq!(trace.retain().await.unwrap(), 0);
        let counts = trace.counts_by_organisation(99 * DAY).await.unwrap();
        assert_eq!(trace.index().await.unwrap(), 4);
        assert_eq!(trace.counts_by_organisation(99 * DAY).await.unwrap(), counts);
        let row =
            |organisation: &str, action: &str| (organisation.to_string(), action.to_string(), 1);
        let want = [("acme", ""), ("acme", "deliver"), ("acme", "quarantine"), ("berg", "deliver")];
        assert_eq!(counts, want.map(|(organisation, action)| row(organisation, action)));
        drop(trace);
        let (trace, _) = Trace::open(folder.path(), clock, options).unwrap();
        let acme = || Organisation::named("acme");
        let judged = mail(4, 0, "acme", "mark").decision;
        trace.record_decision(id, &acme(), About::default(), judged);
        let released = held(mail(1, 100 * DAY, "acme", "").id);
        trace.record_release(&released);
        trace.record_undone(&released);
        assert_eq!(trace.retain().await.unwrap(), 0);
        let undone = trace.statistics(Scope::Everything, UnixMs(0), UnixMs(102 * DAY), Step::Hour);
        let undone = undone.await.unwrap();
        assert!(undone.steps.iter().all(|step| step.released == 0), "{undone:?}");
        trace.record_release(&released);
        assert_eq!(trace.retain().await.unwrap(), 0);
        assert_eq!(trace.index().await.unwrap(), 0);
        let read = |scope, step| trace.statistics(scope, UnixMs(99 * DAY), UnixMs(102 * DAY), step);
        let told = |statistics: &Statistics| -> Vec<(u64, String, u64, u64)> {
            let steps = statistics.steps.iter();
            let step = |one: &StatisticsCount| {
                (one.at_ms / DAY, one.action.clone(), one.mails, one.released)
            };
            steps.map(step).collect()
        };
        let row = |day, action: &str, mails, released| (day, action.to_string(), mails, released);
        let site = read(Scope::Everything, Step::Day).await.unwrap();
        assert_eq!(
            told(&site),
            [
                row(100, "deliver", 1, 0),
                row(100, "quarantine", 1, 1),
                row(101, "deliver", 1, 0),
                row(101, "mark", 1, 0),
            ]
        );
        assert_eq!(site.tls, [TlsCount { direction: "inbound".to_string(), with: 2, without: 2 }]);
        assert_eq!(site.senders, [NameCount { name: "news@shop.example".to_string(), mails: 4 }]);
        assert_eq!(site.decided_by[0], NameCount { name: "spf.fail".to_string(), mails: 4 });
        assert_eq!(site.categories, [NameCount { name: "auth".to_string(), mails: 4 }]);
        assert_eq!(site.latency[1], LatencyCount { up_to_ms: Some(300), mails: 4 });
        let by_hour = read(Scope::Organisation(acme()), Step::Hour).await.unwrap();
        assert_eq!(by_hour.steps.len(), 3, "two hours of the first day: {by_hour:?}");
        let names: Vec<&str> = by_hour.recipients.iter().map(|one| one.name.as_str()).collect();
        assert_eq!(names, ["a@acme.example"], "nobody else's recipients");
        let domain = Scope::Domains(acme(), vec![Domain::parse("acme.example").unwrap()]);
        let domain = read(domain, Step::Day).await.unwrap();
        assert_eq!(domain.steps.iter().map(|one| one.mails).sum::<u64>(), 3);
        let foreign = Scope::Domains(acme(), vec![Domain::parse("berg.example").unwrap()]);
        assert_eq!(read(foreign, Step::Day).await.unwrap().steps, []);
        let anna = Scope::Mailbox(acme(), Address::parse("a@acme.example").unwrap());
        assert_eq!(read(anna, Step::Day).await.unwrap().steps, []);
        let story = trace.show(mail(1, 100 * DAY, "acme", "").id, None).await.unwrap().remove(0);
        let told = [1, 2, 3].map(|row| story["recipients"][row]["status"].clone());
        assert_eq!(told, ["released", "taken-back", "released"]);
    }

    #[test]
    fn names_that_come_least_are_forgotten() {
        let connection = Connection::open_in_memory().unwrap();
        super::super::super::db::migrate(&connection, super::super::MIGRATIONS).unwrap();
        let mut gathered = Gathered::default();
        for number in 0..10_i64 {
            let name =
                Name { owner: String::new(), kind: "sender", at: 0, name: format!("a{number}") };
            gathered.names.insert(name, number + 1);
        }
        gathered.write(&connection).unwrap();
        forget_least(&connection, "day", 0, 3).unwrap();
        let left: String = connection
            .query_row(
                "SELECT group_concat(name, ' ') FROM (SELECT name FROM top ORDER BY mails)",
                [],
                |row| row.get(0),
            )
            .unwrap();
        assert_eq!(left, "a7 a8 a9");
    }

    #[test]
    fn a_day_is_added_to_its_month_once_when_it_is_over() {
        let connection = Connection::open_in_memory().unwrap();
        super::super::super::db::migrate(&connection, super::super::MIGRATIONS).unwrap();
        let count = |day: i64, name: &str, mails: i64| {
            let mut gathered = Gathered::default();
            let name = Name {
                at: day * DAY_MS,
                owner: String::new(),
                kind: "sender",
                name: name.to_string(),
            };
            gathered.names.insert(name, mails);
            gathered.write(&connection).unwrap();
        };
        let month = || -> String {
            let sql = "SELECT coalesce(group_concat(name || mails, ' '), '') FROM top WHERE span = 'month'";
            connection.query_row(sql, [], |row| row.get(0)).unwrap()
        };
        let year = || {
            let until = UnixMs(3 * 86_400_000);
            let since = UnixMs(0);
            let mut read = Reading::new(&connection, since, until, Step::Day);
            read.since = -60 * DAY_MS;
            read.names("").unwrap();
            read.finish().senders
        };
        count(0, "a", 2);
        assert_eq!(month(), "");
        assert_eq!(year(), [NameCount { name: "a".to_string(), mails: 2 }], "today counts");
        count(1, "b", 1);
        assert_eq!(month(), "a2");
        count(0, "a", 1);
        assert_eq!(month(), "a3", "a mail that ended after midnight");
        retain(&connection, UnixMs(2 * 86_400_000)).unwrap();
        assert_eq!(month(), "a3 b1", "also where no mail comes");
        count(1, "b", 4);
        assert_eq!(month(), "a3 b5");
        let both = [("b", 5), ("a", 3)].map(|(name, mails)| (name.to_string(), mails));
        assert_eq!(year().into_iter().map(|one| (one.name, one.mails)).collect::<Vec<_>>(), both);
    }
}
