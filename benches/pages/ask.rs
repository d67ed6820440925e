//! Asks every page, and everything that a page can be asked, and tells how long the answers took.

use crate::{
    House, Sizes,
    common::{
        Gateway,
        web::{Answer, Browser, PASSWORD, between, quoted},
    },
    fill,
    rows::{COMMON, ORGANISATIONS, RARE, RARE_FINDING, organisation},
};
use sluss::edge::http::{Door, routes};
use std::{env, fs, time::Instant};

/// More than this is too long for any page.
const MS_MAX: f64 = 100.0;
/// Largest page that a phone on a train shall have to wait for.
const PAGE_BYTES_MAX: usize = 100_000;

/// Who asks.
struct Visitors {
    /// The owner sees everything.
    owner: Browser,
    /// Looks after one organisation, the smallest.
    tenant: Browser,
    /// A program, with the owner's rights.
    token: String,
    /// The owner of a mailbox, at the public door.
    person: Browser,
}

/// One question.
struct Question {
    group: &'static str,
    what: String,
    path: String,
    by: By,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum By {
    Owner,
    Tenant,
    Program,
    Person,
}

/// Asks all of it. Fails where a page does not come.
pub(crate) fn ask_all(house: &House, gateway: &Gateway, sizes: Sizes) {
    let mut visitors = Visitors::come(house, gateway);
    let questions = questions(&mut visitors, sizes);
    println!("\n| page | KB | p50 ms | p99 ms | worst ms | CPU ms |\n|---|---|---|---|---|---|");
    let (mut slow, mut large) = (Vec::new(), Vec::new());
    for question in questions.iter().filter(|question| is_wanted(question.group)) {
        let mut took = Vec::new();
        let (before, mut bytes) = (cpu_ms(gateway), 0);
        for _ in 0..sizes.rounds {
            let begun = Instant::now();
            let answer = visitors.ask(question);
            took.push(begun.elapsed().as_secs_f64() * 1_000.0);
            assert!(answer.code == 200, "{}: {}: {}", question.path, answer.code, answer.body);
            bytes = answer.body.len();
        }
        let cpu = (cpu_ms(gateway) - before) / sizes.rounds as f64;
        took.sort_by(f64::total_cmp);
        let at = |percent: usize| took[(took.len() - 1) * percent / 100];
        println!(
            "| {} {} | {} | {:.1} | {:.1} | {:.1} | {cpu:.1} |",
            question.group,
            question.what,
            bytes / 1_000,
            at(50),
            at(99),
            at(100)
        );
        if at(50) > MS_MAX {
            slow.push(&question.path);
        }
        if bytes > PAGE_BYTES_MAX {
            large.push(&question.path);
        }
    }
    println!("over {MS_MAX} ms: {slow:?}; over {PAGE_BYTES_MAX} bytes: {large:?}");
}

fn is_wanted(group: &str) -> bool {
    match env::var("SLUSS_BENCH") {
        Ok(list) => list.split(',').any(|part| group.starts_with(part)),
        Err(_) => true,
    }
}

/// Processor time of the program without its workers. The kernel counts in hundredths of a second.
fn cpu_ms(gateway: &Gateway) -> f64 {
    let stat = fs::read_to_string(format!("/proc/{}/stat", gateway.pid())).unwrap();
    let fields: Vec<&str> = stat.rsplit_once(") ").unwrap().1.split(' ').collect();
    let ticks = |at: usize| fields[at].parse::<f64>().unwrap();
    (ticks(11) + ticks(12)) * 10.0
}

impl Visitors {
    fn come(house: &House, gateway: &Gateway) -> Visitors {
        let small = organisation(ORGANISATIONS - 1);
        // A folder that is used again has them.
        let come = |name: &str, options: &[&str]| {
            let mut browser = Browser::new(house.admin);
            match browser.log_in(name, PASSWORD).code {
                303 => browser.get("/own"),
                _ => {
                    browser = Browser::of_account(gateway, house.admin, name, options);
                    browser.get("/own")
                }
            };
            browser
        };
        let mut owner = come("eva", &["--role", "owner"]);
        let tenant = come("bo", &["--role", "domain-admin", "--organisation", &small]);
        let rights = ["look", "decide", "open", "policy", "audit", "site", "operate", "accounts"];
        let mut fields = vec![("label", "a script"), ("days", "30"), ("password", PASSWORD)];
        fields.extend(rights.iter().map(|right| ("right", *right)));
        let made = owner.post("/own/tokens/add", &fields);
        let token = between(&made.body, "<code class=\"letters\">", "</code>").unwrap().to_string();
        let person = at_home(house);
        Visitors { owner, tenant, token, person }
    }

    fn ask(&mut self, question: &Question) -> Answer {
        match question.by {
            By::Owner => self.owner.get(&question.path),
            By::Tenant => self.tenant.get(&question.path),
            By::Person => self.person.get(&question.path),
            By::Program => {
                let bearer = format!("Authorization: Bearer {}\r\n", self.token);
                Browser::new(self.owner.port).ask("GET", &question.path, &bearer, "")
            }
        }
    }
}

/// Comes through the door of the own page, with the code that is sent.
fn at_home(house: &House) -> Browser {
    let mailbox = format!("user0@{}.example", organisation(0));
    let mut person = Browser::new(house.public);
    person.get("/me");
    house.hop.drain();
    person.post("/me/code", &[("address", &mailbox)]);
    let letter = crate::common::wait_for("the code", || house.hop.drain().pop());
    let text = letter.text();
    let code = between(&text, "Your code is ", ".").unwrap();
    let opened = person.post("/me/open", &[("address", &mailbox), ("code", code)]);
    assert_eq!(opened.code, 303, "{}", opened.body);
    person
}

fn questions(visitors: &mut Visitors, sizes: Sizes) -> Vec<Question> {
    let mut all = Vec::new();
    let mut add = |group, what: &str, by, path: String| {
        all.push(Question { group, what: what.to_string(), path, by });
    };
    add("needs you", "", By::Owner, "/".to_string());
    let parts = Parts::of(visitors, sizes);
    for (what, query) in held(&parts) {
        add("held", what, By::Owner, format!("/held?{query}"));
        add("held of a tenant", what, By::Tenant, format!("/held?{query}"));
    }
    let one = &parts.held_id;
    add("held", "one mail", By::Owner, format!("/held/{one}"));
    add("held", "the list beside one mail", By::Owner, format!("/held?mail={one}"));
    for (what, query) in trace(&parts) {
        add("trace", what, By::Owner, format!("/trace?{query}"));
        add("trace of a tenant", what, By::Tenant, format!("/trace?{query}"));
    }
    add("trace", "one mail", By::Owner, format!("/trace/{}", parts.trace_id));
    add("trace", "one mail to 300", By::Owner, format!("/trace/{}", parts.to_all));
    for span in ["day", "week", "month", "year"] {
        add("statistics", span, By::Owner, format!("/statistics?span={span}"));
        add("statistics of a tenant", span, By::Tenant, format!("/statistics?span={span}"));
    }
    for (what, query) in [
        ("by one", "who=operator-7@ours.example".to_string()),
        ("one kind", "what=content-opened".to_string()),
        ("about one thing", format!("object={one}")),
        ("the middle", format!("before={}", sizes.audit / 2)),
    ] {
        add("audit", what, By::Owner, format!("/audit?{query}"));
    }
    for (what, path) in [
        ("held", "held".to_string()),
        ("held, a common word", format!("held?text={COMMON}")),
        ("trace", "trace".to_string()),
        ("trace, a common word", format!("trace?subject={COMMON}")),
        ("one trace", format!("trace/{}", parts.trace_id)),
        ("statistics", "statistics".to_string()),
        ("audit", "audit".to_string()),
        ("queue", "queue".to_string()),
        ("status", "status".to_string()),
    ] {
        add("api", what, By::Program, format!("/api/v1/{path}"));
    }
    for path in ["/me", "/me/refused", "/me/senders", "/me/settings", "/me/questions"] {
        add("own page", path, By::Person, path.to_string());
    }
    let plain = routes().filter(|route| route.door == Door::Admin && route.method == "GET");
    for route in plain {
        let is_other = ["/events", "/api/", "/login"].iter().any(|one| route.path.starts_with(one));
        if !route.path.contains('{') && !is_other && visitors.owner.get(route.path).code == 200 {
            add("as it is", route.path, By::Owner, route.path.to_string());
        }
    }
    all
}

/// What there is to be asked for.
struct Parts {
    held_id: String,
    trace_id: String,
    to_all: String,
    sender: String,
    recipient: String,
    message_id: String,
    client: String,
    day: String,
    next_day: String,
    cursor: u64,
    before: u64,
    group: String,
}

impl Parts {
    fn of(visitors: &mut Visitors, sizes: Sizes) -> Parts {
        let now = sluss::base::clock::Clock::system().now();
        let middle = fill::mail(sizes.traces / 2, sizes, now);
        let page = visitors.owner.get("/held").body;
        let held_id = between(&page, "<li data-id=\"", "\"").unwrap().to_string();
        let groups = visitors.owner.get("/held?alike=one").body;
        let group = between(&groups, "group=", "\"").or_else(|| between(&groups, "group=", "&"));
        let mut first_of = |query: &str| {
            let page = visitors.owner.get(&format!("/trace?{query}")).body;
            between(&page, "href=\"/trace/0", "\"").map(|rest| format!("0{rest}"))
        };
        let trace_id = first_of("action=quarantine").unwrap();
        let to_all = first_of("recipient=group299");
        let day = |before: u64| {
            let date = sluss::wire::date::write_iso(sluss::base::clock::UnixMs(
                now.0 - before * 86_400_000,
            ));
            date.get(..10).unwrap().to_string()
        };
        Parts {
            to_all: to_all.unwrap_or_else(|| trace_id.clone()),
            held_id,
            trace_id,
            sender: middle.sender(),
            recipient: middle.recipient(),
            message_id: middle.message_id(),
            client: middle.client(),
            day: day(20),
            next_day: day(19),
            cursor: sizes.held / 2,
            before: sizes.traces / 2,
            group: group.unwrap_or("").to_string(),
        }
    }
}

fn held(parts: &Parts) -> Vec<(&'static str, String)> {
    let (sender, recipient) = (quoted(&parts.sender), quoted(&parts.recipient));
    let (from, to) = (&parts.day, &parts.next_day);
    vec![
        ("newest", String::new()),
        ("deep in the list", format!("cursor={}", parts.cursor)),
        ("a common word", format!("text={COMMON}")),
        ("a common word, deep", format!("text={COMMON}&cursor={}", parts.cursor)),
        ("a rare word", format!("text={RARE}")),
        ("a word of nowhere", "text=xylofon".to_string()),
        ("common and rare words", format!("text={COMMON}+{RARE}")),
        ("three words that all have", "text=word+shop+example".to_string()),
        ("two letters", "text=zq".to_string()),
        ("a sender", format!("sender={sender}")),
        ("a sender's domain", "sender=shop11.example".to_string()),
        ("a recipient", format!("recipient={recipient}")),
        ("a subject", "subject=word1+word2".to_string()),
        ("an attachment", "attachment=invoice-1".to_string()),
        ("a rare finding", format!("finding={RARE_FINDING}")),
        ("common findings", "finding=spf".to_string()),
        ("a category", "category=phish".to_string()),
        ("a category and a word", format!("category=phish&text={COMMON}")),
        ("what went out", "direction=outbound".to_string()),
        ("any state", "state=all".to_string()),
        ("released", "state=released".to_string()),
        ("a day long ago", format!("since={from}&until={to}")),
        ("a word of a day long ago", format!("text={COMMON}&since={from}&until={to}")),
        ("groups", "alike=one".to_string()),
        ("groups, deep", format!("alike=one&cursor={}", parts.cursor)),
        ("groups with a word", format!("alike=one&text={COMMON}")),
        ("one group", format!("group={}", parts.group)),
    ]
}

fn trace(parts: &Parts) -> Vec<(&'static str, String)> {
    let (sender, recipient) = (quoted(&parts.sender), quoted(&parts.recipient));
    let (from, to) = (&parts.day, &parts.next_day);
    vec![
        ("newest", String::new()),
        ("deep in the list", format!("before={}", parts.before)),
        ("a common word", format!("text={COMMON}")),
        ("a rare word", format!("text={RARE}")),
        ("a word of nowhere", "text=xylofon".to_string()),
        ("common and rare words", format!("text={COMMON}+{RARE}")),
        ("three common words", format!("text={COMMON}+shop+example")),
        ("words that never meet", format!("text={COMMON}+about")),
        ("a sender", format!("sender={sender}")),
        ("a sender's domain", "sender=shop11.example".to_string()),
        ("a sender begun", "sender=news1".to_string()),
        ("a recipient", format!("recipient={recipient}")),
        ("a recipient begun", "recipient=user1".to_string()),
        ("sender and recipient", format!("sender={sender}&recipient={recipient}")),
        ("words of a subject", format!("subject={COMMON}+{RARE}")),
        ("common words of a subject", format!("subject={COMMON}")),
        ("a message id", format!("message_id={}", quoted(&parts.message_id))),
        ("an address", format!("client={}", parts.client)),
        ("a network", "client=198.18.0.0%2F28".to_string()),
        ("a reply", "reply=4F00000123".to_string()),
        ("a rare finding", format!("finding={RARE_FINDING}")),
        ("a common finding", "finding=spf.thing_0".to_string()),
        ("findings begun", "finding=phrase.*".to_string()),
        ("refused", "action=reject".to_string()),
        ("not judged", "action=none".to_string()),
        ("out and refused", "direction=outbound&action=reject".to_string()),
        ("a day long ago", format!("since={from}&until={to}")),
        ("a word of a day long ago", format!("text={COMMON}&since={from}&until={to}")),
        ("a rare word of a day", format!("text={RARE}&since={from}&until={to}")),
        (
            "refused with a finding long ago",
            format!("action=reject&finding=spf.thing_0&until={to}"),
        ),
        ("an organisation", format!("organisation={}", organisation(ORGANISATIONS - 1))),
    ]
}
