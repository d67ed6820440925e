//! Rules of a policy by page: told in words, and a form for one of them. What is sent is a value of the policy, and goes the way of all of them:
//! tried first, or stored as a version with a reason.

use super::{
    holds::{From, Holds, in_address},
    operate::{back, not_found, sentence},
    policy::{PATH, carry_out, may_change_one, page, page_of, wrong_of},
    policy_form::{Sent, comment, note_of, wrong_with},
};
use crate::{
    base::{letters::one_line, limits},
    config::{
        layers::{Kind, Target},
        nearest,
        policy::Policy,
        policy_rule::{NotRead, Rule, RuleAction, RuleMistake, RuleName, read_rule},
    },
    edge::{
        http::{
            Needs, Place, Route,
            frame::{Note, render},
            rights::Right,
            visit::{Fields, Visitor},
            words::plain,
        },
        proposal::{Act, Proposal, Wanted},
    },
    mail::Direction,
};
use axum::{
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::post,
};
use std::fmt::Display;

pub(in crate::edge::http) const ROUTES: &[Route] = &[Route::act(
    "/policy/rule/set",
    "try or store a rule of a policy",
    Needs::Right(Right::Policy),
    || post(set),
)];

/// A rule in a list.
pub(super) struct RuleRow {
    pub(super) name: String,
    /// What it asks and what it does, in words.
    pub(super) told: String,
    pub(super) reason: String,
    /// The page on which it can be changed.
    pub(super) href: String,
    pub(super) from: From,
}

/// All rules of a policy.
pub(super) fn rows(holds: &Holds, policy_name: &str, policy: &Policy) -> Vec<RuleRow> {
    let row = |(name, rule): (&RuleName, &Rule)| RuleRow {
        from: rule_from(holds, &target_of(policy_name, name.as_str())),
        name: name.as_str().to_string(),
        told: plain(&told(rule)),
        reason: plain(&rule.reason),
        href: format!("{}?rule={}#rule", page_of(policy_name), in_address(name.as_str())),
    };
    policy.rules.iter().map(row).collect()
}

/// Where a rule is from: all of it is from one place.
fn rule_from(holds: &Holds, target: &Target) -> From {
    if let Some(lock) = holds.merged.lock(target) {
        return From::of(&lock);
    }
    let start = format!("{}.", target.keys.join("."));
    let values = holds.values(target.kind, &target.name);
    let own = values.iter().find(|value| value.path.starts_with(&start));
    own.map_or_else(From::default, |value| From::of(&value.origin))
}

/// A rule in words: "From .example, between 18:00 and 06:00: hold".
fn told(rule: &Rule) -> String {
    fn any<T: Display>(before: &str, of: impl IntoIterator<Item = T>) -> Option<String> {
        let of: Vec<String> = of.into_iter().map(|one| one.to_string()).collect();
        (!of.is_empty()).then(|| format!("{before}{}", of.join(" or ")))
    }
    let quoted =
        |words: &[String]| words.iter().map(|word| format!("\"{word}\"")).collect::<Vec<_>>();
    let listed = |key: &str| {
        value_of(rule, key)
            .split('\n')
            .filter(|one| !one.is_empty())
            .map(str::to_string)
            .collect::<Vec<_>>()
    };
    let authenticated = |is: bool| match is {
        true => "by a sender who is authenticated",
        false => "by a sender who is not authenticated",
    };
    let conditions = [
        rule.direction.map(|way| match way {
            Direction::Inbound => "mail from the world".to_string(),
            Direction::Outbound => "mail to the world".to_string(),
        }),
        any("from ", &rule.from),
        any("to ", &rule.to),
        any("by client ", &rule.client),
        rule.authenticated.map(|is| authenticated(is).to_string()),
        any("with the subject ", quoted(&rule.subject)),
        any("with the words ", quoted(&rule.body)),
        any("with an attachment called ", quoted(&rule.attachment_name)),
        any("with an attachment of type ", listed("attachment-type")),
        any("with the finding ", rule.finding.iter().map(|name| name.as_str())),
        rule.confidence
            .map(|least| format!("with personal data of confidence {} or more", least.word())),
        rule.persons.map(|least| format!("with personal data of {least} persons or more")),
        rule.larger_than.map(|size| format!("larger than {}", String::from(size))),
        rule.hours.map(|hours| format!("between {} and {}", hours.from, hours.to)),
        any("on ", listed("weekdays")),
        rule.until.map(|day| format!("until {day}")),
    ];
    let conditions: Vec<String> = conditions.into_iter().flatten().collect();
    let conditions = one_line(&conditions.join(", "), limits::RULE_TOLD_LETTERS);
    let told = sentence(&format!("{conditions}: {}", does(rule)));
    told.trim_end_matches('.').to_string()
}

fn does(rule: &Rule) -> String {
    match (rule.action, rule.weight) {
        (Some(RuleAction::Mark), _) => "mark".to_string(),
        (Some(RuleAction::Quarantine), _) => "hold".to_string(),
        (Some(RuleAction::Reject), _) => "refuse".to_string(),
        (Some(RuleAction::Proven), _) => "it leaves over a proven channel".to_string(),
        (Some(RuleAction::Protected), _) => "it leaves encrypted for its reader".to_string(),
        (Some(RuleAction::Approved), _) => "somebody approves it first".to_string(),
        (Some(RuleAction::Spare), _) => "that finding leads to nothing".to_string(),
        (None, Some(weight)) if weight < 0.0 => format!("{} off the score", -weight),
        (None, weight) => format!("{} to the score", weight.unwrap_or_default()),
    }
}

/// What a rule says under a key, a line for each value.
fn value_of(rule: &Rule, key: &str) -> String {
    let table = toml::Table::try_from(rule).unwrap_or_default();
    let one = |value: &toml::Value| super::policy_form::shown(value);
    match table.get(key) {
        None => String::new(),
        Some(toml::Value::Array(list)) => list.iter().map(one).collect::<Vec<_>>().join("\n"),
        Some(toml::Value::Boolean(true)) => "yes".to_string(),
        Some(toml::Value::Boolean(false)) => "no".to_string(),
        Some(value) => one(value),
    }
}

/// The form of a rule.
pub(super) struct RuleForm {
    /// The rule that is changed; empty for a new one.
    pub(super) name: String,
    /// What a new one is to be called, as it was sent.
    pub(super) wanted: String,
    pub(super) name_wrong: String,
    pub(super) parts: Vec<RulePart>,
    pub(super) open: bool,
    pub(super) comment: String,
}

/// Fields that belong together.
pub(super) struct RulePart {
    pub(super) title: &'static str,
    pub(super) fields: Vec<RuleField>,
}

/// One field.
pub(super) struct RuleField {
    pub(super) key: &'static str,
    pub(super) label: &'static str,
    pub(super) example: &'static str,
    pub(super) value: String,
    /// What there is to choose from, with what an empty choice means before it.
    pub(super) choices: &'static [&'static str],
    pub(super) lines: bool,
    /// Never: a rule of the file has no form.
    pub(super) locked: &'static str,
    /// What is wrong with what was sent.
    pub(super) wrong: String,
}

impl RuleForm {
    /// For a rule of this policy, or a new one where there is none of this name.
    pub(super) fn of(policy: &Policy, name: &str) -> RuleForm {
        let rule = policy.rules.iter().find(|(one, _)| one.as_str() == name);
        RuleForm {
            name: rule.map(|(name, _)| name.as_str().to_string()).unwrap_or_default(),
            wanted: String::new(),
            name_wrong: String::new(),
            parts: parts(
                |key| rule.map_or_else(String::new, |(_, rule)| value_of(rule, key)),
                None,
            ),
            open: rule.is_some(),
            comment: String::new(),
        }
    }

    /// With what was sent and could not be stored, and what is wrong with it.
    fn sent(fields: &Fields, wrong: &[(String, String)]) -> RuleForm {
        let name = plain(fields.get("rule").trim());
        let is_new = fields.get("new") == "yes";
        RuleForm {
            name: if is_new { String::new() } else { name.clone() },
            wanted: name,
            name_wrong: wrong_with(Some((fields, wrong)), NAME),
            parts: parts(|key| plain_lines(fields.get(key)), Some((fields, wrong))),
            open: true,
            comment: comment(fields),
        }
    }
}

fn plain_lines(text: &str) -> String {
    text.lines().map(plain).collect::<Vec<_>>().join("\n")
}

fn parts(value: impl Fn(&str) -> String, sent: Sent<'_>) -> Vec<RulePart> {
    let field = |line: &Line| RuleField {
        key: line.key,
        label: line.label,
        example: line.example,
        value: value(line.key),
        choices: line.choices,
        lines: line.form == Form::Lines,
        locked: "",
        wrong: wrong_with(sent, line.key),
    };
    let part = |(title, lines): &(&'static str, &[Line])| RulePart {
        title,
        fields: lines.iter().map(field).collect(),
    };
    PARTS.iter().map(part).collect()
}

/// How a value is written.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    Text,
    Lines,
    YesOrNo,
    Number,
    Whole,
}

struct Line {
    key: &'static str,
    label: &'static str,
    example: &'static str,
    form: Form,
    choices: &'static [&'static str],
}

const fn line(key: &'static str, label: &'static str, example: &'static str, form: Form) -> Line {
    Line { key, label, example, form, choices: &[] }
}

const fn choice(
    key: &'static str,
    label: &'static str,
    empty: &'static str,
    form: Form,
    choices: &'static [&'static str],
) -> Line {
    Line { key, label, example: empty, form, choices }
}

/// The form: where it has several lines, each is an alternative.
const PARTS: &[(&str, &[Line])] = &[
    (
        "Who",
        &[
            line(
                "from",
                "From: addresses, domains, .domain with all below it",
                ".far.example",
                Form::Lines,
            ),
            line("to", "To", "anna@ours.example", Form::Lines),
            line("client", "Client networks", "192.0.2.0/24", Form::Lines),
            choice("direction", "Which way", "both ways", Form::Text, &["inbound", "outbound"]),
            choice(
                "authenticated",
                "Is the sender authenticated?",
                "does not matter",
                Form::YesOrNo,
                &["yes", "no"],
            ),
        ],
    ),
    (
        "What",
        &[
            line("subject", "Words in the subject", "urgent payment", Form::Lines),
            line("body", "Words in the text", "gift card", Form::Lines),
            line(
                "attachment-name",
                "Name of an attachment; * any letters, ? one",
                "invoice*.html",
                Form::Lines,
            ),
            line("attachment-type", "Type of an attachment", "macro", Form::Lines),
            line("finding", "Findings", "attachment.*", Form::Lines),
            line("persons", "Personal data of so many persons", "10", Form::Whole),
            choice(
                "confidence",
                "Personal data, found with confidence",
                "does not matter",
                Form::Text,
                &["low", "medium", "high"],
            ),
            line("larger-than", "Larger than", "10 MiB", Form::Text),
        ],
    ),
    (
        "When, on the organisation's clock",
        &[
            line("hours", "Between", "18:00-06:00", Form::Text),
            line("weekdays", "Days", "saturday", Form::Lines),
            line("until", "Until the end of", "2026-12-31", Form::Text),
        ],
    ),
    (
        "What it leads to",
        &[
            choice(
                "action",
                "Do at least",
                "nothing, but add to the score",
                Form::Text,
                &["mark", "quarantine", "reject", "proven", "protected", "approved", "spare"],
            ),
            line("weight", "Or add to the score, -5 to 15", "2.5", Form::Number),
            line(
                "reason",
                "Reason, as people read it",
                "Held until somebody is at work",
                Form::Text,
            ),
        ],
    ),
];

/// What a key of a rule is called in the form.
pub(super) fn label_of(key: &str) -> Option<&'static str> {
    lines().find(|line| line.key == key).map(|line| line.label)
}

fn lines() -> impl Iterator<Item = &'static Line> {
    PARTS.iter().flat_map(|(_, lines)| lines.iter())
}

/// The rule that was written in a form, as it is stored; or what is wrong, by key.
fn written(fields: &Fields) -> Result<(toml::Table, Rule), Vec<(String, String)>> {
    let mut table = toml::Table::new();
    for line in lines() {
        let text = fields.get(line.key).trim();
        if text.is_empty() {
            continue;
        }
        let value = match line.form {
            Form::Text => toml::Value::String(text.to_string()),
            Form::YesOrNo => toml::Value::Boolean(text == "yes"),
            Form::Lines => {
                let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
                toml::Value::Array(lines.map(|line| line.to_string().into()).collect())
            }
            // A comma is what much of Europe writes; what is no number is told with the rest.
            Form::Whole => match text.parse::<i64>() {
                Ok(number) => toml::Value::Integer(number),
                Err(_) => toml::Value::String(text.to_string()),
            },
            Form::Number => match text.replace(',', ".").parse::<f64>() {
                Ok(number) => toml::Value::Float(number),
                Err(_) => toml::Value::String(text.to_string()),
            },
        };
        table.insert(line.key.to_string(), value);
    }
    match read_rule(&table) {
        Ok(rule) => Ok((table, rule)),
        Err(wrong) => Err(wrong
            .into_iter()
            .map(|(key, why)| {
                let why = in_form_words(&key, fields.get(&key), why);
                (key, why)
            })
            .collect()),
    }
}

/// What is wrong with a value, in the words of the form.
fn in_form_words(key: &str, text: &str, why: NotRead) -> String {
    let label = |key: &str| format!("\u{201c}{}\u{201d}", label_of(key).unwrap_or(key));
    match why {
        NotRead::Value(_) if key == "weight" => format!("{text:?} is no number"),
        NotRead::Value(why) => match key {
            "weekdays" => no_such(text, "day", &DAYS),
            "attachment-type" => no_such(text, "type of an attachment", &TYPES),
            _ => why,
        },
        NotRead::Whole(RuleMistake::DoesNothing) => {
            format!("choose what is done at least, or write a number in {}", label("weight"))
        }
        NotRead::Whole(RuleMistake::DoesTwo) => {
            "choose what is done at least or write a number here, not both".to_string()
        }
        NotRead::Whole(RuleMistake::SparesNothing) => {
            "name the findings that are to lead to nothing".to_string()
        }
        NotRead::Whole(RuleMistake::Weight(weight)) => format!(
            "{weight} does nothing or too much: write a number from -{} to {}, not 0",
            limits::RULE_EASES_MAX,
            limits::RULE_WEIGHT_MAX
        ),
        NotRead::Whole(RuleMistake::TooMany { .. }) => {
            format!("at most {} lines: divide the rule", limits::RULE_VALUES_MAX)
        }
        NotRead::Whole(RuleMistake::Reason) => format!(
            "write one sentence of up to {} letters without accents: it stands in header fields and replies",
            limits::RULE_REASON_LETTERS_MAX
        ),
        NotRead::Whole(RuleMistake::Network { text, .. }) => {
            format!("{text} is a network: write it in {}", label("client"))
        }
        NotRead::Whole(RuleMistake::NoNetwork { text }) => {
            format!(
                "{text} is no network, such as 192.0.2.0/24: write a sender in {}",
                label("from")
            )
        }
        NotRead::Whole(RuleMistake::EveryMail) => {
            "the rule would hold for every mail: say who, what or when".to_string()
        }
        NotRead::Whole(same @ (RuleMistake::Length { .. } | RuleMistake::NoWord { .. })) => {
            same.to_string()
        }
    }
}

/// Which of some lines is none of the words that there are, and which may be meant.
fn no_such(text: &str, what: &str, known: &[&str]) -> String {
    let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let odd = lines.find(|line| !known.contains(line)).unwrap_or(text);
    match nearest(odd, known.iter().copied()) {
        Some(near) => format!("{odd:?} is no {what}: did you mean {near}?"),
        None => format!("{odd:?} is no {what}: write {}", known.join(", ")),
    }
}

const DAYS: [&str; 7] =
    ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];

const TYPES: [&str; 12] = [
    "program",
    "script",
    "macro",
    "encrypted",
    "document",
    "pdf",
    "page",
    "archive",
    "image",
    "media",
    "message",
    "calendar",
];

/// The field of what a rule is called.
const NAME: &str = "rule";

fn is_field(key: &str) -> bool {
    key == NAME || label_of(key).is_some()
}

/// What a form proposes; or what is wrong, by key.
fn proposal_of(
    policy_name: &str,
    policy: &Policy,
    fields: &Fields,
) -> Result<Proposal, Vec<(String, String)>> {
    let one = |key: &str, why: String| vec![(key.to_string(), why)];
    let name = RuleName::try_from(fields.get(NAME).trim().to_string())
        .map_err(|why| one(NAME, why.to_string()))?;
    let (is_new, remove) = (fields.get("new") == "yes", fields.get("remove") == "yes");
    let before = policy.rules.get(&name);
    let (act, what) = match (before, is_new) {
        (Some(_), true) => {
            return Err(one(NAME, format!("there is a rule {} already", name.as_str())));
        }
        (None, false) => {
            return Err(one("", format!("there is no rule {} any more", name.as_str())));
        }
        (Some(_), false) if remove => (Act::Forget, "is taken away".to_string()),
        (before, _) => {
            let (table, rule) = written(fields)?;
            if before == Some(&rule) {
                return Err(one("", "nothing would change".to_string()));
            }
            (Act::Set(toml::Value::Table(table)), told(&rule))
        }
    };
    Ok(Proposal {
        what: format!("policy {policy_name}, rule {}: {what}", name.as_str()),
        comment: comment(fields),
        seen: fields.get("seen").parse().unwrap_or(0),
        values: vec![Wanted { target: target_of(policy_name, name.as_str()), act }],
    })
}

fn target_of(policy_name: &str, rule: &str) -> Target {
    Target {
        kind: Kind::Policy,
        name: policy_name.to_string(),
        keys: vec!["rules".to_string(), rule.to_string()],
    }
}

async fn set(State(site): State<Place>, visitor: Visitor, fields: Fields) -> Response {
    let name = fields.get("name").trim().to_string();
    let holds = match Holds::read(&site, &visitor).await {
        Ok(holds) => holds,
        Err(why) => return back(&site, &visitor, PATH, Note::failed(sentence(&why))),
    };
    let policy = holds.policy(&name).filter(|_| may_change_one(&visitor, &holds, &name));
    let Some(policy) = policy else {
        return not_found(&site, &visitor, "policy");
    };
    let answer = match proposal_of(&name, policy, &fields) {
        Ok(proposal) => carry_out(&site, &visitor, &fields, proposal, &page_of(&name))
            .await
            .map_err(|why| vec![within_rule(wrong_of(&name, why), fields.get(NAME).trim())]),
        Err(wrong) => Err(wrong),
    };
    answer.unwrap_or_else(|wrong| {
        // What was written stands in the form again, and what is wrong stands beside it.
        let Some(mut page) = page(&site, &visitor, &holds, &name, None) else {
            return not_found(&site, &visitor, "policy");
        };
        page.frame.note = Some(Note::failed(note_of(&wrong, is_field)));
        page.rule = RuleForm::sent(&fields, &wrong);
        (StatusCode::UNPROCESSABLE_ENTITY, render(&page)).into_response()
    })
}

/// The key in a rule of what is wrong with its policy.
fn within_rule((key, why): (String, String), rule: &str) -> (String, String) {
    let inside = key.strip_prefix(&format!("rules.{rule}."));
    (inside.unwrap_or(&key).to_string(), why)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;

    fn form(text: &str) -> Fields {
        Fields::read(text.as_bytes())
    }

    fn with(fields: &str) -> Policy {
        let (table, _) = written(&form(fields)).unwrap();
        let name = RuleName::try_from("night".to_string()).unwrap();
        let rule = Rule::deserialize(toml::Value::Table(table)).unwrap();
        Policy { rules: [(name, rule)].into(), ..Policy::default() }
    }

    const NIGHT: &str = "from=.far.example%0D%0Ashop.example&hours=18:00-06:00&action=quarantine&reason=Somebody+must+be+at+work&authenticated=no";

    #[test]
    fn a_rule_is_told_in_words_and_stands_in_its_form() {
        let policy = with(NIGHT);
        let night = told(&policy.rules[&RuleName::try_from("night".to_string()).unwrap()]);
        assert_eq!(
            night,
            "From .far.example or shop.example, by a sender who is not authenticated, between 18:00 and 06:00: hold"
        );
        let form = RuleForm::of(&policy, "night");
        let value = |key: &str| {
            let mut fields = form.parts.iter().flat_map(|part| &part.fields);
            fields.find(|field| field.key == key).map(|field| field.value.clone()).unwrap()
        };
        assert!(form.open && form.name == "night");
        assert_eq!(value("from"), ".far.example\nshop.example");
        assert_eq!((value("authenticated"), value("action")), ("no".into(), "quarantine".into()));
        assert!(!RuleForm::of(&policy, "day").open);
        let all = with(
            "direction=inbound&to=ours.example&client=192.0.2.0/24&subject=now&body=gift+card&attachment-name=*.html&attachment-type=macro%0Aencrypted\
             &finding=attachment.*&larger-than=10+MiB&weekdays=saturday&until=2026-12-31&weight=2,5&reason=x",
        );
        let told = told(&all.rules[&RuleName::try_from("night".to_string()).unwrap()]);
        for part in [
            "Mail from the world, to ours.example, by client 192.0.2.0/24",
            "with the subject \"now\", with the words \"gift card\", with an attachment called \"*.html\"",
            "of type macro or encrypted, with the finding attachment.*, larger than 10 MiB, on saturday, until 2026-12-31: 2.5 to the score",
        ] {
            assert!(told.contains(part), "{part:?} is missing in {told}");
        }
    }

    #[test]
    fn a_long_rule_is_told_shortly_and_what_it_does_to_the_end() {
        let words = "gift+card+".repeat(9);
        let words = format!("{words}%0A").repeat(limits::RULE_VALUES_MAX);
        let policy = with(&format!("body={words}&action=reject&reason=x"));
        let told = told(&policy.rules[&RuleName::try_from("night".to_string()).unwrap()]);
        assert!(told.chars().count() < limits::RULE_TOLD_LETTERS + 20, "{told}");
        assert!(told.ends_with("…: refuse"), "{told}");
    }

    #[test]
    fn every_key_of_a_rule_is_in_the_form() {
        let table = toml::Table::try_from(
            Rule::deserialize(toml::Value::Table(
                "direction = \"inbound\"\nfrom = \"a.example\"\nto = \"a.example\"\nclient = \"192.0.2.1\"\nauthenticated = true\nsubject = \"a\"\nbody = \"a\"\n\
                 attachment-name = \"a\"\nattachment-type = \"pdf\"\nfinding = \"a.b\"\nlarger-than = \"1 MiB\"\nhours = \"01:00-02:00\"\nweekdays = \"friday\"\n\
                 until = \"2026-12-31\"\naction = \"mark\"\nreason = \"x\""
                    .parse()
                    .unwrap(),
            ))
            .unwrap(),
        );
        let lines: Vec<&str> =
            PARTS.iter().flat_map(|(_, lines)| lines.iter()).map(|line| line.key).collect();
        for key in table.unwrap().keys() {
            assert!(lines.contains(&key.as_str()), "{key}");
        }
    }

    #[test]
    fn a_form_proposes_one_rule() {
        let policy = with(NIGHT);
        let propose = |more: &str| {
            proposal_of("strict", &policy, &form(&format!("{NIGHT}&seen=3&comment=why&{more}")))
        };
        let new = propose("rule=day&new=yes").unwrap();
        let keys: Vec<String> = new.values.iter().map(|one| one.target.keys.join(".")).collect();
        assert_eq!((keys, new.seen), (vec!["rules.day".to_string()], 3));
        assert!(new.what.starts_with("policy strict, rule day: From .far.example"), "{}", new.what);
        let gone = propose("rule=night&remove=yes").unwrap();
        assert_eq!(gone.values[0].act, Act::Forget);
        assert_eq!(gone.what, "policy strict, rule night: is taken away");
        for (more, at, part) in [
            ("rule=night&new=yes", "rule", "already"),
            ("rule=night", "", "nothing would change"),
            ("rule=other", "", "no rule other any more"),
            ("rule=A+b&new=yes", "rule", "no name of a rule"),
        ] {
            let wrong = propose(more).unwrap_err();
            assert!(wrong[0].0 == at && wrong[0].1.contains(part), "{more}: {wrong:?}");
        }
        for (sent, at, part) in [
            (
                "reason=x&from=a.example",
                "action",
                "choose what is done at least, or write a number in \u{201c}Or add",
            ),
            ("reason=x&from=a.example&action=mark&weight=1", "weight", "not both"),
            ("reason=x&from=a+b&action=mark", "from", "is no sender"),
            (
                "reason=x&from=192.0.2.0/24&action=mark",
                "from",
                "write it in \u{201c}Client networks",
            ),
            ("reason=x&client=a.example&action=mark", "client", "write a sender in \u{201c}From"),
            ("reason=x&from=a.example&weight=much", "weight", "is no number"),
            ("reason=x&from=a.example&weight=99", "weight", "-5 to 15"),
            ("from=a.example&action=mark", "reason", "one sentence"),
            ("reason=x&action=mark", "from", "every mail"),
            ("reason=x&action=mark&weekdays=satturday", "weekdays", "did you mean saturday?"),
            (
                "reason=x&action=mark&attachment-type=word",
                "attachment-type",
                "write program, script",
            ),
            ("reason=x&action=mark&hours=18-06", "hours", "18:00-06:00"),
            ("reason=x&action=mark&until=soon&from=a.example", "until", "2026-12-31"),
            ("reason=x&action=mark&finding=macro", "finding", "attachment.macro"),
            ("reason=x&action=mark&larger-than=big", "larger-than", "big"),
        ] {
            let wrong = proposal_of("strict", &policy, &form(&format!("rule=day&new=yes&{sent}")));
            let wrong = wrong.unwrap_err();
            assert!(wrong[0].0 == at && wrong[0].1.contains(part), "{sent}: {wrong:?}");
            for raw in ["action =", "weight =", "finding =", "unknown variant"] {
                assert!(!wrong[0].1.contains(raw), "{sent}: {wrong:?}");
            }
        }
        let both =
            proposal_of("strict", &policy, &form("rule=day&new=yes&hours=x&until=y")).unwrap_err();
        assert_eq!(both.len(), 2, "all that does not read is told at once: {both:?}");
    }
}
