//! swaks, the postmaster's own test client, at each listener.

use crate::{
    gateway::{Gateway, Options},
    place,
    postfix::{self, Postfix},
    sample,
};
use std::{fs, path::PathBuf};
use tempfile::TempDir;

/// Us between swaks and one Postfix that has every mailbox.
struct Place {
    server: Postfix,
    gateway: Gateway,
    folder: TempDir,
}

fn place() -> Place {
    let folder = place::folder();
    let server = Postfix::start(
        folder.path(),
        &postfix::Options { mailboxes: &["anna", "bo"], ..postfix::Options::behind() },
    );
    let gateway = Gateway::start(
        folder.path(),
        &Options { smarthost: Some((server.port, "off")), ..Options::before(server.port) },
    );
    Place { server, gateway, folder }
}

impl Place {
    fn file(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.folder.path().join(name);
        fs::write(&path, bytes).unwrap();
        path
    }

    /// Sends a file with swaks; gives whether it succeeded, and the transcript.
    fn swaks(&self, port: u16, to: &str, words: &[&str]) -> (bool, String) {
        let port = port.to_string();
        let fixed = [
            "--server",
            "127.0.0.1",
            "--port",
            &port,
            "--ehlo",
            "client.elsewhere.example",
            "--from",
            "a@elsewhere.example",
            "--to",
            to,
            "--timeout",
            "30",
        ];
        let output = place::run("swaks", &[&fixed[..], words].concat(), None);
        let text = [output.stdout, output.stderr].concat();
        (output.status.success(), String::from_utf8_lossy(&text).into_owned())
    }
}

/// A name, a port, swaks's words, the mail, and what stands in front of it when it has arrived.
type Case<'a> = (&'a str, u16, &'a [&'a str], &'a [u8], &'a str);

#[test]
fn every_way_in() {
    let place = place();
    let (inbound, implicit) = (place.gateway.inbound, place.gateway.implicit);
    let utf8 = sample::mail("å@elsewhere.example", "anna@ours.example", "räksmörgås", "Smörgås 🦐");
    let latin = b"Subject: r\xe4k\r\n\r\n.sm\xf6rg\xe5s\r\n".to_vec();
    let cases: [Case; 7] = [
        ("plain", inbound, &[], &utf8, "with ESMTP id"),
        ("latin", inbound, &[], &latin, "with ESMTP id"),
        ("helo", inbound, &["--protocol", "SMTP"], &utf8, "with SMTP id"),
        ("tls", inbound, &["--tls"], &utf8, "with ESMTPS id"),
        ("tls-1.2", inbound, &["--tls", "--tls-protocol", "tlsv1_2"], &utf8, "(TLSv1.2 "),
        ("implicit", implicit, &["--tls-on-connect"], &latin, "with ESMTPS id"),
        ("pipeline", inbound, &["--pipeline"], &utf8, "with ESMTP id"),
    ];
    for (at, (name, port, words, mail, mark)) in cases.iter().enumerate() {
        // swaks puts a line end behind every file, also where there is one.
        let file = place.file(name, mail.strip_suffix(b"\r\n").unwrap());
        let data = format!("@{}", file.display());
        let words = [words, &["--data", data.as_str()][..]].concat();
        let (good, transcript) = place.swaks(*port, "anna@ours.example", &words);
        assert!(good, "{name}:\n{transcript}");
        assert!(transcript.contains("250 2.0.0 delivered (id "), "{name}:\n{transcript}");
        let mails = place.server.wait_for_mails("anna", at + 1);
        let mail_there = mails
            .iter()
            .find(|there| String::from_utf8_lossy(there).contains(mark) && ends_with(there, mail))
            .unwrap_or_else(|| panic!("{name}: no mail with {mark:?} as it was sent"));
        sample::prefix_of(name, mail_there, mail);
    }
    let both = place.swaks(inbound, "anna@ours.example,bo@ours.example", &["--pipeline"]);
    assert!(both.0, "{}", both.1);
    place.server.wait_for_mails("bo", 1);
}

fn ends_with(there: &[u8], sent: &[u8]) -> bool {
    there.ends_with(&sample::as_stored(sent))
}

#[test]
fn what_is_refused_and_how() {
    let place = place();
    let (inbound, outbound) = (place.gateway.inbound, place.gateway.outbound);
    let virus = place.file("eicar.com", sample::eicar().as_bytes());
    let attached = format!("@{}", virus.display());
    for (what, port, to, words, want) in [
        ("a virus", inbound, "anna@ours.example", &["--attach", &attached][..], "<** 550 5.7.1 "),
        (
            "a virus over TLS",
            inbound,
            "anna@ours.example",
            &["--tls", "--attach", &attached],
            "<~* 550 5.7.1 ",
        ),
        (
            "a virus to the world",
            outbound,
            "eva@elsewhere.example",
            &["--attach", &attached],
            "<** 550 5.7.1 ",
        ),
        ("relaying", inbound, "eva@elsewhere.example", &[], "<** 550 5.7.1 "),
        ("nobody", inbound, "nobody@ours.example", &[], "<** 550 5.1.1 "),
    ] {
        let (good, transcript) = place.swaks(port, to, words);
        assert!(!good, "{what}:\n{transcript}");
        assert!(transcript.contains(want), "{what}:\n{transcript}");
    }
    assert_eq!(place.server.count("anna"), 0);
    assert_eq!(place.gateway.queued(), 0);
    let held = place.gateway.command(&["quarantine", "list", "--json"]);
    assert_eq!(held, "", "refused to the sender's face, so nothing is kept");
}

#[test]
fn what_is_announced() {
    let place = place();
    for (port, words, offered, not_offered) in [
        (
            place.gateway.inbound,
            &[][..],
            &["STARTTLS", "PIPELINING", "8BITMIME", "SIZE ", "CHUNKING", "ENHANCEDSTATUSCODES"][..],
            &["DSN", "BINARYMIME", "VRFY", "AUTH"][..],
        ),
        (place.gateway.outbound, &[], &["DSN", "STARTTLS"], &["BINARYMIME", "AUTH"]),
        (place.gateway.implicit, &["--tls-on-connect"], &["PIPELINING"], &["STARTTLS"]),
    ] {
        let words = [words, &["--quit-after", "EHLO"][..]].concat();
        let (good, transcript) = place.swaks(port, "anna@ours.example", &words);
        assert!(good, "{transcript}");
        let announced: Vec<&str> = transcript
            .lines()
            .filter_map(|line| line.split_once("250-").or_else(|| line.split_once("250 ")))
            .map(|(_, keyword)| keyword)
            .collect();
        for keyword in offered {
            assert!(
                announced.iter().any(|line| line.starts_with(keyword)),
                "{keyword}: {transcript}"
            );
        }
        for keyword in not_offered {
            assert!(
                !announced.iter().any(|line| line.starts_with(keyword)),
                "{keyword}: {transcript}"
            );
        }
    }
}
