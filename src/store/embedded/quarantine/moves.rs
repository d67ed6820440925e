//! What is done with held mails: one move at a time, each in one commit with what follows from it.

use super::{
    Quarantine,
    rows::{find, to_json, twin},
    search::duplicates,
    sql_int,
};
use crate::{
    base::{clock::UnixMs, ids::Id, limits},
    mail::{Address, Organisation},
    store::{
        StoreError,
        embedded::blob::Fate,
        held::{Act, Held, HeldState, Label, Move, Moved, Opinion, Releaser},
    },
};
use rusqlite::{Connection, params};

impl Quarantine {
    /// Makes a move. Exactly one of several who try the same hears [`Moved::Now`].
    ///
    /// A release takes the mail's duplicates off the list, and its undo brings them back. Whoever releases or deletes has told what the mail
    /// is; that is kept as a label, and an undo takes it away again. What is deleted stays until an undo is too late.
    pub async fn make_move(&self, id: Id, what: Move, by: Releaser) -> Result<Moved, StoreError> {
        let now = self.clock.now();
        let (moved, fates) = self
            .db
            .write("acting on a held mail", move |connection| {
                let Some((number, held)) = find(connection, id)? else {
                    return Ok((Moved::Missing, Vec::new()));
                };
                let mut changed = Changed { connection, now, fates: Vec::new() };
                let moved = changed.make(number, held, what, by)?;
                Ok((moved, changed.fates))
            })
            .await?;
        let mut places = Vec::new();
        for (number, fate) in fates {
            places.extend(self.place_of(number).await?.map(|place| (place, fate)));
        }
        self.note(places).await;
        Ok(moved)
    }

    /// Labels given at or after a moment, oldest first.
    pub async fn labels_since(&self, since: UnixMs, rows: usize) -> Result<Vec<Label>, StoreError> {
        let rows = sql_int(u64::try_from(rows).unwrap_or(u64::MAX));
        self.db
            .read("reading labels", move |connection| {
                connection
                    .prepare_cached(
                        "SELECT id, organisation, recipient, opinion, by_kind, at, likeness, content_hash FROM label
                         WHERE at >= ?1 ORDER BY at, number LIMIT ?2",
                    )?
                    .query_map(params![sql_int(since.0), rows], read_label)?
                    .filter_map(Result::transpose)
                    .collect()
            })
            .await
    }
}

/// What one move changes.
struct Changed<'a> {
    connection: &'a Connection,
    now: UnixMs,
    /// For the files, should the index be lost.
    fates: Vec<(i64, Fate)>,
}

impl Changed<'_> {
    fn make(
        &mut self,
        number: i64,
        held: Held,
        what: Move,
        by: Releaser,
    ) -> rusqlite::Result<Moved> {
        let before = held.act.as_ref().map(|act| act.from);
        let Some(to) = held.state.after(what, before) else {
            return Ok(Moved::No(Box::new(held)));
        };
        match what {
            Move::Undo => self.undo(number, held, to),
            Move::Release | Move::Dismiss | Move::Delete => {
                let act = Act { what, by, at: self.now, from: held.state, along_with: None };
                if what == Move::Release {
                    for (other, its) in
                        duplicates(self.connection, number, &held, HeldState::waits)?
                    {
                        let act = Act {
                            what: Move::Dismiss,
                            by: Releaser::Gateway,
                            at: self.now,
                            from: its.state,
                            along_with: Some(held.id),
                        };
                        self.put(other, Held { state: HeldState::Seen, act: Some(act), ..its })?;
                    }
                }
                self.label(&held, &act)?;
                let released_at = if what == Move::Release { self.now } else { held.released_at };
                let held = Held { state: to, released_at, act: Some(act), ..held };
                self.put(number, held.clone())?;
                Ok(Moved::Now(Box::new(held)))
            }
        }
    }

    fn undo(&mut self, number: i64, held: Held, to: HeldState) -> rusqlite::Result<Moved> {
        let made = held.act.as_ref().map_or(UnixMs(0), |act| act.at);
        if self.now.since(made) > limits::UNDO_TIME_MAX {
            return Ok(Moved::No(Box::new(held)));
        }
        self.connection
            .prepare_cached("DELETE FROM label WHERE id = ?1 AND at = ?2")?
            .execute(params![held.id.to_string(), sql_int(made.0)])?;
        let back = Held { state: to, released_at: UnixMs(0), act: None, ..held };
        let back = self.put_back(number, back)?;
        let is_dismissed = |state| state == HeldState::Seen;
        for (other, its) in duplicates(self.connection, number, &back, is_dismissed)? {
            if let Some(act) = its.act.clone().filter(|act| act.along_with == Some(back.id)) {
                self.put_back(other, Held { state: act.from, act: None, ..its })?;
            }
        }
        Ok(Moved::Now(Box::new(back)))
    }

    /// A sender may have come again meanwhile: then the newer row stands for both.
    fn put_back(&mut self, number: i64, held: Held) -> rusqlite::Result<Held> {
        let hash: Vec<u8> = self
            .connection
            .prepare_cached("SELECT content_hash FROM held WHERE number = ?1")?
            .query_row([number], |row| row.get(0))?;
        let held = match twin(self.connection, &held, &hash, held.state)? {
            Some(_) => Held { state: HeldState::Seen, ..held },
            None => held,
        };
        self.put(number, held.clone())?;
        Ok(held)
    }

    fn put(&mut self, number: i64, held: Held) -> rusqlite::Result<()> {
        let (expires, fate) = match held.state {
            HeldState::Deleted => (self.now.plus(limits::UNDO_TIME_MAX), Fate::Deleted),
            HeldState::Held | HeldState::Rejected | HeldState::Portal | HeldState::Files => {
                (held.expires, Fate::Held)
            }
            HeldState::Released => (held.expires, Fate::Released),
            HeldState::Seen => (held.expires, Fate::Seen),
        };
        self.connection
            .prepare_cached("UPDATE held SET state = ?2, expires = ?3 WHERE number = ?1")?
            .execute(params![number, held.state.word(), sql_int(expires.0)])?;
        self.connection
            .prepare_cached("UPDATE shown SET row = ?2 WHERE number = ?1")?
            .execute(params![number, to_json(&held)?])?;
        self.fates.push((number, fate));
        Ok(())
    }

    fn label(&self, held: &Held, act: &Act) -> rusqlite::Result<()> {
        // What waits in the portal is our own mail, taken back; files are no mail.
        if matches!(act.from, HeldState::Portal | HeldState::Files) {
            return Ok(());
        }
        let opinion = match (act.what, &act.by) {
            (_, Releaser::Gateway) | (Move::Dismiss | Move::Undo, _) => return Ok(()),
            (Move::Release, _) => Opinion::Ham,
            (Move::Delete, _) => Opinion::Spam,
        };
        insert_label(self.connection, held, opinion, (&act.by, act.at))
    }
}

/// Keeps what somebody thought of a mail.
pub(super) fn insert_label(
    connection: &Connection,
    held: &Held,
    opinion: Opinion,
    (by, at): (&Releaser, UnixMs),
) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "INSERT INTO label (id, organisation, recipient, opinion, by_kind, at, likeness, content_hash) VALUES (?1,?2,?3,?4,?5,?6,?7,?8)",
        )?
        .execute(params![
            held.id.to_string(),
            held.organisation.name(),
            held.recipient.to_string(),
            opinion.word(),
            by.word(),
            sql_int(at.0),
            held.likeness.to_string(),
            held.content_hash,
        ])?;
    Ok(())
}

/// None for a row that a later version wrote.
fn read_label(row: &rusqlite::Row<'_>) -> rusqlite::Result<Option<Label>> {
    let text = |column| row.get::<_, String>(column);
    let Some(opinion) = Opinion::from_word(&text(3)?) else { return Ok(None) };
    let (Ok(id), Ok(recipient)) = (Id::parse(&text(0)?), Address::try_from(text(2)?)) else {
        return Ok(None);
    };
    Ok(Some(Label {
        id,
        organisation: Organisation::named(&text(1)?),
        recipient,
        opinion,
        by: text(4)?,
        at: UnixMs(u64::try_from(row.get::<_, i64>(5)?).unwrap_or(0)),
        likeness: text(6)?.parse().unwrap_or_default(),
        content_hash: text(7)?,
    }))
}
