//! Held mail, and what is done with it. What a mail contains is opened by people, on a page, for a reason.

use super::{
    LIMIT, Param, Problem, Rows, SINCE, Sent, Spec, UNTIL, answer, as_written,
    asked::{since, until},
    rows_wanted, shape,
};
use crate::{
    base::{ids::Id, limits},
    edge::http::{
        Place, Route,
        record::{self, Recorded},
        rights::Right,
        visit::{Query, Visitor},
    },
    learn::likeness::Likeness,
    pipeline::{
        bulk::{Doing, Outcome},
        release::{Asking, Away, Danger, Review},
    },
    store::{
        audit::What,
        held::{Cursor, Held, HeldFilter, HeldState, Opinion, Releaser},
    },
};
use axum::{
    extract::{Path, State},
    http::StatusCode,
    response::Response,
    routing::{get, post},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

const FILTER: &[Param] = &[
    Param::text(
        "text",
        "Words that all stand in subject, names, addresses or names of attachments.",
    ),
    Param::text("sender", "Part of the envelope sender or From."),
    Param::text("recipient", "Part of the recipient."),
    Param::text("subject", "Part of the subject."),
    Param::text("attachment", "Part of an attachment's name."),
    Param::text("finding", "The id of a finding."),
    Param::one_of(
        "category",
        "A category.",
        &[
            "virus",
            "phish",
            "spam",
            "policy",
            "auth",
            "format",
            "privacy",
            "transport",
            "bulk",
            "trust",
        ],
    ),
    Param::one_of("direction", "Which way it goes.", &["inbound", "outbound"]),
    Param::one_of(
        "state",
        "What became of it; what is held, if not given.",
        &["held", "rejected", "released", "seen", "deleted"],
    ),
    Param::text("likeness", "Of one group of alike mails."),
    Param::organisation("Whose it is."),
    SINCE,
    UNTIL,
    Param::text("cursor", "Go on where the page before ended: the `next` of its answer."),
    LIMIT,
];

pub(super) const ROUTES: &[Route] = &[
    Route::api(
        "GET",
        "/api/v1/held",
        "held mail, the newest first",
        Right::Look,
        Spec { query: FILTER, body: None, answer: shape::<Rows<HeldMail>> },
        || get(list),
    ),
    Route::api(
        "GET",
        "/api/v1/held/{id}",
        "one held mail, with its findings",
        Right::Look,
        Spec { query: &[], body: None, answer: shape::<HeldMail> },
        || get(show),
    ),
    Route::api(
        "POST",
        "/api/v1/held/act",
        "deliver held mails, delete them, take them off the list, say what they are, or take that back",
        Right::Decide,
        Spec { query: &[], body: Some(shape::<Wanted>), answer: shape::<Done> },
        || post(act),
    ),
];

/// A mail that is held for one recipient. Personal values are masked.
#[derive(Debug, Serialize, JsonSchema)]
struct HeldMail {
    /// Its own id.
    id: String,
    /// The transaction that it came in.
    transaction: String,
    /// Whose it is.
    organisation: String,
    /// "inbound" or "outbound".
    direction: &'static str,
    /// "held", "rejected", "released", "seen" or "deleted".
    state: &'static str,
    /// When it was held.
    held_ms: u64,
    /// Until when it is kept.
    expires_ms: u64,
    /// Envelope sender.
    sender: String,
    /// Name and address in From.
    from: String,
    /// Whom it is for.
    recipient: String,
    /// The subject.
    subject: String,
    /// Without its brackets; empty if there is none.
    message_id: String,
    /// What speaks against it.
    categories: Vec<&'static str>,
    /// The score.
    score: f64,
    /// The finding that decided.
    decided_by: String,
    /// The line of the policy that decided.
    policy: String,
    /// The plain sentence.
    reason: String,
    /// The domain that DMARC passed for; null: nobody has proved to be the sender.
    authenticated: Option<String>,
    /// Size in bytes.
    bytes: u64,
    /// Names of attachments.
    attachments: Vec<String>,
    /// What alike mails have in common.
    likeness: String,
    /// Who did something with it last; null: nobody.
    acted_by: Option<String>,
    /// What somebody said that it is; null: nobody did.
    learned: Option<Learned>,
    /// What was found; in a list it is left out.
    findings: Vec<Found>,
}

/// What somebody said that a mail is, for whatever learns from it.
#[derive(Debug, Serialize, JsonSchema)]
struct Learned {
    /// "ham" or "spam".
    opinion: &'static str,
    /// Who said so.
    by: String,
    /// When.
    at_ms: u64,
}

/// Something that a check found.
#[derive(Debug, Serialize, JsonSchema)]
struct Found {
    /// Its id.
    id: String,
    /// How much it weighs toward spam.
    weight: f64,
    /// What was seen.
    because: String,
    /// The part it was seen in; empty for the whole mail.
    part: String,
}

/// What is to be done.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Wanted {
    /// With each of these mails.
    act: Act,
    /// Their ids; at most 1,000.
    ids: Vec<String>,
    /// Why a dangerous one may go all the same. Without it such a mail stays where it is.
    #[serde(default)]
    why: Option<String>,
    /// What the mails are: needed by "learn", and by nothing else.
    #[serde(default)]
    opinion: Option<Said>,
}

#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Said {
    /// Wanted.
    Ham,
    /// Unwanted.
    Spam,
}

#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Act {
    /// Deliver it to its recipient.
    Release,
    /// Delete it as unwanted.
    Delete,
    /// Take it off the list.
    Seen,
    /// Say what it is, and leave it where it is.
    Learn,
    /// Take back what this account did last with it.
    Undo,
}

/// What was done.
#[derive(Debug, Serialize, JsonSchema)]
struct Done {
    /// For each mail.
    outcomes: Vec<Became>,
}

/// What became of one mail.
#[derive(Debug, Serialize, JsonSchema)]
struct Became {
    /// The mail.
    id: String,
    /// "done", "already" (somebody was there before), "dangerous" (it needs a `why`), "too-late", "missing" or "failed".
    outcome: &'static str,
}

fn shown(held: &Held) -> HeldMail {
    HeldMail {
        id: held.id.to_string(),
        transaction: held.transaction.to_string(),
        organisation: held.organisation.to_string(),
        direction: held.direction.word(),
        state: held.state.word(),
        held_ms: held.held_at.0,
        expires_ms: held.expires.0,
        sender: held.sender.to_string(),
        from: held.from.clone(),
        recipient: held.recipient.to_string(),
        subject: held.subject.clone(),
        message_id: held.message_id.clone(),
        categories: held.categories.iter().map(|one| one.word()).collect(),
        score: as_written(f64::from(held.score)),
        decided_by: held.why.clone(),
        policy: held.policy.clone(),
        reason: held.reason.clone(),
        authenticated: held.authenticated.clone(),
        bytes: held.bytes,
        attachments: held.attachments.iter().map(|one| one.name.clone()).collect(),
        likeness: held.likeness.to_string(),
        acted_by: held.act.as_ref().map(|act| act.by.to_string()),
        learned: held.learned.as_ref().map(|said| Learned {
            opinion: said.opinion.word(),
            by: said.by.to_string(),
            at_ms: said.at.0,
        }),
        findings: Vec::new(),
    }
}

fn found(stored: &serde_json::Value) -> Vec<Found> {
    let one = |finding: &serde_json::Value| {
        let text = |name: &str| finding.get(name)?.as_str().map(str::to_string);
        Some(Found {
            id: text("id")?,
            weight: as_written(
                finding.get("weight").and_then(serde_json::Value::as_f64).unwrap_or(0.0),
            ),
            because: text("because").unwrap_or_default(),
            part: text("part").unwrap_or_default(),
        })
    };
    stored.as_array().into_iter().flatten().filter_map(one).collect()
}

fn filter(query: &Query) -> Result<HeldFilter, Problem> {
    let given = |name: &str| query.0.given(name);
    let state = given("state").map(|word| {
        HeldState::from_word(&word)
            .ok_or_else(|| Problem::bad_request(format!("there is no state {word:?}")))
    });
    let likeness = given("likeness").map(|text| {
        text.parse::<Likeness>().map_err(|why| Problem::bad_request(format!("likeness: {why}")))
    });
    let cursor = given("cursor").map(|text| {
        text.parse().map(Cursor).map_err(|_| Problem::bad_request("cursor is what `next` said"))
    });
    Ok(HeldFilter {
        organisation: given("organisation"),
        text: given("text"),
        sender: given("sender"),
        recipient: given("recipient"),
        subject: given("subject"),
        attachment: given("attachment"),
        finding: given("finding"),
        category: given("category"),
        direction: given("direction"),
        states: state.transpose()?.into_iter().collect(),
        since: since(query)?,
        until: until(query)?,
        likeness: likeness.transpose()?,
        cursor: cursor.transpose()?,
        rows: rows_wanted(query)?,
        ..HeldFilter::default()
    })
}

async fn list(
    State(site): State<Place>,
    visitor: Visitor,
    query: Query,
) -> Result<Response, Problem> {
    let quarantine = &site.gateway().stores.quarantine;
    let page = quarantine.search(&visitor.scope, filter(&query)?).await?;
    let next = page.next.map(|Cursor(at)| at.to_string());
    Ok(answer(&Rows { items: page.held.iter().map(shown).collect(), next }))
}

async fn show(
    State(site): State<Place>,
    visitor: Visitor,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let id = Id::parse(&id).map_err(|_| Problem::missing())?;
    let held = site.gateway().stores.quarantine.get(id).await?;
    let held = held.filter(|held| held.is_within(&visitor.scope));
    let held = held.ok_or(Problem::missing())?;
    Ok(answer(&HeldMail { findings: found(&held.findings), ..shown(&held) }))
}

async fn act(State(site): State<Place>, visitor: Visitor, sent: Sent) -> Result<Response, Problem> {
    let wanted: Wanted = sent.read()?;
    if wanted.ids.len() > limits::API_ROWS_MAX {
        return Err(Problem::bad_request("at most 1,000 mails at a time"));
    }
    let ids: Result<Vec<Id>, Problem> = wanted
        .ids
        .iter()
        .map(|text| Id::parse(text).map_err(|_| Problem::bad_request(format!("{text:?} is no id"))))
        .collect();
    let (ids, by) = (ids?, Releaser::Staff(visitor.account.name.clone()));
    let opinion = wanted.opinion.map(|said| match said {
        Said::Ham => Opinion::Ham,
        Said::Spam => Opinion::Spam,
    });
    let why = wanted.why.filter(|why| !why.trim().is_empty());
    let (what, doing) = match wanted.act {
        Act::Release => {
            let review = why.clone().map(|why| Review { why, knowing: Danger::Malware });
            (Recorded::As(What::Released), Doing::Release(Asking { by, review }))
        }
        Act::Delete => (Recorded::As(What::Deleted), Doing::PutAway(Away::Delete, by)),
        Act::Seen => (Recorded::As(What::Dismissed), Doing::PutAway(Away::Dismiss, by)),
        Act::Learn => {
            let said = opinion.ok_or(Problem::bad_request("say which: \"ham\" or \"spam\""))?;
            (Recorded::As(What::Learned), Doing::Learn(said, by))
        }
        Act::Undo => (Recorded::Undo(by.clone()), Doing::Undo(by)),
    };
    let opinion = match &doing {
        Doing::Learn(said, _) => Some(*said),
        Doing::Release(_) | Doing::PutAway(..) | Doing::Undo(_) => None,
    };
    let recorded = record::Act { what, why: why.as_deref(), opinion };
    let begun = record::begin(&site, &visitor, recorded, &ids).await;
    let begun = begun.map_err(|why| Problem::new(StatusCode::SERVICE_UNAVAILABLE, why))?;
    let outcomes = begun.act(&site, &visitor, &doing).await;
    let became =
        |(id, outcome): (Id, Outcome)| Became { id: id.to_string(), outcome: outcome.word() };
    Ok(answer(&Done { outcomes: outcomes.into_iter().map(became).collect() }))
}

#[cfg(test)]
mod tests {
    use super::{super::Takes, FILTER};
    use crate::config::policy::Category;

    #[test]
    fn every_category_can_be_asked_for_and_no_other() {
        let param = FILTER.iter().find(|param| param.name == "category").unwrap();
        let words: Vec<&str> = Category::ALL.iter().map(|one| one.word()).collect();
        assert_eq!(param.takes, Takes::OneOf(&words.leak()[..]));
    }
}
