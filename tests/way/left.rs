//! Files that are too large for a mail: left by a page, looked into, fetched by their reader; and what becomes of them when something dies on the way.

use super::personal::multipart;
use crate::common::{
    Gateway, Hop, Manner, free_port, wait_for,
    web::{Browser, between, connect},
};
use std::{
    io::{Read, Write},
    net::TcpStream,
    path::{Path, PathBuf},
};

/// A gateway with a portal, in a folder that outlives it.
struct House {
    gateway: Gateway,
    own: Hop,
    public: u16,
    admin: u16,
    folder: tempfile::TempDir,
}

impl House {
    fn start(limits: &str) -> House {
        House::start_in(tempfile::tempdir().unwrap(), limits)
    }

    fn start_in(folder: tempfile::TempDir, limits: &str) -> House {
        let own = Hop::start(Manner::default());
        let (public, admin) = (free_port(), free_port());
        let config = config(&own, (public, admin), limits);
        let gateway = Gateway::start_in(folder.path(), &config);
        House { gateway, own, public, admin, folder }
    }

    /// Killed, and started again with what is there.
    fn killed(self, limits: &str) -> House {
        let House { mut gateway, own, public, admin, folder } = self;
        gateway.kill();
        drop(gateway);
        let config = config(&own, (public, admin), limits);
        let gateway = Gateway::start_in(folder.path(), &config);
        House { gateway, own, public, admin, folder }
    }

    /// Sends these files to Eva, as a stranger does.
    fn leave(&self, files: &[(&str, &[u8])]) -> u16 {
        let mut browser = Browser::new(self.public);
        let page = browser.get("/send/eva@ours.example");
        assert_eq!(page.code, 200, "{}", page.body);
        let csrf = browser.csrf.clone();
        browser.send_files("/send/eva@ours.example", &form(&csrf, files)).code
    }

    #[track_caller]
    fn letter(&self, with: &[&str]) -> String {
        wait_for(&format!("a letter with {with:?}"), || {
            let taken = self.own.taken().into_iter().rev();
            let texts = taken.map(|taken| String::from_utf8_lossy(&taken.bytes).into_owned());
            let mut texts = texts.into_iter();
            texts.find(|text| with.iter().all(|part| text.contains(part)))
        })
    }

    /// The beginning of a form with files on the line, and what is left of it.
    fn begin(&self, files: &[(&str, &[u8])]) -> (TcpStream, Vec<u8>) {
        let mut browser = Browser::new(self.public);
        browser.get("/send/eva@ours.example");
        let body = form(&browser.csrf, files);
        let mut socket = connect(self.public);
        let head = format!(
            "POST /send/eva@ours.example HTTP/1.1\r\nHost: 127.0.0.1:{}\r\nSec-Fetch-Site: same-origin\r\nConnection: close\r\n\
             Content-Type: multipart/form-data; boundary=form\r\nContent-Length: {}\r\n\r\n",
            self.public,
            body.len()
        );
        socket.write_all(head.as_bytes()).unwrap();
        let (first, rest) = body.split_at(body.len() / 2);
        socket.write_all(first).unwrap();
        let incoming = self.incoming();
        wait_for("a file that grows", || (!files_below(&incoming).is_empty()).then_some(()));
        (socket, rest.to_vec())
    }

    fn incoming(&self) -> PathBuf {
        self.folder.path().join("data/spool/incoming")
    }

    fn link_in(&self, letter: &str) -> String {
        let before = format!("    http://127.0.0.1:{}", self.public);
        between(letter, &before, "\r\n").unwrap().to_string()
    }

    /// Whoever has the link, at the page of the files.
    #[track_caller]
    fn reader(&self, path: &str) -> Browser {
        let mut reader = Browser::new(self.public);
        reader.get(path);
        assert_eq!(reader.post(path, &[]).code, 303);
        reader.get(path);
        reader
    }

    fn audit(&self) -> String {
        let out = self.gateway.command(&["audit", "list", "--json"]);
        String::from_utf8_lossy(&out.stdout).into_owned()
    }
}

fn config(own: &Hop, (public, admin): (u16, u16), limits: &str) -> String {
    format!(
        "hostname = \"mx.ours.example\"\n\
         [[listener]]\nname = \"in\"\nbind = \"127.0.0.1:{}\"\ndirection = \"inbound\"\n\
         [[domain]]\nname = \"ours.example\"\nnext-hop = \"smtp://127.0.0.1:{}\"\nrecipients = \"any\"\n\
         [web]\nadmin = \"127.0.0.1:{admin}\"\npublic = \"127.0.0.1:{public}\"\npublic-url = \"http://127.0.0.1:{public}\"\n\
         proxies = [\"127.0.0.1/32\"]\n[digest]\nenabled = false\n[portal]\nenabled = true\nupload = true\nupload-bytes = \"24 MiB\"\n\
         [limits]\nmessage-bytes = \"1 MiB\"\n{limits}",
        free_port(),
        own.port(),
    )
}

fn form(csrf: &str, files: &[(&str, &[u8])]) -> Vec<u8> {
    let fields: [(&str, Option<&str>, &[u8]); 4] = [
        ("csrf", None, csrf.as_bytes()),
        ("name", None, b"Bo Ek"),
        ("address", None, b"bo@far.example"),
        ("text", None, "Hej Eva, här är ritningarna.".as_bytes()),
    ];
    let files = files.iter().map(|(name, bytes)| ("file", Some(*name), *bytes));
    multipart(&fields.into_iter().chain(files).collect::<Vec<_>>())
}

/// Lines that are nowhere twice.
fn drawing(bytes: usize) -> Vec<u8> {
    let lines = (0..bytes / 15).map(|number| format!("rad {number:>10}\n"));
    lines.collect::<String>().into_bytes()
}

fn files_below(folder: &Path) -> Vec<String> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
}

#[test]
fn files_too_large_for_a_mail_wait_for_their_reader_who_needs_no_code() {
    let house = House::start("");
    let (drawing, note) = (drawing(3 << 20), b"Se blad 2.".as_slice());
    // The last is a field in which no file was chosen.
    let sent = [("ritning.txt", drawing.as_slice()), ("läs mig.txt", note), ("", b"")];
    assert_eq!(house.leave(&sent), 200);
    let letter = house.letter(&["ritning.txt", "/p/"]);
    assert!(!letter.contains("(0 "), "{letter}");
    assert!(letter.contains("bo@far.example") && letter.contains("(3 MiB)"), "{letter}");
    assert!(!letter.contains("rad          7") && !letter.contains("ritningarna"), "{letter}");
    // Sealed from the first byte to the last.
    for (file, bytes) in house.gateway.data_files() {
        for part in ["rad        777", "Se blad 2", "ritningarna"] {
            assert!(memchr::memmem::find(&bytes, part.as_bytes()).is_none(), "{file}: {part}");
        }
    }
    let path = house.link_in(&letter);
    for _ in 0..3 {
        let page = Browser::new(house.public).get(&path);
        assert!(page.code == 200 && !page.body.contains("ritning"), "{}", page.body);
    }
    let closed = Browser::new(house.public).post(&format!("{path}/file"), &[("number", "0")]);
    assert_eq!(closed.code, 403);
    assert!(!house.audit().contains("content-opened"), "whoever follows a link spends nothing");

    let mut eva = Browser::new(house.public);
    eva.get(&path);
    assert_eq!(eva.post(&path, &[]).code, 303);
    let page = eva.get(&path);
    for part in ["ritning.txt", "läs mig.txt", "ritningarna", "Bo Ek", "nobody has checked"] {
        assert!(page.body.contains(part), "{part}: {}", page.body);
    }
    let file = eva.post(&format!("{path}/file"), &[("number", "0")]);
    assert_eq!(
        (file.code, file.field("content-length")),
        (200, drawing.len().to_string().as_str())
    );
    assert!(file.body.as_bytes() == drawing, "every byte as it was sent");
    eva.get(&path);
    let all = eva.post(&format!("{path}/file"), &[]);
    assert!(all.code == 200 && all.body.starts_with("PK"), "{}", all.head);
    assert!(all.body.contains("rad      77777") && all.body.contains("Se blad 2."));
    eva.get(&path);
    assert_eq!(eva.post(&format!("{path}/file"), &[("number", "9")]).code, 404);
    assert_eq!(house.audit().matches("content-opened").count(), 4, "{}", house.audit());
    // Nobody who looks after mail opens them.
    let listed = house.gateway.command(&["quarantine", "list", "--state", "files", "--json"]);
    let listed = String::from_utf8_lossy(&listed.stdout).into_owned();
    assert!(listed.contains("ritning.txt"), "{listed}");
    let id = between(&listed, "\"id\":\"", "\"").unwrap();
    let shown = house.gateway.command(&["quarantine", "show", "--text", id]);
    assert!(!shown.status.success() && !shown.stderr.is_empty());
    // Taken back, the link leads nowhere.
    assert!(house.gateway.command(&["quarantine", "delete", id]).status.success());
    assert_eq!(eva.get(&path).code, 404);
    house.gateway.stop();
}

#[test]
fn what_is_found_in_them_stops_them_until_somebody_decides() {
    let house = House::start("");
    let eicar = crate::common::eicar();
    let drawing = drawing(2 << 20);
    assert_eq!(house.leave(&[("ritning.txt", &drawing), ("bilaga.com", eicar.as_bytes())]), 200);
    let letter = house.letter(&["Files from bo@far.example are held", "you cannot fetch them yet"]);
    assert!(!letter.contains("/p/"), "{letter}");
    let mut admin = Browser::of_account(&house.gateway, house.admin, "karin", &["--role", "admin"]);
    let page = admin.get("/parcels");
    assert!(
        page.body.contains("stopped:") && page.body.contains("eva@ours.example"),
        "{}",
        page.body
    );
    let id = between(&page.body, "name=\"id\" value=\"", "\"").unwrap().to_string();
    // Nobody lets through what is stopped without saying why.
    admin.post("/parcels/through", &[("id", &id)]);
    assert!(admin.get("/parcels").body.contains("Say why"));
    let why = ("reason", "a sample that Eva asked for");
    admin.post("/parcels/through", &[("id", &id), why]);
    assert!(admin.get("/parcels").body.contains("may do harm: say that you know it"));
    admin.post("/parcels/through", &[("id", &id), why, ("knowing", "yes")]);
    let letter = house.letter(&["bilaga.com", "/p/"]);
    let path = house.link_in(&letter);
    assert_eq!(Browser::new(house.public).get(&path).code, 200);
    assert!(house.audit().contains("a sample that Eva asked for"));
    admin.get("/parcels");
    admin.post("/parcels/withdraw", &[("id", &id)]);
    assert_eq!(Browser::new(house.public).get(&path).code, 404);
    assert!(admin.get("/parcels").body.contains("taken back"));
    house.gateway.stop();
}

#[test]
fn what_dies_on_the_way_leaves_nothing_and_what_was_safe_goes_on() {
    let house = House::start("");
    let drawing = drawing(6 << 20);
    // Half of it has come when the gateway is killed.
    let half = house.begin(&[("ritning.txt", &drawing)]);
    let incoming = house.incoming();
    let house = house.killed("");
    assert_eq!(files_below(&incoming), Vec::<String>::new(), "nothing of the half stays");
    drop(half);
    // A client that goes away takes its half along too.
    drop(house.begin(&[("ritning.txt", &drawing)]));
    wait_for("the end of the half", || files_below(&incoming).is_empty().then_some(()));

    // What was said to be safe is looked into, and told of, after a kill in the same moment.
    assert_eq!(house.leave(&[("ritning.txt", &drawing)]), 200);
    let house = house.killed("");
    let letter = house.letter(&["ritning.txt", "/p/"]);
    let path = house.link_in(&letter);
    let mut eva = house.reader(&path);
    assert!(eva.post(&format!("{path}/file"), &[("number", "0")]).body.as_bytes() == drawing);

    // Where the disk has no room it is not begun, and more than may be left is refused before it comes.
    let house = house.killed("disk-free-bytes = \"900000 GiB\"\n");
    for (bytes, code) in [(drawing.len(), 503), (900_000_000, 413)] {
        let head = format!(
            "Content-Type: multipart/form-data; boundary=form\r\nContent-Length: {bytes}\r\nSec-Fetch-Site: same-origin\r\n"
        );
        let told = Browser::new(house.public).ask("POST", "/send/eva@ours.example", &head, "");
        assert_eq!(told.code, code, "{}", told.body);
    }
    assert_eq!(files_below(&incoming), Vec::<String>::new());
    // Whoever would be turned away at SMTP is so here.
    let house = house.killed("[lists]\nblock = [\"far.example\"]\n");
    assert_eq!(house.leave(&[("ritning.txt", b"1")]), 404);
    house.gateway.stop();
}

#[test]
fn what_ends_while_it_is_fetched_is_whole_or_cut_off_and_never_something_else() {
    let house = House::start("");
    let drawing = drawing(12 << 20);
    assert_eq!(house.leave(&[("ritning.txt", &drawing)]), 200);
    let path = house.link_in(&house.letter(&["ritning.txt", "/p/"]));
    let mut eva = house.reader(&path);
    let cookies: Vec<String> =
        eva.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
    let body = format!("number=0&csrf={}", eva.csrf);
    let mut socket = connect(house.public);
    let asked = format!(
        "POST {path}/file HTTP/1.1\r\nHost: 127.0.0.1:{}\r\nCookie: {}\r\nSec-Fetch-Site: same-origin\r\nConnection: close\r\n\
         Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{body}",
        house.public,
        cookies.join("; "),
        body.len()
    );
    socket.write_all(asked.as_bytes()).unwrap();
    let mut got = vec![0; 64 << 10];
    socket.read_exact(&mut got).unwrap();
    assert!(got.starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&got[..200]));
    // Its time is over, its key destroyed; the reader's line is still open.
    let file = house.folder.path().join("data/portal/portal.db");
    let parcels = rusqlite::Connection::open(&file).unwrap();
    parcels.busy_timeout(std::time::Duration::from_secs(10)).unwrap();
    assert_eq!(parcels.execute("UPDATE parcel SET expires = 1", []).unwrap(), 1);
    wait_for("the end of the parcel", || house.audit().contains("portal-ended").then_some(()));
    assert_eq!(eva.get(&path).code, 404);
    // A line that is cut is an error or an end before the length that was said.
    let _cut = socket.read_to_end(&mut got);
    let head = memchr::memmem::find(&got, b"\r\n\r\n").unwrap() + 4;
    assert!(got.len() > head && drawing.starts_with(&got[head..]), "only what was sent");
    house.gateway.stop();
}

/// A disk of its own; needs root.
#[cfg(feature = "peers")]
struct SmallDisk(PathBuf);

#[cfg(feature = "peers")]
impl SmallDisk {
    fn on(folder: &Path) -> SmallDisk {
        let mut mount = std::process::Command::new("mount");
        let mounted = mount.args(["-t", "tmpfs", "-o", "size=120m", "tmpfs"]).arg(folder).status();
        assert!(mounted.unwrap().success(), "a small disk cannot be mounted; this needs root");
        SmallDisk(folder.to_path_buf())
    }
}

#[cfg(feature = "peers")]
impl Drop for SmallDisk {
    fn drop(&mut self) {
        let mut umount = std::process::Command::new("umount");
        let _gone = umount.arg("--lazy").arg(&self.0).status();
        let _gone = std::fs::remove_dir(&self.0);
    }
}

#[cfg(feature = "peers")]
#[test]
fn a_disk_that_fills_while_files_come_is_said_and_leaves_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    let _disk = SmallDisk::on(folder.path());
    let house = House::start_in(folder, "disk-free-bytes = \"2 MiB\"\n");
    let drawing = drawing(12 << 20);
    let (mut socket, rest) = house.begin(&[("ritning.txt", &drawing)]);
    // Somebody else takes the rest of the disk.
    let filler = house.folder.path().join("filler");
    let mut full = std::fs::File::create(&filler).unwrap();
    while full.write_all(&[7; 64 << 10]).is_ok() {}
    let _refused = socket.write_all(&rest);
    let mut told = String::new();
    let _cut = socket.read_to_string(&mut told);
    assert!(told.starts_with("HTTP/1.1 503"), "{told}");
    wait_for("the end of the half", || files_below(&house.incoming()).is_empty().then_some(()));
    // With room again it goes.
    drop(full);
    std::fs::remove_file(&filler).unwrap();
    assert_eq!(house.leave(&[("ritning.txt", &drawing)]), 200);
    let path = house.link_in(&house.letter(&["ritning.txt", "/p/"]));
    let mut eva = house.reader(&path);
    assert!(eva.post(&format!("{path}/file"), &[("number", "0")]).body.as_bytes() == drawing);
    house.gateway.stop();
}
