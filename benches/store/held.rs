//! A quarantine of months: what a page of it costs.

use bytes::Bytes;
use sluss::{
    base::{
        clock::{Clock, UnixMs},
        ids::Id,
    },
    config::policy::{Action, Category},
    learn::likeness::Likeness,
    mail::{Address, Direction, Domain, Envelope, Organisation, Recipient, ReversePath},
    store::{
        embedded::{Quarantine, QuarantineOptions},
        held::{Attachment, Held, HeldFilter, HeldState, Move, Releaser},
        keyring::KeyRing,
        keys::read_or_make_master_key,
        master::MasterKey,
        scope::Scope,
        spool::{Content, RealDisk},
    },
};
use std::{
    fs,
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

/// Fills a quarantine with so many mails and asks what pages ask.
pub(super) async fn run(folder: &Path, mails: u64) {
    let quarantine = open(folder);
    let began = Instant::now();
    let mut number = 0;
    while number < mails {
        // One content for a hundred recipients: files are not what is measured here.
        let rows: Vec<Held> = (number..mails.min(number + 100)).map(row).collect();
        let text = format!("Subject: hi\r\n\r\n{number}\r\n");
        quarantine.hold(rows, &Content::from_bytes(Bytes::from(text))).await.unwrap();
        number += 100;
    }
    let rate = mails as f64 / began.elapsed().as_secs_f64();
    println!("held {mails} mails, {rate:.0} a second");
    for number in (0..mails).step_by(10) {
        quarantine.make_move(id(number), Move::Release, Releaser::Command).await.unwrap();
    }
    let some = |text: &str| Some(text.to_string());
    let first = || HeldFilter::first(100);
    let all = vec![HeldState::Held, HeldState::Released, HeldState::Seen];
    let ours = Organisation::named("customer-7");
    let mailbox = Address::parse("user7@customer-7.example").unwrap();
    let domain = Domain::parse("customer-7.example").unwrap();
    let scopes = [
        ("everything", Scope::Everything),
        ("an organisation", Scope::Organisation(ours.clone())),
        ("a domain", Scope::Domains(ours.clone(), vec![domain])),
        ("a mailbox", Scope::Mailbox(ours, mailbox)),
    ];
    for (what, filter) in [
        ("all that waits", first()),
        ("in any state", HeldFilter { states: all, ..first() }),
        ("a common word", HeldFilter { text: some("faktura"), ..first() }),
        ("two words", HeldFilter { text: some("faktura 4999"), ..first() }),
        ("a word that is nowhere", HeldFilter { text: some("xylofon"), ..first() }),
        ("two letters", HeldFilter { text: some("zq"), ..first() }),
        ("a sender", HeldFilter { sender: some("sender17@"), ..first() }),
        ("a rare finding", HeldFilter { finding: some("rare.seen"), ..first() }),
        ("common findings", HeldFilter { finding: some("dmarc"), ..first() }),
        ("a category", HeldFilter { category: some("phish"), ..first() }),
        (
            "a week long ago",
            HeldFilter {
                since: Some(UnixMs(BEGAN)),
                until: Some(UnixMs(BEGAN + 3_600_000)),
                ..first()
            },
        ),
        ("what went out", HeldFilter { direction: some("outbound"), ..first() }),
    ] {
        for (whose, scope) in &scopes {
            let began = Instant::now();
            let page = quarantine.search(scope, filter.clone()).await.unwrap();
            let list = began.elapsed().as_secs_f64() * 1_000.0;
            let began = Instant::now();
            let count = quarantine.count(scope, filter.clone()).await.unwrap();
            let counting = began.elapsed().as_secs_f64() * 1_000.0;
            let rows = page.held.len();
            println!(
                "{what} of {whose}: {rows} rows in {list:.1} ms, counting {count} in {counting:.1} ms"
            );
        }
    }
    for (whose, scope) in &scopes {
        let began = Instant::now();
        let page = quarantine.clusters(scope, HeldFilter::first(50)).await.unwrap();
        let took = began.elapsed().as_secs_f64() * 1_000.0;
        println!("groups of {whose}: {} in {took:.1} ms", page.clusters.len());
    }
    let began = Instant::now();
    let alike = quarantine.alike(&Scope::Everything, id(mails / 2), 100).await.unwrap().len();
    println!("alike one: {alike} in {:.1} ms", began.elapsed().as_secs_f64() * 1_000.0);
    let began = Instant::now();
    quarantine.duplicates(id(mails / 2 + 1)).await.unwrap();
    println!("duplicates of one in {:.1} ms", began.elapsed().as_secs_f64() * 1_000.0);
}

const BEGAN: u64 = 1_795_262_400_000;

fn id(number: u64) -> Id {
    let mut random = [3; 10];
    random[2..].copy_from_slice(&number.to_be_bytes());
    Id::new(UnixMs(BEGAN + number), random)
}

fn open(folder: &Path) -> Quarantine {
    let keys = folder.join("keys");
    fs::create_dir_all(&keys).unwrap();
    let file = folder.join("master.key");
    read_or_make_master_key(&file).unwrap();
    let master = MasterKey::find(Some(&file), None, folder).unwrap();
    let clock = Clock::system();
    let (ring, _) = KeyRing::open(Arc::new(RealDisk), &keys, master, clock.clone()).unwrap();
    let options = QuarantineOptions {
        keep: Duration::from_secs(90 * 86_400),
        bytes_max: 20 << 30,
        refused_bytes_max: 2 << 30,
    };
    Quarantine::open(&folder.join("quarantine"), ring, clock, options).unwrap().0
}

/// A mail as the gateway of these days holds it, with a dozen findings.
fn row(number: u64) -> Held {
    let organisation = Organisation::named(&format!("customer-{}", number / 100 % 50));
    let recipient = format!("user{}@customer-{}.example", number % 100, number / 100 % 50);
    let recipient = Address::parse(&recipient).unwrap();
    let sender =
        ReversePath::parse(&format!("sender{}@shop{}.example", number % 997, number % 89)).unwrap();
    let mut envelope = Envelope::from(sender.clone());
    envelope.recipients.push(Recipient::plain(recipient.clone()));
    let finding = |id: &str| serde_json::json!({ "id": id, "category": "spam", "weight": 1.5, "because": "seen in the second part, by its form and by its words" });
    let mut findings: Vec<_> =
        (0..10).map(|n| finding(&format!("phrase.number_{}", (number + n) % 40))).collect();
    findings.push(finding(if number.is_multiple_of(3) { "dmarc.reject" } else { "dmarc.none" }));
    if number.is_multiple_of(5_000) {
        findings.push(finding("rare.seen"));
    }
    Held {
        id: id(number),
        transaction: id(number),
        organisation,
        held_at: UnixMs(BEGAN + number * 100_000),
        expires: UnixMs(u64::MAX / 4),
        direction: if number.is_multiple_of(500) {
            Direction::Outbound
        } else {
            Direction::Inbound
        },
        sender,
        from: format!(
            "Butik {} <sender{}@shop{}.example>",
            number % 997,
            number % 997,
            number % 89
        ),
        recipient,
        subject: format!("Faktura {number} för ert köp hos oss, påminnelse"),
        action: Action::Quarantine,
        why: "phrase.number_1".to_string(),
        reason: "This mail looks like advertising or spam".to_string(),
        categories: vec![if number.is_multiple_of(7) { Category::Phish } else { Category::Spam }],
        score: 9.5,
        bytes: 40_000,
        in_digest: true,
        state: HeldState::Held,
        released_at: UnixMs(0),
        envelope,
        findings: serde_json::Value::Array(findings),
        attachments: vec![Attachment {
            name: format!("faktura-{number}.pdf"),
            kind: "pdf".to_string(),
            bytes: 30_000,
            sha256: "a".repeat(64),
            blake3: "b".repeat(64),
        }],
        message_id: format!("{number}@shop.example"),
        from_address: format!("sender{}@shop{}.example", number % 997, number % 89),
        authenticated: None,
        likeness: Likeness(number % 997 + 1),
        policy: "default: quarantine = 8".to_string(),
        content_hash: String::new(),
        code_hash: String::new(),
        act: None,
        learned: None,
        asks: sluss::wire::tls::Asks::default(),
        asked: None,
    }
}
