//! The lists: which elements may stand in a page that is shown, which attributes, and which values these may have.

use super::{pictures, style};
use std::{borrow::Cow, collections::HashSet};

/// Elements that may stand in a page. None of them fetches, runs, names or changes how what follows is read.
pub(super) const ELEMENTS: &[&str] = &[
    "a",
    "abbr",
    "acronym",
    "address",
    "article",
    "aside",
    "b",
    "bdi",
    "bdo",
    "big",
    "blockquote",
    "br",
    "caption",
    "center",
    "cite",
    "code",
    "col",
    "colgroup",
    "dd",
    "del",
    "dfn",
    "div",
    "dl",
    "dt",
    "em",
    "figcaption",
    "figure",
    "font",
    "footer",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "header",
    "hr",
    "i",
    "img",
    "ins",
    "kbd",
    "li",
    "main",
    "mark",
    "nav",
    "ol",
    "p",
    "pre",
    "q",
    "s",
    "samp",
    "section",
    "small",
    "span",
    "strike",
    "strong",
    "sub",
    "sup",
    "table",
    "tbody",
    "td",
    "tfoot",
    "th",
    "thead",
    "tr",
    "tt",
    "u",
    "ul",
    "var",
    "wbr",
];

/// Attributes that a mail may set, on any element.
pub(super) const OF_MAIL: &[&str] = &[
    "align",
    "alt",
    "bgcolor",
    "border",
    "cellpadding",
    "cellspacing",
    "color",
    "colspan",
    "dir",
    "face",
    "height",
    "hspace",
    "lang",
    "nowrap",
    "rowspan",
    "size",
    "span",
    "start",
    "style",
    "type",
    "valign",
    "vspace",
    "width",
];

/// Attributes of an element, ours among them.
pub(super) fn attributes(element: &str) -> HashSet<&'static str> {
    let ours: &[&str] = match element {
        "a" => &["class", "title"],
        "span" => &["class"],
        "img" => &["src"],
        _ => &[],
    };
    OF_MAIL.iter().chain(ours).copied().collect()
}

/// What is kept of a value; nothing if the attribute goes. What is kept once is kept again unchanged.
pub(super) fn value<'v>(element: &str, attribute: &str, value: &'v str) -> Option<Cow<'v, str>> {
    if attribute == "style" {
        return style::safe(value).map(Cow::Owned);
    }
    let plain = value.trim();
    let fits = match attribute {
        "class" => CLASSES.contains(&(element, plain)),
        "title" => element == "a",
        "src" => element == "img" && pictures::is_ours(value),
        "alt" => element == "img" && value.len() <= ALTERNATIVE_BYTES_MAX,
        "align" | "valign" | "type" => is_word(plain, 12),
        "dir" => matches!(plain, "ltr" | "rtl" | "auto"),
        "lang" => is_word(plain, 35),
        "nowrap" => true,
        "bgcolor" | "color" => is_word(plain.strip_prefix('#').unwrap_or(plain), 30),
        "face" => plain.len() <= 200 && plain.chars().all(is_of_font),
        "colspan" | "rowspan" | "span" => is_number(plain, 3),
        "start" | "border" | "cellpadding" | "cellspacing" | "hspace" | "vspace" => {
            is_number(plain, 4)
        }
        "size" => is_number(plain.strip_prefix(['+', '-']).unwrap_or(plain), 2),
        "height" | "width" => {
            let bare = plain.strip_suffix('%').or_else(|| plain.strip_suffix("px"));
            is_number(bare.unwrap_or(plain), 4)
        }
        _ => false,
    };
    match (fits, attribute) {
        (false, _) => None,
        (true, "nowrap") => Some(Cow::Borrowed("")),
        (true, "alt" | "title" | "src") => Some(Cow::Borrowed(value)),
        (true, _) => Some(Cow::Borrowed(plain)),
    }
}

fn is_word(value: &str, letters_max: usize) -> bool {
    (1..=letters_max).contains(&value.len())
        && value.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

fn is_number(value: &str, digits_max: usize) -> bool {
    (1..=digits_max).contains(&value.len()) && value.bytes().all(|byte| byte.is_ascii_digit())
}

fn is_of_font(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || matches!(letter, ' ' | ',' | '-' | '_')
}

/// What stands for a picture is a sentence.
const ALTERNATIVE_BYTES_MAX: usize = 1_000;

/// A link that leads nowhere.
pub(super) const LINK: &str = "sluss-link";
/// What we say beside something.
pub(super) const NOTE: &str = "sluss-note";
/// Classes are ours alone, so that a mail cannot speak as we do.
const CLASSES: &[(&str, &str)] = &[("a", LINK), ("span", NOTE)];

/// How ours look, whatever stands around them.
pub(super) const SHEET: &str = "body{margin:8px;background:#fff;color:#000;font-family:sans-serif;overflow-wrap:anywhere}\
img{max-width:100%;height:auto}\
.sluss-link{text-decoration:underline}\
.sluss-note{display:inline!important;font:12px/1.4 monospace!important;color:#000!important;\
background:#ffec99!important;border:1px solid #b08900!important;border-radius:3px;padding:0 3px!important;margin:0 2px!important;\
letter-spacing:normal!important;text-transform:none!important;text-indent:0!important;white-space:normal!important;\
visibility:visible!important;float:none!important;direction:ltr!important;unicode-bidi:isolate!important}";
