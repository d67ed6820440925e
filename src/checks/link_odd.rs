//! Links that are legal and that ordinary mail seldom has: scripts and whole pages in the link itself, ports of their own, short links,
//! throw-away top-level domains, and a crowd of different sites.
//!
//! `javascript:` and `data:` do nothing good in a mail. The others are small signs that add up with stronger ones;
//! pictures are not counted, and lists of developers keep their ports.

use super::{
    Case, Check, Finding, and_more,
    known::hosts::{is_doubtful_top, is_free_host, is_redirect, is_shortener},
    read::hosts,
};
use crate::{config::policy::Category, examine::Link};
use std::collections::BTreeSet;

pub(super) const CHECK: Check = Check {
    ids: &[
        "link.script",
        "link.data",
        "link.port",
        "link.shortener",
        "link.free_host",
        "link.redirect",
        "link.doubtful_top",
        "link.many_sites",
    ],
    about: "A link is of a kind that ordinary mail seldom has; what stands after the dot says which.",
    plain: "The mail contains a suspicious link.",
    run,
};

fn run(case: &Case, findings: &mut Vec<Finding>) {
    let clicked: Vec<&Link> = case.contents.links.iter().filter(|link| !link.fetched).collect();
    for (id, category, weight, because, is_such) in KINDS {
        let such: Vec<&&Link> = clicked.iter().filter(|link| is_such(link)).collect();
        findings.extend(such.first().map(|first| {
            let because = format!("{because}{}", and_more(such.len()));
            Finding::new(*id, *category, *weight, because).in_part(&first.part, "")
        }));
    }
    let sites: BTreeSet<String> =
        clicked.iter().filter_map(|link| hosts::owner(&link.host)).collect();
    if sites.len() >= SITES_MIN {
        let because = format!("links to {} sites", sites.len());
        findings.push(Finding::new("link.many_sites", Category::Spam, 0.3, because));
    }
}

/// Newsletters that review others stay under this.
const SITES_MIN: usize = 40;

type Kind = (&'static str, Category, f32, &'static str, fn(&Link) -> bool);

const KINDS: &[Kind] = &[
    ("link.script", Category::Phish, 2.0, "a script in a link", |link| {
        link.scheme == "javascript" || link.scheme == "vbscript"
    }),
    ("link.data", Category::Phish, 3.0, "a whole page in a link", |link| {
        link.scheme == "data" && !link.target.to_ascii_lowercase().starts_with("data:image/")
    }),
    ("link.port", Category::Spam, 0.5, "a port of its own", has_odd_port),
    ("link.shortener", Category::Spam, 1.0, "a short link that hides where it leads", |link| {
        hosts::owner(&link.host).is_some_and(|owner| is_shortener(&owner))
    }),
    ("link.free_host", Category::Spam, 0.9, "a host that anybody gets for nothing", |link| {
        is_free_host(&link.host)
    }),
    ("link.redirect", Category::Phish, 1.0, "a well-known site that sends the reader on", |link| {
        is_redirect(&link.host, &link.target)
    }),
    ("link.doubtful_top", Category::Spam, 0.8, "a top-level domain of throw-away names", |link| {
        is_doubtful_top(&link.host)
    }),
];

fn has_odd_port(link: &Link) -> bool {
    let Some((_, after)) = link.target.split_once("//") else { return false };
    let authority = after.split(['/', '?', '#']).next().unwrap_or_default();
    let Some((host, port)) = authority.rsplit_once(':') else { return false };
    let inside = hosts::address(host).is_some_and(hosts::is_inside);
    let known = matches!(port, "80" | "443" | "8080" | "8443" | "");
    link.scheme.starts_with("http")
        && port.bytes().all(|byte| byte.is_ascii_digit())
        && !known
        && !inside
        && host.contains('.')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::testing::{expect_in, link, links};
    use crate::examine::Contents;

    #[test]
    fn finds() {
        for (target, want) in [
            ("https://www.example.org/", &[][..]),
            ("javascript:alert(1)", &["link.script"]),
            ("data:text/html;base64,PGI+", &["link.data"]),
            ("data:image/png;base64,iVBO", &[]),
            ("https://www.example.org:8443/", &[]),
            ("https://www.example.org:4711/", &["link.port"]),
            ("http://192.168.1.1:3000/", &[]),
            ("http://localhost:3000/", &[]),
            ("https://bit.ly/x", &["link.shortener"]),
            ("https://login.web.app/", &["link.free_host"]),
            ("https://www.google.com/url?q=https://evil.example/", &["link.redirect"]),
            ("https://free.example.top/", &["link.doubtful_top"]),
            ("https://www.example.se/", &[]),
            ("mailto:a@example.org", &[]),
        ] {
            expect_in(&CHECK, links(&[(target, "")]), want);
        }
    }

    #[test]
    fn a_crowd_of_sites() {
        let links = (0..SITES_MIN).map(|n| link(&format!("https://a{n}.example/"), "")).collect();
        expect_in(&CHECK, Contents { links, ..Contents::default() }, &["link.many_sites"]);
    }

    #[test]
    fn pictures_do_not_count() {
        let mut contents = links(&[("https://free.example.top/a.png", "")]);
        contents.links[0].fetched = true;
        expect_in(&CHECK, contents, &[]);
    }
}
