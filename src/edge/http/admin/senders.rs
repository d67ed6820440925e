//! Accounts of ours that send too much: which are held, why, how much of theirs waits, and letting them go on.

use super::{
    limits::said,
    operate::{back, can, frame, sentence},
};
use crate::{
    edge::{
        control::{Forgotten, Request},
        http::{
            Needs, Place, Route,
            frame::{Frame, Note, Section, render},
            rights::Right,
            site::Site,
            visit::{Fields, Visitor},
            words::{grouped, percent, plain},
        },
    },
    learn::sending::Why,
    pipeline::accounts,
    store::embedded::AccountSeen,
};
use askama::Template;
use axum::{
    extract::State,
    response::Response,
    routing::{get, post},
};

pub(in crate::edge::http) const ROUTES: &[Route] = &[
    Route::page("/senders", "accounts that send too much", Needs::Right(Right::Site), || get(show)),
    Route::act(
        "/senders/release",
        "let a held account go on",
        Needs::Right(Right::Operate),
        || post(release),
    ),
];

#[derive(Template)]
#[template(path = "senders.html")]
struct SendersPage {
    frame: Frame,
    pages: Vec<Section>,
    held: Vec<Held>,
    near: Vec<Near>,
    may_act: bool,
}

struct Held {
    /// As it is called, for the form.
    account: String,
    name: String,
    organisation: String,
    why: String,
    recipients: String,
    waiting: String,
    samples: Vec<String>,
}

struct Near {
    name: String,
    organisation: String,
    now: String,
    share: u64,
}

async fn show(State(site): State<Place>, visitor: Visitor) -> Response {
    let (frame, pages) = frame(&site, &visitor, "Held accounts", "/senders");
    let gateway = site.gateway();
    let new_per_hour = gateway.settings.load().config.limits.new_account_recipients_per_hour;
    let (mut held, mut near) = (Vec::new(), Vec::new());
    for seen in gateway.stores.habits.seen(new_per_hour) {
        match seen.why {
            Some(why) => held.push(held_row(&seen, why)),
            None => near.push(Near {
                name: plain(&seen.account.name),
                organisation: seen.account.organisation.to_string(),
                now: format!("{} of {}", grouped(seen.recipients), grouped(seen.held_at)),
                share: percent(seen.recipients, seen.held_at),
            }),
        }
    }
    near.truncate(crate::base::limits::LIST_ROWS_DEFAULT);
    held.truncate(crate::base::limits::LIST_ROWS_DEFAULT);
    render(&SendersPage { frame, pages, held, near, may_act: can(&visitor, Right::Operate) })
}

fn held_row(seen: &AccountSeen, why: Why) -> Held {
    Held {
        account: seen.account.name.clone(),
        name: plain(&seen.account.name),
        organisation: seen.account.organisation.to_string(),
        why: cause(why),
        recipients: grouped(seen.recipients),
        waiting: grouped(seen.waiting),
        samples: seen.samples.iter().map(ToString::to_string).collect(),
    }
}

/// Why an account is held, in a sentence.
pub(in crate::edge::http) fn cause(why: Why) -> String {
    match why {
        Why::Volume { recipients, hours, bound } => {
            let span = if hours == 1 { "an hour".to_string() } else { format!("{hours} hours") };
            format!(
                "It wrote to {} recipients within {span}; {} would have been let through.",
                grouped(recipients),
                grouped(bound)
            )
        }
        Why::Refusals { refused, of } => format!(
            "{} of its {} recipients were refused for good within a day.",
            grouped(refused),
            grouped(of)
        ),
        Why::Bad { mails } => {
            format!("{} of its mails within a day had malware in them, or lured.", grouped(mails))
        }
    }
}

async fn release(State(site): State<Place>, visitor: Visitor, fields: Fields) -> Response {
    let name = fields.get("account");
    let note = match let_go(&site, &visitor, name).await {
        Ok(mails) => Note::done(said(name, Forgotten::Account { mails })),
        Err(why) => Note::failed(sentence(&why)),
    };
    back(&site, &visitor, "/senders", note)
}

/// Lets a held account go on, in a visitor's name; gives how many of its mails waited.
pub(in crate::edge::http) async fn let_go(
    site: &Site,
    visitor: &Visitor,
    name: &str,
) -> Result<usize, String> {
    let request = Request::LimitsRelease { what: name.to_string() };
    let act = async {
        let released = accounts::release(site.gateway(), name).await;
        released.ok_or_else(|| "no account of this name is held".to_string())
    };
    let mails = site.asked(visitor, &request, act).await?;
    tracing::warn!(by = visitor.account.name, "a held account was released by page");
    Ok(mails)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_cause_is_a_sentence_with_its_numbers() {
        for (why, want) in [
            (
                Why::Volume { recipients: 2_000, hours: 1, bound: 200 },
                "It wrote to 2\u{202f}000 recipients within an hour; 200 would have been let through.",
            ),
            (
                Why::Refusals { refused: 30, of: 60 },
                "30 of its 60 recipients were refused for good within a day.",
            ),
            (Why::Bad { mails: 3 }, "3 of its mails within a day had malware in them, or lured."),
        ] {
            assert_eq!(cause(why), want);
        }
    }
}
