//! Controls through the running gateway: what breaks is told once to whoever answers for it, stands where people look and in the audit log,
//! outlives a crash, and is told when it is over.

// Real time, and failing loudly, is what these tests are for.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, clippy::disallowed_methods)]

mod common;

use common::{
    Client, Gateway, Hop, Manner, NOW, free_port, wait_for,
    web::{Browser, PASSWORD, ask, between},
};
use serde_json::Value;
use sluss::{
    base::clock::{Clock, UnixMs},
    config::Config,
    edge::{
        load::Opener,
        serve::{self, Opened},
    },
    pipeline::controls::{Watch, take_up},
};
use std::{
    collections::HashSet,
    fs,
    path::Path,
    thread,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

/// Letters to somebody whose subject begins so.
fn letters(hop: &Hop, reader: &str, subject: &str) -> Vec<String> {
    let line = format!("\r\nSubject: {subject}");
    let all = hop.taken().into_iter().filter(|taken| taken.is_for(reader));
    all.map(|taken| taken.text()).filter(|text| text.contains(&line)).collect()
}

/// As if the backup had ended so many seconds ago.
fn touch(file: &Path, seconds: u64) {
    let file = fs::File::options().create(true).truncate(false).write(true).open(file).unwrap();
    file.set_modified(SystemTime::now() - Duration::from_secs(seconds)).unwrap();
}

/// Records of a kind, the newest first.
fn audit(gateway: &Gateway, what: &str) -> Vec<Value> {
    let said = gateway.command(&["audit", "list", "--what", what, "--json"]).stdout;
    let said = String::from_utf8(said).unwrap();
    said.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The figure of a control.
fn gauge(admin: u16, control: &str) -> Option<String> {
    let said = ask(admin, "GET", "/metrics", "Host: localhost\r\n", "").body;
    let line = format!("sluss_control_broken{{control=\"{control}\"}} ");
    between(&said, &line, "\n").map(str::to_string)
}

fn config(hop: &Hop, admin: u16, more: &str) -> String {
    format!(
        "hostname = \"mx.ours.example\"\n\
         [[listener]]\nname = \"in\"\nbind = \"127.0.0.1:{}\"\ndirection = \"inbound\"\n\
         [[organisation]]\nname = \"acme\"\nlanguages = [\"sv\"]\n[[organisation]]\nname = \"berg\"\nnetworks = [\"127.0.0.0/8\"]\n\
         [[domain]]\nname = \"ours.example\"\norganisation = \"berg\"\nnext-hop = \"smtp://127.0.0.1:{}\"\nrecipients = \"any\"\n\
         [web]\nadmin = \"127.0.0.1:{admin}\"\n{more}",
        free_port(),
        hop.port()
    )
}

#[test]
fn a_backup_that_is_too_old_is_told_once_and_told_when_there_is_a_new_one() {
    let (hop, admin) = (Hop::start(Manner::default()), free_port());
    let folder = tempfile::tempdir().unwrap();
    let mark = folder.path().join("done");
    touch(&mark, 7_200);
    let control = format!(
        "[[control]]\nname = \"backup\"\nmeasure = \"backup-age\"\nfile = {mark:?}\nlimit = \"1 hour\"\nsteady = \"1 second\"\n\
         owner = [\"eva@ours.example\", \"bo@ours.example\"]\norganisation = \"acme\"\n"
    );
    let config = config(&hop, admin, &control);
    let mut gateway = Gateway::start_in(folder.path(), &config);
    let told = |reader: &'static str, subject: &'static str| {
        wait_for(subject, || letters(&hop, reader, subject).pop())
    };
    // In the language of the organisation that it belongs to.
    let broken = told("eva@ours.example", "Bruten: backup");
    for has in ["Content-Language: sv", "2 h 0 min", "1 h 0 min", "auto-generated"] {
        assert!(broken.contains(has), "{has}: {broken}");
    }
    assert!(!broken.contains("bo@ours.example"), "nobody's address but the reader's: {broken}");
    told("bo@ours.example", "Bruten: backup");
    // Whoever looks sees it, and who may not does not.
    let status = gateway.command(&["status"]);
    let status = String::from_utf8_lossy(&status.stdout).into_owned();
    assert!(status.contains("the control \"backup\" is broken for"), "{status}");
    wait_for("the gauge", || gauge(admin, "backup").filter(|value| value == "1"));
    let options = |role: &'static str, organisation: &'static str| {
        vec!["--role", role, "--organisation", organisation]
    };
    for (name, options, sees) in [
        ("auditor", vec!["--role", "auditor"], true),
        ("acme-admin", options("domain-admin", "acme"), true),
        ("berg-admin", options("domain-admin", "berg"), false),
    ] {
        let mut browser = Browser::of_account(&gateway, admin, name, &options);
        let page = browser.get("/controls");
        assert_eq!(page.code, 200, "{name}");
        assert_eq!(page.body.contains("eva@ours.example"), sees, "{name}: {}", page.body);
        assert_eq!(page.body.contains("2 h 0 min"), sees, "{name}");
        let needs = browser.get("/").body;
        assert_eq!(needs.contains("the control"), sees, "{name}: {needs}");
        let fields =
            [("label", "x"), ("days", "30"), ("password", PASSWORD), ("right", "settings")];
        let made = browser.post("/own/tokens/add", &fields).body;
        let token = between(&made, "<code class=\"letters\">", "</code>").unwrap();
        let field = format!("Host: localhost\r\nAuthorization: Bearer {token}\r\n");
        let said = ask(admin, "GET", "/api/v1/controls", &field, "").body;
        let said: Value = serde_json::from_str(&said).unwrap();
        assert_eq!(said["items"].as_array().unwrap().len(), usize::from(sees), "{name}: {said}");
        if sees {
            let one = &said["items"][0];
            assert_eq!(
                (one["state"].as_str(), one["open"]["number"].as_u64()),
                (Some("broken"), Some(1))
            );
        }
    }
    let mut helpdesk = Browser::of_account(&gateway, admin, "helpdesk", &["--role", "helpdesk"]);
    assert_ne!(helpdesk.get("/controls").code, 200);
    // A crash: it is broken still, and nobody hears of it again.
    gateway.kill();
    let mut gateway = Gateway::start_in(folder.path(), &config);
    wait_for("the gauge", || gauge(admin, "backup").filter(|value| value == "1"));
    thread::sleep(Duration::from_secs(2));
    assert_eq!(letters(&hop, "eva@ours.example", "Bruten").len(), 1);
    let opened = audit(&gateway, "deviation-opened");
    assert_eq!(opened.len(), 1, "{opened:?}");
    assert_eq!(
        (opened[0]["object"].as_str(), opened[0]["organisation"].as_str()),
        (Some("backup"), Some("acme"))
    );
    assert_eq!(opened[0]["details"]["measure"], "backup-age");
    // The backup runs.
    touch(&mark, 0);
    let healed = told("eva@ours.example", "=?utf-8?B?");
    assert!(healed.contains("åter i ordning"), "{healed}");
    wait_for("the record", || audit(&gateway, "deviation-healed").pop());
    wait_for("the gauge", || gauge(admin, "backup").filter(|value| value == "0"));
    let status = String::from_utf8(gateway.command(&["status"]).stdout).unwrap();
    assert!(!status.contains("the control"), "{status}");
    gateway.signal("TERM");
    assert!(gateway.ended().success());
}

#[test]
fn a_log_server_that_is_away_is_a_deviation_until_nobody_asks_for_it() {
    let (hop, admin) = (Hop::start(Manner::default()), free_port());
    let nobody = free_port();
    let syslog = format!("[audit]\nsyslog = \"tls://127.0.0.1:{nobody}\"\n");
    let control = "[[control]]\nname = \"audit link\"\nmeasure = \"audit-link\"\nlimit = \"2 seconds\"\nowner = \"eva@ours.example\"\n\
                   [[control]]\nname = \"signed\"\nmeasure = \"audit-checkpoint\"\nowner = \"eva@ours.example\"\n\
                   [[control]]\nname = \"queue\"\nmeasure = \"queue-age\"\nowner = \"eva@ours.example\"\n\
                   [[control]]\nname = \"certificate\"\nmeasure = \"certificate-days-left\"\nowner = \"eva@ours.example\"\n";
    let whole = config(&hop, admin, &format!("{syslog}{control}"));
    let gateway = Gateway::start(&whole);
    let letter =
        wait_for("the letter", || letters(&hop, "eva@ours.example", "Broken: audit link").pop());
    assert!(letter.contains("Age of the oldest audit record"), "{letter}");
    // All else holds.
    for good in ["signed", "queue", "certificate"] {
        wait_for(good, || gauge(admin, good).filter(|value| value == "0"));
    }
    assert_eq!(hop.taken().len(), 1, "one letter, about one control");
    // Taken out of the configuration, it is over, and nobody is told of what nobody asks for.
    let rest = control.split_once("[[control]]\nname = \"signed\"").unwrap().1;
    let rest = format!("{syslog}[[control]]\nname = \"signed\"{rest}");
    let without = whole.replace(&format!("{syslog}{control}"), &rest);
    gateway.rewrite_config(&without);
    let reloaded = gateway.command(&["reload"]);
    assert!(reloaded.status.success(), "{}", String::from_utf8_lossy(&reloaded.stderr));
    let record = wait_for("the record", || audit(&gateway, "deviation-healed").pop());
    assert_eq!(record["details"]["end"], "control removed");
    assert_eq!(hop.taken().len(), 1);
    let mut owner = Browser::of_account(&gateway, admin, "owner", &["--role", "owner"]);
    let page = owner.get("/controls").body;
    assert!(page.contains("control removed") && page.contains("signed"), "{page}");
    gateway.stop();
}

#[test]
fn mail_that_left_in_clear_is_found_in_what_passed() {
    let (hop, behind) = (Hop::start(Manner::default()), Hop::start(Manner::default()));
    let (admin, outbound) = (free_port(), free_port());
    let control = |name: &str, more: &str| {
        format!(
            "[[control]]\nname = \"{name}\"\nowner = \"eva@ours.example\"\nwithin = \"1 hour\"\nsteady = \"1 second\"\n{more}\n"
        )
    };
    let more = [
        format!(
            "[[listener]]\nname = \"out\"\nbind = \"127.0.0.1:{outbound}\"\ndirection = \"outbound\"\n"
        ),
        format!("[outbound]\nsmarthost = \"smtp://127.0.0.1:{}\"\ntls = \"off\"\n", behind.port()),
        control("region", "measure = \"partner-tls\"\ndomain = \"region.example\""),
        control("other", "measure = \"partner-tls\"\ndomain = \"other.example\""),
        control("personal", "measure = \"personal-data-in-clear\"\ndirection = \"outbound\""),
        control("borne", "measure = \"personal-data-in-clear\"\nlimit = 1"),
    ];
    let gateway = Gateway::start(&config(&hop, admin, &more.concat()));
    for good in ["region", "other", "personal", "borne"] {
        wait_for(good, || gauge(admin, good).filter(|value| value == "0"));
    }
    // A number that the Swedish tax agency publishes for tests.
    let mail = format!(
        "From: Anna <anna@ours.example>\r\nTo: kim@region.example\r\nSubject: about Tolvan\r\nDate: {NOW}\r\nMessage-ID: <1@ours.example>\r\n\r\n\
         Personnummer 191212121212\r\n"
    );
    let heard = Client::hello(outbound)
        .send("anna@ours.example", &["kim@region.example"], mail.as_bytes())
        .unwrap();
    assert_eq!(heard.code, 250, "{heard:?}");
    let region =
        wait_for("the partner", || letters(&hop, "eva@ours.example", "Broken: region").pop());
    assert!(region.contains("1 / 1"), "{region}");
    let personal =
        wait_for("personal data", || letters(&hop, "eva@ours.example", "Broken: personal").pop());
    for letter in [&region, &personal] {
        assert!(
            !letter.contains("Tolvan") && !letter.contains("anna@"),
            "nothing of the mail: {letter}"
        );
        assert!(!letter.contains("1912121"), "{letter}");
    }
    assert_eq!(gauge(admin, "other").as_deref(), Some("0"));
    assert_eq!(gauge(admin, "borne").as_deref(), Some("0"));
    gateway.stop();
}

/// A gateway whose clock the test moves. Nothing leaves its spool.
struct ByHand {
    folder: tempfile::TempDir,
    clock: Clock,
    opened: Option<Opened>,
    watch: Watch,
    seen: HashSet<String>,
}

impl ByHand {
    /// Noon of 21 November 2026; the backup ran just now.
    fn begin() -> ByHand {
        let clock = Clock::by_hand(UnixMs(1_795_262_400_000));
        let (folder, watch, seen) =
            (tempfile::tempdir().unwrap(), Watch::default(), HashSet::new());
        let mut house = ByHand { folder, clock, opened: None, watch, seen };
        house.back_up();
        house.restart();
        house
    }

    fn back_up(&self) {
        let file = fs::File::create(self.folder.path().join("done")).unwrap();
        file.set_modified(UNIX_EPOCH + Duration::from_millis(self.clock.now().0)).unwrap();
    }

    /// As after a crash: what was not stored is forgotten.
    fn restart(&mut self) {
        self.opened = None;
        let folder = self.folder.path();
        let text = format!(
            "hostname = \"mx.ours.example\"\ndata-dir = {:?}\n\
             [[organisation]]\nname = \"acme\"\ncontacts.privacy = \"dpo@ours.example\"\n\
             [[domain]]\nname = \"ours.example\"\nnext-hop = \"smtp://192.0.2.25:25\"\nrecipients = \"any\"\n\
             [[control]]\nname = \"backup\"\nmeasure = \"backup-age\"\nfile = {:?}\norganisation = \"acme\"\n\
             owner = [\"eva@ours.example\", \"bo@ours.example\"]\nescalate-to = \"chief@ours.example\"\n\
             [[control]]\nname = \"queue\"\nmeasure = \"queue-age\"\nlimit = \"90 days\"\nowner = \"eva@ours.example\"\n",
            folder.join("data"),
            folder.join("done"),
        );
        let config = Config::parse(Path::new("sluss.toml"), &text).unwrap();
        self.opened = Some(serve::open(config, None, &self.clock, Opener::Here).unwrap());
        self.watch = Watch::default();
    }

    /// The letters that a round writes: reader and subject, in order.
    async fn round(&mut self, after: Duration) -> Vec<String> {
        self.clock.advance(after);
        let gateway = &self.opened.as_ref().unwrap().gateway;
        let controls = gateway.settings.load().config.controls.clone();
        self.watch.round(gateway, &controls, None).await;
        let mut new = Vec::new();
        for id in gateway.stores.spool.ids() {
            if self.seen.insert(id.to_string()) {
                let (_, content) = gateway.stores.spool.read(id).await.unwrap();
                let text = String::from_utf8(content.bytes().unwrap().to_vec()).unwrap();
                let field = |name: &str| between(&text, name, "\r\n").unwrap().to_string();
                let reader = field("\r\nTo: ").replace("@ours.example", "");
                new.push(format!("{reader}: {}", field("\r\nSubject: ")));
            }
        }
        new.sort();
        new
    }

    /// The text of the letters with this subject.
    async fn text(&self, subject: &str) -> String {
        let gateway = &self.opened.as_ref().unwrap().gateway;
        let mut all = String::new();
        for id in gateway.stores.spool.ids() {
            let (_, content) = gateway.stores.spool.read(id).await.unwrap();
            let text = String::from_utf8(content.bytes().unwrap().to_vec()).unwrap();
            if text.contains(&format!("\r\nSubject: {subject}")) {
                all += &text;
            }
        }
        all
    }
}

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3_600);

#[tokio::test(flavor = "multi_thread")]
async fn ten_days_of_a_backup_that_is_missed_and_of_crashes_at_every_step() {
    let mut house = ByHand::begin();
    let none: [&str; 0] = [];
    assert_eq!(house.round(MINUTE).await, none);
    assert_eq!(house.round(HOUR * 24).await, none);
    let opened = ["bo: Broken: backup", "eva: Broken: backup"];
    assert_eq!(house.round(HOUR).await, opened);
    // A crash before it was marked that they are posted: they are in the spool, and not posted again.
    house.opened = None;
    let store = house.folder.path().join("data/controls/controls.db");
    let store = rusqlite::Connection::open(store).unwrap();
    assert_eq!(store.execute("UPDATE letter SET posted = NULL", []).unwrap(), 2);
    drop(store);
    house.restart();
    take_up(&house.opened.as_ref().unwrap().gateway).await.unwrap();
    assert_eq!(house.round(MINUTE).await, none);
    for day in 1..=4 {
        house.restart();
        let mut want = vec!["bo: Still broken: backup", "eva: Still broken: backup"];
        if day == 3 {
            want.insert(1, "chief: Escalated, still broken: backup");
        }
        assert_eq!(house.round(HOUR * 24).await, want, "day {day}");
        house.restart();
        assert_eq!(house.round(MINUTE).await, none);
    }
    house.back_up();
    assert_eq!(house.round(MINUTE).await, none);
    house.restart();
    assert_eq!(house.round(MINUTE * 4).await, none);
    let healed = ["bo: Well again: backup", "chief: Well again: backup", "eva: Well again: backup"];
    assert_eq!(house.round(MINUTE).await, healed);
    let text = house.text("Well again").await;
    assert!(text.contains("for: 4 d 0 h"), "{text}");
    assert_eq!(house.round(MINUTE).await, none);
    // Until December begins the backup runs every day.
    while house.clock.now() < UnixMs(1_796_083_200_000 - 12 * 3_600_000) {
        house.back_up();
        assert_eq!(house.round(HOUR * 12).await, none);
    }
    house.back_up();
    let month = [
        "bo: Controls in 2026-11 (mx.ours.example)",
        "dpo: Controls in 2026-11 (mx.ours.example)",
        "eva: Controls in 2026-11 (mx.ours.example)",
    ];
    assert_eq!(house.round(HOUR * 12).await, month);
    let text = house.text("Controls in").await;
    assert_eq!(text.matches("backup: deviations: 1, broken for 4 d 0 h").count(), 3, "{text}");
    // Only eva answers for the other one.
    assert_eq!(text.matches("queue: kept all month").count(), 1, "{text}");
    house.restart();
    house.back_up();
    assert_eq!(house.round(HOUR).await, none, "a month is stated once");
}
