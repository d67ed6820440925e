//! `sluss quarantine`: look at what is held, let it go, destroy it.

use super::{Failure, Place, desk, look::Look, print};
use crate::{
    base::{
        clock::{Clock, UnixMs},
        ids::Id,
        limits, units,
    },
    edge::control::Request,
    learn::likeness::Likeness,
    pipeline::release::{Danger, Review},
    store::held::{Cursor, Held, HeldFilter, HeldState, Page},
};
use clap::{Args, Subcommand};
use std::{
    io::{self, Write},
    process::ExitCode,
};

#[derive(Debug, Args)]
pub(super) struct Quarantine {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// List what is held, newest first.
    #[command(
        after_help = "Examples:\n  sluss quarantine list\n  sluss quarantine list --recipient anna@ --category phish --since \"2 days\" --json\n  sluss quarantine list --text \"faktura acme\" --finding dmarc\n  sluss quarantine list --state rejected"
    )]
    List {
        #[command(flatten)]
        place: Place,
        #[command(flatten)]
        filter: Box<Filters>,
        /// JSON, one object a line.
        #[arg(long)]
        json: bool,
    },
    /// Show everything about one held mail, as JSON; or what is inside it: --text, --part, --html, --content.
    #[command(
        after_help = "Examples:\n  sluss quarantine show 01K9ZQ4T6X8M4V0R2S5W7Y9ABC\n  sluss quarantine show --content --reason \"she asked by telephone\" 01K9ZQ4T6X8M4V0R2S5W7Y9ABC > mail.eml\n  sluss quarantine show --text 01K9ZQ4T6X8M4V0R2S5W7Y9ABC\n  sluss quarantine show --html page.html 01K9ZQ4T6X8M4V0R2S5W7Y9ABC\n  sluss quarantine show --part 3 --out part.zip --zip infected 01K9ZQ4T6X8M4V0R2S5W7Y9ABC"
    )]
    Show {
        #[command(flatten)]
        place: Place,
        /// The id in the first column of the list.
        id: Id,
        /// Write the mail itself to standard output. That it was opened is in the audit log.
        #[arg(long)]
        content: bool,
        /// Why, for the audit log.
        #[arg(long, value_name = "TEXT")]
        reason: Option<String>,
        #[command(flatten)]
        look: Look,
    },
    /// Deliver held mails, or kept copies of refused ones, to their recipients, unaltered but for a signed X-Sluss-Released field. Doing it
    /// twice delivers once. Each is looked at again before; a dangerous one needs --reviewed.
    #[command(
        after_help = "Examples:\n  sluss quarantine release 01K9ZQ4T6X8M4V0R2S5W7Y9ABC\n  sluss quarantine release --reviewed \"asked the sender by telephone\" 01K9ZQ4T6X8M4V0R2S5W7Y9ABC"
    )]
    Release {
        #[command(flatten)]
        place: Place,
        /// Somebody has looked at what is in it, and it may go although it is of a dangerous kind: why.
        #[arg(long, value_name = "WHY")]
        reviewed: Option<String>,
        /// Even if it is malware.
        #[arg(long, requires = "reviewed")]
        malware: bool,
        /// Ids from the list.
        #[arg(required = true)]
        ids: Vec<Id>,
        /// Why, for the audit log.
        #[arg(long, value_name = "TEXT")]
        reason: Option<String>,
    },
    /// Destroy held mails with their keys. They cannot be got back.
    #[command(after_help = "Example:\n  sluss quarantine delete 01K9ZQ4T6X8M4V0R2S5W7Y9ABC")]
    Delete {
        #[command(flatten)]
        place: Place,
        /// Ids from the list.
        #[arg(required = true)]
        ids: Vec<Id>,
        /// Why, for the audit log.
        #[arg(long, value_name = "TEXT")]
        reason: Option<String>,
    },
}

#[derive(Debug, Args)]
struct Filters {
    /// Whose: the name of an organisation.
    #[arg(long)]
    organisation: Option<String>,
    /// Words that all stand in subject, sender, recipient or the names of attachments; parts of words will do.
    #[arg(long)]
    text: Option<String>,
    /// Part of the sender's address or name.
    #[arg(long)]
    sender: Option<String>,
    /// Part of the recipient's address.
    #[arg(long)]
    recipient: Option<String>,
    /// Part of the subject.
    #[arg(long)]
    subject: Option<String>,
    /// Part of the name of an attachment.
    #[arg(long)]
    attachment: Option<String>,
    /// The id of a finding, or its beginning: dmarc.reject, or dmarc for all of them.
    #[arg(long)]
    finding: Option<String>,
    /// virus, phish, spam, policy, auth, format, privacy, transport or bulk.
    #[arg(long)]
    category: Option<String>,
    /// inbound or outbound.
    #[arg(long)]
    direction: Option<String>,
    /// Held within this time: "2 hours", "7 days".
    #[arg(long)]
    since: Option<String>,
    /// Held before this time: "2 days".
    #[arg(long)]
    until: Option<String>,
    /// In this state: held, rejected (copies of what was refused), released, seen or deleted. May be given several times.
    #[arg(long, value_parser = a_state)]
    state: Vec<HeldState>,
    /// Released ones and those that were put aside too.
    #[arg(long, conflicts_with = "state")]
    all: bool,
    /// Only those of this group of alike mails: the `likeness` that `show` prints.
    #[arg(long)]
    likeness: Option<Likeness>,
    /// What is alike the mail with this id, in any state; other filters are not looked at.
    #[arg(long, value_name = "ID")]
    alike: Option<Id>,
    /// The copies of a refused mail, by the code that its sender was told; other filters are not looked at.
    #[arg(long, conflicts_with = "alike")]
    code: Option<String>,
    /// Go on where the last list ended: the number that it printed.
    #[arg(long, allow_negative_numbers = true)]
    after: Option<i64>,
    /// At most this many.
    #[arg(long, default_value_t = limits::LIST_ROWS_DEFAULT)]
    rows: usize,
}

impl Quarantine {
    pub(super) fn run(self) -> Result<ExitCode, Failure> {
        match self.verb {
            Verb::List { place, filter, json } => list(&place, *filter, json)?,
            Verb::Show { place, id, content, reason, look } => {
                if !look.at(&place, id, reason.clone())? {
                    show(&place, id, content, reason)?;
                }
            }
            Verb::Release { place, reviewed, malware, ids, reason } => {
                let knowing = if malware { Danger::Malware } else { Danger::Suspect };
                // A review is a reason.
                let reason = reason.or_else(|| reviewed.clone());
                let review = reviewed.map(|why| Review { why, knowing });
                let request = Request::QuarantineRelease { ids, review };
                let value = desk::ask_because(&place, request, reason)?;
                for one in value.as_array().into_iter().flatten() {
                    let text = |field: &str| {
                        one.get(field).and_then(serde_json::Value::as_str).unwrap_or("").to_string()
                    };
                    print::line(&format!("{}: {}", text("id"), text("outcome")))?;
                }
            }
            Verb::Delete { place, ids, reason } => {
                let request = Request::QuarantineDelete { ids };
                let value = desk::ask_because(&place, request, reason)?;
                print::line(&format!(
                    "deleted: {}",
                    value.get("deleted").unwrap_or(&serde_json::Value::Null)
                ))?;
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn a_state(word: &str) -> Result<HeldState, String> {
    HeldState::from_word(word)
        .ok_or_else(|| "held, rejected, released, seen or deleted is expected".to_string())
}

impl Filters {
    fn read(self, now: UnixMs) -> Result<HeldFilter, Failure> {
        let ago = |flag: &str, text: &Option<String>| {
            let span = text.as_deref().map(units::parse_span).transpose();
            let span = span.map_err(|error| Failure::BadInput(format!("{flag}: {error}")))?;
            Ok::<Option<UnixMs>, Failure>(span.map(|span| now.minus(span)))
        };
        let states = match self.all {
            true => vec![HeldState::Held, HeldState::Released, HeldState::Seen],
            false => self.state,
        };
        Ok(HeldFilter {
            organisation: self.organisation,
            since: ago("--since", &self.since)?,
            until: ago("--until", &self.until)?,
            text: self.text,
            sender: self.sender,
            recipient: self.recipient,
            subject: self.subject,
            attachment: self.attachment,
            category: self.category,
            finding: self.finding,
            direction: self.direction,
            states,
            likeness: self.likeness,
            cursor: self.after.map(Cursor),
            rows: self.rows,
            ..HeldFilter::default()
        })
    }
}

fn list(place: &Place, filters: Filters, json: bool) -> Result<(), Failure> {
    let now = Clock::system().now();
    let request = match (filters.alike, &filters.code) {
        (Some(id), _) => Request::QuarantineAlike { id, rows: filters.rows },
        (None, Some(code)) => Request::QuarantineByCode { code: code.clone() },
        (None, None) => Request::QuarantineList { filter: Box::new(filters.read(now)?) },
    };
    let value = desk::ask(place, request)?;
    let page: Page = serde_json::from_value(value).map_err(|error| error.to_string())?;
    if json {
        for one in &page.held {
            print::line(&serde_json::to_string(one).map_err(|error| error.to_string())?)?;
        }
    } else if page.held.is_empty() {
        print::line("Nothing is held.")?;
    } else {
        table(&page.held, now)?;
    }
    if let (Some(Cursor(next)), false) = (page.next, json) {
        print::line(&format!("There are more: --after {next}"))?;
    }
    Ok(())
}

fn table(held: &[Held], now: UnixMs) -> Result<(), Failure> {
    let rows: Vec<Vec<String>> = held
        .iter()
        .map(|one| {
            vec![
                one.id.to_string(),
                units::roughly(now.since(one.held_at)),
                print::short(&one.from, 40),
                one.recipient.to_string(),
                print::short(&one.subject, 50),
                one.categories.first().map_or("", |category| category.word()).to_string(),
                format!("{:.1}", one.score),
                print::short(&one.reason, 60),
            ]
        })
        .collect();
    Ok(print::table(&["id", "age", "from", "to", "subject", "kind", "score", "why"], &rows)?)
}

fn show(place: &Place, id: Id, content: bool, reason: Option<String>) -> Result<(), Failure> {
    let value = desk::ask_because(place, Request::QuarantineShow { id, content }, reason)?;
    if !content {
        let text = serde_json::to_string_pretty(&value).map_err(|error| error.to_string())?;
        return Ok(print::line(&text)?);
    }
    let encoded = value.get("content_base64").and_then(serde_json::Value::as_str).unwrap_or("");
    let bytes =
        data_encoding::BASE64.decode(encoded.as_bytes()).map_err(|error| error.to_string())?;
    io::stdout().write_all(&bytes).map_err(|error| Failure::Failed(error.to_string()))
}
