//! The two layers of the configuration from outside: commands change the stored one, the running gateway follows, the file wins.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, clippy::disallowed_methods)]

mod common;

use common::{Client, Gateway, Hop, Manner, free_port, mail};
use serde_json::Value;
use std::{fs, thread};

struct House {
    gateway: Gateway,
    folder: tempfile::TempDir,
    hop: Hop,
    port: u16,
}

impl House {
    fn start() -> House {
        let folder = tempfile::tempdir().unwrap();
        let (hop, port) = (Hop::start(Manner::default()), free_port());
        fs::write(folder.path().join("domains"), "line.example\n").unwrap();
        let config = format!(
            "hostname = \"mx.host.example\"\ndomains-file = \"{}\"\n\
             [[listener]]\nname = \"in\"\nbind = \"127.0.0.1:{port}\"\ndirection = \"inbound\"\n\
             [domain-defaults]\nnext-hop = \"smtp://127.0.0.1:{}\"\nrecipients = \"any\"\n\
             [limits]\nconnections = 300\n\
             [[policy]]\nname = \"locked\"\nmark = 4.0\n\
             [[domain]]\nname = \"file.example\"\n",
            folder.path().join("domains").display(),
            hop.port()
        );
        House { gateway: Gateway::start_in(folder.path(), &config), folder, hop, port }
    }

    /// Runs a command; gives whether it went well, and what it said.
    fn run(&self, words: &[&str]) -> (bool, String) {
        let output = self.gateway.command(words);
        let said = [output.stdout, output.stderr].concat();
        (output.status.success(), String::from_utf8(said).unwrap())
    }

    #[track_caller]
    fn does(&self, words: &[&str], parts: &[&str]) -> String {
        let (well, said) = self.run(words);
        assert!(well, "{words:?}: {said}");
        for part in parts {
            assert!(said.contains(part), "{words:?}: {part:?} is missing in {said}");
        }
        said
    }

    #[track_caller]
    fn refuses(&self, words: &[&str], parts: &[&str]) {
        let (well, said) = self.run(words);
        assert!(!well, "{words:?}: {said}");
        for part in parts {
            assert!(said.contains(part), "{words:?}: {part:?} is missing in {said}");
        }
    }

    /// Where the file says this, as messages name the place.
    #[track_caller]
    fn place(&self, line: &str) -> String {
        let text = fs::read_to_string(self.gateway.config_file()).unwrap();
        let at = text.lines().position(|written| written == line).unwrap();
        format!("sluss.toml:{} ", at + 1)
    }

    /// The reply to a recipient in this domain.
    fn rcpt(&self, domain: &str) -> u16 {
        let mut client = Client::hello(self.port);
        client.ask("MAIL FROM:<a@example.org>").unwrap();
        client.ask(&format!("RCPT TO:<b@{domain}>")).unwrap().code
    }

    fn versions(&self) -> usize {
        self.run(&["config", "history", "--json"]).1.lines().count()
    }
}

#[test]
fn a_stored_change_is_in_force_at_once_and_can_be_undone() {
    let house = House::start();
    for domain in ["file.example", "line.example"] {
        assert_eq!(house.rcpt(domain), 250, "{domain}");
    }
    assert_eq!(house.rcpt("stored.example"), 550);
    let why = ["--comment", "a customer", "--author", "anna"];
    let add = ["domain", "add", "Stored.example", "--policy", "locked"];
    house.does(&[&add[..], &why].concat(), &["version 1", "reloaded: 1 domain added"]);
    assert_eq!(house.rcpt("stored.example"), 250);
    house.refuses(&add, &["stored already", "--replace"]);
    house.does(&["domain", "list"], &["file.example", "line.example", "stored, version 1 by anna"]);
    house.does(&["config", "history"], &["anna", "a customer"]);
    house.does(&["config", "show", "domain.stored.example.policy"], &["locked"]);
    house.does(&["config", "unset", "domain.stored.example.policy"], &["1 domain changed"]);
    house.refuses(
        &["config", "revert", "1"],
        &["policy of domain stored.example was changed again by", "--to 0"],
    );
    house.does(&["config", "revert", "2"], &["version 3", "1 domain changed"]);
    house.does(&["config", "revert", "--to", "0"], &["version 4", "1 domain removed"]);
    assert_eq!(house.rcpt("stored.example"), 550);
    house.does(&["config", "revert", "4"], &["1 domain added"]);
    house.does(&["domain", "remove", "stored.example"], &["1 domain removed"]);
    house.gateway.stop();
}

#[test]
fn what_the_file_says_is_locked_and_what_makes_no_sense_is_not_stored() {
    let house = House::start();
    let (limit, policy, domain) =
        (house.place("connections = 300"), house.place("mark = 4.0"), house.place("[[domain]]"));
    for (words, parts) in [
        (&["config", "set", "limits.connections", "1000"][..], &["locked", limit.as_str()][..]),
        (&["config", "set", "policy.locked.mark", "1"], &["locked", policy.as_str()]),
        (&["config", "set", "policy.locked", "{ mark = 1.0 }"], &["policy.locked.mark is locked"]),
        (&["config", "set", "domain.nobody.example.policy", "locked"], &["no domain of ours yet"]),
        (&["domain", "add", "file.example"], &["stands in", domain.trim_end(), "config set"]),
        (&["domain", "add", "line.example"], &["stands in", "domains:1"]),
        (&["domain", "remove", "line.example"], &["domains:1: it is removed there"]),
        (&["domain", "add", "a b"], &["no domain"]),
        (
            &["domain", "add", "a.example", "--policy", "none"],
            &["no policy called", "nothing was stored"],
        ),
        (&["domain", "add", "a.example", "--next-hop", "ftp://h"], &["smtp://"]),
        (&["config", "set", "limits.dot-time", "soon"], &["limits.dot-time", "5 days"]),
        (&["config", "set", "limits.conections", "3"], &["did you mean \"connections\""]),
        (&["config", "set", "web.admin", "127.0.0.1:80"], &["belongs in the file"]),
        (&["config", "set", "bogus.key", "1"], &["there is no key bogus.key; the nearest are"]),
        (&["config", "set", "Limits.users", "1"], &["no key Limits.users; the nearest are limits"]),
        // A policy is made as a whole, so that a name mistyped makes none.
        (
            &["config", "set", "policy.nosuch.mark", "4"],
            &["there is no policy nosuch; there are default, locked;", "policy.nosuch as '{"],
        ),
        (&["config", "set", "policy.Mild", "{ mark = 4.0 }"], &["in lower case: policy.mild"]),
        (
            &["config", "set", "policy.locked.reject", "many"],
            &["sluss: reject of policy locked: invalid type: string \"many\", expected a number;"],
        ),
        (&["config", "set", "outbound.networks", "[\"0.0.0.0/0\"]"], &["open relay"]),
        (&["config", "unset", "policy.mild"], &["nothing is stored under policy.mild"]),
        (&["config", "revert", "1"], &["there is no version 1"]),
    ] {
        house.refuses(words, parts);
    }
    assert_eq!(house.versions(), 0);
    let whole = ["config", "set", "policy.mild", "{ quarantine = 12.0 }"];
    house.does(&whole, &["policy.mild.quarantine"]);
    house.does(&["domain", "add", "a.example", "--policy", "mild"], &["1 domain added"]);
    house.refuses(&["config", "unset", "policy.mild"], &["domain a.example", "no policy called"]);
    house.does(&["config", "set", "limits.message-bytes", "1000000"], &["limits.message-bytes"]);
    let shown =
        house.does(&["check-config"], &["# stored, version 3", "# default", limit.trim_end()]);
    assert!(shown.contains("# a.example"), "{shown}");
    house.gateway.stop();
}

#[test]
fn what_the_file_does_not_say_of_its_entries_is_stored_value_by_value() {
    let house = House::start();
    house.does(&["config", "set", "policy.locked.quarantine", "9"], &["version 1"]);
    house.does(
        &["config", "set", "policy.locked", "{ actions.bulk = \"mark\", quarantine = 9.0 }"],
        &["version 2"],
    );
    house.does(
        &["config", "set", "domain.file.example.policy", "locked"],
        &["version 3", "1 domain changed"],
    );
    house.does(
        &["config", "set", "domain.line.example.policy", "locked"],
        &["version 4", "1 domain changed"],
    );
    for (path, value, origin) in [
        ("policy.locked.mark", "4.0", house.place("mark = 4.0")),
        ("policy.locked.quarantine", "9.0", "stored, version 2".to_string()),
        ("policy.locked.actions.bulk", "\"mark\"", "stored, version 2".to_string()),
        ("domain.file.example.policy", "\"locked\"", "stored, version 3".to_string()),
        ("domain.line.example.policy", "\"locked\"", "stored, version 4".to_string()),
        ("domain.file.example.recipients", "\"any\"", house.place("recipients = \"any\"")),
    ] {
        house.does(&["config", "show", path, "--origin"], &[value, origin.trim_end()]);
    }
    house.refuses(&["config", "set", "policy.locked.quarantine", "3"], &["policy locked", "rise"]);
    // Undone is exactly what a version changed: what came after it stays.
    house.does(&["config", "revert", "2"], &["version 5"]);
    house
        .does(&["config", "show", "policy.locked", "--origin"], &["quarantine = 9.0", "version 5"]);
    let (_, shown) = house.run(&["config", "show", "policy.locked"]);
    assert!(!shown.contains("bulk"), "{shown}");
    house.does(&["config", "revert", "5"], &["version 6"]);
    // A file that says it later wins, and what is stored under it is said to be hidden.
    let file = house.gateway.config_file();
    let text = fs::read_to_string(&file).unwrap();
    fs::write(&file, text.replace("mark = 4.0", "mark = 4.0\nquarantine = 7.0")).unwrap();
    house.does(&["reload"], &["policy.locked.quarantine"]);
    house.does(&["check-config"], &["# the stored policy.locked.quarantine is hidden by"]);
    house.refuses(&["config", "set", "policy.locked.quarantine", "12"], &["is locked"]);
    house.does(&["config", "unset", "policy.locked.quarantine"], &["version 7"]);
    // Gone from the file, a domain is gone: what was stored beside it does not keep it.
    let text = fs::read_to_string(&file).unwrap();
    fs::write(&file, text.replace("[[domain]]\nname = \"file.example\"\n", "")).unwrap();
    fs::write(house.folder.path().join("domains"), "").unwrap();
    house.does(&["reload"], &["2 domains removed"]);
    assert_eq!((house.rcpt("file.example"), house.rcpt("line.example")), (550, 550));
    house.refuses(
        &["config", "set", "domain.file.example.recipients", "any"],
        &["no domain of ours"],
    );
    house.does(&["domain", "add", "file.example"], &["1 domain added"]);
    assert_eq!(house.rcpt("file.example"), 250);
    house.gateway.stop();
}

#[test]
fn a_document_is_stored_whole_or_not_at_all() {
    let house = House::start();
    let file = house.folder.path().join("more.toml");
    let path = file.display().to_string();
    let domains = |policy: &str| -> String {
        (0..1_000)
            .map(|n| format!("[[domain]]\nname = \"d{n}.example\"\npolicy = \"{policy}\"\n"))
            .collect()
    };
    fs::write(&file, domains("none")).unwrap();
    house.refuses(
        &["config", "import", &path],
        &["no policy called \"none\"", "nothing was stored"],
    );
    fs::write(&file, format!("limits.transactions-per-minute = 7\n{}", domains("locked"))).unwrap();
    house.does(&["config", "import", &path, "--dry-run"], &["1001 entries would change"]);
    assert_eq!((house.versions(), house.rcpt("d7.example")), (0, 550));
    let said = ["1001 entries changed", "1000 domains added, limits.transactions-per-minute"];
    house.does(&["config", "import", &path], &said);
    assert_eq!((house.versions(), house.rcpt("d7.example")), (1, 250));
    let exported = house.does(&["config", "export"], &[]);
    fs::write(&file, &exported).unwrap();
    house.does(&["config", "import", &path, "--replace"], &["nothing to change"]);
    fs::write(&file, "[[domain]]\nname = \"d7.example\"\npolicy = \"locked\"\n").unwrap();
    house.does(&["config", "import", &path, "--replace"], &["999 domains removed"]);
    let listed = house.does(&["domain", "list", "--json"], &[]);
    let names: Vec<Value> =
        listed.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let names: Vec<&str> = names.iter().map(|domain| domain["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["d7.example", "file.example", "line.example"]);
    house.gateway.stop();
}

#[test]
fn a_bad_line_leaves_the_old_domains_and_mail_flows_through_reloads() {
    let house = House::start();
    let lines = house.folder.path().join("domains");
    fs::write(&lines, "line.example\nnew.example\nno domain\n").unwrap();
    house.refuses(&["reload"], &["domains:3:4: ", "\"domain\" is no next hop"]);
    assert_eq!((house.rcpt("line.example"), house.rcpt("new.example")), (250, 550));
    assert!(house.gateway.log().contains("the old configuration stays in force"));

    let many: String = (0..20_000).map(|n| format!("d{n}.example\n")).collect();
    fs::write(&lines, format!("line.example\n{many}")).unwrap();
    thread::scope(|scope| {
        let sender = scope.spawn(|| {
            let mut client = Client::hello(house.port);
            let codes = (0..40).map(|n| {
                let bytes = mail(&format!("m{n}"));
                client.send("a@example.org", &["b@line.example"], bytes.as_bytes()).unwrap().code
            });
            codes.collect::<Vec<u16>>()
        });
        for _ in 0..3 {
            house.does(&["reload"], &["reloaded: "]);
        }
        assert_eq!(sender.join().unwrap(), [250; 40]);
    });
    assert_eq!(house.hop.taken().len(), 40);
    assert_eq!((house.rcpt("d19999.example"), house.rcpt("d20000.example")), (250, 550));
    house.gateway.stop();
}

#[test]
fn trial_mode_has_a_stored_layer_too() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data").display().to_string();
    let run = |words: &[&str]| {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_sluss"));
        let output = command.args(words).args(["--data", &data]).output().unwrap();
        (output.status.code(), String::from_utf8([output.stdout, output.stderr].concat()).unwrap())
    };
    let hop = ["--next-hop", "maildir:/tmp/x", "--recipients", "any"];
    let (code, said) = run(&[&["domain", "add", "mine.example"][..], &hop].concat());
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("no gateway runs"), "{said}");
    let (_, listed) = run(&["domain", "list"]);
    assert!(listed.contains("mine.example") && listed.contains("# trial mode"), "{listed}");
    let (code, said) = run(&["domain", "add", "ours.example", "--replace"]);
    assert!(code == Some(2) && said.contains("stands in trial mode"), "{said}");
}
