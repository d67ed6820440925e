//! The pages for the world.

pub(super) mod front;
