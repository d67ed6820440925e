//! What is operated by page as by command: one list of these pages, for the section's first page and for the line of links on each.

use crate::{
    base::clock::UnixMs,
    edge::http::{
        Needs, Place, Route,
        frame::{Frame, Section, render, say},
        rights::{Right, may},
        site::Site,
        visit::Visitor,
        words::grouped,
    },
    mail::Organisation,
    store::scope::Scope,
};
use askama::Template;
use axum::{
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Redirect, Response},
    routing::get,
};

pub(in crate::edge::http) const ROUTES: &[Route] =
    &[Route::page(PATH, "what can be operated", Needs::Right(Right::Look), || get(index))];

/// The section in the menu.
const PATH: &str = "/operate";

/// One page of the section.
struct Page {
    path: &'static str,
    name: &'static str,
    about: &'static str,
    needs: Right,
    figure: Figure,
}

/// What the first page says of another one's state.
#[derive(Clone, Copy)]
enum Figure {
    None,
    Waiting,
    AccountsHeld,
    Bans,
}

/// All of them, in the order in which they are looked for when something is wrong.
const PAGES: &[Page] = &[
    Page {
        path: "/queue",
        name: "Queue",
        about: "what waits, for which next hop, and what that said",
        needs: Right::Site,
        figure: Figure::Waiting,
    },
    Page {
        path: "/senders",
        name: "Held accounts",
        about: "accounts of ours that send too much, why, and samples",
        needs: Right::Site,
        figure: Figure::AccountsHeld,
    },
    Page {
        path: "/limits",
        name: "Limits",
        about: "who is near a bound, and who was refused for one",
        needs: Right::Site,
        figure: Figure::None,
    },
    Page {
        path: "/bans",
        name: "Bans",
        about: "who is turned away, until when and why",
        needs: Right::Site,
        figure: Figure::Bans,
    },
    Page {
        path: "/greylist",
        name: "Greylist",
        about: "whose mail is asked to come again",
        needs: Right::Site,
        figure: Figure::None,
    },
    Page {
        path: "/events",
        name: "Events",
        about: "what strangers did that they should not",
        needs: Right::Site,
        figure: Figure::None,
    },
    Page {
        path: "/reports",
        name: "Reports",
        about: "who sends in your domains' names, who complains, what was not delivered",
        needs: Right::Look,
        figure: Figure::None,
    },
    Page {
        path: "/parcels",
        name: "Portal",
        about: "what waits in the portal, for whom, and what was stopped there",
        needs: Right::Look,
        figure: Figure::None,
    },
    Page {
        path: "/transport",
        name: "Transport",
        about: "how mail went and came: in clear, encrypted, proven; and what would wait if a partner were bound to more",
        needs: Right::Look,
        figure: Figure::None,
    },
    Page {
        path: "/trial",
        name: "Trial",
        about: "what policies on trial would have done",
        needs: Right::Look,
        figure: Figure::None,
    },
    Page {
        path: "/correspondents",
        name: "Correspondents",
        about: "what is remembered of who writes to you, and of their bank accounts",
        needs: Right::Look,
        figure: Figure::None,
    },
    Page {
        path: "/controls",
        name: "Controls",
        about: "what must hold, who answers for it, and what is broken",
        needs: Right::Settings,
        figure: Figure::None,
    },
    Page {
        path: "/learned",
        name: "Learned",
        about: "what the classifier was taught, by whom, and how far it is trusted",
        needs: Right::Site,
        figure: Figure::None,
    },
    Page {
        path: "/configuration",
        name: "Configuration",
        about: "what holds, where each value is from, what was changed by whom",
        needs: Right::Settings,
        figure: Figure::None,
    },
    Page {
        path: "/keys",
        name: "Keys",
        about: "keys that sign mail, their DNS records, and keys of what rests",
        needs: Right::Settings,
        figure: Figure::None,
    },
];

#[derive(Template)]
#[template(path = "operate_index.html")]
struct IndexPage {
    frame: Frame,
    cards: Vec<Card>,
}

struct Card {
    path: &'static str,
    name: &'static str,
    about: &'static str,
    figure: String,
}

async fn index(State(site): State<Place>, visitor: Visitor) -> Response {
    let pages = PAGES.iter().filter(|page| may(&visitor.account, page.needs));
    let cards = pages.map(|page| Card {
        path: page.path,
        name: page.name,
        about: page.about,
        figure: figure(&site, page.figure),
    });
    let cards = cards.collect();
    render(&IndexPage { frame: Frame::new(&site, &visitor, "Operate", PATH), cards })
}

/// Only of pages that their visitor may enter, and only what costs nothing to know.
fn figure(site: &Site, figure: Figure) -> String {
    let gateway = site.gateway();
    let (count, what) = match figure {
        Figure::None => return String::new(),
        Figure::Waiting => (gateway.queue.len(), "waiting"),
        Figure::AccountsHeld => (gateway.stores.habits.held_count(), "held"),
        Figure::Bans => (gateway.guard.figures(gateway.clock.now()).bans, "hold"),
    };
    format!("{} {what}", grouped(u64::try_from(count).unwrap_or(u64::MAX)))
}

/// The frame of one of these pages, and the line of links to the others.
pub(super) fn frame(
    site: &Site,
    visitor: &Visitor,
    title: &str,
    place: &str,
) -> (Frame, Vec<Section>) {
    let pages = PAGES.iter().filter(|page| may(&visitor.account, page.needs));
    let section =
        |page: &Page| Section { path: page.path, name: page.name, here: page.path == place };
    (Frame::new(site, visitor, title, PATH), pages.map(section).collect())
}

/// What is not there, and what is somebody else's, are answered alike.
pub(super) fn not_found(site: &Site, visitor: &Visitor, what: &str) -> Response {
    let frame = Frame::new(site, visitor, "Not found", PATH);
    say(StatusCode::NOT_FOUND, frame, &format!("There is no such {what}."))
}

/// Back to a page that says what was done.
pub(super) fn back(
    site: &Site,
    visitor: &Visitor,
    to: &str,
    note: crate::edge::http::frame::Note,
) -> Response {
    site.note(visitor, note);
    Redirect::to(to).into_response()
}

/// A sentence of a command, as a page says it: with a capital and a full stop. A key or a file that it begins with stays as it is written,
/// for with a capital it would be another.
pub(super) fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    let Some(first) = letters.next() else { return String::new() };
    let word = text.split([' ', ':']).next().unwrap_or_default();
    let is_name = word.trim_end_matches('.').contains('.');
    let whole: String = match is_name {
        true => text.to_string(),
        false => first.to_uppercase().chain(letters).collect(),
    };
    match whole.ends_with(['.', '!', '?']) {
        true => whole,
        false => whole + ".",
    }
}

/// May this visitor do that?
pub(super) fn can(visitor: &Visitor, right: Right) -> bool {
    may(&visitor.account, right)
}

/// Whose memories and counts a visitor may see, where these are an organisation's as a whole: all, one's own, or none, for whoever
/// sees only some domains of it.
pub(super) enum Whole {
    Everything,
    Of(Organisation),
    Nothing,
}

impl Whole {
    pub(super) fn of(scope: &Scope) -> Whole {
        match scope {
            Scope::Everything => Whole::Everything,
            Scope::Organisation(own) => Whole::Of(own.clone()),
            Scope::Domains(..) | Scope::Mailbox(..) => Whole::Nothing,
        }
    }
}

/// Days of a list that were asked for: one of those that the page offers.
pub(super) fn days(asked: &str, offered: &[u64], otherwise: u64) -> u64 {
    let days = asked.parse().unwrap_or(otherwise);
    if offered.contains(&days) { days } else { otherwise }
}

/// So many days ago.
pub(in crate::edge::http) fn days_ago(now: UnixMs, days: u64) -> UnixMs {
    now.minus(std::time::Duration::from_secs(days.saturating_mul(86_400)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sentences_of_commands_become_sentences_of_pages() {
        for (text, want) in [
            ("no ban holds", "No ban holds."),
            ("Done.", "Done."),
            ("örlog?", "Örlog?"),
            ("", ""),
            ("limits.users: no number", "limits.users: no number."),
            ("done. It is", "Done. It is."),
        ] {
            assert_eq!(sentence(text), want);
        }
    }

    #[test]
    fn a_list_goes_back_as_far_as_it_offers_to() {
        assert_eq!(days("30", &[7, 30], 7), 30);
        assert_eq!(days("31", &[7, 30], 7), 7);
        assert_eq!(days("x", &[7, 30], 7), 7);
    }

    #[test]
    fn pages_are_named_once() {
        let mut paths: Vec<&str> = PAGES.iter().map(|page| page.path).collect();
        paths.sort_unstable();
        let before = paths.len();
        paths.dedup();
        assert_eq!(paths.len(), before);
    }
}
