//! Partners through the running gateway: whose mail is taken over TLS only, and what their servers show before mail goes to them.

use crate::common::{
    Client, Gateway, Hop, HopTls, Manner, Names, Said,
    certs::{Authority, Cert, Time},
    free_port, mail, wait_for,
};
use std::net::Ipv4Addr;

#[test]
fn a_partner_that_must_send_over_tls_is_refused_in_clear_before_any_content() {
    let hop = Hop::start(Manner::default());
    let (port, relayed) = (free_port(), free_port());
    let config = |partner: &str| {
        format!(
            "hostname = \"mx.ours.example\"\n\
             [[listener]]\nname = \"in\"\nbind = \"127.0.0.1:{port}\"\ndirection = \"inbound\"\n\
             [[listener]]\nname = \"relayed\"\nbind = \"127.0.0.1:{relayed}\"\ndirection = \"inbound\"\ntrusted-relays = [\"127.0.0.1/32\"]\n\
             [[domain]]\nname = \"ours.example\"\nnext-hop = \"smtp://127.0.0.1:{}\"\nrecipients = \"any\"\n\
             {partner}",
            hop.port()
        )
    };
    let partner =
        "[[partner]]\ndomain = \"region.example\"\nsubdomains = true\ninbound = \"required\"\n";
    let gateway = Gateway::start(&config(partner));
    let from = |sender: &str| format!("MAIL FROM:<{sender}>");
    let mut client = Client::hello(port);
    for (sender, want) in [
        ("kim@region.example", "530 5.7.0 mail from this domain is taken over TLS only"),
        ("kim@lab.REGION.example", "530 5.7.0 "),
        ("kim@otherregion.example", "250"),
    ] {
        let heard = client.ask(&from(sender)).unwrap();
        assert!(heard.last().starts_with(want), "{sender}: {heard:?}");
        client.ask("RSET").unwrap();
    }
    // A notice has no domain, and what a relay in front took it took over a way of its own.
    assert_eq!(client.ask("MAIL FROM:<>").unwrap().code, 250);
    let mut relay = Client::hello(relayed);
    assert_eq!(relay.ask(&from("kim@region.example")).unwrap().code, 250);
    // The same client over TLS.
    client.ask("RSET").unwrap();
    assert_eq!(client.ask("STARTTLS").unwrap().code, 220);
    client.handshake().unwrap();
    client.ask("EHLO mail.region.example").unwrap();
    let heard = client.send("kim@region.example", &["anna@ours.example"], mail("x").as_bytes());
    assert_eq!(heard.unwrap().code, 250);
    assert!(gateway.log().contains("taken over TLS only"), "the log says who was refused");
    // Taken out of the file, it holds for nobody any more.
    gateway.rewrite_config(&config(""));
    let reloaded = gateway.command(&["reload"]);
    assert!(reloaded.status.success(), "{}", String::from_utf8_lossy(&reloaded.stderr));
    let heard = Client::hello(port).ask(&from("kim@region.example")).unwrap();
    assert_eq!(heard.code, 250, "{heard:?}");
    drop((client, relay));
    gateway.stop();
}

/// A gateway whose mail hosts are all one server, and whose DNS nobody signs.
pub(super) struct House {
    pub(super) gateway: Gateway,
    pub(super) outbound: u16,
    names: Names,
    pub(super) hop: Hop,
    /// The server behind us.
    pub(super) own: Hop,
    pub(super) config: String,
}

impl House {
    pub(super) fn start(tls: HopTls, more: &str) -> House {
        let hop = Hop::start(Manner { tls, ..Manner::default() });
        let own = Hop::start(Manner::default());
        let names = Names::start();
        let outbound = free_port();
        let config = format!(
            "hostname = \"mx.ours.example\"\n\
             [[listener]]\nname = \"out\"\nbind = \"127.0.0.1:{outbound}\"\ndirection = \"outbound\"\n\
             [[domain]]\nname = \"ours.example\"\nnext-hop = \"smtp://127.0.0.1:{}\"\nrecipients = \"any\"\n\
             [dns]\nservers = [\"127.0.0.1:{}\"]\n\
             [limits]\nretry-first = \"1 h\"\nrest-first = \"0 s\"\n\
             [outbound]\nnetworks = [\"127.0.0.0/8\"]\ndane = \"off\"\nmx-port = {}\n",
            own.port(),
            names.port(),
            hop.port(),
        );
        let gateway = Gateway::start(&format!("{config}{more}"));
        House { gateway, outbound, names, hop, own, config }
    }

    pub(super) fn domain(&self, name: &'static str, host: &'static str) {
        self.names.say(name, Said::Mx(vec![(10, host)]));
        self.names.say(host, Said::A(Ipv4Addr::LOCALHOST));
    }

    pub(super) fn reload(&self, more: &str) {
        self.gateway.rewrite_config(&format!("{}{more}", self.config));
        let out = self.gateway.command(&["reload"]);
        assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    }

    #[track_caller]
    pub(super) fn send(&self, to: &str) -> String {
        self.send_with(to, "")
    }

    /// With this at its end.
    #[track_caller]
    pub(super) fn send_with(&self, to: &str, end: &str) -> String {
        let ours = mail(to.split('@').next().unwrap())
            .replace("Karin Berg <karin@example.org>", "Anna <anna@ours.example>")
            + end;
        let mut client = Client::hello(self.outbound);
        let heard = client.send("anna@ours.example", &[to], ours.as_bytes()).unwrap();
        let last = heard.last().to_string();
        assert!(last.starts_with("250 2.0.0 queued"), "{to}: {last}");
        heard.id().unwrap()
    }

    /// Sends, and gives who vouched for the server; or why the mail waits or is held.
    #[track_caller]
    pub(super) fn fate(&self, to: &str) -> String {
        self.fate_of(&self.send(to))
    }

    #[track_caller]
    pub(super) fn fate_of(&self, id: &str) -> String {
        wait_for(id, || {
            let row = self.gateway.traced(id).pop()?;
            match row["status"].as_str()? {
                "delivered" => Some(match row["channel"]["secured"]["tls"].is_object() {
                    true => row["channel"]["vouch"].as_str()?.to_string(),
                    false => "in clear".to_string(),
                }),
                "unproven" => Some(format!("waits: {}", row["said"].as_str()?)),
                "held" => Some(format!("held: {}", row["said"].as_str()?)),
                _ => None,
            }
        })
    }
}

pub(super) fn pin(cert: &Cert) -> String {
    let data = cert.tlsa(3, 1, 1, 0).cert_data;
    format!("sha256:{}", data_encoding::HEXLOWER.encode(&data))
}

#[test]
fn mail_goes_to_a_partner_that_shows_what_was_agreed_and_waits_for_it_otherwise() {
    let authority = Authority::new();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("partner.pem");
    std::fs::write(&file, authority.pem()).unwrap();
    let cert = authority.sign("mx.region.example", Time::Now);
    let partner = |domain: &str, more: &str| {
        format!("[[partner]]\ndomain = \"{domain}\"\ntls = \"verified\"\n{more}\n")
    };
    let named = format!("authorities = {file:?}");
    let pinned = format!("certificate = [\"sha256:{}\", \"{}\"]", "00".repeat(32), pin(&cert));
    let terms = partner("region.example", &format!("{named}\nsubdomains = true"))
        + &partner("system.example", "")
        + &partner("pinned.example", &pinned)
        + &partner("other.example", &format!("certificate = [\"sha256:{}\"]", "00".repeat(32)))
        + &partner("far.example", &named)
        + "[[partner]]\ndomain = \"crypt.example\"\ntls = \"encrypted\"\n";
    let house = House::start(HopTls::With(cert.clone()), &terms);
    for (name, host) in [
        ("region.example", "mx.region.example"),
        ("lab.region.example", "mx.region.example"),
        ("system.example", "mx.system.example"),
        ("pinned.example", "mx.pinned.example"),
        ("other.example", "mx.other.example"),
        // Its mail host is another's, and nothing but unsigned DNS says so.
        ("far.example", "mx.region.example"),
        ("crypt.example", "mx.crypt.example"),
        ("plain.example", "mx.plain.example"),
    ] {
        house.domain(name, host);
    }
    for (to, want) in [
        ("a@region.example", "partner"),
        ("b@system.example", "waits: the server's certificate"),
        ("c@pinned.example", "partner"),
        ("d@other.example", "waits: the server's key is none of those agreed"),
        (
            "e@far.example",
            "waits: nothing but unsigned DNS says that mx.region.example is the partner's mail host",
        ),
        ("f@crypt.example", "nobody"),
        ("g@plain.example", "nobody"),
        // Mail to hosts below the domain is bound like its own; the mail host is named by what is above, which a certificate does not bear.
        ("h@lab.region.example", "waits: nothing but unsigned DNS"),
    ] {
        let fate = house.fate(to);
        assert!(fate.starts_with(want), "{to}: {fate}");
    }
    // The mend that the refusal names, and a newer version than the server could be asked for.
    house.reload(
        &(partner("far.example", &format!("{named}\nhosts = [\"*.region.example\"]"))
            + &partner("region.example", &format!("{named}\nminimum-version = \"1.3\""))),
    );
    assert_eq!(house.fate("i@far.example"), "partner");
    assert_eq!(house.fate("j@region.example"), "partner");

    // STARTTLS is taken away, and then broken: nothing goes in clear to whom something was agreed with.
    house.reload(&terms);
    house.hop.change(|manner| manner.tls = HopTls::Off);
    for (to, want) in [
        ("k@region.example", "waits: the server offers no STARTTLS"),
        ("l@pinned.example", "waits: the server offers no STARTTLS"),
        ("m@crypt.example", "waits: the server offers no STARTTLS"),
        ("n@plain.example", "in clear"),
    ] {
        let fate = house.fate(to);
        assert!(fate.starts_with(want), "{to}: {fate}");
    }
    house.hop.change(|manner| manner.tls = HopTls::Broken);
    assert!(house.fate("o@region.example").contains("handshake failed"));
    for taken in house.hop.taken() {
        assert!(taken.in_tls || taken.rcpt[0].contains("plain.example"), "in clear: {taken:?}");
    }
    house.gateway.stop();
}

#[test]
fn a_partners_mail_goes_past_the_smarthost_and_an_organisation_has_partners_of_its_own() {
    let cert = Cert::self_made("mx.region.example", Time::Now);
    let smarthost = Hop::start(Manner::default());
    let partner = format!(
        "[[partner]]\ndomain = \"region.example\"\ntls = \"verified\"\ncertificate = [\"{}\"]\n",
        pin(&cert)
    );
    let common = format!("smarthost = \"smtp://127.0.0.1:{}\"\n", smarthost.port());
    let house = House::start(HopTls::With(cert), &common);
    house.domain("region.example", "mx.region.example");
    let at_smarthost = |to: &str| {
        wait_for(to, || smarthost.taken().into_iter().find(|taken| taken.rcpt[0].contains(to)))
    };
    house.send("a@region.example");
    at_smarthost("a@region.example");
    // One that waits for the smarthost while the terms come into force goes to the partner, too.
    smarthost.change(|manner| manner.data = "451 4.3.0 later".to_string());
    let waits = house.send("b@region.example");
    house.gateway.traced_as(&waits, "deferred");
    house.reload(&format!("{common}{partner}"));
    house.gateway.command(&["queue", "retry"]);
    assert_eq!(house.gateway.traced_as(&waits, "delivered")["channel"]["vouch"], "partner");
    assert_eq!(house.fate("c@region.example"), "partner");
    smarthost.change(|manner| manner.data = "354 go on".to_string());
    house.send("d@plain.example");
    at_smarthost("d@plain.example");
    assert!(smarthost.taken().iter().all(|taken| !taken.rcpt[0].contains("c@region.example")));

    // What another organisation agreed concerns nobody else.
    let others = "[[organisation]]\nname = \"default\"\n[[organisation]]\nname = \"other\"\n";
    let theirs = partner.replace("tls =", "organisation = \"other\"\ntls =");
    let owned = house
        .config
        .replace("recipients = \"any\"\n", "recipients = \"any\"\norganisation = \"default\"\n");
    house
        .gateway
        .rewrite_config(&format!("{owned}organisation = \"default\"\n{common}{others}{theirs}"));
    let out = house.gateway.command(&["reload"]);
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    house.send("e@region.example");
    at_smarthost("e@region.example");
    house.gateway.stop();
}

/// A published test number of the Swedish tax agency.
const PERSONAL: &str = "\r\nPersonnummer: 19900102-9819\r\n";

#[test]
fn mail_with_personal_data_leaves_over_a_proven_channel_or_is_held_and_its_sender_told() {
    let cert = Cert::self_made("mx.region.example", Time::Now);
    let terms = format!(
        "unproven-hold-after = \"0 s\"\n\
         [[partner]]\ndomain = \"region.example\"\ntls = \"verified\"\ncertificate = [\"{}\"]\n\
         [[organisation]]\nname = \"default\"\n[organisation.contacts]\nprivacy = \"dpo@ours.example\"\n",
        pin(&cert)
    );
    let policy = |text: &str| format!("{terms}[policy]\n{text}\n");
    let house = House::start(HopTls::With(cert), "");
    // The keys of [limits] come first.
    let (before, outbound) = house.config.split_once("[outbound]").unwrap();
    let reload = |text: &str| {
        house.gateway.rewrite_config(&format!("{before}{}\n[outbound]{outbound}", policy(text)));
        let out = house.gateway.command(&["reload"]);
        assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    };
    reload("personal-data = \"proven\"");
    house.domain("region.example", "mx.region.example");
    house.domain("plain.example", "mx.plain.example");
    assert_eq!(house.fate_of(&house.send_with("a@region.example", PERSONAL)), "partner");
    assert_eq!(house.fate("b@plain.example"), "nobody");
    let id = house.send_with("c@plain.example", PERSONAL);
    let fate = house.fate_of(&id);
    assert!(fate.starts_with("held: this mail may leave over a proven channel only"), "{fate}");
    // Its sender hears of it, and who answers for personal data, with the way to look.
    let letter = |to: &str| {
        wait_for(to, || house.own.taken().into_iter().find(|taken| taken.rcpt[0].contains(to)))
    };
    let text = String::from_utf8_lossy(&letter("anna@ours.example").bytes).into_owned();
    assert!(text.contains("Your mail to plain.example was not sent"), "{text}");
    assert!(!text.contains("19900102"), "{text}");
    let text = String::from_utf8_lossy(&letter("dpo@ours.example").bytes).into_owned();
    let held = text.split("quarantine release ").nth(1).unwrap().split_whitespace().next().unwrap();
    // Somebody decides that it may travel all the same.
    let out = house.gateway.command(&["quarantine", "release", held]);
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    wait_for("the released mail", || {
        let taken = house.hop.taken();
        taken.iter().any(|taken| taken.rcpt[0].contains("c@plain.example")).then_some(())
    });

    // All mail encrypted, and a server that is not.
    reload("transport = \"encrypted\"");
    house.hop.change(|manner| manner.tls = HopTls::Off);
    let fate = house.fate("d@plain.example");
    assert!(fate.starts_with("waits: the server offers no STARTTLS"), "{fate}");
    // On trial nothing is kept back.
    reload("transport = \"proven\"\npersonal-data = \"proven\"\nmode = \"shadow\"");
    assert_eq!(house.fate_of(&house.send_with("e@plain.example", PERSONAL)), "in clear");
    assert!(house.fate("f@region.example").starts_with("waits:"), "a partner's terms are no trial");
    house.gateway.stop();
}
