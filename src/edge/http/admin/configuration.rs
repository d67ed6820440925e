//! The configuration with the origin of each value, and the stored part of it: changed, and put back, each time as a version.
//!
//! It is the whole site's: whoever sees one organisation sees what is of that alone, and changes it where it is told. What names a file or the environment of the machine is set
//! there or by command, never by page: a browser's account must not become a reader of files.

use super::{
    history,
    holds::Holds,
    operate::{back, can, frame, not_found, sentence},
};
use crate::{
    base::limits,
    config::{
        effect::Effect,
        layers::{BESIDE_FILE, Change, Kind, Merged, Origin, Target, Value, Version, read_value},
    },
    edge::{
        http::{
            Needs, Place, Route,
            frame::{Again, Frame, Note, Section, render},
            in_force,
            rights::Right,
            site::Site,
            visit::{Fields, Query, Visitor},
            words::{Moment, Wall, plain},
        },
        stored::{self, Changed, Refused, Signature},
        undo::{Later, in_words},
    },
    store::{StoreError, embedded::ConfigDb, scope::Scope},
};
use askama::Template;
use axum::{
    extract::State,
    response::{IntoResponse, Response},
    routing::{get, post},
};
use std::collections::{BTreeMap, HashMap};

const NEEDS: Needs = Needs::Right(Right::Policy);
const LOOK: Needs = Needs::Right(Right::Settings);

pub(in crate::edge::http) const ROUTES: &[Route] = &[
    Route::page(PATH, "what holds, and where each value is from", LOOK, || get(values)),
    Route::act("/configuration/set", "store a value", NEEDS, || post(set)),
    Route::act("/configuration/unset", "forget a stored value", NEEDS, || post(unset)),
];

pub(super) const PATH: &str = "/configuration";

#[derive(Template)]
#[template(path = "configuration.html")]
struct ValuesPage {
    frame: Frame,
    pages: Vec<Section>,
    is_whole: bool,
    may_change: bool,
    /// What is shown: a section, or a path in it; empty: only what is stored.
    under: String,
    /// The path that is to be changed.
    path: String,
    /// What was typed before and failed.
    again: Again,
    seen: Seen,
    trouble: String,
}

struct Row {
    path: String,
    value: String,
    origin: String,
    /// When it was stored, and why.
    stored: Option<(Moment, String)>,
    /// "file", "stored" or "default".
    layer: &'static str,
    /// It takes effect only after a restart.
    is_read_once: bool,
    /// Where it is changed; empty where no page may.
    change: String,
}

/// What the layers say of what was asked for.
#[derive(Default)]
struct Seen {
    sections: Vec<(String, usize)>,
    rows: Vec<Row>,
    more: usize,
    domains: usize,
}

async fn values(State(site): State<Place>, visitor: Visitor, Query(query): Query) -> Response {
    let (frame, pages) = frame(&site, &visitor, "Configuration", PATH);
    let under = query.get("under").trim().to_string();
    let is_whole = is_whole(&visitor);
    let (seen, trouble) = match seen(&site, &visitor, &under).await {
        Ok(seen) => (seen, String::new()),
        Err(why) => (Seen::default(), sentence(&plain(&why))),
    };
    let again = frame.again("/configuration/set").or_else(|| frame.again("/configuration/unset"));
    let typed = again.as_ref().map(|again| again.typed("path"));
    render(&ValuesPage {
        path: typed.unwrap_or_else(|| query.get("path").to_string()),
        again: again.unwrap_or_default(),
        may_change: is_whole && can(&visitor, Right::Policy),
        frame,
        pages,
        is_whole,
        under,
        seen,
        trouble,
    })
}

/// Values that a page shows: under 100 KB.
const ROWS_MAX: usize = 3 * limits::WEB_PAGE_ROWS;

pub(super) fn is_whole(visitor: &Visitor) -> bool {
    visitor.scope == Scope::Everything
}

/// Reads all layers anew: what is shown is what the next reload would read.
async fn seen(site: &Site, visitor: &Visitor, under: &str) -> Result<Seen, String> {
    let holds = Holds::read(site, visitor).await?;
    let mut values = holds.all_values(under);
    let sections = sections(&values);
    values.retain(|value| is_shown(value, under));
    let more = values.len().saturating_sub(ROWS_MAX);
    values.truncate(ROWS_MAX);
    let sight = history::Sight::of(&holds, visitor);
    let (values, versions) = history::who_said(site, sight, values).await?;
    let may_change = is_whole(visitor) && can(visitor, Right::Policy);
    let wall = site.wall();
    let row = |value: &Value| row(value, &holds.merged, (&versions, &wall), may_change);
    Ok(Seen {
        sections,
        rows: values.iter().map(row).collect(),
        more,
        domains: if is_whole(visitor) { holds.merged.config.domain_table.len() } else { 0 },
    })
}

pub(super) fn told(error: StoreError) -> String {
    error.to_string()
}

/// The first words of all paths, and how many values each has.
fn sections(values: &[Value]) -> Vec<(String, usize)> {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for value in values {
        let first = value.path.split_once('.').map_or(value.path.as_str(), |(first, _)| first);
        *counts.entry(first).or_default() += 1;
    }
    counts.into_iter().map(|(name, count)| (name.to_string(), count)).collect()
}

/// Without a path, what is stored; else what is under it.
fn is_shown(value: &Value, under: &str) -> bool {
    if under.is_empty() {
        return matches!(value.origin, Origin::Stored { .. });
    }
    let rest = value.path.strip_prefix(under);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

/// What an entry is called stands in the path of all its values.
pub(super) fn is_a_name(path: &str) -> bool {
    let lists = Kind::ALL.into_iter().filter(|kind| *kind != Kind::Setting);
    let mut starts = lists.map(|kind| format!("{kind}."));
    path.ends_with(".name") && starts.any(|start| path.starts_with(&start))
}

fn row(
    value: &Value,
    merged: &Merged,
    (versions, wall): (&HashMap<u32, Version>, &Wall),
    may_change: bool,
) -> Row {
    let mut stored = None;
    let (layer, origin) = match &value.origin {
        Origin::Default => ("default", String::new()),
        Origin::Stored { version } => {
            let said = versions.get(version);
            stored = said.map(|one| (Moment::of(wall, one.at), plain(&one.comment)));
            let author = said.map(|one| format!(" by {}", plain(&one.author)));
            ("stored", format!("version {version}{}", author.unwrap_or_default()))
        }
        Origin::File { .. } | Origin::CommandLine | Origin::Trial => {
            ("file", plain(&value.origin.to_string()))
        }
    };
    let open = may_change
        && Target::parse(&value.path).is_ok_and(|target| {
            of_the_machine(&target, &value.value).is_none() && merged.lock(&target).is_none()
        });
    let path: String = form_urlencoded::byte_serialize(value.path.as_bytes()).collect();
    Row {
        change: if open {
            format!("{}&path={path}#set", address(&value.path))
        } else {
            String::new()
        },
        path: plain(&value.path),
        value: shown(&value.path, &value.value),
        layer,
        stored,
        origin,
        is_read_once: Effect::of(&value.path) == Effect::Restart,
    }
}

/// A value as it is shown. A key that says it is secret, and a password inside an address, are not.
pub(in crate::edge::http) fn shown(path: &str, value: &toml::Value) -> String {
    let key = path.rsplit_once('.').map_or(path, |(_, key)| key);
    let is_secret = ["password", "secret", "token"].iter().any(|word| key.ends_with(word));
    if is_secret {
        return NOT_SHOWN.to_string();
    }
    plain(&without_passwords(&value.to_string()))
}

/// The same of a value with all that is in it, for programs.
pub(in crate::edge::http) fn without_secrets(path: &str, value: toml::Value) -> toml::Value {
    match value {
        toml::Value::Table(table) => {
            let inner = table.into_iter().map(|(key, value)| {
                let value = without_secrets(&key, value);
                (key, value)
            });
            toml::Value::Table(inner.collect())
        }
        toml::Value::Array(list) => {
            let inner = list.into_iter().map(|value| without_secrets(path, value));
            toml::Value::Array(inner.collect())
        }
        toml::Value::String(text) => {
            let is_shown = shown(path, &toml::Value::String(text.clone())) != NOT_SHOWN;
            let text = if is_shown { without_passwords(&text) } else { NOT_SHOWN.to_string() };
            toml::Value::String(text)
        }
        toml::Value::Integer(_)
        | toml::Value::Float(_)
        | toml::Value::Boolean(_)
        | toml::Value::Datetime(_) => value,
    }
}

/// What stands for a secret.
const NOT_SHOWN: &str = "(not shown)";

/// `scheme://user:password@host` without the password.
fn without_passwords(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("://") {
        out.push_str(before);
        out.push_str("://");
        let end = after.find(['/', '"', ' ']).unwrap_or(after.len());
        let (authority, further) = after.split_at_checked(end).unwrap_or((after, ""));
        match authority.rsplit_once('@') {
            Some((user, host)) => {
                let user = user.split_once(':').map_or(user, |(user, _)| user);
                out.push_str(&format!("{user}:…@{host}"));
            }
            None => out.push_str(authority),
        }
        rest = further;
    }
    out + rest
}

/// The key that names something of the machine: a file, or its environment. None: a page may set it.
pub(in crate::edge::http) fn of_the_machine(
    target: &Target,
    value: &toml::Value,
) -> Option<String> {
    let last = target.keys.last().map_or(target.name.as_str(), String::as_str);
    let last = last.rsplit_once('.').map_or(last, |(_, last)| last);
    names_the_machine(last, value)
}

fn names_the_machine(key: &str, value: &toml::Value) -> Option<String> {
    let is_of_machine =
        ["file", "files", "folder", "folders", "env", "command", "key", "certificate"]
            .iter()
            .any(|word| key == *word || key.ends_with(&format!("-{word}")));
    // Who the recipients are may stand in a file, and mail may go into a folder.
    let is_path = |text: &str| {
        ["/", "./", "../", "~"].iter().any(|start| text.starts_with(start))
            || text.contains('\\')
            || text.starts_with("maildir:")
            || text.starts_with("file:")
    };
    let is_place = value.as_str().is_some_and(|text| {
        is_path(text) || (key == "recipients" && text != "any" && text != "callout")
    });
    if is_of_machine || is_place {
        return Some(key.to_string());
    }
    match value {
        toml::Value::Table(table) => {
            table.iter().find_map(|(key, value)| names_the_machine(key, value))
        }
        toml::Value::Array(list) => list.iter().find_map(|value| names_the_machine(key, value)),
        toml::Value::String(_)
        | toml::Value::Integer(_)
        | toml::Value::Float(_)
        | toml::Value::Boolean(_)
        | toml::Value::Datetime(_) => None,
    }
}

/// Reads from the stored layer; none when nothing was ever stored.
pub(in crate::edge::http) async fn with_db<T: Send + 'static>(
    site: &Site,
    read: impl FnOnce(ConfigDb) -> Result<T, StoreError> + Send + 'static,
) -> Result<Option<T>, String> {
    let folder = site.gateway().settings.load().config.data_dir.clone();
    let work = move || match ConfigDb::open_if_there(&folder) {
        Ok(Some(db)) => read(db).map(Some),
        Ok(None) => Ok(None),
        Err(error) => Err(error),
    };
    let done = tokio::task::spawn_blocking(work).await.map_err(|error| error.to_string())?;
    done.map_err(told)
}

/// What a version did to one entry, a line for each value.
pub(in crate::edge::http) struct EntryChange {
    pub(in crate::edge::http) name: String,
    pub(in crate::edge::http) lines: Vec<Line>,
}

pub(in crate::edge::http) struct Line {
    /// "−" or "+", and a class.
    pub(super) sign: &'static str,
    pub(super) class: &'static str,
    pub(in crate::edge::http) text: String,
}

impl Line {
    /// Is it a value that there is no more?
    pub(in crate::edge::http) fn is_gone(&self) -> bool {
        self.sign == "−"
    }
}

pub(in crate::edge::http) fn entry(change: &Change) -> EntryChange {
    let name = match change.kind {
        Kind::Setting => change.name.clone(),
        Kind::Organisation | Kind::Domain | Kind::Policy => {
            format!("{} {}", change.kind, change.name)
        }
    };
    let (before, after) = (flat(change, &change.before), flat(change, &change.after));
    let keys = before.keys().chain(after.keys().filter(|key| !before.contains_key(*key)));
    let mut lines = Vec::new();
    for key in keys {
        let (was, is) = (before.get(key), after.get(key));
        if was == is {
            continue;
        }
        let said = |value: &String| plain(&format!("{key} = {value}"));
        lines.extend(was.map(|was| Line { sign: "−", class: "bad", text: said(was) }));
        lines.extend(is.map(|is| Line { sign: "+", class: "good", text: said(is) }));
    }
    // A whole table with nothing in it came or went.
    if lines.is_empty() {
        let (sign, class) = if change.after.is_some() { ("+", "good") } else { ("−", "bad") };
        lines.push(Line { sign, class, text: plain(&name) });
    }
    lines.truncate(limits::WEB_PAGE_ROWS);
    EntryChange { name: plain(&name), lines }
}

/// An entry's value as single values by their path.
fn flat(change: &Change, value: &Option<String>) -> BTreeMap<String, String> {
    let mut out = BTreeMap::new();
    let Some(text) = value else { return out };
    let read = crate::config::layers::from_json(text);
    let value = read.unwrap_or_else(|_| toml::Value::String(text.clone()));
    let settings = match change.kind {
        Kind::Setting => vec![(change.name.clone(), value)],
        Kind::Organisation | Kind::Domain | Kind::Policy => {
            let table = value.as_table().cloned().unwrap_or_default();
            table
                .into_iter()
                .flat_map(|(key, value)| crate::config::layers::settings_of(&key, value))
                .collect()
        }
    };
    let settings = settings.into_iter().filter(|(path, _)| path != BESIDE_FILE);
    out.extend(settings.map(|(path, value)| (path.clone(), shown(&path, &value))));
    out
}

async fn set(State(site): State<Place>, visitor: Visitor, fields: Fields) -> Response {
    let (path, text) =
        (fields.get("path").trim().to_string(), fields.get("value").trim().to_string());
    let target = match wanted(&site, &visitor, &path) {
        Ok(target) => target,
        Err(answer) => return *answer,
    };
    if text.is_empty() {
        let note = Note::failed("Write a value; to go back to the default, forget the stored one.");
        return back(&site, &visitor, &address(&path), note);
    }
    if let Some(key) = of_the_machine(&target, &read_value(&text)) {
        let why = format!(
            "{} names something of the machine: it is set in the file, or by sluss config set.",
            plain(&key)
        );
        return back(&site, &visitor, &address(&path), Note::failed(why));
    }
    if let Some(note) = no_reason(&fields) {
        return back(&site, &visitor, &address(&path), note);
    }
    let layers = site.layers().clone();
    let signature = signature(&site, &visitor, &fields);
    act(&site, &visitor, &address(&path), move || stored::set(&layers, &signature, &target, &text))
        .await
}

async fn unset(State(site): State<Place>, visitor: Visitor, fields: Fields) -> Response {
    let path = fields.get("path").trim().to_string();
    let target = match wanted(&site, &visitor, &path) {
        Ok(target) => target,
        Err(answer) => return *answer,
    };
    if let Some(note) = no_reason(&fields) {
        return back(&site, &visitor, &address(&path), note);
    }
    let layers = site.layers().clone();
    let signature = signature(&site, &visitor, &fields);
    act(&site, &visitor, &address(&path), move || {
        stored::unset(&layers, &signature, &target, &path)
    })
    .await
}

/// What a form means, if this visitor may change it.
fn wanted(site: &Site, visitor: &Visitor, path: &str) -> Result<Target, Box<Response>> {
    if !is_whole(visitor) || !can(visitor, Right::Policy) {
        return Err(Box::new(not_found(site, visitor, "value")));
    }
    Target::parse(path).map_err(|why| {
        let note = Note::failed(sentence(&plain(&why.to_string()))).about("path");
        Box::new(back(site, visitor, PATH, note).into_response())
    })
}

pub(super) fn signature(site: &Site, visitor: &Visitor, fields: &Fields) -> Signature {
    let comment: String = fields.get("comment").trim().chars().take(COMMENT_CHARS_MAX).collect();
    let author = visitor.account.name.clone();
    Signature { who: visitor.actor(), author, comment: plain(&comment), at: site.now() }
}

/// What is said where nobody wrote why: whoever reads the history later cannot ask.
pub(super) fn no_reason(fields: &Fields) -> Option<Note> {
    let is_missing = fields.get("comment").trim().is_empty();
    is_missing.then(|| {
        Note::failed("Write in Why what this is for: it stands in the history.").about("comment")
    })
}

/// Why something was changed is said in a sentence or two.
const COMMENT_CHARS_MAX: usize = 500;

/// The page of what a path is under.
fn address(path: &str) -> String {
    let under = path.split_once('.').map_or(path, |(first, _)| first);
    let under: String = form_urlencoded::byte_serialize(under.as_bytes()).collect();
    format!("{PATH}?under={under}")
}

/// Makes a change off the threads that others wait for, puts it in force, and says what came of it.
pub(super) async fn act(
    site: &Site,
    visitor: &Visitor,
    to: &str,
    make: impl FnOnce() -> Result<Changed, Refused> + Send + 'static,
) -> Response {
    let made = tokio::task::spawn_blocking(make).await;
    let made = made.unwrap_or_else(|error| Err(Refused::Failed(error.to_string())));
    let note = match made {
        Err(Refused::ChangedAgain { place, undone, later }) => {
            Note::failed(changed_again(&in_words(&place), undone, &later, &site.wall()))
        }
        Err(why) => Note::failed(sentence(&plain(&why.to_string()))),
        Ok(Changed { version: None, .. }) => Note::done("Nothing to change."),
        Ok(Changed { version: Some(version), changes }) => {
            tracing::warn!(
                by = visitor.account.name,
                version,
                entries = changes.len(),
                "the configuration was changed by page"
            );
            match in_force::put_in_force(site, visitor, &changes).await {
                Ok(waits) => Note::done(in_force::said(version, &changes, &waits)),
                Err(why) => Note::failed(format!(
                    "Stored as version {version}, but the former configuration stays in force: {}",
                    plain(&why)
                )),
            }
        }
    };
    back(site, visitor, to, note)
}

/// Why a version cannot be undone, and what to do.
fn changed_again(what: &str, undone: u32, later: &Later, wall: &Wall) -> String {
    let Later { version, author, at } = later;
    let whole = match undone.saturating_sub(1) {
        0 => String::new(),
        before => format!(", or open version {before} and put everything back to how it was then"),
    };
    plain(&format!(
        "Version {undone} cannot be undone: {author} changed {what} again, {}, with version {version}. Undo version {version} first{whole}.",
        Moment::of(wall, *at).shown
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_sets_nothing_that_reads_or_writes_files() {
        for (path, value, want) in [
            ("limits.connections", "500", None),
            ("policy.strict.mark", "4.5", None),
            ("outbound.smarthost", "smtp://relay.example", None),
            ("outbound.smarthost-password-file", "x", Some("smarthost-password-file")),
            ("outbound.smarthost-password-env", "HOME", Some("smarthost-password-env")),
            ("outbound", "{ smarthost-password-file = \"x\" }", Some("smarthost-password-file")),
            ("domain.a.example.recipients", "any", None),
            ("domain.a.example.recipients", "callout", None),
            ("domain.a.example.recipients", "secrets.txt", Some("recipients")),
            ("domain.a.example", "{ recipients = \"/etc/passwd\" }", Some("recipients")),
            ("domain.a.example.next-hop", "maildir:/tmp/x", Some("next-hop")),
            ("domain.a.example.next-hop", "[\"smtp://a\", \"maildir:/x\"]", Some("next-hop")),
            ("lists.block", "[\"../x\"]", Some("block")),
            ("organisation.acme.lists.block", "[\".far.example\"]", None),
            ("organisation.acme.branding.colour", "#7a1f5c", None),
            ("organisation.acme.branding.logo-file", "logo.png", Some("logo-file")),
            ("organisation.acme.branding", "{ logo-file = \"logo.png\" }", Some("logo-file")),
        ] {
            let Ok(target) = Target::parse(path) else {
                assert!(path == "outbound", "{path}");
                continue;
            };
            let found = of_the_machine(&target, &read_value(value));
            assert_eq!(found.as_deref(), want, "{path} = {value}");
        }
    }

    #[test]
    fn passwords_are_not_shown() {
        for (path, value, want) in [
            ("limits.connections", toml::Value::Integer(5), "5"),
            ("outbound.smarthost-password", toml::Value::String("x".into()), "(not shown)"),
            (
                "store.url",
                toml::Value::String("postgres://sluss:geheim@db.example/x".into()),
                "\"postgres://sluss:…@db.example/x\"",
            ),
            ("domain.a.next-hop", toml::Value::String("smtp://h:25".into()), "\"smtp://h:25\""),
        ] {
            assert_eq!(shown(path, &value), want);
        }
    }

    #[test]
    fn a_change_is_shown_value_by_value() {
        let change = Change {
            kind: Kind::Policy,
            name: "strict".to_string(),
            before: Some(r#"{"mark":4.0,"reject":12.0}"#.to_string()),
            after: Some(r#"{"mark":3.0,"reject":12.0,"actions":{"bulk":"mark"}}"#.to_string()),
        };
        let shown = entry(&change);
        let lines: Vec<String> =
            shown.lines.iter().map(|line| format!("{} {}", line.sign, line.text)).collect();
        assert_eq!(shown.name, "policy strict");
        assert_eq!(lines, ["− mark = 4.0", "+ mark = 3.0", "+ actions.bulk = \"mark\""]);
    }
}
