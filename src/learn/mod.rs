//! What was learned from others or by ourselves, in the form in which it is asked. No files, no sockets.

pub mod campaign;
pub mod classifier;
pub mod correspondence;
pub mod likeness;
pub mod listed;
pub mod sending;
