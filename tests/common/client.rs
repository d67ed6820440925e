//! A small SMTP client that says exactly what it is told.

use super::{PATIENCE, line::Line};
use rustls::{ClientConnection, StreamOwned, pki_types::ServerName};
use std::{
    io::{self, Read, Write},
    net::{SocketAddr, TcpStream},
};

/// One connection to the gateway.
pub struct Client {
    line: Line,
    input: Vec<u8>,
}

/// A reply, all its lines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heard {
    /// The basic code.
    pub code: u16,
    /// The lines as they came, without their ends.
    pub lines: Vec<String>,
}

impl Heard {
    /// The last line: the one with the words.
    pub fn last(&self) -> &str {
        self.lines.last().map_or("", String::as_str)
    }

    /// The transaction id in it, if there is one.
    pub fn id(&self) -> Option<String> {
        let (_, after) = self.last().rsplit_once("(id ")?;
        after.strip_suffix(')').map(str::to_string)
    }
}

impl Client {
    /// Connects; the greeting is not read yet.
    pub fn dial(port: u16) -> io::Result<Client> {
        Client::over(TcpStream::connect(("127.0.0.1", port))?)
    }

    /// Connects from one of loopback's many addresses.
    pub fn dial_from(address: &str, port: u16) -> io::Result<Client> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
        let socket = runtime.block_on(async {
            let socket = tokio::net::TcpSocket::new_v4()?;
            socket.bind(format!("{address}:0").parse().map_err(io::Error::other)?)?;
            let there = SocketAddr::from(([127, 0, 0, 1], port));
            socket.connect(there).await?.into_std()
        })?;
        socket.set_nonblocking(false)?;
        Client::over(socket)
    }

    fn over(socket: TcpStream) -> io::Result<Client> {
        socket.set_nodelay(true)?;
        socket.set_read_timeout(Some(PATIENCE))?;
        socket.set_write_timeout(Some(PATIENCE))?;
        Ok(Client { line: Line::Plain(socket), input: Vec::new() })
    }

    /// Connects, hears the greeting and says EHLO.
    #[track_caller]
    pub fn hello(port: u16) -> Client {
        Client::dial(port).unwrap().greeted()
    }

    /// The same from an address of loopback.
    #[track_caller]
    pub fn hello_from(address: &str, port: u16) -> Client {
        Client::dial_from(address, port).unwrap().greeted()
    }

    #[track_caller]
    fn greeted(self) -> Client {
        let mut client = self;
        client.expect("220");
        client.say("EHLO client.example.org");
        client.expect("250");
        client
    }

    /// Writes bytes as they are.
    pub fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.line.write_all(bytes)?;
        self.line.flush()
    }

    /// Says one command line.
    #[track_caller]
    pub fn say(&mut self, line: &str) {
        self.write(format!("{line}\r\n").as_bytes()).unwrap();
    }

    /// Reads one whole reply.
    pub fn hear(&mut self) -> io::Result<Heard> {
        let mut lines = Vec::new();
        loop {
            let line = self.read_line()?;
            let more = line.as_bytes().get(3) == Some(&b'-');
            lines.push(line);
            if !more {
                let code = lines[0].get(..3).and_then(|code| code.parse().ok());
                let code =
                    code.ok_or_else(|| io::Error::other(format!("not a reply: {lines:?}")))?;
                return Ok(Heard { code, lines });
            }
        }
    }

    /// Reads one reply, which must begin with this.
    #[track_caller]
    pub fn expect(&mut self, beginning: &str) -> Heard {
        let heard = self.hear().unwrap();
        assert!(heard.lines[0].starts_with(beginning), "wanted {beginning:?}, heard {heard:?}");
        heard
    }

    /// Says a line and hears its reply.
    pub fn ask(&mut self, line: &str) -> io::Result<Heard> {
        self.write(format!("{line}\r\n").as_bytes())?;
        self.hear()
    }

    /// Has the other side hung up, with nothing more to say?
    pub fn is_closed(&mut self) -> bool {
        if !self.input.is_empty() {
            return false;
        }
        let mut room = [0; 1];
        match self.line.read(&mut room) {
            Ok(0) => true,
            Ok(_) => {
                self.input.push(room[0]);
                false
            }
            Err(error) => {
                !matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut)
            }
        }
    }

    /// Everything that still comes until the other side hangs up.
    pub fn rest(&mut self) -> String {
        let mut rest = std::mem::take(&mut self.input);
        let _reset_is_an_end_too = self.line.read_to_end(&mut rest);
        String::from_utf8_lossy(&rest).into_owned()
    }

    /// Does the client's side of a handshake; any certificate will do.
    pub fn handshake(&mut self) -> io::Result<()> {
        assert!(self.input.is_empty(), "bytes before the handshake");
        let Line::Plain(socket) = std::mem::replace(&mut self.line, Line::Gone) else {
            return Err(io::Error::other("TLS twice"));
        };
        let config = sluss::edge::tls::opportunistic_client().map_err(io::Error::other)?;
        let name = ServerName::try_from("mx.ours.example").unwrap();
        let session = ClientConnection::new(config, name).map_err(io::Error::other)?;
        let mut stream = StreamOwned::new(session, socket);
        while stream.conn.is_handshaking() {
            stream.conn.complete_io(&mut stream.sock)?;
        }
        self.line = Line::Client(Box::new(stream));
        Ok(())
    }

    /// MAIL, RCPT and DATA with this mail; gives the first reply that is a refusal of the whole, else the one after the dot.
    pub fn send(&mut self, from: &str, to: &[&str], mail: &[u8]) -> io::Result<Heard> {
        let begun = self.ask(&format!("MAIL FROM:<{from}>"))?;
        if begun.code != 250 {
            return Ok(begun);
        }
        let mut last = begun;
        let mut taken = 0;
        for to in to {
            last = self.ask(&format!("RCPT TO:<{to}>"))?;
            taken += usize::from(last.code == 250);
        }
        if taken == 0 {
            self.ask("RSET")?;
            return Ok(last);
        }
        let go = self.ask("DATA")?;
        if go.code != 354 {
            return Ok(go);
        }
        self.write(&stuffed(mail))?;
        self.hear()
    }

    /// The server's certificate, DER.
    pub fn certificate(&self) -> Option<Vec<u8>> {
        let Line::Client(stream) = &self.line else { return None };
        stream.conn.peer_certificates()?.first().map(|certificate| certificate.to_vec())
    }

    fn read_line(&mut self) -> io::Result<String> {
        loop {
            if let Some(end) = self.input.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.input.drain(..=end).collect();
                let line = line
                    .strip_suffix(b"\r\n")
                    .ok_or_else(|| io::Error::other("a reply line ends with a bare LF"))?;
                return String::from_utf8(line.to_vec()).map_err(io::Error::other);
            }
            let mut room = [0; 4_096];
            match self.line.read(&mut room)? {
                0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                count => self.input.extend_from_slice(&room[..count]),
            }
        }
    }
}

/// A mail as it goes behind DATA: dots doubled, its end behind it.
pub fn stuffed(mail: &[u8]) -> Vec<u8> {
    let mut wire = Vec::with_capacity(mail.len() + 8);
    let mut at_start = true;
    for byte in mail {
        if at_start && *byte == b'.' {
            wire.push(b'.');
        }
        wire.push(*byte);
        at_start = *byte == b'\n';
    }
    if !at_start {
        wire.extend_from_slice(b"\r\n");
    }
    wire.extend_from_slice(b".\r\n");
    wire
}
