//! The load: sessions that send mail after mail, each on a thread of its own.

use socket2::{Domain, Socket, Type};
use std::{
    io::{self, BufRead, BufReader, Write},
    net::{Ipv4Addr, SocketAddr, TcpStream},
    thread,
    time::{Duration, Instant},
};

/// Which listener takes the mail.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Door {
    /// From the world to a domain of ours: cut-through.
    Inbound,
    /// From our network to the world: through the spool.
    Outbound,
}

/// What is to be sent.
#[derive(Debug, Clone)]
pub(crate) struct Load {
    pub(crate) port: u16,
    pub(crate) mails: Vec<Vec<u8>>,
    /// To whom, by turns.
    pub(crate) recipients: Vec<String>,
    pub(crate) sessions: usize,
    pub(crate) mails_per_connection: usize,
    pub(crate) lasts: Duration,
}

/// What came of it.
#[derive(Debug, Default)]
pub(crate) struct Sent {
    pub(crate) accepted: u64,
    pub(crate) refused: u64,
    /// From the final dot to its reply, milliseconds.
    dots: Vec<f64>,
}

impl Load {
    pub(crate) fn lasting(self, lasts: Duration) -> Load {
        Load { lasts, ..self }
    }

    /// Sends until the time is over; every mail begun is finished.
    pub(crate) fn run(&self) -> Sent {
        let end = Instant::now() + self.lasts;
        let mut all = Sent::default();
        thread::scope(|scope| {
            let sessions: Vec<_> = (0..self.sessions)
                .map(|session| scope.spawn(move || self.session(session, end)))
                .collect();
            for session in sessions {
                let sent = session.join().unwrap();
                all.accepted += sent.accepted;
                all.refused += sent.refused;
                all.dots.extend(sent.dots);
            }
        });
        all.dots.sort_by(f64::total_cmp);
        all
    }

    fn session(&self, session: usize, end: Instant) -> Sent {
        let mut sent = Sent::default();
        let mut mails = self.mails.iter().cycle().skip(session * 7);
        let mut recipients = self.recipients.iter().cycle().skip(session * 7);
        while Instant::now() < end {
            let mut line = Line::open(self.port).unwrap();
            line.say("EHLO client.example.org\r\n").unwrap();
            for _ in 0..self.mails_per_connection {
                let mail = mails.next().unwrap();
                if !line.envelope(recipients.next().unwrap(), mail.len()).unwrap() {
                    sent.refused += 1;
                    break;
                }
                // No two are alike: what is known of one mail must not spare the work of the next.
                let mark = format!("X-Number: {session}-{}\r\n", sent.accepted);
                line.stream.get_mut().write_all(&[mark.as_bytes(), mail].concat()).unwrap();
                let dot = Instant::now();
                let code = line.say("\r\n.\r\n").unwrap();
                sent.dots.push(dot.elapsed().as_secs_f64() * 1_000.0);
                if code == 250 {
                    sent.accepted += 1
                } else {
                    sent.refused += 1
                }
                if Instant::now() >= end {
                    break;
                }
            }
            line.say("QUIT\r\n").unwrap();
        }
        sent
    }
}

impl Sent {
    /// Milliseconds from the final dot to the reply that this many of a hundred mails did not exceed.
    pub(crate) fn percentile(&self, percent: usize) -> f64 {
        let at = self.dots.len().saturating_sub(1) * percent / 100;
        self.dots.get(at).copied().unwrap_or(0.0)
    }
}

/// Opens sessions that have each sent this many bytes of a mail that is to be longer. They wait until they are dropped.
pub(crate) fn half_sent(port: u16, sessions: usize, bytes: usize) -> Vec<impl Sized> {
    let mut lines: Vec<Line> = (0..sessions)
        .map(|_| {
            let mut line = Line::open(port).unwrap();
            line.say("EHLO client.example.org\r\n").unwrap();
            assert!(line.envelope("user@ours.example", 2 * bytes).unwrap());
            line
        })
        .collect();
    let piece = [[b'x'; 74].as_slice(), b"\r\n"].concat().repeat(400);
    // In turns, so that all are under way at the same time.
    for _ in 0..bytes / piece.len() {
        for line in &mut lines {
            line.stream.get_mut().write_all(&piece).unwrap();
        }
    }
    lines
}

/// With dots doubled at the beginnings of lines (RFC 5321 section 4.5.2), and bare CR and LF made into line ends.
pub(crate) fn stuffed(mail: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(mail.len() + 64);
    for line in mail.split(|byte| *byte == b'\n') {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        for line in line.split(|byte| *byte == b'\r') {
            if line.first() == Some(&b'.') {
                out.push(b'.');
            }
            out.extend_from_slice(line);
            out.extend_from_slice(b"\r\n");
        }
    }
    out
}

/// One connection.
pub(crate) struct Line {
    stream: BufReader<TcpStream>,
}

impl Line {
    fn open(port: u16) -> io::Result<Line> {
        Line::over(TcpStream::connect(("127.0.0.1", port))?)
    }

    /// From one of the machine's other loopback addresses.
    pub(crate) fn open_from(address: &str, port: u16) -> io::Result<Line> {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
        let from: Ipv4Addr = address.parse().map_err(io::Error::other)?;
        socket.bind(&SocketAddr::from((from, 0)).into())?;
        socket.connect(&SocketAddr::from(([127, 0, 0, 1], port)).into())?;
        Line::over(socket.into())
    }

    fn over(stream: TcpStream) -> io::Result<Line> {
        stream.set_nodelay(true)?;
        let mut line = Line { stream: BufReader::new(stream) };
        line.reply()?;
        Ok(line)
    }

    /// MAIL, RCPT and DATA, pipelined. False: the mail is not wanted, now or ever.
    pub(crate) fn envelope(&mut self, recipient: &str, size: usize) -> io::Result<bool> {
        let commands = format!(
            "MAIL FROM:<sender@example.org> SIZE={size}\r\nRCPT TO:<{recipient}>\r\nDATA\r\n"
        );
        self.stream.get_mut().write_all(commands.as_bytes())?;
        let codes = [self.reply()?, self.reply()?, self.reply()?];
        Ok(codes == [250, 250, 354])
    }

    pub(crate) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.get_mut().write_all(bytes)
    }

    pub(crate) fn say(&mut self, line: &str) -> io::Result<u16> {
        self.stream.get_mut().write_all(line.as_bytes())?;
        self.reply()
    }

    fn reply(&mut self) -> io::Result<u16> {
        loop {
            let mut line = String::new();
            if self.stream.read_line(&mut line)? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            if line.as_bytes().get(3) == Some(&b' ') {
                return line[..3].parse().map_err(io::Error::other);
            }
        }
    }
}
