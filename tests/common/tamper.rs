//! Somebody on the wire between the gateway and a mail host: he reads all that goes by in clear, and may change it. For those tests that name it.

// Each test file uses a part of this; `pub` is the simplest word for "to all of them".
#![allow(dead_code, unreachable_pub)]

use socket2::SockRef;
use std::{
    io::{self, Read, Write},
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

/// What he does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Does {
    /// He only listens.
    Nothing,
    /// He makes another word of STARTTLS in what the server can.
    Strip,
    /// He answers STARTTLS himself, with a reply more than was asked for.
    Inject,
    /// He lets the server agree to TLS, and resets the line at the first byte of it.
    Reset,
    /// He answers the handshake as a server that speaks TLS 1.0 alone.
    OldTls,
    /// He has a server of his own at the other end, with a certificate of his own.
    Impersonate,
}

/// The man in the middle. He ends with his owner.
pub struct Tamper {
    address: SocketAddr,
    shared: Arc<Shared>,
}

struct Shared {
    server: SocketAddr,
    own: SocketAddr,
    does: Mutex<Does>,
    /// What clients said in clear, line by line.
    heard: Mutex<Vec<String>>,
    ended: AtomicBool,
}

impl Tamper {
    /// Sits at this address, before a server; `own` is the server that he passes off as that.
    pub fn start(at: &str, server: SocketAddr, own: SocketAddr) -> Tamper {
        let listener = TcpListener::bind(at).unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared {
            server,
            own,
            does: Mutex::new(Does::Nothing),
            heard: Mutex::default(),
            ended: AtomicBool::new(false),
        });
        let sitting = shared.clone();
        thread::spawn(move || {
            for socket in listener.incoming() {
                let (Ok(socket), false) = (socket, sitting.ended.load(Ordering::Relaxed)) else {
                    return;
                };
                let shared = sitting.clone();
                thread::spawn(move || {
                    // Either side may hang up whenever it likes.
                    let _ended = shared.between(socket);
                });
            }
        });
        Tamper { address, shared }
    }

    /// From the next connection on he does this.
    pub fn now(&self, does: Does) {
        *self.shared.does.lock().unwrap() = does;
    }

    /// What he has heard in clear since this was asked last.
    pub fn heard(&self) -> Vec<String> {
        std::mem::take(&mut *self.shared.heard.lock().unwrap())
    }
}

impl Drop for Tamper {
    fn drop(&mut self) {
        self.shared.ended.store(true, Ordering::Relaxed);
        let _gone_already = TcpStream::connect(self.address);
    }
}

impl Shared {
    fn between(self: &Arc<Shared>, mut client: TcpStream) -> io::Result<()> {
        let does = *self.does.lock().unwrap();
        let to = if does == Does::Impersonate { self.own } else { self.server };
        let server = TcpStream::connect(to)?;
        for socket in [&client, &server] {
            socket.set_nodelay(true)?;
            socket.set_read_timeout(Some(Duration::from_secs(60)))?;
        }
        let (from_server, to_client) = (server.try_clone()?, client.try_clone()?);
        thread::spawn(move || {
            let _ended = back(from_server, &to_client, does);
            let _gone_already = to_client.shutdown(Shutdown::Both);
        });
        let ended = self.forth(&mut client, &server, does);
        let _gone_already = server.shutdown(Shutdown::Both);
        ended
    }

    /// Client to server: line by line as long as it is in clear.
    fn forth(&self, client: &mut TcpStream, mut server: &TcpStream, does: Does) -> io::Result<()> {
        let mut line = Vec::new();
        loop {
            let mut byte = [0];
            client.read_exact(&mut byte)?;
            line.push(byte[0]);
            if byte[0] != b'\n' {
                continue;
            }
            let text = String::from_utf8_lossy(&line).trim_end().to_string();
            self.heard.lock().unwrap().push(text.clone());
            if text == "STARTTLS" {
                return match does {
                    Does::Nothing | Does::Strip | Does::Impersonate => {
                        server.write_all(&line)?;
                        io::copy(client, &mut server).map(drop)
                    }
                    Does::Inject => {
                        client.write_all(b"220 2.0.0 go\r\n250 2.0.0 and more\r\n")?;
                        io::copy(client, &mut io::sink()).map(drop)
                    }
                    Does::Reset => {
                        client.write_all(b"220 2.0.0 go\r\n")?;
                        client.read_exact(&mut byte)?;
                        SockRef::from(&*client).set_linger(Some(Duration::ZERO))
                    }
                    Does::OldTls => {
                        client.write_all(b"220 2.0.0 go\r\n")?;
                        client.read_exact(&mut [0; 5])?;
                        client.write_all(&old_server_hello())?;
                        io::copy(client, &mut io::sink()).map(drop)
                    }
                };
            }
            server.write_all(&line)?;
            line.clear();
        }
    }
}

/// Server to client.
fn back(mut server: TcpStream, mut client: &TcpStream, does: Does) -> io::Result<()> {
    let mut bytes = vec![0; 16 << 10];
    loop {
        let count = server.read(&mut bytes)?;
        if count == 0 {
            return Ok(());
        }
        let mut said = bytes[..count].to_vec();
        if does == Does::Strip
            && let Some(at) = said.windows(8).position(|word| word == b"STARTTLS")
        {
            said[at..at + 8].copy_from_slice(b"XXXXXXXA");
        }
        client.write_all(&said)?;
    }
}

/// A record of TLS 1.0 with a ServerHello of TLS 1.0, RFC 2246 section 7.4.1.3: its random, no session, TLS_RSA_WITH_AES_128_CBC_SHA, no
/// compression.
fn old_server_hello() -> Vec<u8> {
    let mut hello = vec![3, 1];
    hello.extend([7; 32]);
    hello.extend([0, 0x00, 0x2f, 0]);
    let length = u8::try_from(hello.len()).unwrap();
    let mut record = vec![0x16, 3, 1, 0, length + 4, 2, 0, 0, length];
    record.extend(hello);
    record
}
