//! Which mails an answer to a digest asks for: numbers of the digest that stand at the top, and nothing that only looks like them.
//!
//! A number counts on a line of numbers and of a few words that people write beside them. It counts before any line of prose alone: below
//! that come names and telephone numbers. A line of which anything is not understood counts for nothing, for a mail that is let go by a
//! mistake cannot be called back.

use crate::base::limits;

/// The numbers asked for, each once, in the order of the answer. `is_known`: the digest has this number.
pub(super) fn numbers(text: &str, is_known: &dyn Fn(u32) -> bool) -> Vec<u32> {
    let mut wanted: Vec<u32> = Vec::new();
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    for line in lines.take(limits::ANSWER_LINES_READ) {
        if is_quoted(line) {
            break;
        }
        match Line::of(line, is_known) {
            Line::Numbers(numbers) => wanted.extend(numbers),
            Line::Greeting => (),
            Line::Prose => break,
        }
    }
    let mut seen = Vec::new();
    wanted.retain(|number| {
        let is_new = !seen.contains(number);
        seen.push(*number);
        is_new
    });
    wanted.truncate(limits::DIGEST_ROWS_MAX);
    wanted
}

/// Where our own words begin again: a quote, a rule, a signature, or a line such as "On Friday Acme <quarantine@…> wrote:".
fn is_quoted(line: &str) -> bool {
    let begins = ['>', '|', '<', '*'].iter().any(|sign| line.starts_with(*sign));
    begins
        || line.starts_with("--")
        || line.starts_with("__")
        || line.contains('@')
        || line.ends_with(':')
}

/// What a line at the top of an answer is.
enum Line {
    /// It asks for these.
    Numbers(Vec<u32>),
    /// It asks for nothing, and more may follow.
    Greeting,
    /// Anything else: no number follows.
    Prose,
}

impl Line {
    fn of(line: &str, is_known: &dyn Fn(u32) -> bool) -> Line {
        if is_greeting(line) {
            return Line::Greeting;
        }
        let Some(pieces) = pieces(line) else { return Line::Prose };
        let has = |wanted: &Piece| pieces.contains(wanted);
        let count =
            |what: &dyn Fn(&Piece) -> bool| pieces.iter().filter(|piece| what(piece)).count();
        let is_sure = has(&Piece::Sign) || count(&|piece| matches!(piece, Piece::Number(_))) > 1;
        if count(&Piece::is_word) > limits::ANSWER_WORDS_MAX || (has(&Piece::Wish) && !is_sure) {
            return Line::Prose;
        }
        match numbers_of(&pieces, is_known) {
            Some(none) if none.is_empty() => Line::Greeting,
            Some(numbers) => Line::Numbers(numbers),
            None => Line::Prose,
        }
    }
}

/// "Hej", "Hej Karin,": a word of greeting alone, or with a name behind it.
fn is_greeting(line: &str) -> bool {
    let plain = line.trim_end_matches([',', '!', '.']).to_lowercase();
    let mut rest = plain.split_whitespace().skip_while(|word| GREETINGS.contains(word));
    let name = rest.next();
    let is_name = name.is_none_or(|name| name.chars().all(char::is_alphabetic));
    let greets = plain.split_whitespace().next().is_some_and(|word| GREETINGS.contains(&word));
    greets && is_name && rest.next().is_none()
}

/// One piece of a line that we know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Piece {
    /// "2", "#2", "2.", "2)"
    Number(u32),
    /// "2-4"
    Range(u32, u32),
    /// "-" between two numbers.
    Dash,
    /// "and"
    And,
    /// "number"
    Sign,
    /// "I want": beside one number alone it may as well say how many.
    Wish,
    /// "please"
    Other,
}

impl Piece {
    fn is_word(&self) -> bool {
        matches!(self, Piece::Sign | Piece::Wish | Piece::Other)
    }

    fn of(word: &str) -> Option<Piece> {
        let word = word.trim_end_matches('!');
        if let Some(number) = number(word) {
            return Some(Piece::Number(number));
        }
        if let Some((first, last)) = word.split_once(DASHES)
            && let (Some(first), Some(last)) = (number(first), number(last))
        {
            return Some(Piece::Range(first, last));
        }
        let plain = word.trim_end_matches('.').to_lowercase();
        let plain = plain.as_str();
        match word {
            "-" | "–" | "—" => Some(Piece::Dash),
            "&" => Some(Piece::And),
            _ if AND.contains(&plain) => Some(Piece::And),
            _ if SIGNS.contains(&plain) => Some(Piece::Sign),
            _ if WISHES.contains(&plain) => Some(Piece::Wish),
            _ if OTHERS.contains(&plain) || GREETINGS.contains(&plain) => Some(Piece::Other),
            _ => None,
        }
    }
}

/// All of a line in pieces that we know; none: something in it is not known.
fn pieces(line: &str) -> Option<Vec<Piece>> {
    let words = line.split(|letter: char| letter.is_whitespace() || matches!(letter, ',' | ';'));
    words
        .map(|word| word.trim_end_matches('!'))
        .filter(|word| !word.is_empty())
        .map(Piece::of)
        .collect()
}

/// At most three digits, the first no zero: a group such as 08 is of a telephone number.
fn number(word: &str) -> Option<u32> {
    let digits = word.strip_prefix('#').unwrap_or(word);
    let digits = digits.strip_suffix(['.', ')']).unwrap_or(digits);
    let plain = (1..=3).contains(&digits.len())
        && !digits.starts_with('0')
        && digits.bytes().all(|one| one.is_ascii_digit());
    digits.parse().ok().filter(|_| plain)
}

/// The numbers of a line; none: one of them is not the digest's, or a range has no two ends.
fn numbers_of(pieces: &[Piece], is_known: &dyn Fn(u32) -> bool) -> Option<Vec<u32>> {
    let mut numbers = Vec::new();
    let mut rest = pieces.iter().copied().peekable();
    while let Some(piece) = rest.next() {
        let (first, last) = match piece {
            Piece::Number(first) if rest.next_if_eq(&Piece::Dash).is_some() => match rest.next() {
                Some(Piece::Number(last)) => (first, last),
                _ => return None,
            },
            Piece::Number(only) => (only, only),
            Piece::Range(first, last) => (first, last),
            Piece::Dash => return None,
            Piece::And | Piece::Sign | Piece::Wish | Piece::Other => continue,
        };
        if first > last || !(first..=last).all(is_known) {
            return None;
        }
        numbers.extend(first..=last);
    }
    Some(numbers)
}

const DASHES: [char; 3] = ['-', '–', '—'];
/// In all our languages, as are the words below: people answer in another than they are written to.
const AND: [&str; 5] = ["and", "och", "og", "ja", "sekä"];
const GREETINGS: [&str; 17] = [
    "hej", "hejsan", "hallå", "tjena", "god", "morgon", "dag", "hei", "heisann", "hi", "hello",
    "good", "morning", "moi", "terve", "huomenta", "hyvää",
];
const SIGNS: [&str; 10] = [
    "nr", "nummer", "numret", "numren", "numrene", "number", "numbers", "nro", "numero", "numerot",
];
const WISHES: [&str; 14] = [
    "jag",
    "vill",
    "ha",
    "få",
    "jeg",
    "vil",
    "have",
    "i",
    "want",
    "would",
    "like",
    "haluan",
    "haluaisin",
    "need",
];
const OTHERS: [&str; 29] = [
    // Thanks and please.
    "tack",
    "tak",
    "takk",
    "thanks",
    "thank",
    "you",
    "kiitos",
    "please",
    "snälla",
    "vänligen",
    "gärna",
    "gerne",
    "gjerne",
    "venligst",
    "vennligst", // Deliver.
    "leverera",
    "lever",
    "levér",
    "levere",
    "deliver",
    "release",
    "toimita",
    "toimittakaa",
    "vapauta",
    "släpp",
    "slipp",
    "skicka",
    "send",
    "frigiv",
];

#[cfg(test)]
mod tests {
    use super::*;

    fn of_twenty_five(text: &str) -> Vec<u32> {
        numbers(text, &|number| (1..=25).contains(&number))
    }

    #[test]
    fn numbers_at_the_top_count() {
        for (text, want) in [
            ("2", &[2][..]),
            ("2 4", &[2, 4]),
            ("2,4\n", &[2, 4]),
            ("2 & 4; 5", &[2, 4, 5]),
            ("\n\n#2, 4. och 5)\n\nKarin", &[2, 4, 5]),
            ("Hi,\n2\n3\n\nAnna\n7", &[2, 3]),
            ("Hej Karin!\n\n2", &[2]),
            ("Tack!\n2", &[2]),
            ("2 2 2", &[2]),
            ("2-4", &[2, 3, 4]),
            ("18–19", &[18, 19]),
            ("2 - 4, 7", &[2, 3, 4, 7]),
            ("Nr 2, tack!", &[2]),
            ("Jag vill ha nummer 2.", &[2]),
            ("16, tack", &[16]),
            ("Leverera 22", &[22]),
            ("Hej! Släpp nr 2 och 4, tack.\n\nMvh Bob", &[2, 4]),
            ("Deliver 2 and 4 please", &[2, 4]),
            ("I want number 2", &[2]),
            ("Jag vill ha 2 och 4", &[2, 4]),
            ("Toimita 2 ja 4, kiitos!", &[2, 4]),
            ("Levér nr. 2, tak", &[2]),
            ("Lever 2 og 4, takk", &[2, 4]),
        ] {
            assert_eq!(of_twenty_five(text), want, "{text:?}");
        }
        let many: Vec<String> = (1..=300).map(|number| number.to_string()).collect();
        let read = numbers(&many.join(" "), &|_| true);
        assert_eq!(read.len(), limits::DIGEST_ROWS_MAX);
    }

    #[test]
    fn a_signature_and_prose_ask_for_nothing() {
        for text in [
            "Hej, ring mig!\n\nMvh Bob\n08 123 45 67",
            "Hej!\n\nBob\n12 23 24 25",
            "Mvh Bob\n2",
            "08 12 3",
            "+46 8 12",
            "12 34 5 6",
            "Tel 12 23",
            "ring 12",
            "I want 2 of them",
            "I want 2",
            "Jag vill ha 2",
            "inte 2",
            "Leverera inte 2",
            "Radera 2",
            "2?",
            "> 2\n> 4",
            "Thanks!\n\nOn Friday Acme <quarantine@ours.example> wrote:\n1.\n2.",
            "Från: Acme\n1",
            "-----Original Message-----\n1",
            "a\nb\nc\nd\ne\n3",
            "0 1000 -1",
            "-2",
            "2-",
            "4-2",
            "24-26",
            "2-4-5",
            "2.4",
            "2 99",
            "tack tack tack tack tack tack tack tack tack 2",
            "",
        ] {
            assert_eq!(of_twenty_five(text), Vec::<u32>::new(), "{text:?}");
        }
        assert_eq!(of_twenty_five("2\n\n08 12 3"), [2]);
    }
}
