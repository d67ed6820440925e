//! `sluss campaigns`: the same mail to many, and what was delivered of it before it was known to be bad.

use super::{Failure, Place, desk, print};
use crate::{
    base::{clock::UnixMs, limits},
    edge::control::Request,
    learn::campaign::CampaignId,
    store::campaigns::{CampaignLine, Recalled},
    wire::date,
};
use clap::{Args, Subcommand};
use serde::Deserialize;
use std::process::ExitCode;

#[derive(Debug, Args)]
pub(super) struct Campaigns {
    #[command(subcommand)]
    verb: Option<Verb>,
    #[command(flatten)]
    list: List,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// One campaign: what came of it, and each mail that was delivered before it was known to be bad.
    #[command(
        after_help = "Examples:\n  sluss campaigns show 5bd8d4c0ec999f17\n  sluss campaigns show 5bd8d4c0ec999f17 --organisation acme --json"
    )]
    Show {
        #[command(flatten)]
        place: Place,
        /// Sixteen hex digits, as the list has them.
        id: CampaignId,
        /// As this organisation sees it.
        #[arg(long, value_name = "NAME")]
        organisation: Option<String>,
        /// As JSON.
        #[arg(long)]
        json: bool,
    },
}

#[derive(Debug, Args)]
struct List {
    #[command(flatten)]
    place: Place,
    /// As this organisation sees them.
    #[arg(long, value_name = "NAME")]
    organisation: Option<String>,
    /// At most this many, the latest.
    #[arg(long, default_value_t = limits::LIST_ROWS_DEFAULT)]
    rows: usize,
    /// As JSON.
    #[arg(long)]
    json: bool,
}

/// What the gateway answers to [`Request::CampaignsShow`].
#[derive(Debug, Deserialize)]
struct Told {
    campaign: CampaignLine,
    delivered: Vec<Recalled>,
}

impl Campaigns {
    pub(super) fn run(self) -> Result<ExitCode, Failure> {
        match self.verb {
            None => self.list.run()?,
            Some(Verb::Show { place, id, organisation, json }) => {
                let answer = desk::ask(&place, Request::CampaignsShow { id, organisation })?;
                match json {
                    true => print::line(&answer.to_string())?,
                    false => told(read(answer)?)?,
                }
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}

impl List {
    fn run(self) -> Result<(), Failure> {
        let List { place, organisation, rows, json } = self;
        let answer = desk::ask(&place, Request::Campaigns { organisation, rows })?;
        if json {
            return Ok(print::line(&answer.to_string())?);
        }
        let lines: Vec<CampaignLine> = read(answer)?;
        if lines.is_empty() {
            return Ok(print::line("no mail came more than once of late")?);
        }
        let heading = [
            "campaign",
            "last",
            "copies",
            "delivered",
            "held",
            "refused",
            "organisations",
            "open",
            "bad",
        ];
        let rows: Vec<Vec<String>> = lines.iter().map(row).collect();
        Ok(print::table(&heading, &rows)?)
    }
}

fn row(line: &CampaignLine) -> Vec<String> {
    vec![
        line.id.to_string(),
        date::write_iso(UnixMs(line.last_ms)),
        line.copies.to_string(),
        line.delivered.to_string(),
        line.held.to_string(),
        line.refused.to_string(),
        line.organisations.to_string(),
        line.open.to_string(),
        line.bad.map_or("", |bad| bad.word()).to_string(),
    ]
}

fn told(told: Told) -> Result<(), Failure> {
    let Told { campaign, delivered } = told;
    let known = match campaign.bad {
        Some(bad) => format!("bad: a copy of it {}", bad.said()),
        None => "not known to be bad".to_string(),
    };
    for (what, said) in [
        ("campaign", campaign.id.to_string()),
        ("first", date::write_iso(UnixMs(campaign.first_ms))),
        ("last", date::write_iso(UnixMs(campaign.last_ms))),
        (
            "copies",
            format!(
                "{}: {} delivered, {} held, {} refused; organisations: {}",
                campaign.copies,
                campaign.delivered,
                campaign.held,
                campaign.refused,
                campaign.organisations
            ),
        ),
        ("known to be", known),
    ] {
        print::line(&format!("{what:<12} {said}"))?;
    }
    if delivered.is_empty() {
        return Ok(());
    }
    print::line("\nDelivered before it was known")?;
    let rows: Vec<Vec<String>> = delivered.iter().map(delivered_row).collect();
    Ok(print::table(&["id", "organisation", "recipient", "delivered", "hook", "seen to"], &rows)?)
}

fn delivered_row(mail: &Recalled) -> Vec<String> {
    vec![
        mail.mail.to_string(),
        mail.organisation.clone(),
        mail.recipient.clone(),
        date::write_iso(UnixMs(mail.delivered_ms)),
        mail.hook.clone(),
        if mail.seen { "yes" } else { "no" }.to_string(),
    ]
}

fn read<T: for<'de> Deserialize<'de>>(answer: serde_json::Value) -> Result<T, Failure> {
    serde_json::from_value(answer).map_err(|error| Failure::Failed(error.to_string()))
}
