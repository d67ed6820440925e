//! Telling people what of their mail is held: when, whom, and in which order the mails stand.
//!
//! A mailbox is told at its times, on its own clock, and only when something new is held for it or asked of it. A shared mailbox is not told but those who
//! look after it. Each row's links do one thing each, to one mail, for one reader; whoever opens them does nothing by it.

use crate::{
    base::{
        clock::UnixMs,
        limits,
        local::{TimeOfDay, Zone},
    },
    config::{Config, digest::Digest as DigestConfig, policy::Category},
    mail::{Address, Organisation, legible_domain},
    pipeline::{
        Gateway,
        brands::Brand,
        notice::{self, Posted},
        plain_reason::{self, PlainReason},
        questions::{self, Questions},
        settings::Settings,
    },
    store::{
        StoreError,
        held::{Held, HeldState},
        people::{Consent, DigestSent, Mailbox, Mint, Purpose, Told, Wanted},
    },
    wire::{
        report::{
            Language,
            digest::{self, Button, ButtonKind, Digest, Look, Question, Row, Written},
        },
        words::Words,
    },
};
use std::{sync::Arc, time::Duration};

/// Why no digest was written.
#[derive(Debug, thiserror::Error)]
pub enum NotWritten {
    /// The stores could not be read or written.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Nothing is held that belongs in it, and nothing is asked.
    #[error(
        "nothing is held for this mailbox that belongs in a digest, and nothing is asked of it"
    )]
    Nothing,
    /// No mail can be sent to this address.
    #[error("{0:?} is no mailbox of a domain of ours")]
    NotOurs(String),
    /// It could not be put on its way.
    #[error("the digest was written and could not be put on its way; the log says why")]
    NotSent,
}

/// Looks every minute whose digest is due, for ever.
pub async fn keep_writing(gateway: Arc<Gateway>) {
    let mut every = tokio::time::interval(ROUND);
    every.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut rounds = Rounds::default();
    loop {
        every.tick().await;
        if let Err(error) = rounds.next(&gateway).await {
            tracing::error!(%error, "digests could not be written; what is held is told at the next time");
        }
    }
}

/// Up to when it was looked whose digest is due.
#[derive(Debug, Default)]
struct Rounds {
    until: Option<UnixMs>,
    /// The same as it was last written down.
    noted: UnixMs,
}

impl Rounds {
    async fn next(&mut self, gateway: &Gateway) -> Result<(), StoreError> {
        let (people, now) = (&gateway.stores.people, gateway.clock.now());
        let before = match self.until {
            Some(until) => Some(until),
            None => people.last_round().await?,
        };
        // A first start tells nobody of what was held before anybody knew of digests.
        let from = before.unwrap_or(now).max(now.minus(limits::DIGEST_LATE_MAX));
        self.until = Some(now);
        let wrote = write_due(gateway, from, now).await?;
        if wrote || now.since(self.noted) >= NOTE_STEP {
            people.round_done(now).await?;
            self.noted = now;
        }
        Ok(())
    }
}

/// Writes to all whose time has come between the two moments and for whom something new is held, or asked. Gives whether anybody's time had come.
async fn write_due(gateway: &Gateway, from: UnixMs, until: UnixMs) -> Result<bool, StoreError> {
    let settings = gateway.settings.load_full();
    let people = &gateway.stores.people;
    if !is_on(&settings.config) {
        return Ok(false);
    }
    let common = settings.organisations().any(|hosted| {
        Hours::of(&settings, hosted.name(), &Wanted::default()).pass(&settings, from, until)
    });
    let own = people.own_hours().await?;
    let own = own.iter().any(|(mailbox, wanted)| {
        Hours::of(&settings, &mailbox.organisation, wanted).pass(&settings, from, until)
    });
    if !common && !own {
        return Ok(false);
    }
    let since = until.minus(limits::DIGEST_FIRST_SPAN);
    let mut after = None;
    loop {
        let step = limits::DIGEST_MAILBOXES_STEP;
        let found = gateway.stores.quarantine.mailboxes_with_new(since, after, step).await?;
        for (mailbox, newest) in &found {
            let (wanted, told) = people.wanted(mailbox).await?;
            let hours = Hours::of(&settings, &mailbox.organisation, &wanted);
            if wanted.no_digests || *newest <= told || !hours.pass(&settings, from, until) {
                continue;
            }
            send_if_there_is_something(gateway, &settings, mailbox, (&wanted, told)).await?;
        }
        after = match found.last() {
            Some((last, _)) if found.len() == step => Some(last.clone()),
            Some(_) | None => break,
        };
    }
    write_questions(gateway, &settings, from, until).await?;
    Ok(true)
}

/// Writes to those of whom something was asked while nothing new is held for them. Whoever was written to above was told.
async fn write_questions(
    gateway: &Gateway,
    settings: &Settings,
    from: UnixMs,
    until: UnixMs,
) -> Result<(), StoreError> {
    let people = &gateway.stores.people;
    let since = until.minus(limits::DIGEST_FIRST_SPAN);
    let mut after = None;
    loop {
        let step = limits::DIGEST_MAILBOXES_STEP;
        let found = people.mailboxes_with_questions(since, after, step).await?;
        for mailbox in &found {
            let (wanted, told) = people.wanted(mailbox).await?;
            let hours = Hours::of(settings, &mailbox.organisation, &wanted);
            if !wanted.no_digests && hours.pass(settings, from, until) {
                send_if_there_is_something(gateway, settings, mailbox, (&wanted, told)).await?;
            }
        }
        after = match found.last() {
            Some(last) if found.len() == step => Some(last.clone()),
            Some(_) | None => return Ok(()),
        };
    }
}

async fn send_if_there_is_something(
    gateway: &Gateway,
    settings: &Settings,
    mailbox: &Mailbox,
    (wanted, told): (&Wanted, UnixMs),
) -> Result<(), StoreError> {
    match send_as_wanted(gateway, settings, mailbox, wanted, told).await {
        Ok(_) | Err(NotWritten::Nothing | NotWritten::NotOurs(_)) => (),
        Err(NotWritten::Store(error)) => return Err(error),
        Err(NotWritten::NotSent) => {
            tracing::warn!(organisation = %mailbox.organisation, "a digest could not be put on its way; its mails stand in the next one");
        }
    }
    Ok(())
}

/// Are digests written at their times?
pub fn is_on(config: &Config) -> bool {
    config.digest.enabled.unwrap_or(true) && config.web.public_url.is_some()
}

/// Do digests come to whoever reads this mailbox?
pub async fn comes_to(gateway: &Gateway, mailbox: &Mailbox) -> Result<bool, StoreError> {
    let settings = gateway.settings.load();
    if !is_on(&settings.config) || writer_to(&settings, mailbox).is_none() {
        return Ok(false);
    }
    let (wanted, _) = gateway.stores.people.wanted(mailbox).await?;
    Ok(!wanted.no_digests)
}

/// When a mailbox is told.
struct Hours {
    zone: Zone,
    times: Vec<TimeOfDay>,
}

impl Hours {
    fn of(settings: &Settings, organisation: &Organisation, wanted: &Wanted) -> Hours {
        let times = wanted.times.clone();
        Hours {
            zone: zone_of(settings, organisation, wanted),
            times: times.unwrap_or_else(|| settings.config.digest.times.clone()),
        }
    }

    fn pass(&self, settings: &Settings, from: UnixMs, until: UnixMs) -> bool {
        self.zone.passes(&self.times, &settings.config.digest.days, from, until)
    }
}

/// The clock of a mailbox's reader: its own, the configured one, its country's, or Stockholm's.
pub fn zone_of(settings: &Settings, organisation: &Organisation, wanted: &Wanted) -> Zone {
    let country = || {
        let hosted = settings.organisation(organisation)?;
        Zone::of_country(hosted.entry.country?.as_str())
    };
    let configured = || settings.config.digest.zone.clone();
    let chosen = wanted.zone.clone().or_else(configured).or_else(country);
    chosen.or_else(|| Zone::of_country("SE")).unwrap_or_else(Zone::utc)
}

/// What is wanted for one reader of a mailbox: whoever looks after it has the language and the clock that he chose for himself, and where he
/// chose none, those of the mailbox.
pub async fn wanted_by(
    gateway: &Gateway,
    mailbox: &Mailbox,
    reader: &str,
    of_mailbox: &Wanted,
) -> Result<Wanted, StoreError> {
    let mut wanted = of_mailbox.clone();
    if reader != mailbox.address {
        let reader = Mailbox { address: reader.to_string(), ..mailbox.clone() };
        let (own, _) = gateway.stores.people.wanted(&reader).await?;
        wanted.language = own.language.or(wanted.language);
        wanted.zone = own.zone.or(wanted.zone);
    }
    Ok(wanted)
}

/// The language of a mailbox's reader: its own, the configured one, or its organisation's.
pub fn language_of(settings: &Settings, organisation: &Organisation, wanted: &Wanted) -> Language {
    let chosen = wanted.language.or(settings.config.digest.language);
    chosen.unwrap_or_else(|| notice::language_of(settings, organisation))
}

/// What people call an organisation.
pub fn title_of(settings: &Settings, organisation: &Organisation) -> String {
    let title = || settings.organisation(organisation)?.entry.title.clone();
    let title = settings.brands.get(organisation).name.clone().or_else(title);
    let only = settings.organisations().count() <= 1;
    let is_here = settings.organisation(organisation).is_some();
    title.unwrap_or_else(|| match is_here && !(only && *organisation == Organisation::implied()) {
        true => organisation.to_string(),
        // Nobody has named it, or it is nobody in particular; its mail server has a name.
        false => legible_domain(&settings.config.hostname),
    })
}

/// Who writes to the reader of a mailbox.
pub fn writer_to(settings: &Settings, mailbox: &Mailbox) -> Option<Address> {
    let own = || Address::parse(&format!("{ANSWERS}@{}", mailbox.domain())).ok();
    settings.config.digest.sender.clone().or_else(own)
}

/// The local part that answers go to, with the digest's nonce behind a `+`.
pub const ANSWERS: &str = "quarantine";

/// The mailbox of ours that this address is, for a command or a page.
pub fn mailbox_of(settings: &Settings, address: &Address) -> Result<Mailbox, NotWritten> {
    let own = settings.own_domain(address).filter(|_| address.domain().is_some());
    let own = own.ok_or_else(|| NotWritten::NotOurs(address.to_string()))?;
    Ok(Mailbox::new(own.organisation.name(), address))
}

/// Writes to the readers of a mailbox now, of all that is held and belongs in a digest. Gives how many were written to.
pub async fn send(gateway: &Gateway, mailbox: &Mailbox) -> Result<usize, NotWritten> {
    let settings = gateway.settings.load_full();
    let (wanted, _) = gateway.stores.people.wanted(mailbox).await?;
    send_as_wanted(gateway, &settings, mailbox, &wanted, UnixMs(0)).await
}

/// What the digest of a mailbox would look like now. Its links lead nowhere.
pub async fn preview(gateway: &Gateway, mailbox: &Mailbox) -> Result<Written, NotWritten> {
    let settings = gateway.settings.load_full();
    let (wanted, _) = gateway.stores.people.wanted(mailbox).await?;
    let owners = gateway.stores.people.owners(mailbox).await?;
    let reader = owners.first().unwrap_or(&mailbox.address);
    let wanted = wanted_by(gateway, mailbox, reader, &wanted).await?;
    let frame = Frame::of(&settings, mailbox, &wanted)?;
    let told = Contents::of(gateway, mailbox, &owners, UnixMs(0)).await?;
    let url = settings.config.web.public_url.as_ref();
    let link = |_: &Mint| url.map(|url| format!("{url}/m/PREVIEW"));
    let mints = told.mints(mailbox, reader, UnixMs(0));
    let links: Vec<Option<String>> = mints.iter().map(link).collect();
    let askers = told.askers(gateway, frame.words).await?;
    let shown = told.shown(frame.words, &askers, &mints, links);
    let to = Address::parse(reader).map_err(|_| NotWritten::NotOurs(reader.clone()))?;
    let addressed =
        Addressed { to: &to, reply_to: frame.from.to_string(), is_owner: !owners.is_empty() };
    Ok(frame.write(gateway, &told.arranged, &shown, addressed))
}

async fn send_as_wanted(
    gateway: &Gateway,
    settings: &Settings,
    mailbox: &Mailbox,
    wanted: &Wanted,
    told: UnixMs,
) -> Result<usize, NotWritten> {
    let people = &gateway.stores.people;
    let owners = people.owners(mailbox).await?;
    let contents = Contents::of(gateway, mailbox, &owners, told).await?;
    let readers = match owners.is_empty() {
        true => vec![mailbox.address.clone()],
        false => owners.clone(),
    };
    let mut sent = 0;
    for reader in &readers {
        let Ok(to) = Address::parse(reader) else { continue };
        let wanted = wanted_by(gateway, mailbox, reader, wanted).await?;
        let frame = Frame::of(settings, mailbox, &wanted)?;
        let expires = gateway.clock.now().plus(frame.lifetime);
        let mints = contents.mints(mailbox, reader, expires);
        let askers = contents.askers(gateway, frame.words).await?;
        let links = links(gateway, settings, &mints).await?;
        let shown = contents.shown(frame.words, &askers, &mints, links);
        let nonce = people.digest_sent(contents.record(mailbox, reader, expires)).await?;
        let addressed = Addressed {
            to: &to,
            reply_to: format!("{ANSWERS}+{}@{}", nonce.expose(), mailbox.domain()),
            is_owner: !owners.is_empty(),
        };
        let written = frame.write(gateway, &contents.arranged, &shown, addressed);
        let organisation = &mailbox.organisation;
        let posted =
            notice::to_reader(gateway, settings, organisation, &to, "digest", written.message);
        match posted.await {
            Posted::Spooled(_) => sent += 1,
            Posted::NobodyToTell | Posted::TooMany | Posted::NotSpooled => (),
        }
    }
    if sent == 0 {
        return Err(NotWritten::NotSent);
    }
    people.told(mailbox, contents.until).await?;
    Ok(sent)
}

/// A link for each thing that can be done; none where no page is reached from outside.
async fn links(
    gateway: &Gateway,
    settings: &Settings,
    mints: &[Mint],
) -> Result<Vec<Option<String>>, StoreError> {
    let Some(url) = settings.config.web.public_url.as_ref() else {
        return Ok(vec![None; mints.len()]);
    };
    let tokens = gateway.stores.people.mint(mints.to_vec()).await?;
    Ok(tokens.iter().map(|token| Some(format!("{url}/m/{}", token.expose()))).collect())
}

/// What a digest tells of, whoever reads it.
struct Contents {
    questions: Questions,
    /// What waits; before it, what its senders ask for.
    arranged: Arranged,
    until: Told,
}

/// What one reader sees, with his links.
struct Shown {
    questions: Vec<Question>,
    more_questions: usize,
    rows: Vec<Row>,
}

impl Contents {
    async fn of(
        gateway: &Gateway,
        mailbox: &Mailbox,
        owners: &[String],
        told: UnixMs,
    ) -> Result<Contents, NotWritten> {
        let config = &gateway.settings.load().config.digest.clone();
        let quarantine = &gateway.stores.quarantine;
        let waiting = quarantine.waiting_for(mailbox, limits::DIGEST_ROWS_READ_MAX).await?;
        let mut questions = Questions::of(gateway, mailbox, owners).await?;
        if waiting.is_empty() && questions.is_empty() {
            return Err(NotWritten::Nothing);
        }
        let held = waiting.iter().map(|held| held.held_at).max().unwrap_or_default();
        let until = Told { held, asked: questions.newest };
        let mut arranged = Arranged::of(waiting, config, told);
        arranged.rows.splice(..0, std::mem::take(&mut questions.refused));
        if arranged.rows.is_empty() && arranged.folded == 0 && questions.is_empty() {
            return Err(NotWritten::Nothing);
        }
        Ok(Contents { questions, arranged, until })
    }

    /// Who asks each question, as the reader calls it.
    async fn askers(&self, gateway: &Gateway, words: &Words) -> Result<Vec<String>, StoreError> {
        let mut askers = Vec::new();
        for (consent, _) in &self.questions.consents {
            askers.push(questions::asker(gateway, words, &consent.asked_by).await?);
        }
        Ok(askers)
    }

    /// The mails have the first numbers, by which they are answered for. Those of the questions follow: a page may ask for them.
    fn mails(&self) -> impl Iterator<Item = (u32, &Held)> {
        (1..).zip(&self.arranged.rows)
    }

    fn consents(&self) -> impl Iterator<Item = (u32, &(Consent, Held))> {
        let mails = u32::try_from(self.arranged.rows.len()).unwrap_or(u32::MAX);
        (mails.saturating_add(1)..).zip(&self.questions.consents)
    }

    fn asked(&self) -> u32 {
        u32::try_from(self.questions.consents.len()).unwrap_or(0)
    }

    /// The links that a reader gets, in the order in which they are shown.
    fn mints(&self, mailbox: &Mailbox, reader: &str, expires: UnixMs) -> Vec<Mint> {
        let mint = |held: &Held, purpose, line| Mint {
            held: held.id,
            mailbox: mailbox.clone(),
            owner: reader.to_string(),
            purpose,
            line,
            expires: expires.min(held.expires),
        };
        let asked = self.consents();
        let asked = asked.map(|(line, (_, held))| mint(held, Purpose::Consent, line));
        let mails = self.mails().flat_map(|(line, held)| {
            purposes(held).into_iter().map(move |purpose| mint(held, purpose, line))
        });
        asked.chain(mails).collect()
    }

    fn shown(
        &self,
        words: &Words,
        askers: &[String],
        mints: &[Mint],
        links: Vec<Option<String>>,
    ) -> Shown {
        let mut links = mints.iter().zip(links).peekable();
        let mut questions = Vec::new();
        for ((line, (consent, held)), who) in self.consents().zip(askers) {
            let link = links.next_if(|(mint, _)| mint.line == line).and_then(|(_, link)| link);
            let (name, address) = sender(held);
            questions.push(Question {
                line,
                who: who.clone(),
                why: consent.why.clone(),
                name,
                address,
                subject: held.subject.clone(),
                came: held.held_at,
                link,
            });
        }
        let mut rows = Vec::new();
        for (line, held) in self.mails() {
            let mut own = Vec::new();
            while let Some((mint, link)) = links.next_if(|(mint, _)| mint.line == line) {
                own.extend(link.and_then(|link| button(mint.purpose, link)));
            }
            rows.push(row(words, held, line, own));
        }
        Shown { questions, more_questions: self.questions.more, rows }
    }

    fn record(&self, mailbox: &Mailbox, reader: &str, expires: UnixMs) -> DigestSent {
        DigestSent {
            mailbox: mailbox.clone(),
            reader: reader.to_string(),
            expires,
            questions: self.asked(),
            rows: self.arranged.rows.iter().map(|held| held.id).collect(),
        }
    }
}

/// One link for each thing that can be done: a link that only shows can never deliver.
fn purposes(held: &Held) -> [Purpose; 3] {
    match is_dangerous(held) {
        true => [Purpose::Review, Purpose::Show, Purpose::Block],
        false => [Purpose::Release, Purpose::Show, Purpose::Block],
    }
}

/// Staff looks at it first, whoever asks.
pub fn is_dangerous(held: &Held) -> bool {
    plain_reason::danger(&held.categories).is_some()
}

fn button(purpose: Purpose, link: String) -> Option<Button> {
    let kind = match purpose {
        Purpose::Release => ButtonKind::Deliver,
        Purpose::Show => ButtonKind::Show,
        Purpose::Block => ButtonKind::Block,
        Purpose::Review => ButtonKind::Review,
        Purpose::Consent | Purpose::Allow | Purpose::Undo => return None,
    };
    Some(Button { kind, link })
}

fn row(words: &Words, held: &Held, line: u32, buttons: Vec<Button>) -> Row {
    let (name, address) = sender(held);
    Row {
        line,
        name,
        address,
        subject: held.subject.clone(),
        attachments: held.attachments.iter().map(|one| one.name.clone()).collect(),
        came: held.held_at,
        deleted: held.expires,
        reason: PlainReason::of_held(held).to_owner(words),
        refused: held.state == HeldState::Rejected,
        buttons,
    }
}

/// The name that the sender gives itself, and the address: as in From, else as in the envelope. The two are never read out of one text again:
/// a name may hold whatever looks like an address.
pub fn sender(held: &Held) -> (String, String) {
    let address = held.from_address.as_str();
    let name = held.from.strip_suffix(&format!("<{address}>")).unwrap_or(&held.from).trim();
    match address.is_empty() {
        true => {
            (name.to_string(), held.sender.address().map(ToString::to_string).unwrap_or_default())
        }
        false => (name.to_string(), address.to_string()),
    }
}

/// All that does not depend on who reads.
struct Frame<'a> {
    mailbox: &'a Mailbox,
    words: &'static Words,
    zone: Zone,
    from: Address,
    organisation: String,
    brand: Arc<Brand>,
    /// The door of the own page, the same for everybody: there is no ticket in it.
    own_page: Option<String>,
    lifetime: Duration,
}

struct Addressed<'a> {
    to: &'a Address,
    reply_to: String,
    is_owner: bool,
}

impl Frame<'_> {
    fn of<'a>(
        settings: &Settings,
        mailbox: &'a Mailbox,
        wanted: &Wanted,
    ) -> Result<Frame<'a>, NotWritten> {
        let organisation = &mailbox.organisation;
        let from = writer_to(settings, mailbox);
        let days = settings.config.digest.token_days;
        Ok(Frame {
            mailbox,
            words: Words::of(language_of(settings, organisation, wanted)),
            zone: zone_of(settings, organisation, wanted),
            from: from.ok_or_else(|| NotWritten::NotOurs(mailbox.address.clone()))?,
            organisation: title_of(settings, organisation),
            brand: settings.brands.get(organisation),
            own_page: settings.config.web.public_url.as_ref().map(|url| format!("{url}/me")),
            lifetime: Duration::from_secs(days.saturating_mul(86_400)),
        })
    }

    fn write(
        &self,
        gateway: &Gateway,
        arranged: &Arranged,
        shown: &Shown,
        addressed: Addressed,
    ) -> Written {
        digest::write(&Digest {
            id: gateway.new_id(),
            words: self.words,
            zone: &self.zone,
            now: gateway.clock.now(),
            from: &self.from,
            organisation: &self.organisation,
            look: Look {
                colours: self
                    .brand
                    .colours
                    .as_ref()
                    .map(|(light, dark)| (light.as_str(), dark.as_str())),
                contact: self
                    .brand
                    .contact
                    .as_ref()
                    .map(|(contact, link)| (contact.as_str(), link.as_str())),
                help: self.brand.help.as_deref(),
            },
            reply_to: &addressed.reply_to,
            to: addressed.to,
            mailbox: &self.mailbox.address,
            is_owner: addressed.is_owner,
            questions: &shown.questions,
            more_questions: shown.more_questions,
            rows: &shown.rows,
            likely: arranged.likely,
            folded: arranged.folded,
            rest: arranged.rest,
            earlier: arranged.earlier,
            own_page: self.own_page.as_deref(),
        })
    }
}

/// What is held, in the order in which a person wants to see it.
#[derive(Debug, Default)]
struct Arranged {
    rows: Vec<Held>,
    likely: usize,
    folded: usize,
    rest: usize,
    earlier: usize,
}

impl Arranged {
    /// Correspondents that are known first, then what speaks least against, then the newest; what is dangerous last. Certain spam is
    /// counted, unless there is nothing else: then the least certain of it is shown, so that a digest never is a bare number. What is
    /// dangerous is never counted as spam: whoever waits for such a mail sees that it came, and asks for review.
    fn of(waiting: Vec<Held>, config: &DigestConfig, told: UnixMs) -> Arranged {
        let all = waiting.len();
        let mut new: Vec<Held> = waiting.into_iter().filter(|held| held.held_at > told).collect();
        let earlier = all - new.len();
        new.sort_by(|a, b| {
            is_known(b)
                .cmp(&is_known(a))
                .then(is_dangerous(a).cmp(&is_dangerous(b)))
                .then(a.score.total_cmp(&b.score))
                .then(b.held_at.cmp(&a.held_at))
                .then(a.id.cmp(&b.id))
        });
        let folds =
            |held: &Held| config.folds(held.score) && !is_known(held) && !is_dangerous(held);
        let (mut folded, mut rows): (Vec<Held>, Vec<Held>) = new.into_iter().partition(folds);
        if rows.is_empty() {
            let shown = folded.len().min(FOLDED_SHOWN);
            rows = folded.drain(..shown).collect();
        }
        let rest = rows.len().saturating_sub(config.rows_max);
        rows.truncate(config.rows_max);
        let likely = rows.iter().filter(|held| is_likely_wanted(held)).count();
        Arranged { rows, likely, folded: folded.len(), rest, earlier }
    }
}

/// Somebody here has written to this sender, or it has sent good mail for long, and it authenticated.
fn is_known(held: &Held) -> bool {
    let known = ["history.reply", "history.partner", "history.known_domain"];
    let ids = held.findings.as_array().into_iter().flatten();
    let mut ids = ids.filter_map(|finding| finding.get("id")?.as_str());
    !is_dangerous(held) && ids.any(|id| known.contains(&id))
}

/// It is held for what it is, not for looking like advertising.
fn is_likely_wanted(held: &Held) -> bool {
    let unwanted = |category: &Category| {
        matches!(category, Category::Spam | Category::Bulk) || category.is_dangerous()
    };
    is_known(held) || !held.categories.iter().any(unwanted)
}

/// How often it is looked whose digest is due.
const ROUND: Duration = Duration::from_secs(60);
/// That it was looked is written down at least this often.
const NOTE_STEP: Duration = Duration::from_secs(900);
/// Of certain spam, shown where there is nothing else.
const FOLDED_SHOWN: usize = 3;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        base::ids::Id,
        config::policy::Action,
        learn::likeness::Likeness,
        mail::{Direction, Envelope, ReversePath},
    };
    use serde_json::json;

    fn held(number: u8, score: f32, why: &str, categories: &[Category]) -> Held {
        let at = UnixMs(1_000 + u64::from(number));
        Held {
            id: Id::new(at, [number; 10]),
            transaction: Id::new(at, [number; 10]),
            organisation: Organisation::implied(),
            held_at: at,
            expires: UnixMs(9_000),
            direction: Direction::Inbound,
            sender: ReversePath::parse("bounce@far.example").unwrap(),
            from: "Karin Berg <karin@far.example>".to_string(),
            recipient: Address::parse("anna@ours.example").unwrap(),
            subject: number.to_string(),
            action: Action::Quarantine,
            why: why.to_string(),
            reason: String::new(),
            categories: categories.to_vec(),
            score,
            bytes: 1,
            in_digest: true,
            state: HeldState::Held,
            released_at: UnixMs(0),
            envelope: Envelope::from(ReversePath::Null),
            findings: json!([]),
            attachments: Vec::new(),
            message_id: String::new(),
            from_address: "karin@far.example".to_string(),
            authenticated: None,
            likeness: Likeness::default(),
            policy: String::new(),
            content_hash: String::new(),
            code_hash: String::new(),
            act: None,
            learned: None,
            asks: crate::wire::tls::Asks::default(),
            asked: None,
        }
    }

    fn known(held: Held) -> Held {
        Held { findings: json!([{ "id": "subject.marks" }, { "id": "history.partner" }]), ..held }
    }

    #[test]
    fn a_name_that_holds_an_address_gives_no_other_sender() {
        let from = |from: &str, address: &str| {
            let (from, from_address) = (from.to_string(), address.to_string());
            sender(&Held { from, from_address, ..held(1, 0.0, "", &[]) })
        };
        for (shown, address, want) in [
            (
                "Karin Berg <karin@far.example>",
                "karin@far.example",
                ("Karin Berg", "karin@far.example"),
            ),
            (
                "Bank <info@bank.example> <x@far.example>",
                "x@far.example",
                ("Bank <info@bank.example>", "x@far.example"),
            ),
            ("<x@far.example>", "x@far.example", ("", "x@far.example")),
            ("", "", ("", "bounce@far.example")),
        ] {
            assert_eq!(from(shown, address), (want.0.to_string(), want.1.to_string()), "{shown}");
        }
    }

    #[test]
    fn what_is_most_likely_wanted_comes_first_and_certain_spam_is_counted() {
        let spam = |number, score| held(number, score, "", &[Category::Spam]);
        let all = vec![
            spam(1, 9.5),
            spam(2, 30.0),
            known(spam(3, 14.0)),
            spam(4, 8.1),
            held(5, 8.1, "attachment.macro", &[Category::Policy]),
            spam(6, 12.0),
            spam(7, 8.2),
        ];
        let config = DigestConfig { rows_max: 4, ..DigestConfig::default() };
        for (told, order, likely, folded, rest, earlier) in [
            (UnixMs(0), "3 5 4 7", 2, 2, 1, 0),
            (UnixMs(1_004), "5 7", 1, 1, 0, 4),
            (UnixMs(1_005), "7", 0, 1, 0, 5),
        ] {
            let arranged = Arranged::of(all.clone(), &config, told);
            let subjects: Vec<&str> =
                arranged.rows.iter().map(|held| held.subject.as_str()).collect();
            assert_eq!(subjects.join(" "), order);
            let Arranged { likely: l, folded: f, rest: r, earlier: e, .. } = arranged;
            assert_eq!((l, f, r, e), (likely, folded, rest, earlier), "{told:?}");
        }
        let lure = held(8, 30.0, "", &[Category::Phish, Category::Spam]);
        let virus = held(9, 0.0, "", &[Category::Virus]);
        let arranged = Arranged::of(vec![lure, spam(1, 9.0), virus], &config, UnixMs(0));
        let subjects: Vec<&str> = arranged.rows.iter().map(|held| held.subject.as_str()).collect();
        assert_eq!(
            subjects,
            ["1", "9", "8"],
            "what is dangerous stands last, and is never counted"
        );
        let only_spam = (10..20).map(|number| spam(number, 20.0)).collect();
        let arranged = Arranged::of(only_spam, &config, UnixMs(0));
        assert_eq!((arranged.rows.len(), arranged.folded), (3, 7));
    }

    #[test]
    fn the_sender_is_shown_as_in_from_else_as_in_the_envelope() {
        let mail = held(1, 1.0, "", &[Category::Spam]);
        let words = Words::of(Language::En);
        let shown = row(words, &mail, 1, Vec::new());
        assert_eq!(
            (shown.name.as_str(), shown.address.as_str()),
            ("Karin Berg", "karin@far.example")
        );
        let shown = row(
            words,
            &Held { from: String::new(), from_address: String::new(), ..mail },
            1,
            Vec::new(),
        );
        assert_eq!((shown.name.as_str(), shown.address.as_str()), ("", "bounce@far.example"));
    }

    #[test]
    fn what_is_dangerous_can_only_be_asked_for() {
        let phish = held(1, 1.0, "", &[Category::Phish, Category::Spam]);
        assert!(!purposes(&phish).contains(&Purpose::Release));
        assert!(purposes(&held(1, 1.0, "", &[Category::Spam])).contains(&Purpose::Release));
    }
}
