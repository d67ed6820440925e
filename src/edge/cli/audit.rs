//! `sluss audit`: is the chain whole, and what is in it. Reads the files, whether or not a gateway runs.

use super::{Failure, Place, change::unread, print};
use crate::{
    base::{
        clock::{Clock, UnixMs},
        limits, units,
    },
    edge::{
        audit_table::{CSV_HEADING, csv},
        caller, serve,
    },
    mail::Organisation,
    store::{
        StoreError,
        audit::{self, AuditFilter, Details, Entry, Reason, Record, What},
        embedded::{Verified, append_once, audit_folder, each_line, list_once, verify, verify_own},
    },
    wire::date,
};
use clap::{Args, Subcommand, ValueEnum};
use std::{
    io::{self, IsTerminal},
    path::{Path, PathBuf},
    process::ExitCode,
    time::Duration,
};

#[derive(Debug, Args)]
pub(super) struct Audit {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Is the chain whole? Exit code 1 and the first bad record if not.
    #[command(
        after_help = "Examples:\n  sluss audit verify --config /etc/sluss/sluss.toml\n  sluss audit verify --folder /mnt/copy/audit --json\n\nIn the gateway's own folder its index knows an end, and what is missing behind it is counted; of a copy nobody does. Note the head's hash somewhere else now and then: whoever changes log and index together is seen only by whoever knows an end."
    )]
    Verify(Verify),
    /// Write the records to standard output, oldest first. That it was done is recorded.
    #[command(
        after_help = "Examples:\n  sluss audit export > audit.jsonl\n  sluss audit export --since \"90 days\" --format csv --reason \"yearly audit\" > audit.csv\n\nJSONL holds the lines as they stand in the log, with their hashes."
    )]
    Export(Export),
    /// List records, newest first.
    #[command(
        after_help = "Examples:\n  sluss audit list\n  sluss audit list --what content-opened --since \"30 days\"\n  sluss audit list --who anna --organisation acme --json\n  sluss audit list --object 01K9ZQ4T6X8M4V0R2S5W7Y9ABC"
    )]
    List(List),
}

#[derive(Debug, Args)]
struct Verify {
    #[command(flatten)]
    place: Place,
    /// A copy of the log's folder, instead of the gateway's own.
    #[arg(long, value_name = "DIR", conflicts_with_all = ["config", "data"])]
    folder: Option<PathBuf>,
    /// JSON, as one object.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct Export {
    #[command(flatten)]
    place: Place,
    /// A copy of the log's folder, instead of the gateway's own. Then nothing is recorded.
    #[arg(long, value_name = "DIR", conflicts_with_all = ["config", "data"])]
    folder: Option<PathBuf>,
    #[command(flatten)]
    span: Span,
    /// The lines as they stand in the log, or a table for a spreadsheet.
    #[arg(long, value_enum, default_value = "jsonl")]
    format: Format,
    /// Why, for the record of this export.
    #[arg(long, value_name = "TEXT", default_value = "")]
    reason: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    Jsonl,
    Csv,
}

#[derive(Debug, Args)]
struct Span {
    /// From then on: "30 days".
    #[arg(long, value_name = "SPAN", value_parser = units::parse_span)]
    since: Option<Duration>,
    /// Only what is older than this: "1 day".
    #[arg(long, value_name = "SPAN", value_parser = units::parse_span)]
    until: Option<Duration>,
}

impl Span {
    /// The moments it means.
    fn ends(&self, now: UnixMs) -> (Option<UnixMs>, Option<UnixMs>) {
        let ago = |span: Option<Duration>| span.map(|span| now.minus(span));
        (ago(self.since), ago(self.until))
    }
}

#[derive(Debug, Args)]
struct List {
    #[command(flatten)]
    place: Place,
    /// Only what is about this organisation's things.
    #[arg(long, value_name = "NAME")]
    organisation: Option<String>,
    /// By whom: a user, an account or a mailbox, whole; "system" is the gateway.
    #[arg(long, value_name = "NAME")]
    who: Option<String>,
    /// What was done: released, content-opened, policy-changed …
    #[arg(long, value_name = "WORD")]
    what: Option<What>,
    /// About what: an id or a name, whole.
    #[arg(long, value_name = "NAME")]
    object: Option<String>,
    #[command(flatten)]
    span: Span,
    /// Only what is older than this record: the last of the page before.
    #[arg(long, value_name = "NUMBER")]
    before: Option<u64>,
    /// At most this many.
    #[arg(long, default_value_t = limits::LIST_ROWS_DEFAULT)]
    rows: usize,
    /// JSON, one object a line.
    #[arg(long)]
    json: bool,
}

impl Audit {
    pub(super) fn run(self) -> Result<ExitCode, Failure> {
        match self.verb {
            Verb::Verify(verify) => verify.run(),
            Verb::Export(export) => export.run(),
            Verb::List(list) => list.run(),
        }
    }
}

/// The data folder of a gateway, as the gateway's own user from now on: what root makes there, the gateway could not open.
fn data_dir(place: &Place) -> Result<PathBuf, Failure> {
    let written = place.source().written(place.data.as_deref()).map_err(unread)?;
    let _key_of_no_use_here = serve::become_its_user(&place.source(), written.alone())?;
    let folder = audit_folder(written.data_dir());
    match folder.is_dir() {
        true => Ok(written.data_dir().to_path_buf()),
        false => Err(Failure::Failed(format!(
            "there is no audit log in {}: is it the right --config or --data?",
            folder.display()
        ))),
    }
}

fn failed(error: StoreError) -> Failure {
    Failure::Failed(error.to_string())
}

impl Verify {
    fn run(self) -> Result<ExitCode, Failure> {
        let folder = match &self.folder {
            Some(folder) => folder.clone(),
            None => audit_folder(&data_dir(&self.place)?),
        };
        let watched = io::stderr().is_terminal();
        let seen = |records| {
            if watched && records > 0 {
                eprint!("\r{} records", print::number(records));
            }
        };
        let found = match self.folder {
            Some(_) => verify(&folder, seen),
            None => verify_own(&folder, seen),
        };
        if watched {
            eprint!("\r");
        }
        let found = found.map_err(failed)?;
        // Nothing is whole that is not there.
        if found.files == 0 && found.missing == 0 {
            let why = format!("{}: there is no audit log in this folder", folder.display());
            return Err(Failure::BadInput(why));
        }
        match self.json {
            true => {
                print::line(&serde_json::to_string(&found).map_err(|error| error.to_string())?)?;
            }
            false => tell(&found)?,
        }
        Ok(if found.whole { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}

fn tell(found: &Verified) -> Result<(), Failure> {
    let at = |moment: Option<UnixMs>| moment.map_or("never".to_string(), date::write_iso);
    if let Some(first) = found.bad.first() {
        let place = match first.line {
            0 => first.file.clone(),
            line => format!("{} line {line}", first.file),
        };
        print::line(&format!(
            "the chain is broken: {place}, record {}: {}",
            first.number, first.why
        ))?;
        for bad in found.bad.iter().skip(1) {
            print::line(&format!("  also {} line {}: {}", bad.file, bad.line, bad.why))?;
        }
        print::line(&format!("{} places do not fit", found.misfits))?;
        if found.missing > 0 {
            print::line(&match found.missing {
                1 => "1 record is missing".to_string(),
                many => format!("{} records are missing", print::number(many)),
            })?;
        }
    } else {
        print::line("the chain is whole")?;
    }
    if found.breaks_noted > 0 {
        print::line(&format!(
            "the log itself has noted a broken chain {} times",
            found.breaks_noted
        ))?;
    }
    let (records, files) = (print::number(found.records), print::number(found.files));
    print::line(&format!("{records} records in {files} files"))?;
    print::line(&format!("first {}, last {}", at(found.first_ms), at(found.last_ms)))?;
    Ok(print::line(&format!("head: record {}, {}", found.head_number, found.head))?)
}

impl Export {
    fn run(self) -> Result<ExitCode, Failure> {
        let clock = Clock::system();
        let now = clock.now();
        let folder = match &self.folder {
            Some(folder) => folder.clone(),
            None => {
                let who = caller::of_this_process();
                let data_dir = data_dir(&self.place)?;
                let details = Details::default().word("format", self.format.word());
                let entry = Entry::new(who, What::AuditExported)
                    .because(Reason::written(&self.reason, now))
                    .with(details);
                append_once(&data_dir, &clock, vec![entry]).map_err(failed)?;
                audit_folder(&data_dir)
            }
        };
        self.write(&folder, now)?;
        Ok(ExitCode::SUCCESS)
    }

    fn write(&self, folder: &Path, now: UnixMs) -> Result<(), String> {
        let (since, until) = self.span.ends(now);
        let meant = |at: UnixMs| {
            since.is_none_or(|since| at >= since) && until.is_none_or(|until| at <= until)
        };
        if self.format == Format::Csv {
            print::line(CSV_HEADING)?;
        }
        each_line(folder, |line| match audit::read_record(line) {
            Some(record) if !meant(record.at_ms) => Ok(()),
            Some(record) if self.format == Format::Csv => print::line(&csv(&record, line)),
            // What is not understood belongs to the evidence too.
            Some(_) | None if self.format == Format::Jsonl => {
                print::line(&String::from_utf8_lossy(line))
            }
            Some(_) | None => {
                eprintln!("sluss: a line that is no record was left out; see sluss audit verify");
                Ok(())
            }
        })
    }
}

impl Format {
    fn word(self) -> &'static str {
        match self {
            Format::Jsonl => "jsonl",
            Format::Csv => "csv",
        }
    }
}

impl List {
    fn run(self) -> Result<ExitCode, Failure> {
        let organisation = self.organisation.as_deref().map(Organisation::parse).transpose();
        let scope = organisation.map_err(|error| Failure::BadInput(error.to_string()))?;
        let (since, until) = self.span.ends(Clock::system().now());
        let filter = AuditFilter {
            scope,
            who: self.who,
            what: self.what,
            object: self.object,
            since,
            until,
            before: self.before,
            rows: self.rows,
        };
        let page = list_once(&data_dir(&self.place)?, &filter).map_err(failed)?;
        for number in &page.damaged {
            eprintln!(
                "sluss: record {number} is no longer what was written; see sluss audit verify"
            );
        }
        if self.json {
            for record in &page.records {
                print::line(&serde_json::to_string(record).map_err(|error| error.to_string())?)?;
            }
            return Ok(ExitCode::SUCCESS);
        }
        if page.records.is_empty() {
            print::line("There are no such records.")?;
            return Ok(ExitCode::SUCCESS);
        }
        let rows: Vec<Vec<String>> = page.records.iter().map(row).collect();
        print::table(
            &["number", "time", "who", "what", "organisation", "about", "reason", "details"],
            &rows,
        )?;
        Ok(ExitCode::SUCCESS)
    }
}

fn row(record: &Record) -> Vec<String> {
    let details = match record.details.is_empty() {
        true => String::new(),
        false => serde_json::to_string(&record.details).unwrap_or_default(),
    };
    vec![
        record.number.to_string(),
        record.time.clone(),
        record.who.to_string(),
        record.what.word().to_string(),
        record.organisation.as_ref().map(ToString::to_string).unwrap_or_default(),
        print::short(record.object.as_deref().unwrap_or(""), 40),
        print::short(record.reason.as_ref().map_or("", Reason::as_str), 60),
        print::short(&details, 80),
    ]
}
