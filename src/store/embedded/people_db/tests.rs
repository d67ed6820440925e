//! What is kept of people, driven through its public functions.

use super::*;
use crate::{
    mail::{Address, Domain},
    store::people::{
        Acted, Answer, CodeAsked, CodeTried, DigestSent, Mint, Page, Purpose, Token, Told,
    },
};

struct House {
    _folder: tempfile::TempDir,
    clock: Clock,
    people: People,
}

impl House {
    fn new() -> House {
        let folder = tempfile::tempdir().unwrap();
        let clock = Clock::by_hand(UnixMs(1_795_780_800_000));
        let (people, aside) = People::open(folder.path(), clock.clone()).unwrap();
        assert!(aside.is_none());
        House { _folder: folder, clock, people }
    }

    async fn link(&self, owner: &str, purpose: Purpose, line: u32) -> Token {
        self.link_to(id(1), owner, purpose, line).await
    }

    async fn link_to(&self, held: Id, owner: &str, purpose: Purpose, line: u32) -> Token {
        let mint = Mint {
            held,
            mailbox: anna(),
            owner: owner.to_string(),
            purpose,
            line,
            expires: self.clock.now().plus(Duration::from_secs(3_600)),
        };
        self.people.mint(vec![mint]).await.unwrap().remove(0)
    }
}

fn id(number: u8) -> Id {
    Id::new(UnixMs(7), [number; 10])
}

fn of(organisation: &str, address: &str) -> Mailbox {
    Mailbox::new(&Organisation::named(organisation), &Address::parse(address).unwrap())
}

fn anna() -> Mailbox {
    of("acme", "Anna@ours.example")
}

const FIRST: Page = Page { after: 0, rows: 100 };

#[tokio::test]
async fn the_first_act_wins_and_the_others_see_who() {
    let house = House::new();
    let people = &house.people;
    let (bo, cia) = (
        house.link("bo@ours.example", Purpose::Release, 1).await,
        house.link("cia@ours.example", Purpose::Release, 1).await,
    );
    assert_eq!(bo.expose().len(), 22, "128 bits");
    for _ in 0..100 {
        assert_eq!(people.peek(&bo).await.unwrap().unwrap().done, None, "looking changes nothing");
    }
    let (first, second) = tokio::join!(people.act(&bo, None, false), people.act(&bo, None, false));
    let now = [&first, &second].iter().filter(|one| matches!(one, Ok(Acted::Now(_)))).count();
    assert_eq!(now, 1, "{first:?} {second:?}");
    let Acted::Already(peek) = people.act(&cia, None, false).await.unwrap() else {
        panic!("twice")
    };
    assert_eq!(peek.done.unwrap().by, "bo@ours.example");
    // Another purpose of the same mail is another act.
    let block = house.link("cia@ours.example", Purpose::Block, 1).await;
    assert!(matches!(people.act(&block, None, false).await.unwrap(), Acted::Now(_)));
    // What failed can be tried again, by the link that was not spent for good.
    people.give_back(&anna(), id(1), Purpose::Release).await.unwrap();
    assert!(matches!(people.act(&cia, None, false).await.unwrap(), Acted::Now(_)));
    let before = people.act_as(&anna(), id(1), Purpose::Release, "staff").await.unwrap();
    assert_eq!(before.unwrap().by, "cia@ours.example");
}

#[tokio::test]
async fn a_link_does_one_thing_for_a_time() {
    let house = House::new();
    let show = house.link("anna@ours.example", Purpose::Show, 1).await;
    assert_eq!(house.people.act(&show, None, false).await.unwrap(), Acted::Expired);
    let release = house.link("anna@ours.example", Purpose::Release, 1).await;
    house.clock.advance(Duration::from_secs(3_600));
    assert!(house.people.peek(&release).await.unwrap().unwrap().expired);
    assert_eq!(house.people.act(&release, None, false).await.unwrap(), Acted::Expired);
    let guessed = Token::new("token", "AAAAAAAAAAAAAAAAAAAAAA".to_string());
    assert_eq!(house.people.act(&guessed, None, false).await.unwrap(), Acted::Unknown);
    assert_eq!(house.people.peek(&guessed).await.unwrap(), None);
    house.clock.advance(limits::PEOPLE_KEPT * 2);
    assert!(house.people.retain().await.unwrap() >= 2);
    assert_eq!(house.people.peek(&release).await.unwrap(), None);
}

#[tokio::test]
async fn three_wrong_numbers_lock_the_mail_and_spend_nothing() {
    let house = House::new();
    let people = &house.people;
    let link = house.link("anna@ours.example", Purpose::Release, 7).await;
    assert_eq!(people.act(&link, None, true).await.unwrap(), Acted::WrongNumber { left: 2 });
    assert!(people.peek(&link).await.unwrap().unwrap().done.is_none());
    assert_eq!(people.act(&link, Some(3), false).await.unwrap(), Acted::WrongNumber { left: 1 });
    let other = house.link("bo@ours.example", Purpose::Release, 7).await;
    assert_eq!(people.act(&other, Some(8), true).await.unwrap(), Acted::Locked);
    assert_eq!(people.act(&link, Some(7), true).await.unwrap(), Acted::Locked);
}

#[tokio::test]
async fn a_link_opened_from_several_networks_within_a_minute_asks_for_the_number() {
    let house = House::new();
    let people = &house.people;
    let link = house.link("anna@ours.example", Purpose::Release, 2).await;
    assert!(!people.opened(&link, "192.0.2.0/24").await.unwrap());
    assert!(!people.opened(&link, "192.0.2.0/24").await.unwrap());
    house
        .clock
        .advance(limits::OPENINGS_WINDOW + limits::OPENING_STANDS + Duration::from_millis(1));
    assert!(!people.opened(&link, "198.51.100.0/24").await.unwrap(), "an hour later at home");
    // Opened again and again, it still counts from the last time.
    for _ in 0..5 {
        house.clock.advance(limits::OPENING_STANDS / 2);
        assert!(!people.opened(&link, "198.51.100.0/24").await.unwrap());
    }
    house.clock.advance(limits::OPENINGS_WINDOW);
    assert!(people.opened(&link, "203.0.113.0/24").await.unwrap());
    assert!(people.peek(&link).await.unwrap().unwrap().ask_number);
    assert_eq!(people.act(&link, None, false).await.unwrap(), Acted::WrongNumber { left: 2 });
    assert!(matches!(people.act(&link, Some(2), false).await.unwrap(), Acted::Now(_)));
}

#[tokio::test]
async fn whoever_opens_a_whole_digest_within_a_minute_is_asked_for_the_numbers() {
    let house = House::new();
    let people = &house.people;
    let most = u8::try_from(limits::OPENED_TOGETHER_MAX).unwrap();
    let mut links = Vec::new();
    for number in 1..=2 * most {
        let owner = if number == most + 1 { "bo@ours.example" } else { "anna@ours.example" };
        let line = u32::from(number);
        links.push(house.link_to(id(number), owner, Purpose::Release, line).await);
    }
    // A person who takes her time, one of the links twice, and a colleague with his own digest.
    for link in links.iter().take(usize::from(most) - 1).chain(links.first()) {
        assert!(!people.opened(link, "192.0.2.0/24").await.unwrap());
    }
    let bo = &links[usize::from(most)];
    assert!(!people.opened(bo, "192.0.2.0/24").await.unwrap());
    // The next one of hers is one too many: for it, and for those that were opened before it.
    assert!(people.opened(&links[usize::from(most) - 1], "192.0.2.0/24").await.unwrap());
    for link in &links[..usize::from(most)] {
        assert_eq!(people.act(link, None, false).await.unwrap(), Acted::WrongNumber { left: 2 });
    }
    assert!(matches!(people.act(bo, None, false).await.unwrap(), Acted::Now(_)));
    // Later, one by one, nobody asks.
    house
        .clock
        .advance(limits::OPENINGS_WINDOW + limits::OPENING_STANDS + Duration::from_millis(1));
    assert!(!people.opened(&links[usize::from(most) + 1], "192.0.2.0/24").await.unwrap());
}

#[tokio::test]
async fn codes_open_the_own_page_once_and_within_bounds() {
    let house = House::new();
    let people = &house.people;
    let ask = async || people.ask_code(&anna(), "192.0.2.0/24").await.unwrap();
    let CodeAsked::Code(code) = ask().await else { panic!("no code") };
    assert_eq!(code.expose().len(), limits::CODE_LETTERS);
    let elsewhere = of("acme", "bo@ours.example");
    assert_eq!(people.try_code(&elsewhere, code.expose()).await.unwrap(), CodeTried::Wrong);
    let written = format!(" {} ", code.expose().to_lowercase());
    let CodeTried::Welcome(session) = people.try_code(&anna(), &written).await.unwrap() else {
        panic!("not let in")
    };
    assert_eq!(session.expose().len(), 43, "256 bits");
    assert_eq!(people.try_code(&anna(), code.expose()).await.unwrap(), CodeTried::Wrong, "spent");
    assert_eq!(people.session(&session).await.unwrap(), Some(anna()));
    house.clock.advance(limits::OWN_PAGE_IDLE_MAX);
    assert_eq!(people.session(&session).await.unwrap(), None, "left alone");

    let CodeAsked::Code(code) = ask().await else { panic!("no code") };
    for _ in 0..limits::CODE_TRIES_MAX {
        assert_eq!(people.try_code(&anna(), "00000000").await.unwrap(), CodeTried::Wrong);
    }
    assert_eq!(people.try_code(&anna(), code.expose()).await.unwrap(), CodeTried::Wrong);
    let CodeAsked::Code(code) = ask().await else { panic!("no code") };
    house.clock.advance(limits::CODE_LIFETIME);
    assert_eq!(people.try_code(&anna(), code.expose()).await.unwrap(), CodeTried::Wrong, "late");
    let mut given = 0;
    while let CodeAsked::Code(_) = ask().await {
        given += 1;
    }
    assert_eq!(given, limits::CODES_PER_HOUR_MAX - 2);
    let CodeAsked::TooMany { next } = ask().await else { panic!("a sixth code") };
    house.clock.advance(next.since(house.clock.now()));
    // The hour of the two that were asked for first is over.
    for _ in 0..2 {
        assert!(matches!(ask().await, CodeAsked::Code(_)), "at the time that was told");
    }
    assert!(matches!(ask().await, CodeAsked::TooMany { .. }), "that of the others is not");
    assert!(matches!(
        people.ask_code(&elsewhere, "192.0.2.0/24").await.unwrap(),
        CodeAsked::Code(_)
    ));
}

#[tokio::test]
async fn own_lists_are_per_mailbox_and_the_narrower_entry_counts() {
    let house = House::new();
    let people = &house.people;
    let bo = of("acme", "bo@ours.example");
    let senders = || vec!["karin@far.example".to_string(), "far.example".to_string()];
    let ask = async || {
        let found = people.own_words(vec![anna(), bo.clone()], senders()).await.unwrap();
        found.into_iter().map(|(who, entry)| (who, entry.word)).collect::<HashMap<_, _>>()
    };
    assert!(ask().await.is_empty());
    assert!(people.say_of(&anna(), "Far.example", OwnWord::Block, "anna").await.unwrap());
    assert_eq!(ask().await, HashMap::from([(anna(), OwnWord::Block)]));
    assert!(people.say_of(&anna(), "karin@far.example", OwnWord::Allow, "anna").await.unwrap());
    assert_eq!(ask().await, HashMap::from([(anna(), OwnWord::Allow)]));
    // The last word counts.
    assert!(people.say_of(&anna(), "karin@far.example", OwnWord::Block, "anna").await.unwrap());
    assert_eq!(people.entries(&anna()).await.unwrap().len(), 2);
    assert!(people.unsay(&anna(), "karin@far.example").await.unwrap());
    assert!(!people.unsay(&anna(), "karin@far.example").await.unwrap());
    let elsewhere = of("other", "anna@ours.example");
    assert!(people.own_words(vec![elsewhere], senders()).await.unwrap().is_empty());
}

#[tokio::test]
async fn lists_show_what_the_scope_covers_and_erasing_leaves_nothing() {
    let house = House::new();
    let people = &house.people;
    let info = of("acme", "info@ours.example");
    for mailbox in
        [anna(), info.clone(), of("acme", "x@two.example"), of("other", "y@else.example")]
    {
        let wanted = Wanted { language: Some(Language::Fi), ..Wanted::default() };
        people.set_wanted(&mailbox, wanted).await.unwrap();
        people.request(&mailbox, id(2), "somebody", "please").await.unwrap();
        people.ask_consent(&mailbox, id(2), "staff", "she asked me to").await.unwrap();
    }
    assert!(!people.request(&anna(), id(2), "somebody", "again").await.unwrap());
    assert!(people.add_owner(&info, "Anna@ours.example", "admin").await.unwrap());
    let acme = Organisation::named("acme");
    let domain = vec![Domain::parse("ours.example").unwrap()];
    for (scope, want) in [
        (Scope::Everything, 4),
        (Scope::Organisation(acme.clone()), 3),
        (Scope::Domains(acme.clone(), domain), 2),
        (Scope::Domains(acme.clone(), Vec::new()), 0),
        (Scope::Mailbox(acme.clone(), anna().to_address().unwrap()), 1),
    ] {
        let mailboxes = people.mailboxes(scope.clone(), None, String::new(), 10).await.unwrap();
        let requests = people.requests(scope.clone(), true, FIRST).await.unwrap();
        let consents = people.consents(scope.clone(), false, FIRST).await.unwrap();
        assert_eq!([mailboxes.len(), requests.len(), consents.len()], [want; 3], "{scope:?}");
    }
    let line = people.mailboxes(Scope::Everything, Some("info".into()), String::new(), 10).await;
    assert_eq!(line.unwrap()[0].owners, ["anna@ours.example"]);
    // Answers come from within the scope, and once.
    let open = people.requests(Scope::Everything, true, FIRST).await.unwrap();
    let (theirs, ours) = (open[3].id, Scope::Organisation(acme));
    assert!(!people.answer_request(ours, theirs, Answer::Yes, "staff").await.unwrap());
    assert!(people.answer_request(Scope::Everything, theirs, Answer::No, "staff").await.unwrap());
    assert!(!people.answer_request(Scope::Everything, theirs, Answer::Yes, "staff").await.unwrap());
    // Consent holds for the account that asked, for a time.
    let own = Scope::Mailbox(anna().organisation, anna().to_address().unwrap());
    let asked = people.consents(own.clone(), true, FIRST).await.unwrap()[0].id;
    assert!(!people.may_open(&anna(), id(2), "staff").await.unwrap());
    assert!(!people.withdraw_consent(own.clone(), asked, "anna").await.unwrap(), "no yes yet");
    assert!(people.answer_consent(own.clone(), asked, Answer::Yes, "anna").await.unwrap());
    assert!(people.may_open(&anna(), id(2), "staff").await.unwrap());
    assert!(!people.may_open(&anna(), id(2), "else").await.unwrap());
    house.clock.advance(limits::CONSENT_LIFETIME);
    assert!(!people.may_open(&anna(), id(2), "staff").await.unwrap());
    assert!(!people.withdraw_consent(own.clone(), asked, "anna").await.unwrap(), "it is over");
    // Taken back, it holds no longer; and only its owner takes it back.
    let again = people.ask_consent(&anna(), id(2), "staff", "once more").await.unwrap();
    assert!(people.answer_consent(own.clone(), again, Answer::Yes, "anna").await.unwrap());
    let strange = Scope::Organisation(Organisation::named("other"));
    assert!(!people.withdraw_consent(strange, again, "y").await.unwrap());
    assert!(people.may_open(&anna(), id(2), "staff").await.unwrap());
    assert!(people.withdraw_consent(own.clone(), again, "anna").await.unwrap());
    assert!(!people.may_open(&anna(), id(2), "staff").await.unwrap());
    assert!(!people.withdraw_consent(own, again, "anna").await.unwrap());

    assert!(people.erase(&anna()).await.unwrap() >= 4);
    assert!(people.owners(&info).await.unwrap().is_empty());
    assert_eq!(
        people.mailboxes(Scope::Everything, None, String::new(), 10).await.unwrap().len(),
        3
    );
    assert_eq!(people.wanted(&anna()).await.unwrap().0, Wanted::default());
}

#[tokio::test]
async fn a_digest_is_found_by_its_nonce_alone() {
    let house = House::new();
    let people = &house.people;
    let sent = DigestSent {
        mailbox: anna(),
        reader: "bo@ours.example".to_string(),
        expires: house.clock.now().plus(Duration::from_secs(60)),
        questions: 2,
        rows: vec![id(4), id(5)],
    };
    let nonce = people.digest_sent(sent).await.unwrap();
    assert_eq!(nonce.expose().len(), 26);
    let found = people.digest_of(&nonce.expose().to_uppercase()).await.unwrap().unwrap();
    assert_eq!(
        (found.reader.as_str(), found.questions, found.rows),
        ("bo@ours.example", 2, vec![(1, id(4)), (2, id(5))])
    );
    assert_eq!(people.digest_of("aaaaaaaaaaaaaaaaaaaaaaaaaa").await.unwrap(), None);
    people.add_owner(&anna(), "bo@ours.example", "admin").await.unwrap();
    people.remove_owner(&anna(), "bo@ours.example").await.unwrap();
    assert_eq!(people.digest_of(nonce.expose()).await.unwrap(), None, "he looks after it no more");
}

#[tokio::test]
async fn what_was_chosen_is_there_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let clock = Clock::by_hand(UnixMs(9));
    let wanted = Wanted {
        language: Some(Language::Sv),
        zone: Some(Zone::parse("Europe/Helsinki").unwrap()),
        times: Some(vec![TimeOfDay::parse("08:15").unwrap()]),
        no_digests: false,
    };
    let (people, _) = People::open(folder.path(), clock.clone()).unwrap();
    people.set_wanted(&anna(), wanted.clone()).await.unwrap();
    people.told(&anna(), Told { held: UnixMs(5), asked: UnixMs(0) }).await.unwrap();
    people.round_done(UnixMs(6)).await.unwrap();
    people.say_of(&anna(), "far.example", OwnWord::Block, "anna").await.unwrap();
    drop(people);
    let (people, _) = People::open(folder.path(), clock).unwrap();
    assert_eq!(people.wanted(&anna()).await.unwrap(), (wanted.clone(), UnixMs(5)));
    assert_eq!(people.last_round().await.unwrap(), Some(UnixMs(6)));
    assert_eq!(people.own_hours().await.unwrap(), vec![(anna(), wanted)]);
    let words = people.own_words(vec![anna()], vec!["far.example".to_string()]).await.unwrap();
    assert_eq!(words.len(), 1);
}

#[tokio::test]
async fn beside_what_it_is_for_a_link_does_only_what_is_less() {
    let house = House::new();
    let people = &house.people;
    let release = house.link("anna@ours.example", Purpose::Release, 7).await;
    for more in [Purpose::Release, Purpose::Show, Purpose::Consent, Purpose::Allow, Purpose::Undo] {
        let acted = people.act_beside(&release, more, Some(7), false).await.unwrap();
        assert_eq!(acted, Acted::Unknown, "{more:?}");
    }
    let wrong = people.act_beside(&release, Purpose::Block, Some(8), true).await.unwrap();
    assert_eq!(wrong, Acted::WrongNumber { left: 2 });
    let done = people.act_beside(&release, Purpose::Block, Some(7), true).await.unwrap();
    assert!(matches!(done, Acted::Now(_)), "{done:?}");
    let again = people.act_beside(&release, Purpose::Block, Some(7), true).await.unwrap();
    assert!(matches!(again, Acted::Already(_)), "{again:?}");
    assert!(people.peek(&release).await.unwrap().unwrap().done.is_none(), "it is not spent");
}

#[tokio::test]
async fn looking_is_never_spent_and_its_wrong_numbers_count() {
    let house = House::new();
    let people = &house.people;
    let show = house.link("anna@ours.example", Purpose::Show, 7).await;
    for _ in 0..5 {
        let looked = people.check_number(&show, Some(7), true).await.unwrap();
        assert!(matches!(looked, Acted::Now(_)), "{looked:?}");
    }
    for left in [2, 1] {
        let wrong = people.check_number(&show, None, true).await.unwrap();
        assert_eq!(wrong, Acted::WrongNumber { left });
    }
    assert_eq!(people.check_number(&show, Some(1), false).await.unwrap(), Acted::Locked);
    let late = house.link("bo@ours.example", Purpose::Show, 7).await;
    house.clock.advance(Duration::from_secs(3_600));
    assert_eq!(people.check_number(&late, Some(7), true).await.unwrap(), Acted::Locked);
}

#[tokio::test]
async fn who_looks_after_what_and_what_was_asked_for_is_known() {
    let house = House::new();
    let people = &house.people;
    let acme = Organisation::named("acme");
    for shared in ["sales@ours.example", "info@ours.example"] {
        assert!(people.add_owner(&of("acme", shared), "Anna@ours.example", "eva").await.unwrap());
    }
    people.add_owner(&of("berg", "info@berg.example"), "anna@ours.example", "eva").await.unwrap();
    let own = people.looked_after(&acme, "ANNA@ours.example").await.unwrap();
    let own: Vec<&str> = own.iter().map(|one| one.address.as_str()).collect();
    assert_eq!(own, ["info@ours.example", "sales@ours.example"], "of her organisation alone");
    assert!(people.looked_after(&acme, "bo@ours.example").await.unwrap().is_empty());
    let karin = "karin@far.example";
    assert!(!people.is_requested(&anna(), id(1), karin).await.unwrap());
    assert!(people.request(&anna(), id(1), karin, "").await.unwrap());
    assert!(people.is_requested(&anna(), id(1), karin).await.unwrap());
    assert!(!people.is_requested(&of("acme", "bo@ours.example"), id(1), karin).await.unwrap());
    // What its sender asked takes nothing from what its recipient asks, and the other way round.
    assert!(!people.is_requested(&anna(), id(1), "anna@ours.example").await.unwrap());
    assert!(people.request(&anna(), id(1), "anna@ours.example", "my bill").await.unwrap());
    assert!(!people.request(&anna(), id(1), "anna@ours.example", "again").await.unwrap());
    people.request(&anna(), id(3), karin, "").await.unwrap();
    let own = Scope::Mailbox(anna().organisation, anna().to_address().unwrap());
    let first = people.requests(own.clone(), true, FIRST).await.unwrap()[0].id;
    assert!(people.answer_request(own, first, Answer::No, "anna").await.unwrap());
    let about = people.requests_about(&anna(), vec![id(1), id(2)]).await.unwrap();
    let about: Vec<_> =
        about.iter().map(|one| (one.asked_by.as_str(), one.note.as_str(), one.answer)).collect();
    assert_eq!(
        about,
        [(karin, "", Answer::No), ("anna@ours.example", "my bill", Answer::Open)],
        "answered or not"
    );
    assert!(people.requests_about(&anna(), Vec::new()).await.unwrap().is_empty());
}

#[tokio::test]
async fn what_was_asked_before_askers_had_names_of_their_own_stays() {
    let folder = tempfile::tempdir().unwrap();
    let clock = Clock::by_hand(UnixMs(9));
    let before = rusqlite::Connection::open(folder.path().join("people.db")).unwrap();
    for step in &super::MIGRATIONS[..3] {
        before.execute_batch(step).unwrap();
    }
    before.pragma_update(None, "user_version", 3).unwrap();
    before
        .execute(
            "INSERT INTO request (organisation, mailbox, domain, held, asked_by, note, asked, answer, answered_by, answered)
             VALUES ('acme', 'anna@ours.example', 'ours.example', ?1, 'karin@far.example', 'please', 7, 'open', '', 0)",
            [id(1).to_string()],
        )
        .unwrap();
    drop(before);
    let (people, set_aside) = People::open(folder.path(), clock).unwrap();
    assert!(set_aside.is_none());
    let found = people.requests_about(&anna(), vec![id(1)]).await.unwrap();
    assert_eq!((found.len(), found[0].note.as_str(), found[0].asked), (1, "please", UnixMs(7)));
    assert!(people.request(&anna(), id(1), "anna@ours.example", "").await.unwrap());
}

#[tokio::test]
async fn who_is_asked_something_is_told_of_it_once() {
    let house = House::new();
    let people = &house.people;
    let (bo, start) = (of("acme", "bo@ours.example"), house.clock.now().minus(HOUR));
    let due = async || people.mailboxes_with_questions(start, None, 10).await.unwrap();
    // What an owner asks of staff is no question to him.
    people.request(&bo, id(1), "bo@ours.example", "").await.unwrap();
    assert!(due().await.is_empty());
    people.request(&bo, id(2), "karin@far.example", "").await.unwrap();
    let asked = people.ask_consent(&anna(), id(1), "eva", "why").await.unwrap();
    people.ask_consent(&anna(), id(2), "eva", "why").await.unwrap();
    assert_eq!(due().await, [anna(), bo.clone()]);
    let later = people.mailboxes_with_questions(start, Some(anna()), 10).await.unwrap();
    assert_eq!(later, std::slice::from_ref(&bo), "behind the first");
    let old = people.mailboxes_with_questions(house.clock.now(), None, 10).await.unwrap();
    assert!(old.is_empty(), "asked long ago");
    let told = Told { held: UnixMs(0), asked: house.clock.now() };
    people.told(&anna(), told).await.unwrap();
    assert_eq!(due().await, [bo]);
    // Told is not answered: a new question is told of again.
    house.clock.advance(HOUR);
    people.ask_consent(&anna(), id(3), "eva", "why").await.unwrap();
    assert_eq!(due().await.len(), 2);
    let about = people.consents_about(&anna(), id(1)).await.unwrap();
    assert_eq!(about.iter().map(|one| one.id).collect::<Vec<_>>(), [asked]);
    assert!(
        people.consents_about(&of("other", "anna@ours.example"), id(1)).await.unwrap().is_empty()
    );
}

const HOUR: Duration = Duration::from_secs(3_600);

#[tokio::test]
async fn questions_stay_as_long_as_people_may_ask_about_them() {
    let house = House::new();
    let people = &house.people;
    let own = Scope::Mailbox(anna().organisation, anna().to_address().unwrap());
    let asked = people.ask_consent(&anna(), id(1), "eva", "why").await.unwrap();
    people.ask_consent(&anna(), id(2), "eva", "why").await.unwrap();
    for mail in [1, 2] {
        people.request(&anna(), id(mail), "karin@far.example", "").await.unwrap();
    }
    let first = people.requests(own.clone(), true, FIRST).await.unwrap()[0].id;
    assert!(people.answer_consent(own.clone(), asked, Answer::Yes, "anna").await.unwrap());
    assert!(people.answer_request(own.clone(), first, Answer::No, "anna").await.unwrap());
    // After each wait: how many of each are left. The yes held for a week, and its year begins then.
    for (wait, consents, requests) in [
        (limits::UNANSWERED_KEPT, 2, 2),
        (Duration::from_secs(1), 1, 1),
        (limits::ANSWERED_KEPT - limits::UNANSWERED_KEPT, 1, 0),
        (limits::CONSENT_LIFETIME, 0, 0),
    ] {
        house.clock.advance(wait);
        people.retain().await.unwrap();
        let left = (
            people.consents(own.clone(), false, FIRST).await.unwrap().len(),
            people.requests(own.clone(), false, FIRST).await.unwrap().len(),
        );
        assert_eq!(left, (consents, requests), "{wait:?}");
    }
}

#[tokio::test]
async fn old_questions_go_in_steps() {
    let house = House::new();
    let step = limits::RETAIN_STEP_ROWS;
    let more = i64::try_from(step + 10).unwrap();
    let fill = house.people.db.write("filling", move |connection| {
        connection.execute(
            "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?1)
             INSERT INTO consent (organisation, mailbox, domain, held, asked_by, note, asked, answer, answered_by, answered, expires)
             SELECT 'acme', 'anna@ours.example', 'ours.example', '0', 'eva', '', i, 'no', 'anna', i, i FROM n",
            [more],
        )
    });
    assert_eq!(fill.await.unwrap(), step + 10);
    assert_eq!(house.people.retain().await.unwrap(), step);
    assert_eq!(house.people.retain().await.unwrap(), 10);
    assert_eq!(house.people.retain().await.unwrap(), 0);
}

#[tokio::test]
async fn answers_wait_for_whoever_asked_until_the_mail_is_opened() {
    let house = House::new();
    let people = &house.people;
    let scope = || Scope::Organisation(anna().organisation);
    let answers = async |by: &str| {
        let found = people.answers_to(scope(), by, 10).await.unwrap();
        found.iter().map(|one| one.answer.word()).collect::<Vec<_>>().join(" ")
    };
    let ask =
        async |held: Id, by: &str| people.ask_consent(&anna(), held, by, "why").await.unwrap();
    let (first, second) = (id(1), id(2));
    let asked = ask(first, "eva").await;
    let refused = ask(second, "eva").await;
    assert_eq!(answers("eva").await, "", "nobody has answered");
    for (question, answer) in [(asked, Answer::Yes), (refused, Answer::No)] {
        assert!(people.answer_consent(scope(), question, answer, "anna").await.unwrap());
    }
    assert_eq!((answers("eva").await, answers("bo").await), ("no yes".into(), String::new()));
    let elsewhere = Scope::Organisation(Organisation::named("other"));
    assert!(people.answers_to(elsewhere, "eva", 10).await.unwrap().is_empty());
    house.clock.advance(limits::CONSENT_REFUSED_SHOWN);
    assert_eq!(answers("eva").await, "yes", "a no is told for a day");
    // What others ask stays open when one account has opened the mail.
    ask(first, "eva").await;
    let of_bo = ask(first, "bo").await;
    people.mail_opened(&anna(), first, "eva").await.unwrap();
    assert_eq!(answers("eva").await, "", "the yes is used");
    assert!(people.may_open(&anna(), first, "eva").await.unwrap(), "and holds all the same");
    let page = Page { after: 0, rows: 10 };
    let open = people.consents(scope(), true, page).await.unwrap();
    assert_eq!(open.iter().map(|one| one.id).collect::<Vec<_>>(), [of_bo]);
}
