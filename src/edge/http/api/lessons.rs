//! What the classifier was taught, and saying what a mail is: for junk folders on other machines. A mail is named, and never sent.

use super::{Param, Problem, Sent, Spec, answer, as_written, not_done, shape};
use crate::{
    edge::{
        control::Request,
        http::{Place, Route, rights::Right, visit::Visitor},
        lesson_desk::{self, Ask},
    },
    learn::classifier::Label,
    mail::Address,
};
use axum::{
    extract::State,
    response::Response,
    routing::{get, post},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub(super) const ROUTES: &[Route] = &[
    Route::api(
        "GET",
        "/api/v1/lessons",
        "what the classifier was taught, by whom, and how far it is trusted",
        Right::Site,
        Spec { query: NOTHING, body: None, answer: shape::<Learned> },
        || get(show),
    ),
    Route::api(
        "POST",
        "/api/v1/lessons",
        "a recipient says what a mail is that came through here",
        Right::Decide,
        Spec { query: NOTHING, body: Some(shape::<Saying>), answer: shape::<Became> },
        || post(label),
    ),
];

const NOTHING: &[Param] = &[];

/// How far the site has come.
#[derive(Debug, Serialize, JsonSchema)]
struct Learned {
    /// Labels of spam that were learned.
    spam: u32,
    /// Labels of wanted mail.
    wanted: u32,
    /// "silent": it says nothing yet; "beside": it holds no mail alone; "full".
    trust: String,
    /// How far its chances are from what came true, as the mean square; null: not known yet.
    error: Option<f64>,
    /// Who taught what.
    taught: Vec<Taught>,
}

/// How much of one kind.
#[derive(Debug, Serialize, JsonSchema)]
struct Taught {
    /// "command", "staff", "reader", "reported", "malware", "phish", "sent" or "correspondent".
    by: String,
    /// "spam" or "wanted".
    label: String,
    /// "counts", "agreed", "overruled", "disputed", "enough" or "doubted".
    standing: String,
    /// How many.
    lessons: u64,
}

/// What is said.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Saying {
    /// "spam" or "wanted".
    label: Word,
    /// The mail's Message-ID, or its id here.
    mail: String,
    /// The recipient who says so.
    by: String,
}

#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Word {
    Spam,
    Wanted,
}

impl From<Word> for Label {
    fn from(word: Word) -> Label {
        match word {
            Word::Spam => Label::Spam,
            Word::Wanted => Label::Ham,
        }
    }
}

/// What became of it.
#[derive(Debug, Serialize, JsonSchema)]
struct Became {
    /// "counts", "agreed", "overruled", "disputed", "enough" or "doubted".
    standing: String,
}

async fn show(State(site): State<Place>, _visitor: Visitor) -> Result<Response, Problem> {
    let shown = lesson_desk::show(site.gateway()).await.map_err(not_done)?;
    let taught = shown.tally.iter().map(|one| Taught {
        by: one.teacher.word().to_string(),
        label: match one.label {
            Label::Spam => "spam",
            Label::Ham => "wanted",
        }
        .to_string(),
        standing: one.standing.word().to_string(),
        lessons: one.lessons,
    });
    let progress = &shown.progress;
    Ok(answer(&Learned {
        spam: progress.taught.spam,
        wanted: progress.taught.ham,
        trust: progress.trust.word().to_string(),
        error: progress.error.map(|error| as_written(f64::from(error))),
        taught: taught.collect(),
    }))
}

async fn label(
    State(site): State<Place>,
    visitor: Visitor,
    sent: Sent,
) -> Result<Response, Problem> {
    let Saying { label, mail, by } = sent.read()?;
    let address = Address::parse(&by);
    let by = address.map_err(|why| Problem::bad_request(format!("by {by:?}: {why}")))?;
    let settings = site.gateway().settings.load_full();
    let own = settings.own_domain(&by).map(|own| own.organisation.name().clone());
    // Whoever is none of theirs is answered as if nothing had ever come for him.
    let owner = own.filter(|owner| visitor.scope.covers(owner, &by)).ok_or(Problem::missing())?;
    let (by, label) = (by.clone(), Label::from(label));
    let request = Request::Lessons {
        ask: Box::new(Ask::Label { label, by: by.to_string(), mail: mail.clone() }),
    };
    let act = lesson_desk::label(site.gateway(), &owner, label, &by, &mail);
    let became = site.asked(&visitor, &request, act).await.map_err(not_done)?;
    let standing = became.ok_or(Problem::missing())?.word().to_string();
    Ok(answer(&Became { standing }))
}
