//! What an organisation wants done with what is found. The values; `verdict` is the only code that compares a score with them.

use crate::{
    config::care::{CareByClass, PersonalData},
    config::policy_rule::{Rule, RuleName},
    mail::Direction,
    wire::tls::Demand,
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The policy of whoever names none.
pub const DEFAULT_NAME: &str = "default";

/// What happens to a mail for one recipient, mildest first. There is no silent drop.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    /// Forward it as it is.
    Deliver,
    /// Forward it with the fields that tell a mail program it is probably unwanted.
    Mark,
    /// Answer 4xx: the sender keeps it and comes back.
    Defer,
    /// Keep it for review.
    Quarantine,
    /// Refuse it in the SMTP session.
    Reject,
}

impl Action {
    /// All of them, mildest first.
    pub const ALL: [Action; 5] =
        [Action::Deliver, Action::Mark, Action::Defer, Action::Quarantine, Action::Reject];

    /// The word in configuration, header fields, logs and JSON.
    pub fn word(self) -> &'static str {
        match self {
            Action::Deliver => "deliver",
            Action::Mark => "mark",
            Action::Defer => "defer",
            Action::Quarantine => "quarantine",
            Action::Reject => "reject",
        }
    }

    /// From [`Action::word`].
    pub fn from_word(word: &str) -> Option<Action> {
        Action::ALL.into_iter().find(|action| action.word() == word)
    }
}

/// How far a policy acts on what it finds. Every mode judges alike and writes down what `protect` would have done.
///
/// No mode loosens the protocol: malformed mail, relaying, unknown recipients, loops and limits are refused in each. Nor does one let
/// through what nobody could look into because the scanner failed: that is no judgement that could be wrong, it is the lack of one.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// Delivers everything, unaltered but for our header fields.
    Shadow,
    /// As shadow, and marks what would have been marked or worse; malware is held.
    Tag,
    /// Does what was found right.
    #[default]
    Protect,
}

impl Mode {
    /// All of them, mildest first.
    pub const ALL: [Mode; 3] = [Mode::Shadow, Mode::Tag, Mode::Protect];

    /// The word in configuration, header fields and trace.
    pub fn word(self) -> &'static str {
        match self {
            Mode::Shadow => "shadow",
            Mode::Tag => "tag",
            Mode::Protect => "protect",
        }
    }
}

/// Which mails from the world a copy is kept of when they are refused for what is in them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum KeepRejected {
    /// All but malware: nobody wants that back, and what is not here cannot be let out.
    #[default]
    NotMalware,
    /// Malware too, for whoever studies it.
    All,
    /// None.
    Nothing,
}

/// What the channel must show that mail to the world leaves by.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Leaves {
    /// Nothing.
    #[default]
    Anyhow,
    /// TLS, to whoever answers.
    Encrypted,
    /// TLS, to a server that somebody vouches for: a partner's terms, DANE, or an enforced MTA-STS policy.
    Proven,
}

impl Leaves {
    /// All of them, mildest first.
    pub const ALL: [Leaves; 3] = [Leaves::Anyhow, Leaves::Encrypted, Leaves::Proven];

    /// The word in the configuration.
    pub fn word(self) -> &'static str {
        match self {
            Leaves::Anyhow => "anyhow",
            Leaves::Encrypted => "encrypted",
            Leaves::Proven => "proven",
        }
    }

    /// What that asks of a channel.
    pub fn demand(self) -> Demand {
        match self {
            Leaves::Anyhow => Demand::Nothing,
            Leaves::Encrypted => Demand::Encrypted,
            Leaves::Proven => Demand::Proven,
        }
    }
}

/// What kind of trouble (or comfort) a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Category {
    /// Malware.
    Virus,
    /// Somebody pretends to be somebody.
    Phish,
    /// Unwanted.
    Spam,
    /// Against a rule of the house.
    Policy,
    /// Sender authentication.
    Auth,
    /// Malformed, ambiguous, could not be opened.
    Format,
    /// Personal data.
    Privacy,
    /// Encryption on the way.
    Transport,
    /// Sent to many.
    Bulk,
    /// Speaks for the sender.
    Trust,
}

impl Category {
    /// All of them.
    pub const ALL: [Category; 10] = [
        Category::Virus,
        Category::Phish,
        Category::Spam,
        Category::Policy,
        Category::Auth,
        Category::Format,
        Category::Privacy,
        Category::Transport,
        Category::Bulk,
        Category::Trust,
    ];

    /// Too dangerous to be released without review: its reader can ask for that, and no more.
    pub fn is_dangerous(self) -> bool {
        match self {
            Category::Virus | Category::Phish | Category::Format => true,
            Category::Spam
            | Category::Policy
            | Category::Auth
            | Category::Privacy
            | Category::Transport
            | Category::Bulk
            | Category::Trust => false,
        }
    }

    /// The word in rules, configuration and JSON.
    pub fn word(self) -> &'static str {
        match self {
            Category::Virus => "virus",
            Category::Phish => "phish",
            Category::Spam => "spam",
            Category::Policy => "policy",
            Category::Auth => "auth",
            Category::Format => "format",
            Category::Privacy => "privacy",
            Category::Transport => "transport",
            Category::Bulk => "bulk",
            Category::Trust => "trust",
        }
    }
}

/// The scores at which something happens. Invariant: mark ≤ quarantine ≤ reject, all above zero.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Thresholds {
    #[serde(serialize_with = "crate::base::number::write")]
    mark: f32,
    #[serde(serialize_with = "crate::base::number::write")]
    quarantine: f32,
    #[serde(serialize_with = "crate::base::number::write")]
    reject: f32,
}

/// Why thresholds were refused.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error(
    "thresholds must rise from above zero: mark {mark}, quarantine {quarantine}, reject {reject}"
)]
pub struct CrossedThresholds {
    /// Wanted for mark.
    pub mark: f32,
    /// Wanted for quarantine.
    pub quarantine: f32,
    /// Wanted for reject.
    pub reject: f32,
}

impl Thresholds {
    /// The only way in.
    pub fn new(mark: f32, quarantine: f32, reject: f32) -> Result<Thresholds, CrossedThresholds> {
        if 0.0 < mark && mark <= quarantine && quarantine <= reject && reject.is_finite() {
            return Ok(Thresholds { mark, quarantine, reject });
        }
        Err(CrossedThresholds { mark, quarantine, reject })
    }

    /// At or above: mark.
    pub fn mark(&self) -> f32 {
        self.mark
    }

    /// At or above: quarantine.
    pub fn quarantine(&self) -> f32 {
        self.quarantine
    }

    /// At or above: reject.
    pub fn reject(&self) -> f32 {
        self.reject
    }
}

impl Default for Thresholds {
    /// DECISIONS: mark 5, quarantine 8, reject 15.
    fn default() -> Thresholds {
        Thresholds { mark: 5.0, quarantine: 8.0, reject: 15.0 }
    }
}

/// One policy: what is done in each direction.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Policy {
    /// Its name in the configuration; "default" for the one every domain has unless told otherwise.
    pub name: String,
    /// How far it acts, if it says so itself; else its organisation says, else [`Mode::Protect`].
    pub mode: Option<Mode>,
    /// Score from which a stranger's mail must be tried twice (greylisting); none: never.
    #[serde(serialize_with = "crate::base::number::write_any")]
    pub greylist: Option<f32>,
    /// Which refused mails a copy is kept of.
    pub keep_rejected: KeepRejected,
    /// How mail to the world leaves.
    pub transport: Leaves,
    /// How mail with personal data leaves.
    pub personal_data: PersonalData,
    /// Rules: who, what and when, and what that leads to.
    pub rules: BTreeMap<RuleName, Rule>,
    /// For mail from the world.
    pub inbound: Course,
    /// For mail to the world.
    pub outbound: Course,
}

/// What is done in one direction.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Course {
    /// Spam scores.
    pub thresholds: Thresholds,
    /// Weights of phish findings together, at or above which the phish action is taken.
    #[serde(serialize_with = "crate::base::number::write")]
    pub phish_at: f32,
    /// What a demand of a category leads to; a category that is not here demands nothing.
    pub actions: BTreeMap<Category, Action>,
    /// What a part leads to that could not be opened.
    pub unscanned: Action,
    /// What any spam score can lead to at most. Outbound: hold, and tell the contact; our own user is not "refused".
    pub spam_at_most: Action,
    /// What single findings lead to at least.
    pub findings: BTreeMap<FindingName, Action>,
}

/// The id of a finding, or the beginning of several: "attachment.macro", "attachment.*".
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct FindingName(String);

/// Why a text is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is no finding: write an id such as \"attachment.macro\", or \"attachment.*\" for all that begin so"
)]
pub struct NotAFinding(String);

impl FindingName {
    /// As it is written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Does it name this finding?
    pub fn is_of(&self, id: &str) -> bool {
        match self.0.strip_suffix('*') {
            Some(begin) => id.starts_with(begin),
            None => self.0 == id,
        }
    }
}

impl TryFrom<String> for FindingName {
    type Error = NotAFinding;

    fn try_from(text: String) -> Result<FindingName, NotAFinding> {
        let is_word = |word: &str| {
            let is_letter = |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit();
            !word.is_empty() && word.chars().all(|letter| is_letter(letter) || letter == '_')
        };
        let is_name = match text.rsplit_once('.') {
            Some((words, last)) => words.split('.').all(is_word) && (last == "*" || is_word(last)),
            None => false,
        };
        if is_name { Ok(FindingName(text)) } else { Err(NotAFinding(text)) }
    }
}

impl From<FindingName> for String {
    fn from(name: FindingName) -> String {
        name.0
    }
}

impl Course {
    /// What this finding leads to at least, where the policy says so; of several names the longest counts.
    pub fn said_of(&self, id: &str) -> Option<Action> {
        let named = self.findings.iter().filter(|(name, _)| name.is_of(id));
        named.max_by_key(|(name, _)| name.0.len()).map(|(_, action)| *action)
    }
}

impl Policy {
    /// How far it acts.
    pub fn mode(&self) -> Mode {
        self.mode.unwrap_or_default()
    }

    /// The same for an organisation that has a mode and a country of its own: the policy's own word wins.
    pub fn within(&self, mode: Option<Mode>, country: Option<&str>) -> Policy {
        let of_country = CareByClass::of_country(country);
        let personal_data = PersonalData { of_country, ..self.personal_data };
        Policy { mode: self.mode.or(mode), personal_data, ..self.clone() }
    }

    /// The same for `postmaster` and `abuse`: what is only weighed is at most marked; what is demanded stays demanded.
    pub fn for_roles(&self) -> Policy {
        let eased = |course: &Course| Course {
            spam_at_most: course.spam_at_most.min(Action::Mark),
            phish_at: f32::MAX,
            ..course.clone()
        };
        Policy {
            name: self.name.clone(),
            mode: self.mode,
            greylist: None,
            keep_rejected: self.keep_rejected,
            transport: self.transport,
            personal_data: self.personal_data,
            rules: self.rules.clone(),
            inbound: eased(&self.inbound),
            outbound: eased(&self.outbound),
        }
    }

    /// The course for a direction.
    pub fn course(&self, direction: Direction) -> &Course {
        match direction {
            Direction::Inbound => &self.inbound,
            Direction::Outbound => &self.outbound,
        }
    }
}

impl Default for Policy {
    /// DECISIONS "verdicts": virus is refused both ways, phish is held, an unopened part is held,
    /// outbound spam is held.
    fn default() -> Policy {
        let course = |spam_at_most| Course {
            thresholds: Thresholds::default(),
            phish_at: 6.0,
            actions: BTreeMap::from([
                (Category::Virus, Action::Reject),
                (Category::Phish, Action::Quarantine),
                (Category::Spam, Action::Reject),
                (Category::Policy, Action::Quarantine),
                (Category::Format, Action::Quarantine),
            ]),
            unscanned: Action::Quarantine,
            spam_at_most,
            findings: BTreeMap::new(),
        };
        Policy {
            name: "default".to_string(),
            mode: None,
            greylist: None,
            keep_rejected: KeepRejected::default(),
            transport: Leaves::default(),
            personal_data: PersonalData::default(),
            rules: BTreeMap::new(),
            inbound: course(Action::Reject),
            outbound: course(Action::Quarantine),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_finding_is_named_by_its_id_or_its_beginning() {
        let name = |text: &str| FindingName::try_from(text.to_string());
        for bad in ["", "attachment", "*", "Attachment.macro", "a..b", "a.b*", ".a", "a. b"] {
            assert!(name(bad).is_err(), "{bad}");
        }
        let mut course = Policy::default().inbound;
        assert_eq!(course.said_of("attachment.macro"), None);
        course.findings = BTreeMap::from([
            (name("attachment.*").unwrap(), Action::Quarantine),
            (name("attachment.page").unwrap(), Action::Deliver),
            (name("yara.x_1").unwrap(), Action::Reject),
        ]);
        for (id, want) in [
            ("attachment.macro", Some(Action::Quarantine)),
            ("attachment.page", Some(Action::Deliver)),
            ("attachment.page_form", Some(Action::Quarantine)),
            ("yara.x_1", Some(Action::Reject)),
            ("attachments.x", None),
        ] {
            assert_eq!(course.said_of(id), want, "{id}");
        }
    }

    #[test]
    fn thresholds_must_rise() {
        assert!(Thresholds::new(5.0, 8.0, 15.0).is_ok());
        for (mark, quarantine, reject) in
            [(8.0, 5.0, 15.0), (0.0, 1.0, 2.0), (1.0, 2.0, f32::NAN), (1.0, 2.0, f32::INFINITY)]
        {
            assert!(Thresholds::new(mark, quarantine, reject).is_err());
        }
    }

    #[test]
    fn the_policys_own_mode_wins_then_the_organisations_then_protect() {
        use Mode::{Protect, Shadow, Tag};
        for (own, organisation, want) in [
            (None, None, Protect),
            (None, Some(Shadow), Shadow),
            (Some(Tag), Some(Shadow), Tag),
            (Some(Protect), Some(Shadow), Protect),
            (Some(Tag), None, Tag),
        ] {
            let policy = Policy { mode: own, ..Policy::default() }.within(organisation, None);
            assert_eq!(policy.mode(), want, "{own:?} {organisation:?}");
            assert_eq!(policy.for_roles().mode(), want, "postmaster has the same mode");
        }
        for mode in Mode::ALL {
            assert_eq!(serde_json::to_value(mode).unwrap(), mode.word());
        }
    }

    #[test]
    fn words_round_trip() {
        for action in Action::ALL {
            assert_eq!(Action::from_word(action.word()), Some(action));
        }
        assert!(Action::Deliver < Action::Mark && Action::Quarantine < Action::Reject);
    }
}
