//! Ordinary mail in six languages is let through: on a site's first day, and after it learned from English mail alone.
//!
//! The mails stand in `tests/ordinary/`; all of them were written for these tests.

// Failing loudly is what these tests are for.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]
#![allow(clippy::print_stdout)] // The figures.

#[path = "ordinary/mails.rs"]
mod mails;

use mails::{LANGUAGES, Ordinary};
use sluss::{
    base::clock::{Clock, UnixMs},
    config::{Config, policy::Policy},
    edge::load::{self, Opener},
    facts::{Facts, Known},
    learn::classifier::{Label, Lesson, Model, Sureness, Views},
    mail::{Direction, Envelope, Peer, ReversePath},
    pipeline::{
        judge::{self, Came},
        settings::Settings,
        wording,
    },
    verdict::{self, wording::Weights},
};
use std::path::Path;

fn settings() -> Settings {
    let text = "hostname = \"mx.ours.example\"\n[[domain]]\nname = \"ours.example\"\nnext-hop = \"smtp://127.0.0.1:1\"\nrecipients = \"any\"\n";
    let config = Config::parse(Path::new("ordinary.toml"), text).unwrap();
    load::load(config, &Clock::system(), Opener::Here).unwrap().0
}

/// Points of the rules, what the learners see, and which rules spoke.
fn looked(
    settings: &Settings,
    mail: &Ordinary,
) -> (f32, sluss::learn::classifier::Sketch, Vec<String>) {
    let sender = ReversePath::parse(&mail.sender).unwrap();
    let peer = Peer::at([192, 0, 2, 1].into());
    // Two hours after the last of them.
    let at = UnixMs(1_796_000_000_000);
    let came = Came::from_world(peer, Envelope::from(sender), at).owned_under(settings);
    let facts = Facts { stumbled_before: Known::Yes(false), ..Facts::default() };
    let bytes = mail.message.as_bytes();
    let judged = judge::look(settings, &came, bytes, facts).unwrap();
    let score = verdict::decide(&judged.findings, &Policy::default(), Direction::Inbound).score;
    let sketch = wording::sketch(settings, &judged.header, bytes, &judged.contents);
    let spoke = judged.findings.iter().filter(|found| found.weight >= 1.0);
    (score, sketch, spoke.map(|found| format!("{} {}", found.id, found.weight)).collect())
}

#[test]
fn ordinary_mail_is_let_through_in_every_language() {
    let settings = settings();
    let mark = Policy::default().inbound.thresholds.mark();
    for language in LANGUAGES {
        let all = mails::all(language);
        assert!(all.len() >= 70, "{language}: {}", all.len());
        let marked: Vec<String> = all
            .iter()
            .filter_map(|mail| {
                let (score, _, spoke) = looked(&settings, mail);
                (score >= mark).then(|| format!("{}: {score} {spoke:?}", mail.name))
            })
            .collect();
        assert!(marked.is_empty(), "{language}: {marked:#?}");
    }
}

/// Learned is English: the wanted mail here, and spam that is sent in the same ways.
#[test]
fn a_site_that_learned_english_alone_holds_no_other_language() {
    let settings = settings();
    let english = mails::all("en");
    let mut model = Model::default();
    for round in 0..6 {
        for (at, mail) in english.iter().enumerate() {
            let lesson = |label| Lesson { label, views: Views::All, sureness: Sureness::Confirmed };
            model.learn(&looked(&settings, mail).1, lesson(Label::Ham));
            model.learn(&looked(&settings, &spam(at, round)).1, lesson(Label::Spam));
        }
    }
    let fitted = model.calibration.fit().unwrap();
    let weights = Weights::shipped().unwrap();
    let trust = weights.trust(model.taught(), Some(&fitted));
    let thresholds = Policy::default().inbound.thresholds;
    // It knows what spam is: or this would show nothing.
    let points = |mail: &Ordinary| {
        let (rules, sketch, _) = looked(&settings, mail);
        let learned = weights.points(model.judge(&sketch).score, Some(&fitted));
        rules + weights.bounded(learned, trust, model.taught())
    };
    let caught = (0..50).filter(|at| points(&spam(*at + 1_000, 9)) >= thresholds.quarantine());
    let caught = caught.count();
    assert!(caught >= 45, "{caught} of 50, {trust:?}");
    for language in LANGUAGES {
        let all = mails::all(language);
        let scores: Vec<(f32, &str)> =
            all.iter().map(|mail| (points(mail), mail.name.as_str())).collect();
        let over =
            |least: f32| scores.iter().filter(|(score, _)| *score >= least).collect::<Vec<_>>();
        println!(
            "{language}: {} mails, {} marked, {} held, mean {:.2}",
            all.len(),
            over(thresholds.mark()).len(),
            over(thresholds.quarantine()).len(),
            scores.iter().map(|(score, _)| score).sum::<f32>()
                / f32::from(u16::try_from(all.len()).unwrap()),
        );
        assert!(over(thresholds.mark()).is_empty(), "{language}: {:?}", over(thresholds.mark()));
    }
}

/// What is sent to everybody, by the same programs and from such addresses as wanted mail: only its text tells it apart.
fn spam(number: usize, round: usize) -> Ordinary {
    let says = [
        "You have been selected for an exclusive reward. Claim your winnings today, the offer ends at midnight and will not be repeated.",
        "Lose weight without effort. Our pills are shipped from a licensed pharmacy in discreet packages, no prescription needed, lowest price guaranteed.",
        "I am the lawyer of a late client who left eighteen million dollars. Your share will be forty percent if you reply in confidence.",
        "Earn five thousand a week from home with our trading robot. No experience needed, investors double their money in days.",
        "Your account was limited. Verify your password and card now to avoid closure, click the secure link below.",
        "Meet lonely women in your town tonight. Photos and free registration, no strings attached.",
    ];
    let text = format!(
        "Dear friend {number},\n{}\nReference {round}{number}. Act now!\n",
        says[(number + round) % says.len()]
    );
    let kind = ["person", "newsletter", "notice"][number % 3];
    mails::mail("spam", ("en", kind, number), &format!("Your reward {number}"), &text)
}
