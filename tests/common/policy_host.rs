//! A web server with the MTA-STS policies of many domains, and every bad habit. For those tests that name it.

// Each test file uses a part of this; `pub` is the simplest word for "to all of them".
#![allow(dead_code, unreachable_pub)]

use crate::common::certs::Cert;
use rustls::{ServerConnection, StreamOwned};
use std::{
    collections::HashMap,
    io::{self, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

/// What is answered to a request for the policy of a domain.
#[derive(Debug, Clone)]
pub enum Answer {
    /// 200 and this text, as plain text.
    Text(String),
    /// These bytes.
    Raw(Vec<u8>),
    /// A good header, and a body without an end.
    Endless,
    /// A byte now and then, for a minute.
    Drip,
}

/// The server. It ends with its owner.
pub struct PolicyHost {
    address: SocketAddr,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    answers: Mutex<HashMap<String, Answer>>,
    asked: Mutex<Vec<String>>,
    posted: Mutex<Vec<Posted>>,
    ended: AtomicBool,
}

/// What was handed over.
#[derive(Debug, Clone)]
pub struct Posted {
    /// The header, in lower case.
    pub header: String,
    pub body: Vec<u8>,
}

/// A policy with these mail hosts, for a day.
pub fn policy(mode: &str, hosts: &[&str]) -> Answer {
    let hosts: String = hosts.iter().map(|host| format!("mx: {host}\r\n")).collect();
    Answer::Text(format!("version: STSv1\r\nmode: {mode}\r\n{hosts}max_age: 86400\r\n"))
}

impl PolicyHost {
    /// Starts one that shows this certificate, and knows nothing.
    pub fn start(cert: &Cert) -> PolicyHost {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::<Shared>::default();
        let (serving, config) = (shared.clone(), cert.config.clone());
        thread::spawn(move || {
            for socket in listener.incoming() {
                let (Ok(socket), false) = (socket, serving.ended.load(Ordering::Relaxed)) else {
                    return;
                };
                let (shared, config) = (serving.clone(), config.clone());
                thread::spawn(move || {
                    let session = ServerConnection::new(config).unwrap();
                    // The gateway hangs up whenever it likes.
                    let _ended = shared.serve(StreamOwned::new(session, socket));
                });
            }
        });
        PolicyHost { address, shared }
    }

    /// Its port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// Answers so for this domain from now on.
    pub fn say(&self, domain: &str, answer: Answer) {
        self.shared.answers.lock().unwrap().insert(domain.to_string(), answer);
    }

    /// Hangs up on who asks for this domain.
    pub fn forget(&self, domain: &str) {
        self.shared.answers.lock().unwrap().remove(domain);
    }

    /// All that was handed over.
    pub fn posted(&self) -> Vec<Posted> {
        self.shared.posted.lock().unwrap().clone()
    }

    /// How often the policy of this domain was asked for.
    pub fn asked(&self, domain: &str) -> usize {
        self.shared.asked.lock().unwrap().iter().filter(|asked| *asked == domain).count()
    }
}

impl Shared {
    /// Keeps what is handed over; a path with "away" in it is never there.
    fn take(
        &self,
        header: &str,
        mut stream: StreamOwned<ServerConnection, TcpStream>,
    ) -> io::Result<()> {
        let length = header.lines().find_map(|line| line.strip_prefix("content-length: "));
        let mut body = vec![0; length.unwrap().trim().parse().unwrap()];
        stream.read_exact(&mut body)?;
        self.posted.lock().unwrap().push(Posted { header: header.to_string(), body });
        let status = if header.contains("/away") { "503 Away" } else { "201 Created" };
        stream.write_all(format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n").as_bytes())?;
        stream.conn.send_close_notify();
        stream.flush()
    }
}

impl Drop for PolicyHost {
    fn drop(&mut self) {
        self.shared.ended.store(true, Ordering::Relaxed);
        // The listener looks whether it has ended when somebody connects.
        let _gone_already = TcpStream::connect(self.address);
    }
}

impl Shared {
    fn serve(&self, mut stream: StreamOwned<ServerConnection, TcpStream>) -> io::Result<()> {
        stream.sock.set_read_timeout(Some(Duration::from_secs(20)))?;
        let mut request = Vec::new();
        while !request.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            stream.read_exact(&mut byte)?;
            request.push(byte[0]);
        }
        let request = String::from_utf8_lossy(&request).to_lowercase();
        if request.starts_with("post ") {
            return self.take(&request, stream);
        }
        let host = request.lines().find_map(|line| line.strip_prefix("host: mta-sts."));
        // At another port than 443 the port stands there as well.
        let host = host.unwrap_or("nobody").trim();
        let domain = host.split_once(':').map_or(host, |(host, _)| host).to_string();
        assert!(request.starts_with("get /.well-known/mta-sts.txt http/1.1\r\n"), "{request}");
        self.asked.lock().unwrap().push(domain.clone());
        let answer = self.answers.lock().unwrap().get(&domain).cloned();
        let header =
            |more: &str| format!("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n{more}\r\n");
        match answer {
            None => return Ok(()),
            Some(Answer::Raw(bytes)) => stream.write_all(&bytes)?,
            Some(Answer::Text(text)) => {
                let length = format!("Content-Length: {}\r\n", text.len());
                stream.write_all(format!("{}{text}", header(&length)).as_bytes())?;
            }
            Some(Answer::Endless) => {
                stream.write_all(header("").as_bytes())?;
                while !self.ended.load(Ordering::Relaxed) {
                    stream.write_all(&[b'x'; 4_096])?;
                }
            }
            Some(Answer::Drip) => {
                stream.write_all(header("").as_bytes())?;
                for _ in 0..600 {
                    if self.ended.load(Ordering::Relaxed) {
                        break;
                    }
                    stream.write_all(b"v")?;
                    stream.flush()?;
                    thread::sleep(Duration::from_millis(100));
                }
            }
        }
        stream.conn.send_close_notify();
        stream.flush()
    }
}
