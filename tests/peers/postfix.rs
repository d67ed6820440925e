//! A Postfix of our own: configuration, queue and mailboxes in one folder, one port on loopback, nothing shared with the machine's.

use crate::{
    place::{self, Server},
    ports::free_port,
};
use std::{
    fs,
    path::{Path, PathBuf},
};

/// How it differs from the plain one.
#[derive(Default)]
pub struct Options<'a> {
    /// Its name: folder and host name.
    pub name: &'a str,
    /// Domains it has mailboxes in.
    pub domain: &'a str,
    /// Local parts of those mailboxes.
    pub mailboxes: &'a [&'a str],
    /// STARTTLS with a certificate of its own.
    pub tls: bool,
    /// More lines for `main.cf`.
    pub more: &'a str,
}

impl Options<'static> {
    /// The server behind a gateway, with Anna's mailbox.
    pub fn behind() -> Options<'static> {
        Options {
            name: "behind",
            domain: "ours.example",
            mailboxes: &["anna"],
            ..Options::default()
        }
    }
}

/// An instance; it ends when dropped.
pub struct Postfix {
    folder: PathBuf,
    /// Where it listens.
    pub port: u16,
    watch: Option<Server>,
}

impl Postfix {
    /// Writes the configuration and starts it.
    pub fn start(under: &Path, options: &Options) -> Postfix {
        let folder = under.join(options.name);
        for name in ["etc", "queue", "lib", "mail"] {
            fs::create_dir_all(folder.join(name)).unwrap();
        }
        place::run_well("chown", &["postfix", folder.join("lib").to_str().unwrap()], None);
        place::run_well("chown", &["nobody", folder.join("mail").to_str().unwrap()], None);
        // Its tools write there as its own user when they find a file that a stop left half made.
        fs::write(folder.join("log"), "").unwrap();
        place::run_well("chown", &["postfix", folder.join("log").to_str().unwrap()], None);
        let port = free_port();
        let mut main = MAIN
            .replace("FOLDER", folder.to_str().unwrap())
            .replace("NAME", options.name)
            .replace("DOMAIN", options.domain)
            .replace("NOBODY", place::run_well("id", &["-u", "nobody"], None).trim());
        if options.tls {
            make_certificate(&folder);
            main += &TLS.replace("FOLDER", folder.to_str().unwrap());
        }
        main += options.more;
        let mailboxes: String = options
            .mailboxes
            .iter()
            .map(|name| format!("{name}@{} {name}/\n", options.domain))
            .collect();
        fs::write(folder.join("mailboxes"), mailboxes).unwrap();
        fs::write(folder.join("etc/main.cf"), main).unwrap();
        fs::write(folder.join("etc/master.cf"), MASTER.replace("PORT", &port.to_string())).unwrap();
        let mut postfix = Postfix { folder, port, watch: None };
        postfix.go();
        postfix
    }

    /// Starts it (again) on the same port.
    pub fn go(&mut self) {
        let etc = self.etc();
        // The daemon leaves every process group, so no time limit around it would hold; this one stops it by its own command.
        let watch = format!(
            "trap 'kill $!' TERM; sleep {} & wait $! && postfix -c {etc} abort",
            place::SERVER_SECONDS_MAX
        );
        self.watch =
            Some(Server::start(Path::new("sh"), &["-c", &watch], &self.folder.join("watch")));
        place::run_well("postfix", &["-c", &etc, "start"], None);
        place::wait_for("Postfix to listen", 20, || {
            std::net::TcpStream::connect(("127.0.0.1", self.port)).ok()
        });
    }

    /// Shows another certificate from now on: the chain and the key, PEM.
    pub fn show(&self, (chain, key): &(String, String)) {
        fs::write(self.folder.join("certificate.pem"), chain).unwrap();
        fs::write(self.folder.join("key.pem"), key).unwrap();
        place::run_well("postfix", &["-c", &self.etc(), "reload"], None);
    }

    /// Stops it in the ordinary way; what it has taken stays in its queue.
    pub fn stop(&mut self) {
        place::run("postfix", &["-c", &self.etc(), "stop"], None);
        self.watch = None;
    }

    /// Its configuration folder.
    pub fn etc(&self) -> String {
        self.folder.join("etc").to_str().unwrap().to_string()
    }

    /// Hands it a mail the way a program on its own machine does.
    pub fn sendmail(&self, arguments: &[&str], mail: &[u8]) {
        let file = self.folder.join("mail-to-send");
        fs::write(&file, mail).unwrap();
        let etc = self.etc();
        let all = [&["-C", etc.as_str()], arguments].concat();
        place::run_well("/usr/sbin/sendmail", &all, Some(&file));
    }

    /// The mails in one mailbox, as they lie on the disk (lines end with LF).
    pub fn mailbox(&self, name: &str) -> Vec<Vec<u8>> {
        let Ok(entries) = fs::read_dir(self.folder.join("mail").join(name).join("new")) else {
            return Vec::new();
        };
        let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
        paths.sort();
        paths.iter().map(|path| fs::read(path).unwrap()).collect()
    }

    /// How many mails lie in one mailbox.
    pub fn count(&self, name: &str) -> usize {
        fs::read_dir(self.folder.join("mail").join(name).join("new")).map_or(0, Iterator::count)
    }

    /// Waits until a mailbox has this many mails.
    pub fn wait_for_mails(&self, name: &str, count: usize) -> Vec<Vec<u8>> {
        place::wait_for(&format!("{count} mails for {name}; there are fewer"), 40, || {
            (self.count(name) >= count).then(|| self.mailbox(name))
        })
    }

    /// Mails in its own queue.
    pub fn queued(&self) -> usize {
        let text = place::run_well("postqueue", &["-c", &self.etc(), "-j"], None);
        text.lines().filter(|line| line.starts_with('{')).count()
    }

    /// Its log.
    pub fn log(&self) -> String {
        String::from_utf8_lossy(&fs::read(self.folder.join("log")).unwrap_or_default()).into_owned()
    }
}

impl Drop for Postfix {
    fn drop(&mut self) {
        self.stop();
        if std::thread::panicking() {
            let text = self.log();
            let lines: Vec<&str> = text.lines().collect();
            let last = lines.get(lines.len().saturating_sub(30)..).unwrap_or_default();
            eprintln!("--- {}\n{}", self.folder.display(), last.join("\n"));
        }
    }
}

fn make_certificate(folder: &Path) {
    let file = |name: &str| folder.join(name).to_str().unwrap().to_string();
    place::run_well(
        "openssl",
        &[
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
            "-nodes",
            "-days",
            "2",
            "-subj",
            "/CN=behind.ours.example",
            "-keyout",
            &file("key.pem"),
            "-out",
            &file("certificate.pem"),
        ],
        None,
    );
}

// What Postfix would change by itself is switched off, so that every difference is ours: no rewriting of addresses,
// no dropped fields, no reading of MIME, no breaking of long lines.
const MAIN: &str = "
compatibility_level = 3.6
queue_directory = FOLDER/queue
data_directory = FOLDER/lib
maillog_file = FOLDER/log
maillog_file_prefixes = FOLDER
myhostname = NAME.test.example
mydestination =
mynetworks = 127.0.0.0/8
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
alias_maps =
alias_database =
local_header_rewrite_clients =
message_drop_headers =
disable_mime_input_processing = yes
header_size_limit = 10000000
smtp_line_length_limit = 0
biff = no
virtual_mailbox_domains = DOMAIN
virtual_mailbox_base = FOLDER/mail
virtual_mailbox_maps = texthash:FOLDER/mailboxes
virtual_mailbox_limit = 0
virtual_minimum_uid = 1
virtual_uid_maps = static:NOBODY
virtual_gid_maps = static:NOBODY
smtpd_relay_restrictions = reject_unauth_destination
smtpd_recipient_restrictions =
smtpd_tls_received_header = yes
smtpd_peername_lookup = no
smtpd_error_sleep_time = 0
smtp_host_lookup = native
smtp_dns_support_level = disabled
minimal_backoff_time = 1s
maximal_backoff_time = 1s
queue_run_delay = 1s
";

const TLS: &str = "
smtpd_tls_security_level = may
smtpd_tls_cert_file = FOLDER/certificate.pem
smtpd_tls_key_file = FOLDER/key.pem
";

const MASTER: &str = "
127.0.0.1:PORT inet n - n - - smtpd
pickup    unix  n - n 60 1 pickup
cleanup   unix  n - n - 0 cleanup
qmgr      unix  n - n 300 1 qmgr
tlsmgr    unix  - - n 1000? 1 tlsmgr
rewrite   unix  - - n - - trivial-rewrite
bounce    unix  - - n - 0 bounce
defer     unix  - - n - 0 bounce
trace     unix  - - n - 0 bounce
verify    unix  - - n - 1 verify
flush     unix  n - n 1000? 0 flush
proxymap  unix  - - n - - proxymap
smtp      unix  - - n - - smtp
relay     unix  - - n - - smtp
showq     unix  n - n - - showq
error     unix  - - n - - error
retry     unix  - - n - - error
discard   unix  - - n - - discard
local     unix  - n n - - local
virtual   unix  - n n - - virtual
anvil     unix  - - n - 1 anvil
scache    unix  - - n - 1 scache
postlog   unix-dgram n - n - 1 postlogd
";
