//! The commands. Data goes to standard output, errors to standard error as one plain sentence.

mod accounts;
mod audit;
mod bans;
mod campaigns;
mod change;
mod check_config;
mod config;
mod correspondents;
mod demo;
mod desk;
mod digest;
mod dkim;
mod doctor;
mod domain;
mod evaluate;
mod events;
mod hash_list;
mod in_order;
mod labelled;
mod keys;
mod learn;
mod limits;
mod look;
mod mail_files;
mod mailbox;
mod print;
mod proof;
mod quarantine;
mod queue;
mod replay;
mod reports;
mod rules;
mod scan;
mod statistics;
mod status;
mod tls;
mod trace;
mod train;
mod trial;
mod unseen;
mod user;

use crate::{
    base::clock::Clock,
    edge::{
        load::{self, Kept, Opener},
        serve::{self, Source},
        stored::Layers,
        worker,
    },
    examine::Reveal,
    pipeline::settings::Settings,
};
use clap::{Args, Parser, Subcommand};
use std::{path::PathBuf, process::ExitCode};

/// E-mail virus and spam filtering proxy: MX in front of your mail server, smarthost behind it.
#[derive(Debug, Parser)]
#[command(name = "sluss", version, about, max_term_width = 100, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the gateway. Without a configuration: trial mode on loopback only.
    #[command(
        after_help = "Examples:\n  sluss serve\n  sluss serve --config /etc/sluss/sluss.toml"
    )]
    Serve(Place),
    /// Trial mode, and the sample mails sent through it, with a table of what happened to each.
    #[command(after_help = "Example:\n  sluss demo\n\nThe gateway stays up; end it with Ctrl-C.")]
    Demo(demo::Demo),
    /// Look at certificate, MX, TLSA, MTA-STS, TLS reports, DNSSEC and the records that speak for mail of ours; say how each fault is mended.
    #[command(
        after_help = "Examples:\n  sluss doctor\n  sluss doctor --domain ours.example\n  sluss doctor --offline --json\n\nExit code 1 if anything is red. Nothing is changed."
    )]
    Doctor(doctor::Doctor),
    /// Print the configuration as it is understood; errors name file, line, column and the mend.
    #[command(
        after_help = "Examples:\n  sluss check-config --config sluss.toml\n  sluss check-config --config sluss.toml --diff"
    )]
    CheckConfig(check_config::CheckConfig),
    /// What holds and who said it; and the part of it that is stored, with its history.
    Config(config::Config),
    /// Our domains: those stored by command, and a list of all.
    Domain(domain::Domains),
    /// Judge mails from files, folders or standard input, without a server; nothing is changed.
    #[command(
        after_help = "Examples:\n  sluss scan suspicious.eml\n  sluss scan --json --jobs 2 maildir/new\n  sluss scan --json - < mail.eml"
    )]
    Scan(scan::Scan),
    /// Judge a labelled corpus in order, and say how good the judgements are; nothing is changed.
    #[command(
        after_help = "Examples:\n  sluss evaluate index.tsv --online\n  sluss evaluate index.tsv --root corpus --online --scores scores.tsv\n\nThe index has a line for each mail: its path, a tab, and spam, phish or ham."
    )]
    Evaluate(evaluate::Evaluate),
    /// Write what labelled corpora teach into a file, for `sluss evaluate --from`. No gateway begins with one.
    #[command(
        after_help = "Examples:\n  sluss train archive/index.tsv --out archive.model\n  sluss evaluate other/index.tsv --from archive.model"
    )]
    Train(train::Train),
    /// Teach this site's classifier what is spam and what is not; what it was taught, and forgetting.
    #[command(
        args_conflicts_with_subcommands = true,
        subcommand_negates_reqs = true,
        after_help = "Examples:\n  sluss learn\n  sluss learn spam ~/Maildir/.Junk/cur\n  sluss learn ham archive.mbox folder-of-mails\n  sluss learn spam --by anna@ours.example - < mail.eml\n  sluss learn --forget anna@ours.example\n  sluss learn --forget \"400 days\""
    )]
    Learn(learn::Learn),
    /// The spool: what waits to go on.
    Queue(queue::Queue),
    /// The quarantine: what is held.
    Quarantine(quarantine::Quarantine),
    /// What people are told of their held mail: look at a digest, or send it now.
    Digest(digest::Digest),
    /// How people want to be told, who looks after shared mailboxes, and forgetting one.
    Mailbox(mailbox::Mailboxes),
    /// Who is turned away for a while for what it did, and letting it in again.
    Bans(bans::Bans),
    /// What strangers did that mail servers do not: the event log.
    #[command(
        after_help = "Examples:\n  sluss events\n  sluss events --since \"2 hours\" --kind log-in.\n  sluss events --client 192.0.2.7 --json"
    )]
    Events(events::Events),
    /// Bank accounts that correspondents have written: whose are remembered, approving and forgetting them.
    BankAccounts(accounts::Accounts),
    /// Bounds on clients: who meets one, and letting somebody go on.
    Limits(limits::Limits),
    /// Who writes to whom: what was learned of an address or a domain, and erasing it.
    Correspondents(correspondents::Correspondents),
    /// The keys of what rests.
    Keys(keys::Keys),
    /// Keys that sign mail, and their DNS records.
    Dkim(dkim::Dkim),
    /// What others report about our mail: who sends in our name, who complains, what was not delivered.
    Reports(reports::Reports),
    /// What belongs into the DNS for our certificate and our MTA-STS policy.
    Tls(tls::Tls),
    /// Signatures and phrases: what is in force, and is a rule file good?
    Rules(rules::Rules),
    /// Lists of known-bad attachments and hosts: what is on them, and compiling them without a server.
    HashList(hash_list::HashLists),
    /// Who did what: the audit log, and whether it is whole.
    Audit(audit::Audit),
    /// Accounts: who may log in to send mail (SMTP AUTH) or to the web pages. Takes effect at once, also beside a running gateway.
    User(user::User),
    /// Is the gateway well, and how much waits?
    #[command(
        after_help = "Examples:\n  sluss status\n  sluss status --json --config /etc/sluss/sluss.toml\n  sluss status --shadow 7\n  sluss status --shadow 30 --organisation acme --json"
    )]
    Status(status::Status),
    /// How much mail there was, what was done with it, who and what stood out.
    #[command(
        after_help = "Examples:\n  sluss statistics\n  sluss statistics --days 30 --organisation acme\n  sluss statistics --days 2 --hours --json"
    )]
    Statistics(statistics::Statistics),
    /// The same mail to many: which, what became of it, and what was delivered before it was known to be bad.
    #[command(
        args_conflicts_with_subcommands = true,
        after_help = "Examples:\n  sluss campaigns\n  sluss campaigns --organisation acme --json\n  sluss campaigns show 5bd8d4c0ec999f17"
    )]
    Campaigns(campaigns::Campaigns),
    /// What happened to a mail: by the id that stands in every reply and log line, or by sender, recipient and time.
    #[command(
        args_conflicts_with_subcommands = true,
        after_help = "Examples:\n  sluss trace 01K9ZQ4T6X8M4V0R2S5W7Y9ABC\n  sluss trace list --to anna@ --since \"2 days\"\n  sluss trace list --would quarantine --organisation acme"
    )]
    Trace(trace::Trace),
    /// By what way a mail came and went, signed, as a sheet that others can verify: by the id of the mail.
    #[command(
        args_conflicts_with_subcommands = true,
        after_help = "Examples:\n  sluss proof 01K9ZQ4T6X8M4V0R2S5W7Y9ABC\n  sluss proof 01K9ZQ4T6X8M4V0R2S5W7Y9ABC --json > sheet.json\n  sluss proof verify sheet.json --key 9f86d081884c7d65…"
    )]
    Proof(proof::Prove),
    /// Read configuration, certificate and rules of a running gateway again (the same as SIGHUP, with an answer).
    Reload(status::Reload),
}

/// Which gateway a command means.
#[derive(Debug, Clone, Args)]
struct Place {
    /// The configuration file.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The data folder, instead of the one in the configuration. Default in trial mode: ./sluss-trial
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
}

impl Place {
    /// Where its configuration is.
    fn layers(&self) -> Layers {
        Layers { source: self.source(), data_dir: self.data.clone() }
    }

    /// Its configuration and rules, loaded as the gateway loads them, with mails opened in the locked room. What is wrong with a rule file is said.
    fn settings(&self, clock: &Clock, reveal: Reveal) -> Result<Settings, Failure> {
        let config = self.source().read(self.data.as_deref()).map_err(Failure::BadInput)?;
        let opener = Opener::Workers { reveal, kept: Kept::default() };
        let (settings, report) = load::load(config, clock, opener)
            .map_err(|error| Failure::Failed(error.to_string()))?;
        for error in &report.errors {
            eprintln!("sluss: {error}");
        }
        Ok(settings)
    }

    fn source(&self) -> Source {
        match &self.config {
            Some(file) => Source::File(file.clone()),
            None => {
                Source::Trial(self.data.clone().unwrap_or_else(|| PathBuf::from("sluss-trial")))
            }
        }
    }
}

/// How a command failed.
#[derive(Debug)]
enum Failure {
    /// It did not work: exit code 1.
    Failed(String),
    /// What it was given cannot be used: exit code 2.
    BadInput(String),
}

impl From<String> for Failure {
    fn from(sentence: String) -> Failure {
        Failure::Failed(sentence)
    }
}

/// Runs the command of the process's arguments.
pub fn run() -> ExitCode {
    take_small_pages();
    if let Some(code) = worker::as_warden() {
        return code;
    }
    match act(Cli::parse().command) {
        Ok(code) => code,
        Err(Failure::Failed(sentence)) => complain(&sentence, 1),
        Err(Failure::BadInput(sentence)) => complain(&sentence, 2),
    }
}

/// With huge pages the kernel hands out two megabytes where a few kilobytes are touched: half again as much memory, idle and for each
/// session, and no mail is faster for it. First of all: pages that were handed out stay as they are.
fn take_small_pages() {
    // An old kernel, or a sandbox that forbids it: that costs memory and nothing else, and the log is not up yet.
    let _stay_on = rustix::thread::disable_transparent_huge_pages(true);
}

fn complain(sentence: &str, code: u8) -> ExitCode {
    eprintln!("sluss: {sentence}");
    ExitCode::from(code)
}

fn act(command: Command) -> Result<ExitCode, Failure> {
    match command {
        Command::Serve(place) => run_gateway(place),
        Command::Demo(demo) => demo.run(),
        Command::Doctor(doctor) => doctor.run(),
        Command::CheckConfig(check) => check.run(),
        Command::Config(config) => config.run(),
        Command::Domain(domain) => domain.run(),
        Command::Scan(scan) => scan.run(),
        Command::Evaluate(evaluate) => evaluate.run(),
        Command::Train(train) => train.run(),
        Command::Learn(learn) => learn.run(),
        Command::Queue(queue) => queue.run(),
        Command::Quarantine(quarantine) => quarantine.run(),
        Command::Digest(digest) => digest.run(),
        Command::Mailbox(mailboxes) => mailboxes.run(),
        Command::Bans(bans) => bans.run(),
        Command::Events(events) => events.run(),
        Command::BankAccounts(accounts) => accounts.run(),
        Command::Limits(limits) => limits.run(),
        Command::Correspondents(correspondents) => correspondents.run(),
        Command::Keys(keys) => keys.run(),
        Command::Dkim(dkim) => dkim.run(),
        Command::Reports(reports) => reports.run(),
        Command::Tls(tls) => tls.run(),
        Command::Rules(rules) => rules.run(),
        Command::HashList(lists) => lists.run(),
        Command::Audit(audit) => audit.run(),
        Command::User(user) => user.run(),
        Command::Status(status) => status.run(),
        Command::Statistics(statistics) => statistics.run(),
        Command::Campaigns(campaigns) => campaigns.run(),
        Command::Trace(trace) => trace.run(),
        Command::Proof(proof) => proof.run(),
        Command::Reload(reload) => reload.run(),
    }
}

fn run_gateway(place: Place) -> Result<ExitCode, Failure> {
    super::log::start();
    let trial = place.config.is_none();
    let prepared = serve::prepare(place.source(), place.data.clone())?;
    runtime()?.block_on(async {
        let running = serve::start(prepared).await?;
        if trial {
            let password = serve::first_account(&running.desk.gateway).await?;
            print::trial_hints(password.as_ref());
        }
        serve::say_ready().map_err(|error| error.to_string())?;
        running.until_told_to_end().await?;
        Ok(ExitCode::SUCCESS)
    })
}

fn runtime() -> Result<tokio::runtime::Runtime, String> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .max_blocking_threads(64)
        .build()
        .map_err(|error| format!("no threads: {error}"))
}
