//! Whose word counts, who is doubted, and that what is forgotten is gone.

use super::*;
use crate::store::lessons::TakenBack;
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
    }
}

async fn add(lessons: &Lessons, lesson: NewLesson) -> Standing {
    lessons.add(vec![lesson]).await.unwrap()[0]
}

async fn take_back(lessons: &Lessons, mail: u8, teacher: Teacher, by: &str) {
    let (organisation, mail, by) = (acme(), mark(mail), Some(by.to_string()));
    let taken = TakenBack { organisation, mail, teacher, by };
    assert_eq!(lessons.change(vec![Change::TakeBack(taken)]).await.unwrap(), [None]);
}

async fn learned(lessons: &Lessons) -> Vec<(u8, Label)> {
    let taught = lessons.after(0).await.unwrap().taught;
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
    take_back(&lessons, 5, STAFF, "eva").await;
    take_back(&lessons, 5, STAFF, "eva").await;
    assert!(!learned(&lessons).await.iter().any(|(mail, _)| *mail == 5), "disputed again");
    take_back(&lessons, 4, READER, "bo").await;
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
    assert_eq!(lessons.generation().await.unwrap().number, 0, "nothing was taken back");
    add(&lessons, said(99, Teacher::Reader, "eve", Label::Spam)).await;
    add(&lessons, said(99, Teacher::Reader, "bo", Label::Spam)).await;
    let right = (100..112).map(|number| said(number, Teacher::Staff, "eva", Label::Spam));
    let wrong = (100..112).map(|number| said(number, Teacher::Reader, "eve", Label::Ham));
    let became = lessons.add(right.chain(wrong).collect()).await.unwrap();
    let (right, wrong) = became.split_at(12);
    assert!(right.iter().all(|one| *one == Counts), "{became:?}");
    let before = usize::try_from(limits::LESSONS_BEFORE_DOUBT).unwrap() - 2;
    assert!(wrong[..before].iter().all(|one| *one == Overruled), "{became:?}");
    assert!(wrong[before..].iter().all(|one| *one == Doubted), "{became:?}");
    assert!(lessons.generation().await.unwrap().number > 0, "the learners learn anew without her");
    let left = learned(&lessons).await;
    assert!(left.contains(&(99, Label::Spam)), "Bo's word counts instead of hers: {left:?}");
    let tally = lessons.tally().await.unwrap();
    let doubted = tally.iter().filter(|one| one.standing == Doubted);
    assert_eq!(doubted.map(|one| one.lessons).sum::<u64>(), 1, "{tally:?}");
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
        views: Views::All,
        sketch: vec![mail; 8],
        people: people.iter().map(|one| (*one).to_string()).collect(),
    };
    lessons.see(sight(3, &["anna@acme.example"])).await.unwrap();
    lessons.see(sight(4, &["carl@acme.example"])).await.unwrap();
    add(&lessons, said(9, Teacher::Staff, "eva", Label::Ham)).await;
    let found = lessons.seen_by_message(&acme(), "3@far.example").await.unwrap();
    assert_eq!((found.len(), found[0].mail, &found[0].sketch), (1, mark(3), &vec![3; 8]));
    for (address, want) in [("anna@acme.example", true), ("carl@acme.example", false)] {
        assert_eq!(lessons.is_of(&acme(), &found[0], address).await.unwrap(), want, "{address}");
    }
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

#[tokio::test]
async fn what_strangers_send_teaches_a_little_each() {
    let folder = tempfile::tempdir().unwrap();
    let clock = Clock::by_hand(UnixMs(1_800_000_000_000));
    let lessons = open(folder.path(), &clock);
    let new = (0..6).map(|number| {
        let network = if number < 4 { "192.0.2.0" } else { "198.51.100.0" };
        // By whatever of it is noticed.
        let teacher = if number % 2 == 0 { Teacher::Malware } else { Teacher::Trap };
        said(number, teacher, network, Label::Spam)
    });
    let became = lessons.add(new.collect()).await.unwrap();
    assert_eq!(became, [Counts, Counts, Enough, Enough, Counts, Counts]);
    let kept: u64 = lessons.tally().await.unwrap().iter().map(|one| one.lessons).sum();
    assert_eq!(kept, 4, "what is beyond the bound is not kept either");
    let of_one = lessons.tally_of(&acme(), mark(1)).await.unwrap();
    let [one] = of_one.as_slice() else { panic!("{of_one:?}") };
    assert_eq!((one.teacher, one.standing, one.lessons), (Teacher::Trap, Counts, 1));
    let elsewhere = Organisation::named("other");
    assert!(lessons.tally_of(&elsewhere, mark(1)).await.unwrap().is_empty());
    // A recipient's word weighs less than a trap, and more than a guess.
    for (mail, evidence, want) in [(10, Teacher::Trap, Overruled), (11, Teacher::Guessing, Counts)]
    {
        let network = format!("203.0.{mail}.0");
        add(&lessons, said(mail, evidence, &network, Label::Spam)).await;
        let reader = said(mail, Teacher::Reported, "kim@acme.example", Label::Ham);
        assert_eq!(add(&lessons, reader).await, want, "{evidence:?}");
    }
}

#[tokio::test]
async fn when_a_person_is_forgotten_the_words_of_others_count_again() {
    let folder = tempfile::tempdir().unwrap();
    let clock = Clock::by_hand(UnixMs(1_800_000_000_000));
    let lessons = open(folder.path(), &clock);
    let nobody = || People::Named(Vec::new());
    let of = |by, label| NewLesson { people: nobody(), ..said(1, Teacher::Reader, by, label) };
    let both = vec![of("kim@acme.example", Label::Ham), of("bo@acme.example", Label::Spam)];
    assert_eq!(lessons.add(both).await.unwrap(), [Counts, Disputed]);
    let forget = Forget::Person("kim@acme.example".to_string());
    assert_eq!(lessons.forget(&forget, None).await.unwrap(), 1);
    assert_eq!(learned(&lessons).await, [(1, Label::Spam)]);
}
