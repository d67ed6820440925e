//! TLS reports, RFC 8460 section 4.4: what a sender saw of TLS with a domain's mail hosts in a day.
//!
//! The form is JSON, and senders differ in it: counts come as numbers or as text, lists as lists or as one value, and an erratum renamed a
//! member. What cannot be understood is left out; only a report that names neither its sender nor a domain is none.

use super::{domain, short, word};
use crate::base::limits;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::net::IpAddr;

/// One report.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TlsReport {
    /// Who reports, as he calls himself.
    pub reporter: String,
    /// Where he can be asked.
    pub contact: String,
    /// His name for this report.
    pub report_id: String,
    /// The first second of the span, since 1970.
    pub begins: u64,
    /// The last.
    pub ends: u64,
    /// What was seen, by policy.
    pub policies: Vec<TlsPolicy>,
}

/// What was seen under one policy.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TlsPolicy {
    /// The domain.
    pub domain: String,
    /// "tlsa", "sts", "no-policy-found", or a later word.
    pub kind: String,
    /// Sessions that were well.
    pub good: u64,
    /// Sessions that failed.
    pub failed: u64,
    /// How.
    pub failures: Vec<TlsFailure>,
}

/// How sessions failed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TlsFailure {
    /// "certificate-expired", …
    pub result: String,
    /// The mail host.
    pub host: String,
    /// Who tried.
    pub from: Option<IpAddr>,
    /// The mail host's address.
    pub to: Option<IpAddr>,
    /// How often.
    pub sessions: u64,
    /// What the reporter adds.
    pub reason: String,
}

impl TlsReport {
    /// How many rows it takes.
    pub fn rows(&self) -> usize {
        self.policies.iter().map(|policy| policy.failures.len() + 1).sum()
    }
}

/// Could these bytes be a report? Looks at their beginning alone.
pub fn looks_like(bytes: &[u8]) -> bool {
    let start = bytes.get(..bytes.len().min(START_BYTES)).unwrap_or_default();
    let start = start.strip_prefix(b"\xef\xbb\xbf").unwrap_or(start).trim_ascii_start();
    start.starts_with(b"{")
        && ["\"organization-name\"", "\"report-id\"", "\"policies\"", "\"date-range\""]
            .iter()
            .filter(|name| memchr::memmem::find(start, name.as_bytes()).is_some())
            .count()
            >= 2
}

/// Reads a report, at most `rows_max` rows of it. The error says in words why it is none.
pub fn read(bytes: &[u8], rows_max: usize) -> Result<TlsReport, String> {
    if bytes.len() > limits::TLS_REPORT_BYTES_MAX {
        return Err(format!("it is longer than {} bytes", limits::TLS_REPORT_BYTES_MAX));
    }
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    // serde_json goes 128 levels deep and no further.
    let whole: Value = serde_json::from_slice(bytes).map_err(|_| "it is no JSON".to_string())?;
    let span = whole.get("date-range").unwrap_or(&Value::Null);
    let mut report = TlsReport {
        reporter: text(&whole, &["organization-name"]),
        contact: text(&whole, &["contact-info"]),
        report_id: text(&whole, &["report-id"]),
        begins: moment(span, "start-datetime"),
        ends: moment(span, "end-datetime"),
        policies: Vec::new(),
    };
    let mut left = rows_max;
    for policy in list(whole.get("policies")) {
        if left == 0 {
            break;
        }
        let Some(one) = read_policy(policy, left - 1) else { continue };
        left -= one.failures.len() + 1;
        report.policies.push(one);
    }
    let missing = [
        (report.reporter.is_empty(), "organization-name"),
        (report.report_id.is_empty(), "report-id"),
        (report.policies.is_empty(), "policy-domain"),
    ];
    match missing.into_iter().find(|(is_missing, _)| *is_missing) {
        Some((_, name)) => Err(format!("it does not say its {name}")),
        None => Ok(report),
    }
}

fn read_policy(value: &Value, failures_max: usize) -> Option<TlsPolicy> {
    let policy = value.get("policy")?;
    let of = domain(policy.get("policy-domain")?.as_str()?);
    if of.is_empty() {
        return None;
    }
    let sums = value.get("summary").unwrap_or(&Value::Null);
    let failures = list(value.get("failure-details")).iter().take(failures_max);
    Some(TlsPolicy {
        domain: of,
        kind: word(&text(policy, &["policy-type"])),
        good: count(sums, &["total-successful-session-count"]),
        failed: count(sums, &["total-failure-session-count"]),
        failures: failures.map(read_failure).collect(),
    })
}

fn read_failure(value: &Value) -> TlsFailure {
    let address = |name| {
        let address = text(value, &[name]).parse::<IpAddr>().ok();
        address.map(|address| address.to_canonical())
    };
    TlsFailure {
        result: word(&text(value, &["result-type"])),
        host: domain(&text(value, &["receiving-mx-hostname"])),
        from: address("sending-mta-ip"),
        to: address("receiving-ip"),
        sessions: count(value, &["failed-session-count"]),
        // Some write the member as the text of RFC 8460 section 4.4 has it, others as its example.
        reason: text(
            value,
            &["failure-reason-code", "failure-error-code", "additional-information"],
        ),
    }
}

/// A list, or the one value that stands in its place.
fn list(value: Option<&Value>) -> &[Value] {
    match value {
        Some(Value::Array(items)) => items,
        Some(Value::Object(_)) => value.map_or(&[], std::slice::from_ref),
        Some(Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_)) | None => &[],
    }
}

/// The first of these members that is text.
fn text(value: &Value, names: &[&str]) -> String {
    let found = names.iter().find_map(|name| value.get(name)?.as_str());
    found.map(short).unwrap_or_default()
}

fn count(value: &Value, names: &[&str]) -> u64 {
    let found = names.iter().find_map(|name| value.get(name));
    let count = match found {
        Some(Value::Number(number)) => number.as_u64().unwrap_or(0),
        Some(Value::String(text)) => text.trim().parse().unwrap_or(0),
        Some(Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_)) | None => 0,
    };
    count.min(limits::REPORT_MAILS_MAX)
}

/// A moment of RFC 3339, to the second; zero where it is none.
fn moment(span: &Value, name: &str) -> u64 {
    let text = text(span, &[name]);
    text.parse::<jiff::Timestamp>()
        .ok()
        .and_then(|at| u64::try_from(at.as_second()).ok())
        .unwrap_or(0)
}

/// Where the first members stand.
const START_BYTES: usize = 4_096;

#[cfg(test)]
mod tests {
    use super::*;

    /// In the shape of RFC 8460 appendix B.
    const SAMPLE: &str = r#"{
  "organization-name": "Far Mail",
  "date-range": {"start-datetime": "2026-11-29T00:00:00Z", "end-datetime": "2026-11-29T23:59:59Z"},
  "contact-info": "tls@far.example",
  "report-id": "5065427c-23d3@far.example",
  "policies": [{
    "policy": {
      "policy-type": "sts",
      "policy-string": ["version: STSv1", "mode: testing", "mx: *.mail.ours.example", "max_age: 86400"],
      "policy-domain": "Ours.Example",
      "mx-host": "*.mail.ours.example"
    },
    "summary": {"total-successful-session-count": 5326, "total-failure-session-count": 303},
    "failure-details": [
      {"result-type": "certificate-expired", "sending-mta-ip": "2001:db8:abcd:12::1", "receiving-mx-hostname": "mx1.mail.ours.example",
       "failed-session-count": 100},
      {"result-type": "starttls-not-supported", "sending-mta-ip": "2001:db8:abcd:13::1", "receiving-mx-hostname": "mx2.mail.ours.example",
       "receiving-ip": "203.0.113.56", "failed-session-count": "200", "additional-information": "see https://far.example/\u001b[2J"},
      {"result-type": "validation-failure", "sending-mta-ip": "198.51.100.62", "receiving-ip": "203.0.113.58",
       "receiving-mx-hostname": "mx-backup.mail.ours.example", "failed-session-count": 3, "failure-reason-code": "X509_V_ERR"}
    ]
  }]
}"#;

    #[test]
    fn a_report_is_read() {
        assert!(looks_like(SAMPLE.as_bytes()));
        let report = read(SAMPLE.as_bytes(), 99).unwrap();
        assert_eq!(
            (report.reporter.as_str(), report.contact.as_str()),
            ("Far Mail", "tls@far.example")
        );
        assert_eq!((report.begins, report.ends), (1_795_910_400, 1_795_996_799));
        let [policy] = report.policies.as_slice() else { panic!("{report:?}") };
        assert_eq!((policy.domain.as_str(), policy.kind.as_str()), ("ours.example", "sts"));
        assert_eq!((policy.good, policy.failed, policy.failures.len()), (5_326, 303, 3));
        let second = &policy.failures[1];
        assert_eq!((second.result.as_str(), second.sessions), ("starttls-not-supported", 200));
        assert_eq!(second.to, "203.0.113.56".parse().ok());
        assert_eq!(second.reason, "see https://far.example/ [2J", "no control characters");
        assert_eq!(policy.failures[2].reason, "X509_V_ERR");
        assert_eq!(report.rows(), 4);
        assert_eq!(read(SAMPLE.as_bytes(), 2).unwrap().policies[0].failures.len(), 1);
    }

    #[test]
    fn what_is_made_to_break_readers_breaks_none() {
        let deep = format!("{}{}", "{\"policies\":".repeat(5_000), "}".repeat(5_000));
        for (text, want) in [
            (deep.as_str(), "it is no JSON"),
            ("{", "it is no JSON"),
            ("[]", "organization-name"),
            ("{}", "organization-name"),
            ("{\"organization-name\":[],\"report-id\":1}", "organization-name"),
            ("{\"organization-name\":\"a\",\"policies\":7}", "report-id"),
            (
                "{\"organization-name\":\"a\",\"report-id\":\"b\",\"policies\":[{},{\"policy\":7}]}",
                "policy-domain",
            ),
            (
                "{\"organization-name\":\"a\",\"report-id\":\"b\",\"policies\":[{\"policy\":{\"policy-domain\":\"a b\"}}]}",
                "policy-domain",
            ),
        ] {
            let why = read(text.as_bytes(), 99).unwrap_err();
            assert!(why.contains(want), "{want}: {why}");
        }
        let odd = "{\"organization-name\":\"a\",\"report-id\":\"b\",\"policies\":{\"policy\":{\"policy-domain\":\"ours.example\",\
            \"policy-type\":\"<script>\"},\"summary\":{\"total-successful-session-count\":-1,\"total-failure-session-count\":1e300},\
            \"failure-details\":[7,{\"failed-session-count\":18446744073709551615}]}}";
        let report = read(odd.as_bytes(), 99).unwrap();
        let [policy] = report.policies.as_slice() else { panic!("{report:?}") };
        assert_eq!((policy.kind.as_str(), policy.good, policy.failed), ("", 0, 0));
        assert_eq!(policy.failures[1].sessions, limits::REPORT_MAILS_MAX);
        let long = vec![b' '; limits::TLS_REPORT_BYTES_MAX + 1];
        assert!(read(&long, 9).unwrap_err().contains("longer"));
        assert!(!looks_like(b"{\"a\": 1}") && !looks_like(b"<feedback>") && !looks_like(b""));
    }
}
