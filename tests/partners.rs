//! Partners through the running gateway: whose mail is taken over TLS only.

// Real time, and failing loudly, is what these tests are for.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, clippy::disallowed_methods)]

mod common;

use common::{Client, Gateway, Hop, Manner, free_port, mail};

#[test]
fn a_partner_that_must_send_over_tls_is_refused_in_clear_before_any_content() {
    let hop = Hop::start(Manner::default());
    let (port, relayed) = (free_port(), free_port());
    let config = |inbound: &str| {
        format!(
            "hostname = \"mx.ours.example\"\n\
             [[listener]]\nname = \"in\"\nbind = \"127.0.0.1:{port}\"\ndirection = \"inbound\"\n\
             [[listener]]\nname = \"relayed\"\nbind = \"127.0.0.1:{relayed}\"\ndirection = \"inbound\"\ntrusted-relays = [\"127.0.0.1/32\"]\n\
             [[domain]]\nname = \"ours.example\"\nnext-hop = \"smtp://127.0.0.1:{}\"\nrecipients = \"any\"\n\
             [[partner]]\ndomain = \"region.example\"\nsubdomains = true\ninbound = \"{inbound}\"\n",
            hop.port()
        )
    };
    let gateway = Gateway::start(&config("required"));
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
    gateway.rewrite_config(&config("optional"));
    let reloaded = gateway.command(&["reload"]);
    assert!(reloaded.status.success(), "{}", String::from_utf8_lossy(&reloaded.stderr));
    let heard = Client::hello(port).ask(&from("kim@region.example")).unwrap();
    assert_eq!(heard.code, 250, "{heard:?}");
    drop((client, relay));
    gateway.stop();
}
