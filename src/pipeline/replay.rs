//! Change replay: what a changed configuration would have done with the mail of the last days, before it takes effect.
//!
//! The findings of each mail are in the trace; for each recipient they are decided about anew, once under the configuration in force and
//! once under the candidate, by the same pure function as when the mail came. Nothing is opened or asked again: what a rule or a list
//! would find is not known here, and the answer says so. Both sides are decided anew, so that a difference is the change's and not one of
//! what has been changed in the days between; what was really done then is told beside it.

use crate::{
    base::{
        clock::{Clock, UnixMs},
        limits,
    },
    checks::{Finding, Phrases},
    config::{
        Config,
        policy::{Action, Policy},
        policy_rule::{Rule, RuleName},
    },
    examine::{Contents, Examiner, Unscanned, UnscannedReason},
    facts::dns_list::DnsLists,
    mail::{Address, Direction, Organisation, Recipient},
    personal::Words,
    pipeline::{
        by_rules,
        judge::{self, Course, Via},
        settings::{Loaded, Settings},
    },
    store::{
        StoreError,
        embedded::Trace,
        trace::{Decided, DecidedRecipient},
    },
    verdict::rules::{self, Held, Holds},
};
use serde::{Deserialize, Serialize};
use std::{
    collections::{BTreeMap, HashMap},
    net::IpAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

/// What a candidate would have done otherwise than the configuration in force.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// Mails that were decided about anew.
    pub mails: u64,
    /// Their recipients.
    pub recipients: u64,
    /// Mails that nobody had judged: refused before DATA, or not opened in time. A policy has no say in them.
    pub not_judged: u64,
    /// Mails of which too little is kept to decide anew.
    pub too_old: u64,
    /// Deliveries that would have been stopped (deferred, held or refused) and are not now.
    pub stopped_more: u64,
    /// Of them, those that were held when they came and that somebody let go.
    pub stopped_more_released: u64,
    /// Deliveries that are stopped now and would have gone through.
    pub let_through: u64,
    /// Of them, those that were held when they came.
    pub let_through_held: u64,
    /// Of the held ones, those that somebody let go: the change would have spared the work.
    pub let_through_released: u64,
    /// How many recipients' mails would have been treated otherwise, by what is done now and what would be.
    pub changes: Vec<Change>,
    /// The same by organisation, those with most changes first.
    #[serde(default)]
    pub organisations: Vec<OfOrganisation>,
    /// Some of the mails, newest first for each kind of change.
    pub samples: Vec<Sample>,
    /// Deliveries for which the configuration in force decides otherwise than was done when they came: it has been changed since.
    pub changed_since: u64,
    /// Parts of the configuration that the candidate changes and that cannot be replayed.
    pub not_replayed: Vec<String>,
    /// Somebody ended it; the counts are those of what was decided until then.
    pub ended_early: bool,
}

/// One kind of change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// "inbound" or "outbound".
    pub direction: String,
    /// What the configuration in force does.
    pub now: Action,
    /// What the candidate would.
    pub then: Action,
    /// For how many recipients.
    pub recipients: u64,
}

/// What a change means for one organisation.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct OfOrganisation {
    /// Whose mail it is.
    pub organisation: String,
    /// Recipients whose mail would be treated otherwise.
    pub recipients: u64,
    /// Of them, those that it would not reach any more.
    pub stopped_more: u64,
    /// Of them, those that it would reach.
    pub let_through: u64,
}

/// How far a replay is, for those who wait for it; and their way to end it.
#[derive(Debug, Default)]
pub struct Watch {
    /// True: it is to end.
    pub end: AtomicBool,
    /// Mails that were looked at.
    pub mails: AtomicU64,
    /// When the last of them came, in milliseconds since 1970. They are looked at in that order.
    pub reached_ms: AtomicU64,
}

/// A mail that would be treated otherwise.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sample {
    /// Its transaction.
    pub id: String,
    /// When it came.
    pub at_ms: u64,
    /// Envelope sender.
    pub sender: String,
    /// For whom.
    pub recipient: String,
    /// Subject, personal values masked.
    pub subject: String,
    /// What was done when it came.
    pub was: Option<Action>,
    /// What the configuration in force does.
    pub now: Action,
    /// What the candidate would.
    pub then: Action,
    /// The finding that would decide; empty: none.
    pub decided_by: String,
    /// The candidate's policy, and the line of it that decides, or that none does.
    pub ground: String,
    /// Somebody let it go.
    pub released: bool,
}

/// Two configurations, and what was counted so far.
pub struct Replay {
    in_force: Side,
    candidate: Side,
    report: Report,
    kinds: BTreeMap<(&'static str, Action, Action), (u64, Vec<Sample>)>,
    organisations: BTreeMap<String, OfOrganisation>,
}

impl std::fmt::Debug for Replay {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Replay").field("report", &self.report).finish_non_exhaustive()
    }
}

/// Decides anew about all mail since a moment, in steps, until it is told to end. The store's readers and other threads go on between them.
pub async fn run(
    trace: &Trace,
    replay: Replay,
    since: UnixMs,
    watch: &Watch,
) -> Result<Report, StoreError> {
    let replay = Arc::new(Mutex::new(replay));
    let mut after = 0;
    loop {
        let mails = trace.decided(since, after).await?;
        let Some(last) = mails.last() else { break };
        after = last.number;
        let looked_at = u64::try_from(mails.len()).unwrap_or(u64::MAX);
        watch.mails.fetch_add(looked_at, Ordering::Relaxed);
        watch.reached_ms.store(last.at.0, Ordering::Relaxed);
        let deciding = replay.clone();
        let decided = tokio::task::spawn_blocking(move || {
            let Ok(mut replay) = deciding.lock() else { return };
            mails.iter().for_each(|mail| replay.take(mail));
        });
        decided.await.map_err(|_| StoreError::Closed)?;
        if watch.end.load(Ordering::Relaxed) {
            if let Ok(mut replay) = replay.lock() {
                replay.report.ended_early = true;
            }
            break;
        }
    }
    let replay = Arc::into_inner(replay).and_then(|replay| replay.into_inner().ok());
    replay.map(Replay::finish).ok_or(StoreError::Closed)
}

impl Replay {
    /// Of a configuration in force and of one that may come.
    pub fn new(in_force: Config, candidate: Config, words: &Arc<Words>, clock: &Clock) -> Replay {
        let not_replayed = not_replayed(&in_force, &candidate);
        let (in_force, candidate) =
            (Side::of(in_force, words, clock), Side::of(candidate, words, clock));
        Replay {
            in_force,
            candidate,
            report: Report { not_replayed, ..Report::default() },
            kinds: BTreeMap::new(),
            organisations: BTreeMap::new(),
        }
    }

    /// Decides about one mail anew.
    pub fn take(&mut self, mail: &Decided) {
        if mail.action.is_empty() {
            self.report.not_judged += 1;
            return;
        }
        let (Ok(stored), Ok(peer)) =
            (serde_json::from_str::<Vec<Finding>>(&mail.findings), mail.peer.parse::<IpAddr>())
        else {
            self.report.too_old += 1;
            return;
        };
        let outbound = mail.direction == Direction::Outbound.word();
        let organisation = Organisation::named(&mail.organisation);
        if outbound && !self.is_senders_row(mail, &organisation) {
            // The same mail once more, as the receiving organisation sees it.
            return;
        }
        self.report.mails += 1;
        let direction = if outbound { Direction::Outbound } else { Direction::Inbound };
        // What rules found is found anew, or known by what they found then.
        let (by_rules, findings): (Vec<Finding>, Vec<Finding>) =
            stored.into_iter().partition(|finding| rules::name_of(&finding.id).is_some());
        let past = Past { mail, findings: &findings, direction, peer };
        let held_now = self.in_force.held(&past, &by_rules, &self.in_force);
        let held_then = self.candidate.held(&past, &by_rules, &self.in_force);
        for (address, fate) in fates(mail) {
            let Ok(address) = Address::parse(address) else { continue };
            self.report.recipients += 1;
            let to = To { organisation: &organisation, address: &address };
            let now = decide(&self.in_force.settings, &past, &held_now, to);
            let then = decide(&self.candidate.settings, &past, &held_then, to);
            self.note(mail, direction, &address, fate, &now, then);
        }
    }

    fn is_senders_row(&self, mail: &Decided, organisation: &Organisation) -> bool {
        let sender = Address::parse(&mail.sender).ok();
        let domain = sender.as_ref().and_then(Address::domain);
        let writer = domain.and_then(|domain| self.in_force.settings.writer(domain));
        writer.is_none_or(|writer| writer.name() == organisation)
    }

    fn note(
        &mut self,
        mail: &Decided,
        direction: Direction,
        recipient: &Address,
        fate: Fate,
        now: &judge::Judgement,
        then: judge::Judgement,
    ) {
        let report = &mut self.report;
        let (now, then_action) = (now.verdict.action, then.verdict.action);
        if fate.was.is_some_and(|was| was != now) {
            report.changed_since += 1;
        }
        if now == then_action {
            return;
        }
        let was_held = fate.was == Some(Action::Quarantine);
        let whose = self.organisations.entry(mail.organisation.clone()).or_default();
        whose.recipients += 1;
        match (stops(now), stops(then_action)) {
            (false, true) => {
                whose.stopped_more += 1;
                report.stopped_more += 1;
                report.stopped_more_released += u64::from(fate.released);
            }
            (true, false) => {
                whose.let_through += 1;
                report.let_through += 1;
                report.let_through_held += u64::from(was_held);
                report.let_through_released += u64::from(fate.released);
            }
            (true, true) | (false, false) => (),
        }
        let kind = self.kinds.entry((direction.word(), now, then_action)).or_default();
        kind.0 += 1;
        if kind.1.len() >= limits::REPLAY_SAMPLES_MAX {
            kind.1.remove(0);
        }
        kind.1.push(Sample {
            id: mail.id.clone(),
            at_ms: mail.at.0,
            sender: mail.sender.clone(),
            recipient: recipient.to_string(),
            subject: mail.subject.clone(),
            was: fate.was,
            now,
            then: then_action,
            ground: match then.verdict.line(&then.policy) {
                line if line.is_empty() => format!("{}: it goes on as it came", then.policy.name),
                line => line,
            },
            decided_by: then.verdict.decided_by,
            released: fate.released,
        });
    }

    /// What came of it.
    pub fn finish(self) -> Report {
        let mut report = self.report;
        for ((direction, now, then), (recipients, samples)) in self.kinds {
            let direction = direction.to_string();
            report.changes.push(Change { direction, now, then, recipients });
            report.samples.extend(samples.into_iter().rev());
        }
        let named = |(organisation, one)| OfOrganisation { organisation, ..one };
        report.organisations = self.organisations.into_iter().map(named).collect();
        report.organisations.sort_by_key(|one| std::cmp::Reverse(one.recipients));
        report
    }
}

/// What became of a mail for one recipient.
#[derive(Debug, Clone, Copy, Default)]
struct Fate {
    /// What was decided; none where that is not known.
    was: Option<Action>,
    /// It was held, and somebody let it go.
    released: bool,
}

/// Each recipient about whom something was decided after the final dot. Who was refused at RCPT is not among them.
fn fates(mail: &Decided) -> BTreeMap<&str, Fate> {
    let mut rows: BTreeMap<&str, Vec<&DecidedRecipient>> = BTreeMap::new();
    for row in &mail.recipients {
        rows.entry(row.recipient.as_str()).or_default().push(row);
    }
    // Rows of before actions were kept for each recipient.
    let old = mail.recipients.iter().all(|row| row.action.is_empty());
    let fate = |(recipient, rows): (_, Vec<&DecidedRecipient>)| {
        let own = rows.iter().find_map(|row| Action::from_word(&row.action));
        let has = |status: &str| rows.iter().any(|row| row.status == status);
        let went_on = has("delivered") || has("queued") || has("bounced");
        let turned_away =
            rows.iter().all(|row| matches!(row.status.as_str(), "refused" | "deferred"));
        let hardest = Action::from_word(&mail.action);
        let was = match (own, went_on, turned_away && !old) {
            (Some(own), _, _) => Some(own),
            // It waited for an examiner; the hardest action may be another recipient's.
            (None, true, _) => hardest.map(|action| action.min(Action::Mark)),
            (None, false, false) => hardest,
            (None, false, true) => return None,
        };
        // A release that was taken back is none.
        let last = rows.iter().rev().find(|row| ["released", "taken-back"].contains(&&*row.status));
        Some((recipient, Fate { was, released: last.is_some_and(|row| row.status == "released") }))
    };
    rows.into_iter().filter_map(fate).collect()
}

/// A mail of the past, as far as it is known.
#[derive(Clone, Copy)]
struct Past<'a> {
    mail: &'a Decided,
    /// Without those of rules.
    findings: &'a [Finding],
    direction: Direction,
    peer: IpAddr,
}

/// A recipient, and whose mail it is.
#[derive(Clone, Copy)]
struct To<'a> {
    organisation: &'a Organisation,
    address: &'a Address,
}

/// One of the two configurations, of which nothing but its policies is used.
struct Side {
    settings: Settings,
    /// Those with rules.
    policies: Vec<Policy>,
}

impl Side {
    fn of(config: Config, words: &Arc<Words>, clock: &Clock) -> Side {
        let policies = config.policies.compile().unwrap_or_default().into_values();
        let policies = policies.filter(|policy| !policy.rules.is_empty()).collect();
        Side { policies, settings: settings(config, words, clock) }
    }

    fn rule(&self, policy: &str, name: &RuleName) -> Option<&Rule> {
        self.policies.iter().find(|one| one.name == policy)?.rules.get(name)
    }

    /// The rules that a mail fits. What is not kept of it is known by what a rule found then, if it is as it was.
    fn held(&self, past: &Past, by_rules: &[Finding], in_force: &Side) -> Held {
        let mut held = Held::default();
        if self.policies.is_empty() {
            return held;
        }
        let sender = Address::parse(&past.mail.sender).ok();
        by_rules::of_the_past(past.mail, past.findings, past.peer, sender.as_ref(), |seen| {
            for policy in &self.policies {
                for (name, rule) in &policy.rules {
                    let as_it_was = in_force.rule(&policy.name, name) == Some(rule);
                    let found = || by_rules.iter().any(|one| rules::is_of(one, policy, name));
                    let holds = match rules::holds(rule, seen) {
                        Holds::Yes => true,
                        Holds::No => false,
                        Holds::Unknown => as_it_was && found(),
                    };
                    if holds {
                        held.add(policy, name);
                    }
                }
            }
        });
        held
    }
}

fn decide(settings: &Settings, past: &Past, held: &Held, to: To) -> judge::Judgement {
    let To { organisation, address } = to;
    let Past { mail, findings, direction, peer } = *past;
    let own = settings.own_domain(address).map(|own| own.organisation.name().clone());
    let recipient = Recipient {
        organisation: own.unwrap_or_else(|| organisation.clone()),
        ..Recipient::plain(address.clone())
    };
    let via = if settings.relays.holds(peer) { Via::Relay } else { Via::Direct };
    judge::decide_for(
        judge::Findings { of_mail: findings, of_recipient: findings, held },
        settings,
        Course { direction, via, sender: organisation, at: mail.at },
        &recipient,
    )
}

fn stops(action: Action) -> bool {
    match action {
        Action::Deliver | Action::Mark => false,
        Action::Defer | Action::Quarantine | Action::Reject => true,
    }
}

/// As settings, to ask them for policies.
fn settings(config: Config, words: &Arc<Words>, clock: &Clock) -> Settings {
    let loaded = Loaded {
        examiner: Arc::new(NeverAsked),
        phrases: Arc::new(Phrases::default()),
        words: words.clone(),
        clamd: None,
        dns_lists: DnsLists::new(&[], None, clock),
        lists: Vec::new(),
        signatures: 0,
        rules: 0,
        recipients: HashMap::new(),
    };
    Settings::new(config, loaded)
}

/// What is read from the trace is not opened again.
struct NeverAsked;

impl Examiner for NeverAsked {
    fn examine_for(&self, _message: &[u8], _abroad: &[String]) -> Contents {
        let unscanned = Unscanned {
            part: String::new(),
            path: String::new(),
            reason: UnscannedReason::Engine,
            because: "a replay opens no mail".to_string(),
        };
        Contents { unscanned: vec![unscanned], ..Contents::default() }
    }
}

/// What differs between the two and is no policy's.
fn not_replayed(in_force: &Config, candidate: &Config) -> Vec<String> {
    let (before, after) = (without_policies(in_force), without_policies(candidate));
    let keys = before.keys().chain(after.keys());
    let mut differing: Vec<String> =
        keys.filter(|key| before.get(*key) != after.get(*key)).cloned().collect();
    let greylists = |config: &Config| {
        let policies = config.policies.compile().unwrap_or_default().into_iter();
        policies.map(|(name, policy)| (name, policy.greylist)).collect::<BTreeMap<_, _>>()
    };
    if greylists(in_force) != greylists(candidate) {
        differing.push("policy.greylist".to_string());
    }
    differing.extend(rules_not_replayed(in_force, candidate));
    differing.sort();
    differing.dedup();
    differing
}

/// Rules that ask what is not kept of a mail, where they are new or changed.
fn rules_not_replayed(in_force: &Config, candidate: &Config) -> Vec<String> {
    let before = in_force.policies.compile().unwrap_or_default();
    let after = candidate.policies.compile().unwrap_or_default();
    let mut found = Vec::new();
    for policy in after.values() {
        let was = |name| before.get(&policy.name).and_then(|policy| policy.rules.get(name));
        for (name, rule) in policy.rules.iter().filter(|(name, rule)| was(name) != Some(*rule)) {
            if let Some(asks) = rule.asks_what_is_not_kept() {
                found.push(format!("policy.{}.rules.{}.{asks}", policy.name, name.as_str()));
            }
        }
    }
    found
}

fn without_policies(config: &Config) -> toml::Table {
    let mut table = config.to_toml().parse::<toml::Table>().unwrap_or_default();
    table.remove("policy");
    for (list, keys) in [("organisation", &["policy", "mode"][..]), ("domain", &["policy"])] {
        let entries = table.get_mut(list).and_then(toml::Value::as_array_mut);
        for entry in entries.into_iter().flatten().filter_map(toml::Value::as_table_mut) {
            keys.iter().for_each(|key| {
                entry.remove(*key);
            });
        }
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        base::ids::Id,
        store::{
            embedded::TraceOptions,
            trace::{About, Decision, Took, TraceRecipient, TraceRow},
        },
    };
    use std::{path::Path, time::Duration};

    const BASE: &str = "hostname = \"mx.ours.example\"\n\
        [[domain]]\nname = \"ours.example\"\nnext-hop = \"smtp://192.0.2.5:25\"\n\
        [[domain]]\nname = \"strict.example\"\nnext-hop = \"smtp://192.0.2.5:25\"\npolicy = \"strict\"\n\
        [[policy]]\nname = \"strict\"\nquarantine = 5.0\nmark = 3.0\n";

    fn config(more: &str) -> Config {
        Config::parse(Path::new("sluss.toml"), &format!("{BASE}{more}")).unwrap()
    }

    fn replay(candidate: Config) -> Replay {
        let words = Arc::new(Words::shipped().unwrap());
        Replay::new(config(""), candidate, &words, &Clock::by_hand(UnixMs(0)))
    }

    fn spam(weight: f32) -> String {
        let finding = Finding::new("test.spam", crate::config::policy::Category::Spam, weight, "");
        serde_json::to_string(&[finding]).unwrap()
    }

    fn row(recipient: &str, action: &str, status: &str) -> DecidedRecipient {
        DecidedRecipient {
            recipient: recipient.to_string(),
            action: action.to_string(),
            status: status.to_string(),
        }
    }

    fn mail(weight: f32, recipients: Vec<DecidedRecipient>) -> Decided {
        Decided {
            number: 1,
            id: Id::new(UnixMs(1), [1; 10]).to_string(),
            organisation: "default".to_string(),
            at: UnixMs(1),
            direction: "inbound".to_string(),
            peer: "192.0.2.1".to_string(),
            sender: "a@shop.example".to_string(),
            from: String::new(),
            subject: "Offer".to_string(),
            action: "deliver".to_string(),
            findings: spam(weight),
            recipients,
        }
    }

    #[test]
    fn a_change_is_told_by_what_it_would_have_done() {
        let candidate = config("[[policy]]\nname = \"default\"\nmark = 4.0\nquarantine = 6.0\n");
        let mut replay = replay(candidate);
        for one in [
            // 7: delivered with a mark until now, held then; strict holds it in any case.
            mail(
                7.0,
                vec![
                    row("a@ours.example", "mark", "delivered"),
                    row("b@strict.example", "quarantine", "held"),
                ],
            ),
            mail(1.0, vec![row("a@ours.example", "deliver", "delivered")]),
            // It was held when it came, under another policy, and somebody let it go.
            mail(
                6.5,
                vec![
                    row("a@ours.example", "quarantine", "held"),
                    row("a@ours.example", "", "released"),
                ],
            ),
            // Refused at RCPT: no policy decided.
            mail(
                1.0,
                vec![
                    row("a@ours.example", "deliver", "delivered"),
                    row("x@ours.example", "", "refused"),
                ],
            ),
            Decided {
                action: String::new(),
                ..mail(9.0, vec![row("a@ours.example", "", "refused")])
            },
            Decided { findings: "old".to_string(), ..mail(9.0, Vec::new()) },
        ] {
            replay.take(&one);
        }
        let report = replay.finish();
        assert_eq!((report.mails, report.recipients), (4, 5));
        assert_eq!((report.not_judged, report.too_old), (1, 1));
        assert_eq!(
            (report.stopped_more, report.stopped_more_released, report.let_through),
            (2, 1, 0)
        );
        assert_eq!(report.changed_since, 1);
        assert_eq!(
            report.changes,
            [Change {
                direction: "inbound".to_string(),
                now: Action::Mark,
                then: Action::Quarantine,
                recipients: 2
            }]
        );
        let whose = &report.organisations[0];
        assert_eq!((whose.organisation.as_str(), whose.stopped_more), ("default", 2));
        assert_eq!(report.samples[1].ground, "default: quarantine = 6.0");
        assert_eq!(report.samples[1].decided_by, "test.spam");
        assert!(report.samples[0].released && report.not_replayed.is_empty());
    }

    #[test]
    fn rules_are_asked_anew_and_of_what_is_not_kept_by_what_they_found() {
        let rule = |condition: &str| {
            format!(
                "[[policy]]\nname = \"default\"\n[policy.rules.night]\nreason = \"x\"\naction = \"quarantine\"\n{condition}\n"
            )
        };
        let words = Arc::new(Words::shipped().unwrap());
        let run = |before: &str, after: &str, found: bool| {
            let clock = Clock::by_hand(UnixMs(0));
            let mut replay = Replay::new(config(before), config(after), &words, &clock);
            let mut one = mail(1.0, vec![row("a@ours.example", "deliver", "delivered")]);
            if found {
                let by_rule = Finding::new(
                    "rule.night",
                    crate::config::policy::Category::Policy,
                    0.0,
                    "policy default: x",
                );
                one.findings = serde_json::to_string(&[by_rule]).unwrap();
            }
            replay.take(&one);
            let report = replay.finish();
            (report.stopped_more, report.let_through, report.not_replayed)
        };
        let key = |key: &str| vec![format!("policy.default.rules.night.{key}")];
        let (from, body) = (rule("from = \"shop.example\""), rule("body = \"offer\""));
        for (before, after, found, want) in [
            ("", from.as_str(), false, (1, 0, vec![])),
            ("", &rule("subject = \"offer\""), false, (1, 0, vec![])),
            ("", &rule("subject = \"other\""), false, (0, 0, vec![])),
            ("", &rule("to = \"strict.example\""), false, (0, 0, vec![])),
            // One that is taken away, or stays; what it found then is not what it would find now.
            (&from, "", true, (0, 1, vec![])),
            (&from, &from, true, (0, 0, vec![])),
            (&rule("from = \"b.example\""), &from, true, (1, 0, vec![])),
            // What was inside is not kept.
            ("", &body, false, (0, 0, key("body"))),
            (&body, &body, true, (0, 0, vec![])),
            (&body, "", true, (0, 1, vec![])),
            ("", &rule("attachment-type = \"macro\""), false, (0, 0, key("attachment-type"))),
        ] {
            assert_eq!(run(before, after, found), want, "{before} {after}");
        }
    }

    #[test]
    fn what_is_let_through_is_told_as_well() {
        let candidate = config("[[policy]]\nname = \"default\"\nmark = 9.0\nquarantine = 9.0\n");
        let mut replay = replay(candidate);
        let held = |status: &str| {
            vec![row("a@ours.example", "quarantine", "held"), row("a@ours.example", "", status)]
        };
        replay.take(&mail(8.5, held("released")));
        replay.take(&mail(8.5, held("held")));
        let taken_back = row("a@ours.example", "", "taken-back");
        replay.take(&mail(8.5, [held("released"), vec![taken_back]].concat()));
        let report = replay.finish();
        assert_eq!(
            (report.let_through, report.let_through_held, report.let_through_released),
            (3, 3, 1)
        );
        assert_eq!((report.stopped_more, report.changed_since), (0, 0));
        assert_eq!(report.samples[0].ground, "default: it goes on as it came");
    }

    #[test]
    fn what_cannot_be_replayed_is_named() {
        let candidate = config(
            "[limits]\nconnections = 7\n[[policy]]\nname = \"default\"\nmark = 2.0\ngreylist = 2.0\n",
        );
        let replay = replay(candidate);
        assert_eq!(replay.finish().not_replayed, ["limits", "policy.greylist"]);
    }

    #[tokio::test]
    async fn the_trace_is_replayed_in_steps_and_ends_when_told() {
        let folder = tempfile::tempdir().unwrap();
        let clock = Clock::by_hand(UnixMs(10_000));
        let options = TraceOptions { keep: Duration::from_secs(60), bytes_max: 1 << 30 };
        let (trace, _) = Trace::open(folder.path(), clock.clone(), options).unwrap();
        let count = limits::REPLAY_STEP_ROWS + 10;
        for number in 0..u64::try_from(count).unwrap() {
            trace.record(TraceRow {
                id: Id::new(UnixMs(number), [1; 10]),
                organisation: Organisation::implied(),
                at: UnixMs(number),
                direction: "inbound",
                listener: String::new(),
                peer: "192.0.2.1".to_string(),
                helo: String::new(),
                tls: String::new(),
                sender: "a@shop.example".to_string(),
                bytes: 1,
                about: About::default(),
                decision: Decision {
                    action: "deliver".to_string(),
                    findings: spam(2.0),
                    ..Decision::default()
                },
                reply: String::new(),
                took: Took::default(),
                recipients: vec![TraceRecipient {
                    recipient: "a@ours.example".to_string(),
                    at: UnixMs(number),
                    status: "delivered".to_string(),
                    next_hop: String::new(),
                    said: String::new(),
                    delay_ms: 0,
                    would: String::new(),
                    action: "deliver".to_string(),
                    tls: String::new(),
                    channel: None,
                    blocked_by: None,
                }],
            });
        }
        assert_eq!(trace.retain().await.unwrap(), 0, "all of it is written");
        let begun = || {
            let candidate = config("[[policy]]\nname = \"default\"\nmark = 2.0\n");
            replay(candidate)
        };
        let watch = Watch::default();
        let whole = run(&trace, begun(), UnixMs(5), &watch).await.unwrap();
        assert_eq!(usize::try_from(whole.mails).unwrap(), count - 5);
        let (mails, reached) = (watch.mails.into_inner(), watch.reached_ms.into_inner());
        assert_eq!((mails, reached), (whole.mails, u64::try_from(count).unwrap() - 1));
        assert_eq!(whole.changes[0].then, Action::Mark);
        assert_eq!(whole.samples.len(), limits::REPLAY_SAMPLES_MAX);
        let told_to_end = Watch { end: AtomicBool::new(true), ..Watch::default() };
        let ended = run(&trace, begun(), UnixMs(0), &told_to_end).await.unwrap();
        assert_eq!(
            (usize::try_from(ended.mails).unwrap(), ended.ended_early),
            (limits::REPLAY_STEP_ROWS, true)
        );
    }
}
