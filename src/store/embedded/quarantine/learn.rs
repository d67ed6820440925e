//! What people say that a mail is, for whatever learns from it. Nothing moves by it; the last word counts.

use super::{
    Quarantine,
    moves::insert_label,
    rows::{find, to_json},
    sql_int,
};
use crate::{
    base::{ids::Id, limits},
    store::{
        StoreError,
        held::{Held, HeldState, Learned, Moved, Opinion, Releaser},
    },
};
use rusqlite::{Connection, params};

impl Quarantine {
    /// Keeps what somebody says that a mail is. What was said before stays among the labels; a later one stands behind it.
    ///
    /// What is deleted has said what it is, and what was said by the same person before needs no saying again: [`Moved::No`].
    pub async fn learn(&self, id: Id, opinion: Opinion, by: Releaser) -> Result<Moved, StoreError> {
        let at = self.clock.now();
        self.db
            .write("labelling a held mail", move |connection| {
                let Some((number, held)) = find(connection, id)? else { return Ok(Moved::Missing) };
                let same = |said: &Learned| said.opinion == opinion && said.by == by;
                if held.state == HeldState::Deleted || held.learned.as_ref().is_some_and(same) {
                    return Ok(Moved::No(Box::new(held)));
                }
                insert_label(connection, &held, opinion, (&by, at))?;
                // One step back is enough to take back what was said last.
                let before = held.learned.clone().map(|said| Learned { before: None, ..said });
                let said = Learned { opinion, by, at, before: before.map(Box::new) };
                say(connection, number, Held { learned: Some(said), ..held })
            })
            .await
    }

    /// Takes back what somebody said last, if it was not long ago: what was said before stands again.
    pub async fn unlearn(&self, id: Id, by: &Releaser) -> Result<Moved, StoreError> {
        let (now, by) = (self.clock.now(), by.clone());
        self.db
            .write("taking a label back", move |connection| {
                let Some((number, mut held)) = find(connection, id)? else {
                    return Ok(Moved::Missing);
                };
                let recent =
                    |said: &Learned| said.by == by && now.since(said.at) <= limits::UNDO_TIME_MAX;
                let Some(said) = held.learned.take_if(|said| recent(said)) else {
                    return Ok(Moved::No(Box::new(held)));
                };
                connection
                    .prepare_cached("DELETE FROM label WHERE id = ?1 AND at = ?2 AND opinion = ?3")?
                    .execute(params![
                        held.id.to_string(),
                        sql_int(said.at.0),
                        said.opinion.word()
                    ])?;
                held.learned = said.before.map(|before| *before);
                say(connection, number, held)
            })
            .await
    }
}

fn say(connection: &Connection, number: i64, held: Held) -> rusqlite::Result<Moved> {
    connection
        .prepare_cached("UPDATE shown SET row = ?2 WHERE number = ?1")?
        .execute(params![number, to_json(&held)?])?;
    Ok(Moved::Now(Box::new(held)))
}
