//! Pictures: the QR codes in them, and what is kept beside the pixels.
//!
//! PNG, JPEG, GIF, WebP and BMP are decoded by the `image` crate; codes (ISO/IEC 18004, models 1 to 40 of QR code 2005) are found here and
//! corrected by `rqrr`. Codes drawn with letters or tables are read too ([`blocks`], [`table`]).
//!
//! Never: other symbologies (Aztec, Data Matrix, Micro QR), vectors, or a picture larger than the limits; the last is said.

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
use picture::{Channel, Picture, each_frame};
use plane::Plane;
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

/// The codes of the pictures of one mail, in the order shown.
/// Where two to four neighbours of one width or height have none, they are put together and looked at again: a code may be cut in pieces.
pub fn codes_of(images: &[&[u8]], budget: &mut Budget) -> ImageCodes {
    let mut all = Search::default();
    let mut stopped = None;
    let mut without: Vec<Option<Plane>> = Vec::new();
    for bytes in images.iter().take(limits::IMAGES_SEARCHED_MAX) {
        let mut search = Search::default();
        let (first, why) = search_file(bytes, budget, &mut search);
        stopped = stopped.or(why);
        without.push(first.filter(|_| search.payloads.is_empty()).map(|picture| {
            let plane = picture.plane(Channel::OnWhite);
            let area = plane.width().saturating_mul(plane.height());
            if area > limits::IMAGE_SEARCH_SIDE_MAX.pow(2) { Plane::default() } else { plane }
        }));
        all.cut |= search.cut;
        for payload in search.payloads {
            if !all.payloads.contains(&payload) {
                all.payloads.push(payload);
            }
        }
    }
    if images.len() > limits::IMAGES_SEARCHED_MAX {
        let why = format!("more than {} pictures", limits::IMAGES_SEARCHED_MAX);
        stopped = stopped.or(Some(Stopped::Unsupported(why)));
    }
    let joined_before = all.payloads.len();
    search_joined(&without, budget, &mut all);
    let joined = all.payloads.len() > joined_before;
    let mut codes = finished(all, stopped);
    if joined {
        let because = "a code cut into several pictures".to_string();
        codes.signs.push(Sign { id: "image.code_in_pieces", because });
    }
    codes
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

/// Puts neighbours together, side by side and one under the other.
fn search_joined(planes: &[Option<Plane>], budget: &Budget, search: &mut Search) {
    for start in 0..planes.len() {
        for count in 2..=limits::IMAGE_JOINED_MAX {
            let end = start.saturating_add(count);
            let group: Option<Vec<&Plane>> =
                planes.get(start..end).and_then(|group| group.iter().map(Option::as_ref).collect());
            let Some(group) = group.filter(|group| group.iter().all(|one| one.height() > 0)) else {
                break;
            };
            if budget.check_time().is_err() {
                search.cut = true;
                return;
            }
            let joined = [stacked(&group), beside(&group), in_square(&group)];
            for plane in joined.into_iter().flatten() {
                search.joined(&plane, budget);
            }
        }
    }
}

fn stacked(group: &[&Plane]) -> Option<Plane> {
    let width = group.first()?.width();
    let rows = group.iter().flat_map(|plane| plane.rows().flatten().copied());
    group.iter().all(|plane| plane.width() == width).then(|| Plane::new(width, rows.collect()))
}

fn beside(group: &[&Plane]) -> Option<Plane> {
    let height = group.first()?.height();
    if group.iter().any(|plane| plane.height() != height) {
        return None;
    }
    let mut pixels = Vec::new();
    let mut rows: Vec<_> = group.iter().map(|plane| plane.rows()).collect();
    for _ in 0..height {
        pixels.extend(rows.iter_mut().filter_map(Iterator::next).flatten().copied());
    }
    Some(Plane::new(group.iter().map(|plane| plane.width()).sum(), pixels))
}

/// Four quarters, in reading order.
fn in_square(group: &[&Plane]) -> Option<Plane> {
    let (upper, lower) = group.split_at_checked(2).filter(|_| group.len() == 4)?;
    stacked(&[&beside(upper)?, &beside(lower)?])
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
