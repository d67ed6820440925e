//! Logs: for people on a terminal, JSON lines otherwise. Standard error, so that standard output stays for data and `ready`.

use std::io::IsTerminal;
use tracing_subscriber::EnvFilter;

/// Starts logging. `SLUSS_LOG` chooses what: `info` (default), `sluss=debug`.
pub fn start() {
    let filter = EnvFilter::try_from_env("SLUSS_LOG")
        .unwrap_or_else(|_| EnvFilter::new("info,hickory_net=warn,hickory_resolver=warn"));
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_target(false);
    let started = match std::io::stderr().is_terminal() {
        true => builder.try_init(),
        // The list of spans repeats the one that a line stands in.
        false => builder.json().flatten_event(true).with_span_list(false).try_init(),
    };
    if let Err(error) = started {
        eprintln!("logging could not be started: {error}");
    }
}
