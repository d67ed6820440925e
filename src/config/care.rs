//! What is asked of mail with personal data that leaves: by the class of the mail, and by the country whose authorities the sender answers to.
//!
//! A country's table says what that country's authority has been seen to ask for, and is where an organisation begins; it is no legal advice.

use crate::{config::organisation::Role, wire::tls::Demand};
use serde::{Deserialize, Serialize};

/// How much harm the personal data in a mail could do, mildest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Class {
    /// Numbers of one to nine persons, a register of so few, or what opens an account.
    Confidential,
    /// Of the special categories (GDPR articles 9 and 10), with a person.
    Sensitive,
    /// Of ten persons or more.
    Bulk,
}

impl Class {
    /// All of them, mildest first.
    pub const ALL: [Class; 3] = [Class::Confidential, Class::Sensitive, Class::Bulk];

    /// Its name.
    pub fn word(self) -> &'static str {
        match self {
            Class::Confidential => "confidential",
            Class::Sensitive => "sensitive",
            Class::Bulk => "bulk",
        }
    }

    /// The finding that says so.
    pub fn finding(self) -> &'static str {
        match self {
            Class::Confidential => "personal.confidential",
            Class::Sensitive => "personal.sensitive",
            Class::Bulk => "personal.bulk",
        }
    }
}

/// What is asked of the way that a mail leaves by, mildest first.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "kebab-case")]
pub enum Care {
    /// Nothing.
    #[default]
    Anyhow,
    /// TLS, to whoever answers.
    Encrypted,
    /// TLS, to a server that somebody vouches for: a partner's terms, DANE, or an enforced MTA-STS policy.
    Proven,
    /// The content itself is encrypted for its reader.
    Protected,
    /// Somebody who answers for personal data has said yes.
    Approved,
    /// It does not leave.
    Refused,
}

impl Care {
    /// All of them, mildest first.
    pub const ALL: [Care; 6] = [
        Care::Anyhow,
        Care::Encrypted,
        Care::Proven,
        Care::Protected,
        Care::Approved,
        Care::Refused,
    ];

    /// The word in the configuration.
    pub fn word(self) -> &'static str {
        match self {
            Care::Anyhow => "anyhow",
            Care::Encrypted => "encrypted",
            Care::Proven => "proven",
            Care::Protected => "protected",
            Care::Approved => "approved",
            Care::Refused => "refused",
        }
    }

    /// What that asks of the channel, where the content is protected by nothing else.
    pub fn demand(self) -> Demand {
        match self {
            Care::Anyhow => Demand::Nothing,
            Care::Encrypted => Demand::Encrypted,
            Care::Proven | Care::Protected | Care::Approved | Care::Refused => Demand::Proven,
        }
    }
}

/// What is asked for each class.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct CareByClass {
    /// For [`Class::Confidential`].
    pub confidential: Care,
    /// For [`Class::Sensitive`].
    pub sensitive: Care,
    /// For [`Class::Bulk`].
    pub bulk: Care,
}

impl CareByClass {
    /// The table of a country (ISO 3166-1); nothing is asked where none is known.
    ///
    /// SE: the authority fined a region whose mail was encrypted on the way and in clear inside (Region Uppsala), so what is sensitive takes more than
    /// TLS. DK: forced TLS of 1.2 or newer is the stated minimum for what is confidential and for what is sensitive. NO and FI: as DK; what the authorities
    /// there recommend is met by it. Of ten persons and more nothing leaves anywhere before somebody has looked.
    pub fn of_country(country: Option<&str>) -> CareByClass {
        let sensitive = match country.map(str::to_ascii_uppercase).as_deref() {
            Some("SE") => Care::Protected,
            Some("DK" | "NO" | "FI") => Care::Proven,
            Some(_) | None => return CareByClass::default(),
        };
        CareByClass { confidential: Care::Proven, sensitive, bulk: Care::Approved }
    }

    /// What is asked for this class.
    pub fn of(&self, class: Class) -> Care {
        match class {
            Class::Confidential => self.confidential,
            Class::Sensitive => self.sensitive,
            Class::Bulk => self.bulk,
        }
    }
}

/// How sure a finding of personal data is at least.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Sureness {
    /// As many a business number looks.
    Low,
    /// Probably one.
    Medium,
    /// Enough to act on alone.
    High,
}

impl Sureness {
    /// The word in the configuration, and in findings.
    pub fn word(self) -> &'static str {
        match self {
            Sureness::Low => "low",
            Sureness::Medium => "medium",
            Sureness::High => "high",
        }
    }

    /// Is a finding of this confidence as sure?
    pub fn is_met_by(self, confidence: &str) -> bool {
        match self {
            Sureness::Low => true,
            Sureness::Medium => confidence != Sureness::Low.word(),
            Sureness::High => confidence == Sureness::High.word(),
        }
    }
}

/// Who hears of it that a mail with personal data was not simply sent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Tell {
    /// Nobody by letter. Held mail stands among what needs somebody all the same.
    Nobody,
    /// The sender, when it did not go as it was sent.
    #[default]
    WhenStopped,
    /// The sender, whenever there was any; how often is bounded.
    Always,
}

impl Tell {
    /// All of them.
    pub const ALL: [Tell; 3] = [Tell::Nobody, Tell::WhenStopped, Tell::Always];

    /// The word in the configuration.
    pub fn word(self) -> &'static str {
        match self {
            Tell::Nobody => "nobody",
            Tell::WhenStopped => "when-stopped",
            Tell::Always => "always",
        }
    }
}

/// What a policy says of personal data that leaves; what it does not say, the country's table says.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct PersonalData {
    /// For every class that is not named.
    pub all: Option<Care>,
    /// For [`Class::Confidential`].
    pub confidential: Option<Care>,
    /// For [`Class::Sensitive`].
    pub sensitive: Option<Care>,
    /// For [`Class::Bulk`].
    pub bulk: Option<Care>,
    /// What would be asked is written down, and nothing is done.
    pub simulate: bool,
    /// Who hears of it.
    pub tell: Tell,
    /// Who is asked about what is held.
    pub approver: Role,
    /// Whoever sent what waits for approval may say yes himself.
    pub own_yes: bool,
    /// Whoever sent a mail may say, with a reason, that what was found in it is no personal data.
    pub may_override: bool,
    /// The table of the country of whoever sends.
    pub of_country: CareByClass,
}

impl PersonalData {
    /// What is asked for this class.
    pub fn of(&self, class: Class) -> Care {
        let own = match class {
            Class::Confidential => self.confidential,
            Class::Sensitive => self.sensitive,
            Class::Bulk => self.bulk,
        };
        own.or(self.all).unwrap_or_else(|| self.of_country.of(class))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_class_asks_what_is_nearest_to_it() {
        let se = PersonalData {
            of_country: CareByClass::of_country(Some("se")),
            ..PersonalData::default()
        };
        let all = |of: PersonalData| Class::ALL.map(|class| of.of(class).word());
        assert_eq!(all(se), ["proven", "protected", "approved"]);
        for country in ["DK", "NO", "FI"] {
            let of_country = CareByClass::of_country(Some(country));
            let theirs = PersonalData { of_country, ..PersonalData::default() };
            assert_eq!(all(theirs), ["proven", "proven", "approved"], "{country}");
        }
        assert_eq!(all(PersonalData::default()), ["anyhow"; 3]);
        let one_word = PersonalData { all: Some(Care::Encrypted), ..se };
        assert_eq!(all(one_word), ["encrypted"; 3]);
        let named = PersonalData { bulk: Some(Care::Refused), ..one_word };
        assert_eq!(all(named), ["encrypted", "encrypted", "refused"]);
    }
}
