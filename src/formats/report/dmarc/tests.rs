//! Reports as receivers write them, and as nobody should.

use super::*;
use crate::{base::clock::Clock, formats::budget::Bounds};
use std::time::Duration;

fn read_all(xml: &str) -> Result<Aggregate, NotRead> {
    read(xml.as_bytes(), 100, &Budget::new(Bounds::default(), &Clock::of_this_thread()))
}

const HEAD: &str = "<report_metadata><org_name>Far Example</org_name><email>dmarc@far.example</email>\
    <report_id>far-1</report_id><date_range><begin>1764201600</begin><end>1764287999</end></date_range></report_metadata>\
    <policy_published><domain>Ours.Example</domain><adkim>r</adkim><p>reject</p><sp>none</sp><pct>100</pct></policy_published>";

fn record(source: &str, count: &str, evaluated: &str, rest: &str) -> String {
    format!(
        "<record><row><source_ip>{source}</source_ip><count>{count}</count><policy_evaluated>{evaluated}</policy_evaluated></row>{rest}</record>"
    )
}

fn report(records: &str) -> String {
    format!("<?xml version=\"1.0\"?>\n<feedback>{HEAD}{records}</feedback>")
}

/// A row in one line.
fn line(row: &Row) -> String {
    let Seen { source, disposition, dkim, spf, header_from, envelope_from, signed_by, reason } =
        &row.seen;
    let disposition = disposition.word();
    format!(
        "{} {source} {disposition} dkim={dkim} spf={spf} {header_from} {envelope_from} {signed_by} {reason}",
        row.mails
    )
}

#[test]
fn a_report_is_read_in_both_forms() {
    let pass = "<disposition>none</disposition><dkim>pass</dkim><spf>fail</spf><reason><type>mailing_list</type></reason>";
    let rest = "<identifiers><header_from>ours.example</header_from></identifiers><auth_results>\
        <dkim><domain>other.example</domain><result>fail</result></dkim>\
        <dkim><domain>ours.example</domain><selector>s1</selector><result>pass</result></dkim>\
        <spf><domain>bounce.list.example</domain><result>pass</result></spf></auth_results>";
    let records = record("192.0.2.7", "3", pass, rest)
        + &record("192.0.2.7", "2", pass, rest)
        + &record(
            "2001:db8::1",
            "1",
            "<disposition>reject</disposition><dkim>fail</dkim><spf>fail</spf>",
            "<identifiers><header_from>ours.example</header_from><envelope_from>forged.example</envelope_from></identifiers>",
        );
    let plain = report(&records);
    let newer = plain.replace(
        "<feedback>",
        "<d:feedback xmlns:d=\"urn:ietf:params:xml:ns:dmarc-2.0\"><version>1.0</version>",
    );
    for text in [plain.clone(), newer.replace("</feedback>", "</d:feedback>")] {
        assert!(looks_like(text.as_bytes()));
        let read = read_all(&text).unwrap();
        assert_eq!(
            (read.reporter.as_str(), read.contact.as_str()),
            ("Far Example", "dmarc@far.example")
        );
        assert_eq!((read.report_id.as_str(), read.domain.as_str()), ("far-1", "ours.example"));
        assert_eq!(
            (read.begins, read.ends, read.policy.as_str()),
            (1_764_201_600, 1_764_287_999, "reject")
        );
        let rows: Vec<String> = read.rows.iter().map(line).collect();
        assert_eq!(
            rows,
            [
                "5 192.0.2.7 none dkim=true spf=false ours.example bounce.list.example ours.example mailing_list",
                "1 2001:db8::1 reject dkim=false spf=false ours.example forged.example  ",
            ]
        );
    }
    let wide: Vec<u8> =
        [0xff, 0xfe].into_iter().chain(plain.encode_utf16().flat_map(u16::to_le_bytes)).collect();
    assert!(looks_like(&wide));
    let budget = Budget::new(Bounds::default(), &Clock::of_this_thread());
    assert_eq!(read(&wide, 100, &budget).unwrap().rows.len(), 2);
}

#[test]
fn what_is_no_report_says_why() {
    for (text, want) in [
        ("<html><feedback/></html>".to_string(), NotRead::NotFeedback),
        (String::new(), NotRead::NotFeedback),
        ("<feedback></feedback>".to_string(), NotRead::Missing("domain")),
        (report("").replace("Far Example", " "), NotRead::Missing("org_name")),
        (report("").replace("far-1", ""), NotRead::Missing("report_id")),
        (report("").replace("Ours.Example", "x y"), NotRead::Missing("domain")),
        (format!("<!DOCTYPE feedback [<!ENTITY a \"b\">]>{}", report("")), NotRead::DocumentType),
        (format!("<feedback>{}", "<a>".repeat(1_000_000)), NotRead::TooDeep),
    ] {
        assert_eq!(read_all(&text), Err(want), "{}", text.get(..60).unwrap_or(&text));
    }
    assert!(!looks_like(b"<html><body>feedback is welcome"));
    assert!(!looks_like(b"We look forward to your <feedback>"));
}

#[test]
fn lies_are_bounded() {
    let evaluated = "<disposition>none</disposition>";
    let records = record("192.0.2.1", "18446744073709551615", evaluated, "")
        + &record("192.0.2.1", "18446744073709551615", evaluated, "")
        + &record("192.0.2.2", "-5", evaluated, "")
        + &record("192.0.2.3", "99999999999999999999999", evaluated, "")
        + &record("not an address", "7", evaluated, "")
        + &record("192.0.2.4", "0", evaluated, "")
        + &record("192.0.2.5", "&#49;&unknown;", evaluated, "");
    let read_back = read_all(&report(&records)).unwrap();
    assert_eq!(read_back.rows.len(), 1);
    assert_eq!(read_back.rows[0].mails, limits::REPORT_MAILS_MAX);
    assert_eq!(read_back.mails_left_out, 7);
    let many: String = (0..300_u32)
        .map(|number| {
            record(
                &std::net::Ipv4Addr::from(number).to_string(),
                &(number + 1).to_string(),
                evaluated,
                "",
            )
        })
        .collect();
    let read_back = read_all(&report(&many)).unwrap();
    assert_eq!((read_back.rows.len(), read_back.rows[0].mails), (100, 300));
    assert_eq!(read_back.mails_left_out, (1..=200).sum::<u64>());
}

#[test]
fn long_values_and_broken_elements_cost_little() {
    let long = report("").replace("Far Example", &"x&#65;".repeat(1_000_000));
    let reporter = read_all(&long).unwrap().reporter;
    assert!(reporter.starts_with("xAxA") && reporter.len() <= limits::REPORT_TEXT_BYTES_MAX);
    // A record that never ends says nothing; what ends before it begins is passed over.
    let broken =
        report("</record></row><record><row><source_ip>192.0.2.1</source_ip><count>1</count>");
    assert_eq!(read_all(&broken).unwrap().rows, []);
    let clock = Clock::by_hand(crate::base::clock::UnixMs(0));
    let bounds = Bounds { time: Duration::ZERO, ..Bounds::default() };
    let late = read(report("").as_bytes(), 10, &Budget::new(bounds, &clock));
    assert!(matches!(late, Err(NotRead::Limit(Limit::OutOfTime { .. }))), "{late:?}");
}
