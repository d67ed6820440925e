//! The audit log from outside: what operators do is in it before they hear that it was done, and what somebody does to it is found.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, clippy::disallowed_methods)]

mod common;

use common::{Client, Gateway, Hop, Manner, binary, eicar, free_port, wait_for};
use serde_json::{Value, json};
use std::{
    fs,
    io::{Read, Write},
    os::unix::net::UnixStream,
    path::{Path, PathBuf},
    process::{Command, Output},
    sync::mpsc,
    thread,
};
use tempfile::TempDir;

struct House {
    gateway: Gateway,
    folder: TempDir,
    config: String,
    port: u16,
    _hop: Hop,
}

impl House {
    fn start() -> House {
        let (hop, port) = (Hop::start(Manner::default()), free_port());
        let config = format!(
            "hostname = \"mx.ours.example\"\n\
             [[listener]]\nname = \"in\"\nbind = \"127.0.0.1:{port}\"\ndirection = \"inbound\"\n\
             [[policy]]\nname = \"held\"\n[policy.actions]\nvirus = \"quarantine\"\n\
             [[organisation]]\nname = \"acme\"\npolicy = \"held\"\n\
             [[domain]]\nname = \"ours.example\"\norganisation = \"acme\"\nnext-hop = \"smtp://127.0.0.1:{}\"\nrecipients = \"any\"\n",
            hop.port()
        );
        let folder = tempfile::tempdir().unwrap();
        let gateway = Gateway::start_in(folder.path(), &config);
        House { gateway, folder, config, port, _hop: hop }
    }

    fn audit(&self) -> PathBuf {
        self.folder.path().join("data/audit")
    }

    /// What it says when it went well.
    #[track_caller]
    fn does(&self, words: &[&str]) -> String {
        let output = self.gateway.command(words);
        assert!(output.status.success(), "{words:?}: {}", said(&output));
        said(&output)
    }

    #[track_caller]
    fn refuses(&self, words: &[&str]) -> String {
        let output = self.gateway.command(words);
        assert!(!output.status.success(), "{words:?}: {}", said(&output));
        said(&output)
    }

    /// The records, oldest first.
    fn records(&self) -> Vec<Value> {
        let listed = self.does(&["audit", "list", "--json", "--rows", "1000"]);
        let mut records: Vec<Value> =
            listed.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        records.reverse();
        // What the gateway signs by itself is not what people did.
        records.retain(|record| record["what"] != "signing-key");
        records
    }

    fn whats(&self) -> Vec<String> {
        let word = |record: &Value| record["what"].as_str().unwrap().to_string();
        self.records().iter().map(word).collect()
    }

    /// Puts a mail into quarantine; gives its id there.
    fn held(&self) -> String {
        let before = self.gateway.quarantine(true).len();
        let mail = format!(
            "From: a@example.org\r\nTo: anna@ours.example\r\nSubject: a file\r\n\r\n{}\r\n",
            eicar()
        );
        let mut client = Client::hello(self.port);
        let heard = client.send("a@example.org", &["anna@ours.example"], mail.as_bytes());
        assert_eq!(heard.unwrap().code, 250);
        wait_for("the held mail", || {
            let held = self.gateway.quarantine(false);
            (self.gateway.quarantine(true).len() > before)
                .then(|| held[0]["id"].as_str().unwrap().to_string())
        })
    }
}

fn said(output: &Output) -> String {
    let said = [output.stdout.clone(), output.stderr.clone()].concat();
    String::from_utf8(said).unwrap()
}

fn user() -> String {
    let name = Command::new("id").arg("-un").output().unwrap();
    String::from_utf8(name.stdout).unwrap().trim().to_string()
}

fn verify(folder: &Path) -> (bool, Value) {
    let output =
        binary().args(["audit", "verify", "--json", "--folder"]).arg(folder).output().unwrap();
    (output.status.success(), serde_json::from_str(&said(&output)).unwrap())
}

#[test]
fn what_operators_do_is_recorded_with_who_and_why() {
    let house = House::start();
    let id = house.held();
    house.does(&["quarantine", "list"]);
    house.does(&["quarantine", "show", &id]);
    assert_eq!(house.whats(), ["started"], "looking at lists is nobody's business");
    let why = "asked by 19121212-1212, personnummer, by telephone";
    house.does(&["quarantine", "show", "--content", "--reason", why, &id]);
    house.does(&["quarantine", "release", &id, "--reviewed", "hers", "--malware"]);
    let second = house.held();
    house.does(&["quarantine", "delete", &second]);
    house.refuses(&["quarantine", "delete", "01K9ZQ4T6X8M4V0R2S5W7Y9ABC"]);
    house.does(&["bans", "add", "192.0.2.7", "--why", "guesses passwords"]);
    house.does(&["bans", "lift", "192.0.2.7"]);
    house.refuses(&["bans", "lift", "192.0.2.9"]);
    house.does(&["keys", "rotate", "--organisation", "acme"]);
    house.does(&["dkim", "add", "ours.example"]);
    house.does(&[
        "domain",
        "add",
        "new.example",
        "--next-hop",
        "smtp://127.0.0.1:9",
        "--organisation",
        "acme",
        "--comment",
        "more",
    ]);
    house.does(&["config", "set", "policy.mild", "{ mark = 4.0 }"]);
    let records = house.records();
    let told: Vec<(&str, &str)> = records
        .iter()
        .map(|record| (record["what"].as_str().unwrap(), record["object"].as_str().unwrap_or("")))
        .collect();
    assert_eq!(
        told,
        [
            ("started", "mx.ours.example"),
            ("content-opened", id.as_str()),
            ("released", id.as_str()),
            ("deleted", second.as_str()),
            ("ban-changed", "192.0.2.7"),
            ("ban-changed", "192.0.2.7"),
            ("ban-changed", "192.0.2.9"),
            ("not-done", ""),
            ("key-renewed", "acme"),
            ("key-added", "ours.example"),
            ("configuration-changed", "domain new.example"),
            ("configuration-changed", "reload"),
            ("policy-changed", "policy mild"),
            ("configuration-changed", "reload"),
        ]
    );
    let opened = &records[1];
    assert_eq!((&opened["who"]["name"], &opened["organisation"]), (&json!(user()), &json!("acme")));
    let reason = opened["reason"].as_str().unwrap();
    assert!(reason.contains("by telephone") && !reason.contains("1212-1212"), "{reason}");
    assert_eq!(records[2]["reason"], "hers");
    assert_eq!(records[4]["reason"], "guesses passwords");
    assert_eq!(records[7]["details"]["from"], records[6]["number"]);
    assert_eq!(
        (&records[10]["reason"], &records[10]["organisation"]),
        (&json!("more"), &json!("acme"))
    );
    let of = |words: &[&str]| {
        house.does(&[&["audit", "list", "--json"], words].concat()).lines().count()
    };
    assert_eq!(of(&["--object", &id]), 2, "who opened this mail, and who let it go");
    assert_eq!(of(&["--what", "ban-changed"]), 3);
    assert_eq!(of(&["--organisation", "elsewhere"]), 0);
    assert_eq!(of(&["--who", "system"]), 2, "it started, and said which key signs");
    assert_eq!(of(&["--before", "4", "--rows", "2"]), 2);
    assert!(house.does(&["audit", "list"]).contains("at the command line"));
    house.gateway.stop();
}

#[test]
fn the_log_is_whole_over_stops_kills_and_commands_without_a_gateway() {
    let House { mut gateway, folder, config, .. } = House::start();
    gateway.kill();
    let more = folder.path().join("data/audit/audit-00000001.jsonl");
    let text = fs::read_to_string(&more).unwrap();
    fs::write(&more, text + "{\"number\":2,\"at_ms\":").unwrap();
    // No gateway runs: the command writes the log itself, and cuts off what the kill left.
    let set = gateway.command(&["config", "set", "policy.mild", "{ mark = 4.0 }"]);
    assert!(set.status.success(), "{}", said(&set));
    let gateway = Gateway::start_in(folder.path(), &config);
    gateway.signal("HUP");
    wait_for("the reload", || gateway.log().contains("reloaded:").then_some(()));
    gateway.stop();
    let audit = folder.path().join("data/audit");
    let (whole, found) = verify(&audit);
    assert!(whole, "{found}");
    let text = fs::read_to_string(&more).unwrap();
    let mut whats: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap()["what"].clone())
        .collect();
    assert_eq!(found["records"], whats.len());
    assert_eq!(found["records"], found["head_number"]);
    // One at each start and one at the end; one more for each minute that this takes.
    assert!(found["checkpoints"].as_u64().unwrap() >= 3);
    assert_eq!((&found["covered"], &found["after"]), (&found["records"], &json!(0)));
    whats.retain(|what| what != "checkpoint");
    let want =
        ["started", "signing-key", "policy-changed", "started", "configuration-changed", "stopped"];
    assert_eq!(whats, want);
    let last: Value = serde_json::from_str(text.lines().last().unwrap()).unwrap();
    assert_eq!(found["head"], last["hash"]);
}

#[test]
fn an_end_that_was_cut_off_is_counted_and_said_wherever_one_looks() {
    let House { mut gateway, folder, config, .. } = House::start();
    for nr in 1..6 {
        let ban = gateway.command(&["bans", "add", &format!("192.0.2.{nr}")]);
        assert!(ban.status.success(), "{}", said(&ban));
    }
    // Whoever looks at the list has the index read all there is.
    assert!(gateway.command(&["audit", "list"]).status.success());
    assert!(gateway.command(&["audit", "verify"]).status.success());
    gateway.kill();
    let file = folder.path().join("data/audit/audit-00000001.jsonl");
    let text = fs::read_to_string(&file).unwrap();
    let count = text.lines().count();
    let kept: Vec<&str> = text.lines().take(count - 3).collect();
    fs::write(&file, kept.join("\n") + "\n").unwrap();

    let verified = gateway.command(&["audit", "verify"]);
    let told = said(&verified);
    assert_eq!(verified.status.code(), Some(1), "{told}");
    assert!(
        told.contains("the end is missing") && told.contains("3 records are missing"),
        "{told}"
    );

    // The gateway says so too, and after the next start as well, when the log goes on behind the hole.
    let gateway = Gateway::start_in(folder.path(), &config);
    wait_for("the look at all of it", || {
        let status = said(&gateway.command(&["status"]));
        status.contains("the audit log's chain is broken in audit-0000000").then_some(())
    });
    let verified = gateway.command(&["audit", "verify"]);
    let told = said(&verified);
    assert_eq!(verified.status.code(), Some(1), "{told}");
    assert!(told.contains("3 records are missing"), "{told}");
    gateway.stop();
}

#[test]
fn many_processes_at_once_write_one_chain() {
    let house = House::start();
    thread::scope(|scope| {
        for writer in 0..4 {
            let house = &house;
            scope.spawn(move || {
                for nr in 0..5 {
                    let address = format!("192.0.2.{}", writer * 10 + nr);
                    match writer % 2 {
                        // By the gateway.
                        0 => drop(house.does(&["bans", "add", &address])),
                        // Beside it.
                        _ => drop(house.does(&["audit", "export", "--reason", &address])),
                    }
                }
            });
        }
    });
    let (whole, found) = verify(&house.audit());
    assert!(whole, "{found}");
    let own = found["records"].as_u64().unwrap() - found["checkpoints"].as_u64().unwrap();
    assert_eq!(own, 22, "one start, a key, and twenty acts: {found}");
    house.gateway.stop();
}

#[test]
fn an_act_that_cannot_be_recorded_is_not_done() {
    let house = House::start();
    let id = house.held();
    // The folder is gone, and a file stands in its place: no record can be made.
    fs::rename(house.audit(), house.folder.path().join("aside")).unwrap();
    fs::write(house.audit(), "").unwrap();
    for words in [
        &["quarantine", "show", "--content", &id][..],
        &["quarantine", "delete", &id],
        &["bans", "add", "192.0.2.7"],
        &["keys", "rotate"],
        &["reload"],
        &["domain", "add", "new.example", "--next-hop", "smtp://127.0.0.1:9"],
    ] {
        let said = house.refuses(words);
        assert!(said.contains("audit"), "{words:?}: {said}");
        assert!(!said.contains("EICAR"), "{words:?}");
    }
    assert_eq!(house.gateway.quarantine(false).len(), 1);
    assert!(!house.does(&["bans", "list"]).contains("192.0.2.7"));
    assert!(!house.does(&["domain", "list"]).contains("new.example"));
    fs::remove_file(house.audit()).unwrap();
    fs::rename(house.folder.path().join("aside"), house.audit()).unwrap();
    house.does(&["quarantine", "delete", &id]);
    let (whole, found) = verify(&house.audit());
    assert!(whole, "{found}");
    house.gateway.stop();
}

#[test]
fn a_hand_on_the_log_is_found_named_and_never_mended() {
    let House { gateway, folder, config, .. } = House::start();
    for nr in 1..6 {
        let ban = gateway.command(&["bans", "add", &format!("192.0.2.{nr}")]);
        assert!(ban.status.success(), "{}", said(&ban));
    }
    gateway.stop();
    let file = folder.path().join("data/audit/audit-00000001.jsonl");
    let text = fs::read_to_string(&file).unwrap();
    fs::write(&file, text.replace("192.0.2.3", "192.0.2.9")).unwrap();
    let gateway = Gateway::start_in(folder.path(), &config);
    assert!(gateway.log().contains("the audit log is broken in audit-00000001.jsonl line 6"));
    let status = gateway.command(&["status", "--json"]);
    assert!(said(&status).contains("audit-00000001.jsonl line 6"), "{}", said(&status));
    let verified = gateway.command(&["audit", "verify"]);
    assert_eq!(verified.status.code(), Some(1));
    let told = said(&verified);
    assert!(told.contains("audit-00000001.jsonl line 6, record 6"), "{told}");
    assert!(told.contains("the log itself has noted a broken chain 1 times"), "{told}");
    let listed = gateway.command(&["audit", "list", "--json"]);
    assert!(said(&listed).contains("chain-broken-found"));
    assert!(said(&listed).contains("record 6 is no longer what was written"));
    gateway.stop();
    assert_eq!(fs::read_to_string(&file).unwrap(), text.replace("192.0.2.3", "192.0.2.9"));
}

#[test]
fn an_export_can_be_verified_by_others_and_is_recorded() {
    let house = House::start();
    house.does(&["bans", "add", "192.0.2.7", "--why", "=1+1, \"he said\""]);
    let exported = house.does(&["audit", "export", "--reason", "yearly audit"]);
    let lines: Vec<Value> =
        exported.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(lines.len() >= 5, "with what the gateway signs");
    let last = lines.last().unwrap();
    assert_eq!(
        (&last["what"], &last["reason"]),
        (&json!("audit-exported"), &json!("yearly audit"))
    );
    // As README tells a stranger to do it: BLAKE3 over the line without its last member.
    for (line, record) in exported.lines().zip(&lines) {
        let hash = record["hash"].as_str().unwrap();
        let hashed = line.replace(&format!(",\"hash\":\"{hash}\""), "");
        assert_eq!(blake3::hash(hashed.as_bytes()).to_hex().as_str(), hash);
    }
    assert!(lines.windows(2).all(|two| two[1]["prev"] == two[0]["hash"]));
    let table = house.does(&["audit", "export", "--format", "csv"]);
    assert!(table.starts_with("number,time,who_kind,"), "{table}");
    assert!(table.contains(",\"'=1+1, \"\"he said\"\"\","), "{table}");
    assert!(house.does(&["audit", "export", "--until", "1 day"]).is_empty());
    house.gateway.stop();
}

#[test]
fn what_was_answered_before_a_kill_is_in_the_log() {
    let House { mut gateway, folder, config, .. } = House::start();
    let socket = folder.path().join("data/control.sock");
    let (tell, told) = mpsc::channel();
    let mut answered: Vec<String> = Vec::new();
    thread::scope(|scope| {
        for writer in 0..4 {
            let (socket, tell) = (&socket, tell.clone());
            scope.spawn(move || {
                for nr in 0..250 {
                    let address = format!("198.51.{writer}.{nr}");
                    let asked = json!({ "command": "bans-add", "what": &address });
                    match asked_once(socket, &asked) {
                        Some(answer) if answer.contains("\"ok\"") => tell.send(address).unwrap(),
                        // The kill came in between.
                        Some(_) | None => return,
                    }
                }
            });
        }
        answered.extend((0..40).map(|_| told.recv_timeout(common::PATIENCE).unwrap()));
        gateway.kill();
    });
    drop(tell);
    answered.extend(told);
    let audit = folder.path().join("data/audit");
    let text = fs::read_to_string(audit.join("audit-00000001.jsonl")).unwrap();
    for address in answered {
        assert!(text.contains(&format!("\"{address}\"")), "{address} was answered");
    }
    let gateway = Gateway::start_in(folder.path(), &config);
    let (whole, found) = verify(&audit);
    assert!(whole, "{found}");
    assert!(found["records"].as_u64().unwrap() > 40);
    gateway.stop();
}

fn asked_once(socket: &Path, request: &Value) -> Option<String> {
    let mut stream = UnixStream::connect(socket).ok()?;
    stream.write_all(format!("{request}\n").as_bytes()).ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    answer.ends_with('\n').then_some(answer)
}

#[test]
fn changes_of_accounts_are_recorded_by_name_and_never_with_a_password() {
    let house = House::start();
    let password = house.folder.path().join("password");
    fs::write(&password, "correct horse battery staple\n").unwrap();
    let file = password.display().to_string();
    house.does(&[
        "user",
        "add",
        "--organisation",
        "acme",
        "--password-file",
        &file,
        "anna@ours.example",
    ]);
    house.does(&["user", "passwd", "--password-file", &file, "anna@ours.example"]);
    house.does(&["user", "disable", "anna@ours.example"]);
    house.does(&["user", "enable", "anna@ours.example"]);
    house.refuses(&["user", "remove", "bo@ours.example"]);
    house.does(&["user", "remove", "anna@ours.example"]);
    let told: Vec<(String, String)> = house
        .records()
        .iter()
        .filter(|record| {
            record["object"] == "anna@ours.example" && record["organisation"] == "acme"
        })
        .map(|record| (record["what"].to_string(), record["details"]["act"].to_string()))
        .map(|(what, act)| (what.replace('"', ""), act.replace('"', "")))
        .collect();
    let want = [
        ("account-added", "add"),
        ("account-changed", "password"),
        ("account-changed", "disabled"),
        ("account-changed", "enabled"),
        ("account-removed", "removed"),
    ];
    assert_eq!(told, want.map(|(what, act)| (what.to_string(), act.to_string())));
    assert_eq!(house.whats().len(), 6, "an account that is not there is no record");
    let text = fs::read_to_string(house.audit().join("audit-00000001.jsonl")).unwrap();
    assert!(!text.contains("horse") && !text.contains("argon2"));
    house.gateway.stop();
}

/// The fingerprint of the key that signs, as a customer is told it.
fn signing_key(gateway: &Gateway) -> String {
    let output = gateway.command(&["keys", "signing"]);
    assert!(output.status.success(), "{}", said(&output));
    assert!(String::from_utf8_lossy(&output.stdout).starts_with("-----BEGIN PUBLIC KEY-----\n"));
    String::from_utf8(output.stderr).unwrap().trim().to_string()
}

/// Verifies a file far from any gateway.
fn verify_file(file: &Path, more: &[&str]) -> (bool, Value, String) {
    let run = |last: &[&str]| {
        let mut command = binary();
        command.args(["audit", "verify", "--file"]).arg(file).args(more).args(last);
        command.output().unwrap()
    };
    let (json, told) = (run(&["--json"]), run(&[]));
    let found = serde_json::from_slice(&json.stdout).unwrap_or(Value::Null);
    assert_eq!(json.status.code(), told.status.code());
    (json.status.success(), found, said(&told))
}

#[test]
fn a_log_is_signed_by_a_key_that_a_customer_pins_and_that_follows_another() {
    let House { gateway, folder, config, .. } = House::start();
    let first = signing_key(&gateway);
    assert!(gateway.command(&["bans", "add", "192.0.2.1"]).status.success());
    let rotated = gateway.command(&["keys", "rotate", "--signing"]);
    assert!(said(&rotated).contains("vouches for it"), "{}", said(&rotated));
    let second = signing_key(&gateway);
    assert_ne!(first, second);
    // The master key may change: the signing key is wrapped anew.
    assert!(gateway.command(&["keys", "rotate"]).status.success());
    gateway.stop();
    let gateway = Gateway::start_in(folder.path(), &config);
    assert_eq!(signing_key(&gateway), second);
    let listed = said(&gateway.command(&["keys", "list"]));
    assert!(listed.contains(&format!("key {second} signs the audit log")), "{listed}");
    assert!(listed.contains(&format!("key {first} signed it before")), "{listed}");
    let exported = gateway.command(&["audit", "export"]);
    gateway.stop();
    let copy = folder.path().join("copy.jsonl");
    fs::write(&copy, &exported.stdout).unwrap();
    for pins in
        [&[][..], &["--key", &first], &["--key", &second], &["--key", &first, "--key", &second]]
    {
        let (whole, found, told) = verify_file(&copy, pins);
        assert!(whole, "{pins:?}: {told}");
        assert_eq!(found["after"], 1, "the export itself: {told}");
        assert_eq!(told.contains("no key was named"), pins.is_empty(), "{told}");
    }
    let stranger = "ab".repeat(32);
    let (whole, _, told) = verify_file(&copy, &["--key", &stranger]);
    assert!(!whole && told.contains("nothing here is signed by the key that was named"), "{told}");
    // Between two checkpoints, and only there.
    let text = String::from_utf8(exported.stdout).unwrap();
    let checkpoints: Vec<String> = text
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap())
        .filter(|record| record["what"] == "checkpoint")
        .map(|record| record["number"].to_string())
        .collect();
    let [from, to] = [&checkpoints[0], &checkpoints[checkpoints.len() - 1]];
    let (whole, found, told) = verify_file(&copy, &["--from", from, "--to", to, "--key", &first]);
    assert!(whole && found["after"] == 0, "{told}");
    let bent = text.replace("192.0.2.1", "192.0.2.9");
    fs::write(&copy, bent).unwrap();
    let (whole, _, told) = verify_file(&copy, &["--from", from, "--to", to]);
    assert!(!whole && told.contains("the chain is broken: "), "{told}");
}

#[test]
fn somebody_with_the_files_and_without_the_key_is_found_out() {
    let House { gateway, folder, config, .. } = House::start();
    let key = signing_key(&gateway);
    for nr in 1..4 {
        assert!(gateway.command(&["bans", "add", &format!("192.0.2.{nr}")]).status.success());
    }
    gateway.stop();
    // Numbers, hashes and all anew, and the index gone: the chain fits as if nothing had been.
    let audit = folder.path().join("data/audit");
    let file = audit.join("audit-00000001.jsonl");
    let text = fs::read_to_string(&file).unwrap();
    let (mut prev, mut anew) = ("0".repeat(64), String::new());
    for line in text.replace("192.0.2.2", "192.0.2.8").lines() {
        let body = line.rsplit_once(",\"prev\":").unwrap().0;
        let body = format!("{body},\"prev\":\"{prev}\"}}");
        prev = blake3::hash(body.as_bytes()).to_hex().to_string();
        anew.push_str(&format!("{},\"hash\":\"{prev}\"}}\n", body.strip_suffix('}').unwrap()));
    }
    fs::write(&file, anew).unwrap();
    for name in ["index.db", "index.db-wal", "index.db-shm"] {
        let _may_be_missing = fs::remove_file(audit.join(name));
    }
    let output = binary().args(["audit", "verify", "--key", &key, "--folder"]).arg(&audit).output();
    let output = output.unwrap();
    let told = said(&output);
    assert_eq!(output.status.code(), Some(1), "{told}");
    assert!(told.contains("it was signed for another place in the log"), "{told}");
    // The gateway itself says so when it looks.
    let gateway = Gateway::start_in(folder.path(), &config);
    wait_for("the look at all of it", || {
        let status = said(&gateway.command(&["status"]));
        status.contains("the audit log's chain is broken in audit-0000000").then_some(())
    });
    gateway.stop();
}
