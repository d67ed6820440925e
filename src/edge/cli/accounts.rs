//! `sluss bank-accounts`: whose bank accounts are remembered, forgetting them, and taking one for right. The accounts themselves are shown by nobody:
//! only keyed hashes of them are kept.

use super::{Failure, Place, desk, print};
use crate::{edge::control::Request, store::bank_accounts::Line, wire::date};
use clap::{Args, Subcommand};
use std::process::ExitCode;

#[derive(Debug, Args)]
pub(super) struct Accounts {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// List correspondents whose accounts are remembered, the latest first: how many mails with accounts, how many accounts of each kind.
    #[command(
        after_help = "Examples:\n  sluss bank-accounts list\n  sluss bank-accounts list supplier --organisation acme --json"
    )]
    List {
        #[command(flatten)]
        place: Place,
        /// Part of a domain or address.
        correspondent: Option<String>,
        /// Of one organisation only.
        #[arg(long, value_name = "NAME")]
        organisation: Option<String>,
        /// At most this many.
        #[arg(long, default_value_t = 100, value_name = "COUNT")]
        rows: usize,
        /// All of it, as JSON.
        #[arg(long)]
        json: bool,
    },
    /// Take a correspondent's accounts for right, so that nobody is warned of them: all that it has written, or one, also before any mail has it.
    #[command(
        after_help = "Examples:\n  sluss bank-accounts approve supplier.example\n  sluss bank-accounts approve supplier.example --account \"bankgiro 5050-1055\"\n  sluss bank-accounts approve supplier.example --account \"SE45 5000 0000 0583 9825 7466\" --organisation acme\n\nAsk the supplier first, by a telephone number that is not from the mail. Releasing a held mail approves its accounts, too."
    )]
    Approve {
        #[command(flatten)]
        place: Place,
        /// A domain, or the address where the domain is everybody's.
        correspondent: String,
        /// One account: an IBAN, or another number with its word in front.
        #[arg(long, value_name = "ACCOUNT")]
        account: Option<String>,
        /// Whose memory; needed where there are several.
        #[arg(long, value_name = "NAME")]
        organisation: Option<String>,
    },
    /// Forget a correspondent's accounts: it is as new as one that never wrote.
    #[command(after_help = "Example:\n  sluss bank-accounts forget supplier.example")]
    Forget {
        #[command(flatten)]
        place: Place,
        /// A domain, or the address where the domain is everybody's.
        correspondent: String,
        /// Of one organisation only.
        #[arg(long, value_name = "NAME")]
        organisation: Option<String>,
    },
}

impl Accounts {
    pub(super) fn run(self) -> Result<ExitCode, Failure> {
        match self.verb {
            Verb::List { place, correspondent, organisation, rows, json } => {
                let request = Request::AccountsList { organisation, correspondent, rows };
                let answer = desk::ask(&place, request)?;
                match json {
                    true => print::line(&answer.to_string())?,
                    false => show(answer)?,
                }
            }
            Verb::Approve { place, correspondent, account, organisation } => {
                let request = Request::AccountsApprove { organisation, correspondent, account };
                say(&desk::ask(&place, request)?, "approved")?;
            }
            Verb::Forget { place, correspondent, organisation } => {
                let request = Request::AccountsForget { organisation, correspondent };
                say(&desk::ask(&place, request)?, "forgotten")?;
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn say(answer: &serde_json::Value, what: &str) -> Result<(), Failure> {
    let count = answer.get(what).and_then(serde_json::Value::as_u64).unwrap_or(0);
    Ok(print::line(&format!("{what}: {count}"))?)
}

fn show(answer: serde_json::Value) -> Result<(), Failure> {
    let lines: Vec<Line> = serde_json::from_value(answer).map_err(|error| error.to_string())?;
    if lines.is_empty() {
        return Ok(print::line("no correspondent's accounts are remembered")?);
    }
    let rows: Vec<Vec<String>> = lines.iter().map(row).collect();
    let heading =
        ["organisation", "correspondent", "invoices", "accounts", "approved", "first", "latest"];
    Ok(print::table(&heading, &rows)?)
}

fn row(line: &Line) -> Vec<String> {
    let kinds = line.kinds.iter().map(|(kind, count)| format!("{count} {kind}"));
    vec![
        line.organisation.clone(),
        print::short(&line.correspondent, 60),
        line.invoices.to_string(),
        kinds.collect::<Vec<_>>().join(", "),
        line.approved.to_string(),
        date::write_iso(line.first_seen),
        date::write_iso(line.last_seen),
    ]
}
