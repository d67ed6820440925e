//! A hundred organisations with a thousand domains in one gateway, under mixed mail: then everything that anybody can read afterwards is walked.
//!
//! Whatever belongs to an organisation carries its number: its name, domains and policies are called `house-042`, and its mail server
//! and its network are 127.1.42.x. So a text tells by itself whom it speaks of, and nothing may speak of two that did not write to each other.

// Real time, and failing loudly, is what these tests are for.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, clippy::disallowed_methods)]

mod common;

use common::{Client, Gateway, Hop, Manner, Taken, eicar, free_port, mail, wait_for};
use serde_json::{Value, json};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Mutex,
    thread,
    time::Instant,
};

const ORGANISATIONS: usize = 100;
const DOMAINS_OF_EACH: usize = 10;
const CLIENTS: usize = 4;

/// What one organisation sees in the course of the test.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    /// From the world to it; four of these.
    Plain(usize),
    /// From the world to it and to its neighbour.
    ToTwo,
    /// The same with a virus: one of the two holds it, the other would refuse it.
    VirusToTwo,
    Virus,
    /// To an address of it that does not exist.
    Unknown,
    /// To the world, as itself.
    Out,
    /// To the world, with a stranger's sender.
    Forward,
    /// The bounce of that forwarded mail.
    Returned,
    /// Such a bounce of its neighbour's forwarded mail.
    Stolen,
    /// To the world with the neighbour's From.
    Pretended,
    /// To an organisation seven further on, which we host as well.
    ToHosted,
    /// To the world, which has no time.
    Waiting,
    /// From the world to its postmaster and the neighbour's, whose servers have no time.
    WaitingForTwo,
}

use Kind::*;

/// Each of these is sent once by, or to, every organisation. Those that wait come last: they slow the others down.
const FIRST: [Kind; 12] = [
    Plain(0),
    Plain(1),
    Plain(2),
    Plain(3),
    ToTwo,
    VirusToTwo,
    Virus,
    Unknown,
    Out,
    Forward,
    Pretended,
    ToHosted,
];
const THEN: [Kind; 4] = [Returned, Stolen, Waiting, WaitingForTwo];

impl Kind {
    /// Whose the mail is, beside `number`'s own.
    fn party(self, number: usize) -> Option<usize> {
        match self {
            ToTwo | VirusToTwo | WaitingForTwo => Some((number + 1) % ORGANISATIONS),
            ToHosted => Some((number + 7) % ORGANISATIONS),
            Plain(_) | Virus | Unknown | Out | Forward | Returned | Stolen | Pretended
            | Waiting => None,
        }
    }

    /// Both parties see both: one wrote to the other.
    fn both_see_both(self) -> bool {
        self == ToHosted
    }

    /// The beginning of the reply.
    fn reply(self, number: usize) -> &'static str {
        match self {
            Plain(_) => "250 2.0.0 delivered",
            ToTwo | VirusToTwo | Out | Forward | Returned | ToHosted | Waiting | WaitingForTwo => {
                "250 2.0.0 "
            }
            Virus if holds(number) => "250 2.0.0 queued",
            Virus => "550 5.7.1 refused",
            Unknown | Stolen => "550 5.1.1",
            Pretended => "550 5.7.1",
        }
    }
}

/// Every other organisation holds viruses; the rest refuse them.
fn holds(number: usize) -> bool {
    number.is_multiple_of(2)
}

fn name(number: usize) -> String {
    format!("house-{number:03}")
}

fn domain(number: usize, which: usize) -> String {
    format!("d{which}.{}.example", name(number))
}

/// Where the senders of its forwarded mail are rewritten. Every third has a domain for that alone; the others use their first.
fn forward_domain(number: usize) -> String {
    match number.is_multiple_of(3) {
        true => format!("forward.{}.example", name(number)),
        false => domain(number, 0),
    }
}

/// The organisations that a text speaks of, by name or by address.
fn spoken_of(text: &str) -> BTreeSet<usize> {
    let mut found = BTreeSet::new();
    for mark in ["house-", "127.1."] {
        for (_, rest) in text.match_indices(mark).map(|(at, _)| text.split_at(at + mark.len())) {
            let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
            found.insert(digits.parse().unwrap_or_else(|_| panic!("{mark}{rest}")));
        }
    }
    found
}

fn config(inbound: u16, outbound: u16, hops: &[Hop], world: &Hop) -> String {
    let mut config = format!(
        "hostname = \"mx.host.example\"\n\
         [[listener]]\nname = \"in\"\nbind = \"127.0.0.1:{inbound}\"\ndirection = \"inbound\"\n\
         [[listener]]\nname = \"out\"\nbind = \"127.0.0.1:{outbound}\"\ndirection = \"outbound\"\n\
         [outbound]\nsmarthost = \"smtp://127.0.0.1:{}\"\ntls = \"off\"\n\
         [limits]\ntransactions-per-minute = 1000000\nretry-first = \"1 hour\"\n",
        world.port()
    );
    for (number, hop) in hops.iter().enumerate() {
        let name = name(number);
        let virus = if holds(number) { "quarantine" } else { "reject" };
        config += &format!(
            "[[policy]]\nname = \"{name}-policy\"\n[policy.actions]\nvirus = \"{virus}\"\n\
             [[organisation]]\nname = \"{name}\"\nnetworks = [\"127.1.{number}.0/24\"]\npolicy = \"{name}-policy\"\n"
        );
        if number.is_multiple_of(3) {
            config += &format!("forward-domain = \"{}\"\n", forward_domain(number));
        }
        for which in 0..DOMAINS_OF_EACH {
            config += &format!(
                "[[domain]]\nname = \"{}\"\norganisation = \"{name}\"\nnext-hop = \"smtp://127.1.{number}.1:{}\"\n",
                domain(number, which),
                hop.port()
            );
        }
    }
    config
}

/// A mail that was sent: of which kind, by or to whom, and what was said last.
#[derive(Debug, Clone)]
struct Mail {
    kind: Kind,
    number: usize,
    replies: Vec<String>,
}

impl Mail {
    fn id(&self) -> String {
        let last = self.replies.last().unwrap();
        let (_, id) = last.rsplit_once("(id ").unwrap_or_else(|| panic!("no id: {self:?}"));
        id.trim_end_matches(')').to_string()
    }

    /// Whom its rows may speak of in the eyes of this organisation.
    fn may_speak_of(&self, owner: usize) -> BTreeSet<usize> {
        let parties = self.parties();
        // Whoever wrote another's name into a mail of their own wrote it, and knows it.
        let written = (self.kind == Kind::Pretended).then_some((self.number + 1) % ORGANISATIONS);
        let seen = if self.kind.both_see_both() { parties } else { BTreeSet::from([owner]) };
        seen.into_iter().chain(written).collect()
    }

    fn parties(&self) -> BTreeSet<usize> {
        [Some(self.number), self.kind.party(self.number)].into_iter().flatten().collect()
    }
}

struct House {
    gateway: Gateway,
    hops: Vec<Hop>,
    world: Hop,
    inbound: u16,
    outbound: u16,
    /// The sender under which each organisation's forwarded mail left.
    rewritten: Mutex<BTreeMap<usize, String>>,
}

impl House {
    fn start() -> House {
        let hops: Vec<Hop> = (0..ORGANISATIONS)
            .map(|number| {
                // What it says names it, so that its words in another's row would be seen.
                let said = |words: &str| format!("{words} at {}", name(number));
                let rcpt = vec![
                    ("<nobody".to_string(), said("550 5.1.1 nobody of that name")),
                    ("<postmaster".to_string(), said("450 4.2.1 no time")),
                ];
                let dot = common::Dot::Say(said("250 2.0.0 taken"));
                Hop::start_at(
                    &format!("127.1.{number}.1:0"),
                    Manner { rcpt, dot, ..Manner::default() },
                )
            })
            .collect();
        let later = vec![("<later".to_string(), "450 4.2.1 no time".to_string())];
        let world = Hop::start(Manner { rcpt: later, ..Manner::default() });
        let (inbound, outbound) = (free_port(), free_port());
        let gateway = Gateway::start(&config(inbound, outbound, &hops, &world));
        House { gateway, hops, world, inbound, outbound, rewritten: Mutex::default() }
    }

    /// Has every organisation see one of each of these kinds, by several clients at once.
    fn send_all(&self, kinds: &[Kind]) -> Vec<Mail> {
        let clients: Vec<Vec<Mail>> = thread::scope(|scope| {
            let of_client = |client: usize| {
                let numbers = (0..ORGANISATIONS).filter(move |number| number % CLIENTS == client);
                let mut sent = Vec::new();
                for number in numbers {
                    // A stranger who names many that do not exist is answered ever more slowly: here each names two.
                    let mut from_world = Client::hello(self.inbound);
                    let mut own = Client::hello_from(&format!("127.1.{number}.9"), self.outbound);
                    for kind in kinds {
                        sent.push(self.send(*kind, number, &mut from_world, &mut own));
                    }
                }
                sent
            };
            let running: Vec<_> =
                (0..CLIENTS).map(|client| scope.spawn(move || of_client(client))).collect();
            running.into_iter().map(|client| client.join().unwrap()).collect()
        });
        clients.concat()
    }

    fn send(&self, kind: Kind, number: usize, world: &mut Client, own: &mut Client) -> Mail {
        let party = kind.party(number);
        let at = |number: usize, local: &str| {
            format!("{local}@{}", domain(number, number % DOMAINS_OF_EACH))
        };
        let both = |local: &str| vec![at(number, local), at(party.unwrap(), local)];
        let rewritten = |number: usize| self.rewritten.lock().unwrap()[&number].clone();
        let (stranger, ours) = ("writer@far.example".to_string(), at(number, "anna"));
        let (from, to) = match kind {
            // Four mails to four of its domains.
            Plain(which) => (stranger, vec![format!("anna@{}", domain(number, which * 3))]),
            ToTwo | VirusToTwo => (stranger, both("anna")),
            WaitingForTwo => (stranger, both("postmaster")),
            Virus => (stranger, vec![at(number, "anna")]),
            Unknown => (stranger, vec![at(number, "nobody")]),
            Out => (ours, vec!["reader@far.example".to_string()]),
            Pretended => (ours, vec!["reader@far.example".to_string()]),
            Waiting => (ours, vec!["later@far.example".to_string()]),
            ToHosted => (ours, vec![at(party.unwrap(), "anna")]),
            Forward => (stranger, vec!["reader@far.example".to_string()]),
            Returned => (String::new(), vec![rewritten(number)]),
            Stolen => {
                let neighbours = rewritten((number + 1) % ORGANISATIONS);
                let (local, _) = neighbours.rsplit_once('@').unwrap();
                (String::new(), vec![format!("{local}@{}", forward_domain(number))])
            }
        };
        let visible = match kind {
            Pretended => at((number + 1) % ORGANISATIONS, "anna"),
            Returned | Stolen => "mailer-daemon@far.example".to_string(),
            Plain(_) | ToTwo | VirusToTwo | Virus | Unknown | Out | Forward | ToHosted
            | Waiting | WaitingForTwo => from.clone(),
        };
        // Nothing in the text tells whose it is, but From.
        let text = mail(&format!("{}-{number}", format!("{kind:?}").replace(['(', ')'], "")))
            .replace("Karin Berg <karin@example.org>", &visible);
        let text = match kind {
            Virus | VirusToTwo => {
                let (header, _) = text.split_once("\r\n\r\n").unwrap();
                format!("{header}\r\nContent-Type: application/octet-stream\r\n\r\n{}\r\n", eicar())
            }
            Plain(_) | ToTwo | Unknown | Out | Forward | Returned | Stolen | Pretended
            | ToHosted | Waiting | WaitingForTwo => text,
        };
        let outbound = matches!(kind, Out | Forward | Pretended | ToHosted | Waiting);
        let client = if outbound { own } else { world };
        let replies = talk(client, &from, &to, &text);
        let mail = Mail { kind, number, replies };
        let last = mail.replies.last().unwrap();
        assert!(last.starts_with(kind.reply(number)), "{mail:?}");
        mail
    }

    fn nothing_goes_on(&self) {
        let rests = |leg: &Value| leg["under_way"] == false && leg["tries"].as_u64() > Some(0);
        wait_for("the spool to be tried", || self.gateway.queue().iter().all(rests).then_some(()));
    }

    fn trace(&self, id: &str) -> Vec<Value> {
        let rows = self.gateway.ask(&json!({ "command": "trace", "id": id })).unwrap();
        rows.as_array().unwrap().clone()
    }
}

/// One transaction and all its replies; RSET ends one of which no recipient was taken.
fn talk(client: &mut Client, from: &str, to: &[String], text: &str) -> Vec<String> {
    let mut replies = Vec::new();
    let mut ask = |client: &mut Client, line: &str| {
        let heard = client.ask(line).unwrap();
        replies.push(heard.lines.join("\n"));
        heard.code
    };
    ask(client, &format!("MAIL FROM:<{from}>"));
    let mut taken = 0;
    for to in to {
        taken += usize::from(ask(client, &format!("RCPT TO:<{to}>")) == 250);
    }
    if taken == 0 {
        assert_eq!(client.ask("RSET").unwrap().code, 250);
        return replies;
    }
    assert_eq!(ask(client, "DATA"), 354);
    client.write(&[text.as_bytes(), b".\r\n"].concat()).unwrap();
    replies.push(client.hear().unwrap().lines.join("\n"));
    replies
}

#[test]
fn nothing_of_one_organisation_reaches_another() {
    let began = Instant::now();
    let house = House::start();
    eprintln!("started after {:?}", began.elapsed());
    let mut sent = house.send_all(&FIRST);
    house.nothing_goes_on();
    learn_rewritten(&house);
    sent.extend(house.send_all(&THEN));
    house.nothing_goes_on();
    eprintln!("{} mails after {:?}", sent.len(), began.elapsed());
    assert_eq!(sent.len(), ORGANISATIONS * (FIRST.len() + THEN.len()));
    replies_name_nobody_else(&sent);
    let mails = trace_rows_name_nobody_else(&house, &sent);
    held_rows_name_nobody_else(&house);
    queue_rows_name_nobody_else(&house);
    log_lines_name_nobody_else(&house, &mails);
    mails_name_nobody_else(&house);
    eprintln!("all walked after {:?}", began.elapsed());
}

/// Reads in the world's mail what became of the forwarded mails' senders: one address of each organisation, in its own domain.
fn learn_rewritten(house: &House) {
    let taken = house.world.taken();
    let mut rewritten = house.rewritten.lock().unwrap();
    for mail in taken.iter().filter(|mail| mail.text().contains("Subject: Forward-")) {
        let address = mail.mail.split(['<', '>']).nth(1).unwrap();
        let spoken = spoken_of(address);
        let number = *spoken.first().unwrap_or_else(|| panic!("nobody's: {address}"));
        assert!(address.starts_with("SRS0="), "{address}");
        assert!(
            address.ends_with(&format!("=far.example=writer@{}", forward_domain(number))),
            "{address}"
        );
        assert_eq!(spoken.len(), 1, "{address}");
        assert!(mail.text().contains(&format!("Subject: Forward-{number}\r\n")), "{address}");
        assert!(rewritten.insert(number, address.to_string()).is_none(), "twice: {address}");
    }
    assert_eq!(rewritten.len(), ORGANISATIONS);
}

/// What a client hears speaks of nobody but the one it wrote to, or for.
fn replies_name_nobody_else(sent: &[Mail]) {
    let mut walked = 0;
    for mail in sent {
        for reply in &mail.replies {
            walked += 1;
            let spoken = spoken_of(reply);
            // One reply is for both recipients: it may speak of neither.
            let may = if mail.kind.party(mail.number).is_some() {
                BTreeSet::new()
            } else {
                mail.parties()
            };
            assert!(spoken.is_subset(&may), "{mail:?}: {reply}");
        }
    }
    // MAIL, each RCPT; DATA and the end where one was taken.
    let of = |kind: Kind| match kind {
        Unknown | Stolen => 2,
        ToTwo | VirusToTwo | WaitingForTwo => 5,
        Plain(_) | Virus | Out | Forward | Returned | Pretended | ToHosted | Waiting => 4,
    };
    assert_eq!(walked, sent.iter().map(|mail| of(mail.kind)).sum::<usize>());
}

/// Each party has its own row, and reads there of nobody else. Gives the mails by their ids.
fn trace_rows_name_nobody_else(house: &House, sent: &[Mail]) -> BTreeMap<String, Mail> {
    let mails: BTreeMap<String, Mail> = sent.iter().map(|mail| (mail.id(), mail.clone())).collect();
    assert_eq!(mails.len(), sent.len(), "an id is given once");
    let rows_wanted: usize = sent.iter().map(|mail| mail.parties().len()).sum();
    let list = |filter: Value| {
        let lines =
            house.gateway.ask(&json!({ "command": "trace-list", "filter": filter })).unwrap();
        lines.as_array().unwrap().clone()
    };
    let lines = wait_for("all rows to be written", || {
        let lines = list(json!({ "since": 0, "rows": rows_wanted + 100 }));
        (lines.len() >= rows_wanted).then_some(lines)
    });
    assert_eq!(lines.len(), rows_wanted);
    let number_of = |row: &Value| {
        let owner = row["organisation"].as_str().unwrap();
        let number = spoken_of(owner).into_iter().next();
        number.unwrap_or_else(|| panic!("nobody's: {row}"))
    };
    let own_only = |row: &Value, mail: &Mail| {
        let owner = number_of(row);
        assert!(mail.parties().contains(&owner), "not {owner}'s: {mail:?}: {row}");
        let spoken = spoken_of(&row.to_string());
        assert!(
            spoken.is_subset(&mail.may_speak_of(owner)),
            "{spoken:?} in a row of {owner}: {row}"
        );
        owner
    };
    for line in &lines {
        own_only(line, &mails[line["id"].as_str().unwrap()]);
    }
    for (id, mail) in &mails {
        let rows = house.trace(id);
        let owners: Vec<usize> = rows.iter().map(|row| own_only(row, mail)).collect();
        assert_eq!(owners.len(), mail.parties().len(), "{mail:?}: {rows:?}");
        assert_eq!(
            owners.into_iter().collect::<BTreeSet<_>>(),
            mail.parties(),
            "{mail:?}: {rows:?}"
        );
    }
    // Asked for one organisation, the list gives that one's.
    for number in 0..ORGANISATIONS {
        let own = list(json!({ "since": 0, "rows": rows_wanted, "organisation": name(number) }));
        let wanted = sent.iter().filter(|mail| mail.parties().contains(&number)).count();
        assert_eq!(own.len(), wanted, "{number}");
        assert!(own.iter().all(|row| number_of(row) == number), "{number}: {own:?}");
    }
    mails
}

fn held_rows_name_nobody_else(house: &House) {
    let held = house.gateway.quarantine(true);
    let mut of_each: BTreeMap<usize, usize> = BTreeMap::new();
    for row in &held {
        let shown = house
            .gateway
            .ask(&json!({ "command": "quarantine-show", "id": row["id"], "content": false }));
        let owner = spoken_of(row["organisation"].as_str().unwrap());
        assert_eq!(spoken_of(&row.to_string()), owner, "{row}");
        assert_eq!(spoken_of(&shown.unwrap().to_string()), owner, "{row}");
        assert_eq!(owner.len(), 1, "{row}");
        *of_each.entry(*owner.first().unwrap()).or_default() += 1;
    }
    // One from each mail for two, and where viruses are held, the one for it alone.
    let wanted = (0..ORGANISATIONS).map(|number| (number, 2 + usize::from(holds(number))));
    assert_eq!(of_each, wanted.collect());
}

fn queue_rows_name_nobody_else(house: &House) {
    let mut of_each: BTreeMap<usize, usize> = BTreeMap::new();
    for leg in house.gateway.queue() {
        let to = leg["to"].to_string();
        let spoken = spoken_of(&leg.to_string());
        let owner = *spoken.first().unwrap_or_else(|| panic!("nobody's: {leg}"));
        assert_eq!(spoken.len(), 1, "{leg}");
        assert!(to.contains("later@far.example") || to.contains("postmaster@"), "{leg}");
        *of_each.entry(owner).or_default() += 1;
    }
    // Its own to the world, and two to its postmaster.
    let wanted = (0..ORGANISATIONS).map(|number| (number, 3));
    assert_eq!(of_each, wanted.collect());
}

/// A line is read by one organisation's helpdesk: it speaks of one, or of two of which one wrote to the other.
fn log_lines_name_nobody_else(house: &House, mails: &BTreeMap<String, Mail>) {
    let log = house.gateway.log();
    let mut of_each: BTreeMap<(String, usize), usize> = BTreeMap::new();
    for line in log.lines() {
        let spoken = spoken_of(line);
        let fields: Value = serde_json::from_str(line).unwrap();
        let word = |name: &str| fields[name].as_str();
        let mail = word("id").and_then(|id| mails.get(id));
        let Some(owner) = word("organisation") else {
            assert!(spoken.len() <= 1, "{line}");
            continue;
        };
        let owner = *spoken_of(owner).first().unwrap_or_else(|| panic!("nobody's: {line}"));
        let may = mail.map_or(BTreeSet::from([owner]), |mail| mail.may_speak_of(owner));
        assert!(spoken.is_subset(&may), "{spoken:?} in a line of {owner}: {line}");
        if let Some(id) = word("id") {
            *of_each.entry((id.to_string(), owner)).or_default() += 1;
        }
    }
    for (id, mail) in mails.iter().filter(|(_, mail)| mail.replies.len() > 2) {
        // One who writes to another whom we host has no line of its own: the line is the recipient's.
        let owners = match mail.kind {
            ToHosted => BTreeSet::from([mail.kind.party(mail.number).unwrap()]),
            Plain(_) | ToTwo | VirusToTwo | Virus | Unknown | Out | Forward | Returned | Stolen
            | Pretended | Waiting | WaitingForTwo => mail.parties(),
        };
        for owner in owners {
            assert!(of_each.contains_key(&(id.clone(), owner)), "no line of {owner}: {mail:?}");
        }
    }
}

/// What goes on is read by those who get it: the fields in front of it speak of nobody else.
fn mails_name_nobody_else(house: &House) {
    let subject = |taken: &Taken| {
        let text = taken.text();
        let (_, rest) = text.split_once("\r\nSubject: ").unwrap();
        rest.split("\r\n").next().unwrap().to_string()
    };
    let mut to_hosted = 0;
    for (number, hop) in house.hops.iter().enumerate() {
        let taken = hop.taken();
        // Four, one with each neighbour, one from another that we host.
        assert_eq!(taken.len(), 7, "{number}: {:?}", taken.iter().map(subject).collect::<Vec<_>>());
        for mail in taken {
            let mut may = BTreeSet::from([number]);
            if subject(&mail).starts_with("ToHosted-") {
                may.insert((number + ORGANISATIONS - 7) % ORGANISATIONS);
                to_hosted += 1;
            }
            let envelope = format!("{} {:?}", mail.mail, mail.rcpt);
            assert!(spoken_of(&envelope).is_subset(&may), "{envelope}");
            assert!(spoken_of(&mail.text()).is_subset(&may), "{}", mail.text());
            assert_eq!(mail.rcpt.len(), 1, "{envelope}");
            assert!(mail.rcpt[0].contains(&name(number)), "{envelope}");
        }
    }
    assert_eq!(to_hosted, ORGANISATIONS);
    // Its own, its forwarded one, and the bounce of that.
    let world = house.world.taken();
    assert_eq!(world.len(), 3 * ORGANISATIONS);
    for mail in world {
        let subject = subject(&mail);
        let number = subject.rsplit_once('-').unwrap().1.parse().unwrap();
        let may = BTreeSet::from([number]);
        let all = format!("{} {:?} {}", mail.mail, mail.rcpt, mail.text());
        assert!(spoken_of(&all).is_subset(&may), "{all}");
    }
}
