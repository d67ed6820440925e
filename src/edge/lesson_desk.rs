//! What `sluss learn` is answered: examples are taken, what was taught is shown, and what is to be forgotten is.

use crate::{
    learn::classifier::{Label, Sketch},
    mail::{Address, Header, Organisation},
    pipeline::{
        Gateway, campaigns,
        school::{self, Progress},
    },
    store::lessons::{Forget, MailMark, Standing, Tally, Teacher, Unlearned},
};
use data_encoding::BASE64;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// What is asked.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "ask", rename_all = "kebab-case")]
pub enum Ask {
    /// These mails are this.
    Teach {
        /// What.
        label: Label,
        /// The user who says so; none: the operator.
        by: Option<String>,
        /// Whose mails they are; none: the user's organisation, or the site's.
        organisation: Option<String>,
        /// The mails.
        examples: Vec<Example>,
    },
    /// A mail that came through here is this.
    Label {
        /// What.
        label: Label,
        /// The user who says so.
        by: String,
        /// The mail: its id, or its Message-ID.
        mail: String,
    },
    /// How far is it?
    Show,
    /// Forget.
    Forget {
        /// What.
        what: Forget,
        /// In one organisation only.
        organisation: Option<String>,
    },
}

/// What the learners see of a mail.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Example {
    /// In Base64.
    sketch: String,
    /// The mail's Message-ID, by which it is found if it came through here.
    message_id: String,
    /// Everybody who stands in it, so that it can be forgotten with any of them.
    people: BTreeSet<String>,
}

impl Example {
    /// From an opened mail.
    pub fn new(sketch: &Sketch, header: &Header) -> Example {
        let named = ["From", "Sender", "To", "Cc"].map(|field| header.mailboxes(field));
        let people = named.iter().flatten().filter_map(|one| Address::parse(&one.address).ok());
        Example {
            sketch: BASE64.encode(&sketch.to_bytes()),
            message_id: school::message_id(header),
            people: people.take(PEOPLE_MAX).map(|one| one.key()).collect(),
        }
    }
}

/// The answer to [`Ask::Show`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Shown {
    /// How far it is.
    pub progress: Progress,
    /// What was said, by whom, and what became of it.
    pub tally: Vec<Tally>,
    /// The last that are not learned because somebody disagrees.
    pub unlearned: Vec<Unlearned>,
}

/// Answers.
pub(super) async fn answer(gateway: &Gateway, ask: Ask) -> Result<Value, String> {
    match ask {
        Ask::Show => show(gateway).await.map(|shown| json!(shown)),
        Ask::Teach { label, by, organisation, examples } => {
            let by = by.map(|by| Address::parse(&by).map_err(|why| format!("{by}: {why}")));
            let by = by.transpose()?;
            let owner = owner(gateway, by.as_ref(), organisation.as_deref())?;
            teach(gateway, label, by, owner, examples).await.map(|standings| json!(standings))
        }
        Ask::Label { label: said, by, mail } => {
            let by = Address::parse(&by).map_err(|why| format!("{by}: {why}"))?;
            let owner = owner(gateway, Some(&by), None)?;
            let standing = label(gateway, &owner, said, &by, &mail).await?;
            standing.map(|one| json!(one)).ok_or_else(|| NOT_REMEMBERED.to_string())
        }
        Ask::Forget { what, organisation } => {
            let only = organisation.map(|name| Organisation::named(&name));
            let gone = gateway.stores.lessons.forget(&what, only.as_ref()).await;
            let gone = gone.map_err(|error| error.to_string())?;
            // Where nothing is gone, what was learned stays as it is.
            if gone > 0 {
                school::forgotten(gateway).await;
            }
            let of_campaigns = campaigns::forgotten(gateway, &what, only.as_ref()).await;
            let of_campaigns = of_campaigns.map_err(|error| error.to_string())?;
            tracing::warn!(
                forgotten = gone,
                campaigns = of_campaigns,
                "lessons were forgotten on an operator's word"
            );
            Ok(json!({ "forgotten": gone, "campaigns": of_campaigns }))
        }
    }
}

/// What a recipient says of a mail that came through here; none if nobody remembers it.
pub(super) async fn label(
    gateway: &Gateway,
    owner: &Organisation,
    label: Label,
    by: &Address,
    mail: &str,
) -> Result<Option<Standing>, String> {
    let standing = school::label(gateway, owner, mail, label, by).await;
    standing.map_err(|error| error.to_string())
}

/// What is said of a mail that came long ago, or never.
pub(super) const NOT_REMEMBERED: &str = "no such mail is remembered";

/// Everything that there is to see.
pub(super) async fn show(gateway: &Gateway) -> Result<Shown, String> {
    let lessons = &gateway.stores.lessons;
    let tally = lessons.tally().await.map_err(|error| error.to_string())?;
    let unlearned = lessons.unlearned(UNLEARNED_ROWS).await.map_err(|error| error.to_string())?;
    Ok(Shown { progress: gateway.school.mind().progress(), tally, unlearned })
}

/// Whose mails are taught: of the organisation that is named, of the user's, or of nobody in particular.
fn owner(
    gateway: &Gateway,
    by: Option<&Address>,
    organisation: Option<&str>,
) -> Result<Organisation, String> {
    let settings = gateway.settings.load();
    if let Some(name) = organisation {
        let named = Organisation::named(name);
        return match settings.organisation(&named) {
            Some(_) => Ok(named),
            None => Err(format!("there is no organisation {name}")),
        };
    }
    match by {
        None => Ok(Organisation::implied()),
        Some(by) => match settings.own_domain(by) {
            Some(own) => Ok(own.organisation.name().clone()),
            None => Err(format!("{by} is no address of ours")),
        },
    }
}

async fn teach(
    gateway: &Gateway,
    label: Label,
    by: Option<Address>,
    owner: Organisation,
    examples: Vec<Example>,
) -> Result<Vec<Standing>, String> {
    let teacher = if by.is_some() { Teacher::Reported } else { Teacher::Command };
    let mut told = Vec::with_capacity(examples.len());
    for example in examples {
        let sketch = BASE64.decode(example.sketch.as_bytes()).ok();
        let sketch = sketch.filter(|bytes| Sketch::from_bytes(bytes).is_ok());
        let sketch = sketch.ok_or("an example is damaged")?;
        told.push(school::Told {
            organisation: owner.clone(),
            teacher,
            by: by.as_ref().map(Address::key),
            label,
            mail: MailMark::of_sketch(&sketch),
            message_id: example.message_id,
            people: example.people.into_iter().collect(),
            sketch,
        });
    }
    school::teach(gateway, told).await.map_err(|error| error.to_string())
}

/// People of an example that are kept: a mail that names more is none of somebody's.
const PEOPLE_MAX: usize = 500;
/// Rows of what is not learned.
const UNLEARNED_ROWS: usize = 50;
