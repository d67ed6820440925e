//! How the mail is worded, by what this site has learned. Points are bounded where they are made: `rules/model/weights.toml`.
//!
//! A finding says which part of the mail spoke and how much was learned, never what other people's mail says.

use super::{Case, Check, Finding};
use crate::{
    config::policy::Category,
    facts::{Known, wording::Wording},
    learn::classifier::Kind,
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

/// Places of a mail with what each adds to the score.
type Adds = Vec<(Kind, f32)>;

/// In words: which places of the mail speak, what speaks against it, and how much was learned. Never what other people's mail says.
fn told(wording: &Wording, like: &str) -> String {
    let spam = wording.points > 0.0;
    let (mut with, mut against): (Adds, Adds) =
        wording.places.iter().partition(|(_, adds)| (*adds > 0.0) == spam);
    let is_heard = |adds: f32| adds.abs() >= HEARD * wording.score.abs();
    for some in [&mut with, &mut against] {
        some.sort_by(|left, right| right.1.abs().total_cmp(&left.1.abs()));
        some.retain(|(_, adds)| is_heard(*adds));
    }
    let named = |some: &[(Kind, f32)]| {
        let names: Vec<&str> = some.iter().take(NAMED_MAX).map(|(kind, _)| name(*kind)).collect();
        names.join(" and ")
    };
    let what = match with.is_empty() {
        true => format!("all in all it is like {like} at this site"),
        false if with.len() == 1 => format!("{} is like that of {like} at this site", named(&with)),
        false => format!("{} are like those of {like} at this site", named(&with)),
    };
    let but = match against.is_empty() {
        true => String::new(),
        false if against.len() == 1 => format!("; {} speaks against it", named(&against)),
        false => format!("; {} speak against it", named(&against)),
    };
    let own = match wording.own {
        own if !is_heard(own) => "",
        own if (own > 0.0) == spam => "; the labels of its organisation alone say so even more",
        _ => "; the labels of its organisation alone say less",
    };
    let Wording { spam, ham, .. } = wording;
    let rare = match wording.rare_for_ham {
        true => ", and less than one in a thousand wanted mails here is so much like spam",
        false => "",
    };
    format!("{what}{but}{own} ({spam} spam and {ham} wanted mails are learned{rare})")
}

fn name(kind: Kind) -> &'static str {
    match kind {
        Kind::Body => "its text",
        Kind::Subject => "its subject",
        Kind::Author => "its sender",
        Kind::Received => "the way it came",
        Kind::Recipient => "how it is addressed",
        Kind::Field => "how a program wrote it",
    }
}

/// What adds less than this part of the score is not named.
const HEARD: f32 = 0.15;
/// Places that are named.
const NAMED_MAX: usize = 2;
/// Less says nothing, and would stand below every mail.
const POINTS_MIN: f32 = 0.1;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        checks::testing::{Setting, expect},
        facts::Facts,
    };

    fn wording(points: f32, places: &[(Kind, f32)], own: f32) -> Wording {
        let places = places.to_vec();
        let score = points / 5.0;
        Wording { score, own, points, places, rare_for_ham: false, spam: 300, ham: 400 }
    }

    #[test]
    fn finds() {
        let mail = "Subject: hi\nFrom: a@example\n\nhi";
        for (points, want) in
            [(7.5, &["wording.spam"][..]), (-2.0, &["wording.ham"]), (0.05, &[]), (-0.05, &[])]
        {
            let wording = wording(points, &[], 0.0);
            let facts = Facts { wording: Known::Yes(wording), ..Facts::default() };
            expect(&CHECK, &Setting { facts, ..Setting::default() }, mail, want);
        }
        expect(&CHECK, &Setting::default(), mail, &[]);
    }

    #[test]
    fn says_what_spoke() {
        let text_and_subject = [(Kind::Subject, 0.4), (Kind::Body, 0.9), (Kind::Field, 0.01)];
        for (points, places, own, want) in [
            (5.0, &[][..], 0.0, "all in all it is like spam at this site (300 spam"),
            (5.0, &[(Kind::Body, 0.9)], 0.0, "its text is like that of spam at this site (300"),
            (
                5.0,
                &text_and_subject,
                0.5,
                "its text and its subject are like those of spam at this site; the labels of its organisation alone say so even more (300",
            ),
            (
                5.0,
                &[(Kind::Body, 1.9), (Kind::Received, -0.9)],
                0.0,
                "its text is like that of spam at this site; the way it came speaks against it (300",
            ),
            (
                -5.0,
                &[(Kind::Author, -1.9), (Kind::Field, 0.4), (Kind::Recipient, 0.3)],
                0.3,
                "its sender is like that of wanted mail at this site; how a program wrote it and how it is addressed speak against it; the labels of its organisation alone say less (300",
            ),
        ] {
            let like = if points > 0.0 { "spam" } else { "wanted mail" };
            let got = told(&wording(points, places, own), like);
            assert!(got.starts_with(want), "{got}");
        }
    }
}
