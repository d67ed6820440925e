//! Looking for transactions: newest first, a page at a time, and nobody sees more than their scope.
//!
//! The index names candidates in their order; each is then read and looked at, so that an index that is behind, or a word that is no
//! word, can only make the search slower. What the index does not have yet is walked through. A search ends after so many candidates
//! and says where to go on.

use super::{
    Trace, campaigns,
    index::indexed_to,
    persons,
    words::{Part, finding_mark, fold, mark, mark_around, words},
};
use crate::{
    base::{clock::UnixMs, ids::Id, limits, number},
    checks,
    store::{
        StoreError,
        scope::Scope,
        trace::{OfPersons, TraceLine, TracePage, TraceQuery},
    },
};
use rusqlite::{Connection, OptionalExtension, params, params_from_iter, types::Value};
use std::net::IpAddr;

impl Trace {
    /// Transactions that match, newest first.
    pub async fn find(&self, scope: Scope, query: TraceQuery) -> Result<TracePage, StoreError> {
        self.db
            .read("searching the trace", move |connection| {
                let Some(asked) = Asked::new(&scope, &query) else {
                    return Ok(TracePage::default());
                };
                let mut search = Search { connection, asked: &asked, looked: 0 };
                search.run()
            })
            .await
    }
}

/// What somebody may see, as SQL takes it.
#[derive(Debug, Default)]
pub(super) struct Visible {
    organisation: Option<String>,
    /// Ends of recipients, as a JSON list.
    domains: Option<String>,
    mailbox: Option<String>,
}

impl Visible {
    pub(super) fn new(scope: &Scope) -> Visible {
        let named =
            |organisation: &crate::mail::Organisation| Some(organisation.name().to_string());
        match scope {
            Scope::Everything => Visible::default(),
            Scope::Organisation(own) => Visible { organisation: named(own), ..Visible::default() },
            Scope::Domains(own, domains) => {
                let ends: Vec<String> =
                    domains.iter().map(|domain| format!("@{}", domain.as_str())).collect();
                Visible {
                    organisation: named(own),
                    domains: Some(
                        serde_json::to_string(&ends).unwrap_or_else(|_| "[]".to_string()),
                    ),
                    mailbox: None,
                }
            }
            Scope::Mailbox(own, mailbox) => {
                Visible { organisation: named(own), domains: None, mailbox: Some(mailbox.key()) }
            }
        }
    }

    /// The organisation whose rows are seen; none: all of them.
    pub(super) fn organisation(&self) -> Option<&str> {
        self.organisation.as_deref()
    }

    /// Ends of the recipients that are seen, as a JSON list; none: all of them.
    pub(super) fn domains(&self) -> Option<&str> {
        self.domains.as_deref()
    }

    /// The one mailbox that is seen; none: all of them.
    pub(super) fn mailbox(&self) -> Option<&str> {
        self.mailbox.as_deref()
    }

    /// Rows of one mail's recipients that are seen: recipient, status, next hop, what was said, and the columns asked for beside them.
    /// Who sends as a domain sees whom its mail went to. In the order in which things happened: two writers may be told of them the other way round.
    pub(super) fn recipients(&self, more: &str) -> String {
        format!(
            "SELECT r.recipient, r.status, r.next_hop, r.said{more} FROM recipient r WHERE r.mail = ?1 AND r.organisation = ?2
             AND (?3 IS NULL OR EXISTS (SELECT 1 FROM json_each(?3) AS own WHERE lower(substr(r.recipient, -length(own.value))) = own.value)
                  OR EXISTS (SELECT 1 FROM mail m, json_each(?3) AS own WHERE m.id = ?1 AND m.organisation = ?2 AND m.direction = 'outbound'
                             AND lower(substr(m.sender, -length(own.value))) = own.value))
             AND (?4 IS NULL OR lower(r.recipient) = ?4)
             ORDER BY r.at, r.rowid LIMIT ?5"
        )
    }

    /// The values for [`Visible::recipients`].
    pub(super) fn values(&self, id: &str, organisation: &str) -> [Value; 5] {
        let optional = |text: &Option<String>| text.clone().map_or(Value::Null, Value::Text);
        [
            Value::Text(id.to_string()),
            Value::Text(organisation.to_string()),
            optional(&self.domains),
            optional(&self.mailbox),
            Value::Integer(i64::try_from(limits::TRACE_RECIPIENT_ROWS_MAX).unwrap_or(i64::MAX)),
        ]
    }

    /// Has it rows of which not all recipients are seen?
    pub(super) fn narrows(&self) -> bool {
        self.domains.is_some() || self.mailbox.is_some()
    }
}

/// A query made ready.
struct Asked<'a> {
    query: &'a TraceQuery,
    visible: Visible,
    id: Option<Id>,
    text: Option<Part>,
    sender: Option<Part>,
    recipient: Option<Part>,
    subject: Option<Part>,
    message_id: Option<Part>,
    reply: Option<Part>,
    finding: Option<String>,
    /// The question to the index; empty: everything.
    question: String,
}

impl<'a> Asked<'a> {
    /// None: nothing can match, for something was looked for that has no word in it.
    fn new(scope: &Scope, query: &'a TraceQuery) -> Option<Asked<'a>> {
        let part = |text: &Option<String>| match text.as_deref().map(str::trim) {
            None | Some("") => Some(None),
            Some(text) => Part::new(text).map(Some),
        };
        let id = query.text.as_deref().and_then(|text| Id::parse(text.trim()).ok());
        let mut asked = Asked {
            query,
            visible: Visible::new(scope),
            id,
            text: if id.is_some() { None } else { part(&query.text)? },
            sender: part(&query.sender)?,
            recipient: part(&query.recipient)?,
            subject: part(&query.subject)?,
            message_id: part(&query.message_id)?,
            reply: part(&query.reply)?,
            finding: query.finding.as_deref().map(|id| id.trim_end_matches('*').to_lowercase()),
            question: String::new(),
        };
        asked.question = asked.questions(scope).join(" AND ");
        Some(asked)
    }

    fn questions(&self, scope: &Scope) -> Vec<String> {
        const TEXTS: &str = "subject sender recipient message_id reply client";
        let parts = [
            (&self.text, TEXTS),
            (&self.sender, "sender"),
            (&self.recipient, "recipient"),
            (&self.subject, "subject"),
            (&self.message_id, "message_id"),
            (&self.reply, "reply"),
        ];
        let parts =
            parts.iter().filter_map(|(part, columns)| Some(part.as_ref()?.question(columns)));
        let query = self.query;
        let organisation = query.organisation.as_deref();
        let marks = [
            query.action.as_deref().filter(|word| !is_fate(word)).map(|word| mark('a', word)),
            query.would.as_deref().map(|word| mark('w', word)),
            query.direction.as_deref().map(|word| mark('d', word)),
            organisation.map(|name| mark('o', name)),
            self.visible.organisation().map(|name| mark('o', name)),
            query.client.and_then(mark_around),
            self.visible.mailbox.as_deref().map(|key| mark('r', key)),
        ];
        let marks = marks.into_iter().flatten().map(|mark| format!("marks : \"{mark}\""));
        let finding =
            self.finding.as_deref().map(|id| match id.ends_with('.') || is_whole(query) {
                false => format!("marks : \"{}\"", finding_mark(id)),
                true => format!("marks : \"{}\"*", finding_mark(id)),
            });
        let domains = match scope {
            // So many are hardly worth asking for one by one.
            Scope::Domains(_, domains) if domains.len() <= limits::TRACE_SCOPE_DOMAINS_MAX => {
                let marks =
                    domains.iter().map(|domain| format!("\"{}\"", mark('e', domain.as_str())));
                let marks: Vec<String> = marks.collect();
                (!marks.is_empty()).then(|| format!("marks : ({})", marks.join(" OR ")))
            }
            Scope::Everything
            | Scope::Organisation(_)
            | Scope::Domains(..)
            | Scope::Mailbox(..) => None,
        };
        parts.chain(marks).chain(finding).chain(domains).collect()
    }

    /// Does this row match, of which the recipients are those that may be seen?
    fn fits(&self, row: &Candidate) -> bool {
        let query = self.query;
        let is = |wanted: &Option<String>, there: &str| {
            wanted.as_deref().is_none_or(|wanted| wanted == there)
        };
        let action = if row.line.action.is_empty() { "none" } else { row.line.action.as_str() };
        let done = match query.action.as_deref() {
            Some(fate) if is_fate(fate) => {
                row.recipients.iter().any(|one| row.fate(&one.0) == fate)
            }
            Some(_) | None => is(&query.action, action),
        };
        done && self.id.is_none_or(|id| row.line.id == id.to_string())
            && is(&query.would, &row.line.would)
            && is(&query.direction, &row.line.direction)
            && is(&query.organisation, &row.line.organisation)
            && self.visible.organisation().is_none_or(|own| own == row.line.organisation)
            && row.line.at_ms >= query.since.0
            && query.until.is_none_or(|until| row.line.at_ms < until.0)
            && query.client.is_none_or(|network| {
                row.line.peer.parse::<IpAddr>().is_ok_and(|client| network.contains(&client))
            })
            && self.finding.as_deref().is_none_or(|id| self.has_finding(row, id))
            && (!self.visible.narrows() || !row.recipients.is_empty())
            && self.words_fit(row)
    }

    fn has_finding(&self, row: &Candidate, id: &str) -> bool {
        let is_beginning = is_whole(self.query) || id.ends_with('.');
        let end = if is_beginning { "" } else { "\"" };
        row.findings.contains(&format!("\"id\":\"{id}{end}"))
    }

    fn words_fit(&self, row: &Candidate) -> bool {
        let within = |part: &Option<Part>, texts: &[&str]| {
            part.as_ref().is_none_or(|part| texts.iter().any(|text| part.is_in(&fold(text))))
        };
        let recipients: Vec<&str> = row.recipients.iter().map(|one| one.0.as_str()).collect();
        let said = row.recipients.iter().flat_map(|one| [one.2.as_str(), one.3.as_str()]);
        let said: Vec<&str> = said.chain([row.line.reply.as_str()]).collect();
        let words_of_subject = |part: &Part| {
            let folded = fold(&row.line.subject);
            part.all_in(&words(&folded).collect::<Vec<_>>())
        };
        within(&self.sender, &[&row.line.from, &row.line.header_from])
            && within(&self.recipient, &recipients)
            && within(&self.message_id, &[&row.message_id])
            && within(&self.reply, &said)
            && self.subject.as_ref().is_none_or(words_of_subject)
            && self.text.as_ref().is_none_or(|part| {
                let all = [
                    &row.line.from,
                    &row.line.header_from,
                    &row.line.subject,
                    &row.message_id,
                    &row.client,
                ];
                let all: Vec<&str> = all
                    .into_iter()
                    .map(String::as_str)
                    .chain(recipients.iter().copied())
                    .chain(said.iter().copied())
                    .collect();
                let folded = fold_all(&all);
                part.all_in(&words(&folded).collect::<Vec<_>>())
            })
    }
}

/// Was a finding asked for by its beginning?
fn is_whole(query: &TraceQuery) -> bool {
    query.finding.as_deref().is_some_and(|id| id.ends_with('*'))
}

fn fold_all(texts: &[&str]) -> String {
    texts.iter().map(|text| fold(text)).collect::<Vec<_>>().join(" ")
}

/// A row that may be it.
struct Candidate {
    line: TraceLine,
    message_id: String,
    client: String,
    findings: String,
    /// Recipient, status, next hop and what was said, in the order written.
    recipients: Vec<(String, String, String, String)>,
}

impl Candidate {
    /// What somebody did last with the mail that was held for this recipient; empty: nothing.
    fn fate(&self, recipient: &str) -> &str {
        let own = self.recipients.iter().rev().filter(|one| one.0 == recipient);
        let mut acts = own.map(|one| one.1.as_str());
        acts.find(|status| is_fate(status) || *status == "taken-back").unwrap_or_default()
    }
}

/// Is this what somebody did with a mail that was held, rather than what was decided when it came?
fn is_fate(word: &str) -> bool {
    matches!(word, "released" | "deleted")
}

struct Search<'a> {
    connection: &'a Connection,
    asked: &'a Asked<'a>,
    looked: usize,
}

/// What came of a walk.
enum Walked {
    /// There are no more.
    ToTheEnd,
    /// There may be more, older than this.
    Until(i64),
}

impl Walked {
    /// Where the next page begins.
    fn next(&self) -> Option<u64> {
        match self {
            Walked::ToTheEnd => None,
            Walked::Until(number) => u64::try_from(*number).ok(),
        }
    }
}

impl Search<'_> {
    fn run(&mut self) -> rusqlite::Result<TracePage> {
        let mut lines = Vec::new();
        if let Some(id) = self.asked.id.filter(|_| self.asked.query.persons.is_none()) {
            self.by_id(id, &mut lines)?;
            return Ok(TracePage { lines, next: None });
        }
        let low = first_reaching(self.connection, self.asked.query.since)?;
        let high = self.bound_above()?;
        if let Some(wanted) = &self.asked.query.persons {
            let walked = self.walk_marked(wanted, low, high, &mut lines)?;
            return Ok(TracePage { lines, next: walked.next() });
        }
        let indexed = indexed_to(self.connection)?;
        let mut walked = Walked::ToTheEnd;
        if high > indexed.saturating_add(1) {
            walked = self.walk_lines(low.max(indexed.saturating_add(1)), high, &mut lines)?;
        }
        if matches!(walked, Walked::ToTheEnd) {
            let high = high.min(indexed.saturating_add(1));
            walked = match self.asked.question.is_empty() {
                true => self.walk_lines(low, high, &mut lines)?,
                false => self.walk_index(low, high, &mut lines)?,
            };
        }
        Ok(TracePage { lines, next: walked.next() })
    }

    fn by_id(&mut self, id: Id, lines: &mut Vec<TraceLine>) -> rusqlite::Result<()> {
        let numbers: Vec<i64> = self
            .connection
            .prepare_cached("SELECT number FROM mail WHERE id = ?1 ORDER BY organisation")?
            .query_map([id.to_string()], |row| row.get(0))?
            .collect::<Result<_, _>>()?;
        for number in numbers {
            lines.extend(self.look(number)?);
        }
        Ok(())
    }

    /// Above all rows that may be on this page.
    fn bound_above(&self) -> rusqlite::Result<i64> {
        let query = self.asked.query;
        let before =
            query.before.map_or(i64::MAX, |number| i64::try_from(number).unwrap_or(i64::MAX));
        let Some(until) = query.until else { return Ok(before) };
        // A transaction that began before `until` ended a while later.
        let latest = until.plus(limits::TRACE_LATE_MAX);
        let above = first_reaching(self.connection, latest)?;
        Ok(before.min(above))
    }

    fn walk_lines(
        &mut self,
        low: i64,
        high: i64,
        lines: &mut Vec<TraceLine>,
    ) -> rusqlite::Result<Walked> {
        let mut walk = self.connection.prepare_cached(
            "SELECT number FROM line WHERE number >= ?1 AND number < ?2 ORDER BY number DESC",
        )?;
        let rows = walk.query(params![low, high])?;
        self.look_at_all(rows, lines)
    }

    fn walk_index(
        &mut self,
        low: i64,
        high: i64,
        lines: &mut Vec<TraceLine>,
    ) -> rusqlite::Result<Walked> {
        let mut walk = self.connection.prepare_cached(
            "SELECT rowid FROM words WHERE words MATCH ?1 AND rowid >= ?2 AND rowid < ?3 ORDER BY rowid DESC",
        )?;
        let rows = walk.query(params![self.asked.question, low, high])?;
        self.look_at_all(rows, lines)
    }

    /// Mails of which the marks say that somebody wanted stands in them.
    fn walk_marked(
        &mut self,
        wanted: &OfPersons,
        low: i64,
        high: i64,
        lines: &mut Vec<TraceLine>,
    ) -> rusqlite::Result<Walked> {
        if self.asked.visible.narrows() {
            return Ok(Walked::ToTheEnd);
        }
        let marks = match wanted {
            OfPersons::SameAs(id) => {
                persons::of_mail(self.connection, *id, self.asked.visible.organisation())?
            }
            OfPersons::Marked(marks) => marks.clone(),
        };
        let mut walk = self.connection.prepare_cached(persons::MAILS_OF)?;
        let rows = walk.query(params![persons::listed(&marks), low, high])?;
        self.look_at_all(rows, lines)
    }

    fn look_at_all(
        &mut self,
        mut rows: rusqlite::Rows,
        lines: &mut Vec<TraceLine>,
    ) -> rusqlite::Result<Walked> {
        while let Some(row) = rows.next()? {
            let number: i64 = row.get(0)?;
            if lines.len() >= self.asked.query.rows || self.looked >= limits::TRACE_CANDIDATES_MAX {
                return Ok(Walked::Until(number.saturating_add(1)));
            }
            self.looked += 1;
            lines.extend(self.look(number)?);
        }
        Ok(Walked::ToTheEnd)
    }

    /// The row, if it matches and may be seen.
    fn look(&self, number: i64) -> rusqlite::Result<Option<TraceLine>> {
        let Some(mut candidate) = self.read(number)? else { return Ok(None) };
        if !self.asked.fits(&candidate) {
            return Ok(None);
        }
        let mut to: Vec<&str> = Vec::new();
        for (recipient, ..) in &candidate.recipients {
            if to.len() < limits::TRACE_LINE_RECIPIENTS_MAX && !to.contains(&recipient.as_str()) {
                to.push(recipient);
            }
        }
        let first = to.first().copied();
        let last = candidate.recipients.iter().rev().find(|one| Some(one.0.as_str()) == first);
        candidate.line.status = last.map(|one| one.1.clone()).unwrap_or_default();
        candidate.line.to = to.join(" ");
        Ok(Some(candidate.line))
    }

    fn read(&self, number: i64) -> rusqlite::Result<Option<Candidate>> {
        let found = self
            .connection
            .prepare_cached(
                "SELECT m.id, m.at, m.organisation, m.direction, m.peer, m.sender, m.bytes, m.action, m.would, m.score, m.decided_by, m.reply,
                 m.subject, m.header_from, m.message_id, m.helo || ' ' || m.peer_name, CASE WHEN ?2 THEN m.findings ELSE '' END
                 FROM line l JOIN mail m ON m.id = l.id AND m.organisation = l.organisation WHERE l.number = ?1",
            )?
            .query_row(params![number, self.asked.finding.is_some()], |row| {
                Ok(Candidate {
                    line: TraceLine {
                        number: super::unsigned(number),
                        id: row.get(0)?,
                        at_ms: super::unsigned(row.get(1)?),
                        organisation: row.get(2)?,
                        direction: row.get(3)?,
                        peer: row.get(4)?,
                        from: row.get(5)?,
                        bytes: super::unsigned(row.get(6)?),
                        action: row.get(7)?,
                        would: row.get(8)?,
                        score: number::shortest(row.get(9)?),
                        decided_by: row.get(10)?,
                        reply: row.get(11)?,
                        subject: row.get(12)?,
                        header_from: row.get(13)?,
                        ..TraceLine::default()
                    },
                    message_id: row.get(14)?,
                    client: row.get(15)?,
                    findings: row.get(16)?,
                    recipients: Vec::new(),
                })
            })
            .optional()?;
        let Some(mut candidate) = found else { return Ok(None) };
        let visible = &self.asked.visible;
        let query = self.asked.query;
        // Rows of another time stand beside those of the right one; their recipients need not be read.
        let begun = candidate.line.at_ms;
        if begun < query.since.0
            || query.until.is_some_and(|until| begun >= until.0)
            || visible.organisation().is_some_and(|own| own != candidate.line.organisation)
        {
            return Ok(None);
        }
        candidate.recipients = self
            .connection
            .prepare_cached(&visible.recipients(""))?
            .query_map(
                params_from_iter(visible.values(&candidate.line.id, &candidate.line.organisation)),
                |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)),
            )?
            .collect::<Result<_, _>>()?;
        Ok(Some(candidate))
    }
}

/// The first row of which a later one may have begun at or after a moment. Rows are numbered as they end, and `reached` never falls.
pub(super) fn first_reaching(connection: &Connection, at: UnixMs) -> rusqlite::Result<i64> {
    let at = super::sql_int(at.0);
    // Each end by itself: asked for both at once, SQLite walks the whole table.
    let ends = "SELECT coalesce((SELECT min(number) FROM line), 1), coalesce((SELECT max(number) FROM line), 0)";
    let (mut low, mut high): (i64, i64) =
        connection.prepare_cached(ends)?.query_one([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let mut at_or_after = connection
        .prepare_cached("SELECT reached FROM line WHERE number >= ?1 ORDER BY number LIMIT 1")?;
    while low <= high {
        let middle = low + (high - low) / 2;
        let reached: Option<i64> = at_or_after.query_row([middle], |row| row.get(0)).optional()?;
        match reached {
            Some(reached) if reached < at => low = middle + 1,
            Some(_) | None => high = middle - 1,
        }
    }
    Ok(low)
}

/// One transaction with its recipients, as somebody may see it, once for each organisation in it.
pub(super) fn story(
    connection: &Connection,
    id: Id,
    scope: &Scope,
) -> rusqlite::Result<Vec<serde_json::Value>> {
    let visible = Visible::new(scope);
    let mails: Vec<serde_json::Value> = connection
        .prepare_cached(
            "SELECT at, direction, listener, peer, helo, tls, sender, bytes, action, score, reason, reply, findings,
             examined_us, dot_ms, organisation, mode, would, decided_by, waited_us, checked_us, stored_ms, next_hop_ms,
             subject, header_from, message_id, peer_name, policy, ground, campaign
             FROM mail WHERE id = ?1 AND (?2 IS NULL OR organisation = ?2) ORDER BY organisation",
        )?
        .query_map(params![id.to_string(), visible.organisation()], |row| told(id, row))?
        .collect::<Result<_, _>>()?;
    let mut of_one = connection.prepare_cached(
        &visible
            .recipients(", r.at, r.delay_ms, r.would, r.action, r.tls, r.blocked_by, r.channel"),
    )?;
    let mut seen = Vec::new();
    for mut mail in mails {
        let owner = mail.get("organisation").and_then(|name| name.as_str());
        let values = visible.values(&id.to_string(), owner.unwrap_or_default());
        let recipients: Vec<serde_json::Value> =
            of_one.query_map(params_from_iter(values), fate)?.collect::<Result<_, _>>()?;
        if visible.narrows() && recipients.is_empty() {
            continue;
        }
        if let Some(fields) = mail.as_object_mut() {
            fields.insert("recipients".to_string(), serde_json::Value::Array(recipients));
        }
        seen.push(mail);
    }
    Ok(seen)
}

fn told(id: Id, row: &rusqlite::Row) -> rusqlite::Result<serde_json::Value> {
    let findings: String = row.get(12)?;
    let text = |column: usize| row.get::<_, String>(column);
    let number = |column: usize| row.get::<_, i64>(column);
    Ok(serde_json::json!({
        "id": id.to_string(), "at_ms": number(0)?, "direction": text(1)?, "listener": text(2)?, "peer": text(3)?, "helo": text(4)?,
        "tls": text(5)?, "sender": text(6)?, "bytes": number(7)?, "action": text(8)?, "score": number::shortest(row.get(9)?), "reason": text(10)?,
        "reply": text(11)?,
        "findings": checks::without_quotes(serde_json::from_str(&findings).unwrap_or(serde_json::Value::Null)),
        "examined_us": number(13)?, "dot_ms": number(14)?, "organisation": text(15)?, "mode": text(16)?, "would": text(17)?,
        "decided_by": text(18)?, "waited_us": number(19)?, "checked_us": number(20)?, "stored_ms": number(21)?,
        "next_hop_ms": number(22)?, "subject": text(23)?, "header_from": text(24)?, "message_id": text(25)?, "peer_name": text(26)?,
        "policy": text(27)?, "ground": text(28)?, "campaign": campaigns::shown(number(29)?),
    }))
}

fn fate(row: &rusqlite::Row) -> rusqlite::Result<serde_json::Value> {
    let text = |column: usize| row.get::<_, String>(column);
    let number = |column: usize| row.get::<_, i64>(column);
    let blocked_by: Option<serde_json::Value> = serde_json::from_str(&text(9)?).ok();
    let channel: Option<serde_json::Value> = serde_json::from_str(&text(10)?).ok();
    Ok(serde_json::json!({
        "recipient": text(0)?, "status": text(1)?, "next_hop": text(2)?, "said": text(3)?, "at_ms": number(4)?, "delay_ms": number(5)?,
        "would": text(6)?, "action": text(7)?, "tls": text(8)?, "blocked_by": blocked_by, "channel": channel,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        base::clock::Clock,
        mail::{Address, Domain, Organisation},
        store::{
            embedded::TraceOptions,
            trace::{About, Decision, Took, TraceRecipient, TraceRow},
        },
    };
    use std::time::Duration;

    fn recipient(address: &str, status: &str, said: &str) -> TraceRecipient {
        TraceRecipient {
            recipient: address.to_string(),
            at: UnixMs(1),
            status: status.to_string(),
            next_hop: "mx.far.example [192.0.2.9]:25".to_string(),
            said: said.to_string(),
            delay_ms: 1,
            would: String::new(),
            action: "deliver".to_string(),
            tls: "TLSv1.3 TLS_AES_256_GCM_SHA384".to_string(),
            channel: None,
            blocked_by: None,
        }
    }

    fn mail(number: u8, organisation: &str, recipients: &[&str]) -> TraceRow {
        let at = UnixMs(u64::from(number) * 1_000);
        TraceRow {
            id: Id::new(at, [number; 10]),
            organisation: Organisation::named(organisation),
            at,
            direction: "inbound",
            listener: "in".to_string(),
            peer: format!("192.0.{number}.1"),
            helo: "mail.shop.example".to_string(),
            tls: String::new(),
            sender: format!("news{number}@shop.example"),
            bytes: 10,
            about: About {
                subject: "Möte på Östra hamnen".to_string(),
                from: "Åsa Berg <asa@shop.example>".to_string(),
                message_id: format!("<m{number}.77@shop.example>"),
                peer_name: "out7.shop.example".to_string(),
                campaign: None,
                unsuspected: false,
            },
            decision: Decision {
                action: "deliver".to_string(),
                findings: "[{\"id\":\"spf.fail\",\"category\":\"auth\"},{\"id\":\"phrase.win\"}]"
                    .to_string(),
                policy: "strict".to_string(),
                ground: "mark = 5.0".to_string(),
                ..Decision::default()
            },
            reply: "250 2.0.0 delivered".to_string(),
            took: Took::default(),
            recipients: recipients
                .iter()
                .map(|one| recipient(one, "delivered", "250 ok queued as 4F2AB"))
                .collect(),
        }
    }

    async fn filled(folder: &std::path::Path) -> Trace {
        let options = TraceOptions { keep: Duration::from_secs(60), bytes_max: 1 << 30 };
        let (trace, _) = Trace::open(folder, Clock::by_hand(UnixMs(20_000)), options).unwrap();
        trace.record(mail(1, "acme", &["anna@acme.example", "bo@other.example"]));
        trace.record(mail(2, "berg", &["bo@berg.example"]));
        let outbound = TraceRow {
            direction: "outbound",
            sender: "anna@acme.example".to_string(),
            about: About::default(),
            decision: Decision {
                action: "reject".to_string(),
                findings: "[]".to_string(),
                ..Decision::default()
            },
            ..mail(3, "acme", &["x@far.example"])
        };
        trace.record(outbound);
        assert_eq!(trace.retain().await.unwrap(), 0, "all of it is written");
        trace
    }

    async fn found(trace: &Trace, scope: &Scope, query: TraceQuery) -> Vec<u64> {
        let query = TraceQuery { rows: 10, ..query };
        let page = trace.find(scope.clone(), query).await.unwrap();
        page.lines.iter().map(|line| line.at_ms / 1_000).collect()
    }

    #[tokio::test]
    async fn a_mail_is_found_by_anything() {
        let folder = tempfile::tempdir().unwrap();
        let trace = filled(folder.path()).await;
        let all = TraceQuery::default;
        let word = |text: &str| Some(text.to_string());
        for indexed in [false, true] {
            if indexed {
                assert_eq!(trace.index().await.unwrap(), 3);
            }
            for (query, want) in [
                (TraceQuery { text: word("ostra mote"), ..all() }, &[2, 1][..]),
                (TraceQuery { text: word("out7 anna"), ..all() }, &[1]),
                (TraceQuery { text: word("4f2ab"), ..all() }, &[3, 2, 1]),
                (TraceQuery { text: word("nowhere"), ..all() }, &[]),
                (TraceQuery { subject: word("hamn"), ..all() }, &[2, 1]),
                (TraceQuery { subject: word("ha"), ..all() }, &[]),
                (TraceQuery { sender: word("asa berg"), ..all() }, &[2, 1]),
                (TraceQuery { sender: word("news1@shop"), ..all() }, &[1]),
                (TraceQuery { message_id: word("<m2.77@shop.example>"), ..all() }, &[2]),
                (TraceQuery { reply: word("queued as 4F2AB"), ..all() }, &[3, 2, 1]),
                (TraceQuery { client: Some("192.0.2.0/24".parse().unwrap()), ..all() }, &[2]),
                (TraceQuery { client: Some("192.0.0.0/23".parse().unwrap()), ..all() }, &[1]),
                (TraceQuery { finding: word("spf.fail"), ..all() }, &[2, 1]),
                (TraceQuery { finding: word("spf"), ..all() }, &[]),
                (TraceQuery { finding: word("phrase.*"), ..all() }, &[2, 1]),
                (TraceQuery { direction: word("outbound"), ..all() }, &[3]),
                (TraceQuery { recipient: word("other.example"), ..all() }, &[1]),
            ] {
                let found = found(&trace, &Scope::Everything, query.clone()).await;
                assert_eq!(found, want, "{query:?} indexed: {indexed}");
            }
        }
        let id = mail(2, "berg", &[]).id.to_string();
        let by_id = TraceQuery { text: Some(id.to_lowercase()), ..all() };
        assert_eq!(found(&trace, &Scope::Everything, by_id).await, [2]);
    }

    #[tokio::test]
    async fn nobody_finds_more_than_their_scope() {
        let folder = tempfile::tempdir().unwrap();
        let trace = filled(folder.path()).await;
        let acme = || Organisation::named("acme");
        let domain = |name: &str| Scope::Domains(acme(), vec![Domain::parse(name).unwrap()]);
        let mailbox = |name: &str| Scope::Mailbox(acme(), Address::parse(name).unwrap());
        for indexed in [false, true] {
            if indexed {
                trace.index().await.unwrap();
            }
            for (scope, want, to) in [
                (Scope::Organisation(acme()), &[3, 1][..], "x@far.example"),
                // Its own user wrote the one, the other is for it.
                (domain("acme.example"), &[3, 1], "x@far.example"),
                (domain("other.example"), &[1], "bo@other.example"),
                (domain("ther.example"), &[], ""),
                (domain("berg.example"), &[], ""),
                (mailbox("Anna@acme.example"), &[1], "anna@acme.example"),
                (mailbox("bo@berg.example"), &[], ""),
                (Scope::Domains(acme(), Vec::new()), &[], ""),
            ] {
                let query = TraceQuery { rows: 10, ..TraceQuery::default() };
                let page = trace.find(scope.clone(), query.clone()).await.unwrap();
                let at: Vec<u64> = page.lines.iter().map(|line| line.at_ms / 1_000).collect();
                assert_eq!(at, want, "{scope:?} indexed: {indexed}");
                assert_eq!(page.lines.first().map_or("", |line| line.to.as_str()), to, "{scope:?}");
                // Nor by asking for somebody else's recipient, or by the id.
                let other = TraceQuery { recipient: Some("bo@berg".to_string()), ..query.clone() };
                assert!(trace.find(scope.clone(), other).await.unwrap().lines.is_empty());
                let id = Some(mail(2, "berg", &[]).id.to_string());
                let by_id = TraceQuery { text: id, ..query };
                assert!(trace.find(scope, by_id).await.unwrap().lines.is_empty());
            }
        }
        let first = mail(1, "acme", &[]).id;
        let story = trace.story(first, mailbox("anna@acme.example")).await.unwrap().remove(0);
        assert_eq!(story["recipients"].as_array().unwrap().len(), 1, "{story}");
        assert_eq!(story["recipients"][0]["tls"], "TLSv1.3 TLS_AES_256_GCM_SHA384");
        assert_eq!((&story["policy"], &story["ground"]), (&"strict".into(), &"mark = 5.0".into()));
        assert!(trace.story(first, mailbox("x@acme.example")).await.unwrap().is_empty());
    }

    #[tokio::test]
    async fn pages_follow_one_another_and_what_changes_is_found_anew() {
        let folder = tempfile::tempdir().unwrap();
        let trace = filled(folder.path()).await;
        trace.index().await.unwrap();
        let one = |before| TraceQuery { rows: 1, before, ..TraceQuery::default() };
        let mut seen = Vec::new();
        let mut before = None;
        loop {
            let page = trace.find(Scope::Everything, one(before)).await.unwrap();
            seen.extend(page.lines.iter().map(|line| line.at_ms / 1_000));
            before = page.next;
            if before.is_none() {
                break;
            }
        }
        assert_eq!(seen, [3, 2, 1]);
        let id = mail(3, "acme", &[]).id;
        trace.record_recipient(id, "acme", recipient("x@far.example", "bounced", "550 no such"));
        trace.index().await.unwrap();
        let query = TraceQuery { reply: Some("no such".to_string()), ..TraceQuery::default() };
        assert_eq!(found(&trace, &Scope::Everything, query).await, [3]);
        let page = trace.find(Scope::Everything, one(None)).await.unwrap();
        assert_eq!(page.lines[0].status, "bounced");
    }
}
