//! What somebody wants of a domain, by page or by the API: who may want it, each value read by the reader of `[[domain]]`, and what is
//! wrong told by its key. An empty field says nothing, so that what is said of all domains holds.

use super::{
    configuration::of_the_machine,
    holds::{From, Holds},
    operate::can,
};
use crate::{
    config::layers::{AnyDomain, Kind, Origin, Target, Value, domain_value},
    edge::{
        http::{
            rights::Right,
            visit::{Fields, Visitor},
            words::plain,
        },
        proposal::{Act, Proposal, Wanted},
    },
    mail::Domain,
    store::scope::Scope,
};
use std::collections::BTreeSet;

/// How much of a domain somebody may change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::edge::http) enum Reach {
    /// All of it, and which domains there are.
    Everything,
    /// Which of its organisation's policies an own domain has: where mail goes and who is asked is the site's.
    Policy,
    /// Nothing.
    Nothing,
}

impl Reach {
    pub(in crate::edge::http) fn of(visitor: &Visitor) -> Reach {
        match &visitor.scope {
            _ if !can(visitor, Right::Policy) => Reach::Nothing,
            Scope::Everything => Reach::Everything,
            Scope::Organisation(_) | Scope::Domains(..) => Reach::Policy,
            Scope::Mailbox(..) => Reach::Nothing,
        }
    }

    pub(super) fn has(self, key: &str) -> bool {
        match self {
            Reach::Everything => true,
            Reach::Policy => key == POLICY,
            Reach::Nothing => false,
        }
    }
}

/// What somebody wants.
#[derive(Debug, Clone)]
pub(in crate::edge::http) struct Wish {
    /// Of which domain.
    pub(in crate::edge::http) name: String,
    /// It is not there yet.
    pub(in crate::edge::http) is_new: bool,
    /// By key, the value; none: nothing is to be said there.
    pub(in crate::edge::http) values: Vec<(String, Option<toml::Value>)>,
    /// Why; may be empty.
    pub(in crate::edge::http) comment: String,
    /// The version of the stored layer that was seen.
    pub(in crate::edge::http) seen: u32,
}

/// Why a wish is none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::edge::http) enum Denied {
    /// There is no such domain for this visitor.
    NotThere,
    /// What is wrong, by key; an empty one: none by itself.
    Wrong(Vec<(String, String)>),
}

impl Denied {
    fn one(key: &str, why: impl Into<String>) -> Denied {
        Denied::Wrong(vec![(key.to_string(), why.into())])
    }
}

/// The change that a wish means; only what differs from what is stored, and nothing that the file says.
pub(in crate::edge::http) fn proposal(
    holds: &Holds,
    reach: Reach,
    wish: Wish,
) -> Result<Proposal, Denied> {
    let name = named(holds, reach, &wish)?;
    let domain = holds.domain(&name);
    let written = stored_values(holds, &name);
    let target = |keys: Vec<String>| Target { kind: Kind::Domain, name: name.clone(), keys };
    let mut values = Vec::new();
    if wish.is_new {
        values.push(Wanted { target: target(Vec::new()), act: Act::Make });
    }
    let (mut said, mut wrong) = (Vec::new(), Vec::new());
    for (key, value) in wish.values {
        let before = written.iter().find(|value| value.path == key).map(|value| &value.value);
        let here = target(vec![key.clone()]);
        if let Some(lock) = holds.merged.lock(&here) {
            // A form does not send what it shows locked.
            if let Some(value) = value.filter(|value| !holds.says(&here, value)) {
                let value = text_of(&value).replace('\n', ", ");
                wrong.push((
                    key,
                    format!("not {value}: {lock} says it, and the file wins; it is changed there"),
                ));
            }
            continue;
        }
        let read = value.map(|value| read(holds, reach, domain.as_ref(), &here, &value));
        let act = match read.transpose() {
            Err(why) => {
                wrong.push((key, why));
                continue;
            }
            Ok(None) if before.is_none() => continue,
            Ok(None) => Act::Forget,
            Ok(Some(value)) if before == Some(&value) => continue,
            Ok(Some(value)) => Act::Set(value),
        };
        said.push(match &act {
            Act::Set(value) => format!("{key} {}", text_of(value).replace('\n', ", ")),
            Act::Forget | Act::Make | Act::Add(_) | Act::TakeOut(_) => {
                format!("{key} as by default")
            }
        });
        values.push(Wanted { target: here, act });
    }
    if !wrong.is_empty() {
        return Err(Denied::Wrong(wrong));
    }
    if values.is_empty() {
        return Err(Denied::one("", "nothing would change"));
    }
    let verb = if wish.is_new { "new domain" } else { "domain" };
    let said = if said.is_empty() { "all as by default".to_string() } else { said.join(", ") };
    // What is newer than the page that was shown is not written over, whatever a form says that it has seen.
    let seen = wish.seen.min(holds.version);
    Ok(Proposal { what: format!("{verb} {name}: {said}"), comment: wish.comment, seen, values })
}

/// The change that takes a stored domain out.
pub(in crate::edge::http) fn removal(
    holds: &Holds,
    reach: Reach,
    wish: Wish,
) -> Result<Proposal, Denied> {
    if reach != Reach::Everything {
        return Err(Denied::NotThere);
    }
    let name = named(holds, reach, &Wish { is_new: false, ..wish.clone() })?;
    if let Some(place) = holds.merged.stands(Kind::Domain, &name) {
        return Err(Denied::one(
            "",
            format!("the domain {name} stands in {place}: it is removed there"),
        ));
    }
    let target = Target { kind: Kind::Domain, name: name.clone(), keys: Vec::new() };
    let values = vec![Wanted { target, act: Act::Forget }];
    let seen = wish.seen.min(holds.version);
    Ok(Proposal { what: format!("domain {name} removed"), comment: wish.comment, seen, values })
}

/// The name as it is stored, if this visitor may change or make that.
fn named(holds: &Holds, reach: Reach, wish: &Wish) -> Result<String, Denied> {
    let found = holds.domain(&wish.name);
    let origin = found.map(|domain| holds.merged.domain_origin(&domain));
    match (wish.is_new, origin) {
        (false, None) => Err(Denied::NotThere),
        _ if reach == Reach::Nothing => Err(Denied::NotThere),
        (true, _) if reach != Reach::Everything => Err(Denied::NotThere),
        (true, Some(origin)) => {
            Err(Denied::one(NAME, format!("it is a domain of ours already: {origin}")))
        }
        (true, None) | (false, Some(_)) => Domain::parse(&wish.name)
            .map(|name| name.to_string())
            .map_err(|why| Denied::one(NAME, why.to_string())),
    }
}

/// A value in the form in which it is kept, if it may be wanted.
fn read(
    holds: &Holds,
    reach: Reach,
    domain: Option<&AnyDomain<'_>>,
    target: &Target,
    value: &toml::Value,
) -> Result<toml::Value, String> {
    let key = target.keys.first().map_or("", String::as_str);
    if !reach.has(key) {
        return Err("those who look after the whole site change it".to_string());
    }
    if key == NAME {
        return Err("a domain keeps its name: add another".to_string());
    }
    if let Some(key) = of_the_machine(target, value) {
        return Err(format!(
            "{key} names something of the machine: it is set in the file, or by sluss config set"
        ));
    }
    let kept = domain_value(key, value)?;
    let may_choose = |name: &str| policies(holds, reach, domain).contains(name);
    match kept.as_str() {
        // In the words for one that is not there: whether it is another organisation's is nobody's business.
        Some(name) if key == POLICY && !may_choose(name) => {
            Err(format!("there is no policy called {name:?}"))
        }
        Some(_) | None => Ok(kept),
    }
}

/// The policies that this visitor may give to a domain: all, or those that its organisation's domains have.
fn policies<'a>(
    holds: &'a Holds,
    reach: Reach,
    domain: Option<&AnyDomain<'a>>,
) -> BTreeSet<&'a str> {
    match (reach, domain) {
        (Reach::Everything, _) => holds.policies().into_keys().collect(),
        (Reach::Policy, Some(domain)) => holds.policies_of_owner(domain),
        (Reach::Policy, None) | (Reach::Nothing, _) => BTreeSet::new(),
    }
}

/// What the stored entry of a domain says.
fn stored_values(holds: &Holds, name: &str) -> Vec<Value> {
    let mut values = holds.values(Kind::Domain, name);
    let defaults = &holds.merged.config.domain_defaults;
    // The defaults may be stored too: then their values have a version, and are not the domain's own.
    let is_default = |value: &Value| {
        let default = defaults.get(&value.path).map(|said| domain_value(&value.path, said));
        default.is_some_and(|default| default.as_ref() == Ok(&value.value))
    };
    values.retain(|value| matches!(value.origin, Origin::Stored { .. }) && !is_default(value));
    values
}

/// One field of the form.
pub(super) struct Field {
    /// Its key in the configuration, and its name in the form.
    pub(super) key: &'static str,
    pub(super) label: &'static str,
    pub(super) value: String,
    /// What holds when it is empty.
    pub(super) otherwise: String,
    /// What there is to choose from: the word, and what is shown. Empty: it is a text of several lines.
    pub(super) choices: Vec<(String, String)>,
    /// What is wrong with what was sent.
    pub(super) wrong: String,
    /// Where the file says it, so that it cannot be changed here; empty: it can.
    pub(super) locked: String,
}

/// The fields that a visitor may fill in, with what is stored or with what was sent.
pub(super) fn fields(
    holds: &Holds,
    reach: Reach,
    domain: Option<&AnyDomain<'_>>,
    sent: Option<(&Fields, &[(String, String)])>,
) -> Vec<Field> {
    let written = domain.map(|domain| stored_values(holds, domain.name)).unwrap_or_default();
    let all = domain.map(|domain| holds.values(Kind::Domain, domain.name)).unwrap_or_default();
    let is_asked =
        |key: &str| reach.has(key) && (key != "organisation" || !holds.organisations().is_empty());
    let keys = KEYS.iter().filter(|(key, _)| is_asked(key));
    keys.map(|(key, label)| {
        let target = |domain: &AnyDomain<'_>| Target {
            kind: Kind::Domain,
            name: domain.name.to_string(),
            keys: vec![key.to_string()],
        };
        let locked = domain.map(|domain| holds.value_from(&target(domain)).lock());
        let locked = locked.unwrap_or_default();
        let from = if locked.is_empty() { &written } else { &all };
        let stored = from.iter().find(|value| value.path == *key);
        let stored = stored.map(|value| text_of(&value.value)).unwrap_or_default();
        let sent = sent.filter(|(sent, _)| locked.is_empty() || !sent.get(key).is_empty());
        let value = sent.map_or(stored, |(sent, _)| sent.get(key).trim().to_string());
        let wrong = sent.and_then(|(_, wrong)| wrong.iter().find(|(at, _)| at == key));
        Field {
            key,
            label,
            otherwise: otherwise(holds, key, domain),
            choices: choices(holds, reach, key, domain, &value),
            wrong: wrong.map(|(_, why)| plain(why)).unwrap_or_default(),
            value: plain_lines(&value),
            locked,
        }
    })
    .collect()
}

/// What is wrong with no field by itself.
pub(super) fn of_no_field(wrong: &[(String, String)]) -> Option<String> {
    let is_field = |key: &str| key == NAME || KEYS.iter().any(|(own, _)| *own == key);
    let others = wrong.iter().filter(|(key, _)| !is_field(key));
    let said: Vec<String> = others
        .map(|(key, why)| if key.is_empty() { why.clone() } else { format!("{key}: {why}") })
        .collect();
    (!said.is_empty()).then(|| said.join("; "))
}

/// What holds when nothing is said.
fn otherwise(holds: &Holds, key: &str, domain: Option<&AnyDomain<'_>>) -> String {
    let defaults = &holds.merged.config.domain_defaults;
    if let Some(value) = defaults.get(key) {
        let From { place, .. } = holds.setting(&format!("domain-defaults.{key}"));
        let value = plain(&text_of(value).replace('\n', ", "));
        return format!("{value}, as domain-defaults say ({place})");
    }
    match key {
        "next-hop" => String::new(),
        "recipients" => "callout: ask the next hop".to_string(),
        "organisation" => match holds.organisations().as_slice() {
            [only] => format!("{only}, the only one"),
            [] | [_, ..] => "choose one".to_string(),
        },
        "policy" => match domain {
            Some(domain) => format!("as its organisation says: {}", holds.policy_of_owner(domain)),
            None => "as its organisation says".to_string(),
        },
        "next-hop-tls" => "opportunistic: if offered".to_string(),
        "when-away" => "spool: it waits here".to_string(),
        _ => "no".to_string(),
    }
}

fn choices(
    holds: &Holds,
    reach: Reach,
    key: &str,
    domain: Option<&AnyDomain<'_>>,
    value: &str,
) -> Vec<(String, String)> {
    let both = |word: &str, shown: &str| (word.to_string(), shown.to_string());
    let alike = |word: &str| both(word, word);
    let mut choices = match key {
        "recipients" => {
            vec![both("callout", "callout: ask the next hop"), both("any", "any: take everybody")]
        }
        "organisation" => holds.organisations().iter().map(|one| alike(one.name())).collect(),
        "policy" => policies(holds, reach, domain).into_iter().map(alike).collect(),
        "next-hop-tls" => vec![
            alike("off"),
            both("opportunistic", "opportunistic: if offered"),
            both("required", "required: or the mail waits"),
        ],
        "when-away" => {
            vec![both("spool", "spool: it waits here"), both("defer", "defer: the sender keeps it")]
        }
        "next-hop-xclient" => vec![both("true", "yes, by XCLIENT"), both("false", "no")],
        _ => return Vec::new(),
    };
    // A file with recipients, say, which no page sets, stays as it is.
    if !value.is_empty() && !choices.iter().any(|(word, _)| word == value) {
        choices.push(alike(&plain(value)));
    }
    choices
}

/// What a form says.
pub(super) fn wish(fields: &Fields, reach: Reach) -> Wish {
    let values = KEYS.iter().filter(|(key, _)| reach.has(key));
    let values = values.map(|(key, _)| {
        let text = fields.get(key).trim();
        let value = match *key {
            _ if text.is_empty() => None,
            "next-hop" => Some(toml::Value::Array(
                text.lines()
                    .map(str::trim)
                    .filter(|line| !line.is_empty())
                    .map(|line| toml::Value::String(line.to_string()))
                    .collect(),
            )),
            "next-hop-xclient" => Some(toml::Value::Boolean(text == "true")),
            _ => Some(toml::Value::String(text.to_string())),
        };
        (key.to_string(), value)
    });
    Wish {
        name: fields.get("name").trim().to_lowercase(),
        is_new: fields.get("new") == "yes",
        values: values.collect(),
        comment: super::policy_form::comment(fields),
        seen: fields.get("seen").parse().unwrap_or(0),
    }
}

/// A value as the form has it: a list has a line for each.
fn text_of(value: &toml::Value) -> String {
    match value {
        toml::Value::String(text) => text.clone(),
        toml::Value::Array(list) => list.iter().map(text_of).collect::<Vec<_>>().join("\n"),
        toml::Value::Integer(_)
        | toml::Value::Float(_)
        | toml::Value::Boolean(_)
        | toml::Value::Datetime(_)
        | toml::Value::Table(_) => value.to_string(),
    }
}

fn plain_lines(text: &str) -> String {
    text.lines().map(plain).collect::<Vec<_>>().join("\n")
}

/// The key that is the name.
pub(super) const NAME: &str = "name";
const POLICY: &str = "policy";

/// All keys of the form, and what they are called.
const KEYS: &[(&str, &str)] = &[
    ("next-hop", "Where its mail goes: next hops, one a line, tried in this order"),
    ("recipients", "Who exists there"),
    ("organisation", "Whose it is"),
    (POLICY, "Policy"),
    ("next-hop-tls", "TLS to the next hop"),
    ("when-away", "While the next hop is away"),
    ("next-hop-xclient", "Tell the next hop who brought the mail"),
];
