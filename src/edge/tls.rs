//! Our certificate, and what we ask of others'.
//!
//! Server: from files, or made at start. Swapped whole at reload; sessions under way keep the old one.
//! Client: opportunistic for now: any certificate is taken, and what was agreed is recorded.

use crate::{config::Config, mail::Domain};
use arc_swap::ArcSwap;
use rustls::{
    ClientConfig, DigitallySignedStruct, ServerConfig, SignatureScheme,
    client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    crypto::{CryptoProvider, WebPkiSupportedAlgorithms, aws_lc_rs},
    pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime, pem::PemObject},
};
use std::{path::Path, sync::Arc};

/// Why there is no certificate.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A PEM file cannot be read.
    #[error("{what} {file}: {why}")]
    File {
        /// Certificate or key.
        what: &'static str,
        /// The file.
        file: String,
        /// Why.
        why: String,
    },
    /// The parts do not fit.
    #[error("the certificate cannot be used: {0}")]
    Unusable(#[from] rustls::Error),
    /// A certificate could not be made.
    #[error("a certificate could not be made: {0}")]
    NotMade(#[from] rcgen::Error),
}

/// The server's side, reloadable.
#[derive(Debug)]
pub struct ServerTls {
    config: ArcSwap<ServerConfig>,
}

impl ServerTls {
    /// From the configuration.
    pub fn new(config: &Config) -> Result<ServerTls, TlsError> {
        Ok(ServerTls { config: ArcSwap::new(server_config(config)?) })
    }

    /// Reads the certificate again; on an error the old one stays.
    pub fn reload(&self, config: &Config) -> Result<(), TlsError> {
        self.config.store(server_config(config)?);
        Ok(())
    }

    /// The configuration for a new session.
    pub fn current(&self) -> Arc<ServerConfig> {
        self.config.load_full()
    }
}

fn server_config(config: &Config) -> Result<Arc<ServerConfig>, TlsError> {
    let (chain, key) = match (&config.tls.certificate, &config.tls.key) {
        (Some(certificate), Some(key)) => (read_chain(certificate)?, read_key(key)?),
        _ => self_made(&config.hostname)?,
    };
    let server = ServerConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(chain, key)?;
    Ok(Arc::new(server))
}

fn read_chain(file: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let failed =
        |why: String| TlsError::File { what: "certificate", file: file.display().to_string(), why };
    let chain: Vec<_> = CertificateDer::pem_file_iter(file)
        .map_err(|error| failed(error.to_string()))?
        .collect::<Result<_, _>>()
        .map_err(|error| failed(error.to_string()))?;
    if chain.is_empty() {
        return Err(failed("no certificate in it".to_string()));
    }
    Ok(chain)
}

fn read_key(file: &Path) -> Result<PrivateKeyDer<'static>, TlsError> {
    PrivateKeyDer::from_pem_file(file).map_err(|error| TlsError::File {
        what: "private key",
        file: file.display().to_string(),
        why: error.to_string(),
    })
}

type ChainAndKey = (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>);

fn self_made(hostname: &Domain) -> Result<ChainAndKey, TlsError> {
    let made = rcgen::generate_simple_self_signed(vec![hostname.to_string()])?;
    let key = PrivateKeyDer::Pkcs8(made.signing_key.serialize_der().into());
    Ok((vec![made.cert.der().clone()], key))
}

/// The client's side: encrypts to whoever answers. Who that is, is recorded, not checked (RFC 7435 opportunistic security).
pub fn opportunistic_client() -> Result<Arc<ClientConfig>, TlsError> {
    let provider = provider();
    let verifier = AnyCertificate { algorithms: provider.signature_verification_algorithms };
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_no_client_auth();
    Ok(Arc::new(config))
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(aws_lc_rs::default_provider())
}

/// Takes any certificate, but insists that the server holds its key: otherwise the record of what was agreed would be worth nothing.
#[derive(Debug)]
struct AnyCertificate {
    algorithms: WebPkiSupportedAlgorithms,
}

impl ServerCertVerifier for AnyCertificate {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls12_signature(message, certificate, signature, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls13_signature(message, certificate, signature, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_is_made_or_the_missing_file_is_named() {
        let mut config = Config::trial(Path::new("/tmp"));
        assert!(ServerTls::new(&config).is_ok());
        config.tls.certificate = Some("/nowhere/cert.pem".into());
        config.tls.key = Some("/nowhere/key.pem".into());
        let error = ServerTls::new(&config).err().unwrap().to_string();
        assert!(error.contains("/nowhere/cert.pem"), "{error}");
        assert!(opportunistic_client().is_ok());
    }
}
