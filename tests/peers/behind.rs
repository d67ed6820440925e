//! Postfix as the mail server behind: plain, with STARTTLS, asked about recipients, and with a smaller SIZE than ours.

use crate::{
    client::Client,
    gateway::{Gateway, Options},
    place,
    postfix::{self, Postfix},
    sample,
};

fn ours<'a>() -> postfix::Options<'a> {
    postfix::Options { mailboxes: &["anna", "postmaster"], ..postfix::Options::behind() }
}

#[test]
fn mail_goes_on_in_clear_and_over_tls() {
    for (tls, offered, secured) in
        [("off", true, false), ("opportunistic", false, false), ("required", true, true)]
    {
        let folder = place::folder();
        let behind = Postfix::start(folder.path(), &postfix::Options { tls: offered, ..ours() });
        let gateway = Gateway::start(
            folder.path(),
            &Options { behind_tls: tls, ..Options::before(behind.port) },
        );
        let sent = sample::mail("a@elsewhere.example", "anna@ours.example", "plain", "Hello.");
        let (mut client, _) = Client::hello(gateway.inbound);
        let reply = client.mail("a@elsewhere.example", "anna@ours.example", &sent);
        assert!(reply.starts_with("250 2.0.0") || reply.starts_with("250 2.6.0"), "{reply}");
        let prefix = sample::prefix_of(tls, &behind.wait_for_mails("anna", 1)[0], &sent);
        assert!(prefix.contains("Return-Path: <a@elsewhere.example>"), "{prefix}");
        assert!(prefix.contains("X-Sluss-Verdict: deliver"), "{prefix}");
        assert_eq!(prefix.contains("using TLSv1.3"), secured, "{tls}: {prefix}");
        assert_eq!(gateway.queued(), 0, "it went through, not by the spool");
    }
}

#[test]
fn a_server_without_tls_gets_nothing_when_tls_is_demanded() {
    let folder = place::folder();
    let behind = Postfix::start(folder.path(), &ours());
    let gateway = Gateway::start(
        folder.path(),
        &Options { behind_tls: "required", recipients: "any", ..Options::before(behind.port) },
    );
    let sent = sample::mail("a@elsewhere.example", "anna@ours.example", "kept", "Hello.");
    let (mut client, _) = Client::hello(gateway.inbound);
    let reply = client.mail("a@elsewhere.example", "anna@ours.example", &sent);
    assert!(reply.starts_with("250"), "safe in the spool: {reply}");
    assert_eq!(gateway.queued(), 1);
    assert_eq!(behind.count("anna"), 0);
}

#[test]
fn an_unknown_recipient_is_refused_before_the_mail_is_sent() {
    let folder = place::folder();
    let mut behind = Postfix::start(folder.path(), &ours());
    let gateway = Gateway::start(folder.path(), &Options::before(behind.port));
    let (mut client, _) = Client::hello(gateway.inbound);
    let mut ask = |recipient: &str| {
        client.say("MAIL FROM:<a@elsewhere.example>");
        let reply = client.say(&format!("RCPT TO:<{recipient}>"));
        client.say("RSET");
        reply
    };
    for (recipient, want) in [
        ("nobody@ours.example", "550 5.1.1"),
        ("anna@ours.example", "250 2.1.5"),
        ("postmaster@ours.example", "250 2.1.5"),
        ("anna@others.example", "550 5.7.1"),
        ("anna%others.example@ours.example", "501 5.1.3"),
    ] {
        let reply = ask(recipient);
        assert!(reply.starts_with(want), "{recipient}: {reply}");
        assert!(!reply.contains("behind"), "{reply} says what stands behind");
    }
    behind.stop();
    for (recipient, want) in [
        ("anna@ours.example", "250 2.1.5"),
        ("nobody@ours.example", "550 5.1.1"),
        ("other@ours.example", "451 4.4."),
    ] {
        let reply = ask(recipient);
        assert!(reply.starts_with(want), "while the server is away, {recipient}: {reply}");
    }
}

#[test]
fn the_smaller_size_counts() {
    let folder = place::folder();
    let more = "message_size_limit = 30000\n";
    let behind = Postfix::start(folder.path(), &postfix::Options { more, ..ours() });
    let gateway = Gateway::start(
        folder.path(),
        &Options { recipients: "any", ..Options::before(behind.port) },
    );
    let (from, to) = ("a@elsewhere.example", "anna@ours.example");
    let small = sample::mail(from, to, "small", "Hello.");
    let large = sample::mail(from, to, "large", &"0123456789 abcdef\n".repeat(2_500));
    let (mut client, offers) = Client::hello(gateway.inbound);
    assert!(!offers.contains("SIZE 30000"), "nothing is known yet: {offers}");
    let reply = client.mail(from, to, &large);
    assert!(reply.starts_with("55"), "refused on the line, never bounced later: {reply}");
    assert!(client.mail(from, to, &small).starts_with("250"));
    let (mut client, offers) = Client::hello(gateway.inbound);
    // A kilobyte is kept for the fields we write in front.
    assert!(offers.contains("SIZE 28976"), "{offers}");
    let reply = client.say(&format!("MAIL FROM:<{from}> SIZE=45000"));
    assert!(reply.starts_with("552 5.3.4"), "{reply}");
    let reply = client.mail(from, to, &large);
    assert!(reply.starts_with("552 5.3.4"), "{reply}");
    assert!(client.mail(from, to, &small).starts_with("250"), "the session goes on");
    assert_eq!(behind.wait_for_mails("anna", 2).len(), 2);
    assert_eq!(gateway.queued(), 0);
}
