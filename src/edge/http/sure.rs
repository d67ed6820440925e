//! What cannot be taken back is asked about once more, on a page that says what it touches: a form sent again, with or without script.

use super::{
    frame::{Frame, render},
    visit::Fields,
    words::plain,
};
use askama::Template;
use axum::response::Response;

/// The question, in words for whoever pressed a button.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Sure {
    pub(super) question: String,
    /// What goes with it, a sentence each.
    pub(super) touches: Vec<String>,
    /// Where the form goes: where it came.
    pub(super) action: &'static str,
    /// What the button says.
    pub(super) button: &'static str,
    /// The page that it came from.
    pub(super) leave: &'static str,
}

#[derive(Template)]
#[template(path = "sure.html")]
struct SurePage {
    frame: Frame,
    sure: Sure,
    /// What was sent, to be sent again.
    fields: Vec<(String, String)>,
}

/// Has the form been through that page?
pub(super) fn is_sure(fields: &Fields) -> bool {
    fields.get("sure") == "yes"
}

/// The page; the form's other fields go with it.
pub(super) fn ask(frame: Frame, sure: Sure, fields: &Fields) -> Response {
    let again = fields.pairs().filter(|(name, _)| !matches!(*name, "csrf" | "sure"));
    let fields = again.map(|(name, value)| (plain(name), plain(value))).collect();
    render(&SurePage { frame, sure, fields })
}
