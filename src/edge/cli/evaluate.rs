//! `sluss evaluate`: judge a labelled corpus in order, and say how good the judgements are. Changes nothing, asks nobody outside.
//!
//! With `--online` the true label is learned after each judgement, from nothing on: what a site sees from its first mail, if somebody
//! told it the truth about each at once. Neither the path nor the label is known to what judges.

use super::{
    Failure, Place, in_order,
    labelled::{self, Looked, Row},
    print, train,
};
use crate::{
    base::clock::{Clock, Tick},
    examine::Reveal,
    learn::classifier::{
        Label, Lesson, Model, Sureness, Views,
        calibration::Fitted,
        measure::{Measured, Scores},
    },
    verdict::wording::Weights,
};
use clap::Args;
use serde_json::{Value, json};
use std::{fs, io::Write, path::PathBuf, process::ExitCode, time::Duration};

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
    /// Begin with what `sluss train` made, instead of nothing; without --online it learns no more.
    #[arg(long, value_name = "FILE")]
    from: Option<PathBuf>,
    /// Leave the rules out: what the learned text alone is worth.
    #[arg(long)]
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

impl Evaluate {
    pub(super) fn run(self) -> Result<ExitCode, Failure> {
        if self.text_only && !self.online && self.from.is_none() {
            let why = "--text-only judges by what was learned, and nothing is: add --online, or --from a file of sluss train";
            return Err(Failure::BadInput(why.to_string()));
        }
        let rows = labelled::rows(&self.index)?;
        let root = self.root.clone().unwrap_or_else(|| labelled::folder_of(&self.index));
        let clock = Clock::system();
        let settings = self.place.settings(&clock, Reveal::No)?;
        let began = clock.tick();
        let mut bench = Bench::new(&self)?;
        let look =
            |row: &Row| labelled::look(&settings, &clock, &root.join(&row.path), self.text_only);
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
        let model = how.from.as_deref().map(train::read).transpose()?.unwrap_or_default();
        Ok(Bench {
            online: how.online,
            fitted: model.calibration.fit(),
            model,
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
        let label = row.is();
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
