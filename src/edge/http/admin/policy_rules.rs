//! The findings that there can be: of phrases with their examples, of signatures over attachments, of checks; and what is wrong with the
//! files that say them. Looked at only: what a finding weighs is in its file. The rules of a policy are on the policy's page.

use super::{
    holds::frame,
    operate::{can, sentence},
};
use crate::{
    base::limits,
    checks,
    config::{Config, rules::phrases::PhraseRule},
    edge::{
        http::{
            Needs, Place, Route,
            frame::{Frame, Section, render},
            rights::Right,
            visit::{Query, Visitor},
            words::{plain, short},
        },
        load,
    },
    pipeline::settings::Settings,
};
use askama::Template;
use axum::{extract::State, response::Response, routing::get};
use std::{
    collections::HashMap,
    sync::{Arc, Weak},
};
use tokio::{sync::Mutex, task::JoinError};

pub(in crate::edge::http) const ROUTES: &[Route] = &[Route::page(
    "/policy/rules",
    "the findings that there can be",
    Needs::Right(Right::Look),
    || get(rules),
)];

#[derive(Template)]
#[template(path = "policy_rules.html")]
struct RulesPage {
    frame: Frame,
    pages: Vec<Section>,
    q: String,
    kind: &'static str,
    kinds: Vec<(&'static str, &'static str)>,
    rows: Vec<Row>,
    count: usize,
    next: String,
    errors: Vec<String>,
    trouble: String,
}

#[derive(Clone)]
struct Row {
    id: String,
    about: String,
    /// "phish 2.5", or how grave it is.
    weighs: String,
    file: String,
    /// What it hits, and what it must not.
    examples: Vec<(&'static str, String)>,
}

/// What there is to look at.
const KINDS: [(&str, &str); 3] =
    [("phrases", "Phrases"), ("signatures", "Signatures"), ("checks", "Checks")];

async fn rules(State(site): State<Place>, visitor: Visitor, Query(query): Query) -> Response {
    let (frame, pages) = frame(&site, &visitor, "Findings", "/policy/rules");
    let q = query.get("q").trim().to_lowercase();
    let asked = query.get("kind").to_string();
    let kind = KINDS.into_iter().map(|(kind, _)| kind).find(|kind| *kind == asked);
    let kind = kind.unwrap_or("phrases");
    let settings = site.gateway().settings.load_full();
    let (read, trouble) = match site.rules.of(kind, &settings).await {
        Ok(read) => (read, String::new()),
        Err(error) => (Arc::default(), sentence(&error.to_string())),
    };
    let mut errors = read.errors.clone();
    // Where the operator's files lie is the site's business.
    if !can(&visitor, Right::Site) {
        errors.clear();
    }
    errors.truncate(limits::WEB_PAGE_ROWS);
    let meant = |row: &Row| {
        [&row.id, &row.about, &row.file].iter().any(|text| text.to_lowercase().contains(&q))
    };
    let mut rows: Vec<&Row> = read.rows.iter().filter(|row| meant(row)).collect();
    // Those that are called so come before those that only speak of it.
    rows.sort_by_key(|row| !row.id.contains(&q));
    let count = rows.len();
    let skip = query.get("skip").parse::<usize>().unwrap_or(0);
    let next = skip.saturating_add(limits::WEB_PAGE_ROWS);
    let next = (next < count).then(|| {
        format!("/policy/rules?kind={kind}&q={}&skip={next}", super::holds::in_address(&q))
    });
    render(&RulesPage {
        frame,
        pages,
        q: plain(&q),
        kind,
        kinds: KINDS.to_vec(),
        rows: rows.into_iter().skip(skip).take(limits::WEB_PAGE_ROWS).cloned().collect(),
        count,
        next: next.unwrap_or_default(),
        errors,
        trouble,
    })
}

/// The rules of a kind, and what is wrong with their files. Reads files, and compiles signatures.
/// What the files of rules say of one kind.
#[derive(Default)]
struct Read {
    rows: Vec<Row>,
    errors: Vec<String>,
}

/// The rules of each kind as they were read once for a configuration: reading compiles all of them, which takes longer than a page may.
#[derive(Default)]
pub(in crate::edge::http) struct RulesRead(Mutex<HashMap<&'static str, ReadFor>>);

/// For which configuration it was read.
type ReadFor = (Weak<Settings>, Arc<Read>);

impl RulesRead {
    /// Whoever comes while they are read waits for it, and does not begin anew.
    async fn of(
        &self,
        kind: &'static str,
        settings: &Arc<Settings>,
    ) -> Result<Arc<Read>, JoinError> {
        let mut known = self.0.lock().await;
        if let Some((of, read)) = known.get(kind)
            && of.as_ptr() == Arc::as_ptr(settings)
        {
            return Ok(Arc::clone(read));
        }
        let config = settings.config.clone();
        let (rows, errors) = tokio::task::spawn_blocking(move || read(kind, &config)).await?;
        let read = Arc::new(Read { rows, errors });
        known.insert(kind, (Arc::downgrade(settings), Arc::clone(&read)));
        Ok(read)
    }
}

fn read(kind: &str, config: &Config) -> (Vec<Row>, Vec<String>) {
    let said = |errors: Vec<String>| errors.iter().map(|error| plain(error)).collect();
    match kind {
        "signatures" => {
            let report = load::signature_rules(config);
            let row = |rule: &crate::examine::RuleInfo| Row {
                id: format!("yara.{}", plain(&rule.name)),
                about: plain(&rule.about),
                weighs: format!("{:?}", rule.severity).to_lowercase(),
                file: plain(&rule.file),
                examples: Vec::new(),
            };
            (report.signatures.iter().map(row).collect(), said(report.errors))
        }
        "checks" => (checks::ALL.iter().flat_map(|check| of_check(check)).collect(), Vec::new()),
        _ => {
            let (rules, report) = load::phrase_rules(config);
            (rules.iter().map(of_phrase).collect(), said(report.errors))
        }
    }
}

fn of_check(check: &checks::Check) -> Vec<Row> {
    let row = |id: &&'static str| Row {
        id: id.to_string(),
        about: check.about.to_string(),
        weighs: String::new(),
        file: "built in".to_string(),
        examples: Vec::new(),
    };
    check.ids.iter().map(row).collect()
}

fn of_phrase(rule: &PhraseRule) -> Row {
    let examples = |kind: &'static str, texts: &[crate::config::rules::phrases::Written]| {
        let some = texts.iter().take(EXAMPLES_SHOWN);
        some.map(|one| (kind, short(&one.text))).collect::<Vec<_>>()
    };
    let mut all = examples("hits", &rule.hit);
    all.extend(examples("spares", &rule.miss));
    Row {
        id: plain(&rule.id),
        about: plain(&rule.about),
        weighs: format!("{} +{:.1}", rule.category.word(), rule.weight),
        file: format!("{}:{}", plain(&rule.file), rule.line),
        examples: all,
    }
}

/// Of each kind: enough to see what is meant, and a page stays small.
const EXAMPLES_SHOWN: usize = 2;

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    #[test]
    fn every_kind_of_rule_is_shown_and_a_bad_file_is_named() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("bad.toml"), "[[rule]]\nid = \"x\"\n").unwrap();
        std::fs::write(folder.path().join("bad.yar"), "rule {").unwrap();
        let text =
            format!("hostname = \"mx.ours.example\"\n[rules]\nfolders = [{:?}]\n", folder.path());
        let config = Config::parse(Path::new("sluss.toml"), &text).unwrap();
        for (kind, id) in [
            ("phrases", "phrase."),
            ("signatures", "yara.eicar_test_file"),
            ("checks", "attachment."),
        ] {
            let (rows, errors) = read(kind, &config);
            assert!(rows.iter().any(|row| row.id.starts_with(id)), "{kind}");
            assert_eq!(!errors.is_empty(), kind != "checks", "{errors:?}");
        }
        let (phrases, _) = read("phrases", &config);
        assert!(
            phrases.iter().all(|row| row.examples.len() == 2 * EXAMPLES_SHOWN),
            "each has both"
        );
    }
}
