//! What is operated by page, in the real program: the queue, limits, bans, held accounts, reports, trials, the stored configuration,
//! keys and memories; and that nobody sees or does there what is not theirs.

// Real time, and failing loudly, is what these tests are for.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, clippy::disallowed_methods)]

mod common;

use common::{
    Client, Gateway, Hop, Manner, NOW, eicar, free_port, wait_for,
    web::{Answer, Browser, between},
};
use std::{fs, time::SystemTime};

/// Two organisations, a smarthost that is away, and a server behind that takes everything.
struct House {
    gateway: Gateway,
    hop: Hop,
    admin: u16,
    inbound: u16,
    outbound: u16,
}

impl House {
    fn start(more: &str) -> House {
        let hop = Hop::start(Manner::default());
        let (admin, inbound, outbound, nobody) =
            (free_port(), free_port(), free_port(), free_port());
        let gateway = Gateway::start(&format!(
            "hostname = \"mx.ours.example\"\n\
             [[listener]]\nname = \"in\"\nbind = \"127.0.0.1:{inbound}\"\ndirection = \"inbound\"\n\
             [[listener]]\nname = \"out\"\nbind = \"127.0.0.1:{outbound}\"\ndirection = \"outbound\"\n\
             [[organisation]]\nname = \"acme\"\nnetworks = [\"127.0.0.0/8\"]\n[[organisation]]\nname = \"berg\"\n\
             [[domain]]\nname = \"acme.example\"\norganisation = \"acme\"\nnext-hop = \"smtp://127.0.0.1:{hop}\"\nrecipients = \"any\"\npolicy = \"trial\"\n\
             [[domain]]\nname = \"acme2.example\"\norganisation = \"acme\"\nnext-hop = \"smtp://127.0.0.1:{hop}\"\nrecipients = \"any\"\n\
             [[domain]]\nname = \"berg.example\"\norganisation = \"berg\"\nnext-hop = \"smtp://127.0.0.1:{hop}\"\nrecipients = \"any\"\npolicy = \"trial\"\n\
             [[policy]]\nname = \"trial\"\nmode = \"shadow\"\n\
             [outbound]\nsmarthost = \"smtp://127.0.0.1:{nobody}\"\ntls = \"off\"\n\
             [web]\nadmin = \"127.0.0.1:{admin}\"\n{more}",
            hop = hop.port()
        ));
        House { gateway, hop, admin, inbound, outbound }
    }

    fn with(&self, name: &str, options: &[&str]) -> Browser {
        Browser::of_account(&self.gateway, self.admin, name, options)
    }

    /// Somebody was tried, and nobody is under way: the smarthost is known to be away.
    #[track_caller]
    fn settled(&self) {
        wait_for("the queue to rest", || {
            let legs = self.gateway.queue();
            let tried = legs.iter().any(|leg| leg["tries"] != 0);
            (tried && legs.iter().all(|leg| leg["under_way"] == false)).then_some(())
        });
    }

    fn admin(&self) -> Browser {
        self.with("eva", &["--role", "admin"])
    }

    /// Sends a mail from acme to the world, where nobody is; gives its id.
    #[track_caller]
    fn send_out(&self, from: &str, to: &str) -> String {
        let mail = format!(
            "From: Karin <{from}>\r\nSubject: <b>harbour</b>\u{202e}\r\nDate: {NOW}\r\nMessage-ID: <{to}>\r\n\r\nHello.\r\n"
        );
        let heard = Client::hello(self.outbound).send(from, &[to], mail.as_bytes()).unwrap();
        assert_eq!(heard.code, 250, "{heard:?}");
        heard.id().unwrap()
    }
}

/// What the page that an act leads to says.
#[track_caller]
fn said(browser: &mut Browser, path: &str, fields: &[(&str, &str)]) -> String {
    let answer = browser.post(path, fields);
    assert_eq!(answer.code, 303, "{path}: {}", answer.body);
    let to = answer.field("location").to_string();
    let page = browser.get(&to).body;
    let note = between(&page, "role=\"status\">", "</p>");
    note.unwrap_or_else(|| panic!("{path} said nothing: {page}")).to_string()
}

/// Pages and their form fields as text, so that a hole in escaping shows.
#[track_caller]
fn is_sound(answer: &Answer) {
    assert_eq!(answer.code, 200, "{}", answer.body);
    assert!(answer.body.len() < 100_000, "{} bytes", answer.body.len());
    for sign in ["<b>", "style=", "onclick", "\u{202e}"] {
        assert!(!answer.body.contains(sign), "{sign:?} in {}", answer.body);
    }
}

#[test]
fn the_queue_is_looked_at_and_changed() {
    let house = House::start("");
    let mut eva = house.admin();
    assert!(eva.get("/queue/mails").body.contains("Nothing waits."));
    let one = house.send_out("karin@acme.example", "bo@far.example");
    let two = house.send_out("anna@acme.example", "ulf@far.example");
    house.settled();
    let queue = eva.get("/queue");
    is_sound(&queue);
    assert!(queue.body.contains("<dt>waiting</dt><dd>2</dd>"), "{}", queue.body);
    assert!(queue.body.contains("/queue/mails?next_hop=smtp"), "{}", queue.body);
    // A list, narrowed; one mail.
    let list = eva.get("/queue/mails?sender=KARIN%40");
    is_sound(&list);
    assert!(list.body.contains(&one) && !list.body.contains(&two), "{}", list.body);
    let mail = eva.get(&format!("/queue/mail/{one}"));
    is_sound(&mail);
    for part in ["&#60;b&#62;harbour", "bo@far.example", "tries", "karin@acme.example"] {
        assert!(mail.body.contains(part), "{part}: {}", mail.body);
    }
    for nobody in ["x", "01K9ZQ4T6X8M4V0R2S5W7Y9ABC"] {
        assert_eq!(eva.get(&format!("/queue/mail/{nobody}")).code, 404);
    }
    // Asking what an act would touch touches nothing.
    let sure = eva.post("/queue/sure", &[("do", "hold"), ("id", &one)]);
    is_sound(&sure);
    assert!(sure.body.contains("Hold back: 1 mail?"), "{}", sure.body);
    let held = || house.gateway.queue().iter().filter(|leg| leg["on_hold"] == true).count();
    assert_eq!(held(), 0);
    assert_eq!(said(&mut eva, "/queue/act", &[("do", "hold"), ("id", &one)]), "1 mail: on hold.");
    assert_eq!(held(), 1);
    assert!(eva.get("/queue/mails?on_hold=yes").body.contains(&one));
    // All that match, of what was here when it was asked.
    let sure = eva.post("/queue/sure", &[("do", "drop"), ("which", "all"), ("sender", "acme")]);
    assert!(sure.body.contains("Drop for good: 2 mails?"), "{}", sure.body);
    let until = between(&sure.body, "name=\"until\" value=\"", "\"").unwrap().to_string();
    let three = house.send_out("new@acme.example", "bo@far.example");
    let fields = [("do", "drop"), ("which", "all"), ("sender", "acme"), ("until", until.as_str())];
    house.settled();
    assert_eq!(said(&mut eva, "/queue/act", &fields), "2 mails: dropped.");
    let left = house.gateway.queue();
    assert!(left.len() == 1 && left[0]["id"] == three, "{left:?}");
    assert_eq!(
        said(&mut eva, "/queue/act", &[("do", "release"), ("id", &three)]),
        "1 mail: let go."
    );
    for fields in [&[("do", "drop")][..], &[("id", &three)], &[("do", "drop"), ("id", &one)]] {
        let answer = said(&mut eva, "/queue/sure", fields);
        assert!(answer.contains("chosen") || answer.contains("None of these"), "{answer}");
    }
}

#[test]
fn a_long_queue_is_shown_by_the_page() {
    let house = House::start("");
    let ids: Vec<String> = (0..60)
        .map(|number| house.send_out("karin@acme.example", &format!("p{number}@far.example")))
        .collect();
    let mut eva = house.admin();
    let first = eva.get("/queue/mails?sender=karin");
    is_sound(&first);
    let next = between(&first.body, "<a href=\"/queue/mails?", "\">Next page").unwrap();
    let next = format!("/queue/mails?{}", next.replace("&#38;", "&"));
    assert!(next.contains("sender=karin"), "{next}");
    let second = eva.get(&next);
    for (number, id) in ids.iter().enumerate() {
        let link = format!("/queue/mail/{id}");
        let seen = (first.body.contains(&link), second.body.contains(&link));
        assert_eq!(seen, (number < 50, number >= 50), "{number}");
    }
    assert!(!second.body.contains("Next page"));
}

#[test]
fn strangers_are_turned_away_and_let_in_again() {
    let house = House::start("");
    let mut eva = house.admin();
    for (fields, want) in [
        (&[("what", "192.0.2.7"), ("for", "day")][..], "Say why"),
        (&[("what", "192.0.2.7"), ("why", "x")], "Choose for how long"),
        (&[("what", "everybody"), ("for", "day"), ("why", "x")], "is no address and no network"),
    ] {
        let note = said(&mut eva, "/bans/add", fields);
        assert!(note.contains(want), "{note}");
    }
    let fields = [("what", "192.0.2.0/24"), ("for", "week"), ("why", "<b>guessing</b>")];
    assert_eq!(said(&mut eva, "/bans/add", &fields), "192.0.2.0/24 is turned away.");
    let page = eva.get("/bans");
    is_sound(&page);
    assert!(page.body.contains("guessing&#60;/b&#62; (eva)"), "{}", page.body);
    assert!(eva.get("/bans?part=198.51").body.contains("No ban is like that"));
    assert!(eva.get("/operate").body.contains("1 hold"));
    // A narrower ban is lifted alone, and the wider one around it is named.
    let narrow = [("what", "192.0.2.7"), ("for", "week"), ("why", "knocks")];
    assert_eq!(said(&mut eva, "/bans/add", &narrow), "192.0.2.7/32 is turned away.");
    assert_eq!(
        said(&mut eva, "/bans/lift", &[("what", "192.0.2.7")]),
        "1 ban lifted. A wider ban holds it still, of 192.0.2.0/24: lift that one to let it in."
    );
    let by_command = house.gateway.command(&["bans", "lift", "192.0.2.7"]);
    let told = String::from_utf8_lossy(&by_command.stderr).into_owned();
    assert!(!by_command.status.success() && told.contains("of 192.0.2.0/24"), "{told}");
    assert_eq!(said(&mut eva, "/bans/lift", &[("what", "192.0.2.0/24")]), "1 ban lifted.");
    assert!(said(&mut eva, "/bans/lift", &[("what", "192.0.2.9")]).starts_with("No ban holds for"));
    // What was typed stands in the form again, which is sent once more with what was wrong put right.
    let wrong = [("what", "192.0.2.0/99"), ("for", "week"), ("why", "it \"knocks\"")];
    assert_eq!(eva.post("/bans/add", &wrong).code, 303);
    let again = eva.get("/bans").body;
    for kept in ["value=\"192.0.2.0/99\"", "value=\"week\" selected", "it &#34;knocks&#34;"] {
        assert!(again.contains(kept), "{kept}: {again}");
    }
    assert!(!eva.get("/bans").body.contains("192.0.2.0/99"), "once");

    assert!(said(&mut eva, "/greylist/skip", &[("what", "a b")]).contains("is no address"));
    let note = said(&mut eva, "/greylist/skip", &[("what", "Far.example")]);
    assert_eq!(note, "Far.example is not greylisted any more.");
    let page = eva.get("/greylist");
    is_sound(&page);
    assert!(page.body.contains("<code>far.example</code>"), "{}", page.body);
    assert!(said(&mut eva, "/greylist/clear", &[]).contains("mark that all of it is meant"));
    assert_eq!(said(&mut eva, "/greylist/clear", &[("what", "far.example")]), "1 row forgotten.");

    // Somebody speaks another protocol; it is told of, newest first.
    let mut client = Client::hello(house.inbound);
    let _answer = client.ask("GET / HTTP/1.1");
    let row = wait_for("the event", || {
        let page = eva.get("/events?kind=command.");
        page.body.contains("command.other_protocol").then_some(page)
    });
    is_sound(&row);
    assert!(row.body.contains("/events?client=127.0.0.1"), "{}", row.body);
    assert!(!eva.get("/events?kind=helo.").body.contains("other_protocol"));
    assert!(eva.get("/events?client=nobody").body.contains("Nobody is no address."));
}

#[test]
fn who_met_a_limit_and_what_is_held_for_it() {
    let more = "[limits]\nhold-accounts = true\ntransactions-per-minute = 3\nnew-account-recipients-per-hour = 1\n";
    let house = House::start(more);
    let mut eva = house.admin();
    for _ in 0..5 {
        let mut client = Client::hello(house.inbound);
        let _answer = client.ask("MAIL FROM:<anna@far.example>");
    }
    let page = eva.get("/limits");
    is_sound(&page);
    assert!(page.body.contains("transactions-per-minute"), "{}", page.body);
    assert!(page.body.contains("127.0.0.1"), "{}", page.body);
    assert!(said(&mut eva, "/limits/release", &[]).contains("Say whose"));
    assert!(said(&mut eva, "/limits/release", &[("what", "all")]).contains("Mark that"));
    assert!(
        said(&mut eva, "/limits/release", &[("what", "nobody")]).contains("Nothing is counted")
    );
    let note = said(&mut eva, "/limits/release", &[("what", "127.0.0.1")]);
    assert!(note.starts_with("127.0.0.1: ") && note.ends_with("forgotten."), "{note}");
    assert!(eva.get("/senders").body.contains("No account is held."));
    assert!(said(&mut eva, "/senders/release", &[("account", "x")]).contains("No account"));
}

#[test]
fn a_held_account_is_shown_with_its_cause_and_let_go_with_one_press() {
    let house = House::start("[limits]\nhold-accounts = true\n");
    let mut eva = house.admin();
    let mail = format!("From: karin@acme.example\r\nSubject: x\r\n\r\n{}\r\n", eicar());
    for _ in 0..3 {
        let mut client = Client::hello(house.outbound);
        let _refused = client.send("karin@acme.example", &["bo@far.example"], mail.as_bytes());
    }
    let page = wait_for("the account to be held", || {
        let page = eva.get("/senders");
        page.body.contains("3 of its mails within a day had malware").then_some(page)
    });
    is_sound(&page);
    let id = house.send_out("karin@acme.example", "ulf@far.example");
    let page = eva.get("/senders");
    assert!(page.body.contains(&format!("/queue/mail/{id}")), "{}", page.body);
    assert!(eva.get(&format!("/queue/mail/{id}")).body.contains("account karin@acme.example/"));
    assert!(eva.get("/operate").body.contains("1 held"));
    let account = between(&page.body, "name=\"account\" value=\"", "\"").unwrap().to_string();
    let note = said(&mut eva, "/senders/release", &[("account", &account)]);
    assert_eq!(note, format!("{account} goes on; 1 mail let go."));
    assert!(eva.get("/senders").body.contains("No account is held."));
}

/// What a receiver saw of a domain.
fn report(domain: &str, records: &[(&str, u32, &str)]) -> String {
    let records: String = records
        .iter()
        .map(|(source, count, passes)| {
            format!(
                "<record><row><source_ip>{source}</source_ip><count>{count}</count><policy_evaluated><disposition>none</disposition>\
                 <dkim>{passes}</dkim><spf>fail</spf></policy_evaluated></row><identifiers><header_from>{domain}</header_from></identifiers>\
                 <auth_results><spf><domain>bounce.{domain}</domain><result>fail</result></spf></auth_results></record>"
            )
        })
        .collect();
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
    format!(
        "<?xml version=\"1.0\"?>\n<feedback><report_metadata><org_name>far.example</org_name><report_id>{domain}</report_id>\
         <date_range><begin>{}</begin><end>{}</end></date_range></report_metadata>\
         <policy_published><domain>{domain}</domain><p>none</p></policy_published>{records}</feedback>",
        now - 90_000,
        now - 3_600
    )
}

#[test]
fn reports_are_seen_by_whose_domains_they_are_about() {
    let house = House::start("");
    let folder = tempfile::tempdir().unwrap();
    for (domain, records) in [
        ("acme.example", &[("192.0.2.1", 30, "pass"), ("192.0.2.9", 10, "fail")][..]),
        ("acme2.example", &[("192.0.2.2", 5, "pass")]),
        ("berg.example", &[("192.0.2.3", 7, "fail")]),
    ] {
        fs::write(folder.path().join(format!("{domain}.xml")), report(domain, records)).unwrap();
    }
    let done = house.gateway.command(&["reports", "import", folder.path().to_str().unwrap()]);
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    let of_domain =
        ["--role", "domain-admin", "--organisation", "acme", "--domain", "acme2.example"];
    for (name, options, seen) in [
        ("eva", &["--role", "admin"][..], ["192.0.2.1", "192.0.2.2", "192.0.2.3"].map(|_| true)),
        ("bo", &["--role", "helpdesk", "--organisation", "acme"], [true, true, false]),
        ("ulf", &of_domain, [false, true, false]),
        ("kim", &["--role", "admin", "--organisation", "berg"], [false, false, true]),
    ] {
        let mut browser = house.with(name, options);
        for query in ["", "?domain=berg.example", "?domain=acme.example&failing=yes", "?skip=1"] {
            let page = browser.get(&format!("/reports{query}"));
            is_sound(&page);
            for (source, seen) in ["192.0.2.1<", "192.0.2.2<", "192.0.2.3<"].iter().zip(seen) {
                let shown = page.body.contains(source);
                assert!(seen || !shown, "{name} {query} sees {source}: {}", page.body);
                assert!(!query.is_empty() || seen == shown, "{name} {source}: {}", page.body);
            }
        }
        is_sound(&browser.get("/reports/complaints"));
        is_sound(&browser.get("/reports/undelivered"));
        is_sound(&browser.get("/reports/tls"));
    }
    let mut eva = Browser::new(house.admin);
    eva.log_in("eva", common::web::PASSWORD);
    let page = eva.get("/reports?domain=acme.example").body;
    assert!(page.contains("40 mails of 2 sources; <strong>75 % passed</strong>"), "{page}");
    assert!(page.contains("Under <code>p=reject</code>, 10 would be refused"), "{page}");
    assert!(page.contains("aria-label=\"30 passed (75 %), 10 failed (25 %)\""), "{page}");
    let failing = eva.get("/reports?failing=yes").body;
    assert!(!failing.contains("192.0.2.1<") && failing.contains("192.0.2.9<"), "{failing}");
}

#[test]
fn a_trial_is_told_in_numbers_to_whose_mail_it_was() {
    let house = House::start("");
    let mail = format!("From: anna@far.example\r\nSubject: x\r\n\r\n{}\r\n", eicar());
    for to in ["bo@acme.example", "bo@berg.example"] {
        let mut client = Client::hello(house.inbound);
        let heard = client.send("anna@far.example", &[to], mail.as_bytes()).unwrap();
        assert_eq!(heard.code, 250, "{heard:?}");
    }
    assert_eq!(house.hop.taken().len(), 2, "a policy in shadow stops nothing");
    let mut eva = house.admin();
    let page = wait_for("the trace", || {
        let page = eva.get("/trial");
        page.body.contains("Of <strong>2</strong> mails").then_some(page)
    });
    is_sound(&page);
    assert!(page.body.contains("2 refused and"), "{}", page.body);
    assert!(page.body.contains("<a href=\"/trace/"), "{}", page.body);
    let of_acme = eva.get("/trial?organisation=acme&days=7").body;
    assert!(of_acme.contains("Of <strong>1</strong> mails"), "{of_acme}");
    // Whatever it asks for, an organisation's account is told of its own.
    let mut bo = house.with("bo", &["--role", "admin", "--organisation", "acme"]);
    for path in ["/trial", "/trial?organisation=berg", "/trial?organisation="] {
        let page = bo.get(path).body;
        assert!(page.contains("Of <strong>1</strong> mails"), "{path}: {page}");
        assert!(!page.contains("berg"), "{path}: {page}");
    }
    let part = ["--role", "domain-admin", "--organisation", "acme", "--domain", "acme2.example"];
    let page = house.with("ulf", &part).get("/trial").body;
    assert!(page.contains("numbers of a whole organisation") && !page.contains("mails,"), "{page}");
}

#[test]
fn the_configuration_is_shown_with_its_origins_changed_and_put_back() {
    let house = House::start("[limits]\nconnections = 321\n");
    let mut eva = house.admin();
    let page = eva.get("/configuration");
    is_sound(&page);
    assert!(page.body.contains("Nothing is stored"), "{}", page.body);
    let page = eva.get("/configuration?under=limits").body;
    assert!(
        page.contains("limits.connections</th>") && page.contains("<code>321</code>"),
        "{page}"
    );
    assert!(page.contains("<span class=\"tag mind\">locked</span>"), "{page}");
    // What the file says is locked; what makes no sense is refused with its place; what names files is set elsewhere.
    for (path, value, want) in [
        ("limits.connections", "500", "is locked"),
        ("limits.nonsense", "5", "unknown field"),
        ("limits.transactions-per-minute", "many", "nothing was stored"),
        ("web.admin", "0.0.0.0:1", "It belongs in the file"),
        ("outbound.smarthost-password-file", "/etc/passwd", "names something of the machine"),
        ("policy.new", "{ x = 1 }", "nothing was stored"),
        ("limits.users", "", "Write a value"),
    ] {
        let fields = [("path", path), ("value", value), ("comment", "x")];
        let note = said(&mut eva, "/configuration/set", &fields);
        assert!(note.to_lowercase().contains(&want.to_lowercase()), "{path}: {note}");
    }
    let fields = [
        ("path", "limits.transactions-per-minute"),
        ("value", "77"),
        ("comment", "<b>as agreed</b>"),
    ];
    let note = said(&mut eva, "/configuration/set", &fields);
    assert_eq!(note, "Stored as version 1, and in force.");
    let shown = house.gateway.command(&["config", "show", "limits.transactions-per-minute"]);
    assert_eq!(String::from_utf8_lossy(&shown.stdout), "77\n");
    let page = eva.get("/configuration");
    is_sound(&page);
    assert!(page.body.contains("version 1 by eva") && page.body.contains("<code>77</code>"));
    let history = eva.get("/configuration/history");
    is_sound(&history);
    assert!(history.body.contains("as agreed&#60;/b&#62;"), "{}", history.body);
    let fields = [("path", "limits.transactions-per-minute"), ("value", "88"), ("comment", "x")];
    assert_eq!(said(&mut eva, "/configuration/set", &fields), "Stored as version 2, and in force.");
    let version = eva.get("/configuration/version/2");
    is_sound(&version);
    for line in ["limits.transactions-per-minute = 77", "limits.transactions-per-minute = 88"] {
        assert!(version.body.contains(line), "{line}: {}", version.body);
    }
    for path in ["/configuration/version/3", "/configuration/version/x", "/configuration/version/0"]
    {
        assert_eq!(eva.get(path).code, 404, "{path}");
    }
    // Why is asked for, and what was typed stays.
    for (act, fields) in [
        ("/configuration/set", &[("path", "limits.connections"), ("value", "777")][..]),
        ("/configuration/unset", &[("path", "limits.transactions-per-minute"), ("comment", " ")]),
        ("/configuration/revert", &[("version", "2"), ("how", "undo")]),
    ] {
        assert!(said(&mut eva, act, fields).contains("Write in Why what this is for"), "{act}");
    }
    let failed = eva.post("/configuration/set", &[("path", "limits.users"), ("value", "777")]);
    let again = eva.get(failed.field("location")).body;
    assert!(again.contains("value=\"limits.users\"") && again.contains("value=\"777\""), "{again}");
    // Undone, put back, forgotten.
    let note = said(
        &mut eva,
        "/configuration/revert",
        &[("version", "1"), ("how", "undo"), ("comment", "x")],
    );
    for part in [
        "Version 1 cannot be undone: eva changed limits.transactions-per-minute again",
        "with version 2. Undo version 2 first",
    ] {
        assert!(note.contains(part), "{part}: {note}");
    }
    assert!(!note.contains("--"), "no option of a command: {note}");
    let note = said(
        &mut eva,
        "/configuration/revert",
        &[("version", "2"), ("how", "undo"), ("comment", "x")],
    );
    assert_eq!(note, "Stored as version 3, and in force.");
    assert!(eva.get("/configuration").body.contains("<code>77</code>"));
    let note = said(
        &mut eva,
        "/configuration/unset",
        &[("path", "limits.transactions-per-minute"), ("comment", "x")],
    );
    assert_eq!(note, "Stored as version 4, and in force.");
    assert!(eva.get("/configuration").body.contains("Nothing is stored"));
    let note = said(
        &mut eva,
        "/configuration/revert",
        &[("version", "2"), ("how", "to"), ("comment", "x")],
    );
    assert_eq!(note, "Stored as version 5, and in force.");
    assert!(eva.get("/configuration").body.contains("<code>88</code>"));
    // Whoever sees one organisation sees what is its own, and nothing of the site's.
    let mut bo = house.with("bo", &["--role", "admin", "--organisation", "acme"]);
    for path in ["/configuration", "/configuration?under=limits", "/configuration/history"] {
        let page = bo.get(path);
        is_sound(&page);
        let is_history = path.ends_with("history");
        let part = if is_history {
            "Nothing of yours was ever stored."
        } else {
            "not shown to your account"
        };
        assert!(page.body.contains(part), "{path}: {}", page.body);
        assert!(
            !page.body.contains("transactions-per-minute") && !page.body.contains("321"),
            "{path}"
        );
    }
    assert_eq!(bo.get("/configuration/version/2").code, 404);
    for (path, fields) in [
        ("/configuration/set", &[("path", "limits.users"), ("value", "1")][..]),
        ("/configuration/unset", &[("path", "limits.transactions-per-minute")]),
        ("/configuration/revert", &[("version", "5"), ("how", "undo")]),
    ] {
        assert_eq!(bo.post(path, fields).code, 404, "{path}");
    }
    assert!(eva.get("/configuration").body.contains("<code>88</code>"));
}

#[test]
fn what_waits_for_a_restart_is_not_said_to_be_in_force() {
    let house = House::start("");
    let mut eva = house.admin();
    let servers = [("path", "dns.servers"), ("value", "[\"127.0.0.1:5353\"]"), ("comment", "new")];
    let note = said(&mut eva, "/configuration/set", &servers);
    assert_eq!(note, "Stored as version 1; in force only after a restart: dns.servers.");
    let page = eva.get("/configuration").body;
    assert!(page.contains("a change waits for a restart"), "{page}");
    let waits = "changed, but in force only after a restart: dns.servers";
    assert!(eva.get("/").body.contains(waits), "{}", eva.get("/").body);
    // The command says the same, and what is none of that is in force at once.
    let shown = house.gateway.command(&["config", "show", "dns.servers", "--json"]);
    let shown = String::from_utf8_lossy(&shown.stdout).into_owned();
    assert!(shown.contains("\"effect\":\"restart\""), "{shown}");
    let live = [("path", "dns.sender-domains"), ("value", "false"), ("comment", "quiet")];
    let note = said(&mut eva, "/configuration/set", &live);
    assert_eq!(note, "Stored as version 2, and in force.");
    // As it was when the gateway began: nothing waits any more.
    let back = [("version", "1"), ("how", "undo"), ("comment", "not yet")];
    let note = said(&mut eva, "/configuration/revert", &back);
    assert_eq!(note, "Stored as version 3, and in force.");
    wait_for("the first page to say so", || (!eva.get("/").body.contains(waits)).then_some(()));
}

#[test]
fn each_value_is_told_with_who_changed_it_when_and_why() {
    let house = House::start("");
    let set = |path: &str, value: &str, author: &str, why: &str| {
        let options = ["config", "set", path, value, "--author", author, "--comment", why];
        assert!(house.gateway.command(&options).status.success(), "{path}");
    };
    set("policy.trial.mark", "4", "anna", "as agreed");
    set("policy.trial.reject", "20", "bo", "for a week");
    let mut eva = house.admin();
    let page = eva.get("/configuration").body;
    let row = |path: &str| {
        between(&page, &format!("{path}</th>"), "</tr>").unwrap_or_else(|| panic!("{page}"))
    };
    for (path, parts) in [
        ("policy.trial.mark", ["version 1 by anna", "<time", "as agreed"]),
        ("policy.trial.reject", ["version 2 by bo", "<time", "for a week"]),
    ] {
        for part in parts {
            assert!(row(path).contains(part), "{path}: {part}: {}", row(path));
        }
    }
    // The policy's own page says the same.
    let policy = eva.get("/policy/named/trial").body;
    let policy = policy.split_once("What was written").unwrap().1;
    for (key, version) in [("mark", "version 1"), ("reject", "version 2")] {
        let row = between(policy, &format!("<th scope=\"row\">{key}</th>"), "</tr>").unwrap();
        assert!(row.contains(version), "{key}: {row}");
    }
    let shown = house.gateway.command(&["config", "show", "policy.trial", "--origin"]);
    let shown = String::from_utf8_lossy(&shown.stdout).into_owned();
    let line = shown.lines().find(|line| line.starts_with("policy.trial.mark")).unwrap();
    assert!(line.contains("version 1 by anna, 20") && line.ends_with(": as agreed"), "{line}");
}

#[test]
fn whoever_looks_after_a_domain_sees_and_takes_back_what_was_changed_of_it() {
    let house = House::start("");
    house.gateway.command(&[
        "config",
        "set",
        "limits.mails-per-connection",
        "7",
        "--comment",
        "secret plan",
    ]);
    let only = ["--role", "domain-admin", "--organisation", "acme", "--domain", "acme2.example"];
    let mut ulf = house.with("ulf", &only);
    let own = [("name", "acme2.example"), ("comment", "ours alone")];
    assert!(said(&mut ulf, "/policy/domain/own", &own).contains("version 2, and in force"));
    let mark = [
        ("name", "acme2-example"),
        ("mark", "3"),
        ("comment", "too much spam"),
        ("seen", "2"),
        ("do", "store"),
    ];
    assert!(said(&mut ulf, "/policy/set", &mark).contains("version 3, and in force"));
    // His own are listed, and nothing else; each can be looked at, and taken back.
    let history = ulf.get("/configuration/history");
    is_sound(&history);
    for (part, want) in [
        ("/configuration/version/3", true),
        ("/configuration/version/2", true),
        ("too much spam", true),
        ("/configuration/version/1", false),
        ("secret plan", false),
    ] {
        assert_eq!(history.body.contains(part), want, "{part}: {}", history.body);
    }
    assert_eq!(ulf.get("/configuration/version/1").code, 404);
    let page = ulf.get("/configuration/version/3");
    is_sound(&page);
    assert!(
        page.body.contains("mark = 3") && page.body.contains("value=\"undo\""),
        "{}",
        page.body
    );
    assert!(!page.body.contains("value=\"to\""), "going back is the whole site's: {}", page.body);
    for (version, how) in [("1", "undo"), ("3", "to"), ("99", "undo")] {
        let fields = [("version", version), ("how", how), ("comment", "x")];
        assert_eq!(ulf.post("/configuration/revert", &fields).code, 404, "{version} {how}");
    }
    let undo = |version: &'static str| [("version", version), ("how", "undo"), ("comment", "back")];
    let note = said(&mut ulf, "/configuration/revert", &undo("3"));
    assert_eq!(note, "Stored as version 4, and in force.");
    // A colleague of another domain, and another organisation, see nothing of it.
    let other = ["--role", "domain-admin", "--organisation", "acme", "--domain", "acme.example"];
    let berg = ["--role", "admin", "--organisation", "berg"];
    for (name, options) in [("one", &other[..]), ("two", &berg)] {
        let mut browser = house.with(name, options);
        let history = browser.get("/configuration/history").body;
        assert!(!history.contains("/configuration/version/"), "{name}: {history}");
        assert_eq!(browser.get("/configuration/version/2").code, 404, "{name}");
        assert_eq!(browser.post("/configuration/revert", &undo("2")).code, 404, "{name}");
    }
    // Whoever looks after the whole organisation sees it. An auditor does, and undoes nothing.
    let mut bo = house.with("bo", &["--role", "admin", "--organisation", "acme"]);
    assert!(bo.get("/configuration/version/2").body.contains("ours alone"));
    let mut ada = house.with("ada", &["--role", "auditor", "--organisation", "acme"]);
    let page = ada.get("/configuration/version/3").body;
    assert!(page.contains("mark = 3") && !page.contains("value=\"undo\""), "{page}");
    assert_eq!(ada.post("/configuration/revert", &undo("4")).code, 403);
    // What he gave himself he takes back: the domain has the policy that it had before.
    let note = said(&mut ulf, "/configuration/revert", &undo("2"));
    assert!(note.contains("version 5, and in force"), "{note}");
    let shown = house.gateway.command(&["config", "show", "policy"]);
    assert!(!String::from_utf8_lossy(&shown.stdout).contains("acme2-example"));
}

#[test]
fn numbers_are_shown_as_they_were_written() {
    let house = House::start("");
    let mut eva = house.admin();
    let fields = [("path", "policy.trial.greylist"), ("value", "0.1"), ("comment", "as agreed")];
    assert!(said(&mut eva, "/configuration/set", &fields).contains("in force"));
    let page = eva.get("/configuration?under=policy.trial").body;
    assert!(page.contains("<code>0.1</code>") && !page.contains("0.1000"), "{page}");
    for options in [&["config", "show", "policy"][..], &["config", "show", "policy", "--json"]] {
        let shown = house.gateway.command(options);
        let shown = String::from_utf8_lossy(&shown.stdout).into_owned();
        assert!(shown.contains("0.1") && !shown.contains("0.1000"), "{shown}");
    }
}

#[test]
fn keys_are_shown_to_whose_domains_they_sign_for() {
    let house = House::start("");
    let mut eva = house.admin();
    assert!(
        said(&mut eva, "/keys/sign", &[("domain", "far.example")]).contains("no domain of ours")
    );
    for domain in ["acme.example", "acme2.example", "berg.example"] {
        let note = said(&mut eva, "/keys/sign", &[("domain", domain)]);
        assert!(note.starts_with("Two keys are made."), "{note}");
    }
    // Something of acme rests here, so acme has a key.
    house.send_out("karin@acme.example", "bo@far.example");
    let page = eva.get("/keys");
    is_sound(&page);
    assert_eq!(page.body.matches("v=DKIM1; k=").count(), 6, "{}", page.body);
    assert!(page.body.contains("master key") && page.body.contains("master.key"), "{}", page.body);
    let of_domain =
        ["--role", "domain-admin", "--organisation", "acme", "--domain", "acme2.example"];
    for (name, options, seen) in [
        ("bo", &["--role", "admin", "--organisation", "acme"][..], [true, true, false]),
        ("ulf", &of_domain, [false, true, false]),
        ("kim", &["--role", "admin", "--organisation", "berg"], [false, false, true]),
    ] {
        let mut browser = house.with(name, options);
        for query in ["", "?domain=berg.example", "?domain=acme.example"] {
            let page = browser.get(&format!("/keys{query}")).body;
            let names = [
                "._domainkey.acme.example",
                "._domainkey.acme2.example",
                "._domainkey.berg.example",
            ];
            for (domain, seen) in names.iter().zip(seen) {
                assert!(seen || !page.contains(domain), "{name} {query} sees {domain}");
                assert!(!query.is_empty() || seen == page.contains(domain), "{name} {domain}");
            }
            assert!(!page.contains("master.key"), "{name} sees where the master key is");
        }
        for path in ["/keys/look", "/keys/sign", "/keys/renew"] {
            let fields = [("organisation", "acme"), ("sure", "yes"), ("domain", "acme2.example")];
            assert_eq!(browser.post(path, &fields).code, 403, "{name} {path}");
        }
    }
    let note = said(&mut eva, "/keys/renew", &[("organisation", "acme")]);
    assert!(note.contains("Mark that you are sure"), "{note}");
    let note = said(&mut eva, "/keys/renew", &[("organisation", "acme"), ("sure", "yes")]);
    assert!(note.starts_with("Key 2 is in force; wrapped anew: 1 waiting"), "{note}");
    assert_eq!(eva.post("/keys/renew", &[("organisation", "nobody"), ("sure", "yes")]).code, 404);
}

#[test]
fn memories_are_shown_and_forgotten_by_whose_they_are() {
    let house = House::start("");
    let mut eva = house.admin();
    for organisation in ["acme", "berg"] {
        let fields = [
            ("correspondent", "supplier.example"),
            ("account", "bankgiro 5050-1055"),
            ("organisation", organisation),
        ];
        assert_eq!(said(&mut eva, "/bank-accounts/approve", &fields), "1 account approved.");
    }
    let page = eva.get("/correspondents");
    is_sound(&page);
    assert_eq!(page.body.matches("<th scope=\"row\">supplier.example").count(), 2, "{}", page.body);
    assert!(
        !page.body.contains("5050-1055\"") || page.body.contains("placeholder"),
        "{}",
        page.body
    );
    assert!(!page.body.contains("50501055"), "never a number");
    assert!(eva.get("/correspondents?what=a+b").body.contains("role=\"status\""));
    let mut bo = house.with("bo", &["--role", "reviewer", "--organisation", "acme"]);
    for path in ["/correspondents", "/correspondents?organisation=berg&what=supplier"] {
        let page = bo.get(path).body;
        let rows = page.matches("<th scope=\"row\">supplier.example").count();
        assert_eq!((rows, page.contains("berg<")), (1, false), "{path}: {page}");
    }
    // Whatever it names, it forgets its own.
    let fields = [("correspondent", "supplier.example"), ("organisation", "berg")];
    let asked = bo.post("/bank-accounts/forget", &fields);
    is_sound(&asked);
    assert!(asked.body.contains("Forget the accounts of supplier.example?"), "{}", asked.body);
    let fields = [&fields[..], &[("sure", "yes")]].concat();
    assert_eq!(said(&mut bo, "/bank-accounts/forget", &fields), "1 account forgotten.");
    let page = eva.get("/correspondents").body;
    assert_eq!(page.matches("<th scope=\"row\">supplier.example").count(), 1, "{page}");
    assert!(
        page.contains("<td data-label=\"memory of\" class=\"words whole\">berg</td>"),
        "{page}"
    );
    assert!(said(&mut bo, "/bank-accounts/forget", &fields).starts_with("Nothing is remembered"));
    let part = ["--role", "domain-admin", "--organisation", "acme", "--domain", "acme.example"];
    let mut ulf = house.with("ulf", &part);
    assert!(ulf.get("/correspondents").body.contains("a whole organisation"));
    for path in ["/correspondents/forget", "/bank-accounts/forget", "/bank-accounts/approve"] {
        let fields = [("correspondent", "supplier.example"), ("what", "supplier.example")];
        assert_eq!(ulf.post(path, &fields).code, 404, "{path}");
    }
    let mut helpdesk = house.with("hel", &["--role", "helpdesk"]);
    assert_eq!(helpdesk.post("/bank-accounts/forget", &fields).code, 403);
}

/// Whoever may look but not act, and whoever may not look.
#[test]
fn lookers_see_no_buttons_and_others_see_nothing() {
    let house = House::start("");
    let id = house.send_out("karin@acme.example", "bo@far.example");
    let mut auditor = house.with("ada", &["--role", "auditor"]);
    for path in ["/queue", "/queue/mails", "/bans", "/greylist", "/events", "/limits", "/senders"] {
        let page = auditor.get(path);
        is_sound(&page);
        let forms = page.body.matches("method=\"post\"").count();
        // The list's own form only carries its rows; the other is the log-out.
        let most = if path == "/queue/mails" { 2 } else { 1 };
        assert!(forms <= most && !page.body.contains("name=\"do\""), "{path}: {}", page.body);
    }
    for (path, fields) in [
        ("/queue/act", &[("do", "drop"), ("id", id.as_str())][..]),
        ("/bans/add", &[("what", "192.0.2.7"), ("for", "day"), ("why", "x")]),
        ("/limits/release", &[("what", "127.0.0.1")]),
    ] {
        assert_eq!(auditor.post(path, fields).code, 403, "{path}");
    }
    assert_eq!(house.gateway.queue().len(), 1);
    let mut of_acme = house.with("bo", &["--role", "admin", "--organisation", "acme"]);
    for path in ["/queue", "/queue/mails", "/bans", "/senders"] {
        assert_eq!(of_acme.get(path).code, 403, "{path}");
    }
    assert!(!of_acme.get("/operate").body.contains("/queue"));
}
