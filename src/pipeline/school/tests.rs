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
    Sketch { whole: Grams::of(both.clone()), mixed: Grams::of(both), body }
}

fn mind(lessons: u32) -> Mind {
    let mut mind = Mind::default();
    let all = (0..lessons).flat_map(|own| {
        [(Label::Spam, 1, 2), (Label::Ham, 3, 4)].map(|(label, header, text)| Stored {
            number: u64::from(own) + 1,
            lesson: Lesson { label, views: Views::All, sureness: Sureness::Confirmed },
            sketch: sketch(header, text, own).to_bytes(),
        })
    });
    mind.learn(all.collect());
    mind.fitted = mind.model.as_ref().and_then(|model| model.calibration.fit());
    mind
}

fn wording(mind: &Mind, sketch: &Sketch) -> Wording {
    match mind.wording(sketch) {
        Known::Yes(wording) => wording,
        Known::No(_) | Known::NotAsked => panic!("it says nothing"),
    }
}

#[test]
fn it_says_what_it_learned_as_far_as_it_is_trusted() {
    let (spam, ham) = (sketch(1, 2, 9_999), sketch(3, 4, 9_999));
    assert_eq!(Mind::default().wording(&spam), Known::NotAsked);
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
fn it_says_which_part_spoke() {
    let mind = mind(250);
    // Text of spam, and a header section that nobody has seen; and the other way round.
    assert_eq!(wording(&mind, &sketch(7, 2, 9_999)).by, By::Text);
    assert_eq!(wording(&mind, &sketch(1, 2, 9_999)).by, By::Both);
    assert_eq!(wording(&mind, &sketch(1, 8, 9_999)).by, By::Header);
}

#[test]
fn one_mail_is_like_itself() {
    let one = sketch(1, 2, 7);
    assert_eq!(one.overlap(&one), 1.0);
    assert_eq!(one.overlap(&sketch(1, 3, 7)), 0.0, "another text");
    assert_eq!(Sketch::default().overlap(&Sketch::default()), 1.0);
}
