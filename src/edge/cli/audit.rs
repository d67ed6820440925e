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
        embedded::{
            Asked, Copied, Verified, append_once, audit_folder, each_line, list_once, verify,
            verify_copy, verify_own,
        },
        signer::Fingerprint,
    },
    wire::date,
};
use clap::{Args, Subcommand, ValueEnum};
use std::{
    fs::File,
    io::{self, BufReader, IsTerminal},
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
    /// Is the chain whole, and did the gateway sign it? Exit code 1 and the first bad record if not.
    #[command(
        after_help = "Examples:\n  sluss audit verify --config /etc/sluss/sluss.toml\n  sluss audit verify --folder /mnt/copy/audit --json\n  sluss audit verify --file audit.jsonl --key 9f86d081884c7d65…\n  ssh log.example cat /var/log/sluss.log | sluss audit verify --file - --received --key 9f86d081884c7d65…\n  sluss audit verify --file audit.jsonl --from 120 --to 480\n\nUp to a checkpoint of the named key nothing can have been changed, removed, moved or added. Without --key the first key that signs is\nbelieved, which is as good as the place the copy comes from. That the end was cut off shows nobody but who knows one: the gateway's own\nindex in its own folder, and of a copy whoever names with --to the checkpoint that must be in it."
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
    /// One file with the log's lines, or "-" for standard input: an export, or what a log server wrote. Needs no gateway and no data of one.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["config", "data", "folder"])]
    file: Option<PathBuf>,
    /// The file is a log server's: lines that were sent twice, what stands before a record in its line, and other lines are let be.
    #[arg(long, requires = "file")]
    received: bool,
    /// Believe this key alone, and those that it vouches for: the fingerprint that "sluss keys signing" tells. May be given several times.
    #[arg(long = "key", value_name = "FINGERPRINT")]
    keys: Vec<Fingerprint>,
    /// Only from this checkpoint on, by its record's number.
    #[arg(long, value_name = "NUMBER")]
    from: Option<u64>,
    /// Only up to this checkpoint, which must be there.
    #[arg(long, value_name = "NUMBER")]
    to: Option<u64>,
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
        if let (Some(from), Some(to)) = (self.from, self.to)
            && from > to
        {
            return Err(Failure::BadInput(format!("--from {from} is behind --to {to}")));
        }
        let watched = io::stderr().is_terminal();
        let seen = |records| {
            if watched && records > 0 {
                eprint!("\r{} records", print::number(records));
            }
        };
        let found = self.look(seen);
        if watched {
            eprint!("\r");
        }
        let found = found?;
        match self.json {
            true => {
                print::line(&serde_json::to_string(&found).map_err(|error| error.to_string())?)?;
            }
            false => self.tell(&found)?,
        }
        Ok(if found.whole { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }

    fn look(&self, seen: impl FnMut(u64)) -> Result<Verified, Failure> {
        let asked = Asked { pins: self.keys.clone(), from: self.from, to: self.to };
        if let Some(file) = &self.file {
            return self.look_at_copy(file, &asked, seen);
        }
        let folder = match &self.folder {
            Some(folder) => folder.clone(),
            None => audit_folder(&data_dir(&self.place)?),
        };
        let found = match self.folder {
            Some(_) => verify(&folder, &asked, seen),
            None => verify_own(&folder, &asked, seen),
        };
        let found = found.map_err(failed)?;
        // Nothing is whole that is not there.
        if found.files == 0 && found.missing == 0 {
            let why = format!("{}: there is no audit log in this folder", folder.display());
            return Err(Failure::BadInput(why));
        }
        Ok(found)
    }

    fn look_at_copy(
        &self,
        file: &Path,
        asked: &Asked,
        seen: impl FnMut(u64),
    ) -> Result<Verified, Failure> {
        let unread = |error: io::Error| Failure::BadInput(format!("{}: {error}", file.display()));
        let copied = if self.received { Copied::Received } else { Copied::Exported };
        let found = match file == Path::new("-") {
            true => verify_copy(io::stdin().lock(), "line", copied, asked, seen),
            false => {
                let opened = BufReader::new(File::open(file).map_err(unread)?);
                verify_copy(opened, &file.display().to_string(), copied, asked, seen)
            }
        };
        let found = found.map_err(unread)?;
        match found.records == 0 && found.misfits == 0 {
            true => Err(Failure::BadInput(format!("{}: no record is in it", file.display()))),
            false => Ok(found),
        }
    }

    fn tell(&self, found: &Verified) -> Result<(), Failure> {
        if found.bad.is_empty() {
            print::line("the chain is whole")?;
        } else {
            tell_bad(found)?;
        }
        if found.breaks_noted > 0 {
            print::line(&format!(
                "the log itself has noted a broken chain {} times",
                found.breaks_noted
            ))?;
        }
        for line in signed(found) {
            print::line(&line)?;
        }
        for line in self.cannot_know(found) {
            print::line(&line)?;
        }
        let (records, files) = (some(found.records, "record"), some(found.files, "file"));
        print::line(&format!("{records} in {files}"))?;
        if found.repeated + found.foreign_lines > 0 {
            print::line(&format!(
                "{} there once more, {} no record",
                some(found.repeated, "line"),
                some(found.foreign_lines, "line")
            ))?;
        }
        print::line(&format!("first {}, last {}", time(found.first_ms), time(found.last_ms)))?;
        if let Some(log) = found.log {
            print::line(&format!("log {log} (the hash of its first record names it)"))?;
        }
        Ok(print::line(&format!("head: record {}, {}", found.head_number, found.head))?)
    }

    /// What such a copy, or such a question, leaves open.
    fn cannot_know(&self, found: &Verified) -> Vec<String> {
        let mut open = Vec::new();
        if self.from.is_none()
            && let Some(first) = found.first_number.filter(|first| *first > 1)
        {
            open.push(format!(
                "it begins with record {first}: what was before cannot be known from it"
            ));
        }
        if self.keys.is_empty() && found.checkpoint.is_some() {
            open.push(
                "no key was named: that this is the gateway's own log is taken from the copy itself; --key FINGERPRINT says whose it must be"
                    .to_string(),
            );
        }
        let of_a_copy = self.file.is_some() || self.folder.is_some();
        if of_a_copy && self.to.is_none() {
            open.push(
                "whether its end was cut off cannot be known from it; --to NUMBER names a checkpoint that must be there"
                    .to_string(),
            );
        }
        open
    }
}

fn some(count: u64, what: &str) -> String {
    match count {
        1 => format!("1 {what}"),
        many => format!("{} {what}s", print::number(many)),
    }
}

fn time(moment: Option<UnixMs>) -> String {
    moment.map_or("never".to_string(), date::write_iso)
}

/// How far signatures go.
fn signed(found: &Verified) -> Vec<String> {
    let mut lines = Vec::new();
    match &found.checkpoint {
        Some(newest) => lines.push(format!(
            "covered: {} by {}; the newest checkpoint is record {} of {}",
            some(found.covered, "record"),
            some(found.checkpoints, "checkpoint"),
            newest.number,
            time(Some(newest.at_ms)),
        )),
        None => lines.push("covered: nothing, there is no checkpoint".to_string()),
    }
    if found.after > 0 {
        lines.push(format!(
            "after it: {}, the first of {}: only the chain binds what is there, and whoever can write the log can write that",
            some(found.after, "record"),
            time(found.after_since_ms),
        ));
    }
    for key in &found.keys {
        lines.push(format!("key {} ({}, from record {})", key.fingerprint, key.trust, key.number));
    }
    lines
}

fn tell_bad(found: &Verified) -> Result<(), Failure> {
    let place = |file: &str, line: u64| match line {
        0 => file.to_string(),
        line => format!("{file} line {line}"),
    };
    for (nr, bad) in found.bad.iter().enumerate() {
        let (place, why) = (place(&bad.file, bad.line), &bad.why);
        print::line(&match nr {
            0 => format!("the chain is broken: {place}, record {}: {why}", bad.number),
            _ => format!("  also {place}: {why}"),
        })?;
    }
    print::line(&format!("does not fit: {}", some(found.misfits, "place")))?;
    if found.missing > 0 {
        print::line(&match found.missing {
            1 => "1 record is missing".to_string(),
            many => format!("{} records are missing", print::number(many)),
        })?;
    }
    Ok(())
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
            without_checkpoints: self.what.is_none(),
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
