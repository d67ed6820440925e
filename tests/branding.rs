//! Each organisation looks like itself to its own people, and like nothing to everybody else.

// Real time, and failing loudly, is what these tests are for.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, clippy::disallowed_methods)]

mod common;

use common::{
    Client, Gateway, Hop, Manner, free_port, wait_for,
    web::{Browser, between},
};
use std::fs;

struct House {
    gateway: Gateway,
    hop: Hop,
    mail: u16,
    public: u16,
    admin: u16,
    _folder: tempfile::TempDir,
}

/// What is Acme's alone.
const OF_ACME: &[&str] =
    &["Acme Kommun", "#7a1f5c", "+46 8 123 45", "intra.acme.example", "/brand/"];
/// What is Berg's alone.
const OF_BERG: &[&str] = &["Berg Bygg", "#0a5c2e", "help@berg.example"];

impl House {
    fn start() -> House {
        let folder = tempfile::tempdir().unwrap();
        let logo = folder.path().join("acme.png");
        let mut picture = b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR\0\0\0\x40\0\0\0\x20\x08\x06".to_vec();
        picture.extend_from_slice(&[0; 40]);
        fs::write(&logo, picture).unwrap();
        let (mail, public, admin) = (free_port(), free_port(), free_port());
        let hop = Hop::start(Manner::default());
        let domain = |name: &str, organisation: &str, policy: &str| {
            format!(
                "[[domain]]\nname = \"{name}\"\norganisation = \"{organisation}\"\nnext-hop = \"smtp://127.0.0.1:{}\"\nrecipients = \"any\"\npolicy = \"{policy}\"\n",
                hop.port()
            )
        };
        let gateway = Gateway::start(&format!(
            "hostname = \"mx.ours.example\"\n\
             [[listener]]\nname = \"in\"\nbind = \"127.0.0.1:{mail}\"\ndirection = \"inbound\"\n\
             [[organisation]]\nname = \"acme\"\ntitle = \"Acme\"\n[organisation.branding]\nname = \"Acme Kommun\"\ncolour = \"#7a1f5c\"\n\
             logo-file = {logo:?}\ncontact = \"+46 8 123 45\"\nhelp-url = \"https://intra.acme.example/mail\"\n\
             [[organisation]]\nname = \"berg\"\n[organisation.branding]\nname = \"Berg Bygg\"\ncolour = \"#0a5c2e\"\ncontact = \"help@berg.example\"\n\
             [[organisation]]\nname = \"plain\"\n[outbound]\norganisation = \"acme\"\n{}{}{}{}\
             [[policy]]\nname = \"holding\"\nmark = 0.05\nquarantine = 0.1\nreject = 1000\n\
             [[policy]]\nname = \"refusing\"\nmark = 0.05\nquarantine = 0.06\nreject = 0.1\n\
             [web]\nadmin = \"127.0.0.1:{admin}\"\npublic = \"127.0.0.1:{public}\"\npublic-url = \"http://127.0.0.1:{public}\"\n\
             [digest]\nenabled = false\nfold-above = 900.0\n",
            domain("acme.example", "acme", "holding"),
            domain("no.acme.example", "acme", "refusing"),
            domain("berg.example", "berg", "holding"),
            domain("plain.example", "plain", "holding"),
        ));
        House { gateway, hop, mail, public, admin, _folder: folder }
    }

    /// What is heard after the dot of a mail that something speaks against: it has no Message-ID.
    fn send(&self, to: &str) -> String {
        let mail = format!(
            "From: Karin <karin@example.org>\r\nTo: {to}\r\nSubject: hello\r\n\r\nWin a prize: http://shop.example/\r\n"
        );
        let mut client = Client::hello(self.mail);
        client.send("karin@example.org", &[to], mail.as_bytes()).unwrap().last().to_string()
    }

    /// The digest of what a mailbox was sent, and the page behind its first button.
    #[track_caller]
    fn digest(&self, to: &str) -> (String, String) {
        let said = self.send(to);
        assert!(said.starts_with("250"), "{said}");
        let out = self.gateway.command(&["digest", "send", to]);
        assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
        let digest = wait_for("the digest", || self.hop.drain().pop()).text();
        let link = between(&digest, &format!(": http://127.0.0.1:{}", self.public), "\r\n");
        let page = Browser::new(self.public).get(link.unwrap()).body;
        (digest, page)
    }

    fn at_home(&self, mailbox: &str) -> String {
        let mut browser = Browser::new(self.public);
        browser.get("/me");
        browser.post("/me/code", &[("address", mailbox)]);
        let letter = wait_for("the code", || self.hop.drain().pop()).text();
        let code = between(&letter, "Your code is ", ".").unwrap().to_string();
        browser.post("/me/open", &[("address", mailbox), ("code", &code)]);
        letter + &browser.get("/me").body
    }
}

#[track_caller]
fn shows(page: &str, signs: &[&str], not: &[&str]) {
    for sign in signs {
        assert!(page.contains(sign), "{sign} is missing: {page}");
    }
    for sign in not {
        assert!(!page.contains(sign), "{sign} is here: {page}");
    }
}

#[test]
fn an_organisation_looks_like_itself_to_its_people_and_to_nobody_else() {
    let house = House::start();
    let (acme, tap) = house.digest("anna@acme.example");
    shows(&acme, &["From: \"Acme Kommun\" <quarantine@acme.example>"], OF_BERG);
    shows(&acme, &["background:#7a1f5c", "tel:+46812345", "https://intra.acme.example"], &["<img"]);
    shows(&tap, &["Acme Kommun", "+46 8 123 45", "intra.acme.example", "/brand/"], OF_BERG);
    let (berg, other) = house.digest("bo@berg.example");
    shows(&berg, &["From: \"Berg Bygg\"", "background:#0a5c2e"], &OF_ACME[..4]);
    shows(&other, &["Berg Bygg", "mailto:help@berg.example"], &OF_ACME[..4]);
    let (plain, neutral) = house.digest("cia@plain.example");
    for page in [&plain, &neutral] {
        shows(page, &["plain"], &[OF_ACME, OF_BERG].concat());
    }
    // The style and the logo, and that they are kept.
    let mut anybody = Browser::new(house.public);
    let mut colours = Vec::new();
    for page in [&tap, &other] {
        let style = between(page, "href=\"/brand/", "\"").unwrap();
        let style = anybody.get(&format!("/brand/{style}"));
        assert_eq!((style.code, style.field("content-type")), (200, "text/css; charset=utf-8"));
        assert!(style.field("cache-control").contains("immutable"));
        colours.push(style.body);
    }
    shows(&colours[0], &["--main: light-dark(#7a1f5c, #"], &["#0a5c2e"]);
    shows(&colours[1], &["--main: light-dark(#0a5c2e, #"], &["#7a1f5c"]);
    let logo = between(&tap, "src=\"/brand/", "\"").unwrap();
    let logo = anybody.get(&format!("/brand/{logo}"));
    assert_eq!((logo.code, logo.field("content-type")), (200, "image/png"));
    assert_eq!(logo.field("x-content-type-options"), "nosniff");
    assert!(!other.contains("<img"));
    assert_eq!(anybody.get("/brand/acme.css").code, 404);
    // Where anybody may come in there is nobody's name.
    for path in ["/", "/me", "/m/AAAAAAAAAAAAAAAAAAAAAA", "/r/0000000000"] {
        shows(&anybody.get(path).body, &["mx.ours.example"], &[OF_ACME, OF_BERG].concat());
    }
    // Whoever was refused is on a page of those who refused.
    let said = house.send("dan@no.acme.example");
    let code = between(&said, "/r/", " ").map(str::to_string);
    let code = code.unwrap_or_else(|| said.rsplit_once("/r/").unwrap().1.trim().to_string());
    let code: String = code.chars().take_while(char::is_ascii_alphanumeric).collect();
    let page = wait_for("the copy", || {
        let page = Browser::new(house.public).get(&format!("/r/{code}"));
        (page.code == 200).then_some(page.body)
    });
    shows(&page, &["Acme Kommun", "/brand/"], OF_BERG);
    shows(&house.at_home("anna@acme.example"), &["Acme Kommun", "/brand/"], OF_BERG);
    shows(&house.at_home("bo@berg.example"), &["Berg Bygg"], &OF_ACME[..4]);
}

#[test]
fn whoever_looks_after_one_organisation_sees_its_name_above_the_pages() {
    let house = House::start();
    let at = |name: &str, options: &[&str]| {
        Browser::of_account(&house.gateway, house.admin, name, options).get("/held").body
    };
    let of = |organisation| ["--role", "domain-admin", "--organisation", organisation];
    shows(&at("anna", &of("acme")), &["<a href=\"/\">Acme Kommun</a>"], &["Berg Bygg"]);
    shows(&at("bo", &of("berg")), &["<a href=\"/\">Berg Bygg</a>"], &["Acme Kommun"]);
    let own = "<a href=\"/\">mx.ours.example</a>";
    shows(&at("cia", &of("plain")), &[own], &["Acme Kommun", "Berg Bygg"]);
    shows(&at("eva", &["--role", "owner"]), &[own], &["Acme Kommun", "Berg Bygg"]);
}

#[test]
fn a_look_can_be_stored_and_is_checked_before() {
    let house = House::start();
    let set = |path: &str, value: &str| {
        let out = house.gateway.command(&["config", "set", path, value]);
        (out.status.success(), String::from_utf8_lossy(&out.stderr).to_string())
    };
    let (done, why) = set("organisation.dahl.branding.colour", "#ffd400");
    assert!(!done && why.contains("cannot be read on white") && why.contains("4.5"), "{why}");
    let (done, why) = set("organisation.dahl.branding.colour", "#6b4a00");
    assert!(done, "{why}");
    let (done, why) = set("organisation.dahl.branding.name", "Dahl");
    assert!(done, "{why}");
    let shown = house.gateway.command(&["config", "show", "organisation.dahl"]);
    let shown = String::from_utf8_lossy(&shown.stdout).to_string();
    shows(&shown, &["#6b4a00", "Dahl"], &[]);
    let (done, why) = set("organisation.acme.branding.colour", "#6b4a00");
    assert!(!done, "what stands in the file is locked: {why}");
}
