//! The accounts in a mail: asked about before it is judged, and learned from once it was delivered.
//!
//! Only mail from the world that somebody speaks for teaches, and only what went on: what is held teaches when it is released.

use crate::{
    base::{ids::Id, limits},
    checks,
    examine::Contents,
    facts::{
        Facts, Known,
        accounts::{self, Account, Accounts, Before},
    },
    mail::{Direction, Header, Organisation},
    personal::accounts::ends,
    pipeline::{
        Gateway,
        judge::{Came, Judged},
    },
    store::{
        bank_accounts::{Lesson, Sight},
        embedded::BankAccounts,
    },
};
use std::collections::BTreeSet;

/// The one who writes: the registered domain in From, or the whole address where the domain is everybody's. None where From is not one address.
pub fn correspondent(header: &Header) -> Option<String> {
    if header.count("From") != 1 {
        return None;
    }
    let mailboxes = header.mailboxes("From");
    let [mailbox] = &mailboxes[..] else { return None };
    let domain = mailbox.domain()?;
    Some(match checks::is_everybodys(domain.registered()) {
        true => mailbox.address.to_lowercase(),
        false => domain.registered().to_string(),
    })
}

/// Asks which of the accounts the sender has written before. Not asked where there is none, or nobody looked who sent the mail.
pub(super) async fn ask(
    memory: &BankAccounts,
    came: &Came,
    header: &Header,
    contents: &Contents,
    facts: &Facts,
) -> Known<Accounts> {
    if came.direction == Direction::Outbound || contents.accounts.is_empty() || !memory.is_on() {
        return Known::NotAsked;
    }
    let Some(correspondent) = correspondent(header) else {
        return Known::No("From does not name one address".to_string());
    };
    let owners: BTreeSet<&Organisation> =
        came.envelope.recipients.iter().map(|one| &one.organisation).collect();
    let mut owners = owners.into_iter();
    let (Some(owner), None) = (owners.next(), owners.next()) else {
        // What one of them remembers is nothing that the others may read in their trace.
        return Known::No("it is for several organisations at once".to_string());
    };
    let values = contents.accounts.iter().map(|one| one.value.clone()).collect();
    let looking = memory.look(owner, &correspondent, values);
    let known = match tokio::time::timeout(limits::BANK_ACCOUNT_LOOK_TIME_MAX, looking).await {
        Ok(Ok(known)) => known,
        Ok(Err(error)) => {
            tracing::error!(%error, "the memory of bank accounts cannot be read");
            return Known::No("the memory of bank accounts cannot be read".to_string());
        }
        Err(_) => return Known::No("the memory of bank accounts was too slow".to_string()),
    };
    let here = contents.accounts.iter().zip(known.sights).map(|(one, sight)| Account {
        kind: one.kind.word().to_string(),
        ends: ends(one.value.expose()),
        part: one.part.clone(),
        before: match sight {
            Sight::Never => Before::Never,
            Sight::Seen { approved: true, .. } => Before::Approved,
            Sight::Seen { days, invoices_then, approved: false } => {
                Before::Seen { days, invoices_then }
            }
        },
    });
    Known::Yes(Accounts {
        authenticated: accounts::authenticated(header, facts),
        invoices: known.invoices,
        later: known.later,
        here: here.collect(),
    })
}

/// Learns from a mail that went on to recipients of these organisations.
pub(super) fn learn<'o>(
    gateway: &Gateway,
    came: &Came,
    judged: &Judged,
    organisations: impl Iterator<Item = &'o Organisation>,
) {
    let each: BTreeSet<&Organisation> = organisations.collect();
    for organisation in each {
        if let Some(lesson) = lesson(came, judged, organisation) {
            gateway.stores.bank_accounts.learn(lesson);
        }
    }
}

/// Keeps what a mail that is held for these would teach.
pub(super) async fn hold(
    gateway: &Gateway,
    came: &Came,
    judged: &Judged,
    held: impl Iterator<Item = (Id, Organisation)>,
) {
    for (id, organisation) in held {
        let Some(lesson) = lesson(came, judged, &organisation) else { continue };
        if let Err(error) = gateway.stores.bank_accounts.hold(id, lesson).await {
            tracing::warn!(%id, %error, "the accounts in a held mail will not be remembered when it is released");
        }
    }
}

fn lesson(came: &Came, judged: &Judged, organisation: &Organisation) -> Option<Lesson> {
    let accounts = &judged.contents.accounts;
    let teaches = came.direction == Direction::Inbound
        && !accounts.is_empty()
        && accounts::authenticated(&judged.header, &judged.facts) == Known::Yes(true);
    Some(Lesson {
        organisation: organisation.clone(),
        correspondent: correspondent(&judged.header).filter(|_| teaches)?,
        accounts: accounts.iter().map(|one| (one.kind, one.value.clone())).collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_firm_is_its_domain_and_a_free_mailbox_its_address() {
        for (from, want) in [
            ("From: A <bill@mail.firm.example>", Some("firm.example")),
            ("From: Anna.Berg@GMAIL.com", Some("anna.berg@gmail.com")),
            ("From: a@one.example, b@two.example", None),
            ("From: a@one.example\nFrom: b@two.example", None),
            ("From: nobody", None),
            ("Subject: x", None),
        ] {
            let header = Header::read(format!("{from}\n\n").as_bytes()).unwrap();
            assert_eq!(correspondent(&header).as_deref(), want, "{from}");
        }
    }
}
