//! What a server showed in a handshake, as facts for [`judge`](crate::wire::tls::judge): which authorities vouch for its certificate, which
//! names it bears, and its keys. Computed after the handshake from what rustls kept, so that a resumed session is looked at like any other.

use super::certificate;
use crate::{
    base::{clock::UnixMs, limits},
    mail::{CertificateState, Domain, NameMatch, TlsSession},
    wire::tls::{
        Policy, Version,
        dane::Usage,
        judge::{Certificate, Names, Showing},
    },
};
use data_encoding::HEXLOWER;
use rustls::{
    CertificateError, RootCertStore,
    client::{verify_server_cert_signed_by_trust_anchor, verify_server_name},
    crypto::WebPkiSupportedAlgorithms,
    pki_types::{CertificateDer, ServerName, UnixTime},
    server::ParsedCertificate,
};
use sha2::{Digest, Sha256};
use std::time::Duration;

/// Looks at certificates.
#[derive(Debug)]
pub(super) struct Onlooker {
    /// Those whose word counts; none where the system has no list of them.
    authorities: Option<RootCertStore>,
    algorithms: WebPkiSupportedAlgorithms,
}

impl Onlooker {
    /// With these authorities.
    pub(super) fn new(
        authorities: Option<RootCertStore>,
        algorithms: WebPkiSupportedAlgorithms,
    ) -> Onlooker {
        Onlooker { authorities, algorithms }
    }

    /// Looks at a chain, and writes into the session what is kept of it.
    pub(super) fn look(
        &self,
        session: &mut TlsSession,
        chain: &[CertificateDer<'static>],
        policy: &Policy,
        names: &Names,
        at: UnixMs,
    ) -> Showing {
        let chain = chain.get(..limits::CHAIN_CERTIFICATES_MAX).unwrap_or(chain);
        let now = UnixTime::since_unix_epoch(Duration::from_millis(at.0));
        let (leaf, above) = match chain {
            [leaf, above @ ..] => (Some(leaf), above),
            [] => (None, &[][..]),
        };
        let parsed = leaf.and_then(|leaf| ParsedCertificate::try_from(leaf).ok());
        session.chain = chain.iter().map(|one| HEXLOWER.encode(&Sha256::digest(one))).collect();
        session.certificate = match (leaf, &parsed) {
            (Some(leaf), Some(parsed)) => self.state(leaf, parsed, above, at),
            (Some(_), None) => CertificateState::Unusable,
            (None, _) => CertificateState::NotLooked,
        };
        let all = names.host.iter().chain(&names.also);
        let bears: Vec<Domain> = all
            .filter(|name| parsed.as_ref().is_some_and(|parsed| bears(parsed, name)))
            .cloned()
            .collect();
        session.name = match &names.host {
            None => NameMatch::NotLooked,
            Some(host) if bears.contains(host) => NameMatch::Yes,
            Some(_) => NameMatch::No,
        };
        // Only records of an authority ask who signed under whom; each answer costs a signature.
        let by_authority = match policy {
            Policy::Dane(records) => records.iter().any(|one| one.usage == Usage::Authority),
            Policy::Opportunistic | Policy::Encrypted | Policy::Partner(_) | Policy::Sts(_) => {
                false
            }
        };
        let certificate = |at: usize, der: &CertificateDer<'static>| Certificate {
            der: der.to_vec(),
            key: key(der),
            vouches: by_authority
                && at > 0
                && parsed.as_ref().is_some_and(|leaf| self.signed_under(leaf, der, above, now)),
        };
        Showing {
            version: match session.version.as_str() {
                "TLSv1.3" => Version::Tls13,
                _ => Version::Tls12,
            },
            chain: chain.iter().enumerate().map(|(at, der)| certificate(at, der)).collect(),
            certificate: session.certificate,
            bears,
        }
    }

    fn state(
        &self,
        leaf: &CertificateDer<'_>,
        parsed: &ParsedCertificate<'_>,
        above: &[CertificateDer<'_>],
        at: UnixMs,
    ) -> CertificateState {
        let Some(authorities) = &self.authorities else { return CertificateState::NotLooked };
        let now = UnixTime::since_unix_epoch(Duration::from_millis(at.0));
        let verified = verify_server_cert_signed_by_trust_anchor(
            parsed,
            authorities,
            above,
            now,
            self.algorithms.all,
        );
        match verified {
            Ok(()) => CertificateState::Good,
            Err(rustls::Error::InvalidCertificate(error)) => fault(&error, leaf, at),
            Err(_) => CertificateState::Unusable,
        }
    }

    fn signed_under(
        &self,
        leaf: &ParsedCertificate<'_>,
        authority: &CertificateDer<'static>,
        above: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> bool {
        let mut alone = RootCertStore::empty();
        alone.add(authority.clone()).is_ok()
            && verify_server_cert_signed_by_trust_anchor(
                leaf,
                &alone,
                above,
                now,
                self.algorithms.all,
            )
            .is_ok()
    }
}

/// Whoever is out of time, or vouches for itself, is told so first: that says more to a server's owner than that nobody knows the signer.
fn fault(error: &CertificateError, leaf: &CertificateDer<'_>, now: UnixMs) -> CertificateState {
    let is_late =
        matches!(error, CertificateError::Expired | CertificateError::ExpiredContext { .. });
    let is_early = matches!(
        error,
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. }
    );
    let unsigned =
        matches!(error, CertificateError::UnknownIssuer | CertificateError::BadSignature);
    match certificate::times(leaf) {
        _ if is_late => CertificateState::Expired,
        _ if is_early => CertificateState::NotYetValid,
        Some((_, ends)) if ends < now => CertificateState::Expired,
        Some((begins, _)) if begins > now => CertificateState::NotYetValid,
        _ if certificate::names_itself(leaf) => CertificateState::SelfMade,
        _ if unsigned => CertificateState::UnknownAuthority,
        _ => CertificateState::Unusable,
    }
}

fn bears(leaf: &ParsedCertificate<'_>, name: &Domain) -> bool {
    ServerName::try_from(name.as_str()).is_ok_and(|name| verify_server_name(leaf, &name).is_ok())
}

pub(super) fn key(der: &CertificateDer<'static>) -> Vec<u8> {
    match ParsedCertificate::try_from(der) {
        Ok(parsed) => parsed.subject_public_key_info().to_vec(),
        Err(_) => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rcgen::{CertificateParams, DnType, IsCa, Issuer, KeyPair, date_time_ymd};

    const NOON: UnixMs = UnixMs(1_795_262_400_000);

    struct Signer {
        issuer: Issuer<'static, KeyPair>,
        der: CertificateDer<'static>,
    }

    fn wanted(name: &str, years: (i32, i32)) -> CertificateParams {
        let mut wanted = CertificateParams::new([name.to_string()]).unwrap();
        wanted.distinguished_name.push(DnType::CommonName, name);
        wanted.not_before = date_time_ymd(years.0, 1, 1);
        wanted.not_after = date_time_ymd(years.1, 1, 1);
        wanted
    }

    fn signer(name: &str) -> Signer {
        let mut wanted = wanted(name, (2020, 2099));
        wanted.is_ca = IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let der = wanted.self_signed(&key).unwrap().der().clone();
        Signer { issuer: Issuer::new(wanted, key), der }
    }

    fn signed(by: &Signer, name: &str, years: (i32, i32)) -> Vec<CertificateDer<'static>> {
        let key = KeyPair::generate().unwrap();
        let leaf = wanted(name, years).signed_by(&key, &by.issuer).unwrap();
        vec![leaf.der().clone(), by.der.clone()]
    }

    fn self_made(name: &str, years: (i32, i32)) -> Vec<CertificateDer<'static>> {
        let key = KeyPair::generate().unwrap();
        vec![wanted(name, years).self_signed(&key).unwrap().der().clone()]
    }

    #[test]
    fn what_a_certificate_is_worth_is_told_apart() {
        use CertificateState::{Expired, Good, NotYetValid, SelfMade, UnknownAuthority, Unusable};
        let (known, unknown) = (signer("known.example"), signer("unknown.example"));
        let mut roots = RootCertStore::empty();
        roots.add(known.der.clone()).unwrap();
        let algorithms =
            rustls::crypto::aws_lc_rs::default_provider().signature_verification_algorithms;
        let onlooker = Onlooker::new(Some(roots), algorithms);
        let host = Domain::parse("mx.far.example").unwrap();
        let names = Names { host: Some(host.clone()), also: Vec::new() };
        let now = (2020, 2099);
        let mut lying = signed(&known, "mx.far.example", now);
        lying[0] = self_made("mx.far.example", now).remove(0);
        for (chain, state, name) in [
            (signed(&known, "mx.far.example", now), Good, NameMatch::Yes),
            (signed(&known, "*.far.example", now), Good, NameMatch::Yes),
            (signed(&known, "mx.other.example", now), Good, NameMatch::No),
            (signed(&known, "mx.far.example", (2020, 2021)), Expired, NameMatch::Yes),
            (signed(&known, "mx.far.example", (2098, 2099)), NotYetValid, NameMatch::Yes),
            (signed(&unknown, "mx.far.example", now), UnknownAuthority, NameMatch::Yes),
            (signed(&unknown, "mx.far.example", (2020, 2021)), Expired, NameMatch::Yes),
            (self_made("mx.far.example", now), SelfMade, NameMatch::Yes),
            // What openssl makes by itself is at the same time an authority.
            (vec![known.der.clone()], SelfMade, NameMatch::No),
            (lying, SelfMade, NameMatch::Yes),
            (vec![CertificateDer::from(vec![0x30, 0x00])], Unusable, NameMatch::No),
        ] {
            let mut session = TlsSession::default();
            let policy = Policy::Opportunistic;
            let showing = onlooker.look(&mut session, &chain, &policy, &names, NOON);
            assert_eq!((session.certificate, session.name), (state, name));
            assert_eq!(showing.certificate, state);
            assert_eq!(session.chain.len(), chain.len());
            assert!(showing.chain.iter().all(|one| !one.vouches), "nobody asked");
        }
        // A system without a list vouches for nobody, and condemns nobody.
        let nobody = Onlooker::new(None, algorithms);
        let mut session = TlsSession::default();
        let chain = signed(&known, "mx.far.example", now);
        nobody.look(&mut session, &chain, &Policy::Opportunistic, &names, NOON);
        assert_eq!(
            (session.certificate, session.name),
            (CertificateState::NotLooked, NameMatch::Yes)
        );
    }

    #[test]
    fn an_authority_in_the_chain_has_signed_or_has_not() {
        use crate::wire::tls::dane::{Record, usable};
        let (one, other) = (signer("one.example"), signer("other.example"));
        let algorithms =
            rustls::crypto::aws_lc_rs::default_provider().signature_verification_algorithms;
        let onlooker = Onlooker::new(None, algorithms);
        let names = Names { host: None, also: Vec::new() };
        let data = Sha256::digest(&one.der).to_vec();
        let policy = Policy::Dane(usable(&[Record { usage: 2, selector: 0, matching: 1, data }]));
        let good = signed(&one, "mx.far.example", (2020, 2099));
        let late = signed(&one, "mx.far.example", (2020, 2021));
        // Somebody shows an authority's certificate that never signed for him.
        let mut borrowed = signed(&other, "mx.far.example", (2020, 2099));
        borrowed[1] = one.der.clone();
        for (chain, want) in [(good, true), (late, false), (borrowed, false)] {
            let mut session = TlsSession::default();
            let showing = onlooker.look(&mut session, &chain, &policy, &names, NOON);
            assert_eq!(showing.chain[1].vouches, want);
            assert!(!showing.chain[0].vouches, "nobody vouches for himself");
            assert!(!showing.chain[0].key.is_empty());
        }
    }
}
