//! What hides in texts, and texts that hide nothing.

use super::*;
use crate::{base::clock::Clock, formats::budget::Bounds};

const MARK: &str = "MARKER-that-is-to-be-found-by-a-signature-0123456789-end";

fn swept(text: &[u8]) -> Opened {
    sweep(text, &mut Budget::new(Bounds::default(), &Clock::system()))
}

fn finds(text: &str) -> bool {
    swept(text.as_bytes())
        .members
        .iter()
        .any(|member| memchr::memmem::find(&member.bytes, MARK.as_bytes()).is_some())
}

fn base64(text: &str) -> String {
    data_encoding::BASE64.encode(text.as_bytes())
}

fn chunked(text: &str, size: usize, between: &str) -> String {
    text.as_bytes()
        .chunks(size)
        .map(|chunk| String::from_utf8_lossy(chunk).into_owned())
        .collect::<Vec<_>>()
        .join(between)
}

#[test]
fn what_hides_in_a_text() {
    let plain = base64(MARK);
    let url_safe = plain.replace('+', "-").replace('/', "_");
    let hex = data_encoding::HEXLOWER.encode(MARK.as_bytes());
    let percent: String = MARK.bytes().map(|byte| format!("%{byte:02x}")).collect();
    let quoted: String = MARK.bytes().map(|byte| format!("={byte:02X}")).collect();
    let escaped: String = MARK.bytes().map(|byte| format!("\\x{byte:02x}")).collect();
    let array: String = MARK.bytes().map(|byte| format!("0x{byte:02x}, ")).collect();
    for text in [
        format!("see below:\n\n{plain}\n\nbye"),
        format!("the file\n{plain}\nbye"),
        format!("var x = \"{plain}\";"),
        format!("<img src=\"data:a/b;base64,{url_safe}\">"),
        format!("/some/path/{plain}"),
        format!("> {}\n", chunked(&plain, 20, "\n> ")),
        chunked(&plain, 4, "\n"),
        chunked(&plain, 4, " "),
        chunked(&plain, 1, " "),
        chunked(&plain, 16, "=\r\n"),
        chunked(&plain, 40, "  \r\n   "),
        format!("-----BEGIN X-----\n{}\n-----END X-----\n", chunked(&plain, 64, "\n")),
        format!("x {hex} y"),
        chunked(&hex, 2, " "),
        format!("unescape('{percent}')"),
        format!("text\n{quoted}\n"),
        format!("'{escaped}'"),
        format!("byte[] = {{ {array} }}"),
        "MARKER-that-is=\n-to-be-found-by-a-=\nsignature-0123456789=2Dend=\n".to_string(),
        format!(
            "Hello,\n\nContent-Type: a/b\nContent-Transfer-Encoding: quoted-printable\n\n{MARK}"
        ),
    ] {
        assert!(finds(&text), "{text}");
    }
}

#[test]
fn ordinary_texts_have_nothing() {
    for text in [
        "The quick brown fox jumps over the lazy dog and so on until the line is full of words that mean it.\n"
            .repeat(20),
        format!("{}\n{}\n{}\n", "-".repeat(78), "=".repeat(78), "_".repeat(78)),
        "<table border=\"0\"><tr><td>one</td></tr></table>\n".repeat(20),
        "Date: today\nContent-Type: text/plain; charset=us-ascii\n\nhello\n".repeat(30),
        "100 % of it, a=b and c=d; begin 3 things".to_string(),
    ] {
        let opened = swept(text.as_bytes());
        assert!(opened.members.is_empty(), "{:?}", opened.members);
    }
}

#[test]
fn ascii85_and_others() {
    let opened = swept(b"x <~87cURD]i,\"Ebo80~> y");
    assert_eq!(opened.members[0].bytes, b"Hello World!\n");
    let digest = format!(
        "{}Content-Type: a/b; name=x\nContent-Transfer-Encoding: base64\n\nQUJD\n\nContent-Type: a/b\n\nbye",
        "From: a\nContent-Type: text/plain\n\nhello\n\n".repeat(5)
    );
    let entities: Vec<String> = swept(digest.as_bytes())
        .members
        .into_iter()
        .filter(|member| member.role == Role::Entity)
        .map(|member| String::from_utf8(member.bytes).unwrap())
        .collect();
    assert_eq!(entities.len(), 2, "{entities:?}");
    assert!(
        entities[0].starts_with("Content-Type: a/b; name=x") && entities[0].ends_with("QUJD\n\n")
    );
}

#[test]
fn nothing_panics_and_bounds_hold() {
    let all: Vec<u8> = (0..=255_u8).collect::<Vec<_>>().repeat(20);
    for end in 0..all.len().min(600) {
        swept(&all[..end]);
    }
    let many = format!("{} ", base64(MARK)).repeat(5_000);
    let opened = swept(many.as_bytes());
    assert!(opened.members.len() <= limits::SWEEP_MEMBERS_MAX + 1);
}
