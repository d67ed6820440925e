//! The form of a policy: its fields from what is written, and what is sent back to values. An empty field says nothing, so the default
//! holds. What is said of one direction alone wins there over what is said of both.

use super::{holds::From, operate::sentence};
use crate::{
    config::{
        care::{Care, Tell},
        layers::{Kind, Target, Value},
        organisation::Role,
        policy::{Action, FindingName, KeepRejected, Leaves, Mode, Policy},
    },
    edge::{
        http::{visit::Fields, words::plain},
        proposal::{Act, Proposal, Wanted},
        sense::unknown,
    },
};

use std::collections::BTreeMap;

/// One field.
pub(super) struct Field {
    /// Its key in the configuration, and its name in the form.
    pub(super) key: String,
    pub(super) label: &'static str,
    pub(super) value: String,
    /// What holds when it is empty.
    pub(super) otherwise: String,
    /// What there is to choose from; empty: it is a number, or lines.
    pub(super) choices: Vec<&'static str>,
    /// It has a line for each finding.
    pub(super) lines: bool,
    /// Where the file says it, so that it cannot be changed here; empty: it can.
    pub(super) locked: String,
    /// Lines that the file says, each with its place.
    pub(super) fixed: Vec<(String, String)>,
    /// What is wrong with what was sent.
    pub(super) wrong: String,
}

/// What was sent and what is wrong with it, by key; an empty key: with no field by itself.
pub(super) type Sent<'a> = Option<(&'a Fields, &'a [(String, String)])>;

/// What is wrong with one field.
pub(super) fn wrong_with(sent: Sent<'_>, key: &str) -> String {
    let wrong = sent.and_then(|(_, wrong)| wrong.iter().find(|(at, _)| at == key));
    wrong.map(|(_, why)| sentence(&plain(why))).unwrap_or_default()
}

/// What stands at the top of a page whose form is wrong.
pub(super) fn note_of(wrong: &[(String, String)], is_field: impl Fn(&str) -> bool) -> String {
    let others: Vec<&str> =
        wrong.iter().filter(|(key, _)| !is_field(key)).map(|(_, why)| why.as_str()).collect();
    match others.is_empty() {
        true => "Nothing was stored: see what stands in the form.".to_string(),
        false => sentence(&plain(&others.join("; "))),
    }
}

/// Is there such a field in the form of a policy?
pub(super) fn is_field(key: &str) -> bool {
    let lines = |way: &str| key == format!("{way}{FINDINGS}");
    key == "name"
        || keys().iter().any(|(own, _)| own == key)
        || ["", "inbound.", "outbound."].iter().any(|way| lines(way))
}

/// Fields that belong together.
pub(super) struct Part {
    /// What they are about; empty for those that come first.
    pub(super) title: &'static str,
    /// It is closed until somebody opens it: nothing is said there.
    pub(super) folded: bool,
    pub(super) fields: Vec<Field>,
}

/// The fields with what is written, or with what was sent.
pub(super) fn sections(values: &[Value], policy: &Policy, sent: Sent<'_>) -> Vec<Part> {
    let written = |key: &str| values.iter().find(|value| value.path == key);
    let said = |key: &str| written(key).map_or_else(String::new, |value| shown(&value.value));
    let locked =
        |key: &str| written(key).map(|value| From::of(&value.origin).lock()).unwrap_or_default();
    let plain_policy = Policy::default();
    let field = |(key, label): (String, &'static str)| Field {
        label,
        value: match sent {
            Some((sent, _)) if locked(&key).is_empty() => sent.get(&key).trim().to_string(),
            Some(_) | None => said(&key),
        },
        otherwise: otherwise(&key, policy, &plain_policy),
        choices: choices(&key),
        lines: false,
        locked: locked(&key),
        fixed: Vec::new(),
        wrong: wrong_with(sent, &key),
        key,
    };
    let of_findings = |way: &str| {
        let key = format!("{way}{FINDINGS}");
        let (fixed, open): (Vec<&Value>, Vec<&Value>) =
            named(values, &key).partition(|value| value.origin.is_locked());
        let line = |value: &&Value| format!("{} {}", name_in(&key, value), shown(&value.value));
        let said: Vec<String> = open.iter().map(line).collect();
        let said = said.join("\n");
        Field {
            label: "A line for each: the finding, and what it leads to at least",
            value: sent.map_or(said, |(sent, _)| sent.get(&key).trim().to_string()),
            otherwise: "attachment.macro quarantine".to_string(),
            choices: Vec::new(),
            lines: true,
            locked: String::new(),
            fixed: fixed.iter().map(|one| (line(one), plain(&one.origin.to_string()))).collect(),
            wrong: wrong_with(sent, &key),
            key,
        }
    };
    let is_action = |key: &str| key.contains("actions.");
    let direction = |key: &str| key.split_once('.').map_or("", |(first, _)| first).to_string();
    let part = |title, wanted: &dyn Fn(&str) -> bool| {
        let fields: Vec<Field> =
            keys().into_iter().filter(|(key, _)| wanted(key)).map(field).collect();
        Part { title, folded: false, fields }
    };
    let alone = |title, way: &str| {
        let mut part = part(title, &|key| direction(key) == way);
        part.fields.push(of_findings(&format!("{way}.")));
        let is_plain = |field: &Field| field.value.is_empty() && field.wrong.is_empty();
        Part { folded: part.fields.iter().all(is_plain), ..part }
    };
    vec![
        part("", &|key| !key.contains('.')),
        part("What a sure finding leads to whatever the score, by the kind of trouble", &|key| {
            is_action(key) && direction(key) == "actions"
        }),
        Part {
            title: "What single findings lead to: attachments by type, name and macro, phrases, signatures",
            folded: false,
            fields: vec![of_findings("")],
        },
        alone("Mail from the world alone", INBOUND),
        alone("Mail to the world alone", OUTBOUND),
    ]
}

/// All keys of the form, and what they are called.
fn keys() -> Vec<(String, &'static str)> {
    let both = KEYS.iter().map(|(key, label)| (key.to_string(), *label));
    let of_a_course = |key: &str| {
        !["mode", "greylist", "keep-rejected", "transport"].contains(&key)
            && !key.starts_with("personal-data")
    };
    let alone = [INBOUND, OUTBOUND].into_iter().flat_map(|way| {
        let keys = KEYS.iter().filter(move |(key, _)| of_a_course(key));
        keys.map(move |(key, label)| (format!("{way}.{key}"), *label))
    });
    both.chain(alone).collect()
}

/// What a table says of single findings.
fn named<'a>(values: &'a [Value], key: &str) -> impl Iterator<Item = &'a Value> + use<'a> {
    let start = format!("{key}.");
    values.iter().filter(move |value| value.path.starts_with(&start))
}

/// The finding that such a value is of.
fn name_in<'a>(key: &str, value: &'a Value) -> &'a str {
    value.path.strip_prefix(key).and_then(|rest| rest.strip_prefix('.')).unwrap_or_default()
}

/// The lines of a form: findings with what they lead to.
fn read_lines(text: &str) -> Result<BTreeMap<String, String>, String> {
    let mut found = BTreeMap::new();
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let words: Vec<&str> = line.split_whitespace().collect();
        let [name, action] = words.as_slice() else {
            return Err(format!(
                "{line:?}: write a finding and what it leads to, as in attachment.macro quarantine"
            ));
        };
        let named = FindingName::try_from(name.to_string()).map_err(|why| why.to_string())?;
        if Action::from_word(action).is_none() {
            let all: Vec<&str> = Action::ALL.into_iter().map(Action::word).collect();
            return Err(format!("{action:?} is none of {}", all.join(", ")));
        }
        if let Some(why) = unknown(named.as_str()) {
            return Err(why);
        }
        if found.insert(name.to_string(), action.to_string()).is_some() {
            return Err(format!("{name} stands there twice"));
        }
    }
    Ok(found)
}

const FINDINGS: &str = "findings";
const INBOUND: &str = "inbound";
const OUTBOUND: &str = "outbound";

/// A value as a form has it. Scores are kept with few digits, and are not shown with more.
pub(super) fn shown(value: &toml::Value) -> String {
    match value {
        toml::Value::String(text) => plain(text),
        toml::Value::Float(_) | toml::Value::Integer(_) => {
            let text = value.to_string();
            text.parse::<f32>().map_or(text, |score| score.to_string())
        }
        toml::Value::Boolean(_)
        | toml::Value::Datetime(_)
        | toml::Value::Array(_)
        | toml::Value::Table(_) => plain(&value.to_string()),
    }
}

/// What an empty field means: a built-in default, but for the mode, which an organisation may have.
fn otherwise(key: &str, policy: &Policy, plain_policy: &Policy) -> String {
    if key.starts_with(INBOUND) || key.starts_with(OUTBOUND) {
        return "as both ways".to_string();
    }
    let course = &plain_policy.inbound;
    let number = |score: f32| score.to_string();
    match key {
        "mode" => "as its organisation says".to_string(),
        "mark" => number(course.thresholds.mark()),
        "quarantine" => number(course.thresholds.quarantine()),
        "reject" => number(course.thresholds.reject()),
        "phish" => number(course.phish_at),
        "greylist" => "never".to_string(),
        "keep-rejected" => keep_word(plain_policy.keep_rejected).to_string(),
        "transport" => plain_policy.transport.word().to_string(),
        "personal-data-tell" => plain_policy.personal_data.tell.word().to_string(),
        "personal-data-simulate" | "personal-data-own-yes" => "false".to_string(),
        "personal-data-override" => "true".to_string(),
        "personal-data-approver" => plain_policy.personal_data.approver.word().to_string(),
        "personal-data" => "by the country of the organisation".to_string(),
        key if key.starts_with("personal-data-") => "as with personal data".to_string(),
        "unscanned" => course.unscanned.word().to_string(),
        "spam-at-most" => {
            format!(
                "{}; outbound {}",
                course.spam_at_most.word(),
                policy.outbound.spam_at_most.word()
            )
        }
        _ => {
            let category = key.strip_prefix("actions.").unwrap_or("");
            let action = course.actions.iter().find(|(one, _)| one.word() == category);
            action.map_or("nothing", |(_, action)| action.word()).to_string()
        }
    }
}

fn choices(key: &str) -> Vec<&'static str> {
    let alone = [INBOUND, OUTBOUND].iter().find_map(|way| key.strip_prefix(way)?.strip_prefix('.'));
    match alone.unwrap_or(key) {
        "mode" => Mode::ALL.into_iter().map(Mode::word).collect(),
        "keep-rejected" => KEEP.into_iter().map(keep_word).collect(),
        "transport" => Leaves::ALL.into_iter().map(Leaves::word).collect(),
        "personal-data-tell" => Tell::ALL.into_iter().map(Tell::word).collect(),
        "personal-data-simulate" | "personal-data-own-yes" | "personal-data-override" => {
            vec!["true", "false"]
        }
        "personal-data-approver" => Role::ALL.into_iter().map(Role::word).collect(),
        key if key.starts_with("personal-data") => Care::ALL.into_iter().map(Care::word).collect(),
        "mark" | "quarantine" | "reject" | "phish" | "greylist" => Vec::new(),
        _ => Action::ALL.into_iter().map(Action::word).collect(),
    }
}

/// The word in the configuration.
pub(super) fn keep_word(keep: KeepRejected) -> &'static str {
    match keep {
        KeepRejected::NotMalware => "not-malware",
        KeepRejected::All => "all",
        KeepRejected::Nothing => "nothing",
    }
}

const KEEP: [KeepRejected; 3] =
    [KeepRejected::NotMalware, KeepRejected::All, KeepRejected::Nothing];

/// What is said of both directions, and what it is called.
const KEYS: &[(&str, &str)] = &[
    ("mode", "How far it acts"),
    ("mark", "Mark from a score of"),
    ("quarantine", "Quarantine from"),
    ("reject", "Reject from"),
    ("spam-at-most", "A score leads at most to"),
    ("phish", "Phish weights together, from"),
    ("unscanned", "A part that could not be opened"),
    ("greylist", "Greylist strangers from a score of"),
    ("keep-rejected", "Keep copies of what is rejected"),
    ("transport", "Mail to the world leaves over a channel that is"),
    ("personal-data", "The same with personal data in clear"),
    ("personal-data-confidential", "… of one to nine persons, or with a password"),
    ("personal-data-sensitive", "… of special categories: health, union, religion"),
    ("personal-data-bulk", "… of ten persons or more"),
    ("personal-data-simulate", "Only write down what that would lead to"),
    ("personal-data-tell", "When its sender hears of it"),
    ("personal-data-approver", "Who is asked about what is held"),
    ("personal-data-own-yes", "Its sender may approve it himself"),
    ("personal-data-override", "Its sender may say that it is no personal data"),
    ("actions.virus", "Virus"),
    ("actions.phish", "Phish"),
    ("actions.spam", "Spam"),
    ("actions.policy", "Against a rule of the house"),
    ("actions.format", "Malformed"),
    ("actions.auth", "Sender authentication"),
    ("actions.privacy", "Personal data"),
    ("actions.transport", "Encryption on the way"),
    ("actions.bulk", "Bulk"),
];

/// What a form proposes; only what differs from what is written. The error is what is wrong, by key.
pub(super) fn proposal_of(
    name: &str,
    fields: &Fields,
    written: &[Value],
    is_new: bool,
) -> Result<Proposal, Vec<(String, String)>> {
    let mut draft = Draft { name, values: Vec::new(), said: Vec::new(), wrong: Vec::new() };
    let is_name = |letter: char| {
        letter.is_alphanumeric() && !letter.is_uppercase() || matches!(letter, '-' | '_' | '.')
    };
    if is_new && (name.is_empty() || name.len() > NAME_BYTES_MAX || !name.chars().all(is_name)) {
        draft.wrong("name", "a name has small letters, digits, hyphens, dots and underscores");
    }
    if is_new {
        draft.want(&[], Act::Make);
    }
    for (key, _) in keys() {
        draft.field(&key, fields.get(&key).trim(), written);
    }
    for way in [&[][..], &[INBOUND], &[OUTBOUND]] {
        let keys: Vec<&str> = way.iter().copied().chain([FINDINGS]).collect();
        draft.findings(&keys, fields.get(&keys.join(".")), written);
    }
    if draft.wrong.is_empty()
        && let Some((key, why)) = not_rising(fields, written)
    {
        draft.wrong(&key, why);
    }
    if draft.said.is_empty() && !is_new && draft.wrong.is_empty() {
        draft.wrong("", "nothing would change");
    }
    let Draft { values, said, wrong, .. } = draft;
    if !wrong.is_empty() {
        return Err(wrong);
    }
    let verb = if is_new { "new policy" } else { "policy" };
    let said = if said.is_empty() { "all as by default".to_string() } else { said.join(", ") };
    let seen = fields.get("seen").parse().unwrap_or(0);
    Ok(Proposal { what: format!("{verb} {name}: {said}"), comment: comment(fields), seen, values })
}

/// A proposal as it grows.
struct Draft<'a> {
    name: &'a str,
    values: Vec<Wanted>,
    said: Vec<String>,
    wrong: Vec<(String, String)>,
}

impl Draft<'_> {
    fn wrong(&mut self, key: &str, why: impl Into<String>) {
        self.wrong.push((key.to_string(), why.into()));
    }

    fn want(&mut self, keys: &[&str], act: Act) {
        let keys = keys.iter().map(ToString::to_string).collect();
        let target = Target { kind: Kind::Policy, name: self.name.to_string(), keys };
        self.values.push(Wanted { target, act });
    }

    fn field(&mut self, key: &str, text: &str, written: &[Value]) {
        let said_now = written.iter().find(|value| value.path == key);
        let read = match read(key, text) {
            Ok(read) => read,
            Err(why) => return self.wrong(key, why),
        };
        let is_same =
            |now: &Value| read.as_ref().is_some_and(|new| shown(new) == shown(&now.value));
        let act = match (said_now, &read) {
            (Some(now), _) if is_same(now) => return,
            // A form does not send what it shows locked.
            (Some(now), None) if now.origin.is_locked() => return,
            (Some(now), Some(_)) if now.origin.is_locked() => {
                let why = format!("{} says it, and the file wins: it is changed there", now.origin);
                return self.wrong(key, why);
            }
            (None, None) => return,
            (_, None) => Act::Forget,
            (_, Some(value)) => Act::Set(value.clone()),
        };
        self.said.push(match text {
            "" => format!("{key} as by default"),
            text => format!("{key} {text}"),
        });
        let keys: Vec<&str> = key.split('.').collect();
        self.want(&keys, act);
    }

    /// The lines of single findings.
    fn findings(&mut self, keys: &[&str], text: &str, written: &[Value]) {
        let key = keys.join(".");
        let wanted = match read_lines(text) {
            Ok(wanted) => wanted,
            Err(why) => return self.wrong(&key, why),
        };
        for (name, action) in &wanted {
            let before = named(written, &key).find(|before| name_in(&key, before) == name);
            match before {
                Some(before) if shown(&before.value) == *action => continue,
                Some(before) if before.origin.is_locked() => {
                    self.wrong(
                        &key,
                        format!("{name}: {} says it, and the file wins", before.origin),
                    );
                }
                Some(_) | None => {
                    self.said.push(format!("{key} {name} {action}"));
                    let keys: Vec<&str> = keys.iter().copied().chain([name.as_str()]).collect();
                    self.want(&keys, Act::Set(toml::Value::String(action.clone())));
                }
            }
        }
        for value in named(written, &key).filter(|value| !value.origin.is_locked()) {
            let name = name_in(&key, value);
            if !wanted.contains_key(name) {
                self.said.push(format!("{key} {name} no longer"));
                let keys: Vec<&str> = keys.iter().copied().chain([name]).collect();
                self.want(&keys, Act::Forget);
            }
        }
    }
}

/// The first score that is not above the one before it, in the words of the form.
fn not_rising(fields: &Fields, written: &[Value]) -> Option<(String, String)> {
    let default = Policy::default().inbound.thresholds;
    let defaults = [default.mark(), default.quarantine(), default.reject()];
    let scores = ["mark", "quarantine", "reject"];
    let sent = |key: &str| {
        let locked = written.iter().find(|value| value.path == key && value.origin.is_locked());
        let text =
            locked.map_or_else(|| fields.get(key).trim().to_string(), |value| shown(&value.value));
        text.replace(',', ".").parse::<f32>().ok()
    };
    ["", "inbound.", "outbound."].into_iter().find_map(|way| {
        let all = scores.iter().zip(defaults).map(|(key, default)| {
            sent(&format!("{way}{key}")).or_else(|| sent(key)).unwrap_or(default)
        });
        let all: Vec<f32> = all.collect();
        let pairs = all.iter().zip(all.iter().skip(1)).zip(scores.iter().zip(scores.iter().skip(1)));
        let ((below, above), (lower, higher)) =
            pairs.into_iter().find(|((below, above), _)| below > above)?;
        let label = |key: &str| KEYS.iter().find(|(own, _)| *own == key).map_or("", |(_, label)| label);
        let why = format!(
            "the scores must rise: \u{201c}{}\u{201d} is {above}, and \u{201c}{}\u{201d} is {below}",
            label(higher),
            label(lower)
        );
        let shown = |key: &str| !fields.get(&format!("{way}{key}")).trim().is_empty();
        let at = if shown(higher) || !shown(lower) { higher } else { lower };
        Some((format!("{way}{at}"), why))
    })
}

/// Names stand in paths and tables.
const NAME_BYTES_MAX: usize = 64;

/// Why, as it was written.
pub(super) fn comment(fields: &Fields) -> String {
    let most = crate::base::limits::COMMENT_CHARS_MAX;
    plain(&fields.get("comment").trim().chars().take(most).collect::<String>())
}

/// The value of a field; none: it is empty.
fn read(key: &str, text: &str) -> Result<Option<toml::Value>, String> {
    let choices = choices(key);
    if text.is_empty() {
        return Ok(None);
    }
    if !choices.is_empty() {
        return match choices.contains(&text) {
            true => Ok(Some(match text.parse::<bool>() {
                Ok(is) => toml::Value::Boolean(is),
                Err(_) => toml::Value::String(text.to_string()),
            })),
            false => Err(format!("{text:?} is not to choose from")),
        };
    }
    // A comma is what much of Europe writes.
    let number = text.replace(',', ".").parse::<f64>().ok().filter(|number| number.is_finite());
    let number = number.ok_or(format!("{text:?} is no number"))?;
    match (key.rsplit('.').next(), number > 0.0) {
        (_, true) => Ok(Some(toml::Value::Float(number))),
        (Some("greylist"), false) if number == 0.0 => Ok(Some(toml::Value::Float(number))),
        (_, false) => {
            Err("write a number above zero; one that is never reached, such as 1000, turns it off"
                .to_string())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{layers::Origin, policy::Category};

    fn form(text: &str) -> Fields {
        Fields::read(text.as_bytes())
    }

    fn value(path: &str, value: toml::Value) -> Value {
        Value { path: path.to_string(), value, origin: Origin::Stored { version: 1 } }
    }

    #[test]
    fn only_what_differs_is_proposed() {
        let written = [
            value("mark", toml::Value::Float(4.0)),
            value("actions.bulk", toml::Value::String("mark".into())),
            value("inbound.reject", toml::Value::Float(12.0)),
        ];
        let sent = form(
            "mark=4&quarantine=6,5&actions.bulk=&inbound.reject=12&outbound.actions.spam=quarantine&comment=+why+&seen=7",
        );
        let proposal = proposal_of("strict", &sent, &written, false).unwrap();
        let acts: Vec<(String, &Act)> =
            proposal.values.iter().map(|one| (one.target.keys.join("."), &one.act)).collect();
        assert_eq!(
            acts,
            [
                ("quarantine".to_string(), &Act::Set(toml::Value::Float(6.5))),
                ("actions.bulk".to_string(), &Act::Forget),
                ("outbound.actions.spam".to_string(), &Act::Set("quarantine".into())),
            ]
        );
        assert_eq!((proposal.seen, proposal.comment.as_str()), (7, "why"));
        assert_eq!(
            proposal.what,
            "policy strict: quarantine 6,5, actions.bulk as by default, outbound.actions.spam quarantine"
        );
        let same = form("mark=4.0&actions.bulk=mark&inbound.reject=12");
        assert!(proposal_of("strict", &same, &written, false).is_err(), "nothing would change");
    }

    #[test]
    fn what_makes_no_sense_is_said_by_its_field() {
        for (name, sent, at, part) in [
            ("strict", "mark=much", "mark", "is no number"),
            ("strict", "mark=0", "mark", "above zero"),
            ("strict", "greylist=-1", "greylist", "above zero"),
            ("strict", "mode=asleep", "mode", "not to choose from"),
            ("strict", "actions.virus=drop", "actions.virus", "not to choose from"),
            ("strict", "outbound.mark=much", "outbound.mark", "is no number"),
            ("strict", "inbound.unscanned=drop", "inbound.unscanned", "not to choose from"),
            ("strict", "mark=9&quarantine=4", "quarantine", "\u{201c}Quarantine from\u{201d} is 4"),
            ("strict", "mark=9", "mark", "\u{201c}Mark from a score of\u{201d} is 9"),
            ("strict", "outbound.reject=1", "outbound.reject", "\u{201c}Reject from\u{201d} is 1"),
            ("a b", "mark=4", "name", "a name has small letters"),
            ("Strict", "mark=4", "name", "a name has small letters"),
            ("", "mark=4", "name", "a name has small letters"),
        ] {
            let wrong = proposal_of(name, &form(sent), &[], true).unwrap_err();
            let [(key, why)] = wrong.as_slice() else { panic!("{sent}: {wrong:?}") };
            assert!(is_field(key) && key == at && why.contains(part), "{sent}: {key}: {why}");
        }
        assert!(proposal_of("mild", &form(""), &[], true).is_ok());
    }

    #[test]
    fn findings_are_lines_and_each_is_a_value() {
        let text = |text: &str| toml::Value::String(text.into());
        let written = [
            value("findings.attachment.macro", text("mark")),
            value("findings.attachment.page", text("mark")),
            value("outbound.findings.phrase.x", text("reject")),
        ];
        let parts = sections(&written, &Policy::default(), None);
        assert_eq!(parts[2].fields[0].value, "attachment.macro mark\nattachment.page mark");
        let sent = form(
            "findings=attachment.macro+quarantine%0D%0A+%0D%0Aattachment.*+mark&outbound.findings=phrase.x+reject",
        );
        let proposal = proposal_of("strict", &sent, &written, false).unwrap();
        let acts: Vec<(String, &Act)> =
            proposal.values.iter().map(|one| (one.target.keys.join("|"), &one.act)).collect();
        assert_eq!(
            acts,
            [
                ("findings|attachment.*".to_string(), &Act::Set(text("mark"))),
                ("findings|attachment.macro".to_string(), &Act::Set(text("quarantine"))),
                ("findings|attachment.page".to_string(), &Act::Forget),
            ]
        );
        for (lines, part) in [
            ("attachment.macro", "write a finding"),
            ("macro+mark", "is no finding"),
            ("attachment.macro+drop", "is none of deliver"),
            (
                "attachment.macros+mark",
                "nothing here makes a finding attachment.macros: did you mean attachment.macro?",
            ),
            ("attachment.macro+mark%0Aattachment.macro+reject", "twice"),
        ] {
            let sent = form(&format!("inbound.findings={lines}"));
            let wrong = proposal_of("strict", &sent, &[], false).unwrap_err();
            let [(key, why)] = wrong.as_slice() else { panic!("{lines}: {wrong:?}") };
            assert!(key == "inbound.findings" && why.contains(part), "{lines}: {why}");
        }
    }

    #[test]
    fn what_is_said_of_one_direction_alone_is_not_folded_away() {
        let written = [value("outbound.actions.spam", toml::Value::String("mark".into()))];
        let parts = sections(&written, &Policy::default(), None);
        let seen: Vec<(usize, bool)> =
            parts.iter().map(|part| (part.fields.len(), part.folded)).collect();
        assert_eq!(seen, [(19, false), (9, false), (1, false), (16, true), (16, false)]);
        let spam = parts[4].fields.iter().find(|field| field.key == "outbound.actions.spam");
        assert_eq!(spam.map(|field| field.value.as_str()), Some("mark"));
        assert_eq!(spam.map(|field| field.choices.len()), Some(Action::ALL.len()));
    }

    #[test]
    fn every_category_that_can_demand_is_in_the_form() {
        // What speaks for a sender demands nothing.
        let all = Category::ALL.into_iter().map(Category::word);
        let is_there =
            |word: &&str| KEYS.iter().any(|(key, _)| key.strip_prefix("actions.") == Some(word));
        let missing: Vec<&str> = all.filter(|word| !is_there(word)).collect();
        assert_eq!(missing, ["trust"]);
    }
}
