//! The two web listeners of the real program: each page on its own door, nothing that changes anything, and peers that mean ill.

// Real time, and failing loudly, is what these tests are for.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, clippy::disallowed_methods)]

mod common;

use common::{
    Client, Gateway, free_port, wait_for,
    web::{Answer, Browser, connect},
};
use sluss::{
    base::limits,
    edge::http::{Door, Needs, Route, routes},
};
use std::{
    io::{Read, Write},
    net::TcpStream,
    sync::{Arc, Mutex, OnceLock, PoisonError, Weak},
    time::Instant,
};

/// One gateway for the tests that do not need one of their own. It ends with the last test that holds it: what is in a static for good
/// would run on when the tests are over.
fn gateway() -> Arc<Doors> {
    static GATEWAY: Mutex<Weak<Doors>> = Mutex::new(Weak::new());
    let mut shared = GATEWAY.lock().unwrap_or_else(PoisonError::into_inner);
    shared.upgrade().unwrap_or_else(|| {
        let doors = Arc::new(Doors::open());
        *shared = Arc::downgrade(&doors);
        doors
    })
}

struct Doors {
    gateway: Gateway,
    public: u16,
    admin: u16,
    mail: u16,
    owner: OnceLock<Browser>,
}

impl Doors {
    fn open() -> Doors {
        let (public, admin, mail) = (free_port(), free_port(), free_port());
        let gateway = Gateway::start(&format!(
            "hostname = \"mx.ours.example\"\n\
             [[listener]]\nname = \"in\"\nbind = \"127.0.0.1:{mail}\"\ndirection = \"inbound\"\n\
             [[domain]]\nname = \"ours.example\"\nnext-hop = \"smtp://127.0.0.1:9\"\nrecipients = \"any\"\n\
             [web]\npublic = \"127.0.0.1:{public}\"\nadmin = \"127.0.0.1:{admin}\"\n"
        ));
        Doors { gateway, public, admin, mail, owner: OnceLock::new() }
    }

    /// Somebody who may go everywhere.
    fn owner(&self) -> Browser {
        let options = ["--role", "owner"];
        let made = || Browser::of_account(&self.gateway, self.admin, "eva", &options);
        self.owner.get_or_init(made).clone()
    }

    fn port(&self, door: Door) -> u16 {
        match door {
            Door::Public => self.public,
            Door::Admin => self.admin,
        }
    }
}

fn ask(port: u16, method: &str, path: &str, fields: &str) -> Answer {
    common::web::ask(port, method, path, fields, "")
}

fn get(port: u16, path: &str) -> Answer {
    ask(port, "GET", path, &format!("Host: 127.0.0.1:{port}\r\n"))
}

/// Pages, without those that are about something named in their path.
fn pages() -> impl Iterator<Item = &'static Route> {
    // What is well known is there for hosts of certain names alone.
    let for_people = |route: &&Route| {
        route.spec.is_none()
            && !route.path.contains('{')
            && !route.path.starts_with("/.well-known/")
    };
    routes().filter(|route| route.method == "GET").filter(for_people)
}

#[test]
fn every_route_is_on_its_own_door_and_on_no_other() {
    let doors = gateway();
    let mut owner = doors.owner();
    let mut seen = Vec::new();
    for route in routes() {
        let programs = ["PUT", "DELETE"].contains(&route.method) && route.spec.is_some();
        assert!(["GET", "POST"].contains(&route.method) || programs, "{route:?}");
        let twice = seen.iter().any(|(door, method, path)| {
            (*method, *path) == (route.method, route.path) && (*door == route.door || *path != "/")
        });
        assert!(!twice, "{route:?} stands in a table twice, or on both doors");
        seen.push((route.door, route.method, route.path));
    }
    for route in pages() {
        let here = match route.door {
            Door::Admin => owner.get(route.path),
            Door::Public => get(doors.public, route.path),
        };
        let goes_on = route.path == "/" && here.code == 303;
        assert!(here.code == 200 || goes_on, "{route:?}: {} {}", here.code, here.body);
        let other = if route.door == Door::Admin { Door::Public } else { Door::Admin };
        let elsewhere = get(doors.port(other), route.path);
        if route.path != "/" {
            assert_eq!(elsewhere.code, 404, "{route:?} is on both doors");
        }
    }
    let program = get(doors.admin, "/api/v1/nowhere");
    assert_eq!((program.code, program.field("content-type")), (404, "application/problem+json"));
    assert!(owner.get("/nowhere").body.contains("href=\"/held\""), "the menu stays");
    for nowhere in ["/nowhere", "/sluss.css/", "//", "/%2e%2e/metrics", "/METRICS", "/index.html"] {
        for port in [doors.public, doors.admin] {
            let page = get(port, nowhere);
            assert_eq!(page.code, 404, "{nowhere}");
            assert!(page.body.contains("<main id=\"main\""), "the house's page: {}", page.body);
        }
    }
}

#[test]
fn who_is_not_logged_in_gets_to_log_in_and_nothing_else() {
    let doors = gateway();
    for route in routes().filter(|route| route.door == Door::Admin) {
        let path = route.path.replace(['{', '}'], "x");
        let answer =
            ask(doors.admin, route.method, &path, "Host: localhost\r\nContent-Length: 0\r\n");
        match (route.needs, route.method) {
            (Needs::Nothing, _) => {
                assert!([200, 401].contains(&answer.code), "{route:?} {}", answer.code)
            }
            _ if route.spec.is_some() => assert_eq!(answer.code, 401, "{route:?}"),
            (_, "GET") => {
                assert_eq!(answer.code, 303, "{route:?}");
                assert!(answer.field("location").starts_with("/login?to=%2F"), "{route:?}");
            }
            _ => assert_eq!(answer.code, 401, "{route:?}"),
        }
    }
}

#[test]
fn pages_change_nothing_and_head_says_what_get_says() {
    let doors = gateway();
    let mut owner = doors.owner();
    for route in pages() {
        let mut ask = |method: &str, fields: &str| match route.door {
            Door::Admin => owner.ask(method, route.path, fields, ""),
            Door::Public => {
                let fields = format!("Host: 127.0.0.1:{}\r\n{fields}", doors.public);
                common::web::ask(doors.public, method, route.path, &fields, "")
            }
        };
        let (page, head) = (ask("GET", "").code, ask("HEAD", ""));
        assert_eq!((head.code, head.body.as_str()), (page, ""), "{route:?}");
        let acts = routes()
            .any(|one| (one.door, one.path, one.method) == (route.door, route.path, "POST"));
        for method in ["OPTIONS", "POST", "PUT", "DELETE", "PATCH", "TRACE", "BREW"] {
            if method == "POST" && acts {
                continue;
            }
            let answer = ask(method, "");
            assert_eq!(answer.code, 405, "{method} {route:?}");
            assert!(answer.head.contains("allow: get,head"), "{}", answer.head);
        }
        assert_eq!(ask("GET", "Content-Length: 5\r\n").code, 413, "{route:?}");
        assert_eq!(ask("POST", "Transfer-Encoding: chunked\r\n").code, 413, "{route:?}");
        let large = format!("Content-Length: {}\r\n", limits::FORM_BYTES_MAX + 1);
        assert_eq!(ask("POST", &large).code, 413, "{route:?}");
    }
}

/// A form of another page, one without the token and one with that of another session do nothing.
#[test]
fn acts_come_from_pages_of_ours() {
    let doors = gateway();
    let (mut owner, mut other) = (doors.owner(), Browser::new(doors.admin));
    for route in routes().filter(|route| route.method == "POST" && route.needs != Needs::Nothing) {
        // The API takes no cookie, so nobody can use another's.
        if route.door == Door::Public || route.spec.is_some() {
            continue;
        }
        let path = route.path.replace(['{', '}'], "x");
        for (token, fields) in [
            (true, "Sec-Fetch-Site: cross-site\r\n"),
            (true, "Sec-Fetch-Site: same-site\r\n"),
            (true, "Origin: https://evil.example\r\n"),
            (true, "Origin: null\r\n"),
            (false, "Sec-Fetch-Site: same-origin\r\n"),
            (false, ""),
        ] {
            let body = if token { format!("csrf={}", owner.csrf) } else { "csrf=x".to_string() };
            let fields = format!(
                "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n{fields}",
                body.len()
            );
            let answer = owner.ask("POST", &path, &fields, &body);
            assert_eq!(answer.code, 403, "{route:?} {fields:?}");
        }
    }
    assert_eq!(owner.get("/own").code, 200, "nobody was logged out");
    other.cookies = owner.cookies.clone();
    assert_eq!(other.post("/logout", &[]).code, 403);
}

#[test]
fn browsers_are_told_what_to_run_and_to_keep_nothing() {
    let doors = gateway();
    let mut owner = doors.owner();
    let mut look = |door: Door, path: &str| match door {
        Door::Admin => owner.get(path),
        Door::Public => get(doors.public, path),
    };
    let nowhere = [(Door::Public, "/nowhere"), (Door::Admin, "/nowhere")];
    for (door, path) in pages().map(|route| (route.door, route.path)).chain(nowhere) {
        let answer = look(door, path);
        let (script, kept) = match (door, path) {
            (Door::Public, _) => {
                let kept = [".css", ".ico", ".js"].iter().any(|end| path.ends_with(end));
                ("style-src 'self'; img-src 'self'; base-uri", kept)
            }
            (Door::Admin, _) => (
                "style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self'; base-uri",
                [".css", ".js", ".svg"].iter().any(|end| path.ends_with(end)),
            ),
        };
        let kept = if kept { "cache-control: public" } else { "cache-control: no-store" };
        for field in [
            "content-security-policy: default-src 'none'; ",
            script,
            "base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
            "x-content-type-options: nosniff",
            "referrer-policy: no-referrer",
            "cross-origin-opener-policy: same-origin",
            kept,
        ] {
            assert!(answer.head.contains(field), "{path}: {field} is missing in {}", answer.head);
        }
        assert!(!answer.head.contains("\r\nserver:"), "{path}: {}", answer.head);
        if answer.head.contains("text/html") {
            let page = answer.body.replace("<script src=\"/sluss.js", "");
            for sign in ["<script", "javascript:", " style=", "<style", " onclick", " onload"] {
                assert!(!page.contains(sign), "{path}: {sign}");
            }
            assert!(answer.body.len() < 100 << 10, "{path}: {} octets", answer.body.len());
        }
    }
}

#[test]
fn the_public_page_says_nothing_of_us() {
    let doors = gateway();
    for language in ["sv", "fi", "nb", "da", "en", "de", ""] {
        let fields = format!("Host: mx.ours.example\r\nAccept-Language: {language}\r\n");
        let page = ask(doors.public, "GET", "/", &fields);
        let want = if ["de", ""].contains(&language) { "en" } else { language };
        assert!(
            page.body.contains(&format!("<html lang=\"{want}\">")),
            "{language}: {}",
            page.body
        );
        assert!(page.head.contains(&format!("content-language: {want}")), "{}", page.head);
        assert!(page.body.contains("postmaster@"), "whom to ask: {}", page.body);
        let said = format!("{}{}", page.head, page.body).to_lowercase();
        for silent in
            ["sluss/", env!("CARGO_PKG_VERSION"), "ours.example:", "next-hop", "127.0.0.1"]
        {
            assert!(!said.contains(silent), "{language}: {silent} in {said}");
        }
    }
}

/// A page of a stranger whose name was made to point at our loopback comes with that name.
#[test]
fn the_admin_door_knows_whom_it_was_called() {
    let doors = gateway();
    let port = doors.admin;
    for (host, want) in [
        (format!("127.0.0.1:{port}"), 200),
        ("127.0.0.1".to_string(), 200),
        (format!("[::1]:{port}"), 200),
        (format!("LOCALHOST:{port}"), 200),
        ("mx.ours.example".to_string(), 200),
        ("mx.ours.example.".to_string(), 200),
        ("evil.example".to_string(), 421),
        (format!("evil.example:{port}"), 421),
        ("127.0.0.1.evil.example".to_string(), 421),
        ("localhost.evil.example".to_string(), 421),
        ("[::1".to_string(), 421),
        ("[::1]evil.example".to_string(), 421),
        (String::new(), 421),
    ] {
        for path in ["/login", "/metrics", "/nowhere"] {
            let answer = ask(port, "GET", path, &format!("Host: {host}\r\n"));
            let want = if want == 200 && path == "/nowhere" { 404 } else { want };
            assert_eq!(answer.code, want, "{host:?} {path}");
        }
    }
    let mut old = connect(port);
    old.write_all(b"GET /healthz HTTP/1.0\r\n\r\n").unwrap();
    let mut said = String::new();
    old.read_to_string(&mut said).unwrap();
    assert!(said.contains("200 OK") && said.ends_with("alive\n"), "a plain health check: {said}");
}

/// A field costs more in memory than on the wire; forms of anybody have few.
#[test]
fn forms_of_very_many_fields_are_refused() {
    let doors = gateway();
    let mut stranger = Browser::new(doors.admin);
    for (fields, want) in [(limits::FORM_FIELDS_MAX - 1, 401), (limits::FORM_FIELDS_MAX, 413)] {
        let body = "a&".repeat(fields);
        let length = format!("Content-Length: {}\r\n", body.len());
        assert_eq!(stranger.ask("POST", "/login", &length, &body).code, want, "{fields}");
    }
}

/// A form whose body never comes holds its connection no longer than a page may take.
#[test]
fn a_form_that_never_comes_is_given_up() {
    let doors = gateway();
    let began = Instant::now();
    let mut socket = connect(doors.admin);
    let head = "POST /login HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\nname=eva&";
    socket.write_all(head.as_bytes()).unwrap();
    let mut said = String::new();
    socket.read_to_string(&mut said).unwrap();
    assert!(said.starts_with("HTTP/1.1 503"), "{said}");
    assert!(began.elapsed() < limits::HTTP_ANSWER_TIME_MAX * 2, "{:?}", began.elapsed());
}

#[test]
fn large_heads_are_refused() {
    let doors = gateway();
    for port in [doors.public, doors.admin] {
        let host = format!("Host: 127.0.0.1:{port}\r\n");
        let long = format!("{host}X-Long: {}\r\n", "x".repeat(limits::HTTP_HEAD_BYTES_MAX));
        assert_eq!(ask(port, "GET", "/", &long).code, 431);
        let many = format!("{host}{}", "X-Many: x\r\n".repeat(limits::HTTP_HEADERS_MAX));
        assert_eq!(ask(port, "GET", "/", &many).code, 431);
    }
}

/// Connections that say nothing, or a byte now and then, are closed in time, and meanwhile nobody gets more than is there.
#[test]
fn slow_peers_are_shown_out() {
    let doors = Doors::open();
    let began = Instant::now();
    let mut slow: Vec<TcpStream> =
        (0..limits::HTTP_CONNECTIONS_MAX + 20).map(|_| connect(doors.admin)).collect();
    let mut world: Vec<TcpStream> =
        (0..limits::HTTP_CONNECTIONS_PER_ADDRESS_MAX * 2).map(|_| connect(doors.public)).collect();
    for socket in slow.iter_mut().chain(&mut world) {
        // Who is over the bound has been closed already.
        let _closed = socket.write_all(b"GET / HTTP/1.1\r\nHost: 127");
    }
    // Mail does not notice.
    Client::hello(doors.mail);
    wait_for("a page in spite of them", || {
        let mut socket = connect(doors.admin);
        socket
            .write_all(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            .ok()?;
        let mut said = String::new();
        socket.read_to_string(&mut said).ok()?;
        said.contains("alive").then_some(())
    });
    assert!(began.elapsed() < limits::HTTP_HEAD_TIME_MAX * 2, "{:?}", began.elapsed());
    for socket in slow.iter_mut().chain(&mut world) {
        let mut rest = Vec::new();
        let _reset_is_an_end_too = socket.read_to_end(&mut rest);
        assert!(!String::from_utf8_lossy(&rest).contains("200 OK"));
    }
    assert!(began.elapsed() < limits::HTTP_HEAD_TIME_MAX * 2, "{:?}", began.elapsed());
    doors.gateway.stop();
}

#[test]
fn the_status_page_shows_what_there_is() {
    let doors = gateway();
    let page = doors.owner().get("/status");
    assert!(page.head.contains("content-type: text/html"), "{}", page.head);
    for part in [
        "mx.ours.example",
        "taking mail",
        "To look at",
        "the master key lies beside the data",
        "the certificate is made by ourselves",
        "mails in the queue",
        "free disk",
        "No mail yet.",
        "Nothing waits.",
    ] {
        assert!(page.body.contains(part), "{part:?} is missing in {}", page.body);
    }
    let metrics = get(doors.admin, "/metrics").body;
    for name in ["sluss_queue_mails 0", "sluss_certificate_days_left"] {
        assert!(metrics.contains(name), "{name} is missing in {metrics}");
    }
    // The command says the same as the page.
    let status = doors.gateway.command(&["status"]);
    let said = String::from_utf8_lossy(&status.stdout).into_owned();
    assert!(said.contains("the master key lies beside the data"), "{said}");
}

#[test]
fn readiness_ends_before_the_process_does() {
    let doors = Doors::open();
    assert_eq!(get(doors.admin, "/readyz").body, "ready\n");
    let mut open = Client::hello(doors.mail);
    assert_eq!(open.ask("MAIL FROM:<karin@example.org>").unwrap().code, 250);
    doors.gateway.signal("TERM");
    let ending = wait_for("the end to show", || {
        let answer = get(doors.admin, "/readyz");
        (answer.code != 200).then_some(answer)
    });
    assert_eq!((ending.code, ending.body.as_str()), (503, "ending\n"));
    assert_eq!(get(doors.admin, "/healthz").code, 200);
}
