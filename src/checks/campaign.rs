//! The same mail to many: from strangers in many places, or like one that is known to be bad.
//!
//! Nothing is said of mail from somebody whom its recipients or their organisations know: who passes a bad mail on to ask about it sends a copy,
//! and so does a newsletter whose words a stranger has borrowed. Many copies from one authenticated sender are a newsletter, not this.

use super::{Case, Check, Demand, Finding};
use crate::{
    config::policy::Category,
    facts::{Known, campaign::Campaign},
    learn::campaign::standing::Bad,
};

pub(super) const CHECK: Check = Check {
    ids: &["campaign.many", "campaign.bad"],
    about: "The same mail came from many strangers of late, or a copy of it is known to be bad.",
    plain: "The same mail came many times, from many places.",
    run,
};

fn run(case: &Case, findings: &mut Vec<Finding>) {
    let Known::Yes(campaign) = &case.facts.campaign else { return };
    if !campaign.stranger {
        return;
    }
    if let Some(bad) = campaign.bad {
        let because = format!("the same mail came before, and a copy of it {}", bad.said());
        // Its weight would refuse what is held: whoever sends a mail twice to one address would learn whether that is a trap.
        let finding =
            Finding::new("campaign.bad", category(bad), 0.0, because).demanding(Demand::AsSuspect);
        findings.push(
            finding.telling("The same mail came before and was found to be harmful or unwanted."),
        );
    }
    if let Some(weight) = many(campaign) {
        let Campaign { mails, sources, networks, recipients, .. } = campaign;
        let because = format!(
            "the same mail came {mails} times within a day before this one, from {sources} senders in {networks} networks to {recipients} recipients, none of whom they had to do with before"
        );
        findings.push(Finding::new("campaign.many", Category::Bulk, weight, because));
    }
}

fn many(campaign: &Campaign) -> Option<f32> {
    let is_many = campaign.mails >= MAILS_MIN && campaign.sources >= SOURCES_MIN;
    is_many.then_some(match campaign.sources >= SOURCES_MOST {
        true => MANY_MOST,
        false => MANY,
    })
}

fn category(bad: Bad) -> Category {
    match bad {
        // The words are those of a mail with malware; whether this one has it too is for the scanners to say.
        Bad::Malware | Bad::Staff | Bad::Recipients | Bad::Operator | Bad::Trap | Bad::Others => {
            Category::Spam
        }
        Bad::Phish => Category::Phish,
    }
}

/// Beside other signs; citizens who sign the same letter to their council are many strangers, too.
const MANY: f32 = 1.5;
/// The same from so many that no letter campaign of one place explains it.
const MANY_MOST: f32 = 2.5;
/// Fewer copies are an invitation that a few forwarded.
const MAILS_MIN: u32 = 8;
/// Fewer strangers are a club whose members write the same.
const SOURCES_MIN: u32 = 5;
/// From so many strangers on it weighs more.
const SOURCES_MOST: u32 = 15;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        checks::testing::{Setting, expect, found, mail},
        facts::Facts,
        learn::campaign::CampaignId,
    };

    fn setting(campaign: Campaign) -> Setting {
        let facts = Facts { campaign: Known::Yes(campaign), ..Facts::default() };
        Setting { facts, ..Setting::default() }
    }

    const SEEN: Campaign = Campaign {
        id: CampaignId(7),
        stranger: true,
        mails: 27,
        sources: 14,
        networks: 13,
        recipients: 25,
        bad: None,
    };

    #[test]
    fn finds() {
        let mail = mail("A <a@example.org>", "hi");
        for (campaign, want) in [
            (SEEN, &["campaign.many"][..]),
            (Campaign { sources: 4, ..SEEN }, &[]),
            (Campaign { mails: 7, ..SEEN }, &[]),
            (Campaign { mails: 1, sources: 1, bad: Some(Bad::Malware), ..SEEN }, &["campaign.bad"]),
            (Campaign { bad: Some(Bad::Staff), ..SEEN }, &["campaign.bad", "campaign.many"]),
            // From somebody who is known, nothing.
            (Campaign { bad: Some(Bad::Staff), stranger: false, ..SEEN }, &[]),
        ] {
            expect(&CHECK, &setting(campaign), &mail, want);
        }
        expect(&CHECK, &Setting::default(), &mail, &[]);
    }

    #[test]
    fn it_says_how_often_and_what_was_wrong() {
        let mail = mail("A <a@example.org>", "hi");
        let seen = Campaign { bad: Some(Bad::Phish), sources: 30, ..SEEN };
        let findings = found(&CHECK, &setting(seen), &mail);
        let [bad, many] = &findings[..] else { panic!("{findings:?}") };
        assert_eq!((bad.category, many.category), (Category::Phish, Category::Bulk));
        assert!(bad.because.ends_with("a copy of it was proved to be phish"), "{}", bad.because);
        assert!(many.because.contains("27 times") && many.because.contains("13 networks"));
        assert!(many.weight > 2.0 && bad.weight <= 0.0);
    }
}
