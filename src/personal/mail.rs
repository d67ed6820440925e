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
    cell::OnceCell,
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
    /// The subject of the mail: what its text is about.
    Subject,
    /// A file name, or the subject of a mail within.
    Name,
    /// Who writes, or to whom: looked at for numbers alone.
    Address,
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
    /// Where they stand.
    tables: Vec<Range<usize>>,
    /// Where it speaks of special categories, once somebody wants to know.
    terms: OnceCell<Vec<(Special, Range<usize>)>>,
}

impl Read<'_> {
    /// Where it speaks of special categories, in the order of the text.
    fn terms(&self, scope: &Scope<'_>) -> &[(Special, Range<usize>)] {
        self.terms.get_or_init(|| {
            let text = self.piece.text;
            let folded = Folded::of(text, 0..text.len());
            let terms = scope.words.special(folded.text()).into_iter();
            let mut terms: Vec<_> =
                terms.map(|(special, at)| (special, folded.original(at, text))).collect();
            terms.sort_by_key(|(_, at)| at.start);
            terms
        })
    }
}

/// Reads all texts of a mail.
pub fn read(pieces: &[Piece<'_>], scope: &Scope<'_>) -> Report {
    let mut all: Vec<Read<'_>> = Vec::new();
    for piece in pieces {
        let read = read_piece(piece, &all, scope);
        all.push(read);
    }
    all.iter_mut().for_each(|read| raise_beside_specials(read, scope));
    let mut report = Report::default();
    for read in &all {
        report.add_found(read);
        report.add_registers(read);
    }
    report.persons = persons(&all);
    report.add_specials(&all, scope);
    report.add_secrets(pieces, scope);
    report
}

/// What is in one text, without what the sheets of the same part have said already.
fn read_piece<'a>(piece: &Piece<'a>, before: &[Read<'_>], scope: &Scope<'_>) -> Read<'a> {
    let mut found = Vec::new();
    match piece.is {
        PieceIs::Text => scan(piece.text, scope, &mut found),
        PieceIs::Subject | PieceIs::Name | PieceIs::Address => {
            scan(&parted(piece.text), scope, &mut found);
        }
        PieceIs::Sheets => (),
    }
    let in_tables = match piece.is {
        PieceIs::Subject | PieceIs::Name | PieceIs::Address => tables::InTables::default(),
        PieceIs::Text | PieceIs::Sheets => tables::read(piece.text, scope),
    };
    if piece.is == PieceIs::Sheets
        && in_tables.found.is_empty()
        && piece.text.len() <= SMALL_SHEET_BYTES_MAX
    {
        // A form, or a few cells: what they are called stands beside them.
        scan(piece.text, scope, &mut found);
    }
    deny(piece.text, &mut found, &in_tables.denied);
    let known: HashSet<(Kind, &Hidden<String>)> =
        in_tables.found.iter().map(|one| (one.kind, &one.value)).collect();
    // What a table says of a number holds for the same number in the running text of the document.
    found.retain(|one| !known.contains(&(one.kind, &one.value)));
    let in_sheets = before
        .iter()
        .filter(|read| read.piece.is == PieceIs::Sheets && read.piece.part == piece.part);
    let in_sheets: HashSet<&str> =
        in_sheets.flat_map(|read| &read.found).map(|one| one.value.expose().as_str()).collect();
    found.retain(|one| !in_sheets.contains(one.value.expose().as_str()));
    found.extend(in_tables.found);
    Read {
        piece: *piece,
        found,
        registers: in_tables.registers,
        tables: in_tables.places,
        terms: OnceCell::new(),
    }
}

/// A file's name with spaces where its parts are glued, `lonespec_850709-9805-202503.txt`; a hyphen within a number stays. As long as it was.
fn parted(name: &str) -> String {
    let digits_before = |at: usize| {
        let before = name.as_bytes().get(..at).unwrap_or_default();
        before.iter().rev().take_while(|byte| byte.is_ascii_digit()).count()
    };
    let digits_behind = |at: usize| {
        let behind = name.as_bytes().get(at + 1..).unwrap_or_default();
        behind.iter().take_while(|byte| byte.is_ascii_digit()).count()
    };
    let glued = |at: usize| {
        let is_word = |at: Option<usize>| {
            at.and_then(|at| name.as_bytes().get(at)).is_some_and(u8::is_ascii_alphanumeric)
        };
        is_word(at.checked_sub(1)) && is_word(at.checked_add(1))
    };
    let within = |at: usize| {
        matches!(
            (digits_before(at), digits_behind(at)),
            (6 | 8, 4 | 5) | (6, 3) | (4, 2) | (2, 2) | (2, 4)
        )
    };
    let letter = |(at, letter): (usize, char)| match letter {
        '_' => ' ',
        '-' if glued(at) && !within(at) => ' ',
        letter => letter,
    };
    name.char_indices().map(letter).collect()
}

/// How much of a text is read together with the subject.
const UNDER_SUBJECT_BYTES_MAX: usize = 400;
/// Cells of a form, and no more.
const SMALL_SHEET_BYTES_MAX: usize = 4 << 10;

/// What a column's heading says is something else is doubtful at most.
fn deny(text: &str, found: &mut [Found], denied: &[(Range<usize>, HashSet<String>)]) {
    for one in found.iter_mut().filter(|_| !denied.is_empty()) {
        // Tables stand one behind the other.
        let next = denied.partition_point(|(place, _)| place.start <= one.span.start);
        let table = next.checked_sub(1).and_then(|at| denied.get(at));
        let Some((place, cells)) = table else { continue };
        let written = text.get(one.span.clone()).unwrap_or_default();
        let digits: String = written.chars().filter(char::is_ascii_digit).collect();
        if one.span.end <= place.end && cells.contains(&digits) {
            one.confidence = Confidence::Low;
        }
    }
}

impl Report {
    fn push(&mut self, part: &str, sum: Summary, values: Vec<Hidden<String>>) {
        if self.lines.len() < limits::PERSONAL_LINES_MAX {
            self.lines.push(Line { part: part.to_string(), sum, quoted: 0, values });
        }
    }

    /// What is in a text, by kind; what is doubtful apart.
    fn add_found(&mut self, read: &Read<'_>) {
        for sum in summarise(&read.found) {
            let doubtful = sum.confidence == Confidence::Low;
            let of = read.found.iter().filter(|one| {
                one.kind.word() == sum.kind && (one.confidence == Confidence::Low) == doubtful
            });
            let of: Vec<&Found> = of.collect();
            let quoted = of.iter().filter(|one| is_quoted(read.piece.text, one.span.start)).count();
            let values = of.into_iter().map(|one| one.value.clone()).collect();
            self.push(read.piece.part, sum, values);
            if let Some(line) = self.lines.last_mut() {
                line.quoted = u32::try_from(quoted).unwrap_or(u32::MAX);
            }
        }
    }

    fn add_registers(&mut self, read: &Read<'_>) {
        for register in &read.registers {
            let sum = Summary {
                kind: "register",
                count: register.rows,
                persons: register.rows,
                confidence: register.confidence,
                masked: Vec::new(),
            };
            self.push(read.piece.part, sum, Vec::new());
        }
    }

    /// Special categories, if there is somebody of whom they may speak.
    fn add_specials(&mut self, all: &[Read<'_>], scope: &Scope<'_>) {
        let is_born = |read: &Read<'_>| {
            read.found.iter().any(|one| {
                one.kind == Kind::BirthDate
                    && (one.confidence > Confidence::Low
                        || is_named(read.piece.text, one.span.start))
            })
        };
        if self.persons == 0 && !all.iter().any(is_born) {
            return;
        }
        for (part, special, confidence) in specials(all, scope) {
            // A date of birth says of whom the words beside it speak, and no more.
            let confidence = match (self.persons, confidence) {
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
            self.push(part, sum, Vec::new());
        }
    }

    /// The first text is read with the subject.
    fn add_secrets(&mut self, pieces: &[Piece<'_>], scope: &Scope<'_>) {
        let subject = pieces.iter().find(|piece| piece.is == PieceIs::Subject);
        let is_read =
            |piece: &Piece<'_>| piece.is == PieceIs::Text && !piece.text.trim().is_empty();
        let first = pieces.iter().position(is_read);
        for (at, piece) in pieces.iter().enumerate() {
            let subject = subject.filter(|_| Some(at) == first).map(|subject| subject.text);
            if piece.is != PieceIs::Address {
                self.add_secrets_of(piece, subject, scope);
            }
        }
    }

    /// What stands under a subject may be named there and nowhere else: "Password for the printer", and then nothing but it.
    fn add_secrets_of(&mut self, piece: &Piece<'_>, subject: Option<&str>, scope: &Scope<'_>) {
        let mut found = scope.words.secrets(piece.text);
        if let Some(subject) = subject {
            let text = piece.text.trim_start();
            let head = text.get(..text.floor_char_boundary(UNDER_SUBJECT_BYTES_MAX));
            let under = format!("{subject}\n{}", head.unwrap_or_default());
            let new = scope.words.secrets(&under).into_iter().filter(|one| {
                !subject.contains(one.value.expose())
                    && found.iter().all(|had| had.value != one.value)
            });
            let new: Vec<_> = new.collect();
            found.extend(new);
        }
        let mut kinds: BTreeMap<Secret, (Summary, Vec<Hidden<String>>)> = BTreeMap::new();
        for one in found {
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
    let numbers: BTreeSet<String> = all
        .iter()
        .flat_map(|read| &read.found)
        .filter(|one| one.confidence > Confidence::Low && one.kind.is_of_a_person())
        .map(|one| digits_of(one.value.expose()))
        .collect();
    let rows = all.iter().flat_map(|read| &read.registers).map(|register| register.rows).max();
    u32::try_from(numbers.len()).unwrap_or(u32::MAX).max(rows.unwrap_or_default())
}

/// A number, whichever of its countries it was read as in one part or another: Swedish and Danish ones may be the same ten digits.
pub fn digits_of(value: &str) -> String {
    let bare = value.replace('-', "");
    match bare.bytes().all(|byte| byte.is_ascii_digit()) && matches!(bare.len(), 10 | 12) {
        true => bare.get(bare.len() - 10..).unwrap_or_default().to_string(),
        false => value.to_string(),
    }
}

/// Does a name of two words stand right before this place: "Anna Berg, born"?
fn is_named(text: &str, at: usize) -> bool {
    let Some(before) = text.get(..at) else { return false };
    let from = before.ceil_char_boundary(before.len().saturating_sub(NAME_BYTES_MAX));
    let words = before
        .get(from..)
        .unwrap_or_default()
        .split(|letter: char| !letter.is_alphabetic() && letter != '-');
    let words: Vec<&str> = words.filter(|word| !word.is_empty()).collect();
    let is_name = |word: &&str| {
        word.chars().count() >= 2 && word.chars().next().is_some_and(char::is_uppercase)
    };
    words.windows(2).any(|pair| pair.iter().all(is_name))
}

/// A long name, a word for "born" and what stands between.
const NAME_BYTES_MAX: usize = 64;

/// Does a term stand in a table, or right above it?
fn is_about(table: &Range<usize>, term: &Range<usize>) -> bool {
    term.start < table.end && term.end + TITLE_BYTES >= table.start
}

/// A heading and a line above a table.
const TITLE_BYTES: usize = 240;

/// A number of which the check digit alone speaks is somebody's where a category is spoken of beside it.
fn raise_beside_specials(read: &mut Read<'_>, scope: &Scope<'_>) {
    let doubtful = |one: &Found| one.confidence == Confidence::Low && one.kind.is_of_a_person();
    if read.piece.is == PieceIs::Address || !read.found.iter().any(doubtful) {
        return;
    }
    let terms: Vec<Range<usize>> = read.terms(scope).iter().map(|(_, at)| at.clone()).collect();
    for one in read.found.iter_mut().filter(|one| doubtful(one)) {
        if special::nearest(&terms, &one.span).is_some_and(|gap| gap <= BESIDE_BYTES) {
            one.confidence = Confidence::Medium;
        }
    }
}

/// In the same sentence, mostly.
const BESIDE_BYTES: usize = 160;

/// The categories of each part, the first part of each with the surest place.
fn specials<'a>(all: &[Read<'a>], scope: &Scope<'_>) -> Vec<(&'a str, Special, Confidence)> {
    let mut found: BTreeMap<Special, (&'a str, Confidence)> = BTreeMap::new();
    for read in all.iter().filter(|read| read.piece.is != PieceIs::Address) {
        let mut terms: BTreeMap<Special, Vec<Range<usize>>> = BTreeMap::new();
        for (special, at) in read.terms(scope) {
            terms.entry(*special).or_default().push(at.clone());
        }
        // "Born" and a day is said of houses as well: of somebody, where such a word stands beside it.
        let sure = read.found.iter().filter(|one| {
            one.confidence > Confidence::Low
                || (one.kind == Kind::BirthDate && is_named(read.piece.text, one.span.start))
        });
        let mut places: Vec<Range<usize>> = sure.map(|one| one.span.clone()).collect();
        places.sort_by_key(|place| place.start);
        for (special, at) in terms {
            // In a register it speaks of everybody in it.
            let in_register = read.piece.is == PieceIs::Sheets
                || at.iter().any(|term| read.tables.iter().any(|table| is_about(table, term)));
            let confidence = match !read.registers.is_empty() && in_register {
                true => Confidence::High,
                false => special::confidence(&at, &places),
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

    /// What is told of special categories beside one number.
    fn special(text: &str) -> Vec<String> {
        let (lines, _) = told(&[("1", &format!("Anna, 900102-9819. {text}"), PieceIs::Text)]);
        let kinds = lines.iter().filter_map(|line| line.split(' ').nth(1));
        kinds.filter_map(|kind| kind.strip_prefix("special.")).map(str::to_string).collect()
    }

    #[test]
    fn everyday_words_speak_of_special_categories_in_every_language() {
        for (text, want) in [
            ("Hon är hemma med magsjuka.", "health"),
            ("Han har gått in i väggen.", "health"),
            ("Hun har møtt veggen.", "health"),
            ("Hun er gået ned med stress.", "health"),
            ("Hän on loppuun palanut.", "health"),
            ("She is burnt out.", "health"),
            ("Han har gått ur Unionen.", "union"),
            ("Hän on eronnut PAMista.", "union"),
            ("Hun er medlem af FOA.", "union"),
            ("Hon har begärt utträde ur Svenska kyrkan.", "religion"),
            ("Hän on vasemmistoliiton jäsen.", "politics"),
            ("Han står på listen til Fremskrittspartiet.", "politics"),
            ("Hon söker asyl.", "ethnic-origin"),
            ("Han har fotboja till november.", "criminal"),
            ("He was remanded in custody.", "criminal"),
        ] {
            assert!(special(text).contains(&want.to_string()), "{text}: {:?}", special(text));
        }
    }

    #[test]
    fn what_is_said_in_general_or_of_something_else_is_about_nobody() {
        for text in [
            "Vid sjukfrånvaro ringer du din chef. Läkarintyg krävs från dag 8.",
            "Vi följer diskrimineringslagen: kön, etnisk tillhörighet, religion, sexuell läggning.",
            "Diagnostik AB har ett nytt avtal.",
            "Hon skriver om Unionen och dess medlemmar.",
            "Facket. Han är medlem i golfklubben.",
            "He was charged with a fee of 40 euro.",
            "Allergimat serveres i kantinen.",
        ] {
            assert_eq!(special(text), [""; 0], "{text}");
        }
    }

    #[test]
    fn a_name_with_a_day_of_birth_is_somebody_where_a_category_stands_beside_it() {
        for text in [
            "Göran Lindqvist, född 1963-12-23, är sjukskriven till april.",
            "Göran Lindqvist, född 631223, är sjukskriven till april.",
            "Kari Hansen (f. 24.05.1979) er sykmeldt.",
            "Grace Wright, born 23 January 1997, is on sick leave.",
        ] {
            let (lines, persons) = told(&[("1", text, PieceIs::Text)]);
            assert!(
                lines.contains(&"1 special.health 1 0 medium".to_string()),
                "{text}: {lines:?}"
            );
            assert_eq!(persons, 0);
        }
        // A house was built on a day as well.
        let (lines, _) = told(&[("1", "Huset, född 1963-12-23, är gult.", PieceIs::Text)]);
        assert_eq!(lines, ["1 birth-date 1 1 low"]);
    }

    #[test]
    fn names_of_files_are_taken_apart() {
        for name in [
            "lonespec-900102-9819-202503.txt",
            "lonespec_900102-9819_202503.txt",
            "20250301_900102-9819.txt",
            "lon-199001029819-202503.txt",
            "Re: 1990-01-02-9819",
        ] {
            let (_, persons) = told(&[("2", name, PieceIs::Name)]);
            assert_eq!(persons, 1, "{name}");
        }
    }

    #[test]
    fn what_a_heading_denies_is_doubtful_at_most() {
        let rows: String = (1..=8).map(|at| format!("900102-98{at}9;Öppen\n")).collect();
        for heading in ["Ordernr", "Fakturanr", "Telefon"] {
            let text = format!("{heading};Status\n900102-9819;Klar\n{rows}");
            let (lines, persons) = told(&[("1", &text, PieceIs::Text)]);
            assert_eq!(persons, 0, "{heading}: {lines:?}");
        }
    }

    #[test]
    fn a_doubtful_number_beside_a_category_is_somebody_s() {
        let number = |text: &str| {
            let (lines, persons) = told(&[("1", text, PieceIs::Text)]);
            (lines.iter().any(|line| line.contains("special.")), persons)
        };
        assert_eq!(number("Anna Berg 9001029819 är sjukskriven."), (true, 1));
        assert_eq!(number("Anna Berg 9001029819 har ny nyckel."), (false, 0));
        assert_eq!(number("Hon arbetar som skötare på psykiatrin, 900102-9819."), (false, 1));
        assert_eq!(number("Hon arbetar som lärare och är sjukskriven, 900102-9819."), (true, 1));
    }
}
