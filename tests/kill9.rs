//! `kill -9` under load, again and again, with a server behind that is as bad as they come: nothing acknowledged is lost or damaged.
//!
//! Some goes straight through, some by the spool, some is held; each must be whole where it belongs.
//! Mail may arrive twice: that is what SMTP does when an answer is lost (RFC 1047). It may not arrive less than once.
//!
//! `SLUSS_KILLS` is the number of kills, `SLUSS_KILL_MAILS` the number of mails that are acknowledged at least, spread evenly over
//! the kills, `SLUSS_SEED` what chance begins with. Over many mails to a kill, and built for release, it is also judged how seldom
//! a kill makes a mail arrive twice and how soon somebody listens again.

// Real time, and failing loudly, is what these tests are for.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, clippy::disallowed_methods)]
#![allow(clippy::print_stdout)] // The counts and the seed.

mod common;

use common::{Client, Gateway, Hop, Manner, Taken, chance, eicar, free_port};
use data_encoding::BASE64;
use serde_json::{Value, json};
use std::{
    collections::{BTreeMap, BTreeSet},
    net::TcpStream,
    str::FromStr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

/// A run in which at least so many mails are acknowledged to a kill is judged by how many come twice: few do, but not none.
const JUDGED_MAILS_PER_KILL: usize = 250;
/// Of so many acknowledged mails, one may come twice because of a kill.
const TWICE_ONE_IN: usize = 1_000;
/// Longest from a start until a connection is accepted.
const LISTENING_AGAIN_MAX: Duration = Duration::from_secs(1);
/// Longest until the next kill, however few mails are acknowledged.
const BETWEEN_KILLS_MAX: Duration = Duration::from_secs(120);
const CLIENTS: u64 = 9;
/// A recipient whose mail is held: it has the published test file with it.
const HELD: &str = "b@held.example";
/// Longest for the queue to run dry once the server behind is well: it may just have been given a rest.
const EMPTYING_MAX: Duration = sluss::base::limits::REST_FIRST.saturating_mul(2);

#[test]
fn nothing_acknowledged_is_lost_or_damaged() {
    let seed = from_environment("SLUSS_SEED").unwrap_or_else(|| {
        u64::from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().subsec_nanos())
    });
    println!("SLUSS_SEED={seed}");
    let kills: usize = from_environment("SLUSS_KILLS").unwrap_or(20);
    let mails: usize = from_environment("SLUSS_KILL_MAILS").unwrap_or(kills + 1);
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
    let mut arrivals = Arrivals::default();
    let mut listening_after = Vec::new();
    for kill in 1..=kills {
        let began = Instant::now();
        thread::sleep(Duration::from_millis(50 + chance(&mut luck) % 300));
        while load.acknowledged() < mails * kill / kills && began.elapsed() < BETWEEN_KILLS_MAX {
            thread::sleep(Duration::from_millis(2));
        }
        gateway.kill();
        arrivals.enter(hop.drain());
        let listening = thread::spawn(move || time_until_accepted(inbound));
        gateway = Gateway::start_in(folder.path(), &config);
        listening_after.push(listening.join().unwrap());
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

    arrivals.enter(hop.drain());
    for (name, content) in held {
        match content.as_deref().map(whole) {
            Some(Ok(found)) if found == name => arrivals.count(name, false),
            other => arrivals.damaged.push(format!("held {name}: {other:?}")),
        }
    }
    let (arrived, damaged) = (&arrivals.arrived, &arrivals.damaged);
    let acknowledged = load.acknowledged.lock().unwrap().clone();
    let lost: Vec<&String> =
        acknowledged.iter().filter(|name| !arrived.contains_key(*name)).collect();
    let twice: usize = arrived.values().map(|one| one.times - 1).sum();
    let by_kills: usize =
        arrived.values().map(|one| (one.times - 1).saturating_sub(one.unanswered)).sum();
    let unasked = arrived.keys().filter(|name| !acknowledged.contains(*name)).count();
    listening_after.sort();
    let (median, worst) = (listening_after[kills / 2], listening_after[kills - 1]);
    println!(
        "{kills} kills: {} tried, {} acknowledged, {} lost, {} damaged, {twice} more than once ({by_kills} by kills, the others as the server behind dropped its answer), {unasked} arrived without acknowledgement, {held_count} of them held; the queue was empty after {} ms; listening again after {} ms (median), {} ms (worst)",
        load.tried.load(Ordering::Relaxed),
        acknowledged.len(),
        lost.len(),
        damaged.len(),
        emptied.as_millis(),
        median.as_millis(),
        worst.as_millis()
    );
    assert!(lost.is_empty(), "seed {seed}: lost {lost:?}");
    assert!(damaged.is_empty(), "seed {seed}: damaged {damaged:?}");
    assert!(held_count > 0, "seed {seed}: nothing was held");
    assert!(acknowledged.len() >= mails, "seed {seed}: too little load to show anything");
    if acknowledged.len() >= JUDGED_MAILS_PER_KILL * kills {
        assert!(by_kills <= acknowledged.len() / TWICE_ONE_IN, "seed {seed}: {by_kills} twice");
    }
    // A debug build takes a second for its tables alone.
    if !cfg!(debug_assertions) {
        assert!(worst <= LISTENING_AGAIN_MAX, "listening again after {worst:?}");
    }
    let errors: BTreeSet<&str> =
        log.lines().filter(|line| line.contains("\"level\":\"ERROR\"")).collect();
    assert!(errors.is_empty(), "seed {seed}: {errors:#?}");
}

/// A number of the environment; one that cannot be read is not passed over.
fn from_environment<T: FromStr>(name: &str) -> Option<T> {
    let text = std::env::var(name).ok()?;
    let Ok(number) = text.parse() else { panic!("{name} is no number: {text}") };
    Some(number)
}

/// From now until a connection is accepted.
fn time_until_accepted(port: u16) -> Duration {
    let began = Instant::now();
    while TcpStream::connect(("127.0.0.1", port)).is_err() {
        assert!(began.elapsed() < BETWEEN_KILLS_MAX, "nobody listens");
        thread::sleep(Duration::from_millis(1));
    }
    began.elapsed()
}

/// What has come to the server behind, and what is held.
#[derive(Default)]
struct Arrivals {
    arrived: BTreeMap<String, Arrived>,
    damaged: Vec<String>,
}

/// How often one mail came, and how often the server behind dropped the line instead of its answer.
#[derive(Default)]
struct Arrived {
    times: usize,
    unanswered: usize,
}

impl Arrivals {
    fn enter(&mut self, taken: Vec<Taken>) {
        for one in taken {
            match whole(&one.text()) {
                Ok(name) => self.count(name, one.unanswered),
                Err(why) => self.damaged.push(why),
            }
        }
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
    fn acknowledged(&self) -> usize {
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
