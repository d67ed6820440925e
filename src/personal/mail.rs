//! All texts of one mail read together: what is in each part, and how many persons there are in all.
//!
//! A number that stands in the sheet, in the text of the same document and in the body is one person. Special categories need a person somewhere in the mail.

use super::{
    Confidence, Found, Kind, Scope, Summary,
    fold::Folded,
    members::{self, Said},
    scan::scan,
    secrets::Secret,
    special::{self, Special},
    summary::summarise,
    tables::{self, Register},
};
use crate::base::{hidden::Hidden, limits};
use std::{
    collections::{BTreeMap, BTreeSet, HashSet},
    ops::Range,
};

/// One text of a mail.
#[derive(Debug, Clone, Copy)]
pub struct Piece<'a> {
    /// The part it is from.
    pub part: &'a str,
    /// The text.
    pub text: &'a str,
    /// What it is.
    pub is: PieceIs,
}

/// What a text of a mail is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PieceIs {
    /// What somebody reads.
    Text,
    /// Sheets: tables, cells parted by tabs.
    Sheets,
    /// A subject or a file name.
    Name,
}

/// What a mail holds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// By part and kind, in the order of the mail.
    pub lines: Vec<Line>,
    /// Different persons over the whole mail: numbers of which one can be sure enough, and rows of registers without numbers.
    pub persons: u32,
}

/// What a part holds of one kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// The part.
    pub part: String,
    /// The sum.
    pub sum: Summary,
    /// How many of the places are in text that the mail quotes: what stands there has been sent before.
    pub quoted: u32,
    /// The values, in the order of the masks; for tuning by hand alone.
    pub values: Vec<Hidden<String>>,
}

/// What was found in one piece.
struct Read<'a> {
    piece: Piece<'a>,
    found: Vec<Found>,
    registers: Vec<Register>,
}

/// Reads all texts of a mail.
pub fn read(pieces: &[Piece<'_>], scope: &Scope<'_>) -> Report {
    let mut report = Report::default();
    let mut all: Vec<Read<'_>> = Vec::new();
    for piece in pieces {
        let mut found = Vec::new();
        if piece.is != PieceIs::Sheets {
            scan(piece.text, scope, &mut found);
        }
        let in_tables = match piece.is {
            PieceIs::Name => tables::InTables::default(),
            PieceIs::Text | PieceIs::Sheets => tables::read(piece.text, scope),
        };
        let known: HashSet<(Kind, &Hidden<String>)> =
            in_tables.found.iter().map(|one| (one.kind, &one.value)).collect();
        // What a table says of a number holds for the same number in the running text of the document.
        found.retain(|one| !known.contains(&(one.kind, &one.value)));
        let in_sheets = all
            .iter()
            .filter(|read| read.piece.is == PieceIs::Sheets && read.piece.part == piece.part);
        let in_sheets: HashSet<&str> =
            in_sheets.flat_map(|read| &read.found).map(|one| one.value.expose().as_str()).collect();
        found.retain(|one| !in_sheets.contains(one.value.expose().as_str()));
        found.extend(in_tables.found);
        all.push(Read { piece: *piece, found, registers: in_tables.registers });
    }
    for read in &all {
        for sum in summarise(&read.found) {
            let doubtful = sum.confidence == Confidence::Low;
            let of = read.found.iter().filter(|one| {
                one.kind.word() == sum.kind && (one.confidence == Confidence::Low) == doubtful
            });
            let of: Vec<&Found> = of.collect();
            let quoted = of.iter().filter(|one| is_quoted(read.piece.text, one.span.start)).count();
            let values = of.into_iter().map(|one| one.value.clone()).collect();
            report.push(read.piece.part, sum, values);
            if let Some(line) = report.lines.last_mut() {
                line.quoted = u32::try_from(quoted).unwrap_or(u32::MAX);
            }
        }
        for register in &read.registers {
            let sum = Summary {
                kind: "register",
                count: register.rows,
                persons: register.rows,
                confidence: register.confidence,
                masked: Vec::new(),
            };
            report.push(read.piece.part, sum, Vec::new());
        }
    }
    report.persons = persons(&all);
    let is_born = |one: &Found| one.kind == Kind::BirthDate && one.confidence > Confidence::Low;
    let born = all.iter().flat_map(|read| &read.found).any(is_born);
    if report.persons > 0 || born {
        for (part, special, confidence) in specials(&all, scope) {
            // A date of birth says of whom the words beside it speak, and no more.
            let confidence = match (report.persons, confidence) {
                (1.., confidence) => confidence,
                (0, Confidence::High) => Confidence::Medium,
                (0, Confidence::Medium | Confidence::Low) => continue,
            };
            let sum = Summary {
                kind: special.word(),
                count: 1,
                persons: 0,
                confidence,
                masked: Vec::new(),
            };
            report.push(part, sum, Vec::new());
        }
    }
    for piece in pieces {
        report.secrets(piece, scope);
    }
    report
}

impl Report {
    fn push(&mut self, part: &str, sum: Summary, values: Vec<Hidden<String>>) {
        if self.lines.len() < limits::PERSONAL_LINES_MAX {
            self.lines.push(Line { part: part.to_string(), sum, quoted: 0, values });
        }
    }

    fn secrets(&mut self, piece: &Piece<'_>, scope: &Scope<'_>) {
        let mut kinds: BTreeMap<Secret, (Summary, Vec<Hidden<String>>)> = BTreeMap::new();
        for one in scope.words.secrets(piece.text) {
            let new = || Summary {
                kind: one.kind.word(),
                count: 0,
                persons: 0,
                confidence: one.confidence,
                masked: vec!["********".to_string()],
            };
            let (sum, values) = kinds.entry(one.kind).or_insert_with(|| (new(), Vec::new()));
            sum.count = sum.count.saturating_add(1);
            sum.confidence = sum.confidence.max(one.confidence);
            values.push(one.value);
        }
        for (_, (sum, values)) in kinds {
            self.push(piece.part, sum, values);
        }
    }
}

/// Does the line begin as those do that a reply quotes?
fn is_quoted(text: &str, at: usize) -> bool {
    let Some(before) = text.get(..at) else { return false };
    let line = before.rfind('\n').map_or(0, |newline| newline + 1);
    text.get(line..).is_some_and(|line| line.trim_start_matches(' ').starts_with('>'))
}

/// Different numbers of persons that one can be sure enough of; or the rows of the longest register, if those are more.
fn persons(all: &[Read<'_>]) -> u32 {
    let numbers: BTreeSet<&str> = all
        .iter()
        .flat_map(|read| &read.found)
        .filter(|one| one.confidence > Confidence::Low && one.kind.is_of_a_person())
        .map(|one| one.value.expose().as_str())
        .collect();
    let rows = all.iter().flat_map(|read| &read.registers).map(|register| register.rows).max();
    u32::try_from(numbers.len()).unwrap_or(u32::MAX).max(rows.unwrap_or_default())
}

/// The categories of each part, the first part of each with the surest place.
fn specials<'a>(all: &[Read<'a>], scope: &Scope<'_>) -> Vec<(&'a str, Special, Confidence)> {
    let mut found: BTreeMap<Special, (&'a str, Confidence)> = BTreeMap::new();
    for read in all {
        let folded = Folded::of(read.piece.text, 0..read.piece.text.len());
        let mut terms: BTreeMap<Special, Vec<Range<usize>>> = BTreeMap::new();
        for (special, at) in scope.words.special(folded.text()) {
            terms.entry(special).or_default().push(folded.original(at, read.piece.text));
        }
        let sure = read.found.iter().filter(|one| one.confidence > Confidence::Low);
        let places: Vec<Range<usize>> = sure.map(|one| one.span.clone()).collect();
        for (special, at) in terms {
            // In a register it speaks of everybody in it.
            let confidence = match read.registers.is_empty() {
                true => special::confidence(&at, &places),
                false => Confidence::High,
            };
            let best = found.entry(special).or_insert((read.piece.part, confidence));
            if confidence > best.1 {
                *best = (read.piece.part, confidence);
            }
        }
    }
    for (part, special, confidence) in of_members(all, scope) {
        let best = found.entry(special).or_insert((part, confidence));
        if confidence > best.1 {
            *best = (part, confidence);
        }
    }
    found.into_iter().map(|(special, (part, confidence))| (part, special, confidence)).collect()
}

/// What registers say of everybody in them by being lists of members.
fn of_members<'a>(all: &[Read<'a>], scope: &Scope<'_>) -> Vec<(&'a str, Special, Confidence)> {
    if all.iter().all(|read| read.registers.is_empty()) {
        return Vec::new();
    }
    let pieces = |is: PieceIs| all.iter().map(|read| &read.piece).filter(move |one| one.is == is);
    let named = |piece: &Piece<'a>| (piece.part, scope.words.members(piece.text));
    let names: Vec<(&str, Said)> = pieces(PieceIs::Name).map(named).collect();
    let texts = pieces(PieceIs::Text).map(|piece| scope.words.members(piece.text));
    let texts = texts.fold(Said::default(), Said::and);
    let mut specials = Vec::new();
    for read in all {
        let part = read.piece.part;
        let names = names.iter().filter(|(of, _)| *of == SUBJECT || is_within(part, of));
        let names: Vec<&Said> = names.map(|(_, said)| said).collect();
        for register in &read.registers {
            let title = scope.words.members(&register.title);
            let headings = scope.words.members(&register.headings).of_a_row();
            let titles: Vec<&Said> = names.iter().copied().chain([&title, &headings]).collect();
            for (special, confidence) in members::specials(&titles, &texts) {
                // No surer than that it is a register.
                specials.push((part, special, confidence.min(register.confidence)));
            }
        }
    }
    specials
}

/// Is a part another one, or in it? `2.1` is in `2`.
fn is_within(part: &str, of: &str) -> bool {
    part.strip_prefix(of).is_some_and(|rest| !rest.starts_with(char::is_alphanumeric))
}

/// The part of the subject, which speaks of the whole mail.
const SUBJECT: &str = "header";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::personal::{Date, Words};

    fn told(pieces: &[(&str, &str, PieceIs)]) -> (Vec<String>, u32) {
        let words = Words::shipped().unwrap();
        let scope = Scope::new(&words, Date::new(2026, 11, 21).unwrap());
        let pieces: Vec<Piece<'_>> =
            pieces.iter().map(|(part, text, is)| Piece { part, text, is: *is }).collect();
        let report = read(&pieces, &scope);
        let lines = report.lines.iter().map(|line| {
            format!(
                "{} {} {} {} {}",
                line.part,
                line.sum.kind,
                line.sum.count,
                line.sum.persons,
                line.sum.confidence.word()
            )
        });
        (lines.collect(), report.persons)
    }

    #[test]
    fn a_person_in_several_parts_is_one() {
        let (lines, persons) = told(&[
            ("header", "Om 900102-9819", PieceIs::Name),
            ("1", "Hej, det gäller personnummer 900102-9819.", PieceIs::Text),
            (
                "2",
                "Namn\tPersonnummer\nAnna Ek\t900102-9819\nBo Al\t900101-9802\n",
                PieceIs::Sheets,
            ),
            ("2", "Namn Personnummer Anna Ek 900102-9819 Bo Al 900101-9802", PieceIs::Text),
        ]);
        assert_eq!(
            lines,
            [
                "header se.personnummer 1 1 medium",
                "1 se.personnummer 1 1 high",
                "2 se.personnummer 2 2 high",
                "2 register 2 2 high",
            ]
        );
        assert_eq!(persons, 2);
    }

    #[test]
    fn words_of_health_need_a_person() {
        let sick = "Anna är sjukskriven för depression till fredag.";
        assert_eq!(told(&[("1", sick, PieceIs::Text)]).0, [""; 0]);
        let (lines, _) =
            told(&[("1", &format!("Personnummer 900102-9819. {sick}"), PieceIs::Text)]);
        assert_eq!(lines, ["1 se.personnummer 1 1 high", "1 special.health 1 0 high"]);
        let (lines, _) =
            told(&[("1", sick, PieceIs::Text), ("2", "pnr 900102-9819", PieceIs::Text)]);
        assert_eq!(lines, ["2 se.personnummer 1 1 high", "1 special.health 1 0 medium"]);
    }

    #[test]
    fn a_date_of_birth_is_nobody_but_says_of_whom_words_beside_it_speak() {
        let born = "Födelsedatum: 1985-07-09.";
        assert_eq!(
            told(&[("1", born, PieceIs::Text)]),
            (vec!["1 birth-date 1 1 medium".to_string()], 0)
        );
        let (lines, persons) =
            told(&[("1", &format!("{born} Anna är sjukskriven."), PieceIs::Text)]);
        assert_eq!(lines, ["1 birth-date 1 1 medium", "1 special.health 1 0 medium"]);
        assert_eq!(persons, 0);
        // Further off they may speak of somebody else, and "born" may stand before anybody's date.
        for (text, other) in [
            (born.to_string(), "En notis om sjukskrivningar."),
            ("Anna, född 1985-07-09.".to_string(), "Sjukskriven."),
        ] {
            let (lines, _) = told(&[("1", &text, PieceIs::Text), ("2", other, PieceIs::Text)]);
            assert_eq!(lines.len(), 1, "{lines:?}");
        }
        let beside = "Personnummer 900102-9819, födelsedatum 1990-01-02";
        assert_eq!(told(&[("1", beside, PieceIs::Text)]).1, 1);
    }

    #[test]
    fn what_is_quoted_is_told_apart() {
        let words = Words::shipped().unwrap();
        let scope = Scope::new(&words, Date::new(2026, 11, 21).unwrap());
        let text = "Tack!\n> Personnummer 900102-9819\n>> pnr 900101-9802\nOch pnr 900103-9800\n";
        let report = read(&[Piece { part: "1", text, is: PieceIs::Text }], &scope);
        let told: Vec<_> = report.lines.iter().map(|line| (line.sum.count, line.quoted)).collect();
        assert_eq!(told, [(3, 2)]);
    }

    #[test]
    fn secrets_need_nobody() {
        let (lines, persons) = told(&[("1", "Lösenord: Sommar2026!", PieceIs::Text)]);
        assert_eq!((lines, persons), (vec!["1 secret.password 1 0 high".to_string()], 0));
    }

    #[test]
    fn nothing_shown_holds_a_value() {
        let words = Words::shipped().unwrap();
        let scope = Scope::new(&words, Date::new(2026, 11, 21).unwrap());
        let pieces = [Piece {
            part: "1",
            text: "pnr 900102-9819, lösenord: Sommar2026!",
            is: PieceIs::Text,
        }];
        let shown = format!("{:?}", read(&pieces, &scope));
        assert!(!shown.contains("9819") && !shown.contains("Sommar"), "{shown}");
    }
}
