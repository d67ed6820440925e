//! The page behind a button of a digest: one mail, what can be done with it, and nothing else of the mailbox.
//!
//! Whoever opens the link does nothing by it, however often and by whatever: a person presses. Opening leaves one mark, from which network
//! the link was opened: it serves the question for the number beside the mail, which is asked when one link is opened from several networks
//! within a minute, and it changes nothing of what the page is for. What can be done follows from what the link was made for; beside that a
//! mail can be blocked, or review asked for, and a link that shows a mail's text does nothing else. What comes after (undo, always accept) is offered in the answer to the press alone, so that a
//! program that follows links later finds no form for it.

use super::{
    doing::{self, Did, Owner},
    me_pages::{review_said, undo_word},
    sheet::{
        Reader, Sheet, address_of, form_token, is_form_token, not_now, plain, readable, render, say,
    },
    shown::{Mail, who},
};
use crate::{
    base::{hidden::Hidden, ids::Id, limits},
    config::digest::Confirm,
    edge::http::{
        Place, Route,
        site::Site,
        visit::{Client, Fields},
    },
    mail::legible,
    pipeline::{
        digest,
        limits::network_key,
        questions::{self, Review},
    },
    store::{
        StoreError,
        held::{Held, HeldState, Releaser},
        people::{Acted, Answer, Consent, Done, Mailbox, OwnWord, Peek, Purpose, Request, Token},
    },
};
use askama::Template;
use axum::{
    Extension,
    extract::{Path, State},
    http::{HeaderMap, StatusCode},
    response::Response,
    routing::{get, post},
};

pub(in crate::edge::http) const ROUTES: &[Route] = &[
    Route::open_page("/m/{token}", "one held mail, by a link of a digest", || get(look)),
    Route::open_act("/m/{token}", "what a link of a digest is for is done", || post(act)),
];

#[derive(Template)]
#[template(path = "tap.html")]
struct TapPage {
    sheet: Sheet,
    /// What was done, or is asked.
    heading: String,
    /// How the heading looks: "good", "bad" or nothing.
    manner: &'static str,
    sentences: Vec<String>,
    mail: Option<Mail>,
    /// Whose mail it is, where that is not who reads.
    mailbox: Option<String>,
    token: String,
    /// The mail's text, for whoever pressed to see it.
    text: Option<String>,
    forms: Vec<Form>,
    own_page: bool,
}

/// One thing that can be pressed.
#[derive(Debug, Clone, Default)]
struct Form {
    act: &'static str,
    label: String,
    /// How the button looks: "main", "grave" or nothing.
    manner: &'static str,
    csrf: String,
    /// What stands before the button.
    hint: String,
    /// A question that is answered by which button is pressed.
    numbers: Vec<u32>,
    /// What it is about, where the mail alone does not say.
    id: String,
    with_note: bool,
}

/// A link that was opened, and all that stands behind it.
struct Opened {
    token: Token,
    peek: Peek,
    held: Held,
    owner: Owner,
    reader: Reader,
    /// The number beside the mail is asked for.
    asks: bool,
}

/// Why there is nothing behind a link. One answer for all of it: a stranger learns nothing from it.
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
            Nothing::Gone => gone(&reader),
            Nothing::Store(error) => not_now(&reader, error),
        }
    }
}

fn gone(reader: &Reader) -> Response {
    let page = TapPage {
        heading: reader.words.say("tap.gone", &[]),
        sentences: vec![reader.words.say("tap.gone-why", &[])],
        ..TapPage::bare(reader)
    };
    render(StatusCode::NOT_FOUND, page.sheet.language, &page)
}

async fn look(
    State(site): State<Place>,
    Path(token): Path<String>,
    Extension(client): Extension<Client>,
    headers: HeaderMap,
) -> Response {
    let mut opened = match Opened::by(&site, &token, &headers).await {
        Ok(opened) => opened,
        Err(nothing) => return nothing.page(&site, &headers),
    };
    let network = network_key(client.0).to_string();
    match site.gateway().stores.people.opened(&opened.token, &network).await {
        Ok(asks) => opened.asks |= asks,
        // Who opened it is not known, so it is as if somebody else had.
        Err(error) => {
            tracing::error!(%error, "that a link was opened could not be noted");
            opened.asks = true;
        }
    }
    match opened.page(&site).await {
        Ok(page) => render(StatusCode::OK, page.sheet.language, &page),
        Err(error) => not_now(&opened.reader, &error),
    }
}

async fn act(
    State(site): State<Place>,
    Path(token): Path<String>,
    Extension(client): Extension<Client>,
    headers: HeaderMap,
    fields: Fields,
) -> Response {
    let mut opened = match Opened::by(&site, &token, &headers).await {
        Ok(opened) => opened,
        Err(nothing) => return nothing.page(&site, &headers),
    };
    opened.owner.client = Some(client.0);
    let act = fields.get("do");
    if !is_form_token(&site, &token, act, fields.get("csrf")) {
        let words = opened.reader.words;
        let (title, why) = (words.say("tap.old-form", &[]), words.say("tap.old-form-why", &[]));
        return say(StatusCode::FORBIDDEN, &opened.reader, &title, &why);
    }
    let done = match act {
        "undo" => opened.undo(&site).await,
        "allow" => opened.allow(&site).await,
        "decline" => opened.decline(&site).await,
        "deliver" => opened.press(&site, Purpose::Release, &fields).await,
        "block" => opened.press(&site, Purpose::Block, &fields).await,
        "review" => opened.press(&site, Purpose::Review, &fields).await,
        "show" => opened.press(&site, Purpose::Show, &fields).await,
        "consent-yes" | "consent-no" => opened.press(&site, Purpose::Consent, &fields).await,
        _ => return gone(&opened.reader),
    };
    match done {
        Ok(page) => render(StatusCode::OK, page.sheet.language, &page),
        Err(error) => not_now(&opened.reader, &error),
    }
}

impl Opened {
    async fn by(site: &Site, token: &str, headers: &HeaderMap) -> Result<Opened, Nothing> {
        let well_made = token.len() == TOKEN_LETTERS
            && token.bytes().all(|one| one.is_ascii_alphanumeric() || b"-_".contains(&one));
        if !well_made {
            return Err(Nothing::Gone);
        }
        let token = Hidden::new("token", token.to_string());
        let peek = site.gateway().stores.people.peek(&token).await?.ok_or(Nothing::Gone)?;
        let reader = address_of(&peek.owner).ok_or(Nothing::Gone)?;
        let owner = Owner { mailbox: peek.mailbox.clone(), reader, client: None };
        // Whose mail it is says who opens it; what else is done with it is its recipient's alone.
        let held = match peek.purpose {
            Purpose::Consent => owner.own_mail(site, peek.held).await?,
            Purpose::Release
            | Purpose::Show
            | Purpose::Block
            | Purpose::Review
            | Purpose::Allow
            | Purpose::Undo => owner.mail(site, peek.held).await?,
        };
        let held = held.ok_or(Nothing::Gone)?;
        // What was done can be read as long as the mail is there; what waits is only for a link whose time is not over.
        if peek.expired && held.state.waits() {
            return Err(Nothing::Gone);
        }
        let reader = Reader::of(site, &peek.mailbox, &owner.reader, headers).await?;
        let asks = peek.ask_number || always_asks(site);
        Ok(Opened { token, peek, held, owner, reader, asks })
    }

    /// What the link shows now.
    async fn page(&self, site: &Site) -> Result<TapPage, StoreError> {
        if self.peek.purpose == Purpose::Consent {
            return self.consent_page(site).await;
        }
        if let Some(page) = self.already() {
            return Ok(page);
        }
        if self.peek.locked {
            return Ok(self.locked());
        }
        let words = self.reader.words;
        if !self.is_for_delivery() {
            let mut page = self.with_mail(&words.say("tap.held", &[]));
            page.forms = self.forms(site);
            return Ok(page);
        }
        let people = &site.gateway().stores.people;
        let requests = people.requests_about(&self.owner.mailbox, vec![self.held.id]).await?;
        let review = Review::of(&self.held, &requests);
        let mut page = match (review, self.review_asked(&requests)) {
            (Review::Refused(_), _) if digest::is_dangerous(&self.held) => {
                self.reviewed(site, review)
            }
            (_, Some(done)) => self.asked_before(site, &done),
            (_, None) => {
                TapPage { forms: self.forms(site), ..self.with_mail(&words.say("tap.held", &[])) }
            }
        };
        if questions::sender_asks(&self.held, &requests).is_some() {
            page.forms.push(Form {
                hint: words.say("me.sender-asks", &[]),
                ..self.form(site, "decline", words.say("me.decline", &[]))
            });
        }
        Ok(page)
    }

    fn is_for_delivery(&self) -> bool {
        matches!(self.peek.purpose, Purpose::Release | Purpose::Review)
    }

    /// What came of asking staff; no button asks again, since nobody would hear it.
    fn reviewed(&self, site: &Site, review: Review) -> TapPage {
        let mut page = match review {
            Review::Asked | Review::NotAsked => self.asked(),
            Review::Refused(_) => {
                let words = self.reader.words;
                let mut page = self.with_mail(&words.say("tap.consent-was-no", &[]));
                page.manner = "bad";
                page.sentences = review_said(review, &self.reader);
                page
            }
        };
        page.forms = self.forms(site);
        page.forms.retain(|form| form.act != "review");
        page
    }

    /// Says no to a sender who asks for a mail of his that was refused.
    async fn decline(&self, site: &Site) -> Result<TapPage, StoreError> {
        if !self.is_for_delivery() || !doing::decline(site, &self.owner, &self.held).await? {
            return self.page(site).await;
        }
        let words = self.reader.words;
        let mut page = self.with_mail(&words.say("tap.consent-refused", &[]));
        page.manner = "good";
        page.sentences.push(words.say("me.done-declined", &[]));
        page.own_page = true;
        Ok(page)
    }

    /// Who asked for review of what has no other button, and when.
    fn review_asked(&self, requests: &[Request]) -> Option<Done> {
        let is_offered = match self.peek.purpose {
            Purpose::Review => true,
            Purpose::Release => digest::is_dangerous(&self.held),
            Purpose::Show | Purpose::Block | Purpose::Consent | Purpose::Allow | Purpose::Undo => {
                false
            }
        };
        if !is_offered {
            return None;
        }
        if self.peek.purpose == Purpose::Review && self.peek.done.is_some() {
            return self.peek.done.clone();
        }
        let asked = questions::reviews(&self.held, requests).next()?;
        Some(Done { by: asked.asked_by.clone(), at: asked.asked })
    }

    /// Review is asked for once; what else can be done still can.
    fn asked_before(&self, site: &Site, done: &Done) -> TapPage {
        let words = self.reader.words;
        let mut page = self.with_mail(&words.say("tap.asked-before", &[]));
        let who = match address_of(&done.by) {
            Some(by) => who(&Releaser::Owner(by), &self.reader, &self.owner.reader.key()),
            None => plain(&done.by),
        };
        let when = self.reader.moment(done.at).text;
        page.sentences.push(words.say("tap.by", &[("who", &who), ("when", &when)]));
        page.sentences.push(words.say("tap.asked-why", &[]));
        page.forms = self.forms(site);
        page.forms.retain(|form| form.act != "review");
        page.own_page = true;
        page
    }

    /// The forms that a link of this purpose has.
    fn forms(&self, site: &Site) -> Vec<Form> {
        let words = self.reader.words;
        let deliver = || Form {
            manner: "main",
            ..self.form(site, "deliver", words.say("digest.deliver", &[]))
        };
        let review = || Form {
            manner: "main",
            hint: words.say("tap.review-why", &[]),
            with_note: true,
            ..self.form(site, "review", words.say("digest.review", &[]))
        };
        let block = |manner| {
            let mailbox = legible(&self.owner.mailbox.address);
            let what = |sender: String| {
                let sender = legible(&sender);
                words.say("tap.block-what", &[("sender", &sender), ("mailbox", &mailbox)])
            };
            Form {
                manner,
                hint: self.held.listed_sender().map(what).unwrap_or_default(),
                ..self.form(site, "block", words.say("digest.block", &[]))
            }
        };
        let main = match self.peek.purpose {
            Purpose::Release if digest::is_dangerous(&self.held) => review(),
            Purpose::Release => deliver(),
            Purpose::Review => review(),
            Purpose::Block => return vec![block("main")],
            Purpose::Show => {
                Form { manner: "main", ..self.form(site, "show", words.say("digest.show", &[])) }
            }
            Purpose::Consent | Purpose::Allow | Purpose::Undo => return Vec::new(),
        };
        if self.peek.purpose == Purpose::Show {
            return vec![main];
        }
        // A question is asked about one thing at a time.
        match main.numbers.is_empty() {
            true => vec![main, block("grave")],
            false => vec![main],
        }
    }

    fn form(&self, site: &Site, act: &'static str, label: String) -> Form {
        let csrf = form_token(site, self.token.expose(), act);
        let numbers = match self.is_asked(act) {
            true => numbers(site, &self.peek),
            false => Vec::new(),
        };
        Form { act, label, csrf, numbers, ..Form::default() }
    }

    /// Is the number asked for before this is done? To ask for review harms nobody, and what comes after a press was asked before it.
    fn is_asked(&self, act: &str) -> bool {
        let harmless = matches!(act, "review" | "undo" | "allow" | "decline" | "consent-no");
        self.asks && self.peek.line > 0 && !harmless
    }

    /// Does what was pressed.
    async fn press(
        &self,
        site: &Site,
        what: Purpose,
        fields: &Fields,
    ) -> Result<TapPage, StoreError> {
        let own = self.peek.purpose == what;
        let beside = matches!(what, Purpose::Block | Purpose::Review)
            && matches!(self.peek.purpose, Purpose::Release | Purpose::Review);
        if !own && !beside {
            return self.page(site).await;
        }
        if what != Purpose::Consent
            && let Some(page) = self.already()
        {
            return Ok(page);
        }
        let given = fields.given("number");
        if given.is_none() && self.is_asked(fields.get("do")) {
            // Nothing was pressed yet: the question comes first.
            return self.page(site).await;
        }
        let number = given.and_then(|number| number.parse().ok());
        let asks = self.is_asked(fields.get("do"));
        let people = &site.gateway().stores.people;
        let acted = match own {
            // Looking is never spent, so there is nothing to spend but wrong numbers.
            true if what == Purpose::Show => {
                let checked = people.check_number(&self.token, number, asks).await?;
                if matches!(checked, Acted::Now(_)) {
                    return self.shown(site).await;
                }
                checked
            }
            // To ask harms nobody, nor does it to leave a mail closed: these need no number even where other presses do.
            true if what == Purpose::Review || fields.get("do") == "consent-no" => {
                people.act(&self.token, Some(self.peek.line), asks).await?
            }
            true => people.act(&self.token, number, asks).await?,
            false if what == Purpose::Review => {
                people.act_beside(&self.token, what, Some(self.peek.line), asks).await?
            }
            false => people.act_beside(&self.token, what, number, asks).await?,
        };
        match acted {
            // "Already" is the store of links' word; the quarantine has the last one. It may have been written down and then not done.
            Acted::Now(_) | Acted::Already(_) => self.carry_out(site, what, fields).await,
            Acted::Locked => Ok(self.locked()),
            Acted::WrongNumber { left } => self.wrong(site, left).await,
            Acted::Expired | Acted::Unknown => Ok(self.nothing()),
        }
    }

    async fn carry_out(
        &self,
        site: &Site,
        what: Purpose,
        fields: &Fields,
    ) -> Result<TapPage, StoreError> {
        let did = match what {
            Purpose::Release => doing::deliver(site, &self.owner, &self.held).await,
            Purpose::Block => doing::block(site, &self.owner, &self.held).await,
            Purpose::Review => {
                let note = fields.get("note");
                let review = doing::ask_for_review(site, &self.owner, &self.held, note).await?;
                return Ok(self.reviewed(site, review));
            }
            Purpose::Consent => return self.consent(site, fields).await,
            Purpose::Show | Purpose::Allow | Purpose::Undo => return Ok(self.nothing()),
        };
        let done = matches!(did, Did::Now { .. } | Did::Already(_));
        if !done {
            let people = &site.gateway().stores.people;
            people.give_back(&self.owner.mailbox, self.held.id, what).await?;
        }
        Ok(match (did, what) {
            (Did::Now { duplicates }, Purpose::Release) => self.delivered(site, duplicates),
            (Did::Now { .. }, _) => self.blocked(site),
            (other, _) => self.not_done(site, other),
        })
    }

    /// The mail's text, for its owner's eyes.
    async fn shown(&self, site: &Site) -> Result<TapPage, StoreError> {
        let words = self.reader.words;
        let text = doing::read(site, &self.owner, self.held.id).await?;
        let Some(text) = text else { return Ok(self.not_done(site, Did::NotNow)) };
        let mut page = self.with_mail(&words.say("tap.held", &[]));
        page.sentences.push(match digest::is_dangerous(&self.held) {
            true => words.say("tap.only-shown-dangerous", &[]),
            false => words.say("tap.only-shown", &[]),
        });
        page.text = Some(readable(&text));
        page.own_page = true;
        Ok(page)
    }

    fn delivered(&self, site: &Site, duplicates: usize) -> TapPage {
        let words = self.reader.words;
        let to = legible(&self.owner.mailbox.address);
        let mut page = self.with_mail_dealt_with(&words.say("tap.delivered", &[]));
        page.manner = "good";
        page.sentences.push(words.say("tap.delivered-why", &[("mailbox", &to)]));
        if duplicates > 0 {
            page.sentences.push(words.count("tap.duplicates", duplicates, &[]));
        }
        page.forms.push(self.undo_form(site, "deliver"));
        if let (Some(sender), Some(domain)) =
            (doing::allowed_sender(&self.held), &self.held.authenticated)
        {
            page.forms.push(Form {
                hint: words.say("tap.allow-why", &[("domain", &legible(domain))]),
                ..self.form(site, "allow", words.say("tap.allow", &[("sender", &legible(&sender))]))
            });
        }
        page
    }

    fn blocked(&self, site: &Site) -> TapPage {
        let words = self.reader.words;
        let sender = self.held.listed_sender().unwrap_or_default();
        let mut page = self.with_mail_dealt_with(&words.say("tap.blocked", &[]));
        page.manner = "good";
        page.sentences.push(words.say("tap.blocked-why", &[("sender", &legible(&sender))]));
        page.forms.push(self.undo_form(site, "block"));
        page
    }

    fn undo_form(&self, site: &Site, act: &str) -> Form {
        let words = self.reader.words;
        let seconds = usize::try_from(limits::UNDO_TIME_MAX.as_secs()).unwrap_or(usize::MAX);
        Form {
            hint: words.count("tap.undo-time", seconds, &[]),
            ..self.form(site, "undo", undo_word(words, act))
        }
    }

    /// Takes back what this reader did last. The link can then be used again.
    async fn undo(&self, site: &Site) -> Result<TapPage, StoreError> {
        let words = self.reader.words;
        let what = match self.held.state {
            HeldState::Released => Purpose::Release,
            HeldState::Deleted => Purpose::Block,
            HeldState::Held
            | HeldState::Rejected
            | HeldState::Seen
            | HeldState::Portal
            | HeldState::Files => {
                return self.page(site).await;
            }
        };
        let did = doing::undo(site, &self.owner, &self.held).await;
        if matches!(did, Did::TooLate) {
            return self.too_late(site).await;
        }
        if !matches!(did, Did::Now { .. }) {
            return Ok(self.not_done(site, did));
        }
        site.gateway().stores.people.give_back(&self.owner.mailbox, self.held.id, what).await?;
        let mut page = self.with_mail(&words.say("tap.undone", &[]));
        page.manner = "good";
        page.sentences.push(words.say("tap.undone-why", &[]));
        page.forms = self.forms(site);
        Ok(page)
    }

    /// What stays as it is, and where that can still be changed.
    async fn too_late(&self, site: &Site) -> Result<TapPage, StoreError> {
        let words = self.reader.words;
        let entries = site.gateway().stores.people.entries(&self.owner.mailbox).await?;
        let blocked = self.held.listed_sender().filter(|sender| {
            entries.iter().any(|one| one.word == OwnWord::Block && one.sender == *sender)
        });
        let mut page = self.with_mail_dealt_with(&words.say("tap.too-late", &[]));
        page.manner = "bad";
        page.sentences.push(match (self.held.state == HeldState::Deleted, blocked) {
            (true, Some(sender)) => {
                words.say("tap.too-late-blocked", &[("sender", &legible(&sender))])
            }
            (true, None) => words.say("tap.too-late-deleted", &[]),
            (false, _) => words.say("tap.too-late-why", &[]),
        });
        page.own_page = true;
        Ok(page)
    }

    /// The sender of a mail that this reader has just had delivered is accepted from now on.
    async fn allow(&self, site: &Site) -> Result<TapPage, StoreError> {
        let words = self.reader.words;
        let is_own = self
            .held
            .act
            .as_ref()
            .is_some_and(|act| act.by == Releaser::Owner(self.owner.reader.clone()));
        let released = self.held.state == HeldState::Released && is_own;
        let Some(sender) = doing::allowed_sender(&self.held).filter(|_| released) else {
            return self.page(site).await;
        };
        let (key, manner) = match doing::say_of(site, &self.owner, &sender, OwnWord::Allow).await? {
            true => (("tap.allowed", "tap.allowed-why"), "good"),
            false => (("tap.full", "tap.full-why"), "bad"),
        };
        let mut page = self.with_mail_dealt_with(&words.say(key.0, &[]));
        page.manner = manner;
        page.sentences.push(words.say(key.1, &[("sender", &legible(&sender))]));
        page.own_page = true;
        Ok(page)
    }

    /// What is said where nothing more can be done with the mail; none: it waits.
    fn already(&self) -> Option<TapPage> {
        already(&self.held, self)
    }

    fn not_done(&self, site: &Site, did: Did) -> TapPage {
        let words = self.reader.words;
        let said = |title: &str, why: &str| {
            let mut page = self.with_mail(&words.say(title, &[]));
            page.manner = "bad";
            page.sentences.push(words.say(why, &[]));
            page
        };
        match did {
            Did::Already(held) => already(&held, self).unwrap_or_else(|| self.nothing()),
            Did::Dangerous => {
                let mut page = said("tap.dangerous", "tap.dangerous-why");
                page.forms.push(Form {
                    manner: "main",
                    with_note: true,
                    ..self.form(site, "review", words.say("digest.review", &[]))
                });
                page
            }
            Did::Full => TapPage { own_page: true, ..said("tap.full", "tap.full-why") },
            // Only what was done can be taken back too late; `undo` says of what.
            Did::TooLate => said("tap.too-late", "tap.too-late-why"),
            Did::NotNow => said("tap.not-now", "tap.not-now-why"),
            Did::Gone | Did::Now { .. } => self.nothing(),
        }
    }

    fn asked(&self) -> TapPage {
        let words = self.reader.words;
        let mut page = self.with_mail(&words.say("tap.asked", &[]));
        page.manner = "good";
        page.sentences.push(words.say("tap.asked-why", &[]));
        page
    }

    fn locked(&self) -> TapPage {
        let words = self.reader.words;
        let mut page = self.with_mail(&words.say("tap.locked", &[]));
        page.manner = "bad";
        page.sentences.push(words.say("tap.locked-why", &[]));
        page.own_page = true;
        page
    }

    async fn wrong(&self, site: &Site, left: u32) -> Result<TapPage, StoreError> {
        let words = self.reader.words;
        let mut page = self.page(site).await?;
        let left = usize::try_from(left).unwrap_or(usize::MAX);
        page.heading = words.count("tap.wrong", left, &[]);
        page.manner = "bad";
        Ok(page)
    }

    fn nothing(&self) -> TapPage {
        let words = self.reader.words;
        TapPage {
            heading: words.say("tap.gone", &[]),
            sentences: vec![words.say("tap.gone-why", &[])],
            ..TapPage::bare(&self.reader)
        }
    }

    /// With a mail that waits no longer.
    fn with_mail_dealt_with(&self, heading: &str) -> TapPage {
        let page = self.with_mail(heading);
        TapPage { mail: page.mail.map(Mail::over), ..page }
    }

    fn with_mail(&self, heading: &str) -> TapPage {
        let mailbox = legible(&self.owner.mailbox.address);
        let is_shared = self.owner.reader.key() != self.owner.mailbox.address;
        TapPage {
            sheet: self.reader.sheet(heading),
            heading: heading.to_string(),
            mail: Some(Mail::of(&self.held, &self.reader)),
            mailbox: is_shared.then(|| self.reader.words.say("tap.to", &[("mailbox", &mailbox)])),
            token: self.token.expose().clone(),
            own_page: false,
            ..TapPage::bare(&self.reader)
        }
    }

    /// The questions of staff about this mail.
    async fn consent_page(&self, site: &Site) -> Result<TapPage, StoreError> {
        let words = self.reader.words;
        let (open, answered): (Vec<Consent>, Vec<Consent>) =
            self.questions(site).await?.into_iter().partition(|one| one.answer == Answer::Open);
        if open.is_empty() {
            return Ok(self.answered(site, answered.last()));
        }
        if self.peek.expired {
            return Ok(self.nothing());
        }
        let mut page = self.with_mail(&words.say("tap.consent", &[]));
        for one in open {
            let who = questions::asker(site.gateway(), words, &one.asked_by).await?;
            let (who, why) = (plain(&who), plain(&one.why));
            let asks = words.say("me.asks", &[("who", &who), ("why", &why)]);
            let hint = format!("{asks} {}", questions::consent_means(words, &who));
            let id = one.id.to_string();
            page.forms.push(Form {
                manner: "main",
                hint,
                id: id.clone(),
                ..self.form(site, "consent-yes", words.say("tap.consent-yes", &[]))
            });
            let label = words.say("tap.consent-no", &[]);
            page.forms.push(Form { id, ..self.form(site, "consent-no", label) });
        }
        Ok(page)
    }

    /// What became of the last question; by whom, where several look after the mailbox.
    fn answered(&self, site: &Site, last: Option<&Consent>) -> TapPage {
        let words = self.reader.words;
        let Some(last) = last else {
            let mut page = self.with_mail(&words.say("tap.consent-none", &[]));
            page.own_page = true;
            return page;
        };
        let heading = match last.answer {
            Answer::Yes => words.say("tap.consent-was-yes", &[]),
            Answer::No | Answer::Open => words.say("tap.consent-was-no", &[]),
        };
        let mut page = self.with_mail(&heading);
        let who = match address_of(&last.answered_by) {
            Some(by) => who(&Releaser::Owner(by), &self.reader, &self.owner.reader.key()),
            None => plain(&last.answered_by),
        };
        let when = self.reader.moment(last.answered).text;
        page.sentences.push(words.say("tap.by", &[("who", &who), ("when", &when)]));
        let until = self.reader.moment(last.expires).text;
        page.sentences.extend(match last.answer {
            Answer::Yes if last.expires > site.now() => {
                Some(words.say("me.said-until", &[("when", &until)]))
            }
            Answer::Yes => Some(words.say("tap.consent-over", &[])),
            Answer::No | Answer::Open => None,
        });
        page.own_page = true;
        page
    }

    /// The questions of staff about this mail, oldest first.
    async fn questions(&self, site: &Site) -> Result<Vec<Consent>, StoreError> {
        site.gateway().stores.people.consents_about(&self.owner.mailbox, self.held.id).await
    }

    async fn consent(&self, site: &Site, fields: &Fields) -> Result<TapPage, StoreError> {
        let words = self.reader.words;
        let people = &site.gateway().stores.people;
        // Another question about the same mail can be answered by the same link.
        people.give_back(&self.owner.mailbox, self.held.id, Purpose::Consent).await?;
        let (answer, title) = match fields.get("do") {
            "consent-yes" => (Answer::Yes, words.say("tap.consent-given", &[])),
            _ => (Answer::No, words.say("tap.consent-refused", &[])),
        };
        let asked = self.questions(site).await?;
        let id = asked.iter().map(|one| one.id).find(|id| id.to_string() == fields.get("id"));
        let Some(id) = id else { return self.consent_page(site).await };
        match doing::answer(site, &self.owner, id, answer).await? {
            true => {
                let mut page = self.with_mail(&title);
                page.manner = "good";
                page.sentences.push(words.say("tap.consent-why", &[]));
                page.own_page = true;
                Ok(page)
            }
            false => self.consent_page(site).await,
        }
    }
}

impl TapPage {
    fn bare(reader: &Reader) -> TapPage {
        TapPage {
            sheet: reader.sheet(&reader.words.say("tap.gone", &[])),
            heading: String::new(),
            manner: "",
            sentences: Vec::new(),
            mail: None,
            mailbox: None,
            token: String::new(),
            text: None,
            forms: Vec::new(),
            own_page: true,
        }
    }
}

/// Who was there first, and when.
fn already(held: &Held, opened: &Opened) -> Option<TapPage> {
    let (reader, words) = (&opened.reader, opened.reader.words);
    let key = match held.state {
        HeldState::Held | HeldState::Rejected | HeldState::Portal | HeldState::Files => {
            return None;
        }
        HeldState::Released => "tap.already-delivered",
        HeldState::Deleted => "tap.already-deleted",
        HeldState::Seen => "tap.already-seen",
    };
    let title = match key {
        "tap.already-delivered" => words.say("tap.already-delivered", &[]),
        "tap.already-deleted" => words.say("tap.already-deleted", &[]),
        _ => words.say("tap.already-seen", &[]),
    };
    let mut page = opened.with_mail_dealt_with(&title);
    if let Some(act) = &held.act {
        let when = reader.moment(act.at).text;
        page.sentences.push(match act.along_with {
            Some(_) => words.say("tap.with-copy", &[("when", &when)]),
            None => {
                let who = who(&act.by, reader, &opened.owner.reader.key());
                words.say("tap.by", &[("who", &who), ("when", &when)])
            }
        });
    }
    page.own_page = true;
    Some(page)
}

fn always_asks(site: &Site) -> bool {
    site.gateway().settings.load().config.digest.confirm == Confirm::Number
}

/// Numbers to choose from, always the same for one mail, so that asking again tells nobody more. The right one is neither among the first
/// three nor among the last: a program that presses them in turn has locked the mail before it comes there.
fn numbers(site: &Site, peek: &Peek) -> Vec<u32> {
    let about = (peek.held, &peek.mailbox);
    let key = blake3::derive_key(NUMBERS_CONTEXT, site.gateway().secret.expose());
    numbers_of(&key, about, peek.line)
}

fn numbers_of(key: &[u8; 32], (held, mailbox): (Id, &Mailbox), line: u32) -> Vec<u32> {
    let mut hasher = blake3::Hasher::new_keyed(key);
    hasher.update(held.to_string().as_bytes());
    hasher.update(mailbox.organisation.name().as_bytes());
    hasher.update(&[0]);
    hasher.update(mailbox.address.as_bytes());
    let mut random = [0; 256];
    hasher.finalize_xof().fill(&mut random);
    let most = u32::try_from(limits::DIGEST_ROWS).unwrap_or(u32::MAX).max(line.saturating_add(3));
    let lowest = most.saturating_sub(u32::try_from(random.len() - 1).unwrap_or(0)).max(1);
    let mut pool: Vec<(u8, u32)> =
        random.iter().copied().zip(lowest..=most).filter(|(_, number)| *number != line).collect();
    pool.sort_unstable();
    let mut shown: Vec<u32> =
        pool.into_iter().map(|(_, number)| number).take(NUMBERS_SHOWN - 1).collect();
    let spread = NUMBERS_SHOWN - 2 * NUMBERS_APART;
    let place = NUMBERS_APART + usize::from(random.last().copied().unwrap_or(0)) % spread;
    shown.insert(place.min(shown.len()), line);
    shown
}

const NUMBERS_CONTEXT: &str = "sluss 2026 numbers to choose from";
/// Numbers to choose from: three wrong ones lock the mail, so chance alone finds the right one of twelve once in four times.
const NUMBERS_SHOWN: usize = 12;
/// As many as lock the mail stand before and behind the right one.
const NUMBERS_APART: usize = 3;
/// 128 bits in base64url.
const TOKEN_LETTERS: usize = 22;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        base::clock::UnixMs,
        mail::{Address, Organisation},
    };
    use std::collections::BTreeSet;

    #[test]
    fn the_right_number_is_among_others_and_not_where_a_program_begins() {
        let anna =
            Mailbox::new(&Organisation::implied(), &Address::parse("anna@ours.example").unwrap());
        let mut places = BTreeSet::new();
        for mail in 0..200_u8 {
            let id = Id::new(UnixMs(1), [mail; 10]);
            for line in [1, 2, 25, 200, 4_000] {
                let shown = numbers_of(&[7; 32], (id, &anna), line);
                assert_eq!(shown, numbers_of(&[7; 32], (id, &anna), line), "never another choice");
                assert_eq!(shown.iter().collect::<BTreeSet<_>>().len(), NUMBERS_SHOWN, "{shown:?}");
                assert!(shown.iter().all(|number| *number > 0));
                let place = shown.iter().position(|number| *number == line).unwrap();
                assert!((3..9).contains(&place), "{place}");
                places.insert(place);
            }
        }
        assert_eq!(places.len(), 6, "each of the places is used");
    }
}
