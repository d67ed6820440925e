//! What somebody sends and gets the safe way, on his own page: mail that waits for his yes, what of his waits in the portal, whom he asked for files,
//! and passwords that he agreed on. Every list and every act is bound to the one mailbox.

use super::{
    doing::{self, Did},
    me::{Acts, Looks, Me, nothing_here},
    me_pages::Own,
    sheet::{Sheet, not_now, plain, render},
};
use crate::{
    base::{ids::Id, limits},
    edge::http::{
        Place,
        frame::Note,
        site::Site,
        visit::{Fields, Query},
    },
    mail::{Address, legible},
    pipeline::{
        invite::{self, NotInvited},
        own_yes, portal, waiver,
    },
    store::{
        StoreError,
        audit::What,
        held::Held,
        portal::{Carries, Invitation, Over, Parcel},
    },
};
use askama::Template;
use axum::{extract::State, http::StatusCode, response::Response};

#[derive(Template)]
#[template(path = "me_safe.html")]
struct SafePage {
    sheet: Sheet,
    own: Own,
    waiting: Vec<Line>,
    /// Of which its sender may say that what was found is no personal data.
    doubtful: Vec<Line>,
    has_portal: bool,
    parcels: Vec<Line>,
    invitations: Vec<Line>,
    agreed: Vec<Line>,
}

/// Something with a button.
struct Line {
    id: String,
    name: String,
    state: String,
    /// What the button says to those who do not see the line; empty: there is no button.
    act: String,
}

/// The page.
pub(super) const PATH: &str = "/me/safe";

pub(super) async fn safe(
    State(site): State<Place>,
    Looks(me): Looks,
    Query(query): Query,
) -> Response {
    match page(&site, &me, &query).await {
        Ok(page) => render(StatusCode::OK, page.sheet.language, &page),
        Err(error) => not_now(&me.reader, &error),
    }
}

async fn page(site: &Site, me: &Me, query: &Fields) -> Result<SafePage, StoreError> {
    let (gateway, mailbox) = (site.gateway(), &me.owner.mailbox);
    let parcels = &gateway.stores.parcels;
    let words = me.reader.words;
    let waiting = own_yes::waiting(gateway, mailbox).await?;
    let doubtful = waiver::waiting(gateway, mailbox).await?;
    let has_portal = {
        let settings = gateway.settings.load();
        settings.has_portal(&mailbox.organisation) && settings.config.web.public_url.is_some()
    };
    Ok(SafePage {
        sheet: me.reader.sheet(&words.say("me.safe", &[])),
        own: Own::of(site, me, PATH, query),
        waiting: waiting.iter().map(|held| mail(held, me)).collect(),
        doubtful: doubtful.iter().map(|held| mail(held, me)).collect(),
        has_portal,
        parcels: parcels.sent_by(mailbox).await?.iter().map(|one| parcel(one, me)).collect(),
        invitations: parcels
            .invitations_of(mailbox)
            .await?
            .iter()
            .map(|one| invited(one, me))
            .collect(),
        agreed: parcels
            .agreed_of(mailbox)
            .await?
            .into_iter()
            .map(|one| Line {
                name: legible(&plain(&one.recipient)),
                state: words.say("me.since-day", &[("date", &me.reader.date(one.made).text)]),
                act: words.say("me.remove-whom", &[("sender", &legible(&one.key))]),
                id: one.key,
            })
            .collect(),
    })
}

fn mail(held: &Held, me: &Me) -> Line {
    let words = me.reader.words;
    let subject = match plain(&held.subject) {
        empty if empty.is_empty() => words.say("digest.no-subject", &[]),
        subject => subject,
    };
    let files = held.attachments.iter().map(|file| plain(&file.name));
    let to = legible(&plain(&held.recipient.to_string()));
    let about: Vec<String> = std::iter::once(to).chain(files).collect();
    Line { id: held.id.to_string(), name: subject, state: about.join(" · "), act: String::new() }
}

fn parcel(parcel: &Parcel, me: &Me) -> Line {
    let (words, reader) = (me.reader.words, &me.reader);
    let recipient = legible(&plain(&parcel.recipient.to_string()));
    let until = reader.date(parcel.expires).text;
    let state = match (parcel.over, parcel.opened) {
        (Some(Over::Withdrawn), _) => words.say("me.parcel-back", &[]),
        (Some(Over::Expired | Over::Spent | Over::Locked), _) => words.say("me.parcel-over", &[]),
        (None, Some(at)) => words.say("me.parcel-opened", &[("when", &reader.moment(at).text)]),
        (None, None) => words.say("me.parcel-waits", &[("date", &until)]),
    };
    let sent = words.say("portal.sent", &[("when", &reader.moment(parcel.made).text)]);
    let back = words.say("me.take-back-whom", &[("recipient", &recipient)]);
    Line {
        id: parcel.id.to_string(),
        name: recipient,
        state: format!("{sent}. {state}"),
        act: if parcel.over.is_none() { back } else { String::new() },
    }
}

fn invited(invitation: &Invitation, me: &Me) -> Line {
    let (words, reader) = (me.reader.words, &me.reader);
    let guest = legible(&plain(&invitation.guest.to_string()));
    let state = match invitation.used {
        Some(at) => words.say("me.invited-used", &[("when", &reader.moment(at).text)]),
        None => words.say("me.invited-holds", &[("date", &reader.date(invitation.expires).text)]),
    };
    let act = match invitation.used {
        Some(_) => String::new(),
        None => words.say("me.take-back-whom", &[("recipient", &guest)]),
    };
    Line { id: invitation.id.to_string(), name: guest, state, act }
}

/// `do` is an act, and what it is about behind a colon.
pub(super) async fn act(State(site): State<Place>, Acts(me): Acts, fields: Fields) -> Response {
    let (act, about) = fields.get("do").split_once(':').unwrap_or((fields.get("do"), ""));
    let done = match act {
        "yes" | "no" => own_word(&site, &me, act, about).await,
        "plain" => say_plain(&site, &me, about, fields.get("reason")).await,
        "back" => take_back(&site, &me, about).await,
        "invite" => ask_for_files(&site, &me, fields.get("guest")).await,
        "uninvite" => uninvite(&site, &me, about).await,
        "agree" => agree(&site, &me, fields.get("recipient"), fields.get("password")).await,
        "forget" => forget(&site, &me, about).await,
        _ => Ok(None),
    };
    match done {
        Ok(Some(note)) => me.back(&site, PATH, note),
        // Somebody else's is as if it did not exist.
        Ok(None) => nothing_here(&me.reader),
        Err(error) => not_now(&me.reader, &error),
    }
}

/// Says yes or no to a mail that waits for it.
async fn own_word(
    site: &Site,
    me: &Me,
    act: &str,
    about: &str,
) -> Result<Option<Note>, StoreError> {
    let words = me.reader.words;
    let Ok(id) = Id::parse(about) else { return Ok(None) };
    let settings = site.gateway().settings.load_full();
    let held = site.gateway().stores.quarantine.get(id).await?;
    let mine = |held: &Held| own_yes::may_say(&settings, &me.owner.mailbox, held);
    let Some(held) = held.filter(mine) else { return Ok(None) };
    Ok(Some(match act {
        "yes" => {
            let did = doing::deliver(site, &me.owner, &held).await;
            came_of(me, &did, words.say("me.own-yes-done", &[]))
        }
        _ => {
            let did = doing::delete(site, &me.owner, held.id).await;
            came_of(me, &did, words.say("me.own-no-done", &[]))
        }
    }))
}

/// What is said of what came of an act; `good` where it was done.
fn came_of(me: &Me, did: &Did, good: String) -> Note {
    let words = me.reader.words;
    match did {
        Did::Now { .. } => Note::done(good),
        Did::Dangerous => Note::failed(words.count("me.done-dangerous", 1, &[])),
        Did::Already(_) | Did::Gone | Did::TooLate => {
            Note::failed(words.count("me.done-already", 1, &[]))
        }
        Did::Full | Did::NotNow => Note::failed(words.count("me.done-failed", 1, &[])),
    }
}

/// Says that what was found in a mail is no personal data.
async fn say_plain(
    site: &Site,
    me: &Me,
    about: &str,
    reason: &str,
) -> Result<Option<Note>, StoreError> {
    let words = me.reader.words;
    let Ok(id) = Id::parse(about) else { return Ok(None) };
    let settings = site.gateway().settings.load_full();
    let held = site.gateway().stores.quarantine.get(id).await?;
    let mine = |held: &Held| waiver::may_say(&settings, &me.owner.mailbox, held);
    if held.filter(mine).is_none() {
        return Ok(None);
    }
    let reason = plain(reason);
    if reason.chars().count() < REASON_LETTERS_MIN {
        return Ok(Some(Note::failed(words.say("me.no-reason", &[]))));
    }
    Ok(Some(match doing::waive(site, &me.owner, id, &reason).await {
        None => Note::failed(words.say("me.too-much", &[])),
        Some(did) => came_of(me, &did, words.say("me.plain-done", &[])),
    }))
}

/// Takes a mail back from the portal.
async fn take_back(site: &Site, me: &Me, about: &str) -> Result<Option<Note>, StoreError> {
    let words = me.reader.words;
    let Ok(id) = Id::parse(about) else { return Ok(None) };
    let mailbox = &me.owner.mailbox;
    let parcel = site.gateway().stores.parcels.get(id).await?;
    let is_own = parcel.is_some_and(|parcel| {
        parcel.carries == Carries::Mail
            && parcel.organisation == mailbox.organisation
            && parcel.sender.key() == mailbox.address
    });
    if !is_own {
        return Ok(None);
    }
    let did = doing::delete(site, &me.owner, id).await;
    Ok(Some(came_of(me, &did, words.say("me.parcel-back", &[]))))
}

async fn ask_for_files(site: &Site, me: &Me, guest: &str) -> Result<Option<Note>, StoreError> {
    let words = me.reader.words;
    let wrong = |key: &str| Ok(Some(Note::failed(words.say(key, &[]))));
    let Some(guest) = whole_address(guest) else { return wrong("me.bad-address") };
    let object = guest.key();
    me.owner.record(site, What::PortalPut, &object, Some("invite")).await?;
    let (mailbox, reader) = (&me.owner.mailbox, me.owner.mailbox.to_address());
    let Some(reader) = reader else { return Ok(None) };
    match invite::invite(site.gateway(), mailbox, &reader, &guest).await {
        Ok(_) => {
            let guest = legible(&plain(&guest.to_string()));
            Ok(Some(Note::done(words.say("me.invited", &[("recipient", &guest)]))))
        }
        Err(NotInvited::Store(error)) => Err(error),
        Err(NotInvited::Ours) => wrong("me.invite-ours"),
        Err(NotInvited::TooMany) => wrong("portal.too-many"),
        Err(error @ (NotInvited::NoPortal | NotInvited::NotPosted | NotInvited::Random(_))) => {
            tracing::error!(%error, "somebody could not be invited to send files");
            wrong("portal.busy")
        }
    }
}

async fn uninvite(site: &Site, me: &Me, about: &str) -> Result<Option<Note>, StoreError> {
    let words = me.reader.words;
    let Ok(id) = Id::parse(about) else { return Ok(None) };
    let (parcels, mailbox) = (&site.gateway().stores.parcels, &me.owner.mailbox);
    if !parcels.invitations_of(mailbox).await?.iter().any(|one| one.id == id) {
        return Ok(None);
    }
    me.owner.record(site, What::PortalEnded, &id.to_string(), Some("invite")).await?;
    let gone = parcels.take_invitation_back(mailbox, id).await?;
    Ok(gone.then(|| Note::done(words.say("me.invite-back", &[]))))
}

async fn agree(
    site: &Site,
    me: &Me,
    recipient: &str,
    password: &str,
) -> Result<Option<Note>, StoreError> {
    let words = me.reader.words;
    let wrong = |key: &str| Ok(Some(Note::failed(words.say(key, &[]))));
    let Some(recipient) = whole_address(recipient) else { return wrong("me.bad-address") };
    let letters = password.trim().chars().count();
    let bounds = limits::AGREED_PASSWORD_LETTERS_MIN..=limits::AGREED_PASSWORD_LETTERS_MAX;
    if !bounds.contains(&letters) {
        return wrong("me.bad-password");
    }
    me.owner.record(site, What::KeyAdded, &recipient.key(), Some("agreed password")).await?;
    let (gateway, mailbox) = (site.gateway(), &me.owner.mailbox);
    let hash = portal::password_hash(gateway, mailbox, &recipient, password);
    match gateway.stores.parcels.agree(mailbox, &recipient, hash).await? {
        true => {
            let recipient = legible(&plain(&recipient.to_string()));
            Ok(Some(Note::done(words.say("me.agreed-done", &[("recipient", &recipient)]))))
        }
        false => wrong("tap.full-why"),
    }
}

async fn forget(site: &Site, me: &Me, about: &str) -> Result<Option<Note>, StoreError> {
    let words = me.reader.words;
    let (parcels, mailbox) = (&site.gateway().stores.parcels, &me.owner.mailbox);
    if !parcels.agreed_of(mailbox).await?.iter().any(|one| one.key == about) {
        return Ok(None);
    }
    me.owner.record(site, What::KeyRemoved, about, Some("agreed password")).await?;
    let gone = parcels.forget_agreed(mailbox, about).await?;
    let whom = legible(&plain(about));
    Ok(gone.then(|| Note::done(words.say("me.done-removed", &[("sender", &whom)]))))
}

/// "Ok" explains nothing.
const REASON_LETTERS_MIN: usize = 10;

fn whole_address(text: &str) -> Option<Address> {
    Address::parse(text.trim()).ok().filter(|address| address.domain().is_some())
}
