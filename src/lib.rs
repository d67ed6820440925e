//! sluss, the lock in front of a mail server. Modules in reading order, lowest layer first.
pub mod base;
pub mod checks;
pub mod config;
pub mod examine;
pub mod facts;
pub mod mail;
