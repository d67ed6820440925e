//! A name server with DNS lists on it that do what lists do and should not: late, failing, silent, refusing, listing everything,
//! too long for a datagram. Nothing that it says is to be remembered.

use std::{
    collections::HashMap,
    io::{Read, Write},
    net::{Ipv4Addr, TcpListener, UdpSocket},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

/// What is said of a name. `*.bl.example` stands for all names under it that nothing else is said of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lists {
    /// This address.
    As(Ipv4Addr),
    /// This address, after a while.
    Late(Ipv4Addr, Duration),
    /// Too long for a datagram; by TCP this address.
    Long(Ipv4Addr),
    /// NXDOMAIN.
    Not,
    /// SERVFAIL.
    Failure,
    /// Nothing at all.
    Silence,
    /// Bytes that are no answer.
    Garbage,
    /// An answer to another question, and no other.
    OtherQuestion,
}

/// The server.
pub struct ListServer {
    port: u16,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    table: Mutex<HashMap<String, Lists>>,
    asked: Mutex<Vec<String>>,
    end: AtomicBool,
}

/// How a question came.
#[derive(Clone, Copy, PartialEq)]
enum By {
    Datagram,
    Stream,
}

/// How soon the threads notice that the test is over.
const LOOK_AGAIN: Duration = Duration::from_millis(100);

impl ListServer {
    /// Starts on one port for both transports.
    pub fn start() -> ListServer {
        let (stream, datagrams) = loop {
            let stream = TcpListener::bind("127.0.0.1:0").unwrap();
            if let Ok(datagrams) = UdpSocket::bind(stream.local_addr().unwrap()) {
                break (stream, datagrams);
            }
        };
        let server =
            ListServer { port: stream.local_addr().unwrap().port(), shared: Arc::default() };
        datagrams.set_read_timeout(Some(LOOK_AGAIN)).unwrap();
        stream.set_nonblocking(true).unwrap();
        let shared = server.shared.clone();
        thread::spawn(move || serve_datagrams(&shared, &datagrams));
        let shared = server.shared.clone();
        thread::spawn(move || serve_streams(&shared, &stream));
        server
    }

    /// Its port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Says this of a name from now on.
    pub fn say(&self, name: &str, said: Lists) {
        self.shared.table.lock().unwrap().insert(name.to_string(), said);
    }

    /// A list of addresses that answers as lists do.
    pub fn is_good(&self, zone: &str) {
        self.say(&format!("2.0.0.127.{zone}"), Lists::As(Ipv4Addr::new(127, 0, 0, 2)));
        self.say(&format!("*.{zone}"), Lists::Not);
        self.say(&format!("1.0.0.127.{zone}"), Lists::Not);
    }

    /// A list of domains that answers as lists do.
    pub fn knows_domains(&self, zone: &str) {
        self.say(&format!("test.{zone}"), Lists::As(Ipv4Addr::new(127, 0, 0, 2)));
        self.say(&format!("*.{zone}"), Lists::Not);
    }

    /// The names under this zone that were asked for.
    pub fn asked(&self, zone: &str) -> Vec<String> {
        let asked = self.shared.asked.lock().unwrap();
        asked.iter().filter(|name| name.ends_with(zone)).cloned().collect()
    }
}

impl Drop for ListServer {
    fn drop(&mut self) {
        self.shared.end.store(true, Ordering::Relaxed);
    }
}

impl Shared {
    /// What is said to a question; none: nothing.
    fn answer(&self, packet: &[u8], by: By) -> Option<Vec<u8>> {
        let (name, kind, end) = question(packet)?;
        self.asked.lock().unwrap().push(name.clone());
        let said = self.said_of(&name);
        let question = &packet[..end];
        let address = |ip: Ipv4Addr| if kind == A { vec![ip] } else { Vec::new() };
        match said {
            Lists::As(ip) => Some(written(question, 0, &address(ip))),
            Lists::Late(ip, wait) => {
                thread::sleep(wait);
                Some(written(question, 0, &address(ip)))
            }
            Lists::Long(ip) if by == By::Stream => Some(written(question, 0, &address(ip))),
            Lists::Long(_) => {
                let mut answer = written(question, 0, &[]);
                answer[2] |= TRUNCATED;
                Some(answer)
            }
            Lists::Not => Some(written(question, 3, &[])),
            Lists::Failure => Some(written(question, 2, &[])),
            Lists::Silence => None,
            Lists::Garbage => Some(vec![0xff; 7]),
            Lists::OtherQuestion => {
                let mut answer = written(question, 3, &[]);
                answer[0] ^= 0xff;
                Some(answer)
            }
        }
    }

    fn said_of(&self, name: &str) -> Lists {
        let table = self.table.lock().unwrap();
        let above = name.match_indices('.').map(|(dot, _)| format!("*{}", &name[dot..]));
        let mut names = std::iter::once(name.to_string()).chain(above);
        names.find_map(|name| table.get(&name).copied()).unwrap_or(Lists::Not)
    }
}

fn serve_datagrams(shared: &Arc<Shared>, socket: &UdpSocket) {
    let mut buffer = [0; 1_500];
    while !shared.end.load(Ordering::Relaxed) {
        let Ok((length, from)) = socket.recv_from(&mut buffer) else { continue };
        let (shared, packet) = (shared.clone(), buffer[..length].to_vec());
        let socket = socket.try_clone().unwrap();
        // Whoever is late holds up nobody else.
        thread::spawn(move || {
            if let Some(answer) = shared.answer(&packet, By::Datagram) {
                let _client_gone = socket.send_to(&answer, from);
            }
        });
    }
}

fn serve_streams(shared: &Arc<Shared>, listener: &TcpListener) {
    while !shared.end.load(Ordering::Relaxed) {
        let Ok((mut stream, _)) = listener.accept() else {
            thread::sleep(LOOK_AGAIN / 10);
            continue;
        };
        let shared = shared.clone();
        thread::spawn(move || {
            stream.set_nonblocking(false).unwrap();
            stream.set_read_timeout(Some(LOOK_AGAIN * 50)).unwrap();
            // RFC 1035 section 4.2.2: two octets of length before each message.
            let mut length = [0; 2];
            while stream.read_exact(&mut length).is_ok() {
                let mut packet = vec![0; usize::from(u16::from_be_bytes(length))];
                if stream.read_exact(&mut packet).is_err() {
                    return;
                }
                let Some(answer) = shared.answer(&packet, By::Stream) else { return };
                let length = u16::try_from(answer.len()).unwrap().to_be_bytes();
                if stream.write_all(&[&length[..], &answer].concat()).is_err() {
                    return;
                }
            }
        });
    }
}

const A: u16 = 1;
const TRUNCATED: u8 = 2;

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

/// An answer with these addresses, good for no time at all.
fn written(question: &[u8], code: u8, addresses: &[Ipv4Addr]) -> Vec<u8> {
    let mut packet = question.to_vec();
    packet[2] = 0x84 | (packet[2] & 1);
    packet[3] = 0x80 | code;
    packet[4..12].copy_from_slice(&[0, 1, 0, u8::try_from(addresses.len()).unwrap(), 0, 0, 0, 0]);
    for address in addresses {
        packet.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4]);
        packet.extend(address.octets());
    }
    packet
}
