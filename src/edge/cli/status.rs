//! `sluss status`, `sluss reload`: questions to a running gateway.

use super::{Failure, Place, desk, print, trial};
use crate::{
    base::{
        clock::{Clock, UnixMs},
        units,
    },
    edge::control::Request,
};
use clap::Args;
use serde_json::Value;
use std::{process::ExitCode, time::Duration};

#[derive(Debug, Args)]
pub(super) struct Status {
    #[command(flatten)]
    place: Place,
    /// All of it, as JSON.
    #[arg(long)]
    json: bool,
    /// What policies in shadow or tag mode would have done in so many days, instead.
    #[arg(long, value_name = "DAYS", value_parser = clap::value_parser!(u64).range(1..=3650))]
    shadow: Option<u64>,
    /// With --shadow: of this organisation only.
    #[arg(long, value_name = "NAME", requires = "shadow")]
    organisation: Option<String>,
}

#[derive(Debug, Args)]
pub(super) struct Reload {
    #[command(flatten)]
    place: Place,
}

impl Status {
    pub(super) fn run(self) -> Result<ExitCode, Failure> {
        if let Some(days) = self.shadow {
            return trial::report(&self.place, days, self.organisation, self.json);
        }
        let status = desk::ask(&self.place, Request::Status)?;
        if self.json {
            print::line(&serde_json::to_string(&status).map_err(|error| error.to_string())?)?;
            return Ok(ExitCode::SUCCESS);
        }
        let number = |path: &str| status.pointer(path).and_then(Value::as_u64).unwrap_or(0);
        let well = status.get("well").and_then(Value::as_bool).unwrap_or(false);
        let mut rows = vec![
            (
                "state",
                if well {
                    "taking mail".to_string()
                } else {
                    "not taking mail: no rules are loaded".to_string()
                },
            ),
            ("up for", units::roughly(Duration::from_secs(number("/up_seconds")))),
            ("memory", format!("{} MiB", number("/resident_bytes") >> 20)),
            ("free disk", format!("{} MiB", number("/free_disk_bytes") >> 20)),
            (
                "connections",
                match status.get("crowded").and_then(Value::as_bool) {
                    Some(true) => {
                        format!("{}, crowded: time-outs are short", number("/connections"))
                    }
                    Some(false) | None => number("/connections").to_string(),
                },
            ),
            (
                "learned",
                format!(
                    "{} spam, {} wanted: {}",
                    number("/learned/taught/spam"),
                    number("/learned/taught/ham"),
                    match status.pointer("/learned/trust").and_then(Value::as_str) {
                        Some("full") => "may hold a mail alone",
                        Some("beside") => "speaks beside the rules",
                        _ => "says nothing yet",
                    }
                ),
            ),
            ("waiting for an examiner", number("/examiners_waiting").to_string()),
            ("met a limit of late", number("/limits/met").to_string()),
            ("mails in the queue", number("/queue/mails").to_string()),
            ("mails in quarantine", number("/quarantine/held").to_string()),
            ("rules in force", number("/rules").to_string()),
        ];
        let lists: Vec<&Value> =
            status.get("dns_lists").and_then(Value::as_array).into_iter().flatten().collect();
        if !lists.is_empty() {
            let asked = lists.iter().filter(|list| list.get("aside").is_some_and(Value::is_null));
            rows.push(("DNS lists asked", format!("{} of {}", asked.count(), lists.len())));
        }
        if let Some(target) = status.pointer("/audit_link/target").and_then(Value::as_str) {
            let up = status.pointer("/audit_link/up").and_then(Value::as_bool).unwrap_or(false);
            let oldest = status.pointer("/audit_link/oldest_ms").and_then(Value::as_u64);
            let oldest = oldest.map(|at| Clock::system().now().since(UnixMs(at)));
            rows.push((
                "audit log sent to",
                format!(
                    "{target}, {}; to be sent: {}{}",
                    if up { "connected" } else { "not connected" },
                    number("/audit_link/unsent"),
                    oldest.map_or(String::new(), |age| format!(
                        ", the oldest {} old",
                        units::roughly(age)
                    )),
                ),
            ));
        }
        // A trial that nobody remembers is an open door.
        let (shadow, tag) = (number("/domains_on_trial/shadow"), number("/domains_on_trial/tag"));
        if shadow + tag > 0 {
            let all = number("/domains");
            rows.push((
                "domains not protected",
                format!("{} of {all}: {shadow} in shadow, {tag} in tag", shadow + tag),
            ));
        }
        let day = status.get("last_24_hours").and_then(Value::as_object).into_iter().flatten();
        let day: Vec<(String, String)> = day
            .map(|(action, count)| (format!("last 24 h: {action}"), count.to_string()))
            .collect();
        rows.extend(day.iter().map(|(action, count)| (action.as_str(), count.clone())));
        let notes = status.get("store_notes").and_then(Value::as_array).into_iter().flatten();
        rows.extend(notes.filter_map(Value::as_str).map(|note| ("at start", note.to_string())));
        for (what, value) in rows {
            print::line(&format!("{what:<28} {value}"))?;
        }
        for deviation in status.get("deviations").and_then(Value::as_array).into_iter().flatten() {
            let text = deviation.get("text").and_then(Value::as_str).unwrap_or("");
            let grave = deviation.get("grave").and_then(Value::as_bool).unwrap_or(false);
            print::line(&format!("{:<28} {text}", if grave { "NOW" } else { "to look at" }))?;
        }
        Ok(ExitCode::SUCCESS)
    }
}

impl Reload {
    pub(super) fn run(self) -> Result<ExitCode, Failure> {
        let done = desk::ask(&self.place, Request::Reload)?;
        print::line(done.as_str().unwrap_or("reloaded"))?;
        Ok(ExitCode::SUCCESS)
    }
}
