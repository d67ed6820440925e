//! Two ways in for what people and strangers say without knowing: mail that is passed on to an address for reports, and mail to addresses that
//! nobody has.

// Failing loudly is what these tests are for.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, clippy::disallowed_methods)]

mod common;

use common::{Client, Gateway, Hop, Manner, NOW, Names, Said, free_port, wait_for, web::Browser};
use serde_json::Value;
use std::fs;
use tempfile::TempDir;

struct House {
    _folder: TempDir,
    gateway: Gateway,
    hop: Hop,
    inbound: u16,
    outbound: u16,
    admin: u16,
}

const KIM: &str = "kim@ours.example";
const OF_ACME: &str = "127.0.0.2";
const OF_OTHER: &str = "127.0.0.3";

impl House {
    fn start() -> House {
        House::start_with("")
    }

    fn start_with(more: &str) -> House {
        let folder = tempfile::tempdir().unwrap();
        let hop = Hop::start(Manner::default());
        let (inbound, outbound, admin) = (free_port(), free_port(), free_port());
        let list = folder.path().join("list");
        fs::write(&list, "kim@ours.example\nbo@ours.example\n").unwrap();
        let next_hop = format!("smtp://127.0.0.1:{}", hop.port());
        let listener = |name: &str, port: u16, direction: &str| {
            format!(
                "[[listener]]\nname = \"{name}\"\nbind = \"127.0.0.1:{port}\"\ndirection = \"{direction}\"\n"
            )
        };
        let config = format!(
            "hostname = \"mx.ours.example\"\n{}{}\
             [[organisation]]\nname = \"acme\"\ntitle = \"Föreningen\"\nlanguages = [\"sv\"]\ncountry = \"SE\"\nnetworks = [\"{OF_ACME}/32\"]\n\
             [[organisation]]\nname = \"other\"\nnetworks = [\"{OF_OTHER}/32\"]\n\
             [[domain]]\nname = \"ours.example\"\norganisation = \"acme\"\nnext-hop = \"{next_hop}\"\nrecipients = \"{}\"\n\
             [[domain]]\nname = \"other.example\"\norganisation = \"other\"\nnext-hop = \"{next_hop}\"\nrecipients = \"any\"\n\
             [[domain]]\nname = \"reports.example\"\norganisation = \"other\"\nnext-hop = \"internal:\"\n\
             [outbound]\norganisation = \"other\"\nsmarthost = \"{next_hop}\"\ntls = \"off\"\n\
             [learning]\nspam-reports = [\"spam@ours.example\"]\ntraps = [\"Old.Box@ours.example\"]\n\
             [web]\nadmin = \"127.0.0.1:{admin}\"\n{more}",
            listener("in", inbound, "inbound"),
            listener("out", outbound, "outbound"),
            list.display(),
        );
        let gateway = Gateway::start_in(folder.path(), &config);
        House { _folder: folder, gateway, hop, inbound, outbound, admin }
    }

    fn run(&self, words: &[&str]) -> Result<String, String> {
        let done = self.gateway.command(words);
        match done.status.success() {
            true => Ok(String::from_utf8(done.stdout).unwrap().trim().to_string()),
            false => Err(String::from_utf8(done.stderr).unwrap()),
        }
    }

    /// A mail from the world; gives what is heard after the dot.
    fn come(&self, from: &str, to: &[&str], mail: &str) -> String {
        let mut client = Client::hello(self.inbound);
        client.send(from, to, mail.as_bytes()).unwrap().last().to_string()
    }

    /// A mail of one of ours.
    fn send(&self, client: &str, from: &str, to: &str, mail: &str) -> String {
        let mut client = Client::hello_from(client, self.outbound);
        client.send(from, &[to], mail.as_bytes()).unwrap().last().to_string()
    }

    /// What the trace says of a mail, once nothing of it is on its way.
    fn trace(&self, reply: &str) -> Value {
        let id = reply.rsplit_once("(id ").unwrap_or_else(|| panic!("{reply}")).1;
        let id = id.trim_end_matches(')').to_string();
        wait_for("the trace", || {
            let trace = self.gateway.command(&["trace", "show", "--json", &id]);
            let trace: Value = serde_json::from_slice(&trace.stdout).ok()?;
            let last = trace[0]["recipients"].as_array()?.last()?.clone();
            (last["status"] != "queued").then(|| trace[0].clone())
        })
    }

    /// What became of a report.
    #[track_caller]
    fn fate(&self, reply: &str) -> String {
        assert!(reply.starts_with("250 "), "{reply}");
        let row = self.trace(reply);
        let last = row["recipients"].as_array().unwrap().last().unwrap().clone();
        assert_eq!(last["status"], "delivered", "{row}");
        last["said"].as_str().unwrap().to_string()
    }

    fn findings(&self, reply: &str) -> Vec<String> {
        let findings = self.trace(reply)["findings"].as_array().unwrap().clone();
        findings.iter().map(|one| one["id"].as_str().unwrap().to_string()).collect()
    }

    fn shown(&self) -> Value {
        serde_json::from_str(&self.run(&["learn", "--json"]).unwrap()).unwrap()
    }

    fn wait_for_learned(&self, spam: u64, ham: u64) {
        wait_for("the learners", || {
            let taught = self.shown()["progress"]["taught"].clone();
            (taught["spam"] == spam && taught["ham"] == ham).then_some(())
        });
    }

    /// Who taught what, with what became of it.
    fn tally(&self) -> Vec<String> {
        let tally = self.shown()["tally"].as_array().unwrap().clone();
        let word = |one: &Value, name: &str| one[name].as_str().unwrap().to_string();
        let told = |one: &Value| {
            let (teacher, label) = (word(one, "teacher"), word(one, "label"));
            format!("{teacher} {label} {} {}", word(one, "standing"), one["lessons"])
        };
        tally.iter().map(told).collect()
    }

    /// Kim reports his first mail until it is known: what the learners see of it is written down a moment after it came.
    #[track_caller]
    fn report_first(&self, mail: &str) -> String {
        let report = report(KIM, RFC822, &[mail]);
        wait_for("the mail to be remembered", || {
            let said = self.fate(&self.send(OF_ACME, KIM, "spam@ours.example", &report));
            let answer = self.answer("the answer");
            said.starts_with("250 2.0.0 reported as spam: learned 1, ").then_some(answer)
        })
    }

    /// Answers to reports, as they reach the server behind.
    #[track_caller]
    fn answer(&self, what: &str) -> String {
        let text = wait_for(what, || self.hop.drain().pop()).text();
        assert!(text.contains("Auto-Submitted: auto-replied"), "{text}");
        assert!(text.contains("From: ") && text.contains("<spam@ours.example>"), "{text}");
        text
    }
}

/// Spam; each differs from the others in all but its kind.
fn text(number: usize) -> String {
    format!(
        "Date: {NOW}\r\nFrom: prize{number}@a{number}.example\r\n\
         To: {KIM}\r\nMessage-ID: <{number}.spam@a.example>\r\nSubject: Prize {number}\r\n\r\n\
         {number} Claim the winnings that await you in our lottery now, dear friend {number}\r\n"
    )
}

/// A mail of one of ours with others attached, each in a part with these fields.
fn report(from: &str, fields: &str, attached: &[&str]) -> String {
    let parts: String =
        attached.iter().map(|mail| format!("--b\r\n{fields}\r\n\r\n{mail}\r\n")).collect();
    format!(
        "From: Kim <{from}>\r\nTo: spam@ours.example\r\nSubject: Fwd\r\nDate: {NOW}\r\n\
         Message-ID: <{}.fwd@ours.example>\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n\
         --b\r\nContent-Type: text/plain\r\n\r\nThis is junk.\r\n{parts}--b--\r\n",
        parts.len()
    )
}

const RFC822: &str = "Content-Type: message/rfc822\r\nContent-Disposition: attachment";
const EML: &str = "Content-Type: application/octet-stream; name=mail.eml\r\nContent-Disposition: attachment; filename=mail.eml";

/// A mail came to Kim, as his server keeps it.
fn came_to_kim(house: &House, number: usize) -> String {
    let heard = house.come("x@far.example", &[KIM], &text(number));
    assert!(heard.starts_with("250 "), "{heard}");
    let taken = wait_for("the mail", || house.hop.drain().pop());
    taken.text().trim_end().to_string()
}

#[test]
fn who_passes_mail_on_as_an_attachment_teaches_by_it() {
    let house = House::start();
    let (second, first) = (came_to_kim(&house, 2), came_to_kim(&house, 1));
    let to = "spam@ours.example";
    house.report_first(&first);
    let said = house.fate(&house.send(OF_ACME, KIM, to, &report(KIM, RFC822, &[&first, &second])));
    assert!(said.starts_with("250 2.0.0 reported as spam: learned 2, "), "{said}");
    let answer = house.answer("the answer");
    assert!(answer.contains("Inlärt som skräppost: Prize 1, Prize 2"), "{answer}");
    house.wait_for_learned(2, 0);
    assert_eq!(house.tally(), ["reported spam counts 2"]);
    // Said twice is said once; as after a crash.
    let again = house.send(OF_ACME, KIM, to, &report(KIM, EML, &[&second]));
    assert!(house.fate(&again).contains("learned 1"));
    house.answer("the second answer");
    assert_eq!(house.tally(), ["reported spam counts 2"]);
    // What somebody wrapped in a mail of his own is found in it, and what he means now counts: he has changed his mind about one.
    let wrapped = format!("{}\r\n", report("bo@ours.example", RFC822, &[&first]).trim_end())
        .replace("boundary=b", "boundary=inner")
        .replace("--b", "--inner");
    let ham =
        house.send(OF_ACME, KIM, "Not-Spam@reports.example", &report(KIM, RFC822, &[&wrapped]));
    let said = house.fate(&ham);
    assert!(
        said.contains("reported as wanted mail: learned 1,") && said.contains("not found 0"),
        "{said}"
    );
    house.wait_for_learned(1, 1);
    // Nothing of all this is taken for mail that our people wrote.
    assert_eq!(house.tally(), ["reported ham counts 1", "reported spam counts 1"]);
    // What is dangerous in it holds neither the report nor its sender.
    let gtube = "XJS*C4JDBQADN1.NSBN3*2IDNEN*GTUBE-STANDARD-ANTI-UBE-TEST-EMAIL*C.34X";
    for bad in [gtube, common::eicar().as_str()] {
        let bad = format!("From: x@far.example\r\nMessage-ID: <g@far.example>\r\n\r\n{bad}");
        let said = house.fate(&house.send(OF_ACME, KIM, to, &report(KIM, RFC822, &[&bad])));
        assert!(said.contains("learned 0,") && said.contains("not found 1"), "{said}");
    }
    assert!(house.gateway.quarantine(true).is_empty());
    house.gateway.stop();
}

#[test]
fn what_is_not_shown_to_be_true_teaches_nothing() {
    let house = House::start();
    let mail = came_to_kim(&house, 1);
    let to = "spam@ours.example";
    assert!(house.report_first(&mail).contains("Inlärt som skräppost: Prize 1"));
    // Forwarded in the text: who did it is told how it is done.
    let inline = format!(
        "From: {KIM}\r\nTo: {to}\r\nSubject: Fwd: Prize\r\n\r\n---- Forwarded ----\r\n{}",
        text(1)
    );
    let said = house.fate(&house.send(OF_ACME, KIM, to, &inline));
    assert_eq!(said, "250 2.0.0 no mail was attached; nothing was learned");
    let answer = house.answer("how to do it");
    assert!(answer.contains("Vidarebefordra som bifogad fil") && answer.contains(to), "{answer}");
    // Somebody else's, one that never came, and one that has the name of another.
    let forged = text(1).replace(
        "Claim the winnings that await you in our lottery",
        "Minutes of the board, as agreed, for all members to read",
    );
    for (from, attached) in
        [("bo@ours.example", mail.as_str()), (KIM, text(7).trim_end()), (KIM, forged.trim_end())]
    {
        let said = house.fate(&house.send(OF_ACME, from, to, &report(from, RFC822, &[attached])));
        assert!(said.contains("learned 0,") && said.ends_with("not found 1"), "{from}: {said}");
        let answer = house.answer("the answer");
        assert!(answer.contains("de senaste 30 dagarna"), "{answer}");
    }
    // A member of another house that is here finds nothing of this one.
    let foreign = "x@other.example";
    let said = house.fate(&house.send(OF_OTHER, foreign, to, &report(foreign, RFC822, &[&mail])));
    assert!(said.ends_with("not found 1"), "{said}");
    wait_for("its answer", || house.hop.drain().pop());
    // A program, whoever runs it; and Kim's name on the line of others, and from outside, where nobody shows it.
    let robot = report(KIM, RFC822, &[&mail])
        .replace("Subject:", "Auto-Submitted: auto-replied\r\nSubject:");
    let said = house.fate(&house.send(OF_ACME, KIM, to, &robot));
    assert_eq!(said, "250 2.0.0 a program wrote it; nothing was learned");
    let heard = house.come(KIM, &[to], &report(KIM, RFC822, &[&mail]));
    let said = house.fate(&heard);
    assert_eq!(said, "250 2.0.0 nobody of ours has shown to have written it; nothing was learned");
    let heard = house.send(OF_OTHER, KIM, to, &report(KIM, RFC822, &[&mail]));
    assert!(!heard.starts_with("250") || house.fate(&heard).contains("nobody of ours"), "{heard}");
    // For strangers there is no such address.
    for from in ["x@far.example", ""] {
        for to in [to, "ham@reports.example"] {
            let heard = house.come(from, &[to], &report(KIM, RFC822, &[&mail]));
            assert!(heard.starts_with("550 5.1.1 no such recipient here"), "{from} {to}: {heard}");
        }
    }
    assert_eq!(house.tally(), ["reported spam counts 1"]);
    assert_eq!(house.hop.count(), 0, "nobody else was written to");
    house.gateway.stop();
}

#[test]
fn a_spam_trap_is_like_any_address_and_teaches_spam() {
    let house = House::start();
    let trap = "old.box@ours.example";
    // A notice about a mail goes where others said that it came from.
    let heard = house.come("", &[trap], &text(1));
    assert!(heard.starts_with("250 2.0.0 delivered (id "), "{heard}");
    // Who sends to nobody else hears and weighs what any would.
    let heard = house.come("x@far.example", &[trap], &text(2));
    assert!(heard.starts_with("250 2.0.0 delivered (id "), "{heard}");
    assert!(!house.findings(&heard).iter().any(|id| id.starts_with("trap.")));
    assert_eq!(house.trace(&heard)["recipients"][0]["status"], "trapped");
    let gtube = format!(
        "{}XJS*C4JDBQADN1.NSBN3*2IDNEN*GTUBE-STANDARD-ANTI-UBE-TEST-EMAIL*C.34X\r\n",
        text(3)
    );
    let from_elsewhere = |to: &str| {
        let mut client = Client::hello_from("127.0.11.2", house.inbound);
        client.send("x@far.example", &[to], gtube.as_bytes()).unwrap().last().to_string()
    };
    let (of_trap, of_kim) = (from_elsewhere(trap), from_elsewhere(KIM));
    // Each has its own code and id.
    let words = |reply: &str| {
        reply.split_once(" the code ").unwrap_or_else(|| panic!("{reply}")).0.to_string()
    };
    assert!(of_trap.starts_with("550 5.7.1 refused: "), "{of_trap}");
    assert_eq!(words(&of_trap), words(&of_kim));
    // Beside real ones it speaks against the mail, and only they get it.
    let heard = house.come("x@far.example", &[KIM, trap], &text(4));
    assert!(house.findings(&heard).contains(&"trap.recipient".to_string()));
    let taken = wait_for("Kim's copy", || house.hop.drain().pop());
    assert!(taken.is_for(KIM) && !taken.is_for(trap));
    house.wait_for_learned(3, 0);
    // Whoever looks at the mail sees what it taught and where its copies went.
    let mut eva = Browser::of_account(&house.gateway, house.admin, "eva", &["--role", "owner"]);
    let id = heard.rsplit_once("(id ").unwrap().1.trim_end_matches(')').to_string();
    let page = eva.get(&format!("/trace/{id}")).body;
    assert!(page.contains("spam: mail to spam traps (learned)"), "{page}");
    assert!(page.contains("trapped"), "{page}");
    assert!(eva.get("/learned").body.contains("mail to spam traps"));
    // The network has said enough for today.
    house.come("x@far.example", &[trap], &text(5));
    assert_eq!(house.hop.count(), 0);
    assert!(house.gateway.quarantine(true).iter().all(|held| held["recipient"] != trap));
    // One of ours is told that nobody reads it.
    let heard = house.send(OF_ACME, KIM, trap, &text(6));
    assert!(heard.starts_with("550 5.1.1 no such recipient here"), "{heard}");
    assert!(house.tally().contains(&"trap spam counts 3".to_string()), "{:?}", house.tally());
    let forgotten = house.run(&["learn", "--forget", "prize2@a2.example"]).unwrap();
    assert!(forgotten.starts_with("2 lessons and remembered mails"), "{forgotten}");
    house.wait_for_learned(2, 0);
    house.gateway.stop();
}

#[test]
fn who_tries_which_addresses_there_are_is_found_out() {
    let house = House::start();
    let ask = |client: &str, unknown: &[&str], number: usize| {
        let mut client = Client::hello_from(client, house.inbound);
        // One transaction each, as many do.
        for name in unknown {
            let heard = client.send("x@far.example", &[&format!("{name}@ours.example")], b"");
            assert_eq!(heard.unwrap().code, 550, "{name}");
        }
        let heard = client.send("x@far.example", &[KIM], text(number).as_bytes()).unwrap();
        let findings = house.findings(heard.last());
        findings.contains(&"trap.guessing".to_string())
    };
    assert!(!ask("127.0.8.2", &["adam", "bertil"], 1), "a list that is a little old");
    assert!(!ask("127.0.9.2", &["kin", "kmi", "kimm", "ki"], 2), "slips of the pen");
    assert!(!ask("127.0.9.3", &["adam", "Adam", "ADAM", "adam"], 3), "one, asked for again");
    assert!(ask("127.0.10.2", &["adam", "bertil", "caesar"], 4));
    house.wait_for_learned(1, 0);
    assert_eq!(house.tally(), ["guessing spam counts 1"]);
    house.gateway.stop();
}

/// From outside it is DMARC that shows who writes; and whom ours have written to is no stranger to a trap.
#[test]
fn who_is_known_by_the_dns_is_known_here() {
    let names = Names::start();
    names.say("ours.example", Said::Txt("v=spf1 ip4:127.0.6.1 -all"));
    names.say("_dmarc.ours.example", Said::Txt("v=DMARC1; p=none"));
    for domain in ["far.example", "partner.example"] {
        names.say(domain, Said::Txt("v=spf1 ip4:127.0.5.1 -all"));
    }
    let house = House::start_with(&format!("[dns]\nservers = [\"127.0.0.1:{}\"]\n", names.port()));
    let come = |client: &str, from: &str, to: &[&str], mail: &str| {
        let mut client = Client::hello_from(client, house.inbound);
        client.send(from, to, mail.as_bytes()).unwrap().last().to_string()
    };
    let letter = |from: &str, number: usize| {
        text(number).replace(&format!("prize{number}@a{number}.example"), from)
    };
    assert!(
        come("127.0.5.1", "x@far.example", &[KIM], &letter("x@far.example", 1)).starts_with("250 ")
    );
    let mail = wait_for("the mail", || house.hop.drain().pop()).text().trim_end().to_string();
    house.report_first(&mail);
    let report = report(KIM, RFC822, &[&mail]);
    let forged = come("127.0.7.1", KIM, &["spam@ours.example"], &report);
    assert!(
        !forged.starts_with("250") || house.fate(&forged).contains("nobody of ours"),
        "{forged}"
    );
    let proved = house.fate(&come("127.0.6.1", KIM, &["spam@ours.example"], &report));
    assert!(proved.starts_with("250 2.0.0 reported as spam: learned 1,"), "{proved}");
    // Somebody at Acme has written to the partner.
    let sent = format!(
        "From: {KIM}\r\nTo: eva@partner.example\r\nSubject: Hi\r\nMessage-ID: <hi@ours.example>\r\n\r\nhi\r\n"
    );
    assert!(house.send(OF_ACME, KIM, "eva@partner.example", &sent).starts_with("250 "));
    let (eva, trap) = ("eva@partner.example", "old.box@ours.example");
    let known = |to: &[&str], number: usize| {
        house.findings(&come("127.0.5.1", eva, to, &letter(eva, number)))
    };
    wait_for("what was written to be remembered", || {
        known(&[KIM], 2).contains(&"history.partner".to_string()).then_some(())
    });
    assert!(!known(&[KIM, trap], 3).contains(&"trap.recipient".to_string()));
    known(&[trap], 4);
    // A stranger of the same network comes last: what was noted before is written by then.
    let heard = come("127.0.5.1", "x@far.example", &[KIM, trap], &letter("x@far.example", 5));
    assert!(house.findings(&heard).contains(&"trap.recipient".to_string()));
    wait_for("the trap", || house.tally().iter().any(|one| one.starts_with("trap ")).then_some(()));
    assert!(house.tally().contains(&"trap spam counts 1".to_string()), "{:?}", house.tally());
    house.gateway.stop();
}
