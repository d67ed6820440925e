//! One short text from another's web server, or handed to one: a GET, HEAD or POST over HTTPS, HTTP/1.1, and nothing beyond that.
//!
//! The server is a stranger's, and so is the name that leads to it. The certificate must be good and bear the name; addresses inside are not
//! reached (whoever owns a name could otherwise have us knock at doors in our own house); a redirection is not followed; only 200 with
//! plain text counts; header, body and time have bounds.

use crate::{
    base::{limits, networks, networks::Networks},
    config::AddressFamily,
    facts::dns::{Addresses, Dns},
    mail::Domain,
    pipeline::courier::Posting,
};
use axum::body::Body as Sent;
use hyper::{
    Request, Response, StatusCode,
    body::{Body, Incoming},
    client::conn::http1,
    header,
    header::HeaderValue,
};
use hyper_util::rt::TokioIo;
use rustls::{ClientConfig, pki_types::ServerName};
use std::{
    future::poll_fn,
    net::{IpAddr, SocketAddr},
    pin::Pin,
    sync::Arc,
};
use tokio::{net::TcpStream, task::JoinSet, time::timeout};
use tokio_rustls::{TlsConnector, client::TlsStream};

/// Fetches.
#[derive(Debug)]
pub(super) struct Fetcher {
    client: Arc<ClientConfig>,
    port: u16,
    /// Addresses inside that may be reached all the same.
    inside: Networks<()>,
    family: AddressFamily,
}

/// Where servers are that may be fetched from.
#[derive(Debug)]
pub(super) struct Reach {
    /// Their port.
    pub(super) port: u16,
    /// Addresses inside that may be reached all the same.
    pub(super) inside: Networks<()>,
    /// What we connect to.
    pub(super) family: AddressFamily,
}

/// Why there is no text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum NotFetched {
    /// DNS.
    #[error("{host}: {why}")]
    NoAddress {
        /// Whose.
        host: Domain,
        /// Why.
        why: String,
    },
    /// It is said to be in our own house.
    #[error("{host} is at {address}, which is no address in the world")]
    Inside {
        /// Whose.
        host: Domain,
        /// Where it is said to be.
        address: IpAddr,
    },
    /// Nobody answered.
    #[error("{at}: {why}")]
    Network {
        /// Where.
        at: SocketAddr,
        /// How.
        why: String,
    },
    /// Its certificate is not good, or TLS failed otherwise.
    #[error("TLS with {host} [{at}] failed: {why}")]
    Tls {
        /// Whose.
        host: Domain,
        /// Where.
        at: SocketAddr,
        /// How.
        why: String,
    },
    /// What it said is no HTTP, or too much of it.
    #[error("{host} does not answer as a web server does: {why}")]
    Http {
        /// Who.
        host: Domain,
        /// How.
        why: String,
    },
    /// It answers with something else than the text.
    #[error("{host} answers {status}")]
    Status {
        /// Who.
        host: Domain,
        /// What.
        status: u16,
    },
    /// It is no plain text.
    #[error("{0} answers with something that is no text/plain")]
    Kind(Domain),
    /// It is too long.
    #[error("{host} answers with more than {bytes_max} bytes")]
    TooLong {
        /// Who.
        host: Domain,
        /// The bound.
        bytes_max: usize,
    },
    /// It took too long.
    #[error("{host} took more than {} s", limits::FETCH_TIME_MAX.as_secs())]
    TooSlow {
        /// Who.
        host: Domain,
    },
}

/// What is wanted.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wanted<'a> {
    /// Whose.
    pub(super) host: &'a Domain,
    /// Beginning with "/".
    pub(super) path: &'a str,
    /// Longest that will do.
    pub(super) bytes_max: usize,
}

impl Fetcher {
    /// With those who may vouch.
    pub(super) fn new(client: &ClientConfig, reach: Reach) -> Fetcher {
        let mut client = client.clone();
        // So that no server of another protocol at the same name answers in its stead.
        client.alpn_protocols = vec![b"http/1.1".to_vec()];
        let Reach { port, inside, family } = reach;
        Fetcher { client: Arc::new(client), port, inside, family }
    }

    /// The text, within [`limits::FETCH_TIME_MAX`].
    pub(super) async fn text(&self, dns: &Dns, wanted: Wanted<'_>) -> Result<Vec<u8>, NotFetched> {
        let too_slow = || NotFetched::TooSlow { host: wanted.host.clone() };
        let fetching = self.fetch(dns, wanted);
        timeout(limits::FETCH_TIME_MAX, fetching).await.unwrap_or_else(|_| Err(too_slow()))
    }

    async fn fetch(&self, dns: &Dns, wanted: Wanted<'_>) -> Result<Vec<u8>, NotFetched> {
        let host = wanted.host;
        let request = Request::get(wanted.path)
            .header(header::ACCEPT, "text/plain")
            .body(Sent::empty())
            .map_err(|error| no_http(host, &error))?;
        let (response, _driving) = self.ask(dns, host, request).await?;
        whole(host, plain_text(host, response)?, wanted.bytes_max).await
    }

    /// Asks, and gives the whole answer whatever it is, within [`limits::FETCH_TIME_MAX`].
    pub(super) async fn exchange(
        &self,
        dns: &Dns,
        host: &Domain,
        request: Request<Sent>,
        bytes_max: usize,
    ) -> Result<Response<Sent>, NotFetched> {
        let asking = async {
            let (response, _driving) = self.ask(dns, host, request).await?;
            let (head, body) = response.into_parts();
            let body = whole(host, body, bytes_max).await?;
            Ok(Response::from_parts(head, Sent::from(body)))
        };
        let too_slow = |_| NotFetched::TooSlow { host: host.clone() };
        timeout(limits::FETCH_TIME_MAX, asking).await.map_err(too_slow)?
    }

    /// Hands a text over, within [`limits::FETCH_TIME_MAX`]. Any answer of the 200s says that it was taken; what stands in it is not read.
    pub(super) async fn post(&self, dns: &Dns, posting: Posting<'_>) -> Result<(), NotFetched> {
        let host = posting.host;
        let request = Request::post(posting.path)
            .header(header::CONTENT_TYPE, posting.kind)
            .body(Sent::from(posting.body.to_vec()))
            .map_err(|error| no_http(host, &error))?;
        let asking = timeout(limits::FETCH_TIME_MAX, self.ask(dns, host, request));
        let too_slow = |_| NotFetched::TooSlow { host: host.clone() };
        let status = asking.await.map_err(too_slow)??.0.status();
        match status.is_success() {
            true => Ok(()),
            false => Err(NotFetched::Status { host: host.clone(), status: status.as_u16() }),
        }
    }

    /// What it answers; the connection goes when the tasks are dropped.
    async fn ask(
        &self,
        dns: &Dns,
        host: &Domain,
        mut request: Request<Sent>,
    ) -> Result<(Response<Incoming>, JoinSet<hyper::Result<()>>), NotFetched> {
        let stream = self.connect(dns, host).await?;
        let (mut sender, connection) = http1::Builder::new()
            .max_buf_size(limits::FETCH_HEADER_BYTES_MAX)
            .max_headers(limits::FETCH_HEADERS_MAX)
            .handshake::<_, Sent>(TokioIo::new(stream))
            .await
            .map_err(|error| no_http(host, &error))?;
        let mut driving = JoinSet::new();
        driving.spawn(connection);
        // RFC 9110 section 7.2: the port is left out where it is that of the scheme.
        let name = match self.port {
            443 => host.to_string(),
            port => format!("{host}:{port}"),
        };
        let name = HeaderValue::from_str(&name).map_err(|error| no_http(host, &error))?;
        let headers = request.headers_mut();
        headers.insert(header::HOST, name);
        headers.insert(header::USER_AGENT, HeaderValue::from_static("sluss"));
        headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
        let response = sender.send_request(request).await.map_err(|error| no_http(host, &error))?;
        Ok((response, driving))
    }

    /// The first of its addresses that answers as that host.
    async fn connect(&self, dns: &Dns, host: &Domain) -> Result<TlsStream<TcpStream>, NotFetched> {
        let nowhere = |why: String| NotFetched::NoAddress { host: host.clone(), why };
        let found = match dns.addresses(host).await {
            Addresses::Found(found) => found,
            Addresses::Unknown(why) => return Err(nowhere(why)),
        };
        let mut usable: Vec<IpAddr> =
            found.into_iter().filter(|address| self.family.has(*address)).collect();
        usable.sort_by_key(IpAddr::is_ipv4);
        usable.truncate(limits::FETCH_ADDRESSES_MAX);
        let mut last = nowhere("no address".to_string());
        for address in usable {
            if !networks::is_in_the_world(address) && !self.inside.holds(address) {
                last = NotFetched::Inside { host: host.clone(), address };
                continue;
            }
            match self.connect_to(host, SocketAddr::new(address, self.port)).await {
                Ok(stream) => return Ok(stream),
                Err(why) => last = why,
            }
        }
        Err(last)
    }

    async fn connect_to(
        &self,
        host: &Domain,
        at: SocketAddr,
    ) -> Result<TlsStream<TcpStream>, NotFetched> {
        let patience = limits::FETCH_CONNECT_TIME_MAX;
        let tls = |why: String| NotFetched::Tls { host: host.clone(), at, why };
        let silent = || format!("nothing for {} s", patience.as_secs());
        let stream = match timeout(patience, TcpStream::connect(at)).await {
            Ok(Ok(stream)) => stream,
            Ok(Err(error)) => return Err(NotFetched::Network { at, why: error.to_string() }),
            Err(_) => return Err(NotFetched::Network { at, why: silent() }),
        };
        let name =
            ServerName::try_from(host.to_string()).map_err(|error| tls(error.to_string()))?;
        let handshake = TlsConnector::from(self.client.clone()).connect(name, stream);
        match timeout(patience, handshake).await {
            Ok(Ok(stream)) => Ok(stream),
            Ok(Err(error)) => Err(tls(error.to_string())),
            Err(_) => Err(tls(silent())),
        }
    }
}

/// A body to its end.
async fn whole(host: &Domain, mut body: Incoming, bytes_max: usize) -> Result<Vec<u8>, NotFetched> {
    let mut bytes = Vec::new();
    while let Some(frame) = poll_fn(|context| Pin::new(&mut body).poll_frame(context)).await {
        let frame = frame.map_err(|error| no_http(host, &error))?;
        let Ok(data) = frame.into_data() else { continue };
        if data.len() > bytes_max.saturating_sub(bytes.len()) {
            return Err(NotFetched::TooLong { host: host.clone(), bytes_max });
        }
        bytes.extend_from_slice(&data);
    }
    Ok(bytes)
}

fn no_http(host: &Domain, error: &dyn std::error::Error) -> NotFetched {
    // The outer words say only that something failed.
    let why = error.source().map_or_else(|| error.to_string(), ToString::to_string);
    NotFetched::Http { host: host.clone(), why }
}

/// The body of an answer that is the text itself. RFC 8461 section 3.3: redirections are not followed, and everything but 200 is a failure;
/// section 3.2: it is text/plain.
fn plain_text(host: &Domain, response: Response<Incoming>) -> Result<Incoming, NotFetched> {
    if response.status() != StatusCode::OK {
        return Err(NotFetched::Status { host: host.clone(), status: response.status().as_u16() });
    }
    let kind = response.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    let kind = kind.and_then(|kind| kind.split(';').next()).unwrap_or_default();
    match kind.trim().eq_ignore_ascii_case("text/plain") {
        true => Ok(response.into_body()),
        false => Err(NotFetched::Kind(host.clone())),
    }
}
