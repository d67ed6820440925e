//! Mail to the world that is refused or confirmed there: the sender gets a notice (RFC 3464) that a mail program can read.

use crate::{
    client::Client,
    gateway::{Gateway, Options},
    place,
    postfix::{self, Postfix},
    sample,
};
use std::fs;
use tempfile::TempDir;

/// Mailboxes at home, the world, and us between.
struct Place {
    home: Postfix,
    world: Postfix,
    gateway: Gateway,
    folder: TempDir,
}

fn place_with(world: &str) -> Place {
    let folder = place::folder();
    let start = |name, domain, mailboxes, more| {
        let options = postfix::Options { name, domain, mailboxes, tls: false, more };
        Postfix::start(folder.path(), &options)
    };
    let home = start("home", "ours.example", &["anna"], "");
    let world = start("world", "elsewhere.example", &["eva"], world);
    let gateway = Gateway::start(
        folder.path(),
        &Options { smarthost: Some((world.port, "opportunistic")), ..Options::before(home.port) },
    );
    Place { home, world, gateway, folder }
}

/// What Python's email parser reads in a notice: one fact a line.
fn read_by_python(place: &Place, notice: &[u8]) -> String {
    let file = place.folder.path().join("notice");
    fs::write(&file, notice).unwrap();
    place::run_well("python3", &["-c", READER], Some(&file))
}

const READER: &str = r#"
import email, email.policy, sys
mail = email.message_from_binary_file(sys.stdin.buffer, policy=email.policy.default)
parts = list(mail.iter_parts())
print("type", mail.get_content_type(), mail.get_param("report-type"))
print("parts", *[part.get_content_type() for part in parts])
print("defects", len(mail.defects) + sum(len(part.defects) for part in parts))
print("to", mail["To"], "auto", mail["Auto-Submitted"])
for block in parts[1].get_payload():
    for name, value in block.items():
        print("status", name.lower(), value)
print("original", parts[2].as_string().count("Subject: refused-there"))
"#;

#[test]
fn a_mail_refused_by_the_world_comes_back_as_a_report() {
    let place = place_with("");
    let (from, to) = ("anna@ours.example", "nobody@elsewhere.example");
    let sent = sample::mail(from, to, "refused-there", "Hello.");
    let (mut client, _) = Client::hello(place.gateway.outbound);
    client.say(&format!("MAIL FROM:<{from}> RET=HDRS ENVID=order+2B77"));
    client.say(&format!("RCPT TO:<{to}> NOTIFY=FAILURE ORCPT=rfc822;{to}"));
    client.say("RCPT TO:<eva@elsewhere.example>");
    assert!(client.data(&sent).starts_with("250"));
    let notice = place.home.wait_for_mails("anna", 1).remove(0);
    assert!(notice.starts_with(b"Return-Path: <>\n"), "{}", String::from_utf8_lossy(&notice));
    let read = read_by_python(&place, &notice);
    for line in [
        "type multipart/report delivery-status",
        "parts text/plain message/delivery-status text/rfc822-headers",
        "defects 0",
        "to anna@ours.example auto auto-replied",
        "status original-envelope-id order+77",
        "status reporting-mta dns; mx.ours.example",
        "status original-recipient rfc822;nobody@elsewhere.example",
        "status final-recipient rfc822; nobody@elsewhere.example",
        "status action failed",
        "status status 5.1.1",
        "original 1",
    ] {
        let plain = |text: &str| text.replace("; ", ";");
        let found = read.lines().any(|have| plain(have) == plain(line));
        assert!(found, "{line:?} is not in\n{read}");
    }
    assert!(read.contains("User unknown"), "the server's own words: {read}");
    let mails = place.world.wait_for_mails("eva", 1);
    sample::prefix_of("the other recipient", &mails[0], &sent);
    place.gateway.wait_until_empty();
}

#[test]
fn nothing_goes_back_to_the_null_sender_or_to_who_wants_none() {
    let place = place_with("");
    let (mut client, _) = Client::hello(place.gateway.outbound);
    let sent = sample::mail("anna@ours.example", "nobody@elsewhere.example", "gone", "Hello.");
    assert!(client.mail("", "nobody@elsewhere.example", &sent).starts_with("250"));
    client.say("MAIL FROM:<anna@ours.example>");
    client.say("RCPT TO:<nobody@elsewhere.example> NOTIFY=NEVER");
    assert!(client.data(&sent).starts_with("250"));
    place.gateway.wait_until_empty();
    assert_eq!(place.home.count("anna"), 0);
}

#[test]
fn postfix_asks_for_a_receipt_and_gets_it() {
    // This world says nothing of DSN, so the receipt is ours to write: "relayed".
    let place = place_with("smtpd_discard_ehlo_keywords = dsn\n");
    let more = format!("relayhost = [127.0.0.1]:{}\n", place.gateway.outbound);
    let office = Postfix::start(
        place.folder.path(),
        &postfix::Options {
            name: "office",
            domain: "nothing.example",
            more: &more,
            ..postfix::Options::default()
        },
    );
    let mail = sample::mail("anna@ours.example", "eva@elsewhere.example", "receipt", "Hello.");
    office.sendmail(
        &["-i", "-N", "success", "-V", "id-9", "-f", "anna@ours.example", "eva@elsewhere.example"],
        &sample::as_stored(&mail),
    );
    let mails = place.world.wait_for_mails("eva", 1);
    sample::prefix_of("the mail", &mails[0], &mail);
    let receipt = place.home.wait_for_mails("anna", 1).remove(0);
    let read = read_by_python(&place, &receipt);
    for line in ["type multipart/report delivery-status", "status action relayed", "defects 0"] {
        assert!(read.lines().any(|have| have == line), "{line:?} is not in\n{read}");
    }
    assert!(read.contains("original-envelope-id id-9"), "{read}");
}
