//! Finding held mails: lists, counts, groups, what is alike. Whoever asks hands in a scope, and it is part of every query.
//!
//! What is read is bounded by what is shown: each query walks an index in the order of the list and stops at its last row. Texts are found
//! by the text index, categories and findings by their tags, everything else by state within the scope.

use super::{
    Quarantine,
    rows::{category_tag, direction_tag, find, finding_tag, likeness_key, read_row},
    sql_int,
};
use crate::{
    base::{clock::UnixMs, ids::Id, limits},
    learn::likeness::Likeness,
    mail::{Direction, Organisation},
    store::{
        StoreError,
        held::{Cluster, Clusters, Count, Cursor, Held, HeldFilter, HeldState, Order, Page},
        scope::Scope,
    },
};
use rusqlite::{Connection, params, params_from_iter, types::Value};
use std::collections::{HashMap, HashSet};

impl Quarantine {
    /// A page of what is held, newest first unless asked otherwise.
    pub async fn search(&self, scope: &Scope, filter: HeldFilter) -> Result<Page, StoreError> {
        let scope = scope.clone();
        self.db
            .read("listing the quarantine", move |connection| {
                let rows = filter.rows.max(1);
                let mut numbers = numbers(connection, &scope, &filter, rows.saturating_add(1))?;
                let more = numbers.len() > rows;
                numbers.truncate(rows);
                let next = numbers.last().filter(|_| more).map(|last| Cursor(*last));
                Ok(Page { held: rows_of(connection, &numbers)?, next })
            })
            .await
    }

    /// The same, and how many there are in all: the first page and its count are one walk.
    pub async fn search_counted(
        &self,
        scope: &Scope,
        filter: HeldFilter,
    ) -> Result<(Page, Count), StoreError> {
        let scope = scope.clone();
        self.db
            .read("listing the quarantine", move |connection| {
                let rows = filter.rows.max(1);
                let most = limits::HELD_COUNTED_MAX.max(rows);
                let all = HeldFilter { cursor: None, ..filter.clone() };
                let mut found = numbers(connection, &scope, &all, most.saturating_add(1))?;
                let count = counted(&found);
                if filter.cursor.is_some() {
                    found = numbers(connection, &scope, &filter, rows.saturating_add(1))?;
                }
                let more = found.len() > rows;
                found.truncate(rows);
                let next = found.last().filter(|_| more).map(|last| Cursor(*last));
                Ok((Page { held: rows_of(connection, &found)?, next }, count))
            })
            .await
    }

    /// How many there are of these, counted up to a bound.
    pub async fn count(&self, scope: &Scope, filter: HeldFilter) -> Result<Count, StoreError> {
        let scope = scope.clone();
        self.db
            .read("counting the quarantine", move |connection| {
                let most = limits::HELD_COUNTED_MAX;
                Ok(counted(&numbers(connection, &scope, &filter, most.saturating_add(1))?))
            })
            .await
    }

    /// What is held in groups of mails that are alike, of one organisation each, the group with the newest mail first.
    ///
    /// Bounded: the newest so many mails are looked at, and a group of which older ones may exist says that there are more.
    pub async fn clusters(
        &self,
        scope: &Scope,
        filter: HeldFilter,
    ) -> Result<Clusters, StoreError> {
        let scope = scope.clone();
        self.db
            .read("grouping the quarantine", move |connection| {
                clusters(connection, &scope, &filter)
            })
            .await
    }

    /// The ids of what a filter finds, so that all of it can be acted on: at most `filter.rows`, and where to go on.
    pub async fn ids_of(
        &self,
        scope: &Scope,
        filter: HeldFilter,
    ) -> Result<(Vec<Id>, Option<Cursor>), StoreError> {
        let scope = scope.clone();
        self.db
            .read("choosing held mails", move |connection| {
                let rows = filter.rows.max(1);
                let numbers = numbers(connection, &scope, &filter, rows)?;
                let next = numbers.last().filter(|_| numbers.len() == rows);
                let mut ids = Vec::with_capacity(numbers.len());
                let mut select =
                    connection.prepare_cached("SELECT id FROM held WHERE number = ?1")?;
                for number in &numbers {
                    let id: String = select.query_row([number], |row| row.get(0))?;
                    ids.push(Id::parse(&id).unwrap_or_default());
                }
                Ok((ids, next.map(|last| Cursor(*last))))
            })
            .await
    }

    /// What is alike this mail, in whatever state but deleted, newest first; not the mail itself.
    pub async fn alike(&self, scope: &Scope, id: Id, rows: usize) -> Result<Vec<Held>, StoreError> {
        let scope = scope.clone();
        self.db
            .read("looking for alike mails", move |connection| {
                let Some((own, held)) = find(connection, id)? else { return Ok(Vec::new()) };
                let mut found = same_content(connection, &scope, own, rows)?;
                if held.likeness != Likeness::default() {
                    let filter = HeldFilter {
                        likeness: Some(held.likeness),
                        states: vec![
                            HeldState::Held,
                            HeldState::Rejected,
                            HeldState::Released,
                            HeldState::Seen,
                        ],
                        ..HeldFilter::default()
                    };
                    found.extend(numbers(connection, &scope, &filter, rows.saturating_add(1))?);
                }
                found.retain(|number| *number != own);
                found.sort_unstable_by(|a, b| b.cmp(a));
                found.dedup();
                found.truncate(rows);
                rows_of(connection, &found)
            })
            .await
    }

    /// The mails that wait for the same recipient and are the same: same content, or alike and with the same Message-ID.
    pub async fn duplicates(&self, id: Id) -> Result<Vec<Held>, StoreError> {
        self.db
            .read("looking for duplicates", move |connection| {
                let Some((own, held)) = find(connection, id)? else { return Ok(Vec::new()) };
                let found = duplicates(connection, own, &held, HeldState::waits)?;
                Ok(found.into_iter().map(|(_, held)| held).collect())
            })
            .await
    }

    /// The kept copies of a refused mail, by the code that its sender was told: one for each recipient.
    pub async fn rejected_by_code(&self, code: &str) -> Result<Vec<Held>, StoreError> {
        let hash = Held::hash_of_code(code);
        self.db
            .read("looking up a refused mail", move |connection| {
                let most = sql_int(u64::try_from(limits::HELD_COUNTED_MAX).unwrap_or(0));
                connection
                    .prepare_cached(
                        "SELECT shown.row FROM held JOIN shown USING (number)
                         WHERE held.code_hash = ?1 AND held.code_hash <> '' AND held.state <> 'deleted' ORDER BY held.number LIMIT ?2",
                    )?
                    .query_map(params![hash, most], read_row)?
                    .collect()
            })
            .await
    }
}

fn counted(found: &[i64]) -> Count {
    let most = limits::HELD_COUNTED_MAX;
    Count { counted: u64::try_from(found.len().min(most)).unwrap_or(0), more: found.len() > most }
}

/// One way to walk to the mails that are looked for, in the order of their numbers.
struct Way {
    from: &'static str,
    /// The column that has the number.
    number: &'static str,
    /// What the walk is along.
    along: &'static str,
    value: Value,
}

/// Conditions with their values.
#[derive(Default)]
struct Conditions {
    sql: String,
    values: Vec<Value>,
}

impl Conditions {
    /// One more condition; each `?` in it is one of the values.
    fn and(&mut self, sql: &str, values: impl IntoIterator<Item = Value>) {
        self.sql.push_str(" AND ");
        self.sql.push_str(sql);
        self.values.extend(values);
    }
}

/// The numbers of the mails that a filter finds within a scope, in its order, at most so many.
fn numbers(
    connection: &Connection,
    scope: &Scope,
    filter: &HeldFilter,
    rows: usize,
) -> rusqlite::Result<Vec<i64>> {
    // Asked for one organisation, whoever sees everything walks as if nothing else were there.
    let Some(scope) = narrowed(scope, filter) else { return Ok(Vec::new()) };
    let scope = &scope;
    let texts = Texts::of(filter);
    let mut conditions = Conditions::default();
    within(scope, &mut conditions);
    texts.short(&mut conditions);
    about(filter, &mut conditions);
    if !in_time(connection, filter, &mut conditions)? {
        return Ok(Vec::new());
    }
    let walk = match texts.long.is_empty() {
        true => None,
        false if few_within(connection, scope, filter)? => {
            conditions.and(IN_TEXT, [Value::Text(texts.long.clone())]);
            None
        }
        false => Some(texts.long.clone()),
    };
    let ways = ways(connection, filter, walk, &mut conditions)?;
    let (order, beyond) = match filter.order {
        Order::Newest => ("DESC", "<"),
        Order::Oldest => ("ASC", ">"),
    };
    let mut found = Vec::new();
    for way in ways {
        let Way { from, number, along, value } = way;
        let mut values = vec![value];
        let mut sql = format!("SELECT {number} FROM {from} WHERE {along}");
        if let Some(Cursor(last)) = filter.cursor {
            sql.push_str(&format!(" AND {number} {beyond} ?"));
            values.push(Value::Integer(last));
        }
        sql.push_str(&conditions.sql);
        values.extend(conditions.values.iter().cloned());
        sql.push_str(&format!(" ORDER BY {number} {order} LIMIT {rows}"));
        let mut select = connection.prepare_cached(&sql)?;
        for number in select.query_map(params_from_iter(values), |row| row.get::<_, i64>(0))? {
            found.push(number?);
        }
    }
    match filter.order {
        Order::Newest => found.sort_unstable_by(|a, b| b.cmp(a)),
        Order::Oldest => found.sort_unstable(),
    }
    found.dedup();
    found.truncate(rows);
    Ok(found)
}

/// Looks a mail that was found by another way up in the text index.
const IN_TEXT: &str =
    "EXISTS (SELECT 1 FROM held_text WHERE held_text MATCH ? AND held_text.rowid = held.number)";

/// Are there so few mails within the scope that looking at each is quicker than walking past everybody else's with the same word?
fn few_within(
    connection: &Connection,
    scope: &Scope,
    filter: &HeldFilter,
) -> rusqlite::Result<bool> {
    if *scope == Scope::Everything {
        return Ok(false);
    }
    let mut conditions = Conditions::default();
    let states = filter.in_states();
    let marks = vec!["?"; states.len()].join(", ");
    let words = states.iter().map(|state| Value::Text(state.word().to_string()));
    conditions.and(&format!("held.state IN ({marks})"), words);
    within(scope, &mut conditions);
    let few = limits::SEARCH_FEW;
    let sql = format!(
        "SELECT count(*) FROM (SELECT 1 FROM held WHERE 1 = 1{} LIMIT {})",
        conditions.sql,
        few.saturating_add(1)
    );
    let found: i64 = connection
        .prepare_cached(&sql)?
        .query_row(params_from_iter(conditions.values), |row| row.get(0))?;
    Ok(usize::try_from(found).unwrap_or(usize::MAX) <= few)
}

/// Along which indexes to walk; `text` is what the text index is to be walked for. What a walk does not see to by itself becomes a condition.
fn ways(
    connection: &Connection,
    filter: &HeldFilter,
    text: Option<String>,
    conditions: &mut Conditions,
) -> rusqlite::Result<Vec<Way>> {
    let states = filter.in_states();
    let words: Vec<Value> =
        states.iter().map(|state| Value::Text(state.word().to_string())).collect();
    let tags = tags(connection, filter)?;
    let mut tags = tags.into_iter();
    let by_state = format!("held.state IN ({})", vec!["?"; states.len()].join(", "));
    let first = if text.is_some() || filter.likeness.is_some() { None } else { tags.next() };
    for ids in tags {
        let marks = vec!["?"; ids.len().max(1)].join(", ");
        let ids = if ids.is_empty() { vec![-1] } else { ids };
        conditions.and(
            &format!(
                "EXISTS (SELECT 1 FROM tagged WHERE tagged.tag IN ({marks}) AND tagged.number = held.number)"
            ),
            ids.into_iter().map(Value::Integer),
        );
    }
    if let (Some(likeness), Some(_)) = (filter.likeness, &text) {
        conditions.and("held.likeness = ?", [Value::Text(likeness_key(likeness))]);
    }
    if let Some(text) = text {
        conditions.and(&by_state, words);
        return Ok(vec![Way {
            from: "held_text CROSS JOIN held ON held.number = held_text.rowid",
            number: "held_text.rowid",
            along: "held_text MATCH ?",
            value: Value::Text(text),
        }]);
    }
    if let Some(likeness) = filter.likeness {
        conditions.and(&by_state, words);
        return Ok(vec![Way {
            from: "held INDEXED BY held_by_likeness",
            number: "held.number",
            along: "held.likeness = ?",
            value: Value::Text(likeness.to_string()),
        }]);
    }
    if let Some(ids) = first {
        conditions.and(&by_state, words);
        let way = |id| Way {
            from: "tagged CROSS JOIN held ON held.number = tagged.number",
            number: "tagged.number",
            along: "tagged.tag = ?",
            value: Value::Integer(id),
        };
        return Ok(ids.into_iter().map(way).collect());
    }
    let way = |value| Way { from: "held", number: "held.number", along: "held.state = ?", value };
    Ok(words.into_iter().map(way).collect())
}

/// The tags of each kind that was asked for; a kind with none finds nothing.
fn tags(connection: &Connection, filter: &HeldFilter) -> rusqlite::Result<Vec<Vec<i64>>> {
    let outbound = filter.direction.as_deref() == Some(Direction::Outbound.word());
    let wanted = [
        outbound.then(|| direction_tag(Direction::Outbound)),
        // A phone begins what is typed with a capital, and no id or category has one.
        filter.finding.as_ref().map(|id| finding_tag(&id.to_lowercase())),
        filter.category.as_ref().map(|word| category_tag(&word.to_lowercase())),
    ];
    let mut found = Vec::new();
    for name in wanted.into_iter().flatten() {
        let most = sql_int(u64::try_from(limits::HELD_TAGS_MAX).unwrap_or(0));
        // "spf" and "spf." find "spf.fail": a dot and what is behind it sort between the name with a dot and the same with a slash.
        let stem = name.trim_end_matches('.');
        let ids: Vec<i64> = connection
            .prepare_cached(
                "SELECT id FROM tag WHERE name = ?1 OR (name > ?2 AND name < ?3) LIMIT ?4",
            )?
            .query_map(params![name, format!("{stem}."), format!("{stem}/"), most], |row| {
                row.get(0)
            })?
            .collect::<Result<_, _>>()?;
        found.push(ids);
    }
    Ok(found)
}

/// What of a scope a filter leaves; none: nothing, for the scope is another organisation's.
fn narrowed(scope: &Scope, filter: &HeldFilter) -> Option<Scope> {
    let Some(name) = &filter.organisation else { return Some(scope.clone()) };
    match scope {
        Scope::Everything => Some(Scope::Organisation(Organisation::named(name))),
        Scope::Organisation(own) | Scope::Domains(own, _) | Scope::Mailbox(own, _) => {
            (own.name() == name).then(|| scope.clone())
        }
    }
}

/// Only what whoever asks may see.
fn within(scope: &Scope, conditions: &mut Conditions) {
    let text = |text: &str| Value::Text(text.to_string());
    match scope {
        Scope::Everything => (),
        Scope::Organisation(organisation) => {
            conditions.and("held.organisation = ?", [text(organisation.name())]);
        }
        Scope::Domains(organisation, domains) => {
            let marks = vec!["?"; domains.len()].join(", ");
            conditions.and("held.organisation = ?", [text(organisation.name())]);
            conditions.and(
                &format!("(held.recipient_domain IN ({marks}) OR held.sent_domain IN ({marks}))"),
                domains.iter().chain(domains).map(|domain| text(domain.as_str())),
            );
        }
        Scope::Mailbox(organisation, mailbox) => {
            conditions.and("held.organisation = ?", [text(organisation.name())]);
            conditions.and("held.recipient_key = ?", [Value::Text(mailbox.key())]);
        }
    }
}

/// Conditions that no index walks along.
fn about(filter: &HeldFilter, conditions: &mut Conditions) {
    if let Some(direction) = &filter.direction {
        conditions.and("held.direction = ?", [Value::Text(direction.clone())]);
    }
}

/// The numbers between which the time lies: mails have theirs in the order they came. False: there is none of that time.
fn in_time(
    connection: &Connection,
    filter: &HeldFilter,
    conditions: &mut Conditions,
) -> rusqlite::Result<bool> {
    let mut bound = |moment: Option<UnixMs>, held_at: &str, edge: &str, number: &str| {
        let Some(moment) = moment else { return Ok(true) };
        let moment = sql_int(moment.0);
        let sql = format!("SELECT {edge}(number) FROM held WHERE {held_at}");
        let at: Option<i64> =
            connection.prepare_cached(&sql)?.query_row([moment], |row| row.get(0))?;
        let Some(at) = at else { return Ok::<bool, rusqlite::Error>(false) };
        conditions.and(number, [Value::Integer(at)]);
        conditions.and(&format!("held.{held_at}"), [Value::Integer(moment)]);
        Ok(true)
    };
    let begun = bound(filter.since, "held_at >= ?", "min", "held.number >= ?")?;
    Ok(begun && bound(filter.until, "held_at < ?", "max", "held.number <= ?")?)
}

/// The texts of a filter: those that the text index can find, and those that are too short for it.
struct Texts {
    /// A query of the text index; empty when there is none.
    long: String,
    short: Vec<(&'static [&'static str], String)>,
}

impl Texts {
    fn of(filter: &HeldFilter) -> Texts {
        let mut texts = Texts { long: String::new(), short: Vec::new() };
        let words = filter.text.iter().flat_map(|text| text.split_whitespace());
        for word in words.take(limits::SEARCH_WORDS_MAX) {
            texts.add(EVERYWHERE, word);
        }
        for (columns, text) in [
            (IN_SENDER, &filter.sender),
            (IN_RECIPIENT, &filter.recipient),
            (IN_SUBJECT, &filter.subject),
            (IN_ATTACHMENTS, &filter.attachment),
        ] {
            if let Some(text) = text {
                texts.add(columns, text);
            }
        }
        texts
    }

    fn add(&mut self, columns: &'static [&'static str], text: &str) {
        let text: String =
            text.chars().filter(|letter| *letter != '\0').take(limits::SEARCH_CHARS_MAX).collect();
        // The index knows pieces of three letters.
        if text.chars().count() < 3 {
            if !text.is_empty() {
                self.short.push((columns, text));
            }
            return;
        }
        if !self.long.is_empty() {
            self.long.push_str(" AND ");
        }
        let quoted = text.replace('"', "\"\"");
        self.long.push_str(&format!("{{{}}} : \"{quoted}\"", columns.join(" ")));
    }

    fn short(&self, conditions: &mut Conditions) {
        for (columns, text) in &self.short {
            let any: Vec<String> =
                columns.iter().map(|column| format!("held.{column} LIKE ? ESCAPE '\\'")).collect();
            let pattern = Value::Text(contains(text));
            conditions.and(&format!("({})", any.join(" OR ")), vec![pattern; columns.len()]);
        }
    }
}

/// A LIKE pattern that finds the text anywhere, its own wildcards taken literally.
fn contains(text: &str) -> String {
    let escaped = text.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_");
    format!("%{escaped}%")
}

const EVERYWHERE: &[&str] = &["subject", "sender", "from_shown", "recipient", "attachments"];
const IN_SENDER: &[&str] = &["sender", "from_shown"];
const IN_RECIPIENT: &[&str] = &["recipient"];
const IN_SUBJECT: &[&str] = &["subject"];
const IN_ATTACHMENTS: &[&str] = &["attachments"];

fn rows_of(connection: &Connection, numbers: &[i64]) -> rusqlite::Result<Vec<Held>> {
    let mut select = connection.prepare_cached("SELECT row FROM shown WHERE number = ?1")?;
    numbers.iter().map(|number| select.query_row([number], read_row)).collect()
}

/// Mails with the same bytes.
fn same_content(
    connection: &Connection,
    scope: &Scope,
    own: i64,
    rows: usize,
) -> rusqlite::Result<Vec<i64>> {
    let mut conditions = Conditions::default();
    within(scope, &mut conditions);
    let sql = format!(
        "SELECT held.number FROM held WHERE held.content_hash = (SELECT content_hash FROM held WHERE number = ?) AND held.state <> 'deleted'{}
         ORDER BY held.number DESC LIMIT {}",
        conditions.sql,
        rows.saturating_add(1)
    );
    let values = std::iter::once(Value::Integer(own)).chain(conditions.values);
    connection
        .prepare_cached(&sql)?
        .query_map(params_from_iter(values), |row| row.get(0))?
        .collect()
}

/// Rows for the same recipient that are the same mail, in the states that are asked for.
pub(super) fn duplicates(
    connection: &Connection,
    own: i64,
    held: &Held,
    is_wanted: fn(HeldState) -> bool,
) -> rusqlite::Result<Vec<(i64, Held)>> {
    let mut select = connection.prepare_cached(
        "SELECT shown.row, other.number, other.content_hash = held.content_hash FROM held JOIN held AS other
         ON other.organisation = held.organisation AND other.recipient_key = held.recipient_key
         AND (other.content_hash = held.content_hash OR (held.likeness <> '' AND other.likeness = held.likeness))
         JOIN shown ON shown.number = other.number
         WHERE held.number = ?1 AND other.number <> ?1 ORDER BY other.number DESC LIMIT ?2",
    )?;
    let most = sql_int(u64::try_from(limits::DUPLICATES_MAX).unwrap_or(0));
    let found = select.query_map(params![own, most], |row| {
        Ok((row.get::<_, i64>(1)?, read_row(row)?, row.get::<_, bool>(2)?))
    })?;
    let mut same = Vec::new();
    for one in found {
        let (number, other, same_content) = one?;
        let same_message = !held.message_id.is_empty() && other.message_id == held.message_id;
        if (same_content || same_message) && is_wanted(other.state) {
            same.push((number, other));
        }
    }
    Ok(same)
}

/// A group while it is counted.
struct Gathered {
    likeness: Likeness,
    newest: i64,
    mails: u64,
    bytes: u64,
    senders: HashSet<String>,
    recipients: HashSet<String>,
}

fn clusters(
    connection: &Connection,
    scope: &Scope,
    filter: &HeldFilter,
) -> rusqlite::Result<Clusters> {
    // Groups are made of the newest mails, wherever the page begins.
    let looked_at = HeldFilter { cursor: None, order: Order::Newest, ..filter.clone() };
    let numbers = numbers(connection, scope, &looked_at, limits::CLUSTERED_MAX)?;
    let older = numbers.len() >= limits::CLUSTERED_MAX;
    let mut groups: Vec<Gathered> = Vec::new();
    let mut places: HashMap<(String, Likeness), usize> = HashMap::new();
    let mut select = connection.prepare_cached(
        "SELECT likeness, bytes, CASE WHEN writer = '' THEN sender ELSE writer END, recipient_key, organisation FROM held WHERE number = ?1",
    )?;
    for number in numbers {
        select.query_row([number], |row| {
            let likeness = row.get_ref(0)?.as_str().unwrap_or("").parse().unwrap_or_default();
            let place = match likeness == Likeness::default() {
                true => groups.len(),
                false => *places.entry((row.get(4)?, likeness)).or_insert(groups.len()),
            };
            if place == groups.len() {
                groups.push(Gathered::new(likeness, number));
            }
            if let Some(group) = groups.get_mut(place) {
                group.add(row.get(1)?, row.get(2)?, row.get(3)?);
            }
            Ok(())
        })?;
    }
    let rows = filter.rows.max(1);
    let after = |group: &&Gathered| filter.cursor.is_none_or(|Cursor(last)| group.newest < last);
    let shown: Vec<&Gathered> = groups.iter().filter(after).take(rows.saturating_add(1)).collect();
    let next = shown.get(rows).and(shown.get(rows.saturating_sub(1)));
    let next = next.map(|last| Cursor(last.newest));
    let mut clusters = Vec::new();
    for group in shown.into_iter().take(rows) {
        let newest = rows_of(connection, &[group.newest])?.pop();
        clusters.extend(newest.map(|newest| group.shown(newest, older)));
    }
    Ok(Clusters { clusters, next })
}

impl Gathered {
    fn new(likeness: Likeness, newest: i64) -> Gathered {
        Gathered {
            likeness,
            newest,
            mails: 0,
            bytes: 0,
            senders: HashSet::new(),
            recipients: HashSet::new(),
        }
    }

    fn add(&mut self, bytes: i64, sender: String, recipient: String) {
        self.mails = self.mails.saturating_add(1);
        self.bytes = self.bytes.saturating_add(u64::try_from(bytes).unwrap_or(0));
        self.senders.insert(sender);
        self.recipients.insert(recipient);
    }

    fn shown(&self, newest: Held, older: bool) -> Cluster {
        let known = self.likeness != Likeness::default();
        let count = |all: &HashSet<String>| u64::try_from(all.len()).unwrap_or(0);
        Cluster {
            likeness: self.likeness,
            mails: Count { counted: self.mails, more: older && known },
            bytes: self.bytes,
            senders: count(&self.senders),
            recipients: count(&self.recipients),
            newest: Box::new(newest),
        }
    }
}
