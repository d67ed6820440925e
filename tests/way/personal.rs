//! Mail with personal data through the running gateway: what its country asks of the way it leaves by, who hears of it, and what somebody decides.

use super::partners::{House, pin};
use crate::common::{
    Client, HopTls, Taken,
    certs::{Cert, Time},
    free_port, mail, wait_for,
    web::{Browser, between},
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
    /// What else stands in the configuration.
    web: String,
}

impl Case {
    fn start() -> Case {
        Case::start_with(String::new())
    }

    fn start_with(web: String) -> Case {
        let cert = Cert::self_made("mx.region.example", Time::Now);
        let partner = format!(
            "[[partner]]\ndomain = \"region.example\"\ntls = \"verified\"\ncertificate = [\"{}\"]\n",
            pin(&cert)
        );
        let house = House::start(HopTls::With(cert), &web);
        house.domain("region.example", "mx.region.example");
        house.domain("plain.example", "mx.plain.example");
        house.domain("late.example", "mx.late.example");
        Case { house, partner, web }
    }

    fn reload(&self, country: &str, policy: &str) {
        self.reload_as(&organisation(country, policy));
    }

    fn reload_as(&self, text: &str) {
        let (before, outbound) = self.house.config.split_once("[outbound]").unwrap();
        self.house.gateway.rewrite_config(&format!(
            "{before}unproven-hold-after = \"0 s\"\n{}{text}\n{}[outbound]{outbound}",
            self.partner, self.web
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

/// A mail with a file in which ten people stand, and a page.
fn with_a_list() -> String {
    let rows: String = NUMBERS.iter().map(|number| format!("Anna Persson;{number}\r\n")).collect();
    format!(
        "From: Anna <anna@ours.example>\r\nTo: bo@plain.example\r\nSubject: =?utf-8?q?Medlemmar_f=C3=B6r_v=C3=A5ren?=\r\n\
         Date: {}\r\nMessage-ID: <list@ours.example>\r\nMIME-Version: 1.0\r\n\
         Content-Type: multipart/mixed; boundary=b\r\n\r\n\
         --b\r\nContent-Type: text/html; charset=utf-8\r\n\r\n<p>Hej Bo, här är <b>listan</b>.</p><script>alert(1)</script>\r\n\
         --b\r\nContent-Type: text/csv; name=medlemmar.csv\r\nContent-Disposition: attachment; filename=medlemmar.csv\r\n\r\n\
         Namn;Personnummer\r\n{rows}\
         --b\r\nContent-Type: text/plain; name=anteckning.txt\r\nContent-Disposition: attachment; filename=anteckning.txt\r\n\r\nMöte på fredag\r\n--b--\r\n",
        crate::common::NOW
    )
}

struct Portal {
    case: Case,
    public: u16,
    admin: u16,
}

impl Portal {
    fn start() -> Portal {
        let (public, admin) = (free_port(), free_port());
        let web = format!(
            "[web]\nadmin = \"127.0.0.1:{admin}\"\npublic = \"127.0.0.1:{public}\"\npublic-url = \"http://127.0.0.1:{public}\"\nproxies = [\"127.0.0.1/32\"]\n\
                 [digest]\nenabled = false\n[portal]\nenabled = true\nupload = true\n"
        );
        let case = Case::start_with(web);
        Portal { case, public, admin }
    }

    /// The letter to a recipient in the world, and the path of its link.
    #[track_caller]
    fn link(&self, to: &str) -> (Taken, String) {
        let letter = wait_for(&format!("the invitation to {to}"), || {
            let taken = self.case.house.hop.taken();
            taken.into_iter().rev().find(|taken| taken.is_for(to) && text_of(taken).contains("/p/"))
        });
        let text = text_of(&letter);
        let path = between(&text, &format!("    http://127.0.0.1:{}", self.public), "\r\n");
        (letter, path.unwrap().to_string())
    }

    /// The code in the letter to the sender about this recipient.
    #[track_caller]
    fn code(&self, about: &str) -> String {
        let letter = self.case.letter("anna@ours.example", &[about, "aldrig med e-post"]);
        let line = letter.lines().find(|line| {
            let digits = line.trim().replace(' ', "");
            digits.len() == 8 && digits.bytes().all(|one| one.is_ascii_digit())
        });
        line.unwrap_or_else(|| panic!("{letter}")).trim().to_string()
    }

    fn browser(&self) -> Browser {
        Browser::new(self.public)
    }

    fn send(&self, to: &str, mail: &str) -> String {
        let mut client = Client::hello(self.case.house.outbound);
        let heard = client.send("anna@ours.example", &[to], mail.as_bytes()).unwrap();
        assert_eq!(heard.code, 250, "{heard:?}");
        heard.id().unwrap()
    }
}

fn text_of(taken: &Taken) -> String {
    String::from_utf8_lossy(&taken.bytes).into_owned()
}

#[test]
fn what_no_channel_is_good_enough_for_waits_in_the_portal_for_link_and_code() {
    let portal = Portal::start();
    let case = &portal.case;
    case.reload("SE", "personal-data-bulk = \"protected\"");
    // A proven channel is found for one, none for the other: that one's mail goes by the portal at once.
    assert_eq!(
        case.status(&case.house.send_with("a@region.example", &confidential())),
        "delivered"
    );
    case.arrives("a@region.example");
    let id = portal.send("bo@plain.example", &with_a_list());
    assert_eq!(case.status(&id), "delivered");
    let row = case.house.gateway.traced(&id).pop().unwrap();
    assert_eq!(row["next_hop"], "portal", "{row}");
    let (letter, path) = portal.link("bo@plain.example");
    let text = text_of(&letter);
    assert!(text.contains("<anna@ours.example>") && text.contains("Message-ID"), "{text}");
    for secret in ["Medlemmar", "listan", "9819", "medlemmar.csv"] {
        assert!(!text.contains(secret), "{text}");
    }
    assert!(letter.mail.contains("anna@ours.example"), "{}", letter.mail);
    let code = portal.code("bo@plain.example");
    assert!(!text.contains(&code), "the code goes another way");

    // Whoever only follows the link spends nothing and sees nothing.
    let mut scanner = portal.browser();
    for _ in 0..3 {
        let page = scanner.get(&path);
        assert_eq!(page.code, 200);
        assert!(
            page.body.contains("name=\"code\"") && !page.body.contains("Medlemmar"),
            "{}",
            page.body
        );
    }
    for path in
        [format!("{path}/page"), "/p/AAAAAAAAAAAAAAAAAAAAAA".to_string(), "/p/x".to_string()]
    {
        assert!([403, 404].contains(&scanner.get(&path).code), "{path}");
    }
    let mut browser = portal.browser();
    browser.get(&path);
    let wrong = browser.post(&path, &[("code", "0000 0001")]);
    assert_eq!(wrong.code, 403, "{}", wrong.body);
    let old = browser.post(&path, &[("csrf", "x"), ("code", &code)]);
    assert_eq!(old.code, 403);
    let right = browser.post(&path, &[("code", &code)]);
    assert_eq!(right.code, 303, "{}", right.body);
    let page = browser.get(&path);
    assert!(
        page.body.contains("Medlemmar för våren") && page.body.contains("här är"),
        "{}",
        page.body
    );
    assert!(page.body.contains("medlemmar.csv") && page.body.contains("anteckning.txt"));
    let frame = browser.get(&format!("{path}/page"));
    assert!(
        frame.body.contains("<b>listan</b>") && !frame.body.contains("alert"),
        "{}",
        frame.body
    );
    let number = between(&page.body, "name=\"number\" value=\"", "\"").unwrap().to_string();
    let file = browser.post(&format!("{path}/file"), &[("number", &number)]);
    assert!(
        file.body.contains("Namn;Personnummer") && file.body.contains(NUMBERS[0]),
        "{}",
        file.body
    );
    let all = browser.post(&format!("{path}/file"), &[]);
    assert_eq!(all.code, 200);
    assert!(all.field("content-disposition").contains(".zip"));
    // What is answered there reaches the sender by her own server, with what we say of its way.
    let answer = multipart(&[
        ("csrf", None, browser.csrf.as_bytes()),
        ("text", None, "Tack, den kom fram.".as_bytes()),
        ("file", Some("vår lista.txt"), b"Fredag: Anna"),
        ("file", Some(""), b""),
    ]);
    let said = browser.send_files(&format!("{path}/reply"), &answer);
    assert_eq!(said.code, 200, "{}", said.body);
    let letter = case.letter("anna@ours.example", &["Tack, den kom fram."]);
    for part in [
        "Reply-To: <bo@plain.example>",
        "X-Sluss-Verdict: deliver; score=0.0",
        "Re:_",
        "with HTTP id",
    ] {
        assert!(letter.contains(part), "{part}: {letter}");
    }
    browser.get(&path);
    // Its sender hears of it, once.
    case.letter("anna@ours.example", &["bo@plain.example", "öppnades i portalen"]);
    // In another browser it is as closed as before.
    assert!(scanner.get(&path).body.contains("name=\"code\""));
    let left = browser.post(&format!("{path}/leave"), &[]);
    assert_eq!(left.code, 200);
    assert!(browser.get(&path).body.contains("name=\"code\""));

    // Each access stands in the audit log, and no value does.
    let out = case.house.gateway.command(&["audit", "list", "--json"]);
    let log = String::from_utf8_lossy(&out.stdout).into_owned();
    for word in ["portal-put", "content-opened", "log-in-failed"] {
        assert!(log.contains(word), "{word}: {log}");
    }
    assert!(!log.contains(&code) && !log.contains("9819"), "{log}");

    // Who guesses closes it: the content is gone, and its sender is told.
    scanner.get(&path);
    for _ in 0..5 {
        scanner.post(&path, &[("code", "1")]);
    }
    let locked = scanner.post(&path, &[("code", &code)]);
    assert_eq!(locked.code, 429, "{}", locked.body);
    portal.case.house.gateway.stop();
}

#[test]
fn the_wish_for_the_safe_way_and_what_was_approved_go_by_the_portal() {
    let portal = Portal::start();
    let case = &portal.case;
    case.reload("SE", "");
    let wish = mail("w")
        .replace("Karin Berg <karin@example.org>", "Anna <anna@ours.example>")
        .replace("Subject: ", "Subject: #säkert ");
    let both = ["wish@region.example", "two@region.example"];
    let mut client = Client::hello(case.house.outbound);
    let heard = client.send("anna@ours.example", &both, wish.as_bytes()).unwrap();
    assert_eq!(heard.code, 250, "{heard:?}");
    // Each has a link of his own; their sender has one letter, with one code.
    assert_ne!(portal.link(both[0]).1, portal.link(both[1]).1);
    case.letter("anna@ours.example", &["wish@region.example, two@region.example"]);
    portal.send("many@region.example", &with_a_list());
    let letter = case.letter("dpo@ours.example", &["godkännas först", "region.example"]);
    case.release(held_in(&letter));
    let (_, path) = portal.link("many@region.example");
    let code = portal.code("many@region.example");
    let told = case.letter("anna@ours.example", &["many@region.example", "aldrig med e-post"]);
    assert!(told.contains("- personnummer (SE)") && told.contains("medlemmar.csv"), "{told}");
    let mut browser = portal.browser();
    browser.get(&path);
    assert_eq!(browser.post(&path, &[("code", &code)]).code, 303);
    assert!(browser.get(&path).body.contains("medlemmar.csv"));
    // A server that offers no TLS at all leads there as well, where the class asks for a proven channel.
    case.house.hop.change(|manner| manner.tls = HopTls::Off);
    case.house.send_with("clear@plain.example", &confidential());
    portal.link("clear@plain.example");
    // Whoever looks after the quarantine sees that it waits, and can take it back.
    let out = case.house.gateway.command(&["quarantine", "list", "--state", "portal", "--json"]);
    let listed = String::from_utf8_lossy(&out.stdout).into_owned();
    assert!(
        listed.contains("many@region.example"),
        "{listed}{}",
        String::from_utf8_lossy(&out.stderr)
    );
    portal.case.house.gateway.stop();
}

/// A form with files, as a browser writes it.
pub(super) fn multipart(parts: &[(&str, Option<&str>, &[u8])]) -> Vec<u8> {
    let mut body = Vec::new();
    for (name, file, bytes) in parts {
        let file = file.map_or(String::new(), |file| format!("; filename=\"{file}\""));
        body.extend(
            format!("--form\r\nContent-Disposition: form-data; name=\"{name}\"{file}\r\n\r\n")
                .into_bytes(),
        );
        body.extend(*bytes);
        body.extend(b"\r\n");
    }
    body.extend(b"--form--\r\n");
    body
}

#[test]
fn files_that_somebody_sends_to_us_are_scanned_before_anybody_gets_them() {
    let portal = Portal::start();
    portal.case.reload("SE", "");
    let mut browser = portal.browser();
    let page = browser.get("/send/eva@ours.example");
    assert_eq!(page.code, 200, "{}", page.body);
    assert!(page.body.contains("enctype=\"multipart/form-data\""), "{}", page.body);
    for nobodys in ["/send/eva@far.example", "/send/x", "/send/default"] {
        assert_eq!(portal.browser().get(nobodys).code, 404, "{nobodys}");
    }
    let form = |csrf: &str, address: &str, text: &str, file: &[u8]| {
        multipart(&[
            ("csrf", None, csrf.as_bytes()),
            ("name", None, "Bo Ek".as_bytes()),
            ("address", None, address.as_bytes()),
            ("text", None, text.as_bytes()),
            ("file", Some("underlag.txt"), file),
        ])
    };
    let csrf = browser.csrf.clone();
    let mut send = |csrf: &str, address: &str, text: &str, file: &[u8]| {
        browser.send_files("/send/eva@ours.example", &form(csrf, address, text, file))
    };
    assert_eq!(send("x", "bo@far.example", "hej", b"1").code, 403);
    assert_eq!(send(&csrf, "nobody", "hej", b"1").code, 400);
    let said = send(&csrf, "bo@far.example", "Hej Eva, här är underlaget.", b"Rad ett");
    assert_eq!(said.code, 200, "{}", said.body);
    let letter =
        portal.case.letter("eva@ours.example", &["underlag.txt", "X-Sluss-Verdict: deliver"]);
    assert!(letter.contains("bo@far.example") && letter.contains("Bo Ek"), "{letter}");
    // Malware is held, and whoever sent it hears nothing else than others do.
    let said = send(&csrf, "bo@far.example", "Och en till.", crate::common::eicar().as_bytes());
    assert_eq!(said.code, 200, "{}", said.body);
    let held = wait_for("the held upload", || portal.case.house.gateway.quarantine(false).pop());
    assert!(held["recipient"].as_str().unwrap().contains("eva@ours.example"), "{held}");
    assert!(held["categories"].to_string().contains("virus"), "{held}");
    let taken = portal.case.house.own.taken();
    let got = taken.iter().filter(|taken| taken.is_for("eva@ours.example")).count();
    assert_eq!(got, 1, "nobody got it");
    // More than a mail may have is refused before it comes, and nobody sends without end.
    let head = "Content-Type: multipart/form-data; boundary=form\r\nContent-Length: 9000000000\r\nSec-Fetch-Site: same-origin\r\n";
    assert_eq!(portal.browser().ask("POST", "/send/eva@ours.example", head, "").code, 413);
    let last = (0..25).map(|_| send(&csrf, "bo@far.example", "igen", b"1").code).last();
    assert_eq!(last, Some(429));
    portal.case.house.gateway.stop();
}

#[test]
fn what_nobody_fetches_ends_and_its_sender_is_told_before_and_after() {
    let portal = Portal::start();
    let case = &portal.case;
    case.reload("SE", "personal-data-bulk = \"protected\"");
    portal.send("bo@plain.example", &with_a_list());
    let (_, path) = portal.link("bo@plain.example");
    let code = portal.code("bo@plain.example");
    // Nothing that rests on the disk opens it, nor says what is in it.
    let token = path.rsplit_once('/').unwrap().1;
    let bare = code.replace(' ', "");
    for (file, bytes) in case.house.gateway.data_files() {
        for secret in [token, &code, &bare, NUMBERS[0], "medlemmar f"] {
            let holds = memchr::memmem::find(&bytes, secret.as_bytes()).is_some();
            assert!(!holds, "{file} has a secret");
        }
    }
    let file = case.house.gateway.config_file().with_file_name("data").join("portal/portal.db");
    let later = |days: i64| {
        let parcels = rusqlite::Connection::open(&file).unwrap();
        parcels.busy_timeout(std::time::Duration::from_secs(10)).unwrap();
        let changed = parcels.execute(
            "UPDATE parcel SET expires = expires - ?1, made = made - ?1",
            [days * 86_400_000],
        );
        assert_eq!(changed.unwrap(), 1);
    };
    later(28);
    case.letter("anna@ours.example", &["bo@plain.example", "ingen har öppnat det"]);
    let mut browser = portal.browser();
    browser.get(&path);
    assert_eq!(browser.post(&path, &[("code", &code)]).code, 303);
    assert_eq!(browser.get(&path).code, 200);
    // It ends while somebody has it open.
    later(3);
    assert_eq!(browser.get(&path).code, 404);
    assert_eq!(browser.post(&format!("{path}/file"), &[]).code, 404);
    wait_for("the end of the parcel", || {
        let out = case.house.gateway.command(&["audit", "list", "--json"]);
        String::from_utf8_lossy(&out.stdout).contains("portal-ended").then_some(())
    });
    let out = case.house.gateway.command(&["quarantine", "list", "--state", "portal", "--json"]);
    assert!(!String::from_utf8_lossy(&out.stdout).contains("bo@plain.example"));

    // What nobody opened at all is told when it ends.
    portal.send("eva@plain.example", &with_a_list().replace("<list@", "<list2@"));
    portal.link("eva@plain.example");
    let parcels = rusqlite::Connection::open(&file).unwrap();
    parcels.busy_timeout(std::time::Duration::from_secs(10)).unwrap();
    parcels.execute("UPDATE parcel SET warned = 1, expires = 1 WHERE over IS NULL", []).unwrap();
    case.letter("anna@ours.example", &["eva@plain.example", "Det är nu raderat"]);
    portal.case.house.gateway.stop();
}

impl Portal {
    /// Somebody of ours on his own page, let in by the code in his mailbox.
    #[track_caller]
    fn at_home(&self, mailbox: &str) -> Browser {
        let mut browser = self.browser();
        browser.get("/me");
        assert_eq!(browser.post("/me/code", &[("address", mailbox)]).code, 200);
        let code = wait_for("the code of the own page", || {
            let taken = self.case.house.own.taken().into_iter().rev();
            let mut texts = taken.filter(|taken| taken.is_for(mailbox)).map(|one| text_of(&one));
            texts.find_map(|text| Some(between(&text, "Din kod är ", ".")?.to_string()))
        });
        let opened = browser.post("/me/open", &[("address", mailbox), ("code", &code)]);
        assert_eq!(opened.code, 303, "{}", opened.body);
        browser
    }
}

#[test]
fn whoever_sent_a_list_says_yes_on_his_own_page_and_nobody_elses() {
    let portal = Portal::start();
    let case = &portal.case;
    case.reload("SE", "personal-data-own-yes = true\n");
    let id = portal.send("bo@plain.example", &with_a_list());
    assert_eq!(case.status(&id), "held");
    let letter = case.letter("anna@ours.example", &["/me/safe", "säg ja eller nej"]);
    assert!(!letter.contains(NUMBERS[0]), "{letter}");
    // Whoever answers for such data hears of it all the same.
    let asked = case.letter("dpo@ours.example", &["sluss quarantine release"]);
    let held = held_in(&asked).to_string();
    let mut eva = portal.at_home("eva@ours.example");
    assert!(!eva.get("/me/safe").body.contains("Medlemmar"), "it is Anna's");
    assert_eq!(eva.post("/me/safe", &[("do", &format!("yes:{held}"))]).code, 404);
    let mut anna = portal.at_home("anna@ours.example");
    let page = anna.get("/me/safe");
    assert!(
        page.body.contains("Medlemmar") && page.body.contains("medlemmar.csv"),
        "{}",
        page.body
    );
    assert!(!page.body.contains(NUMBERS[0]));
    assert_eq!(anna.post("/me/safe", &[("do", &format!("yes:{held}"))]).code, 303);
    portal.link("bo@plain.example");
    portal.code("bo@plain.example");
    // It stands among what she sent, and can be taken back.
    let page = anna.get("/me/safe");
    let parcel = between(&page.body, "value=\"back:", "\"").unwrap().to_string();
    assert_eq!(eva.post("/me/safe", &[("do", &format!("back:{parcel}"))]).code, 404);
    anna.get("/me/safe");
    assert_eq!(anna.post("/me/safe", &[("do", &format!("back:{parcel}"))]).code, 303);
    let (_, path) = portal.link("bo@plain.example");
    assert_eq!(portal.browser().get(&path).code, 404);
    // Without that word in the policy there is nothing to say yes to.
    case.reload("SE", "");
    let id = portal.send("bo@plain.example", &with_a_list().replace("<list@", "<list3@"));
    assert_eq!(case.status(&id), "held");
    assert!(!anna.get("/me/safe").body.contains("value=\"yes:"));
    portal.case.house.gateway.stop();
}

#[test]
fn somebody_invited_sends_files_once_and_an_agreed_password_opens_without_a_code() {
    let portal = Portal::start();
    let case = &portal.case;
    case.reload("SE", "personal-data-bulk = \"protected\"");
    let mut anna = portal.at_home("anna@ours.example");
    anna.get("/me/safe");
    for (guest, says) in [("nobody", "hel e-postadress"), ("eva@ours.example", "eget hus")] {
        anna.post("/me/safe", &[("do", "invite"), ("guest", guest)]);
        let page = anna.get("/me/safe?done=1");
        assert!(
            page.body.contains(says)
                || page.body.contains("e-mail address")
                || page.body.contains("own house"),
            "{says}: {}",
            page.body
        );
    }
    assert_eq!(anna.post("/me/safe", &[("do", "invite"), ("guest", "bo@plain.example")]).code, 303);
    let letter = wait_for("the invitation", || {
        let taken = case.house.hop.taken().into_iter().rev();
        taken
            .map(|one| (one.is_for("bo@plain.example"), text_of(&one)))
            .find(|one| one.1.contains("/i/"))
    });
    assert!(letter.0 && letter.1.contains("<anna@ours.example>"), "{}", letter.1);
    let before = format!("    http://127.0.0.1:{}", portal.public);
    let path = between(&letter.1, &before, "\r\n").unwrap().to_string();
    let mut guest = portal.browser();
    let page = guest.get(&path);
    assert!(page.code == 200 && page.body.contains("bo@plain.example"), "{}", page.body);
    assert!(!page.body.contains("name=\"address\""), "who he is, is known");
    let csrf = guest.csrf.clone();
    let form = |csrf: &str| {
        multipart(&[
            ("csrf", None, csrf.as_bytes()),
            ("text", None, b"Som du bad om."),
            ("file", Some("underlag.txt"), b"Rad ett"),
        ])
    };
    // What fails spends nothing.
    assert_eq!(guest.send_files(&path, &form("x")).code, 403);
    assert_eq!(guest.send_files(&path, &form(&csrf)).code, 200);
    let got = case.letter("anna@ours.example", &["underlag.txt", "Som du bad om."]);
    assert!(got.contains("bo@plain.example") && !got.contains("kontrollerat"), "{got}");
    assert_eq!(guest.get(&path).code, 404, "it works once");
    assert_eq!(guest.send_files(&path, &form(&csrf)).code, 404);

    // One that is taken back leads nowhere.
    anna.get("/me/safe");
    anna.post("/me/safe", &[("do", "invite"), ("guest", "kim@plain.example")]);
    let page = anna.get("/me/safe");
    let id = between(&page.body, "value=\"uninvite:", "\"").unwrap().to_string();
    assert_eq!(anna.post("/me/safe", &[("do", &format!("uninvite:{id}"))]).code, 303);

    // A password that the two agreed on opens what she sends; no code is written.
    let secret = "två hundar & en båt";
    anna.get("/me/safe");
    anna.post(
        "/me/safe",
        &[("do", "agree"), ("recipient", "bo@plain.example"), ("password", "kort")],
    );
    assert!(!anna.get("/me/safe").body.contains("value=\"forget:"));
    let fields = [("do", "agree"), ("recipient", "Bo@plain.example"), ("password", secret)];
    assert_eq!(anna.post("/me/safe", &fields).code, 303);
    portal.send("bo@plain.example", &with_a_list());
    let told = case.letter("anna@ours.example", &["bo@plain.example", "som ni har kommit"]);
    assert!(!told.contains("telefon eller SMS"), "{told}");
    let (letter, path) = portal.link("bo@plain.example");
    assert!(text_of(&letter).contains("agreed on with anna@ours.example"), "{}", text_of(&letter));
    let mut bo = portal.browser();
    assert!(bo.get(&path).body.contains("type=\"password\""));
    assert_eq!(bo.post(&path, &[("code", "två hundar")]).code, 403);
    assert_eq!(bo.post(&path, &[("code", secret)]).code, 303);
    assert_eq!(bo.get(&path).code, 200);
    for (file, bytes) in case.house.gateway.data_files() {
        let holds = memchr::memmem::find(&bytes, secret.as_bytes()).is_some();
        assert!(!holds, "{file} has the password");
    }
    portal.case.house.gateway.stop();
}

#[test]
fn what_is_said_to_be_no_personal_data_goes_as_it_is_and_is_quiet_from_then_on() {
    let portal = Portal::start();
    let case = &portal.case;
    case.reload("SE", "personal-data-confidential = \"protected\"\n");
    // A number that is somebody's waits in the portal, until its sender says that it is nobody's.
    let number = format!("Ordernummer i vårt system.\r\nPersonnummer: {}\r\n", NUMBERS[1]);
    let id = case.house.send_with("bo@plain.example", &number);
    assert_eq!(case.status(&id), "delivered");
    let (_, path) = portal.link("bo@plain.example");
    let mut eva = portal.at_home("eva@ours.example");
    let mut anna = portal.at_home("anna@ours.example");
    let page = anna.get("/me/safe");
    let parcel = between(&page.body, "value=\"plain:", "\"").unwrap().to_string();
    let act = ("do", format!("plain:{parcel}"));
    let why = [(act.0, act.1.as_str()), ("reason", "An article of our catalogue, no person")];
    eva.get("/me/safe");
    assert_eq!(eva.post("/me/safe", &why).code, 404, "it is Anna's");
    anna.post("/me/safe", &[(act.0, act.1.as_str()), ("reason", "ok")]);
    assert_eq!(portal.browser().get(&path).code, 200, "a reason is more than that");
    anna.get("/me/safe");
    assert_eq!(anna.post("/me/safe", &why).code, 303);
    assert_eq!(portal.browser().get(&path).code, 404);
    wait_for("the mail as it is", || {
        let taken = case.house.hop.taken();
        taken.iter().any(|one| text_of(one).contains("Ordernummer")).then_some(())
    });
    let told = case.letter("dpo@ours.example", &["An article of our catalogue"]);
    assert!(told.contains("anna@ours.example") && !told.contains(NUMBERS[1]), "{told}");
    let audit = case.house.gateway.command(&["audit", "list", "--json"]);
    assert!(String::from_utf8_lossy(&audit.stdout).contains("no-personal-data"));
    // The same is not found again, and another still is.
    let again = case.house.send_with("eva@plain.example", &number);
    let row = wait_for("its delivery", || {
        case.house.gateway.traced(&again).pop().filter(|row| row["status"] == "delivered")
    });
    assert_ne!(row["next_hop"], "portal", "{row}");
    let other = format!("Personnummer: {}\r\n", NUMBERS[2]);
    let other = case.house.send_with("kim@plain.example", &other);
    assert_eq!(case.status(&other), "delivered");
    assert_eq!(case.house.gateway.traced(&other).pop().unwrap()["next_hop"], "portal");
    // Whoever looks after the portal has it found again.
    let mut karin =
        Browser::of_account(&case.house.gateway, portal.admin, "karin", &["--role", "admin"]);
    assert!(karin.get("/parcels").body.contains("default: 1 value"));
    karin.post("/parcels/waived", &[("organisation", "default")]);
    let page = karin.get("/parcels");
    assert!(page.body.contains("1 value is found again"), "{}", page.body);
    let once_more = case.house.send_with("bo@plain.example", &number);
    assert_eq!(case.status(&once_more), "delivered");
    assert_eq!(case.house.gateway.traced(&once_more).pop().unwrap()["next_hop"], "portal");
    // Of lists nobody says so alone, and where the policy says no nobody does.
    case.reload(
        "SE",
        "personal-data-override = false\npersonal-data-confidential = \"protected\"\n",
    );
    assert!(!anna.get("/me/safe").body.contains("value=\"plain:"));
    portal.case.house.gateway.stop();
}

#[test]
fn whoever_asks_what_there_is_about_him_is_found_by_his_number_and_it_is_kept_nowhere() {
    let portal = Portal::start();
    let case = &portal.case;
    let gateway = &case.house.gateway;
    let list = |words: &[&str], number: &str| {
        gateway.command_told(&[&["trace", "list", "--json"], words].concat(), number)
    };
    let subjects = |out: &std::process::Output| {
        assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
        let text = String::from_utf8_lossy(&out.stdout).into_owned();
        let lines = text.lines().map(|line| serde_json::from_str(line).unwrap());
        let mut all: Vec<String> =
            lines.map(|line: serde_json::Value| line["to"].as_str().unwrap().to_string()).collect();
        all.sort();
        all
    };
    let number = NUMBERS[0];
    let out = list(&["--person"], number);
    assert!(String::from_utf8_lossy(&out.stderr).contains("personal-data-same-person = true"));

    let text = organisation("SE", "personal-data = \"anyhow\"\n");
    let marking = "country = \"SE\"\npersonal-data-same-person = true";
    case.reload_as(&text.replace("country = \"SE\"", marking));
    let send = |to: &str, text: &str| {
        let id = case.house.send_with(to, text);
        case.status(&id);
        id
    };
    let first = send("a@plain.example", &confidential());
    send("b@plain.example", "\r\nHej, mitt personnummer är 900102-9819.\r\n");
    send("c@plain.example", &format!("\r\nPersonnummer: {}\r\n", NUMBERS[1]));
    send("d@plain.example", &bulk());
    send("e@plain.example", "\r\nHej\r\n");
    let found = wait_for("all of them", || {
        let found = subjects(&list(&["--person"], number));
        (found.len() >= 3).then_some(found)
    });
    assert_eq!(found, ["a@plain.example", "b@plain.example", "d@plain.example"]);
    let same = subjects(&list(&["--same-person-as", &first], ""));
    assert_eq!(same, found);
    let narrowed = subjects(&list(&["--person", "--to", "b@plain"], number));
    assert_eq!(narrowed, ["b@plain.example"]);
    let other = subjects(&list(&["--person"], NUMBERS[1]));
    assert_eq!(other, ["c@plain.example", "d@plain.example"]);
    let unknown = list(&["--person"], "hello");
    assert!(String::from_utf8_lossy(&unknown.stderr).contains("no number of a person"));

    // On the mail's page, for whoever may see all of it.
    let mut karin = Browser::of_account(gateway, portal.admin, "karin", &["--role", "admin"]);
    let page = karin.get(&format!("/trace/{first}"));
    let body = page.body.as_str();
    assert!(body.contains("1 person of it in 2 other mails too"), "{body}");
    let page = karin.get(&format!("/trace?same_person_as={first}"));
    for to in &found {
        assert!(page.body.contains(to.as_str()), "{}", page.body);
    }
    assert!(!page.body.contains("c@plain.example") && !page.body.contains("e@plain.example"));

    // The audit log says that it was asked, and nothing has the number.
    let audit = gateway.command(&["audit", "list", "--what", "person-searched", "--json"]);
    let audit = String::from_utf8_lossy(&audit.stdout).into_owned();
    assert!(audit.contains("person-searched"), "{audit}");
    for (file, bytes) in gateway.data_files() {
        for number in ["900102-9819", "9001029819", "19900102"] {
            let holds = memchr::memmem::find(&bytes, number.as_bytes()).is_some();
            assert!(!holds, "{file} has the number");
        }
    }
    portal.case.house.gateway.stop();
}
