//! How the mail is worded, by what this site has learned. Points are bounded where they are made: `rules/model/weights.toml`.
//!
//! A finding says which part of the mail spoke and how much was learned, never what other people's mail says.

use super::{Case, Check, Finding};
use crate::{
    config::policy::Category,
    facts::{
        Known,
        wording::{By, Wording},
    },
};

pub(super) const CHECK: Check = Check {
    ids: &["wording.spam", "wording.ham"],
    about: "Whether the mail is worded like spam or like wanted mail, by what this site has learned from its own mail.",
    plain: "It is worded like mail that was reported as spam here.",
    run,
};

fn run(case: &Case, findings: &mut Vec<Finding>) {
    let Known::Yes(wording) = &case.facts.wording else { return };
    if wording.points.abs() < POINTS_MIN {
        return;
    }
    let finding = match wording.points > 0.0 {
        true => Finding::new("wording.spam", Category::Spam, wording.points, told(wording, "spam")),
        false => {
            let because = told(wording, "wanted mail");
            Finding::new("wording.ham", Category::Trust, wording.points, because)
                .telling("It is worded like mail that was wanted here.")
        }
    };
    findings.push(finding);
}

fn told(wording: &Wording, like: &str) -> String {
    let what = match wording.by {
        By::Text => "its text is like that of",
        By::Header => "the way it came and was written is like that of",
        By::Both => "text, way and writing are like those of",
    };
    let Wording { spam, ham, .. } = wording;
    let rare = match wording.rare_for_ham {
        true => ", and less than one in a thousand wanted mails here is so much like spam",
        false => "",
    };
    format!("{what} {like} at this site ({spam} spam and {ham} wanted mails are learned{rare})")
}

/// Less says nothing, and would stand below every mail.
const POINTS_MIN: f32 = 0.1;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        checks::testing::{Setting, expect},
        facts::Facts,
    };

    #[test]
    fn finds() {
        let mail = "Subject: hi\nFrom: a@example\n\nhi";
        for (points, want) in
            [(7.5, &["wording.spam"][..]), (-2.0, &["wording.ham"]), (0.05, &[]), (-0.05, &[])]
        {
            let wording = Wording {
                score: 0.0,
                points,
                by: By::Text,
                rare_for_ham: false,
                spam: 300,
                ham: 400,
            };
            let facts = Facts { wording: Known::Yes(wording), ..Facts::default() };
            expect(&CHECK, &Setting { facts, ..Setting::default() }, mail, want);
        }
        expect(&CHECK, &Setting::default(), mail, &[]);
    }
}
