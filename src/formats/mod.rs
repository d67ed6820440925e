//! What can be inside a mail, opened against a [`budget::Budget`]. One file per format; to add one, put it beside the others and give it
//! an arm where the examination chooses by [`kind::PartKind`].
//!
//! Invariants: no recursion over input, no size believed that somebody declared, no I/O, no clock but the budget's; an opener gives what it
//! could read together with the reason why it stopped.

pub mod archive;
pub mod budget;
pub mod crypto;
pub mod html;
pub mod kind;
pub mod links;
pub mod mime;
