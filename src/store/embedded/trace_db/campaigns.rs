//! Campaigns in the trace: each mail's row names its own, and what came of each is counted for each organisation.
//!
//! Nearly every mail is alone in its campaign, so that counting begins with the second. What organisations see of each other is how many
//! there are.

use super::{Trace, find::Visible, sql_int, unsigned};
use crate::{
    base::{clock::UnixMs, ids::Id, limits},
    learn::campaign::{
        CampaignId, Print,
        standing::Bad,
        window::{Campaign, Kept},
    },
    mail::Organisation,
    store::{
        StoreError,
        campaigns::{CampaignLine, Found, NOT_CALLED, Recalled, Rewrite, Swept, Unsaid},
        scope::Scope,
        trace::TraceRow,
    },
};
use rusqlite::{Connection, OptionalExtension, params, params_from_iter, types::Value};

/// The tables, beside the column in `mail`.
pub(super) const SCHEMA: &str = "
-- Of which campaign it is a copy; 0: of none. A number, as the id is.
ALTER TABLE mail ADD COLUMN campaign INTEGER NOT NULL DEFAULT 0;
CREATE INDEX mail_by_campaign ON mail (campaign, organisation) WHERE campaign <> 0;
-- What the window has in memory, for the next start.
CREATE TABLE campaign (
    id INTEGER PRIMARY KEY,
    last INTEGER NOT NULL,
    print BLOB NOT NULL,
    state TEXT NOT NULL
) STRICT;
CREATE INDEX campaign_by_last ON campaign (last);
-- What came of a campaign to an organisation, from its second mail on, or from when it was bad.
CREATE TABLE share (
    campaign INTEGER NOT NULL,
    organisation TEXT NOT NULL,
    first INTEGER NOT NULL,
    last INTEGER NOT NULL,
    delivered INTEGER NOT NULL,
    held INTEGER NOT NULL,
    refused INTEGER NOT NULL,
    bad TEXT NOT NULL DEFAULT '',
    PRIMARY KEY (campaign, organisation)
) STRICT, WITHOUT ROWID;
CREATE INDEX share_by_last ON share (organisation, last);
CREATE INDEX share_by_time ON share (last);
-- Mails that were delivered before their campaign was known to be bad.
CREATE TABLE recalled (
    campaign INTEGER NOT NULL,
    organisation TEXT NOT NULL,
    mail TEXT NOT NULL,
    recipient TEXT NOT NULL,
    at INTEGER NOT NULL,
    delivered INTEGER NOT NULL,
    next_hop TEXT NOT NULL,
    hook TEXT NOT NULL,
    told INTEGER NOT NULL DEFAULT 0,
    seen INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (campaign, organisation, mail, recipient)
) STRICT, WITHOUT ROWID;
CREATE INDEX recalled_open ON recalled (organisation, campaign) WHERE seen = 0;
CREATE INDEX recalled_by_time ON recalled (at);
";

/// Which copies are called back: what somebody known sends is passed on or borrowed from, and what was known to be bad was let through on
/// purpose. Of rows before this one it is not known, so that they are left where they are.
pub(super) const UNSUSPECTED: &str = "
ALTER TABLE mail ADD COLUMN unsuspected INTEGER NOT NULL DEFAULT 0;
";

impl Trace {
    /// The campaign that a mail is a copy of; none: it is of none, or not known.
    pub async fn campaign_of(
        &self,
        id: Id,
        organisation: &Organisation,
    ) -> Result<Option<CampaignId>, StoreError> {
        Ok(self.campaigns_of(id, Some(organisation)).await?.into_iter().next())
    }

    /// The campaigns of which a mail was a copy, to one organisation or to each that it came to.
    pub async fn campaigns_of(
        &self,
        id: Id,
        only: Option<&Organisation>,
    ) -> Result<Vec<CampaignId>, StoreError> {
        let owner = only.map(|one| one.name().to_string());
        self.db
            .read("looking up a mail's campaigns", move |connection| {
                let found: Vec<i64> = connection
                    .prepare_cached("SELECT DISTINCT campaign FROM mail WHERE id = ?1 AND (?2 IS NULL OR organisation = ?2)")?
                    .query_map(params![id.to_string(), owner], |row| row.get(0))?
                    .collect::<Result<_, _>>()?;
                Ok(found.into_iter().filter_map(shown).collect())
            })
            .await
    }

    /// Writes down what is left where something was forgotten: nothing is kept of campaigns that are not there any more. What came of campaigns,
    /// and what was delivered of them, is the trace's.
    pub async fn rewrite_campaigns(&self, rewrite: Rewrite) -> Result<(), StoreError> {
        self.db
            .write("forgetting campaigns", move |connection| {
                let there: Vec<i64> = rewrite.there.iter().map(|id| number(*id)).collect();
                let there = serde_json::to_string(&there).unwrap_or_else(|_| "[]".to_string());
                connection.execute(
                    "DELETE FROM campaign WHERE id NOT IN (SELECT value FROM json_each(?1))",
                    [there],
                )?;
                insert(connection, &rewrite.kept)?;
                match &rewrite.unsaid {
                    Unsaid::All => {
                        connection.execute("UPDATE share SET bad = '' WHERE bad <> ''", [])?;
                    }
                    Unsaid::Of(ids, only) => {
                        let owner = only.as_ref().map(Organisation::name);
                        let mut update = connection.prepare_cached(
                            "UPDATE share SET bad = '' WHERE campaign = ?1 AND (?2 IS NULL OR organisation = ?2) AND bad <> ''",
                        )?;
                        for id in ids {
                            update.execute(params![number(*id), owner])?;
                        }
                    }
                }
                Ok(())
            })
            .await
    }

    /// Writes down what changed in the window.
    pub async fn save_campaigns(&self, kept: Vec<Kept>) -> Result<(), StoreError> {
        self.db.write("writing campaigns down", move |connection| insert(connection, &kept)).await
    }

    /// What the window had in memory before a restart, the oldest first. Rows of another version are left out.
    pub async fn kept_campaigns(&self) -> Result<Vec<Kept>, StoreError> {
        self.db
            .read("reading campaigns", |connection| {
                let most = limits::CAMPAIGNS_MAX + limits::CAMPAIGNS_BAD_MAX;
                let rows: Vec<(i64, Vec<u8>, String)> = connection
                    .prepare(&format!(
                        "SELECT id, print, state FROM (SELECT * FROM campaign ORDER BY last DESC LIMIT {most}) ORDER BY last"
                    ))?
                    .query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?
                    .collect::<Result<_, _>>()?;
                let read = |(id, print, state): (i64, Vec<u8>, String)| {
                    let campaign: Campaign = serde_json::from_str(&state).ok()?;
                    Some((named(id), Print::from_bytes(&print)?, campaign))
                };
                Ok(rows.into_iter().filter_map(read).collect())
            })
            .await
    }

    /// The organisations that a campaign has come to.
    pub async fn campaign_owners(&self, id: CampaignId) -> Result<Vec<Organisation>, StoreError> {
        self.db
            .read("looking up whom a campaign came to", move |connection| {
                let names: Vec<String> = connection
                    .prepare_cached("SELECT DISTINCT organisation FROM mail INDEXED BY mail_by_campaign WHERE campaign = ?1 AND campaign <> 0")?
                    .query_map([number(id)], |row| row.get(0))?
                    .collect::<Result<_, _>>()?;
                Ok(names.iter().map(|name| Organisation::named(name)).collect())
            })
            .await
    }

    /// Writes down whether a campaign is bad for an organisation, and lists what was delivered of it. None: it is not bad.
    pub async fn judge_campaign(
        &self,
        id: CampaignId,
        organisation: &Organisation,
        bad: Option<Bad>,
    ) -> Result<Option<Swept>, StoreError> {
        let (owner, now) = (organisation.name().to_string(), self.clock.now());
        // Bad ones are looked at again and again, and hardly ever has anything changed: whoever only reads holds up nobody.
        let asked = owner.clone();
        let is_new = self
            .db
            .read("looking for delivered copies", move |connection| {
                is_unswept(connection, (id, &asked), bad, now)
            })
            .await?;
        if is_new {
            let owner = owner.clone();
            self.db
                .write("listing delivered copies", move |connection| {
                    begin_share(connection, number(id), &owner, 1)?;
                    connection
                        .prepare_cached(
                            "UPDATE share SET bad = ?3 WHERE campaign = ?1 AND organisation = ?2",
                        )?
                        .execute(params![number(id), owner, bad.map_or("", Bad::word)])?;
                    bad.map_or(Ok(()), |bad| sweep(connection, (id, &owner), bad, now))
                })
                .await?;
        }
        let Some(bad) = bad else { return Ok(None) };
        self.db
            .read("reading delivered copies", move |connection| {
                swept(connection, (id, &owner), bad).map(Some)
            })
            .await
    }

    /// Somebody was told of what was delivered of a campaign in an organisation.
    pub async fn campaign_told(
        &self,
        id: CampaignId,
        organisation: &Organisation,
    ) -> Result<(), StoreError> {
        let owner = organisation.name().to_string();
        self.db
            .write("taking note that somebody was told of a campaign", move |connection| {
                connection
                    .prepare_cached(
                        "UPDATE recalled SET told = 1 WHERE campaign = ?1 AND organisation = ?2",
                    )?
                    .execute(params![number(id), owner])
                    .map(drop)
            })
            .await
    }

    /// Takes those of these for the hook that it was not called for yet, and writes down that it is being.
    pub async fn claim_for_hook(
        &self,
        id: CampaignId,
        mails: Vec<Recalled>,
        word: &'static str,
    ) -> Result<Vec<Recalled>, StoreError> {
        self.db
            .write("taking mails for the hook", move |connection| {
                let mut claim = connection.prepare_cached(
                    "UPDATE recalled SET hook = ?6 WHERE campaign = ?1 AND organisation = ?2 AND mail = ?3 AND recipient = ?4 AND hook = ?5",
                )?;
                let mut claimed = Vec::with_capacity(mails.len());
                for one in &mails {
                    let Recalled { organisation, mail, recipient, .. } = one;
                    let given = params![number(id), organisation, mail.to_string(), recipient, NOT_CALLED, word];
                    if claim.execute(given)? > 0 {
                        claimed.push(one.clone());
                    }
                }
                Ok(claimed)
            })
            .await
    }

    /// Writes down what the hook said of these.
    pub async fn hook_said(
        &self,
        id: CampaignId,
        mails: Vec<(String, Id, String)>,
        said: String,
    ) -> Result<(), StoreError> {
        self.db
            .write("writing down what the hook said", move |connection| {
                let mut update = connection.prepare_cached(
                    "UPDATE recalled SET hook = ?5 WHERE campaign = ?1 AND organisation = ?2 AND mail = ?3 AND recipient = ?4",
                )?;
                for (owner, mail, recipient) in &mails {
                    update.execute(params![number(id), owner, mail.to_string(), recipient, said])?;
                }
                Ok(())
            })
            .await
    }

    /// The campaigns that somebody may see, the latest first: those of more than one mail, and those that are bad.
    pub async fn campaigns(
        &self,
        scope: Scope,
        rows: usize,
    ) -> Result<Vec<CampaignLine>, StoreError> {
        self.db
            .read("listing campaigns", move |connection| {
                let visible = Visible::new(&scope);
                let mut lines = lines(connection, &visible, &latest(connection, &visible)?)?;
                lines.truncate(rows);
                Ok(lines)
            })
            .await
    }

    /// One campaign as somebody may see it, without its mails; none: nothing of it.
    pub async fn campaign_line(
        &self,
        scope: Scope,
        id: CampaignId,
    ) -> Result<Option<CampaignLine>, StoreError> {
        self.db
            .read("reading what came of a campaign", move |connection| {
                line(connection, &Visible::new(&scope), number(id))
            })
            .await
    }

    /// One campaign as somebody may see it; none: nothing of it.
    pub async fn campaign(
        &self,
        scope: Scope,
        id: CampaignId,
    ) -> Result<Option<(CampaignLine, Vec<Recalled>)>, StoreError> {
        self.db
            .read("reading a campaign", move |connection| {
                let visible = Visible::new(&scope);
                let line = line(connection, &visible, number(id))?;
                line.map(|line| Ok((line, recalled(connection, &visible, id)?))).transpose()
            })
            .await
    }

    /// Bad campaigns with delivered mails that nobody has seen to, as somebody may see them.
    pub async fn open_campaigns(&self, scope: Scope) -> Result<Vec<CampaignLine>, StoreError> {
        self.db
            .read("listing campaigns that nobody has seen to", move |connection| {
                let visible = Visible::new(&scope);
                let mut lines = lines(connection, &visible, &open(connection, &visible)?)?;
                lines.retain(|line| line.open > 0);
                Ok(lines)
            })
            .await
    }

    /// Somebody has seen to the delivered mails of a campaign, as far as they are within the scope; gives how many that were.
    pub async fn campaign_seen(&self, scope: Scope, id: CampaignId) -> Result<usize, StoreError> {
        self.db
            .write("taking note that somebody saw to a campaign", move |connection| {
                let visible = Visible::new(&scope);
                let values = visible.campaign_values(number(id));
                connection
                    .prepare_cached(&format!(
                        "UPDATE recalled SET seen = 1 WHERE campaign = ?1 AND seen = 0 AND {OWN_RECIPIENT}"
                    ))?
                    .execute(params_from_iter(values))
            })
            .await
    }
}

impl Visible {
    /// The values for [`OWN_RECIPIENT`], behind the campaign.
    fn campaign_values(&self, campaign: i64) -> [Value; 4] {
        let optional =
            |text: Option<&str>| text.map_or(Value::Null, |text| Value::Text(text.to_string()));
        [
            Value::Integer(campaign),
            optional(self.organisation()),
            optional(self.domains()),
            optional(self.mailbox()),
        ]
    }
}

/// Which rows of `recalled` somebody sees.
const OWN_RECIPIENT: &str = "(?2 IS NULL OR organisation = ?2)
    AND (?3 IS NULL OR EXISTS (SELECT 1 FROM json_each(?3) AS own WHERE lower(substr(recipient, -length(own.value))) = own.value))
    AND (?4 IS NULL OR lower(recipient) = ?4)";

fn insert(connection: &Connection, kept: &[Kept]) -> rusqlite::Result<()> {
    let mut insert = connection.prepare_cached(
        "INSERT OR REPLACE INTO campaign (id, last, print, state) VALUES (?1, ?2, ?3, ?4)",
    )?;
    for (id, print, campaign) in kept {
        let Ok(state) = serde_json::to_string(campaign) else { continue };
        insert.execute(params![number(*id), sql_int(campaign.last.0), print.to_bytes(), state])?;
    }
    Ok(())
}

/// Counts a mail that was written into the trace with its recipients. What went to spam traps alone came to nobody.
pub(super) fn count(connection: &Connection, row: &TraceRow) -> rusqlite::Result<()> {
    let Some(id) = row.about.campaign else { return Ok(()) };
    let (owner, action) = (row.organisation.name(), row.decision.action.as_str());
    let is_anybodys = row.recipients.iter().any(|one| one.status != "trapped");
    let one = |words: &[&str]| i64::from(is_anybodys && words.contains(&action));
    let counted = connection
        .prepare_cached(
            "UPDATE share SET last = max(last, ?3), delivered = delivered + ?4, held = held + ?5, refused = refused + ?6
             WHERE campaign = ?1 AND organisation = ?2",
        )?
        .execute(params![
            number(id),
            owner,
            sql_int(row.at.0),
            one(&["deliver", "mark"]),
            one(&["quarantine"]),
            one(&["reject", "defer"]),
        ])?;
    match counted {
        0 => begin_share(connection, number(id), owner, 2),
        _ => Ok(()),
    }
}

/// A mail that went to somebody, not to spam traps alone.
const ANYBODYS: &str = "EXISTS (SELECT 1 FROM recipient r WHERE r.mail = mail.id AND r.organisation = mail.organisation AND r.status <> 'trapped')";

/// Begins to count, if there are so many mails and they are not counted yet.
fn begin_share(
    connection: &Connection,
    campaign: i64,
    owner: &str,
    mails_min: u32,
) -> rusqlite::Result<()> {
    connection
        .prepare_cached(&format!(
            "INSERT OR IGNORE INTO share (campaign, organisation, first, last, delivered, held, refused)
             SELECT ?1, ?2, min(at), max(at), count(*) FILTER (WHERE action IN ('deliver', 'mark') AND {ANYBODYS}),
               count(*) FILTER (WHERE action = 'quarantine' AND {ANYBODYS}), count(*) FILTER (WHERE action IN ('reject', 'defer') AND {ANYBODYS})
             FROM mail WHERE campaign = ?1 AND campaign <> 0 AND organisation = ?2 HAVING count(*) >= ?3"
        ))?
        .execute(params![campaign, owner, mails_min])
        .map(drop)
}

/// Is there anything to write: a word that is another than before, a copy that is not listed?
fn is_unswept(
    connection: &Connection,
    (id, owner): (CampaignId, &str),
    bad: Option<Bad>,
    now: UnixMs,
) -> rusqlite::Result<bool> {
    let stands: Option<String> = connection
        .prepare_cached("SELECT bad FROM share WHERE campaign = ?1 AND organisation = ?2")?
        .query_row(params![number(id), owner], |row| row.get(0))
        .optional()?;
    let Some(bad) = bad else { return Ok(stands.is_some_and(|word| !word.is_empty())) };
    if stands.as_deref() != Some(bad.word()) {
        return Ok(true);
    }
    connection
        .prepare_cached(&format!("SELECT EXISTS (SELECT 1 {} {NOT_LISTED})", delivered_of(bad)))?
        .query_row(params![number(id), owner, since(now)], |row| row.get(0))
}

/// From when on what was delivered is looked for.
fn since(now: UnixMs) -> i64 {
    sql_int(now.minus(limits::CAMPAIGN_KEEP).0)
}

/// It does not stand in the list yet.
const NOT_LISTED: &str = "AND NOT EXISTS (SELECT 1 FROM recalled d WHERE d.campaign = m.campaign AND d.organisation = m.organisation
    AND d.mail = m.id AND d.recipient = r.recipient)";

/// Lists what strangers' copies were delivered while nobody knew the campaign to be bad. What was delivered though it was known is a policy's
/// doing, and what was held for a recipient and reached him was released by somebody. Each recipient by himself: a colleague's policy may be harder.
fn sweep(
    connection: &Connection,
    (id, owner): (CampaignId, &str),
    bad: Bad,
    now: UnixMs,
) -> rusqlite::Result<()> {
    let given = params![number(id), owner, since(now), sql_int(now.0), NOT_CALLED];
    connection
        .prepare_cached(&format!(
            "INSERT OR IGNORE INTO recalled (campaign, organisation, mail, recipient, at, delivered, next_hop, hook)
             SELECT ?1, ?2, m.id, r.recipient, ?4, r.at, r.next_hop, ?5 {} {NOT_LISTED} LIMIT {}",
            delivered_of(bad),
            limits::CAMPAIGN_DELIVERED_MAX
        ))?
        .execute(given)
        .map(drop)
}

/// The rows that [`sweep`] lists.
fn delivered_of(bad: Bad) -> String {
    // What went to a trap as well was let through in spite of it, and says no worse of itself when another copy does the same.
    let beside = if bad == Bad::Trap { BESIDE_TRAP } else { "" };
    format!(
        "FROM mail m INDEXED BY mail_by_campaign JOIN recipient r ON r.mail = m.id AND r.organisation = m.organisation
         WHERE m.campaign = ?1 AND m.campaign <> 0 AND m.organisation = ?2 AND m.at >= ?3 AND m.direction = 'inbound'
           AND m.unsuspected = 1 AND r.status = 'delivered' {beside}
           AND NOT EXISTS (SELECT 1 FROM recipient h WHERE h.mail = r.mail AND h.organisation = r.organisation AND h.recipient = r.recipient
             AND h.status IN ('held', 'released', 'taken-back'))"
    )
}

/// What is listed of a campaign.
fn swept(
    connection: &Connection,
    (id, owner): (CampaignId, &str),
    bad: Bad,
) -> rusqlite::Result<Swept> {
    let found = connection
        .prepare_cached(&format!(
            "SELECT {RECALLED}, m.mode FROM recalled JOIN mail m ON m.id = recalled.mail AND m.organisation = recalled.organisation
             WHERE recalled.campaign = ?1 AND recalled.organisation = ?2 AND hook = ?3 ORDER BY delivered LIMIT {}",
            limits::CAMPAIGN_DELIVERED_MAX
        ))?
        .query_map(params![number(id), owner, NOT_CALLED], |row| {
            let is_on_trial = !row.get::<_, String>(9)?.is_empty();
            Ok(Found { mail: one_recalled(row)?, may_call: bad.may_pull() && !is_on_trial })
        })?
        .collect::<Result<_, _>>()?;
    let (all, untold, first): (i64, i64, i64) = connection
        .prepare_cached(
            "SELECT count(*), count(*) FILTER (WHERE told = 0), coalesce((SELECT first FROM share WHERE campaign = ?1 AND organisation = ?2), 0)
             FROM recalled WHERE campaign = ?1 AND organisation = ?2",
        )?
        .query_one(params![number(id), owner], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
    let (all, untold, first) = (unsigned(all), unsigned(untold), UnixMs(unsigned(first)));
    Ok(Swept { bad, found, untold, all, first })
}

/// Leaves out what was found to have gone to a spam trap, too.
const BESIDE_TRAP: &str = r#"AND instr(m.findings, '"id":"trap.recipient"') = 0"#;

/// What [`one_recalled`] reads.
const RECALLED: &str = "recalled.mail, recalled.organisation, recalled.recipient, recalled.delivered, recalled.next_hop,
    coalesce(m.message_id, ''), coalesce(m.subject, ''), recalled.hook, recalled.seen";

fn one_recalled(row: &rusqlite::Row) -> rusqlite::Result<Recalled> {
    let mail: String = row.get(0)?;
    Ok(Recalled {
        mail: Id::parse(&mail).unwrap_or_default(),
        organisation: row.get(1)?,
        recipient: row.get(2)?,
        delivered_ms: unsigned(row.get(3)?),
        next_hop: row.get(4)?,
        message_id: row.get(5)?,
        subject: row.get(6)?,
        hook: row.get(7)?,
        seen: row.get(8)?,
    })
}

fn recalled(
    connection: &Connection,
    visible: &Visible,
    id: CampaignId,
) -> rusqlite::Result<Vec<Recalled>> {
    let own = OWN_RECIPIENT.replace("organisation =", "recalled.organisation =");
    let own = own.replace("(recipient", "(recalled.recipient");
    connection
        .prepare_cached(&format!(
            "SELECT {RECALLED} FROM recalled LEFT JOIN mail m ON m.id = recalled.mail AND m.organisation = recalled.organisation
             WHERE recalled.campaign = ?1 AND {own} ORDER BY delivered DESC LIMIT {}",
            limits::CAMPAIGN_DELIVERED_MAX
        ))?
        .query_map(params_from_iter(visible.campaign_values(number(id))), one_recalled)?
        .collect()
}

/// The latest, as far as their organisation is seen.
fn latest(connection: &Connection, visible: &Visible) -> rusqlite::Result<Vec<i64>> {
    connection
        .prepare_cached(&format!(
            "SELECT campaign FROM share WHERE ?1 IS NULL OR organisation = ?1 GROUP BY campaign ORDER BY max(last) DESC LIMIT {}",
            limits::CAMPAIGN_ROWS_MAX
        ))?
        .query_map([visible.organisation()], |row| row.get(0))?
        .collect()
}

/// Those of which something was delivered that nobody has seen to. Nearly always none: whoever opens the first page waits for this.
fn open(connection: &Connection, visible: &Visible) -> rusqlite::Result<Vec<i64>> {
    connection
        .prepare_cached(&format!(
            "SELECT DISTINCT campaign FROM recalled INDEXED BY recalled_open WHERE seen = 0 AND (?1 IS NULL OR organisation = ?1) LIMIT {}",
            limits::CAMPAIGN_ROWS_MAX
        ))?
        .query_map([visible.organisation()], |row| row.get(0))?
        .collect()
}

fn lines(
    connection: &Connection,
    visible: &Visible,
    campaigns: &[i64],
) -> rusqlite::Result<Vec<CampaignLine>> {
    let mut lines = Vec::new();
    for campaign in campaigns {
        lines.extend(line(connection, visible, *campaign)?);
    }
    Ok(lines)
}

/// What came of a campaign. Whoever sees some domains of an organisation sees it if a mail of it is theirs, and the counts of their mails alone.
fn line(
    connection: &Connection,
    visible: &Visible,
    campaign: i64,
) -> rusqlite::Result<Option<CampaignLine>> {
    let values = visible.campaign_values(campaign);
    let counts = match visible.narrows() {
        false => {
            "SELECT min(first), max(last), sum(delivered), sum(held), sum(refused), max(bad)
             FROM share WHERE campaign = ?1 AND (?2 IS NULL OR organisation = ?2) HAVING count(*) > 0"
        }
        true => {
            "SELECT min(m.at), max(m.at), sum(m.action IN ('deliver', 'mark')), sum(m.action = 'quarantine'), sum(m.action IN ('reject', 'defer')),
               coalesce((SELECT bad FROM share WHERE campaign = ?1 AND organisation = ?2), '')
             FROM mail m INDEXED BY mail_by_campaign WHERE m.campaign = ?1 AND m.campaign <> 0 AND m.organisation = ?2
               AND EXISTS (SELECT 1 FROM recipient r WHERE r.mail = m.id AND r.organisation = m.organisation AND r.status <> 'trapped'
                 AND (?3 IS NULL OR EXISTS (SELECT 1 FROM json_each(?3) AS own WHERE lower(substr(r.recipient, -length(own.value))) = own.value))
                 AND (?4 IS NULL OR lower(r.recipient) = ?4))
             HAVING count(*) > 0"
        }
    };
    let given = match visible.narrows() {
        false => values.iter().take(2).cloned().collect::<Vec<_>>(),
        true => values.to_vec(),
    };
    let counted = connection.prepare_cached(counts)?.query_row(params_from_iter(given), |row| {
        let count = |column: usize| row.get::<_, i64>(column).map(unsigned);
        let (delivered, held, refused) = (count(2)?, count(3)?, count(4)?);
        Ok(CampaignLine {
            id: named(campaign),
            first_ms: unsigned(row.get(0)?),
            last_ms: unsigned(row.get(1)?),
            copies: delivered.saturating_add(held).saturating_add(refused),
            delivered,
            held,
            refused,
            organisations: 1,
            bad: Bad::from_word(&row.get::<_, String>(5)?),
            recalled: 0,
            open: 0,
        })
    });
    let Some(line) = counted.optional()? else { return Ok(None) };
    let (recalled, open): (i64, i64) = connection
        .prepare_cached(&format!(
            "SELECT count(*), count(*) FILTER (WHERE seen = 0) FROM recalled WHERE campaign = ?1 AND {OWN_RECIPIENT}"
        ))?
        .query_one(params_from_iter(values), |row| Ok((row.get(0)?, row.get(1)?)))?;
    let organisations: i64 = connection
        .prepare_cached("SELECT count(DISTINCT organisation) FROM mail INDEXED BY mail_by_campaign WHERE campaign = ?1 AND campaign <> 0")?
        .query_one([campaign], |row| row.get(0))?;
    Ok(Some(CampaignLine {
        organisations: u32::try_from(organisations).unwrap_or(u32::MAX),
        recalled: unsigned(recalled),
        // One that is not bad after all asks for nobody.
        open: line.bad.map_or(0, |_| unsigned(open)),
        ..line
    }))
}

/// Forgets what is past its time, and of what the window had what it would not take up again.
pub(super) fn retain(
    connection: &Connection,
    now: UnixMs,
    keep_from: UnixMs,
) -> rusqlite::Result<()> {
    let step = limits::RETAIN_STEP_ROWS;
    let old = sql_int(now.minus(limits::CAMPAIGN_KEEP).0);
    connection.execute("DELETE FROM campaign WHERE last < ?1", [old])?;
    let most = limits::CAMPAIGNS_MAX + limits::CAMPAIGNS_BAD_MAX;
    connection.execute(
        &format!("DELETE FROM campaign WHERE id IN (SELECT id FROM campaign ORDER BY last DESC LIMIT {step} OFFSET {most})"),
        [],
    )?;
    let old = sql_int(keep_from.0);
    for (table, time, key) in [
        ("share", "last", "campaign, organisation"),
        ("recalled", "at", "campaign, organisation, mail, recipient"),
    ] {
        connection.execute(
            &format!("DELETE FROM {table} WHERE ({key}) IN (SELECT {key} FROM {table} WHERE {time} < ?1 LIMIT {step})"),
            [old],
        )?;
    }
    Ok(())
}

/// SQLite's numbers have a sign; the bits are the same.
pub(super) fn number(id: CampaignId) -> i64 {
    i64::from_le_bytes(id.0.to_le_bytes())
}

fn named(number: i64) -> CampaignId {
    CampaignId(u64::from_le_bytes(number.to_le_bytes()))
}

/// As a story tells it; none: the mail is of none.
pub(super) fn shown(number: i64) -> Option<CampaignId> {
    (number != 0).then(|| named(number))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        base::clock::Clock,
        learn::campaign::{
            Key, Traits,
            standing::{By, Word},
            window::{Came, Sender, Window},
        },
        learn::classifier::Label,
        mail::Domain,
        store::{
            embedded::trace_db::TraceOptions,
            trace::{About, Decision, Took, TraceRecipient},
        },
    };
    use std::{collections::BTreeSet, path::Path, time::Duration};

    const LURE: CampaignId = CampaignId(u64::MAX - 6);
    const NOW: UnixMs = UnixMs(100_000_000_000);

    fn open(folder: &Path) -> Trace {
        let options = TraceOptions { keep: Duration::from_secs(90 * 86_400), bytes_max: 1 << 30 };
        Trace::open(folder, Clock::by_hand(NOW), options).unwrap().0
    }

    /// A mail of an organisation to some of its people.
    fn mail(number: u8, owner: &str, action: &str, recipients: &[&str]) -> TraceRow {
        let at = NOW.minus(Duration::from_secs(3_600 - u64::from(number)));
        let status = if action == "deliver" { "delivered" } else { "held" };
        let recipient = |address: &&str| TraceRecipient {
            recipient: address.to_string(),
            at,
            status: status.to_string(),
            next_hop: "smtp://192.0.2.5:25".to_string(),
            said: String::new(),
            delay_ms: 1,
            would: String::new(),
            action: action.to_string(),
            tls: String::new(),
            channel: None,
            blocked_by: None,
        };
        TraceRow {
            id: Id::new(at, [number; 10]),
            organisation: Organisation::named(owner),
            at,
            direction: "inbound",
            listener: "in".to_string(),
            peer: "192.0.2.1".to_string(),
            helo: "x".to_string(),
            tls: String::new(),
            sender: "a@far.example".to_string(),
            bytes: 10,
            about: About {
                message_id: format!("<{number}@far.example>"),
                campaign: Some(LURE),
                unsuspected: true,
                ..About::default()
            },
            decision: Decision { action: action.to_string(), ..Decision::default() },
            reply: "250".to_string(),
            took: Took::default(),
            recipients: recipients.iter().map(recipient).collect(),
        }
    }

    async fn filled(folder: &Path) -> Trace {
        let trace = open(folder);
        for row in [
            mail(1, "acme", "deliver", &["anna@acme.example", "bo@sub.example"]),
            mail(2, "acme", "deliver", &["carl@acme.example"]),
            mail(3, "acme", "quarantine", &["dan@acme.example"]),
            mail(4, "berg", "deliver", &["eva@berg.example"]),
        ] {
            trace.record(row);
        }
        assert_eq!(trace.retain().await.unwrap(), 0, "all of it is written");
        trace
    }

    fn acme() -> Organisation {
        Organisation::named("acme")
    }

    fn domain_of_acme() -> Scope {
        Scope::Domains(acme(), vec![Domain::parse("sub.example").unwrap()])
    }

    #[tokio::test]
    async fn each_organisation_sees_its_own_copies_and_how_many_others_there_are() {
        let folder = tempfile::tempdir().unwrap();
        let trace = filled(folder.path()).await;
        let counts = |lines: Vec<CampaignLine>| -> Vec<(u64, u64, u64, u32)> {
            let one =
                |line: &CampaignLine| (line.copies, line.delivered, line.held, line.organisations);
            lines.iter().map(one).collect()
        };
        let seen = async |scope| counts(trace.campaigns(scope, 10).await.unwrap());
        assert_eq!(seen(Scope::Organisation(acme())).await, [(3, 2, 1, 2)]);
        // One mail is not many.
        assert_eq!(seen(Scope::Organisation(Organisation::named("berg"))).await, []);
        assert_eq!(seen(Scope::Everything).await, [(3, 2, 1, 2)]);
        assert_eq!(seen(domain_of_acme()).await, [(1, 1, 0, 2)]);
        assert_eq!(seen(Scope::Organisation(Organisation::named("else"))).await, []);
        let id = mail(2, "acme", "", &[]).id;
        assert_eq!(trace.campaign_of(id, &acme()).await.unwrap(), Some(LURE));
        assert_eq!(trace.campaign_of(id, &Organisation::named("berg")).await.unwrap(), None);
        let story = trace.story(id, Scope::Organisation(acme())).await.unwrap();
        assert_eq!(story[0]["campaign"], LURE.to_string());
    }

    #[tokio::test]
    async fn what_was_delivered_is_listed_once_and_for_whom_it_was() {
        let folder = tempfile::tempdir().unwrap();
        let trace = filled(folder.path()).await;
        let owners = trace.campaign_owners(LURE).await.unwrap();
        assert_eq!(owners, [acme(), Organisation::named("berg")]);
        let judge = async |bad| trace.judge_campaign(LURE, &acme(), bad).await.unwrap();
        assert_eq!(judge(None).await, None);
        let swept = judge(Some(Bad::Staff)).await.unwrap();
        let to: Vec<&str> = swept.found.iter().map(|one| one.mail.recipient.as_str()).collect();
        assert_eq!(to, ["anna@acme.example", "bo@sub.example", "carl@acme.example"]);
        assert_eq!((swept.all, swept.untold), (3, 3));
        assert!(swept.found.iter().all(|one| one.may_call));
        assert_eq!(swept.found[0].mail.message_id, "<1@far.example>");
        // Told and called for: nothing is left to do.
        trace.campaign_told(LURE, &acme()).await.unwrap();
        let named = |one: &Found| {
            (one.mail.organisation.clone(), one.mail.mail, one.mail.recipient.clone())
        };
        let mails = swept.found.iter().map(named).collect();
        trace.hook_said(LURE, mails, "exit 0".to_string()).await.unwrap();
        let again = judge(Some(Bad::Staff)).await.unwrap();
        assert_eq!((again.found.len(), again.untold, again.all), (0, 0, 3));
        let (line, recalled) =
            trace.campaign(Scope::Organisation(acme()), LURE).await.unwrap().unwrap();
        assert_eq!((line.bad, line.recalled, line.open), (Some(Bad::Staff), 3, 3));
        assert!(recalled.iter().all(|one| one.hook == "exit 0" && !one.seen));
        // Some of its domains, another organisation.
        let (line, recalled) = trace.campaign(domain_of_acme(), LURE).await.unwrap().unwrap();
        assert_eq!((line.recalled, recalled.len()), (1, 1));
        let berg = Scope::Organisation(Organisation::named("berg"));
        assert!(trace.campaign(berg.clone(), LURE).await.unwrap().is_none());
        assert_eq!(trace.campaign_seen(berg, LURE).await.unwrap(), 0);
        assert_eq!(trace.campaign_seen(domain_of_acme(), LURE).await.unwrap(), 1);
        let open = trace.open_campaigns(Scope::Organisation(acme())).await.unwrap();
        assert_eq!((open.len(), open[0].open), (1, 2));
        // Not bad after all.
        assert_eq!(judge(None).await, None);
        let lines = trace.campaigns(Scope::Organisation(acme()), 10).await.unwrap();
        assert_eq!((lines[0].bad, lines[0].open), (None, 0));
    }

    #[tokio::test]
    async fn what_known_senders_sent_or_was_let_through_knowingly_is_not_recalled_and_a_trial_changes_nothing()
     {
        let folder = tempfile::tempdir().unwrap();
        let trace = open(folder.path());
        let mut known = mail(1, "acme", "deliver", &["anna@acme.example"]);
        known.about.unsuspected = false;
        let mut tried = mail(2, "acme", "deliver", &["bo@acme.example"]);
        tried.decision.mode = "shadow".to_string();
        for row in [known, tried] {
            trace.record(row);
        }
        let swept = trace.judge_campaign(LURE, &acme(), Some(Bad::Malware)).await.unwrap().unwrap();
        let found: Vec<(&str, bool)> =
            swept.found.iter().map(|one| (one.mail.recipient.as_str(), one.may_call)).collect();
        assert_eq!(found, [("bo@acme.example", false)]);
    }

    #[tokio::test]
    async fn each_recipients_own_copy_counts_and_a_trap_is_nobody() {
        let folder = tempfile::tempdir().unwrap();
        let trace = open(folder.path());
        // Bo's policy holds, Anna's does not; Carl's copy was held, and somebody let it go.
        let mut mixed = mail(1, "acme", "quarantine", &["bo@acme.example", "carl@acme.example"]);
        let mut own = mail(1, "acme", "deliver", &["anna@acme.example", "carl@acme.example"]);
        mixed.recipients.append(&mut own.recipients);
        let mut trapped = mail(2, "acme", "deliver", &["old.box@acme.example"]);
        trapped.recipients[0].status = "trapped".to_string();
        let mut later = mail(3, "acme", "quarantine", &["old.box@acme.example"]);
        later.recipients[0].status = "trapped".to_string();
        for row in [mixed, trapped, later] {
            trace.record(row);
        }
        let swept = trace.judge_campaign(LURE, &acme(), Some(Bad::Staff)).await.unwrap().unwrap();
        let to: Vec<&str> = swept.found.iter().map(|one| one.mail.recipient.as_str()).collect();
        assert_eq!(to, ["anna@acme.example"]);
        let seen = async |scope| {
            let lines = trace.campaigns(scope, 10).await.unwrap();
            lines.iter().map(|one| (one.copies, one.delivered, one.held)).collect::<Vec<_>>()
        };
        assert_eq!(seen(Scope::Organisation(acme())).await, [(1, 0, 1)]);
        let domain = Scope::Domains(acme(), vec![Domain::parse("acme.example").unwrap()]);
        assert_eq!(seen(domain).await, [(1, 0, 1)]);
    }

    #[tokio::test]
    async fn a_trap_pulls_nothing_back_and_lists_no_copy_that_went_to_one_itself() {
        let folder = tempfile::tempdir().unwrap();
        let trace = open(folder.path());
        let mut beside = mail(1, "acme", "deliver", &["anna@acme.example"]);
        beside.decision.findings = r#"[{"id":"trap.recipient"}]"#.to_string();
        for row in [beside, mail(2, "acme", "deliver", &["bo@acme.example"])] {
            trace.record(row);
        }
        let found = async |bad| -> Vec<(String, bool)> {
            let swept = trace.judge_campaign(LURE, &acme(), Some(bad)).await.unwrap().unwrap();
            swept.found.into_iter().map(|one| (one.mail.recipient, one.may_call)).collect()
        };
        let (anna, bo) = ("anna@acme.example".to_string(), "bo@acme.example".to_string());
        assert_eq!(found(Bad::Trap).await, [(bo.clone(), false)]);
        // What people say is said of all copies.
        assert_eq!(found(Bad::Staff).await, [(anna, true), (bo, true)]);
    }

    #[tokio::test]
    async fn the_window_is_written_down_and_read() {
        let folder = tempfile::tempdir().unwrap();
        let trace = open(folder.path());
        let mut window = Window::new(Key::of(b"test"));
        let (none, text) =
            (BTreeSet::new(), "one two three four five six seven eight nine ten a b c d e f g h");
        let traits = Traits { subject: "", text, names: &none, hosts: &none, attachments: &none };
        let print = Print::of(window.key(), &traits).unwrap();
        let came = Came {
            sender: Sender::Stranger,
            source: 1,
            network: 2,
            recipients: vec![3],
            organisations: vec![4],
        };
        window.note(print.id(), &print, &came, NOW);
        window.say(print.id(), Word::new(By::Malware, Label::Spam, NOW));
        trace.save_campaigns(window.changed()).await.unwrap();
        let kept = trace.kept_campaigns().await.unwrap();
        let mut again = Window::new(Key::of(b"test"));
        again.restore(kept, NOW);
        assert_eq!(again.look(&print), window.look(&print));
    }
}
