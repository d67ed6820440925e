//! What happens to a mail after the final dot, in order. The reply this gives is the only one the sender hears.
//!
//! Promise: a 250 means that the next hop has the mail, or that it and its verdict are on stable storage here.

use crate::{
    base::{
        clock::{Tick, UnixMs, micros, millis},
        ids::Id,
        limits,
    },
    checks::Finding,
    config::{
        WhenAway,
        policy::{Action, Mode, Policy},
    },
    examine::Part,
    facts::{Facts, Known},
    learn::likeness::{Likeness, Traits},
    mail::{
        Direction, Domain, Envelope, Header, Organisation, Peer, Recipient, TlsSession,
        header::Problem,
    },
    personal::{self, Date, Scope},
    pipeline::{
        Gateway, accounts, bank_accounts, blocked,
        campaigns::{self, Sighting},
        courier::{Attempt, Job, OnDiffering, Outcome, Route, Said},
        deliver,
        edit::{Edits, Outgoing},
        gateway::Line,
        greylist,
        judge::{self, Came, Judged, Unjudged, Via},
        personal_mail::{self, Taken},
        plain_reason::PlainReason,
        proofs,
        rejected::{self, Kept},
        remember, same_person, school, sending,
        settings::{Settings, Way},
        signing,
        spooled::{Errand, Leg, Spooled},
    },
    store::{
        StoreError,
        held::{Asked, Attachment, Held, HeldState},
        spool::{Content, SpoolError},
        trace::{About, BlockedBy, Decision, Took, TraceRecipient, TraceRow},
    },
    verdict::{self, Fate, Plan, Road, Verdict, second_try},
    wire::{
        auth::{
            Dmarc,
            results::{self, Found},
        },
        fields::{self, Hop, Marked},
        report::Language,
        smtp::{Reply, replies},
        tls::{Asks, ByPortal, Channel},
        words::Words,
    },
};
use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
    sync::Arc,
    time::Duration,
};

/// One mail at the final dot.
#[derive(Debug, Clone)]
pub struct Arrival {
    /// Its transaction.
    pub id: Id,
    /// The listener's name.
    pub listener: String,
    /// Which way, who, to whom, when.
    pub came: Came,
    /// When the final dot came, on the steady clock.
    pub dot: Tick,
}

/// What the sender hears, and whether the line ends with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ending {
    /// The reply.
    pub reply: Reply,
    /// Hang up after it.
    pub close: bool,
}

/// One recipient with everything decided about it.
#[derive(Debug, Clone)]
struct Decided {
    recipient: Recipient,
    way: Way,
    verdict: Verdict,
    /// The policy that decided.
    policy: Arc<Policy>,
    /// Whose policy that is.
    organisation: Organisation,
    errand: Errand,
    /// The line of the recipient's own list that it is held for.
    blocked_by: Option<BlockedBy>,
}

/// What became of each recipient, for trace and log, with the organisation whose recipient it is; and what bringing it about took.
struct Fates {
    rows: Vec<(Organisation, TraceRecipient)>,
    stored_ms: u64,
    next_hop_ms: u64,
}

/// Takes a whole mail to its end.
pub async fn process(gateway: &Arc<Gateway>, mut arrival: Arrival, content: Content) -> Ending {
    let settings = gateway.settings.load_full();
    let deadline = arrival.dot.plus(settings.config.limits.dot_time.0);
    // Our own users' mail does not wait on the line: it is safe in the spool until an examiner is free.
    let line = gateway.line(arrival.came.peer.address, Some(&arrival.came.organisation));
    if arrival.came.direction == Direction::Outbound && line != Line::Short {
        let spooled = judge_later(gateway, &arrival);
        let reply = put_in_spool(gateway, spooled, &content).await;
        let fates = Fates::all(gateway, &arrival, "awaiting-examination", &reply);
        return finish(gateway, &arrival, content.size_bytes(), None, reply, fates);
    }
    let judged = judge::judge(gateway, &settings, &arrival.came, &content, deadline).await;
    let mut judged = match judged {
        Ok(judged) => judged,
        Err(why) => {
            let reply = unjudged(&why);
            let status = if reply.is_later() { "deferred" } else { "refused" };
            let fates = Fates::all(gateway, &arrival, status, &reply);
            return finish(gateway, &arrival, content.size_bytes(), None, reply, fates);
        }
    };
    if let Err(reply) = may_go_on(&settings, &mut arrival, &judged.header) {
        let fates = Fates::all(gateway, &arrival, "refused", &reply);
        let bytes = content.size_bytes();
        return finish(gateway, &arrival, bytes, Some(&judged), reply, fates);
    }
    gateway.bounces.remember(&arrival.came, &judged.header);
    if greylist::must_try_again(gateway, &settings, &arrival.came, &judged) {
        judged.findings.push(second_try::finding());
    }
    let began = gateway.clock.tick();
    let (for_people, traps) = without_traps(&settings, &arrival);
    let decided = decide(gateway, &settings, &for_people, &judged);
    let spent = micros(gateway.clock.tick().since(began));
    judged.took.checked_us = judged.took.checked_us.saturating_add(spent);
    // Recipients share a transaction only if they share route and bytes: two policies may word their fields differently.
    let lines: Vec<verdict::Line<&Errand>> = decided
        .iter()
        .map(|one| verdict::Line { action: one.verdict.action, next_hop: &one.errand })
        .collect();
    let road = match arrival.came.direction {
        Direction::Inbound
            if decided.iter().all(|one| one_answer_is_enough(one, decided.len())) =>
        {
            Road::Either
        }
        // A returning notice goes out again.
        Direction::Inbound | Direction::Outbound => Road::SpoolOnly,
    };
    let terms = accounts::count(gateway, &settings, &arrival.came, &judged).await;
    let work = Work {
        gateway,
        settings: &settings,
        arrival: &for_people,
        content: &content,
        judged: &judged,
        decided: &decided,
        terms: &terms,
    };
    let (reply, fates) = match verdict::plan(&lines, road) {
        Plan::RefuseAll => work.refuse(),
        Plan::DeferAll => work.answer_all("deferred", work.deferral()),
        plan if work.is_for_traps_alone() => work.drop(&plan),
        Plan::CutThrough => work.cut_through(deadline).await,
        Plan::Commit(fates) => work.commit(&fates).await,
    };
    let fates = fates.with_traps(gateway, &arrival, traps, &reply);
    if !school::is_trapped(&settings, &arrival.came, &judged) {
        note_good(gateway, &arrival, &decided, &reply);
    }
    bank_accounts::learn(gateway, &arrival.came, &judged, fates.went_on());
    if reply.is_yes() {
        let of = proofs::Of {
            mail: arrival.id,
            direction: arrival.came.direction,
            sender: arrival.came.envelope.sender.to_string(),
            peer: &arrival.came.peer,
            content: &content,
            message_id: proofs::message_id_in(&judged.header),
            personal_data: judged.personal_data(),
            reply: reply.clone().about(Some(arrival.id)).one_line(),
            sent_by: &arrival.came.organisation,
            from_here: None,
        };
        let towards = decided.first().map(|one| one.way.route.towards).unwrap_or_default();
        proofs::taken(gateway, &arrival.came, &of, &fates.rows, towards);
        let taken = decided.iter().map(|one| Taken {
            recipient: &one.recipient,
            verdict: &one.verdict,
            policy: &one.policy,
        });
        let about = (arrival.id, &arrival.came);
        personal_mail::tell_of_clear(gateway, &settings, about, &judged, taken.collect()).await;
    }
    finish(gateway, &arrival, content.size_bytes(), Some(&judged), reply, fates)
}

/// The same mail for those of its recipients whom there are, and the spam traps beside them. One for traps alone stays as it is: what would be
/// refused or deferred anywhere is so here too, or a stranger could find them.
fn without_traps(settings: &Settings, arrival: &Arrival) -> (Arrival, Vec<Recipient>) {
    let mut for_people = arrival.clone();
    let recipients = std::mem::take(&mut for_people.came.envelope.recipients);
    let (traps, people): (Vec<Recipient>, Vec<Recipient>) =
        recipients.into_iter().partition(|one| settings.is_trap(&one.address));
    let (whom, beside) = if people.is_empty() { (traps, people) } else { (people, traps) };
    for_people.came.envelope.recipients = whom;
    (for_people, beside)
}

/// A server that answers for each recipient may answer differently after the dot, when we can say one thing only;
/// and what we read ourselves is safe before anybody looks at it.
fn one_answer_is_enough(one: &Decided, recipients: usize) -> bool {
    let route = &one.way.route;
    one.way.own && !route.is_internal() && (recipients == 1 || !route.speaks_lmtp())
}

/// A mail that nothing speaks against, and that was taken, makes its network a known one. What a relay brings says nothing of the relay.
fn note_good(gateway: &Gateway, arrival: &Arrival, decided: &[Decided], reply: &Reply) {
    let came = &arrival.came;
    let good = came.direction == Direction::Inbound
        && came.via == Via::Direct
        && reply.is_yes()
        && decided.iter().all(|one| one.verdict.would == Action::Deliver);
    if good {
        gateway.guard.brought_good_mail(came.peer.address, gateway.clock.now());
    }
}

fn unjudged(why: &Unjudged) -> Reply {
    match why {
        Unjudged::OutOfTime => replies::OUT_OF_TIME,
        Unjudged::Header(_) => replies::BAD_HEADER,
        Unjudged::Unreadable(error) => {
            tracing::error!(%error, "a received mail could not be read back; its sender keeps it");
            replies::OUR_FAULT
        }
    }
}

/// RFC 5321 section 6.3: too many `Received`, or too many of our own.
pub(super) fn in_a_loop(header: &Header, settings: &Settings) -> bool {
    header.count("Received") >= limits::RECEIVED_MAX
        || fields::own_marks(header, &settings.config.hostname) >= limits::OWN_MARK_MAX
}

/// What its header section alone forbids: a circle, or a From that its sender may not write.
fn may_go_on(settings: &Settings, arrival: &mut Arrival, header: &Header) -> Result<(), Reply> {
    if in_a_loop(header, settings) || comes_back(settings, &arrival.came, header) {
        return Err(replies::LOOP);
    }
    sending::by_from(settings, &mut arrival.came, header)
}

/// What we have seen before never goes back to the client that brings it: two servers that each believe the other is responsible.
fn comes_back(settings: &Settings, came: &Came, header: &Header) -> bool {
    let to_the_client = |recipient: &Recipient| {
        let way = settings.way_to(&recipient.address, &recipient.organisation);
        way.route.hops.iter().any(|hop| hop.address() == Some(came.peer.address))
    };
    came.direction == Direction::Outbound
        && fields::own_marks(header, &settings.config.hostname) > 0
        && came.envelope.recipients.iter().any(to_the_client)
}

fn decide(
    gateway: &Gateway,
    settings: &Settings,
    arrival: &Arrival,
    judged: &Judged,
) -> Vec<Decided> {
    let one = |recipient: &Recipient| {
        let judgement = judged.for_recipient(settings, &arrival.came, recipient);
        let way = settings.way_to(&recipient.address, &recipient.organisation);
        let leaving = Leaving {
            id: arrival.id,
            came: &arrival.came,
            header: &judged.header,
            facts: &judged.facts,
            body_hash: judged.body_hash.as_deref(),
            verdict: &judgement.verdict,
            asks: judged.asks(settings, &arrival.came, &judgement.verdict),
            way: &way,
            recipient: recipient.address.domain(),
        };
        Decided {
            recipient: recipient.clone(),
            errand: errand(gateway, settings, leaving),
            blocked_by: blocked::at_verdict(&judged.own_words, recipient, &judgement.verdict),
            way,
            verdict: judgement.verdict,
            policy: judgement.policy,
            organisation: judgement.organisation,
        }
    };
    arrival.came.envelope.recipients.iter().map(one).collect()
}

/// A mail that was refused while it came in, for what its bytes are: the trace and the log know of it all the same.
pub fn refused_while_receiving(gateway: &Gateway, arrival: &Arrival, bytes: u64, reply: Reply) {
    let status = if reply.is_later() { "deferred" } else { "refused" };
    let fates = Fates::all(gateway, arrival, status, &reply);
    finish(gateway, arrival, bytes, None, reply, fates);
}

/// One judged mail on its way to a reply.
struct Work<'a> {
    gateway: &'a Arc<Gateway>,
    settings: &'a Settings,
    arrival: &'a Arrival,
    content: &'a Content,
    judged: &'a Judged,
    decided: &'a [Decided],
    /// How it goes on for its account.
    terms: &'a accounts::Terms,
}

impl Work<'_> {
    fn is_for_traps_alone(&self) -> bool {
        self.decided.iter().all(|one| self.settings.is_trap(&one.recipient.address))
    }

    /// What comes to spam traps alone is kept by nobody. Its sender hears what he would hear of any address.
    fn drop(&self, plan: &Plan) -> (Reply, Fates) {
        let reply = match plan {
            Plan::CutThrough => replies::DELIVERED,
            Plan::RefuseAll | Plan::DeferAll | Plan::Commit(_) => replies::QUEUED,
        };
        self.answer_all("trapped", reply)
    }

    /// Every recipient's verdict is reject. Whether a copy can be kept has no say in that.
    fn refuse(&self) -> (Reply, Fates) {
        let sentence = self.decided.first().map(|one| {
            let findings = self.judged.findings_with(&one.recipient, &one.verdict);
            PlainReason::of_verdict(&one.verdict, &findings).to_others(Words::of(Language::En))
        });
        let sentence = sentence.as_deref().unwrap_or_default().trim_end_matches('.');
        let code = rejected::code(&self.gateway.secret, &self.arrival.came, self.content);
        let copies: Vec<Held> =
            self.decided.iter().filter_map(|one| self.copy(one, &code)).collect();
        let kept = match self.is_for_traps_alone() {
            // Nobody will ask for it, and its sender is told what he would be told of any address.
            true if !copies.is_empty() => Kept::Yes,
            true | false => rejected::keep(self.gateway, copies, self.content),
        };
        let page = self.settings.config.web.public_url.as_ref().map(|url| url.as_str());
        let reply = match kept {
            Kept::Yes => replies::refused_and_kept(sentence, &code, page),
            Kept::No => replies::refused(sentence),
        };
        self.answer_all("refused", reply)
    }

    /// The row of the copy that is kept of what is refused to a recipient, if one is to be kept.
    fn copy(&self, one: &Decided, code: &str) -> Option<Held> {
        let keep = rejected::how_long(self.settings, &self.arrival.came, &one.organisation)?;
        if !rejected::may_be_kept(&one.policy, &one.verdict) {
            return None;
        }
        let made = self.held(one, Fate::Hold)?;
        let expires = self.gateway.clock.now().plus(keep);
        Some(Held {
            state: HeldState::Rejected,
            in_digest: false,
            expires,
            code_hash: Held::hash_of_code(code),
            ..made
        })
    }

    /// A sender that only has to come again is told so.
    fn deferral(&self) -> Reply {
        match self.decided.iter().all(|one| one.verdict.decided_by == second_try::ID) {
            true => replies::GREYLISTED,
            false => replies::DEFERRED,
        }
    }

    fn answer_all(&self, status: &'static str, reply: Reply) -> (Reply, Fates) {
        let said = reply.clone().about(Some(self.arrival.id)).one_line();
        let all = self.decided.iter().map(|one| (one, status, String::new(), said.clone()));
        let fates = Fates::of(self.gateway, self.arrival, all);
        (reply, fates)
    }

    /// Passes the mail on while the sender waits; its answer is ours.
    async fn cut_through(&self, deadline: Tick) -> (Reply, Fates) {
        let Some(first) = self.decided.first() else {
            return self.answer_all("refused", replies::OUR_FAULT);
        };
        let Errand::Deliver { edits, asks, .. } = &first.errand else {
            return self.answer_all("refused", replies::OUR_FAULT);
        };
        let message = Outgoing::new(self.content.clone(), edits.clone());
        let job = Job {
            route: &first.way.route,
            whose: &self.arrival.came.organisation,
            asks: *asks,
            envelope: &self.arrival.came.envelope,
            message: &message,
            peer: Some(&self.arrival.came.peer),
            deadline: Some(deadline),
            on_differing: OnDiffering::Stop,
        };
        let began = self.gateway.clock.tick();
        let delivery = deliver::at_once(self.gateway, self.settings, job).await;
        let next_hop_ms = millis(self.gateway.clock.tick().since(began));
        let server =
            if delivery.server.is_empty() { first.way.route.to_string() } else { delivery.server };
        let channel = delivery.channel;
        let (reply, fates) = match delivery.attempt {
            Attempt::Finished(outcomes) => {
                let (reply, fates) = self.relayed(&outcomes, &server);
                (reply, fates.over(channel))
            }
            Attempt::Differ(_) => self.commit(&self.forward_all()).await,
            Attempt::Unproven(refusal) => {
                tracing::warn!(id = %self.arrival.id, next_hop = %first.way.route, why = %refusal, "the next hop did not show what is asked of it");
                match first.way.when_away {
                    WhenAway::Spool => self.commit(&self.forward_all()).await,
                    WhenAway::Defer => self.answer_all("deferred", replies::NEXT_HOP_AWAY),
                }
            }
            Attempt::Away(why) | Attempt::NotNow(why) => {
                tracing::warn!(id = %self.arrival.id, next_hop = %first.way.route, why, "the next hop is away");
                metrics::counter!("sluss_next_hop_away_total").increment(1);
                match first.way.when_away {
                    WhenAway::Spool => self.commit(&self.forward_all()).await,
                    WhenAway::Defer => self.answer_all("deferred", replies::NEXT_HOP_AWAY),
                }
            }
            Attempt::Silent(why) => {
                // RFC 1047: it may have been delivered; the sender's second copy is the lesser evil.
                tracing::warn!(id = %self.arrival.id, next_hop = %server, why, "the next hop fell silent after the dot");
                metrics::counter!("sluss_next_hop_silent_total").increment(1);
                self.answer_all("deferred", replies::OUT_OF_TIME)
            }
        };
        (reply, Fates { next_hop_ms, ..fates })
    }

    /// The next hop has spoken for every recipient, and for all alike.
    fn relayed(&self, outcomes: &[Outcome], server: &str) -> (Reply, Fates) {
        let reply = match outcomes.first() {
            Some(Outcome::Accepted(_)) => replies::DELIVERED,
            Some(Outcome::Later(said) | Outcome::Refused(said)) => {
                replies::next_hop_said(said.code, said.enhanced.as_deref())
            }
            None => replies::OUR_FAULT,
        };
        let status = match outcomes.first() {
            Some(Outcome::Accepted(_)) => "delivered",
            Some(Outcome::Later(_)) => "deferred",
            Some(Outcome::Refused(_)) | None => "refused",
        };
        let said = outcomes.first().map_or("", |outcome| outcome.said().line.as_str());
        let all =
            self.decided.iter().map(|one| (one, status, server.to_string(), said.to_string()));
        (reply, Fates::of(self.gateway, self.arrival, all))
    }

    fn forward_all(&self) -> Vec<Fate> {
        vec![Fate::Forward; self.decided.len()]
    }

    async fn commit(&self, fates: &[Fate]) -> (Reply, Fates) {
        let began = self.gateway.clock.tick();
        let (reply, fates) = self.make_safe(fates).await;
        let stored_ms = millis(self.gateway.clock.tick().since(began));
        (reply, Fates { stored_ms, ..fates })
    }

    /// Makes the mail safe for every recipient, then says 250: first what is held, then what goes on.
    async fn make_safe(&self, fates: &[Fate]) -> (Reply, Fates) {
        let with: Vec<(&Decided, Fate)> = self.decided.iter().zip(fates.iter().copied()).collect();
        let held: Vec<Held> = with.iter().filter_map(|(one, fate)| self.held(one, *fate)).collect();
        let for_letters: Vec<Held> =
            held.iter().filter(|row| personal_mail::became(row).is_some()).cloned().collect();
        let owners: Vec<Organisation> = held.iter().map(|one| one.organisation.clone()).collect();
        match self.gateway.stores.quarantine.hold(held, self.content).await {
            Ok(ids) => {
                let held = ids.into_iter().zip(owners);
                bank_accounts::hold(self.gateway, &self.arrival.came, self.judged, held).await;
            }
            Err(error) => return self.answer_all("deferred", not_stored(&error)),
        }
        let spooled = self.spooled(&with);
        let reply = match spooled.legs.is_empty() {
            true => replies::QUEUED,
            false => put_in_spool(self.gateway, spooled, self.content).await,
        };
        if !reply.is_yes() {
            return self.answer_all("deferred", reply);
        }
        if !for_letters.is_empty() {
            let came = &self.arrival.came;
            let found = personal_mail::found(self.settings, &self.judged.contents, came.at);
            personal_mail::tell_of_held(self.gateway, self.settings, came, &found, &for_letters)
                .await;
        }
        if with.iter().any(|(_, fate)| *fate == Fate::Forward) {
            accounts::taken(self.gateway, self.terms, self.arrival.id);
        }
        let said = reply.one_line();
        let all = with.iter().map(|(one, fate)| {
            let (status, hop) = match fate {
                Fate::Forward => ("queued", one.way.route.to_string()),
                Fate::Hold | Fate::HoldRejected => ("held", "quarantine".to_string()),
                Fate::JudgeAgain => ("judge-again", "spool".to_string()),
            };
            (*one, status, hop, said.clone())
        });
        let fates = Fates::of(self.gateway, self.arrival, all);
        (reply, fates)
    }

    fn held(&self, one: &Decided, fate: Fate) -> Option<Held> {
        let (why, in_digest) = match fate {
            Fate::Hold => (
                one.verdict.decided_by.clone(),
                // Who has blocked a sender does not want to be told of him. What is dangerous has its row: its reader asks for review.
                !self.judged.own_words.block(&one.recipient),
            ),
            Fate::HoldRejected => ("mixed.rejected".to_string(), false),
            Fate::Forward | Fate::JudgeAgain => return None,
        };
        let seen = Seen::of(self.settings, self.judged, self.arrival.came.at);
        Some(make_held(
            self.gateway,
            HeldParts {
                transaction: self.arrival.id,
                organisation: &one.organisation,
                came: &self.arrival.came,
                recipient: &one.recipient,
                verdict: &one.verdict,
                why,
                in_digest,
                policy: one.verdict.line(&one.policy),
                facts: Some(&self.judged.facts),
                seen,
                bytes: self.content.size_bytes(),
                findings: serde_json::to_value(
                    self.judged.findings_with(&one.recipient, &one.verdict),
                )
                .unwrap_or_default(),
                asks: self.judged.asks(self.settings, &self.arrival.came, &one.verdict),
            },
        ))
    }

    /// The spool's record: recipients that share route and bytes share a leg.
    fn spooled(&self, with: &[(&Decided, Fate)]) -> Spooled {
        let mut legs: Vec<Leg> = Vec::new();
        for (one, fate) in with {
            let errand = match fate {
                Fate::Forward => one.errand.clone(),
                Fate::JudgeAgain => Errand::Judge,
                Fate::Hold | Fate::HoldRejected => continue,
            };
            let due = match fate {
                Fate::JudgeAgain => {
                    self.gateway.clock.now().plus(self.settings.config.limits.retry_first.0)
                }
                Fate::Forward | Fate::Hold | Fate::HoldRejected => self.gateway.clock.now(),
            };
            Leg::gather(&mut legs, errand, one.recipient.clone(), due);
        }
        let now = self.gateway.clock.now();
        legs.iter_mut().for_each(|leg| self.terms.put_on(leg, now));
        let seen = Seen::of(self.settings, self.judged, self.arrival.came.at);
        let personal = match self.arrival.came.direction {
            Direction::Outbound => {
                personal_mail::found(self.settings, &self.judged.contents, self.arrival.came.at)
            }
            Direction::Inbound => Vec::new(),
        };
        let (subject, from) = (seen.subject, seen.from);
        Spooled { legs, subject, from, personal, ..record_of(self.arrival) }
    }
}

/// What is known of a mail as it leaves for one recipient.
#[derive(Debug, Clone, Copy)]
pub struct Leaving<'a> {
    /// Its transaction.
    pub id: Id,
    /// How it came.
    pub came: &'a Came,
    /// Its header section.
    pub header: &'a Header,
    /// What the world said.
    pub facts: &'a Facts,
    /// The hash of its body, where somebody signs it.
    pub body_hash: Option<&'a [u8]>,
    /// What was decided.
    pub verdict: &'a Verdict,
    /// What it asks of the channel it leaves by.
    pub asks: Asks,
    /// Where it goes.
    pub way: &'a Way,
    /// The domain it goes to, where it is one of ours.
    pub recipient: Option<&'a Domain>,
}

/// Carrying a mail to one recipient: where, with which fields, under whose name.
pub fn errand(gateway: &Gateway, settings: &Settings, leaving: Leaving) -> Errand {
    let sender = match leaving.way.own {
        // Nobody behind us asks SPF, and a reply finds its way by itself.
        true => None,
        false => sending::rewritten(settings, &gateway.secret, leaving.came, gateway.clock.now()),
    };
    let edits = edits(gateway, settings, leaving);
    let asks = match leaving.way.own {
        true => Asks { personal_data: leaving.asks.personal_data, ..Asks::default() },
        false => leaving.asks,
    };
    let route = match leaving.verdict.road.portal {
        ByPortal::Yes if !leaving.way.own => Route::to_portal(),
        ByPortal::Yes | ByPortal::Otherwise | ByPortal::No => leaving.way.route.clone(),
    };
    Errand::Deliver { route, edits, sender, asks }
}

/// What is written in front and what is left out.
fn edits(gateway: &Gateway, settings: &Settings, leaving: Leaving) -> Edits {
    let Leaving { id, came, header, facts, body_hash, verdict, asks: _, way, recipient: _ } =
        leaving;
    let now = gateway.clock.now();
    let config = &settings.config;
    let hop = Hop {
        hostname: &config.hostname,
        peer: &came.peer,
        direction: came.direction,
        smtputf8: came.envelope.smtputf8,
        id,
        at: came.at,
        by_page: came.via == Via::Portal,
    };
    let received = fields::received(&hop);
    match way.own {
        false => {
            let keys = signing::keys_for(settings, &gateway.dkim, came, header);
            let signed = body_hash.map(|hash| signing::signatures(&keys, header, hash, now));
            Edits { prepend: received + &signed.unwrap_or_default(), cuts: Vec::new() }
        }
        true => {
            let marked = if verdict.action == Action::Mark { Marked::Yes } else { Marked::No };
            let own = fields::verdict(&fields::Verdict {
                action: verdict.action.word(),
                score: verdict.score,
                id,
                reason: &verdict.reason,
                marked,
                on_trial: on_trial(verdict).map(|mode| (mode.word(), verdict.would.word())),
            });
            let results = authentication_results(config.authserv_id(), came, facts);
            let cuts = fields::forged(header, config.authserv_id());
            // A mail that begins in the middle of a field would go on with our last one: then that is one that nothing acts on,
            // or the sender could write behind our verdict.
            let prepend = match header.problems().contains(&Problem::StartsFolded) {
                true => format!("{own}{results}{received}"),
                false => {
                    let seal = match cuts.is_empty() {
                        true => None,
                        false => seal(gateway, leaving, &results),
                    };
                    format!("{}{received}{results}{own}", seal.unwrap_or_default())
                }
            };
            Edits { prepend, cuts }
        }
    }
}

/// The seal over a mail that we change; `results` is our `Authentication-Results` field.
fn seal(gateway: &Gateway, leaving: Leaving, results: &str) -> Option<String> {
    let Leaving { header, facts, .. } = leaving;
    let results = results.split_once(": ").map(|(_, value)| value.trim_end())?;
    let changed = signing::Changed { header, body_hash: leaving.body_hash?, facts, results };
    signing::seal(&gateway.dkim, leaving.recipient?, changed, gateway.clock.now())
}

/// What was found out about the sender, for those behind us.
fn authentication_results(authserv_id: &Domain, came: &Came, facts: &Facts) -> String {
    let sender = came.envelope.sender.to_string();
    let client = client_of(&came.peer, facts).to_string();
    let found = authentication(&sender, &came.peer.helo, &client, facts);
    results::field(authserv_id, &found)
}

/// The client that was asked about: the one that came, or who stood before a relay of ours.
pub(super) fn client_of(peer: &Peer, facts: &Facts) -> IpAddr {
    match &facts.iprev {
        Known::Yes(fact) => fact.client,
        Known::No(_) | Known::NotAsked => peer.address,
    }
}

/// What was found out about a sender, in the order of the field; `sender` is empty for the null sender.
pub(super) fn authentication<'f>(
    sender: &'f str,
    helo: &'f str,
    client: &'f str,
    facts: &'f Facts,
) -> Vec<Found<'f>> {
    let of_helo = match &facts.spf {
        Known::Yes(fact) => fact.of_helo,
        Known::No(_) | Known::NotAsked => sender.is_empty(),
    };
    let spf = facts.spf.result(|fact| fact.result.word()).map(|result| Found {
        method: "spf",
        result,
        about: vec![match of_helo {
            true => ("smtp.helo", helo),
            false => ("smtp.mailfrom", sender),
        }],
    });
    let iprev = facts.iprev.result(|fact| fact.result.word()).map(|result| Found {
        method: "iprev",
        result,
        about: vec![("policy.iprev", client)],
    });
    let mut found: Vec<Found<'_>> = iprev.into_iter().chain(spf).collect();
    if let Known::Yes(signatures) = &facts.dkim {
        let of_mail = signatures.iter().map(|one| Found {
            method: "dkim",
            result: one.result.word(),
            about: vec![("header.d", one.domain.as_str()), ("header.s", one.selector.as_str())],
        });
        found.extend(of_mail);
    }
    let author = match &facts.dmarc {
        Known::Yes(fact) => vec![("header.from", fact.domain.as_str())],
        Known::No(_) | Known::NotAsked => Vec::new(),
    };
    let dmarc = facts.dmarc.result(|fact| fact.result.word());
    found.extend(dmarc.map(|result| Found { method: "dmarc", result, about: author }));
    // RFC 8617 section 10.2. A mail without a chain needs no line about it.
    let arc = facts.arc.result(|fact| fact.result.word()).filter(|word| *word != "none");
    let about = vec![("smtp.remote-ip", client)];
    found.extend(arc.map(|result| Found { method: "arc", result, about }));
    found
}

/// The mode of a policy that does not act.
fn on_trial(verdict: &Verdict) -> Option<Mode> {
    match verdict.mode {
        Mode::Shadow | Mode::Tag => Some(verdict.mode),
        Mode::Protect => None,
    }
}

/// What a policy on trial would have done, as the trace has it.
fn would(verdict: &Verdict) -> String {
    on_trial(verdict).map_or_else(String::new, |_| verdict.would.word().to_string())
}

/// Subject, From and attachments as an index may keep them: decoded, personal values masked before anybody stores them.
#[derive(Debug, Clone, Default)]
pub struct Seen {
    /// Subject.
    pub subject: String,
    /// Name and address in From.
    pub from: String,
    /// The address in From.
    pub from_address: String,
    /// Message-ID without its brackets.
    pub message_id: String,
    /// The domain in From, if DMARC passed for it.
    pub authenticated: Option<String>,
    /// What is attached.
    pub attachments: Vec<Attachment>,
    /// Hosts of its links, each once.
    pub hosts: Vec<String>,
    /// It as a copy of others.
    pub sighting: Option<Sighting>,
}

impl Seen {
    /// From the header section, and from what is inside.
    pub fn of(settings: &Settings, judged: &Judged, at: UnixMs) -> Seen {
        let scope = Scope::new(&settings.words, Date::of(at));
        let mask = |text: String| personal::mask_all(&cut(&text), &scope);
        let from = judged.header.mailboxes("From").into_iter().next();
        let address = from.as_ref().map(|mailbox| mailbox.address.clone());
        let from = from
            .map(|mailbox| format!("{} <{}>", mailbox.name, mailbox.address).trim().to_string());
        let message_id = judged.header.value("Message-ID").unwrap_or_default();
        let message_id = message_id.trim().trim_start_matches('<').trim_end_matches('>');
        let links = judged.contents.links.iter().filter(|link| !link.host.is_empty());
        let hosts: BTreeSet<&String> = links.map(|link| &link.host).collect();
        let attached = judged.contents.parts.iter().filter(|part| part.attachment);
        Seen {
            subject: mask(judged.header.text("Subject").unwrap_or_default()),
            from: mask(from.unwrap_or_default()),
            from_address: mask(address.unwrap_or_default()),
            message_id: mask(message_id.to_string()),
            authenticated: authenticated(&judged.facts),
            attachments: attached
                .take(limits::HELD_ATTACHMENTS_MAX)
                .map(|part| attachment(part, mask))
                .collect(),
            hosts: hosts.into_iter().cloned().collect(),
            sighting: judged.sighting.clone(),
        }
    }
}

/// The domain whose owner vouches for the mail.
fn authenticated(facts: &Facts) -> Option<String> {
    match &facts.dmarc {
        Known::Yes(fact) if fact.result == Dmarc::Pass => Some(fact.domain.clone()),
        Known::Yes(_) | Known::No(_) | Known::NotAsked => None,
    }
}

fn attachment(part: &Part, mask: impl Fn(String) -> String) -> Attachment {
    let name = match part.path.is_empty() {
        true => part.name.clone().unwrap_or_default(),
        false => part.path.clone(),
    };
    Attachment {
        name: mask(name),
        kind: part.kind.word().to_string(),
        bytes: part.bytes,
        sha256: part.digests.as_ref().map(|all| all.sha256.clone()).unwrap_or_default(),
        blake3: part.hash.clone(),
    }
}

/// What it is alike, without what is in it for this recipient alone.
fn likeness(seen: &Seen, came: &Came, recipient: &Recipient) -> Likeness {
    let sender = match seen.from_address.is_empty() {
        true => came.envelope.sender.to_string(),
        false => seen.from_address.clone(),
    };
    let local = recipient.address.local();
    let names = local.split(|letter: char| !letter.is_alphanumeric());
    let names: Vec<String> =
        names.filter(|name| name.chars().count() > 1).map(str::to_string).collect();
    let kinds: Vec<String> = seen.attachments.iter().map(|one| one.kind.clone()).collect();
    let traits = Traits {
        sender: &sender,
        subject: &seen.subject,
        names: &names,
        hosts: &seen.hosts,
        attachments: &kinds,
    };
    traits.likeness()
}

fn cut(text: &str) -> String {
    text.chars()
        .filter(|letter| !letter.is_control())
        .take(limits::INDEXED_TEXT_CHARS_MAX)
        .collect()
}

/// Everything a held row is made of.
pub struct HeldParts<'a> {
    /// The transaction.
    pub transaction: Id,
    /// Whose policy holds it.
    pub organisation: &'a Organisation,
    /// How it came.
    pub came: &'a Came,
    /// For whom.
    pub recipient: &'a Recipient,
    /// What was decided.
    pub verdict: &'a Verdict,
    /// The finding that decided, or a word of ours.
    pub why: String,
    /// It belongs in the digest.
    pub in_digest: bool,
    /// The line of the policy that decided.
    pub policy: String,
    /// What the world said, where somebody asked.
    pub facts: Option<&'a Facts>,
    /// What may be seen.
    pub seen: Seen,
    /// Its size.
    pub bytes: u64,
    /// Findings as JSON.
    pub findings: serde_json::Value,
    /// What it asks of the channel that it leaves by.
    pub asks: Asks,
}

/// A row for the quarantine.
pub fn make_held(gateway: &Gateway, parts: HeldParts) -> Held {
    let settings = gateway.settings.load();
    let days = settings.organisation(parts.organisation).and_then(|its| its.entry.quarantine_days);
    let keep = days.map(|days| Duration::from_secs(days.saturating_mul(86_400)));
    let likeness = likeness(&parts.seen, parts.came, parts.recipient);
    // Copies that differ in sender or subject are one row all the same.
    let group = gateway.campaigns.group(parts.seen.sighting.as_ref(), likeness.0, parts.came.at);
    let facts = parts.facts.and_then(|facts| serde_json::to_value(facts).ok());
    let peer = parts.came.peer.clone();
    Held {
        id: gateway.new_id(),
        transaction: parts.transaction,
        organisation: parts.organisation.clone(),
        held_at: gateway.clock.now(),
        expires: gateway.stores.quarantine.expiry(keep),
        direction: parts.came.direction,
        sender: parts.came.envelope.sender.clone(),
        from: parts.seen.from,
        recipient: parts.recipient.address.clone(),
        subject: parts.seen.subject,
        action: parts.verdict.action,
        why: parts.why,
        reason: parts.verdict.reason.clone(),
        categories: parts.verdict.categories.clone(),
        score: parts.verdict.score,
        bytes: parts.bytes,
        in_digest: parts.in_digest,
        state: HeldState::Held,
        released_at: UnixMs(0),
        envelope: Envelope {
            recipients: vec![parts.recipient.clone()],
            ..parts.came.envelope.clone()
        },
        findings: parts.findings,
        attachments: parts.seen.attachments,
        message_id: parts.seen.message_id,
        from_address: parts.seen.from_address,
        authenticated: parts.seen.authenticated,
        likeness: Likeness(group),
        policy: parts.policy,
        content_hash: String::new(),
        code_hash: String::new(),
        act: None,
        learned: None,
        asks: parts.asks,
        asked: facts.map(|facts| Box::new(Asked { peer, facts })),
    }
}

fn record_of(arrival: &Arrival) -> Spooled {
    Spooled {
        id: arrival.id,
        organisation: arrival.came.organisation.clone(),
        direction: arrival.came.direction,
        listener: arrival.listener.clone(),
        peer: arrival.came.peer.clone(),
        envelope: Envelope { recipients: Vec::new(), ..arrival.came.envelope.clone() },
        arrived: arrival.came.at,
        subject: String::new(),
        from: String::new(),
        sent: arrival.came.sent,
        via: arrival.came.via,
        transaction: None,
        personal: Vec::new(),
        legs: Vec::new(),
    }
}

/// All recipients wait for an examiner.
fn judge_later(gateway: &Gateway, arrival: &Arrival) -> Spooled {
    let now = gateway.clock.now();
    let mut legs = Vec::new();
    for recipient in &arrival.came.envelope.recipients {
        Leg::gather(&mut legs, Errand::Judge, recipient.clone(), now);
    }
    Spooled { legs, ..record_of(arrival) }
}

/// Makes a mail durable in the spool and hands it to the queue. The reply says whether it is.
pub async fn put_in_spool(gateway: &Gateway, spooled: Spooled, content: &Content) -> Reply {
    let (id, organisation) = (spooled.id, &spooled.organisation);
    match gateway.stores.spool.put(id, organisation, &spooled.to_meta(), content).await {
        Ok(_) => {
            gateway.queue.add(&spooled);
            replies::QUEUED
        }
        Err(error) => {
            tracing::error!(id = %spooled.id, %error, "a mail could not be spooled; its sender keeps it");
            metrics::counter!("sluss_store_errors_total").increment(1);
            spool_refusal(&error)
        }
    }
}

fn spool_refusal(error: &SpoolError) -> Reply {
    if error.is_full() { replies::DISK_FULL } else { replies::OUR_FAULT }
}

fn not_stored(error: &StoreError) -> Reply {
    tracing::error!(%error, "a mail could not be held; its sender keeps it");
    metrics::counter!("sluss_store_errors_total").increment(1);
    if error.is_no_room() { replies::DISK_FULL } else { replies::OUR_FAULT }
}

impl Fates {
    /// Whose recipients have it, or will have it without anybody's doing.
    fn went_on(&self) -> impl Iterator<Item = &Organisation> {
        let went_on = self
            .rows
            .iter()
            .filter(|(_, fate)| matches!(fate.status.as_str(), "delivered" | "queued"));
        went_on.map(|(organisation, _)| organisation)
    }

    /// All of them by way of the same channel.
    fn over(mut self, channel: Option<Channel>) -> Fates {
        let tls = channel.as_ref().and_then(Channel::tls).map(tls_words).unwrap_or_default();
        for (_, row) in &mut self.rows {
            (row.tls, row.channel) = (tls.clone(), channel.clone());
        }
        self
    }

    fn all(gateway: &Gateway, arrival: &Arrival, status: &'static str, reply: &Reply) -> Fates {
        let said = reply.clone().about(Some(arrival.id)).one_line();
        let recipients = arrival.came.envelope.recipients.iter();
        let rows = recipients.map(|recipient| {
            let one = Fates::one(gateway, arrival, recipient, status, said.clone());
            (recipient.organisation.clone(), one)
        });
        Fates { rows: rows.collect(), stored_ms: 0, next_hop_ms: 0 }
    }

    fn of<'a>(
        gateway: &Gateway,
        arrival: &Arrival,
        all: impl Iterator<Item = (&'a Decided, &'static str, String, String)>,
    ) -> Fates {
        let rows = all.map(|(one, status, next_hop, said)| {
            let fate = TraceRecipient {
                next_hop,
                would: would(&one.verdict),
                action: one.verdict.action.word().to_string(),
                blocked_by: one.blocked_by.clone(),
                ..Fates::one(gateway, arrival, &one.recipient, status, said)
            };
            (one.recipient.organisation.clone(), fate)
        });
        Fates { rows: rows.collect(), stored_ms: 0, next_hop_ms: 0 }
    }

    /// With spam traps that stood beside: what comes to one is nobody's, and is taken and refused as the rest is.
    fn with_traps(
        mut self,
        gateway: &Gateway,
        arrival: &Arrival,
        traps: Vec<Recipient>,
        reply: &Reply,
    ) -> Fates {
        let status = match reply.is_yes() {
            true => "trapped",
            false if reply.is_later() => "deferred",
            false => "refused",
        };
        let said = reply.clone().about(Some(arrival.id)).one_line();
        self.rows.extend(traps.into_iter().map(|trap| {
            let fate = Fates::one(gateway, arrival, &trap, status, said.clone());
            (trap.organisation, fate)
        }));
        self
    }

    fn one(
        gateway: &Gateway,
        arrival: &Arrival,
        recipient: &Recipient,
        status: &str,
        said: String,
    ) -> TraceRecipient {
        let now = gateway.clock.now();
        TraceRecipient {
            recipient: recipient.address.to_string(),
            at: now,
            status: status.to_string(),
            next_hop: String::new(),
            said,
            delay_ms: millis(now.since(arrival.came.at)),
            would: String::new(),
            action: String::new(),
            tls: String::new(),
            channel: None,
            blocked_by: None,
        }
    }
}

/// Writes down what happened and gives the sender's reply.
fn finish(
    gateway: &Gateway,
    arrival: &Arrival,
    bytes: u64,
    judged: Option<&Judged>,
    reply: Reply,
    fates: Fates,
) -> Ending {
    let dot_ms = millis(gateway.clock.tick().since(arrival.dot));
    let reply = reply.about(Some(arrival.id));
    for (organisation, fate) in &fates.rows {
        log_recipient(arrival.id, organisation, &arrival.came.envelope.sender.to_string(), fate);
    }
    let settings = gateway.settings.load();
    match judged {
        // What was put off comes again.
        Some(_) if reply.is_later() => (),
        Some(judged) => {
            // What somebody sends to a trap as well makes nobody known.
            match reply.is_yes() && !school::is_trapped(&settings, &arrival.came, judged) {
                true => remember::settled(gateway, &settings, &arrival.came, judged),
                false => remember::refused(gateway, &settings, &arrival.came, judged),
            }
            school::settled(gateway, &settings, arrival.id, &arrival.came, judged);
            campaigns::settled(gateway, &arrival.came, judged);
        }
        None => (),
    }
    let direction = arrival.came.direction.word();
    let took = Took {
        stored_ms: fates.stored_ms,
        next_hop_ms: fates.next_hop_ms,
        dot_ms,
        ..judged.map(|judged| judged.took).unwrap_or_default()
    };
    let mut action = Action::Deliver;
    let about = judged.map(|judged| about(&settings, &arrival.came, judged)).unwrap_or_default();
    // What was not taken is not ours to be asked about.
    let taken = judged.filter(|_| reply.is_yes());
    let persons =
        taken.map(|judged| same_person::in_mail(&judged.contents, arrival.came.direction));
    let persons = persons.unwrap_or_default();
    for (organisation, part) in parts_of(&arrival.came, fates) {
        if settings.marks_persons(&organisation) {
            gateway.stores.persons.note(arrival.id, &organisation, persons.clone());
        }
        let decision = judged
            .map(|judged| decision_for(&settings, &arrival.came, judged, &organisation))
            .unwrap_or_default();
        let sighting = judged.and_then(|judged| judged.sighting.as_ref());
        let unsuspected = sighting
            .is_some_and(|sighting| gateway.campaigns.is_unsuspected(sighting, &organisation));
        action = action.max(Action::from_word(&decision.action).unwrap_or(Action::Deliver));
        if let Some(would) = Action::from_word(&decision.would) {
            metrics::counter!("sluss_would_total", "direction" => direction, "action" => would.word()).increment(1);
        }
        gateway.stores.trace.record(TraceRow {
            id: arrival.id,
            organisation,
            at: arrival.came.at,
            direction,
            listener: arrival.listener.clone(),
            peer: arrival.came.peer.address.to_string(),
            helo: arrival.came.peer.helo.clone(),
            tls: arrival.came.peer.tls.as_ref().map(tls_words).unwrap_or_default(),
            sender: arrival.came.envelope.sender.to_string(),
            bytes,
            about: About { unsuspected, ..about.clone() },
            decision,
            reply: reply.one_line(),
            took,
            recipients: part,
        });
    }
    let label = if judged.is_some() { action.word() } else { "none" };
    metrics::counter!("sluss_mails_total", "direction" => direction, "action" => label)
        .increment(1);
    metrics::histogram!("sluss_dot_seconds")
        .record(f64::from(u32::try_from(dot_ms).unwrap_or(u32::MAX)) / 1_000.0);
    Ending { close: reply.code == 421, reply }
}

/// What each organisation may see: the sender's all of what it sent, the others what concerns their own recipients.
fn parts_of(came: &Came, fates: Fates) -> BTreeMap<Organisation, Vec<TraceRecipient>> {
    let mut parts: BTreeMap<Organisation, Vec<TraceRecipient>> = BTreeMap::new();
    for (organisation, fate) in fates.rows {
        if came.direction == Direction::Outbound && organisation != came.organisation {
            parts.entry(came.organisation.clone()).or_default().push(fate.to_its_sender());
        }
        parts.entry(organisation).or_default().push(fate);
    }
    parts
}

/// What an organisation's trace keeps of the verdicts: the hardest among the recipients that it may see, and of trials its own only.
pub fn decision_for(
    settings: &Settings,
    came: &Came,
    judged: &Judged,
    organisation: &Organisation,
) -> Decision {
    let sees_all = came.direction == Direction::Outbound && *organisation == came.organisation;
    let recipients = came.envelope.recipients.iter();
    let judgements: Vec<judge::Judgement> = recipients
        .filter(|recipient| sees_all || recipient.organisation == *organisation)
        .map(|recipient| judged.for_recipient(settings, came, recipient))
        .collect();
    let hardest = judgements.iter().max_by_key(|one| one.verdict.hardness());
    let worst = hardest.map(|one| &one.verdict);
    let own = judgements.iter().filter(|one| one.organisation == *organisation);
    let tried = own.map(|one| &one.verdict).filter(|verdict| on_trial(verdict).is_some());
    let tried = tried.max_by_key(|verdict| verdict.would);
    Decision {
        action: worst.map_or("", |verdict| verdict.action.word()).to_string(),
        mode: tried.map_or("", |verdict| verdict.mode.word()).to_string(),
        would: tried.map(would).unwrap_or_default(),
        score: worst.map_or(0.0, |verdict| verdict.score),
        reason: worst.map(|verdict| verdict.reason.clone()).unwrap_or_default(),
        // The report asks why a trial would have acted; where nobody is on trial, what did act.
        decided_by: tried.or(worst).map(|verdict| verdict.decided_by.clone()).unwrap_or_default(),
        findings: serde_json::to_string(&findings_of(judged, &judgements)).unwrap_or_default(),
        policy: hardest.map(|one| one.policy.name.clone()).unwrap_or_default(),
        ground: worst.map(|verdict| verdict.ground.to_string()).unwrap_or_default(),
    }
}

/// What was found in a mail, with what the rules of its recipients' policies found, each once.
fn findings_of(judged: &Judged, judgements: &[judge::Judgement]) -> Vec<Finding> {
    let mut findings = judged.findings.clone();
    for found in judgements.iter().flat_map(|one| &one.verdict.by_rules) {
        let is_there = |other: &Finding| other.id == found.id && other.because == found.because;
        if !findings.iter().any(is_there) {
            findings.push(found.clone());
        }
    }
    findings
}

/// What the trace shows of a mail itself: personal values are masked before they come there.
pub fn about(settings: &Settings, came: &Came, judged: &Judged) -> About {
    let seen = Seen::of(settings, judged, came.at);
    let scope = Scope::new(&settings.words, Date::of(came.at));
    let message_id = judged.header.value("Message-ID").unwrap_or_default();
    let peer_name = match &judged.facts.iprev {
        Known::Yes(fact) if fact.client == came.peer.address => fact.name.clone(),
        Known::Yes(_) | Known::No(_) | Known::NotAsked => None,
    };
    About {
        subject: seen.subject,
        from: seen.from,
        message_id: personal::mask_all(&cut(message_id.trim()), &scope),
        peer_name: peer_name.unwrap_or_default(),
        campaign: judged.sighting.as_ref().map(|sighting| sighting.id),
        unsuspected: false,
    }
}

/// A TLS session as the trace shows it: version and cipher.
pub fn tls_words(tls: &TlsSession) -> String {
    format!("{} {}", tls.version, tls.cipher)
}

/// The one greppable line for each recipient.
pub fn log_recipient(id: Id, organisation: &Organisation, from: &str, fate: &TraceRecipient) {
    tracing::info!(
        %id,
        %organisation,
        from = %from,
        to = %fate.recipient,
        next_hop = %fate.next_hop,
        status = %fate.status,
        delay_ms = fate.delay_ms,
        would = (!fate.would.is_empty()).then_some(fate.would.as_str()),
        said = %fate.said,
        "mail"
    );
}

/// A [`Said`] of our own making, where no server spoke.
pub fn said_by_us(line: &str) -> Said {
    Said { code: 0, enhanced: None, line: line.to_string() }
}
