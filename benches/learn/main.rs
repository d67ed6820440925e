//! What the learned classifier costs and how good it is.
//!
//! `cargo bench --bench learn`: microseconds to judge and to learn, the size of a model, what publishing it costs those who judge, and two threads.
//!
//! `SLUSS_INDEX=a.tsv:b.tsv cargo bench --bench learn`: labelled corpora, each mail judged and then learned: in the order of each index alone and in
//! five random orders of all of them together; what attackers miss by disguising spam; what wrong labels and one person who says everything wrong
//! do. An index has a header line and the columns path (from its folder) and label. `SLUSS_SHOW=orders,attacks,labels,people,sets` chooses.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::indexing_slicing,
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss
)]

mod attack;
mod luck;
mod open;
#[path = "../../tests/ordinary/mails.rs"]
#[allow(dead_code)] // Who sent them matters to the tests.
mod ordinary;
mod speed;
mod stream;

use std::env;

fn main() {
    if env::args().any(|argument| argument == "--test" || argument == "--list") {
        return;
    }
    let Ok(indexes) = env::var("SLUSS_INDEX") else {
        speed::print();
        return;
    };
    let show =
        env::var("SLUSS_SHOW").unwrap_or_else(|_| "orders,attacks,labels,people,sets".to_string());
    let corpora = open::all(&indexes);
    for what in show.split(',') {
        match what {
            "orders" => stream::orders(&corpora),
            "attacks" => stream::attacks(&corpora),
            "labels" => stream::labels(&corpora),
            "people" => stream::people(&corpora),
            "sets" => stream::sets(&corpora),
            other => panic!("SLUSS_SHOW: {other} is none of orders, attacks, labels, people, sets"),
        }
    }
}
