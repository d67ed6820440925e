//! What people do with their held mail in a browser: by the links of a digest, on their own page, and as the sender of what was refused.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, clippy::disallowed_methods)] // Failing loudly is what these tests are for.

mod common;

use common::{
    Client, Gateway, Hop, Manner, NOW, Names, Said, Taken, free_port, wait_for,
    web::{Answer, Browser, between},
};
use std::{fs, thread, time::Duration};

/// Rules of the house that hold and refuse without calling anything malware, and one that calls it dangerous.
const PHRASES: &str = r#"
[[rule]]
id = "phrase.house_harbour"
about = "Somebody wants to meet by the harbour."
plain = "The mail speaks of the harbour."
category = "spam"
languages = ["en"]
weight = 4.0
patterns = ['\bby the harbour\b']
examples.hit = ["shall we meet by the harbour?", "at noon by the harbour"]
examples.miss = ["shall we meet in town?", "the harbour is closed"]

[[rule]]
id = "phrase.house_market"
about = "Somebody wants to meet by the market."
plain = "The mail speaks of the market."
category = "spam"
languages = ["en"]
weight = 5.0
patterns = ['\bby the market\b']
examples.hit = ["shall we meet by the market?", "at noon by the market"]
examples.miss = ["shall we meet in town?", "the market is closed"]

[[rule]]
id = "phrase.house_bridge"
about = "Somebody wants to meet by the bridge."
plain = "The mail speaks of the bridge."
category = "phish"
languages = ["en"]
weight = 4.0
patterns = ['\bby the bridge\b']
examples.hit = ["shall we meet by the bridge?", "at noon by the bridge"]
examples.miss = ["shall we meet in town?", "the bridge is closed"]
"#;

struct House {
    gateway: Gateway,
    hop: Hop,
    inbound: u16,
    public: u16,
    admin: u16,
    _names: Names,
    _folder: tempfile::TempDir,
}

impl House {
    fn start(more: &str) -> House {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("house.toml"), PHRASES).unwrap();
        let names = Names::start();
        names.say("far.example", Said::Txt("v=spf1 ip4:127.0.0.1 -all"));
        names.say("_dmarc.far.example", Said::Txt("v=DMARC1; p=none"));
        let (hop, inbound) = (Hop::start(Manner::default()), free_port());
        let (public, admin) = (free_port(), free_port());
        let digests = if more.contains("enabled =") { "" } else { "enabled = false\n" };
        let config = format!(
            "hostname = \"mx.ours.example\"\n\
             [[listener]]\nname = \"in\"\nbind = \"127.0.0.1:{inbound}\"\ndirection = \"inbound\"\n\
             [dns]\nservers = [\"127.0.0.1:{}\"]\nsender-domains = false\n\
             [[organisation]]\nname = \"acme\"\ntitle = \"Acme & Co\"\nlanguages = [\"en\"]\ncountry = \"SE\"\n\
             [[domain]]\nname = \"ours.example\"\norganisation = \"acme\"\nnext-hop = \"smtp://127.0.0.1:{}\"\nrecipients = \"any\"\n\
             [rules]\nfolders = [\"{}\"]\n\
             [policy]\nmark = 2.0\nquarantine = 2.5\nreject = 4.7\nphish = 1000.0\n\
             [web]\nadmin = \"127.0.0.1:{admin}\"\npublic = \"127.0.0.1:{public}\"\npublic-url = \"http://127.0.0.1:{public}\"\nproxies = [\"127.0.0.1/32\"]\n\
             [digest]\n{digests}fold-above = 900.0\n{more}",
            names.port(),
            hop.port(),
            folder.path().display(),
        );
        let gateway = Gateway::start(&config);
        House { gateway, hop, inbound, public, admin, _names: names, _folder: folder }
    }

    /// Sends a mail from a sender who passes DMARC, or does not; gives what is heard after the dot.
    #[track_caller]
    fn send(&self, from: &str, to: &str, subject: &str, place: &str) -> String {
        let (_, domain) = from.rsplit_once('@').unwrap();
        let mail = format!(
            "From: =?utf-8?q?Karin_=3Cb=3EBerg?= <{from}>\r\nTo: {to}\r\nSubject: {subject}\r\nDate: {NOW}\r\n\
             Message-ID: <{}@{domain}>\r\n\r\nShall we meet by the {place}?\r\n",
            blake3::hash(subject.as_bytes()).to_hex()
        );
        let heard = Client::hello(self.inbound).send(from, &[to], mail.as_bytes()).unwrap();
        heard.last().to_string()
    }

    #[track_caller]
    fn hold(&self, to: &str, subject: &str) {
        let said = self.send("karin@far.example", to, subject, "harbour");
        assert!(said.starts_with("250"), "{said}");
    }

    #[track_caller]
    fn run(&self, words: &[&str]) -> String {
        let out = self.gateway.command(words);
        assert!(out.status.success(), "{words:?}: {}", String::from_utf8_lossy(&out.stderr));
        String::from_utf8(out.stdout).unwrap()
    }

    /// The next mail that reaches the server behind.
    #[track_caller]
    fn next(&self, what: &str) -> Taken {
        wait_for(what, || self.hop.drain().pop())
    }

    /// Has a digest written; gives the paths of its links, by row and button: deliver or review, show, block.
    #[track_caller]
    fn digest(&self, mailbox: &str) -> Vec<[String; 3]> {
        self.run(&["digest", "send", mailbox]);
        self.links(&self.next("the digest").text())
    }

    fn links(&self, digest: &str) -> Vec<[String; 3]> {
        let (text, _) = digest.split_once("text/html").unwrap();
        let start = format!("http://127.0.0.1:{}", self.public);
        let links: Vec<String> = text
            .split(start.as_str())
            .skip(1)
            .map(|rest| rest.split_whitespace().next().unwrap().to_string())
            .filter(|link| link.starts_with("/m/"))
            .collect();
        assert!(!links.is_empty() && links.len().is_multiple_of(3), "{digest}");
        links.chunks(3).map(|row| [0, 1, 2].map(|place| row[place].clone())).collect()
    }

    fn browser(&self) -> Browser {
        Browser::new(self.public)
    }

    /// The mails delivered, and no letter of ours.
    fn delivered(&self) -> Vec<Taken> {
        let taken = self.hop.taken();
        taken.into_iter().filter(|one| one.text().starts_with("X-Sluss-Released")).collect()
    }

    fn state(&self, subject: &str) -> String {
        let filter = serde_json::json!({ "states": ["held", "rejected", "released", "seen", "deleted"], "rows": 1000 });
        let asked = serde_json::json!({ "command": "quarantine-list", "filter": filter });
        let all = self.gateway.ask(&asked).unwrap()["held"].clone();
        let found = all.as_array().unwrap().iter().find(|one| one["subject"] == subject);
        found.map_or("gone", |one| one["state"].as_str().unwrap()).to_string()
    }

    /// Somebody on the own page of a mailbox.
    #[track_caller]
    fn at_home(&self, mailbox: &str) -> Browser {
        let mut browser = self.browser();
        browser.get("/me");
        let page = browser.post("/me/code", &[("address", mailbox)]).body;
        assert!(page.contains("a code is on its way"), "{page}");
        let letter = self.next("the code").text();
        let code = between(&letter, "Your code is ", ".").unwrap().to_string();
        let answer =
            browser.post("/me/open", &[("address", mailbox), ("code", &code.to_lowercase())]);
        assert_eq!((answer.code, answer.field("location")), (303, "/me"), "{}", answer.body);
        assert!(answer.field("set-cookie").starts_with("__Host-sluss-me="));
        browser.get("/me");
        browser
    }
}

/// Sends a form of the own page, and follows to the page that says what was done.
#[track_caller]
fn done(browser: &mut Browser, path: &str, fields: &[(&str, &str)]) -> String {
    let answer = browser.post(path, fields);
    assert_eq!(answer.code, 303, "{}", answer.body);
    browser.get(answer.field("location")).body
}

/// Presses the button of a form on a page that was just got: sends the fields of the form that does this.
fn press(
    browser: &mut Browser,
    path: &str,
    page: &str,
    act: &str,
    more: &[(&str, &str)],
) -> Answer {
    let before = page.split(&format!("name=\"do\" value=\"{act}\"")).next().unwrap();
    assert!(before.len() < page.len(), "no form does {act}: {page}");
    let (_, csrf) = before.rsplit_once("name=\"csrf\" value=\"").unwrap();
    browser.csrf = csrf.split('"').next().unwrap().to_string();
    let fields: Vec<(&str, &str)> = [("do", act)].into_iter().chain(more.iter().copied()).collect();
    browser.post(path, &fields)
}

fn of_network(network: &str) -> String {
    format!("X-Forwarded-For: {network}\r\n")
}

#[test]
fn two_taps_deliver_a_mail_once_and_it_can_be_taken_back() {
    let house = House::start("");
    house.hold("anna@ours.example", "Lunch <script>alert(1)</script> & \"more\"");
    let [deliver, show, block] = house.digest("anna@ours.example").remove(0);
    let mut anna = house.browser();
    let page = anna.get(&deliver).body;
    for part in [
        "<html lang=\"en\">",
        "Acme &#38; Co",
        "Karin &#60;b&#62;Berg",
        "karin@<b>far.example</b>",
        "Lunch &#60;script&#62;alert(1)&#60;/script&#62; &#38; &#34;more&#34;",
        ">Deliver</button>",
        ">Block</button>",
        "It looks like advertising or spam.",
        "Deleted on ",
    ] {
        assert!(page.contains(part), "{part}: {page}");
    }
    assert!(!page.contains("<script") && !page.contains("score"), "{page}");
    // A program that fetches everything, a hundred times, by every method that only looks.
    for path in [&deliver, &show, &block] {
        for method in ["GET", "HEAD", "OPTIONS"] {
            for _ in 0..34 {
                anna.ask(method, path, "", "");
            }
        }
    }
    assert_eq!(anna.get(&deliver).body, page, "the page is what it was");
    // What only shows or blocks delivers nothing, whatever is sent to it.
    for other in [&show, &block] {
        anna.get(other);
        let answer = anna.post(other, &[("do", "deliver")]);
        assert_eq!(answer.code, 403, "{}", answer.body);
    }
    let page_of_show = anna.get(&show).body;
    assert!(!page_of_show.contains("Shall we meet"), "nobody has pressed: {page_of_show}");
    assert!(!page_of_show.contains(">Deliver<") && !page_of_show.contains(">Block<"));
    let shown = press(&mut anna, &show, &page_of_show, "show", &[]).body;
    assert!(shown.contains("Shall we meet by the harbour?"), "{shown}");
    assert!(anna.get(&block).body.contains(">Block</button>"));
    // A form of another page, and one without its token.
    let body =
        format!("do=deliver&csrf={}", between(&page, "name=\"csrf\" value=\"", "\"").unwrap());
    for (body, origin) in [(body.as_str(), "cross-site"), ("do=deliver&csrf=x", "same-origin")] {
        let head = format!("Content-Length: {}\r\nSec-Fetch-Site: {origin}\r\n", body.len());
        assert_eq!(anna.ask("POST", &deliver, &head, body).code, 403);
    }
    assert_eq!(house.delivered().len(), 0);
    // Two browsers at the same moment.
    let (mut one, mut other) = (anna.clone(), anna.clone());
    let (path, twin) = (deliver.clone(), deliver.clone());
    let (page_one, page_other) = (page.clone(), page.clone());
    let first = thread::spawn(move || press(&mut one, &path, &page_one, "deliver", &[]).body);
    let second = thread::spawn(move || press(&mut other, &twin, &page_other, "deliver", &[]).body);
    let said = [first.join().unwrap(), second.join().unwrap()];
    let count = |what: &str| said.iter().filter(|page| page.contains(what)).count();
    assert_eq!(count(">Delivered</h1>"), 1, "{said:?}");
    assert_eq!(count("Already delivered"), 1, "{said:?}");
    let done = said.iter().find(|page| page.contains(">Delivered</h1>")).unwrap();
    assert!(done.contains("You can take it back within 10 seconds."), "{done}");
    assert!(!done.contains("Deleted on ") && !done.contains("It looks like"), "{done}");
    let undone = press(&mut anna, &deliver, done, "undo", &[]).body;
    assert!(undone.contains("Taken back"), "{undone}");
    assert!(house.state("Lunch <script>alert(1)</script> & \"more\"") == "held");
    // And again, this time for good; the sender proved who it is, so it may be accepted for ever.
    let done = press(&mut anna, &deliver, &undone, "deliver", &[]).body;
    assert!(done.contains("Always accept mail from karin@far.example"), "{done}");
    assert!(press(&mut anna, &deliver, &done, "allow", &[]).body.contains("Accepted from now on"));
    let list = house.run(&["mailbox", "show", "anna@ours.example"]);
    assert!(list.contains("karin@far.example"), "{list}");
    wait_for("the mail", || (house.delivered().len() == 1).then_some(()));
    let again = anna.get(&deliver).body;
    assert!(again.contains("Already delivered") && again.contains("By you, "), "{again}");
    assert!(!again.contains("<form"), "nothing is left to press: {again}");
    assert!(!again.contains("Deleted on ") && !again.contains("It looks like"), "{again}");
    let late = press(&mut anna, &deliver, &done, "undo", &[]).body;
    assert!(late.contains("Too late") && late.contains("The mail has left already."), "{late}");
    assert!(late.contains("href=\"/me\""), "{late}");
    assert_eq!(house.delivered().len(), 1);
    let log = house.run(&["audit", "list", "--json"]);
    for what in ["content-opened", "released", "release-undone", "allowed"] {
        let what = format!("\"what\":\"{what}\"");
        let told = log.lines().filter(|line| line.contains(&what));
        assert!(told.clone().count() > 0, "{what}: {log}");
        assert!(told.clone().all(|line| line.contains("anna@ours.example")), "{what}: {log}");
    }
}

#[test]
fn the_first_act_of_those_who_share_a_mailbox_wins() {
    let house = House::start("");
    for owner in ["anna@ours.example", "bo@ours.example"] {
        house.run(&["mailbox", "set", "info@ours.example", "--owner", owner]);
    }
    house.hold("info@ours.example", "Lunch");
    house.run(&["digest", "send", "info@ours.example"]);
    let mut digests = Vec::new();
    wait_for("both digests", || {
        digests.extend(house.hop.drain());
        (digests.len() == 2).then_some(())
    });
    digests.sort_by_key(|digest| !digest.is_for("anna@ours.example"));
    let [of_anna, of_bo] = [0, 1].map(|place| house.links(&digests[place].text()).remove(0));
    let mut browser = house.browser();
    let page = browser.get(&of_anna[2]).body;
    assert!(page.contains("To info@ours.example"), "{page}");
    let blocked = press(&mut browser, &of_anna[2], &page, "block", &[]).body;
    assert!(blocked.contains("What karin@far.example sends is held from now on"), "{blocked}");
    let page = browser.get(&of_bo[0]).body;
    assert!(page.contains("Already deleted") && page.contains("By anna@ours.example, "), "{page}");
    let undone = press(&mut browser, &of_anna[2], &blocked, "undo", &[]).body;
    assert!(undone.contains("Taken back"), "{undone}");
    let list = house.run(&["mailbox", "show", "info@ours.example"]);
    assert!(!list.contains("karin@far.example"), "{list}");
    let log = house.run(&["audit", "list", "--json"]);
    assert!(log.contains("\"deletion-undone\"") && !log.contains("\"release-undone\""), "{log}");
    let page = browser.get(&of_bo[0]).body;
    assert!(press(&mut browser, &of_bo[0], &page, "deliver", &[]).body.contains(">Delivered<"));
    let page = browser.get(&of_anna[0]).body;
    assert!(page.contains("Already delivered") && page.contains("By bo@ours.example, "), "{page}");
}

#[test]
fn links_that_lead_nowhere_are_all_alike() {
    let house = House::start("");
    house.hold("anna@ours.example", "Lunch");
    let [deliver, ..] = house.digest("anna@ours.example").remove(0);
    let id = house.gateway.quarantine(true)[0]["id"].as_str().unwrap().to_string();
    house.run(&["quarantine", "delete", &id]);
    let mut browser = house.browser();
    let gone = browser.get(&deliver);
    assert_eq!(gone.code, 404);
    assert!(gone.body.contains("This link leads nowhere any more"), "{}", gone.body);
    for strange in ["A".repeat(22), "x".to_string(), "%2e%2e".to_string(), "A".repeat(4_000), id] {
        let answer = browser.get(&format!("/m/{strange}"));
        assert_eq!((answer.code, &answer.body), (404, &gone.body), "{strange}");
        let answer = browser.post(&format!("/m/{strange}"), &[("do", "deliver")]);
        assert_eq!((answer.code, &answer.body), (404, &gone.body), "{strange}");
    }
}

#[test]
fn who_opens_a_link_from_two_networks_is_asked_for_the_number() {
    let house = House::start("");
    for subject in ["First", "Second", "Third"] {
        house.hold("anna@ours.example", subject);
    }
    let rows = house.digest("anna@ours.example");
    let (mut anna, deliver) = (house.browser(), rows[1][0].clone());
    let at = |browser: &mut Browser, network: &str| {
        browser.ask("GET", &deliver, &of_network(network), "").body
    };
    let plain = at(&mut anna, "198.51.100.7");
    assert!(plain.contains(">Deliver</button>"), "{plain}");
    assert_eq!(at(&mut anna, "198.51.100.99"), plain, "the same network");
    let asks = at(&mut anna, "203.0.113.9");
    assert!(asks.contains("Which number stands beside this mail"), "{asks}");
    assert_eq!(at(&mut anna, "198.51.100.7"), asks, "whoever opens it");
    // The page of before, and a program that submits every form as it stands, deliver nothing and use nothing up.
    for page in [&plain, &asks, &plain, &asks, &asks] {
        let said = press(&mut anna, &deliver, page, "deliver", &[]).body;
        assert!(said.contains("Which number stands beside"), "{said}");
    }
    let said = press(&mut anna, &deliver, &asks, "deliver", &[("number", "23")]).body;
    assert!(said.contains("You have 2 tries left"), "{said}");
    let said = press(&mut anna, &deliver, &asks, "deliver", &[("number", "2")]).body;
    assert!(said.contains(">Delivered</h1>"), "{said}");
    wait_for("the mail", || (house.delivered().len() == 1).then_some(()));
    // A program that presses every button in its turn.
    let other = rows[2][0].clone();
    for network in ["198.51.100.7", "203.0.113.9"] {
        anna.ask("GET", &other, &of_network(network), "");
    }
    let asks = anna.get(&other).body;
    let buttons: Vec<String> = asks
        .split("name=\"number\" value=\"")
        .skip(1)
        .map(|rest| rest.split('"').next().unwrap().to_string())
        .collect();
    assert_eq!(buttons.len(), 12);
    let mut last = String::new();
    for number in &buttons {
        last = press(&mut anna, &other, &asks, "deliver", &[("number", number)]).body;
    }
    assert!(last.contains("This mail is locked"), "{last}");
    assert!(anna.get(&other).body.contains("This mail is locked"));
    assert_eq!(house.delivered().len(), 1);
}

#[test]
fn the_number_can_be_asked_for_always() {
    let house = House::start("confirm = \"number\"\n");
    house.hold("anna@ours.example", "Lunch");
    let [deliver, _, block] = house.digest("anna@ours.example").remove(0);
    let mut anna = house.browser();
    for (path, act) in [(&block, "block"), (&deliver, "deliver")] {
        let page = anna.get(path).body;
        assert!(page.contains("Which number"), "{page}");
        let said = press(&mut anna, path, &page, act, &[]).body;
        assert!(said.contains("Which number"), "{said}");
    }
    assert_eq!(house.state("Lunch"), "held");
    let page = anna.get(&deliver).body;
    let said = press(&mut anna, &deliver, &page, "deliver", &[("number", "1")]).body;
    assert!(said.contains(">Delivered</h1>"), "{said}");
}

#[test]
fn what_is_dangerous_is_asked_for_and_not_delivered() {
    let house = House::start("");
    let said = house.send("karin@far.example", "anna@ours.example", "Meeting", "bridge");
    assert!(said.starts_with("250"), "{said}");
    let mut anna = house.at_home("anna@ours.example");
    let page = anna.get("/me").body;
    assert!(
        page.contains(">Ask for review</button>") && !page.contains(">Deliver</button>"),
        "{page}"
    );
    let id = house.gateway.quarantine(false)[0]["id"].as_str().unwrap().to_string();
    // A form that was not on the page.
    let page = done(&mut anna, "/me/mail", &[("do", &format!("deliver:{id}"))]);
    assert!(page.contains("1 mail may be dangerous and was not delivered"));
    anna.post("/me/mail", &[("do", &format!("review:{id}"))]);
    let page = anna.get("/me").body;
    assert!(page.contains("You have asked for review."), "{page}");
    assert_eq!(house.state("Meeting"), "held");
}

#[test]
fn review_is_asked_for_once_and_a_late_undo_says_what_stays() {
    let house = House::start("");
    let said = house.send("karin@far.example", "anna@ours.example", "Meeting", "bridge");
    assert!(said.starts_with("250"), "{said}");
    let [review, show, block] = house.digest("anna@ours.example").remove(0);
    let mut anna = house.browser();
    let page = anna.get(&show).body;
    let shown = press(&mut anna, &show, &page, "show", &[]).body;
    assert!(shown.contains("To ask for review or to block its sender"), "{shown}");
    let page = anna.get(&review).body;
    assert!(page.contains("name=\"format-detection\" content=\"telephone=no\""), "{page}");
    let asked = press(&mut anna, &review, &page, "review", &[]).body;
    assert!(asked.contains("You have asked"), "{asked}");
    let again = anna.get(&review).body;
    assert!(
        again.contains("Review was asked for already") && again.contains("By you, "),
        "{again}"
    );
    assert!(!again.contains(">Ask for review</button>"), "{again}");
    let page = anna.get(&block).body;
    let blocked = press(&mut anna, &block, &page, "block", &[]).body;
    assert!(blocked.contains("Blocked") && !blocked.contains("Deleted on "), "{blocked}");
    thread::sleep(sluss::base::limits::UNDO_TIME_MAX + Duration::from_secs(1));
    let late = press(&mut anna, &block, &blocked, "undo", &[]).body;
    for part in ["Too late", "deleted already", "What karin@far.example sends", "href=\"/me\""] {
        assert!(late.contains(part), "{part}: {late}");
    }
    assert!(!late.contains("has left"), "{late}");
}

#[test]
fn the_own_page_opens_by_a_code_and_shows_one_mailbox() {
    let house = House::start("");
    house.hold("anna@ours.example", "For Anna");
    house.hold("anna@ours.example", "For Anna too");
    house.hold("bo@ours.example", "For Bo");
    house.run(&["mailbox", "set", "info@ours.example", "--owner", "anna@ours.example"]);
    house.hold("info@ours.example", "For all");
    // Every address is answered alike.
    let mut nobody = house.browser();
    nobody.get("/me");
    let answers = ["nobody@ours.example", "x@elsewhere.example"].map(|address| {
        let said = nobody.post("/me/code", &[("address", address)]);
        (said.code, said.body.replace(address, "…"))
    });
    assert_eq!(answers[0], answers[1]);
    house.next("the code for a mailbox that is ours by the configuration");
    for code in ["", "00000000", "x"] {
        let answer = nobody.post("/me/open", &[("address", "anna@ours.example"), ("code", code)]);
        assert_eq!(answer.code, 401);
        assert!(answer.body.contains("That code does not fit"), "{}", answer.body);
    }
    let mut anna = house.at_home("anna@ours.example");
    let page = anna.get("/me").body;
    assert!(page.contains("For Anna too") && !page.contains("For Bo") && !page.contains("For all"));
    // Another's mail, and another's mailbox, are as if they did not exist.
    let id_of = |subject: &str| {
        let all = house.gateway.quarantine(true);
        let one = all.iter().find(|one| one["subject"] == subject).unwrap();
        one["id"].as_str().unwrap().to_string()
    };
    for act in ["deliver", "delete", "block", "review", "allow", "undo", "show"] {
        let answer = anna.post("/me/mail", &[("do", &format!("{act}:{}", id_of("For Bo")))]);
        let missing = anna.post("/me/mail", &[("do", &format!("{act}:{}", "0".repeat(26)))]);
        assert_eq!((answer.code, answer.body), (404, missing.body), "{act}");
    }
    for path in ["/me", "/me/refused", "/me/senders", "/me/settings", "/me/questions"] {
        assert_eq!(anna.get(&format!("{path}?box=bo@ours.example")).code, 404, "{path}");
        assert_eq!(anna.get(path).code, 200, "{path}");
    }
    assert_eq!(house.state("For Bo"), "held");
    // The shared mailbox that she looks after.
    assert!(anna.get("/me").body.contains("/me?box=info%40ours.example"));
    let page = anna.get("/me?box=info%40ours.example").body;
    assert!(page.contains("For all") && !page.contains("For Anna"), "{page}");
    // One by its button, the others as chosen; the last can be taken back.
    let page = done(&mut anna, "/me/mail", &[("do", &format!("deliver:{}", id_of("For Anna")))]);
    assert!(
        page.contains("1 mail is delivered.") && page.contains(">Undo the delivery</button>"),
        "{page}"
    );
    let id = id_of("For Anna too");
    let shown = anna.post("/me/mail", &[("do", &format!("show:{id}"))]).body;
    assert!(shown.contains("Shall we meet by the harbour?"), "{shown}");
    let page = done(&mut anna, "/me/mail", &[("do", "delete"), ("id", &id)]);
    assert!(page.contains("1 mail is deleted.") && page.contains(&id), "{page}");
    assert!(!anna.get("/me/senders").body.contains("1 mail is deleted."), "said once");
    assert_eq!(house.state("For Anna too"), "deleted");
    assert!(
        done(&mut anna, "/me/mail", &[("do", "undo"), ("id", &id)])
            .contains("where it stood before.")
    );
    assert_eq!(house.state("For Anna too"), "held");
    wait_for("the mail", || (house.delivered().len() == 1).then_some(()));

    // Who of the staff looked, and why.
    assert!(anna.get("/me/questions").body.contains("Nobody has."));
    let why = "--reason=ticket 4711";
    house.run(&["quarantine", "show", "--text", why, &id]);
    let page = anna.get("/me/questions").body;
    assert!(page.contains("the mail administrators, ") && page.contains("ticket 4711"), "{page}");
    assert!(page.contains(", without your yes."), "{page}");
    house.run(&["quarantine", "delete", &id]);
    let page = anna.get("/me/questions").body;
    assert!(page.contains("ticket 4711"), "whatever became of the mail: {page}");

    // Senders.
    for (sender, act, said) in [
        ("Far.example", "block", "What far.example sends is held"),
        ("karin@far.example", "allow", "Mail from karin@far.example is accepted"),
        ("192.0.2.0/24", "block", "neither an address (anna@far.example) nor a domain"),
        ("<script>", "block", "neither an address (anna@far.example) nor a domain"),
    ] {
        let page = done(&mut anna, "/me/senders", &[("sender", sender), ("do", act)]);
        assert!(page.contains(said), "{sender}: {page}");
    }
    let page = done(&mut anna, "/me/senders", &[("remove", "far.example")]);
    assert!(!page.contains("<strong>far.example") && page.contains("<strong>karin@far.example"));

    // Settings, and the language that goes with them.
    let fields =
        [("language", "sv"), ("zone", "Europe/Helsinki"), ("times", "8.00"), ("digests", "yes")];
    let page = done(&mut anna, "/me/settings", &fields);
    for part in ["<html lang=\"sv\">", "Sparat.", "value=\"08:00\"", "value=\"Europe/Helsinki\""] {
        assert!(page.contains(part), "{part}: {page}");
    }
    // What cannot be is said beside it, and all stays as it was written.
    let fields = [("language", "fi"), ("zone", "Nowhere"), ("times", "9.15, noon")];
    let answer = anna.post("/me/settings", &fields);
    assert_eq!(answer.code, 422);
    for part in [
        "Inget är sparat än.",
        "id=\"wrong-zone\">Den tidszonen finns inte",
        "id=\"wrong-times\">Skriv tider som",
        "value=\"Nowhere\"",
        "value=\"9.15, noon\"",
        "<option value=\"fi\" lang=\"fi\" selected>",
        "name=\"digests\" value=\"yes\">",
    ] {
        assert!(answer.body.contains(part), "{part}: {}", answer.body);
    }
    let page = anna.get("/me/settings").body;
    assert!(page.contains("value=\"08:00\"") && page.contains("value=\"Europe/Helsinki\""));
    // A domain is read in its own letters, in whichever form it came.
    let fields = [("sender", "xn--rksmrgs-5wao1o.example"), ("do", "block")];
    let page = done(&mut anna, "/me/senders", &fields);
    assert!(page.contains("<strong>räksmörgås.example</strong>"), "{page}");
    assert!(page.contains("Det som räksmörgås.example"), "{page}");
    // A form without its token, and the end.
    let csrf = std::mem::take(&mut anna.csrf);
    assert_eq!(anna.post("/me/settings", &[]).code, 403);
    anna.csrf = csrf;
    let kept = anna.cookies.clone();
    assert!(anna.post("/me/out", &[]).body.contains("Du är utloggad"));
    assert!(anna.cookies.is_empty());
    anna.cookies = kept;
    assert!(anna.get("/me").body.contains("name=\"address\""), "the session is over");
}

#[test]
fn a_code_is_written_in_the_language_of_those_who_read_it() {
    let house = House::start("");
    let set = |mailbox: &str, more: [&str; 4]| {
        let words = ["mailbox", "set", mailbox].into_iter().chain(more);
        house.run(&words.collect::<Vec<_>>());
    };
    let owners = ["--owner", "anna@ours.example", "--owner", "bo@ours.example"];
    set("info@ours.example", owners);
    for owner in ["anna@ours.example", "bo@ours.example"] {
        set(owner, ["--language", "sv", "--zone", "Europe/Stockholm"]);
    }
    let mut nobody = house.browser();
    nobody.get("/me");
    let mut written = |browser_reads: &str| {
        let body = format!("csrf={}&address=info%40ours.example", nobody.csrf);
        let fields = format!(
            "Accept-Language: {browser_reads}\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\
             Sec-Fetch-Site: same-origin\r\n",
            body.len()
        );
        let answer = nobody.ask("POST", "/me/code", &fields, &body);
        assert_eq!(answer.code, 200, "{}", answer.body);
        let letter = house.next("the code").text();
        between(&letter, "Content-Language: ", "\r\n").unwrap().to_string()
    };
    assert_eq!(written("da"), "sv", "what all have chosen who look after it");
    set("bo@ours.example", ["--language", "fi", "--zone", "Europe/Helsinki"]);
    assert_eq!(written("da"), "da", "they differ: as the page on which it was asked for");
    assert_eq!(written("de"), "en", "as the organisation's");
    set("info@ours.example", ["--language", "nb", "--zone", "Europe/Oslo"]);
    assert_eq!(written("da"), "nb", "what is chosen for the mailbox");
}

/// A page without the minute that stands in it: it may be another for the next request.
fn without_times(page: &str) -> String {
    match between(page, "The next can come ", ". The") {
        Some(when) => page.replace(when, "…"),
        None => page.to_string(),
    }
}

#[test]
fn codes_are_few_and_each_is_good_once() {
    let house = House::start("");
    let mut anna = house.browser();
    anna.get("/me");
    let mut ask = |address: &str| {
        let said = anna.post("/me/code", &[("address", address)]);
        (said.code, said.body.replace(address, "…"))
    };
    for number in 1..=8 {
        let (code, page) = ask("anna@ours.example");
        assert!(page.contains("At most 5 codes an hour are sent"), "{page}");
        // What does not come is not promised.
        assert_eq!((code == 200, page.contains("is on its way")), (number <= 5, number <= 5));
        assert_eq!(page.contains("The next can come"), number > 5, "{page}");
        // Nor does it tell which mailboxes there are.
        let (other, same) = ask("x@elsewhere.example");
        assert_eq!((other, without_times(&same)), (code, without_times(&page)));
    }
    let mut letters = Vec::new();
    wait_for("the codes", || {
        letters.extend(house.hop.drain());
        (letters.len() == 5).then_some(())
    });
    wait_for("the refusal in the log", || {
        house.gateway.log().contains("asked for too many codes").then_some(())
    });
    let text = letters.last().unwrap().text();
    assert!(text.contains("Auto-Submitted: auto-"), "{text}");
    let codes: Vec<String> = letters
        .iter()
        .map(|letter| between(&letter.text(), "Your code is ", ".").unwrap().to_string())
        .collect();
    let opened = codes.iter().filter(|code| {
        let mut browser = anna.clone();
        browser.post("/me/open", &[("address", "anna@ours.example"), ("code", code)]).code == 303
    });
    assert_eq!(opened.count(), 1, "the last one alone, once");
    for code in &codes {
        let answer = anna.post("/me/open", &[("address", "anna@ours.example"), ("code", code)]);
        assert_eq!(answer.code, 401);
        assert!(!house.gateway.log().contains(code.as_str()));
    }
}

#[test]
fn the_sender_of_a_refused_mail_reads_why_and_asks_once() {
    let house = House::start("");
    let code_in = |reply: &str| {
        assert!(reply.starts_with("550 5.7.1"), "{reply}");
        let (_, rest) = reply.split_once("/r/").unwrap();
        rest.chars().take_while(char::is_ascii_alphanumeric).collect::<String>()
    };
    let proved = code_in(&house.send("karin@far.example", "anna@ours.example", "Lunch", "market"));
    let unproved =
        code_in(&house.send("eva@near.example", "anna@ours.example", "Dinner", "market"));
    wait_for("the copies", || (house.state("Lunch") == "rejected").then_some(()));
    wait_for("the copies", || (house.state("Dinner") == "rejected").then_some(()));
    let mut karin = house.browser();
    let page = karin.get(&format!("/r/{unproved}")).body;
    assert!(page.contains("It could not be shown that the mail came from you"), "{page}");
    assert!(!page.contains("<form") && page.contains("postmaster@ours.example"), "{page}");
    let path = format!("/r/{proved}");
    let swedish = karin.ask("GET", &path, "Accept-Language: sv\r\n", "").body;
    assert!(swedish.contains("Ett mejl från dig avvisades"), "{swedish}");
    let page = karin.get(&path).body;
    assert!(page.contains("It looks like advertising or spam."), "{page}");
    assert!(!page.contains("anna") && !page.contains("Lunch"), "whom and what it was: {page}");
    assert!(karin.post(&path, &[]).body.contains("You have asked"));
    assert!(karin.post(&path, &[]).body.contains("You have asked"));
    for strange in ["0000000000", "x", &"A".repeat(3_000)] {
        let answer = karin.get(&format!("/r/{strange}"));
        assert_eq!(answer.code, 404);
        assert!(answer.body.contains("The code may be mistyped"), "{}", answer.body);
    }
    // Its recipient sees who asks, and decides.
    let mut anna = house.at_home("anna@ours.example");
    assert!(anna.get("/me").body.contains("Nothing is waiting for you."));
    let page = anna.get("/me/refused").body;
    assert_eq!(page.matches("The sender asks you to let it through.").count(), 1, "{page}");
    assert_eq!(page.matches(">Always accept</button>").count(), 1, "who proved it: {page}");
    let value = page.split("value=\"deliver:").find(|rest| rest.contains("Lunch")).unwrap();
    let row = page.split("<li class=\"card held\">").find(|row| row.contains("Lunch")).unwrap();
    assert!(!value.is_empty());
    let act = format!("deliver:{}", between(row, "value=\"deliver:", "\"").unwrap());
    anna.post("/me/mail", &[("do", &act), ("from", "/me/refused")]);
    wait_for("the mail", || (house.delivered().len() == 1).then_some(()));
    let page = karin.get(&path).body;
    assert!(page.contains("Somebody has looked at this mail already"), "{page}");
}

#[test]
fn staff_asks_to_open_a_mail_and_its_owner_answers_from_the_digest() {
    let house = House::start("");
    house.hold("anna@ours.example", "Lunch");
    let id = house.gateway.quarantine(true)[0]["id"].as_str().unwrap().to_string();
    let mut eva = Browser::of_account(&house.gateway, house.admin, "eva", &["--role", "reviewer"]);
    eva.get(&format!("/held/{id}"));
    let why = "Anna <b>called</b>: is it her bill? See www.far.example";
    assert_eq!(eva.post(&format!("/held/{id}/ask"), &[("why", why)]).code, 303);
    // The truth of where it stands, and that it was asked.
    let page = eva.get(&format!("/held/{id}")).body;
    for part in [
        "anna@ours.example is asked: the question stands on the own page only, since no digests",
        "eva asked anna@ours.example, ",
        "No answer yet.",
    ] {
        assert!(page.contains(part), "{part}: {page}");
    }
    assert!(!page.contains(">Ask for consent</button>"), "it is asked: {page}");
    assert!(!eva.get("/").body.contains("You have an answer"));
    house.run(&["digest", "send", "anna@ours.example"]);
    let digest = house.next("the digest").text();
    let (text, page) = digest.split_once("text/html").unwrap();
    assert!(text.contains("Subject: 1 mail is waiting, 1 question to you"), "{text}");
    let asks = "\neva (reviewer of held mail) asks to open and read this mail.";
    assert!(text.contains(asks) && text.contains("\n1.  Karin"), "{text}");
    assert!(page.contains("&lt;b&gt;called") && !page.contains("www.far.example"), "{page}");
    assert!(text.contains("If the page asks for a number: 2\r\n"), "{text}");
    let start = format!("Answer: http://127.0.0.1:{}", house.public);
    let link = between(text, &start, "\r\n").unwrap().to_string();
    let mut anna = house.browser();
    let asked = anna.get(&link).body;
    for part in [
        "May this mail be opened?",
        "eva (reviewer of held mail) asks to read it.",
        "If you say yes, eva (reviewer of held mail) may open and read it, and nobody else by your word, for 7 days.",
        "Anna &#60;b&#62;called&#60;/b&#62;",
        "karin@<b>far.example</b>",
    ] {
        assert!(asked.contains(part), "{part}: {asked}");
    }
    for method in ["GET", "HEAD", "OPTIONS"] {
        for _ in 0..34 {
            anna.ask(method, &link, "", "");
        }
    }
    assert_eq!(anna.get(&link).body, asked, "nothing came of looking");
    // It is good for an answer, and for nothing else.
    for act in ["deliver", "block", "show", "undo", "allow"] {
        anna.csrf = between(&asked, "name=\"csrf\" value=\"", "\"").unwrap().to_string();
        assert_eq!(anna.post(&link, &[("do", act)]).code, 403, "{act}");
    }
    let number = between(&asked, "name=\"id\" value=\"", "\"").unwrap().to_string();
    let said = press(&mut anna, &link, &asked, "consent-yes", &[("id", &number)]).body;
    assert!(said.contains("You have said yes"), "{said}");
    let again = anna.get(&link).body;
    assert!(again.contains("This was answered with yes") && again.contains("By you, "), "{again}");
    assert!(!again.contains("<form"), "{again}");
    let again = press(&mut anna, &link, &asked, "consent-no", &[("id", &number)]).body;
    assert!(again.contains("This was answered with yes"), "the first answer holds: {again}");
    assert_eq!(house.state("Lunch"), "held");
    let first = eva.get("/").body;
    assert!(
        first.contains("You have an answer") && first.contains("<strong>Yes</strong>"),
        "{first}"
    );
    assert!(first.contains(&format!("href=\"/held/{id}\">Lunch")), "{first}");
    let mut bo = Browser::of_account(&house.gateway, house.admin, "bo", &["--role", "reviewer"]);
    assert!(!bo.get("/").body.contains("You have an answer"), "it is eva's");
    let page = eva.get(&format!("/held/{id}")).body;
    assert!(page.contains("<strong>Answered yes</strong> by anna@ours.example, "), "{page}");
    let opened = eva.post(&format!("/held/{id}/open"), &[]);
    assert_eq!(opened.field("location"), format!("/held/{id}/content"));
    assert!(!eva.get("/").body.contains("You have an answer"), "it is used");
    // At home she reads who opened it by her yes, and takes the yes back.
    let mut home = house.at_home("anna@ours.example");
    let page = home.get("/me/questions").body;
    assert!(page.contains(", with your yes.") && page.contains(">Take it back</button>"), "{page}");
    assert!(page.contains("eva (reviewer of held mail), "), "{page}");
    for strange in ["4711", "x"] {
        let answer = home.post("/me/questions", &[("do", "withdraw"), ("id", strange)]);
        assert_eq!(answer.code, 404, "{strange}");
    }
    let page = done(&mut home, "/me/questions", &[("do", "withdraw"), ("id", &number)]);
    assert!(page.contains("your yes holds no longer") && page.contains("You said no, "), "{page}");
    assert!(!page.contains("Take it back"), "{page}");
    assert_eq!(home.post("/me/questions", &[("do", "withdraw"), ("id", &number)]).code, 404);
    assert_eq!(eva.get(&format!("/held/{id}/content")).code, 303, "it is sealed again");
    eva.get(&format!("/held/{id}"));
    let refused = eva.post(&format!("/held/{id}/open"), &[]);
    assert_eq!(refused.field("location"), format!("/held/{id}"), "without a reason no more");
    // Asked again, and opened without waiting: she is not asked any more, what others ask still is.
    for (browser, why) in [(&mut eva, "Once more, please"), (&mut bo, "May I see it as well?")] {
        browser.get(&format!("/held/{id}"));
        browser.post(&format!("/held/{id}/ask"), &[("why", why)]);
        assert!(home.get("/me/questions").body.contains(why));
    }
    eva.get(&format!("/held/{id}"));
    eva.post(&format!("/held/{id}/open"), &[("why", "The police ask for it today")]);
    let page = home.get("/me/questions").body;
    assert!(
        !page.contains("Once more, please") && page.contains("May I see it as well?"),
        "{page}"
    );
    let number = between(&page, "name=\"id\" value=\"", "\"").unwrap().to_string();
    done(&mut home, "/me/questions", &[("do", "no"), ("id", &number)]);
    let first = bo.get("/").body;
    assert!(
        first.contains("You have an answer") && first.contains("<strong>No</strong>"),
        "{first}"
    );
    assert!(home.get("/me/questions").body.contains(", without your yes."));
    let log = house.run(&["audit", "list", "--what", "consent-withdrawn", "--json"]);
    assert!(log.contains("anna@ours.example") && log.contains(&id), "{log}");
    let log = house.run(&["audit", "list", "--what", "consent-given", "--json"]);
    assert!(log.contains("anna@ours.example") && log.contains(&id), "{log}");
    house.run(&["digest", "send", "anna@ours.example"]);
    let digest = house.next("the digest").text();
    assert!(digest.contains("Subject: 1 mail is waiting\r\n"), "it is answered: {digest}");
    house.run(&["quarantine", "delete", &id]);
    assert_eq!(anna.get(&link).code, 404);
}

#[test]
fn whoever_asks_for_consent_hears_where_the_question_stands() {
    let house = House::start("enabled = true\n");
    let mut eva = Browser::of_account(&house.gateway, house.admin, "eva", &["--role", "reviewer"]);
    house.run(&["mailbox", "set", "bo@ours.example", "--digests", "off"]);
    for (mailbox, said) in [
        ("anna@ours.example", "on the own page and in the next digest"),
        ("bo@ours.example", "on the own page only, since no digests go to this mailbox"),
    ] {
        house.hold(mailbox, "Lunch");
        let held = house.gateway.quarantine(true);
        let held = held.iter().find(|one| one["recipient"] == mailbox).unwrap();
        let path = format!("/held/{}", held["id"].as_str().unwrap());
        eva.get(&path);
        eva.post(&format!("{path}/ask"), &[("why", "She has called about it")]);
        let page = eva.get(&path).body;
        assert!(
            page.contains(&format!("{mailbox} is asked: the question stands {said}")),
            "{page}"
        );
    }
}

#[test]
fn consent_is_given_by_number_where_machines_open_links_and_refused_without() {
    let house = House::start("confirm = \"number\"\n");
    for subject in ["Lunch", "Dinner"] {
        house.hold("anna@ours.example", subject);
    }
    let mut eva = Browser::of_account(&house.gateway, house.admin, "eva", &["--role", "reviewer"]);
    for held in house.gateway.quarantine(true) {
        let id = held["id"].as_str().unwrap();
        eva.get(&format!("/held/{id}"));
        eva.post(&format!("/held/{id}/ask"), &[("why", "she has called about it")]);
    }
    house.run(&["digest", "send", "anna@ours.example"]);
    let digest = house.next("the digest").text();
    assert!(digest.contains("Subject: 2 mails are waiting, 2 questions to you"), "{digest}");
    let (text, _) = digest.split_once("text/html").unwrap();
    for number in [3, 4] {
        let said = format!("If the page asks for a number: {number}\r\n");
        assert!(text.contains(&said), "{text}");
    }
    let start = format!("Answer: http://127.0.0.1:{}", house.public);
    let links: Vec<&str> = text.split(start.as_str()).skip(1).collect();
    let links: Vec<&str> = links.iter().map(|rest| rest.lines().next().unwrap()).collect();
    let mut anna = house.browser();
    for network in ["198.51.100.7", "203.0.113.9"] {
        anna.ask("GET", links[1], &of_network(network), "");
    }
    let refuse = anna.get(links[1]).body;
    let number = between(&refuse, "name=\"id\" value=\"", "\"").unwrap().to_string();
    let said = press(&mut anna, links[1], &refuse, "consent-no", &[("id", &number)]).body;
    assert!(said.contains("You have said no"), "{said}");
    assert!(anna.get(links[1]).body.contains("This was answered with no"));
    let allow = anna.get(links[0]).body;
    let number = between(&allow, "name=\"id\" value=\"", "\"").unwrap().to_string();
    let id = ("id", number.as_str());
    let said = press(&mut anna, links[0], &allow, "consent-yes", &[id]).body;
    assert!(said.contains("Which number stands beside"), "{said}");
    let said = press(&mut anna, links[0], &allow, "consent-yes", &[id, ("number", "20")]).body;
    assert!(said.contains("You have 2 tries left"), "{said}");
    let said = press(&mut anna, links[0], &allow, "consent-yes", &[id, ("number", "3")]).body;
    assert!(said.contains("You have said yes"), "{said}");
}

/// The reply to the server, the page behind its code, what the helpdesk copies and the own page say the same.
#[test]
fn a_refused_mail_has_one_reason_wherever_it_is_told() {
    let house = House::start("");
    let said = house.send("karin@far.example", "anna@ours.example", "Lunch", "market");
    let reason = "It looks like advertising or spam";
    assert!(said.contains(&format!("refused: {reason}; if that is a mistake")), "{said}");
    let (_, rest) = said.split_once("/r/").unwrap();
    let code: String = rest.chars().take_while(char::is_ascii_alphanumeric).collect();
    let (_, id) = said.rsplit_once("(id ").unwrap();
    let id = id.trim_end_matches(')');
    wait_for("the copy", || (house.state("Lunch") == "rejected").then_some(()));
    let page = house.browser().get(&format!("/r/{code}")).body;
    assert!(page.contains(reason), "{page}");
    let mut eva = Browser::of_account(&house.gateway, house.admin, "eva", &["--role", "helpdesk"]);
    let story = wait_for("its story", || {
        let page = eva.get(&format!("/trace/{id}"));
        (page.code == 200).then_some(page.body)
    });
    assert!(story.contains(reason) && story.contains("was refused, and the sending"), "{story}");
    // How it came says what was found out about its sender, and when it came to us.
    let copies = eva.get("/held?state=rejected").body;
    let (_, copy) = copies.split_once("data-id=\"").unwrap();
    let way = eva.get(&format!("/held/{}/way", copy.split('"').next().unwrap())).body;
    for part in ["<th scope=\"row\">dmarc</th>", "header.from=far.example", "<time datetime=\"20"] {
        assert!(way.contains(part), "{part}: {way}");
    }
    // At home it has its buttons, and says why in full.
    let mut anna = house.at_home("anna@ours.example");
    let page = anna.get("/me/refused").body;
    for part in [
        reason,
        ">Deliver</button>",
        ">Always accept</button>",
        ">Why?</summary>",
        "Deliver chosen",
    ] {
        assert!(page.contains(part), "{part}: {page}");
    }
    assert!(
        page.contains("It proved to come from far.example.") && !page.contains("Ask for review")
    );
    let held = between(&page, "value=\"allow:", "\"").unwrap().to_string();
    let page =
        done(&mut anna, "/me/mail", &[("do", &format!("allow:{held}")), ("from", "/me/refused")]);
    assert!(
        page.contains("Mail from karin@far.example is accepted from now on. Accepted only as long"),
        "{page}"
    );
}

/// What is dangerous has no other button than the one for review: to accept its sender would let nothing of it through.
#[test]
fn refused_mail_that_is_dangerous_can_be_asked_for_alone() {
    let house = House::start("");
    let said =
        house.send("bo@near.example", "anna@ours.example", "Dinner", "bridge, or by the harbour");
    assert!(said.contains("refused: It may be an attempt to trick its reader;"), "{said}");
    wait_for("the copy", || (house.state("Dinner") == "rejected").then_some(()));
    let mut anna = house.at_home("anna@ours.example");
    let page = anna.get("/me/refused").body;
    for part in [
        ">Ask for review</button>",
        "Ask for review of chosen",
        "It did not prove to come from near.example.",
    ] {
        assert!(page.contains(part), "{part}: {page}");
    }
    for part in [">Deliver</button>", "Deliver chosen", "Always accept"] {
        assert!(!page.contains(part), "{part}: {page}");
    }
    assert!(page.contains(">Delete it, and block bo@near.example</button>"), "{page}");
    let id = between(&page, "name=\"id\" value=\"", "\"").unwrap().to_string();
    let chosen = [("do", "review"), ("id", id.as_str()), ("from", "/me/refused")];
    let page = done(&mut anna, "/me/mail", &chosen);
    assert!(page.contains("You have asked for review.") && !page.contains("of chosen"), "{page}");
}

/// The code in a refusal.
fn refusal(reply: &str) -> String {
    let (_, rest) = reply.split_once("/r/").unwrap();
    rest.chars().take_while(char::is_ascii_alphanumeric).collect()
}

/// Sender and recipient each ask for themselves; what staff answers is told to whoever asked, and a no is the end of asking.
#[test]
fn who_asked_for_review_hears_that_the_answer_was_no() {
    let house = House::start("");
    let place = "bridge, or by the harbour";
    let code = refusal(&house.send("karin@far.example", "anna@ours.example", "Dinner", place));
    let path = format!("/r/{code}");
    wait_for("the copy", || (house.state("Dinner") == "rejected").then_some(()));
    let mut karin = house.browser();
    karin.get(&path);
    assert!(karin.post(&path, &[]).body.contains("You have asked"));
    house.run(&["digest", "send", "anna@ours.example"]);
    let [review, ..] = house.links(&house.next("the digest").text()).remove(0);
    let mut anna = house.browser();
    let page = anna.get(&review).body;
    let said = press(&mut anna, &review, &page, "review", &[("note", "It is my menu")]).body;
    assert!(said.contains("The mail administrators will look at this mail."), "{said}");
    assert!(!said.contains(">Ask for review</button>") && said.contains(">Block</button>"));
    let again = anna.get(&review).body;
    assert!(again.contains("Review was asked for already"), "{again}");
    assert!(!again.contains(">Ask for review<"), "{again}");
    // Staff sees both, and her note.
    let mut eva = Browser::of_account(&house.gateway, house.admin, "eva", &["--role", "admin"]);
    let page = eva.get("/").body;
    assert!(page.contains("<strong>karin@far.example</strong>"), "{page}");
    let (_, hers) = page.split_once("<strong>anna@ours.example</strong>").unwrap();
    assert!(hers.contains("“It is my menu”"), "{page}");
    let number = between(hers, "name=\"request\" value=\"", "\"").unwrap();
    eva.post("/requests/refuse", &[("request", number)]);
    let page = eva.get("/").body;
    assert!(page.contains("karin@far.example") && !page.contains("anna@ours.example<"), "{page}");
    // She reads it, by the link and at home, and finds no button that would do nothing.
    let said = anna.get(&review).body;
    assert!(said.contains("They said no, ") && said.contains(">Block</button>"), "{said}");
    assert!(!said.contains("Ask for review"), "{said}");
    let mut home = house.at_home("anna@ours.example");
    let page = home.get("/me/refused").body;
    for part in ["The sender asks you to let it through.", "They said no, ", "speak with them"] {
        assert!(page.contains(part), "{part}: {page}");
    }
    assert!(!page.contains("Ask for review") && !page.contains("You have asked"), "{page}");
    // A form from before says the same.
    let id = between(&page, "name=\"id\" value=\"", "\"").unwrap().to_string();
    let from = ("from", "/me/refused");
    let page = done(&mut home, "/me/mail", &[("do", &format!("review:{id}")), from]);
    assert!(page.contains("<div class=\"note bad\"") && page.contains("They said no, "), "{page}");
    assert!(!eva.get("/").body.contains("anna@ours.example<"));
    // She says no to the sender in turn, who learns nothing of it.
    assert!(page.contains(">No, it stays refused</button>"), "{page}");
    let page = done(&mut home, "/me/mail", &[("do", &format!("decline:{id}")), from]);
    assert!(page.contains("It stays refused, and its sender asks no more."), "{page}");
    assert!(!page.contains("The sender asks you") && !page.contains("No, it stays"), "{page}");
    assert!(karin.get(&path).body.contains("You have asked"));
    let nothing = house.gateway.command(&["digest", "send", "anna@ours.example"]);
    assert!(!nothing.status.success(), "nothing is asked any more");
    assert!(!eva.get("/").body.contains("Somebody asks for a mail"));
    let log = house.run(&["audit", "list", "--what", "release-refused", "--json"]);
    assert!(log.contains("eva") && log.contains("anna@ours.example"), "{log}");
}

#[test]
fn a_sender_is_told_of_his_own_question_alone_and_can_be_told_no_by_the_link() {
    let house = House::start("");
    let place = "bridge, or by the harbour";
    let code = refusal(&house.send("karin@far.example", "anna@ours.example", "Dinner", place));
    let path = format!("/r/{code}");
    wait_for("the copy", || (house.state("Dinner") == "rejected").then_some(()));
    let mut home = house.at_home("anna@ours.example");
    let page = home.get("/me/refused").body;
    assert!(!page.contains("No, it stays refused"), "nobody asks: {page}");
    let id = between(&page, "name=\"id\" value=\"", "\"").unwrap().to_string();
    done(&mut home, "/me/mail", &[("do", &format!("review:{id}"))]);
    let mut karin = house.browser();
    let page = karin.get(&path).body;
    assert!(page.contains("Ask them to let it through") && !page.contains("You have asked"));
    assert!(karin.post(&path, &[]).body.contains("You have asked"));
    let page = home.get("/me/refused").body;
    assert!(page.contains("The sender asks you") && page.contains("You have asked for review."));
    house.run(&["digest", "send", "anna@ours.example"]);
    let [link, ..] = house.links(&house.next("the digest").text()).remove(0);
    let mut anna = house.browser();
    let page = anna.get(&link).body;
    assert!(page.contains("The sender asks you to let it through."), "{page}");
    let said = press(&mut anna, &link, &page, "decline", &[]).body;
    assert!(
        said.contains("You have said no") && said.contains("its sender asks no more"),
        "{said}"
    );
    let page = anna.get(&link).body;
    assert!(!page.contains("value=\"decline\""), "{page}");
    assert!(page.contains("Review was asked for already"), "{page}");
    assert_eq!(house.state("Dinner"), "rejected");
}

#[test]
fn own_lists_take_senders_and_neither_words_nor_the_own_domain() {
    let house = House::start("");
    let mut anna = house.at_home("anna@ours.example");
    for (sender, word, says) in [
        ("anna", "block", "neither an address (anna@far.example) nor a domain"),
        ("x@localhost", "block", "neither an address"),
        ("192.0.2.1", "block", "neither an address"),
        ("bo*@near.example", "block", "neither an address"),
        ("*.near.example", "block", "neither an address"),
        ("*@ours.example", "block", "ours.example is your own organisation"),
        ("*@near.example", "block", "What near.example sends is held from now on."),
        ("@fern.example", "allow", "Mail from fern.example is accepted from now on."),
        ("gmail.com", "block", "Anybody can have an address at gmail.com"),
        ("*@Gmail.com", "allow", "Anybody can have an address at gmail.com"),
        ("bo@gmail.com", "block", "What bo@gmail.com sends is held from now on."),
        ("ours.example", "block", "ours.example is your own organisation"),
        ("OURS.example", "allow", "ours.example is your own organisation"),
        ("bo@ours.example", "block", "What bo@ours.example sends is held from now on."),
        ("far.example", "allow", "Mail from far.example is accepted from now on."),
    ] {
        let page = done(&mut anna, "/me/senders", &[("do", word), ("sender", sender)]);
        assert!(page.contains(says), "{sender}: {page}");
    }
    let page = anna.get("/me/senders").body;
    for part in [">anna<", ">ours.example<", ">gmail.com<", "*"] {
        assert!(!page.contains(part), "{part}: {page}");
    }
}

#[test]
fn a_sender_who_was_refused_is_heard_in_the_digest() {
    let house = House::start("");
    let said = house.send("karin@far.example", "anna@ours.example", "Lunch", "market");
    let (_, rest) = said.split_once("/r/").unwrap();
    let code: String = rest.chars().take_while(char::is_ascii_alphanumeric).collect();
    wait_for("the copy", || (house.state("Lunch") == "rejected").then_some(()));
    let nothing = house.gateway.command(&["digest", "send", "anna@ours.example"]);
    assert!(!nothing.status.success(), "a copy alone is nothing to tell of");
    let mut karin = house.browser();
    karin.get(&format!("/r/{code}"));
    assert!(karin.post(&format!("/r/{code}"), &[]).body.contains("You have asked"));
    house.run(&["digest", "send", "anna@ours.example"]);
    let digest = house.next("the digest").text();
    assert!(digest.contains("Subject: 1 question to you\r\n"), "{digest}");
    let (text, _) = digest.split_once("text/html").unwrap();
    assert!(text.contains("This mail was refused. Its sender asks you to let it"), "{text}");
    let [deliver, ..] = house.links(&digest).remove(0);
    let mut anna = house.browser();
    let page = anna.get(&deliver).body;
    assert_eq!(house.state("Lunch"), "rejected");
    let done = press(&mut anna, &deliver, &page, "deliver", &[]).body;
    assert!(done.contains(">Delivered</h1>"), "{done}");
    wait_for("the mail", || (house.delivered().len() == 1).then_some(()));
    let nothing = house.gateway.command(&["digest", "send", "anna@ours.example"]);
    assert!(!nothing.status.success(), "nothing is asked any more");
}
