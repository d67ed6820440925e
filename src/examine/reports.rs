//! Notices reports among the parts of a mail, and the Message-IDs of mails that it returns.
//!
//! A report is known by what it is, wherever it stands: DMARC and TLS reports come zipped, gzipped or plain, under any type and name.

use super::{
    Contents, PartKind, Text,
    inside::{Item, Origin},
};
use crate::{
    base::limits,
    formats::{
        budget::Budget,
        report::{Report, delivery, dmarc, feedback, returned, tls},
    },
};

/// Looks at one part.
pub(super) fn notice(item: &Item<'_>, kind: PartKind, contents: &mut Contents, budget: &Budget) {
    let bytes = item.bytes.bytes();
    let declared = match &item.origin {
        Origin::Leaf { leaf, .. } => leaf.fields.media_type.as_str(),
        Origin::Member { .. } => "",
    };
    match declared {
        "message/delivery-status" | "message/global-delivery-status" => {
            add(contents, delivery::read(bytes).map(Report::Delivery));
        }
        "message/feedback-report" => add(contents, feedback::read(bytes).map(Report::Feedback)),
        "text/rfc822-headers" | "message/global-headers" => {
            add_id(contents, returned::in_header(bytes))
        }
        _ if kind == PartKind::Message => add_id(contents, returned::in_header(bytes)),
        _ if is_text(kind) && dmarc::looks_like(bytes) => {
            let had: usize = contents.reports.iter().map(Report::rows).sum();
            let rows_max = limits::REPORT_ROWS_MAX_PER_MAIL.saturating_sub(had);
            let report = match dmarc::read(bytes, rows_max, budget) {
                Ok(aggregate) => Report::Dmarc(aggregate),
                Err(why) => Report::Unread(why.to_string()),
            };
            add(contents, Some(report));
        }
        _ if is_text(kind) && tls::looks_like(bytes) => {
            let had: usize = contents.reports.iter().map(Report::rows).sum();
            let rows_max = limits::REPORT_ROWS_MAX_PER_MAIL.saturating_sub(had);
            let report = tls::read(bytes, rows_max).map_or_else(Report::Unread, Report::Tls);
            add(contents, Some(report));
        }
        _ => (),
    }
}

/// Something that may be XML, in one charset or another.
fn is_text(kind: PartKind) -> bool {
    kind.is_letters() || kind == PartKind::Unknown
}

/// Takes the Message-IDs that a text quotes.
pub(super) fn notice_quoted(text: &Text, ids: &mut Vec<String>) {
    for id in returned::in_text(&text.shown) {
        push_id(ids, id);
    }
}

fn add(contents: &mut Contents, report: Option<Report>) {
    let reports = &mut contents.reports;
    // Readers that differ about a mail may come to the same report twice.
    if let Some(report) = report
        && reports.len() < limits::REPORTS_PER_MAIL_MAX
        && !reports.iter().any(|known| is_same(known, &report))
    {
        reports.push(report);
    }
}

/// The same report, whether or not the mail that it is about has been seen.
fn is_same(known: &Report, report: &Report) -> bool {
    match (known, report) {
        (Report::Delivery(known), Report::Delivery(one)) => known.recipients == one.recipients,
        (Report::Feedback(known), Report::Feedback(one)) => {
            let bare = feedback::Feedback { original_id: String::new(), ..known.clone() };
            bare == *one
        }
        _ => known == report,
    }
}

/// The mail that is returned stands behind the report about it.
fn add_id(contents: &mut Contents, id: Option<String>) {
    let Some(id) = id else { return };
    match contents.reports.last_mut() {
        Some(Report::Delivery(delivery)) if delivery.original_id.is_empty() => {
            delivery.original_id = id.clone();
        }
        Some(Report::Feedback(feedback)) if feedback.original_id.is_empty() => {
            feedback.original_id = id.clone();
        }
        Some(_) | None => (),
    }
    push_id(&mut contents.returned_ids, id);
}

fn push_id(ids: &mut Vec<String>, id: String) {
    if ids.len() < limits::RETURNED_IDS_MAX && !ids.contains(&id) {
        ids.push(id);
    }
}

#[cfg(test)]
mod tests {
    use crate::{
        base::clock::Clock,
        examine::{
            BlobFacts, Contents, EngineFailure, Examiner, InProcess, Match, Personal, PersonalData,
            Signatures,
        },
        formats::{budget::Bounds, report::Report},
    };
    use flate2::{Compression, write::GzEncoder};
    use std::{io::Write, sync::Arc, time::Duration};

    /// Recognises nothing.
    struct Nothing;

    impl Signatures for Nothing {
        fn scan(
            &self,
            _: &[u8],
            _: &BlobFacts<'_>,
            _: Duration,
        ) -> Result<Vec<Match>, EngineFailure> {
            Ok(Vec::new())
        }
    }

    impl PersonalData for Nothing {
        fn read(&self, _: &[crate::personal::Piece<'_>], _: &[String]) -> (Vec<Personal>, u32) {
            (Vec::new(), 0)
        }
    }

    const DMARC: &str = "<?xml version=\"1.0\"?><feedback><report_metadata><org_name>Far</org_name><report_id>1</report_id></report_metadata>\
        <policy_published><domain>ours.example</domain></policy_published><record><row><source_ip>192.0.2.1</source_ip><count>4</count>\
        </row></record></feedback>";

    fn examine(mail: &str) -> Contents {
        let examiner = InProcess {
            signatures: Arc::new(Nothing),
            personal: Arc::new(Nothing),
            clock: Clock::of_this_thread(),
            bounds: Bounds::default(),
        };
        examiner.examine(mail.replace('\n', "\r\n").as_bytes())
    }

    fn attached(kind: &str, bytes: &[u8]) -> String {
        let body = data_encoding::BASE64.encode(bytes);
        format!(
            "Subject: Report\nContent-Type: {kind}\nContent-Transfer-Encoding: base64\n\n{body}\n"
        )
    }

    fn gzipped(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn a_dmarc_report_is_found_in_whatever_it_is_packed() {
        let twice = gzipped(&gzipped(DMARC.as_bytes()));
        for (kind, bytes) in [
            ("application/gzip", gzipped(DMARC.as_bytes())),
            ("application/octet-stream", twice),
            ("text/xml", DMARC.as_bytes().to_vec()),
            ("text/plain", DMARC.as_bytes().to_vec()),
            ("image/png; name=a.png", DMARC.as_bytes().to_vec()),
        ] {
            let found = examine(&attached(kind, &bytes)).reports;
            let [Report::Dmarc(report)] = found.as_slice() else { panic!("{kind}: {found:?}") };
            assert_eq!(
                (report.domain.as_str(), report.rows[0].mails),
                ("ours.example", 4),
                "{kind}"
            );
        }
        let broken = DMARC.replace(
            "<?xml version=\"1.0\"?>",
            "<!DOCTYPE a [<!ENTITY b SYSTEM \"file:///etc/passwd\">]>",
        );
        let found = examine(&attached("text/xml", broken.as_bytes())).reports;
        assert!(matches!(found.as_slice(), [Report::Unread(_)]), "{found:?}");
        // A bomb costs what any other costs, and says so.
        let bomb = [DMARC.as_bytes(), &vec![b' '; 300 << 20]].concat();
        let contents = examine(&attached("application/gzip", &gzipped(&bomb)));
        assert!(!contents.unscanned.is_empty());
    }

    #[test]
    fn a_tls_report_is_found_packed_and_plain() {
        let report = "{\"organization-name\":\"Far\",\"report-id\":\"1\",\"policies\":[{\"policy\":{\"policy-type\":\"sts\",\
            \"policy-domain\":\"ours.example\"},\"summary\":{\"total-successful-session-count\":4,\"total-failure-session-count\":0}}]}";
        for (kind, bytes) in [
            ("application/tlsrpt+gzip", gzipped(report.as_bytes())),
            ("application/tlsrpt+json", report.as_bytes().to_vec()),
            ("application/octet-stream", gzipped(report.as_bytes())),
        ] {
            let found = examine(&attached(kind, &bytes)).reports;
            let [Report::Tls(report)] = found.as_slice() else { panic!("{kind}: {found:?}") };
            assert_eq!(report.policies[0].good, 4, "{kind}");
        }
        let broken = report.replace("}]}", "");
        let found = examine(&attached("application/tlsrpt+json", broken.as_bytes())).reports;
        assert!(matches!(found.as_slice(), [Report::Unread(_)]), "{found:?}");
    }

    fn bounce(status: &str, third: &str) -> String {
        format!(
            "From: MAILER-DAEMON@far.example\nMIME-Version: 1.0\nContent-Type: multipart/report; report-type={status}; boundary=b\n\n\
             --b\n\nYour mail did not arrive.\n--b\nContent-Type: message/{status}\n\n\
             Reporting-MTA: dns; far.example\nFeedback-Type: abuse\n\nFinal-Recipient: rfc822; x@far.example\nAction: failed\nStatus: 5.1.1\n\
             --b\n{third}\n--b--\n"
        )
    }

    #[test]
    fn a_bounce_names_the_mail_that_it_returns() {
        for third in [
            "Content-Type: message/rfc822\n\nMessage-ID: <1@ours.example>\nSubject: x\n\nhi",
            "Content-Type: text/rfc822-headers\n\nSubject: x\nMessage-ID: <1@ours.example>\n",
        ] {
            let contents = examine(&bounce("delivery-status", third));
            let [Report::Delivery(delivery)] = contents.reports.as_slice() else {
                panic!("{third}: {:?}", contents.reports)
            };
            assert_eq!(
                (delivery.original_id.as_str(), delivery.recipients.len()),
                ("1@ours.example", 1)
            );
            assert_eq!(contents.returned_ids, ["1@ours.example"], "{third}");
        }
        let contents = examine(&bounce(
            "feedback-report",
            "Content-Type: message/rfc822\n\nMessage-ID: <2@ours.example>\n\nhi",
        ));
        let [Report::Feedback(feedback)] = contents.reports.as_slice() else {
            panic!("{contents:?}")
        };
        assert_eq!(
            (feedback.kind.as_str(), feedback.original_id.as_str()),
            ("abuse", "2@ours.example")
        );
    }

    #[test]
    fn an_old_bounce_quotes_the_mail_and_an_ordinary_mail_returns_none() {
        let old = "From: postmaster@far.example\nSubject: failure notice\n\nHi. This is far.example.\n\n--- Below is a copy.\n\n\
            Subject: x\nMessage-ID: <3@ours.example>\n\nhello\n";
        assert_eq!(examine(old).returned_ids, ["3@ours.example"]);
        let plain = "From: a@far.example\nMessage-ID: <4@far.example>\n\nhello\n";
        let contents = examine(plain);
        assert!(contents.returned_ids.is_empty() && contents.reports.is_empty());
    }
}
