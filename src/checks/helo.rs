//! What the peer said after EHLO or HELO. RFC 5321 section 4.1.1.1 asks for its own name, or its address in brackets.
//!
//! Badly set-up servers say `localhost` or a bare host name, so that weighs little; a bare address, or the recipient's own domain, is said by
//! hardly anybody but spam programs. Inbound only: our own clients may call themselves anything.

use super::{Case, Check, Finding};
use crate::{config::policy::Category, mail::Domain};
use std::net::IpAddr;

pub(super) const CHECK: Check = Check {
    ids: &[
        "helo.address",
        "helo.other_address",
        "helo.ours",
        "helo.local",
        "helo.no_dot",
        "helo.no_name",
    ],
    about: "The host that brought the mail did not introduce itself with its own name.",
    plain: "The server that sent the mail gave a false name.",
    run,
};

fn run(case: &Case, findings: &mut Vec<Finding>) {
    let helo = case.mail.peer.helo.trim_end_matches('.');
    if !case.is_inbound() || helo.is_empty() {
        return;
    }
    if let Some((id, weight, because)) = odd(case, helo) {
        findings.push(Finding::new(id, Category::Spam, weight, because));
    }
}

fn odd(case: &Case, helo: &str) -> Option<(&'static str, f32, &'static str)> {
    if helo.parse::<IpAddr>().is_ok() {
        return Some(("helo.address", 1.5, "an address without brackets"));
    }
    if let Some(literal) = helo.strip_prefix('[') {
        let address = literal.strip_suffix(']')?;
        let address = address.strip_prefix("IPv6:").unwrap_or(address).parse::<IpAddr>().ok();
        // RFC 5321 section 4.1.3 allows a literal; mail servers have names.
        return match address.map(|address| address.to_canonical())
            == Some(case.mail.peer.address.to_canonical())
        {
            true => Some(("helo.address", 0.5, "its address in brackets")),
            false => {
                Some(("helo.other_address", 1.5, "an address in brackets that is not its own"))
            }
        };
    }
    let Ok(name) = Domain::parse(helo) else {
        return Some(("helo.no_name", 1.0, "no host name"));
    };
    if case
        .mail
        .envelope
        .recipients
        .iter()
        .any(|recipient| recipient.address.domain() == Some(&name))
    {
        return Some(("helo.ours", 2.0, "the recipient's own domain"));
    }
    let local = ["localhost", "localdomain", "local", "lan", "internal", "home", "workgroup"];
    match name.as_str().rsplit_once('.') {
        Some((_, top)) if local.contains(&top) => {
            Some(("helo.local", 0.5, "a name that means something only at home"))
        }
        Some(_) => None,
        None if name.as_str() == "localhost" => Some(("helo.local", 0.8, "localhost")),
        None => Some(("helo.no_dot", 0.8, "a name without a domain")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::testing::{Setting, expect, mail};

    #[test]
    fn finds() {
        for (helo, want) in [
            ("", &[][..]),
            ("mail.example.org", &[]),
            ("mail.example.org.", &[]),
            ("mx.ours.example", &[]),
            ("ours.example", &["helo.ours"]),
            ("192.0.2.1", &["helo.address"]),
            ("[192.0.2.1]", &["helo.address"]),
            ("[192.0.2.99]", &["helo.other_address"]),
            ("[IPv6:2001:db8::1]", &["helo.other_address"]),
            ("localhost", &["helo.local"]),
            ("server.local", &["helo.local"]),
            ("WIN-7", &["helo.no_dot"]),
            ("a b", &["helo.no_name"]),
        ] {
            let mut setting = Setting::default();
            setting.peer.helo = helo.to_string();
            expect(&CHECK, &setting, &mail("a@example.org", "hi"), want);
            expect(&CHECK, &setting.outbound(), &mail("a@example.org", "hi"), &[]);
        }
    }
}
