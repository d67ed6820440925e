//! `sluss dkim`: the keys that sign our domains' mail, and the records that belong to them.

use super::{Failure, Place, desk, print};
use crate::edge::{control::Request, dkim_desk::Ask};
use clap::{Args, Subcommand, ValueEnum};
use serde_json::Value;
use std::{fs, path::PathBuf, process::ExitCode};

#[derive(Debug, Args)]
pub(super) struct Dkim {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Kind {
    /// RSA of 2,048 bits and Ed25519, side by side: who cannot read the second reads the first.
    Both,
    /// RSA of 2,048 bits.
    Rsa,
    /// Ed25519.
    Ed25519,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Make keys for a domain and print the DNS records that belong to them.
    #[command(
        after_help = "Examples:\n  sluss dkim add example.se\n  sluss dkim add --selector mail --kind rsa example.se\n  sluss dkim add --selector old --from /etc/opendkim/old.private --now example.se\n\nNew keys sign nothing until their records are in the DNS: put them there, and the gateway, which looks every hour (or at once\nwith sluss dkim check), takes the keys into use by itself. Keys of the same kind that signed before then rest: leave their records\nfor a week, until mail on its way has been read. So adding keys again is how they are changed, with nobody waiting up."
    )]
    Add {
        #[command(flatten)]
        place: Place,
        /// The name of the key in the DNS. With both kinds a letter is added. Default: one made of the month.
        #[arg(long, value_name = "NAME")]
        selector: Option<String>,
        /// Which kinds.
        #[arg(long, value_enum, default_value_t = Kind::Both)]
        kind: Kind,
        /// Take the key from a PEM file instead of making one.
        #[arg(long, value_name = "FILE", requires = "selector", conflicts_with = "kind")]
        from: Option<PathBuf>,
        /// Sign from now on, without looking for the records first.
        #[arg(long)]
        now: bool,
        /// JSON, one object a line.
        #[arg(long)]
        json: bool,
        /// The domain.
        domain: String,
    },
    /// List the keys and what they do: waiting, signing or resting.
    #[command(after_help = "Examples:\n  sluss dkim list\n  sluss dkim list --json example.se")]
    List {
        #[command(flatten)]
        place: Place,
        /// JSON, one object a line.
        #[arg(long)]
        json: bool,
        /// Only this domain's.
        domain: Option<String>,
    },
    /// Print the DNS records of a domain's keys, as lines of a zone file.
    #[command(after_help = "Example:\n  sluss dkim records example.se")]
    Records {
        #[command(flatten)]
        place: Place,
        /// Whose.
        domain: String,
    },
    /// Look whether the records are in the DNS. Keys that waited for that begin to sign. Exit 1 if a signing key has no record.
    #[command(after_help = "Example:\n  sluss dkim check")]
    Check {
        #[command(flatten)]
        place: Place,
    },
    /// Destroy a key.
    #[command(after_help = "Example:\n  sluss dkim remove example.se s202611r")]
    Remove {
        #[command(flatten)]
        place: Place,
        /// Whose.
        domain: String,
        /// Which.
        selector: String,
    },
}

impl Dkim {
    pub(super) fn run(self) -> Result<ExitCode, Failure> {
        match self.verb {
            Verb::Add { place, selector, kind, from, now, json, domain } => {
                let pem = from.map(|file| {
                    fs::read_to_string(&file)
                        .map_err(|error| Failure::BadInput(format!("{}: {error}", file.display())))
                });
                let algorithms = match kind {
                    Kind::Both => &["rsa-sha256", "ed25519-sha256"][..],
                    Kind::Rsa => &["rsa-sha256"],
                    Kind::Ed25519 => &["ed25519-sha256"],
                };
                let algorithms = algorithms.iter().map(ToString::to_string).collect();
                let ask = Ask::Add { domain, selector, algorithms, pem: pem.transpose()?, now };
                let added = desk::ask(&place, Request::Dkim { ask })?;
                show_records(&added, json)?;
                if !json && !now {
                    print::line(
                        "; put these into the DNS: the keys begin to sign when they are seen there (sluss dkim check looks at once)",
                    )?;
                }
            }
            Verb::List { place, json, domain } => {
                let keys = desk::ask(&place, Request::Dkim { ask: Ask::List { domain } })?;
                for key in rows(&keys) {
                    if json {
                        print::line(&key.to_string())?;
                        continue;
                    }
                    let columns = ["domain", "selector", "algorithm", "state", "since"]
                        .map(|name| text(key, name));
                    print::line(&columns.join("\t"))?;
                }
            }
            Verb::Records { place, domain } => {
                let ask = Ask::List { domain: Some(domain) };
                let keys = desk::ask(&place, Request::Dkim { ask })?;
                show_records(&keys, false)?;
            }
            Verb::Check { place } => return check(&place),
            Verb::Remove { place, domain, selector } => {
                let ask = Ask::Remove { domain, selector };
                let done = desk::ask(&place, Request::Dkim { ask })?;
                print::line(done.as_str().unwrap_or("removed"))?;
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn check(place: &Place) -> Result<ExitCode, Failure> {
    let keys = desk::ask(place, Request::Dkim { ask: Ask::Check })?;
    let mut code = ExitCode::SUCCESS;
    for key in rows(&keys) {
        let columns =
            ["record_name", "state", "record", "dnssec", "why"].map(|name| text(key, name));
        print::line(columns.join("\t").trim_end())?;
        if text(key, "state") == "signing" && text(key, "record") == "missing" {
            code = ExitCode::from(1);
        }
    }
    Ok(code)
}

fn show_records(keys: &Value, json: bool) -> Result<(), Failure> {
    for key in rows(keys) {
        if json {
            print::line(&key.to_string())?;
        } else {
            print::line(&zone_line(text(key, "record_name"), text(key, "record")))?;
        }
    }
    Ok(())
}

/// A line of a zone file. A string of a record has at most 255 bytes (RFC 1035 section 3.3), so a long one is cut into several.
fn zone_line(name: &str, record: &str) -> String {
    let letters: Vec<char> = record.chars().collect();
    let strings = letters.chunks(STRING_BYTES_MAX);
    let strings = strings.map(|piece| format!("\"{}\"", piece.iter().collect::<String>()));
    format!("{name}. IN TXT {}", strings.collect::<Vec<_>>().join(" "))
}

const STRING_BYTES_MAX: usize = 255;

fn rows(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn text<'v>(value: &'v Value, field: &str) -> &'v str {
    value.get(field).and_then(Value::as_str).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_records_are_cut_into_strings() {
        assert_eq!(zone_line("a.example", "v=x"), "a.example. IN TXT \"v=x\"");
        let line = zone_line("a.example", &"x".repeat(300));
        assert_eq!(line.matches('"').count(), 4);
        assert!(line.split('"').all(|piece| piece.len() <= 255));
    }
}
