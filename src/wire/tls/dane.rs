//! TLSA records (RFC 6698) as SMTP uses them (RFC 7671, RFC 7672): which can be used, and which fits what a server showed.
//!
//! That the records are proven by DNSSEC is for the caller to have seen: what is not is never handed in here.

use super::judge::{Certificate, Names, Showing};
use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256, Sha512};

/// A TLSA record that can be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tlsa {
    /// What it speaks of.
    pub usage: Usage,
    /// Which part of it.
    pub selector: Selector,
    /// In what form.
    pub matching: Matching,
    data: Vec<u8>,
}

/// RFC 7671 section 5: the two that SMTP knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Usage {
    /// DANE-TA(2): an authority above the server's certificate. Name and time count.
    Authority,
    /// DANE-EE(3): the server's own certificate. RFC 7672 section 3.1.1: its name and time do not count.
    Server,
}

/// Which part of a certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Selector {
    /// Cert(0): all of it.
    Certificate,
    /// SPKI(1): its public key.
    Key,
}

/// In what form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Matching {
    /// Full(0): as it is.
    Full,
    /// SHA2-256(1).
    Sha256,
    /// SHA2-512(2).
    Sha512,
}

/// A TLSA record as DNS has it, RFC 6698 section 2.1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Certificate usage.
    pub usage: u8,
    /// Selector.
    pub selector: u8,
    /// Matching type.
    pub matching: u8,
    /// Certificate association data.
    pub data: Vec<u8>,
}

/// As long as eight digests.
const LINE_DATA_BYTES_MAX: usize = 512;

/// Those of a set that can be used.
///
/// RFC 7672 section 3.1.3: PKIX-TA(0) and PKIX-EE(1) are none of them; nor are values that nobody has defined, or data that no certificate
/// could ever fit. RFC 7671 section 9: where the same thing is given by two digests, the stronger alone counts.
pub fn usable(records: &[Record]) -> Vec<Tlsa> {
    let all: Vec<Tlsa> = records.iter().filter_map(read).collect();
    let beaten = |one: &Tlsa| {
        one.matching == Matching::Sha256
            && all.iter().any(|other| {
                (other.usage, other.selector, other.matching)
                    == (one.usage, one.selector, Matching::Sha512)
            })
    };
    all.iter().filter(|one| !beaten(one)).cloned().collect()
}

fn read(record: &Record) -> Option<Tlsa> {
    let usage = match record.usage {
        2 => Usage::Authority,
        3 => Usage::Server,
        _ => return None,
    };
    let selector = match record.selector {
        0 => Selector::Certificate,
        1 => Selector::Key,
        _ => return None,
    };
    let (matching, fits) = match record.matching {
        // Either is a DER sequence.
        0 => (Matching::Full, record.data.first() == Some(&0x30)),
        1 => (Matching::Sha256, record.data.len() == 32),
        2 => (Matching::Sha512, record.data.len() == 64),
        _ => return None,
    };
    fits.then(|| Tlsa { usage, selector, matching, data: record.data.clone() })
}

impl Tlsa {
    /// As zone files write it, RFC 6698 section 2.2; of a whole certificate only the beginning.
    pub fn line(&self) -> String {
        let usage = match self.usage {
            Usage::Authority => 2,
            Usage::Server => 3,
        };
        let selector = match self.selector {
            Selector::Certificate => 0,
            Selector::Key => 1,
        };
        let matching = match self.matching {
            Matching::Full => 0,
            Matching::Sha256 => 1,
            Matching::Sha512 => 2,
        };
        let shown = self.data.len().min(LINE_DATA_BYTES_MAX);
        let data = HEXLOWER.encode(self.data.get(..shown).unwrap_or_default());
        format!("{usage} {selector} {matching} {data}")
    }

    /// Is this the certificate, or key, it speaks of?
    pub fn fits(&self, certificate: &Certificate) -> bool {
        let part = match self.selector {
            Selector::Certificate => &certificate.der,
            Selector::Key => &certificate.key,
        };
        // A certificate whose key could not be read fits nothing that speaks of keys.
        !part.is_empty()
            && match self.matching {
                Matching::Full => self.data == *part,
                Matching::Sha256 => self.data == Sha256::digest(part).as_slice(),
                Matching::Sha512 => self.data == Sha512::digest(part).as_slice(),
            }
    }
}

/// What a set of records says of a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fit {
    /// One of them fits.
    Yes,
    /// One of an authority fits, and the certificate has none of the names.
    OtherName,
    /// One of an authority fits a certificate that the server's is not signed under, or is out of time.
    NotUnder,
    /// None fits.
    No,
}

/// Looks for a record that fits: one is enough, so that a change of keys may have the old and the new one there (RFC 7671 section 8.1).
/// `names` are the reference identifiers of RFC 7672 section 3.2.2.
pub fn fit(records: &[Tlsa], showing: &Showing, names: &Names) -> Fit {
    let [server, above @ ..] = showing.chain.as_slice() else { return Fit::No };
    let of = |usage| records.iter().filter(move |one| one.usage == usage);
    if of(Usage::Server).any(|record| record.fits(server)) {
        return Fit::Yes;
    }
    // RFC 7671 section 5.2.2: the authority's certificate has to be in the chain that the server sends.
    let mut fitting = above.iter().filter(|one| of(Usage::Authority).any(|tlsa| tlsa.fits(one)));
    let is_under = fitting.clone().any(|one| one.vouches);
    match (fitting.next().is_some(), is_under, showing.bears_any(names)) {
        (false, _, _) => Fit::No,
        (true, false, _) => Fit::NotUnder,
        (true, true, false) => Fit::OtherName,
        (true, true, true) => Fit::Yes,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(usage: u8, selector: u8, matching: u8, data: &[u8]) -> Record {
        Record { usage, selector, matching, data: data.to_vec() }
    }

    fn certificate(der: &[u8], key: &[u8]) -> Certificate {
        Certificate { der: der.to_vec(), key: key.to_vec(), vouches: false }
    }

    #[test]
    fn what_can_be_used_of_a_set() {
        for (usage, selector, matching, data, want) in [
            (3, 1, 1, vec![7; 32], true),
            (2, 0, 2, vec![7; 64], true),
            (3, 0, 0, vec![0x30, 0x82], true),
            (0, 1, 1, vec![7; 32], false),
            (1, 1, 1, vec![7; 32], false),
            (255, 1, 1, vec![7; 32], false),
            (3, 2, 1, vec![7; 32], false),
            (3, 1, 3, vec![7; 32], false),
            (3, 1, 1, vec![7; 31], false),
            (3, 1, 2, vec![7; 32], false),
            (3, 1, 0, vec![], false),
            (3, 0, 0, vec![7; 32], false),
        ] {
            let given = record(usage, selector, matching, &data);
            assert_eq!(!usable(&[given]).is_empty(), want, "{usage} {selector} {matching}");
        }
        let both = [record(3, 1, 1, &[7; 32]), record(3, 1, 2, &[7; 64])];
        let kept: Vec<Matching> = usable(&both).iter().map(|one| one.matching).collect();
        assert_eq!(kept, [Matching::Sha512], "the weaker digest of the same thing");
        let apart = [record(3, 0, 1, &[7; 32]), record(3, 1, 2, &[7; 64])];
        assert_eq!(usable(&apart).len(), 2, "digests of different things");
    }

    #[test]
    fn each_selector_and_matching_fits_its_own() {
        let (der, key) = (b"\x30certificate".as_slice(), b"\x30key".as_slice());
        let (ours, other) = (certificate(der, key), certificate(b"\x30other", b"\x30another"));
        for (selector, part) in [(0, der), (1, key)] {
            let sha256 = Sha256::digest(part).to_vec();
            let sha512 = Sha512::digest(part).to_vec();
            for (matching, data) in [(0, part.to_vec()), (1, sha256), (2, sha512)] {
                let tlsa = usable(&[record(3, selector, matching, &data)]).remove(0);
                assert!(tlsa.fits(&ours), "{selector} {matching}");
                assert!(!tlsa.fits(&other), "{selector} {matching}");
            }
        }
        let nothing = Sha256::digest(b"").to_vec();
        let tlsa = usable(&[record(3, 1, 1, &nothing)]).remove(0);
        assert!(!tlsa.fits(&certificate(der, b"")), "a key that could not be read");
    }
}
