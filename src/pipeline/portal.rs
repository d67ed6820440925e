//! Mail by the portal: sealed here, with a link for its recipient and a code that comes to him by another way.
//!
//! Order: the mail is sealed in the quarantine, then the parcel is put down, then the code and the link are on their way, then the parcel counts as
//! told. A crash in between begins again with a new link and a new code for the same parcel, since nobody knows the old ones: no mail is lost, and none
//! waits twice. What ends is closed first, then its key is destroyed, then its sender is told.

use crate::{
    base::{clock::UnixMs, hidden::Hidden, ids::Id, limits},
    checks::Finding,
    config::{policy::Category, portal::CodeBy, public_url::PublicUrl},
    mail::{Address, Organisation, Recipient},
    pipeline::{
        Gateway,
        courier::{Attempt, Delivery, Outcome},
        digest,
        internal::said,
        left,
        notice::{self, Posted},
        personal_mail::{is_ours, responsible},
        settings::Settings,
        spooled::Spooled,
    },
    store::{
        StoreError,
        audit::{Actor, Details, Entry, What},
        held::{Held, HeldState},
        people::{Mailbox, Wanted},
        portal::{Carries, KeyBy, Over, Parcel, SecretHash, Tried},
        spool::Content,
    },
    wire::{
        report::{
            Language,
            letter::Kind,
            parcel::{Invitation, Opens, Stage, ToWhat, Told},
            personal::Found,
        },
        words::Words,
    },
};
use data_encoding::BASE64URL_NOPAD;
use std::{process::Stdio, time::Duration};
use tokio::{io::AsyncWriteExt, process::Command};

/// Why a mail was not put into the portal.
#[derive(Debug, thiserror::Error)]
pub(super) enum NotPut {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("no random numbers: {0}")]
    Random(#[from] getrandom::Error),
    #[error("its letters could not be posted")]
    Letters,
    #[error("the portal has no address: [web] public-url is not set")]
    NoAddress,
    #[error("nobody sent it who could be given its code")]
    NobodySent,
    #[error("it is full")]
    Full,
}

/// Is there a way into the portal for this mail: a portal, an address for its links, and somebody of ours who is told the code?
pub(super) fn can_take(settings: &Settings, spooled: &Spooled) -> bool {
    settings.has_portal(&spooled.organisation)
        && settings.config.web.public_url.is_some()
        && sender_of(settings, spooled).is_some()
}

/// Who is told the code. Of what somebody passes on the sender is a stranger, who is told nothing.
fn sender_of<'a>(settings: &'a Settings, spooled: &'a Spooled) -> Option<&'a Address> {
    let organisation = &spooled.organisation;
    let is_ours = |sender: &&Address| is_ours(settings, organisation, sender);
    let own = spooled.envelope.sender.address().filter(is_ours);
    own.or_else(|| responsible(settings, organisation).filter(is_ours))
}

/// Takes a mail for these recipients; `held` makes the row under which it is sealed. All of them have one code, which is told its sender in one letter.
pub(super) async fn take(
    gateway: &Gateway,
    settings: &Settings,
    spooled: &Spooled,
    recipients: &[Recipient],
    content: &Content,
    held: impl Fn(&Recipient) -> Held,
) -> Delivery {
    let zone = zone(settings, &spooled.organisation);
    let outcome = |put: Result<UnixMs, String>| match put {
        Ok(until) => {
            metrics::counter!("sluss_portal_put_total").increment(1);
            let day = Words::of(Language::En).date(until, &zone);
            Outcome::Accepted(said(250, "2.0.0", &format!("waits in the portal until {day}")))
        }
        Err(why) => {
            tracing::error!(id = %spooled.id, why, "a mail could not be put into the portal; it is tried again");
            Outcome::Later(said(450, "4.3.0", &format!("not put into the portal: {why}")))
        }
    };
    let days = settings.portal_days(&spooled.organisation);
    let now = gateway.clock.now();
    let expires = now.plus(Duration::from_secs(days.saturating_mul(86_400)));
    let putting = Putting { gateway, settings, spooled, content, now, expires };
    let outcomes: Vec<Outcome> = match putting.all(recipients, held).await {
        Ok(put) => put.into_iter().map(|one| outcome(one.map_err(|why| why.to_string()))).collect(),
        Err(why) => recipients.iter().map(|_| outcome(Err(why.to_string()))).collect(),
    };
    Delivery {
        attempt: Attempt::Finished(outcomes),
        server: "portal".to_string(),
        channel: None,
        dsn_handed_on: false,
    }
}

/// A mail on its way into the portal.
struct Putting<'a> {
    gateway: &'a Gateway,
    settings: &'a Settings,
    spooled: &'a Spooled,
    content: &'a Content,
    now: UnixMs,
    expires: UnixMs,
}

/// One for a recipient.
enum Put {
    /// Its letters went before.
    Told(Parcel),
    /// It lies there, and nobody knows of it yet.
    New { parcel: Parcel, token: Hidden<String> },
}

impl Putting<'_> {
    /// Puts it down for each, then tells its sender, then its recipients; gives until when it waits.
    async fn all(
        &self,
        recipients: &[Recipient],
        held: impl Fn(&Recipient) -> Held,
    ) -> Result<Vec<Result<UnixMs, NotPut>>, NotPut> {
        let code = &new_code()?;
        let there = self.seal(recipients, held).await?;
        let mut put = Vec::with_capacity(recipients.len());
        for (recipient, there) in recipients.iter().zip(there) {
            put.push(self.one(&recipient.address, code, there).await);
        }
        for key_by in [KeyBy::Sender, KeyBy::Command, KeyBy::Password] {
            let new: Vec<&Parcel> =
                put.iter().flatten().filter_map(|put| put.unknown(key_by)).collect();
            let stage = Stage::Put(match key_by {
                KeyBy::Sender => Opens::Code(shown(code)),
                KeyBy::Command => Opens::CodeBySms,
                KeyBy::Password => Opens::Password,
            });
            let told = match new.as_slice() {
                [] => Ok(()),
                [first, ..] => {
                    let letter = Letter { stage, found: &self.spooled.personal, to: &new };
                    tell(self.gateway, self.settings, first, letter).await
                }
            };
            if told.is_err() {
                for one in put.iter_mut() {
                    if one.as_ref().is_ok_and(|put| put.unknown(key_by).is_some()) {
                        *one = Err(NotPut::Letters);
                    }
                }
            }
        }
        let mut until = Vec::with_capacity(put.len());
        for one in put {
            until.push(match one {
                Ok(put) => self.invite(put).await,
                Err(why) => Err(why),
            });
        }
        Ok(until)
    }

    /// Seals it for all of them in one file, where that was not done before; gives what lies there of each already.
    async fn seal(
        &self,
        recipients: &[Recipient],
        held: impl Fn(&Recipient) -> Held,
    ) -> Result<Vec<Option<Parcel>>, NotPut> {
        let Putting { gateway, spooled, content, .. } = *self;
        let quarantine = &gateway.stores.quarantine;
        if quarantine.portal_bytes().await? > limits::PORTAL_BYTES_MAX {
            return Err(NotPut::Full);
        }
        // It is ended when its parcel is; that the quarantine lets it go as well is for when nothing knows of the parcel any more.
        let kept = self.expires.plus(limits::PARCEL_KEPT_BEHIND);
        let (mut all, mut rows) = (Vec::with_capacity(recipients.len()), Vec::new());
        for recipient in recipients {
            let there = gateway.stores.parcels.of(spooled.came_as(), &recipient.address).await?;
            let id = id_of(spooled, &recipient.address, there.as_ref());
            if quarantine.get(id).await?.is_none() {
                let row = held(recipient);
                let (state, findings) = (HeldState::Portal, findings(&spooled.personal));
                rows.push(Held { id, state, findings, expires: kept, in_digest: false, ..row });
            }
            all.push(there);
        }
        if !rows.is_empty() {
            quarantine.hold(rows, content).await?;
        }
        Ok(all)
    }

    async fn one(
        &self,
        recipient: &Address,
        code: &Hidden<String>,
        there: Option<Parcel>,
    ) -> Result<Put, NotPut> {
        let Putting { gateway, settings, spooled, now, expires, .. } = *self;
        let organisation = &spooled.organisation;
        let sender = sender_of(settings, spooled).ok_or(NotPut::NobodySent)?.clone();
        let id = id_of(spooled, recipient, there.as_ref());
        if let Some(parcel) = there.filter(|parcel| parcel.told) {
            return Ok(Put::Told(parcel));
        }
        let token = new_token()?;
        let whose = (&sender, recipient);
        let parcel = Parcel {
            transaction: spooled.came_as(),
            ..Parcel::new(id, organisation, Carries::Mail, whose, (now, expires))
        };
        let parcels = &gateway.stores.parcels;
        // What one of ours agreed on; who passes on another's mail has agreed on nothing.
        let mailbox = Mailbox::new(organisation, &parcel.sender);
        let agreed = parcels.agreed_with(&mailbox, recipient).await?;
        let opens = agreed.unwrap_or_else(|| code_hash(gateway, id, code.expose()));
        let link = token_hash(gateway, token.expose());
        let parcel = parcels.put(parcel, link, opens).await?;
        let entry = Entry::new(Actor::System, What::PortalPut)
            .about(id)
            .of(Some(organisation.clone()))
            .with(Details::default().word("recipient", &recipient.to_string()));
        gateway.stores.audit.append(entry).await?;
        let key_by = match agreed {
            Some(_) => KeyBy::Password,
            None if sends_code(settings, &parcel, code).await => KeyBy::Command,
            None => KeyBy::Sender,
        };
        parcels.opened_by(parcel.id, key_by).await?;
        Ok(Put::New { parcel: Parcel { key_by, ..parcel }, token })
    }

    /// Writes to its recipient, unless that was done before.
    async fn invite(&self, put: Put) -> Result<UnixMs, NotPut> {
        let Putting { gateway, settings, spooled, .. } = *self;
        let (parcel, token) = match put {
            Put::Told(parcel) => return Ok(parcel.expires),
            Put::New { parcel, token } => (parcel, token),
        };
        let url = settings.config.web.public_url.as_ref().ok_or(NotPut::NoAddress)?;
        invite(gateway, settings, &parcel, link(url, &token)).await?;
        gateway.stores.parcels.told(parcel.id).await?;
        tracing::info!(id = %spooled.id, parcel = %parcel.id, "a mail waits in the portal for its recipient");
        Ok(parcel.expires)
    }
}

/// The address that a letter names; nothing else leads there.
pub(super) fn link(url: &PublicUrl, token: &Hidden<String>) -> Hidden<String> {
    Hidden::new("portal link", format!("{}/p/{}", url.as_str(), token.expose()))
}

impl Put {
    /// The parcel, if nobody knows of it yet and what opens it comes this way.
    fn unknown(&self, key_by: KeyBy) -> Option<&Parcel> {
        match self {
            Put::New { parcel, .. } if parcel.key_by == key_by => Some(parcel),
            Put::New { .. } | Put::Told(_) => None,
        }
    }
}

/// What was found in a mail, for whoever looks after it and for its sender.
fn findings(found: &[Found]) -> serde_json::Value {
    let finding = |one: &Found| {
        let id = format!("personal.{}", one.kind);
        Finding::new(id, Category::Privacy, 0.0, format!("{}: {}", one.kind, one.count))
    };
    let all: Vec<Finding> = found.iter().map(finding).collect();
    serde_json::to_value(all).unwrap_or_default()
}

/// That of what lies there, or one that is the same for the same mail and recipient, so that what is begun again after a crash finds what was begun.
fn id_of(spooled: &Spooled, recipient: &Address, there: Option<&Parcel>) -> Id {
    if let Some(parcel) = there {
        return parcel.id;
    }
    let hash = blake3::hash(format!("{} {}", spooled.id, recipient.key()).as_bytes());
    let mut random = [0; 10];
    random.iter_mut().zip(hash.as_bytes()).for_each(|(to, from)| *to = *from);
    Id::new(spooled.arrived, random)
}

/// 128 bits, for a link.
pub(super) fn new_token() -> Result<Hidden<String>, getrandom::Error> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes)?;
    Ok(Hidden::new("portal token", BASE64URL_NOPAD.encode(&bytes)))
}

/// Eight digits, each as likely as any other.
fn new_code() -> Result<Hidden<String>, getrandom::Error> {
    const CODES: u64 = 100_000_000;
    let whole = u64::MAX - u64::MAX % CODES;
    loop {
        let mut bytes = [0; 8];
        getrandom::fill(&mut bytes)?;
        let number = u64::from_le_bytes(bytes);
        if number < whole {
            return Ok(Hidden::new("portal code", format!("{:08}", number % CODES)));
        }
    }
}

/// As people say it: "4829 1306".
fn shown(code: &Hidden<String>) -> Hidden<String> {
    let (first, second) = code.expose().split_at(code.expose().len() / 2);
    Hidden::new("portal code", format!("{first} {second}"))
}

/// What is kept of a token.
pub fn token_hash(gateway: &Gateway, token: &str) -> SecretHash {
    gateway.keyed_hash("sluss 2026 portal tokens", &[token])
}

/// What is kept of a code: worth nothing for another parcel. Spaces and hyphens are how people write numbers.
pub fn code_hash(gateway: &Gateway, id: Id, code: &str) -> SecretHash {
    let digits: String = code.chars().filter(char::is_ascii_digit).take(2 * CODE_DIGITS).collect();
    gateway.keyed_hash("sluss 2026 portal codes", &[&id.to_string(), &digits])
}

const CODE_DIGITS: usize = 8;

/// What is kept of a password that a mailbox agreed on with a recipient: worth nothing for another pair.
pub fn password_hash(
    gateway: &Gateway,
    mailbox: &Mailbox,
    recipient: &Address,
    password: &str,
) -> SecretHash {
    let words =
        [mailbox.organisation.name(), mailbox.address.as_str(), &recipient.key(), password.trim()];
    gateway.keyed_hash("sluss 2026 agreed passwords", &words)
}

/// Takes the code that somebody enters behind a link; each try stands in the audit log, and its sender hears of the first opening.
pub async fn open(
    gateway: &Gateway,
    parcel: &Parcel,
    code: &str,
    client: std::net::IpAddr,
) -> Result<Tried, StoreError> {
    let settings = gateway.settings.load_full();
    let openings_max = match parcel.carries {
        Carries::Mail => settings.config.portal.openings,
        // Whoever has the letter has a mailbox of ours.
        Carries::Files => u32::MAX,
    };
    let given = match parcel.key_by {
        KeyBy::Sender | KeyBy::Command => code_hash(gateway, parcel.id, code),
        KeyBy::Password => {
            let mailbox = Mailbox::new(&parcel.organisation, &parcel.sender);
            password_hash(gateway, &mailbox, &parcel.recipient, code)
        }
    };
    let tried = gateway.stores.parcels.try_code(parcel.id, given, openings_max).await?;
    // While none is taken, a try says nothing that was not written down before.
    let what = match tried {
        Tried::Right { .. } => Some(What::ContentOpened),
        Tried::Wrong { .. } | Tried::Over(_) => Some(What::LogInFailed),
        Tried::Wait(_) | Tried::Missing => None,
    };
    if let Some(what) = what {
        record(gateway, parcel, what, Some(client)).await?;
    }
    match &tried {
        Tried::Right { first: true } => {
            metrics::counter!("sluss_portal_opened_total").increment(1);
            tell_of_opening(gateway, &settings, parcel).await?;
        }
        Tried::Over(_) => end(gateway, &settings, parcel.id).await?,
        Tried::Right { first: false } | Tried::Wrong { .. } | Tried::Wait(_) | Tried::Missing => (),
    }
    Ok(tried)
}

/// Tells the sender that it was opened. What does not succeed now, or after a crash, [`look_after`] does.
async fn tell_of_opening(
    gateway: &Gateway,
    settings: &Settings,
    parcel: &Parcel,
) -> Result<(), StoreError> {
    let told = match parcel.carries {
        Carries::Mail => {
            tell(gateway, settings, parcel, Letter::of(Stage::Opened, &[parcel])).await.is_ok()
        }
        // Who left them is a stranger.
        Carries::Files => true,
    };
    if told {
        gateway.stores.parcels.told_of_opening(parcel.id).await?;
    }
    Ok(())
}

/// Writes down that the recipient did something with it, before it is done.
pub async fn record(
    gateway: &Gateway,
    parcel: &Parcel,
    what: What,
    client: Option<std::net::IpAddr>,
) -> Result<(), StoreError> {
    let actor = Actor::Portal { name: parcel.recipient.to_string() };
    let entry =
        Entry::new(actor, what).about(parcel.id).of(Some(parcel.organisation.clone())).from(client);
    gateway.stores.audit.append(entry).await.map(drop)
}

/// One round: ends what had its time, tells senders of what ends soon and of how it ended, and forgets what is long over.
pub async fn look_after(gateway: &Gateway) -> Result<(), StoreError> {
    let settings = gateway.settings.load_full();
    let parcels = &gateway.stores.parcels;
    let now = gateway.clock.now();
    for parcel in parcels.opened_untold().await? {
        tell_of_opening(gateway, &settings, &parcel).await?;
    }
    for parcel in parcels.to_warn_of().await? {
        let waits = gateway.stores.quarantine.get(parcel.id).await?;
        let still = waits.is_some_and(|held| is_here(held.state));
        let warned = match parcel.carries {
            _ if !still => true,
            Carries::Mail => {
                tell(gateway, &settings, &parcel, Letter::of(Stage::EndsSoon, &[&parcel]))
                    .await
                    .is_ok()
            }
            Carries::Files if parcel.stopped.is_some() => true,
            Carries::Files => left::letter(gateway, &settings, &parcel, Stage::LeftEndsSoon).await,
        };
        if warned {
            parcels.warned(parcel.id).await?;
        }
    }
    for parcel in parcels.expired().await? {
        let held = gateway.stores.quarantine.get(parcel.id).await?;
        let over = match held.is_none_or(|held| is_here(held.state)) {
            true => Over::Expired,
            false => Over::Withdrawn,
        };
        parcels.close(parcel.id, over).await?;
    }
    for parcel in parcels.ended().await? {
        end(gateway, &settings, parcel.id).await?;
        let stage = match (parcel.over, parcel.opened) {
            _ if parcel.carries == Carries::Files => None,
            (Some(Over::Expired), None) => Some(Stage::Ended),
            (Some(Over::Locked), _) => Some(Stage::Closed),
            (Some(Over::Expired | Over::Spent | Over::Withdrawn) | None, _) => None,
        };
        if let Some(stage) = stage
            && tell(gateway, &settings, &parcel, Letter::of(stage, &[&parcel])).await.is_err()
        {
            continue;
        }
        parcels.told_of_end(parcel.id).await?;
    }
    parcels.forget(now.minus(limits::PARCEL_REMEMBERED_FOR)).await?;
    Ok(())
}

/// It waits still, and nobody has taken it back.
fn is_here(state: HeldState) -> bool {
    matches!(state, HeldState::Portal | HeldState::Files)
}

/// Destroys the content of what is closed. Once: then there is nothing left to destroy.
async fn end(gateway: &Gateway, settings: &Settings, id: Id) -> Result<(), StoreError> {
    let Some(held) = gateway.stores.quarantine.get(id).await? else { return Ok(()) };
    let entry =
        Entry::new(Actor::System, What::PortalEnded).about(id).of(Some(held.organisation.clone()));
    gateway.stores.audit.append(entry).await?;
    gateway.stores.quarantine.delete(id).await?;
    tracing::info!(parcel = %id, host = %settings.config.hostname, "a mail in the portal has ended; its key is destroyed");
    Ok(())
}

/// What the sender is told.
struct Letter<'a> {
    stage: Stage,
    found: &'a [Found],
    /// Of whose mail.
    to: &'a [&'a Parcel],
}

impl<'a> Letter<'a> {
    fn of(stage: Stage, parcel: &'a [&'a Parcel]) -> Letter<'a> {
        Letter { stage, found: &[], to: parcel }
    }
}

/// Writes to the sender.
async fn tell(
    gateway: &Gateway,
    settings: &Settings,
    parcel: &Parcel,
    letter: Letter<'_>,
) -> Result<(), NotPut> {
    let organisation = &parcel.organisation;
    let language = notice::language_of(settings, organisation);
    let (words, zone) = (Words::of(language), zone(settings, organisation));
    let when = match &letter.stage {
        Stage::Opened => words.moment(gateway.clock.now(), &zone),
        Stage::Put(_)
        | Stage::EndsSoon
        | Stage::Ended
        | Stage::Closed
        | Stage::Left { .. }
        | Stage::LeftHeld(_)
        | Stage::LeftEndsSoon => words.date(parcel.expires, &zone),
    };
    let names = letter.to.iter().take(limits::PARCEL_RECIPIENTS_NAMED_MAX);
    let mut recipient: Vec<String> = names.map(|one| one.recipient.to_string()).collect();
    if letter.to.len() > recipient.len() {
        recipient.push("…".to_string());
    }
    let told = Told {
        recipient: recipient.join(", "),
        stage: letter.stage,
        sent: words.date(parcel.made, &zone),
        when,
        found: letter.found.to_vec(),
    };
    let kind = Kind::Parcel(Box::new(told));
    match notice::letter(gateway, organisation, &parcel.sender, language, &kind).await {
        Posted::Spooled(_) | Posted::NobodyToTell => Ok(()),
        Posted::TooMany | Posted::NotSpooled => Err(NotPut::Letters),
    }
}

/// Writes to the recipient, in the sender's name, so that word of an address that does not exist comes back to him.
async fn invite(
    gateway: &Gateway,
    settings: &Settings,
    parcel: &Parcel,
    link: Hidden<String>,
) -> Result<(), NotPut> {
    let organisation = &parcel.organisation;
    let zone = zone(settings, organisation);
    let url = settings.config.web.public_url.as_ref().ok_or(NotPut::NoAddress)?;
    let until = |language: Language| Words::of(language).date(parcel.expires, &zone);
    let write = |id: Id| {
        Invitation {
            hostname: &settings.config.hostname,
            id,
            sender: &parcel.sender,
            organisation: &digest::title_of(settings, organisation),
            recipient: &parcel.recipient,
            language: language_there(settings, parcel),
            now: gateway.clock.now(),
            link: link.clone(),
            url: &format!("{}/", url.as_str()),
            until: &until,
            to_what: match parcel.key_by {
                KeyBy::Sender => ToWhat::OpenWithCode,
                KeyBy::Command => ToWhat::OpenWithCodeBySms,
                KeyBy::Password => ToWhat::OpenWithPassword,
            },
        }
        .write()
    };
    let posted = notice::invitation(
        gateway,
        settings,
        organisation,
        (&parcel.sender, &parcel.recipient),
        write,
    )
    .await;
    match posted {
        Posted::Spooled(_) | Posted::NobodyToTell => Ok(()),
        Posted::TooMany | Posted::NotSpooled => Err(NotPut::Letters),
    }
}

fn language_there(settings: &Settings, parcel: &Parcel) -> Language {
    language_at(settings, &parcel.recipient, &parcel.organisation)
}

/// The language of the country in an address's domain, else that of whoever writes there.
pub(super) fn language_at(
    settings: &Settings,
    address: &Address,
    organisation: &Organisation,
) -> Language {
    let domain = address.domain().map(|domain| domain.as_str().to_ascii_lowercase());
    let top = domain.as_deref().and_then(|domain| domain.rsplit('.').next());
    match top {
        Some("se" | "ax") => Language::Sv,
        Some("fi") => Language::Fi,
        Some("no") => Language::Nb,
        Some("dk") => Language::Da,
        Some(_) | None => notice::language_of(settings, organisation),
    }
}

pub(super) fn zone(settings: &Settings, organisation: &Organisation) -> crate::base::local::Zone {
    digest::zone_of(settings, organisation, &Wanted::default())
}

/// Has a program of the house send the code; false where there is none, or it did not.
async fn sends_code(settings: &Settings, parcel: &Parcel, code: &Hidden<String>) -> bool {
    let portal = &settings.config.portal;
    let (CodeBy::Command, Some(program)) = (portal.code_by, &portal.code_command) else {
        return false;
    };
    let language = language_there(settings, parcel).code();
    let run = async {
        let mut child = Command::new(program)
            .arg(parcel.recipient.to_string())
            .arg(language)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()?;
        if let Some(mut stdin) = child.stdin.take() {
            stdin.write_all(format!("{}\n", code.expose()).as_bytes()).await?;
        }
        child.wait().await
    };
    match tokio::time::timeout(limits::PARCEL_CODE_COMMAND_TIME_MAX, run).await {
        Ok(Ok(status)) if status.success() => true,
        Ok(Ok(status)) => {
            tracing::error!(parcel = %parcel.id, program = %program.display(), %status, "the program that sends codes failed; the sender gets the code");
            false
        }
        Ok(Err(error)) => {
            tracing::error!(parcel = %parcel.id, program = %program.display(), %error, "the program that sends codes could not be run; the sender gets the code");
            false
        }
        Err(_) => {
            tracing::error!(parcel = %parcel.id, program = %program.display(), "the program that sends codes took too long; the sender gets the code");
            false
        }
    }
}
