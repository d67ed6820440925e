//! What commands write: tables that line up, and nothing that could steer a terminal.

use crate::base::hidden::Hidden;
use std::io::{self, Write};

/// Writes a line to standard output. A reader that has gone away (`| head`) is no error.
pub(super) fn line(text: &str) -> Result<(), String> {
    match writeln!(io::stdout().lock(), "{text}") {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => std::process::exit(0),
        Err(error) => Err(error.to_string()),
    }
}

/// Writes rows under a heading, each column as wide as its widest cell.
pub(super) fn table(heading: &[&str], rows: &[Vec<String>]) -> Result<(), String> {
    let all: Vec<Vec<String>> =
        std::iter::once(heading.iter().map(|cell| cell.to_string()).collect())
            .chain(rows.iter().map(|row| row.iter().map(|cell| tame(cell)).collect()))
            .collect();
    let widths: Vec<usize> = (0..heading.len())
        .map(|column| {
            all.iter()
                .filter_map(|row| row.get(column))
                .map(|cell| cell.chars().count())
                .max()
                .unwrap_or(0)
        })
        .collect();
    for row in &all {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}"));
        line(cells.collect::<Vec<_>>().join("  ").trim_end())?;
    }
    Ok(())
}

/// Text of strangers without control characters: a subject must not repaint the admin's terminal.
pub(super) fn tame(text: &str) -> String {
    text.chars().map(|letter| if letter.is_control() { '·' } else { letter }).collect()
}

/// The first `letters` letters, with a sign that there were more.
pub(super) fn short(text: &str, letters: usize) -> String {
    match text.chars().count() > letters {
        true => text.chars().take(letters.saturating_sub(1)).chain(['…']).collect(),
        false => text.to_string(),
    }
}

/// What a newcomer can do in trial mode; on standard error, so that scripts that wait for `ready` see only that.
pub(super) fn trial_hints(first_password: Option<&Hidden<String>>) {
    eprintln!(
        "Trial mode, loopback only. Mail to anybody at ours.example is taken on 127.0.0.1:2525 and ends in the Maildir\n\
         under the data folder; mail to the world goes by 127.0.0.1:2587. Admin pages: http://127.0.0.1:8025/"
    );
    if let Some(password) = first_password {
        eprintln!("{}", first_log_in(password));
    }
}

/// How to come in the first time. The password is shown only now.
pub(super) fn first_log_in(password: &Hidden<String>) -> String {
    format!("Log in there as admin with the password {} (shown only now).", password.expose())
}

/// A count with its thousands apart: `12,345`.
pub(super) fn number(count: u64) -> String {
    let digits = count.to_string();
    let mut shown = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            shown.push(',');
        }
        shown.push(digit);
    }
    shown
}

#[cfg(test)]
mod tests {
    #[test]
    fn thousands_stand_apart() {
        for (count, want) in [(0, "0"), (999, "999"), (1_000, "1,000"), (1_234_567, "1,234,567")] {
            assert_eq!(super::number(count), want);
        }
    }
}
