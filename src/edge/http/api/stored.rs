//! The stored configuration: read as values, set one by one with `If-Match` on its version, and changes tried before they are made.

use super::{
    LIMIT, Param, Problem, Rows, SKIP, Sent, Spec, answer, rows_from, shape,
    versions::{OneVersion, one as version_of},
};
use crate::{
    base::limits,
    config::{
        effect::Effect,
        layers::{Kind, Origin, Target},
    },
    edge::{
        http::{
            Place, Route,
            admin::{configuration, history, holds::Holds, policy_replay},
            in_force,
            replays::{Job, State as Stands},
            rights::Right,
            visit::{Query, Visitor},
            words::plain,
        },
        proposal::{Act, Proposal, Wanted},
        stored::{self, Changed, Earnest, Refused, Signature},
        undo,
    },
    store::{embedded::ConfigDb, scope::Scope},
};
use axum::{
    extract::{Path, State},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::Response,
    routing::{get, post, put},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

pub(super) const ROUTES: &[Route] = &[
    Route::api(
        "GET",
        "/api/v1/values",
        "what holds, and where each value is from: all of it, or what is one's own",
        Right::Settings,
        Spec { query: &[UNDER, SKIP, LIMIT], body: None, answer: shape::<Rows<Said>> },
        || get(values),
    ),
    Route::api(
        "GET",
        "/api/v1/stored",
        "what is stored of the configuration, or of what is one's own; its ETag is the version, for If-Match",
        Right::Settings,
        Spec { query: &[UNDER], body: None, answer: shape::<Layer> },
        || get(list),
    ),
    Route::api(
        "PUT",
        "/api/v1/stored/{path}",
        "store a value; If-Match says the version that was seen, or * for any; 412 when somebody was there before",
        Right::Policy,
        Spec { query: &[], body: Some(shape::<NewValue>), answer: shape::<Done> },
        || put(set),
    ),
    Route::api(
        "POST",
        "/api/v1/versions/revert",
        "undo one version of what is stored, or go back to how all was at one; that is a new version",
        Right::Policy,
        Spec { query: &[], body: Some(shape::<Revert>), answer: shape::<Done> },
        || post(revert),
    ),
    Route::api(
        "POST",
        "/api/v1/replays",
        "try a change on the mail of the last days; nothing is stored",
        Right::Policy,
        Spec { query: &[], body: Some(shape::<Try>), answer: shape::<Tried> },
        || post(try_it),
    ),
    Route::api(
        "GET",
        "/api/v1/replays",
        "changes that are tried, or were, with their reports",
        Right::Settings,
        Spec { query: &[ID], body: None, answer: shape::<Rows<Tried>> },
        || get(replays),
    ),
];

const UNDER: Param = Param::text("under", "Only entries whose path begins so: \"policy.\".");
const ID: Param = Param::text("id", "Only this one.");

/// The stored layer.
#[derive(Debug, Serialize, JsonSchema)]
struct Layer {
    /// Its version; 0 before the first change.
    version: u32,
    /// What is in it.
    items: Vec<Entry>,
}

/// A stored entry.
#[derive(Debug, Serialize, JsonSchema)]
struct Entry {
    /// Its path, as in commands: "policy.strict", "limits.connections".
    path: String,
    /// Its value.
    value: Value,
}

/// A value that holds.
#[derive(Debug, Serialize, JsonSchema)]
struct Said {
    /// Its path, as in commands.
    path: String,
    /// What it is; a secret is not shown.
    value: Value,
    /// Who says it: a file with the line, "stored, version 3", or "default".
    origin: String,
    /// The file says it, so that it is changed there alone.
    locked: bool,
    /// The version that said it last: whose, when and why; null: it is not stored.
    stored: Option<OneVersion>,
    /// When a change of it takes effect: "reload", which a change brings with it, or "restart".
    effect: &'static str,
}

/// A value that is to be stored.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct NewValue {
    /// The value; null forgets what is stored.
    value: Value,
    /// Why.
    comment: String,
}

/// What was done.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Done {
    /// The version that it is; null: nothing had to be changed.
    version: Option<u32>,
    /// Paths of what was changed and takes effect only after a restart; all else is in force.
    after_restart: Vec<String>,
}

/// What is to be taken back.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Revert {
    /// The version.
    version: u32,
    /// What is meant by it.
    how: How,
    /// Why.
    comment: String,
}

#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
enum How {
    /// What this version changed is as before; what came later stays.
    Undo,
    /// All is as it was at this version.
    GoBack,
}

/// A change that is to be tried.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Try {
    /// The values that would be stored together.
    changes: Vec<OneChange>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct OneChange {
    /// Its path.
    path: String,
    /// The value; null forgets what is stored.
    value: Value,
}

/// A change that is tried, or was.
#[derive(Debug, Serialize, JsonSchema)]
struct Tried {
    /// What it is asked by.
    id: String,
    /// What is tried.
    what: String,
    /// "runs", "done" or "failed".
    state: &'static str,
    /// Mails that were looked at, while it runs.
    mails: Option<u64>,
    /// What it would have done, as `sluss config replay --json` says it.
    report: Option<Value>,
    /// Why it failed.
    why: Option<String>,
}

pub(super) fn whole(visitor: &Visitor) -> Result<(), Problem> {
    match visitor.scope {
        Scope::Everything => Ok(()),
        Scope::Organisation(_) | Scope::Domains(..) | Scope::Mailbox(..) => {
            Err(Problem::forbidden("the configuration is the whole site's"))
        }
    }
}

/// What a visitor may see of the configuration.
async fn holds(site: &Place, visitor: &Visitor) -> Result<Holds, Problem> {
    Holds::read(site, visitor).await.map_err(|why| {
        tracing::error!(why, "the configuration could not be read for the API");
        Problem::ours("the configuration could not be read just now")
    })
}

async fn values(
    State(site): State<Place>,
    visitor: Visitor,
    query: Query,
) -> Result<Response, Problem> {
    let holds = holds(&site, &visitor).await?;
    let under = query.0.get("under").to_string();
    let mut values = holds.all_values(under.trim_end_matches('.'));
    values.retain(|value| value.path.starts_with(&under));
    let Rows { items, next } = rows_from(values.into_iter(), &query)?;
    let sight = history::Sight::of(&holds, &visitor);
    let (values, versions) = history::who_said(&site, sight, items).await.map_err(Problem::away)?;
    let said = values.into_iter().map(|value| {
        let shown = configuration::without_secrets(&value.path, value.value);
        let stored = match &value.origin {
            Origin::Stored { version } => versions.get(version).map(version_of),
            Origin::Default | Origin::File { .. } | Origin::CommandLine | Origin::Trial => None,
        };
        Said {
            value: serde_json::to_value(shown).unwrap_or_default(),
            locked: value.origin.is_locked(),
            origin: value.origin.to_string(),
            effect: Effect::of(&value.path).word(),
            path: value.path,
            stored,
        }
    });
    Ok(answer(&Rows { items: said.collect(), next }))
}

async fn list(
    State(site): State<Place>,
    visitor: Visitor,
    query: Query,
) -> Result<Response, Problem> {
    let holds = holds(&site, &visitor).await?;
    let folder = site.gateway().settings.load().config.data_dir.clone();
    let read = move || ConfigDb::open_if_there(&folder)?.map(|db| db.read()).transpose();
    let read = tokio::task::spawn_blocking(read).await;
    let stored = read.map_err(|error| Problem::ours(error.to_string()))??.unwrap_or_default();
    let text = stored.to_document().map_err(|why| Problem::ours(why.to_string()))?;
    let document: toml::Table =
        text.parse().map_err(|_| Problem::ours("the stored layer is not understood"))?;
    let under = query.0.get("under");
    let mut items = Vec::new();
    for (kind, name, value) in entries(document) {
        let path = match kind {
            Kind::Setting => name.clone(),
            Kind::Organisation | Kind::Domain | Kind::Policy => format!("{kind}.{name}"),
        };
        if path.starts_with(under) && holds.sees(kind, &name) {
            let value = configuration::without_secrets(&path, value);
            let value =
                serde_json::to_value(value).map_err(|why| Problem::ours(why.to_string()))?;
            items.push(Entry { path, value });
        }
    }
    Ok(tagged(answer(&Layer { version: stored.version, items }), Some(stored.version)))
}

/// The document's entries: what each is, its name or path, and its value.
fn entries(document: toml::Table) -> Vec<(Kind, String, toml::Value)> {
    let mut found = Vec::new();
    for (key, value) in document {
        match (Kind::from_list_key(&key), value) {
            (Some(kind), toml::Value::Array(list)) => {
                for mut one in list {
                    let table = one.as_table_mut();
                    let name = table.and_then(|table| table.remove("name"));
                    let name = name.as_ref().and_then(toml::Value::as_str).unwrap_or_default();
                    found.push((kind, name.to_string(), one));
                }
            }
            (_, value) => {
                let settings = crate::config::layers::settings_of(&key, value).into_iter();
                found.extend(settings.map(|(path, value)| (Kind::Setting, path, value)));
            }
        }
    }
    found
}

/// The version as what tells an answer from another.
fn tagged(mut response: Response, version: Option<u32>) -> Response {
    let tag = version.and_then(|version| HeaderValue::from_str(&format!("\"{version}\"")).ok());
    if let Some(tag) = tag {
        response.headers_mut().insert(header::ETAG, tag);
    }
    response
}

/// Puts what was stored in force, and says what it is.
pub(super) async fn put_in_force(
    site: &Place,
    visitor: &Visitor,
    changed: Changed,
) -> Result<Response, Problem> {
    let Changed { version, changes } = changed;
    let after_restart = match version {
        Some(_) => in_force::put_in_force(site, visitor, &changes).await.map_err(|why| {
            let why = plain(&why);
            Problem::ours(format!("stored, but the former configuration stays in force: {why}"))
        })?,
        None => Vec::new(),
    };
    Ok(tagged(answer(&Done { version, after_restart }), version))
}

/// Why something is done, which the history tells: a page asks for it too.
pub(super) fn reason(comment: &str) -> Result<String, Problem> {
    let comment: String = comment.trim().chars().take(limits::COMMENT_CHARS_MAX).collect();
    match comment.is_empty() {
        true => Err(Problem::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            "comment: write why, for the history",
        )),
        false => Ok(plain(&comment)),
    }
}

/// May this visitor do that? Whoever sees the whole site may, and is told what is wrong with it.
async fn may_take_back(
    site: &Place,
    visitor: &Visitor,
    number: u32,
    how: How,
) -> Result<(), Problem> {
    match (how, whole(visitor)) {
        (_, Ok(())) => Ok(()),
        (How::GoBack, Err(no)) => Err(no),
        (How::Undo, Err(_)) => {
            let seen = history::seen(site, visitor, number).await.map_err(Problem::away)?;
            let may = seen.is_some_and(|(told, holds)| history::may_undo(visitor, &holds, &told));
            if may { Ok(()) } else { Err(Problem::missing()) }
        }
    }
}

async fn revert(
    State(site): State<Place>,
    visitor: Visitor,
    sent: Sent,
) -> Result<Response, Problem> {
    let Revert { version: number, how, comment } = sent.read()?;
    may_take_back(&site, &visitor, number, how).await?;
    let comment = reason(&comment)?;
    let author = visitor.account.name.clone();
    let signature = Signature { who: visitor.actor(), author, comment, at: site.now() };
    let layers = site.layers().clone();
    let make = move || {
        stored::change::<Refused>(&layers, &signature, Earnest::Yes, |edit, _| match how {
            How::Undo => undo::undo(edit, number),
            How::GoBack => stored::go_back(edit, number),
        })
    };
    let made = tokio::task::spawn_blocking(make).await;
    let made = made.map_err(|error| Problem::ours(error.to_string()))?;
    put_in_force(&site, &visitor, made.map_err(refused)?).await
}

/// What a change was stopped by.
enum Stopped {
    Refused(Refused),
    /// Somebody was there before: the layer has this version.
    Behind(u32),
}

impl From<Refused> for Stopped {
    fn from(refused: Refused) -> Stopped {
        Stopped::Refused(refused)
    }
}

impl From<Stopped> for Problem {
    fn from(stopped: Stopped) -> Problem {
        match stopped {
            Stopped::Refused(why) => refused(why),
            Stopped::Behind(version) => Problem::new(
                StatusCode::PRECONDITION_FAILED,
                format!("the stored configuration has version {version} by now: read it again"),
            ),
        }
    }
}

pub(super) fn refused(why: Refused) -> Problem {
    match &why {
        Refused::BadInput(why) => Problem::new(StatusCode::UNPROCESSABLE_ENTITY, plain(why)),
        Refused::Wrong { whole, .. } => {
            Problem::new(StatusCode::UNPROCESSABLE_ENTITY, plain(whole))
        }
        Refused::Locked { .. } | Refused::ChangedAgain { .. } => {
            Problem::new(StatusCode::UNPROCESSABLE_ENTITY, plain(&why.to_string()))
        }
        Refused::Failed(why) => {
            tracing::error!(why, "a change of the configuration could not be stored");
            Problem::new(StatusCode::SERVICE_UNAVAILABLE, "it could not be stored just now")
        }
    }
}

/// The version that was seen; none: any is right. RFC 6585 section 3: whoever may overwrite another's change is to say what it saw.
fn seen(headers: &HeaderMap) -> Result<Option<u32>, Problem> {
    let Some(field) = headers.get(header::IF_MATCH) else {
        let why = "say If-Match with the ETag of /api/v1/stored, or *";
        return Err(Problem::new(StatusCode::PRECONDITION_REQUIRED, why));
    };
    match field.to_str().map(str::trim) {
        Ok("*") => Ok(None),
        Ok(text) => text
            .trim_matches('"')
            .parse()
            .map(Some)
            .map_err(|_| Problem::bad_request("If-Match is the ETag of /api/v1/stored, or *")),
        Err(_) => Err(Problem::bad_request("If-Match is not text")),
    }
}

/// One change, if a program may make it.
fn wanted(path: &str, value: Value) -> Result<Wanted, Problem> {
    let target =
        Target::parse(path).map_err(|why| Problem::bad_request(plain(&why.to_string())))?;
    if value.is_null() {
        return Ok(Wanted { target, act: Act::Forget });
    }
    let value = toml::Value::try_from(value).map_err(|why| {
        Problem::bad_request(plain(&format!("the value is not understood: {why}")))
    })?;
    if let Some(key) = configuration::of_the_machine(&target, &value) {
        return Err(Problem::forbidden(format!(
            "{} names something of the machine: it is set in the file, or by sluss config set",
            plain(&key)
        )));
    }
    Ok(Wanted { target, act: Act::Set(value) })
}

async fn set(
    State(site): State<Place>,
    visitor: Visitor,
    Path(path): Path<String>,
    headers: HeaderMap,
    sent: Sent,
) -> Result<Response, Problem> {
    let seen = seen(&headers)?;
    let NewValue { value, comment } = sent.read()?;
    let wanted = wanted(&path, value)?;
    // What is another's and what is nobody's are answered alike.
    if visitor.scope != Scope::Everything
        && !holds(&site, &visitor).await?.may_store(&visitor, &wanted.target)
    {
        return Err(whole(&visitor).err().unwrap_or(Problem::forbidden("it is the whole site's")));
    }
    let proposal = proposal(vec![wanted], reason(&comment)?);
    let author = visitor.account.name.clone();
    let comment = plain(proposal.reason());
    let signature = Signature { who: visitor.actor(), author, comment, at: site.now() };
    let layers = site.layers().clone();
    let make = move || {
        stored::change::<Stopped>(&layers, &signature, Earnest::Yes, |edit, written| {
            let version = edit.version().saturating_sub(1);
            match seen.is_some_and(|seen| seen != version) {
                true => Err(Stopped::Behind(version)),
                false => Ok(proposal.write(edit, written)?),
            }
        })
    };
    let made = tokio::task::spawn_blocking(make).await;
    let made = made.map_err(|error| Problem::ours(error.to_string()))??;
    put_in_force(&site, &visitor, made).await
}

fn proposal(values: Vec<Wanted>, comment: String) -> Proposal {
    let paths = values.iter().map(|one| {
        let keys = one.target.keys.iter().map(|key| format!(".{key}")).collect::<String>();
        match one.target.kind {
            Kind::Setting => one.target.name.clone(),
            Kind::Organisation | Kind::Domain | Kind::Policy => {
                format!("{}.{}{keys}", one.target.kind, one.target.name)
            }
        }
    });
    let what = paths.collect::<Vec<_>>().join(", ");
    let comment = comment.chars().take(limits::COMMENT_CHARS_MAX).collect();
    // The version of the whole layer was looked at already.
    Proposal { what, comment, seen: u32::MAX, values }
}

async fn try_it(
    State(site): State<Place>,
    visitor: Visitor,
    sent: Sent,
) -> Result<Response, Problem> {
    whole(&visitor)?;
    let Try { changes } = sent.read()?;
    if changes.is_empty() {
        return Err(Problem::bad_request(
            "changes is empty: name at least one path and the value to try there",
        ));
    }
    let values: Result<Vec<Wanted>, Problem> =
        changes.into_iter().map(|one| wanted(&one.path, one.value)).collect();
    let mut proposal = proposal(values?, String::new());
    let (layers, checked) = (site.layers().clone(), proposal.clone());
    let check =
        move || stored::would_be::<Refused>(&layers, |edit, written| checked.write(edit, written));
    let made = tokio::task::spawn_blocking(check).await;
    let (candidate, version) =
        made.map_err(|error| Problem::ours(error.to_string()))?.map_err(refused)?;
    // Put in force by page later, it is not to write over what was changed since now.
    proposal.seen = version.saturating_sub(1);
    let busy = |why: String| Problem::new(StatusCode::TOO_MANY_REQUESTS, why);
    let job = policy_replay::begin(&site, &visitor, proposal, candidate.config, "/policy");
    let job = job.await.map_err(busy)?;
    Ok(answer(&tried(&job, &site)))
}

async fn replays(
    State(site): State<Place>,
    visitor: Visitor,
    query: Query,
) -> Result<Response, Problem> {
    whole(&visitor)?;
    let id = query.0.get("id");
    let jobs = site.replays.all();
    let meant = jobs.iter().filter(|job| id.is_empty() || job.id == id);
    Ok(answer(&Rows { items: meant.map(|job| tried(job, &site)).collect(), next: None }))
}

fn tried(job: &Job, site: &Place) -> Tried {
    let (state, mails, report, why) = match job.state(site.now()) {
        Stands::Runs { mails, .. } => ("runs", Some(mails), None, None),
        Stands::Done(report) => ("done", None, serde_json::to_value(&*report).ok(), None),
        Stands::Failed(why) => ("failed", None, None, Some(why)),
    };
    Tried { id: job.id.clone(), what: plain(&job.proposal.what), state, mails, report, why }
}
