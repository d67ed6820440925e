//! What is odd about a link, as signs, and links that are written so that nobody's program makes one of them ("hxxp", "[.]").

use super::{
    Target,
    host::{Host, authority, browser_host, oddness},
    redirect::{after_host, is_known, unwrapped},
    split_scheme,
};
use crate::{base::limits, formats::opened::Sign};
use std::ops::Range;

/// The signs of one link as the mail writes it, white space and all.
pub fn signs(written: &str) -> Vec<Sign> {
    let mut signs = Vec::new();
    let mut say = |id: &'static str, because: String| signs.push(Sign { id, because });
    let target = Target::read(written, None);
    match target.scheme.as_str() {
        "file" | "smb" => say("link.file_scheme", format!("a {}: link", target.scheme)),
        "data" if !target.written.to_ascii_lowercase().starts_with("data:image/") => {
            say("link.data", "a whole page in a link".to_string());
        }
        "" if target.written.starts_with("\\\\") => {
            say("link.file_scheme", "a link to a share".to_string());
        }
        scheme if starts_program(scheme) => {
            say("link.app_scheme", format!("a {scheme}: link, which starts a program"));
        }
        _ => (),
    }
    let Some(authority) = authority(&target.written) else { return signs };
    if let Some(what) = oddness(authority.host) {
        say("link.odd_host", what.to_string());
    }
    let before = written.trim().split(['?', '#']).next().unwrap_or_default();
    let inner = before.get(..before.len().min(ODD_BLANKS_WITHIN)).unwrap_or(before);
    if inner.contains(['\t', '\n', '\r']) {
        say("link.odd_blanks", "line ends or tabs inside the link".to_string());
    }
    if target.scheme.starts_with("http")
        && split_scheme(&target.written).is_some()
        && authority.slashes != "//"
    {
        say("link.odd_slashes", "other than two slashes before the host".to_string());
    }
    if let Some(port) = authority.port.filter(|port| !PORTS.contains(port)) {
        say("link.port", format!("port {port}"));
    }
    let Some(Host::Name(host)) = browser_host(&target.written) else { return signs };
    if host.split('.').count() >= LABELS_MIN || host.len() >= HOST_BYTES_MIN {
        say(
            "link.many_dots",
            format!("a host of {} labels and {} letters", host.split('.').count(), host.len()),
        );
    }
    if is_shortener(&host) {
        say("link.shortener", format!("a short link of {host}"));
    }
    let path = after_host(&target.written).trim_start_matches('/');
    let last = unwrapped(&target.written).last().map(|inner| Target::read(inner, None).host);
    if let Some(inner) = last.filter(|inner| *inner != host && is_known(&host, path)) {
        say("link.redirect", format!("{host} leads on to {inner}"));
    }
    signs
}

/// Is it a service that hides the target behind a short link?
pub fn is_shortener(host: &str) -> bool {
    SHORTENERS
        .iter()
        .any(|name| host.strip_suffix(name).is_some_and(|rest| rest.is_empty() || rest == "www."))
}

/// Links written so that no program makes one of them, and what they are: "hxxps://evil[.]example/x".
pub fn defanged(text: &str) -> Vec<(Range<usize>, String)> {
    let mut found = Vec::new();
    let mut start = 0_usize;
    for piece in text.split_inclusive(char::is_whitespace) {
        let range = start..start + piece.trim_end().len();
        start += piece.len();
        let word = piece.trim_end();
        // Asked first, for most words have none of these.
        if !word.bytes().any(|byte| b"[({*:]".contains(&byte)) {
            continue;
        }
        if !BITES.iter().any(|bite| word.len() >= bite.len() && contains(word, bite))
            || word.len() > limits::LINK_BYTES_MAX
        {
            continue;
        }
        if let Some(link) = fanged(word) {
            found.push((range, link));
        }
        if found.len() >= limits::LINKS_MAX {
            break;
        }
    }
    found
}

fn contains(word: &str, bite: &str) -> bool {
    word.as_bytes().windows(bite.len()).any(|window| window.eq_ignore_ascii_case(bite.as_bytes()))
}

fn fanged(word: &str) -> Option<String> {
    let mut link = word.trim_matches(['"', '\'', '<', '>', ',', ';', '!', '?']).to_string();
    for (bite, plain) in [
        ("[.]", "."),
        ("(.)", "."),
        ("{.}", "."),
        ("[dot]", "."),
        ("(dot)", "."),
        ("{dot}", "."),
        ("[.", "."),
        (".]", "."),
        ("\\.", "."),
        ("[:]", ":"),
        ("[://]", "://"),
        ("[/]", "/"),
        ("[@]", "@"),
        ("[at]", "@"),
        ("(at)", "@"),
    ] {
        while let Some(at) = link.to_ascii_lowercase().find(bite) {
            link.replace_range(at..at + bite.len(), plain);
        }
    }
    let lower = link.to_ascii_lowercase();
    let scheme = [
        "hxxps", "hxxp", "h**ps", "h**p", "hxtps", "hxtp", "htxps", "htxp", "meows", "meow", "fxp",
    ]
    .iter()
    .find(|scheme| {
        lower.starts_with(*scheme)
            && lower.get(scheme.len()..).is_some_and(|rest| rest.starts_with(':'))
    });
    let link = match (scheme, link.split_once(':')) {
        (Some(scheme), Some((_, rest))) => {
            let plain = if scheme.ends_with('s') {
                "https"
            } else if *scheme == "fxp" {
                "ftp"
            } else {
                "http"
            };
            format!("{plain}:{rest}")
        }
        (None, _) if lower.starts_with("http") || lower.starts_with("ftp") => link,
        (None, _) | (Some(_), None) => format!("http://{link}"),
    };
    let host = match browser_host(&link)? {
        Host::Name(name) => name,
        Host::V4(_) | Host::V6(_) => return Some(link),
    };
    let known =
        host.contains('.') && psl::suffix(host.as_bytes()).is_some_and(|suffix| suffix.is_known());
    (known || scheme.is_some()).then_some(link)
}

/// Schemes that hand the link to a program of Windows or Office, which have been abused.
fn starts_program(scheme: &str) -> bool {
    scheme.starts_with("ms-") || APP_SCHEMES.contains(&scheme)
}

const APP_SCHEMES: &[&str] = &[
    "search",
    "search-ms",
    "mhtml",
    "ms",
    "mk",
    "its",
    "shell",
    "ldap",
    "jar",
    "wscript",
    "onenote",
    "teamviewer10",
    "steam",
    "intent",
    "itms-services",
    "blob",
    "gopher",
    "telnet",
    "rdp",
    "vnc",
];
/// What makes a piece of text a link that was made harmless.
const BITES: &[&str] = &[
    "hxxp", "h**p", "hxtp", "htxp", "meow", "fxp:", "[.]", "(.)", "{.}", "[dot]", "(dot)", "{dot}",
    "[:]", "[://]", "[/]", "[.", ".]",
];
/// Ports that ordinary links have.
const PORTS: &[&str] = &["", "80", "443", "8080", "8443"];
/// So many labels are there to push the real domain out of sight; scanners of mail systems have six.
const LABELS_MIN: usize = 8;
/// So long a host is there for the same.
const HOST_BYTES_MIN: usize = 100;
/// Bytes of a link in which line ends are odd: long links are broken by mail programs further on.
const ODD_BLANKS_WITHIN: usize = 40;
/// Services that make short links for anybody, as they name themselves; those that lead to one site only are not here.
const SHORTENERS: &[&str] = &[
    "2no.co",
    "adf.ly",
    "bit.do",
    "bit.ly",
    "bitly.com",
    "bl.ink",
    "buff.ly",
    "clck.ru",
    "cutt.ly",
    "did.li",
    "dub.sh",
    "goo.gl",
    "goo.su",
    "hoy.li",
    "hubs.ly",
    "iplogger.org",
    "is.gd",
    "l.ead.me",
    "linktr.ee",
    "lnk.bio",
    "lnkd.in",
    "me-qr.com",
    "n9.cl",
    "ow.ly",
    "page.link",
    "q-r.to",
    "qr.ae",
    "qr1.be",
    "qrco.de",
    "qrfy.com",
    "qrs.ly",
    "rb.gy",
    "rebrand.ly",
    "reurl.cc",
    "s.id",
    "scnv.io",
    "shorturl.asia",
    "shorturl.at",
    "short.gy",
    "shrtco.de",
    "snip.ly",
    "soo.gd",
    "surl.li",
    "t.co",
    "t.ly",
    "t2m.io",
    "tiny.cc",
    "tiny.one",
    "tinyurl.com",
    "u.to",
    "urlday.cc",
    "urlz.fr",
    "v.gd",
    "v.ht",
    "vk.cc",
    "x.co",
    "x.gd",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn odd_links_have_signs() {
        for (link, want) in [
            ("https://www.example.org/", &[][..]),
            ("https://räksmörgås.example/", &[]),
            ("https://www.example.org:8443/a?b=c\n", &[]),
            ("https://eur01.safelinks.protection.outlook.com/?url=x", &[]),
            ("mailto:a@example.org", &[]),
            ("www.example.org", &[]),
            ("//example.org/x", &[]),
            ("https://evil%2eexample/", &["link.odd_host"]),
            ("https://evil。example/", &["link.odd_host"]),
            ("https://ev\u{200b}il.example/", &["link.odd_host"]),
            ("https://ｅvil.example/", &["link.odd_host"]),
            ("https://3221225985/", &["link.odd_host"]),
            ("https://[::ffff:192.0.2.1]/", &["link.odd_host"]),
            ("https:\\\\evil.example", &["link.odd_slashes"]),
            ("https:/evil.example", &["link.odd_slashes"]),
            ("https:evil.example", &["link.odd_slashes"]),
            ("ht\ntps://evil.example", &["link.odd_blanks"]),
            ("https://evil.example:4711/", &["link.port"]),
            ("file://evil.example/share/x.lnk", &["link.file_scheme"]),
            ("\\\\evil.example\\share\\x", &["link.file_scheme"]),
            ("data:text/html;base64,PGI+", &["link.data"]),
            ("data:image/png;base64,iVBO", &[]),
            ("search-ms:query=x", &["link.app_scheme"]),
            ("ms-msdt:/id", &["link.app_scheme"]),
            ("https://bit.ly/x", &["link.shortener"]),
            ("https://a.b.c.d.e.f.g.example/", &["link.many_dots"]),
            ("https://www.google.com/url?q=https://evil.example", &["link.redirect"]),
        ] {
            let ids: Vec<&str> = signs(link).iter().map(|sign| sign.id).collect();
            assert_eq!(ids, want, "{link:?}");
        }
    }

    #[test]
    fn harmless_links_get_their_teeth() {
        for (text, want) in [
            ("see hxxp://evil.example/x now", Some("http://evil.example/x")),
            ("hXXps[:]//evil[.]example[.]com/x", Some("https://evil.example.com/x")),
            ("evil[.]com", Some("http://evil.com")),
            ("evil(dot)com/x", Some("http://evil.com/x")),
            ("https://evil[.]com", Some("https://evil.com")),
            ("h**ps://evil.com", Some("https://evil.com")),
            ("192[.]0[.]2[.]1", Some("http://192.0.2.1")),
            ("array[.]", None),
            ("x(.)y", None),
            ("hxxp", None),
            ("See [1]. And [2].", None),
            ("https://good.example/", None),
            ("meow", None),
        ] {
            let found = defanged(text);
            assert_eq!(found.first().map(|(_, link)| link.as_str()), want, "{text}");
        }
        let text = "a hxxp://b.example c";
        assert_eq!(
            defanged(text).first().and_then(|(range, _)| text.get(range.clone())),
            Some("hxxp://b.example")
        );
        assert!(defanged(&"hxxp://[.] ".repeat(30_000)).len() <= limits::LINKS_MAX);
        let _ = defanged(&"[.]".repeat(100_000));
    }
}
