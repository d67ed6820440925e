//! A door: its sockets, its bounds, and what every answer of it says to browsers.

use crate::{
    base::limits,
    edge::http::{Eyes, ROUTES},
    pipeline::limits::client_key,
};
use axum::{
    Router,
    extract::{Request, State},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    middleware::{self, Next},
    response::{IntoResponse, Response},
};
use hyper::server::conn::http1;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use std::{
    collections::HashMap,
    net::{IpAddr, TcpListener as StdListener},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::watch,
};

/// One of the two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Door {
    /// For the world.
    Public,
    /// For the operator.
    Admin,
}

/// Opens a door on sockets that are bound. Needs a runtime.
pub fn open(
    door: Door,
    eyes: &Eyes,
    sockets: Vec<StdListener>,
    ending: &watch::Receiver<bool>,
) -> Result<(), String> {
    let seats = Arc::new(Seats::default());
    for socket in sockets {
        let socket = TcpListener::from_std(socket)
            .map_err(|error| format!("the {} web cannot be opened: {error}", door.word()))?;
        let pages = pages(door, eyes);
        tokio::spawn(listen(door, socket, pages, seats.clone(), ending.clone()));
    }
    Ok(())
}

impl Door {
    fn word(self) -> &'static str {
        match self {
            Door::Public => "public",
            Door::Admin => "admin",
        }
    }

    /// All of loopback is one address, and behind a proxy the world is.
    fn connections_per_address_max(self) -> usize {
        match self {
            Door::Public => limits::HTTP_CONNECTIONS_PER_ADDRESS_MAX,
            Door::Admin => limits::HTTP_CONNECTIONS_MAX,
        }
    }
}

/// The pages of a door.
fn pages(door: Door, eyes: &Eyes) -> Router {
    let routes = ROUTES.iter().filter(|route| route.door == door);
    routes
        .fold(Router::new(), |router, route| router.route(route.path, route.page.handler()))
        .fallback(nothing_here)
        .with_state(eyes.clone())
        .layer(middleware::from_fn_with_state((door, eyes.clone()), guard))
}

async fn nothing_here() -> (StatusCode, &'static str) {
    (StatusCode::NOT_FOUND, "nothing here\n")
}

/// What every request meets before its page, and every answer on its way out.
async fn guard(State((door, eyes)): State<(Door, Eyes)>, request: Request, next: Next) -> Response {
    let refused = match door {
        Door::Admin => strange_host(request.headers(), &eyes.hostname()),
        Door::Public => None,
    };
    let refused = refused.or_else(|| too_much(request.headers()));
    let mut response = match refused {
        Some(refused) => refused.into_response(),
        None => tokio::time::timeout(limits::HTTP_ANSWER_TIME_MAX, next.run(request))
            .await
            .unwrap_or_else(|_| {
                (StatusCode::SERVICE_UNAVAILABLE, "this takes too long just now\n").into_response()
            }),
    };
    for (name, value) in HEADERS {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

type Refused = (StatusCode, &'static str);

/// A page of a stranger that had its own name resolved to our loopback (DNS rebinding) comes with that name; an operator comes with an
/// address, `localhost` or our name. Programs that send no Host at all are no browsers.
fn strange_host(headers: &HeaderMap, hostname: &str) -> Option<Refused> {
    let host = headers.get(header::HOST)?;
    let name = host.to_str().ok().and_then(name_of_host).unwrap_or_default();
    let ours = name.parse::<IpAddr>().is_ok() || name == "localhost" || name == hostname;
    (!ours).then_some((
        StatusCode::MISDIRECTED_REQUEST,
        "come by address, as localhost or by the gateway's hostname\n",
    ))
}

/// Host without port and brackets, lower case (RFC 9110 section 7.2).
fn name_of_host(host: &str) -> Option<String> {
    let name = match host.strip_prefix('[') {
        Some(literal) => literal.split_once(']')?.0,
        None => host.rsplit_once(':').map_or(host, |(name, _)| name),
    };
    Some(name.trim_end_matches('.').to_ascii_lowercase())
}

/// No page reads a body, so whoever sends one is answered at once.
fn too_much(headers: &HeaderMap) -> Option<Refused> {
    let length = headers.get(header::CONTENT_LENGTH).map(|value| value.as_bytes() != b"0");
    (length.unwrap_or(false) || headers.contains_key(header::TRANSFER_ENCODING))
        .then_some((StatusCode::PAYLOAD_TOO_LARGE, "no page here takes a body\n"))
}

/// On every answer, errors too: no script, no frame, nothing from elsewhere, nothing kept.
const HEADERS: [(header::HeaderName, &str); 6] = [
    (
        header::CONTENT_SECURITY_POLICY,
        "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    ),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "no-referrer"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    (header::CACHE_CONTROL, "no-store"),
];

async fn listen(
    door: Door,
    socket: TcpListener,
    pages: Router,
    seats: Arc<Seats>,
    mut ending: watch::Receiver<bool>,
) {
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
                if let Some(seat) =
                    seats.take(client_key(address), door.connections_per_address_max())
                {
                    tokio::spawn(converse(stream, pages.clone(), seat));
                }
            }
            Err(error) => {
                tracing::error!(door = door.word(), %error, "a connection could not be accepted");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

async fn converse(stream: TcpStream, pages: Router, _seat: Seat) {
    let mut how = http1::Builder::new();
    how.timer(TokioTimer::new())
        .header_read_timeout(limits::HTTP_HEAD_TIME_MAX)
        .max_buf_size(limits::HTTP_HEAD_BYTES_MAX)
        .max_headers(limits::HTTP_HEADERS_MAX);
    let conversation = how.serve_connection(TokioIo::new(stream), TowerToHyperService::new(pages));
    // A bound on the whole of it: whoever reads an answer a byte at a time holds a seat no longer than anybody else.
    match tokio::time::timeout(limits::HTTP_CONNECTION_TIME_MAX, conversation).await {
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
