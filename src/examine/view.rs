//! A mail made readable for a person who has to decide about it: its text, a page made safe, the tree of its parts, the bytes of one.
//!
//! The mail is opened as an examination opens it, down to the same bounds, but nothing is recognised and no personal value looked for.
//! A part's number is its place in [`super::Contents`]' list of parts, counted from one, which is the same each time the same mail is
//! opened; findings name a part by its `part` and `path`, and so does each row here.

use super::{
    BlobFacts, Contents, Encryption, EngineFailure, Match, PartKind, Personal, PersonalData,
    Signatures, TextSource, Tools, Unscanned, Wants,
    inside::{Item, Origin},
    open::open_and_keep,
    reading,
};
use crate::{
    base::limits,
    formats::{
        budget::Budget,
        mime,
        safe_html::{self, Pictures},
    },
};
use serde::{Deserialize, Serialize};
use std::{ops::Range, time::Duration};

/// What is to be seen of a mail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ViewAsk {
    /// Header section, text, parts.
    Overview,
    /// A page, made safe: the one with this number, or the one that is the mail's body.
    Page(Option<u32>),
    /// The decoded bytes of the part with this number.
    Part(u32),
    /// The mail as it came.
    Whole,
}

/// What was asked for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum View {
    /// Of [`ViewAsk::Overview`].
    Overview(Box<Overview>),
    /// Of [`ViewAsk::Page`].
    Page(PageView),
    /// Of [`ViewAsk::Part`] and [`ViewAsk::Whole`].
    Bytes(PartBytes),
}

/// Everything about a mail that is text.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Overview {
    /// The header section as it came; bytes that are not UTF-8 are marks of replacement.
    pub header: String,
    /// The header section is longer.
    pub header_cut: bool,
    /// What a person reads first: plain bodies, and pages where there is no plain one beside them.
    pub text: String,
    /// Every body by itself: of two that say different things, one may be a lie.
    pub bodies: Vec<Body>,
    /// The number of the page that is the mail's body, where there is one.
    pub page: Option<u32>,
    /// All parts, in the order met.
    pub parts: Vec<ViewedPart>,
    /// What could not be looked into.
    pub unscanned: Vec<Unscanned>,
    /// Is the content encrypted end to end?
    pub encryption: Encryption,
}

/// One body of a mail, as text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Body {
    /// The part's number.
    pub number: u32,
    /// What it was written as.
    pub source: TextSource,
    /// What a reader sees.
    pub shown: String,
    /// What stands in a page and no reader sees.
    pub hidden: String,
}

/// One row of the tree of parts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ViewedPart {
    /// What [`ViewAsk`] calls it.
    pub number: u32,
    /// Its place in the MIME tree, as findings name it.
    pub part: String,
    /// File names from the attachment inward, as findings name it.
    pub path: String,
    /// The name a recipient would see.
    pub name: Option<String>,
    /// The type the mail claims; empty for members of archives.
    pub declared: String,
    /// What it is by its bytes.
    pub kind: PartKind,
    /// It is meant to be saved.
    pub attachment: bool,
    /// Decoded size.
    pub bytes: u64,
    /// SHA-256 of the decoded bytes, hex.
    pub sha256: String,
    /// BLAKE3 of them, hex.
    pub blake3: String,
    /// It needs a password.
    pub encrypted: bool,
}

/// A page that may be looked at, under [`safe_html::SERVED_UNDER`] only.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PageView {
    /// The part's number.
    pub number: u32,
    /// A whole document.
    pub document: String,
    /// Pictures that were not fetched.
    pub pictures_not_fetched: u32,
    /// The page goes on.
    pub cut: bool,
}

/// Decoded bytes of a part.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartBytes {
    /// The name it has in the mail, which may be anything; none for the mail itself.
    pub name: Option<String>,
    /// The bytes.
    pub bytes: Vec<u8>,
    /// These are all of them.
    pub whole: bool,
}

/// Why there is nothing to see.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
pub enum NotViewed {
    /// It has no part of this number.
    #[error("the mail has no part of this number that could be opened")]
    NoPart,
    /// It has no page.
    #[error("the mail has no page to show; its text can be read")]
    NoPage,
    /// The page cannot be made safe.
    #[error("the page is not shown: {0}")]
    NotSafe(String),
    /// It is larger than what is given out.
    #[error("larger than {bytes_max} bytes")]
    TooLarge {
        /// The bound.
        bytes_max: usize,
    },
    /// Nobody could open it.
    #[error("it could not be opened: {0}")]
    NotOpened(String),
}

impl View {
    /// Is it no more than a view gives? What comes from another process is not believed before that is looked at.
    pub fn is_within_bounds(&self) -> bool {
        match self {
            View::Overview(overview) => {
                overview.parts.len() <= limits::PARTS_MAX + limits::UNSCANNED_MAX
                    && overview.text.len() <= 3 * limits::TEXT_BYTES_MAX
                    && overview.header.len() <= 3 * limits::VIEW_HEADER_BYTES_MAX
            }
            View::Page(page) => page.document.len() <= limits::VIEW_ANSWER_BYTES_MAX,
            View::Bytes(part) => part.bytes.len() <= limits::VIEW_PART_BYTES_MAX,
        }
    }
}

/// Makes a view of a message within the budget. A mail beyond a bound is shown as far as that; `unscanned` says so.
pub fn view(message: &[u8], ask: ViewAsk, budget: &mut Budget) -> Result<View, NotViewed> {
    if ask == ViewAsk::Whole {
        return Ok(View::Bytes(given_out(None, message, true)?));
    }
    let wants = Wants { digests: ask == ViewAsk::Overview, blobs: false };
    let tools = Tools { signatures: &Blind, personal: &Blind, wants, abroad: &[] };
    let (contents, keeper) = open_and_keep(message, &tools, budget, Some(Keeper::new(ask)));
    let keeper = keeper.ok_or(NotViewed::NoPart)?;
    match ask {
        ViewAsk::Overview => Ok(View::Overview(Box::new(keeper.overview(message, contents)))),
        ViewAsk::Page(_) => keeper.page().map(View::Page),
        ViewAsk::Part(_) | ViewAsk::Whole => {
            keeper.part.unwrap_or(Err(NotViewed::NoPart)).map(View::Bytes)
        }
    }
}

fn given_out(name: Option<String>, bytes: &[u8], whole: bool) -> Result<PartBytes, NotViewed> {
    let bytes_max = limits::VIEW_PART_BYTES_MAX;
    match bytes.len() <= bytes_max {
        true => Ok(PartBytes { name, bytes: bytes.to_vec(), whole }),
        false => Err(NotViewed::TooLarge { bytes_max }),
    }
}

/// Keeps what a view needs while a mail is being opened.
#[derive(Debug)]
pub(super) struct Keeper {
    ask: ViewAsk,
    bodies: Vec<KeptBody>,
    page: Option<(u32, String)>,
    pictures: Pictures,
    part: Option<Result<PartBytes, NotViewed>>,
}

#[derive(Debug)]
struct KeptBody {
    number: u32,
    /// It stands in a multipart/alternative.
    alternative: bool,
    /// Its texts among those of the contents.
    texts: Range<usize>,
}

/// What is known of a blob that was just listed.
pub(super) struct Listed {
    pub(super) kind: PartKind,
    /// Its place in the list of parts.
    pub(super) place: usize,
    pub(super) attachment: bool,
    /// The texts that were read of it.
    pub(super) texts: Range<usize>,
}

impl Keeper {
    fn new(ask: ViewAsk) -> Keeper {
        Keeper { ask, bodies: Vec::new(), page: None, pictures: Pictures::default(), part: None }
    }

    /// What follows is not needed.
    pub(super) fn has_all(&self) -> bool {
        self.part.is_some()
    }

    /// Looks at one part as it is opened.
    pub(super) fn see(&mut self, item: &Item<'_>, listed: Listed) {
        let Some(number) = u32::try_from(listed.place).ok().and_then(|at| at.checked_add(1)) else {
            return;
        };
        let leaf = match &item.origin {
            Origin::Leaf { leaf, alternative: false, .. } => Some(leaf),
            Origin::Leaf { .. } | Origin::Member { .. } => None,
        };
        // The mail's own, not those of a message inside it.
        let is_body = leaf.is_some() && item.depth == 1 && !listed.attachment;
        match self.ask {
            ViewAsk::Overview => {
                if is_body && reading::source(item, listed.kind).is_some() {
                    let alternative =
                        leaf.is_some_and(|leaf| leaf.within == "multipart/alternative");
                    let body = KeptBody { number, alternative, texts: listed.texts.clone() };
                    self.bodies.push(body);
                    self.keep_page(item, &listed, number);
                }
            }
            ViewAsk::Page(wanted) => {
                let is_wanted = wanted.map_or(is_body, |wanted| wanted == number);
                if is_wanted {
                    self.keep_page(item, &listed, number);
                }
                if let Some(leaf) = leaf {
                    self.pictures.add(&leaf.fields.content_id, item.bytes.bytes());
                }
            }
            ViewAsk::Part(wanted) if wanted == number => {
                let whole = item.stopped.is_none();
                self.part = Some(given_out(item.name.clone(), item.bytes.bytes(), whole));
            }
            ViewAsk::Part(_) | ViewAsk::Whole => (),
        }
    }

    /// Keeps a page, decoded as the examination decodes it; the first one.
    fn keep_page(&mut self, item: &Item<'_>, listed: &Listed, number: u32) {
        let is_page = reading::source(item, listed.kind) == Some(TextSource::Html);
        if self.page.is_some() || !is_page {
            return;
        }
        let bytes = item.bytes.bytes();
        let bytes = bytes.get(..bytes.len().min(limits::PAGE_BYTES_MAX)).unwrap_or_default();
        let text = match self.ask {
            ViewAsk::Page(_) => mime::decode_text(bytes, &reading::charset(item, TextSource::Html)),
            ViewAsk::Overview | ViewAsk::Part(_) | ViewAsk::Whole => String::new(),
        };
        self.page = Some((number, text));
    }

    fn page(self) -> Result<PageView, NotViewed> {
        let (number, text) = self.page.ok_or(NotViewed::NoPage)?;
        let safe = safe_html::safe_page(&text, &self.pictures)
            .map_err(|error| NotViewed::NotSafe(error.to_string()))?;
        Ok(PageView {
            number,
            document: safe.document,
            pictures_not_fetched: safe.pictures_not_fetched,
            cut: safe.cut,
        })
    }

    fn overview(self, message: &[u8], contents: Contents) -> Overview {
        let (header, header_cut) = header_section(message);
        let bodies: Vec<(bool, Body)> =
            self.bodies.iter().flat_map(|kept| kept.bodies(&contents)).collect();
        let is_plain = |body: &Body| body.source == TextSource::Plain;
        let has_plain = bodies.iter().any(|(_, body)| is_plain(body));
        let read: Vec<&str> = bodies
            .iter()
            .filter(|(alternative, body)| is_plain(body) || !(has_plain && *alternative))
            .map(|(_, body)| body.shown.trim_end())
            .collect();
        Overview {
            header,
            header_cut,
            text: read.join("\n\n"),
            bodies: bodies.into_iter().map(|(_, body)| body).collect(),
            page: self.page.map(|(number, _)| number),
            parts: (1..).zip(contents.parts).map(viewed).collect(),
            unscanned: contents.unscanned,
            encryption: contents.encryption,
        }
    }
}

impl KeptBody {
    fn bodies<'c>(&self, contents: &'c Contents) -> impl Iterator<Item = (bool, Body)> + use<'c> {
        let (number, alternative) = (self.number, self.alternative);
        let texts = contents.texts.get(self.texts.clone()).unwrap_or_default().iter();
        texts.map(move |text| {
            let body = Body {
                number,
                source: text.source,
                shown: text.shown.clone(),
                hidden: text.hidden.clone(),
            };
            (alternative, body)
        })
    }
}

fn viewed((number, part): (u32, super::Part)) -> ViewedPart {
    ViewedPart {
        number,
        part: part.id,
        path: part.path,
        name: part.name,
        declared: part.declared,
        kind: part.kind,
        attachment: part.attachment,
        bytes: part.bytes,
        sha256: part.digests.map(|digests| digests.sha256).unwrap_or_default(),
        blake3: part.hash,
        encrypted: part.encrypted,
    }
}

/// Up to the first empty line, within the bound.
fn header_section(message: &[u8]) -> (String, bool) {
    let ends = [&b"\r\n\r\n"[..], b"\n\n"];
    let ends = ends.iter().filter_map(|end| memchr::memmem::find(message, end));
    let end = ends.min().unwrap_or(message.len());
    let kept = end.min(limits::VIEW_HEADER_BYTES_MAX);
    let text = String::from_utf8_lossy(message.get(..kept).unwrap_or_default());
    (text.replace("\r\n", "\n"), kept < end)
}

/// Recognises nothing: what a mail is was said when it was judged.
struct Blind;

impl Signatures for Blind {
    fn scan(&self, _: &[u8], _: &BlobFacts<'_>, _: Duration) -> Result<Vec<Match>, EngineFailure> {
        Ok(Vec::new())
    }
}

impl PersonalData for Blind {
    fn read(&self, _: &[crate::personal::Piece<'_>], _: &[String]) -> (Vec<Personal>, u32) {
        (Vec::new(), 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{base::clock::Clock, formats::budget::Bounds};

    fn ask(message: &str, ask: ViewAsk) -> Result<View, NotViewed> {
        let message = message.replace('\n', "\r\n");
        view(message.as_bytes(), ask, &mut Budget::new(Bounds::default(), &Clock::system()))
    }

    fn overview(message: &str) -> Overview {
        match ask(message, ViewAsk::Overview) {
            Ok(View::Overview(overview)) => *overview,
            other => panic!("{other:?}"),
        }
    }

    const MIXED: &str = "From: a@example\nSubject: =?utf-8?q?hej?=\nMIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=m\n\n\
        --m\nContent-Type: multipart/related; boundary=r\n\n\
        --r\nContent-Type: multipart/alternative; boundary=a\n\n\
        --a\nContent-Type: text/plain; charset=iso-8859-1\nContent-Transfer-Encoding: quoted-printable\n\nSm=F6rg=E5s\n\
        --a\nContent-Type: text/html; charset=utf-8\n\n<p>Smorgas <img src=cid:logo@x><a href=https://far.example/>x</a>\n--a--\n\
        --r\nContent-Type: image/gif\nContent-ID: <logo@x>\nContent-Transfer-Encoding: base64\n\nR0lGODlhAQABAAAAACH5BAEKAAEALAAAAAABAAEAAAICTAEAOw==\n--r--\n\
        --m\nContent-Type: message/rfc822\n\nSubject: inner\n\ninner text\n\
        --m\nContent-Type: application/octet-stream; name=\"a.txt\"\nContent-Disposition: attachment\nContent-Transfer-Encoding: base64\n\naGVsbG8=\n--m--\n";

    #[test]
    fn an_overview_has_the_text_and_every_part() {
        let seen = overview(MIXED);
        assert!(seen.header.starts_with("From: a@example\nSubject: ") && !seen.header_cut);
        assert_eq!(seen.text, "Smörgås");
        let sources: Vec<TextSource> = seen.bodies.iter().map(|body| body.source).collect();
        assert_eq!(sources, [TextSource::Plain, TextSource::Html]);
        let rows: Vec<(u32, &str, &str)> = seen
            .parts
            .iter()
            .map(|row| (row.number, row.part.as_str(), row.path.as_str()))
            .collect();
        let last = rows.last().copied();
        assert_eq!(rows[..3], [(1, "1.1.1", ""), (2, "1.1.2", ""), (3, "1.2", "")], "{rows:?}");
        assert!(last.is_some_and(|(_, part, path)| (part, path) == ("3", "a.txt")), "{rows:?}");
        assert_eq!(seen.page, Some(2));
        let file = seen.parts.last().unwrap();
        assert_eq!(file.sha256, "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824");
        assert!(file.attachment && !file.encrypted && file.bytes == 5);
    }

    #[test]
    fn a_page_alone_is_read_as_text_too() {
        let seen = overview(
            "Content-Type: text/html\n\n<p>one<p>two<span style=display:none>three</span>",
        );
        assert_eq!((seen.text.as_str(), seen.page), ("one\ntwo", Some(1)));
        assert_eq!(seen.bodies[0].hidden, "three");
        assert_eq!(overview("Subject: x\n\nplain").page, None);
    }

    #[test]
    fn a_page_has_its_pictures_and_nothing_else() {
        for number in [None, Some(2)] {
            let Ok(View::Page(page)) = ask(MIXED, ViewAsk::Page(number)) else { panic!() };
            assert!(page.document.contains("<img src=\"data:image/gif;base64,R0lGOD"), "{page:?}");
            assert!(page.document.contains("[to far.example]") && page.number == 2);
        }
        for number in [Some(1), Some(99)] {
            assert_eq!(ask(MIXED, ViewAsk::Page(number)), Err(NotViewed::NoPage));
        }
        assert_eq!(ask("Subject: x\n\nplain", ViewAsk::Page(None)), Err(NotViewed::NoPage));
    }

    #[test]
    fn bytes_are_those_of_the_number() {
        let last = overview(MIXED).parts.last().unwrap().number;
        let Ok(View::Bytes(part)) = ask(MIXED, ViewAsk::Part(last)) else { panic!() };
        assert_eq!(
            part,
            PartBytes { name: Some("a.txt".to_string()), bytes: b"hello".to_vec(), whole: true }
        );
        for number in [0, 99] {
            assert_eq!(ask(MIXED, ViewAsk::Part(number)), Err(NotViewed::NoPart));
        }
        let Ok(View::Bytes(whole)) = ask("a: b\n\nc", ViewAsk::Whole) else { panic!() };
        assert_eq!((whole.bytes.as_slice(), whole.name), (&b"a: b\r\n\r\nc"[..], None));
    }
}
