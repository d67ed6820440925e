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
    let eicar = mail("infected").replace("Hi Anna,", &eicar());
    let mut client = Client::hello(house.mail);
    client.send("karin@example.org", &["anna@ours.example"], eicar.as_bytes()).unwrap();
    let held = wait_for("a mail that is held", || {
        let (_, held) = house.ask(&token, "GET", "/api/v1/held?text=infected", None);
        held["items"][0]["id"].as_str().map(str::to_string)
    });
    wait_for("it in the trace", || {
        (house.ask(&token, "GET", &format!("/api/v1/trace/{id}"), None).0.code == 200).then_some(())
    });
    let (_, document) = house.ask("", "GET", "/api/v1/openapi.json", None);
    assert_eq!(document["openapi"], "3.1.0");
    for route in routes().filter(|route| route.spec.is_some() && route.method == "GET") {
        let path = route.path.replace("/held/{id}", &format!("/held/{held}"));
        let path = path.replace("{id}", &id).replace("{name}", "ours.example");
        let (answer, value) = house.ask(&token, "GET", &path, None);
        assert_eq!(answer.code, 200, "{route:?}: {}", answer.body);
        let pointer = format!(
            "/paths/{}/get/responses/200/content/application~1json/schema",
            route.path.replace('~', "~0").replace('/', "~1")
        );
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
