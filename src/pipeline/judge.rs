//! Opening, checking and deciding for one mail: the part of the walk that changes nothing in the world.

use crate::{
    base::{
        clock::{Clock, Tick, UnixMs, micros},
        limits,
    },
    checks::{self, Case, Demand, Finding, Rules},
    config::{
        WhenUnauthenticated,
        care::Class,
        policy::{Category, Mode, Policy},
    },
    examine::{Contents, Unscanned, UnscannedReason},
    facts::{
        Facts, Known,
        auth::{self, SpfFact, arc::ArcFact, dmarc::DmarcFact, iprev::IprevFact},
        dns::Dns,
        listed::Listed,
        sought::Sought,
    },
    learn::classifier::Sketch,
    mail::{
        Direction, Domain, Envelope, Header, Mail, Organisation, Peer, Recipient, TlsSession,
        header::TooLarge,
    },
    pipeline::{
        Gateway, bank_accounts,
        bounces::{self, Bounces},
        by_rules,
        campaigns::{self, Campaigns, Sighting},
        dns_lists,
        gateway::Whose,
        line::AtWork,
        outside,
        own_lists::OwnWords,
        remember,
        school::Mind,
        sending::Sent,
        settings::Settings,
        signing::{self, Wishes},
        waiver, wording,
    },
    store::{
        dkim::DkimKeys,
        embedded::{BankAccounts, Correspondence, Waived},
        spool::Content,
        trace::Took,
    },
    verdict::{
        self, Verdict,
        care::{self, Means},
        rules::{self, Held, Occasion},
    },
    wire::{
        self,
        auth::{Dmarc, Signature},
        received,
        tls::{Asks, ByPortal, PersonalData},
    },
};
use bytes::Bytes;
use std::{borrow::Cow, io, panic, sync::Arc, time::Duration};

/// How a mail came, as far as judging it needs to know.
#[derive(Debug, Clone)]
pub struct Came {
    /// Which way.
    pub direction: Direction,
    /// Who brought it.
    pub peer: Peer,
    /// Sender and recipients.
    pub envelope: Envelope,
    /// When.
    pub at: UnixMs,
    /// Were its line ends made whole?
    pub mended: Mended,
    /// Whose it is: the sender's organisation, or for mail from the world that of the first recipient.
    pub organisation: Organisation,
    /// In whose name it travels.
    pub sent: Sent,
    /// Did a stranger bring it, or a relay of ours?
    pub via: Via,
    /// Whom its client asked for beside; the traps are found out when it is judged.
    pub sought: Sought,
}

impl Came {
    /// A mail from the world that a stranger brought.
    pub fn from_world(peer: Peer, envelope: Envelope, at: UnixMs) -> Came {
        let first = envelope.recipients.first();
        Came {
            direction: Direction::Inbound,
            organisation: first.map(|first| first.organisation.clone()).unwrap_or_default(),
            peer,
            envelope,
            at,
            mended: Mended::No,
            sent: Sent::World,
            via: Via::Direct,
            sought: Sought::default(),
        }
    }
}

impl Came {
    /// With the organisations that sender and recipients belong to, where no session has said so.
    pub fn owned_under(mut self, settings: &Settings) -> Came {
        let writer =
            self.envelope.sender.address().and_then(|sender| settings.writer(sender.domain()?));
        let sender = writer.or(settings.shared_owner()).map(|hosted| hosted.name().clone());
        for recipient in &mut self.envelope.recipients {
            let own = settings.own_domain(&recipient.address);
            let own = own.map(|own| own.organisation.name().clone());
            recipient.organisation = own.or_else(|| sender.clone()).unwrap_or_default();
        }
        let first = self.envelope.recipients.first().map(|first| first.organisation.clone());
        self.organisation = match self.direction {
            Direction::Inbound => first.unwrap_or_default(),
            Direction::Outbound => sender.unwrap_or_default(),
        };
        self
    }
}

/// How a mail from the world reached us.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Via {
    /// From whoever is on the line.
    #[default]
    Direct,
    /// Through a relay that the configuration trusts: its `Received` line says who brought it there.
    Relay,
    /// By a page of the portal: nobody who speaks SMTP brought it.
    Portal,
}

/// The decision for one recipient: under which policy, and whose.
#[derive(Debug, Clone)]
pub struct Judgement {
    /// What is done.
    pub verdict: Verdict,
    /// The policy that said so.
    pub policy: Arc<Policy>,
    /// The organisation whose policy that is: what is held belongs to it.
    pub organisation: Organisation,
}

/// Bare CR and LF, which are mended on outbound listeners only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mended {
    /// They came as they should.
    No,
    /// Some were bare.
    LineEnds,
}

/// What was found out about one mail.
#[derive(Debug)]
pub struct Judged {
    /// Its header section.
    pub header: Header,
    /// What is inside.
    pub contents: Contents,
    /// What the world said.
    pub facts: Facts,
    /// What the checks saw.
    pub findings: Vec<Finding>,
    /// The hash of its body, where somebody will sign it.
    pub body_hash: Option<Vec<u8>>,
    /// The rules of policies that what is in it fits.
    pub held_by_rules: Held,
    /// What its recipients say of its sender.
    pub own_words: OwnWords,
    /// What the learners see of it; none where nobody learns.
    pub sketch: Option<Arc<Sketch>>,
    /// It as a copy of others; none where it could be of nobody's.
    pub sighting: Option<Sighting>,
    /// What it took so far.
    pub took: Took,
}

/// Why a mail was not judged.
#[derive(Debug)]
pub enum Unjudged {
    /// No examiner was free in time.
    OutOfTime,
    /// Its header section is out of bounds.
    Header(TooLarge),
    /// Its bytes could not be read back.
    Unreadable(io::Error),
}

/// Opens and checks a mail. The bytes are in memory only while an examiner has them.
pub async fn judge(
    gateway: &Gateway,
    settings: &Arc<Settings>,
    came: &Came,
    content: &Content,
    deadline: Tick,
) -> Result<Judged, Unjudged> {
    let came_at = gateway.clock.tick();
    let whose = Whose::new(came.organisation.clone(), came.peer.address);
    let Some(examiner) = gateway.examiner(whose, deadline).await else {
        return Err(Unjudged::OutOfTime);
    };
    let waited = gateway.clock.tick().since(came_at);
    let facts = Facts {
        stumbled_before: Known::Yes(gateway.stumbled_before(&content.hash())),
        sought: sought(settings, came),
        ..Facts::default()
    };
    let judging = Judging {
        names: asks_names(settings, came).then(|| gateway.dns.clone()),
        receivers: asks_for_receivers(settings, came).then(|| gateway.dns.clone()),
        memory: gateway.stores.correspondence.clone(),
        bank_accounts: gateway.stores.bank_accounts.clone(),
        waived: gateway.stores.waived.clone(),
        settings: settings.clone(),
        came: came.clone(),
        keys: gateway.dkim.clone(),
        wishes: gateway.wishes.clone(),
        bounces: bounces::may_be_bounce(came).then(|| gateway.bounces.clone()),
        clock: gateway.clock.clone(),
        mind: gateway.school.mind(),
        campaigns: gateway.campaigns.clone(),
        waited,
        facts,
    };
    let asks = settings.asks_others()
        || judging.names.is_some()
        || judging.receivers.is_some()
        || judging.bounces.is_some();
    // On the heap: thousands of sessions that have no mail to judge would carry the room for all its questions.
    let judged = match asks {
        false => Box::pin(judging.alone(content.clone(), examiner)).await,
        true => Box::pin(judging.with_others(content.clone(), examiner)).await,
    };
    let mut judged = judged?;
    judged.own_words = OwnWords::ask(gateway, came, &judged.header, &judged.facts).await;
    if judged.contents.unscanned.iter().any(|part| part.reason == UnscannedReason::Engine) {
        gateway.stumble(content.hash());
    }
    Ok(judged)
}

/// Whom the client asked for. Who relays and forwards to us asks for others.
fn sought(settings: &Settings, came: &Came) -> Known<Sought> {
    if came.direction == Direction::Outbound {
        return Known::NotAsked;
    }
    let recipients = came.envelope.recipients.iter();
    let traps = recipients.filter(|one| settings.is_trap(&one.address)).count();
    let traps = u32::try_from(traps).unwrap_or(u32::MAX);
    let forwards = settings.config.authentication.forwards_from(came.peer.address);
    Known::Yes(match came.via {
        Via::Direct if !forwards => Sought { traps, ..came.sought },
        Via::Direct | Via::Relay | Via::Portal => Sought { traps, ..Sought::default() },
    })
}

/// The same without a gateway: for `scan`, and for every test that needs no clock.
pub fn look(
    settings: &Settings,
    came: &Came,
    bytes: &[u8],
    facts: Facts,
) -> Result<Judged, Unjudged> {
    let opened = open(settings, came, bytes)?;
    let facts = Facts { listed: listed(settings, came, &opened), ..facts };
    Ok(check(settings, came, bytes, facts, opened, None))
}

/// The same with ClamAV, where there is one, and the DNS, where it is to be asked.
pub async fn look_with_others(
    settings: &Settings,
    names: Option<&Dns>,
    came: &Came,
    bytes: &Bytes,
    facts: Facts,
) -> Result<Judged, Unjudged> {
    let facts = ask_about_sender(names, settings, came, bytes).await.among(facts);
    let whole = match &settings.clamd {
        Some(clamd) => outside::whole(clamd, bytes).await,
        None => Known::NotAsked,
    };
    let mut opened = open(settings, came, bytes)?;
    let (header, contents) = (&opened.header, &opened.contents);
    let facts = Facts {
        listed: listed(settings, came, &opened),
        dns_lists: dns_lists::ask(
            names,
            settings,
            came,
            dns_lists::Opened { header, contents },
            &facts,
        )
        .await,
        clamd: match &settings.clamd {
            Some(clamd) => outside::all(clamd, whole, contents).await,
            None => Known::NotAsked,
        },
        ..facts
    };
    opened.contents.blobs.clear();
    Ok(check(settings, came, bytes, facts, opened, None))
}

/// Looks at a mail again, long after it came: under today's rules and lists, with what was known of its sender then. Nobody but ClamAV is asked.
pub(super) async fn again(
    gateway: &Gateway,
    settings: &Arc<Settings>,
    came: &Came,
    bytes: Bytes,
    facts: Facts,
    deadline: Tick,
) -> Result<Judged, Unjudged> {
    let whose = Whose::new(came.organisation.clone(), came.peer.address);
    let Some(examiner) = gateway.examiner(whose, deadline).await else {
        return Err(Unjudged::OutOfTime);
    };
    let whole = match &settings.clamd {
        Some(clamd) => outside::whole(clamd, &bytes).await,
        None => Known::NotAsked,
    };
    let (rules, whose, message) = (settings.clone(), came.clone(), bytes.clone());
    let mut opened = on_a_thread(move || {
        let _at_work = examiner;
        open(&rules, &whose, &message)
    })
    .await?;
    let facts = Facts {
        listed: listed(settings, came, &opened),
        clamd: match &settings.clamd {
            Some(clamd) => outside::all(clamd, whole, &opened.contents).await,
            None => Known::NotAsked,
        },
        ..facts
    };
    opened.contents.blobs.clear();
    let (settings, came) = (settings.clone(), came.clone());
    on_a_thread(move || Ok(check(&settings, &came, &bytes, facts, opened, None))).await
}

/// What is known of who sent a mail.
#[derive(Default)]
struct AboutSender {
    iprev: Known<IprevFact>,
    spf: Known<SpfFact>,
    dkim: Known<Vec<Signature>>,
    arc: Known<ArcFact>,
    dmarc: Known<DmarcFact>,
    departure: Known<DmarcFact>,
}

impl AboutSender {
    fn among(self, facts: Facts) -> Facts {
        let AboutSender { iprev, spf, dkim, arc, dmarc, departure } = self;
        Facts { iprev, spf, dkim, arc, dmarc, departure, ..facts }
    }
}

/// Asks what the host that brought the mail to us, or to our relay, is called, and whether it may send for the sender; who has signed it;
/// and whether any of them speaks for the domain in From.
async fn ask_about_sender(
    names: Option<&Dns>,
    settings: &Settings,
    came: &Came,
    bytes: &Bytes,
) -> AboutSender {
    let (Some(names), Ok(header)) = (names, Header::read(bytes)) else {
        return AboutSender::default();
    };
    let names = &names.for_one_mail();
    let relayed = match came.via {
        Via::Direct | Via::Portal => None,
        Via::Relay => origin(settings, came, &header),
    };
    let peer = match (came.via, &relayed) {
        (Via::Direct, _) => Some(&came.peer),
        // Nobody says who brought it to the relay: there is nobody to ask about.
        (Via::Relay, peer) => peer.as_ref(),
        (Via::Portal, _) => None,
    };
    let receiver = settings.config.hostname.as_str();
    let asking = async {
        match peer {
            Some(peer) => tokio::join!(
                auth::iprev(names, peer),
                auth::spf(names, peer, &came.envelope.sender, receiver, came.at)
            ),
            None => (Known::NotAsked, Known::NotAsked),
        }
    };
    let header = Arc::new(header);
    let ((iprev, spf), (dkim, arc)) = tokio::join!(asking, auth::signers(names, bytes, &header));
    let dmarc = auth::dmarc(names, &header, &spf, &dkim).await;
    AboutSender { iprev, spf, dkim, arc, dmarc, departure: Known::NotAsked }
}

/// Does whoever speaks for the domain in From speak for this mail? Asked anew, for one who acts by a mail; what cannot be asked says no.
pub(super) async fn passes_dmarc(
    gateway: &Gateway,
    settings: &Settings,
    came: &Came,
    bytes: &Bytes,
) -> bool {
    let names = has_names(settings, came).then_some(&gateway.dns);
    match ask_about_sender(names, settings, came, bytes).await.dmarc {
        Known::Yes(fact) => fact.result == Dmarc::Pass,
        Known::No(_) | Known::NotAsked => false,
    }
}

/// Is the DNS asked who sent this mail? Own clients are known.
fn asks_names(settings: &Settings, came: &Came) -> bool {
    came.direction == Direction::Inbound && came.via != Via::Portal && has_names(settings, came)
}

/// Is it asked, of what own clients send, what its receivers will see? Nobody else hears of such a mail.
fn asks_for_receivers(settings: &Settings, came: &Came) -> bool {
    settings.config.outbound.when_unauthenticated == WhenUnauthenticated::Refuse
        && signing::leaves_as_own(settings, came)
        && has_names(settings, came)
}

/// A test on this machine has no domain in the DNS, unless servers are named that know one.
fn has_names(settings: &Settings, came: &Came) -> bool {
    !came.peer.address.is_loopback() || !settings.config.dns.servers.is_empty()
}

/// One mail on its way through the examiner.
struct Judging {
    /// Where the DNS is asked who sent it; none where it is not.
    names: Option<Dns>,
    /// Where it is asked what receivers will see of a mail that leaves.
    receivers: Option<Dns>,
    /// Who writes to whom; asked where the DNS is.
    memory: Correspondence,
    bank_accounts: BankAccounts,
    waived: Waived,
    settings: Arc<Settings>,
    came: Came,
    /// What mail of ours is signed with.
    keys: DkimKeys,
    /// What our domains ask of receivers.
    wishes: Arc<Wishes>,
    /// The memory of what went out, for what may be a bounce.
    bounces: Option<Bounces>,
    clock: Clock,
    /// What was learned.
    mind: Arc<Mind>,
    /// What came of late.
    campaigns: Arc<Campaigns>,
    waited: Duration,
    facts: Facts,
}

impl Judging {
    /// All of it on one thread: nobody outside is asked.
    async fn alone(self, content: Content, examiner: AtWork) -> Result<Judged, Unjudged> {
        let judging = move || {
            // Until the thread is done, whatever became of the session that asked.
            let _at_work = examiner;
            let began = self.clock.tick();
            let bytes = content.bytes().map_err(Unjudged::Unreadable)?;
            let mut opened = open(&self.settings, &self.came, &bytes)?;
            waiver::apply(&self.waived, &self.came.organisation, &mut opened.contents);
            self.check(&bytes, opened, began)
        };
        on_a_thread(judging).await
    }

    /// The mail goes to ClamAV while it is being opened, and what is inside is looked up before it is checked.
    async fn with_others(mut self, content: Content, examiner: AtWork) -> Result<Judged, Unjudged> {
        let began = self.clock.tick();
        let bytes = on_a_thread(move || content.bytes().map_err(Unjudged::Unreadable)).await?;
        let (settings, came, message) = (self.settings.clone(), self.came.clone(), bytes.clone());
        let waived = self.waived.clone();
        let opening = on_a_thread(move || {
            let _at_work = examiner;
            let mut opened = open(&settings, &came, &message)?;
            waiver::apply(&waived, &came.organisation, &mut opened.contents);
            let listed = listed(&settings, &came, &opened);
            Ok((opened, listed))
        });
        let sender = self.about_sender(&bytes);
        let clamd = self.settings.clamd.clone();
        let asking = async {
            match &clamd {
                Some(clamd) => outside::whole(clamd, &bytes).await,
                None => Known::NotAsked,
            }
        };
        let (opened, whole, sender) = tokio::join!(opening, asking, sender);
        let (mut opened, listed) = opened?;
        self.facts = sender;
        self.facts.listed = listed;
        let (names, settings) = (self.names.as_ref(), &self.settings);
        let inside = dns_lists::Opened { header: &opened.header, contents: &opened.contents };
        self.facts.dns_lists =
            dns_lists::ask(names, settings, &self.came, inside, &self.facts).await;
        if self.names.is_some() {
            let Opened { header, contents } = &opened;
            let (memory, came) = (&self.bank_accounts, &self.came);
            self.facts.accounts =
                bank_accounts::ask(memory, came, header, contents, &self.facts).await;
        }
        if let Some(clamd) = &clamd {
            self.facts.clamd = outside::all(clamd, whole, &opened.contents).await;
        }
        if let Some(bounces) = &self.bounces {
            self.facts.bounce = bounces.ask(&self.came, &opened.header, &opened.contents).await;
        }
        opened.contents.blobs.clear();
        on_a_thread(move || self.check(&bytes, opened, began)).await
    }

    /// What the world says of the sender, and then what is remembered of whom that shows it to be.
    async fn about_sender(&self, bytes: &Bytes) -> Facts {
        let names = self.names.as_ref();
        let said = match &self.receivers {
            Some(names) => AboutSender {
                departure: self.departure(&names.for_one_mail(), bytes).await,
                ..AboutSender::default()
            },
            None => ask_about_sender(names, &self.settings, &self.came, bytes).await,
        };
        let facts = said.among(self.facts.clone());
        let (Some(_), Ok(header)) = (names, Header::read(bytes)) else { return facts };
        let history =
            remember::history(&self.memory, &self.settings, &self.came, &header, &facts).await;
        Facts { history, ..facts }
    }

    /// Of mail of our own that we do not sign: what its receivers will find, where its domain gives them a reason to look.
    async fn departure(&self, names: &Dns, bytes: &Bytes) -> Known<DmarcFact> {
        let (settings, came) = (&self.settings, &self.came);
        let Ok(header) = Header::read(bytes) else { return Known::NotAsked };
        let Some(author) = signing::author(&header) else { return Known::NotAsked };
        if !signing::keys_for(settings, &self.keys, came, &header).is_empty() {
            return Known::NotAsked;
        }
        match self.wishes.matter(names, &header, &author, self.clock.tick()).await {
            Ok(true) => signing::departure(names, settings, came, &Arc::new(header), bytes).await,
            Ok(false) => Known::NotAsked,
            Err(why) => Known::No(why),
        }
    }

    fn check(self, bytes: &[u8], opened: Opened, began: Tick) -> Result<Judged, Unjudged> {
        let examined = self.clock.tick();
        let learned = Some(Learned { mind: &self.mind, campaigns: &self.campaigns });
        let judged = check(&self.settings, &self.came, bytes, self.facts, opened, learned);
        let body_hash = signing::body_hash(&self.came, &self.keys, &judged.header, bytes);
        let took = Took {
            waited_us: micros(self.waited),
            examined_us: micros(examined.since(began)),
            checked_us: micros(self.clock.tick().since(examined)),
            ..Took::default()
        };
        Ok(Judged { took, body_hash, ..judged })
    }
}

async fn on_a_thread<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Unjudged> + Send + 'static,
) -> Result<T, Unjudged> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|_| {
        Err(Unjudged::Unreadable(io::Error::other("the examiner's thread ended")))
    })
}

/// A mail as it lies open.
struct Opened {
    header: Header,
    contents: Contents,
}

/// Looks it up in the lists that are files.
fn listed(settings: &Settings, came: &Came, opened: &Opened) -> Known<Vec<Listed>> {
    let before_relay = origin(settings, came, &opened.header);
    let Opened { header, contents } = opened;
    let opened = outside::Opened { header, contents, before_relay: before_relay.as_ref() };
    outside::listed(&settings.lists, &opened)
}

fn open(settings: &Settings, came: &Came, bytes: &[u8]) -> Result<Opened, Unjudged> {
    let header = Header::read(bytes).map_err(Unjudged::Header)?;
    // A bug in a reader must cost one mail's delay, not the gateway: it counts as a scanner that failed.
    let abroad = settings.abroad(&came.organisation);
    let contents = panic::catch_unwind(panic::AssertUnwindSafe(|| {
        settings.examiner.examine_for(bytes, abroad)
    }))
    .unwrap_or_else(|_| {
        tracing::error!(
            "the examiner stumbled over a mail; it is deferred, and held if it comes again"
        );
        Contents { unscanned: vec![stumbled()], ..Contents::default() }
    });
    Ok(Opened { header, contents })
}

/// Points of wording that are worth looking again for what spoke.
const WORDING_EXPLAINED_FROM: f32 = 0.5;

/// The organisation of all recipients; none, where they are of several.
fn of_one(came: &Came) -> Option<&Organisation> {
    let mut all = came.envelope.recipients.iter().map(|one| &one.organisation);
    let first = all.next()?;
    all.all(|one| one == first).then_some(first)
}

/// What was learned of other mails.
#[derive(Clone, Copy)]
struct Learned<'a> {
    mind: &'a Mind,
    campaigns: &'a Campaigns,
}

/// `learned` judges, too; none where a mail is looked at for another reason.
fn check(
    settings: &Settings,
    came: &Came,
    bytes: &[u8],
    mut facts: Facts,
    opened: Opened,
    learned: Option<Learned>,
) -> Judged {
    let Opened { header, contents } = opened;
    let sighting = learned.and_then(|Learned { campaigns, .. }| {
        let seen = campaigns::look(campaigns, settings, came, (&header, &contents), &facts);
        let (sighting, campaign) = seen?;
        facts.campaign = Known::Yes(campaign);
        Some(sighting)
    });
    let sketch = learned.map(|Learned { mind, .. }| {
        let sketch = wording::sketch(settings, &header, bytes, &contents);
        // What our own people's programs write is not how strangers' do.
        if came.direction == Direction::Inbound {
            facts.wording = mind.wording(&sketch, of_one(came));
            if let Known::Yes(said) = &mut facts.wording
                && said.points.abs() >= WORDING_EXPLAINED_FROM
            {
                said.places = mind.places(&wording::by_kind(settings, &header, bytes, &contents));
            }
        }
        Arc::new(sketch)
    });
    let origin = origin(settings, came, &header);
    let (mut findings, held_by_rules) = {
        let mail = Mail {
            direction: came.direction,
            peer: origin.as_ref().unwrap_or(&came.peer),
            envelope: &came.envelope,
            header: &header,
            bytes,
            received: came.at,
        };
        let houses = settings.houses_of(came);
        let rules = Rules {
            authentication: &settings.config.authentication,
            author_is_ours: author_is_ours(settings, came, &header),
        };
        let case = Case { mail: &mail, contents: &contents, facts: &facts, rules, houses: &houses };
        let findings = checks::run(&case, &settings.phrases);
        let held = by_rules::ask(settings, came, &case, &findings);
        (findings, held)
    };
    if came.via == Via::Relay && origin.is_none() {
        findings.push(
            Finding::new(
                RELAY_UNKNOWN,
                Category::Trust,
                0.0,
                "the relay's Received lines do not say who brought the mail to it",
            )
            .telling("It is not known which server sent this mail."),
        );
    }
    if came.mended == Mended::LineEnds {
        let seen =
            Finding::new(BARE_LF, Category::Format, 0.0, "bare CR or LF, made into line ends");
        findings.push(seen.telling("The mail's line ends were malformed."));
    }
    let (own_words, took) = (OwnWords::default(), Took::default());
    let body_hash = None;
    Judged {
        header,
        contents,
        facts,
        findings,
        body_hash,
        held_by_rules,
        own_words,
        sketch,
        sighting,
        took,
    }
}

/// The finding of a mail whose first hop is not known.
pub const RELAY_UNKNOWN: &str = "relay.unknown";
/// The finding of a mail whose line ends were mended.
pub const BARE_LF: &str = "format.bare_lf";

/// Does a stranger write in the name of a domain of ours?
fn author_is_ours(settings: &Settings, came: &Came, header: &Header) -> bool {
    let ours = |domain: Domain| settings.writer(&domain).is_some();
    let authors = header.mailboxes("From");
    settings.client(&came.peer).is_none()
        && authors.iter().filter_map(|from| from.domain()).any(ours)
}

fn stumbled() -> Unscanned {
    Unscanned {
        part: String::new(),
        path: String::new(),
        reason: UnscannedReason::Engine,
        because: "the examiner failed on this mail".to_string(),
    }
}

/// Who brought a mail to our relays: the first hop that is none of them, in lines that they wrote. None when nobody said, or not clearly.
pub(super) fn origin(settings: &Settings, came: &Came, header: &Header) -> Option<Peer> {
    if came.via != Via::Relay {
        return None;
    }
    for field in header.all("Received").take(limits::RELAYS_MAX) {
        let value = String::from_utf8_lossy(header.raw(field));
        let from = received::from_clause(&value)?;
        if !settings.relays.holds(from.address) {
            let tls = from.tls.then(|| TlsSession {
                version: "TLS".to_string(),
                cipher: "told by our relay".to_string(),
                ..TlsSession::default()
            });
            return Some(Peer { helo: from.helo, extended: true, tls, ..Peer::at(from.address) });
        }
    }
    None
}

impl Judged {
    /// The findings as they count for one who receives the mail: with what stands on his own list.
    pub fn findings_for(&self, recipient: &Recipient) -> Cow<'_, [Finding]> {
        self.own_words.weigh(&self.findings, recipient)
    }

    /// What is kept of them with a mail that is held for him: with what the policy's rules found.
    pub fn findings_with(&self, recipient: &Recipient, verdict: &Verdict) -> Vec<Finding> {
        self.findings_for(recipient).iter().chain(&verdict.by_rules).cloned().collect()
    }

    /// What it asks of the channel it leaves by to the world, for one recipient.
    pub fn asks(&self, settings: &Settings, came: &Came, verdict: &Verdict) -> Asks {
        let personal_data = self.personal_data();
        if came.direction == Direction::Inbound {
            return Asks { personal_data, ..Asks::default() };
        }
        let policy = settings.outbound_policy(&came.organisation);
        // What nobody could look into may be anything; that it is many persons' is no more than possible.
        let of_content = match personal_data {
            PersonalData::NotKnown if !policy.personal_data.simulate => {
                policy.personal_data.of(Class::Confidential).demand()
            }
            PersonalData::NotKnown | PersonalData::Found | PersonalData::NotFound => {
                wire::tls::Demand::Nothing
            }
        };
        let by_portal = match verdict.road.portal {
            ByPortal::No
                if of_content == wire::tls::Demand::Proven
                    && settings.has_portal(&came.organisation) =>
            {
                ByPortal::Otherwise
            }
            by_road @ (ByPortal::No | ByPortal::Otherwise | ByPortal::Yes) => by_road,
        };
        let (demand, portal) = match policy.mode() {
            Mode::Protect => {
                let of_policy = policy.transport.demand().max(of_content);
                (of_policy.max(verdict.road.demand), by_portal)
            }
            Mode::Shadow | Mode::Tag => (wire::tls::Demand::Nothing, ByPortal::No),
        };
        // RFC 8689 section 5. Strangers do not lower what protects the mail of others.
        let says_no = self
            .header
            .value("TLS-Required")
            .is_some_and(|value| value.trim().eq_ignore_ascii_case("no"));
        Asks { demand, relaxed: says_no && came.peer.user.is_some(), portal, personal_data }
    }

    /// Is there personal data in it that is probably some? What nobody could look into may be anything; what is encrypted is not in clear.
    pub fn personal_data(&self) -> PersonalData {
        let unseen = |one: &Unscanned| one.reason != UnscannedReason::Encrypted;
        match care::class_of(&self.findings).is_some() {
            true => PersonalData::Found,
            false if self.contents.unscanned.iter().any(unseen) => PersonalData::NotKnown,
            false => PersonalData::NotFound,
        }
    }

    /// The decision for one recipient. Mail between two that we host meets the policies of both, once; the stricter wins.
    pub fn for_recipient(
        &self,
        settings: &Settings,
        came: &Came,
        recipient: &Recipient,
    ) -> Judgement {
        let way = Course {
            direction: came.direction,
            via: came.via,
            sender: &came.organisation,
            at: came.at,
        };
        let own = self.findings_for(recipient);
        let held = &self.held_by_rules;
        let seen = Findings { of_mail: &self.findings, of_recipient: &own, held };
        decide_for(seen, settings, way, recipient)
    }
}

/// How a mail came, as far as deciding about it needs to know when its findings are there.
#[derive(Debug, Clone, Copy)]
pub struct Course<'a> {
    /// Which way.
    pub direction: Direction,
    /// Did a stranger bring it, or a relay of ours?
    pub via: Via,
    /// Whose it is, where it is outbound.
    pub sender: &'a Organisation,
    /// When.
    pub at: UnixMs,
}

/// What was found in a mail.
#[derive(Debug, Clone, Copy)]
pub struct Findings<'a> {
    /// By the checks.
    pub of_mail: &'a [Finding],
    /// The same with what the recipient says of the sender, which counts for what is received alone.
    pub of_recipient: &'a [Finding],
    /// The rules of policies that what is in it fits.
    pub held: &'a Held,
}

/// The same for findings alone: yesterday's, under tomorrow's policies.
pub fn decide_for(
    findings: Findings,
    settings: &Settings,
    course: Course,
    recipient: &Recipient,
) -> Judgement {
    let under = |policy: Arc<Policy>, direction, organisation: &Organisation| {
        let of = match direction {
            Direction::Inbound => findings.of_recipient,
            Direction::Outbound => findings.of_mail,
        };
        let at = by_rules::clock_of(settings, organisation, &policy).show(course.at);
        let to_world = settings.own_domain(&recipient.address).is_none();
        let means = Means { to_world, portal: settings.has_portal(organisation) };
        let occasion = Occasion { direction, recipient: &recipient.address, at, means };
        Judgement {
            verdict: rules::decide(of, &policy, findings.held, &occasion),
            policy,
            organisation: organisation.clone(),
        }
    };
    // Spam that is passed on to say that it is spam would be held for being so, and its sender's account with it. Nobody but we reads it.
    if settings.marks(&recipient.address).is_some() {
        return read_by_us(findings, settings, course, recipient);
    }
    let receiving = || {
        let way = settings.way_to(&recipient.address, &recipient.organisation);
        // RFC 5321 section 4.5.1: whoever has trouble with us must be able to say so; a score is no reason to refuse that.
        let policy = match recipient.address.is_role() {
            true => Arc::new(way.policy.for_roles()),
            false => way.policy,
        };
        under(policy, Direction::Inbound, &recipient.organisation)
    };
    match course.direction {
        Direction::Inbound => {
            let judgement = receiving();
            match course.via {
                Via::Direct => judgement,
                // A refusal would make the relay write a bounce to a sender that may be forged.
                Via::Relay | Via::Portal => {
                    Judgement { verdict: judgement.verdict.held_at_worst(), ..judgement }
                }
            }
        }
        Direction::Outbound => {
            let policy = settings.outbound_policy(course.sender);
            let sending = under(policy, Direction::Outbound, course.sender);
            match settings.own_domain(&recipient.address) {
                None => sending,
                Some(_) => {
                    let receiving = receiving();
                    match receiving.verdict.hardness() > sending.verdict.hardness() {
                        true => receiving,
                        false => sending,
                    }
                }
            }
        }
    }
}

/// The decision about what people pass on to us: only what the scanner failed on comes again.
fn read_by_us(
    findings: Findings,
    settings: &Settings,
    course: Course,
    recipient: &Recipient,
) -> Judgement {
    let failed = |one: &&Finding| matches!(one.demands, Some(Demand::NotLookedInto(_)));
    let failed: Vec<Finding> = findings.of_mail.iter().filter(failed).cloned().collect();
    let policy = settings.way_to(&recipient.address, &recipient.organisation).policy;
    Judgement {
        verdict: verdict::decide(&failed, &policy, course.direction),
        policy,
        organisation: recipient.organisation.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        config::{Config, policy::Action},
        examine::Examiner,
        mail::{Address, ReversePath},
        pipeline::settings::Loaded,
    };
    use std::path::Path;

    struct Stumbles;

    impl Examiner for Stumbles {
        fn examine_for(&self, _message: &[u8], _abroad: &[String]) -> Contents {
            panic!("a bug in a reader");
        }
    }

    #[test]
    fn what_the_scanner_failed_on_is_let_through_in_no_mode() {
        for mode in ["shadow", "tag", "protect"] {
            let text = format!(
                "hostname = \"mx.ours.example\"\n[[domain]]\nname = \"ours.example\"\nnext-hop = \"smtp://192.0.2.5:25\"\n\
                 [policy]\nmode = \"{mode}\"\n"
            );
            let config = Config::parse(Path::new("sluss.toml"), &text).unwrap();
            let loaded = Loaded::only(Arc::new(Stumbles), &Clock::system());
            let settings = Settings::new(config, loaded);
            let recipient = Recipient::plain(Address::parse("b@ours.example").unwrap());
            for direction in [Direction::Inbound, Direction::Outbound] {
                let mut envelope = Envelope::from(ReversePath::Null);
                envelope.recipients.push(recipient.clone());
                let came = Came {
                    direction,
                    peer: Peer::at("192.0.2.1".parse().unwrap()),
                    envelope,
                    at: UnixMs(0),
                    mended: Mended::No,
                    organisation: Organisation::implied(),
                    sent: Sent::default(),
                    via: Via::Direct,
                    sought: Sought::default(),
                };
                for (before, want) in [(false, Action::Defer), (true, Action::Quarantine)] {
                    let facts = Facts { stumbled_before: Known::Yes(before), ..Facts::default() };
                    let judged =
                        look(&settings, &came, b"Subject: s\r\n\r\nhi\r\n", facts).unwrap();
                    let verdict = judged.for_recipient(&settings, &came, &recipient).verdict;
                    assert_eq!(verdict.action, want, "{mode} {direction:?}");
                }
            }
        }
    }
}
