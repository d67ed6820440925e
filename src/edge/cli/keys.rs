//! `sluss keys`: what wraps what rests, and new keys in place of old ones.

use super::{Failure, Place, desk, print};
use crate::{
    base::{clock::Clock, units},
    edge::control::Request,
    store::{keyring::KeyLine, signer::SignerLine},
};
use clap::{Args, Subcommand};
use serde_json::Value;
use std::{path::PathBuf, process::ExitCode};

#[derive(Debug, Args)]
pub(super) struct Keys {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// List the organisations' keys (never the keys themselves) and where the master key is.
    #[command(after_help = "Examples:\n  sluss keys list\n  sluss keys list --json")]
    List {
        #[command(flatten)]
        place: Place,
        /// JSON, as one object.
        #[arg(long)]
        json: bool,
    },
    /// Make a new master key and wrap all keys by it; or, with --organisation, a new key for one organisation; or, with --signing, a new key
    /// that signs the audit log.
    #[command(
        after_help = "Examples:\n  sluss keys rotate --config /etc/sluss/sluss.toml\n  sluss keys rotate --to /etc/sluss/master-2.key\n  sluss keys rotate --organisation acme\n  sluss keys rotate --signing\n\nMail goes on meanwhile. The new master key takes the old one's place in its file, or stands in the file named by --to\n(a key that is there already is used): then let [store] master-key name that file before the next start. Copy it to where\nthe old one is kept. Backups made before need the old one. A new key for an organisation is not done until everything\nof it that waits or is held has been wrapped anew; killed in between, the gateway ends it at its next start."
    )]
    Rotate {
        #[command(flatten)]
        place: Place,
        /// The organisation that gets a new key, instead of the master key.
        #[arg(long, value_name = "NAME", conflicts_with = "to")]
        organisation: Option<String>,
        /// Where the new master key goes, instead of the old one's file.
        #[arg(long, value_name = "FILE")]
        to: Option<PathBuf>,
        /// A new key that signs the audit log; the old one vouches for it there.
        #[arg(long, conflicts_with_all = ["to", "organisation"])]
        signing: bool,
    },
    /// The key that signs the audit log, for those who verify it: its fingerprint to pin, and the key itself as PEM.
    #[command(
        after_help = "Examples:\n  sluss keys signing\n  sluss keys signing > gateway.pem\n\nThe fingerprint is SHA-256 over the key: openssl pkey -pubin -in gateway.pem -outform DER | sha256sum"
    )]
    Signing {
        #[command(flatten)]
        place: Place,
    },
}

impl Keys {
    pub(super) fn run(self) -> Result<ExitCode, Failure> {
        match self.verb {
            Verb::List { place, json } => list(&place, json)?,
            Verb::Signing { place } => {
                let lines = signing(&desk::ask(&place, Request::KeysList)?)?;
                let Some(line) = lines.last() else { return Err(no_signing_key()) };
                // On the other channel, so that the file is the key.
                eprintln!("{}", line.fingerprint);
                print::line(line.public.pem().trim_end())?;
            }
            Verb::Rotate { place, signing: true, .. } => {
                let made = desk::ask(&place, Request::KeysRenewSigning)?;
                let made: Option<SignerLine> =
                    serde_json::from_value(made).map_err(|error| error.to_string())?;
                let Some(made) = made else { return Err(no_signing_key()) };
                print::line(&format!(
                    "{} signs the audit log from now on; whoever has pinned the key before it need do nothing: that one vouches for it in the log",
                    made.fingerprint
                ))?;
            }
            Verb::Rotate { place, organisation: Some(organisation), .. } => {
                let done = desk::ask(&place, Request::KeysRenew { organisation })?;
                let number = |field: &str| done.get(field).and_then(Value::as_u64).unwrap_or(0);
                print::line(&format!(
                    "key {} is in force; wrapped anew: {} waiting, {} held; old keys destroyed: {}",
                    number("version"),
                    number("waiting"),
                    number("held"),
                    number("destroyed"),
                ))?;
                if number("left_behind") > 0 {
                    print::line(&format!(
                        "{} held mails of an earlier form need the old key; it goes with the last of them",
                        number("left_behind")
                    ))?;
                }
            }
            Verb::Rotate { place, to, .. } => {
                let to = to.map(std::path::absolute).transpose();
                let to = to.map_err(|error| Failure::BadInput(format!("--to: {error}")))?;
                let done = desk::ask(&place, Request::KeysRotate { to })?;
                print::line(done.as_str().unwrap_or("done"))?;
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn signing(value: &Value) -> Result<Vec<SignerLine>, String> {
    let lines = value.get("signing").cloned().unwrap_or(Value::Null);
    serde_json::from_value(lines).map_err(|error| error.to_string())
}

fn no_signing_key() -> Failure {
    Failure::Failed(
        "there is no signing key yet: the gateway makes it at its first start".to_string(),
    )
}

fn list(place: &Place, json: bool) -> Result<(), Failure> {
    let value = desk::ask(place, Request::KeysList)?;
    if json {
        return Ok(print::line(&value.to_string())?);
    }
    let text = |field: &str| value.pointer(field).and_then(Value::as_str).unwrap_or("").to_string();
    print::line(&format!(
        "master key {} ({}): {}",
        text("/master/fingerprint"),
        text("/master/origin"),
        text("/master/file"),
    ))?;
    let lines = signing(&value)?;
    for (number, line) in lines.iter().rev().enumerate() {
        let (what, age) = match number {
            0 => ("signs the audit log", line.made),
            _ => ("signed it before", line.ended.unwrap_or(line.made)),
        };
        let age = units::roughly(Clock::system().now().since(age));
        print::line(&format!("key {} {what} ({age})", line.fingerprint))?;
    }
    let keys = value.get("keys").cloned().unwrap_or(Value::Null);
    let keys: Vec<KeyLine> = serde_json::from_value(keys).map_err(|error| error.to_string())?;
    let now = Clock::system().now();
    let in_force = |line: &KeyLine| {
        !keys
            .iter()
            .any(|other| other.organisation == line.organisation && other.version > line.version)
    };
    let rows: Vec<Vec<String>> = keys
        .iter()
        .map(|line| {
            vec![
                line.organisation.to_string(),
                line.version.to_string(),
                units::roughly(now.since(line.made)),
                if in_force(line) { "in force" } else { "until all is wrapped anew" }.to_string(),
            ]
        })
        .collect();
    Ok(print::table(&["organisation", "key", "age", "state"], &rows)?)
}
