//! What DNSSEC proves, against signed and unsigned zones of a real name server in this process.

// Real time, and failing loudly, is what these tests are for.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, clippy::disallowed_methods)]

use hickory_server::{
    Server,
    dnssec::NxProofKind,
    net::runtime::{Time, TokioRuntimeProvider},
    proto::{
        dnssec::{
            Algorithm, DigestType, DnssecSigner, SigningKey, TrustAnchors,
            crypto::Ed25519SigningKey,
            rdata::{DNSKEY, DNSSECRData, DS},
        },
        rr::{
            LowerName, Name, RData, Record, RecordType,
            rdata::{NS, SOA, TXT},
        },
    },
    server::{Request, RequestHandler, ResponseHandler, ResponseInfo},
    store::in_memory::InMemoryZoneHandler,
    zone_handler::{AxfrPolicy, Catalog, ZoneHandler, ZoneType},
};
use sluss::facts::dnssec::{Proven, ProvingDns};
use std::{future::Future, net::SocketAddr, pin::Pin, sync::Arc, time::Duration};
use tokio::net::UdpSocket;

const DAY: Duration = Duration::from_secs(86_400);

fn name(text: &str) -> Name {
    Name::from_ascii(text).unwrap()
}

fn key() -> Ed25519SigningKey {
    Ed25519SigningKey::from_pkcs8(&Ed25519SigningKey::generate_pkcs8().unwrap()).unwrap()
}

fn text(of: &str, value: &str) -> Record {
    Record::from_rdata(name(of), 60, RData::TXT(TXT::new(vec![value.to_string()])))
}

/// A zone with these records; signed by this key if there is one.
fn zone(
    origin: &str,
    records: Vec<Record>,
    key: Option<Ed25519SigningKey>,
) -> InMemoryZoneHandler<TokioRuntimeProvider> {
    let proof = key.is_some().then_some(NxProofKind::Nsec);
    let mut zone =
        InMemoryZoneHandler::empty(name(origin), ZoneType::Primary, AxfrPolicy::Deny, proof);
    let soa = SOA::new(name("ns.example."), name("hostmaster.example."), 1, 60, 60, 600, 60);
    zone.upsert_mut(Record::from_rdata(name(origin), 60, RData::SOA(soa)), 1);
    let ns = NS(name("ns.example."));
    zone.upsert_mut(Record::from_rdata(name(origin), 60, RData::NS(ns)), 1);
    for record in records {
        zone.upsert_mut(record, 1);
    }
    if let Some(key) = key {
        let dnskey = DNSKEY::from_key(&key.to_public_key().unwrap());
        let signer = DnssecSigner::new(dnskey, Box::new(key), name(origin), DAY);
        zone.add_zone_signing_key_mut(signer).unwrap();
        zone.secure_zone_mut().unwrap();
    }
    zone
}

/// The DS record that a zone above has for this key.
fn delegation(child: &str, key: &Ed25519SigningKey) -> Record {
    let dnskey = DNSKEY::from_key(&key.to_public_key().unwrap());
    let digest = dnskey.to_digest(&name(child), DigestType::SHA256).unwrap();
    let tag = dnskey.calculate_key_tag().unwrap();
    let ds = DS::new(tag, Algorithm::ED25519, DigestType::SHA256, digest.as_ref().to_vec());
    Record::from_rdata(name(child), 60, RData::DNSSEC(DNSSECRData::DS(ds)))
}

/// Answers like a resolver behind which the whole tree is: what a zone's parent says of its keys comes from the parent.
struct Tree {
    parents: Catalog,
    zones: Catalog,
}

impl RequestHandler for Tree {
    fn handle_request<'s, 'r, 'f, R, T>(
        &'s self,
        request: &'r Request,
        handle: R,
    ) -> Pin<Box<dyn Future<Output = ResponseInfo> + Send + 'f>>
    where
        R: ResponseHandler + 'f,
        T: Time + 'f,
        's: 'f,
        'r: 'f,
        Self: 'f,
    {
        let kind = request.request_info().map(|info| info.query.query_type());
        match kind {
            Ok(RecordType::DS) => self.parents.handle_request::<R, T>(request, handle),
            Ok(_) | Err(_) => self.zones.handle_request::<R, T>(request, handle),
        }
    }
}

/// A name server with a signed root, a signed zone, one that is honestly unsigned, and one that lost its signatures.
async fn start() -> (Server<Tree>, SocketAddr, Arc<TrustAnchors>) {
    let (root, signed, lost) = (key(), key(), key());
    let mut anchors = TrustAnchors::empty();
    anchors.insert(&root.to_public_key().unwrap());
    let below =
        |child: &str| Record::from_rdata(name(child), 60, RData::NS(NS(name("ns.example."))));
    let records = vec![
        below("signed.example."),
        below("plain.example."),
        below("lost.example."),
        delegation("signed.example.", &signed),
        delegation("lost.example.", &lost),
    ];
    let root: Arc<dyn ZoneHandler> = Arc::new(zone(".", records, Some(root)));
    let (mut parents, mut zones) = (Catalog::new(), Catalog::new());
    for catalog in [&mut parents, &mut zones] {
        catalog.upsert(LowerName::new(&Name::root()), vec![root.clone()]);
    }
    for (origin, zone) in [
        (
            "signed.example.",
            zone("signed.example.", vec![text("a.signed.example.", "yes")], Some(signed)),
        ),
        ("plain.example.", zone("plain.example.", vec![text("a.plain.example.", "perhaps")], None)),
        ("lost.example.", zone("lost.example.", vec![text("a.lost.example.", "no")], None)),
    ] {
        zones.upsert(LowerName::new(&name(origin)), vec![Arc::new(zone)]);
    }
    let mut server = Server::new(Tree { parents, zones });
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let address = socket.local_addr().unwrap();
    server.register_socket(socket);
    (server, address, Arc::new(anchors))
}

#[tokio::test]
async fn what_is_signed_is_told_from_what_is_not_and_from_what_should_be() {
    let (_server, address, anchors) = start().await;
    let dns = ProvingDns::from_anchors(&[address], anchors).unwrap();
    let ask = async |of: &str| {
        let read = |data: &RData| {
            let RData::TXT(text) = data else { return None };
            Some(String::from_utf8_lossy(&text.txt_data.concat()).into_owned())
        };
        dns.records(of, RecordType::TXT, read).await
    };
    assert_eq!(ask("a.signed.example").await, Proven::Secure(vec!["yes".to_string()]));
    assert_eq!(
        ask("b.signed.example").await,
        Proven::Secure(vec![]),
        "that there is none is proven"
    );
    assert_eq!(ask("a.plain.example").await, Proven::Insecure(vec!["perhaps".to_string()]));
    assert_eq!(ask("a.lost.example").await.word(), "bogus");
    // Another root: nothing that this one says is proven.
    let other = key();
    let mut anchors = TrustAnchors::empty();
    anchors.insert(&other.to_public_key().unwrap());
    let dns = ProvingDns::from_anchors(&[address], Arc::new(anchors)).unwrap();
    let answer = dns.records("a.signed.example", RecordType::TXT, |_| Some(())).await;
    assert_eq!(answer.word(), "bogus");
}
