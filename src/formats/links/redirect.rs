//! Links that lead on to where they themselves say: redirectors of well-known sites, scanners of other mail systems, and any link with
//! another link inside it, plain, in percent signs, in base64 or in hex.

use super::{
    clean,
    host::{Host, browser_host},
    percent_decoded,
};
use crate::{base::limits, mail::is_at_or_below};

/// Where a link leads on to, if that stands in it.
pub fn unwrap_redirect(target: &str) -> Option<String> {
    let written = clean(target);
    let host = match browser_host(&written) {
        Some(Host::Name(name)) => name,
        Some(Host::V4(_) | Host::V6(_)) => String::new(),
        None => return None,
    };
    let rest = after_host(&written);
    let found =
        known(&host, &written, rest).or_else(|| in_parameters(rest)).or_else(|| in_path(rest))?;
    let found = clean(&found);
    (browser_host(&found).is_some() && found != written).then_some(found)
}

/// The chain of links inside links, nearest first, at most [`limits::REDIRECTS_MAX`].
pub fn unwrapped(target: &str) -> Vec<String> {
    let mut chain: Vec<String> = Vec::new();
    while chain.len() < limits::REDIRECTS_MAX {
        let Some(next) = unwrap_redirect(chain.last().map_or(target, String::as_str)) else {
            break;
        };
        if chain.contains(&next) {
            break;
        }
        chain.push(next);
    }
    chain
}

/// Is it a redirector that everybody knows, so that the link shows a good name?
pub(super) fn is_known(host: &str, path: &str) -> bool {
    KNOWN.iter().any(|(name, start, _)| is_below(host, name) && path.starts_with(start))
}

/// Path, query and fragment.
pub(super) fn after_host(written: &str) -> &str {
    let from = written.find(':').map_or(0, |at| at + 1);
    let rest = written.get(from..).unwrap_or_default().trim_start_matches(['/', '\\']);
    let at = rest.find(['/', '\\', '?', '#']).unwrap_or(rest.len());
    rest.get(at..).unwrap_or_default()
}

fn is_below(host: &str, name: &str) -> bool {
    is_at_or_below(host, name)
        // google.se is Google too.
        || (name.ends_with(".*") && host.split('.').any(|label| Some(label) == name.split('.').next()))
}

fn known(host: &str, written: &str, rest: &str) -> Option<String> {
    if is_below(host, "urldefense.com")
        || is_below(host, "urldefense.proofpoint.com")
        || is_below(host, "urldefense.us")
    {
        return proofpoint(rest);
    }
    if let Some(label) = host.strip_suffix(".translate.goog") {
        return Some(format!(
            "https://{}{rest}",
            label.replace("--", "\0").replace('-', ".").replace('\0', "-")
        ));
    }
    let path = rest.trim_start_matches('/');
    if is_below(host, "google.*") && path.starts_with("amp/") {
        return amp(path.strip_prefix("amp/")?);
    }
    if is_below(host, "ampproject.org") {
        return amp(path.split_once('/').map(|(_, page)| page)?);
    }
    let (_, _, names) =
        KNOWN.iter().find(|(name, start, _)| is_below(host, name) && path.starts_with(start))?;
    let value = names.iter().find_map(|name| parameter(written, name))?;
    let value = match value.strip_prefix("a1") {
        // Bing puts two letters before the base64.
        Some(inside) if is_below(host, "bing.com") => inside,
        Some(_) | None => &value,
    };
    link_in(value).or_else(|| {
        let bare = value.contains('.') && !value.contains(char::is_whitespace);
        bare.then(|| format!("https://{}", value.trim_start_matches('/')))
    })
}

/// `s/` is https.
fn amp(page: &str) -> Option<String> {
    match page.strip_prefix("s/") {
        Some(page) => Some(format!("https://{page}")),
        None => Some(format!("http://{page}")),
    }
}

/// The three spellings of Proofpoint's URL Defense.
fn proofpoint(rest: &str) -> Option<String> {
    let path = rest.trim_start_matches('/');
    if let Some(inside) = path.strip_prefix("v3/__") {
        return proofpoint_third(inside);
    }
    let value = path.split(['?', '&']).find_map(|piece| piece.strip_prefix("u="))?;
    let value = match path.starts_with("v2/") {
        // Version 2 writes % as - and / as _.
        true => value.replace('-', "%").replace('_', "/"),
        false => value.to_string(),
    };
    link_in(&percent_decoded(&value))
}

/// Version 3: each `*` stands for a character, `**` and a letter for so many, that follow in base64.
fn proofpoint_third(inside: &str) -> Option<String> {
    let (text, rest) = inside.rsplit_once("__;").unwrap_or((inside, ""));
    let packed = rest.split('!').next().unwrap_or_default();
    let bytes = base64(packed).unwrap_or_default();
    let replaced = String::from_utf8_lossy(&bytes).into_owned();
    let mut replaced = replaced.chars();
    let mut out = String::with_capacity(text.len());
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        if letter != '*' {
            out.push(letter);
            continue;
        }
        let mut ahead = letters.clone();
        let run = ahead.next().filter(|next| *next == '*').and_then(|_| RUNS.find(ahead.next()?));
        match run {
            Some(run) => {
                letters = ahead;
                out.extend(replaced.by_ref().take(run + 2));
            }
            None => out.extend(replaced.next()),
        }
    }
    // One of the slashes is lost on the way.
    match out.split_once(":/") {
        Some((scheme, after)) if !after.starts_with('/') => Some(format!("{scheme}://{after}")),
        Some(_) | None => Some(out),
    }
}

fn parameter(written: &str, name: &str) -> Option<String> {
    let (_, query) = written.split_once(['?', '#'])?;
    let value = query.split(['&', '#']).find_map(|piece| {
        let (key, value) = piece.split_once('=')?;
        key.trim_start_matches("amp;").eq_ignore_ascii_case(name).then_some(value)
    })?;
    Some(percent_decoded(value).into_owned())
}

/// Any parameter, or the fragment, that is a link.
fn in_parameters(rest: &str) -> Option<String> {
    let (_, query) = rest.split_once(['?', '#'])?;
    let pieces = query.split(['&', ';', '?', '#']).take(limits::LINK_PIECES_MAX);
    let mut values = pieces.map(|piece| piece.split_once('=').map_or(piece, |(_, value)| value));
    values.find_map(|value| {
        let found = link_in(value)?;
        // A link that is not encoded takes the rest of the query with it.
        match found == value {
            true => query.find(value).and_then(|at| query.get(at..)).map(str::to_string),
            false => Some(found),
        }
    })
}

/// A link behind a slash of the path, as archives and scanners write it.
fn in_path(rest: &str) -> Option<String> {
    let decoded = decoded(rest);
    let lower = decoded.to_ascii_lowercase();
    let at = ["http:/", "https:/"].iter().filter_map(|start| lower.find(start)).min();
    if let Some(at) = at {
        return decoded.get(at..).map(str::to_string);
    }
    let pieces = rest.split(['/', '?', '#']).take(limits::LINK_PIECES_MAX);
    pieces.filter(|piece| piece.len() >= CODED_BYTES_MIN).find_map(link_in)
}

/// A value that is a link: as it stands, in percent signs, in base64 or in hex.
fn link_in(value: &str) -> Option<String> {
    let plain = decoded(value);
    if is_link(&plain) {
        return Some(plain);
    }
    if value.len() < CODED_BYTES_MIN {
        return None;
    }
    let bytes = match plain.starts_with("687474") {
        true => data_encoding::HEXLOWER_PERMISSIVE.decode(plain.as_bytes()).ok()?,
        false if plain.starts_with("aHR0") || plain.starts_with("SFRU") => base64(&plain)?,
        false => return None,
    };
    let text = decoded(&String::from_utf8_lossy(&bytes));
    is_link(&text).then_some(text)
}

fn is_link(text: &str) -> bool {
    let start = |scheme: &str| {
        text.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme))
    };
    start("http:/") || start("https:/") || start("http:\\") || start("https:\\")
}

/// Percent signs undone until it is a link, or as often as they were put on, within reason.
fn decoded(value: &str) -> String {
    let mut value = value.to_string();
    for _ in 0..PERCENT_ROUNDS_MAX {
        if is_link(&value) {
            break;
        }
        let next = percent_decoded(&value).into_owned();
        if next == value {
            break;
        }
        value = next;
    }
    value
}

fn base64(text: &str) -> Option<Vec<u8>> {
    let plain: String = text
        .chars()
        .take_while(|letter| letter.is_ascii_alphanumeric() || "+/-_".contains(*letter))
        .map(|letter| match letter {
            '+' => '-',
            '/' => '_',
            other => other,
        })
        .collect();
    // A stray last letter carries no whole byte.
    let whole = if plain.len() % 4 == 1 { plain.len() - 1 } else { plain.len() };
    let mut lenient = data_encoding::BASE64URL_NOPAD.specification();
    lenient.check_trailing_bits = false;
    lenient.encoding().ok()?.decode(plain.get(..whole)?.as_bytes()).ok()
}

/// Host, how its path begins, and the parameters that may hold the target.
const KNOWN: &[(&str, &str, &[&str])] = &[
    ("safelinks.protection.outlook.com", "", &["url"]),
    ("safelinks.protection.office365.us", "", &["url"]),
    ("google.*", "url", &["q", "url"]),
    ("google.*", "imgres", &["imgrefurl", "imgurl"]),
    ("google.*", "interstitial", &["url"]),
    ("googleadservices.com", "pagead/", &["adurl"]),
    ("doubleclick.net", "", &["adurl", "url", "dest_url"]),
    ("translate.google.com", "translate", &["u"]),
    ("bing.com", "ck/a", &["u"]),
    ("bing.com", "alink/", &["url"]),
    ("facebook.com", "l.php", &["u"]),
    ("facebook.com", "flx/warn", &["u"]),
    ("instagram.com", "", &["u"]),
    ("youtube.com", "redirect", &["q"]),
    ("linkedin.com", "redir/", &["url"]),
    ("linkedin.com", "authwall", &["sessionRedirect"]),
    ("vk.com", "away.php", &["to"]),
    ("t.umblr.com", "redirect", &["z"]),
    ("steamcommunity.com", "linkfilter", &["url", "u"]),
    ("slack-redir.net", "link", &["url"]),
    ("deref-gmx.net", "mail/", &["redirectUrl"]),
    ("deref-web.de", "mail/", &["redirectUrl"]),
    ("linkprotect.cudasvc.com", "url", &["a"]),
    ("mimecast.com", "", &["url", "domain"]),
    ("mimecastprotect.com", "", &["url", "domain"]),
    ("clicktime.symantec.com", "", &["u"]),
    ("protection.sophos.com", "", &["u", "d"]),
    ("trendmicro.com", "wis/", &["url"]),
    ("fireeye.com", "", &["u"]),
    ("duckduckgo.com", "l/", &["uddg"]),
    ("href.li", "", &["url"]),
    ("anon.to", "", &["url"]),
    ("checkpoint.com", "", &["url"]),
    ("zscaler.com", "", &["url"]),
];
/// The letters of Proofpoint's run lengths, two and upwards.
const RUNS: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
/// Shortest coded link: "http://a.bc" in base64.
const CODED_BYTES_MIN: usize = 14;
/// Times one link is decoded: twice is met, a third time is room.
const PERCENT_ROUNDS_MAX: usize = 4;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_target_inside() {
        let b64 = data_encoding::BASE64URL_NOPAD.encode(b"https://evil.example/a?b=c");
        for (link, want) in [
            (
                "https://www.google.com/url?sa=t&q=https%3A%2F%2Fevil.example%2Fx&ved=1",
                "https://evil.example/x",
            ),
            ("https://www.google.se/url?q=https://evil.example/x", "https://evil.example/x"),
            ("https://google.com/amp/s/evil.example/x?y=1", "https://evil.example/x?y=1"),
            (
                "https://evil-example.cdn.ampproject.org/c/s/evil.example/x",
                "https://evil.example/x",
            ),
            (
                "https://eur01.safelinks.protection.outlook.com/?url=https%3A%2F%2Fevil.example%2Fx%3Fa%3D1&data=05",
                "https://evil.example/x?a=1",
            ),
            (
                "https://eur01.safelinks.protection.outlook.com/ap/b-59/?url=https%3A%2F%2Fevil.example%2F&amp;data=05",
                "https://evil.example/",
            ),
            (
                "https://urldefense.proofpoint.com/v1/url?u=http://evil.example/x&k=1",
                "http://evil.example/x",
            ),
            (
                "https://urldefense.proofpoint.com/v2/url?u=https-3A__evil.example_a-2Db&d=x",
                "https://evil.example/a-b",
            ),
            (
                "https://urldefense.com/v3/__https://evil.example/a*b__;Iw!!x!y$",
                "https://evil.example/a#b",
            ),
            (
                "https://urldefense.com/v3/__https:/evil.example/x__;!!x!y$",
                "https://evil.example/x",
            ),
            (
                "https://urldefense.com/v3/__https://evil.example/a**Ab__;w6U_!!x$",
                "https://evil.example/aå?b",
            ),
            (
                "https://linkprotect.cudasvc.com/url?a=https%3a%2f%2fevil.example%2fx&c=E,1",
                "https://evil.example/x",
            ),
            (
                "https://www.facebook.com/l.php?u=https%3A%2F%2Fevil.example%2F&h=1",
                "https://evil.example/",
            ),
            (
                "https://evil-example-a--b.translate.goog/x?_x_tr_sl=en",
                "https://evil.example.a-b/x?_x_tr_sl=en",
            ),
            (
                "https://translate.google.com/translate?sl=a&u=evil.example/x",
                "https://evil.example/x",
            ),
            (
                "https://www.youtube.com/redirect?q=https%253A%252F%252Fevil.example",
                "https://evil.example",
            ),
            (
                "https://r.search.yahoo.com/_ylt=A/RU=https%3a%2f%2fevil.example%2f",
                "https://evil.example/",
            ),
            ("https://web.archive.org/web/2020/http://evil.example/x?y", "http://evil.example/x?y"),
            ("https://any.example/go?next=1#https://evil.example/", "https://evil.example/"),
            (
                "https://any.example/go?x=68747470733a2f2f6576696c2e6578616d706c65",
                "https://evil.example",
            ),
            (
                "https://secure-web.cisco.com/1abc/https%3A%2F%2Fevil.example%2Fx",
                "https://evil.example/x",
            ),
        ] {
            assert_eq!(unwrap_redirect(link).as_deref(), Some(want), "{link}");
        }
        for link in [
            format!("https://www.bing.com/ck/a?!&&p=1&u=a1{b64}&ntb=1"),
            format!("https://any.example/r/{b64}"),
            format!("https://any.example/#{b64}"),
            format!("https://any.example/?t={b64}=="),
        ] {
            assert_eq!(
                unwrap_redirect(&link).as_deref(),
                Some("https://evil.example/a?b=c"),
                "{link}"
            );
        }
        for link in [
            "",
            "https://a.example/",
            "https://a.example/?q=http",
            "https://www.google.com/maps?q=x",
            "mailto:a@b.example?body=https://c.example/",
            "https://a.example/http-guide/x?y=aHR0cA",
        ] {
            assert_eq!(unwrap_redirect(link), None, "{link}");
        }
    }

    #[test]
    fn chains_are_followed_and_end() {
        let mut link = "https://evil.example/".to_string();
        for _ in 0..3 {
            let coded: String = link.bytes().map(|byte| format!("%{byte:02x}")).collect();
            link = format!("https://www.google.com/url?q={coded}");
        }
        assert_eq!(unwrapped(&link).last().map(String::as_str), Some("https://evil.example/"));
        for piece in
            ["https://a.example/?u=", "https://google.com/url?q=", "%25", "http:/", "*", "aHR0"]
        {
            assert!(
                unwrapped(&format!("https://a.example/{}", piece.repeat(3_000))).len()
                    <= limits::REDIRECTS_MAX
            );
        }
    }
}
