//! `sluss reports`: what others report about our mail. Works on the reports' own database, whether or not a gateway runs.
//!
//! What is imported is opened like every mail, in a worker: a bare report is made a part of a mail for it.

use super::{Failure, Place, print, runtime};
use crate::{
    base::{clock::Clock, limits},
    config::Config,
    edge::{
        load::{self, Kept, Opener},
        serve::reports_folder,
    },
    examine::{Reveal, UnscannedReason},
    mail::{Domain, Header, Organisation},
    pipeline::{reports::Found, settings::Settings},
    store::{
        StoreError,
        embedded::Reports as Stored,
        reports::{ComplaintLine, DeliveryLine, ReportFilter, SourceLine, TlsLine},
    },
    wire::date,
};
use clap::{Args, Subcommand};
use serde::Serialize;
use std::{
    fs, io,
    path::{Path, PathBuf},
    process::ExitCode,
    time::Duration,
};

#[derive(Debug, Args)]
pub(super) struct Reports {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Who sends in our domains' names, as receivers saw it (DMARC): by domain and source, how much passed, what was done with it.
    #[command(
        after_help = "Examples:\n  sluss reports dmarc\n  sluss reports dmarc --domain ours.example --days 7\n  sluss reports dmarc --failing --json"
    )]
    Dmarc {
        #[command(flatten)]
        which: Which,
        /// Only sources some of whose mail passed neither DKIM nor SPF.
        #[arg(long)]
        failing: bool,
    },
    /// Complaints about our mail, and failures that receivers saw (ARF), newest first.
    #[command(after_help = "Example:\n  sluss reports arf --days 7")]
    Arf {
        #[command(flatten)]
        which: Which,
    },
    /// What was not delivered, as told to the report addresses (DSN), newest first. A domain is that of the recipient.
    #[command(after_help = "Example:\n  sluss reports dsn --domain far.example")]
    Dsn {
        #[command(flatten)]
        which: Which,
    },
    /// How TLS with our mail hosts went, as those say who send to us (TLS-RPT), newest first.
    #[command(
        after_help = "Examples:\n  sluss reports tls\n  sluss reports tls --domain ours.example --failing --json"
    )]
    Tls {
        #[command(flatten)]
        which: Which,
        /// Only those with sessions that failed.
        #[arg(long)]
        failing: bool,
    },
    /// Read reports from files and folders: whole mails, DMARC reports as XML and TLS reports as JSON, zipped or gzipped. What is known is counted once.
    #[command(
        after_help = "Examples:\n  sluss reports import maildir/new\n  sluss reports import far.example!ours.example!1764201600!1764287999.xml.gz"
    )]
    Import {
        #[command(flatten)]
        place: Place,
        /// Files or folders.
        #[arg(required = true)]
        paths: Vec<PathBuf>,
    },
}

/// Which rows to show.
#[derive(Debug, Args)]
struct Which {
    #[command(flatten)]
    place: Place,
    /// Of this domain.
    #[arg(long, value_name = "DOMAIN")]
    domain: Option<String>,
    /// Of this organisation only.
    #[arg(long, value_name = "NAME")]
    organisation: Option<String>,
    /// Of the last days.
    #[arg(long, default_value_t = 30)]
    days: u64,
    /// At most this many.
    #[arg(long, default_value_t = limits::LIST_ROWS_DEFAULT)]
    rows: usize,
    /// JSON, one object a line.
    #[arg(long)]
    json: bool,
}

impl Reports {
    pub(super) fn run(self) -> Result<ExitCode, Failure> {
        match self.verb {
            Verb::Dmarc { which, failing } => {
                let lines = which.read(async |stored, filter| {
                    let filter = ReportFilter { only_failing: failing, ..filter };
                    stored.sources(filter).await
                })?;
                which.show(&lines, SOURCE_HEADING, source_row)?;
            }
            Verb::Arf { which } => {
                let lines = which.read(async |stored, filter| stored.complaints(filter).await)?;
                which.show(&lines, COMPLAINT_HEADING, complaint_row)?;
            }
            Verb::Dsn { which } => {
                let lines = which.read(async |stored, filter| stored.deliveries(filter).await)?;
                which.show(&lines, DELIVERY_HEADING, delivery_row)?;
            }
            Verb::Tls { which, failing } => {
                let lines = which.read(async |stored, filter| {
                    stored.tls(ReportFilter { only_failing: failing, ..filter }).await
                })?;
                which.show(&lines, TLS_HEADING, tls_row)?;
            }
            Verb::Import { place, paths } => return import(&place, &paths),
        }
        Ok(ExitCode::SUCCESS)
    }
}

impl Which {
    fn read<T>(
        &self,
        read: impl AsyncFnOnce(Stored, ReportFilter) -> Result<Vec<T>, StoreError>,
    ) -> Result<Vec<T>, Failure> {
        let config = config_of(&self.place)?;
        let domain = self.domain.as_deref().map(Domain::parse).transpose();
        let domain = domain.map_err(|error| Failure::BadInput(format!("--domain: {error}")))?;
        let now = Clock::system().now();
        let filter = ReportFilter {
            domain: domain.map(|domain| domain.to_string()),
            organisation: self.organisation.as_deref().map(Organisation::named),
            since: now.minus(Duration::from_secs(self.days.saturating_mul(86_400))),
            rows: self.rows,
            only_failing: false,
            skip: 0,
        };
        runtime()?.block_on(async {
            let stored = open(&config)?;
            read(stored, filter).await.map_err(|error| Failure::Failed(error.to_string()))
        })
    }

    fn show<T: Serialize>(
        &self,
        lines: &[T],
        heading: &[&str],
        row: impl Fn(&T) -> Vec<String>,
    ) -> Result<(), Failure> {
        if self.json {
            for line in lines {
                let text = serde_json::to_string(line).map_err(|error| error.to_string())?;
                print::line(&text)?;
            }
            return Ok(());
        }
        if lines.is_empty() {
            let days = self.days;
            return Ok(print::line(&format!(
                "There are no such reports of the last {days} days."
            ))?);
        }
        Ok(print::table(heading, &lines.iter().map(row).collect::<Vec<_>>())?)
    }
}

const SOURCE_HEADING: &[&str] = &[
    "domain",
    "source",
    "mails",
    "passed",
    "dkim",
    "spf",
    "suspected",
    "refused",
    "from",
    "envelope from",
    "signed by",
    "reporters",
];

fn source_row(line: &SourceLine) -> Vec<String> {
    vec![
        line.domain.clone(),
        line.source.clone(),
        print::number(line.mails),
        print::number(line.passed),
        print::number(line.dkim),
        print::number(line.spf),
        print::number(line.quarantined),
        print::number(line.rejected),
        line.header_from.clone(),
        line.envelope_from.clone(),
        line.signed_by.clone(),
        print::number(line.reporters),
    ]
}

const COMPLAINT_HEADING: &[&str] =
    &["came", "kind", "domain", "source", "mails", "failed", "sender", "message-id", "reporter"];

fn complaint_row(line: &ComplaintLine) -> Vec<String> {
    vec![
        date::write_iso(line.came),
        line.kind.clone(),
        line.domain.clone(),
        line.source.clone(),
        print::number(line.incidents),
        line.auth_failure.clone(),
        print::short(&line.mail_from, CELL_LETTERS_MAX),
        print::short(&line.original_id, CELL_LETTERS_MAX),
        print::short(&line.reporter, CELL_LETTERS_MAX),
    ]
}

const DELIVERY_HEADING: &[&str] =
    &["came", "action", "status", "recipient", "said", "server", "message-id"];

fn delivery_row(line: &DeliveryLine) -> Vec<String> {
    vec![
        date::write_iso(line.came),
        line.action.clone(),
        line.status.clone(),
        print::short(&line.recipient, CELL_LETTERS_MAX),
        print::short(&line.diagnostic, CELL_LETTERS_MAX),
        print::short(&line.reporter, CELL_LETTERS_MAX),
        print::short(&line.original_id, CELL_LETTERS_MAX),
    ]
}

const TLS_HEADING: &[&str] =
    &["day", "domain", "reporter", "policy", "good", "failed", "how", "at"];

fn tls_row(line: &TlsLine) -> Vec<String> {
    let first = line.failures.first();
    let how = first.map(|one| format!("{} {}", print::number(one.sessions), one.result));
    let more = line.failures.len().saturating_sub(1);
    let how = how.unwrap_or_default();
    vec![
        date::write_iso(line.begins).chars().take(10).collect(),
        line.domain.clone(),
        print::short(&line.reporter, CELL_LETTERS_MAX),
        line.policy.clone(),
        print::number(line.good),
        print::number(line.failed),
        if more > 0 { format!("{how} and {more} more") } else { how },
        first.map(|one| one.host.clone()).unwrap_or_default(),
    ]
}

fn config_of(place: &Place) -> Result<Config, Failure> {
    place.source().read(place.data.as_deref()).map_err(Failure::BadInput)
}

/// Opens the reports under the data folder, which must be there: another one than the gateway's would be of no use to anybody.
fn open(config: &Config) -> Result<Stored, Failure> {
    if !config.data_dir.is_dir() {
        return Err(Failure::Failed(format!(
            "there is no data folder {}: start the gateway once, or is it the right --config or --data?",
            config.data_dir.display()
        )));
    }
    let keep = Duration::from_secs(config.reports.days.saturating_mul(86_400));
    Stored::beside(&reports_folder(&config.data_dir), Clock::system(), keep)
        .map_err(|error| Failure::Failed(error.to_string()))
}

/// Reads every file; exit code 2 if one could not be read or had no report in it.
fn import(place: &Place, paths: &[PathBuf]) -> Result<ExitCode, Failure> {
    let config = config_of(place)?;
    let clock = Clock::system();
    let opener = Opener::Workers { reveal: Reveal::No, kept: Kept::default() };
    let (settings, _) =
        load::load(config, &clock, opener).map_err(|error| Failure::Failed(error.to_string()))?;
    let mut files = Vec::new();
    for path in paths {
        gather(path, &mut files)
            .map_err(|error| Failure::BadInput(format!("{}: {error}", path.display())))?;
    }
    let mut all_good = true;
    runtime()?.block_on(async {
        let stored = open(&settings.config)?;
        for file in &files {
            let outcome = import_one(&settings, &stored, file).await;
            all_good &= outcome.is_ok();
            match outcome {
                Ok(words) => print::line(&format!("{}: {}", file.display(), print::tame(&words)))?,
                Err(why) => eprintln!("sluss: {}: {}", file.display(), print::tame(&why)),
            }
        }
        Ok(if all_good { ExitCode::SUCCESS } else { ExitCode::from(2) })
    })
}

async fn import_one(settings: &Settings, stored: &Stored, file: &Path) -> Result<String, String> {
    let size = fs::metadata(file).map_err(|error| error.to_string())?.len();
    if size > u64::try_from(limits::REPORT_BYTES_MAX).unwrap_or(u64::MAX) {
        return Err(format!("it is larger than {} bytes", limits::REPORT_BYTES_MAX));
    }
    let bytes = fs::read(file).map_err(|error| error.to_string())?;
    let contents = settings.examiner.examine(&as_mail(&bytes));
    if contents.unscanned.iter().any(|part| part.reason == UnscannedReason::Engine) {
        return Err("no examiner could open it".to_string());
    }
    // With several organisations nobody says whose a complaint about no domain of ours is: it goes to the first.
    let first = settings.organisations().next().map(|hosted| hosted.name().clone());
    let found = Found::of(settings, contents, &first.unwrap_or_default());
    let nothing_kept = found.kept.is_empty();
    let hash = *blake3::hash(&bytes).as_bytes();
    let words = found.record(stored, hash).await.map_err(|error| error.to_string())?;
    if nothing_kept { Err(words) } else { Ok(words) }
}

/// A mail as it is; anything else as the one part of a mail.
fn as_mail(bytes: &[u8]) -> Vec<u8> {
    let is_mail = Header::read(bytes).is_ok_and(|header| {
        ["From", "Subject", "Date"].iter().filter(|name| header.count(name) > 0).count() >= 2
    });
    if is_mail {
        return bytes.to_vec();
    }
    let head = "MIME-Version: 1.0\r\nContent-Type: application/octet-stream\r\nContent-Transfer-Encoding: base64\r\n\r\n";
    let mut mail = head.as_bytes().to_vec();
    // RFC 2045 section 6.8: lines of 76 letters.
    for line in bytes.chunks(57) {
        mail.extend_from_slice(data_encoding::BASE64.encode(line).as_bytes());
        mail.extend_from_slice(b"\r\n");
    }
    mail
}

fn gather(path: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    if !fs::metadata(path)?.is_dir() {
        files.push(path.to_path_buf());
        return Ok(());
    }
    let mut entries: Vec<PathBuf> = fs::read_dir(path)?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<io::Result<_>>()?;
    entries.sort();
    entries.iter().try_for_each(|entry| gather(entry, files))
}

/// A cell longer than this pushes the others off the screen.
const CELL_LETTERS_MAX: usize = 40;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bare_report_becomes_a_mail_and_a_mail_stays_one() {
        let mail = b"From: a@far.example\r\nSubject: Report\r\n\r\nhi";
        assert_eq!(as_mail(mail), mail);
        let made = as_mail(&[0; 100]);
        assert!(
            made.starts_with(b"MIME-Version")
                && made.split(|byte| *byte == b'\n').all(|line| line.len() < 120)
        );
    }
}
