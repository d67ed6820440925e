//! Messages that programs read differently.

use super::*;
use crate::{
    base::clock::Clock,
    formats::{budget::Bounds, opened::Role},
};

const MARK: &[u8] = b"MARKER-that-is-to-be-found-by-a-signature-0123456789-end";

/// The head of an attached message with parts.
const ATTACHED: &str =
    "Content-Type: message/rfc822\n\nContent-Type: multipart/mixed; boundary=bar\n\n";

fn budget() -> Budget {
    Budget::new(Bounds::default(), &Clock::system())
}

fn base64() -> String {
    data_encoding::BASE64.encode(MARK)
}

/// Every blob that comes out of a message by its structure: parts in every reading, entities, messages in messages. No sweeping.
fn blobs(message: &[u8]) -> Vec<Vec<u8>> {
    let mut budget = budget();
    let mut waiting = vec![(message.to_vec(), 0)];
    let mut blobs: Vec<Vec<u8>> = Vec::new();
    while let Some((message, depth)) = waiting.pop() {
        let views = views(&message, "", &mut budget);
        waiting.extend(views.entities.into_iter().map(|entity| (entity.bytes, depth + 1)));
        for leaf in views.split.leaves.iter().chain(&views.others) {
            let body = &message[leaf.body.clone()];
            for transfer in &leaf.fields.transfers {
                for decoded in transfer.readings(body) {
                    let bytes = decoded.bytes.into_owned();
                    if leaf.fields.is_message() && depth < 6 {
                        waiting.push((bytes.clone(), depth + 1));
                    }
                    blobs.push(bytes);
                }
            }
        }
        assert!(blobs.len() < 10_000);
        waiting.retain(|(_, depth)| *depth < 8);
    }
    blobs
}

fn is_found(message: &[u8]) -> bool {
    blobs(message).iter().any(|blob| memchr::memmem::find(blob, MARK).is_some())
}

fn ids(message: &[u8]) -> Vec<&'static str> {
    views(message, "", &mut budget()).split.oddities.ids()
}

/// An attachment between delimiters of this boundary.
fn parts(boundary: &str) -> String {
    format!(
        "--{boundary}\nContent-Type: text/plain\n\nhello\n--{boundary}\nContent-Type: a/b; name=x.exe\n\
         Content-Transfer-Encoding: base64\n\n{}\n--{boundary}--\n",
        base64()
    )
}

#[test]
fn boundaries_in_every_spelling() {
    for (field, boundary) in [
        ("boundary=foo", "foo"),
        ("boundary=\"foo\"", "foo"),
        ("boundary=\"foo\" ; x", "foo"),
        ("boundary=\"foo \"", "foo"),
        ("boundary=\" foo\"", " foo"),
        ("boundary=\" foo\"", "foo"),
        ("boundary=\"f\\oo\"", "foo"),
        ("boundary=\"f\\oo\"", "f\\oo"),
        ("boundary=foo (comment)", "foo"),
        ("boundary=(comment)foo", "foo"),
        ("boundary=(comment)foo", "(comment)foo"),
        ("boundary*0=fo; boundary*1=o", "foo"),
        ("boundary*1=o; boundary*0=fo", "foo"),
        ("boundary*=us-ascii''f%6fo", "foo"),
        ("boundary=f%6fo", "foo"),
        ("boundary=f%6fo", "f%6fo"),
        ("boundary=\"=?utf-8?q?foo?=\"", "foo"),
        ("boundary=\"=?utf-8?q?foo?=\"", "=?utf-8?q?foo?="),
        ("boundary=foo; boundary=bar", "foo"),
        ("boundary=foo; boundary=bar", "bar"),
        ("boundary=foo bar", "foo"),
        ("boundary=foo bar", "foo bar"),
        ("boundary=\"foo", "foo"),
        ("boundary=\"foo\"bar", "foo"),
        ("boundary=\"foo\"bar", "foobar"),
        ("boundary='foo'", "foo"),
        ("boundary='foo'", "'foo'"),
        ("boundary=foo,bar", "foo,bar"),
        ("boundary=foo,bar", "foo"),
        ("boundary=\"foo;bar\"", "foo;bar"),
        ("boundary=\"foo;bar\"", "foo"),
        ("boundary=foo/:=?bar", "foo/:=?bar"),
        ("boundary=\r\n\t\"foo\"", "foo"),
        ("boundary=\"fo\r\n o\"", "fo o"),
        ("boundary\n =foo", "foo"),
        ("boundary=foo\0bar", "foobar"),
        ("boundary=\"\"", ""),
        ("boundary=", ""),
        ("bOuNdArY=foo", "foo"),
        ("xyz", "anything"),
        ("boundary=other", "anything"),
        (
            "boundary=x123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890",
            "x123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890",
        ),
    ] {
        let message = format!("Content-Type: multipart/mixed; {field}\n\n{}", parts(boundary));
        assert!(is_found(message.as_bytes()), "{field:?} {boundary:?}");
        let crlf = message.replace("\r\n", "\n").replace('\n', "\r\n");
        assert!(is_found(crlf.as_bytes()), "{field:?} {boundary:?} with CRLF");
    }
}

#[test]
fn types_in_every_spelling() {
    let mut missing = Vec::new();
    for field in [
        "Content-Type: multipart/mixed boundary=foo",
        "Content-Type: multipart/mixed, boundary=foo",
        "Content-Type: multipart; boundary=foo",
        "Content-Type: multipart/; boundary=foo",
        "Content-Type: multipart/x-unknown; boundary=foo",
        "Content-Type: MULTIPART/MIXED; BOUNDARY=foo",
        "Content-Type: multipart (c) / mixed; boundary=foo",
        "Content-Type: (c) multipart/mixed; boundary=foo",
        "Content-Type: \"multipart/mixed\"; boundary=foo",
        "Content-Type: =?utf-8?q?multipart/mixed?=; boundary=foo",
        "Content-Type: text/plain, multipart/mixed; boundary=foo",
        "Content-Type: text/plain; boundary=foo",
        "Content-Type: application/octet-stream; boundary=foo",
        "Content-Type: ; boundary=foo",
        "Content-Type:multipart/mixed;boundary=foo",
        "Content-Type : multipart/mixed; boundary=foo",
        "Content-Type\t: multipart/mixed; boundary=foo",
        "Content-Type: multi\0part/mixed; boundary=foo",
        "Con\0tent-Type: multipart/mixed; boundary=foo",
        "Content-Type:\n multipart/mixed;\n boundary=foo",
        "Content-Type: text/plain\nContent-Type: multipart/mixed; boundary=foo",
        "Content-Type: multipart/mixed; boundary=foo\nContent-Type: text/plain",
        "Content-Type: multipart/mixed; boundary=foo\nContent-Type: multipart/mixed; boundary=bar",
        "Content-Type: multipart/mixed; boundary=bar\nContent-Type: multipart/mixed; boundary=foo",
        "\u{feff}Content-Type: multipart/mixed; boundary=foo",
        " Content-Type: multipart/mixed; boundary=foo",
        "\nContent-Type: multipart/mixed; boundary=foo",
        "X: y\n Content-Type: multipart/mixed; boundary=foo",
        "X: y\njunk\nContent-Type: multipart/mixed; boundary=foo",
        "X: y\n \nContent-Type: multipart/mixed; boundary=foo",
        "X: y\x0bContent-Type: multipart/mixed; boundary=foo",
        "X: y\rContent-Type: multipart/mixed; boundary=foo",
        "X: y\r\r\nContent-Type: multipart/mixed; boundary=foo\r",
        "Content-\n Type: multipart/mixed; boundary=foo",
        "From someone\nContent-Type: multipart/mixed; boundary=foo",
        ">From someone\nContent-Type: multipart/mixed; boundary=foo",
    ] {
        let message = format!("{field}\n\n{}", parts("foo"));
        if !is_found(message.as_bytes()) {
            missing.push(field);
        }
    }
    assert!(missing.is_empty(), "{missing:#?}");
}

#[test]
fn delimiters_and_line_ends() {
    let encoded = base64();
    let (one, two) = encoded.split_at(encoded.len() / 2);
    let head = "Content-Type: multipart/mixed; boundary=foo\n\n";
    let part = "Content-Type: a/b; name=x.exe\nContent-Transfer-Encoding: base64\n\n";
    let message = |text: String| text.into_bytes();
    let mut missing = Vec::new();
    for (about, message) in [
        ("bare CR", message(format!("{head}{}", parts("foo")).replace('\n', "\r"))),
        ("CR CR LF", message(format!("{head}{}", parts("foo")).replace('\n', "\r\r\n"))),
        (
            "bare CR before a delimiter",
            message(format!("{head}x\r--foo\r{}\r--foo--\n", part.replace('\n', "\r") + &encoded)),
        ),
        ("NEL", message(format!("{head}{}", parts("foo")).replace('\n', "\u{85}"))),
        ("moved in", message(format!("{head}{}", parts("foo").replace("--foo", "  --foo")))),
        ("quoted", message(format!("{head}{}", parts("foo").replace("--foo", "> --foo")))),
        (
            "text behind",
            message(format!("{head}{}", parts("foo").replace("--foo\n", "--foo bar\n"))),
        ),
        ("field behind", message(format!("{head}--foo{part}{encoded}\n--foo--\n"))),
        ("no end", message(format!("{head}--foo\n{part}{encoded}"))),
        ("preamble", message(format!("{head}{part}{encoded}\n--foo\n\nx\n--foo--\n"))),
        ("epilogue", message(format!("{head}--foo\n\nx\n--foo--\n{part}{encoded}\n"))),
        (
            "after the end",
            message(format!("{head}--foo\n\nx\n--foo--\n--foo\n{part}{encoded}\n--foo--\n")),
        ),
        ("late header", message(format!("{head}--foo\n\n{part}{encoded}\n--foo--\n"))),
        (
            "blanks end it",
            message(format!(
                "{head}--foo\nContent-Type: a/b\nContent-Transfer-Encoding: base64\n \t\n{encoded}\n--foo--\n"
            )),
        ),
        (
            "no empty line",
            message(format!(
                "{head}--foo\nContent-Type: a/b\nContent-Transfer-Encoding: base64\n{encoded}\n--foo--\n"
            )),
        ),
        (
            "another boundary in the middle",
            message(format!(
                "Content-Type: multipart/mixed; boundary=foo; boundary=\"_-_\"\n\n--foo\n{part}{one}\n--_-_\n{two}\n--foo--\n"
            )),
        ),
        (
            "a longer one in the middle",
            message(format!("{head}--foo\n{part}{one}\n--foo-\u{e5}\n{two}\n--foo--\n")),
        ),
        (
            "an outer one in the middle",
            message(format!(
                "Content-Type: multipart/mixed; boundary=\"_-_\"\n\n--_-_\n{head}--foo\n{part}{one}\n--_-_\n{two}\n--foo--\n"
            )),
        ),
        (
            "the same in each other",
            message(format!("{head}--foo\n{head}--foo\n{part}{encoded}\n--foo--\n--foo--\n")),
        ),
        (
            "an encoded multipart",
            message(format!(
                "Content-Type: multipart/mixed; boundary=foo\nContent-Transfer-Encoding: base64\n\n{}\n",
                data_encoding::BASE64.encode(parts("foo").as_bytes())
            )),
        ),
        (
            "an encoded message",
            message(format!(
                "Content-Type: message/rfc822\nContent-Transfer-Encoding: base64\n\n{}\n",
                data_encoding::BASE64.encode(format!("{head}{}", parts("foo")).as_bytes())
            )),
        ),
        (
            "a message that is not encoded",
            message(format!(
                "Content-Type: message/rfc822\nContent-Transfer-Encoding: base64\n\n{head}{}\n",
                parts("foo")
            )),
        ),
        (
            "UTF-16",
            format!("{head}{}", parts("foo")).encode_utf16().flat_map(u16::to_le_bytes).collect(),
        ),
        (
            "UTF-32",
            format!("{head}{}", parts("foo"))
                .chars()
                .flat_map(|letter| u32::from(letter).to_be_bytes())
                .collect(),
        ),
    ] {
        if !is_found(&message) {
            missing.push(about);
        }
    }
    assert!(missing.is_empty(), "{missing:#?}");
}

#[test]
fn encodings_in_every_spelling() {
    let encoded = base64();
    let quoted: String = MARK.iter().map(|byte| format!("={byte:02x}")).collect();
    for (field, body) in [
        ("Content-Transfer-Encoding: base64", &encoded),
        ("Content-Transfer-Encoding: BASE64", &encoded),
        ("Content-Transfer-Encoding: \"base64\"", &encoded),
        ("Content-Transfer-Encoding: base64;", &encoded),
        ("Content-Transfer-Encoding: (x) base64", &encoded),
        ("Content-Transfer-Encoding: base64 junk", &encoded),
        ("Content-Transfer-Encoding: junk base64", &encoded),
        ("Content-Transfer-Encoding: x-base64", &encoded),
        ("Content-Transfer-Encoding: base 64", &encoded),
        ("Content-Transfer-Encoding: =?utf-8?q?base64?=", &encoded),
        ("Content-Transfer-Encoding: 7bit, base64", &encoded),
        ("Content-Transfer-Encoding:\n base64", &encoded),
        ("Content-Transfer-Encoding : base64", &encoded),
        ("Content-Transfer-Encoding: 7bit\nContent-Transfer-Encoding: base64", &encoded),
        ("Content-Transfer-Encoding: base64\nContent-Transfer-Encoding: 7bit", &encoded),
        ("Content-Transfer-Encoding: base64\nContent-Transfer-Encoding: quoted-printable", &quoted),
        ("Content-Transfer-Encoding: quoted-printable", &quoted),
        ("Content-Transfer-Encoding: quotedprintable", &quoted),
    ] {
        for start in ["", "Content-Type: multipart/mixed; boundary=b\n\n--b\n"] {
            let message = format!("{start}Content-Type: a/b\n{field}\n\n{body}\n");
            assert!(is_found(message.as_bytes()), "{start:?} {field:?}");
        }
    }
    for body in [
        encoded.replace('=', ""),
        format!("AAA={encoded}"),
        format!("AA=={encoded}"),
        encoded.chars().flat_map(|letter| [letter, ' ']).collect(),
        encoded.chars().flat_map(|letter| [letter, '!']).collect(),
        encoded
            .as_bytes()
            .chunks(10)
            .map(|line| String::from_utf8_lossy(line).replace('=', "") + "\n")
            .collect(),
        MARK.chunks(4).map(|chunk| data_encoding::BASE64.encode(chunk)).collect(),
        MARK.chunks(4).map(|chunk| data_encoding::BASE64_NOPAD.encode(chunk) + "\n").collect(),
        encoded
            .as_bytes()
            .chunks(7)
            .map(|chunk| format!("{}=", String::from_utf8_lossy(chunk)))
            .collect(),
    ] {
        let message = format!("Content-Type: a/b\nContent-Transfer-Encoding: base64\n\n{body}\n");
        assert!(is_found(message.as_bytes()), "{body}");
    }
}

#[test]
fn disagreement_is_said_and_agreement_is_not() {
    let part = format!(
        "Content-Type: a/b; name=x.exe\nContent-Transfer-Encoding: base64\n\n{}\n",
        base64()
    );
    let head = "Content-Type: multipart/mixed; boundary=foo\n\n";
    for (message, want) in [
        ("Subject: hi\n\nbody\n".to_string(), false),
        (format!("{head}{}", parts("foo")), false),
        // The end is missing and everybody sees the same.
        (format!("{head}--foo\n{part}"), false),
        // The same field twice.
        (format!("Content-Type: multipart/mixed; boundary=foo\n{head}{}", parts("foo")), false),
        // A signature's dashes, a ruler, a quoted delimiter of a text.
        (format!("{head}--foo\n\n-- \nme\n---\n> --foo\n> hi\n--foo--\n"), false),
        (format!("Content-Type: text/plain\n{head}{}", parts("foo")), true),
        (format!("{head}--foo\n\nx\n--foo--\n{part}"), true),
        (
            format!(
                "Content-Type: multipart/mixed; boundary=foo; boundary=bar\n\n--foo\n\n{}--foo--\n",
                parts("bar")
            ),
            true,
        ),
        (format!("{head}--foo\n\nx\n--foo bar\n{part}--foo--\n"), true),
        // An attached message that was cut off, as in many a bounce.
        (format!("{head}--foo\n{ATTACHED}--bar\n\nx\n--foo--\n"), false),
        // One whose parts end behind it.
        (format!("{head}--foo\n{ATTACHED}--bar\n\nx\n--foo\n\ny\n--bar--\n--foo--\n"), true),
    ] {
        assert_eq!(
            ids(message.as_bytes()).contains(&"mime.views_disagree"),
            want,
            "{message}: {:?}",
            ids(message.as_bytes())
        );
    }
}

#[test]
fn a_part_of_an_attached_message_may_go_on_over_the_delimiter_around_it() {
    let mail = format!(
        "Content-Type: multipart/mixed; boundary=foo\n\n--foo\n{ATTACHED}\
         --bar\nContent-Type: a/b\nContent-Disposition: attachment\n\nfirst\n--foo\nX: y\n\nlast\n--bar--\n--foo--\n"
    );
    let wanted = b"first\n--foo\nX: y\n\nlast";
    assert!(blobs(mail.as_bytes()).iter().any(|blob| blob.trim_ascii() == wanted), "{mail}");
}

#[test]
fn a_mail_in_order_is_walked_once() {
    let message = format!("Content-Type: multipart/mixed; boundary=foo\n\n{}", parts("foo"))
        .replace('\n', "\r\n");
    let views = views(message.as_bytes(), "", &mut budget());
    assert!(views.split.oddities.is_empty() && views.split.oddities.doubts.is_empty());
    assert!(views.others.is_empty() && views.entities.is_empty() && views.unread.is_none());
}

#[test]
fn cut_anywhere_nothing_panics() {
    let message = format!(
        "Content-Type: text/plain; boundary*0=\"f\nContent-Type: multipart/mixed; boundary=foo; boundary=\"b a\"\r\n \n\
         Content-Transfer-Encoding: base64, x\n\n--foo\r--b a\x0bContent-Type: multipart/x\n\n{}--foo--bar\n",
        parts("foo")
    );
    for end in 0..message.len() {
        blobs(&message.as_bytes()[..end]);
    }
    assert!(
        views(message.as_bytes(), "", &mut budget())
            .entities
            .iter()
            .all(|entity| entity.role == Role::Entity)
    );
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig { cases: 120, failure_persistence: None, ..Default::default() })]

    /// What mail-parser finds in mails put together from odd pieces is among what we find.
    #[test]
    fn what_another_parser_finds_is_in_the_union(pieces in proptest::collection::vec(0..PIECES.len(), 1..24)) {
        let message: String = pieces.iter().map(|at| PIECES[*at]).collect();
        let ours = blobs(message.as_bytes());
        let theirs = std::panic::catch_unwind(|| attachments(message.as_bytes())).unwrap_or_default();
        for attachment in theirs {
            // Line ends and escapes that are none are kept or dropped as each likes.
            let letters = |bytes: &[u8]| -> Vec<u8> {
                bytes.iter().copied().filter(u8::is_ascii_alphanumeric).collect()
            };
            let wanted = letters(&attachment);
            let found = ours.iter().any(|blob| memchr::memmem::find(&letters(blob), &wanted).is_some());
            proptest::prop_assert!(
                wanted.is_empty() || found,
                "{:?}\nnot in our reading of\n{}", String::from_utf8_lossy(&attachment), message
            );
        }
    }
}

/// Every body that mail-parser decodes.
fn attachments(message: &[u8]) -> Vec<Vec<u8>> {
    let Some(parsed) = mail_parser::MessageParser::default().parse(message) else {
        return Vec::new();
    };
    parsed
        .parts
        .iter()
        .filter_map(|part| match &part.body {
            mail_parser::PartType::Binary(bytes) | mail_parser::PartType::InlineBinary(bytes) => {
                Some(bytes.to_vec())
            }
            mail_parser::PartType::Text(_)
            | mail_parser::PartType::Html(_)
            | mail_parser::PartType::Message(_)
            | mail_parser::PartType::Multipart(_) => None,
        })
        .collect()
}

const PIECES: &[&str] = &[
    "Content-Type: multipart/mixed; boundary=q\n",
    "Content-Type: multipart/mixed; boundary=\"qb\"; boundary=k\n",
    "Content-Type: a/b; name=x.bin\n",
    "Content-Type: text/plain\n",
    "Content-Type: message/rfc822\n",
    "Content-Transfer-Encoding: base64\n",
    "Content-Transfer-Encoding: quoted-printable\n",
    "Content-Disposition: attachment; filename=y.bin\n",
    "Subject: x\n",
    "\n",
    "\n",
    "\n",
    "--q\n",
    "--q\n",
    "--qb\n",
    "--k\n",
    "--q--\n",
    "--qb--\n",
    " --q\n",
    "--q b\n",
    "\r--q\r",
    "TUFSS0VS\n",
    "=4D=41\n",
    "some text\n",
    " \n",
];
