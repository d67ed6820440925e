//! Our domains: listed with where each stands, and made, changed and removed in the stored layer, by the rules of the pages.

use super::{
    LIMIT, Param, Problem, Rows, Sent, Spec, answer, rows_wanted, shape,
    stored::{Done, put_in_force, reason, refused},
};
use crate::{
    config::layers::{AnyDomain, Kind},
    edge::{
        http::{
            Place, Route,
            admin::{
                configuration,
                domain_form::{self, Denied, Reach, Wish},
                holds::Holds,
                policy_own,
            },
            rights::Right,
            visit::{Query, Visitor},
            words::plain,
        },
        stored::{self, Earnest, Signature},
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
use serde_json::Value;
use std::collections::BTreeMap;

pub(super) const ROUTES: &[Route] = &[
    Route::api(
        "GET",
        "/api/v1/domains",
        "our domains by name",
        Right::Look,
        Spec { query: &[AFTER, LIMIT], body: None, answer: shape::<Rows<Short>> },
        || get(list),
    ),
    Route::api(
        "GET",
        "/api/v1/domains/{name}",
        "what holds for one domain, and who says each value",
        Right::Look,
        Spec { query: &[], body: None, answer: shape::<Whole> },
        || get(show),
    ),
    Route::api(
        "POST",
        "/api/v1/domains/act",
        "store a domain, change what is stored of it, give it a policy of its own, or remove it; 422 says what is wrong, by key",
        Right::Policy,
        Spec { query: &[], body: Some(shape::<Asked>), answer: shape::<Done> },
        || post(act),
    ),
];

const AFTER: Param = Param::text("after", "Only those whose names come after this one.");

/// A domain of ours.
#[derive(Debug, Serialize, JsonSchema)]
struct Short {
    /// Its name.
    name: String,
    /// Where its mail goes, in the order in which it is tried.
    next_hop: Vec<String>,
    /// The policy that it has.
    policy: String,
    /// Whose it is; null where there are several organisations and it is nobody's.
    organisation: Option<String>,
    /// Where it stands: a file with the line, or "stored, version 3".
    origin: String,
    /// It stands in the file, so that it is changed there alone.
    locked: bool,
}

/// All of it.
#[derive(Debug, Serialize, JsonSchema)]
struct Whole {
    /// What a list says of it.
    #[serde(flatten)]
    short: Short,
    /// The version of the stored layer, for `seen`.
    version: u32,
    /// What holds, by key.
    values: BTreeMap<String, Said>,
}

/// A value.
#[derive(Debug, Serialize, JsonSchema)]
struct Said {
    /// What it is.
    value: Value,
    /// Who says it; "default": nobody.
    origin: String,
}

/// What is to be done.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Asked {
    /// What.
    act: What,
    /// With which domain.
    name: String,
    /// Keys of `[[domain]]` with their values; null forgets what is stored there. What is not named stays.
    #[serde(default)]
    values: BTreeMap<String, Value>,
    /// Why.
    comment: String,
    /// The version that was seen: what was changed later is not written over. Left out: whatever it is.
    #[serde(default)]
    seen: Option<u32>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
enum What {
    /// It is new.
    Add,
    /// It is there.
    Change,
    /// It goes.
    Remove,
    /// It gets a policy of its own, a copy of the one that it has: its scores, actions and rules are then changed under /api/v1/stored.
    OwnPolicy,
}

fn short(holds: &Holds, domain: &AnyDomain<'_>) -> Short {
    let origin = holds.merged.domain_origin(domain);
    Short {
        name: domain.name.to_string(),
        next_hop: domain.kept.next_hop.0.iter().map(ToString::to_string).collect(),
        policy: holds.policy_of(domain).0.to_string(),
        organisation: holds.owner(domain).map(ToString::to_string),
        locked: origin.is_locked(),
        origin: origin.to_string(),
    }
}

async fn holds(site: &Place, visitor: &Visitor) -> Result<Holds, Problem> {
    Holds::read(site, visitor).await.map_err(|why| {
        tracing::error!(why, "the configuration could not be read for the API");
        Problem::ours("the configuration could not be read just now")
    })
}

fn not_there() -> Problem {
    Problem::new(StatusCode::NOT_FOUND, "there is no such domain here")
}

async fn list(
    State(site): State<Place>,
    visitor: Visitor,
    query: Query,
) -> Result<Response, Problem> {
    let rows = rows_wanted(&query)?;
    let holds = holds(&site, &visitor).await?;
    let after = query.0.get("after").to_string();
    let mut found: Vec<AnyDomain<'_>> =
        holds.domains().filter(|one| one.name > after.as_str()).take(rows + 1).collect();
    let more = found.len() > rows;
    found.truncate(rows);
    let next = found.last().filter(|_| more).map(|last| last.name.to_string());
    Ok(answer(&Rows { items: found.iter().map(|one| short(&holds, one)).collect(), next }))
}

async fn show(
    State(site): State<Place>,
    visitor: Visitor,
    Path(name): Path<String>,
) -> Result<Response, Problem> {
    let holds = holds(&site, &visitor).await?;
    let domain = holds.domain(&name).ok_or_else(not_there)?;
    let values = holds.values(Kind::Domain, domain.name).into_iter().map(|value| {
        let shown = configuration::without_secrets(&value.path, value.value);
        let shown = serde_json::to_value(shown).unwrap_or_default();
        (value.path, Said { value: shown, origin: value.origin.to_string() })
    });
    let values = values.collect();
    Ok(answer(&Whole { short: short(&holds, &domain), version: holds.version, values }))
}

async fn act(State(site): State<Place>, visitor: Visitor, sent: Sent) -> Result<Response, Problem> {
    let asked: Asked = sent.read()?;
    let what = asked.act;
    let holds = holds(&site, &visitor).await?;
    let reach = Reach::of(&visitor);
    let name = asked.name.trim().to_lowercase();
    let wish = wish(asked, holds.version)?;
    let proposal = match what {
        What::OwnPolicy => match holds.domain(&name).filter(|_| reach != Reach::Nothing) {
            None => Err(Denied::NotThere),
            Some(domain) => policy_own::proposal(&holds, &domain, wish.comment, site.now())
                .map_err(|why| Denied::Wrong(vec![(String::new(), why)])),
        },
        What::Add | What::Change => domain_form::proposal(&holds, reach, wish),
        What::Remove => domain_form::removal(&holds, reach, wish),
    };
    let proposal = proposal.map_err(|denied| match denied {
        Denied::NotThere => not_there(),
        Denied::Wrong(wrong) => {
            let said = wrong.into_iter().map(|(key, why)| match key.as_str() {
                "" => why,
                key => format!("{key}: {why}"),
            });
            let said = said.collect::<Vec<_>>().join("; ");
            Problem::new(StatusCode::UNPROCESSABLE_ENTITY, plain(&said))
        }
    })?;
    let author = visitor.account.name.clone();
    let comment = reason(&proposal.comment)?;
    let signature = Signature { who: visitor.actor(), author, comment, at: site.now() };
    let layers = site.layers().clone();
    let make = move || {
        stored::change::<stored::Refused>(&layers, &signature, Earnest::Yes, |edit, written| {
            proposal.write(edit, written)
        })
    };
    let made = tokio::task::spawn_blocking(make).await;
    let made = made.map_err(|error| Problem::ours(error.to_string()))?;
    put_in_force(&site, &visitor, made.map_err(refused)?).await
}

fn wish(asked: Asked, version: u32) -> Result<Wish, Problem> {
    let mut values = Vec::new();
    for (key, value) in asked.values {
        let read = (!value.is_null()).then(|| toml::Value::try_from(value)).transpose();
        let value = read.map_err(|why| {
            Problem::bad_request(plain(&format!("{key} is not understood: {why}")))
        })?;
        values.push((key, value));
    }
    let most = crate::base::limits::COMMENT_CHARS_MAX;
    Ok(Wish {
        name: asked.name.trim().to_lowercase(),
        is_new: asked.act == What::Add,
        values,
        comment: plain(&asked.comment.trim().chars().take(most).collect::<String>()),
        seen: asked.seen.unwrap_or(version),
    })
}
