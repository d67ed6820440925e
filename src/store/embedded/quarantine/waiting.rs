//! What the digest asks of the quarantine: for whom is something new held, and what.

use super::{Quarantine, rows::read_row, sql_int};
use crate::{
    base::clock::UnixMs,
    mail::Organisation,
    store::{StoreError, held::Held, people::Mailbox},
};
use rusqlite::params;

impl Quarantine {
    /// Mailboxes for which something that belongs in a digest was held after `since` and is held still, with the time of the newest;
    /// in the order of organisation and address, those behind `after`.
    pub async fn mailboxes_with_new(
        &self,
        since: UnixMs,
        after: Option<Mailbox>,
        rows: usize,
    ) -> Result<Vec<(Mailbox, UnixMs)>, StoreError> {
        let (organisation, address) = after
            .map(|after| (after.organisation.name().to_string(), after.address))
            .unwrap_or_default();
        self.db
            .read("looking for whom something is held", move |connection| {
                connection
                    .prepare_cached(
                        "SELECT organisation, recipient_key, max(held_at) FROM held JOIN shown USING (number)
                         WHERE held_at > ?1 AND state = 'held' AND direction = 'inbound' AND json_extract(shown.row, '$.in_digest')
                         AND (organisation, recipient_key) > (?2, ?3)
                         GROUP BY organisation, recipient_key ORDER BY organisation, recipient_key LIMIT ?4",
                    )?
                    .query_map(
                        params![sql_int(since.0), organisation, address, i64::try_from(rows).unwrap_or(i64::MAX)],
                        |row| {
                            let organisation = Organisation::named(&row.get::<_, String>(0)?);
                            let newest = u64::try_from(row.get::<_, i64>(2)?).unwrap_or(0);
                            Ok((Mailbox { organisation, address: row.get(1)? }, UnixMs(newest)))
                        },
                    )?
                    .collect()
            })
            .await
    }

    /// What is held of one mailbox's mail and belongs in its digest, newest first.
    pub async fn waiting_for(
        &self,
        mailbox: &Mailbox,
        rows: usize,
    ) -> Result<Vec<Held>, StoreError> {
        let mailbox = mailbox.clone();
        self.db
            .read("looking up what is held of a mailbox", move |connection| {
                connection
                    .prepare_cached(
                        "SELECT shown.row FROM held JOIN shown USING (number)
                         WHERE organisation = ?1 AND recipient_key = ?2 AND state = 'held' AND direction = 'inbound'
                         AND json_extract(shown.row, '$.in_digest') ORDER BY held_at DESC, id DESC LIMIT ?3",
                    )?
                    .query_map(
                        params![
                            mailbox.organisation.name(),
                            mailbox.address,
                            i64::try_from(rows).unwrap_or(i64::MAX)
                        ],
                        read_row,
                    )?
                    .collect()
            })
            .await
    }
}
