//! The program under test as a child process, and what the system says it costs.

use crate::load::Door;
use std::{
    fs,
    io::{BufRead, BufReader},
    net::TcpListener,
    path::Path,
    process::{Child, Command, Stdio},
    sync::atomic::{AtomicUsize, Ordering},
};

/// Processor time, seconds.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cpu {
    pub(crate) user: f64,
    pub(crate) system: f64,
}

impl Cpu {
    pub(crate) fn minus(self, before: Cpu) -> Cpu {
        Cpu { user: self.user - before.user, system: self.system - before.system }
    }
}

/// A running gateway; it ends with this value.
pub(crate) struct Gateway {
    child: Child,
    inbound: u16,
    outbound: u16,
    _folder: tempfile::TempDir,
}

impl Gateway {
    /// Starts on an empty data folder under `folder`, with everything on; all mail goes to the sink at `sink_port`.
    pub(crate) fn start(folder: &Path, sink_port: u16) -> Gateway {
        Gateway::start_for(folder, sink_port, 1)
    }

    /// The same with more in its configuration.
    pub(crate) fn start_with(folder: &Path, sink_port: u16, more: &str) -> Gateway {
        Gateway::configured(folder, sink_port, 1, more)
    }

    /// The same for so many organisations; where there are several, each has ten domains and a policy.
    pub(crate) fn start_for(folder: &Path, sink_port: u16, organisations: usize) -> Gateway {
        Gateway::configured(folder, sink_port, organisations, "")
    }

    fn configured(folder: &Path, sink_port: u16, organisations: usize, more: &str) -> Gateway {
        static STARTED: AtomicUsize = AtomicUsize::new(0);
        let number = STARTED.fetch_add(1, Ordering::Relaxed);
        let data = tempfile::Builder::new().prefix("data").tempdir_in(folder).unwrap();
        let (inbound, outbound) = (free_port(), free_port());
        let config = folder.join(format!("sluss-{number}.toml"));
        let mut text = configuration(data.path(), inbound, outbound, sink_port);
        // What the load sends by the outbound listener is our own.
        let name = if organisations > 1 { "host" } else { "default" };
        let ours = format!("[[organisation]]\nname = \"{name}\"\nsend-as = [\"example.org\"]\n");
        text = text.replace("ORGANISATION\n", &ours);
        if organisations > 1 {
            let ours = "name = \"ours.example\"\n";
            text = text.replacen(ours, &format!("{ours}organisation = \"host\"\n"), 1);
            text = text.replacen("[outbound]\n", "[outbound]\norganisation = \"host\"\n", 1);
            // Several policies are written as a list.
            text = text.replace("[policy]\n", "[[policy]]\n");
            text += &hosted(organisations, sink_port);
        }
        text += more;
        fs::write(&config, text).unwrap();
        let log = fs::File::create(folder.join(format!("log-{number}"))).unwrap();
        let mut child = Command::new(env!("CARGO_BIN_EXE_sluss"))
            .args(["serve", "--config"])
            .arg(&config)
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        assert_eq!(line, "ready\n", "the gateway did not start");
        Gateway { child, inbound, outbound, _folder: data }
    }

    pub(crate) fn port(&self, door: Door) -> u16 {
        match door {
            Door::Inbound => self.inbound,
            Door::Outbound => self.outbound,
        }
    }

    /// What it has used so far, its examiners included, also those that have ended.
    pub(crate) fn cpu(&self) -> Cpu {
        let mut all = Cpu { user: 0.0, system: 0.0 };
        for process in self.family() {
            let stat = format!("/proc/{process}/stat");
            // One that has just ended is counted with its parent.
            if Path::new(&stat).exists() {
                for field in [11, 13] {
                    let part = cpu_of(&stat, field);
                    all = Cpu { user: all.user + part.user, system: all.system + part.system };
                }
            }
        }
        all
    }

    /// The process, its warden and the workers.
    fn family(&self) -> Vec<u32> {
        let mut family = vec![self.child.id()];
        let mut at = 0;
        while let Some(parent) = family.get(at).copied() {
            // Each thread has children of its own.
            let threads = fs::read_dir(format!("/proc/{parent}/task")).into_iter().flatten();
            for thread in threads.flatten() {
                let children = fs::read_to_string(thread.path().join("children"));
                let children = children.unwrap_or_default();
                family.extend(children.split_whitespace().filter_map(|id| id.parse::<u32>().ok()));
            }
            at += 1;
        }
        family
    }

    /// The most memory that any of its workers has had so far.
    pub(crate) fn largest_worker_kib(&self) -> u64 {
        let workers = self.family().into_iter().skip(1);
        let peak = |process: u32| {
            let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
            let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
            line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok())
        };
        workers.filter_map(peak).max().unwrap_or(0)
    }

    /// Resident memory now.
    pub(crate) fn resident_kib(&self) -> u64 {
        self.status("VmRSS:")
    }

    /// The most it ever was.
    pub(crate) fn peak_kib(&self) -> u64 {
        self.status("VmHWM:")
    }

    fn status(&self, field: &str) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix(field)).unwrap();
        line.split_whitespace().next().unwrap().parse().unwrap()
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

/// What all children that have ended used.
pub(crate) fn children_cpu() -> Cpu {
    cpu_of("/proc/self/stat", 13)
}

/// Two fields of a stat file, counted from behind the name. The kernel counts in hundredths of a second.
fn cpu_of(file: &str, field: usize) -> Cpu {
    let stat = fs::read_to_string(file).unwrap();
    let fields: Vec<&str> = stat.rsplit_once(") ").unwrap().1.split(' ').collect();
    let seconds = |at: usize| fields[at].parse::<f64>().unwrap() / 100.0;
    Cpu { user: seconds(field), system: seconds(field + 1) }
}

/// One line about where the figures come from.
pub(crate) fn machine() -> String {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    format!("{cores} cores, load before {}", load.split(' ').next().unwrap_or_default())
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

const DOMAINS_OF_EACH: usize = 10;

/// To whom the load writes.
pub(crate) fn recipients(organisations: usize) -> Vec<String> {
    if organisations == 1 {
        return vec!["user@ours.example".to_string()];
    }
    let domains = (0..organisations * DOMAINS_OF_EACH).map(|number| {
        format!("user@house-{}-{}.example", number / DOMAINS_OF_EACH, number % DOMAINS_OF_EACH)
    });
    domains.collect()
}

fn hosted(organisations: usize, sink: u16) -> String {
    let mut text = String::new();
    for number in 0..organisations {
        text += &format!(
            "[[policy]]\nname = \"house-{number}\"\nmark = 900.0\nquarantine = 901.0\nreject = 902.0\nphish = 900.0\n\
             [[organisation]]\nname = \"house-{number}\"\npolicy = \"house-{number}\"\n"
        );
        for domain in 0..DOMAINS_OF_EACH {
            text += &format!(
                "[[domain]]\nname = \"house-{number}-{domain}.example\"\norganisation = \"house-{number}\"\n\
                 next-hop = \"smtp://127.0.0.1:{sink}\"\nnext-hop-tls = \"off\"\nrecipients = \"any\"\n"
            );
        }
    }
    text
}

/// Every check runs; the thresholds are out of reach, so that each mail is full work and arrives.
fn configuration(data: &Path, inbound: u16, outbound: u16, sink: u16) -> String {
    let data = data.display();
    format!(
        r#"hostname = "mx.ours.example"
allow-root = true
data-dir = "{data}"

[[listener]]
name = "in"
bind = "127.0.0.1:{inbound}"
direction = "inbound"

[[listener]]
name = "out"
bind = "127.0.0.1:{outbound}"
direction = "outbound"

ORGANISATION
[[domain]]
name = "ours.example"
next-hop = "smtp://127.0.0.1:{sink}"
next-hop-tls = "off"
recipients = "any"

[outbound]
networks = ["127.0.0.0/8"]
smarthost = "smtp://127.0.0.1:{sink}"
tls = "off"

[policy]
mark = 900.0
quarantine = 901.0
reject = 902.0
phish = 900.0

[limits]
hold-accounts = false
connections = 1000
connections-per-address = 1000
connections-per-network = 1000
transactions-per-minute = 1000000
"#
    )
}
