//! What people are told of their held mail, from the SMTP line to their inbox, and what their answer does.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, clippy::disallowed_methods)] // Failing loudly is what these tests are for.

mod common;

use common::{Client, Gateway, Hop, Manner, NOW, Taken, free_port, wait_for};
use serde_json::Value;

struct House {
    gateway: Gateway,
    hop: Hop,
    inbound: u16,
    outbound: u16,
}

impl House {
    fn start() -> House {
        let (hop, inbound, outbound) = (Hop::start(Manner::default()), free_port(), free_port());
        let next_hop = format!("smtp://127.0.0.1:{}", hop.port());
        let listener = |name: &str, port: u16, direction: &str| {
            format!(
                "[[listener]]\nname = \"{name}\"\nbind = \"127.0.0.1:{port}\"\ndirection = \"{direction}\"\n"
            )
        };
        let config = format!(
            "hostname = \"mx.ours.example\"\n{}{}\
             [[organisation]]\nname = \"acme\"\ntitle = \"Föreningen\"\nlanguages = [\"sv\"]\ncountry = \"SE\"\nnetworks = [\"127.0.0.2/32\"]\n\
             [[organisation]]\nname = \"other\"\nnetworks = [\"127.0.0.3/32\"]\nsend-as = [\"other.example\"]\n\
             [[domain]]\nname = \"ours.example\"\norganisation = \"acme\"\nnext-hop = \"{next_hop}\"\nrecipients = \"any\"\n\
             [outbound]\norganisation = \"other\"\nnetworks = [\"127.0.0.4/32\"]\nsmarthost = \"{next_hop}\"\ntls = \"off\"\n\
             [web]\npublic-url = \"https://post.ours.example\"\n[digest]\nenabled = false\n\
             [policy]\nmark = 0.9\nquarantine = 1.0\nreject = 1000.0\nphish = 1000.0\n\
             [policy.outbound]\nmark = 90.0\nquarantine = 100.0\nreject = 1000.0\nphish = 1000.0\n",
            listener("in", inbound, "inbound"),
            listener("out", outbound, "outbound"),
        );
        House { gateway: Gateway::start(&config), hop, inbound, outbound }
    }

    /// Sends a mail that is held; gives what the sender hears.
    #[track_caller]
    fn hold(&self, to: &str, subject: &str) {
        self.hold_with(to, subject, "");
    }

    /// The same with more in it.
    #[track_caller]
    fn hold_with(&self, to: &str, subject: &str, more: &str) {
        let mail = format!(
            "From: Karin Berg <karin@far.example>\r\nTo: {to}\r\nSubject: {subject}\r\nMessage-ID: <{}@far.example>\r\n\r\nCHEAP WATCHES FOR YOU, BUY THEM NOW!!!! {more}\r\n",
            subject.len()
        );
        let before = self.gateway.quarantine(true).len();
        let heard = Client::hello(self.inbound).send("karin@far.example", &[to], mail.as_bytes());
        assert_eq!(heard.unwrap().code, 250);
        assert_eq!(self.gateway.quarantine(true).len(), before + 1, "it was not held");
    }

    #[track_caller]
    fn run(&self, words: &[&str]) -> String {
        let out = self.gateway.command(words);
        assert!(out.status.success(), "{words:?}: {}", String::from_utf8_lossy(&out.stderr));
        String::from_utf8(out.stdout).unwrap()
    }

    /// The next mail that reaches the server behind.
    #[track_caller]
    fn next(&self, what: &str) -> Taken {
        wait_for(what, || {
            let mut taken = self.hop.drain();
            assert!(taken.len() < 2, "{} mails at once", taken.len());
            taken.pop()
        })
    }

    /// Answers a digest from an address of loopback, and gives what is heard after the dot.
    fn answer(&self, client: &str, from: &str, to: &str, text: &str) -> String {
        let mail = format!(
            "From: Anna <{from}>\r\nTo: {to}\r\nSubject: Sv: mejl\r\nDate: {NOW}\r\n\
             Message-ID: <a{}@ours.example>\r\nIn-Reply-To: <x@ours.example>\r\n\r\n{text}\r\n",
            text.len()
        );
        let mut client = Client::hello_from(client, self.outbound);
        client.send(from, &[to], mail.as_bytes()).unwrap().last().to_string()
    }

    fn fate(&self, reply: &str) -> String {
        let id = reply.rsplit_once("(id ").unwrap().1.trim_end_matches(')').to_string();
        wait_for("the answer to be read", || {
            let trace = self.gateway.command(&["trace", "show", "--json", &id]);
            let trace: Value = serde_json::from_slice(&trace.stdout).ok()?;
            let last = trace[0]["recipients"].as_array()?.last()?.clone();
            (last["status"] != "queued").then(|| last["said"].as_str().unwrap().to_string())
        })
    }
}

/// The value of a field, unfolded.
fn field(mail: &str, name: &str) -> String {
    let line = mail.lines().find_map(|line| line.strip_prefix(name)).unwrap();
    line.trim_start_matches(':').trim().to_string()
}

#[test]
fn a_digest_is_answered_with_a_number_and_the_mail_arrives() {
    let house = House::start();
    house.hold("anna@ours.example", "FIRST!!!");
    house.hold("anna@ours.example", "SECOND OFFER!!!");
    house.hold("bo@ours.example", "FOR BO!!!");
    assert_eq!(house.run(&["digest", "send", "anna@ours.example"]), "digests on their way: 1\n");
    let digest = house.next("the digest");
    assert_eq!((digest.mail.contains("<>"), digest.is_for("anna@ours.example")), (true, true));
    let text = digest.text();
    let header = sluss::mail::Header::read(&digest.bytes).unwrap();
    assert!(header.text("Subject").unwrap().starts_with("2 mejl väntar"), "{text}");
    assert_eq!(header.mailboxes("From")[0].name, "Föreningen");
    assert_eq!(header.mailboxes("From")[0].address, "quarantine@ours.example");
    assert_eq!(field(&text, "Auto-Submitted"), "auto-generated");
    assert!(text.contains("SECOND OFFER") && !text.contains("FOR BO"), "{text}");
    assert_eq!(text.matches("https://post.ours.example/m/").count(), 2 * 2 * 3, "{text}");

    assert_eq!(text.matches("https://post.ours.example/me").count(), 2, "{text}");
    let to = field(&text, "Reply-To");
    let line = text.lines().position(|line| line.contains("FIRST")).unwrap();
    let number = text.lines().nth(line - 1).unwrap().split('.').next().unwrap().to_string();
    // Others, and the right one by a client of another organisation, move nothing.
    for (client, from) in [("127.0.0.2", "bo@ours.example"), ("127.0.0.3", "x@other.example")] {
        let said = house.fate(&house.answer(client, from, &to, &number));
        assert!(said.starts_with("550 5.6.0 Inget har levererats: "), "{said}");
        assert!(!said.contains("anna"), "{said}");
    }
    let forged = "quarantine+abcdefghijklmnopqrstuvwxyz@ours.example";
    let said = house.fate(&house.answer("127.0.0.2", "anna@ours.example", forged, &number));
    assert!(said.contains("too old"), "{said}");
    let failures = house.hop.drain();
    assert!(
        failures.iter().all(|mail| !mail.text().contains("X-Sluss-Released")),
        "nothing was let go"
    );

    // The telephone number below a letter asks for nothing, though the digest has such numbers.
    let signature = "Hej, ring mig!\r\n\r\nMvh Bob\r\n08 1 2 12";
    let said = house.fate(&house.answer("127.0.0.2", "anna@ours.example", &to, signature));
    assert!(said.contains("delivered 0,") && said.contains("review 0"), "{said}");
    let quoted = format!("Hej!\r\n{number}\r\n\r\nAnna\r\n\r\n> 1.  Karin\r\n> 2.  Karin");
    let said = house.fate(&house.answer("127.0.0.2", "anna@ours.example", &to, &quoted));
    assert!(said.contains("delivered 1,"), "{said}");
    let mut came: Vec<String> = Vec::new();
    wait_for("the mail and a letter about it", || {
        came.extend(house.hop.drain().iter().map(Taken::text));
        (came.iter().any(|mail| mail.contains("X-Sluss-Released"))
            && came.iter().any(|mail| mail.contains("Levererat: ")))
        .then_some(())
    });
    let released = came.iter().find(|mail| mail.contains("X-Sluss-Released")).unwrap();
    assert!(released.contains("Subject: FIRST!!!"), "{released}");
    // Saying it twice delivers once.
    let said = house.fate(&house.answer("127.0.0.2", "anna@ours.example", &to, &number));
    assert!(said.contains("delivered 0, delivered before 1"), "{said}");
    assert_eq!(house.gateway.quarantine(false).len(), 2);
}

/// One finding that speaks of a lure hides no mail from its recipient: he sees that it came, and asks for review.
#[test]
fn what_is_dangerous_has_its_row_and_can_be_sent_for_review() {
    let house = House::start();
    house.hold_with("anna@ours.example", "LURE!!!", "http://198.51.100.77/login");
    assert_eq!(house.run(&["digest", "send", "anna@ours.example"]), "digests on their way: 1\n");
    let lure = house.next("the digest").text();
    assert!(lure.contains("Be om granskning: https://post.ours.example/m/"), "{lure}");
    assert!(!lure.contains("Leverera: "), "{lure}");
    house.hold("anna@ours.example", "ORDINARY OFFER!!!");
    house.run(&["digest", "send", "anna@ours.example"]);
    let digest = house.next("the next digest").text();
    let place = |what: &str| digest.find(what).unwrap_or_else(|| panic!("{what}: {digest}"));
    assert!(place("Leverera: ") < place("Be om granskning: "), "it stands last: {digest}");
    let to = field(&digest, "Reply-To");
    let said = house.fate(&house.answer("127.0.0.2", "anna@ours.example", &to, "2"));
    assert!(said.contains("delivered 0,") && said.contains("for review 1"), "{said}");
}

/// A server that several organisations share is bound to whom the sender of a mail belongs to, for answers as for all mail.
#[test]
fn an_answer_through_a_shared_server_counts_for_its_sender() {
    let house = House::start();
    house.hold("anna@ours.example", "FIRST!!!");
    house.run(&["digest", "send", "anna@ours.example"]);
    let to = field(&house.next("the digest").text(), "Reply-To");
    for stranger in ["x@other.example", "bo@ours.example"] {
        let said = house.fate(&house.answer("127.0.0.4", stranger, &to, "1"));
        assert!(said.starts_with("550 5.6.0 Inget har levererats: "), "{said}");
        assert!(!said.contains("anna"), "{said}");
    }
    // Anna's address, from a server that is bound to somebody else.
    let heard = house.answer("127.0.0.3", "anna@ours.example", &to, "1");
    assert!(
        !heard.starts_with("250") || house.fate(&heard).contains("Svara från den adressen"),
        "{heard}"
    );
    let said = house.fate(&house.answer("127.0.0.4", "anna@ours.example", &to, "1"));
    assert!(said.contains("delivered 1,"), "{said}");
}

#[test]
fn a_shared_mailbox_is_told_to_those_who_look_after_it() {
    let house = House::start();
    house.hold("info@ours.example", "OFFER!!!");
    house.run(&[
        "mailbox",
        "set",
        "info@ours.example",
        "--owner",
        "anna@ours.example",
        "--owner",
        "bo@ours.example",
        "--language",
        "fi",
    ]);
    let preview = house.run(&["digest", "preview", "info@ours.example"]);
    assert!(preview.contains("1 viesti odottaa") && preview.contains("/m/PREVIEW"), "{preview}");
    // Whoever looks after it reads it in the language that he has chosen for himself.
    house.run(&[
        "mailbox",
        "set",
        "anna@ours.example",
        "--language",
        "en",
        "--zone",
        "Europe/Helsinki",
    ]);
    let preview = house.run(&["digest", "preview", "info@ours.example"]);
    assert!(preview.contains("1 mail is waiting"), "{preview}");
    assert_eq!(house.run(&["digest", "send", "info@ours.example"]), "digests on their way: 2\n");
    let mut told: Vec<Taken> = Vec::new();
    wait_for("both digests", || {
        told.extend(house.hop.drain());
        (told.len() == 2).then_some(())
    });
    for (owner, language) in [("anna@ours.example", "en"), ("bo@ours.example", "fi")] {
        let copy = told.iter().find(|mail| mail.is_for(owner)).unwrap().text();
        assert_eq!(field(&copy, "Content-Language"), language, "{copy}");
    }
    assert!(told.iter().all(|mail| !mail.is_for("info@ours.example")));
    let shown: Value =
        serde_json::from_str(&house.run(&["mailbox", "show", "info@ours.example"])).unwrap();
    assert_eq!(
        (shown["language"].as_str(), shown["zone"].as_str()),
        (Some("fi"), Some("Europe/Stockholm"))
    );
    assert!(house.run(&["mailbox", "list"]).contains("info@ours.example"));
    let stranger =
        house.gateway.command(&["mailbox", "set", "info@ours.example", "--owner", "x@far.example"]);
    assert!(!stranger.status.success());
    house.run(&["mailbox", "erase", "info@ours.example"]);
    let shown: Value =
        serde_json::from_str(&house.run(&["mailbox", "show", "info@ours.example"])).unwrap();
    assert_eq!(
        (shown["owners"].as_array().map(Vec::len), shown["language"].as_str()),
        (Some(0), Some("sv"))
    );
}
