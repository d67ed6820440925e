//! Operating the real program: who it is, what it inherits, what a reload changes while mail goes through, and how it ends.

// Real time, and failing loudly, is what these tests are for.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, clippy::disallowed_methods)]
#![allow(clippy::print_stdout)] // How long the reloads took.

mod common;

use common::{Client, Gateway, Hop, Manner, binary, free_port, mail, wait_for};
use serde_json::json;
use std::{
    fs,
    io::{BufRead, BufReader, Read},
    net::TcpStream,
    os::unix::fs::{MetadataExt, PermissionsExt},
    path::Path,
    process::{Child, Command, Output, Stdio},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

fn we_are_root() -> bool {
    fs::metadata("/proc/self").unwrap().uid() == 0
}

/// One inbound listener with mail to `ours.example` taken for anybody.
fn config(port: u16, hop: u16, more: &str) -> String {
    format!(
        "hostname = \"mx.ours.example\"\n{more}\n\
         [[listener]]\nname = \"in\"\nbind = \"127.0.0.1:{port}\"\ndirection = \"inbound\"\n\
         [[domain]]\nname = \"ours.example\"\nnext-hop = \"smtp://127.0.0.1:{hop}\"\nrecipients = \"any\"\n\
         [limits]\ntransactions-per-minute = 1000000\n"
    )
}

/// `sluss serve` with a configuration that says all there is to say, in a folder that others may enter.
fn serve(folder: &Path, config: &str) -> Command {
    fs::set_permissions(folder, fs::Permissions::from_mode(0o755)).unwrap();
    fs::write(folder.join("sluss.toml"), config).unwrap();
    let mut command = binary();
    command.args(["serve", "--config"]).arg(folder.join("sluss.toml"));
    command.arg("--data").arg(folder.join("data")).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// A child that is killed when the test is over, and what it says on standard error.
struct Served(Child);

impl Drop for Served {
    fn drop(&mut self) {
        let _gone_already = self.0.kill();
        let _reaped = self.0.wait();
    }
}

impl Served {
    #[track_caller]
    fn start(mut command: Command) -> Served {
        let mut served = Served(command.spawn().unwrap());
        let mut line = String::new();
        BufReader::new(served.0.stdout.take().unwrap()).read_line(&mut line).unwrap();
        if line.trim() != "ready" {
            panic!("not ready, but {line:?}: {}", served.end());
        }
        served
    }

    /// Ends it and gives what it logged.
    fn end(&mut self) -> String {
        let mut kill = Command::new("kill");
        assert!(kill.args(["-TERM", &self.0.id().to_string()]).status().unwrap().success());
        let mut log = String::new();
        self.0.stderr.take().unwrap().read_to_string(&mut log).unwrap();
        self.0.wait().unwrap();
        log
    }
}

fn run(mut command: Command) -> (Output, String) {
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    (output, said)
}

/// As root: every thread has become the user, in all four ids and in its groups, with no capability left, and what it makes is its own.
/// As anybody else: it says that it cannot become another, and serves as who it is.
#[test]
fn root_is_given_away_in_every_thread() {
    let folder = tempfile::tempdir().unwrap();
    let port = free_port();
    let own = fs::metadata("/proc/self").unwrap().uid();
    if !we_are_root() {
        let (refused, said) = run(serve(folder.path(), &config(port, 9, "user = \"root\"")));
        assert!(!refused.status.success() && said.contains("cannot be become"), "{said}");
        let mut served = Served::start(serve(folder.path(), &config(port, 9, "")));
        for status in thread_states(served.0.id()) {
            assert!(status.contains(&format!("Uid:\t{own}\t{own}\t{own}\t{own}")), "{status}");
        }
        served.end();
        return;
    }
    // A key that is root's alone, and a data folder in which root has been at work.
    let made = rcgen::generate_simple_self_signed(vec!["mx.ours.example".to_string()]).unwrap();
    let (certificate, key) = (folder.path().join("mx.pem"), folder.path().join("mx.key"));
    fs::write(&certificate, made.cert.pem()).unwrap();
    fs::write(&key, made.signing_key.serialize_pem()).unwrap();
    fs::write(folder.path().join("master.key"), "0f".repeat(32)).unwrap();
    for secret in ["mx.key", "master.key"] {
        let closed = fs::Permissions::from_mode(0o600);
        fs::set_permissions(folder.path().join(secret), closed).unwrap();
    }
    fs::create_dir(folder.path().join("data")).unwrap();
    fs::write(folder.path().join("data/left-by-root"), "").unwrap();
    let more = format!(
        "user = \"nobody\"\n[tls]\ncertificate = {certificate:?}\nkey = {key:?}\n[store]\nmaster-key = {:?}",
        folder.path().join("master.key")
    );
    let mut served = Served::start(serve(folder.path(), &config(port, 9, &more)));
    let mut client = Client::hello(port);
    client.say("STARTTLS");
    client.expect("220");
    client.handshake().unwrap();
    let states = thread_states(served.0.id());
    assert!(states.len() > 2, "more than one thread is what this is about");
    let nobody = fs::metadata(folder.path().join("data")).unwrap().uid();
    assert_ne!(nobody, 0);
    for status in &states {
        assert!(
            status.contains(&format!("Uid:\t{nobody}\t{nobody}\t{nobody}\t{nobody}")),
            "{status}"
        );
        assert!(!status.contains("Gid:\t0"), "{status}");
        let groups = status.lines().find_map(|line| line.strip_prefix("Groups:")).unwrap();
        assert!(!groups.split_whitespace().any(|group| group == "0"), "{status}");
        for set in ["CapInh", "CapPrm", "CapEff", "CapAmb"] {
            assert!(status.contains(&format!("{set}:\t0000000000000000")), "{status}");
        }
    }
    for made in ["data/left-by-root", "data/spool", "data/quarantine", "data/control.sock"] {
        assert_eq!(fs::metadata(folder.path().join(made)).unwrap().uid(), nobody, "{made}");
    }
    // A command run by root works, and leaves nothing of root's behind.
    served.end();
    let mut list = binary();
    list.args(["queue", "list", "--config"]).arg(folder.path().join("sluss.toml"));
    let (listed, said) = run({
        list.arg("--data").arg(folder.path().join("data"));
        list
    });
    assert!(listed.status.success(), "{said}");
    let mut served = Served::start(serve(folder.path(), &config(port, 9, &more)));
    Command::new("kill").args(["-HUP", &served.0.id().to_string()]).status().unwrap();
    thread::sleep(Duration::from_secs(3));
    let log = served.end();
    assert!(log.contains("root was given away"), "{log}");
    assert!(log.contains("mx.key") && log.contains("the old certificate stays in force"), "{log}");
    assert!(log.contains("reloaded"), "the rest of the configuration is put in force: {log}");
}

/// `/proc/PID/task/*/status` of all its threads.
fn thread_states(pid: u32) -> Vec<String> {
    let tasks = fs::read_dir(format!("/proc/{pid}/task")).unwrap();
    tasks.filter_map(|task| fs::read_to_string(task.unwrap().path().join("status")).ok()).collect()
}

#[test]
fn root_is_not_kept_by_default() {
    let folder = tempfile::tempdir().unwrap();
    let port = free_port();
    if we_are_root() {
        let (refused, said) = run(serve(folder.path(), &config(port, 9, "")));
        assert!(!refused.status.success() && said.contains("user = \"sluss\""), "{said}");
        assert!(!folder.path().join("data").exists(), "nothing was made before it refused");
    }
    // Allowed to, or not root at all: it serves, and root says what it is.
    let mut served = Served::start(serve(folder.path(), &config(port, 9, "allow-root = true")));
    Client::hello(port);
    let log = served.end();
    assert_eq!(log.contains("runs as root"), we_are_root(), "{log}");
}

#[test]
fn nobody_else_may_look() {
    let folder = tempfile::tempdir().unwrap();
    let port = free_port();
    let mut served = Served::start(serve(folder.path(), &config(port, 9, "allow-root = true")));
    for made in ["data/spool", "data/quarantine", "data/trace", "data/control.sock"] {
        let mode = fs::metadata(folder.path().join(made)).unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "{made}: {mode:o}");
    }
    let status = fs::read_to_string(format!("/proc/{}/status", served.0.id())).unwrap();
    let umask = status.lines().find_map(|line| line.strip_prefix("Umask:\t")).unwrap();
    assert_eq!(umask, "0077");
    served.end();
}

#[test]
fn sockets_of_systemd_are_used() {
    if Command::new("systemd-socket-activate").arg("--version").output().is_err() {
        // The same is tested without systemd in edge::sockets; here is what is left: nothing handed over, nothing used.
        let folder = tempfile::tempdir().unwrap();
        let port = free_port();
        let log = Served::start(serve(folder.path(), &config(port, 9, "allow-root = true"))).end();
        assert!(!log.contains("was handed at start"), "{log}");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let (handed, written) = (free_port(), free_port());
    let direct = serve(folder.path(), &config(written, 9, "allow-root = true"));
    let mut command = Command::new("systemd-socket-activate");
    command.args(["--fdname=in", &format!("--listen=127.0.0.1:{handed}")]);
    command.arg(direct.get_program()).args(direct.get_args());
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).stdin(Stdio::null());
    // It starts the program when the first client comes, who waits in the socket until there is somebody to take it.
    let first = thread::spawn(move || {
        let mut client = wait_for("the socket", || Client::dial(handed).ok());
        client.expect("220");
    });
    let mut served = Served::start(command);
    first.join().unwrap();
    assert!(Client::dial(written).is_err(), "the address in the file is not bound besides");
    let log = served.end();
    assert!(log.contains("uses what it was handed at start"), "{log}");
}

/// Mail goes through on six connections while everything is read again twenty times: not one session is dropped.
#[test]
fn twenty_reloads_under_load_drop_nobody() {
    let hop = Hop::start(Manner::default());
    let (port, second, folder) = (free_port(), free_port(), tempfile::tempdir().unwrap());
    let files = Files { folder: folder.path() };
    files.certificate(0);
    let plain = config(port, hop.port(), &files.tls());
    let gateway = Gateway::start(&plain);

    let (ended, sent) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let clients: Vec<_> = (0..6)
        .map(|number| {
            let (ended, sent) = (ended.clone(), sent.clone());
            thread::spawn(move || {
                // One session for the whole test, half of them encrypted.
                let mut client = Client::hello(port);
                if number % 2 == 0 {
                    client.say("STARTTLS");
                    client.expect("220");
                    client.handshake().unwrap();
                    client.say("EHLO client.example.org");
                    client.expect("250");
                }
                let text = mail(&format!("reload-{number}"));
                while !ended.load(Ordering::Relaxed) {
                    let heard = client
                        .send("karin@example.org", &["b@ours.example"], text.as_bytes())
                        .unwrap();
                    assert_eq!(heard.code, 250, "{heard:?}");
                    sent.fetch_add(1, Ordering::Relaxed);
                    // Room for the reloads: what counts is the session, not the rate.
                    thread::sleep(Duration::from_millis(50));
                }
                client.say("QUIT");
                client.expect("221");
            })
        })
        .collect();
    let with_second = plain.replace(
        "[[domain]]",
        &format!(
            "[[listener]]\nname = \"second\"\nbind = \"127.0.0.9:{second}\"\ndirection = \"inbound\"\n[[domain]]"
        ),
    );
    let began = Instant::now();
    for round in 1..=20 {
        files.certificate(round);
        match round {
            5 => gateway.rewrite_config(&with_second),
            10 => gateway.rewrite_config("hostname = 7\n"),
            11 => gateway.rewrite_config(&with_second),
            15 => gateway.rewrite_config(&plain),
            17 => files.broken_certificate(),
            _ => (),
        }
        let before =
            gateway.log().matches("in force").count() + gateway.log().matches("reloaded:").count();
        gateway.signal("HUP");
        wait_for("the reload", || {
            let log = gateway.log();
            (log.matches("in force").count() + log.matches("reloaded:").count() > before)
                .then_some(())
        });
        // On an address of its own: another test may have been given the port that this one has just closed.
        let open = TcpStream::connect(("127.0.0.9", second)).is_ok();
        assert_eq!(open, (5..15).contains(&round), "round {round}");
        let served = served_certificate(port);
        let newest = if round == 17 { 16 } else { round };
        let bad = round == 10;
        assert_eq!(served.contains(&format!("round-{newest}.")), !bad, "round {round}: {served}");
        // Mail goes through between any two reloads, however quick they are.
        let before = sent.load(Ordering::Relaxed);
        wait_for("a mail", || (sent.load(Ordering::Relaxed) > before).then_some(()));
    }
    let took = began.elapsed();
    ended.store(true, Ordering::Relaxed);
    clients.into_iter().for_each(|client| client.join().unwrap());
    assert!(sent.load(Ordering::Relaxed) > 20, "too little load to show anything");
    let log = gateway.log();
    println!("20 reloads in {} ms, {} mails", took.as_millis(), sent.load(Ordering::Relaxed));
    assert!(log.contains("listeners opened: second"), "{log}");
    assert!(log.contains("listeners closed: second"), "{log}");
    assert_eq!(log.matches("the old configuration stays in force").count(), 2, "{log}");
    gateway.stop();
    assert_eq!(hop.taken().len(), sent.load(Ordering::Relaxed));
}

struct Files<'a> {
    folder: &'a Path,
}

impl Files<'_> {
    fn certificate(&self, round: usize) {
        let name = format!("round-{round}.ours.example");
        let made = rcgen::generate_simple_self_signed(vec![name]).unwrap();
        fs::write(self.folder.join("mx.pem"), made.cert.pem()).unwrap();
        fs::write(self.folder.join("mx.key"), made.signing_key.serialize_pem()).unwrap();
    }

    fn broken_certificate(&self) {
        fs::write(self.folder.join("mx.pem"), "no certificate at all\n").unwrap();
    }

    fn tls(&self) -> String {
        let (certificate, key) = (self.folder.join("mx.pem"), self.folder.join("mx.key"));
        format!("[tls]\ncertificate = {certificate:?}\nkey = {key:?}")
    }
}

/// The certificate that a new connection gets, as text in which its name can be found.
fn served_certificate(port: u16) -> String {
    let mut client = Client::hello(port);
    client.say("STARTTLS");
    client.expect("220");
    client.handshake().unwrap();
    String::from_utf8_lossy(&client.certificate().unwrap()).into_owned()
}

#[test]
fn what_waits_for_a_restart_is_said() {
    let port = free_port();
    let plain = config(port, 9, "");
    let gateway = Gateway::start(&plain);
    let changed = plain.replace("mx.ours", "mx2.ours") + "[dns]\nservers = [\"127.0.0.1:5353\"]\n";
    gateway.rewrite_config(&changed);
    let said = gateway.ask(&json!({ "command": "reload" })).unwrap();
    let said = said.as_str().unwrap();
    assert!(said.contains("only after a restart: dns.servers"), "{said}");
    // What was said once still waits, and is said again; what waits no more is not.
    let again = gateway.ask(&json!({ "command": "reload" })).unwrap();
    assert!(again.as_str().unwrap().contains("only after a restart: dns.servers"), "{again}");
    gateway.rewrite_config(
        &changed.replace("servers = [\"127.0.0.1:5353\"]", "sender-domains = false"),
    );
    let live = gateway.ask(&json!({ "command": "reload" })).unwrap();
    assert!(!live.as_str().unwrap().contains("restart"), "{live}");
    Client::dial(port).unwrap().expect("220 mx2.ours.example");

    // An address that is taken: nothing of the new configuration is in force.
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let more =
        format!("[[listener]]\nname = \"b\"\nbind = \"{address}\"\ndirection = \"inbound\"\n");
    gateway.rewrite_config(&plain.replace("[[domain]]", &format!("{more}[[domain]]")));
    let error = gateway.ask(&json!({ "command": "reload" })).unwrap_err();
    assert!(error.contains("another program listens there"), "{error}");
    Client::dial(port).unwrap().expect("220 mx2.ours.example");
    gateway.stop();
}

#[test]
fn told_once_it_finishes_told_twice_it_ends() {
    let hop = Hop::start(Manner { pause: Duration::from_millis(300), ..Manner::default() });
    let port = free_port();
    let mut gateway = Gateway::start(&config(port, hop.port(), ""));
    let mut busy = Client::hello(port);
    for line in ["MAIL FROM:<karin@example.org>", "RCPT TO:<b@ours.example>"] {
        assert_eq!(busy.ask(line).unwrap().code, 250);
    }
    busy.say("DATA");
    busy.expect("354");
    let mut idle = Client::hello(port);
    gateway.signal("TERM");
    idle.expect("421");
    wait_for("the port to be given back", || Client::dial(port).is_err().then_some(()));
    busy.write(format!("{}.\r\n", mail("last")).as_bytes()).unwrap();
    busy.expect("250");
    drop(busy);
    assert!(gateway.ended().success());
    assert_eq!(hop.taken().len(), 1);

    let mut gateway = Gateway::start(&config(port, hop.port(), ""));
    let mut stuck = Client::hello(port);
    assert_eq!(stuck.ask("MAIL FROM:<karin@example.org>").unwrap().code, 250);
    gateway.signal("TERM");
    wait_for("the end to begin", || gateway.log().contains("ending: open").then_some(()));
    let began = Instant::now();
    gateway.signal("TERM");
    assert!(gateway.ended().success());
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    assert!(gateway.log().contains("told to end twice"), "{}", gateway.log());
}

#[test]
fn check_config_warns_of_what_is_allowed_and_hardly_wanted() {
    let folder = tempfile::tempdir().unwrap();
    let (port, file) = (free_port(), folder.path().join("sluss.toml"));
    for (admin, want) in [("0.0.0.0:8025", true), ("[::]:8025", true), ("127.0.0.1:8025", false)] {
        fs::write(&file, config(port, 9, "") + &format!("[web]\nadmin = \"{admin}\"\n")).unwrap();
        let mut check = binary();
        check.args(["check-config", "--config"]).arg(&file);
        let (checked, said) = run(check);
        assert!(checked.status.success(), "a warning is no error: {said}");
        assert_eq!(said.contains("is open to others at"), want, "{admin}: {said}");
    }
}
