//! Mail to other domains' mail hosts under DANE (RFC 7672): the running gateway, signed zones, and a server with the right or the wrong key.

use crate::common::{
    Client, Gateway, Hop, HopTls, Manner, Names, Said,
    certs::{Authority, Cert, Time},
    free_port, mail, wait_for,
};
use crate::zone::{Signed, Zones, a, cname, mx, tlsa};
use hickory_resolver::proto::rr::rdata::TLSA;
use std::{fs, net::Ipv4Addr};

/// A gateway that sends to the mail hosts of the zones, all of which are one server.
struct House {
    gateway: Gateway,
    outbound: u16,
    zones: Zones,
    hop: Hop,
    _folder: tempfile::TempDir,
}

impl House {
    #[track_caller]
    fn start(tls: HopTls, more: &str) -> House {
        let hop = Hop::start(Manner { tls, ..Manner::default() });
        let zones = Zones::start();
        let folder = tempfile::tempdir().unwrap();
        let anchors = folder.path().join("anchors");
        fs::write(&anchors, zones.anchor_line()).unwrap();
        let outbound = free_port();
        let config = format!(
            "hostname = \"mx.ours.example\"\n\
             [[listener]]\nname = \"out\"\nbind = \"127.0.0.1:{outbound}\"\ndirection = \"outbound\"\n\
             [[domain]]\nname = \"ours.example\"\nnext-hop = \"maildir:/nowhere\"\nrecipients = \"any\"\n\
             [dns]\nservers = [\"{}\"]\ntrust-anchors = {anchors:?}\n\
             [outbound]\nnetworks = [\"127.0.0.0/8\"]\nmx-port = {}\n{more}\n\
             [limits]\nretry-first = \"1 h\"\nrest-first = \"0 s\"\n",
            zones.address(),
            hop.port(),
        );
        let gateway = Gateway::start(&config);
        House { gateway, outbound, zones, hop, _folder: folder }
    }

    /// A signed domain whose mail host is the server, with these records of it.
    fn domain(&self, name: &str, records: Vec<TLSA>) {
        let host = format!("mx.{name}");
        let mut all = vec![mx(name, &host), a(&host, Ipv4Addr::LOCALHOST)];
        all.extend(records.into_iter().map(|record| tlsa(&host, record)));
        self.zones.set(&format!("{name}."), Signed::Yes, all);
    }

    #[track_caller]
    fn send(&self, to: &str) -> String {
        let ours = mail(to.split('@').next().unwrap())
            .replace("Karin Berg <karin@example.org>", "Anna <anna@ours.example>");
        let mut client = Client::hello(self.outbound);
        let heard = client.send("anna@ours.example", &[to], ours.as_bytes()).unwrap();
        let last = heard.last().to_string();
        assert!(last.starts_with("250 2.0.0 queued"), "{to}: {last}");
        heard.id().unwrap()
    }

    /// Waits until the server has it; in TLS or not.
    #[track_caller]
    fn arrived(&self, to: &str) -> bool {
        let taken = wait_for(to, || {
            self.hop
                .taken()
                .into_iter()
                .find(|taken| taken.rcpt.iter().any(|rcpt| rcpt.contains(to)))
        });
        taken.in_tls
    }
}

#[test]
fn mail_goes_to_whom_the_records_speak_of_and_waits_for_them_otherwise() {
    // The name and the time of a certificate do not matter where the records speak of its key.
    let ours = Cert::self_made("some.other.example", Time::Over);
    let next = Cert::self_made("mx.roll.example", Time::Now);
    let house = House::start(HopTls::With(ours.clone()), "");
    house.domain("match.example", vec![ours.tlsa(3, 1, 1, 0)]);
    house.domain("broken.example", vec![next.tlsa(3, 1, 1, 0)]);
    house.domain("roll.example", vec![next.tlsa(3, 1, 1, 0), ours.tlsa(3, 0, 2, 0)]);
    house.domain("nothing.example", vec![]);
    house.domain("strange.example", vec![next.tlsa(1, 1, 1, 0)]);
    house.domain("bogus.example", vec![]);
    let here = Ipv4Addr::LOCALHOST;
    let plain = |name: &str| {
        let host = format!("mx.{name}");
        vec![mx(name, &host), a(&host, here), tlsa(&host, next.tlsa(3, 1, 1, 0))]
    };
    house.zones.set("plain.example.", Signed::No, plain("plain.example"));
    house.zones.set("bogus.example.", Signed::Lost, plain("bogus.example"));
    // An alias: the records of the name that it stands for.
    let alias = vec![
        mx("alias.example", "mail.alias.example"),
        cname("mail.alias.example", "mx.match.example"),
    ];
    house.zones.set("alias.example.", Signed::Yes, alias);

    let id = house.send("a@match.example");
    assert!(house.arrived("a@match.example"));
    let row = house.gateway.traced_as(&id, "delivered");
    let channel = &row["channel"];
    assert_eq!(
        (&channel["vouch"], &channel["dnssec"]),
        (&"dane".into(), &"secure".into()),
        "{row}"
    );
    assert_eq!(channel["secured"]["tls"]["chain"].as_array().unwrap().len(), 1, "{row}");
    assert_eq!(channel["secured"]["tls"]["certificate"], "expired", "{row}");
    house.send("b@roll.example");
    assert!(house.arrived("b@roll.example"));
    house.send("c@alias.example");
    assert!(house.arrived("c@alias.example"));
    // No proof to be had: as before, and said so.
    let id = house.send("d@plain.example");
    assert!(house.arrived("d@plain.example"));
    let row = house.gateway.traced_as(&id, "delivered");
    assert_eq!(
        (&row["channel"]["vouch"], &row["channel"]["dnssec"]),
        (&"nobody".into(), &"insecure".into()),
        "{row}"
    );
    house.send("e@nothing.example");
    assert!(house.arrived("e@nothing.example"));
    // Records that nobody can use still say that there is TLS.
    let id = house.send("f@strange.example");
    assert!(house.arrived("f@strange.example"));
    assert_eq!(house.gateway.traced_as(&id, "delivered")["channel"]["policy"], "encrypted");

    let id = house.send("g@broken.example");
    let why = house.gateway.why_waits("g@broken.example");
    assert!(why.contains("fits none of the domain's TLSA records"), "{why}");
    assert!(house.gateway.traced_as(&id, "unproven")["said"].as_str().unwrap().contains("TLSA"));
    house.send("h@bogus.example");
    let why = house.gateway.why_waits("h@bogus.example");
    assert!(why.contains("DNSSEC: MX of bogus.example"), "{why}");
    assert!(house.gateway.log().contains("tlsa-invalid"), "{}", house.gateway.log());
    assert!(house.gateway.log().contains("dnssec-invalid"));

    // Somebody in the middle takes STARTTLS away: where the records speak, nothing goes; elsewhere it goes in clear, and the trace has it.
    house.hop.change(|manner| {
        manner.tls = HopTls::Off;
        manner.idle_words = Some("421 4.4.2 idle".to_string());
    });
    house.send("i@match.example");
    let why = house.gateway.why_waits("i@match.example");
    assert!(why.contains("offers no STARTTLS"), "{why}");
    house.send("j@strange.example");
    assert!(house.gateway.why_waits("j@strange.example").contains("offers no STARTTLS"));
    let id = house.send("k@plain.example");
    assert!(!house.arrived("k@plain.example"));
    let row = house.gateway.traced_as(&id, "delivered");
    assert_eq!(row["channel"]["secured"]["clear"], "not_offered", "{row}");
    for (tls, word) in [(HopTls::Refused, "refuses STARTTLS"), (HopTls::Broken, "handshake failed")]
    {
        house.hop.change(|manner| manner.tls = tls);
        let to = format!("{}@match.example", word.split(' ').next().unwrap());
        house.send(&to);
        let why = house.gateway.why_waits(&to);
        assert!(why.contains(word), "{why}");
        let open = format!("{}@plain.example", word.split(' ').next().unwrap());
        house.send(&open);
        assert!(!house.arrived(&open));
    }
    for taken in house.hop.taken() {
        let guarded = ["match.example", "broken.example", "bogus.example", "strange.example"];
        let for_guarded = taken.rcpt.iter().any(|to| guarded.iter().any(|name| to.contains(name)));
        assert!(taken.in_tls || !for_guarded, "in clear: {taken:?}");
    }

    // The owner mends the records: what waited goes.
    house.hop.change(|manner| manner.tls = HopTls::With(ours.clone()));
    house.domain("broken.example", vec![next.tlsa(3, 1, 1, 0), ours.tlsa(3, 1, 1, 0)]);
    wait_for("the new records", || {
        house.gateway.command(&["queue", "retry"]);
        house
            .hop
            .taken()
            .iter()
            .any(|taken| taken.rcpt[0].contains("g@broken.example"))
            .then_some(())
    });
}

#[test]
fn an_authority_in_the_records_wants_name_and_time() {
    let authority = Authority::new();
    let good = authority.sign("mx.good.example", Time::Now);
    let house = House::start(HopTls::With(good.clone()), "");
    house.domain("good.example", vec![good.tlsa(2, 0, 1, 1)]);
    house.domain("other.example", vec![good.tlsa(2, 1, 1, 1)]);
    house.send("a@good.example");
    assert!(house.arrived("a@good.example"));
    house.send("b@other.example");
    let why = house.gateway.why_waits("b@other.example");
    assert!(why.contains("bears another name"), "{why}");
    house.hop.change(|manner| {
        manner.tls = HopTls::With(authority.sign("mx.good.example", Time::Over));
        manner.idle_words = Some("421 4.4.2 idle".to_string());
    });
    house.send("c@good.example");
    let why = house.gateway.why_waits("c@good.example");
    assert!(why.contains("has expired"), "{why}");
    assert_eq!(house.hop.count(), 1);
}

/// Name servers that hand on no signatures at all are those of a network in which nobody ever asked for some: no mail may stay here for that.
#[test]
fn where_no_name_server_hands_signatures_on_mail_goes_as_before_and_the_log_says_so() {
    let hop = Hop::start(Manner { tls: HopTls::Good, ..Manner::default() });
    let names = Names::start();
    names.say("plain.example", Said::Mx(vec![(10, "mx.plain.example")]));
    names.say("mx.plain.example", Said::A(Ipv4Addr::LOCALHOST));
    let outbound = free_port();
    let gateway = Gateway::start(&format!(
        "hostname = \"mx.ours.example\"\n\
         [[listener]]\nname = \"out\"\nbind = \"127.0.0.1:{outbound}\"\ndirection = \"outbound\"\n\
         [[domain]]\nname = \"ours.example\"\nnext-hop = \"maildir:/nowhere\"\nrecipients = \"any\"\n\
         [dns]\nservers = [\"127.0.0.1:{}\"]\n\
         [outbound]\nnetworks = [\"127.0.0.0/8\"]\nmx-port = {}\n",
        names.port(),
        hop.port(),
    ));
    let ours = mail("plain").replace("Karin Berg <karin@example.org>", "Anna <anna@ours.example>");
    let heard =
        Client::hello(outbound).send("anna@ours.example", &["a@plain.example"], ours.as_bytes());
    assert_eq!(heard.unwrap().code, 250);
    wait_for("the mail to arrive", || (hop.count() == 1).then_some(()));
    let log = gateway.log();
    assert!(log.contains("hand no DNSSEC signatures on"), "{log}");
    let status = gateway.command(&["status"]);
    let said = String::from_utf8_lossy(&status.stdout);
    assert!(said.contains("DANE protects no mail"), "{said}");
    gateway.stop();
}

#[test]
fn a_gateway_that_is_told_not_to_ask_goes_on_as_before() {
    let house = House::start(HopTls::Good, "dane = \"off\"");
    let next = Cert::self_made("mx.broken.example", Time::Now);
    house.domain("broken.example", vec![next.tlsa(3, 1, 1, 0)]);
    let id = house.send("a@broken.example");
    assert!(house.arrived("a@broken.example"));
    let row = house.gateway.traced_as(&id, "delivered");
    assert_eq!(row["channel"]["vouch"], "nobody", "{row}");
    assert_eq!(row["channel"]["dnssec"], "not_asked", "{row}");
    // Told to ask, it lets no mail go over the connection that is still open from before.
    let config = fs::read_to_string(house.gateway.config_file()).unwrap();
    fs::write(house.gateway.config_file(), config.replace("dane = \"off\"", "dane = \"on\""))
        .unwrap();
    house.gateway.signal("HUP");
    wait_for("the reload", || house.gateway.log().contains("reloaded").then_some(()));
    house.send("b@broken.example");
    assert!(house.gateway.why_waits("b@broken.example").contains("TLSA"));
    assert_eq!(house.hop.count(), 1);
}
