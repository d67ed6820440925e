//! Rules of a policy at work: which of them hold for a mail, and what is found by that.
//!
//! What is in a mail is asked once, while it lies open ([`Held::of`]); to whom it goes and what time it is there, for each recipient
//! ([`decide`]). Invariants: a rule never takes away what demands something as malware, phish or malformed, nor what could not be looked into;
//! a sender's name eases nothing unless it is shown to be his; what is not known never eases anything.

use crate::{
    base::{
        letters::is_unseen,
        limits,
        local::{Local, TimeOfDay},
    },
    checks::{Demand, Finding, phrases::Normalised},
    config::{
        care::Care,
        lists::Entry,
        policy::{Category, FindingName, Policy},
        policy_rule::{AttachmentType, Rule, RuleAction, RuleName},
        rules::phrases::Place,
    },
    examine::{Part, PartKind, Personal},
    mail::{Address, Direction},
    verdict::{
        Verdict,
        care::{self, Means},
        decide as decide_plainly,
    },
};
use std::{
    borrow::Cow,
    collections::{BTreeSet, HashMap},
    net::IpAddr,
};

/// What rules may ask of a mail. None: nobody knows, as of a mail of the past.
#[derive(Debug, Clone)]
pub struct Seen<'a> {
    /// The addresses in From.
    pub authors: Vec<Address>,
    /// The envelope sender.
    pub sender: Option<&'a Address>,
    /// Who brought it.
    pub client: IpAddr,
    /// Did somebody who passed speak for the domain in From, or is it our own?
    pub authenticated: Option<bool>,
    /// Its subject, as [`Normalised`] makes it.
    pub subject: Option<&'a str>,
    /// What a reader sees, in the same form.
    pub body: Option<&'a str>,
    /// What is in it.
    pub parts: Option<&'a [Part]>,
    /// What personal data is in it.
    pub personal: Option<&'a [Personal]>,
    /// Of how many persons.
    pub persons: Option<u32>,
    /// Its size.
    pub bytes: Option<u64>,
    /// What the checks found.
    pub findings: &'a [Finding],
}

/// Does what is in a mail fit a rule?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Holds {
    /// All of it.
    Yes,
    /// Not all of it.
    No,
    /// It depends on what is not known.
    Unknown,
}

impl Holds {
    fn of(known: Option<bool>) -> Holds {
        match known {
            Some(true) => Holds::Yes,
            Some(false) => Holds::No,
            None => Holds::Unknown,
        }
    }

    fn and(self, other: Holds) -> Holds {
        match (self, other) {
            (Holds::No, _) | (_, Holds::No) => Holds::No,
            (Holds::Unknown, _) | (_, Holds::Unknown) => Holds::Unknown,
            (Holds::Yes, Holds::Yes) => Holds::Yes,
        }
    }
}

/// Does what is in a mail fit a rule? Recipient and time are not asked.
pub fn holds(rule: &Rule, seen: &Seen) -> Holds {
    let yes = |condition: bool| Holds::of(Some(condition));
    let client = rule.client.is_empty()
        || rule.client.iter().any(|one| match one {
            Entry::Network(network) => network.contains(&seen.client.to_canonical()),
            Entry::Address(_) | Entry::Domain(_) | Entry::Below(_) => false,
        });
    let found =
        rule.finding.is_empty() || seen.findings.iter().any(|one| names(&rule.finding, one));
    let authenticated =
        rule.authenticated.map_or(Some(true), |wanted| Some(seen.authenticated? == wanted));
    let persons = rule.persons.map_or(Some(true), |least| Some(seen.persons? >= least));
    let larger = rule.larger_than.map_or(Some(true), |size| Some(seen.bytes? > size.0));
    yes(client)
        .and(yes(found))
        .and(writer(rule, seen))
        .and(Holds::of(authenticated))
        .and(Holds::of(persons))
        .and(sure(rule, seen.personal))
        .and(Holds::of(larger))
        .and(words(&rule.subject, seen.subject))
        .and(words(&rule.body, seen.body))
        .and(attachments(rule, seen.parts))
}

/// Is it one of those who are meant? Where the rule eases something, the one author alone counts, and if it is shown that it is he: nobody sees
/// an envelope sender, and anybody can write any From.
fn writer(rule: &Rule, seen: &Seen) -> Holds {
    let is_meant = |address: &Address| rule.from.iter().any(|entry| entry.is_of(address));
    if rule.from.is_empty() {
        return Holds::Yes;
    }
    if !rule.eases() {
        let meant = seen.authors.iter().chain(seen.sender).any(is_meant);
        return Holds::of(Some(meant));
    }
    match seen.authors.as_slice() {
        [only] if is_meant(only) => Holds::of(seen.authenticated),
        _ => Holds::No,
    }
}

/// Is there personal data as sure as is asked, of a kind that is named?
fn sure(rule: &Rule, personal: Option<&[Personal]>) -> Holds {
    let Some(least) = rule.confidence else { return Holds::Yes };
    let is_named = |kind: &str| {
        let id = format!("personal.{kind}");
        rule.finding.is_empty() || rule.finding.iter().any(|name| name.is_of(&id))
    };
    let is_meant = |one: &Personal| least.is_met_by(&one.confidence) && is_named(&one.kind);
    Holds::of(personal.map(|personal| personal.iter().any(is_meant)))
}

/// Does one of these stand in a text, as whole words?
fn words(wanted: &[String], text: Option<&str>) -> Holds {
    if wanted.is_empty() {
        return Holds::Yes;
    }
    Holds::of(text.map(|text| wanted.iter().any(|word| stands_in(word, text))))
}

fn stands_in(word: &str, text: &str) -> bool {
    let word = Normalised::only(Place::Body, word);
    let word = word.text(Place::Body);
    // A word may begin with what is no letter, as "#1"; then what stands before it does not matter.
    let is_apart = |own: Option<char>, beside: Option<char>| {
        let joins = |letter: Option<char>| letter.is_some_and(char::is_alphanumeric);
        !joins(own) || !joins(beside)
    };
    let fits = |at: usize| {
        let before = text.get(..at).and_then(|before| before.chars().next_back());
        let after = text.get(at + word.len()..).and_then(|after| after.chars().next());
        is_apart(word.chars().next(), before) && is_apart(word.chars().next_back(), after)
    };
    !word.is_empty() && text.match_indices(word).any(|(at, _)| fits(at))
}

/// Is there an attachment, or a member of one, that fits name and type?
fn attachments(rule: &Rule, parts: Option<&[Part]>) -> Holds {
    let (patterns, types) = (&rule.attachment_name, &rule.attachment_type);
    if patterns.is_empty() && types.is_empty() {
        return Holds::Yes;
    }
    let fits = |part: &Part| {
        let name = shown_name(part);
        (patterns.is_empty() || patterns.iter().any(|pattern| is_like(&name, pattern)))
            && (types.is_empty() || types.iter().any(|wanted| is_a(part, *wanted)))
    };
    let saved = |part: &&Part| part.attachment || part.name.is_some();
    Holds::of(parts.map(|parts| parts.iter().filter(saved).any(fits)))
}

/// As a reader sees it: what is not seen is not asked.
fn shown_name(part: &Part) -> String {
    let name = part.name.as_deref().unwrap_or_default();
    let seen = name.chars().filter(|letter| !is_unseen(*letter));
    seen.take(limits::RULE_ATTACHMENT_NAME_LETTERS_MAX).collect()
}

/// Does a name fit a pattern in which `*` stands for any letters and `?` for one, whatever the case? Time is at most the product of both
/// lengths: only the last star is ever tried anew.
fn is_like(name: &str, pattern: &str) -> bool {
    let lower = |text: &str| text.trim().to_lowercase().chars().collect::<Vec<char>>();
    let (name, pattern) = (lower(name), lower(pattern));
    let (mut at, mut in_pattern) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while let Some(letter) = name.get(at) {
        match pattern.get(in_pattern) {
            Some('*') => {
                star = Some((in_pattern, at));
                in_pattern += 1;
            }
            Some(wanted) if *wanted == '?' || wanted == letter => {
                at += 1;
                in_pattern += 1;
            }
            Some(_) | None => {
                let Some((place, from)) = star else { return false };
                star = Some((place, from + 1));
                at = from + 1;
                in_pattern = place + 1;
            }
        }
    }
    pattern.iter().skip(in_pattern).all(|rest| *rest == '*')
}

fn is_a(part: &Part, wanted: AttachmentType) -> bool {
    use PartKind as Kind;
    match wanted {
        AttachmentType::Program => matches!(part.kind, Kind::Executable | Kind::Java),
        AttachmentType::Script => matches!(part.kind, Kind::Script | Kind::Shortcut),
        AttachmentType::Macro => part.kind == Kind::OfficeMacro,
        AttachmentType::Encrypted => part.encrypted,
        AttachmentType::Document => matches!(
            part.kind,
            Kind::Office
                | Kind::OfficeOld
                | Kind::OfficeMacro
                | Kind::OpenDocument
                | Kind::Rtf
                | Kind::OneNote
        ),
        AttachmentType::Pdf => part.kind == Kind::Pdf,
        AttachmentType::Page => part.kind == Kind::Html,
        AttachmentType::Archive => matches!(
            part.kind,
            Kind::Zip | Kind::Gzip | Kind::Tar | Kind::Archive | Kind::DiskImage
        ),
        AttachmentType::Image => part.kind == Kind::Image,
        AttachmentType::Media => part.kind == Kind::Media,
        AttachmentType::Message => matches!(part.kind, Kind::Message | Kind::Tnef),
        AttachmentType::Calendar => part.kind == Kind::Calendar,
    }
}

fn names(named: &[FindingName], finding: &Finding) -> bool {
    named.iter().any(|name| name.is_of(&finding.id))
}

/// For whom and when.
#[derive(Debug, Clone, Copy)]
pub struct Occasion<'a> {
    /// Which way, as the policy sees it.
    pub direction: Direction,
    /// To whom.
    pub recipient: &'a Address,
    /// When it came, on the clock of the organisation.
    pub at: Local,
    /// What ways there are to the recipient.
    pub means: Means,
}

/// Is the rule for this recipient, now?
pub fn is_for(rule: &Rule, occasion: &Occasion) -> bool {
    let Occasion { direction, recipient, at, means: _ } = *occasion;
    let goes = rule.direction.is_none_or(|way| way == direction);
    let to = rule.to.is_empty() || rule.to.iter().any(|entry| entry.is_of(recipient));
    let lasts = rule.until.is_none_or(|day| !at.is_after(day));
    goes && to && lasts && is_time(rule, at)
}

fn is_time(rule: &Rule, at: Local) -> bool {
    let mut weekday = at.weekday;
    if let (Some(hours), Some(now)) = (rule.hours, TimeOfDay::new(at.hour, at.minute)) {
        let over_night = hours.to < hours.from;
        let is_in = match over_night {
            false => hours.from <= now && now < hours.to,
            true => hours.from <= now || now < hours.to,
        };
        if !is_in {
            return false;
        }
        if over_night && now < hours.to {
            weekday = weekday.before();
        }
    }
    rule.weekdays.is_empty() || rule.weekdays.contains(&weekday)
}

/// The rules that what is in a mail fits, by policy.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Held(HashMap<String, BTreeSet<RuleName>>);

impl Held {
    /// Asks all rules of these policies. What is not known does not hold.
    pub fn of<'p>(policies: impl IntoIterator<Item = &'p Policy>, seen: &Seen) -> Held {
        let mut held = Held::default();
        for policy in policies {
            for (name, rule) in &policy.rules {
                if holds(rule, seen) == Holds::Yes {
                    held.add(policy, name);
                }
            }
        }
        held
    }

    /// One more.
    pub fn add(&mut self, policy: &Policy, name: &RuleName) {
        self.0.entry(policy.name.clone()).or_default().insert(name.clone());
    }

    fn has(&self, policy: &Policy, name: &RuleName) -> bool {
        self.0.get(&policy.name).is_some_and(|names| names.contains(name))
    }
}

/// Decides under a policy and its rules.
pub fn decide(findings: &[Finding], policy: &Policy, held: &Held, occasion: &Occasion) -> Verdict {
    let (mut kept, mut by_rules) = (Cow::Borrowed(findings), Vec::new());
    let mut way: Option<Care> = None;
    for (name, rule) in &policy.rules {
        if !held.has(policy, name) || !is_for(rule, occasion) {
            continue;
        }
        if rule.action == Some(RuleAction::Spare) {
            let is_spared = |finding: &Finding| is_spared(rule, finding);
            let spared: BTreeSet<&str> =
                kept.iter().filter(|one| is_spared(one)).map(|one| one.id.as_ref()).collect();
            if spared.is_empty() {
                continue;
            }
            let spared = spared.into_iter().collect::<Vec<&str>>().join(", ");
            by_rules.push(finding(policy, name, rule, &format!(" (spares {spared})")));
            kept.to_mut().retain(|finding| !is_spared(finding));
        } else {
            way = way.max(rule.action.and_then(RuleAction::care));
            by_rules.push(finding(policy, name, rule, ""));
        }
    }
    let asked = match occasion.direction {
        Direction::Outbound => care::ask(&kept, policy, way, occasion.means),
        Direction::Inbound => care::Asked::default(),
    };
    by_rules.extend(asked.finding);
    if by_rules.is_empty() {
        return decide_plainly(findings, policy, occasion.direction);
    }
    let all: Vec<Finding> = kept.iter().chain(&by_rules).cloned().collect();
    Verdict { by_rules, road: asked.road, ..decide_plainly(&all, policy, occasion.direction) }
}

/// What is dangerous by its kind is spared only where the rule says from whom, and what demands something as such never.
fn is_spared(rule: &Rule, finding: &Finding) -> bool {
    let says_from_whom = !rule.from.is_empty() || !rule.client.is_empty();
    let may_be = match finding.demands {
        None => says_from_whom || !finding.category.is_dangerous(),
        Some(Demand::Category) => !finding.category.is_dangerous(),
        // What only weighs is as it is without a demand.
        Some(Demand::AsSuspect) => says_from_whom || !finding.category.is_dangerous(),
        Some(Demand::Unscanned | Demand::AtLeast(_) | Demand::NotLookedInto(_)) => false,
    };
    may_be && names(&rule.finding, finding)
}

fn finding(policy: &Policy, name: &RuleName, rule: &Rule, more: &str) -> Finding {
    let category = if rule.eases() { Category::Trust } else { Category::Policy };
    let because = format!("{}{}{more}", in_policy(policy), rule.reason);
    let id = format!("{BEGIN}{}", name.as_str());
    let found = Finding::new(id, category, rule.weight.unwrap_or_default(), because);
    let demands = rule.action.and_then(RuleAction::at_least).map(Demand::AtLeast);
    Finding { demands, plain: Cow::Owned(rule.reason.clone()), ..found }
}

/// The rule that a finding is of; none where it is no rule's.
pub fn name_of(id: &str) -> Option<&str> {
    id.strip_prefix(BEGIN)
}

/// Was this found by a rule of this policy?
pub fn is_of(finding: &Finding, policy: &Policy, name: &RuleName) -> bool {
    name_of(&finding.id) == Some(name.as_str()) && finding.because.starts_with(&in_policy(policy))
}

fn in_policy(policy: &Policy) -> String {
    format!("policy {}: ", policy.name)
}

/// What such a finding is, for an admin.
pub const ABOUT: &str = "A rule of the policy holds for this mail.";

/// How the ids of findings by rules begin.
const BEGIN: &str = "rule.";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        base::{clock::UnixMs, local::Zone},
        checks::testing,
        config::{Config, policy::Action},
    };
    use std::path::Path;

    fn policy(rule: &str) -> Policy {
        let lines = if rule.contains("action") || rule.contains("weight") {
            rule.to_string()
        } else {
            format!("{rule}\naction = \"quarantine\"")
        };
        let text = format!(
            "hostname = \"mx.example\"\n[policy.rules.night]\nreason = \"As agreed\"\n{lines}\n"
        );
        let config = Config::parse(Path::new("x"), &text).unwrap();
        config.policies.compile().unwrap().remove("default").unwrap()
    }

    fn rule(rule: &str) -> Rule {
        policy(rule).rules.into_values().next().unwrap()
    }

    fn address(text: &str) -> Address {
        Address::parse(text).unwrap()
    }

    #[test]
    fn each_condition_alone() {
        let sender = address("bounce@post.far.example");
        let mut zip = testing::part(PartKind::Zip, "", "Faktura\u{202e} 7.ZIP");
        zip.encrypted = true;
        let parts = [
            zip,
            testing::part(PartKind::OfficeMacro, "", "a.zip/budget.docm"),
            testing::part(PartKind::Html, "", "invoice.html"),
        ];
        let findings = [
            Finding::new("attachment.macro", Category::Virus, 1.0, ""),
            Finding::new("personal.se.personnummer", Category::Privacy, 0.0, ""),
        ];
        let personal = [Personal {
            kind: "se.personnummer".to_string(),
            count: 40,
            persons: 40,
            confidence: "medium".to_string(),
            part: "1".to_string(),
            quoted: 0,
            masked: Vec::new(),
            values: Vec::new(),
            marks: Vec::new(),
        }];
        let text = Normalised::of_mail(
            "Brådskande: Café-möte",
            &[testing::text("Pay NOW to #42, thanks")],
        );
        let seen = Seen {
            authors: vec![address("Anna@far.example")],
            sender: Some(&sender),
            client: "192.0.2.7".parse().unwrap(),
            authenticated: Some(false),
            subject: Some(text.text(Place::Subject)),
            body: Some(text.text(Place::Body)),
            parts: Some(&parts),
            personal: Some(&personal),
            persons: Some(40),
            bytes: Some(2_000_000),
            findings: &findings,
        };
        for (condition, want) in [
            ("from = \"anna@far.example\"", Holds::Yes),
            ("from = \"far.example\"", Holds::Yes),
            ("from = \".far.example\"", Holds::Yes),
            ("from = [\"x.example\", \"post.far.example\"]", Holds::Yes),
            ("from = \"bo@far.example\"", Holds::No),
            ("from = \"near.example\"", Holds::No),
            ("client = \"192.0.2.0/28\"", Holds::Yes),
            ("client = \"192.0.2.8\"", Holds::No),
            ("authenticated = false", Holds::Yes),
            ("authenticated = true", Holds::No),
            ("subject = \"BRÅDSKANDE\"", Holds::Yes),
            ("subject = \"cafe\"", Holds::Yes),
            ("subject = \"bradskande\"", Holds::No),
            ("subject = \"möt\"", Holds::No),
            ("body = \"pay  now\"", Holds::Yes),
            ("body = \"#42\"", Holds::Yes),
            ("body = \"thank\"", Holds::No),
            ("body = [\"thank\", \"to\"]", Holds::Yes),
            ("attachment-name = \"faktura*.zip\"", Holds::Yes),
            ("attachment-name = \"budget.doc?\"", Holds::Yes),
            ("attachment-name = \"budget.doc\"", Holds::No),
            ("attachment-name = \"*voice*ml\"", Holds::Yes),
            ("attachment-type = \"macro\"", Holds::Yes),
            ("attachment-type = \"encrypted\"", Holds::Yes),
            ("attachment-type = [\"program\", \"pdf\"]", Holds::No),
            // The same attachment must fit both.
            ("attachment-type = \"macro\"\nattachment-name = \"*.html\"", Holds::No),
            ("finding = \"attachment.*\"", Holds::Yes),
            ("finding = \"spf.fail\"", Holds::No),
            ("persons = 40", Holds::Yes),
            ("persons = 41", Holds::No),
            ("confidence = \"medium\"", Holds::Yes),
            ("confidence = \"high\"", Holds::No),
            ("confidence = \"low\"\nfinding = \"personal.se.*\"", Holds::Yes),
            ("confidence = \"low\"\nfinding = \"attachment.macro\"", Holds::No),
            ("larger-than = \"1 MB\"", Holds::Yes),
            ("larger-than = \"2 MiB\"", Holds::No),
            ("from = \"far.example\"\nsubject = \"nothing\"", Holds::No),
            // To ease something it must be shown who writes.
            ("from = \"far.example\"\nweight = -2.0", Holds::No),
            ("from = \"post.far.example\"\nweight = 2.0", Holds::Yes),
        ] {
            assert_eq!(holds(&rule(condition), &seen), want, "{condition}");
        }
        let shown = Seen { authenticated: Some(true), ..seen.clone() };
        let eases = rule("from = \"far.example\"\nweight = -2.0");
        assert_eq!(holds(&eases, &shown), Holds::Yes);
        let two = vec![address("anna@far.example"), address("bo@near.example")];
        assert_eq!(holds(&eases, &Seen { authors: two, ..shown.clone() }), Holds::No);
        let envelope = rule("from = \"post.far.example\"\nweight = -2.0");
        assert_eq!(holds(&envelope, &shown), Holds::No, "nobody sees an envelope sender");
        // Of the past not all is known.
        let past = Seen { authenticated: None, body: None, parts: None, bytes: None, ..seen };
        for (condition, want) in [
            ("body = \"pay\"", Holds::Unknown),
            ("attachment-type = \"macro\"", Holds::Unknown),
            ("larger-than = \"1 MB\"", Holds::Unknown),
            ("from = \"far.example\"\nweight = -2.0", Holds::Unknown),
            ("body = \"pay\"\nsubject = \"nothing\"", Holds::No),
            ("from = \"far.example\"", Holds::Yes),
        ] {
            assert_eq!(holds(&rule(condition), &past), want, "{condition}");
        }
    }

    #[test]
    fn patterns_are_plain_and_never_slow() {
        for (name, pattern, want) in [
            ("a.html", "*.html", true),
            ("A.HTML", "*.html", true),
            ("a.html.exe", "*.html", false),
            ("", "*", true),
            ("", "?", false),
            ("abc", "a?c", true),
            ("abc", "a*b*c*", true),
            ("a+(b)", "a+(b)", true),
        ] {
            assert_eq!(is_like(name, pattern), want, "{name} {pattern}");
        }
        let (name, pattern) = ("a".repeat(400), format!("{}b", "a*".repeat(49)));
        assert!(!is_like(&name, &pattern));
    }

    #[test]
    fn for_whom_and_when() {
        let stockholm = Zone::parse("Europe/Stockholm").unwrap();
        let at = |text: &str| crate::base::local::read_iso(text).unwrap();
        let is_for = |condition: &str, at: UnixMs, direction| {
            let recipient = address("bo@ours.example");
            let at = stockholm.show(at);
            let means = Means::default();
            is_for(&rule(condition), &Occasion { direction, recipient: &recipient, at, means })
        };
        for (condition, moment, want) in [
            ("to = \"ours.example\"", "2026-11-27T12:00:00Z", true),
            ("to = \"anna@ours.example\"", "2026-11-27T12:00:00Z", false),
            ("direction = \"inbound\"\nto = \"ours.example\"", "2026-11-27T12:00:00Z", true),
            ("direction = \"outbound\"\nto = \"ours.example\"", "2026-11-27T12:00:00Z", false),
            // Winter: 17:30 UTC is 18:30; in summer 16:30 UTC is.
            ("hours = \"18:00-06:00\"", "2026-11-27T17:30:00Z", true),
            ("hours = \"18:00-06:00\"", "2026-11-27T16:30:00Z", false),
            ("hours = \"18:00-06:00\"", "2026-07-03T16:30:00Z", true),
            ("hours = \"18:00-06:00\"", "2026-11-28T04:59:59Z", true),
            ("hours = \"18:00-06:00\"", "2026-11-28T05:00:00Z", false),
            ("hours = \"08:00-17:00\"", "2026-11-27T07:00:00Z", true),
            ("hours = \"08:00-17:00\"", "2026-11-27T16:00:00Z", false),
            // The night when summer begins, 29 March: 02:00 to 03:00 is not there.
            ("hours = \"02:00-03:00\"", "2026-03-29T00:59:59Z", false),
            ("hours = \"02:00-03:00\"", "2026-03-29T01:00:00Z", false),
            // And when it ends, 25 October, it is there twice.
            ("hours = \"02:00-03:00\"", "2026-10-25T00:30:00Z", true),
            ("hours = \"02:00-03:00\"", "2026-10-25T01:30:00Z", true),
            // Friday 23:30 UTC is Saturday here; the 28th is one.
            ("weekdays = \"saturday\"", "2026-11-27T23:30:00Z", true),
            ("weekdays = [\"friday\", \"sunday\"]", "2026-11-27T23:30:00Z", false),
            // The night that began on Friday.
            ("weekdays = \"friday\"\nhours = \"18:00-06:00\"", "2026-11-28T02:00:00Z", true),
            ("weekdays = \"saturday\"\nhours = \"18:00-06:00\"", "2026-11-28T02:00:00Z", false),
            ("to = \"ours.example\"\nuntil = \"2026-11-27\"", "2026-11-27T22:59:59Z", true),
            ("to = \"ours.example\"\nuntil = \"2026-11-27\"", "2026-11-27T23:00:00Z", false),
        ] {
            assert_eq!(
                is_for(condition, at(moment), Direction::Inbound),
                want,
                "{condition} {moment}"
            );
        }
    }

    fn decided(policy: &Policy, findings: &[Finding], authenticated: bool) -> Verdict {
        let seen = Seen {
            authors: vec![address("anna@far.example")],
            sender: None,
            client: "192.0.2.7".parse().unwrap(),
            authenticated: Some(authenticated),
            subject: Some("hello"),
            body: Some(""),
            parts: Some(&[]),
            personal: Some(&[]),
            persons: Some(0),
            bytes: Some(1),
            findings,
        };
        let recipient = address("bo@ours.example");
        let at = Zone::utc().show(UnixMs(1_795_262_400_000));
        let means = Means::default();
        let direction = Direction::Inbound;
        let occasion = Occasion { direction, recipient: &recipient, at, means };
        decide(findings, policy, &Held::of([policy], &seen), &occasion)
    }

    #[test]
    fn a_rule_holds_mail_and_says_why() {
        let verdict = decided(&policy("subject = \"hello\""), &[], false);
        assert_eq!(verdict.action, Action::Quarantine);
        assert_eq!(
            (verdict.decided_by.as_str(), verdict.reason.as_str()),
            ("rule.night", "As agreed")
        );
        assert_eq!(verdict.ground.to_string(), "rules.night.action = \"quarantine\"");
        assert_eq!(verdict.categories, [Category::Policy]);
        assert_eq!(verdict.by_rules[0].because, "policy default: As agreed");
        assert_eq!(decided(&policy("subject = \"other\""), &[], false).action, Action::Deliver);
        let weighs = decided(&policy("subject = \"hello\"\nweight = 9.0"), &[], false);
        assert_eq!((weighs.action, weighs.score), (Action::Quarantine, 9.0));
    }

    #[test]
    fn nothing_dangerous_is_spared_and_a_name_spares_only_while_it_is_shown() {
        let found = |id: &'static str, category, weight| Finding::new(id, category, weight, "");
        let spam = found("test.spam", Category::Spam, 9.0);
        let house = found("test.house", Category::Policy, 0.0).demanding(Demand::Category);
        let virus = found("test.virus", Category::Virus, 0.0).demanding(Demand::Category);
        let phish = found("test.phish", Category::Phish, 6.5);
        let lure = found("test.lure", Category::Phish, 0.0).demanding(Demand::Category);
        let closed = found("test.closed", Category::Policy, 0.0).demanding(Demand::Unscanned);
        let blocked = found("test.blocked", Category::Policy, 0.0)
            .demanding(Demand::AtLeast(Action::Quarantine));
        let from = policy("from = \"far.example\"\nfinding = \"test.*\"\naction = \"spare\"");
        let anybody = policy("finding = \"test.*\"\naction = \"spare\"");
        for (policy, finding, authenticated, want) in [
            (&from, &spam, true, Action::Deliver),
            (&from, &spam, false, Action::Quarantine),
            (&from, &house, true, Action::Deliver),
            (&from, &phish, true, Action::Deliver),
            (&from, &phish, false, Action::Quarantine),
            (&from, &lure, true, Action::Quarantine),
            (&from, &virus, true, Action::Reject),
            (&from, &closed, true, Action::Quarantine),
            (&from, &blocked, true, Action::Quarantine),
            (&anybody, &spam, false, Action::Deliver),
            (&anybody, &phish, true, Action::Quarantine),
            (&anybody, &virus, true, Action::Reject),
        ] {
            let verdict = decided(policy, std::slice::from_ref(finding), authenticated);
            assert_eq!(verdict.action, want, "{finding:?} {authenticated}");
            let spared = verdict.by_rules.iter().any(|one| one.because.contains("(spares test."));
            assert_eq!(spared, want == Action::Deliver, "{finding:?} {:?}", verdict.by_rules);
        }
        // What the policy says of a finding is spared with it.
        let mut policy = from;
        let name = FindingName::try_from("attachment.macro".to_string()).unwrap();
        policy.inbound.findings.insert(name.clone(), Action::Quarantine);
        if let Some(rule) = policy.rules.values_mut().next() {
            rule.finding = vec![name];
        }
        let macros = found("attachment.macro", Category::Virus, 1.0);
        for (authenticated, want) in [(true, Action::Deliver), (false, Action::Quarantine)] {
            let verdict = decided(&policy, std::slice::from_ref(&macros), authenticated);
            assert_eq!(verdict.action, want);
        }
    }
}
