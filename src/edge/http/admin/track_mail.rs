//! "Why was this refused?" on one screen: who came, what was found and in what time, what was decided by which line of the policy, and
//! what became of it for each recipient. What stood in the mail is not in the trace, and so not here.

use super::{
    holds::in_address,
    track::{PATH, Status},
};
use crate::{
    base::{clock::UnixMs, ids::Id, limits, units},
    checks::Phrases,
    edge::{
        blocked_desk,
        http::{
            Needs, Place, Route, api,
            frame::{Frame, render, say},
            rights::Right,
            shown::about,
            site::store_is_away,
            visit::{Fields, Query, Visitor},
            words::{Moment, Wall, of_many, plain, short},
        },
    },
    learn::{campaign::CampaignId, classifier::Label},
    mail::Organisation,
    pipeline::{blocked, explain, notice},
    store::{
        held::{HeldFilter, HeldState},
        lessons::Tally,
        scope::Scope,
        trace::{BlockList, BlockedBy},
    },
    wire::{report::Language, tls::Channel},
};
use askama::Template;
use axum::{
    extract::{Path, State},
    http::StatusCode,
    response::Response,
    routing::get,
};
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;
use std::{collections::HashMap, time::Duration};

pub(in crate::edge::http) const ROUTES: &[Route] =
    &[Route::page("/trace/{id}", "one mail's whole story", Needs::Right(Right::Look), || {
        get(show)
    })];

/// A row of the trace, as one organisation has it.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub(in crate::edge::http) struct Story {
    /// The transaction.
    id: String,
    /// When MAIL came.
    at_ms: u64,
    /// "inbound" or "outbound".
    direction: String,
    /// The listener's name.
    listener: String,
    /// The client's address.
    peer: String,
    /// The client's name that leads back to its address, where the DNS was asked.
    peer_name: String,
    /// What it called itself.
    helo: String,
    /// Its TLS session; empty in clear.
    tls: String,
    /// Envelope sender.
    sender: String,
    /// Name and address in From, personal values masked.
    header_from: String,
    /// Subject, personal values masked.
    subject: String,
    /// Message-ID.
    message_id: String,
    /// The mail's size; 0 when none came.
    bytes: u64,
    /// Whose row it is.
    organisation: String,
    /// What was done; empty when it was not judged.
    action: String,
    /// "shadow" or "tag": the policy was on trial.
    mode: String,
    /// What that policy would have done in earnest.
    would: String,
    /// The score.
    #[serde(deserialize_with = "as_written")]
    #[schemars(with = "f64")]
    score: f64,
    /// The plain sentence.
    reason: String,
    /// The finding that decided.
    decided_by: String,
    /// The policy that decided.
    policy: String,
    /// The line of it that the verdict rests on.
    ground: String,
    /// What we answered last.
    reply: String,
    /// Microseconds in the line before the examiners.
    waited_us: u64,
    /// Microseconds of opening it and looking inside.
    examined_us: u64,
    /// Microseconds of checks and verdict.
    checked_us: u64,
    /// Milliseconds of making it safe here.
    stored_ms: u64,
    /// Milliseconds at the next hop.
    next_hop_ms: u64,
    /// Milliseconds from the final dot to our reply.
    dot_ms: u64,
    /// The campaign that it is a copy of; null: of none.
    campaign: Option<String>,
    /// What was found.
    findings: Vec<Seen>,
    /// What became of it, in the order in which it was written.
    recipients: Vec<Fate>,
}

/// Numbers of 32 bits were written down as if of 64.
fn as_written<'de, D: Deserializer<'de>>(from: D) -> Result<f64, D::Error> {
    f64::deserialize(from).map(api::as_written)
}

/// A finding.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
struct Seen {
    /// Its id.
    id: String,
    /// What kind of trouble.
    category: String,
    /// How much it weighs.
    #[serde(deserialize_with = "as_written")]
    #[schemars(with = "f64")]
    weight: f64,
    /// What it insists on, whatever else speaks for the mail.
    demands: Option<Value>,
    /// The part it was seen in.
    part: String,
    /// The path within archives.
    path: String,
    /// What was seen.
    because: String,
}

/// What became of one recipient.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
struct Fate {
    /// Whom.
    recipient: String,
    /// When.
    at_ms: u64,
    /// "delivered", "queued", "held", "refused", "deferred", "bounced" …
    status: String,
    /// Where it went, or empty.
    next_hop: String,
    /// The reply that decided it, ours or the next hop's.
    said: String,
    /// Milliseconds since the transaction began.
    delay_ms: u64,
    /// What a policy on trial would have done.
    would: String,
    /// The TLS session to the next hop; empty in clear.
    tls: String,
    /// The channel to the next hop, and who vouched for its server; null where none was opened.
    channel: Option<Channel>,
    /// The line of a block list that it was refused or held for.
    blocked_by: Option<BlockedBy>,
}

#[derive(Template)]
#[template(path = "trace_mail.html")]
struct TraceMailPage {
    frame: Frame,
    id: Id,
    title: String,
    /// One for each organisation that has a part in it and that the visitor may see.
    parts: Vec<Part>,
}

/// The story as one organisation has it.
struct Part {
    /// Tells this part's places on the page from those of others.
    number: usize,
    organisation: String,
    became: Status,
    reason: String,
    facts: Vec<(&'static str, String)>,
    at: Moment,
    /// What happened, in its order: a name, what it says, and how long it took.
    steps: Vec<Step>,
    attempts: Vec<Attempt>,
    findings: Vec<FindingRow>,
    helpdesk: Helpdesk,
}

#[derive(Default)]
struct Step {
    name: &'static str,
    said: String,
    /// More of it, a line each.
    more: Vec<String>,
    took: String,
    /// A page that shows more, and its name.
    link: Option<(String, &'static str)>,
}

struct Attempt {
    at: Moment,
    after: String,
    recipient: String,
    status: Status,
    next_hop: String,
    tls: String,
    said: String,
    /// Where the held mail is.
    held: Option<Id>,
}

struct FindingRow {
    id: String,
    about: String,
    category: String,
    weight: String,
    place: String,
    because: String,
    decided: bool,
    demands: bool,
}

/// What to say to whoever asks.
struct Helpdesk {
    text: String,
    /// Of the language it is in.
    code: &'static str,
    /// Codes and names of all languages, and which it is in.
    languages: Vec<(&'static str, &'static str, bool)>,
    recipients: Vec<(String, bool)>,
    /// It names a line of the recipient's own list.
    is_for_recipient: bool,
}

async fn show(
    State(site): State<Place>,
    visitor: Visitor,
    Path(id): Path<String>,
    Query(query): Query,
) -> Response {
    let Ok(id) = Id::parse(&id) else { return not_found(&site, &visitor) };
    let mut stories = match site.gateway().stores.trace.story(id, visitor.scope.clone()).await {
        Ok(stories) => stories,
        Err(error) => {
            let frame = Frame::new(&site, &visitor, "Track", PATH);
            return say(StatusCode::SERVICE_UNAVAILABLE, frame, store_is_away(&error));
        }
    };
    blocked_desk::complete(site.gateway(), &visitor.scope, &mut stories).await;
    let (mut parts, wall) = (Vec::new(), site.wall());
    let phrases = site.gateway().settings.load().phrases.clone();
    for value in &stories {
        let Ok(story) = Story::deserialize(value) else { continue };
        let held = held_of(&site, &visitor.scope, id, &story).await;
        let helpdesk = helpdesk(&site, value, &story, &query);
        let mut part = part(parts.len() + 1, &story, (&held, &wall, &phrases), helpdesk);
        part.steps.extend(said_of_it(&site, id, &story).await);
        part.steps.extend(copies_of_it(&site, &visitor.scope, &story).await);
        part.steps.extend(persons_of_it(&site, &visitor.scope, id, &story).await);
        part.steps.extend(proofs_of_it(&site, id, &story).await);
        parts.push(part);
    }
    let Some(first) = stories.first().filter(|_| !parts.is_empty()) else {
        return not_found(&site, &visitor);
    };
    let subject = first.get("subject").and_then(Value::as_str).unwrap_or("");
    let title = if subject.is_empty() { "One mail".to_string() } else { short(subject) };
    let frame = Frame::new(&site, &visitor, "Track", PATH);
    render(&TraceMailPage { frame, id, title, parts })
}

/// What is not there, and what is somebody else's, are answered alike.
fn not_found(site: &Place, visitor: &Visitor) -> Response {
    let frame = Frame::new(site, visitor, "Not found", PATH);
    say(StatusCode::NOT_FOUND, frame, "There is no such mail in the trace.")
}

/// The held mails of this transaction, by recipient. They are looked for where they must lie: about the time at which the trace says that
/// they were held. Without them the page has no links.
async fn held_of(site: &Place, scope: &Scope, id: Id, story: &Story) -> HashMap<String, Id> {
    let mut found = HashMap::new();
    let held =
        story.recipients.iter().filter(|row| row.next_hop == "quarantine" || row.status == "held");
    let times = held.map(|row| row.at_ms);
    let Some((first, last)) = times.fold(None, |ends: Option<(u64, u64)>, at| {
        Some(ends.map_or((at, at), |(first, last)| (first.min(at), last.max(at))))
    }) else {
        return found;
    };
    let filter = HeldFilter {
        states: HeldState::ALL.to_vec(),
        since: Some(UnixMs(first).minus(limits::TRACE_HELD_APART_MAX)),
        until: Some(UnixMs(last).plus(limits::TRACE_HELD_APART_MAX)),
        ..HeldFilter::first(limits::LIST_ROWS_DEFAULT)
    };
    match site.gateway().stores.quarantine.search(scope, filter).await {
        Ok(page) => {
            let own = page.held.into_iter().filter(|held| {
                held.transaction == id && held.organisation.name() == story.organisation
            });
            found.extend(own.map(|held| (held.recipient.to_string().to_lowercase(), held.id)));
        }
        Err(error) => tracing::warn!(%error, "a held mail could not be looked for"),
    }
    found
}

fn helpdesk(site: &Place, value: &Value, story: &Story, query: &Fields) -> Helpdesk {
    let settings = site.gateway().settings.load();
    let organisation = Organisation::parse(&story.organisation).ok();
    let own = organisation.map(|organisation| notice::language_of(&settings, &organisation));
    let language = Language::parse(query.get("language")).or(own).unwrap_or_default();
    let mut recipients: Vec<String> = Vec::new();
    for row in story.recipients.iter().take(limits::WEB_PAGE_ROWS) {
        if !recipients.contains(&row.recipient) {
            recipients.push(row.recipient.clone());
        }
    }
    let asked = recipients.iter().find(|one| one.as_str() == query.get("recipient"));
    let recipient = asked.or(recipients.first()).cloned().unwrap_or_default();
    let text = explain::explain(value, Some(&recipient), language).unwrap_or_default();
    let is_for_recipient = explain::names_own_list(value, &recipient);
    let languages = Language::ALL.map(|one| (one.code(), name(one), one == language));
    let chosen = |one: String| {
        let is_it = one == recipient;
        (one, is_it)
    };
    Helpdesk {
        text,
        code: language.code(),
        languages: languages.to_vec(),
        recipients: recipients.into_iter().map(chosen).collect(),
        is_for_recipient,
    }
}

fn part(
    number: usize,
    story: &Story,
    (held, wall, phrases): (&HashMap<String, Id>, &Wall, &Phrases),
    helpdesk: Helpdesk,
) -> Part {
    let last = story.recipients.last();
    let became = match (last, story.action.as_str()) {
        (Some(last), _) if story.recipients.iter().all(|row| row.status == last.status) => {
            Status::of(&last.status)
        }
        (Some(_) | None, action) => Status::decided(action),
    };
    Part {
        number,
        organisation: story.organisation.clone(),
        became,
        reason: plain(&story.reason),
        facts: facts(story),
        at: Moment::of(wall, UnixMs(story.at_ms)),
        steps: steps(story),
        attempts: story
            .recipients
            .iter()
            .take(limits::WEB_PAGE_ROWS)
            .map(|row| attempt(row, held, wall))
            .collect(),
        findings: findings(story, phrases),
        helpdesk,
    }
}

fn facts(story: &Story) -> Vec<(&'static str, String)> {
    let sender = if story.sender.is_empty() { "<> (no sender: a notice)" } else { &story.sender };
    let mut facts = vec![
        ("envelope sender", plain(sender)),
        ("From", plain(&story.header_from)),
        ("Message-ID", short(&story.message_id)),
        ("size", if story.bytes == 0 { String::new() } else { units::roughly_bytes(story.bytes) }),
        ("direction", format!("{}, listener {}", story.direction, story.listener)),
    ];
    facts.retain(|(_, told)| !told.is_empty());
    facts
}

/// What happened, in its order. What a mail did not come to is left out.
fn steps(story: &Story) -> Vec<Step> {
    let judged = !story.action.is_empty();
    let mut steps = vec![connection(story)];
    if judged {
        steps.push(looked(story));
        steps.push(verdict(story));
    } else if !story.reason.is_empty() && lines(story, false).is_empty() {
        let said = format!("turned away before it was judged: {}", plain(&story.reason));
        steps.push(Step { name: "Admission", said, ..Step::default() });
    }
    steps.extend(on_a_list(story));
    let mut more = Vec::new();
    if story.stored_ms > 0 {
        more.push(format!("{} ms to store it safely", story.stored_ms));
    }
    if story.next_hop_ms > 0 {
        more.push(format!("{} ms at the next hop", story.next_hop_ms));
    }
    steps.push(Step {
        name: "Our reply",
        said: if story.reply.is_empty() { "none".to_string() } else { plain(&story.reply) },
        more,
        took: match story.dot_ms {
            0 => String::new(),
            dot_ms => format!("{dot_ms} ms after the final dot"),
        },
        link: None,
    });
    steps
}

/// What people, and its kind, have said of what it is.
async fn said_of_it(site: &Place, id: Id, story: &Story) -> Option<Step> {
    let organisation = Organisation::parse(&story.organisation).ok()?;
    let said = site.gateway().stores.lessons.tally_of(&organisation, id.into()).await;
    // Whether it was also learned is no reason to show nothing of a mail.
    taught(&said.ok()?)
}

/// Those who stand in it and elsewhere too, for whoever sees all that the organisation has.
async fn persons_of_it(site: &Place, scope: &Scope, id: Id, story: &Story) -> Option<Step> {
    let organisation = Organisation::parse(&story.organisation).ok()?;
    if !matches!(scope, Scope::Everything | Scope::Organisation(_)) {
        return None;
    }
    // That they could not be counted is no reason to show nothing of a mail.
    let again = site.gateway().stores.trace.persons_again(id, organisation).await.ok()??;
    let count = |count| usize::try_from(count).unwrap_or(usize::MAX);
    if again.mails == 0 {
        let said = "nobody who stands in it stands in another mail, as far as the marks reach";
        return Some(Step { name: "Persons", said: said.to_string(), ..Step::default() });
    }
    let said = format!(
        "{} of it in {} too",
        of_many(count(again.persons), "person", "persons"),
        of_many(count(again.mails), "other mail", "other mails"),
    );
    let link = Some((format!("{PATH}?same_person_as={id}"), "Show them"));
    Some(Step { name: "Persons", said, link, ..Step::default() })
}

/// The campaign that it is a copy of, where more came of it, as far as the visitor may see that.
async fn copies_of_it(site: &Place, scope: &Scope, story: &Story) -> Option<Step> {
    let id = story.campaign.as_ref()?.parse::<CampaignId>().ok()?;
    let found = site.gateway().stores.trace.campaign_line(scope.clone(), id).await;
    // That there are copies is no reason to show nothing of a mail.
    let line = found.ok()??;
    let more = usize::try_from(line.copies.saturating_sub(1)).unwrap_or(usize::MAX);
    if more == 0 && line.bad.is_none() {
        return None;
    }
    let said = format!(
        "{} like it; of all {} delivered, {} held, {} refused",
        of_many(more, "more mail", "more mails"),
        line.delivered,
        line.held,
        line.refused
    );
    let bad = line.bad.map(|bad| format!("known to be bad: a copy of it {}", bad.said()));
    Some(Step {
        name: "Campaign",
        said,
        more: bad.into_iter().collect(),
        link: Some((format!("/campaigns/{id}"), "Show the campaign")),
        ..Step::default()
    })
}

/// That its way is on record, signed.
async fn proofs_of_it(site: &Place, id: Id, story: &Story) -> Option<Step> {
    let organisation = Organisation::parse(&story.organisation).ok()?;
    let count = site.gateway().stores.proofs.count(id, organisation).await.ok()?;
    let count = usize::try_from(count).unwrap_or(usize::MAX);
    (count > 0).then(|| Step {
        name: "Proof",
        said: format!("{} of its way, signed", of_many(count, "record", "records")),
        link: Some((format!("/proof/{id}"), "Show the sheet")),
        ..Step::default()
    })
}

fn taught(said: &[Tally]) -> Option<Step> {
    let lines = said.iter().map(|one| {
        let what = match one.label {
            Label::Spam => "spam",
            Label::Ham => "wanted mail",
        };
        let times =
            if one.lessons > 1 { format!(", {} times", one.lessons) } else { String::new() };
        format!("{what}: {}{times} ({})", one.teacher.said(), one.standing.said())
    });
    let mut lines = lines.collect::<Vec<String>>().into_iter();
    let said = lines.next()?;
    Some(Step { name: "Taught", said, more: lines.collect(), ..Step::default() })
}

/// Recipients that were refused since the sender is on a list of ours.
fn on_a_list(story: &Story) -> Option<Step> {
    let lines = lines(story, false);
    let first = *lines.first()?;
    let more: Vec<String> = lines.iter().flat_map(|line| blocked::in_words(line)).collect();
    let may_be_shown = !first.place.is_empty();
    Some(Step {
        name: "Admission",
        said: "turned away before it was judged: the sender is on a block list".to_string(),
        more: more.iter().map(|line| plain(line)).collect(),
        took: String::new(),
        link: may_be_shown.then(|| {
            let wanted = in_address(&first.entry);
            (format!("/policy/lists?q={wanted}"), "Show the line")
        }),
    })
}

/// The lines of block lists that it was refused for, or those of the recipients' own that it is held for; each once.
fn lines(story: &Story, own: bool) -> Vec<&BlockedBy> {
    let mut lines: Vec<&BlockedBy> = Vec::new();
    let all = story.recipients.iter().filter_map(|row| row.blocked_by.as_ref());
    for line in all.filter(|line| (line.list == BlockList::Own) == own) {
        if !lines.contains(&line) && lines.len() < limits::TRACE_LINE_RECIPIENTS_MAX {
            lines.push(line);
        }
    }
    lines
}

fn connection(story: &Story) -> Step {
    let name =
        if story.peer_name.is_empty() { "a host without a proven name" } else { &story.peer_name };
    let tls = if story.tls.is_empty() { "in clear" } else { &story.tls };
    Step {
        name: "Connection",
        said: format!("{} ({})", plain(&story.peer), plain(name)),
        more: vec![format!("called itself {}", plain(&story.helo)), plain(tls)],
        ..Step::default()
    }
}

fn looked(story: &Story) -> Step {
    let mut more = Vec::new();
    if story.waited_us >= 100 {
        more.push(format!("{} in the line before that", shown_us(story.waited_us)));
    }
    let count = of_many(story.findings.len(), "finding", "findings");
    Step {
        name: "Checks",
        said: count,
        more,
        took: format!(
            "{} to open it and look inside, {} for the checks",
            shown_us(story.examined_us),
            shown_us(story.checked_us)
        ),
        link: None,
    }
}

fn verdict(story: &Story) -> Step {
    let mut more = Vec::new();
    if !story.policy.is_empty() {
        let line =
            if story.ground.is_empty() { String::new() } else { format!(": {}", story.ground) };
        more.push(format!("policy {}{}", plain(&story.policy), plain(&line)));
    }
    if !story.decided_by.is_empty() {
        more.push(format!("decided by {}", story.decided_by));
    }
    if !story.mode.is_empty() {
        more.push(format!(
            "the policy is on trial (mode {}); in earnest: {}",
            story.mode, story.would
        ));
    }
    let own = lines(story, true).into_iter().flat_map(blocked::in_words);
    more.extend(own.map(|line| plain(&line)));
    Step {
        name: "Verdict",
        said: format!("{}, score {:.1}. {}", story.action, story.score, plain(&story.reason)),
        more,
        ..Step::default()
    }
}

fn attempt(row: &Fate, held: &HashMap<String, Id>, wall: &Wall) -> Attempt {
    let mut status = Status::of(&row.status);
    if !row.would.is_empty() {
        status.word = format!("{} (in earnest: {})", status.word, plain(&row.would));
    }
    Attempt {
        at: Moment::of(wall, UnixMs(row.at_ms)),
        after: match row.delay_ms {
            0..1_000 => format!("{} ms", row.delay_ms),
            longer => units::roughly(Duration::from_millis(longer)),
        },
        recipient: plain(&row.recipient),
        status,
        next_hop: plain(&row.next_hop),
        tls: match (&row.channel, row.tls.is_empty(), went_out(row)) {
            (Some(channel), _, _) => plain(&channel.words()),
            (None, true, true) => "in clear".to_string(),
            (None, true, false) => String::new(),
            (None, false, _) => plain(&row.tls),
        },
        said: plain(&row.said),
        held: held.get(&row.recipient.to_lowercase()).copied(),
    }
}

/// Was a next hop spoken to?
fn went_out(row: &Fate) -> bool {
    !matches!(row.next_hop.as_str(), "" | "quarantine" | "spool")
        && matches!(row.status.as_str(), "delivered" | "relayed")
}

/// The one that decided first, then by weight.
fn findings(story: &Story, phrases: &Phrases) -> Vec<FindingRow> {
    let mut seen: Vec<&Seen> = story.findings.iter().collect();
    seen.sort_by(|a, b| {
        let decided = |one: &Seen| one.id == story.decided_by;
        decided(b).cmp(&decided(a)).then(b.weight.total_cmp(&a.weight))
    });
    let row = |one: &Seen| {
        let place: Vec<String> = [&one.part, &one.path]
            .into_iter()
            .filter(|text| !text.is_empty())
            .map(|text| short(text))
            .collect();
        FindingRow {
            id: plain(&one.id),
            about: about(&one.id, phrases),
            category: one.category.clone(),
            weight: format!("{:.1}", one.weight),
            place: place.join(" "),
            because: plain(&one.because),
            decided: one.id == story.decided_by,
            demands: one.demands.is_some(),
        }
    };
    seen.into_iter().take(limits::LIST_ROWS_DEFAULT).map(row).collect()
}

/// A language in its own words, as its readers look for it.
fn name(language: Language) -> &'static str {
    match language {
        Language::En => "English",
        Language::Sv => "svenska",
        Language::Fi => "suomi",
        Language::Nb => "norsk",
        Language::Da => "dansk",
    }
}

/// Microseconds as milliseconds with one decimal.
fn shown_us(micros: u64) -> String {
    format!("{}.{} ms", micros / 1_000, micros / 100 % 10)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        base::local::Zone,
        store::lessons::{Standing, Teacher},
    };
    use serde_json::json;

    fn story(value: Value) -> Story {
        Story::deserialize(value).unwrap()
    }

    #[test]
    fn what_a_mail_did_not_come_to_is_left_out() {
        let names = |story: &Story| steps(story).iter().map(|step| step.name).collect::<Vec<_>>();
        let early =
            story(json!({ "reason": "the sender's domain takes no mail", "reply": "550 5.7.1 x" }));
        assert_eq!(names(&early), ["Connection", "Admission", "Our reply"]);
        // On a list of ours: which, beside whatever became of the other recipients.
        let line = json!([{ "blocked_by": { "list": "site", "entry": "bad.example", "place": "the configuration file" } }]);
        for action in ["", "deliver"] {
            let listed = story(json!({ "action": action, "reason": "x", "recipients": line }));
            let all = steps(&listed);
            let step = all.iter().find(|step| step.name == "Admission").unwrap();
            assert!(
                step.more[0].starts_with("bad.example is on the block list"),
                "{:?}",
                step.more
            );
            assert_eq!(step.link.as_ref().unwrap().0, "/policy/lists?q=bad.example");
        }
        let judged = story(json!({
            "action": "reject", "policy": "default", "ground": "reject = 15.0", "decided_by": "phrase.x", "mode": "tag", "would": "reject",
        }));
        assert_eq!(names(&judged), ["Connection", "Checks", "Verdict", "Our reply"]);
        let verdict = verdict(&judged);
        assert_eq!(verdict.more[..2], ["policy default: reject = 15.0", "decided by phrase.x"]);
        assert!(verdict.more[2].contains("mode tag"), "{:?}", verdict.more);
    }

    #[test]
    fn what_decided_comes_first_and_says_what_it_is_about() {
        let judged = story(json!({
            "decided_by": "spf.fail",
            "findings": [
                { "id": "x.heavy", "weight": 9.0 }, { "id": "spf.fail", "weight": 1.0, "because": "a\nb" }, { "id": "x.light" },
            ],
        }));
        let rows = findings(&judged, &Phrases::default());
        let ids: Vec<&str> = rows.iter().map(|row| row.id.as_str()).collect();
        assert_eq!(ids, ["spf.fail", "x.heavy", "x.light"]);
        assert!(rows[0].decided && !rows[0].about.is_empty() && rows[0].because == "a·b");
        assert!(rows.iter().all(|row| !row.about.is_empty()));
    }

    #[test]
    fn what_was_said_of_a_mail_stands_with_it() {
        assert!(taught(&[]).is_none());
        let tally = |label, standing, lessons| Tally {
            teacher: Teacher::Reported,
            label,
            standing,
            lessons,
        };
        let said =
            [tally(Label::Ham, Standing::Overruled, 1), tally(Label::Spam, Standing::Counts, 2)];
        let step = taught(&said).unwrap();
        assert!(
            step.said.starts_with("wanted mail: recipients, by junk folder or report (overruled")
        );
        assert_eq!(step.more, ["spam: recipients, by junk folder or report, 2 times (learned)"]);
    }

    #[test]
    fn clear_is_said_of_what_went_out_alone() {
        let wall = Wall::new(Zone::utc(), UnixMs(0));
        let tls = |next_hop: &str, status: &str| {
            let row = Fate {
                next_hop: next_hop.to_string(),
                status: status.to_string(),
                ..Fate::default()
            };
            attempt(&row, &HashMap::new(), &wall).tls
        };
        assert_eq!(tls("mx [192.0.2.5]:25", "delivered"), "in clear");
        assert_eq!((tls("quarantine", "held"), tls("", "refused")), (String::new(), String::new()));
    }
}
