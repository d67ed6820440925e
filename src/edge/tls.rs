//! Our certificate, and what we ask of others'.
//!
//! Server: from files, by ACME, or made at start. Swapped whole at reload; sessions under way keep the old one.
//! Client: the handshake takes any certificate; what it is worth is judged after it (`wire::tls::judge`). Only who gets a password is looked at
//! within it.

use crate::{
    base::{clock::UnixMs, hidden::Hidden, limits},
    config::{Authorities, Config},
    edge::{
        acme::{AcmeFolder, Challenges},
        certificate,
        showing::Onlooker,
    },
    mail::Domain,
};
use arc_swap::{ArcSwap, ArcSwapOption};
use rustls::{
    ClientConfig, DigitallySignedStruct, RootCertStore, ServerConfig, SignatureScheme,
    client::{
        Resumption,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    },
    crypto::{CryptoProvider, WebPkiSupportedAlgorithms, aws_lc_rs},
    pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime, pem::PemObject},
};
use sha2::{Digest, Sha256};
use std::{fs, io, path::Path, sync::Arc, time::Duration};

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
        /// It is there, and not for us to read.
        forbidden: bool,
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
    current: ArcSwap<Current>,
    /// What an authority is to find at our names while it looks.
    pub(super) challenges: Challenges,
    /// Why there is no certificate by ACME, or no new one.
    not_got: ArcSwapOption<String>,
}

#[derive(Debug)]
struct Current {
    config: Arc<ServerConfig>,
    certificate: Certificate,
}

/// What an operator should know of our certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Certificate {
    /// Where it is from.
    pub from: CertificateSource,
    /// When it begins and ends, if that can be read in it.
    pub life: Option<(UnixMs, UnixMs)>,
}

/// Where our certificate is from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CertificateSource {
    /// Files that somebody else writes.
    Files,
    /// An authority that we asked.
    Acme,
    /// Made at start, for want of another.
    Ourselves,
}

impl Certificate {
    /// When it ends.
    pub fn ends(&self) -> Option<UnixMs> {
        self.life.map(|(_, ends)| ends)
    }

    /// How long it is good for; nothing for one that is not, and None where nobody knows.
    pub fn left(&self, now: UnixMs) -> Option<Duration> {
        self.ends().map(|ends| ends.since(now))
    }

    /// Days before its end from which somebody has to look: it should have been renewed. A short one that we get ourselves is renewed late.
    pub fn days_left_min(&self) -> u64 {
        let usual = limits::CERTIFICATE_DAYS_MIN;
        match (self.from, self.life) {
            (CertificateSource::Acme, Some((begins, ends))) => {
                (ends.since(begins).as_secs() / 86_400 / 6).clamp(1, usual)
            }
            _ => usual,
        }
    }
}

impl ServerTls {
    /// From the configuration.
    pub fn new(config: &Config) -> Result<ServerTls, TlsError> {
        let current = ArcSwap::from_pointee(server_config(config)?);
        let (challenges, not_got) = Default::default();
        Ok(ServerTls { current, challenges, not_got })
    }

    /// Takes into use what ACME got.
    pub(super) fn adopt(&self, config: &Config) -> Result<(), TlsError> {
        let made = server_config(config)?;
        if made.certificate.from == CertificateSource::Acme {
            self.current.store(Arc::new(made));
        }
        Ok(())
    }

    /// Why there is no certificate by ACME, or no new one; none when all is well.
    pub fn not_got(&self) -> Option<Arc<String>> {
        self.not_got.load_full()
    }

    pub(super) fn set_not_got(&self, why: Option<String>) {
        self.not_got.store(why.map(Arc::new));
    }

    /// Reads the certificate again; on an error the old one stays, and so does the old configuration. Only a key that is root's alone, and
    /// was read before root was given away, keeps the old certificate and lets the rest be put in force; then it gives the sentence to say.
    pub fn reload(&self, old: &Config, new: &Config) -> Result<Option<String>, TlsError> {
        match server_config(new) {
            Ok(made) => {
                // A self-made one is for its name; a new one for the same name would only break pinned ones.
                if made.certificate.from != CertificateSource::Ourselves
                    || old.tls != new.tls
                    || old.hostname != new.hostname
                {
                    self.current.store(Arc::new(made));
                }
                Ok(None)
            }
            Err(TlsError::File { file, forbidden: true, .. }) if old.tls == new.tls => {
                tracing::error!(
                    file,
                    "this file was read before root was given away and cannot be read now: the old certificate stays in force until it can, or until a restart"
                );
                Ok(Some(format!("the old certificate stays in force, since {file} cannot be read")))
            }
            Err(error) => Err(error),
        }
    }

    /// About the certificate in force.
    pub fn certificate(&self) -> Certificate {
        self.current.load().certificate
    }

    /// The configuration for a new session.
    pub fn current(&self) -> Arc<ServerConfig> {
        self.current.load().config.clone()
    }
}

fn server_config(config: &Config) -> Result<Current, TlsError> {
    let made_here = || make_one(&config.hostname).map(|made| (CertificateSource::Ourselves, made));
    let (from, (chain, key)) = match (&config.tls.acme, &config.tls.certificate, &config.tls.key) {
        (Some(_), _, _) => match read_acme(config) {
            Some(read) => (CertificateSource::Acme, read),
            None => made_here()?,
        },
        (None, Some(certificate), Some(key)) => {
            (CertificateSource::Files, (read_chain(certificate)?, read_key(key)?))
        }
        (None, _, _) => made_here()?,
    };
    let life = chain.first().and_then(|leaf| certificate::times(leaf));
    let server = Arc::new(configured(chain, key)?);
    Ok(Current { config: server, certificate: Certificate { from, life } })
}

fn configured(
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
) -> Result<ServerConfig, rustls::Error> {
    ServerConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(chain, key)
}

/// What ACME got, if it has already. One that cannot be read is got anew.
fn read_acme(config: &Config) -> Option<ChainAndKey> {
    let file = AcmeFolder::of(&config.data_dir).certificate_file();
    if !file.exists() {
        return None;
    }
    let read = read_chain(&file).and_then(|chain| {
        let key = read_key(&file)?;
        usable(&chain, &key)?;
        Ok((chain, key))
    });
    let say = |error: &TlsError| {
        tracing::error!(%error, "the certificate by ACME cannot be used; another is asked for");
    };
    read.inspect_err(say).ok()
}

/// Do they fit?
pub(super) fn usable(
    chain: &[CertificateDer<'static>],
    key: &PrivateKeyDer<'static>,
) -> Result<(), TlsError> {
    configured(chain.to_vec(), key.clone_key()).map(drop).map_err(TlsError::Unusable)
}

pub(super) fn read_chain(file: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let pem = read_pem("certificate", file)?;
    certificates(pem.expose()).map_err(|why| unusable("certificate", file, why))
}

/// The certificates in a text, at least one, or why there is none.
pub(super) fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, String> {
    let chain: Vec<_> = CertificateDer::pem_slice_iter(pem)
        .collect::<Result<_, _>>()
        .map_err(|error| error.to_string())?;
    match chain.is_empty() {
        true => Err("no certificate in it".to_string()),
        false => Ok(chain),
    }
}

pub(super) fn read_key(file: &Path) -> Result<PrivateKeyDer<'static>, TlsError> {
    let pem = read_pem("private key", file)?;
    PrivateKeyDer::from_pem_slice(pem.expose())
        .map_err(|error| unusable("private key", file, error.to_string()))
}

fn read_pem(what: &'static str, file: &Path) -> Result<Hidden<Vec<u8>>, TlsError> {
    let read = fs::read(file).map_err(|error| TlsError::File {
        what,
        file: file.display().to_string(),
        why: error.to_string(),
        forbidden: error.kind() == io::ErrorKind::PermissionDenied,
    })?;
    Ok(Hidden::new(what, read))
}

fn unusable(what: &'static str, file: &Path, why: String) -> TlsError {
    TlsError::File { what, file: file.display().to_string(), why, forbidden: false }
}

type ChainAndKey = (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>);

fn make_one(hostname: &Domain) -> Result<ChainAndKey, TlsError> {
    let made = rcgen::generate_simple_self_signed(vec![hostname.to_string()])?;
    let key = PrivateKeyDer::Pkcs8(made.signing_key.serialize_der().into());
    Ok((vec![made.cert.der().clone()], key))
}

/// The client's side: encrypts to whoever answers. Who that is, is recorded, not checked (RFC 7435 opportunistic security).
pub fn opportunistic_client() -> Result<Arc<ClientConfig>, TlsError> {
    without_authorities(None)
}

/// The client's side towards a server whose certificate is known by its SHA-256, RFC 5425 section 5.1.
pub fn pinned_client(digest: [u8; 32]) -> Result<Arc<ClientConfig>, TlsError> {
    without_authorities(Some(digest))
}

fn without_authorities(only: Option<[u8; 32]>) -> Result<Arc<ClientConfig>, TlsError> {
    let provider = provider();
    let verifier = Unvouched { only, algorithms: provider.signature_verification_algorithms };
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_no_client_auth();
    Ok(Arc::new(config))
}

/// The client's side towards a server that gets a password: its certificate must be vouched for, and bear its name.
pub fn verifying_client(authorities: &Authorities) -> Result<Arc<ClientConfig>, TlsError> {
    let file = match authorities {
        Authorities::Any => return opportunistic_client(),
        Authorities::File(file) => file.as_path(),
        Authorities::System => system_list(),
    };
    client_of(read_authorities(file)?)
}

/// The same as [`opportunistic_client`], and each session begins anew: what a server shows has to be what it has now.
pub fn fresh_client() -> Result<Arc<ClientConfig>, TlsError> {
    let mut config = ClientConfig::clone(&*opportunistic_client()?);
    config.resumption = Resumption::disabled();
    Ok(Arc::new(config))
}

/// Looks at what servers show, and a client that goes only to those that are vouched for; both with these authorities. A system that has no list
/// of them vouches for nobody, and mail goes on; a file that was named must be there.
pub(super) fn vouching(
    authorities: &Authorities,
) -> Result<(Onlooker, Option<Arc<ClientConfig>>), TlsError> {
    let roots = match authorities {
        Authorities::File(file) => Some(read_authorities(file)?),
        Authorities::System | Authorities::Any => match read_authorities(system_list()) {
            Ok(roots) => Some(roots),
            Err(error) => {
                tracing::warn!(%error, "nobody can say whether the certificates of mail servers and web servers are good; install the list of certificate authorities (ca-certificates)");
                None
            }
        },
    };
    let client = roots.clone().map(client_of).transpose()?;
    Ok((Onlooker::new(roots, provider().signature_verification_algorithms), client))
}

fn client_of(roots: RootCertStore) -> Result<Arc<ClientConfig>, TlsError> {
    let config = ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(Arc::new(config))
}

/// Looks at what servers show, with the authorities in a file.
pub(super) fn onlooker_of(file: &Path) -> Result<Onlooker, TlsError> {
    let authorities = read_authorities(file)?;
    Ok(Onlooker::new(Some(authorities), provider().signature_verification_algorithms))
}

fn system_list() -> &'static Path {
    let all = || SYSTEM_AUTHORITIES.iter().map(Path::new);
    all().find(|file| file.exists()).unwrap_or(Path::new("/etc/ssl/certs/ca-certificates.crt"))
}

fn read_authorities(file: &Path) -> Result<RootCertStore, TlsError> {
    let mut roots = RootCertStore::empty();
    // The system's list may have one that is too old to be read; the others stay.
    let (taken, _left_out) = roots.add_parsable_certificates(read_chain(file)?);
    if taken == 0 {
        return Err(TlsError::File {
            what: "certificate",
            file: file.display().to_string(),
            why: "none in it can vouch for anybody".to_string(),
            forbidden: false,
        });
    }
    Ok(roots)
}

/// Where the systems in use keep the list of those they trust.
const SYSTEM_AUTHORITIES: [&str; 4] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
];

fn provider() -> Arc<CryptoProvider> {
    Arc::new(aws_lc_rs::default_provider())
}

/// Takes any certificate, or only the one with this SHA-256, and insists that the server holds its key: otherwise the record of what was agreed
/// would be worth nothing.
#[derive(Debug)]
struct Unvouched {
    only: Option<[u8; 32]>,
    algorithms: WebPkiSupportedAlgorithms,
}

impl ServerCertVerifier for Unvouched {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let is_it = |digest| <[u8; 32]>::from(Sha256::digest(end_entity)) == digest;
        match self.only.is_none_or(is_it) {
            true => Ok(ServerCertVerified::assertion()),
            false => Err(rustls::Error::InvalidCertificate(
                rustls::CertificateError::ApplicationVerificationFailure,
            )),
        }
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
