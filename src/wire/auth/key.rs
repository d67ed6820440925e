//! Keys that domains publish for their signatures, RFC 6376 section 3.6.1, and what they say of a signature.

use super::tags::Tags;
use aws_lc_rs::signature::{
    ED25519, ParsedPublicKey, RSA_PKCS1_1024_8192_SHA256_FOR_LEGACY_USE_ONLY, VerificationAlgorithm,
};

/// How a signature is made: the tag `a=`, RFC 8301 section 3.1 and RFC 8463 section 3. SHA-1 is none of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Algorithm {
    /// RSA over SHA-256.
    RsaSha256,
    /// Ed25519 over SHA-256.
    Ed25519Sha256,
}

impl Algorithm {
    /// Its name in `a=`.
    pub fn word(self) -> &'static str {
        match self {
            Algorithm::RsaSha256 => "rsa-sha256",
            Algorithm::Ed25519Sha256 => "ed25519-sha256",
        }
    }

    /// From [`Algorithm::word`].
    pub fn from_word(word: &str) -> Option<Algorithm> {
        [Algorithm::RsaSha256, Algorithm::Ed25519Sha256].into_iter().find(|one| one.word() == word)
    }
}

/// A published key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicKey {
    kind: Algorithm,
    key: Vec<u8>,
}

/// Why a record is no key that we use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotAKey {
    /// It is no list of tags, or another version.
    #[error("its record cannot be read")]
    Malformed,
    /// `p=` is empty: section 3.6.1.
    #[error("its owner has withdrawn it")]
    Revoked,
    /// `k=` or `h=` or `s=` name what we do not know.
    #[error("it is for something else than SHA-256 signatures of mail")]
    Other,
}

impl PublicKey {
    /// Reads a record.
    pub fn parse(record: &[u8]) -> Result<PublicKey, NotAKey> {
        let record = std::str::from_utf8(record).map_err(|_| NotAKey::Malformed)?;
        let tags = Tags::parse(record).ok_or(NotAKey::Malformed)?;
        match tags.get("v") {
            Some("DKIM1") if tags.first() == Some("v") => (),
            None => (),
            Some(_) => return Err(NotAKey::Malformed),
        }
        let among = |name: &str, wanted: &[&str]| match tags.compact(name) {
            Some(list) => list.split(':').any(|one| wanted.contains(&one)),
            None => true,
        };
        if !among("h", &["sha256"]) || !among("s", &["*", "email"]) {
            return Err(NotAKey::Other);
        }
        let kind = match tags.get("k") {
            None | Some("rsa") => Algorithm::RsaSha256,
            Some("ed25519") => Algorithm::Ed25519Sha256,
            Some(_) => return Err(NotAKey::Other),
        };
        let text = tags.compact("p").ok_or(NotAKey::Malformed)?;
        if text.is_empty() {
            return Err(NotAKey::Revoked);
        }
        let key = base64(&text).ok_or(NotAKey::Malformed)?;
        Ok(PublicKey { kind, key })
    }

    /// Has the owner of this key signed `signed`? RSA keys under 1,024 bits say nothing (RFC 8301 section 3.2).
    pub fn has_signed(&self, algorithm: Algorithm, signed: &[u8], signature: &[u8]) -> bool {
        if algorithm != self.kind {
            return false;
        }
        let rsa: &'static dyn VerificationAlgorithm =
            &RSA_PKCS1_1024_8192_SHA256_FOR_LEGACY_USE_ONLY;
        match algorithm {
            Algorithm::RsaSha256 => ParsedPublicKey::new(rsa, &self.key)
                .is_ok_and(|key| key.verify_sig(signed, signature).is_ok()),
            // RFC 8463 section 3: what is signed is the hash.
            Algorithm::Ed25519Sha256 => {
                let hash = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, signed);
                ParsedPublicKey::new(&ED25519, &self.key)
                    .is_ok_and(|key| key.verify_sig(hash.as_ref(), signature).is_ok())
            }
        }
    }
}

/// Bytes from base64; space within it does not count.
pub fn base64(text: &str) -> Option<Vec<u8>> {
    let text: String = text.chars().filter(|letter| !letter.is_ascii_whitespace()).collect();
    data_encoding::BASE64.decode(text.as_bytes()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records() {
        // The key of RFC 8463 appendix A.2.
        let p = "11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=";
        let ed = |rest: &str| format!("v=DKIM1; k=ed25519; {rest}");
        for (record, want) in [
            (ed(&format!("p={p}")), Ok(Algorithm::Ed25519Sha256)),
            (ed(&format!("s=email; h=sha1:sha256; t=y; p={p};")), Ok(Algorithm::Ed25519Sha256)),
            (format!("p={p}"), Ok(Algorithm::RsaSha256)),
            (ed("p="), Err(NotAKey::Revoked)),
            (ed(&format!("h=sha1; p={p}")), Err(NotAKey::Other)),
            (ed(&format!("s=tlsrpt; p={p}")), Err(NotAKey::Other)),
            (format!("k=dsa; p={p}"), Err(NotAKey::Other)),
            (ed("p=*"), Err(NotAKey::Malformed)),
            (format!("k=rsa; v=DKIM1; p={p}"), Err(NotAKey::Malformed)),
            (format!("v=DKIM2; p={p}"), Err(NotAKey::Malformed)),
            ("v=spf1 -all".to_string(), Err(NotAKey::Malformed)),
        ] {
            let key = PublicKey::parse(record.as_bytes());
            assert_eq!(key.map(|key| key.kind), want, "{record}");
        }
    }
}
