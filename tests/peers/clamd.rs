//! A real clamd: started here with signatures of our own, on a Unix socket and a port of loopback, in a folder that is gone afterwards.
//!
//! Needs the Debian packages `clamav-daemon` and `clamav-testfiles`. No signatures are fetched and nothing of the machine's own ClamAV is used.
//! The test virus is put together at run time, so that no file of ours is taken for one.

use crate::{
    client::Client,
    gateway::{Gateway, Options},
    place::{self, Server},
    ports::free_port,
    postfix::{self, Postfix},
    sample,
};
use sluss::{
    base::clock::Clock,
    config::clamd::ClamdConfig,
    facts::{
        Known,
        clamd::{Clamd, Scan, sealed},
    },
};
use std::{
    fs,
    io::{Seek, SeekFrom},
    os::fd::AsFd,
    path::{Path, PathBuf},
    time::Duration,
};
use tempfile::TempDir;

/// A text that our signature knows.
const MARKER: &[u8] = b"SLUSS-PEER-MARKER-7F3A";
/// Debian's test files. Each holds the same harmless program, packed in another way.
const TEST_FILES: &str = "/usr/share/clamav-testfiles";
/// `StreamMaxLength` of this clamd.
const STREAM_BYTES: u64 = 1 << 20;

/// A clamd; it ends when dropped.
struct RealClamd {
    socket: PathBuf,
    port: u16,
    server: Server,
    folder: TempDir,
}

impl RealClamd {
    fn start() -> RealClamd {
        let folder = place::folder();
        let at = |name: &str| folder.path().join(name);
        for name in ["db", "tmp"] {
            fs::create_dir(at(name)).unwrap();
        }
        fs::write(at("db/own.ndb"), signatures()).unwrap();
        let (socket, port) = (at("clamd.sock"), free_port());
        let config = CONFIG
            .replace("FOLDER", folder.path().to_str().unwrap())
            .replace("PORT", &port.to_string())
            .replace("BYTES", &STREAM_BYTES.to_string());
        fs::write(at("clamd.conf"), config).unwrap();
        let server = launch(folder.path(), &socket);
        RealClamd { socket, port, server, folder }
    }

    fn restart(&mut self) {
        self.server.end();
        self.server = launch(self.folder.path(), &self.socket);
    }

    fn over_unix(&self) -> ClamdConfig {
        config(&format!("unix:{}", self.socket.display()))
    }

    fn over_tcp(&self) -> ClamdConfig {
        config(&format!("tcp:127.0.0.1:{}", self.port))
    }
}

fn launch(folder: &Path, socket: &Path) -> Server {
    let file = folder.join("clamd.conf");
    let arguments = ["--foreground", "-c", file.to_str().unwrap()];
    let server = Server::start(Path::new("/usr/sbin/clamd"), &arguments, &folder.join("out"));
    place::wait_for("clamd to listen", 60, || std::os::unix::net::UnixStream::connect(socket).ok());
    server
}

const CONFIG: &str = "\
LocalSocket FOLDER/clamd.sock
TCPSocket PORT
TCPAddr 127.0.0.1
DatabaseDirectory FOLDER/db
TemporaryDirectory FOLDER/tmp
StreamMaxLength BYTES
MaxFileSize 25M
AlertEncryptedArchive yes
AlertExceedsMax yes
MaxThreads 4
";

fn config(address: &str) -> ClamdConfig {
    toml::from_str(&format!("address = \"{address}\"\nconnections = 4")).unwrap()
}

fn eicar() -> Vec<u8> {
    let (begin, end) =
        (r"X5O!P%@AP[4\PZX54(P^)7CC)7}", "$EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*");
    [begin, end].concat().into_bytes()
}

/// ClamAV's extended signatures: name, kind of file, offset, hex.
fn signatures() -> String {
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let program = fs::read(Path::new(TEST_FILES).join("clam.exe")).unwrap()[0x40..0x60].to_vec();
    format!(
        "Sluss.Eicar:0:*:{}\nSluss.Marker:0:*:{}\nSluss.Program:0:*:{}\n",
        hex(&eicar()[..40]),
        hex(MARKER),
        hex(&program)
    )
}

fn found(scan: &Known<Scan>) -> Option<&str> {
    match scan {
        Known::Yes(Scan::Found(signatures)) => Some(signatures[0].as_str()),
        Known::Yes(Scan::Clean | Scan::NotTaken(_)) | Known::No(_) | Known::NotAsked => None,
    }
}

/// Why a content was not looked at; empty if it was.
fn why(scan: &Known<Scan>) -> &str {
    match scan {
        Known::No(why) | Known::Yes(Scan::NotTaken(why)) => why,
        Known::Yes(Scan::Clean | Scan::Found(_)) | Known::NotAsked => "",
    }
}

const CLEAN: Known<Scan> = Known::Yes(Scan::Clean);

#[tokio::test]
async fn clamd_finds_what_it_is_given_by_every_way() {
    let real = RealClamd::start();
    let eicar = eicar();
    let marked = [b"hello ", MARKER].concat();
    for config in [real.over_unix(), real.over_tcp()] {
        let clamd = Clamd::new(&config, Clock::system());
        assert_eq!(clamd.ping().await, Known::Yes(()));
        let Known::Yes(version) = clamd.version().await else { panic!("no version") };
        assert!(version.engine.starts_with("ClamAV "), "{version:?}");
        let answers = clamd.scan_bytes(&[&eicar, b"", b"hello", &marked]).await;
        assert_eq!(found(&answers[0]), Some("Sluss.Eicar.UNOFFICIAL"), "{answers:?}");
        assert_eq!(answers[1..3], [CLEAN, CLEAN]);
        assert_eq!(found(&answers[3]), Some("Sluss.Marker.UNOFFICIAL"));
        // A sealed file in memory, and a spooled one that somebody has read to its end.
        let file = sealed(&eicar).unwrap();
        assert_eq!(found(&clamd.scan_file(file.as_fd()).await), Some("Sluss.Eicar.UNOFFICIAL"));
        let path = real.folder.path().join("spooled");
        fs::write(&path, &marked).unwrap();
        let mut file = fs::File::open(&path).unwrap();
        file.seek(SeekFrom::End(0)).unwrap();
        assert_eq!(found(&clamd.scan_file(file.as_fd()).await), Some("Sluss.Marker.UNOFFICIAL"));
        assert_eq!(clamd.scan_file(sealed(b"hello").unwrap().as_fd()).await, CLEAN);
    }
}

/// clamd opens nearly all of the test files.
#[tokio::test]
async fn both_ways_find_the_same_in_the_test_files() {
    let real = RealClamd::start();
    let config = ClamdConfig { stream_bytes_max: STREAM_BYTES, ..real.over_unix() };
    let clamd = Clamd::new(&config, Clock::system());
    let (mut files, mut hits) = (0, 0);
    for entry in fs::read_dir(TEST_FILES).unwrap() {
        let path = entry.unwrap().path();
        let bytes = fs::read(&path).unwrap();
        let streamed = clamd.scan_bytes(&[&bytes]).await.remove(0);
        let file = fs::File::open(&path).unwrap();
        let passed = clamd.scan_file(file.as_fd()).await;
        assert_eq!(streamed, passed, "{}", path.display());
        assert!(matches!(passed, Known::Yes(_)), "{}: {passed:?}", path.display());
        files += 1;
        hits += usize::from(found(&passed).is_some());
    }
    assert!(files >= 40 && hits * 10 >= files * 9, "{hits} of {files}");
}

#[tokio::test]
async fn what_is_too_large_to_be_streamed_goes_as_a_file_or_is_not_answered() {
    let real = RealClamd::start();
    let mut large = vec![b'x'; 3 << 20];
    large.extend(MARKER);
    // Set alike on both sides: over Unix the file is passed, over TCP it is not even tried.
    let unix = ClamdConfig { stream_bytes_max: STREAM_BYTES, ..real.over_unix() };
    let answers = Clamd::new(&unix, Clock::system()).scan_bytes(&[&large]).await;
    assert_eq!(found(&answers[0]), Some("Sluss.Marker.UNOFFICIAL"), "{answers:?}");
    let tcp = ClamdConfig { stream_bytes_max: STREAM_BYTES, ..real.over_tcp() };
    let answers = Clamd::new(&tcp, Clock::system()).scan_bytes(&[&large]).await;
    assert!(why(&answers[0]).contains("are more than"), "{answers:?}");
    // Set differently: clamd says so and closes; the next scan is answered again.
    for config in [real.over_unix(), real.over_tcp()] {
        let clamd = Clamd::new(&config, Clock::system());
        for _ in 0..10 {
            let answers = clamd.scan_bytes(&[&large, MARKER]).await;
            let why = why(&answers[0]);
            assert!(why.contains("StreamMaxLength") || why.contains("broke"), "{answers:?}");
            if why.contains("StreamMaxLength") {
                assert_eq!(found(&answers[1]), Some("Sluss.Marker.UNOFFICIAL"));
            }
        }
    }
}

#[tokio::test]
async fn many_at_once_and_a_restart_between() {
    let mut real = RealClamd::start();
    let clamd = std::sync::Arc::new(Clamd::new(&real.over_unix(), Clock::system()));
    for round in 0..2 {
        let mut tasks = tokio::task::JoinSet::new();
        for number in 0..40 {
            let clamd = clamd.clone();
            tasks.spawn(async move {
                let blob = if number % 2 == 0 { MARKER } else { b"hello" };
                let answers = clamd.scan_bytes(&[blob, b"fine", blob]).await;
                let want = (number % 2 == 0).then_some("Sluss.Marker.UNOFFICIAL");
                assert_eq!(answers.iter().map(found).collect::<Vec<_>>(), [want, None, want]);
                assert_eq!(answers[1], CLEAN);
            });
        }
        while let Some(done) = tasks.join_next().await {
            done.unwrap();
        }
        if round == 0 {
            // The connections that were kept are dead now; nobody should notice.
            real.restart();
        }
    }
    real.server.end();
    let answers = clamd.scan_bytes(&[MARKER]).await;
    assert!(matches!(answers[0], Known::No(_)), "{answers:?}");
}

/// clamd scans on when nobody waits any more, but it answers PING beside that: it is not taken for dead.
#[tokio::test]
async fn a_scan_that_takes_too_long_is_no_failure_of_clamd() {
    let real = RealClamd::start();
    let config = ClamdConfig { timeout: Duration::from_nanos(1), ..real.over_unix() };
    let clamd = Clamd::new(&config, Clock::system());
    let mut slow = 0;
    for _ in 0..20 {
        let answers = clamd.scan_bytes(&[&vec![b'x'; 1 << 19]]).await;
        slow += usize::from(why(&answers[0]).contains("took more than"));
        assert!(!clamd.is_resting(), "{answers:?}");
    }
    assert!(slow > 0);
}

/// Through the whole gateway: what clamd knows is refused, also where it stands in base64 in a text that clamd does not decode; when
/// clamd has gone, mail goes on.
#[test]
fn a_gateway_with_a_real_clamd() {
    let mut real = RealClamd::start();
    let folder = place::folder();
    let behind = Postfix::start(folder.path(), &postfix::Options::behind());
    let more = format!("[clamd]\naddress = \"unix:{}\"\n", real.socket.display());
    let gateway =
        Gateway::start(folder.path(), &Options { more: &more, ..Options::before(behind.port) });
    let (mut client, _) = Client::hello(gateway.inbound);
    let mut send = |subject: &str, body: &str| {
        let (from, to) = ("karin@elsewhere.example", "anna@ours.example");
        client.mail(from, to, &sample::mail(from, to, subject, body))
    };
    let marker = String::from_utf8_lossy(MARKER).into_owned();
    let coded = data_encoding::BASE64_MIME.encode(marker.repeat(20).as_bytes()).replace('\r', "");
    assert!(send("fine", "nothing in it").starts_with("250"));
    assert!(send("plain", &marker).starts_with("550 5.7.1"));
    assert!(send("coded", &format!("see:\n\n{coded}")).starts_with("550 5.7.1"));
    real.server.end();
    assert!(send("alone", "nothing in it either").starts_with("250"));
    let mails = behind.wait_for_mails("anna", 2);
    for subject in ["fine", "alone"] {
        sample::with_subject(&mails, subject);
    }
}
