//! A page where anybody can send files and a message to somebody behind us, encrypted on the way and scanned before he gets them.
//!
//! One page for each address of ours, and one for an organisation that has named who reads what comes so; and one behind each invitation, which takes
//! something once. The page is the same whether somebody reads mail for the address or not, until something is sent.

use super::{
    portal::is_token,
    sent::{NotRead, Sent, Who, most_bytes, place},
    sheet::{Reader, Sheet, form_token, is_form_token, not_now, plain, render, say},
};
use crate::{
    base::{ids::Id, units},
    edge::http::{Place, Route, site::Site, visit::Client},
    mail::{Address, Organisation},
    pipeline::{
        left::{self, Leaving, Note},
        portal,
        portal_in::{self, NotTaken, Sender, Sending},
    },
    store::{StoreError, portal::Invitation},
};
use askama::Template;
use axum::{
    Extension,
    extract::{DefaultBodyLimit, Multipart, Path, State},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::Response,
    routing::{get, post},
};

pub(in crate::edge::http) const ROUTES: &[Route] = &[
    Route::open_page("/send/{to}", "send files to somebody behind this gateway", || get(look)),
    Route::open_files("/send/{to}", "files for somebody behind this gateway are taken", || {
        post(send).layer(DefaultBodyLimit::disable())
    }),
    Route::open_page("/i/{token}", "whoever was invited sends files", || get(look_invited)),
    Route::open_files("/i/{token}", "files of whoever was invited are taken", || {
        post(send_invited).layer(DefaultBodyLimit::disable())
    }),
];

#[derive(Template)]
#[template(path = "send.html")]
struct SendPage {
    sheet: Sheet,
    to: String,
    /// Of the page, and of its form.
    path: String,
    note: Option<String>,
    csrf: String,
    name: String,
    address: String,
    /// Who was invited, and need not say who he is.
    invited: Option<String>,
    text: String,
    most: String,
    most_bytes: u64,
}

/// For whom a page is.
struct Whom {
    /// Path of the page, and of its form.
    path: String,
    address: Address,
    reader: Reader,
    /// Who was invited to it; anybody else is what he says he is.
    invited: Option<Invitation>,
}

impl Whom {
    /// None: there is no such page.
    fn of(site: &Site, place: &str, headers: &HeaderMap) -> Option<Whom> {
        let settings = site.gateway().settings.load_full();
        if !settings.config.portal.upload {
            return None;
        }
        let address = match place.contains('@') {
            true => Address::parse(place).ok()?,
            false => {
                let organisation = Organisation::parse(place).ok()?;
                settings.organisation(&organisation)?.entry.portal_inbox.clone()?
            }
        };
        let place: String = form_urlencoded::byte_serialize(place.as_bytes()).collect();
        Whom::to(site, headers, format!("/send/{place}"), address, None)
    }

    /// The page behind an invitation that holds.
    async fn invited(
        site: &Site,
        token: &str,
        headers: &HeaderMap,
    ) -> Result<Option<Whom>, StoreError> {
        let gateway = site.gateway();
        if !is_token(token) {
            return Ok(None);
        }
        let hash = portal::token_hash(gateway, token);
        let Some(invitation) = gateway.stores.parcels.invitation(hash).await? else {
            return Ok(None);
        };
        if !gateway.settings.load().has_portal(&invitation.mailbox.organisation) {
            return Ok(None);
        }
        let address = invitation.reader.clone();
        Ok(Whom::to(site, headers, format!("/i/{token}"), address, Some(invitation)))
    }

    fn to(
        site: &Site,
        headers: &HeaderMap,
        path: String,
        address: Address,
        invited: Option<Invitation>,
    ) -> Option<Whom> {
        let settings = site.gateway().settings.load_full();
        let own = settings.own_domain(&address)?;
        let reader = Reader::anybody(site, headers).about(site, own.organisation.name());
        Some(Whom { path, address, reader, invited })
    }

    fn page(&self, site: &Site, code: StatusCode, note: Option<String>, sent: &Sent) -> Response {
        let words = self.reader.words;
        let most = most_bytes(site);
        let page = SendPage {
            sheet: self.reader.sheet(&words.say("portal.send-title", &[])),
            to: words.say("portal.send-to", &[("recipient", &plain(&self.address.to_string()))]),
            path: self.path.clone(),
            note,
            csrf: form_token(site, &self.path, "send"),
            name: plain(sent.get("name")),
            address: plain(sent.get("address")),
            invited: self.invited.as_ref().map(|one| plain(&one.guest.to_string())),
            text: sent.get("text").to_string(),
            most_bytes: most,
            most: words.say("portal.most", &[("size", &units::roughly_bytes(most))]),
        };
        let mut response = render(code, page.sheet.language, &page);
        response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, WITH_SCRIPT);
        response
    }

    /// Who sends, and how far that is known.
    fn sender(&self, sent: &Sent) -> Option<(Address, Sender)> {
        match &self.invited {
            Some(invitation) => Some((invitation.guest.clone(), Sender::Invited)),
            None => Some((Address::parse(sent.get("address").trim()).ok()?, Sender::Claimed)),
        }
    }
}

/// As every page of this door, and our one script, which shows how far it has come.
const WITH_SCRIPT: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; style-src 'self'; img-src 'self'; script-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'self'; \
     frame-ancestors 'none'",
);

fn nothing(site: &Site, headers: &HeaderMap) -> Response {
    let reader = Reader::anybody(site, headers);
    let words = reader.words;
    let (title, why) = (words.say("portal.no-page", &[]), words.say("portal.no-page-why", &[]));
    say(StatusCode::NOT_FOUND, &reader, &title, &why)
}

async fn look(State(site): State<Place>, Path(to): Path<String>, headers: HeaderMap) -> Response {
    match Whom::of(&site, &to, &headers) {
        Some(whom) => whom.page(&site, StatusCode::OK, None, &Sent::default()),
        None => nothing(&site, &headers),
    }
}

async fn look_invited(
    State(site): State<Place>,
    Path(token): Path<String>,
    headers: HeaderMap,
) -> Response {
    match Whom::invited(&site, &token, &headers).await {
        Ok(Some(whom)) => whom.page(&site, StatusCode::OK, None, &Sent::default()),
        Ok(None) => nothing(&site, &headers),
        Err(error) => not_now(&Reader::anybody(&site, &headers), &error),
    }
}

async fn send(
    State(site): State<Place>,
    Path(to): Path<String>,
    Extension(client): Extension<Client>,
    headers: HeaderMap,
    form: Multipart,
) -> Response {
    match Whom::of(&site, &to, &headers) {
        Some(whom) => sent_to(&site, whom, client, &headers, form).await,
        None => nothing(&site, &headers),
    }
}

async fn send_invited(
    State(site): State<Place>,
    Path(token): Path<String>,
    Extension(client): Extension<Client>,
    headers: HeaderMap,
    form: Multipart,
) -> Response {
    match Whom::invited(&site, &token, &headers).await {
        Ok(Some(whom)) => sent_to(&site, whom, client, &headers, form).await,
        Ok(None) => nothing(&site, &headers),
        Err(error) => not_now(&Reader::anybody(&site, &headers), &error),
    }
}

async fn sent_to(
    site: &Place,
    whom: Whom,
    client: Client,
    headers: &HeaderMap,
    form: Multipart,
) -> Response {
    let words = whom.reader.words;
    let refused = |(code, key): (StatusCode, &str), sent: &Sent| {
        whom.page(site, code, Some(words.say(key, &[])), sent)
    };
    let who = if whom.invited.is_some() { Who::Reader } else { Who::Stranger };
    let Some(_place) = place(site, who, client.0) else {
        return refused((StatusCode::SERVICE_UNAVAILABLE, "portal.busy"), &Sent::default());
    };
    let mut sent = match Sent::read(site, headers, form).await {
        Ok(sent) => sent,
        Err(why) => return refused(of_not_read(why), &Sent::default()),
    };
    if !is_form_token(site, &whom.path, "send", sent.get("csrf")) {
        return refused((StatusCode::FORBIDDEN, "tap.old-form-why"), &sent);
    }
    let Some((from, known)) = whom.sender(&sent) else {
        return refused((StatusCode::BAD_REQUEST, "portal.bad-address"), &sent);
    };
    if sent.is_empty() {
        return refused((StatusCode::BAD_REQUEST, "portal.nothing-sent"), &sent);
    }
    let sending = Sending {
        known,
        name: plain(sent.get("name")),
        to: whom.address.clone(),
        subject: words.say("portal.send-subject", &[("sender", &from.to_string())]),
        from,
        in_reply_to: None,
        text: sent.get("text").to_string(),
        files: std::mem::take(&mut sent.files),
        client: client.0,
    };
    let left = sent.left.take();
    let taken = match &whom.invited {
        None => take(site, sending, left).await,
        Some(invitation) => {
            // To its end, also where whoever sent it hangs up meanwhile: one that was used for nothing is given back.
            let (site, id) = (site.clone(), invitation.id);
            let taking = tokio::spawn(async move { take_once(&site, id, sending, left).await });
            taking.await.unwrap_or_else(|error| Err(NotTaken::Later(error.to_string())))
        }
    };
    match taken {
        Ok(id) => said(&whom.reader, &id.to_string()),
        Err(why) => refused(of_not_taken(&why), &sent),
    }
}

/// The same with an invitation, which is used up by it and by nothing that failed.
async fn take_once(
    site: &Place,
    invitation: Id,
    sending: Sending,
    left: Option<Leaving>,
) -> Result<Id, NotTaken> {
    let parcels = &site.gateway().stores.parcels;
    let later = |error: StoreError| NotTaken::Later(error.to_string());
    if !parcels.use_invitation(invitation).await.map_err(later)? {
        return Err(NotTaken::Nobody("the invitation was used before".to_string()));
    }
    let taken = take(site, sending, left).await;
    if taken.is_err() {
        parcels.give_invitation_back(invitation).await.map_err(later)?;
    }
    taken
}

/// Takes it to its end, also where whoever sent it hangs up meanwhile: what is begun has its trace. What is too large for a mail waits for its reader.
pub(super) async fn take(
    site: &Place,
    sending: Sending,
    left: Option<Leaving>,
) -> Result<Id, NotTaken> {
    let site = site.clone();
    let taking = tokio::spawn(async move {
        match left {
            None => portal_in::take(site.gateway(), sending).await,
            Some(left) => {
                let Sending { from, known, name, to, text, client, .. } = sending;
                left::keep(site.gateway(), Note { from, known, name, to, text, client }, left).await
            }
        }
    });
    taking.await.unwrap_or_else(|error| Err(NotTaken::Later(error.to_string())))
}

/// What is said when it is safe.
pub(super) fn said(reader: &Reader, id: &str) -> Response {
    let words = reader.words;
    let (title, why) =
        (words.say("portal.sent-to-us", &[]), words.say("portal.sent-to-us-why", &[("id", id)]));
    say(StatusCode::OK, reader, &title, &why)
}

/// What is said of what was not read.
pub(super) fn of_not_read(why: NotRead) -> (StatusCode, &'static str) {
    match why {
        NotRead::TooLarge => (StatusCode::PAYLOAD_TOO_LARGE, "portal.too-large"),
        NotRead::Broken => (StatusCode::BAD_REQUEST, "portal.broke-off"),
        NotRead::NoRoom => (StatusCode::SERVICE_UNAVAILABLE, "portal.busy"),
        NotRead::TooSlow => (StatusCode::REQUEST_TIMEOUT, "portal.too-slow"),
    }
}

/// What is said of what was not taken.
pub(super) fn of_not_taken(why: &NotTaken) -> (StatusCode, &'static str) {
    match why {
        NotTaken::TooMany => (StatusCode::TOO_MANY_REQUESTS, "portal.too-many"),
        NotTaken::Nobody(_) => (StatusCode::NOT_FOUND, "portal.nobody"),
        NotTaken::Later(_) => (StatusCode::SERVICE_UNAVAILABLE, "portal.busy"),
    }
}
