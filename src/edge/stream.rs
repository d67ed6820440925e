//! A connection, by TCP where it may become TLS or by a socket file, with what has been read and not yet used.

use crate::mail::{Handshake, TlsSession};
use bytes::BytesMut;
use rustls::{CommonState, HandshakeKind, pki_types::CertificateDer};
use std::{
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf},
    net::{TcpStream, UnixStream},
};
use tokio_rustls::{TlsAcceptor, TlsConnector, TlsStream, rustls};

/// Plain or TLS.
#[derive(Debug)]
pub enum Stream {
    /// As it came.
    Plain(TcpStream),
    /// Inside TLS, either side.
    Tls(Box<TlsStream<TcpStream>>),
    /// Within this machine.
    Local(UnixStream),
    /// A handshake failed and the connection with it.
    Gone,
}

/// A connection and its buffer.
#[derive(Debug)]
pub struct Wire {
    stream: Stream,
    /// Read and not yet used.
    pub input: BytesMut,
}

impl Wire {
    /// A connection that has just been made.
    pub fn new(stream: TcpStream) -> Wire {
        Wire { stream: Stream::Plain(stream), input: BytesMut::new() }
    }

    /// A connection over a socket file.
    pub fn local(stream: UnixStream) -> Wire {
        Wire { stream: Stream::Local(stream), input: BytesMut::new() }
    }

    /// Reads some bytes into the buffer; zero means that the other side has ended.
    pub async fn read_more(&mut self, room: usize, patience: Duration) -> io::Result<usize> {
        self.input.reserve(room);
        within(patience, self.stream.read_buf(&mut self.input)).await
    }

    /// Reads some bytes, at most `bytes_max`: for a header that must not take along what belongs to a handshake behind it.
    pub async fn read_at_most(
        &mut self,
        bytes_max: usize,
        patience: Duration,
    ) -> io::Result<usize> {
        let bound = u64::try_from(bytes_max).unwrap_or(u64::MAX);
        let mut bounded = (&mut self.stream).take(bound);
        within(patience, bounded.read_buf(&mut self.input)).await
    }

    /// Writes all of it.
    pub async fn write(&mut self, bytes: &[u8], patience: Duration) -> io::Result<()> {
        within(patience, async {
            self.stream.write_all(bytes).await?;
            self.stream.flush().await
        })
        .await
    }

    /// Says goodbye at the TLS and TCP level, as far as the other side still listens.
    pub async fn close(&mut self, patience: Duration) {
        if let Err(error) = within(patience, self.stream.shutdown()).await {
            tracing::debug!(%error, "a connection ended without goodbye");
        }
    }

    /// Does the server's side of a handshake. The buffer must be empty: nothing said in clear may count inside.
    pub async fn accept_tls(
        &mut self,
        config: Arc<rustls::ServerConfig>,
        patience: Duration,
    ) -> io::Result<TlsSession> {
        let plain = self.take_plain()?;
        let tls = within(patience, TlsAcceptor::from(config).accept(plain)).await?;
        let session = agreed(tls.get_ref().1);
        self.stream = Stream::Tls(Box::new(TlsStream::Server(tls)));
        Ok(session)
    }

    /// Does the client's side of a handshake; gives what was agreed and the certificates that the server showed, its own first.
    pub async fn connect_tls(
        &mut self,
        config: Arc<rustls::ClientConfig>,
        name: rustls::pki_types::ServerName<'static>,
        patience: Duration,
    ) -> io::Result<(TlsSession, Vec<CertificateDer<'static>>)> {
        let plain = self.take_plain()?;
        let tls = within(patience, TlsConnector::from(config).connect(name, plain)).await?;
        let common = tls.get_ref().1;
        let session = agreed(common);
        // Of a resumed session these are the ones of the session it goes on from.
        let chain = common.peer_certificates().map(<[_]>::to_vec).unwrap_or_default();
        self.stream = Stream::Tls(Box::new(TlsStream::Client(tls)));
        Ok((session, chain))
    }

    fn take_plain(&mut self) -> io::Result<TcpStream> {
        if !self.input.is_empty() {
            return Err(io::Error::other("bytes came before the handshake"));
        }
        match std::mem::replace(&mut self.stream, Stream::Gone) {
            Stream::Plain(plain) => Ok(plain),
            Stream::Tls(_) | Stream::Local(_) | Stream::Gone => {
                Err(io::Error::other("there is no plain connection any more"))
            }
        }
    }
}

fn agreed(common: &CommonState) -> TlsSession {
    let version = match common.protocol_version() {
        Some(rustls::ProtocolVersion::TLSv1_2) => "TLSv1.2".to_string(),
        Some(rustls::ProtocolVersion::TLSv1_3) => "TLSv1.3".to_string(),
        other => other.map_or("unknown".to_string(), |version| format!("{version:?}")),
    };
    // The registry writes TLS_AES_…; rustls calls the 1.3 suites TLS13_AES_….
    let cipher = common
        .negotiated_cipher_suite()
        .and_then(|suite| suite.suite().as_str())
        .unwrap_or("unknown")
        .replacen("TLS13_", "TLS_", 1);
    let group = common.negotiated_key_exchange_group();
    let group = group.and_then(|group| group.name().as_str()).unwrap_or_default().to_string();
    let handshake = match common.handshake_kind() {
        Some(HandshakeKind::Resumed) => Handshake::Resumed,
        Some(HandshakeKind::Full | HandshakeKind::FullWithHelloRetryRequest) | None => {
            Handshake::Full
        }
    };
    TlsSession { version, cipher, group, handshake, ..TlsSession::default() }
}

/// A bound on waiting, as an I/O error.
pub async fn within<T>(
    patience: Duration,
    work: impl Future<Output = io::Result<T>>,
) -> io::Result<T> {
    tokio::time::timeout(patience, work).await.unwrap_or_else(|_| {
        Err(io::Error::new(
            io::ErrorKind::TimedOut,
            format!("nothing for {} s", patience.as_secs()),
        ))
    })
}

impl AsyncRead for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Stream::Plain(stream) => Pin::new(stream).poll_read(cx, buf),
            Stream::Local(stream) => Pin::new(stream).poll_read(cx, buf),
            Stream::Tls(stream) => Pin::new(stream.as_mut()).poll_read(cx, buf),
            Stream::Gone => Poll::Ready(Err(gone())),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Stream::Plain(stream) => Pin::new(stream).poll_write(cx, buf),
            Stream::Local(stream) => Pin::new(stream).poll_write(cx, buf),
            Stream::Tls(stream) => Pin::new(stream.as_mut()).poll_write(cx, buf),
            Stream::Gone => Poll::Ready(Err(gone())),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Stream::Plain(stream) => Pin::new(stream).poll_flush(cx),
            Stream::Local(stream) => Pin::new(stream).poll_flush(cx),
            Stream::Tls(stream) => Pin::new(stream.as_mut()).poll_flush(cx),
            Stream::Gone => Poll::Ready(Err(gone())),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Stream::Plain(stream) => Pin::new(stream).poll_shutdown(cx),
            Stream::Local(stream) => Pin::new(stream).poll_shutdown(cx),
            Stream::Tls(stream) => Pin::new(stream.as_mut()).poll_shutdown(cx),
            Stream::Gone => Poll::Ready(Ok(())),
        }
    }
}

fn gone() -> io::Error {
    io::Error::new(io::ErrorKind::NotConnected, "the handshake failed")
}
