//! The shipped phrase rules: every example tells the truth, and ordinary Nordic mail is left in peace.

#![allow(clippy::unwrap_used, clippy::panic)]

use sluss::{
    checks::phrases::{Normalised, Phrases, verify},
    config::rules::phrases::{PhraseRule, Place, parse},
};
use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

/// What all phrase rules together may weigh on an ordinary mail; it is marked at 5.
const ORDINARY_WEIGHT_MAX: f32 = 2.0;

/// The languages we ship rules for, with the least number of rules and of ordinary mails.
const LANGUAGES: [(&str, usize, usize); 5] =
    [("sv", 15, 12), ("fi", 15, 12), ("nb", 15, 12), ("da", 15, 12), ("en", 40, 12)];

fn shipped() -> Vec<PhraseRule> {
    let files = fs::read_dir("rules/phrases").unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<_> =
        files.filter(|file| file.extension().is_some_and(|end| end == "toml")).collect();
    files.sort();
    let rules = |file: &PathBuf| {
        let name = file.to_string_lossy();
        parse(&name, &fs::read_to_string(file).unwrap())
            .unwrap_or_else(|errors| panic!("{errors:#?}"))
    };
    files.iter().flat_map(rules).collect()
}

fn compiled() -> Phrases {
    let (phrases, errors) = Phrases::compile(shipped());
    assert!(errors.is_empty(), "{errors:#?}");
    phrases
}

#[test]
fn every_example_tells_the_truth() {
    let wrong: Vec<String> =
        shipped().iter().flat_map(verify).map(|error| error.to_string()).collect();
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
    for rule in shipped() {
        assert!(rule.hit.len() >= 2 && rule.miss.len() >= 2, "{} has too few examples", rule.id);
    }
}

#[test]
fn no_example_of_ordinary_mail_is_marked_by_another_rule() {
    let phrases = compiled();
    let mut wrong = Vec::new();
    for rule in shipped() {
        for example in &rule.miss {
            let (subject, body) = match example.text.strip_prefix("Subject: ") {
                Some(rest) => rest.split_once('\n').unwrap_or((rest, "")),
                None => ("", example.text.as_str()),
            };
            wrong.extend(overweight(&phrases, &format!("{} miss", rule.id), subject, body));
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn ordinary_mail_is_left_in_peace() {
    let phrases = compiled();
    let mut wrong = Vec::new();
    for (language, _, mails_min) in LANGUAGES {
        let mails = ordinary(language);
        assert!(mails.len() >= mails_min, "{} ordinary mails in {language}", mails.len());
        for (name, subject, body) in mails {
            wrong.extend(overweight(&phrases, &format!("{language}: {name}"), &subject, &body));
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn no_rule_is_slow() {
    assert_eq!(compiled().slow().collect::<Vec<_>>(), Vec::<&str>::new());
}

#[test]
fn each_language_is_served() {
    let mut count: BTreeMap<String, usize> = BTreeMap::new();
    for language in shipped().into_iter().flat_map(|rule| rule.languages) {
        *count.entry(language).or_default() += 1;
    }
    for (language, rules_min, _) in LANGUAGES {
        assert!(count.get(language).is_some_and(|rules| *rules >= rules_min), "{count:?}");
    }
}

/// Said when all rules together weigh more on a mail than they may.
fn overweight(phrases: &Phrases, name: &str, subject: &str, body: &str) -> Option<String> {
    let texts = Normalised::only(Place::Body, body).with_subject(subject);
    let hits = phrases.find(&texts);
    let weight: f32 = hits.iter().map(|hit| hit.rule.weight).sum();
    let said = hits.iter().map(|hit| format!("{} ({:?})", hit.rule.id, hit.quote));
    let said = said.collect::<Vec<_>>().join(", ");
    (weight >= ORDINARY_WEIGHT_MAX).then(|| format!("{name}: {weight} by {said}"))
}

/// Name, subject and body of the mails in `tests/ordinary/<language>.txt`: a line `=== name`, a subject line, the body.
fn ordinary(language: &str) -> Vec<(String, String, String)> {
    let text = fs::read_to_string(Path::new("tests/ordinary").join(format!("{language}.txt")));
    let mail = |mail: &str| {
        let (name, rest) = mail.split_once('\n').unwrap();
        let (subject, body) = rest.strip_prefix("Subject: ").unwrap().split_once('\n').unwrap();
        (name.to_string(), subject.to_string(), body.to_string())
    };
    text.unwrap().split("=== ").skip(1).map(mail).collect()
}
