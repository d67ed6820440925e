//! The gateway learns: from a command, from what people do in the quarantine, from its own mail; it forgets what it is told to, and a crash costs
//! nothing that was answered.

// Real time, and failing loudly, is what these tests are for.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, clippy::disallowed_methods)]
#![allow(clippy::print_stdout)] // The seed.

mod common;

use common::{
    Client, Gateway, HARBOUR_RULE, Hop, Manner, NOW, free_port, wait_for,
    web::{Answer, Browser, PASSWORD, ask, between},
};
use serde_json::Value;
use std::{fs, path::Path, process::Command, thread, time::Duration};

fn config(folder: &Path, port: u16, hop: u16) -> String {
    let rules = folder.join("rules");
    fs::create_dir_all(&rules).unwrap();
    fs::write(rules.join("house.toml"), HARBOUR_RULE).unwrap();
    format!(
        "hostname = \"mx.ours.example\"\n\
         [[listener]]\nname = \"in\"\nbind = \"127.0.0.1:{port}\"\ndirection = \"inbound\"\n\
         [[domain]]\nname = \"ours.example\"\nnext-hop = \"smtp://127.0.0.1:{hop}\"\nrecipients = \"any\"\n\
         [policy]\nmark = 2.0\nquarantine = 4.5\n[rules]\nfolders = [\"{}\"]\n",
        rules.display()
    )
}

/// What differs in all but what its kind always says.
fn text(label: &str, number: usize) -> String {
    let (from, says) = match label {
        "spam" => ("prize", "Claim the winnings that await you in our lottery now, dear friend"),
        _ => ("anna", "The minutes of the meeting on Monday are attached, please read them"),
    };
    format!(
        "Date: {NOW}\r\nFrom: {from}{number}@a{number}.example\r\n\
         To: kim@ours.example\r\nMessage-ID: <{number}.{label}@a.example>\r\nSubject: number {number}\r\n\r\n\
         {number} {says} {number}\r\n"
    )
}

fn say(gateway: &Gateway, words: &[&str]) -> Result<String, String> {
    let done = gateway.command(words);
    match done.status.success() {
        true => Ok(String::from_utf8(done.stdout).unwrap().trim().to_string()),
        false => Err(String::from_utf8(done.stderr).unwrap()),
    }
}

fn shown(gateway: &Gateway) -> Value {
    serde_json::from_str(&say(gateway, &["learn", "--json"]).unwrap()).unwrap()
}

fn wait_for_learned(gateway: &Gateway, spam: u64, ham: u64) {
    wait_for("the learners", || {
        let taught = shown(gateway)["progress"]["taught"].clone();
        (taught["spam"] == spam && taught["ham"] == ham).then_some(())
    });
}

/// The weight of what wording says of a mail that is sent now; 0 where it says nothing.
fn weight(gateway: &Gateway, port: u16, text: &str) -> f64 {
    let mut client = Client::hello(port);
    let heard = client.send("karin@example.org", &["kim@ours.example"], text.as_bytes()).unwrap();
    let last = heard.last().to_string();
    assert!(last.starts_with("250 "), "{last}");
    let mut words = last.split(|letter: char| !letter.is_ascii_alphanumeric());
    let id = words.find(|word| word.len() == 26).unwrap_or_else(|| panic!("{last}"));
    let rows = wait_for("its trace", || say(gateway, &["trace", "show", "--json", id]).ok());
    let rows: Value = serde_json::from_str(&rows).unwrap();
    let row = if rows.is_array() { rows[0].clone() } else { rows };
    let findings = row["findings"].as_array().unwrap_or_else(|| panic!("{row}")).clone();
    let wording = findings.iter().find(|one| one["id"].as_str().unwrap().starts_with("wording."));
    wording.map_or(0.0, |one| one["weight"].as_f64().unwrap())
}

#[test]
fn it_learns_by_command_survives_a_crash_and_forgets() {
    let folder = tempfile::tempdir().unwrap();
    let (hop, port) = (Hop::start(Manner::default()), free_port());
    let config = config(folder.path(), port, hop.port());
    let mut gateway = Gateway::start_in(folder.path(), &config);
    assert_eq!(weight(&gateway, port, &text("spam", 900)), 0.0);
    assert!(say(&gateway, &["learn"]).unwrap().contains("it says nothing yet"));
    // A folder of files, and an mbox.
    let mails = folder.path().join("mails");
    fs::create_dir_all(mails.join("cur")).unwrap();
    let mut mbox = String::new();
    for number in 0..40 {
        fs::write(mails.join("cur").join(format!("{number}")), text("spam", number)).unwrap();
        mbox.push_str(&format!(
            "From a@a.example Mon Nov 23 12:00:00 2026\n{}\n",
            text("ham", number).replace("\r\n", "\n")
        ));
    }
    fs::write(folder.path().join("ham.mbox"), mbox).unwrap();
    let ham = folder.path().join("ham.mbox");
    let (mails, ham) = (mails.to_str().unwrap(), ham.to_str().unwrap());
    assert_eq!(say(&gateway, &["learn", "spam", mails]).unwrap(), "40  learned");
    assert_eq!(say(&gateway, &["learn", "ham", ham]).unwrap(), "40  learned");
    gateway.kill();
    let gateway = Gateway::start_in(folder.path(), &config);
    wait_for_learned(&gateway, 40, 40);
    let like_spam = weight(&gateway, port, &text("spam", 901));
    let like_ham = weight(&gateway, port, &text("ham", 901));
    // It speaks, and holds nothing alone.
    assert!((0.5..=0.8).contains(&like_spam), "{like_spam}");
    assert!((-0.8..=-0.5).contains(&like_ham), "{like_ham}");
    let told = say(&gateway, &["learn"]).unwrap();
    assert!(told.contains("learned: 40 spam, 40 wanted") && told.contains("holds no mail alone"));
    // Bad input is named.
    let bad = folder.path().join("bad");
    fs::write(&bad, "no mail\n").unwrap();
    let error = say(&gateway, &["learn", "spam", bad.to_str().unwrap()]).unwrap_err();
    assert!(error.contains("it is no mail") || error.contains("so it is no mail"), "{error}");
    for (words, want) in [
        (&["learn", "--forget", "nonsense"][..], "an address, a time"),
        (&["learn", "spam", "--by", "eve@elsewhere.example", ham], "no address of ours"),
        (&["learn", "spam", "--organisation", "nosuch", ham], "there is no organisation nosuch"),
    ] {
        let error = say(&gateway, words).unwrap_err();
        assert!(error.contains(want), "{words:?}: {error}");
    }
    // One writer, then all of it.
    let forgotten = say(&gateway, &["learn", "--forget", "prize7@a7.example"]).unwrap();
    assert!(forgotten.starts_with("1 lessons"), "{forgotten}");
    wait_for_learned(&gateway, 39, 40);
    say(&gateway, &["learn", "--forget", "all"]).unwrap();
    wait_for_learned(&gateway, 0, 0);
    assert_eq!(weight(&gateway, port, &text("spam", 902)), 0.0);
    gateway.stop();
}

#[test]
fn people_teach_it_by_what_they_do() {
    let folder = tempfile::tempdir().unwrap();
    let (hop, port) = (Hop::start(Manner::default()), free_port());
    let gateway = Gateway::start_in(folder.path(), &config(folder.path(), port, hop.port()));
    for word in ["first", "second"] {
        let text = text("ham", 1).replace("please", "by the harbour").replace("number 1", word);
        let mut client = Client::hello(port);
        let heard = client.send("karin@example.org", &["kim@ours.example"], text.as_bytes());
        let last = heard.unwrap().last().to_string();
        assert!(last.starts_with("250 2.0.0 queued"), "{last}");
    }
    let held = gateway.quarantine(false);
    assert_eq!(held.len(), 2, "{}", gateway.log());
    let id = |at: usize| held[at]["id"].as_str().unwrap().to_string();
    say(&gateway, &["quarantine", "release", &id(0)]).unwrap();
    wait_for_learned(&gateway, 0, 1);
    // A user moves a mail to the junk folder: the mail is found by its Message-ID, and he is one voice.
    let junk = folder.path().join("junk");
    fs::write(&junk, format!("Received: from x by y\r\n{}", text("spam", 5))).unwrap();
    let learn = ["learn", "spam", "--by", "kim@ours.example", junk.to_str().unwrap()];
    assert_eq!(say(&gateway, &learn).unwrap(), "1  learned");
    assert_eq!(say(&gateway, &learn).unwrap(), "1  learned", "said twice is said once");
    wait_for_learned(&gateway, 1, 1);
    let tally = shown(&gateway)["tally"].clone();
    let rows: Vec<(&str, &str, u64)> = tally
        .as_array()
        .unwrap()
        .iter()
        .map(|one| {
            let word = |name: &str| one[name].as_str().unwrap();
            (word("teacher"), word("label"), one["lessons"].as_u64().unwrap())
        })
        .collect();
    assert_eq!(rows, [("command", "ham", 1), ("reported", "spam", 1)]);
    let audit = say(&gateway, &["audit", "export"]).unwrap();
    assert!(audit.contains("\"learned\""), "{audit}");
    gateway.stop();
}

fn post(admin: u16, token: &str, path: &str, body: &str) -> Answer {
    let fields = format!(
        "Host: 127.0.0.1\r\nAuthorization: Bearer {token}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n",
        body.len()
    );
    ask(admin, "POST", path, &fields, body)
}

/// The page and the API of the site's owner.
#[test]
fn owners_see_what_it_learned_and_junk_folders_elsewhere_name_a_mail() {
    let folder = tempfile::tempdir().unwrap();
    let (hop, port, admin) = (Hop::start(Manner::default()), free_port(), free_port());
    let config = config(folder.path(), port, hop.port());
    let web = format!("[web]\nadmin = \"127.0.0.1:{admin}\"\n");
    let gateway = Gateway::start_in(folder.path(), &format!("{config}{web}"));
    let mut eva = Browser::of_account(&gateway, admin, "eva", &["--role", "owner"]);
    assert!(eva.get("/learned").body.contains("It says nothing yet"));
    let mut client = Client::hello(port);
    let heard = client.send("x@far.example", &["kim@ours.example"], text("spam", 3).as_bytes());
    assert!(heard.unwrap().last().starts_with("250 "));
    let fields =
        [("label", "a script"), ("days", "30"), ("password", PASSWORD), ("right", "decide")];
    let made = eva.post("/own/tokens/add", &fields).body;
    let token = between(&made, "<code class=\"letters\">", "</code>").unwrap();
    let label = |mail: &str, by: &str| {
        let body = serde_json::json!({ "label": "spam", "mail": mail, "by": by }).to_string();
        let answer = post(admin, token, "/api/v1/lessons", &body);
        (answer.code, answer.body)
    };
    let named = "<3.spam@a.example>";
    let (code, body) = wait_for("the mail to be remembered", || {
        let (code, body) = label(named, "Kim@ours.example");
        (code != 404).then_some((code, body))
    });
    assert_eq!((code, body.as_str()), (200, r#"{"standing":"counts"}"#));
    for (mail, by, want) in [
        ("<nosuch@a.example>", "kim@ours.example", 404),
        (named, "kim@elsewhere.example", 404),
        (named, "bo@ours.example", 404),
        (named, "nobody", 400),
    ] {
        assert_eq!(label(mail, by).0, want, "{mail} {by}");
    }
    wait_for_learned(&gateway, 1, 0);
    let page = eva.get("/learned").body;
    assert!(page.contains("recipients, by junk folder or report"), "{page}");
    // What staff says last counts, and what it said before when that is taken back.
    let harbour = text("ham", 1).replace("please", "by the harbour");
    client.send("x@far.example", &["kim@ours.example"], harbour.as_bytes()).unwrap();
    let held = gateway.quarantine(false)[0]["id"].as_str().unwrap().to_string();
    for (act, spam, ham) in [
        (serde_json::json!({ "act": "learn", "opinion": "spam", "ids": [held] }), 2, 0),
        (serde_json::json!({ "act": "learn", "opinion": "ham", "ids": [held] }), 1, 1),
        (serde_json::json!({ "act": "undo", "ids": [held] }), 2, 0),
        (serde_json::json!({ "act": "release", "ids": [held] }), 1, 1),
        (serde_json::json!({ "act": "undo", "ids": [held] }), 2, 0),
    ] {
        let answer = post(admin, token, "/api/v1/held/act", &act.to_string());
        assert_eq!(answer.code, 200, "{act}: {}", answer.body);
        wait_for_learned(&gateway, spam, ham);
    }
    gateway.stop();
}

/// Killed while it is taught, forgets and writes its model down: what was answered is there, what was forgotten is not, and it judges at once.
#[test]
fn what_was_answered_outlives_any_kill() {
    let kills: usize = if cfg!(feature = "long") { 50 } else { 4 };
    let folder = tempfile::tempdir().unwrap();
    let (hop, port) = (Hop::start(Manner::default()), free_port());
    let config = config(folder.path(), port, hop.port());
    let mut gateway = Gateway::start_in(folder.path(), &config);
    let mut luck = common::load::seed();
    println!("SLUSS_SEED={luck}");
    // Of each kind: what was answered, and what was said and not answered, which may be there or not.
    let (mut kept, mut open) = ([0_u64; 2], [0_u64; 2]);
    let mut number = 0;
    for kill in 0..kills {
        let pause = Duration::from_millis(300 + common::chance(&mut luck) % 2_500);
        let pid = gateway.pid();
        let killer = thread::spawn(move || {
            thread::sleep(pause);
            let _ = Command::new("kill").args(["-9", &pid.to_string()]).status();
        });
        let mut forgotten = None;
        // The command works without a gateway too.
        while !killer.is_finished() {
            number += 1;
            let kind = number % 2;
            let label = ["spam", "ham"][kind];
            let some = folder.path().join("some");
            fs::create_dir_all(&some).unwrap();
            for each in 0..5 {
                let text = text(label, number * 5 + each);
                fs::write(some.join(each.to_string()), text).unwrap();
            }
            match say(&gateway, &["learn", label, some.to_str().unwrap()]) {
                Ok(said) => {
                    assert_eq!(said, "5  learned");
                    kept[kind] += 5;
                }
                Err(_) => {
                    open[kind] += 5;
                    break;
                }
            }
            // The model is written down whenever something is forgotten.
            if forgotten.is_none() && kind == 0 {
                let writer = format!("prize{0}@a{0}.example", number * 5);
                forgotten = Some(number);
                match say(&gateway, &["learn", "--forget", &writer]) {
                    Ok(_) => kept[kind] -= 1,
                    Err(_) => {
                        kept[kind] -= 1;
                        open[kind] += 1;
                        break;
                    }
                }
            }
        }
        killer.join().unwrap();
        gateway.kill();
        gateway = Gateway::start_in(folder.path(), &config);
        let of_kind = |kind: usize| kept[kind]..=kept[kind] + open[kind];
        let what = format!("kill {kill}: {kept:?} and perhaps {open:?}");
        wait_for(&what, || {
            let taught = shown(&gateway)["progress"]["taught"].clone();
            let has =
                |label: &str, kind: usize| of_kind(kind).contains(&taught[label].as_u64().unwrap());
            (has("spam", 0) && has("ham", 1)).then_some(())
        });
    }
    assert!(kept[0] + kept[1] > 0, "nothing was answered between the kills: {kept:?}");
    weight(&gateway, port, &text("spam", 100_000));
    assert!(!gateway.log().contains("damaged"), "{}", gateway.log());
    gateway.stop();
}
