//! The two web listeners of the real program: each page on its own door, nothing that changes anything, and peers that mean ill.

// Real time, and failing loudly, is what these tests are for.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, clippy::disallowed_methods)]

mod common;

use common::{Client, Gateway, free_port, wait_for};
use sluss::{
    base::limits,
    edge::http::{Door, ROUTES},
};
use std::{
    io::{Read, Write},
    net::TcpStream,
    sync::OnceLock,
    time::{Duration, Instant},
};

/// One gateway for the tests that do not need one of their own.
fn gateway() -> &'static Doors {
    static GATEWAY: OnceLock<Doors> = OnceLock::new();
    GATEWAY.get_or_init(Doors::open)
}

struct Doors {
    gateway: Gateway,
    public: u16,
    admin: u16,
    mail: u16,
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
        Doors { gateway, public, admin, mail }
    }

    fn port(&self, door: Door) -> u16 {
        match door {
            Door::Public => self.public,
            Door::Admin => self.admin,
        }
    }
}

/// An answer: its code, its head in lower case, its body.
struct Answer {
    code: u16,
    head: String,
    body: String,
}

fn ask(port: u16, method: &str, path: &str, fields: &str) -> Answer {
    let request = format!("{method} {path} HTTP/1.1\r\nConnection: close\r\n{fields}\r\n");
    let mut socket = connect(port);
    socket.write_all(request.as_bytes()).unwrap();
    let mut text = String::new();
    socket.read_to_string(&mut text).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or_else(|| panic!("{path}: {text:?}"));
    let code = head.split(' ').nth(1).unwrap().parse().unwrap();
    Answer { code, head: head.to_lowercase(), body: body.to_string() }
}

fn get(port: u16, path: &str) -> Answer {
    ask(port, "GET", path, &format!("Host: 127.0.0.1:{port}\r\n"))
}

fn connect(port: u16) -> TcpStream {
    let socket = TcpStream::connect(("127.0.0.1", port)).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    socket
}

#[test]
fn every_page_is_on_its_own_door_and_on_no_other() {
    let doors = gateway();
    let mut contents = Vec::new();
    for route in ROUTES {
        let other = if route.door == Door::Admin { Door::Public } else { Door::Admin };
        let here = get(doors.port(route.door), route.path);
        assert_eq!(here.code, 200, "{} of {:?}: {}", route.path, route.door, here.body);
        let elsewhere = get(doors.port(other), route.path);
        let has_its_own = ROUTES.iter().any(|one| one.door == other && one.path == route.path);
        match has_its_own {
            true => assert_ne!(elsewhere.body, here.body, "{} is on both doors", route.path),
            false => assert_eq!(elsewhere.code, 404, "{} is on both doors", route.path),
        }
        contents.push((route.door, route.path, route.method));
    }
    let routes = contents.len();
    contents.sort_by_key(|(door, path, method)| (format!("{door:?}"), *path, *method));
    contents.dedup();
    assert_eq!(contents.len(), routes, "a page stands in the table twice");
    for nowhere in ["/nowhere", "/status.css/", "//", "/%2e%2e/metrics", "/METRICS", "/index.html"]
    {
        for port in [doors.public, doors.admin] {
            assert_eq!(get(port, nowhere).code, 404, "{nowhere}");
        }
    }
}

#[test]
fn nothing_can_be_changed_and_head_says_what_get_says() {
    let doors = gateway();
    for route in ROUTES {
        let port = doors.port(route.door);
        let host = format!("Host: 127.0.0.1:{port}\r\n");
        assert_eq!(route.method, "GET", "a page that changes something needs a test of its own");
        let head = ask(port, "HEAD", route.path, &host);
        assert_eq!((head.code, head.body.as_str()), (200, ""), "{}", route.path);
        for method in ["OPTIONS", "POST", "PUT", "DELETE", "PATCH", "TRACE", "BREW"] {
            let answer = ask(port, method, route.path, &host);
            assert_eq!(answer.code, 405, "{method} {}", route.path);
            assert!(answer.head.contains("allow: get,head"), "{}", answer.head);
        }
        let body = ask(port, "GET", route.path, &format!("{host}Content-Length: 5\r\n"));
        assert_eq!(body.code, 413, "{}", route.path);
        let chunks =
            ask(port, "POST", route.path, &format!("{host}Transfer-Encoding: chunked\r\n"));
        assert_eq!(chunks.code, 413, "{}", route.path);
    }
}

#[test]
fn browsers_are_told_to_run_nothing_and_keep_nothing() {
    let doors = gateway();
    let paths = ROUTES.iter().map(|route| (doors.port(route.door), route.path));
    for (port, path) in paths.chain([(doors.public, "/nowhere"), (doors.admin, "/nowhere")]) {
        let answer = get(port, path);
        for field in [
            "content-security-policy: default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
            "x-content-type-options: nosniff",
            "referrer-policy: no-referrer",
            "cache-control: no-store",
        ] {
            assert!(answer.head.contains(field), "{path}: {field} is missing in {}", answer.head);
        }
        assert!(!answer.head.contains("\r\nserver:"), "{path}: {}", answer.head);
        for sign in ["<script", "javascript:", " style=", "<style", " on"] {
            let pages_only = answer.head.contains("text/html");
            assert!(!pages_only || sign == " on" || !answer.body.contains(sign), "{path}: {sign}");
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
        (String::new(), 421),
    ] {
        for path in ["/", "/metrics", "/nowhere"] {
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
    let page = get(doors.admin, "/");
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
