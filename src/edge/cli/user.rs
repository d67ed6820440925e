//! `sluss user`: accounts for SMTP AUTH and the web pages. Works on the accounts' own database, whether or not a gateway runs.
//!
//! Passwords come from a terminal without echo, from a file, from standard input or from us; never from the command line, where every
//! user of the machine can read them.

use super::{Failure, Place, print, runtime, unseen};
use crate::{
    base::{
        clock::{Clock, UnixMs},
        hidden::Hidden,
        limits, units,
    },
    config::Config,
    edge::{caller, serve::accounts_folder},
    mail::{Domain, Organisation},
    store::{
        StoreError,
        accounts::{Account, PasswordHash, Purpose, Role, UserName, WebAccess, made_up_password},
        audit::{Details, Entry, What},
        embedded::{AccountFilter, Accounts, Made, Password, append_once},
    },
};
use clap::{Args, Subcommand};
use std::{fs::File, io, path::PathBuf, process::ExitCode};

#[derive(Debug, Args)]
pub(super) struct User {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Make an account.
    #[command(
        after_help = "Examples:\n  sluss user add anna@example.se\n  sluss user add --generate printer@example.se\n  sluss user add --organisation acme --password-file /run/secrets/scanner scanner\n  sluss user add --for web --role owner --generate eva\n  sluss user add --for web --role domain-admin --organisation acme --domain acme.example bo\n\nFor the web, without --organisation it sees the mail of all of them.\n\nWithout --generate and --password-file the password is asked for, or read from standard input when that is no terminal."
    )]
    Add {
        #[command(flatten)]
        place: Place,
        #[command(flatten)]
        purpose: For,
        /// Whose account it is: what it sends is that organisation's mail. Needed where the configuration has several.
        #[arg(long, value_name = "NAME")]
        organisation: Option<String>,
        #[command(flatten)]
        web: Web,
        #[command(flatten)]
        password: PasswordFrom,
        /// The user name; upper and lower case are the same.
        name: String,
    },
    /// Change what a web account may do. Its sessions go on, with the new rights.
    #[command(
        after_help = "Examples:\n  sluss user role --role auditor eva\n  sluss user role --role domain-admin --organisation acme bo"
    )]
    Role {
        #[command(flatten)]
        place: Place,
        /// Whose mail it sees; without it, that of all organisations.
        #[arg(long, value_name = "NAME")]
        organisation: Option<String>,
        #[command(flatten)]
        web: Web,
        /// The user name.
        name: String,
    },
    /// Take the second factor and the recovery codes from a web account whose owner has lost them.
    #[command(after_help = "Example:\n  sluss user forget-second-factor eva")]
    ForgetSecondFactor {
        #[command(flatten)]
        place: Place,
        /// The user name.
        name: String,
    },
    /// Give an account a new password. Its open sessions send no more.
    #[command(
        after_help = "Examples:\n  sluss user passwd anna@example.se\n  sluss user passwd --generate anna@example.se"
    )]
    Passwd {
        #[command(flatten)]
        place: Place,
        #[command(flatten)]
        purpose: For,
        #[command(flatten)]
        password: PasswordFrom,
        /// The user name.
        name: String,
    },
    /// List the accounts.
    #[command(
        after_help = "Examples:\n  sluss user list\n  sluss user list --for smtp --organisation acme --json"
    )]
    List {
        #[command(flatten)]
        place: Place,
        /// Only those for this: smtp or web.
        #[arg(long = "for", value_name = "PURPOSE")]
        purpose: Option<Purpose>,
        /// Only those of this organisation.
        #[arg(long, value_name = "NAME")]
        organisation: Option<String>,
        /// At most this many.
        #[arg(long, default_value_t = limits::LIST_ROWS_DEFAULT)]
        rows: usize,
        /// JSON, one object a line.
        #[arg(long)]
        json: bool,
    },
    /// Keep an account from logging in, without forgetting it. Its open sessions send no more.
    #[command(after_help = "Example:\n  sluss user disable anna@example.se")]
    Disable(Whom),
    /// Let a disabled account log in again.
    #[command(after_help = "Example:\n  sluss user enable anna@example.se")]
    Enable(Whom),
    /// Remove accounts. Their open sessions send no more.
    #[command(after_help = "Example:\n  sluss user remove anna@example.se")]
    Remove(Whom),
}

#[derive(Debug, Args)]
struct Whom {
    #[command(flatten)]
    place: Place,
    #[command(flatten)]
    purpose: For,
    /// User names.
    #[arg(required = true)]
    names: Vec<String>,
}

#[derive(Debug, Clone, Copy, Args)]
struct For {
    /// What the account is for: smtp or web. The same name may have one of each.
    #[arg(long = "for", value_name = "PURPOSE", default_value = "smtp")]
    purpose: Purpose,
}

/// What a web account may do.
#[derive(Debug, Args)]
struct Web {
    /// What it does here: owner, admin, reviewer, helpdesk, auditor or domain-admin. For web accounts only, and needed there.
    #[arg(long, value_name = "ROLE")]
    role: Option<Role>,
    /// Only this domain of its organisation; may be given again.
    #[arg(long, value_name = "DOMAIN", requires = "organisation")]
    domain: Vec<String>,
}

impl Web {
    /// Whose account it is, and what it may do. The organisation of an account that sees all of them says nothing.
    fn access(
        &self,
        config: &Config,
        named: Option<&str>,
    ) -> Result<(Organisation, WebAccess), Failure> {
        let bad = |sentence: &str| Err(Failure::BadInput(sentence.to_string()));
        let Some(role) = self.role else {
            return bad(
                "say what the account may do with --role: owner, admin, reviewer, helpdesk, auditor or domain-admin",
            );
        };
        let everywhere = named.is_none();
        match role {
            Role::DomainAdmin if everywhere => {
                return bad("a domain-admin has an organisation: say which with --organisation");
            }
            Role::Owner if !everywhere => {
                return bad(
                    "an owner is everybody's: leave out --organisation, or make it an admin",
                );
            }
            Role::Owner
            | Role::Admin
            | Role::Reviewer
            | Role::Helpdesk
            | Role::Auditor
            | Role::DomainAdmin => (),
        }
        let organisation = match named {
            Some(named) => owner(config, Some(named))?,
            None => Organisation::implied(),
        };
        let parse = |text: &String| {
            Domain::parse(text).map_err(|error| Failure::BadInput(format!("{text}: {error}")))
        };
        let domains = self.domain.iter().map(parse).collect::<Result<_, _>>()?;
        Ok((organisation, WebAccess { role, everywhere, domains, second_factor: false }))
    }
}

#[derive(Debug, Args)]
struct PasswordFrom {
    /// Read the password from the first line of this file.
    #[arg(long, value_name = "FILE", conflicts_with = "generate")]
    password_file: Option<PathBuf>,
    /// Make one up and print it, once.
    #[arg(long)]
    generate: bool,
}

impl User {
    pub(super) fn run(self) -> Result<ExitCode, Failure> {
        match self.verb {
            Verb::Add { place, purpose, organisation, web, password, name } => {
                let name = parse_name(&name)?;
                let config = read_config(&place)?;
                let (organisation, access) = match purpose.purpose {
                    Purpose::Web => {
                        let (organisation, access) =
                            web.access(&config, organisation.as_deref())?;
                        (organisation, Some(access))
                    }
                    Purpose::Smtp if web.role.is_some() => {
                        return Err(Failure::BadInput(
                            "--role is for web accounts: add --for web".to_string(),
                        ));
                    }
                    Purpose::Smtp => (owner(&config, organisation.as_deref())?, None),
                };
                // Before anybody types a password twice for nothing.
                if is_there(&place, purpose.purpose, &name)? {
                    return Err(taken(&name, purpose.purpose));
                }
                let chosen = password.choose()?;
                match access {
                    None => add(&place, purpose.purpose, &name, &organisation, chosen)?,
                    Some(access) => add_for_web(&place, &name, &organisation, access, chosen)?,
                }
            }
            Verb::Role { place, organisation, web, name } => {
                let name = parse_name(&name)?;
                let (organisation, access) =
                    web.access(&read_config(&place)?, organisation.as_deref())?;
                let word = access.role.word();
                if !is_there(&place, Purpose::Web, &name)? {
                    return Err(nobody(&name, Purpose::Web));
                }
                record(&place, What::AccountChanged, word, Purpose::Web, &name, &organisation)?;
                let set = with_accounts(&place, async |accounts| {
                    accounts.set_access(&name, &organisation, access.clone()).await
                })?;
                match set {
                    true => print::line(&format!("{name} is {word} from now on"))?,
                    false => return Err(nobody(&name, Purpose::Web)),
                }
            }
            Verb::ForgetSecondFactor { place, name } => {
                let name = parse_name(&name)?;
                let owner = whose(&place, Purpose::Web, &name)?;
                let what = What::AccountChanged;
                record(&place, what, "forget-second-factor", Purpose::Web, &name, &owner)?;
                let set = with_accounts(&place, async |accounts| {
                    accounts.set_one_time(name.as_str(), None).await
                })?;
                match set {
                    true => print::line(&format!("{name} logs in by password alone from now on"))?,
                    false => return Err(nobody(&name, Purpose::Web)),
                }
            }
            Verb::Passwd { place, purpose, password, name } => {
                let name = parse_name(&name)?;
                if !is_there(&place, purpose.purpose, &name)? {
                    return Err(nobody(&name, purpose.purpose));
                }
                passwd(&place, purpose.purpose, &name, password.choose()?)?;
            }
            Verb::List { place, purpose, organisation, rows, json } => {
                let organisation = organisation.as_deref().map(Organisation::named);
                list(&place, AccountFilter { purpose, organisation, rows }, json)?;
            }
            Verb::Disable(whom) => {
                change(
                    &whom,
                    What::AccountChanged,
                    "disabled",
                    async |accounts, purpose, name| {
                        accounts.set_enabled(purpose, name, false).await
                    },
                )?;
            }
            Verb::Enable(whom) => {
                change(&whom, What::AccountChanged, "enabled", async |accounts, purpose, name| {
                    accounts.set_enabled(purpose, name, true).await
                })?;
            }
            Verb::Remove(whom) => {
                change(&whom, What::AccountRemoved, "removed", async |accounts, purpose, name| {
                    accounts.remove(purpose, name).await
                })?;
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn add(
    place: &Place,
    purpose: Purpose,
    name: &UserName,
    organisation: &Organisation,
    chosen: Chosen,
) -> Result<(), Failure> {
    record(place, What::AccountAdded, "add", purpose, name, organisation)?;
    let made = with_accounts(place, async |accounts| {
        accounts.add(purpose, name, organisation, chosen.hash.clone()).await
    })?;
    match made {
        Made::Yes => chosen.tell(&format!(
            "{name} may log in for {}, as a user of {organisation}",
            purpose.word()
        )),
        Made::Taken => Err(taken(name, purpose)),
    }
}

fn add_for_web(
    place: &Place,
    name: &UserName,
    organisation: &Organisation,
    access: WebAccess,
    chosen: Chosen,
) -> Result<(), Failure> {
    let word = access.role.word();
    record(place, What::AccountAdded, word, Purpose::Web, name, organisation)?;
    let made = with_accounts(place, async |accounts| {
        let password = Password::Own(chosen.hash.clone());
        accounts.add_for_web(name, organisation, password, access.clone()).await
    })?;
    match made {
        Made::Yes => chosen.tell(&format!("{name} may log in for web, as {word}")),
        Made::Taken => Err(taken(name, Purpose::Web)),
    }
}

fn passwd(place: &Place, purpose: Purpose, name: &UserName, chosen: Chosen) -> Result<(), Failure> {
    let organisation = whose(place, purpose, name)?;
    record(place, What::AccountChanged, "password", purpose, name, &organisation)?;
    let set = with_accounts(place, async |accounts| {
        accounts.set_password(purpose, name, chosen.hash.clone()).await
    })?;
    match set {
        true => chosen.tell(&format!("{name} has a new password for {}", purpose.word())),
        false => Err(nobody(name, purpose)),
    }
}

fn list(place: &Place, filter: AccountFilter, json: bool) -> Result<(), Failure> {
    let found = with_accounts(place, async |accounts| accounts.list(filter.clone()).await)?;
    if json {
        for account in &found {
            print::line(&serde_json::to_string(account).map_err(|error| error.to_string())?)?;
        }
        return Ok(());
    }
    if found.is_empty() {
        return Ok(print::line("There are no such accounts.")?);
    }
    let now = Clock::system().now();
    let rows: Vec<Vec<String>> = found.iter().map(|account| row(account, now)).collect();
    Ok(print::table(
        &["name", "for", "role", "organisation", "may log in", "made", "password", "last used"],
        &rows,
    )?)
}

fn row(account: &Account, now: UnixMs) -> Vec<String> {
    let ago = |at: UnixMs| match at.0 {
        0 => "never".to_string(),
        _ => format!("{} ago", units::roughly(now.since(at))),
    };
    vec![
        account.name.clone(),
        account.purpose.word().to_string(),
        account.web.as_ref().map_or("", |web| web.role.word()).to_string(),
        match &account.web {
            Some(web) if web.everywhere => "all".to_string(),
            Some(_) | None => account.organisation.to_string(),
        },
        if account.enabled { "yes" } else { "no" }.to_string(),
        ago(account.created),
        ago(account.password_set),
        ago(account.last_used),
    ]
}

/// Does one thing to each of several accounts; those before one that is not there stay changed, and that is said.
fn change(
    whom: &Whom,
    what: What,
    done: &str,
    act: impl AsyncFn(&Accounts, Purpose, &UserName) -> Result<bool, StoreError>,
) -> Result<(), Failure> {
    let purpose = whom.purpose.purpose;
    let names: Vec<UserName> =
        whom.names.iter().map(|name| parse_name(name)).collect::<Result<_, _>>()?;
    for name in &names {
        let organisation = whose(&whom.place, purpose, name)?;
        record(&whom.place, what, done, purpose, name, &organisation)?;
        let found =
            with_accounts(&whom.place, async |accounts| act(accounts, purpose, name).await)?;
        if !found {
            return Err(nobody(name, purpose));
        }
        print::line(&format!("{name} ({}): {done}", purpose.word()))?;
    }
    Ok(())
}

/// Writes into the audit log what is about to be done to an account.
fn record(
    place: &Place,
    what: What,
    act: &str,
    purpose: Purpose,
    name: &UserName,
    organisation: &Organisation,
) -> Result<(), Failure> {
    let details = Details::default().word("act", act).word("for", purpose.word());
    let entry = Entry::new(caller::of_this_process(), what)
        .about(name)
        .of(Some(organisation.clone()))
        .with(details);
    let config = read_config(place)?;
    match append_once(&config.data_dir, &Clock::system(), vec![entry]) {
        Ok(_) => Ok(()),
        Err(error) => Err(Failure::Failed(format!(
            "nothing was changed, for the audit log takes no record of it: {error}"
        ))),
    }
}

/// Whose an account is that must be there.
fn whose(place: &Place, purpose: Purpose, name: &UserName) -> Result<Organisation, Failure> {
    let found = with_accounts(place, async |accounts| accounts.get(purpose, name).await)?;
    found.map(|account| account.organisation).ok_or_else(|| nobody(name, purpose))
}

fn is_there(place: &Place, purpose: Purpose, name: &UserName) -> Result<bool, Failure> {
    let found = with_accounts(place, async |accounts| accounts.get(purpose, name).await)?;
    Ok(found.is_some())
}

fn taken(name: &UserName, purpose: Purpose) -> Failure {
    Failure::Failed(format!(
        "there is an account {name} for {} already; \"sluss user passwd\" gives it a new password",
        purpose.word()
    ))
}

fn nobody(name: &UserName, purpose: Purpose) -> Failure {
    Failure::Failed(format!("there is no account {name} for {}", purpose.word()))
}

fn parse_name(text: &str) -> Result<UserName, Failure> {
    UserName::parse(text).map_err(|error| Failure::BadInput(error.to_string()))
}

fn read_config(place: &Place) -> Result<Config, Failure> {
    place.source().read(place.data.as_deref()).map_err(Failure::BadInput)
}

/// Whose a new account is. A name that is misspelt would make an account that may send nothing.
fn owner(config: &Config, named: Option<&str>) -> Result<Organisation, Failure> {
    let only = config.only_organisation();
    let Some(named) = named else {
        return only.ok_or_else(|| {
            let names: Vec<&str> =
                config.organisations.iter().map(|entry| entry.name.name()).collect();
            Failure::BadInput(format!(
                "there are several organisations: say whose account it is with --organisation, one of {}",
                names.join(", ")
            ))
        });
    };
    let named = Organisation::parse(named).map_err(|error| Failure::BadInput(error.to_string()))?;
    let written = config.organisations.iter().any(|entry| entry.name == named);
    match written || only.as_ref() == Some(&named) {
        true => Ok(named),
        false => Err(Failure::BadInput(format!(
            "there is no [[organisation]] with name = \"{named}\" in the configuration"
        ))),
    }
}

/// Opens the accounts under the data folder, which must be there: another one than the gateway's would be of no use to anybody.
fn with_accounts<T>(
    place: &Place,
    work: impl AsyncFnOnce(&Accounts) -> Result<T, StoreError>,
) -> Result<T, Failure> {
    let config = read_config(place)?;
    if !config.data_dir.is_dir() {
        return Err(Failure::Failed(format!(
            "there is no data folder {}: start the gateway once, or is it the right --config or --data?",
            config.data_dir.display()
        )));
    }
    let failed = |error: StoreError| Failure::Failed(error.to_string());
    runtime()?.block_on(async {
        let folder = accounts_folder(&config.data_dir);
        let accounts = Accounts::open(&folder, Clock::system()).map_err(failed)?;
        work(&accounts).await.map_err(failed)
    })
}

/// A password that was chosen, as it is kept; and as it is shown, if it was made here.
struct Chosen {
    hash: PasswordHash,
    made_up: Option<Hidden<String>>,
}

impl Chosen {
    /// A made-up password is all that standard output gets, so that a script can take it.
    fn tell(&self, sentence: &str) -> Result<(), Failure> {
        match &self.made_up {
            Some(password) => {
                eprintln!("{sentence}; the password is shown only now:");
                Ok(print::line(password.expose())?)
            }
            None => Ok(print::line(sentence)?),
        }
    }
}

impl PasswordFrom {
    fn choose(&self) -> Result<Chosen, Failure> {
        let password = match (&self.password_file, self.generate) {
            (_, true) => made_up_password().map_err(|error| error.to_string())?,
            (Some(file), false) => {
                let failed = |error: io::Error| {
                    Failure::BadInput(format!("{}: cannot be read: {error}", file.display()))
                };
                unseen::first_line("password", File::open(file).map_err(failed)?).map_err(failed)?
            }
            (None, false) => unseen::line_twice("password", "Password: ").map_err(|error| {
                Failure::BadInput(format!("the password cannot be read: {error}"))
            })?,
        };
        let hash =
            PasswordHash::make(&password).map_err(|error| Failure::BadInput(error.to_string()))?;
        Ok(Chosen { hash, made_up: self.generate.then_some(password) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    #[test]
    fn an_account_has_an_owner_that_exists() {
        let config = |organisations: &str| {
            let text = format!("hostname = \"mx.ours.example\"\n{organisations}");
            Config::parse(Path::new("sluss.toml"), &text).unwrap()
        };
        let (acme, berg) =
            ("[[organisation]]\nname = \"acme\"\n", "[[organisation]]\nname = \"berg\"\n");
        let outbound = "[outbound]\norganisation = \"acme\"\n";
        let both = format!("{acme}{berg}{outbound}");
        for (organisations, named, want) in [
            ("", None, Some("default")),
            ("", Some("default"), Some("default")),
            ("", Some("acme"), None),
            (acme, None, Some("acme")),
            (acme, Some("default"), None),
            (&both, None, None),
            (&both, Some("berg"), Some("berg")),
            (&both, Some("Berg"), None),
            (&both, Some("a b"), None),
        ] {
            let found = owner(&config(organisations), named).ok();
            assert_eq!(found.as_ref().map(Organisation::name), want, "{organisations:?} {named:?}");
        }
    }
}
