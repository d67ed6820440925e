//! The changed bank account, through the running gateway: what is learned, what is said, what is held, and whose memory it is.

// Real time, and failing loudly, is what these tests are for.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    clippy::print_stdout
)]

mod common;

use common::{Client, Gateway, Hop, Manner, NOW, Names, Said, free_port, wait_for};
use serde_json::Value;
use std::path::Path;

/// Bankgiro numbers with their check digits.
const USUAL: &str = "Bankgiro 5050-1055";
const OTHER: &str = "Bankgiro 5402-9681";
const THIRD: &str = "Bankgiro 902-0033";

/// Acme and Bolaget behind one gateway; supplier.example sends from this machine, and says so in the DNS.
struct House {
    gateway: Gateway,
    hop: Hop,
    _names: Names,
    port: u16,
    config: String,
}

impl House {
    fn start_in(folder: &Path) -> House {
        let names = Names::start();
        names.say("supplier.example", Said::Txt("v=spf1 ip4:127.0.0.1 -all"));
        names.say("forged.example", Said::Txt("v=spf1 ip4:192.0.2.1 -all"));
        let hop = Hop::start(Manner::default());
        let port = free_port();
        let domain = |name: &str| {
            format!(
                "[[organisation]]\nname = \"{name}\"\n\
                 [[domain]]\nname = \"{name}.example\"\norganisation = \"{name}\"\nnext-hop = \"smtp://127.0.0.1:{}\"\nrecipients = \"any\"\n",
                hop.port()
            )
        };
        let config = format!(
            "hostname = \"mx.host.example\"\n\
             [[listener]]\nname = \"in\"\nbind = \"127.0.0.1:{port}\"\ndirection = \"inbound\"\n{}{}\
             [dns]\nservers = [\"127.0.0.1:{}\"]\n",
            domain("acme"),
            domain("bolaget"),
            names.port()
        );
        let gateway = Gateway::start_in(folder, &config);
        House { gateway, hop, _names: names, port, config }
    }

    /// Sends a mail from the supplier; gives what was found about accounts, each id with its reason, and the action.
    fn send(&self, from: &str, to: &str, mail: &str) -> (String, Vec<(String, String)>) {
        let mut client = Client::dial(self.port).unwrap();
        client.hear().unwrap();
        client.ask("EHLO mail.supplier.example").unwrap();
        let heard = client.send(from, &[to], mail.as_bytes()).unwrap();
        assert!(heard.last().starts_with("250"), "{heard:?}");
        let id = heard.id().unwrap();
        let trace = wait_for("the trace", || {
            let output = self.gateway.command(&["trace", &id, "--json"]);
            let trace: Value = serde_json::from_slice(&output.stdout).ok()?;
            trace.get(0).cloned()
        });
        // Shown where the test fails.
        println!("{trace}");
        let findings = trace["findings"].as_array().unwrap().iter();
        let text = |finding: &Value, field: &str| finding[field].as_str().unwrap().to_string();
        let found = findings
            .filter(|one| text(one, "id").starts_with("bank."))
            .map(|one| (text(one, "id"), text(one, "because")));
        (trace["action"].as_str().unwrap().to_string(), found.collect())
    }

    fn invoice(&self, to: &str, account: &str) -> (String, Vec<(String, String)>) {
        let said =
            format!("Faktura 10427, att betala 12 500,00 kr senast 2026-12-01.\r\n{account}\r\n");
        self.send("bill@supplier.example", to, &mail("bill@supplier.example", to, &said))
    }

    /// How many mails with accounts of a correspondent an organisation remembers.
    fn remembers(&self, organisation: &str, correspondent: &str, count: u64) {
        wait_for("the memory", || {
            let list =
                ["bank-accounts", "list", correspondent, "--organisation", organisation, "--json"];
            let output = self.gateway.command(&list);
            let lines: Value = serde_json::from_slice(&output.stdout).ok()?;
            (lines[0]["invoices"].as_u64().unwrap_or(0) == count).then_some(())
        });
        // Who writes for the first time is a second sign: what is remembered of that is written a moment later.
        wait_for("who writes", || {
            let show = ["correspondents", "show", correspondent, "--organisation", organisation];
            let output = self.gateway.command(&[&show[..], &["--json"]].concat());
            let text = String::from_utf8_lossy(&output.stdout).into_owned();
            let mut lines = text.lines().filter_map(|line| serde_json::from_str(line).ok());
            let came = |line: Value| line["came"].as_f64().is_some_and(|came| came > 0.5);
            lines.any(came).then_some(())
        });
    }

    fn say(&self, words: &[&str]) -> String {
        let output = self.gateway.command(words);
        let (out, error) = (output.stdout, output.stderr);
        String::from_utf8_lossy(&[out, error].concat()).into_owned()
    }
}

fn mail(from: &str, to: &str, said: &str) -> String {
    format!(
        "From: Bill <{from}>\r\nTo: <{to}>\r\nSubject: Faktura\r\nDate: {NOW}\r\n\
         Message-ID: <{}@supplier.example>\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\
         Content-Transfer-Encoding: 8bit\r\n\r\nHej,\r\n{said}\r\nHälsningar\r\nBill\r\n",
        said.len()
    )
}

/// A PDF of one page with one line, as small as one can be.
fn pdf(line: &str) -> String {
    let drawn = format!("BT /F1 12 Tf 72 700 Td ({line}) Tj ET");
    let objects = [
        "<</Type/Catalog/Pages 2 0 R>>".to_string(),
        "<</Type/Pages/Kids[3 0 R]/Count 1>>".to_string(),
        "<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Contents 4 0 R/Resources<</Font<</F1 5 0 R>>>>>>".to_string(),
        format!("<</Length {}>>\nstream\n{drawn}\nendstream", drawn.len()),
        "<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>".to_string(),
    ];
    let (mut file, mut table) = ("%PDF-1.4\n".to_string(), "0000000000 65535 f \n".to_string());
    for (number, object) in (1..).zip(&objects) {
        table.push_str(&format!("{:010} 00000 n \n", file.len()));
        file.push_str(&format!("{number} 0 obj\n{object}\nendobj\n"));
    }
    let start = file.len();
    format!("{file}xref\n0 6\n{table}trailer\n<</Size 6/Root 1 0 R>>\nstartxref\n{start}\n%%EOF\n")
}

fn with_pdf(to: &str, line: &str) -> String {
    let pdf = data_encoding::BASE64.encode(pdf(line).as_bytes());
    let lines: Vec<&str> =
        pdf.as_bytes().chunks(76).map(|line| std::str::from_utf8(line).unwrap()).collect();
    format!(
        "From: Bill <bill@supplier.example>\r\nTo: <{to}>\r\nSubject: Faktura\r\nDate: {NOW}\r\n\
         Message-ID: <pdf@supplier.example>\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n\
         --b\r\nContent-Type: text/plain\r\n\r\nHej, faktura bifogas.\r\n\
         --b\r\nContent-Type: application/pdf; name=\"faktura.pdf\"\r\nContent-Disposition: attachment; filename=\"faktura.pdf\"\r\n\
         Content-Transfer-Encoding: base64\r\n\r\n{}\r\n--b--\r\n",
        lines.join("\r\n")
    )
}

fn ids(found: &[(String, String)]) -> Vec<&str> {
    found.iter().map(|(id, _)| id.as_str()).collect()
}

#[test]
fn another_account_after_three_invoices_is_marked_and_with_a_second_sign_held() {
    let folder = tempfile::tempdir().unwrap();
    let house = House::start_in(folder.path());
    let anna = "anna@acme.example";
    for count in 1..=3 {
        let (action, found) = house.invoice(anna, USUAL);
        assert_eq!((action.as_str(), ids(&found)), ("deliver", vec![]), "{count}");
        house.remembers("acme", "supplier.example", count);
    }
    // Another organisation has its own memory: to it this is the first invoice, with any account.
    let (action, found) = house.invoice("bo@bolaget.example", OTHER);
    assert_eq!((action.as_str(), ids(&found)), ("deliver", vec![]));
    house.remembers("bolaget", "supplier.example", 1);
    // A text alone, and a PDF: the same question.
    let (action, found) = house.invoice(anna, OTHER);
    assert_eq!((action.as_str(), ids(&found)), ("mark", vec!["bank.account_changed"]));
    assert_eq!(
        found[0].1,
        "the account …681 (se.bankgiro) differs from the last 3 invoices of this sender"
    );
    let arrived = house.hop.taken().pop().unwrap().text();
    assert!(arrived.contains("X-Spam-Flag: YES"), "{arrived}");
    assert!(arrived.contains("ask by telephone before you pay"), "{arrived}");
    house.remembers("acme", "supplier.example", 4);
    let usual = house.send("bill@supplier.example", anna, &with_pdf(anna, USUAL));
    assert_eq!(usual, ("deliver".to_string(), vec![]));
    let (action, found) = house.send("bill@supplier.example", anna, &with_pdf(anna, THIRD));
    assert_eq!((action.as_str(), ids(&found)), ("mark", vec!["bank.account_changed"]));
    // The gateway was away, and knows it all the same.
    house.remembers("acme", "supplier.example", 6);
    let House { gateway, hop, _names, port, config } = house;
    gateway.stop();
    let gateway = Gateway::start_in(folder.path(), &config);
    let house = House { gateway, hop, _names, port, config };
    // One that came with a warning is watched for a while.
    let (_, found) = house.invoice(anna, OTHER);
    assert_eq!(
        found[0].1,
        "the account …681 (se.bankgiro) first came 0 days ago, after 3 invoices with others"
    );
    // Somebody who pretends to be the supplier, and an account nobody knows.
    let forged = mail("bill@supplier.example", anna, "Faktura 10428.\r\nPlusgiro 28 65 43-4");
    let (action, found) = house.send("x@forged.example", anna, &forged);
    assert_eq!((action.as_str(), ids(&found)), ("quarantine", vec!["bank.account_changed"]));
    // From the true mailbox, with the text that goes with it.
    let tells = "Vi har bytt bankkonto. Betala fakturan till plusgiro 28 65 43-4.";
    let (action, found) =
        house.send("bill@supplier.example", anna, &mail("bill@supplier.example", anna, tells));
    assert_eq!(
        (action.as_str(), ids(&found)),
        ("quarantine", vec!["bank.account_changed", "bank.change_told"])
    );
    // Neither taught anything; no number stands in what was kept of them.
    house.remembers("acme", "supplier.example", 7);
    let held = house.gateway.quarantine(false);
    assert_eq!(held.len(), 2);
    let shown = serde_json::to_string(&held).unwrap() + &house.gateway.log();
    for number in ["2865434", "28 65 43-4", "50501055", "54029681"] {
        assert!(!shown.contains(number), "{number}");
    }
    // The finance department has called: the mail is let go, and its account is known from then on.
    let told = held.iter().find(|one| {
        one["why"] == "bank.change_told" || one["findings"].to_string().contains("bank.change_told")
    });
    let id = told.unwrap()["id"].as_str().unwrap().to_string();
    let called = ["quarantine", "release", "--reviewed", "called the supplier", &id];
    assert!(house.say(&called).contains("released"));
    house.remembers("acme", "supplier.example", 8);
    let (action, found) = house.invoice(anna, "Plusgiro 28 65 43-4");
    assert_eq!((action.as_str(), ids(&found)), ("deliver", vec![]));
    house.gateway.stop();
}

#[test]
fn commands_approve_and_forget() {
    let folder = tempfile::tempdir().unwrap();
    let house = House::start_in(folder.path());
    let anna = "anna@acme.example";
    for count in 1..=2 {
        house.invoice(anna, USUAL);
        house.remembers("acme", "supplier.example", count);
    }
    let listed = house.say(&["bank-accounts", "list"]);
    assert!(listed.contains("supplier.example") && listed.contains("1 se.bankgiro"), "{listed}");
    assert!(!listed.contains("5050"), "{listed}");
    let approve = |account: &str| {
        house.say(&[
            "bank-accounts",
            "approve",
            "supplier.example",
            "--organisation",
            "acme",
            "--account",
            account,
        ])
    };
    assert!(
        approve("5402-9681").contains("no account that can be recognised"),
        "{}",
        approve("5402-9681")
    );
    assert_eq!(approve("bankgiro 5402-9681").trim(), "approved: 1");
    let nobody =
        house.say(&["bank-accounts", "approve", "nobody.example", "--organisation", "acme"]);
    assert!(nobody.contains("nothing is remembered of nobody.example"), "{nobody}");
    let unnamed = house.say(&["bank-accounts", "approve", "supplier.example"]);
    assert!(unnamed.contains("--organisation"), "{unnamed}");
    let (action, found) = house.invoice(anna, OTHER);
    assert_eq!((action.as_str(), ids(&found)), ("deliver", vec![]));
    house.remembers("acme", "supplier.example", 3);
    let forget = ["bank-accounts", "forget", "supplier.example"];
    assert_eq!(house.say(&forget).trim(), "forgotten: 2");
    let (action, found) = house.invoice(anna, THIRD);
    assert_eq!((action.as_str(), ids(&found)), ("deliver", vec![]));
    house.gateway.stop();
}
