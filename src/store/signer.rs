//! The keys with which the gateway signs what it says of itself: Ed25519, RFC 8032.
//!
//! The private half is thirty-two bytes that rest in the key ring, wrapped by the master key. The public half is nobody's secret. A key is
//! named by its fingerprint, SHA-256 over the public key as RFC 8410 writes it (SubjectPublicKeyInfo), so that a stranger finds the same:
//! `openssl pkey -pubin -in key.pem -outform DER | sha256sum`. Whoever pins that name needs nothing else of us to verify.

use crate::{
    base::clock::UnixMs,
    store::{
        StoreError,
        keys::{self, Key},
    },
};
use aws_lc_rs::{
    digest::{SHA256, digest},
    signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey},
};
use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};

/// A key that signs.
pub struct Signer {
    pair: Ed25519KeyPair,
    seed: Key,
    public: PublicKey,
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Signer({})", self.public.fingerprint())
    }
}

impl Signer {
    /// A new one.
    pub fn make() -> Result<Signer, StoreError> {
        Signer::from_seed(keys::new_key(KIND)?)
    }

    /// The one with this private half.
    pub fn from_seed(seed: Key) -> Result<Signer, StoreError> {
        let unusable = || StoreError::Damaged {
            what: "the signing key".to_string(),
            why: "it is no Ed25519 key".to_string(),
        };
        let pair = Ed25519KeyPair::from_seed_unchecked(seed.expose()).map_err(|_| unusable())?;
        let public = <[u8; 32]>::try_from(pair.public_key().as_ref()).map_err(|_| unusable())?;
        Ok(Signer { pair, seed, public: PublicKey(public) })
    }

    /// The private half, to be wrapped.
    pub(super) fn seed(&self) -> &Key {
        &self.seed
    }

    /// The public half.
    pub fn public(&self) -> PublicKey {
        self.public
    }

    /// Signs bytes.
    pub fn sign(&self, bytes: &[u8]) -> Signature {
        let mut signature = [0; SIGNATURE_BYTES];
        for (to, from) in signature.iter_mut().zip(self.pair.sign(bytes).as_ref()) {
            *to = *from;
        }
        Signature(signature)
    }
}

/// A public key, thirty-two bytes; written in base64.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PublicKey([u8; 32]);

impl PublicKey {
    /// Its name.
    pub fn fingerprint(&self) -> Fingerprint {
        let hash = digest(&SHA256, &self.der());
        Fingerprint(<[u8; 32]>::try_from(hash.as_ref()).unwrap_or_default())
    }

    /// Did its private half sign these bytes?
    pub fn has_signed(&self, bytes: &[u8], signature: &Signature) -> bool {
        UnparsedPublicKey::new(&ED25519, self.0).verify(bytes, &signature.0).is_ok()
    }

    /// The key as programs read it, RFC 7468: `BEGIN PUBLIC KEY`.
    pub fn pem(&self) -> String {
        let text = data_encoding::BASE64.encode(&self.der());
        format!("-----BEGIN PUBLIC KEY-----\n{text}\n-----END PUBLIC KEY-----\n")
    }

    /// SubjectPublicKeyInfo, RFC 8410 section 4: the algorithm, and the key as a bit string.
    fn der(&self) -> Vec<u8> {
        [&[0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00][..], &self.0]
            .concat()
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&data_encoding::BASE64.encode(&self.0))
    }
}

impl TryFrom<String> for PublicKey {
    type Error = &'static str;

    fn try_from(text: String) -> Result<PublicKey, &'static str> {
        let bytes = data_encoding::BASE64.decode(text.as_bytes()).ok();
        let key = bytes.and_then(|bytes| bytes.try_into().ok()).map(PublicKey);
        key.ok_or("no public key: thirty-two bytes in base64 are expected")
    }
}

impl From<PublicKey> for String {
    fn from(key: PublicKey) -> String {
        key.to_string()
    }
}

/// The name of a key: 64 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Fingerprint([u8; 32]);

impl FromStr for Fingerprint {
    type Err = &'static str;

    /// Takes capital letters and colons too, as other programs write them.
    fn from_str(text: &str) -> Result<Fingerprint, &'static str> {
        let digits = text.replace(':', "").to_ascii_lowercase();
        let bytes = data_encoding::HEXLOWER.decode(digits.as_bytes()).ok();
        let name = bytes.and_then(|bytes| bytes.try_into().ok()).map(Fingerprint);
        name.ok_or("no fingerprint: 64 hexadecimal digits are expected")
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&data_encoding::HEXLOWER.encode(&self.0))
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Fingerprint({self})")
    }
}

impl TryFrom<String> for Fingerprint {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Fingerprint, &'static str> {
        text.parse()
    }
}

impl From<Fingerprint> for String {
    fn from(name: Fingerprint) -> String {
        name.to_string()
    }
}

/// Sixty-four bytes; written in base64.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Signature([u8; SIGNATURE_BYTES]);

impl Signature {
    /// Reads base64.
    pub fn parse(text: &str) -> Option<Signature> {
        let bytes = data_encoding::BASE64.decode(text.as_bytes()).ok()?;
        bytes.try_into().ok().map(Signature)
    }
}

impl fmt::Display for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&data_encoding::BASE64.encode(&self.0))
    }
}

/// One line of what signs and has signed, the oldest first; the last is in force.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignerLine {
    /// Its name.
    pub fingerprint: Fingerprint,
    /// The public half.
    pub public: PublicKey,
    /// When it was made.
    pub made: UnixMs,
    /// When another took its place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended: Option<UnixMs>,
}

/// What hides the private half in logs.
pub(super) const KIND: &str = "signing key";
const SIGNATURE_BYTES: usize = 64;

#[cfg(test)]
impl Signer {
    /// The same one each time.
    pub(in crate::store) fn for_tests(byte: u8) -> Signer {
        Signer::from_seed(Key::new(KIND, [byte; 32])).unwrap()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_one_key_signed_no_other_did() {
        let (one, other) = (Signer::for_tests(1), Signer::make().unwrap());
        let signature = one.sign(b"a text");
        assert!(one.public().has_signed(b"a text", &signature));
        assert!(!one.public().has_signed(b"a texT", &signature));
        assert!(!other.public().has_signed(b"a text", &signature));
        assert_eq!(Signature::parse(&signature.to_string()), Some(signature));
        assert_eq!(Signature::parse("AAAA"), None);
    }

    /// The first key of RFC 8032 section 7.1, and what openssl says of it.
    #[test]
    fn a_key_is_the_one_that_others_see() {
        let hex = "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60";
        let seed = data_encoding::HEXLOWER.decode(hex.as_bytes()).unwrap();
        let signer = Signer::from_seed(Key::new(KIND, seed.try_into().unwrap())).unwrap();
        let public = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a";
        assert_eq!(data_encoding::HEXLOWER.encode(&signer.public().0), public);
        let signed = signer.sign(b"").0;
        let want = "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b";
        assert_eq!(data_encoding::HEXLOWER.encode(&signed), want);
        assert!(signer.public().pem().contains("\nMCowBQYDK2VwAyEA"));
        let name = signer.public().fingerprint().to_string();
        let colons: Vec<&str> =
            name.as_bytes().chunks(2).map(|two| std::str::from_utf8(two).unwrap()).collect();
        assert_eq!(colons.join(":").to_uppercase().parse(), Ok(signer.public().fingerprint()));
        assert!("12".parse::<Fingerprint>().is_err());
        let again: PublicKey =
            serde_json::from_str(&serde_json::to_string(&signer.public()).unwrap()).unwrap();
        assert_eq!(again, signer.public());
        assert!(!format!("{signer:?}").contains("9d61"));
    }
}
