//! How mail leaves, as the pipeline asks for it. The sockets are `edge::smtp_out`'s; tests bring a courier of their own.

use crate::{
    base::clock::Tick,
    config::{NextHop, NextHopTls},
    mail::{Address, Domain, Envelope, Organisation, Peer},
    pipeline::edit::Outgoing,
    wire::tls::{Asks, Channel, Refusal},
};
use serde::{Deserialize, Serialize};
use std::{fmt, future::Future, pin::Pin};

/// Something that waits, behind a trait object.
pub type Waiting<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Where a mail goes: next hops in the order they are tried, and how.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Route {
    /// Tried in order.
    pub hops: Vec<NextHop>,
    /// TLS to them.
    pub tls: Tls,
    /// The domain whose MX is asked where a hop is `mx`.
    pub domain: Option<Domain>,
    /// Whose servers these are.
    #[serde(default)]
    pub towards: Towards,
}

/// Whose servers a route leads to, and hence what they are told of us and of the client beside the mail.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Default, Hash, PartialOrd, Ord, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Towards {
    /// A server behind us.
    #[default]
    Own,
    /// A server behind us that is told who brought the mail.
    OwnToldOfClient,
    /// Servers of others.
    World,
    /// A server that carries our mail to others, and may want us to log in.
    Smarthost,
    /// Nobody's server: the portal, where its recipient picks it up.
    Portal,
}

impl Route {
    /// Does a server of it answer for each recipient after the dot?
    pub fn speaks_lmtp(&self) -> bool {
        self.hops.iter().any(NextHop::is_lmtp)
    }

    /// Do we read its mail ourselves?
    pub fn is_internal(&self) -> bool {
        self.hops.contains(&NextHop::Internal)
    }

    /// Into the portal.
    pub fn to_portal() -> Route {
        Route {
            hops: vec![NextHop::Internal],
            tls: Tls::Off,
            domain: None,
            towards: Towards::Portal,
        }
    }
}

/// [`NextHopTls`] with an order, so that routes can be keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Tls {
    /// Never.
    Off,
    /// When offered.
    Opportunistic,
    /// Or not at all.
    Required,
}

impl From<NextHopTls> for Tls {
    fn from(tls: NextHopTls) -> Tls {
        match tls {
            NextHopTls::Off => Tls::Off,
            NextHopTls::Opportunistic => Tls::Opportunistic,
            NextHopTls::Required => Tls::Required,
        }
    }
}

impl fmt::Display for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.towards == Towards::Portal {
            return f.write_str("portal");
        }
        for (at, hop) in self.hops.iter().enumerate() {
            match (hop, &self.domain) {
                (NextHop::Mx, Some(domain)) => write!(f, "mx:{domain}")?,
                (hop, _) => write!(f, "{}{hop}", if at == 0 { "" } else { "," })?,
            }
        }
        Ok(())
    }
}

/// What a next hop says of a recipient.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Probe {
    /// It would take mail for it.
    Yes,
    /// It would not.
    No,
    /// Not now.
    Later,
    /// It could not be asked.
    Away(String),
}

/// What a next hop can do, learned from its EHLO.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Features {
    /// It takes internationalised mail.
    pub smtputf8: bool,
    /// The largest mail it takes.
    pub size_max: Option<u64>,
    /// It keeps REQUIRETLS up.
    pub requiretls: bool,
}

/// One mail for one route.
#[derive(Debug, Clone, Copy)]
pub struct Job<'a> {
    /// Where to.
    pub route: &'a Route,
    /// Whose mail it is.
    pub whose: &'a Organisation,
    /// What it asks of its channel.
    pub asks: Asks,
    /// The sender, and those of the recipients that are on this route.
    pub envelope: &'a Envelope,
    /// The bytes.
    pub message: &'a Outgoing,
    /// Who brought it, for servers that are told; absent for mail that nobody brought, such as our own notices.
    pub peer: Option<&'a Peer>,
    /// When the sender's patience ends; absent when nobody waits.
    pub deadline: Option<Tick>,
    /// What to do when the server refuses some recipients.
    pub on_differing: OnDiffering,
}

/// Recipients whose replies differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnDiffering {
    /// Send to those that were taken.
    SendAnyway,
    /// RSET and say so: in cut-through one reply must serve all.
    Stop,
}

/// What came of a job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// How it went.
    pub attempt: Attempt,
    /// The server that was spoken to, as "name [address]:port"; empty when none was reached.
    pub server: String,
    /// The channel it went over; none where none was opened.
    pub channel: Option<Channel>,
    /// The server gives notices (RFC 3461) itself, and was told what the sender wants.
    pub dsn_handed_on: bool,
}

/// How an attempt ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Attempt {
    /// Each recipient has its answer, in the order of the envelope.
    Finished(Vec<Outcome>),
    /// The recipients' replies differ and nothing was sent.
    Differ(Vec<Outcome>),
    /// Nothing was sent: no server was reached, or it would take no mail at all. The next mail would fare no better.
    Away(String),
    /// Nothing was sent: no server showed what the policy for this domain asks of its channel. Other mail of the route may ask for less.
    Unproven(Refusal),
    /// Nothing was sent: a server was reached and would not take this mail now, or hung up over it. Another mail may fare better.
    NotNow(String),
    /// All was sent and no answer came: it may have been delivered (RFC 1047).
    Silent(String),
}

/// What a next hop said of one recipient in the end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It has the mail.
    Accepted(Said),
    /// Not now.
    Later(Said),
    /// Never.
    Refused(Said),
}

impl Outcome {
    /// The words that decided.
    pub fn said(&self) -> &Said {
        match self {
            Outcome::Accepted(said) | Outcome::Later(said) | Outcome::Refused(said) => said,
        }
    }
}

/// A server's reply, for logs, notices and our own reply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Said {
    /// The basic code.
    pub code: u16,
    /// The enhanced code, if it gave one.
    pub enhanced: Option<String>,
    /// All of it on one line.
    pub line: String,
}

/// Carries mail to next hops.
pub trait Courier: Send + Sync {
    /// Would the route's server take mail for this address?
    fn probe<'a>(&'a self, route: &'a Route, address: &'a Address) -> Waiting<'a, Probe>;
    /// Carries one mail.
    fn deliver<'a>(&'a self, job: Job<'a>) -> Waiting<'a, Delivery>;
    /// Greets the route's server, only to learn what it can; the reason if it could not be reached.
    fn greet<'a>(&'a self, route: &'a Route) -> Waiting<'a, Result<Features, String>>;
    /// What keeps mail from being carried as it should, in sentences.
    fn troubles(&self) -> Vec<String> {
        Vec::new()
    }
    /// What is known of the route's server; none before it was first spoken to.
    fn features(&self, route: &Route) -> Option<Features>;
    /// Hands a text to another's web server; the reason if it was not taken.
    fn post<'a>(&'a self, posting: Posting<'a>) -> Waiting<'a, Result<(), String>> {
        let why = format!("{}: this courier knows no web servers", posting.host);
        Box::pin(std::future::ready(Err(why)))
    }
}

/// What is handed to another's web server, over HTTPS.
#[derive(Debug, Clone, Copy)]
pub struct Posting<'a> {
    /// To whom.
    pub host: &'a Domain,
    /// Beginning with "/".
    pub path: &'a str,
    /// What kind of text it is.
    pub kind: &'static str,
    /// The text.
    pub body: &'a [u8],
}
