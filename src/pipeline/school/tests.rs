//! What a mind makes of mails.

use super::*;
use crate::{
    learn::classifier::{Lesson, Sureness, grams::Grams},
    store::lessons::Taught as Stored,
};

/// A mail whose header section and text have numbers of their own.
fn sketch(header: u32, text: u32, own: u32) -> Sketch {
    let numbers = |base: u32| (0..40).map(move |at| base * 1_000 + at);
    let both: Vec<u32> = numbers(header).chain(numbers(text)).chain([200_000 + own]).collect();
    let body = Grams::of(numbers(text).collect());
    Sketch { whole: Grams::of(both.clone()), mixed: Grams::of(both), body, parts: Vec::new() }
}

fn mind(lessons: u32) -> Mind {
    let mut mind = Mind::default();
    let all = (0..lessons).flat_map(|own| {
        [(Label::Spam, 1, 2), (Label::Ham, 3, 4)].map(|(label, header, text)| Stored {
            number: u64::from(own) + 1,
            organisation: Organisation::implied(),
            lesson: Lesson { label, views: Views::All, sureness: Sureness::Confirmed },
            sketch: sketch(header, text, own).to_bytes(),
        })
    });
    mind.learn(all.collect());
    mind.fitted = mind.model.as_ref().and_then(|model| model.calibration.fit());
    mind
}

fn wording(mind: &Mind, sketch: &Sketch) -> Wording {
    match mind.wording(sketch, None) {
        Known::Yes(wording) => wording,
        Known::No(_) | Known::NotAsked => panic!("it says nothing"),
    }
}

#[test]
fn it_says_what_it_learned_as_far_as_it_is_trusted() {
    let (spam, ham) = (sketch(1, 2, 9_999), sketch(3, 4, 9_999));
    assert_eq!(Mind::default().wording(&spam, None), Known::NotAsked);
    let few = mind(9);
    assert_eq!(wording(&few, &spam).points, 0.0);
    assert_eq!(few.progress().trust, Trust::Silent);
    let some = mind(60);
    assert_eq!(some.progress().trust, Trust::Beside);
    assert_eq!((wording(&some, &spam).points, wording(&some, &ham).points), (1.2, -1.2));
    let many = mind(250);
    assert_eq!(many.progress().trust, Trust::Full, "{:?}", many.progress());
    assert!(wording(&many, &spam).points > 8.0);
    assert_eq!(many.progress().taught, Taught { spam: 250, ham: 250 });
}

#[test]
fn it_says_which_place_spoke() {
    let mind = mind(250);
    let numbers = |base: u32| Grams::of((0..40).map(|at| base * 1_000 + at).collect());
    // A header section of spam, a text that nobody has seen.
    let places = mind.places(&[(Kind::Received, numbers(1)), (Kind::Body, numbers(8))]);
    assert!(places[0].1 > 0.5 && places[1] == (Kind::Body, 0.0), "{places:?}");
    // And one that is wanted.
    let places = mind.places(&[(Kind::Received, numbers(1)), (Kind::Body, numbers(4))]);
    assert!(places[0].1 > 0.5 && places[1].1 < -0.5, "{places:?}");
}

#[test]
fn an_organisation_differs_from_the_others_after_five_hundred_labels() {
    let mut mind = Mind::default();
    let (one, two) = (Organisation::named("one"), Organisation::named("two"));
    let lesson = |label| Lesson { label, views: Views::All, sureness: Sureness::Confirmed };
    let all = (0..700_u32).flat_map(|own| {
        // What both get, one wants and the other does not.
        [
            (Label::Spam, 1, 2, &one),
            (Label::Ham, 1, 2, &two),
            (Label::Ham, 1, 2, &two),
            (Label::Ham, 3, 4, &one),
            (Label::Spam, 5, 6, &two),
        ]
        .map(|(label, header, text, whose)| Stored {
            number: u64::from(own) + 1,
            organisation: whose.clone(),
            lesson: lesson(label),
            sketch: sketch(header, text, own).to_bytes(),
        })
    });
    for (number, stored) in (1..).zip(all) {
        mind.learn(vec![Stored { number, ..stored }]);
    }
    mind.fitted = mind.model.as_ref().and_then(|model| model.calibration.fit());
    let differs = sketch(1, 2, 9_999);
    let says = |whose: Option<&Organisation>| match mind.wording(&differs, whose) {
        Known::Yes(wording) => wording,
        Known::No(_) | Known::NotAsked => panic!("it says nothing"),
    };
    let (none, one, two) = (says(None), says(Some(&one)), says(Some(&two)));
    assert_eq!(none.own, 0.0);
    assert!(one.score > none.score && none.score > two.score, "{one:?} {none:?} {two:?}");
    assert!(one.points > 0.0 && two.points < 0.0, "{one:?} {two:?}");
    assert_eq!(mind.progress().own_sets, 2);
}

#[test]
fn one_mail_is_like_itself() {
    let one = sketch(1, 2, 7);
    assert_eq!(one.overlap(&one), 1.0);
    assert_eq!(one.overlap(&sketch(1, 3, 7)), 0.0, "another text");
    assert_eq!(Sketch::default().overlap(&Sketch::default()), 1.0);
}

#[test]
fn one_account_is_one_person_whatever_addresses_it_writes_as() {
    let [anna, bo] =
        ["Anna@acme.example", "bo@acme.example"].map(|one| Address::parse(one).unwrap());
    for (recipient, account, want) in [
        (&anna, None, "anna@acme.example"),
        (&bo, None, "bo@acme.example"),
        (&anna, Some("anna@acme.example"), "anna@acme.example"),
        (&bo, Some("Anna@acme.example"), "anna@acme.example"),
        (&bo, Some("Helpdesk"), "helpdesk"),
        (&anna, Some("Helpdesk"), "helpdesk"),
    ] {
        assert_eq!(person(recipient, account), want, "{recipient} {account:?}");
    }
}

#[test]
fn whose_lesson_does_not_count_has_no_say_about_copies() {
    let heard: Vec<Standing> = Standing::ALL.into_iter().filter(|one| is_heard(*one)).collect();
    assert_eq!(heard, [Standing::Counts, Standing::Agreed, Standing::Disputed]);
}
