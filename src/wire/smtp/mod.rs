//! SMTP, RFC 5321, from both ends. Machines without sockets: bytes in, steps out.
//!
//! `session` receives, `client` sends, `command` reads lines, `log_in` what AUTH says, `stream` frames lines and messages, `replies` is all we ever say.

pub mod client;
pub mod command;
pub mod log_in;
pub mod replies;
mod session;
pub mod stream;

pub use replies::Reply;
pub use session::{Answer, Mark, Offers, Question, Session, Step, Transaction};
