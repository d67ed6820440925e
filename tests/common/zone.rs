//! A name server with a signed root and zones below it: signed, honestly unsigned, or such that should be signed and are not. They may change
//! while it runs. For those tests that name it: it is much to compile for all of them.

// Each test file uses a part of this; `pub` is the simplest word for "to all of them".
#![allow(dead_code, unreachable_pub)]

use arc_swap::ArcSwap;
use hickory_server::{
    Server,
    dnssec::NxProofKind,
    net::runtime::{Time, TokioRuntimeProvider},
    proto::{
        dnssec::{
            Algorithm, DigestType, DnssecSigner, PublicKey, SigningKey, TrustAnchors,
            crypto::Ed25519SigningKey,
            rdata::{DNSKEY, DNSSECRData, DS},
        },
        rr::{
            LowerName, Name, RData, Record, RecordType,
            rdata::{A, CNAME, MX, NS, SOA, TLSA, TXT},
        },
    },
    server::{Request, RequestHandler, ResponseHandler, ResponseInfo},
    store::in_memory::InMemoryZoneHandler,
    zone_handler::{AxfrPolicy, Catalog, ZoneHandler, ZoneType},
};
use std::{
    collections::BTreeMap,
    future::Future,
    net::{Ipv4Addr, SocketAddr},
    pin::Pin,
    sync::{Arc, Mutex},
    thread,
    time::Duration,
};
use tokio::{
    net::{TcpListener, UdpSocket},
    sync::oneshot,
};

const DAY: Duration = Duration::from_secs(86_400);

/// Seconds that an answer may be remembered.
const TTL: u32 = 1;

/// How a zone is signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signed {
    /// As it should be.
    Yes,
    /// Not, and the root says so.
    No,
    /// Not, and the root says that it is.
    Lost,
}

/// The name server. It ends with its owner.
pub struct Zones {
    address: SocketAddr,
    root: Vec<u8>,
    zones: Mutex<BTreeMap<String, Zone>>,
    tree: Arc<ArcSwap<Tree>>,
    _end: oneshot::Sender<()>,
}

struct Zone {
    signed: Signed,
    key: Vec<u8>,
    records: Vec<Record>,
}

struct Tree {
    parents: Catalog,
    zones: Catalog,
}

/// A name.
pub fn name(text: &str) -> Name {
    let mut name = Name::from_ascii(text).unwrap();
    name.set_fqdn(true);
    name
}

/// A text.
pub fn txt(of: &str, value: &str) -> Record {
    Record::from_rdata(name(of), TTL, RData::TXT(TXT::new(vec![value.to_string()])))
}

/// A mail host.
pub fn mx(of: &str, host: &str) -> Record {
    Record::from_rdata(name(of), TTL, RData::MX(MX::new(10, name(host))))
}

/// An address.
pub fn a(of: &str, address: Ipv4Addr) -> Record {
    Record::from_rdata(name(of), TTL, RData::A(A(address)))
}

/// Another name for a host.
pub fn cname(of: &str, target: &str) -> Record {
    Record::from_rdata(name(of), TTL, RData::CNAME(CNAME(name(target))))
}

/// How the mail service of a host is recognised.
pub fn tlsa(host: &str, data: TLSA) -> Record {
    Record::from_rdata(name(&format!("_25._tcp.{host}")), TTL, RData::TLSA(data))
}

impl Zones {
    /// Starts, with a root and nothing below it.
    pub fn start() -> Zones {
        let root = new_key();
        let tree = Arc::new(ArcSwap::from_pointee(grown(&root, &BTreeMap::new())));
        let (end, ended) = oneshot::channel();
        let (tell, told) = std::sync::mpsc::channel();
        let answering = tree.clone();
        thread::spawn(move || {
            let runtime =
                tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async move {
                let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
                let address = listener.local_addr().unwrap();
                let socket = UdpSocket::bind(address).await.unwrap();
                let mut server = Server::new(Answering(answering));
                server.register_socket(socket);
                server.register_listener(listener, Duration::from_secs(5), 64 << 10);
                tell.send(address).unwrap();
                let _owner_is_gone = ended.await;
            });
        });
        let address = told.recv().unwrap();
        Zones { address, root, zones: Mutex::default(), tree, _end: end }
    }

    /// Where it answers.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What DNSSEC begins from here.
    pub fn anchors(&self) -> Arc<TrustAnchors> {
        let mut anchors = TrustAnchors::empty();
        anchors.insert(&key(&self.root).to_public_key().unwrap());
        Arc::new(anchors)
    }

    /// The same as a file has it.
    pub fn anchor_line(&self) -> String {
        let public = key(&self.root).to_public_key().unwrap();
        let base64 = data_encoding::BASE64.encode(public.public_bytes());
        format!(".\t3600\tIN\tDNSKEY\t257 3 15 {base64}\n")
    }

    /// From now on the zone has these records alone; its key stays.
    pub fn set(&self, origin: &str, signed: Signed, records: Vec<Record>) {
        let mut zones = self.zones.lock().unwrap();
        let key = zones.get(origin).map_or_else(new_key, |zone| zone.key.clone());
        zones.insert(origin.to_string(), Zone { signed, key, records });
        self.tree.store(Arc::new(grown(&self.root, &zones)));
    }
}

fn new_key() -> Vec<u8> {
    Ed25519SigningKey::generate_pkcs8().unwrap().secret_pkcs8_der().to_vec()
}

fn key(pkcs8: &[u8]) -> Ed25519SigningKey {
    Ed25519SigningKey::from_pkcs8(&pkcs8.to_vec().into()).unwrap()
}

fn grown(root: &[u8], zones: &BTreeMap<String, Zone>) -> Tree {
    let mut below = Vec::new();
    let (mut parents, mut catalog) = (Catalog::new(), Catalog::new());
    for (origin, zone) in zones {
        below.push(Record::from_rdata(name(origin), TTL, RData::NS(NS(name("ns.example.")))));
        if zone.signed != Signed::No {
            below.push(delegation(origin, &key(&zone.key)));
        }
        let signing = (zone.signed == Signed::Yes).then(|| key(&zone.key));
        let handler = handler(origin, zone.records.clone(), signing);
        catalog.upsert(LowerName::new(&name(origin)), vec![Arc::new(handler)]);
    }
    let root: Arc<dyn ZoneHandler> = Arc::new(handler(".", below, Some(key(root))));
    for tree in [&mut parents, &mut catalog] {
        tree.upsert(LowerName::new(&Name::root()), vec![root.clone()]);
    }
    Tree { parents, zones: catalog }
}

/// A zone with these records; signed by this key if there is one.
fn handler(
    origin: &str,
    records: Vec<Record>,
    key: Option<Ed25519SigningKey>,
) -> InMemoryZoneHandler<TokioRuntimeProvider> {
    let proof = key.is_some().then_some(NxProofKind::Nsec);
    let mut zone =
        InMemoryZoneHandler::empty(name(origin), ZoneType::Primary, AxfrPolicy::Deny, proof);
    let soa = SOA::new(name("ns.example."), name("hostmaster.example."), 1, 60, 60, 600, TTL);
    zone.upsert_mut(Record::from_rdata(name(origin), TTL, RData::SOA(soa)), 1);
    let ns = NS(name("ns.example."));
    zone.upsert_mut(Record::from_rdata(name(origin), TTL, RData::NS(ns)), 1);
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
    Record::from_rdata(name(child), TTL, RData::DNSSEC(DNSSECRData::DS(ds)))
}

/// Answers like a resolver behind which the whole tree is: what a zone's parent says of its keys comes from the parent.
struct Answering(Arc<ArcSwap<Tree>>);

impl RequestHandler for Answering {
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
        let tree = self.0.load_full();
        let kind = request.request_info().map(|info| info.query.query_type());
        let of_parent = matches!(kind, Ok(RecordType::DS));
        Box::pin(async move {
            let catalog = if of_parent { &tree.parents } else { &tree.zones };
            catalog.handle_request::<R, T>(request, handle).await
        })
    }
}
