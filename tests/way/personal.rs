//! Mail with personal data through the running gateway: what its country asks of the way it leaves by, who hears of it, and what somebody decides.

use super::partners::{House, pin};
use crate::common::{
    Client, HopTls,
    certs::{Cert, Time},
    free_port, mail, wait_for,
};

/// Published test numbers of the Swedish tax agency.
const NUMBERS: [&str; 10] = [
    "19900102-9819",
    "18900101-9802",
    "19121212-1212",
    "19000104-9816",
    "19000105-9815",
    "18900102-9801",
    "18900103-9818",
    "18900104-9817",
    "18900105-9816",
    "18900106-9807",
];

/// One person; one with what is said of his health; a list.
fn confidential() -> String {
    format!("\r\nPersonnummer: {}\r\n", NUMBERS[0])
}

fn sensitive() -> String {
    format!("\r\nPersonnummer: {}\r\nDiagnos: depression, sjukskriven till maj\r\n", NUMBERS[0])
}

fn bulk() -> String {
    let rows = NUMBERS.iter().enumerate().map(|(at, number)| format!("Person {at}\t{number}\r\n"));
    format!("\r\nNamn\tPersonnummer\r\n{}", rows.collect::<String>())
}

/// Whom our organisation tells, and in which country it is.
fn organisation(country: &str, policy: &str) -> String {
    format!(
        "[[organisation]]\nname = \"default\"\ncountry = \"{country}\"\nlanguages = [\"sv\"]\n\
         [organisation.contacts]\nprivacy = \"dpo@ours.example\"\n[policy]\n{policy}\n"
    )
}

struct Case {
    house: House,
    partner: String,
}

impl Case {
    fn start() -> Case {
        let cert = Cert::self_made("mx.region.example", Time::Now);
        let partner = format!(
            "[[partner]]\ndomain = \"region.example\"\ntls = \"verified\"\ncertificate = [\"{}\"]\n",
            pin(&cert)
        );
        let house = House::start(HopTls::With(cert), "");
        house.domain("region.example", "mx.region.example");
        house.domain("plain.example", "mx.plain.example");
        house.domain("late.example", "mx.late.example");
        Case { house, partner }
    }

    fn reload(&self, country: &str, policy: &str) {
        let text = organisation(country, policy);
        let (before, outbound) = self.house.config.split_once("[outbound]").unwrap();
        self.house.gateway.rewrite_config(&format!(
            "{before}unproven-hold-after = \"0 s\"\n{}{text}\n[outbound]{outbound}",
            self.partner
        ));
        let out = self.house.gateway.command(&["reload"]);
        assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    }

    /// The last letter that somebody of ours has, if there is one with this in its subject or text.
    #[track_caller]
    fn letter(&self, to: &str, with: &[&str]) -> String {
        wait_for(&format!("a letter to {to} with {with:?}"), || {
            self.house.own.taken().into_iter().rev().find_map(|taken| {
                let text = String::from_utf8_lossy(&taken.bytes).into_owned();
                (taken.rcpt[0].contains(to) && with.iter().all(|part| text.contains(part)))
                    .then_some(text)
            })
        })
    }

    /// The status of a mail for its recipient, once it has one of these.
    #[track_caller]
    fn status(&self, id: &str) -> String {
        wait_for(id, || {
            let row = self.house.gateway.traced(id).pop()?;
            let status = row["status"].as_str()?.to_string();
            ["held", "delivered", "unproven", "refused"]
                .contains(&status.as_str())
                .then_some(status)
        })
    }

    fn release(&self, held: &str) {
        let out = self.house.gateway.command(&["quarantine", "release", held]);
        assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    }

    #[track_caller]
    fn arrives(&self, to: &str) {
        wait_for(to, || {
            let taken = self.house.hop.taken();
            taken.iter().any(|taken| taken.rcpt[0].contains(to)).then_some(())
        });
    }
}

fn held_in(letter: &str) -> &str {
    letter.split("quarantine release ").nth(1).unwrap().split_whitespace().next().unwrap()
}

#[test]
fn each_class_of_mail_takes_the_way_that_the_country_asks_for() {
    let case = Case::start();
    let send = |to: &str, end: &str| case.status(&case.house.send_with(to, end));
    case.reload("SE", "");
    assert_eq!(send("a@plain.example", ""), "delivered");
    assert_eq!(send("b@region.example", &confidential()), "delivered");
    assert_eq!(send("c@plain.example", &confidential()), "held");
    let letter = case.letter("anna@ours.example", &["bevisat säker"]);
    assert!(letter.contains("- personnummer (SE): 1 (19****-***9)"), "{letter}");
    assert!(letter.contains("dpo@ours.example") && !letter.contains("9819"), "{letter}");

    // A proven channel is not enough for what is said of somebody's health.
    assert_eq!(send("d@region.example", &sensitive()), "held");
    let letter = case.letter("anna@ours.example", &["krypterat för mottagaren"]);
    assert!(letter.contains("uppgifter om någons hälsa"), "{letter}");
    let letter = case.letter("dpo@ours.example", &["krypterat för mottagaren"]);
    case.release(held_in(&letter));
    case.arrives("d@region.example");

    // Many: somebody says yes, and then it still takes a proven channel.
    assert_eq!(send("e@region.example", &bulk()), "held");
    let letter = case.letter("dpo@ours.example", &["godkännas först"]);
    assert!(letter.contains("10 (") || letter.contains(": 10"), "{letter}");
    case.release(held_in(&letter));
    case.arrives("e@region.example");
    assert_eq!(send("f@late.example", &bulk()), "held");
    case.release(held_in(&case.letter("dpo@ours.example", &["godkännas först", "late.example"])));
    case.letter("dpo@ours.example", &["bevisat säker", "late.example"]);

    // Denmark asks for forced TLS, also here.
    case.reload("DK", "");
    assert_eq!(send("g@region.example", &sensitive()), "delivered");
    assert_eq!(send("h@plain.example", &sensitive()), "held");

    // On trial it goes, and what would have been is written down.
    case.reload("SE", "personal-data-simulate = true");
    let id = case.house.send_with("i@plain.example", &sensitive());
    assert_eq!(case.status(&id), "delivered");
    let out = case.house.gateway.command(&["trace", "show", &id, "--json"]);
    let shown = String::from_utf8_lossy(&out.stdout).into_owned();
    assert!(shown.contains("personal.sensitive"), "{shown}");

    // A wish for the safe way holds without any personal data.
    case.reload("SE", "");
    let wish = mail("j")
        .replace("Karin Berg <karin@example.org>", "Anna <anna@ours.example>")
        .replace("Subject: ", "Subject: #secure ");
    let mut client = Client::hello(case.house.outbound);
    let heard = client.send("anna@ours.example", &["j@plain.example"], wish.as_bytes()).unwrap();
    assert_eq!(case.status(&heard.id().unwrap()), "held");

    // Nothing leaves at all, and its sender hears why at once.
    case.reload("SE", "personal-data-bulk = \"refused\"");
    let text = mail("k").replace("Karin Berg <karin@example.org>", "Anna <anna@ours.example>");
    let heard = client
        .send("anna@ours.example", &["k@region.example"], (text + &bulk()).as_bytes())
        .unwrap();
    assert!(heard.last().starts_with("550 5.7.1"), "{heard:?}");
    assert!(heard.last().contains("may not leave by mail"), "{heard:?}");
    case.house.gateway.stop();
}

#[test]
fn a_rule_asks_for_more_by_recipient_kind_and_persons_and_lets_others_be() {
    let case = Case::start();
    let send = |to: &str, end: &str| case.status(&case.house.send_with(to, end));
    case.reload(
        "SE",
        "[policy.rules.bank]\nto = \"region.example\"\nfinding = \"personal.*\"\naction = \"spare\"\nreason = \"A line of our own leads there\"\n\
         [policy.rules.many]\nto = \"plain.example\"\npersons = 1\nconfidence = \"medium\"\nfinding = \"personal.se.*\"\naction = \"approved\"\nreason = \"Numbers to them are looked at\"\n",
    );
    assert_eq!(send("a@region.example", &bulk()), "delivered");
    assert_eq!(send("b@plain.example", &confidential()), "held");
    let letter = case.letter("dpo@ours.example", &["godkännas först"]);
    assert!(letter.contains("plain.example"), "{letter}");
    case.house.gateway.stop();
}

#[test]
fn who_gets_personal_data_in_clear_hears_of_it_and_whoever_encrypts_is_left_alone() {
    let case = Case::start();
    let inbound = free_port();
    let (before, outbound) = case.house.config.split_once("[outbound]").unwrap();
    case.house.gateway.stop();
    let text = organisation("SE", "");
    let listener = format!(
        "[[listener]]\nname = \"in\"\nbind = \"127.0.0.1:{inbound}\"\ndirection = \"inbound\"\n"
    );
    let gateway =
        crate::common::Gateway::start(&format!("{before}{text}{listener}\n[outbound]{outbound}"));
    let send = |word: &str, tls: bool| {
        let mut client = Client::hello(inbound);
        if tls {
            assert_eq!(client.ask("STARTTLS").unwrap().code, 220);
            client.handshake().unwrap();
            client.ask("EHLO mail.example.org").unwrap();
        }
        let text = mail(word) + &confidential();
        let to = format!("{word}@ours.example");
        let heard = client.send("karin@example.org", &[&to], text.as_bytes()).unwrap();
        assert_eq!(heard.code, 250, "{heard:?}");
    };
    let letters = |to: &str| {
        let taken = case.house.own.taken();
        let is_letter =
            |text: &str| text.contains("kom okrypterat") || text.contains("inte krypterat");
        taken
            .iter()
            .filter(|taken| taken.rcpt[0].contains(to))
            .map(|taken| String::from_utf8_lossy(&taken.bytes).into_owned())
            .find(|text| is_letter(text))
    };
    send("open", false);
    let letter = wait_for("the letter", || letters("open@ours.example"));
    assert!(
        letter.contains("karin@example.org") && letter.contains("personnummer (SE): 1"),
        "{letter}"
    );
    assert!(!letter.contains("9819"), "{letter}");
    send("closed", true);
    send("after", false);
    wait_for("the letter after it", || letters("after@ours.example"));
    assert_eq!(letters("closed@ours.example"), None);
    gateway.stop();
}
