//! Whoever belongs to one organisation learns nothing of another's: an id of it is answered exactly like one that nobody has, by every
//! page, act and call of the API, for every role.
//!
//! [`LINES`] says what each route names; a route without a line fails the test, so a new one is walked from its first day.

// Real time, and failing loudly, is what these tests are for.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, clippy::disallowed_methods)]

mod common;

use common::{
    Client, Gateway, Hop, Manner, free_port, mail, wait_for,
    web::{Answer, Browser, PASSWORD, ask, between},
};
use sluss::edge::http::{Door, Route, routes};
use std::collections::BTreeMap;

/// What the variable part of a path, or a field of a form, stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    /// An account of the web.
    Account,
    /// The same mail to many.
    Campaign,
    /// A domain of ours.
    Domain,
    /// A held mail.
    Held,
    /// A policy, which is somebody's by its domains.
    Policy,
    /// A mail in the queue.
    Queued,
    /// A search that an account saved.
    View,
    /// A token of an account's program.
    Token,
    /// A mail in the trace.
    Traced,
}

/// What a route names.
enum Names {
    /// Nothing of anybody's: lists that are scoped by themselves, log-ins, what is one's own.
    Nothing,
    /// The variable part of its path.
    Path(Kind),
    /// This field of its form; what else the form wants stands behind it.
    Field(&'static str, Kind, &'static [(&'static str, &'static str)]),
    /// What stands for `ID` in this body, JSON.
    Json(Kind, &'static str),
}

/// Every route with a variable part in its path and every POST, by its path; one that does several things may stand here several times.
const LINES: &[(&str, Names)] = &[
    ("/.well-known/acme-challenge/{token}", Names::Nothing),
    ("/accounts/access", Names::Field("name", Kind::Account, &[("role", "auditor")])),
    ("/accounts/add", Names::Nothing),
    ("/accounts/change", Names::Field("name", Kind::Account, &[("do", "disable")])),
    ("/accounts/password", Names::Field("name", Kind::Account, &[("sure", "yes")])),
    (
        "/api/v1/accounts/access",
        Names::Json(Kind::Account, "{\"role\":\"auditor\",\"name\":\"ID\"}"),
    ),
    ("/api/v1/accounts/add", Names::Nothing),
    (
        "/api/v1/accounts/change",
        Names::Json(Kind::Account, "{\"act\":\"forget-second\",\"name\":\"ID\"}"),
    ),
    ("/api/v1/accounts/password", Names::Json(Kind::Account, "{\"name\":\"ID\"}")),
    ("/api/v1/audit/export", Names::Nothing),
    // What these name is whose the page's own tests say; none is a mail.
    ("/api/v1/bank-accounts/approve", Names::Nothing),
    ("/api/v1/bank-accounts/forget", Names::Nothing),
    ("/api/v1/bans/add", Names::Nothing),
    ("/api/v1/bans/lift", Names::Nothing),
    ("/api/v1/campaigns/seen", Names::Json(Kind::Campaign, "{\"id\":\"ID\"}")),
    ("/api/v1/campaigns/{id}", Names::Path(Kind::Campaign)),
    ("/api/v1/correspondents/forget", Names::Nothing),
    (
        "/api/v1/domains/act",
        Names::Json(
            Kind::Domain,
            "{\"act\":\"change\",\"name\":\"ID\",\"values\":{\"policy\":\"open\"},\"comment\":\"\"}",
        ),
    ),
    (
        "/api/v1/domains/act",
        Names::Json(Kind::Domain, "{\"act\":\"own-policy\",\"name\":\"ID\",\"comment\":\"\"}"),
    ),
    ("/api/v1/domains/{name}", Names::Path(Kind::Domain)),
    ("/api/v1/greylist/clear", Names::Nothing),
    ("/api/v1/greylist/skip", Names::Nothing),
    ("/api/v1/held/act", Names::Json(Kind::Held, "{\"act\":\"seen\",\"ids\":[\"ID\"]}")),
    (
        "/api/v1/held/act",
        Names::Json(Kind::Held, "{\"act\":\"learn\",\"opinion\":\"spam\",\"ids\":[\"ID\"]}"),
    ),
    ("/api/v1/held/{id}", Names::Path(Kind::Held)),
    ("/api/v1/held/{id}/ask", Names::Path(Kind::Held)),
    ("/api/v1/held/{id}/content", Names::Path(Kind::Held)),
    ("/api/v1/held/{id}/open", Names::Path(Kind::Held)),
    ("/api/v1/held/{id}/page", Names::Path(Kind::Held)),
    ("/api/v1/held/{id}/part/{number}", Names::Path(Kind::Held)),
    ("/api/v1/held/{id}/way", Names::Path(Kind::Held)),
    ("/api/v1/held/{id}/whole", Names::Path(Kind::Held)),
    ("/api/v1/held/{id}/zip", Names::Path(Kind::Held)),
    ("/api/v1/keys/look", Names::Nothing),
    ("/api/v1/keys/renew", Names::Nothing),
    ("/api/v1/keys/sign", Names::Nothing),
    ("/api/v1/lessons", Names::Nothing),
    ("/api/v1/limits/release", Names::Nothing),
    ("/api/v1/proofs/{id}", Names::Path(Kind::Traced)),
    ("/api/v1/queue/act", Names::Json(Kind::Queued, "{\"act\":\"hold\",\"ids\":[\"ID\"]}")),
    ("/api/v1/queue/{id}", Names::Path(Kind::Queued)),
    // What is stored is the whole site's, or refused alike whosever it is: tests/policy_pages.rs walks that.
    ("/api/v1/replays", Names::Nothing),
    ("/api/v1/requests/refuse", Names::Nothing),
    ("/api/v1/senders/release", Names::Nothing),
    ("/api/v1/stored/{path}", Names::Nothing),
    ("/api/v1/trace/{id}", Names::Path(Kind::Traced)),
    ("/api/v1/versions/revert", Names::Nothing),
    ("/api/v1/versions/{version}", Names::Nothing),
    ("/api/v1/views/{id}", Names::Path(Kind::View)),
    ("/audit/export", Names::Nothing),
    // What these name is whose the page's own tests say; none is a mail.
    ("/bank-accounts/approve", Names::Nothing),
    ("/bank-accounts/forget", Names::Nothing),
    ("/bans/add", Names::Nothing),
    ("/bans/lift", Names::Nothing),
    ("/campaigns/seen", Names::Field("id", Kind::Campaign, &[])),
    ("/campaigns/{id}", Names::Path(Kind::Campaign)),
    ("/configuration/revert", Names::Nothing),
    ("/configuration/set", Names::Nothing),
    ("/configuration/unset", Names::Nothing),
    ("/configuration/version/{number}", Names::Nothing),
    ("/correspondents/forget", Names::Nothing),
    ("/greylist/clear", Names::Nothing),
    ("/greylist/skip", Names::Nothing),
    ("/held/act", Names::Field("id", Kind::Held, &[("do", "seen")])),
    ("/held/act", Names::Field("id", Kind::Held, &[("do", "learn-spam")])),
    ("/held/export", Names::Nothing),
    ("/held/{id}", Names::Path(Kind::Held)),
    ("/held/{id}/ask", Names::Path(Kind::Held)),
    ("/held/{id}/content", Names::Path(Kind::Held)),
    ("/held/{id}/open", Names::Path(Kind::Held)),
    ("/held/{id}/page", Names::Path(Kind::Held)),
    ("/held/{id}/part/{number}", Names::Path(Kind::Held)),
    ("/held/{id}/way", Names::Path(Kind::Held)),
    ("/held/{id}/whole", Names::Path(Kind::Held)),
    ("/held/{id}/zip", Names::Path(Kind::Held)),
    ("/keys/look", Names::Nothing),
    ("/keys/renew", Names::Nothing),
    ("/keys/sign", Names::Nothing),
    ("/limits/release", Names::Nothing),
    ("/login", Names::Nothing),
    ("/login/second", Names::Nothing),
    ("/logout", Names::Nothing),
    ("/own/password", Names::Nothing),
    ("/own/second", Names::Nothing),
    ("/own/second/confirm", Names::Nothing),
    ("/own/second/remove", Names::Nothing),
    ("/own/sessions/end", Names::Nothing),
    ("/own/tokens/add", Names::Nothing),
    ("/own/tokens/end", Names::Field("id", Kind::Token, &[])),
    ("/own/tokens/end", Names::Field("id", Kind::Token, &[("sure", "yes")])),
    ("/proof/{id}", Names::Path(Kind::Traced)),
    ("/queue/act", Names::Field("id", Kind::Queued, &[("do", "hold")])),
    ("/queue/mail/{id}", Names::Path(Kind::Queued)),
    ("/queue/sure", Names::Nothing),
    ("/requests/refuse", Names::Nothing),
    ("/senders/release", Names::Nothing),
    (
        "/policy/assign",
        Names::Field("name", Kind::Policy, &[("domains", "a.example"), ("do", "store")]),
    ),
    // These name what waits in the portal, which is no mail of this ground: the page's own test says whose that is.
    ("/parcels/through", Names::Nothing),
    ("/parcels/waived", Names::Nothing),
    ("/parcels/withdraw", Names::Nothing),
    ("/policy/domain/greet", Names::Field("name", Kind::Domain, &[])),
    ("/policy/domain/own", Names::Field("name", Kind::Domain, &[("comment", "x")])),
    ("/policy/domain/remove", Names::Field("name", Kind::Domain, &[("comment", "gone")])),
    (
        "/policy/domain/set",
        Names::Field("name", Kind::Domain, &[("policy", "open"), ("do", "store")]),
    ),
    ("/policy/domains/{name}", Names::Path(Kind::Domain)),
    // Whoever sees one organisation changes no list and tries no change.
    ("/policy/lists/change", Names::Nothing),
    ("/policy/named/{name}", Names::Path(Kind::Policy)),
    ("/policy/partners/change", Names::Nothing),
    ("/policy/replay/end", Names::Nothing),
    ("/policy/replay/store", Names::Nothing),
    (
        "/policy/rule/set",
        Names::Field(
            "name",
            Kind::Policy,
            &[
                ("rule", "night"),
                ("new", "yes"),
                ("subject", "offer"),
                ("action", "mark"),
                ("reason", "x"),
                ("do", "store"),
            ],
        ),
    ),
    ("/policy/set", Names::Field("name", Kind::Policy, &[("mark", "2"), ("do", "store")])),
    ("/trace/{id}", Names::Path(Kind::Traced)),
    ("/views/change", Names::Field("id", Kind::View, &[("do", "delete"), ("page", "held")])),
    (
        "/views/change",
        Names::Field(
            "id",
            Kind::View,
            &[("do", "rename"), ("name", "mine"), ("page", "held"), ("query", "")],
        ),
    ),
    ("/views/save", Names::Nothing),
];

/// Somebody of the other organisation; a name that is part of no other word.
const BO: &str = "bo-lindqvist-7";

/// Those of one organisation, and what they may be there.
const ROLES: &[&str] = &["admin", "reviewer", "helpdesk", "auditor", "domain-admin"];

/// One id of each kind: of the other organisation, and of nobody.
struct Ids {
    foreign: String,
    nobodys: String,
}

struct House {
    gateway: Gateway,
    admin: u16,
    ids: BTreeMap<Kind, Ids>,
    /// Whose account and token they are.
    bo: Browser,
    // Takes what is delivered, for as long as the gateway lives.
    _hop: Hop,
}

/// Acme, whose people look, and Berg, of whom there is something of every kind.
#[track_caller]
fn house() -> House {
    let hop = Hop::start(Manner::default());
    let (mail, admin, away) = (free_port(), free_port(), free_port());
    let domain = |name: &str, organisation: &str, port: u16, policy: &str| {
        format!(
            "[[domain]]\nname = \"{name}\"\norganisation = \"{organisation}\"\nnext-hop = \"smtp://127.0.0.1:{port}\"\nrecipients = \"any\"\npolicy = \"{policy}\"\n"
        )
    };
    let domains = [
        domain("acme.example", "acme", hop.port(), "open"),
        domain("berg.example", "berg", hop.port(), "open"),
        domain("held.example", "berg", hop.port(), "holding"),
        domain("away.example", "berg", away, "open"),
    ];
    let gateway = Gateway::start(&format!(
        "hostname = \"mx.ours.example\"\n\
         [[listener]]\nname = \"in\"\nbind = \"127.0.0.1:{mail}\"\ndirection = \"inbound\"\n\
         [[organisation]]\nname = \"acme\"\n[[organisation]]\nname = \"berg\"\n[outbound]\norganisation = \"acme\"\n{}\
         [[policy]]\nname = \"open\"\nmark = 1000\nquarantine = 1000\nreject = 1000\n\
         [[policy]]\nname = \"holding\"\nmark = 0.1\nquarantine = 0.1\nreject = 1000\n\
         [web]\nadmin = \"127.0.0.1:{admin}\"\n",
        domains.concat()
    ));
    let traced = seed(&gateway, mail);
    let mut bo = Browser::of_account(
        &gateway,
        admin,
        BO,
        &["--role", "domain-admin", "--organisation", "berg"],
    );
    token(&mut bo, &["look"]);
    let page = bo.get("/own").body;
    let tokens = between(&page, "action=\"/own/tokens/end\"", "</form>").unwrap();
    let token_id = between(tokens, "name=\"id\" value=\"", "\"").unwrap().to_string();
    let view = [("page", "held"), ("name", "of Berg"), ("query", "text=prize"), ("shared", "yes")];
    bo.post("/views/save", &view);
    let page = bo.get("/held").body;
    let views = between(&page, "action=\"/views/change\"", "</form>").unwrap();
    let view_id = between(views, "name=\"id\" value=\"", "\"").unwrap().to_string();
    let id = |row: &serde_json::Value| row["id"].as_str().unwrap().to_string();
    let ids = [
        (Kind::Account, BO.to_string()),
        (Kind::Campaign, campaign(&gateway)),
        (Kind::Domain, "berg.example".to_string()),
        (Kind::Held, id(&gateway.quarantine(false)[0])),
        (Kind::Queued, id(&gateway.queue()[0])),
        (Kind::Policy, "holding".to_string()),
        (Kind::View, view_id),
        (Kind::Token, token_id),
        (Kind::Traced, traced),
    ];
    let ids = ids.map(|(kind, foreign)| {
        let nobodys = of_nobody(&foreign);
        (kind, Ids { foreign, nobodys })
    });
    House { gateway, admin, ids: ids.into(), bo, _hop: hop }
}

/// A program that names an organisation which is not its account's hears what it hears of one that does not exist.
#[test]
fn a_strange_organisation_is_like_none() {
    let house = house();
    let stranger = house.stranger("admin");
    let asks = |path: &str, name: &str| {
        let path = format!("{path}?organisation={name}");
        house.call(&stranger, "GET", &path, &Names::Nothing, "")
    };
    let names = |route: &&Route| {
        route.spec.is_some_and(|spec| spec.query.iter().any(|one| one.name == "organisation"))
    };
    let mut told = 0;
    for route in routes().filter(names) {
        let own = asks(route.path, "acme").code;
        let (foreign, nobodys) = (asks(route.path, "berg"), asks(route.path, "nobd"));
        assert_eq!(foreign.code, nobodys.code, "{route:?}");
        assert_eq!(foreign.body.replace("berg", "nobd"), nobodys.body, "{route:?}");
        // What is the site's alone is nothing to ask for at all.
        assert!([(200, 400), (403, 403)].contains(&(own, foreign.code)), "{route:?} {own}");
        told += usize::from(foreign.body.contains("organisation is one of acme, not"));
    }
    assert!(told >= 4, "{told}");
    for (path, body) in [
        ("/api/v1/correspondents/forget", r#"{"what":"far.example","organisation":"ID"}"#),
        ("/api/v1/bank-accounts/forget", r#"{"what":"far.example","organisation":"ID"}"#),
        ("/api/v1/bank-accounts/approve", r#"{"what":"far.example","organisation":"ID"}"#),
        ("/api/v1/audit/export", r#"{"organisation":"ID"}"#),
    ] {
        let answers = ["berg", "nobd"].map(|name| {
            let answer =
                house.call(&stranger, "POST", path, &Names::Json(Kind::Account, body), name);
            (answer.code, answer.body.replace(name, "ID"))
        });
        assert_eq!(answers[0].0, 400, "{path}: {}", answers[0].1);
        assert_eq!(answers[0], answers[1], "{path}");
    }
}

/// Mail of Berg of every fate; gives the id of one that was delivered.
#[track_caller]
fn seed(gateway: &Gateway, port: u16) -> String {
    let mut traced = None;
    for to in ["anna@held.example", "anna@away.example", "anna@berg.example"] {
        // Without a date, what is for the one domain is held.
        let mail = mail(to.split('.').next().unwrap()).replace("Date:", "X-Date:");
        // Enough to be known for copies of one.
        let mail = format!(
            "{mail}We could take the ferry over to the island then, and be back before it gets dark again.\r\n"
        );
        let heard = Client::hello(port).send("karin@example.org", &[to], mail.as_bytes()).unwrap();
        assert_eq!(heard.code, 250, "{to}: {heard:?}");
        traced = heard.id();
    }
    wait_for("a held mail", || (!gateway.quarantine(false).is_empty()).then_some(()));
    wait_for("a waiting mail", || (!gateway.queue().is_empty()).then_some(()));
    traced.unwrap()
}

/// The one that Berg got copies of.
#[track_caller]
fn campaign(gateway: &Gateway) -> String {
    wait_for("a campaign", || {
        let said = gateway.command(&["campaigns", "--organisation", "berg", "--json"]).stdout;
        let lines: serde_json::Value = serde_json::from_slice(&said).ok()?;
        Some(lines[0]["id"].as_str()?.to_string())
    })
}

/// An id of the same form that nobody has.
fn of_nobody(id: &str) -> String {
    let mut letters: Vec<char> = id.chars().collect();
    let last = letters.last_mut().unwrap();
    *last = match *last {
        '0' => '1',
        '1'..='9' => '0',
        'a' => 'b',
        'A' => 'B',
        'b'..='z' => 'a',
        _ => 'A',
    };
    letters.into_iter().collect()
}

/// Makes a token with these rights, and shows it.
#[track_caller]
fn token(browser: &mut Browser, rights: &[&str]) -> String {
    let mut fields = vec![("label", "a script"), ("days", "30"), ("password", PASSWORD)];
    fields.extend(rights.iter().map(|right| ("right", *right)));
    let made = browser.post("/own/tokens/add", &fields).body;
    between(&made, "<code class=\"letters\">sluss_", "</code>")
        .map(|letters| format!("sluss_{letters}"))
        .unwrap_or_else(|| panic!("{made}"))
}

/// Somebody of Acme, in a browser and by a program with all rights of the account.
struct Stranger {
    browser: Browser,
    token: String,
}

impl House {
    fn stranger(&self, role: &'static str) -> Stranger {
        let options = ["--role", role, "--organisation", "acme"];
        let mut browser = Browser::of_account(&self.gateway, self.admin, role, &options);
        let rights = ["look", "decide", "open", "policy", "audit", "site", "operate", "accounts"];
        let token = token(&mut browser, &rights);
        Stranger { browser, token }
    }

    /// What somebody is answered who names this id: the code, and all that is said, on the page that follows too.
    fn answer(&self, stranger: &mut Stranger, route: &Route, names: &Names, id: &str) -> String {
        // A part of a mail is the mail's: any number does.
        let path = match route.path.replace("{number}", "1").split_once('{') {
            Some((before, rest)) => {
                let (_, after) = rest.split_once('}').unwrap();
                assert!(
                    !after.contains('{'),
                    "{route:?} has two variable parts: say here what they are"
                );
                format!("{before}{id}{after}")
            }
            None => route.path.to_string(),
        };
        let answer = match names {
            _ if route.spec.is_some() => self.call(stranger, route.method, &path, names, id),
            Names::Path(_) if route.method == "GET" => stranger.browser.get(&path),
            Names::Path(_) | Names::Nothing => stranger.browser.post(&path, &[]),
            Names::Json(..) => panic!("{route:?} takes a form"),
            Names::Field(field, _, more) => {
                let fields: Vec<(&str, &str)> =
                    more.iter().copied().chain([(*field, id)]).collect();
                stranger.browser.post(&path, &fields)
            }
        };
        let after = match answer.code {
            303 => stranger.browser.get(answer.field("location")).body,
            _ => String::new(),
        };
        let (kind, place) = (answer.field("content-type"), answer.field("location"));
        let said = format!("{} {kind} {place}\n{}\n{after}", answer.code, answer.body);
        said.replace(id, "ID").replace(&stranger.browser.csrf, "CSRF")
    }

    fn call(
        &self,
        stranger: &Stranger,
        method: &str,
        path: &str,
        names: &Names,
        id: &str,
    ) -> Answer {
        let body = match names {
            Names::Json(_, body) => body.replace("ID", id),
            Names::Nothing | Names::Path(_) | Names::Field(..) => String::new(),
        };
        let fields = format!(
            "Host: localhost\r\nAuthorization: Bearer {}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n",
            stranger.token,
            body.len()
        );
        ask(self.admin, method, path, &fields, &body)
    }

    /// Everything of Berg that an act could have changed.
    fn of_berg(&self) -> String {
        // An account that was closed has no page, and a token that was ended does not stand there.
        let page = self.bo.clone().get("/own").body;
        let has_token = page.contains(&self.ids[&Kind::Token].foreign);
        let views = self.bo.clone().get("/held").body;
        let views = between(&views, "<ul class=\"views\">", "</ul>").unwrap_or_default();
        let still = |rows: Vec<serde_json::Value>| {
            rows.into_iter()
                .map(|row| {
                    format!("{} {} {} {}", row["id"], row["on_hold"], row["state"], row["learned"])
                })
                .collect::<Vec<_>>()
        };
        format!(
            "{:?} {:?} {} {views}",
            still(self.gateway.quarantine(true)),
            still(self.gateway.queue()),
            has_token
        )
    }
}

#[test]
fn ids_of_another_organisation_are_ids_of_nobody() {
    let wanted = |route: &&Route| {
        route.door == Door::Admin && (route.method == "POST" || route.path.contains('{'))
    };
    let lines = |route: &Route| {
        let path = route.path;
        LINES.iter().filter(move |(line, _)| *line == path).map(|(_, names)| names)
    };
    let without: Vec<&Route> =
        routes().filter(wanted).filter(|one| lines(one).next().is_none()).collect();
    assert!(without.is_empty(), "what do these name? say so in LINES: {without:?}");
    let house = house();
    let before = house.of_berg();
    for role in ROLES {
        let mut stranger = house.stranger(role);
        let each = routes().filter(wanted);
        for (route, names) in each.flat_map(|route| lines(route).map(move |names| (route, names))) {
            let kind = match names {
                Names::Nothing => continue,
                Names::Path(kind) | Names::Field(_, kind, _) | Names::Json(kind, _) => kind,
            };
            let Ids { foreign, nobodys } = &house.ids[kind];
            // A page may say what time it is: two that are answered alike are so at one of three times.
            let mut ask = || {
                let theirs = house.answer(&mut stranger, route, names, foreign);
                (theirs, house.answer(&mut stranger, route, names, nobodys))
            };
            let tries = [ask(), ask(), ask()];
            let alike = tries.iter().any(|(theirs, none)| theirs == none);
            assert!(alike, "{role} learns from {route:?}: {:#?}", tries[0]);
        }
    }
    assert_eq!(house.of_berg(), before, "nothing of Berg's was changed");
}

/// An owner, who sees both, is answered differently: so the lines name what they say.
#[test]
fn ids_that_are_there_are_answered_for_whoever_may_see_them() {
    let house = house();
    let mut owner = Browser::of_account(&house.gateway, house.admin, "eva", &["--role", "owner"]);
    let rights = ["look", "decide", "open", "policy", "audit", "site", "operate", "accounts"];
    let token = token(&mut owner, &rights);
    let mut owner = Stranger { browser: owner, token };
    for (path, names) in LINES {
        let kind = match names {
            // A token is its account's alone, whatever anybody's role, and so is what is done with a view.
            Names::Nothing
            | Names::Field(_, Kind::Token | Kind::View, _)
            | Names::Path(Kind::View) => continue,
            Names::Path(kind) | Names::Field(_, kind, _) | Names::Json(kind, _) => kind,
        };
        for route in routes().filter(|route| route.path == *path) {
            let Ids { foreign, nobodys } = &house.ids[kind];
            let none = house.answer(&mut owner, route, names, nobodys);
            let there = house.answer(&mut owner, route, names, foreign);
            assert_ne!(there, none, "{route:?}");
        }
    }
}

/// Lists name no id, so each is asked as it is, and for the other organisation by its name.
#[test]
fn lists_for_programs_say_nothing_of_another_organisation() {
    let house = house();
    let of_berg = |who: &Stranger| -> Vec<String> {
        let lists = routes().filter(|route| {
            route.spec.is_some() && route.method == "GET" && !route.path.contains('{')
        });
        let asked = lists.flat_map(|route| {
            ["", "?organisation=berg", "?what=example.org&organisation=berg"]
                .map(|query| format!("{}{query}", route.path))
        });
        let says = |path: &String| {
            let answer = house.call(who, "GET", path, &Names::Nothing, "");
            let body = answer.body.to_lowercase();
            answer.code == 200
                && ["berg", "held.example", "away.example"].iter().any(|name| body.contains(name))
        };
        asked.filter(says).collect()
    };
    for role in ROLES {
        let stranger = house.stranger(role);
        let said = of_berg(&stranger);
        assert!(said.is_empty(), "{role} is told of Berg by {said:?}");
    }
    let mut owner = Browser::of_account(&house.gateway, house.admin, "eva", &["--role", "owner"]);
    let rights = ["look", "decide", "open", "policy", "audit", "site", "operate", "accounts"];
    let token = token(&mut owner, &rights);
    let told = of_berg(&Stranger { browser: owner, token });
    for path in ["/api/v1/held", "/api/v1/queue", "/api/v1/keys/rest", "/api/v1/accounts"] {
        assert!(told.iter().any(|one| one == path), "{path} tells an owner of Berg: {told:?}");
    }
}
