//! What was stored is put in force, and what of it waits for a restart is said: one way for pages and programs.

use super::{site::Site, visit::Visitor};
use crate::{
    config::layers::{Change, Kind},
    edge::http::words::plain,
};

/// Has the gateway read everything again, in a visitor's name. Gives the paths of what was changed that take effect only after a restart;
/// why nothing is in force, if it is not.
pub(super) async fn put_in_force(
    site: &Site,
    visitor: &Visitor,
    changes: &[Change],
) -> Result<Vec<String>, String> {
    let done = site.desk().reload(&visitor.actor()).await?;
    let mut waits = done.after_restart;
    waits.retain(|path| changes.iter().any(|change| is_in(change, path)));
    Ok(waits)
}

/// Is a value one of those that a change is about?
fn is_in(change: &Change, path: &str) -> bool {
    change.kind == Kind::Setting && change.name == path
}

/// What a page says of a version that was stored, when the gateway has read it.
pub(super) fn said(version: u32, changes: &[Change], after_restart: &[String]) -> String {
    let waits = plain(&after_restart.join(", "));
    match (after_restart.len(), changes.len()) {
        (0, _) => format!("Stored as version {version}, and in force."),
        (waiting, all) if waiting == all => {
            format!("Stored as version {version}; in force only after a restart: {waits}.")
        }
        _ => {
            format!("Stored as version {version}, and in force, but only after a restart: {waits}.")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_waits_for_a_restart_is_not_said_to_be_in_force() {
        let change = |name: &str| Change {
            kind: Kind::Setting,
            name: name.to_string(),
            before: None,
            after: Some("1".to_string()),
        };
        let (one, waits) = ([change("dns.servers")], ["dns.servers".to_string()]);
        assert_eq!(said(3, &one, &[]), "Stored as version 3, and in force.");
        assert_eq!(
            said(3, &one, &waits),
            "Stored as version 3; in force only after a restart: dns.servers."
        );
        let two = [change("dns.servers"), change("limits.connections")];
        assert_eq!(
            said(3, &two, &waits),
            "Stored as version 3, and in force, but only after a restart: dns.servers."
        );
    }
}
