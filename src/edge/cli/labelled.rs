//! Labelled corpora: an index has a line for each mail, in the order they came: its path, a tab, its label (spam, phish or ham). More columns
//! are left alone, and so are lines that begin with # and a first line of names.

use super::Failure;
use crate::{
    base::{
        clock::{Clock, UnixMs},
        limits,
    },
    config::policy::Policy,
    facts::{Facts, Known},
    learn::classifier::{Label, Sketch},
    mail::{Direction, Envelope, Header, Peer, ReversePath},
    pipeline::{
        judge::{self, Came, Unjudged},
        settings::Settings,
        wording,
    },
    verdict,
    wire::date,
};
use std::{
    fs,
    net::IpAddr,
    path::{Path, PathBuf},
    time::Duration,
};

/// A line of the index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Row {
    pub(super) path: String,
    pub(super) label: String,
}

/// What a mail was, before anything was learned of it.
pub(super) struct Looked {
    pub(super) sketch: Sketch,
    pub(super) rules: f32,
    pub(super) took: Duration,
}

impl Row {
    /// Phish is spam.
    pub(super) fn is(&self) -> Label {
        if self.label == "ham" { Label::Ham } else { Label::Spam }
    }
}

/// The lines of an index.
pub(super) fn rows(index: &Path) -> Result<Vec<Row>, Failure> {
    let named =
        |why: &dyn std::fmt::Display| Failure::BadInput(format!("{}: {why}", index.display()));
    let lines = fs::read_to_string(index).map_err(|error| named(&error))?;
    parse(&lines).map_err(|why| named(&why))
}

fn parse(index: &str) -> Result<Vec<Row>, String> {
    let mut rows = Vec::new();
    for (at, line) in index.lines().enumerate() {
        if line.trim().is_empty() || line.starts_with('#') {
            continue;
        }
        let mut columns = line.split('\t');
        let (path, label) = (columns.next().unwrap_or_default(), columns.next());
        let label = label.unwrap_or_default().trim();
        let is_heading = rows.is_empty() && (path, label) == ("path", "label");
        match label {
            _ if is_heading => (),
            "spam" | "phish" | "ham" => {
                rows.push(Row { path: path.to_string(), label: label.to_string() });
            }
            _ => {
                return Err(format!(
                    "line {}: behind the path a tab and spam, phish or ham are expected, not {label:?}",
                    at + 1
                ));
            }
        }
    }
    Ok(rows)
}

pub(super) fn folder_of(file: &Path) -> PathBuf {
    file.parent().map(Path::to_path_buf).unwrap_or_default()
}

/// Opens a mail and asks the rules. Nobody outside is asked: the mail is old, and its sender another by now.
pub(super) fn look(
    settings: &Settings,
    clock: &Clock,
    file: &Path,
    text_only: bool,
) -> Result<Looked, String> {
    let bytes = fs::read(file).map_err(|error| error.to_string())?;
    let header = Header::read(&bytes).unwrap_or_default();
    let sender = header.value("Return-Path").unwrap_or_default();
    let sender = sender.trim_matches(['<', '>', ' ']);
    let envelope = Envelope::from(ReversePath::parse(sender).unwrap_or(ReversePath::Null));
    let peer = Peer::at(IpAddr::from([192, 0, 2, 1]));
    let came = Came::from_world(peer, envelope, came_at(&header, clock)).owned_under(settings);
    let began = clock.tick();
    let facts = Facts { stumbled_before: Known::Yes(false), ..Facts::default() };
    let judged = match judge::look(settings, &came, &bytes, facts) {
        Ok(judged) => judged,
        // Refused before it is looked at: not learned from either.
        Err(Unjudged::Header(_)) => {
            let rules = limits::RULE_WEIGHT_MAX;
            return Ok(Looked { sketch: Sketch::default(), rules, took: Duration::ZERO });
        }
        Err(why) => return Err(format!("{why:?}")),
    };
    let rules = if text_only {
        0.0
    } else {
        verdict::decide(&judged.findings, &Policy::default(), Direction::Inbound).score
    };
    let sketch = wording::sketch(settings, &judged.header, &bytes, &judged.contents);
    Ok(Looked { sketch, rules, took: clock.tick().since(began) })
}

/// When it came: the last server that took it says so, or else the mail itself. Checks compare its Date with that, not with today.
fn came_at(header: &Header, clock: &Clock) -> UnixMs {
    let received = header.value("Received");
    let received = received.as_deref().and_then(|line| line.rsplit_once(';')).map(|(_, date)| date);
    let written = header.value("Date");
    let seconds = received.or(written.as_deref()).and_then(date::read);
    let seconds = seconds.and_then(|seconds| u64::try_from(seconds).ok());
    seconds.map_or_else(|| clock.now(), |seconds| UnixMs(seconds.saturating_mul(1000)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_index_with_and_without_names_and_more_columns() {
        let row =
            |path: &str, label: &str| Row { path: path.to_string(), label: label.to_string() };
        for (index, want) in [
            ("", Ok(vec![])),
            ("a\tham\nb/c d\tspam\n", Ok(vec![row("a", "ham"), row("b/c d", "spam")])),
            ("path\tlabel\torder\n# said\n\na\tphish\t4\r\n", Ok(vec![row("a", "phish")])),
            ("a\tham\nb\tmaybe\n", Err("line 2: ")),
            ("a ham\n", Err("line 1: ")),
        ] {
            match (parse(index), want) {
                (Ok(got), Ok(want)) => assert_eq!(got, want, "{index}"),
                (Err(got), Err(want)) => assert!(got.starts_with(want), "{got}"),
                (got, want) => panic!("{index}: {got:?} for {want:?}"),
            }
        }
    }

    #[test]
    fn a_mail_came_when_the_last_server_took_it() {
        let clock = Clock::by_hand(UnixMs(5));
        for (mail, want) in [
            (
                "Received: from a by b; Fri, 6 Nov 2020 12:00:00 +0000\nDate: Sat, 7 Nov 2020 12:00:00 +0000\n\n",
                1_604_664_000_000,
            ),
            ("Date: Sat, 7 Nov 2020 12:00:00 +0000\n\n", 1_604_750_400_000),
            ("Date: soon\n\n", 5),
        ] {
            let header = Header::read(mail.as_bytes()).expect("small");
            assert_eq!(came_at(&header, &clock), UnixMs(want), "{mail}");
        }
    }
}
