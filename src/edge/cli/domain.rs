//! `sluss domain`: our domains, one at a time or all of them.

use super::{
    Failure, Place,
    change::{Earnest, Signed, change, stored, unread},
    config::{Authors, put_checked},
    print,
};
use crate::{
    config::layers::{AnyDomain, Kind, Target, all_domains, is_beside_file, line_of, to_json},
    mail::{Domain, Organisation},
};
use clap::{Args, Subcommand};
use std::{
    collections::HashMap,
    io::{self, BufWriter, Write},
    process::ExitCode,
};

#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  sluss domain add example.se --next-hop smtp://10.0.0.5 --recipients callout\n  sluss domain list --organisation acme\n  sluss domain remove example.se --comment \"moved away\"\n\nA thousand at once: sluss config import FILE. Lists that another program writes: domains-file in the configuration."
)]
pub(super) struct Domains {
    #[command(subcommand)]
    act: Act,
}

#[derive(Debug, Subcommand)]
enum Act {
    /// Store a domain that we take mail for.
    Add(Add),
    /// All our domains, from the file, domains-files and the store, as lines of a domains-file.
    List(List),
    /// Everything about one.
    Show(Show),
    /// Forget stored domains.
    Remove(Remove),
}

#[derive(Debug, Args)]
struct Add {
    #[command(flatten)]
    place: Place,
    /// The domain.
    name: String,
    /// Where its mail goes; several are tried in order. Default: that of [domain-defaults].
    #[arg(long, value_name = "HOP")]
    next_hop: Vec<String>,
    /// Whose it is.
    #[arg(long, value_name = "NAME")]
    organisation: Option<String>,
    /// Who exists: callout, any, or the path of a file.
    #[arg(long, value_name = "HOW")]
    recipients: Option<String>,
    /// The name of a policy.
    #[arg(long, value_name = "NAME")]
    policy: Option<String>,
    /// off, opportunistic or required.
    #[arg(long, value_name = "HOW")]
    next_hop_tls: Option<String>,
    /// While the next hop is away: spool or defer.
    #[arg(long, value_name = "HOW")]
    when_away: Option<String>,
    /// Write over what is stored of it.
    #[arg(long)]
    replace: bool,
    #[command(flatten)]
    signed: Signed,
}

#[derive(Debug, Args)]
struct List {
    #[command(flatten)]
    place: Place,
    /// Only those of this organisation.
    #[arg(long, value_name = "NAME")]
    organisation: Option<String>,
    /// One JSON object a line.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct Show {
    #[command(flatten)]
    place: Place,
    /// Which.
    name: String,
}

#[derive(Debug, Args)]
struct Remove {
    #[command(flatten)]
    place: Place,
    /// Which.
    #[arg(required = true)]
    names: Vec<String>,
    #[command(flatten)]
    signed: Signed,
}

impl Domains {
    pub(super) fn run(self) -> Result<ExitCode, Failure> {
        match self.act {
            Act::Add(add) => add.run(),
            Act::List(list) => list.run(),
            Act::Show(show) => show.run(),
            Act::Remove(remove) => remove.run(),
        }?;
        Ok(ExitCode::SUCCESS)
    }
}

impl Add {
    fn run(self) -> Result<(), Failure> {
        let target = target(&self.name)?;
        let value = to_json(&toml::Value::Table(self.table()));
        let value = value.map_err(|why| Failure::BadInput(why.to_string()))?;
        change(&self.place, &self.signed, Earnest::Yes, |edit, written| {
            if let Some(place) = written.stands(Kind::Domain, &target.name) {
                return Err(Failure::BadInput(format!(
                    "the domain {0} stands in {place}; what is not said of it there is stored by sluss config set domain.{0}.KEY VALUE",
                    target.name
                )));
            }
            let there = edit.get(Kind::Domain, &target.name).map_err(stored)?;
            if there.as_deref().is_some_and(|there| !is_beside_file(there)) && !self.replace {
                return Err(Failure::BadInput(format!(
                    "the domain {0} is stored already; change it with sluss config set domain.{0}.KEY VALUE, or write over it with --replace",
                    target.name
                )));
            }
            put_checked(edit, Kind::Domain, &target.name, &value)
        })
    }

    fn table(&self) -> toml::Table {
        let string = |text: &String| toml::Value::String(text.clone());
        let hops: Vec<toml::Value> = self.next_hop.iter().map(string).collect();
        let words = [
            ("organisation", &self.organisation),
            ("recipients", &self.recipients),
            ("policy", &self.policy),
            ("next-hop-tls", &self.next_hop_tls),
            ("when-away", &self.when_away),
        ];
        let said = words
            .into_iter()
            .filter_map(|(key, word)| Some((key.to_string(), string(word.as_ref()?))));
        let hops = (!hops.is_empty()).then(|| ("next-hop".to_string(), toml::Value::Array(hops)));
        said.chain(hops).collect()
    }
}

impl List {
    fn run(self) -> Result<(), Failure> {
        let merged = self.place.source().read_layers(self.place.data.as_deref()).map_err(unread)?;
        let authors = Authors::read(&merged)?;
        let wanted = self.organisation.as_deref();
        let only = merged.config.only_organisation();
        // Many domains, few ways of keeping: what each says is written once.
        let mut said: HashMap<usize, Said> = HashMap::new();
        let mut out = BufWriter::new(io::stdout().lock());
        for domain in all_domains(&merged.config) {
            let way = std::ptr::from_ref(domain.kept).addr();
            let said = said.entry(way).or_insert_with(|| Said::of(&domain, only.as_ref()));
            if wanted.is_some_and(|wanted| wanted != said.organisation) {
                continue;
            }
            let origin = authors.say(&merged.domain_origin(&domain));
            let line = match self.json {
                true => said.json(domain.name, &origin),
                false => format!("{:<32} {:<40} # {origin}", domain.name, said.line),
            };
            match writeln!(out, "{line}") {
                Ok(()) => (),
                Err(error) if error.kind() == io::ErrorKind::BrokenPipe => return Ok(()),
                Err(error) => return Err(Failure::Failed(error.to_string())),
            }
        }
        out.flush().map_err(|error| Failure::Failed(error.to_string()))
    }
}

/// What a list says of all domains that are kept alike.
struct Said {
    line: String,
    organisation: String,
    table: serde_json::Value,
}

impl Said {
    fn of(domain: &AnyDomain<'_>, only: Option<&Organisation>) -> Said {
        let organisation = domain.kept.organisation.as_ref().or(only);
        Said {
            line: line_of(domain.kept),
            organisation: organisation.map(ToString::to_string).unwrap_or_default(),
            table: serde_json::to_value(domain.kept).unwrap_or_default(),
        }
    }

    fn json(&self, name: &str, origin: &str) -> String {
        let mut table = self.table.clone();
        if let Some(fields) = table.as_object_mut() {
            fields.insert("name".to_string(), name.into());
            fields.insert("organisation".to_string(), self.organisation.as_str().into());
            fields.insert("origin".to_string(), origin.into());
        }
        table.to_string()
    }
}

impl Show {
    fn run(self) -> Result<(), Failure> {
        let target = target(&self.name)?;
        let merged = self.place.source().read_layers(self.place.data.as_deref()).map_err(unread)?;
        let name = Domain::parse(&target.name).ok();
        let in_table = name.and_then(|name| merged.config.domain_table.find(&name));
        let values = match in_table {
            Some(found) => merged.domain_values(found),
            None => {
                let prefix = format!("domain.{}.", target.name);
                let all = merged.values().into_iter();
                all.filter(|value| value.path.starts_with(&prefix)).collect()
            }
        };
        if values.is_empty() {
            return Err(Failure::Failed(format!("{} is no domain of ours", target.name)));
        }
        let authors = Authors::read(&merged)?;
        print::line(&format!("name = \"{}\"", target.name))?;
        for value in values {
            let key = value.path.rsplit('.').next().unwrap_or(&value.path);
            if key == "name" {
                continue;
            }
            let text = format!("{key} = {}", value.value);
            print::line(&format!("{text:<44} # {}", authors.say(&value.origin)))?;
        }
        Ok(())
    }
}

impl Remove {
    fn run(self) -> Result<(), Failure> {
        change(&self.place, &self.signed, Earnest::Yes, |edit, written| {
            for name in &self.names {
                let target = target(name)?;
                if edit.get(Kind::Domain, &target.name).map_err(stored)?.is_none() {
                    let name = &target.name;
                    return Err(Failure::BadInput(match written.stands(Kind::Domain, name) {
                        Some(place) => {
                            format!("the domain {name} stands in {place}: it is removed there")
                        }
                        None => format!("no domain {name} is stored, nor is it ours"),
                    }));
                }
                edit.put(Kind::Domain, &target.name, None).map_err(stored)?;
            }
            Ok(())
        })
    }
}

fn target(name: &str) -> Result<Target, Failure> {
    Target::entry(Kind::Domain, name).map_err(|why| Failure::BadInput(why.to_string()))
}
