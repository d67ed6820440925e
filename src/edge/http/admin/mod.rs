//! The pages of those who look after mail. One file a subject, each with its own table of routes.

pub(super) mod accounts;
pub(super) mod log_in;
pub(super) mod own;
pub(super) mod status;
