//! Lists of known-bad things: what a line says, what the key of a thing is, and a filter that says "certainly not" from memory.

pub mod filter;
pub mod key;
pub mod line;
pub mod sender;

pub use crate::config::hash_list::{Column, Columns, Kind};
pub use filter::Filters;
pub use key::{Digest, DigestKind, Key};
pub use line::{Line, LineReader};
