//! The API of the real program, against its own document.

// Real time, and failing loudly, is what these tests are for.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, clippy::disallowed_methods)]

mod common;

use common::{
    Client, Gateway, eicar, free_port, mail, wait_for,
    web::{Answer, Browser, PASSWORD, ask, between},
};
use serde_json::{Value, json};
use sluss::edge::http::{Needs, routes};

struct House {
    gateway: Gateway,
    admin: u16,
    mail: u16,
}

fn house() -> House {
    let (mail, admin) = (free_port(), free_port());
    let gateway = Gateway::start(&format!(
        "hostname = \"mx.ours.example\"\n\
         [[listener]]\nname = \"in\"\nbind = \"127.0.0.1:{mail}\"\ndirection = \"inbound\"\n\
         [[domain]]\nname = \"ours.example\"\nnext-hop = \"smtp://127.0.0.1:9\"\nrecipients = \"any\"\n\
         [policy.actions]\nvirus = \"quarantine\"\n\
         [policy.rules.odd]\nfrom = [\"example.org\"]\nweight = 1.3\nreason = \"An odd number\"\n\
         [web]\nadmin = \"127.0.0.1:{admin}\"\n"
    ));
    House { gateway, admin, mail }
}

impl House {
    /// A token of an owner with these rights.
    fn token(&self, browser: &mut Browser, rights: &[&str]) -> String {
        let mut fields = vec![("label", "a script"), ("days", "30"), ("password", PASSWORD)];
        fields.extend(rights.iter().map(|right| ("right", *right)));
        let made = browser.post("/own/tokens/add", &fields);
        between(&made.body, "<code class=\"letters\">", "</code>")
            .unwrap_or_else(|| panic!("{}", made.body))
            .to_string()
    }

    fn ask(&self, token: &str, method: &str, path: &str, body: Option<&Value>) -> (Answer, Value) {
        self.ask_with(token, method, path, "", body)
    }

    fn ask_with(
        &self,
        token: &str,
        method: &str,
        path: &str,
        fields: &str,
        body: Option<&Value>,
    ) -> (Answer, Value) {
        let body = body.map(Value::to_string).unwrap_or_default();
        let kind = if body.is_empty() { "" } else { "Content-Type: application/json\r\n" };
        let fields = format!(
            "Host: localhost\r\nAuthorization: Bearer {token}\r\n{kind}{fields}Content-Length: {}\r\n",
            body.len()
        );
        let answer = ask(self.admin, method, path, &fields, &body);
        let value = serde_json::from_str(&answer.body).unwrap_or(Value::Null);
        (answer, value)
    }
}

/// Does a value have the shape that the document says? What our documents use of JSON Schema, and no more.
fn fits(document: &Value, schema: &Value, value: &Value, place: &str) {
    if let Some(reference) = schema.get("$ref").and_then(Value::as_str) {
        return fits(document, document.pointer(&reference[1..]).unwrap(), value, place);
    }
    if let Some(any) = schema.get("anyOf").and_then(Value::as_array) {
        let one = any.iter().any(|one| {
            std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
                fits(document, one, value, place)
            }))
            .is_ok()
        });
        assert!(one, "{place}: {value} fits none of {any:?}");
        return;
    }
    let is = |kind: &str| match kind {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "integer" => value.is_u64() || value.is_i64(),
        "number" => value.is_number(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        other => panic!("{place}: what is {other}?"),
    };
    let kinds: Vec<&str> = match &schema["type"] {
        Value::String(kind) => vec![kind],
        Value::Array(kinds) => kinds.iter().map(|kind| kind.as_str().unwrap()).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => Vec::new(),
    };
    assert!(
        kinds.is_empty() || kinds.iter().any(|kind| is(kind)),
        "{place}: {value} is none of {kinds:?}"
    );
    for required in
        schema["required"].as_array().into_iter().flatten().filter(|_| value.is_object())
    {
        assert!(
            value.get(required.as_str().unwrap()).is_some(),
            "{place}: {required} is missing in {value}"
        );
    }
    if let (Some(fields), Some(properties)) = (value.as_object(), schema["properties"].as_object())
    {
        for (name, field) in fields {
            let schema = properties
                .get(name)
                .unwrap_or_else(|| panic!("{place}: {name} is not in the document"));
            fits(document, schema, field, &format!("{place}.{name}"));
        }
    }
    for (number, item) in value.as_array().into_iter().flatten().enumerate() {
        fits(document, &schema["items"], item, &format!("{place}[{number}]"));
    }
}

/// A mail with a page and the test file.
fn infected() -> String {
    let parts = format!(
        "MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=m\r\n\r\n\
         --m\r\nContent-Type: text/html\r\n\r\n<p>Look at <script>alert(1)</script> this</p>\r\n\
         --m\r\nContent-Type: application/octet-stream; name=\"test.com\"\r\n\
         Content-Disposition: attachment\r\n\r\n{}\r\n--m--\r\n",
        eicar()
    );
    let mail = mail("infected");
    let (head, _) = mail.split_once("\r\n\r\n").unwrap();
    format!("{head}\r\n{parts}")
}

#[test]
fn the_document_says_what_there_is_and_answers_have_its_shapes() {
    let house = house();
    let mut owner = Browser::of_account(&house.gateway, house.admin, "eva", &["--role", "owner"]);
    let rights = ["look", "decide", "open", "policy", "audit", "site", "operate", "accounts"];
    let token = house.token(&mut owner, &rights);
    let mut client = Client::hello(house.mail);
    client.send("karin@example.org", &["anna@ours.example"], mail("waits").as_bytes()).unwrap();
    let id = wait_for("a mail in the queue", || {
        let (_, queue) = house.ask(&token, "GET", "/api/v1/queue", None);
        queue["items"][0]["id"].as_str().map(str::to_string)
    });
    let mut client = Client::hello(house.mail);
    client.send("karin@example.org", &["anna@ours.example"], infected().as_bytes()).unwrap();
    let held = wait_for("a mail that is held", || {
        let (_, held) = house.ask(&token, "GET", "/api/v1/held?text=infected", None);
        held["items"][0]["id"].as_str().map(str::to_string)
    });
    // The same to two, with enough words to be known for it.
    for to in ["anna@ours.example", "bo@ours.example"] {
        let more = "We could take the ferry over to the island then, and be back before it gets dark again.";
        let mail = format!("{}{more}\r\n", mail("ferry"));
        Client::hello(house.mail).send("karin@example.org", &[to], mail.as_bytes()).unwrap();
    }
    let campaign = wait_for("a campaign", || {
        let (_, all) = house.ask(&token, "GET", "/api/v1/campaigns", None);
        all["items"][0]["id"].as_str().map(str::to_string)
    });
    // Narrowed to one organisation.
    let (_, one) = house.ask(&token, "GET", &format!("/api/v1/held/{held}"), None);
    let path = format!("/api/v1/held?organisation={}", one["organisation"].as_str().unwrap());
    let (_, found) = house.ask(&token, "GET", &path, None);
    assert_eq!(found["items"].as_array().unwrap().len(), 1, "{path}: {found}");
    let nobodys = house.ask(&token, "GET", "/api/v1/held?organisation=nobody", None).0;
    assert_eq!(nobodys.code, 400, "{}", nobodys.body);
    wait_for("it in the trace", || {
        (house.ask(&token, "GET", &format!("/api/v1/trace/{id}"), None).0.code == 200).then_some(())
    });
    let (_, document) = house.ask("", "GET", "/api/v1/openapi.json", None);
    assert_eq!(document["openapi"], "3.1.0");
    let number = open(&house, &token, &held);
    let stored = json!({ "value": { "mark": 2.5 }, "comment": "a test" });
    let path = "/api/v1/stored/policy.strict";
    let (put, said) = house.ask_with(&token, "PUT", path, "If-Match: *\r\n", Some(&stored));
    assert_eq!(put.code, 200, "{said}");
    for route in routes().filter(|route| route.spec.is_some() && route.method == "GET") {
        let path = route.path.replace("/held/{id}", &format!("/held/{held}"));
        let path = path.replace("/campaigns/{id}", &format!("/campaigns/{campaign}"));
        let path = path.replace("{id}", &id).replace("{name}", "ours.example");
        let path = path.replace("{number}", &number).replace("{version}", "1");
        let (answer, value) = house.ask(&token, "GET", &path, None);
        assert_eq!(answer.code, 200, "{route:?}: {}", answer.body);
        let pointer = format!(
            "/paths/{}/get/responses/200/content",
            route.path.replace('~', "~0").replace('/', "~1")
        );
        let kinds = document.pointer(&pointer).and_then(Value::as_object).unwrap();
        assert!(kinds.contains_key(answer.field("content-type")), "{route:?}: {kinds:?}");
        if value.is_null() {
            continue;
        }
        let pointer = format!("{pointer}/application~1json/schema");
        fits(&document, document.pointer(&pointer).unwrap(), &value, route.path);
        let tag = answer.field("etag").to_string();
        let (again, _) =
            house.ask_with(&token, "GET", &path, &format!("If-None-Match: {tag}\r\n"), None);
        if !path.ends_with("/status") {
            assert_eq!((again.code, again.body.as_str()), (304, ""), "{route:?}");
        }
    }
    for (body, want) in [
        (json!({ "act": "hold", "ids": [id] }), 200),
        (json!({ "act": "eat", "ids": [id] }), 400),
        (json!({ "act": "hold", "ids": ["x"] }), 400),
        (json!({ "act": "hold", "ids": [id], "more": 1 }), 400),
    ] {
        let (answer, said) = house.ask(&token, "POST", "/api/v1/queue/act", Some(&body));
        assert_eq!(answer.code, want, "{body}: {said}");
    }
    let view = json!({ "page": "held", "name": "Tests", "query": "text=infected&mail=x" });
    for (body, want) in [
        (view.clone(), 200),
        (view, 200),
        (json!({ "page": "held", "name": "", "query": "text=x" }), 400),
        (json!({ "page": "held", "name": "Tests", "query": "" }), 400),
        (json!({ "page": "queue", "name": "Tests", "query": "text=x" }), 400),
    ] {
        let (answer, said) = house.ask(&token, "PUT", "/api/v1/views", Some(&body));
        assert_eq!(answer.code, want, "{body}: {said}");
    }
    let (_, views) = house.ask(&token, "GET", "/api/v1/views?page=held", None);
    let view = &views["items"][0];
    assert_eq!(
        (&view["name"], &view["query"], &view["owner"], &views["items"][1]),
        (&json!("Tests"), &json!("text=infected"), &json!("eva"), &json!(null))
    );
    let path = format!("/api/v1/views/{}", view["id"].as_str().unwrap());
    assert_eq!(house.ask(&token, "DELETE", &path, None).0.code, 200);
    assert_eq!(house.ask(&token, "DELETE", &path, None).0.code, 404);
    for (body, want) in [
        (json!({ "act": "learn", "ids": [held] }), 400),
        (json!({ "act": "learn", "opinion": "perhaps", "ids": [held] }), 400),
        (json!({ "act": "learn", "opinion": "spam", "ids": [held] }), 200),
    ] {
        let (answer, said) = house.ask(&token, "POST", "/api/v1/held/act", Some(&body));
        assert_eq!(answer.code, want, "{body}: {said}");
    }
    let (_, said) = house.ask(&token, "GET", &format!("/api/v1/held/{held}"), None);
    assert_eq!(
        (&said["learned"]["opinion"], &said["learned"]["by"], &said["state"]),
        (&json!("spam"), &json!("eva"), &json!("held"))
    );
    // The scanner finds it again: it goes only for a reason, and once.
    let seen = |act: &str, why: Option<&str>| {
        let body = json!({ "act": act, "ids": [held], "why": why });
        let (_, done) = house.ask(&token, "POST", "/api/v1/held/act", Some(&body));
        done["outcomes"][0]["outcome"].as_str().unwrap_or_else(|| panic!("{done}")).to_string()
    };
    assert_eq!(seen("release", None), "dangerous");
    assert_eq!(seen("release", Some("a test file, as agreed")), "done");
    assert_eq!(seen("release", Some("a test file, as agreed")), "already");
    assert_eq!(seen("undo", None), "done");
    assert_eq!(seen("delete", None), "done");
    let (_, on_hold) = house.ask(&token, "GET", "/api/v1/queue?on_hold=true", None);
    assert_eq!(on_hold["items"][0]["id"], *id);
    for (path, want) in
        [("/api/v1/queue/x", 404), ("/api/v1/queue?limit=0", 400), ("/api/v1/queue?limit=5", 200)]
    {
        let (answer, said) = house.ask(&token, "GET", path, None);
        assert_eq!(answer.code, want, "{path}");
        if want != 200 {
            assert_eq!(answer.field("content-type"), "application/problem+json", "{path}");
            assert_eq!(
                (&said["status"], &said["type"]),
                (&json!(want), &json!("about:blank")),
                "{path}"
            );
        }
    }
}

/// A held mail is sealed until it is opened for a reason, which stands in the audit log. Gives the number of a part.
fn open(house: &House, token: &str, held: &str) -> String {
    let path = |what: &str| format!("/api/v1/held/{held}/{what}");
    let ask = |method: &str, what: &str, body: Option<Value>| {
        house.ask(token, method, &path(what), body.as_ref())
    };
    for what in ["content", "part/1", "whole", "page"] {
        assert_eq!(ask("GET", what, None).0.code, 403, "{what}");
    }
    assert_eq!(ask("POST", "zip", Some(json!({ "password": "infected" }))).0.code, 403);
    let why = "The owner asks what it was.";
    for (what, body, want) in [
        ("ask", json!({ "why": "x" }), 422),
        ("ask", json!({}), 400),
        ("ask", json!({ "why": why }), 200),
        ("open", json!({}), 422),
        ("open", json!({ "why": why }), 200),
    ] {
        let (answer, said) = ask("POST", what, Some(body.clone()));
        assert_eq!(answer.code, want, "{what} {body}: {said}");
        // Asked, and asked no longer once it was opened without an answer.
        if (what, want) == ("ask", 200) {
            assert_eq!(said["in_digest"], false, "{said}");
        }
        let (_, asked) = house.ask(token, "GET", "/api/v1/consents", None);
        let open = asked["items"].as_array().unwrap().iter().filter(|one| {
            (&one["held"], &one["answer"], &one["answered_ms"])
                == (&json!(held), &json!("open"), &Value::Null)
        });
        let waits = what == "ask" && want == 200 || what == "open" && want == 422;
        assert_eq!(open.count(), usize::from(waits), "{what} {body}: {asked}");
    }
    let (_, content) = ask("GET", "content", None);
    assert!(content["header"].as_str().unwrap().contains("Subject:"), "{content}");
    let (whole, _) = ask("GET", "whole", None);
    assert_eq!(whole.field("content-type"), "application/octet-stream");
    assert!(whole.body.contains("EICAR"), "{}", whole.body);
    assert_eq!(ask("GET", "part/999", None).0.code, 422);
    let (page, _) = ask("GET", "page", None);
    assert!(page.field("content-security-policy").contains("sandbox"), "{}", page.head);
    assert!(page.body.contains("Look at") && !page.body.contains("alert(1)"), "{}", page.body);
    for (body, want) in [
        (json!({}), 400),
        (json!({ "password": "" }), 422),
        (json!({ "password": "infected", "number": 999 }), 422),
        (json!({ "password": "infected" }), 200),
    ] {
        let (archive, _) = ask("POST", "zip", Some(body.clone()));
        assert_eq!(archive.code, want, "{body}: {}", archive.body);
        let sealed = archive.body.starts_with("PK") && !archive.body.contains("EICAR");
        assert!(want != 200 || sealed, "an archive that nothing looks into");
    }
    for what in ["consent-asked", "content-opened"] {
        let (_, log) = house.ask(token, "GET", &format!("/api/v1/audit?what={what}"), None);
        let first = &log["items"][0];
        assert_eq!((&first["object"], &first["reason"]), (&json!(held), &json!(why)), "{log}");
    }
    content["parts"][0]["number"].to_string()
}

#[test]
fn what_pages_operate_programs_operate_and_the_audit_log_says_so() {
    let house = house();
    let mut owner = Browser::of_account(&house.gateway, house.admin, "eva", &["--role", "owner"]);
    let token = house.token(&mut owner, &["look", "decide", "audit", "site", "operate"]);
    let get = |path: &str| house.ask(&token, "GET", &format!("/api/v1/{path}"), None).1;
    for (path, body, want, count) in [
        ("bans/add", json!({ "what": "192.0.2.0/28", "why": " " }), 422, None),
        ("bans/add", json!({ "what": "nobody", "why": "a test" }), 422, None),
        (
            "bans/add",
            json!({ "what": "192.0.2.0/28", "seconds": 3600, "why": "a test" }),
            200,
            None,
        ),
        ("bans/add", json!({ "what": "198.51.100.7", "why": "for good" }), 200, None),
        ("greylist/skip", json!({ "what": "karin@example.org" }), 200, Some(1)),
        ("greylist/skip", json!({ "what": "" }), 422, None),
        ("greylist/skip", json!({ "what": "nonsense" }), 422, None),
        ("greylist/skip", json!({ "what": "0.0.0.0/0" }), 422, None),
        ("greylist/clear", json!({}), 422, None),
        ("greylist/clear", json!({ "what": "example.org", "all": true }), 400, None),
        ("limits/release", json!({ "what": "" }), 422, None),
        ("limits/release", json!({ "what": "198.51.100.9" }), 422, None),
        ("limits/release", json!({ "what": "all" }), 200, None),
        ("senders/release", json!({ "account": "nobody" }), 422, None),
        ("requests/refuse", json!({ "number": 7 }), 404, None),
    ] {
        let (answer, said) = house.ask(&token, "POST", &format!("/api/v1/{path}"), Some(&body));
        assert_eq!(answer.code, want, "{path} {body}: {said}");
        if count.is_some() {
            assert_eq!(said["count"].as_u64(), count, "{path} {body}");
        }
    }
    let bans = get("bans");
    assert_eq!(bans["items"].as_array().unwrap().len(), 2, "{bans}");
    let one = get("bans?text=192.0.2.");
    assert_eq!(
        (&one["items"][0]["network"], &one["items"][0]["why"], &one["items"][0]["by"]),
        (&json!("192.0.2.0/28"), &json!("a test (eva)"), &json!("operator"))
    );
    // Counted off: the second page begins where the first says.
    let first = get("bans?limit=1");
    assert_eq!(first["next"], "1");
    let second = get("bans?limit=1&skip=1");
    assert_eq!(second["next"], Value::Null);
    assert_ne!(first["items"][0]["network"], second["items"][0]["network"]);
    assert_eq!(get("greylist")["skips"], json!(["karin@example.org"]));
    let all = json!({ "all": true });
    assert_eq!(house.ask(&token, "POST", "/api/v1/greylist/clear", Some(&all)).0.code, 200);
    assert_eq!(get("greylist")["skips"], json!([]));
    let lift = json!({ "what": "192.0.2.0/28" });
    let (_, lifted) = house.ask(&token, "POST", "/api/v1/bans/lift", Some(&lift));
    assert_eq!(lifted, json!({ "count": 1, "still_banned_by": [] }));
    assert_eq!(house.ask(&token, "POST", "/api/v1/bans/lift", Some(&lift)).0.code, 422);
    let log = get("audit?what=ban-changed");
    let acts: Vec<&Value> =
        log["items"].as_array().unwrap().iter().map(|row| &row["details"]["act"]).collect();
    assert_eq!(acts.iter().filter(|act| **act == "add").count(), 3, "{log}");
    assert_eq!(acts.iter().filter(|act| **act == "lift").count(), 2, "{log}");
    for path in ["events?client=x", "events?since=x", "bans?skip=x", "bans?skip=9999999"] {
        let path = format!("/api/v1/{path}");
        assert_eq!(house.ask(&token, "GET", &path, None).0.code, 400, "{path}");
    }
}

#[test]
fn keys_memories_accounts_versions_and_the_log_are_in_the_hands_of_programs_too() {
    let house = house();
    let mut owner = Browser::of_account(&house.gateway, house.admin, "eva", &["--role", "owner"]);
    let rights = ["look", "decide", "policy", "audit", "site", "operate", "accounts"];
    let token = house.token(&mut owner, &rights);
    let get = |path: &str| house.ask(&token, "GET", &format!("/api/v1/{path}"), None).1;
    let post = |path: &str, body: &Value| {
        let (answer, said) = house.ask(&token, "POST", &format!("/api/v1/{path}"), Some(body));
        (answer.code, said)
    };
    let mut client = Client::hello(house.mail);
    client.send("karin@example.org", &["anna@ours.example"], mail("waits").as_bytes()).unwrap();
    let resting = wait_for("a key of what rests", || {
        get("keys/rest")["items"][0]["organisation"].as_str().map(str::to_string)
    });
    let stored = house.ask_with(
        &token,
        "PUT",
        "/api/v1/stored/policy.strict",
        "If-Match: *\r\n",
        Some(&json!({ "value": { "mark": 2.0 }, "comment": "a test" })),
    );
    assert_eq!(stored.1["version"], 1, "{}", stored.0.body);
    for (path, body, want) in [
        ("keys/look", json!({}), 200),
        ("keys/sign", json!({ "domain": "elsewhere.example" }), 422),
        ("keys/sign", json!({ "domain": "ours.example" }), 200),
        ("keys/renew", json!({ "organisation": "nobody" }), 404),
        ("keys/renew", json!({ "organisation": resting }), 200),
        ("correspondents/forget", json!({ "what": "no domain" }), 422),
        ("correspondents/forget", json!({ "what": "karin@example.org" }), 200),
        ("bank-accounts/forget", json!({ "what": "example.org" }), 422),
        ("bank-accounts/approve", json!({ "what": "example.org", "account": "12" }), 422),
        ("accounts/add", json!({ "name": "bo", "role": "emperor" }), 422),
        ("accounts/add", json!({ "name": "bo", "role": "domain-admin" }), 422),
        ("accounts/add", json!({ "name": "bo", "role": "auditor" }), 200),
        ("accounts/add", json!({ "name": "bo", "role": "auditor" }), 422),
        ("accounts/change", json!({ "name": "cy", "act": "disable" }), 404),
        ("accounts/change", json!({ "name": "eva", "act": "disable" }), 422),
        ("accounts/change", json!({ "name": "bo", "act": "disable" }), 200),
        ("accounts/access", json!({ "name": "cy", "role": "admin" }), 404),
        ("accounts/access", json!({ "name": "bo", "role": "emperor" }), 422),
        ("accounts/access", json!({ "name": "eva", "role": "admin" }), 422),
        ("accounts/access", json!({ "name": "bo", "role": "reviewer" }), 200),
        ("accounts/password", json!({ "name": "cy" }), 404),
        ("accounts/password", json!({ "name": "eva" }), 422),
        ("accounts/password", json!({ "name": "bo" }), 200),
        ("versions/revert", json!({ "version": 9, "how": "undo", "comment": "" }), 422),
        ("versions/revert", json!({ "version": 1, "how": "undo", "comment": "a test" }), 200),
        ("audit/export", json!({ "what": "nothing" }), 422),
    ] {
        let (code, said) = post(path, &body);
        assert_eq!(code, want, "{path} {body}: {said}");
    }
    let keys = get("keys?domain=ours.example");
    assert_eq!(keys["items"].as_array().unwrap().len(), 2, "{keys}");
    assert_eq!(keys["items"][0]["state"], "waiting");
    assert!(keys["items"][0]["record"].as_str().unwrap().starts_with("v=DKIM1"), "{keys}");
    assert_eq!(get("keys/rest")["items"][0]["version"], 2, "the old one is destroyed");
    assert_eq!(get("stored")["items"], json!([]), "the version was taken back");
    let accounts = get("accounts");
    let bo = accounts["items"].as_array().unwrap().iter().find(|one| one["name"] == "bo").unwrap();
    assert_eq!((&bo["enabled"], &bo["role"]), (&json!(false), &json!("reviewer")));
    // A password is told once, and nothing that is kept has it.
    let (code, made) = post("accounts/add", &json!({ "name": "cy", "role": "helpdesk" }));
    assert_eq!((code, made["name"].as_str()), (200, Some("cy")));
    let password = made["password"].as_str().unwrap();
    let wanted = json!({ "what": "account-added", "reason": "the yearly look" });
    let (file, _) = house.ask(&token, "POST", "/api/v1/audit/export", Some(&wanted));
    assert!(file.field("content-type").starts_with("application/jsonl"), "{}", file.body);
    assert!(file.body.contains("\"cy\"") && !file.body.contains(password), "{}", file.body);
    let wanted = json!({ "what": "account-added", "format": "csv", "since": "2026-01-01" });
    let (table, _) = house.ask(&token, "POST", "/api/v1/audit/export", Some(&wanted));
    assert!(table.field("content-type").starts_with("text/csv"), "{}", table.body);
    assert!(table.body.contains("account-added,"), "{}", table.body);
    // What was stored and taken back is told as versions, the newest first.
    let versions = get("versions?limit=1");
    assert_eq!((&versions["items"][0]["version"], &versions["next"]), (&json!(2), &json!("2")));
    let versions = get("versions?before=2");
    assert_eq!((&versions["items"][0]["author"], &versions["next"]), (&json!("eva"), &Value::Null));
    // Whoever may only read how things are set reads them too, and takes nothing back.
    let reads = house.token(&mut owner, &["settings"]);
    for (method, path, want) in
        [("GET", "versions", 200), ("GET", "versions/1", 200), ("POST", "versions/revert", 403)]
    {
        let body = json!({ "version": 1, "how": "undo", "comment": "x" });
        let body = Some(&body).filter(|_| method == "POST");
        let (answer, said) = house.ask(&reads, method, &format!("/api/v1/{path}"), body);
        assert_eq!(answer.code, want, "{path}: {said}");
    }
    // Why is asked for, by name.
    let value = json!({ "value": 2.0, "comment": " " });
    let path = "/api/v1/stored/limits.users";
    let (put, said) = house.ask_with(&token, "PUT", path, "If-Match: *\r\n", Some(&value));
    assert_eq!(put.code, 422, "{said}");
    let revert = json!({ "version": 1, "how": "undo", "comment": "" });
    for said in [said, post("versions/revert", &revert).1] {
        assert!(said["detail"].as_str().unwrap().starts_with("comment: "), "{said}");
    }
    // What is wrong is said once, in words of whoever writes it.
    for (path, value, want) in [
        (
            "limits.connections",
            json!("many"),
            "limits.connections: invalid type: string \"many\", expected a whole number from 0 up; nothing was stored",
        ),
        ("policy.nosuch.mark", json!(4), "there is no policy nosuch; there are default;"),
        (
            "policy.default",
            json!({ "mark": 4.0, "reject": 2.0 }),
            "policy default: thresholds must rise",
        ),
    ] {
        let body = json!({ "value": value, "comment": "x" });
        let path = format!("/api/v1/stored/{path}");
        let (put, said) = house.ask_with(&token, "PUT", &path, "If-Match: *\r\n", Some(&body));
        assert_eq!(put.code, 422, "{said}");
        assert!(said["detail"].as_str().unwrap().starts_with(want), "{said}");
    }
    let first = get("versions/1");
    assert_eq!(
        (&first["comment"], &first["entries"][0]["after"]),
        (&json!("a test"), &json!(["mark = 2.0"])),
        "{first}"
    );
    assert_eq!(house.ask(&token, "GET", "/api/v1/versions/9", None).0.code, 404);
    let exported = get("audit?what=audit-exported&until=2099-01-01T00:00:00Z&limit=100");
    assert_eq!(exported["items"][0]["details"]["format"], "csv");
    let exported = json!({ "items": [exported["items"][1]] });
    assert_eq!(exported["items"][0]["reason"], "the yearly look");
    for path in ["trial?days=0", "reports/sources?days=x", "reports/domains?domain=a%20b"] {
        let path = format!("/api/v1/{path}");
        assert_eq!(house.ask(&token, "GET", &path, None).0.code, 400, "{path}");
    }
}

#[test]
fn tokens_have_the_rights_they_were_given_while_their_account_has_them() {
    let house = house();
    let mut eva = Browser::of_account(&house.gateway, house.admin, "eva", &["--role", "owner"]);
    let mut bo = Browser::of_account(&house.gateway, house.admin, "bo", &["--role", "admin"]);
    let (all, narrow) =
        (house.token(&mut bo, &["site", "operate", "accounts"]), house.token(&mut bo, &["look"]));
    for route in routes().filter(|route| route.spec.is_some()) {
        let Needs::Right(right) = route.needs else { panic!("{route:?}") };
        let path = route.path.replace("{id}", "x");
        let body = (route.method == "POST").then(|| json!({}));
        let code = |token: &str| house.ask(token, route.method, &path, body.as_ref()).0.code;
        for nothing in ["", "x", "sluss_", "sluss_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"] {
            assert_eq!(code(nothing), 401, "{route:?} {nothing}");
        }
        // What it was not given because its account has it not, and what it was not given.
        assert_eq!(code(&all) == 403, !["site", "operate"].contains(&right.word()), "{route:?}");
        assert_eq!(code(&narrow) == 403, right.word() != "look", "{route:?}");
    }
    // A cookie is not enough, and a form of a stranger's page sends no JSON.
    let (answer, _) = house.ask_with(
        "",
        "GET",
        "/api/v1/status",
        &format!("Cookie: __Host-sluss={}\r\n", eva.cookies["__Host-sluss"]),
        None,
    );
    assert_eq!(answer.code, 401);
    let form = format!(
        "Host: localhost\r\nAuthorization: Bearer {all}\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n"
    );
    assert_eq!(ask(house.admin, "POST", "/api/v1/queue/act", &form, "{}").code, 415);
    assert!(house.gateway.command(&["user", "role", "--role", "helpdesk", "bo"]).status.success());
    assert_eq!(house.ask(&all, "GET", "/api/v1/status", None).0.code, 403, "less at once");
    eva.post("/accounts/change", &[("name", "bo"), ("do", "disable")]);
    assert_eq!(house.ask(&narrow, "GET", "/api/v1/status", None).0.code, 401);
    let own = eva.get("/own").body;
    assert!(!own.contains("sluss_"), "{own}");
}

/// A word mistyped is heard of, in words that name it and what there is; a token that is none is told from none at all.
#[test]
fn what_a_program_asks_wrongly_is_named_to_it() {
    let house = house();
    let mut owner = Browser::of_account(&house.gateway, house.admin, "eva", &["--role", "owner"]);
    let token = house.token(&mut owner, &["look", "audit", "site", "policy"]);
    for (path, want) in [
        ("held?recipent=a", "there is no parameter \"recipent\" here; there are text, sender,"),
        ("held?since_ms=5", "there is no parameter \"since_ms\" here"),
        ("held?direction=up", "direction is one of inbound, outbound, not \"up\""),
        ("held?state=gone", "state is one of held, rejected, released, seen, deleted"),
        ("held?since=yesterday", "since is a time, not \"yesterday\": A moment as 2026-11-21T08"),
        ("held?text=a&text=b", "text is asked twice"),
        ("trace?action=eaten", "action is one of deliver, mark,"),
        ("trace?until=1.5", "until is a time"),
        ("trace?before=x", "before is a number"),
        ("statistics?span=century", "span is one of day, week, month, year"),
        ("queue?on_hold=yes", "on_hold is one of true, false"),
        ("audit?what=sung", "what is one of started, stopped,"),
        ("status?x=1", "there is no parameter \"x\" here, nor any other"),
        ("versions?before=x", "before is a number"),
        ("held?category=ham", "category is one of virus, phish, spam,"),
        ("views?page=queue", "page is one of held, trace"),
        ("trace?organisation=acme", "organisation is one of default, not \"acme\""),
        ("statistics?organisation=acme", "organisation is one of default"),
        ("queue?organisation=acme", "organisation is one of default"),
        ("audit?organisation=acme", "organisation is one of default"),
        ("trial?organisation=acme", "organisation is one of default"),
        ("correspondents?what=far.example&organisation=acme", "organisation is one of default"),
        ("bank-accounts?organisation=acme", "organisation is one of default"),
    ] {
        let (answer, said) = house.ask(&token, "GET", &format!("/api/v1/{path}"), None);
        assert_eq!(answer.code, 400, "{path}: {said}");
        assert_eq!(answer.field("content-type"), "application/problem+json", "{path}");
        assert!(said["detail"].as_str().unwrap().contains(want), "{path}: {said}");
    }
    for path in ["held", "trace", "audit", "events"] {
        for since in ["2026-11-21T08:30:00Z", "2026-11-21", "1795000000000", ""] {
            let (answer, _) =
                house.ask(&token, "GET", &format!("/api/v1/{path}?since={since}"), None);
            assert_eq!(answer.code, 200, "{path} {since}: {}", answer.body);
        }
    }
    let none = ask(house.admin, "GET", "/api/v1/held", "Host: localhost\r\n", "");
    assert!(none.body.contains("a token is missing"), "{}", none.body);
    for wrong in ["x", "sluss_x", "sluss_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"] {
        let (answer, said) = house.ask(wrong, "GET", "/api/v1/held", None);
        assert_eq!((answer.code, &said["status"]), (401, &json!(401)));
        assert!(said["detail"].as_str().unwrap().contains("is not valid"), "{wrong}: {said}");
        let ask = answer.field("www-authenticate");
        assert!(ask.contains("error=\"invalid_token\""), "RFC 6750 section 3.1: {ask}");
    }
}

/// Whatever is wrong with a request, a program reads why in one form.
#[test]
fn every_refusal_of_the_api_is_a_problem() {
    let house = house();
    let mut owner = Browser::of_account(&house.gateway, house.admin, "eva", &["--role", "owner"]);
    let token = house.token(&mut owner, &["look", "operate", "policy"]);
    let own = format!("Host: localhost\r\nAuthorization: Bearer {token}\r\n");
    let large = format!("{own}Content-Length: 99999999\r\n");
    let text = format!("{own}Content-Type: text/plain\r\nContent-Length: 2\r\n");
    let untyped = format!("{own}Content-Length: 2\r\n");
    let strange = "Host: evil.example\r\n".to_string();
    for (method, path, fields, body, want) in [
        ("DELETE", "held", &own, "", 405),
        ("POST", "held", &own, "", 405),
        ("BREW", "queue", &own, "", 405),
        ("GET", "greylist/skip", &own, "", 405),
        ("POST", "greylist/skip", &large, "", 413),
        ("GET", "held", &untyped, "{}", 413),
        ("POST", "greylist/skip", &text, "{}", 415),
        ("POST", "greylist/skip", &untyped, "{}", 415),
        ("GET", "held", &strange, "", 421),
        ("GET", "nowhere", &own, "", 404),
    ] {
        let answer = ask(house.admin, method, &format!("/api/v1/{path}"), fields, body);
        assert_eq!(answer.code, want, "{method} {path}");
        assert_eq!(answer.field("content-type"), "application/problem+json", "{method} {path}");
        let said: Value = serde_json::from_str(&answer.body).unwrap();
        assert_eq!(said["status"], want, "{method} {path}: {said}");
        assert!(said["detail"].as_str().is_some_and(|why| why.len() > 10), "{said}");
        assert_eq!(want == 405, !answer.field("allow").is_empty(), "{}", answer.head);
    }
    // Nothing to try is no trial.
    let nothing = json!({ "changes": [] });
    let (answer, said) = house.ask(&token, "POST", "/api/v1/replays", Some(&nothing));
    assert_eq!(answer.code, 400, "{said}");
    assert!(said["detail"].as_str().unwrap().starts_with("changes is empty"), "{said}");
    assert_eq!(house.ask(&token, "GET", "/api/v1/replays", None).1["items"], json!([]));
}

/// 1.3 is 1.3 in every answer, and not what 32 bits make of it.
#[test]
fn weights_are_told_as_they_were_written() {
    let house = house();
    let mut owner = Browser::of_account(&house.gateway, house.admin, "eva", &["--role", "owner"]);
    let token = house.token(&mut owner, &["look"]);
    let mut client = Client::hello(house.mail);
    client.send("karin@example.org", &["anna@ours.example"], infected().as_bytes()).unwrap();
    let get = |path: &str| house.ask(&token, "GET", &format!("/api/v1/{path}"), None).1;
    let held = wait_for("a mail that is held", || {
        get("held")["items"][0]["id"].as_str().map(str::to_string)
    });
    let held = get(&format!("held/{held}"));
    let id = held["transaction"].as_str().unwrap().to_string();
    let story = wait_for("it in the trace", || {
        let story = get(&format!("trace/{id}"));
        story["items"].is_array().then_some(story)
    });
    for answer in [held, get("trace"), story] {
        let text = answer.to_string();
        let numbers = text.split(|letter: char| !letter.is_ascii_digit() && letter != '.');
        let long = numbers.filter(|number| {
            number.split_once('.').is_some_and(|(whole, rest)| {
                whole.len() < 4 && rest.len() > 3 && !rest.contains('.')
            })
        });
        assert_eq!(long.collect::<Vec<&str>>(), Vec::<&str>::new(), "{text}");
    }
}
