//! `sluss tls`: what belongs into the DNS for our certificate and policy.

use super::{Failure, Place, print};
use crate::{
    edge::own_tls::{OwnCertificate, domains, records, report_address},
    mail::Domain,
};
use clap::{Args, Subcommand};
use serde_json::json;
use std::process::ExitCode;

#[derive(Debug, Args)]
pub(super) struct Tls {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Print the DNS records that speak of our certificate (TLSA), of our MTA-STS policy and of where TLS reports go, and the pin for partners.
    #[command(
        after_help = "Examples:\n  sluss tls show\n  sluss tls show --domain ours.example --json"
    )]
    Show {
        #[command(flatten)]
        place: Place,
        /// Only for this domain of ours.
        #[arg(long, value_name = "DOMAIN")]
        domain: Option<String>,
        /// JSON, one object a line.
        #[arg(long)]
        json: bool,
    },
}

impl Tls {
    pub(super) fn run(self) -> Result<ExitCode, Failure> {
        let Verb::Show { place, domain, json } = self.verb;
        let config = place.source().read(place.data.as_deref()).map_err(Failure::BadInput)?;
        let only = domain.as_deref().map(Domain::parse).transpose();
        let only = only.map_err(|error| Failure::BadInput(format!("--domain: {error}")))?;
        let domains = domains(&config, only.as_ref());
        if let (true, Some(only)) = (domains.is_empty(), &only) {
            return Err(Failure::BadInput(format!("{only} is no domain of ours")));
        }
        let own =
            OwnCertificate::read(&config).map_err(|error| Failure::Failed(error.to_string()))?;
        for record in records(&config, own.as_ref(), &domains) {
            if json {
                let text = serde_json::to_string(&record).map_err(|error| error.to_string())?;
                print::line(&text)?;
                continue;
            }
            let data = match record.kind {
                "TXT" => format!("\"{}\"", record.data),
                _ => record.data,
            };
            print::line(&format!(
                "; {}\n{}. IN {} {data}",
                record.about, record.name, record.kind
            ))?;
        }
        if let Some(own) = &own {
            let pin = format!("sha256:{}", own.key_digest());
            match json {
                true => print::line(&json!({"pin": pin}).to_string())?,
                false => print::line(&format!(
                    "; the pin of our key, for partners who use sluss\n; {pin}"
                ))?,
            }
        } else {
            eprintln!(
                "sluss: no TLSA record and no pin: without [tls] certificate and key another certificate is made at each start"
            );
        }
        if report_address(&config).is_none() {
            eprintln!(
                "sluss: no _smtp._tls record: no address in [reports] addresses reads reports"
            );
        }
        Ok(ExitCode::SUCCESS)
    }
}
