//! The commands' way to a running gateway: a socket in the data folder, one JSON line there, one back.
//!
//! Only who may open the socket's file may speak; it is the owner's alone. The same functions answer when no gateway runs.

use crate::{
    base::{clock::UnixMs, ids::Id, limits},
    config::policy::Mode,
    edge::{
        acme::{Renewing, WhichKey},
        blocked_desk,
        caller::{self, Asking},
        connections::{Connections, resident_bytes},
        correspondents, digest_desk, dkim_desk, lesson_desk,
        overview::Observed,
        proof_desk,
        tls::ServerTls,
        view_desk,
    },
    examine::ViewAsk,
    learn::campaign::CampaignId,
    mail::Organisation,
    personal::{self, Date, Scope},
    pipeline::{
        Gateway, accounts, callouts, deliver,
        guard::Figures,
        limits::{Limit, Release, Seen, Who},
        queue::QueueFilter,
        release::{self, Review, Signer},
        same_person,
    },
    store::{
        audit::Actor,
        bank_accounts::Lesson,
        embedded::AccountSeen,
        held::{HeldFilter, HeldState, Page, Releaser},
        rekey::{Rekeyed, Rekeying},
        scope::Scope as Sight,
        trace::{OfPersons, Statistics, Step, TraceLine, TraceQuery, TrialReport},
    },
    wire::date,
};
use arc_swap::ArcSwap;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::{
    collections::HashMap,
    io,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{UnixListener, UnixStream},
};

/// Somebody's number, on its way to the gateway.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Number(pub String);

impl std::fmt::Debug for Number {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Number(hidden)")
    }
}

/// What a command asks for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "command", rename_all = "kebab-case")]
pub enum Request {
    /// Who is turned away.
    BansList,
    /// Turn somebody away.
    BansAdd {
        /// An address or a network.
        what: String,
        /// For how long; none: until it is lifted.
        #[serde(default)]
        seconds: Option<u64>,
        /// Why.
        #[serde(default)]
        why: String,
    },
    /// Let somebody in again.
    BansLift {
        /// An address or a network.
        what: String,
    },
    /// Whose mail is asked to come again.
    GreylistShow,
    /// Take somebody out of greylisting.
    GreylistSkip {
        /// An address, a network, a sender or a domain.
        what: String,
    },
    /// Forget what is remembered for greylisting.
    GreylistClear {
        /// Of whom; none: all of it.
        #[serde(default)]
        what: Option<String>,
    },
    /// What strangers did.
    Events {
        /// Which.
        filter: EventFilter,
    },
    /// What waits in the spool.
    QueueList {
        /// Which.
        #[serde(default)]
        filter: QueueFilter,
        /// At most this many legs.
        rows: usize,
    },
    /// Where it waits to go.
    QueueDestinations,
    /// One mail of the spool.
    QueueShow {
        /// Which.
        id: Id,
    },
    /// Try these now; all of them when no id is given.
    QueueRetry {
        /// Which.
        #[serde(flatten)]
        chosen: Chosen,
    },
    /// Hold these back.
    QueueHold {
        /// Which.
        #[serde(flatten)]
        chosen: Chosen,
    },
    /// Forget these for good.
    QueueDrop {
        /// Which.
        #[serde(flatten)]
        chosen: Chosen,
    },
    /// What is held.
    QuarantineList {
        /// Which.
        filter: Box<HeldFilter>,
    },
    /// What is alike one held mail.
    QuarantineAlike {
        /// Which.
        id: Id,
        /// At most so many.
        rows: usize,
    },
    /// One held mail.
    QuarantineShow {
        /// Which.
        id: Id,
        /// With its content.
        content: bool,
    },
    /// What is inside one held mail.
    QuarantineView {
        /// Which.
        id: Id,
        /// What of it.
        ask: ViewAsk,
    },
    /// Copies of a refused mail.
    QuarantineByCode {
        /// The code that its sender was told.
        code: String,
    },
    /// Let these go.
    QuarantineRelease {
        /// Which.
        ids: Vec<Id>,
        /// What makes it right to release dangerous ones.
        #[serde(default)]
        review: Option<Review>,
    },
    /// Destroy these.
    QuarantineDelete {
        /// Which.
        ids: Vec<Id>,
    },
    /// The organisations' keys and where the master key is.
    KeysList,
    /// A new master key.
    KeysRotate {
        /// Where it goes, instead of the old one's file.
        to: Option<PathBuf>,
    },
    /// A new key that signs the audit log.
    KeysRenewSigning,
    /// A new key for an organisation.
    KeysRenew {
        /// Whose.
        organisation: String,
    },
    /// Keys that sign mail.
    Dkim {
        /// What about them.
        ask: dkim_desk::Ask,
    },
    /// What people are told, and what they have chosen.
    Digest {
        /// What about it.
        ask: digest_desk::Ask,
    },
    /// What the site's classifier is taught.
    Lessons {
        /// What about it.
        ask: Box<lesson_desk::Ask>,
    },
    /// Which correspondents have written accounts.
    AccountsList {
        /// Of one organisation only.
        organisation: Option<String>,
        /// Part of a correspondent's name.
        correspondent: Option<String>,
        /// At most this many.
        rows: usize,
    },
    /// Forget a correspondent's accounts.
    AccountsForget {
        /// Of one organisation only.
        organisation: Option<String>,
        /// Whose.
        correspondent: String,
    },
    /// Take a correspondent's accounts for known.
    AccountsApprove {
        /// Whose memory.
        organisation: Option<String>,
        /// Whose accounts.
        correspondent: String,
        /// This one; none: those that it has written.
        account: Option<String>,
    },
    /// By what way a mail came and went, signed.
    Proof {
        /// Its transaction.
        id: Id,
    },
    /// What happened to a transaction.
    Trace {
        /// Which.
        id: Id,
    },
    /// The same mail to many.
    Campaigns {
        /// As one organisation sees it.
        organisation: Option<String>,
        /// At most so many.
        rows: usize,
    },
    /// One campaign, and what was delivered of it before it was known to be bad.
    CampaignsShow {
        /// Which.
        id: CampaignId,
        /// As one organisation sees it.
        organisation: Option<String>,
    },
    /// Who is near a limit or over it.
    LimitsShow,
    /// Forget what was counted.
    LimitsRelease {
        /// An address, a network, a user, a held account, or "all".
        what: String,
    },
    /// What is remembered of a correspondent.
    CorrespondentsShow {
        /// An address or a domain.
        what: String,
        /// Whose memory; all when none is named.
        #[serde(default)]
        organisation: Option<String>,
    },
    /// Erase it.
    CorrespondentsForget {
        /// An address or a domain.
        what: String,
        /// Whose memory; all when none is named.
        #[serde(default)]
        organisation: Option<String>,
    },
    /// Transactions.
    TraceList {
        /// Which.
        filter: Box<TraceQuery>,
        /// Of this person: a number, as it would stand in a mail.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        person: Option<Number>,
    },
    /// What policies on trial would have done.
    Trial {
        /// In the last so many days.
        days: u64,
        /// Of one organisation only.
        organisation: Option<String>,
    },
    /// Counts of the last days.
    Statistics {
        /// So many, today among them.
        days: u64,
        /// By hour or by day.
        step: Step,
        /// Of one organisation only.
        organisation: Option<String>,
    },
    /// Is it well?
    Status,
    /// Read configuration, certificate and rules again.
    Reload,
    /// Get another certificate by ACME.
    TlsRenew {
        /// With the key that comes next.
        next_key: bool,
    },
}

/// Which waiting mails.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Chosen {
    /// These.
    Ids(Vec<Id>),
    /// All that are like this.
    Like(QueueFilter),
}

pub use crate::edge::guard_desk::EventFilter;

/// The answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Response {
    /// It was done.
    Ok(Value),
    /// It was not; one plain sentence.
    Error(String),
}

/// What `sluss limits show` shows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LimitsShown {
    /// Who is near a bound or at it, and who was refused for one in the last minutes; most often refused first.
    pub lines: Vec<LimitLine>,
    /// Client addresses whose rate is remembered.
    pub addresses_remembered: usize,
    /// About how many the table is for; beyond it those are forgotten who came least.
    pub addresses_max: usize,
    /// Users whose rate is remembered.
    pub users_remembered: usize,
    /// The memory of both tables.
    pub table_bytes: usize,
    /// Refusals of all limits since the start.
    pub refused_since_start: u64,
    /// What is known of strangers.
    #[serde(default)]
    pub strangers: Figures,
    /// Recipients of which a next hop's answer is remembered.
    #[serde(default)]
    pub callouts: callouts::Counts,
}

/// What releasing a limit did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Forgotten {
    /// A held account goes on.
    Account {
        /// Mails of it that waited and go now.
        mails: usize,
    },
    /// So many counts are forgotten.
    Counts(usize),
}

/// One bound and one whom it is for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LimitLine {
    /// Its name, as in `[limits]`.
    pub limit: String,
    /// An address, a network, a user, or "everybody".
    pub who: String,
    /// How many now.
    pub count: u64,
    /// How many are let through.
    pub bound: Option<u64>,
    /// When the next is let through, milliseconds since 1970; none: as soon as the count is under the bound.
    pub until_ms: Option<u64>,
    /// Refusals in this spell; of a held account, mails that wait.
    pub refused: u64,
}

fn no_accounts(correspondent: &str) -> String {
    format!(
        "nothing is remembered of {correspondent}; sluss bank-accounts list shows whose accounts are"
    )
}

const NO_LIMITS_WITHOUT_GATEWAY: &str = "no gateway is running, and what it counts lives in its memory: there is nothing to show or to release";

/// What answering needs besides the gateway.
pub struct Desk {
    /// The gateway.
    pub gateway: Arc<Gateway>,
    /// Signs what is released.
    pub signer: Arc<Signer>,
    /// Open connections.
    pub connections: Arc<Connections>,
    /// When the process began.
    pub started: UnixMs,
    /// What was seen while opening and reloading.
    pub observed: ArcSwap<Observed>,
    /// Asks the main task to reload; none when no server runs.
    pub reload: Option<tokio::sync::mpsc::Sender<Reloading>>,
    /// Asks for another certificate; none when no server runs.
    pub renew: Option<tokio::sync::mpsc::Sender<Renewing>>,
    /// Our certificate; none when no server runs.
    pub certificates: Option<Arc<ServerTls>>,
}

/// Somebody wants the configuration to be read again.
#[derive(Debug)]
pub struct Reloading {
    /// Who.
    pub who: Actor,
    /// Waits for how it went.
    pub tell: tokio::sync::oneshot::Sender<Result<Reloaded, String>>,
}

/// What a reload came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reloaded {
    /// What is other since, one line.
    pub said: String,
    /// Paths of values that are other than those this process began with, and take effect only after a restart.
    pub after_restart: Vec<String>,
}

impl std::fmt::Debug for Desk {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Desk").field("started", &self.started).finish_non_exhaustive()
    }
}

impl Desk {
    /// Does what a command asks; [`Desk::answer`] has recorded it. As long as there are commands: an arm each, which calls one function.
    pub(super) async fn act(&self, request: Request, who: &Actor) -> Response {
        let gateway = &self.gateway;
        let outcome = match request {
            Request::BansList => Ok(json!(self.bans())),
            Request::BansAdd { what, seconds, why } => {
                self.add_ban(&what, seconds, why).await.map(|ban| json!([ban]))
            }
            Request::BansLift { what } => self.lift_bans(&what).await.map(|done| json!(done)),
            Request::GreylistShow => Ok(json!(gateway.greylist.shown())),
            Request::GreylistSkip { what } => {
                self.skip_greylist(&what).await.map(|()| json!({ "skipped": what }))
            }
            Request::GreylistClear { what } => {
                let cleared = self.clear_greylist(what.as_deref()).await;
                cleared.map(|cleared| json!({ "cleared": cleared }))
            }
            Request::Events { filter } => self.events(filter).await.map(|events| json!(events)),
            Request::QueueList { filter, rows } => Ok(json!(gateway.queue.list(&filter, rows))),
            Request::QueueDestinations => {
                Ok(json!(gateway.queue.destinations(&gateway.settings.load().bearing)))
            }
            Request::QueueShow { id } if !gateway.queue.holds(id) => Err(missing(id, "the queue")),
            Request::QueueShow { id } => deliver::record(gateway, id).await.map(|mail| json!(mail)),
            Request::QueueRetry { chosen } => {
                let chosen = match chosen {
                    Chosen::Ids(ids) if ids.is_empty() => Chosen::Like(QueueFilter::default()),
                    some @ (Chosen::Ids(_) | Chosen::Like(_)) => some,
                };
                Ok(json!({ "due_now": self.retry_all(&self.chosen(chosen)).await }))
            }
            Request::QueueHold { chosen } => {
                Ok(json!({ "held_back": self.hold_all(&self.chosen(chosen)).await }))
            }
            Request::QueueDrop { chosen: Chosen::Ids(ids) } => self.drop_mails(&ids).await,
            Request::QueueDrop { chosen } => {
                let (dropped, on_their_way) = self.drop_all(&self.chosen(chosen)).await;
                Ok(json!({ "dropped": dropped, "on_their_way": on_their_way }))
            }
            Request::QuarantineList { filter } => gateway
                .stores
                .quarantine
                .search(&Sight::Everything, *filter)
                .await
                .map(|page| json!(page))
                .map_err(|error| error.to_string()),
            Request::QuarantineAlike { id, rows } => gateway
                .stores
                .quarantine
                .alike(&Sight::Everything, id, rows)
                .await
                .map(|held| json!(Page { held, next: None }))
                .map_err(|error| error.to_string()),
            Request::QuarantineByCode { code } => gateway
                .stores
                .quarantine
                .rejected_by_code(&code)
                .await
                .map(|held| json!(Page { held, next: None }))
                .map_err(|error| error.to_string()),
            Request::QuarantineShow { id, content } => self.show_held(id, content).await,
            Request::QuarantineView { id, ask } => view_desk::answer(gateway, id, ask).await,
            Request::QuarantineRelease { ids, review } => self.release(&ids, review).await,
            Request::QuarantineDelete { ids } => self.delete(&ids).await,
            Request::KeysList => Ok(self.list_keys()),
            Request::KeysRotate { to } => self.rotate_master(to).await,
            Request::KeysRenewSigning => self.renew_signing_key().await.map(|key| json!(key)),
            Request::KeysRenew { organisation } => {
                self.renew_key(&organisation).await.map(|done| json!(done))
            }
            Request::Dkim { ask } => dkim_desk::answer(gateway, ask).await,
            Request::Digest { ask } => digest_desk::answer(gateway, ask).await,
            Request::Lessons { ask } => lesson_desk::answer(gateway, *ask).await,
            Request::AccountsList { organisation, correspondent, rows } => {
                let owner = organisation.map(|name| Organisation::named(&name));
                let memory = &gateway.stores.bank_accounts;
                let lines = memory.list(owner, correspondent, rows).await;
                lines.map(|lines| json!(lines)).map_err(|error| error.to_string())
            }
            Request::AccountsForget { organisation, correspondent } => {
                let gone = self.forget_accounts(organisation, &correspondent).await;
                gone.map(|forgotten| json!({ "forgotten": forgotten }))
            }
            Request::AccountsApprove { organisation, correspondent, account } => {
                let known = self.approve_accounts(organisation, correspondent, account).await;
                known.map(|approved| json!({ "approved": approved }))
            }
            Request::Proof { id } => match proof_desk::sealed_of_mail(gateway, id).await {
                Ok(found) if found.is_empty() => Err(missing(id, "the proofs")),
                Ok(found) => Ok(json!(found)),
                Err(error) => Err(error.to_string()),
            },
            Request::Trace { id } => match gateway.stores.trace.show(id, None).await {
                Ok(found) if found.is_empty() => Err(missing(id, "the trace")),
                Ok(mut found) => {
                    blocked_desk::complete(gateway, &Sight::Everything, &mut found).await;
                    Ok(json!(found))
                }
                Err(error) => Err(error.to_string()),
            },
            Request::Campaigns { organisation, rows } => {
                let lines = gateway.stores.trace.campaigns(scope_of(organisation), rows).await;
                lines.map(|lines| json!(lines)).map_err(|error| error.to_string())
            }
            Request::CampaignsShow { id, organisation } => {
                match gateway.stores.trace.campaign(scope_of(organisation), id).await {
                    Ok(Some((campaign, delivered))) => {
                        Ok(json!({ "campaign": campaign, "delivered": delivered }))
                    }
                    Ok(None) => Err(format!("there is no campaign {id}")),
                    Err(error) => Err(error.to_string()),
                }
            }
            Request::LimitsShow => self.limits().map(|shown| json!(shown)),
            Request::LimitsRelease { what } => {
                self.release_limits(&what).await.map(|gone| match gone {
                    Forgotten::Account { mails } => {
                        json!({ "forgotten": 1, "mails_let_go": mails })
                    }
                    Forgotten::Counts(rows) => json!({ "forgotten": rows }),
                })
            }
            Request::CorrespondentsShow { what, organisation } => {
                correspondents::show(gateway, &what, organisation.as_deref()).await
            }
            Request::CorrespondentsForget { what, organisation } => {
                correspondents::forget(gateway, &what, organisation.as_deref()).await
            }
            Request::TraceList { filter, person } => {
                self.trace_list(*filter, person).await.map(|lines| json!(lines))
            }
            Request::Trial { days, organisation } => {
                self.trial(days, organisation).await.map(|report| json!(report))
            }
            Request::Statistics { days, step, organisation } => {
                self.statistics(days, step, organisation).await.map(|told| json!(told))
            }
            Request::Status => Ok(self.status().await),
            Request::Reload => self.reload(who).await.map(|done| Value::String(done.said)),
            Request::TlsRenew { next_key } => self.renew_certificate(who, next_key).await,
        };
        match outcome {
            Ok(value) => Response::Ok(value),
            Err(sentence) => Response::Error(sentence),
        }
    }

    async fn statistics(
        &self,
        days: u64,
        step: Step,
        organisation: Option<String>,
    ) -> Result<Statistics, String> {
        let now = self.gateway.clock.now();
        let before = Duration::from_secs(days.saturating_sub(1).saturating_mul(86_400));
        let today = UnixMs(now.0 - now.0 % 86_400_000);
        let scope = match organisation {
            Some(name) => Sight::Organisation(Organisation::named(&name)),
            None => Sight::Everything,
        };
        let trace = &self.gateway.stores.trace;
        let told = trace.statistics(scope, today.minus(before), now, step).await;
        told.map_err(|error| error.to_string())
    }

    /// As many transactions as were asked for: a search that ends early goes on where it ended.
    async fn trace_list(
        &self,
        mut query: TraceQuery,
        person: Option<Number>,
    ) -> Result<Vec<TraceLine>, String> {
        if let Some(OfPersons::Marked(_)) = &query.persons {
            return Err("whose marks these are is asked by a number, which the audit log knows of"
                .to_string());
        }
        if let Some(number) = person {
            let organisation = query.organisation.as_deref().map(Organisation::named);
            let marks = same_person::marks(&self.gateway, &number.0, organisation).await;
            let marks = marks.map_err(|error| error.to_string())?;
            query.persons = Some(OfPersons::Marked(marks));
        }
        let mut lines: Vec<TraceLine> = Vec::new();
        let mut before = query.before;
        loop {
            let rows = query.rows.saturating_sub(lines.len());
            let asked = TraceQuery { rows, before, ..query.clone() };
            let trace = &self.gateway.stores.trace;
            let page = trace.find(Sight::Everything, asked).await;
            let page = page.map_err(|error| error.to_string())?;
            lines.extend(page.lines);
            before = page.next;
            if before.is_none() || lines.len() >= query.rows {
                return Ok(lines);
            }
        }
    }

    /// What policies on trial would have done, without the personal values that addresses may have in them: a report is passed round.
    pub(super) async fn trial(
        &self,
        days: u64,
        organisation: Option<String>,
    ) -> Result<TrialReport, String> {
        let gateway = &self.gateway;
        let now = gateway.clock.now();
        let since = now.minus(Duration::from_secs(days.saturating_mul(86_400)));
        let report = gateway.stores.trace.trial(since, organisation).await;
        let mut report = report.map_err(|error| error.to_string())?;
        let settings = gateway.settings.load();
        let scope = Scope::new(&settings.words, Date::of(now));
        let mask = |text: &mut String| *text = personal::mask_all(text, &scope);
        report.senders.iter_mut().for_each(|one| mask(&mut one.sender));
        report.samples.iter_mut().for_each(|one| {
            mask(&mut one.from);
            mask(&mut one.to);
        });
        Ok(report)
    }

    fn chosen(&self, chosen: Chosen) -> Vec<Id> {
        match chosen {
            Chosen::Ids(ids) => ids,
            Chosen::Like(filter) => self.gateway.queue.matching(&filter),
        }
    }

    /// Makes these due now, a few at a time; gives how many are.
    pub(super) async fn retry_all(&self, ids: &[Id]) -> usize {
        let mut due = 0;
        for some in ids.chunks(limits::QUEUE_LOOK_STEP) {
            due += deliver::retry(&self.gateway, some).await;
        }
        due
    }

    /// Holds these back, a few at a time; gives how many are.
    pub(super) async fn hold_all(&self, ids: &[Id]) -> usize {
        let mut held = 0;
        for some in ids.chunks(limits::QUEUE_LOOK_STEP) {
            held += deliver::hold(&self.gateway, some).await;
        }
        held
    }

    /// Drops what was found by its likeness; what is on its way just now is left. Gives how many of each.
    pub(super) async fn drop_all(&self, ids: &[Id]) -> (usize, usize) {
        let (mut dropped, mut on_their_way) = (0, 0);
        for id in ids {
            if deliver::drop_mail(&self.gateway, *id).await {
                dropped += 1;
            } else {
                on_their_way += 1;
            }
        }
        tracing::warn!(dropped, "mails were dropped from the queue on an operator's word");
        (dropped, on_their_way)
    }

    async fn drop_mails(&self, ids: &[Id]) -> Result<Value, String> {
        let mut dropped = 0;
        for id in ids {
            if !deliver::drop_mail(&self.gateway, *id).await {
                return Err(format!(
                    "{id} is not in the queue, or is on its way just now; {dropped} were dropped before it"
                ));
            }
            tracing::warn!(%id, "dropped from the queue on an operator's word");
            dropped += 1;
        }
        Ok(json!({ "dropped": dropped }))
    }

    async fn show_held(&self, id: Id, content: bool) -> Result<Value, String> {
        let quarantine = &self.gateway.stores.quarantine;
        let held = quarantine
            .get(id)
            .await
            .map_err(|error| error.to_string())?
            .ok_or_else(|| missing(id, "the quarantine"))?;
        let mut value = json!(held);
        if content {
            // Opening a mail leaves a mark that its owner can ask for.
            tracing::warn!(%id, to = %held.recipient, "the content of a held mail was opened");
            let bytes = quarantine
                .content(id)
                .await
                .map_err(|error| error.to_string())?
                .ok_or_else(|| missing(id, "the quarantine"))?;
            if let Some(fields) = value.as_object_mut() {
                fields.insert(
                    "content_base64".to_string(),
                    Value::String(data_encoding::BASE64.encode(&bytes)),
                );
            }
        }
        Ok(value)
    }

    async fn release(&self, ids: &[Id], review: Option<Review>) -> Result<Value, String> {
        let mut released = Vec::new();
        for id in ids {
            let asking = release::Asking { by: Releaser::Command, review: review.clone() };
            match release::release(&self.gateway, *id, &self.signer, asking).await {
                Ok(_) => released.push(json!({ "id": id, "outcome": "released" })),
                Err(release::NotReleased::Already(_)) => {
                    released.push(json!({ "id": id, "outcome": "released already" }))
                }
                Err(error) => return Err(format!("{id}: {error}")),
            }
        }
        Ok(Value::Array(released))
    }

    async fn delete(&self, ids: &[Id]) -> Result<Value, String> {
        let mut deleted = 0;
        let stores = &self.gateway.stores;
        for id in ids {
            let held = stores.quarantine.get(*id).await.map_err(|error| error.to_string())?;
            if !stores.quarantine.delete(*id).await.map_err(|error| error.to_string())? {
                return Err(format!(
                    "{}; {deleted} were deleted before it",
                    missing(*id, "the quarantine")
                ));
            }
            if let Some(held) = held.filter(|held| held.state != HeldState::Deleted) {
                stores.trace.record_deletion(&held);
            }
            tracing::warn!(%id, "deleted from the quarantine on an operator's word");
            deleted += 1;
        }
        Ok(json!({ "deleted": deleted }))
    }

    /// Everything `sluss limits show` shows.
    pub(super) fn limits(&self) -> Result<LimitsShown, String> {
        if self.reload.is_none() {
            return Err(NO_LIMITS_WITHOUT_GATEWAY.to_string());
        }
        let gateway = &self.gateway;
        let (counts, settings) = (&gateway.client_limits, gateway.settings.load());
        let (bounds, now) = (&settings.config.limits, gateway.clock.tick());
        let mut seen = counts.seen(bounds, &gateway.clock);
        seen.extend(self.connections.seen(bounds));
        let mut refused: HashMap<(Limit, Who), u64> = counts
            .encounters
            .list(now)
            .into_iter()
            .map(|(limit, who, refused)| ((limit, who), refused))
            .collect();
        let line = |seen: Seen, refused: u64| LimitLine {
            limit: seen.limit.word().to_string(),
            who: seen.who.to_string(),
            count: seen.count,
            bound: seen.limit.bound(bounds),
            until_ms: seen.until.map(|until| until.0),
            refused,
        };
        let mut lines: Vec<LimitLine> = seen
            .into_iter()
            .map(|seen| {
                let refused = refused.remove(&(seen.limit, seen.who.clone())).unwrap_or(0);
                line(seen, refused)
            })
            .collect();
        // Who was refused of late and is far from the bound by now.
        lines.extend(refused.into_iter().map(|((limit, who), refused)| {
            let open =
                || self.connections.count_of(&who).and_then(|count| u64::try_from(count).ok());
            let count = match limit {
                Limit::ResidentBytes => Some(resident_bytes()),
                Limit::Connections
                | Limit::ConnectionsPerAddress
                | Limit::ConnectionsPerNetwork => open(),
                Limit::TransactionsPerMinute
                | Limit::UserTransactionsPerMinute
                | Limit::CalloutsPerNetwork => counts.count(limit, &who, now),
            };
            line(Seen { limit, who, count: count.unwrap_or(0), until: None }, refused)
        }));
        lines.extend(self.accounts());
        lines.sort_by(|a, b| (b.refused, &a.limit, &a.who).cmp(&(a.refused, &b.limit, &b.who)));
        Ok(LimitsShown {
            lines,
            addresses_remembered: counts.transactions.remembered(),
            addresses_max: limits::CLIENTS_REMEMBERED_MAX,
            users_remembered: counts.user_transactions.remembered(),
            table_bytes: counts.transactions.bytes() + counts.user_transactions.bytes(),
            refused_since_start: counts.encounters.refused(),
            strangers: gateway.guard.figures(gateway.clock.now()),
            callouts: gateway.admission.callouts.counts(),
        })
    }

    /// Accounts of ours that are held, or near it.
    fn accounts(&self) -> Vec<LimitLine> {
        let settings = self.gateway.settings.load();
        let new_per_hour = settings.config.limits.new_account_recipients_per_hour;
        let seen = self.gateway.stores.habits.seen(new_per_hour).into_iter();
        let line = |seen: AccountSeen| LimitLine {
            limit: if seen.why.is_some() { "account-held" } else { "account-recipients" }
                .to_string(),
            who: seen.account.name,
            count: seen.recipients,
            bound: Some(seen.held_at),
            until_ms: None,
            refused: seen.waiting,
        };
        seen.map(line).collect()
    }

    /// Forgets what was counted for somebody, or lets a held account go on.
    pub(super) async fn release_limits(&self, what: &str) -> Result<Forgotten, String> {
        if let Some(mails) = accounts::release(&self.gateway, what).await {
            return Ok(Forgotten::Account { mails });
        }
        if self.reload.is_none() {
            return Err(NO_LIMITS_WITHOUT_GATEWAY.to_string());
        }
        let release = Release::parse(what);
        let points = match &release {
            Release::All => self.gateway.guard.release(None),
            Release::Within(network) => self.gateway.guard.release(Some(*network)),
            Release::User(_) => 0,
        };
        // A recipient may be named as well: what its next hop said of it is asked anew.
        let answers = match &release {
            Release::All => self.gateway.admission.callouts.forget(None),
            Release::User(name) => {
                self.gateway.admission.callouts.forget(Some(&name.to_lowercase()))
            }
            Release::Within(_) => 0,
        };
        let forgotten = self.gateway.client_limits.release(&release) + points + answers;
        if forgotten == 0 && release != Release::All {
            return Err(format!("nothing is counted for {what}, and it has met no limit of late"));
        }
        tracing::warn!(what, forgotten, "limits were released on an operator's word");
        Ok(Forgotten::Counts(forgotten))
    }

    /// Forgets a correspondent's accounts; gives how many.
    pub(super) async fn forget_accounts(
        &self,
        organisation: Option<String>,
        correspondent: &str,
    ) -> Result<u64, String> {
        let owner = organisation.map(|name| Organisation::named(&name));
        let correspondent = correspondent.to_lowercase();
        let memory = &self.gateway.stores.bank_accounts;
        let forgotten = memory.forget(owner, &correspondent).await;
        let forgotten = forgotten.map_err(|error| error.to_string())?;
        if forgotten == 0 {
            return Err(no_accounts(&correspondent));
        }
        tracing::warn!(
            correspondent,
            forgotten,
            "bank accounts were forgotten on an operator's word"
        );
        Ok(forgotten)
    }

    /// Takes a correspondent's accounts for known; gives how many.
    pub(super) async fn approve_accounts(
        &self,
        organisation: Option<String>,
        correspondent: String,
        account: Option<String>,
    ) -> Result<u64, String> {
        let organisation = self.memory_owner(organisation)?;
        let account = account.map(|written| {
            let account = personal::accounts::read(&written).map(|found| (found.kind, found.value));
            account.ok_or_else(|| "this is no account that can be recognised, or its check digit is wrong: write an IBAN, or the number with its word before it, as in \"bankgiro 5050-1055\"".to_string())
        });
        let correspondent = correspondent.to_lowercase();
        let lesson = Lesson {
            organisation,
            correspondent: correspondent.clone(),
            accounts: account.transpose()?.into_iter().collect(),
        };
        let memory = &self.gateway.stores.bank_accounts;
        if !memory.is_on() {
            return Err("[store] bank-account-days is 0: no account is remembered".to_string());
        }
        let approved = memory.approve(lesson).await.map_err(|error| error.to_string())?;
        if approved == 0 {
            return Err(no_accounts(&correspondent));
        }
        tracing::warn!(
            correspondent,
            approved,
            "bank accounts were approved on an operator's word"
        );
        Ok(approved)
    }

    /// The organisation that was named, or the only one.
    fn memory_owner(&self, named: Option<String>) -> Result<Organisation, String> {
        let settings = self.gateway.settings.load();
        let mut all = settings.organisations().map(|hosted| hosted.name().clone());
        match named {
            Some(name) => all
                .find(|one| one.name() == name)
                .ok_or_else(|| format!("there is no organisation {name}")),
            None => match (all.next(), all.next()) {
                (Some(only), None) => Ok(only),
                _ => {
                    Err("there are several organisations: name one with --organisation".to_string())
                }
            },
        }
    }

    fn list_keys(&self) -> Value {
        let ring = &self.gateway.stores.ring;
        let master = ring.master();
        json!({
            "master": { "fingerprint": master.fingerprint(), "origin": master.origin.word(), "file": master.file },
            "keys": ring.list(),
            "signing": ring.signer_lines(),
        })
    }

    async fn rotate_master(&self, to: Option<PathBuf>) -> Result<Value, String> {
        let ring = self.gateway.stores.ring.clone();
        let elsewhere = to.is_some();
        let rotated = tokio::task::spawn_blocking(move || ring.rotate_master(to.as_deref()));
        let file =
            rotated.await.map_err(|error| error.to_string())?.map_err(|error| error.to_string())?;
        let fingerprint = self.gateway.stores.ring.master().fingerprint();
        tracing::warn!(file = %file.display(), fingerprint, "the keys are wrapped by a new master key");
        let then = match elsewhere {
            true => "; let [store] master-key name it before the next start",
            false => "; copy it to where the old one is kept",
        };
        Ok(json!(format!("the new master key {fingerprint} is in {}{then}", file.display())))
    }

    /// Makes a new key for an organisation, and wraps everything of it anew.
    pub(super) async fn renew_key(&self, organisation: &str) -> Result<Rekeyed, String> {
        let stores = &self.gateway.stores;
        let organisation = Organisation::named(organisation);
        let rekeying = Rekeying {
            ring: &stores.ring,
            spool: &stores.spool,
            quarantine: &stores.quarantine,
            correspondence: &stores.correspondence,
            bank_accounts: &stores.bank_accounts,
            lessons: &stores.lessons,
            persons: &stores.persons,
        };
        let done = rekeying.begin(&organisation).await.map_err(|error| error.to_string())?;
        tracing::warn!(%organisation, version = done.version, "an organisation has a new key");
        Ok(done)
    }

    /// Everything `sluss status` shows.
    pub async fn status(&self) -> Value {
        let gateway = &self.gateway;
        let settings = gateway.settings.load();
        let now = gateway.clock.now();
        let (held, held_bytes) = gateway.stores.quarantine.totals().await.unwrap_or_default();
        let day = gateway
            .stores
            .trace
            .counts(now.minus(Duration::from_secs(86_400)).0)
            .await
            .unwrap_or_default();
        let spool = gateway.stores.spool.state();
        let master = gateway.stores.ring.master();
        json!({
            "version": env!("CARGO_PKG_VERSION"),
            "hostname": settings.config.hostname.to_string(),
            "well": settings.may_judge,
            "up_seconds": now.since(self.started).as_secs(),
            "resident_bytes": resident_bytes(),
            "name_servers_silent": gateway.dns.rests(),
            "connections": self.connections.count(),
            "crowded": self.connections.is_crowded(),
            "examiners_waiting": gateway.waiting(),
            "limits": {
                "accounts_held": gateway.stores.habits.held_count(),
                "met": gateway.client_limits.encounters.list(gateway.clock.tick()).len(),
                "refused_since_start": gateway.client_limits.encounters.refused(),
                "addresses_remembered": gateway.client_limits.transactions.remembered(),
            },
            "strangers": gateway.guard.figures(now),
            "learned": gateway.school.mind().progress(),
            "rules": settings.rules_loaded,
            "domains": settings.domain_count(),
            "organisations": settings.organisations().map(|hosted| hosted.name().to_string()).collect::<Vec<_>>(),
            "accept_everybody": gateway.admission.accept_everybody().iter().map(ToString::to_string).collect::<Vec<_>>(),
            "dns_lists": settings.dns_lists.standings().map(|(list, aside)| json!({ "name": list.name, "zone": list.zone, "means": list.means, "aside": aside })).collect::<Vec<_>>(),
            "domains_on_trial": { "shadow": settings.domains_in(Mode::Shadow), "tag": settings.domains_in(Mode::Tag) },
            "queue": { "mails": gateway.queue.len(), "under_way": gateway.queue.under_way(), "on_hold": gateway.queue.on_hold(), "log_bytes": spool.log_bytes, "segments": spool.segments },
            "quarantine": { "held": held, "bytes": held_bytes },
            "last_24_hours": day.into_iter().map(|(action, count)| (if action.is_empty() { "refused before DATA".to_string() } else { action }, json!(count))).collect::<serde_json::Map<_, _>>(),
            "store_notes": *gateway.stores.notes,
            "master_key": { "origin": master.origin.word(), "file": master.file, "same_file_system": master.shares_file_system(&settings.config.data_dir) },
            "trace_rows_dropped": gateway.stores.trace.dropped(),
            "free_disk_bytes": gateway.stores.spool.free_bytes().unwrap_or(0),
            "deviations": self.deviations(),
            "audit_link": gateway.stores.audit.link(),
            "release_key": self.signer.public_key(),
        })
    }

    async fn renew_certificate(&self, who: &Actor, next_key: bool) -> Result<Value, String> {
        let renew = self.renew.as_ref().ok_or("no gateway is running; at its start it asks")?;
        let (tell, told) = tokio::sync::oneshot::channel();
        let key = if next_key { WhichKey::Next } else { WhichKey::Same };
        let asked = Renewing { who: who.clone(), key, tell };
        renew.send(asked).await.map_err(|_| "the gateway is ending".to_string())?;
        let got = told.await.map_err(|_| "the gateway is ending".to_string())??;
        Ok(json!({
            "names": got.names,
            "until": got.ends.map(date::write_iso),
            "fingerprint": got.fingerprint,
            "key": got.key,
        }))
    }

    /// Has the main task read everything again; gives what is other since.
    pub(super) async fn reload(&self, who: &Actor) -> Result<Reloaded, String> {
        let reload =
            self.reload.as_ref().ok_or("no gateway is running, so there is nothing to reload")?;
        let (tell, told) = tokio::sync::oneshot::channel();
        let asked = Reloading { who: who.clone(), tell };
        reload.send(asked).await.map_err(|_| "the gateway is ending".to_string())?;
        told.await.map_err(|_| "the gateway is ending".to_string())?
    }
}

fn missing(id: Id, place: &str) -> String {
    format!("there is no {id} in {place}")
}

/// The socket of the gateway that has this data folder.
pub fn socket_path(data_dir: &Path) -> PathBuf {
    data_dir.join("control.sock")
}

/// Opens the socket. A stale one of a killed process is replaced: the store's lock has already shown that none runs.
pub fn bind(data_dir: &Path) -> io::Result<UnixListener> {
    let path = socket_path(data_dir);
    match std::fs::remove_file(&path) {
        Ok(()) => (),
        Err(error) if error.kind() == io::ErrorKind::NotFound => (),
        Err(error) => return Err(error),
    }
    let listener = UnixListener::bind(&path)?;
    std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o600))?;
    Ok(listener)
}

/// Answers commands until the process ends.
pub async fn serve(desk: Arc<Desk>, listener: UnixListener) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                tokio::spawn(one(desk.clone(), stream));
            }
            Err(error) => {
                tracing::error!(%error, "the control socket failed");
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
        }
    }
}

async fn one(desk: Arc<Desk>, stream: UnixStream) {
    let other_end = stream.peer_cred().map(|peer| caller::of_user(peer.uid()));
    let (read, mut write) = stream.into_split();
    let bound = u64::try_from(limits::CONTROL_LINE_BYTES_MAX).unwrap_or(u64::MAX);
    let mut line = String::new();
    if let Err(error) = BufReader::new(read.take(bound)).read_line(&mut line).await {
        tracing::debug!(%error, "a command hung up");
        return;
    }
    let asking: Asking = serde_json::from_str(&line).unwrap_or_default();
    let asking = Asking { by: asking.by.or(other_end.ok()), ..asking };
    let response = match serde_json::from_str(&line) {
        Ok(request) => desk.answer(request, asking).await,
        Err(error) => Response::Error(format!("not understood: {error}")),
    };
    let mut text = serde_json::to_string(&response)
        .unwrap_or_else(|error| format!("{{\"error\":\"{error}\"}}"));
    text.push('\n');
    if let Err(error) = write.write_all(text.as_bytes()).await {
        tracing::debug!(%error, "a command hung up");
    }
}

/// Asks a running gateway. None when none is running.
pub async fn ask(data_dir: &Path, request: &Request) -> io::Result<Option<Response>> {
    let by = Some(caller::of_this_process());
    ask_as(data_dir, request, &Asking { by, ..Asking::default() }).await
}

/// The same, for whoever that is.
pub async fn ask_as(
    data_dir: &Path,
    request: &Request,
    asking: &Asking,
) -> io::Result<Option<Response>> {
    let mut stream = match UnixStream::connect(socket_path(data_dir)).await {
        Ok(stream) => stream,
        Err(error)
            if matches!(
                error.kind(),
                io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused
            ) =>
        {
            return Ok(None);
        }
        Err(error) => return Err(error),
    };
    let mut line = serde_json::to_value(request).map_err(io::Error::other)?;
    let beside = serde_json::to_value(asking).map_err(io::Error::other)?;
    if let (Some(line), Value::Object(beside)) = (line.as_object_mut(), beside) {
        line.extend(beside);
    }
    let mut line = line.to_string();
    line.push('\n');
    stream.write_all(line.as_bytes()).await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    serde_json::from_str(&answer).map(Some).map_err(io::Error::other)
}

/// What an operator asks to see as an organisation sees it; none: all of it.
fn scope_of(organisation: Option<String>) -> Sight {
    organisation.map_or(Sight::Everything, |name| Sight::Organisation(Organisation::named(&name)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scripts_ask_with_ids_or_with_what_mails_are_like() {
        let id = Id::new(UnixMs(1), [1; 10]);
        let like = QueueFilter { sender: Some("a@".to_string()), ..QueueFilter::default() };
        for (line, want) in [
            (
                r#"{"command":"queue-list","rows":9}"#.to_string(),
                Request::QueueList { filter: QueueFilter::default(), rows: 9 },
            ),
            (
                r#"{"command":"queue-retry","ids":[]}"#.to_string(),
                Request::QueueRetry { chosen: Chosen::Ids(Vec::new()) },
            ),
            (
                format!(r#"{{"command":"queue-drop","ids":["{id}"]}}"#),
                Request::QueueDrop { chosen: Chosen::Ids(vec![id]) },
            ),
            (
                r#"{"command":"queue-hold","like":{"sender":"a@"}}"#.to_string(),
                Request::QueueHold { chosen: Chosen::Like(like) },
            ),
        ] {
            assert_eq!(serde_json::from_str::<Request>(&line).unwrap(), want, "{line}");
        }
    }
}
