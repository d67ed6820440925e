//! A sluss of our own, the built program with a configuration file.

use crate::{
    place::{self, Server},
    ports::free_port,
};
use serde_json::Value;
use std::{
    fs,
    path::{Path, PathBuf},
    process::Output,
};

/// How it is configured.
pub struct Options<'a> {
    /// The port of the server that has `ours.example`'s mailboxes.
    pub behind: u16,
    /// TLS to it.
    pub behind_tls: &'a str,
    /// How recipients are known.
    pub recipients: &'a str,
    /// The port of the smarthost, and TLS to it; none: outbound mail has nowhere to go.
    pub smarthost: Option<(u16, &'a str)>,
    /// More of `[outbound]`.
    pub outbound: &'a str,
    /// More tables.
    pub more: &'a str,
}

impl Options<'_> {
    /// In front of this port, everything else as an operator who writes nothing has it.
    pub fn before(behind: u16) -> Options<'static> {
        Options {
            behind,
            behind_tls: "opportunistic",
            recipients: "callout",
            smarthost: None,
            outbound: "",
            more: "",
        }
    }
}

/// A running gateway; it ends when dropped.
pub struct Gateway {
    folder: PathBuf,
    server: Server,
    /// Mail from the world.
    pub inbound: u16,
    /// The same with TLS from the first byte.
    pub implicit: u16,
    /// Mail to the world.
    pub outbound: u16,
}

impl Gateway {
    /// Writes the configuration, starts the program and waits until it is ready.
    pub fn start(under: &Path, options: &Options) -> Gateway {
        let folder = under.join("sluss");
        fs::create_dir_all(&folder).unwrap();
        let [inbound, implicit, outbound] = [(); 3].map(|()| free_port());
        let smarthost = options.smarthost.map_or(String::new(), |(port, tls)| {
            format!("smarthost = \"smtp://127.0.0.1:{port}\"\ntls = \"{tls}\"\n")
        });
        let text = CONFIG
            .replace("DATA", folder.join("data").to_str().unwrap())
            .replace("INBOUND", &inbound.to_string())
            .replace("IMPLICIT", &implicit.to_string())
            .replace("OUTBOUND", &outbound.to_string())
            .replace("BEHIND_TLS", options.behind_tls)
            .replace("BEHIND", &options.behind.to_string())
            .replace("RECIPIENTS", options.recipients)
            .replace("SMARTHOST", &(smarthost + options.outbound))
            + options.more;
        fs::write(folder.join("sluss.toml"), text).unwrap();
        let server = serve(&folder);
        Gateway { folder, server, inbound, implicit, outbound }
    }

    /// Ended and started again, with the configuration as it is now.
    pub fn restarted(mut self) -> Gateway {
        self.server.end();
        self.server = serve(&self.folder);
        self
    }

    /// Puts something else into the configuration's file.
    pub fn rewrite(&self, old: &str, new: &str) {
        let file = self.folder.join("sluss.toml");
        let text = fs::read_to_string(&file).unwrap();
        assert!(text.contains(old), "{text}");
        fs::write(file, text.replace(old, new)).unwrap();
    }

    /// Runs one of its commands.
    pub fn command(&self, words: &[&str]) -> String {
        let output = self.tries(words);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{words:?}: {}\n{said}", output.status);
        format!("{}{said}", String::from_utf8_lossy(&output.stdout))
    }

    /// Runs one that must fail; gives what it said of that.
    pub fn fails(&self, words: &[&str]) -> String {
        let output = self.tries(words);
        assert!(!output.status.success(), "{words:?}: {output:?}");
        String::from_utf8_lossy(&output.stderr).into_owned()
    }

    /// Runs one, whatever comes of it.
    pub fn tries(&self, words: &[&str]) -> Output {
        let config = self.folder.join("sluss.toml");
        let all = [words, &["--config", config.to_str().unwrap()]].concat();
        place::run(env!("CARGO_BIN_EXE_sluss"), &all, None)
    }

    /// What the trace tells of a mail; nothing while the mail is not in it: it is written a moment after the reply.
    pub fn story(&self, id: &str) -> Option<Value> {
        let output = self.tries(&["trace", "show", id, "--json"]);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() || said.contains("in the trace"), "{said}");
        serde_json::from_slice(&output.stdout).ok()
    }

    /// Ends it, and waits for that.
    pub fn stop(mut self) {
        self.server.end();
    }

    /// Mails in its spool.
    pub fn queued(&self) -> usize {
        self.command(&["queue", "list", "--json", "--rows", "100000"]).lines().count()
    }

    /// Waits until its spool is empty.
    pub fn wait_until_empty(&self) {
        place::wait_for("the spool to empty", 60, || (self.queued() == 0).then_some(()));
    }
}

fn serve(folder: &Path) -> Server {
    let config = folder.join("sluss.toml");
    let mut server = Server::start(
        Path::new(env!("CARGO_BIN_EXE_sluss")),
        &["serve", "--config", config.to_str().unwrap()],
        &folder.join("out"),
    );
    let ready = |text: &str| text.lines().filter(|line| *line == "ready").count();
    let before = ready(&server.printed());
    place::wait_for("sluss to be ready", 60, || {
        assert!(!server.ended(), "sluss ended: {}", server.printed());
        (ready(&server.printed()) > before).then_some(())
    });
    server
}

// These tests ask whether mail arrives, not what it scores: only demands (a virus) act.
const CONFIG: &str = "
hostname = \"mx.ours.example\"
allow-root = true
data-dir = \"DATA\"

[[listener]]
name = \"in\"
bind = \"127.0.0.1:INBOUND\"
direction = \"inbound\"

[[listener]]
name = \"implicit\"
bind = \"127.0.0.1:IMPLICIT\"
direction = \"inbound\"
tls = \"implicit\"

[[listener]]
name = \"out\"
bind = \"127.0.0.1:OUTBOUND\"
direction = \"outbound\"

[[domain]]
name = \"ours.example\"
next-hop = \"smtp://127.0.0.1:BEHIND\"
next-hop-tls = \"BEHIND_TLS\"
recipients = \"RECIPIENTS\"

[outbound]
networks = [\"127.0.0.0/8\"]
SMARTHOST
[policy]
mark = 900.0
quarantine = 950.0
reject = 990.0
phish = 900.0

[limits]
transactions-per-minute = 100000
hold-accounts = false
retry-first = \"500 ms\"
";
