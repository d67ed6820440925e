//! The web has two doors: the public one, for the world, and the admin one, for loopback. A page belongs to exactly one.
//!
//! [`ROUTES`] is the whole of it, as data; the tests walk it. A GET, HEAD or OPTIONS changes nothing, and cannot: what answers
//! it is handed a [`Look`] or the names of a [`Front`], neither of which has anything to change.
//! A peer of a door is bounded in connections, bytes and time, like one of a mail port.

mod admin;
mod door;
mod public;

pub use door::{Door, open};

use crate::{base::clock::UnixMs, edge::overview::Overview};
use axum::routing::MethodRouter;
use std::{future::Future, pin::Pin, sync::Arc};

/// One page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Route {
    /// Where it is found, and nowhere else.
    pub door: Door,
    /// "GET"; HEAD comes with it.
    pub method: &'static str,
    /// The path.
    pub path: &'static str,
    /// What is found there.
    pub what: &'static str,
    page: Page,
}

/// Every page there is.
pub const ROUTES: &[Route] = &[
    admin("/", "how the gateway is doing", Page::Status),
    admin("/status.css", "how that page looks", Page::StatusStyle),
    admin("/metrics", "figures for Prometheus", Page::Metrics),
    admin("/healthz", "the process is alive", Page::Healthz),
    admin("/readyz", "mail is being taken", Page::Readyz),
    public("/", "what this is, and whom to ask", Page::Front),
    public("/front.css", "how that page looks", Page::FrontStyle),
    public("/robots.txt", "nothing here is for search engines", Page::Robots),
];

const fn admin(path: &'static str, what: &'static str, page: Page) -> Route {
    Route { door: Door::Admin, method: "GET", path, what, page }
}

const fn public(path: &'static str, what: &'static str, page: Page) -> Route {
    Route { door: Door::Public, method: "GET", path, what, page }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Page {
    Status,
    StatusStyle,
    Metrics,
    Healthz,
    Readyz,
    Front,
    FrontStyle,
    Robots,
}

impl Page {
    fn handler(self) -> MethodRouter<Eyes> {
        use axum::routing::get;
        match self {
            Page::Status => get(admin::status),
            Page::StatusStyle => get(admin::style),
            Page::Metrics => get(admin::metrics),
            Page::Healthz => get(admin::healthz),
            Page::Readyz => get(admin::readyz),
            Page::Front => get(public::front),
            Page::FrontStyle => get(public::style),
            Page::Robots => get(public::robots),
        }
    }
}

/// What pages may see of the gateway: everything here looks, nothing changes.
pub trait Look: Send + Sync {
    /// The gateway at a glance.
    fn overview(&self) -> Pin<Box<dyn Future<Output = Arc<Overview>> + Send + '_>>;
    /// Figures for Prometheus.
    fn metrics(&self) -> String;
    /// Is mail being taken?
    fn readiness(&self) -> Readiness;
    /// The name we greet with.
    fn hostname(&self) -> String;
    /// Now.
    fn now(&self) -> UnixMs;
}

/// Is mail being taken?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Readiness {
    /// Yes.
    Ready,
    /// No signature could be loaded, and configuration says that one is needed.
    NoRules,
    /// The gateway was told to end and finishes what is open.
    Ending,
}

/// What a page is handed.
type Eyes = Arc<dyn Look>;
