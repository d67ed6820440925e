//! `domains-file`: a domain a line, for lists of a length that nobody writes as tables.
//!
//! ```text
//! # name        next hops, tried in order                   anything else of [[domain]]
//! example.se
//! example.no    smtp://10.0.0.5
//! example.dk    smtp://10.0.0.5,smtp://10.0.0.6:2525        organisation=acme policy=strict
//! example.fi    smtp:[10.0.0.5]:25                          recipients=any
//! ```
//!
//! What a line does not say is as in `[domain-defaults]`. The words behind the name are read once for all lines that have the same:
//! a line costs little more than its name. Bracketed next hops as in Postfix's transport(5) are understood.

use crate::{
    base::limits,
    config::{
        domain_table::{DomainTableBuilder, Kept, TablePlace},
        error::{ConfigError, explain},
        file::DomainEntry,
        layers::{Beside, LayerError},
        next_hop::NextHop,
    },
    mail::Domain,
};
use serde::Deserialize;
use std::{collections::HashMap, path::Path};

/// Which of the domains-files one is.
#[derive(Debug, Clone, Copy)]
pub(super) struct FilePlace<'a> {
    /// For messages.
    pub(super) file: &'a Path,
    /// Its place among them, from 0.
    pub(super) number: u16,
}

/// Reads a whole file's text. What is stored beside it of a domain is laid under what its line says.
pub(super) fn read(
    place: FilePlace<'_>,
    text: &str,
    defaults: &toml::Table,
    beside: &mut Beside<'_>,
    builder: &mut DomainTableBuilder,
) -> Result<(), LayerError> {
    let mut ways: HashMap<&str, Kept> = HashMap::new();
    for (line_number, line) in (1..).zip(text.lines()) {
        let wrong = |mistake: LineMistake| {
            LayerError::File(ConfigError {
                file: place.file.to_path_buf(),
                line: usize::try_from(line_number).unwrap_or(usize::MAX),
                column: column(line, mistake.at),
                message: mistake.message,
                mend: mistake.mend,
            })
        };
        let Some((name, rest)) = split(line) else { continue };
        let at_name = offset(line, name);
        if line.len() > limits::DOMAINS_LINE_BYTES_MAX {
            return Err(wrong(LineMistake {
                at: 0,
                message: format!("the line has {} bytes", line.len()),
                mend: format!("write at most {}", limits::DOMAINS_LINE_BYTES_MAX),
            }));
        }
        let domain = Domain::parse(name).map_err(|why| {
            wrong(LineMistake {
                at: at_name,
                message: why.to_string(),
                mend: "a line begins with the name of a domain".to_string(),
            })
        })?;
        let full = |at| {
            move |why: crate::config::domain_table::TooManyDomains| LineMistake {
                at,
                message: why.to_string(),
                mend: String::new(),
            }
        };
        let is_alone = !beside.has(&domain);
        let kept = match ways.get(rest).filter(|_| is_alone) {
            Some(kept) => *kept,
            None => {
                let mut own = words_of(line, rest, &domain).map_err(wrong)?;
                beside.lay(&domain, &mut own)?;
                let entry = entry_of(&domain, &own, defaults).map_err(|error| {
                    let (message, mend) = explain(&error);
                    wrong(LineMistake { at: offset(line, rest), message, mend })
                })?;
                let kept = builder.keep(entry).map_err(full(at_name)).map_err(wrong)?;
                if is_alone {
                    ways.insert(rest, kept);
                }
                kept
            }
        };
        let from = TablePlace::File { file: place.number, line: line_number };
        builder.add(&domain, kept, from).map_err(full(at_name)).map_err(wrong)?;
    }
    Ok(())
}

/// The line that a domain stands on: its number from 1, and its text.
pub(super) fn line_of<'a>(text: &'a str, name: &Domain) -> Option<(usize, &'a str)> {
    let is_it = |line: &str| {
        split(line).is_some_and(|(written, _)| {
            // Nearly all lines are other domains, and most are in ASCII: those are told apart without reading them.
            match written.is_ascii() && !written.ends_with('.') {
                true => written.eq_ignore_ascii_case(name.as_str()),
                false => Domain::parse(written).is_ok_and(|written| written == *name),
            }
        })
    };
    (1..).zip(text.lines()).find(|(_, line)| is_it(line))
}

/// Does a line say something of this key?
pub(super) fn says(line: &str, key: &str) -> bool {
    let mut words = split(line).map_or("", |(_, rest)| rest).split_whitespace();
    words.any(|word| word.split_once('=').map_or(key == NEXT_HOP, |(written, _)| written == key))
}

/// One domain as a table says it; what it leaves out is as in the defaults.
pub(super) fn entry_of(
    name: &Domain,
    own: &toml::Table,
    defaults: &toml::Table,
) -> Result<DomainEntry, toml::de::Error> {
    let mut whole = defaults.clone();
    whole.extend(own.clone());
    whole.insert("name".to_string(), toml::Value::String(name.to_string()));
    DomainEntry::deserialize(toml::Value::Table(whole))
}

/// Column, from 1, of what a line says about a key; of its name when it says nothing.
pub(super) fn column_of(line: &str, key: &str) -> usize {
    let Some((name, rest)) = split(line) else { return 1 };
    let mut words = rest.split_whitespace();
    let word = words.find(|word| match word.split_once('=') {
        Some((written, _)) => written == key,
        None => key == NEXT_HOP,
    });
    column(line, offset(line, word.unwrap_or(name)))
}

/// What is wrong in a line, and at which byte.
struct LineMistake {
    at: usize,
    message: String,
    mend: String,
}

/// The name and what stands behind it, without the comment; nothing in an empty line.
fn split(line: &str) -> Option<(&str, &str)> {
    let line = line.split('#').next().unwrap_or("").trim();
    if line.is_empty() {
        return None;
    }
    Some(
        line.split_once(char::is_whitespace).map_or((line, ""), |(name, rest)| (name, rest.trim())),
    )
}

/// Where in the line a part of it begins.
fn offset(line: &str, part: &str) -> usize {
    part.as_ptr().addr().saturating_sub(line.as_ptr().addr())
}

fn column(line: &str, at: usize) -> usize {
    line.get(..at).unwrap_or(line).chars().count() + 1
}

/// What a line says, by key.
fn words_of(line: &str, rest: &str, name: &Domain) -> Result<toml::Table, LineMistake> {
    let mut own = toml::Table::new();
    for (number, word) in rest.split_whitespace().enumerate() {
        let wrong =
            |message: String, mend: String| LineMistake { at: offset(line, word), message, mend };
        let (key, value) = match word.split_once('=') {
            Some((key, value)) => (key, value_of(key, value)),
            None if number == 0 => (NEXT_HOP, value_of(NEXT_HOP, word)),
            None => {
                let mend = "write key=value with the keys of [[domain]]; several next hops are divided by commas alone";
                return Err(wrong(format!("{word:?} is not understood"), mend.to_string()));
            }
        };
        if key == NEXT_HOP {
            next_hops(&value).map_err(|(message, mend)| wrong(message, mend))?;
        }
        // Each word by itself first, so that the mistake is pointed at.
        let alone = toml::Table::from_iter([(key.to_string(), value.clone())]);
        if let Err(error) = entry_of(name, &alone, &toml::Table::new()) {
            let (message, mend) = explain(&error);
            return Err(wrong(message, mend));
        }
        if key == "name" || own.insert(key.to_string(), value).is_some() {
            return Err(wrong(format!("{key} is said twice"), "say it once".to_string()));
        }
    }
    Ok(own)
}

fn value_of(key: &str, text: &str) -> toml::Value {
    let string = |text: &str| toml::Value::String(text.to_string());
    match (key, text) {
        (NEXT_HOP, hops) => {
            toml::Value::Array(hops.split(',').map(|hop| string(&of_postfix(hop))).collect())
        }
        (_, "true") => toml::Value::Boolean(true),
        (_, "false") => toml::Value::Boolean(false),
        (_, other) => string(other),
    }
}

/// `smtp:[host]:port` of transport(5) names a server without a look-up of its MX, as our `smtp://host:port` does.
fn of_postfix(hop: &str) -> String {
    for (theirs, ours) in
        [("smtp:[", "smtp://["), ("relay:[", "smtp://["), ("lmtp:inet:[", "lmtp://[")]
    {
        if let Some(place) = hop.strip_prefix(theirs) {
            return format!("{ours}{place}");
        }
    }
    hop.to_string()
}

fn next_hops(value: &toml::Value) -> Result<(), (String, String)> {
    for hop in value.as_array().into_iter().flatten().filter_map(toml::Value::as_str) {
        if let Err(why) = NextHop::parse(hop) {
            let bare = hop.strip_prefix("smtp:").or_else(|| hop.strip_prefix("relay:"));
            let mend = match bare.filter(|host| !host.is_empty() && !host.starts_with('/')) {
                Some(host) => format!(
                    "Postfix would look up the MX of {host} here; write smtp://{host} for the server itself"
                ),
                None if !hop.contains([':', '/']) => {
                    "behind the name stands a next hop; everything else is key=value, such as organisation=acme".to_string()
                }
                None => String::new(),
            };
            return Err((why.to_string(), mend));
        }
    }
    Ok(())
}

const NEXT_HOP: &str = "next-hop";

#[cfg(test)]
mod tests {
    use super::*;

    fn read_text(text: &str) -> Result<crate::config::domain_table::DomainTable, String> {
        let defaults = "next-hop = \"smtp://10.0.0.9\"\npolicy = \"p\"".parse().unwrap();
        let mut builder = DomainTableBuilder::default();
        let place = FilePlace { file: Path::new("domains"), number: 0 };
        let read = read(place, text, &defaults, &mut Beside::default(), &mut builder);
        read.map_err(|error| error.to_string())?;
        Ok(builder.finish(|_| false).unwrap())
    }

    #[test]
    fn lines_are_read() {
        for (line, name, hops, policy, recipients) in [
            ("A.example.", "a.example", "smtp://10.0.0.9:25", "p", "callout"),
            (
                "räksmörgås.example",
                "xn--rksmrgs-5wao1o.example",
                "smtp://10.0.0.9:25",
                "p",
                "callout",
            ),
            ("\t a.example # ours", "a.example", "smtp://10.0.0.9:25", "p", "callout"),
            ("a.example smtp://h.example:26", "a.example", "smtp://h.example:26", "p", "callout"),
            ("a.example smtp:[10.0.0.5]", "a.example", "smtp://10.0.0.5:25", "p", "callout"),
            ("a.example relay:[h.example]:26", "a.example", "smtp://h.example:26", "p", "callout"),
            (
                "a.example smtp://10.0.0.5,smtp://[2001:db8::1]:26  policy=strict\trecipients=any",
                "a.example",
                "smtp://10.0.0.5:25 smtp://[2001:db8::1]:26",
                "strict",
                "any",
            ),
            (
                "a.example recipients=/etc/people",
                "a.example",
                "smtp://10.0.0.9:25",
                "p",
                "/etc/people",
            ),
            ("a.example next-hop=mx", "a.example", "mx", "p", "callout"),
        ] {
            let hosted = read_text(line).unwrap();
            let domain = hosted.iter().next().unwrap();
            let shown: Vec<String> =
                domain.kept.next_hop.0.iter().map(ToString::to_string).collect();
            assert_eq!(
                (domain.name, shown.join(" ").as_str(), domain.kept.policy.as_deref().unwrap()),
                (name, hops, policy),
                "{line}"
            );
            assert_eq!(String::from(domain.kept.recipients.clone()), recipients, "{line}");
        }
    }

    #[test]
    fn what_is_said_alike_is_kept_once() {
        let hosted =
            read_text("# ours\n\na.example mx\nb.example  mx # as a\nc.example\nd.example\n")
                .unwrap();
        assert_eq!((hosted.len(), hosted.kept().len()), (4, 2));
        let lines: Vec<TablePlace> = hosted.iter().map(|domain| domain.from).collect();
        assert_eq!(lines[1], TablePlace::File { file: 0, line: 4 });
    }

    #[test]
    fn mistakes_name_the_place_and_the_mend() {
        for (text, place, parts) in [
            ("ok.example\n  -a.example", "2:3", &["label", "begins with the name"][..]),
            ("a@b.example", "1:1", &["label"]),
            ("a.example OK", "1:11", &["\"OK\" is no next hop", "organisation=acme"]),
            ("a.example smtp:h.example", "1:11", &["MX of h.example", "smtp://h.example"]),
            ("ä.example mx policy=p extra", "1:23", &["\"extra\" is not understood", "key=value"]),
            ("a.example polic=p", "1:11", &["polic", "did you mean \"policy\""]),
            ("a.example mx policy=a policy=b", "1:23", &["policy is said twice"]),
            ("a.example mx name=b.example", "1:14", &["name is said twice"]),
            ("a.example recipients=people", "1:11", &["./people"]),
            ("a.example when-away=never", "1:11", &["never"]),
        ] {
            let error = read_text(text).unwrap_err();
            assert!(error.starts_with(&format!("domains:{place}: ")), "{text}: {error}");
            for part in parts {
                assert!(error.contains(part), "{text}: {part:?} is missing in {error}");
            }
        }
        let long = format!("a.example policy={}", "x".repeat(limits::DOMAINS_LINE_BYTES_MAX));
        assert!(read_text(&long).unwrap_err().contains("write at most"));
    }

    #[test]
    fn a_key_has_its_column() {
        let line = "  a.example mx policy=p";
        assert_eq!(column_of(line, "policy"), 16);
        assert_eq!(column_of(line, "next-hop"), 13);
        assert_eq!(column_of(line, "recipients"), 3);
    }
}
