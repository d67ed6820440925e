//! TLS reports, RFC 8460: what a domain is told of a day's sessions with its mail hosts, as JSON, and the mail that brings it.
//!
//! Only what concerns the domain itself stands in one: its policies, its mail hosts, counts, and how sessions failed. No mailbox, no mail.

use crate::{
    base::{clock::UnixMs, ids::Id},
    mail::{Address, Domain},
    wire::{
        date,
        report::{Language, frame::Head},
        tls::rpt::{Day, Failure, Summary},
    },
};
use data_encoding::{BASE64, HEXLOWER};
use flate2::{Compression, write::GzEncoder};
use serde_json::{Map, Value, json};
use std::io::{self, Write as _};

/// A report about a domain's day.
#[derive(Debug, Clone, Copy)]
pub struct TlsReport<'a> {
    /// What is told.
    pub day: &'a Day,
    /// Our name.
    pub hostname: &'a Domain,
    /// Who tells it: whoever has questions asks there.
    pub from: &'a Address,
    /// The domain of that: it signs the mail.
    pub submitter: &'a Domain,
}

/// What kind of text [`TlsReport::packed`] is.
pub const PACKED: &str = "application/tlsrpt+gzip";

impl TlsReport<'_> {
    /// Its name: the same whenever it is written, so that whoever gets it twice counts it once.
    fn report_id(&self) -> String {
        let text = format!("{} {} {}", self.hostname, self.day.domain, self.day.day);
        let hash = blake3::hash(text.as_bytes());
        let short = hash.as_bytes().get(..16).unwrap_or_default();
        format!("{}@{}", HEXLOWER.encode(short), self.submitter)
    }

    fn begins(&self) -> UnixMs {
        UnixMs(self.day.day.saturating_mul(DAY_MS))
    }

    /// The last second of the day.
    fn ends(&self) -> UnixMs {
        UnixMs(self.begins().0.saturating_add(DAY_MS - 1_000))
    }

    /// RFC 8460 section 4.4.
    fn json(&self) -> Value {
        let moment = |at: UnixMs| date::write_iso(at).replace(".000Z", "Z");
        json!({
            "organization-name": self.submitter.as_str(),
            "date-range": {
                "start-datetime": moment(self.begins()),
                "end-datetime": moment(self.ends()),
            },
            "contact-info": self.from.to_string(),
            "report-id": self.report_id(),
            "policies": self.day.policies.iter().map(|one| policy(&self.day.domain, one)).collect::<Vec<_>>(),
        })
    }

    /// The JSON, gzipped.
    pub fn packed(&self) -> io::Result<Vec<u8>> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(self.json().to_string().as_bytes())?;
        encoder.finish()
    }

    /// RFC 8460 section 5.1.
    fn file_name(&self) -> String {
        let seconds = |at: UnixMs| at.0 / 1_000;
        let (begins, ends) = (seconds(self.begins()), seconds(self.ends()));
        format!("{}!{}!{begins}!{ends}.json.gz", self.submitter, self.day.domain)
    }

    /// The mail that brings the packed report, RFC 8460 section 5.3: whole, with CRLF line ends.
    pub fn mail(&self, packed: &[u8], id: Id, to: &Address, now: UnixMs) -> Vec<u8> {
        let (domain, submitter) = (&self.day.domain, self.submitter);
        let boundary = format!("=_{id}");
        let subject = format!(
            "Report Domain: {domain}\r\n Submitter: {submitter}\r\n Report-ID: <{}>",
            self.report_id()
        );
        let mut text = String::with_capacity(2_048 + packed.len() * 3 / 2);
        let head = Head {
            hostname: self.hostname,
            id,
            from: "",
            to,
            language: Language::En,
            subject: &subject,
            now,
            auto: "auto-generated",
        };
        head.write_from(&mut text, &self.from.to_string());
        text.push_str(&format!(
            "TLS-Report-Domain: {domain}\r\nTLS-Report-Submitter: {submitter}\r\n\
             Content-Type: multipart/report; report-type=\"tlsrpt\";\r\n\tboundary=\"{boundary}\"\r\n\r\n\
             --{boundary}\r\nContent-Type: text/plain; charset=us-ascii\r\nContent-Transfer-Encoding: 7bit\r\n\r\n\
             This is an aggregate TLS report from {submitter} about {domain}.\r\n\r\n\
             --{boundary}\r\nContent-Type: {PACKED}\r\nContent-Transfer-Encoding: base64\r\n\
             Content-Disposition: attachment;\r\n\tfilename=\"{}\"\r\n\r\n",
            self.file_name()
        ));
        // RFC 2045 section 6.8: lines of 76 letters.
        for line in packed.chunks(57) {
            text.push_str(&BASE64.encode(line));
            text.push_str("\r\n");
        }
        text.push_str(&format!("\r\n--{boundary}--\r\n"));
        text.into_bytes()
    }
}

fn policy(domain: &Domain, summary: &Summary) -> Value {
    let applied = &summary.applied;
    let mut policy = Map::new();
    policy.insert("policy-type".to_string(), json!(applied.kind.word()));
    if !applied.lines.is_empty() {
        policy.insert("policy-string".to_string(), json!(applied.lines));
    }
    policy.insert("policy-domain".to_string(), json!(domain.as_str()));
    if !applied.hosts.is_empty() {
        policy.insert("mx-host".to_string(), json!(applied.hosts));
    }
    let mut whole = Map::new();
    whole.insert("policy".to_string(), Value::Object(policy));
    let sums = json!({
        "total-successful-session-count": summary.good,
        "total-failure-session-count": summary.failed,
    });
    whole.insert("summary".to_string(), sums);
    if !summary.failures.is_empty() {
        let failures: Vec<Value> = summary.failures.iter().map(failure).collect();
        whole.insert("failure-details".to_string(), Value::Array(failures));
    }
    Value::Object(whole)
}

fn failure((failure, times): &(Failure, u64)) -> Value {
    let Failure { result, from, host, to } = failure;
    let mut detail = Map::new();
    detail.insert("result-type".to_string(), json!(result));
    if let Some(from) = from {
        detail.insert("sending-mta-ip".to_string(), json!(from.to_string()));
    }
    if let Some(host) = host {
        detail.insert("receiving-mx-hostname".to_string(), json!(host.as_str()));
    }
    if let Some(to) = to {
        detail.insert("receiving-ip".to_string(), json!(to.to_string()));
    }
    detail.insert("failed-session-count".to_string(), json!(times));
    Value::Object(detail)
}

const DAY_MS: u64 = 86_400_000;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        mail::Header,
        wire::tls::rpt::{Applied, Kind},
    };
    use std::io::Read as _;

    fn day() -> Day {
        let domain = Domain::parse("far.example").unwrap();
        let failure = Failure {
            result: "certificate-expired".to_string(),
            from: "192.0.2.5".parse().ok(),
            host: Domain::parse("mx.far.example").ok(),
            to: "2001:db8::25".parse().ok(),
        };
        let sts = Applied {
            kind: Kind::Sts,
            lines: vec!["version: STSv1".to_string(), "mode: testing".to_string()],
            hosts: vec!["*.far.example".to_string()],
        };
        let bare = Summary {
            applied: Applied::bare(Kind::NoPolicyFound),
            good: 7,
            failed: 0,
            failures: Vec::new(),
        };
        let sts = Summary { applied: sts, good: 5, failed: 3, failures: vec![(failure, 3)] };
        Day { domain, day: 20_000, policies: vec![sts, bare] }
    }

    #[test]
    fn a_report_is_what_receivers_expect() {
        let (day, hostname) = (day(), Domain::parse("mx.ours.example").unwrap());
        let from = Address::parse("tls@ours.example").unwrap();
        let submitter = from.domain().unwrap();
        let report = TlsReport { day: &day, hostname: &hostname, from: &from, submitter };
        let packed = report.packed().unwrap();
        let mut text = String::new();
        flate2::read::GzDecoder::new(packed.as_slice()).read_to_string(&mut text).unwrap();
        let json: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(json["date-range"]["start-datetime"], "2024-10-04T00:00:00Z");
        assert_eq!(json["date-range"]["end-datetime"], "2024-10-04T23:59:59Z");
        assert_eq!(json["contact-info"], "tls@ours.example");
        let sts = &json["policies"][0];
        assert_eq!(
            sts["policy"],
            json!({"policy-type": "sts", "policy-string": ["version: STSv1", "mode: testing"],
                "policy-domain": "far.example", "mx-host": ["*.far.example"]})
        );
        assert_eq!(
            sts["summary"],
            json!({"total-successful-session-count": 5, "total-failure-session-count": 3})
        );
        assert_eq!(
            sts["failure-details"],
            json!([{"result-type": "certificate-expired", "sending-mta-ip": "192.0.2.5", "receiving-mx-hostname": "mx.far.example",
                "receiving-ip": "2001:db8::25", "failed-session-count": 3}])
        );
        assert_eq!(json["policies"][1].get("failure-details"), None);

        let to = Address::parse("reports@far.example").unwrap();
        let id = Id::new(UnixMs(0), [7; 10]);
        let mail = report.mail(&packed, id, &to, UnixMs(0));
        let header = Header::read(&mail).unwrap();
        assert_eq!(header.value("From").unwrap().trim(), "<tls@ours.example>");
        assert_eq!(header.value("TLS-Report-Domain").unwrap().trim(), "far.example");
        assert_eq!(header.value("TLS-Report-Submitter").unwrap().trim(), "ours.example");
        let text = String::from_utf8(mail).unwrap();
        let id = json["report-id"].as_str().unwrap();
        let subject = format!(
            "Subject: Report Domain: far.example\r\n Submitter: ours.example\r\n Report-ID: <{id}>\r\n"
        );
        assert!(text.contains(&subject), "{text}");
        assert!(text.contains("report-type=\"tlsrpt\""), "{text}");
        let name = "filename=\"ours.example!far.example!1728000000!1728086399.json.gz\"";
        assert!(text.contains(name), "{text}");
        assert!(text.split("\r\n").all(|line| line.len() <= 100), "{text}");
        assert_eq!(report.report_id(), id, "the same whenever it is written");
    }
}
