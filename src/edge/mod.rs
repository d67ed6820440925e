//! Sockets and people: everything that touches the world outside the data folder. No decisions here: an `if` on a score is wrong.

pub mod cli;
mod certificate;
pub mod connections;
pub mod control;
pub mod dkim_desk;
mod correspondents;
pub mod guard_desk;
pub mod hash_lists;
pub mod http;
pub mod load;
pub mod log;
pub mod overview;
pub mod ports;
pub mod privileges;
pub mod rule_cost;
pub mod seldom;
pub mod serve;
pub mod smtp_in;
pub mod smtp_out;
pub mod sockets;
pub mod source;
pub mod strangers;
pub mod stream;
pub mod supervisor;
pub mod tls;
pub mod worker;
