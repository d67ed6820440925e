//! The page behind a link into the portal: one mail for one recipient in the world, who has no account here.
//!
//! Opening the link shows a door and spends nothing, however often and by whatever it is opened. The code that comes by another way opens it, and stays
//! valid in that browser for half an hour; each opening and each file that is taken stands in the audit log before anything is given out. Nothing on these
//! pages tells a stranger whether a link ever led anywhere.

use super::sheet::{
    Reader, Sheet, form_token, is_form_token, not_now, plain, readable, render, say,
};
use super::{
    left::{self, LeftPage},
    send::{of_not_read, of_not_taken, said, take},
    sent::{Sent, Who, most_bytes, place},
};
use crate::{
    base::{clock::UnixMs, hidden::Hidden, limits, units},
    edge::http::{
        Place, Route,
        admin::content::{attachment, safe_page},
        site::Site,
        visit::{Client, Fields, cookie, set_cookie},
    },
    examine::{Overview, PartKind, View, ViewAsk, ViewedPart},
    formats::archive::zip,
    mail::Header,
    pipeline::{
        digest,
        left::Left,
        portal,
        portal_in::{Sender, Sending},
        view::{self, NotShown},
    },
    store::{
        StoreError,
        audit::What,
        held::{Held, HeldState},
        people::Wanted,
        portal::{Carries, KeyBy, Parcel, Tried},
    },
};
use askama::Template;
use axum::{
    Extension,
    extract::{DefaultBodyLimit, Multipart, Path, State},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Redirect, Response},
    routing::{get, post},
};

pub(in crate::edge::http) const ROUTES: &[Route] = &[
    Route::open_page("/p/{token}", "a mail in the portal, by its link and its code", || get(look)),
    Route::open_act("/p/{token}", "a code opens a mail in the portal", || post(knock)),
    Route::open_page("/p/{token}/page", "the mail as it was laid out, for a frame", || get(page)),
    Route::open_act("/p/{token}/file", "a file of the mail, or all of them", || post(file)),
    Route::open_files("/p/{token}/reply", "an answer to the sender, with files", || {
        post(reply).layer(DefaultBodyLimit::disable())
    }),
    Route::open_act("/p/{token}/leave", "the mail is closed in this browser", || post(leave)),
];

#[derive(Template)]
#[template(path = "portal.html")]
struct PortalPage {
    sheet: Sheet,
    token: String,
    from: String,
    until: String,
    /// How it looks, and what it says.
    note: Option<(&'static str, String)>,
    body: Body,
}

enum Body {
    Door {
        how: String,
        csrf: String,
        /// It takes a password, and no code.
        password: bool,
    },
    /// To files, which take no code.
    Gate {
        csrf: String,
    },
    Mail(Box<Mail>),
    Left(Box<LeftPage>),
}

struct Mail {
    subject: String,
    sent: String,
    text: String,
    has_page: bool,
    files: Vec<File>,
    /// All of them can be had together.
    packs: bool,
    csrf: String,
    /// What may be sent back, where somebody is there who reads it.
    answer: Option<String>,
    /// In bytes.
    most: u64,
}

struct File {
    number: u32,
    label: String,
    size: String,
}

/// A link that leads to a mail that waits.
struct Link {
    token: String,
    parcel: Parcel,
    held: Held,
    reader: Reader,
}

/// Why there is nothing to show. One answer for all of it.
enum Nothing {
    Gone,
    Store(StoreError),
}

impl From<StoreError> for Nothing {
    fn from(error: StoreError) -> Nothing {
        Nothing::Store(error)
    }
}

impl Nothing {
    fn page(&self, site: &Site, headers: &HeaderMap) -> Response {
        let reader = Reader::anybody(site, headers);
        match self {
            Nothing::Gone => {
                let words = reader.words;
                let (title, why) =
                    (words.say("portal.gone", &[]), words.say("portal.gone-why", &[]));
                say(StatusCode::NOT_FOUND, &reader, &title, &why)
            }
            Nothing::Store(error) => not_now(&reader, error),
        }
    }
}

async fn look(
    State(site): State<Place>,
    Path(token): Path<String>,
    headers: HeaderMap,
) -> Response {
    let link = match Link::by(&site, token, &headers).await {
        Ok(link) => link,
        Err(nothing) => return nothing.page(&site, &headers),
    };
    match link.is_open(&site, &headers) {
        true => match link.parcel.carries {
            Carries::Mail => link.mail(&site).await,
            Carries::Files => link.left(&site).await.unwrap_or_else(|answer| answer),
        },
        false => link.door(&site, StatusCode::OK, None),
    }
}

async fn knock(
    State(site): State<Place>,
    Path(token): Path<String>,
    Extension(client): Extension<Client>,
    headers: HeaderMap,
    fields: Fields,
) -> Response {
    let link = match Link::by(&site, token, &headers).await {
        Ok(link) => link,
        Err(nothing) => return nothing.page(&site, &headers),
    };
    if let Some(answer) = link.old_form(&site, "open", &fields) {
        return answer;
    }
    let words = link.reader.words;
    // To its end, also where whoever sent it hangs up meanwhile: each try is written down.
    let (house, parcel) = (site.clone(), link.parcel.clone());
    let opening = tokio::spawn(async move {
        portal::open(house.gateway(), &parcel, fields.get("code"), client.0).await
    });
    let opened = match opening.await {
        Ok(opened) => opened,
        Err(error) => return not_now(&link.reader, &error),
    };
    match opened {
        Ok(Tried::Right { .. }) => {
            let to = format!("/p/{}", link.token);
            ([set_cookie(OPEN, &link.pass(&site))], Redirect::to(&to)).into_response()
        }
        Ok(Tried::Wrong { left }) => {
            let left = usize::try_from(left).unwrap_or(usize::MAX);
            let note = words.count("portal.wrong", left, &[]);
            link.door(&site, StatusCode::FORBIDDEN, Some(("bad", note)))
        }
        Ok(Tried::Wait(until)) => {
            let when = link.reader.moment(until).text;
            let note = words.say("portal.wait", &[("when", &when)]);
            link.door(&site, StatusCode::TOO_MANY_REQUESTS, Some(("bad", note)))
        }
        Ok(Tried::Over(_) | Tried::Missing) => Nothing::Gone.page(&site, &headers),
        Err(error) => not_now(&link.reader, &error),
    }
}

async fn page(
    State(site): State<Place>,
    Path(token): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Response> {
    let link = Link::to_mail(&site, token, &headers).await?;
    match link.view(&site, ViewAsk::Page(None)).await? {
        View::Page(page) => Ok(safe_page(page)),
        View::Overview(_) | View::Bytes(_) => Err(link.not_shown()),
    }
}

async fn file(
    State(site): State<Place>,
    Path(token): Path<String>,
    Extension(client): Extension<Client>,
    headers: HeaderMap,
    fields: Fields,
) -> Result<Response, Response> {
    let link = Link::opened(&site, token, &headers).await?;
    if let Some(answer) = link.old_form(&site, "mail", &fields) {
        return Err(answer);
    }
    let recorded =
        portal::record(site.gateway(), &link.parcel, What::ContentOpened, Some(client.0)).await;
    if let Err(error) = recorded {
        return Err(not_now(&link.reader, &error));
    }
    if link.parcel.carries == Carries::Files {
        let left = link.kept(&site).await?;
        return match fields.given("number") {
            None => Ok(left::all(&site, &left, &link.held.id.to_string())),
            Some(number) => {
                let number = number.parse().ok();
                let file = number.and_then(|number| left::one(&site, &left, number));
                file.ok_or_else(|| Nothing::Gone.page(&site, &headers))
            }
        };
    }
    let (name, bytes) = match fields.given("number") {
        Some(all) if all == WHOLE => link.whole(&site).await?,
        Some(number) => {
            let number = number.parse().map_err(|_| Nothing::Gone.page(&site, &headers))?;
            link.one(&site, number).await?
        }
        None => link.all(&site).await?,
    };
    Ok(attachment(&name, bytes))
}

async fn reply(
    State(site): State<Place>,
    Path(token): Path<String>,
    Extension(client): Extension<Client>,
    headers: HeaderMap,
    form: Multipart,
) -> Result<Response, Response> {
    let link = Link::to_mail(&site, token, &headers).await?;
    let words = link.reader.words;
    let refused = |(code, key): (StatusCode, &str)| {
        say(code, &link.reader, &words.say("portal.not-sent", &[]), &words.say(key, &[]))
    };
    let Some(_place) = place(&site, Who::Reader, client.0) else {
        return Err(refused((StatusCode::SERVICE_UNAVAILABLE, "portal.busy")));
    };
    let mut sent = match Sent::read(&site, &headers, form).await {
        Ok(sent) => sent,
        Err(why) => return Err(refused(of_not_read(why))),
    };
    if !is_form_token(&site, &link.token, "mail", sent.get("csrf")) {
        return Err(refused((StatusCode::FORBIDDEN, "tap.old-form-why")));
    }
    if sent.is_empty() {
        return Err(refused((StatusCode::BAD_REQUEST, "portal.nothing-sent")));
    }
    let View::Overview(seen) = link.view(&site, ViewAsk::Overview).await? else {
        return Err(link.not_shown());
    };
    let in_reply_to = field_of(&seen, "Message-ID").map(|id| plain(&id));
    let sending = Sending {
        from: link.parcel.recipient.clone(),
        known: Sender::HasCode,
        name: String::new(),
        to: link.parcel.sender.clone(),
        subject: format!("Re: {}", subject_of(&seen, String::new())),
        in_reply_to: in_reply_to.map(|id| id.trim().trim_matches(['<', '>']).to_string()),
        text: sent.get("text").to_string(),
        files: std::mem::take(&mut sent.files),
        client: client.0,
    };
    match take(&site, sending, sent.left.take()).await {
        Ok(id) => Ok(said(&link.reader, &id.to_string())),
        Err(why) => Err(refused(of_not_taken(&why))),
    }
}

async fn leave(
    State(site): State<Place>,
    Path(token): Path<String>,
    headers: HeaderMap,
    fields: Fields,
) -> Result<Response, Response> {
    let link = Link::opened(&site, token, &headers).await?;
    if let Some(answer) = link.old_form(&site, "mail", &fields) {
        return Err(answer);
    }
    let words = link.reader.words;
    let (title, why) = (words.say("portal.left", &[]), words.say("portal.left-why", &[]));
    Ok(([set_cookie(OPEN, "")], say(StatusCode::OK, &link.reader, &title, &why)).into_response())
}

impl Link {
    async fn by(site: &Site, token: String, headers: &HeaderMap) -> Result<Link, Nothing> {
        if !is_token(&token) {
            return Err(Nothing::Gone);
        }
        let gateway = site.gateway();
        let hash = portal::token_hash(gateway, &token);
        let parcel = gateway.stores.parcels.by_token(hash).await?.ok_or(Nothing::Gone)?;
        if parcel.over.is_some() || parcel.expires <= gateway.clock.now() {
            return Err(Nothing::Gone);
        }
        let held = gateway.stores.quarantine.get(parcel.id).await?.ok_or(Nothing::Gone)?;
        let waits = match parcel.carries {
            Carries::Mail => held.state == HeldState::Portal,
            Carries::Files => {
                held.state == HeldState::Files && parcel.looked && parcel.stopped.is_none()
            }
        };
        if !waits {
            return Err(Nothing::Gone);
        }
        let settings = gateway.settings.load_full();
        let reader = Reader::anybody(site, headers).about(site, &parcel.organisation);
        let zone = digest::zone_of(&settings, &parcel.organisation, &Wanted::default());
        Ok(Link { token, parcel, held, reader: Reader { zone, ..reader } })
    }

    /// The same for whoever has given the code.
    async fn opened(site: &Site, token: String, headers: &HeaderMap) -> Result<Link, Response> {
        match Link::by(site, token, headers).await {
            Ok(link) if link.is_open(site, headers) => Ok(link),
            Ok(link) => Err(link.door(site, StatusCode::FORBIDDEN, None)),
            Err(nothing) => Err(nothing.page(site, headers)),
        }
    }

    /// The same, where it leads to a mail.
    async fn to_mail(site: &Site, token: String, headers: &HeaderMap) -> Result<Link, Response> {
        let link = Link::opened(site, token, headers).await?;
        match link.parcel.carries {
            Carries::Mail => Ok(link),
            Carries::Files => Err(Nothing::Gone.page(site, headers)),
        }
    }

    /// The files that it leads to.
    async fn kept(&self, site: &Site) -> Result<Left, Response> {
        match Left::open(site.gateway(), self.parcel.id).await {
            Ok(Some(left)) => Ok(left),
            Ok(None) => Err(self.not_shown()),
            Err(error) => Err(not_now(&self.reader, &error)),
        }
    }

    async fn left(&self, site: &Site) -> Result<Response, Response> {
        let left = self.kept(site).await?;
        let csrf = form_token(site, &self.token, "mail");
        let left = LeftPage::of(&self.reader, &self.parcel, &left, csrf);
        let page = self.page_with(None, Body::Left(Box::new(left)));
        Ok(render(StatusCode::OK, page.sheet.language, &page))
    }

    /// What a browser keeps that has given the code: until when, and that we said so.
    fn pass(&self, site: &Site) -> String {
        let until =
            site.gateway().clock.now().plus(limits::PARCEL_SESSION).min(self.parcel.expires);
        format!("{}.{}", until.0, self.seal(site, until))
    }

    fn seal(&self, site: &Site, until: UnixMs) -> String {
        form_token(site, &format!("{} {}", self.token, until.0), "portal session")
    }

    fn is_open(&self, site: &Site, headers: &HeaderMap) -> bool {
        let Some(pass) = cookie(headers, OPEN).map(|pass| Hidden::new("portal pass", pass)) else {
            return false;
        };
        let Some((until, seal)) = pass.expose().split_once('.') else { return false };
        let Ok(until) = until.parse().map(UnixMs) else { return false };
        let same = aws_lc_rs::constant_time::verify_slices_are_equal(
            self.seal(site, until).as_bytes(),
            seal.as_bytes(),
        );
        same.is_ok() && site.gateway().clock.now() < until
    }

    /// What is said of a form that did not bring back what it was given.
    fn old_form(&self, site: &Site, purpose: &str, fields: &Fields) -> Option<Response> {
        if is_form_token(site, &self.token, purpose, fields.get("csrf")) {
            return None;
        }
        let words = self.reader.words;
        let (title, why) = (words.say("tap.old-form", &[]), words.say("tap.old-form-why", &[]));
        Some(say(StatusCode::FORBIDDEN, &self.reader, &title, &why))
    }

    fn door(
        &self,
        site: &Site,
        code: StatusCode,
        note: Option<(&'static str, String)>,
    ) -> Response {
        let words = self.reader.words;
        let sender = plain(&self.parcel.sender.to_string());
        let how = match self.parcel.key_by {
            KeyBy::Sender => words.say("portal.code-sender", &[("sender", &sender)]),
            KeyBy::Command => words.say("portal.code-command", &[]),
            KeyBy::Password => words.say("portal.code-password", &[("sender", &sender)]),
        };
        let password = self.parcel.key_by == KeyBy::Password;
        let csrf = form_token(site, &self.token, "open");
        let body = match self.parcel.carries {
            Carries::Mail => Body::Door { how, csrf, password },
            Carries::Files => Body::Gate { csrf },
        };
        let page = self.page_with(note, body);
        render(code, page.sheet.language, &page)
    }

    fn page_with(&self, note: Option<(&'static str, String)>, body: Body) -> PortalPage {
        let words = self.reader.words;
        let sender = plain(&self.parcel.sender.to_string());
        let date = self.reader.date(self.parcel.expires).text;
        PortalPage {
            sheet: self.reader.sheet(&match self.parcel.carries {
                Carries::Mail => words.say("portal.title", &[]),
                Carries::Files => words.say("portal.files-title", &[]),
            }),
            token: self.token.clone(),
            from: words.say("portal.from", &[("sender", &sender)]),
            until: words.say("portal.until", &[("date", &date)]),
            note,
            body,
        }
    }

    async fn mail(&self, site: &Site) -> Response {
        let seen = match self.view(site, ViewAsk::Overview).await {
            Ok(View::Overview(seen)) => *seen,
            Ok(View::Page(_) | View::Bytes(_)) => return self.not_shown(),
            Err(answer) => return answer,
        };
        let words = self.reader.words;
        let when = self.reader.moment(self.parcel.made).text;
        let label =
            |part: &ViewedPart| words.say("portal.download", &[("name", &plain(&name_of(part)))]);
        let count = files(&seen).count();
        let mail = Mail {
            packs: (2..=PACKED_MAX).contains(&count),
            subject: subject_of(&seen, words.say("digest.no-subject", &[])),
            sent: words.say("portal.sent", &[("when", &when)]),
            text: readable(&seen.text),
            has_page: seen.page.is_some(),
            files: files(&seen)
                .map(|part| File {
                    number: part.number,
                    label: label(part),
                    size: units::roughly_bytes(part.bytes),
                })
                .collect(),
            csrf: form_token(site, &self.token, "mail"),
            answer: self.answer(site),
            most: most_bytes(site),
        };
        let page = self.page_with(None, Body::Mail(Box::new(mail)));
        let mut response = render(StatusCode::OK, page.sheet.language, &page);
        let policy = HeaderValue::from_static(WITH_FRAME);
        response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, policy);
        response
    }

    /// What may be sent back; nothing where nobody here reads mail for the sender.
    fn answer(&self, site: &Site) -> Option<String> {
        let settings = site.gateway().settings.load_full();
        settings.own_domain(&self.parcel.sender)?;
        let size = units::roughly_bytes(most_bytes(site));
        Some(self.reader.words.say("portal.most", &[("size", &size)]))
    }

    async fn view(&self, site: &Site, ask: ViewAsk) -> Result<View, Response> {
        match view::view(site.gateway(), self.held.id, ask).await {
            Ok(view) => Ok(view),
            Err(NotShown::Store(error)) => Err(not_now(&self.reader, &error)),
            Err(
                error @ (NotShown::Missing(_)
                | NotShown::Files
                | NotShown::Busy
                | NotShown::NotViewed(_)),
            ) => {
                tracing::warn!(parcel = %self.held.id, %error, "a mail in the portal could not be shown");
                Err(self.not_shown())
            }
        }
    }

    fn not_shown(&self) -> Response {
        let words = self.reader.words;
        let (title, why) = (words.say("portal.title", &[]), words.say("portal.not-shown", &[]));
        say(StatusCode::SERVICE_UNAVAILABLE, &self.reader, &title, &why)
    }

    /// One file, by its number.
    async fn one(&self, site: &Site, number: u32) -> Result<(String, Vec<u8>), Response> {
        match self.view(site, ViewAsk::Part(number)).await? {
            View::Bytes(part) => {
                let name = part.name.unwrap_or_else(|| format!("part-{number}"));
                Ok((view::file_name(&name), part.bytes))
            }
            View::Overview(_) | View::Page(_) => Err(self.not_shown()),
        }
    }

    /// The mail as it was sent.
    async fn whole(&self, site: &Site) -> Result<(String, Vec<u8>), Response> {
        match self.view(site, ViewAsk::Whole).await? {
            View::Bytes(part) => Ok((format!("{}.eml", self.held.id), part.bytes)),
            View::Overview(_) | View::Page(_) => Err(self.not_shown()),
        }
    }

    /// All files in one archive; of those with one name, all but the first have a number before it.
    async fn all(&self, site: &Site) -> Result<(String, Vec<u8>), Response> {
        let View::Overview(seen) = self.view(site, ViewAsk::Overview).await? else {
            return Err(self.not_shown());
        };
        let mut packed: Vec<(String, Vec<u8>)> = Vec::new();
        for part in files(&seen).take(PACKED_MAX) {
            let (name, bytes) = self.one(site, part.number).await?;
            let name = match packed.iter().any(|(other, _)| *other == name) {
                true => format!("{}-{name}", packed.len()),
                false => name,
            };
            packed.push((name, bytes));
        }
        Ok((format!("{}.zip", self.held.id), zip::pack(&packed)))
    }
}

/// Has it the form of a link's token?
pub(super) fn is_token(token: &str) -> bool {
    token.len() == TOKEN_LETTERS
        && token.bytes().all(|one| one.is_ascii_alphanumeric() || b"-_".contains(&one))
}

/// What is attached: not what is inside of it, which comes with it.
fn files(seen: &Overview) -> impl Iterator<Item = &ViewedPart> {
    let is_file = |part: &&ViewedPart| {
        let named = part.name.as_ref().is_some_and(|name| !name.is_empty());
        part.attachment || named || part.kind == PartKind::Image
    };
    seen.parts.iter().filter(is_file).filter(|part| !part.path.contains('/'))
}

fn name_of(part: &ViewedPart) -> String {
    match part.name.as_deref() {
        Some(name) if !name.is_empty() => name.to_string(),
        Some(_) | None => format!("part-{}", part.number),
    }
}

/// A field of the mail, decoded.
fn field_of(seen: &Overview, name: &str) -> Option<String> {
    let header = seen.header.replace("\r\n", "\n").replace('\n', "\r\n");
    let section = format!("{}\r\n\r\n", header.trim_end());
    Header::read(section.as_bytes()).ok()?.text(name)
}

/// The subject as it was written: whoever has the code may read it whole. The word that asked for the safe way has done its work.
fn subject_of(seen: &Overview, otherwise: String) -> String {
    match plain(&field_of(seen, "Subject").unwrap_or_default()) {
        empty if empty.is_empty() => otherwise,
        subject => subject,
    }
}

/// As every page of this door, with one frame from this host in it, and the script that shows how far an answer has come.
const WITH_FRAME: &str = "default-src 'none'; style-src 'self'; img-src 'self'; frame-src 'self'; script-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'self'; \
    frame-ancestors 'none'";
/// In place of a file's number: the whole mail.
const WHOLE: &str = "whole";
/// Files that are packed together: each is looked for anew in the mail.
const PACKED_MAX: usize = 10;
/// The letters of a token.
const TOKEN_LETTERS: usize = 22;
/// The cookie of an opened mail: of one at a time.
const OPEN: &str = "__Host-sluss-portal";
