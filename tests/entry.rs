//! Coming in by the admin door of the real program: passwords, second factors, sessions, roles, accounts.

// Real time, and failing loudly, is what these tests are for.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, clippy::disallowed_methods)]

mod common;

use aws_lc_rs::hmac;
use common::{
    Gateway, free_port,
    web::{Browser, PASSWORD, between},
};
use data_encoding::BASE32_NOPAD;
use sluss::edge::http::{Door, Needs, rights::Right, routes};
use std::time::SystemTime;

struct House {
    gateway: Gateway,
    admin: u16,
}

fn house() -> House {
    let (mail, admin) = (free_port(), free_port());
    let gateway = Gateway::start(&format!(
        "hostname = \"mx.ours.example\"\n\
         [[listener]]\nname = \"in\"\nbind = \"127.0.0.1:{mail}\"\ndirection = \"inbound\"\n\
         [[organisation]]\nname = \"acme\"\n[[organisation]]\nname = \"berg\"\n[outbound]\norganisation = \"acme\"\n\
         [[domain]]\nname = \"acme.example\"\norganisation = \"acme\"\nnext-hop = \"smtp://127.0.0.1:9\"\nrecipients = \"any\"\n\
         [[domain]]\nname = \"berg.example\"\norganisation = \"berg\"\nnext-hop = \"smtp://127.0.0.1:9\"\nrecipients = \"any\"\n\
         [web]\nadmin = \"127.0.0.1:{admin}\"\n"
    ));
    House { gateway, admin }
}

impl House {
    fn with(&self, name: &str, options: &[&str]) -> Browser {
        Browser::of_account(&self.gateway, self.admin, name, options)
    }
}

/// What an authenticator program shows.
fn digits(letters: &str, ahead: u64) -> String {
    let secret = BASE32_NOPAD.decode(letters.replace(' ', "").as_bytes()).unwrap();
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, &secret);
    let tag = hmac::sign(&key, &(now / 30 + ahead).to_be_bytes());
    let place = usize::from(tag.as_ref()[19] & 15);
    let four = tag.as_ref()[place..place + 4].try_into().unwrap();
    format!("{:06}", (u32::from_be_bytes(four) & 0x7fff_ffff) % 1_000_000)
}

#[test]
fn a_session_from_the_first_account_to_the_log_out() {
    let house = house();
    let mut nobody = Browser::new(house.admin);
    let page = nobody.get("/login");
    assert!(page.body.contains("There is no account yet"), "{}", page.body);
    let mut eva = house.with("eva", &["--role", "owner"]);
    assert!(!nobody.get("/login").body.contains("There is no account yet"));
    // Each name and password that do not fit are answered alike.
    let wrong = [("eva", "wrong password"), ("nobody", PASSWORD), ("", ""), ("eva ", "x")];
    let answers = wrong.map(|(name, password)| nobody.log_in(name, password));
    for answer in &answers {
        assert_eq!((answer.code, &answer.body), (401, &answers[0].body));
    }
    let before = eva.cookies.clone();
    let cookie = nobody.log_in("eva", PASSWORD);
    let set = cookie.field("set-cookie");
    for part in ["__Host-sluss=", "; Path=/", "; Secure", "; HttpOnly", "; SameSite=Lax"] {
        assert!(set.contains(part), "{part} is missing in {set}");
    }
    assert_ne!(nobody.cookies, before, "each log-in has an id of its own");
    assert_eq!(eva.get("/status").code, 200);
    assert_eq!(eva.post("/own/sessions/end", &[]).code, 303);
    assert_eq!(nobody.get("/status").code, 303, "the other session was ended");
    assert!(eva.get("/own").body.contains("One other session was ended."));
    assert_eq!(eva.post("/logout", &[]).field("location"), "/login");
    assert!(eva.cookies.is_empty());
    eva.cookies = before;
    assert_eq!(eva.get("/status").code, 303, "a cookie that was kept is worth nothing");
    // What somebody was on the way to is remembered, and nothing but a path of ours.
    let asked = eva.get("/accounts?x=1").field("location").to_string();
    assert_eq!(asked, "/login?to=%2Faccounts%3Fx%3D1");
    let page = eva.get(&asked).body;
    assert_eq!(between(&page, "name=\"to\" value=\"", "\""), Some("/accounts?x=1"));
    let went =
        eva.post("/login", &[("name", "eva"), ("password", PASSWORD), ("to", "//evil.example/")]);
    assert_eq!(went.field("location"), "/");
}

#[test]
fn a_second_factor_is_asked_for_and_each_code_is_good_once() {
    let house = house();
    let mut eva = house.with("eva", &["--role", "owner"]);
    eva.post("/own/second", &[("password", "wrong password")]);
    assert!(eva.get("/own").body.contains("The present password is wrong"));
    let page = eva.post("/own/second", &[("password", PASSWORD)]).body;
    let letters = between(&page, "<code class=\"letters\">", "</code>").unwrap().to_string();
    let sealed = between(&page, "name=\"sealed\" value=\"", "\"").unwrap().to_string();
    let taken = eva.post("/own/second/confirm", &[("sealed", &sealed), ("code", "000000")]);
    assert!(taken.body.contains("This code does not fit"), "{}", taken.body);
    let taken =
        eva.post("/own/second/confirm", &[("sealed", &sealed), ("code", &digits(&letters, 0))]);
    let codes: Vec<&str> = taken.body.split("<li><code>").skip(1).map(|rest| &rest[..19]).collect();
    assert_eq!(codes.len(), 10, "{}", taken.body);

    let mut again = Browser::new(house.admin);
    let answer = again.log_in("eva", PASSWORD);
    assert_eq!(answer.field("location"), "/login/second?to=%2F");
    assert_eq!(again.get("/status").code, 303, "the password alone opens nothing");
    let used = again.post("/login/second", &[("code", &digits(&letters, 0))]);
    assert_eq!(used.code, 401, "it was used when it was confirmed");
    assert_eq!(again.post("/login/second", &[("code", &digits(&letters, 1))]).code, 303);
    assert_eq!(again.get("/status").code, 200);
    let mut third = Browser::new(house.admin);
    third.log_in("eva", PASSWORD);
    assert_eq!(third.post("/login/second", &[("code", &codes[0].to_uppercase())]).code, 303);
    assert_eq!(third.get("/status").code, 200);
    assert!(third.get("/own").body.contains("9 recovery codes are left"));
    let mut fourth = Browser::new(house.admin);
    fourth.log_in("eva", PASSWORD);
    assert_eq!(fourth.post("/login/second", &[("code", codes[0])]).code, 401);
    // A new password takes with it what was begun with the old one.
    third.post("/own/password", &[("password", PASSWORD), ("new", NEW), ("again", NEW)]);
    let late = fourth.post("/login/second", &[("code", codes[1])]);
    assert_eq!((late.code, late.body.contains("Begin again with your password")), (401, true));
    assert!(house.gateway.command(&["user", "forget-second-factor", "eva"]).status.success());
    assert_eq!(fourth.log_in("eva", NEW).field("location"), "/");
    assert_eq!(house.gateway.log().matches(codes[1]).count(), 0);
}

/// Another good password.
const NEW: &str = "staple battery horse";

/// Somebody who put an id into a browser, or learned the one that was there, has nothing after the next log-in.
#[test]
fn a_log_in_ends_the_session_that_the_browser_had() {
    let house = house();
    let mut eva = house.with("eva", &["--role", "owner"]);
    let mut thief = eva.clone();
    assert_eq!(thief.get("/status").code, 200);
    assert_eq!(eva.log_in("eva", PASSWORD).code, 303);
    assert_eq!((thief.get("/status").code, eva.get("/status").code), (303, 200));
}

#[test]
fn guessing_is_ended() {
    let house = house();
    let mut eva = house.with("eva", &["--role", "owner"]);
    let mut thief = Browser::new(house.admin);
    let mut said = String::new();
    for _ in 0..200 {
        said = thief.log_in("eva", "wrong password").body;
        if said.contains("too many failures") {
            break;
        }
    }
    assert!(said.contains("too many failures"), "{said}");
    assert!(thief.log_in("eva", PASSWORD).body.contains("too many failures"));
    assert_eq!(eva.get("/status").code, 200, "who is in stays in");
}

/// Every role at every page: what its table says, and the same menu.
#[test]
fn roles_see_what_is_theirs() {
    let house = house();
    use Right::{Accounts, Audit, Decide, Look, Open, Operate, Policy, Settings, Site};
    for (name, options, rights) in [
        (
            "owner",
            &["--role", "owner"][..],
            &[Look, Decide, Open, Settings, Policy, Audit, Site, Operate, Accounts][..],
        ),
        (
            "admin",
            &["--role", "admin"],
            &[Look, Decide, Open, Settings, Policy, Audit, Site, Operate],
        ),
        ("reviewer", &["--role", "reviewer"], &[Look, Decide, Open]),
        ("helpdesk", &["--role", "helpdesk"], &[Look]),
        ("auditor", &["--role", "auditor"], &[Look, Settings, Audit, Site]),
        (
            "of-acme",
            &["--role", "admin", "--organisation", "acme"],
            &[Look, Decide, Open, Settings, Policy, Audit],
        ),
        (
            "domain-admin",
            &["--role", "domain-admin", "--organisation", "acme", "--domain", "acme.example"],
            &[Look, Decide, Open, Settings, Policy, Audit],
        ),
    ] {
        let mut browser = house.with(name, options);
        for route in routes().filter(|route| route.door == Door::Admin && route.spec.is_none()) {
            let Needs::Right(right) = route.needs else { continue };
            let path = route.path.replace(['{', '}'], "x");
            let answer = match route.method {
                "GET" => browser.get(&path),
                _ => browser.post(&path, &[]),
            };
            let refused = answer.code == 403;
            assert_eq!(refused, !rights.contains(&right), "{name} at {route:?}: {}", answer.code);
        }
        let menu = browser.get("/own").body;
        let menu = between(&menu, "<nav", "</nav>").unwrap().to_string();
        for path in menu.split("href=\"").skip(1).map(|rest| rest.split('"').next().unwrap()) {
            assert_eq!(browser.get(path).code, 200, "{name} is shown {path}");
        }
    }
}

#[test]
fn owners_make_accounts_and_take_them_away() {
    let house = house();
    let mut eva = house.with("eva", &["--role", "owner"]);
    for (fields, said) in [
        (&[("name", "a b"), ("role", "admin")][..], "user name"),
        (&[("name", "bo"), ("role", "king")], "is no role"),
        (&[("name", "bo"), ("role", "domain-admin")], "choose one"),
        (&[("name", "bo"), ("role", "owner"), ("organisation", "acme")], "An owner is"),
        (
            &[("name", "bo"), ("role", "admin"), ("organisation", "nobody")],
            "no organisation nobody",
        ),
        (
            &[
                ("name", "bo"),
                ("role", "admin"),
                ("organisation", "acme"),
                ("domains", "berg.example"),
            ],
            "no domain of acme",
        ),
        (&[("name", "eva"), ("role", "admin")], "already"),
    ] {
        let page = eva.post("/accounts/add", fields);
        assert_eq!(page.code, 422, "{fields:?}");
        assert!(page.body.contains(said), "{fields:?}: {}", page.body);
        let typed = format!("value=\"{}\"", fields[0].1);
        assert!(page.body.contains(&typed), "what was typed stands there again: {}", page.body);
    }
    let made = eva.post(
        "/accounts/add",
        &[
            ("name", "Bo"),
            ("role", "domain-admin"),
            ("organisation", "acme"),
            ("domains", "acme.example"),
        ],
    );
    let password = between(&made.body, "<code class=\"letters\">", "</code>").unwrap().to_string();
    let mut bo = Browser::new(house.admin);
    assert_eq!(bo.log_in("bo", &password).code, 303);
    // Whoever made the account knows the password: there is nothing else before another one is set.
    assert_eq!((bo.get("/held").field("location"), bo.get("/held").code), ("/own", 303));
    assert!(bo.get("/own").body.contains("Set one of your own"));
    bo.post("/own/password", &[("password", &password), ("new", OWN), ("again", OWN)]);
    assert_eq!(bo.log_in("bo", OWN).code, 303);
    assert!(bo.get("/own").body.contains("acme.example of acme"));
    assert_eq!(bo.get("/held").code, 200);
    assert!(!eva.get("/accounts").body.contains(&password), "it is shown once");
    let own = eva.post("/accounts/change", &[("name", "eva"), ("do", "remove"), ("sure", "yes")]);
    assert_eq!((own.code, eva.get("/accounts").code), (303, 200));
    eva.post("/accounts/change", &[("name", "bo"), ("do", "disable")]);
    assert_eq!(bo.get("/own").code, 303, "out at once");
    assert_eq!(bo.log_in("bo", OWN).code, 401);
    eva.post("/accounts/change", &[("name", "bo"), ("do", "enable")]);
    assert_eq!(bo.log_in("bo", OWN).code, 303);
    bo.get("/own");
    // A new password ends every session, that one too.
    bo.post(
        "/own/password",
        &[("password", OWN), ("new", "another good one"), ("again", "another good one")],
    );
    assert_eq!(bo.get("/own").code, 303);
    assert_eq!(bo.log_in("bo", "another good one").code, 303);
    // What cannot be taken back is asked about once more, and nothing is done before.
    let asked = eva.post("/accounts/change", &[("name", "bo"), ("do", "remove")]);
    assert!(asked.code == 200 && asked.body.contains("Remove bo?"), "{}", asked.body);
    assert!(asked.body.contains("One open session"), "{}", asked.body);
    assert_eq!(bo.get("/own").code, 200);
    eva.post("/accounts/change", &[("name", "bo"), ("do", "remove"), ("sure", "yes")]);
    assert_eq!(bo.get("/own").code, 303);
    assert!(eva.get("/accounts").body.contains("bo: removed."));
}

/// What somebody chose who came in with a password that was made up.
const OWN: &str = "chosen by oneself";

#[test]
fn owners_change_what_an_account_may_do_and_help_who_has_lost_a_password() {
    let house = house();
    let mut eva = house.with("eva", &["--role", "owner"]);
    let mut bo = house.with("bo", &["--role", "admin"]);
    assert!(eva.get("/accounts").body.contains("href=\"/accounts/account?name=bo\""));
    assert!(eva.get("/accounts/account?name=bo").body.contains("<option selected>admin"));
    assert_eq!(eva.get("/accounts/account?name=cy").code, 404);
    // A form that says what cannot be changes nothing, and keeps what was typed.
    let wrong = [
        ("name", "bo"),
        ("role", "reviewer"),
        ("organisation", "acme"),
        ("domains", "berg.example"),
    ];
    let again = eva.post("/accounts/access", &wrong);
    assert!(again.code == 422 && again.body.contains("no domain of acme"), "{}", again.body);
    assert!(again.body.contains("value=\"berg.example\""), "{}", again.body);
    assert!(again.body.contains("<option selected>reviewer"), "{}", again.body);
    assert_eq!(bo.get("/operate").code, 200);
    let right = [
        ("name", "bo"),
        ("role", "domain-admin"),
        ("organisation", "acme"),
        ("domains", "acme.example"),
    ];
    assert_eq!(eva.post("/accounts/access", &right).field("location"), "/accounts/account?name=bo");
    assert!(eva.get("/accounts/account?name=bo").body.contains("bo: has this role from now on"));
    assert_eq!(bo.get("/own").code, 303, "the sessions of another role are over");
    bo.log_in("bo", PASSWORD);
    assert!(
        bo.get("/own").body.contains("Role: domain-admin. Sees the mail of acme.example of acme.")
    );
    // The last owner stays one.
    let last = eva.post("/accounts/access", &[("name", "eva"), ("role", "admin")]);
    assert!(last.code == 422 && last.body.contains("last owner"), "{}", last.body);
    // A lost password: asked about first, shown once, good until there is another one.
    let asked = eva.post("/accounts/password", &[("name", "bo")]);
    assert!(asked.body.contains("A new password for bo?"), "{}", asked.body);
    assert_eq!(bo.get("/own").code, 200);
    let made = eva.post("/accounts/password", &[("name", "bo"), ("sure", "yes")]);
    let password = between(&made.body, "<code class=\"letters\">", "</code>").unwrap().to_string();
    assert_eq!(bo.get("/own").code, 303, "out at once");
    assert_eq!(bo.log_in("bo", PASSWORD).code, 401);
    assert_eq!(bo.log_in("bo", &password).code, 303);
    assert_eq!(bo.get("/trace").field("location"), "/own");
    bo.get("/own");
    bo.post("/own/password", &[("password", &password), ("new", OWN), ("again", OWN)]);
    assert_eq!((bo.log_in("bo", OWN).code, bo.get("/trace").code), (303, 200));
    // It stands in the audit log, without the password.
    let log = house.gateway.command(&["audit", "export"]);
    let log = String::from_utf8_lossy(&log.stdout).into_owned();
    for act in ["access", "password"] {
        assert!(log.contains(&format!("\"act\":\"{act}\"")), "{act}: {log}");
    }
    assert!(!log.contains(&password));
}

/// Whoever wrote a form and has one thing wrong writes it but once, the password aside.
#[test]
fn a_token_that_was_not_made_keeps_what_was_typed() {
    let house = house();
    let mut eva = house.with("eva", &["--role", "owner"]);
    let fields = [
        ("label", "backup of lists"),
        ("days", "30"),
        ("right", "look"),
        ("password", "wrong password"),
    ];
    let again = eva.post("/own/tokens/add", &fields);
    assert_eq!(again.code, 422);
    for kept in ["value=\"backup of lists\"", "value=\"30\"", "value=\"look\" checked"] {
        assert!(again.body.contains(kept), "{kept}: {}", again.body);
    }
    assert!(!again.body.contains("wrong password"));
}

/// What was done is said by the page that the act leads to, once, and by none that somebody looks at meanwhile.
#[test]
fn a_note_is_said_once_and_where_it_belongs() {
    let house = house();
    let mut eva = house.with("eva", &["--role", "owner"]);
    let failed = eva.post("/own/password", &[("password", PASSWORD), ("new", "a"), ("again", "b")]);
    assert_eq!(failed.field("location"), "/own");
    let said = "The two new passwords differ";
    for path in ["/", "/status", "/held", "/accounts"] {
        assert!(!eva.get(path).body.contains(said), "{path}");
    }
    let by_itself = eva.ask("GET", "/own", "X-Again: 1\r\n", "");
    assert!(!by_itself.body.contains(said), "nobody reads a page that looks again by itself");
    assert_eq!(eva.ask("HEAD", "/own", "", "").code, 200);
    assert!(eva.get("/own").body.contains(said), "the page that the act led to");
    assert!(!eva.get("/own").body.contains(said), "whoever comes again has read it");
}

/// A password manager saves what is typed under the name that stands in the same form; and whoever makes a token reads what it may do.
#[test]
fn forms_say_whose_password_it_is_and_what_a_token_may_do() {
    let house = house();
    let mut eva = house.with("eva", &["--role", "owner"]);
    let own = eva.get("/own").body;
    let forms: Vec<&str> =
        own.split("<form").filter(|form| form.contains("type=\"password\"")).collect();
    assert_eq!(forms.len(), 3, "{own}");
    for form in forms {
        assert!(form.contains("value=\"eva\" autocomplete=\"username\""), "{form}");
        for field in form.split("<input").filter(|field| field.contains("type=\"password\"")) {
            let wanted = if field.contains("name=\"password\"") { "current" } else { "new" };
            assert!(field.contains(&format!("autocomplete=\"{wanted}-password\"")), "{field}");
        }
    }
    for right in Right::ALL {
        assert!(own.contains(right.about()), "{right:?}");
    }
    let menu = between(&own, "<details class=\"menu\"><summary>Menu</summary>", "</details>");
    assert!(menu.is_some_and(|menu| menu.contains("href=\"/held\"")), "works without script");
}
