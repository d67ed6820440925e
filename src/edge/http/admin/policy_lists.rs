//! Lists of senders, the site's and each organisation's: who is never refused at RCPT, who always is. The lists of a person's own are
//! on that person's page.

use super::{
    holds::{From, Holds, first_rows, frame},
    operate::sentence,
    policy::{Wrong, store_line},
    policy_form::comment,
};
use crate::{
    config::{
        layers::{Kind, Target},
        lists::Entry,
    },
    edge::{
        http::{
            Needs, Place, Route,
            frame::{Again, Frame, Section, render},
            rights::Right,
            visit::{Fields, Query, Visitor},
            words::plain,
        },
        proposal::{Act, Proposal, Wanted},
    },
};
use askama::Template;
use axum::{
    extract::State,
    response::Response,
    routing::{get, post},
};

pub(in crate::edge::http) const ROUTES: &[Route] = &[
    Route::page(PATH, "lists of senders", Needs::Right(Right::Look), || get(lists)),
    Route::act(
        "/policy/lists/change",
        "add to a list, or take out",
        Needs::Right(Right::Policy),
        || post(change),
    ),
];

const PATH: &str = "/policy/lists";

#[derive(Template)]
#[template(path = "policy_lists.html")]
struct ListsPage {
    frame: Frame,
    /// What was typed before and failed.
    again: Again,
    pages: Vec<Section>,
    q: String,
    rows: Vec<Row>,
    more: usize,
    may_change: bool,
    /// The visitor sees some domains of an organisation, and lists are those of a whole one.
    not_whole: bool,
    /// Whose lists can be added to.
    owners: Vec<String>,
    /// Lists that are in the file: which, whose, where.
    locked: Vec<(&'static str, String, From)>,
    trouble: String,
}

struct Row {
    entry: String,
    /// "allow" or "block".
    list: &'static str,
    owner: String,
    from: From,
}

/// One of the two lists of an owner.
struct List<'a> {
    /// The organisation; none: the whole site.
    owner: Option<String>,
    word: &'static str,
    entries: &'a [Entry],
    from: From,
}

async fn lists(State(site): State<Place>, visitor: Visitor, Query(query): Query) -> Response {
    let (frame, pages) = frame(&site, &visitor, "Lists of senders", PATH);
    let q = query.get("q").trim().to_lowercase();
    let again = frame.again("/policy/lists/change").filter(|form| form.typed("do") == "add");
    let mut page = ListsPage {
        again: again.unwrap_or_default(),
        frame,
        pages,
        rows: Vec::new(),
        more: 0,
        may_change: false,
        not_whole: false,
        owners: Vec::new(),
        locked: Vec::new(),
        trouble: String::new(),
        q: plain(&q),
    };
    match Holds::read(&site, &visitor).await {
        Err(why) => page.trouble = sentence(&why),
        Ok(holds) => {
            let all = all(&holds, super::configuration::is_whole(&visitor));
            page.not_whole = all.is_empty();
            let rows = all.iter().flat_map(|list| {
                list.entries.iter().filter(|one| one.to_string().contains(&q)).map(|one| Row {
                    entry: plain(&one.to_string()),
                    list: list.word,
                    owner: list.owner.clone().unwrap_or_default(),
                    from: list.from.clone(),
                })
            });
            (page.rows, page.more) = first_rows(rows.collect());
            let open = all.iter().filter(|list| list.from.layer != "locked");
            page.owners = open.map(|list| list.owner.clone().unwrap_or_default()).collect();
            page.owners.dedup();
            page.may_change = page.owners.iter().any(|owner| {
                holds.may_store(
                    &visitor,
                    &target(Some(owner.as_str()).filter(|one| !one.is_empty()), "block"),
                )
            });
            page.locked = all
                .into_iter()
                .filter(|list| list.from.layer == "locked")
                .map(|list| {
                    let whose = list.owner.unwrap_or("the whole site".to_string());
                    (list.word, whose, list.from)
                })
                .collect();
        }
    }
    render(&page)
}

/// The lists that a visitor may see: an organisation's are its own business, the site's that of whoever sees all.
fn all(holds: &Holds, is_whole: bool) -> Vec<List<'_>> {
    let config = &holds.merged.config;
    let mut found = Vec::new();
    if is_whole {
        for (word, entries) in [("allow", &config.lists.allow), ("block", &config.lists.block)] {
            let from = holds.setting(&format!("lists.{word}"));
            found.push(List { owner: None, word, entries, from });
        }
    }
    let seen = holds.organisations();
    for one in config.organisations.iter().filter(|one| seen.contains(&&one.name)) {
        for (word, entries) in [("allow", &one.lists.allow), ("block", &one.lists.block)] {
            let owner = Some(one.name.to_string());
            let from = holds.value_from(&target(owner.as_deref(), word));
            found.push(List { owner, word, entries, from });
        }
    }
    found
}

async fn change(State(site): State<Place>, visitor: Visitor, fields: Fields) -> Response {
    store_line(&site, &visitor, ("list", PATH), |_| proposal(&fields)).await
}

/// Where a list stands; of an organisation, or of the whole site.
fn target(owner: Option<&str>, list: &str) -> Target {
    match owner {
        None => Target { kind: Kind::Setting, name: format!("lists.{list}"), keys: Vec::new() },
        Some(owner) => Target {
            kind: Kind::Organisation,
            name: owner.to_string(),
            keys: vec!["lists".to_string(), list.to_string()],
        },
    }
}

fn proposal(fields: &Fields) -> Result<Proposal, Wrong> {
    let text = fields.get("entry").trim().to_lowercase();
    let entry = Entry::try_from(text).map_err(|why| ("entry", why.to_string()))?;
    let list = match fields.get("list") {
        word @ ("allow" | "block") => word.to_string(),
        _ => return Err(("list", "say which list: allow or block".to_string())),
    };
    if let Some(why) = too_wide(&entry, &list).filter(|_| fields.get("do") == "add") {
        return Err(("entry", why));
    }
    let entry = entry.to_string();
    let owner = fields.given("owner");
    let target = target(owner.as_deref(), &list);
    let whose = owner.map_or("of the site".to_string(), |owner| format!("of {owner}"));
    let (act, what) = match fields.get("do") {
        "add" => (Act::Add(entry.clone()), format!("{entry} into the {list} list {whose}")),
        "remove" => {
            (Act::TakeOut(entry.clone()), format!("{entry} out of the {list} list {whose}"))
        }
        _ => return Err(("", "say what to do".to_string())),
    };
    let values = vec![Wanted { target, act }];
    Ok(Proposal { what, comment: comment(fields), seen: 0, values })
}

/// A public suffix is nobody's domain. All that is below one may be blocked, but never allowed: anybody can register there.
fn too_wide(entry: &Entry, list: &str) -> Option<String> {
    match entry {
        Entry::Domain(domain) if domain.is_public_suffix() => Some(format!(
            "{domain} is a public suffix, under which everybody registers, and nobody's domain: write a domain below it"
        )),
        Entry::Below(domain) if domain.is_public_suffix() && list == "allow" => Some(format!(
            ".{domain} is all of a public suffix, under which everybody registers: write a domain below it"
        )),
        Entry::Domain(_) | Entry::Below(_) | Entry::Address(_) | Entry::Network(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_lists_are_proposed_as_they_will_be_read() {
        let read = |text: &str| proposal(&Fields::read(text.as_bytes()));
        let one = read("do=add&list=block&entry=+BAD.example&owner=acme").unwrap();
        assert_eq!(one.what, "bad.example into the block list of acme");
        assert_eq!(one.reason(), one.what);
        assert_eq!(one.values[0].target.keys, ["lists", "block"]);
        let one = read("do=remove&list=allow&entry=192.0.2.1&comment=left").unwrap();
        assert_eq!(one.values[0].target.name, "lists.allow");
        assert_eq!(one.values[0].act, Act::TakeOut("192.0.2.1/32".to_string()));
        assert_eq!(one.reason(), "left");
        for bad in [
            "do=add&list=grey&entry=a.example",
            "do=add&list=allow&entry=a+b",
            "list=allow&entry=a.example",
            "do=add&list=block&entry=com",
            "do=add&list=allow&entry=co.uk",
            "do=add&list=allow&entry=.com",
        ] {
            assert!(read(bad).is_err(), "{bad}");
        }
        for good in ["do=add&list=block&entry=.zip", "do=remove&list=block&entry=com"] {
            assert!(read(good).is_ok(), "{good}");
        }
    }
}
