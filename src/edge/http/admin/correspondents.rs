//! What is remembered of a correspondent: how much was written, and that accounts were named; counts and kinds, never a number.
//!
//! A memory is an organisation's as a whole: whoever sees some domains of one sees nothing of it.

use super::operate::{Whole, back, can, frame, not_found, sentence};
use crate::{
    base::{clock::UnixMs, limits},
    edge::{
        control::Request,
        correspondents,
        http::{
            Needs, Place, Route,
            frame::{Frame, Note, Section, render},
            rights::Right,
            site::{Site, store_is_away},
            sure::{Sure, ask, is_sure},
            visit::{Fields, Query, Visitor},
            words::{Moment, Wall, of_many, plain, short},
        },
    },
    mail::Organisation,
    store::{bank_accounts::Line, correspondence::CorrespondentLine},
};
use askama::Template;
use axum::{
    extract::State,
    response::Response,
    routing::{get, post},
};

const LOOK: Needs = Needs::Right(Right::Look);
const ACT: Needs = Needs::Right(Right::Decide);

pub(in crate::edge::http) const ROUTES: &[Route] = &[
    Route::page("/correspondents", "what is remembered of a correspondent", LOOK, || get(show)),
    Route::act("/correspondents/forget", "forget a correspondent", ACT, || post(forget)),
    Route::act("/bank-accounts/forget", "forget a correspondent's accounts", ACT, || {
        post(forget_accounts)
    }),
    Route::act("/bank-accounts/approve", "take a correspondent's accounts for right", ACT, || {
        post(approve)
    }),
];

#[derive(Template)]
#[template(path = "correspondents.html")]
struct CorrespondentsPage {
    frame: Frame,
    pages: Vec<Section>,
    not_whole: bool,
    what: String,
    organisation: String,
    organisations: Vec<String>,
    known: Vec<Known>,
    accounts: Vec<Accounts>,
    may_act: bool,
}

struct Known {
    organisation: String,
    role: &'static str,
    pairs: u64,
    written: String,
    came: String,
    unwanted: String,
    first: Option<Moment>,
    last: Option<Moment>,
}

struct Accounts {
    organisation: String,
    /// As it is called, for the form.
    name: String,
    correspondent: String,
    mails: u32,
    kinds: String,
    approved: u32,
    first: Moment,
    last: Moment,
}

async fn show(State(site): State<Place>, visitor: Visitor, Query(query): Query) -> Response {
    let (mut frame, pages) = frame(&site, &visitor, "Correspondents", "/correspondents");
    let what = query.get("what").trim().to_string();
    let asked = query.get("organisation").to_string();
    let owner = owner(&visitor, &asked);
    let settings = site.gateway().settings.load();
    let organisations = match Whole::of(&visitor.scope) {
        Whole::Everything => settings.organisations().map(|one| one.name().to_string()).collect(),
        Whole::Of(_) | Whole::Nothing => Vec::new(),
    };
    let (mut known, mut accounts) = (Vec::new(), Vec::new());
    if let Some(owner) = &owner {
        match remembered(&site, &what, owner).await {
            Ok(lines) => known = lines.iter().map(|line| known_row(line, &site.wall())).collect(),
            Err(why) => frame.note = Some(Note::failed(sentence(&plain(&why)))),
        }
        let memory = &site.gateway().stores.bank_accounts;
        let part = Some(what.to_lowercase()).filter(|part| !part.is_empty());
        match memory.list(owner.clone(), part, limits::WEB_PAGE_ROWS).await {
            Ok(lines) => {
                accounts = lines.iter().map(|line| account_row(line, &site.wall())).collect()
            }
            Err(error) => frame.note = Some(Note::failed(store_is_away(&error))),
        }
    }
    render(&CorrespondentsPage {
        frame,
        pages,
        not_whole: owner.is_none(),
        what,
        organisation: asked,
        organisations,
        known,
        accounts,
        may_act: can(&visitor, Right::Decide),
    })
}

/// Whose memory a visitor's question is put to: none of it, that of one organisation, or (`Some(None)`) of all.
pub(in crate::edge::http) fn owner(visitor: &Visitor, asked: &str) -> Option<Option<Organisation>> {
    match Whole::of(&visitor.scope) {
        Whole::Everything if asked.is_empty() => Some(None),
        Whole::Everything => Some(Some(Organisation::named(asked))),
        Whole::Of(own) => Some(Some(own)),
        Whole::Nothing => None,
    }
}

/// What is remembered of an address or a domain.
pub(in crate::edge::http) async fn remembered(
    site: &Site,
    what: &str,
    owner: &Option<Organisation>,
) -> Result<Vec<CorrespondentLine>, String> {
    if what.is_empty() {
        return Ok(Vec::new());
    }
    correspondents::lines(site.gateway(), what, owner.as_ref()).await
}

fn known_row(line: &CorrespondentLine, wall: &Wall) -> Known {
    let moment = |at: u64| (at > 0).then(|| Moment::of(wall, UnixMs(at)));
    Known {
        organisation: line.organisation.clone(),
        role: match line.what.as_str() {
            "address" => "as one of theirs",
            "ours" => "as one of ours",
            _ => "as a domain",
        },
        pairs: line.pairs,
        written: format!("{:.1}", line.written),
        came: format!("{:.1}", line.came),
        unwanted: format!("{:.1}", line.unwanted),
        first: moment(line.first_ms),
        last: moment(line.last_ms),
    }
}

fn account_row(line: &Line, wall: &Wall) -> Accounts {
    let kinds = line.kinds.iter().map(|(kind, count)| format!("{count} {kind}"));
    Accounts {
        organisation: line.organisation.clone(),
        name: line.correspondent.clone(),
        correspondent: short(&line.correspondent),
        mails: line.invoices,
        kinds: kinds.collect::<Vec<_>>().join(", "),
        approved: line.approved,
        first: Moment::of(wall, line.first_seen),
        last: Moment::of(wall, line.last_seen),
    }
}

const PATH: &str = "/correspondents";
/// Its section of the menu.
const OPERATE: &str = "/operate";

/// Says what came of an act, on the page that it was sent from.
fn told(site: &Site, visitor: &Visitor, done: Result<String, String>) -> Response {
    let note = match done {
        Ok(text) => {
            tracing::warn!(
                by = visitor.account.name,
                "a memory of a correspondent was changed by page"
            );
            Note::done(text)
        }
        Err(why) => Note::failed(sentence(&plain(&why))),
    };
    back(site, visitor, PATH, note)
}

fn accounts(count: u64, what: &str) -> String {
    let count = usize::try_from(count).unwrap_or(usize::MAX);
    format!("{} {what}.", of_many(count, "account", "accounts"))
}

async fn forget(State(site): State<Place>, visitor: Visitor, fields: Fields) -> Response {
    let Some(owner) = owner(&visitor, fields.get("organisation")) else {
        return not_found(&site, &visitor, "memory");
    };
    if !is_sure(&fields) {
        let sure = Sure {
            question: format!("Forget {}?", short(fields.get("what"))),
            touches: vec![
                "How often mail went and came, how much of it was unwanted, and since when, is forgotten.".to_string(),
                "The next mail from there is one from a stranger: warnings, checks and greylisting begin anew.".to_string(),
                "It cannot be taken back; it is learned again as mail is exchanged.".to_string(),
            ],
            action: "/correspondents/forget",
            button: "Forget it",
            leave: PATH,
        };
        return ask(Frame::new(&site, &visitor, "Forget a correspondent?", OPERATE), sure, &fields);
    }
    let memory = Memory { owner, what: fields.get("what").to_string() };
    let gone = forgotten(&site, &visitor, memory).await;
    told(&site, &visitor, gone.map(|count| format!("{} forgotten.", of_many(count, "row", "rows"))))
}

/// A correspondent, and whose memory of it is meant: one organisation's, or that of all.
pub(in crate::edge::http) struct Memory {
    pub(in crate::edge::http) owner: Option<Organisation>,
    pub(in crate::edge::http) what: String,
}

impl Memory {
    fn organisation(&self) -> Option<String> {
        self.owner.as_ref().map(|owner| owner.name().to_string())
    }
}

/// Forgets a correspondent, in a visitor's name; gives how many rows.
pub(in crate::edge::http) async fn forgotten(
    site: &Site,
    visitor: &Visitor,
    memory: Memory,
) -> Result<usize, String> {
    let what = memory.what.trim();
    let organisation = memory.organisation();
    let request = Request::CorrespondentsForget { what: what.to_string(), organisation };
    let act = correspondents::erase(site.gateway(), what, memory.owner.as_ref());
    site.asked(visitor, &request, act).await
}

/// Forgets a correspondent's accounts, in a visitor's name; gives how many.
pub(in crate::edge::http) async fn accounts_forgotten(
    site: &Site,
    visitor: &Visitor,
    memory: Memory,
) -> Result<u64, String> {
    let (organisation, correspondent) = (memory.organisation(), memory.what.trim().to_string());
    let request = Request::AccountsForget {
        organisation: organisation.clone(),
        correspondent: correspondent.clone(),
    };
    let act = site.desk().forget_accounts(organisation, &correspondent);
    site.asked(visitor, &request, act).await
}

/// Takes a correspondent's accounts for right, in a visitor's name; gives how many.
pub(in crate::edge::http) async fn approved(
    site: &Site,
    visitor: &Visitor,
    memory: Memory,
    account: Option<String>,
) -> Result<u64, String> {
    let (organisation, correspondent) = (memory.organisation(), memory.what.trim().to_string());
    let account = account.map(|text| text.trim().to_string()).filter(|text| !text.is_empty());
    let request = Request::AccountsApprove {
        organisation: organisation.clone(),
        correspondent: correspondent.clone(),
        account: account.clone(),
    };
    let act = site.desk().approve_accounts(organisation, correspondent, account);
    site.asked(visitor, &request, act).await
}

async fn forget_accounts(State(site): State<Place>, visitor: Visitor, fields: Fields) -> Response {
    let Some(owner) = owner(&visitor, fields.get("organisation")) else {
        return not_found(&site, &visitor, "memory");
    };
    if !is_sure(&fields) {
        let sure = Sure {
            question: format!("Forget the accounts of {}?", short(fields.get("correspondent"))),
            touches: vec![
                "Which bank accounts stood in its invoices, and which of them somebody approved, is forgotten.".to_string(),
                "Nobody is warned of a changed account in its mail, until two more with accounts have come.".to_string(),
                "It cannot be taken back.".to_string(),
            ],
            action: "/bank-accounts/forget",
            button: "Forget them",
            leave: PATH,
        };
        return ask(Frame::new(&site, &visitor, "Forget accounts?", OPERATE), sure, &fields);
    }
    let memory = Memory { owner, what: fields.get("correspondent").to_string() };
    let gone = accounts_forgotten(&site, &visitor, memory).await;
    told(&site, &visitor, gone.map(|count| accounts(count, "forgotten")))
}

async fn approve(State(site): State<Place>, visitor: Visitor, fields: Fields) -> Response {
    let Some(owner) = owner(&visitor, fields.get("organisation")) else {
        return not_found(&site, &visitor, "memory");
    };
    let memory = Memory { owner, what: fields.get("correspondent").to_string() };
    let known = approved(&site, &visitor, memory, fields.given("account")).await;
    told(&site, &visitor, known.map(|count| accounts(count, "approved")))
}
