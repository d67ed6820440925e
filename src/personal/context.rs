//! What stands around a number: is it whole, is it part of an address, which label is its own?

use super::{
    Kind,
    fold::is_word,
    words::{Label, Meaning},
};
use std::ops::Range;

/// What the words around a number say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Says {
    /// A label names its kind.
    Names,
    /// A label names it, and the numbers of other countries as well: "personnummer" is Swedish, Norwegian and Danish.
    Shares,
    /// Nothing.
    Nothing,
    /// A label stands there that neither names nor denies it; labels further off do not reach.
    Neutral,
    /// A label says it is something else.
    Denies,
    /// It is inside an address (of a page, a mailbox, a message) that does not name it.
    Buried,
}

/// Is the number whole, or a piece of something longer: a part number, a time, an amount?
pub(super) fn is_whole(text: &[u8], span: &Range<usize>) -> bool {
    let number = text.get(span.clone()).unwrap_or_default();
    let bare = number.iter().all(u8::is_ascii_digit);
    let before = text.get(..span.start).unwrap_or_default();
    let after = text.get(span.end..).unwrap_or_default();
    let piece_before = match before {
        // `+46…` is a telephone number, `$…` an amount, `@…` a mailbox.
        [.., b'+' | b'$' | b'@'] => true,
        [.., byte, b'-' | b'_' | b'.' | b':'] => byte.is_ascii_digit(),
        [.., byte, b'/' | b'\\'] => bare && byte.is_ascii_digit(),
        _ => false,
    };
    let piece_after = match after {
        [b'@' | b'%', ..] => true,
        [b'-' | b'+' | b'_' | b'.' | b':', byte, ..] => byte.is_ascii_digit(),
        [b'/' | b'\\', byte, ..] => bare && byte.is_ascii_digit(),
        // `…,50` is an amount, but not when it is a row of figures with commas between.
        [b',', tens, ones, rest @ ..] if tens.is_ascii_digit() && ones.is_ascii_digit() => {
            let row = rest.first().is_some_and(|byte| is_word(*byte) || b",;".contains(byte));
            bare && !row
        }
        _ => false,
    };
    !piece_before && !piece_after
}

/// What the labels of a text say about a number of a kind. The labels are in order of their ends.
pub(super) fn says(labels: &[Label<'_>], text: &[u8], span: &Range<usize>, kind: Kind) -> Says {
    let before = labels.partition_point(|label| label.end <= span.start);
    let (before, after) = labels.split_at_checked(before).unwrap_or((labels, &[]));
    let floor = span.start.saturating_sub(LABEL_REACH_BYTES);
    let near = before.iter().rev().take_while(|label| label.end >= floor);
    if let Some(address) = address_around(text, span) {
        let mut own = near.take_while(|label| label.start >= address.start);
        return own
            .find(|label| names(label, kind))
            .map_or(Says::Buried, |label| named(labels, label));
    }
    if after.iter().take(LABELS_AFTER_MAX).any(|label| is_unit_of(label, text, span)) {
        return Says::Denies;
    }
    let line = start_of_line(text, span.start, floor);
    let (mut above, mut denied_above) = (None, false);
    for label in near {
        if label.start >= line {
            // Of "Lithuanian personal code" the longer word is meant, though the shorter one ends nearer.
            if let Some(own) = whose(before, label) {
                return if names(own, kind) { Says::Names } else { Says::Neutral };
            }
            // One word may mean different things in two languages, or for two kinds; it is ours if it is in one.
            if twins(before, label).any(|twin| names(twin, kind)) {
                return named(before, label);
            }
            if twins(before, label).any(|twin| *twin.meaning == Meaning::Denies) {
                // "Personnummer för kontraktet" is still one.
                if let Some(own) = speaks_for(before, label, text, kind) {
                    return named(before, own);
                }
                if denies(label, text, span) {
                    return Says::Denies;
                }
            } else if *label.meaning != Meaning::Unit {
                return Says::Neutral;
            }
            continue;
        }
        // In the line above stand the headings of a table, perhaps several: one that names us is enough.
        if names(label, kind) {
            above = above.or(Some(named(before, label)));
        }
        denied_above =
            denied_above || (*label.meaning == Meaning::Denies && denies(label, text, span));
    }
    let from_behind = || {
        let near = after.iter().take(LABELS_AFTER_MAX);
        let mut own = near.filter(|label| names_from_behind(label, text, span, kind));
        own.next().map(|label| named(labels, label))
    };
    if let Some(says) = above.or_else(from_behind) {
        return says;
    }
    if denied_above { Says::Denies } else { Says::Nothing }
}

/// A label of this kind that a preposition joins to this one.
fn speaks_for<'a, 'b>(
    labels: &'a [Label<'b>],
    label: &Label<'_>,
    text: &[u8],
    kind: Kind,
) -> Option<&'a Label<'b>> {
    let before = labels.iter().rev().filter(|one| one.end <= label.start && names(one, kind));
    let mut near = before.take_while(|one| label.start - one.end <= PREPOSITION_REACH_BYTES);
    near.find(|one| {
        let between = text.get(one.end..label.start).unwrap_or_default().trim_ascii();
        PREPOSITIONS.iter().any(|word| between.eq_ignore_ascii_case(word.as_bytes()))
    })
}

/// Folded, in the languages of the labels.
const PREPOSITIONS: &[&str] =
    &["for", "til", "till", "of", "of the", "for the", "pa", "av", "af", "i", "hos", "vid", "ved"];
/// " for the ".
const PREPOSITION_REACH_BYTES: usize = 10;

/// Do the words of an invoice stand among these: a firm's number, a sum, goods? A word that also names an account says nothing.
pub(super) fn speaks_of_business(labels: &[Label<'_>]) -> bool {
    labels.iter().any(|label| match label.meaning {
        Meaning::Neutral => true,
        Meaning::Denies => !twins(labels, label).any(|twin| names(twin, Kind::Iban)),
        Meaning::Names { .. } | Meaning::Unit => false,
    })
}

/// Does any label near before the number name an identifier, of whatever kind?
pub(super) fn is_labelled(labels: &[Label<'_>], span: &Range<usize>) -> bool {
    let floor = span.start.saturating_sub(LABEL_REACH_BYTES);
    let before = labels.partition_point(|label| label.end <= span.start);
    let near = labels.iter().take(before).rev().take_while(|label| label.end >= floor);
    near.into_iter().any(|label| matches!(label.meaning, Meaning::Names { .. }))
}

/// The same word as other languages have it, itself included.
fn twins<'a, 'b>(
    labels: &'a [Label<'b>],
    one: &'a Label<'b>,
) -> impl Iterator<Item = &'a Label<'b>> {
    let first = labels.partition_point(|label| label.end < one.end);
    let same_end = labels.iter().skip(first).take_while(|label| label.end == one.end);
    same_end.filter(|label| label.start == one.start)
}

fn names(label: &Label<'_>, kind: Kind) -> bool {
    matches!(label.meaning, Meaning::Names { kinds, .. } if kinds.contains(&kind))
}

/// A label that begins before this one, reaches into it, and names the numbers of one country, where this one does not.
fn whose<'a, 'b>(labels: &'a [Label<'b>], label: &Label<'b>) -> Option<&'a Label<'b>> {
    let is_own = |one: &Label<'_>| matches!(one.meaning, Meaning::Names { any: false, .. });
    if twins(labels, label).any(is_own) {
        return None;
    }
    let before = labels.iter().rev().filter(|one| one.end <= label.end);
    let mut near = before.take_while(|one| one.end + LABEL_REACH_BYTES >= label.start);
    near.find(|one| one.start < label.start && one.end > label.start && is_own(one))
}

/// Does a label that names a kind name it alone, or numbers of other countries as well?
fn named(labels: &[Label<'_>], label: &Label<'_>) -> Says {
    let mut families = twins(labels, label).filter_map(|twin| match twin.meaning {
        Meaning::Names { kinds, any: false } => kinds.first().map(|kind| kind.family()),
        Meaning::Names { any: true, .. } | Meaning::Neutral | Meaning::Denies | Meaning::Unit => {
            None
        }
    });
    let first = families.next();
    match first.is_some() && families.all(|family| Some(family) == first) {
        true => Says::Names,
        false => Says::Shares,
    }
}

/// A denying word counts only for the first number after it, and only near by: "invoice 17 is for 850709-9805".
fn denies(label: &Label<'_>, text: &[u8], span: &Range<usize>) -> bool {
    let between = text.get(label.end..span.start).unwrap_or_default();
    between.len() <= DENIAL_REACH_BYTES && !between.iter().any(u8::is_ascii_digit)
}

/// "850709-9805 (personnummer)": near, in the same line, no other number between.
fn names_from_behind(label: &Label<'_>, text: &[u8], span: &Range<usize>, kind: Kind) -> bool {
    let between = text.get(span.end..label.start).unwrap_or_default();
    let own = |byte: &u8| !byte.is_ascii_digit() && *byte != b'\n' && *byte != b'\t';
    label.start >= span.end
        && between.len() <= BEHIND_REACH_BYTES
        && between.iter().all(own)
        && names(label, kind)
}

/// "8507099805 kr".
fn is_unit_of(label: &Label<'_>, text: &[u8], span: &Range<usize>) -> bool {
    let between = text.get(span.end..label.start);
    *label.meaning == Meaning::Unit && matches!(between, Some(b"" | b" "))
}

fn start_of_line(text: &[u8], at: usize, floor: usize) -> usize {
    let before = text.get(floor..at).unwrap_or_default();
    before.iter().rposition(|byte| *byte == b'\n').map_or(floor, |newline| floor + newline + 1)
}

/// The address that a number is inside of: no space in it, and `://`, `www.` or an at sign.
fn address_around(text: &[u8], span: &Range<usize>) -> Option<Range<usize>> {
    let ends = |byte: &&u8| byte.is_ascii_whitespace() || b"<>\"'()[]{},;|".contains(*byte);
    let length = |bytes: &mut dyn Iterator<Item = &u8>| {
        bytes.take(ADDRESS_BYTES_MAX).take_while(|byte| !ends(byte)).count()
    };
    let before = length(&mut text.get(..span.start)?.iter().rev());
    let after = length(&mut text.get(span.end..)?.iter());
    let around = span.start - before..span.end + after;
    let address = text.get(around.clone())?;
    let has = |mark: &[u8]| address.windows(mark.len()).any(|window| window == mark);
    (has(b"://") || has(b"www.") || has(b"@")).then_some(around)
}

/// A label reaches over a name and a few words, and over the cells of a row.
const LABEL_REACH_BYTES: usize = 80;
/// A word such as "order" is common in running text; only close by does it speak of the number.
const DENIAL_REACH_BYTES: usize = 32;
/// A label behind the number: in brackets, or "is my personnummer".
const BEHIND_REACH_BYTES: usize = 24;
/// Labels behind the number that are looked at; only the first few can be near enough.
const LABELS_AFTER_MAX: usize = 4;
/// Looked at on either side for the address a number is part of.
const ADDRESS_BYTES_MAX: usize = 160;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::personal::Words;

    fn place(text: &str) -> Range<usize> {
        let start = text.find("900102").unwrap();
        let length = if text[start..].starts_with("900102-") { 11 } else { 10 };
        start..start + length
    }

    #[test]
    fn pieces_of_longer_things_are_not_whole() {
        for (text, want) in [
            ("9001029819", true),
            ("(9001029819)", true),
            ("nr.9001029819.", true),
            ("pnr_900102-9819.pdf", true),
            ("9001029819,Anna", true),
            ("9001029819,45,Anna", true),
            ("9001029819,45", false),
            ("900102-9819,45", true),
            ("12-900102-9819", false),
            ("900102-9819-1", false),
            ("3.9001029819", false),
            ("9001029819.25", false),
            ("+9001029819", false),
            ("$9001029819", false),
            ("9001029819@example", false),
            ("12:9001029819", false),
            ("1/9001029819", false),
            ("900102-9819/1", true),
            ("img_20_9001029819", false),
        ] {
            assert_eq!(is_whole(text.as_bytes(), &place(text)), want, "{text}");
        }
    }

    #[test]
    fn the_label_that_belongs_to_the_number_speaks() {
        let words = Words::shipped().unwrap();
        for (text, want) in [
            ("Personnummer: 900102-9819", Says::Shares),
            (
                "Personnummer (10 siffror) för Anna Andersson, Exempelgatan 1: 900102-9819",
                Says::Shares,
            ),
            ("900102-9819 (personnummer)", Says::Shares),
            ("900102-9819 är mitt personnummer", Says::Shares),
            ("Namn\tPersonnummer\nAnna\t900102-9819", Says::Shares),
            ("Personnummer\tOrdernr\n900102-9819\t17", Says::Shares),
            ("Personnummer  \r\n  900102-9819", Says::Shares),
            ("Hej Anna 900102-9819", Says::Nothing),
            ("Ordernr 900102-9819", Says::Denies),
            ("Personnr för kontraktet: 900102-9819", Says::Shares),
            ("Faktura nr: 9001029819", Says::Denies),
            ("Faktura 17 till 900102-9819", Says::Nothing),
            ("Ordernr\n900102-9819", Says::Denies),
            ("Personnummer saknas. Ordernr 9001029819", Says::Denies),
            ("Ordernr saknas. Personnummer 9001029819", Says::Shares),
            ("9001029819 kr", Says::Denies),
            ("Org.nr 900102-9819", Says::Neutral),
            ("Henkilötunnus 900102-9819", Says::Neutral),
            // The longer label is the one that is meant.
            ("Finskt personnummer 900102-9819", Says::Neutral),
            ("ruotsalainen hetu 900102-9819", Says::Names),
            ("https://example/o?id=9001029819", Says::Buried),
            ("https://example/o?pnr=9001029819", Says::Shares),
            ("Personnummer: https://example/o?id=9001029819", Says::Buried),
            ("<9001029819.17@example>", Says::Buried),
            ("Anna;a@example;9001029819", Says::Nothing),
        ] {
            let folded = crate::personal::fold::folded(text);
            let labels = words.labels(folded.as_bytes());
            let place = place(&folded);
            let got = says(&labels, folded.as_bytes(), &place, Kind::SePersonnummer);
            assert_eq!(got, want, "{text}");
        }
    }
}
