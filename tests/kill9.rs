//! `kill -9` under load, again and again, with a server behind that is as bad as they come: nothing acknowledged is lost or damaged.
//!
//! Some goes straight through, some by the spool, some is held; each must be whole where it belongs.
//! Mail may arrive twice: that is what SMTP does when an answer is lost (RFC 1047). It may not arrive less than once.

// Real time, and failing loudly, is what these tests are for.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, clippy::disallowed_methods)]
#![allow(clippy::print_stdout)] // The counts and the seed.

mod common;

use common::{Client, Gateway, Hop, Manner, chance, eicar, free_port};
use data_encoding::BASE64;
use serde_json::{Value, json};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

const KILLS: usize = 20;
const CLIENTS: u64 = 9;
/// A recipient whose mail is held: it has the published test file with it.
const HELD: &str = "b@held.example";
/// Longest for the queue to run dry once the server behind is well.
const EMPTYING_MAX: Duration = Duration::from_secs(30);

#[test]
fn nothing_acknowledged_is_lost_or_damaged() {
    let seed = std::env::var("SLUSS_TEST_SEED").ok().and_then(|seed| seed.parse().ok());
    let seed: u64 = seed.unwrap_or_else(|| {
        u64::from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().subsec_nanos())
    });
    println!("SLUSS_TEST_SEED={seed}");
    let hop = Hop::start(Manner { fickle: true, ..Manner::default() });
    hop.seed(seed);
    let (inbound, outbound) = (free_port(), free_port());
    let folder = tempfile::tempdir().unwrap();
    let config = config(inbound, outbound, hop.port());
    let mut gateway = Gateway::start_in(folder.path(), &config);

    let load = Arc::new(Load::default());
    let clients: Vec<_> = (0..CLIENTS)
        .map(|number| {
            let load = load.clone();
            let (port, to) = match number % 3 {
                0 => (inbound, "b@ours.example"),
                1 => (outbound, "b@elsewhere.example"),
                _ => (inbound, HELD),
            };
            thread::spawn(move || load.send_until_ended(port, to, number, seed ^ number))
        })
        .collect();
    let mut luck = seed;
    for _ in 0..KILLS {
        thread::sleep(Duration::from_millis(50 + chance(&mut luck) % 300));
        gateway.kill();
        gateway = Gateway::start_in(folder.path(), &config);
    }
    load.ended.store(true, Ordering::Relaxed);
    clients.into_iter().for_each(|client| client.join().unwrap());

    hop.become_(Manner::default());
    let began = Instant::now();
    while !gateway.queue().is_empty() {
        assert!(began.elapsed() < EMPTYING_MAX, "still waiting: {:?}", gateway.queue().len());
        thread::sleep(Duration::from_millis(50));
    }
    let emptied = began.elapsed();
    let held = held(&gateway);
    let held_count = held.len();
    let log = gateway.log();
    gateway.stop();

    let mut arrived: BTreeMap<String, usize> = BTreeMap::new();
    let mut damaged = Vec::new();
    for taken in hop.taken() {
        match whole(&taken.text()) {
            Ok(name) => *arrived.entry(name).or_default() += 1,
            Err(why) => damaged.push(why),
        }
    }
    for (name, content) in held {
        match content.as_deref().map(whole) {
            Some(Ok(found)) if found == name => *arrived.entry(name).or_default() += 1,
            other => damaged.push(format!("held {name}: {other:?}")),
        }
    }
    let acknowledged = load.acknowledged.lock().unwrap().clone();
    let lost: Vec<&String> =
        acknowledged.iter().filter(|name| !arrived.contains_key(*name)).collect();
    let twice: usize = arrived.values().map(|count| count - 1).sum();
    let unasked = arrived.keys().filter(|name| !acknowledged.contains(*name)).count();
    println!(
        "{KILLS} kills: {} tried, {} acknowledged, {} lost, {} damaged, {twice} more than once, {unasked} arrived without acknowledgement, {held_count} of them held; the queue was empty after {} ms",
        load.tried.load(Ordering::Relaxed),
        acknowledged.len(),
        lost.len(),
        damaged.len(),
        emptied.as_millis()
    );
    assert!(lost.is_empty(), "seed {seed}: lost {lost:?}");
    assert!(damaged.is_empty(), "seed {seed}: damaged {damaged:?}");
    assert!(held_count > 0, "seed {seed}: nothing was held");
    assert!(acknowledged.len() > KILLS, "seed {seed}: too little load to show anything");
    let errors: BTreeSet<&str> =
        log.lines().filter(|line| line.contains("\"level\":\"ERROR\"")).collect();
    assert!(errors.is_empty(), "seed {seed}: {errors:#?}");
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
fn config(inbound: u16, outbound: u16, hop: u16) -> String {
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
struct Load {
    ended: AtomicBool,
    tried: AtomicU64,
    acknowledged: Mutex<BTreeSet<String>>,
}

impl Load {
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
