//! "In which mails does the same person stand?": asked when somebody wants to know what there is about him, or when something has leaked.
//! Answered by marks, and only where the organisation has its mail marked.

use crate::{
    base::limits,
    examine::{Contents, Mark, Personal},
    mail::{Direction, Organisation},
    personal::Kind,
    pipeline::Gateway,
    store::StoreError,
};
use std::collections::BTreeSet;

/// Why nobody was looked for.
#[derive(Debug, thiserror::Error)]
pub enum NotAsked {
    /// It is nobody's number.
    #[error(
        "this is no number of a person that is known here; write it as it would stand in a mail, with its word where it needs one, as in \"CPR 010190-1234\""
    )]
    NoNumber,
    /// Whose mail would it be?
    #[error(
        "no mail is marked by who stands in it: let [[organisation]] say personal-data-same-person = true, and mail that comes from then on is"
    )]
    NothingMarked,
    /// Only the locked room of a running gateway has the key.
    #[error("this is asked of a running gateway, and none answers here")]
    NoKey,
    /// The examiner could not look at it.
    #[error("the examiner could not look at it; try again")]
    NotExamined,
    /// The marks could not be read.
    #[error(transparent)]
    Store(#[from] StoreError),
}

fn is_of_a_person(line: &Personal) -> bool {
    Kind::from_word(&line.kind).is_some_and(Kind::is_of_a_person)
}

/// Marks of those who stand in a mail. A number that may be an order's is nobody's.
pub(super) fn in_mail(contents: &Contents, direction: Direction) -> BTreeSet<Mark> {
    let sure = contents.personal.iter().filter(|line| line.confidence != "low");
    let of_persons = sure.filter(|line| is_of_a_person(line));
    let most = match direction {
        Direction::Outbound => limits::MARKS_MAX,
        // Anybody may send them.
        Direction::Inbound => limits::MARKS_OF_STRANGERS_MAX,
    };
    of_persons.flat_map(|line| line.marks.iter().copied()).take(most).collect()
}

/// Marks that whoever has this number has in the mail of an organisation, or of all.
pub async fn marks(
    gateway: &Gateway,
    number: &str,
    organisation: Option<Organisation>,
) -> Result<Vec<Mark>, NotAsked> {
    let settings = gateway.settings.load_full();
    let asked: Vec<Organisation> = match organisation {
        Some(one) => vec![one],
        None => settings.organisations().map(|one| one.name().clone()).collect(),
    };
    let marked: Vec<_> = asked.into_iter().filter(|one| settings.marks_persons(one)).collect();
    if marked.is_empty() {
        return Err(NotAsked::NothingMarked);
    }
    let mail = format!("Content-Type: text/plain; charset=utf-8\r\n\r\n{}\r\n", number.trim());
    let contents = tokio::task::spawn_blocking(move || {
        let afar = Kind::ALL.into_iter().filter(|kind| kind.is_from_afar());
        let afar: BTreeSet<String> = afar.map(|kind| kind.family().to_string()).collect();
        let afar: Vec<String> = afar.into_iter().collect();
        settings.examiner.examine_for(mail.as_bytes(), &afar)
    });
    let contents = contents.await.map_err(|_| NotAsked::NotExamined)?;
    let of_room = known(&contents)?;
    let mut all = Vec::new();
    for one in marked {
        all.extend(gateway.stores.persons.marks(&one, &of_room).await?);
    }
    Ok(all)
}

/// The marks of whom the text of a question names.
fn known(contents: &Contents) -> Result<BTreeSet<Mark>, NotAsked> {
    if !contents.unscanned.is_empty() {
        return Err(NotAsked::NotExamined);
    }
    let of_persons: Vec<&Personal> =
        contents.personal.iter().filter(|line| is_of_a_person(line)).collect();
    if of_persons.is_empty() {
        return Err(NotAsked::NoNumber);
    }
    let marks: BTreeSet<Mark> =
        of_persons.into_iter().flat_map(|line| line.marks.iter().copied()).collect();
    if marks.is_empty() { Err(NotAsked::NoKey) } else { Ok(marks) }
}
