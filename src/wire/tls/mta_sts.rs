//! MTA-STS, RFC 8461: the record that says that there is a policy, the policy itself, and the mail hosts it names.
//! Fetching and keeping it is others' business.

use crate::{base::limits, mail::Domain};
use serde::{Deserialize, Serialize};
use std::{fmt, time::Duration};

/// A policy, RFC 8461 section 3.2.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StsPolicy {
    /// How much it wants.
    pub mode: Mode,
    /// How long it may be kept.
    pub max_age: Duration,
    /// Mail hosts it names; empty only in mode none.
    pub mx: Vec<Pattern>,
}

/// How much a policy wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Mail goes to hosts it names, with good certificates, or not at all.
    Enforce,
    /// Failures are reported only.
    Testing,
    /// There is no policy any more.
    None,
}

/// A mail host, or all those one label below a name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Pattern {
    /// "mx.example".
    Exactly(Domain),
    /// "*.example".
    Below(Domain),
}

/// Neither a name nor a star before one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no mail host: \"mx.example.org\" or \"*.example.org\" is expected")]
pub struct NotAHost(String);

/// Why a record or a policy cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotSts {
    /// No record, or several: RFC 8461 section 3.1 has both mean that there is no policy.
    #[error("not exactly one record with v=STSv1")]
    NotOneRecord,
    /// Its id is missing or none.
    #[error("the record has no id of 1 to 32 letters and digits")]
    NoId,
    /// It is too long.
    #[error("the policy is longer than {} bytes", limits::STS_POLICY_BYTES_MAX)]
    TooLong,
    /// It is no text.
    #[error("the policy is no text")]
    NoText,
    /// It does not begin as such.
    #[error("the policy has no version STSv1")]
    NoVersion,
    /// Its mode is missing or unknown.
    #[error("the policy has no mode enforce, testing or none")]
    NoMode,
    /// Its max_age is missing or no number.
    #[error("the policy has no max_age in seconds")]
    NoMaxAge,
    /// It names no mail host, too many, or what is none.
    #[error("the policy has no usable list of mail hosts")]
    NoHosts,
}

/// The id of the policy, from the texts at `_mta-sts`: when it changes, the policy has.
pub fn record_id(texts: &[String]) -> Result<String, NotSts> {
    let mut ours = texts.iter().filter_map(|text| {
        let mut fields = text.split(';').map(str::trim);
        let (key, value) = fields.next()?.split_once('=')?;
        (key.trim() == "v" && value.trim() == "STSv1").then_some(fields)
    });
    let (Some(mut fields), None) = (ours.next(), ours.next()) else {
        return Err(NotSts::NotOneRecord);
    };
    let id = fields.find_map(|field| {
        let (key, value) = field.split_once('=')?;
        (key.trim() == "id").then(|| value.trim())
    });
    match id {
        Some(id)
            if (1..=32).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_alphanumeric()) =>
        {
            Ok(id.to_string())
        }
        Some(_) | None => Err(NotSts::NoId),
    }
}

/// Reads a policy as it was fetched.
pub fn read_policy(bytes: &[u8]) -> Result<StsPolicy, NotSts> {
    if bytes.len() > limits::STS_POLICY_BYTES_MAX {
        return Err(NotSts::TooLong);
    }
    let text = std::str::from_utf8(bytes).map_err(|_| NotSts::NoText)?;
    let pairs = || {
        text.lines().filter_map(|line| {
            let (key, value) = line.split_once(':')?;
            Some((key.trim(), value.trim()))
        })
    };
    // RFC 8461 section 3.2: of a key that comes twice, the first counts; of `mx`, all do.
    let first = |wanted: &str| pairs().find(|(key, _)| *key == wanted).map(|(_, value)| value);
    if first("version") != Some("STSv1") {
        return Err(NotSts::NoVersion);
    }
    let mode = match first("mode") {
        Some("enforce") => Mode::Enforce,
        Some("testing") => Mode::Testing,
        Some("none") => Mode::None,
        Some(_) | None => return Err(NotSts::NoMode),
    };
    let seconds = first("max_age").filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
    let seconds = seconds.and_then(|text| text.parse::<u64>().ok()).ok_or(NotSts::NoMaxAge)?;
    let max_age = Duration::from_secs(seconds).min(limits::STS_MAX_AGE_MAX);
    let named = pairs().filter(|(key, _)| *key == "mx").map(|(_, value)| value);
    let mx: Vec<Pattern> = named
        .take(limits::STS_HOSTS_MAX)
        .map(pattern)
        .collect::<Option<_>>()
        .ok_or(NotSts::NoHosts)?;
    match mx.is_empty() && mode != Mode::None {
        true => Err(NotSts::NoHosts),
        false => Ok(StsPolicy { mode, max_age, mx }),
    }
}

impl fmt::Display for StsPolicy {
    /// As a policy is written, to be read again by [`read_policy`].
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mode = match self.mode {
            Mode::Enforce => "enforce",
            Mode::Testing => "testing",
            Mode::None => "none",
        };
        writeln!(f, "version: STSv1\nmode: {mode}")?;
        for pattern in &self.mx {
            writeln!(f, "mx: {pattern}")?;
        }
        writeln!(f, "max_age: {}", self.max_age.as_secs())
    }
}

/// The id of a policy of ours: other when the policy is.
pub fn policy_id(policy: &StsPolicy) -> String {
    blake3::hash(policy.to_string().as_bytes()).to_hex().chars().take(20).collect()
}

fn pattern(text: &str) -> Option<Pattern> {
    match text.strip_prefix("*.") {
        Some(rest) => Domain::parse(rest).ok().map(Pattern::Below),
        None => Domain::parse(text).ok().map(Pattern::Exactly),
    }
}

impl Pattern {
    /// Is it this mail host? RFC 8461 section 4.1: a star stands for one label.
    pub fn names(&self, host: &Domain) -> bool {
        match self {
            Pattern::Exactly(name) => name == host,
            Pattern::Below(name) => {
                let rest = host.as_str().split_once('.').map(|(_, rest)| rest);
                rest == Some(name.as_str())
            }
        }
    }
}

impl TryFrom<String> for Pattern {
    type Error = NotAHost;

    fn try_from(text: String) -> Result<Pattern, NotAHost> {
        pattern(&text).ok_or(NotAHost(text))
    }
}

impl From<Pattern> for String {
    fn from(pattern: Pattern) -> String {
        pattern.to_string()
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Pattern::Exactly(name) => name.fmt(f),
            Pattern::Below(name) => write!(f, "*.{name}"),
        }
    }
}

impl StsPolicy {
    /// As it is served, RFC 8461 section 3.2.
    pub fn as_served(&self) -> String {
        self.to_string().replace('\n', "\r\n")
    }

    /// Does it name this mail host?
    pub fn names(&self, host: &Domain) -> bool {
        self.mx.iter().any(|pattern| pattern.names(host))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_record_has_an_id() {
        for (texts, want) in [
            (&["v=STSv1; id=20260131T0000;"][..], Ok("20260131T0000")),
            (&["v=spf1 -all", "v=STSv1;id=1"], Ok("1")),
            (&["v=STSv1 ; ext=x ; id = 7"], Ok("7")),
            (&[], Err(NotSts::NotOneRecord)),
            (&["v=STSv1; id=1", "v=STSv1; id=2"], Err(NotSts::NotOneRecord)),
            (&["v=STSv2; id=1"], Err(NotSts::NotOneRecord)),
            (&["id=1; v=STSv1"], Err(NotSts::NotOneRecord)),
            (&["v=STSv1;"], Err(NotSts::NoId)),
            (&["v=STSv1; id=a-b"], Err(NotSts::NoId)),
            (&["v=STSv1; id=123456789012345678901234567890123"], Err(NotSts::NoId)),
        ] {
            let texts: Vec<String> = texts.iter().map(|text| text.to_string()).collect();
            assert_eq!(record_id(&texts), want.map(str::to_string), "{texts:?}");
        }
    }

    #[test]
    fn a_policy_is_read_or_the_fault_named() {
        let good = "version: STSv1\r\nmode: enforce\r\nmx: mx.far.example\r\nmx: *.far.example\r\nmax_age: 604800\r\n";
        let policy = read_policy(good.as_bytes()).unwrap();
        assert_eq!(policy.mode, Mode::Enforce);
        assert_eq!(policy.max_age, Duration::from_secs(604_800));
        assert_eq!(read_policy(policy.to_string().as_bytes()), Ok(policy.clone()));
        for (host, want) in [
            ("mx.far.example", true),
            ("b.far.example", true),
            ("a.b.far.example", false),
            ("far.example", false),
            ("mx.far.example.org", false),
        ] {
            assert_eq!(policy.names(&Domain::parse(host).unwrap()), want, "{host}");
        }
        for (text, want) in [
            (good.replace("STSv1", "STSv2"), Err(NotSts::NoVersion)),
            (good.replace("enforce", "insist"), Err(NotSts::NoMode)),
            (good.replace("604800", "-1"), Err(NotSts::NoMaxAge)),
            (good.replace("604800", "a week"), Err(NotSts::NoMaxAge)),
            (good.replace("mx: ", "my: "), Err(NotSts::NoHosts)),
            (good.replace("*.far", "*.*.far"), Err(NotSts::NoHosts)),
            (good.replace("enforce", "none").replace("mx: ", "my: "), Ok(Mode::None)),
            (good.replace("\r\n", "\n"), Ok(Mode::Enforce)),
            (format!("{good}mode: none\n"), Ok(Mode::Enforce)),
            (good.replace("mode: enforce", "later: yes\nmode: testing"), Ok(Mode::Testing)),
            ("x".repeat(limits::STS_POLICY_BYTES_MAX + 1), Err(NotSts::TooLong)),
        ] {
            assert_eq!(read_policy(text.as_bytes()).map(|policy| policy.mode), want, "{text}");
        }
        assert_eq!(read_policy(&[0xff]), Err(NotSts::NoText));
        let policy = read_policy(good.as_bytes()).unwrap();
        assert_eq!(read_policy(policy.as_served().as_bytes()), Ok(policy.clone()));
        let other = StsPolicy { mode: Mode::None, ..policy.clone() };
        assert_ne!(policy_id(&policy), policy_id(&other));
        let record = format!("v=STSv1; id={}", policy_id(&policy));
        assert_eq!(record_id(&[record]), Ok(policy_id(&policy)));
        let long = good.replace("604800", "99999999999");
        assert_eq!(read_policy(long.as_bytes()).unwrap().max_age, limits::STS_MAX_AGE_MAX);
    }
}
