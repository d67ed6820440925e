//! Hosts and domains that many strangers share, and top-level domains with a bad name.

use crate::{checks::read::hosts, mail::is_at_or_below};

/// A domain whose mailboxes anybody gets for nothing.
pub(crate) fn is_freemail(owner: &str) -> bool {
    FREEMAIL.contains(&owner)
}

/// A service that hides the target behind a short link.
pub(crate) fn is_shortener(owner: &str) -> bool {
    SHORTENERS.contains(&owner)
}

/// A host under a name that a service gives anybody who wants to put up a page, or whose pages show what strangers put there.
pub(crate) fn is_free_host(host: &str) -> bool {
    FREE_HOSTS.iter().any(|name| is_at_or_below(host, name))
}

/// A page of a well-known site that sends the reader on to wherever the link says.
pub(crate) fn is_redirect(host: &str, target: &str) -> bool {
    REDIRECTS.iter().any(|(site, path)| {
        is_at_or_below(host, site)
            && target
                .split_once("//")
                .and_then(|(_, rest)| rest.split_once('/'))
                .is_some_and(|(_, after)| after.starts_with(path))
    })
}

/// A scanner of another mail system rewrote the link; where it leads stands inside it.
pub(crate) fn is_rewriter(host: &str) -> bool {
    REWRITERS.iter().any(|name| is_at_or_below(host, name))
}

/// A top-level domain where throw-away names cost next to nothing, so that far more spam than mail comes from it.
pub(crate) fn is_doubtful_top(host: &str) -> bool {
    DOUBTFUL.contains(&hosts::top(host))
}

const FREEMAIL: &[&str] = &[
    "aol.com",
    "gmail.com",
    "gmx.com",
    "gmx.de",
    "gmx.net",
    "googlemail.com",
    "hotmail.co.uk",
    "hotmail.com",
    "hotmail.dk",
    "hotmail.fi",
    "hotmail.fr",
    "hotmail.no",
    "hotmail.se",
    "icloud.com",
    "inbox.lv",
    "inbox.ru",
    "live.com",
    "live.dk",
    "live.fi",
    "live.no",
    "live.se",
    "mac.com",
    "mail.com",
    "mail.ru",
    "mail.ee",
    "me.com",
    "msn.com",
    "outlook.com",
    "outlook.dk",
    "outlook.se",
    "proton.me",
    "protonmail.com",
    "qq.com",
    "rediffmail.com",
    "tutanota.com",
    "web.de",
    "yahoo.co.jp",
    "yahoo.co.uk",
    "yahoo.com",
    "yahoo.dk",
    "yahoo.no",
    "yahoo.se",
    "yandex.com",
    "yandex.ru",
    "ymail.com",
    "zoho.com",
    "zohomail.eu",
    "126.com",
    "163.com",
    "luukku.com",
    "suomi24.fi",
    "spray.se",
    "passagen.se",
    "online.no",
    "jubii.dk",
    "ofir.dk",
    "bk.ru",
    "list.ru",
    "seznam.cz",
    "wp.pl",
    "o2.pl",
];

const SHORTENERS: &[&str] = &[
    "bit.ly",
    "bitly.com",
    "buff.ly",
    "cutt.ly",
    "goo.gl",
    "is.gd",
    "lnkd.in",
    "n9.cl",
    "ow.ly",
    "qrco.de",
    "rb.gy",
    "rebrand.ly",
    "s.id",
    "shorturl.at",
    "shorturl.asia",
    "t.co",
    "t.ly",
    "t2m.io",
    "tiny.cc",
    "tinyurl.com",
    "u.to",
    "urlz.fr",
    "v.gd",
    "v.ht",
    "x.co",
    "2no.co",
    "iplogger.org",
    "did.li",
    "short.gy",
    "urlday.cc",
    "adf.ly",
];

/// Mostly hosting of static pages and files without a name of one's own.
const FREE_HOSTS: &[&str] = &[
    "000webhostapp.com",
    "appspot.com",
    "azurewebsites.net",
    "blob.core.windows.net",
    "blogspot.com",
    "cloudfunctions.net",
    "cprapid.com",
    "ddns.net",
    "duckdns.org",
    "edgeone.app",
    "firebaseapp.com",
    "firebasestorage.googleapis.com",
    "fleek.co",
    "glitch.me",
    "godaddysites.com",
    "herokuapp.com",
    "ipfs.io",
    "isolation.zscaler.com",
    "lovable.app",
    "myqcloud.com",
    "mybluehost.me",
    "mystrikingly.com",
    "netlify.app",
    "ngrok.io",
    "ngrok-free.app",
    "no-ip.org",
    "on-fleek.app",
    "pages.dev",
    "plesk.page",
    "r2.dev",
    "replit.app",
    "run.app",
    "s3.amazonaws.com",
    "sites.google.com",
    "square.site",
    "storage.googleapis.com",
    "surge.sh",
    "trycloudflare.com",
    "translate.goog",
    "vercel.app",
    "web.app",
    "web.core.windows.net",
    "webflow.io",
    "weebly.com",
    "weeblysite.com",
    "wixsite.com",
    "wixstudio.com",
    "workers.dev",
    "yolasite.com",
    "zapto.org",
];

/// Site, and what its path begins with.
const REDIRECTS: &[(&str, &str)] = &[
    ("google.com", "url?"),
    ("google.com", "amp/"),
    ("googleadservices.com", "pagead/"),
    ("doubleclick.net", "pcs/click"),
    ("doubleclick.net", "clk"),
    ("bing.com", "ck/a"),
    ("baidu.com", "link?"),
    ("youtube.com", "redirect?"),
    ("linkedin.com", "redir/"),
    ("linkedin.com", "slink?"),
    ("facebook.com", "l.php"),
    ("facebook.com", "flx/warn"),
    ("vk.com", "away.php"),
    ("yahoo.com", "*http"),
];

const REWRITERS: &[&str] = &[
    "safelinks.protection.outlook.com",
    "urldefense.com",
    "urldefense.proofpoint.com",
    "mimecast.com",
    "mimecastprotect.com",
    "clicktime.symantec.com",
    "cudasvc.com",
    "trendmicro.com",
    "sophos.com",
    "fireeye.com",
    "checkpoint.com",
    "barracudanetworks.com",
    "exclaimer.net",
];

const DOUBTFUL: &[&str] = &[
    "top",
    "xyz",
    "icu",
    "click",
    "buzz",
    "rest",
    "cfd",
    "sbs",
    "cyou",
    "quest",
    "bond",
    "gq",
    "ml",
    "tk",
    "cf",
    "ga",
    "monster",
    "beauty",
    "hair",
    "skin",
    "autos",
    "boats",
    "makeup",
    "bar",
    "lol",
    "pics",
    "mom",
    "loan",
    "win",
    "bid",
    "stream",
    "download",
    "racing",
    "date",
    "faith",
    "review",
    "accountant",
    "cricket",
    "party",
    "science",
    "surf",
    "uno",
    "vip",
    "wang",
    "work",
    "zip",
    "mov",
    "country",
    "kim",
    "men",
    "trade",
    "cam",
    "fit",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables() {
        assert!(is_freemail("gmail.com") && !is_freemail("kommun.se"));
        assert!(is_shortener("bit.ly"));
        assert!(is_rewriter("eur01.safelinks.protection.outlook.com"));
        assert!(!is_rewriter("notmimecast.com"));
        assert!(is_free_host("login-x.pages.dev") && !is_free_host("pages.example"));
        assert!(is_redirect("www.google.com", "https://www.google.com/url?q=https://evil.example"));
        assert!(!is_redirect("www.google.com", "https://www.google.com/maps?q=url"));
        assert!(is_doubtful_top("nordea.example.top"));
        // The Nordic top-level domains, and those that Nordic firms use beside them.
        for top in [
            "se", "fi", "no", "dk", "is", "ax", "fo", "gl", "eu", "nu", "com", "net", "org", "io",
            "info",
        ] {
            assert!(!is_doubtful_top(top), "{top}");
        }
    }
}
