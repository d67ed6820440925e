//! `[[control]]`: the security policy as a list of things that must hold, each with a measure, a limit and somebody who answers for it.

use crate::{
    base::{limits, units},
    config::{
        error::Step::{self, At, Key},
        file::{Config, Span},
    },
    mail::{Address, Direction, Domain, Organisation},
    wire::{report::deviation::Measure, tls::Version},
};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use std::{collections::HashSet, fmt, path::PathBuf, time::Duration};

/// One control as it is written. Which keys belong to it, its measure says; that they fit was checked when the file was read.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ControlEntry {
    /// What it is called, in letters, pages, metrics and the audit log: 1 to 60 letters in one line, each name once.
    pub name: String,
    /// What is looked at: "partner-tls", "personal-data-in-clear", "signatures-age", "backup-age", "audit-link", "audit-checkpoint",
    /// "certificate-days-left" or "queue-age".
    pub measure: Measure,
    /// How far it may go. A number for what is counted: mails or deliveries that are still borne (default 0), days that the certificate must
    /// have left (default 14). A span for what has an age: signatures "24 hours", backup "25 hours", audit-link "10 minutes",
    /// audit-checkpoint "5 minutes", queue "4 hours" if not written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<Limit>,
    /// Of what is counted: how far back. Default "24 hours", at most "31 days" and as long as the trace is kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub within: Option<Span>,
    /// partner-tls: the partner's domain. personal-data-in-clear: only mail from or for this domain of ours; default all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub domain: Option<Domain>,
    /// partner-tls: what is below the domain, too. Default false.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub subdomains: bool,
    /// partner-tls: the oldest version of TLS that will do, "1.2" (default) or "1.3".
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<TlsVersion>,
    /// Being encrypted is not enough: somebody must vouch for the server (DANE, MTA-STS, a partner's terms). Default false.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub proven: bool,
    /// personal-data-in-clear: only "inbound" or only "outbound" mail. Default both.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub direction: Option<Direction>,
    /// signatures-age: which, of "clamav", "hash-lists" and "rules". Default: the first two, as far as they are configured.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub of: Vec<Signatures>,
    /// backup-age: the absolute path of a file that the backup touches when it has succeeded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<PathBuf>,
    /// Whose control it is: its people see it, and of measures over mail only its mail counts. Default: the site's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub organisation: Option<Organisation>,
    /// Who is told when it breaks and when it is well again: an address, or up to ten.
    #[serde(deserialize_with = "one_or_many", skip_serializing_if = "Vec::is_empty")]
    pub owner: Vec<Address>,
    /// How often they are reminded while it is broken: "1 hour" to "31 days". Default "1 day".
    #[serde(default = "default_remind")]
    pub remind: Span,
    /// Who is told, once, when it stays broken: an address, or up to ten. Default nobody.
    #[serde(default, deserialize_with = "one_or_many", skip_serializing_if = "Vec::is_empty")]
    pub escalate_to: Vec<Address>,
    /// After how long: "1 minute" to "31 days". Default "3 days".
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub escalate_after: Option<Span>,
    /// How long it must be good before it is called well again: "1 second" to "4 hours". Default "5 minutes". It doubles for each time that
    /// the control broke within a day.
    #[serde(default = "default_steady")]
    pub steady: Span,
}

/// A limit as it is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Limit {
    /// So many.
    Count(u64),
    /// So old.
    Age(Span),
}

impl Serialize for Limit {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Limit::Count(count) => count.serialize(serializer),
            Limit::Age(span) => span.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for Limit {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Limit, D::Error> {
        struct Either;
        impl de::Visitor<'_> for Either {
            type Value = Limit;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a whole number, or a span such as \"24 hours\"")
            }

            fn visit_i64<E: de::Error>(self, number: i64) -> Result<Limit, E> {
                u64::try_from(number)
                    .map(Limit::Count)
                    .map_err(|_| E::custom(format!("limit = {number} is below zero")))
            }

            fn visit_u64<E: de::Error>(self, number: u64) -> Result<Limit, E> {
                Ok(Limit::Count(number))
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Limit, E> {
                units::parse_span(text).map(|span| Limit::Age(Span(span))).map_err(E::custom)
            }
        }
        deserializer.deserialize_any(Either)
    }
}

/// A version of TLS as it is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum TlsVersion {
    /// 1.2.
    #[serde(rename = "1.2")]
    Tls12,
    /// 1.3.
    #[serde(rename = "1.3")]
    Tls13,
}

/// What signatures are meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Signatures {
    /// Those of `[clamd]`.
    Clamav,
    /// The files of every `[[hash-list]]`.
    HashLists,
    /// The newest file in each folder of `[rules]`.
    Rules,
}

/// What is looked at, with all that it needs, and how far it may go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Test {
    /// Mails that were not as they should be.
    Mails(OfMails),
    /// The oldest of these is no older.
    SignaturesAge {
        /// Which.
        of: Vec<Signatures>,
        /// At most.
        limit: Duration,
    },
    /// The file is no older.
    BackupAge {
        /// Which.
        file: PathBuf,
        /// At most.
        limit: Duration,
    },
    /// No record that the log server has not confirmed is older.
    AuditLink {
        /// At most.
        limit: Duration,
    },
    /// No record that is not signed is older.
    AuditCheckpoint {
        /// At most.
        limit: Duration,
    },
    /// The certificate has so many days left.
    CertificateDaysLeft {
        /// At least.
        limit: u64,
    },
    /// No mail waits for longer.
    QueueAge {
        /// At most.
        limit: Duration,
    },
}

/// What is counted in mails that passed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OfMails {
    /// Which mails.
    pub which: Which,
    /// Encryption is not enough: somebody must have vouched for the server.
    pub proven: bool,
    /// How far back.
    pub within: Duration,
    /// At most so many may have been otherwise.
    pub limit: u64,
}

/// Which mails are looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Which {
    /// Deliveries to a partner.
    ToPartner {
        /// The domain.
        domain: Domain,
        /// With what is below it.
        subdomains: bool,
        /// The oldest version of TLS that will do.
        version: Version,
    },
    /// Those with personal data.
    WithPersonalData {
        /// From or for this domain of ours only.
        domain: Option<Domain>,
        /// Only these.
        direction: Option<Direction>,
    },
}

impl Test {
    /// How soon it could break: it is looked at as often.
    pub fn shortest(&self) -> Option<Duration> {
        match self {
            Test::SignaturesAge { limit, .. }
            | Test::BackupAge { limit, .. }
            | Test::AuditLink { limit }
            | Test::AuditCheckpoint { limit }
            | Test::QueueAge { limit } => Some(*limit),
            Test::Mails(mails) => Some(mails.within),
            Test::CertificateDaysLeft { .. } => None,
        }
    }
}

/// Why an entry makes no sense: its key, what is wrong, and the mend.
pub type Odd = (&'static str, String, &'static str);

impl ControlEntry {
    /// What is looked at. It is an error where a key is missing or does not belong to the measure.
    pub fn test(&self) -> Result<Test, Odd> {
        self.has_no_stranger()?;
        let hours = |hours: u64| Duration::from_secs(hours * 3_600);
        let minutes = |minutes: u64| Duration::from_secs(minutes * 60);
        Ok(match self.measure {
            Measure::PartnerTls => self.mails(Which::ToPartner {
                domain: self.domain.clone().ok_or_else(|| {
                    let message = "partner-tls needs the partner's domain".to_string();
                    ("measure", message, "write domain = \"partner.example\"")
                })?,
                subdomains: self.subdomains,
                version: match self.version.unwrap_or(TlsVersion::Tls12) {
                    TlsVersion::Tls12 => Version::Tls12,
                    TlsVersion::Tls13 => Version::Tls13,
                },
            })?,
            Measure::PersonalDataInClear => self.mails(Which::WithPersonalData {
                domain: self.domain.clone(),
                direction: self.direction,
            })?,
            Measure::SignaturesAge => {
                Test::SignaturesAge { of: self.of.clone(), limit: self.age(hours(24))? }
            }
            Measure::BackupAge => {
                let file = self.file.clone().filter(|file| file.is_absolute());
                let file = file.ok_or_else(|| {
                    let message =
                        "backup-age needs the absolute path of a file that the backup touches";
                    ("measure", message.to_string(), "write file = \"/var/lib/backup/done\"")
                })?;
                Test::BackupAge { file, limit: self.age(hours(25))? }
            }
            Measure::AuditLink => Test::AuditLink { limit: self.age(minutes(10))? },
            Measure::AuditCheckpoint => Test::AuditCheckpoint { limit: self.age(minutes(5))? },
            Measure::CertificateDaysLeft => {
                Test::CertificateDaysLeft { limit: self.count(limits::CERTIFICATE_DAYS_MIN)? }
            }
            Measure::QueueAge => Test::QueueAge { limit: self.age(hours(4))? },
        })
    }

    fn mails(&self, which: Which) -> Result<Test, Odd> {
        let (within, limit) = (self.window()?, self.count(0)?);
        Ok(Test::Mails(OfMails { which, proven: self.proven, within, limit }))
    }

    /// What stands there must belong to the measure: a key that is not looked at deceives whoever wrote it.
    fn has_no_stranger(&self) -> Result<(), Odd> {
        let written = [
            ("within", self.within.is_some()),
            ("domain", self.domain.is_some()),
            ("subdomains", self.subdomains),
            ("version", self.version.is_some()),
            ("proven", self.proven),
            ("direction", self.direction.is_some()),
            ("of", !self.of.is_empty()),
            ("file", self.file.is_some()),
        ];
        let belong: &[&str] = match self.measure {
            Measure::PartnerTls => &["within", "domain", "subdomains", "version", "proven"],
            Measure::PersonalDataInClear => &["within", "domain", "proven", "direction"],
            Measure::SignaturesAge => &["of"],
            Measure::BackupAge => &["file"],
            Measure::AuditLink
            | Measure::AuditCheckpoint
            | Measure::CertificateDaysLeft
            | Measure::QueueAge => &[],
        };
        let stranger =
            written.iter().find(|(key, is_written)| *is_written && !belong.contains(key));
        match stranger {
            Some((key, _)) => {
                let message = format!("{key} means nothing to the measure {}", self.measure);
                Err((key, message, "leave it out; README says which keys a measure has"))
            }
            None => Ok(()),
        }
    }

    fn count(&self, otherwise: u64) -> Result<u64, Odd> {
        match self.limit {
            None => Ok(otherwise),
            Some(Limit::Count(count)) => Ok(count),
            Some(Limit::Age(_)) => {
                let message = format!("the limit of {} is a number, no span", self.measure);
                Err(("limit", message, "write a whole number without quotes, such as limit = 0"))
            }
        }
    }

    fn age(&self, otherwise: Duration) -> Result<Duration, Odd> {
        match self.limit {
            None => Ok(otherwise),
            Some(Limit::Age(Span(span))) if span >= limits::CONTROL_ROUND_MIN => Ok(span),
            Some(Limit::Age(_)) => {
                let message = "a limit below a second cannot be kept".to_string();
                Err(("limit", message, "write a second or more, such as limit = \"25 hours\""))
            }
            Some(Limit::Count(count)) => {
                let message =
                    format!("the limit of {} is a span, and {count} has no unit", self.measure);
                Err(("limit", message, "write a number and a unit, such as limit = \"25 hours\""))
            }
        }
    }

    fn window(&self) -> Result<Duration, Odd> {
        let Some(Span(within)) = self.within else { return Ok(limits::CONTROL_WINDOW) };
        match within >= limits::CONTROL_ROUND_MIN && within <= limits::CONTROL_WINDOW_MAX {
            true => Ok(within),
            false => {
                let message =
                    format!("within = \"{}\" is too short or too long", units::show_span(within));
                Err(("within", message, "write from \"1 second\" to \"31 days\""))
            }
        }
    }

    /// After how long others are told, if there are any.
    pub fn escalates_after(&self) -> Option<Duration> {
        let after = self.escalate_after.map_or(limits::CONTROL_ESCALATE_AFTER, |span| span.0);
        (!self.escalate_to.is_empty()).then_some(after)
    }
}

/// What is wrong, and the mend.
type Wrong = (Vec<Step>, String, &'static str);

/// The first mistake in the controls.
pub(super) fn check(config: &Config) -> Result<(), Wrong> {
    let place = |number, key| vec![Key("control"), At(number), Key(key)];
    if config.controls.len() > limits::CONTROLS_MAX {
        let message = format!("there are {} controls", config.controls.len());
        let place = vec![Key("control"), At(limits::CONTROLS_MAX)];
        return Err((place, message, "keep to 200: somebody has to answer for each"));
    }
    let mut names = HashSet::new();
    for (number, entry) in config.controls.iter().enumerate() {
        let wrong = |(key, message, mend): Odd| Err((place(number, key), message, mend));
        if let Err(odd) = named(entry).and_then(|()| times(entry)) {
            return wrong(odd);
        }
        if !names.insert(&entry.name) {
            let message = format!("two controls are called {:?}", entry.name);
            return wrong(("name", message, "give each [[control]] its own name"));
        }
        if let Err(odd) = entry.test().and_then(|test| surroundings(config, entry, &test)) {
            return wrong(odd);
        }
    }
    Ok(())
}

fn named(entry: &ControlEntry) -> Result<(), Odd> {
    let letters = entry.name.chars().count();
    if entry.name.trim().is_empty()
        || letters > limits::CONTROL_NAME_LETTERS_MAX
        || entry.name.chars().any(char::is_control)
    {
        let message = format!("{:?} is no name for a control", entry.name);
        return Err(("name", message, "write 1 to 60 letters in one line"));
    }
    for (key, readers) in [("owner", &entry.owner), ("escalate-to", &entry.escalate_to)] {
        if readers.len() > limits::CONTROL_READERS_MAX {
            let message = format!("{key} names {} addresses", readers.len());
            return Err((key, message, "name ten at most, or the address of a group"));
        }
    }
    match entry.owner.is_empty() {
        true => {
            let message = "nobody answers for this control".to_string();
            Err(("owner", message, "write owner = \"somebody@ours.example\""))
        }
        false => Ok(()),
    }
}

fn times(entry: &ControlEntry) -> Result<(), Odd> {
    let is_in = |span: Duration, least: Duration, most: Duration| span >= least && span <= most;
    let (minute, hour) = (Duration::from_secs(60), Duration::from_secs(3_600));
    if !is_in(entry.remind.0, hour, limits::CONTROL_WINDOW_MAX) {
        let message =
            format!("remind = \"{}\" is too often or too seldom", String::from(entry.remind));
        return Err(("remind", message, "write from \"1 hour\" to \"31 days\""));
    }
    if !is_in(entry.steady.0, limits::CONTROL_ROUND_MIN, limits::CONTROL_STEADY_MAX) {
        let message =
            format!("steady = \"{}\" is too short or too long", String::from(entry.steady));
        return Err(("steady", message, "write from \"1 second\" to \"4 hours\""));
    }
    match entry.escalate_after {
        Some(after) if !is_in(after.0, minute, limits::CONTROL_WINDOW_MAX) => {
            let message =
                format!("escalate-after = \"{}\" is too short or too long", String::from(after));
            Err(("escalate-after", message, "write from \"1 minute\" to \"31 days\""))
        }
        Some(_) if entry.escalate_to.is_empty() => {
            let message = "escalate-after says when, and nobody is named".to_string();
            Err(("escalate-after", message, "write escalate-to = \"somebody@ours.example\""))
        }
        Some(_) | None => Ok(()),
    }
}

/// What a control speaks of must be there.
fn surroundings(config: &Config, entry: &ControlEntry, test: &Test) -> Result<(), Odd> {
    if let Some(organisation) = &entry.organisation
        && !config.organisations.iter().any(|one| one.name == *organisation)
    {
        let message = format!("there is no organisation called {organisation}");
        return Err(("organisation", message, "name one that has an [[organisation]]"));
    }
    match test {
        Test::Mails(OfMails { which, within, .. }) => {
            match which {
                Which::ToPartner { domain, .. } if is_ours(config, domain) => {
                    let message = format!("{domain} is a domain of ours, no partner's");
                    return Err(("domain", message, "name a domain that others receive for"));
                }
                Which::WithPersonalData { domain: Some(domain), .. }
                    if !is_ours(config, domain) =>
                {
                    let message = format!("{domain} is no domain of ours");
                    let mend = "name a domain that has a [[domain]], or leave it out";
                    return Err(("domain", message, mend));
                }
                Which::ToPartner { .. } | Which::WithPersonalData { .. } => (),
            }
            is_kept(config, *within)
        }
        Test::SignaturesAge { of, .. } => {
            let (clamd, lists) = (config.clamd.is_some(), !config.hash_lists.is_empty());
            let missing = of.iter().find_map(|one| match one {
                Signatures::Clamav => (!clamd).then_some("[clamd]"),
                Signatures::HashLists => (!lists).then_some("[[hash-list]]"),
                Signatures::Rules => config.rules.folders.is_empty().then_some("[rules] folders"),
            });
            match missing {
                Some(section) => {
                    let message = format!("there is no {section} whose age could be told");
                    Err((
                        "of",
                        message,
                        "name what is configured: \"clamav\", \"hash-lists\", \"rules\"",
                    ))
                }
                None if of.is_empty() && !clamd && !lists => {
                    let message =
                        "there is neither [clamd] nor [[hash-list]], so nothing has an age";
                    Err((
                        "measure",
                        message.to_string(),
                        "write of = [\"rules\"], or configure one",
                    ))
                }
                None => Ok(()),
            }
        }
        Test::AuditLink { .. } if config.audit.syslog.is_none() => {
            let message = "the audit log is sent nowhere".to_string();
            Err(("measure", message, "write [audit] syslog = \"tls://log.example:6514\" first"))
        }
        Test::BackupAge { .. }
        | Test::AuditLink { .. }
        | Test::AuditCheckpoint { .. }
        | Test::CertificateDaysLeft { .. }
        | Test::QueueAge { .. } => Ok(()),
    }
}

fn is_ours(config: &Config, domain: &Domain) -> bool {
    config.domains.iter().any(|own| own.name == *domain)
        || config.domain_table.find(domain).is_some()
}

/// What the trace has forgotten cannot be counted.
fn is_kept(config: &Config, within: Duration) -> Result<(), Odd> {
    let days = config.store.trace_days;
    match within <= Duration::from_secs(days.saturating_mul(86_400)) {
        true => Ok(()),
        false => {
            let message = format!(
                "within = \"{}\" is longer than the trace is kept ({days} days)",
                units::show_span(within)
            );
            Err(("within", message, "write less, or let [store] trace-days be more"))
        }
    }
}

/// One address, or a list of them.
fn one_or_many<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Address>, D::Error> {
    struct OneOrMany;
    impl<'de> de::Visitor<'de> for OneOrMany {
        type Value = Vec<Address>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a mail address, or a list of them")
        }

        fn visit_str<E: de::Error>(self, text: &str) -> Result<Vec<Address>, E> {
            Address::parse(text)
                .map(|address| vec![address])
                .map_err(|why| E::custom(format!("{text:?} is no mail address: {why}")))
        }

        fn visit_seq<A: de::SeqAccess<'de>>(self, seq: A) -> Result<Vec<Address>, A::Error> {
            Vec::deserialize(de::value::SeqAccessDeserializer::new(seq))
        }
    }
    deserializer.deserialize_any(OneOrMany)
}

fn default_remind() -> Span {
    Span(limits::CONTROL_REMIND)
}

fn default_steady() -> Span {
    Span(limits::CONTROL_STEADY)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(more: &str) -> ControlEntry {
        toml::from_str(&format!("name = \"one\"\nowner = \"eva@ours.example\"\n{more}")).unwrap()
    }

    #[test]
    fn a_measure_has_its_own_keys_and_limits() {
        let hour = Duration::from_secs(3_600);
        let file = PathBuf::from("/var/done");
        for (more, want) in [
            (
                "measure = \"backup-age\"\nfile = \"/var/done\"",
                Test::BackupAge { file: file.clone(), limit: hour * 25 },
            ),
            (
                "measure = \"backup-age\"\nfile = \"/var/done\"\nlimit = \"2 hours\"",
                Test::BackupAge { file, limit: hour * 2 },
            ),
            ("measure = \"queue-age\"", Test::QueueAge { limit: hour * 4 }),
            (
                "measure = \"certificate-days-left\"\nlimit = 20",
                Test::CertificateDaysLeft { limit: 20 },
            ),
            (
                "measure = \"partner-tls\"\ndomain = \"region.example\"\nversion = \"1.3\"\nwithin = \"2 hours\"",
                Test::Mails(OfMails {
                    which: Which::ToPartner {
                        domain: Domain::parse("region.example").unwrap(),
                        subdomains: false,
                        version: Version::Tls13,
                    },
                    proven: false,
                    within: hour * 2,
                    limit: 0,
                }),
            ),
        ] {
            assert_eq!(read(more).test(), Ok(want), "{more}");
        }
    }

    #[test]
    fn an_entry_is_written_as_it_is_read() {
        let entry = read(
            "measure = \"signatures-age\"\nof = [\"clamav\"]\nlimit = \"2 days\"\nescalate-to = [\"chief@ours.example\"]\nremind = \"2 days\"",
        );
        assert_eq!(entry.escalates_after(), Some(limits::CONTROL_ESCALATE_AFTER));
        let again: ControlEntry = toml::from_str(&toml::to_string(&entry).unwrap()).unwrap();
        assert_eq!(again, entry);
        assert_eq!(read("measure = \"queue-age\"").escalates_after(), None);
    }
}
