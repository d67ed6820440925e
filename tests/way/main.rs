//! The way of mail to other domains: under what policy it goes, what it proves, what others are told of it, and
//! what somebody in between can do.
//!
//! One program, since each of these would link all of sluss, and a name server with signed zones, for itself.

// Real time, and failing loudly, is what these tests are for.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, clippy::disallowed_methods)]

#[path = "../common/abroad.rs"]
mod abroad;
#[path = "../common/mod.rs"]
mod common;
#[path = "../common/policy_host.rs"]
mod policy_host;
#[path = "../common/tamper.rs"]
mod tamper;
#[path = "../common/zone.rs"]
mod zone;

mod dane;
mod flapping;
mod left;
mod mta_sts;
mod own_tls;
mod partners;
mod personal;
mod proofs;
mod requiretls;
mod tampered_channel;
mod tls_reports;
