//! Recognises end-to-end encryption and signatures: S/MIME by the object identifier of its CMS (RFC 5652),
//! OpenPGP by its packets (RFC 9580).
//!
//! Nothing is decrypted and no signature is verified. A wrapper around clear text is not encryption: the packets decide, not the labels.

use super::mime;

/// What a CMS object holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cms {
    /// signed-data: clear inside, see [`signed_content`].
    Signed,
    /// enveloped-data or authEnveloped-data (RFC 5083): encrypted.
    Enveloped,
    /// Anything else: bare certificates, compressed data.
    Other,
}

/// Which kind of CMS object the bytes are; None if they are none. RFC 5652 section 3: a sequence that begins with an identifier.
pub fn cms(bytes: &[u8]) -> Option<Cms> {
    let (outer, _) = element(bytes)?;
    let (inner, _) = element(outer.content.filter(|_| outer.tag == SEQUENCE)?)?;
    match inner.content? {
        _ if inner.tag != IDENTIFIER => None,
        SIGNED => Some(Cms::Signed),
        ENVELOPED | AUTH_ENVELOPED => Some(Cms::Enveloped),
        other if other.starts_with(PKCS) => Some(Cms::Other),
        _ => None,
    }
}

/// Is it a CMS object of any kind?
pub fn is_cms(bytes: &[u8]) -> bool {
    bytes.first() == Some(&SEQUENCE) && cms(bytes).is_some()
}

/// The content that signed-data carries, RFC 5652 section 5: often a whole MIME part. None if it is detached or broken.
pub fn signed_content(bytes: &[u8]) -> Option<Vec<u8>> {
    let (outer, _) = element(bytes)?;
    let (identifier, rest) = element(outer.content?)?;
    if identifier.content? != SIGNED {
        return None;
    }
    let (explicit, _) = element(rest)?;
    let (signed, _) = element(explicit.content?)?;
    let (_version, rest) = element(signed.content?)?;
    let (_algorithms, rest) = element(rest)?;
    let (encapsulated, _) = element(rest)?;
    let (_type, rest) = element(encapsulated.content?)?;
    let (explicit, _) = element(rest)?;
    let (octets, _) = element(explicit.content?)?;
    let mut content = Vec::new();
    let body = octets.content?;
    if octets.tag & CONSTRUCTED == 0 {
        content.extend_from_slice(body);
        return Some(content);
    }
    // BER: the string comes in pieces. Pieces of pieces do not occur.
    let mut rest = body;
    while let Some((piece, after)) = element(rest) {
        if piece.tag != OCTETS {
            break;
        }
        content.extend_from_slice(piece.content?);
        rest = after;
    }
    Some(content)
}

/// Is it an OpenPGP message that is encrypted, armored or not? RFC 9580 section 10.3: session keys, then encrypted data.
pub fn is_openpgp_encrypted(bytes: &[u8]) -> bool {
    match armored(bytes) {
        Some(armored) => has_encrypted_packets(&armored.bytes),
        None => has_encrypted_packets(bytes),
    }
}

/// An armored OpenPGP message inside a text: is it encrypted, and is there anything outside the armor?
pub fn inline_openpgp(text: &[u8]) -> Option<InlineArmor> {
    let armored = armored(text)?;
    let outside = [armored.before, armored.after].iter().any(|part| !part.trim_ascii().is_empty());
    Some(InlineArmor { encrypted: has_encrypted_packets(&armored.bytes), outside })
}

/// What [`inline_openpgp`] found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InlineArmor {
    /// Its packets are encrypted data.
    pub encrypted: bool,
    /// There is text before or after it, which is clear.
    pub outside: bool,
}

struct Armored<'t> {
    bytes: Vec<u8>,
    before: &'t [u8],
    after: &'t [u8],
}

/// RFC 9580 section 6.2. Only as much is decoded as the packet headers can need.
fn armored(text: &[u8]) -> Option<Armored<'_>> {
    let start = memchr::memmem::find(text, ARMOR_BEGIN)?;
    let inside = text.get(start + ARMOR_BEGIN.len()..)?;
    let end = memchr::memmem::find(inside, ARMOR_END).unwrap_or(inside.len());
    let body = inside.get(..end)?;
    // Armor headers end at an empty line; without one there are none.
    let data = [&b"\n\n"[..], b"\r\n\r\n"]
        .iter()
        .filter_map(|blank| Some(memchr::memmem::find(body, blank)? + blank.len()))
        .min()
        .unwrap_or(0);
    let data = body.get(data..)?;
    let decoded = mime::Transfer::Base64.decode(data.get(..data.len().min(ARMOR_BYTES_MAX))?);
    let after = inside.get(end + ARMOR_END.len()..).unwrap_or_default();
    Some(Armored { bytes: decoded.bytes.into_owned(), before: text.get(..start)?, after })
}

fn has_encrypted_packets(bytes: &[u8]) -> bool {
    let mut rest = bytes;
    for _ in 0..PACKETS_MAX {
        let Some((tag, body)) = packet(rest) else { return false };
        match tag {
            // Session keys, public-key and by password; markers and padding mean nothing.
            1 | 3 | 10 | 21 => (),
            // Encrypted data: old, with integrity, AEAD of the drafts.
            9 | 18 | 20 => return true,
            _ => return false,
        }
        let Some(after) = rest.get(body..) else { return false };
        rest = after;
    }
    false
}

/// Tag of the packet and where the next one begins, RFC 9580 section 4.2.
fn packet(bytes: &[u8]) -> Option<(u8, usize)> {
    let (first, rest) = bytes.split_first()?;
    if first & 0x80 == 0 {
        return None;
    }
    if first & 0x40 == 0 {
        let octets = match first & 3 {
            0 => 1,
            1 => 2,
            2 => 4,
            // Until the end.
            _ => return Some(((first >> 2) & 15, bytes.len())),
        };
        return Some(((first >> 2) & 15, 1 + octets + number(rest.get(..octets)?)));
    }
    let tag = first & 63;
    let (length, octets) = match *rest.first()? {
        short @ 0..192 => (usize::from(short), 1),
        high @ 192..224 => ((usize::from(high) - 192) * 256 + usize::from(*rest.get(1)?) + 192, 2),
        255 => (number(rest.get(1..5)?), 5),
        // Partial lengths are for data packets, and after those nothing matters.
        _ => return Some((tag, bytes.len())),
    };
    Some((tag, 1 + octets + length))
}

fn number(octets: &[u8]) -> usize {
    octets.iter().fold(0, |value, octet| (value << 8) | usize::from(*octet))
}

struct Element<'b> {
    tag: u8,
    content: Option<&'b [u8]>,
}

/// One BER element and what follows it. Indefinite length: its content is everything to the end.
fn element(bytes: &[u8]) -> Option<(Element<'_>, &[u8])> {
    let (tag, rest) = bytes.split_first()?;
    let (length, rest) = rest.split_first()?;
    match length {
        0x80 => Some((Element { tag: *tag, content: Some(rest) }, &[])),
        short @ 0..0x80 => {
            let (content, after) = rest.split_at_checked(usize::from(*short))?;
            Some((Element { tag: *tag, content: Some(content) }, after))
        }
        long => {
            let octets = usize::from(long & 0x7f);
            if octets > 4 {
                return None;
            }
            let (size, rest) = rest.split_at_checked(octets)?;
            // What is cut off is still what it says it is.
            let end = number(size).min(rest.len());
            let (content, after) = rest.split_at_checked(end)?;
            Some((Element { tag: *tag, content: Some(content) }, after))
        }
    }
}

const SEQUENCE: u8 = 0x30;
const IDENTIFIER: u8 = 0x06;
const OCTETS: u8 = 0x04;
const CONSTRUCTED: u8 = 0x20;
/// 1.2.840.113549.1
const PKCS: &[u8] = b"\x2a\x86\x48\x86\xf7\x0d\x01";
/// 1.2.840.113549.1.7.2
const SIGNED: &[u8] = b"\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02";
/// 1.2.840.113549.1.7.3
const ENVELOPED: &[u8] = b"\x2a\x86\x48\x86\xf7\x0d\x01\x07\x03";
/// 1.2.840.113549.1.9.16.1.23
const AUTH_ENVELOPED: &[u8] = b"\x2a\x86\x48\x86\xf7\x0d\x01\x09\x10\x01\x17";
const ARMOR_BEGIN: &[u8] = b"-----BEGIN PGP MESSAGE-----";
const ARMOR_END: &[u8] = b"-----END PGP MESSAGE-----";
/// Session keys for a hundred recipients stand before the data.
const PACKETS_MAX: usize = 200;
/// What is decoded of an armored message: enough for that many session keys.
const ARMOR_BYTES_MAX: usize = 256 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    /// DER with a short length.
    fn der(tag: u8, content: &[u8]) -> Vec<u8> {
        [&[tag, content.len().try_into().unwrap()], content].concat()
    }

    fn signed(content: &[u8]) -> Vec<u8> {
        let data = der(IDENTIFIER, b"\x2a\x86\x48\x86\xf7\x0d\x01\x07\x01");
        let encapsulated = der(SEQUENCE, &[data, der(0xa0, content)].concat());
        let body = der(SEQUENCE, &[der(2, &[1]), der(0x31, b""), encapsulated].concat());
        der(SEQUENCE, &[der(IDENTIFIER, SIGNED), der(0xa0, &body)].concat())
    }

    #[test]
    fn cms_by_its_identifier() {
        let enveloped = |oid| der(SEQUENCE, &der(IDENTIFIER, oid));
        assert_eq!(cms(&enveloped(ENVELOPED)), Some(Cms::Enveloped));
        assert_eq!(cms(&enveloped(AUTH_ENVELOPED)), Some(Cms::Enveloped));
        assert_eq!(
            cms(&[&b"\x30\x80"[..], &der(IDENTIFIER, ENVELOPED)].concat()),
            Some(Cms::Enveloped)
        );
        assert_eq!(cms(&signed(&der(OCTETS, b"x"))), Some(Cms::Signed));
        for other in [&b""[..], b"0", b"0\x80", b"hello there", &der(SEQUENCE, &der(2, &[1]))] {
            assert_eq!(cms(other), None);
        }
    }

    #[test]
    fn signed_content_is_clear() {
        assert_eq!(signed_content(&signed(&der(OCTETS, b"hej"))).as_deref(), Some(&b"hej"[..]));
        let pieces = [der(OCTETS, b"he"), der(OCTETS, b"j"), vec![0, 0]].concat();
        let string = [&[OCTETS | CONSTRUCTED, 0x80], &pieces[..]].concat();
        assert_eq!(signed_content(&signed(&string)).as_deref(), Some(&b"hej"[..]));
        assert_eq!(signed_content(&signed(b"")), None);
    }

    #[test]
    fn openpgp_by_its_packets() {
        let armor = |packets: &[u8]| {
            let text = data_encoding::BASE64.encode(packets);
            format!(
                "-----BEGIN PGP MESSAGE-----\nVersion: x\n\n{text}\n=abcd\n-----END PGP MESSAGE-----\n"
            )
        };
        let encrypted = b"\xc1\x03abc\xd2\x05hello";
        let literal = b"\xcb\x05hello";
        assert!(is_openpgp_encrypted(encrypted));
        assert!(is_openpgp_encrypted(armor(encrypted).as_bytes()));
        assert!(is_openpgp_encrypted(b"\x84\x03abc\xd2\xffpartial"));
        assert!(!is_openpgp_encrypted(literal));
        assert!(!is_openpgp_encrypted(armor(literal).as_bytes()));
        assert!(!is_openpgp_encrypted(b"just text"));
        let inline = |text: &str| inline_openpgp(text.as_bytes());
        assert_eq!(
            inline(&armor(encrypted)),
            Some(InlineArmor { encrypted: true, outside: false })
        );
        let with_text = format!("Hi,\n{}", armor(encrypted));
        assert_eq!(inline(&with_text), Some(InlineArmor { encrypted: true, outside: true }));
        assert_eq!(inline(&armor(literal)), Some(InlineArmor { encrypted: false, outside: false }));
        assert_eq!(inline("nothing"), None);
    }
}
