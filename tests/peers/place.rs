//! Where a test lives: a folder, free ports, processes with an end, and patience with a bound.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    thread,
    time::{Duration, Instant},
};
use tempfile::TempDir;

/// No server outlives this, whatever happens to the test that started it.
pub const SERVER_SECONDS_MAX: &str = "170";
/// No client works longer than this.
const CLIENT_SECONDS_MAX: &str = "60";

/// A folder that is gone afterwards. Postfix's daemons run as another user and must be able to enter it.
pub fn folder() -> TempDir {
    let folder = tempfile::Builder::new().prefix("sluss-peers-").tempdir().unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
    folder
}

/// Asks again and again until there is an answer; fails the test after `seconds`.
#[allow(clippy::disallowed_methods, reason = "real servers live in real time")]
pub fn wait_for<T>(what: &str, seconds: u64, mut ask: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + Duration::from_secs(seconds);
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(Instant::now() < end, "waited {seconds} s in vain for {what}");
        thread::sleep(Duration::from_millis(20));
    }
}

/// A server process: ended when dropped, and by `timeout` if this process cannot do it any more.
pub struct Server {
    child: Child,
    out: PathBuf,
}

impl Server {
    /// Starts `program` with its output in `out`.
    pub fn start(program: &Path, arguments: &[&str], out: &Path) -> Server {
        let file = fs::OpenOptions::new().create(true).append(true).open(out).unwrap();
        let child = Command::new("setsid")
            .args(["timeout", "--foreground", "--kill-after=5", SERVER_SECONDS_MAX])
            .arg(program)
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(file.try_clone().unwrap())
            .stderr(file)
            .spawn()
            .unwrap_or_else(|error| panic!("{} does not start: {error}", program.display()));
        Server { child, out: out.to_path_buf() }
    }

    /// What it printed.
    pub fn printed(&self) -> String {
        String::from_utf8_lossy(&fs::read(&self.out).unwrap_or_default()).into_owned()
    }

    /// Has it ended?
    pub fn ended(&mut self) -> bool {
        self.child.try_wait().unwrap().is_some()
    }

    /// SIGTERM, by way of `timeout`, which passes it on; SIGKILL if that is not heard.
    pub fn end(&mut self) {
        for signal in ["-TERM", "-KILL"] {
            let _gone = Command::new("kill").args([signal, &self.child.id().to_string()]).status();
            for _ in 0..500 {
                if self.child.try_wait().is_ok_and(|ended| ended.is_some()) {
                    return;
                }
                thread::sleep(Duration::from_millis(20));
            }
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.end();
        if thread::panicking() {
            let text = self.printed();
            let lines: Vec<&str> = text.lines().collect();
            let last = lines.get(lines.len().saturating_sub(40)..).unwrap_or_default();
            eprintln!("--- {}\n{}", self.out.display(), last.join("\n"));
        }
    }
}

/// Runs a client to its end, bounded; standard input from a file if one is given.
pub fn run(program: &str, arguments: &[&str], input: Option<&Path>) -> Output {
    let stdin = match input {
        Some(file) => Stdio::from(fs::File::open(file).unwrap()),
        None => Stdio::null(),
    };
    Command::new("timeout")
        .args(["--kill-after=5", CLIENT_SECONDS_MAX, program])
        .args(arguments)
        .stdin(stdin)
        .output()
        .unwrap_or_else(|error| panic!("{program} does not start: {error}"))
}

/// Runs a client that must succeed; gives what it printed.
pub fn run_well(program: &str, arguments: &[&str], input: Option<&Path>) -> String {
    let output = run(program, arguments, input);
    let text = format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(output.status.success(), "{program} {arguments:?}: {}\n{text}", output.status);
    text
}
