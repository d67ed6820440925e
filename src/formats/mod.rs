//! What can be inside a mail, opened against a [`budget::Budget`]. One file per format; to add one, put it beside the others and give it
//! an arm where the examination chooses by [`kind::PartKind`].
//!
//! Invariants: no recursion over input, no size believed that somebody declared, no I/O, no clock but the budget's; an opener gives what it
//! could read together with the reason why it stopped.

pub mod budget;
pub mod opened;

pub mod kind;

pub mod letters;
pub mod links;
pub mod mime;

pub mod apple;
pub mod archive;
pub mod crypto;
pub mod disk;
pub mod flash;
pub mod tnef;

pub mod calendar;
pub mod html;
pub mod image;
pub mod office;
pub mod office_xml;
pub mod one_note;
pub mod page;
pub mod pdf;
pub mod post_script;
pub mod report;
pub mod rtf;
pub mod safe_html;
pub mod script;
pub mod shortcut;
pub mod table;

pub(crate) mod among;
pub mod encodings;
pub mod formula;
pub(crate) mod keep;
pub(crate) mod numbers;
pub mod reach;
pub mod word_field;
pub mod xml;
