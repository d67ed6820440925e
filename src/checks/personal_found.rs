//! Personal identifiers in the mail: kind, how many, of how many persons, and whether this hop was encrypted. Never a value.
//!
//! They say nothing about spam and weigh nothing. They stand here so that a trace shows them and policy can ask for more;
//! what must happen to such mail is the country profile's business.

use super::{Case, Check, Finding};
use crate::{
    base::limits,
    config::{care::Class, policy::Category},
    examine::{Contents, Encryption, Personal},
};
use std::collections::BTreeMap;

pub(super) const CHECK: Check = Check {
    ids: &["personal.*"],
    about: "The mail contains personal identifiers; the part after the dot is their kind. 'confidential', 'sensitive', 'bulk': the class of the mail. 'in_clear': over a connection without encryption.",
    plain: "The mail contains personal data.",
    run,
};

fn run(case: &Case, findings: &mut Vec<Finding>) {
    let mut kinds: BTreeMap<&str, Vec<&Personal>> = BTreeMap::new();
    for personal in &case.contents.personal {
        kinds.entry(&personal.kind).or_default().push(personal);
    }
    let channel = channel(case);
    for (kind, seen) in &kinds {
        let count = seen.iter().fold(0_u32, |sum, one| sum.saturating_add(one.count));
        // The same person may stand in several parts, so the largest number is sure and the sum is not.
        let persons = seen.iter().map(|one| one.persons).max().unwrap_or_default();
        let sure = ["high", "medium", "low"]
            .into_iter()
            .find(|word| seen.iter().any(|one| one.confidence == *word));
        let because = format!(
            "{kind}: {count}, of at least {persons} persons, confidence {}; {channel}",
            sure.unwrap_or("unknown")
        );
        let finding = Finding::new(format!("personal.{kind}"), Category::Privacy, 0.0, because);
        findings.extend(seen.first().map(|first| finding.in_part(&first.part, "")));
    }
    if let Some(class) = class(case.contents) {
        let because = format!("{} persons; {channel}", case.contents.persons);
        let finding = Finding::new(class.finding(), Category::Privacy, 0.0, because);
        findings.push(finding.telling(said_of(class)));
    }
    let sure = case.contents.personal.iter().any(|one| one.confidence != "low");
    if sure && case.mail.peer.tls.is_none() {
        findings.push(Finding::new(IN_CLEAR, Category::Privacy, 0.0, channel).telling(
            "The mail contains personal data and came over a connection without encryption.",
        ));
    }
}

/// How much harm it could do. What encryption hides is not found: what is found stands in clear, in a subject or beside an encrypted part.
fn class(contents: &Contents) -> Option<Class> {
    // An account names nobody, and stands under every invoice; a date of birth alone is many people's.
    let counts = |one: &&Personal| {
        one.confidence != "low" && !["iban", "birth-date"].contains(&one.kind.as_str())
    };
    let mut found = contents.personal.iter().filter(counts).peekable();
    found.peek()?;
    if contents.persons >= limits::BULK_PERSONS_MIN {
        return Some(Class::Bulk);
    }
    match found.any(|one| one.kind.starts_with("special.")) {
        true => Some(Class::Sensitive),
        false => Some(Class::Confidential),
    }
}

fn said_of(class: Class) -> &'static str {
    match class {
        Class::Confidential => "The mail contains personal data.",
        Class::Sensitive => "The mail contains sensitive personal data.",
        Class::Bulk => "The mail contains personal data of many persons.",
    }
}

/// Does this list of findings, as the trace keeps it, say that there were personal data, and not only what might be some?
pub fn is_surely_personal(findings: &str) -> bool {
    let is_sure = |one: &Kept| {
        one.id.starts_with("personal.") && one.id != IN_CLEAR && !one.because.contains(UNSURE)
    };
    kept(findings).iter().any(is_sure)
}

/// Does it say that they came in clear?
pub fn came_in_clear(findings: &str) -> bool {
    kept(findings).iter().any(|one| one.id == IN_CLEAR)
}

/// A finding as the trace keeps it.
#[derive(serde::Deserialize)]
struct Kept {
    id: String,
    #[serde(default)]
    because: String,
}

fn kept(findings: &str) -> Vec<Kept> {
    serde_json::from_str(findings).unwrap_or_default()
}

const IN_CLEAR: &str = "personal.in_clear";
const UNSURE: &str = "confidence low";

/// How it came to us.
fn channel(case: &Case) -> String {
    let hop = match &case.mail.peer.tls {
        Some(tls) => format!("this hop used {}", tls.version),
        None => "this hop was not encrypted".to_string(),
    };
    let content = match case.contents.encryption {
        Encryption::None => "the content is in clear",
        Encryption::Smime => "the content is S/MIME",
        Encryption::Openpgp => "the content is OpenPGP",
        Encryption::Partial => "the content is partly encrypted",
    };
    format!("{hop}, {content}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        checks::testing::{Setting, expect, found, mail},
        examine::Contents,
        mail::TlsSession,
    };

    fn personal(kinds: &[(&str, &str)]) -> Contents {
        let one = |(kind, confidence): &(&str, &str)| Personal {
            kind: kind.to_string(),
            count: 3,
            persons: 2,
            confidence: confidence.to_string(),
            part: "1".to_string(),
            quoted: 0,
            masked: vec!["19****-***1".to_string()],
            values: Vec::new(),
            marks: Vec::new(),
        };
        Contents { personal: kinds.iter().map(one).collect(), ..Contents::default() }
    }

    #[test]
    fn finds() {
        for (kinds, tls, want) in [
            (&[][..], false, &[][..]),
            (
                &[("se.personnummer", "high")],
                true,
                &["personal.se.personnummer", "personal.confidential"],
            ),
            (
                &[("se.personnummer", "high")],
                false,
                &["personal.se.personnummer", "personal.confidential", "personal.in_clear"],
            ),
            (&[("gb.nhs", "low")], false, &["personal.gb.nhs"]),
            (
                &[("no.d-nummer", "medium"), ("no.d-nummer", "low"), ("iban", "high")],
                true,
                &["personal.iban", "personal.no.d-nummer", "personal.confidential"],
            ),
        ] {
            let mut setting = Setting::holding(personal(kinds));
            setting.peer.tls = tls.then(|| TlsSession {
                version: "TLSv1.3".to_string(),
                cipher: "TLS_AES_256_GCM_SHA384".to_string(),
                ..TlsSession::default()
            });
            expect(&CHECK, &setting, &mail("a@example.org", "hi"), want);
        }
    }

    #[test]
    fn the_class_is_by_persons_and_by_special_categories() {
        for (kinds, persons, want) in [
            (&[("se.personnummer", "low")][..], 1, None),
            (&[("iban", "high")], 1, None),
            (&[("birth-date", "medium")], 0, None),
            (&[("se.personnummer", "medium")], 1, Some(Class::Confidential)),
            (&[("secret.password", "high")], 0, Some(Class::Confidential)),
            (
                &[("se.personnummer", "high"), ("special.health", "medium")],
                9,
                Some(Class::Sensitive),
            ),
            (&[("se.personnummer", "high"), ("special.health", "medium")], 10, Some(Class::Bulk)),
            (&[("register", "high")], 40, Some(Class::Bulk)),
        ] {
            let contents = Contents { persons, ..personal(kinds) };
            assert_eq!(class(&contents), want, "{kinds:?} {persons}");
        }
    }

    #[test]
    fn says_numbers_and_channel_but_no_value() {
        let setting =
            Setting::holding(personal(&[("se.personnummer", "high"), ("se.personnummer", "low")]));
        let findings = found(&CHECK, &setting, &mail("a@example.org", "hi"));
        assert_eq!(
            findings[0].because,
            "se.personnummer: 6, of at least 2 persons, confidence high; this hop was not encrypted, the content is in clear"
        );
    }

    #[test]
    fn what_is_kept_of_findings_says_whether_they_are_sure() {
        for (kinds, tls, want) in [
            (&[("se.personnummer", "high")][..], true, (true, false)),
            (&[("se.personnummer", "low")], false, (false, false)),
            (&[("se.personnummer", "low"), ("iban", "medium")], false, (true, true)),
            (&[], false, (false, false)),
        ] {
            let mut setting = Setting::holding(personal(kinds));
            setting.peer.tls = tls.then(TlsSession::default);
            let findings = found(&CHECK, &setting, &mail("a@example.org", "hi"));
            let kept = findings
                .iter()
                .map(|one| serde_json::json!({ "id": one.id.to_string(), "because": one.because }));
            let kept = serde_json::Value::Array(kept.collect()).to_string();
            assert_eq!((is_surely_personal(&kept), came_in_clear(&kept)), want, "{kept}");
        }
    }
}
