//! What others are to find of our own TLS: the certificate in its file, and the DNS records that speak of it and of our policy.

use super::{
    acme::AcmeFolder,
    certificate,
    showing::{self, Onlooker},
    tls::{self, TlsError},
};
use crate::{
    base::{clock::UnixMs, limits},
    config::Config,
    mail::{Address, Domain, TlsSession},
    wire::tls::{
        Policy,
        dane::Tlsa,
        judge::{Names, Showing},
        mta_sts::policy_id,
    },
};
use data_encoding::HEXLOWER;
use rustls::pki_types::CertificateDer;
use serde::Serialize;
use sha2::{Digest, Sha256};

/// Our certificate and those above it.
#[derive(Debug, Clone)]
pub(super) struct OwnCertificate {
    chain: Vec<CertificateDer<'static>>,
}

/// A record that belongs into the DNS.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Record {
    /// Its name.
    pub(super) name: String,
    /// "TLSA", "TXT".
    pub(super) kind: &'static str,
    /// What stands in it; of TXT the text.
    pub(super) data: String,
    /// What it is for.
    pub(super) about: &'static str,
}

impl OwnCertificate {
    /// The one in the configuration's file, or that ACME got; none where one is made at each start.
    pub(super) fn read(config: &Config) -> Result<Option<OwnCertificate>, TlsError> {
        let file = match &config.tls.acme {
            Some(_) => Some(AcmeFolder::of(&config.data_dir).certificate_file())
                .filter(|file| file.exists()),
            None => config.tls.certificate.clone().filter(|_| config.tls.key.is_some()),
        };
        let chain = file.as_deref().map(tls::read_chain).transpose()?;
        Ok(chain.map(|chain| OwnCertificate { chain }))
    }

    /// When it ends, if that can be read in it.
    pub(super) fn ends(&self) -> Option<UnixMs> {
        self.chain.first().and_then(|leaf| certificate::ends(leaf))
    }

    /// The SHA-256 of its key, in hexadecimal digits: the pin, and the data of TLSA 3 1 1.
    pub(super) fn key_digest(&self) -> String {
        let key = self.chain.first().map(showing::key).unwrap_or_default();
        HEXLOWER.encode(&Sha256::digest(key))
    }

    /// As a stranger sees it who wants these names and holds it to these records.
    pub(super) fn shown(
        &self,
        onlooker: &Onlooker,
        records: Vec<Tlsa>,
        names: &Names,
        now: UnixMs,
    ) -> (TlsSession, Showing) {
        let mut session = TlsSession::default();
        let policy = Policy::Dane(records);
        let showing = onlooker.look(&mut session, &self.chain, &policy, names, now);
        (session, showing)
    }
}

/// Our domains, those of `[[domain]]` first; only this one, if it is named.
pub(super) fn domains(config: &Config, only: Option<&Domain>) -> Vec<Domain> {
    let own = config.domains.iter().map(|entry| entry.name.clone());
    let more = config.domain_table.iter().filter_map(|domain| Domain::parse(domain.name).ok());
    let all = own.chain(more);
    all.filter(|name| only.is_none_or(|only| only == name))
        .take(limits::DOMAINS_LOOKED_AT_MAX)
        .collect()
}

/// Who gets TLS reports of others: the first address that reads reports.
pub(super) fn report_address(config: &Config) -> Option<&Address> {
    config.reports.addresses.first()
}

/// The digest of the key that ACME takes into use next, if it made one already.
pub(super) fn next_key_digest(config: &Config) -> Result<Option<String>, String> {
    let folder = config.tls.acme.as_ref().map(|_| AcmeFolder::of(&config.data_dir));
    let digest = folder.map(|folder| folder.next_key_digest()).transpose();
    digest.map(Option::flatten).map_err(|error| error.to_string())
}

/// What belongs into the DNS for our certificate, the key that comes next, and these domains.
pub(super) fn records(
    config: &Config,
    own: Option<&OwnCertificate>,
    next_key: Option<&str>,
    domains: &[Domain],
) -> Vec<Record> {
    let mut records = Vec::new();
    let tlsa = |digest: &str, about| Record {
        name: format!("_25._tcp.{}", config.hostname),
        kind: "TLSA",
        data: format!("3 1 1 {digest}"),
        about,
    };
    if let Some(own) = own {
        let about = "DANE: senders take our certificate by its key; only where the zone is signed, and to be changed before the key is";
        records.push(tlsa(&own.key_digest(), about));
    }
    if let Some(next) = next_key {
        let about = "DANE: the key that comes next (sluss tls renew --next-key); beside the record of the one in use, and days before the change";
        records.push(tlsa(next, about));
    }
    let policy = config.own_sts.policy(&config.hostname);
    for domain in domains {
        if let Some(policy) = &policy {
            records.push(Record {
                name: format!("_mta-sts.{domain}"),
                kind: "TXT",
                data: format!("v=STSv1; id={}", policy_id(policy)),
                about: "MTA-STS: there is a policy, and when it changes so does the id",
            });
        }
        if let Some(address) = report_address(config) {
            records.push(Record {
                name: format!("_smtp._tls.{domain}"),
                kind: "TXT",
                data: format!("v=TLSRPTv1; rua=mailto:{}", in_uri(&address.to_string())),
                about: "TLS-RPT: senders tell how TLS with our mail hosts went",
            });
        }
    }
    records
}

/// RFC 8460 section 3: commas, exclamation points and semicolons would end the address; RFC 3986 section 2.1 says how they are written.
fn in_uri(address: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~@+=".contains(&byte);
    address
        .bytes()
        .map(|byte| match plain(byte) {
            true => char::from(byte).to_string(),
            false => format!("%{byte:02X}"),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{fs, path::Path};

    #[test]
    fn records_speak_of_the_certificate_and_of_the_policy() {
        let folder = tempfile::tempdir().unwrap();
        let made = rcgen::generate_simple_self_signed(["mx.ours.example".to_string()]).unwrap();
        let (certificate, key) = (folder.path().join("cert.pem"), folder.path().join("key.pem"));
        fs::write(&certificate, made.cert.pem()).unwrap();
        fs::write(&key, made.signing_key.serialize_pem()).unwrap();
        let text = format!(
            "hostname = \"mx.ours.example\"\n[tls]\ncertificate = {certificate:?}\nkey = {key:?}\n\
             [web]\npublic = \"127.0.0.1:8026\"\n[mta-sts]\nmode = \"enforce\"\n[reports]\naddresses = [\"tls!x@ours.example\"]\n\
             [[domain]]\nname = \"ours.example\"\nnext-hop = \"maildir:/m\"\nrecipients = \"any\"\n"
        );
        let config = Config::parse(Path::new("sluss.toml"), &text).unwrap();
        let own = OwnCertificate::read(&config).unwrap().unwrap();
        let spki = rcgen::PublicKeyData::subject_public_key_info(&made.signing_key);
        assert_eq!(own.key_digest(), HEXLOWER.encode(&Sha256::digest(spki)));
        let all = domains(&config, None);
        let shown: Vec<String> = records(&config, Some(&own), Some("ab"), &all)
            .into_iter()
            .map(|record| format!("{} {} {}", record.name, record.kind, record.data))
            .collect();
        assert_eq!(shown[0], format!("_25._tcp.mx.ours.example TLSA 3 1 1 {}", own.key_digest()));
        assert_eq!(shown[1], "_25._tcp.mx.ours.example TLSA 3 1 1 ab");
        assert!(shown[2].starts_with("_mta-sts.ours.example TXT v=STSv1; id="), "{shown:?}");
        assert_eq!(
            shown[3],
            "_smtp._tls.ours.example TXT v=TLSRPTv1; rua=mailto:tls%21x@ours.example"
        );
        let other = Domain::parse("other.example").unwrap();
        assert_eq!(domains(&config, Some(&other)), []);
    }
}
