//! Keys of listed things: 128 bits, whatever the thing.
//!
//! A digest is its first 16 bytes (an MD5 is all of it). To be taken for a listed file, another one has to agree in 128 bits, which
//! nobody finds for a file that he did not write himself, and half the length is half the list.
//! A host is BLAKE3 of its name, cut as well.

use crate::{
    base::{limits, networks},
    config::lists::Entry,
    mail::Domain,
};
use std::net::IpAddr;

/// A digest of an attachment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Digest {
    /// MD5. Only because many lists have nothing else.
    Md5([u8; 16]),
    /// SHA-1, FIPS 180-4 section 6.1.
    Sha1([u8; 20]),
    /// SHA-256, FIPS 180-4 section 6.2.
    Sha256([u8; 32]),
}

/// Which digest; a bit of [`DigestKind::bit`] for each says which a list has, so that no other need be computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DigestKind {
    /// MD5.
    Md5,
    /// SHA-1.
    Sha1,
    /// SHA-256.
    Sha256,
}

impl DigestKind {
    /// A bit of its own. The next one, 8, stands for hosts.
    pub fn bit(self) -> u32 {
        match self {
            DigestKind::Md5 => 1,
            DigestKind::Sha1 => 2,
            DigestKind::Sha256 => 4,
        }
    }
}

/// Hosts, among the bits of [`DigestKind::bit`].
pub const HOST_BIT: u32 = 8;

/// Senders, among the bits of [`DigestKind::bit`].
pub const SENDER_BIT: u32 = 16;

impl Digest {
    /// Reads hex of either case; the length tells which digest it is.
    pub fn parse_hex(text: &[u8]) -> Option<Digest> {
        match text.len() {
            32 => bytes_of_hex(text).map(Digest::Md5),
            40 => bytes_of_hex(text).map(Digest::Sha1),
            64 => bytes_of_hex(text).map(Digest::Sha256),
            _ => None,
        }
    }

    /// Which it is.
    pub fn kind(&self) -> DigestKind {
        match self {
            Digest::Md5(_) => DigestKind::Md5,
            Digest::Sha1(_) => DigestKind::Sha1,
            Digest::Sha256(_) => DigestKind::Sha256,
        }
    }
}

fn bytes_of_hex<const N: usize>(text: &[u8]) -> Option<[u8; N]> {
    let mut bytes = [0; N];
    let written = data_encoding::HEXLOWER_PERMISSIVE.decode_mut(text, &mut bytes);
    written.is_ok().then_some(bytes)
}

/// What a list is searched for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key(pub u128);

impl Key {
    /// The key of a digest.
    pub fn of_digest(digest: &Digest) -> Key {
        match digest {
            Digest::Md5(bytes) => first(bytes),
            Digest::Sha1(bytes) => first(bytes),
            Digest::Sha256(bytes) => first(bytes),
        }
    }

    /// The key of a host as [`host_name`] gives it.
    pub fn of_host(name: &str) -> Key {
        first(blake3::hash(name.as_bytes()).as_bytes())
    }

    /// The key of a sender, or of a network that mail comes from. The sign in front keeps a domain apart from all that is below it.
    pub fn of_sender(entry: &Entry) -> Key {
        let text = match entry {
            Entry::Address(address) => format!("@{}", address.key()),
            Entry::Domain(domain) => format!("={domain}"),
            Entry::Below(domain) => format!(".{domain}"),
            Entry::Network(network) => format!("/{}", networks::canonical(*network)),
        };
        first(blake3::hash(text.as_bytes()).as_bytes())
    }

    /// What the filter is asked for: the half that does not order the list.
    pub fn low(self) -> u64 {
        u64::try_from(self.0 & u128::from(u64::MAX)).unwrap_or_default()
    }
}

fn first(bytes: &[u8]) -> Key {
    Key(bytes.first_chunk::<16>().map(|key| u128::from_be_bytes(*key)).unwrap_or_default())
}

/// A host in the form it is listed under: a domain in lower-case A-labels, or an address as [`IpAddr`] writes it.
pub fn host_name(text: &str) -> Option<String> {
    let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
    match bare.parse::<IpAddr>() {
        Ok(address) => Some(address.to_canonical().to_string()),
        Err(_) => Domain::parse(text).ok().map(|domain| domain.as_str().to_string()),
    }
}

/// The names under which a host may be listed, longest first: its own, and those above it down to the one that somebody registered.
/// Of a very deep name only its own and the last [`limits::HASH_LIST_LABELS_MAX`] labels: who owns a domain chooses its depth.
pub fn names_of(host: &str) -> Vec<&str> {
    let mut names = vec![host];
    if host.parse::<IpAddr>().is_ok() {
        return names;
    }
    let owner = psl::domain_str(host).unwrap_or(host);
    let above = host.match_indices('.').filter_map(|(dot, _)| host.get(dot.saturating_add(1)..));
    names.extend(above.filter(|name| {
        name.len() >= owner.len() && name.split('.').count() <= limits::HASH_LIST_LABELS_MAX
    }));
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests() {
        let sha = "E3B0C44298FC1C149AFBF4C8996FB92427AE41E4649B934CA495991B7852B855";
        let digest = Digest::parse_hex(sha.as_bytes()).unwrap();
        assert_eq!(digest.kind(), DigestKind::Sha256);
        assert_eq!(Key::of_digest(&digest), Key(0xe3b0_c442_98fc_1c14_9afb_f4c8_996f_b924));
        assert_eq!(Key::of_digest(&digest).low(), 0x9afb_f4c8_996f_b924);
        let md5 = Digest::parse_hex(b"d41d8cd98f00b204e9800998ecf8427e").unwrap();
        assert_eq!(Key::of_digest(&md5), Key(0xd41d_8cd9_8f00_b204_e980_0998_ecf8_427e));
        for wrong in ["", "d41d8cd98f00b204e9800998ecf8427", "g41d8cd98f00b204e9800998ecf8427e"] {
            assert_eq!(Digest::parse_hex(wrong.as_bytes()), None, "{wrong}");
        }
    }

    #[test]
    fn hosts() {
        for (text, want) in [
            ("WWW.Evil.Example.", Some("www.evil.example")),
            ("b\u{fc}cher.example", Some("xn--bcher-kva.example")),
            ("192.0.2.1", Some("192.0.2.1")),
            ("[2001:DB8::1]", Some("2001:db8::1")),
            ("a b", None),
            ("", None),
        ] {
            assert_eq!(host_name(text).as_deref(), want, "{text}");
        }
        for (host, want) in [
            ("a.b.evil.co.uk", &["a.b.evil.co.uk", "b.evil.co.uk", "evil.co.uk"][..]),
            ("evil.example", &["evil.example"]),
            ("co.uk", &["co.uk"]),
            ("192.0.2.1", &["192.0.2.1"]),
        ] {
            assert_eq!(names_of(host), want, "{host}");
        }
        let deep = format!("{}evil.com", "a.".repeat(100));
        let names = names_of(&deep);
        assert_eq!((names.len(), names.last()), (12, Some(&"evil.com")));
    }
}
