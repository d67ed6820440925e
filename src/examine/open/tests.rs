//! Whole mails through [`open`]: what is hidden is found, what is too much is said, nothing is opened twice.

use super::*;
use crate::{
    base::clock::{Clock, UnixMs},
    examine::{Match, TextSource},
    formats::{
        archive::zip::testing::{File, file, zip},
        budget::Bounds,
    },
};
use flate2::{Compression, write::GzEncoder};
use std::{
    io::Write,
    sync::Mutex,
    time::{Duration, Instant},
};

/// The test file of EICAR, put together so that this source is not taken for it.
fn eicar() -> Vec<u8> {
    [r"X5O!P%@AP[4\PZX54(P^)7CC)7}$", "EICAR-STANDARD-", "ANTIVIRUS-TEST-FILE!$H+H*"]
        .concat()
        .into_bytes()
}

/// Knows one signature and remembers what it was given.
#[derive(Default)]
struct KnowsEicar {
    scanned: Mutex<Vec<(String, PartKind, usize)>>,
    /// Moved on at each scan, as if it took so long.
    clock: Option<(Clock, Duration)>,
    fails: bool,
}

impl Signatures for KnowsEicar {
    fn scan(
        &self,
        blob: &[u8],
        facts: &BlobFacts<'_>,
        time_left: Duration,
    ) -> Result<Vec<Match>, EngineFailure> {
        self.scanned.lock().unwrap().push((facts.filename.to_string(), facts.kind, blob.len()));
        if let Some((clock, span)) = &self.clock {
            clock.advance(*span);
        }
        if self.fails {
            return Err(EngineFailure::TimedOut { time_left, blob_bytes: blob.len() });
        }
        let found = memchr::memmem::find(blob, b"EICAR-STANDARD-ANTIVIRUS").map(|_| Match {
            rule: "eicar".to_string(),
            severity: Severity::Malware,
            about: String::new(),
        });
        Ok(found.into_iter().collect())
    }
}

/// Gives back the parts it was asked about, as kinds.
struct NoPersonalData;

impl PersonalData for NoPersonalData {
    fn read(&self, pieces: &[Piece<'_>], _: &[String]) -> (Vec<Personal>, u32) {
        let lines = pieces.iter().map(|piece| Personal {
            kind: piece.text.chars().take(40).collect(),
            count: 1,
            persons: 1,
            confidence: "low".to_string(),
            part: piece.part.to_string(),
            quoted: 0,
            masked: Vec::new(),
            values: Vec::new(),
            marks: Vec::new(),
        });
        (lines.collect(), 0)
    }
}

fn open_with(message: &[u8], signatures: &KnowsEicar, clock: &Clock) -> Contents {
    let tools =
        Tools { signatures, personal: &NoPersonalData, wants: Wants::default(), abroad: &[] };
    open(message, &tools, &mut Budget::new(Bounds::default(), clock))
}

fn examined(message: impl AsRef<[u8]>) -> Contents {
    open_with(message.as_ref(), &KnowsEicar::default(), &Clock::system())
}

fn base64(bytes: &[u8]) -> String {
    let text = data_encoding::BASE64.encode(bytes);
    let lines: Vec<&str> =
        text.as_bytes().chunks(76).map(|line| std::str::from_utf8(line).unwrap()).collect();
    lines.join("\r\n")
}

fn attached(name: &str, bytes: &[u8]) -> String {
    format!(
        "Content-Type: application/octet-stream\r\nContent-Disposition: attachment; filename=\"{name}\"\r\n\
         Content-Transfer-Encoding: base64\r\n\r\n{}\r\n",
        base64(bytes)
    )
}

/// A mail with a text and these parts.
fn mixed(parts: &[String]) -> String {
    let mut mail = "Subject: hello\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=\"=_b\"\r\n\r\n\
        --=_b\r\nContent-Type: text/plain\r\n\r\nSee attached.\r\n"
        .to_string();
    for part in parts {
        mail.push_str(&format!("--=_b\r\n{part}"));
    }
    mail + "--=_b--\r\n"
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn tar(name: &str, bytes: &[u8]) -> Vec<u8> {
    let mut builder = ::tar::Builder::new(Vec::new());
    let mut header = ::tar::Header::new_gnu();
    header.set_size(bytes.len().try_into().unwrap());
    builder.append_data(&mut header, name, bytes).unwrap();
    builder.into_inner().unwrap()
}

fn reasons(contents: &Contents) -> Vec<UnscannedReason> {
    contents.unscanned.iter().map(|unscanned| unscanned.reason).collect()
}

fn oddities(contents: &Contents) -> Vec<&str> {
    contents.oddities.iter().map(|oddity| oddity.id.as_str()).collect()
}

#[test]
fn a_known_file_is_found_however_it_is_wrapped() {
    let eicar = eicar();
    let packed = zip(&[file("eicar.com", &eicar)]);
    let hexed: String = eicar.iter().map(|byte| format!("={byte:02X}=\r\n")).collect();
    let uu: String = eicar
        .chunks(45)
        .map(|line| {
            let letter = |value: u32| char::from(32 + u8::try_from(value & 63).unwrap());
            let groups: String = line
                .chunks(3)
                .flat_map(|group| {
                    let quantum = (0..3).fold(0, |sum, at| {
                        sum << 8 | u32::from(group.get(at).copied().unwrap_or(0))
                    });
                    [18, 12, 6, 0].map(|shift| letter(quantum >> shift))
                })
                .collect();
            format!("{}{groups}\r\n", letter(line.len().try_into().unwrap()))
        })
        .collect();
    let inner = mixed(&[attached("eicar.com", &eicar)]);
    let unlisted = zip(&[file("a.txt", b"a"), File { listed: false, ..file("eicar.com", &eicar) }]);
    let program = [&b"MZ"[..], &[0; 600], &packed].concat();
    for (what, mail, path) in [
        (
            "as it is",
            mixed(&[format!(
                "Content-Type: a/b; name=e.com\r\n\r\n{}\r\n",
                String::from_utf8_lossy(&eicar)
            )]),
            "",
        ),
        ("base64", mixed(&[attached("e.com", &eicar)]), "e.com"),
        (
            "quoted-printable",
            mixed(&[format!(
                "Content-Type: a/b; name=e.com\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n{hexed}\r\n"
            )]),
            "e.com",
        ),
        (
            "uuencode",
            mixed(&[format!(
                "Content-Type: a/b; name=x\r\nContent-Transfer-Encoding: x-uuencode\r\n\r\nbegin 644 e.com\r\n{uu}`\r\nend\r\n"
            )]),
            "x",
        ),
        (
            "uuencode in a text",
            format!("Subject: x\r\n\r\nHi,\r\nbegin 644 e.com\r\n{uu}`\r\nend\r\n"),
            "e.com",
        ),
        (
            "a message in the mail",
            mixed(&[format!("Content-Type: message/rfc822\r\n\r\n{inner}\r\n")]),
            "eicar.com",
        ),
        (
            "an encoded message",
            mixed(&[format!(
                "Content-Type: message/rfc822; name=m.eml\r\nContent-Transfer-Encoding: base64\r\n\r\n{}\r\n",
                base64(inner.as_bytes())
            )]),
            "m.eml/eicar.com",
        ),
        ("a mail as a file", mixed(&[attached("m.eml", inner.as_bytes())]), "m.eml/eicar.com"),
        ("zip", mixed(&[attached("a.zip", &packed)]), "a.zip/eicar.com"),
        ("zip by another name", mixed(&[attached("a.pdf", &packed)]), "a.pdf/eicar.com"),
        (
            "zip in zip",
            mixed(&[attached("b.zip", &zip(&[file("a.zip", &packed)]))]),
            "b.zip/a.zip/eicar.com",
        ),
        ("gzip", mixed(&[attached("e.com.gz", &gzip(&eicar))]), "e.com.gz/e.com"),
        ("tar.gz", mixed(&[attached("a.tgz", &gzip(&tar("e.com", &eicar)))]), "a.tgz/a.tar/e.com"),
        ("only in a local header", mixed(&[attached("a.zip", &unlisted)]), "a.zip/eicar.com"),
        ("behind a program", mixed(&[attached("setup.exe", &program)]), "setup.exe/eicar.com"),
        (
            "in the macro of a document",
            mixed(&[attached(
                "a.docm",
                &zip(&[file("[Content_Types].xml", b"<x/>"), file("word/vbaProject.bin", &eicar)]),
            )]),
            "a.docm/word/vbaProject.bin",
        ),
    ] {
        let contents = examined(&mail);
        let paths: Vec<&str> = contents.signatures.iter().map(|hit| hit.path.as_str()).collect();
        assert!(paths.contains(&path), "{what}: {paths:?}");
        assert_eq!(contents.unscanned, [], "{what}");
        assert!(contents.parts.iter().all(|part| part.scanned), "{what}");
    }
}

#[test]
fn readers_that_differ_are_all_heard() {
    let secret = base64(&eicar());
    let part = format!(
        "Content-Type: a/b; name=e.com\r\nContent-Transfer-Encoding: base64\r\n\r\n{secret}\r\n"
    );
    for (what, mail, odd) in [
        (
            "letters that do not belong in base64",
            mixed(&[part.replace(&secret[8..12], &format!("!{}\0-", &secret[8..12]))]),
            "mime.base64_unclean",
        ),
        (
            "two transfer encodings",
            mixed(&[part.replace(
                "Content-Transfer",
                "Content-Transfer-Encoding: 7bit\r\nContent-Transfer",
            )]),
            "mime.duplicate_field",
        ),
        (
            "a transfer encoding nobody knows",
            mixed(&[part.replace(": base64", ": x-base64")]),
            "mime.transfer_encoding_unknown",
        ),
        (
            "two types",
            format!("Content-Type: text/plain\r\n{}", mixed(std::slice::from_ref(&part))),
            "mime.duplicate_field",
        ),
        (
            "no boundary",
            mixed(std::slice::from_ref(&part)).replace("; boundary=\"=_b\"", ""),
            "mime.boundary_missing",
        ),
        (
            "a false boundary",
            mixed(std::slice::from_ref(&part)).replace("boundary=\"=_b\"", "boundary=z"),
            "mime.boundary_not_found",
        ),
        (
            "in the preamble",
            mixed(&[]).replacen("--=_b\r\n", &format!("{part}--=_b\r\n"), 1),
            "mime.stray_part",
        ),
        ("after the end", mixed(&[]) + &part, "mime.stray_part"),
        ("after the end, as a part", mixed(&[]) + "--=_b\r\n" + &part, "mime.part_after_end"),
        (
            "behind a delimiter only some readers see",
            mixed(&[]).replace("--=_b--", &format!("--=_bX\r\n{part}--=_b--")),
            "mime.delimiter_unclear",
        ),
        (
            "a header that is broken off",
            mixed(&[format!("no field\r\n{part}")]),
            "mime.header_broken",
        ),
        (
            "never closed",
            mixed(std::slice::from_ref(&part)).replace("--=_b--", ""),
            "mime.end_missing",
        ),
    ] {
        let contents = examined(&mail);
        assert!(!contents.signatures.is_empty(), "{what}: {:#?}", contents.parts);
        assert!(oddities(&contents).contains(&odd), "{what}: {:?}", contents.oddities);
    }
    let contents =
        examined(mixed(&["Content-Type: message/rfc822\r\n\r\n\r\njust text\r\n".to_string()]));
    assert_eq!(oddities(&contents), ["mime.not_a_message"]);
    assert_eq!(examined(mixed(&[part])).oddities, []);
}

#[test]
fn too_much_is_said_and_ends_early() {
    let zeros = vec![0; 72 << 20];
    let bomb = zip(&[file("zeros", &zeros)]);
    let gzipped = gzip(&zeros).repeat(14);
    let many: Vec<File<'_>> = (0..3_000).map(|_| file("x", b"y")).collect();
    let mut deep_zip = zip(&[file("eicar.com", &eicar())]);
    let mut deep_mail = "Subject: innermost\r\n\r\nhi\r\n".to_string();
    for _ in 0..20 {
        deep_zip = zip(&[file("a.zip", &deep_zip)]);
        deep_mail = format!("Content-Type: message/rfc822\r\n\r\n{deep_mail}");
    }
    for (what, mail, want) in [
        ("zip of zeros", mixed(&[attached("a.zip", &bomb)]), UnscannedReason::RatioTooHigh),
        (
            "gzip of a gigabyte of zeros",
            mixed(&[attached("a.gz", &gzipped)]),
            UnscannedReason::RatioTooHigh,
        ),
        ("many members", mixed(&[attached("a.zip", &zip(&many))]), UnscannedReason::TooMany),
        ("many parts", mixed(&vec!["\r\nx\r\n".to_string(); 3_000]), UnscannedReason::TooMany),
        ("archives in archives", mixed(&[attached("a.zip", &deep_zip)]), UnscannedReason::TooDeep),
        ("messages in messages", deep_mail, UnscannedReason::TooDeep),
        (
            "a header without end",
            format!("A: b\r\n{}", " x\r\n".repeat(400_000)),
            UnscannedReason::TooLarge,
        ),
        (
            "an unknown archive",
            mixed(&[attached("a.isc", b"ISc(\0\0\0\x01 what installers are packed in")]),
            UnscannedReason::Unsupported,
        ),
        (
            "a broken archive",
            mixed(&[attached("a.gz", &gzip(b"hello")[..12])]),
            UnscannedReason::Damaged,
        ),
        (
            "an archive of nothing",
            mixed(&[attached("a.zip", b"PK\x03\x04 and then rubbish, more of it")]),
            UnscannedReason::Damaged,
        ),
    ] {
        let start = started();
        let contents = examined(&mail);
        assert!(reasons(&contents).contains(&want), "{what}: {:?}", contents.unscanned);
        assert!(start.elapsed() < Duration::from_secs(20), "{what} took {:?}", start.elapsed());
        assert!(contents.parts.len() <= limits::PARTS_MAX, "{what}");
    }
}

#[allow(clippy::disallowed_methods)] // A bomb is defused in real time or not at all.
fn started() -> Instant {
    Instant::now()
}

/// A mail of 1.6 MB in which each message holds the next, 50,000 deep: a reader that follows them all overflows the stack when it lets go.
#[test]
fn fifty_thousand_messages_in_each_other_are_survived() {
    let chain = "Content-Type: message/rfc822\n\n".repeat(50_000);
    let ambiguous = format!("Content-Type: text/plain\n{chain}");
    let encoded = mixed(&[format!(
        "Content-Type: message/rfc822\r\nContent-Transfer-Encoding: base64\r\n\r\n{}\r\n",
        base64(ambiguous.as_bytes())
    )]);
    for mail in [chain, ambiguous, encoded] {
        let opened = std::thread::Builder::new()
            .stack_size(2 << 20)
            .spawn(move || examined(&mail))
            .unwrap()
            .join()
            .unwrap();
        assert!(reasons(&opened).contains(&UnscannedReason::TooDeep), "{:?}", opened.unscanned);
    }
}

#[test]
fn what_needs_a_password_keeps_its_names() {
    let archive = zip(&[file("readme.txt", b"hi"), File { flags: 1, ..file("secret.exe", b"x") }]);
    let contents = examined(mixed(&[attached("a.zip", &archive)]));
    assert_eq!(reasons(&contents), [UnscannedReason::Encrypted]);
    assert_eq!(
        contents.unscanned[0].because,
        "1 of 2 members need a password (ZipCrypto, which is weak)"
    );
    assert_eq!(contents.encryption, Encryption::Partial);
    let parts: Vec<(&str, bool, bool)> = contents
        .parts
        .iter()
        .map(|part| (part.path.as_str(), part.encrypted, part.scanned))
        .collect();
    assert_eq!(
        parts,
        [
            ("", false, true),
            ("a.zip", true, true),
            ("a.zip/readme.txt", false, true),
            ("a.zip/secret.exe", true, false),
        ]
    );
}

#[test]
fn time_that_runs_out_leaves_the_rest_unscanned() {
    let clock = Clock::by_hand(UnixMs(0));
    let slow = KnowsEicar {
        clock: Some((clock.clone(), Duration::from_secs(3))),
        ..KnowsEicar::default()
    };
    let mail = mixed(&(0..9).map(|n| attached("a", &[n])).collect::<Vec<_>>());
    let contents = open_with(mail.as_bytes(), &slow, &clock);
    assert_eq!(reasons(&contents), [UnscannedReason::OutOfTime]);
    assert_eq!(slow.scanned.lock().unwrap().len(), 3, "eight seconds hold three scans of three");
}

#[test]
fn an_engine_that_fails_leaves_parts_unscanned() {
    let failing = KnowsEicar { fails: true, ..KnowsEicar::default() };
    let contents = open_with(b"Subject: x\n\nhi", &failing, &Clock::system());
    assert_eq!(reasons(&contents), [UnscannedReason::Engine, UnscannedReason::Engine]);
    assert!(!contents.parts[0].scanned);
    assert_eq!(contents.texts[0].shown, "hi", "what can be read is read all the same");
}

#[test]
fn each_distinct_blob_is_scanned_once() {
    let signatures = KnowsEicar::default();
    let archive = zip(&[file("a.txt", b"same"), file("b.txt", b"same")]);
    let mail = mixed(&[
        attached("1.zip", &archive),
        attached("2.zip", &archive),
        attached("c.txt", b"same"),
    ]);
    let contents = open_with(mail.as_bytes(), &signatures, &Clock::system());
    assert_eq!(contents.parts.len(), 6, "an archive that is there twice is opened once");
    let scanned = signatures.scanned.lock().unwrap();
    let names: Vec<(&str, PartKind)> =
        scanned.iter().map(|(name, kind, _)| (name.as_str(), *kind)).collect();
    assert_eq!(
        names,
        [
            ("", PartKind::Message),
            ("", PartKind::Text),
            ("1.zip", PartKind::Zip),
            ("a.txt", PartKind::Text)
        ]
    );
}

#[test]
fn parts_say_what_they_are() {
    let mail = mixed(&[
        attached("invoice.pdf", b"MZ\0\x01 this is a program, whatever it says it is, and long enough to be one too"),
        "Content-Type: image/png; name=logo.png\r\nContent-Disposition: inline\r\n\r\n\x1b\r\n".to_string(),
        "Content-Type: message/rfc822\r\n\r\nSubject: inner\r\nContent-Type: multipart/mixed; boundary=i\r\n\r\n--i\r\n\r\none\r\n--i\r\nContent-Type: text/html\r\n\r\n<p>two\r\n--i--\r\n".to_string(),
    ]);
    let contents = examined(&mail);
    let parts: Vec<(&str, &str, PartKind, bool)> = contents
        .parts
        .iter()
        .map(|part| (part.id.as_str(), part.declared.as_str(), part.kind, part.attachment))
        .collect();
    assert_eq!(
        parts,
        [
            ("1", "text/plain", PartKind::Text, false),
            ("2", "application/octet-stream", PartKind::Executable, true),
            ("3", "image/png", PartKind::Text, true),
            ("4", "message/rfc822", PartKind::Message, true),
            ("4.1", "text/plain", PartKind::Text, false),
            ("4.2", "text/html", PartKind::Html, false),
        ]
    );
    assert_eq!(contents.parts[1].name.as_deref(), Some("invoice.pdf"));
    assert_eq!(contents.parts[0].bytes, 13);
    assert_eq!(contents.parts[0].hash, blake3::hash(b"See attached.").to_hex().to_string());
    let whole = examined("Subject: x\n\nhi");
    assert_eq!((whole.parts.len(), whole.parts[0].id.as_str()), (1, "1"));
}

#[test]
fn texts_links_and_pages() {
    let page = "<p>R=E4kning <a href=3D\"http://x.example/a\">https://bank.example</a><i style=3Ddisplay:none>dold</i>";
    let mail = mixed(&[
        format!(
            "Content-Type: text/html; charset=iso-8859-1\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n{page}\r\n"
        ),
        attached("list.csv", b"name;number\r\nsee http://y.example/"),
        attached("a.zip", &zip(&[file("note.txt", b"in the archive")])),
        attached(
            "a.docx",
            &zip(&[
                file("[Content_Types].xml", b"<x/>"),
                file(
                    "word/document.xml",
                    b"<w:document><w:p><w:t>in the document</w:t></w:p></w:document>",
                ),
            ]),
        ),
    ]);
    let contents = examined(&mail);
    let texts: Vec<(&str, TextSource, &str, &str)> = contents
        .texts
        .iter()
        .map(|text| (text.part.as_str(), text.source, text.shown.trim(), text.hidden.as_str()))
        .collect();
    assert_eq!(
        texts,
        [
            ("1", TextSource::Plain, "See attached.", ""),
            ("2", TextSource::Html, "Räkning https://bank.example", "dold"),
            ("3", TextSource::Plain, "name;number\r\nsee http://y.example/", ""),
            ("4", TextSource::Plain, "in the archive", ""),
            ("5", TextSource::Plain, "in the document", ""),
        ]
    );
    let links: Vec<(&str, &str)> =
        contents.links.iter().map(|link| (link.host.as_str(), link.shown.as_str())).collect();
    assert_eq!(links, [("x.example", "https://bank.example"), ("y.example", "")]);
    assert!(contents.page.present && contents.page.hidden_letters == 4);
    let asked: Vec<(&str, &str)> = contents
        .personal
        .iter()
        .map(|personal| (personal.part.as_str(), personal.kind.as_str()))
        .collect();
    assert!(asked.contains(&("header", "hello")) && asked.contains(&("2", "dold")), "{asked:?}");
    assert!(asked.contains(&("3", "list.csv")), "names are never encrypted and often say too much");
}

#[test]
fn text_has_a_bound() {
    let mail = format!("Subject: x\n\n{}", "å".repeat(2 << 20));
    let contents = examined(&mail);
    assert!(contents.texts[0].shown.len() <= limits::TEXT_BYTES_MAX);
    assert!(contents.parts[0].scanned, "the signatures had all of it");
}

#[test]
fn encryption_is_what_the_bytes_say() {
    let enveloped = b"\x30\x0b\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x03";
    let smime = |bytes: &[u8]| {
        format!(
            "Content-Type: application/pkcs7-mime; name=smime.p7m\r\nContent-Transfer-Encoding: base64\r\n\r\n{}",
            base64(bytes)
        )
    };
    let armor = |packets: &[u8]| {
        format!(
            "-----BEGIN PGP MESSAGE-----\r\n\r\n{}\r\n-----END PGP MESSAGE-----\r\n",
            base64(packets)
        )
    };
    let sealed = armor(b"\xc1\x03abc\xd2\x05hello");
    let clear = armor(b"\xcb\x05hello");
    let pgp_mime = |armor: &str| {
        format!(
            "Content-Type: multipart/encrypted; protocol=\"application/pgp-encrypted\"; boundary=b\r\n\r\n--b\r\n\
             Content-Type: application/pgp-encrypted\r\n\r\nVersion: 1\r\n--b\r\nContent-Type: application/octet-stream; \
             name=encrypted.asc\r\n\r\n{armor}\r\n--b--\r\n"
        )
    };
    for (what, mail, want) in [
        ("plain", "Subject: x\r\n\r\nhi".to_string(), Encryption::None),
        ("S/MIME", smime(enveloped), Encryption::Smime),
        ("S/MIME beside a text", mixed(&[smime(enveloped) + "\r\n"]), Encryption::Partial),
        ("PGP/MIME", pgp_mime(&sealed), Encryption::Openpgp),
        ("PGP/MIME around clear text", pgp_mime(&clear), Encryption::None),
        ("a false label", pgp_mime("just text"), Encryption::None),
        ("inline PGP", format!("Subject: x\r\n\r\n{sealed}"), Encryption::Openpgp),
        (
            "inline PGP and a greeting",
            format!("Subject: x\r\n\r\nHi,\r\n{sealed}"),
            Encryption::Partial,
        ),
    ] {
        assert_eq!(examined(&mail).encryption, want, "{what}");
    }
}

#[test]
fn signed_wrappers_are_opened() {
    let der = |tag: u8, content: &[u8]| {
        [&[tag, 0x82], &u16::try_from(content.len()).unwrap().to_be_bytes()[..], content].concat()
    };
    let part = attached("e.com", &eicar());
    let data = der(6, b"\x2a\x86\x48\x86\xf7\x0d\x01\x07\x01");
    let encapsulated = der(0x30, &[data, der(0xa0, &der(4, part.as_bytes()))].concat());
    let body = der(0x30, &[der(2, &[1]), der(0x31, b""), encapsulated].concat());
    let signed =
        der(0x30, &[der(6, b"\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02"), der(0xa0, &body)].concat());
    let contents = examined(mixed(&[attached("smime.p7m", &signed)]));
    assert!(!contents.signatures.is_empty(), "{:#?}", contents.parts);
    assert_eq!(contents.encryption, Encryption::None);
}

#[test]
fn a_message_in_pieces_is_never_clean() {
    let piece = "Content-Type: message/partial; id=x; number=1; total=2\r\n\r\nSubject: half\r\n";
    assert_eq!(reasons(&examined(piece)), [UnscannedReason::Unsupported]);
}

const QR_LINK: &str = "https://evil.example/login?marker=SLUSS-QR";

/// Rows of a QR code with its quiet zone.
fn qr_rows() -> Vec<Vec<bool>> {
    let code = qrcode::QrCode::new(QR_LINK).unwrap();
    let (width, colors, quiet) = (code.width(), code.to_colors(), 4);
    let dark = |x: usize, y: usize| {
        let inside = |at: usize| (quiet..width + quiet).contains(&at);
        inside(x) && inside(y) && colors[(y - quiet) * width + x - quiet] == qrcode::Color::Dark
    };
    let side = width + 2 * quiet;
    (0..side).map(|y| (0..side).map(|x| dark(x, y)).collect()).collect()
}

#[test]
fn a_code_in_two_pictures_or_drawn_by_a_table_leads_somewhere() {
    let rows = qr_rows();
    let picture = |rows: &[Vec<bool>]| {
        let (width, height) = (rows[0].len() * 4, rows.len() * 4);
        let dark =
            |x: u32, y: u32| rows[usize::try_from(y).unwrap() / 4][usize::try_from(x).unwrap() / 4];
        let size = |side: usize| u32::try_from(side).unwrap();
        let image = ::image::GrayImage::from_fn(size(width), size(height), |x, y| {
            ::image::Luma([if dark(x, y) { 0 } else { 255 }])
        });
        let mut bytes = std::io::Cursor::new(Vec::new());
        ::image::DynamicImage::from(image).write_to(&mut bytes, ::image::ImageFormat::Png).unwrap();
        bytes.into_inner()
    };
    let (upper, lower) = rows.split_at(rows.len() / 2);
    let halves = mixed(&[attached("a.png", &picture(upper)), attached("b.png", &picture(lower))]);
    let cells = |row: &Vec<bool>| {
        let cell = |dark: &bool| format!("<td bgcolor={}>", if *dark { "#000" } else { "#fff" });
        format!("<tr>{}</tr>", row.iter().map(cell).collect::<String>())
    };
    let table = format!(
        "Subject: x\r\nMIME-Version: 1.0\r\nContent-Type: text/html\r\n\r\n<html><table>{}</table></html>",
        rows.iter().map(cells).collect::<Vec<_>>().join("\r\n")
    );
    for (mail, sign) in [(halves, "image.code_in_pieces"), (table, "image.code")] {
        let contents = examined(&mail);
        assert!(contents.links.iter().any(|link| link.target == QR_LINK), "{sign}");
        assert!(contents.signs.iter().any(|one| one.id == sign), "{sign} {:?}", contents.signs);
    }
}

#[test]
fn a_text_that_begins_as_something_else_is_read_all_the_same() {
    for begin in ["P1 ", "P6 ", "ID3", "GIF89a", "BZh9", "MSCF", "!<arch>\n", "MZ", "8BPS"] {
        for media_type in ["text/plain", "text/csv"] {
            let mail = format!(
                "Subject: hello\r\nContent-Type: {media_type}\r\n\r\n{begin}: Anna is ill, as you know.\r\n"
            );
            let contents = examined(&mail);
            let read = contents.personal.iter().any(|line| line.kind.starts_with(begin.trim()));
            assert!(read, "{begin:?} {media_type}: {contents:?}");
        }
    }
    // By its name, where nobody says what it is.
    let list = mixed(&[attached("list.csv", b"GIF89a;Name\nAnna;ill\n")]);
    assert!(examined(&list).personal.iter().any(|line| line.kind.starts_with("GIF89a;")));
    // What is coded stays what it is.
    let picture = b"GIF89a\x01\x00\x01\x00\x80\x00\x00\xff\xff\xff\x00\x00\x00!\xf9\x04\x01\x00";
    let coded = format!(
        "Content-Type: text/plain\r\nContent-Transfer-Encoding: base64\r\n\r\n{}\r\n",
        base64(picture)
    );
    assert_eq!(examined(&coded).parts[0].kind, PartKind::Image);
}

#[test]
fn what_a_mail_within_the_mail_has_as_its_subject_is_read() {
    let mail =
        mixed(
            &["Content-Type: message/rfc822\r\n\r\nSubject: Om Anna\r\n\r\nHej.\r\n".to_string()],
        );
    let contents = examined(&mail);
    assert!(contents.personal.iter().any(|line| line.kind == "Om Anna"), "{contents:?}");
}

#[test]
fn an_armoured_private_key_is_a_text() {
    let key = "-----BEGIN PGP PRIVATE KEY BLOCK-----\r\n\r\nlQOYBGN\r\n-----END PGP PRIVATE KEY BLOCK-----\r\n";
    let contents = examined(mixed(&[attached("key.asc", key.as_bytes())]));
    let read = contents.personal.iter().any(|line| line.kind.starts_with("-----BEGIN PGP"));
    assert!(read, "{contents:?}");
}
