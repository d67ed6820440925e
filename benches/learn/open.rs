//! Labelled mail, opened: its bytes, the text that a reader sees, what the rules make of it.

use sluss::{
    base::clock::{Clock, UnixMs},
    config::{Config, policy::Policy},
    edge::load::{self, Opener},
    facts::{Facts, Known},
    learn::classifier::Label,
    mail::{Direction, Envelope, Header, Peer, ReversePath},
    pipeline::{
        judge::{self, Came},
        settings::Settings,
        wording,
    },
    verdict,
};
use std::{fs, path::Path, thread};

/// The mails of one index, in its order.
#[derive(Debug, Clone)]
pub(crate) struct Corpus {
    /// The folder's name.
    pub(crate) name: String,
    /// Them.
    pub(crate) mails: Vec<Opened>,
}

/// One mail.
#[derive(Debug, Clone)]
pub(crate) struct Opened {
    /// What it is.
    pub(crate) label: Label,
    /// It.
    pub(crate) message: Vec<u8>,
    /// Its text as a reader sees it.
    pub(crate) text: String,
    /// Points of the rules, nobody outside asked.
    pub(crate) rules: f32,
}

/// The corpora of some indexes, with `:` between them.
pub(crate) fn all(indexes: &str) -> Vec<Corpus> {
    let text = "hostname = \"mx.ours.example\"\n[[domain]]\nname = \"ours.example\"\nnext-hop = \"smtp://127.0.0.1:1\"\nrecipients = \"any\"\n";
    let config = Config::parse(Path::new("learn.toml"), text).unwrap();
    let (settings, _) = load::load(config, &Clock::system(), Opener::Here).unwrap();
    indexes.split(':').map(|index| corpus(&settings, Path::new(index))).collect()
}

fn corpus(settings: &Settings, index: &Path) -> Corpus {
    let folder = index.parent().unwrap();
    let lines = fs::read_to_string(index).unwrap();
    let rows: Vec<(&str, &str)> = lines
        .lines()
        .skip(1)
        .filter_map(|line| line.split_once('\t'))
        .map(|(path, rest)| (path, rest.split('\t').next().unwrap()))
        .collect();
    let mut mails = Vec::with_capacity(rows.len());
    for some in rows.chunks(200) {
        let halves = some.chunks(some.len().div_ceil(2));
        let opened: Vec<Vec<Opened>> = thread::scope(|scope| {
            let open = |half: &[(&str, &str)]| {
                half.iter()
                    .filter_map(|(path, label)| opened(settings, &folder.join(path), label))
                    .collect()
            };
            let threads: Vec<_> = halves.map(|half| scope.spawn(move || open(half))).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        mails.extend(opened.into_iter().flatten());
    }
    let name = folder.file_name().unwrap().to_string_lossy().into_owned();
    Corpus { name, mails }
}

fn opened(settings: &Settings, file: &Path, label: &str) -> Option<Opened> {
    let message = fs::read(file).unwrap();
    let header = Header::read(&message).ok()?;
    let sender = header.value("Return-Path").unwrap_or_default();
    let sender =
        ReversePath::parse(sender.trim_matches(['<', '>', ' '])).unwrap_or(ReversePath::Null);
    let peer = Peer::at([192, 0, 2, 1].into());
    let at = UnixMs(1_764_000_000_000);
    let came = Came::from_world(peer, Envelope::from(sender), at).owned_under(settings);
    let facts = Facts { stumbled_before: Known::Yes(false), ..Facts::default() };
    let judged = judge::look(settings, &came, &message, facts).ok()?;
    let rules = verdict::decide(&judged.findings, &Policy::default(), Direction::Inbound).score;
    let text = wording::text(&judged.contents);
    let label = if label == "ham" { Label::Ham } else { Label::Spam };
    Some(Opened { label, message, text, rules })
}
