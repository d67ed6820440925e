//! The same mail to many, as it is noticed: each mail from the world is looked up among those of the last days before it is judged, and taken
//! down among them when it was.
//!
//! What the gateway proves and what people say of one copy is said of all. Whatever changes by that for mail that was delivered before is
//! left to `recall`.

mod recall;

pub use recall::{keep_recalling, restore, save};

use crate::{
    base::{clock::UnixMs, ids::Id, limits},
    checks::is_everybodys,
    config::policy::Category,
    examine::Contents,
    facts::{
        Facts, Known,
        campaign::Campaign,
        history::{History, is_authenticated},
    },
    learn::{
        campaign::{
            CampaignId, Key, Print, Traits,
            standing::{Bad, By, Word},
            window::{Came as Copied, Forgotten, Person, Sender, Window},
        },
        classifier::Label,
    },
    mail::{Address, Direction, Header, Organisation},
    pipeline::{
        Gateway,
        judge::{self, Came, Judged},
        limits::network_key,
        school,
        settings::Settings,
    },
    store::{
        StoreError,
        campaigns::{Rewrite, Unsaid},
        held::{Held, Opinion, Releaser},
        lessons::{Forget, MailMark, Teacher},
    },
    wire::srs,
};
use std::{
    collections::BTreeSet,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::sync::Notify;

/// The campaigns of the last days.
#[derive(Debug)]
pub struct Campaigns {
    key: Key,
    window: Mutex<Window>,
    /// Those for which something changed, so that what was delivered is to be looked at.
    turned: Mutex<BTreeSet<CampaignId>>,
    /// One was added.
    more: Notify,
    /// Held by whoever writes them down: what was taken from the window earlier must not be written later.
    writing: tokio::sync::Mutex<()>,
}

/// A mail as a copy of others, or as the first of its campaign.
#[derive(Debug, Clone)]
pub struct Sighting {
    /// Which campaign.
    pub id: CampaignId,
    print: Print,
    copied: Copied,
    /// The organisations, hashed, that knew its campaign to be bad when it was judged.
    suspecting: Vec<u32>,
}

impl Campaigns {
    /// None yet. Prints and names are hashed by a key made from the gateway's secret.
    pub fn new(secret: &srs::Key) -> Campaigns {
        let key = Key::of(secret.expose());
        let window = Mutex::new(Window::new(key.clone()));
        Campaigns {
            key,
            window,
            turned: Mutex::default(),
            more: Notify::new(),
            writing: tokio::sync::Mutex::default(),
        }
    }

    fn window(&self) -> MutexGuard<'_, Window> {
        // Whoever fell over it left counts behind, nothing that must agree.
        self.window.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn owner(&self, organisation: &Organisation) -> u32 {
        self.key.hash("organisation", organisation.name())
    }

    /// Why a campaign is bad for an organisation now; none: it is not.
    pub fn standing(&self, id: CampaignId, organisation: &Organisation) -> Option<Bad> {
        let owner = self.owner(organisation);
        self.window().get(id)?.standing(owner)
    }

    /// Is it a stranger's copy of what this organisation did not know to be bad when it was judged?
    pub(super) fn is_unsuspected(&self, sighting: &Sighting, organisation: &Organisation) -> bool {
        sighting.copied.sender == Sender::Stranger
            && !sighting.suspecting.contains(&self.owner(organisation))
    }

    /// The group of alike mails that a held copy is shown in; `own` where it is no copy.
    pub(super) fn group(&self, sighting: Option<&Sighting>, own: u64, now: UnixMs) -> u64 {
        match sighting {
            Some(sighting) => self.window().group(sighting.id, &sighting.print, own, now),
            None => own,
        }
    }

    /// Takes down what is said of a campaign, by whoever may say something.
    fn say(&self, id: CampaignId, word: Word) {
        if self.window().say(id, word) {
            self.turn(id);
        }
    }

    fn take_back(&self, id: CampaignId, by: By) {
        if self.window().take_back(id, by) {
            self.turn(id);
        }
    }

    fn turn(&self, id: CampaignId) {
        let mut turned = self.turned.lock().unwrap_or_else(PoisonError::into_inner);
        if turned.len() < limits::CAMPAIGNS_TURNED_MAX {
            turned.insert(id);
        }
        drop(turned);
        self.more.notify_one();
    }
}

/// Looks a mail up, before it is judged. Not asked: it is none that could be one of many, or has too little text to tell.
pub(super) fn look(
    campaigns: &Campaigns,
    settings: &Settings,
    came: &Came,
    (header, contents): (&Header, &Contents),
    facts: &Facts,
) -> Option<(Sighting, Campaign)> {
    if came.direction != Direction::Inbound || is_left_out(came, header) {
        return None;
    }
    let print = print(&campaigns.key, came, header, contents)?;
    let window = campaigns.window();
    let found = window.look(&print);
    let age = found.map_or(Duration::ZERO, |(_, one)| came.at.since(one.first));
    let days = u32::try_from(age.as_secs() / 86_400).unwrap_or(u32::MAX);
    let sender = sender(header, facts, days);
    let copied = copied(&campaigns.key, settings, came, (header, sender), facts);
    let id = found.map_or_else(|| print.id(), |(id, _)| id);
    let standing = |owner: &u32| (*owner, found.and_then(|(_, one)| one.standing(*owner)));
    let standings: Vec<(u32, Option<Bad>)> = copied.organisations.iter().map(standing).collect();
    let first = |all: Vec<Bad>| all.into_iter().next();
    let fact = Campaign {
        id,
        stranger: sender == Sender::Stranger,
        mails: found.map_or(0, |(_, one)| one.mails),
        sources: found.map_or(0, |(_, one)| one.sources.count()),
        networks: found.map_or(0, |(_, one)| one.networks.count()),
        recipients: found.map_or(0, |(_, one)| one.recipients.count()),
        // One mail for several organisations is judged by what all of them say.
        bad: standings.iter().map(|(_, bad)| *bad).collect::<Option<Vec<Bad>>>().and_then(first),
    };
    drop(window);
    let suspecting = standings.into_iter().filter(|(_, bad)| bad.is_some());
    let suspecting = suspecting.map(|(owner, _)| owner).collect();
    Some((Sighting { id, print, copied, suspecting }, fact))
}

/// Notices of non-delivery and answers of programs are worded alike everywhere; and who writes to a role asks about what it got.
fn is_left_out(came: &Came, header: &Header) -> bool {
    let automatic = header
        .value("Auto-Submitted")
        .is_some_and(|value| value.trim_start().to_ascii_lowercase().starts_with("auto-replied"));
    automatic
        || came.envelope.sender.address().is_none()
        || came.envelope.recipients.iter().all(|one| one.address.is_role())
}

fn print(key: &Key, came: &Came, header: &Header, contents: &Contents) -> Option<Print> {
    let mut text = String::new();
    for one in &contents.texts {
        if text.len() >= limits::CAMPAIGN_TEXT_BYTES_MAX {
            break;
        }
        text.push_str(&one.shown);
        text.push('\n');
    }
    let hosts = contents.links.iter().filter(|link| !link.host.is_empty());
    let attached = contents.parts.iter().filter(|part| part.attachment);
    let traits = Traits {
        subject: &header.text("Subject").unwrap_or_default(),
        text: &text,
        names: &names(came, header),
        hosts: &hosts.map(|link| link.host.clone()).collect(),
        attachments: &attached.map(|part| part.kind.word().to_string()).collect(),
    };
    Print::of(key, &traits)
}

/// Words that stand in a copy for its recipients alone.
fn names(came: &Came, header: &Header) -> BTreeSet<String> {
    let addresses = came.envelope.recipients.iter().take(limits::CORRESPONDENCE_RECIPIENTS_MAX);
    let locals = addresses.map(|one| one.address.local().to_string());
    let shown = header.mailboxes("To").into_iter().take(limits::CORRESPONDENCE_RECIPIENTS_MAX);
    let texts: Vec<String> = locals.chain(shown.map(|one| one.name)).collect();
    let words = texts.iter().flat_map(|text| text.split(|letter: char| !letter.is_alphanumeric()));
    words.filter(|word| word.chars().count() > 1).map(str::to_lowercase).collect()
}

fn copied(
    key: &Key,
    settings: &Settings,
    came: &Came,
    (header, sender): (&Header, Sender),
    facts: &Facts,
) -> Copied {
    let client = judge::origin(settings, came, header);
    let client = client.map_or(came.peer.address, |client| client.address);
    let network = network_key(client).to_string();
    let recipients = came.envelope.recipients.iter().take(limits::CAMPAIGN_DISTINCT_MAX);
    let organisations: BTreeSet<&Organisation> =
        came.envelope.recipients.iter().map(|one| &one.organisation).collect();
    Copied {
        sender,
        source: key.hash("source", &source(header, facts).unwrap_or_else(|| network.clone())),
        network: key.hash("network", &network),
        recipients: recipients.map(|one| key.hash("recipient", &one.address.key())).collect(),
        organisations: organisations
            .into_iter()
            .map(|one| key.hash("organisation", one.name()))
            .collect(),
    }
}

/// What whoever sends it is to those whom it is for. Where nobody remembers, he is a stranger. One good mail earns nothing: anybody has a
/// domain for a day, and sends one before he sends many.
fn sender(header: &Header, facts: &Facts, campaign_days: u32) -> Sender {
    let Known::Yes(history) = &facts.history else { return Sender::Stranger };
    let History { authenticated, answers_ours, .. } = history;
    // Where everybody gets a mailbox, that others of the domain are known says nothing.
    let from = header.mailboxes("From").into_iter().next().and_then(|from| from.domain());
    let is_shared = from.is_none_or(|domain| is_everybodys(domain.registered()));
    let of_domain = history.written_to_domain > 0.0 && !is_shared;
    if *answers_ours || (*authenticated && (history.written_to_address > 0.0 || of_domain)) {
        return Sender::Correspondent;
    }
    let days_before =
        history.domain_known_days.map_or(0, |days| days.saturating_sub(campaign_days));
    let is_clean = history.unwanted_from_domain * 10.0 <= history.came_from_domain;
    let is_familiar = history.came_from_domain > 0.0 && is_clean && days_before >= FAMILIAR_DAYS;
    match *authenticated && !is_shared && is_familiar {
        true => Sender::Familiar,
        false => Sender::Stranger,
    }
}

/// Days before a campaign's first copy since which mail has come from a domain that is familiar.
const FAMILIAR_DAYS: u32 = 14;

/// Who speaks for the mail, where that is shown: a domain, or one mailbox where everybody gets one.
fn source(header: &Header, facts: &Facts) -> Option<String> {
    let from = header.mailboxes("From").into_iter().next()?;
    let domain = from.domain()?;
    let Facts { dmarc, spf, dkim, .. } = facts;
    if !is_authenticated(&domain, dmarc, spf, dkim) {
        return None;
    }
    let owner = domain.registered().to_string();
    match is_everybodys(&owner) {
        true => Address::parse(&from.address).ok().map(|address| address.key()),
        false => Some(owner),
    }
}

/// Takes down a mail that was judged, and what it says of itself.
pub(super) fn settled(gateway: &Gateway, came: &Came, judged: &Judged) {
    let (Some(sighting), Known::Yes(fact)) = (&judged.sighting, &judged.facts.campaign) else {
        return;
    };
    let campaigns = &gateway.campaigns;
    campaigns.window().note(sighting.id, &sighting.print, &sighting.copied, came.at);
    for (category, by) in [(Category::Virus, By::Malware), (Category::Phish, By::Phish)] {
        if school::is_proved(judged, category) {
            campaigns.say(sighting.id, Word::new(by, Label::Spam, came.at));
        }
    }
    let settings = gateway.settings.load();
    // Beside people it says nothing of the mail: whoever knows one trap could have any mail called bad that he got himself.
    let is_for_traps_alone =
        came.envelope.recipients.iter().all(|one| settings.is_trap(&one.address));
    if is_for_traps_alone && school::is_trapped(&settings, came, judged) {
        campaigns.say(sighting.id, Word::new(By::Trap, Label::Spam, came.at));
    }
    // It was judged before somebody said what it is.
    let owners = came.envelope.recipients.iter().map(|one| &one.organisation);
    let mut standings = owners.map(|owner| campaigns.standing(sighting.id, owner));
    if fact.bad.is_none() && standings.any(|standing| standing.is_some()) {
        campaigns.turn(sighting.id);
    }
}

/// Takes down what somebody says of a held mail.
pub(super) async fn said_of_held(gateway: &Gateway, held: &Held, opinion: Opinion, by: &Releaser) {
    let Some(by) = speaker(&gateway.campaigns, held, by) else { return };
    let label = match opinion {
        Opinion::Ham => Label::Ham,
        Opinion::Spam => Label::Spam,
    };
    if let Some(id) = campaign_of(gateway, &held.organisation, held.transaction).await {
        gateway.campaigns.say(id, Word::new(by, label, gateway.clock.now()));
    }
}

/// Somebody did not mean what he said of a held mail.
pub(super) async fn taken_back(gateway: &Gateway, held: &Held, by: &Releaser) {
    let Some(by) = speaker(&gateway.campaigns, held, by) else { return };
    if let Some(id) = campaign_of(gateway, &held.organisation, held.transaction).await {
        gateway.campaigns.take_back(id, by);
    }
}

/// Takes down what is said of a mail that came through here, held or not. By whom: as whom he is counted, and as whom he says it.
pub(super) async fn told(
    gateway: &Gateway,
    organisation: &Organisation,
    mail: MailMark,
    (teacher, by, said_as): (Teacher, Option<&str>, Option<&str>),
    label: Label,
) {
    let campaigns = &gateway.campaigns;
    let owner = campaigns.owner(organisation);
    let by_name = by;
    let by = match teacher {
        Teacher::Command => By::Operator,
        Teacher::Staff => By::Staff(owner),
        Teacher::Reader | Teacher::Reported => {
            By::Recipient(owner, campaigns.key.hash("person", by.unwrap_or_default()))
        }
        // These are taken down when the mail comes, or say nothing of copies.
        Teacher::Malware
        | Teacher::Phish
        | Teacher::Trap
        | Teacher::Guessing
        | Teacher::Sent
        | Teacher::Correspondent => return,
    };
    if let Some(id) = campaign_of(gateway, organisation, Id::from_bytes(mail.0)).await {
        let said_as = said_as.filter(|name| by_name != Some(*name));
        let said_as = said_as.map(|name| campaigns.key.hash("person", name));
        campaigns.say(id, Word { said_as, ..Word::new(by, label, gateway.clock.now()) });
    }
}

/// Forgets what was said of campaigns, and who got and sent copies, of one organisation or of all. What was delivered, and to whom, stands in
/// the trace, and goes with it. Gives how many campaigns that were.
pub async fn forgotten(
    gateway: &Gateway,
    what: &Forget,
    only: Option<&Organisation>,
) -> Result<usize, StoreError> {
    let (campaigns, trace) = (&gateway.campaigns, &gateway.stores.trace);
    let hash = |part: &str, text: &str| campaigns.key.hash(part, text);
    let all = match what {
        Forget::Person(address) => vec![Forgotten::Person(Person {
            speaker: hash("person", address),
            recipient: hash("recipient", address),
            source: hash("source", address),
        })],
        Forget::Before(moment) => vec![Forgotten::Before(*moment)],
        Forget::Mail(id) => {
            trace.campaigns_of(*id, only).await?.into_iter().map(Forgotten::One).collect()
        }
        Forget::All => vec![Forgotten::All],
    };
    let owner = only.map(|one| campaigns.owner(one));
    // What was forgotten must not come back by a crash, nor by what was about to be written when it was.
    let _alone = campaigns.writing.lock().await;
    let (mut count, mut unsaid) = (0_usize, Vec::new());
    let (kept, there) = {
        let mut window = campaigns.window();
        for one in &all {
            let gone = window.forget_what(*one, owner);
            count = count.saturating_add(gone.campaigns);
            unsaid.extend(gone.bad);
            // Of one that the window has forgotten it stands in the trace alone that it was bad.
            if let Forgotten::One(id) = one {
                unsaid.push(*id);
            }
        }
        (window.changed(), window.ids())
    };
    let ids = kept.iter().map(|(id, ..)| *id).collect();
    let everything = all == [Forgotten::All] && only.is_none();
    let rewrite = Rewrite {
        kept,
        there,
        unsaid: if everything { Unsaid::All } else { Unsaid::Of(unsaid.clone(), only.cloned()) },
    };
    if let Err(error) = trace.rewrite_campaigns(rewrite).await {
        campaigns.window().not_written(ids);
        return Err(error);
    }
    // What others say of them may stand.
    unsaid.into_iter().for_each(|id| campaigns.turn(id));
    Ok(count)
}

fn speaker(campaigns: &Campaigns, held: &Held, by: &Releaser) -> Option<By> {
    let owner = campaigns.owner(&held.organisation);
    match by {
        Releaser::Command => Some(By::Operator),
        Releaser::Staff(_) => Some(By::Staff(owner)),
        Releaser::Owner(address) | Releaser::Reply(address) => {
            Some(By::Recipient(owner, campaigns.key.hash("person", &address.key())))
        }
        Releaser::Gateway => None,
    }
}

/// The campaign of a mail that came, as the trace knows it.
async fn campaign_of(
    gateway: &Gateway,
    organisation: &Organisation,
    mail: Id,
) -> Option<CampaignId> {
    match gateway.stores.trace.campaign_of(mail, organisation).await {
        Ok(found) => found,
        Err(error) => {
            tracing::warn!(%error, id = %mail, "what was said of a mail was not said of its copies");
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_known_was_written_to_or_has_written_for_long() {
        use Sender::{Correspondent, Familiar, Stranger};
        let real = || History { authenticated: true, ..History::default() };
        let of_domain = History { written_to_domain: 9.0, ..real() };
        let of_address = History { written_to_address: 1.0, ..real() };
        let forged = History { authenticated: false, ..of_address.clone() };
        let answer = History { answers_ours: true, ..History::default() };
        let once = History { came_from_address: 1.0, came_from_domain: 1.0, ..real() };
        let new = History { domain_known_days: Some(3), ..once.clone() };
        let old = History { domain_known_days: Some(20), ..once.clone() };
        let unwanted = History { unwanted_from_domain: 1.0, ..old.clone() };
        for (from, history, campaign_days, want) in [
            ("news@shop.example", &of_domain, 0, Correspondent),
            ("x@gmail.com", &of_domain, 0, Stranger),
            ("x@gmail.com", &of_address, 0, Correspondent),
            ("news@shop.example", &forged, 0, Stranger),
            ("news@shop.example", &answer, 0, Correspondent),
            ("news@shop.example", &History::default(), 0, Stranger),
            // One mail of a domain for a day makes nobody known.
            ("a@throwaway.example", &once, 0, Stranger),
            ("a@throwaway.example", &new, 0, Stranger),
            ("news@shop.example", &old, 0, Familiar),
            ("news@shop.example", &old, 7, Stranger),
            ("news@shop.example", &unwanted, 0, Stranger),
            ("x@gmail.com", &old, 0, Stranger),
        ] {
            let header = Header::read(format!("From: {from}\r\n\r\n").as_bytes()).unwrap();
            let facts = Facts { history: Known::Yes(history.clone()), ..Facts::default() };
            assert_eq!(sender(&header, &facts, campaign_days), want, "{from} {history:?}");
        }
        // Where nobody remembers, nobody is known.
        let header = Header::read(b"From: x@shop.example\r\n\r\n").unwrap();
        assert_eq!(sender(&header, &Facts::default(), 0), Stranger);
    }

    #[test]
    fn only_strangers_copies_that_an_organisation_did_not_suspect_are_called_back() {
        let campaigns = Campaigns::new(&srs::Key::new("srs key", [7; 32]));
        let (acme, berg) = (Organisation::named("acme"), Organisation::named("berg"));
        let (none, text) = (BTreeSet::new(), "a b c d e f g h i j k l m n o p q r s t u v w x y z");
        let traits = Traits { subject: "", text, names: &none, hosts: &none, attachments: &none };
        let print = Print::of(&campaigns.key, &traits).unwrap();
        let sighting = |sender| Sighting {
            id: print.id(),
            print: print.clone(),
            copied: Copied {
                sender,
                source: 1,
                network: 1,
                recipients: Vec::new(),
                organisations: vec![campaigns.owner(&acme), campaigns.owner(&berg)],
            },
            suspecting: vec![campaigns.owner(&acme)],
        };
        let unsuspected =
            |sender| [&acme, &berg].map(|owner| campaigns.is_unsuspected(&sighting(sender), owner));
        assert_eq!(unsuspected(Sender::Stranger), [false, true]);
        assert_eq!(unsuspected(Sender::Familiar), [false, false]);
        assert_eq!(unsuspected(Sender::Correspondent), [false, false]);
    }

    #[test]
    fn one_domain_is_one_sender_and_mailboxes_of_a_provider_are_many() {
        use crate::{facts::auth::SpfFact, wire::auth::Spf};
        let source_of = |from: &str, domain: &str, result| {
            let header = Header::read(format!("From: {from}\r\n\r\n").as_bytes()).unwrap();
            let spf = SpfFact {
                result,
                domain: domain.to_string(),
                of_helo: false,
                because: String::new(),
            };
            source(&header, &Facts { spf: Known::Yes(spf), ..Facts::default() })
        };
        let some = |text: &str| Some(text.to_string());
        assert_eq!(
            source_of("a@x.shop.example", "b.shop.example", Spf::Pass),
            some("shop.example")
        );
        assert_eq!(source_of("Kim@gmail.com", "gmail.com", Spf::Pass), some("kim@gmail.com"));
        assert_eq!(source_of("a@shop.example", "shop.example", Spf::Fail), None);
        assert_eq!(source_of("a@shop.example", "far.example", Spf::Pass), None);
    }
}
