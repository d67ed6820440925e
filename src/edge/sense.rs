//! What the reader of a policy cannot see and whoever writes it means otherwise: a finding that nothing here makes, a rule whose last day is
//! over. Asked when a value is stored, not when it is read: what was stored before, or stands in the file, goes on.

use crate::{
    base::{clock::UnixMs, limits, local::Zone},
    checks,
    config::{
        layers::{Kind, Target, values_of},
        nearest,
        policy::FindingName,
        policy_rule::Rule,
    },
    edge::stored::Refused,
};
use serde::Deserialize;

/// Refuses such a value of a policy.
pub fn check(target: &Target, value: &toml::Value, now: UnixMs) -> Result<(), Refused> {
    if target.kind != Kind::Policy {
        return Ok(());
    }
    let whole = target.keys.iter().rev().fold(value.clone(), |inner, key| {
        toml::Value::Table(toml::Table::from_iter([(key.clone(), inner)]))
    });
    let toml::Value::Table(whole) = whole else { return Ok(()) };
    for (keys, value) in values_of(target.kind, whole) {
        let words: Vec<&str> = keys.iter().map(String::as_str).collect();
        let mistake = match words.as_slice() {
            ["rules", _] => rule_mistake(&value, now),
            [.., "findings", name] => unknown(name).map(|why| (None, why)),
            _ => None,
        };
        if let Some((key, why)) = mistake {
            let keys = keys.into_iter().chain(key.map(str::to_string)).collect();
            let place = Target { keys, ..target.clone() };
            let whole = format!("{place}: {why}; nothing was stored");
            return Err(Refused::Wrong { place, why, whole });
        }
    }
    Ok(())
}

fn rule_mistake(rule: &toml::Value, now: UnixMs) -> Option<(Option<&'static str>, String)> {
    // What is no rule is told by who reads it.
    let rule = Rule::deserialize(rule.clone()).ok()?;
    let names = rule.finding.iter().map(FindingName::as_str);
    if let Some(why) = names.filter_map(unknown).next() {
        return Some((Some("finding"), why));
    }
    let until = rule.until?;
    // The day ends on the organisation's clock: somewhere it lasts until then.
    let somewhere = UnixMs(now.0.saturating_sub(limits::LAST_CLOCK_BEHIND_MS));
    Zone::utc()
        .show(somewhere)
        .is_after(until)
        .then(|| (Some("until"), format!("{until} is over: write a day that is still to come")))
}

/// Says that nothing here makes a finding of this name, and which is meant. Phrases, signatures and rules are named by whoever writes them.
pub fn unknown(name: &str) -> Option<String> {
    let named = FindingName::try_from(name.to_string()).ok()?;
    if ["phrase.", "yara.", "rule."].iter().any(|start| name.starts_with(start)) || is_made(&named)
    {
        return None;
    }
    let ids = || checks::ALL.iter().flat_map(|check| check.ids.iter().copied());
    let groups: Vec<String> =
        ids().filter_map(|id| Some(format!("{}.*", id.split_once('.')?.0))).collect();
    let near = match name.ends_with('*') {
        true => nearest(name, groups.iter().map(String::as_str)),
        false => nearest(name, ids().filter(|id| !id.ends_with('*'))),
    };
    let mend = match near {
        Some(near) => format!("did you mean {near}?"),
        None => "the page Findings has all of them".to_string(),
    };
    Some(format!("nothing here makes a finding {name}: {mend}"))
}

/// Is there a check that can make such a finding?
fn is_made(name: &FindingName) -> bool {
    let begins = name.as_str().strip_suffix('*');
    checks::ALL.iter().any(|check| match begins {
        Some(begin) => check.ids.iter().any(|id| id.starts_with(begin)),
        None => check.makes(name.as_str()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 29 November 2026, a minute before noon.
    const NOW: UnixMs = UnixMs(1_795_953_540_000);

    #[test]
    fn unknown_findings_and_days_that_are_over_are_refused_with_what_was_meant() {
        let rule = "reason = \"x\"\naction = \"mark\"\n";
        for (path, value, want) in [
            ("policy.p.rules.a", format!("{rule}finding = \"attachment.macro\""), None),
            ("policy.p.rules.a", format!("{rule}finding = [\"phrase.x\", \"date.*\"]"), None),
            (
                "policy.p.rules.a",
                format!("{rule}finding = [\"date.*\", \"attachment.macros\"]"),
                Some(("policy.p.rules.a.finding", "did you mean attachment.macro?")),
            ),
            (
                "policy.p.rules.a",
                format!("{rule}finding = \"atachment.*\""),
                Some(("policy.p.rules.a.finding", "did you mean attachment.*?")),
            ),
            (
                "policy.p",
                format!("mark = 3.0\n[rules.a]\n{rule}finding = \"no.idea_what_this_may_be\""),
                Some(("policy.p.rules.a.finding", "nothing here makes")),
            ),
            (
                "policy.p",
                "inbound.findings.\"atachment.macro\" = \"mark\"".to_string(),
                Some((
                    "policy.p.inbound.findings.\"atachment.macro\"",
                    "did you mean attachment.macro?",
                )),
            ),
            (
                "policy.p.rules.a",
                format!("{rule}hours = \"01:00-02:00\"\nuntil = \"2026-11-29\""),
                None,
            ),
            // On the last clock it is the day before still.
            (
                "policy.p.rules.a",
                format!("{rule}hours = \"01:00-02:00\"\nuntil = \"2026-11-28\""),
                None,
            ),
            (
                "policy.p.rules.a",
                format!("{rule}hours = \"01:00-02:00\"\nuntil = \"2026-11-27\""),
                Some(("policy.p.rules.a.until", "2026-11-27 is over")),
            ),
        ] {
            let table: toml::Table = value.parse().unwrap();
            let checked = check(&Target::parse(path).unwrap(), &toml::Value::Table(table), NOW);
            match (checked, want) {
                (Ok(()), None) => (),
                (Err(Refused::Wrong { place, why, .. }), Some((at, part))) => {
                    assert_eq!(place.to_string(), at);
                    assert!(why.contains(part), "{value}: {why}");
                }
                (checked, want) => panic!("{value}: {checked:?}, not {want:?}"),
            }
        }
    }
}
