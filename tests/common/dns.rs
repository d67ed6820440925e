//! A name server that says what a test wants: records, no such name, a failure, lies, or nothing.

use super::PATIENCE;
use std::{
    collections::HashMap,
    net::{Ipv4Addr, UdpSocket},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread,
    time::Duration,
};

/// What is said of a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Said {
    /// MX records: preference and host; "." is the null MX.
    Mx(Vec<(u16, &'static str)>),
    /// An address.
    A(Ipv4Addr),
    /// A text, in one string.
    Txt(&'static str),
    /// NXDOMAIN.
    NoSuchName,
    /// SERVFAIL.
    Failure,
    /// Nothing at all.
    Silence,
    /// Bytes that are no answer.
    Garbage,
    /// The answer to a question that nobody asked: that there is no such name.
    OtherQuestion,
    /// That there is more than fits, and nobody is there to give it by TCP.
    Truncated,
}

/// A name server on loopback.
pub struct Names {
    port: u16,
    table: Arc<Mutex<HashMap<(String, u16), Said>>>,
    asked: Arc<Mutex<Vec<String>>>,
    end: Arc<AtomicBool>,
    silent: Arc<AtomicBool>,
    pause_ms: Arc<AtomicU64>,
}

const A: u16 = 1;
const MX: u16 = 15;
const TXT: u16 = 16;
const AAAA: u16 = 28;

impl Names {
    /// Starts; a name that nobody told of does not exist.
    pub fn start() -> Names {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
        let names = Names {
            port: socket.local_addr().unwrap().port(),
            table: Arc::default(),
            asked: Arc::default(),
            end: Arc::default(),
            silent: Arc::default(),
            pause_ms: Arc::default(),
        };
        let (table, asked, end) = (names.table.clone(), names.asked.clone(), names.end.clone());
        let (silent, pause) = (names.silent.clone(), names.pause_ms.clone());
        thread::spawn(move || {
            let mut buffer = [0; 1_500];
            while !end.load(Ordering::Relaxed) {
                let Ok((length, from)) = socket.recv_from(&mut buffer) else { continue };
                let Some((name, kind, question_end)) = question(&buffer[..length]) else {
                    continue;
                };
                asked.lock().unwrap().push(name.clone());
                if silent.load(Ordering::Relaxed) {
                    continue;
                }
                thread::sleep(Duration::from_millis(pause.load(Ordering::Relaxed)));
                let table = table.lock().unwrap();
                let said = table.get(&(name.clone(), kind)).cloned();
                // A name that is known for something else exists, without records of this kind.
                let exists = table.keys().any(|(known, _)| *known == name);
                drop(table);
                let packet = answer(&buffer[..question_end], said, exists);
                if let Some(packet) = packet {
                    let _client_gone = socket.send_to(&packet, from);
                }
            }
        });
        assert!(PATIENCE > Duration::from_secs(1));
        names
    }

    /// Its port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Says this of a name from now on.
    pub fn say(&self, name: &str, said: Said) {
        let kinds = match said {
            Said::Mx(_) => vec![MX],
            Said::A(_) => vec![A],
            Said::Txt(_) => vec![TXT],
            Said::NoSuchName
            | Said::Failure
            | Said::Silence
            | Said::Garbage
            | Said::Truncated
            | Said::OtherQuestion => vec![A, MX, AAAA, TXT],
        };
        let mut table = self.table.lock().unwrap();
        for kind in kinds {
            table.insert((name.to_string(), kind), said.clone());
        }
    }

    /// Answers nobody, or everybody again.
    pub fn be_silent(&self, silent: bool) {
        self.silent.store(silent, Ordering::Relaxed);
    }

    /// Waits before each answer, one after the other.
    pub fn be_slow(&self, pause: Duration) {
        self.pause_ms.store(u64::try_from(pause.as_millis()).unwrap(), Ordering::Relaxed);
    }

    /// The names that were asked for.
    pub fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

impl Drop for Names {
    fn drop(&mut self) {
        self.end.store(true, Ordering::Relaxed);
    }
}

/// Name, kind and where the question ends, RFC 1035 section 4.1.2.
fn question(packet: &[u8]) -> Option<(String, u16, usize)> {
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
    Some((labels.join("."), kind, at + 4))
}

fn answer(question: &[u8], said: Option<Said>, exists: bool) -> Option<Vec<u8>> {
    let mut packet = question.to_vec();
    let records: Vec<(u16, Vec<u8>)> = match &said {
        Some(Said::Mx(hosts)) => hosts
            .iter()
            .map(|(preference, host)| {
                let mut data = preference.to_be_bytes().to_vec();
                data.extend(encoded(host));
                (MX, data)
            })
            .collect(),
        Some(Said::A(address)) => vec![(A, address.octets().to_vec())],
        Some(Said::Txt(text)) => {
            // RFC 1035 section 3.3: a string has at most 255 bytes.
            let strings = text.as_bytes().chunks(255);
            let strings =
                strings.map(|string| [&[u8::try_from(string.len()).unwrap()], string].concat());
            vec![(TXT, strings.collect::<Vec<_>>().concat())]
        }
        _ => Vec::new(),
    };
    let code = match said {
        Some(Said::Silence) => return None,
        Some(Said::Garbage) => return Some(vec![0xff; 7]),
        Some(Said::Failure) => 2,
        Some(Said::NoSuchName | Said::OtherQuestion) => 3,
        Some(Said::Mx(_) | Said::A(_) | Said::Txt(_) | Said::Truncated) => 0,
        None if exists => 0,
        None => 3,
    };
    if said == Some(Said::OtherQuestion) {
        packet[0] ^= 0xff;
    }
    let cut = if said == Some(Said::Truncated) { 0x02 } else { 0 };
    packet[2] = 0x84 | cut | (packet[2] & 1);
    packet[3] = 0x80 | code;
    packet[4..12].copy_from_slice(&[0, 1, 0, u8::try_from(records.len()).unwrap(), 0, 0, 0, 0]);
    for (kind, data) in records {
        packet.extend([0xc0, 12]);
        packet.extend(kind.to_be_bytes());
        packet.extend([0, 1, 0, 0, 0, 60]);
        packet.extend(u16::try_from(data.len()).unwrap().to_be_bytes());
        packet.extend(data);
    }
    Some(packet)
}

fn encoded(name: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    for label in name.split('.').filter(|label| !label.is_empty()) {
        bytes.push(u8::try_from(label.len()).unwrap());
        bytes.extend(label.as_bytes());
    }
    bytes.push(0);
    bytes
}
