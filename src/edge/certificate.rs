//! When a certificate begins and ends, whether it issued itself, and what its authority calls it. Of the whole of X.509 that is all we need to
//! read ourselves; whether it is a good one, rustls says.

use crate::base::clock::UnixMs;
use std::time::Duration;

/// notAfter of a DER certificate; None for what is no certificate.
pub(super) fn ends(der: &[u8]) -> Option<UnixMs> {
    times(der).map(|(_, ends)| ends)
}

/// notBefore and notAfter, RFC 5280 section 4.1.2.5.
pub(super) fn times(der: &[u8]) -> Option<(UnixMs, UnixMs)> {
    let mut validity = Der(inner(der)?.validity);
    Some((time(validity.any()?)?, time(validity.any()?)?))
}

/// Is it issued by the name it is for?
pub(super) fn names_itself(der: &[u8]) -> bool {
    inner(der).is_some_and(|inner| inner.issuer == inner.subject)
}

/// What an authority calls a certificate, RFC 9773 section 4.1: the key identifier of who issued it, and its serial number as it is encoded.
pub(super) fn called(der: &[u8]) -> Option<(Vec<u8>, Vec<u8>)> {
    let inner = inner(der)?;
    let mut rest = Der(inner.rest);
    let _key = rest.next(SEQUENCE)?;
    let mut extensions = loop {
        match rest.any()? {
            (EXTENSIONS, content) => break Der(Der(content).next(SEQUENCE)?),
            (_unique_identifier, _) => (),
        }
    };
    loop {
        let mut extension = Der(extensions.next(SEQUENCE)?);
        let is_it = extension.next(OBJECT)? == AUTHORITY_KEY_IDENTIFIER;
        let (mut tag, mut content) = extension.any()?;
        if tag == BOOLEAN {
            (tag, content) = extension.any()?;
        }
        if is_it && tag == OCTETS {
            let key = Der(Der(content).next(SEQUENCE)?).next(KEY_IDENTIFIER)?;
            return Some((key.to_vec(), inner.serial.to_vec()));
        }
    }
}

struct Inner<'a> {
    serial: &'a [u8],
    issuer: &'a [u8],
    validity: &'a [u8],
    subject: &'a [u8],
    /// The key, and what comes after it.
    rest: &'a [u8],
}

fn inner(der: &[u8]) -> Option<Inner<'_>> {
    let mut outside = Der(der);
    let mut certificate = Der(outside.next(SEQUENCE)?);
    let mut inside = Der(certificate.next(SEQUENCE)?);
    // The version is only there from version 2 on.
    if inside.0.first() == Some(&VERSION) {
        inside.next(VERSION)?;
    }
    let serial = inside.next(INTEGER)?;
    let _algorithm = inside.next(SEQUENCE)?;
    let issuer = inside.next(SEQUENCE)?;
    let validity = inside.next(SEQUENCE)?;
    let subject = inside.next(SEQUENCE)?;
    Some(Inner { serial, issuer, validity, subject, rest: inside.0 })
}

fn time((tag, written): (u8, &[u8])) -> Option<UnixMs> {
    let text = std::str::from_utf8(written).ok()?.strip_suffix('Z')?;
    match tag {
        // Two digits are a year of 1950 to 2049.
        UTC_TIME if text.starts_with(|digit: char| digit < '5') => moment(&format!("20{text}")),
        UTC_TIME => moment(&format!("19{text}")),
        GENERALIZED_TIME => moment(text),
        _ => None,
    }
}

/// `20261122120000`; what was before 1970 has ended all the same.
fn moment(text: &str) -> Option<UnixMs> {
    if text.len() != 14 || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let number = |from: usize, to: usize| text.get(from..to)?.parse::<u64>().ok();
    let (year, month, day) = (number(0, 4)?, number(4, 6)?, number(6, 8)?);
    let (hour, minute, second) = (number(8, 10)?, number(10, 12)?, number(12, 14)?);
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    // Days since 1 March of the year 0, so that the leap day ends a year; 719,468 of them came before 1970.
    let (year, month) =
        if month > 2 { (year, month - 3) } else { (year.checked_sub(1)?, month + 9) };
    let days = year * 365 + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 + day - 1;
    let seconds = days.saturating_sub(719_468) * 86_400 + hour * 3_600 + minute * 60 + second;
    Some(UnixMs(0).plus(Duration::from_secs(seconds)))
}

/// What is left of a sequence.
struct Der<'a>(&'a [u8]);

impl<'a> Der<'a> {
    fn next(&mut self, tag: u8) -> Option<&'a [u8]> {
        self.any().filter(|(found, _)| *found == tag).map(|(_, content)| content)
    }

    fn any(&mut self) -> Option<(u8, &'a [u8])> {
        let (tag, rest) = self.0.split_first()?;
        let (first, mut rest) = rest.split_first()?;
        let mut length = usize::from(*first);
        if length >= 0x80 {
            let (bytes, after) =
                rest.split_at_checked(length - 0x80).filter(|(bytes, _)| bytes.len() <= 4)?;
            length = bytes.iter().fold(0, |length, byte| length << 8 | usize::from(*byte));
            rest = after;
        }
        let (content, after) = rest.split_at_checked(length)?;
        self.0 = after;
        Some((*tag, content))
    }
}

const SEQUENCE: u8 = 0x30;
const BOOLEAN: u8 = 0x01;
const INTEGER: u8 = 0x02;
const OCTETS: u8 = 0x04;
const OBJECT: u8 = 0x06;
const KEY_IDENTIFIER: u8 = 0x80;
const EXTENSIONS: u8 = 0xa3;
/// 2.5.29.35, RFC 5280 section 4.2.1.1.
const AUTHORITY_KEY_IDENTIFIER: &[u8] = &[0x55, 0x1d, 0x23];
const VERSION: u8 = 0xa0;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::date;

    #[test]
    fn the_end_is_read_in_real_certificates() {
        // Up to 2049 a certificate has two digits for the year, from then on four.
        for (year, month, day) in [
            (2026, 11, 22),
            (2028, 2, 29),
            (2049, 12, 31),
            (2050, 1, 1),
            (2100, 3, 1),
            (1999, 1, 1),
        ] {
            let mut wanted = rcgen::CertificateParams::new(["mx.example".to_string()]).unwrap();
            wanted.not_before = rcgen::date_time_ymd(1990, 1, 1);
            wanted.not_after = rcgen::date_time_ymd(year, month, day);
            let made = wanted.self_signed(&rcgen::KeyPair::generate().unwrap()).unwrap();
            let ends = ends(made.der()).unwrap();
            let want = format!("{year:04}-{month:02}-{day:02}T00:00:00.000Z");
            assert_eq!(date::write_iso(ends), want);
        }
    }

    #[test]
    fn an_authority_calls_a_certificate_by_its_own_key_and_a_number() {
        let issuing = rcgen::KeyPair::generate().unwrap();
        let mut root = rcgen::CertificateParams::new([]).unwrap();
        root.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        root.key_identifier_method = rcgen::KeyIdMethod::PreSpecified(vec![0x69, 0x88, 0x5b]);
        let issuer = rcgen::Issuer::new(root, issuing);
        let mut wanted = rcgen::CertificateParams::new(["mx.example".to_string()]).unwrap();
        wanted.use_authority_key_identifier_extension = true;
        // The example of RFC 9773 section 4.1: a leading zero keeps the number positive, and belongs to it.
        wanted.serial_number = Some(vec![0x87, 0x65, 0x43, 0x21].into());
        let made = wanted.signed_by(&rcgen::KeyPair::generate().unwrap(), &issuer).unwrap();
        let want = (vec![0x69, 0x88, 0x5b], vec![0x00, 0x87, 0x65, 0x43, 0x21]);
        assert_eq!(called(made.der()), Some(want));
        for length in 0..made.der().len().min(200) {
            assert_eq!(called(&made.der()[..length]), None, "{length}");
        }
        let own = rcgen::generate_simple_self_signed(["mx.example".to_string()]).unwrap();
        assert_eq!(called(own.cert.der()), None, "nobody issued it");
    }

    #[test]
    fn nonsense_has_no_end() {
        let made = rcgen::generate_simple_self_signed(["mx.example".to_string()]).unwrap();
        let der = made.cert.der();
        assert!(ends(der).is_some());
        for length in 0..der.len().min(120) {
            assert_eq!(ends(&der[..length]), None, "{length}");
        }
        for text in ["", "20261322000000", "20261100000000", "2026112200000", "2026112200000x"] {
            assert_eq!(moment(text), None, "{text}");
        }
    }
}
