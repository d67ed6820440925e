//! Who hears of it that a mail with personal data was held, or came in clear: whoever sent it or got it, and whoever answers for such data.

use crate::{
    base::{clock::UnixMs, ids::Id, limits},
    config::{
        care::{Care, Tell},
        organisation::Role,
        policy::{Action, Mode, Policy},
    },
    examine::Contents,
    mail::{Address, Direction, Organisation, Recipient},
    personal::{self, Date, Scope},
    pipeline::{
        Gateway,
        judge::{Came, Judged, Via},
        notice::{self, Posted},
        settings::Settings,
    },
    store::held::Held,
    verdict::{Verdict, care},
    wire::{
        date,
        report::{
            letter::Kind,
            personal::{Became, Found, Told},
        },
    },
};
use serde_json::Value;
use std::sync::Arc;

/// A mail that a letter is about.
#[derive(Debug, Clone, Copy)]
pub(super) struct About<'a> {
    pub(super) id: Id,
    pub(super) organisation: &'a Organisation,
    /// Absent: it has the null sender.
    pub(super) sender: Option<&'a Address>,
    pub(super) to: &'a [&'a Address],
    pub(super) became: Became,
    pub(super) found: &'a [Found],
    /// In the quarantine, and when it goes from there.
    pub(super) held: Option<(Id, UnixMs)>,
}

/// Tells its sender, and whoever answers for personal data where it is held. That somebody could not be told changes nothing: the mail is held, and
/// stands among what needs somebody.
pub(super) async fn tell(gateway: &Gateway, settings: &Settings, about: About<'_>) {
    let to = place(about.to);
    let whose = (about.id, about.organisation);
    let contact = responsible(settings, about.organisation);
    let told = |held: Option<Id>| Told {
        sender: about.sender.map(ToString::to_string).unwrap_or_default(),
        to: to.clone(),
        became: about.became,
        found: about.found.to_vec(),
        held,
        until: about.held.map(|(_, until)| day(until)),
        ask: match held {
            None => contact.map(ToString::to_string),
            Some(_) => None,
        },
        own_yes: match (held, about.became) {
            (None, Became::Approval) => own_yes_page(settings, about.organisation),
            (Some(_) | None, _) => None,
        },
        reason: None,
    };
    let tells = settings.outbound_policy(about.organisation).personal_data.tell != Tell::Nobody;
    // What one of ours passes on has a stranger for its sender; strangers are told nothing.
    if let Some(sender) =
        about.sender.filter(|sender| tells && is_ours(settings, about.organisation, sender))
    {
        write(gateway, settings, whose, sender, told(None)).await;
    }
    let Some((held, _)) = about.held else { return };
    tracing::warn!(id = %about.id, organisation = %about.organisation, to, why = ?about.became, "a mail that may not leave as it is, is held");
    match contact {
        Some(contact) => write(gateway, settings, whose, contact, told(Some(held))).await,
        None => {
            tracing::warn!(organisation = %about.organisation, "nobody is told of it: the organisation has no contact for privacy, security or postmaster");
        }
    }
}

/// Is it an address of this organisation, whose mail stays behind us? What one writes in another's name, or as a domain whose mailboxes are elsewhere, is none:
/// a letter to it, or in its name, would tell somebody else.
pub(super) fn is_ours(settings: &Settings, organisation: &Organisation, address: &Address) -> bool {
    settings.own_domain(address).is_some_and(|own| own.organisation.name() == organisation)
}

/// Who answers for personal data.
pub(super) fn responsible<'a>(
    settings: &'a Settings,
    organisation: &Organisation,
) -> Option<&'a Address> {
    let hosted = settings.organisation(organisation)?;
    let contacts = &hosted.entry.contacts;
    let asked = hosted.outbound_policy.personal_data.approver;
    let roles = [asked, Role::Privacy, Role::Security, Role::Postmaster];
    roles.iter().find_map(|role| contacts.get(role))
}

/// Tells whoever answers for personal data that a sender said there was none.
pub(super) async fn tell_of_override(
    gateway: &Gateway,
    settings: &Settings,
    held: &Held,
    found: &[Found],
    reason: &str,
) {
    let organisation = &held.organisation;
    let Some(contact) = responsible(settings, organisation) else {
        tracing::warn!(%organisation, "nobody is told that a sender said there were no personal data: the organisation has no contact for privacy, security or postmaster");
        return;
    };
    let told = Told {
        sender: held.sender.to_string(),
        to: held.recipient.to_string(),
        became: Became::Overridden,
        found: found.to_vec(),
        held: Some(held.id),
        until: None,
        ask: None,
        own_yes: None,
        reason: Some(reason.to_string()),
    };
    write(gateway, settings, (held.transaction, organisation), contact, told).await;
}

/// Where a sender says yes himself to what waits for approval, if he may.
fn own_yes_page(settings: &Settings, organisation: &Organisation) -> Option<String> {
    let url = settings.config.web.public_url.as_ref()?;
    let may = settings.outbound_policy(organisation).personal_data.own_yes;
    may.then(|| format!("{}/me/safe", url.as_str()))
}

async fn write(
    gateway: &Gateway,
    settings: &Settings,
    (id, organisation): (Id, &Organisation),
    to: &Address,
    told: Told,
) {
    let language = notice::language_of(settings, organisation);
    let kind = Kind::Personal(Box::new(told));
    match notice::letter(gateway, organisation, to, language, &kind).await {
        Posted::Spooled(_) | Posted::NobodyToTell => (),
        Posted::TooMany | Posted::NotSpooled => {
            tracing::warn!(%id, %to, "a letter about a mail with personal data could not be sent");
        }
    }
}

/// What is told of what was found: kinds, counts, masks and the names of files, in which nothing identifies anybody.
pub(super) fn found(settings: &Settings, contents: &Contents, at: UnixMs) -> Vec<Found> {
    let scope = Scope::new(&settings.words, Date::of(at));
    let surely = contents.personal.iter().filter(|one| one.confidence != "low");
    let file = |part: &str| {
        let holds = |one: &&crate::examine::Part| one.id == part;
        let name = contents.parts.iter().find(holds).map(|part| match part.path.is_empty() {
            true => part.name.clone().unwrap_or_default(),
            false => part.path.clone(),
        });
        personal::mask_all(&name.unwrap_or_default(), &scope)
    };
    let told = surely.map(|one| Found {
        kind: one.kind.clone(),
        count: one.count,
        file: file(&one.part),
        mask: one.masked.first().cloned().unwrap_or_default(),
    });
    told.take(limits::PERSONAL_LINES_TOLD_MAX).collect()
}

/// Why the policy on personal data keeps a mail, whatever else speaks against it. What is refused where that cannot be said on the line any more is held
/// as well.
pub(super) fn became(row: &Held) -> Option<Became> {
    let all = row.findings.as_array().map(Vec::as_slice).unwrap_or_default();
    let keeps = |id: &str| {
        row.why == id
            || all.iter().any(|one| {
                one.get("id").and_then(Value::as_str) == Some(id)
                    && one.get("demands").is_some_and(|demands| !demands.is_null())
            })
    };
    let unprotected = || keeps(care::UNPROTECTED) || keeps(care::REFUSED);
    keeps(care::APPROVAL)
        .then_some(Became::Approval)
        .or_else(|| unprotected().then_some(Became::Unprotected))
}

/// Rows that are held for what the policy says of personal data: each reason in one letter, whomever the mail goes to.
pub(super) async fn tell_of_held(
    gateway: &Gateway,
    settings: &Settings,
    came: &Came,
    found: &[Found],
    rows: &[Held],
) {
    for reason in [Became::Approval, Became::Unprotected] {
        let rows: Vec<&Held> = rows.iter().filter(|row| became(row) == Some(reason)).collect();
        let Some(first) = rows.first() else { continue };
        let to: Vec<&Address> = rows.iter().map(|row| &row.recipient).collect();
        let about = About {
            id: first.transaction,
            organisation: &came.organisation,
            sender: came.envelope.sender.address(),
            to: &to,
            became: reason,
            found,
            held: Some((first.id, first.expires)),
        };
        tell(gateway, settings, about).await;
    }
}

/// A mail from the world that was taken, and what was decided for one recipient.
pub(super) struct Taken<'a> {
    pub(super) recipient: &'a Recipient,
    pub(super) verdict: &'a Verdict,
    pub(super) policy: &'a Arc<Policy>,
}

/// Tells those of ours who got personal data in clear, where their policy asks more of what they send themselves: they answer such mail, and their
/// correspondent hears nothing from us.
pub(super) async fn tell_of_clear(
    gateway: &Gateway,
    settings: &Settings,
    (id, came): (Id, &Came),
    judged: &Judged,
    taken: Vec<Taken<'_>>,
) {
    let in_clear =
        came.direction == Direction::Inbound && came.via == Via::Direct && came.peer.tls.is_none();
    let Some(class) = care::class_of(&judged.findings).filter(|_| in_clear) else { return };
    let found = found(settings, &judged.contents, came.at);
    for Taken { recipient, verdict, policy } in taken {
        let goes_on = matches!(verdict.action, Action::Deliver | Action::Mark);
        let said = &policy.personal_data;
        if !goes_on
            || policy.mode() != Mode::Protect
            || said.simulate
            || said.tell == Tell::Nobody
            || said.of(class) == Care::Anyhow
        {
            continue;
        }
        let told = Told {
            sender: came.envelope.sender.to_string(),
            to: recipient.address.to_string(),
            became: Became::CameInClear,
            found: found.clone(),
            held: None,
            until: None,
            ask: responsible(settings, &recipient.organisation).map(ToString::to_string),
            own_yes: None,
            reason: None,
        };
        write(gateway, settings, (id, &recipient.organisation), &recipient.address, told).await;
    }
}

fn day(at: UnixMs) -> String {
    date::write_iso(at).chars().take(10).collect()
}

/// The domain they are in, or the first of several.
fn place(to: &[&Address]) -> String {
    let mut domains: Vec<String> =
        to.iter().filter_map(|one| one.domain()).map(ToString::to_string).collect();
    domains.dedup();
    match domains.as_slice() {
        [only] => only.clone(),
        [first, ..] => format!("{first} …"),
        [] => to.first().map(ToString::to_string).unwrap_or_default(),
    }
}
