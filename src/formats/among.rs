//! Puts what a reader decoded among its members, against the budget.

use super::{
    budget::{Budget, Limit, Stopped},
    encodings::Found,
    opened::{Member, Opened, Role},
};
use crate::base::limits;

/// Keeps a member whose bytes were decoded without a reader. False: a bound was met, and `opened` says which.
pub(crate) fn keep(opened: &mut Opened, member: Member, budget: &mut Budget) -> bool {
    match budget.take_bytes(member.bytes.len()) {
        Ok(()) => opened.push(member),
        Err(limit) => {
            opened.stopped.get_or_insert(Stopped::Limit(limit));
            false
        }
    }
}

/// Keeps text, if there is any.
pub(crate) fn keep_text(
    opened: &mut Opened,
    (name, text): (&str, String),
    role: Role,
    budget: &mut Budget,
) {
    if !text.trim().is_empty() {
        keep(opened, Member::new(Some(name.to_string()), text.into_bytes(), role), budget);
    }
}

/// Keeps what was decoded out of letters: a file as a file, a page as something to open further, text as code.
pub(crate) fn keep_found(opened: &mut Opened, name: &str, found: Found, budget: &mut Budget) {
    let (name, bytes, role) = match found {
        Found::File(bytes) => (name.to_string(), bytes, Role::File),
        Found::Page(bytes) => (format!("{name}.html"), bytes, Role::Inside),
        Found::Text(text) => (format!("{name}.txt"), text.into_bytes(), Role::Code),
    };
    keep(opened, Member::new(Some(super::mime::bounded(name)), bytes, role), budget);
}

/// Says that a text went on beyond the bound up to which it is read, unless there is a reason already.
pub(crate) fn stop_at(opened: &mut Opened, bound: usize) {
    let bytes_max = u64::try_from(bound).unwrap_or(u64::MAX);
    opened.stopped.get_or_insert(Stopped::Limit(Limit::TooLarge { bytes_max }));
}

/// Keeps a link, within the bound.
pub(crate) fn keep_link(opened: &mut Opened, link: &str) {
    let link = link.trim();
    let link = link.get(..link.floor_char_boundary(limits::LINK_BYTES_MAX)).unwrap_or(link);
    if !link.is_empty()
        && opened.links.len() < limits::LINKS_MAX
        && !opened.links.iter().rev().take(LINKS_COMPARED).any(|other| other == link)
    {
        opened.links.push(link.to_string());
    }
}

/// The last links are compared with a new one: repetitions stand near each other, and comparing all would cost the square of them.
const LINKS_COMPARED: usize = 50;
