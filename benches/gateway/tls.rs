//! What TLS adds to a mail: the gateway's CPU for one mail a connection in clear, behind a whole handshake, and behind a resumed one; and for
//! mail after mail over one connection, where only the cipher is left.

use crate::{gateway::Gateway, load::Door, mails, sink::Sink};
use rustls::{ClientConfig, ClientConnection, StreamOwned, pki_types::ServerName};
use std::{
    io::{self, BufRead, BufReader, Read, Write},
    net::TcpStream,
    path::Path,
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

/// How a connection is made.
#[derive(Clone)]
enum Way {
    Clear,
    Tls(Arc<ClientConfig>),
}

trait Both: Read + Write {}

impl<T: Read + Write> Both for T {}

/// In rounds, so that what others do to the machine meets all alike.
const ROUNDS: usize = 5;

pub(crate) fn measure(folder: &Path, sessions: usize, lasts: Duration) {
    let whole = sluss::edge::tls::fresh_client().unwrap();
    let resumed = sluss::edge::tls::opportunistic_client().unwrap();
    let rows = [
        ("in clear, one mail a connection", Way::Clear, 1),
        ("TLS, whole handshake for each mail", Way::Tls(whole.clone()), 1),
        ("TLS, resumed for each mail", Way::Tls(resumed), 1),
        ("in clear, 100 mails a connection", Way::Clear, 100),
        ("TLS, 100 mails a connection", Way::Tls(whole), 100),
    ];
    let sink = Sink::open();
    let gateway = Gateway::start(folder, sink.port());
    let mut found = vec![Vec::new(); rows.len()];
    for _ in 0..ROUNDS {
        for ((_, way, each), found) in rows.iter().zip(&mut found) {
            let port = gateway.port(Door::Inbound);
            let run = |lasts: Duration| -> u64 {
                let end = Instant::now() + lasts;
                thread::scope(|scope| {
                    let all: Vec<_> = (0..sessions)
                        .map(|_| scope.spawn(|| session(port, way, *each, end)))
                        .collect();
                    all.into_iter().map(|one| one.join().unwrap()).sum()
                })
            };
            run(Duration::from_millis(300));
            sink.wait_until_quiet();
            let before = gateway.cpu();
            let mails = run(lasts / 2);
            sink.wait_until_quiet();
            thread::sleep(Duration::from_millis(600));
            let cpu = gateway.cpu().minus(before);
            found.push(
                (cpu.user + cpu.system) * 1_000.0 / f64::from(u32::try_from(mails.max(1)).unwrap()),
            );
        }
    }
    println!("\n| TLS | CPU ms/mail, median of {ROUNDS} | more than in clear |\n|---|---|---|");
    let mut clear = 0.0;
    for ((name, way, _), mut cpu) in rows.into_iter().zip(found) {
        cpu.sort_by(f64::total_cmp);
        let median = cpu[cpu.len() / 2];
        if matches!(way, Way::Clear) {
            clear = median;
        }
        println!("| {name} | {median:.3} | {:.3} |", median - clear);
    }
}

fn session(port: u16, way: &Way, mails_per_connection: usize, end: Instant) -> u64 {
    let all = mails::tiny();
    let mut mails = all.iter().cycle();
    let mut sent = 0;
    while Instant::now() < end {
        let mut line = open(port, way).unwrap();
        for _ in 0..mails_per_connection {
            let mail = mails.next().unwrap();
            let commands =
                "MAIL FROM:<sender@example.org>\r\nRCPT TO:<user@ours.example>\r\nDATA\r\n";
            line.get_mut().write_all(commands.as_bytes()).unwrap();
            assert_eq!([reply(&mut line), reply(&mut line), reply(&mut line)], [250, 250, 354]);
            let mark = format!("X-Number: {sent}-{:?}\r\n", thread::current().id());
            line.get_mut().write_all(&[mark.as_bytes(), mail, b"\r\n.\r\n"].concat()).unwrap();
            assert_eq!(reply(&mut line), 250);
            sent += 1;
            if Instant::now() >= end {
                break;
            }
        }
        line.get_mut().write_all(b"QUIT\r\n").unwrap();
        reply(&mut line);
    }
    sent
}

fn open(port: u16, way: &Way) -> io::Result<BufReader<Box<dyn Both>>> {
    let stream = TcpStream::connect(("127.0.0.1", port))?;
    stream.set_nodelay(true)?;
    let mut line = BufReader::new(stream);
    reply(&mut line);
    say(&mut line, "EHLO client.example.org\r\n")?;
    let Way::Tls(config) = way else {
        let boxed: Box<dyn Both> = Box::new(line.into_inner());
        return Ok(BufReader::new(boxed));
    };
    say(&mut line, "STARTTLS\r\n")?;
    let name = ServerName::try_from("mx.ours.example").unwrap();
    let session = ClientConnection::new(config.clone(), name).map_err(io::Error::other)?;
    let boxed: Box<dyn Both> = Box::new(StreamOwned::new(session, line.into_inner()));
    let mut line = BufReader::new(boxed);
    say(&mut line, "EHLO client.example.org\r\n")?;
    Ok(line)
}

fn say<T: Read + Write>(line: &mut BufReader<T>, words: &str) -> io::Result<()> {
    line.get_mut().write_all(words.as_bytes())?;
    line.get_mut().flush()?;
    reply(line);
    Ok(())
}

fn reply<T: Read>(line: &mut BufReader<T>) -> u16 {
    loop {
        let mut text = String::new();
        assert!(line.read_line(&mut text).unwrap() > 0, "hung up");
        if text.as_bytes().get(3) == Some(&b' ') {
            return text[..3].parse().unwrap();
        }
    }
}
