//! `sluss trace`: one mail's whole story, or the mails that match. What was in a mail is not in the trace.

use super::{Failure, Place, desk, print, unseen};
use crate::{
    base::{
        clock::{Clock, UnixMs},
        ids::Id,
        limits, units,
    },
    config::policy::Action,
    edge::control::{Number, Request},
    pipeline::{blocked, explain},
    store::trace::{OfPersons, TraceLine, TraceQuery},
    wire::{date, report::Language, tls::Channel},
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
        after_help = "Examples:\n  sluss trace show 01K9ZQ4T6X8M4V0R2S5W7Y9ABC\n  sluss trace show --json 01K9ZQ4T6X8M4V0R2S5W7Y9ABC\n  sluss trace show --explain sv 01K9ZQ4T6X8M4V0R2S5W7Y9ABC"
    )]
    Show(Show),
    /// Transactions, newest first.
    #[command(
        after_help = "Examples:\n  sluss trace list --from news@shop.example --since \"12 hours\"\n  sluss trace list --to anna@ours.example --action quarantine --json\n  sluss trace list --client 192.0.2.0/24 --finding \"phrase.*\"\n  sluss trace list invoice hamnen --direction inbound\n  sluss trace list --person --since \"90 days\" < number"
    )]
    List(Box<List>),
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
    /// In a few sentences for whoever asks, to be copied: en, sv, fi, nb or da.
    #[arg(long, value_name = "LANGUAGE", value_parser = language, conflicts_with = "json")]
    explain: Option<Language>,
    /// What became of it for this recipient; without it, for the first.
    #[arg(long, value_name = "ADDRESS", requires = "explain")]
    recipient: Option<String>,
}

fn language(code: &str) -> Result<Language, String> {
    Language::parse(code).ok_or_else(|| "we have words in en, sv, fi, nb and da".to_string())
}

#[derive(Debug, Args)]
struct List {
    #[command(flatten)]
    place: Place,
    /// Words that are anywhere: addresses, From, subject, Message-ID, client, replies. Or an id.
    text: Vec<String>,
    /// Part of the envelope sender or of From, from the beginning of a word: "anna@", "shop.example".
    #[arg(long)]
    from: Option<String>,
    /// Part of a recipient, from the beginning of a word.
    #[arg(long)]
    to: Option<String>,
    /// Words of the subject.
    #[arg(long)]
    subject: Option<String>,
    /// Part of the Message-ID.
    #[arg(long)]
    message_id: Option<String>,
    /// The client's address or network.
    #[arg(long, value_parser = network)]
    client: Option<ipnet::IpNet>,
    /// Part of a reply, ours or a next hop's, its queue id for one.
    #[arg(long)]
    reply: Option<String>,
    /// With this finding; "phrase.*": one that begins so.
    #[arg(long)]
    finding: Option<String>,
    /// Which way.
    #[arg(long, value_parser = ["inbound", "outbound"])]
    direction: Option<String>,
    /// Not within this time, but before it: "1 hour".
    #[arg(long, value_name = "SPAN")]
    until: Option<String>,
    /// The next page: older than the line of this number (--json shows it).
    #[arg(long, value_name = "NUMBER")]
    before: Option<u64>,
    /// Within this time: "2 hours", "30 days".
    #[arg(long, default_value = "7 days")]
    since: String,
    /// What was done: deliver, mark, defer, quarantine or reject; none for what was refused before it was judged; released or deleted for what
    /// became of a held one.
    #[arg(long, value_parser = ["deliver", "mark", "defer", "quarantine", "reject", "none", "released", "deleted"])]
    action: Option<String>,
    /// What a policy in shadow or tag mode would have done.
    #[arg(long, value_parser = ["deliver", "mark", "defer", "quarantine", "reject"])]
    would: Option<String>,
    /// Of this organisation only.
    #[arg(long, value_name = "NAME")]
    organisation: Option<String>,
    /// With a person of this mail, where the organisation has its mail marked: those that came under the same 30 days' key.
    #[arg(long, value_name = "ID", conflicts_with = "person")]
    same_person_as: Option<Id>,
    /// In which this person stands: his number is asked for, or read from the input, as it would stand in a mail ("CPR 010190-1234"). The audit log
    /// says that it was asked, and not whom.
    #[arg(long)]
    person: bool,
    /// At most this many.
    #[arg(long, default_value_t = limits::LIST_ROWS_DEFAULT)]
    rows: usize,
    /// JSON, one object a line.
    #[arg(long)]
    json: bool,
}

fn network(text: &str) -> Result<ipnet::IpNet, String> {
    let address = text.parse::<std::net::IpAddr>().map(ipnet::IpNet::from);
    address
        .or_else(|_| text.parse())
        .map_err(|_| "an address or a network is expected, as in 192.0.2.0/24".to_string())
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
        if let Some(language) = self.explain {
            let mut parts = found.as_array().into_iter().flatten();
            let told =
                parts.find_map(|part| explain::explain(part, self.recipient.as_deref(), language));
            let nobody = || Failure::Failed("it has no such recipient".to_string());
            return Ok(print::line(&told.ok_or_else(nobody)?)?);
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
    let channels: Vec<Vec<String>> = list("recipients").iter().filter_map(channel).collect();
    if !channels.is_empty() {
        print::line("\nChannels")?;
        print::table(&["recipient", "over"], &channels)?;
    }
    Ok(())
}

/// Over what channel a mail went to a recipient's server, and who vouched for that.
fn channel(found: &Value) -> Option<Vec<String>> {
    let channel: Channel = serde_json::from_value(found.get("channel")?.clone()).ok()?;
    Some(vec![text(found, "recipient"), channel.words()])
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
            format!(
                "{}{} ({}), {}",
                text("peer"),
                before(" ", text("peer_name")),
                text("helo"),
                said_or(text("tls"), "in clear")
            ),
        ),
        ("from", format!("{}{}", text("sender"), before("; From: ", text("header_from")))),
        ("subject", text("subject")),
        ("message id", text("message_id")),
        ("size", units::roughly_bytes(number("bytes"))),
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
    if !text("policy").is_empty() {
        let line = before(": ", text("ground"));
        facts.push(("policy", format!("{}{line}", text("policy"))));
    }
    facts.extend(blocked::lines_of(found).into_iter().map(|line| ("blocked by", line)));
    facts.retain(|(_, told)| !told.is_empty());
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
        format!("{}{}", text(found, "next_hop"), before(", ", text(found, "tls"))),
        text(found, "said"),
    ]
}

fn text(found: &Value, field: &str) -> String {
    found.get(field).and_then(Value::as_str).unwrap_or("").to_string()
}

fn number(found: &Value, field: &str) -> u64 {
    found.get(field).and_then(Value::as_u64).unwrap_or(0)
}

/// A text behind what leads to it, or nothing.
fn before(lead: &str, text: String) -> String {
    if text.is_empty() { text } else { format!("{lead}{text}") }
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
        let until = self.until.as_deref().map(units::parse_span).transpose();
        let until = until.map_err(|error| Failure::BadInput(format!("--until: {error}")))?;
        let text = self.text.join(" ");
        let filter = TraceQuery {
            text: (!text.is_empty()).then_some(text),
            sender: self.from,
            recipient: self.to,
            subject: self.subject,
            message_id: self.message_id,
            client: self.client,
            reply: self.reply,
            finding: self.finding,
            direction: self.direction,
            until: until.map(|span| now.minus(span)),
            before: self.before,
            since: now.minus(span),
            action: self.action,
            would: self.would,
            organisation: self.organisation,
            persons: self.same_person_as.map(OfPersons::SameAs),
            rows: self.rows,
        };
        let person = self.person.then(|| unseen::line("number of a person", "Number: "));
        let person = person.transpose().map_err(|error| Failure::BadInput(error.to_string()))?;
        let person = person.map(|number| Number(number.expose().clone()));
        let value =
            desk::ask(&self.place, Request::TraceList { filter: Box::new(filter), person })?;
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
                    print::short(&one.subject, 40),
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
            &["id", "age", "from", "to", "subject", "action", "score", "decided by", "reply"],
            &rows,
        )?)
    }
}
