//! Small readers that several checks share. Pure, bounded by their input, without opinion: a check decides what a reading means.

pub(crate) mod date;
pub(crate) mod hosts;
pub(crate) mod letters;
pub(crate) mod names;
