//! Rules of a policy by page: told in words, and a form for one of them. What is sent is a value of the policy, and goes the way of all of them:
//! tried first, or stored as a version with a reason.

use super::{
    holds::{From, Holds, in_address, may_change},
    operate::{back, not_found, sentence},
    policy::{PATH, carry_out, page, page_of},
    policy_form::comment,
};
use crate::{
    base::{letters::one_line, limits},
    config::{
        layers::{Kind, Target},
        policy::Policy,
        policy_rule::{Rule, RuleAction, RuleName},
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
use serde::Deserialize;
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
    let target = |rule: &RuleName| Target {
        kind: Kind::Policy,
        name: policy_name.to_string(),
        keys: vec!["rules".to_string(), rule.as_str().to_string()],
    };
    let row = |(name, rule): (&RuleName, &Rule)| RuleRow {
        from: rule_from(holds, &target(name)),
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
}

impl RuleForm {
    /// For a rule of this policy, or a new one where there is none of this name.
    pub(super) fn of(policy: &Policy, name: &str) -> RuleForm {
        let rule = policy.rules.iter().find(|(one, _)| one.as_str() == name);
        RuleForm {
            name: rule.map(|(name, _)| name.as_str().to_string()).unwrap_or_default(),
            wanted: String::new(),
            parts: parts(|key| rule.map_or_else(String::new, |(_, rule)| value_of(rule, key))),
            open: rule.is_some(),
            comment: String::new(),
        }
    }

    /// With what was sent and could not be stored.
    fn sent(fields: &Fields) -> RuleForm {
        let name = plain(fields.get("rule").trim());
        let is_new = fields.get("new") == "yes";
        RuleForm {
            name: if is_new { String::new() } else { name.clone() },
            wanted: name,
            parts: parts(|key| plain_lines(fields.get(key))),
            open: true,
            comment: comment(fields),
        }
    }
}

fn plain_lines(text: &str) -> String {
    text.lines().map(plain).collect::<Vec<_>>().join("\n")
}

fn parts(value: impl Fn(&str) -> String) -> Vec<RulePart> {
    let field = |line: &Line| RuleField {
        key: line.key,
        label: line.label,
        example: line.example,
        value: value(line.key),
        choices: line.choices,
        lines: line.form == Form::Lines,
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
                &["mark", "quarantine", "reject", "spare"],
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

/// The rule that was written in a form, as it is stored.
fn written(fields: &Fields) -> Result<toml::Table, String> {
    let mut table = toml::Table::new();
    for line in PARTS.iter().flat_map(|(_, lines)| lines.iter()) {
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
            Form::Number => {
                // A comma is what much of Europe writes.
                let number = text.replace(',', ".").parse::<f64>();
                toml::Value::Float(
                    number.map_err(|_| format!("{}: {text:?} is no number", line.label))?,
                )
            }
        };
        table.insert(line.key.to_string(), value);
    }
    match Rule::deserialize(toml::Value::Table(table.clone())) {
        Ok(_) => Ok(table),
        Err(error) => Err(error.message().trim().to_string()),
    }
}

/// What a form proposes.
fn proposal_of(policy_name: &str, policy: &Policy, fields: &Fields) -> Result<Proposal, String> {
    let name =
        RuleName::try_from(fields.get("rule").trim().to_string()).map_err(|why| why.to_string())?;
    let (is_new, remove) = (fields.get("new") == "yes", fields.get("remove") == "yes");
    let before = policy.rules.get(&name);
    let target = |keys: &[&str]| Target {
        kind: Kind::Policy,
        name: policy_name.to_string(),
        keys: keys.iter().map(ToString::to_string).collect(),
    };
    let (act, what) = match (before, is_new) {
        (Some(_), true) => return Err(format!("there is a rule {} already", name.as_str())),
        (None, false) => return Err(format!("there is no rule {} any more", name.as_str())),
        (Some(_), false) if remove => (Act::Forget, "is taken away".to_string()),
        (before, _) => {
            let table = written(fields)?;
            let rule = Rule::deserialize(toml::Value::Table(table.clone()));
            let rule = rule.map_err(|error| error.message().to_string())?;
            if before == Some(&rule) {
                return Err("nothing would change".to_string());
            }
            (Act::Set(toml::Value::Table(table)), told(&rule))
        }
    };
    Ok(Proposal {
        what: format!("policy {policy_name}, rule {}: {what}", name.as_str()),
        comment: comment(fields),
        seen: fields.get("seen").parse().unwrap_or(0),
        values: vec![
            Wanted { target: target(&[]), act: Act::Make },
            Wanted { target: target(&["rules", name.as_str()]), act },
        ],
    })
}

async fn set(State(site): State<Place>, visitor: Visitor, fields: Fields) -> Response {
    let name = fields.get("name").trim().to_string();
    if !may_change(&visitor) {
        return not_found(&site, &visitor, "policy");
    }
    let holds = match Holds::read(&site, &visitor).await {
        Ok(holds) => holds,
        Err(why) => return back(&site, &visitor, PATH, Note::failed(sentence(&why))),
    };
    let Some(policy) = holds.policy(&name) else {
        return not_found(&site, &visitor, "policy");
    };
    let answer = match proposal_of(&name, policy, &fields) {
        Ok(proposal) => carry_out(&site, &visitor, &fields, proposal, &page_of(&name)).await,
        Err(why) => Err(why),
    };
    answer.unwrap_or_else(|why| {
        // What was written stands in the form again.
        let Some(mut page) = page(&site, &visitor, &holds, &name, None) else {
            return not_found(&site, &visitor, "policy");
        };
        page.frame.note = Some(Note::failed(sentence(&plain(&why))));
        page.rule = RuleForm::sent(&fields);
        (StatusCode::UNPROCESSABLE_ENTITY, render(&page)).into_response()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn form(text: &str) -> Fields {
        Fields::read(text.as_bytes())
    }

    fn with(fields: &str) -> Policy {
        let table = written(&form(fields)).unwrap();
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
        assert_eq!((keys, new.seen), (vec![String::new(), "rules.day".to_string()], 3));
        assert!(new.what.starts_with("policy strict, rule day: From .far.example"), "{}", new.what);
        let gone = propose("rule=night&remove=yes").unwrap();
        assert_eq!(gone.values[1].act, Act::Forget);
        assert_eq!(gone.what, "policy strict, rule night: is taken away");
        for (more, part) in [
            ("rule=night&new=yes", "already"),
            ("rule=night", "nothing would change"),
            ("rule=other", "no rule other any more"),
            ("rule=A+b&new=yes", "no name of a rule"),
        ] {
            let why = propose(more).unwrap_err();
            assert!(why.contains(part), "{more}: {why}");
        }
        for (sent, part) in [
            ("reason=x&from=a.example", "needs action"),
            ("reason=x&from=a+b&action=mark", "is no sender"),
            ("reason=x&from=a.example&weight=much", "is no number"),
            ("from=a.example&action=mark", "reason"),
            ("reason=x&action=mark", "every mail"),
        ] {
            let why = proposal_of("strict", &policy, &form(&format!("rule=day&new=yes&{sent}")));
            assert!(why.as_ref().is_err_and(|why| why.contains(part)), "{sent}: {why:?}");
        }
    }
}
