//! Newsletters: mail to many with a way out, and how good that way is. Informational: it weighs nothing, and says nothing good either, as
//! anybody can write these fields; policy and digests use it to sort.
//!
//! A discussion list has a way in too, List-Post (RFC 2369 section 3.4), and is none.

use super::{Case, Check, Finding};
use crate::config::policy::Category;

pub(super) const CHECK: Check = Check {
    ids: &["bulk.newsletter"],
    about: "A newsletter: sent to many, with a way to leave. The reason says which: one click (RFC 8058), a page, or a mail.",
    plain: "The mail is a newsletter.",
    run,
};

fn run(case: &Case, findings: &mut Vec<Finding>) {
    let header = case.mail.header;
    let post = header.value("List-Post").map(|value| value.trim().to_ascii_uppercase());
    if header.count("List-Unsubscribe") == 0 || post.is_some_and(|post| !post.starts_with("NO")) {
        return;
    }
    let wanted = header.value("List-Unsubscribe-Post");
    let ways = header.values("List-Unsubscribe").join(", ");
    let because = way_out(&ways, wanted.as_deref()).words();
    findings.push(Finding::new("bulk.newsletter", Category::Bulk, 0.0, because));
}

/// How one leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum WayOut {
    /// One request to an https page, by the mail program: RFC 8058 section 3.1.
    OneClick,
    /// One click is promised, and there is no https page for it.
    BrokenOneClick,
    /// A page.
    Page,
    /// A mail.
    Mail,
    /// The field holds nothing that a program could use.
    Unreadable,
}

impl WayOut {
    fn words(self) -> &'static str {
        match self {
            WayOut::OneClick => "List-Unsubscribe with one click over https",
            WayOut::BrokenOneClick => {
                "List-Unsubscribe promises one click and has no https page for it"
            }
            WayOut::Page => "List-Unsubscribe with a page",
            WayOut::Mail => "List-Unsubscribe by mail",
            WayOut::Unreadable => "List-Unsubscribe without a page or an address",
        }
    }
}

/// RFC 2369 section 2: URIs in angle brackets. RFC 8058 section 3.1: one click needs an https one and the field beside it, as it stands there.
fn way_out(ways: &str, post: Option<&str>) -> WayOut {
    let uris = ways.split('<').skip(1).filter_map(|way| way.split_once('>')).map(|(uri, _)| uri);
    let uris: Vec<String> = uris.map(|uri| uri.trim().to_ascii_lowercase()).collect();
    let has = |scheme: &str| uris.iter().any(|uri| uri.starts_with(scheme));
    let promised =
        post.is_some_and(|post| post.trim().eq_ignore_ascii_case("List-Unsubscribe=One-Click"));
    match (promised, has("https:"), has("http:"), has("mailto:")) {
        (true, true, _, _) => WayOut::OneClick,
        (true, false, _, _) => WayOut::BrokenOneClick,
        (false, true, _, _) | (false, _, true, _) => WayOut::Page,
        (false, false, false, true) => WayOut::Mail,
        (false, false, false, false) => WayOut::Unreadable,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::testing::{Setting, expect};

    #[test]
    fn finds() {
        for (mail, want) in [
            ("From: a@example.org\n\nhi", &[][..]),
            ("List-Id: <l.example>\n\nhi", &[]),
            ("List-Unsubscribe: <https://l.example/u>\n\nhi", &["bulk.newsletter"]),
            (
                "List-Unsubscribe: <mailto:off@l.example>\nList-Post: NO (announcements)\n\nhi",
                &["bulk.newsletter"],
            ),
            (
                "List-Unsubscribe: <mailto:off@l.example>\nList-Post: <mailto:l@l.example>\n\nhi",
                &[],
            ),
        ] {
            expect(&CHECK, &Setting::default(), mail, want);
        }
    }

    #[test]
    fn the_way_out_is_said() {
        let one = Some("List-Unsubscribe=One-Click");
        for (ways, post, want) in [
            ("<https://l.example/u>, <mailto:off@l.example>", one, WayOut::OneClick),
            ("<HTTPS://l.example/u>", Some(" list-unsubscribe=one-click "), WayOut::OneClick),
            ("<http://l.example/u>", one, WayOut::BrokenOneClick),
            ("<mailto:off@l.example>", one, WayOut::BrokenOneClick),
            ("<https://l.example/u>", Some("yes"), WayOut::Page),
            ("<http://l.example/u>", None, WayOut::Page),
            ("<mailto:off@l.example?subject=off>", None, WayOut::Mail),
            ("https://l.example/u", None, WayOut::Unreadable),
            ("<>", None, WayOut::Unreadable),
        ] {
            assert_eq!(way_out(ways, post), want, "{ways} {post:?}");
        }
    }
}
