//! Letting a held mail go: to its recipient, unaltered but for one signed field, once.
//!
//! Order: the mail is durable in the spool under the held item's own id, then the item is marked released. A crash between the two
//! leaves it held, and releasing it again finds the id in the spool: no mail is lost, none goes twice.

use crate::{
    base::{clock::UnixMs, ids::Id},
    mail::{Direction, Header, Peer, header::Problem},
    pipeline::{
        Gateway,
        edit::Edits,
        judge::Via,
        process,
        sending::Sent,
        spooled::{Errand, Leg, Spooled},
    },
    store::{
        StoreError,
        held::{Held, HeldState, Release},
        private,
        spool::Content,
    },
    wire::{date, fields},
};
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use std::{fs, net::IpAddr, net::Ipv4Addr, path::Path};

/// What stands for the listener of a mail that comes out of the quarantine.
pub const LISTENER: &str = "quarantine";

/// Why a mail was not released.
#[derive(Debug, thiserror::Error)]
pub enum NotReleased {
    /// The quarantine could not be read or written.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The spool did not take it; the reply says why.
    #[error("the mail could not be queued: {0}")]
    Spool(String),
    /// It was released, or is on its way, already.
    #[error("it is released already")]
    Already,
    /// There is no such mail.
    #[error("there is no held mail with this id")]
    Missing,
}

/// Releases a held mail.
pub async fn release(gateway: &Gateway, id: Id, signer: &Signer) -> Result<Held, NotReleased> {
    // Two people may press at once; the second finds the first one's mark.
    let _one_at_a_time = gateway.releasing.lock().await;
    let held = gateway.stores.quarantine.get(id).await?.ok_or(NotReleased::Missing)?;
    if held.state == HeldState::Released {
        return Err(NotReleased::Already);
    }
    if !gateway.queue.holds(id) {
        let content = gateway.stores.quarantine.content(id).await?.ok_or(NotReleased::Missing)?;
        let spooled = spooled(gateway, &held, &content, signer);
        let reply =
            process::put_in_spool(gateway, spooled, &Content::from_bytes(content.into())).await;
        if !reply.is_yes() {
            return Err(NotReleased::Spool(reply.one_line()));
        }
    }
    match gateway.stores.quarantine.release(id).await? {
        Release::Now => {
            if let Err(error) = gateway.stores.bank_accounts.released(id).await {
                tracing::warn!(%id, %error, "the accounts in a released mail were not remembered");
            }
            tracing::info!(%id, to = %held.recipient, "released from quarantine");
            metrics::counter!("sluss_released_total").increment(1);
            Ok(held)
        }
        Release::Already => Err(NotReleased::Already),
        Release::Missing => Err(NotReleased::Missing),
    }
}

fn spooled(gateway: &Gateway, held: &Held, content: &[u8], signer: &Signer) -> Spooled {
    let settings = gateway.settings.load();
    let now = gateway.clock.now();
    // Fields that only we may write are taken out here as in any other mail: a forged "released" must not travel beside ours.
    let cuts = match held.direction {
        Direction::Inbound => Header::read(content)
            .map(|header| fields::forged(&header, settings.config.authserv_id()))
            .unwrap_or_default(),
        Direction::Outbound => Vec::new(),
    };
    let mut prepend = signer.field(held, content, now);
    if Header::read(content).is_ok_and(|header| header.problems().contains(&Problem::StartsFolded))
    {
        // A mail that begins in the middle of a field goes on with a field that nothing acts on, not with the signed one.
        prepend.push_str("X-Sluss-Note: what follows began in the middle of a field\r\n");
    }
    let edits = Edits { prepend, cuts };
    let recipients = held.envelope.recipients.clone();
    // What one organisation's policy held may be for another that we host, or for the world on its sender's way.
    let owner = recipients.first().map_or(&held.organisation, |first| &first.organisation);
    let route = settings.way_to(&held.recipient, owner).route;
    let errand = Errand::Deliver { route, edits, sender: None };
    Spooled {
        id: held.id,
        organisation: held.organisation.clone(),
        direction: held.direction,
        listener: LISTENER.to_string(),
        peer: Peer::at(IpAddr::V4(Ipv4Addr::LOCALHOST)),
        envelope: crate::mail::Envelope { recipients: Vec::new(), ..held.envelope.clone() },
        arrived: now,
        subject: held.subject.clone(),
        from: held.from.clone(),
        sent: Sent::default(),
        via: Via::default(),
        legs: vec![Leg { recipients, ..Leg::empty(errand, now) }],
    }
}

/// Signs what we release, so that the server behind can tell our field from a forged one.
pub struct Signer {
    pair: Ed25519KeyPair,
}

impl std::fmt::Debug for Signer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Signer({})", self.public_key())
    }
}

impl Signer {
    /// Reads the signing key from a file, or makes one there.
    pub fn open(file: &Path) -> Result<Signer, StoreError> {
        let failed = |source| StoreError::File {
            what: "making the release key",
            file: file.to_path_buf(),
            source,
        };
        let damaged = |why: &str| StoreError::Damaged {
            what: format!("the release key in {}", file.display()),
            why: why.to_string(),
        };
        // A file that cannot be looked at is not a missing one.
        if !file.try_exists().map_err(failed)? {
            let pkcs8 = Ed25519KeyPair::generate_pkcs8(&aws_lc_rs::rand::SystemRandom::new())
                .map_err(|_| damaged("cannot be made"))?;
            private::file(file, pkcs8.as_ref()).map_err(failed)?;
        }
        let bytes = fs::read(file).map_err(failed)?;
        let pair =
            Ed25519KeyPair::from_pkcs8(&bytes).map_err(|_| damaged("it is no Ed25519 key"))?;
        Ok(Signer { pair })
    }

    /// The public key, base64, for whoever verifies.
    pub fn public_key(&self) -> String {
        data_encoding::BASE64.encode(self.pair.public_key().as_ref())
    }

    /// `X-Sluss-Released`: version, held item, recipient, time, BLAKE3 of the mail as it was held, and the signature over all of these.
    fn field(&self, held: &Held, content: &[u8], now: UnixMs) -> String {
        let hash = blake3::hash(content).to_hex();
        let signed = format!(
            "v=1; id={}; to={}; t={}; h={hash}",
            held.id,
            held.recipient,
            date::write_iso(now)
        );
        let signature = data_encoding::BASE64.encode(self.pair.sign(signed.as_bytes()).as_ref());
        format!("X-Sluss-Released: {};\r\n\ts={signature}\r\n", signed.replace("; h=", ";\r\n\th="))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_lc_rs::signature::{ED25519, UnparsedPublicKey};

    #[test]
    fn the_key_stays_and_its_signatures_hold() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("release.key");
        let signer = Signer::open(&file).unwrap();
        let again = Signer::open(&file).unwrap();
        assert_eq!(signer.public_key(), again.public_key());
        let made = fs::read_dir(folder.path()).unwrap().count();
        assert_eq!(made, 1, "nothing half made stays");
        let key = data_encoding::BASE64.decode(signer.public_key().as_bytes()).unwrap();
        let signature = again.pair.sign(b"v=1");
        assert!(UnparsedPublicKey::new(&ED25519, &key).verify(b"v=1", signature.as_ref()).is_ok());
        assert!(UnparsedPublicKey::new(&ED25519, &key).verify(b"v=2", signature.as_ref()).is_err());
    }
}
