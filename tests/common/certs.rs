//! Certificates of every kind that a mail server may show, and the TLSA data that speaks of them.

// Each test file uses a part of this.
#![allow(dead_code)]

use hickory_resolver::proto::rr::rdata::{
    TLSA,
    tlsa::{CertUsage, Matching, Selector},
};
use rcgen::{
    BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, PublicKeyData, SanType,
    date_time_ymd,
};
use rustls::{
    ServerConfig,
    pki_types::{CertificateDer, PrivateKeyDer},
};
use sha2::{Digest, Sha256, Sha512};
use std::sync::Arc;

/// An authority of our own, known to nobody.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    der: CertificateDer<'static>,
    key: Vec<u8>,
}

/// When a certificate is good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Time {
    /// Now.
    Now,
    /// It was.
    Over,
    /// It will be.
    ToCome,
}

/// A server's certificate with what is above it, and its key.
#[derive(Debug, Clone)]
pub struct Cert {
    /// For a server that has it.
    pub config: Arc<ServerConfig>,
    /// Certificate and public key information of each, the server's own first.
    shown: Vec<(Vec<u8>, Vec<u8>)>,
    key: Vec<u8>,
}

impl PartialEq for Cert {
    fn eq(&self, other: &Cert) -> bool {
        self.shown == other.shown
    }
}

impl Eq for Cert {}

fn wanted(name: &str, time: Time) -> CertificateParams {
    let mut wanted = CertificateParams::new([name.to_string()]).unwrap();
    wanted.distinguished_name.push(DnType::CommonName, name);
    let (from, to) = match time {
        Time::Now => (2020, 2099),
        Time::Over => (2020, 2021),
        Time::ToCome => (2098, 2099),
    };
    wanted.not_before = date_time_ymd(from, 1, 1);
    wanted.not_after = date_time_ymd(to, 1, 1);
    wanted
}

impl Authority {
    /// With a key of its own.
    pub fn new() -> Authority {
        let mut wanted = wanted("authority.example", Time::Now);
        wanted.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let der = wanted.self_signed(&key).unwrap().der().clone();
        let spki = key.subject_public_key_info();
        Authority { issuer: Issuer::new(wanted, key), der, key: spki }
    }

    /// Its own certificate as PEM, for a list of authorities.
    pub fn pem(&self) -> String {
        pem("CERTIFICATE", &self.der)
    }

    /// A certificate for a server of this name.
    pub fn sign(&self, name: &str, time: Time) -> Cert {
        self.sign_all(&[name], time)
    }

    /// A certificate for a server of all these names.
    pub fn sign_all(&self, names: &[&str], time: Time) -> Cert {
        let key = KeyPair::generate().unwrap();
        let mut wanted = wanted(names[0], time);
        let name = |name: &&str| SanType::DnsName((*name).try_into().unwrap());
        wanted.subject_alt_names = names.iter().map(name).collect();
        let der = wanted.signed_by(&key, &self.issuer).unwrap().der().clone();
        let above = (self.der.clone(), self.key.clone());
        cert(vec![(der, key.subject_public_key_info()), above], &key)
    }
}

impl Cert {
    /// One that vouches for itself.
    pub fn self_made(name: &str, time: Time) -> Cert {
        let key = KeyPair::generate().unwrap();
        let der = wanted(name, time).self_signed(&key).unwrap().der().clone();
        cert(vec![(der, key.subject_public_key_info())], &key)
    }

    /// The chain and the key as files of other programs.
    pub fn pem(&self) -> (String, String) {
        let chain: String = self.shown.iter().map(|(der, _)| pem("CERTIFICATE", der)).collect();
        (chain, pem("PRIVATE KEY", &self.key))
    }

    /// The record that speaks of the one at this place in the chain: 0 is the server's own.
    pub fn tlsa(&self, usage: u8, selector: u8, matching: u8, at: usize) -> TLSA {
        let (der, key) = &self.shown[at];
        let part = if selector == 0 { der } else { key };
        let data = match matching {
            0 => part.clone(),
            1 => Sha256::digest(part).to_vec(),
            2 => Sha512::digest(part).to_vec(),
            other => panic!("matching type {other}"),
        };
        TLSA::new(CertUsage::from(usage), Selector::from(selector), Matching::from(matching), data)
    }
}

fn pem(what: &str, der: &[u8]) -> String {
    let base64 = data_encoding::BASE64.encode(der);
    let lines: Vec<&str> =
        base64.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap()).collect();
    format!("-----BEGIN {what}-----\n{}\n-----END {what}-----\n", lines.join("\n"))
}

fn cert(shown: Vec<(CertificateDer<'static>, Vec<u8>)>, key: &KeyPair) -> Cert {
    let chain: Vec<_> = shown.iter().map(|(der, _)| der.clone()).collect();
    let pkcs8 = key.serialize_der();
    let key = PrivateKeyDer::Pkcs8(pkcs8.clone().into());
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .unwrap();
    let shown = shown.into_iter().map(|(der, key)| (der.to_vec(), key)).collect();
    Cert { config: Arc::new(config), shown, key: pkcs8 }
}
