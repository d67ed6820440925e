//! The keys with which mail of our domains is signed (DKIM), a file for each in the folder `dkim`.
//!
//! A key is made *waiting* and signs nothing until its record stands in the DNS; then it *signs*, and those of the same domain and kind
//! that signed before *rest*: their records must stay for mail that is still on its way. So a new key takes over without a gap, and
//! nobody has to be there when it does.
//!
//! Commands change the folder beside a running gateway, which reads it again when it is told to.

use crate::{
    base::clock::{Clock, UnixMs},
    mail::Domain,
    store::{StoreError, private},
    wire::auth::{
        key::{Algorithm, PublicKey},
        sign::Signs,
    },
};
use arc_swap::ArcSwap;
use aws_lc_rs::{
    encoding::AsDer,
    rand::SystemRandom,
    rsa::{KeyPair as RsaKeyPair, KeySize},
    signature::{Ed25519KeyPair, KeyPair as _, RSA_PKCS1_SHA256},
};
use rustls::pki_types::{PrivateKeyDer, pem::PemObject};
use serde::{Deserialize, Serialize};
use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
};

/// What a key does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// Its record is not in the DNS yet.
    Waiting,
    /// It signs.
    Signing,
    /// Another has taken over; its record stays for a while.
    Resting,
}

impl State {
    /// The word in files and lists.
    pub fn word(self) -> &'static str {
        match self {
            State::Waiting => "waiting",
            State::Signing => "signing",
            State::Resting => "resting",
        }
    }
}

/// A file of the folder.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    domain: Domain,
    selector: String,
    algorithm: String,
    state: State,
    made: UnixMs,
    since: UnixMs,
    /// PKCS #8, base64.
    private: String,
}

enum Pair {
    Rsa(RsaKeyPair),
    Ed25519(Ed25519KeyPair),
}

/// A key and what it does.
pub struct DkimKey {
    domain: Domain,
    selector: String,
    /// What it does.
    pub state: State,
    /// When it was made.
    pub made: UnixMs,
    /// Since when it does what it does.
    pub since: UnixMs,
    pair: Pair,
}

impl std::fmt::Debug for DkimKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "DkimKey({}, {})", self.record_name(), self.state.word())
    }
}

impl Signs for DkimKey {
    fn domain(&self) -> &Domain {
        &self.domain
    }

    fn selector(&self) -> &str {
        &self.selector
    }

    fn algorithm(&self) -> Algorithm {
        match self.pair {
            Pair::Rsa(_) => Algorithm::RsaSha256,
            Pair::Ed25519(_) => Algorithm::Ed25519Sha256,
        }
    }

    fn sign(&self, bytes: &[u8]) -> Option<Vec<u8>> {
        match &self.pair {
            Pair::Rsa(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), bytes, &mut signature).ok()?;
                Some(signature)
            }
            // RFC 8463 section 3: what is signed is the hash.
            Pair::Ed25519(pair) => {
                let hash = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, bytes);
                Some(pair.sign(hash.as_ref()).as_ref().to_vec())
            }
        }
    }
}

impl DkimKey {
    /// Where its record belongs.
    pub fn record_name(&self) -> String {
        format!("{}._domainkey.{}", self.selector, self.domain)
    }

    /// The text of its record, RFC 6376 section 3.6.1.
    pub fn record(&self) -> String {
        let (kind, key) = match &self.pair {
            Pair::Rsa(pair) => {
                let public = pair.public_key();
                ("rsa", public.as_der().map(|der| der.as_ref().to_vec()).unwrap_or_default())
            }
            Pair::Ed25519(pair) => ("ed25519", pair.public_key().as_ref().to_vec()),
        };
        format!("v=DKIM1; k={kind}; p={}", data_encoding::BASE64.encode(&key))
    }

    /// Is this record the one that belongs to it?
    pub fn is_published_as(&self, record: &[u8]) -> bool {
        match (PublicKey::parse(record), PublicKey::parse(self.record().as_bytes())) {
            (Ok(theirs), Ok(ours)) => theirs == ours,
            (Err(_), _) | (_, Err(_)) => false,
        }
    }

    fn read(bytes: &[u8]) -> Result<DkimKey, String> {
        let file: File = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
        let private = data_encoding::BASE64.decode(file.private.as_bytes());
        let private = private.map_err(|_| "its key is no base64".to_string())?;
        let pair = match Algorithm::from_word(&file.algorithm) {
            Some(Algorithm::RsaSha256) => {
                let pair = RsaKeyPair::from_pkcs8(&private);
                Pair::Rsa(pair.map_err(|why| format!("it is no RSA key: {why}"))?)
            }
            Some(Algorithm::Ed25519Sha256) => {
                let pair = Ed25519KeyPair::from_pkcs8(&private);
                Pair::Ed25519(pair.map_err(|why| format!("it is no Ed25519 key: {why}"))?)
            }
            None => return Err(format!("the algorithm {:?} is not known", file.algorithm)),
        };
        let File { domain, selector, state, made, since, .. } = file;
        Ok(DkimKey { domain, selector, state, made, since, pair })
    }
}

/// Where a new key comes from.
#[derive(Debug, Clone, Copy)]
pub enum Origin<'p> {
    /// It is made here.
    Made(Algorithm),
    /// A PEM file has it: PKCS #8 or PKCS #1.
    Pem(&'p [u8]),
}

/// All keys. Cloning gives another handle on the same ones.
#[derive(Debug, Clone)]
pub struct DkimKeys {
    folder: PathBuf,
    clock: Clock,
    keys: Arc<ArcSwap<BTreeMap<Domain, Vec<Arc<DkimKey>>>>>,
}

impl DkimKeys {
    /// No keys, for those who do not sign.
    pub fn none(clock: Clock) -> DkimKeys {
        DkimKeys { folder: PathBuf::new(), clock, keys: Arc::default() }
    }

    /// Reads the folder; it need not be there. What cannot be read is left out and told.
    pub fn open(folder: &Path, clock: Clock) -> (DkimKeys, Vec<String>) {
        let keys = DkimKeys { folder: folder.to_path_buf(), ..DkimKeys::none(clock) };
        let faults = keys.read_again();
        (keys, faults)
    }

    /// Reads the folder again.
    pub fn read_again(&self) -> Vec<String> {
        let mut all: BTreeMap<Domain, Vec<Arc<DkimKey>>> = BTreeMap::new();
        let mut faults = Vec::new();
        let entries = match fs::read_dir(&self.folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                self.keys.store(Arc::default());
                return faults;
            }
            Err(error) => return vec![format!("{}: {error}", self.folder.display())],
        };
        for entry in entries.filter_map(Result::ok) {
            let path = entry.path();
            if path.extension().is_none_or(|ending| ending != "json") {
                continue;
            }
            let read = fs::read(&path).map_err(|error| error.to_string());
            match read.and_then(|bytes| DkimKey::read(&bytes)) {
                Ok(key) => all.entry(key.domain.clone()).or_default().push(Arc::new(key)),
                Err(why) => faults.push(format!("the DKIM key in {}: {why}", path.display())),
            }
        }
        for keys in all.values_mut() {
            keys.sort_by(|a, b| a.selector.cmp(&b.selector));
        }
        self.keys.store(Arc::new(all));
        faults
    }

    /// All of them.
    pub fn list(&self) -> Vec<Arc<DkimKey>> {
        self.keys.load().values().flatten().cloned().collect()
    }

    /// Is there none at all?
    pub fn is_empty(&self) -> bool {
        self.keys.load().is_empty()
    }

    /// Those that sign for a domain.
    pub fn signing(&self, domain: &Domain) -> Vec<Arc<DkimKey>> {
        let all = self.keys.load();
        let keys = all.get(domain).into_iter().flatten();
        keys.filter(|key| key.state == State::Signing).cloned().collect()
    }

    /// Puts a new key there. An existing selector is never given another key: mail signed with the first is on its way.
    pub fn add(
        &self,
        domain: &Domain,
        selector: &str,
        origin: Origin<'_>,
        state: State,
    ) -> Result<Arc<DkimKey>, StoreError> {
        let damaged = |why: String| StoreError::Damaged { what: "the DKIM key".to_string(), why };
        let (algorithm, private) = made(origin).map_err(damaged)?;
        let now = self.clock.now();
        let file = File {
            domain: domain.clone(),
            selector: selector.to_string(),
            algorithm: algorithm.word().to_string(),
            state,
            made: now,
            since: now,
            private,
        };
        private::folder(&self.folder)?;
        let path = self.path(domain, selector);
        let failed =
            |source| StoreError::File { what: "writing the DKIM key", file: path.clone(), source };
        let text = serde_json::to_vec_pretty(&file).map_err(io::Error::from).map_err(failed)?;
        let key = DkimKey::read(&text).map_err(damaged)?;
        private::file(&path, &text).map_err(failed)?;
        private::give_to_owner_above(&self.folder)?;
        self.read_again();
        Ok(Arc::new(key))
    }

    /// From now on this key does that. When it begins to sign, others of its kind rest.
    pub fn turn(&self, key: &DkimKey, state: State) -> Result<(), StoreError> {
        if state == State::Signing {
            for other in self.signing(&key.domain) {
                if other.algorithm() == key.algorithm() && other.selector != key.selector {
                    self.write_state(&other, State::Resting)?;
                }
            }
        }
        self.write_state(key, state)?;
        self.read_again();
        Ok(())
    }

    fn write_state(&self, key: &DkimKey, state: State) -> Result<(), StoreError> {
        let path = self.path(&key.domain, &key.selector);
        let failed = |source| StoreError::File {
            what: "writing the state of the DKIM key",
            file: path.clone(),
            source,
        };
        let bytes = fs::read(&path).map_err(failed)?;
        let file: File = serde_json::from_slice(&bytes).map_err(io::Error::from).map_err(failed)?;
        let file = File { state, since: self.clock.now(), ..file };
        let text = serde_json::to_vec_pretty(&file).map_err(io::Error::from).map_err(failed)?;
        private::replace(&path, &text).map_err(failed)?;
        private::give_to_owner_above(&self.folder)
    }

    /// Destroys a key. False if there is none.
    pub fn remove(&self, domain: &Domain, selector: &str) -> Result<bool, StoreError> {
        let path = self.path(domain, selector);
        let removed = match fs::remove_file(&path) {
            Ok(()) => true,
            Err(error) if error.kind() == io::ErrorKind::NotFound => false,
            Err(source) => {
                return Err(StoreError::File { what: "removing the DKIM key", file: path, source });
            }
        };
        self.read_again();
        Ok(removed)
    }

    fn path(&self, domain: &Domain, selector: &str) -> PathBuf {
        // Neither a domain nor a selector has a slash in it.
        self.folder.join(format!("{selector}._domainkey.{domain}.json"))
    }
}

/// A key as PKCS #8 in base64.
fn made(origin: Origin<'_>) -> Result<(Algorithm, String), String> {
    let failed = "no key could be made";
    let (algorithm, bytes) = match origin {
        Origin::Made(Algorithm::RsaSha256) => {
            let pair = RsaKeyPair::generate(KeySize::Rsa2048).map_err(|_| failed.to_string())?;
            let der = pair.as_der().map_err(|_| failed.to_string())?;
            (Algorithm::RsaSha256, der.as_ref().to_vec())
        }
        Origin::Made(Algorithm::Ed25519Sha256) => {
            let pkcs8 = Ed25519KeyPair::generate_pkcs8v1(&SystemRandom::new());
            let pkcs8 = pkcs8.map_err(|_| failed.to_string())?;
            (Algorithm::Ed25519Sha256, pkcs8.as_ref().to_vec())
        }
        Origin::Pem(pem) => read_pem(pem)?,
    };
    Ok((algorithm, data_encoding::BASE64.encode(&bytes)))
}

fn read_pem(pem: &[u8]) -> Result<(Algorithm, Vec<u8>), String> {
    let key = PrivateKeyDer::from_pem_slice(pem)
        .map_err(|_| "the file holds no private key in PEM form".to_string())?;
    let rsa = match &key {
        PrivateKeyDer::Pkcs1(der) => RsaKeyPair::from_der(der.secret_pkcs1_der()).ok(),
        PrivateKeyDer::Pkcs8(der) => RsaKeyPair::from_pkcs8(der.secret_pkcs8_der()).ok(),
        PrivateKeyDer::Sec1(_) | _ => None,
    };
    match (rsa, &key) {
        (Some(pair), _) => {
            let der = pair.as_der().map_err(|_| "the key cannot be written".to_string())?;
            Ok((Algorithm::RsaSha256, der.as_ref().to_vec()))
        }
        (None, PrivateKeyDer::Pkcs8(der))
            if Ed25519KeyPair::from_pkcs8(der.secret_pkcs8_der()).is_ok() =>
        {
            Ok((Algorithm::Ed25519Sha256, der.secret_pkcs8_der().to_vec()))
        }
        (None, _) => Err("the key is neither RSA of 2,048 bits or more nor Ed25519".to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        mail::Header,
        wire::auth::{
            canonical::Form,
            sign::{self, Leaving},
            signed,
        },
    };

    #[test]
    fn a_new_key_waits_takes_over_and_lets_the_old_one_rest() {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("dkim");
        let (keys, faults) = DkimKeys::open(&place, Clock::by_hand(UnixMs(0)));
        assert!(faults.is_empty() && keys.is_empty());
        let domain = Domain::parse("ours.example").unwrap();
        let made = Origin::Made(Algorithm::Ed25519Sha256);
        let first = keys.add(&domain, "one", made, State::Signing).unwrap();
        assert!(keys.add(&domain, "one", made, State::Signing).is_err(), "never another key");
        keys.add(&domain, "two", made, State::Waiting).unwrap();
        let names = |keys: &DkimKeys| -> Vec<(String, State)> {
            let all = keys.list().into_iter();
            all.map(|key| (key.selector().to_string(), key.state)).collect()
        };
        let (again, _) = DkimKeys::open(&place, Clock::by_hand(UnixMs(0)));
        let want = [("one".to_string(), State::Signing), ("two".to_string(), State::Waiting)];
        assert_eq!(names(&again), want);
        assert!(first.is_published_as(first.record().as_bytes()));
        let second = again.list().pop().unwrap();
        assert!(!second.is_published_as(first.record().as_bytes()));
        again.turn(&second, State::Signing).unwrap();
        let want = [("one".to_string(), State::Resting), ("two".to_string(), State::Signing)];
        assert_eq!(names(&again), want);
        assert!(again.remove(&domain, "one").unwrap() && !again.remove(&domain, "one").unwrap());
        fs::write(place.join("bad.json"), "{}").unwrap();
        assert_eq!(again.read_again().len(), 1);
        assert_eq!(again.list().len(), 1, "a bad file takes nothing from the others");
    }

    #[test]
    fn keys_of_others_are_taken_as_pem() {
        let folder = tempfile::tempdir().unwrap();
        let (keys, _) = DkimKeys::open(folder.path(), Clock::by_hand(UnixMs(0)));
        let domain = Domain::parse("ours.example").unwrap();
        let rsa = RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
        let der = rsa.as_der().unwrap();
        let text = data_encoding::BASE64.encode(der.as_ref());
        let pem = format!("-----BEGIN PRIVATE KEY-----\n{text}\n-----END PRIVATE KEY-----\n");
        let key = keys.add(&domain, "old", Origin::Pem(pem.as_bytes()), State::Signing).unwrap();
        assert_eq!(key.algorithm(), Algorithm::RsaSha256);
        assert!(keys.add(&domain, "bad", Origin::Pem(b"nothing"), State::Signing).is_err());
    }

    #[test]
    fn what_was_signed_cannot_be_added_to() {
        let folder = tempfile::tempdir().unwrap();
        let (keys, _) = DkimKeys::open(folder.path(), Clock::by_hand(UnixMs(0)));
        let domain = Domain::parse("ours.example").unwrap();
        for (selector, algorithm) in [("r", Algorithm::RsaSha256), ("e", Algorithm::Ed25519Sha256)]
        {
            let made = Origin::Made(algorithm);
            let key = keys.add(&domain, selector, made, State::Signing).unwrap();
            let mail = "From: a@ours.example\r\nSubject: hi\r\n\r\nhi\r\n";
            let header = Header::read(mail.as_bytes()).unwrap();
            let body_hash = signed::body_hash(Form::Relaxed, b"hi\r\n");
            let leaving = Leaving { header: &header, body_hash: &body_hash, now: UnixMs(0) };
            let field = sign::dkim(&*key, leaving).unwrap();
            assert!(field.contains("h=From:From:Sender:Reply-To:Subject:Subject:"), "{field}");
            assert!(field.lines().all(|line| line.len() <= 78), "{field}");
        }
    }
}
