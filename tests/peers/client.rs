//! A plain SMTP client for bytes that no real client would send, and for questions that none can ask.

use std::{
    io::{BufRead, BufReader, Write},
    net::TcpStream,
    time::Duration,
};

/// One session.
pub struct Client {
    reader: BufReader<TcpStream>,
}

impl Client {
    /// Connects and says EHLO; gives the announcement too.
    pub fn hello(port: u16) -> (Client, String) {
        let stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        stream.set_nodelay(true).unwrap();
        let mut client = Client { reader: BufReader::new(stream) };
        let greeting = client.reply();
        assert!(greeting.starts_with("220"), "{greeting}");
        let offers = client.say("EHLO client.elsewhere.example");
        assert!(offers.starts_with("250"), "{offers}");
        (client, offers)
    }

    /// A command and its whole reply.
    pub fn say(&mut self, line: &str) -> String {
        self.reader.get_mut().write_all(format!("{line}\r\n").as_bytes()).unwrap();
        self.reply()
    }

    /// One mail to one recipient; gives the reply that decided.
    pub fn mail(&mut self, from: &str, to: &str, mail: &[u8]) -> String {
        for line in [format!("MAIL FROM:<{from}>"), format!("RCPT TO:<{to}>")] {
            let reply = self.say(&line);
            if !reply.starts_with('2') {
                self.say("RSET");
                return reply;
            }
        }
        self.data(mail)
    }

    /// DATA and the mail; gives the reply after the dot.
    pub fn data(&mut self, mail: &[u8]) -> String {
        let go = self.say("DATA");
        if !go.starts_with("354") {
            return go;
        }
        self.reader.get_mut().write_all(&dotted(mail)).unwrap();
        self.reply()
    }

    fn reply(&mut self) -> String {
        let mut all = String::new();
        loop {
            let mut line = String::new();
            let read = self.reader.read_line(&mut line).unwrap_or(0);
            all += &line;
            if read == 0 || line.as_bytes().get(3) != Some(&b'-') {
                return all.trim_end().to_string();
            }
        }
    }
}

/// RFC 5321 section 4.5.2, and the end.
fn dotted(mail: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(mail.len() + 64);
    for line in mail.split_inclusive(|byte| *byte == b'\n') {
        if line.first() == Some(&b'.') {
            out.push(b'.');
        }
        out.extend_from_slice(line);
    }
    if !out.is_empty() && !out.ends_with(b"\r\n") {
        out.extend_from_slice(b"\r\n");
    }
    out.extend_from_slice(b".\r\n");
    out
}
