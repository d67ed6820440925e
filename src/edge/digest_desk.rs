//! What `sluss digest` and `sluss mailbox` ask for: what people would be told, and what they have chosen.

use crate::{
    base::{
        limits,
        local::{TimeOfDay, Zone},
    },
    mail::Address,
    pipeline::{Gateway, digest},
    store::{
        people::{Mailbox, Wanted},
        scope::Scope,
    },
    wire::report::Language,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// A question about digests and mailboxes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ask {
    /// The digest of a mailbox as it would be now.
    Preview {
        /// Whose.
        mailbox: Address,
    },
    /// Write it now.
    Send {
        /// To whom.
        mailbox: Address,
    },
    /// Mailboxes for which something is chosen or known.
    List {
        /// Part of the address.
        part: Option<String>,
        /// Those behind this address.
        after: String,
        /// At most this many.
        rows: usize,
    },
    /// What is chosen for one, and its own list.
    Show {
        /// Which.
        mailbox: Address,
    },
    /// Choose.
    Set {
        /// For which.
        mailbox: Address,
        /// What.
        changes: Changes,
    },
    /// Forget all that is known of one.
    Erase {
        /// Which.
        mailbox: Address,
    },
}

/// What is to be chosen; what is none stays as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Changes {
    /// A language, or "default".
    pub language: Option<String>,
    /// A time zone, or "default".
    pub zone: Option<String>,
    /// Times: "08:00,15:30"; "off"; or "default".
    pub digests: Option<String>,
    /// Those who look after it from now on.
    pub add_owners: Vec<Address>,
    /// Those who do no longer.
    pub remove_owners: Vec<Address>,
}

/// Answers.
pub async fn answer(gateway: &Gateway, ask: Ask) -> Result<Value, String> {
    let people = &gateway.stores.people;
    let say = |error: &dyn std::error::Error| error.to_string();
    let own = |address: &Address| {
        digest::mailbox_of(&gateway.settings.load(), address).map_err(|error| say(&error))
    };
    match ask {
        Ask::Preview { mailbox } => {
            let written = digest::preview(gateway, &own(&mailbox)?).await;
            let written = written.map_err(|error| say(&error))?;
            Ok(json!({ "subject": written.subject, "text": written.text, "page": written.page }))
        }
        Ask::Send { mailbox } => {
            let sent = digest::send(gateway, &own(&mailbox)?).await;
            Ok(json!({ "sent": sent.map_err(|error| say(&error))? }))
        }
        Ask::List { part, after, rows } => {
            let lines = people.mailboxes(Scope::Everything, part, after, rows).await;
            lines.map(|lines| json!(lines)).map_err(|error| say(&error))
        }
        Ask::Show { mailbox } => show(gateway, &own(&mailbox)?).await,
        Ask::Set { mailbox, changes } => {
            let mailbox = own(&mailbox)?;
            set(gateway, &mailbox, changes).await?;
            show(gateway, &mailbox).await
        }
        // A mailbox whose domain is gone must be forgotten all the same.
        Ask::Erase { mailbox } => {
            let mut erased = 0;
            for organisation in organisations_of(gateway, &mailbox) {
                let one = Mailbox::new(&organisation, &mailbox);
                erased += people.erase(&one).await.map_err(|error| say(&error))?;
            }
            tracing::warn!(erased, "a mailbox was erased on an operator's word");
            Ok(json!({ "erased": erased }))
        }
    }
}

fn organisations_of(gateway: &Gateway, address: &Address) -> Vec<crate::mail::Organisation> {
    let settings = gateway.settings.load();
    match settings.own_domain(address) {
        Some(own) => vec![own.organisation.name().clone()],
        None => settings.organisations().map(|hosted| hosted.name().clone()).collect(),
    }
}

async fn show(gateway: &Gateway, mailbox: &Mailbox) -> Result<Value, String> {
    let (people, settings) = (&gateway.stores.people, gateway.settings.load_full());
    let failed = |error: crate::store::StoreError| error.to_string();
    let (wanted, last) = people.wanted(mailbox).await.map_err(failed)?;
    let times = wanted.times.clone().unwrap_or_else(|| settings.config.digest.times.clone());
    let digests = match wanted.no_digests || !digest::is_on(&settings.config) {
        true => "off".to_string(),
        false => times.iter().map(TimeOfDay::to_string).collect::<Vec<_>>().join(","),
    };
    Ok(json!({
        "mailbox": mailbox.address,
        "organisation": mailbox.organisation,
        "language": digest::language_of(&settings, &mailbox.organisation, &wanted),
        "zone": digest::zone_of(&settings, &mailbox.organisation, &wanted),
        "digests": digests,
        "chosen": wanted,
        "last_digest": last,
        "owners": people.owners(mailbox).await.map_err(failed)?,
        "own_list": people.entries(mailbox).await.map_err(failed)?,
    }))
}

async fn set(gateway: &Gateway, mailbox: &Mailbox, changes: Changes) -> Result<(), String> {
    let people = &gateway.stores.people;
    let failed = |error: crate::store::StoreError| error.to_string();
    let (before, _) = people.wanted(mailbox).await.map_err(failed)?;
    let wanted = changed(before, &changes)?;
    people.set_wanted(mailbox, wanted).await.map_err(failed)?;
    for owner in &changes.add_owners {
        // A digest shows what is in others' mail: it goes to people of the house only.
        let own = digest::mailbox_of(&gateway.settings.load(), owner);
        if !own.is_ok_and(|own| own.organisation == mailbox.organisation) {
            return Err(format!("{owner} is no mailbox of {}", mailbox.organisation));
        }
        if !people.add_owner(mailbox, &owner.key(), "command").await.map_err(failed)? {
            let most = limits::MAILBOX_OWNERS_MAX;
            return Err(format!("{} has {most} owners already", mailbox.address));
        }
    }
    for owner in &changes.remove_owners {
        if !people.remove_owner(mailbox, &owner.key()).await.map_err(failed)? {
            return Err(format!("{owner} does not look after {}", mailbox.address));
        }
    }
    Ok(())
}

fn changed(before: Wanted, changes: &Changes) -> Result<Wanted, String> {
    let mut wanted = before;
    match changes.language.as_deref() {
        None => (),
        Some("default") => wanted.language = None,
        Some(code) => {
            let language = Language::parse(code);
            let known = "there are words in en, sv, fi, nb and da";
            wanted.language = Some(language.ok_or_else(|| format!("{code:?}: {known}"))?);
        }
    }
    match changes.zone.as_deref() {
        None => (),
        Some("default") => wanted.zone = None,
        Some(name) => wanted.zone = Some(Zone::parse(name).map_err(|error| error.to_string())?),
    }
    match changes.digests.as_deref() {
        None => (),
        Some("off") => wanted.no_digests = true,
        Some("default") => (wanted.no_digests, wanted.times) = (false, None),
        Some(times) => {
            let times = times.split(',').map(|time| TimeOfDay::parse(time.trim()));
            let times = times.collect::<Result<Vec<_>, _>>().map_err(|error| error.to_string())?;
            if times.len() > limits::DIGEST_TIMES_MAX {
                return Err(format!("more than {} times a day", limits::DIGEST_TIMES_MAX));
            }
            (wanted.no_digests, wanted.times) = (false, Some(times));
        }
    }
    Ok(wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_named_changes() {
        let change = |language: Option<&str>, zone: Option<&str>, digests: Option<&str>| Changes {
            language: language.map(str::to_string),
            zone: zone.map(str::to_string),
            digests: digests.map(str::to_string),
            ..Changes::default()
        };
        let chosen = changed(
            Wanted::default(),
            &change(Some("sv"), Some("Europe/Oslo"), Some("08:00, 15:30")),
        );
        let chosen = chosen.unwrap();
        assert_eq!(chosen.times.as_ref().unwrap().len(), 2);
        let off = changed(chosen.clone(), &change(None, None, Some("off"))).unwrap();
        assert_eq!(off, Wanted { no_digests: true, ..chosen.clone() });
        let back = changed(off, &change(Some("default"), Some("default"), Some("default")));
        assert_eq!(back.unwrap(), Wanted::default());
        for wrong in [
            change(Some("de"), None, None),
            change(None, Some("Mars"), None),
            change(None, None, Some("noon")),
        ] {
            assert!(changed(chosen.clone(), &wrong).is_err(), "{wrong:?}");
        }
    }
}
