//! The audit log's way to a log server that is slow, silent, forgetful, gone or somebody else: nothing is missing, the order is kept, and
//! only so much comes twice.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, clippy::disallowed_methods)]

mod common;

use common::{Gateway, Hop, Manner, free_port, wait_for};
use rustls::{ServerConfig, crypto::aws_lc_rs, pki_types::PrivateKeyDer};
use sha2::{Digest, Sha256};
use sluss::{
    base::clock::Clock,
    config::{
        Authorities,
        audit::{AuditConfig, CertificateDigest},
    },
    edge::log_link::{Link, Times},
    facts::dns::Dns,
    store::{
        audit::{Actor, Entry, What},
        embedded::{Asked, AuditLog, Copied, Standing, Verified, verify_copy},
    },
};
use std::{
    fs,
    path::Path,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    runtime::Runtime,
    sync::watch,
    task::JoinHandle,
};
use tokio_rustls::{TlsAcceptor, server::TlsStream};

/// What the server does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum How {
    /// Reads everything, and ends what is ended.
    Well,
    /// Waits so many milliseconds before each kilobyte.
    Slowly(u64),
    /// Takes the connection and reads nothing.
    Silently,
    /// After so many messages of a connection it forgets them all, and resets.
    Forgetfully(usize),
    /// Ends every connection after the handshake.
    AtOnceGone,
}

/// A log server.
struct LogServer {
    port: u16,
    how: Arc<Mutex<How>>,
    /// What came, message by message, as a file would have it.
    messages: Arc<Mutex<Vec<Vec<u8>>>>,
    connections: Arc<Mutex<usize>>,
    task: JoinHandle<()>,
    certificate: Vec<u8>,
}

impl LogServer {
    async fn start(how: How) -> LogServer {
        LogServer::start_at(0, how).await
    }

    async fn start_at(port: u16, how: How) -> LogServer {
        let made = rcgen::generate_simple_self_signed(vec!["log.example".to_string()]).unwrap();
        let certificate = made.cert.der().to_vec();
        let key = PrivateKeyDer::Pkcs8(made.signing_key.serialize_der().into());
        let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![made.cert.der().clone()], key)
            .unwrap();
        let listener = TcpListener::bind(("127.0.0.1", port)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let how = Arc::new(Mutex::new(how));
        let (messages, connections) = (Arc::default(), Arc::default());
        let task = tokio::spawn(serve(
            listener,
            TlsAcceptor::from(Arc::new(config)),
            Arc::clone(&how),
            Arc::clone(&messages),
            Arc::clone(&connections),
        ));
        LogServer { port, how, messages, connections, task, certificate }
    }

    fn does(&self, how: How) {
        *self.how.lock().unwrap() = how;
    }

    fn config(&self) -> AuditConfig {
        let syslog = format!("tls://127.0.0.1:{}", self.port);
        AuditConfig {
            syslog: Some(syslog.try_into().unwrap()),
            fingerprint: Some(self.digest()),
            ..AuditConfig::default()
        }
    }

    fn digest(&self) -> CertificateDigest {
        CertificateDigest(Sha256::digest(&self.certificate).into())
    }

    /// What came, as it would stand in a file.
    fn file(&self) -> Vec<u8> {
        let messages = self.messages.lock().unwrap();
        messages.iter().flat_map(|message| [message.as_slice(), b"\n"].concat()).collect()
    }

    fn verified(&self) -> Verified {
        let file = self.file();
        verify_copy(file.as_slice(), "received", Copied::Received, &Asked::default(), |_| ())
            .unwrap()
    }

    fn count(&self, part: &str) -> usize {
        let messages = self.messages.lock().unwrap();
        messages.iter().filter(|one| String::from_utf8_lossy(one).contains(part)).count()
    }
}

impl Drop for LogServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(
    listener: TcpListener,
    tls: TlsAcceptor,
    how: Arc<Mutex<How>>,
    messages: Arc<Mutex<Vec<Vec<u8>>>>,
    connections: Arc<Mutex<usize>>,
) {
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        let Ok(stream) = tls.accept(stream).await else { continue };
        *connections.lock().unwrap() += 1;
        // One after the other: what comes later on another connection is later.
        one(stream, &how, &messages).await;
    }
}

async fn one(mut stream: TlsStream<TcpStream>, how: &Mutex<How>, messages: &Mutex<Vec<Vec<u8>>>) {
    let (mut input, mut taken) = (Vec::new(), 0);
    let before = messages.lock().unwrap().len();
    let mut silent = 0;
    loop {
        let now = *how.lock().unwrap();
        match now {
            How::Well => (),
            How::Slowly(pause) => tokio::time::sleep(Duration::from_millis(pause)).await,
            How::Silently => {
                // Until the other side has had enough: then it hears nothing of us any more.
                tokio::time::sleep(Duration::from_millis(20)).await;
                silent += 1;
                if silent > 40 {
                    return;
                }
                continue;
            }
            How::AtOnceGone => return,
            How::Forgetfully(most) if taken >= most => {
                messages.lock().unwrap().truncate(before);
                socket2::SockRef::from(stream.get_ref().0)
                    .set_linger(Some(Duration::ZERO))
                    .unwrap();
                return;
            }
            How::Forgetfully(_) => (),
        }
        let mut piece = [0; 1024];
        match stream.read(&mut piece).await {
            Ok(0) | Err(_) => {
                let _gone = stream.shutdown().await;
                return;
            }
            Ok(count) => input.extend_from_slice(&piece[..count]),
        }
        // RFC 5425 section 4.3: a length, a space, and so many bytes.
        while let Some(space) = input.iter().position(|byte| *byte == b' ') {
            let length: usize = std::str::from_utf8(&input[..space]).unwrap().parse().unwrap();
            if input.len() < space + 1 + length {
                break;
            }
            let message = input[space + 1..space + 1 + length].to_vec();
            input.drain(..space + 1 + length);
            messages.lock().unwrap().push(message);
            taken += 1;
        }
    }
}

/// A log and its link.
struct House {
    log: AuditLog,
    _folder: tempfile::TempDir,
    link: Option<(watch::Sender<bool>, JoinHandle<()>)>,
}

impl House {
    fn open() -> House {
        let folder = tempfile::tempdir().unwrap();
        let (log, _) = AuditLog::open(folder.path(), Clock::system()).unwrap();
        House { log, _folder: folder, link: None }
    }

    fn send_to(&mut self, config: AuditConfig, times: Times) {
        let clock = Clock::system();
        let link = Link {
            log: self.log.clone(),
            hostname: "mx.ours.example".to_string(),
            config,
            dns: Dns::new(&["127.0.0.1:1".parse().unwrap()], clock.clone()).unwrap(),
            clock,
            times,
        };
        let (stop, stopping) = watch::channel(false);
        let task = tokio::spawn(async move { link.run(stopping).await });
        self.link = Some((stop, task));
    }

    async fn stop_sending(&mut self) {
        let (stop, task) = self.link.take().unwrap();
        stop.send_replace(true);
        tokio::time::timeout(Duration::from_secs(20), task).await.unwrap().unwrap();
    }

    /// Records so many acts.
    async fn record(&self, count: usize) {
        for nr in 0..count {
            let entry = Entry::new(Actor::System, What::BanChanged).about(format!("thing-{nr}"));
            self.log.append(entry).await.unwrap();
        }
    }

    fn standing(&self) -> Standing {
        self.log.link().unwrap_or_default()
    }

    async fn until(&self, what: &str, ask: impl Fn(&Standing) -> bool) -> Standing {
        let end = Instant::now() + Duration::from_secs(40);
        loop {
            let standing = self.standing();
            if ask(&standing) {
                return standing;
            }
            assert!(Instant::now() < end, "waited in vain for {what}: {standing:?}");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    async fn all_arrived(&self) {
        let last = self.log.durable();
        self.until("all to arrive", |standing| standing.arrived >= last).await;
    }
}

fn quick() -> Times {
    Times {
        tick: Duration::from_millis(5),
        heartbeat: Duration::from_secs(60),
        confirm: Duration::from_millis(200),
        answer_max: Duration::from_secs(5),
        rest_first: Duration::from_millis(10),
        rest_max: Duration::from_millis(50),
    }
}

fn runtime() -> Runtime {
    tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap()
}

#[test]
fn each_line_arrives_whole_and_in_its_frame() {
    runtime().block_on(async {
        let (server, mut house) = (LogServer::start(How::Well).await, House::open());
        house.record(3).await;
        house.send_to(server.config(), quick());
        house.record(2_500).await;
        house.all_arrived().await;
        house.stop_sending().await;
        let found = server.verified();
        assert!(found.whole, "{found:?}");
        assert_eq!((found.records, found.repeated, found.foreign_lines), (2_503, 0, 0));
        let lines = fs::read_to_string(house.log.folder().join("audit-00000001.jsonl")).unwrap();
        let first = server.messages.lock().unwrap()[0].clone();
        let first = String::from_utf8(first).unwrap();
        let (header, line) = first.split_once(" - audit - ").unwrap();
        assert_eq!(line, lines.lines().next().unwrap());
        assert!(header.starts_with("<109>1 ") && header.ends_with("Z mx.ours.example sluss"));
        // A thousand a connection, and none is closed before its time otherwise.
        assert!(*server.connections.lock().unwrap() >= 3);
    });
}

#[test]
fn nothing_is_missing_whatever_the_server_forgets_and_only_so_much_comes_twice() {
    runtime().block_on(async {
        let (server, mut house) = (LogServer::start(How::Well).await, House::open());
        house.send_to(server.config(), quick());
        for (round, how) in [
            How::Forgetfully(30),
            How::Well,
            How::AtOnceGone,
            How::Slowly(2),
            How::Forgetfully(200),
            How::Well,
        ]
        .into_iter()
        .enumerate()
        {
            server.does(how);
            house.record(300).await;
            tokio::time::sleep(Duration::from_millis(150)).await;
            if round == 3 {
                // The gateway is restarted in the middle of it.
                house.stop_sending().await;
                house.send_to(server.config(), quick());
            }
        }
        house.all_arrived().await;
        house.stop_sending().await;
        let found = server.verified();
        assert!(found.whole, "{found:?}");
        assert_eq!(found.records, house.log.durable());
        // The window: what one connection carries, and the one before it, at each break.
        assert!(found.repeated > 0, "what was read and not forgotten comes again");
    });
}

#[test]
fn a_server_that_comes_back_gets_all_and_little_twice() {
    runtime().block_on(async {
        let port = free_port();
        let mut house = House::open();
        let server = LogServer::start_at(port, How::Well).await;
        let config = server.config();
        house.send_to(config.clone(), quick());
        house.record(1_500).await;
        house.all_arrived().await;
        let had = server.file();
        drop(server);
        // Nobody listens: it waits here, which is seen.
        house.record(20).await;
        let standing = house.until("the break", |it| !it.up && it.ill_since_ms.is_some()).await;
        assert!(!standing.said.is_empty(), "{standing:?}");
        let standing =
            house.until("what waits", |it| it.unsent >= 20 && it.oldest_ms.is_some()).await;
        assert_eq!(standing.arrived, 1_500);
        // Another certificate: it is somebody else, and gets nothing.
        let stranger = LogServer::start_at(port, How::Well).await;
        house.until("the refusal", |it| it.said.contains("certificate")).await;
        tokio::time::sleep(Duration::from_millis(100)).await;
        assert_eq!(stranger.count("thing"), 0);
        house.stop_sending().await;
        // The new one is believed.
        house.send_to(AuditConfig { fingerprint: Some(stranger.digest()), ..config }, quick());
        house.all_arrived().await;
        house.stop_sending().await;
        let whole = [had, stranger.file()].concat();
        let found =
            verify_copy(whole.as_slice(), "both", Copied::Received, &Asked::default(), |_| ());
        let found = found.unwrap();
        assert!(found.whole && found.records == 1_520, "{found:?}");
        assert!(found.repeated <= 2_000, "{found:?}");
    });
}

#[test]
fn a_silent_server_is_noticed_and_nobody_waits_for_it() {
    runtime().block_on(async {
        let (server, mut house) = (LogServer::start(How::Silently).await, House::open());
        let answer_max = Duration::from_millis(300);
        house.send_to(server.config(), Times { answer_max, ..quick() });
        // The records are taken all the same.
        house.record(500).await;
        let standing = house.until("the silence", |it| it.ill_since_ms.is_some()).await;
        assert!(standing.said.contains("did not answer"), "{standing:?}");
        assert_eq!(standing.arrived, 0);
        server.does(How::Well);
        house.all_arrived().await;
        assert_eq!(house.standing().ill_since_ms, None, "it works again");
        house.stop_sending().await;
        let found = server.verified();
        assert!(found.whole && found.records == 500, "{found:?}");
    });
}

#[test]
fn an_idle_link_gives_signs_of_life() {
    runtime().block_on(async {
        let (server, mut house) = (LogServer::start(How::Well).await, House::open());
        house.record(1).await;
        let heartbeat = Duration::from_millis(30);
        house.send_to(server.config(), Times { heartbeat, ..quick() });
        let end = Instant::now() + Duration::from_secs(20);
        while server.count("{\"heartbeat\":{\"sent\":1}}") < 3 {
            assert!(Instant::now() < end);
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        house.stop_sending().await;
        let found = server.verified();
        assert!(found.whole && found.records == 1 && found.foreign_lines >= 3, "{found:?}");
    });
}

#[test]
fn only_a_certificate_that_is_vouched_for_and_bears_the_name_gets_the_log() {
    runtime().block_on(async {
        let server = LogServer::start(How::Well).await;
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, der: &[u8]| {
            let text = data_encoding::BASE64.encode(der);
            let path = folder.path().join(name);
            let pem = format!("-----BEGIN CERTIFICATE-----\n{text}\n-----END CERTIFICATE-----\n");
            fs::write(&path, pem).unwrap();
            path
        };
        let other = rcgen::generate_simple_self_signed(vec!["log.example".to_string()]).unwrap();
        let (right, wrong) =
            (write("right", &server.certificate), write("wrong", other.cert.der()));
        let by = |file: &Path, name: &str| AuditConfig {
            fingerprint: None,
            authorities: Authorities::File(file.to_path_buf()),
            name: Some(sluss::mail::Domain::parse(name).unwrap()),
            ..server.config()
        };
        for (config, arrives) in [
            (by(&wrong, "log.example"), false),
            (by(&right, "other.example"), false),
            (AuditConfig { name: None, ..by(&right, "log.example") }, false),
            (
                AuditConfig { fingerprint: Some(CertificateDigest([7; 32])), ..server.config() },
                false,
            ),
            (by(&right, "log.example"), true),
        ] {
            let mut house = House::open();
            house.record(1).await;
            house.send_to(config.clone(), quick());
            match arrives {
                true => house.all_arrived().await,
                false => {
                    house.until("the refusal", |it| it.said.contains("certificate")).await;
                    assert_eq!(server.count("thing"), 0, "{config:?}");
                }
            }
            house.stop_sending().await;
        }
        assert_eq!(server.count("thing"), 1);
    });
}

#[test]
fn a_gateway_sends_its_log_says_how_it_stands_and_takes_another_server_at_a_reload() {
    let runtime = runtime();
    let (first, second) = runtime
        .block_on(async { (LogServer::start(How::Well).await, LogServer::start(How::Well).await) });
    let (hop, port) = (Hop::start(Manner::default()), free_port());
    let config = |server: &LogServer| {
        let digest = String::from(server.digest());
        format!(
            "hostname = \"mx.ours.example\"\n\
             [[listener]]\nname = \"in\"\nbind = \"127.0.0.1:{port}\"\ndirection = \"inbound\"\n\
             [audit]\nsyslog = \"tls://127.0.0.1:{}\"\nfingerprint = \"{digest}\"\n\
             [[domain]]\nname = \"ours.example\"\nnext-hop = \"smtp://127.0.0.1:{}\"\nrecipients = \"any\"\n",
            server.port,
            hop.port()
        )
    };
    let folder = tempfile::tempdir().unwrap();
    let gateway = Gateway::start_in(folder.path(), &config(&first));
    assert!(gateway.command(&["bans", "add", "192.0.2.7"]).status.success());
    wait_for("the ban at the log server", || (first.count("ban-changed") == 1).then_some(()));
    let status = gateway.command(&["status"]);
    let status = String::from_utf8(status.stdout).unwrap();
    assert!(status.contains(&format!("tls://127.0.0.1:{}, connected", first.port)), "{status}");
    // A file of authorities that is not there changes nothing.
    let bad = config(&first).replace("fingerprint = ", "authorities = \"/nowhere/ca.pem\"\n#");
    gateway.rewrite_config(&bad);
    let refused = gateway.command(&["reload"]);
    assert!(!refused.status.success());
    assert!(String::from_utf8_lossy(&refused.stderr).contains("/nowhere/ca.pem"));
    gateway.rewrite_config(&config(&second));
    assert!(gateway.command(&["reload"]).status.success());
    // The other one gets all of it, from the first record on.
    wait_for("the ban at the other server", || (second.count("ban-changed") == 1).then_some(()));
    assert!(gateway.command(&["bans", "lift", "192.0.2.7"]).status.success());
    gateway.stop();
    let found = second.verified();
    assert!(found.whole, "{found:?}");
    assert_eq!(found.first_number, Some(1));
    assert_eq!(
        (second.count("\"what\":\"stopped\""), found.after),
        (1, 0),
        "the end is signed and sent"
    );
    assert!(first.verified().whole);
    assert_eq!(first.count("\"act\":\"lift\""), 0);
}
