//! What people do with held mails, in a gateway whose clock the test moves: taking back, acting on many, and a crash at either side.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

use bytes::Bytes;
use sluss::{
    base::{
        clock::{Clock, UnixMs},
        ids::Id,
        limits,
    },
    config::Config,
    edge::{
        load::Opener,
        serve::{self, Opened},
    },
    mail::{Address, Envelope, Organisation, Peer, Recipient, ReversePath},
    pipeline::{
        bulk::{self, Doing, Outcome, Selection},
        judge::Came,
        process::{self, Arrival},
        questions,
        release::{self, Asking, Away, Danger, NotDone, NotReleased, Review},
    },
    store::{
        held::{HeldFilter, HeldState, Move, Releaser},
        people::{Mailbox, Page},
        scope::Scope,
        spool::Content,
        trace::{Step, TraceQuery},
    },
};
use std::{fs, path::Path, time::Duration};

const RULE: &str = r#"
[[rule]]
id = "phrase.house_harbour"
about = "Somebody wants to meet by the harbour."
plain = "The mail speaks of the harbour."
category = "CATEGORY"
languages = ["en"]
weight = 5.0
patterns = ['\bby the harbour\b']
examples.hit = ["shall we meet by the harbour?", "at noon by the harbour"]
examples.miss = ["shall we meet in town?", "the harbour is closed"]
"#;

const NOON: UnixMs = UnixMs(1_795_262_400_000);

fn open(folder: &Path, clock: &Clock, category: &str) -> Opened {
    let rules = folder.join("rules");
    fs::create_dir_all(&rules).unwrap();
    fs::write(rules.join("house.toml"), RULE.replace("CATEGORY", category)).unwrap();
    let text = format!(
        "hostname = \"mx.ours.example\"\ndata-dir = \"{}\"\n\
         [[domain]]\nname = \"ours.example\"\nnext-hop = \"smtp://192.0.2.25:25\"\nrecipients = \"any\"\n\
         [policy]\nmark = 1.0\nquarantine = 4.0\nphish = 4.0\n[rules]\nfolders = [\"{}\"]\n",
        folder.join("data").display(),
        rules.display()
    );
    let config = Config::parse(Path::new("sluss.toml"), &text).unwrap();
    serve::open(config, None, clock, Opener::Here).unwrap()
}

/// A mail comes and is held.
async fn hold(opened: &Opened, recipient: &str, word: &str) -> Id {
    let gateway = &opened.gateway;
    let sender = ReversePath::parse("karin@example.org").unwrap();
    let mut envelope = Envelope::from(sender);
    envelope.recipients.push(Recipient::plain(Address::parse(recipient).unwrap()));
    let text = format!(
        "From: Karin <karin@example.org>\r\nTo: {recipient}\r\nSubject: {word}\r\nDate: Thu, 19 Nov 2026 10:15:00 +0100\r\n\
         Message-ID: <{word}@example.org>\r\n\r\nat noon by the harbour\r\n"
    );
    let arrival = Arrival {
        id: gateway.new_id(),
        listener: "in".to_string(),
        came: Came::from_world(
            Peer::at("127.0.0.1".parse().unwrap()),
            envelope,
            gateway.clock.now(),
        ),
        dot: gateway.clock.tick(),
    };
    let before = ids(opened).await;
    let ending = process::process(gateway, arrival, Content::from_bytes(Bytes::from(text))).await;
    assert_eq!(ending.reply.code, 250, "{:?}", ending.reply);
    let after = ids(opened).await;
    *after.iter().find(|id| !before.contains(id)).unwrap()
}

/// What waits for somebody.
async fn ids(opened: &Opened) -> Vec<Id> {
    let quarantine = &opened.gateway.stores.quarantine;
    quarantine.ids_of(&Scope::Everything, HeldFilter::first(99)).await.unwrap().0
}

fn anna() -> Releaser {
    Releaser::Owner(anna_address())
}

fn anna_address() -> Address {
    Address::parse("anna@ours.example").unwrap()
}

/// How many releases are counted, and what the trace says of a mail last.
async fn released(opened: &Opened, transaction: Id) -> (u64, String) {
    let trace = &opened.gateway.stores.trace;
    // What was handed in before is written by then.
    trace.retain().await.unwrap();
    let until = UnixMs(NOON.0 + 86_400_000);
    let counted = trace.statistics(Scope::Everything, UnixMs(0), until, Step::Hour).await.unwrap();
    let story = trace.show(transaction, None).await.unwrap().remove(0);
    let last = story["recipients"].as_array().unwrap().last().unwrap()["status"].clone();
    let count = counted.steps.iter().map(|step| step.released).sum();
    (count, last.as_str().unwrap().to_string())
}

/// The subjects of mails with which this was done, as Track finds them.
async fn found(opened: &Opened, action: &str) -> Vec<String> {
    let trace = &opened.gateway.stores.trace;
    trace.index().await.unwrap();
    let query = TraceQuery { action: Some(action.to_string()), rows: 9, ..TraceQuery::default() };
    let page = trace.find(Scope::Everything, query).await.unwrap();
    page.lines.into_iter().map(|line| line.subject).collect()
}

/// How many wait to hear what comes of a mail that they asked for.
async fn requests(opened: &Opened) -> usize {
    let page = Page { after: 0, rows: 9 };
    opened.gateway.stores.people.requests(Scope::Everything, true, page).await.unwrap().len()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_release_waits_ten_seconds_for_whoever_takes_it_back() {
    let folder = tempfile::tempdir().unwrap();
    let clock = Clock::by_hand(NOON);
    let opened = open(folder.path(), &clock, "spam");
    let (gateway, signer) = (&opened.gateway, &opened.signer);
    let id = hold(&opened, "anna@ours.example", "lunch").await;
    let state = || async { gateway.stores.quarantine.get(id).await.unwrap().unwrap().state };
    let mailbox = Mailbox::new(&Organisation::implied(), &anna_address());
    gateway.stores.people.request(&mailbox, id, "karin@example.org", "").await.unwrap();
    let held = release::release(gateway, id, signer, Asking::by(anna())).await.unwrap();
    questions::delivered(gateway, &mailbox, &held, "anna@ours.example").await;
    assert_eq!((held.state, held.act.unwrap().by), (HeldState::Released, anna()));
    assert_eq!(requests(&opened).await, 0);
    assert_eq!(released(&opened, held.transaction).await, (1, "released".to_string()));
    assert!(gateway.queue.holds(id));
    let again = release::release(gateway, id, signer, Asking::by(Releaser::Command)).await;
    let Err(NotReleased::Already(held)) = again else { panic!("released twice") };
    assert_eq!(held.act.unwrap().by, anna(), "the second hears of the first");
    // Only whoever did it takes it back.
    let other = release::undo(gateway, id, &Releaser::Staff("bo".to_string())).await;
    assert!(matches!(other, Err(NotDone::Already(_))), "{other:?}");
    clock.advance(limits::UNDO_TIME_MAX);
    assert_eq!(release::undo(gateway, id, &anna()).await.unwrap().state, HeldState::Held);
    assert!(!gateway.queue.holds(id));
    assert!(gateway.stores.spool.meta(id).await.is_err(), "nothing of it waits in the spool");
    assert_eq!(ids(&opened).await, [id]);
    assert_eq!(gateway.stores.quarantine.labels_since(UnixMs(0), 9).await.unwrap(), []);
    assert_eq!(released(&opened, held.transaction).await, (0, "taken-back".to_string()));
    assert_eq!(requests(&opened).await, 1, "whoever asked for it waits again");
    // Once more, and too late.
    release::release(gateway, id, signer, Asking::by(anna())).await.unwrap();
    clock.advance(limits::UNDO_TIME_MAX + Duration::from_millis(1));
    let late = release::undo(gateway, id, &anna()).await;
    assert!(matches!(late, Err(NotDone::TooLate)), "{late:?}");
    assert_eq!((state().await, gateway.queue.holds(id)), (HeldState::Released, true));
    assert_eq!(gateway.stores.quarantine.labels_since(UnixMs(0), 9).await.unwrap().len(), 1);
    // Deleting, and taking that back.
    let other = hold(&opened, "anna@ours.example", "dinner").await;
    release::put_away(gateway, other, Away::Delete, anna()).await.unwrap();
    assert_eq!(ids(&opened).await, []);
    let gone = release::release(gateway, other, signer, Asking::by(anna())).await;
    assert!(matches!(gone, Err(NotReleased::Deleted)), "{gone:?}");
    assert_eq!(found(&opened, "released").await, ["lunch"]);
    assert_eq!(found(&opened, "deleted").await, ["dinner"]);
    release::undo(gateway, other, &anna()).await.unwrap();
    assert_eq!(found(&opened, "deleted").await, [""; 0]);
    assert_eq!(found(&opened, "quarantine").await, ["dinner", "lunch"]);
    assert_eq!(ids(&opened).await, [other]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crash_beside_an_undo_loses_nothing_and_doubles_nothing() {
    // Killed when the mail was marked held again, and stood in the spool still: the undo is undone.
    let folder = tempfile::tempdir().unwrap();
    let clock = Clock::by_hand(NOON);
    let opened = open(folder.path(), &clock, "spam");
    let id = hold(&opened, "anna@ours.example", "lunch").await;
    release::release(&opened.gateway, id, &opened.signer, Asking::by(anna())).await.unwrap();
    let quarantine = opened.gateway.stores.quarantine.clone();
    quarantine.make_move(id, Move::Undo, anna()).await.unwrap();
    opened.gateway.stores.spool.clone().flush_and_close().await.unwrap();
    drop((quarantine, opened));
    let opened = open(folder.path(), &clock, "spam");
    assert_eq!(opened.released, [id], "a start marks these released");
    assert!(opened.gateway.queue.holds(id), "it goes, once");
    let again = release::release(&opened.gateway, id, &opened.signer, Asking::by(anna())).await;
    assert_eq!(again.unwrap().state, HeldState::Released);
    assert_eq!(opened.gateway.queue.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dangerous_mail_is_let_go_by_staff_with_a_review_alone() {
    let folder = tempfile::tempdir().unwrap();
    let opened = open(folder.path(), &Clock::by_hand(NOON), "phish");
    let (gateway, signer) = (&opened.gateway, &opened.signer);
    let id = hold(&opened, "anna@ours.example", "lunch").await;
    let review = Some(Review { why: "asked Karin".to_string(), knowing: Danger::Suspect });
    for asking in [
        Asking::by(anna()),
        Asking { by: anna(), review: review.clone() },
        Asking::by(Releaser::Staff("bo".to_string())),
        Asking::by(Releaser::Command),
    ] {
        let refused = release::release(gateway, id, signer, asking.clone()).await;
        let Err(NotReleased::Dangerous { danger, reason }) = refused else { panic!("{asking:?}") };
        assert_eq!((danger, reason.as_str()), (Danger::Suspect, "The mail speaks of the harbour."));
    }
    let asking = Asking { by: Releaser::Staff("bo".to_string()), review };
    release::release(gateway, id, signer, asking).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn many_are_looked_at_within_a_scope_and_acted_on() {
    let folder = tempfile::tempdir().unwrap();
    let opened = open(folder.path(), &Clock::by_hand(NOON), "spam");
    let (gateway, signer) = (&opened.gateway, &opened.signer);
    let first = hold(&opened, "anna@ours.example", "invoice 17").await;
    let second = hold(&opened, "anna@ours.example", "invoice 18").await;
    let third = hold(&opened, "bo@ours.example", "invoice 19").await;
    let everything = Scope::Everything;
    let groups =
        gateway.stores.quarantine.clusters(&everything, HeldFilter::first(9)).await.unwrap();
    assert_eq!(groups.clusters.len(), 1, "three invoices are one row");
    let group = HeldFilter { likeness: Some(groups.clusters[0].likeness), ..HeldFilter::default() };
    let all = Selection::Matching(Box::new(group));
    let seen = bulk::preview(gateway, &everything, &all).await.unwrap();
    assert_eq!(
        (seen.mails.counted, seen.recipients, seen.organisations, seen.dangerous),
        (3, 2, 1, 0)
    );
    let address = Address::parse("anna@ours.example").unwrap();
    let of_anna = Scope::Mailbox(Organisation::implied(), address);
    let seen = bulk::preview(gateway, &of_anna, &all).await.unwrap();
    assert_eq!((seen.mails.counted, seen.recipients), (2, 1));
    let named = Selection::Ids(vec![first, third, first, Id::default()]);
    let seen = bulk::preview(gateway, &of_anna, &named).await.unwrap();
    assert_eq!(seen.mails.counted, 1, "what is not hers is not there");
    let away = Doing::PutAway(Away::Delete, anna());
    let outcomes = bulk::act(gateway, signer, &[first, Id::default()], &away).await;
    assert_eq!(outcomes, [(first, Outcome::Done), (Id::default(), Outcome::Missing)]);
    let outcomes = bulk::act(gateway, signer, &[first], &Doing::Undo(anna())).await;
    assert_eq!(outcomes, [(first, Outcome::Done)]);
    let release = Doing::Release(Asking::by(Releaser::Staff("bo".to_string())));
    let outcomes = bulk::act(gateway, signer, &[third, second, first], &release).await;
    assert_eq!(outcomes, [(third, Outcome::Done), (second, Outcome::Done), (first, Outcome::Done)]);
    let outcomes = bulk::act(gateway, signer, &[third], &release).await;
    assert_eq!(outcomes, [(third, Outcome::Already)]);
    assert_eq!(ids(&opened).await, []);
}
