//! Rules of a policy, `[policy.rules.NAME]`: who writes to whom, what is in it, and when, and what that leads to.
//!
//! All conditions of a rule must hold; what is listed in one of them are alternatives. Words are plain words and names are plain patterns
//! with `*` and `?`: nothing that somebody writes here can make reading a mail slow. `verdict::rules` says whether one holds.

use crate::{
    base::{
        limits,
        local::{Day, TimeOfDay, Weekday},
    },
    config::{
        care::{Care, Sureness},
        file::Size,
        lists::Entry,
        policy::{Action, FindingName},
    },
    mail::Direction,
};
use serde::{Deserialize, Deserializer, Serialize, de};
use std::fmt;

/// What a rule is called: lower-case letters, digits and `_`, as its finding is `rule.NAME`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RuleName(String);

/// Why a text is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is no name of a rule: write up to {max} lower-case letters a to z, digits and _, as in \"night_mail\"",
    max = limits::RULE_NAME_LETTERS_MAX
)]
pub struct NotARuleName(String);

impl RuleName {
    /// As it is written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for RuleName {
    type Error = NotARuleName;

    fn try_from(text: String) -> Result<RuleName, NotARuleName> {
        let is_letter =
            |letter: u8| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == b'_';
        let fits = (1..=limits::RULE_NAME_LETTERS_MAX).contains(&text.len());
        if fits && text.bytes().all(is_letter) {
            Ok(RuleName(text))
        } else {
            Err(NotARuleName(text))
        }
    }
}

impl From<RuleName> for String {
    fn from(name: RuleName) -> String {
        name.0
    }
}

/// A rule. Every condition that is there must hold.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "RuleTable", rename_all = "kebab-case")]
pub struct Rule {
    /// "inbound" or "outbound". Default: both.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub direction: Option<Direction>,
    /// Who writes, in From or as envelope sender: "anna@far.example", "far.example", ".far.example" (and all below it). Where the rule eases
    /// something, only From counts, and only while its sender is authenticated.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub from: Vec<Entry>,
    /// To whom, in the same forms.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub to: Vec<Entry>,
    /// From which client: "192.0.2.7", "192.0.2.0/24".
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub client: Vec<Entry>,
    /// Whether somebody who passed (DMARC, or SPF or DKIM of the same owner) speaks for the domain in From. What our own clients send in
    /// the name of their organisation is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub authenticated: Option<bool>,
    /// Words or phrases in the subject, as whole words, whatever their case and accents (å, ä, ö, æ and ø stay letters).
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub subject: Vec<String>,
    /// The same in what a reader sees of the text.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub body: Vec<String>,
    /// The name of an attachment or of a member of an archive; `*` stands for any letters, `?` for one: "invoice*.html".
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub attachment_name: Vec<String>,
    /// What an attachment is by its bytes: "program", "script", "macro", "encrypted", "document", "pdf", "page", "archive", "image", "media",
    /// "message", "calendar". With `attachment-name` the same attachment must fit both.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub attachment_type: Vec<AttachmentType>,
    /// A finding: "attachment.macro", or "attachment.*". With `action = "spare"`: those that are to lead to nothing.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub finding: Vec<FindingName>,
    /// Personal data of at least so many persons.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub persons: Option<u32>,
    /// Personal data, found with at least this confidence: "low", "medium" or "high". With `finding`: of the kinds that it names, as in
    /// "personal.se.*".
    #[serde(skip_serializing_if = "Option::is_none")]
    pub confidence: Option<Sureness>,
    /// Larger than this, as it came: "10 MiB".
    #[serde(skip_serializing_if = "Option::is_none")]
    pub larger_than: Option<Size>,
    /// Between two times of day, on the clock of the organisation: "18:00-06:00". The end is not in it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hours: Option<Hours>,
    /// On these days: ["saturday", "sunday"]. A night belongs to the day on which its hours began.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub weekdays: Vec<Weekday>,
    /// The last day on which the rule holds: "2026-12-31".
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<Day>,
    /// "mark", "quarantine" or "reject": at least that. "proven", "protected" or "approved": at least that is asked of the way that the mail
    /// leaves by, as by `personal-data`. "spare": not because of the findings that `finding` names; what demands something as
    /// malware, phish or malformed is never spared. This or `weight`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub action: Option<RuleAction>,
    /// Score to add, -5 to 15.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[serde(serialize_with = "crate::base::number::write_any")]
    pub weight: Option<f32>,
    /// Why, one plain sentence in ASCII: it stands in header fields, replies and digests.
    pub reason: String,
}

/// What a rule does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RuleAction {
    /// At least this.
    Mark,
    /// At least this.
    Quarantine,
    /// At least this.
    Reject,
    /// It leaves over a proven channel.
    Proven,
    /// It leaves encrypted for its reader.
    Protected,
    /// It leaves when somebody has said yes.
    Approved,
    /// Not because of these findings.
    Spare,
}

impl RuleAction {
    /// All of them.
    pub const ALL: [RuleAction; 7] = [
        RuleAction::Mark,
        RuleAction::Quarantine,
        RuleAction::Reject,
        RuleAction::Proven,
        RuleAction::Protected,
        RuleAction::Approved,
        RuleAction::Spare,
    ];

    /// What it leads to at least; none: it takes away, or asks for a way.
    pub fn at_least(self) -> Option<Action> {
        match self {
            RuleAction::Mark => Some(Action::Mark),
            RuleAction::Quarantine => Some(Action::Quarantine),
            RuleAction::Reject => Some(Action::Reject),
            RuleAction::Proven
            | RuleAction::Protected
            | RuleAction::Approved
            | RuleAction::Spare => None,
        }
    }

    /// What it asks of the way that a mail leaves by.
    pub fn care(self) -> Option<Care> {
        match self {
            RuleAction::Proven => Some(Care::Proven),
            RuleAction::Protected => Some(Care::Protected),
            RuleAction::Approved => Some(Care::Approved),
            RuleAction::Mark | RuleAction::Quarantine | RuleAction::Reject | RuleAction::Spare => {
                None
            }
        }
    }

    /// The word in the configuration.
    pub fn word(self) -> &'static str {
        let way = self.care().map(Care::word);
        self.at_least().map(Action::word).or(way).unwrap_or("spare")
    }
}

/// What an attachment is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs)] // They are what they are called; `verdict::rules` says which formats are which.
pub enum AttachmentType {
    Program,
    Script,
    Macro,
    Encrypted,
    Document,
    Pdf,
    Page,
    Archive,
    Image,
    Media,
    Message,
    Calendar,
}

/// A part of the day; one that ends before it begins goes on after midnight.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Hours {
    /// The first minute in it.
    pub from: TimeOfDay,
    /// The first after it.
    pub to: TimeOfDay,
}

/// Why a text is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} are no hours: write two different times as in \"18:00-06:00\"")]
pub struct NotHours(String);

impl TryFrom<String> for Hours {
    type Error = NotHours;

    fn try_from(text: String) -> Result<Hours, NotHours> {
        let time = |part: &str| TimeOfDay::parse(part.trim()).ok();
        let two = text.split_once('-').and_then(|(from, to)| Some((time(from)?, time(to)?)));
        match two {
            Some((from, to)) if from != to => Ok(Hours { from, to }),
            Some(_) | None => Err(NotHours(text)),
        }
    }
}

impl From<Hours> for String {
    fn from(hours: Hours) -> String {
        hours.to_string()
    }
}

impl fmt::Display for Hours {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.from, self.to)
    }
}

/// A [`Rule`] as its table is read.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct RuleTable {
    direction: Option<Direction>,
    #[serde(default, deserialize_with = "one_or_many")]
    from: Vec<Entry>,
    #[serde(default, deserialize_with = "one_or_many")]
    to: Vec<Entry>,
    #[serde(default, deserialize_with = "one_or_many")]
    client: Vec<Entry>,
    authenticated: Option<bool>,
    #[serde(default, deserialize_with = "one_or_many")]
    subject: Vec<String>,
    #[serde(default, deserialize_with = "one_or_many")]
    body: Vec<String>,
    #[serde(default, deserialize_with = "one_or_many")]
    attachment_name: Vec<String>,
    #[serde(default, deserialize_with = "one_or_many")]
    attachment_type: Vec<AttachmentType>,
    #[serde(default, deserialize_with = "one_or_many")]
    finding: Vec<FindingName>,
    persons: Option<u32>,
    confidence: Option<Sureness>,
    larger_than: Option<Size>,
    hours: Option<Hours>,
    #[serde(default, deserialize_with = "one_or_many")]
    weekdays: Vec<Weekday>,
    until: Option<Day>,
    action: Option<RuleAction>,
    weight: Option<f32>,
    reason: String,
}

/// One value, or a list of them.
fn one_or_many<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> Result<Vec<T>, D::Error> {
    struct OneOrMany<T>(std::marker::PhantomData<T>);
    impl<'de, T: Deserialize<'de>> de::Visitor<'de> for OneOrMany<T> {
        type Value = Vec<T>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a text, or a list of them")
        }

        fn visit_str<E: de::Error>(self, text: &str) -> Result<Vec<T>, E> {
            T::deserialize(de::value::StrDeserializer::new(text)).map(|one| vec![one])
        }

        fn visit_seq<A: de::SeqAccess<'de>>(self, seq: A) -> Result<Vec<T>, A::Error> {
            Vec::deserialize(de::value::SeqAccessDeserializer::new(seq))
        }
    }
    deserializer.deserialize_any(OneOrMany(std::marker::PhantomData))
}

impl TryFrom<RuleTable> for Rule {
    type Error = RuleMistake;

    fn try_from(table: RuleTable) -> Result<Rule, RuleMistake> {
        let rule = Rule::of(table);
        match rule.mistake() {
            None => Ok(rule),
            Some(mistake) => Err(mistake),
        }
    }
}

impl Rule {
    fn of(table: RuleTable) -> Rule {
        Rule {
            direction: table.direction,
            from: table.from,
            to: table.to,
            client: table.client,
            authenticated: table.authenticated,
            subject: table.subject,
            body: table.body,
            attachment_name: table.attachment_name,
            attachment_type: table.attachment_type,
            finding: table.finding,
            persons: table.persons,
            confidence: table.confidence,
            larger_than: table.larger_than,
            hours: table.hours,
            weekdays: table.weekdays,
            until: table.until,
            action: table.action,
            weight: table.weight,
            reason: table.reason.trim().to_string(),
        }
    }

    /// Does it make something milder? Then who writes counts only if that is shown.
    pub fn eases(&self) -> bool {
        self.action == Some(RuleAction::Spare) || self.weight.is_some_and(|weight| weight < 0.0)
    }

    /// How many words it looks for.
    pub fn words(&self) -> usize {
        self.subject.len() + self.body.len()
    }

    /// A condition of which nothing is kept once a mail has gone: what a replay cannot ask.
    pub fn asks_what_is_not_kept(&self) -> Option<&'static str> {
        let asks = [
            (!self.body.is_empty(), "body"),
            (!self.attachment_name.is_empty(), "attachment-name"),
            (!self.attachment_type.is_empty(), "attachment-type"),
            (self.persons.is_some(), "persons"),
            (self.confidence.is_some(), "confidence"),
            (self.larger_than.is_some(), "larger-than"),
            (self.authenticated.is_some(), "authenticated"),
            (self.eases() && !self.from.is_empty(), "from"),
        ];
        asks.into_iter().find(|(asks, _)| *asks).map(|(_, key)| key)
    }

    fn mistake(&self) -> Option<RuleMistake> {
        self.acts().or_else(|| self.bounded()).or_else(|| self.makes_sense())
    }

    /// What it does is clear.
    fn acts(&self) -> Option<RuleMistake> {
        let weights = -limits::RULE_EASES_MAX..=limits::RULE_WEIGHT_MAX;
        match (self.action, self.weight) {
            (None, None) => Some(RuleMistake::DoesNothing),
            (Some(_), Some(_)) => Some(RuleMistake::DoesTwo),
            (Some(RuleAction::Spare), None) if self.finding.is_empty() => {
                Some(RuleMistake::SparesNothing)
            }
            (None, Some(weight)) if weight == 0.0 || !weights.contains(&weight) => {
                Some(RuleMistake::Weight(weight.to_string()))
            }
            (Some(_), None) | (None, Some(_)) => None,
        }
    }

    /// Nothing is longer than it may be.
    fn bounded(&self) -> Option<RuleMistake> {
        let lengths = [
            ("from", self.from.len()),
            ("to", self.to.len()),
            ("client", self.client.len()),
            ("subject", self.subject.len()),
            ("body", self.body.len()),
            ("attachment-name", self.attachment_name.len()),
            ("attachment-type", self.attachment_type.len()),
            ("finding", self.finding.len()),
        ];
        let too_many = lengths.into_iter().find(|(_, length)| *length > limits::RULE_VALUES_MAX);
        if let Some((key, _)) = too_many {
            return Some(RuleMistake::TooMany { key });
        }
        let texts = [
            ("subject", &self.subject),
            ("body", &self.body),
            ("attachment-name", &self.attachment_name),
        ];
        let texts =
            texts.into_iter().flat_map(|(key, texts)| texts.iter().map(move |text| (key, text)));
        for (key, text) in texts {
            let letters = text.trim().chars().count();
            if letters == 0 || letters > limits::RULE_WORD_LETTERS_MAX {
                return Some(RuleMistake::Length { key, text: text.clone() });
            }
            if key != "attachment-name" && !text.contains(char::is_alphanumeric) {
                return Some(RuleMistake::NoWord { key, text: text.clone() });
            }
        }
        let reason = &self.reason;
        let is_plain = reason.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic());
        let fits = (1..=limits::RULE_REASON_LETTERS_MAX).contains(&reason.len());
        (!fits || !is_plain).then_some(RuleMistake::Reason)
    }

    /// It asks for something, and for things of their kind.
    fn makes_sense(&self) -> Option<RuleMistake> {
        let is_network = |entry: &&Entry| matches!(entry, Entry::Network(_));
        for (key, entries) in [("from", &self.from), ("to", &self.to)] {
            if let Some(network) = entries.iter().find(is_network) {
                return Some(RuleMistake::Network { key, text: network.to_string() });
            }
        }
        if let Some(other) = self.client.iter().find(|entry| !is_network(entry)) {
            return Some(RuleMistake::NoNetwork { text: other.to_string() });
        }
        let asks = !(self.from.is_empty()
            && self.to.is_empty()
            && self.client.is_empty()
            && self.authenticated.is_none()
            && self.words() == 0
            && self.attachment_name.is_empty()
            && self.attachment_type.is_empty()
            && self.finding.is_empty()
            && self.persons.is_none()
            && self.confidence.is_none()
            && self.larger_than.is_none()
            && self.hours.is_none()
            && self.weekdays.is_empty());
        (!asks).then_some(RuleMistake::EveryMail)
    }
}

/// What is wrong with a rule whose values all read well.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RuleMistake {
    /// Neither action nor weight.
    #[error(
        "a rule needs action = \"mark\", \"quarantine\", \"reject\", \"proven\", \"protected\", \"approved\" or \"spare\", or a weight"
    )]
    DoesNothing,
    /// Action and weight.
    #[error("action and weight are both there: write one of them")]
    DoesTwo,
    /// It spares from no finding.
    #[error("action = \"spare\" needs finding = \"…\": what is it to be spared from?")]
    SparesNothing,
    /// The weight does nothing, or too much.
    #[error(
        "weight = {0} does nothing or too much: write a number from -{ease} to {most}",
        ease = limits::RULE_EASES_MAX,
        most = limits::RULE_WEIGHT_MAX
    )]
    Weight(String),
    /// A condition with too many values.
    #[error("{key} has more than {most} values: divide the rule", most = limits::RULE_VALUES_MAX)]
    TooMany {
        /// Which.
        key: &'static str,
    },
    /// An empty text, or a long one.
    #[error("{text:?}: write one to {most} letters", most = limits::RULE_WORD_LETTERS_MAX)]
    Length {
        /// Of which condition.
        key: &'static str,
        /// Which.
        text: String,
    },
    /// A word without a letter.
    #[error("{text:?} is no word: write letters or digits")]
    NoWord {
        /// Of which condition.
        key: &'static str,
        /// Which.
        text: String,
    },
    /// No reason, or one that cannot stand in a header field.
    #[error(
        "reason: write one sentence of up to {most} letters without accents, for it stands in header fields and replies",
        most = limits::RULE_REASON_LETTERS_MAX
    )]
    Reason,
    /// A network where senders stand.
    #[error("{text} is a network: it belongs into client")]
    Network {
        /// Of which condition.
        key: &'static str,
        /// Which.
        text: String,
    },
    /// A sender where networks stand.
    #[error("{text} is no network: client has such as \"192.0.2.0/24\", senders belong into from")]
    NoNetwork {
        /// Which.
        text: String,
    },
    /// No condition at all.
    #[error("the rule holds for every mail: give it a condition, such as from, subject or hours")]
    EveryMail,
}

impl RuleMistake {
    /// The key that is to be changed first.
    pub fn key(&self) -> &'static str {
        match self {
            RuleMistake::DoesNothing => "action",
            RuleMistake::DoesTwo | RuleMistake::Weight(_) => "weight",
            RuleMistake::SparesNothing => "finding",
            RuleMistake::TooMany { key }
            | RuleMistake::Length { key, .. }
            | RuleMistake::NoWord { key, .. }
            | RuleMistake::Network { key, .. } => key,
            RuleMistake::Reason => "reason",
            RuleMistake::NoNetwork { .. } => "client",
            RuleMistake::EveryMail => "from",
        }
    }
}

/// A rule from its values, or what is wrong with each of them; with the key of each.
pub fn read_rule(table: &toml::Table) -> Result<Rule, Vec<(String, NotRead)>> {
    let one = |(key, value): (&String, &toml::Value)| {
        let mut alone = toml::Table::from_iter([(key.clone(), value.clone())]);
        alone.entry("reason").or_insert_with(|| "x".into());
        let read = RuleTable::deserialize(toml::Value::Table(alone));
        let said = read.err().map(|error| NotRead::Value(error.message().trim().to_string()))?;
        Some((key.clone(), said))
    };
    let wrong: Vec<(String, NotRead)> = table.iter().filter_map(one).collect();
    if !wrong.is_empty() {
        return Err(wrong);
    }
    let mut whole = table.clone();
    whole.entry("reason").or_insert_with(|| "".into());
    let read = RuleTable::deserialize(toml::Value::Table(whole));
    let read = read.map_err(|error| {
        vec![(String::new(), NotRead::Value(error.message().trim().to_string()))]
    })?;
    let rule = Rule::of(read);
    match rule.mistake() {
        None => Ok(rule),
        Some(mistake) => Err(vec![(mistake.key().to_string(), NotRead::Whole(mistake))]),
    }
}

/// Why values are no rule.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotRead {
    /// One of them does not read.
    #[error("{0}")]
    Value(String),
    /// Together they make no sense.
    #[error(transparent)]
    Whole(RuleMistake),
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use std::path::Path;

    fn read(rule: &str) -> Result<Config, String> {
        let text = format!("hostname = \"mx.example\"\n[policy]\n[policy.rules.night]\n{rule}\n");
        Config::parse(Path::new("sluss.toml"), &text).map_err(|error| error.to_string())
    }

    #[test]
    fn every_key_is_read_and_printed_again() {
        let config = read(
            "direction = \"inbound\"\nfrom = [\"a@far.example\", \".far.example\"]\nto = \"ours.example\"\nclient = \"192.0.2.0/24\"\n\
             authenticated = false\nsubject = [\"urgent payment\"]\nbody = \"Ärende\"\nattachment-name = \"*.html\"\n\
             attachment-type = [\"macro\", \"encrypted\"]\nfinding = \"attachment.*\"\nlarger-than = \"10 MiB\"\nhours = \"18:00-06:00\"\n\
             weekdays = [\"saturday\"]\nuntil = \"2026-12-31\"\naction = \"quarantine\"\nreason = \"Held until morning\"",
        );
        let config = config.unwrap();
        let policy = config.policies.compile().unwrap().remove("default").unwrap();
        let (name, rule) = policy.rules.first_key_value().unwrap();
        assert_eq!((name.as_str(), rule.action), ("night", Some(RuleAction::Quarantine)));
        assert_eq!((rule.from.len(), rule.to.len(), rule.attachment_type.len()), (2, 1, 2));
        let again = Config::parse(Path::new("x"), &config.to_toml()).unwrap();
        assert_eq!(again, config, "{}", config.to_toml());
    }

    #[test]
    fn mistakes_name_the_place_and_the_mend() {
        let why = "reason = \"x\"\n";
        let held = "reason = \"x\"\naction = \"quarantine\"\n";
        let many = format!("{held}subject = [{}]", "\"a\", ".repeat(limits::RULE_VALUES_MAX + 1));
        let long = format!("{held}body = \"{}\"", "a".repeat(limits::RULE_WORD_LETTERS_MAX + 1));
        for (rule, parts) in [
            ("action = \"mark\"\nfrom = \"a.example\"", &["reason"][..]),
            (&format!("{why}from = \"a.example\""), &["needs action"]),
            (&format!("{held}weight = 1.0\nfrom = \"a.example\""), &["write one of them"]),
            (&format!("{why}weight = -9.0\nfrom = \"a.example\""), &["-5 to 15"]),
            (&format!("{why}weight = nan\nfrom = \"a.example\""), &["-5 to 15"]),
            (&format!("{why}action = \"spare\"\nfrom = \"a.example\""), &["needs finding"]),
            (&format!("{why}action = \"deliver\"\nfrom = \"a.example\""), &["deliver", "spare"]),
            (held, &["every mail", "give it a condition"]),
            (&format!("{held}until = \"2026-12-31\""), &["every mail"]),
            (&format!("{held}form = \"a.example\""), &["did you mean \"from\""]),
            (&format!("{held}from = \"192.0.2.0/24\""), &["belongs into client"]),
            (&format!("{held}client = \"a.example\""), &["belong into from"]),
            (&format!("{held}from = \"a b\""), &["is no sender"]),
            (&format!("{held}hours = \"18-06\""), &["18:00-06:00"]),
            (&format!("{held}hours = \"06:00-06:00\""), &["two different times"]),
            (&format!("{held}weekdays = \"someday\""), &["monday"]),
            (&format!("{held}until = \"soon\"\nhours = \"01:00-02:00\""), &["2026-12-31"]),
            (&format!("{held}subject = \"!\""), &["is no word"]),
            (&format!("{held}finding = \"macro\""), &["attachment.macro"]),
            (&many, &["divide the rule"]),
            (&long, &["100 letters"]),
            ("reason = \"Ålagt\"\naction = \"mark\"\nfrom = \"a.example\"", &["without accents"]),
        ] {
            let error = read(rule).unwrap_err();
            assert!(error.starts_with("sluss.toml:"), "{error}");
            let line: usize = error.split(':').nth(1).unwrap().parse().unwrap();
            assert!((3..=9).contains(&line), "{rule}: {error}");
            for part in parts {
                assert!(error.contains(part), "{rule}: {part:?} is missing in {error}");
            }
        }
        let named = |name: &str| {
            format!(
                "hostname = \"mx.example\"\n[policy.rules.{name}]\n{held}from = \"a.example\"\n"
            )
        };
        let error = Config::parse(Path::new("sluss.toml"), &named("Night-mail")).unwrap_err();
        assert!(error.to_string().contains("night_mail"), "{error}");
    }

    #[test]
    fn a_policy_has_so_many_rules_and_words_and_no_more() {
        let rules = |count: usize, words: usize| {
            let words = "\"a\", ".repeat(words);
            let rule = |number: usize| {
                format!(
                    "[policy.rules.r{number}]\nreason = \"x\"\naction = \"mark\"\nbody = [{words}]\n"
                )
            };
            let rules: String = (0..count).map(rule).collect();
            Config::parse(Path::new("x"), &format!("hostname = \"mx.example\"\n{rules}"))
        };
        assert!(rules(limits::RULES_OF_POLICY_MAX, 1).is_ok());
        let error = rules(limits::RULES_OF_POLICY_MAX + 1, 1).unwrap_err().to_string();
        assert!(error.contains("at most"), "{error}");
        let error = rules(limits::RULES_OF_POLICY_MAX, limits::RULE_VALUES_MAX).unwrap_err();
        assert!(error.to_string().contains("words"), "{error}");
    }
}
