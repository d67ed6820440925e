//! A page where anybody can send files and a message to somebody behind us, encrypted on the way and scanned before he gets them.
//!
//! One page for each address of ours, and one for an organisation that has named who reads what comes so. The page is the same whether somebody reads mail
//! for the address or not, until something is sent.

use super::{
    sent::{NotRead, Sent, Who, files_bytes_max, place},
    sheet::{Reader, Sheet, form_token, is_form_token, plain, render, say},
};
use crate::{
    base::{ids::Id, units},
    edge::http::{Place, Route, site::Site, visit::Client},
    mail::{Address, Organisation},
    pipeline::portal_in::{self, NotTaken, Sending},
};
use askama::Template;
use axum::{
    Extension,
    extract::{DefaultBodyLimit, Multipart, Path, State},
    http::{HeaderMap, StatusCode},
    response::Response,
    routing::{get, post},
};

pub(in crate::edge::http) const ROUTES: &[Route] = &[
    Route::open_page("/send/{to}", "send files to somebody behind this gateway", || get(look)),
    Route::open_files("/send/{to}", "files for somebody behind this gateway are taken", || {
        post(send).layer(DefaultBodyLimit::disable())
    }),
];

#[derive(Template)]
#[template(path = "send.html")]
struct SendPage {
    sheet: Sheet,
    to: String,
    /// The end of the page's address.
    place: String,
    note: Option<String>,
    csrf: String,
    name: String,
    address: String,
    text: String,
    most: String,
}

/// For whom a page is.
struct Whom {
    place: String,
    address: Address,
    reader: Reader,
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
        let own = settings.own_domain(&address)?;
        let reader = Reader::anybody(site, headers).about(site, own.organisation.name());
        Some(Whom { place: place.to_string(), address, reader })
    }

    fn page(&self, site: &Site, code: StatusCode, note: Option<String>, sent: &Sent) -> Response {
        let words = self.reader.words;
        let most = u64::try_from(files_bytes_max(site)).unwrap_or(u64::MAX);
        let page = SendPage {
            sheet: self.reader.sheet(&words.say("portal.send-title", &[])),
            to: words.say("portal.send-to", &[("recipient", &plain(&self.address.to_string()))]),
            place: form_urlencoded::byte_serialize(self.place.as_bytes()).collect(),
            note,
            csrf: form_token(site, &self.place, "send"),
            name: plain(sent.get("name")),
            address: plain(sent.get("address")),
            text: sent.get("text").to_string(),
            most: words.say("portal.most", &[("size", &units::roughly_bytes(most))]),
        };
        render(code, page.sheet.language, &page)
    }
}

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

async fn send(
    State(site): State<Place>,
    Path(to): Path<String>,
    Extension(client): Extension<Client>,
    headers: HeaderMap,
    form: Multipart,
) -> Response {
    let Some(whom) = Whom::of(&site, &to, &headers) else { return nothing(&site, &headers) };
    let words = whom.reader.words;
    let refused = |(code, key): (StatusCode, &str), sent: &Sent| {
        whom.page(&site, code, Some(words.say(key, &[])), sent)
    };
    let Some(_place) = place(&site, Who::Stranger, client.0) else {
        return refused((StatusCode::SERVICE_UNAVAILABLE, "portal.busy"), &Sent::default());
    };
    let sent = match Sent::read(form, files_bytes_max(&site)).await {
        Ok(sent) => sent,
        Err(why) => return refused(of_not_read(why), &Sent::default()),
    };
    if !is_form_token(&site, &whom.place, "send", sent.get("csrf")) {
        return refused((StatusCode::FORBIDDEN, "tap.old-form-why"), &sent);
    }
    let Ok(from) = Address::parse(sent.get("address").trim()) else {
        return refused((StatusCode::BAD_REQUEST, "portal.bad-address"), &sent);
    };
    if sent.files.is_empty() && sent.get("text").trim().is_empty() {
        return refused((StatusCode::BAD_REQUEST, "portal.nothing-sent"), &sent);
    }
    let name = plain(sent.get("name"));
    let subject = words.say("portal.send-subject", &[("sender", &from.to_string())]);
    let text = sent.get("text").to_string();
    let sending = Sending {
        from,
        shown: false,
        name,
        to: whom.address.clone(),
        subject,
        in_reply_to: None,
        text,
        files: sent.files.clone(),
        client: client.0,
    };
    match take(&site, sending).await {
        Ok(id) => taken(&whom.reader, &id.to_string()),
        Err(why) => refused(of_not_taken(&why), &sent),
    }
}

/// Takes it to its end, also where whoever sent it hangs up meanwhile: what is begun has its trace.
pub(super) async fn take(site: &Place, sending: Sending) -> Result<Id, NotTaken> {
    let site = site.clone();
    let taking = tokio::spawn(async move { portal_in::take(site.gateway(), sending).await });
    taking.await.unwrap_or_else(|error| Err(NotTaken::Later(error.to_string())))
}

/// What is said when it is safe.
pub(super) fn taken(reader: &Reader, id: &str) -> Response {
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
