//! Which findings fire on labelled mail: `SLUSS_INDEX=a.tsv:b.tsv cargo bench --bench corpus`.
//!
//! An index has a header line with the columns `path` (from the index's folder) and `label`; where it has `client_ip`, `helo`, `mailfrom`,
//! `spf`, `dkim` and `dmarc`, these are what was recorded when the mail came, and become the facts of it: nobody is asked. What the
//! receiver of then wrote into the header is taken out first, or it would give the answer away. `SLUSS_EACH=N` takes each Nth mail only.
//!
//! Prints for each finding how many mails of each label have it, and for each label what is done with it.

#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout, clippy::indexing_slicing)]

use sluss::{
    base::clock::{Clock, UnixMs},
    config::Config,
    edge::load::{self, Opener},
    facts::{
        Facts, Known,
        auth::{SpfFact, dmarc::DmarcFact},
    },
    mail::{Address, Envelope, Header, Peer, Recipient, ReversePath},
    pipeline::{
        judge::{self, Came},
        settings::Settings,
    },
    wire::auth::{Dkim, Dmarc, Signature, Spf, dmarc::Wanted},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    env, fs,
    path::{Path, PathBuf},
    sync::Mutex,
    thread,
};

fn main() {
    if env::args().any(|argument| argument == "--test" || argument == "--list") {
        return;
    }
    let Ok(indexes) = env::var("SLUSS_INDEX") else {
        println!("SLUSS_INDEX names no index: nothing to do");
        return;
    };
    let each = env::var("SLUSS_EACH").ok().and_then(|text| text.parse().ok()).unwrap_or(1);
    let rows: Vec<Row> = indexes.split(':').flat_map(|index| rows(Path::new(index))).collect();
    let rows: Vec<&Row> = rows.iter().step_by(each).collect();
    let text = "hostname = \"mx.ours.example\"\n[[domain]]\nname = \"ours.example\"\nnext-hop = \"smtp://127.0.0.1:1\"\nrecipients = \"any\"\n";
    let config = Config::parse(Path::new("corpus.toml"), text).unwrap();
    let (settings, _) = load::load(config, &Clock::system(), Opener::Here).unwrap();
    let table = Mutex::new(Table::default());
    let halves = rows.chunks(rows.len().div_ceil(2).max(1));
    thread::scope(|scope| {
        for half in halves {
            let (settings, table) = (&settings, &table);
            scope.spawn(move || {
                for row in half {
                    let judged = row.judged(settings);
                    table.lock().unwrap().take(row, judged);
                }
            });
        }
    });
    table.into_inner().unwrap().print();
}

/// One mail of an index.
#[derive(Debug)]
struct Row {
    file: PathBuf,
    columns: BTreeMap<String, String>,
}

fn rows(index: &Path) -> Vec<Row> {
    let text = fs::read_to_string(index).unwrap();
    let mut lines = text.lines();
    let names: Vec<&str> = lines.next().unwrap().split('\t').collect();
    let folder = index.parent().unwrap();
    lines
        .map(|line| {
            let columns: BTreeMap<String, String> = names
                .iter()
                .map(ToString::to_string)
                .zip(line.split('\t').map(str::to_string))
                .collect();
            Row { file: folder.join(&columns["path"]), columns }
        })
        .collect()
}

impl Row {
    fn column(&self, name: &str) -> &str {
        self.columns.get(name).map_or("", String::as_str)
    }

    /// The action and the ids of the findings. None: the mail cannot be read.
    fn judged(&self, settings: &Settings) -> Option<(String, BTreeSet<String>)> {
        let bytes = without_receiver(&fs::read(&self.file).unwrap());
        let mut peer = Peer::at(self.column("client_ip").parse().unwrap_or([192, 0, 2, 1].into()));
        peer.helo = self.column("helo").to_string();
        let sender = ReversePath::parse(self.column("mailfrom")).unwrap_or(ReversePath::Null);
        let recipient = Recipient::plain(Address::parse("user@ours.example").unwrap());
        let envelope = Envelope { recipients: vec![recipient], ..Envelope::from(sender) };
        let came =
            Came::from_world(peer, envelope, UnixMs(1_764_000_000_000)).owned_under(settings);
        let facts = self.facts(&bytes);
        let judged = judge::look(settings, &came, &bytes, facts).ok()?;
        let verdict = judged.for_recipient(settings, &came, &came.envelope.recipients[0]).verdict;
        let ids = judged.findings.iter().map(|finding| finding.id.to_string());
        Some((verdict.action.word().to_string(), ids.collect()))
    }

    /// What was recorded, as facts.
    fn facts(&self, mail: &[u8]) -> Facts {
        if self.column("spf").is_empty() && self.column("dmarc").is_empty() {
            return Facts::default();
        }
        let header = Header::read(mail).unwrap_or_default();
        let because = "recorded".to_string();
        let domain_of = |text: &str| {
            text.rsplit_once('@').map_or("", |(_, domain)| domain).to_ascii_lowercase()
        };
        let spf_domain =
            Some(domain_of(self.column("mailfrom"))).filter(|domain| !domain.is_empty());
        let of_helo = spf_domain.is_none();
        let domain = spf_domain.unwrap_or_else(|| self.column("helo").to_ascii_lowercase());
        let silent = "the name servers did not answer then";
        let spf = match self.column("spf") {
            "temperror" | "tempfail" => Known::No(silent.to_string()),
            word => {
                let all = [Spf::Pass, Spf::Fail, Spf::SoftFail, Spf::Neutral, Spf::PermError];
                let result = all.into_iter().find(|one| one.word() == word).unwrap_or(Spf::None);
                Known::Yes(SpfFact { result, domain, of_helo, because: because.clone() })
            }
        };
        let signer = header.value("DKIM-Signature").unwrap_or_default();
        let signer =
            signer.split(';').find_map(|tag| tag.trim().strip_prefix("d=").map(str::to_string));
        let signature = |result| Signature {
            result,
            domain: signer.clone().unwrap_or_default().to_ascii_lowercase(),
            selector: String::new(),
            because: because.clone(),
        };
        let dkim = match self.column("dkim") {
            "pass" => Known::Yes(vec![signature(Dkim::Pass)]),
            "fail" => Known::Yes(vec![signature(Dkim::Fail)]),
            "temperror" | "timeout" => Known::No(silent.to_string()),
            _ => Known::Yes(Vec::new()),
        };
        let author = header.mailboxes("From").first().and_then(|from| from.domain());
        let result = match self.column("dmarc") {
            "pass" => Dmarc::Pass,
            "fail" => Dmarc::Fail,
            "permerror" => Dmarc::PermError,
            // The receiver's guess where nothing is published.
            _ => Dmarc::None,
        };
        let domain = author.map(|domain| domain.as_str().to_string()).unwrap_or_default();
        // What the owner asked for was not recorded; nothing is the mildest.
        let dmarc = DmarcFact { result, domain, wanted: Wanted::None, because };
        let dmarc = match self.column("dmarc") {
            "temperror" => Known::No(silent.to_string()),
            _ => Known::Yes(dmarc),
        };
        Facts { spf, dkim, dmarc, ..Facts::default() }
    }
}

/// Takes out what the receiving side wrote.
fn without_receiver(mail: &[u8]) -> Vec<u8> {
    const THEIRS: [&str; 14] = [
        "X-MS-",
        "X-Microsoft",
        "X-Spam-",
        "X-SID-",
        "X-Sender-IP",
        "X-Message-",
        "X-Incoming",
        "X-Virus",
        "X-Forefront",
        "X-EOP",
        "ARC-",
        "Authentication-Results",
        "Received-SPF",
        "X-FOFF-",
    ];
    let Ok(header) = Header::read(mail) else { return mail.to_vec() };
    let mut out = Vec::with_capacity(mail.len());
    let mut from = 0;
    for field in header.fields() {
        let name = header.name(field).to_ascii_lowercase();
        if THEIRS.iter().any(|theirs| name.starts_with(&theirs.to_ascii_lowercase())) {
            out.extend_from_slice(mail.get(from..field.span.start).unwrap_or_default());
            from = field.span.end;
        }
    }
    out.extend_from_slice(mail.get(from..).unwrap_or_default());
    out
}

/// What fired, by label.
#[derive(Debug, Default)]
struct Table {
    mails: BTreeMap<String, u64>,
    actions: BTreeMap<(String, String), u64>,
    findings: BTreeMap<String, BTreeMap<String, u64>>,
}

impl Table {
    fn take(&mut self, row: &Row, judged: Option<(String, BTreeSet<String>)>) {
        let label = row.column("label").to_string();
        *self.mails.entry(label.clone()).or_default() += 1;
        let (action, ids) = judged.unwrap_or(("unread".to_string(), BTreeSet::new()));
        *self.actions.entry((label.clone(), action)).or_default() += 1;
        for id in ids {
            *self.findings.entry(id).or_default().entry(label.clone()).or_default() += 1;
        }
    }

    fn print(&self) {
        println!("mails: {:?}", self.mails);
        for ((label, action), count) in &self.actions {
            println!("{label}\t{action}\t{count}");
        }
        let labels: Vec<&String> = self.mails.keys().collect();
        println!(
            "\nfinding\t{}",
            labels.iter().map(|label| label.as_str()).collect::<Vec<_>>().join("\t")
        );
        for (id, by) in &self.findings {
            let counts =
                labels.iter().map(|label| by.get(*label).copied().unwrap_or(0).to_string());
            println!("{id}\t{}", counts.collect::<Vec<_>>().join("\t"));
        }
    }
}
