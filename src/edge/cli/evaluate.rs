//! `sluss evaluate`: judge a labelled corpus in order, and say how good the judgements are. Changes nothing, asks nobody outside.
//!
//! With `--online` the true label is learned after each judgement, from nothing on: what a site sees from its first mail, if somebody
//! told it the truth about each at once. Neither the path nor the label is known to what judges.

use super::{Failure, Place, in_order, print};
use crate::{
    base::{
        clock::{Clock, Tick, UnixMs},
        limits,
    },
    config::policy::Policy,
    examine::Reveal,
    facts::{Facts, Known},
    learn::classifier::{
        Label, Lesson, Model, Sketch, Sureness, Views,
        calibration::Fitted,
        measure::{Measured, Scores},
    },
    mail::{Direction, Envelope, Header, Peer, ReversePath},
    pipeline::{
        judge::{self, Came, Unjudged},
        settings::Settings,
        wording,
    },
    verdict::{self, wording::Weights},
    wire::date,
};
use clap::Args;
use serde_json::{Value, json};
use std::{
    fs,
    io::Write,
    net::IpAddr,
    path::{Path, PathBuf},
    process::ExitCode,
    time::Duration,
};

#[derive(Debug, Args)]
pub(super) struct Evaluate {
    #[command(flatten)]
    place: Place,
    /// A line for each mail, in the order they came: its path, a tab, its label (spam, phish or ham). More columns are left alone, and so
    /// are lines that begin with # and a first line of names.
    index: PathBuf,
    /// The folder that the paths start from. Default: the index's own.
    #[arg(long, value_name = "DIR")]
    root: Option<PathBuf>,
    /// Learn the true label after each judgement.
    #[arg(long)]
    online: bool,
    /// Leave the rules out: what the learned text alone is worth.
    #[arg(long, requires = "online")]
    text_only: bool,
    /// Write path, label and score of each mail; a higher score is more like spam.
    #[arg(long, value_name = "FILE")]
    scores: Option<PathBuf>,
    /// With --scores: two more columns, the score of the text and that of the rules.
    #[arg(long, requires = "scores")]
    parts: bool,
    /// How many mails at a time.
    #[arg(long, default_value_t = 2)]
    jobs: usize,
    /// JSON.
    #[arg(long)]
    json: bool,
}

/// A line of the index.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Row {
    path: String,
    label: String,
}

/// What a mail was, before anything was learned of it.
struct Looked {
    sketch: Sketch,
    rules: f32,
    took: Duration,
}

impl Evaluate {
    pub(super) fn run(self) -> Result<ExitCode, Failure> {
        let index = fs::read_to_string(&self.index)
            .map_err(|error| Failure::BadInput(format!("{}: {error}", self.index.display())))?;
        let rows = rows(&index)
            .map_err(|why| Failure::BadInput(format!("{}: {why}", self.index.display())))?;
        let root = self.root.clone().unwrap_or_else(|| folder_of(&self.index));
        let clock = Clock::system();
        let settings = self.place.settings(&clock, Reveal::No)?;
        let began = clock.tick();
        let mut bench = Bench::new(&self)?;
        let look = |row: &Row| look(&settings, &clock, &root.join(&row.path), self.text_only);
        in_order::all(&rows, self.jobs, look, |row, looked| match looked {
            Ok(looked) => bench.take(row, &looked),
            Err(why) => {
                eprintln!("sluss: {}: {why}", row.path);
                bench.unread += 1;
                Ok(())
            }
        })?;
        bench.print(self.json, &clock, began)?;
        Ok(if bench.unread == 0 { ExitCode::SUCCESS } else { ExitCode::from(2) })
    }
}

/// The lines of an index.
fn rows(index: &str) -> Result<Vec<Row>, String> {
    let mut rows = Vec::new();
    for (at, line) in index.lines().enumerate() {
        if line.trim().is_empty() || line.starts_with('#') {
            continue;
        }
        let mut columns = line.split('\t');
        let (path, label) = (columns.next().unwrap_or_default(), columns.next());
        let label = label.unwrap_or_default().trim();
        let is_heading = rows.is_empty() && (path, label) == ("path", "label");
        match label {
            _ if is_heading => (),
            "spam" | "phish" | "ham" => {
                rows.push(Row { path: path.to_string(), label: label.to_string() });
            }
            _ => {
                return Err(format!(
                    "line {}: behind the path a tab and spam, phish or ham are expected, not {label:?}",
                    at + 1
                ));
            }
        }
    }
    Ok(rows)
}

fn folder_of(file: &Path) -> PathBuf {
    file.parent().map(Path::to_path_buf).unwrap_or_default()
}

/// Opens a mail and asks the rules. Nobody outside is asked: the mail is old, and its sender another by now.
fn look(
    settings: &Settings,
    clock: &Clock,
    file: &Path,
    text_only: bool,
) -> Result<Looked, String> {
    let bytes = fs::read(file).map_err(|error| error.to_string())?;
    let header = Header::read(&bytes).unwrap_or_default();
    let sender = header.value("Return-Path").unwrap_or_default();
    let sender = sender.trim_matches(['<', '>', ' ']);
    let envelope = Envelope::from(ReversePath::parse(sender).unwrap_or(ReversePath::Null));
    let peer = Peer::at(IpAddr::from([192, 0, 2, 1]));
    let came = Came::from_world(peer, envelope, came_at(&header, clock)).owned_under(settings);
    let began = clock.tick();
    let facts = Facts { stumbled_before: Known::Yes(false), ..Facts::default() };
    let judged = match judge::look(settings, &came, &bytes, facts) {
        Ok(judged) => judged,
        // Refused before it is looked at: not learned from either.
        Err(Unjudged::Header(_)) => {
            let rules = limits::RULE_WEIGHT_MAX;
            return Ok(Looked { sketch: Sketch::default(), rules, took: Duration::ZERO });
        }
        Err(why) => return Err(format!("{why:?}")),
    };
    let rules = if text_only {
        0.0
    } else {
        verdict::decide(&judged.findings, &Policy::default(), Direction::Inbound).score
    };
    let sketch = wording::sketch(settings, &judged.header, &bytes, &judged.contents);
    Ok(Looked { sketch, rules, took: clock.tick().since(began) })
}

/// When it came: the last server that took it says so, or else the mail itself. Checks compare its Date with that, not with today.
fn came_at(header: &Header, clock: &Clock) -> UnixMs {
    let received = header.value("Received");
    let received = received.as_deref().and_then(|line| line.rsplit_once(';')).map(|(_, date)| date);
    let written = header.value("Date");
    let seconds = received.or(written.as_deref()).and_then(date::read);
    let seconds = seconds.and_then(|seconds| u64::try_from(seconds).ok());
    seconds.map_or_else(|| clock.now(), |seconds| UnixMs(seconds.saturating_mul(1000)))
}

/// The model that is learned, and what it was worth.
struct Bench {
    online: bool,
    model: Model,
    fitted: Option<Fitted>,
    weights: Weights,
    scores: Scores,
    out: Option<(PathBuf, std::io::BufWriter<fs::File>)>,
    parts: bool,
    looking: Duration,
    judging: Duration,
    learning: Duration,
    thread: Clock,
    unread: usize,
}

impl Bench {
    fn new(how: &Evaluate) -> Result<Bench, Failure> {
        let out = how.scores.as_ref().map(|file| {
            let made = fs::File::create(file).map(std::io::BufWriter::new);
            made.map(|out| (file.clone(), out))
                .map_err(|error| Failure::Failed(format!("{}: {error}", file.display())))
        });
        Ok(Bench {
            online: how.online,
            model: Model::default(),
            fitted: None,
            weights: Weights::shipped().map_err(|error| Failure::Failed(error.to_string()))?,
            scores: Scores::default(),
            out: out.transpose()?,
            parts: how.parts,
            looking: Duration::ZERO,
            judging: Duration::ZERO,
            learning: Duration::ZERO,
            thread: Clock::of_this_thread(),
            unread: 0,
        })
    }

    /// Judges a mail, and learns what it was.
    fn take(&mut self, row: &Row, looked: &Looked) -> Result<(), String> {
        let label = if row.label == "ham" { Label::Ham } else { Label::Spam };
        self.looking += looked.took;
        let began = self.thread.tick();
        let text = self.model.judge(&looked.sketch).score;
        let judged = self.thread.tick();
        if self.online {
            let sureness = Sureness::Confirmed;
            self.model.learn(&looked.sketch, Lesson { label, views: Views::All, sureness });
            if self.scores.len().is_multiple_of(FITTED_EVERY) {
                self.fitted = self.model.calibration.fit();
            }
        }
        self.judging += judged.since(began);
        self.learning += self.thread.tick().since(judged);
        let points = self.weights.points(text, self.fitted.as_ref());
        let score = f64::from(points) + f64::from(looked.rules);
        self.scores.add(score, label == Label::Spam);
        let Some((file, out)) = &mut self.out else { return Ok(()) };
        let written = match self.parts {
            true => writeln!(out, "{}\t{}\t{score}\t{text}\t{}", row.path, row.label, looked.rules),
            false => writeln!(out, "{}\t{}\t{score}", row.path, row.label),
        };
        written.map_err(|error| format!("{}: {error}", file.display()))
    }

    fn print(&mut self, as_json: bool, clock: &Clock, began: Tick) -> Result<(), Failure> {
        if let Some((file, out)) = &mut self.out {
            out.flush().map_err(|error| format!("{}: {error}", file.display()))?;
        }
        let all = self.scores.len();
        let took = clock.tick().since(began).as_secs_f64();
        let measured: Vec<(usize, Measured)> = [200, 1000, all]
            .into_iter()
            .filter(|most| *most <= all)
            .filter_map(|most| Some((most, self.scores.measure(most, THRESHOLD)?)))
            .collect();
        let mails = f64::from(u32::try_from(all).unwrap_or(u32::MAX));
        let each = |spent: Duration| spent.as_secs_f64() * 1e6 / mails.max(1.0);
        if as_json {
            let value = json!({
                "mails": all, "unread": self.unread, "mails_per_second": mails / took.max(1e-9),
                "judging_us": each(self.judging), "learning_us": each(self.learning), "opening_us": each(self.looking),
                "measured": measured.iter().map(|(most, one)| shape(*most, one)).collect::<Vec<_>>(),
            });
            return Ok(print::line(&value.to_string())?);
        }
        let heading =
            ["mails", "ham", "spam", "(1-ROCA)%", "lam%", "missed at 0.1 %", "missed at 0.5 %"];
        let cells = |(most, one): &(usize, Measured)| {
            vec![
                if *most == all { format!("all {all}") } else { format!("first {most}") },
                one.ham.to_string(),
                one.spam.to_string(),
                format!("{:.4}", one.above_curve),
                format!("{:.2}", one.misclassified),
                format!("{:.2} %", one.missed_at_one_in_a_thousand),
                format!("{:.2} %", one.missed_at_half_a_percent),
            ]
        };
        print::table(&heading, &measured.iter().map(cells).collect::<Vec<_>>())?;
        if measured.is_empty() {
            print::line("There must be mails of both kinds to measure anything.")?;
        }
        print::line(&format!(
            "{:.0} mails/s; a mail took {:.0} µs to judge and {:.0} µs to learn, besides {:.0} µs to open it and ask the rules",
            mails / took.max(1e-9),
            each(self.judging),
            each(self.learning),
            each(self.looking),
        ))?;
        Ok(())
    }
}

fn shape(most: usize, one: &Measured) -> Value {
    json!({
        "first": most, "ham": one.ham, "spam": one.spam, "roca": one.above_curve, "lam": one.misclassified,
        "missed_at_0.1": one.missed_at_one_in_a_thousand, "missed_at_0.5": one.missed_at_half_a_percent,
    })
}

/// So many labels between two looks at what scores mean.
const FITTED_EVERY: usize = 200;
/// A mail at or above this is called spam: what a policy marks.
const THRESHOLD: f64 = 5.0;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_index_with_and_without_names_and_more_columns() {
        let row =
            |path: &str, label: &str| Row { path: path.to_string(), label: label.to_string() };
        for (index, want) in [
            ("", Ok(vec![])),
            ("a\tham\nb/c d\tspam\n", Ok(vec![row("a", "ham"), row("b/c d", "spam")])),
            ("path\tlabel\torder\n# said\n\na\tphish\t4\r\n", Ok(vec![row("a", "phish")])),
            ("a\tham\nb\tmaybe\n", Err("line 2: ")),
            ("a ham\n", Err("line 1: ")),
        ] {
            match (rows(index), want) {
                (Ok(got), Ok(want)) => assert_eq!(got, want, "{index}"),
                (Err(got), Err(want)) => assert!(got.starts_with(want), "{got}"),
                (got, want) => panic!("{index}: {got:?} for {want:?}"),
            }
        }
    }

    #[test]
    fn a_mail_came_when_the_last_server_took_it() {
        let clock = Clock::by_hand(UnixMs(5));
        for (mail, want) in [
            (
                "Received: from a by b; Fri, 6 Nov 2020 12:00:00 +0000\nDate: Sat, 7 Nov 2020 12:00:00 +0000\n\n",
                1_604_664_000_000,
            ),
            ("Date: Sat, 7 Nov 2020 12:00:00 +0000\n\n", 1_604_750_400_000),
            ("Date: soon\n\n", 5),
        ] {
            let header = Header::read(mail.as_bytes()).expect("small");
            assert_eq!(came_at(&header, &clock), UnixMs(want), "{mail}");
        }
    }
}
