//! sluss, the lock in front of a mail server. Modules in reading order, lowest layer first.
pub mod base;
pub mod checks;
pub mod config;
pub mod edge;
pub mod examine;
pub mod facts;
pub mod formats;
pub mod mail;
pub mod personal;
pub mod pipeline;
pub mod store;
pub mod verdict;
pub mod wire;
