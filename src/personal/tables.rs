//! Registers: tables with a row for each person.
//!
//! What a heading says holds for every row below it, so a number is read as if its heading stood before it. Spreadsheets lose the zeros that numbers begin
//! with, and forms ask for birth date and the last four in two columns; both are put together again. A table with names and identity numbers, or with ten
//! names and how to reach them, is a register.
//!
//! A table is text: a row a line, cells parted by tabs, semicolons, bars or commas, all lines alike; a sheet comes as that from its document.

use super::{
    Confidence, Date, Found, Kind, Scope, bits, fold,
    scan::scan,
    words::{Label, Meaning},
};
use crate::base::limits;
use memchr::{memchr, memchr_iter, memmem};
use std::{collections::HashSet, ops::Range};

/// A table of persons.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Register {
    /// Rows below the heading.
    pub(super) rows: u32,
    /// How sure.
    pub(super) confidence: Confidence,
    /// What stands above it.
    pub(super) title: String,
    /// Its first row.
    pub(super) headings: String,
}

/// What the tables of a text hold.
#[derive(Debug, Default)]
pub(super) struct InTables {
    pub(super) found: Vec<Found>,
    pub(super) registers: Vec<Register>,
    /// Digits of cells whose heading says that they are something else, an order's, a telephone's; with the place of their table.
    pub(super) denied: Vec<(Range<usize>, HashSet<String>)>,
    /// Where registers stand.
    pub(super) places: Vec<Range<usize>>,
}

/// Reads the tables of a text.
pub(super) fn read(text: &str, scope: &Scope<'_>) -> InTables {
    let mut all = InTables::default();
    for (place, table) in tables(text) {
        let start = place.start;
        if all.registers.len() >= limits::REGISTERS_MAX {
            break;
        }
        let before = all.registers.len();
        // The name of a sheet may stand in its first cell, above the headings.
        let is_title = |row: &&Vec<String>| {
            row.iter().filter(|cell| !cell.is_empty()).count() <= 1 && !row.iter().any(has_digits)
        };
        let above = table.iter().take(TITLE_LINES_MAX).take_while(is_title).count();
        let rows = table.get(above..).unwrap_or_default();
        let read = Table::of(rows, scope);
        read.read(scope, &mut all);
        let denied = read.denied();
        if !denied.is_empty() {
            all.denied.push((place.clone(), denied));
        }
        if let Some(register) = all.registers.get_mut(before) {
            let own = table.get(..above).unwrap_or_default();
            register.title = title(text.get(..start).unwrap_or_default(), own);
            register.headings = rows.first().map(|row| row.join(BETWEEN)).unwrap_or_default();
            all.places.push(place);
        }
    }
    // A cell was read with its heading before it: where that is, is no place of the text.
    all.found.iter_mut().for_each(|one| one.span = usize::MAX..usize::MAX);
    all
}

/// A table with its headings understood.
struct Table<'t> {
    headings: Vec<Heading>,
    rows: &'t [Vec<String>],
}

/// What a column holds, as its heading has it.
struct Heading {
    /// As it was written, to stand before a number.
    written: String,
    /// It names identity numbers.
    names: bool,
    /// It says that they are something else.
    denies: bool,
    is: Option<Column>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Column {
    Name,
    Birth,
    /// The end of an identity number.
    Rest,
    /// The same, said so plainly that the date may be called anything: "last four".
    LastFour,
    /// Somebody, where the cells look like names: "participant".
    People,
    /// How to reach somebody.
    Contact,
}

impl<'t> Table<'t> {
    fn of(rows: &'t [Vec<String>], scope: &Scope<'_>) -> Table<'t> {
        let heading = |cell: &String| {
            let folded = fold::folded(cell);
            let labels = scope.words.labels(folded.as_bytes());
            let names = |label: &Label<'_>| matches!(label.meaning, Meaning::Names { .. });
            let denies = |label: &Label<'_>| matches!(label.meaning, Meaning::Denies);
            let names = labels.iter().any(names);
            Heading {
                names,
                denies: !names && labels.iter().any(denies),
                is: column(&folded),
                written: cell.clone(),
            }
        };
        match rows.split_first() {
            Some((first, rest))
                if !first.iter().any(|cell| has_digits(cell) || cell.contains('@')) =>
            {
                Table { headings: first.iter().map(heading).collect(), rows: rest }
            }
            Some(_) | None => Table { headings: Vec::new(), rows },
        }
    }

    fn read(&self, scope: &Scope<'_>, all: &mut InTables) {
        let before = all.found.len();
        let mut with_ids = 0_u32;
        for row in self.rows.iter().take(limits::REGISTER_ROWS_MAX) {
            let ids = all.found.len();
            self.read_row(row, scope, &mut all.found);
            let mut found = all.found.split_off(ids);
            // Whose number stands in the row was born on that day: it is no second thing to tell.
            let has_id = found.iter().any(|one| one.kind != Kind::BirthDate);
            found.retain(|one| !has_id || one.kind != Kind::BirthDate);
            all.found.append(&mut found);
            let found = all.found.get(ids..).unwrap_or_default();
            let found = found.iter().filter(|one| one.kind != Kind::BirthDate);
            with_ids += u32::from(found.into_iter().any(|one| one.confidence > Confidence::Low));
        }
        // A line under the headings, as in Markdown, is no row.
        let is_row =
            |row: &&Vec<String>| row.iter().any(|cell| cell.chars().any(char::is_alphanumeric));
        let rows = self.rows.iter().filter(is_row).count();
        let rows = u32::try_from(rows).unwrap_or(u32::MAX);
        let people: HashSet<&str> = all
            .found
            .get(before..)
            .unwrap_or_default()
            .iter()
            .filter(|one| one.kind != Kind::BirthDate)
            .map(|one| one.value.expose().as_str())
            .collect();
        let unheaded = self.headings.is_empty();
        let of_people = self.has(Column::People) && self.looks_named();
        let named = self.has(Column::Name) || of_people || (unheaded && self.looks_named());
        let reached = self.has(Column::Contact) || (unheaded && self.looks_reached());
        let born = match unheaded {
            true => self.looks_born(scope),
            false => self.has(Column::Birth) && !self.is_of_the_dead(),
        };
        // A column of diagnoses, of parties, of unions.
        let is_special = |heading: &Heading| {
            !scope.words.special(fold::folded(&heading.written).as_bytes()).is_empty()
        };
        let special = self.headings.iter().any(is_special);
        let mostly = with_ids.saturating_mul(2) >= rows;
        let confidence = match (named, people.len()) {
            (true, 2..) if mostly => Confidence::High,
            (_, people) if mostly && people >= limits::REGISTER_PERSONS_MIN => Confidence::High,
            (true, _) if rows >= LISTED_MIN && born => Confidence::High,
            (true, _) if rows >= LISTED_MIN && (reached || special) => Confidence::Medium,
            _ => return,
        };
        all.registers.push(Register {
            rows,
            confidence,
            title: String::new(),
            headings: String::new(),
        });
    }

    /// Digits of cells that their heading denies.
    fn denied(&self) -> HashSet<String> {
        let mut denied = HashSet::new();
        let is_contact = |heading: &Heading| heading.is == Some(Column::Contact) && !heading.names;
        for row in self.rows.iter().take(limits::REGISTER_ROWS_MAX) {
            let cells = row.iter().zip(&self.headings);
            for (cell, _) in cells.filter(|(_, heading)| heading.denies || is_contact(heading)) {
                let digits: String = cell.chars().filter(char::is_ascii_digit).collect();
                if digits.len() >= DENIED_DIGITS_MIN {
                    denied.insert(digits);
                }
            }
        }
        denied
    }

    fn read_row(&self, row: &[String], scope: &Scope<'_>, found: &mut Vec<Found>) {
        if self.headings.is_empty() {
            // Whatever a number is called then stands beside it, and says what it is not as well.
            scan(&row.join("; "), scope, found);
            return;
        }
        let mut birth = None;
        for (at, cell) in row.iter().enumerate() {
            let heading = self.headings.get(at);
            let digits = cell.bytes().filter(u8::is_ascii_digit).count();
            match heading.and_then(|heading| heading.is) {
                Some(Column::Birth) if (5..=8).contains(&digits) => birth = Some(cell.as_str()),
                Some(is @ (Column::Rest | Column::LastFour)) if (3..=5).contains(&digits) => {
                    // The date is on the left.
                    let left = at.checked_sub(1).and_then(|left| row.get(left));
                    let left =
                        left.filter(|left| is == Column::LastFour && is_a_date_in_one_piece(left));
                    if let Some(birth) = birth.or(left.map(String::as_str)) {
                        join(birth, cell, scope, found);
                    }
                    continue;
                }
                Some(Column::Contact) => continue,
                // "Fødselsdato" and "Personnr": the rest of the number, where there is no more of it.
                None if (4..=5).contains(&digits) && heading.is_some_and(|one| one.names) => {
                    if let Some(birth) = birth {
                        join(birth, cell, scope, found);
                        continue;
                    }
                }
                Some(
                    Column::Name | Column::People | Column::Birth | Column::Rest | Column::LastFour,
                )
                | None => (),
            }
            if digits < DIGITS_MIN {
                continue;
            }
            let mut names = heading.is_some_and(|heading| heading.names);
            let mut heading = heading.map_or("", |heading| heading.written.as_str());
            // A form has its words on the left.
            let left = at.checked_sub(1).and_then(|left| row.get(left)).filter(|_| !names);
            if let Some(left) = left.filter(|left| !has_digits(left) && names_numbers(left, scope))
            {
                (heading, names) = (left, true);
            }
            let read = |cell: &str, found: &mut Vec<Found>| {
                let before = found.len();
                scan(&format!("{heading}: {cell}"), scope, found);
                found.len() > before
            };
            if read(cell, found) || !names {
                continue;
            }
            let bare = cell.trim();
            if bare.bytes().all(|byte| byte.is_ascii_digit()) {
                // A sheet has taken the zeros away.
                let padded = [10, 11, 12]
                    .into_iter()
                    .filter(|length| *length > bare.len() && length - bare.len() <= ZEROS_MAX);
                for length in padded {
                    if read(&format!("{bare:0>length$}"), found) {
                        break;
                    }
                }
            }
        }
    }

    fn has(&self, column: Column) -> bool {
        self.headings.iter().any(|heading| heading.is == Some(column))
    }

    /// Without headings: does a column hold two capitalised words in nearly every row?
    fn looks_named(&self) -> bool {
        let is_name = |cell: &str| {
            let mut words = 0;
            for word in cell.split_whitespace() {
                let mut letters = word.chars();
                let capital = letters.next().is_some_and(char::is_uppercase);
                if !capital || letters.any(|letter| letter.is_ascii_digit()) {
                    return false;
                }
                words += 1;
            }
            (2..=4).contains(&words)
        };
        self.has_column_of(&is_name)
    }

    /// Without headings: does a column hold addresses of mailboxes?
    fn looks_reached(&self) -> bool {
        let is_mailbox = |cell: &str| {
            let parts = cell.trim_matches(['<', '>', ' ']).split_once('@');
            parts.is_some_and(|(local, domain)| {
                !local.is_empty() && !local.contains(' ') && domain.contains('.')
            })
        };
        self.has_column_of(&is_mailbox)
    }

    /// Without headings: does a column hold days within somebody's life, and none of the last years?
    fn looks_born(&self, scope: &Scope<'_>) -> bool {
        self.has_column_of(&|cell| is_a_birthday(cell, scope.today))
    }

    /// Are they days of history?
    fn is_of_the_dead(&self) -> bool {
        let is_birth = |at: usize| {
            self.headings.get(at).is_some_and(|heading| heading.is == Some(Column::Birth))
        };
        let is_long_ago = |(at, cell): (usize, &String)| {
            if !is_birth(at) {
                return false;
            }
            let years = cell.split(|letter: char| !letter.is_ascii_digit());
            let mut years = years.filter(|one| one.len() == 4).filter_map(|one| one.parse().ok());
            years.any(|year: u16| (1000..1900).contains(&year))
        };
        let ones = self.rows.iter().filter(|row| row.iter().enumerate().any(is_long_ago)).count();
        ones * 2 >= self.rows.len()
    }

    /// Is nearly every cell of some column one?
    fn has_column_of(&self, is_one: &dyn Fn(&str) -> bool) -> bool {
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or_default();
        (0..columns.min(limits::SHEET_COLUMNS_MAX)).any(|at| {
            let ones = self.rows.iter().filter(|row| row.get(at).is_some_and(|cell| is_one(cell)));
            let ones = ones.count();
            ones >= 2 && ones * 10 >= self.rows.len() * 8
        })
    }
}

/// `850709`, `19850709`.
fn is_a_date_in_one_piece(cell: &str) -> bool {
    let cell = cell.trim();
    matches!(cell.len(), 5 | 6 | 8) && cell.bytes().all(|byte| byte.is_ascii_digit())
}

/// `1985-07-09`, `9.7.1985` and nothing else, of somebody who is grown or nearly so: other dates are of late.
fn is_a_birthday(cell: &str, today: Date) -> bool {
    let numbers: Vec<&str> = cell.trim().split(['-', '.', '/']).collect();
    let [first, _, last] = numbers.as_slice() else { return false };
    let years = [first, last].into_iter().filter(|one| one.len() == 4);
    let year = years.filter_map(|one| one.parse::<u16>().ok()).next();
    year.is_some_and(|year| (1900..today.year().saturating_sub(5)).contains(&year))
        && numbers.iter().all(|one| one.bytes().all(|byte| byte.is_ascii_digit()))
}

/// Does it name identity numbers?
fn names_numbers(cell: &str, scope: &Scope<'_>) -> bool {
    let labels = fold::folded(cell);
    let labels = scope.words.labels(labels.as_bytes());
    labels.iter().any(|label| matches!(label.meaning, Meaning::Names { .. }))
}

/// So many that it may hold a number of somebody.
fn has_digits(cell: impl AsRef<str>) -> bool {
    cell.as_ref().bytes().filter(u8::is_ascii_digit).count() >= DIGITS_MIN
}

/// The last lines of a text, and the first rows of the table after it.
fn title(before: &str, rows: &[Vec<String>]) -> String {
    let from = before.ceil_char_boundary(before.len().saturating_sub(TITLE_BYTES_MAX));
    let lines = before.get(from..).unwrap_or_default().lines().rev();
    let mut title: Vec<&str> =
        lines.map(str::trim).filter(|line| !line.is_empty()).take(TITLE_LINES_MAX).collect();
    title.reverse();
    title.extend(rows.iter().flatten().map(String::as_str).filter(|cell| !cell.is_empty()));
    title.join(BETWEEN)
}

/// A birth date in one column and the rest of the number in another.
fn join(birth: &str, rest: &str, scope: &Scope<'_>, found: &mut Vec<Found>) {
    let digits: String = birth.chars().filter(char::is_ascii_digit).collect();
    let rest: String = rest.chars().filter(char::is_ascii_alphanumeric).collect();
    let year_first = birth.bytes().take_while(u8::is_ascii_digit).count() == 4
        || digits.starts_with("19")
        || digits.starts_with("20");
    let part = |range: Range<usize>| digits.get(range).unwrap_or_default();
    // As the number has it: the year first, or the day.
    let (year_first, day_first) = match (digits.len(), year_first) {
        (8, true) => (digits.clone(), format!("{}{}{}", part(6..8), part(4..6), part(2..4))),
        (8, false) => (
            format!("{}{}{}", part(4..8), part(2..4), part(0..2)),
            format!("{}{}", part(0..4), part(6..8)),
        ),
        (5, _) => (format!("0{digits}"), format!("0{digits}")),
        (6, _) => (digits.clone(), digits.clone()),
        _ => return,
    };
    let width = if rest.len() <= 4 { 4 } else { 5 };
    let rest = format!("{rest:0>width$}");
    let tries = [
        ("svenskt personnummer", &year_first),
        ("fødselsnr", &day_first),
        ("cpr", &day_first),
        ("henkilötunnus", &day_first),
        ("kennitala", &day_first),
    ];
    for (label, date) in tries {
        let before = found.len();
        scan(&format!("{label}: {date}-{rest}"), scope, found);
        if found.len() > before {
            return;
        }
    }
}

fn column(heading: &str) -> Option<Column> {
    let words: Vec<&str> = heading
        .split(|letter: char| !letter.is_ascii_alphanumeric())
        .filter(|word| !word.is_empty())
        .collect();
    let has = |list: &[&str]| words.iter().any(|word| list.contains(word));
    let begins =
        |list: &[&str]| words.iter().any(|word| list.iter().any(|begin| word.starts_with(begin)));
    let four =
        has(&["sista", "siste", "sidste", "last", "loppuosa", "fyra", "four", "fire", "nelja"]);
    if four
        && (has(&[
            "fyra",
            "fire",
            "four",
            "4",
            "siffror",
            "siffrorna",
            "cifre",
            "digits",
            "loppuosa",
            "sifre",
        ]))
    {
        return Some(Column::LastFour);
    }
    if has(&["kontrollnr", "kontrollnummer", "lopenr", "lobenr", "individnr", "personnr5"]) {
        return Some(Column::Rest);
    }
    if begins(&[
        "fodelsedat",
        "fodselsdat",
        "fodsdat",
        "syntymaaika",
        "syntymapaiv",
        "faedingardag",
        "geburtsdat",
        "birthdate",
        "dob",
    ]) || has(&["fodd", "fodt", "born", "birth", "syntynyt", "faeddur"])
    {
        return Some(Column::Birth);
    }
    if begins(&[
        "mail",
        "epost",
        "eposti",
        "mejl",
        "telefon",
        "tel",
        "phone",
        "mobil",
        "puhelin",
        "puhelinnumero",
        "adress",
        "address",
        "osoite",
        "gatuadress",
        "postadress",
        "netfang",
        "simi",
    ]) || (has(&["e"]) && has(&["post"]))
        || has(&["tlf", "tfn", "gsm", "cell", "sahkoposti", "katuosoite"])
    {
        return Some(Column::Contact);
    }
    let name_ends = ["namn", "navn", "nimi", "nafn", "name"];
    let named = words.iter().any(|word| {
        name_ends.iter().any(|end| word.ends_with(end))
            || begins(&["etunim", "sukunim", "vorname", "nachname", "surname"])
    });
    let of_a_thing = begins(&[
        "fil", "file", "user", "anvandar", "bruger", "kayttaja", "host", "domain", "produkt",
        "product", "tuote", "vare", "artikel", "company", "foretag", "firma", "yritys", "server",
    ]);
    match named && !of_a_thing {
        true => Some(Column::Name),
        false => has(PEOPLE).then_some(Column::People),
    }
}

/// Who stands in a column: its heading, where that is not "name".
const PEOPLE: &[&str] = &[
    "deltagare",
    "deltagarna",
    "elev",
    "elever",
    "patient",
    "patienter",
    "medlem",
    "medlemmar",
    "hyresgast",
    "hyresgaster",
    "spelare",
    "barn",
    "anstalld",
    "anstallda",
    "medarbetare",
    "kontaktperson",
    "vardnadshavare",
    "foralder",
    "brukare",
    "kandidat",
    "student",
    "personal",
    "osallistuja",
    "osallistujat",
    "oppilas",
    "oppilaat",
    "jasen",
    "jasenet",
    "potilas",
    "tyontekija",
    "tyontekijat",
    "yhteyshenkilo",
    "huoltaja",
    "pelaaja",
    "lapsi",
    "vuokralainen",
    "deltaker",
    "deltakere",
    "pasient",
    "pasienter",
    "ansatt",
    "ansatte",
    "leietaker",
    "spiller",
    "foresatt",
    "deltager",
    "deltagere",
    "medlemmer",
    "ansat",
    "borger",
    "lejer",
    "foraelder",
    "participant",
    "participants",
    "pupil",
    "member",
    "members",
    "employee",
    "employees",
    "attendee",
    "tenant",
    "resident",
    "guardian",
    "parent",
    "child",
    "player",
];

/// The tables of a text: lines that follow each other and are parted alike, with something in them that a register has; where each stands.
fn tables(text: &str) -> Vec<(Range<usize>, Vec<Vec<String>>)> {
    let mut all = Vec::new();
    let mut rest = text;
    let empty_line = memmem::Finder::new(b"\n\n");
    while !rest.is_empty() {
        // No table goes on over an empty line.
        let end = empty_line.find(rest.as_bytes()).map_or(rest.len(), |end| end + 2);
        let start = text.len() - rest.len();
        let (paragraph, after) = rest.split_at_checked(end).unwrap_or((rest, ""));
        rest = after;
        let breaks = memchr_iter(b'\n', paragraph.as_bytes()).nth(ROWS_MIN - 2);
        if breaks.is_some() && is_worth_a_look(paragraph) {
            tables_of(paragraph, start, &mut all);
        }
    }
    all
}

fn tables_of(paragraph: &str, start: usize, all: &mut Vec<(Range<usize>, Vec<Vec<String>>)>) {
    let mut block = Block::default();
    let mut rest = paragraph;
    while !rest.is_empty() {
        let at = paragraph.len() - rest.len();
        let end = memchr(b'\n', rest.as_bytes()).map_or(rest.len(), |end| end + 1);
        let (line, after) = rest.split_at_checked(end).unwrap_or((rest, ""));
        rest = after;
        if !block.takes(line) {
            block.end(paragraph, start, all);
            block = Block::begin(at, line);
        }
    }
    block.end(paragraph, start, all);
}

/// Lines that may be a table.
#[derive(Default)]
struct Block {
    /// Where the first begins in the paragraph.
    start: usize,
    rows: usize,
    bytes: usize,
    /// Which separator, and how many of it the first line has.
    parted: Option<(char, usize)>,
}

impl Block {
    fn begin(start: usize, line: &str) -> Block {
        let separator = first_separator(line);
        let parted = separator.map(|separator| (separator, count(separator, line)));
        Block { start, rows: 1, bytes: line.len(), parted }
    }

    fn takes(&mut self, line: &str) -> bool {
        let Some((separator, first)) = self.parted else { return false };
        let count = count(separator, line);
        // Cells that are empty at the end are left out by some.
        if count == 0 || (separator != '\t' && count.abs_diff(first) > 1) {
            return false;
        }
        self.rows += 1;
        self.bytes += line.len();
        true
    }

    fn end(&self, paragraph: &str, start: usize, all: &mut Vec<(Range<usize>, Vec<Vec<String>>)>) {
        let Some((separator, _)) = self.parted else { return };
        let rows_min = if separator == ',' { ROWS_WITH_COMMAS_MIN } else { ROWS_MIN };
        if self.rows < rows_min || all.len() >= limits::REGISTERS_MAX {
            return;
        }
        let lines = paragraph.get(self.start..self.start + self.bytes).unwrap_or_default();
        if lines.lines().any(is_worth_a_look) {
            let rows = lines.lines().map(|line| row(line, separator)).collect();
            let start = start + self.start;
            all.push((start..start + self.bytes, rows));
        }
    }
}

/// What parts it: most lines have nothing. Without branches, so that the compiler may look at many bytes at once.
fn first_separator(line: &str) -> Option<char> {
    let bit = |is: bool, at: u8| u8::from(is) << at;
    let seen = line.bytes().fold(0, |seen, byte| {
        seen | bit(byte == b'\t', 0)
            | bit(byte == b';', 1)
            | bit(byte == b'|', 2)
            | bit(byte == b',', 3)
    });
    SEPARATORS.get(usize::try_from(seen.trailing_zeros()).ok()?).copied()
}

fn count(separator: char, line: &str) -> usize {
    u8::try_from(separator).map_or(0, |byte| memchr_iter(byte, line.as_bytes()).count())
}

/// Does it hold what a row of a register does: a number, or an address?
fn is_worth_a_look(lines: &str) -> bool {
    let mut digits = 0;
    let mut pieces = bits::pieces(lines.as_bytes());
    pieces.any(|(_, piece)| {
        digits += piece.digits().count_ones();
        digits >= DIGITS_OF_ROW_MIN
    }) || memchr(b'@', lines.as_bytes()).is_some()
}

/// The cells of a line.
fn row(line: &str, separator: char) -> Vec<String> {
    let line = if separator == '|' { line.trim().trim_matches('|') } else { line };
    let mut cells = Vec::new();
    let mut rest = line;
    loop {
        let trimmed = rest.trim_start_matches(' ');
        let (cell, after) = match trimmed.strip_prefix('"') {
            Some(quoted) => match quoted.split_once('"') {
                Some((cell, after)) => {
                    (cell, after.find(separator).and_then(|at| after.get(at..)).unwrap_or_default())
                }
                None => (quoted, ""),
            },
            None => {
                let at = rest.find(separator).unwrap_or(rest.len());
                (rest.get(..at).unwrap_or_default(), rest.get(at..).unwrap_or_default())
            }
        };
        if cells.len() < limits::SHEET_COLUMNS_MAX {
            cells.push(cell.trim().to_string());
        }
        match after.strip_prefix(separator) {
            Some(next) => rest = next,
            None => break,
        }
    }
    cells
}

/// The first one that a line has parts it.
const SEPARATORS: [char; 4] = ['\t', ';', '|', ','];
/// Between lines and cells of a title, which may be one name.
const BETWEEN: &str = " - ";
/// Lines above a table that may say what it is: a heading, a date, "attached".
const TITLE_LINES_MAX: usize = 3;
/// A paragraph before a table is no title.
const TITLE_BYTES_MAX: usize = 240;
/// A heading and a row, where cells are parted by what no sentence has;
const ROWS_MIN: usize = 2;
/// by commas, a heading and two rows, or three rows.
const ROWS_WITH_COMMAS_MIN: usize = 3;
/// Digits of the shortest number that is denied: those of a telephone.
const DENIED_DIGITS_MIN: usize = 9;
/// Names with birth dates, or with ways to reach people: from here on it is a list of people and no signature.
const LISTED_MIN: u32 = 10;
/// Digits of a cell that may be a number of somebody.
const DIGITS_MIN: usize = 5;
/// The same, where lines are looked at as one.
const DIGITS_OF_ROW_MIN: u32 = 5;
/// Zeros that a sheet may have taken away.
const ZEROS_MAX: usize = 2;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::personal::{Date, Words};

    fn told(text: &str) -> (Vec<String>, Vec<(u32, &'static str)>) {
        let words = Words::shipped().unwrap();
        let scope = Scope::new(&words, Date::new(2026, 11, 21).unwrap());
        let all = read(text, &scope);
        let found =
            all.found.iter().map(|one| format!("{} {}", one.confidence.word(), one.value.expose()));
        (
            found.collect(),
            all.registers.iter().map(|one| (one.rows, one.confidence.word())).collect(),
        )
    }

    #[test]
    fn a_heading_speaks_for_every_row() {
        for separator in ["\t", ";", ",", " | "] {
            let text = format!(
                "Namn{separator}Personnummer{separator}Ort\nAnna Ek{separator}9001029819{separator}Umeå\nBo Al{separator}9001019802{separator}Borås\n"
            );
            let (found, registers) = told(&text);
            assert_eq!(found, ["high 199001029819", "high 199001019802"], "{separator:?}");
            assert_eq!(registers, [(2, "high")], "{separator:?}");
        }
    }

    #[test]
    fn what_stands_above_a_table_is_its_title() {
        for text in [
            "Hej\n\nKlubbens lista\n\nNamn;Pnr\nAnna Ek;900102-9819\nBo Al;900101-9802\n",
            "Hej\nKlubbens lista;\nNamn;Pnr\nAnna Ek;900102-9819\nBo Al;900101-9802\n",
            "Hej\nKlubbens lista\t\n\t\nNamn\tPnr\nAnna Ek\t900102-9819\nBo Al\t900101-9802\n",
        ] {
            let words = Words::shipped().unwrap();
            let scope = Scope::new(&words, Date::new(2026, 11, 21).unwrap());
            let registers = read(text, &scope).registers;
            let told: Vec<_> = registers
                .iter()
                .map(|one| (one.rows, one.title.as_str(), one.headings.as_str()))
                .collect();
            assert_eq!(told, [(2, "Hej - Klubbens lista", "Namn - Pnr")], "{text}");
        }
    }

    #[test]
    fn zeros_that_a_sheet_took_away_are_put_back() {
        let (found, registers) = told("Navn\tFødselsnr\nAnne Li\t1815824020\nPer Bo\t1815824020\n");
        assert_eq!(found, ["high 01815824020", "high 01815824020"]);
        assert_eq!(registers, [], "one person twice is no register");
        let (found, _) = told("Navn\tCPR-nr\nAnne Li\t105585671\nPer Bo\t105585672\n");
        assert_eq!(found, ["high 0105585671", "high 0105585672"]);
        let (found, _) = told("Navn\tOrdrenr\nAnne Li\t105585671\nPer Bo\t105585672\n");
        assert_eq!(found, [""; 0]);
    }

    #[test]
    fn a_number_in_two_columns_is_one() {
        let (found, registers) = told(
            "Förnamn;Efternamn;Född;Sista fyra\nAnna;Ek;1990-01-02;9819\nBo;Al;19900101;9802\nCia;Bo;900103;9800\n",
        );
        assert_eq!(found, ["high 199001029819", "high 199001019802", "high 199001039800"]);
        assert_eq!(registers, [(3, "high")]);
    }

    #[test]
    fn dates_of_birth_are_told_of_and_make_no_register_of_two() {
        let (found, registers) = told("Navn;Fødselsdato\nAnne Li;09.07.1985\nPer Bo;10.07.1985\n");
        assert_eq!(found, ["medium 1985-07-09", "medium 1985-07-10"]);
        assert_eq!(registers, []);
    }

    #[test]
    fn names_with_addresses_are_a_register_from_ten_on() {
        let rows = |count: usize| {
            format!("Nimi;Sähköposti\n{}", "Matti Meikäläinen;m@example.fi\n".repeat(count))
        };
        assert_eq!(told(&rows(9)).1, []);
        assert_eq!(told(&rows(10)).1, [(10, "medium")]);
        let goods = format!("Artikel;Antal;Pris\n{}", "Skruv;12;100\n".repeat(20));
        assert_eq!(told(&goods), (Vec::new(), Vec::new()));
    }

    #[test]
    fn without_headings_names_are_seen_by_their_capitals() {
        let (_, registers) = told("Anna Ek,900102-9819\nBo Al,900101-9802\nCia Bo,900103-9800\n");
        assert_eq!(registers, [(3, "high")]);
    }

    #[test]
    fn text_with_commas_is_no_table() {
        let text = "Hej Anna, tack för igår\nJag ringer dig, när jag kan\nDet gäller 900102-9819, som vi sa\n";
        assert_eq!(told(text).1, []);
    }

    #[test]
    fn odd_tables_break_nothing() {
        for text in [
            "",
            ";;;\n;;;\n;;;",
            "\"a;b\n\"c;\"\n;\";\"",
            "|\n|\n|",
            "\t\n\t\n\t\n",
            "a,\"\nb,\"\nc,\"x",
        ] {
            told(text);
        }
    }

    #[test]
    fn one_row_a_form_and_parts_of_a_number() {
        for text in [
            "Namn\tPersonnr\nKarin\t9001029819\n",
            "Namn;Personnr\nKarin;199001029819\n",
            "Namn\tKarin\nPersonnummer\t9001029819\nOrt\tUmeå\n",
            "Name;Date part;Last four\nKarin;19900102;9819\nBo;19121212;1212\n",
        ] {
            let (found, _) = told(text);
            assert!(found.contains(&"high 199001029819".to_string()), "{text:?}: {found:?}");
        }
    }

    #[test]
    fn registers_without_a_column_called_name() {
        let rows = |cells: &dyn Fn(usize) -> String| {
            (0..12).map(|at| format!("Anna Berg{at};{}\n", cells(at))).collect::<String>()
        };
        let reached = rows(&|at| format!("anna{at}@far.example"));
        let letters = reached.replace(|letter: char| letter.is_ascii_digit(), "");
        assert_eq!(told(&format!("Deltagare;E-post\n{letters}")).1, [(12, "medium")]);
        // Nobody stands in a budget.
        let budget = "Månad;Personal;Telefon\n".to_string() + &"Mars;120000;3400\n".repeat(12);
        assert_eq!(told(&budget).1, []);
        assert_eq!(told(&letters).1, [(12, "medium")], "no heading");
        let diagnoses = rows(&|_| "migrän".to_string());
        assert_eq!(
            told(&format!("Namn;Diagnos;Nr\n{}", diagnoses.replace('\n', ";10007\n"))).1,
            [(12, "medium")]
        );
        // Of history.
        let kings = rows(&|at| format!("15{:02}-01-01", at + 10));
        assert_eq!(told(&format!("Namn;Född\n{kings}")).1, []);
        // The line of Markdown is no row.
        let nine: String =
            (1..10).map(|at| format!("| Anna Berg | a{at}@far.example |\n")).collect();
        assert_eq!(told(&format!("| Namn | E-post |\n|---|---|\n{nine}")).1, []);
    }
}
