//! Mails that we write ourselves: delivery notices, letters to the people who run an organisation's mail, digests to all others, and what
//! other domains are told of TLS with their mail hosts.
//! Reading those of others is `formats`' business.

pub mod daily;
pub mod deviation;
pub mod digest;
mod digest_page;
pub mod dsn;
pub mod explain;
mod frame;
mod language;
pub mod letter;
pub mod parcel;
pub mod personal;
pub mod tls;

pub use language::Language;
