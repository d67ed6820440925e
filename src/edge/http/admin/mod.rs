//! The pages of those who look after mail. One file a subject, each with its own table of routes.

pub(super) mod accounts;
pub(super) mod bans;
pub(super) mod configuration;
pub(super) mod content;
pub(super) mod correspondents;
pub(super) mod domains;
pub(super) mod held;
mod holds;
pub(super) mod keys;
pub(super) mod limits;
pub(super) mod log_in;
pub(super) mod mail;
pub(super) mod needs_you;
pub(super) mod operate;
pub(super) mod own;
pub(super) mod policy;
mod policy_form;
pub(super) mod policy_lists;
pub(super) mod policy_replay;
pub(super) mod policy_rules;
pub(super) mod queue;
pub(super) mod reports;
pub(super) mod senders;
pub(super) mod status;
pub(super) mod track;
pub(super) mod track_mail;
pub(super) mod trial;
