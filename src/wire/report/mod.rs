//! Mails that we write ourselves: delivery notices, letters to the people who run an organisation's mail, and digests to all others.
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
mod unproven;

pub use language::Language;
