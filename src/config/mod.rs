//! Files to typed values: parse, don't validate. A value that exists here makes sense.

mod acme;
mod authentication;
pub mod campaign;
pub mod care;
mod admission;
pub mod audit;
pub mod branding;
mod check;
pub mod clamd;
pub mod control;
mod destination;
pub mod own_sts;
pub mod partner;
pub mod digest;
pub mod dns_list;
mod domain_table;
mod domains_file;
pub mod effect;
mod error;
mod file;
pub mod hash_list;
pub mod layers;
pub mod learning;
pub mod lists;
mod next_hop;
pub mod organisation;
pub mod policy;
pub mod portal;
pub mod policy_rule;
pub mod public_url;
pub mod reports;
pub mod rules;
pub mod vip;

pub use acme::{Acme, AcmeDirectory, ExternalAccount};
pub use admission::AdmissionConfig;
pub use authentication::{Authentication, DomainRule, SpfFail};
pub use destination::{AddressFamily, Authorities, DestinationEntry, DestinationName};
pub use domain_table::{DomainTable, TableDomain, TablePlace};
pub use error::{ConfigError, nearest, position};
pub use file::{
    Config, CourseEntry, Dane, Dns, DomainEntry, Examiners, Isolation, Limits, Listener,
    ListenerTls, MtaSts, NextHopTls, NextHops, Outbound, Policies, PolicyEntry, PortOr, Recipients,
    Size, Span, Tls, Web, WhenAway, WhenUnauthenticated,
};
pub use next_hop::{Host, NextHop, NotANextHop};
pub use organisation::OrganisationEntry;
pub use partner::{PartnerEntry, PartnerInbound, PartnerTls, Partners, Pin, TlsVersion};
