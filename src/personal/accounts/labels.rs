//! The words beside an account, Nordic languages and English: what names it, and what says that the number is something else.

use crate::personal::fold::{self, is_word};
use aho_corasick::AhoCorasick;
use std::sync::LazyLock;

/// What a word says of the number behind it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Word {
    /// A bankgiro number; Norwegians call their accounts so, too.
    Bankgiro,
    /// A plusgiro number.
    Plusgiro,
    /// A Swedish clearing number.
    Clearing,
    /// A Danish registration number.
    Registration,
    /// An account.
    Account,
    /// Something else.
    Other,
}

/// A word met in a text.
#[derive(Debug, Clone, Copy)]
pub(super) struct Label {
    pub(super) start: usize,
    pub(super) end: usize,
    pub(super) word: Word,
}

/// Every word of a folded text in lower case, in the order of their ends.
pub(super) fn all(text: &[u8]) -> Vec<Label> {
    let Some(finder) = FINDER.as_ref() else { return Vec::new() };
    let mut labels: Vec<Label> = finder
        .find_overlapping_iter(text)
        .filter_map(|hit| {
            let (pattern, word) = WORDS.get(hit.pattern().as_usize())?;
            let before = hit.start().checked_sub(1).and_then(|at| text.get(at));
            let rest = text.get(hit.end()..).unwrap_or_default();
            let ending = rest
                .iter()
                .take(ENDING_BYTES_MAX)
                .take_while(|byte| byte.is_ascii_lowercase())
                .count();
            let whole = !before.is_some_and(|byte| is_word(*byte));
            let fits = pattern.ends_with('*') || ending == 0;
            (whole && fits).then_some(Label {
                start: hit.start(),
                end: hit.end() + ending,
                word: *word,
            })
        })
        .collect();
    labels.sort_by_key(|label| (label.end, std::cmp::Reverse(label.start)));
    labels
}

/// None only if the words below could not be compiled, which a test would have met.
static FINDER: LazyLock<Option<AhoCorasick>> = LazyLock::new(|| {
    let patterns = WORDS.iter().map(|(word, _)| fold::folded(word.trim_end_matches('*')));
    AhoCorasick::new(patterns).ok()
});

/// No ending of a word is longer.
const ENDING_BYTES_MAX: usize = 24;

/// A word counts only whole; with `*` any ending will do. As they are written: they are folded as the text is.
const WORDS: &[(&str, Word)] = &[
    ("bankgiro*", Word::Bankgiro),
    ("bg", Word::Bankgiro),
    ("bgnr", Word::Bankgiro),
    ("bg-nr", Word::Bankgiro),
    ("plusgiro*", Word::Plusgiro),
    ("postgiro*", Word::Plusgiro),
    ("pg", Word::Plusgiro),
    ("pgnr", Word::Plusgiro),
    ("pg-nr", Word::Plusgiro),
    ("clearing*", Word::Clearing),
    ("cl.nr", Word::Clearing),
    ("clnr", Word::Clearing),
    ("sort code", Word::Clearing),
    ("reg.nr", Word::Registration),
    ("reg. nr", Word::Registration),
    ("reg nr", Word::Registration),
    ("regnr", Word::Registration),
    ("reg.", Word::Registration),
    ("registreringsn*", Word::Registration),
    ("konto", Word::Account),
    ("kontot", Word::Account),
    ("kontoen", Word::Account),
    ("kontonr", Word::Account),
    ("konto nr", Word::Account),
    ("konto-nr", Word::Account),
    ("kontonum*", Word::Account),
    ("bankkonto*", Word::Account),
    ("bankkto", Word::Account),
    ("kto", Word::Account),
    ("tili", Word::Account),
    ("tilinro", Word::Account),
    ("tilinumero*", Word::Account),
    ("tilille", Word::Account),
    ("pankkitili*", Word::Account),
    ("account", Word::Account),
    ("account no", Word::Account),
    ("account number", Word::Account),
    ("bank account", Word::Account),
    ("iban", Word::Other),
    ("bic", Word::Other),
    ("swift", Word::Other),
    ("ocr*", Word::Other),
    ("kid", Word::Other),
    ("kid-n*", Word::Other),
    ("fik", Word::Other),
    ("referens*", Word::Other),
    ("reference*", Word::Other),
    ("ref", Word::Other),
    ("viite*", Word::Other),
    ("faktura*", Word::Other),
    ("fakt.nr", Word::Other),
    ("invoice*", Word::Other),
    ("lasku*", Word::Other),
    ("order*", Word::Other),
    ("ordre*", Word::Other),
    ("tilaus*", Word::Other),
    ("kund*", Word::Other),
    ("kunde*", Word::Other),
    ("asiakas*", Word::Other),
    ("customer*", Word::Other),
    ("org.nr*", Word::Other),
    ("orgnr*", Word::Other),
    ("org nr", Word::Other),
    ("organisation*", Word::Other),
    ("organisasjon*", Word::Other),
    ("vat*", Word::Other),
    ("moms*", Word::Other),
    ("mva", Word::Other),
    ("cvr*", Word::Other),
    ("alv*", Word::Other),
    ("y-tunnus*", Word::Other),
    ("fo-nummer*", Word::Other),
    ("personn*", Word::Other),
    ("fødselsn*", Word::Other),
    ("cpr*", Word::Other),
    ("henkilötunnus*", Word::Other),
    ("tel", Word::Other),
    ("telefon*", Word::Other),
    ("tfn", Word::Other),
    ("tlf", Word::Other),
    ("phone*", Word::Other),
    ("puh", Word::Other),
    ("puhelin*", Word::Other),
    ("mobil*", Word::Other),
    ("växel*", Word::Other),
    ("fax", Word::Other),
    ("datum*", Word::Other),
    ("dato*", Word::Other),
    ("date*", Word::Other),
    ("senast", Word::Other),
    ("förfall*", Word::Other),
    ("belopp*", Word::Other),
    ("beløb*", Word::Other),
    ("beløp*", Word::Other),
    ("summa*", Word::Other),
    ("amount*", Word::Other),
    ("total*", Word::Other),
    ("artikel*", Word::Other),
    ("kortn*", Word::Other),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_met_whole_and_folded() {
        let words = |text: &str| -> Vec<Word> {
            all(fold::folded(text).as_bytes()).iter().map(|label| label.word).collect()
        };
        assert_eq!(words("Bankgironummer: 1, PG 2"), [Word::Bankgiro, Word::Plusgiro]);
        assert_eq!(words("Fødselsnummer"), [Word::Other]);
        assert_eq!(words("Momsreg.nr"), [Word::Other]);
        assert_eq!(words("abg pgx skonto"), []);
    }
}
