//! How a mail is worded: what the learners of `learn::classifier` see of it.

use crate::{
    examine::Contents,
    learn::classifier::{Kind, Reader, Seen, Sketch, grams::Grams},
    mail::{Domain, Header},
    pipeline::settings::Settings,
};
use std::cell::RefCell;

/// What the learners see of an opened mail.
pub fn sketch(settings: &Settings, header: &Header, message: &[u8], contents: &Contents) -> Sketch {
    read(settings, header, message, contents, Reader::read)
}

/// The same, each place of the mail by itself.
pub fn by_kind(
    settings: &Settings,
    header: &Header,
    message: &[u8],
    contents: &Contents,
) -> Vec<(Kind, Grams)> {
    read(settings, header, message, contents, Reader::by_kind)
}

fn read<T>(
    settings: &Settings,
    header: &Header,
    message: &[u8],
    contents: &Contents,
    read: impl FnOnce(&mut Reader, &Seen<'_>) -> T,
) -> T {
    let text = text(contents);
    let own = |name: &str| is_ours(settings, name);
    let seen = Seen { header, message, text: &text, own: &own };
    READER.with_borrow_mut(|reader| read(reader, &seen))
}

/// The same for a mail that nobody has opened yet; none if it is none.
pub fn sketch_of(settings: &Settings, message: &[u8]) -> Option<Sketch> {
    let header = Header::read(message).ok()?;
    let contents = settings.examiner.examine(message);
    Some(sketch(settings, &header, message, &contents))
}

thread_local! {
    /// 160 KiB for each thread that judges.
    static READER: RefCell<Reader> = RefCell::default();
}

/// The text that the learners look at: what a reader sees first. A text that comes twice, plain and as a page, is looked at as far as there is room.
pub fn text(contents: &Contents) -> String {
    let mut text = String::new();
    for one in &contents.texts {
        if text.len() >= TEXT_ENOUGH {
            break;
        }
        text.push_str(&one.shown);
        text.push('\n');
    }
    text
}

/// Is this the name of a host or domain of ours, or below one?
fn is_ours(settings: &Settings, name: &str) -> bool {
    let name = name.trim_matches('.');
    if name.eq_ignore_ascii_case(settings.config.hostname.as_str()) {
        return true;
    }
    let starts = std::iter::once(0).chain(name.match_indices('.').map(|(at, _)| at + 1));
    let ends = starts.filter_map(|at| name.get(at..)).filter(|end| end.contains('.'));
    ends.filter_map(|end| Domain::parse(end).ok()).any(|domain| settings.writer(&domain).is_some())
}

/// More than the learners take.
const TEXT_ENOUGH: usize = 4096;
