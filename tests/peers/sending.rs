//! Postfix as the sending client before us: `smtp-source` with many sessions, and Postfix's own `smtp` over TLS.

use crate::{
    client::Client,
    gateway::{Gateway, Options},
    place,
    postfix::{self, Postfix},
    sample,
};
use tempfile::TempDir;

/// A sending Postfix, a gateway, and one with mailboxes in the domain given, which the gateway hands mail to.
struct Line {
    sender: Postfix,
    gateway: Gateway,
    receiver: Postfix,
    _folder: TempDir,
}

fn inbound_line() -> Line {
    let folder = place::folder();
    let receiver = mailboxes(&folder, "behind", "ours.example", &["anna", "bo"]);
    let gateway = Gateway::start(folder.path(), &Options::before(receiver.port));
    let sender = sending(&folder, gateway.inbound);
    Line { sender, gateway, receiver, _folder: folder }
}

fn outbound_line() -> Line {
    let folder = place::folder();
    let receiver = mailboxes(&folder, "world", "elsewhere.example", &["eva", "finn"]);
    let gateway = Gateway::start(
        folder.path(),
        &Options { smarthost: Some((receiver.port, "required")), ..Options::before(receiver.port) },
    );
    let sender = sending(&folder, gateway.outbound);
    Line { sender, gateway, receiver, _folder: folder }
}

fn mailboxes(folder: &TempDir, name: &str, domain: &str, mailboxes: &[&str]) -> Postfix {
    let options =
        postfix::Options { name, domain, mailboxes, tls: true, ..postfix::Options::default() };
    Postfix::start(folder.path(), &options)
}

fn sending(folder: &TempDir, port: u16) -> Postfix {
    let more = format!(
        "relayhost = [127.0.0.1]:{port}\nsmtp_tls_security_level = encrypt\nsmtp_tls_loglevel = 1\n"
    );
    Postfix::start(
        folder.path(),
        &postfix::Options {
            name: "sender",
            domain: "nothing.example",
            more: &more,
            ..postfix::Options::default()
        },
    )
}

#[test]
fn many_sessions_of_smtp_source() {
    let line = inbound_line();
    for (sessions, mails, bytes, more) in
        [("8", 120, "4000", None), ("4", 20, "200000", None), ("2", 10, "2000", Some("-d"))]
    {
        let before = line.receiver.count("anna");
        let count = mails.to_string();
        let place = format!("127.0.0.1:{}", line.gateway.inbound);
        let fixed = [
            "-s",
            sessions,
            "-m",
            &count,
            "-l",
            bytes,
            "-f",
            "a@elsewhere.example",
            "-t",
            "anna@ours.example",
        ];
        let words = [&fixed[..], more.as_slice(), &[place.as_str()]].concat();
        place::run_well("smtp-source", &words, None);
        line.receiver.wait_for_mails("anna", before + mails);
        assert_eq!(line.receiver.count("anna"), before + mails, "no more than were sent");
    }
    assert_eq!(line.gateway.queued(), 0);
}

#[test]
fn postfix_delivers_to_us_over_tls() {
    let line = inbound_line();
    let bodies: Vec<String> = (0..10).map(|at| format!(".Mail {at}\n\nräksmörgås {at}")).collect();
    for (at, body) in bodies.iter().enumerate() {
        let mail = mail_of(at, body);
        line.sender.sendmail(
            &["-i", "-f", "a@elsewhere.example", "anna@ours.example", "bo@ours.example"],
            &mail,
        );
    }
    for name in ["anna", "bo"] {
        let mails = line.receiver.wait_for_mails(name, bodies.len());
        for (at, body) in bodies.iter().enumerate() {
            let mail = sample::with_subject(&mails, &format!("mail-{at}"));
            let prefix = sample::prefix_of(name, mail, &mail_of(at, body));
            assert!(prefix.contains("(TLSv1.3 "), "from the sender to us: {prefix}");
            assert!(prefix.contains("with ESMTPS id"), "{prefix}");
            assert!(prefix.contains("using TLSv1.3"), "from us to the receiver: {prefix}");
        }
    }
    place::wait_for("the sender's queue", 20, || (line.sender.queued() == 0).then_some(()));
    assert!(line.sender.log().contains("TLS connection established"), "{}", line.sender.log());
}

#[test]
fn postfix_sends_through_us_over_tls() {
    let line = outbound_line();
    for at in 0..10 {
        let mail = own_mail(at);
        line.sender.sendmail(
            &["-i", "-f", "anna@ours.example", "eva@elsewhere.example", "finn@elsewhere.example"],
            &mail,
        );
    }
    for name in ["eva", "finn"] {
        let mails = line.receiver.wait_for_mails(name, 10);
        for at in 0..10 {
            let mail = sample::with_subject(&mails, &format!("mail-{at}"));
            let prefix = sample::prefix_of(name, mail, &own_mail(at));
            assert!(prefix.contains("Return-Path: <anna@ours.example>"), "{prefix}");
            assert!(!prefix.contains("X-Sluss"), "the world need not see our verdict: {prefix}");
            let own = prefix.split("Received: ").find(|field| field.contains("(sluss)")).unwrap();
            assert!(!own.contains("127.0.0.1"), "nor our insides: {own}");
        }
    }
    line.gateway.wait_until_empty();
}

#[test]
fn internationalised_mail_where_the_server_behind_takes_it() {
    let line = inbound_line();
    let (mut client, _) = Client::hello(line.gateway.inbound);
    // The first mail teaches us what the server behind can do.
    let (from, to) = ("a@elsewhere.example", "anna@ours.example");
    let reply = client.mail(from, to, &sample::mail(from, to, "mail-0", "Hello."));
    assert!(reply.starts_with("250"), "{reply}");
    let mail = String::from_utf8(mail_of(1, "Hej.")).unwrap().replace("a@e", "åsa@e");
    line.sender.sendmail(
        &["-i", "-O", "SMTPUTF8", "-f", "åsa@elsewhere.example", "anna@ours.example"],
        mail.as_bytes(),
    );
    let mails = line.receiver.wait_for_mails("anna", 2);
    let prefix = sample::prefix_of("utf8", sample::with_subject(&mails, "mail-1"), mail.as_bytes());
    assert!(prefix.contains("Return-Path: <åsa@elsewhere.example>"), "{prefix}");
    assert!(prefix.contains("with UTF8SMTPS id"), "{prefix}");
}

/// One that ours wrote: what a client sends under its own address bears it in From too.
fn own_mail(at: usize) -> Vec<u8> {
    let mail = String::from_utf8(mail_of(at, "Hej.")).unwrap();
    mail.replace("a@elsewhere.example", "anna@ours.example").into_bytes()
}

/// With LF line ends, as programs on the same machine hand it over.
fn mail_of(at: usize, body: &str) -> Vec<u8> {
    let (from, to) = ("a@elsewhere.example", "anna@ours.example");
    sample::as_stored(&sample::mail(from, to, &format!("mail-{at}"), body))
}
