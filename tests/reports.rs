//! Reports of others, from the SMTP line to the command that shows them: who sends in our name, who complains, what was not delivered.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, clippy::disallowed_methods)] // Failing loudly is what these tests are for.

mod common;

use common::{Client, Gateway, Hop, Manner, free_port, mail, wait_for};
use flate2::{Compression, write::GzEncoder};
use serde_json::Value;
use std::{fs, io::Write};

struct House {
    gateway: Gateway,
    hop: Hop,
    inbound: u16,
}

impl House {
    fn start() -> House {
        let (hop, inbound) = (Hop::start(Manner::default()), free_port());
        let next_hop = format!("smtp://127.0.0.1:{}", hop.port());
        let domain = |name: &str, owner: &str| {
            format!(
                "[[domain]]\nname = \"{name}\"\norganisation = \"{owner}\"\nnext-hop = \"{next_hop}\"\nrecipients = \"any\"\n"
            )
        };
        let config = format!(
            "hostname = \"mx.ours.example\"\n[[listener]]\nname = \"in\"\nbind = \"127.0.0.1:{inbound}\"\ndirection = \"inbound\"\n\
             [[organisation]]\nname = \"acme\"\n[[organisation]]\nname = \"bolaget\"\n{}{}\
             [reports]\naddresses = [\"dmarc@acme.example\"]\n[outbound]\nsmarthost = \"{next_hop}\"\ntls = \"off\"\n",
            domain("acme.example", "acme"),
            domain("bolaget.example", "bolaget"),
        );
        House { gateway: Gateway::start(&config), hop, inbound }
    }

    /// Sends a mail to a report address and gives what the trace says became of it.
    #[track_caller]
    fn send(&self, to: &str, mail: &str) -> String {
        let mut client = Client::hello(self.inbound);
        let heard = client.send("", &[to], mail.as_bytes()).unwrap();
        assert!(heard.last().starts_with("250 2.0.0 queued"), "{heard:?}");
        let id = heard.id().unwrap();
        wait_for("the report to be read", || {
            let trace = self.gateway.command(&["trace", "show", "--json", &id]);
            let trace: Value = serde_json::from_slice(&trace.stdout).ok()?;
            let fates = trace[0]["recipients"].as_array()?.clone();
            let last = fates.last()?;
            (last["status"] == "delivered").then(|| last["said"].as_str().unwrap().to_string())
        })
    }

    #[track_caller]
    fn shown(&self, words: &[&str]) -> Vec<Value> {
        let words = [&["reports"], words, &["--json"]].concat();
        let out = self.gateway.command(&words);
        assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
        String::from_utf8_lossy(&out.stdout)
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }
}

fn dmarc(domain: &str, id: &str, records: &str) -> String {
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<feedback><report_metadata><org_name>far.example</org_name>\
         <report_id>{id}</report_id><date_range><begin>1795824000</begin><end>1795910399</end></date_range></report_metadata>\
         <policy_published><domain>{domain}</domain><p>quarantine</p></policy_published>{records}</feedback>"
    )
}

fn record(source: &str, count: u32, disposition: &str, passes: &str) -> String {
    format!(
        "<record><row><source_ip>{source}</source_ip><count>{count}</count><policy_evaluated><disposition>{disposition}</disposition>\
         <dkim>{passes}</dkim><spf>fail</spf></policy_evaluated></row><identifiers><header_from>acme.example</header_from></identifiers>\
         <auth_results><spf><domain>bounce.forger.example</domain><result>pass</result></spf></auth_results></record>"
    )
}

fn gzipped(text: &str) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(text.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

fn mail_with(bytes: &[u8]) -> String {
    let body = data_encoding::BASE64.encode(bytes);
    let lines: Vec<&str> =
        body.as_bytes().chunks(76).map(|line| std::str::from_utf8(line).unwrap()).collect();
    format!(
        "From: Reports <noreply@far.example>\r\nTo: dmarc@acme.example\r\nSubject: Report Domain: acme.example\r\n\
         Date: Thu, 19 Nov 2026 10:15:00 +0100\r\nMessage-ID: <r@far.example>\r\nMIME-Version: 1.0\r\n\
         Content-Type: application/gzip; name=\"far.example!acme.example!1.xml.gz\"\r\nContent-Transfer-Encoding: base64\r\n\r\n{}\r\n",
        lines.join("\r\n")
    )
}

fn of_report(kind: &str, fields: &str) -> String {
    format!(
        "From: postmaster@far.example\r\nTo: dmarc@acme.example\r\nSubject: Report\r\nDate: Thu, 19 Nov 2026 10:15:00 +0100\r\n\
         MIME-Version: 1.0\r\nContent-Type: multipart/report; report-type={kind}; boundary=b\r\n\r\n--b\r\n\r\nAbout your mail.\r\n\
         --b\r\nContent-Type: message/{kind}\r\n\r\n{fields}\r\n--b\r\nContent-Type: message/rfc822\r\n\r\n\
         From: news@acme.example\r\nMessage-ID: <1@acme.example>\r\nSubject: News\r\n\r\nhi\r\n--b--\r\n"
    )
}

#[test]
fn who_sends_in_our_name_is_seen_by_command() {
    let house = House::start();
    let records =
        record("192.0.2.1", 40, "none", "pass") + &record("203.0.113.9", 7, "quarantine", "fail");
    let report = mail_with(&gzipped(&dmarc("acme.example", "1", &records)));
    assert!(house.send("DMARC+far@acme.example", &report).contains("recorded 1 reports"));
    // A receiver that sends it again is not believed twice.
    assert!(house.send("dmarc@acme.example", &report).contains("1 were known"));
    let foreign = mail_with(&gzipped(&dmarc("else.example", "1", "")));
    assert!(
        house.send("dmarc@acme.example", &foreign).contains("else.example is no domain of ours")
    );
    let broken = mail_with(
        b"<!DOCTYPE feedback [<!ENTITY a SYSTEM \"file:///etc/passwd\">]><feedback>&a;</feedback>",
    );
    assert!(house.send("dmarc@acme.example", &broken).contains("document type"));

    let lines = house.shown(&["dmarc", "--days", "100000"]);
    let seen: Vec<String> = lines
        .iter()
        .map(|line| {
            let number = |name: &str| line[name].as_u64().unwrap();
            format!(
                "{} {} {} {} {} {}",
                line["organisation"].as_str().unwrap(),
                line["source"].as_str().unwrap(),
                number("mails"),
                number("passed"),
                number("quarantined"),
                line["envelope_from"].as_str().unwrap()
            )
        })
        .collect();
    assert_eq!(
        seen,
        [
            "acme 192.0.2.1 40 40 0 bounce.forger.example",
            "acme 203.0.113.9 7 0 7 bounce.forger.example"
        ]
    );
    assert_eq!(house.shown(&["dmarc", "--failing", "--days", "100000"]).len(), 1);
    assert_eq!(house.shown(&["dmarc", "--organisation", "bolaget", "--days", "100000"]).len(), 0);
    let table = house.gateway.command(&[
        "reports",
        "dmarc",
        "--domain",
        "acme.example",
        "--days",
        "100000",
    ]);
    assert!(String::from_utf8_lossy(&table.stdout).contains("203.0.113.9"), "{table:?}");
    assert_eq!(house.hop.count(), 0, "what is read here goes nowhere else");
}

#[test]
fn complaints_and_delivery_notices_are_read_and_a_letter_comes_back() {
    let house = House::start();
    let complaint = "Feedback-Type: abuse\r\nUser-Agent: Far/1\r\nVersion: 1\r\nSource-IP: 192.0.2.1\r\n\
        Original-Mail-From: <news@bolaget.example>\r\n";
    house.send("dmarc@acme.example", &of_report("feedback-report", complaint));
    let notice = "Reporting-MTA: dns; mx.far.example\r\n\r\nFinal-Recipient: rfc822; x@far.example\r\nAction: failed\r\n\
        Status: 5.1.1\r\nDiagnostic-Code: smtp; 550 5.1.1 nobody here\r\n";
    house.send("dmarc@acme.example", &of_report("delivery-status", notice));
    let complaints = house.shown(&["arf"]);
    assert_eq!(complaints.len(), 1);
    assert_eq!(complaints[0]["organisation"], "bolaget", "whom it is about, not where it came");
    assert_eq!(complaints[0]["original_id"], "1@acme.example");
    let notices = house.shown(&["dsn", "--domain", "far.example"]);
    assert_eq!((notices.len(), notices[0]["status"].as_str()), (1, Some("5.1.1")));
    assert_eq!(notices[0]["diagnostic"], "550 5.1.1 nobody here");
    // A person who writes there hears that nobody reads it.
    let mut client = Client::hello(house.inbound);
    let heard = client.send("karin@example.org", &["dmarc@acme.example"], mail("hello").as_bytes());
    let id = heard.unwrap().id().unwrap();
    wait_for("the end of it", || {
        let trace = house.gateway.command(&["trace", &id]);
        String::from_utf8_lossy(&trace.stdout).contains("nobody reads this address").then_some(())
    });
}

#[test]
fn reports_on_disk_are_imported_beside_the_gateway() {
    let house = House::start();
    let folder = tempfile::tempdir().unwrap();
    let report = |id: &str| dmarc("acme.example", id, &record("192.0.2.1", 2, "none", "pass"));
    fs::write(folder.path().join("a.xml"), report("1")).unwrap();
    fs::write(folder.path().join("b.xml.gz"), gzipped(&report("2"))).unwrap();
    fs::write(folder.path().join("c.eml"), mail_with(&gzipped(&report("3")))).unwrap();
    fs::write(folder.path().join("d.xml"), report("1")).unwrap();
    let path = folder.path().to_str().unwrap();
    let out = house.gateway.command(&["reports", "import", path]);
    assert!(out.status.success(), "{out:?}");
    let lines = house.shown(&["dmarc", "--days", "100000"]);
    assert_eq!((lines.len(), lines[0]["mails"].as_u64()), (1, Some(6)));
    fs::write(folder.path().join("e.txt"), "no report at all").unwrap();
    let out = house.gateway.command(&["reports", "import", path]);
    assert_eq!(out.status.code(), Some(2), "{out:?}");
}

#[test]
fn tls_reports_are_kept_by_whose_the_domain_is() {
    let house = House::start();
    let policy = |domain: &str, good: u32, failed: u32, details: &str| {
        format!(
            "{{\"policy\":{{\"policy-type\":\"sts\",\"policy-domain\":\"{domain}\"}},\"summary\":\
             {{\"total-successful-session-count\":{good},\"total-failure-session-count\":{failed}}}{details}}}"
        )
    };
    let details = ",\"failure-details\":[{\"result-type\":\"certificate-expired\",\"receiving-mx-hostname\":\"mx.ours.example\",\
        \"receiving-ip\":\"192.0.2.1\",\"failed-session-count\":3}]";
    let report = |policies: &[String]| {
        let json = format!(
            "{{\"organization-name\":\"Far Mail\",\"report-id\":\"1@far.example\",\"contact-info\":\"tls@far.example\",\"date-range\":\
             {{\"start-datetime\":\"2026-11-29T00:00:00Z\",\"end-datetime\":\"2026-11-29T23:59:59Z\"}},\"policies\":[{}]}}",
            policies.join(",")
        );
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(json.as_bytes()).unwrap();
        let body = data_encoding::BASE64.encode(&encoder.finish().unwrap());
        format!(
            "From: tls@far.example\r\nTo: dmarc@acme.example\r\nSubject: Report Domain: acme.example\r\nMIME-Version: 1.0\r\n\
             TLS-Report-Domain: acme.example\r\nContent-Type: multipart/report; report-type=\"tlsrpt\"; boundary=b\r\n\r\n\
             --b\r\nContent-Type: text/plain\r\n\r\nThis is a TLS report.\r\n--b\r\nContent-Type: application/tlsrpt+gzip\r\n\
             Content-Transfer-Encoding: base64\r\n\r\n{body}\r\n--b--\r\n"
        )
    };
    let both = [
        policy("acme.example", 5, 3, details),
        policy("bolaget.example", 7, 0, ""),
        policy("stranger.example", 9, 0, ""),
    ];
    let said = house.send("dmarc@acme.example", &report(&both));
    assert!(said.contains("recorded 2 reports"), "{said}");
    assert!(said.contains("stranger.example is no domain of ours"), "{said}");
    assert!(house.send("dmarc@acme.example", &report(&both)).contains("were known"));
    let all = house.shown(&["tls", "--days", "3650"]);
    assert_eq!(all.len(), 2, "{all:?}");
    let failing = house.shown(&["tls", "--days", "3650", "--failing"]);
    let [line] = failing.as_slice() else { panic!("{failing:?}") };
    assert_eq!((&line["organisation"], &line["domain"]), (&"acme".into(), &"acme.example".into()));
    assert_eq!((&line["good"], &line["failed"]), (&5.into(), &3.into()));
    assert_eq!(line["failures"][0]["result"], "certificate-expired", "{line}");
    assert_eq!(line["failures"][0]["to"], "192.0.2.1", "{line}");
    let own = house.shown(&["tls", "--days", "3650", "--organisation", "bolaget"]);
    assert_eq!(own.len(), 1, "{own:?}");
    // Of strangers alone nothing is kept.
    let strange = [policy("stranger.example", 9, 0, "")];
    house.send("dmarc@acme.example", &report(&strange));
    assert_eq!(house.shown(&["tls", "--days", "3650"]).len(), 2);
}
