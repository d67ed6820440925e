//! What the process has: memory and open files, turn by turn, and whether it grows.

use crate::{common::Gateway, ledger::Ledger};
use std::{thread, time::Duration};

/// Growth that is no trend: a tenth, and so much besides.
const RESIDENT_SLACK: u64 = 8 << 20;
const FILES_SLACK: u64 = 16;
/// Readings of one turn; the middle one counts, so that a large mail under way does not.
const READINGS: usize = 5;

/// One line of the table.
struct Row {
    resident: u64,
    files: u64,
}

/// The table.
#[derive(Default)]
pub(crate) struct Readings {
    rows: Vec<Row>,
}

impl Readings {
    /// Reads several times with this much time between, keeps the medians and prints the line.
    pub(crate) fn take(
        &mut self,
        label: &str,
        gateway: &Gateway,
        ledger: &Ledger,
        between: Duration,
    ) {
        let mut read: Vec<(u64, u64)> = Vec::new();
        for _ in 0..READINGS {
            let files = u64::try_from(gateway.open_files()).unwrap();
            read.push((gateway.resident_bytes(), files));
            thread::sleep(between);
        }
        let middle = |of: fn(&(u64, u64)) -> u64| {
            let mut sorted: Vec<u64> = read.iter().map(of).collect();
            sorted.sort();
            sorted[READINGS / 2]
        };
        let row = Row { resident: middle(|one| one.0), files: middle(|one| one.1) };
        if self.rows.is_empty() {
            println!(
                "| turn | what broke   | process | sent   | legs owed | not there yet | queue | MiB | files |\n|---|---|---|---|---|---|---|---|---|"
            );
        }
        let counts = ledger.counts();
        println!(
            "| {:4} | {label:12} | {:7} | {:6} | {:9} | {:13} | {:5} | {:3} | {:5} |",
            self.rows.len() + 1,
            gateway.pid(),
            counts.sent,
            counts.owed,
            counts.open,
            gateway.queue().len(),
            row.resident >> 20,
            row.files
        );
        self.rows.push(row);
    }

    /// What the last third has more of than the second.
    pub(crate) fn growth(&self) -> Vec<String> {
        let third = self.rows.len() / 3;
        let (second, last) = (&self.rows[third..2 * third], &self.rows[2 * third..]);
        let mean = |rows: &[Row], of: fn(&Row) -> u64| {
            rows.iter().map(of).sum::<u64>() / u64::try_from(rows.len()).unwrap()
        };
        let [resident, files]: [fn(&Row) -> u64; 2] = [|row| row.resident, |row| row.files];
        let mut wrong = Vec::new();
        for (name, before, after, slack) in [
            ("resident bytes", mean(second, resident), mean(last, resident), RESIDENT_SLACK),
            ("open files", mean(second, files), mean(last, files), FILES_SLACK),
        ] {
            println!("{name}: {before} in the second third, {after} in the last");
            if after > before + before / 10 + slack {
                wrong.push(format!(
                    "{name} grow: {before} in the second third, {after} in the last"
                ));
            }
        }
        wrong
    }
}
