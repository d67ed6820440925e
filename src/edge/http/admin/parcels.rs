//! The portal as those see it who look after it: what waits there, for whom, until when, what became of it; and files that were stopped.
//! What is in it they do not see.

use super::operate::{back, can, frame, sentence};
use crate::{
    base::{ids::Id, limits},
    edge::http::{
        Needs, Place, Route,
        frame::{Frame, Note, Section, render},
        rights::Right,
        site::{Site, store_is_away},
        visit::{Fields, Visitor},
        words::{Moment, Wall, of_many, plain, short},
    },
    mail::Organisation,
    pipeline::release::{self, Away},
    store::{
        audit::{Details, Entry, What},
        held::Releaser,
        portal::{Carries, Over, Parcel},
        scope::Scope,
    },
};
use askama::Template;
use axum::{
    extract::State,
    response::Response,
    routing::{get, post},
};

const ACT: Needs = Needs::Right(Right::Decide);

pub(in crate::edge::http) const ROUTES: &[Route] = &[
    Route::page(PATH, "what waits in the portal", Needs::Right(Right::Look), || get(list)),
    Route::act(THROUGH, "files that were stopped go on to their reader", ACT, || post(through)),
    Route::act(WITHDRAW, "what waits in the portal is taken back", ACT, || post(withdraw)),
    Route::act(WAIVED, "what people said is no personal data is found again", ACT, || {
        post(forget_waived)
    }),
];

const PATH: &str = "/parcels";
const THROUGH: &str = "/parcels/through";
const WITHDRAW: &str = "/parcels/withdraw";
const WAIVED: &str = "/parcels/waived";

#[derive(Template)]
#[template(path = "parcels.html")]
struct ParcelsPage {
    frame: Frame,
    pages: Vec<Section>,
    rows: Vec<Row>,
    /// How many values people of each organisation said are no personal data.
    waived: Vec<(String, String)>,
    is_on: bool,
    may_act: bool,
    says_whose: bool,
}

struct Row {
    id: String,
    files: bool,
    from: String,
    to: String,
    organisation: String,
    made: Moment,
    until: Moment,
    state: String,
    class: &'static str,
    stopped: bool,
    danger: bool,
    waits: bool,
}

async fn list(State(site): State<Place>, visitor: Visitor) -> Response {
    let (mut frame, pages) = frame(&site, &visitor, "Portal", PATH);
    let of = match &visitor.scope {
        Scope::Everything => None,
        Scope::Organisation(own) | Scope::Domains(own, _) | Scope::Mailbox(own, _) => Some(own),
    };
    let found = site.gateway().stores.parcels.newest(of, limits::PARCELS_LISTED_MAX).await;
    let parcels = found.unwrap_or_else(|error| {
        frame.note = Some(Note::failed(store_is_away(&error)));
        Vec::new()
    });
    let mine = parcels.iter().filter(|parcel| covers(&visitor.scope, parcel));
    let wall = site.wall();
    let settings = site.gateway().settings.load();
    render(&ParcelsPage {
        frame,
        pages,
        rows: mine.map(|parcel| row(parcel, &wall)).collect(),
        waived: waived(&site, &visitor),
        is_on: settings.config.portal.enabled || settings.config.portal.upload,
        may_act: can(&visitor, Right::Decide),
        says_whose: visitor.scope == Scope::Everything,
    })
}

/// Of organisations that the visitor sees as a whole.
fn waived(site: &Site, visitor: &Visitor) -> Vec<(String, String)> {
    let sees = |organisation: &Organisation| {
        visitor.scope.contains(&Scope::Organisation(organisation.clone()))
    };
    let all = site.gateway().stores.waived.counts().into_iter();
    let mine = all.filter(|(organisation, _)| sees(organisation));
    mine.map(|(one, count)| (one.to_string(), of_many(count, "value", "values"))).collect()
}

/// Of a mail its sender is ours, of files their reader.
fn covers(scope: &Scope, parcel: &Parcel) -> bool {
    match parcel.carries {
        Carries::Mail => scope.covers_sent(&parcel.organisation, &parcel.sender),
        Carries::Files => scope.covers(&parcel.organisation, &parcel.recipient),
    }
}

fn row(parcel: &Parcel, wall: &Wall) -> Row {
    let (state, class) = state(parcel, wall);
    Row {
        id: parcel.id.to_string(),
        files: parcel.carries == Carries::Files,
        from: plain(&parcel.sender.to_string()),
        to: plain(&parcel.recipient.to_string()),
        organisation: parcel.organisation.to_string(),
        made: Moment::of(wall, parcel.made),
        until: Moment::of(wall, parcel.expires),
        state,
        class,
        stopped: parcel.stopped.is_some() && parcel.over.is_none(),
        danger: parcel.danger,
        waits: parcel.over.is_none(),
    }
}

fn state(parcel: &Parcel, wall: &Wall) -> (String, &'static str) {
    if let Some(over) = parcel.over {
        let how = match over {
            Over::Expired if parcel.opened.is_none() => "ended, never opened",
            Over::Expired => "ended",
            Over::Spent => "ended, opened as often as it may be",
            Over::Locked => "ended after too many wrong codes",
            Over::Withdrawn => "taken back",
        };
        return (how.to_string(), "");
    }
    if let Some(why) = &parcel.stopped {
        return (format!("stopped: {}", short(why)), "bad");
    }
    match parcel.opened {
        _ if !parcel.looked => ("being looked into".to_string(), ""),
        Some(at) => {
            let first = Moment::of(wall, at).shown;
            let times = match parcel.openings {
                1 => "opened".to_string(),
                more => format!("opened {more} times, first"),
            };
            (format!("{times} {first}"), "good")
        }
        None if parcel.wrong > 0 => (format!("waits; {} wrong codes", parcel.wrong), "bad"),
        None => ("waits".to_string(), ""),
    }
}

async fn through(State(site): State<Place>, visitor: Visitor, fields: Fields) -> Response {
    let note = match let_through(&site, &visitor, &fields).await {
        Ok(parcel) => Note::done(format!(
            "{} has a letter with the link.",
            plain(&parcel.recipient.to_string())
        )),
        Err(why) => Note::failed(sentence(&why)),
    };
    back(&site, &visitor, PATH, note)
}

async fn let_through(site: &Site, visitor: &Visitor, fields: &Fields) -> Result<Parcel, String> {
    let parcel = named(site, visitor, fields).await?;
    let reason = site.desk().reason(fields.get("reason"));
    if reason.is_none() {
        return Err("say why: whoever reads the audit log will ask".to_string());
    }
    if parcel.danger && fields.get("knowing") != "yes" {
        return Err("it may do harm: say that you know it".to_string());
    }
    let entry = Entry::new(visitor.actor(), What::Released)
        .about(parcel.id)
        .of(Some(parcel.organisation.clone()))
        .because(reason);
    let parcels = &site.gateway().stores.parcels;
    let done = async {
        match parcels.let_through(parcel.id).await {
            Ok(true) => Ok(()),
            Ok(false) => Err("nothing stops these files".to_string()),
            Err(error) => Err(error.to_string()),
        }
    };
    site.recorded(visitor, vec![entry], done).await?;
    Ok(parcel)
}

async fn withdraw(State(site): State<Place>, visitor: Visitor, fields: Fields) -> Response {
    let note = match take_back(&site, &visitor, &fields).await {
        Ok(()) => Note::done("It is taken back; its link leads nowhere any more."),
        Err(why) => Note::failed(sentence(&why)),
    };
    back(&site, &visitor, PATH, note)
}

async fn take_back(site: &Site, visitor: &Visitor, fields: &Fields) -> Result<(), String> {
    let parcel = named(site, visitor, fields).await?;
    if parcel.over.is_some() {
        return Err("it has ended".to_string());
    }
    let entry = Entry::new(visitor.actor(), What::Deleted)
        .about(parcel.id)
        .of(Some(parcel.organisation.clone()))
        .because(site.desk().reason(fields.get("reason")));
    let by = Releaser::Staff(visitor.account.name.clone());
    let done = async {
        let deleted = release::put_away(site.gateway(), parcel.id, Away::Delete, by).await;
        deleted.map(drop).map_err(|error| error.to_string())
    };
    site.recorded(visitor, vec![entry], done).await
}

async fn forget_waived(State(site): State<Place>, visitor: Visitor, fields: Fields) -> Response {
    let note = match found_again(&site, &visitor, fields.get("organisation")).await {
        Ok(count) => {
            Note::done(format!("{} found again.", of_many(count, "value is", "values are")))
        }
        Err(why) => Note::failed(sentence(&why)),
    };
    back(&site, &visitor, PATH, note)
}

async fn found_again(site: &Site, visitor: &Visitor, name: &str) -> Result<usize, String> {
    let missing = || "there is no such organisation".to_string();
    let organisation = Organisation::parse(name).map_err(|_| missing())?;
    if !visitor.scope.contains(&Scope::Organisation(organisation.clone())) {
        return Err(missing());
    }
    let entry = Entry::new(visitor.actor(), What::MemoryChanged)
        .about("waived")
        .of(Some(organisation.clone()))
        .with(Details::default().word("act", "forget"));
    let forgetting = async {
        let forgotten = site.gateway().stores.waived.forget(&organisation).await;
        forgotten.map_err(|error| error.to_string())
    };
    site.recorded(visitor, vec![entry], forgetting).await
}

/// What a form is about. What is somebody else's is not there.
async fn named(site: &Site, visitor: &Visitor, fields: &Fields) -> Result<Parcel, String> {
    let missing = || "there is no such thing in the portal".to_string();
    let id = Id::parse(fields.get("id")).map_err(|_| missing())?;
    let found = site.gateway().stores.parcels.get(id).await.map_err(|error| error.to_string())?;
    found.filter(|parcel| covers(&visitor.scope, parcel)).ok_or_else(missing)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        base::{clock::UnixMs, local::Zone},
        mail::{Address, Domain},
    };

    fn parcel(carries: Carries, sender: &str, recipient: &str) -> Parcel {
        let whose = [sender, recipient].map(|text| Address::parse(text).unwrap());
        let [sender, recipient] = &whose;
        let acme = Organisation::named("acme");
        Parcel::new(Id::default(), &acme, carries, (sender, recipient), (UnixMs(0), UnixMs(9)))
    }

    #[test]
    fn whoever_looks_after_some_domains_sees_what_is_theirs() {
        let acme = || Organisation::named("acme");
        let domain = |name: &str| Domain::parse(name).unwrap();
        let own = Scope::Domains(acme(), vec![domain("acme.example")]);
        let other = Scope::Domains(acme(), vec![domain("other.example")]);
        let berg = Scope::Organisation(Organisation::named("berg"));
        let mail = parcel(Carries::Mail, "anna@acme.example", "bo@far.example");
        // Who left files may call himself anything.
        let files = parcel(Carries::Files, "x@other.example", "anna@acme.example");
        for one in [&mail, &files] {
            assert!(covers(&own, one) && covers(&Scope::Organisation(acme()), one));
            assert!(!covers(&other, one) && !covers(&berg, one));
        }
    }

    #[test]
    fn a_row_says_where_it_stands() {
        let wall = Wall::new(Zone::utc(), UnixMs(100_000));
        let mail = || parcel(Carries::Mail, "anna@acme.example", "bo@far.example");
        let said = |parcel: Parcel| state(&parcel, &wall).0;
        assert_eq!(said(mail()), "waits");
        assert_eq!(said(Parcel { wrong: 3, ..mail() }), "waits; 3 wrong codes");
        assert_eq!(said(Parcel { looked: false, ..mail() }), "being looked into");
        assert_eq!(said(Parcel { stopped: Some("a virus".into()), ..mail() }), "stopped: a virus");
        let opened = Parcel { opened: Some(UnixMs(1)), openings: 2, ..mail() };
        assert!(said(opened.clone()).starts_with("opened 2 times, first"));
        assert_eq!(said(Parcel { over: Some(Over::Expired), ..opened }), "ended");
        assert_eq!(said(Parcel { over: Some(Over::Expired), ..mail() }), "ended, never opened");
        assert_eq!(said(Parcel { over: Some(Over::Withdrawn), ..mail() }), "taken back");
    }
}
