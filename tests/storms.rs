//! Crowds at the door of the real gateway: thousands that only hold their line, hundreds that drip, one that sends too often.
//!
//! Each client of a crowd has a loopback address of its own (127.x.y.z), so that it is a network of its own.

// Real time and failing loudly are what these tests are for.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, clippy::disallowed_methods)]

mod common;

use common::{Client, Gateway, Hop, Manner, free_port, mail, wait_for};
use sluss::{
    base::clock::Clock,
    checks::Phrases,
    config::Config,
    edge::{
        connections::raise_file_limit,
        serve::{self, Source},
    },
    examine::{Contents, Examiner},
    facts::dns_list::DnsLists,
    personal::Words,
    pipeline::settings::{Loaded, Settings},
};
use std::{
    collections::HashMap,
    fs,
    net::{Ipv4Addr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpSocket, TcpStream},
    time::{sleep, timeout},
};

const IDLE: usize = 5_000;
const SLOW: usize = 500;

#[test]
fn thousands_that_hold_their_line_leave_room_for_a_new_client() {
    raise_file_limit(IDLE + SLOW);
    let (port, hop) = (free_port(), Hop::start(Manner::default()));
    let gateway = gateway(port, &hop, "connections = 6000");
    let before = gateway.own_bytes();
    runtime().block_on(async {
        let crowd = Crowd::new(port);
        let mut lines = crowd.dial_many(IDLE + SLOW).await;
        let slow = lines.split_off(IDLE);
        for (number, line) in slow.into_iter().enumerate() {
            tokio::spawn(async move {
                let mut line = line;
                if number % 2 == 0 {
                    let begin = ["EHLO slow.example.org", "MAIL FROM:<a@example.org>", "RCPT TO:<b@ours.example>", "DATA"];
                    for command in begin {
                        line.ask(command).await;
                    }
                }
                // Half of them drip a command that never ends, half a mail.
                while line.stream.write_all(b"x").await.is_ok() {
                    sleep(Duration::from_secs(1)).await;
                }
            });
        }
        sleep(Duration::from_secs(2)).await;
        let (mut greeted, mut served) = (Vec::new(), Vec::new());
        for round in 0..12 {
            let began = Instant::now();
            let mut line = crowd.dial().await;
            greeted.push(began.elapsed());
            let reply = line.send(&mail(&format!("round-{round}"))).await;
            assert!(reply.starts_with("250 "), "{reply}");
            served.push(began.elapsed());
            sleep(Duration::from_millis(300)).await;
        }
        let own = gateway.own_bytes();
        greeted.sort();
        served.sort();
        eprintln!(
            "greeted within {:?} (median {:?}), served within {:?} (median {:?}); own memory {} MiB, {} MiB before",
            greeted[11], greeted[6], served[11], served[6], own >> 20, before >> 20
        );
        assert!(greeted[11] < Duration::from_secs(1), "{greeted:?}");
        assert!(served[6] < Duration::from_secs(1), "{served:?}");
        // The gateway is to stay under 200 MB; of the optimised program less than 50 are in memory.
        assert!(own < 150 << 20, "{} MiB", own >> 20);
        let open = gateway.ask(&serde_json::json!({ "command": "status" })).unwrap();
        assert!(open["connections"].as_u64().unwrap() >= u64::try_from(IDLE).unwrap(), "{open}");
        drop(lines);
    });
    assert_eq!(hop.count(), 12);
}

#[test]
fn when_every_seat_is_taken_the_idle_make_room() {
    let (port, hop) = (free_port(), Hop::start(Manner::default()));
    let gateway = gateway(port, &hop, "connections = 60");
    runtime().block_on(async {
        let crowd = Crowd::new(port);
        let mut sending = crowd.dial().await;
        sending.ask("EHLO client.example.org").await;
        sending.ask("MAIL FROM:<a@example.org>").await;
        let mut idle = crowd.dial_many(59).await;
        let mut line = crowd.dial_unheard().await;
        assert!(line.hear().await.starts_with("421 4.3.2"), "nobody has sat for long yet");
        sleep(sluss::base::limits::SEAT_WITHOUT_MAIL_TIME_MIN).await;
        // Twenty more come and send; each takes the seat of one that only sat there.
        for round in 0..20 {
            let mut line = crowd.dial().await;
            let reply = line.send(&mail(&format!("seat-{round}"))).await;
            assert!(reply.starts_with("250 "), "{reply}");
            line.ask("QUIT").await;
            idle.push(line);
            wait_for("its seat to be free", || (gateway.connections() < 60).then_some(()));
            idle.push(crowd.dial().await);
        }
        let first = idle[0].hear().await;
        assert!(first.starts_with("421 4.3.2"), "{first}");
        let reply = sending.ask("RCPT TO:<b@ours.example>").await;
        assert!(reply.starts_with("250"), "a transaction keeps its seat: {reply}");
    });
    let log = gateway.log();
    assert_eq!(log.matches("a limit is met").count(), 1, "{log}");
    let shown = gateway.command(&["limits", "show"]);
    let shown = String::from_utf8(shown.stdout).unwrap();
    assert!(shown.contains("connections") && shown.contains("everybody"), "{shown}");
}

#[test]
fn a_flood_of_slow_mails_does_not_slow_the_others() {
    let (port, hop) = (free_port(), Hop::start(Manner::default()));
    let folder = tempfile::tempdir().unwrap();
    let limits = "connections-per-address = 60\nconnections-per-network = 60\ntransactions-per-minute = 60000";
    let next_hop = format!("next-hop = \"smtp://127.0.0.1:{}\"\nrecipients = \"any\"", hop.port());
    let organisations = format!(
        "[[organisation]]\nname = \"acme\"\n[[organisation]]\nname = \"bolaget\"\n\
         [[domain]]\nname = \"other.example\"\norganisation = \"bolaget\"\n{next_hop}\n\
         [[domain]]\norganisation = \"acme\"\n"
    );
    let file = folder.path().join("sluss.toml");
    let text = config(port, &hop, limits).replace("[[domain]]\n", &organisations);
    fs::write(&file, format!("allow-root = true\n{text}")).unwrap();
    let (source, data) = (Source::File(file), folder.path().join("data"));
    let prepared = serve::prepare(source.clone(), Some(data)).unwrap().opening_here();
    tokio::runtime::Runtime::new().unwrap().block_on(async {
        let running = serve::start(prepared).await.unwrap();
        let gateway = running.desk.gateway.clone();
        gateway.settings.store(Arc::new(slowly(source.read(None).unwrap())));
        let crowd = Crowd::new(port);

        // Out of one network: another network is served, for whomever its mail is.
        let one = crowd.address();
        let from_one = vec![one; 48];
        beside_a_flood(&crowd, from_one, &["anna@ours.example", "anna@other.example"]).await;
        // Out of as many networks as there are sessions, all for one organisation: another one is served.
        let from_many = (0..48).map(|_| crowd.address()).collect();
        beside_a_flood(&crowd, from_many, &["anna@other.example"]).await;
    });
}

/// Sessions from these addresses flood acme with slow mails; meanwhile somebody else writes to these recipients.
async fn beside_a_flood(crowd: &Crowd, sessions: Vec<Ipv4Addr>, recipients: &[&str]) {
    let flood = tokio::spawn(flood(crowd.clone(), sessions, FLOOD_LASTS));
    sleep(Duration::from_secs(2)).await;
    let mut took = Vec::new();
    for round in 0..40 {
        let (began, mut line) = (Instant::now(), crowd.dial().await);
        let to = recipients[round % recipients.len()];
        let reply = line.send_to(to, &mail(&format!("other-{round}"))).await;
        assert!(reply.starts_with("250 "), "{reply}");
        took.push(began.elapsed());
        sleep(Duration::from_millis(50)).await;
    }
    took.sort();
    let (taken, refused) = flood.await.unwrap();
    eprintln!(
        "beside a flood: median {:?}, worst {:?}; of the flood {taken} were taken and {refused} told to come back",
        took[20], took[39]
    );
    assert!(took[39] < Duration::from_secs(2), "{took:?}");
    assert!(refused > 0, "the line was never long");
    // What the others leave over is the flood's.
    let cores = std::thread::available_parallelism().unwrap().get();
    let full = cores * usize::try_from(FLOOD_LASTS.as_millis() / SLOW_MAIL.as_millis()).unwrap();
    assert!(taken >= full * 7 / 10, "{taken} of {full}");
}

const FLOOD_LASTS: Duration = Duration::from_secs(8);
const SLOW_MAIL: Duration = Duration::from_millis(700);

/// A configuration whose examiner takes its time over every mail that says so.
fn slowly(config: Config) -> Settings {
    struct Slowly;
    impl Examiner for Slowly {
        fn examine_for(&self, message: &[u8], _abroad: &[String]) -> Contents {
            if memchr::memmem::find(message, b"Subject: slow").is_some() {
                std::thread::sleep(SLOW_MAIL);
            }
            Contents::default()
        }
    }
    let loaded = Loaded {
        examiner: Arc::new(Slowly),
        phrases: Arc::new(Phrases::compile(Vec::new()).0),
        clamd: None,
        dns_lists: DnsLists::new(&[], None, &Clock::system()),
        lists: Vec::new(),
        words: Arc::new(Words::shipped().unwrap()),
        signatures: 1,
        rules: 1,
        recipients: HashMap::new(),
    };
    Settings::new(config, loaded)
}

/// Sessions from these addresses that send slow mails one after the other; gives how many were taken and refused.
async fn flood(crowd: Crowd, from: Vec<Ipv4Addr>, lasts: Duration) -> (usize, usize) {
    let until = Instant::now() + lasts;
    let session = |address: Ipv4Addr| {
        let crowd = crowd.clone();
        tokio::spawn(async move {
            let (mut taken, mut refused) = (0, 0);
            let mut line = crowd.dial_from(address).await;
            line.hear().await;
            line.ask("EHLO flood.example.org").await;
            while Instant::now() < until {
                if !line.ask("MAIL FROM:<a@example.org>").await.starts_with('2') {
                    refused += 1;
                    sleep(Duration::from_millis(50)).await;
                    continue;
                }
                if !line.ask("RCPT TO:<b@ours.example>").await.starts_with('2') {
                    refused += 1;
                    line.ask("RSET").await;
                    sleep(Duration::from_millis(500)).await;
                    continue;
                }
                line.ask("DATA").await;
                let reply = line.ask(&format!("{}.", mail("slow"))).await;
                taken += usize::from(reply.starts_with('2'));
            }
            (taken, refused)
        })
    };
    let sessions: Vec<_> = from.into_iter().map(session).collect();
    let mut sum = (0, 0);
    for session in sessions {
        let (taken, refused) = session.await.unwrap();
        sum = (sum.0 + taken, sum.1 + refused);
    }
    sum
}

#[test]
fn who_sends_too_often_is_seen_once_and_can_be_let_go() {
    let (port, hop) = (free_port(), Hop::start(Manner::default()));
    let gateway = gateway(port, &hop, "transactions-per-minute = 3");
    let mut client = Client::hello(port);
    let mut begin = || {
        let reply = client.ask("MAIL FROM:<a@example.org>").unwrap();
        client.ask("RSET").unwrap();
        reply.code
    };
    let codes: Vec<u16> = (0..12).map(|_| begin()).collect();
    assert_eq!(codes.iter().filter(|code| **code == 250).count(), 3, "{codes:?}");
    assert_eq!(codes.iter().filter(|code| **code == 450).count(), 9, "{codes:?}");
    assert_eq!(gateway.log().matches("a limit is met").count(), 1, "{}", gateway.log());
    assert!(!gateway.log().contains("sender refused"), "{}", gateway.log());

    let json = gateway.command(&["limits", "show", "--json"]).stdout;
    let shown: serde_json::Value = serde_json::from_slice(&json).unwrap();
    let line = &shown["lines"][0];
    let want = serde_json::json!({ "limit": "transactions-per-minute", "who": "127.0.0.1", "count": 3, "bound": 3, "until_ms": line["until_ms"], "refused": 9 });
    assert_eq!(*line, want);
    assert!(line["until_ms"].as_u64().is_some(), "{shown}");
    let table = String::from_utf8(gateway.command(&["limits", "show"]).stdout).unwrap();
    assert!(table.contains("127.0.0.1") && table.contains("in "), "{table}");

    let nobody = gateway.command(&["limits", "release", "192.0.2.1"]);
    assert!(!nobody.status.success());
    assert_eq!(
        String::from_utf8(nobody.stderr).unwrap().trim(),
        "sluss: nothing is counted for 192.0.2.1, and it has met no limit of late"
    );
    let released = gateway.command(&["limits", "release", "127.0.0.0/8"]);
    assert!(released.status.success(), "{released:?}");
    assert_eq!(begin(), 250);
    gateway.stop();
}

/// A gateway for one domain, with these lines in `[limits]`.
fn gateway(port: u16, hop: &Hop, limits: &str) -> Gateway {
    Gateway::start(&config(port, hop, limits))
}

fn config(port: u16, hop: &Hop, limits: &str) -> String {
    format!(
        "hostname = \"mx.ours.example\"\n\
         [[listener]]\nname = \"mx\"\nbind = \"127.0.0.1:{port}\"\ndirection = \"inbound\"\n\
         [[domain]]\nname = \"ours.example\"\nnext-hop = \"smtp://127.0.0.1:{}\"\nrecipients = \"any\"\n\
         [limits]\n{limits}\n",
        hop.port()
    )
}

trait Counts {
    fn connections(&self) -> u64;
}

impl Counts for Gateway {
    fn connections(&self) -> u64 {
        self.ask(&serde_json::json!({ "command": "status" })).unwrap()["connections"]
            .as_u64()
            .unwrap()
    }
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

/// Clients that each come from a network of their own.
#[derive(Clone)]
struct Crowd {
    port: u16,
    next: Arc<AtomicUsize>,
}

struct Line {
    stream: TcpStream,
}

impl Crowd {
    fn new(port: u16) -> Crowd {
        Crowd { port, next: Arc::default() }
    }

    /// An address in a network that nobody here has come from yet.
    fn address(&self) -> Ipv4Addr {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let byte = |number: usize| u8::try_from(number).unwrap();
        Ipv4Addr::new(127, byte(1 + number / 250), byte(number % 250), 1)
    }

    async fn dial_unheard(&self) -> Line {
        self.dial_from(self.address()).await
    }

    async fn dial_from(&self, address: Ipv4Addr) -> Line {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind(SocketAddr::from((address, 0))).unwrap();
        let stream = socket.connect(SocketAddr::from(([127, 0, 0, 1], self.port))).await.unwrap();
        stream.set_nodelay(true).unwrap();
        Line { stream }
    }

    /// Connects and is greeted.
    async fn dial(&self) -> Line {
        let mut line = self.dial_unheard().await;
        let greeting = line.hear().await;
        assert!(greeting.starts_with("220 "), "{greeting}");
        line
    }

    /// The same for many, a hundred at a time.
    async fn dial_many(&self, count: usize) -> Vec<Line> {
        let mut lines = Vec::with_capacity(count);
        while lines.len() < count {
            let some = (count - lines.len()).min(100);
            let tasks: Vec<_> = (0..some)
                .map(|_| {
                    let crowd = self.clone();
                    tokio::spawn(async move { crowd.dial().await })
                })
                .collect();
            for task in tasks {
                lines.push(task.await.unwrap());
            }
        }
        lines
    }
}

impl Line {
    /// Reads one whole reply; empty if there is none.
    async fn hear(&mut self) -> String {
        let mut heard = Vec::new();
        loop {
            let mut room = [0; 1_024];
            let read = timeout(common::PATIENCE, self.stream.read(&mut room)).await;
            match read.unwrap() {
                Ok(0) | Err(_) => break,
                Ok(count) => heard.extend_from_slice(&room[..count]),
            }
            let text = String::from_utf8_lossy(&heard);
            let last = text.lines().last().unwrap_or("");
            if text.ends_with("\r\n") && last.as_bytes().get(3) == Some(&b' ') {
                break;
            }
        }
        String::from_utf8(heard).unwrap()
    }

    async fn ask(&mut self, command: &str) -> String {
        if self.stream.write_all(format!("{command}\r\n").as_bytes()).await.is_err() {
            return String::new();
        }
        self.hear().await
    }

    /// From EHLO to the dot; gives the last reply.
    async fn send(&mut self, mail: &str) -> String {
        self.send_to("anna@ours.example", mail).await
    }

    async fn send_to(&mut self, to: &str, mail: &str) -> String {
        let mut last = String::new();
        for command in [
            "EHLO client.example.org",
            "MAIL FROM:<karin@example.org>",
            &format!("RCPT TO:<{to}>"),
            "DATA",
            &format!("{mail}."),
        ] {
            last = self.ask(command).await;
            assert!(last.starts_with(['2', '3']), "{command}: {last}");
        }
        last
    }
}
