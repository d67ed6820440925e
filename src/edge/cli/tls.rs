//! `sluss tls`: what belongs into the DNS for our certificate and policy.

use super::{Failure, Place, desk, print};
use crate::{
    edge::{
        control::Request,
        own_tls::{OwnCertificate, domains, next_key_digest, records, report_address},
    },
    mail::Domain,
};
use clap::{Args, Subcommand};
use serde_json::{Value, json};
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
    /// Have the running gateway get another certificate by ACME now, and wait for it.
    #[command(
        after_help = "Examples:\n  sluss tls renew\n  sluss tls renew --next-key    # its TLSA record has to be in the DNS for some days: sluss tls show"
    )]
    Renew {
        #[command(flatten)]
        place: Place,
        /// With the key that comes next, instead of the one in use.
        #[arg(long)]
        next_key: bool,
        /// JSON, one object.
        #[arg(long)]
        json: bool,
    },
}

impl Tls {
    pub(super) fn run(self) -> Result<ExitCode, Failure> {
        match self.verb {
            Verb::Show { place, domain, json } => show(&place, domain.as_deref(), json),
            Verb::Renew { place, next_key, json } => renew(&place, next_key, json),
        }
    }
}

fn renew(place: &Place, next_key: bool, json: bool) -> Result<ExitCode, Failure> {
    let got = desk::ask(place, Request::TlsRenew { next_key })?;
    if json {
        print::line(&got.to_string())?;
        return Ok(ExitCode::SUCCESS);
    }
    let text = |key: &str| got.get(key).and_then(Value::as_str).unwrap_or_default();
    let names = got.get("names").and_then(Value::as_array).into_iter().flatten();
    let names: Vec<&str> = names.filter_map(Value::as_str).collect();
    print::line(&format!("a new certificate is in use, until {}", text("until")))?;
    print::line(&format!("names        {}", names.join(", ")))?;
    print::line(&format!("fingerprint  {}", text("fingerprint")))?;
    print::line(&format!("key          sha256:{}", text("key")))?;
    Ok(ExitCode::SUCCESS)
}

fn show(place: &Place, domain: Option<&str>, json: bool) -> Result<ExitCode, Failure> {
    let config = place.source().read(place.data.as_deref()).map_err(Failure::BadInput)?;
    let only = domain.map(Domain::parse).transpose();
    let only = only.map_err(|error| Failure::BadInput(format!("--domain: {error}")))?;
    let domains = domains(&config, only.as_ref());
    if let (true, Some(only)) = (domains.is_empty(), &only) {
        return Err(Failure::BadInput(format!("{only} is no domain of ours")));
    }
    let own = OwnCertificate::read(&config).map_err(|error| Failure::Failed(error.to_string()))?;
    let next = next_key_digest(&config).map_err(Failure::Failed)?;
    for record in records(&config, own.as_ref(), next.as_deref(), &domains) {
        if json {
            let text = serde_json::to_string(&record).map_err(|error| error.to_string())?;
            print::line(&text)?;
            continue;
        }
        let data = match record.kind {
            "TXT" => format!("\"{}\"", record.data),
            _ => record.data,
        };
        print::line(&format!("; {}\n{}. IN {} {data}", record.about, record.name, record.kind))?;
    }
    if let Some(own) = &own {
        let pin = format!("sha256:{}", own.key_digest());
        match json {
            true => print::line(&json!({"pin": pin}).to_string())?,
            false => {
                print::line(&format!("; the pin of our key, for partners who use sluss\n; {pin}"))?
            }
        }
    } else {
        let why = match config.tls.acme {
            None => "without [tls] certificate and key another certificate is made at each start",
            Some(_) => "the authority in [tls.acme] has made no certificate yet",
        };
        eprintln!("sluss: no TLSA record of a certificate in use, and no pin: {why}");
    }
    if report_address(&config).is_none() {
        eprintln!("sluss: no _smtp._tls record: no address in [reports] addresses reads reports");
    }
    Ok(ExitCode::SUCCESS)
}
