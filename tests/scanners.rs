//! Those whom the gateway asks about the inside of a mail: ClamAV, here a scripted one, and hash lists.

// Real time, and failing loudly, is what these tests are for.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, clippy::disallowed_methods)]

mod common;

use common::{Client, Gateway, Hop, Manner, binary, free_port, mail, wait_for};
use data_encoding::{BASE64_MIME, HEXLOWER};
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::{
    fs,
    io::{BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
};

/// What the scripted ClamAV takes for malware.
const BAD: &[u8] = b"SLUSS-TEST-BAD-CONTENT";

/// Speaks as much of clamd's protocol as is asked of it, until it is told to be away.
struct FalseClamd {
    port: u16,
    away: Arc<AtomicBool>,
}

impl FalseClamd {
    fn start() -> FalseClamd {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let away = Arc::new(AtomicBool::new(false));
        let is_away = away.clone();
        // Ends with the test's process.
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let is_away = is_away.clone();
                thread::spawn(move || serve(stream, &is_away));
            }
        });
        FalseClamd { port, away }
    }
}

fn serve(stream: TcpStream, away: &AtomicBool) -> Option<()> {
    let mut reader = BufReader::new(stream.try_clone().ok()?);
    let mut writer = stream;
    let mut number = 0;
    loop {
        let mut command = Vec::new();
        while command.last() != Some(&0) {
            let mut byte = [0];
            reader.read_exact(&mut byte).ok()?;
            command.push(byte[0]);
        }
        if away.load(Ordering::SeqCst) {
            return None;
        }
        match &command[..] {
            b"zIDSESSION\0" => continue,
            b"zINSTREAM\0" => {
                let mut content = Vec::new();
                loop {
                    let mut length = [0; 4];
                    reader.read_exact(&mut length).ok()?;
                    let length = usize::try_from(u32::from_be_bytes(length)).ok()?;
                    if length == 0 {
                        break;
                    }
                    let from = content.len();
                    content.resize(from + length, 0);
                    reader.read_exact(&mut content[from..]).ok()?;
                }
                number += 1;
                let bad = content.windows(BAD.len()).any(|window| window == BAD);
                let said = if bad { "Test.Bad FOUND" } else { "OK" };
                writer.write_all(format!("{number}: stream: {said}\0").as_bytes()).ok()?;
            }
            _ => return None,
        }
    }
}

/// A mail with one attached file.
fn with_file(word: &str, name: &str, kind: &str, content: &[u8]) -> String {
    let plain = mail(word);
    let (header, body) = plain.split_once("\r\n\r\n").unwrap();
    format!(
        "{header}\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\n{body}\r\n--b\r\n\
         Content-Type: {kind}; name={name}\r\nContent-Transfer-Encoding: base64\r\n\r\n{}--b--\r\n",
        BASE64_MIME.encode(content)
    )
}

struct House {
    gateway: Gateway,
    hop: Hop,
    port: u16,
}

impl House {
    fn start(more: &str) -> House {
        let hop = Hop::start(Manner::default());
        let port = free_port();
        let gateway = Gateway::start(&config(port, hop.port(), more));
        House { gateway, hop, port }
    }

    fn send(&self, text: &str) -> String {
        let mut client = Client::hello(self.port);
        let heard = client.send("karin@example.org", &["anna@ours.example"], text.as_bytes());
        heard.unwrap().last().to_string()
    }

    fn held(&self) -> Vec<String> {
        let held = self.gateway.quarantine(true);
        held.iter().map(|one| one["why"].as_str().unwrap().to_string()).collect()
    }
}

fn config(port: u16, hop: u16, more: &str) -> String {
    format!(
        "hostname = \"mx.ours.example\"\n\
         [[listener]]\nname = \"in\"\nbind = \"127.0.0.1:{port}\"\ndirection = \"inbound\"\n\
         [[domain]]\nname = \"ours.example\"\nnext-hop = \"smtp://127.0.0.1:{hop}\"\nrecipients = \"any\"\n\
         [limits]\ntransactions-per-minute = 1000000\n{more}"
    )
}

#[test]
fn clamav_is_asked_and_what_may_run_waits_for_its_answer() {
    let clamd = FalseClamd::start();
    let more = format!("[clamd]\naddress = \"tcp:127.0.0.1:{}\"\ntimeout = \"5 s\"\n", clamd.port);
    let house = House::start(&more);
    assert!(house.send(&mail("fine")).starts_with("250 2.0.0 delivered"));
    let text = String::from_utf8_lossy(BAD);
    assert!(house.send(&mail("bad").replace("noon", &text)).starts_with("550 5.7.1"));
    // What stands in base64 in a text is no part of the mail; only our own view finds it.
    let within = format!("attached below:\r\n\r\n{}", BASE64_MIME.encode(&BAD.repeat(20)));
    assert!(house.send(&mail("swept").replace("noon", &within)).starts_with("550 5.7.1"));
    // It is away: an ordinary mail goes on, a script from somebody unknown is held.
    clamd.away.store(true, Ordering::SeqCst);
    let without = house.send(&mail("without"));
    assert!(without.starts_with("250 2.0.0 delivered"));
    let document = with_file("document", "a.txt", "application/octet-stream", b"only a text");
    assert!(house.send(&document).starts_with("250 2.0.0 delivered"));
    let macros = with_file("macros", "a.docm", "application/octet-stream", b"not even a document");
    assert!(house.send(&macros).starts_with("250"));
    assert_eq!(house.held(), ["clamd.unknown_program"]);
    assert_eq!(house.hop.count(), 3);
    let id = without.rsplit_once("(id ").unwrap().1.trim_end_matches(')').to_string();
    wait_for("the trace", || {
        let trace = house.gateway.command(&["trace", &id, "--json"]);
        String::from_utf8_lossy(&trace.stdout).contains("clamd.unknown").then_some(())
    });
}

#[test]
fn mail_waits_where_clamav_is_required() {
    let clamd = FalseClamd::start();
    let more = format!(
        "[clamd]\naddress = \"tcp:127.0.0.1:{}\"\ntimeout = \"5 s\"\nrequired = true\n",
        clamd.port
    );
    let house = House::start(&more);
    clamd.away.store(true, Ordering::SeqCst);
    assert!(house.send(&mail("waits")).starts_with("451 4."), "it is away");
    assert!(house.send(&mail("waits")).starts_with("451 4."), "it is still away");
    clamd.away.store(false, Ordering::SeqCst);
    let heard = wait_for("clamd to be asked again", || {
        let heard = house.send(&mail("waits"));
        (!heard.starts_with("451")).then_some(heard)
    });
    assert!(heard.starts_with("250 2.0.0 delivered"), "{heard}");
    assert_eq!((house.hop.count(), house.held().len()), (1, 0));
}

#[test]
fn scan_asks_clamav_too_unless_it_is_told_not_to() {
    let clamd = FalseClamd::start();
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str| folder.path().join(name);
    let more = format!("[clamd]\naddress = \"tcp:127.0.0.1:{}\"\n", clamd.port);
    fs::write(file("sluss.toml"), config(25, 25, &more)).unwrap();
    let text = String::from_utf8_lossy(BAD);
    fs::write(file("bad.eml"), mail("bad").replace("noon", &text)).unwrap();
    let scan = |words: &[&str]| {
        let mut command = binary();
        command.args(["scan", "--json", "--config"]).arg(file("sluss.toml"));
        let output = command.args(words).arg(file("bad.eml")).output().unwrap();
        serde_json::from_slice::<Value>(&output.stdout).unwrap()
    };
    let asked = scan(&[]);
    assert_eq!(asked["action"], "reject", "{asked}");
    assert!(asked["findings"].to_string().contains("clamd.found"), "{asked}");
    assert_eq!(scan(&["--offline"])["action"], "deliver");
}

#[test]
fn a_hash_list_refuses_what_is_on_it_and_a_new_one_takes_its_place() {
    let folder = tempfile::tempdir().unwrap();
    let (hashes, hosts) = (folder.path().join("hashes.txt"), folder.path().join("hosts.txt"));
    let digest = |content: &[u8]| HEXLOWER.encode(&Sha256::digest(content));
    fs::write(&hashes, digest(b"the first file")).unwrap();
    fs::write(&hosts, "bad.example\n").unwrap();
    let more = format!(
        "[[hash-list]]\nname = \"files\"\nfile = {hashes:?}\nkind = \"attachment\"\n\
         [[hash-list]]\nname = \"hosts\"\nfile = {hosts:?}\nkind = \"domain\"\n"
    );
    let house = House::start(&more);
    let file =
        |word: &str, content: &[u8]| with_file(word, "a.txt", "application/octet-stream", content);
    assert!(house.send(&file("first", b"the first file")).starts_with("550 5.7.1"));
    assert!(house.send(&file("second", b"the second file")).starts_with("250 2.0.0 delivered"));
    let link = mail("link").replace("noon", "https://www.bad.example/a");
    assert!(house.send(&link).starts_with("250 2.0.0"));
    assert_eq!(house.held(), ["domain.listed"]);
    // Compiled beside the running gateway, in force with the reload.
    fs::write(&hashes, digest(b"the second file")).unwrap();
    let compiled = house.gateway.command(&["hash-list", "compile", "files"]);
    let said = String::from_utf8_lossy(&compiled.stdout).into_owned();
    assert!(compiled.status.success() && said.contains("files: 1 entries"), "{compiled:?}");
    assert!(house.gateway.command(&["reload"]).status.success());
    assert!(house.send(&file("first", b"the first file")).starts_with("250 2.0.0 delivered"));
    assert!(house.send(&file("again", b"the second file")).starts_with("550 5.7.1"));
    // A file that makes no sense changes nothing, and is said.
    fs::write(&hashes, "no digest in here\n").unwrap();
    let compiled = house.gateway.command(&["hash-list", "compile"]);
    assert_eq!(compiled.status.code(), Some(1), "{compiled:?}");
    assert!(house.gateway.command(&["reload"]).status.success());
    assert!(house.send(&file("still", b"the second file")).starts_with("550 5.7.1"));
    let unknown = house.gateway.command(&["hash-list", "compile", "nothing"]);
    assert_eq!(unknown.status.code(), Some(2), "{unknown:?}");
    let listed = house.gateway.command(&["hash-list", "list"]);
    let listed = String::from_utf8_lossy(&listed.stdout).into_owned();
    assert!(listed.contains("older than its file") && listed.contains("up to date"), "{listed}");
}
