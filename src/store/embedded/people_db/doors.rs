//! The way to the own page: a code by mail, then a session. Neither is kept but as a hash.

use super::{People, hash, mailbox, names, secret, sql_int, time};
use crate::{
    base::{clock::UnixMs, hidden::Hidden, limits},
    store::{
        StoreError, keys,
        people::{CodeAsked, CodeTried, Mailbox},
    },
};
use rusqlite::{OptionalExtension, params};
use std::time::Duration;

impl People {
    /// A new code for a mailbox, instead of any before it. `network` is the client's, as it is counted for limits. Whether the mailbox is one of
    /// ours is not asked here: all are counted alike, so that how it is answered tells nobody which exist.
    pub async fn ask_code(
        &self,
        mailbox: &Mailbox,
        network: &str,
    ) -> Result<CodeAsked, StoreError> {
        let code = new_code()?;
        let hash = self.code_hash(mailbox, code.expose());
        let ((organisation, address), network) = (names(mailbox), network.to_string());
        let now = self.clock.now();
        let made = self.db.write("making a code", move |connection| {
            // The oldest of as many as are sent in an hour: when its hour is over, the next may be asked for.
            let full_since = |clause: &str, value: (&str, &str), most: i64| {
                connection
                    .query_row(
                        &format!(
                            "SELECT at FROM code_asked WHERE at > ?1 AND {clause} ORDER BY at DESC LIMIT 1 OFFSET ?4"
                        ),
                        params![sql_int(now.minus(HOUR)), value.0, value.1, most - 1],
                        |row| time(row, 0),
                    )
                    .optional()
            };
            let own = ("organisation = ?2 AND mailbox = ?3", (&*organisation, &*address));
            let own = full_since(own.0, own.1, limits::CODES_PER_HOUR_MAX)?;
            let near = ("network = ?2 AND ?3 = ''", (&*network, ""));
            let near = full_since(near.0, near.1, limits::CODES_PER_HOUR_OF_NETWORK_MAX)?;
            if let Some(full) = own.max(near) {
                return Ok(Some(full.plus(HOUR)));
            }
            connection.execute(
                "INSERT INTO code_asked (organisation, mailbox, network, at) VALUES (?1, ?2, ?3, ?4)",
                params![organisation, address, network, sql_int(now)],
            )?;
            // Anybody can ask for any address, so the oldest make room.
            connection.execute(
                "DELETE FROM code_asked WHERE number <= ?1",
                [connection.last_insert_rowid() - limits::CODES_ASKED_KEPT_MAX],
            )?;
            connection.execute(
                "INSERT OR REPLACE INTO code (organisation, mailbox, hash, expires, tries) VALUES (?1, ?2, ?3, ?4, 0)",
                params![organisation, address, hash, sql_int(now.plus(limits::CODE_LIFETIME))],
            )?;
            Ok(None)
        });
        Ok(match made.await? {
            Some(next) => CodeAsked::TooMany { next },
            None => CodeAsked::Code(code),
        })
    }

    /// Is this the code? If so it is spent, and a session begins.
    pub async fn try_code(&self, mailbox: &Mailbox, code: &str) -> Result<CodeTried, StoreError> {
        let given = self.code_hash(mailbox, code);
        let session = secret::<32>("session")?;
        let session_hash = hash(session.expose());
        let (organisation, address) = names(mailbox);
        let now = self.clock.now();
        let right = self.db.write("trying a code", move |connection| {
            // The try counts before it is compared, so that no number of tries at once gets more than its share.
            let counted = connection
                .query_row(
                    "UPDATE code SET tries = tries + 1 WHERE organisation = ?1 AND mailbox = ?2 AND expires > ?3 RETURNING hash, tries",
                    params![organisation, address, sql_int(now)],
                    |row| Ok((row.get::<_, [u8; 32]>(0)?, row.get::<_, i64>(1)?)),
                )
                .optional()?;
            let Some((wanted, tries)) = counted else { return Ok(false) };
            let right = wanted == given && tries <= limits::CODE_TRIES_MAX;
            if right || tries >= limits::CODE_TRIES_MAX {
                connection.execute(
                    "DELETE FROM code WHERE organisation = ?1 AND mailbox = ?2",
                    params![organisation, address],
                )?;
            }
            if right {
                connection.execute(
                    "INSERT INTO session (hash, organisation, mailbox, made, seen) VALUES (?1, ?2, ?3, ?4, ?4)",
                    params![session_hash, organisation, address, sql_int(now)],
                )?;
            }
            Ok(right)
        });
        Ok(if right.await? { CodeTried::Welcome(session) } else { CodeTried::Wrong })
    }

    /// Whose page a session shows; none when it has ended.
    pub async fn session(&self, session: &Hidden<String>) -> Result<Option<Mailbox>, StoreError> {
        let (hash, now) = (hash(session.expose()), self.clock.now());
        let found = self.db.read("looking up a session", move |connection| {
            connection
                .query_row(
                    "SELECT organisation, mailbox, seen FROM session WHERE hash = ?1 AND made > ?2 AND seen > ?3",
                    params![
                        hash,
                        sql_int(now.minus(limits::OWN_PAGE_LIFETIME)),
                        sql_int(now.minus(limits::OWN_PAGE_IDLE_MAX)),
                    ],
                    |row| Ok((mailbox(row, 0)?, time(row, 2)?)),
                )
                .optional()
        });
        let Some((mailbox, seen)) = found.await? else { return Ok(None) };
        if now.since(seen) > SEEN_STEP {
            self.note_session(hash, now);
        }
        Ok(Some(mailbox))
    }

    fn note_session(&self, hash: [u8; 32], now: UnixMs) {
        let noted = self.db.write_soon(move |connection| {
            let key = params![hash, sql_int(now)];
            connection.execute("UPDATE session SET seen = ?2 WHERE hash = ?1", key).map(|_| ())
        });
        if !noted {
            tracing::debug!("that a session is in use was not noted");
        }
    }

    /// Ends a session; false when there was none.
    pub async fn end_session(&self, session: &Hidden<String>) -> Result<bool, StoreError> {
        let hash = hash(session.expose());
        let ended = self.db.write("ending a session", move |connection| {
            connection.execute("DELETE FROM session WHERE hash = ?1", [hash])
        });
        Ok(ended.await? == 1)
    }

    fn code_hash(&self, mailbox: &Mailbox, code: &str) -> [u8; 32] {
        let mut hasher = blake3::Hasher::new_keyed(self.secret.expose());
        for part in [mailbox.organisation.name(), mailbox.address.as_str(), &plain(code)] {
            hasher.update(&u64::try_from(part.len()).unwrap_or(u64::MAX).to_le_bytes());
            hasher.update(part.as_bytes());
        }
        *hasher.finalize().as_bytes()
    }
}

fn new_code() -> Result<Hidden<String>, StoreError> {
    let letters = LETTERS.as_bytes();
    let random = keys::random::<{ limits::CODE_LETTERS }>()?;
    // 32 letters: five bits of each byte choose one, all alike.
    let chosen = random.iter().filter_map(|byte| letters.get(usize::from(byte & 31)));
    Ok(Hidden::new("code", chosen.map(|letter| char::from(*letter)).collect()))
}

/// A code as people write it: any case, with gaps, with letters that look like digits.
fn plain(code: &str) -> String {
    let letters = code.chars().filter(char::is_ascii_alphanumeric).take(CODE_READ_MAX);
    let digit = |letter: char| match letter.to_ascii_uppercase() {
        'O' => '0',
        'I' | 'L' => '1',
        'U' => 'V',
        other => other,
    };
    letters.map(digit).collect()
}

/// Digits and letters that nobody mistakes for one another.
const LETTERS: &str = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const CODE_READ_MAX: usize = 32;
const HOUR: Duration = Duration::from_secs(3_600);
/// A session's last use is written at most this often.
const SEEN_STEP: Duration = Duration::from_secs(60);
