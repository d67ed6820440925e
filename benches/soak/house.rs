//! The gateway of two organisations, their mail servers, and a smarthost for what goes out; and how each of them is made to suffer.

use crate::{
    Fault,
    common::{Client, Dot, Gateway, Hop, Manner, free_port, wait_for},
    ledger::Ledger,
    load::{Doors, Load},
};
use data_encoding::BASE64;
use serde_json::json;
use std::{
    fs,
    path::{Path, PathBuf},
    sync::{Arc, atomic::Ordering},
    thread,
    time::{Duration, Instant},
};

/// All of it.
pub(crate) struct House {
    folder: PathBuf,
    doors: Doors,
    /// Acme's server, Bolaget's server, the smarthost.
    pub(crate) hops: [Arc<Hop>; 3],
    gateway: Option<Gateway>,
    /// How often configuration and certificate have changed.
    round: u32,
}

impl House {
    pub(crate) fn open(folder: &Path) -> House {
        let mut house = House {
            folder: folder.to_path_buf(),
            doors: Doors { inbound: free_port(), outbound: free_port() },
            hops: [(); 3].map(|()| Arc::new(Hop::start(Manner::default()))),
            gateway: None,
            round: 0,
        };
        house.write_certificate();
        house.start();
        house
    }

    pub(crate) fn doors(&self) -> Doors {
        self.doors
    }

    pub(crate) fn gateway(&self) -> &Gateway {
        let Some(gateway) = &self.gateway else { panic!("the gateway is not running") };
        gateway
    }

    /// Something breaks for this long, and is mended.
    pub(crate) fn suffer(&mut self, fault: Fault, victim: usize, lasts: Duration, load: &Load) {
        let hop = self.hops[victim].clone();
        let with = |manner: Manner| {
            hop.become_(manner);
            thread::sleep(lasts);
            hop.become_(Manner::default());
        };
        match fault {
            Fault::HopStops => {
                hop.go_away();
                thread::sleep(lasts);
                hop.come_back();
            }
            Fault::HopTarpits => {
                with(Manner { pause: Duration::from_secs(2), ..Manner::default() })
            }
            Fault::HopSays451 => {
                let words = "451 4.3.0 not now".to_string();
                with(Manner { dot: Dot::Say(words), ..Manner::default() })
            }
            Fault::HopResets => with(Manner { dot: Dot::ResetAfter, ..Manner::default() }),
            Fault::GoodReload => {
                self.round += 1;
                self.gateway().rewrite_config(&self.config());
                self.reload("reloaded: ");
            }
            Fault::BadReload => {
                self.gateway().rewrite_config("hostname = 7\n");
                self.reload("the old configuration stays in force");
                self.gateway().rewrite_config(&self.config());
            }
            Fault::Certificate => self.change_certificate(),
            Fault::Stopped => {
                if let Some(gateway) = self.gateway.take() {
                    gateway.stop();
                }
                self.start();
            }
            Fault::Killed => {
                if let Some(mut gateway) = self.gateway.take() {
                    gateway.kill();
                }
                self.start();
            }
            Fault::IdleFlood => {
                let idle = (0..300).map(|number| {
                    let address = format!("127.9.{}.{}", number / 20, 1 + number % 20);
                    Client::dial_from(&address, self.doors.inbound)
                });
                let idle: Vec<_> = idle.collect();
                thread::sleep(lasts);
                assert!(idle.iter().all(Result::is_ok), "a connection of the flood failed");
            }
            Fault::FarPast => {
                load.far_past.store(true, Ordering::Relaxed);
                thread::sleep(lasts);
                load.far_past.store(false, Ordering::Relaxed);
            }
        }
    }

    /// Waits until nothing waits any more; gives the time, or the legs that are left.
    pub(crate) fn empty_queue(&self, longest: Duration) -> Result<Duration, usize> {
        let began = Instant::now();
        loop {
            match self.gateway().queue().len() {
                0 => return Ok(began.elapsed()),
                legs if began.elapsed() > longest => return Err(legs),
                _ => thread::sleep(Duration::from_millis(200)),
            }
        }
    }

    /// Everything in the quarantine goes into the account.
    pub(crate) fn hand_in_held(&self, ledger: &Ledger) {
        for held in self.gateway().quarantine(true) {
            let request =
                json!({ "command": "quarantine-show", "id": held["id"], "content": true });
            let content = self.gateway().ask(&request).ok();
            let content = content
                .and_then(|shown| BASE64.decode(shown["content_base64"].as_str()?.as_bytes()).ok());
            let recipient = held["recipient"].as_str().unwrap_or_default();
            ledger.hold(recipient, content.as_deref().unwrap_or_default());
        }
    }

    pub(crate) fn close(&mut self) {
        if let Some(gateway) = self.gateway.take() {
            gateway.stop();
        }
    }

    fn start(&mut self) {
        self.gateway = Some(Gateway::start_in(&self.folder, &self.config()));
    }

    /// SIGHUP, and waits until the log says this once more than before.
    fn reload(&self, words: &str) {
        let said = || self.gateway().log().matches(words).count();
        let before = said();
        self.gateway().signal("HUP");
        wait_for("the reload", || (said() > before).then_some(()));
    }

    fn change_certificate(&mut self) {
        self.round += 1;
        self.write_certificate();
        self.gateway().signal("HUP");
        let name = format!("round-{}.host.example", self.round);
        wait_for("the new certificate", || {
            let mut client = Client::dial_from("127.9.250.1", self.doors.inbound).ok()?;
            client.hear().ok()?;
            client.ask("EHLO client.example.org").ok()?;
            client.ask("STARTTLS").ok()?;
            client.handshake().ok()?;
            let served = client.certificate()?;
            memchr::memmem::find(&served, name.as_bytes()).map(drop)
        });
    }

    fn write_certificate(&self) {
        let name = format!("round-{}.host.example", self.round);
        let made = rcgen::generate_simple_self_signed(vec![name]).unwrap();
        fs::write(self.folder.join("mx.pem"), made.cert.pem()).unwrap();
        fs::write(self.folder.join("mx.key"), made.signing_key.serialize_pem()).unwrap();
    }

    /// Acme's mail is kept while its server is away, Bolaget's senders are told to come back. Only viruses are held: what arrives
    /// shall not depend on a score.
    fn config(&self) -> String {
        let Doors { inbound, outbound } = self.doors;
        let [acme, bolaget, smarthost] = [0, 1, 2].map(|number| self.hops[number].port());
        let (certificate, key) = (self.folder.join("mx.pem"), self.folder.join("mx.key"));
        let transactions = 1_000_000 + self.round;
        format!(
            r#"hostname = "mx.host.example"

[[listener]]
name = "in"
bind = "127.0.0.1:{inbound}"
direction = "inbound"

[[listener]]
name = "out"
bind = "127.0.0.1:{outbound}"
direction = "outbound"

[tls]
certificate = {certificate:?}
key = {key:?}

[[organisation]]
name = "acme"
networks = ["127.0.0.2/32"]

[[organisation]]
name = "bolaget"
networks = ["127.0.0.3/32"]

[[domain]]
name = "acme.example"
organisation = "acme"
next-hop = "smtp://127.0.0.1:{acme}"
recipients = "any"
when-away = "spool"

[[domain]]
name = "bolaget.example"
organisation = "bolaget"
next-hop = "smtp://127.0.0.1:{bolaget}"
recipients = "any"

[outbound]
smarthost = "smtp://127.0.0.1:{smarthost}"
tls = "off"

[[policy]]
mark = 1000
quarantine = 1000
reject = 1000
phish = 1000

[policy.actions]
virus = "quarantine"

[limits]
connections = 1000
connections-per-address = 1000
connections-per-network = 1000
transactions-per-minute = {transactions}
retry-first = "500 ms"
"#
        )
    }
}
