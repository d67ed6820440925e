//! What is round every admin page: the name, the sections that this visitor may enter, who it is, and what was done last.

use super::{
    assets::STAMP,
    rights::{Right, may},
    site::Site,
    visit::{Fields, Visitor},
    words::plain,
};
use crate::{base::ids::Id, store::scope::Scope};
use askama::Template;
use axum::{
    http::StatusCode,
    response::{Html, IntoResponse, Response},
};

/// The frame of one page. Templates extend `frame.html` and have it as `frame`.
#[derive(Debug, Clone, Default)]
pub(super) struct Frame {
    pub(super) title: String,
    pub(super) hostname: String,
    pub(super) sections: Vec<Section>,
    /// Name and role; empty where nobody is logged in.
    pub(super) who: Option<(String, &'static str)>,
    /// Goes into every form.
    pub(super) csrf: String,
    pub(super) note: Option<Note>,
    /// What this session did last and may still take back, whichever page it has come to since.
    pub(super) undo: Option<UndoOffer>,
    /// The zone of all times on the page; empty where nobody is logged in.
    pub(super) zone: String,
    /// Behind the address of assets.
    pub(super) stamp: &'static str,
}

/// A link to a part of the pages.
#[derive(Debug, Clone)]
pub(super) struct Section {
    pub(super) path: &'static str,
    pub(super) name: &'static str,
    pub(super) here: bool,
}

/// What was done a moment ago and can still be taken back.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct UndoOffer {
    /// Ids of held mails, a space between.
    pub(super) ids: String,
    /// What was done.
    pub(super) said: String,
    /// Seconds for which it still can.
    pub(super) left: u64,
    /// The page where it was done has said so already.
    pub(super) is_told: bool,
}

/// A form that is to be filled in again.
#[derive(Debug, Clone, Default)]
pub(super) struct Again {
    fields: Fields,
    field: &'static str,
    why: String,
}

impl Again {
    /// What was typed in a field.
    pub(super) fn typed(&self, field: &str) -> String {
        plain(self.fields.get(field))
    }

    /// What is wrong with a field; empty: nothing. What is wrong with none in particular is said beside the first, which is what the form is about.
    pub(super) fn wrong(&self, field: &str, is_first: bool) -> String {
        let is_it = self.field == field || (is_first && self.field.is_empty());
        if is_it { self.why.clone() } else { String::new() }
    }
}

/// What was done, or why not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Note {
    pub(super) good: bool,
    pub(super) text: String,
    /// Ids of held mails, a space between: what was done to them can be taken back.
    pub(super) undo: String,
    /// What was typed into the form of an act that failed, and which act (the path of its route): it stands in that form again.
    pub(super) typed: Option<(&'static str, Fields)>,
    /// The field of that form that is wrong; empty: none in particular.
    pub(super) field: &'static str,
}

impl Note {
    pub(super) fn done(text: impl Into<String>) -> Note {
        Note { good: true, text: text.into(), undo: String::new(), typed: None, field: "" }
    }

    pub(super) fn failed(text: impl Into<String>) -> Note {
        Note { good: false, text: text.into(), undo: String::new(), typed: None, field: "" }
    }

    /// It is about this field of the form.
    pub(super) fn about(self, field: &'static str) -> Note {
        Note { field, ..self }
    }

    /// What was done can be taken back for these.
    pub(super) fn with_undo(self, ids: &[Id]) -> Note {
        let undo: Vec<String> = ids.iter().map(Id::to_string).collect();
        Note { undo: undo.join(" "), ..self }
    }
}

/// The sections in the order of the menu, and the right that each needs. A section is the path of its first page.
const SECTIONS: &[(&str, &str, Right)] = &[
    ("/", "Needs you", Right::Look),
    ("/held", "Held mail", Right::Look),
    ("/trace", "Track", Right::Look),
    ("/policy", "Policy", Right::Look),
    ("/statistics", "Statistics", Right::Look),
    ("/status", "Status", Right::Site),
    ("/operate", "Operate", Right::Look),
    ("/audit", "Audit", Right::Audit),
    ("/accounts", "Accounts", Right::Accounts),
];

impl Frame {
    /// What stands in a field of an act's form: what was typed there, if the act has just failed.
    pub(super) fn typed(&self, act: &str, field: &str) -> String {
        let typed = self.note.as_ref().and_then(|note| note.typed.as_ref());
        let typed = typed.filter(|(failed, _)| *failed == act);
        typed.map_or_else(String::new, |(_, fields)| plain(fields.get(field)))
    }

    /// The form of an act, if that has just failed: what was typed, and what is wrong with it.
    pub(super) fn again(&self, act: &str) -> Option<Again> {
        let note = self.note.as_ref()?;
        let (_, fields) = note.typed.as_ref().filter(|(failed, _)| *failed == act)?;
        Some(Again { fields: fields.clone(), field: note.field, why: note.text.clone() })
    }

    /// Round a page of the section at `place`.
    pub(super) fn new(site: &Site, visitor: &Visitor, title: &str, place: &str) -> Frame {
        let sections = SECTIONS.iter().filter(|(_, _, right)| may(&visitor.account, *right));
        let sections =
            sections.map(|(path, name, _)| Section { path, name, here: *path == place }).collect();
        let note = visitor.said.read(site, visitor.session);
        let is_new = note.as_ref().is_some_and(|note| !note.undo.is_empty());
        let undo = visitor.said.is_read().then(|| site.undo_offer(visitor.session)).flatten();
        Frame {
            title: title.to_string(),
            sections,
            who: Some((visitor.account.name.clone(), visitor.role())),
            hostname: name_for(site, visitor),
            csrf: visitor.csrf.clone(),
            note,
            undo: undo.map(|offer| UndoOffer { is_told: !is_new, ..offer }),
            zone: site.zone().name().to_string(),
            ..Frame::bare(site, title)
        }
    }

    /// Round a page for whoever is not logged in.
    pub(super) fn bare(site: &Site, title: &str) -> Frame {
        Frame {
            title: title.to_string(),
            hostname: site.hostname(),
            stamp: STAMP.as_str(),
            ..Frame::default()
        }
    }
}

/// Whose pages they are: those of whoever looks after one organisation bear the name that it has chosen.
fn name_for(site: &Site, visitor: &Visitor) -> String {
    let organisation = match &visitor.scope {
        Scope::Everything => None,
        Scope::Organisation(own) | Scope::Domains(own, _) | Scope::Mailbox(own, _) => Some(own),
    };
    let settings = site.gateway().settings.load();
    let chosen = organisation.and_then(|own| settings.brands.get(own).name.clone());
    chosen.map(|name| plain(&name)).unwrap_or_else(|| site.hostname())
}

/// A page as an answer.
pub(super) fn render(page: &impl Template) -> Response {
    match page.render() {
        Ok(html) => Html(html).into_response(),
        Err(error) => {
            tracing::error!(%error, "a page could not be written");
            (StatusCode::INTERNAL_SERVER_ERROR, "this page could not be written\n").into_response()
        }
    }
}

#[derive(Template)]
#[template(path = "said.html")]
struct Said<'a> {
    frame: Frame,
    sentence: &'a str,
}

/// A page that says one sentence, for what went wrong.
pub(super) fn say(code: StatusCode, frame: Frame, sentence: &str) -> Response {
    (code, render(&Said { frame, sentence })).into_response()
}
