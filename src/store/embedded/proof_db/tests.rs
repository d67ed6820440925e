//! What is kept of proofs: seals, who may see them, sums, and how they end.

use super::*;
use crate::{
    mail::TlsSession,
    store::{
        proof::{CameBy, Event},
        signer::Signer,
    },
    wire::tls::{InClear, Rung, Vouch},
};

const DAY: Duration = Duration::from_secs(86_400);
const NOON: UnixMs = UnixMs(1_795_262_400_000);

fn channel(vouch: Vouch, version: &str, good: bool, dnssec: Dnssec) -> Channel {
    let session = TlsSession {
        version: version.to_string(),
        certificate: if good { CertificateState::Good } else { CertificateState::SelfMade },
        name: NameMatch::Yes,
        ..TlsSession::default()
    };
    let (secured, policy) = (Secured::Tls(session), Rung::Opportunistic);
    Channel { secured, policy, vouch, dnssec, worse: Vec::new() }
}

/// A mail of Acme's to this address, over this channel to this server.
fn left(number: u8, to: &str, whose: Whose, server: &str, channel: Channel) -> Proof {
    Proof {
        v: 1,
        id: Id::new(NOON, [number; 10]),
        mail: Id::new(NOON, [number; 10]),
        gateway: Domain::parse("mx.ours.example").unwrap(),
        organisation: Organisation::named("acme"),
        direction: Direction::Outbound,
        event: Event::Delivered,
        at_ms: NOON.0,
        sender: "anna@acme.example".to_string(),
        recipients: vec![to.to_string()],
        message_id: String::new(),
        bytes: 1,
        blake3: String::new(),
        personal_data: PersonalData::NotFound,
        came: CameBy {
            address: "192.0.2.7".to_string(),
            helo: "pc".to_string(),
            user: None,
            tls: None,
            reply: String::new(),
            from_here: None,
        },
        went: Some(WentBy {
            to: whose,
            server: server.to_string(),
            address: "192.0.2.9".to_string(),
            channel,
            reply: "250 ok".to_string(),
            queue_id: None,
        }),
    }
}

fn open(clock: &Clock, bytes_max: u64) -> (tempfile::TempDir, Proofs) {
    let folder = tempfile::tempdir().unwrap();
    let (proofs, _) = Proofs::open(folder.path(), clock.clone(), 400 * DAY, bytes_max).unwrap();
    (folder, proofs)
}

async fn seal(proofs: &Proofs, signer: &Signer, at: UnixMs) -> Seal {
    let waiting = proofs.unsealed().await.unwrap();
    let gateway = Domain::parse("mx.ours.example").unwrap();
    let seal = Seal::make(&gateway, waiting.batch, &waiting.leaves, at, signer);
    proofs.seal(waiting, seal.clone()).await.unwrap();
    seal
}

fn mails() -> Vec<Proof> {
    use Whose::{MailHost, OwnServer, Smarthost};
    let good = || channel(Vouch::Pki, "TLSv1.3", true, Dnssec::Insecure);
    let dane = channel(Vouch::Dane, "TLSv1.3", false, Dnssec::Secure);
    let old = channel(Vouch::Nobody, "TLSv1.2", false, Dnssec::NotAsked);
    let mut all = vec![
        left(1, "a@far.example", MailHost, "mx.far.example", good()),
        left(2, "a@far.example", MailHost, "mx.provider.example", good()),
        left(3, "a@far.example", MailHost, "mx.far.example", old),
        left(4, "a@far.example", MailHost, "mx.far.example", Channel::clear(InClear::NotOffered)),
        left(5, "a@dane.example", MailHost, "mx.dane.example", dane),
        left(6, "a@smart.example", Smarthost, "relay.example", good()),
        left(7, "a@own.example", OwnServer, "10.0.0.1", good()),
        left(8, "a@sub.far.example", MailHost, "mx.far.example", good()),
    ];
    all[3].personal_data = PersonalData::Found;
    all[5].personal_data = PersonalData::Found;
    all
}

#[tokio::test]
async fn sums_count_what_is_known_of_the_way_and_nothing_else() {
    let clock = Clock::by_hand(NOON);
    let (_folder, proofs) = open(&clock, u64::MAX);
    proofs.record(mails()).await.unwrap();
    let filter = ChannelFilter {
        since: NOON.minus(DAY),
        until: NOON.plus(DAY),
        organisation: Some(Organisation::named("acme")),
        direction: Direction::Outbound,
        domain: None,
        rows: 100,
    };
    let found = proofs.channels(filter.clone()).await.unwrap();
    let told = |domain: &str| {
        let one = found.iter().find(|one| one.domain == domain).unwrap();
        let DomainChannels { mails, encrypted, proven, good_certificate, tls13, .. } = one;
        let of_smarthost = (one.through_smarthost, one.personal_through_smarthost);
        (
            [*mails, *encrypted, *proven, *good_certificate, *tls13],
            (one.personal, one.personal_encrypted),
            of_smarthost,
        )
    };
    assert_eq!(told("far.example"), ([4, 3, 0, 2, 2], (1, 0), (0, 0)));
    assert_eq!(told("dane.example"), ([1, 1, 1, 0, 1], (0, 0), (0, 0)));
    // Of what a smarthost did nothing is claimed; what stays in the house is no way to others.
    assert_eq!(told("smart.example"), ([0, 0, 0, 0, 0], (0, 0), (1, 1)));
    assert!(found.iter().all(|one| one.domain != "own.example"));
    let others = ChannelFilter { organisation: Some(Organisation::named("berg")), ..filter };
    assert!(proofs.channels(others).await.unwrap().is_empty());

    for (domain, terms, want) in [
        // in clear, too old, certificate, host, proven, smarthost; and how many there are
        ("far.example", Terms::default(), [1, 0, 1, 1, 0, 0, 4]),
        ("far.example", Terms { tls13: true, ..Terms::default() }, [1, 1, 0, 1, 0, 0, 4]),
        (
            "far.example",
            Terms { encrypted_is_enough: true, ..Terms::default() },
            [1, 0, 0, 0, 0, 0, 4],
        ),
        ("far.example", Terms { subdomains: true, ..Terms::default() }, [1, 0, 1, 2, 0, 0, 5]),
        // DANE stands in for any authority's word, and not where more is asked.
        ("dane.example", Terms::default(), [0, 0, 0, 0, 1, 0, 1]),
        ("dane.example", Terms { tls13: true, ..Terms::default() }, [0, 0, 1, 0, 1, 0, 1]),
        ("smart.example", Terms::default(), [0, 0, 0, 0, 0, 1, 0]),
        ("nobody.example", Terms::default(), [0; 7]),
    ] {
        let domain = Some(Domain::parse(domain).unwrap());
        let found = proofs.would_break(domain.clone(), None, terms, NOON.minus(DAY)).await.unwrap();
        let WouldBreak {
            mails,
            in_clear,
            too_old,
            not_vouched_for,
            host_not_known,
            proven,
            through_smarthost,
        } = found;
        let told =
            [in_clear, too_old, not_vouched_for, host_not_known, proven, through_smarthost, mails];
        assert_eq!(told, want, "{domain:?} {terms:?}");
    }
}

#[tokio::test]
async fn each_sees_the_proofs_of_his_own_mail() {
    let clock = Clock::by_hand(NOON);
    let (_folder, proofs) = open(&clock, u64::MAX);
    let mail = Id::new(NOON, [1; 10]);
    let sent =
        left(1, "kim@berg.example", Whose::OwnServer, "10.0.0.1", Channel::clear(InClear::Local));
    let received = Proof {
        id: Id::new(NOON, [2; 10]),
        organisation: Organisation::named("berg"),
        direction: Direction::Inbound,
        recipients: vec!["kim@berg.example".to_string(), "ulf@dal.example".to_string()],
        ..sent.clone()
    };
    proofs.record(vec![sent, received]).await.unwrap();
    let [acme, berg] = ["acme", "berg"].map(Organisation::named);
    let domain = |name: &str| Domain::parse(name).unwrap();
    let address = |text: &str| Address::parse(text).unwrap();
    for (scope, want) in [
        (Scope::Everything, 2),
        (Scope::Organisation(acme.clone()), 1),
        (Scope::Organisation(berg.clone()), 1),
        (Scope::Organisation(Organisation::named("dal")), 0),
        (Scope::Domains(acme.clone(), vec![domain("acme.example")]), 1),
        (Scope::Domains(acme.clone(), vec![domain("other.example")]), 0),
        // It names somebody whom this one may not see.
        (Scope::Domains(berg.clone(), vec![domain("berg.example")]), 0),
        (Scope::Domains(berg.clone(), vec![domain("berg.example"), domain("dal.example")]), 1),
        (Scope::Mailbox(acme.clone(), address("anna@acme.example")), 0),
    ] {
        let found = proofs.of_mail(mail, scope.clone()).await.unwrap();
        assert_eq!(found.len(), want, "{scope:?}");
    }
    assert_eq!(proofs.count(mail, acme).await.unwrap(), 1);
}

#[tokio::test]
async fn seals_are_recorded_once_numbered_upwards_and_verified() {
    let clock = Clock::by_hand(NOON);
    let (_folder, proofs) = open(&clock, u64::MAX);
    let signer = Signer::make().unwrap();
    proofs.record(mails()).await.unwrap();
    assert_eq!(proofs.unsealed().await.unwrap().leaves.len(), 8);
    let mail = Id::new(NOON, [3; 10]);
    let sheet = |found: Vec<Sheet>| found.into_iter().next().unwrap();
    assert!(sheet(proofs.of_mail(mail, Scope::Everything).await.unwrap()).seal.is_none());
    let first = seal(&proofs, &signer, NOON).await;
    let found = sheet(proofs.of_mail(mail, Scope::Everything).await.unwrap());
    assert_eq!(found.verify(&[signer.public().fingerprint()]), Ok(signer.public().fingerprint()));
    assert_eq!((found.place, found.path.len()), (2, 3));
    assert_eq!(proofs.unrecorded().await.unwrap(), std::slice::from_ref(&first));
    proofs.recorded(first.batch).await.unwrap();
    assert!(proofs.unrecorded().await.unwrap().is_empty());
    proofs
        .record(vec![left(
            9,
            "a@far.example",
            Whose::MailHost,
            "mx",
            Channel::clear(InClear::NotOffered),
        )])
        .await
        .unwrap();
    let second = seal(&proofs, &signer, NOON).await;
    assert!(second.batch > first.batch && first.batch >= NOON.0, "{first:?} {second:?}");
}

#[tokio::test]
async fn what_is_past_its_time_or_too_much_goes_batch_by_batch() {
    let clock = Clock::by_hand(NOON);
    let (_folder, proofs) = open(&clock, u64::MAX);
    let signer = Signer::make().unwrap();
    proofs.record(mails()).await.unwrap();
    seal(&proofs, &signer, NOON).await;
    assert_eq!(proofs.retain().await.unwrap(), 0);
    clock.advance(200 * DAY);
    let mut later =
        left(9, "a@far.example", Whose::MailHost, "mx", Channel::clear(InClear::NotOffered));
    later.at_ms = clock.now().0;
    proofs.record(vec![later]).await.unwrap();
    seal(&proofs, &signer, clock.now()).await;
    // Never sealed, and as old as the first.
    let unsealed =
        left(10, "a@far.example", Whose::MailHost, "mx", Channel::clear(InClear::NotOffered));
    proofs.record(vec![unsealed]).await.unwrap();
    clock.advance(201 * DAY);
    assert_eq!(proofs.retain().await.unwrap(), 9);
    let found = proofs.of_mail(Id::new(NOON, [9; 10]), Scope::Everything).await.unwrap();
    assert!(found.len() == 1 && found[0].verify(&[]).is_ok(), "{found:?}");

    // With room for nothing, all that is sealed goes.
    let (_folder, small) = open(&clock, 1);
    small.record(mails()).await.unwrap();
    seal(&small, &signer, clock.now()).await;
    assert_eq!(small.retain().await.unwrap(), 8);
    // With no days at all nothing is kept in the first place.
    let folder = tempfile::tempdir().unwrap();
    let (none, _) = Proofs::open(folder.path(), clock.clone(), Duration::ZERO, 1).unwrap();
    none.record(mails()).await.unwrap();
    assert!(none.unsealed().await.unwrap().leaves.is_empty());
}
