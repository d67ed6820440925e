//! The web has two doors: the public one, for the world, and the admin one, for those who look after mail. A page belongs to exactly one.
//!
//! [`routes`] is the whole of it, as data; the tests walk it. Each file of pages has its own table, so a page is added by a line there.
//! A route says which right it needs ([`rights`]); that is asked before its page is, in one place ([`visit`]), and a page cannot forget it.
//! A GET, HEAD or OPTIONS changes nothing: what changes something is a form, sent by POST from a page of ours.
//! A peer of a door is bounded in connections, bytes and time, like one of a mail port.

mod admin;
pub mod api;
mod assets;
mod door;
mod frame;
mod in_force;
mod lost;
mod one_time;
mod picture;
mod pieces;
pub mod plain;
mod public;
mod record;
mod replays;
pub mod rights;
mod shown;
mod site;
mod sure;
mod undo_offers;
mod views;
mod visit;
mod words;

pub use door::{Door, open};
pub use site::{Readiness, Site};

use axum::routing::MethodRouter;
use rights::Right;
use std::{fmt, sync::Arc};

/// One page, or one act.
#[derive(Clone, Copy)]
pub struct Route {
    /// Where it is found, and nowhere else.
    pub door: Door,
    /// "GET", with which HEAD comes, or "POST"; for programs "PUT" and "DELETE" as well.
    pub method: &'static str,
    /// The path, with `{names}` for its variable parts.
    pub path: &'static str,
    /// What is found there.
    pub what: &'static str,
    /// Who may come here.
    pub needs: Needs,
    /// What the document of the API says of it; none for what people use.
    pub spec: Option<api::Spec>,
    /// It takes files, which are larger than a form and are read by whoever it leads to.
    pub files: bool,
    handler: fn() -> MethodRouter<Place>,
}

impl fmt::Debug for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} ({:?})", self.method, self.path, self.door)
    }
}

/// Who may come to a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Needs {
    /// Anybody who reaches the door.
    Nothing,
    /// Whoever is logged in.
    LogIn,
    /// Whoever is logged in and has this right.
    Right(Right),
}

impl Route {
    const fn new(
        door: Door,
        method: &'static str,
        path: &'static str,
        what: &'static str,
        needs: Needs,
        handler: fn() -> MethodRouter<Place>,
    ) -> Route {
        Route { door, method, path, what, needs, spec: None, files: false, handler }
    }

    /// A page of the admin door.
    const fn page(
        path: &'static str,
        what: &'static str,
        needs: Needs,
        handler: fn() -> MethodRouter<Place>,
    ) -> Route {
        Route::new(Door::Admin, "GET", path, what, needs, handler)
    }

    /// Something that is done on the admin door.
    const fn act(
        path: &'static str,
        what: &'static str,
        needs: Needs,
        handler: fn() -> MethodRouter<Place>,
    ) -> Route {
        Route::new(Door::Admin, "POST", path, what, needs, handler)
    }

    /// A page of the public door.
    const fn open_page(
        path: &'static str,
        what: &'static str,
        handler: fn() -> MethodRouter<Place>,
    ) -> Route {
        Route::new(Door::Public, "GET", path, what, Needs::Nothing, handler)
    }

    /// Something that is done on the public door. Each asks for the token of its form itself: it follows from a link or a session of its own.
    const fn open_act(
        path: &'static str,
        what: &'static str,
        handler: fn() -> MethodRouter<Place>,
    ) -> Route {
        Route::new(Door::Public, "POST", path, what, Needs::Nothing, handler)
    }

    /// The same with files.
    const fn open_files(
        path: &'static str,
        what: &'static str,
        handler: fn() -> MethodRouter<Place>,
    ) -> Route {
        Route { files: true, ..Route::open_act(path, what, handler) }
    }
}

/// Every page and act there is.
pub fn routes() -> impl Iterator<Item = &'static Route> {
    const ALL: &[&[Route]] = &[
        assets::ROUTES,
        public::own_sts::ROUTES,
        public::acme::ROUTES,
        admin::needs_you::ROUTES,
        admin::held::ROUTES,
        admin::mail::ROUTES,
        admin::mail_way::ROUTES,
        admin::content::ROUTES,
        admin::views::ROUTES,
        admin::status::ROUTES,
        admin::log_in::ROUTES,
        admin::own::ROUTES,
        admin::accounts::ROUTES,
        admin::account::ROUTES,
        admin::policy::ROUTES,
        admin::policy_replay::ROUTES,
        admin::policy_rule_form::ROUTES,
        admin::policy_lists::ROUTES,
        admin::policy_own::ROUTES,
        admin::policy_partners::ROUTES,
        admin::proof::ROUTES,
        admin::transport::ROUTES,
        admin::domains::ROUTES,
        admin::domain_change::ROUTES,
        admin::policy_rules::ROUTES,
        admin::track::ROUTES,
        admin::campaigns::ROUTES,
        admin::track_mail::ROUTES,
        admin::statistics::ROUTES,
        admin::audit::ROUTES,
        admin::controls::ROUTES,
        admin::operate::ROUTES,
        admin::queue::ROUTES,
        admin::bans::ROUTES,
        admin::parcels::ROUTES,
        admin::limits::ROUTES,
        admin::senders::ROUTES,
        admin::reports::ROUTES,
        admin::trial::ROUTES,
        admin::configuration::ROUTES,
        admin::history::ROUTES,
        admin::keys::ROUTES,
        admin::correspondents::ROUTES,
        admin::learned::ROUTES,
        public::front::ROUTES,
        public::brand::ROUTES,
        public::tap::ROUTES,
        public::me::ROUTES,
        public::refused::ROUTES,
        public::portal::ROUTES,
        public::send::ROUTES,
    ];
    ALL.iter().chain(api::ROUTES).flat_map(|table| table.iter())
}

/// What a page is handed.
type Place = Arc<Site>;
