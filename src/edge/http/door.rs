//! A door: its sockets, its bounds, and what every answer of it says to browsers.

use crate::{
    base::limits,
    edge::{
        http::{
            Place,
            api::Problem,
            lost, routes,
            visit::{self, Client},
        },
        tls::ServerTls,
    },
    mail::Domain,
    pipeline::limits::client_key,
};
use axum::{
    Extension, Router,
    extract::{Request, State},
    http::{HeaderMap, HeaderValue, Method, StatusCode, header},
    middleware::{self, Next},
    response::{IntoResponse, Response},
};
use hyper::server::conn::http1;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use ipnet::IpNet;
use std::{
    collections::HashMap,
    net::{IpAddr, TcpListener as StdListener},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpListener,
    sync::watch,
};
use tokio_rustls::TlsAcceptor;

/// One of the two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Door {
    /// For the world.
    Public,
    /// For the operator.
    Admin,
}

/// Opens a door on sockets that are bound; with a certificate, it speaks TLS. Needs a runtime.
pub fn open(
    door: Door,
    site: &Place,
    sockets: Vec<StdListener>,
    tls: Option<Arc<ServerTls>>,
    ending: &watch::Receiver<bool>,
) -> Result<(), String> {
    let encrypted = if tls.is_some() { Encrypted::ByUs } else { Encrypted::No };
    open_house(door, site, pages(door, encrypted, site), sockets, tls, ending)
}

/// The same with pages of its own.
pub(super) fn open_house(
    door: Door,
    site: &Place,
    pages: Router,
    sockets: Vec<StdListener>,
    tls: Option<Arc<ServerTls>>,
    ending: &watch::Receiver<bool>,
) -> Result<(), String> {
    let seats = Arc::new(Seats::default());
    for socket in sockets {
        let socket = TcpListener::from_std(socket)
            .map_err(|error| format!("the {} web cannot be opened: {error}", door.word()))?;
        let house = House {
            door,
            site: site.clone(),
            pages: pages.clone(),
            tls: tls.clone(),
            seats: seats.clone(),
        };
        tokio::spawn(listen(house, socket, ending.clone()));
    }
    Ok(())
}

/// Is a door's line encrypted?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Encrypted {
    No,
    ByUs,
}

/// What is behind a door.
#[derive(Clone)]
struct House {
    door: Door,
    site: Place,
    pages: Router,
    tls: Option<Arc<ServerTls>>,
    seats: Arc<Seats>,
}

impl Door {
    fn word(self) -> &'static str {
        match self {
            Door::Public => "public",
            Door::Admin => "admin",
        }
    }

    /// Behind a proxy of ours the world has one address, and all programs of an operator's machine have.
    fn connections_per_address_max(self, address: IpAddr, proxies: &[IpNet]) -> usize {
        match self {
            _ if proxies.iter().any(|proxy| proxy.contains(&address)) => {
                limits::HTTP_CONNECTIONS_MAX
            }
            Door::Public => limits::HTTP_CONNECTIONS_PER_ADDRESS_MAX,
            Door::Admin if address.is_loopback() => limits::HTTP_CONNECTIONS_MAX,
            Door::Admin => limits::HTTP_ADMIN_CONNECTIONS_PER_ADDRESS_MAX,
        }
    }
}

/// The pages of a door.
fn pages(door: Door, encrypted: Encrypted, site: &Place) -> Router {
    let routes = routes().filter(|route| route.door == door);
    let add = |router: Router<Place>, route: &'static super::Route| {
        let asked = middleware::from_fn_with_state((route, site.clone()), visit::admit);
        router.route(route.path, (route.handler)().route_layer(asked))
    };
    routes
        .fold(Router::new(), add)
        .method_not_allowed_fallback(lost::other_method)
        .fallback_service(lost::handler(door).with_state(site.clone()))
        .with_state(site.clone())
        .layer(middleware::from_fn_with_state((door, encrypted, site.clone()), guard))
}

/// What every request meets before its page, and every answer on its way out.
async fn guard(
    State((door, encrypted, site)): State<(Door, Encrypted, Place)>,
    Extension(peer): Extension<Peer>,
    request: Request,
    next: Next,
) -> Response {
    let settings = site.gateway().settings.load();
    let web = &settings.config.web;
    let refused = match door {
        Door::Admin => {
            let names = [Some(&settings.config.hostname), web.admin_name.as_ref()];
            strange_host(request.headers(), &names)
        }
        Door::Public => None,
    };
    let files = door == Door::Public && takes_files(request.method(), request.uri().path());
    let most = match files {
        true => {
            let config = &settings.config;
            let largest = config.limits.message_bytes.0.max(config.portal.upload_bytes.0);
            // The fields beside the files.
            let largest = usize::try_from(largest).unwrap_or(usize::MAX);
            largest.saturating_add(limits::FORM_BYTES_MAX)
        }
        false => limits::FORM_BYTES_MAX,
    };
    if files || gives_files(request.uri().path()) {
        peer.patience.store(true, Ordering::Relaxed);
    }
    let refused = refused.or_else(|| too_much(request.method(), request.headers(), most));
    let client = client(request.headers(), peer.address, &web.proxies);
    let for_programs = lost::is_for_programs(door, request.uri().path());
    let said = |refused: Refused| match (for_programs, refused) {
        (true, (code, why)) => Problem::new(code, why.trim_end()).into_response(),
        (false, refused) => refused.into_response(),
    };
    let mut response = match refused {
        Some(refused) => said(refused),
        None => {
            let mut request = request;
            request.extensions_mut().insert(Client(client));
            let time_max = match files {
                true => limits::HTTP_FILES_TIME_MAX,
                false => limits::HTTP_ANSWER_TIME_MAX,
            };
            tokio::time::timeout(time_max, next.run(request)).await.unwrap_or_else(|_| {
                said((StatusCode::SERVICE_UNAVAILABLE, "this takes too long just now\n"))
            })
        }
    };
    let scripts = match door {
        Door::Admin => (header::CONTENT_SECURITY_POLICY, ADMIN_POLICY),
        Door::Public => (header::CONTENT_SECURITY_POLICY, PUBLIC_POLICY),
    };
    let transport = (header::STRICT_TRANSPORT_SECURITY, "max-age=31536000");
    let transport = (encrypted == Encrypted::ByUs).then_some(transport);
    for (name, value) in HEADERS.into_iter().chain([scripts]).chain(transport) {
        // A page may say something of its own: what it shows may be stranger still.
        response.headers_mut().entry(name).or_insert(HeaderValue::from_static(value));
    }
    response
}

/// Who is at the other end of a connection.
#[derive(Debug, Clone)]
struct Peer {
    address: IpAddr,
    /// Files go over this connection, which takes longer than a page.
    patience: Arc<AtomicBool>,
}

/// Whom a proxy of ours speaks for: the last address in `X-Forwarded-For` that is no proxy of ours. Anybody can write the ones before it.
fn client(headers: &HeaderMap, peer: IpAddr, proxies: &[IpNet]) -> IpAddr {
    let is_proxy = |address: &IpAddr| proxies.iter().any(|proxy| proxy.contains(address));
    if !is_proxy(&peer) {
        return peer;
    }
    let lines = headers.get_all("x-forwarded-for").iter().rev();
    let said = lines.filter_map(|line| line.to_str().ok()).flat_map(|line| line.rsplit(','));
    let addresses = said.map_while(|one| one.trim().parse::<IpAddr>().ok());
    addresses.map(|address| address.to_canonical()).find(|one| !is_proxy(one)).unwrap_or(peer)
}

type Refused = (StatusCode, &'static str);

/// A page of a stranger that had its own name resolved to our loopback (DNS rebinding) comes with that name; an operator comes with an
/// address, `localhost` or our name. Programs that send no Host at all are no browsers.
fn strange_host(headers: &HeaderMap, names: &[Option<&Domain>]) -> Option<Refused> {
    let host = headers.get(header::HOST)?;
    let name = host.to_str().ok().and_then(name_of_host).unwrap_or_default();
    let called_so = |known: &Option<&Domain>| known.is_some_and(|known| known.as_str() == name);
    let ours = name.parse::<IpAddr>().is_ok() || name == "localhost" || names.iter().any(called_so);
    (!ours).then_some((
        StatusCode::MISDIRECTED_REQUEST,
        "come by address, as localhost or by the gateway's hostname\n",
    ))
}

/// Host without port and brackets, lower case (RFC 9110 section 7.2).
pub(super) fn name_of_host(host: &str) -> Option<String> {
    let name = match host.strip_prefix('[') {
        Some(literal) => {
            let (name, port) = literal.split_once(']')?;
            Some(name).filter(|_| port.is_empty() || port.starts_with(':'))?
        }
        None => host.rsplit_once(':').map_or(host, |(name, _)| name),
    };
    Some(name.trim_end_matches('.').to_ascii_lowercase())
}

/// Is it a form with files?
fn takes_files(method: &Method, path: &str) -> bool {
    let reply = path.starts_with("/p/") && path.ends_with("/reply");
    let invited = path.starts_with("/i/");
    method == Method::POST && (reply || invited || path.starts_with("/send/"))
}

/// Are files given out there?
fn gives_files(path: &str) -> bool {
    path.starts_with("/p/") && path.ends_with("/file")
}

/// Forms, and what programs put, have a body of a known size; nothing else has one.
fn too_much(method: &Method, headers: &HeaderMap, form_bytes_max: usize) -> Option<Refused> {
    let length = headers.get(header::CONTENT_LENGTH);
    let length = length.map(|value| value.to_str().ok()?.parse::<usize>().ok());
    let has_body = method == Method::POST || method == Method::PUT;
    let most = if has_body { form_bytes_max } else { 0 };
    let fits = length.is_none_or(|length| length.is_some_and(|length| length <= most));
    (!fits || headers.contains_key(header::TRANSFER_ENCODING))
        .then_some((StatusCode::PAYLOAD_TOO_LARGE, "this is more than belongs here\n"))
}

/// On every answer, errors too: no frame round it, nothing kept.
const HEADERS: [(header::HeaderName, &str); 6] = [
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "no-referrer"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    (header::HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (header::CACHE_CONTROL, "no-store"),
];

/// Nothing from elsewhere, and of ours the one script.
const ADMIN_POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self'; \
    base-uri 'none'; form-action 'self'; frame-ancestors 'none'";
/// No script at all.
const PUBLIC_POLICY: &str = "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

async fn listen(house: House, socket: TcpListener, mut ending: watch::Receiver<bool>) {
    let door = house.door;
    loop {
        // The admin door stays open to the end: that is when an operator looks.
        let accepted = match door {
            Door::Admin => socket.accept().await,
            Door::Public => tokio::select! {
                accepted = socket.accept() => accepted,
                _ = ending.wait_for(|ending| *ending) => return,
            },
        };
        match accepted {
            Ok((stream, from)) => {
                let address = from.ip().to_canonical();
                let settings = house.site.gateway().settings.load();
                let most = door.connections_per_address_max(address, &settings.config.web.proxies);
                let seat = house.seats.take(client_key(address), most);
                if let Some(seat) = seat {
                    let patience = Arc::new(AtomicBool::new(false));
                    let peer = Peer { address, patience: patience.clone() };
                    let pages = house.pages.clone().layer(Extension(peer));
                    match &house.tls {
                        None => drop(tokio::spawn(converse(stream, pages, (seat, patience)))),
                        Some(tls) => {
                            let acceptor = TlsAcceptor::from(tls.current());
                            tokio::spawn(async move {
                                let hello = acceptor.accept(stream);
                                let hello = tokio::time::timeout(limits::HTTP_HEAD_TIME_MAX, hello);
                                if let Ok(Ok(stream)) = hello.await {
                                    converse(stream, pages, (seat, patience)).await;
                                }
                            });
                        }
                    }
                }
            }
            Err(error) => {
                tracing::error!(door = door.word(), %error, "a connection could not be accepted");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

async fn converse(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    pages: Router,
    (_seat, patience): (Seat, Arc<AtomicBool>),
) {
    let mut how = http1::Builder::new();
    how.timer(TokioTimer::new())
        .header_read_timeout(limits::HTTP_HEAD_TIME_MAX)
        .max_buf_size(limits::HTTP_HEAD_BYTES_MAX)
        .max_headers(limits::HTTP_HEADERS_MAX);
    let conversation = how.serve_connection(TokioIo::new(stream), TowerToHyperService::new(pages));
    // A bound on the whole of it: whoever reads an answer a byte at a time holds a seat no longer than anybody else.
    tokio::pin!(conversation);
    let mut ended =
        tokio::time::timeout(limits::HTTP_CONNECTION_TIME_MAX, conversation.as_mut()).await;
    if ended.is_err() && patience.load(Ordering::Relaxed) {
        ended = tokio::time::timeout(limits::HTTP_FILES_TIME_MAX, conversation).await;
    }
    match ended {
        Ok(Ok(())) => (),
        Ok(Err(error)) => tracing::debug!(%error, "a web connection broke"),
        Err(_) => tracing::debug!("a web connection was ended by time"),
    }
}

/// Open connections of a door.
#[derive(Debug, Default)]
struct Seats(Mutex<HashMap<IpAddr, usize>>);

/// One of them; dropping it makes room.
struct Seat {
    seats: Arc<Seats>,
    address: IpAddr,
}

impl Seats {
    /// None when the door, or this address, has as many as it may.
    fn take(self: &Arc<Seats>, address: IpAddr, per_address_max: usize) -> Option<Seat> {
        let mut taken = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let all: usize = taken.values().sum();
        let own = taken.get(&address).copied().unwrap_or(0);
        if all >= limits::HTTP_CONNECTIONS_MAX || own >= per_address_max {
            return None;
        }
        taken.insert(address, own + 1);
        Some(Seat { seats: self.clone(), address })
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut taken = self.seats.0.lock().unwrap_or_else(PoisonError::into_inner);
        match taken.get(&self.address).copied() {
            Some(more) if more > 1 => taken.insert(self.address, more - 1),
            Some(_) | None => taken.remove(&self.address),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_with_files_are_those_of_routes_that_take_them() {
        for route in routes().filter(|route| route.door == Door::Public && route.method == "POST") {
            let path = route.path.replace(['{', '}'], "");
            assert_eq!(takes_files(&Method::POST, &path), route.files, "{route:?}");
        }
        assert!(!takes_files(&Method::GET, "/send/anna@ours.example"));
    }

    #[test]
    fn nobody_takes_all_seats_but_who_speaks_for_many() {
        let proxies = ["192.0.2.4/32".parse().unwrap()];
        for (door, address, want) in [
            (Door::Public, "198.51.100.7", limits::HTTP_CONNECTIONS_PER_ADDRESS_MAX),
            (Door::Public, "127.0.0.1", limits::HTTP_CONNECTIONS_PER_ADDRESS_MAX),
            (Door::Public, "192.0.2.4", limits::HTTP_CONNECTIONS_MAX),
            (Door::Admin, "198.51.100.7", limits::HTTP_ADMIN_CONNECTIONS_PER_ADDRESS_MAX),
            (Door::Admin, "127.0.0.1", limits::HTTP_CONNECTIONS_MAX),
            (Door::Admin, "192.0.2.4", limits::HTTP_CONNECTIONS_MAX),
        ] {
            let found = door.connections_per_address_max(address.parse().unwrap(), &proxies);
            assert_eq!(found, want, "{door:?} {address}");
        }
    }

    #[test]
    fn proxies_are_believed_for_what_they_saw_themselves() {
        let proxies: Vec<IpNet> =
            ["127.0.0.1/32", "192.0.2.0/24"].map(|net| net.parse().unwrap()).to_vec();
        for (peer, said, want) in [
            ("198.51.100.7", "203.0.113.9", "198.51.100.7"),
            ("127.0.0.1", "203.0.113.9", "203.0.113.9"),
            ("127.0.0.1", "203.0.113.9, 192.0.2.4", "203.0.113.9"),
            ("127.0.0.1", "10.9.9.9, 203.0.113.9, 192.0.2.4", "203.0.113.9"),
            ("127.0.0.1", "203.0.113.9, evil", "127.0.0.1"),
            ("127.0.0.1", "::ffff:203.0.113.9", "203.0.113.9"),
            ("127.0.0.1", "", "127.0.0.1"),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert("x-forwarded-for", HeaderValue::from_str(said).unwrap());
            let found = client(&headers, peer.parse().unwrap(), &proxies);
            assert_eq!(found, want.parse::<IpAddr>().unwrap(), "{peer} {said}");
        }
    }
}
