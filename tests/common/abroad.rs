//! A gateway that sends to the world: signed zones, policy hosts, and mail hosts that all listen on one port, each at an address of its own. For
//! those tests that name it.

// Each test file uses a part of this; `pub` is the simplest word for "to all of them".
#![allow(dead_code, unreachable_pub)]

use crate::{
    common::{
        Client, Gateway, Hop, HopTls, Manner,
        certs::{Authority, Cert, Time},
        free_port, mail,
    },
    policy_host::PolicyHost,
    zone::{Signed, Zones, a, mx, tlsa, txt},
};
use hickory_resolver::proto::rr::{Record, rdata::TLSA};
use serde_json::Value;
use std::{fs, net::Ipv4Addr, path::Path, thread, time::Duration};

/// All of it.
pub struct Abroad {
    pub gateway: Gateway,
    pub zones: Zones,
    pub policies: PolicyHost,
    /// What the mail host at 127.0.0.1 shows: an authority that the gateway trusts has signed it, for the mail hosts that were named.
    pub good: Cert,
    /// What the one at 127.0.0.2 shows.
    pub self_made: Cert,
    /// The mail host at 127.0.0.1.
    pub hop: Hop,
    /// The mail host at 127.0.0.2.
    pub other: Hop,
    pub outbound: u16,
    config: String,
    folder: tempfile::TempDir,
}

/// Where a domain's mail goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum At {
    /// To `hop`.
    Good,
    /// To `other`.
    SelfMade,
    /// To whoever listens there.
    Elsewhere(Ipv4Addr),
}

/// What is at a domain, beside its mail host.
#[derive(Debug, Clone, Default)]
pub struct Place {
    /// The id of its MTA-STS record.
    pub sts: Option<&'static str>,
    /// Where its policy host is, if not at 127.0.0.1.
    pub policy_at: Option<Ipv4Addr>,
    /// TLSA records of its mail host.
    pub tlsa: Vec<TLSA>,
    /// Its TLSRPT record.
    pub rpt: Option<String>,
}

impl Abroad {
    /// Starts; MXPORT in `more` becomes the port of the mail hosts. The mail hosts `mx.` of the first names have a good certificate, and all names have a policy host.
    #[track_caller]
    pub fn start(names: &[&str], others: &[&str], more: &str) -> Abroad {
        let authority = Authority::new();
        let hosts: Vec<String> = names.iter().map(|name| format!("mx.{name}")).collect();
        let hosts: Vec<&str> = hosts.iter().map(String::as_str).collect();
        let good = authority.sign_all(&hosts, Time::Now);
        let webs: Vec<String> =
            names.iter().chain(others).map(|name| format!("mta-sts.{name}")).collect();
        let webs: Vec<&str> = webs.iter().map(String::as_str).collect();
        let policies = PolicyHost::start(&authority.sign_all(&webs, Time::Now));
        let self_made = Cert::self_made("mx.self.example", Time::Now);
        let with = |cert: &Cert| Manner { tls: HopTls::With(cert.clone()), ..Manner::default() };
        let (hop, other) = loop {
            let hop = Hop::start(with(&good));
            let at = format!("127.0.0.2:{}", hop.port());
            // Somebody else may have that port there.
            if std::net::TcpListener::bind(&at).is_ok() {
                break (hop, Hop::start_at(&at, with(&self_made)));
            }
        };
        let zones = Zones::start();
        let folder = tempfile::tempdir().unwrap();
        let (anchors, list) = (folder.path().join("anchors"), folder.path().join("list.pem"));
        fs::write(&anchors, zones.anchor_line()).unwrap();
        fs::write(&list, authority.pem()).unwrap();
        let outbound = free_port();
        let config = format!(
            "hostname = \"mx.ours.example\"\n\
             [[listener]]\nname = \"out\"\nbind = \"127.0.0.1:{outbound}\"\ndirection = \"outbound\"\n\
             [[domain]]\nname = \"ours.example\"\nnext-hop = \"maildir:/nowhere\"\nrecipients = \"any\"\n\
             [dns]\nservers = [\"{}\"]\ntrust-anchors = {anchors:?}\n\
             [outbound]\nnetworks = [\"127.0.0.0/8\"]\nmx-port = {}\nmta-sts-port = {}\nmta-sts-networks = [\"127.0.0.1/32\"]\nmta-sts-authorities = {list:?}\n{more}\n\
             [limits]\nretry-first = \"1 h\"\nrest-first = \"0 s\"\n",
            zones.address(),
            hop.port(),
            policies.port(),
        );
        let config = config.replace("MXPORT", &hop.port().to_string());
        let gateway = Gateway::start_in(folder.path(), &config);
        Abroad { gateway, zones, policies, good, self_made, hop, other, outbound, config, folder }
    }

    /// A signed domain.
    pub fn domain(&self, name: &str, at: At, place: Place) {
        let host = format!("mx.{name}");
        let address = match at {
            At::Good => Ipv4Addr::LOCALHOST,
            At::SelfMade => Ipv4Addr::new(127, 0, 0, 2),
            At::Elsewhere(address) => address,
        };
        let mut records: Vec<Record> = vec![mx(name, &host), a(&host, address)];
        if let Some(id) = place.sts {
            records.push(txt(&format!("_mta-sts.{name}"), &format!("v=STSv1; id={id};")));
            let at = place.policy_at.unwrap_or(Ipv4Addr::LOCALHOST);
            records.push(a(&format!("mta-sts.{name}"), at));
        }
        records.extend(place.rpt.map(|rpt| txt(&format!("_smtp._tls.{name}"), &rpt)));
        records.extend(place.tlsa.into_iter().map(|record| tlsa(&host, record)));
        self.zones.set(&format!("{name}."), Signed::Yes, records);
    }

    /// Waits until the gateway's resolver has forgotten what the zones said.
    pub fn forget_dns(&self) {
        thread::sleep(Duration::from_millis(1_200));
    }

    /// Sends a mail; gives its id.
    #[track_caller]
    pub fn send(&self, to: &str) -> String {
        let ours = mail(to.split('@').next().unwrap())
            .replace("Karin Berg <karin@example.org>", "Anna <anna@ours.example>");
        let mut client = Client::hello(self.outbound);
        let heard = client.send("anna@ours.example", &[to], ours.as_bytes()).unwrap();
        let last = heard.last().to_string();
        assert!(last.starts_with("250 2.0.0 queued"), "{to}: {last}");
        heard.id().unwrap()
    }

    /// Sends one and waits until a mail host has it; gives the trace's channel.
    #[track_caller]
    pub fn arrives(&self, to: &str) -> Value {
        let id = self.send(to);
        let row = self.gateway.traced_as(&id, "delivered");
        assert!(
            self.hop.taken().iter().chain(&self.other.taken()).any(|taken| taken.is_for(to)),
            "{to}: {row}"
        );
        row["channel"].clone()
    }

    /// Sends one and waits until it has been tried and waits; gives why.
    #[track_caller]
    pub fn waits(&self, to: &str) -> String {
        self.send(to);
        self.still_waits(to)
    }

    /// Why a mail waits that was tried.
    #[track_caller]
    pub fn still_waits(&self, to: &str) -> String {
        self.gateway.why_waits(to)
    }

    /// Where its data are.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Ends the gateway at once and starts it again.
    #[track_caller]
    pub fn restart(&mut self) {
        self.gateway.kill();
        self.gateway = Gateway::start_in(self.folder.path(), &self.config);
    }
}
