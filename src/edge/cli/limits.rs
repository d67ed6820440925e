//! `sluss limits`: who is near a bound or over it, and how to let somebody go on at once.

use super::{Failure, Place, desk, print};
use crate::{
    base::{
        clock::{Clock, UnixMs},
        units,
    },
    edge::control::{LimitLine, LimitsShown, Request},
    pipeline::greylist::{Shown, Skip},
};
use clap::{Args, Subcommand};
use std::process::ExitCode;

#[derive(Debug, Args)]
pub(super) struct Limits {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Show who is near a limit or at it, and who was refused for one in the last ten minutes.
    #[command(after_help = "Examples:\n  sluss limits show\n  sluss limits show --json")]
    Show {
        #[command(flatten)]
        place: Place,
        /// All of it, as JSON.
        #[arg(long)]
        json: bool,
    },
    /// Greylisting: mails that are asked to come again, and whom to spare it.
    #[command(subcommand)]
    Greylist(Greylist),
    /// Let a held account and its waiting mail go, or forget what was counted, so that the next mail is taken at once. Connections count for as long as they are open.
    #[command(
        after_help = "Examples:\n  sluss limits release 192.0.2.1\n  sluss limits release 2001:db8:1::/48\n  sluss limits release anna@ours.example\n  sluss limits release anna@ours.example/10.0.0.0/24\n  sluss limits release all\n\nWhat an account sends in the next day is no reason to hold it again. \"all\" leaves held accounts as they are.\nFor good: [limits] exempt-networks"
    )]
    Release {
        #[command(flatten)]
        place: Place,
        /// An account as `limits show` names it, an address, a network, a user's name, a recipient whose next hop is to be asked anew, or "all".
        what: String,
    },
}

#[derive(Debug, Subcommand)]
enum Greylist {
    /// Show how many mails wait for their second try, and who is taken out.
    #[command(
        after_help = "Examples:\n  sluss limits greylist show\n  sluss limits greylist show --json"
    )]
    Show {
        #[command(flatten)]
        place: Place,
        /// As JSON.
        #[arg(long)]
        json: bool,
    },
    /// Take a network, a sender or a sender's domain out, until it is cleared.
    #[command(
        after_help = "Examples:\n  sluss limits greylist skip 192.0.2.0/24\n  sluss limits greylist skip anna@example.org\n  sluss limits greylist skip example.org"
    )]
    Skip {
        #[command(flatten)]
        place: Place,
        /// An address, a network, a sender or a domain.
        what: String,
    },
    /// Forget what is remembered: first tries, learned networks, and who was taken out.
    #[command(
        after_help = "Examples:\n  sluss limits greylist clear\n  sluss limits greylist clear 192.0.2.0/24"
    )]
    Clear {
        #[command(flatten)]
        place: Place,
        /// Of one network, sender or domain only.
        what: Option<String>,
    },
}

impl Limits {
    pub(super) fn run(self) -> Result<ExitCode, Failure> {
        match self.verb {
            Verb::Show { place, json } => show(&place, json)?,
            Verb::Greylist(verb) => greylist(verb)?,
            Verb::Release { place, what } => {
                let answer = desk::ask(&place, Request::LimitsRelease { what })?;
                let number = |field: &str| answer.get(field).and_then(serde_json::Value::as_u64);
                print::line(&format!("forgotten: {}", number("forgotten").unwrap_or(0)))?;
                if let Some(mails) = number("mails_let_go") {
                    print::line(&format!("mails let go: {mails}"))?;
                }
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn show(place: &Place, json: bool) -> Result<(), Failure> {
    let answer = desk::ask(place, Request::LimitsShow)?;
    if json {
        return Ok(print::line(&answer.to_string())?);
    }
    let shown: LimitsShown = serde_json::from_value(answer).map_err(|error| error.to_string())?;
    let now = Clock::system().now();
    let rows: Vec<Vec<String>> = shown.lines.iter().map(|line| row(line, now)).collect();
    match rows.is_empty() {
        true => print::line("nobody is near a limit, and nobody was refused for one of late")?,
        false => print::table(&["limit", "who", "now", "bound", "next one", "refused"], &rows)?,
    }
    let strangers = &shown.strangers;
    print::line(&format!(
        "{} bans hold, {} connections were turned away for one; {} events, {} sessions are answered late; {} clients have points, in {} KiB",
        strangers.bans,
        strangers.turned_away,
        strangers.events,
        strangers.tarpitted,
        strangers.clients_with_points,
        strangers.table_bytes >> 10
    ))?;
    print::line(&format!(
        "{} recipients are known to exist and {} not to, by what next hops said",
        shown.callouts.yes, shown.callouts.no
    ))?;
    let LimitsShown { addresses_remembered, addresses_max, table_bytes, .. } = shown;
    print::line(&format!(
        "{addresses_remembered} client addresses are remembered, of {addresses_max}, in {} KiB; {} refused since the start",
        table_bytes >> 10,
        shown.refused_since_start
    ))?;
    Ok(())
}

fn greylist(verb: Greylist) -> Result<(), Failure> {
    match verb {
        Greylist::Show { place, json } => {
            let answer = desk::ask(&place, Request::GreylistShow)?;
            if json {
                return Ok(print::line(&answer.to_string())?);
            }
            let shown = serde_json::from_value(answer).map_err(|error| error.to_string())?;
            show_greylist(&shown)?;
        }
        Greylist::Skip { place, what } => {
            desk::ask(&place, Request::GreylistSkip { what: what.clone() })?;
            print::line(&format!("not greylisted any more: {what}"))?;
        }
        Greylist::Clear { place, what } => {
            let answer = desk::ask(&place, Request::GreylistClear { what })?;
            let cleared = answer.get("cleared").and_then(serde_json::Value::as_u64);
            print::line(&format!("cleared: {}", cleared.unwrap_or(0)))?;
        }
    }
    Ok(())
}

fn show_greylist(shown: &Shown) -> Result<(), Failure> {
    let now = Clock::system().now();
    if !shown.networks.is_empty() {
        let rows: Vec<Vec<String>> = shown
            .networks
            .iter()
            .map(|(network, first)| vec![network.to_string(), units::roughly(now.since(*first))])
            .collect();
        print::table(&["network", "first try before"], &rows)?;
    }
    for skip in &shown.skips {
        let whom = match skip {
            Skip::Network(network) => network.to_string(),
            Skip::Sender(sender) => sender.clone(),
        };
        print::line(&format!("taken out: {}", print::tame(&whom)))?;
    }
    print::line(&format!(
        "{} mails wait for their second try, {} networks have passed one; since the start {} were asked to come again and {} did",
        shown.waiting, shown.learned, shown.asked_again, shown.passed
    ))?;
    Ok(())
}

fn row(line: &LimitLine, now: UnixMs) -> Vec<String> {
    let is_full = line.bound.is_some_and(|bound| line.count >= bound);
    let next = match line.until_ms {
        Some(until) => format!("in {}", units::roughly(UnixMs(until).since(now))),
        None if line.limit == "account-held" => "when released".to_string(),
        None if line.limit.starts_with("account-") => "now".to_string(),
        None if is_full => "when one ends".to_string(),
        None => "now".to_string(),
    };
    let number = |count: u64| match line.limit.ends_with("-bytes") {
        true => format!("{} MiB", count >> 20),
        false => count.to_string(),
    };
    vec![
        line.limit.clone(),
        print::short(&line.who, 60),
        number(line.count),
        line.bound.map_or_else(|| "none".to_string(), number),
        next,
        line.refused.to_string(),
    ]
}
