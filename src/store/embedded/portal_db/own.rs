//! What people of ours have in the portal: what they sent by it, whom they invited to send files, and passwords that they agreed on with somebody.

use super::{COLUMNS, Parcels, moment, read, sql_int};
use crate::{
    base::{ids::Id, limits},
    mail::{Address, Organisation},
    store::{
        StoreError,
        people::Mailbox,
        portal::{Agreed, Invitation, SecretHash},
    },
};
use rusqlite::{OptionalExtension, Row, params};

impl Parcels {
    /// What waits, or has waited, of mails that a mailbox sent; the newest first.
    pub async fn sent_by(&self, mailbox: &Mailbox) -> Result<Vec<super::Parcel>, StoreError> {
        let (organisation, key) =
            (mailbox.organisation.name().to_string(), mailbox.address.clone());
        self.db
            .read("listing parcels", move |connection| {
                connection
                    .prepare_cached(&format!(
                        "SELECT {COLUMNS} FROM parcel WHERE organisation = ?1 AND sender_key = ?2 AND carries = 'mail' ORDER BY made DESC LIMIT {}",
                        limits::OWN_PARCELS_LISTED_MAX
                    ))?
                    .query_map([organisation, key], read)?
                    .collect()
            })
            .await
    }

    /// Keeps an invitation to send files; the hash of its link's token finds it.
    pub async fn invite(
        &self,
        invitation: Invitation,
        token: SecretHash,
    ) -> Result<(), StoreError> {
        self.db
            .write("keeping an invitation", move |connection| {
                connection
                    .execute(
                        "INSERT INTO invitation (id, token, organisation, mailbox, reader, guest, made, expires) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
                        params![
                            invitation.id.to_string(),
                            token.as_slice(),
                            invitation.mailbox.organisation.name(),
                            invitation.mailbox.address,
                            invitation.reader.to_string(),
                            invitation.guest.to_string(),
                            sql_int(invitation.made.0),
                            sql_int(invitation.expires.0),
                        ],
                    )
                    .map(drop)
            })
            .await
    }

    /// The invitation behind a link, if it still holds.
    pub async fn invitation(&self, token: SecretHash) -> Result<Option<Invitation>, StoreError> {
        let now = sql_int(self.clock.now().0);
        self.db
            .read("looking up an invitation", move |connection| {
                connection
                    .query_row(
                        &format!("SELECT {INVITED} FROM invitation WHERE token = ?1 AND used IS NULL AND expires > ?2"),
                        params![token.as_slice(), now],
                        invitation,
                    )
                    .optional()
            })
            .await
    }

    /// Uses one up, so that it is used once; false: somebody was there before. What came of it may give it back.
    pub async fn use_invitation(&self, id: Id) -> Result<bool, StoreError> {
        let now = sql_int(self.clock.now().0);
        self.db
            .write("using an invitation", move |connection| {
                let sql = "UPDATE invitation SET used = ?2 WHERE id = ?1 AND used IS NULL AND expires > ?2";
                Ok(connection.execute(sql, params![id.to_string(), now])? > 0)
            })
            .await
    }

    /// Nothing came of it after all.
    pub async fn give_invitation_back(&self, id: Id) -> Result<(), StoreError> {
        self.set("UPDATE invitation SET used = NULL WHERE id = ?1", id).await
    }

    /// Those that a mailbox has sent and that hold, or were used lately; the newest first.
    pub async fn invitations_of(&self, mailbox: &Mailbox) -> Result<Vec<Invitation>, StoreError> {
        let (organisation, key) =
            (mailbox.organisation.name().to_string(), mailbox.address.clone());
        let now = sql_int(self.clock.now().0);
        self.db
            .read("listing invitations", move |connection| {
                connection
                    .prepare_cached(&format!(
                        "SELECT {INVITED} FROM invitation WHERE organisation = ?1 AND mailbox = ?2 AND expires > ?3 ORDER BY made DESC LIMIT {}",
                        limits::OWN_PARCELS_LISTED_MAX
                    ))?
                    .query_map(params![organisation, key, now], invitation)?
                    .collect()
            })
            .await
    }

    /// Takes one of them back; false: this mailbox has no such one.
    pub async fn take_invitation_back(
        &self,
        mailbox: &Mailbox,
        id: Id,
    ) -> Result<bool, StoreError> {
        let (organisation, key) =
            (mailbox.organisation.name().to_string(), mailbox.address.clone());
        self.db
            .write("taking back an invitation", move |connection| {
                let sql =
                    "DELETE FROM invitation WHERE id = ?1 AND organisation = ?2 AND mailbox = ?3";
                Ok(connection.execute(sql, params![id.to_string(), organisation, key])? > 0)
            })
            .await
    }

    /// Keeps what a mailbox and a recipient agreed on; the one before it holds no longer. False: the mailbox has too many.
    pub async fn agree(
        &self,
        mailbox: &Mailbox,
        recipient: &Address,
        password: SecretHash,
    ) -> Result<bool, StoreError> {
        let (organisation, key) =
            (mailbox.organisation.name().to_string(), mailbox.address.clone());
        let (shown, recipient_key) = (recipient.to_string(), recipient.key());
        let now = sql_int(self.clock.now().0);
        self.db
            .write("keeping an agreed password", move |connection| {
                let others: u32 = connection.query_row(
                    "SELECT count(*) FROM agreed WHERE organisation = ?1 AND mailbox = ?2 AND recipient_key <> ?3",
                    params![organisation, key, recipient_key],
                    |row| row.get(0),
                )?;
                if others >= limits::AGREED_PASSWORDS_MAX {
                    return Ok(false);
                }
                connection.execute(
                    "INSERT OR REPLACE INTO agreed (organisation, mailbox, recipient_key, recipient, password, made) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
                    params![organisation, key, recipient_key, shown, password.as_slice(), now],
                )?;
                Ok(true)
            })
            .await
    }

    /// The hash of the password that a sender of ours and a recipient agreed on.
    pub async fn agreed_with(
        &self,
        mailbox: &Mailbox,
        recipient: &Address,
    ) -> Result<Option<SecretHash>, StoreError> {
        let (organisation, key) =
            (mailbox.organisation.name().to_string(), mailbox.address.clone());
        let recipient = recipient.key();
        self.db
            .read("looking up an agreed password", move |connection| {
                let sql = "SELECT password FROM agreed WHERE organisation = ?1 AND mailbox = ?2 AND recipient_key = ?3";
                let found = connection
                    .query_row(sql, params![organisation, key, recipient], |row| {
                        row.get::<_, Vec<u8>>(0)
                    })
                    .optional()?;
                Ok(found.and_then(|hash| SecretHash::try_from(hash).ok()))
            })
            .await
    }

    /// With whom a mailbox has agreed on one.
    pub async fn agreed_of(&self, mailbox: &Mailbox) -> Result<Vec<Agreed>, StoreError> {
        let (organisation, key) =
            (mailbox.organisation.name().to_string(), mailbox.address.clone());
        self.db
            .read("listing agreed passwords", move |connection| {
                connection
                    .prepare_cached("SELECT recipient, recipient_key, made FROM agreed WHERE organisation = ?1 AND mailbox = ?2 ORDER BY recipient_key")?
                    .query_map([organisation, key], |row| {
                        Ok(Agreed {
                            recipient: row.get(0)?,
                            key: row.get(1)?,
                            made: moment(row.get(2)?),
                        })
                    })?
                    .collect()
            })
            .await
    }

    /// It holds no longer; false: there was none.
    pub async fn forget_agreed(&self, mailbox: &Mailbox, key: &str) -> Result<bool, StoreError> {
        let (organisation, own) =
            (mailbox.organisation.name().to_string(), mailbox.address.clone());
        let key = key.to_string();
        self.db
            .write("forgetting an agreed password", move |connection| {
                let sql = "DELETE FROM agreed WHERE organisation = ?1 AND mailbox = ?2 AND recipient_key = ?3";
                Ok(connection.execute(sql, params![organisation, own, key])? > 0)
            })
            .await
    }
}

const INVITED: &str = "id, organisation, mailbox, reader, guest, made, expires, used";

fn invitation(row: &Row<'_>) -> rusqlite::Result<Invitation> {
    let text = |column: &str| row.get::<_, String>(column);
    let address = |column: &str| {
        let text = row.get::<_, String>(column)?;
        Address::parse(&text).map_err(|_| rusqlite::Error::InvalidQuery)
    };
    Ok(Invitation {
        id: Id::parse(&text("id")?).unwrap_or_default(),
        mailbox: Mailbox {
            organisation: Organisation::named(&text("organisation")?),
            address: text("mailbox")?,
        },
        reader: address("reader")?,
        guest: address("guest")?,
        made: moment(row.get("made")?),
        expires: moment(row.get("expires")?),
        used: row.get::<_, Option<i64>>("used")?.map(moment),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::clock::{Clock, UnixMs};
    use std::time::Duration;

    fn house() -> (tempfile::TempDir, Parcels, Clock) {
        let folder = tempfile::tempdir().unwrap();
        let clock = Clock::by_hand(UnixMs(1_000));
        let (parcels, _) = Parcels::open(folder.path(), clock.clone()).unwrap();
        (folder, parcels, clock)
    }

    fn address(text: &str) -> Address {
        Address::parse(text).unwrap()
    }

    fn mailbox(text: &str) -> Mailbox {
        Mailbox::new(&Organisation::named("acme"), &address(text))
    }

    #[tokio::test]
    async fn an_invitation_is_used_once_in_its_time_and_is_its_mailboxs_own() {
        let (_folder, parcels, clock) = house();
        let (anna, bo) = (mailbox("anna@ours.example"), mailbox("bo@ours.example"));
        let one = |number: u8| Invitation {
            id: Id::new(UnixMs(5), [number; 10]),
            mailbox: anna.clone(),
            reader: address("anna@ours.example"),
            guest: address("guest@far.example"),
            made: UnixMs(1_000),
            expires: UnixMs(9_000),
            used: None,
        };
        for number in [1, 2] {
            parcels.invite(one(number), [number; 32]).await.unwrap();
        }
        assert_eq!(parcels.invitation([3; 32]).await.unwrap(), None);
        let found = parcels.invitation([1; 32]).await.unwrap().unwrap();
        assert!(parcels.use_invitation(found.id).await.unwrap());
        assert!(!parcels.use_invitation(found.id).await.unwrap());
        assert_eq!(parcels.invitation([1; 32]).await.unwrap(), None);
        parcels.give_invitation_back(found.id).await.unwrap();
        assert!(parcels.invitation([1; 32]).await.unwrap().is_some());
        assert_eq!(parcels.invitations_of(&bo).await.unwrap(), []);
        assert!(!parcels.take_invitation_back(&bo, found.id).await.unwrap());
        assert!(parcels.take_invitation_back(&anna, found.id).await.unwrap());
        assert_eq!(parcels.invitations_of(&anna).await.unwrap().len(), 1);
        clock.advance(Duration::from_secs(9));
        assert_eq!(parcels.invitation([2; 32]).await.unwrap(), None);
        assert_eq!(parcels.invitations_of(&anna).await.unwrap(), []);
    }

    #[tokio::test]
    async fn a_password_holds_for_one_recipient_of_one_mailbox() {
        let (_folder, parcels, _) = house();
        let (anna, bo) = (mailbox("anna@ours.example"), mailbox("bo@ours.example"));
        let far = address("Kim@Far.example");
        assert!(parcels.agree(&anna, &far, [1; 32]).await.unwrap());
        assert!(parcels.agree(&anna, &far, [2; 32]).await.unwrap());
        assert_eq!(parcels.agreed_with(&anna, &far).await.unwrap(), Some([2; 32]));
        assert_eq!(parcels.agreed_with(&bo, &far).await.unwrap(), None);
        let all = parcels.agreed_of(&anna).await.unwrap();
        assert_eq!(all.len(), 1);
        assert!(!parcels.forget_agreed(&bo, &all[0].key).await.unwrap());
        assert!(parcels.forget_agreed(&anna, &all[0].key).await.unwrap());
        assert_eq!(parcels.agreed_with(&anna, &far).await.unwrap(), None);
    }
}
