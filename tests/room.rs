//! The locked room from outside: what a worker may not do, and what becomes of mail whose workers die.

// Real time, and failing loudly, is what these tests are for.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, clippy::disallowed_methods)]

mod common;

use common::{Client, Gateway, Hop, Manner, binary, eicar, free_port, mail, wait_for};
use serde_json::Value;
use std::{
    collections::BTreeSet,
    fs,
    process::Command,
    sync::atomic::{AtomicBool, Ordering},
    thread,
};

/// The word by which a warden and its workers are known among processes.
const WORD: &str = "examine-in-a-locked-room";

/// Process ids of the children of `parent` that are wardens or workers.
fn children(parent: u32) -> Vec<u32> {
    let all = fs::read_dir("/proc").unwrap().flatten();
    let ids = all.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let of_parent = ids.filter(|id| {
        let stat = fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
        let fields: Vec<&str> = stat.rsplit(") ").next().unwrap_or("").split(' ').collect();
        let command = fs::read_to_string(format!("/proc/{id}/cmdline")).unwrap_or_default();
        fields.get(1) == Some(&parent.to_string().as_str()) && command.contains(WORD)
    });
    of_parent.collect()
}

fn kill(ids: &[u32]) {
    signal("KILL", ids);
}

fn signal(word: &str, ids: &[u32]) {
    for id in ids {
        // It may have ended by itself.
        drop(Command::new("kill").args([&format!("-{word}"), &id.to_string()]).output());
    }
}

fn config(port: u16, hop: u16) -> String {
    format!(
        "hostname = \"mx.ours.example\"\n\
         [[listener]]\nname = \"in\"\nbind = \"127.0.0.1:{port}\"\ndirection = \"inbound\"\n\
         [[domain]]\nname = \"ours.example\"\nnext-hop = \"smtp://127.0.0.1:{hop}\"\nrecipients = \"any\"\n\
         [limits]\ntransactions-per-minute = 1000000\n"
    )
}

struct House {
    gateway: Gateway,
    hop: Hop,
    port: u16,
}

impl House {
    fn start() -> House {
        let hop = Hop::start(Manner::default());
        let port = free_port();
        let gateway = Gateway::start(&config(port, hop.port()));
        House { gateway, hop, port }
    }

    fn warden(&self) -> u32 {
        let wardens = children(self.gateway.pid());
        assert_eq!(wardens.len(), 1, "{wardens:?}");
        wardens[0]
    }

    fn send(&self, text: &str) -> String {
        let mut client = Client::hello(self.port);
        let heard = client.send("karin@example.org", &["anna@ours.example"], text.as_bytes());
        heard.unwrap().last().to_string()
    }
}

/// A mail with the published test file.
fn infected(word: &str) -> String {
    let plain = mail(word);
    let (header, _) = plain.split_once("\r\n\r\n").unwrap();
    format!(
        "{header}\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\
         Content-Type: application/octet-stream; name=test.txt\r\n\r\n{}\r\n--b--\r\n",
        eicar()
    )
}

#[test]
fn a_worker_has_nothing_and_may_do_nothing() {
    let house = House::start();
    house.send(&mail("first"));
    let workers = children(house.warden());
    assert!(!workers.is_empty());
    for worker in workers {
        let read = |name: &str| fs::read_to_string(format!("/proc/{worker}/{name}")).unwrap();
        let status = read("status");
        for line in ["NoNewPrivs:\t1", "Seccomp:\t2", "Threads:\t1"] {
            assert!(status.contains(line), "{line}: {status}");
        }
        // When memory runs out, it goes before the gateway does.
        assert_eq!(read("oom_score_adj").trim(), "800");
        let limits = read("limits");
        let limit = |name: &str| limits.lines().find(|line| line.starts_with(name)).unwrap();
        assert!(limit("Max address space").contains(&(1_u64 << 30).to_string()), "{limits}");
        assert!(limit("Max processes").contains(" 0 "), "{limits}");
        assert!(limit("Max file size").contains(" 0 "), "{limits}");
        let files = fs::read_dir(format!("/proc/{worker}/fd")).unwrap().flatten();
        let held: Vec<String> = files
            .map(|file| fs::read_link(file.path()).unwrap().display().to_string())
            .filter(|target| target != "/dev/null")
            .collect();
        assert!(held.len() == 1 && held[0].starts_with("socket:"), "{held:?}");
    }
}

#[test]
fn a_mail_that_kills_its_examiners_is_held_and_harms_nobody() {
    let house = House::start();
    house.send(&mail("before"));
    let warden = house.warden();
    let ended = AtomicBool::new(false);
    let mut said = Vec::new();
    thread::scope(|scope| {
        scope.spawn(|| {
            while !ended.load(Ordering::Relaxed) {
                kill(&children(warden));
            }
        });
        for number in 0..200 {
            said.push(house.send(&mail(&format!("killed-{number}"))));
            if house.gateway.quarantine(true).len() >= 3 {
                break;
            }
        }
        ended.store(true, Ordering::Relaxed);
    });
    let held = house.gateway.quarantine(true);
    assert!(!held.is_empty(), "{said:?}");
    for one in &held {
        assert_eq!(one["why"].as_str(), Some("scanner.crashed"), "{one}");
    }
    // Each mail that was taken is somewhere, and none went on without having been opened.
    let taken = said.iter().filter(|line| line.starts_with("250")).count();
    assert_eq!(house.hop.count() - 1 + held.len(), taken);
    assert!(said.iter().all(|line| line.starts_with("250") || line.starts_with("451")), "{said:?}");
    assert!(house.send(&mail("after")).starts_with("250 2.0.0 delivered"));
    assert!(house.gateway.log().contains("two workers died of a mail"));
}

#[test]
fn a_mail_that_takes_the_gateway_along_twice_is_held_the_third_time() {
    let hop = Hop::start(Manner::default());
    let port = free_port();
    let folder = tempfile::tempdir().unwrap();
    let config = config(port, hop.port());
    let send = |word: &str| {
        let mut client = Client::hello(port);
        let text = mail(word);
        let heard = client.send("karin@example.org", &["anna@ours.example"], text.as_bytes());
        heard.map(|heard| heard.last().to_string())
    };
    for round in 0..2 {
        let mut gateway = Gateway::start_in(folder.path(), &config);
        assert!(send(&format!("before-{round}")).unwrap().starts_with("250 2.0.0 delivered"));
        // Whoever would open the mail stands still until the gateway is gone.
        let wardens = children(gateway.pid());
        let mut all: Vec<u32> = wardens.iter().flat_map(|warden| children(*warden)).collect();
        all.extend(wardens);
        signal("STOP", &all);
        thread::scope(|scope| {
            let sending = scope.spawn(|| send("killer"));
            let written = folder.path().join("data/examining");
            wait_for("the attempt to be written down", || {
                let bytes = fs::read(&written).unwrap();
                // Under way, and so many have died of it.
                bytes.chunks(42).any(|slot| slot[..2] == [1, round]).then_some(())
            });
            gateway.kill();
            // No answer came, or half of one, and the client may have stumbled over it.
            drop(sending.join());
        });
        kill(&all);
    }
    let gateway = Gateway::start_in(folder.path(), &config);
    assert!(send("killer").unwrap().starts_with("250"));
    assert!(send("after").unwrap().starts_with("250 2.0.0 delivered"));
    let held = gateway.quarantine(true);
    assert_eq!(held.len(), 1, "{held:?}");
    assert_eq!(held[0]["why"].as_str(), Some("scanner.crashed"));
    assert_eq!(hop.count(), 3);
}

#[test]
fn a_warden_that_is_killed_is_replaced_and_a_virus_still_found() {
    let house = House::start();
    house.send(&mail("before"));
    let before = house.warden();
    kill(&children(before));
    kill(&[before]);
    let virus = infected("virus");
    let heard = wait_for("an answer that is no delay", || {
        let heard = house.send(&virus);
        (!heard.starts_with("451")).then_some(heard)
    });
    assert!(heard.starts_with("550 5.7.1"), "{heard}");
    assert_ne!(house.warden(), before);
}

#[test]
fn a_reload_with_the_same_rules_keeps_the_workers() {
    let house = House::start();
    house.send(&mail("before"));
    let warden = house.warden();
    let reloaded = house.gateway.command(&["reload"]);
    assert!(reloaded.status.success(), "{reloaded:?}");
    house.send(&mail("after"));
    assert_eq!(house.warden(), warden);
    // With a rule more there are others, and the old ones go.
    let rules = tempfile::tempdir().unwrap();
    fs::write(
        rules.path().join("own.yar"),
        "rule own { strings: $a = \"noon by the harbour\" condition: $a }",
    )
    .unwrap();
    let text = config(house.port, house.hop.port())
        + &format!("[rules]\nfolders = [\"{}\"]\n", rules.path().display());
    house.gateway.rewrite_config(&text);
    assert!(house.gateway.command(&["reload"]).status.success());
    let ids = || children(house.gateway.pid());
    wait_for("the old warden's end", || (ids().len() == 1 && ids() != [warden]).then_some(()));
}

#[test]
fn every_mail_of_a_folder_is_judged_whatever_dies() {
    let folder = tempfile::tempdir().unwrap();
    for number in 0..60 {
        let text = match number % 3 {
            0 => infected(&format!("virus-{number}")),
            _ => mail(&format!("plain-{number}")),
        };
        fs::write(folder.path().join(format!("{number:02}.eml")), text).unwrap();
    }
    let mut scan = binary()
        .args(["scan", "--json", "--jobs", "2"])
        .arg(folder.path())
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let pid = scan.id();
    let out = scan.stdout.take().unwrap();
    let reading = thread::spawn(move || std::io::read_to_string(out).unwrap());
    let mut dead = BTreeSet::new();
    while scan.try_wait().unwrap().is_none() {
        for warden in children(pid) {
            let workers = children(warden);
            kill(&workers);
            dead.extend(workers);
        }
    }
    let lines = reading.join().unwrap();
    let mails: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(mails.len(), 60);
    for one in mails {
        let action = one["action"].as_str().unwrap();
        let path = one["path"].as_str().unwrap();
        let number: usize = path[path.len() - 6..path.len() - 4].parse().unwrap();
        let crashed = one["findings"].to_string().contains("scanner.");
        match (number % 3, crashed) {
            (0, false) => assert_eq!(action, "reject", "{one}"),
            (_, true) => assert!(["quarantine", "defer"].contains(&action), "{one}"),
            (_, false) => assert_eq!(action, "deliver", "{one}"),
        }
    }
}
