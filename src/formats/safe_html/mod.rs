//! A page of a mail made safe to be looked at in a browser: what it says, and nothing that it does.
//!
//! Four locks, each enough against most. `rewrite` writes the page anew from its tokens: elements, attributes and values that are on
//! the lists of `allowed` and `style`, always closed, never deeper than a bound, all text escaped. Ammonia reads that as a browser does
//! (WHATWG HTML section 13.2.6) and keeps what is on the same lists; what it gives must come out unchanged when it is read again, or
//! nothing is shown, since a page that changes when it is read twice may become another one in the browser. At last each token of the
//! result is looked up in the lists. Whoever serves it does so under a policy that forbids scripts and loads, which the page says of
//! itself too, for whoever saves it.
//!
//! Never: scripts, handlers, forms, frames, media, style sheets, names, and nothing that is fetched. Links lead nowhere and say where
//! they would have gone; pictures come from the mail itself or are described.

mod allowed;
mod pictures;
mod rewrite;
mod style;
#[cfg(test)]
mod tests;

pub use pictures::Pictures;

use super::html::tokens;
use allowed::{ELEMENTS, SHEET};
use ammonia::{Builder, UrlRelative};
use html5gum::Token;
use std::{
    borrow::Cow,
    collections::{HashMap, HashSet},
    sync::LazyLock,
};

/// A page that may be looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SafePage {
    /// A whole document in UTF-8.
    pub document: String,
    /// Pictures that are somewhere else and were not fetched.
    pub pictures_not_fetched: u32,
    /// The page goes on, but a bound was met.
    pub cut: bool,
}

/// Why a page is not shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotSafe {
    /// It becomes another page each time it is read.
    #[error(
        "the page changes each time it is read, so that no one can say what a browser would make of it"
    )]
    Changes,
    /// Something was left over that must not be there.
    #[error("something was left in the page that must not be shown")]
    Left,
}

/// Makes a page safe. It is decoded already; `pictures` are those that came with it.
pub fn safe_page(page: &str, pictures: &Pictures) -> Result<SafePage, NotSafe> {
    let written = rewrite::rewrite(page, pictures);
    let body = settled(&written.body)?;
    if !is_allowed(&body) {
        return Err(NotSafe::Left);
    }
    Ok(SafePage {
        document: document(&body),
        pictures_not_fetched: written.pictures_not_fetched,
        cut: written.cut,
    })
}

/// What a browser makes of it, once that no longer changes.
fn settled(written: &str) -> Result<String, NotSafe> {
    let mut before = AMMONIA.clean(written).to_string();
    for _ in 0..READ_AGAIN_MAX {
        let after = AMMONIA.clean(&before).to_string();
        if after == before {
            return Ok(after);
        }
        before = after;
    }
    Err(NotSafe::Changes)
}

/// Is every token on the lists?
fn is_allowed(body: &str) -> bool {
    tokens::tokens(body).all(|Ok(token)| match token {
        Token::StartTag(tag) => {
            let name = String::from_utf8_lossy(&tag.name);
            let attributes = &mut tag.attributes.iter();
            ELEMENTS.contains(&&*name)
                && attributes.all(|(attribute, value)| {
                    let attribute = String::from_utf8_lossy(attribute);
                    let value = String::from_utf8_lossy(&value.value);
                    allowed::value(&name, &attribute, &value).is_some_and(|safe| safe == value)
                })
        }
        Token::EndTag(tag) => ELEMENTS.contains(&&*String::from_utf8_lossy(&tag.name)),
        Token::String(_) | Token::Error(_) => true,
        Token::Comment(_) | Token::Doctype(_) => false,
    })
}

fn document(body: &str) -> String {
    format!(
        "<!DOCTYPE html>\n<html><head><meta charset=\"utf-8\">\
         <meta http-equiv=\"Content-Security-Policy\" content=\"{POLICY}\">\
         <meta name=\"referrer\" content=\"no-referrer\">\
         <title>Mail</title><style>{SHEET}</style></head>\n<body>{body}</body></html>\n"
    )
}

/// What a page is to be served under. `sandbox` means something in a header field only, so the page itself says the rest again.
pub const SERVED_UNDER: &str =
    "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:";
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; img-src data:";

/// Pages are at rest after the first reading, but for a few with tables in disorder.
const READ_AGAIN_MAX: usize = 3;

static AMMONIA: LazyLock<Builder<'static>> = LazyLock::new(|| {
    let attributes: HashMap<&str, HashSet<&str>> =
        ELEMENTS.iter().map(|element| (*element, allowed::attributes(element))).collect();
    let mut builder = Builder::empty();
    builder
        .tags(ELEMENTS.iter().copied().collect())
        .clean_content_tags(["script", "style"].into())
        .tag_attributes(attributes)
        .url_schemes(["data"].into())
        .url_relative(UrlRelative::Deny)
        .link_rel(None)
        .strip_comments(true)
        .attribute_filter(|element, attribute, value| {
            allowed::value(element, attribute, value).map(|safe| Cow::Owned(safe.into_owned()))
        });
    builder
});
