//! Transcripts of whole SMTP sessions, played against the real listeners of a real gateway with a real server behind it.
//!
//! A transcript (`tests/dialogues/*.smtp`) is read line by line:
//! ```text
//! # what it shows
//! listener outbound         inbound (default), outbound, implicit (TLS from the first byte), required (STARTTLS first),
//!                           submissions (outbound, TLS from the first byte), proxied and proxied-tls (behind a balancer)
//! account NAME PASSWORD     there is such a user; command WORDS runs `sluss WORDS` against the gateway
//! limits connections = 2    a line of [limits]; transcripts with the same share a gateway
//! hop rcpt PART => REPLY    the server behind answers RCPT like this; also: hop dot REPLY, hop keywords A,B
//! hello                     220, EHLO, 250
//! C: LINE                   the client says this
//! C-raw: BYTES              the same without CRLF; \r \n \0 \t \\ \xHH; {TEXT*COUNT} repeats, here and in C:
//! S: BEGINNING              the next reply begins so; S-id: and bears the transaction's id; S-slow MS: and took so long
//! S-times COUNT: BEGINNING  so many replies begin so
//! S+: BEGINNING             a line of the last reply begins so; S-: none does
//! tls                       handshake
//! close                     the gateway has hung up; gone: it may have said goodbye at the TLS level, but no reply
//! open COUNT                so many more connections, all greeted
//! another LINE => BEGINNING another connection says this first and hears that
//! turned away: BEGINNING    another connection hears this and is closed
//! trace has TEXT            the trace of the first transaction here has this inside; trace lacks TEXT
//! hang up                   the client is gone without a word; another connection takes its place
//! networks NET              only this network may send by the outbound listener
//! took COUNT                the server behind has taken so many mails in this dialogue, and nothing waits
//! took has BYTES            the last of them has this inside; took lacks BYTES; took to ADDRESS; took mail TEXT (in its MAIL line)
//! ```

// Real time, and failing loudly, is what these tests are for.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, clippy::disallowed_methods)]

mod common;

use common::{Client, Gateway, Heard, Hop, Manner, free_port, wait_for};
use serde_json::json;
use std::{
    collections::{BTreeMap, HashMap},
    fs,
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
    sync::Mutex,
    thread,
    time::{Duration, Instant},
};

#[test]
fn every_dialogue_goes_as_written() {
    let mut houses: BTreeMap<Vec<String>, Vec<PathBuf>> = BTreeMap::new();
    for file in dialogues() {
        let text = fs::read_to_string(&file).unwrap();
        // What the gateway learned of the server behind stays with it, so a server that offers other things has a house of its own.
        let apart = ["limits ", "networks ", "hop keywords ", "account "];
        let lines = text.lines().filter(|line| apart.iter().any(|word| line.starts_with(word)));
        houses.entry(lines.map(str::to_string).collect()).or_default().push(file);
    }
    // Two at a time: starting takes a core for a second.
    let (houses, wrong) = (Mutex::new(houses.into_iter()), Mutex::new(Vec::new()));
    let one_after_the_other = || {
        loop {
            let Some((apart, files)) = houses.lock().unwrap().next() else { return };
            let found = play_all(&apart, &files);
            wrong.lock().unwrap().extend(found);
        }
    };
    thread::scope(|scope| {
        let workers = [scope.spawn(one_after_the_other), scope.spawn(one_after_the_other)];
        workers.into_iter().for_each(|worker| worker.join().unwrap());
    });
    let wrong = wrong.into_inner().unwrap();
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn the_dialogues_are_there_and_say_what_they_show() {
    let files = dialogues();
    assert!(files.len() >= 35, "{}", files.len());
    for file in files {
        let text = fs::read_to_string(&file).unwrap();
        assert!(text.starts_with("# "), "{}: the first line says what it shows", file.display());
    }
}

fn dialogues() -> Vec<PathBuf> {
    let files = fs::read_dir("tests/dialogues").unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<_> =
        files.filter(|file| file.extension().is_some_and(|end| end == "smtp")).collect();
    files.sort();
    files
}

/// Plays dialogues that share a gateway; gives what went wrong.
fn play_all(apart: &[String], files: &[PathBuf]) -> Vec<String> {
    let limits: Vec<&str> = apart.iter().filter_map(|line| line.strip_prefix("limits ")).collect();
    let networks = apart.iter().find_map(|line| line.strip_prefix("networks "));
    let house = House::start(&limits, networks.unwrap_or("127.0.0.0/8"));
    apart
        .iter()
        .filter_map(|line| line.strip_prefix("account "))
        .for_each(|words| house.account(words));
    let play = |file: &PathBuf| {
        let played = catch_unwind(AssertUnwindSafe(|| house.play(file)));
        let panic = played.err()?;
        let words = panic
            .downcast_ref::<String>()
            .cloned()
            .or_else(|| panic.downcast_ref::<&str>().map(|words| words.to_string()));
        Some(format!("{}: {}", file.display(), words.unwrap_or_default()))
    };
    files.iter().filter_map(play).collect()
}

/// A gateway and the server behind it.
struct House {
    gateway: Gateway,
    hop: Hop,
    ports: HashMap<&'static str, u16>,
}

impl House {
    fn start(limits: &[&str], networks: &str) -> House {
        let hop = Hop::start(Manner::default());
        let names = [
            "inbound",
            "outbound",
            "implicit",
            "required",
            "submissions",
            "proxied",
            "proxied-tls",
        ];
        let ports: HashMap<&str, u16> = names.map(|name| (name, free_port())).into();
        let listeners = names.map(|name| {
            let outbound = ["outbound", "submissions"].contains(&name);
            let direction = if outbound { "outbound" } else { "inbound" };
            let tls = match name {
                "implicit" | "submissions" | "proxied-tls" => "implicit",
                "required" => "required",
                _ => "opportunistic",
            };
            let proxies = if name.starts_with("proxied") { "\"127.0.0.0/8\"" } else { "" };
            format!(
                "[[listener]]\nname = \"{name}\"\nbind = \"127.0.0.1:{}\"\ndirection = \"{direction}\"\ntls = \"{tls}\"\n\
                 proxy-protocol-from = [{proxies}]\n",
                ports[name]
            )
        });
        let next_hop = format!("next-hop = \"smtp://127.0.0.1:{}\"", hop.port());
        let mut generous: BTreeMap<String, String> = BTreeMap::from(
            [
                ("connections", "1000"),
                ("connections-per-address", "1000"),
                ("connections-per-network", "1000"),
                ("transactions-per-minute", "100000"),
            ]
            .map(|(key, value)| (key.to_string(), value.to_string())),
        );
        for line in limits {
            let (key, value) = line.split_once(" = ").unwrap();
            generous.insert(key.to_string(), value.to_string());
        }
        let generous: Vec<String> =
            generous.iter().map(|(key, value)| format!("{key} = {value}")).collect();
        let config = format!(
            "hostname = \"mx.ours.example\"\n{}\n[[domain]]\nname = \"ours.example\"\n{next_hop}\nrecipients = \"any\"\n\
             [[domain]]\nname = \"asked.example\"\n{next_hop}\n\
             [dns]\nsender-domains = false\n[outbound]\nnetworks = [\"{networks}\"]\nsmarthost = \"smtp://127.0.0.1:{}\"\n[limits]\n{}\n",
            listeners.concat(),
            hop.port(),
            generous.join("\n")
        );
        House { gateway: Gateway::start(&config), hop, ports }
    }

    /// Makes an account as an admin would, beside the running gateway.
    fn account(&self, words: &str) {
        let (name, password) = words.split_once(' ').unwrap();
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), password).unwrap();
        let file = file.path().to_str().unwrap();
        let made = self.gateway.command(&["user", "add", "--password-file", file, name]);
        assert!(made.status.success(), "{made:?}");
    }

    fn play(&self, file: &Path) {
        let text = fs::read_to_string(file).unwrap();
        self.hop.become_(Manner::default());
        self.hop.forget();
        let listener = text.lines().find_map(|line| line.strip_prefix("listener "));
        let listener = listener.unwrap_or("inbound");
        let mut scene = Scene {
            house: self,
            port: self.ports[listener],
            client: Client::dial(self.ports[listener]).unwrap(),
            others: Vec::new(),
            last: None,
            id: None,
            first_id: None,
        };
        if ["implicit", "submissions"].contains(&listener) {
            scene.client.handshake().unwrap();
        }
        for (number, line) in text.lines().enumerate() {
            let played = catch_unwind(AssertUnwindSafe(|| scene.line(line)));
            if let Err(panic) = played {
                let words = panic.downcast_ref::<String>().cloned().unwrap_or_default();
                panic!("line {}: {line}\n  {words}", number + 1);
            }
        }
    }
}

/// One dialogue under way.
struct Scene<'a> {
    house: &'a House,
    port: u16,
    client: Client,
    others: Vec<Client>,
    last: Option<Heard>,
    id: Option<String>,
    first_id: Option<String>,
}

impl Scene<'_> {
    fn line(&mut self, line: &str) {
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        match word {
            "" | "#" | "listener" | "limits" | "networks" | "account" => (),
            "command" => {
                let words: Vec<&str> = rest.split(' ').collect();
                let ran = self.house.gateway.command(&words);
                assert!(ran.status.success(), "{ran:?}");
            }
            "hop" => self.hop(rest),
            "hello" => {
                self.hear("220");
                self.client.say("EHLO client.example.org");
                self.hear("250");
            }
            "C:" => self.client.say(&String::from_utf8(bytes_of(rest)).unwrap()),
            // A gateway that hangs up in the middle is what some of these show.
            "C-raw:" => drop(self.client.write(&bytes_of(rest))),
            "S:" => self.hear(rest),
            "S-id:" => {
                self.hear(rest);
                let id = self.last.as_ref().unwrap().id();
                assert!(
                    id.is_some() && id == self.id,
                    "wanted {:?}, heard {:?}",
                    self.id,
                    self.last
                );
            }
            "S-slow" => {
                let (least_ms, rest) = rest.split_once(": ").unwrap();
                let began = Instant::now();
                self.hear(rest);
                let took = began.elapsed();
                assert!(took >= Duration::from_millis(least_ms.parse().unwrap()), "took {took:?}");
            }
            "S-times" => {
                let (times, rest) = rest.split_once(": ").unwrap();
                (0..times.parse::<usize>().unwrap()).for_each(|_| self.hear(rest));
            }
            "S+:" => assert!(self.last_has(rest), "not in {:?}", self.last),
            "S-:" => assert!(!self.last_has(rest), "in {:?}", self.last),
            "tls" => self.client.handshake().unwrap(),
            "gone" => assert!(!self.client.rest().contains("250"), "a command was heard"),
            "close" => assert!(self.client.is_closed(), "still open"),
            "open" => {
                for _ in 0..rest.parse().unwrap() {
                    let mut other = Client::dial(self.port).unwrap();
                    other.expect("220");
                    self.others.push(other);
                }
            }
            "another" => {
                let (header, beginning) = rest.split_once(" => ").unwrap();
                let mut other = Client::dial(self.port).unwrap();
                other.say(header);
                other.expect(beginning);
                self.others.push(other);
            }
            "turned" => {
                let mut other = Client::dial(self.port).unwrap();
                other.expect(rest.strip_prefix("away: ").unwrap());
                assert!(other.is_closed(), "still open");
            }
            "hang" => self.client = Client::dial(self.port).unwrap(),
            "trace" => self.trace(rest),
            "took" => self.took(rest),
            other => panic!("{other:?} is no word of a dialogue"),
        }
    }

    fn hear(&mut self, beginning: &str) {
        let heard = self.client.hear();
        let heard = heard.unwrap_or_else(|error| panic!("wanted {beginning:?}, but {error}"));
        assert!(heard.lines[0].starts_with(beginning), "wanted {beginning:?}, heard {heard:?}");
        if heard.lines[0].starts_with("250 2.1.0") {
            self.id = heard.id();
            self.first_id = self.first_id.take().or(heard.id());
        }
        self.last = Some(heard);
    }

    fn last_has(&self, beginning: &str) -> bool {
        let lines = &self.last.as_ref().unwrap().lines;
        lines.iter().any(|line| line.get(4..).is_some_and(|text| text.starts_with(beginning)))
    }

    fn hop(&self, words: &str) {
        let (what, rest) = words.split_once(' ').unwrap();
        self.house.hop.change(|manner| match what {
            "rcpt" => {
                let (part, reply) = rest.split_once(" => ").unwrap();
                manner.rcpt.push((part.to_string(), reply.to_string()));
            }
            "dot" => manner.dot = common::Dot::Say(rest.to_string()),
            "keywords" => manner.keywords = Some(rest.split(',').map(str::to_string).collect()),
            other => panic!("{other:?} is nothing that a hop can"),
        });
    }

    fn trace(&self, words: &str) {
        let ask = json!({ "command": "trace", "id": self.first_id });
        // The trace gathers rows for a moment, and those of refused recipients follow the mail's.
        match words.split_once(' ').unwrap() {
            ("has", text) => wait_for(text, || {
                let found = self.house.gateway.ask(&ask).unwrap_or_default().to_string();
                found.contains(text).then_some(())
            }),
            (_, text) => {
                let found = self.house.gateway.ask(&ask).unwrap_or_default().to_string();
                assert!(!found.contains(text), "{found}");
            }
        }
    }

    fn took(&self, words: &str) {
        wait_for("an empty queue", || self.house.gateway.queue().is_empty().then_some(()));
        let taken = self.house.hop.taken();
        let last = || taken.last().unwrap_or_else(|| panic!("it took nothing"));
        let has = |bytes: &str| memchr::memmem::find(&last().bytes, &bytes_of(bytes)).is_some();
        match words.split_once(' ') {
            None => assert_eq!(taken.len(), words.parse::<usize>().unwrap(), "{taken:?}"),
            Some(("has", bytes)) => assert!(has(bytes), "{:?}", last().text()),
            Some(("lacks", bytes)) => assert!(!has(bytes), "{:?}", last().text()),
            Some(("to", address)) => {
                let address = String::from_utf8(bytes_of(address)).unwrap();
                assert!(last().is_for(&address), "{:?}", last().rcpt);
            }
            Some(("mail", text)) => assert!(last().mail.contains(text), "{:?}", last().mail),
            Some(("rcpt", text)) => {
                assert!(last().rcpt.iter().any(|line| line.contains(text)), "{:?}", last().rcpt)
            }
            Some((other, _)) => panic!("{other:?} is nothing to ask"),
        }
    }
}

/// Escapes and repetitions undone.
fn bytes_of(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let (more, left) = match first {
            '{' => repeated(rest),
            '\\' => escaped(rest),
            letter => (letter.to_string().into_bytes(), &rest[letter.len_utf8()..]),
        };
        bytes.extend(more);
        rest = left;
    }
    bytes
}

fn repeated(text: &str) -> (Vec<u8>, &str) {
    let (inner, left) = text[1..].split_once('}').unwrap();
    let (what, count) = inner.rsplit_once('*').unwrap();
    (bytes_of(what).repeat(count.parse().unwrap()), left)
}

fn escaped(text: &str) -> (Vec<u8>, &str) {
    let byte = match text.as_bytes()[1] {
        b'r' => b'\r',
        b'n' => b'\n',
        b't' => b'\t',
        b'0' => 0,
        b'x' => return (vec![u8::from_str_radix(&text[2..4], 16).unwrap()], &text[4..]),
        other => other,
    };
    (vec![byte], &text[2..])
}
