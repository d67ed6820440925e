//! The history of the stored configuration: who changed what, when and why, and the way back.
//!
//! Whoever sees the whole site sees all of it. Whoever looks after one organisation, or some of its domains, sees what was changed of that
//! alone, and takes back what their own pages could have changed. Auditors read as far as they see, and take nothing back.

use super::{
    configuration::{EntryChange, PATH, act, entry, is_whole, no_reason, signature, with_db},
    holds::Holds,
    operate::{back, can, frame, not_found, sentence},
};
use crate::{
    base::limits,
    config::layers::{Change, Kind, Origin, Target, Value, Version, from_json},
    edge::{
        http::{
            Needs, Place, Route,
            frame::{Again, Frame, Note, Section, render},
            rights::Right,
            site::Site,
            visit::{Fields, Query, Visitor},
            words::{Moment, Wall, plain},
        },
        origins,
        stored::{self, Earnest},
        undo,
    },
    mail::Organisation,
    store::{
        StoreError,
        embedded::{ConfigDb, EntryNames},
        scope::Scope,
    },
};
use askama::Template;
use axum::{
    extract::{Path, State},
    response::Response,
    routing::{get, post},
};
use std::collections::HashMap;

const NEEDS: Needs = Needs::Right(Right::Policy);
const LOOK: Needs = Needs::Right(Right::Settings);

pub(in crate::edge::http) const ROUTES: &[Route] = &[
    Route::page(HISTORY, "who changed what, when and why", LOOK, || get(history)),
    Route::page("/configuration/version/{number}", "what one version changed", LOOK, || {
        get(version)
    }),
    Route::act("/configuration/revert", "undo a version", NEEDS, || post(revert)),
];

const HISTORY: &str = "/configuration/history";

/// What of the history a visitor sees.
#[derive(Debug, Clone)]
pub(in crate::edge::http) enum Sight {
    /// All of it.
    Everything,
    /// What is of these entries, and of this organisation.
    Own(EntryNames, Organisation),
    /// Nothing.
    Nothing,
}

/// A version as a visitor sees it.
pub(in crate::edge::http) struct Told {
    pub(in crate::edge::http) version: Version,
    /// What it changed of what the visitor sees.
    pub(in crate::edge::http) changes: Vec<Change>,
    /// It changed nothing else.
    pub(in crate::edge::http) is_all: bool,
}

impl Sight {
    pub(in crate::edge::http) fn of(holds: &Holds, visitor: &Visitor) -> Sight {
        match &visitor.scope {
            Scope::Everything => Sight::Everything,
            Scope::Organisation(own) | Scope::Domains(own, _) => {
                Sight::Own(holds.own_entries(), own.clone())
            }
            Scope::Mailbox(..) => Sight::Nothing,
        }
    }

    /// The versions in it, newest first, at most `rows`, of those before one. Of one that changed something else too, why is not told: the
    /// reason may be about that.
    pub(in crate::edge::http) fn versions(
        &self,
        db: &ConfigDb,
        before: Option<u32>,
        rows: usize,
    ) -> Result<Vec<Version>, StoreError> {
        match self {
            Sight::Everything => db.versions(before, rows),
            Sight::Nothing => Ok(Vec::new()),
            Sight::Own(entries, _) => {
                let versions = db.versions_of(entries, before, rows)?;
                let told = versions.into_iter().map(|one| self.tell(db, one));
                told.map(|told| told.map(|told| told.version)).collect()
            }
        }
    }

    /// One version; none where the visitor sees nothing of it.
    pub(in crate::edge::http) fn version(
        &self,
        db: &ConfigDb,
        number: u32,
    ) -> Result<Option<Told>, StoreError> {
        let around = db.versions(number.checked_add(1), 1)?;
        let Some(version) = around.into_iter().find(|one| one.version == number) else {
            return Ok(None);
        };
        let told = self.tell(db, version)?;
        Ok(Some(told).filter(|told| told.is_all || !told.changes.is_empty()))
    }

    /// Whose a version is and when it was made; why, where all of it is in sight.
    fn head(&self, db: &ConfigDb, number: u32) -> Result<Option<Version>, StoreError> {
        let bare = || -> Result<Option<Version>, StoreError> {
            let around = db.versions(number.checked_add(1), 1)?;
            Ok(around.into_iter().find(|one| one.version == number))
        };
        match self {
            Sight::Everything => bare(),
            Sight::Own(..) | Sight::Nothing => match self.version(db, number)? {
                Some(told) => Ok(Some(told.version)),
                None => Ok(bare()?.map(|one| Version { comment: String::new(), ..one })),
            },
        }
    }

    fn tell(&self, db: &ConfigDb, version: Version) -> Result<Told, StoreError> {
        let changes = match self {
            Sight::Everything => db.changes(version.version)?,
            Sight::Own(entries, own) => {
                let mut changes = db.changes_of(entries, version.version)?;
                changes.retain(|change| is_of(own, change));
                changes
            }
            Sight::Nothing => Vec::new(),
        };
        let seen = u64::try_from(changes.len()).unwrap_or(u64::MAX);
        let is_all = match self {
            Sight::Everything => true,
            Sight::Own(..) => seen == version.changes,
            Sight::Nothing => false,
        };
        let comment = if is_all { version.comment.clone() } else { String::new() };
        Ok(Told { version: Version { comment, changes: seen, ..version }, changes, is_all })
    }
}

/// Was an entry this organisation's, before and after? A domain may have been another's once.
fn is_of(own: &Organisation, change: &Change) -> bool {
    let said = |value: &Option<String>| {
        let value = from_json(value.as_deref()?).ok()?;
        value.get("organisation")?.as_str().map(Organisation::named)
    };
    match change.kind {
        Kind::Domain => [&change.before, &change.after]
            .into_iter()
            .filter_map(said)
            .all(|organisation| organisation == *own),
        Kind::Organisation | Kind::Policy | Kind::Setting => true,
    }
}

/// May this visitor undo a version? All of it is theirs, and each value is one that a page of theirs changes; of what they did themselves,
/// the policy that they gave a domain of their own too.
pub(in crate::edge::http) fn may_undo(visitor: &Visitor, holds: &Holds, told: &Told) -> bool {
    let is_own_deed = told.version.author == visitor.account.name;
    let may = |target: &Target| {
        let gives_policy = target.kind == Kind::Domain
            && matches!(target.keys.as_slice(), [key] if key == "policy")
            && holds.domain(&target.name).is_some();
        holds.may_store(visitor, target) || (is_own_deed && gives_policy)
    };
    can(visitor, Right::Policy)
        && told.is_all
        && told.changes.iter().all(|change| {
            is_whole(visitor) || undo::touched(change).is_ok_and(|all| all.iter().all(may))
        })
}

/// A version that a visitor sees, with what holds, for whoever wants to undo it.
pub(in crate::edge::http) async fn seen(
    site: &Site,
    visitor: &Visitor,
    number: u32,
) -> Result<Option<(Told, Holds)>, String> {
    let holds = Holds::read(site, visitor).await?;
    let sight = Sight::of(&holds, visitor);
    let told = with_db(site, move |db| sight.version(&db, number)).await?.flatten();
    Ok(told.map(|told| (told, holds)))
}

/// Puts beside each value the version that said it last, and tells of these versions what the visitor may know.
pub(in crate::edge::http) async fn who_said(
    site: &Site,
    sight: Sight,
    mut values: Vec<Value>,
) -> Result<(Vec<Value>, HashMap<u32, Version>), String> {
    let unstored = values.clone();
    let read = with_db(site, move |db| {
        origins::settle(&db, &mut values)?;
        let mut versions = HashMap::new();
        for value in &values {
            if let Origin::Stored { version } = value.origin
                && !versions.contains_key(&version)
                && let Some(head) = sight.head(&db, version)?
            {
                versions.insert(version, head);
            }
        }
        Ok((values, versions))
    });
    Ok(read.await?.unwrap_or((unstored, HashMap::new())))
}

/// A page of the versions that a visitor sees.
pub(in crate::edge::http) async fn page_of_versions(
    site: &Site,
    visitor: &Visitor,
    before: Option<u32>,
    rows: usize,
) -> Result<Vec<Version>, String> {
    let sight = match is_whole(visitor) {
        true => Sight::Everything,
        false => Sight::of(&Holds::read(site, visitor).await?, visitor),
    };
    let read = with_db(site, move |db| sight.versions(&db, before, rows)).await?;
    Ok(read.unwrap_or_default())
}

#[derive(Template)]
#[template(path = "configuration_history.html")]
struct HistoryPage {
    frame: Frame,
    pages: Vec<Section>,
    is_whole: bool,
    rows: Vec<VersionRow>,
    next: String,
    trouble: String,
}

struct VersionRow {
    version: u32,
    at: Moment,
    author: String,
    comment: String,
    changes: u64,
}

async fn history(State(site): State<Place>, visitor: Visitor, Query(query): Query) -> Response {
    let (frame, pages) = frame(&site, &visitor, "History of the configuration", PATH);
    let before = query.get("before").parse::<u32>().ok();
    let found = page_of_versions(&site, &visitor, before, limits::WEB_PAGE_ROWS + 1).await;
    let (mut versions, trouble) = match found {
        Ok(found) => (found, String::new()),
        Err(why) => (Vec::new(), sentence(&why)),
    };
    let more = versions.len() > limits::WEB_PAGE_ROWS;
    versions.truncate(limits::WEB_PAGE_ROWS);
    let last = versions.last().map(|one| one.version).filter(|_| more);
    let next = last.map(|last| format!("{HISTORY}?before={last}")).unwrap_or_default();
    let rows = versions.iter().map(|one| version_row(one, &site.wall())).collect();
    render(&HistoryPage { frame, pages, is_whole: is_whole(&visitor), rows, next, trouble })
}

fn version_row(version: &Version, wall: &Wall) -> VersionRow {
    VersionRow {
        version: version.version,
        at: Moment::of(wall, version.at),
        author: plain(&version.author),
        comment: plain(&version.comment),
        changes: version.changes,
    }
}

#[derive(Template)]
#[template(path = "configuration_version.html")]
struct VersionPage {
    frame: Frame,
    pages: Vec<Section>,
    one: VersionRow,
    entries: Vec<EntryChange>,
    more: usize,
    /// What was typed before and failed.
    again: Again,
    may_undo: bool,
    may_go_back: bool,
    /// It changed what the visitor does not see, too.
    has_more: bool,
}

async fn version(
    State(site): State<Place>,
    visitor: Visitor,
    Path(number): Path<String>,
) -> Response {
    let Ok(number) = number.parse::<u32>() else { return not_found(&site, &visitor, "version") };
    let Ok(Some((told, holds))) = seen(&site, &visitor, number).await else {
        return not_found(&site, &visitor, "version");
    };
    let title = format!("Version {number} of the configuration");
    let (frame, pages) = frame(&site, &visitor, &title, PATH);
    let may_undo = may_undo(&visitor, &holds, &told);
    render(&VersionPage {
        again: frame.again("/configuration/revert").unwrap_or_default(),
        frame,
        pages,
        one: version_row(&told.version, &site.wall()),
        more: told.changes.len().saturating_sub(limits::WEB_PAGE_ROWS),
        entries: told.changes.iter().take(limits::WEB_PAGE_ROWS).map(entry).collect(),
        may_undo,
        may_go_back: may_undo && is_whole(&visitor) && holds.version != number,
        has_more: !told.is_all,
    })
}

async fn revert(State(site): State<Place>, visitor: Visitor, fields: Fields) -> Response {
    let Ok(number) = fields.get("version").parse::<u32>() else {
        return back(&site, &visitor, HISTORY, Note::failed("Say which version."));
    };
    let all = fields.get("how") == "to";
    let may = match (is_whole(&visitor), all) {
        // Whoever sees all is told what is wrong with it.
        (true, _) => true,
        (false, true) => false,
        (false, false) => {
            let seen = seen(&site, &visitor, number).await;
            seen.is_ok_and(|seen| {
                seen.is_some_and(|(told, holds)| may_undo(&visitor, &holds, &told))
            })
        }
    };
    if !may {
        return not_found(&site, &visitor, "version");
    }
    let page = format!("/configuration/version/{number}");
    if let Some(note) = no_reason(&fields) {
        return back(&site, &visitor, &page, note);
    }
    let layers = site.layers().clone();
    let signature = signature(&site, &visitor, &fields);
    act(&site, &visitor, HISTORY, move || {
        stored::change(&layers, &signature, Earnest::Yes, |edit, _| match all {
            true => stored::go_back(edit, number),
            false => undo::undo(edit, number),
        })
    })
    .await
}
