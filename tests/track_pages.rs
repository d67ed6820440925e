//! Track, statistics and the audit log by page and by the API, in the real program: what is found, who may see it, and what is recorded.

// Real time, and failing loudly, is what these tests are for.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, clippy::disallowed_methods)]

mod common;

use common::{
    Client, Gateway, Hop, Manner, NOW, eicar, free_port, wait_for,
    web::{Answer, Browser, PASSWORD, between},
};

/// Two organisations, each with a domain of its own, and one of them with two.
struct House {
    gateway: Gateway,
    admin: u16,
    inbound: u16,
    // Takes what is delivered, for as long as the gateway lives.
    _hop: Hop,
}

impl House {
    fn start() -> House {
        let hop = Hop::start(Manner::default());
        let (admin, inbound) = (free_port(), free_port());
        let domain = |name: &str, organisation: &str| {
            format!(
                "[[domain]]\nname = \"{name}\"\norganisation = \"{organisation}\"\nnext-hop = \"smtp://127.0.0.1:{}\"\nrecipients = \"any\"\n",
                hop.port()
            )
        };
        let domains =
            [("acme.example", "acme"), ("acme2.example", "acme"), ("berg.example", "berg")];
        let domains: Vec<String> =
            domains.iter().map(|(name, organisation)| domain(name, organisation)).collect();
        let gateway = Gateway::start(&format!(
            "hostname = \"mx.ours.example\"\n[dns]\nsender-domains = false\n\
             [[listener]]\nname = \"in\"\nbind = \"127.0.0.1:{inbound}\"\ndirection = \"inbound\"\n\
             [[organisation]]\nname = \"acme\"\nlanguages = [\"sv\"]\n[[organisation]]\nname = \"berg\"\n{}\
             [outbound]\norganisation = \"acme\"\n[policy]\nquarantine = 500.0\nreject = 500.0\n\
             [policy.actions]\nvirus = \"quarantine\"\n[web]\nadmin = \"127.0.0.1:{admin}\"\n",
            domains.concat()
        ));
        House { gateway, admin, inbound, _hop: hop }
    }

    fn with(&self, name: &str, options: &[&str]) -> Browser {
        Browser::of_account(&self.gateway, self.admin, name, options)
    }

    /// Sends a mail and gives its id.
    #[track_caller]
    fn send(&self, to: &str, subject: &str, virus: bool) -> String {
        let body = if virus { eicar() } else { "Hello.\r\n".to_string() };
        let mail = format!(
            "From: Karin <karin@far.example>\r\nSubject: {subject}\r\nDate: {NOW}\r\nMessage-ID: <{subject}@far.example>\r\n\r\n{body}"
        );
        let heard = Client::hello(self.inbound).send("karin@far.example", &[to], mail.as_bytes());
        let heard = heard.unwrap();
        assert_eq!(heard.code, 250, "{heard:?}");
        heard.id().unwrap()
    }

    /// A mail that is refused at RCPT.
    #[track_caller]
    fn refused(&self) -> String {
        let mut client = Client::hello(self.inbound);
        client.say("MAIL FROM:<karin@far.example>");
        client.expect("250");
        client.say("RCPT TO:<x@elsewhere.example>");
        let heard = client.hear().unwrap();
        assert_eq!(heard.code, 550, "{heard:?}");
        heard.id().unwrap()
    }
}

/// Nothing of a stranger's is a tag, and the page is small.
#[track_caller]
fn is_sound(answer: &Answer) {
    assert_eq!(answer.code, 200, "{}", answer.body);
    assert!(answer.body.len() < 100_000, "{} bytes", answer.body.len());
    for sign in ["<b>", "style=", "onclick", "\u{202e}"] {
        assert!(!answer.body.contains(sign), "{sign:?} in {}", answer.body);
    }
}

/// The row is written a moment after the reply.
#[track_caller]
fn seen(browser: &mut Browser, path: &str, part: &str) -> Answer {
    wait_for(part, || {
        let answer = browser.get(path);
        answer.body.contains(part).then_some(answer)
    })
}

#[test]
fn a_mail_is_found_by_anything_and_tells_its_story() {
    let house = House::start();
    let good = house.send("anna@acme.example", "<b>hamnen", false);
    let held = house.send("bo@acme2.example", "virus", true);
    let theirs = house.send("ulf@berg.example", "secret", false);
    let refused = house.refused();
    let mut eva = house.with("eva", &["--role", "admin"]);
    seen(&mut eva, "/trace", &refused);
    for (query, found) in [
        ("text=hamnen", &[&good][..]),
        ("text=karin%40far", &[&good, &held, &theirs, &refused]),
        ("recipient=bo", &[&held]),
        ("action=none", &[&refused]),
        ("message_id=secret%40far&client=127.0.0.0/8", &[&theirs]),
        ("organisation=berg", &[&theirs]),
        ("finding=virus.*&text=nothing", &[]),
        ("until=2001-01-01", &[]),
    ] {
        let page = eva.get(&format!("/trace?{query}"));
        is_sound(&page);
        for id in [&good, &held, &theirs, &refused] {
            let link = format!("href=\"/trace/{id}\"");
            assert_eq!(
                page.body.contains(&link),
                found.contains(&id),
                "{query} {id}: {}",
                page.body
            );
        }
    }
    assert!(eva.get("/trace?client=x").body.contains("an address or a network"));
    // Whoever has the id has found it.
    let by_id = eva.get(&format!("/trace?text={good}"));
    assert_eq!((by_id.code, by_id.field("location")), (303, format!("/trace/{good}").as_str()));

    let story = eva.get(&format!("/trace/{held}"));
    is_sound(&story);
    let id = house.gateway.quarantine(false)[0]["id"].as_str().unwrap().to_string();
    for part in [
        "policy default: actions.virus = &#34;quarantine&#34;",
        &format!("href=\"/held/{id}\""),
        "<strong>held</strong>",
        "bo@acme2.example",
        "in clear",
        ">decided</span>",
        // The language of the organisation.
        "lang=\"sv\"",
    ] {
        assert!(story.body.contains(part), "{part}: {}", story.body);
    }
    let finnish = eva.get(&format!("/trace/{held}?language=fi"));
    assert!(finnish.body.contains("lang=\"fi\"") && finnish.body.contains("Viesti osoitteesta"));
    let story = eva.get(&format!("/trace/{good}"));
    is_sound(&story);
    assert!(story.body.contains("250") && story.body.contains("<strong>delivered</strong>"));
    let story = eva.get(&format!("/trace/{refused}"));
    assert!(story.body.contains("turned away before it was judged"), "{}", story.body);

    // One organisation, one of its domains: a foreign id is nobody's.
    let mut anna = house.with("anna", &["--role", "helpdesk", "--organisation", "acme"]);
    let mut bo = house.with(
        "bo",
        &["--role", "domain-admin", "--organisation", "acme", "--domain", "acme2.example"],
    );
    for (browser, visible) in [(&mut anna, &[&good, &held][..]), (&mut bo, &[&held])] {
        let list = browser.get("/trace").body;
        for id in [&good, &held, &theirs] {
            let may = visible.contains(&id);
            assert_eq!(list.contains(id.as_str()), may, "{id}: {list}");
            let code = if may { 200 } else { 404 };
            assert_eq!(browser.get(&format!("/trace/{id}")).code, code);
            assert_eq!(browser.get(&format!("/trace?text={id}")).code == 303, may);
        }
    }
    assert_eq!(bo.get("/trace/x").code, 404);
}

#[test]
fn a_refused_recipient_is_found_with_the_line_that_kept_the_sender_out() {
    let house = House::start();
    let mut eva = house.with("eva", &["--role", "admin"]);
    let change = |act: &'static str, why: &'static str| {
        [
            ("do", act),
            ("list", "block"),
            ("owner", "acme"),
            ("entry", ".bad.example"),
            ("comment", why),
        ]
    };
    let added = eva.post("/policy/lists/change", &change("add", "spam run"));
    assert_eq!(added.code, 303, "{}", added.body);
    // One mail to two organisations: one has the sender on its list, the other takes the mail.
    let mut client = Client::hello(house.inbound);
    client.say("MAIL FROM:<karin@mail.bad.example>");
    client.expect("250");
    client.say("RCPT TO:<anna@acme.example>");
    client.expect("550 5.7.1");
    client.say("RCPT TO:<ulf@berg.example>");
    client.expect("250");
    client.say("DATA");
    client.expect("354");
    client.say("From: K <karin@mail.bad.example>\r\nSubject: to berg\r\n\r\nHello.\r\n.");
    let id = client.hear().unwrap().id().unwrap();

    let mut anna = house.with("anna", &["--role", "helpdesk", "--organisation", "acme"]);
    let list = seen(&mut anna, "/trace?recipient=anna", &id);
    assert!(!list.body.contains("ulf@") && !list.body.contains("to berg"), "{}", list.body);
    let story = anna.get(&format!("/trace/{id}?language=en"));
    is_sound(&story);
    for part in [
        "turned away before it was judged: the sender is on a block list",
        ".bad.example is on the block list of acme (organisation.acme.lists.block)",
        "put there by eva on ",
        "put the sender on the allow list",
        "href=\"/policy/lists?q=.bad.example\"",
        // What the helpdesk says.
        ".bad.example is on the block list of acme. It was put there by eva on ",
        "asks an administrator here to take that line off",
    ] {
        assert!(story.body.contains(part), "{part}: {}", story.body);
    }
    for foreign in ["ulf@", "to berg", "not accepted here"] {
        assert!(!story.body.contains(foreign), "{foreign}: {}", story.body);
    }
    let mut ulf = house.with("ulf", &["--role", "helpdesk", "--organisation", "berg"]);
    let theirs = ulf.get(&format!("/trace/{id}"));
    assert!(theirs.body.contains("ulf@berg.example") && !theirs.body.contains("anna@"));
    // Who looks after some domains of it hears which line, not who keeps the list.
    let mut bo = house.with(
        "bo",
        &["--role", "domain-admin", "--organisation", "acme", "--domain", "acme.example"],
    );
    let some = bo.get(&format!("/trace/{id}"));
    assert!(some.body.contains("on the block list of acme") && !some.body.contains("by eva"));
    let told = house.gateway.command(&["trace", &id]);
    let told = String::from_utf8_lossy(&told.stdout).into_owned();
    assert!(told.contains("put there by eva") && told.contains("ulf@berg.example"), "{told}");

    // Taken out, the story says so.
    assert_eq!(eva.post("/policy/lists/change", &change("remove", "it is over")).code, 303);
    let story =
        seen(&mut anna, &format!("/trace/{id}?language=en"), "It has been taken out since.");
    assert!(story.body.contains("the sender can send again"), "{}", story.body);
}

#[test]
fn a_mail_held_for_an_own_list_names_the_line_and_its_owner() {
    let house = House::start();
    let mut eva = house.with("eva", &["--role", "admin"]);
    let held = house.send("bo@acme2.example", "first", true);
    seen(&mut eva, "/held", "first");
    let id = house.gateway.quarantine(false)[0]["id"].as_str().unwrap().to_string();
    let blocked = eva.post("/held/act", &[("do", "block"), ("id", &id)]);
    assert_eq!(blocked.code, 303, "{held}: {}", blocked.body);
    let second = house.send("bo@acme2.example", "second", false);
    let story = seen(&mut eva, &format!("/trace/{second}?language=en"), "recipient.blocked");
    for part in [
        "karin@far.example is on the own list of bo@acme2.example",
        "put there by eva on ",
        "its owner takes the line out on the own page",
        "karin@far.example is on the recipient&#39;s own block list. It was put there by eva",
        "For the recipient alone",
    ] {
        assert!(story.body.contains(part), "{part}: {}", story.body);
    }
}

#[test]
fn a_long_trace_is_shown_by_the_page() {
    let house = House::start();
    let ids: Vec<String> = (0..60).map(|_| house.refused()).collect();
    let mut eva = house.with("eva", &["--role", "admin"]);
    // Transactions are written as they end, which is not always the order in which they began.
    let count = |answer: &Answer| ids.iter().filter(|id| answer.body.contains(id.as_str())).count();
    let first = wait_for("all of them", || {
        let line =
            |output: std::process::Output| output.stdout.iter().filter(|byte| **byte == 10).count();
        let all = line(house.gateway.command(&["trace", "list", "--json"]));
        (all == 60).then(|| eva.get("/trace"))
    });
    is_sound(&first);
    let next = between(&first.body, "<a href=\"/trace?before=", "\">Next page").unwrap();
    let second = eva.get(&format!("/trace?before={next}"));
    assert_eq!((count(&first), count(&second)), (50, 10));
    assert!(!ids.iter().any(|id| first.body.contains(id) && second.body.contains(id)));
    assert!(second.body.contains("From the newest") && !second.body.contains("Next page"));
}

#[test]
fn the_audit_log_is_read_and_taken_away() {
    let house = House::start();
    let mut eva = house.with("eva", &["--role", "admin"]);
    let mut anna = house.with("anna", &["--role", "auditor", "--organisation", "acme"]);
    let mut bo = house.with(
        "bo",
        &["--role", "domain-admin", "--organisation", "acme", "--domain", "acme2.example"],
    );
    let mut ulf = house.with("ulf", &["--role", "auditor", "--organisation", "berg"]);
    let page = seen(&mut eva, "/audit", "started");
    is_sound(&page);
    assert!(page.body.contains("The newest record is number"), "{}", page.body);
    // Accounts were added at the command line: each in its organisation.
    for (query, found) in [
        ("what=account-added", &["anna", "bo", "ulf"][..]),
        ("what=account-added&organisation=acme", &["anna", "bo"]),
        ("what=account-added&object=ulf", &["ulf"]),
        ("what=account-added&who=nobody", &[]),
        ("what=account-added&until=2001-01-01", &[]),
    ] {
        let page = eva.get(&format!("/audit?{query}"));
        is_sound(&page);
        for name in ["anna", "bo", "ulf"] {
            let link = format!("/audit?object={name}\"");
            assert_eq!(page.body.contains(&link), found.contains(&name), "{query} {name}");
        }
    }
    assert!(eva.get("/audit?since=x").body.contains("is no time"));
    let theirs = anna.get("/audit?organisation=berg").body;
    assert!(theirs.contains("object=bo\"") && !theirs.contains("object=ulf\""), "{theirs}");
    assert!(
        !theirs.contains("<span class=\"tag\">started</span>"),
        "nothing of the site's: {theirs}"
    );
    assert!(!bo.get("/audit").body.contains("object=anna\""), "only what bo did");

    // Taking it away is recorded first, and stands in what is taken.
    let fields = [("format", "jsonl"), ("reason", "yearly audit"), ("what", "audit-exported")];
    let taken = eva.post("/audit/export", &fields);
    assert_eq!(taken.code, 200, "{}", taken.body);
    assert!(taken.field("content-disposition").contains("audit.jsonl"), "{}", taken.head);
    for part in ["\"what\":\"audit-exported\"", "yearly audit", "\"hash\":\"", "\"name\":\"eva\""] {
        assert!(taken.body.contains(part), "{part}: {}", taken.body);
    }
    let taken = ulf.post("/audit/export", &[("format", "csv"), ("who", "anna")]);
    assert!(taken.body.contains("number,time,who_kind,who,what"), "{}", taken.body);
    let all = ulf.post("/audit/export", &[("format", "csv")]).body;
    assert!(all.contains(",ulf,") && !all.contains(",anna,") && !all.contains("started"), "{all}");
    let whole = house.gateway.command(&["audit", "verify"]);
    assert!(whole.status.success(), "{}", String::from_utf8_lossy(&whole.stdout));
    let mut helpdesk = house.with("hd", &["--role", "helpdesk"]);
    assert_eq!(helpdesk.get("/audit").code, 403);
    assert_eq!(helpdesk.post("/audit/export", &[("format", "csv")]).code, 403);
}

#[test]
fn what_happened_is_counted_for_whoever_may_know() {
    let house = House::start();
    house.send("anna@acme.example", "hamnen", false);
    house.send("bo@acme2.example", "virus", true);
    house.send("ulf@berg.example", "secret", false);
    house.refused();
    let mut eva = house.with("eva", &["--role", "admin"]);
    let page = seen(&mut eva, "/statistics", "<dt>mails in</dt><dd>4</dd>");
    is_sound(&page);
    for part in [
        "<svg class=\"chart\"",
        "aria-label=\"Inbound, 7 days: 4 mails; 2 delivered, 0 marked, 0 deferred, 1 held, 0 refused, 1 turned away early\"",
        "/trace?sender=karin%40far.example",
        "ulf@berg.example",
        "<dt>came inside TLS</dt><dd>0 %</dd>",
        "4 in clear (100 %)",
    ] {
        assert!(page.body.contains(part), "{part}: {}", page.body);
    }
    for span in ["day", "month", "year"] {
        let page = eva.get(&format!("/statistics?span={span}"));
        is_sound(&page);
        assert!(page.body.contains("<dt>mails in</dt><dd>4</dd>"), "{span}: {}", page.body);
    }
    let one = eva.get("/statistics?organisation=berg").body;
    assert!(one.contains("<dt>mails in</dt><dd>1</dd>"), "{one}");
    let mut bo = house.with(
        "bo",
        &["--role", "domain-admin", "--organisation", "acme", "--domain", "acme2.example"],
    );
    let own = bo.get("/statistics?organisation=berg").body;
    assert!(
        own.contains("<dt>mails in</dt><dd>1</dd>") && own.contains("bo@acme2.example"),
        "{own}"
    );
    assert!(!own.contains("berg.example") && !own.contains("acme.example<"), "{own}");
}

#[test]
fn what_is_done_by_page_is_in_the_audit_log() {
    let house = House::start();
    let mut eva = house.with("eva", &["--role", "owner"]);
    let mut stranger = Browser::new(house.admin);
    stranger.log_in("eva", "not the password");
    stranger.log_in("hunter2-typed-into-the-wrong-field", "x");
    eva.post("/accounts/add", &[("name", "ulf"), ("role", "auditor"), ("organisation", "berg")]);
    eva.post("/accounts/change", &[("name", "ulf"), ("do", "disable")]);
    eva.post("/accounts/change", &[("name", "ulf"), ("do", "remove"), ("sure", "yes")]);
    let ban = [("what", "192.0.2.9"), ("for", "hour"), ("why", "it knocks")];
    assert_eq!(eva.post("/bans/add", &ban).code, 303);
    eva.post("/bans/lift", &[("what", "192.0.2.9")]);
    eva.post("/bans/lift", &[("what", "192.0.2.77")]);
    eva.post("/greylist/skip", &[("what", "192.0.2.10")]);
    let token = [("label", "a script"), ("days", "3"), ("right", "look"), ("password", PASSWORD)];
    eva.post("/own/tokens/add", &token);
    eva.post("/own/sessions/end", &[]);
    eva.post("/logout", &[]);
    let output = house.gateway.command(&["audit", "list", "--json"]);
    let text = String::from_utf8(output.stdout).unwrap();
    let records: Vec<serde_json::Value> =
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let was = |what: &str, who: &str, object: &str, details: &str| {
        records.iter().any(|one| {
            one["what"] == what
                && one["who"]["name"].as_str().unwrap_or("") == who
                && one["object"].as_str().unwrap_or("") == object
                && one["client"] == "127.0.0.1"
                && one["details"].to_string().contains(details)
        })
    };
    for (what, who, object, details) in [
        ("logged-in", "eva", "", ""),
        ("log-in-failed", "", "eva", "password"),
        ("log-in-failed", "", "", "password"),
        ("account-added", "eva", "ulf", "auditor"),
        ("account-changed", "eva", "ulf", "disable"),
        ("account-removed", "eva", "ulf", "remove"),
        ("ban-changed", "eva", "192.0.2.9", "add"),
        ("ban-changed", "eva", "192.0.2.9", "lift"),
        ("greylist-changed", "eva", "192.0.2.10", "skip"),
        ("account-changed", "eva", "eva", "make-token"),
        ("account-changed", "eva", "eva", "end-other-sessions"),
        ("logged-out", "eva", "", ""),
    ] {
        assert!(was(what, who, object, details), "{what} {object} {details}: {text}");
    }
    assert!(records.iter().any(|one| one["what"] == "not-done"), "no such ban: {text}");
    assert!(!text.contains("hunter2"), "a password typed into the wrong field: {text}");
    assert!(house.gateway.command(&["audit", "verify"]).status.success());
}
