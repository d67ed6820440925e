//! The safety net under a refusal: a copy of what was refused for what is in it, encrypted as what is held, for some days.
//!
//! It never delays the refusal and never changes it: the copy is written afterwards, a bounded number at a time, and one that could not be
//! written is counted and logged. Only mail from the world has copies: our own users have theirs.

use crate::{
    config::policy::{Category, KeepRejected, Policy},
    mail::{Direction, Organisation},
    pipeline::{Gateway, judge::Came, settings::Settings},
    store::{held::Held, spool::Content},
    verdict::Verdict,
    wire::srs,
};
use std::{sync::Arc, time::Duration};

/// Is a copy being kept?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kept {
    Yes,
    No,
}

/// How long copies are kept for this organisation; none: not at all.
pub(super) fn how_long(
    settings: &Settings,
    came: &Came,
    organisation: &Organisation,
) -> Option<Duration> {
    let own = settings.organisation(organisation).and_then(|its| its.entry.rejected_days);
    let days = own.unwrap_or(settings.config.store.rejected_days);
    (came.direction == Direction::Inbound && days > 0)
        .then(|| Duration::from_secs(days.saturating_mul(86_400)))
}

/// May a copy of this be kept under the policy that refused it?
pub(super) fn may_be_kept(policy: &Policy, verdict: &Verdict) -> bool {
    match policy.keep_rejected {
        KeepRejected::All => true,
        KeepRejected::NotMalware => !verdict.categories.contains(&Category::Virus),
        KeepRejected::Nothing => false,
    }
}

/// What the sender may ask with: ten letters that nobody can guess. The same mail for the same recipients has the same code, whenever it comes:
/// a sender's retry is told what the first try was told.
pub(super) fn code(secret: &srs::Key, came: &Came, content: &Content) -> String {
    let mut recipients: Vec<String> =
        came.envelope.recipients.iter().map(|one| one.address.key()).collect();
    recipients.sort_unstable();
    let key = blake3::derive_key(CONTEXT, secret.expose());
    let mut hasher = blake3::Hasher::new_keyed(&key);
    hasher.update(&content.hash());
    for text in std::iter::once(came.envelope.sender.to_string()).chain(recipients) {
        hasher.update(text.as_bytes());
        hasher.update(&[0]);
    }
    let bits = hasher.finalize();
    let letter = |byte: &u8| LETTERS.get(usize::from(byte % 32)).copied().map_or('0', char::from);
    bits.as_bytes().iter().take(CODE_LETTERS).map(letter).collect()
}

/// Keeps the copies, if there is room among those being written; does not wait for that.
pub(super) fn keep(gateway: &Arc<Gateway>, copies: Vec<Held>, content: &Content) -> Kept {
    let Some(first) = copies.first() else { return Kept::No };
    let (id, permit) = (first.transaction, gateway.keeping_rejected.clone().try_acquire_owned());
    let Ok(permit) = permit else {
        not_kept();
        tracing::warn!(%id, "no copy of a refused mail is kept: too many are being written");
        return Kept::No;
    };
    let (gateway, content) = (gateway.clone(), content.clone());
    tokio::spawn(async move {
        let _being_written = permit;
        match gateway.stores.quarantine.hold(copies, &content).await {
            Ok(_) => metrics::counter!("sluss_rejected_kept_total").increment(1),
            Err(error) => {
                not_kept();
                tracing::error!(%id, %error, "no copy of a refused mail could be kept");
            }
        }
    });
    Kept::Yes
}

fn not_kept() {
    metrics::counter!("sluss_rejected_not_kept_total").increment(1);
}

const CONTEXT: &str = "sluss 2026 codes of refused mails";
const CODE_LETTERS: usize = 10;
/// Crockford's base 32: no letter is taken for another when it is read out.
const LETTERS: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verdict::Ground;
    use crate::{
        base::clock::UnixMs,
        config::policy::{Action, Mode},
        mail::{Address, Envelope, Peer, Recipient, ReversePath},
    };

    #[test]
    fn the_same_mail_has_the_same_code_and_no_other_has() {
        let code_of = |secret: u8, sender: &str, recipients: &[&str], body: &'static str| {
            let mut envelope = Envelope::from(ReversePath::parse(sender).unwrap());
            for one in recipients {
                envelope.recipients.push(Recipient::plain(Address::parse(one).unwrap()));
            }
            let peer = Peer::at("192.0.2.1".parse().unwrap());
            let content = Content::from_bytes(bytes::Bytes::from_static(body.as_bytes()));
            code(
                &srs::Key::new("srs key", [secret; 32]),
                &Came::from_world(peer, envelope, UnixMs(0)),
                &content,
            )
        };
        let (anna, bo) = ("anna@ours.example", "bo@ours.example");
        let first = code_of(1, "a@x.example", &[anna, bo], "hi");
        assert!(
            first.len() == 10 && first.bytes().all(|letter| LETTERS.contains(&letter)),
            "{first}"
        );
        assert_eq!(first, code_of(1, "a@x.example", &[bo, "ANNA@ours.example"], "hi"));
        for other in [
            code_of(2, "a@x.example", &[anna, bo], "hi"),
            code_of(1, "b@x.example", &[anna, bo], "hi"),
            code_of(1, "a@x.example", &[anna], "hi"),
            code_of(1, "a@x.example", &[anna, bo], "ho"),
        ] {
            assert_ne!(first, other);
        }
        let said = format!("{}-{}", first[..5].to_uppercase(), &first[5..]);
        assert_eq!(Held::hash_of_code(&said), Held::hash_of_code(&first));
        assert!(!Held::hash_of_code(&first).contains(&first));
    }

    #[test]
    fn malware_is_kept_only_where_policy_wants_it() {
        for (keep, category, want) in [
            (KeepRejected::NotMalware, Category::Spam, true),
            (KeepRejected::NotMalware, Category::Phish, true),
            (KeepRejected::NotMalware, Category::Virus, false),
            (KeepRejected::All, Category::Virus, true),
            (KeepRejected::Nothing, Category::Spam, false),
        ] {
            let policy = Policy { keep_rejected: keep, ..Policy::default() };
            let verdict = Verdict {
                action: Action::Reject,
                would: Action::Reject,
                mode: Mode::Protect,
                score: 0.0,
                told: 0.0,
                categories: vec![Category::Spam, category],
                reason: String::new(),
                decided_by: String::new(),
                ground: Ground::Nothing,
                by_rules: Vec::new(),
                road: Default::default(),
            };
            assert_eq!(may_be_kept(&policy, &verdict), want, "{keep:?} {category:?}");
        }
    }
}
