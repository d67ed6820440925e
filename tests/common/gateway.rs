//! The real binary, started with a configuration and ended with the test.

use super::{PATIENCE, wait_for};
use serde_json::{Value, json};
use std::{
    fs::{self, File},
    io::{BufRead, BufReader, Read, Write},
    os::unix::net::UnixStream,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Output, Stdio},
    sync::mpsc,
    thread,
    time::Duration,
};

/// Longest for a start: a second of work for a debug build, and every core may be at something else.
const START_MAX: Duration = Duration::from_secs(60);

/// More than any test leaves waiting or held.
const ROWS_MAX: usize = 1_000_000;

/// A running gateway. Dropping it kills it.
pub struct Gateway {
    child: Child,
    folder: PathBuf,
    // The folder of a gateway that nobody starts again.
    _owned: Option<tempfile::TempDir>,
}

impl Gateway {
    /// Starts it in a folder of its own and waits until it is ready.
    #[track_caller]
    pub fn start(config: &str) -> Gateway {
        let owned = tempfile::tempdir().unwrap();
        let mut gateway = Gateway::start_in(owned.path(), config);
        gateway._owned = Some(owned);
        gateway
    }

    /// Starts it in this folder, with what is there.
    #[track_caller]
    pub fn start_in(folder: &Path, config: &str) -> Gateway {
        write_config(folder, config);
        let log = File::options().create(true).append(true).open(folder.join("log")).unwrap();
        let mut child = binary()
            .args(["serve", "--config"])
            .arg(folder.join("sluss.toml"))
            .arg("--data")
            .arg(folder.join("data"))
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .unwrap();
        let mut said = BufReader::new(child.stdout.take().unwrap());
        let mut gateway = Gateway { child, folder: folder.to_path_buf(), _owned: None };
        let (tell, told) = mpsc::channel();
        thread::spawn(move || {
            let mut line = String::new();
            let _eof_shows_in_the_line = said.read_line(&mut line);
            let _nobody_waits = tell.send(line);
            // The pipe stays open until the gateway ends, or its writes would fail.
            let _rest = said.read_to_string(&mut String::new());
        });
        let line = told.recv_timeout(START_MAX).unwrap_or_default();
        if line.trim() != "ready" {
            let _gone = gateway.child.kill();
            panic!("not ready, but {line:?}: {}", gateway.log());
        }
        gateway
    }

    /// Everything it logged so far.
    pub fn log(&self) -> String {
        fs::read_to_string(self.folder.join("log")).unwrap_or_default()
    }

    /// Every file under its data folder, as it is on the disk.
    pub fn data_files(&self) -> Vec<(String, Vec<u8>)> {
        let (mut folders, mut files) = (vec![self.folder.join("data")], Vec::new());
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).unwrap().flatten() {
                match entry.file_type().unwrap() {
                    kind if kind.is_dir() => folders.push(entry.path()),
                    kind if kind.is_file() => {
                        let bytes = fs::read(entry.path()).unwrap_or_default();
                        files.push((entry.path().display().to_string(), bytes));
                    }
                    _ => (),
                }
            }
        }
        files
    }

    /// Its configuration file.
    pub fn config_file(&self) -> PathBuf {
        self.folder.join("sluss.toml")
    }

    /// Writes another configuration; a reload reads it.
    pub fn rewrite_config(&self, config: &str) {
        write_config(&self.folder, config);
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Resident memory in bytes.
    pub fn resident_bytes(&self) -> u64 {
        self.memory("VmRSS:")
    }

    /// What of it is its own, and not pages of the program's file: of one that is not optimised these are more than all else.
    pub fn own_bytes(&self) -> u64 {
        self.memory("RssAnon:")
    }

    fn memory(&self, name: &str) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
        line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1_024
    }

    /// Open file descriptors.
    pub fn open_files(&self) -> usize {
        fs::read_dir(format!("/proc/{}/fd", self.pid())).unwrap().count()
    }

    /// Runs a command against it: `["queue", "list", "--json"]`.
    #[track_caller]
    pub fn command(&self, words: &[&str]) -> Output {
        self.command_told(words, "")
    }

    /// The same, with something on its input.
    #[track_caller]
    pub fn command_told(&self, words: &[&str], input: &str) -> Output {
        let mut command = binary()
            .args(words)
            .arg("--config")
            .arg(self.config_file())
            .arg("--data")
            .arg(self.folder.join("data"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // Most read none of it.
        let _unread = command.stdin.take().unwrap().write_all(input.as_bytes());
        command.wait_with_output().unwrap()
    }

    /// Asks by the control socket, as the commands do; an error is given as the sentence.
    #[track_caller]
    pub fn ask(&self, request: &Value) -> Result<Value, String> {
        let mut socket = UnixStream::connect(self.folder.join("data/control.sock")).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        socket.write_all(format!("{request}\n").as_bytes()).unwrap();
        let mut answer = String::new();
        socket.read_to_string(&mut answer).unwrap();
        let answer: Value = serde_json::from_str(&answer).unwrap();
        match answer.get("ok") {
            Some(value) => Ok(value.clone()),
            None => Err(answer["error"].as_str().unwrap_or("").to_string()),
        }
    }

    /// The legs that wait in the spool.
    #[track_caller]
    pub fn queue(&self) -> Vec<Value> {
        let request =
            json!({ "command": "queue-list", "filter": { "on_hold": false }, "rows": ROWS_MAX });
        let answer = self.ask(&request);
        answer.unwrap().as_array().unwrap().clone()
    }

    /// Waits until mail to this address has been tried and waits; gives why.
    #[track_caller]
    pub fn why_waits(&self, to: &str) -> String {
        wait_for(to, || {
            let queue = self.queue();
            let leg = queue.iter().find(|leg| leg["to"][0] == to && leg["tries"] != 0)?;
            leg["last"].as_str().map(str::to_string)
        })
    }

    /// What the trace has of the recipients of a mail, the newest last; none while it does not have the mail.
    pub fn traced(&self, id: &str) -> Vec<Value> {
        let out = self.command(&["trace", "show", id, "--json"]);
        let Ok(story) = serde_json::from_slice::<Value>(&out.stdout) else { return Vec::new() };
        let first = story.get(0).unwrap_or(&story);
        first["recipients"].as_array().cloned().unwrap_or_default()
    }

    /// Waits until the trace has a recipient of a mail with this status; gives the newest.
    #[track_caller]
    pub fn traced_as(&self, id: &str, status: &str) -> Value {
        wait_for(status, || self.traced(id).into_iter().rev().find(|row| row["status"] == status))
    }

    /// What is held; released mails too if `all`.
    #[track_caller]
    pub fn quarantine(&self, all: bool) -> Vec<Value> {
        let states = if all { json!(["held", "released", "seen"]) } else { json!([]) };
        let filter = json!({ "states": states, "rows": ROWS_MAX });
        let answer = self.ask(&json!({ "command": "quarantine-list", "filter": filter }));
        answer.unwrap()["held"].as_array().unwrap().clone()
    }

    /// The spool forgets everything that is not under way, and the quarantine too.
    #[track_caller]
    pub fn empty(&self) {
        let ids = |rows: Vec<Value>| {
            let mut ids: Vec<Value> = rows.iter().map(|row| row["id"].clone()).collect();
            ids.dedup();
            ids
        };
        let queued = ids(self.queue());
        self.ask(&json!({ "command": "queue-drop", "ids": queued })).unwrap();
        let held = ids(self.quarantine(true));
        self.ask(&json!({ "command": "quarantine-delete", "ids": held })).unwrap();
    }

    /// Sends a signal by name: "TERM", "HUP".
    pub fn signal(&self, name: &str) {
        let mut kill = Command::new("kill");
        let sent = kill.args([format!("-{name}"), self.pid().to_string()]).status().unwrap();
        assert!(sent.success());
    }

    /// Ends it at once, as a power cut would.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Waits until it has ended by itself.
    #[track_caller]
    pub fn ended(&mut self) -> ExitStatus {
        wait_for("the gateway's end", || self.child.try_wait().unwrap())
    }

    /// SIGTERM, and its exit code must be 0.
    #[track_caller]
    pub fn stop(mut self) {
        self.signal("TERM");
        let status = self.ended();
        assert!(status.success(), "{status:?}: {}", self.log());
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        let _gone_already = self.child.kill();
        let _reaped = self.child.wait();
    }
}

/// As root the gateway wants to be told whom to become, or that it may stay root; tests run as whoever runs them.
fn write_config(folder: &Path, config: &str) {
    fs::write(folder.join("sluss.toml"), format!("allow-root = true\n{}", without_probes(config)))
        .unwrap();
}

/// Tests count what reaches the server behind, and send much by one account; one that wants to be greeted at start, or to have its
/// accounts held, says so.
fn without_probes(config: &str) -> String {
    let unless = |word: &str, line: &'static str| if config.contains(word) { "" } else { line };
    let no = [
        "[limits]\n",
        unless("probe-next-hops", "probe-next-hops = false\n"),
        unless("hold-accounts", "hold-accounts = false\n"),
    ]
    .concat();
    match config.contains("[limits]\n") {
        true => config.replacen("[limits]\n", &no, 1),
        false => format!("{config}\n{no}"),
    }
}

/// The program: the one built with the tests, or the one at `SLUSS_BINARY`.
pub fn binary() -> Command {
    let built = env!("CARGO_BIN_EXE_sluss").into();
    let mut command = Command::new(std::env::var_os("SLUSS_BINARY").unwrap_or(built));
    command.stdin(Stdio::null());
    command
}
