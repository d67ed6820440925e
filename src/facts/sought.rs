//! Whom a client asked for beside those whom a mail came to: addresses that no person has, and addresses that do not exist.

use serde::{Deserialize, Serialize};

/// How a client found the addresses that it wrote to. Counted on its connection, up to this mail.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sought {
    /// Spam traps among the recipients of this mail.
    pub traps: u32,
    /// Recipients that do not exist and are no slip of the pen.
    pub unknown: u32,
    /// Recipients that exist.
    pub existing: u32,
}

impl Sought {
    /// Does the client try which addresses there are? More of them were none than were, and more than a list that is a little old has.
    pub fn guesses(self, unknown_min: u32) -> bool {
        self.unknown >= unknown_min && self.unknown > self.existing
    }
}

/// Is one local part the other with a slip of the pen: a letter wrong, missing or too many, or two that changed places?
pub fn is_slip(written: &str, meant: &str) -> bool {
    let written: Vec<char> = written.to_lowercase().chars().collect();
    let meant: Vec<char> = meant.to_lowercase().chars().collect();
    let alike =
        |one: &mut dyn Iterator<Item = (&char, &char)>| one.take_while(|(a, b)| a == b).count();
    let begin = alike(&mut written.iter().zip(&meant));
    let most = written.len().min(meant.len()) - begin;
    let end = alike(&mut written.iter().rev().zip(meant.iter().rev())).min(most);
    let differs = |letters: &[char]| -> Vec<char> {
        letters.get(begin..letters.len() - end).unwrap_or_default().to_vec()
    };
    match (differs(&written).as_slice(), differs(&meant).as_slice()) {
        ([a, b], [c, d]) => (a, b) == (d, c),
        (written, meant) => written.len() <= 1 && meant.len() <= 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_is_one_letter_or_two_that_changed_places() {
        for (written, meant, want) in [
            ("anna", "Anna", true),
            ("ana", "anna", true),
            ("annna", "anna", true),
            ("amna", "anna", true),
            ("anan", "anna", true),
            ("aanna", "anna", true),
            ("bo", "anna", false),
            ("anne", "anna", true),
            ("anneli", "anna", false),
            ("", "", true),
            ("a", "", true),
            ("öva", "eva", true),
        ] {
            assert_eq!(is_slip(written, meant), want, "{written} {meant}");
        }
    }

    #[test]
    fn who_asks_for_more_that_are_none_guesses() {
        for (unknown, existing, want) in
            [(3, 2, true), (3, 3, false), (2, 0, false), (40, 1, true), (0, 0, false)]
        {
            let sought = Sought { traps: 0, unknown, existing };
            assert_eq!(sought.guesses(3), want, "{unknown} {existing}");
        }
    }
}
