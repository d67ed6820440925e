//! The pages of those who look after mail. One file a subject, each with its own table of routes.

pub(super) mod accounts;
pub(super) mod bans;
pub(super) mod configuration;
pub(super) mod content;
pub(super) mod correspondents;
pub(super) mod held;
pub(super) mod keys;
pub(super) mod limits;
pub(super) mod log_in;
pub(super) mod mail;
pub(super) mod needs_you;
pub(super) mod operate;
pub(super) mod own;
pub(super) mod queue;
pub(super) mod reports;
pub(super) mod senders;
pub(super) mod status;
pub(super) mod trial;
