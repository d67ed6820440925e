//! sluss between real servers and real clients: Postfix on either side, its `smtp-source`, swaks, rsyslog for its audit log, and Pebble for its
//! certificate.
//!
//! Run by `tests/run`, or `cargo test --features peers --test peers` where Postfix, swaks, rsyslog, Pebble, openssl and Python are installed;
//! what is missing fails, nothing is skipped. Every server listens on loopback only, keeps its files in a folder of its own,
//! and ends with its test: by its guard, or by its own time limit should the test be killed.

#![allow(unreachable_pub, reason = "a test program has no outside")]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "its helpers are tests too; clippy only knows the functions marked as such"
)]

mod acme;
#[path = "../common/certs.rs"]
mod certs;
mod clamd;
mod client;
mod gateway;
mod place;
#[path = "../common/ports.rs"]
mod ports;
mod postfix;
mod rsyslog;
mod sample;

mod behind;
mod bytes;
mod outbound;
mod sending;
mod storms;
mod swaks;
mod vouched;
#[path = "../common/zone.rs"]
mod zone;
