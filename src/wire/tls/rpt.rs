//! What is reported of TLS, RFC 8460: under which policy sessions were tried, how they failed, and where a domain wants to hear of it.

use super::{Policy, dane};
use crate::{
    base::limits,
    mail::{Address, Domain},
};
use std::net::IpAddr;

/// A session that was tried with a mail host of a domain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// The domain whose mail it was for.
    pub domain: Domain,
    /// Under which of the domain's policies.
    pub applied: Applied,
    /// How it failed, or would have under a policy that is only tested; none: all is well.
    pub failure: Option<Failure>,
}

/// A policy of a domain, as reports name it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Applied {
    /// What it is.
    pub kind: Kind,
    /// Its lines: those of the MTA-STS policy, or the TLSA records.
    pub lines: Vec<String>,
    /// The mail hosts that an MTA-STS policy names.
    pub hosts: Vec<String>,
}

/// What a policy is, RFC 8460 section 4.2.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// TLSA records.
    Tlsa,
    /// An MTA-STS policy.
    Sts,
    /// Neither.
    NoPolicyFound,
}

impl Kind {
    /// All of them.
    pub const ALL: [Kind; 3] = [Kind::Tlsa, Kind::Sts, Kind::NoPolicyFound];

    /// The word in reports.
    pub fn word(self) -> &'static str {
        match self {
            Kind::Tlsa => "tlsa",
            Kind::Sts => "sts",
            Kind::NoPolicyFound => "no-policy-found",
        }
    }

    /// From the word.
    pub fn parse(word: &str) -> Option<Kind> {
        Kind::ALL.into_iter().find(|kind| kind.word() == word)
    }
}

impl Applied {
    /// One of which nothing is known but that it is there.
    pub fn bare(kind: Kind) -> Applied {
        Applied { kind, lines: Vec::new(), hosts: Vec::new() }
    }

    /// The domain's policy behind what was asked of a channel. What is agreed with a partner is none: it is nobody's business but the two's.
    pub fn of(policy: &Policy) -> Option<Applied> {
        match policy {
            Policy::Partner(_) => None,
            Policy::Opportunistic | Policy::Encrypted => Some(Applied::bare(Kind::NoPolicyFound)),
            Policy::Dane(records) => {
                let lines = records.iter().take(limits::TLS_REPORT_LINES_MAX).map(dane::Tlsa::line);
                let mut lines: Vec<String> = lines.collect();
                // DNS answers in any order.
                lines.sort();
                Some(Applied { kind: Kind::Tlsa, lines, hosts: Vec::new() })
            }
            Policy::Sts(policy) => {
                let text = policy.to_string();
                let lines = text.lines().take(limits::TLS_REPORT_LINES_MAX).map(str::to_string);
                let hosts = policy.mx.iter().take(limits::TLS_REPORT_LINES_MAX);
                Some(Applied {
                    kind: Kind::Sts,
                    lines: lines.collect(),
                    hosts: hosts.map(ToString::to_string).collect(),
                })
            }
        }
    }
}

/// How a session failed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Failure {
    /// RFC 8460 section 4.3.
    pub result: String,
    /// Our address, where it is known and one in the world.
    pub from: Option<IpAddr>,
    /// The mail host.
    pub host: Option<Domain>,
    /// Its address.
    pub to: Option<IpAddr>,
}

/// All that is told of a domain's day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Day {
    /// Whose.
    pub domain: Domain,
    /// Days since 1970.
    pub day: u64,
    /// By policy.
    pub policies: Vec<Summary>,
}

/// What was seen under one policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    /// Which.
    pub applied: Applied,
    /// Sessions that were well.
    pub good: u64,
    /// Sessions that failed.
    pub failed: u64,
    /// How, and how often.
    pub failures: Vec<(Failure, u64)>,
}

/// Where a domain wants reports.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Where {
    /// By mail.
    Mail(Address),
    /// At a web server: its name, and the path with whatever is behind a question mark.
    Web(Domain, String),
}

impl Where {
    /// One word for it.
    pub fn word(&self) -> &'static str {
        match self {
            Where::Mail(_) => "mail",
            Where::Web(..) => "https",
        }
    }
}

/// Why there is nowhere to report to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotRpt {
    /// None, or several: RFC 8460 section 3 has both mean that nobody wants reports.
    #[error("not exactly one record with v=TLSRPTv1")]
    NotOneRecord,
    /// It has no rua, or none that we can use.
    #[error("the record has no rua with a mailto: or https: that can be used")]
    NoWhere,
}

/// Reads the texts at `_smtp._tls` of a domain, RFC 8460 section 3. Of each way at most so many are used: whoever owns a domain must not have
/// us write to half the world.
pub fn read_record(texts: &[String]) -> Result<Vec<Where>, NotRpt> {
    let mut ours = texts.iter().filter_map(|text| {
        let mut fields = text.split(';').map(blanks_off);
        (fields.next() == Some("v=TLSRPTv1") && text.contains(';')).then_some(fields)
    });
    let (Some(fields), None) = (ours.next(), ours.next()) else {
        return Err(NotRpt::NotOneRecord);
    };
    let mut places: Vec<Where> = Vec::new();
    let values = fields.filter_map(|field| field.strip_prefix("rua="));
    for place in values.flat_map(|value| value.split(',')).map(blanks_off).filter_map(read_place) {
        let is_mail = |one: &Where| matches!(one, Where::Mail(_));
        let of_kind = places.iter().filter(|one| is_mail(one) == is_mail(&place)).count();
        if of_kind < limits::TLS_REPORT_PLACES_MAX && !places.contains(&place) {
            places.push(place);
        }
    }
    if places.is_empty() { Err(NotRpt::NoWhere) } else { Ok(places) }
}

fn blanks_off(text: &str) -> &str {
    text.trim_matches([' ', '\t'])
}

fn read_place(uri: &str) -> Option<Where> {
    if uri.len() > limits::TLS_REPORT_URI_BYTES_MAX || !uri.bytes().all(|b| b.is_ascii_graphic()) {
        return None;
    }
    let (scheme, rest) = uri.split_once(':')?;
    match scheme.to_ascii_lowercase().as_str() {
        "mailto" => {
            // Fields behind a question mark would be somebody else's words in a mail of ours.
            let address = decoded(rest.split('?').next()?)?;
            Address::parse(&address)
                .ok()
                .filter(|address| address.domain().is_some())
                .map(Where::Mail)
        }
        "https" => {
            let rest = rest.strip_prefix("//")?;
            let (host, path) = match rest.find(['/', '?']) {
                Some(at) => rest.split_at(at),
                None => (rest, ""),
            };
            // Another port would have us knock wherever a stranger points at; a user there is none of ours.
            let host = Domain::parse(host.strip_suffix(":443").unwrap_or(host)).ok()?;
            let path = path.split('#').next().unwrap_or_default();
            let path = if path.starts_with('/') { path.to_string() } else { format!("/{path}") };
            Some(Where::Web(host, path))
        }
        _ => None,
    }
}

/// RFC 3986 section 2.1.
fn decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'%' => {
                let digit = |byte: Option<u8>| char::from(byte?).to_digit(16);
                let (high, low) = (digit(rest.next())?, digit(rest.next())?);
                u8::try_from(high * 16 + low).ok()?
            }
            byte => byte,
        });
    }
    String::from_utf8(bytes).ok().filter(|text| !text.chars().any(char::is_control))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(texts: &[&str]) -> Result<Vec<String>, NotRpt> {
        let texts: Vec<String> = texts.iter().map(ToString::to_string).collect();
        let word = |place: &Where| match place {
            Where::Mail(address) => address.to_string(),
            Where::Web(host, path) => format!("{host} {path}"),
        };
        read_record(&texts).map(|places| places.iter().map(word).collect())
    }

    #[test]
    fn a_record_says_where_reports_go() {
        let one = |text: &str| Ok(vec![text.to_string()]);
        for (record, want) in [
            ("v=TLSRPTv1; rua=mailto:reports@far.example", one("reports@far.example")),
            ("v=TLSRPTv1;rua=mailto:reports@far.example;", one("reports@far.example")),
            ("v=TLSRPTv1; x=y; rua=mailto:r%2Bx@far.example", one("r+x@far.example")),
            ("v=TLSRPTv1; rua=mailto:a@far.example?subject=Hi", one("a@far.example")),
            ("v=TLSRPTv1; rua=https://far.example/v1?a=b#c", one("far.example /v1?a=b")),
            ("v=TLSRPTv1; rua=HTTPS://far.example:443", one("far.example /")),
            ("v=TLSRPTv1; rua=https://far.example?x", one("far.example /?x")),
            ("v=TLSRPTv1; rua=https://far.example:8443/", Err(NotRpt::NoWhere)),
            ("v=TLSRPTv1; rua=https://me@far.example/", Err(NotRpt::NoWhere)),
            ("v=TLSRPTv1; rua=http://far.example/", Err(NotRpt::NoWhere)),
            ("v=TLSRPTv1; rua=mailto:a%0d%0ab@far.example", Err(NotRpt::NoWhere)),
            ("v=TLSRPTv1; rua=mailto:postmaster", Err(NotRpt::NoWhere)),
            ("v=TLSRPTv1; rua=mailto:a b@far.example", Err(NotRpt::NoWhere)),
            ("v=TLSRPTv1; rua=", Err(NotRpt::NoWhere)),
            ("v=TLSRPTv1;", Err(NotRpt::NoWhere)),
            ("v=TLSRPTv1", Err(NotRpt::NotOneRecord)),
            ("v=TLSRPTv2; rua=mailto:a@far.example", Err(NotRpt::NotOneRecord)),
            ("V=TLSRPTv1; rua=mailto:a@far.example", Err(NotRpt::NotOneRecord)),
        ] {
            assert_eq!(read(&[record]), want, "{record}");
        }
        let good = "v=TLSRPTv1; rua=mailto:a@far.example";
        assert_eq!(read(&["v=spf1 -all", good]), one("a@far.example"));
        assert_eq!(read(&[good, good]), Err(NotRpt::NotOneRecord));
        assert_eq!(read(&[]), Err(NotRpt::NotOneRecord));
    }

    #[test]
    fn nobody_has_us_write_to_half_the_world() {
        let many: Vec<String> = (0..9).map(|n| format!("mailto:a{n}@far.example")).collect();
        let record = format!(
            "v=TLSRPTv1; rua={} , mailto:a0@far.example,https://far.example/a",
            many.join(",")
        );
        let places = read(&[&record]).unwrap();
        assert_eq!(places, ["a0@far.example", "a1@far.example", "far.example /a"]);
    }

    #[test]
    fn a_policy_is_named_as_its_owner_wrote_it() {
        let text = "version: STSv1\nmode: testing\nmx: *.far.example\nmax_age: 86400\n";
        let sts = super::super::mta_sts::read_policy(text.as_bytes()).unwrap();
        let applied = Applied::of(&Policy::Sts(sts)).unwrap();
        assert_eq!(applied.kind.word(), "sts");
        assert_eq!(
            applied.lines,
            ["version: STSv1", "mode: testing", "mx: *.far.example", "max_age: 86400"]
        );
        assert_eq!(applied.hosts, ["*.far.example"]);
        let record = dane::Record { usage: 3, selector: 1, matching: 1, data: vec![0xab; 32] };
        let applied = Applied::of(&Policy::Dane(dane::usable(&[record]))).unwrap();
        assert_eq!(applied.lines, [format!("3 1 1 {}", "ab".repeat(32))]);
        assert_eq!(Applied::of(&Policy::Opportunistic).unwrap().kind, Kind::NoPolicyFound);
        for kind in Kind::ALL {
            assert_eq!(Kind::parse(kind.word()), Some(kind));
        }
    }
}
