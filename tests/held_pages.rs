//! Held mail on the admin pages of the real program: lists, groups, acts and their undoing, previews, tables, and whose mail it is.

// Real time, and failing loudly, is what these tests are for.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, clippy::disallowed_methods)]

mod common;

use common::{
    Client, Gateway, Hop, Manner, binary, free_port, wait_for,
    web::{Browser, between},
};

struct House {
    gateway: Gateway,
    hop: Hop,
    admin: u16,
    mail: u16,
}

/// Two organisations; everything from example.org is held.
fn house() -> House {
    let (mail, admin, hop) = (free_port(), free_port(), Hop::start(common::Manner::default()));
    let next = hop.port();
    let domain = |name: &str, organisation: &str| {
        format!(
            "[[domain]]\nname = \"{name}\"\norganisation = \"{organisation}\"\nnext-hop = \"smtp://127.0.0.1:{next}\"\nrecipients = \"any\"\n"
        )
    };
    let gateway = Gateway::start(&format!(
        "hostname = \"mx.ours.example\"\n\
         [[listener]]\nname = \"in\"\nbind = \"127.0.0.1:{mail}\"\ndirection = \"inbound\"\n\
         [[organisation]]\nname = \"acme\"\n[[organisation]]\nname = \"berg\"\n[outbound]\norganisation = \"acme\"\n\
         {}{}\
         [policy]\nquarantine = 0.1\nmark = 0.05\n\
         [web]\nadmin = \"127.0.0.1:{admin}\"\n",
        domain("acme.example", "acme"),
        domain("berg.example", "berg"),
    ));
    House { gateway, hop, admin, mail }
}

/// A mail that something speaks against: it has no Message-ID.
fn odd(subject: &str, from: &str) -> String {
    format!(
        "From: {from}\r\nTo: you\r\nSubject: {subject}\r\n\r\nWin a prize, click here: http://shop.example/{subject}\r\n"
    )
}

impl House {
    fn hold(&self, subject: &str, to: &str) {
        self.hold_from(subject, to, "Karin Berg <karin@example.org>");
    }

    fn hold_from(&self, subject: &str, to: &str, from: &str) {
        self.hold_mail(subject, to, &odd(subject, from));
    }

    fn hold_mail(&self, subject: &str, to: &str, mail: &str) {
        let mut client = Client::hello(self.mail);
        let heard = client.send("karin@example.org", &[to], mail.as_bytes()).unwrap();
        assert_eq!(heard.code, 250, "{}", heard.last());
        wait_for("it to be held", || {
            let list = self.gateway.command(&["quarantine", "list", "--json"]);
            String::from_utf8_lossy(&list.stdout).contains(subject).then_some(())
        });
    }

    fn delivered(&self, subject: &str) {
        wait_for(subject, || {
            self.hop.taken().iter().any(|one| one.text().contains(subject)).then_some(())
        });
    }
}

/// The ids in the list of a page.
fn ids(page: &str) -> Vec<String> {
    page.split("<li data-id=\"")
        .skip(1)
        .map(|rest| rest.split('"').next().unwrap().to_string())
        .collect()
}

#[test]
fn a_mail_from_the_list_to_its_delivery_and_what_can_be_taken_back() {
    let house = house();
    house.hold("first", "anna@acme.example");
    house.hold("second", "bo@acme.example");
    let mut eva = Browser::of_account(&house.gateway, house.admin, "eva", &["--role", "reviewer"]);
    let page = eva.get("/held").body;
    assert!(
        page.contains("Karin Berg") && page.contains("first") && page.contains("anna@acme.example"),
        "{page}"
    );
    let all = ids(&page);
    assert_eq!(all.len(), 2);
    let shown = eva.get(&format!("/held/{}", all[1])).body;
    for part in [
        "first",
        "karin@example.org",
        "Decided by",
        "Findings",
        "nobody has proved to be the sender",
    ] {
        assert!(shown.contains(part), "{part}: {shown}");
    }
    let done =
        eva.post("/held/act", &[("do", "release"), ("id", &all[1]), ("back", "/held?text=x")]);
    assert_eq!((done.code, done.field("location")), (303, "/held?text=x"));
    let page = eva.get("/held").body;
    assert!(page.contains("1 mail delivered."), "{page}");
    assert_eq!(ids(&page).len(), 1);
    // The note was for that page; taking it back is offered wherever she goes meanwhile.
    for elsewhere in ["/trace", "/policy", "/trace"] {
        let page = eva.get(elsewhere).body;
        let offer = between(&page, "class=\"undo\"", "</form>").unwrap_or_else(|| panic!("{page}"));
        assert!(offer.contains(&all[1]) && offer.contains("1 mail delivered."), "{offer}");
        assert!(!page.contains("role=\"status\""), "{page}");
    }
    // Somebody else comes too late, and hears so.
    let mut bo = Browser::of_account(&house.gateway, house.admin, "bo", &["--role", "admin"]);
    bo.post("/held/act", &[("do", "release"), ("id", &all[1])]);
    assert!(bo.get("/held").body.contains("dealt with by somebody else before"));
    assert!(bo.get(&format!("/held/{}", all[1])).body.contains("delivered by eva"));
    // The log says whose mail it was, and that the second act came to nothing.
    let log = house.gateway.command(&["audit", "list", "--json"]);
    let log = String::from_utf8(log.stdout).unwrap();
    let about = |who: &str, what: &str| {
        let with = |line: &&str| {
            [who, &format!("\"what\":\"{what}\""), &all[1]].iter().all(|part| line.contains(part))
        };
        log.lines().find(with).unwrap_or_else(|| panic!("{who} {what}: {log}")).to_string()
    };
    assert!(about("eva", "released").contains("acme"));
    let nothing = about("\"bo\"", "not-done");
    assert!(nothing.contains("acme") && nothing.contains("already"), "{nothing}");
    // What is not there was not deleted: the log says so in one record.
    let nowhere = "01K9ZQ4T6X8M4V0R2S5W7Y9ABC";
    bo.post("/held/act", &[("do", "delete"), ("id", nowhere), ("sure", "yes")]);
    let log = house.gateway.command(&["audit", "list", "--json", "--object", nowhere]);
    let log = String::from_utf8(log.stdout).unwrap();
    assert_eq!(log.lines().count(), 1, "{log}");
    for part in ["\"what\":\"not-done\"", "\"act\":\"deleted\"", "\"why\":\"missing\""] {
        assert!(log.contains(part), "{part}: {log}");
    }
    // Taken back before it left, and let go again.
    eva.post("/held/act", &[("do", "undo"), ("ids", &all[1])]);
    assert!(!eva.get("/trace").body.contains("Take it back"), "what was taken back is no more");
    assert!(eva.get("/held").body.contains("1 mail taken back."));
    assert_eq!(ids(&eva.get("/held").body).len(), 2);
    eva.post("/held/act", &[("do", "release"), ("id", &all[1])]);
    // What was said of the sender with a mail is taken back with it.
    let list = || {
        let list = house.gateway.command(&["mailbox", "show", "bo@acme.example"]);
        String::from_utf8_lossy(&list.stdout).into_owned()
    };
    eva.post("/held/act", &[("do", "block"), ("id", &all[0])]);
    assert!(list().contains("karin@example.org"), "{}", list());
    eva.post("/held/act", &[("do", "undo"), ("ids", &all[0])]);
    assert!(!list().contains("karin@example.org"), "{}", list());
    let log = house.gateway.command(&["audit", "list", "--json", "--object", &all[0]]);
    assert!(String::from_utf8_lossy(&log.stdout).contains("\"deletion-undone\""));
    eva.post("/held/act", &[("do", "delete"), ("id", &all[0])]);
    assert!(eva.get("/held").body.contains("Nothing is held."));
    house.delivered("Subject: first");
    assert!(!house.hop.taken().iter().any(|one| one.text().contains("Subject: second")));
}

#[test]
fn alike_mails_are_one_row_and_all_that_is_found_is_looked_at_before() {
    let house = house();
    for number in 0..5 {
        house.hold(
            &format!("Prize number {number} is yours"),
            &format!("user{number}@acme.example"),
        );
    }
    house.hold_from("another matter", "anna@acme.example", "Someone Else <else@example.net>");
    let mut eva = Browser::of_account(&house.gateway, house.admin, "eva", &["--role", "admin"]);
    let page = eva.get("/").body;
    assert!(page.contains("5 mails to 5 recipients"), "{page}");
    let group = between(&page, "data-group=\"", "\"").unwrap().to_string();
    assert_eq!(ids(&eva.get(&format!("/held?group={group}")).body).len(), 5);
    let preview = eva.post("/held/act", &[("group-do", &format!("delete {group}")), ("back", "/")]);
    assert!(
        preview.body.contains("<strong>5</strong> mails")
            && preview.body.contains("<strong>5</strong> recipients")
            && preview.body.contains("<bdi>Prize number 4 is yours</bdi>")
            && preview.body.contains("<bdi>Karin Berg &#60;karin@example.org&#62;</bdi>")
            && preview.body.contains("<bdi>user4@acme.example</bdi>"),
        "{}",
        preview.body
    );
    assert_eq!(ids(&eva.get("/held").body).len(), 6, "nothing was touched yet");
    // Somebody who saw fewer of them is asked first, whoever saw all of them is not.
    let some = [("do", "delete"), ("group", group.as_str()), ("seen", "4"), ("back", "/")];
    assert!(eva.post("/held/act", &some).body.contains("<strong>5</strong> mails"));
    let all = [("do", "delete"), ("group", group.as_str()), ("seen", "5"), ("back", "/")];
    assert_eq!(eva.post("/held/act", &all).code, 303);
    let said = eva.get("/").body;
    assert!(said.contains("5 mails deleted."), "{said}");
    let gone = between(&said, "name=\"ids\" value=\"", "\"").unwrap().to_string();
    eva.post("/held/act", &[("do", "undo"), ("ids", &gone)]);
    eva.post("/held/act", &[("do", "delete"), ("group", &group), ("sure", "yes"), ("back", "/")]);
    assert!(eva.get("/").body.contains("5 mails deleted."));
    let preview = eva.post("/held/act", &[("do", "release"), ("query", "text=matter")]);
    assert!(preview.body.contains("<strong>1</strong> mail "), "{}", preview.body);
    eva.post("/held/act", &[("do", "release"), ("query", "text=matter"), ("sure", "yes")]);
    house.delivered("Subject: another matter");
}

/// A stranger's copy with the words of a wanted mail is a row with it: who wrote them is shown before any goes, and nobody is allowed unseen.
#[test]
fn a_row_of_several_senders_says_so_before_anything_goes() {
    let house = house();
    let text = "The prize of the summer lottery is drawn for all who bought a ticket of the club at the fair in June, come and see.";
    // The name is longer than what is shown of it, and ends in another's address.
    let hiding = format!("\"{} <club@example.net>\" <other@example.org>", "A".repeat(490));
    for (number, from) in
        ["Club <club@example.net>".to_string(), "Club <club@example.net>".to_string(), hiding]
            .into_iter()
            .enumerate()
    {
        let subject = format!("Drawn {number}");
        let mail = format!("From: {from}\r\nTo: you\r\nSubject: {subject}\r\n\r\n{text}\r\n");
        house.hold_mail(&subject, &format!("u{number}@acme.example"), &mail);
    }
    let mut eva = Browser::of_account(&house.gateway, house.admin, "eva", &["--role", "admin"]);
    let page = eva.get("/").body;
    assert!(page.contains("3 mails of 2 senders to 3 recipients"), "{page}");
    let group = between(&page, "data-group=\"", "\"").unwrap().to_string();
    fn with<'a>(
        group: &'a str,
        act: &'a str,
        more: &[(&'a str, &'a str)],
    ) -> Vec<(&'a str, &'a str)> {
        let own = vec![("do", act), ("group", group), ("seen", "3"), ("back", "/")];
        [own, more.to_vec()].concat()
    }
    let preview = eva.post("/held/act", &with(&group, "release", &[])).body;
    let mark = between(&preview, "name=\"writers\" value=\"", "\"").unwrap().to_string();
    assert!(preview.contains("<strong>2</strong> senders: <bdi>club@example.net</bdi> (2), <bdi>other@example.org</bdi> (1)"), "{preview}");
    // Whoever was sure of other senders' mails is asked again.
    let again = eva.post("/held/act", &with(&group, "release", &[("sure", "yes")])).body;
    assert!(again.contains("<strong>2</strong> senders"), "{again}");
    for act in ["allow", "block"] {
        eva.post("/held/act", &with(&group, act, &[("sure", "yes"), ("writers", &mark)]));
        let said = eva.get("/").body;
        assert!(
            said.contains("alike but of 2 senders: club@example.net, other@example.org"),
            "{said}"
        );
    }
    assert_eq!(ids(&eva.get("/held").body).len(), 3, "nothing was touched");
    eva.post("/held/act", &with(&group, "release", &[("sure", "yes"), ("writers", &mark)]));
    assert!(eva.get("/").body.contains("3 mails delivered."));
}

#[test]
fn a_row_is_one_organisations_and_the_list_is_narrowed_to_one() {
    let house = house();
    for number in 0..3 {
        house.hold(&format!("Prize number {number} is yours"), &format!("u{number}@acme.example"));
    }
    for number in 3..5 {
        house.hold(&format!("Prize number {number} is yours"), &format!("u{number}@berg.example"));
    }
    let mut eva = Browser::of_account(&house.gateway, house.admin, "eva", &["--role", "owner"]);
    let page = eva.get("/").body;
    for part in ["berg · 2 mails to 2 recipients", "acme · 3 mails to 3 recipients"] {
        assert!(page.contains(part), "{part}: {page}");
    }
    let group = between(&page, "data-group=\"", "\"").unwrap().to_string();
    let link = format!("/held?group={group}&#38;organisation=berg");
    assert!(page.contains(&link), "{link}: {page}");
    assert_eq!(ids(&eva.get(&link.replace("&#38;", "&")).body).len(), 2);
    // The list: whose each is, and those of one.
    let page = eva.get("/held").body;
    assert!(page.contains("berg · u4@berg.example") && page.contains("acme · u0@acme.example"));
    assert!(page.contains("<select name=\"organisation\">"), "{page}");
    let page = eva.get("/held?organisation=berg").body;
    assert_eq!(ids(&page).len(), 2, "{page}");
    assert!(page.contains("<option selected>berg</option>") && !page.contains("u0@acme.example"));
    assert_eq!(ids(&eva.get("/held?organisation=nobody").body).len(), 0);
    // What is done with a row touches what it stands for, and nothing of another.
    let act = [("group-do", format!("delete {group} berg")), ("back", "/".to_string())];
    let act: Vec<(&str, &str)> = act.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let preview = eva.post("/held/act", &act).body;
    assert!(preview.contains("<strong>2</strong> mails"), "{preview}");
    assert!(preview.contains("name=\"organisation\" value=\"berg\""), "{preview}");
    let sure = [("do", "delete"), ("group", &group), ("organisation", "berg"), ("sure", "yes")];
    eva.post("/held/act", &sure);
    let left = eva.get("/held").body;
    assert!(left.contains("2 mails deleted.") && ids(&left).len() == 3, "{left}");
    // Whoever sees one organisation is not asked which, and sees nothing of another for the asking.
    let of_acme = ["--role", "admin", "--organisation", "acme"];
    let mut bo = Browser::of_account(&house.gateway, house.admin, "bo", &of_acme);
    let page = bo.get("/held?organisation=acme").body;
    assert!(ids(&page).len() == 3 && !page.contains("<select name=\"organisation\">"), "{page}");
    assert!(!bo.get("/").body.contains("acme ·"));
    assert_eq!(ids(&bo.get("/held?organisation=berg&state=all").body).len(), 0);
}

/// One mail, some that are marked and a group are labelled; nothing moves, and what was said is taken back by whoever said it.
/// Blocked is whom the reader saw, who need not have proved anything; the page says so before.
#[test]
fn a_block_is_about_whom_the_reader_saw() {
    let house = house();
    house.hold_from("first", "anna@acme.example", "Boss <boss@shown.example>");
    let mut eva = Browser::of_account(&house.gateway, house.admin, "eva", &["--role", "reviewer"]);
    let first = ids(&eva.get("/held").body).remove(0);
    let page = eva.get(&format!("/held/{first}")).body;
    let said = "are about <strong>boss@shown.example</strong>, on the own list of <strong>anna@acme.example</strong>";
    assert!(page.contains(said), "{page}");
    eva.post("/held/act", &[("do", "block"), ("id", &first)]);
    assert!(eva.get("/held").body.contains("blocked on the recipient&#39;s own list"));
    house.hold_from("second", "anna@acme.example", "Boss <boss@shown.example>");
    house.hold_from("third", "bo@acme.example", "Boss <boss@shown.example>");
    let list = house.gateway.quarantine(true);
    let blocked = |subject: &str| {
        let held = list.iter().find(|one| one["subject"] == subject).unwrap();
        held["findings"].to_string().contains("recipient.blocked")
    };
    assert!(blocked("second") && !blocked("third"), "{list:?}");
    let second = ids(&eva.get("/held?text=second").body).remove(0);
    let page = eva.get(&format!("/held/{second}")).body;
    assert!(page.contains("There it is blocked by eva since "), "{page}");
}

/// However many were meant, the log names each.
#[test]
fn each_of_very_many_mails_stands_in_the_audit_log() {
    let house = house();
    house.hold("first", "anna@acme.example");
    let mut eva = Browser::of_account(&house.gateway, house.admin, "eva", &["--role", "reviewer"]);
    let first = ids(&eva.get("/held").body).remove(0);
    let strange: Vec<String> =
        (0..1_500).map(|number| format!("01ARZ3NDEKTSV4RRFFQ69{number:05}")).collect();
    let meant = format!("{first} {}", strange.join(" "));
    eva.post("/held/act", &[("do", "delete"), ("ids", &meant)]);
    let log = house.gateway.command(&["audit", "export"]);
    let log = String::from_utf8_lossy(&log.stdout).into_owned();
    // One record each: that it was deleted, or that it was to be and is not there.
    let not_done = ["\"what\":\"not-done\"", "\"act\":\"deleted\"", "\"why\":\"missing\""];
    for id in strange.iter().chain([&first]) {
        let told: Vec<&str> = log.lines().filter(|line| line.contains(id.as_str())).collect();
        let says = if *id == first { &["\"what\":\"deleted\""][..] } else { &not_done };
        let [line] = told.as_slice() else { panic!("{id}: {told:?}") };
        assert!(says.iter().all(|part| line.contains(part)), "{line}");
    }
}

#[test]
fn what_a_mail_is_can_be_said_without_moving_it() {
    let house = house();
    for number in 0..3 {
        let to = format!("user{number}@acme.example");
        house.hold(&format!("Prize number {number} is yours"), &to);
    }
    house.hold_from("another matter", "anna@acme.example", "Someone Else <else@example.net>");
    let mut eva = Browser::of_account(&house.gateway, house.admin, "eva", &["--role", "reviewer"]);
    let page = eva.get("/held").body;
    assert!(
        page.contains("value=\"learn-spam\"") && page.contains("<dialog id=\"learn\""),
        "{page}"
    );
    let all = ids(&page);
    let other = all[0].clone();
    let at = format!("/held/{other}");
    eva.post("/held/act", &[("do", "learn-wanted"), ("id", &other), ("back", &at)]);
    let shown = eva.get(&at).body;
    assert!(
        shown.contains("1 mail learned as wanted.") && shown.contains("learned as wanted by eva, ")
    );
    assert_eq!(ids(&eva.get("/held").body).len(), 4, "nothing moved");
    eva.post("/held/act", &[("do", "learn-wanted"), ("id", &other)]);
    assert!(eva.get("/held").body.contains("1 mail: learned so or deleted before."));
    // Some, and then all that are alike, with a look at them before.
    eva.post("/held/act", &[("do", "learn-wanted"), ("id", &all[1]), ("id", &all[2])]);
    assert!(eva.get("/held").body.contains("2 mails learned as wanted."));
    let group = between(&eva.get("/").body, "data-group=\"", "\"").unwrap().to_string();
    let preview = eva.post("/held/act", &[("group-do", &format!("learn-spam {group}"))]).body;
    assert!(preview.contains("Learn as spam") && preview.contains("<strong>3</strong> mails"));
    eva.post("/held/act", &[("do", "learn-spam"), ("group", &group), ("sure", "yes")]);
    let page = eva.get("/held").body;
    assert!(page.contains("3 mails learned as spam.") && page.contains("learned: spam"), "{page}");
    // Back to what was said before, which is nothing for one of them.
    eva.post("/held/act", &[("do", "undo"), ("ids", &all[1..].join(" "))]);
    assert!(eva.get("/held").body.contains("3 mails taken back."));
    let said = |eva: &mut Browser, id: &str| eva.get(&format!("/held/{id}")).body;
    assert!(said(&mut eva, &all[1]).contains("learned as wanted by eva"));
    let third = said(&mut eva, &all[3]);
    assert!(!third.contains("learned as spam") && !third.contains("learned as wanted by"));
    let audit = house.gateway.command(&["audit", "list", "--json", "--object", &all[3]]);
    let audit = String::from_utf8_lossy(&audit.stdout).into_owned();
    assert!(audit.contains("\"learned\"") && audit.contains("\"as\":\"spam\""), "{audit}");
    let mut hal = Browser::of_account(&house.gateway, house.admin, "hal", &["--role", "helpdesk"]);
    assert_eq!(hal.post("/held/act", &[("do", "learn-spam"), ("id", &other)]).code, 403);
}

#[test]
fn searches_find_and_tables_say_the_same() {
    let house = house();
    house.hold("Faktura 4711", "anna@acme.example");
    house.hold("=cmd|x", "anna@acme.example");
    let mut eva = Browser::of_account(&house.gateway, house.admin, "eva", &["--role", "helpdesk"]);
    for (query, want) in [
        ("", 2),
        ("text=fakt", 1),
        ("text=nothing", 0),
        ("recipient=anna%40acme", 2),
        ("sender=karin", 2),
        ("state=released", 0),
        ("state=all", 2),
        ("direction=outbound", 0),
        ("since=2020-01-01&until=2099-01-01", 2),
        ("until=2020-01-01", 0),
        ("alike=one", 2),
        ("cursor=1", 0),
    ] {
        assert_eq!(ids(&eva.get(&format!("/held?{query}")).body).len(), want, "{query}");
    }
    assert!(eva.get("/held?since=yesterday").body.contains("is no date"));
    // An act on a later page of the list leads back to that page.
    let page = eva.get("/held?text=fakt&cursor=9").body;
    assert!(page.contains("name=\"back\" value=\"/held?text=fakt&#38;cursor=9\""), "{page}");
    let table = eva.post("/held/export", &[("query", "")]);
    assert!(table.field("content-type").starts_with("text/csv"));
    assert!(
        table.body.contains("\"Faktura 4711\"") && table.body.contains("\"'=cmd|x\""),
        "{}",
        table.body
    );
    assert_eq!(eva.post("/held/act", &[("do", "delete"), ("query", "state=held")]).code, 403);
}

/// A view is a search with a name: of whoever saved it, shared with those who see as much, and never more than a search.
#[test]
fn a_search_is_saved_and_shared_with_those_who_see_as_much() {
    let house = house();
    house.hold("Prize for acme", "anna@acme.example");
    house.hold("Prize for berg", "anna@berg.example");
    let of = |name: &str, options: &[&str]| {
        Browser::of_account(&house.gateway, house.admin, name, options)
    };
    let acme = ["--role", "helpdesk", "--organisation", "acme"];
    let mut eva = of("eva", &acme);
    let mut bo = of("bo", &acme);
    let mut narrow = of("narrow", &[&acme[..], &["--domain", "acme.example"]].concat());
    let mut berg = of("berg", &["--role", "admin", "--organisation", "berg"]);
    let listed = |browser: &mut Browser, page: &str| {
        let shown = browser.get(page).body;
        between(&shown, "<ul class=\"views\">", "</ul>").unwrap_or_default().to_string()
    };
    // What is no field of the search is not kept, be it a path, a page of the list or a mail.
    let query = "text=prize&whose=berg&mail=x&cursor=7&back=//evil.example";
    let save = |browser: &mut Browser, page: &str, name: &str, query: &str, shared: &str| {
        let fields = [("page", page), ("name", name), ("query", query), ("shared", shared)];
        let done = browser.post("/views/save", &fields);
        assert_eq!(done.code, 303);
        done.field("location").to_string()
    };
    assert_eq!(save(&mut eva, "held", " Prizes ", query, ""), "/held?text=prize");
    assert!(
        listed(&mut eva, "/held?text=prize")
            .contains("<a href=\"/held?text=prize\" aria-current=\"page\">Prizes</a>")
    );
    assert_eq!(listed(&mut bo, "/held"), "", "it is not shared");
    // A name that is taken is not taken again unless that is meant.
    save(&mut eva, "held", "Prizes", "text=other", "yes");
    let said = eva.get("/held").body;
    assert!(said.contains("You have a view “Prizes” already"), "{said}");
    assert!(listed(&mut eva, "/held").contains("/held?text=prize\""));
    let again =
        [("page", "held"), ("name", "Prizes"), ("query", "text=prize&amp;x"), ("shared", "yes")];
    eva.post("/views/save", &[&again[..], &[("replace", "yes")]].concat());
    save(&mut eva, "trace", "Refused", "action=reject&before=9", "yes");
    assert!(listed(&mut eva, "/trace").contains("<a href=\"/trace?action=reject\">Refused</a>"));
    assert!(listed(&mut bo, "/held").contains(">Prizes</a> <span class=\"quiet\">by eva</span>"));
    for other in [&mut narrow, &mut berg] {
        assert_eq!(listed(other, "/held"), "");
    }
    // Whoever is shown less by the same view is shown less.
    save(&mut narrow, "held", "Mine", "text=prize", "yes");
    let seen = listed(&mut eva, "/held");
    assert!(seen.contains(">Mine</a> <span class=\"quiet\">by narrow</span>"), "{seen}");
    assert_eq!(ids(&eva.get("/held?text=prize").body).len(), 1);
    for (page, name, query, said) in [
        ("held", "", "text=x", "needs a name"),
        ("held", "all", "cursor=5", "asks for everything"),
        ("held", "wrong", "state=gone", "There is no such state."),
        ("trace", "wrong", "since=yesterday", "is no "),
        ("accounts", "wrong", "text=x", "There is no such list."),
    ] {
        save(&mut eva, page, name, query, "");
        let page = eva.get(if page == "trace" { "/trace" } else { "/held" }).body;
        assert!(page.contains(said), "{query}: {page}");
    }
    // Changed by whoever saved it, and by nobody else.
    let page = eva.get("/held").body;
    let form = between(&page, "action=\"/views/change\"", "</form>").unwrap();
    let id = between(form, "name=\"id\" value=\"", "\"").unwrap().to_string();
    let change = |browser: &mut Browser, act: &str, name: &str| {
        let fields = [("page", "held"), ("id", id.as_str()), ("do", act), ("name", name)];
        assert_eq!(browser.post("/views/change", &fields).field("location"), "/held");
        browser.get("/held").body
    };
    for act in ["rename", "share", "unshare", "delete"] {
        assert!(change(&mut bo, act, "his").contains("You have no such view."), "{act}");
    }
    assert!(change(&mut eva, "rename", "Lotteries").contains("It is called Lotteries now."));
    assert!(listed(&mut bo, "/held").contains(">Lotteries</a>"));
    assert!(change(&mut eva, "unshare", "").contains("for yourself now"));
    assert!(!listed(&mut bo, "/held").contains("Lotteries"));
    assert!(change(&mut eva, "delete", "").contains("The view is removed."));
    assert!(!listed(&mut eva, "/held").contains("Lotteries"));
    let audit = house.gateway.command(&["audit", "list", "--json", "--what", "view-changed"]);
    let audit = String::from_utf8_lossy(&audit.stdout).into_owned();
    assert!(audit.contains("\"save\"") && audit.contains("\"delete\""), "{audit}");
    let mut other = eva.clone();
    other.csrf = "x".to_string();
    assert_eq!(other.post("/views/save", &[("page", "held")]).code, 403);
}

#[test]
fn nobody_sees_or_touches_what_is_not_his() {
    let house = house();
    house.hold("for acme", "anna@acme.example");
    house.hold("for berg", "anna@berg.example");
    let mut owner = Browser::of_account(&house.gateway, house.admin, "owner", &["--role", "owner"]);
    let berg = ids(&owner.get("/held?text=berg").body).remove(0);
    let options = ["--role", "domain-admin", "--organisation", "acme"];
    let mut eva = Browser::of_account(&house.gateway, house.admin, "eva", &options);
    let page = eva.get("/held").body;
    assert!(page.contains("for acme") && !page.contains("for berg"), "{page}");
    let unknown = "01ARZ3NDEKTSV4RRFFQ69G5FAV";
    for path in ["/held/", "/held?mail="] {
        let (foreign, nothing) =
            (eva.get(&format!("{path}{berg}")), eva.get(&format!("{path}{unknown}")));
        assert_eq!(
            (foreign.code, foreign.body.replace(&berg, "")),
            (nothing.code, nothing.body.replace(unknown, "")),
            "{path}"
        );
    }
    for act in ["release", "delete", "seen", "allow", "block", "learn-spam", "learn-wanted", "undo"]
    {
        eva.post("/held/act", &[("do", act), ("id", &berg)]);
        assert!(eva.get("/held").body.contains("1 mail: not there any more."), "{act}");
    }
    eva.post("/held/act", &[("do", "delete"), ("query", "state=held"), ("sure", "yes")]);
    assert_eq!(ids(&owner.get("/held").body), [berg]);
    assert!(!eva.post("/held/export", &[("query", "state=all")]).body.contains("for berg"));
}

/// The keys that are explained are those that do something, on this page and for this role.
#[test]
fn keys_are_told_to_those_who_have_them() {
    let house = house();
    house.hold("an offer", "anna@acme.example");
    let mut eva = Browser::of_account(&house.gateway, house.admin, "eva", &["--role", "reviewer"]);
    let mut bo = Browser::of_account(&house.gateway, house.admin, "bo", &["--role", "helpdesk"]);
    let id = ids(&eva.get("/held").body).remove(0);
    let mail = format!("/held/{id}");
    let told = |browser: &mut Browser, path: &str| {
        let page = browser.get(path).body;
        let keys = between(&page, "id=\"keys\"", "</dialog>").unwrap_or_default().to_string();
        let keys = keys.split("<kbd>").skip(1).map(|rest| rest.split('<').next().unwrap());
        keys.collect::<Vec<_>>().join(" ")
    };
    let all = "j k x * r d a b l s l w s e Enter u / Esc ?";
    for (path, of_eva, of_bo) in [
        ("/held", all, "j k e Enter / Esc ?"),
        ("/", "j k x * r d a b l s l w s e Enter u ?", "j k e Enter ?"),
        (&mail, "r d a b l s l w s ?", ""),
    ] {
        assert_eq!(told(&mut eva, path), of_eva, "{path}");
        assert_eq!(told(&mut bo, path), of_bo, "{path}");
    }
    let page = bo.get(&mail).body;
    assert!(!page.contains("all keys") && !page.contains("id=\"learn\""), "{page}");
    // What is dealt with has fewer.
    eva.post("/held/act", &[("do", "delete"), ("id", &id)]);
    assert_eq!(told(&mut eva, &mail), "l s l w u ?");
}

/// What went out belongs to whoever looks after its sender's domain; a sender that a stranger invents gives sight of nothing.
#[test]
fn held_mail_that_went_out_is_its_senders() {
    let (mail, out, admin, hop) =
        (free_port(), free_port(), free_port(), Hop::start(Manner::default()));
    let domain = |name: &str| {
        format!(
            "[[domain]]\nname = \"{name}\"\norganisation = \"acme\"\nnext-hop = \"smtp://127.0.0.1:{}\"\nrecipients = \"any\"\n",
            hop.port()
        )
    };
    let gateway = Gateway::start(&format!(
        "hostname = \"mx.ours.example\"\n\
         [[listener]]\nname = \"in\"\nbind = \"127.0.0.1:{mail}\"\ndirection = \"inbound\"\n\
         [[listener]]\nname = \"out\"\nbind = \"127.0.0.1:{out}\"\ndirection = \"outbound\"\n\
         [[organisation]]\nname = \"acme\"\n\
         [outbound]\norganisation = \"acme\"\nnetworks = [\"127.0.0.0/8\"]\nsmarthost = \"smtp://127.0.0.1:{}\"\ntls = \"off\"\n\
         {}{}\
         [policy]\nquarantine = 0.1\nmark = 0.05\n\
         [web]\nadmin = \"127.0.0.1:{admin}\"\n",
        hop.port(),
        domain("acme.example"),
        domain("other.example"),
    ));
    let house = House { gateway, hop, admin, mail };
    let send = |port: u16, subject: &str, from: &str, to: &str| {
        let from_field = format!("Somebody <{from}>");
        let mut client = Client::hello(port);
        let heard = client.send(from, &[to], odd(subject, &from_field).as_bytes()).unwrap();
        assert_eq!(heard.code, 250, "{}", heard.last());
        wait_for("it to be held", || {
            let list = house.gateway.command(&["quarantine", "list", "--json"]);
            String::from_utf8_lossy(&list.stdout).contains(subject).then_some(())
        });
    };
    // From outside, with a sender of ours that somebody made up; and what two of ours wrote.
    send(house.mail, "invented", "anna@acme.example", "bo@other.example");
    send(out, "sent-by-anna", "anna@acme.example", "x@far.example");
    send(out, "sent-by-bo", "bo@other.example", "x@far.example");
    let options = |domain: &'static str| {
        ["--role", "domain-admin", "--organisation", "acme", "--domain", domain]
    };
    let mut of_acme =
        Browser::of_account(&house.gateway, house.admin, "eva", &options("acme.example"));
    let mut of_other =
        Browser::of_account(&house.gateway, house.admin, "bo", &options("other.example"));
    let mut owner = Browser::of_account(&house.gateway, house.admin, "owner", &["--role", "owner"]);
    let one = |owner: &mut Browser, text: &str| {
        ids(&owner.get(&format!("/held?text={text}")).body).remove(0)
    };
    let [invented, by_anna, by_bo] =
        ["invented", "sent-by-anna", "sent-by-bo"].map(|text| one(&mut owner, text));
    for (browser, sees, misses) in [
        (&mut of_acme, &[&by_anna][..], &[&invented, &by_bo][..]),
        (&mut of_other, &[&by_bo, &invented], &[&by_anna]),
    ] {
        let listed = ids(&browser.get("/held").body);
        assert_eq!(listed.iter().collect::<Vec<_>>(), sees);
        let table = browser.post("/held/export", &[("query", "state=held")]).body;
        let waits = browser.get("/").body;
        for id in sees {
            assert_eq!(browser.get(&format!("/held/{id}")).code, 200);
            assert!(table.contains(id.as_str()) && waits.contains(id.as_str()));
        }
        for id in misses {
            assert_eq!(browser.get(&format!("/held/{id}")).code, 404);
            assert!(!table.contains(id.as_str()) && !waits.contains(id.as_str()));
            browser.post("/held/act", &[("do", "delete"), ("id", id)]);
            assert!(browser.get("/held").body.contains("1 mail: not there any more."));
        }
        // The trace says the same of whose it is.
        let shown = browser.get("/trace").body;
        assert_eq!(shown.contains("sent-by-anna"), sees.contains(&&by_anna), "{shown}");
        assert_eq!(shown.contains("invented"), sees.contains(&&invented), "{shown}");
    }
    of_acme.post("/held/act", &[("do", "delete"), ("query", "state=held"), ("sure", "yes")]);
    assert!(of_acme.get("/held").body.contains("1 mail deleted."));
    assert_eq!(ids(&owner.get("/held").body), [by_bo.clone(), invented]);
    of_other.post("/held/act", &[("do", "release"), ("id", &by_bo)]);
    house.delivered("Subject: sent-by-bo");
    // Whoever sees a mail by its sender delivers it, and has no say in the list of a neighbour's mailbox.
    send(out, "to-a-neighbour", "anna@acme.example", "bo@other.example");
    let to_neighbour = one(&mut owner, "to-a-neighbour");
    of_acme.post("/held/act", &[("do", "allow"), ("id", &to_neighbour)]);
    let page = of_acme.get("/held").body;
    assert!(page.contains(">1 mail delivered.<"), "{page}");
    let allowed = house.gateway.command(&["audit", "list", "--json", "--what", "allowed"]);
    assert!(!String::from_utf8_lossy(&allowed.stdout).contains("bo@other.example"));
}

/// What a finding quotes of the body is content too: nobody reads it beside the mail, and it is not stored. Who has the mail in hand reads it.
#[test]
fn what_a_finding_quotes_is_sealed_with_the_mail() {
    let house = house();
    let mail = "From: Karin Berg <karin@example.org>\r\nTo: you\r\nSubject: sealed\r\n\r\n\
        We have changed our bank account, please pay the invoice there.\r\n";
    let mut client = Client::hello(house.mail);
    let heard = client.send("karin@example.org", &["anna@acme.example"], mail.as_bytes()).unwrap();
    let transaction = heard.id().unwrap();
    let helpdesk = ["--role", "helpdesk"];
    let mut browser = Browser::of_account(&house.gateway, house.admin, "eva", &helpdesk);
    let id = wait_for("it to be held", || ids(&browser.clone().get("/held").body).pop());
    let story = format!("/trace/{transaction}");
    wait_for("its story", || (browser.clone().get(&story).code == 200).then_some(()));
    let (held, traced) = (browser.get(&format!("/held/{id}")).body, browser.get(&story).body);
    let told = |command: &[&str]| {
        String::from_utf8_lossy(&house.gateway.command(command).stdout).into_owned()
    };
    let commands = [told(&["quarantine", "show", &id]), told(&["trace", "show", &transaction])];
    for seen in [&held, &traced].into_iter().chain(&commands) {
        assert!(seen.contains("bank.change_told"), "{seen}");
        assert!(!seen.to_lowercase().contains("changed our bank"), "{seen}");
    }
    let files = house.gateway.data_files();
    assert!(files.iter().any(|(name, _)| name.contains("trace")), "{files:?}");
    for (name, bytes) in files {
        assert!(memchr::memmem::find(&bytes, b"changed our bank").is_none(), "{name}");
    }
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("mail.eml");
    std::fs::write(&file, mail).unwrap();
    let scanned = binary().args(["scan", "--json", "--offline"]).arg(&file).output().unwrap();
    let scanned = String::from_utf8_lossy(&scanned.stdout).to_lowercase();
    assert!(scanned.contains("changed our bank"), "{scanned}");
}

/// The content is sealed: it opens with consent or for a reason, which its owner and the auditors see, and only where it was opened.
#[test]
fn what_a_mail_contains_is_sealed() {
    let house = house();
    let page = "Received: from mail.far.example (far.example [198.51.100.7])\r\n\tby relay.example with ESMTPS id 1; Thu, 19 Nov 2026 10:15:00 +0100\r\n\
        X-About: personnummer 19900102-9819\r\n\
        From: Karin Berg <karin@example.org>\r\nTo: you\r\nSubject: sealed\r\nContent-Type: text/html\r\n\r\n\
        <p>Win a <b>prize</b></p><script>alert(1)</script><img src=\"http://shop.example/x.png\"><a href=\"http://shop.example/\">here</a>\r\n";
    let mut client = Client::hello(house.mail);
    assert_eq!(
        client.send("karin@example.org", &["anna@acme.example"], page.as_bytes()).unwrap().code,
        250
    );
    let mut eva = Browser::of_account(&house.gateway, house.admin, "eva", &["--role", "reviewer"]);
    let id = wait_for("it to be held", || ids(&eva.clone().get("/held").body).pop());
    let at = |what: &str| format!("/held/{id}/{what}");
    for sealed in ["content", "page", "whole", "part/1"] {
        let answer = eva.get(&at(sealed));
        assert_eq!(
            (answer.code, answer.field("location")),
            (303, format!("/held/{id}").as_str()),
            "{sealed}"
        );
    }
    // How it came is no content: the body is not there, and numbers of persons in the header section are masked.
    let way = eva.get(&at("way"));
    assert_eq!(way.code, 200);
    for part in ["mail.far.example", "198.51.100.7", "says so", "Subject: sealed", "127.0.0.1"] {
        assert!(way.body.contains(part), "{part}: {}", way.body);
    }
    for hidden in ["prize", "19900102-9819"] {
        assert!(!way.body.contains(hidden), "{hidden}: {}", way.body);
    }
    for why in ["", "short"] {
        assert_eq!(eva.post(&at("open"), &[("why", why)]).field("location"), format!("/held/{id}"));
        assert!(eva.get(&format!("/held/{id}")).body.contains("only for a reason"), "{why}");
    }
    let why = "she asked by telephone, 0912";
    assert_eq!(eva.post(&at("open"), &[("why", why)]).field("location"), at("content"));
    let shown = eva.get(&at("content"));
    assert!(
        shown.body.contains("Win a prize") && shown.body.contains("<iframe class=\"page\""),
        "{}",
        shown.body
    );
    assert!(shown.head.contains("frame-src 'self'"));
    let framed = eva.get(&at("page"));
    assert!(framed.head.contains("sandbox; default-src 'none'"), "{}", framed.head);
    for bad in ["<script", "src=\"http", "href="] {
        assert!(!framed.body.contains(bad), "{bad}: {}", framed.body);
    }
    let whole = eva.get(&at("whole"));
    assert_eq!(whole.field("content-type"), "application/octet-stream");
    assert!(
        whole.field("content-disposition").starts_with("attachment")
            && whole.body.contains("<script>alert(1)")
    );
    assert!(
        eva.post(&at("zip"), &[("password", "infected"), ("number", "all")])
            .field("content-disposition")
            .contains(".zip")
    );
    let audit = house.gateway.command(&["audit", "list", "--json", "--object", &id]);
    let audit = String::from_utf8_lossy(&audit.stdout).into_owned();
    assert!(
        audit.contains("content-opened") && audit.contains(why) && audit.contains("eva"),
        "{audit}"
    );
    // Another session of another account has opened nothing.
    let mut bo = Browser::of_account(&house.gateway, house.admin, "bo", &["--role", "admin"]);
    assert_eq!(bo.get(&at("content")).code, 303);
    bo.post(&at("ask"), &[("why", "is this the invoice you wait for?")]);
    assert!(bo.get(&format!("/held/{id}")).body.contains("anna@acme.example is asked"));
    let mut helpdesk =
        Browser::of_account(&house.gateway, house.admin, "hal", &["--role", "helpdesk"]);
    assert_eq!(helpdesk.post(&at("open"), &[("why", why)]).code, 403);
}
