//! Who runs a command: the user of the operating system, behind sudo too.
//!
//! What a command says of its caller is believed: the control socket and the data folder are open to root and the gateway's own user
//! alone, and whoever is one of them could write the audit log's files as well.

use crate::store::audit::Actor;
use nix::unistd::{Uid, User, getuid};
use serde::{Deserialize, Serialize};

/// Whoever runs this process. To be asked before root is given away.
pub fn of_this_process() -> Actor {
    let sudo = std::env::var("SUDO_USER").ok().filter(|name| !name.is_empty());
    Actor::CommandLine { name: name_of(getuid().as_raw()), sudo }
}

/// Whoever has this user number.
pub fn of_user(uid: u32) -> Actor {
    Actor::CommandLine { name: name_of(uid), sudo: None }
}

fn name_of(uid: u32) -> String {
    match User::from_uid(Uid::from_raw(uid)) {
        Ok(Some(user)) => user.name,
        Ok(None) | Err(_) => format!("uid {uid}"),
    }
}

/// What stands beside a request on the control socket.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Asking {
    /// Who asks; none: the user at the other end of the socket.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<Actor>,
    /// Why, in the asker's words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_have_a_name_or_a_number() {
        assert_eq!(name_of(0), "root");
        assert_eq!(name_of(3_999_999_999), "uid 3999999999");
    }
}
