//! Pictures: the QR codes in them, and what is kept beside the pixels.
//!
//! PNG, JPEG, GIF, WebP and BMP are decoded by the `image` crate; codes (ISO/IEC 18004, models 1 to 40 of QR code 2005) are found here and
//! corrected by `rqrr`. Codes drawn with letters or tables are read too ([`blocks`], [`table`]).
//!
//! Never: other symbologies (Aztec, Data Matrix, Micro QR), vectors, or a picture larger than the limits; the last is said.

pub mod album;
pub mod blocks;
mod eyes;
mod grid;
mod inside;
mod picture;
mod plane;
mod search;
pub mod table;

use super::{
    budget::{Budget, Stopped},
    opened::{Member, Opened, Role, Sign},
};
use crate::base::limits;
use picture::{Picture, each_frame};
use search::{Search, Watch};
use std::ops::ControlFlow;

/// What codes in one or several pictures say.
#[derive(Debug, Default)]
pub struct ImageCodes {
    /// The text of each code, each once.
    pub texts: Vec<String>,
    /// Why not everything was looked at.
    pub stopped: Option<Stopped>,
    /// That there is a code, and of what kind.
    pub signs: Vec<Sign>,
}

/// Everything in a picture that is not its pixels, and what its codes say.
/// Members: metadata and what stands behind the end (`Inside`), the text of each code (`Text`); links are the codes that lead somewhere.
pub fn open(bytes: &[u8], budget: &mut Budget) -> Opened {
    let mut opened = inside::open(bytes, budget);
    add_codes(&mut opened, codes(bytes, budget));
    opened
}

/// Adds what codes say to what was opened: a text each, and a link where it is one.
pub fn add_codes(opened: &mut Opened, codes: ImageCodes) {
    for (number, text) in (1_usize..).zip(codes.texts) {
        opened.links.extend(link(&text));
        let name = Some(format!("QR code {number}"));
        opened.push(Member::new(name, text.into_bytes(), Role::Text));
    }
    for sign in codes.signs {
        opened.sign(sign.id, sign.because);
    }
    opened.stopped = opened.stopped.take().or(codes.stopped);
}

/// The codes of one picture with all its frames.
pub fn codes(bytes: &[u8], budget: &mut Budget) -> ImageCodes {
    let mut search = Search::default();
    let (_, stopped) = search_file(bytes, budget, &mut search);
    finished(search, stopped)
}

/// Searches a file and gives its first frame.
fn search_file(
    bytes: &[u8],
    budget: &Budget,
    search: &mut Search,
) -> (Option<Picture>, Option<Stopped>) {
    let watch = Watch::start(budget);
    let mut first: Option<Picture> = None;
    let mut late = false;
    let stopped = each_frame(bytes, budget, &mut |picture| {
        search.picture(&picture, budget);
        first.get_or_insert(picture);
        late = watch.spent(budget) > limits::IMAGE_SEARCH_TIME_MAX || budget.check_time().is_err();
        if late { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    search.cut |= late;
    (first, stopped)
}

fn finished(search: Search, stopped: Option<Stopped>) -> ImageCodes {
    let texts: Vec<String> = search.payloads.into_iter().map(text).collect();
    let mut signs = Vec::new();
    if !texts.is_empty() {
        let links = texts.iter().filter(|text| link(text).is_some()).count();
        let because = match (texts.len(), links) {
            (1, 1) => "a QR code with a link".to_string(),
            (1, _) => "a QR code".to_string(),
            (codes, links) => format!("{codes} QR codes, {links} with links"),
        };
        signs.push(Sign { id: "image.code", because });
    }
    let cut = search.cut.then(|| {
        Stopped::Unsupported("more patterns like QR codes than are looked at".to_string())
    });
    ImageCodes { texts, stopped: stopped.or(cut), signs }
}

/// What a code says: UTF-8, or Latin-1, which is what the standard means by bytes (ISO/IEC 18004 section 7.3.5).
fn text(payload: Vec<u8>) -> String {
    match String::from_utf8(payload) {
        Ok(text) => text,
        Err(error) => error.as_bytes().iter().map(|byte| char::from(*byte)).collect(),
    }
}

/// The link in a code's text, if a telephone would follow it. Telephones also follow a bare host name.
pub fn link(text: &str) -> Option<String> {
    let text = text.trim();
    let inside = text.get(..6).filter(|start| start.eq_ignore_ascii_case("urlto:"));
    let text = inside.map_or(text, |start| text.get(start.len()..).unwrap_or_default());
    if text.contains(char::is_whitespace) {
        let mut found = super::links::in_text(text);
        return found.next().map(|(_, target)| target.written);
    }
    let host = text.split(['/', '?', '#', ':']).next().unwrap_or_default();
    match text.split_once(':') {
        Some((scheme, rest)) if is_scheme(scheme) && !rest.is_empty() => Some(text.to_string()),
        Some(_) | None => {
            let known = host.contains('.')
                && psl::suffix(host.to_ascii_lowercase().as_bytes())
                    .is_some_and(|suffix| suffix.is_known());
            known.then(|| format!("http://{text}"))
        }
    }
}

/// Schemes that open something; WIFI, MATMSG, BEGIN and their like are forms of text.
fn is_scheme(scheme: &str) -> bool {
    const FORMS: &[&str] = &[
        "wifi", "begin", "mecard", "bizcard", "matmsg", "geo", "tel", "sms", "smsto", "mms", "spc",
        "bcd",
    ];
    let lower = scheme.to_ascii_lowercase();
    lower.starts_with(|first: char| first.is_ascii_lowercase())
        && lower.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte))
        && lower.len() > 1
        && !lower.contains('.')
        && !FORMS.contains(&lower.as_str())
}

#[cfg(test)]
mod tests;
