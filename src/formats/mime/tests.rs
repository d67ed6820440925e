//! Messages in order and out of it, in the usual reading.

use super::*;
use crate::{base::clock::Clock, formats::budget::Bounds};

fn read(message: &str) -> Split {
    split(message.as_bytes(), "", &mut Budget::new(Bounds::default(), &Clock::system()))
}

/// Each leaf as "id type body".
fn leaves(message: &str) -> Vec<String> {
    read(message)
        .leaves
        .iter()
        .map(|leaf| {
            format!("{} {} {}", leaf.id, leaf.fields.media_type, &message[leaf.body.clone()])
        })
        .collect()
}

#[test]
fn well_formed_mails_have_no_oddity() {
    let nested = "Content-Type: multipart/mixed; boundary=a\n\npreamble\n--a\n\
        Content-Type: multipart/alternative; boundary=b\n\n--b\nContent-Type: text/plain\n\none\n\
        --b\nContent-Type: text/html\n\n<p>two\n--b--\n\n--a\nContent-Type: a/b\n\nthree\n--a--\nepilogue\n";
    for (message, want) in [
        ("Subject: hi\n\nbody\n", &["1  body\n"][..]),
        ("Content-Type: text/html\n\n<p>\n", &["1 text/html <p>\n"]),
        (nested, &["1.1 text/plain one", "1.2 text/html <p>two", "2 a/b three"]),
        (
            "Content-Type: multipart/digest; boundary=a\r\n\r\n--a\r\n\r\nSubject: x\r\n\r\nhi\r\n--a--\r\n",
            &["1 message/rfc822 Subject: x\r\n\r\nhi"],
        ),
        // The longer of two boundaries that begin alike is not taken for the shorter.
        (
            "Content-Type: multipart/mixed; boundary=a\n\n--a\nContent-Type: multipart/mixed; boundary=ab\n\n--ab\n\nx\n--ab--\n--a\n\ny\n--a--\n",
            &["1.1  x", "2  y"],
        ),
        ("Content-Type: multipart/mixed; boundary=\"a b\"\n\n--a b  \n\nx\n--a b--", &["1  x"]),
    ] {
        assert_eq!(leaves(message), want, "{message}");
        assert!(read(message).oddities.is_empty(), "{:?}", read(message).oddities);
    }
}

#[test]
fn malformed_mails_are_read_the_dangerous_way_and_said() {
    for (message, want, odd) in [
        (
            "Content-Type: multipart/mixed\n\n--x\nContent-Type: a/b\n\nhid\n--x--\n",
            &["1 a/b hid"][..],
            &["mime.boundary_missing"][..],
        ),
        (
            "Content-Type: multipart/mixed; boundary=y\n\n--x\nContent-Type: a/b\n\nhid\n--x--\n",
            &["1 a/b hid"],
            &["mime.boundary_not_found"],
        ),
        (
            "Content-Type: multipart/mixed; boundary=y\n\njust text\n",
            &["1 text/plain just text\n"],
            &["mime.boundary_not_found"],
        ),
        (
            "Content-Type: multipart/mixed; boundary=a\n\n--a\n\nx\n",
            &["1  x\n"],
            &["mime.end_missing"],
        ),
        (
            "Content-Type: multipart/mixed; boundary=a\n\n--a\n\nx\n--a--\n--a\nContent-Type: a/b\n\nhid\n--a--\n",
            &["1  x", "2 a/b hid"],
            &["mime.part_after_end"],
        ),
        (
            "Content-Type: multipart/mixed; boundary=a\n\nContent-Type: a/b\n\nhid\n--a\n\nx\n--a--\n",
            &["0 a/b hid", "1  x"],
            &["mime.stray_part"],
        ),
        (
            "Content-Type: multipart/mixed; boundary=a\n\n--a\n\nx\n--a--\nContent-Type: a/b\n\nhid\n",
            &["1  x", "0 a/b hid\n"],
            &["mime.stray_part"],
        ),
        (
            "Content-Type: multipart/mixed; boundary=a; boundary=b\n\n--b\nContent-Type: a/b\n\nhid\n--b--\n",
            &["1 a/b hid"],
            &["mime.several_boundaries"],
        ),
        (
            "Content-Type: multipart/mixed; boundary=a\n\n--a\n\nx\n--aZ\ny\n--a--\n",
            &["1  x\n--aZ\ny"],
            &["mime.delimiter_unclear"],
        ),
        // The same in a part of a multipart that is in order.
        (
            "Content-Type: multipart/mixed; boundary=a\n\n--a\nContent-Type: multipart/mixed; boundary=y\n\n--x\nContent-Type: a/b\n\nhid\n--x--\n--a\n\nz\n--a--\n",
            &["2  z", "1.1 a/b hid"],
            &["mime.boundary_not_found"],
        ),
        // A part that ends inside its own header section.
        (
            "Content-Type: multipart/mixed; boundary=a:\n\n--a:\nContent-Type: a/b\n--a:\n\nx\n--a:--\n",
            &["1 a/b ", "2  x"],
            &[],
        ),
    ] {
        assert_eq!(leaves(message), want, "{message}");
        assert_eq!(read(message).oddities.ids(), odd, "{message}");
    }
}

#[test]
fn nesting_and_number_have_bounds() {
    let mut deep = String::new();
    for level in 0..5_000 {
        deep.push_str(&format!("Content-Type: multipart/mixed; boundary=b{level}\n\n--b{level}\n"));
    }
    let split = read(&deep);
    assert!(matches!(split.stopped[..], [(_, Limit::TooDeep { .. })]), "{:?}", split.stopped);
    assert_eq!(split.leaves.len(), 1);

    let many = format!(
        "Content-Type: multipart/mixed; boundary=b\n\n{}",
        "--b\n\n".repeat(limits::PARTS_MAX + 7)
    );
    let split = read(&many);
    assert!(matches!(split.stopped[..], [(_, Limit::TooMany { .. })]));
    assert_eq!(split.leaves.len(), limits::PARTS_MAX);
}
