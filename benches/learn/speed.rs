//! What judging and learning cost, in microseconds of CPU, on mails that are put together from ordinary ones.

use crate::{
    luck::Luck,
    ordinary::{self, LANGUAGES, Ordinary},
};
use arc_swap::ArcSwap;
use sluss::{
    base::clock::Clock,
    learn::classifier::{Label, Lesson, Model, Own, Reader, Seen, Sketch, Sureness, Views},
    mail::Header,
};
use std::{
    hint::black_box,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

/// A mail of about five kilobytes.
struct Made {
    message: Vec<u8>,
    text: String,
    label: Label,
}

/// Prints all of it.
pub(crate) fn print() {
    let mails = made(MAILS);
    let (sketches, cut) = cut(&mails);
    let windows = sketches.iter().map(|one| {
        one.whole.buckets().len() + one.mixed.buckets().len() + one.body.buckets().len()
    });
    println!(
        "{} mails, {} windows each in all views",
        mails.len(),
        windows.sum::<usize>() / mails.len()
    );
    println!("cutting into windows            {cut:>8.1} us");
    let clock = Clock::of_this_thread();
    let mut model = Model::default();
    let mut own = Own::default();
    let began = clock.tick();
    for (mail, sketch) in mails.iter().zip(&sketches) {
        model.learn(sketch, lesson(mail.label));
    }
    let learning = each(clock.tick().since(began));
    for (mail, sketch) in mails.iter().zip(&sketches) {
        // Its people want the opposite, or there would be nothing to learn.
        let label = if mail.label == Label::Spam { Label::Ham } else { Label::Spam };
        own.learn(sketch, lesson(label), &model.judge(sketch));
    }
    let timed = |judge: &dyn Fn(&Sketch) -> f32| {
        let began = clock.tick();
        for sketch in &sketches {
            black_box(judge(sketch));
        }
        each(clock.tick().since(began))
    };
    let whole: Vec<Sketch> = sketches
        .iter()
        .map(|one| Sketch { whole: one.whole.clone(), ..Sketch::default() })
        .collect();
    let began = clock.tick();
    for sketch in &whole {
        black_box(model.judge(sketch).score);
    }
    let core = each(clock.tick().since(began));
    let all = timed(&|sketch| model.judge(sketch).score);
    let with_own = timed(&|sketch| model.judge(sketch).score + own.judge(sketch));
    println!("judging, the three learners     {core:>8.1} us   (aim 60 with cutting)");
    println!("judging, all views              {all:>8.1} us   (aim 110 with cutting)");
    println!("judging, an own set as well     {with_own:>8.1} us");
    println!(
        "learning, judging before it     {learning:>8.1} us   ({:.1} without; aim 10)",
        learning - all
    );
    println!(
        "a model                         {:>8.1} MB   (aim 24)",
        model.to_bytes().len() as f64 / 1e6
    );
    println!("an own set                      {:>8.1} MB", own.bytes() as f64 / 1e6);
    published(&model, &sketches);
    two_threads(&model, &sketches);
}

/// Judges all the time, while others publish; the slowest judgements of both.
fn published(model: &Model, sketches: &[Sketch]) {
    let wall = Clock::system();
    let shared = Arc::new(ArcSwap::from_pointee(model.clone()));
    for publishing in [false, true] {
        let stop = Arc::new(AtomicBool::new(false));
        let other = publishing.then(|| {
            let (shared, stop, mut next) = (shared.clone(), stop.clone(), model.clone());
            let sketch = sketches[0].clone();
            thread::spawn(move || {
                let mut count = 0;
                while !stop.load(Ordering::Relaxed) {
                    next.learn(&sketch, lesson(Label::Spam));
                    shared.store(Arc::new(next.clone()));
                    count += 1;
                }
                count
            })
        });
        let mut times: Vec<Duration> = Vec::with_capacity(sketches.len());
        for sketch in sketches {
            let began = wall.tick();
            black_box(shared.load().judge(sketch));
            times.push(wall.tick().since(began));
        }
        stop.store(true, Ordering::Relaxed);
        let count = other.map(|other| other.join().unwrap());
        times.sort();
        let at = |share: usize| times[(times.len() - 1) * share / 1000].as_secs_f64() * 1e6;
        let while_ = count.map_or("nothing is published".to_string(), |count| {
            format!("{count} models are published")
        });
        println!(
            "judging while {while_:<24} p50 {:.0} us, p99 {:.0}, p99.9 {:.0}, slowest {:.0}",
            at(500),
            at(990),
            at(999),
            at(1000)
        );
    }
}

/// As many judgements by two threads as by one, each.
fn two_threads(model: &Model, sketches: &[Sketch]) {
    let wall = Clock::system();
    let judged = |threads: usize| {
        let began = wall.tick();
        thread::scope(|scope| {
            for _ in 0..threads {
                scope.spawn(|| {
                    for sketch in sketches {
                        black_box(model.judge(sketch).score);
                    }
                });
            }
        });
        (threads * sketches.len()) as f64 / wall.tick().since(began).as_secs_f64()
    };
    let (one, two) = (judged(1), judged(2));
    println!("one thread {one:.0} judgements/s, two {two:.0}: {:.2} times", two / one);
}

fn cut(mails: &[Made]) -> (Vec<Sketch>, f64) {
    let mut reader = Reader::default();
    let clock = Clock::of_this_thread();
    let began = clock.tick();
    let sketches = mails
        .iter()
        .map(|mail| {
            let header = Header::read(&mail.message).unwrap();
            reader.read(&Seen {
                header: &header,
                message: &mail.message,
                text: &mail.text,
                own: &|_| false,
            })
        })
        .collect();
    (sketches, each(clock.tick().since(began)))
}

fn each(took: Duration) -> f64 {
    took.as_secs_f64() * 1e6 / MAILS as f64
}

fn lesson(label: Label) -> Lesson {
    Lesson { label, views: Views::All, sureness: Sureness::Confirmed }
}

/// Three ordinary mails of one language as one, so that it is as long as what is looked at.
fn made(count: usize) -> Vec<Made> {
    let mut luck = Luck::new(7);
    let languages: Vec<Vec<(String, String)>> = LANGUAGES
        .iter()
        .map(|language| {
            let parts = |mail: Ordinary| {
                let (header, body) = mail.message.split_once("\r\n\r\n").unwrap();
                (header.to_string(), body.to_string())
            };
            ordinary::all(language).into_iter().map(parts).collect()
        })
        .collect();
    (0..count)
        .map(|number| {
            let mails = &languages[number % languages.len()];
            let (header, first) = &mails[luck.below(mails.len())];
            let mut more = || mails[luck.below(mails.len())].1.as_str();
            let text = format!("{first}{}{}", more(), more());
            let label = if number % 3 == 0 { Label::Spam } else { Label::Ham };
            Made { message: format!("{header}\r\n\r\n{text}").into_bytes(), text, label }
        })
        .collect()
}

const MAILS: usize = 4_000;
