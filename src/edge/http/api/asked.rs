//! What may stand behind the question mark of an address of the API: looked at before the answer is made, so that a word mistyped is
//! heard of and not passed over.

use super::Problem;
use crate::{
    base::{clock::UnixMs, local::Zone},
    edge::http::{
        admin::track::{end, moment},
        site::Site,
        visit::{Fields, Query, Visitor},
        words::plain,
    },
    store::scope::Scope,
};
use serde_json::{Value, json};

/// A parameter of a query.
#[derive(Debug, Clone, Copy)]
pub struct Param {
    /// Its name.
    pub name: &'static str,
    /// What it means.
    pub about: &'static str,
    /// What it takes.
    pub takes: Takes,
}

/// What a parameter takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Takes {
    /// Any text.
    Text,
    /// A whole number, not below zero.
    Number,
    /// A moment (RFC 3339), a day of UTC, or milliseconds since 1970.
    Moment,
    /// One of these words.
    OneOf(&'static [&'static str]),
    /// The name of an organisation that is here and that the caller sees.
    Organisation,
}

impl Param {
    /// One that takes any text.
    pub(super) const fn text(name: &'static str, about: &'static str) -> Param {
        Param { name, about, takes: Takes::Text }
    }

    /// One that takes a number.
    pub(super) const fn number(name: &'static str, about: &'static str) -> Param {
        Param { name, about, takes: Takes::Number }
    }

    /// One that takes a time.
    pub(super) const fn moment(name: &'static str, about: &'static str) -> Param {
        Param { name, about, takes: Takes::Moment }
    }

    /// One that takes a word of these.
    pub(super) const fn one_of(
        name: &'static str,
        about: &'static str,
        words: &'static [&'static str],
    ) -> Param {
        Param { name, about, takes: Takes::OneOf(words) }
    }

    /// One that takes an organisation's name.
    pub(super) const fn organisation(about: &'static str) -> Param {
        Param { name: ORGANISATION, about, takes: Takes::Organisation }
    }

    /// What the document says of it.
    pub(super) fn said(&self) -> String {
        match self.takes {
            Takes::Moment => format!("{} {MOMENT}", self.about),
            Takes::Text | Takes::Number | Takes::OneOf(_) | Takes::Organisation => {
                self.about.to_string()
            }
        }
    }

    /// The shape of its values.
    pub(super) fn schema(&self) -> Value {
        match self.takes {
            Takes::Text | Takes::Moment | Takes::Organisation => json!({ "type": "string" }),
            Takes::Number => json!({ "type": "integer", "minimum": 0 }),
            Takes::OneOf(words) => json!({ "type": "string", "enum": words }),
        }
    }

    /// Why this is no value of it.
    fn trouble(&self, value: &str, seen: &Seen) -> Option<String> {
        let (name, said) = (self.name, plain(value));
        match self.takes {
            // As if it were not there: a form sends its empty fields too.
            _ if value.trim().is_empty() => None,
            Takes::Text => None,
            Takes::Number => value
                .trim()
                .parse::<u64>()
                .err()
                .map(|_| format!("{name} is a number, not {said:?}")),
            Takes::Moment => moment(value, &Zone::utc())
                .err()
                .map(|_| format!("{name} is a time, not {said:?}: {MOMENT}")),
            Takes::OneOf(words) => (!words.contains(&value.trim()))
                .then(|| format!("{name} is one of {}, not {said:?}", words.join(", "))),
            Takes::Organisation => seen.trouble(value),
        }
    }
}

/// Is everything that was asked a parameter of the path, once, with a value that it takes?
pub(super) fn well(params: &[Param], asked: &Fields, organisations: &Seen) -> Result<(), Problem> {
    let mut seen: Vec<&str> = Vec::new();
    for (name, value) in asked.pairs() {
        let Some(param) = params.iter().find(|param| param.name == name) else {
            return Err(Problem::bad_request(unknown(params, name)));
        };
        if seen.contains(&name) {
            return Err(Problem::bad_request(format!("{name} is asked twice")));
        }
        if let Some(why) = param.trouble(value, organisations) {
            return Err(Problem::bad_request(why));
        }
        seen.push(name);
    }
    Ok(())
}

/// The organisations that a caller may name. One that he does not see is as if it were not there.
#[derive(Debug)]
pub(super) struct Seen(Vec<String>);

impl Seen {
    pub(super) fn by(visitor: &Visitor, site: &Site) -> Seen {
        match &visitor.scope {
            Scope::Everything => {
                let settings = site.gateway().settings.load();
                Seen(settings.organisations().map(|one| one.name().to_string()).collect())
            }
            Scope::Organisation(own) | Scope::Domains(own, _) | Scope::Mailbox(own, _) => {
                Seen(vec![own.to_string()])
            }
        }
    }

    fn trouble(&self, value: &str) -> Option<String> {
        let value = value.trim();
        if self.0.iter().any(|name| name == value) {
            return None;
        }
        let mut names = self.0.iter().take(NAMED_MAX).cloned().collect::<Vec<_>>().join(", ");
        if self.0.len() > NAMED_MAX {
            names += " and more";
        }
        Some(format!("{ORGANISATION} is one of {names}, not {:?}", plain(value)))
    }
}

/// May the caller name this organisation in what he sends? Nothing and an empty name are as if none were named.
pub(super) fn organisation(site: &Site, visitor: &Visitor, name: &str) -> Result<(), Problem> {
    let trouble = match name.trim().is_empty() {
        true => None,
        false => Seen::by(visitor, site).trouble(name),
    };
    trouble.map_or(Ok(()), |why| Err(Problem::bad_request(why)))
}

fn unknown(params: &[Param], name: &str) -> String {
    let name = plain(name);
    let names: Vec<&str> = params.iter().map(|param| param.name).collect();
    match names.is_empty() {
        true => format!("there is no parameter {name:?} here, nor any other"),
        false => format!("there is no parameter {name:?} here; there are {}", names.join(", ")),
    }
}

/// From when on.
pub(super) fn since(query: &Query) -> Result<Option<UnixMs>, Problem> {
    time(query, "since", moment)
}

/// Until when.
pub(super) fn until(query: &Query) -> Result<Option<UnixMs>, Problem> {
    time(query, "until", end)
}

fn time(
    query: &Query,
    name: &str,
    read: fn(&str, &Zone) -> Result<UnixMs, String>,
) -> Result<Option<UnixMs>, Problem> {
    let read = query.0.given(name).map(|text| read(&text, &Zone::utc())).transpose();
    read.map_err(Problem::bad_request)
}

/// What the parameter is called that names an organisation.
const ORGANISATION: &str = "organisation";
/// Organisations that an answer names when none of them was asked for.
const NAMED_MAX: usize = 50;

const MOMENT: &str =
    "A moment as 2026-11-21T08:30:00Z, a day (UTC) as 2026-11-21, or milliseconds since 1970.";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_asked_well_is_named() {
        const PARAMS: &[Param] = &[
            Param::text("text", ""),
            Param::number("limit", ""),
            Param::moment("since", ""),
            Param::one_of("direction", "", &["inbound", "outbound"]),
            Param::organisation(""),
        ];
        let organisations = Seen(vec!["acme".to_string(), "other".to_string()]);
        for (query, want) in [
            ("", None),
            ("text=a&limit=5&direction=inbound", None),
            ("text=&limit=&since=&direction=", None),
            ("since=2026-11-21", None),
            ("since=2026-11-21T08:30:00Z", None),
            ("since=1795000000000", None),
            ("since=yesterday", Some("since is a time, not \"yesterday\"")),
            ("limit=-1", Some("limit is a number, not \"-1\"")),
            ("organisation=acme", None),
            ("organisation=", None),
            ("organisation=amce", Some("organisation is one of acme, other, not \"amce\"")),
            ("direction=up", Some("direction is one of inbound, outbound, not \"up\"")),
            ("sinse=1", Some("there is no parameter \"sinse\" here; there are text, limit, since")),
            ("text=a&text=b", Some("text is asked twice")),
        ] {
            let trouble = well(PARAMS, &Fields::read(query.as_bytes()), &organisations).err();
            let said = trouble.map(|problem| format!("{problem:?}"));
            match want {
                None => assert!(said.is_none(), "{query}: {said:?}"),
                Some(want) => {
                    let want = format!("{want:?}");
                    let want = want.trim_matches('"');
                    assert!(
                        said.as_ref().is_some_and(|said| said.contains(want)),
                        "{query}: {said:?}"
                    );
                }
            }
        }
        let nothing = well(&[], &Fields::read(b"a=b"), &organisations).unwrap_err();
        assert!(format!("{nothing:?}").contains("nor any other"), "{nothing:?}");
    }
}
