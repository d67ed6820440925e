//! A browser without a screen: keeps cookies, follows what it is told to, and fills in the token that every form of ours has.

use super::Gateway;
use std::{
    collections::BTreeMap,
    fs,
    io::{Read, Write},
    net::TcpStream,
    time::Duration,
};

/// An answer: its code, its head in lower case, its body.
pub struct Answer {
    pub code: u16,
    pub head: String,
    pub body: String,
}

impl Answer {
    /// The value of a head field; empty where there is none.
    pub fn field(&self, name: &str) -> &str {
        let start = format!("{name}: ");
        self.head.lines().find_map(|line| line.strip_prefix(start.as_str())).unwrap_or("")
    }
}

/// Sends one request and reads the whole answer.
#[track_caller]
pub fn ask(port: u16, method: &str, path: &str, fields: &str, body: &str) -> Answer {
    let request = format!("{method} {path} HTTP/1.1\r\nConnection: close\r\n{fields}\r\n{body}");
    let mut socket = connect(port);
    socket.write_all(request.as_bytes()).unwrap();
    let mut bytes = Vec::new();
    socket.read_to_end(&mut bytes).unwrap();
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or_else(|| panic!("{path}: {text:?}"));
    let code = head.split(' ').nth(1).unwrap().parse().unwrap();
    // Cookies are told apart by upper and lower case; what else is looked at is not.
    let head = head
        .lines()
        .map(|line| match line.split_once(": ") {
            Some((name, value))
                if name.eq_ignore_ascii_case("set-cookie")
                    || name.eq_ignore_ascii_case("location") =>
            {
                format!("{}: {value}", name.to_lowercase())
            }
            _ => line.to_lowercase(),
        })
        .collect::<Vec<_>>()
        .join("\r\n");
    Answer { code, head, body: body.to_string() }
}

pub fn connect(port: u16) -> TcpStream {
    let socket = TcpStream::connect(("127.0.0.1", port)).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    socket
}

/// Somebody at a door.
#[derive(Clone)]
pub struct Browser {
    pub port: u16,
    pub cookies: BTreeMap<String, String>,
    pub csrf: String,
}

impl Browser {
    pub fn new(port: u16) -> Browser {
        Browser { port, cookies: BTreeMap::new(), csrf: String::new() }
    }

    /// Makes an account with these options and logs in with it.
    #[track_caller]
    pub fn of_account(gateway: &Gateway, port: u16, name: &str, options: &[&str]) -> Browser {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("password");
        fs::write(&file, PASSWORD).unwrap();
        let file = file.to_str().unwrap().to_string();
        let mut command = vec!["user", "add", "--for", "web", "--password-file", &file];
        command.extend(options);
        command.push(name);
        let made = gateway.command(&command);
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let mut browser = Browser::new(port);
        let answer = browser.log_in(name, PASSWORD);
        assert_eq!((answer.code, answer.field("location")), (303, "/"), "{}", answer.body);
        browser.get("/own");
        assert!(!browser.csrf.is_empty(), "every page has the token");
        browser
    }

    pub fn log_in(&mut self, name: &str, password: &str) -> Answer {
        self.post("/login", &[("name", name), ("password", password)])
    }

    pub fn get(&mut self, path: &str) -> Answer {
        self.ask("GET", path, "", "")
    }

    /// Sends a form, with the token of the page that was looked at last.
    pub fn post(&mut self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let csrf = self.csrf.clone();
        let fields = fields.iter().copied().chain([("csrf", csrf.as_str())]);
        let body = fields
            .map(|(name, value)| format!("{name}={}", quoted(value)))
            .collect::<Vec<_>>()
            .join("&");
        let head = format!(
            "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\nSec-Fetch-Site: same-origin\r\n",
            body.len()
        );
        self.ask("POST", path, &head, &body)
    }

    /// Sends a form with files, written with the boundary "form".
    pub fn send_files(&mut self, path: &str, body: &[u8]) -> Answer {
        let head = format!(
            "Content-Type: multipart/form-data; boundary=form\r\nContent-Length: {}\r\nSec-Fetch-Site: same-origin\r\n",
            body.len()
        );
        self.ask("POST", path, &head, &String::from_utf8_lossy(body))
    }

    pub fn ask(&mut self, method: &str, path: &str, fields: &str, body: &str) -> Answer {
        let cookies: Vec<String> =
            self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let cookies = match cookies.is_empty() {
            true => String::new(),
            false => format!("Cookie: {}\r\n", cookies.join("; ")),
        };
        let fields = format!("Host: 127.0.0.1:{}\r\n{cookies}{fields}", self.port);
        let answer = ask(self.port, method, path, &fields, body);
        for line in answer.head.lines().filter_map(|line| line.strip_prefix("set-cookie: ")) {
            let (name, value) = line.split(';').next().unwrap().split_once('=').unwrap();
            match value.is_empty() {
                true => drop(self.cookies.remove(name)),
                false => drop(self.cookies.insert(name.to_string(), value.to_string())),
            }
        }
        if let Some(csrf) = between(&answer.body, "name=\"csrf\" value=\"", "\"") {
            self.csrf = csrf.to_string();
        }
        answer
    }
}

/// What stands between two texts, the first time.
pub fn between<'a>(text: &'a str, before: &str, after: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(before)?;
    Some(rest.split_once(after)?.0)
}

/// As a browser writes a field's value.
pub fn quoted(text: &str) -> String {
    let mut quoted = String::new();
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' => {
                quoted.push(char::from(byte))
            }
            _ => quoted.push_str(&format!("%{byte:02X}")),
        }
    }
    quoted
}

/// Of every account that tests make.
pub const PASSWORD: &str = "correct horse battery";
