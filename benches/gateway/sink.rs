//! The mail server behind: takes everything at once, keeps nothing, counts.

use std::{
    io::{self, BufRead, BufReader, Write},
    net::{TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

/// A listening sink. Its threads end with the process.
pub(crate) struct Sink {
    port: u16,
    mails: Arc<AtomicU64>,
}

impl Sink {
    pub(crate) fn open() -> Sink {
        let socket = TcpListener::bind("127.0.0.1:0").unwrap();
        let sink = Sink { port: socket.local_addr().unwrap().port(), mails: Arc::default() };
        let mails = sink.mails.clone();
        thread::spawn(move || {
            for stream in socket.incoming() {
                let (stream, mails) = (stream.unwrap(), mails.clone());
                // A client that hangs up is not the sink's business.
                thread::spawn(move || drop(serve(stream, &mails)));
            }
        });
        sink
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// Mails taken so far.
    pub(crate) fn mails(&self) -> u64 {
        self.mails.load(Ordering::Relaxed)
    }

    /// Waits until it has taken this many.
    pub(crate) fn wait_for(&self, mails: u64) {
        let patience = Instant::now() + Duration::from_secs(60);
        while self.mails() < mails {
            assert!(Instant::now() < patience, "{} of {mails} mails arrived", self.mails());
            thread::sleep(Duration::from_millis(2));
        }
    }

    /// Waits until nothing has come for half a second.
    pub(crate) fn wait_until_quiet(&self) {
        let mut before = None;
        while before != Some(self.mails()) {
            before = Some(self.mails());
            thread::sleep(Duration::from_millis(500));
        }
    }
}

fn serve(stream: TcpStream, mails: &AtomicU64) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut input = BufReader::with_capacity(64 << 10, stream);
    let mut replies = b"220 sink.example\r\n".to_vec();
    let mut line = Vec::new();
    loop {
        // Replies to what was pipelined go out together.
        if input.buffer().is_empty() {
            input.get_mut().write_all(&replies)?;
            replies.clear();
        }
        line.clear();
        if input.read_until(b'\n', &mut line)? == 0 {
            return Ok(());
        }
        let reply: &[u8] = match line.get(..4).unwrap_or_default() {
            b"EHLO" => b"250-sink.example\r\n250-PIPELINING\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n250 SIZE 0\r\n",
            b"DATA" => {
                input.get_mut().write_all(b"354 go ahead\r\n")?;
                read_message(&mut input)?;
                mails.fetch_add(1, Ordering::Relaxed);
                b"250 2.0.0 taken\r\n"
            }
            b"QUIT" => {
                input.get_mut().write_all(b"221 bye\r\n")?;
                return Ok(());
            }
            _ => b"250 2.0.0 ok\r\n",
        };
        replies.extend_from_slice(reply);
    }
}

/// Up to the dot that stands alone.
fn read_message(input: &mut impl BufRead) -> io::Result<()> {
    let mut line = Vec::new();
    loop {
        line.clear();
        if input.read_until(b'\n', &mut line)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        if line == b".\r\n" {
            return Ok(());
        }
    }
}
