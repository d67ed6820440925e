//! The pages for the world.

pub(super) mod acme;
pub(super) mod brand;
mod doing;
pub(super) mod front;
mod left;
pub(super) mod me;
mod me_pages;
mod me_safe;
pub(super) mod own_sts;
pub(super) mod portal;
pub(super) mod refused;
pub(super) mod send;
mod sent;
mod sheet;
mod shown;
pub(super) mod tap;
