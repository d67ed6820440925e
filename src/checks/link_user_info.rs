//! `https://www.bank.example@evil.example/`: what stands before the `@` is a user name that no server asked for, and looks like the host.
//! RFC 3986 section 7.6 warns of it. A plain user name (`https://anna@host/`) is left alone: developers' links have them.

use super::{Case, Check, Finding};
use crate::{config::policy::Category, examine::Link};

pub(super) const CHECK: Check = Check {
    ids: &["link.user_info"],
    about: "A link begins with a name that looks like a web site and is none.",
    plain: "A link in the mail pretends to lead to another site.",
    run,
};

fn run(case: &Case, findings: &mut Vec<Finding>) {
    let link = case.contents.links.iter().find(|link| has_false_host(link));
    findings.extend(link.map(|link| {
        let because = format!("leads to {}", link.host);
        Finding::new("link.user_info", Category::Phish, 3.0, because).in_part(&link.part, "")
    }));
}

fn has_false_host(link: &Link) -> bool {
    let Some((_, after)) = link.target.split_once("//") else { return false };
    let authority = after.split(['/', '?', '#', '\\']).next().unwrap_or_default();
    let Some((user, _)) = authority.rsplit_once('@') else { return false };
    // A mail address as user name is a login, not a lie.
    link.scheme.starts_with("http")
        && user.contains('.')
        && !user.contains('@')
        && !user.contains("%40")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::testing::{expect_in, links};

    #[test]
    fn finds() {
        for (target, want) in [
            ("https://www.bank.example/", &[][..]),
            ("https://www.bank.example@evil.example/", &["link.user_info"]),
            ("https://www.bank.example:x@evil.example/", &["link.user_info"]),
            ("https://git@host.example/", &[]),
            ("https://a.b%40firm.example@host.example/", &[]),
            ("https://host.example/?u=a.b@firm.example", &[]),
            ("mailto:a.b@host.example", &[]),
        ] {
            expect_in(&CHECK, links(&[(target, "")]), want);
        }
    }
}
