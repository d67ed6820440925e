//! The mail came from the world over a connection without encryption, so anybody on the way could read and change it.
//!
//! It says nothing about spam and weighs nothing. It stands here so that a trace shows it and policy can ask for more
//! (`[policy.findings] "transport.in_clear" = "mark"`). What comes from inside, by a relay of one's own, has its way behind it.

use super::{Case, Check, Finding};
use crate::{base::networks::is_in_the_world, config::policy::Category};

pub(super) const CHECK: Check = Check {
    ids: &["transport.in_clear"],
    about: "The mail came from the world over a connection without encryption.",
    plain: "The mail came over a connection without encryption.",
    run,
};

fn run(case: &Case, findings: &mut Vec<Finding>) {
    let peer = &case.mail.peer;
    if case.is_inbound() && peer.tls.is_none() && is_in_the_world(peer.address) {
        let because = format!("{} did not use STARTTLS", peer.address);
        findings.push(Finding::new("transport.in_clear", Category::Privacy, 0.0, because));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        checks::testing::{Setting, expect, mail},
        mail::{Direction, TlsSession},
    };

    #[test]
    fn finds() {
        let found: &[&str] = &["transport.in_clear"];
        for (address, tls, direction, want) in [
            ("8.8.8.8", false, Direction::Inbound, found),
            ("2001:4860:4860::8888", false, Direction::Inbound, found),
            ("8.8.8.8", true, Direction::Inbound, &[]),
            ("8.8.8.8", false, Direction::Outbound, &[]),
            ("10.0.0.5", false, Direction::Inbound, &[]),
            ("127.0.0.1", false, Direction::Inbound, &[]),
        ] {
            let mut setting = Setting { direction, ..Setting::default() };
            setting.peer.address = address.parse().unwrap();
            setting.peer.tls = tls.then(TlsSession::default);
            expect(&CHECK, &setting, &mail("a@example.org", "hi"), want);
        }
    }
}
