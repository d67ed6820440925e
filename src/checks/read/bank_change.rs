//! Does a text say that the writer's bank account has changed? Swedish, Finnish, Norwegian, Danish, English.
//!
//! A word for an account or for how one is paid, and a word for change in the same sentence: "vi har bytt bankkonto", "tilinumeromme on muuttunut",
//! "our bank details have changed". Not when it is the reader's own account ("ditt konto", "your bank details"), and not when it is said that nothing
//! changes ("we never change our account by mail"), as many a footer has it.

use aho_corasick::AhoCorasick;
use std::sync::LazyLock;

/// What a text says of changed accounts and of paying.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Told {
    /// The words that say so, at most [`QUOTE_LETTERS_MAX`] letters.
    pub(crate) change: Option<String>,
    /// It speaks of an invoice or a payment.
    pub(crate) payment: bool,
}

/// Reads one text.
pub(crate) fn read(text: &str) -> Told {
    let Some(finder) = FINDER.as_ref() else { return Told::default() };
    let lower = in_sentences(text);
    let words: Vec<Met> = finder
        .find_overlapping_iter(&lower)
        .filter_map(|hit| met(&lower, hit))
        .take(WORDS_MET_MAX)
        .collect();
    let payment = words.iter().any(|word| word.meaning == Meaning::Payment);
    let of = |meaning| words.iter().filter(move |word| word.meaning == meaning);
    let change = of(Meaning::Account).find_map(|account| {
        let near = of(Meaning::Change)
            .chain(of(Meaning::New))
            .find(|change| says_change(&lower, account, change))?;
        let (start, end) = (account.start.min(near.start), account.end.max(near.end));
        lower.get(start..end).map(|words| {
            let plain = words.split_whitespace().collect::<Vec<_>>().join(" ");
            plain
                .chars()
                .filter(|letter| !letter.is_ascii_digit())
                .take(QUOTE_LETTERS_MAX)
                .collect()
        })
    });
    Told { change, payment }
}

/// In lower case, with the lines of a paragraph joined: one that begins with a small letter goes on. Others are rows of a form, each by itself.
fn in_sentences(text: &str) -> String {
    let mut joined = String::with_capacity(text.len());
    for line in text.lines() {
        let line = line.trim();
        let goes_on = line.starts_with(char::is_lowercase);
        joined.push(if goes_on { ' ' } else { '\n' });
        joined.push_str(line);
    }
    joined.to_lowercase()
}

/// A word met.
#[derive(Debug, Clone, Copy)]
struct Met {
    start: usize,
    end: usize,
    meaning: Meaning,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Meaning {
    /// An account, or how one is paid.
    Account,
    /// Has changed.
    Change,
    /// New; only right in front of the account.
    New,
    /// An invoice, a payment.
    Payment,
}

fn met(lower: &str, hit: aho_corasick::Match) -> Option<Met> {
    let (_, meaning) = WORDS.get(hit.pattern().as_usize())?;
    let before = lower.get(..hit.start())?.chars().next_back();
    let begins = !before.is_some_and(char::is_alphanumeric);
    begins.then_some(Met { start: hit.start(), end: hit.end(), meaning: *meaning })
}

/// Do the two belong together, and is it the writer's own account that has changed?
fn says_change(lower: &str, account: &Met, change: &Met) -> bool {
    let (first, second) =
        if account.start < change.start { (account, change) } else { (change, account) };
    let Some(between) = lower.get(first.end..second.start) else { return false };
    let reach = match change.meaning {
        Meaning::New if account.start < change.start => return false,
        Meaning::New => NEW_REACH_BYTES,
        Meaning::Account | Meaning::Change | Meaning::Payment => CHANGE_REACH_BYTES,
    };
    if between.len() > reach || between.contains(['!', '?', ';', '\n']) || between.contains(". ") {
        return false;
    }
    let start = lower.floor_char_boundary(first.start.saturating_sub(AROUND_BYTES));
    let end = lower.ceil_char_boundary((second.end + AROUND_BYTES).min(lower.len()));
    let before = lower.get(start..first.start).unwrap_or_default();
    let after = lower.get(second.end..end).unwrap_or_default();
    // Only of the same clause; what comes after may well be "do not pay to the old one".
    let before = before.rsplit(['.', ',', '!', '?', '\n']).next().unwrap_or_default();
    let stop = after.find(['.', '!', '?', '\n']).and_then(|stop| after.get(stop..));
    let is_question = stop.is_some_and(|rest| rest.starts_with('?'));
    let mut words = [before, between]
        .into_iter()
        .flat_map(|part| part.split(|letter: char| !letter.is_alphanumeric() && letter != '\''));
    !is_question && !words.any(|word| ANOTHERS.contains(&word) || DENIED.contains(&word))
}

/// None only if the words below could not be compiled, which a test would have met.
static FINDER: LazyLock<Option<AhoCorasick>> =
    LazyLock::new(|| AhoCorasick::new(WORDS.iter().map(|(word, _)| word)).ok());

/// From an account to "has changed", over a few words.
const CHANGE_REACH_BYTES: usize = 48;
/// From "new" to the account: nothing, or one word.
const NEW_REACH_BYTES: usize = 12;
/// On either side, for whose account it is and whether it is denied.
const AROUND_BYTES: usize = 40;
/// Letters quoted.
const QUOTE_LETTERS_MAX: usize = 60;
/// Words looked at in one text; a longer one has said it by then.
const WORDS_MET_MAX: usize = 2_000;

/// The reader's, not the writer's.
const ANOTHERS: &[&str] = &[
    "your", "din", "ditt", "dina", "ert", "era", "sinun", "tilisi", "teidän", "deres", "dine",
    "dit",
];
/// It is said that it is not so.
const DENIED: &[&str] = &[
    "aldrig", "inte", "ej", "never", "not", "don't", "won't", "aldri", "ikke", "ei", "emme",
    "koskaan", "if", "hvis", "jos",
];

/// Beginnings of words, in lower case.
const WORDS: &[(&str, Meaning)] = &[
    ("bankkonto", Meaning::Account),
    ("bankuppgift", Meaning::Account),
    ("kontouppgift", Meaning::Account),
    ("kontonummer", Meaning::Account),
    ("kontonr", Meaning::Account),
    ("bankgiro", Meaning::Account),
    ("plusgiro", Meaning::Account),
    ("betalningsuppgift", Meaning::Account),
    ("bankförbindelse", Meaning::Account),
    ("tilinumero", Meaning::Account),
    ("pankkitili", Meaning::Account),
    ("pankkitie", Meaning::Account),
    ("pankkiyhtey", Meaning::Account),
    ("tilitie", Meaning::Account),
    ("maksutie", Meaning::Account),
    ("bankopplysning", Meaning::Account),
    ("kontoopplysning", Meaning::Account),
    ("betalingsopplysning", Meaning::Account),
    ("bankforbindelse", Meaning::Account),
    ("bankoplysning", Meaning::Account),
    ("kontooplysning", Meaning::Account),
    ("betalingsoplysning", Meaning::Account),
    ("bank account", Meaning::Account),
    ("bank details", Meaning::Account),
    ("bank information", Meaning::Account),
    ("banking details", Meaning::Account),
    ("banking information", Meaning::Account),
    ("banking instructions", Meaning::Account),
    ("account details", Meaning::Account),
    ("account number", Meaning::Account),
    ("remittance details", Meaning::Account),
    ("payment details", Meaning::Account),
    ("payment instructions", Meaning::Account),
    ("wire instructions", Meaning::Account),
    ("iban", Meaning::Account),
    // "Vi har bytt bank": alone it is the bank that was changed.
    ("bytt bank", Meaning::Account),
    ("byter bank", Meaning::Account),
    ("byttet bank", Meaning::Account),
    ("skiftet bank", Meaning::Account),
    ("vaihtaneet pankkia", Meaning::Account),
    ("changed banks", Meaning::Account),
    ("ändra", Meaning::Change),
    ("bytt", Meaning::Change),
    ("byter", Meaning::Change),
    ("byte av", Meaning::Change),
    ("uppdatera", Meaning::Change),
    ("muuttu", Meaning::Change),
    ("vaihtu", Meaning::Change),
    ("vaihta", Meaning::Change),
    ("päivit", Meaning::Change),
    ("endre", Meaning::Change),
    ("oppdater", Meaning::Change),
    ("ændre", Meaning::Change),
    ("skifte", Meaning::Change),
    ("opdater", Meaning::Change),
    ("has changed", Meaning::Change),
    ("have changed", Meaning::Change),
    ("changed", Meaning::Change),
    ("change of", Meaning::Change),
    ("change in", Meaning::Change),
    ("change to", Meaning::Change),
    ("changing", Meaning::Change),
    ("updated", Meaning::Change),
    ("revised", Meaning::Change),
    ("switched", Meaning::Change),
    ("nytt ", Meaning::New),
    ("nya ", Meaning::New),
    ("ny ", Meaning::New),
    ("uusi ", Meaning::New),
    ("uudet ", Meaning::New),
    ("uuden ", Meaning::New),
    ("uudelle ", Meaning::New),
    ("nye ", Meaning::New),
    ("nyt ", Meaning::New),
    ("new ", Meaning::New),
    ("faktura", Meaning::Payment),
    ("fakturor", Meaning::Payment),
    ("betal", Meaning::Payment),
    ("överför", Meaning::Payment),
    ("lasku", Meaning::Payment),
    ("maksu", Meaning::Payment),
    ("suoritu", Meaning::Payment),
    ("regning", Meaning::Payment),
    ("overfør", Meaning::Payment),
    ("invoice", Meaning::Payment),
    ("payment", Meaning::Payment),
    ("remit", Meaning::Payment),
    ("pay ", Meaning::Payment),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_changed_account_is_told_in_five_languages() {
        for text in [
            "Vi har bytt bankkonto från och med den 1 december.",
            "Observera att vårt bankgiro har ändrats.",
            "Nytt bankgiro: 5050-1055",
            "Våra nya betalningsuppgifter finns nedan.",
            "Vi har bytt bank och ändrat kontonummer.",
            "Tilinumeromme on muuttunut.",
            "Maksakaa lasku uudelle pankkitilille.",
            "Pankkitietomme ovat vaihtuneet 1.12. alkaen",
            "Vi har byttet bankkonto.",
            "Merk at vårt kontonummer er endret.",
            "Vi har skiftet bankforbindelse.",
            "Vores bankoplysninger er ændret.",
            "Our bank details have changed.",
            "We have changed our bank account, do not pay to the old one.",
            "Information om ändrade betalningsuppgifter",
            "We inform you that our bank details have changed.",
            "Please note the change in our banking details.",
            "We are writing to inform you.\nNew bank account: see below.",
            "Kindly use our updated payment\ninstructions for this invoice.",
        ] {
            assert!(read(text).change.is_some(), "{text}");
        }
    }

    #[test]
    fn nothing_is_told_of_others_accounts_of_no_change_and_of_other_things() {
        for text in [
            "Har du bytt bankkonto? Logga in och uppdatera.",
            "Har ditt kontonummer ändrats loggar du in här.",
            "Please update your bank details.",
            "If our bank details have changed we will call.",
            "We never change our bank details by e-mail.",
            "Vi ändrar aldrig bankgiro per e-post.",
            "Vårt bankgiro har inte ändrats.",
            "Betala till bankgiro 5050-1055. Vi har ändrat våra öppettider.",
            "Vi har nya öppettider och ett bankgiro.",
            "Tilinumero on laskussa.",
            "Invoice 17 is due. Pay to our bank account as usual.",
            "The changed files are in the bank.",
            "Bankgiro 5050-1055\nUppdaterad 2026-12-01",
        ] {
            assert_eq!(read(text).change, None, "{text}");
        }
    }

    #[test]
    fn the_quote_is_short_and_has_no_digits() {
        let told =
            read("Från 2026 har vi   ändrat\ntill nytt bankgiro 5050-1055, betala fakturan dit.");
        assert_eq!(
            told,
            Told { change: Some("ändrat till nytt bankgiro".to_string()), payment: true }
        );
    }
}
