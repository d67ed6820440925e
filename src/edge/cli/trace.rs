//! `sluss trace`: one mail's whole story, or the mails that match. What was in a mail is not in the trace.

use super::{Failure, Place, desk, print};
use crate::{
    base::{
        clock::{Clock, UnixMs},
        ids::Id,
        limits, units,
    },
    config::policy::Action,
    edge::control::Request,
    store::trace::{TraceFilter, TraceLine},
    wire::date,
};
use clap::{Args, Subcommand};
use serde_json::Value;
use std::{process::ExitCode, time::Duration};

#[derive(Debug, Args)]
pub(super) struct Trace {
    #[command(subcommand)]
    verb: Option<Verb>,
    #[command(flatten)]
    show: Show,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// One transaction: who, what was found, what was done and why, what became of each recipient, where the time went.
    #[command(
        after_help = "Examples:\n  sluss trace show 01K9ZQ4T6X8M4V0R2S5W7Y9ABC\n  sluss trace show --json 01K9ZQ4T6X8M4V0R2S5W7Y9ABC"
    )]
    Show(Show),
    /// Transactions, newest first.
    #[command(
        after_help = "Examples:\n  sluss trace list --from news@shop.example --since \"12 hours\"\n  sluss trace list --to anna@ours.example --action quarantine --json"
    )]
    List(List),
}

#[derive(Debug, Args)]
struct Show {
    #[command(flatten)]
    place: Place,
    /// The id from a reply, a log line or X-Sluss-Verdict.
    #[arg(required = true)]
    id: Option<Id>,
    /// All of it, as JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct List {
    #[command(flatten)]
    place: Place,
    /// Part of the envelope sender.
    #[arg(long)]
    from: Option<String>,
    /// Part of a recipient.
    #[arg(long)]
    to: Option<String>,
    /// Within this time: "2 hours", "30 days".
    #[arg(long, default_value = "7 days")]
    since: String,
    /// What was done: deliver, mark, defer, quarantine or reject; none for what was refused before it was judged.
    #[arg(long, value_parser = ["deliver", "mark", "defer", "quarantine", "reject", "none"])]
    action: Option<String>,
    /// What a policy in shadow or tag mode would have done.
    #[arg(long, value_parser = ["deliver", "mark", "defer", "quarantine", "reject"])]
    would: Option<String>,
    /// Of this organisation only.
    #[arg(long, value_name = "NAME")]
    organisation: Option<String>,
    /// At most this many.
    #[arg(long, default_value_t = limits::LIST_ROWS_DEFAULT)]
    rows: usize,
    /// JSON, one object a line.
    #[arg(long)]
    json: bool,
}

impl Trace {
    pub(super) fn run(self) -> Result<ExitCode, Failure> {
        match self.verb {
            Some(Verb::List(list)) => list.run()?,
            Some(Verb::Show(show)) => show.run()?,
            None => self.show.run()?,
        }
        Ok(ExitCode::SUCCESS)
    }
}

impl Show {
    fn run(self) -> Result<(), Failure> {
        let Some(id) = self.id else {
            return Err(Failure::BadInput("which transaction? sluss trace show ID".to_string()));
        };
        let found = desk::ask(&self.place, Request::Trace { id })?;
        if self.json {
            let text = serde_json::to_string_pretty(&found).map_err(|error| error.to_string())?;
            return Ok(print::line(&text)?);
        }
        // One mail may be for several organisations: each has its own row of it.
        for (at, part) in found.as_array().into_iter().flatten().enumerate() {
            if at > 0 {
                print::line("")?;
            }
            story(part)?;
        }
        Ok(())
    }
}

/// For people.
fn story(found: &Value) -> Result<(), String> {
    for (what, told) in facts(found) {
        print::line(&format!("{what:<12} {}", print::tame(&told)))?;
    }
    let list =
        |field: &str| found.get(field).and_then(Value::as_array).cloned().unwrap_or_default();
    let findings: Vec<Vec<String>> = list("findings").iter().map(finding).collect();
    if !findings.is_empty() {
        print::line("\nFindings")?;
        print::table(&["weight", "finding", "where", "because"], &findings)?;
    }
    let recipients: Vec<Vec<String>> = list("recipients").iter().map(recipient).collect();
    if !recipients.is_empty() {
        print::line("\nRecipients")?;
        print::table(&["after", "recipient", "status", "next hop", "said"], &recipients)?;
    }
    Ok(())
}

fn facts(found: &Value) -> Vec<(&'static str, String)> {
    let text = |field: &str| text(found, field);
    let number = |field: &str| number(found, field);
    let mut facts = vec![
        ("id", text("id")),
        ("came", date::write(UnixMs(number("at_ms")))),
        (
            "way",
            format!(
                "{}, listener {}, organisation {}",
                text("direction"),
                text("listener"),
                text("organisation")
            ),
        ),
        (
            "peer",
            format!("{} ({}), {}", text("peer"), text("helo"), said_or(text("tls"), "in clear")),
        ),
        ("from", text("sender")),
        ("size", units::show_bytes(number("bytes"))),
    ];
    let (action, mode) = (text("action"), text("mode"));
    let score = found.get("score").and_then(Value::as_f64).unwrap_or(0.0);
    facts.push(match (action.as_str(), mode.as_str()) {
        ("", _) => ("action", "not judged".to_string()),
        (_, "") => ("action", format!("{action}, score {score:.1}")),
        _ => (
            "action",
            format!("{action}, score {score:.1} (mode {mode}; in protect: {})", text("would")),
        ),
    });
    let decided_by = text("decided_by");
    let decider = if decided_by.is_empty() { String::new() } else { format!(" ({decided_by})") };
    facts.push(("why", format!("{}{decider}", text("reason"))));
    facts.push(("reply", text("reply")));
    if Action::from_word(&action).is_some() {
        facts.push((
            "took",
            format!(
                "{} ms from the final dot: {} waiting, {} opening and looking inside, {} checks, {} ms storing, {} ms at the next hop",
                number("dot_ms"),
                shown_us(number("waited_us")),
                shown_us(number("examined_us")),
                shown_us(number("checked_us")),
                number("stored_ms"),
                number("next_hop_ms"),
            ),
        ));
    }
    facts
}

fn finding(found: &Value) -> Vec<String> {
    let place = [text(found, "part"), text(found, "path")];
    let place: Vec<String> = place.into_iter().filter(|part| !part.is_empty()).collect();
    vec![
        format!("{:.1}", found.get("weight").and_then(Value::as_f64).unwrap_or(0.0)),
        text(found, "id"),
        place.join(" "),
        text(found, "because"),
    ]
}

fn recipient(found: &Value) -> Vec<String> {
    let would = text(found, "would");
    let would = if would.is_empty() { would } else { format!(" (in protect: {would})") };
    let delay_ms = number(found, "delay_ms");
    vec![
        match delay_ms {
            0..1_000 => format!("{delay_ms} ms"),
            _ => units::roughly(Duration::from_millis(delay_ms)),
        },
        text(found, "recipient"),
        text(found, "status") + &would,
        text(found, "next_hop"),
        text(found, "said"),
    ]
}

fn text(found: &Value, field: &str) -> String {
    found.get(field).and_then(Value::as_str).unwrap_or("").to_string()
}

fn number(found: &Value, field: &str) -> u64 {
    found.get(field).and_then(Value::as_u64).unwrap_or(0)
}

fn said_or(text: String, instead: &str) -> String {
    if text.is_empty() { instead.to_string() } else { text }
}

/// Microseconds as milliseconds with one decimal: the stages before the first whole millisecond are worth seeing too.
fn shown_us(micros: u64) -> String {
    format!("{}.{} ms", micros / 1_000, micros / 100 % 10)
}

impl List {
    fn run(self) -> Result<(), Failure> {
        let now = Clock::system().now();
        let span = units::parse_span(&self.since)
            .map_err(|error| Failure::BadInput(format!("--since: {error}")))?;
        let filter = TraceFilter {
            from: self.from,
            to: self.to,
            since: now.minus(span),
            action: self.action,
            would: self.would,
            organisation: self.organisation,
            rows: self.rows,
        };
        let value = desk::ask(&self.place, Request::TraceList { filter })?;
        let lines: Vec<TraceLine> =
            serde_json::from_value(value).map_err(|error| error.to_string())?;
        if self.json {
            for one in &lines {
                print::line(&serde_json::to_string(one).map_err(|error| error.to_string())?)?;
            }
            return Ok(());
        }
        if lines.is_empty() {
            return Ok(print::line(&format!("Nothing like that came within {}.", self.since))?);
        }
        let rows: Vec<Vec<String>> = lines
            .iter()
            .map(|one| {
                vec![
                    one.id.clone(),
                    units::roughly(now.since(UnixMs(one.at_ms))),
                    print::short(&one.from, 40),
                    print::short(&one.to, 40),
                    match (one.action.as_str(), one.would.as_str()) {
                        ("", _) => "not judged".to_string(),
                        (action, would) if would.is_empty() || would == action => {
                            action.to_string()
                        }
                        (action, would) => format!("{action} (would: {would})"),
                    },
                    format!("{:.1}", one.score),
                    one.decided_by.clone(),
                    print::short(&one.reply, 60),
                ]
            })
            .collect();
        Ok(print::table(
            &["id", "age", "from", "to", "action", "score", "decided by", "reply"],
            &rows,
        )?)
    }
}
