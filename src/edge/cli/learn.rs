//! `sluss learn`: what a site's classifier is taught, by whom, and how to have something forgotten.
//!
//! Mails are opened here, in the locked room, and only what the learners see of them goes on: numbers that cannot be read back into a mail.

use super::{
    Failure, Place, desk, in_order,
    mail_files::{find_files, read},
    print,
};
use crate::{
    base::{clock::Clock, ids::Id, limits, units},
    edge::{
        control::Request,
        lesson_desk::{Ask, Example, Shown},
    },
    examine::Reveal,
    learn::classifier::Label,
    mail::{Address, Header},
    pipeline::{settings::Settings, wording},
    store::lessons::{Forget, Standing},
    verdict::wording::Trust,
};
use clap::{Args, Subcommand};
use mail_parser::mailbox::mbox::MessageIterator;
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    process::ExitCode,
};

#[derive(Debug, Args)]
pub(super) struct Learn {
    #[command(subcommand)]
    verb: Option<Verb>,
    #[command(flatten)]
    place: Place,
    /// Forget instead, as if it had never been said: a person's mail and words (an address), what was said longer ago than a time ("90 days"),
    /// one mail (its id), or "all".
    #[arg(long, value_name = "WHAT")]
    forget: Option<String>,
    /// With --forget: in this organisation only.
    #[arg(long, value_name = "NAME", requires = "forget")]
    organisation: Option<String>,
    /// As JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// These are spam: files, folders (Maildir too), mbox files, or - for standard input.
    Spam(Examples),
    /// These are wanted.
    Ham(Examples),
}

#[derive(Debug, Args)]
struct Examples {
    #[command(flatten)]
    place: Place,
    /// One of our users says so, by this address: bounded and weighed as such. For what is moved to a junk folder. Default: the operator does.
    #[arg(long, value_name = "ADDRESS")]
    by: Option<String>,
    /// Whose mails they are. Default: the organisation of --by, or else all of the site.
    #[arg(long, value_name = "NAME")]
    organisation: Option<String>,
    /// As JSON.
    #[arg(long)]
    json: bool,
    /// How many mails at a time.
    #[arg(long, default_value_t = 2)]
    jobs: usize,
    #[arg(required = true)]
    paths: Vec<PathBuf>,
}

impl Learn {
    pub(super) fn run(self) -> Result<ExitCode, Failure> {
        match (self.verb, self.forget) {
            (Some(Verb::Spam(examples)), _) => examples.run(Label::Spam),
            (Some(Verb::Ham(examples)), _) => examples.run(Label::Ham),
            (None, Some(what)) => {
                let what = what_to_forget(&what)?;
                let ask = Ask::Forget { what, organisation: self.organisation };
                let gone = desk::ask(&self.place, Request::Lessons { ask: Box::new(ask) })?;
                print::line(&match self.json {
                    true => gone.to_string(),
                    false => forgotten(&gone),
                })?;
                Ok(ExitCode::SUCCESS)
            }
            (None, None) => show(&self.place, self.json),
        }
    }
}

/// What is forgotten, as the gateway counted it.
fn forgotten(gone: &serde_json::Value) -> String {
    let count = |what| gone.get(what).and_then(serde_json::Value::as_u64).unwrap_or(0);
    match (count("forgotten"), count("campaigns")) {
        (0, 0) => "nothing was remembered of that".to_string(),
        (0, campaigns) => format!("what was known of it in campaigns is forgotten: {campaigns}"),
        (lessons, campaigns) => format!(
            "{lessons} lessons and remembered mails are forgotten, and what was known of it in {campaigns} campaigns; what is left is being learned anew"
        ),
    }
}

fn what_to_forget(text: &str) -> Result<Forget, Failure> {
    let bad = || {
        Failure::BadInput(format!(
            "--forget {text}: an address, a time (\"90 days\"), the id of a mail, or \"all\" is expected"
        ))
    };
    if text == "all" {
        return Ok(Forget::All);
    }
    if text.contains('@') {
        return Address::parse(text).map(|one| Forget::Person(one.key())).map_err(|_| bad());
    }
    if let Ok(id) = Id::parse(text) {
        return Ok(Forget::Mail(id));
    }
    let span = units::parse_span(text).map_err(|_| bad())?;
    Ok(Forget::Before(Clock::system().now().minus(span)))
}

impl Examples {
    fn run(self, label: Label) -> Result<ExitCode, Failure> {
        let settings = self.place.settings(&Clock::system(), Reveal::No)?;
        let (files, mut all_read) = find_files(&self.paths);
        let mut examples = Vec::new();
        let look = |file: &PathBuf| examples_in(&settings, file);
        // All are read before anybody is told: whoever runs this may become the gateway's user by that, who may not read them.
        in_order::all(&files, self.jobs, look, |file, found| {
            match found {
                Ok(mut found) => examples.append(&mut found),
                Err(why) => {
                    eprintln!("sluss: {}: {why}", file.display());
                    all_read = false;
                }
            }
            Ok(())
        })?;
        let told = self.tell(label, examples)?;
        if self.json {
            let told: BTreeMap<&str, u64> =
                told.iter().map(|(standing, count)| (standing.word(), *count)).collect();
            print::line(&serde_json::json!(told).to_string())?;
        } else if told.is_empty() {
            print::line("there was no mail")?;
        } else {
            for (standing, count) in told {
                print::line(&format!("{count:>8}  {}", standing.said()))?;
            }
        }
        Ok(if all_read { ExitCode::SUCCESS } else { ExitCode::from(2) })
    }

    fn tell(
        &self,
        label: Label,
        examples: Vec<Example>,
    ) -> Result<BTreeMap<Standing, u64>, Failure> {
        let mut told = BTreeMap::new();
        let mut examples = examples.into_iter().peekable();
        while examples.peek().is_some() {
            let ask = Ask::Teach {
                label,
                by: self.by.clone(),
                organisation: self.organisation.clone(),
                examples: examples.by_ref().take(limits::LESSONS_PER_REQUEST_MAX).collect(),
            };
            let answer = desk::ask(&self.place, Request::Lessons { ask: Box::new(ask) })?;
            let standings: Vec<Standing> = serde_json::from_value(answer)
                .map_err(|error| Failure::Failed(error.to_string()))?;
            for standing in standings {
                *told.entry(standing).or_insert(0) += 1;
            }
        }
        Ok(told)
    }
}

/// What the learners see of the mails in a file: one, or as many as an mbox has.
fn examples_in(settings: &Settings, file: &Path) -> Result<Vec<Example>, String> {
    let bytes = read(file).map_err(|error| error.to_string())?;
    if !bytes.starts_with(b"From ") {
        return example(settings, &bytes).map(|one| vec![one]);
    }
    let mut examples = Vec::new();
    for message in MessageIterator::new(bytes.as_slice()) {
        let message = message.map_err(|error| format!("it is no whole mbox: {error:?}"))?;
        examples.push(example(settings, message.contents())?);
    }
    Ok(examples)
}

fn example(settings: &Settings, bytes: &[u8]) -> Result<Example, String> {
    let header = Header::read(bytes).map_err(|error| error.to_string())?;
    if header.fields().is_empty() {
        return Err("it has no header section, so it is no mail".to_string());
    }
    let sketch = wording::sketch_of(settings, bytes).ok_or("it is no mail")?;
    Ok(Example::new(&sketch, &header))
}

fn show(place: &Place, json: bool) -> Result<ExitCode, Failure> {
    let answer = desk::ask(place, Request::Lessons { ask: Box::new(Ask::Show) })?;
    if json {
        print::line(&answer.to_string())?;
        return Ok(ExitCode::SUCCESS);
    }
    let shown: Shown =
        serde_json::from_value(answer).map_err(|error| Failure::Failed(error.to_string()))?;
    let progress = &shown.progress;
    let taught = &progress.taught;
    print::line(&format!("learned: {} spam, {} wanted", taught.spam, taught.ham))?;
    print::line(match progress.trust {
        Trust::Silent => "it says nothing yet: rules alone decide",
        Trust::Beside => "it speaks beside the rules, and holds no mail alone",
        Trust::Full => "it may hold a mail by itself",
    })?;
    if progress.trust != Trust::Full {
        print::line(&format!(
            "it speaks from {} of each kind on, and may hold a mail alone from {}",
            progress.speaks_from, progress.holds_from
        ))?;
    }
    if progress.own_sets > 0 {
        print::line(&format!("organisations with a set of their own: {}", progress.own_sets))?;
    }
    for tally in &shown.tally {
        let label = match tally.label {
            Label::Spam => "spam",
            Label::Ham => "wanted",
        };
        let (teacher, standing) = (tally.teacher.said(), tally.standing.said());
        print::line(&format!("{:>8}  {label:<6}  {teacher}: {standing}", tally.lessons))?;
    }
    Ok(ExitCode::SUCCESS)
}
