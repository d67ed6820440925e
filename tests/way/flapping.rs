//! A week of a mail host that is whole in one hour and broken in the next, under every policy: the queue, the sender and the ledger as they run, with
//! a clock that the test moves.

// Failing loudly is what these tests are for; sockets need real time to answer.

use crate::common::{
    Dot, Hop, HopTls, Manner, Taken,
    certs::{Authority, Cert, Time},
    chance,
};
use crate::policy_host::{PolicyHost, policy};
use crate::zone::{Signed, Zones, a, mx, tlsa, txt};
use bytes::Bytes;
use sluss::{
    base::clock::{Clock, UnixMs},
    config::Config,
    edge::{
        load::Opener,
        serve::{self, Opened},
    },
    facts::sought::Sought,
    mail::{Address, Direction, Envelope, Peer, Recipient, ReversePath},
    pipeline::{
        deliver,
        judge::{Came, Mended, Via},
        process::{self, Arrival},
        queue::QueueFilter,
        sending::Sent,
    },
    store::{embedded::DowngradeSeen, spool::Content},
    wire::tls::ledger::Downgrade,
};
use std::{
    collections::BTreeSet,
    fs,
    net::Ipv4Addr,
    path::Path,
    time::{Duration, Instant},
};

/// The first moment of a day.
const MIDNIGHT: UnixMs = UnixMs(1_795_219_200_000);
const HOUR: Duration = Duration::from_secs(3_600);
const HOURS: u64 = 7 * 24;
const DAY_MS: u64 = 86_400_000;

/// Each policy has a domain.
const PLAIN: &str = "plain.example";
const TEST: &str = "test.example";
const DANE: &str = "dane.example";
const STS: &str = "sts.example";
const ALL: [&str; 4] = [PLAIN, TEST, DANE, STS];

/// How the mail host does in an hour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Weather {
    Good,
    NoStarttls,
    RefusesStarttls,
    BreaksTls,
    /// Somebody else's certificate.
    SelfMade,
    /// It takes mail and drops the line before it says so: the sender has to send it again (RFC 1047).
    TakesAndDrops,
    /// Nobody is there.
    Away,
}

use Weather::{Away, BreaksTls, Good, NoStarttls, RefusesStarttls, SelfMade, TakesAndDrops};

const WEATHERS: [Weather; 10] = [
    Good,
    Good,
    Good,
    NoStarttls,
    NoStarttls,
    RefusesStarttls,
    BreaksTls,
    SelfMade,
    TakesAndDrops,
    Away,
];

impl Weather {
    /// What the ledger has to say of it, for a domain at which all was well before.
    fn downgrades(self, domain: &str) -> Vec<Downgrade> {
        match (self, domain) {
            (Good | TakesAndDrops | Away, _) => vec![],
            (NoStarttls | RefusesStarttls, _) => vec![Downgrade::NoStarttls],
            (BreaksTls, _) => vec![Downgrade::BrokenTls],
            (SelfMade, DANE | STS) => vec![Downgrade::Unproven],
            (SelfMade, _) => vec![Downgrade::Unvouched],
        }
    }
}

struct Coast {
    hop: Hop,
    good: Cert,
    strange: Cert,
    zones: Zones,
    policies: PolicyHost,
    list: String,
}

impl Coast {
    fn new() -> Coast {
        let authority = Authority::new();
        let hosts: Vec<String> = ALL.iter().map(|name| format!("mx.{name}")).collect();
        let hosts: Vec<&str> = hosts.iter().map(String::as_str).collect();
        let good = authority.sign_all(&hosts, Time::Now);
        let strange = Cert::self_made("mx.strange.example", Time::Now);
        let webs = [format!("mta-sts.{STS}"), format!("mta-sts.{TEST}")];
        let webs: Vec<&str> = webs.iter().map(String::as_str).collect();
        let policies = PolicyHost::start(&authority.sign_all(&webs, Time::Now));
        policies.say(STS, policy("enforce", &["mx.sts.example"]));
        policies.say(TEST, policy("testing", &["mx.test.example"]));
        let zones = Zones::start();
        for name in ALL {
            let host = format!("mx.{name}");
            let mut records = vec![mx(name, &host), a(&host, Ipv4Addr::LOCALHOST)];
            match name {
                DANE => records.push(tlsa(&host, good.tlsa(3, 1, 1, 0))),
                STS | TEST => {
                    records.push(txt(&format!("_mta-sts.{name}"), "v=STSv1; id=1;"));
                    records.push(a(&format!("mta-sts.{name}"), Ipv4Addr::LOCALHOST));
                }
                _ => (),
            }
            zones.set(&format!("{name}."), Signed::Yes, records);
        }
        let hop = Hop::start(Manner::default());
        Coast { hop, good, strange, zones, policies, list: authority.pem() }
    }

    fn open(&self, folder: &Path, clock: &Clock) -> Opened {
        let (anchors, list) = (folder.join("anchors"), folder.join("list.pem"));
        fs::write(&anchors, self.zones.anchor_line()).unwrap();
        fs::write(&list, &self.list).unwrap();
        let text = format!(
            "hostname = \"mx.ours.example\"\ndata-dir = {:?}\n\
             [[listener]]\nname = \"out\"\nbind = \"127.0.0.1:2525\"\ndirection = \"outbound\"\n\
             [[domain]]\nname = \"ours.example\"\nnext-hop = \"maildir:{}\"\nrecipients = \"any\"\n\
             [dns]\nservers = [\"{}\"]\ntrust-anchors = {anchors:?}\n\
             [outbound]\nnetworks = [\"127.0.0.0/8\"]\nmx-port = {}\nmta-sts-port = {}\nmta-sts-networks = [\"127.0.0.1/32\"]\nmta-sts-authorities = {list:?}\n\
             [limits]\nhold-accounts = false\n",
            folder.join("data"),
            folder.join("notices").display(),
            self.zones.address(),
            self.hop.port(),
            self.policies.port(),
        );
        let config = Config::parse(Path::new("sluss.toml"), &text).unwrap();
        serve::open(config, None, clock, Opener::Here).unwrap()
    }

    fn turn(&self, weather: Weather, was: Weather) {
        if was == Away && weather != Away {
            self.hop.come_back();
        }
        self.hop.change(|manner| {
            manner.hang_up_after_mail = true;
            manner.tls = match weather {
                Good | TakesAndDrops | Away => HopTls::With(self.good.clone()),
                NoStarttls => HopTls::Off,
                RefusesStarttls => HopTls::Refused,
                BreaksTls => HopTls::Broken,
                SelfMade => HopTls::With(self.strange.clone()),
            };
            manner.dot = match weather {
                TakesAndDrops => Dot::DropAfter,
                Good | NoStarttls | RefusesStarttls | BreaksTls | SelfMade | Away => {
                    Dot::Say("250 2.0.0 taken".to_string())
                }
            };
        });
        if weather == Away && was != Away {
            self.hop.go_away();
        }
    }
}

/// Anna writes to this address.
async fn write(opened: &Opened, to: &str) {
    let gateway = &opened.gateway;
    let sender = ReversePath::parse("anna@ours.example").unwrap();
    let mut envelope = Envelope::from(sender);
    envelope.recipients.push(Recipient::plain(Address::parse(to).unwrap()));
    let text = format!(
        "From: Anna <anna@ours.example>\r\nTo: <{to}>\r\nSubject: the week\r\nDate: Tue, 24 Nov 2026 00:00:00 +0000\r\nMessage-ID: <{to}>\r\n\r\nHow is the weather?\r\n"
    );
    let came = Came {
        direction: Direction::Outbound,
        peer: Peer::at(Ipv4Addr::LOCALHOST.into()),
        envelope,
        at: gateway.clock.now(),
        mended: Mended::No,
        organisation: Default::default(),
        sent: Sent::Own,
        via: Via::Direct,
        sought: Sought::default(),
    };
    let came = came.owned_under(&gateway.settings.load());
    let arrival = Arrival {
        id: gateway.new_id(),
        listener: "out".to_string(),
        came,
        dot: gateway.clock.tick(),
    };
    let ending = process::process(gateway, arrival, Content::from_bytes(Bytes::from(text))).await;
    assert_eq!(ending.reply.code, 250, "{:?}", ending.reply);
}

/// Waits until nothing is due any more; while the host is away, mail that is due may rest with it.
async fn settle(opened: &Opened, weather: Weather) {
    let queue = &opened.gateway.queue;
    let end = Instant::now() + Duration::from_secs(60);
    let mut still = 0;
    loop {
        let now = opened.gateway.clock.now().0;
        let waits = queue.list(&QueueFilter::default(), usize::MAX);
        let is_quiet = queue.under_way() == 0
            && (weather == Away || waits.iter().all(|line| line.due_ms > now));
        still = if is_quiet { still + 1 } else { 0 };
        if still > 0 && (weather != Away || still > 25) {
            return;
        }
        assert!(Instant::now() < end, "it does not settle: {waits:?}");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

fn read_all(folder: &Path) -> Vec<String> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let mut texts = Vec::new();
    for path in entries.map(|entry| entry.unwrap().path()) {
        match path.is_dir() {
            true => texts.extend(read_all(&path)),
            false => texts.push(fs::read_to_string(path).unwrap()),
        }
    }
    texts
}

fn day(seen: &DowngradeSeen) -> u64 {
    (seen.first.0 - MIDNIGHT.0) / DAY_MS
}

#[tokio::test(flavor = "multi_thread")]
async fn a_week_of_changing_weather_loses_nothing_and_tells_nobody_anything_in_clear() {
    let coast = Coast::new();
    let folder = tempfile::tempdir().unwrap();
    let clock = Clock::by_hand(MIDNIGHT);
    let opened = coast.open(folder.path(), &clock);
    let queue = tokio::spawn(deliver::run(opened.gateway.clone()));
    let (mut seed, mut was, mut most_waited) = (8, Good, 0);
    let mut written: Vec<(String, Weather)> = Vec::new();
    let mut expected: BTreeSet<(u64, &str, Downgrade)> = BTreeSet::new();
    for hour in 0..HOURS {
        // It begins well, or there would be nothing to compare with, and it ends well.
        let weather = match hour {
            0 | 167 => Good,
            _ => WEATHERS[usize::try_from(chance(&mut seed) % 10).unwrap()],
        };
        coast.turn(weather, was);
        was = weather;
        for domain in ALL {
            let to = format!("h{hour}@{domain}");
            write(&opened, &to).await;
            written.push((to, weather));
            expected.extend(
                weather.downgrades(domain).into_iter().map(|kind| (hour / 24, domain, kind)),
            );
        }
        settle(&opened, weather).await;
        most_waited = most_waited.max(opened.gateway.queue.len());
        if hour % 24 == 23 {
            opened.courier.refresh_policies().await;
        }
        clock.advance(HOUR);
    }
    // All is well; whatever waits has its turn.
    for _ in 0..9 {
        deliver::retry(&opened.gateway, &opened.gateway.queue.matching(&QueueFilter::default()))
            .await;
        settle(&opened, Good).await;
        clock.advance(HOUR);
    }
    assert_eq!(opened.gateway.queue.len(), 0, "nothing is left behind");

    let taken = coast.hop.taken();
    for (to, weather) in &written {
        let came: Vec<&Taken> = taken.iter().filter(|taken| taken.is_for(to)).collect();
        let answered = came.iter().filter(|taken| !taken.unanswered).count();
        assert_eq!(answered, 1, "{to} of an hour that was {weather:?}: {came:?}");
        let is_demanding = to.ends_with(DANE) || to.ends_with(STS);
        assert!(!is_demanding || came.iter().all(|taken| taken.in_tls), "{to} in clear");
        let clear = [NoStarttls, RefusesStarttls, BreaksTls].contains(weather);
        if !is_demanding && clear {
            assert!(!came[0].in_tls, "{to} waits for nothing better");
        }
    }
    let notices = read_all(&folder.path().join("notices"));
    assert!(notices.iter().all(|text| !text.contains("Action: failed")), "no mail went back");

    assert!(taken.iter().any(|taken| taken.unanswered) && most_waited > 9, "{most_waited}");

    // What was seen last is being written still.
    tokio::time::sleep(Duration::from_secs(1)).await;
    let transport = &opened.gateway.stores.transport;
    let seen = transport.downgrades_since(MIDNIGHT, usize::MAX).await.unwrap();
    let found: BTreeSet<(u64, &str, Downgrade)> =
        seen.iter().map(|one| (day(one), one.domain.as_str(), one.kind)).collect();
    assert_eq!(found, expected);
    let kinds: BTreeSet<Downgrade> = found.iter().map(|(_, _, kind)| *kind).collect();
    let all =
        [Downgrade::NoStarttls, Downgrade::BrokenTls, Downgrade::Unproven, Downgrade::Unvouched];
    assert!(kinds.into_iter().eq(all));
    assert_eq!(found.len(), seen.len(), "one row for each");
    for one in &seen {
        // Where policy demands it, each of them is a mail that waited; elsewhere none is.
        let want = if [DANE, STS].contains(&one.domain.as_str()) { one.times } else { 0 };
        assert_eq!(one.held, want, "{one:?}");
    }
    // A policy is looked at again day by day, and not with each mail.
    assert!((2..=9).contains(&coast.policies.asked(STS)), "{}", coast.policies.asked(STS));
    opened.gateway.queue.close();
    queue.await.unwrap();
}
