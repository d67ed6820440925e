//! What the site has learned of how mail is worded: how far it is trusted, who taught it what, and what is not learned because somebody disagrees.

use super::operate::{frame, sentence};
use crate::{
    edge::{
        http::{
            Needs, Place, Route,
            frame::{Frame, Note, Section, render},
            rights::Right,
            visit::Visitor,
            words::{Moment, grouped},
        },
        lesson_desk::{self, Shown},
    },
    learn::classifier::Label,
    pipeline::school::Progress,
    store::lessons::{Standing, Teacher},
    verdict::wording::Trust,
};
use askama::Template;
use axum::{extract::State, response::Response, routing::get};

pub(in crate::edge::http) const ROUTES: &[Route] = &[Route::page(
    "/learned",
    "what was learned, and from whom",
    Needs::Right(Right::Site),
    || get(show),
)];

#[derive(Template)]
#[template(path = "learned.html")]
struct LearnedPage {
    frame: Frame,
    pages: Vec<Section>,
    says: &'static str,
    figures: Vec<(&'static str, String)>,
    /// Labels of the rarer kind, and how many are wanted; none where it is trusted in full.
    way: Option<(u32, u32)>,
    rows: Vec<Row>,
    unlearned: Vec<Unlearned>,
}

struct Row {
    who: &'static str,
    spam: String,
    ham: String,
    /// Said, and not learned.
    not: String,
}

struct Unlearned {
    at: Moment,
    organisation: String,
    id: String,
    who: &'static str,
    said: &'static str,
    why: &'static str,
}

async fn show(State(place): State<Place>, visitor: Visitor) -> Response {
    let (mut frame, pages) = frame(&place, &visitor, "Learned", "/learned");
    let shown = lesson_desk::show(place.gateway()).await;
    let shown = shown.unwrap_or_else(|why| {
        frame.note = Some(Note::failed(sentence(&why)));
        let progress = place.gateway().school.mind().progress();
        Shown { progress, tally: Vec::new(), unlearned: Vec::new() }
    });
    let wall = place.wall();
    let unlearned = shown.unlearned.iter().map(|one| Unlearned {
        at: Moment::of(&wall, one.at),
        organisation: one.organisation.clone(),
        id: one.mail.to_string(),
        who: one.teacher.said(),
        said: said(one.label),
        why: one.standing.said(),
    });
    render(&LearnedPage {
        says: says(shown.progress.trust),
        figures: figures(&shown.progress),
        way: way(&shown.progress),
        rows: Teacher::ALL.iter().filter_map(|teacher| row(&shown, *teacher)).collect(),
        unlearned: unlearned.collect(),
        frame,
        pages,
    })
}

fn says(trust: Trust) -> &'static str {
    match trust {
        Trust::Silent => "It says nothing yet: rules alone decide.",
        Trust::Beside => "It speaks beside the rules, and holds no mail alone.",
        Trust::Full => "It may hold a mail by itself.",
    }
}

fn way(progress: &Progress) -> Option<(u32, u32)> {
    let wanted = match progress.trust {
        Trust::Silent => progress.speaks_from,
        Trust::Beside => progress.holds_from,
        Trust::Full => return None,
    };
    Some((progress.taught.rarer().min(wanted), wanted))
}

fn figures(progress: &Progress) -> Vec<(&'static str, String)> {
    let mut figures = vec![
        ("spam learned", grouped(progress.taught.spam.into())),
        ("wanted mail learned", grouped(progress.taught.ham.into())),
        ("organisations with a set of their own", progress.own_sets.to_string()),
    ];
    figures.extend(
        progress.error.map(|error| {
            ("error of its chances (0 is perfect, 0.25 a coin)", format!("{error:.3}"))
        }),
    );
    figures
}

fn row(shown: &Shown, teacher: Teacher) -> Option<Row> {
    let count = |is_meant: &dyn Fn(Label, Standing) -> bool| -> u64 {
        let own = shown.tally.iter().filter(|one| one.teacher == teacher);
        own.filter(|one| is_meant(one.label, one.standing)).map(|one| one.lessons).sum()
    };
    let learned =
        |wanted: Label| count(&|label, standing| label == wanted && standing == Standing::Counts);
    let not = count(&|_, standing| standing != Standing::Counts);
    let (spam, ham) = (learned(Label::Spam), learned(Label::Ham));
    (spam + ham + not > 0).then(|| Row {
        who: teacher.said(),
        spam: grouped(spam),
        ham: grouped(ham),
        not: grouped(not),
    })
}

fn said(label: Label) -> &'static str {
    match label {
        Label::Spam => "spam",
        Label::Ham => "wanted",
    }
}
