//! `sluss scan`: judge mails from files without a server. Changes nothing. Asks ClamAV where one is configured, and the DNS
//! about a client that is named.

use super::{
    Failure, Place, in_order,
    mail_files::{find_files, read},
    print,
};
use crate::{
    base::{
        clock::{Clock, Tick},
        ids::Id,
    },
    checks::{Demand, Finding},
    config::policy::{Action, Category, Policy},
    examine::{Contents, Encryption, Reveal},
    facts::{Facts, Known, dns::Dns},
    mail::{
        Address, Direction, Envelope, Header, Peer, Recipient, ReversePath, TlsSession,
        header::TooLarge,
    },
    pipeline::{
        judge::{self, Came, Judged, Judgement, Unjudged},
        own_lists::OwnWords,
        plain_reason::PlainReason,
        settings::Settings,
    },
    store::trace::Took,
    verdict::{self, Verdict, rules::Held},
    wire::{auth::dkim, report::Language, smtp::replies, words::Words},
};
use bytes::Bytes;
use clap::{Args, ValueEnum};
use serde_json::{Value, json};
use std::{
    net::IpAddr,
    path::{Path, PathBuf},
    process::ExitCode,
    sync::Arc,
};

#[derive(Debug, Args)]
pub(super) struct Scan {
    #[command(flatten)]
    place: Place,
    /// One JSON object a line.
    #[arg(long)]
    json: bool,
    /// Judge as mail that goes this way.
    #[arg(long, value_enum, default_value_t = Way::Inbound)]
    direction: Way,
    /// Envelope sender.
    #[arg(long, value_name = "A")]
    mail_from: Option<String>,
    /// Envelope recipient; may be given several times.
    #[arg(long, value_name = "A")]
    rcpt: Vec<String>,
    /// The address of the host that brought it.
    #[arg(long, value_name = "IP")]
    client_ip: Option<IpAddr>,
    /// What that host called itself.
    #[arg(long, value_name = "NAME")]
    helo: Option<String>,
    /// It came over TLS.
    #[arg(long)]
    tls: bool,
    /// Ask nobody outside this process: neither ClamAV nor, about the host named by --client-ip, the DNS and its lists.
    #[arg(long)]
    offline: bool,
    /// Show the personal identifiers themselves: for tuning on your own machine.
    #[arg(long)]
    reveal: bool,
    /// How many mails at a time.
    #[arg(long, default_value_t = 1)]
    jobs: usize,
    /// Files, folders, or - for standard input.
    #[arg(required = true)]
    paths: Vec<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Way {
    Inbound,
    Outbound,
}

/// What all mails of one run share.
struct Run {
    settings: Settings,
    came: Came,
    clock: Clock,
    reveal: Reveal,
    /// Where others are asked; none where nobody is.
    asking: Option<tokio::runtime::Runtime>,
    /// Who knows who may send.
    names: Option<Dns>,
}

impl Scan {
    pub(super) fn run(self) -> Result<ExitCode, Failure> {
        let clock = Clock::system();
        let reveal = if self.reveal { Reveal::Values } else { Reveal::No };
        let settings = self.place.settings(&clock, reveal)?;
        let came = self.came(&clock)?.owned_under(&settings);
        // Without a client there is nobody to ask about.
        let asks_names = self.client_ip.is_some() && came.direction == Direction::Inbound;
        let asking = (!self.offline && (settings.clamd.is_some() || asks_names))
            .then(tokio::runtime::Runtime::new)
            .transpose()
            .map_err(|error| Failure::Failed(error.to_string()))?;
        let names = asking.as_ref().filter(|_| asks_names).map(|asking| {
            asking.block_on(async { Dns::new(&settings.config.dns.servers, clock.clone()) })
        });
        let names = names.transpose().map_err(|error| Failure::Failed(error.to_string()))?;
        if let (Some(asking), Some(names)) = (&asking, &names) {
            asking.block_on(settings.dns_lists.try_due(names));
        }
        let run = Run { settings, came, clock, reveal, asking, names };
        let (files, mut all_read) = find_files(&self.paths);
        let judge = |file: &PathBuf| judge_file(&run, file);
        in_order::all(&files, self.jobs, judge, |file, outcome| match outcome {
            Ok(value) if self.json => print::line(&value.to_string()),
            Ok(value) => print::line(&sentence(&value)),
            Err(why) => {
                eprintln!("sluss: {}: {why}", file.display());
                all_read = false;
                Ok(())
            }
        })?;
        Ok(if all_read { ExitCode::SUCCESS } else { ExitCode::from(2) })
    }

    fn came(&self, clock: &Clock) -> Result<Came, Failure> {
        let bad = |what: &str, text: &str, why: &dyn std::error::Error| {
            Failure::BadInput(format!("{what} {text}: {why}"))
        };
        let sender = self.mail_from.as_deref().unwrap_or("");
        let mut envelope = Envelope::from(
            ReversePath::parse(sender).map_err(|why| bad("--mail-from", sender, &why))?,
        );
        for rcpt in &self.rcpt {
            envelope.recipients.push(Recipient::plain(
                Address::parse(rcpt).map_err(|why| bad("--rcpt", rcpt, &why))?,
            ));
        }
        let mut peer = Peer::at(self.client_ip.unwrap_or(IpAddr::from([127, 0, 0, 1])));
        peer.helo = self.helo.clone().unwrap_or_default();
        peer.extended = true;
        peer.tls = self.tls.then(|| TlsSession {
            version: "TLSv1.3".to_string(),
            cipher: "unknown".to_string(),
            ..TlsSession::default()
        });
        let direction = match self.direction {
            Way::Inbound => Direction::Inbound,
            Way::Outbound => Direction::Outbound,
        };
        let came = Came::from_world(peer, envelope, clock.now());
        Ok(Came { direction, ..came })
    }
}

fn judge_file(run: &Run, file: &Path) -> Result<Value, String> {
    let bytes = Bytes::from(read(file).map_err(|error| error.to_string())?);
    let began = run.clock.tick();
    let facts = Facts { stumbled_before: Known::Yes(false), ..Facts::default() };
    let looked = match &run.asking {
        None => judge::look(&run.settings, &run.came, &bytes, facts),
        Some(asking) => {
            let names = run.names.as_ref();
            asking.block_on(judge::look_with_others(&run.settings, names, &run.came, &bytes, facts))
        }
    };
    let judged = match looked {
        Ok(judged) => judged,
        Err(Unjudged::Header(why)) => refused_for_its_header(&why),
        Err(why @ (Unjudged::OutOfTime | Unjudged::Unreadable(_))) => {
            return Err(format!("{why:?}"));
        }
    };
    Ok(describe(run, &file.display().to_string(), &judged, began))
}

/// What the gateway refuses with 554 before it looks any further.
fn refused_for_its_header(why: &TooLarge) -> Judged {
    let finding = Finding::new("header.too_large", Category::Format, 0.0, why.to_string());
    let plain = "The header section is too large";
    Judged {
        header: Header::default(),
        contents: Contents::default(),
        facts: Facts::default(),
        findings: vec![finding.demanding(Demand::AtLeast(Action::Reject)).telling(plain)],
        body_hash: None,
        held_by_rules: Held::default(),
        own_words: OwnWords::default(),
        sketch: None,
        sighting: None,
        took: Took::default(),
    }
}

/// The object that CONTRACT names `scan --json`.
fn describe(run: &Run, path: &str, judged: &Judged, began: Tick) -> Value {
    let direction = run.came.direction;
    let recipients = &run.came.envelope.recipients;
    let verdicts: Vec<(String, Judgement)> = recipients
        .iter()
        .map(|one| (one.address.to_string(), judged.for_recipient(&run.settings, &run.came, one)))
        .collect();
    let worst = verdicts.iter().map(|(_, judgement)| judgement);
    let (policy, worst) = match worst.max_by_key(|judgement| judgement.verdict.hardness()) {
        Some(judgement) => (judgement.policy.clone(), judgement.verdict.clone()),
        None => {
            let policy = Arc::new(Policy::default());
            let verdict = verdict::decide(&judged.findings, &policy, direction);
            (policy, verdict)
        }
    };
    let course = policy.course(direction);
    let contents = &judged.contents;
    json!({
        "path": path,
        "message_id": judged.header.value("Message-ID"),
        "direction": direction.word(),
        "action": worst.action.word(),
        "mode": worst.mode.word(),
        "would": worst.would.word(),
        "reply": reply(&run.clock, &worst, &judged.findings),
        "recipients": verdicts.iter().map(|(address, judgement)| json!({ "address": address, "action": judgement.verdict.action.word() })).collect::<Vec<_>>(),
        "score": rounded(worst.score),
        "threshold": {
            "mark": rounded(course.thresholds.mark()),
            "quarantine": rounded(course.thresholds.quarantine()),
            "reject": rounded(course.thresholds.reject()),
        },
        "spam_probability": Value::Null,
        "categories": worst.categories.iter().map(|category| category.word()).collect::<Vec<_>>(),
        "reason": worst.reason,
        "findings": judged.findings.iter().chain(&worst.by_rules).map(|finding| json!({
            "id": finding.id, "category": finding.category.word(), "weight": rounded(finding.weight),
            "demands": finding.demands.map(|_| verdict::demanded(finding, course).word()),
            "part": finding.part, "path": finding.path, "because": finding.in_full(),
        })).collect::<Vec<_>>(),
        "personal_data": contents.personal.iter().map(|one| {
            let mut value = json!({
                "kind": one.kind, "count": one.count, "persons": one.persons, "confidence": one.confidence,
                "part": one.part, "quoted": one.quoted, "masked": one.masked,
            });
            if let (Reveal::Values, Some(fields)) = (run.reveal, value.as_object_mut()) {
                fields.insert("values".to_string(), json!(one.values));
            }
            value
        }).collect::<Vec<_>>(),
        "encryption": match contents.encryption {
            Encryption::None => "none",
            Encryption::Smime => "smime",
            Encryption::Openpgp => "openpgp",
            Encryption::Partial => "partial",
        },
        "auth": { "iprev": judged.facts.iprev.result(|fact| fact.result.word()), "spf": judged.facts.spf.result(|fact| fact.result.word()), "dkim": judged.facts.dkim.result(|all| dkim::best(all)), "dmarc": judged.facts.dmarc.result(|fact| fact.result.word()), "arc": judged.facts.arc.result(|fact| fact.result.word()) },
        "parts": contents.parts.iter().map(|part| json!({
            "part": part.id, "path": part.path, "type": part.declared, "true_type": part.kind.word(), "name": part.name,
            "bytes": part.bytes, "scanned": part.scanned,
        })).collect::<Vec<_>>(),
        "unscanned": contents.unscanned.iter().map(|one| json!({
            "part": one.part, "path": one.path, "reason": one.reason.finding_id(), "because": one.because,
        })).collect::<Vec<_>>(),
        "elapsed_us": u64::try_from(run.clock.tick().since(began).as_micros()).unwrap_or(u64::MAX),
    })
}

fn reply(clock: &Clock, verdict: &Verdict, findings: &[Finding]) -> String {
    let reply = match verdict.action {
        Action::Deliver | Action::Mark | Action::Quarantine => replies::QUEUED,
        Action::Defer => replies::DEFERRED,
        Action::Reject => {
            let reason = PlainReason::of_verdict(verdict, findings);
            replies::refused(reason.to_others(Words::of(Language::En)).trim_end_matches('.'))
        }
    };
    reply.about(Some(Id::new(clock.now(), [0; 10]))).one_line()
}

/// Two decimals: the sum of a few weights has no more meaning than that.
fn rounded(number: f32) -> f64 {
    (f64::from(number) * 100.0).round() / 100.0
}

/// For people: what would happen, why, to which file.
fn sentence(value: &Value) -> String {
    let text = |field: &str| value.get(field).and_then(Value::as_str).unwrap_or("").to_string();
    let score = value.get("score").and_then(Value::as_f64).unwrap_or(0.0);
    let ids: Vec<&str> = value
        .get("findings")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(|finding| finding.get("id").and_then(Value::as_str))
        .collect();
    format!(
        "{:<10} {score:>5.1}  {}  {} [{}]",
        text("action"),
        print::tame(&text("path")),
        text("reason"),
        ids.join(" ")
    )
}
