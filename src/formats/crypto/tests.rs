//! Signed, packed and armoured content by hand.

use super::{
    cms::{
        AUTH_ENVELOPED, COMPRESSED, CONSTRUCTED, DATA, ENVELOPED, IDENTIFIER, OCTETS, SEQUENCE,
        SIGNED,
    },
    *,
};
use crate::{base::clock::Clock, formats::budget::Bounds};
use std::io::Write;

fn der(tag: u8, content: &[u8]) -> Vec<u8> {
    let mut element = vec![tag];
    match content.len() {
        length @ 0..128 => element.push(length.try_into().unwrap()),
        length => {
            element.push(0x83);
            element.extend_from_slice(&u32::try_from(length).unwrap().to_be_bytes()[1..]);
        }
    }
    element.extend_from_slice(content);
    element
}

/// Of indefinite length.
fn ber(tag: u8, content: &[u8]) -> Vec<u8> {
    [&[tag, 0x80], content, &[0, 0]].concat()
}

type Wrap = fn(u8, &[u8]) -> Vec<u8>;

fn object(kind: &[u8], wrap: Wrap, string: &[u8]) -> Vec<u8> {
    let inside = wrap(SEQUENCE, &[der(IDENTIFIER, DATA), wrap(0xa0, string)].concat());
    let algorithms =
        if kind == COMPRESSED { wrap(SEQUENCE, &der(IDENTIFIER, DATA)) } else { wrap(0x31, b"") };
    let body = wrap(SEQUENCE, &[der(2, &[1]), algorithms, inside, wrap(0x31, b"")].concat());
    wrap(SEQUENCE, &[der(IDENTIFIER, kind), wrap(0xa0, &body)].concat())
}

fn signed(content: &[u8]) -> Vec<u8> {
    object(SIGNED, der, content)
}

fn zlib(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn deflate(bytes: &[u8]) -> Vec<u8> {
    let mut encoder =
        flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn bzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn opened(bytes: &[u8]) -> Opened {
    open(bytes, &mut Budget::new(Bounds::default(), &Clock::system()))
}

/// What came out, as `role name: bytes`.
fn out(bytes: &[u8]) -> Vec<String> {
    opened(bytes)
        .members
        .iter()
        .map(|member| {
            let name = member.name.as_deref().unwrap_or("-");
            format!("{:?} {name}: {}", member.role, String::from_utf8_lossy(&member.bytes))
        })
        .collect()
}

fn new_packet(tag: u8, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len()).unwrap().to_be_bytes();
    [&[0xc0 | tag, 255], &length[..], body].concat()
}

fn literal(content: &[u8]) -> Vec<u8> {
    new_packet(11, &[b"b\x05a.txt\0\0\0\0", content].concat())
}

fn compressed(algorithm: u8, packed: &[u8]) -> Vec<u8> {
    new_packet(8, &[&[algorithm], packed].concat())
}

fn armoured(label: &str, headers: &str, bytes: &[u8]) -> String {
    let text = data_encoding::BASE64.encode(bytes);
    let lines: Vec<&str> =
        text.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap()).collect();
    format!("-----BEGIN {label}-----\n{headers}{}\n-----END {label}-----\n", lines.join("\n"))
}

const ENTITY: &[&str] = &["Entity -: hej"];
const FILE: &[&str] = &["File a.txt: hej"];

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
    assert!(is_openpgp_encrypted(b"\x84\x03abc\xd2\xeapartial"));
    assert!(!is_openpgp_encrypted(literal));
    assert!(!is_openpgp_encrypted(armor(literal).as_bytes()));
    assert!(!is_openpgp_encrypted(b"just text"));
    let inline = |text: &str| inline_openpgp(text.as_bytes());
    assert_eq!(inline(&armor(encrypted)), Some(InlineArmor { encrypted: true, outside: false }));
    let with_text = format!("Hi,\n{}", armor(encrypted));
    assert_eq!(inline(&with_text), Some(InlineArmor { encrypted: true, outside: true }));
    assert_eq!(inline(&armor(literal)), Some(InlineArmor { encrypted: false, outside: false }));
    assert_eq!(inline("nothing"), None);
}

#[test]
fn cms_in_all_its_encodings() {
    let string = der(OCTETS, b"hej");
    let pieces = [
        der(OCTETS, b"h"),
        ber(OCTETS | CONSTRUCTED, &der(OCTETS, b"e")),
        der(OCTETS | CONSTRUCTED, &der(OCTETS, b"j")),
    ]
    .concat();
    let whole = signed(&string);
    let mut long = whole.clone();
    long[1] = 0x7f;
    let mut cases = vec![
        whole.clone(),
        object(SIGNED, ber, &string),
        object(SIGNED, ber, &ber(OCTETS | CONSTRUCTED, &pieces)),
        signed(&der(OCTETS | CONSTRUCTED, &pieces)),
        object(COMPRESSED, der, &der(OCTETS, &zlib(b"hej"))),
        object(COMPRESSED, ber, &ber(OCTETS | CONSTRUCTED, &der(OCTETS, &zlib(b"hej")))),
        object(COMPRESSED, der, &der(OCTETS, &deflate(b"hej"))),
        signed(&der(OCTETS, &whole)),
        signed(&der(OCTETS, &object(COMPRESSED, ber, &der(OCTETS, &zlib(&whole))))),
        [&whole[..], b"\r\njunk"].concat(),
        long,
        whole[..whole.len() - 2].to_vec(),
        // Authenticated data has recipients before the algorithm.
        der(
            SEQUENCE,
            &[
                der(IDENTIFIER, b"\x2a\x86\x48\x86\xf7\x0d\x01\x09\x10\x01\x02"),
                der(
                    0xa0,
                    &der(
                        SEQUENCE,
                        &[
                            der(2, &[0]),
                            der(0x31, b"x"),
                            der(SEQUENCE, b""),
                            der(SEQUENCE, &[der(IDENTIFIER, DATA), der(0xa0, &string)].concat()),
                        ]
                        .concat(),
                    ),
                ),
            ]
            .concat(),
        ),
    ];
    let base64 = data_encoding::BASE64.encode(&whole);
    for text in [
        armoured("PKCS7", "", &whole),
        armoured("CMS", "\n", &whole),
        armoured("PKCS #7 SIGNED DATA", "", &whole).replace('\n', "\r\n"),
        format!("text\n  {}\nmore", armoured("CMS", "", &whole).replace('\n', "\n  ")),
        armoured("CMS", "", &whole).replace("-----END", "\n\n-----END"),
        base64.clone(),
        base64
            .as_bytes()
            .chunks(5)
            .map(|piece| format!("{} \r\n\t", std::str::from_utf8(piece).unwrap()))
            .collect(),
        format!("\u{feff}\n{base64}\n"),
    ] {
        assert!(of(text.as_bytes()), "{text}");
        cases.push(text.into_bytes());
    }
    for (count, case) in cases.iter().enumerate() {
        assert_eq!(out(case), ENTITY, "{count}");
    }
}

#[test]
fn cms_without_content_gives_nothing() {
    for case in [
        signed(b""),
        der(
            SEQUENCE,
            &[der(IDENTIFIER, ENVELOPED), der(0xa0, &der(SEQUENCE, &der(2, &[0])))].concat(),
        ),
        // Certificates only.
        der(
            SEQUENCE,
            &[
                der(IDENTIFIER, SIGNED),
                der(
                    0xa0,
                    &der(
                        SEQUENCE,
                        &[
                            der(2, &[1]),
                            der(0x31, b""),
                            der(SEQUENCE, &der(IDENTIFIER, DATA)),
                            der(0xa0, &der(SEQUENCE, b"certificate")),
                            der(0x31, b""),
                        ]
                        .concat(),
                    ),
                ),
            ]
            .concat(),
        ),
        armoured("CERTIFICATE", "", &der(SEQUENCE, &der(SEQUENCE, b"x"))).into_bytes(),
    ] {
        assert_eq!(out(&case), [""; 0]);
    }
    // What is encrypted inside is given, to be reported as that.
    let enveloped = der(SEQUENCE, &der(IDENTIFIER, ENVELOPED));
    let opened = opened(&signed(&der(OCTETS, &enveloped)));
    assert_eq!(opened.members[0].bytes, enveloped);
    let behind = [&signed(&der(OCTETS, b"hej"))[..], b"more"].concat();
    assert_eq!(out(&signed(&der(OCTETS, &behind))), ["Inside -: more", "Entity -: hej"]);
}

#[test]
fn openpgp_in_all_its_lengths_and_packings() {
    let file = literal(b"hej");
    let body = &file[6..];
    let mut partial = vec![0xcb, 0xe2];
    partial.extend_from_slice(&body[..4]);
    partial.push(0xe0);
    partial.extend_from_slice(&body[4..5]);
    partial.push(u8::try_from(body.len() - 5).unwrap());
    partial.extend_from_slice(&body[5..]);
    let short = u8::try_from(body.len()).unwrap();
    let packed = [vec![0xa3, 1], deflate(&file)].concat();
    let nested = (0..20).fold(file.clone(), |inner, _| compressed(2, &zlib(&inner)));
    let one_pass =
        [new_packet(4, b"\x03\0\x08\x01keyidkey\x01"), file.clone(), new_packet(2, b"\x04x")]
            .concat();
    let marked = [new_packet(10, b"PGP"), file.clone()].concat();
    for (count, case) in [
        file.clone(),
        partial,
        [&[0xac, short], body].concat(),
        [&[0xad, 0, short], body].concat(),
        [&[0xae, 0, 0, 0, short], body].concat(),
        [&[0xaf], body].concat(),
        [&[0xcb, short], body].concat(),
        compressed(0, &file),
        compressed(1, &deflate(&file)),
        compressed(2, &zlib(&file)),
        compressed(3, &bzip(&file)),
        packed.clone(),
        nested,
        one_pass.clone(),
        compressed(1, &deflate(&one_pass)),
        marked,
        [file.clone(), b"\r\njunk".to_vec()].concat(),
        armoured("PGP MESSAGE", "\n", &packed).into_bytes(),
        armoured("PGP MESSAGE", "Version: x\nComment: y\n\n", &packed)
            .replace('\n', "\r\n")
            .into_bytes(),
        armoured("PGP MESSAGE", "Version: x\n", &packed).into_bytes(),
        armoured("PGP MESSAGE", "", &packed).into_bytes(),
        armoured("PGP MESSAGE", " \t\n", &packed)
            .replace("\n-----END", "\n=abcd\n-----END")
            .into_bytes(),
        format!("Hi,\n\n> {}> bye", armoured("PGP MESSAGE", "\n", &packed).replace('\n', "\n> "))
            .into_bytes(),
        format!("\u{c4}\n- {}", armoured("PGP MESSAGE", "\n", &packed)).into_bytes(),
        armoured("PGP MESSAGE", "\n", &packed)
            .replace("-----END PGP MESSAGE-----", "")
            .into_bytes(),
        format!(
            "{}{}",
            armoured("PGP PUBLIC KEY BLOCK", "\n", &new_packet(6, b"\x04x")),
            armoured("PGP SIGNATURE", "\n", &packed)
        )
        .into_bytes(),
        format!(
            "{}{}",
            armoured("PGP MESSAGE, PART 01/02", "\n", &packed[..9]),
            armoured("PGP MESSAGE, PART 02/02", "\n", &packed[9..])
        )
        .into_bytes(),
        data_encoding::BASE64.encode(&packed).into_bytes(),
    ]
    .iter()
    .enumerate()
    {
        assert_eq!(out(case), FILE, "{count}");
    }
    let two = armoured("PGP MESSAGE", "\n", &file);
    assert_eq!(out(two.repeat(2).as_bytes()), [FILE[0], FILE[0]]);
}

#[test]
fn openpgp_without_a_file_gives_nothing() {
    for case in [
        new_packet(18, b"\x01secret"),
        [new_packet(1, b"\x03key"), vec![0xd2, 0xe1, 1, 2, 0]].concat(),
        new_packet(9, b"secret"),
        new_packet(20, b"\x01secret"),
        new_packet(6, b"\x04key"),
        new_packet(2, b"\x04signature"),
        b"\xff\xd8\xff\xe0".to_vec(),
        b"nothing at all".to_vec(),
        Vec::new(),
    ] {
        let opened = opened(&case);
        assert_eq!((opened.members.len(), opened.stopped), (0, None), "{case:x?}");
    }
    // No packet inside a compressed one is still bytes.
    assert_eq!(out(&compressed(2, &zlib(b"hej"))), ["Inside -: hej"]);
}

#[test]
fn clear_signed_text_loses_its_dashes() {
    let text = "-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA256\n\nhej\n- -x-\n-----BEGIN PGP SIGNATURE-----\n\nabcd\n-----END PGP SIGNATURE-----\n";
    assert_eq!(out(text.as_bytes()), ["Text -: hej\n-x-\n", "Inside -: hej\n- -x-\n"]);
    let plain = "x\n-----BEGIN PGP SIGNED MESSAGE-----\n\nhej";
    assert_eq!(out(plain.as_bytes()), ["Text -: hej"]);
    assert!(of(plain.as_bytes()) && !of(b"hej") && !of(b"Thanks for all the fish"));
}

#[test]
fn bombs_are_bounded() {
    let zeros = vec![0; 80 << 20];
    let bomb = opened(&compressed(2, &zlib(&literal(&zeros))));
    assert!(matches!(bomb.stopped, Some(Stopped::Limit(_))));
    assert!(!bomb.members.is_empty());
    let deep = (0..100).fold(literal(b"hej"), |inner, _| compressed(0, &inner));
    assert!(matches!(opened(&deep).stopped, Some(Stopped::Limit(Limit::TooDeep { .. }))));
    for baits in [
        [OCTETS | CONSTRUCTED, 0x80].repeat(1 << 20),
        [OCTETS, 0].repeat(1 << 20),
        [SEQUENCE, 0x80].repeat(1 << 20),
    ] {
        opened(&object(SIGNED, ber, &ber(OCTETS | CONSTRUCTED, &baits)));
        opened(&baits);
    }
    opened(&new_packet(10, b"PGP").repeat(200_000));
    opened(&[&[0xcb][..], &[0xe0, 0].repeat(1 << 20)].concat());
    opened("-----BEGIN PGP SIGNED MESSAGE-----\n\n- x".repeat(30_000).as_bytes());
    opened("-----BEGIN ".repeat(300_000).as_bytes());
    opened("-----BEGIN X-----".repeat(300_000).as_bytes());
}

#[test]
fn nothing_panics_wherever_it_ends() {
    let file = literal(b"hej");
    let whole = object(SIGNED, ber, &ber(OCTETS | CONSTRUCTED, &der(OCTETS, b"hej")));
    for case in [
        whole.clone(),
        object(COMPRESSED, der, &der(OCTETS, &zlib(b"hej"))),
        compressed(3, &bzip(&file)),
        compressed(1, &deflate(&file)),
        armoured("PGP MESSAGE", "Version: x\n\n", &file).into_bytes(),
        armoured("CMS", "", &whole).into_bytes(),
    ] {
        for end in 0..case.len() {
            opened(&case[..end]);
            let mut turned = case.clone();
            turned[end] ^= 0xff;
            opened(&turned);
            inline_openpgp(&turned);
        }
    }
}

#[test]
fn a_text_in_the_clothes_of_ciphertext_is_read() {
    let text = "Anna Berg, 850709-9805, är sjukskriven.\n".repeat(6);
    let noise: Vec<u8> =
        (0..600_u32).map(|at| at.wrapping_mul(2_654_435_761).to_be_bytes()[0]).collect();
    let session_key = new_packet(1, &[3; 20]);
    let message = |inside: &[u8]| {
        let body = [&[1], inside].concat();
        [session_key.clone(), new_packet(18, &body)].concat()
    };
    assert!(is_openpgp_encrypted(&message(&noise)));
    let feigned = message(text.as_bytes());
    assert!(!is_openpgp_encrypted(&feigned));
    assert!(out(&feigned).iter().any(|one| one.contains("850709-9805")), "{:?}", out(&feigned));
    let armour = armoured("PGP MESSAGE", "", &feigned);
    assert_eq!(inline_openpgp(armour.as_bytes()).map(|armor| armor.encrypted), Some(false));
    let enveloped = |inside: &[u8]| object(cms::ENVELOPED, der, inside);
    assert_eq!(cms(&enveloped(&noise)), Some(Cms::Enveloped));
    assert_eq!(cms(&enveloped(text.as_bytes())), Some(Cms::Feigned));
    let found = out(&enveloped(text.as_bytes()));
    assert!(found.iter().any(|one| one.contains("850709-9805")), "{found:?}");
}
