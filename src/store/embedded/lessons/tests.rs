//! Whose word counts, who is doubted, and that what is forgotten is gone.

use super::*;
use Standing::{Agreed, Counts, Disputed, Doubted, Enough, Overruled};

const KEEP: Keep =
    Keep { lessons: Duration::from_secs(400 * 86_400), sights: Duration::from_secs(30 * 86_400) };

fn open(folder: &Path, clock: &Clock) -> Lessons {
    Lessons::open(&folder.join("learned"), KeyRing::for_tests(), clock.clone(), KEEP).unwrap().0
}

fn acme() -> Organisation {
    Organisation::named("acme")
}

fn mark(number: u8) -> MailMark {
    MailMark([number; 16])
}

fn said(mail: u8, teacher: Teacher, by: &str, label: Label) -> NewLesson {
    NewLesson {
        organisation: acme(),
        mail: mark(mail),
        teacher,
        by: Some(by.to_string()).filter(|by| !by.is_empty()),
        label,
        views: Views::All,
        sketch: vec![mail; 8],
        people: People::Named(vec!["anna@acme.example".to_string(), format!("{mail}@far.example")]),
        contrary: false,
    }
}

async fn add(lessons: &Lessons, lesson: NewLesson) -> Standing {
    lessons.add(vec![lesson]).await.unwrap()[0]
}

async fn learned(lessons: &Lessons) -> Vec<(u8, Label)> {
    let (_, taught) = lessons.after(0).await.unwrap();
    taught.iter().map(|one| (one.sketch[0], one.lesson.label)).collect()
}

#[tokio::test]
async fn whose_word_counts() {
    let folder = tempfile::tempdir().unwrap();
    let clock = Clock::by_hand(UnixMs(1_800_000_000_000));
    let lessons = open(folder.path(), &clock);
    const HAM: Label = Label::Ham;
    const SPAM: Label = Label::Spam;
    const READER: Teacher = Teacher::Reader;
    const STAFF: Teacher = Teacher::Staff;
    // Of each mail: who says what, and what becomes of it; in the end what is learned.
    type Sayings = &'static [(Teacher, &'static str, Label, Standing)];
    let table: [(Sayings, Option<Label>); 6] = [
        (&[(READER, "anna", HAM, Counts), (READER, "anna", HAM, Counts)], Some(HAM)),
        (&[(READER, "anna", HAM, Counts), (READER, "anna", SPAM, Counts)], Some(SPAM)),
        (&[(READER, "anna", HAM, Counts), (READER, "bo", HAM, Agreed)], Some(HAM)),
        (&[(READER, "anna", HAM, Counts), (READER, "bo", SPAM, Disputed)], None),
        (
            &[
                (READER, "anna", HAM, Counts),
                (READER, "bo", SPAM, Disputed),
                (STAFF, "eva", SPAM, Counts),
            ],
            Some(SPAM),
        ),
        (&[(STAFF, "eva", SPAM, Counts), (Teacher::Correspondent, "", HAM, Overruled)], Some(SPAM)),
    ];
    for (number, (sayings, want)) in (1..).zip(table) {
        let new = sayings.iter().map(|(teacher, by, label, _)| said(number, *teacher, by, *label));
        let became = lessons.add(new.collect()).await.unwrap();
        let wanted: Vec<Standing> = sayings.iter().map(|(_, _, _, standing)| *standing).collect();
        assert_eq!(became, wanted, "{number}");
        let got = learned(&lessons).await;
        let got = got.iter().find(|(mail, _)| *mail == number).map(|(_, label)| *label);
        // Bo's word of the fifth mail agrees with the one that counts.
        assert_eq!(got, want, "{number}");
    }
    // What is taken back leaves what others said.
    assert!(lessons.take_back(&acme(), mark(5), STAFF, Some("eva")).await.unwrap());
    assert!(!lessons.take_back(&acme(), mark(5), STAFF, Some("eva")).await.unwrap());
    assert!(!learned(&lessons).await.iter().any(|(mail, _)| *mail == 5), "disputed again");
    assert!(lessons.take_back(&acme(), mark(4), READER, Some("bo")).await.unwrap());
    assert!(learned(&lessons).await.contains(&(4, HAM)));
    let told = lessons.unlearned(10).await.unwrap();
    assert_eq!(told.iter().filter(|one| one.standing == Disputed).count(), 2, "{told:?}");
    assert_eq!(told.iter().filter(|one| one.standing == Overruled).count(), 1, "{told:?}");
}

#[tokio::test]
async fn one_person_says_so_much_and_is_doubted_if_all_others_disagree() {
    let folder = tempfile::tempdir().unwrap();
    let clock = Clock::by_hand(UnixMs(1_800_000_000_000));
    let lessons = open(folder.path(), &clock);
    let new = (0..25).map(|number| said(number, Teacher::Reported, "anna", Label::Spam));
    let became = lessons.add(new.collect()).await.unwrap();
    let most = usize::try_from(limits::LESSONS_OF_PERSON_PER_DAY).unwrap();
    assert!(became[..most].iter().all(|one| *one == Counts), "{became:?}");
    assert!(became[most..].iter().all(|one| *one == Enough), "{became:?}");
    assert_eq!(lessons.after(0).await.unwrap().0, 0, "nothing was taken back");
    let wrong = (100..112).map(|number| NewLesson {
        contrary: true,
        ..said(number, Teacher::Reader, "eve", Label::Ham)
    });
    let became = lessons.add(wrong.collect()).await.unwrap();
    let enough = usize::try_from(limits::LESSONS_BEFORE_DOUBT).unwrap() - 1;
    assert!(became[..enough].iter().all(|one| *one == Counts), "{became:?}");
    assert!(became[enough..].iter().all(|one| *one == Doubted), "{became:?}");
    let (generation, _) = lessons.after(0).await.unwrap();
    assert!(generation > 0, "the learners learn anew without her");
    assert!(learned(&lessons).await.iter().all(|(mail, _)| *mail < 100));
    // Staff is believed all the same, and evidence has its own bound.
    assert_eq!(add(&lessons, said(200, Teacher::Staff, "eve", Label::Ham)).await, Counts);
}

#[tokio::test]
async fn who_is_forgotten_is_gone_and_what_is_sealed_stays_sealed() {
    let folder = tempfile::tempdir().unwrap();
    let clock = Clock::by_hand(UnixMs(1_800_000_000_000));
    let lessons = open(folder.path(), &clock);
    add(&lessons, said(1, Teacher::Staff, "eva", Label::Ham)).await;
    add(&lessons, said(2, Teacher::Reader, "bo@acme.example", Label::Spam)).await;
    let sight = |mail: u8, people: &[&str]| Sight {
        organisation: acme(),
        mail: mark(mail),
        message_id: format!("{mail}@far.example"),
        sketch: vec![mail; 8],
        people: people.iter().map(|one| (*one).to_string()).collect(),
    };
    lessons.see(sight(3, &["anna@acme.example"])).await.unwrap();
    lessons.see(sight(4, &["carl@acme.example"])).await.unwrap();
    add(&lessons, said(9, Teacher::Staff, "eva", Label::Ham)).await;
    let found = lessons.seen_by_message(&acme(), "3@far.example").await.unwrap().unwrap();
    assert_eq!((found.mail, found.sketch), (mark(3), vec![3; 8]));
    assert_eq!(lessons.seen(&acme(), mark(4)).await.unwrap().unwrap().sketch, vec![4; 8]);
    assert_eq!(lessons.seen(&Organisation::named("other"), mark(4)).await.unwrap(), None);
    for (person, gone) in
        [("nobody@acme.example", 0), ("2@far.example", 1), ("anna@acme.example", 3)]
    {
        let forget = Forget::Person(person.to_string());
        assert_eq!(lessons.forget(&forget, None).await.unwrap(), gone, "{person}");
    }
    assert_eq!(learned(&lessons).await, []);
    assert!(lessons.seen(&acme(), mark(4)).await.unwrap().is_some(), "Carl's mail stays");
    let bytes = std::fs::read(folder.path().join("learned/lessons.db")).unwrap();
    assert!(!bytes.windows(8).any(|eight| eight == [4; 8]), "a sketch lies open");
}

#[tokio::test]
async fn old_ones_go_by_themselves() {
    let folder = tempfile::tempdir().unwrap();
    let clock = Clock::by_hand(UnixMs(1_800_000_000_000));
    let lessons = open(folder.path(), &clock);
    add(&lessons, said(1, Teacher::Staff, "eva", Label::Ham)).await;
    clock.advance(KEEP.lessons / 2);
    add(&lessons, said(2, Teacher::Staff, "eva", Label::Spam)).await;
    assert_eq!(lessons.retain().await.unwrap(), (0, 0));
    clock.advance(KEEP.lessons / 2 + DAY);
    assert_eq!(lessons.retain().await.unwrap(), (1, 0));
    assert_eq!(learned(&lessons).await, [(2, Label::Spam)]);
}
