//! Awkward mails through sluss to Postfix: what arrives is what was sent, but for our fields in front and those we take out.

use crate::{
    client::Client,
    gateway::{Gateway, Options},
    place,
    postfix::{self, Postfix},
    sample,
};

/// A name, the bytes sent, and the bytes that must arrive behind our fields.
struct Awkward {
    name: &'static str,
    sent: Vec<u8>,
    want: Vec<u8>,
}

fn same(name: &'static str, sent: impl Into<Vec<u8>>) -> Awkward {
    let sent = sent.into();
    Awkward { name, want: sent.clone(), sent }
}

fn other(name: &'static str, sent: &str, want: &str) -> Awkward {
    Awkward { name, sent: sent.into(), want: want.into() }
}

fn awkward() -> Vec<Awkward> {
    let very_many: String = (0..1_900).map(|at| format!("X-Field-{at}: {at}\r\n")).collect();
    let long = "0123456789".repeat(500);
    vec![
        same(
            "dots at line starts",
            "Subject: dots\r\n\r\n.\r\n..\r\n...\r\n.a\r\n. b\r\na.\r\n.\r\n",
        ),
        same("lines of 5,000 bytes", format!("Subject: long\r\n\r\n{long}\r\n.{long}\r\n")),
        same("a field of 5,000 bytes", format!("X-Long: {long}\r\nSubject: s\r\n\r\nbody\r\n")),
        same(
            "8-bit in header and body",
            b"Subject: r\xe4ksm\xf6rg\xe5s\r\n\r\n\xff\xfe\x80 caf\xe9\r\n".to_vec(),
        ),
        same("UTF-8", "Subject: räksmörgås 🦐\r\n\r\nräksmörgås 🦐\r\n"),
        same("empty body", "Subject: empty\r\n\r\n"),
        same("empty lines", "Subject: lines\r\n\r\n\r\n\r\n\r\n"),
        same("spaces at line ends", "Subject: spaces \t \r\n\r\na \r\n\t\r\n   \r\nb\t\r\n"),
        same(
            "folded fields",
            "Subject: a\r\n\tb\r\n  c\r\n   d\r\nX-Folded:\r\n e\r\n \tf\r\nFrom: a@elsewhere.example\r\n\r\nbody\r\n",
        ),
        same(
            "mixed case and odd spaces",
            "sUBJECT:none\r\nFROM:  a@elsewhere.example\r\nmime-VERSION:1.0\r\nX-:\r\nx-Empty:   \r\n\r\nbody\r\n",
        ),
        // Postfix takes out the space; we let it be, and say so in a finding.
        other(
            "a space before the colon",
            "Subject : s\r\n\r\nbody\r\n",
            "Subject: s\r\n\r\nbody\r\n",
        ),
        same("very many fields", format!("{very_many}Subject: many\r\n\r\nbody\r\n")),
        same(
            "repeated fields",
            "Subject: a\r\nSubject: b\r\nFrom: x@y.example\r\nFrom: z@y.example\r\n\r\nbody\r\n",
        ),
        same(
            "another's trace fields",
            "Return-Path: <x@y.example>\r\nReceived: from a by b; Fri, 20 Nov 2026 09:00:00 +0100\r\nBcc: c@y.example\r\nContent-Length: 3\r\nAuthentication-Results: mx.others.example; spf=pass\r\n\r\nbody\r\n",
        ),
        same("a From line in the body", "Subject: from\r\n\r\nFrom me\r\n>From you\r\n"),
        same("control characters", "Subject: controls\r\n\r\n\x01\x02\x0b\x0c\x1b[0m\x7f\r\n"),
        same(
            "a multipart whose boundary never ends",
            "MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=x\r\nSubject: m\r\n\r\n--x\r\n\r\na\r\n--y--\r\n",
        ),
        same(
            "declared as base64 and is not",
            "MIME-Version: 1.0\r\nContent-Transfer-Encoding: base64\r\nContent-Type: text/plain\r\nSubject: m\r\n\r\n!!! =\r\nA\r\n",
        ),
        other(
            "no final newline",
            "Subject: end\r\n\r\nlast line",
            "Subject: end\r\n\r\nlast line\r\n",
        ),
        // Postfix ends the header section itself before a line that is no field.
        other("no header", "Hello,\r\nthis is all.\r\n", "\r\nHello,\r\nthis is all.\r\n"),
        same("no body", "Subject: header only\r\n"),
        other(
            "a From line of a mailbox file",
            "From a Fri Nov 20 09:00:00 2026\r\nSubject: s\r\n\r\nbody\r\n",
            "\nFrom a Fri Nov 20 09:00:00 2026\r\nSubject: s\r\n\r\nbody\r\n",
        ),
        same(GOES_ON, " and X-Spam-Flag: NO\r\nSubject: s\r\n\r\nbody\r\n"),
        same("an empty header section", "\r\nonly a body\r\n"),
        other(
            "fields that only we may write",
            "X-Sluss-Verdict: deliver\r\nSubject: kept\r\nX-SPAM-flag: NO\r\n\tfolded\r\nX-Spam-Status: No\r\nX-Spam-Score: -5\r\nX-Spam-Level:\r\nAuthentication-Results: mx.ours.example; spf=pass\r\nX-Sluss-Released: by me\r\nX-Spam-Report: kept\r\n\r\nX-Spam-Flag: NO\r\n",
            "Subject: kept\r\nX-Spam-Report: kept\r\n\r\nX-Spam-Flag: NO\r\n",
        ),
    ]
}

#[test]
fn what_arrives_is_what_was_sent() {
    let folder = place::folder();
    let behind = Postfix::start(folder.path(), &postfix::Options::behind());
    // A part that cannot be read is held by default; here it must arrive.
    let more = "[policy.inbound]\nunscanned = \"deliver\"\n";
    let gateway = Gateway::start(folder.path(), &Options { more, ..Options::before(behind.port) });
    let (mut client, _) = Client::hello(gateway.inbound);
    for (at, case) in awkward().iter().enumerate() {
        let reply = client.mail("a@elsewhere.example", "anna@ours.example", &case.sent);
        assert!(reply.starts_with("250 2.0.0 delivered"), "{}: {reply}", case.name);
        let id = reply.split("id ").nth(1).unwrap().trim_matches(|sign| "() ".contains(sign));
        let mails = behind.wait_for_mails("anna", at + 1);
        let mail = mails
            .iter()
            .find(|mail| String::from_utf8_lossy(mail).contains(&format!("id={id}")))
            .unwrap_or_else(|| panic!("{}: {id} did not arrive", case.name));
        let prefix = sample::prefix_of(case.name, mail, &case.want);
        let last = prefix.lines().rfind(|line| line.contains(": ")).unwrap();
        let verdict = last.starts_with("X-Sluss-");
        assert_eq!(verdict, case.name != GOES_ON, "{}: {last:?} stands before it", case.name);
    }
}

/// Its first line continues whatever stands before it: that must be nothing that anybody acts on.
const GOES_ON: &str = "a first line that goes on";

#[test]
fn a_large_mail_arrives_whole() {
    let folder = place::folder();
    let behind = Postfix::start(
        folder.path(),
        &postfix::Options { more: "message_size_limit = 40000000\n", ..postfix::Options::behind() },
    );
    let gateway = Gateway::start(folder.path(), &Options::before(behind.port));
    let body: String = (0..150_000).map(|at| format!(".line {at} of a long mail\n")).collect();
    let sent = sample::mail("a@elsewhere.example", "anna@ours.example", "large", &body);
    let (mut client, _) = Client::hello(gateway.inbound);
    let reply = client.mail("a@elsewhere.example", "anna@ours.example", &sent);
    assert!(reply.starts_with("250"), "{reply}");
    sample::prefix_of("4 MB", &behind.wait_for_mails("anna", 1)[0], &sent);
}
