//! Against a clamd of our own on loopback that does what a script says.

use super::*;
use crate::base::clock::UnixMs;
use std::{
    io::Read,
    net::{TcpListener, TcpStream},
    path::Path,
    sync::atomic::AtomicUsize,
    thread,
};

/// What the false clamd does with the command it got. Each connection begins anew.
#[derive(Clone, Copy)]
enum Act {
    /// Reads the whole command, then says this; `#` stands for the number of the command.
    Say(&'static str),
    /// Reads only the name of the command, says this and closes.
    SayAtOnce(&'static str),
    /// Reads the command and says nothing, keeping the connection.
    Hang,
    /// Reads the command, says this without an end and closes.
    Close(&'static str),
    /// Never stops talking.
    Flood,
    /// Answers PING, and hangs when it is to scan.
    PingOnly,
    /// The right answer, by what the content holds.
    Honest,
}

struct False {
    address: String,
    connections: Arc<AtomicUsize>,
}

/// Command number n on a connection gets the nth act of that connection's script; the last scripts and acts repeat.
fn false_clamd(scripts: &[&[Act]]) -> False {
    let scripts: Vec<Vec<Act>> = scripts.iter().map(|script| script.to_vec()).collect();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("tcp:{}", listener.local_addr().unwrap());
    let connections = Arc::new(AtomicUsize::new(0));
    let count = connections.clone();
    thread::spawn(move || {
        while let Ok((socket, _)) = listener.accept() {
            let number = count.fetch_add(1, Ordering::SeqCst);
            let script = scripts.get(number).or(scripts.last()).cloned().unwrap_or_default();
            thread::spawn(move || serve(socket, &script));
        }
    });
    False { address, connections }
}

fn serve(mut socket: TcpStream, script: &[Act]) -> Option<()> {
    assert_eq!(line(&mut socket)?, "zIDSESSION");
    for number in 1.. {
        let command = line(&mut socket)?;
        let mut act = script.get(number - 1).or(script.last()).copied()?;
        if matches!(act, Act::PingOnly) {
            act = if command == "zPING" { Act::Honest } else { Act::Hang };
        }
        if let Act::SayAtOnce(words) = act {
            return say(&mut socket, words, number);
        }
        let content = if command == "zINSTREAM" { stream(&mut socket)? } else { Vec::new() };
        match act {
            Act::SayAtOnce(_) | Act::PingOnly => (),
            Act::Say(words) => say(&mut socket, words, number)?,
            Act::Hang => drop(socket.read(&mut [0; 1]).ok()?),
            Act::Close(words) => return socket.write_all(words.as_bytes()).ok(),
            Act::Flood => while socket.write_all(&[b'a'; 4_096]).is_ok() {},
            Act::Honest => {
                let bad = content.windows(3).any(|three| three == b"BAD");
                let words = match (command.as_str(), bad) {
                    ("zPING", _) => "#: PONG\0",
                    ("zVERSION", _) => "#: ClamAV 9.9.9/7/Fri Nov 27 09:24:11 2026\0",
                    (_, true) => "#: stream: Test.Bad FOUND\0",
                    (_, false) => "#: stream: OK\0",
                };
                say(&mut socket, words, number)?;
            }
        }
    }
    None
}

fn say(socket: &mut TcpStream, words: &str, number: usize) -> Option<()> {
    socket.write_all(words.replace('#', &number.to_string()).as_bytes()).ok()
}

fn line(socket: &mut TcpStream) -> Option<String> {
    let mut line = Vec::new();
    loop {
        let mut byte = [0];
        socket.read_exact(&mut byte).ok()?;
        match byte {
            [0] => return String::from_utf8(line).ok(),
            [other] => line.push(other),
        }
    }
}

fn stream(socket: &mut TcpStream) -> Option<Vec<u8>> {
    let mut content = Vec::new();
    loop {
        let mut head = [0; 4];
        socket.read_exact(&mut head).ok()?;
        let size = u32::from_be_bytes(head);
        if size == 0 {
            return Some(content);
        }
        let mut piece = vec![0; usize::try_from(size).unwrap()];
        socket.read_exact(&mut piece).ok()?;
        content.extend(piece);
    }
}

fn config(address: &str) -> ClamdConfig {
    toml::from_str(&format!("address = \"{address}\"\ntimeout = \"10 s\"\nconnections = 2"))
        .unwrap()
}

/// With so little time that a silent clamd is soon given up.
fn hasty(address: &str) -> ClamdConfig {
    ClamdConfig { timeout: Duration::from_millis(150), ..config(address) }
}

fn clamd(config: &ClamdConfig) -> (Clamd, Clock) {
    let clock = Clock::by_hand(UnixMs(1_000_000));
    (Clamd::new(config, clock.clone()), clock)
}

fn found(name: &str) -> Known<Scan> {
    Known::Yes(Scan::Found(vec![Signature::parse(name).unwrap()]))
}

const CLEAN: Known<Scan> = Known::Yes(Scan::Clean);

fn why(scan: &Known<Scan>) -> &str {
    match scan {
        Known::No(why) | Known::Yes(Scan::NotTaken(why)) => why,
        other @ (Known::Yes(Scan::Clean | Scan::Found(_)) | Known::NotAsked) => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn blobs_are_answered_in_their_order_on_one_connection() {
    let there = false_clamd(&[&[Act::Honest]]);
    let (clamd, _) = clamd(&config(&there.address));
    let large = vec![b'x'; 3 * limits::CLAMD_CHUNK_BYTES + 1];
    let answers = clamd.scan_bytes(&[b"fine", b"a BAD thing", b"", &large, b"BAD"]).await;
    assert_eq!(answers, [CLEAN, found("Test.Bad"), CLEAN, CLEAN, found("Test.Bad")]);
    assert_eq!(clamd.ping().await, Known::Yes(()));
    let Known::Yes(version) = clamd.version().await else { panic!() };
    assert_eq!((version.engine.as_str(), version.signatures), ("ClamAV 9.9.9", Some(7)));
    let file = sealed(b"BAD").unwrap();
    assert_eq!(clamd.scan_file(file.as_fd()).await, found("Test.Bad"));
    assert_eq!(there.connections.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn what_is_not_understood_is_not_clean() {
    for (script, want) in [
        (&[&[Act::Say("#: stream: FINE\0")][..]][..], "not understood"),
        (&[&[Act::Say("stream: OK\0")]], "numbered None"),
        (&[&[Act::Say("7: stream: OK\0")]], "numbered Some(7)"),
        (&[&[Act::Close("1: stream: OK")]], "before the question's end"),
        (&[&[Act::Close("")]], "closed"),
        (&[&[Act::Say("#: PONG\0")]], "another question"),
        (&[&[Act::Say("HTTP/1.1 400 Bad Request\r\n\r\n")]], "not understood"),
        (&[&[Act::Flood]], "a reply of more than"),
        (&[&[Act::Say("#: stream: Can't allocate memory ERROR\0")]], "Can't allocate memory"),
        (&[&[Act::Say("COMMAND READ TIMED OUT\n")]], "waited too long"),
    ] {
        let there = false_clamd(script);
        let (clamd, _) = clamd(&config(&there.address));
        let answers = clamd.scan_bytes(&[b"hello"]).await;
        assert!(why(&answers[0]).contains(want), "{:?}", answers[0]);
    }
}

#[tokio::test]
async fn early_words_are_heard_while_sending() {
    let large = vec![b'x'; 20 << 20];
    for (script, want) in [
        (
            &[&[Act::SayAtOnce("#: INSTREAM size limit exceeded. ERROR\0")][..]][..],
            "StreamMaxLength is below our",
        ),
        (&[&[Act::SayAtOnce("#: stream: OK\0")]], ""),
    ] {
        let there = false_clamd(script);
        let (clamd, _) = clamd(&config(&there.address));
        let answers = clamd.scan_bytes(&[&large]).await;
        assert!(why(&answers[0]).contains(want), "{:?}", answers[0]);
    }
}

#[tokio::test]
async fn a_connection_that_clamd_dropped_is_replaced() {
    // The second scan meets a closed connection; a new one answers it.
    let there = false_clamd(&[&[Act::Honest, Act::Close("")], &[Act::Honest]]);
    let (clamd, clock) = clamd(&config(&there.address));
    for _ in 0..2 {
        assert_eq!(clamd.scan_bytes(&[b"BAD"]).await, [found("Test.Bad")]);
    }
    assert_eq!(there.connections.load(Ordering::SeqCst), 2);
    // Kept connections age.
    clock.advance(limits::CLAMD_IDLE_AGE_MAX);
    assert_eq!(clamd.scan_bytes(&[b"fine"]).await, [CLEAN]);
    assert_eq!(there.connections.load(Ordering::SeqCst), 3);
}

#[tokio::test]
async fn a_slow_mail_does_not_switch_clamd_off() {
    // Scans hang; PING, on a connection of its own each time, is answered.
    let there = false_clamd(&[&[Act::PingOnly]]);
    let (clamd, _) = clamd(&hasty(&there.address));
    let answers = clamd.scan_bytes(&[b"slow", b"slow too"]).await;
    assert!(answers.iter().all(|answer| why(answer).contains("took more than")), "{answers:?}");
    assert!(!clamd.is_resting());
    assert_eq!(there.connections.load(Ordering::SeqCst), 4);
}

#[tokio::test]
async fn a_clamd_that_only_answers_ping_hangs() {
    let there = false_clamd(&[&[Act::PingOnly]]);
    let config = ClamdConfig { timeout: Duration::from_millis(10), ..config(&there.address) };
    let (clamd, _) = clamd(&config);
    let mut scans = 0;
    while !clamd.is_resting() && scans < 100 {
        clamd.scan_bytes(&[b"slow"]).await;
        scans += 1;
    }
    assert!((limits::CLAMD_SLOW_MAX..100).contains(&scans), "{scans}");
}

#[tokio::test]
async fn the_breaker_rests_and_tries_again() {
    let mut config = config("tcp:127.0.0.1:1");
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    config.address = ClamdAddress::try_from(format!("tcp:{closed}")).unwrap();
    let (clamd, clock) = clamd(&config);
    for _ in 0..limits::CLAMD_FAILURES_MAX {
        assert!(!clamd.is_resting());
        let answers = clamd.scan_bytes(&[b"a", b"b"]).await;
        // The second blob is not tried: it would only cost time.
        assert!(answers.iter().all(|answer| why(answer).contains("no connection")));
    }
    assert!(clamd.is_resting());
    assert!(why(&clamd.scan_bytes(&[b"a"]).await[0]).contains("asked again in 6 s"));
    clock.advance(limits::CLAMD_REST_MIN);
    assert!(why(&clamd.scan_bytes(&[b"a"]).await[0]).contains("no connection"));
    // It is there now; the doubled rest has to pass first.
    let listener = TcpListener::bind(closed).unwrap();
    thread::spawn(move || {
        while let Ok((socket, _)) = listener.accept() {
            serve(socket, &[Act::Honest]);
        }
    });
    clock.advance(limits::CLAMD_REST_MIN);
    assert!(why(&clamd.scan_bytes(&[b"a"]).await[0]).contains("asked again"));
    clock.advance(limits::CLAMD_REST_MIN);
    assert_eq!(clamd.scan_bytes(&[b"a"]).await, [CLEAN]);
    assert!(!clamd.is_resting());
}

#[tokio::test]
async fn a_mails_share_is_bounded() {
    let there = false_clamd(&[&[Act::Honest]]);
    let (clamd, _) = clamd(&ClamdConfig {
        stream_bytes_max: 40 << 20,
        file_bytes_max: 40 << 20,
        ..config(&there.address)
    });
    let large = vec![b'x'; 33 << 20];
    let answers = clamd.scan_bytes(&[&large, &large, b"BAD"]).await;
    assert_eq!(answers[0], CLEAN);
    assert!(why(&answers[1]).contains("64 MiB"));
    assert_eq!(answers[2], found("Test.Bad"), "a small one still fits");
    let many: Vec<&[u8]> = vec![b"x"; limits::CLAMD_BLOBS_MAX + 1];
    let answers = clamd.scan_bytes(&many).await;
    assert!(why(answers.last().unwrap()).contains("256 blobs"));
    assert_eq!(answers.iter().filter(|answer| **answer == CLEAN).count(), limits::CLAMD_BLOBS_MAX);
    let (clamd, _) = self::clamd(&ClamdConfig { stream_bytes_max: 3, ..config(&there.address) });
    assert!(why(&clamd.scan_bytes(&[b"four"]).await[0]).contains("4 bytes are more"));
    let small = ClamdConfig { file_bytes_max: 3, ..config(&there.address) };
    let (unseen, _) = self::clamd(&small);
    assert!(why(&unseen.scan_bytes(&[b"four"]).await[0]).contains("4 bytes are more"));
    let file = sealed(b"four").unwrap();
    assert!(why(&clamd.scan_file(file.as_fd()).await).contains("4 bytes are more"));
}

#[tokio::test]
async fn no_more_scans_at_a_time_than_connections() {
    let there = false_clamd(&[&[Act::Hang]]);
    let config = ClamdConfig { connections: 1, ..hasty(&there.address) };
    let (clamd, _) = clamd(&config);
    let (first, second) = tokio::join!(clamd.scan_bytes(&[b"a"]), clamd.scan_bytes(&[b"b"]));
    assert!(why(&first[0]).contains("PING either"), "{first:?}");
    assert!(why(&second[0]).contains("were busy"), "{second:?}");
}

#[tokio::test]
async fn a_missing_socket_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("none.sock");
    let (clamd, _) = clamd(&config(&format!("unix:{}", path.display())));
    assert!(why(&clamd.scan_bytes(&[b"a"]).await[0]).contains("none.sock"));
}

/// AppArmor may keep clamd from files that it is handed: then their content is streamed.
#[tokio::test]
async fn a_refused_file_is_streamed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("clamd.sock");
    let served = refuse_files(&path);
    let (clamd, _) = clamd(&config(&format!("unix:{}", path.display())));
    let file = sealed(b"a BAD thing").unwrap();
    assert_eq!(clamd.scan_file(file.as_fd()).await, found("Test.Bad"));
    served.join().unwrap();
}

fn refuse_files(path: &Path) -> thread::JoinHandle<()> {
    let listener = std::os::unix::net::UnixListener::bind(path).unwrap();
    thread::spawn(move || {
        let (mut socket, _) = listener.accept().unwrap();
        // The descriptor itself is dropped by a read that does not ask for it; its byte stays.
        let mut opening = [0; b"zIDSESSION\0zFILDES\0\0".len()];
        socket.read_exact(&mut opening).unwrap();
        socket.write_all(b"1: fd[9]: Access denied. ERROR\0").unwrap();
        let (mut socket, _) = listener.accept().unwrap();
        let mut streamed = [0; b"zIDSESSION\0zINSTREAM\0".len() + 4 + 11 + 4];
        socket.read_exact(&mut streamed).unwrap();
        assert!(streamed.windows(3).any(|three| three == b"BAD"));
        socket.write_all(b"1: stream: Test.Bad FOUND\0").unwrap();
    })
}

#[test]
fn a_mails_answers_are_gathered() {
    let mut scanned = Scanned::default();
    scanned.add("", "", CLEAN);
    scanned.add("2", "a.zip/b.exe", found("A.B"));
    scanned.add("3", "", Known::No("away".to_string()));
    assert_eq!(scanned.found[0].path, "a.zip/b.exe");
    scanned.add("4", "", Known::Yes(Scan::NotTaken("too large".to_string())));
    assert_eq!(scanned.unanswered[0].because, "away");
    assert_eq!((scanned.unanswered.len(), scanned.not_taken[0].part.as_str()), (1, "4"));
    let stored = serde_json::to_string(&scanned).unwrap();
    assert_eq!(serde_json::from_str::<Scanned>(&stored).unwrap(), scanned);
}
