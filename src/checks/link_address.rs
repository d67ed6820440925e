//! A link to a bare address instead of a name: nobody who means to stay does that. Worse when the address is dressed up as one number or in
//! hex, which only a browser understands. Addresses inside a network are left alone: people send each other links to their printers.

use super::{Case, Check, Finding, and_more, read::hosts};
use crate::{config::policy::Category, examine::Link};

pub(super) const CHECK: Check = Check {
    ids: &["link.address", "link.address_disguised"],
    about: "A link leads to an internet address instead of a name.",
    plain: "A link in the mail leads to a bare internet address.",
    run,
};

fn run(case: &Case, findings: &mut Vec<Finding>) {
    let (mut plain, mut disguised) = (0_usize, 0_usize);
    for link in
        case.contents.links.iter().filter(|link| !link.fetched && link.scheme.starts_with("http"))
    {
        let written = written_host(link);
        match hosts::address(&written) {
            Some(address) if !hosts::is_inside(address) => match is_usual(&written) {
                true => plain += 1,
                false => disguised += 1,
            },
            Some(_) | None => (),
        }
    }
    if plain > 0 {
        let because = format!("a link to an address{}", and_more(plain));
        findings.push(Finding::new("link.address", Category::Phish, 2.0, because));
    }
    if disguised > 0 {
        let because =
            format!("a link to an address written so that nobody sees it{}", and_more(disguised));
        findings.push(Finding::new("link.address_disguised", Category::Phish, 3.0, because));
    }
}

fn is_usual(host: &str) -> bool {
    host.starts_with('[') || host.parse::<std::net::Ipv4Addr>().is_ok()
}

/// The host as the mail writes it: whoever read the link may have made a usual address of it already.
fn written_host(link: &Link) -> String {
    let after = link.target.split_once("//").map(|(_, rest)| rest).unwrap_or_default();
    let authority = after.split(['/', '?', '#', '\\']).next().unwrap_or_default();
    let host = authority.rsplit('@').next().unwrap_or_default();
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name.to_lowercase(),
        _ => host.to_lowercase(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::testing::{expect_in, links};

    #[test]
    fn finds() {
        for (target, want) in [
            ("https://example.org/1.2.3.4", &[][..]),
            ("http://192.0.2.1/a", &["link.address"]),
            ("http://192.0.2.1:8080/a", &["link.address"]),
            ("http://[2001:db8::1]/", &["link.address"]),
            ("http://3221225985/", &["link.address_disguised"]),
            ("http://0xc0.0.2.1/", &["link.address_disguised"]),
            ("http://192.168.1.4/skrivare", &[]),
            ("http://127.0.0.1:3000/", &[]),
            ("mailto:1@2", &[]),
        ] {
            expect_in(&CHECK, links(&[(target, "")]), want);
        }
        expect_in(
            &CHECK,
            links(&[("http://192.0.2.1/", ""), ("http://192.0.2.2/", "")]),
            &["link.address"],
        );
    }
}
