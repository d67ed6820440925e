//! Saved views as pages and programs handle them: what is saved is read anew as a search each time, so that a view is never more than one.

use super::{
    Place,
    admin::{held, track},
    frame::Frame,
    record,
    site::store_is_away,
    visit::{Fields, Visitor},
    words::plain,
};
use crate::{
    base::limits,
    store::{
        audit::{Details, Entry, What},
        embedded::{View, ViewPage},
    },
};

/// The page that a view is of.
pub(super) fn path(page: ViewPage) -> &'static str {
    match page {
        ViewPage::Held => "/held",
        ViewPage::Trace => "/trace",
    }
}

/// What is asked for, of fields that this page knows; why it cannot be.
pub(super) fn clean(site: &Place, page: ViewPage, query: &str) -> Result<String, String> {
    let fields = Fields::read(query.as_bytes());
    match page {
        ViewPage::Held => held::clean_query(&site.zone(), &fields),
        ViewPage::Trace => track::clean_query(&site.zone(), &fields),
    }
}

/// The same, if it is something to save.
pub(super) fn to_save(site: &Place, page: ViewPage, query: &str) -> Result<String, String> {
    let clean = clean(site, page, query)?;
    match clean.len() {
        0 => Err("This asks for everything: look for something first.".to_string()),
        bytes if bytes > limits::VIEW_QUERY_BYTES_MAX => {
            Err("What is asked for is too long to be saved.".to_string())
        }
        _ => Ok(clean),
    }
}

/// A name for a view: one line, not too long.
pub(super) fn name(text: &str) -> Result<String, String> {
    let name = plain(text.trim());
    match name.chars().count() {
        0 => Err("A view needs a name.".to_string()),
        letters if letters > limits::VIEW_NAME_CHARS_MAX => {
            Err(format!("A view's name has at most {} letters.", limits::VIEW_NAME_CHARS_MAX))
        }
        _ => Ok(name),
    }
}

/// What is done with a view, for the audit log.
pub(super) fn entry(visitor: &Visitor, act: &str, about: &str) -> Entry {
    Entry::new(visitor.actor(), What::ViewChanged)
        .about(about)
        .of(record::organisation(visitor))
        .with(Details::default().word("act", act))
}

/// The views beside a search.
#[derive(Debug, Default)]
pub(super) struct Shelf {
    /// The word of the list.
    pub(super) page: &'static str,
    /// What is looked for now.
    pub(super) query: String,
    pub(super) own: Vec<Shown>,
    /// Those that others share.
    pub(super) shared: Vec<Shown>,
}

/// A view as a link.
#[derive(Debug)]
pub(super) struct Shown {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) address: String,
    /// It is what is looked for now.
    pub(super) here: bool,
    pub(super) shared: bool,
    /// Whose it is.
    pub(super) by: String,
}

impl Shelf {
    /// The views of this list that the visitor sees; `query` is what is looked for now.
    pub(super) async fn of(
        site: &Place,
        visitor: &Visitor,
        page: ViewPage,
        query: &str,
        frame: &mut Frame,
    ) -> Shelf {
        let found = site.gateway().stores.accounts.views(&visitor.account, Some(page)).await;
        let found = found.unwrap_or_else(|error| {
            frame.note = Some(super::frame::Note::failed(store_is_away(&error)));
            Vec::new()
        });
        let (own, shared): (Vec<View>, Vec<View>) =
            found.into_iter().partition(|view| view.owner.name == visitor.account.name);
        let shown = |view: &View| {
            let saved = clean(site, page, &view.query).unwrap_or_default();
            Shown {
                id: view.id.to_string(),
                name: plain(&view.name),
                here: saved == query,
                address: format!("{}?{saved}", path(page)),
                shared: view.shared,
                by: plain(&view.owner.name),
            }
        };
        Shelf {
            page: page.word(),
            query: query.to_string(),
            own: own.iter().map(shown).collect(),
            shared: shared.iter().map(shown).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_one_line() {
        assert_eq!(name("  Invoices "), Ok("Invoices".to_string()));
        let long = "x".repeat(limits::VIEW_NAME_CHARS_MAX + 1);
        for bad in ["", "   ", &long] {
            assert!(name(bad).is_err(), "{bad:?}");
        }
        assert!(!name("a\nb\u{202e}c").unwrap().contains(['\n', '\u{202e}']));
    }
}
