//! What is round every public page that people read: whose it is, in which language, on whose clock.

use crate::{
    base::{
        clock::UnixMs,
        letters::{self, is_selector, is_unseen},
        local::{TimeOfDay, Zone},
    },
    edge::http::{assets::STAMP, frame, site::Site},
    mail::{Address, Organisation, legible},
    pipeline::{brands::Brand, digest, settings::Settings},
    store::{
        StoreError,
        people::{Mailbox, Wanted},
    },
    wire::{report::Language, words::Words},
};
use askama::Template;
use axum::{
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use data_encoding::BASE64URL_NOPAD;
use std::sync::Arc;

/// The frame of one page. Templates extend `sheet.html` and have it as `sheet`.
#[derive(Debug, Clone)]
pub(super) struct Sheet {
    pub(super) title: String,
    /// What people call those whose page it is.
    pub(super) organisation: String,
    pub(super) language: &'static str,
    pub(super) words: Said,
    /// Behind the address of the style.
    pub(super) stamp: &'static str,
    /// How they look; plain on a page for everybody.
    pub(super) brand: Arc<Brand>,
}

/// The catalogue as templates ask it: sentences without values.
#[derive(Debug, Clone, Copy)]
pub(super) struct Said(pub(super) &'static Words);

impl Said {
    pub(super) fn say(&self, key: &str) -> String {
        self.0.say(key, &[])
    }
}

/// Who reads a page.
#[derive(Debug, Clone)]
pub(super) struct Reader {
    pub(super) words: &'static Words,
    pub(super) zone: Zone,
    pub(super) organisation: String,
    pub(super) brand: Arc<Brand>,
    /// What was chosen for the mailbox.
    pub(super) wanted: Wanted,
    /// When its organisation writes digests, as people write times.
    pub(super) usual_times: String,
}

impl Reader {
    /// The reader of a mailbox's page: in the language that he or the mailbox has chosen, else in the browser's, else in its organisation's.
    /// `address` is whose eyes it is for, where the mailbox is looked after.
    pub(super) async fn of(
        site: &Site,
        mailbox: &Mailbox,
        address: &Address,
        headers: &HeaderMap,
    ) -> Result<Reader, StoreError> {
        let settings = site.gateway().settings.load_full();
        let (wanted, _) = site.gateway().stores.people.wanted(mailbox).await?;
        let own = digest::wanted_by(site.gateway(), mailbox, &address.key(), &wanted).await?;
        let organisation = &mailbox.organisation;
        let usual = || digest::language_of(&settings, organisation, &own);
        let language = own.language.or_else(|| asked_language(headers)).unwrap_or_else(usual);
        Ok(Reader {
            words: Words::of(language),
            zone: digest::zone_of(&settings, organisation, &own),
            organisation: digest::title_of(&settings, organisation),
            brand: settings.brands.get(organisation),
            usual_times: listed(&settings.config.digest.times),
            wanted,
        })
    }

    /// Whoever comes, before we know who it is.
    pub(super) fn anybody(site: &Site, headers: &HeaderMap) -> Reader {
        let settings = site.gateway().settings.load_full();
        let wanted = Wanted::default();
        let organisation = only_organisation(&settings);
        let language = asked_language(headers).or(settings.config.digest.language);
        Reader {
            words: Words::of(language.unwrap_or_default()),
            zone: digest::zone_of(&settings, &organisation, &wanted),
            organisation: digest::title_of(&settings, &organisation),
            brand: Arc::default(),
            usual_times: listed(&settings.config.digest.times),
            wanted,
        }
    }

    /// The same, on a page about mail to this organisation.
    pub(super) fn about(self, site: &Site, organisation: &Organisation) -> Reader {
        let settings = site.gateway().settings.load_full();
        Reader {
            organisation: digest::title_of(&settings, organisation),
            brand: settings.brands.get(organisation),
            ..self
        }
    }

    pub(super) fn sheet(&self, title: &str) -> Sheet {
        Sheet {
            title: title.to_string(),
            organisation: self.organisation.clone(),
            language: self.words.language().code(),
            words: Said(self.words),
            stamp: STAMP.as_str(),
            brand: self.brand.clone(),
        }
    }

    pub(super) fn moment(&self, at: UnixMs) -> Moment {
        Moment { text: self.words.moment(at, &self.zone), iso: crate::wire::date::write_iso(at) }
    }

    pub(super) fn date(&self, at: UnixMs) -> Moment {
        Moment { text: self.words.date(at, &self.zone), iso: crate::wire::date::write_iso(at) }
    }
}

/// A time for people, and for programs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Moment {
    pub(super) text: String,
    pub(super) iso: String,
}

/// Times as people write them.
pub(super) fn listed(times: &[TimeOfDay]) -> String {
    times.iter().map(TimeOfDay::to_string).collect::<Vec<_>>().join(", ")
}

/// Whose name stands on a page that is for everybody: that of the one organisation; of several none is named.
fn only_organisation(settings: &Settings) -> Organisation {
    let mut all = settings.organisations();
    match (all.next(), all.next()) {
        (Some(only), None) => only.name().clone(),
        _ => Organisation::implied(),
    }
}

/// A page of ours as an answer, in its language.
pub(super) fn render(
    code: StatusCode,
    sheet_language: &'static str,
    page: &impl Template,
) -> Response {
    let mut response = (code, frame::render(page)).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_LANGUAGE, HeaderValue::from_static(sheet_language));
    headers.insert(header::VARY, HeaderValue::from_static("accept-language, cookie"));
    response
}

/// One thing to say, and where to go from there.
#[derive(Template)]
#[template(path = "sentence.html")]
struct Sentence<'a> {
    sheet: Sheet,
    sentence: &'a str,
}

/// A page that says one thing.
pub(super) fn say(code: StatusCode, reader: &Reader, title: &str, sentence: &str) -> Response {
    let sheet = reader.sheet(title);
    render(code, sheet.language, &Sentence { sheet, sentence })
}

/// A store did not answer; the log has the reason.
pub(super) fn not_now(reader: &Reader, error: &dyn std::fmt::Display) -> Response {
    tracing::error!(%error, "a page for people could not be made or an act not be done");
    let words = reader.words;
    let (title, why) = (words.say("tap.not-now", &[]), words.say("tap.not-now-why", &[]));
    say(StatusCode::SERVICE_UNAVAILABLE, reader, &title, &why)
}

/// What a form must bring back: it follows from what the page was opened with and from what the form is for, and only we can make it.
pub(super) fn form_token(site: &Site, opened_with: &str, purpose: &str) -> String {
    let hash =
        site.gateway().keyed_hash("sluss 2026 forms of public pages", &[opened_with, purpose]);
    BASE64URL_NOPAD.encode(&hash)
}

/// Did a form bring it back?
pub(super) fn is_form_token(site: &Site, opened_with: &str, purpose: &str, given: &str) -> bool {
    let wanted = form_token(site, opened_with, purpose);
    let same =
        aws_lc_rs::constant_time::verify_slices_are_equal(wanted.as_bytes(), given.as_bytes());
    same.is_ok()
}

/// The first language of ours among those that a browser prefers.
pub(super) fn asked_language(headers: &HeaderMap) -> Option<Language> {
    let wanted = headers.get(header::ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok());
    preferred(wanted.unwrap_or(""))
}

/// The first language of ours among those that a reader prefers, RFC 9110 section 12.5.4; none of ours for everybody else.
pub(super) fn preferred(accept_language: &str) -> Option<Language> {
    let mut wanted: Vec<(u16, Language)> = accept_language
        .split(',')
        .take(LANGUAGES_MAX)
        .filter_map(|range| {
            let (tag, weight) = range.split_once(';').unwrap_or((range, "q=1"));
            let primary = tag.trim().split('-').next().unwrap_or("");
            Some((thousandths(weight.trim().strip_prefix("q=")?)?, Language::parse(primary)?))
        })
        .collect();
    // Stable: of two that are wanted alike, the one named first.
    wanted.sort_by_key(|(weight, _)| std::cmp::Reverse(*weight));
    wanted.first().map(|(_, language)| *language)
}

/// A weight as RFC 9110 section 12.4.2 writes it, "0.85"; None for zero, which is "not this one", and for nonsense.
fn thousandths(weight: &str) -> Option<u16> {
    let (whole, part) = weight.split_once('.').unwrap_or((weight, ""));
    let digits = part.len() <= 3 && part.bytes().all(|byte| byte.is_ascii_digit());
    let whole: u16 = whole.parse().ok().filter(|whole| digits && *whole <= 1)?;
    let sum = whole * 1_000 + format!("{part:0<3}").parse::<u16>().ok()?;
    (1..=1_000).contains(&sum).then_some(sum)
}

/// An address of a stranger in two pieces: what stands before the domain, and the domain as people read it.
pub(super) fn two_pieces(address: &str) -> (String, String) {
    match address.rsplit_once('@') {
        Some((local, domain)) => (format!("{local}@"), legible(domain)),
        None => (address.to_string(), String::new()),
    }
}

/// Words of a stranger as a person may see them: one line, nothing that turns or hides letters, at most so many.
pub(super) fn plain(text: &str) -> String {
    letters::one_line(text, SHOWN_LETTERS_MAX)
}

/// The text of a mail as a person may read it: its lines as they are, without letters that turn or hide others, and an end.
pub(super) fn readable(text: &str) -> String {
    let shown = text.chars().filter(|letter| {
        matches!(letter, '\n' | '\t')
            || !(letter.is_control() || is_unseen(*letter) || is_selector(*letter))
    });
    let mut shown: String = shown.take(TEXT_LETTERS_MAX + 1).collect();
    if let Some((end, _)) = shown.char_indices().nth(TEXT_LETTERS_MAX) {
        shown.truncate(end);
        shown.push('…');
    }
    shown.trim().to_string()
}

/// The address behind a name in a token or a session.
pub(super) fn address_of(name: &str) -> Option<Address> {
    Address::parse(name).ok()
}

/// Languages of one reader that are looked at; browsers send under ten.
const LANGUAGES_MAX: usize = 20;
/// Letters of a stranger's name or subject that a page shows.
const SHOWN_LETTERS_MAX: usize = 200;

/// Letters of a mail's text on its page: what is longer is read after it was delivered. A page stays under a hundred kilobytes.
const TEXT_LETTERS_MAX: usize = 20_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn readers_get_their_language() {
        for (asked, want) in [
            ("sv-SE,sv;q=0.9,en;q=0.8", Some(Language::Sv)),
            ("en-GB,en;q=0.9", Some(Language::En)),
            ("fi", Some(Language::Fi)),
            ("nb-NO", Some(Language::Nb)),
            ("nn", Some(Language::Nb)),
            ("no;q=0.5,da;q=0.7", Some(Language::Da)),
            ("de,fr;q=0.9,da;q=0.1", Some(Language::Da)),
            ("de", None),
            ("", None),
            ("*", None),
            ("sv;q=0,fi;q=0.001", Some(Language::Fi)),
            ("sv;q=2,fi", Some(Language::Fi)),
            ("sv;q=x,,;;q,fi;q=0.3", Some(Language::Fi)),
            ("DA", Some(Language::Da)),
        ] {
            assert_eq!(preferred(asked), want, "{asked:?}");
        }
    }

    #[test]
    fn strangers_words_are_plain_and_bounded() {
        let long = "x".repeat(500);
        for (text, want) in [
            ("Hej  Anna\t!\r\nBcc: x", "Hej Anna ! Bcc: x".to_string()),
            ("fdp.\u{202e}exe", "fdp.exe".to_string()),
            ("a\u{200b}b\u{2066}c\u{e0041}", "abc".to_string()),
            (long.as_str(), "x".repeat(200) + "…"),
        ] {
            assert_eq!(plain(text), want, "{text}");
        }
    }

    #[test]
    fn a_domain_is_shown_in_letters_that_nobody_mistakes() {
        for (address, want) in [
            ("karin@far.example", ("karin@", "far.example")),
            ("\"a@b\"@Far.example", ("\"a@b\"@", "Far.example")),
            ("x@xn--rksmrgs-5wao1o.example", ("x@", "räksmörgås.example")),
            ("x@xn--80ak6aa92e.example", ("x@", "xn--80ak6aa92e.example")),
            ("nobody", ("nobody", "")),
        ] {
            assert_eq!(two_pieces(address), (want.0.to_string(), want.1.to_string()), "{address}");
        }
    }
}
