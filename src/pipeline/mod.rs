//! The only sequence: what happens to a mail, in order, as functions that read like a list.
//!
//! `admit` decides before DATA, `log_in` who a client is, `process` after the dot, `deliver` empties the spool, `release` lets a held mail go,
//! `rejected` keeps copies of what was refused, `bulk` acts on many held mails, `view` shows what is in one,
//! `notice` writes what we write ourselves, `internal` reads what is for ourselves, `reports` those of others, `remember` learns who
//! writes to whom, `digest` tells people what of theirs is held, `answer` reads what they answer, `reported` what they say
//! of mail, `proof` whether it is they, `wording` is what the learners see of a mail, `controls` watches what must hold.
//! No SMTP text and no SQL here; sockets are behind [`courier::Courier`], which `edge` implements.

pub mod outside;
pub mod own_page;
pub mod own_yes;
pub mod accounts;
pub mod admit;
pub mod answer;
mod answer_numbers;
pub mod bank_accounts;
pub mod bearing;
pub mod blocked;
pub mod bounces;
pub mod campaigns;
pub mod brands;
pub mod bulk;
mod by_rules;
pub mod callouts;
pub mod controls;
pub mod courier;
pub mod daily;
pub mod deliver;
pub mod digest;
pub mod dns_lists;
pub mod queue;
pub mod edit;
pub mod explain;
pub mod gateway;
pub mod houses;
pub mod greylist;
pub mod guard;
pub mod helo;
pub mod internal;
pub mod invite;
pub mod judge;
pub mod left;
pub mod limits;
mod line;
pub mod log_in;
pub mod notice;
pub mod own_lists;
mod personal_mail;
pub mod plain_reason;
pub mod portal;
pub mod portal_in;
pub mod process;
mod proof;
pub mod proofs;
pub mod questions;
mod rejected;
pub mod release;
mod remember;
pub mod replay;
pub mod reported;
pub mod reports;
pub mod same_person;
pub mod school;
pub mod sending;
pub mod settings;
pub mod signing;
pub mod spooled;
pub mod tls_reports;
pub mod view;
pub mod waiver;
pub mod wording;

pub use gateway::{Gateway, Stores};
