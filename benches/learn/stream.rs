//! Streams of labelled mail: judged one by one, each label learned after.

use crate::{
    attack::Attack,
    luck::Luck,
    open::{Corpus, Opened},
};
use sluss::{
    base::clock::Clock,
    learn::classifier::{
        Label, Lesson, Model, Own, Reader, Seen, Sketch, Sureness, Views,
        calibration::Fitted,
        measure::{Measured, Scores},
    },
    mail::Header,
    verdict::wording::Weights,
};
use std::{hint::black_box, time::Duration};

/// What the learners need of a mail.
#[derive(Debug, Clone)]
struct Prepared {
    sketch: Sketch,
    label: Label,
    rules: f32,
}

fn sketch(reader: &mut Reader, mail: &Opened) -> Sketch {
    let header = Header::read(&mail.message).unwrap_or_default();
    let own = |name: &str| name == "ours.example" || name.ends_with(".ours.example");
    reader.read(&Seen { header: &header, message: &mail.message, text: &mail.text, own: &own })
}

fn prepared(mails: &[Opened]) -> Vec<Prepared> {
    let mut reader = Reader::default();
    let one = |mail: &Opened| Prepared {
        sketch: sketch(&mut reader, mail),
        label: mail.label,
        rules: mail.rules,
    };
    mails.iter().map(one).collect()
}

fn together(corpora: &[Corpus]) -> Vec<Opened> {
    corpora.iter().flat_map(|corpus| corpus.mails.iter().cloned()).collect()
}

fn lesson(label: Label, sureness: Sureness) -> Lesson {
    Lesson { label, views: Views::All, sureness }
}

fn other(label: Label) -> Label {
    match label {
        Label::Spam => Label::Ham,
        Label::Ham => Label::Spam,
    }
}

/// A site that learns.
#[derive(Default)]
struct Site {
    model: Model,
    fitted: Option<Fitted>,
    seen: usize,
}

impl Site {
    fn score(&self, sketch: &Sketch) -> f32 {
        self.model.judge(sketch).score
    }

    fn points(&self, score: f32) -> f32 {
        Weights::in_force().unwrap().points(score, self.fitted.as_ref())
    }

    fn learn(&mut self, sketch: &Sketch, lesson: Lesson) {
        self.model.learn(sketch, lesson);
        self.seen += 1;
        if self.seen.is_multiple_of(200) {
            self.fitted = self.model.calibration.fit();
        }
    }
}

/// The learned text alone, and joined with the rules.
#[derive(Default)]
struct Both {
    text: Scores,
    joined: Scores,
}

fn online(mails: &[&Prepared]) -> Both {
    let (mut site, mut both) = (Site::default(), Both::default());
    for mail in mails {
        let score = site.score(&mail.sketch);
        both.text.add(f64::from(score), mail.label == Label::Spam);
        both.joined.add(f64::from(site.points(score) + mail.rules), mail.label == Label::Spam);
        site.learn(&mail.sketch, lesson(mail.label, Sureness::Confirmed));
    }
    both
}

fn measured(scores: &Scores) -> Vec<Option<Measured>> {
    let all = scores.len();
    [200, 1000, all].map(|most| scores.measure(most.min(all), 0.8)).to_vec()
}

fn row(name: &str, of_runs: &[Vec<Option<Measured>>]) {
    let mean = |place: usize, of: fn(&Measured) -> f64| {
        let values: Vec<f64> =
            of_runs.iter().filter_map(|run| run[place].as_ref().map(of)).collect();
        values.iter().sum::<f64>() / values.len().max(1) as f64
    };
    println!(
        "{name:<44} {:>8.3} {:>8.4} {:>8.4} {:>8.2} {:>8.2} {:>8.2}",
        mean(0, |one| one.above_curve),
        mean(1, |one| one.above_curve),
        mean(2, |one| one.above_curve),
        mean(2, |one| one.misclassified),
        mean(2, |one| one.missed_at_one_in_a_thousand),
        mean(2, |one| one.missed_at_half_a_percent),
    );
}

fn heading(what: &str) {
    println!(
        "\n{what:<44} {:>8} {:>8} {:>8} {:>8} {:>8} {:>8}",
        "first200", "1,000", "all", "lam%", "sm@.1", "sm@.5"
    );
}

fn in_order(mails: &[Prepared], seed: u64) -> Vec<&Prepared> {
    let mut order: Vec<&Prepared> = mails.iter().collect();
    Luck::new(seed).shuffle(&mut order);
    order
}

/// What a mail of these costs, learned from as many.
fn cost(corpora: &[Corpus]) {
    let mails = prepared(&together(corpora));
    let clock = Clock::of_this_thread();
    let mut model = Model::default();
    let each = |took: Duration| took.as_secs_f64() * 1e6 / mails.len() as f64;
    let began = clock.tick();
    for mail in &mails {
        model.learn(&mail.sketch, lesson(mail.label, Sureness::Confirmed));
    }
    let learning = each(clock.tick().since(began));
    let began = clock.tick();
    for mail in &mails {
        black_box(model.judge(&mail.sketch).score);
    }
    let judging = each(clock.tick().since(began));
    let began = clock.tick();
    for mail in &mails {
        let whole = Sketch { whole: mail.sketch.whole.clone(), ..Sketch::default() };
        black_box(model.judge(&whole).score);
    }
    let core = each(clock.tick().since(began));
    let bytes: usize = mails.iter().map(|mail| mail.sketch.to_bytes().len()).sum();
    let parts: usize = mails.iter().map(|mail| mail.sketch.parts.len()).sum();
    println!(
        "us of CPU a mail: the three learners {core:.1}, all views and pieces {judging:.1}, judging and learning {learning:.1}; a sketch has {} bytes and {:.2} pieces",
        bytes / mails.len(),
        parts as f64 / mails.len() as f64
    );
}

/// Each corpus in its own order, and all of them in five orders.
pub(crate) fn orders(corpora: &[Corpus]) {
    cost(corpora);
    heading("(1-ROCA)%, each mail judged, then learned");
    for corpus in corpora {
        let mails = prepared(&corpus.mails);
        let both = online(&mails.iter().collect::<Vec<_>>());
        row(&format!("{} in its order, text", corpus.name), &[measured(&both.text)]);
        row(&format!("{} in its order, text and rules", corpus.name), &[measured(&both.joined)]);
    }
    let mails = prepared(&together(corpora));
    let runs: Vec<Both> = (1..=5).map(|seed| online(&in_order(&mails, seed))).collect();
    row(
        "all, five random orders, text",
        &runs.iter().map(|both| measured(&both.text)).collect::<Vec<_>>(),
    );
    row(
        "all, five random orders, text and rules",
        &runs.iter().map(|both| measured(&both.joined)).collect::<Vec<_>>(),
    );
}

/// In the second half of a stream each spam comes in each disguise as well; only what really came is learned.
pub(crate) fn attacks(corpora: &[Corpus]) {
    let mails = together(corpora);
    let clean = prepared(&mails);
    let mut missed = vec![(0_usize, 0_usize, 0_usize); Attack::ALL.len()];
    let mut reader = Reader::default();
    let mut spam_all = 0;
    for seed in 1..=3 {
        let mut luck = Luck::new(seed);
        let mut order: Vec<usize> = (0..mails.len()).collect();
        luck.shuffle(&mut order);
        let (first, second) = order.split_at(order.len() / 2);
        let mut site = Site::default();
        for at in first {
            site.learn(&clean[*at].sketch, lesson(clean[*at].label, Sureness::Confirmed));
        }
        // What an attacker knows: mail that he could have got too, not that of the site which the filter learned.
        let ham: Vec<&Opened> =
            second.iter().map(|at| &mails[*at]).filter(|mail| mail.label == Label::Ham).collect();
        let words: Vec<String> = ham
            .iter()
            .flat_map(|mail| mail.text.split_whitespace())
            .filter(|word| word.chars().all(char::is_alphabetic) && word.len() > 2)
            .map(str::to_string)
            .collect();
        let (mut of_ham, mut of_spam) = (Vec::new(), Vec::new());
        for at in second {
            let mail = &clean[*at];
            match mail.label {
                Label::Ham => of_ham.push(site.score(&mail.sketch)),
                Label::Spam => {
                    let theirs = ham[luck.below(ham.len())];
                    let score = |attack: &Attack| {
                        let made = attack.on(&mails[*at], theirs, &words, &mut luck);
                        site.score(&sketch(&mut reader, &made))
                    };
                    of_spam.push(Attack::ALL.iter().map(score).collect::<Vec<f32>>());
                }
            }
            site.learn(&mail.sketch, lesson(mail.label, Sureness::Confirmed));
        }
        of_ham.sort_by(|left, right| right.total_cmp(left));
        let thresholds = [of_ham[of_ham.len() / 1000], of_ham[of_ham.len() / 200], 0.8];
        spam_all += of_spam.len();
        for scores in of_spam {
            for (score, missed) in scores.iter().zip(&mut missed) {
                missed.0 += usize::from(*score <= thresholds[0]);
                missed.1 += usize::from(*score <= thresholds[1]);
                missed.2 += usize::from(*score <= thresholds[2]);
            }
        }
    }
    println!(
        "\nspam missed, three orders, second half; % at 0.1 % of ham, at 0.5 %, at a score of 0.8"
    );
    for (attack, missed) in Attack::ALL.iter().zip(missed) {
        let share = |count: usize| 100.0 * count as f64 / spam_all as f64;
        println!(
            "{:<28} {:>8.2} {:>8.2} {:>8.2}",
            attack.said(),
            share(missed.0),
            share(missed.1),
            share(missed.2)
        );
    }
}

/// Wrong labels, as people give them.
pub(crate) fn labels(corpora: &[Corpus]) {
    let mails = prepared(&together(corpora));
    heading("labels that are wrong, as somebody said");
    let mut clean = 0.0;
    for wrong in [0.0, 1.0, 5.0] {
        let runs: Vec<Vec<Option<Measured>>> = (1..=5)
            .map(|seed| {
                let mut luck = Luck::new(seed + 100);
                let (mut site, mut scores) = (Site::default(), Scores::default());
                for mail in in_order(&mails, seed) {
                    scores.add(f64::from(site.score(&mail.sketch)), mail.label == Label::Spam);
                    let said = if luck.percent(wrong) { other(mail.label) } else { mail.label };
                    site.learn(&mail.sketch, lesson(said, Sureness::Said));
                }
                measured(&scores)
            })
            .collect();
        let all = runs.iter().map(|run| run[2].as_ref().unwrap().above_curve).sum::<f64>();
        clean = if wrong == 0.0 { all } else { clean };
        row(&format!("{wrong} %: {:.2} times clean", all / clean), &runs);
    }
}

/// A hundred people say what their mail is; one of them says the opposite each time. Measured is the mail of the others.
pub(crate) fn people(corpora: &[Corpus]) {
    let mails = prepared(&together(corpora));
    heading("a hundred people, the mail of 99");
    let mut clean = 0.0;
    for hostile in [false, true] {
        let runs: Vec<Vec<Option<Measured>>> = (1..=5)
            .map(|seed| {
                let mut luck = Luck::new(seed + 200);
                let (mut site, mut scores) = (Site::default(), Scores::default());
                for mail in in_order(&mails, seed) {
                    let is_theirs = luck.below(100) == 0;
                    if !is_theirs {
                        scores.add(f64::from(site.score(&mail.sketch)), mail.label == Label::Spam);
                    }
                    let said = if hostile && is_theirs { other(mail.label) } else { mail.label };
                    site.learn(&mail.sketch, lesson(said, Sureness::Said));
                }
                measured(&scores)
            })
            .collect();
        let all = runs.iter().map(|run| run[2].as_ref().unwrap().above_curve).sum::<f64>();
        clean = if hostile { clean } else { all };
        row(
            &format!(
                "{}: {:.2} times",
                if hostile { "one says the opposite" } else { "all say what is so" },
                all / clean
            ),
            &runs,
        );
    }
}

/// Three organisations share a site; one of them wants no mail that goes to many, which the others want. What each has of a set of its own.
pub(crate) fn sets(corpora: &[Corpus]) {
    let mails = together(corpora);
    let clean = prepared(&mails);
    let is_to_many = |mail: &Opened| {
        let header = Header::read(&mail.message).unwrap_or_default();
        let bulk = header
            .value("Precedence")
            .is_some_and(|value| value.contains("bulk") || value.contains("list"));
        bulk || header.value("List-Id").is_some() || header.value("List-Unsubscribe").is_some()
    };
    heading("three organisations, after 500 labels of each");
    let mut runs = vec![vec![Vec::new(), Vec::new()]; ORGANISATIONS.len()];
    for seed in 1..=3 {
        let mut luck = Luck::new(seed);
        let mut order: Vec<usize> = (0..mails.len()).collect();
        luck.shuffle(&mut order);
        let mut site = Site::default();
        let mut own = vec![Own::default(); ORGANISATIONS.len()];
        let mut said = vec![0; ORGANISATIONS.len()];
        let mut scores: Vec<[Scores; 2]> =
            ORGANISATIONS.iter().map(|_| Default::default()).collect();
        for at in order {
            let mail = &clean[at];
            let who = luck.below(ORGANISATIONS.len());
            let wants_none = who == 0 && is_to_many(&mails[at]);
            let label = if wants_none { Label::Spam } else { mail.label };
            let judged = site.model.judge(&mail.sketch);
            if said[who] >= 500 {
                let more = own[who].judge(&mail.sketch);
                scores[who][0].add(f64::from(judged.score), label == Label::Spam);
                scores[who][1].add(f64::from(judged.score + more), label == Label::Spam);
                own[who].learn(&mail.sketch, lesson(label, Sureness::Confirmed), &judged);
            }
            said[who] += 1;
            site.learn(&mail.sketch, lesson(label, Sureness::Confirmed));
        }
        for (runs, scores) in runs.iter_mut().zip(&scores) {
            runs[0].push(measured(&scores[0]));
            runs[1].push(measured(&scores[1]));
        }
    }
    for (name, runs) in ORGANISATIONS.iter().zip(&runs) {
        row(&format!("{name}, the site's alone"), &runs[0]);
        row(&format!("{name}, with its own set"), &runs[1]);
    }
}

const ORGANISATIONS: [&str; 3] =
    ["wants no mail to many", "like the others", "like the others too"];
