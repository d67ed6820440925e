//! Servers that stop and start while mail comes in: whatever was acknowledged arrives, exactly as it was sent.

use crate::{
    client::Client,
    gateway::{Gateway, Options},
    place,
    postfix::{self, Postfix},
    sample,
};
use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
};

/// Mails that were answered 250, by their subject.
type Acknowledged = Arc<Mutex<HashMap<String, Vec<u8>>>>;

/// Clients that send until they are told to stop.
struct Load {
    acknowledged: Acknowledged,
    count: Arc<AtomicUsize>,
    stop: Arc<AtomicBool>,
    clients: Vec<thread::JoinHandle<()>>,
}

const CLIENTS: usize = 4;

impl Load {
    fn start(port: u16, from: &'static str, to: &'static str) -> Load {
        let acknowledged = Acknowledged::default();
        let (count, stop) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicBool::new(false)));
        let clients = (0..CLIENTS)
            .map(|number| {
                let (acknowledged, count, stop) =
                    (acknowledged.clone(), count.clone(), stop.clone());
                thread::spawn(move || {
                    let mut client = Client::hello(port).0;
                    for at in 0.. {
                        if stop.load(Ordering::Relaxed) {
                            return;
                        }
                        let subject = format!("storm-{number}-{at}");
                        let body = format!(".{subject}\n").repeat(1 + at * 37 % 900);
                        let mail = sample::mail(from, to, &subject, &body);
                        let reply = client.mail(from, to, &mail);
                        match reply.get(..1) {
                            Some("2") => {
                                acknowledged.lock().unwrap().insert(subject, mail);
                                count.fetch_add(1, Ordering::Relaxed);
                            }
                            Some("4") => (),
                            _ => panic!("{subject}: {reply}"),
                        }
                    }
                })
            })
            .collect();
        Load { acknowledged, count, stop, clients }
    }

    /// Waits until this many more were acknowledged.
    fn wait_for_more(&self, more: usize) {
        let want = self.count.load(Ordering::Relaxed) + more;
        place::wait_for("acknowledged mails", 40, || {
            (self.count.load(Ordering::Relaxed) >= want).then_some(())
        });
    }

    fn end(self) -> HashMap<String, Vec<u8>> {
        self.stop.store(true, Ordering::Relaxed);
        for client in self.clients {
            client.join().unwrap();
        }
        std::mem::take(&mut *self.acknowledged.lock().unwrap())
    }
}

/// Sends before, while and after the server is away, twice; then looks for every acknowledged mail.
fn storm(gateway: &Gateway, server: &mut Postfix, mailbox: &str, load: Load) {
    for _ in 0..2 {
        load.wait_for_more(40);
        server.stop();
        load.wait_for_more(40);
        server.go();
    }
    load.wait_for_more(40);
    let acknowledged = load.end();
    gateway.command(&["queue", "retry"]);
    gateway.wait_until_empty();
    let arrived = server.wait_for_mails(mailbox, acknowledged.len());
    let mut by_subject: HashMap<String, Vec<&Vec<u8>>> = HashMap::new();
    for mail in &arrived {
        let text = String::from_utf8_lossy(mail);
        let subject = text.lines().find_map(|line| line.strip_prefix("Subject: ")).unwrap();
        by_subject.entry(subject.to_string()).or_default().push(mail);
    }
    for (subject, sent) in &acknowledged {
        let copies = by_subject
            .get(subject)
            .unwrap_or_else(|| panic!("{subject} was acknowledged and did not arrive"));
        for copy in copies {
            sample::prefix_of(subject, copy, sent);
        }
    }
    // A second copy is possible only where SMTP makes it so (RFC 1047): one for each open connection and stop.
    let twice = by_subject.values().filter(|copies| copies.len() > 1).count();
    assert!(twice <= 2 * 2 * CLIENTS, "{twice} mails arrived twice");
}

#[test]
fn the_server_behind_stops_and_starts_under_load() {
    let folder = place::folder();
    let mut behind = Postfix::start(folder.path(), &postfix::Options::behind());
    let gateway = Gateway::start(folder.path(), &Options::before(behind.port));
    let load = Load::start(gateway.inbound, "a@elsewhere.example", "anna@ours.example");
    storm(&gateway, &mut behind, "anna", load);
}

#[test]
fn the_smarthost_stops_and_starts_under_load() {
    let folder = place::folder();
    let mut world = Postfix::start(
        folder.path(),
        &postfix::Options {
            name: "world",
            domain: "elsewhere.example",
            mailboxes: &["eva"],
            tls: true,
            ..postfix::Options::default()
        },
    );
    let gateway = Gateway::start(
        folder.path(),
        &Options { smarthost: Some((world.port, "required")), ..Options::before(world.port) },
    );
    let load = Load::start(gateway.outbound, "anna@ours.example", "eva@elsewhere.example");
    storm(&gateway, &mut world, "eva", load);
}
