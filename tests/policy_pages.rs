//! Policies, lists, domains and rules by page, in the real program: looked at, changed as versions, tried over the mail that came before
//! they take effect; and that nobody sees or changes there what is not theirs.

// Real time, and failing loudly, is what these tests are for.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, clippy::disallowed_methods)]

mod common;

use common::{
    Client, Gateway, Hop, Manner, free_port, mail, wait_for,
    web::{Answer, Browser, PASSWORD, ask, between},
};

/// Two organisations; acme's domain is in the file, berg's is stored.
struct House {
    gateway: Gateway,
    admin: u16,
    inbound: u16,
    hop: Hop,
}

impl House {
    fn start() -> House {
        let hop = Hop::start(Manner::default());
        let (admin, inbound) = (free_port(), free_port());
        let gateway = Gateway::start(&format!(
            "hostname = \"mx.ours.example\"\n\
             [[listener]]\nname = \"in\"\nbind = \"127.0.0.1:{inbound}\"\ndirection = \"inbound\"\n\
             [[organisation]]\nname = \"acme\"\npolicy = \"strict\"\nlists.block = [\"never.example\"]\n[[organisation]]\nname = \"berg\"\nmode = \"tag\"\n\
             [[domain]]\nname = \"acme.example\"\norganisation = \"acme\"\nnext-hop = \"smtp://127.0.0.1:{hop}\"\nrecipients = \"any\"\n\
             [[policy]]\nname = \"strict\"\nmark = 1000\nquarantine = 1000\nreject = 1000\n\
             [domain-defaults]\nrecipients = \"any\"\nnext-hop = \"smtp://127.0.0.1:{hop}\"\n\
             [web]\nadmin = \"127.0.0.1:{admin}\"\n",
            hop = hop.port()
        ));
        let house = House { gateway, admin, inbound, hop };
        house.run(&["domain", "add", "berg.example", "--organisation", "berg"]);
        house
    }

    #[track_caller]
    fn run(&self, command: &[&str]) -> String {
        let done = self.gateway.command(command);
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        String::from_utf8_lossy(&done.stdout).into_owned()
    }

    fn with(&self, name: &str, options: &[&str]) -> Browser {
        Browser::of_account(&self.gateway, self.admin, name, options)
    }

    #[track_caller]
    fn take(&self, to: &str) {
        // Without a date it weighs something.
        let mail = mail("offer").replace("Date:", "X-Date:");
        let heard = Client::hello(self.inbound).send("shop@far.example", &[to], mail.as_bytes());
        assert_eq!(heard.unwrap().code, 250);
    }
}

/// What the page that an act leads to says.
#[track_caller]
fn said(browser: &mut Browser, path: &str, fields: &[(&str, &str)]) -> String {
    let answer = browser.post(path, fields);
    assert_eq!(answer.code, 303, "{path}: {}", answer.body);
    let to = answer.field("location").to_string();
    note(&browser.get(&to))
}

#[track_caller]
fn note(answer: &Answer) -> String {
    let note = between(&answer.body, "role=\"status\">", "</p>");
    note.unwrap_or_else(|| panic!("nothing is said: {}", answer.body)).to_string()
}

/// What stands beside a field, which is described by it.
#[track_caller]
fn beside(answer: &Answer, field: &str) -> String {
    assert_eq!(answer.code, 422, "{}", answer.body);
    assert!(note(answer).contains("see what stands in the form"), "{}", note(answer));
    assert!(
        answer.body.contains(&format!("aria-invalid=\"true\" aria-describedby=\"wrong-{field}\"")),
        "{field}: {}",
        answer.body
    );
    let said = between(&answer.body, &format!("id=\"wrong-{field}\">"), "</span>");
    said.unwrap_or_else(|| panic!("nothing beside {field}: {}", answer.body)).to_string()
}

/// The version that a page has seen.
#[track_caller]
fn seen(page: &Answer) -> String {
    between(&page.body, "name=\"seen\" value=\"", "\"").unwrap().to_string()
}

#[track_caller]
fn is_sound(answer: &Answer) {
    assert_eq!(answer.code, 200, "{}", answer.body);
    assert!(answer.body.len() < 100_000, "{} bytes", answer.body.len());
    for sign in ["<b>", "style=", "onclick", "\u{202e}"] {
        assert!(!answer.body.contains(sign), "{sign:?} in {}", answer.body);
    }
}

#[test]
fn a_policy_is_made_changed_and_given_to_domains() {
    let house = House::start();
    let mut eva = house.with("eva", &["--role", "admin"]);
    let page = eva.get("/policy");
    is_sound(&page);
    for part in
        ["/policy/named/strict", "in the file</span>", "/policy/named/default", "/policy/new"]
    {
        assert!(page.body.contains(part), "{part}: {}", page.body);
    }
    // What the file says is shown with its place, and cannot be changed; what it does not say of that policy can.
    let strict = eva.get("/policy/named/strict");
    is_sound(&strict);
    assert!(
        strict.body.contains("sluss.toml:") && strict.body.contains("from 1000"),
        "{}",
        strict.body
    );
    for part in [
        "name=\"mark\" value=\"1000\"",
        "disabled aria-describedby=\"locked-mark\"",
        "id=\"locked-mark\"><span class=\"tag mind\">locked</span> ",
        "<select name=\"actions.bulk\"><option",
    ] {
        assert!(strict.body.contains(part), "{part}: {}", strict.body);
    }
    let open = [
        ("name", "strict"),
        ("actions.bulk", "mark"),
        ("comment", "x"),
        ("seen", "1"),
        ("do", "store"),
    ];
    assert_eq!(said(&mut eva, "/policy/set", &open), "Stored as version 2, and in force.");
    let strict = eva.get("/policy/named/strict").body;
    for part in
        ["actions.bulk</th>", "stored</span> version 2", "<option selected>mark", "from 1000"]
    {
        assert!(strict.contains(part), "{part}: {strict}");
    }
    let shown = house.run(&["config", "show", "policy.strict", "--origin"]);
    assert!(
        shown.contains("actions.bulk = \"mark\"") && shown.contains("# stored, version 2"),
        "{shown}"
    );
    let locked = eva.post("/policy/set", &[("name", "strict"), ("mark", "2"), ("do", "store")]);
    assert!(beside(&locked, "mark").contains("the file wins"), "{}", locked.body);
    // A new one; what makes no sense is said, and what was written stands there still.
    is_sound(&eva.get("/policy/new"));
    let make = |more: &[(&'static str, &'static str)]| {
        [
            &[
                ("new", "yes"),
                ("name", "mild"),
                ("comment", "for <b>berg</b>"),
                ("seen", "2"),
                ("do", "store"),
            ],
            more,
        ]
        .concat()
    };
    let wrong = eva.post("/policy/set", &make(&[("mark", "9"), ("quarantine", "4")]));
    let said_there = beside(&wrong, "quarantine");
    assert!(said_there.contains("must rise: “Quarantine from” is 4"), "{said_there}");
    assert!(wrong.body.contains("name=\"mark\" value=\"9\""), "{}", wrong.body);
    let made = said(
        &mut eva,
        "/policy/set",
        &make(&[("mark", "4"), ("quarantine", "6,5"), ("actions.bulk", "mark")]),
    );
    assert_eq!(made, "Stored as version 3, and in force.");
    let mild = eva.get("/policy/named/mild");
    is_sound(&mild);
    for part in [
        "from 6.5",
        "name=\"quarantine\" value=\"6.5\"",
        "<option selected>mark",
        "version 3",
        "Domains that have it: 0",
    ] {
        assert!(mild.body.contains(part), "{part}: {}", mild.body);
    }
    // Somebody else is quicker.
    let before = seen(&mild);
    house.run(&["config", "set", "policy.mild.reject", "20"]);
    let late = eva.post(
        "/policy/set",
        &[("name", "mild"), ("mark", "3"), ("seen", &before), ("do", "store")],
    );
    assert_eq!(late.code, 422);
    assert!(
        note(&late).contains("changed reject of policy mild with version 4"),
        "{}",
        note(&late)
    );
    // Domains of the store get it, and those of the file whose policy the file does not say.
    let give = |domains: &'static str| {
        [
            ("name", "mild"),
            ("domains", domains),
            ("seen", "4"),
            ("comment", "as agreed"),
            ("do", "store"),
        ]
    };
    let all = [&give("")[..], &[("organisation", "acme")]].concat();
    let locked = eva.post("/policy/assign", &all);
    assert!(beside(&locked, "domains").contains("locked"), "{}", locked.body);
    assert!(said(&mut eva, "/policy/assign", &give("acme.example")).contains("version 5"));
    let acme = eva.get("/policy/domains/acme.example").body;
    assert!(acme.contains("(the domain says so)") && acme.contains("in the file</span>"), "{acme}");
    let wrong = eva.post("/policy/assign", &give("a..b"));
    assert!(beside(&wrong, "domains").contains("is no domain"), "{}", wrong.body);
    assert!(wrong.body.contains(">a..b</textarea>") && wrong.body.contains("value=\"as agreed\""));
    assert!(said(&mut eva, "/policy/assign", &give("berg.example")).contains("version 6"));
    let domain = eva.get("/policy/domains/berg.example");
    is_sound(&domain);
    for part in [
        "(the domain says so)",
        "tag <span",
        "(its organisation says so)",
        "version 6",
        "sluss.toml:",
    ] {
        assert!(domain.body.contains(part), "{part}: {}", domain.body);
    }
    assert!(eva.get("/policy/named/mild").body.contains("/policy/domains/berg.example"));
    // It is a version with an author and a reason, and there is a way back.
    let history = eva.get("/configuration/history").body;
    assert!(history.contains("as agreed") && history.contains("for &#60;b&#62;berg"), "{history}");
    assert!(history.contains("eva"), "{history}");
    for nobody in ["/policy/named/none", "/policy/domains/none.example", "/policy/domains/x%00"] {
        assert_eq!(eva.get(nobody).code, 404, "{nobody}");
    }
}

#[test]
fn a_change_is_tried_on_the_mail_that_came_before_it_is_put_in_force() {
    let house = House::start();
    let mut eva = house.with("eva", &["--role", "admin"]);
    for _ in 0..3 {
        house.take("bo@berg.example");
    }
    house.take("anna@acme.example");
    wait_for("the mail to arrive", || (house.hop.count() == 4).then_some(()));
    let page = eva.get("/policy/named/default");
    let version = seen(&page);
    let fields = [
        ("name", "default"),
        ("mode", "protect"),
        ("mark", "0.1"),
        ("quarantine", "0.1"),
        ("comment", "too much comes through"),
        ("seen", version.as_str()),
        ("do", "try"),
    ];
    let report = wait_for("mail in the trace", || {
        let begun = eva.post("/policy/set", &fields);
        assert_eq!(begun.code, 303, "{}", begun.body);
        let at = begun.field("location").to_string();
        let done = wait_for("the replay", || {
            let page = eva.get(&at);
            is_sound(&page);
            (!page.body.contains("data-again")).then_some(page)
        });
        // The trace is written in batches: of the mail, the last may come later than the others.
        done.body.contains("Of <strong>4</strong> mails").then_some(done)
    });
    for part in [
        "Nothing is changed yet",
        "Of <strong>4</strong> mails to 4 recipients",
        "let through <strong>0</strong>",
        "berg</th>",
        "href=\"/trace/",
        "shop@far.example",
        "default: quarantine = 0.1",
        "Findings are those of the time",
    ] {
        assert!(report.body.contains(part), "{part}: {}", report.body);
    }
    assert!(!report.body.contains("acme</th>"), "acme has another policy: {}", report.body);
    assert!(!eva.get("/configuration/history").body.contains("too much comes through"), "not yet");
    assert!(eva.get("/policy/replay").body.contains("Policy default: mode protect"));
    // A replay is for whoever may put it in force.
    let job = between(&report.body, "name=\"job\" value=\"", "\"").unwrap().to_string();
    let mut ulf = house.with("ulf", &["--role", "admin", "--organisation", "acme"]);
    for job in [job.as_str(), "01K9ZQ4T6X8M4V0R2S5W7Y9ABC"] {
        assert_eq!(ulf.get(&format!("/policy/replay?job={job}")).code, 404);
        assert_eq!(ulf.post("/policy/replay/store", &[("job", job)]).code, 404);
        assert_eq!(ulf.post("/policy/replay/end", &[("job", job)]).code, 404);
    }
    assert!(said(&mut eva, "/policy/replay/end", &[("job", &job)]).contains("It ends"));
    let stored = said(&mut eva, "/policy/replay/store", &[("job", &job)]);
    assert!(stored.contains("in force"), "{stored}");
    assert!(eva.get("/configuration/history").body.contains("too much comes through"));
    house.take("bo@berg.example");
    wait_for("a held mail", || (house.gateway.quarantine(false).len() == 1).then_some(()));
    // Pressed again, it finds that somebody was there: itself.
    assert!(
        said(&mut eva, "/policy/replay/store", &[("job", &job)])
            .contains("since this page was made")
    );
}

#[test]
fn senders_go_into_lists_and_out() {
    let house = House::start();
    let mut eva = house.with("eva", &["--role", "admin"]);
    let line = |act: &'static str, owner: &'static str, entry: &'static str| {
        [
            ("do", act),
            ("list", "block"),
            ("owner", owner),
            ("entry", entry),
            ("comment", "they asked"),
        ]
    };
    let to = "/policy/lists/change";
    assert!(said(&mut eva, to, &line("add", "", "far.example")).contains("in force"));
    let refused =
        Client::hello(house.inbound).send("shop@far.example", &["bo@berg.example"], b"x\r\n");
    assert!(refused.is_err() || refused.unwrap().code >= 500, "it is blocked");
    assert!(said(&mut eva, to, &line("add", "", "far.example")).contains("already"));
    assert!(said(&mut eva, to, &line("add", "", "<b>")).contains("is no sender"));
    assert!(said(&mut eva, to, &line("add", "", "com")).contains("is a public suffix"));
    // The file says whom acme blocks, and nothing of whom it allows.
    assert!(said(&mut eva, to, &line("add", "acme", "far.example")).contains("locked"));
    let allow = [
        ("do", "add"),
        ("list", "allow"),
        ("owner", "acme"),
        ("entry", "kind.example"),
        ("comment", "x"),
    ];
    assert!(said(&mut eva, to, &allow).contains("version 3, and in force"));
    let page = eva.get("/policy/lists");
    is_sound(&page);
    assert!(
        page.body.contains("far.example</th>") && page.body.contains("version 2"),
        "{}",
        page.body
    );
    assert!(page.body.contains("The block list of acme stands in the file"), "{}", page.body);
    assert!(said(&mut eva, to, &line("remove", "", "far.example")).contains("in force"));
    assert!(!eva.get("/policy/lists").body.contains("far.example</th>"));
    house.take("bo@berg.example");
}

#[test]
fn whoever_sees_one_organisation_sees_its_policies_and_changes_those_that_nobody_else_has() {
    let house = House::start();
    house.run(&["config", "set", "lists.block", "[\"secret.example\"]"]);
    let mut ulf = house.with("ulf", &["--role", "domain-admin", "--organisation", "acme"]);
    let mut one = house.with(
        "one",
        &["--role", "domain-admin", "--organisation", "acme", "--domain", "acme.example"],
    );
    for browser in [&mut ulf, &mut one] {
        let page = browser.get("/policy");
        is_sound(&page);
        assert!(page.body.contains("/policy/named/strict"), "{}", page.body);
        assert!(!page.body.contains("/policy/named/default"), "{}", page.body);
        assert!(!page.body.contains("/policy/new"), "{}", page.body);
        is_sound(&browser.get("/policy/named/strict"));
        let domains = browser.get("/policy/domains");
        is_sound(&domains);
        assert!(
            domains.body.contains("acme.example") && !domains.body.contains("berg"),
            "{}",
            domains.body
        );
        assert_eq!(browser.get("/policy/domains/acme.example").code, 200);
        for path in ["/policy/named/default", "/policy/domains/berg.example", "/policy/new"] {
            assert_eq!(browser.get(path).code, 404, "{path}");
        }
        // What is others', what is nobody's and what is the site's is answered alike.
        for name in ["default", "none"] {
            let fields =
                [("name", name), ("domains", "acme.example"), ("do", "store"), ("mark", "2")];
            assert_eq!(browser.post("/policy/set", &fields).code, 404, "{name}");
            assert_eq!(browser.post("/policy/assign", &fields).code, 404, "{name}");
            let rule = [&fields[..], &[("rule", "x"), ("new", "yes"), ("reason", "x")]].concat();
            assert_eq!(browser.post("/policy/rule/set", &rule).code, 404, "{name}");
        }
        let fields = [("name", "strict"), ("domains", "acme.example"), ("do", "store")];
        assert_eq!(browser.post("/policy/assign", &fields).code, 404, "giving is the site's");
        let new = [("name", "mine"), ("new", "yes"), ("do", "store")];
        assert_eq!(browser.post("/policy/set", &new).code, 404);
        for owner in ["berg", "none", ""] {
            let line =
                [("do", "add"), ("list", "allow"), ("owner", owner), ("entry", "far.example")];
            assert_eq!(browser.post("/policy/lists/change", &line).code, 404, "{owner}");
            let what = if owner.is_empty() { "must-authenticate" } else { "protected-domains" };
            let guard =
                [("do", "add"), ("what", what), ("partner", "far.example"), ("owner", owner)];
            assert_eq!(browser.post("/policy/partners/change", &guard).code, 404, "{owner}");
        }
        let lists = browser.get("/policy/lists");
        is_sound(&lists);
        assert!(!lists.body.contains("secret.example"), "{}", lists.body);
    }
    let history = house.run(&["config", "history"]);
    assert!(!history.contains("ulf") && !history.contains("one"), "nothing was stored: {history}");
    // An organisation's own policy, lists and partners are its own; of somebody who sees some of its domains they are not.
    let bulk = [
        ("name", "strict"),
        ("actions.bulk", "mark"),
        ("comment", "x"),
        ("seen", "2"),
        ("do", "store"),
    ];
    assert_eq!(one.post("/policy/set", &bulk).code, 404);
    assert!(said(&mut ulf, "/policy/set", &bulk).contains("in force"));
    let strict = ulf.get("/policy/named/strict");
    is_sound(&strict);
    assert!(
        strict.body.contains("<option selected>mark") && !strict.body.contains("value=\"try\""),
        "{}",
        strict.body
    );
    let line = [
        ("do", "add"),
        ("list", "allow"),
        ("owner", "acme"),
        ("entry", "far.example"),
        ("comment", "x"),
    ];
    assert_eq!(one.post("/policy/lists/change", &line).code, 404);
    assert!(said(&mut ulf, "/policy/lists/change", &line).contains("in force"));
    let guard = [
        ("do", "add"),
        ("what", "protected-domains"),
        ("partner", "bank.example"),
        ("owner", "acme"),
        ("comment", "x"),
    ];
    assert_eq!(one.post("/policy/partners/change", &guard).code, 404);
    assert!(said(&mut ulf, "/policy/partners/change", &guard).contains("in force"));
    assert!(one.get("/policy/lists").body.contains("some of its domains"));
    // Once another organisation's domain has it, it is not theirs any more.
    house.run(&["config", "set", "domain.berg.example.policy", "strict"]);
    let more = [
        ("name", "strict"),
        ("actions.bulk", "reject"),
        ("comment", "x"),
        ("seen", "9"),
        ("do", "store"),
    ];
    assert_eq!(ulf.post("/policy/set", &more).code, 404);
}

#[test]
fn a_domain_gets_a_policy_of_its_own_that_reaches_no_other_domain() {
    let house = House::start();
    house.run(&["domain", "add", "acme2.example", "--organisation", "acme"]);
    house.run(&[
        "config",
        "set",
        "policy.strict.rules.old",
        "{ hours = \"01:00-02:00\", action = \"mark\", reason = \"x\" }",
    ]);
    let only = ["--role", "domain-admin", "--organisation", "acme", "--domain", "acme.example"];
    let mut one = house.with("one", &only);
    let page = one.get("/policy/domains/acme.example");
    is_sound(&page);
    assert!(page.body.contains("Give it a policy of its own"), "{}", page.body);
    for other in ["acme2.example", "berg.example", "none.example"] {
        assert_eq!(one.post("/policy/domain/own", &[("name", other), ("comment", "x")]).code, 404);
    }
    let own = [("name", "acme.example"), ("comment", "ours alone")];
    assert!(said(&mut one, "/policy/domain/own", &own).contains("in force"));
    let shown = house.run(&["config", "show", "policy.acme-example"]);
    assert!(shown.contains("quarantine = 1000") && shown.contains("rules.old"), "a copy: {shown}");
    let of = |name: &str| house.run(&["domain", "show", name]);
    assert!(of("acme.example").contains("policy = \"acme-example\""), "{}", of("acme.example"));
    assert!(!of("acme2.example").contains("acme-example"), "{}", of("acme2.example"));
    // Its scores and rules are theirs now, and those of the old one are not.
    let page = one.get("/policy/named/acme-example");
    is_sound(&page);
    let version = seen(&page);
    let set = |name: &'static str, mark: &'static str, seen: &str| {
        let fields = [
            ("name", name),
            ("mark", mark),
            ("quarantine", "900"),
            ("reject", "1000"),
            ("comment", "x"),
            ("do", "store"),
        ];
        let fields = fields.map(|(key, value)| (key, value.to_string()));
        fields.into_iter().chain([("seen", seen.to_string())]).collect::<Vec<_>>()
    };
    let post = |browser: &mut Browser, path: &str, fields: &[(&str, String)]| {
        let fields: Vec<(&str, &str)> =
            fields.iter().map(|(key, value)| (*key, value.as_str())).collect();
        browser.post(path, &fields)
    };
    assert_eq!(post(&mut one, "/policy/set", &set("acme-example", "800", &version)).code, 303);
    assert_eq!(post(&mut one, "/policy/set", &set("strict", "800", &version)).code, 404);
    let rule = [
        ("name", "acme-example"),
        ("new", "yes"),
        ("rule", "night"),
        ("hours", "18:00-06:00"),
        ("action", "quarantine"),
        ("reason", "Wait"),
        ("comment", "x"),
        ("seen", &version),
        ("do", "store"),
    ];
    assert_eq!(one.post("/policy/rule/set", &rule).code, 303);
    let shown = house.run(&["config", "show", "policy.acme-example"]);
    assert!(shown.contains("mark = 800.0") && shown.contains("rules.night"), "{shown}");
    assert!(house.run(&["config", "show", "policy.strict.mark"]).contains("1000"));
    // By program the same.
    let key = token(&mut one);
    let put = |path: &str| {
        let path = format!("/api/v1/stored/{path}");
        call(&house, &key, ("PUT", &path), "If-Match: *\r\n", "{\"value\":700,\"comment\":\"x\"}")
            .code
    };
    assert_eq!(put("policy.acme-example.mark"), 200);
    for path in [
        "policy.strict.mark",
        "policy.default.mark",
        "policy.none.mark",
        "limits.connections",
        "organisation.acme.rejected-days",
        "policy.acme-example",
    ] {
        assert_eq!(put(path), 403, "{path}");
    }
    let values = call(&house, &key, ("GET", "/api/v1/values?limit=500"), "", "").body;
    for part in [
        "\"path\":\"policy.acme-example.mark\",\"value\":700",
        "stored, version",
        "\"path\":\"domain.acme.example.next-hop\"",
    ] {
        assert!(values.contains(part), "{part}: {values}");
    }
    for part in ["acme2", "berg", "limits.", "strict"] {
        assert!(!values.contains(part), "{part}: {values}");
    }
    let stored = call(&house, &key, ("GET", "/api/v1/stored"), "", "").body;
    assert!(stored.contains("policy.acme-example") && !stored.contains("acme2"), "{stored}");
    // Its tab of the configuration has what is theirs, and nothing to press.
    let page = one.get("/configuration?under=policy");
    is_sound(&page);
    assert!(page.body.contains("policy.acme-example.mark</th>"), "{}", page.body);
    assert!(
        !page.body.contains("policy.strict") && !page.body.contains("/configuration/set"),
        "{}",
        page.body
    );
    let other = one.get("/configuration?under=domain.acme2.example").body;
    assert!(other.contains("Nothing is set under this."), "{other}");
    for path in ["/configuration", "/configuration?under=limits"] {
        let page = one.get(path);
        is_sound(&page);
        for part in ["acme2", "berg", "limits.", "/configuration/unset"] {
            assert!(!page.body.contains(part), "{path}: {part}: {}", page.body);
        }
    }
    let keys = one.get("/keys").body;
    assert!(
        keys.contains("not shown to an account") && !keys.contains("was ever stored"),
        "{keys}"
    );
    // Nobody is put under it from outside, and once another domain has it, it is not theirs alone.
    let two = ["--role", "domain-admin", "--organisation", "acme", "--domain", "acme2.example"];
    let mut two = house.with("two", &two);
    let take =
        [("name", "acme2.example"), ("policy", "acme-example"), ("comment", "x"), ("seen", "99")];
    let taken = two.post("/policy/domain/set", &take);
    assert_eq!(taken.code, 422, "{}", taken.body);
    assert!(taken.body.contains("there is no policy called"), "{}", taken.body);
    house.run(&["config", "set", "domain.acme2.example.policy", "acme-example"]);
    assert_eq!(post(&mut one, "/policy/set", &set("acme-example", "600", "99")).code, 404);
    assert_eq!(put("policy.acme-example.mark"), 403);
    let audit = house.run(&["audit", "export"]);
    assert!(audit.contains("policy acme-example") && audit.contains("ours alone"), "{audit}");
}

#[test]
fn one_bad_field_leaves_the_others_as_they_were_typed() {
    let house = House::start();
    let mut eva = house.with("eva", &["--role", "admin"]);
    for (act, fields, parts) in [
        (
            "/policy/partners/change",
            &[
                ("do", "add"),
                ("what", "must-authenticate"),
                ("partner", "a b"),
                ("comment", "as agreed"),
            ][..],
            &[
                "name=\"partner\" value=\"a b\"",
                "<span class=\"wrong\" id=\"wrong-partner\">",
                "<option value=\"must-authenticate\" selected>",
                "name=\"comment\" value=\"as agreed\"",
            ][..],
        ),
        (
            "/policy/partners/change",
            &[
                ("do", "add"),
                ("what", "domain"),
                ("partner", "firm.example"),
                ("action", "eat"),
                ("comment", "x"),
            ],
            &[
                "name=\"partner\" value=\"firm.example\"",
                "<span class=\"wrong\" id=\"wrong-action\">",
            ],
        ),
        (
            "/policy/lists/change",
            &[
                ("do", "add"),
                ("list", "allow"),
                ("owner", "acme"),
                ("entry", "com"),
                ("comment", "as agreed"),
            ],
            &[
                "name=\"entry\" value=\"com\"",
                "<span class=\"wrong\" id=\"wrong-entry\">",
                "<option selected>allow</option>",
                "<option value=\"acme\" selected>",
                "name=\"comment\" value=\"as agreed\"",
            ],
        ),
        (
            "/configuration/set",
            &[("path", "limits.connections"), ("value", "many"), ("comment", "as agreed")],
            &[
                "name=\"path\" value=\"limits.connections\"",
                "name=\"value\" value=\"many\"",
                // A key has no capital, though a sentence begins with it.
                "<span class=\"wrong\" id=\"wrong-value\">limits.connections: ",
                "name=\"comment\" value=\"as agreed\"",
            ],
        ),
        (
            "/configuration/set",
            &[("path", "bogus.key"), ("value", "5"), ("comment", "as agreed")],
            &[
                "name=\"path\" value=\"bogus.key\"",
                "<span class=\"wrong\" id=\"wrong-path\">There is no key bogus.key",
                "name=\"value\" value=\"5\"",
            ],
        ),
    ] {
        let answer = eva.post(act, fields);
        assert_eq!(answer.code, 303, "{act}: {}", answer.body);
        let page = eva.get(answer.field("location"));
        is_sound(&page);
        for part in parts {
            assert!(page.body.contains(part), "{act}: {part}: {}", page.body);
        }
    }
}

#[test]
fn an_auditor_reads_how_everything_is_set_and_changes_nothing() {
    let house = House::start();
    house.run(&["config", "set", "policy.strict.actions.bulk", "mark"]);
    let mut ada = house.with("ada", &["--role", "auditor"]);
    for (path, part) in [
        ("/configuration", "policy.strict.actions.bulk</th>"),
        ("/configuration?under=organisation", "organisation.acme.policy</th>"),
        ("/configuration/history", "/configuration/version/2"),
        ("/configuration/version/2", "actions.bulk = &#34;mark&#34;"),
        ("/keys", "master key"),
        ("/policy/replay", "Changes that were tried"),
        ("/policy/named/strict", "stored</span> version 2"),
        ("/policy/domains/berg.example", "berg.example"),
    ] {
        let page = ada.get(path);
        is_sound(&page);
        assert!(page.body.contains(part), "{path}: {part}: {}", page.body);
        // The one form is the log-out.
        assert_eq!(page.body.matches("method=\"post\"").count(), 1, "{path}: {}", page.body);
    }
    for path in [
        "/configuration/set",
        "/configuration/unset",
        "/configuration/revert",
        "/keys/sign",
        "/policy/set",
        "/policy/rule/set",
        "/policy/domain/own",
    ] {
        assert_eq!(
            ada.post(path, &[("path", "limits.connections"), ("value", "1"), ("name", "strict")])
                .code,
            403,
            "{path}"
        );
    }
}

#[test]
fn a_domain_is_made_changed_and_removed_by_page() {
    let house = House::start();
    let mut eva = house.with("eva", &["--role", "admin"]);
    let list = eva.get("/policy/domains");
    is_sound(&list);
    assert!(list.body.contains("href=\"/policy/domain/new\""), "{}", list.body);
    is_sound(&eva.get("/policy/domain/new"));
    let hop = format!("smtp://127.0.0.1:{}", house.hop.port());
    let make = |name: &'static str, hop: &str, more: &[(&'static str, &'static str)]| {
        let fixed =
            [("new", "yes"), ("name", name), ("comment", "they <b>moved</b> in"), ("seen", "1")];
        let fixed = fixed.iter().chain(more).map(|(key, value)| (*key, value.to_string()));
        fixed.chain([("next-hop", hop.to_string())]).collect::<Vec<_>>()
    };
    let post = |eva: &mut Browser, fields: &[(&str, String)]| {
        let fields: Vec<(&str, &str)> =
            fields.iter().map(|(key, value)| (*key, value.as_str())).collect();
        eva.post("/policy/domain/set", &fields)
    };
    let berg = &[("organisation", "berg"), ("recipients", "any")][..];
    // What is wrong stands beside its field, as check-config says it, and what was written stands there still.
    for (name, hop, more, field, part) in [
        ("new.example", "ftp://x", berg, "next-hop", "is no next hop: write"),
        ("new.example", "maildir:/tmp/x", berg, "next-hop", "names something of the machine"),
        (
            "new.example",
            "mx",
            &[("organisation", "berg"), ("recipients", "callout")],
            "recipients",
            "cannot be asked",
        ),
        ("new.example", "mx", &[("recipients", "any")], "organisation", "belongs to none"),
        ("new.example", "mx", &[("policy", "x")], "policy", "there is no policy called"),
        ("a b", "mx", berg, "name", "label"),
        ("acme.example", "mx", berg, "name", "it is a domain of ours already: "),
    ] {
        let wrong = post(&mut eva, &make(name, hop, more));
        assert_eq!(wrong.code, 422, "{hop} {more:?}: {}", wrong.body);
        let said = between(&wrong.body, &format!("id=\"wrong-{field}\">"), "</span>");
        let said = said.unwrap_or_else(|| panic!("nothing beside {field}: {}", wrong.body));
        assert!(said.contains(part), "{field}: {said}");
        assert!(wrong.body.contains(&format!("{hop}</textarea>")), "{}", wrong.body);
    }
    let made = post(&mut eva, &make("New.Example", &hop, berg));
    assert_eq!(made.code, 303, "{}", made.body);
    assert_eq!(made.field("location"), "/policy/domains/new.example");
    let page = eva.get(made.field("location"));
    is_sound(&page);
    assert_eq!(note(&page), "Stored as version 2, and in force.");
    for part in ["version 2", "next-hop\" rows", hop.as_str(), "Remove it"] {
        assert!(page.body.contains(part), "{part}: {}", page.body);
    }
    house.take("kim@new.example");
    wait_for("the mail to arrive", || (house.hop.count() == 1).then_some(()));
    let greet = said(&mut eva, "/policy/domain/greet", &[("name", "new.example")]);
    assert!(greet.contains(" answers: it takes mails"), "{greet}");
    // Another policy; and what somebody else changed meanwhile is not written over.
    let change = |policy: &str, seen: &str| {
        // Next hop and recipients are as by default, so their fields are empty.
        let fields = [("name", "new.example"), ("policy", policy), ("seen", seen)];
        let same = [("organisation", "berg"), ("comment", "stricter")];
        let fields = fields.iter().chain(&same);
        fields.map(|(key, value)| (*key, value.to_string())).collect::<Vec<_>>()
    };
    assert_eq!(post(&mut eva, &change("strict", "2")).code, 303);
    let late = post(&mut eva, &change("default", "2"));
    assert_eq!(late.code, 422, "{}", late.body);
    assert!(
        note(&late).contains("changed policy of domain new.example with version 3"),
        "{}",
        note(&late)
    );
    assert!(note(&post(&mut eva, &change("strict", "3"))).contains("othing would change"));
    assert!(eva.get("/policy/named/strict").body.contains("/policy/domains/new.example"));
    // Before it goes, a page says what that touches; and there is a way back.
    let sure = eva.get("/policy/domain/sure?name=new.example");
    is_sound(&sure);
    for part in ["Remove new.example?", "came for it in the last 30 days", "0 mails</strong> wait"]
    {
        assert!(sure.body.contains(part), "{part}: {}", sure.body);
    }
    let gone = [("name", "new.example"), ("comment", "they left"), ("seen", "3")];
    assert!(said(&mut eva, "/policy/domain/remove", &gone).contains("version 4, and in force"));
    assert_eq!(eva.get("/policy/domains/new.example").code, 404);
    let send =
        || Client::hello(house.inbound).send("a@far.example", &["kim@new.example"], b"x\r\n");
    let refused = send();
    assert!(refused.is_err() || refused.unwrap().code == 550, "it is not ours any more");
    let back =
        said(&mut eva, "/configuration/revert", &[("version", "4"), ("comment", "they stay")]);
    assert!(back.contains("version 5, and in force"), "{back}");
    house.take("kim@new.example");
    let history = eva.get("/configuration/history").body;
    for part in ["they &#60;b&#62;moved", "stricter", "they left", "they stay"] {
        assert!(history.contains(part), "{part}: {history}");
    }
    let audit = house.run(&["audit", "export"]);
    assert!(audit.contains("domain new.example") && audit.contains("they left"), "{audit}");
    // What the file says of its domains is locked value by value, and they are removed there.
    let locked = eva.get("/policy/domains/acme.example");
    is_sound(&locked);
    for part in ["disabled aria-describedby=\"locked-next-hop\"", "<select name=\"policy\"><option"]
    {
        assert!(locked.body.contains(part), "{part}: {}", locked.body);
    }
    assert!(!locked.body.contains("/policy/domain/sure"), "{}", locked.body);
    let hop = [("name", "acme.example"), ("next-hop", "mx"), ("comment", "x"), ("seen", "5")];
    let wrong = eva.post("/policy/domain/set", &hop);
    assert_eq!(wrong.code, 422);
    let said_there = between(&wrong.body, "id=\"wrong-next-hop\">", "</span>").unwrap();
    assert!(said_there.contains("the file wins"), "{said_there}");
    let away = [("name", "acme.example"), ("when-away", "defer"), ("comment", "x"), ("seen", "5")];
    let stored = eva.post("/policy/domain/set", &away);
    assert_eq!(stored.code, 303, "{}", stored.body);
    let page = eva.get("/policy/domains/acme.example").body;
    assert!(page.contains("<code>&#34;defer&#34;</code>") && page.contains("version 6"), "{page}");
    assert_eq!(eva.get("/policy/domain/sure?name=acme.example").code, 404);
    let fields = [("name", "acme.example"), ("comment", "x")];
    assert!(said(&mut eva, "/policy/domain/remove", &fields).contains("it is removed there"));
}

#[test]
fn whoever_sees_one_organisation_chooses_among_its_policies_and_changes_nothing_else() {
    let house = House::start();
    house.run(&["domain", "add", "second.example", "--organisation", "berg", "--policy", "strict"]);
    house.run(&["config", "set", "policy.mild", "{ mark = 4.0 }"]);
    let mut ulf = house.with("ulf", &["--role", "domain-admin", "--organisation", "berg"]);
    let page = ulf.get("/policy/domains/berg.example");
    is_sound(&page);
    assert!(page.body.contains("<option value=\"strict\">strict"), "{}", page.body);
    for part in ["value=\"mild\"", "name=\"next-hop\"", "/policy/domain/sure", "value=\"try\""] {
        assert!(!page.body.contains(part), "{part}: {}", page.body);
    }
    let set = |policy: &'static str, name: &'static str| {
        [
            ("name", name),
            ("policy", policy),
            ("next-hop", "smtp://evil.example"),
            ("comment", "we want it"),
            ("seen", "4000000000"),
            ("do", "store"),
        ]
    };
    assert!(said(&mut ulf, "/policy/domain/set", &set("strict", "berg.example")).contains("force"));
    let now = house.run(&["domain", "show", "berg.example"]);
    assert!(now.contains("policy = \"strict\"") && !now.contains("evil"), "{now}");
    let mild = ulf.post("/policy/domain/set", &set("mild", "berg.example"));
    assert_eq!(mild.code, 422);
    assert!(mild.body.contains("there is no policy called"), "{}", mild.body);
    assert_eq!(ulf.post("/policy/domain/set", &set("strict", "acme.example")).code, 404);
    for path in ["/policy/domain/new", "/policy/domain/sure?name=berg.example"] {
        assert_eq!(ulf.get(path).code, 404, "{path}");
    }
    for path in ["/policy/domain/remove", "/policy/domain/greet"] {
        assert_eq!(ulf.post(path, &[("name", "berg.example")]).code, 404, "{path}");
    }
    // By program it is the same.
    let key = token(&mut ulf);
    let act = |body: &str| call(&house, &key, ("POST", "/api/v1/domains/act"), "", body);
    let hop = act(
        "{\"act\":\"change\",\"name\":\"berg.example\",\"values\":{\"next-hop\":\"mx\"},\"comment\":\"\"}",
    );
    assert_eq!(hop.code, 422, "{}", hop.body);
    assert!(hop.body.contains("next-hop: those who look after the whole site"), "{}", hop.body);
    let change = |why: &str| {
        act(&format!(
            "{{\"act\":\"change\",\"name\":\"berg.example\",\"values\":{{\"policy\":null}},\"comment\":\"{why}\"}}"
        ))
    };
    let silent = change(" ");
    assert!(silent.code == 422 && silent.body.contains("comment: write why"), "{}", silent.body);
    let policy = change("as before");
    assert_eq!(policy.code, 200, "{}", policy.body);
    let gone = act("{\"act\":\"remove\",\"name\":\"berg.example\",\"comment\":\"\"}");
    assert_eq!(gone.code, 404, "{}", gone.body);
}

#[test]
fn programs_make_change_and_remove_domains() {
    let house = House::start();
    let key = token(&mut house.with("eva", &["--role", "admin"]));
    let act = |what: &str, values: &str, seen: u32| {
        let body = format!(
            "{{\"act\":\"{what}\",\"name\":\"new.example\",\"values\":{values},\"comment\":\"by a script\",\"seen\":{seen}}}"
        );
        let done = call(&house, &key, ("POST", "/api/v1/domains/act"), "", &body);
        (done.code, done.body)
    };
    let berg = "{\"organisation\":\"berg\",\"next-hop\":[\"mx\"]}";
    assert_eq!(act("change", berg, 1).0, 404);
    let (code, body) = act("add", "{\"organisation\":\"none\",\"nexthop\":1}", 1);
    assert!(code == 422 && body.contains("nexthop: "), "{body}");
    assert_eq!(act("add", berg, 1), (200, "{\"version\":2,\"after_restart\":[]}".to_string()));
    let history = house.run(&["config", "history"]);
    assert!(history.contains("by a script") && history.contains("eva"), "{history}");
    assert_eq!(act("add", berg, 2).0, 422, "it is there");
    let (code, body) = act("change", "{\"next-hop\":[\"smtp://h.example\"]}", 1);
    assert!(code == 422 && body.contains("eva changed next-hop of domain new.example"), "{body}");
    assert_eq!(
        act("change", "{\"when-away\":\"defer\"}", 2),
        (200, "{\"version\":3,\"after_restart\":[]}".to_string())
    );
    assert_eq!(act("remove", "{}", 3), (200, "{\"version\":4,\"after_restart\":[]}".to_string()));
    assert_eq!(act("remove", "{}", 4).0, 404);
}

#[test]
fn what_differs_by_direction_is_changed_on_the_policys_page() {
    let house = House::start();
    let mut eva = house.with("eva", &["--role", "admin"]);
    let page = eva.get("/policy/named/default");
    is_sound(&page);
    for part in ["<summary>Mail to the world alone", "name=\"inbound.actions.virus\""] {
        assert!(page.body.contains(part), "{part}: {}", page.body);
    }
    let fields = [
        ("name", "default"),
        ("inbound.quarantine", "7,5"),
        ("outbound.spam-at-most", "mark"),
        ("comment", "our own mail is not held"),
        ("seen", "1"),
        ("do", "store"),
    ];
    assert!(said(&mut eva, "/policy/set", &fields).contains("version 2, and in force"));
    let page = eva.get("/policy/named/default");
    is_sound(&page);
    for part in [
        "from 7.5</td><td data-label=\"to the world\" class=\"words\">from 8<",
        "<legend>Mail to the world alone",
        "name=\"inbound.quarantine\" value=\"7.5\"",
    ] {
        assert!(page.body.contains(part), "{part}: {}", page.body);
    }
    let wrong = [("name", "default"), ("outbound.mark", "99"), ("seen", "2"), ("do", "store")];
    let wrong = eva.post("/policy/set", &wrong);
    assert!(beside(&wrong, "outbound.mark").contains("must rise"), "{}", wrong.body);
}

#[test]
fn a_single_finding_holds_a_mail_when_the_policys_page_says_so() {
    let house = House::start();
    let mut eva = house.with("eva", &["--role", "admin"]);
    house.take("bo@berg.example");
    wait_for("the mail to arrive", || (house.hop.count() == 1).then_some(()));
    let fields = |lines: &'static str, seen: &'static str| {
        [
            ("name", "default"),
            ("findings", lines),
            ("mode", "protect"),
            ("comment", "nothing without a date"),
            ("seen", seen),
            ("do", "store"),
        ]
    };
    let wrong = eva.post("/policy/set", &fields("date.nothing quarantine", "1"));
    assert!(beside(&wrong, "findings").contains("othing here makes"), "{}", wrong.body);
    assert!(wrong.body.contains(">date.nothing quarantine</textarea>"), "{}", wrong.body);
    let set = said(&mut eva, "/policy/set", &fields("date.* quarantine", "1"));
    assert!(set.contains("version 2, and in force"), "{set}");
    let page = eva.get("/policy/named/default");
    is_sound(&page);
    for part in ["a finding: date.*</th>", "date.* quarantine</textarea>", "findings.date.*"] {
        assert!(page.body.contains(part), "{part}: {}", page.body);
    }
    let undated = mail("offer").replace("Date:", "X-Date:");
    let mut client = Client::hello(house.inbound);
    let heard = client.send("shop@far.example", &["bo@berg.example"], undated.as_bytes());
    let id = heard.unwrap().id().unwrap();
    wait_for("a held mail", || (house.gateway.quarantine(false).len() == 1).then_some(()));
    wait_for("the line that decided", || {
        let told = String::from_utf8(house.gateway.command(&["trace", &id]).stdout).unwrap();
        told.contains("default: findings say quarantine of this one").then_some(())
    });
    let gone = said(&mut eva, "/policy/set", &fields("", "2"));
    assert!(gone.contains("version 3, and in force"), "{gone}");
    house.take("bo@berg.example");
    wait_for("the mail to arrive", || (house.hop.count() == 2).then_some(()));
}

#[test]
fn what_is_known_of_partners_is_said_and_taken_back() {
    let house = House::start();
    let mut eva = house.with("eva", &["--role", "admin"]);
    is_sound(&eva.get("/policy/partners"));
    let to = "/policy/partners/change";
    let line =
        |act: &'static str, what: &'static str, partner: &'static str, seen: &'static str| {
            [
                ("do", act),
                ("what", what),
                ("partner", partner),
                ("action", "mark"),
                ("comment", "<b>agreed</b>"),
                ("seen", seen),
            ]
        };
    // Both organisations stand in the file, which does not say what they guard.
    let guard = [&line("add", "protected-domains", "bank.example", "1")[..], &[("owner", "acme")]];
    assert!(said(&mut eva, to, &guard.concat()).contains("version 2, and in"));
    let add =
        |eva: &mut Browser, what, partner, seen| said(eva, to, &line("add", what, partner, seen));
    assert!(add(&mut eva, "must-authenticate", "Bank.example", "2").contains("version 3, and in"));
    assert!(add(&mut eva, "domain", "firm.example", "3").contains("version 4, and in force"));
    assert!(add(&mut eva, "domain", "other.example", "3").contains("since this page was made"));
    assert!(add(&mut eva, "domain", "other.example", "4").contains("version 5, and in force"));
    assert!(add(&mut eva, "must-authenticate", "a..b", "5").contains("is no domain"));
    let page = eva.get("/policy/partners");
    is_sound(&page);
    for part in
        ["bank.example</th>", "when DMARC fails: mark", "version 5", "version 3", "version 2"]
    {
        assert!(page.body.contains(part), "{part}: {}", page.body);
    }
    let shown = house.run(&["config", "show", "authentication", "--origin"]);
    assert!(shown.contains("must-authenticate = [\"bank.example\"]"), "{shown}");
    let gone = said(&mut eva, to, &line("remove", "domain", "firm.example", "5"));
    assert!(gone.contains("version 6, and in force"), "{gone}");
    let page = eva.get("/policy/partners?q=example").body;
    assert!(!page.contains("firm.example</th>") && page.contains("other.example</th>"), "{page}");
    // Of the whole site: nobody else sees it, nobody else changes it.
    let mut ulf = house.with("ulf", &["--role", "domain-admin", "--organisation", "acme"]);
    let page = ulf.get("/policy/partners");
    is_sound(&page);
    assert!(page.body.contains("bank.example</th>"), "it is guarded for them: {}", page.body);
    assert!(!page.body.contains("other.example</th>"), "{}", page.body);
    assert_eq!(ulf.post(to, &line("remove", "domain", "other.example", "6")).code, 404);
}

#[test]
fn findings_are_looked_for() {
    let house = House::start();
    let mut eva = house.with("eva", &["--role", "admin"]);
    for (path, part) in [
        ("/policy/rules", "Examples<span class=\"hidden\"> of phrase."),
        ("/policy/rules?q=parcel", "phrase.parcel"),
        ("/policy/rules?kind=signatures&q=eicar", "yara.eicar_test_file"),
        ("/policy/rules?kind=checks&q=attachment", "attachment."),
        ("/policy/rules?kind=checks&skip=50", "<th scope=\"row\""),
        ("/policy/rules?q=%3Cb%3E", "No finding fits."),
    ] {
        let page = eva.get(path);
        is_sound(&page);
        assert!(page.body.contains(part), "{path}: {part}: {}", page.body);
    }
}

/// Asks the API with a token, and with `fields` in its head.
fn call(house: &House, token: &str, request: (&str, &str), fields: &str, body: &str) -> Answer {
    let (method, path) = request;
    let fields = format!(
        "Host: localhost\r\nAuthorization: Bearer {token}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n{fields}",
        body.len()
    );
    ask(house.admin, method, path, &fields, body)
}

#[track_caller]
fn token(browser: &mut Browser) -> String {
    let fields =
        [("label", "a script"), ("days", "30"), ("password", PASSWORD), ("right", "policy")];
    let made = browser.post("/own/tokens/add", &fields).body;
    let letters = between(&made, "<code class=\"letters\">sluss_", "</code>").unwrap();
    format!("sluss_{letters}")
}

#[test]
fn programs_store_values_over_the_version_that_they_have_seen() {
    let house = House::start();
    let token_of = |name: &str, options: &[&str]| token(&mut house.with(name, options));
    let eva = token_of("eva", &["--role", "admin"]);
    let ulf = token_of("ulf", &["--role", "admin", "--organisation", "acme"]);
    let layer = || call(&house, &eva, ("GET", "/api/v1/stored"), "", "");
    assert_eq!((layer().code, layer().field("etag")), (200, "\"1\""));
    let put = |token: &str, path: &str, seen: &str, body: &str| {
        call(&house, token, ("PUT", &format!("/api/v1/stored/{path}")), seen, body)
    };
    let mark = |mark: f64| format!("{{\"value\":{{\"mark\":{mark}}},\"comment\":\"by a script\"}}");
    let path = "policy.mild";
    assert_eq!(put(&eva, path, "", &mark(4.5)).code, 428, "what has it seen?");
    let made = put(&eva, path, "If-Match: \"1\"\r\n", &mark(4.5));
    assert_eq!((made.code, made.field("etag")), (200, "\"2\""), "{}", made.body);
    let late = put(&eva, path, "If-Match: \"1\"\r\n", &mark(3.0));
    assert_eq!(late.code, 412, "{}", late.body);
    assert!(
        layer().body.contains("{\"path\":\"policy.mild\",\"value\":{\"mark\":4.5}}"),
        "{}",
        layer().body
    );
    for (token, path, body, want) in [
        (&eva, path, "{\"value\":99,\"comment\":\"x\"}", 422),
        (&eva, "hostname", "{\"value\":\"x\",\"comment\":\"\"}", 400),
        (&eva, "policy.strict.mark", "{\"value\":1,\"comment\":\"x\"}", 422),
        (
            &eva,
            "domain.berg.example.next-hop",
            "{\"value\":\"maildir:/tmp/x\",\"comment\":\"\"}",
            403,
        ),
        (&ulf, path, "{\"value\":4,\"comment\":\"\"}", 403),
    ] {
        let answer = put(token, path, "If-Match: *\r\n", body);
        assert_eq!(answer.code, want, "{path} {body}: {}", answer.body);
    }
    let of_acme = call(&house, &ulf, ("GET", "/api/v1/stored"), "", "");
    assert!(of_acme.code == 200 && of_acme.body.contains("\"items\":[]"), "{}", of_acme.body);
    assert_eq!(layer().field("etag"), "\"2\"");
    // A change is tried, and nothing is stored.
    let body = "{\"changes\":[{\"path\":\"policy.default.mark\",\"value\":2}]}";
    let begun = call(&house, &eva, ("POST", "/api/v1/replays"), "", body);
    assert_eq!(begun.code, 200, "{}", begun.body);
    let id = between(&begun.body, "\"id\":\"", "\"").unwrap().to_string();
    let one = format!("/api/v1/replays?id={id}");
    let done = wait_for("the replay", || {
        let answer = call(&house, &eva, ("GET", &one), "", "");
        answer.body.contains("\"state\":\"done\"").then_some(answer)
    });
    assert!(done.body.contains("\"stopped_more\":0"), "{}", done.body);
    assert_eq!(layer().field("etag"), "\"2\"");
    let null = "{\"value\":null,\"comment\":\"no longer\"}";
    let forget = put(&eva, "policy.mild.mark", "If-Match: \"2\"\r\n", null);
    assert_eq!(forget.field("etag"), "\"3\"", "{}", forget.body);
}

#[test]
fn a_rule_is_added_by_page_holds_a_mail_with_its_reason_and_is_rolled_back() {
    let house = House::start();
    let mut eva = house.with("eva", &["--role", "admin"]);
    // Berg's policies are on trial otherwise.
    house.run(&["config", "set", "policy.default.mode", "protect"]);
    house.take("bo@berg.example");
    wait_for("the mail to arrive", || (house.hop.count() == 1).then_some(()));
    let page = eva.get("/policy/named/default");
    is_sound(&page);
    assert!(page.body.contains("Add a rule"), "{}", page.body);
    let version = seen(&page);
    let with = |more: &[(&'static str, &'static str)], version: &str| -> Vec<(String, String)> {
        let all = [("name", "default"), ("rule", "offers"), ("comment", "as agreed")];
        let mut fields: Vec<(String, String)> = all
            .iter()
            .chain(more)
            .map(|(key, value)| (key.to_string(), value.to_string()))
            .collect();
        fields.push(("seen".to_string(), version.to_string()));
        fields
    };
    let post = |eva: &mut Browser, fields: &[(String, String)]| {
        let fields: Vec<(&str, &str)> =
            fields.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
        eva.post("/policy/rule/set", &fields)
    };
    // What makes no sense is said, and what was written stands there still.
    let wrong = post(
        &mut eva,
        &with(&[("new", "yes"), ("from", "far.example"), ("do", "store")], &version),
    );
    let said_there = beside(&wrong, "action");
    assert!(said_there.contains("Choose what is done at least"), "{said_there}");
    assert!(wrong.body.contains(">far.example</textarea>"), "{}", wrong.body);
    // What reads well and cannot be meant is told too, and by program.
    for (key, value, want) in [
        ("finding", "attachment.macros", "did you mean attachment.macro?"),
        ("until", "2020-01-31", "2020-01-31 is over"),
        ("weekdays", "satturday", "did you mean saturday?"),
    ] {
        let more = [
            ("new", "yes"),
            ("from", "far.example"),
            ("action", "mark"),
            ("reason", "x"),
            ("do", "store"),
            (key, value),
        ];
        let wrong = post(&mut eva, &with(&more, &version));
        assert!(beside(&wrong, key).contains(want), "{}", wrong.body);
    }
    let over = house.gateway.command(&[
        "config",
        "set",
        "policy.default.rules.old",
        "{ hours = \"01:00-02:00\", until = \"2020-01-31\", action = \"mark\", reason = \"x\" }",
    ]);
    let over = String::from_utf8_lossy(&over.stderr).into_owned();
    assert!(over.contains("policy.default.rules.old.until: 2020-01-31 is over"), "{over}");
    // It is tried on what came.
    let rule = [
        ("new", "yes"),
        ("from", ".far.example"),
        ("subject", "OFFER"),
        ("action", "quarantine"),
        ("reason", "Offers wait for the purchaser"),
    ];
    let trial = with(&[&rule[..], &[("do", "try")]].concat(), &version);
    let report = wait_for("mail in the trace", || {
        let begun = post(&mut eva, &trial);
        assert_eq!(begun.code, 303, "{}", begun.body);
        let at = begun.field("location").to_string();
        let done = wait_for("the replay", || {
            let page = eva.get(&at);
            (!page.body.contains("data-again")).then_some(page)
        });
        done.body.contains("stopped <strong>1</strong> more").then_some(done)
    });
    is_sound(&report);
    let line = "default: rules.offers.action = &#34;quarantine&#34;";
    assert!(report.body.contains(line), "{}", report.body);
    // What is not kept of a mail cannot be tried.
    let body = with(
        &[("new", "yes"), ("body", "gift"), ("action", "mark"), ("reason", "x"), ("do", "try")],
        &version,
    );
    let begun = post(&mut eva, &body).field("location").to_string();
    let done = wait_for("the replay", || {
        let page = eva.get(&begun);
        (!page.body.contains("data-again")).then_some(page)
    });
    for part in [
        "<strong>cannot be counted</strong>",
        "the rule offers asks for “Words in the text”, of which nothing is kept",
    ] {
        assert!(done.body.contains(part), "{part}: {}", done.body);
    }
    assert!(!done.body.contains("stopped <strong>0</strong> more"), "{}", done.body);
    // In force it holds such a mail, and says why.
    let stored = post(&mut eva, &with(&[&rule[..], &[("do", "store")]].concat(), &version));
    assert_eq!(stored.code, 303, "{}", stored.body);
    let page = eva.get("/policy/named/default");
    is_sound(&page);
    for part in [
        "From .far.example, with the subject &#34;OFFER&#34;: hold",
        "Offers wait for the purchaser",
        "/policy/named/default?rule=offers#rule",
    ] {
        assert!(page.body.contains(part), "{part}: {}", page.body);
    }
    let form = eva.get("/policy/named/default?rule=offers");
    is_sound(&form);
    assert!(form.body.contains("<option selected>quarantine"), "{}", form.body);
    house.take("bo@berg.example");
    let held = wait_for("a held mail", || house.gateway.quarantine(false).first().cloned());
    let id = held["id"].as_str().unwrap().to_string();
    let page = eva.get(&format!("/held/{id}"));
    for part in [
        "rule.offers",
        "Offers wait for the purchaser",
        "A rule of the policy holds for this mail.",
        line,
    ] {
        assert!(page.body.contains(part), "{part}: {}", page.body);
    }
    let transaction = held["transaction"].as_str().unwrap().to_string();
    let story = wait_for("its trace", || {
        let page = eva.get(&format!("/trace/{transaction}"));
        (page.code == 200).then_some(page)
    });
    for part in ["decided by rule.offers", "policy default: Offers wait", line] {
        assert!(story.body.contains(part), "{part}: {}", story.body);
    }
    // Back, and the next one passes.
    house.run(&["config", "revert", "--to", &version]);
    assert!(!eva.get("/policy/named/default").body.contains("rule=offers"));
    let before = house.hop.count();
    house.take("bo@berg.example");
    wait_for("the next mail", || (house.hop.count() == before + 1).then_some(()));
    // Nobody else adds one to a policy that others have.
    let mut ulf = house.with("ulf", &["--role", "domain-admin", "--organisation", "acme"]);
    let fields = [
        ("name", "strict"),
        ("rule", "x"),
        ("new", "yes"),
        ("subject", "x"),
        ("action", "mark"),
        ("reason", "x"),
        ("do", "store"),
    ];
    let mut liv = house.with("liv", &["--role", "domain-admin", "--organisation", "berg"]);
    assert_eq!(liv.post("/policy/rule/set", &fields).code, 404);
    // The file's policy takes a rule beside what the file says, from whoever has it alone.
    assert_eq!(ulf.post("/policy/rule/set", &fields).code, 303);
    let again = eva.post("/policy/rule/set", &fields);
    assert!(beside(&again, "rule").contains("There is a rule x already"), "{}", again.body);
}

#[test]
fn programs_store_rules_as_they_store_policies() {
    let house = House::start();
    let eva = token(&mut house.with("eva", &["--role", "admin"]));
    let put = |value: &str| {
        let body = format!("{{\"value\":{value},\"comment\":\"by a script\"}}");
        let path = "/api/v1/stored/policy.default.rules.night";
        call(&house, &eva, ("PUT", path), "If-Match: *\r\n", &body)
    };
    let wrong = put("{\"hours\":\"18-06\",\"action\":\"quarantine\",\"reason\":\"x\"}");
    assert_eq!(wrong.code, 422, "{}", wrong.body);
    assert!(wrong.body.contains("18:00-06:00"), "{}", wrong.body);
    let made = put("{\"hours\":\"00:00-23:59\",\"weight\":2,\"reason\":\"At night\"}");
    assert_eq!(made.code, 200, "{}", made.body);
    let shown = house.run(&["config", "show", "policy", "--origin"]);
    assert!(shown.contains("At night") && shown.contains("stored, version"), "{shown}");
    assert_eq!(put("null").code, 200);
}
