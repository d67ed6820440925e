//! REQUIRETLS (RFC 8689) through the running gateway: where it is announced, to whom such mail goes, and what becomes of it elsewhere.

use crate::common::{
    Client, Gateway, Hop, HopTls, Manner, Names, Said,
    certs::{Cert, Time},
    free_port, mail, wait_for,
};
use std::net::Ipv4Addr;

#[test]
fn mail_that_requires_tls_goes_to_verified_servers_that_keep_it_up_or_back() {
    let cert = Cert::self_made("mx.region.example", Time::Now);
    let pin = data_encoding::HEXLOWER.encode(&cert.tlsa(3, 1, 1, 0).cert_data);
    let keywords = |more: &[&str]| {
        let all = ["PIPELINING", "8BITMIME"].iter().chain(more).map(|word| word.to_string());
        Some(all.collect::<Vec<String>>())
    };
    let hop = Hop::start(Manner {
        tls: HopTls::With(cert),
        keywords: keywords(&["REQUIRETLS"]),
        ..Manner::default()
    });
    let own = Hop::start(Manner::default());
    let names = Names::start();
    for (name, host) in
        [("region.example", "mx.region.example"), ("plain.example", "mx.plain.example")]
    {
        names.say(name, Said::Mx(vec![(10, host)]));
        names.say(host, Said::A(Ipv4Addr::LOCALHOST));
    }
    let (inbound, outbound) = (free_port(), free_port());
    let gateway = Gateway::start(&format!(
        "hostname = \"mx.ours.example\"\n\
         [[listener]]\nname = \"in\"\nbind = \"127.0.0.1:{inbound}\"\ndirection = \"inbound\"\n\
         [[listener]]\nname = \"out\"\nbind = \"127.0.0.1:{outbound}\"\ndirection = \"outbound\"\n\
         [[domain]]\nname = \"ours.example\"\nnext-hop = \"smtp://127.0.0.1:{}\"\nrecipients = \"any\"\n\
         [dns]\nservers = [\"127.0.0.1:{}\"]\n\
         [limits]\nunproven-hold-after = \"0 s\"\n\
         [outbound]\nnetworks = [\"127.0.0.0/8\"]\ndane = \"off\"\nmx-port = {}\n\
         [[partner]]\ndomain = \"region.example\"\ntls = \"verified\"\ncertificate = [\"sha256:{pin}\"]\n",
        own.port(),
        names.port(),
        hop.port(),
    ));
    let in_tls = |port: u16| {
        let mut client = Client::hello(port);
        let clear = client.ask("EHLO far.example").unwrap();
        assert!(!clear.lines.iter().any(|line| line.contains("REQUIRETLS")), "{clear:?}");
        client.ask("STARTTLS").unwrap();
        client.handshake().unwrap();
        let heard = client.ask("EHLO far.example").unwrap();
        (client, heard.lines.iter().any(|line| line.contains("REQUIRETLS")))
    };
    // The server behind us does not keep it up, so that we cannot for those from outside.
    let (mut client, announced) = in_tls(inbound);
    assert!(!announced);
    assert_eq!(client.ask("MAIL FROM:<kim@far.example> REQUIRETLS").unwrap().code, 555);
    let (mut client, announced) = in_tls(outbound);
    assert!(announced);
    let mut send = |to: &str| {
        let from = client.ask("MAIL FROM:<anna@ours.example> REQUIRETLS").unwrap();
        assert_eq!(from.code, 250, "{from:?}");
        assert_eq!(client.ask(&format!("RCPT TO:<{to}>")).unwrap().code, 250);
        assert_eq!(client.ask("DATA").unwrap().code, 354);
        let text = mail(to.split('@').next().unwrap())
            .replace("Karin Berg <karin@example.org>", "Anna <anna@ours.example>");
        let heard = client.ask(&format!("{}\r\n.", text.trim_end())).unwrap();
        assert_eq!(heard.code, 250, "{heard:?}");
    };
    send("a@region.example");
    let taken = wait_for("the mail", || {
        hop.taken().into_iter().find(|taken| taken.rcpt[0].contains("a@region.example"))
    });
    assert!(taken.in_tls && taken.mail.contains(" REQUIRETLS"), "{}", taken.mail);
    // Nobody vouches for this one, whatever it announces.
    let returned = |to: &str| {
        let found = wait_for("the notice", || {
            own.taken().into_iter().find(|taken| {
                taken.mail.contains("<>") && String::from_utf8_lossy(&taken.bytes).contains(to)
            })
        });
        String::from_utf8_lossy(&found.bytes).into_owned()
    };
    send("b@plain.example");
    let notice = returned("b@plain.example");
    assert!(notice.contains("5.7.30") && notice.contains("Action: failed"), "{notice}");
    // This one is who it should be, and does not keep it up.
    hop.change(|manner| {
        manner.keywords = keywords(&[]);
        manner.idle_words = Some("421 4.4.2 idle".to_string());
    });
    gateway.command(&["reload"]);
    send("c@region.example");
    assert!(returned("c@region.example").contains("5.7.30"));
    assert_eq!(hop.count(), 1);
    gateway.stop();
}
