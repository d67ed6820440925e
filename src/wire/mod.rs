//! Protocols: bytes to values and back. No sockets, no files, no clock, no configuration.

pub mod auth;
pub mod clamd;
pub mod date;
pub mod fields;
pub mod proxy_protocol;
pub mod received;
pub mod report;
pub mod smtp;
pub mod srs;
pub mod syslog;
pub mod tls;
pub mod words;
