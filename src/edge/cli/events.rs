//! `sluss events`: what strangers did that mail servers do not.

use super::{Failure, Place, desk, print};
use crate::{
    base::{clock::Clock, limits, units},
    edge::control::{EventFilter, Request},
    pipeline::guard::Event,
};
use clap::Args;
use std::{net::IpAddr, process::ExitCode, time::Duration};

#[derive(Debug, Args)]
pub(super) struct Events {
    #[command(flatten)]
    place: Place,
    /// As JSON, one event a line.
    #[arg(long)]
    json: bool,
    /// Only those of the last so long: "2 hours".
    #[arg(long, value_name = "SPAN", value_parser = units::parse_span)]
    since: Option<Duration>,
    /// Only those of this kind: `command.exploit`, or all that begin so: `command.`
    #[arg(long, value_name = "KIND")]
    kind: Option<String>,
    /// Only those of this client.
    #[arg(long, value_name = "ADDRESS")]
    client: Option<IpAddr>,
    /// At most so many, the last ones.
    #[arg(long, value_name = "COUNT", default_value_t = limits::LIST_ROWS_DEFAULT)]
    rows: usize,
}

impl Events {
    pub(super) fn run(self) -> Result<ExitCode, Failure> {
        let filter = EventFilter {
            since: self.since.map(|since| Clock::system().now().minus(since)),
            kind: self.kind,
            client: self.client,
            rows: self.rows,
        };
        let answer = desk::ask(&self.place, Request::Events { filter })?;
        let events: Vec<Event> =
            serde_json::from_value(answer).map_err(|error| error.to_string())?;
        if self.json {
            events.iter().try_for_each(|event| print::line(&event.to_line()))?;
            return Ok(ExitCode::SUCCESS);
        }
        if events.is_empty() {
            print::line("no such events")?;
            return Ok(ExitCode::SUCCESS);
        }
        let rows: Vec<Vec<String>> = events.iter().map(row).collect();
        print::table(&["time", "kind", "client", "listener", "what", "banned"], &rows)?;
        Ok(ExitCode::SUCCESS)
    }
}

fn row(event: &Event) -> Vec<String> {
    let banned = event.ban.as_ref().map(|ban| format!("{} until {}", ban.network, ban.until));
    vec![
        event.time.clone(),
        event.kind.clone(),
        event.client.to_string(),
        event.listener.clone(),
        print::short(&event.detail, 60),
        banned.unwrap_or_default(),
    ]
}
