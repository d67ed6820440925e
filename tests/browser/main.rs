//! The pages of the real program in Debian's Chromium: each scenario is a script beside this file, run by Node against a gateway of its
//! own, and ends by itself. `tests/run` installs what is needed.
//!
//! A scenario walks the routes as data and follows links, so that a new page is in it from its first day. A page with a variable part that
//! no page links to wants a path in [`ground`].

// Real time, and failing loudly, is what these tests are for.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, clippy::disallowed_methods)]
#![allow(unreachable_pub)] // Shared between the files of one test.

#[path = "../common/mod.rs"]
mod common;
mod ground;
#[path = "../peers/place.rs"]
#[allow(dead_code, reason = "tests/peers uses all of it")]
mod place;
mod ports {
    pub use crate::common::free_port;
}
#[path = "../peers/postfix.rs"]
#[allow(dead_code, reason = "tests/peers uses all of it")]
mod postfix;
mod state;

use common::{Client, NOW, eicar, wait_for, web::Browser};
use data_encoding::BASE64;
use ground::{Ground, Options, root};
use serde::Deserialize;
use serde_json::{Value, json};
use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
    fs,
};

#[test]
fn every_page_is_fit_for_everybody() {
    Ground::open().play("pages", Value::Null);
}

#[test]
fn people_come_in_and_go_out() {
    Ground::open().play("log_in", Value::Null);
}

/// What looking does leave: which network opened a link in this half minute, that a session is in use, and which mail is being examined at
/// the moment.
const MARKS: &[&str] = &[
    "examining",
    "people/people.db: opening",
    "people/people.db: session",
    "people/people.db: sqlite_sequence",
];

/// Whoever looks, and however often, changes nothing.
#[test]
fn who_only_looks_changes_nothing() {
    let ground = Ground::open();
    let data = ground.folder.path().join("data");
    let before = state::settled(&data);
    let began = std::time::Instant::now();
    ground.play("prefetch", Value::Null);
    let half_minutes = usize::try_from(began.elapsed().as_secs() / 30).unwrap() + 2;
    let after = state::settled(&data);
    let names: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    let changed: Vec<String> = names
        .into_iter()
        .filter(|name| !MARKS.contains(&name.as_str()) && before.get(*name) != after.get(*name))
        .map(|name| {
            format!("{name}\nbefore: {:?}\nafter:  {:?}", before.get(name), after.get(name))
        })
        .collect();
    // The ground has opened each link before.
    let marks = |state: &BTreeMap<String, String>| {
        state.get("people/people.db: opening").map_or(0, |marks| marks.lines().count())
    };
    let openings = marks(&after) - marks(&before);
    assert!(openings <= half_minutes * 6, "one mark of each link and half a minute: {openings}");
    assert!(before.len() > 20, "{before:?}");
    assert!(changed.is_empty(), "{}", changed.join("\n"));
}

/// From the digest on a telephone, in two taps, to the mailbox of a real server.
#[test]
fn two_taps_on_a_telephone_bring_a_mail_to_postfix() {
    let folder = place::folder();
    let postfix = postfix::Postfix::start(folder.path(), &postfix::Options::behind());
    let options = Options { next_hop: Some(postfix.port), ..Options::default() };
    let ground = Ground::bare(&options);
    for (from, subject) in [
        ("karin@far.example", "Offert för taket"),
        ("bo@far.example", "Kallelse till årsmöte i båtklubben, med bilagor"),
        ("news@far.example", "Nyheter"),
    ] {
        ground.send(from, "anna@ours.example", undated(from, subject).as_bytes());
    }
    wait_for("held mails", || (ground.gateway.quarantine(false).len() == 3).then_some(()));
    let digest = ground.digest("anna@ours.example", || postfix.mailbox("anna").pop());
    let said = ground.play("digest", json!({ "digest": digest, "subject": "Offert för taket" }));
    assert!(said.contains("taps: 2,"), "{said}");
    let mails = postfix.wait_for_mails("anna", 2);
    let arrived: Vec<String> =
        mails.iter().map(|mail| String::from_utf8_lossy(mail).into_owned()).collect();
    let mail = arrived.iter().find(|mail| mail.contains("X-Sluss-Released")).unwrap();
    // Postfix keeps lines with LF.
    let sent = undated("karin@far.example", "Offert för taket").replace("\r\n", "\n");
    assert!(mail.ends_with(&sent), "{mail}\nand not\n{sent}");
    assert_eq!(ground.gateway.quarantine(false).len(), 2, "the others are held");
}

/// A list of forty people in a sheet, to a domain that nobody vouches for: it is approved, and its recipient fetches it on a telephone.
#[test]
fn a_list_of_forty_people_is_fetched_from_the_portal_on_a_telephone() {
    let ground = Ground::bare(&Options::default());
    let sheet = sheet_of_forty();
    let [first, second] =
        [("bo@world.example", "first"), ("eva@world.example", "second")].map(|(to, name)| {
            let (link, code) = ground.parcel_of(to, &with_a_sheet(to, &sheet));
            (name, json!({ "link": link, "code": code }))
        });
    let place = json!({ first.0: first.1, second.0: second.1, "file": BASE64.encode(&sheet), "eicar": eicar() });
    ground.play("portal", place);
    // Two answers and one upload have arrived, and word of files that are too large for a mail; what carried malware is held.
    let seen = RefCell::new((0, None));
    let look = || {
        for text in ground.hop().drain().into_iter().map(|taken| taken.text()) {
            let mut seen = seen.borrow_mut();
            seen.0 += usize::from(text.contains("with HTTP id"));
            let at = |line: &&str| line.starts_with("    http");
            let about = text.contains("piirustus.bin").then(|| text.lines().find(at)).flatten();
            seen.1 = about.map(|line| line.trim().to_string()).or(seen.1.take());
        }
    };
    wait_for("the answers and the uploads", || {
        look();
        (seen.borrow().0 >= 3).then_some(())
    });
    // They are looked into by and by, which takes a busy machine its time.
    let link = wait_for("word of the large files", || {
        look();
        seen.borrow().1.clone()
    });
    ground.play("portal_files", json!({ "link": link }));
    let held = ground.gateway.quarantine(false);
    assert_eq!(held.len(), 1, "{held:?}");
    assert!(held[0]["categories"].to_string().contains("virus"), "{held:?}");
}

/// Published test numbers of the Swedish tax agency have serials of their own; these are made as they are.
fn sheet_of_forty() -> Vec<u8> {
    let number = |at: u32| {
        let nine = format!("9001{:02}{}", at % 28 + 1, 980 + at / 28 % 2);
        let sum: u32 = nine
            .bytes()
            .zip([2, 1].into_iter().cycle())
            .map(|(digit, times)| u32::from(digit - b'0') * times)
            .map(|sum| sum / 10 + sum % 10)
            .sum();
        format!("18{}-{}{}", &nine[..6], &nine[6..], (10 - sum % 10) % 10)
    };
    let cell = |text: &str| format!("<c t=\"inlineStr\"><is><t>{text}</t></is></c>");
    let row = |cells: [&str; 2]| format!("<row>{}{}</row>", cell(cells[0]), cell(cells[1]));
    let rows: String = (0..40).map(|at| row([&format!("Person {at}"), &number(at)])).collect();
    let parts = [
        (
            "[Content_Types].xml",
            "<Types xmlns=\"http://schemas.openxmlformats.org/package/2006/content-types\"><Default Extension=\"rels\" ContentType=\"application/vnd.openxmlformats-package.relationships+xml\"/><Default Extension=\"xml\" ContentType=\"application/xml\"/><Override PartName=\"/xl/workbook.xml\" ContentType=\"application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml\"/><Override PartName=\"/xl/worksheets/sheet1.xml\" ContentType=\"application/vnd.openxmlformats-officedocument.spreadsheetml.worksheet+xml\"/></Types>".to_string(),
        ),
        (
            "_rels/.rels",
            "<Relationships xmlns=\"http://schemas.openxmlformats.org/package/2006/relationships\"><Relationship Id=\"r1\" Type=\"http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument\" Target=\"xl/workbook.xml\"/></Relationships>".to_string(),
        ),
        (
            "xl/workbook.xml",
            "<workbook xmlns=\"http://schemas.openxmlformats.org/spreadsheetml/2006/main\" xmlns:r=\"http://schemas.openxmlformats.org/officeDocument/2006/relationships\"><sheets><sheet name=\"Medlemmar\" sheetId=\"1\" r:id=\"r1\"/></sheets></workbook>".to_string(),
        ),
        (
            "xl/_rels/workbook.xml.rels",
            "<Relationships xmlns=\"http://schemas.openxmlformats.org/package/2006/relationships\"><Relationship Id=\"r1\" Type=\"http://schemas.openxmlformats.org/officeDocument/2006/relationships/worksheet\" Target=\"worksheets/sheet1.xml\"/></Relationships>".to_string(),
        ),
        (
            "xl/worksheets/sheet1.xml",
            format!("<worksheet xmlns=\"http://schemas.openxmlformats.org/spreadsheetml/2006/main\"><sheetData>{}{rows}</sheetData></worksheet>", row(["Namn", "Personnummer"])),
        ),
    ];
    let files: Vec<(String, Vec<u8>)> =
        parts.into_iter().map(|(name, text)| (name.to_string(), text.into_bytes())).collect();
    sluss::formats::archive::zip::pack(&files)
}

fn with_a_sheet(to: &str, sheet: &[u8]) -> Vec<u8> {
    let encoded = BASE64.encode(sheet);
    let lines: Vec<&str> =
        encoded.as_bytes().chunks(76).map(|line| std::str::from_utf8(line).unwrap()).collect();
    format!(
        "From: Anna <anna@acme.example>\r\nTo: {to}\r\nSubject: =?utf-8?q?Medlemmar_f=C3=B6r_v=C3=A5ren?=\r\n\
         Date: {NOW}\r\nMessage-ID: <{to}>\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n\
         --b\r\nContent-Type: multipart/alternative; boundary=c\r\n\r\n\
         --c\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nHej Bo,\r\n\r\nhär är listan som du bad om.\r\nRing om du undrar något.\r\n\r\nAnna\r\n\
         --c\r\nContent-Type: text/html; charset=utf-8\r\n\r\n<p>Hej Bo,</p><p>här är <b>listan</b> som du bad om.</p>\r\n--c--\r\n\
         --b\r\nContent-Type: application/vnd.openxmlformats-officedocument.spreadsheetml.sheet\r\nContent-Disposition: attachment; filename=medlemmar.xlsx\r\nContent-Transfer-Encoding: base64\r\n\r\n{}\r\n\
         --b\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Disposition: attachment; filename=anteckning.txt\r\n\r\nMöte på fredag\r\n--b--\r\n",
        lines.join("\r\n")
    )
    .into_bytes()
}

/// A scanner with a browser follows the links of a digest and presses every button that it finds, with and without numbers.
#[test]
fn a_scanner_that_presses_everything_releases_nothing() {
    for (digest, elsewhere) in [("confirm = \"number\"\n", false), ("", true)] {
        let ground = Ground::bare(&Options { digest, ..Options::default() });
        for number in 1..=3 {
            let mail = undated("karin@far.example", &format!("Lunch {number}"));
            ground.send("karin@far.example", "anna@ours.example", mail.as_bytes());
        }
        wait_for("held mails", || (ground.gateway.quarantine(false).len() == 3).then_some(()));
        let arrived = || ground.hop().drain().pop().map(|taken| taken.bytes);
        let digest = ground.digest("anna@ours.example", arrived);
        let links = ground::links(&digest);
        assert_eq!(links.len(), 9, "{digest}");
        ground.play("scanner", json!({ "links": links, "elsewhere": elsewhere }));
        assert_eq!(ground.gateway.quarantine(false).len(), 3, "all are held");
        assert_eq!(ground.hop().drain().len(), 0, "nothing was delivered");
    }
}

/// A hundred held mails, eight campaigns among them; twelve are wanted. A reviewer touches nothing but the keyboard.
#[test]
fn a_hundred_held_mails_are_cleared_by_keyboard() {
    let ground = Ground::bare(&Options::default());
    let campaign = |number: u32| (number < 48).then_some(number / 6);
    for number in 0..100 {
        let to = format!("user{number}@held.example");
        let mail = match (campaign(number), number % 4 == 0 && number >= 52) {
            (Some(campaign), _) => undated("shop@spam.example", &format!("Win a boat {campaign}")),
            (None, true) => undated("karin@far.example", &format!("Invoice {number}")),
            (None, false) => undated(&format!("x{number}@spam.example"), &unlike(number)),
        };
        ground.send("karin@far.example", &to, mail.as_bytes());
    }
    wait_for("held mails", || (ground.gateway.quarantine(false).len() == 100).then_some(()));
    let said = ground.play("hundred", Value::Null);
    assert_eq!(ground.gateway.quarantine(false).len(), 0, "all is decided");
    // At most one for each of eight campaigns and 52 other mails, of which some are alike too, and a few to begin with.
    let keys = said.split_once("keys: ").and_then(|(_, rest)| rest.split_once(',')).unwrap().0;
    assert!(keys.parse::<u32>().unwrap() <= 65, "{said}");
    let delivered = wait_for("what was delivered", || {
        // Not the letters about a control that is broken here.
        let mut taken = ground.hop().taken();
        taken.retain(|mail| mail.rcpt[0].contains("@held.example"));
        (taken.len() >= 12).then_some(taken)
    });
    assert!(delivered.iter().all(|mail| mail.text().contains("Subject: Invoice")));
    assert_eq!(delivered.len(), 12);
}

/// A subject that is like no other.
fn unlike(number: u32) -> String {
    let mut state = u64::from(number);
    let words: Vec<String> = (0..6).map(|_| format!("{:x}", common::chance(&mut state))).collect();
    words.join(" ")
}

/// Texts of strangers that would do harm where a page takes them for markup.
fn vectors() -> Vec<String> {
    let text = fs::read_to_string(root().join("tests/suites/xss/fields.txt")).unwrap();
    let vectors: Vec<String> = text
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .map(str::to_string)
        .collect();
    assert!(vectors.len() >= 200, "{}", vectors.len());
    vectors
}

#[test]
fn what_strangers_write_stays_text() {
    let ground = Ground::open();
    let before = ground.gateway.quarantine(false).len();
    let vectors = vectors();
    for group in vectors.chunks(20) {
        let mut client = Client::hello(ground.inbound);
        for (number, vector) in group.iter().enumerate() {
            let local = format!("\"{}\"", vector.replace('\\', "\\\\").replace('"', "\\\""));
            let plain = vector.bytes().all(|byte| (b' '..=b'~').contains(&byte));
            let sender = match plain && local.len() <= 64 {
                true => format!("{local}@evil.example"),
                false => format!("x{number}@evil.example"),
            };
            let heard =
                client.send(&sender, &["anna@held.example"], laden(vector).as_bytes()).unwrap();
            assert_eq!(heard.code, 250, "{vector}: {heard:?}");
            if plain && local.len() <= 64 {
                // Addresses that nobody has, in traces and lists of refusals.
                client.ask("MAIL FROM:<karin@example.org>").unwrap();
                client.ask(&format!("RCPT TO:<{local}@held.example>")).unwrap();
                client.ask("RSET").unwrap();
            }
        }
    }
    let mut stranger = Browser::new(ground.admin);
    for vector in vectors.iter().take(5) {
        stranger.log_in(vector, "not a password of anybody");
    }
    let held = wait_for("all of them to be held", || {
        let held = ground.gateway.quarantine(false).len();
        (held >= before + vectors.len()).then_some(held)
    });
    assert_eq!(held, before + vectors.len());
    ground.play("xss", Value::Null);
}

#[derive(Deserialize)]
struct Pages {
    vector: Vec<Page>,
}

#[derive(Deserialize)]
struct Page {
    name: String,
    html: String,
}

/// Pages in held mails that try to run or fetch something, opened by a reviewer.
#[test]
fn what_strangers_mail_shows_does_nothing() {
    let mut ground = Ground::bare(&Options::default());
    let text = fs::read_to_string(root().join("tests/suites/xss/vectors.toml")).unwrap();
    let pages: Pages = toml::from_str(&text).unwrap();
    for group in pages.vector.chunks(20) {
        let mut client = Client::hello(ground.inbound);
        for page in group {
            let mail = format!(
                "From: x@evil.example\r\nTo: anna@held.example\r\nSubject: {}\r\nMIME-Version: 1.0\r\nContent-Type: text/html; charset=utf-8\r\n\
                 Content-Transfer-Encoding: base64\r\n\r\n{}\r\n",
                page.name,
                wrapped(&format!("<p>Hej!</p>{}", page.html)),
            );
            let heard =
                client.send("x@evil.example", &["anna@held.example"], mail.as_bytes()).unwrap();
            assert_eq!(heard.code, 250, "{}: {heard:?}", page.name);
        }
    }
    let held = wait_for("all of them to be held", || {
        let held = ground.gateway.quarantine(false);
        (held.len() == pages.vector.len()).then_some(held)
    });
    let ids: Vec<&str> = held.iter().map(|held| held["id"].as_str().unwrap()).collect();
    for id in &ids {
        ground.open_mail(id);
    }
    ground.play("bodies", json!({ "ids": ids }));
}

/// A small mail that has no Date, which is enough to hold it here.
fn undated(from: &str, subject: &str) -> String {
    format!(
        "From: Karin Berg <{from}>\r\nTo: Anna <anna@ours.example>\r\nSubject: {subject}\r\n\
         Message-ID: <{}@far.example>\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n\
         Hej Anna,\r\nhär kommer det vi talade om: {subject}.\r\n",
        blake3::hash(subject.as_bytes()).to_hex()
    )
}

/// A mail that says this wherever a mail says something. It has no Date, and that is enough to hold it here.
fn laden(text: &str) -> String {
    let word = |text: &str| {
        // RFC 2047 section 2: an encoded word has at most 75 letters, so a long text is several.
        let letters: Vec<char> = text.chars().collect();
        let words = letters.chunks(10).map(|part| {
            let part: String = part.iter().collect();
            format!("=?utf-8?B?{}?=", BASE64.encode(part.as_bytes()))
        });
        words.collect::<Vec<_>>().join("\r\n ")
    };
    let percent: String = text.bytes().map(|byte| format!("%{byte:02X}")).collect();
    let raw: String = text.chars().filter(char::is_ascii).collect();
    let (coded, raw) = (word(text), raw.replace(['\t', '\r', '\n'], " "));
    format!(
        "From: {coded} <x@evil.example>\r\nTo: {coded} <anna@held.example>\r\nReply-To: {coded} <y@evil.example>\r\nSubject: {coded}\r\n\
         Message-ID: <{raw}@evil.example>\r\nX-Mailer: {raw}\r\nList-Id: {raw} <list.evil.example>\r\n\
         X-Vector: {raw}\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n\
         --b\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\n{}\r\n\
         --b\r\nContent-Type: text/html; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\n{}\r\n\
         --b\r\nContent-Type: application/octet-stream; name*=utf-8''{percent}\r\nContent-Disposition: attachment; filename*=utf-8''{percent}\r\n\
         Content-Transfer-Encoding: base64\r\n\r\nAAECAw==\r\n--b--\r\n",
        wrapped(text),
        wrapped(&format!("<p>Hej!</p>{text}<p>Hej då</p>")),
    )
}

/// Base64 in lines.
fn wrapped(text: &str) -> String {
    let coded = BASE64.encode(text.as_bytes());
    let lines: Vec<&str> =
        coded.as_bytes().chunks(76).map(|line| std::str::from_utf8(line).unwrap()).collect();
    lines.join("\r\n")
}
