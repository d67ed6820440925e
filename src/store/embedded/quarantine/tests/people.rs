//! What people find, and what they do with it.

use super::*;
use crate::{
    mail::{Domain, Peer},
    store::held::{Act, Asked, Count, Opinion, Order},
};

/// A quarantine with some mails in it, and its clock.
async fn filled(rows: Vec<(Held, &str)>) -> (tempfile::TempDir, Quarantine, Clock) {
    let folder = tempfile::tempdir().unwrap();
    let clock = Clock::by_hand(UnixMs(1_000));
    let (quarantine, _) = open(folder.path(), &clock, 1 << 30);
    for (row, text) in rows {
        quarantine.hold(vec![row], &content(text)).await.unwrap();
    }
    (folder, quarantine, clock)
}

fn plain(number: u8, recipient: &str) -> Held {
    held(number, number, recipient, &Clock::by_hand(UnixMs(1_000 + u64::from(number))))
}

/// Which of the mails, by their numbers, in the order given.
fn numbers(held: &[Held]) -> Vec<u8> {
    held.iter().map(|one| one.id.to_bytes()[15]).collect()
}

async fn found(quarantine: &Quarantine, scope: &Scope, filter: HeldFilter) -> Vec<u8> {
    numbers(&quarantine.search(scope, filter).await.unwrap().held)
}

#[tokio::test]
async fn each_filter_narrows_and_no_scope_is_left() {
    let organisation = Organisation::named;
    let mut second = plain(2, "bo@other.example");
    second.organisation = organisation("acme");
    second.subject = "Årsmöte om fakturor".to_string();
    second.categories = vec![Category::Phish];
    second.findings = serde_json::json!([{ "id": "dmarc.fail" }, { "id": "dmarcish.x" }]);
    second.attachments.clear();
    second.likeness = Likeness(5);
    let mut third = plain(3, "anna@ours.example");
    third.organisation = organisation("acme");
    third.direction = Direction::Outbound;
    third.sender = ReversePath::parse("karin@example.org").unwrap();
    third.from = "Karin <karin@example.org>".to_string();
    let fourth = plain(4, "anna@ours.example");
    let rows = vec![(plain(1, "bo@ours.example"), "1"), (second, "2"), (third, "3"), (fourth, "4")];
    let (_folder, quarantine, _clock) = filled(rows).await;
    let text = |text: &str| Some(text.to_string());
    let any = || HeldFilter::first(9);
    let everything = Scope::Everything;
    for (filter, want) in [
        (any(), vec![4, 3, 2, 1]),
        (HeldFilter { order: Order::Oldest, ..any() }, vec![1, 2, 3, 4]),
        (HeldFilter { text: text("arsmote FAKTUR"), ..any() }, vec![2]),
        (HeldFilter { text: text("årsmöte karin"), ..any() }, vec![]),
        (HeldFilter { text: text("anna@ rakning 17"), ..any() }, vec![4, 3]),
        (HeldFilter { sender: text("KARIN <"), ..any() }, vec![3]),
        (HeldFilter { sender: text("ka"), ..any() }, vec![3]),
        (HeldFilter { recipient: text("@other."), ..any() }, vec![2]),
        (HeldFilter { subject: text("100 %"), ..any() }, vec![4, 3, 1]),
        (HeldFilter { attachment: text(".pdf"), ..any() }, vec![4, 3, 1]),
        (HeldFilter { category: text("phish"), ..any() }, vec![2]),
        (HeldFilter { category: text("Phish"), finding: text("Dmarc.fail"), ..any() }, vec![2]),
        (HeldFilter { category: text("nothing"), ..any() }, vec![]),
        (HeldFilter { finding: text("dmarc"), ..any() }, vec![4, 3, 2, 1]),
        (HeldFilter { finding: text("dmarc."), ..any() }, vec![4, 3, 2, 1]),
        (HeldFilter { finding: text("dmarc.fail"), ..any() }, vec![2]),
        (HeldFilter { finding: text("dmar"), ..any() }, vec![]),
        (HeldFilter { finding: text("dmarc"), category: text("spam"), ..any() }, vec![4, 3, 1]),
        (HeldFilter { finding: text("dmarc.fail"), text: text("example"), ..any() }, vec![2]),
        (HeldFilter { direction: text("outbound"), ..any() }, vec![3]),
        (HeldFilter { since: Some(UnixMs(1_003)), ..any() }, vec![4, 3]),
        (HeldFilter { until: Some(UnixMs(1_003)), ..any() }, vec![2, 1]),
        (HeldFilter { since: Some(UnixMs(9_000)), ..any() }, vec![]),
        (HeldFilter { likeness: Some(Likeness(5)), ..any() }, vec![2]),
        (HeldFilter { likeness: Some(Likeness(17)), text: text("karin"), ..any() }, vec![3]),
        (HeldFilter { states: vec![HeldState::Released], ..any() }, vec![]),
    ] {
        assert_eq!(found(&quarantine, &everything, filter.clone()).await, want, "{filter:?}");
    }
    let domains = vec![Domain::parse("ours.example").unwrap()];
    let anna = Address::parse("Anna@ours.example").unwrap();
    for (scope, want) in [
        (Scope::Organisation(organisation("acme")), vec![3, 2]),
        (Scope::Organisation(organisation("nobody")), vec![]),
        (Scope::Domains(organisation("acme"), domains), vec![3]),
        (Scope::Domains(organisation("acme"), Vec::new()), vec![]),
        (Scope::Mailbox(organisation("acme"), anna.clone()), vec![3]),
        (Scope::Mailbox(Organisation::implied(), anna), vec![4]),
    ] {
        // By whatever way a filter walks.
        for filter in [
            any(),
            HeldFilter { text: text("example"), ..any() },
            HeldFilter { text: text("@"), ..any() },
            HeldFilter { finding: text("dmarc"), ..any() },
            HeldFilter { since: Some(UnixMs(0)), ..any() },
        ] {
            assert_eq!(
                found(&quarantine, &scope, filter.clone()).await,
                want,
                "{scope:?} {filter:?}"
            );
            let count = quarantine.count(&scope, filter.clone()).await.unwrap();
            assert_eq!(count.counted, u64::try_from(want.len()).unwrap());
            let (page, both) = quarantine.search_counted(&scope, filter).await.unwrap();
            assert_eq!((numbers(&page.held), both), (want.clone(), count));
        }
        let seen = quarantine.clusters(&scope, any()).await.unwrap().clusters;
        let mails: u64 = seen.iter().map(|one| one.mails.counted).sum();
        assert_eq!(mails, u64::try_from(want.len()).unwrap());
    }
}

/// Who sends as a domain is seen by whoever looks after it, when it went out; a sender of what came in is whatever a stranger wrote.
#[tokio::test]
async fn what_went_out_is_its_senders_and_what_came_in_is_its_recipients() {
    let acme = Organisation::named("acme");
    let of = |number: u8, direction: Direction, from: &str, to: &str| Held {
        organisation: acme.clone(),
        direction,
        sender: ReversePath::parse(from).unwrap(),
        ..plain(number, to)
    };
    let (inbound, outbound) = (Direction::Inbound, Direction::Outbound);
    let rows = vec![
        (of(1, inbound, "anna@a.example", "bo@b.example"), "1"),
        (of(2, outbound, "Anna@A.example", "x@far.example"), "2"),
        (of(3, outbound, "bo@b.example", "x@far.example"), "3"),
        (of(4, outbound, "", "anna@a.example"), "4"),
        (of(5, outbound, "\"x@a.example\"@c.example", "x@far.example"), "5"),
        (
            Held {
                organisation: Organisation::named("berg"),
                ..of(6, outbound, "anna@a.example", "x@far.example")
            },
            "6",
        ),
    ];
    let (folder, quarantine, clock) = filled(rows).await;
    let domains = |names: &[&str]| {
        Scope::Domains(
            acme.clone(),
            names.iter().map(|name| Domain::parse(name).unwrap()).collect(),
        )
    };
    let anna = Scope::Mailbox(acme.clone(), Address::parse("anna@a.example").unwrap());
    let wants = [
        (domains(&["a.example"]), vec![4, 2]),
        (domains(&["b.example"]), vec![3, 1]),
        (domains(&["a.example", "b.example"]), vec![4, 3, 2, 1]),
        (domains(&["c.example"]), vec![5]),
        (domains(&["far.example"]), vec![5, 3, 2]),
        (domains(&[]), vec![]),
        (anna, vec![4]),
        (Scope::Organisation(acme.clone()), vec![5, 4, 3, 2, 1]),
    ];
    let all = list(&quarantine, HeldFilter::first(9)).await;
    let look = async |quarantine: &Quarantine| {
        for (scope, want) in &wants {
            for filter in [
                HeldFilter::first(9),
                HeldFilter { text: Some("example".to_string()), ..HeldFilter::first(9) },
            ] {
                assert_eq!(found(quarantine, scope, filter).await, *want, "{scope:?}");
            }
            // One mail by its id is judged alike.
            let seen: Vec<Held> =
                all.iter().filter(|held| held.is_within(scope)).cloned().collect();
            assert_eq!(numbers(&seen), *want, "{scope:?}");
            let clusters = quarantine.clusters(scope, HeldFilter::first(9)).await.unwrap();
            let mails: u64 = clusters.clusters.iter().map(|one| one.mails.counted).sum();
            assert_eq!(mails, u64::try_from(want.len()).unwrap(), "{scope:?}");
            let alike = quarantine.alike(scope, all[4].id, 9).await.unwrap();
            let others = want.iter().filter(|number| **number != 2).count();
            assert_eq!(alike.len(), others, "{scope:?}");
        }
    };
    look(&quarantine).await;
    // An index that was lost, and one of the time before, say the same.
    drop(quarantine);
    fs::remove_file(folder.path().join("quarantine.db")).unwrap();
    let (quarantine, _) = open(folder.path(), &clock, 1 << 30);
    look(&quarantine).await;
    let index = folder.path().join("quarantine.db");
    drop(quarantine);
    let connection = crate::store::embedded::db::connect(&index, Promise::Full).unwrap();
    connection
        .execute_batch(
            "ALTER TABLE held DROP COLUMN sent_domain; ALTER TABLE held DROP COLUMN writer",
        )
        .unwrap();
    connection.pragma_update(None, "user_version", 3).unwrap();
    drop(connection);
    let (quarantine, found_then) = open(folder.path(), &clock, 1 << 30);
    assert_eq!(found_then, QuarantineFound::default());
    look(&quarantine).await;
}

#[tokio::test]
async fn pages_follow_each_other_and_groups_are_one_row() {
    let texts: Vec<String> = (0..30).map(|number| number.to_string()).collect();
    let row = |number: u8| {
        let likeness = if number % 10 == 7 {
            Likeness::default()
        } else {
            Likeness(u64::from(number % 3) + 1)
        };
        Held { likeness, ..plain(number, &format!("user{}@ours.example", number % 5)) }
    };
    let rows = texts
        .iter()
        .enumerate()
        .map(|(number, text)| (row(u8::try_from(number).unwrap()), text.as_str()));
    let (_folder, quarantine, _clock) = filled(rows.collect()).await;
    let everything = Scope::Everything;
    for (order, want) in
        [(Order::Newest, (0..30).rev().collect::<Vec<u8>>()), (Order::Oldest, (0..30).collect())]
    {
        let (mut all, mut cursor) = (Vec::new(), None);
        loop {
            let filter = HeldFilter { cursor, order, ..HeldFilter::first(7) };
            let page = quarantine.search(&everything, filter.clone()).await.unwrap();
            let (counted, count) = quarantine.search_counted(&everything, filter).await.unwrap();
            assert_eq!((&counted, count.counted), (&page, 30), "of all, wherever the page begins");
            all.extend(numbers(&page.held));
            let Some(next) = page.next else { break };
            cursor = Some(next);
        }
        assert_eq!(all, want);
    }
    let (mut groups, mut cursor) = (Vec::new(), None);
    loop {
        let filter = HeldFilter { cursor, ..HeldFilter::first(2) };
        let page = quarantine.clusters(&everything, filter).await.unwrap();
        groups.extend(page.clusters);
        let Some(next) = page.next else { break };
        cursor = Some(next);
    }
    let seen: Vec<(u64, u64, u64)> =
        groups.iter().map(|one| (one.likeness.0, one.mails.counted, one.recipients)).collect();
    // 7, 17 and 27 are alike nothing.
    assert_eq!(seen, [(3, 9, 5), (2, 9, 5), (0, 1, 1), (1, 9, 5), (0, 1, 1), (0, 1, 1)]);
    assert_eq!(numbers(&[(*groups[1].newest).clone()]), [28]);
    let filter = HeldFilter { likeness: Some(Likeness(3)), ..HeldFilter::first(5) };
    let (ids, next) = quarantine.ids_of(&everything, filter.clone()).await.unwrap();
    let (rest, end) =
        quarantine.ids_of(&everything, HeldFilter { cursor: next, ..filter }).await.unwrap();
    assert_eq!((ids.len(), rest.len(), end), (5, 4, None));
    let alike = quarantine.alike(&everything, ids[0], 100).await.unwrap();
    assert_eq!(alike.len(), 8, "not the mail itself");
    let count = Count { counted: 1_000, more: true };
    assert_eq!(count.to_string(), "more than 1000");
}

#[tokio::test]
async fn a_list_is_narrowed_to_one_organisation_and_a_group_is_one_organisations() {
    let alike = |number: u8, whose: &str, to: &str| Held {
        organisation: Organisation::named(whose),
        likeness: Likeness(7),
        ..plain(number, to)
    };
    let rows = vec![
        (alike(1, "acme", "a@acme.example"), "1"),
        (alike(2, "berg", "b@berg.example"), "2"),
        (alike(3, "acme", "c@acme.example"), "3"),
    ];
    let (_folder, quarantine, _clock) = filled(rows).await;
    let of =
        |name: &str| HeldFilter { organisation: Some(name.to_string()), ..HeldFilter::first(9) };
    let text = |filter: HeldFilter| HeldFilter { text: Some("example".to_string()), ..filter };
    let group = |filter: HeldFilter| HeldFilter { likeness: Some(Likeness(7)), ..filter };
    let (everything, acme) = (Scope::Everything, Scope::Organisation(Organisation::named("acme")));
    let own =
        Scope::Domains(Organisation::named("acme"), vec![Domain::parse("acme.example").unwrap()]);
    for (scope, filter, want) in [
        (&everything, of("acme"), vec![3, 1]),
        (&everything, of("berg"), vec![2]),
        (&everything, of("nobody"), vec![]),
        (&everything, of("Acme"), vec![]),
        (&everything, text(of("berg")), vec![2]),
        (&everything, group(of("acme")), vec![3, 1]),
        (&acme, of("acme"), vec![3, 1]),
        // What is another's is not seen for the asking.
        (&acme, of("berg"), vec![]),
        (&own, of("acme"), vec![3, 1]),
        (&own, of("berg"), vec![]),
    ] {
        assert_eq!(found(&quarantine, scope, filter.clone()).await, want, "{scope:?} {filter:?}");
        let count = quarantine.count(scope, filter).await.unwrap();
        assert_eq!(count.counted, u64::try_from(want.len()).unwrap(), "{scope:?}");
    }
    let groups = quarantine.clusters(&everything, HeldFilter::first(9)).await.unwrap();
    let seen: Vec<(String, u64)> = groups
        .clusters
        .iter()
        .map(|one| (one.newest.organisation.to_string(), one.mails.counted))
        .collect();
    assert_eq!(seen, [("acme".to_string(), 2), ("berg".to_string(), 1)]);
    let (ids, _) = quarantine.ids_of(&everything, group(of("acme"))).await.unwrap();
    assert_eq!(ids.len(), 2, "what is done with a row is done with what it shows");
}

#[tokio::test]
async fn what_is_done_is_known_by_whom_and_can_be_taken_back() {
    let anna = Releaser::Owner(Address::parse("b@ours.example").unwrap());
    for (what, state, opinion) in [
        (Move::Release, HeldState::Released, Some(Opinion::Ham)),
        (Move::Dismiss, HeldState::Seen, None),
        (Move::Delete, HeldState::Deleted, Some(Opinion::Spam)),
    ] {
        let (folder, quarantine, clock) = filled(vec![(plain(1, "b@ours.example"), "x")]).await;
        let id = list(&quarantine, HeldFilter::first(1)).await[0].id;
        let make = |what, by: &Releaser| quarantine.make_move(id, what, by.clone());
        let Moved::Now(held) = make(what, &anna).await.unwrap() else { panic!("{what:?}") };
        let act = Act {
            what,
            by: anna.clone(),
            at: clock.now(),
            from: HeldState::Held,
            along_with: None,
        };
        assert_eq!((held.state, held.act.as_ref()), (state, Some(&act)));
        let Moved::No(again) = make(what, &Releaser::Command).await.unwrap() else { panic!() };
        assert_eq!(again.act, Some(act), "the second hears of the first");
        let labels = quarantine.labels_since(UnixMs(0), 9).await.unwrap();
        assert_eq!(labels.first().map(|label| label.opinion), opinion);
        assert!(labels.iter().all(|label| label.by == "owner" && label.content_hash.len() == 64));
        assert_eq!(quarantine.retain().await.unwrap(), 0, "an undo finds all of it");
        clock.advance(limits::UNDO_TIME_MAX);
        let Moved::Now(back) = make(Move::Undo, &anna).await.unwrap() else { panic!("{what:?}") };
        assert_eq!((back.state, back.act, back.released_at), (HeldState::Held, None, UnixMs(0)));
        assert_eq!(quarantine.labels_since(UnixMs(0), 9).await.unwrap(), []);
        assert!(matches!(make(Move::Undo, &anna).await.unwrap(), Moved::No(_)));
        // Too late.
        assert!(matches!(make(what, &anna).await.unwrap(), Moved::Now(_)));
        clock.advance(limits::UNDO_TIME_MAX + Duration::from_millis(1));
        assert!(matches!(make(Move::Undo, &anna).await.unwrap(), Moved::No(_)));
        let gone = usize::from(what == Move::Delete);
        assert_eq!(quarantine.retain().await.unwrap(), gone);
        let files = fs::read_dir(folder.path().join("blobs")).unwrap().count();
        assert_eq!(files, 1 - gone, "deleting ends in destroying");
    }
}

/// Saying what a mail is moves nothing; the last word of several people stands, and each takes back only his own.
#[tokio::test]
async fn a_mail_is_labelled_where_it_stands_and_labels_are_taken_back() {
    let (_folder, quarantine, clock) = filled(vec![(plain(1, "anna@acme.example"), "one")]).await;
    let id = plain(1, "anna@acme.example").id;
    let staff = |name: &str| Releaser::Staff(name.to_string());
    let (eva, bo) = (staff("eva"), staff("bo"));
    let said = |moved: Moved| match moved {
        Moved::Now(held) => Some((held.state, held.learned.map(|said| (said.opinion, said.by)))),
        Moved::No(_) | Moved::Missing => None,
    };
    let labels = async || {
        let labels = quarantine.labels_since(UnixMs(0), 9).await.unwrap();
        labels.iter().map(|label| label.opinion).collect::<Vec<_>>()
    };
    let learn = async |opinion, by: &Releaser| {
        clock.advance(Duration::from_secs(1));
        said(quarantine.learn(id, opinion, by.clone()).await.unwrap())
    };
    let (ham, spam) = (Opinion::Ham, Opinion::Spam);
    let of = |opinion, by: &Releaser| Some((HeldState::Held, Some((opinion, by.clone()))));
    assert_eq!(learn(spam, &eva).await, of(spam, &eva));
    assert_eq!(learn(spam, &eva).await, None, "it was said before");
    assert_eq!(learn(ham, &bo).await, of(ham, &bo));
    assert_eq!(labels().await, [spam, ham]);
    assert_eq!(said(quarantine.unlearn(id, &eva).await.unwrap()), None, "it is not hers");
    assert_eq!(said(quarantine.unlearn(id, &bo).await.unwrap()), of(spam, &eva));
    assert_eq!(labels().await, [spam]);
    clock.advance(limits::UNDO_TIME_MAX);
    assert_eq!(said(quarantine.unlearn(id, &eva).await.unwrap()), None, "it is too late");
    // A release that is taken back takes its own label along, and nobody else's.
    quarantine.make_move(id, Move::Release, bo.clone()).await.unwrap();
    assert_eq!(learn(ham, &eva).await, Some((HeldState::Released, Some((ham, eva.clone())))));
    assert_eq!(labels().await, [spam, ham, ham]);
    quarantine.make_move(id, Move::Undo, bo.clone()).await.unwrap();
    assert_eq!(labels().await, [spam, ham]);
    quarantine.make_move(id, Move::Delete, bo.clone()).await.unwrap();
    assert_eq!(learn(spam, &bo).await, None, "what is deleted has said what it is");
    assert!(matches!(
        quarantine.learn(plain(2, "x@acme.example").id, ham, bo).await,
        Ok(Moved::Missing)
    ));
}

#[tokio::test]
async fn a_release_takes_its_duplicates_off_the_list_and_its_undo_brings_them_back() {
    let other_sender = |number: u8| {
        let sender = ReversePath::parse(&format!("bounce-{number}@example.net")).unwrap();
        Held { sender, ..plain(number, "b@ours.example") }
    };
    let same_message = Held { message_id: "1@example.net".to_string(), ..other_sender(3) };
    let elsewhere = plain(4, "c@ours.example");
    let alike_only = other_sender(5);
    let rows = vec![
        (plain(1, "b@ours.example"), "same"),
        (other_sender(2), "same"),
        (same_message, "with another footer"),
        (elsewhere, "same"),
        (alike_only, "another mail"),
    ];
    let (_folder, quarantine, _clock) = filled(rows).await;
    let waiting = || found(&quarantine, &Scope::Everything, HeldFilter::first(9));
    let first = list(&quarantine, HeldFilter::first(9)).await.pop().unwrap().id;
    assert_eq!(numbers(&quarantine.duplicates(first).await.unwrap()), [3, 2]);
    release(&quarantine, first).await;
    assert_eq!(waiting().await, [5, 4]);
    quarantine.make_move(first, Move::Undo, Releaser::Command).await.unwrap();
    assert_eq!(waiting().await, [5, 4, 3, 2, 1]);
    // While it was deleted, the sender came again: one row is enough.
    quarantine.make_move(first, Move::Delete, Releaser::Command).await.unwrap();
    let ids = quarantine.hold(vec![plain(6, "b@ours.example")], &content("same")).await.unwrap();
    assert_ne!(ids, [first]);
    quarantine.make_move(first, Move::Undo, Releaser::Command).await.unwrap();
    assert_eq!(waiting().await, [6, 5, 4, 3, 2]);
    assert_eq!(quarantine.get(first).await.unwrap().unwrap().state, HeldState::Seen);
}

fn refused(number: u8, recipient: &str, code: &str) -> Held {
    Held {
        state: HeldState::Rejected,
        code_hash: Held::hash_of_code(code),
        ..plain(number, recipient)
    }
}

#[tokio::test]
async fn copies_of_refused_mails_are_found_by_their_code_and_push_nothing_out() {
    let folder = tempfile::tempdir().unwrap();
    let clock = Clock::by_hand(UnixMs(1_000));
    let options = QuarantineOptions { refused_bytes_max: 10, ..OPTIONS };
    let opened = || {
        Quarantine::open(folder.path(), ring(folder.path(), &clock), clock.clone(), options)
            .unwrap()
            .0
    };
    let quarantine = opened();
    quarantine.hold(vec![plain(1, "b@ours.example")], &content("12345")).await.unwrap();
    for number in 2..=4 {
        let rows = vec![refused(number, "b@ours.example", &format!("code{number}"))];
        let text = format!("1234{number}");
        let ids = quarantine.hold(rows.clone(), &content(&text)).await.unwrap();
        let again = Held { id: Id::new(clock.now(), [99; 10]), ..rows[0].clone() };
        assert_eq!(quarantine.hold(vec![again], &content(&text)).await.unwrap(), ids, "a retry");
    }
    assert_eq!(found(&quarantine, &Scope::Everything, HeldFilter::first(9)).await, [1]);
    assert_eq!(quarantine.totals().await.unwrap(), (1, 5), "what is held is counted apart");
    assert_eq!(quarantine.retain().await.unwrap(), 1, "the oldest copy goes for the bytes");
    assert_eq!(quarantine.rejected_by_code("code2").await.unwrap(), []);
    let of_three = quarantine.rejected_by_code("CODE-3").await.unwrap();
    assert_eq!(numbers(&of_three), [3]);
    assert_eq!(quarantine.rejected_by_code("").await.unwrap(), []);
    assert!(matches!(release(&quarantine, of_three[0].id).await, Moved::Now(_)));
    // A lost index knows them for what they are.
    drop(quarantine);
    fs::remove_file(folder.path().join("quarantine.db")).unwrap();
    let quarantine = opened();
    let states = vec![HeldState::Rejected];
    let filter = HeldFilter { states, ..HeldFilter::first(9) };
    assert_eq!(found(&quarantine, &Scope::Everything, filter).await, [4]);
    assert_eq!(quarantine.totals().await.unwrap(), (1, 5));
    assert_eq!(numbers(&quarantine.rejected_by_code("code4").await.unwrap()), [4]);
}

#[tokio::test]
async fn what_the_world_said_is_sealed_and_comes_back() {
    let mut row = plain(1, "b@ours.example");
    let asked = Asked {
        peer: Peer::at("192.0.2.77".parse().unwrap()),
        facts: serde_json::json!({ "spf": "told-by-a-stranger" }),
    };
    row.asked = Some(Box::new(asked.clone()));
    let (folder, quarantine, _clock) = filled(vec![(row, "x")]).await;
    let held = list(&quarantine, HeldFilter::first(1)).await.pop().unwrap();
    assert_eq!(held.asked, None, "no list has it");
    assert_eq!(quarantine.asked(held.id).await.unwrap().as_deref(), Some(&asked));
    assert_eq!(quarantine.asked(Id::default()).await.unwrap(), None);
    drop(quarantine);
    assert_eq!(files_with(folder.path(), b"told-by-a-stranger"), Vec::<PathBuf>::new());
    assert_eq!(files_with(folder.path(), b"192.0.2.77"), Vec::<PathBuf>::new());
}

#[tokio::test]
async fn a_deleted_mail_leaves_no_word_in_the_index() {
    let row =
        Held { subject: "Hemligheten Xylofonspelaren".to_string(), ..plain(1, "b@ours.example") };
    let (folder, quarantine, _clock) =
        filled(vec![(row, "x"), (plain(2, "b@ours.example"), "y")]).await;
    let wanted = || HeldFilter { text: Some("xylofon".to_string()), ..HeldFilter::first(9) };
    let id = list(&quarantine, wanted()).await[0].id;
    assert!(quarantine.delete(id).await.unwrap());
    assert_eq!(list(&quarantine, wanted()).await, []);
    let index = folder.path().join("quarantine.db");
    // What was written lately is in the journal until it is taken over.
    quarantine
        .db
        .between("taking over", |connection| {
            connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))
        })
        .await
        .unwrap();
    drop(quarantine);
    let bytes = fs::read(&index).unwrap();
    for word in ["Xylofonspelaren", "xylofonspelaren", "xyl"] {
        assert!(memchr::memmem::find(&bytes, word.as_bytes()).is_none(), "{word}");
    }
}

#[tokio::test]
async fn an_index_of_the_time_before_is_taken_over() {
    let folder = tempfile::tempdir().unwrap();
    let clock = Clock::by_hand(UnixMs(1_000));
    let (quarantine, _) = open(folder.path(), &clock, 1 << 30);
    quarantine.hold(vec![plain(1, "b@ours.example")], &content("x")).await.unwrap();
    let row = list(&quarantine, HeldFilter::first(1)).await.pop().unwrap();
    drop(quarantine);
    let index = folder.path().join("quarantine.db");
    for ending in ["", "-wal", "-shm"] {
        let _if_there = fs::remove_file(folder.path().join(format!("quarantine.db{ending}")));
    }
    let connection = crate::store::embedded::db::connect(&index, Promise::Full).unwrap();
    crate::store::embedded::db::migrate(&connection, &MIGRATIONS[..2]).unwrap();
    let mut json = serde_json::to_value(&row).unwrap();
    for new in [
        "attachments",
        "message_id",
        "from_address",
        "authenticated",
        "likeness",
        "policy",
        "content_hash",
    ] {
        json.as_object_mut().unwrap().remove(new);
    }
    connection
        .execute(
            "INSERT INTO blob (id, organisation, wrapped, content_hash, bytes) VALUES (?1, 'default', X'', ?2, 1)",
            params![row.id.to_string(), blake3::hash(b"x").as_bytes().as_slice()],
        )
        .unwrap();
    connection
        .execute(
            "INSERT INTO held (id, blob, organisation, content_hash, held_at, expires, direction, sender, from_shown, recipient,
             recipient_key, subject, categories, state, row, place) VALUES (?1, ?1, 'default', ?2, 1001, 101001, 'inbound',
             'spammer@example.net', 'Spammer', 'b@ours.example', 'b@ours.example', '100 % off_er', ',spam,', 'held', ?3, 0)",
            params![row.id.to_string(), blake3::hash(b"x").as_bytes().as_slice(), json.to_string()],
        )
        .unwrap();
    drop(connection);
    let (quarantine, found_then) = open(folder.path(), &clock, 1 << 30);
    assert_eq!(found_then, QuarantineFound::default());
    let text = |text: &str| Some(text.to_string());
    for filter in [
        HeldFilter::first(9),
        HeldFilter { text: text("spammer off_"), ..HeldFilter::first(9) },
        HeldFilter { finding: text("dmarc"), ..HeldFilter::first(9) },
        HeldFilter { category: text("spam"), ..HeldFilter::first(9) },
    ] {
        assert_eq!(found(&quarantine, &Scope::Everything, filter.clone()).await, [1], "{filter:?}");
    }
    assert_eq!(quarantine.totals().await.unwrap(), (1, 1));
    assert_eq!(quarantine.content(row.id).await.unwrap().unwrap(), b"x");
    // Alike nothing, as long as nobody has looked.
    let groups = quarantine.clusters(&Scope::Everything, HeldFilter::first(9)).await.unwrap();
    assert_eq!(groups.clusters[0].likeness, Likeness::default());
}
