//! Keys: those that sign our domains' mail, with their DNS records, and those that wrap what rests. Never a key itself.

use super::operate::{Whole, back, can, frame, not_found, sentence};
use crate::{
    base::{limits, units},
    edge::{
        control::Request,
        dkim_desk::{self, Ask},
        http::{
            Needs, Place, Route,
            frame::{Frame, Note, Section, render},
            rights::Right,
            site::Site,
            visit::{Fields, Query, Visitor},
            words::{Moment, Wall, plain},
        },
    },
    mail::{Domain, Organisation},
    store::{dkim::DkimKey, keyring::KeyLine, rekey::Rekeyed, scope::Scope},
    wire::auth::sign::Signs,
};
use askama::Template;
use axum::{
    extract::State,
    response::Response,
    routing::{get, post},
};
use std::sync::Arc;

const LOOK: Needs = Needs::Right(Right::Settings);
const ACT: Needs = Needs::Right(Right::Operate);

pub(in crate::edge::http) const ROUTES: &[Route] = &[
    Route::page("/keys", "keys that sign, and keys of what rests", LOOK, || get(keys)),
    Route::act("/keys/look", "look for the records of signing keys", ACT, || post(look)),
    Route::act("/keys/sign", "make new signing keys for a domain", ACT, || post(sign)),
    Route::act("/keys/renew", "make a new key for an organisation", ACT, || post(renew)),
];

#[derive(Template)]
#[template(path = "keys.html")]
struct KeysPage {
    frame: Frame,
    pages: Vec<Section>,
    signing: Vec<SigningRow>,
    more: usize,
    domain: String,
    rest: Vec<RestRow>,
    /// Whose keys of what rests the visitor may see: an organisation's are of all its domains.
    rest_is_shown: bool,
    master: Option<Master>,
    may_act: bool,
}

struct SigningRow {
    domain: String,
    selector: String,
    algorithm: &'static str,
    state: &'static str,
    since: Moment,
    record_name: String,
    record: String,
}

struct RestRow {
    organisation: String,
    version: u32,
    made: Moment,
    age: String,
    in_force: bool,
}

struct Master {
    fingerprint: String,
    origin: &'static str,
    file: String,
    beside_the_data: bool,
    /// The key that signs the audit log.
    signs_log: Option<String>,
}

async fn keys(State(site): State<Place>, visitor: Visitor, Query(query): Query) -> Response {
    let (frame, pages) = frame(&site, &visitor, "Keys", "/keys");
    let domain = query.get("domain").trim().to_lowercase();
    let mine = signing(&site, &visitor, &domain);
    let can_see_master = visitor.scope == Scope::Everything && can(&visitor, Right::Site);
    let wall = site.wall();
    render(&KeysPage {
        frame,
        pages,
        more: mine.len().saturating_sub(limits::WEB_PAGE_ROWS),
        signing: mine
            .iter()
            .take(limits::WEB_PAGE_ROWS)
            .map(|key| signing_row(key, &wall))
            .collect(),
        domain,
        rest: rest_rows(&site, &visitor.scope),
        rest_is_shown: !matches!(Whole::of(&visitor.scope), Whole::Nothing),
        master: can_see_master.then(|| master(&site)),
        may_act: can(&visitor, Right::Operate),
    })
}

/// Keys that a visitor may see; those of one domain, if there is one.
pub(in crate::edge::http) fn signing(
    site: &Site,
    visitor: &Visitor,
    domain: &str,
) -> Vec<Arc<DkimKey>> {
    let all = site.gateway().dkim.list().into_iter();
    all.filter(|key| sees_domain(site, &visitor.scope, key.domain()))
        .filter(|key| domain.is_empty() || key.domain().as_str() == domain)
        .collect()
}

/// Is this domain's mail the visitor's? It belongs to who may write as it.
fn sees_domain(site: &Site, scope: &Scope, domain: &Domain) -> bool {
    let settings = site.gateway().settings.load();
    let is_of =
        |own: &Organisation| settings.writer(domain).is_some_and(|owner| owner.name() == own);
    match scope {
        Scope::Everything => true,
        Scope::Organisation(own) => is_of(own),
        Scope::Domains(own, domains) => is_of(own) && domains.contains(domain),
        Scope::Mailbox(..) => false,
    }
}

fn signing_row(key: &DkimKey, wall: &Wall) -> SigningRow {
    SigningRow {
        domain: key.domain().to_string(),
        selector: plain(key.selector()),
        algorithm: key.algorithm().word(),
        state: key.state.word(),
        since: Moment::of(wall, key.since),
        record_name: key.record_name(),
        record: key.record(),
    }
}

/// Is this key of what rests one that a visitor may know of?
pub(in crate::edge::http) fn rests_for(scope: &Scope, line: &KeyLine) -> bool {
    match Whole::of(scope) {
        Whole::Everything => true,
        Whole::Of(own) => line.organisation == own,
        Whole::Nothing => false,
    }
}

fn rest_rows(site: &Site, scope: &Scope) -> Vec<RestRow> {
    let now = site.now();
    let keys = site.gateway().stores.ring.list();
    let newest = |line: &KeyLine| {
        !keys
            .iter()
            .any(|other| other.organisation == line.organisation && other.version > line.version)
    };
    keys.iter()
        .filter(|line| rests_for(scope, line))
        .take(limits::LIST_ROWS_DEFAULT)
        .map(|line| RestRow {
            organisation: line.organisation.to_string(),
            version: line.version,
            made: Moment::of(&site.wall(), line.made),
            age: units::roughly(now.since(line.made)),
            in_force: newest(line),
        })
        .collect()
}

fn master(site: &Site) -> Master {
    let gateway = site.gateway();
    let master = gateway.stores.ring.master();
    let data_dir = gateway.settings.load().config.data_dir.clone();
    let signs = gateway.stores.ring.signer_lines().pop();
    Master {
        signs_log: signs.map(|key| key.fingerprint.to_string()),
        fingerprint: master.fingerprint(),
        origin: master.origin.word(),
        file: plain(&master.file.display().to_string()),
        beside_the_data: master.shares_file_system(&data_dir),
    }
}

async fn look(State(site): State<Place>, visitor: Visitor) -> Response {
    let note = match looked(&site, &visitor).await {
        Ok(found) => {
            let found = found.as_array().cloned().unwrap_or_default();
            let are = |word: &str| {
                found.iter().filter(|key| key.get("record").is_some_and(|it| it == word)).count()
            };
            Note::done(format!(
                "Of {} records, {} are published, {} are missing, and of {} nobody could say.",
                found.len(),
                are("published"),
                are("missing"),
                are("unknown")
            ))
        }
        Err(why) => Note::failed(sentence(&plain(&why))),
    };
    back(&site, &visitor, "/keys", note)
}

/// Looks for the records of signing keys, in a visitor's name.
pub(in crate::edge::http) async fn looked(
    site: &Site,
    visitor: &Visitor,
) -> Result<serde_json::Value, String> {
    let request = Request::Dkim { ask: Ask::Check };
    let act = dkim_desk::answer(site.gateway(), Ask::Check);
    site.asked(visitor, &request, act).await
}

async fn sign(State(site): State<Place>, visitor: Visitor, fields: Fields) -> Response {
    let note = match made(&site, &visitor, fields.get("domain")).await {
        Ok(_) => {
            Note::done("Two keys are made. They sign once their records are found in the DNS.")
        }
        Err(why) => Note::failed(sentence(&plain(&why))),
    };
    back(&site, &visitor, "/keys", note)
}

/// Makes new signing keys for a domain, in a visitor's name.
pub(in crate::edge::http) async fn made(
    site: &Site,
    visitor: &Visitor,
    domain: &str,
) -> Result<serde_json::Value, String> {
    let domain = domain.trim().to_string();
    let algorithms = ["rsa-sha256", "ed25519-sha256"].map(str::to_string).to_vec();
    let ask = Ask::Add { domain, selector: None, algorithms, pem: None, now: false };
    let request = Request::Dkim { ask: ask.clone() };
    let act = dkim_desk::answer(site.gateway(), ask);
    let made = site.asked(visitor, &request, act).await?;
    tracing::warn!(by = visitor.account.name, "signing keys were made by page");
    Ok(made)
}

async fn renew(State(site): State<Place>, visitor: Visitor, fields: Fields) -> Response {
    let name = fields.get("organisation");
    if !has_key(&site, name) {
        return not_found(&site, &visitor, "key");
    }
    if fields.get("sure") != "yes" {
        let note = Note::failed("Mark that you are sure: the old key is destroyed in the end.");
        return back(&site, &visitor, "/keys", note);
    }
    let note = match renewed(&site, &visitor, name).await {
        Ok(done) => Note::done(format!(
            "Key {} is in force; wrapped anew: {} waiting, {} held; old keys destroyed: {}.",
            done.version, done.waiting, done.held, done.destroyed
        )),
        Err(why) => Note::failed(sentence(&plain(&why))),
    };
    back(&site, &visitor, "/keys", note)
}

/// Is there a key of what rests of this organisation?
pub(in crate::edge::http) fn has_key(site: &Site, organisation: &str) -> bool {
    site.gateway().stores.ring.list().iter().any(|line| line.organisation.name() == organisation)
}

/// Makes a new key for an organisation, in a visitor's name.
pub(in crate::edge::http) async fn renewed(
    site: &Site,
    visitor: &Visitor,
    organisation: &str,
) -> Result<Rekeyed, String> {
    let request = Request::KeysRenew { organisation: organisation.to_string() };
    let done = site.asked(visitor, &request, site.desk().renew_key(organisation)).await?;
    tracing::warn!(by = visitor.account.name, "an organisation's key was renewed by page");
    Ok(done)
}
