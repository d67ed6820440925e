//! Accounts of ours that send too much, from the real gateway: slowed, held, told of, let go by one command.

// Real time, and failing loudly, is what these tests are for.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, clippy::disallowed_methods)]

mod common;

use common::{Client, Gateway, Hop, Manner, NOW, eicar, free_port, wait_for};
use serde_json::{Value, json};
use sluss::{
    base::clock::Clock,
    learn::sending::Sent,
    mail::Organisation,
    store::embedded::{AccountName, Habits},
};
use std::{fs, os::unix::fs::PermissionsExt, path::Path, time::Duration};
use tempfile::TempDir;

const KARIN: &str = "karin@acme.example";
const ACCOUNT: &str = "karin@acme.example/127.0.0.0/24";

struct House {
    gateway: Gateway,
    hop: Hop,
    outbound: u16,
    config: String,
    folder: TempDir,
}

impl House {
    fn start(policy: &str) -> House {
        let hop = Hop::start(Manner::default());
        let outbound = free_port();
        let config = format!(
            "hostname = \"mx.ours.example\"\n\
             [[listener]]\nname = \"out\"\nbind = \"127.0.0.1:{outbound}\"\ndirection = \"outbound\"\n\
             [[organisation]]\nname = \"acme\"\nnetworks = [\"127.0.0.0/8\"]\nlanguages = [\"sv\"]\ncontacts.postmaster = \"it@acme.example\"\n\
             [[domain]]\nname = \"acme.example\"\norganisation = \"acme\"\nnext-hop = \"smtp://127.0.0.1:{}\"\nrecipients = \"any\"\n\
             [outbound]\nsmarthost = \"smtp://127.0.0.1:{}\"\ntls = \"off\"\n\
             [limits]\nhold-accounts = true\nexempt-networks = [\"127.0.9.0/24\"]\n{policy}",
            hop.port(),
            hop.port()
        );
        let folder = tempfile::tempdir().unwrap();
        has_a_habit(folder.path());
        let gateway = Gateway::start_in(folder.path(), &config);
        House { gateway, hop, outbound, config, folder }
    }

    /// As a power cut would.
    fn killed_and_started(self) -> House {
        let House { mut gateway, config, folder, hop, outbound } = self;
        gateway.kill();
        let gateway = Gateway::start_in(folder.path(), &config);
        House { gateway, hop, outbound, config, folder }
    }

    fn client(&self) -> Client {
        Client::hello(self.outbound)
    }

    /// The legs that wait for an account.
    fn held(&self) -> Vec<Value> {
        self.gateway.queue().into_iter().filter(|leg| leg["on_hold"] == true).collect()
    }

    /// Recipients at the server behind, but for our own people's letters.
    fn delivered(&self) -> usize {
        let taken = self.hop.taken();
        taken
            .iter()
            .filter(|mail| !mail.is_for("it@acme.example"))
            .map(|mail| mail.rcpt.len())
            .sum()
    }

    fn letter(&self) -> String {
        wait_for("the letter", || {
            let taken = self.hop.taken();
            taken.iter().find(|mail| mail.is_for("it@acme.example")).map(|mail| mail.text())
        })
    }
}

/// On each of the last twenty days Karin has written to twenty people in each of eight hours.
fn has_a_habit(folder: &Path) {
    let data = folder.join("data");
    fs::create_dir(&data).unwrap();
    fs::set_permissions(&data, fs::Permissions::from_mode(0o700)).unwrap();
    let hour = Duration::from_secs(3_600);
    let clock = Clock::by_hand(Clock::system().now().minus(hour * 24 * 22));
    let habits = Habits::open(&data.join("habits"), clock.clone()).unwrap().0;
    let (organisation, name) = (Organisation::named("acme"), ACCOUNT.to_string());
    let account = AccountName { organisation, name };
    for _ in 0..20 {
        for _ in 0..8 {
            habits.take(&account, Sent::Mail(20), 200);
            clock.advance(hour);
        }
        clock.advance(hour * 16);
    }
    // Dropping it writes what waits.
}

/// To so many people, whose names begin with the number of the mail.
fn send(client: &mut Client, number: usize, recipients: usize, body: &str) -> (u16, String) {
    let to: Vec<String> =
        (0..recipients).map(|one| format!("p{number}-{one}@far.example")).collect();
    let to: Vec<&str> = to.iter().map(String::as_str).collect();
    let mail = format!(
        "From: Karin <{KARIN}>\r\nSubject: news\r\nDate: {NOW}\r\nMessage-ID: <{number}@acme.example>\r\n{body}\r\n"
    );
    let heard = client.send(KARIN, &to, mail.as_bytes()).unwrap();
    (heard.code, heard.id().unwrap_or_default())
}

const NEWS: &str = "\r\nThe harbour opens on Monday.";

#[test]
fn a_newsletter_of_three_thousand_passes_after_one_approval() {
    let house = House::start("");
    let mut client = house.client();
    // Twenty an hour are her habit: a hundred slow her, two hundred hold her, and nothing is refused.
    let ids: Vec<String> = (0..50)
        .map(|number| {
            let (code, id) = send(&mut client, number, 30, NEWS);
            assert_eq!(code, 250, "{number}");
            id
        })
        .collect();
    wait_for("the first to go", || (house.delivered() == 90).then_some(()));
    let held = wait_for("the others to wait", || Some(house.held()).filter(|all| all.len() == 47));
    assert!(held.iter().all(|leg| !leg["to"].to_string().contains("p0-")), "{:?}", held[0]);
    // It is told to somebody within a minute, with ids and the command.
    let letter = house.letter();
    assert!(letter.contains("Content-Language: sv"), "{letter}");
    assert!(letter.contains(&format!("sluss limits release {ACCOUNT}")), "{letter}");
    assert!(ids.iter().filter(|id| letter.contains(id.as_str())).count() == 3, "{letter}");
    // It outlives a kill.
    std::thread::sleep(Duration::from_millis(1_500));
    let house = house.killed_and_started();
    let mut client = house.client();
    assert_eq!(send(&mut client, 50, 30, NEWS).0, 250);
    assert_eq!((house.held().len(), house.delivered()), (48, 90));
    let shown = house.gateway.ask(&json!({ "command": "limits-show" })).unwrap();
    let line = shown["lines"].as_array().unwrap().iter().find(|line| line["who"] == ACCOUNT);
    let line = line.unwrap();
    assert_eq!((&line["limit"], &line["bound"]), (&json!("account-held"), &json!(200)), "{line}");
    // One approval lets everything go, and what follows.
    let output = house.gateway.command(&["limits", "release", ACCOUNT]);
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(said.contains("mails let go: 48"), "{said} {output:?}");
    for number in 51..100 {
        assert_eq!(send(&mut client, number, 30, NEWS).0, 250, "{number}");
    }
    wait_for("all three thousand", || (house.delivered() == 3_000).then_some(()));
    // The last of them are forgotten when their proofs are safe.
    wait_for("the queue to empty", || house.gateway.queue().is_empty().then_some(()));
    assert!(!house.gateway.command(&["limits", "release", ACCOUNT]).status.success());
}

#[test]
fn malware_and_refusals_hold_an_account_whatever_its_volume() {
    let house = House::start("");
    let mut client = house.client();
    let virus = format!("Content-Type: application/octet-stream\r\n\r\n{}", eicar());
    assert_eq!(send(&mut client, 0, 1, NEWS).0, 250);
    for number in 1..=3 {
        assert_eq!(send(&mut client, number, 1, &virus).0, 550);
    }
    assert_eq!(send(&mut client, 4, 1, NEWS).0, 250);
    assert_eq!(house.held().len(), 1);
    assert!(house.letter().contains("3 brev med skadlig kod"), "{}", house.letter());
    // Her colleague, and a machine that no limit is for, go on.
    let mail = format!("From: <bo@acme.example>\r\nSubject: x\r\n{NEWS}\r\n");
    let heard = client.send("bo@acme.example", &["x@far.example"], mail.as_bytes()).unwrap();
    assert_eq!(heard.code, 250);
    let mut machine = Client::hello_from("127.0.9.1", house.outbound);
    assert_eq!(send(&mut machine, 5, 900, NEWS).0, 250);
    wait_for("both", || (house.delivered() == 902).then_some(()));
    assert!(house.gateway.command(&["limits", "release", ACCOUNT]).status.success());
    wait_for("hers", || (house.delivered() == 903).then_some(()));
    // A quarter of sixty does not exist.
    house.hop.change(|manner| {
        manner.rcpt = vec![("-1".to_string(), "550 5.1.1 nobody".to_string())];
    });
    for number in 10..13 {
        // -1 and -10 to -19 of each twenty.
        assert_eq!(send(&mut client, number, 20, NEWS).0, 250);
    }
    wait_for("the refusals", || house.gateway.log().contains("Refusals").then_some(()));
    assert_eq!(send(&mut client, 20, 1, NEWS).0, 250);
    wait_for("the next to wait", || (house.held().len() == 1).then_some(()));
}

#[test]
fn a_policy_on_trial_holds_no_account() {
    let house = House::start("[policy]\nmode = \"shadow\"\n");
    let mut client = house.client();
    for number in 0..20 {
        assert_eq!(send(&mut client, number, 30, NEWS).0, 250);
    }
    wait_for("all", || (house.delivered() == 600).then_some(()));
    assert!(house.gateway.log().contains("would be held"), "{}", house.gateway.log());
}
