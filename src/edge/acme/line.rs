//! The line to an authority: what the ACME dialogue says goes over HTTPS, by our own DNS, to a server that the configured authorities vouch
//! for. It may be inside: the configuration names it.

use crate::{
    base::limits,
    config::AddressFamily,
    edge::fetch::{Fetcher, Reach},
    facts::dns::Dns,
    mail::Domain,
};
use axum::body::{self, Body, Bytes};
use hyper::{Request, Response, Uri, http::uri::PathAndQuery};
use instant_acme::{BodyWrapper, BytesResponse, Error, HttpClient};
use ipnet::IpNet;
use rustls::ClientConfig;
use std::{pin::Pin, sync::Arc};

/// A line.
#[derive(Clone)]
pub(super) struct Line {
    pub(super) client: Arc<ClientConfig>,
    pub(super) dns: Dns,
    pub(super) family: AddressFamily,
}

impl HttpClient for Line {
    fn request(
        &self,
        request: Request<BodyWrapper<Bytes>>,
    ) -> Pin<Box<dyn Future<Output = Result<BytesResponse, Error>> + Send>> {
        let line = self.clone();
        Box::pin(async move { line.ask(request).await.map(BytesResponse::from) })
    }
}

impl Line {
    async fn ask(&self, request: Request<BodyWrapper<Bytes>>) -> Result<Response<Body>, Error> {
        let (mut head, content) = request.into_parts();
        let wrong = |why: String| Error::Other(why.into());
        let nowhere = |uri: &Uri| wrong(format!("the authority names {uri}, which is no address"));
        if head.uri.scheme_str() != Some("https") {
            return Err(wrong(format!("the authority names {}, which is not https", head.uri)));
        }
        let host = head.uri.host().and_then(|host| Domain::parse(host).ok());
        let host = host.ok_or_else(|| nowhere(&head.uri))?;
        let everywhere = ["0.0.0.0/0", "::/0"].into_iter().filter_map(|net| net.parse().ok());
        let reach = Reach {
            port: head.uri.port_u16().unwrap_or(443),
            inside: everywhere.collect::<Vec<IpNet>>().into_iter().collect(),
            family: self.family,
        };
        let path = head.uri.path_and_query().map_or("/", PathAndQuery::as_str);
        head.uri = path.parse().map_err(|_| nowhere(&head.uri))?;
        // Of a known length: not every server takes chunks.
        let content = body::to_bytes(Body::new(content), limits::ACME_ANSWER_BYTES_MAX).await;
        let content = content.map_err(|error| wrong(error.to_string()))?;
        let request = Request::from_parts(head, Body::from(content));
        Fetcher::new(&self.client, reach)
            .exchange(&self.dns, &host, request, limits::ACME_ANSWER_BYTES_MAX)
            .await
            .map_err(|error| Error::Other(Box::new(error)))
    }
}
