//! The pages of the real program in Debian's Chromium: each scenario is a script in `tests/browser`, run by Node against a gateway of its
//! own, and ends by itself. `tests/run` installs what is needed.
//!
//! A scenario walks the routes as data and follows links, so that a new page is in it from its first day. A page with a variable part that
//! no page links to wants a line in [`paths`].

// Real time, and failing loudly, is what these tests are for.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, clippy::disallowed_methods)]

mod common;

use common::{
    Client, Gateway, Hop, Manner, eicar, free_port, mail, wait_for,
    web::{Browser, PASSWORD},
};
use data_encoding::BASE64;
use rusqlite::{Connection, OpenFlags, types::ValueRef};
use serde_json::{Value, json};
use sluss::edge::http::{Door, Route, routes};
use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

/// Pages that nothing links to, those behind the address in a mail, say: door and path.
fn paths(_ground: &Ground) -> Vec<(Door, String)> {
    Vec::new()
}

/// GET routes with a variable part that give no page: pictures, downloads, parts of mails.
const NOT_PAGES: &[&str] = &[];

/// A scenario takes under a minute; on a busy machine a few.
const SCENARIO_SECONDS_MAX: &str = "300";

/// The accounts that look at pages: name, and options of `sluss user add`.
const ACCOUNTS: &[(&str, &[&str])] = &[
    ("owner", &["--role", "owner"]),
    ("admin", &["--role", "admin"]),
    ("reviewer", &["--role", "reviewer"]),
    ("helpdesk", &["--role", "helpdesk"]),
    ("auditor", &["--role", "auditor"]),
    ("domain-admin", &["--role", "domain-admin", "--organisation", "acme"]),
];

/// A gateway with two organisations, and some mail of every fate.
struct Ground {
    gateway: Gateway,
    folder: tempfile::TempDir,
    inbound: u16,
    admin: u16,
    public: u16,
    browsers: Vec<(&'static str, Browser)>,
    // Takes what is delivered, for as long as the gateway lives.
    _hop: Hop,
}

impl Ground {
    #[track_caller]
    fn open() -> Ground {
        let hop = Hop::start(Manner::default());
        let (inbound, admin, public, away) = (free_port(), free_port(), free_port(), free_port());
        let domain = |name: &str, organisation: &str, port: u16, policy: &str| {
            format!(
                "[[domain]]\nname = \"{name}\"\norganisation = \"{organisation}\"\nnext-hop = \"smtp://127.0.0.1:{port}\"\nrecipients = \"any\"\npolicy = \"{policy}\"\n"
            )
        };
        let domains = [
            domain("acme.example", "acme", hop.port(), "open"),
            domain("held.example", "acme", hop.port(), "holding"),
            domain("away.example", "acme", away, "open"),
            domain("berg.example", "berg", hop.port(), "open"),
        ];
        let config = format!(
            "hostname = \"mx.ours.example\"\n\
             [[listener]]\nname = \"in\"\nbind = \"127.0.0.1:{inbound}\"\ndirection = \"inbound\"\n\
             [[organisation]]\nname = \"acme\"\n[[organisation]]\nname = \"berg\"\n[outbound]\norganisation = \"acme\"\n{}\
             [[policy]]\nname = \"open\"\nmark = 1000\nquarantine = 1000\nreject = 1000\n\
             [[policy]]\nname = \"holding\"\nmark = 0.1\nquarantine = 0.1\nreject = 1000\n[policy.actions]\nvirus = \"quarantine\"\n\
             [limits]\ntransactions-per-minute = 1000000\n\
             [web]\nadmin = \"127.0.0.1:{admin}\"\npublic = \"127.0.0.1:{public}\"\n",
            domains.concat()
        );
        let folder = tempfile::tempdir().unwrap();
        let gateway = Gateway::start_in(folder.path(), &config);
        let browser = |(name, options): &(&'static str, &[&str])| {
            (*name, Browser::of_account(&gateway, admin, name, options))
        };
        let browsers = ACCOUNTS.iter().map(browser).collect();
        let ground = Ground { gateway, folder, inbound, admin, public, browsers, _hop: hop };
        ground.seed();
        ground
    }

    /// Delivered, waiting, held and refused.
    #[track_caller]
    fn seed(&self) {
        let virus = format!(
            "From: Karin <karin@example.org>\r\nTo: anna@berg.example\r\nSubject: a sample\r\nMIME-Version: 1.0\r\nContent-Type: text/plain\r\n\r\n{}\r\n",
            eicar()
        );
        for (to, mail) in [
            ("anna@acme.example", mail("delivered").into_bytes()),
            ("anna@berg.example", mail("delivered too").into_bytes()),
            ("anna@away.example", mail("waits").into_bytes()),
            ("anna@held.example", mail("held").replace("Date:", "X-Date:").into_bytes()),
            ("anna@berg.example", virus.into_bytes()),
        ] {
            Client::hello(self.inbound).send("karin@example.org", &[to], &mail).unwrap();
        }
        wait_for("a held mail", || (!self.gateway.quarantine(false).is_empty()).then_some(()));
        wait_for("a waiting mail", || (!self.gateway.queue().is_empty()).then_some(()));
    }

    fn place(&self) -> Value {
        let door = |door: Door| format!("{door:?}");
        let of_route =
            |one: &Route| json!({ "door": door(one.door), "method": one.method, "path": one.path });
        // The API is for programs; tests/api.rs knows it.
        let (programs, people): (Vec<&Route>, Vec<&Route>) =
            routes().partition(|one| one.spec.is_some());
        let [programs, people]: [Vec<Value>; 2] =
            [programs, people].map(|part| part.into_iter().map(of_route).collect());
        let accounts: Vec<Value> = self
            .browsers
            .iter()
            .map(|(name, browser)| {
                json!({ "name": name, "role": name, "password": PASSWORD, "session": browser.cookies["__Host-sluss"] })
            })
            .collect();
        let paths: Vec<Value> = paths(self)
            .iter()
            .map(|(at, path)| json!({ "door": door(*at), "path": path }))
            .collect();
        json!({
            "chromium": "/usr/bin/chromium",
            "admin": format!("http://127.0.0.1:{}", self.admin),
            "public": format!("http://127.0.0.1:{}", self.public),
            "routes": people,
            "programs": programs,
            "paths": paths,
            "notPages": NOT_PAGES,
            "accounts": accounts,
            "screenshots": root().join("target/screenshots"),
            "vectors": vectors(),
        })
    }

    /// Plays `tests/browser/NAME.mjs` here; what it says when it fails is why.
    #[track_caller]
    fn play(&self, name: &str) {
        let scripts = root().join("tests/browser");
        assert!(
            scripts.join("node_modules").is_dir(),
            "run tests/run, or `npm ci` in tests/browser"
        );
        let place = self.folder.path().join("place.json");
        fs::write(&place, self.place().to_string()).unwrap();
        let rest = self.folder.path().join("browser");
        fs::create_dir_all(&rest).unwrap();
        // Chromium keeps its profile in a folder that goes with the test, and knows of no proxy.
        let ended = Command::new("timeout")
            .args(["--kill-after=5", SCENARIO_SECONDS_MAX, "node"])
            .arg(scripts.join(format!("{name}.mjs")))
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap())
            .envs([("HOME", &rest), ("TMPDIR", &rest), ("SLUSS_PLACE", &place)])
            .output()
            .unwrap();
        let said = format!(
            "{}{}",
            String::from_utf8_lossy(&ended.stdout),
            String::from_utf8_lossy(&ended.stderr)
        );
        assert!(ended.status.success(), "{name}: {}\n{said}", ended.status);
    }
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Texts of strangers that would do harm where a page takes them for markup.
fn vectors() -> Vec<String> {
    let text = fs::read_to_string(root().join("tests/suites/xss/fields.txt")).unwrap();
    let vectors: Vec<String> = text
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .map(str::to_string)
        .collect();
    assert!(vectors.len() >= 200, "{}", vectors.len());
    vectors
}

#[test]
fn every_page_is_fit_for_everybody() {
    Ground::open().play("pages");
}

#[test]
fn people_come_in_and_go_out() {
    Ground::open().play("log_in");
}

/// Whoever looks, and however often, changes nothing.
#[test]
fn who_only_looks_changes_nothing() {
    let ground = Ground::open();
    let data = ground.folder.path().join("data");
    let before = settled(&data);
    ground.play("prefetch");
    let after = settled(&data);
    let names: std::collections::BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    let changed: Vec<String> = names
        .into_iter()
        .filter(|name| before.get(*name) != after.get(*name))
        .map(|name| {
            format!("{name}\nbefore: {:?}\nafter:  {:?}", before.get(name), after.get(name))
        })
        .collect();
    assert!(before.len() > 20, "{before:?}");
    assert!(changed.is_empty(), "{}", changed.join("\n"));
}

/// What lies in the data folder, once what was begun is written.
#[track_caller]
fn settled(folder: &Path) -> BTreeMap<String, String> {
    let mut last = state(folder);
    wait_for("a data folder at rest", || {
        std::thread::sleep(std::time::Duration::from_millis(700));
        let now = state(folder);
        let same = now == last;
        last = now;
        same.then(|| last.clone())
    })
}

/// Every file by its hash, every database by the rows of its tables.
fn state(folder: &Path) -> BTreeMap<String, String> {
    let mut state = BTreeMap::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.strip_prefix(folder).unwrap().to_string_lossy().into_owned();
        if path.is_dir() {
            let inner = self::state(&path).into_iter();
            state.extend(inner.map(|(inside, what)| (format!("{name}/{inside}"), what)));
        } else if let Ok(bytes) = fs::read(&path) {
            // What a database has not yet put into its main file is read with it.
            if name.ends_with("-wal") || name.ends_with("-shm") {
                continue;
            }
            match bytes.starts_with(b"SQLite format 3\0") {
                true => state.extend(
                    tables(&path)
                        .into_iter()
                        .map(|(table, rows)| (format!("{name}: {table}"), rows)),
                ),
                false => drop(state.insert(name, blake3::hash(&bytes).to_hex().to_string())),
            }
        }
    }
    state
}

fn tables(file: &Path) -> BTreeMap<String, String> {
    let database = Connection::open_with_flags(file, OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
    database.busy_timeout(common::PATIENCE).unwrap();
    let mut names = database.prepare("SELECT name FROM sqlite_schema WHERE type = 'table' AND sql NOT LIKE 'CREATE VIRTUAL%'").unwrap();
    let names: Vec<String> =
        names.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
    names
        .into_iter()
        .map(|name| {
            let rows = rows(&database, &name);
            (name, rows)
        })
        .collect()
}

fn rows(database: &Connection, table: &str) -> String {
    let mut all = database.prepare(&format!("SELECT * FROM \"{table}\"")).unwrap();
    let columns = all.column_count();
    let mut rows = all.query([]).unwrap();
    let mut lines = Vec::new();
    while let Some(row) = rows.next().unwrap() {
        let value = |column| match row.get_ref(column).unwrap() {
            ValueRef::Text(text) => String::from_utf8_lossy(text).into_owned(),
            ValueRef::Blob(blob) => BASE64.encode(blob),
            number @ (ValueRef::Null | ValueRef::Integer(_) | ValueRef::Real(_)) => {
                format!("{number:?}")
            }
        };
        lines.push((0..columns).map(value).collect::<Vec<_>>().join(" | "));
    }
    lines.sort();
    lines.join("\n")
}

#[test]
fn what_strangers_write_stays_text() {
    let ground = Ground::open();
    let before = ground.gateway.quarantine(false).len();
    let vectors = vectors();
    for group in vectors.chunks(20) {
        let mut client = Client::hello(ground.inbound);
        for (number, vector) in group.iter().enumerate() {
            let local = format!("\"{}\"", vector.replace('\\', "\\\\").replace('"', "\\\""));
            let plain = vector.bytes().all(|byte| (b' '..=b'~').contains(&byte));
            let sender = match plain && local.len() <= 64 {
                true => format!("{local}@evil.example"),
                false => format!("x{number}@evil.example"),
            };
            let heard =
                client.send(&sender, &["anna@held.example"], laden(vector).as_bytes()).unwrap();
            assert_eq!(heard.code, 250, "{vector}: {heard:?}");
            if plain && local.len() <= 64 {
                // Addresses that nobody has, in traces and lists of refusals.
                client.ask("MAIL FROM:<karin@example.org>").unwrap();
                client.ask(&format!("RCPT TO:<{local}@held.example>")).unwrap();
                client.ask("RSET").unwrap();
            }
        }
    }
    let mut stranger = Browser::new(ground.admin);
    for vector in vectors.iter().take(5) {
        stranger.log_in(vector, "not a password of anybody");
    }
    let held = wait_for("all of them to be held", || {
        let held = ground.gateway.quarantine(false).len();
        (held >= before + vectors.len()).then_some(held)
    });
    assert_eq!(held, before + vectors.len());
    ground.play("xss");
}

/// A mail that says this wherever a mail says something. It has no Date, and that is enough to hold it here.
fn laden(text: &str) -> String {
    let word = |text: &str| {
        // RFC 2047 section 2: an encoded word has at most 75 letters, so a long text is several.
        let letters: Vec<char> = text.chars().collect();
        let words = letters.chunks(10).map(|part| {
            let part: String = part.iter().collect();
            format!("=?utf-8?B?{}?=", BASE64.encode(part.as_bytes()))
        });
        words.collect::<Vec<_>>().join("\r\n ")
    };
    let percent: String = text.bytes().map(|byte| format!("%{byte:02X}")).collect();
    let raw: String = text.chars().filter(char::is_ascii).collect();
    let (coded, raw) = (word(text), raw.replace(['\t', '\r', '\n'], " "));
    format!(
        "From: {coded} <x@evil.example>\r\nTo: {coded} <anna@held.example>\r\nReply-To: {coded} <y@evil.example>\r\nSubject: {coded}\r\n\
         Message-ID: <{raw}@evil.example>\r\nX-Mailer: {raw}\r\nList-Id: {raw} <list.evil.example>\r\n\
         X-Vector: {raw}\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n\
         --b\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\n{}\r\n\
         --b\r\nContent-Type: text/html; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\n{}\r\n\
         --b\r\nContent-Type: application/octet-stream; name*=utf-8''{percent}\r\nContent-Disposition: attachment; filename*=utf-8''{percent}\r\n\
         Content-Transfer-Encoding: base64\r\n\r\nAAECAw==\r\n--b--\r\n",
        wrapped(text),
        wrapped(&format!("<p>Hej!</p>{text}<p>Hej då</p>")),
    )
}

/// Base64 in lines.
fn wrapped(text: &str) -> String {
    let coded = BASE64.encode(text.as_bytes());
    let lines: Vec<&str> =
        coded.as_bytes().chunks(76).map(|line| std::str::from_utf8(line).unwrap()).collect();
    lines.join("\r\n")
}
