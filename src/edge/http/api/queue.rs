//! What waits in the spool.

use super::{
    LIMIT, Param, Problem, Rows, Sent, Spec, UNTIL, answer, asked::until, rows_wanted, shape,
};
use crate::{
    base::ids::Id,
    edge::{
        control::{Chosen, Request},
        http::{
            Place, Route,
            rights::Right,
            visit::{Query, Visitor},
        },
    },
    pipeline::{
        deliver,
        queue::{QueueFilter, QueueLine},
    },
};
use axum::{
    extract::{Path, State},
    response::Response,
    routing::{get, post},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

const FILTER: &[Param] = &[
    Param::text("recipient", "Part of a recipient's address."),
    Param::text("sender", "Part of the envelope sender; \"<>\" is the null sender."),
    Param::organisation("The organisation."),
    Param::text("next_hop", "Part of where it goes."),
    UNTIL,
    Param::one_of("on_hold", "\"true\": only what an operator holds back.", &["true", "false"]),
    LIMIT,
];

pub(super) const ROUTES: &[Route] = &[
    Route::api(
        "GET",
        "/api/v1/queue",
        "what waits in the spool, the oldest first",
        Right::Site,
        Spec { query: FILTER, body: None, answer: shape::<Rows<Waits>> },
        || get(list),
    ),
    Route::api(
        "GET",
        "/api/v1/queue/{id}",
        "one mail of the spool",
        Right::Site,
        Spec { query: &[], body: None, answer: shape::<Waiting> },
        || get(show),
    ),
    Route::api(
        "POST",
        "/api/v1/queue/act",
        "try mails again now, hold them back or drop them",
        Right::Operate,
        Spec { query: &[], body: Some(shape::<Wanted>), answer: shape::<Done> },
        || post(act),
    ),
];

/// A delivery that waits.
#[derive(Debug, Serialize, JsonSchema)]
struct Waits {
    /// The mail.
    id: String,
    /// Whose it is.
    organisation: String,
    /// Envelope sender.
    from: String,
    /// Recipients of this delivery.
    to: Vec<String>,
    /// Where it goes.
    next_hop: String,
    /// When it came.
    arrived_ms: u64,
    /// When it is tried next.
    due_ms: u64,
    /// Tries so far.
    tries: u32,
    /// An operator holds it back.
    on_hold: bool,
    /// It is under way just now.
    under_way: bool,
    /// What was said last.
    last: String,
}

/// A mail that waits.
#[derive(Debug, Serialize, JsonSchema)]
struct Waiting {
    /// The mail.
    id: String,
    /// Whose it is.
    organisation: String,
    /// "inbound" or "outbound".
    direction: &'static str,
    /// Envelope sender.
    from: String,
    /// When it came.
    arrived_ms: u64,
    /// Its deliveries that are not done.
    deliveries: Vec<Delivery>,
}

/// A delivery of a mail.
#[derive(Debug, Serialize, JsonSchema)]
struct Delivery {
    /// Its recipients.
    to: Vec<String>,
    /// When it is tried next.
    due_ms: u64,
    /// An operator holds it back.
    on_hold: bool,
}

/// What is to be done.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Wanted {
    /// "retry", "hold" or "drop".
    act: Act,
    /// To these mails.
    ids: Vec<String>,
}

#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Act {
    /// Try them now; what was held back goes on.
    Retry,
    /// Hold them back.
    Hold,
    /// Forget them for good.
    Drop,
}

/// What was done.
#[derive(Debug, Serialize, JsonSchema)]
struct Done {
    /// To how many of the mails; the others were not there, or under way just now.
    done: usize,
}

fn waits(line: QueueLine) -> Waits {
    let QueueLine {
        id,
        organisation,
        from,
        to,
        next_hop,
        arrived_ms,
        due_ms,
        tries,
        on_hold,
        under_way,
        last,
    } = line;
    Waits {
        id: id.to_string(),
        organisation,
        from,
        to,
        next_hop,
        arrived_ms,
        due_ms,
        tries,
        on_hold,
        under_way,
        last,
    }
}

async fn list(State(site): State<Place>, query: Query) -> Result<Response, Problem> {
    let rows = rows_wanted(&query)?;
    let given = |name: &str| query.0.given(name);
    let filter = QueueFilter {
        recipient: given("recipient"),
        sender: given("sender"),
        organisation: given("organisation"),
        next_hop: given("next_hop"),
        before: until(&query)?,
        on_hold: query.0.get("on_hold") == "true",
    };
    let lines = site.gateway().queue.list(&filter, rows);
    Ok(answer(&Rows { items: lines.into_iter().map(waits).collect(), next: None }))
}

async fn show(State(site): State<Place>, Path(id): Path<String>) -> Result<Response, Problem> {
    let gateway = site.gateway();
    let id = Id::parse(&id).ok().filter(|id| gateway.queue.holds(*id)).ok_or(Problem::missing())?;
    let mail = deliver::record(gateway, id).await.map_err(|_| Problem::missing())?;
    let deliveries = mail.legs.iter().map(|leg| Delivery {
        to: leg.recipients.iter().map(|recipient| recipient.address.to_string()).collect(),
        due_ms: leg.due.0,
        on_hold: leg.on_hold,
    });
    Ok(answer(&Waiting {
        id: mail.id.to_string(),
        organisation: mail.organisation.to_string(),
        direction: mail.direction.word(),
        from: mail.envelope.sender.to_string(),
        arrived_ms: mail.arrived.0,
        deliveries: deliveries.collect(),
    }))
}

async fn act(State(site): State<Place>, visitor: Visitor, sent: Sent) -> Result<Response, Problem> {
    let wanted: Wanted = sent.read()?;
    let ids: Result<Vec<Id>, Problem> = wanted
        .ids
        .iter()
        .map(|text| Id::parse(text).map_err(|_| Problem::bad_request(format!("{text:?} is no id"))))
        .collect();
    let (gateway, ids) = (site.gateway(), ids?);
    if ids.is_empty() {
        return Ok(answer(&Done { done: 0 }));
    }
    let chosen = Chosen::Ids(ids.clone());
    let request = match wanted.act {
        Act::Retry => Request::QueueRetry { chosen },
        Act::Hold => Request::QueueHold { chosen },
        Act::Drop => Request::QueueDrop { chosen },
    };
    let act = async {
        Ok(match wanted.act {
            Act::Retry => deliver::retry(gateway, &ids).await,
            Act::Hold => deliver::hold(gateway, &ids).await,
            Act::Drop => {
                let mut dropped = 0;
                for id in &ids {
                    dropped += usize::from(deliver::drop_mail(gateway, *id).await);
                }
                dropped
            }
        })
    };
    let done = site.asked(&visitor, &request, act).await.map_err(Problem::away)?;
    tracing::info!(by = visitor.account.name, act = ?wanted.act, done, "queue changed by the API");
    Ok(answer(&Done { done }))
}
