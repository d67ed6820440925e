//! Where a scenario plays: a gateway with some mail of every fate, and people of every role at its doors.

use crate::{
    common::{
        Client, Gateway, Hop, Manner, NOW, Names, Said, eicar, free_port, mail, wait_for,
        web::{Browser, PASSWORD, between},
    },
    vectors,
};
use mail_parser::MessageParser;
use serde_json::{Map, Value, json};
use sluss::edge::http::{Door, Route, routes};
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

/// GET routes with a variable part that give no page of ours: downloads, and what stands in a frame.
const NOT_PAGES: &[&str] = &[
    "/.well-known/acme-challenge/{token}",
    "/.well-known/mta-sts.txt",
    "/brand/{file}",
    "/held/{id}/page",
    "/p/{token}/page",
    "/held/{id}/part/{number}",
    "/held/{id}/whole",
];

/// A scenario takes under a minute; on a busy machine a few.
const SCENARIO_SECONDS_MAX: &str = "400";

/// The accounts that look at pages: name, and options of `sluss user add`.
const ACCOUNTS: &[(&str, &[&str])] = &[
    ("owner", &["--role", "owner"]),
    ("admin", &["--role", "admin"]),
    ("reviewer", &["--role", "reviewer"]),
    ("helpdesk", &["--role", "helpdesk"]),
    ("auditor", &["--role", "auditor"]),
    ("domain-admin", &["--role", "domain-admin", "--organisation", "acme"]),
];

/// Whose own page is looked at.
const ANNA: &str = "anna@held.example";

/// What a ground may have that others have not.
#[derive(Default)]
pub struct Options {
    /// Where mail for `ours.example` goes, when not to the scripted server.
    pub next_hop: Option<u16>,
    /// More lines of `[digest]`.
    pub digest: &'static str,
}

/// A gateway with three organisations, and some mail of every fate.
pub struct Ground {
    pub gateway: Gateway,
    pub folder: tempfile::TempDir,
    pub inbound: u16,
    pub outbound: u16,
    pub admin: u16,
    public: u16,
    pub browsers: Vec<(&'static str, Browser)>,
    /// Anna on her own page.
    anna: Option<Browser>,
    /// Pages that nothing links to, those behind the address in a mail, say.
    paths: Vec<(Door, String)>,
    // Takes what is delivered, for as long as the gateway lives.
    hop: Hop,
    _names: Names,
}

impl Ground {
    /// Nothing has come yet.
    #[track_caller]
    pub fn bare(options: &Options) -> Ground {
        let names = Names::start();
        names.say("far.example", Said::Txt("v=spf1 ip4:127.0.0.1 -all"));
        names.say("_dmarc.far.example", Said::Txt("v=DMARC1; p=none"));
        let hop = Hop::start(Manner::default());
        let [inbound, outbound, admin, public] = std::array::from_fn(|_| free_port());
        let folder = tempfile::tempdir().unwrap();
        let config = config(options, &hop, &names, [inbound, outbound, admin, public]);
        let gateway = Gateway::start_in(folder.path(), &config);
        let browser = |(name, options): &(&'static str, &[&str])| {
            (*name, Browser::of_account(&gateway, admin, name, options))
        };
        let browsers = ACCOUNTS.iter().map(browser).collect();
        let (anna, paths) = (None, Vec::new());
        Ground {
            gateway,
            folder,
            inbound,
            outbound,
            admin,
            public,
            browsers,
            anna,
            paths,
            hop,
            _names: names,
        }
    }

    /// With mail that is delivered, waiting, held and refused, a digest, a stored value, and a mail that was opened.
    #[track_caller]
    pub fn open() -> Ground {
        let mut ground = Ground::bare(&Options::default());
        ground.seed();
        ground
    }

    #[track_caller]
    fn seed(&mut self) {
        let virus = format!(
            "From: Karin <karin@example.org>\r\nTo: anna@berg.example\r\nSubject: a sample\r\nMIME-Version: 1.0\r\nContent-Type: text/plain\r\n\r\n{}\r\n",
            eicar()
        );
        let held = mail("held").replace("Date:", "X-Date:").replace("Hi Anna", "<b>Hi</b> Anna");
        let page =
            held.replace("\r\n\r\n", "\r\nMIME-Version: 1.0\r\nContent-Type: text/html\r\n\r\n");
        // Words that no page is wide enough for: subject, name, address and file name.
        let word = "w".repeat(200);
        let wide = format!(
            "From: {word} <{local}@{label}.{label}.example>\r\nTo: {ANNA}\r\nSubject: {word}\r\nMIME-Version: 1.0\r\n\
             Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain\r\n\r\n{word}\r\n\
             --b\r\nContent-Type: text/plain\r\nContent-Disposition: attachment; filename={word}.txt\r\n\r\nx\r\n--b--\r\n",
            local = "l".repeat(60),
            label = "d".repeat(60),
        );
        // The same to two, with enough words to be known for it.
        let ferry = |name: &str| {
            format!(
                "{}We could take the ferry over to the island then, and be back before it gets dark again.\r\n",
                mail(name)
            )
        };
        for (to, mail) in [
            (ANNA, wide.into_bytes()),
            ("anna@acme.example", ferry("many").into_bytes()),
            ("bo@acme.example", ferry("many more").into_bytes()),
            ("anna@acme.example", mail("delivered").into_bytes()),
            ("anna@berg.example", mail("delivered too").into_bytes()),
            ("anna@away.example", mail("waits").into_bytes()),
            (ANNA, held.into_bytes()),
            (ANNA, page.replace("Subject: held", "Subject: a page").into_bytes()),
            ("anna@berg.example", virus.into_bytes()),
        ] {
            self.send("karin@example.org", to, &mail);
        }
        wait_for("held mails", || (self.gateway.quarantine(false).len() > 2).then_some(()));
        wait_for("a waiting mail", || (!self.gateway.queue().is_empty()).then_some(()));
        let strict = ["policy.strict", "{ quarantine = 6.0 }"];
        self.run(&["config", "set", strict[0], strict[1], "--comment", "a try"]);
        self.anna = Some(self.at_home());
        self.open_a_mail();
        for link in links(&self.digest(ANNA, || self.hop.drain().pop().map(|taken| taken.bytes))) {
            let path = link.split_once("/m/").map(|(_, token)| format!("/m/{token}"));
            self.paths.extend(path.map(|path| (Door::Public, path)));
        }
        let (link, _) = self.parcel("bo@world.example", "Hello", "#secure");
        self.paths.push((Door::Public, "/send/bo@acme.example".to_string()));
        self.paths.push((Door::Public, "/send/acme".to_string()));
        let (_, path) = link.split_once("/p/").unwrap();
        self.paths.push((Door::Public, format!("/p/{path}")));
        let invited = self.invited("kim@world.example");
        self.paths.push((Door::Public, invited));
        // A sender who proved who it is reads why it was refused.
        let refused = mail("refused").replace("karin@example.org", "karin@far.example");
        let refused = refused.replace("Date:", "X-Date:");
        let heard = Client::hello(self.inbound)
            .send("karin@far.example", &["anna@refused.example"], refused.as_bytes())
            .unwrap();
        let (_, code) = heard.last().split_once("/r/").unwrap_or_else(|| panic!("{heard:?}"));
        let code = code.split_whitespace().next().unwrap().trim_end_matches(['.', ',', ')']);
        self.paths.push((Door::Public, format!("/r/{code}")));
        // Each link is opened once: the first time from a network leaves its mark, and no other does.
        let mut somebody = Browser::new(self.public);
        for (_, path) in self.paths.iter().filter(|(door, _)| *door == Door::Public) {
            assert_eq!(somebody.get(path).code, 200, "{path}");
        }
    }

    /// The owner opens the held page, for a reason.
    #[track_caller]
    fn open_a_mail(&mut self) {
        let all = self.gateway.quarantine(false);
        let page = all.iter().find(|held| held["subject"] == "a page").unwrap();
        let [id, came] = ["id", "transaction"].map(|field| page[field].as_str().unwrap());
        self.open_mail(id);
        self.paths.push((Door::Admin, format!("/proof/{came}")));
        self.paths.extend(
            ["content", "page", "part/0", "whole"]
                .map(|what| (Door::Admin, format!("/held/{id}/{what}"))),
        );
    }

    /// The owner opens a held mail, for a reason.
    #[track_caller]
    pub fn open_mail(&mut self, id: &str) {
        let (_, owner) = self.browsers.iter_mut().find(|(name, _)| *name == "owner").unwrap();
        let why = "Anna rang and asked what it is.";
        let answer = owner.post(&format!("/held/{id}/open"), &[("why", why)]);
        assert_eq!(answer.field("location"), format!("/held/{id}/content"), "{}", answer.body);
    }

    #[track_caller]
    pub fn send(&self, from: &str, to: &str, mail: &[u8]) {
        Client::hello(self.inbound).send(from, &[to], mail).unwrap();
    }

    #[track_caller]
    fn run(&self, words: &[&str]) {
        let out = self.gateway.command(words);
        assert!(out.status.success(), "{words:?}: {}", String::from_utf8_lossy(&out.stderr));
    }

    /// Anna asks for a code, reads it in her mail, and is on her own page.
    #[track_caller]
    fn at_home(&self) -> Browser {
        let mut anna = Browser::new(self.public);
        anna.get("/me");
        anna.post("/me/code", &[("address", ANNA)]);
        let about = |letter: &str| between(letter, "Your code is ", ".").map(str::to_string);
        let code = wait_for("the code", || {
            self.hop.drain().iter().find_map(|letter| about(&letter.text()))
        });
        let answer = anna.post("/me/open", &[("address", ANNA), ("code", &code)]);
        assert_eq!(answer.field("location"), "/me", "{}", answer.body);
        anna
    }

    /// Anna asks somebody for files, and agrees on a password with him; gives the path of his link.
    #[track_caller]
    fn invited(&self, guest: &str) -> String {
        let mut anna = self.anna.clone().unwrap();
        anna.get("/me/safe");
        let agreed = [("do", "agree"), ("recipient", guest), ("password", "two dogs and a boat")];
        assert_eq!(anna.post("/me/safe", &agreed).code, 303);
        assert_eq!(anna.post("/me/safe", &[("do", "invite"), ("guest", guest)]).code, 303);
        wait_for("the invitation", || {
            let letters = self.hop.drain().into_iter().map(|letter| letter.text());
            letters.into_iter().find_map(|text| {
                let (_, token) = text.split_once("/i/")?;
                Some(format!("/i/{}", token.split_whitespace().next()?))
            })
        })
    }

    /// Somebody at acme sends a mail the safe way; gives its link and its code.
    #[track_caller]
    pub fn parcel(&self, to: &str, text: &str, tag: &str) -> (String, String) {
        let mail = format!(
            "From: Anna <anna@acme.example>\r\nTo: {to}\r\nSubject: {tag} Hello\r\nDate: {NOW}\r\nMessage-ID: <{to}>\r\n\r\n{text}\r\n"
        );
        self.parcel_of(to, mail.as_bytes())
    }

    /// The same with any mail.
    #[track_caller]
    pub fn parcel_of(&self, to: &str, mail: &[u8]) -> (String, String) {
        let heard = Client::hello(self.outbound).send("anna@acme.example", &[to], mail).unwrap();
        assert_eq!(heard.code, 250, "{heard:?}");
        let (mut link, mut code) = (None, None);
        wait_for("a link and a code", || {
            // Somebody who answers for personal data says yes to what waits for that.
            for held in self.gateway.quarantine(false) {
                if held["why"] == "personal.approval" {
                    self.run(&["quarantine", "release", held["id"].as_str().unwrap()]);
                }
            }
            for letter in self.hop.drain() {
                let text = letter.text();
                let at = |line: &&str| line.starts_with("    http");
                match letter.is_for(to) {
                    true => link = text.lines().find(at).map(|line| line.trim().to_string()),
                    false => code = code_in(&text).or(code.take()),
                }
            }
            Some((link.clone()?, code.clone()?))
        })
    }

    /// Has a digest written; gives its page as the reader's mail program has it.
    #[track_caller]
    pub fn digest(&self, mailbox: &str, arrived: impl FnMut() -> Option<Vec<u8>>) -> String {
        self.run(&["digest", "send", mailbox]);
        let letter = wait_for("the digest", arrived);
        let letter = MessageParser::default().parse(&letter).unwrap();
        letter.body_html(0).unwrap().into_owned()
    }

    /// Everything that was delivered to the scripted server.
    pub fn hop(&self) -> &Hop {
        &self.hop
    }

    fn place(&self, more: Value) -> Value {
        let door = |door: Door| format!("{door:?}");
        let of_route =
            |one: &Route| json!({ "door": door(one.door), "method": one.method, "path": one.path });
        // The API is for programs; tests/api.rs knows it.
        let (programs, people): (Vec<&Route>, Vec<&Route>) =
            routes().partition(|one| one.spec.is_some());
        let [programs, people]: [Vec<Value>; 2] =
            [programs, people].map(|part| part.into_iter().map(of_route).collect());
        let accounts: Vec<Value> = self
            .browsers
            .iter()
            .map(|(name, browser)| {
                json!({ "name": name, "role": name, "password": PASSWORD, "door": "Admin", "cookies": browser.cookies })
            })
            .collect();
        let anna = self.anna.as_ref().map(
            |anna| json!({ "name": "anna", "role": "person", "door": "Public", "cookies": anna.cookies }),
        );
        let paths: Vec<Value> = self
            .paths
            .iter()
            .map(|(at, path)| json!({ "door": door(*at), "path": path }))
            .collect();
        let all = json!({
            "chromium": "/usr/bin/chromium",
            "admin": format!("http://127.0.0.1:{}", self.admin),
            "public": format!("http://127.0.0.1:{}", self.public),
            "routes": people,
            "programs": programs,
            "paths": paths,
            "notPages": NOT_PAGES,
            "accounts": accounts,
            "anna": anna,
            "screenshots": root().join("target/screenshots"),
            "vectors": vectors(),
        });
        let [all, more] = [all, more].map(|part| part.as_object().cloned().unwrap_or_default());
        Value::Object(all.into_iter().chain(more).collect::<Map<_, _>>())
    }

    /// Plays `tests/browser/NAME.mjs` here, with what else it wants to know; gives what it says, and fails with it.
    #[track_caller]
    pub fn play(&self, name: &str, more: Value) -> String {
        let scripts = root().join("tests/browser");
        assert!(
            scripts.join("node_modules").is_dir(),
            "run tests/run, or `npm ci` in tests/browser"
        );
        let place = self.folder.path().join("place.json");
        fs::write(&place, self.place(more).to_string()).unwrap();
        let rest = self.folder.path().join("browser");
        fs::create_dir_all(&rest).unwrap();
        // Chromium keeps its profile in a folder that goes with the test, and knows of no proxy.
        let ended = Command::new("timeout")
            .args(["--kill-after=5", SCENARIO_SECONDS_MAX, "node"])
            .arg(scripts.join(format!("{name}.mjs")))
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap())
            .envs([("HOME", &rest), ("TMPDIR", &rest), ("SLUSS_PLACE", &place)])
            .output()
            .unwrap();
        let said = format!(
            "{}{}",
            String::from_utf8_lossy(&ended.stdout),
            String::from_utf8_lossy(&ended.stderr)
        );
        assert!(ended.status.success(), "{name}: {}\n{said}", ended.status);
        eprintln!("{name}: {said}");
        said
    }
}

fn config(options: &Options, hop: &Hop, names: &Names, ports: [u16; 4]) -> String {
    let [inbound, outbound, admin, public] = ports;
    let domain = |name: &str, organisation: &str, port: u16, policy: &str| {
        format!(
            "[[domain]]\nname = \"{name}\"\norganisation = \"{organisation}\"\nnext-hop = \"smtp://127.0.0.1:{port}\"\nrecipients = \"any\"\npolicy = \"{policy}\"\n"
        )
    };
    let domains = [
        domain("acme.example", "acme", hop.port(), "open"),
        domain("held.example", "acme", hop.port(), "holding"),
        domain("refused.example", "acme", hop.port(), "refusing"),
        domain("away.example", "acme", free_port(), "open"),
        domain("berg.example", "berg", hop.port(), "open"),
        domain("ours.example", "hamn", options.next_hop.unwrap_or(hop.port()), "holding"),
    ];
    // One that is broken, and one with a name that no page is wide enough for, which cannot be measured.
    let wide = "w".repeat(60);
    let controls = format!(
        "[[control]]\nname = \"certificate\"\nmeasure = \"certificate-days-left\"\nlimit = 1000000\nowner = \"it@acme.example\"\n\
         [[control]]\nname = \"{wide}\"\nmeasure = \"backup-age\"\nfile = \"/nowhere/{wide}\"\nowner = [\"it@away.example\", \"{wide}@away.example\"]\norganisation = \"acme\"\n"
    );
    format!(
        "hostname = \"mx.ours.example\"\n\
         [[listener]]\nname = \"in\"\nbind = \"127.0.0.1:{inbound}\"\ndirection = \"inbound\"\n\
         [[listener]]\nname = \"out\"\nbind = \"127.0.0.1:{outbound}\"\ndirection = \"outbound\"\n\
         [dns]\nservers = [\"127.0.0.1:{}\"]\nsender-domains = false\n\
         [[organisation]]\nname = \"acme\"\nlanguages = [\"en\"]\ncountry = \"SE\"\nportal-inbox = \"anna@acme.example\"\n[[organisation]]\nname = \"berg\"\n\
         [[organisation]]\nname = \"hamn\"\ntitle = \"Hamnens båtklubb\"\nlanguages = [\"sv\"]\ncountry = \"SE\"\n\
         [outbound]\norganisation = \"acme\"\nnetworks = [\"127.0.0.0/8\"]\nsmarthost = \"smtp://127.0.0.1:{}\"\n[portal]\nenabled = true\nupload = true\n{}\
         [[policy]]\nname = \"open\"\nmark = 1000\nquarantine = 1000\nreject = 1000\n\
         [[policy]]\nname = \"holding\"\nmark = 0.1\nquarantine = 0.1\nreject = 1000\n[policy.actions]\nvirus = \"quarantine\"\n\
         [[policy]]\nname = \"refusing\"\nmark = 0.1\nquarantine = 0.1\nreject = 0.2\n\
         {controls}\
         [limits]\ntransactions-per-minute = 1000000\n\
         [web]\nadmin = \"127.0.0.1:{admin}\"\npublic = \"127.0.0.1:{public}\"\npublic-url = \"http://127.0.0.1:{public}\"\nproxies = [\"127.0.0.1/32\"]\n\
         [digest]\nenabled = false\nfold-above = 900.0\n{}",
        names.port(),
        hop.port(),
        domains.concat(),
        options.digest,
    )
}

/// Eight digits on a line of their own.
fn code_in(text: &str) -> Option<String> {
    let is_code = |line: &&str| {
        let digits = line.replace(' ', "");
        digits.len() == 8 && digits.bytes().all(|one| one.is_ascii_digit())
    };
    text.lines().map(str::trim).find(is_code).map(str::to_string)
}

/// The addresses behind the buttons of a digest.
pub fn links(digest: &str) -> Vec<String> {
    let all = digest.split("href=\"").skip(1).map(|rest| rest.split('"').next().unwrap());
    all.filter(|link| link.contains("/m/")).map(str::to_string).collect()
}

pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_path_buf()
}
