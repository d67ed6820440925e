//! The sample mails (`tests/mails/*.mail`, the same that `sluss demo` sends), judged without a server.
//!
//! A sample begins with lines of directives, then an empty line, then the mail with plain line ends:
//! ```text
//! # what it is                one line, shown by the demo
//! from a@example.org          envelope sender ("<>" for the null sender), default sender@example.org
//! to b@ours.example           recipient, default anna@ours.example
//! direction outbound          default inbound
//! tls                         it came inside TLS
//! action quarantine           what is done with it
//! finds subject.missing       a finding it must give; a last * stands for the rest of the id
//! misses subject.missing      one it must not give
//! ```

// Failing loudly is what these tests are for.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

use sluss::{
    base::clock::Clock,
    config::Config,
    edge::load,
    facts::Facts,
    mail::{Address, Direction, Envelope, Peer, Recipient, ReversePath, TlsSession},
    pipeline::{
        judge::{self, Came},
        settings::Settings,
    },
};
use std::{
    fs,
    path::{Path, PathBuf},
};

#[test]
fn every_sample_is_judged_as_it_says() {
    let clock = Clock::system();
    let (settings, _) =
        load::load(Config::trial(Path::new("/nowhere")), &clock, load::Opener::Here).unwrap();
    let wrong: Vec<String> =
        samples().iter().flat_map(|file| Sample::read(file).judge(&settings, &clock)).collect();
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn no_sample_sets_off_a_virus_scanner_by_itself() {
    let (first, second) =
        ("X5O!P%@AP[4\\PZX54(P^)7CC)7}$EICAR-", "STANDARD-ANTIVIRUS-TEST-FILE!$H+H*");
    let gtube =
        ["XJS*C4JDBQADN1.NSBN3*2IDNEN*", "GTUBE-STANDARD-ANTI-UBE-TEST-EMAIL*C.34X"].concat();
    for file in samples() {
        let text = fs::read(&file).unwrap();
        for whole in [[first, second].concat(), gtube.clone()] {
            assert!(memchr::memmem::find(&text, whole.as_bytes()).is_none(), "{}", file.display());
        }
    }
}

fn samples() -> Vec<PathBuf> {
    let files = fs::read_dir("tests/mails").unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<_> =
        files.filter(|file| file.extension().is_some_and(|end| end == "mail")).collect();
    files.sort();
    assert!(files.len() > 20, "{}", files.len());
    files
}

struct Sample {
    name: String,
    envelope: Envelope,
    direction: Direction,
    tls: bool,
    action: String,
    finds: Vec<String>,
    misses: Vec<String>,
    mail: Vec<u8>,
}

impl Sample {
    fn read(file: &Path) -> Sample {
        let name = file.file_name().unwrap().to_string_lossy().into_owned();
        let bytes = fs::read(file).unwrap();
        let split = memchr::memmem::find(&bytes, b"\n\n").unwrap();
        let text = String::from_utf8(bytes[..split].to_vec()).unwrap();
        assert!(text.starts_with("# "), "{name}: the first line says what it is");
        let mut sample = Sample {
            name,
            envelope: Envelope::from(ReversePath::parse("sender@example.org").unwrap()),
            direction: Direction::Inbound,
            tls: false,
            action: String::new(),
            finds: Vec::new(),
            misses: Vec::new(),
            mail: bytes[split + 2..]
                .split(|byte| *byte == b'\n')
                .collect::<Vec<_>>()
                .join(&b"\r\n"[..]),
        };
        for line in text.lines() {
            sample.directive(line);
        }
        if sample.envelope.recipients.is_empty() {
            sample.directive("to anna@ours.example");
        }
        sample
    }

    fn directive(&mut self, line: &str) {
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        match (word, rest) {
            ("#", _) => (),
            ("from", path) => {
                let path = if path == "<>" { "" } else { path };
                self.envelope.sender = ReversePath::parse(path).unwrap();
            }
            ("to", address) => {
                let recipient = Recipient::plain(Address::parse(address).unwrap());
                self.envelope.recipients.push(recipient);
            }
            ("direction", "outbound") => self.direction = Direction::Outbound,
            ("tls", "") => self.tls = true,
            ("action", action) => self.action = action.to_string(),
            ("finds", id) => self.finds.push(id.to_string()),
            ("misses", id) => self.misses.push(id.to_string()),
            _ => panic!("{}: {line:?} is no directive", self.name),
        }
    }

    /// What is not as it says.
    fn judge(&self, settings: &Settings, clock: &Clock) -> Vec<String> {
        let mut peer = Peer::at("192.0.2.1".parse().unwrap());
        (peer.helo, peer.extended) = ("mail.example.org".to_string(), true);
        peer.tls = self.tls.then(|| TlsSession {
            version: "TLSv1.3".to_string(),
            cipher: "TLS_AES_128_GCM_SHA256".to_string(),
            ..TlsSession::default()
        });
        let came = Came::from_world(peer, self.envelope.clone(), clock.now());
        let came = Came { direction: self.direction, ..came }.owned_under(settings);
        let judged = judge::look(settings, &came, &self.mail, Facts::default()).unwrap();
        let verdict = judged.for_recipient(settings, &came, &came.envelope.recipients[0]).verdict;
        let ids: Vec<&str> = judged.findings.iter().map(|finding| &*finding.id).collect();
        let is = |wanted: &str| {
            ids.iter().any(|id| match wanted.strip_suffix('*') {
                Some(head) => id.starts_with(head),
                None => *id == wanted,
            })
        };
        let mut wrong = Vec::new();
        if verdict.action.word() != self.action {
            wrong.push(format!("{}: action {}", self.name, verdict.action.word()));
        }
        wrong.extend(
            self.finds.iter().filter(|id| !is(id)).map(|id| format!("{}: no {id}", self.name)),
        );
        wrong.extend(
            self.misses.iter().filter(|id| is(id)).map(|id| format!("{}: {id}", self.name)),
        );
        if !wrong.is_empty() {
            let all: Vec<String> = judged
                .findings
                .iter()
                .map(|finding| format!("{} {}", finding.id, finding.weight))
                .collect();
            wrong.push(format!("  {} score {:.1}: {}", self.name, verdict.score, all.join(", ")));
        }
        wrong
    }
}
