//! Letting a held mail go: to its recipient, unaltered but for one signed field, once. And what else is done with one: taken off the list,
//! deleted, labelled, taken back.
//!
//! Before a release the mail is looked at again under today's rules, with what the world said when it came. What is dangerous, then or now,
//! goes only when staff has reviewed it.
//!
//! Order: the mail is durable in the spool under the held item's own id, then the item is marked released. A crash between the two
//! leaves it held, and releasing it again finds the id in the spool: no mail is lost, none goes twice. Who may take a release back has ten
//! seconds, during which the mail waits in the spool. An undo takes the mail out of the deliverer's hands, marks it held, and then removes it
//! from the spool: a crash between the last two undoes the undo, and the mail goes once.

use crate::{
    base::{clock::UnixMs, ids::Id, limits},
    checks::Finding,
    config::policy::{Action, Category},
    examine::UnscannedReason,
    facts::{Facts, sought::Sought},
    mail::{Direction, Header, Peer, header::Problem},
    pipeline::{
        Gateway,
        courier::Route,
        deliver,
        edit::Edits,
        judge::{self, Came, Judged, Mended, Unjudged, Via},
        personal_mail, process, questions, school,
        sending::Sent,
        spooled::{Errand, Leg, Spooled},
    },
    store::{
        StoreError,
        audit::What,
        held::{Held, HeldState, Move, Moved, Opinion, Releaser},
        portal::Over,
        private,
        spool::Content,
    },
    verdict::{self, care},
    wire::{
        date, fields,
        report::personal::Found,
        tls::{Asks, ByPortal, Demand},
    },
};
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use std::{fs, net::IpAddr, net::Ipv4Addr, path::Path};

/// What stands for the listener of a mail that comes out of the quarantine.
pub const LISTENER: &str = "quarantine";

/// How dangerous a mail is to its reader.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Danger {
    /// It is unwanted at most.
    None,
    /// It may deceive, or could not be looked into.
    Suspect,
    /// It is malware.
    Malware,
}

/// What somebody of the staff answers for who lets a dangerous mail go.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Review {
    /// Why it may go all the same.
    pub why: String,
    /// How dangerous the reviewer knew it to be: what has turned out worse since goes back to the reviewer.
    pub knowing: Danger,
}

/// A release as somebody asks for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asking {
    /// Who asks.
    pub by: Releaser,
    /// With which review, if any. An owner of a mailbox has none to give.
    pub review: Option<Review>,
}

impl Asking {
    /// Without a review.
    pub fn by(by: Releaser) -> Asking {
        Asking { by, review: None }
    }

    /// How dangerous a mail may be that this lets go.
    fn reaches(&self) -> Danger {
        match (&self.by, &self.review) {
            (Releaser::Command | Releaser::Staff(_), Some(review)) => review.knowing,
            (Releaser::Owner(_) | Releaser::Reply(_) | Releaser::Gateway, _)
            | (Releaser::Command | Releaser::Staff(_), None) => Danger::None,
        }
    }
}

/// Why a mail was not released.
#[derive(Debug, thiserror::Error)]
pub enum NotReleased {
    /// The quarantine could not be read or written.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The spool did not take it; the reply says why.
    #[error("the mail could not be queued: {0}")]
    Spool(String),
    /// It was released, or is on its way, already: its `act` says by whom and when.
    #[error("it is released already")]
    Already(Box<Held>),
    /// It was deleted.
    #[error("it is deleted")]
    Deleted,
    /// There is no such mail.
    #[error("there is no held mail with this id")]
    Missing,
    /// It needs a review, or a better one.
    #[error("it is dangerous and goes only after a review: {reason}")]
    Dangerous {
        /// How dangerous.
        danger: Danger,
        /// Why, in a plain sentence.
        reason: String,
    },
    /// It could not be looked at again just now.
    #[error("it could not be looked at again just now: {0}")]
    NotLookedAt(String),
}

/// Why something was not done, or not taken back.
#[derive(Debug, thiserror::Error)]
pub enum NotDone {
    /// The quarantine could not be read or written.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// It stands elsewhere by now: its state and `act` say where, by whom and when.
    #[error("somebody was there before")]
    Already(Box<Held>),
    /// The time for taking it back is over, or the mail is on its way.
    #[error("it is too late to take that back")]
    TooLate,
    /// There is no such mail.
    #[error("there is no held mail with this id")]
    Missing,
}

/// A mail that was looked at again, to be sent as it is.
pub(super) struct Seen {
    pub(super) held: Held,
    pub(super) judged: Judged,
    content: Bytes,
    danger: (Danger, String),
}

/// Looks again at a mail of ours that is held, or waits in the portal.
pub(super) async fn look_again(gateway: &Gateway, id: Id) -> Result<Seen, NotReleased> {
    let held = gateway.stores.quarantine.get(id).await?.ok_or(NotReleased::Missing)?;
    if !matches!(held.state, HeldState::Held | HeldState::Portal) {
        return Err(NotReleased::Already(Box::new(held)));
    }
    let content = gateway.stores.quarantine.content(id).await?.ok_or(NotReleased::Missing)?;
    let content = Bytes::from(content);
    let (danger, judged) = looked_at(gateway, &held, content.clone()).await?;
    Ok(Seen { held, judged, content, danger })
}

/// Sends it, asking no more of the channel than any mail: somebody said that what was found in it is no personal data. At once, and nobody takes it back.
pub(super) async fn as_plain(
    gateway: &Gateway,
    seen: Seen,
    signer: &Signer,
    by: Releaser,
) -> Result<Held, NotReleased> {
    let Seen { held, content, danger: (danger, reason), .. } = seen;
    if danger > Danger::None {
        return Err(NotReleased::Dangerous { danger, reason });
    }
    let (id, was) = (held.id, held.state);
    let _one_at_a_time = gateway.releasing.lock().await;
    let now = gateway.stores.quarantine.get(id).await?.ok_or(NotReleased::Missing)?;
    if now.state != was {
        return Err(NotReleased::Already(Box::new(now)));
    }
    // A release that a crash interrupted has put it on its way already, and not as it is.
    if gateway.queue.holds(id) {
        return Err(NotReleased::Already(Box::new(now)));
    }
    let demand = gateway.settings.load().outbound_policy(&held.organisation).transport.demand();
    let due = gateway.clock.now();
    let going = Going { due, plain: Some(demand), personal: Vec::new() };
    let held = let_go(gateway, &held, content, signer, (going, by)).await?;
    // Last: what ends in the portal is destroyed, and until here that was the only copy.
    if was == HeldState::Portal {
        gateway.stores.parcels.close(id, Over::Withdrawn).await?;
    }
    tracing::warn!(%id, to = %held.recipient, "sent as it is: its sender said that it carries no personal data");
    metrics::counter!("sluss_overridden_total").increment(1);
    Ok(held)
}

/// Releases a held mail, or the copy of a refused one.
pub async fn release(
    gateway: &Gateway,
    id: Id,
    signer: &Signer,
    asking: Asking,
) -> Result<Held, NotReleased> {
    let held = releasable(gateway, id).await?;
    let content = gateway.stores.quarantine.content(id).await?.ok_or(NotReleased::Missing)?;
    let content = Bytes::from(content);
    let ((danger, reason), judged) = looked_at(gateway, &held, content.clone()).await?;
    if danger > asking.reaches() {
        return Err(NotReleased::Dangerous { danger, reason });
    }
    if let Some(review) = &asking.review {
        let (by, why) = (&asking.by, &review.why);
        tracing::warn!(%id, ?danger, %by, why, "a held mail is released after a review");
    }
    // Two people may press at once; the second finds the first one's mark.
    let _one_at_a_time = gateway.releasing.lock().await;
    let held = releasable(gateway, id).await?;
    let due = match asking.by.may_undo() {
        true => gateway.clock.now().plus(limits::UNDO_TIME_MAX),
        false => gateway.clock.now(),
    };
    // Who is told of its way is told what is in it.
    let personal = match held.direction {
        Direction::Outbound => {
            personal_mail::found(&gateway.settings.load(), &judged.contents, held.held_at)
        }
        Direction::Inbound => Vec::new(),
    };
    let going = Going { due, plain: None, personal };
    let held = let_go(gateway, &held, content, signer, (going, asking.by)).await?;
    tracing::info!(%id, to = %held.recipient, "released from quarantine");
    metrics::counter!("sluss_released_total").increment(1);
    if let Some(act) = &held.act {
        school::said_of_held(gateway, &held, Opinion::Ham, &act.by).await;
    }
    Ok(held)
}

/// How a mail goes that is let go.
struct Going {
    due: UnixMs,
    /// It goes as any mail, and not by the portal; what is asked of its channel.
    plain: Option<Demand>,
    /// What was found in it.
    personal: Vec<Found>,
}

/// Puts a mail into the spool, if it is not there from before a crash, and only then marks it released. The caller lets one go at a time.
async fn let_go(
    gateway: &Gateway,
    held: &Held,
    content: Bytes,
    signer: &Signer,
    (going, by): (Going, Releaser),
) -> Result<Held, NotReleased> {
    if !gateway.queue.holds(held.id) {
        let spooled = spooled(gateway, held, &content, signer, going);
        let reply = process::put_in_spool(gateway, spooled, &Content::from_bytes(content)).await;
        if !reply.is_yes() {
            return Err(NotReleased::Spool(reply.one_line()));
        }
    }
    match gateway.stores.quarantine.make_move(held.id, Move::Release, by).await? {
        Moved::Now(held) => {
            gateway.stores.trace.record_release(&held);
            Ok(*held)
        }
        Moved::No(held) => Err(NotReleased::Already(held)),
        Moved::Missing => Err(NotReleased::Missing),
    }
}

/// A released mail is tried for the first time: nobody takes it back any more, so that others may learn from it.
pub(super) async fn is_on_its_way(gateway: &Gateway, id: Id) {
    if let Err(error) = gateway.stores.bank_accounts.released(id).await {
        tracing::warn!(%id, %error, "the accounts in a released mail were not remembered");
    }
}

/// The mail, if it is not released or deleted.
async fn releasable(gateway: &Gateway, id: Id) -> Result<Held, NotReleased> {
    let held = gateway.stores.quarantine.get(id).await?.ok_or(NotReleased::Missing)?;
    match held.state {
        HeldState::Held | HeldState::Rejected | HeldState::Seen => Ok(held),
        HeldState::Released | HeldState::Portal | HeldState::Files => {
            Err(NotReleased::Already(Box::new(held)))
        }
        HeldState::Deleted => Err(NotReleased::Deleted),
    }
}

/// Takes a mail off the list, or deletes it.
pub async fn put_away(gateway: &Gateway, id: Id, how: Away, by: Releaser) -> Result<Held, NotDone> {
    let made = match how {
        Away::Dismiss => Move::Dismiss,
        Away::Delete => Move::Delete,
    };
    let _one_at_a_time = gateway.releasing.lock().await;
    match gateway.stores.quarantine.make_move(id, made, by).await? {
        Moved::Now(held) => {
            let was = held.act.as_ref().map(|act| act.from);
            if let Some(HeldState::Portal | HeldState::Files) = was {
                // It was nobody's nuisance: whoever sent it, or looks after it, took it back.
                gateway.stores.parcels.close(id, Over::Withdrawn).await?;
                if was == Some(HeldState::Portal) {
                    gateway.stores.trace.record_deletion(&held);
                }
            } else if how == Away::Delete {
                gateway.stores.trace.record_deletion(&held);
                if let Some(act) = &held.act {
                    school::said_of_held(gateway, &held, Opinion::Spam, &act.by).await;
                }
            }
            Ok(*held)
        }
        Moved::No(held) => Err(NotDone::Already(held)),
        Moved::Missing => Err(NotDone::Missing),
    }
}

/// How a mail is put away.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Away {
    /// Off the list; it stays until its time is over.
    Dismiss,
    /// Deleted as unwanted, for good as soon as that cannot be taken back. Whoever blocks a sender does this as well.
    Delete,
}

/// Says what a mail is, for whatever learns from it. It stays where it is, whether it waits or was dealt with.
pub async fn learn(
    gateway: &Gateway,
    id: Id,
    opinion: Opinion,
    by: Releaser,
) -> Result<Held, NotDone> {
    let _one_at_a_time = gateway.releasing.lock().await;
    match gateway.stores.quarantine.learn(id, opinion, by.clone()).await? {
        Moved::Now(held) => {
            school::said_of_held(gateway, &held, opinion, &by).await;
            Ok(*held)
        }
        Moved::No(held) => Err(NotDone::Already(held)),
        Moved::Missing => Err(NotDone::Missing),
    }
}

/// Takes back what was done last with a mail, for whoever did it. What is released comes back as long as nobody has begun to deliver it.
pub async fn undo(gateway: &Gateway, id: Id, by: &Releaser) -> Result<Held, NotDone> {
    let _one_at_a_time = gateway.releasing.lock().await;
    let quarantine = &gateway.stores.quarantine;
    let held = quarantine.get(id).await?.ok_or(NotDone::Missing)?;
    if said_last(&held, by) {
        let back = undone(quarantine.unlearn(id, by).await?)?;
        school::taken_back(gateway, &back, by).await;
        return Ok(back);
    }
    let Some(act) = &held.act else { return Err(NotDone::TooLate) };
    // What the portal had is closed there, and its link leads nowhere any more.
    if matches!(act.from, HeldState::Portal | HeldState::Files) {
        return Err(NotDone::TooLate);
    }
    if act.by != *by {
        return Err(NotDone::Already(Box::new(held)));
    }
    if gateway.clock.now().since(act.at) > limits::UNDO_TIME_MAX {
        return Err(NotDone::TooLate);
    }
    if held.state == HeldState::Released {
        let began = act.at;
        let back = undo_release(gateway, id).await?;
        school::taken_back(gateway, &back, by).await;
        gateway.stores.trace.record_undone(&held);
        questions::taken_back(gateway, id, began).await;
        return Ok(back);
    }
    let back = undone(quarantine.make_move(id, Move::Undo, by.clone()).await?)?;
    school::taken_back(gateway, &back, by).await;
    gateway.stores.trace.record_undone(&held);
    Ok(back)
}

/// The word in the audit log for what an undo by this one takes back.
pub fn undo_in_log(held: &Held, by: &Releaser) -> What {
    match held.state {
        _ if said_last(held, by) => What::LearningUndone,
        HeldState::Released => What::ReleaseUndone,
        HeldState::Deleted => What::DeletionUndone,
        HeldState::Seen => What::DismissalUndone,
        HeldState::Held | HeldState::Rejected | HeldState::Portal | HeldState::Files => {
            What::Undone
        }
    }
}

/// Was the last thing that was done with this mail to say what it is, and by this one?
fn said_last(held: &Held, by: &Releaser) -> bool {
    let acted = held.act.as_ref().map(|act| act.at);
    held.learned.as_ref().is_some_and(|said| said.by == *by && acted.is_none_or(|at| at <= said.at))
}

async fn undo_release(gateway: &Gateway, id: Id) -> Result<Held, NotDone> {
    // From here on the deliverer does not find it; if it has it in hand, or has delivered it, it is too late.
    let meta = gateway.stores.spool.meta(id).await.map_err(|_| NotDone::TooLate)?;
    let spooled = Spooled::from_meta(&meta).map_err(|_| NotDone::TooLate)?;
    let untouched = spooled.legs.iter().all(|leg| leg.tries == 0);
    if !untouched || !gateway.queue.forget(id) {
        return Err(NotDone::TooLate);
    }
    let moved = gateway.stores.quarantine.make_move(id, Move::Undo, Releaser::Gateway).await;
    match moved {
        Ok(Moved::Now(held)) => {
            if let Err(error) = gateway.stores.spool.remove(id).await {
                tracing::error!(%id, %error, "a mail whose release was taken back could not be removed from the spool");
            }
            tracing::info!(%id, "a release from quarantine was taken back");
            Ok(*held)
        }
        other => {
            gateway.queue.add(&spooled);
            undone(other?)
        }
    }
}

fn undone(moved: Moved) -> Result<Held, NotDone> {
    match moved {
        Moved::Now(held) => Ok(*held),
        Moved::No(_) => Err(NotDone::TooLate),
        Moved::Missing => Err(NotDone::Missing),
    }
}

/// How dangerous a held mail is: by what was found when it was held, and by what today's rules find in it.
async fn looked_at(
    gateway: &Gateway,
    held: &Held,
    content: Bytes,
) -> Result<((Danger, String), Judged), NotReleased> {
    let settings = gateway.settings.load_full();
    let asked = gateway.stores.quarantine.asked(held.id).await?;
    let peer = asked.as_ref().map(|asked| asked.peer.clone());
    // Facts in a form that this version does not read say nothing for the mail.
    let facts: Facts =
        asked.and_then(|asked| serde_json::from_value(asked.facts).ok()).unwrap_or_default();
    let came = Came {
        direction: held.direction,
        peer: peer.unwrap_or_else(|| Peer::at(IpAddr::V4(Ipv4Addr::LOCALHOST))),
        envelope: held.envelope.clone(),
        at: held.held_at,
        mended: Mended::No,
        organisation: held.organisation.clone(),
        sent: Sent::default(),
        via: Via::Direct,
        sought: Sought::default(),
    };
    let deadline = gateway.clock.tick().plus(limits::LOOK_AGAIN_TIME_MAX);
    let judged = judge::again(gateway, &settings, &came, content, facts, deadline).await;
    let judged = judged.map_err(|why| NotReleased::NotLookedAt(not_looked_at(&why)))?;
    let now = held.envelope.recipients.first().map(|recipient| {
        let judgement = judged.for_recipient(&settings, &came, recipient);
        let course = judgement.policy.course(held.direction);
        danger_now(&judged, |finding| verdict::demanded(finding, course))
    });
    let then = (danger_of(&held.categories), held.reason.clone());
    let worse = match now.unwrap_or((Danger::None, String::new())) {
        now if now.0 >= then.0 && now.0 > Danger::None => now,
        _ => then,
    };
    Ok((worse, judged))
}

fn not_looked_at(why: &Unjudged) -> String {
    match why {
        Unjudged::OutOfTime => "no examiner was free".to_string(),
        Unjudged::Header(_) => "its header section is too large".to_string(),
        Unjudged::Unreadable(error) => error.to_string(),
    }
}

/// What categories say.
fn danger_of(categories: &[Category]) -> Danger {
    let of = |category: &Category| match (*category == Category::Virus, category.is_dangerous()) {
        (true, _) => Danger::Malware,
        (false, true) => Danger::Suspect,
        (false, false) => Danger::None,
    };
    categories.iter().map(of).max().unwrap_or(Danger::None)
}

/// What today's findings say, and the sentence of the one that says the most.
fn danger_now(judged: &Judged, demanded: impl Fn(&Finding) -> Action) -> (Danger, String) {
    let unseen = judged.contents.unscanned.iter().any(|part| match part.reason {
        UnscannedReason::Engine | UnscannedReason::Crashed | UnscannedReason::OutOfTime => true,
        UnscannedReason::TooDeep
        | UnscannedReason::TooMany
        | UnscannedReason::TooLarge
        | UnscannedReason::RatioTooHigh
        | UnscannedReason::Encrypted
        | UnscannedReason::Damaged
        | UnscannedReason::Unsupported => false,
    });
    let of = |finding: &Finding| {
        let speaks = finding.weight > 0.0 || finding.demands.is_some();
        let by_kind = if speaks { danger_of(&[finding.category]) } else { Danger::None };
        match demanded(finding) == Action::Reject {
            true => by_kind.max(Danger::Suspect),
            false => by_kind,
        }
    };
    let worst = judged.findings.iter().map(|finding| (of(finding), finding.plain.as_ref()));
    let worst = worst.max_by_key(|(danger, _)| *danger).unwrap_or((Danger::None, ""));
    match worst {
        (Danger::None, _) if unseen => {
            (Danger::Suspect, "Parts of it could not be looked into".to_string())
        }
        (danger, sentence) => (danger, sentence.to_string()),
    }
}

fn spooled(
    gateway: &Gateway,
    held: &Held,
    content: &[u8],
    signer: &Signer,
    Going { due, plain, personal }: Going,
) -> Spooled {
    let settings = gateway.settings.load();
    let now = gateway.clock.now();
    // Fields that only we may write are taken out here as in any other mail: a forged "released" must not travel beside ours.
    let cuts = match held.direction {
        Direction::Inbound => Header::read(content)
            .map(|header| fields::forged(&header, settings.config.authserv_id()))
            .unwrap_or_default(),
        Direction::Outbound => Vec::new(),
    };
    let mut prepend = signer.field(held, content, now);
    if Header::read(content).is_ok_and(|header| header.problems().contains(&Problem::StartsFolded))
    {
        // A mail that begins in the middle of a field goes on with a field that nothing acts on, not with the signed one.
        prepend.push_str("X-Sluss-Note: what follows began in the middle of a field\r\n");
    }
    let edits = Edits { prepend, cuts };
    let recipients = held.envelope.recipients.clone();
    // What one organisation's policy held may be for another that we host, or for the world on its sender's way.
    let owner = recipients.first().map_or(&held.organisation, |first| &first.organisation);
    let decides = [deliver::UNPROVEN.id, care::UNPROTECTED].contains(&held.why.as_str());
    // What was to go by the portal goes there whatever it was held for, unless whoever lets it go has decided that it need not.
    let by_portal = held.asks.portal == ByPortal::Yes
        && !decides
        && plain.is_none()
        && settings.has_portal(owner);
    let route = match by_portal {
        true => Route::to_portal(),
        false => settings.way_to(&held.recipient, owner).route,
    };
    // Who lets go what nobody vouches for a server of, or what is in clear, decides that it may travel so. Whoever lets go anything else has not decided that.
    let (demand, portal) = match (plain, decides) {
        // What the policy asks of every mail it asks of this one, too.
        (Some(demand), _) => (demand, ByPortal::No),
        (None, true) => (Demand::Nothing, ByPortal::No),
        (None, false) => (held.asks.demand, held.asks.portal),
    };
    let asks = Asks { demand, portal, ..held.asks };
    let errand = Errand::Deliver { route, edits, sender: None, asks };
    Spooled {
        id: held.id,
        organisation: held.organisation.clone(),
        direction: held.direction,
        listener: LISTENER.to_string(),
        peer: Peer::at(IpAddr::V4(Ipv4Addr::LOCALHOST)),
        envelope: crate::mail::Envelope { recipients: Vec::new(), ..held.envelope.clone() },
        arrived: now,
        subject: held.subject.clone(),
        from: held.from.clone(),
        sent: Sent::default(),
        via: Via::default(),
        transaction: Some(held.transaction),
        personal,
        legs: vec![Leg { recipients, ..Leg::empty(errand, due) }],
    }
}

/// Signs what we release, so that the server behind can tell our field from a forged one.
pub struct Signer {
    pair: Ed25519KeyPair,
}

impl std::fmt::Debug for Signer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Signer({})", self.public_key())
    }
}

impl Signer {
    /// Reads the signing key from a file, or makes one there.
    pub fn open(file: &Path) -> Result<Signer, StoreError> {
        let failed = |source| StoreError::File {
            what: "making the release key",
            file: file.to_path_buf(),
            source,
        };
        let damaged = |why: &str| StoreError::Damaged {
            what: format!("the release key in {}", file.display()),
            why: why.to_string(),
        };
        // A file that cannot be looked at is not a missing one.
        if !file.try_exists().map_err(failed)? {
            let pkcs8 = Ed25519KeyPair::generate_pkcs8(&aws_lc_rs::rand::SystemRandom::new())
                .map_err(|_| damaged("cannot be made"))?;
            private::file(file, pkcs8.as_ref()).map_err(failed)?;
        }
        let bytes = fs::read(file).map_err(failed)?;
        let pair =
            Ed25519KeyPair::from_pkcs8(&bytes).map_err(|_| damaged("it is no Ed25519 key"))?;
        Ok(Signer { pair })
    }

    /// The public key, base64, for whoever verifies.
    pub fn public_key(&self) -> String {
        data_encoding::BASE64.encode(self.pair.public_key().as_ref())
    }

    /// `X-Sluss-Released`: version, held item, recipient, time, BLAKE3 of the mail as it was held, and the signature over all of these.
    fn field(&self, held: &Held, content: &[u8], now: UnixMs) -> String {
        let hash = blake3::hash(content).to_hex();
        let signed = format!(
            "v=1; id={}; to={}; t={}; h={hash}",
            held.id,
            held.recipient,
            date::write_iso(now)
        );
        let signature = data_encoding::BASE64.encode(self.pair.sign(signed.as_bytes()).as_ref());
        format!("X-Sluss-Released: {};\r\n\ts={signature}\r\n", signed.replace("; h=", ";\r\n\th="))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_lc_rs::signature::{ED25519, UnparsedPublicKey};

    #[test]
    fn the_key_stays_and_its_signatures_hold() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("release.key");
        let signer = Signer::open(&file).unwrap();
        let again = Signer::open(&file).unwrap();
        assert_eq!(signer.public_key(), again.public_key());
        let made = fs::read_dir(folder.path()).unwrap().count();
        assert_eq!(made, 1, "nothing half made stays");
        let key = data_encoding::BASE64.decode(signer.public_key().as_bytes()).unwrap();
        let signature = again.pair.sign(b"v=1");
        assert!(UnparsedPublicKey::new(&ED25519, &key).verify(b"v=1", signature.as_ref()).is_ok());
        assert!(UnparsedPublicKey::new(&ED25519, &key).verify(b"v=2", signature.as_ref()).is_err());
    }
}
