//! Short tables of what the world is like: names, endings, programs. Data, not code; a row is added with its reason.
//!
//! Nothing here is a list of bad senders: such lists age, and are asked for over DNS.

pub(crate) mod brands;
pub(crate) mod endings;
pub(crate) mod hosts;
pub(crate) mod programs;
