//! Signing what our domains send (DKIM), and sealing what we change on its way in (ARC).
//!
//! Signed is only an organisation's own mail: by a client bound to it, from its domains. Forwarded mail never is.

use crate::{
    base::{
        clock::{Tick, UnixMs},
        limits,
    },
    facts::{
        Facts, Known,
        auth::{self, Names, NoAnswer, SpfFact, dmarc::DmarcFact},
        dns::Dns,
    },
    mail::{Direction, Domain, Header, Peer},
    pipeline::{courier::Towards, judge::Came, sending::Sent, settings::Settings},
    store::{
        StoreError,
        dkim::{DkimKey, DkimKeys, State},
    },
    wire::auth::{
        Arc as Chained, Dmarc, Spf,
        arc::Chain,
        canonical::Form,
        dmarc::Wanted,
        sign::{self, Leaving},
        signed,
    },
};
use bytes::Bytes;
use std::{
    collections::HashMap,
    net::{IpAddr, Ipv4Addr},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// The keys that sign a mail: those of the domain in From, or of the nearest above it that its organisation owns.
pub fn keys_for(
    settings: &Settings,
    keys: &DkimKeys,
    came: &Came,
    header: &Header,
) -> Vec<Arc<DkimKey>> {
    if came.direction != Direction::Outbound || !is_own(came) || keys.is_empty() {
        return Vec::new();
    }
    // Several fields are read otherwise by somebody; such a mail is not made stronger by a signature.
    match author(header).filter(|_| header.count("From") == 1) {
        Some(author) => keys_of(settings, keys, came, &author),
        None => Vec::new(),
    }
}

fn is_own(came: &Came) -> bool {
    match came.sent {
        Sent::Own | Sent::Null => true,
        Sent::World | Sent::Forwarded => false,
    }
}

fn keys_of(
    settings: &Settings,
    keys: &DkimKeys,
    came: &Came,
    author: &Domain,
) -> Vec<Arc<DkimKey>> {
    let mut name = author.as_str();
    loop {
        let owned = Domain::parse(name).ok().filter(|domain| {
            settings.writer(domain).is_some_and(|writer| *writer.name() == came.organisation)
        });
        if let Some(signing) = owned.map(|domain| keys.signing(&domain))
            && !signing.is_empty()
        {
            return signing;
        }
        match name.split_once('.') {
            Some((_, above)) => name = above,
            None => return Vec::new(),
        }
    }
}

/// The signatures of a mail that we write ourselves and that leaves for the world.
pub fn of_our_own(keys: &DkimKeys, text: &[u8], now: UnixMs) -> String {
    let Ok(header) = Header::read(text) else { return String::new() };
    let Some(author) = author(&header).filter(|_| !keys.is_empty()) else { return String::new() };
    let signing = at_or_above(keys, &author);
    let body = text.get(header.body_at()..).unwrap_or_default();
    let hash = signed::body_hash(Form::Relaxed, body);
    signatures(&signing.unwrap_or_default(), &header, &hash, now)
}

/// Is there a key that signs what we write ourselves as this domain?
pub fn signs_as(keys: &DkimKeys, author: &Domain) -> bool {
    at_or_above(keys, author).is_some()
}

fn at_or_above(keys: &DkimKeys, author: &Domain) -> Option<Vec<Arc<DkimKey>>> {
    let mut names = std::iter::successors(Some(author.as_str()), |name| {
        name.split_once('.').map(|(_, above)| above)
    });
    names.find_map(|name| {
        let signing = keys.signing(&Domain::parse(name).ok()?);
        (!signing.is_empty()).then_some(signing)
    })
}

/// The hash of the body that signing or sealing will ask for; none where neither happens.
pub fn body_hash(came: &Came, keys: &DkimKeys, header: &Header, bytes: &[u8]) -> Option<Vec<u8>> {
    let wanted = match came.direction {
        Direction::Outbound => is_own(came),
        Direction::Inbound => header.count("DKIM-Signature") > 0 || header.count("ARC-Seal") > 0,
    };
    let body = bytes.get(header.body_at()..).unwrap_or_default();
    (wanted && !keys.is_empty()).then(|| signed::body_hash(Form::Relaxed, body))
}

/// The signatures of a mail that leaves for the world, each a whole field.
pub fn signatures(keys: &[Arc<DkimKey>], header: &Header, body_hash: &[u8], now: UnixMs) -> String {
    let leaving = Leaving { header, body_hash, now };
    let fields = keys.iter().filter_map(|key| {
        let field = sign::dkim(&**key, leaving);
        if field.is_none() {
            tracing::error!(key = %key.record_name(), "a mail is not signed by this key: it fails");
        }
        field
    });
    fields.collect()
}

/// A mail from the world of which we take fields away.
#[derive(Debug, Clone, Copy)]
pub struct Changed<'a> {
    /// Its header section as it came.
    pub header: &'a Header,
    /// The hash of its body.
    pub body_hash: &'a [u8],
    /// What the world said.
    pub facts: &'a Facts,
    /// What stands in `Authentication-Results`: our name and what we found.
    pub results: &'a str,
}

/// The seal of such a mail: what was signed may no longer fit, and those behind us should know that it did. By the key of the recipient's
/// domain; none without one, or where nobody has signed it or the chain before is broken.
pub fn seal(
    keys: &DkimKeys,
    recipient: &Domain,
    changed: Changed<'_>,
    now: UnixMs,
) -> Option<String> {
    let Changed { header, body_hash, facts, results } = changed;
    let Known::Yes(arc) = &facts.arc else { return None };
    let was_signed = matches!(&facts.dkim, Known::Yes(signatures) if !signatures.is_empty());
    let chain = match arc.result {
        Chained::None if was_signed => None,
        Chained::Pass => Chain::read(header).ok().flatten(),
        Chained::None | Chained::Fail => return None,
    };
    let key = keys.signing(recipient).into_iter().next()?;
    sign::arc(&*key, Leaving { header, body_hash, now }, results, chain.as_ref())
}

/// What receivers will find when they ask who speaks for the domain in From, where we do not sign it ourselves: the hosts that we send from
/// by SPF, and signatures that it brings along. Not asked where nobody outside gets it.
pub async fn departure(
    names: &Dns,
    settings: &Settings,
    came: &Came,
    header: &Arc<Header>,
    bytes: &Bytes,
) -> Known<DmarcFact> {
    let (spf, (dkim, _)) =
        tokio::join!(spf_of_ours(names, settings, came), auth::signers(names, bytes, header));
    auth::dmarc(names, header, &spf, &dkim).await
}

/// What the owners of our domains ask of receivers, remembered for a while: most ask for nothing, and then a mail costs no question.
#[derive(Debug, Default)]
pub struct Wishes(Mutex<ByDomain>);

/// When it was asked, and whether receivers have a reason to look.
type ByDomain = HashMap<Domain, (Tick, Result<bool, String>)>;

impl Wishes {
    /// Do receivers have a reason to look who speaks for this domain, the one in From? An error says that nobody answered.
    pub async fn matter(
        &self,
        names: &Dns,
        header: &Header,
        author: &Domain,
        now: Tick,
    ) -> Result<bool, String> {
        if let Some((at, known)) = self.known().get(author)
            && now.since(*at) < limits::WISHES_LIFETIME
        {
            return known.clone();
        }
        let answer = match auth::dmarc(names, header, &Known::NotAsked, &Known::NotAsked).await {
            Known::Yes(fact) => Ok(fact.result == Dmarc::Fail && fact.wanted != Wanted::None),
            Known::No(why) => Err(why),
            Known::NotAsked => Ok(false),
        };
        let mut known = self.known();
        // Those who may write are ours, so there are no more than domains of ours and below; a bound all the same.
        if known.len() >= limits::WISHES_MAX {
            known.clear();
        }
        known.insert(author.clone(), (now, answer.clone()));
        answer
    }

    fn known(&self) -> MutexGuard<'_, ByDomain> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The domain in From, where there is one.
pub fn author(header: &Header) -> Option<Domain> {
    header.mailboxes("From").first().and_then(|from| from.domain())
}

/// Does somebody outside get it, as mail of our own?
pub fn leaves_as_own(settings: &Settings, came: &Came) -> bool {
    let mut recipients = came.envelope.recipients.iter();
    came.direction == Direction::Outbound
        && is_own(came)
        && recipients.any(|recipient| settings.own_domain(&recipient.address).is_none())
}

/// May the addresses that we send from send for the sender? Where the system chooses them, or a smarthost, nobody here knows, unless nobody
/// is allowed at all.
async fn spf_of_ours(names: &Dns, settings: &Settings, came: &Came) -> Known<SpfFact> {
    let outbound = &settings.config.outbound;
    let hostname = &settings.config.hostname;
    let helo = outbound.helo.as_ref().unwrap_or(hostname).as_str();
    let ask = async |address: IpAddr| {
        let peer = Peer { helo: helo.to_string(), ..Peer::at(address) };
        auth::spf(names, &peer, &came.envelope.sender, hostname.as_str(), came.at).await
    };
    let outside =
        came.envelope.recipients.iter().find(|one| settings.own_domain(&one.address).is_none());
    let towards =
        outside.map(|one| settings.way_to(&one.address, &came.organisation).route.towards);
    let sources = match towards {
        Some(Towards::World) => outbound.source_addresses.as_slice(),
        Some(Towards::Smarthost | Towards::Own | Towards::OwnToldOfClient | Towards::Portal)
        | None => &[],
    };
    let mut answer = None;
    for source in sources {
        match ask(*source).await {
            Known::Yes(fact) if fact.result == Spf::Pass => answer = answer.or(Some(fact)),
            other @ (Known::Yes(_) | Known::No(_) | Known::NotAsked) => return other,
        }
    }
    if let Some(fact) = answer {
        return Known::Yes(fact);
    }
    // Of an address that is nobody's: only whether there is a record at all says something.
    match ask(IpAddr::V4(Ipv4Addr::UNSPECIFIED)).await {
        Known::Yes(fact) if fact.result == Spf::None => Known::Yes(fact),
        Known::Yes(_) => Known::No("it is not known here which address it leaves from".to_string()),
        other @ (Known::No(_) | Known::NotAsked) => other,
    }
}

/// What became of a key that was looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Seen {
    /// Its record is in the DNS; it signs from now on, if it did not before.
    Published,
    /// Another record stands there, or none.
    Missing,
    /// Nobody answered.
    Unknown(String),
}

/// Looks whether the records of all keys are in the DNS. Those that wait for that take over.
pub async fn look_at_records(
    names: &Dns,
    keys: &DkimKeys,
) -> Result<Vec<(Arc<DkimKey>, Seen)>, StoreError> {
    let mut all = Vec::new();
    for key in keys.list() {
        let seen = match names.txt(&key.record_name()).await {
            Ok(records) if records.iter().any(|record| key.is_published_as(record)) => {
                Seen::Published
            }
            Ok(_) => Seen::Missing,
            Err(NoAnswer(why)) => Seen::Unknown(why),
        };
        match (&seen, key.state) {
            (Seen::Published, State::Waiting) => {
                keys.turn(&key, State::Signing)?;
                tracing::info!(key = %key.record_name(), "the record of a DKIM key is in the DNS: it signs from now on");
            }
            (Seen::Missing, State::Signing) => {
                tracing::error!(key = %key.record_name(), "mail is signed by a DKIM key whose record is not in the DNS: it fails at its receivers");
            }
            (Seen::Published | Seen::Missing | Seen::Unknown(_), _) => (),
        }
        all.push((key, seen));
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        base::clock::Clock,
        facts::auth::arc::ArcFact,
        store::dkim::Origin,
        wire::auth::{Dkim, Signature, key::Algorithm},
    };

    #[test]
    fn only_signed_mail_with_a_whole_chain_is_sealed() {
        let folder = tempfile::tempdir().unwrap();
        let (keys, _) = DkimKeys::open(folder.path(), Clock::by_hand(UnixMs(0)));
        let domain = Domain::parse("ours.example").unwrap();
        let made = Origin::Made(Algorithm::Ed25519Sha256);
        keys.add(&domain, "one", made, State::Signing).unwrap();
        let header = Header::read(b"From: a@far.example\r\n\r\nhi\r\n").unwrap();
        let hash = signed::body_hash(Form::Relaxed, b"hi\r\n");
        let signature = Signature {
            result: Dkim::Pass,
            domain: "far.example".to_string(),
            selector: "a".to_string(),
            because: String::new(),
        };
        let broken = ArcFact { result: Chained::Fail, ..ArcFact::none() };
        let other = Domain::parse("other.example").unwrap();
        for (what, recipient, dkim, arc, want) in [
            ("signed", &domain, vec![signature.clone()], ArcFact::none(), true),
            ("not signed", &domain, vec![], ArcFact::none(), false),
            ("a broken chain", &domain, vec![signature.clone()], broken, false),
            ("no key", &other, vec![signature], ArcFact::none(), false),
        ] {
            let facts = Facts { dkim: Known::Yes(dkim), arc: Known::Yes(arc), ..Facts::default() };
            let changed = Changed {
                header: &header,
                body_hash: &hash,
                facts: &facts,
                results: "mx.ours.example; none",
            };
            assert_eq!(seal(&keys, recipient, changed, UnixMs(0)).is_some(), want, "{what}");
        }
    }
}
