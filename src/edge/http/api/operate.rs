//! What is operated: bans, greylisting, what strangers did, accounts that send too much, and limits. Each act is the pages' own.

use super::{
    Count, LIMIT, Param, Problem, Rows, SINCE, SKIP, Sent, Spec, answer, asked::since, not_done,
    rows_from, shape, skipped,
};
use crate::{
    edge::{
        control::{EventFilter, Forgotten},
        http::{
            Place, Route,
            admin::{bans, limits, senders},
            rights::Right,
            visit::{Query, Visitor},
        },
    },
    pipeline::{
        greylist::Skip,
        guard::{Ban, By, Event},
    },
    store::embedded::AccountSeen,
};
use axum::{
    extract::State,
    response::Response,
    routing::{get, post},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::net::IpAddr;

pub(super) const ROUTES: &[Route] = &[
    Route::api(
        "GET",
        "/api/v1/bans",
        "who is turned away",
        Right::Site,
        Spec { query: &[TEXT, SKIP, LIMIT], body: None, answer: shape::<Rows<BanHeld>> },
        || get(list_bans),
    ),
    Route::api(
        "POST",
        "/api/v1/bans/add",
        "turn somebody away",
        Right::Operate,
        Spec { query: &[], body: Some(shape::<BanWanted>), answer: shape::<BanHeld> },
        || post(add_ban),
    ),
    Route::api(
        "POST",
        "/api/v1/bans/lift",
        "let somebody in again",
        Right::Operate,
        Spec { query: &[], body: Some(shape::<Whom>), answer: shape::<BansLifted> },
        || post(lift_bans),
    ),
    Route::api(
        "GET",
        "/api/v1/greylist",
        "whose mail is asked to come again",
        Right::Site,
        Spec { query: &[], body: None, answer: shape::<Greylisted> },
        || get(greylist),
    ),
    Route::api(
        "POST",
        "/api/v1/greylist/skip",
        "take somebody out of greylisting",
        Right::Operate,
        Spec { query: &[], body: Some(shape::<Whom>), answer: shape::<Count> },
        || post(skip),
    ),
    Route::api(
        "POST",
        "/api/v1/greylist/clear",
        "forget what greylisting remembers of somebody, or of all",
        Right::Operate,
        Spec { query: &[], body: Some(shape::<WhomOrAll>), answer: shape::<Count> },
        || post(clear),
    ),
    Route::api(
        "GET",
        "/api/v1/events",
        "what strangers did, the newest first",
        Right::Site,
        Spec { query: EVENTS, body: None, answer: shape::<Rows<Happened>> },
        || get(events),
    ),
    Route::api(
        "GET",
        "/api/v1/senders",
        "accounts of ours that send too much, or nearly",
        Right::Site,
        Spec { query: &[SKIP, LIMIT], body: None, answer: shape::<Rows<Sender>> },
        || get(list_senders),
    ),
    Route::api(
        "POST",
        "/api/v1/senders/release",
        "let a held account go on; the count is of its mails that waited",
        Right::Operate,
        Spec { query: &[], body: Some(shape::<WhichAccount>), answer: shape::<Count> },
        || post(release_sender),
    ),
    Route::api(
        "GET",
        "/api/v1/limits",
        "who is near a limit, or was refused for one",
        Right::Site,
        Spec { query: &[SKIP, LIMIT], body: None, answer: shape::<Rows<Bound>> },
        || get(list_limits),
    ),
    Route::api(
        "POST",
        "/api/v1/limits/release",
        "forget what was counted for an address, a network, a user or a recipient, or for \"all\"",
        Right::Operate,
        Spec { query: &[], body: Some(shape::<Whom>), answer: shape::<Count> },
        || post(release_limits),
    ),
];

const TEXT: Param = Param::text("text", "Part of the network or of the reason.");
const EVENTS: &[Param] = &[
    Param::text("kind", "Of this kind, or of all that begin so: \"command.\"."),
    Param::text("client", "Of this address."),
    SINCE,
    SKIP,
    LIMIT,
];

/// A ban.
#[derive(Debug, Serialize, JsonSchema)]
struct BanHeld {
    /// Who is turned away.
    network: String,
    /// Since when.
    since_ms: u64,
    /// Until when; null: until it is lifted.
    until_ms: Option<u64>,
    /// How often by now.
    times: u32,
    /// The kind of the event that led to it, or an operator's words.
    why: String,
    /// "points" or "operator".
    by: &'static str,
}

/// What lifting a ban came to.
#[derive(Debug, Serialize, JsonSchema)]
struct BansLifted {
    /// So many.
    count: u64,
    /// Wider networks whose bans go on, and hold what was named.
    still_banned_by: Vec<String>,
}

/// A ban that is to be.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct BanWanted {
    /// An address or a network.
    what: String,
    /// For how long; null: until it is lifted.
    #[serde(default)]
    seconds: Option<u64>,
    /// Why.
    why: String,
}

/// Whom it is about.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Whom {
    /// An address, a network, or what else the act takes: a sender, a domain, a user.
    what: String,
}

/// Whom it is about.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct WhomOrAll {
    /// An address, a network, a sender or a domain.
    #[serde(default)]
    what: Option<String>,
    /// Everything is meant, so nobody is named.
    #[serde(default)]
    all: bool,
}

/// Which account.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct WhichAccount {
    /// Its name.
    account: String,
}

/// What greylisting remembers.
#[derive(Debug, Serialize, JsonSchema)]
struct Greylisted {
    /// Mails whose second try is awaited.
    waiting: u64,
    /// Networks that passed once.
    learned: u64,
    /// Mails asked to come again since the start.
    asked_again: u64,
    /// Of these come again in time.
    passed: u64,
    /// Whom an operator has taken out.
    skips: Vec<String>,
    /// Networks whose mail waits, the newest first.
    networks: Vec<Waits>,
}

/// A network whose mail waits.
#[derive(Debug, Serialize, JsonSchema)]
struct Waits {
    /// Which.
    network: String,
    /// Since when.
    since_ms: u64,
}

/// What a stranger did.
#[derive(Debug, Serialize, JsonSchema)]
struct Happened {
    /// When, in the calendar's words, UTC.
    time: String,
    /// Its kind.
    kind: String,
    /// Who.
    client: String,
    /// At which listener.
    listener: String,
    /// In our words.
    detail: String,
    /// The network that was banned for it; null: none was.
    banned: Option<String>,
}

/// An account of ours that sends.
#[derive(Debug, Serialize, JsonSchema)]
struct Sender {
    /// Its name.
    account: String,
    /// Whose it is.
    organisation: String,
    /// Its mail waits.
    held: bool,
    /// Why, in a sentence; null while it is not held.
    why: Option<String>,
    /// Recipients in the last hour.
    recipients: u64,
    /// At how many it is held.
    held_at: u64,
    /// Mails of it that were made to wait.
    waiting: u64,
    /// Some of these.
    samples: Vec<String>,
}

/// A bound, and one whom it is for.
#[derive(Debug, Serialize, JsonSchema)]
struct Bound {
    /// Its name, as in `[limits]`.
    limit: String,
    /// An address, a network, a user, or "everybody".
    who: String,
    /// How many now.
    count: u64,
    /// How many are let through; null: as many as come.
    bound: Option<u64>,
    /// When the next is let through; null: as soon as the count is under the bound.
    until_ms: Option<u64>,
    /// Refusals in this spell; of a held account, mails that wait.
    refused: u64,
}

fn shown_ban(ban: &Ban) -> BanHeld {
    BanHeld {
        network: ban.network.to_string(),
        since_ms: ban.since.0,
        until_ms: ban.until.map(|until| until.0),
        times: ban.times,
        why: ban.why.to_string(),
        by: match ban.by {
            By::Points => "points",
            By::Operator => "operator",
        },
    }
}

async fn list_bans(State(site): State<Place>, query: Query) -> Result<Response, Problem> {
    let text = query.0.get("text");
    let bans = site.desk().bans();
    let meant =
        bans.iter().filter(|ban| ban.network.to_string().contains(text) || ban.why.contains(text));
    Ok(answer(&rows_from(meant.map(shown_ban), &query)?))
}

async fn add_ban(
    State(site): State<Place>,
    visitor: Visitor,
    sent: Sent,
) -> Result<Response, Problem> {
    let BanWanted { what, seconds, why } = sent.read()?;
    let ban = bans::turn_away(&site, &visitor, &what, seconds, &why).await;
    Ok(answer(&shown_ban(&ban.map_err(not_done)?)))
}

async fn lift_bans(
    State(site): State<Place>,
    visitor: Visitor,
    sent: Sent,
) -> Result<Response, Problem> {
    let Whom { what } = sent.read()?;
    let done = bans::let_in(&site, &visitor, &what).await.map_err(not_done)?;
    Ok(answer(&BansLifted {
        count: u64::try_from(done.lifted.len()).unwrap_or(u64::MAX),
        still_banned_by: done.still.iter().map(|ban| ban.network.to_string()).collect(),
    }))
}

async fn greylist(State(site): State<Place>) -> Response {
    let shown = site.gateway().greylist.shown();
    let count = |number: usize| u64::try_from(number).unwrap_or(u64::MAX);
    let skip = |skip: &Skip| match skip {
        Skip::Network(network) => network.to_string(),
        Skip::Sender(sender) => sender.clone(),
    };
    let networks = shown
        .networks
        .iter()
        .map(|(network, since)| Waits { network: network.to_string(), since_ms: since.0 });
    answer(&Greylisted {
        waiting: count(shown.waiting),
        learned: count(shown.learned),
        asked_again: shown.asked_again,
        passed: shown.passed,
        skips: shown.skips.iter().map(skip).collect(),
        networks: networks.collect(),
    })
}

async fn skip(
    State(site): State<Place>,
    visitor: Visitor,
    sent: Sent,
) -> Result<Response, Problem> {
    let Whom { what } = sent.read()?;
    bans::take_out(&site, &visitor, &what).await.map_err(not_done)?;
    Ok(answer(&Count::of(1)))
}

async fn clear(
    State(site): State<Place>,
    visitor: Visitor,
    sent: Sent,
) -> Result<Response, Problem> {
    let meant = match sent.read()? {
        WhomOrAll { what: None, all: true } => bans::Forget::All,
        WhomOrAll { what: Some(_), all: true } => {
            return Err(Problem::bad_request("name somebody, or say that all of it is meant"));
        }
        WhomOrAll { what, all: false } => bans::Forget::Of(what.unwrap_or_default()),
    };
    let cleared = bans::forget(&site, &visitor, meant).await.map_err(not_done)?;
    Ok(answer(&Count::of(cleared)))
}

async fn events(State(site): State<Place>, query: Query) -> Result<Response, Problem> {
    let (skip, rows) = skipped(&query)?;
    let client = query.0.given("client").map(|text| {
        let address = text.parse::<IpAddr>();
        address.map_err(|_| Problem::bad_request("client is an address"))
    });
    let filter = EventFilter {
        since: since(&query)?,
        kind: query.0.given("kind"),
        client: client.transpose()?,
        rows: skip + rows + 1,
    };
    let found = site.desk().events(filter).await.map_err(Problem::away)?;
    Ok(answer(&rows_from(found.iter().rev().map(happened), &query)?))
}

fn happened(event: &Event) -> Happened {
    Happened {
        time: event.time.clone(),
        kind: event.kind.clone(),
        client: event.client.to_string(),
        listener: event.listener.clone(),
        detail: event.detail.clone(),
        banned: event.ban.as_ref().map(|ban| ban.network.clone()),
    }
}

async fn list_senders(State(site): State<Place>, query: Query) -> Result<Response, Problem> {
    let gateway = site.gateway();
    let new_per_hour = gateway.settings.load().config.limits.new_account_recipients_per_hour;
    let seen = gateway.stores.habits.seen(new_per_hour);
    Ok(answer(&rows_from(seen.iter().map(sender), &query)?))
}

fn sender(seen: &AccountSeen) -> Sender {
    Sender {
        account: seen.account.name.clone(),
        organisation: seen.account.organisation.to_string(),
        held: seen.why.is_some(),
        why: seen.why.map(senders::cause),
        recipients: seen.recipients,
        held_at: seen.held_at,
        waiting: seen.waiting,
        samples: seen.samples.iter().map(ToString::to_string).collect(),
    }
}

async fn release_sender(
    State(site): State<Place>,
    visitor: Visitor,
    sent: Sent,
) -> Result<Response, Problem> {
    let WhichAccount { account } = sent.read()?;
    let mails = senders::let_go(&site, &visitor, &account).await.map_err(not_done)?;
    Ok(answer(&Count::of(mails)))
}

async fn list_limits(State(site): State<Place>, query: Query) -> Result<Response, Problem> {
    let shown = site.desk().limits().map_err(Problem::away)?;
    let bounds = shown.lines.into_iter().map(|line| Bound {
        limit: line.limit,
        who: line.who,
        count: line.count,
        bound: line.bound,
        until_ms: line.until_ms,
        refused: line.refused,
    });
    Ok(answer(&rows_from(bounds, &query)?))
}

async fn release_limits(
    State(site): State<Place>,
    visitor: Visitor,
    sent: Sent,
) -> Result<Response, Problem> {
    let Whom { what } = sent.read()?;
    let done = limits::let_go(&site, &visitor, &what).await.map_err(not_done)?;
    Ok(answer(&Count::of(match done {
        Forgotten::Account { mails } => mails,
        Forgotten::Counts(rows) => rows,
    })))
}
