//! What other domains are told of TLS with their mail hosts (RFC 8460): the running gateway, whose yesterday is made in its database.

use crate::abroad::{Abroad, At, Place};
use crate::common::{Hop, wait_for};
use crate::policy_host::policy;
use flate2::read::GzDecoder;
use serde_json::Value;
use std::{fs, io::Read, path::PathBuf, thread, time::Duration};

const REPORTS: &str = "[reports]\naddresses = [\"tls@ours.example\"]\n";

fn place(rua: &str, sts: Option<&'static str>) -> Place {
    Place { rpt: Some(format!("v=TLSRPTv1; rua={rua}")), sts, ..Place::default() }
}

fn unpacked(bytes: &[u8]) -> Value {
    let mut text = String::new();
    GzDecoder::new(bytes).read_to_string(&mut text).unwrap();
    serde_json::from_str(&text).unwrap()
}

fn database(abroad: &Abroad) -> PathBuf {
    let found = walk(abroad.folder().to_path_buf());
    found.into_iter().find(|file| file.ends_with("transport/transport.db")).unwrap()
}

fn walk(folder: PathBuf) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { walk(path) } else { vec![path] }).collect()
}

/// What was counted today was counted two days ago: its reports are due, at whatever hour this runs.
fn two_days_later(abroad: &mut Abroad) {
    // Counts are gathered for a moment.
    thread::sleep(Duration::from_secs(1));
    abroad.gateway.kill();
    let connection = rusqlite::Connection::open(database(abroad)).unwrap();
    connection.execute_batch("UPDATE tls_tally SET day = day - 2").unwrap();
    drop(connection);
    abroad.restart();
}

/// The report for this mailbox.
fn report(hop: &Hop, to: &str) -> (String, Value) {
    let mail = wait_for(to, || hop.taken().into_iter().find(|taken| taken.is_for(to))).text();
    let base64 = mail.split("Content-Disposition:").nth(1).unwrap();
    let base64 = base64.split_once("\r\n\r\n").unwrap().1.split("--=_").next().unwrap();
    let base64: String = base64.split_whitespace().collect();
    let report = unpacked(&data_encoding::BASE64.decode(base64.as_bytes()).unwrap());
    (mail, report)
}

#[test]
fn owners_are_told_once_of_a_day_that_is_over_and_nothing_keeps_it_from_them() {
    let mut abroad =
        Abroad::start(&["far.example", "web.example"], &["self.example", "no.example"], REPORTS);
    let enforce = |domain: &str, host: &str| {
        abroad.policies.say(domain, policy("enforce", &[host]));
    };
    enforce("far.example", "*.far.example");
    enforce("self.example", "mx.self.example");
    let mail = "mailto:reports@far.example";
    abroad.domain("far.example", At::Good, place(mail, Some("1")));
    abroad.domain("self.example", At::SelfMade, place("mailto:reports@self.example", Some("1")));
    abroad.domain(
        "web.example",
        At::Good,
        place("https://mta-sts.web.example/here,https://mta-sts.web.example/away", Some("9")),
    );
    abroad.domain("no.example", At::Good, Place::default());
    let added =
        abroad.gateway.command(&["dkim", "add", "--now", "--kind", "ed25519", "ours.example"]);
    assert!(added.status.success(), "{}", String::from_utf8_lossy(&added.stderr));

    assert_eq!(abroad.arrives("a@far.example")["vouch"], "mta_sts");
    assert!(abroad.waits("b@self.example").contains("is self-made"));
    // Its record tells of a policy that is nowhere.
    assert_eq!(abroad.arrives("c@web.example")["policy"], "opportunistic");
    abroad.arrives("d@no.example");
    assert_eq!(abroad.hop.count() + abroad.other.count(), 3);
    two_days_later(&mut abroad);

    let (mail, far) = report(&abroad.hop, "reports@far.example");
    assert!(mail.contains("DKIM-Signature:") && mail.contains("d=ours.example"), "{mail}");
    assert!(mail.contains("From: <tls@ours.example>"), "{mail}");
    assert!(mail.contains("TLS-Report-Domain: far.example"), "{mail}");
    assert!(mail.contains("Subject: Report Domain: far.example"), "{mail}");
    let policy = &far["policies"][0];
    assert_eq!(policy["policy"]["policy-type"], "sts", "{far}");
    assert_eq!(policy["policy"]["policy-string"][1], "mode: enforce", "{far}");
    assert_eq!(policy["summary"]["total-successful-session-count"], 1, "{far}");
    assert_eq!(policy["summary"]["total-failure-session-count"], 0, "{far}");

    // The very failure that is told of keeps mail, and not the report.
    let (_, own) = report(&abroad.other, "reports@self.example");
    let policy = &own["policies"][0];
    assert_eq!(policy["summary"]["total-successful-session-count"], 0, "{own}");
    let detail = &policy["failure-details"][0];
    assert_eq!(detail["result-type"], "certificate-not-trusted", "{own}");
    assert_eq!(detail["receiving-mx-hostname"], "mx.self.example", "{own}");
    assert_eq!(detail["receiving-ip"], "127.0.0.2", "{own}");

    let posted = wait_for("the web server", || {
        let posted = abroad.policies.posted();
        (posted.len() >= 2).then_some(posted)
    });
    let here = posted.iter().find(|one| one.header.starts_with("post /here http/1.1")).unwrap();
    assert!(here.header.contains("content-type: application/tlsrpt+gzip"), "{}", here.header);
    let web = unpacked(&here.body);
    let kinds: Vec<&Value> = web["policies"]
        .as_array()
        .unwrap()
        .iter()
        .map(|policy| &policy["policy"]["policy-type"])
        .collect();
    assert!(kinds.contains(&&"sts".into()) && kinds.contains(&&"no-policy-found".into()), "{web}");
    assert!(web.to_string().contains("sts-policy-fetch-error"), "{web}");

    // Over another start nobody is told again; what brought the reports is not counted.
    // What the queue has not put down as delivered when it is killed goes once more: that is the queue's business.
    wait_for("the queue", || (abroad.gateway.queue().len() == 1).then_some(()));
    thread::sleep(Duration::from_secs(1));
    let before = abroad.hop.count() + abroad.other.count();
    abroad.restart();
    thread::sleep(Duration::from_secs(3));
    assert_eq!(abroad.hop.count() + abroad.other.count(), before);
    assert_eq!(abroad.policies.posted().len(), 2);
    let connection = rusqlite::Connection::open(database(&abroad)).unwrap();
    let today: i64 = connection
        .query_row(
            "SELECT count(*) FROM tls_tally WHERE day > (SELECT min(day) FROM tls_tally)",
            [],
            |row| row.get(0),
        )
        .unwrap();
    assert_eq!(today, 0);
}

#[test]
fn nobody_is_told_where_that_is_off() {
    let off = format!("{REPORTS}tls = \"off\"\n");
    let abroad = Abroad::start(&["far.example"], &[], &off);
    abroad.domain("far.example", At::Good, place("mailto:reports@far.example", None));
    abroad.arrives("a@far.example");
    thread::sleep(Duration::from_secs(1));
    let connection = rusqlite::Connection::open(database(&abroad)).unwrap();
    let rows: i64 =
        connection.query_row("SELECT count(*) FROM tls_tally", [], |row| row.get(0)).unwrap();
    assert_eq!(rows, 0);
}
