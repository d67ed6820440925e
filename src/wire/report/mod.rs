//! Mails that we write ourselves: delivery notices, and letters to the people who run an organisation's mail.
//! Reading those of others is `formats`' business.

pub mod dsn;
mod frame;
mod language;
pub mod letter;

pub use language::Language;
