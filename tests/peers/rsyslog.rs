//! The audit log at a real log server: Debian's rsyslog with TLS by GnuTLS, stopped and started again while records come.

use crate::{
    gateway::{self, Gateway},
    place::{self, Server},
    ports::free_port,
};
use std::{
    fs,
    path::{Path, PathBuf},
    process::Output,
};

/// An rsyslog that writes what it gets to a file, a line each.
struct Rsyslog {
    folder: PathBuf,
    port: u16,
}

impl Rsyslog {
    fn prepare(under: &Path) -> Rsyslog {
        let folder = under.join("rsyslog");
        fs::create_dir_all(&folder).unwrap();
        let made = rcgen::generate_simple_self_signed(vec!["log.example".to_string()]).unwrap();
        fs::write(folder.join("certificate.pem"), made.cert.pem()).unwrap();
        fs::write(folder.join("key.pem"), made.signing_key.serialize_pem()).unwrap();
        let port = free_port();
        let config =
            CONFIG.replace("FOLDER", folder.to_str().unwrap()).replace("PORT", &port.to_string());
        fs::write(folder.join("rsyslog.conf"), config).unwrap();
        Rsyslog { folder, port }
    }

    fn start(&self) -> Server {
        let file = |name: &str| self.folder.join(name).to_str().unwrap().to_string();
        Server::start(
            Path::new("/usr/sbin/rsyslogd"),
            &["-n", "-f", &file("rsyslog.conf"), "-i", &file("pid")],
            &self.folder.join("out"),
        )
    }

    fn received(&self) -> PathBuf {
        self.folder.join("received")
    }

    fn wait_for(&self, text: &str) {
        place::wait_for(text, 60, || {
            let received = fs::read_to_string(self.received()).unwrap_or_default();
            received.contains(text).then_some(())
        });
    }
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&[output.stdout.as_slice(), &output.stderr].concat()).into_owned()
}

#[test]
fn what_rsyslog_wrote_is_the_whole_log_and_proves_itself() {
    let place = place::folder();
    let rsyslog = Rsyslog::prepare(place.path());
    let mut server = rsyslog.start();
    let audit = format!(
        "[audit]\nsyslog = \"tls://127.0.0.1:{}\"\nauthorities = \"{}\"\nname = \"log.example\"\n",
        rsyslog.port,
        rsyslog.folder.join("certificate.pem").display()
    );
    let options = gateway::Options {
        more: &audit,
        recipients: "any",
        ..gateway::Options::before(free_port())
    };
    let gateway = Gateway::start(place.path(), &options);
    gateway.command(&["bans", "add", "192.0.2.1", "--why", "with an Å in it"]);
    rsyslog.wait_for("192.0.2.1");
    // It goes away; what is done meanwhile waits.
    server.end();
    gateway.command(&["bans", "add", "192.0.2.2"]);
    place::wait_for("the break", 60, || {
        let status = gateway.command(&["status"]);
        status.contains("not connected; to be sent:").then_some(())
    });
    let mut server = rsyslog.start();
    rsyslog.wait_for("192.0.2.2");
    gateway.command(&["bans", "add", "192.0.2.3"]);
    rsyslog.wait_for("192.0.2.3");
    let key = gateway.command(&["keys", "signing"]);
    let key = key.lines().find(|line| line.len() == 64 && !line.contains(' ')).unwrap().to_string();
    gateway.stop();
    rsyslog.wait_for("\"what\":\"stopped\"");
    server.end();
    let received = rsyslog.received();
    let verify = |more: &[&str]| {
        let mut words = vec!["audit", "verify", "--file", received.to_str().unwrap()];
        words.extend(["--received", "--key", &key]);
        words.extend(more);
        place::run(env!("CARGO_BIN_EXE_sluss"), &words, None)
    };
    let output = verify(&["--json"]);
    assert!(output.status.success(), "{}", said(&output));
    let found: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&found["first_number"], &found["after"]), (&1.into(), &0.into()), "{found}");
    assert_eq!(found["covered"], found["records"], "{found}");
    assert!(found["repeated"].as_u64() > Some(0), "the break sent some twice: {found}");
    // Somebody at the log server changes what stands there.
    let text = fs::read_to_string(&received).unwrap();
    fs::write(&received, text.replace("192.0.2.2", "192.0.2.8")).unwrap();
    let output = verify(&[]);
    assert_eq!(output.status.code(), Some(1), "{}", said(&output));
}

const CONFIG: &str = r#"
global(
  workDirectory="FOLDER" maxMessageSize="64k" defaultNetstreamDriver="gtls"
  defaultNetstreamDriverCAFile="FOLDER/certificate.pem"
  defaultNetstreamDriverCertFile="FOLDER/certificate.pem"
  defaultNetstreamDriverKeyFile="FOLDER/key.pem"
)
module(load="imtcp" streamDriver.name="gtls" streamDriver.mode="1" streamDriver.authMode="anon")
template(name="line" type="string" string="%msg%\n")
input(type="imtcp" address="127.0.0.1" port="PORT")
action(type="omfile" file="FOLDER/received" template="line")
"#;
