//! The same mail to many: copies are known, whoever may say what they are is heard, and what was delivered before is listed, told and pulled.

// Real time, and failing loudly, is what these tests are for.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, clippy::disallowed_methods)]

mod common;

use common::{
    Client, Gateway, HARBOUR_RULE, Hop, Manner, NOW, eicar, free_port, wait_for, web::Browser,
};
use serde_json::{Value, json};
use std::{collections::BTreeSet, fs, os::unix::fs::PermissionsExt, path::PathBuf};

struct House {
    gateway: Gateway,
    hop: Hop,
    folder: tempfile::TempDir,
    config: String,
    inbound: u16,
    admin: u16,
}

impl House {
    fn start() -> House {
        let hop = Hop::start(Manner::default());
        let folder = tempfile::tempdir().unwrap();
        let (inbound, admin) = (free_port(), free_port());
        let rules = folder.path().join("rules");
        fs::create_dir_all(&rules).unwrap();
        fs::write(rules.join("house.toml"), HARBOUR_RULE).unwrap();
        let hook = folder.path().join("hook");
        let told = folder.path().join("told");
        fs::write(&hook, format!("#!/bin/sh\n/bin/cat >> {}\n", told.display())).unwrap();
        fs::set_permissions(&hook, fs::Permissions::from_mode(0o700)).unwrap();
        let domain = |name: &str, organisation: &str| {
            format!(
                "[[domain]]\nname = \"{name}\"\norganisation = \"{organisation}\"\nnext-hop = \"smtp://127.0.0.1:{}\"\nrecipients = \"any\"\n",
                hop.port()
            )
        };
        let config = [
            "hostname = \"mx.host.example\"\n",
            &format!("[[listener]]\nname = \"in\"\nbind = \"127.0.0.1:{inbound}\"\ndirection = \"inbound\"\n"),
            "[[organisation]]\nname = \"acme\"\n[organisation.contacts]\nsecurity = \"it@acme.example\"\n",
            "[[organisation]]\nname = \"berg\"\n[outbound]\norganisation = \"acme\"\n",
            &domain("acme.example", "acme"),
            &domain("berg.example", "berg"),
            "[policy]\nmark = 2.0\nquarantine = 4.5\nreject = 50.0\n",
            &format!("[rules]\nfolders = [\"{}\"]\n", rules.display()),
            &format!("[campaign]\nhook = \"{}\"\n", hook.display()),
            &format!("[web]\nadmin = \"127.0.0.1:{admin}\"\n"),
        ]
        .concat();
        let gateway = Gateway::start_in(folder.path(), &config);
        House { gateway, hop, folder, config, inbound, admin }
    }

    /// A copy from a network of its own; gives what became of it, and its id.
    #[track_caller]
    fn send(&self, number: u8, to: &str, more: &str) -> (String, Value) {
        let bytes = copy(number, to, more);
        self.send_bytes(number, to, bytes.as_bytes())
    }

    #[track_caller]
    fn send_bytes(&self, number: u8, to: &str, bytes: &[u8]) -> (String, Value) {
        let mut client = Client::hello_from(&format!("127.{number}.0.7"), self.inbound);
        let heard = client.send(&format!("s{number}@far{number}.example"), &[to], bytes).unwrap();
        let id = heard.id().unwrap_or_else(|| panic!("{heard:?}"));
        let row = wait_for("the trace", || {
            let rows = self.gateway.ask(&json!({ "command": "trace", "id": id })).ok()?;
            Some(rows[0].clone()).filter(|row| row.is_object())
        });
        (row["recipients"][0]["status"].as_str().unwrap().to_string(), row)
    }

    fn person(&self, name: &str, role: &str, organisation: &str) -> Browser {
        let options = ["--role", role, "--organisation", organisation];
        Browser::of_account(&self.gateway, self.admin, name, &options)
    }

    fn campaigns(&self, organisation: &str) -> Value {
        let said = self.gateway.command(&["campaigns", "--organisation", organisation, "--json"]);
        serde_json::from_slice(&said.stdout).unwrap()
    }

    /// What the hook was told, line by line.
    fn told(&self) -> Vec<Value> {
        let file: PathBuf = self.folder.path().join("told");
        let text = fs::read_to_string(file).unwrap_or_default();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

/// Personalised as such mails are: name, number, link; sender and subject are others in each.
fn copy(number: u8, to: &str, more: &str) -> String {
    let name = to.split('@').next().unwrap();
    format!(
        "Date: {NOW}\r\nFrom: Budet {number} <s{number}@far{number}.example>\r\nTo: {name} <{to}>\r\n\
         Message-ID: <{number}.{name}@far{number}.example>\r\nSubject: Paket {number} till {name}\r\nMIME-Version: 1.0\r\n\
         Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n{}",
        text(number, name, more)
    )
}

fn text(number: u8, name: &str, more: &str) -> String {
    format!(
        "Hej {name},\r\n\r\nvi ville lämna ditt paket {number} i dag men ingen var hemma hos dig. Bekräfta din adress och välj en ny tid,\r\n\
         annars går paketet tillbaka till avsändaren redan i morgon bitti. Det tar bara en minut och kostar ingenting alls.\r\n\
         https://paket.example/{number}/{name}\r\n{more}\r\nMed vänliga hälsningar\r\nBudet\r\n"
    )
}

fn found(row: &Value) -> BTreeSet<&str> {
    row["findings"].as_array().unwrap().iter().filter_map(|one| one["id"].as_str()).collect()
}

#[test]
fn what_staff_calls_spam_stops_its_copies_and_calls_back_those_delivered() {
    let mut house = House::start();
    for (number, to) in [
        (1, "anna@acme.example"),
        (2, "bo@acme.example"),
        (3, "carl@acme.example"),
        (4, "eva@berg.example"),
    ] {
        assert_eq!(house.send(number, to, "").0, "delivered", "{to}");
    }
    // One copy is stopped for what it says besides.
    assert_eq!(house.send(5, "dan@acme.example", "Shall we meet by the harbour?").0, "held");
    let held = house.gateway.quarantine(false);
    let id = held[0]["id"].as_str().unwrap();
    let mut staff = house.person("rut", "reviewer", "acme");
    let done = staff.post("/held/act", &[("id", id), ("do", "delete"), ("back", "/held")]);
    assert_eq!(done.code, 303, "{}", done.body);

    // Acme's staff speaks for Acme.
    let (became, row) = house.send(6, "fay@acme.example", "");
    assert_eq!((became.as_str(), found(&row).contains("campaign.bad")), ("held", true), "{row}");
    let (became, row) = house.send(7, "gun@berg.example", "");
    assert_eq!((became.as_str(), found(&row).contains("campaign.bad")), ("delivered", false));

    // What was delivered before is pulled: each mail once, and no other organisation's.
    let told = wait_for("the hook", || Some(house.told()).filter(|told| told.len() >= 3));
    let to: BTreeSet<&str> = told.iter().filter_map(|one| one["recipient"].as_str()).collect();
    let want = ["anna@acme.example", "bo@acme.example", "carl@acme.example"];
    assert_eq!((to, told.len()), (want.into(), 3));
    assert_eq!((&told[0]["reason"], &told[0]["organisation"]), (&"staff".into(), &"acme".into()));
    assert!(told[0]["message_id"].as_str().unwrap().contains("@far"), "{}", told[0]);
    let recorded = wait_for("the audit log", || {
        let said = house.gateway.command(&["audit", "list", "--json"]).stdout;
        let said = String::from_utf8(said).unwrap();
        said.lines().find(|line| line.contains("hook-called")).map(str::to_string)
    });
    assert!(recorded.contains("exit 0"), "{recorded}");

    // Whoever is responsible is told, once.
    let letter = wait_for("the letter", || {
        house.hop.taken().into_iter().find(|taken| taken.is_for("it@acme.example"))
    });
    assert!(
        letter.text().contains("Delivered mails are now known to be bad: 3"),
        "{}",
        letter.text()
    );

    // Acme's people see Acme's mails, Berg's none of them.
    let campaign = house.campaigns("acme")[0]["id"].as_str().unwrap().to_string();
    let front = staff.get("/").body;
    assert!(front.contains("3 delivered mails belong"), "{front}");
    let page = wait_for("what the hook said", || {
        let page = staff.get(&format!("/campaigns/{campaign}")).body;
        page.contains("exit 0").then_some(page)
    });
    for name in ["anna@acme.example", "was called spam by staff"] {
        assert!(page.contains(name), "{name}: {page}");
    }
    assert!(!page.contains("berg.example"), "{page}");
    assert!(staff.get("/campaigns").body.contains(&campaign));
    // The way to it from one of its mails.
    let mail = told[0]["id"].as_str().unwrap();
    let story = staff.get(&format!("/trace/{mail}")).body;
    let link = format!("href=\"/campaigns/{campaign}\"");
    assert!(
        story.contains(&link) && story.contains("a copy of it was called spam by staff"),
        "{story}"
    );
    let mut stranger = house.person("siv", "reviewer", "berg");
    let theirs = stranger.get(&format!("/campaigns/{campaign}")).body;
    assert!(!theirs.contains("acme") && !theirs.contains("called spam"), "{theirs}");
    assert!(!stranger.get("/").body.contains("belong"));

    // A restart forgets nothing.
    let written = house.campaigns("acme");
    assert_eq!((&written[0]["bad"], &written[0]["recalled"]), (&"staff".into(), &3.into()));
    std::thread::sleep(std::time::Duration::from_secs(6));
    house.gateway.kill();
    house.gateway = Gateway::start_in(house.folder.path(), &house.config);
    assert_eq!(house.send(8, "hal@acme.example", "").0, "held");
    assert_eq!(house.told().len(), 3, "nobody is told twice");
    // Held copies are one row, though sender and subject differ.
    let held = house.gateway.quarantine(false);
    let groups: BTreeSet<&str> = held.iter().filter_map(|one| one["likeness"].as_str()).collect();
    assert_eq!((held.len(), groups.len()), (2, 1), "{held:?}");

    // It was seen to, and it was no spam after all.
    let mut staff = house.person("rolf", "reviewer", "acme");
    staff.post("/campaigns/seen", &[("id", &campaign)]);
    assert!(!staff.get("/").body.contains("delivered mails belong"));
    let id = held[0]["id"].as_str().unwrap();
    staff.post("/held/act", &[("id", id), ("do", "release"), ("back", "/held")]);
    wait_for("the word of staff", || {
        (house.campaigns("acme")[0]["bad"] == Value::Null).then_some(())
    });
    assert_eq!(house.send(9, "ida@acme.example", "").0, "delivered");
    house.gateway.stop();
}

/// The words of a mail with something attached.
fn attached(number: u8, to: &str, file: &str) -> String {
    let name = to.split('@').next().unwrap();
    let plain = copy(number, to, "");
    let (head, _) = plain.split_once("Content-Type:").unwrap();
    format!(
        "{head}Content-Type: multipart/mixed; boundary=\"b\"\r\n\r\n--b\r\nContent-Type: text/plain; charset=utf-8\r\n\
         Content-Transfer-Encoding: 8bit\r\n\r\n{}\r\n--b\r\nContent-Type: text/plain; name=\"avi.txt\"\r\n\
         Content-Disposition: attachment; filename=\"avi.txt\"\r\n\r\n{file}\r\n--b--\r\n",
        text(number, name, "")
    )
}

#[test]
fn malware_in_one_copy_makes_all_of_them_bad_for_everybody() {
    let house = House::start();
    let send = |number, to: &str, file: &str| {
        house.send_bytes(number, to, attached(number, to, file).as_bytes())
    };
    assert_eq!(send(1, "anna@acme.example", "Kolli 17").0, "delivered");
    let (became, row) = send(2, "bo@acme.example", &eicar());
    assert_eq!(became, "refused", "{row}");
    let (became, row) = send(3, "eva@berg.example", "Kolli 19");
    assert_eq!((became.as_str(), found(&row).contains("campaign.bad")), ("held", true), "{row}");
    // The same words with nothing attached are another mail: whoever borrows a newsletter's words does not stop it.
    assert_eq!(house.send(4, "carl@acme.example", "").0, "delivered");
    let told = wait_for("the hook", || Some(house.told()).filter(|told| !told.is_empty()));
    assert_eq!((told.len(), &told[0]["reason"]), (1, &"malware".into()));
    house.gateway.stop();
}

#[test]
fn what_is_forgotten_is_forgotten_of_campaigns_too() {
    let mut house = House::start();
    for (number, to) in [(1, "anna@acme.example"), (2, "bo@acme.example")] {
        assert_eq!(house.send(number, to, "").0, "delivered", "{to}");
    }
    let mut staff = house.person("rut", "reviewer", "acme");
    let mut spam = |house: &House, number| {
        assert_eq!(
            house.send(number, "dan@acme.example", "Shall we meet by the harbour?").0,
            "held"
        );
        let held = house.gateway.quarantine(false);
        let id = held[0]["id"].as_str().unwrap();
        staff.post("/held/act", &[("id", id), ("do", "delete"), ("back", "/held")]);
        held[0]["transaction"].as_str().unwrap().to_string()
    };
    let forget = |house: &House, what: &[&str]| {
        let said = house.gateway.command(&[&["learn", "--forget"], what].concat());
        let told = String::from_utf8_lossy(&said.stdout).into_owned();
        assert!(said.status.success(), "{told}{}", String::from_utf8_lossy(&said.stderr));
        told
    };
    let is = |house: &House, word: Value| {
        wait_for("the word of staff", || (house.campaigns("acme")[0]["bad"] == word).then_some(()));
    };
    // By the one mail of which it was said.
    let mail = spam(&house, 3);
    is(&house, "staff".into());
    let told = forget(&house, &[&mail]);
    assert!(told.contains("in 1 campaigns"), "{told}");
    is(&house, Value::Null);
    assert_eq!(house.send(4, "eva@acme.example", "").0, "delivered");
    // What another organisation would forget is none of it.
    spam(&house, 5);
    is(&house, "staff".into());
    forget(&house, &["all", "--organisation", "berg"]);
    assert_eq!(house.send(6, "fay@acme.example", "").0, "held");
    forget(&house, &["0 days", "--organisation", "acme"]);
    is(&house, Value::Null);
    // It does not come back with a restart, and nothing that would call anybody by name was kept.
    house.gateway.kill();
    house.gateway = Gateway::start_in(house.folder.path(), &house.config);
    assert_eq!(house.send(7, "gun@acme.example", "").0, "delivered");
    forget(&house, &["gun@acme.example"]);
    forget(&house, &["all"]);
    assert!(forget(&house, &["all"]).contains("nothing was remembered"));
    house.gateway.stop();
}

#[test]
fn many_copies_of_strangers_are_said_and_one_senders_are_not() {
    let house = House::start();
    let mut last = Value::Null;
    for number in 1..=12 {
        last = house.send(number, "anna@acme.example", "").1;
    }
    assert!(found(&last).contains("campaign.many"), "{last}");
    let because = last["findings"].as_array().unwrap().iter();
    let because =
        because.filter(|one| one["id"] == "campaign.many").find_map(|one| one["because"].as_str());
    assert!(because.unwrap().contains("came 11 times within a day"), "{because:?}");
    // Another mail, of one network: a newsletter.
    let news = "Protokoll från årsmötet finns nu att läsa, liksom bilder från dagen i parken och en länk till anmälan för alla som vill \
        vara med och städa stigarna i höst. Kaffe bjuder vi på som vanligt efteråt.";
    for number in 1..=12_u8 {
        let mail =
            copy(number, "anna@acme.example", "").split("\r\n\r\n").next().unwrap().to_string();
        let (_, row) = house.send_bytes(
            77,
            "anna@acme.example",
            format!("{mail}\r\n\r\n{news}\r\n").as_bytes(),
        );
        assert!(!found(&row).contains("campaign.many"), "{row}");
    }
    house.gateway.stop();
}
