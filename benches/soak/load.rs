//! The senders: the world's towards the organisations, and the organisations' own towards the world.

use crate::{
    common::{Client, stuffed},
    ledger::Ledger,
    mails::Mail,
};
use std::{
    io,
    sync::atomic::{AtomicBool, AtomicU32, Ordering},
    thread,
    time::{Duration, Instant},
};

/// Enough for the pace to be kept while a server behind makes every mail take half a minute.
pub(crate) const SENDERS: u32 = 40;
/// How long a sender tries to connect before it gives a mail up.
const CONNECT_TIME_MAX: Duration = Duration::from_secs(5);
/// Mails over one connection.
const MAILS_PER_CONNECTION: u32 = 10;

/// The ports of the gateway.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Doors {
    pub(crate) inbound: u16,
    pub(crate) outbound: u16,
}

/// What all senders share.
pub(crate) struct Load {
    pub(crate) began: Instant,
    /// The clocks of the mails stand in 1970.
    pub(crate) far_past: AtomicBool,
    seed: u64,
    rate: u32,
    lasts: Duration,
    doors: Doors,
    next: AtomicU32,
}

impl Load {
    pub(crate) fn new(seed: u64, rate: u32, lasts: Duration, doors: Doors) -> Load {
        Load {
            began: Instant::now(),
            far_past: AtomicBool::new(false),
            seed,
            rate,
            lasts,
            doors,
            next: AtomicU32::new(0),
        }
    }

    /// One sender: takes the next mail, waits for its time, sends it once.
    pub(crate) fn send_until_ended(&self, sender: u32, ledger: &Ledger) {
        let mut line: Option<(Client, u32)> = None;
        loop {
            let number = self.next.fetch_add(1, Ordering::Relaxed);
            let due = Duration::from_secs(1) * number / self.rate;
            if due >= self.lasts {
                return;
            }
            thread::sleep((self.began + due).saturating_duration_since(Instant::now()));
            let mail = Mail::new(
                self.seed,
                number,
                direction(sender),
                self.far_past.load(Ordering::Relaxed),
            );
            ledger.send(&mail);
            let kept = line.take().filter(|(_, left)| *left > 0);
            let Some((mut client, left)) = kept.or_else(|| self.connect(sender)) else {
                ledger.refused("no connection");
                continue;
            };
            match speak(&mut client, &mail) {
                Ok(Spoken { code: 250, taken }) => {
                    ledger.owe(&mail, taken);
                    line = Some((client, left - 1));
                }
                Ok(Spoken { code, .. }) => ledger.refused(&code.to_string()),
                Err(_) => ledger.refused("cut"),
            }
        }
    }

    fn connect(&self, sender: u32) -> Option<(Client, u32)> {
        let (address, port) = match direction(sender) {
            Direction::In => (format!("127.7.{sender}.1"), self.doors.inbound),
            Direction::OutOfAcme => ("127.0.0.2".to_string(), self.doors.outbound),
            Direction::OutOfBolaget => ("127.0.0.3".to_string(), self.doors.outbound),
        };
        let began = Instant::now();
        while began.elapsed() < CONNECT_TIME_MAX {
            let greeted = Client::dial_from(&address, port).and_then(|mut client| {
                let greeting = client.hear()?;
                let hello = client.ask("EHLO client.example.org")?;
                Ok((greeting.code == 220 && hello.code == 250).then_some(client))
            });
            if let Ok(Some(client)) = greeted {
                return Some((client, MAILS_PER_CONNECTION));
            }
            thread::sleep(Duration::from_millis(20));
        }
        None
    }
}

/// Where a mail goes, and by whom.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Direction {
    In,
    OutOfAcme,
    OutOfBolaget,
}

/// Half the senders are the world's, a quarter each organisation's.
fn direction(sender: u32) -> Direction {
    match sender % 4 {
        0 | 2 => Direction::In,
        1 => Direction::OutOfAcme,
        _ => Direction::OutOfBolaget,
    }
}

/// What became of a mail on its line.
struct Spoken {
    /// The reply after the dot, or the one that ended it before.
    code: u16,
    taken: Vec<&'static str>,
}

fn speak(client: &mut Client, mail: &Mail) -> io::Result<Spoken> {
    let mut taken = Vec::new();
    let mut code = client.ask(&format!("MAIL FROM:<{}>", mail.sender))?.code;
    if code == 250 {
        for recipient in &mail.recipients {
            code = client.ask(&format!("RCPT TO:<{recipient}>"))?.code;
            if code == 250 {
                taken.push(*recipient);
            }
        }
    }
    if taken.is_empty() {
        return Ok(Spoken { code, taken });
    }
    code = client.ask("DATA")?.code;
    if code == 354 {
        client.write(&stuffed(&mail.bytes))?;
        code = client.hear()?.code;
    }
    Ok(Spoken { code, taken })
}
