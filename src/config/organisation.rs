//! `[[organisation]]`: who owns domains, networks, accounts, policies and keys.
//!
//! None written: one is implied, called "default", that owns everything. As soon as one is written each domain says whose it is.

use crate::{
    config::{
        branding::Branding, file::NextHops, lists::Lists, partner::PartnerEntry, policy::Mode,
        vip::Vip,
    },
    mail::{Address, Domain, Organisation},
};
use ipnet::IpNet;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use std::{collections::BTreeMap, fmt};

/// One organisation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct OrganisationEntry {
    /// A short name for commands, logs and rows: letters, digits, hyphen, dot, underscore. It never changes; `title` may.
    pub name: Organisation,
    /// What people call it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// How it looks to its people, in digests and on pages: `[organisation.branding]`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub branding: Option<Branding>,
    /// The country whose rules and identity numbers concern it: "SE". Two capital letters (ISO 3166-1).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub country: Option<Code>,
    /// The languages its people read, the first preferred: ["sv", "en"] (ISO 639-1).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub languages: Vec<Code>,
    /// Who is told what: postmaster, security, privacy, abuse.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub contacts: BTreeMap<Role, Address>,
    /// The policy of its domains and of the mail it sends, where they name none. Default: "default".
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<String>,
    /// How far its policies act that do not say so themselves: "shadow", "tag" or "protect". Default: "protect".
    /// A new organisation begins best in "shadow": see `mode` in `[[policy]]`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mode: Option<Mode>,
    /// Networks that send for it and for nobody else by outbound listeners. Its AUTH accounts send from anywhere.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub networks: Vec<IpNet>,
    /// Domains it may write as beside those it receives for: a newsletter's, one whose mailboxes are elsewhere.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub send_as: Vec<Domain>,
    /// A mail with its own envelope sender and a stranger's From: "refuse" (default), or "allow" where it runs mailing lists. Never signed.
    #[serde(default, skip_serializing_if = "ForeignFrom::is_default")]
    pub foreign_from: ForeignFrom,
    /// The domain that forwarded mail gets its rewritten sender (SRS) in. Its MX must lead here. Default: the first domain of the organisation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub forward_domain: Option<Domain>,
    /// Mails with a stranger's sender that it may pass on in an hour. Default 1,000.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub forwards_per_hour: Option<u32>,
    /// Where its mail to the world goes. Default: as in `[outbound]`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub smarthost: Option<NextHops>,
    /// Its own lists of senders; they win over the site's.
    #[serde(default, skip_serializing_if = "Lists::is_empty")]
    pub lists: Lists,
    /// People in whose name fraudsters write: the management, the treasurer. A mail with such a name and a stranger's address is suspect.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub vips: Vec<Vip>,
    /// Domains of others that are imitated to deceive it: its partners, its bank, its accountant. Its own domains are watched without being
    /// named here. At most 10,000.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub protected_domains: Vec<Domain>,
    /// Its own `[[partner]]` entries, which its administrators can bind by page: the same keys, without `organisation`, and `authorities`
    /// only "system", for a file is the site's to name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub partners: Vec<PartnerEntry>,
    /// Days its held mail is kept. Default: as in `[store]`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quarantine_days: Option<u64>,
    /// Days its mail waits in the portal; 0: it has none, and what would go there is held. Default: as in `[portal]`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub portal_days: Option<u64>,
    /// Who reads what is sent to it by the page `public-url/send/NAME`. Default: there is no such page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub portal_inbox: Option<Address>,
    /// Countries far from here ("gb", "de") whose people's numbers are looked for where no word names them, too: those of its customers or staff.
    /// Of "de", "es", "fr", "gb", "it", "nl", "pl" and "us". Default: none, since a number of theirs is found beside its word alone.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub personal_data_countries: Vec<String>,
    /// Mark who stands in its mail, so that mails that speak of the same person are found (`sluss trace list --person`, `--same-person-as`): for
    /// whoever asks what there is about him, or when something has leaked. Marks tell nobody's number and end with the trace. Default: false.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub personal_data_same_person: bool,
    /// Days copies of mail refused to it are kept; 0: none. Default: as in `[store]`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rejected_days: Option<u64>,
}

/// What a contact is told of.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Mail that does not go as it should.
    Postmaster,
    /// Accounts that are taken, viruses from inside.
    Security,
    /// Personal data and deviations from policy.
    #[default]
    Privacy,
    /// Complaints from outside.
    Abuse,
}

impl Role {
    /// All of them.
    pub const ALL: [Role; 4] = [Role::Postmaster, Role::Security, Role::Privacy, Role::Abuse];

    /// The word in the configuration.
    pub fn word(self) -> &'static str {
        match self {
            Role::Postmaster => "postmaster",
            Role::Security => "security",
            Role::Privacy => "privacy",
            Role::Abuse => "abuse",
        }
    }
}

/// A stranger's From over an own envelope sender.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ForeignFrom {
    /// 550 at the dot.
    #[default]
    Refuse,
    /// Taken, never signed.
    Allow,
}

impl ForeignFrom {
    fn is_default(&self) -> bool {
        *self == ForeignFrom::Refuse
    }
}

/// Two letters for a country or a language, as written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Code([u8; 2]);

impl Code {
    /// Two ASCII letters.
    pub fn parse(text: &str) -> Option<Code> {
        let bytes: [u8; 2] = text.as_bytes().try_into().ok()?;
        bytes.iter().all(u8::is_ascii_alphabetic).then_some(Code(bytes))
    }

    /// The letters.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for Code {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for Code {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Code, D::Error> {
        let text = String::deserialize(deserializer)?;
        Code::parse(&text).ok_or_else(|| {
            de::Error::custom(format!(
                "{text:?} is no code of two letters such as \"SE\" or \"sv\""
            ))
        })
    }
}

impl OrganisationEntry {
    /// An organisation of which nothing but the name is known.
    pub fn named(name: Organisation) -> OrganisationEntry {
        OrganisationEntry {
            name,
            title: None,
            branding: None,
            country: None,
            languages: Vec::new(),
            contacts: BTreeMap::new(),
            policy: None,
            mode: None,
            networks: Vec::new(),
            send_as: Vec::new(),
            foreign_from: ForeignFrom::default(),
            forward_domain: None,
            forwards_per_hour: None,
            smarthost: None,
            lists: Lists::default(),
            vips: Vec::new(),
            protected_domains: Vec::new(),
            partners: Vec::new(),
            quarantine_days: None,
            portal_days: None,
            portal_inbox: None,
            personal_data_countries: Vec::new(),
            personal_data_same_person: false,
            rejected_days: None,
        }
    }
}
