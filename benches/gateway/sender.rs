//! What knowing the sender costs: the same signed mail with nobody asked, and with SPF, DKIM, ARC, DMARC, iprev, two DNS lists, the memory of
//! correspondents and bank accounts, in alternation. The name server is in this process and answers at once, with lifetimes of 0 of which the
//! resolver still remembers most for a moment: the table says how many questions were left of a mail. What the server costs is not counted.

use crate::{
    gateway::Gateway,
    load::{Door, Load},
    mails,
    sink::Sink,
};
use sluss::{
    base::clock::{Clock, UnixMs},
    mail::{Domain, Header},
    store::dkim::{DkimKeys, Origin, State},
    wire::auth::{
        canonical::Form,
        key::Algorithm,
        sign::{self, Leaving},
        signed,
    },
};
use std::{
    collections::HashMap,
    net::UdpSocket,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::Duration,
};

/// Five pairs; the medians of both and of their difference.
pub(crate) fn measure(folder: &Path, sessions: usize, lasts: Duration) {
    let (mails, texts) = signed_mails(folder);
    let names = Names::start(texts);
    let lists = |zone: &str, asks: &str| {
        format!(
            "[[dns-list]]\nname = \"{zone}\"\nzone = \"{zone}.lists.example\"\nasks = [{asks}]\n"
        )
    };
    let asking = format!(
        "[dns]\nservers = [\"127.0.0.1:{}\"]\n{}{}",
        names.port,
        lists("domains", "\"from\", \"sender\", \"signer\""),
        lists("links", "\"link\", \"helo\"")
    );
    let mut figures: Vec<(f64, f64, f64)> = Vec::new();
    for _ in 0..5 {
        let mut each = [0.0; 2];
        let mut asked = 0.0;
        for (place, more) in [(0, ""), (1, asking.as_str())] {
            let sink = Sink::open();
            let gateway = Gateway::start_with(folder, sink.port(), more);
            let load = Load {
                port: gateway.port(Door::Inbound),
                mails: mails.clone(),
                recipients: vec!["user@ours.example".to_string()],
                sessions,
                mails_per_connection: 10,
                lasts,
            };
            load.clone().lasting(Duration::from_millis(500)).run();
            sink.wait_until_quiet();
            let (cpu, before) = (gateway.cpu(), names.asked.load(Ordering::Relaxed));
            let sent = load.run();
            // What is learned from a mail is written a moment later and belongs to it.
            thread::sleep(Duration::from_millis(900));
            let cpu = gateway.cpu().minus(cpu);
            assert_eq!(sent.refused, 0, "mails were refused");
            let mails = crate::count(sent.accepted.max(1));
            each[place] = (cpu.user + cpu.system) * 1_000.0 / mails;
            asked = crate::count(names.asked.load(Ordering::Relaxed) - before) / mails;
        }
        figures.push((each[0], each[1], asked));
    }
    let median = |of: fn(&(f64, f64, f64)) -> f64| {
        let mut all: Vec<f64> = figures.iter().map(of).collect();
        all.sort_by(f64::total_cmp);
        all[all.len() / 2]
    };
    println!("\n| 4k, signed | CPU ms/mail | questions/mail |\n|---|---|---|");
    println!("| nobody asked | {:.3} | 0 |", median(|one| one.0));
    println!("| everybody asked | {:.3} | {:.1} |", median(|one| one.1), median(|one| one.2));
    println!("| difference | {:.3} | |", median(|one| one.1 - one.0));
}

/// Mails of 4 KB with two signatures of example.org, and the texts of the DNS that belong to them.
fn signed_mails(folder: &Path) -> (Vec<Vec<u8>>, HashMap<String, String>) {
    let domain = Domain::parse("example.org").unwrap();
    let (keys, _) = DkimKeys::open(&folder.join("their-keys"), Clock::system());
    let mut texts = HashMap::from([
        ("example.org".to_string(), "v=spf1 ip4:127.0.0.1 -all".to_string()),
        ("_dmarc.example.org".to_string(), "v=DMARC1; p=reject".to_string()),
    ]);
    let keys =
        [("r", Algorithm::RsaSha256), ("e", Algorithm::Ed25519Sha256)].map(|(name, kind)| {
            let key = keys.add(&domain, name, Origin::Made(kind), State::Signing).unwrap();
            texts.insert(key.record_name(), key.record());
            key
        });
    let sign = |mail: Vec<u8>| {
        let header = Header::read(&mail).unwrap();
        let body_hash = signed::body_hash(Form::Relaxed, &mail[header.body_at()..]);
        let leaving = Leaving { header: &header, body_hash: &body_hash, now: UnixMs(0) };
        let fields = keys.iter().map(|key| sign::dkim(&**key, leaving).unwrap());
        [fields.collect::<String>().into_bytes(), mail].concat()
    };
    (mails::text().into_iter().map(sign).collect(), texts)
}

/// A name server that knows some texts and the test entries of lists.
struct Names {
    port: u16,
    asked: Arc<AtomicU64>,
}

impl Names {
    fn start(texts: HashMap<String, String>) -> Names {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let names = Names { port: socket.local_addr().unwrap().port(), asked: Arc::default() };
        let asked = names.asked.clone();
        // It ends with the process.
        thread::spawn(move || {
            let mut buffer = [0; 1_500];
            while let Ok((length, from)) = socket.recv_from(&mut buffer) {
                asked.fetch_add(1, Ordering::Relaxed);
                if let Some(answer) = answer(&texts, &buffer[..length]) {
                    let _client_gone = socket.send_to(&answer, from);
                }
            }
        });
        names
    }
}

/// RFC 1035 section 4.1: the question, and one record or none such name.
fn answer(texts: &HashMap<String, String>, packet: &[u8]) -> Option<Vec<u8>> {
    let mut at = 12;
    let mut labels = Vec::new();
    loop {
        let length = usize::from(*packet.get(at)?);
        at += 1;
        if length == 0 {
            break;
        }
        labels.push(String::from_utf8_lossy(packet.get(at..at + length)?).to_lowercase());
        at += length;
    }
    let kind = u16::from_be_bytes([*packet.get(at)?, *packet.get(at + 1)?]);
    let name = labels.join(".");
    let test = name.starts_with("test.") || name.starts_with("2.0.0.127.");
    let data = match (kind, texts.get(&name)) {
        (16, Some(text)) => {
            let strings = text.as_bytes().chunks(255);
            let strings = strings.map(|one| [&[u8::try_from(one.len()).unwrap()], one].concat());
            Some(strings.collect::<Vec<_>>().concat())
        }
        (1, None) if test => Some(vec![127, 0, 0, 2]),
        _ => None,
    };
    let mut answer = packet.get(..at + 4)?.to_vec();
    let known = data.is_some();
    answer[2] = 0x84;
    answer[3] = if known || texts.contains_key(&name) { 0 } else { 3 };
    answer[6..12].copy_from_slice(&[0, u8::from(known), 0, 0, 0, 0]);
    if let Some(data) = data {
        answer.extend([0xc0, 12]);
        answer.extend(kind.to_be_bytes());
        answer.extend([0, 1, 0, 0, 0, 0]);
        answer.extend(u16::try_from(data.len()).unwrap().to_be_bytes());
        answer.extend(data);
    }
    Some(answer)
}
