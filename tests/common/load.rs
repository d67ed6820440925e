//! Load on a gateway that dies now and then, and what became of each mail: the mail says its name and the hash of its body, so that a
//! lost, a doubled and a damaged one are told apart.

use super::{Client, Gateway, Taken, chance, eicar};
use data_encoding::BASE64;
use serde_json::{Value, json};
use std::{
    collections::{BTreeMap, BTreeSet},
    str::FromStr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

/// A recipient whose mail is held: it has the published test file with it.
pub const HELD: &str = "b@held.example";

/// A number of the environment; one that cannot be read is not passed over.
pub fn from_environment<T: FromStr>(name: &str) -> Option<T> {
    let text = std::env::var(name).ok()?;
    let Ok(number) = text.parse() else { panic!("{name} is no number: {text}") };
    Some(number)
}

/// The seed that was given, or one of the moment.
pub fn seed() -> u64 {
    from_environment("SLUSS_SEED").unwrap_or_else(|| {
        u64::from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().subsec_nanos())
    })
}

/// What has come to the server behind, and what is held.
#[derive(Default)]
pub struct Arrivals {
    pub arrived: BTreeMap<String, Arrived>,
    pub damaged: Vec<String>,
}

/// How often one mail came, and how often the server behind dropped the line instead of its answer.
#[derive(Default)]
pub struct Arrived {
    pub times: usize,
    pub unanswered: usize,
}

impl Arrivals {
    pub fn enter(&mut self, taken: Vec<Taken>) {
        for one in taken {
            match whole(&one.text()) {
                Ok(name) => self.count(name, one.unanswered),
                Err(why) => self.damaged.push(why),
            }
        }
    }

    /// What is held now; gives how many.
    pub fn enter_held(&mut self, gateway: &Gateway) -> usize {
        let held = held(gateway);
        let count = held.len();
        for (name, content) in held {
            match content.as_deref().map(whole) {
                Some(Ok(found)) if found == name => self.count(name, false),
                other => self.damaged.push(format!("held {name}: {other:?}")),
            }
        }
        count
    }

    /// Acknowledged and nowhere.
    pub fn lost(&self, load: &Load) -> Vec<String> {
        let acknowledged = load.acknowledged.lock().unwrap();
        acknowledged.iter().filter(|name| !self.arrived.contains_key(*name)).cloned().collect()
    }

    fn count(&mut self, name: String, unanswered: bool) {
        let arrived = self.arrived.entry(name).or_default();
        arrived.times += 1;
        arrived.unanswered += usize::from(unanswered);
    }
}

/// The subject of every held mail, and its content.
fn held(gateway: &Gateway) -> Vec<(String, Option<String>)> {
    let of = |one: &Value| {
        let request = json!({ "command": "quarantine-show", "id": one["id"], "content": true });
        let shown = gateway.ask(&request).ok()?;
        let content = BASE64.decode(shown["content_base64"].as_str()?.as_bytes()).ok()?;
        String::from_utf8(content).ok()
    };
    let all = gateway.quarantine(true);
    all.iter().map(|one| (one["subject"].as_str().unwrap_or("").to_string(), of(one))).collect()
}

/// Inbound goes straight through or, while the server is away, by the spool; outbound always by the spool;
/// what comes for `held.example` is held.
pub fn config(inbound: u16, outbound: u16, hop: u16) -> String {
    format!(
        "hostname = \"mx.ours.example\"\n\
         [[listener]]\nname = \"in\"\nbind = \"127.0.0.1:{inbound}\"\ndirection = \"inbound\"\n\
         [[listener]]\nname = \"out\"\nbind = \"127.0.0.1:{outbound}\"\ndirection = \"outbound\"\n\
         [[domain]]\nname = \"ours.example\"\nnext-hop = \"smtp://127.0.0.1:{hop}\"\nrecipients = \"any\"\nwhen-away = \"spool\"\n\
         [[domain]]\nname = \"held.example\"\nnext-hop = \"smtp://127.0.0.1:{hop}\"\nrecipients = \"any\"\npolicy = \"holding\"\n\
         [outbound]\nnetworks = [\"127.0.0.0/8\"]\nsmarthost = \"smtp://127.0.0.1:{hop}\"\n\
         [limits]\ntransactions-per-minute = 1000000\nretry-first = \"200 ms\"\n\
         [[policy]]\nmark = 1000\nquarantine = 1000\nreject = 1000\nphish = 1000\n\
         [[policy]]\nname = \"holding\"\n[policy.actions]\nvirus = \"quarantine\"\n"
    )
}

/// What the clients do and have heard.
#[derive(Default)]
pub struct Load {
    ended: AtomicBool,
    pub tried: AtomicU64,
    pub acknowledged: Mutex<BTreeSet<String>>,
}

impl Load {
    /// Starts so many clients; by turns they send what goes straight through, what goes by the spool and what is held.
    pub fn start(
        self: &Arc<Load>,
        clients: u64,
        inbound: u16,
        outbound: u16,
        seed: u64,
    ) -> Vec<JoinHandle<()>> {
        let client = |number: u64| {
            let load = self.clone();
            let (port, to) = match number % 3 {
                0 => (inbound, "b@ours.example"),
                1 => (outbound, "b@elsewhere.example"),
                _ => (inbound, HELD),
            };
            thread::spawn(move || load.send_until_ended(port, to, number, seed ^ number))
        };
        (0..clients).map(client).collect()
    }

    pub fn end(&self, clients: Vec<JoinHandle<()>>) {
        self.ended.store(true, Ordering::Relaxed);
        clients.into_iter().for_each(|client| client.join().unwrap());
    }

    /// Sends one mail that must be kept here; gives the code it heard, none if the line was cut.
    pub fn send_one(&self, outbound: u16, name: &str) -> Option<u16> {
        let mut client = Client::dial(outbound).ok()?;
        client.hear().ok()?;
        client.ask("EHLO client.example.org").ok()?;
        let mail = named_mail(name, 3, false, &mut 1);
        let heard =
            client.send("karin@ours.example", &["b@elsewhere.example"], mail.as_bytes()).ok()?;
        if heard.code == 250 {
            self.acknowledged.lock().unwrap().insert(name.to_string());
        }
        Some(heard.code)
    }

    pub fn acknowledged(&self) -> usize {
        self.acknowledged.lock().unwrap().len()
    }

    fn send_until_ended(&self, port: u16, to: &str, number: u64, mut luck: u64) {
        let mut count = 0;
        while !self.ended.load(Ordering::Relaxed) {
            // The gateway may be dead just now, or die while we speak.
            let Ok(mut client) = Client::dial(port) else {
                thread::sleep(Duration::from_millis(20));
                continue;
            };
            let greeted = client.hear().and_then(|_| client.ask("EHLO client.example.org"));
            if greeted.is_err() {
                continue;
            }
            while !self.ended.load(Ordering::Relaxed) {
                count += 1;
                let name = format!("{number}-{count}");
                // Above 256 KiB the spool gives a mail a file of its own.
                let lines = if chance(&mut luck).is_multiple_of(8) {
                    5_000
                } else {
                    chance(&mut luck) % 40
                };
                self.tried.fetch_add(1, Ordering::Relaxed);
                let mail = named_mail(&name, lines, to == HELD, &mut luck);
                match client.send("karin@ours.example", &[to], mail.as_bytes()) {
                    Ok(heard) if heard.code == 250 => {
                        self.acknowledged.lock().unwrap().insert(name);
                    }
                    Ok(_) => (),
                    Err(_) => break,
                }
            }
        }
    }
}

/// A mail that says its name and the hash of its body.
fn named_mail(name: &str, lines: u64, to_be_held: bool, luck: &mut u64) -> String {
    let (typed, mut body) = match to_be_held {
        false => ("text/plain", String::new()),
        true => (
            "multipart/mixed; boundary=b",
            format!(
                "--b\r\nContent-Type: application/octet-stream; name=test.txt\r\n\r\n{}\r\n--b\r\n\r\n",
                eicar()
            ),
        ),
    };
    for line in 0..=lines {
        body +=
            &format!("{line} {:016x}{:016x}{:016x}\r\n", chance(luck), chance(luck), chance(luck));
    }
    let hash = blake3::hash(body.as_bytes()).to_hex();
    format!(
        "From: karin@ours.example\r\nTo: b@ours.example\r\nSubject: {name}\r\nX-Name: {name}\r\nX-Hash: {hash}\r\nMIME-Version: 1.0\r\nContent-Type: {typed}\r\n\r\n{body}"
    )
}

/// The name of a mail whose body is as its hash says.
fn whole(text: &str) -> Result<String, String> {
    let (header, body) = text.split_once("\r\n\r\n").ok_or("no end of the header section")?;
    let field = |name: &str| {
        let field = header.lines().find_map(|line| line.strip_prefix(name));
        field.map(str::to_string).ok_or(format!("no {name} in {header}"))
    };
    let name = field("X-Name: ")?;
    match field("X-Hash: ")? == blake3::hash(body.as_bytes()).to_hex().as_str() {
        true => Ok(name),
        false => Err(format!("{name}: {} bytes", body.len())),
    }
}
